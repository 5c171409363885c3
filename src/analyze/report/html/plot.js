// Canvases, and lines that go in steps.

/** Room around a plot for its axes. */
const MARGIN = { left: 66, right: 14, top: 8, bottom: 34 };

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

/**
 * A stepped column by pixel columns: for each that has frames its x, and the first, least, most and last value. `toX`
 * gives the place of a time.
 */
function staircase(values, times, first, last, toX) {
  const steps = [];
  let current = null;
  for (let i = first; i < last; i += 1) {
    const value = values[i];
    if (Number.isNaN(value)) {
      // Not known: the line is broken.
      current = null;
      continue;
    }
    const x = Math.round(toX(times[i]) * 2) / 2;
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

/** Draws a staircase, whose last step goes on to `endX`. */
function strokeStaircase(context, steps, endX, y, { color, width, dash = [] }) {
  let level = null;
  context.beginPath();
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
    context.lineTo(endX, y(level));
  }
  context.strokeStyle = color;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

/** Fills the area between two staircases. */
function fillBetween(context, lower, upper, endX, y, color) {
  if (lower.length === 0) {
    return;
  }
  context.fillStyle = color;
  let at = 0;
  for (let k = 0; k < upper.length; k += 1) {
    const from = upper[k].x;
    const to = k + 1 < upper.length ? upper[k + 1].x : endX;
    while (at + 1 < lower.length && lower[at + 1].x <= from) {
      at += 1;
    }
    const top = y(upper[k].end);
    context.fillRect(from, top, Math.max(0, to - from), Math.max(0, y(lower[at].end) - top));
  }
}
