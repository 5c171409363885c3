// The graphs over time: position (as tcptrace's time-sequence graphs), in flight, and an overview of the whole. Only
// what lies in the shown span is visited; where many frames share a pixel column, their extremes are drawn.

/** Room around a plot for its axes. */
const MARGIN = { left: 66, right: 14, top: 8, bottom: 34 };
/** Frames a pixel from which on marks of ordinary frames become columns. */
const DENSE = 0.4;
/** Signs a pixel from which on those out of the ordinary are counted in lanes below instead. */
const CROWDED = 0.2;
/** Height of such a lane, and the width of its columns. */
const LANE = { height: 15, column: 3 };
/** What has a lane of its own, from the top. */
const LANES = ['lost', 'unseen', 'fill', 'again', 'acklost', 'odd', 'fault'];
/** Least span of the time axis, in seconds. */
const LEAST_SPAN = 2e-6;

/** What the position graph draws: its sign, what it is called, and which frames it stands for. */
const SIGNS = [
  { key: 'new', word: 'MSG, first copy', shape: 'disc' },
  { key: 'again', word: 'MSG again', shape: 'triangle' },
  { key: 'fill', word: 'first copy, late', shape: 'diamond' },
  { key: 'lost', word: 'MSG not written', shape: 'cross' },
  { key: 'unseen', word: 'not seen', shape: 'query' },
  { key: 'done', word: 'DONE, CLOSE', shape: 'square' },
  { key: 'ack', word: 'ACK', shape: 'tick' },
  { key: 'acklost', word: 'ACK not written', shape: 'crossed' },
  { key: 'odd', word: 'ACK that moves nothing', shape: 'ring' },
  { key: 'fault', word: 'breaks a rule', shape: 'block' },
];

/** What `signs` holds for ordinary frames. */
const NEW = SIGNS.findIndex(({ key }) => key === 'new') + 1;
const ACK = SIGNS.findIndex(({ key }) => key === 'ack') + 1;

/** The shown span of time. */
class TimeView {
  constructor(changed) {
    this.changed = changed;
    this.reset(0, 1);
  }

  /** Shows the whole from `first` to `last`. */
  reset(first, last) {
    const pad = Math.max((last - first) * 0.015, 1e-4);
    this.least = first - pad;
    this.most = last + pad;
    this.set(this.least, this.most);
  }

  set(from, to) {
    const whole = this.most - this.least;
    const span = Math.min(Math.max(to - from, LEAST_SPAN), whole);
    const begin = Math.min(Math.max(from + (to - from - span) / 2, this.least), this.most - span);
    if (begin !== this.from || begin + span !== this.to) {
      this.from = begin;
      this.to = begin + span;
      this.changed();
    }
  }

  get span() {
    return this.to - this.from;
  }

  /** `factor` below 1 zooms in, around `time`. */
  zoom(factor, time = (this.from + this.to) / 2) {
    const span = Math.min(Math.max(this.span * factor, LEAST_SPAN), this.most - this.least);
    const from = time - (time - this.from) * (span / this.span);
    this.set(from, from + span);
  }

  /** Moves by a share of what is shown. */
  pan(share) {
    this.set(this.from + share * this.span, this.to + share * this.span);
  }

  /** Moves so that `time` is in sight. */
  reveal(time) {
    if (time < this.from + this.span * 0.02 || time > this.to - this.span * 0.02) {
      this.set(time - this.span / 2, time + this.span / 2);
    }
  }
}

/** A canvas as large as its place, sharp on any screen. */
class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
  }

  /** One that lies over another, for what changes more often. */
  over() {
    const canvas = element('canvas', { class: 'over', 'aria-hidden': 'true' });
    this.canvas.after(canvas);
    return new Plot(canvas);
  }

  /** Fits the canvas to its place. To be called when that has changed: asking for its size costs a layout. */
  fit() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    this.scale = window.devicePixelRatio || 1;
    this.width = clientWidth;
    this.height = clientHeight;
    this.canvas.width = Math.round(clientWidth * this.scale);
    this.canvas.height = Math.round(clientHeight * this.scale);
  }

  /** Empties the canvas. */
  begin() {
    this.context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
  }
}

