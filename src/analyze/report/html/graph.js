// The graphs over time: position (as tcptrace's time-sequence graphs) and in flight. Only what lies in the shown span is
// visited; where many frames share a pixel column, their extremes are drawn.

/** Frames a pixel from which on marks of ordinary frames become columns. */
const DENSE = 0.4;
/** Signs a pixel from which on those out of the ordinary are counted in lanes below instead. */
const CROWDED = 0.2;
/** Height of such a lane, and the width of its columns. */
const LANE = { height: 15, column: 3 };
/** What has a lane of its own, from the top. */
const LANES = ['lost', 'unseen', 'fill', 'again', 'acklost', 'odd', 'fault'];

class Graphs {
  constructor(actions) {
    this.position = new Plot(byId('position'));
    this.positionChoice = this.position.over();
    this.flight = new Plot(byId('flight'));
    this.flightChoice = this.flight.over();
    this.overview = new Overview(this);
    this.plots = [this.position, this.positionChoice, this.flight, this.flightChoice, this.overview.plot];
    this.chosen = { frame: null, related: new Set() };
    /** A span that is being marked, from and to in pixels. */
    this.marked = null;
    this.plots.forEach((plot) => plot.fit());
    this.view = new TimeView(() => this.invalidate());
    this.theme();
    this.listen();
    this.pointer = new Pointer(this, actions);
  }

  open(connection) {
    this.connection = connection;
    const { count, x } = connection;
    this.sortFrames();
    this.overview.open();
    this.view.reset(count > 0 ? x[0] : 0, count > 0 ? x[count - 1] : 1);
    this.canvasLabel();
    this.legend();
    this.invalidate();
  }

  /** The window's edge rests on the most seen in flight where no window is declared. */
  legend() {
    const declared = typeof this.connection?.data.window.declared === 'number';
    showLegend(this.colors, declared ? 'window’s edge' : 'window’s edge, if it is the most seen in flight');
  }

  /**
   * What each frame is drawn as, once: `signs` has the place in SIGNS and one more, or 0; `absent` are the positions that
   * were not written or not seen, with the frame where they are drawn; `room` is the window's size.
   */
  sortFrames() {
    const { connection } = this;
    this.signs = new Uint8Array(connection.count);
    this.absent = connection.columns.not_written.map(([i, from, to]) => ({ i, key: 'acklost', from, to }));
    for (let i = 0; i < connection.count; i += 1) {
      const key = signOf(connection, i);
      this.signs[i] = SIGNS.findIndex((sign) => sign.key === key) + 1;
      if (connection.passesOver(i) && key !== 'fault') {
        const [from, to] = connection.missing(i);
        this.absent.push({ i, key: connection.verdict(i) === 'new' ? 'unseen' : 'lost', from, to });
      }
    }
    this.room = connection.edge.map((edge, i) => edge - connection.acked[i]);
  }

  /** What is absent at the frames from `first` to before `last`. */
  absentIn(first, last) {
    return this.absent.filter(({ i }) => first <= i && i < last);
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
    this.overview.draw();
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

  /** A column as steps. */
  steps(values, first, last) {
    const { from, span } = this.view;
    const scale = (this.position.width - MARGIN.left - MARGIN.right) / span;
    return staircase(values, this.connection.x, first, last, (time) => MARGIN.left + (time - from) * scale);
  }

  /** Where lines end: at the last frame, or the border. */
  endX() {
    const { connection, position } = this;
    return Math.min(position.width - MARGIN.right, this.timeToX(connection.x[connection.count - 1]));
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
    const acked = this.steps(connection.acked, first, last);
    const edge = this.steps(connection.edge, first, last);
    const end = this.endX();
    fillBetween(context, acked, edge, end, y, colors.band);
    strokeStaircase(context, edge, end, y, { color: colors.edge, width: 1, dash: [5, 4] });
    strokeStaircase(context, acked, end, y, { color: colors.ack, width: 1.5 });
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
    this.absentIn(first, last).forEach(({ i, key }) => count(key, i));
    return all > plot.width * CROWDED ? LANES.filter((key) => numbers.has(key)).map((key) => [key, numbers.get(key)]) : [];
  }

  /** Each lane with its sign, and a bar a column: full where most are. */
  drawLanes(context, lanes, top) {
    lanes.forEach(([key, numbers], k) => {
      const base = top + (k + 1) * LANE.height - 3;
      const most = numbers.reduce((a, b) => Math.max(a, b), 1);
      drawSign(context, this.colors, key, MARGIN.left - 14, base - 5, 3.4);
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
      // Beside the package that it was due for.
      const x = this.timeToX(time) + (key === 'acklost' ? 9 : 0);
      const at = y(pos);
      const slot = `${key}${Math.round(x / cell)},${Math.round(at / cell)}`;
      if (!taken.has(slot)) {
        taken.add(slot);
        drawSign(context, this.colors, key, x, at, size);
      }
    };
    for (let i = first; i < last; i += 1) {
      const sign = this.signs[i];
      if (sign > 0 && !(dense && (sign === NEW || sign === ACK))) {
        put(SIGNS[sign - 1].key, connection.x[i], connection.pos[i]);
      }
    }
    for (const { i, key, from, to } of this.absentIn(first, last)) {
      // Of a long run, its ends and what fits between.
      const stride = Math.max(1, Math.ceil((to - from) / 200));
      for (let pos = from; pos <= to; pos += stride) {
        put(key, connection.x[i], pos);
      }
    }
  }

  /** The chosen frame by a line and a ring, what belongs to it by thinner rings. */
  drawChoice() {
    const { connection, chosen, colors } = this;
    this.positionChoice.begin();
    this.flightChoice.begin();
    if (this.marked !== null) {
      const { context } = this.positionChoice;
      context.fillStyle = colors.chosen;
      context.globalAlpha = 0.15;
      context.fillRect(this.marked[0], 0, this.marked[1] - this.marked[0], this.position.height);
      context.globalAlpha = 1;
    }
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
      if (connection.inFlight[i] > high) { high = connection.inFlight[i]; }
      if (this.room[i] > high) { high = this.room[i]; }
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
    const steps = this.steps(connection.inFlight, first, last);
    const end = this.endX();
    const raised = steps.map((step) => ({ ...step, end: step.high }));
    fillBetween(context, steps.map((step) => ({ ...step, end: 0 })), raised, end, y, colors.band);
    strokeStaircase(context, steps, end, y, { color: colors.new, width: 1.25 });
    strokeStaircase(context, this.steps(this.room, first, last), end, y, { color: colors.edge, width: 1, dash: [5, 4] });
    context.restore();
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

  // --- what people do ---

  listen() {
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
    [this.position, this.flight, this.overview.plot].forEach((plot) => observer.observe(plot.canvas.parentElement));
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

  choose(chosen) {
    this.chosen = chosen;
    if (chosen.frame !== null) {
      this.view.reveal(this.connection.x[chosen.frame]);
    }
    if (!this.waiting) {
      this.drawChoice();
    }
  }

  /** Shows a span that is being marked; none for null. */
  markSpan(from, to) {
    this.marked = from === null ? null : [from, to];
    this.drawChoice();
  }

  canvasLabel() {
    const { connection } = this;
    const { count } = connection;
    const span = count > 0 ? duration(connection.x[count - 1] - connection.x[0]) : '0 s';
    this.position.canvas.setAttribute('aria-label', `Positions over time: ${counted(count, 'frame')} in ${span}. The same frames stand in the list of the exchange. Arrow keys choose frames, plus and minus zoom.`);
  }
}
