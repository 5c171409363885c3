// The exchange as a ladder: one row a frame, an arrow from its sender's lifeline to the other's; between them rows for
// what was never written, what the capture lacks, and silence.

const LADDER_ROW = 24;
/** Characters of a payload shown on an arrow. */
const LABEL_LENGTH = 22;

class Ladder {
  constructor(actions) {
    this.list = new VirtualList(byId('ladder-list'), {
      rowHeight: LADDER_ROW,
      make: () => this.make(),
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
    if (chosen.frame !== null) {
      this.list.reveal(this.connection.rowOfFrame[chosen.frame], focus);
    }
    this.list.each((row, index) => this.mark(row, index));
  }

  /** A row with every part that a row may have; its class says which are shown. */
  make() {
    const part = (name, ...children) => element('span', { class: name }, ...children);
    const row = element('div', { role: 'option', tabindex: '-1' });
    const parts = {
      time: part('time'),
      packet: part('packet'),
      shaft: part('shaft'),
      head: part('head'),
      title: element('b'),
      text: element('bdi'),
      to: part('unseen'),
      mark: element('span'),
      words: element('span'),
      silence: part('silence'),
    };
    const { time, packet, shaft, head, title, text, to, mark: sign, words, silence } = parts;
    append(row, time, packet, part('lane', shaft, head, part('label', title, text), to), part('remark', sign, words), silence);
    this.parts ??= new WeakMap();
    this.parts.set(row, parts);
    return row;
  }

  show(row, index) {
    const place = this.connection.rows[index];
    const frame = place >> 2;
    row.setAttribute('aria-posinset', index + 1);
    row.setAttribute('aria-setsize', this.connection.rows.length);
    switch (place & 3) {
      case ROW.missing: this.showMissing(row, frame, this.connection.lostAcks.get(index)); break;
      case ROW.pause:
        this.write(row, 'rung pause', { silence: `${duration(this.connection.x[frame] - this.connection.x[frame - 1])} of silence` });
        break;
      case ROW.hole: this.showHole(row, this.connection.holes.get(index)); break;
      default: this.showFrame(row, frame);
    }
    this.mark(row, index);
  }

  /** Gives a row its class and its texts; parts that are not named are empty. */
  write(row, className, texts) {
    row.className = className;
    for (const [name, part] of Object.entries(this.parts.get(row))) {
      if (name !== 'mark') {
        part.textContent = visible(texts[name] ?? '');
      }
    }
    showMark(this.parts.get(row).mark, texts.mark ?? null);
  }

  /** Shows whether a row is chosen, or belongs to what is. */
  mark(row, index) {
    const place = this.connection.rows[index];
    const frame = (place & 3) === ROW.frame ? place >> 2 : null;
    const chosen = frame !== null && this.chosen?.frame === frame;
    row.classList.toggle('chosen', chosen);
    row.classList.toggle('related', frame !== null && !chosen && (this.chosen?.related.has(frame) ?? false));
    row.setAttribute('aria-selected', String(chosen));
  }

  showFrame(row, i) {
    const { connection } = this;
    const side = connection.fromClient(i) ? 'client' : 'server';
    const statements = connection.statementsOfFrame.get(i) ?? [];
    const payload = connection.isAck(i) ? null : connection.payload(i);
    this.write(row, `rung frame from-${side} is-${connection.verdict(i)} arrives-${connection.arrival(i)}`, {
      time: seconds(connection.time[i]),
      packet: connection.packet[i],
      title: connection.title(i),
      text: payload === null ? '' : shorten(wireText(payload), LABEL_LENGTH),
      to: side === 'client' ? ' to the server' : ' to the client',
      mark: worstOf(statements.map((index) => connection.statements[index].kind)),
      words: connection.remark(i, true),
    });
  }

  /** What frame `i` passed over, or ACKs that were not written. */
  showMissing(row, i, acks) {
    const { connection } = this;
    if (acks !== undefined) {
      const [, first, last, oneOfSeveral] = acks;
      this.write(row, 'rung lost from-server', {
        head: '✕',
        title: `ACK ${runs([[first, last]])}`,
        words: oneOfSeveral ? 'this or a later' : 'not written',
      });
      return;
    }
    const unseen = connection.verdict(i) === 'new';
    this.write(row, `rung ${unseen ? 'unknown' : 'lost'} from-client`, {
      head: unseen ? '?' : '✕',
      title: `MSG ${runs([connection.missing(i)])}`,
      words: unseen ? 'not seen' : 'not written',
    });
  }

  showHole(row, hole) {
    this.write(row, 'rung pause hole', {
      silence: `the capture lacks ${counted(hole.len, 'byte')} of the ${hole.from}: ${HOLE_CAUSE[hole.cause] ?? hole.cause}`,
    });
  }
}

/** At most `length` characters. */
function shorten(text, length) {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
