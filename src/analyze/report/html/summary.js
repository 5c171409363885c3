// What comes first: the verdict, what the capture has, and the figures.

/** What the capture has of a connection: in short, and what that means. */
const COMPLETENESS = {
  'one-sided': ['one side only', 'the other side’s bytes are not in the capture'],
  'mid-stream': ['begins mid-stream', 'its beginning is not in the capture'],
  truncated: ['cut packets', 'the capture cut packets short'],
  holes: ['holes', 'bytes are missing in between'],
  unfinished: ['unfinished', 'whole up to the capture’s end, but not over'],
  complete: ['whole', 'from SYN to the end without a hole'],
};

/** What the knowledge of maximum_msg_size rests on. */
const BASIS = {
  declared: 'declared',
  handshake: 'from RETURN_MAX',
  'full-payload': 'inferred from a full payload',
  'frame-shape': 'inferred from the shape of the frames',
};

/** How the connection ended. */
const CLOSING = {
  fin: 'both sides sent FIN',
  reset: 'by RST',
  replaced: 'a new connection on the same ports began',
  'capture-ended': 'it had not when the capture ended',
  evicted: 'given up: too many connections at once',
};

/** Why bytes are missing. */
const HOLE_CAUSE = {
  'not-captured': 'acknowledged, never captured',
  'acknowledged-beyond': 'acknowledged after the last captured byte',
  truncated: 'cut off their packet',
  'limit-reached': 'too much waited behind them',
  'capture-ended': 'missing to the end',
};

/** Ways to run a window. */
const BEHAVIOUR = {
  'this-protocol': 'this protocol: the oldest again, by timer, full window or end of message',
  'timer-only': 'timer only: as this protocol, but by timer alone',
  'go-back-n': 'Go-Back-N: everything outstanding again',
  'selective-repeat': 'selective repeat: each by its own timer',
  'stop-and-wait': 'stop and wait: one at a time',
};

/** Why positions were written again or late. */
const RESEND_CAUSE = {
  never_written: 'never written before',
  ack_missing: 'ACK missing',
  unexplained: 'unexplained',
  cannot_tell: 'whether an ACK had come is not captured',
  timer: 'the timer had ended',
  full_window: 'the window was full',
  end_of_message: 'no new MSG was left',
};

/** Verdict and ledger in the page's head. */
function showVerdict(connection) {
  const { verdict, ledger, max_msg_size: capacity, client, server } = connection.data;
  const doubts = connection.data.doubts.length + connection.data.doubts_dropped;
  // Nothing found is fine only where the exchange is known to be complete.
  const kind = verdict.worst ?? (verdict.complete === true ? 'fine' : 'doubt');
  fill(byId('verdict'), kind === 'fine' ? element('span', { class: 'mark fine', 'aria-hidden': 'true' }, '✓') : mark(kind), element('span', { class: 'line' }, verdict.line));
  document.title = visible(`${verdict.line} – arqscope`);
  fill(byId('ends'), `${client} → ${server}`);
  const [short, meaning] = COMPLETENESS[ledger.completeness] ?? [ledger.completeness, ''];
  const facts = ['capture: ', element('b', {}, short), `, ${meaning}`];
  const more = [
    `packets ${integer(ledger.first_packet)} to ${integer(ledger.last_packet)}`,
    duration(secondsBetween(ledger.first_time, ledger.last_time)),
    `maximum_msg_size ${bounds(capacity, '')} (${BASIS[capacity.basis] ?? capacity.basis})`,
    `window ${parameter(connection.data.window, '')}`,
    `timeout ${parameter(connection.data.timeout, ' s')}`,
    ledger.hole_count > 0 ? `${counted(ledger.hole_count, 'hole')}, ${counted(ledger.hole_bytes, 'byte')}` : null,
    doubts > 0 ? `${counted(doubts, 'thing')} that cannot be told` : null,
  ];
  fill(byId('ledger'), facts, ...more.filter((fact) => fact !== null).map((fact) => element('span', { class: 'fact' }, fact)));
}

/** A parameter in short: `3 declared`, `at least 3`, `not known`. */
function parameter({ declared, inferred }, unit) {
  const words = [];
  if (declared !== null) {
    words.push(`${declared}${unit} declared`);
  }
  if (inferred !== null) {
    words.push(`${bounds(inferred, unit)} by the traffic`);
  }
  return words.length > 0 ? words.join(', ') : 'not known';
}

