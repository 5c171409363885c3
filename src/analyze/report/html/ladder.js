// The exchange as a ladder: one row a frame, an arrow from its sender's lifeline to the other's; between them rows for
// what was never written, what the capture lacks, and silence.

const LADDER_ROW = 24;
/** Characters of a payload shown on an arrow. */
const LABEL_LENGTH = 22;

class Ladder {
  constructor(actions) {
    this.actions = actions;
    this.list = new VirtualList(byId('ladder-list'), {
      rowHeight: LADDER_ROW,
      make: () => element('div', { role: 'option', tabindex: '-1' }),
      show: (row, index) => this.show(row, index),
    });
    byId('ladder-list').addEventListener('click', (event) => {
      const index = this.list.indexOf(event.target);
      if (index !== null) {
        actions.chooseFrame(this.connection.rows[index] >> 2);
      }
    });
  }

  open(connection) {
    this.connection = connection;
    const { count, dropped } = connection.columns;
    byId('ladder-count').textContent = dropped === 0
      ? counted(count, 'frame')
      : `the first ${integer(count)} frames; ${integer(dropped)} more were not kept`;
    this.list.reset(connection.rows.length);
  }

  /** Marks what is chosen, and brings it into sight. */
  choose(chosen, focus) {
    this.chosen = chosen;
    this.list.refresh();
    if (chosen.frame !== null) {
      const index = this.connection.rowOfFrame[chosen.frame];
      this.list.reveal(index);
      const row = this.list.elementOf(index);
      if (focus && row !== null) {
        row.focus({ preventScroll: true });
      }
    }
  }

  show(row, index) {
    const place = this.connection.rows[index];
    const frame = place >> 2;
    row.className = 'rung';
    row.setAttribute('aria-posinset', index + 1);
    row.setAttribute('aria-setsize', this.connection.rows.length);
    row.setAttribute('aria-selected', 'false');
    switch (place & 3) {
      case ROW.missing: this.showMissing(row, frame); break;
      case ROW.pause: this.showPause(row, frame); break;
      case ROW.hole: this.showHole(row, this.connection.holes.get(index)); break;
      default: this.showFrame(row, frame);
    }
  }

  showFrame(row, i) {
    const { connection } = this;
    const client = connection.fromClient(i);
    const statements = connection.statementsOfFrame.get(i) ?? [];
    const worst = worstOf(statements.map((index) => connection.statements[index].kind));
    row.classList.add('frame', client ? 'from-client' : 'from-server', `is-${connection.verdict(i)}`, `arrives-${connection.arrival(i)}`);
    row.classList.toggle('chosen', this.chosen?.frame === i);
    row.classList.toggle('related', this.chosen?.related.includes(i) ?? false);
    row.setAttribute('aria-selected', String(this.chosen?.frame === i));
    const payload = connection.isAck(i) ? null : connection.payload(i);
    const text = payload === null || payload.length === 0 ? '' : shorten(wireText(payload), LABEL_LENGTH);
    fill(
      row,
      element('span', { class: 'time' }, seconds(connection.time[i])),
      element('span', { class: 'packet' }, String(connection.packet[i])),
      element('span', { class: 'lane' },
        element('span', { class: 'shaft' }),
        element('span', { class: 'head' }),
        element('span', { class: 'label' }, element('b', {}, connection.title(i)), text === '' ? null : element('bdi', {}, text)),
        element('span', { class: 'unseen' }, client ? ' to the server' : ' to the client')),
      element('span', { class: 'remark' },
        worst === null ? null : mark(worst),
        element('span', {}, connection.remark(i, true))),
    );
  }

  showMissing(row, i) {
    const { connection } = this;
    const client = connection.fromClient(i);
    const unseen = connection.verdict(i) === 'new';
    const what = client ? 'MSG' : 'ACK';
    row.classList.add('lost', client ? 'from-client' : 'from-server');
    fill(
      row,
      element('span', { class: 'time' }, ''),
      element('span', { class: 'packet' }, ''),
      element('span', { class: 'lane' },
        element('span', { class: 'shaft' }),
        element('span', { class: 'end', 'aria-hidden': 'true' }, unseen ? '?' : '✕'),
        element('span', { class: 'label' }, element('b', {}, `${what} ${runs([connection.missing(i)])}`))),
      element('span', { class: 'remark' }, unseen ? 'not in the capture' : 'not written'),
    );
  }

  showPause(row, i) {
    row.classList.add('pause');
    fill(row, element('span', {}, `${duration(this.connection.x[i] - this.connection.x[i - 1])} of silence`));
  }

  showHole(row, hole) {
    row.classList.add('pause', 'hole');
    fill(row, element('span', {}, `the capture lacks ${counted(hole.len, 'byte')} of the ${hole.from}: ${hole.cause}`));
  }
}

/** At most `length` characters. */
function shorten(text, length) {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
