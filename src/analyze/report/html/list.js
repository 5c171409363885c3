// Lists of any length: only the rows in sight are in the document.

/** Rows that go to paper; what is beyond is said to be. */
const PAPER_ROWS = 400;

/** Rows of one height in a scroller. `make()` gives an empty row, `show(row, index)` fills it. */
class VirtualList {
  constructor(scroller, { rowHeight, make, show }) {
    this.scroller = scroller;
    this.rowHeight = rowHeight;
    this.make = make;
    this.show = show;
    this.count = 0;
    this.rows = [];
    this.onPaper = false;
    this.space = element('div', { class: 'space', role: 'presentation' });
    scroller.replaceChildren(this.space);
    scroller.addEventListener('scroll', () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(scroller);
    window.addEventListener('beforeprint', () => this.turn(true));
    window.addEventListener('afterprint', () => this.turn(false));
  }

  /** Lays the first rows out one below the other for paper, or returns to the screen. */
  turn(onPaper) {
    this.onPaper = onPaper;
    this.rows = [];
    this.space.replaceChildren();
    this.scroller.toggleAttribute('data-cut', onPaper && this.count > PAPER_ROWS);
    if (onPaper && this.count > PAPER_ROWS) {
      this.scroller.dataset.cut = `The first ${PAPER_ROWS} of ${this.count} rows.`;
    }
    this.draw();
  }

  /** Begins anew with `count` rows. */
  reset(count) {
    this.count = count;
    this.space.style.height = `${count * this.rowHeight}px`;
    this.scroller.scrollTop = 0;
    this.rows.forEach((row) => { row.index = -1; });
    this.draw();
  }

  /** Fills rows that came into sight. Row k of the pool serves the indices that leave the same remainder, so a row in sight stays the element it is. */
  draw() {
    const inSight = Math.ceil(this.scroller.clientHeight / this.rowHeight) + 8;
    const wanted = Math.min(this.count, this.onPaper ? PAPER_ROWS : inSight);
    if (wanted > this.rows.length) {
      while (this.rows.length < wanted) {
        const made = this.make();
        this.space.append(made);
        this.rows.push({ made, index: -1 });
      }
      this.rows.forEach((row) => { row.index = -1; });
    }
    const first = this.onPaper ? 0 : Math.max(0, Math.floor(this.scroller.scrollTop / this.rowHeight) - 3);
    for (let k = 0; k < this.rows.length; k += 1) {
      const index = first + k;
      const row = this.rows[index % this.rows.length];
      if (row.index === index) {
        continue;
      }
      row.index = index;
      row.made.hidden = index >= this.count;
      if (!row.made.hidden) {
        if (row.made === document.activeElement) {
          this.scroller.focus({ preventScroll: true });
        }
        row.made.style.transform = `translateY(${index * this.rowHeight}px)`;
        this.show(row.made, index);
      }
    }
  }

  /** The element of row `index` while it is in sight, else null. */
  elementOf(index) {
    return this.rows.find((row) => row.index === index && index < this.count)?.made ?? null;
  }

  /** The row that an element inside the list belongs to, or null. */
  indexOf(target) {
    return this.rows.find((row) => row.made.contains(target))?.index ?? null;
  }

  /** Does something with every row in sight. */
  each(act) {
    for (const { made, index } of this.rows) {
      if (index < this.count) {
        act(made, index);
      }
    }
  }

  /** Scrolls so that row `index` is in sight, with room around it; gives it the focus where `focus`. */
  reveal(index, focus) {
    const top = index * this.rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    const room = Math.min(clientHeight / 4, this.rowHeight * 3);
    if (top < scrollTop + room || top + this.rowHeight > scrollTop + clientHeight - room) {
      const away = top < scrollTop - clientHeight || top > scrollTop + 2 * clientHeight;
      const near = top < scrollTop + room ? top - room : top + this.rowHeight - clientHeight + room;
      this.scroller.scrollTop = away ? top - clientHeight / 2 : near;
      this.draw();
    }
    if (focus) {
      this.elementOf(index)?.focus({ preventScroll: true });
    }
  }
}