class Graphs {
  constructor(actions) {
    this.actions = actions;
    this.position = new Plot(byId('position'));
    this.positionChoice = this.position.over();
    this.flight = new Plot(byId('flight'));
    this.flightChoice = this.flight.over();
    this.overview = new Plot(byId('overview'));
    this.plots = [this.position, this.positionChoice, this.flight, this.flightChoice, this.overview];
    this.chosen = { frame: null, related: new Set() };
    this.plots.forEach((plot) => plot.fit());
    this.view = new TimeView(() => this.invalidate());
    this.theme();
    this.listen();
  }

  open(connection) {
    this.connection = connection;
    const { count, x } = connection;
    this.sortFrames();
    this.profile = null;
    this.view.reset(count > 0 ? x[0] : 0, count > 0 ? x[count - 1] : 1);
    this.canvasLabel();
    this.invalidate();
  }

  /** What each frame is drawn as, once: `signs` has the place in SIGNS and one more, or 0; `passers` are the frames that passed over positions. */
  sortFrames() {
    const { connection } = this;
    this.signs = new Uint8Array(connection.count);
    const passers = [];
    for (let i = 0; i < connection.count; i += 1) {
      const key = this.sign(i);
      this.signs[i] = SIGNS.findIndex((sign) => sign.key === key) + 1;
      if (connection.missing(i) !== null && key !== 'fault') {
        passers.push(i);
      }
    }
    this.passers = Int32Array.from(passers);
  }

  /** The frames from `first` to before `last` that passed over positions. */
  passersIn(first, last) {
    return this.passers.filter((i) => first <= i && i < last);
  }

  /** Colours, from the style sheet. */
  theme() {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    this.colors = Object.fromEntries([
      'ink', 'muted', 'grid', 'panel', 'new', 'again', 'fill', 'lost', 'done', 'ack', 'acklost', 'odd', 'fault', 'unseen', 'band', 'edge', 'chosen', 'error', 'warn', 'note', 'chat', 'doubt',
    ].map((name) => [name, color(name)]));
    this.font = `11px ${style.getPropertyValue('--sans')}`;
    this.legend();
    this.invalidate();
  }

