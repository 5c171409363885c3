// What is chosen: the finding with its reasons, and the frame with its fields and bytes.

/** Bytes of a line of the dump. */
const DUMP_LINE = 8;

class Chosen {
  constructor(rules, actions) {
    this.rules = new Map(rules.map((rule) => [rule.name, rule]));
    this.actions = actions;
    this.pane = byId('chosen');
  }

  show(connection, chosen) {
    const parts = [];
    if (chosen.statement !== null) {
      parts.push(this.statement(connection, connection.statements[chosen.statement]));
    }
    if (chosen.frame !== null) {
      parts.push(this.frame(connection, chosen.frame, chosen.statement === null ? chosen.citing : []));
    }
    if (parts.length === 0) {
      parts.push(element('p', { class: 'quiet' },
        'Choose a frame in the exchange or the graph, or a finding in the list: what belongs to it is marked everywhere, and its bytes are shown here. ',
        element('kbd', {}, '?'), ' lists the keys.'));
    }
    fill(this.pane, parts);
    this.pane.scrollTop = 0;
  }

  statement(connection, statement) {
    const rule = this.rules.get(statement.rule);
    const facts = [];
    if (statement.expected) {
      facts.push(['expected', statement.expected]);
    }
    if (statement.seen) {
      facts.push(['seen', statement.seen]);
    }
    if (statement.positions.count > 0) {
      const { count, runs: list } = statement.positions;
      facts.push([count === 1 ? 'position' : 'positions', count > 12 ? `${runs(list)} (${integer(count)})` : runs(list)]);
    }
    if (statement.side) {
      facts.push(['by', statement.side]);
    }
    facts.push(['packets', this.packets(connection, statement.packets)]);
    if (statement.cause) {
      facts.push(...this.cause(connection, statement.cause));
    }
    if (statement.certainty) {
      facts.push(['certainty', statement.certainty]);
    }
    return element('section', { class: 'statement' },
      element('h3', {}, mark(statement.kind), statement.rule),
      element('p', { class: 'message' }, statement.message),
      list(facts),
      rule === undefined ? null : element('details', {},
        element('summary', {}, `What ${rule.name} means`),
        element('pre', {}, rule.page === '' ? rule.summary : rule.page)));
  }

  cause(connection, cause) {
    const why = {
      'never-written': 'it had never been written',
      'ack-missing': 'it had been written, and no ACK that covers it',
      unexplained: 'nothing that the capture shows',
    }[cause.why];
    const triggers = {
      timer: 'the timer had ended',
      'full-window': 'the window was full',
      'end-of-message': 'no new MSG was left',
    };
    const facts = [['why', why]];
    if (cause.triggers.length > 0) {
      facts.push(['set off by', cause.triggers.map((trigger) => triggers[trigger]).join(' · ')]);
    }
    if (cause.timer) {
      const [least, most, timeout] = cause.timer;
      const age = least === most ? `${seconds(least)} s` : `${seconds(least)} to ${seconds(most)} s`;
      facts.push(['timer', `last copy ${age} old, timeout ${timeout === null ? 'not known' : `${timeout} s`}`]);
    }
    if (cause.window) {
      const { edge, next, last_acked: acked, size } = cause.window;
      facts.push(['window', `last ACK ${acked} + window ${size} = edge ${edge}; next new position ${next}`]);
    }
    if (cause.copy > 1) {
      facts.push(['copy', `number ${cause.copy} on the wire`]);
    }
    const acks = [['ACK before', cause.acked_before], ['ACK after', cause.acked_after]];
    for (const [word, ack] of acks.filter(([, known]) => known !== null)) {
      facts.push([word, [`ACK ${ack[0]}, packet `, this.packet(connection, ack[1])]]);
    }
    return facts;
  }

  /** Packets as buttons that choose their frame. */
  packets(connection, packets) {
    const shown = packets.slice(0, 24).map((packet) => this.packet(connection, packet));
    const rest = packets.length - shown.length;
    return [...shown.flatMap((button) => [button, ' ']), rest > 0 ? `and ${integer(rest)} more` : null];
  }

  packet(connection, packet) {
    const frame = connection.frameOf(packet);
    if (frame === null) {
      return element('span', { class: 'number' }, String(packet));
    }
    const button = element('button', { type: 'button', class: 'link', title: connection.title(frame) }, String(packet));
    button.addEventListener('click', () => this.actions.chooseFrame(frame));
    return button;
  }

  frame(connection, i, citing) {
    const client = connection.fromClient(i);
    const first = connection.columns.first_packet[i];
    const facts = [
      ['from', client ? `client ${connection.data.client}` : `server ${connection.data.server}`],
      ['packet', first === undefined ? String(connection.packet[i]) : `${first} to ${connection.packet[i]}`],
      ['captured', capturedAt(connection, i)],
    ];
    const remark = connection.remark(i);
    if (remark !== '') {
      facts.push(['it is', remark]);
    }
    if (connection.isDeparture(i)) {
      facts.push(...this.copies(connection, i));
    }
    if (!Number.isNaN(connection.inFlight[i])) {
      facts.push(['after it', windowAfter(connection, i)]);
    }
    const statements = citing.map((index) => {
      const { rule, kind } = connection.statements[index];
      const button = element('button', { type: 'button', class: 'link' }, mark(kind), rule);
      button.addEventListener('click', () => this.actions.chooseStatement(index));
      return button;
    });
    if (statements.length > 0) {
      facts.push(['findings', statements.flatMap((button) => [button, ' '])]);
    }
    return element('section', { class: 'frame' },
      element('h3', {}, connection.title(i), element('span', { class: 'quiet' }, ` frame ${integer(i + 1)}`)),
      list(facts),
      this.dump(connection, i));
  }

