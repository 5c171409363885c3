// The time axis: which span of the exchange is shown.

/** Least span of the time axis, in seconds. */
const LEAST_SPAN = 2e-6;


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