  /** Draws before the next frame of the screen, once. */
  invalidate() {
    if (!this.waiting && this.connection !== undefined) {
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.draw();
      });
    }
  }

  draw() {
    if (this.connection === undefined) {
      return;
    }
    this.drawPosition();
    this.drawFlight();
    this.drawOverview();
    this.drawChoice();
  }

  // --- scales ---

  timeToX(time) {
    return MARGIN.left + ((time - this.view.from) / this.view.span) * (this.position.width - MARGIN.left - MARGIN.right);
  }

  xToTime(x) {
    return this.view.from + ((x - MARGIN.left) / (this.position.width - MARGIN.left - MARGIN.right)) * this.view.span;
  }

  /** The frames to visit: those in sight, and one on either side for the lines. */
  visible() {
    const { connection, view } = this;
    const first = Math.max(0, connection.firstAt(view.from) - 1);
    const last = Math.min(connection.count, connection.firstAt(view.to) + 1);
    return [first, last];
  }

  // --- the position graph ---

  drawPosition() {
    const { position: plot, connection, colors } = this;
    plot.begin();
    const [first, last] = this.visible();
    const [low, high] = this.positionRange(first, last);
    const lanes = this.lanes(first, last);
    const bottom = plot.height - 6 - lanes.length * LANE.height;
    const scale = (bottom - MARGIN.top) / (high - low);
    const y = (pos) => bottom - (pos - low) * scale;
    this.positionY = y;
    this.grid(plot, bottom, ticks(low, high, Math.max(2, Math.floor((bottom - MARGIN.top) / 32)), true), y, 'position');

    const { context } = plot;
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, 0, plot.width - MARGIN.left - MARGIN.right, plot.height);
    context.clip();
    const acked = this.columnsOf(connection.acked, first, last);
    const edge = this.columnsOf(connection.edge, first, last);
    this.fillBetween(context, acked, edge, y, colors.band);
    this.strokeSteps(context, edge, y, colors.edge, 1, [5, 4]);
    this.strokeSteps(context, acked, y, colors.ack, 1.5, []);
    const dense = (last - first) / Math.max(1, plot.width) > DENSE;
    if (dense) {
      this.drawDense(context, first, last, y);
    }
    if (lanes.length === 0) {
      this.drawSigns(context, first, last, y, dense);
    }
    context.restore();
    this.drawLanes(context, lanes, bottom + 6);
  }

  /** Where signs out of the ordinary are too many to be told apart: for each kind the numbers by pixel columns. Else empty. */
  lanes(first, last) {
    const { connection, position: plot } = this;
    const columns = Math.ceil(plot.width / LANE.column);
    const numbers = new Map();
    let all = 0;
    const count = (key, i) => {
      if (!numbers.has(key)) {
        numbers.set(key, new Uint32Array(columns));
      }
      all += 1;
      numbers.get(key)[Math.min(columns - 1, Math.max(0, Math.floor(this.timeToX(connection.x[i]) / LANE.column)))] += 1;
    };
    const laned = SIGNS.map(({ key }) => LANES.includes(key));
    for (let i = first; i < last; i += 1) {
      const sign = this.signs[i];
      if (sign > 0 && laned[sign - 1]) {
        count(SIGNS[sign - 1].key, i);
      }
    }
    this.passersIn(first, last).forEach((i) => count(this.passed(i), i));
    return all > plot.width * CROWDED ? LANES.filter((key) => numbers.has(key)).map((key) => [key, numbers.get(key)]) : [];
  }

  /** Each lane with its sign, and a bar a column: full where most are. */
  drawLanes(context, lanes, top) {
    lanes.forEach(([key, numbers], k) => {
      const base = top + (k + 1) * LANE.height - 3;
      const most = numbers.reduce((a, b) => Math.max(a, b), 1);
      this.shape(context, key, MARGIN.left - 14, base - 5, 3.4);
      context.fillStyle = this.colors.grid;
      context.fillRect(MARGIN.left, base, this.position.width - MARGIN.left - MARGIN.right, 1);
      context.fillStyle = this.colors[key];
      numbers.forEach((number, column) => {
        if (number > 0) {
          const height = 2 + (number / most) * (LANE.height - 5);
          context.fillRect(column * LANE.column, base - height, LANE.column - 0.5, height);
        }
      });
      context.font = this.font;
      context.textAlign = 'right';
      context.textBaseline = 'middle';
      context.fillStyle = this.colors.muted;
      context.fillText(`≤ ${integer(most)}`, MARGIN.left - 24, base - 5);
    });
  }

  /** Positions to show: everything that is drawn of the frames in sight, with a little room. */
  positionRange(first, last) {
    const { connection } = this;
    const { acked, edge, pos, highest } = connection;
    let low = Infinity;
    let high = -Infinity;
    for (let i = first; i < last; i += 1) {
      // A comparison with NaN is false: what is not known does not count.
      if (acked[i] < low) { low = acked[i]; }
      if (acked[i] > high) { high = acked[i]; }
      if (edge[i] > high) { high = edge[i]; }
      // A number out of all proportion must not flatten the rest; it is drawn at the border.
      if (pos[i] < low && pos[i] >= 0) { low = pos[i]; }
      if (pos[i] > high && pos[i] <= 4 * highest[i] + 64) { high = pos[i]; }
    }
    if (!(low <= high)) {
      return [0, 1];
    }
    const room = Math.max(1, (high - low) * 0.06);
    return [Math.max(-1, low - room), high + room];
  }

  /** A stepped column by pixel columns: for each that has frames its x, first, least, most and last value. */
  columnsOf(values, first, last) {
    const { x: times } = this.connection;
    const scale = (this.position.width - MARGIN.left - MARGIN.right) / this.view.span;
    const steps = [];
    let current = null;
    for (let i = first; i < last; i += 1) {
      const value = values[i];
      if (value !== value) {
        // Not known.
        current = null;
        continue;
      }
      const x = Math.round((MARGIN.left + (times[i] - this.view.from) * scale) * 2) / 2;
      if (current !== null && current.x === x) {
        if (value < current.low) { current.low = value; }
        if (value > current.high) { current.high = value; }
        current.end = value;
      } else {
        current = { x, start: value, low: value, high: value, end: value, gap: current === null };
        steps.push(current);
      }
    }
    return steps;
  }

  /** The path of a staircase; it goes on to the right border. */
  traceSteps(context, steps, y) {
    let level = null;
    for (const { x, start, low, high, end, gap } of steps) {
      if (gap || level === null) {
        context.moveTo(x, y(start));
      } else {
        context.lineTo(x, y(level));
      }
      if (low !== high) {
        context.lineTo(x, y(low));
        context.lineTo(x, y(high));
      }
      context.lineTo(x, y(end));
      level = end;
    }
    if (level !== null) {
      context.lineTo(this.lastX(), y(level));
    }
  }

  /** Where lines end: at the last frame, or the border. */
  lastX() {
    const { connection, position } = this;
    return Math.min(position.width - MARGIN.right, this.timeToX(connection.x[connection.count - 1]));
  }

  strokeSteps(context, steps, y, color, width, dash) {
    context.beginPath();
    this.traceSteps(context, steps, y);
    context.strokeStyle = color;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }

  /** The area between two staircases with the same steps in x. */
  fillBetween(context, lower, upper, y, color) {
    if (lower.length === 0 || upper.length === 0) {
      return;
    }
    context.fillStyle = color;
    let at = 0;
    const end = this.lastX();
    for (let k = 0; k < upper.length; k += 1) {
      const from = upper[k].x;
      const to = k + 1 < upper.length ? upper[k + 1].x : end;
      while (at + 1 < lower.length && lower[at + 1].x <= from) {
        at += 1;
      }
      const top = y(upper[k].end);
      context.fillRect(from, top, Math.max(0, to - from), Math.max(0, y(lower[at].end) - top));
    }
  }

  /** First copies where frames are dense: per pixel column a bar from the lowest position to the highest. */
  drawDense(context, first, last, y) {
    const { connection } = this;
    context.fillStyle = this.colors.new;
    let column = -1;
    let low = 0;
    let high = 0;
    const flush = () => {
      if (column >= 0) {
        context.fillRect(column, y(high) - 1, 1, y(low) - y(high) + 2);
      }
    };
    for (let i = first; i < last; i += 1) {
      if (this.signs[i] !== NEW) {
        continue;
      }
      const x = Math.floor(this.timeToX(connection.x[i]));
      const pos = connection.pos[i];
      if (x === column) {
        if (pos < low) { low = pos; }
        if (pos > high) { high = pos; }
      } else {
        flush();
        column = x;
        low = pos;
        high = pos;
      }
    }
    flush();
  }

  /** The signs of single frames. Of signs of one kind that would fall on the same few pixels one is drawn. */
  drawSigns(context, first, last, y, dense) {
    const { connection } = this;
    const taken = new Set();
    const cell = dense ? 4 : 1;
    const size = dense ? 3.2 : Math.min(4.2, 3 + 40 / (last - first + 1));
    const put = (key, time, pos) => {
      const x = this.timeToX(time);
      const at = y(pos);
      const slot = `${key}${Math.round(x / cell)},${Math.round(at / cell)}`;
      if (!taken.has(slot)) {
        taken.add(slot);
        this.shape(context, key, x, at, size);
      }
    };
    for (let i = first; i < last; i += 1) {
      const sign = this.signs[i];
      if (sign > 0 && !(dense && (sign === NEW || sign === ACK))) {
        put(SIGNS[sign - 1].key, connection.x[i], connection.pos[i]);
      }
    }
    for (const i of this.passersIn(first, last)) {
      const [from, to] = connection.missing(i);
      const lost = this.passed(i);
      // Of a long run, its ends and what fits between.
      const stride = Math.max(1, Math.ceil((to - from) / 200));
      for (let pos = from; pos <= to; pos += stride) {
        put(lost, connection.x[i], pos);
      }
    }
  }

  /** The key of the sign for what frame `i` passed over. */
  passed(i) {
    const { connection } = this;
    if (connection.verdict(i) === 'new') {
      return 'unseen';
    }
    return connection.isAck(i) ? 'acklost' : 'lost';
  }

  /** The key of the sign that stands for frame `i`, or null. */
  sign(i) {
    const { connection } = this;
    if (Number.isNaN(connection.pos[i])) {
      return null;
    }
    switch (connection.columns.verdict[i]) {
      case 'n':
      case 's':
      case 'u': return connection.columns.name[i] === 'D' ? 'done' : 'new';
      case 'r': return 'again';
      case 'f': return 'fill';
      case 'V':
      case 'J': return 'ack';
      case 'R':
      case 'D':
      case 'C': return 'odd';
      case 'b':
      case 'z':
      case 'G':
      case 'P':
      case 'U':
      case 'M': return 'fault';
      default: return connection.columns.name[i] === 'C' ? 'done' : null;
    }
  }

  shape(context, key, x, y, size) {
    const { shape } = SIGNS.find((sign) => sign.key === key);
    const color = this.colors[key];
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = 1.5;
    context.beginPath();
    switch (shape) {
      case 'disc': context.arc(x, y, size * 0.8, 0, 7); context.fill(); return;
      case 'triangle':
        context.moveTo(x, y - size * 1.3);
        context.lineTo(x + size * 1.2, y + size);
        context.lineTo(x - size * 1.2, y + size);
        context.closePath();
        context.fillStyle = this.colors.panel;
        context.fill();
        break;
      case 'diamond':
        context.moveTo(x, y - size * 1.4);
        context.lineTo(x + size * 1.4, y);
        context.lineTo(x, y + size * 1.4);
        context.lineTo(x - size * 1.4, y);
        context.closePath();
        context.fill();
        return;
      case 'cross':
        context.moveTo(x - size, y - size);
        context.lineTo(x + size, y + size);
        context.moveTo(x + size, y - size);
        context.lineTo(x - size, y + size);
        context.lineWidth = 2;
        break;
      case 'square': context.rect(x - size, y - size, size * 2, size * 2); break;
      case 'tick': context.moveTo(x - size * 0.4, y); context.lineTo(x + size * 1.4, y); context.lineWidth = 2.5; break;
      case 'crossed':
        context.arc(x, y, size * 1.2, 0, 7);
        context.moveTo(x - size * 0.8, y - size * 0.8);
        context.lineTo(x + size * 0.8, y + size * 0.8);
        context.moveTo(x + size * 0.8, y - size * 0.8);
        context.lineTo(x - size * 0.8, y + size * 0.8);
        break;
      case 'query':
        context.font = `bold ${Math.round(size * 3.4)}px sans-serif`;
        context.textAlign = 'center';
        context.textBaseline = 'middle';
        context.fillText('?', x, y);
        return;
      case 'ring': context.arc(x, y, size, 0, 7); break;
      default: context.rect(x - size, y - size, size * 2, size * 2); context.fill(); return;
    }
    context.stroke();
  }

  /** The chosen frame by a line and a ring, what belongs to it by thinner rings. */
  drawChoice() {
    const { connection, chosen, colors } = this;
    this.positionChoice.begin();
    this.flightChoice.begin();
    if (chosen.frame === null) {
      return;
    }
    const { context } = this.positionChoice;
    const ring = (i, size, width) => {
      const x = this.timeToX(connection.x[i]);
      if (!Number.isNaN(connection.pos[i]) && x >= MARGIN.left - 1) {
        context.lineWidth = width;
        context.beginPath();
        context.arc(x, this.positionY(connection.pos[i]), size, 0, 7);
        context.stroke();
      }
    };
    this.drawLine(context, this.position.height);
    this.drawLine(this.flightChoice.context, this.flight.height - MARGIN.bottom);
    context.strokeStyle = colors.chosen;
    chosen.related.forEach((i) => ring(i, 7, 1.5));
    ring(chosen.frame, 9, 2.5);
  }

  /** The upright line at the chosen frame. */
  drawLine(context, height) {
    const x = Math.round(this.timeToX(this.connection.x[this.chosen.frame])) + 0.5;
    if (x < MARGIN.left) {
      return;
    }
    context.strokeStyle = this.colors.chosen;
    context.lineWidth = 1;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
    context.setLineDash([]);
  }

  // --- the in-flight graph ---

  drawFlight() {
    const { flight: plot, connection, colors } = this;
    plot.begin();
    const [first, last] = this.visible();
    let high = 1;
    for (let i = first; i < last; i += 1) {
      const room = connection.edge[i] - connection.acked[i];
      if (connection.inFlight[i] > high) { high = connection.inFlight[i]; }
      if (room > high) { high = room; }
    }
    high *= 1.12;
    const bottom = plot.height - MARGIN.bottom;
    const y = (value) => bottom - (value / high) * (bottom - MARGIN.top);
    this.grid(plot, bottom, ticks(0, high, Math.max(2, Math.floor(plot.height / 40)), true), y, 'positions');
    this.timeAxis(plot, bottom);
    const { context } = plot;
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, 0, plot.width - MARGIN.left - MARGIN.right, bottom + 1);
    context.clip();
    const steps = this.columnsOf(connection.inFlight, first, last);
    const ground = steps.map((step) => ({ ...step, end: 0 }));
    this.fillBetween(context, ground, steps.map((step) => ({ ...step, end: step.high })), y, colors.band);
    this.strokeSteps(context, steps, y, colors.new, 1.25, []);
    this.strokeSteps(context, this.windowColumns(first, last), y, colors.edge, 1, [5, 4]);
    context.restore();
  }

  /** The window's size as steps. */
  windowColumns(first, last) {
    const sizes = new Float64Array(last);
    for (let i = first; i < last; i += 1) {
      sizes[i] = this.connection.edge[i] - this.connection.acked[i];
    }
    return this.columnsOf(sizes, first, last);
  }

  // --- axes ---

  grid(plot, bottom, marks, y, unit) {
    const { context } = plot;
    const { colors } = this;
    context.font = this.font;
    context.strokeStyle = colors.grid;
    context.fillStyle = colors.muted;
    context.lineWidth = 1;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.beginPath();
    for (const mark of marks) {
      const at = Math.round(y(mark)) + 0.5;
      context.moveTo(MARGIN.left, at);
      context.lineTo(plot.width - MARGIN.right, at);
      context.fillText(integer(mark), MARGIN.left - 7, at);
    }
    for (const time of this.timeTicks()) {
      const x = Math.round(this.timeToX(time)) + 0.5;
      context.moveTo(x, MARGIN.top);
      context.lineTo(x, bottom);
    }
    context.stroke();
    context.save();
    context.translate(11, (MARGIN.top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = 'center';
    context.fillText(unit, 0, 0);
    context.restore();
  }

  timeTicks() {
    return ticks(this.view.from, this.view.to, Math.max(2, Math.floor(this.position.width / 110)), false);
  }

  timeAxis(plot, bottom) {
    const { context } = plot;
    const marks = this.timeTicks();
    const step = marks.length > 1 ? marks[1] - marks[0] : this.view.span;
    const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step) + 1e-9)));
    context.fillStyle = this.colors.muted;
    context.textAlign = 'center';
    context.textBaseline = 'top';
    for (const mark of marks) {
      const x = this.timeToX(mark);
      if (x > MARGIN.left - 2) {
        context.fillText(mark.toFixed(digits), x, bottom + 5);
      }
    }
    context.textAlign = 'right';
    context.fillText('seconds since the first packet', plot.width - MARGIN.right, bottom + 19);
  }

  // --- the overview ---

  /** The whole course, made once a width: per pixel column the highest position, and the worst statement. */
  makeProfile(width) {
    const { connection, view } = this;
    const highest = new Float64Array(width).fill(NaN);
    const column = (time) => Math.min(width - 1, Math.max(0, Math.floor(((time - view.least) / (view.most - view.least)) * width)));
    let top = 1;
    for (let i = 0; i < connection.count; i += 1) {
      highest[column(connection.x[i])] = connection.highest[i];
      if (connection.highest[i] > top) { top = connection.highest[i]; }
    }
    const kinds = new Map();
    for (const { kind, frame } of connection.statements) {
      if (frame !== null) {
        const at = column(connection.x[frame]);
        kinds.set(at, worstOf([kind, kinds.get(at)]));
      }
    }
    return { width, highest, top, kinds };
  }

  drawOverview() {
    const { overview: plot, view, colors } = this;
    plot.begin();
    const left = MARGIN.left;
    const width = Math.max(1, Math.floor(plot.width - MARGIN.left - MARGIN.right));
    if (this.profile?.width !== width) {
      this.profile = this.makeProfile(width);
    }
    const { context } = plot;
    const bottom = plot.height - 9;
    context.fillStyle = colors.band;
    context.fillRect(left, 0, width, plot.height);
    context.fillStyle = colors.muted;
    let level = 0;
    for (let k = 0; k < width; k += 1) {
      level = Number.isNaN(this.profile.highest[k]) ? level : this.profile.highest[k];
      const top = bottom - (level / this.profile.top) * (bottom - 3);
      context.fillRect(left + k, top, 1, 1.5);
    }
    for (const [at, kind] of this.profile.kinds) {
      if (kind !== 'chat') {
        context.fillStyle = colors[kind];
        const height = kind === 'error' ? 8 : 5;
        context.fillRect(left + at, plot.height - height, 2, height);
      }
    }
    const scale = width / (view.most - view.least);
    const from = left + (view.from - view.least) * scale;
    const to = left + (view.to - view.least) * scale;
    context.fillStyle = colors.panel;
    context.globalAlpha = 0.6;
    context.fillRect(left, 0, from - left, plot.height);
    context.fillRect(to, 0, left + width - to, plot.height);
    context.globalAlpha = 1;
    context.strokeStyle = colors.chosen;
    context.lineWidth = 1.5;
    context.strokeRect(from + 0.75, 0.75, Math.max(2, to - from - 1.5), plot.height - 1.5);
  }

  // --- what people do ---

  listen() {
    for (const plot of [this.position, this.flight]) {
      plot.canvas.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
      plot.canvas.addEventListener('pointerdown', (event) => this.onDown(event));
      plot.canvas.addEventListener('pointermove', (event) => this.onHover(event));
      plot.canvas.addEventListener('pointerleave', () => this.readout(null));
      plot.canvas.addEventListener('dblclick', (event) => this.view.zoom(0.4, this.xToTime(event.offsetX)));
    }
    this.overview.canvas.addEventListener('pointerdown', (event) => this.onOverview(event));
    byId('zoom-in').addEventListener('click', () => this.view.zoom(0.5));
    byId('zoom-out').addEventListener('click', () => this.view.zoom(2));
    byId('zoom-reset').addEventListener('click', () => this.view.set(this.view.least, this.view.most));
    byId('pan-left').addEventListener('click', () => this.view.pan(-0.4));
    byId('pan-right').addEventListener('click', () => this.view.pan(0.4));
    // At once: a canvas that waited for the next frame would be shown stretched.
    const observer = new ResizeObserver(() => {
      this.plots.forEach((plot) => plot.fit());
      this.draw();
    });
    [this.position, this.flight, this.overview].forEach((plot) => observer.observe(plot.canvas.parentElement));
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.theme());
    for (const [name, onPaper] of [['beforeprint', true], ['afterprint', false]]) {
      window.addEventListener(name, () => {
        // Paper is light.
        document.documentElement.classList.toggle('paper', onPaper);
        this.theme();
        this.draw();
      });
    }
  }

  onWheel(event) {
    event.preventDefault();
    const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.view.pan(((event.deltaX || event.deltaY) * step) / 800);
    } else {
      this.view.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * step * 0.002))), this.xToTime(event.offsetX));
    }
  }

  /** A drag moves, with Shift it marks a span to zoom to; without movement it chooses. */
  onDown(event) {
    if (event.button !== 0) {
      return;
    }
    const canvas = event.currentTarget;
    const begin = event.offsetX;
    const { from, to, span } = this.view;
    const scale = span / (this.position.width - MARGIN.left - MARGIN.right);
    let moved = false;
    canvas.setPointerCapture(event.pointerId);
    const move = (now) => {
      moved ||= Math.abs(now.offsetX - begin) > 3;
      if (moved && !event.shiftKey) {
        const by = (begin - now.offsetX) * scale;
        this.view.set(from + by, to + by);
      }
    };
    const up = (now) => {
      canvas.removeEventListener('pointermove', move);
      if (!moved) {
        const frame = this.nearest(now.offsetX, now.offsetY, canvas === this.position.canvas);
        if (frame !== null) {
          this.actions.chooseFrame(frame);
        }
      } else if (event.shiftKey) {
        const ends = [this.xToTime(begin), this.xToTime(now.offsetX)].sort((a, b) => a - b);
        this.view.set(...ends);
      }
    };
    canvas.addEventListener('pointermove', move);
    canvas.addEventListener('pointerup', up, { once: true });
    canvas.addEventListener('pointercancel', () => canvas.removeEventListener('pointermove', move), { once: true });
  }

  onOverview(event) {
    const canvas = event.currentTarget;
    canvas.setPointerCapture(event.pointerId);
    const go = (now) => {
      const { view } = this;
      const share = (now.offsetX - MARGIN.left) / (this.overview.width - MARGIN.left - MARGIN.right);
      const time = view.least + share * (view.most - view.least);
      view.set(time - view.span / 2, time + view.span / 2);
    };
    go(event);
    canvas.addEventListener('pointermove', go);
    canvas.addEventListener('pointerup', () => canvas.removeEventListener('pointermove', go), { once: true });
  }

  /** The frame drawn nearest to a point, or null when none is in sight. */
  nearest(x, y, byPosition) {
    const { connection } = this;
    const [first, last] = this.visible();
    let best = null;
    let least = Infinity;
    for (let i = first; i < last; i += 1) {
      const dx = this.timeToX(connection.x[i]) - x;
      const dy = byPosition && !Number.isNaN(connection.pos[i]) ? this.positionY(connection.pos[i]) - y : 30;
      const distance = dx * dx + (byPosition ? dy * dy : 0);
      if (distance < least) {
        least = distance;
        best = i;
      }
    }
    return best;
  }

  onHover(event) {
    if (event.buttons === 0) {
      this.readout(this.nearest(event.offsetX, event.offsetY, event.currentTarget === this.position.canvas));
    }
  }

  /** Says in the title line what is under the pointer. */
  readout(frame) {
    const { connection } = this;
    if (frame === null || connection.count === 0) {
      byId('readout').textContent = '';
      return;
    }
    const remark = connection.remark(frame);
    byId('readout').textContent = visible(`${seconds(connection.time[frame])} s, packet ${connection.packet[frame]}: ${connection.title(frame)}${remark === '' ? '' : `, ${remark}`}`);
  }

  choose(chosen) {
    this.chosen = chosen;
    if (chosen.frame !== null) {
      this.view.reveal(this.connection.x[chosen.frame]);
    }
    if (!this.waiting) {
      this.drawChoice();
    }
  }

  canvasLabel() {
    const { connection } = this;
    const { count } = connection;
    const span = count > 0 ? duration(connection.x[count - 1] - connection.x[0]) : '0 s';
    this.position.canvas.setAttribute('aria-label', `Positions over time: ${counted(count, 'frame')} in ${span}. The same frames stand in the list of the exchange. Arrow keys choose frames, plus and minus zoom.`);
  }

  /** The signs and lines with their names. */
  legend() {
    const items = SIGNS.map(({ key, word }) => this.legendItem(word, (context) => this.shape(context, key, 11, 8, 3.6)));
    const line = (color, dash, width) => (context) => {
      context.strokeStyle = this.colors[color];
      context.lineWidth = width;
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(1, 8);
      context.lineTo(21, 8);
      context.stroke();
    };
    items.push(this.legendItem('last ACK', line('ack', [], 1.5)));
    items.push(this.legendItem('window’s edge', line('edge', [5, 4], 1)));
    fill(byId('legend'), items);
  }

  legendItem(word, paint) {
    const canvas = element('canvas', { width: '44', height: '32', 'aria-hidden': 'true' });
    const context = canvas.getContext('2d');
    context.scale(2, 2);
    paint(context);
    return element('li', {}, canvas, word);
  }
}

/** Round numbers between `low` and `high`, about `most` of them; whole ones where `whole` is set. */
function ticks(low, high, most, whole) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].find((n) => n * power >= rough) * power;
  const step = whole ? Math.max(1, Math.round(nice)) : nice;
  const marks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) {
    marks.push(k * step);
  }
  return marks;
}
