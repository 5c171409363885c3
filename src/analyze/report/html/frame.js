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
    const { list: positions, count } = statement.runs;
    if (count > 0) {
      facts.push([count === 1 ? 'position' : 'positions', count > 12 ? `${runs(positions)} (${integer(count)})` : runs(positions)]);
    }
    if (statement.side) {
      facts.push(['by', statement.side]);
    }
    facts.push(['packets', this.packets(connection, statement.packets)]);
    if (statement.cause) {
      facts.push(...this.cause(connection, statement.cause));
    }
    if (statement.certainty) {
      facts.push(['certainty', certainty(statement.certainty)]);
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
    const said = (list) => list.map((trigger) => triggers[trigger] ?? trigger).join(' · ');
    const facts = [['why', why]];
    if (cause.triggers.length > 0) {
      facts.push(['set off by', said(cause.triggers)]);
    }
    if (cause.undecided.length > 0) {
      facts.push(['perhaps by', said(cause.undecided)]);
    }
    const { timer, window: edges, copy, acked_before: before, acked_after: after } = cause.evidence;
    if (timer !== null) {
      const { age_min: least, age_max: most, timeout } = timer;
      const age = least === most ? `${seconds(least)} s` : `${seconds(least)} to ${seconds(most)} s`;
      facts.push(['timer', `last copy ${age} old, timeout ${timeout === null ? 'not known' : `${timeout} s`}`]);
    }
    if (edges !== null) {
      const { edge, next, last_acked: acked, size, basis } = edges;
      facts.push(['window', `last ACK ${acked} + ${basis} window ${size} = edge ${edge}; next new position ${next}`]);
    }
    if (copy > 1) {
      facts.push(['copy', `number ${copy} on the wire`]);
    }
    for (const [word, ack] of [['ACK before', before], ['ACK after', after]]) {
      if (ack !== null) {
        facts.push([word, [`ACK ${ack.number}, packet `, this.packet(connection, ack.packet)]]);
      }
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
    const packets = first === undefined ? connection.packet[i] : `${first} to ${connection.packet[i]}`;
    const facts = [['packet', `${packets}, from the ${client ? 'client' : 'server'}, ${capturedAt(connection, i)}`]];
    const sent = sentAt(connection, i);
    if (sent !== null) {
      facts.push(['sent_time', sent]);
    }
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
        rows.push(element('tr', { class: field === 'padding' ? 'padding' : null },
          element('td', { class: 'offset' }, at.toString(16).padStart(4, '0')),
          element('td', { class: 'hex' }, line.map((byte, k) => (isMissing(at + k) ? '--' : hex(byte))).join(' ')),
          element('td', { class: 'ascii' }, line.map((byte, k) => (byte >= 0x20 && byte < 0x7f && !isMissing(at + k) ? String.fromCharCode(byte) : '·')).join('')),
          element('td', { class: 'field' }, at === from ? fieldWords(field, bytes, from, to, missing) : null)));
      }
    }
    const p = connection.capacity[i];
    return element('table', { class: 'dump' },
      element('caption', {}, `${bytes.length} bytes, laid out for maximum_msg_size ${p}`),
      element('thead', {}, element('tr', {}, ...['offset', 'bytes', 'text', 'field'].map((name) => element('th', { scope: 'col' }, name)))),
      element('tbody', {}, rows));
  }
}

/** Facts as a list of terms. */
function list(facts) {
  return element('dl', { class: 'facts' }, facts.flatMap(([term, fact]) => [element('dt', {}, term), element('dd', {}, fact)]));
}

function capturedAt(connection, i) {
  if (Number.isNaN(connection.time[i])) {
    return 'at a time the capture does not tell';
  }
  return `at ${seconds(connection.time[i], 9)} s`;
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

/** A field's name and, where it is short and not plain from the text beside it, its value. */
function fieldWords(field, bytes, from, to, missing) {
  const name = element('b', {}, field);
  if (missing.some(([first, end]) => first < to && from < end)) {
    return [name, ' not all captured'];
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  switch (field) {
    case 'seq':
    case 'prev_seq':
    case 'pos': return [name, ` ${view.getInt32(from, true)}`];
    case 'ack': return [name, ` ${view.getUint8(from)}`];
    default: return [name];
  }
}

/** When the sender says it sent frame `i`: a date where the number is one of our time, and how far before the capture. Null where not kept. */
function sentAt(connection, i) {
  const bytes = connection.bytes(i);
  const [, from, to] = layout(connection.capacity[i]).fields.find(([field]) => field === 'sent_time');
  const missing = connection.columns.not_captured[i] ?? [];
  if (bytes === null || missing.some(([first, end]) => first < to && from < end)) {
    return null;
  }
  const value = new DataView(bytes.buffer).getFloat64(from, true);
  if (!(value > 0 && value < 1e11)) {
    return String(value);
  }
  const date = new Date(value * 1000).toISOString().replace('T', ' ').replace('Z', ' UTC');
  const { start } = connection.columns;
  const before = start === null ? NaN : Number(start) + connection.time[i] - value;
  const words = `${value} = ${date}`;
  return Number.isNaN(before) ? words : `${words}, ${seconds(Math.abs(before), 4)} s ${before < 0 ? 'after' : 'before'} its capture`;
}

/** How far a finding can be trusted, in words. */
function certainty({ kind, class: name, tolerance }) {
  switch (kind) {
    case 'proven': return 'proven by the captured bytes';
    case 'class': return `one of what looks the same on the wire: ${name}`;
    default: return `rests on times, and holds beyond a tolerance of ${tolerance} s`;
  }
}
