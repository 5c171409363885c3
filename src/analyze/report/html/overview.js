// The whole exchange in a strip, with the part that is shown.

class Overview {
  constructor(graphs) {
    this.graphs = graphs;
    this.plot = new Plot(byId('overview'));
    this.plot.canvas.addEventListener('pointerdown', (event) => this.onDown(event));
  }

  /** Begins anew with another connection. */
  open() {
    this.profile = null;
  }

  /** The whole course, made once a width: per pixel column the highest position, and the worst statement. */
  makeProfile(width) {
    const { connection, view } = this.graphs;
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

  draw() {
    const { plot } = this;
    const { view, colors } = this.graphs;
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

  /** Moves the shown span to where the pointer is. */
  onDown(event) {
    const canvas = event.currentTarget;
    canvas.setPointerCapture(event.pointerId);
    const go = (now) => {
      const { view } = this.graphs;
      const share = (now.offsetX - MARGIN.left) / (this.plot.width - MARGIN.left - MARGIN.right);
      const time = view.least + share * (view.most - view.least);
      view.set(time - view.span / 2, time + view.span / 2);
    };
    go(event);
    canvas.addEventListener('pointermove', go);
    canvas.addEventListener('pointerup', () => canvas.removeEventListener('pointermove', go), { once: true });
  }
}