function bounds({ min, max }, unit) {
  const plain = (value) => String(Number(value.toFixed(6)));
  if (min !== null && max !== null) {
    return min === max ? `${plain(min)}${unit}` : `${plain(min)} to ${plain(max)}${unit}`;
  }
  if (min !== null) {
    return `at least ${plain(min)}${unit}`;
  }
  return max === null ? 'anything' : `at most ${plain(max)}${unit}`;
}

/** A table of two columns under a heading. */
function figures(heading, rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return element('section', {},
    element('h3', {}, heading),
    element('table', { class: 'figures' }, element('tbody', {}, shown.map(([name, value]) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, value))))));
}

function spread(of) {
  if (of === null) {
    return null;
  }
  const { count, min, mean, max } = of;
  return `${duration(min)} least, ${duration(mean)} mean, ${duration(max)} most (${integer(count)})`;
}

function rate(value) {
  return value === null ? null : `${integer(Math.round(value))} bytes/s`;
}

function bySide({ client, server }, word) {
  return `client ${word(client)}, server ${word(server)}`;
}

/** A packet with its capture time in UTC, as far as a date shows it. */
function moment(packet, time) {
  if (time === null) {
    return String(packet);
  }
  const date = new Date(Number(time) * 1000);
  return Number.isNaN(date.getTime()) ? `${packet}, at ${time} s` : `${packet}, at ${date.toISOString().slice(0, 19).replace('T', ' ')}.${time.split('.')[1]} UTC`;
}

function showMetrics(connection) {
  const m = connection.data.metrics;
  fill(byId('panel-metrics'),
    figures('Frames', [
      ['frames', integer(m.frames)],
      ['MSG', `${integer(m.messages)}, of ${counted(m.unique, 'position')}; ${integer(m.resent)} beyond the first copy`],
      ['ACK', integer(m.acks)],
      ['ACKs not written', integer(m.acks_lost)],
      ['positions passed over', integer(m.gaps)],
      ['open for', spread(m.gap_open)],
    ]),
    figures('Bytes', [
      ['of the message', integer(m.message_bytes)],
      ['on the wire', bySide(m.stream_bytes, integer)],
      ['first MSG to last ACK', m.duration === null ? null : duration(m.duration)],
      ['goodput', rate(m.goodput)],
      ['throughput', rate(m.throughput)],
    ]),
    figures('Times', [
      ['RTT, written once', spread(m.rtt)],
      ['RTT, written again (ambiguous)', spread(m.rtt_ambiguous)],
      ['smoothed RTT', m.srtt === null ? null : duration(m.srtt)],
    ]),
    figures(m.window_basis === 'inferred' ? 'Window, if it is the most seen in flight; it may be larger' : 'Window', [
      ['most in flight', m.max_in_flight === null ? null : `${integer(m.max_in_flight)}, at packet ${m.max_in_flight_packet}`],
      ['mean in flight', m.mean_in_flight === null ? null : m.mean_in_flight.toFixed(2)],
      ['full for', m.window_full === null ? null : duration(m.window_full)],
      ['utilisation', m.window_utilisation === null ? null : `${(m.window_utilisation * 100).toFixed(1)} %`],
    ]),
    figures('Written again or late', Object.entries(m.resend_causes).filter(([, count]) => count > 0).map(([cause, count]) => [RESEND_CAUSE[cause], integer(count)])));
}

function showModel(connection, packetButton) {
  const { divergence, fits } = connection.data.reference;
  const parts = [element('h3', {}, 'Where the exchange first leaves the rules')];
  if (divergence === null) {
    parts.push(element('p', {}, fits.length === 0 ? 'No comparison with the rules was made.' : 'Nowhere, as far as the capture tells.'));
  } else {
    parts.push(element('p', {}, divergence.words, ' – packet ', packetButton(divergence.packet), `, ${divergence.side}`));
  }
  if (fits.length > 0) {
    parts.push(element('h3', {}, 'What the sender behaves like, best fit first'));
    parts.push(...fits.map((fit, index) => element('details', index === 0 ? { open: '' } : {},
      element('summary', {}, element('b', {}, BEHAVIOUR[fit.behaviour] ?? fit.behaviour), ` – explains ${counted(fit.explained, 'decision')}, ${integer(fit.contradicted)} against`),
      ...[['for', fit.evidence_for], ['against', fit.evidence_against]].filter(([, words]) => words.length > 0).map(([which, words]) => element('div', {},
        element('span', { class: 'quiet' }, which),
        element('ul', {}, words.map((word) => element('li', {}, word))))))));
  }
  fill(byId('panel-model'), parts);
}

