// Findings, and what could not be told: a list to choose from.

const FINDING_ROW = 62;

/** Kinds of statements, worst first: sign and word. */
const KINDS = {
  error: ['■', 'error'],
  warn: ['▲', 'warn'],
  note: ['●', 'note'],
  chat: ['○', 'chat'],
  doubt: ['?', 'cannot tell'],
};

/** The worst of some kinds, or null. */
function worstOf(kinds) {
  return Object.keys(KINDS).find((kind) => kinds.includes(kind)) ?? null;
}

/** A kind as its sign, named for those who hear it. */
function mark(kind) {
  const made = element('span', { role: 'img' });
  showMark(made, kind);
  return made;
}

/** Makes an element the sign of a kind, or empty for null. */
function showMark(made, kind) {
  const [sign, word] = kind === null ? ['', ''] : KINDS[kind];
  made.className = kind === null ? '' : `mark ${kind}`;
  made.textContent = sign;
  made.title = word;
  if (kind === null) {
    made.removeAttribute('aria-label');
  } else {
    made.setAttribute('aria-label', word);
  }
}

class Findings {
  constructor(actions) {
    this.actions = actions;
    this.hidden = new Set();
    this.list = new VirtualList(byId('findings-list'), {
      rowHeight: FINDING_ROW,
      make: () => element('div', { role: 'row', tabindex: '-1' }),
      show: (row, index) => this.show(row, this.shown[index], index),
    });
    byId('findings-list').addEventListener('click', (event) => {
      const index = this.list.indexOf(event.target);
      if (index !== null) {
        actions.chooseStatement(this.shown[index]);
      }
    });
  }

  open(connection) {
    this.connection = connection;
    this.chosen = null;
    this.makeFilters();
    this.filter();
    const { findings, findings_dropped: findingsDropped, doubts, doubts_dropped: doubtsDropped } = connection.data;
    const words = [];
    if (findingsDropped > 0) {
      words.push(`${integer(findings.length)} of ${integer(findings.length + findingsDropped)} findings are listed; the others are only counted.`);
    }
    if (doubtsDropped > 0) {
      words.push(`${integer(doubts.length)} of ${integer(doubts.length + doubtsDropped)} things that cannot be told are listed; the others are only counted.`);
    }
    byId('findings-dropped').textContent = words.join(' ');
  }

  /** One switch for each kind that there is. */
  makeFilters() {
    const numbers = new Map();
    for (const { kind } of this.connection.statements) {
      numbers.set(kind, (numbers.get(kind) ?? 0) + 1);
    }
    const switches = Object.keys(KINDS).filter((kind) => numbers.has(kind)).map((kind) => {
      const box = element('input', { type: 'checkbox' });
      box.checked = !this.hidden.has(kind);
      box.addEventListener('change', () => {
        if (box.checked) {
          this.hidden.delete(kind);
        } else {
          this.hidden.add(kind);
        }
        this.filter();
      });
      return element('label', {}, box, mark(kind), `${KINDS[kind][1]} `, element('span', { class: 'number' }, integer(numbers.get(kind))));
    });
    fill(byId('filters'), switches.length > 0 ? switches : element('span', { class: 'quiet' }, 'nothing was found'));
  }

  filter() {
    const { statements } = this.connection;
    this.shown = [...statements.keys()].filter((index) => !this.hidden.has(statements[index].kind));
    this.placeOf = new Map(this.shown.map((number, place) => [number, place]));
    this.list.reset(this.shown.length);
    byId('findings').setAttribute('aria-rowcount', this.shown.length + 1);
  }

  /** Marks what is chosen and what shows at the chosen frame, and brings it into sight. */
  choose(chosen, focus) {
    this.chosen = chosen;
    const index = this.placeOf.get(chosen.statement ?? chosen.citing[0]);
    if (index !== undefined) {
      this.list.reveal(index, focus);
    }
    this.list.each((row, place) => this.mark(row, this.shown[place]));
  }

  mark(row, number) {
    const chosen = this.chosen?.statement === number;
    row.classList.toggle('chosen', chosen);
    row.classList.toggle('related', !chosen && (this.chosen?.citing.includes(number) ?? false));
    row.setAttribute('aria-selected', String(chosen));
  }

  /** The statement `by` places after the chosen one, in the list as it is filtered; null at its ends. */
  beside(by) {
    const { statement, frame } = this.chosen ?? { statement: null, frame: null };
    const { statements, packet } = this.connection;
    let index = this.placeOf.get(statement) ?? -1;
    if (index < 0 && frame !== null) {
      // Nothing chosen, but a frame: from there.
      const after = this.shown.findIndex((s) => statements[s].at > packet[frame]);
      const next = after < 0 ? this.shown.length : after;
      index = by > 0 ? next - 1 : next;
    } else if (index < 0) {
      index = by > 0 ? -1 : this.shown.length;
    }
    return this.shown[index + by] ?? null;
  }

  show(row, number, index) {
    const statement = this.connection.statements[number];
    row.className = 'finding';
    row.setAttribute('aria-rowindex', index + 2);
    this.mark(row, number);
    fill(
      row,
      element('span', { role: 'gridcell', class: 'kind' }, mark(statement.kind), element('span', { class: 'unseen' }, KINDS[statement.kind][1])),
      element('span', { role: 'gridcell', class: 'rule' }, statement.rule),
      element('span', { role: 'gridcell', class: 'time' }, Number.isNaN(statement.seconds) ? '' : `${seconds(statement.seconds, 4)} s`),
      element('span', { role: 'gridcell', class: 'packet' }, statement.at === null ? '' : `packet ${statement.at}`),
      element('span', { role: 'gridcell', class: 'message', title: visible(statement.message) }, statement.message),
    );
  }
}