  /** The other copies of a position, and the ACK that covers it. */
  copies(connection, i) {
    const facts = [];
    const copies = connection.copies(i);
    if (copies.length > 1) {
      const links = copies.map((k) => (k === i ? element('b', { class: 'number' }, String(connection.packet[k])) : this.packet(connection, connection.packet[k])));
      facts.push(['copies', ['in packets ', ...links.slice(0, 24).flatMap((link) => [link, ' ']), links.length > 24 ? '…' : null]]);
    }
    const ack = connection.ackOf(i);
    if (ack !== null) {
      const later = duration(connection.time[ack] - connection.time[i]);
      facts.push(['covered by', [`${connection.title(ack)}, packet `, this.packet(connection, connection.packet[ack]), ` ${later} later`]]);
    } else {
      facts.push(['covered by', 'no later ACK that is here']);
    }
    return facts;
  }

  /** The bytes by fields, each line with offset, hex and text, and the field's name and value on its first. */
  dump(connection, i) {
    const bytes = connection.bytes(i);
    if (bytes === null) {
      return element('p', { class: 'quiet' }, 'The bytes of this frame were not kept: the report’s limit was reached.');
    }
    const missing = connection.columns.not_captured[i] ?? [];
    const isMissing = (at) => missing.some(([from, to]) => from <= at && at < to);
    const rows = [];
    for (const [field, from, to] of layout(connection.capacity[i]).fields) {
      for (let at = from; at < to; at += DUMP_LINE) {
        const line = [...bytes.subarray(at, Math.min(at + DUMP_LINE, to))];
        const whole = !line.some((_, k) => isMissing(at + k));
        rows.push(element('tr', { class: field === 'padding' ? 'padding' : null },
          element('td', { class: 'offset' }, at.toString(16).padStart(4, '0')),
          element('td', { class: 'hex' }, line.map((byte, k) => (isMissing(at + k) ? '--' : hex(byte))).join(' ')),
          element('td', { class: 'ascii' }, line.map((byte, k) => (byte >= 0x20 && byte < 0x7f && !isMissing(at + k) ? String.fromCharCode(byte) : '·')).join('')),
          at === from ? element('th', { scope: 'row' }, field) : element('td', {}),
          element('td', { class: 'value' }, at === from ? element('bdi', {}, whole ? fieldValue(field, bytes, from, to) : 'not all captured') : null)));
      }
    }
    const p = connection.capacity[i];
    return element('table', { class: 'dump' },
      element('caption', {}, `${bytes.length} bytes, laid out for maximum_msg_size ${p}`),
      element('thead', {}, element('tr', {}, ...['offset', 'bytes', 'text', 'field', 'value'].map((name) => element('th', { scope: 'col' }, name)))),
      element('tbody', {}, rows));
  }
}

/** Facts as a list of terms. */
function list(facts) {
  return element('dl', { class: 'facts' }, facts.flatMap(([term, fact]) => [element('dt', {}, term), element('dd', {}, fact)]));
}

function capturedAt(connection, i) {
  const { start } = connection.data;
  if (start === null || Number.isNaN(connection.time[i])) {
    return 'at a time the capture does not tell';
  }
  const digits = connection.columns.time.length > 0 ? 9 : 6;
  return `${seconds(connection.time[i], digits)} s after the first packet`;
}

function windowAfter(connection, i) {
  const words = [`${integer(connection.inFlight[i])} in flight`];
  if (!Number.isNaN(connection.acked[i])) {
    words.push(`last ACK ${connection.acked[i]}`);
  }
  if (!Number.isNaN(connection.edge[i])) {
    words.push(`window’s edge ${connection.edge[i]}`);
  }
  return words.join(', ');
}

/** A field's value in words. */
function fieldValue(field, bytes, from, to) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  switch (field) {
    case 'header': return wireText(untilPadding(bytes.subarray(from, to)));
    case 'payload': return `“${shorten(wireText(untilPadding(bytes.subarray(from, to))), 60)}”`;
    case 'seq':
    case 'prev_seq':
    case 'pos': return String(view.getInt32(from, true));
    case 'sent_time': return sentTime(view.getFloat64(from, true));
    case 'ack': return String(view.getUint8(from));
    default: return '';
  }
}

/** `bytes` without trailing NULs. */
function untilPadding(bytes) {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) {
    length -= 1;
  }
  return bytes.subarray(0, length);
}

/** sent_time as the number it is and, where that is a date of our time, as one. */
function sentTime(value) {
  const sensible = value > 0 && value < 1e11;
  return sensible ? `${value} (${new Date(value * 1000).toISOString().replace('T', ' ')})` : String(value);
}