function showCapture(connection, files, packetButton) {
  const { ledger, file, client, server, window, timeout, expectations } = connection.data;
  const parts = [
    figures('Capture', [
      ['file', file],
      ['client', client],
      ['server', server],
      ['first packet', moment(ledger.first_packet, ledger.first_time)],
      ['last packet', moment(ledger.last_packet, ledger.last_time)],
      ['packets', bySide(ledger.packets, integer)],
      ['from the first byte', bySide(ledger.from_start, (there) => (there ? 'yes' : 'no'))],
      ['how it ended', CLOSING[ledger.closing] ?? ledger.closing],
      ['cut packets', ledger.truncated_packets > 0 ? integer(ledger.truncated_packets) : null],
      ['frames with a part missing', ledger.partial_frames > 0 ? integer(ledger.partial_frames) : null],
      ['clock', connection.backwards > 0 ? `goes back, or says nothing, at ${counted(connection.backwards, 'frame')}: drawn at the latest time before` : null],
    ]),
    figures('Parameters', [
      ['window', parameter(window, '')],
      ['because', window.inferred?.evidence],
      ['timeout', parameter(timeout, ' s')],
      ['because', timeout.inferred?.evidence],
    ]),
  ];
  if (ledger.hole_count > 0) {
    parts.push(element('section', {}, element('h3', {}, counted(ledger.hole_count, 'hole')),
      element('ul', {}, ledger.holes.slice(0, 200).map((hole) => element('li', {}, `${counted(hole.len, 'byte')} of the ${hole.from} from offset ${integer(hole.offset)}: ${HOLE_CAUSE[hole.cause] ?? hole.cause}; packet `, packetButton(hole.packet)))),
      ledger.hole_count > 200 ? element('p', { class: 'quiet' }, 'and more') : null));
  }
  if (ledger.notes.length > 0) {
    parts.push(element('section', {}, element('h3', {}, 'About this connection’s bytes'), element('ul', {}, ledger.notes.map((note) => element('li', {}, note)))));
  }
  const errors = files.filter(({ error }) => error !== null);
  if (errors.length > 0) {
    parts.push(element('section', {}, element('h3', {}, 'Inputs that could not be read, or not to their end'), element('ul', {}, errors.map(({ error }) => element('li', {}, error)))));
  }
  if (expectations !== null) {
    parts.push(figures('Declared facts', expectations.map(({ key, outcome, declared, seen }) => [key, `${outcome}: declared ${declared}, seen ${seen}`])));
  }
  fill(byId('panel-capture'), parts);
}

/** Every connection of every file, as a table. */
function showAll({ connections, files, totals }, chosen, actions) {
  const number = (value) => element('td', { class: 'number' }, integer(value));
  const rows = connections.slice(0, 1000).map((data, index) => {
    const button = element('button', { type: 'button', class: 'link' }, String(data.connection));
    button.addEventListener('click', () => actions.openConnection(index));
    return element('tr', { class: index === chosen ? 'chosen' : null },
      element('td', {}, button),
      element('td', {},
        element('div', {}, `${data.client} → ${data.server}`, files.length > 1 ? element('span', { class: 'quiet' }, ` ${data.file}`) : null),
        element('div', {}, data.verdict.worst === null ? element('span', { class: 'mark fine' }, '✓') : mark(data.verdict.worst), ` ${data.verdict.line}`)),
      number(data.metrics.frames),
      number(data.metrics.resent),
      number(data.metrics.acks_lost));
  });
  const heads = ['', 'connection', 'frames', 'again', 'ACKs lost'];
  const parts = [element('table', { class: 'all' },
    element('thead', {}, element('tr', {}, heads.map((head) => element('th', { scope: 'col' }, head)))),
    element('tbody', {}, rows))];
  if (connections.length > rows.length) {
    parts.push(element('p', { class: 'quiet' }, `${integer(connections.length - rows.length)} more can be chosen above.`));
  }
  if (totals.connections_dropped > 0) {
    parts.push(element('p', {}, `${counted(totals.connections_dropped, 'connection')} beyond these: counted, and not in this report.`));
  }
  fill(byId('panel-all'), parts);
}
