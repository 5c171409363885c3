// The mouse over the graphs: the wheel zooms, a drag moves or marks, a click chooses.

class Pointer {
  constructor(graphs, actions) {
    this.graphs = graphs;
    this.actions = actions;
    for (const { canvas } of [graphs.position, graphs.flight]) {
      canvas.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
      canvas.addEventListener('pointerdown', (event) => this.onDown(event));
      canvas.addEventListener('pointermove', (event) => this.onHover(event));
      canvas.addEventListener('pointerleave', () => this.readout(null));
      canvas.addEventListener('dblclick', (event) => graphs.view.zoom(0.4, graphs.xToTime(event.offsetX)));
    }
  }

  onWheel(event) {
    event.preventDefault();
    const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.graphs.view.pan(((event.deltaX || event.deltaY) * step) / 800);
    } else {
      this.graphs.view.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * step * 0.002))), this.graphs.xToTime(event.offsetX));
    }
  }

  /** A drag moves, with Shift it marks a span to zoom to; without movement it chooses. */
  onDown(event) {
    if (event.button !== 0) {
      return;
    }
    const canvas = event.currentTarget;
    const begin = event.offsetX;
    const { from, to, span } = this.graphs.view;
    const scale = span / (this.graphs.position.width - MARGIN.left - MARGIN.right);
    let moved = false;
    canvas.setPointerCapture(event.pointerId);
    const move = (now) => {
      moved ||= Math.abs(now.offsetX - begin) > 3;
      if (moved && event.shiftKey) {
        this.graphs.markSpan(begin, now.offsetX);
      } else if (moved) {
        const by = (begin - now.offsetX) * scale;
        this.graphs.view.set(from + by, to + by);
      }
    };
    const up = (now) => {
      canvas.removeEventListener('pointermove', move);
      this.graphs.markSpan(null);
      if (!moved) {
        const frame = this.nearest(now.offsetX, now.offsetY, canvas === this.graphs.position.canvas);
        if (frame !== null) {
          this.actions.chooseFrame(frame);
        }
      } else if (event.shiftKey) {
        const ends = [this.graphs.xToTime(begin), this.graphs.xToTime(now.offsetX)].sort((a, b) => a - b);
        this.graphs.view.set(...ends);
      }
    };
    canvas.addEventListener('pointermove', move);
    canvas.addEventListener('pointerup', up, { once: true });
    canvas.addEventListener('pointercancel', () => {
      canvas.removeEventListener('pointermove', move);
      this.graphs.markSpan(null);
    }, { once: true });
  }

  /** The frame drawn nearest to a point, or null when none is in sight. */
  nearest(x, y, byPosition) {
    const { connection } = this.graphs;
    const [first, last] = this.graphs.visible();
    let best = null;
    let least = Infinity;
    for (let i = first; i < last; i += 1) {
      const dx = this.graphs.timeToX(connection.x[i]) - x;
      const dy = byPosition && !Number.isNaN(connection.pos[i]) ? this.graphs.positionY(connection.pos[i]) - y : 30;
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
      this.readout(this.nearest(event.offsetX, event.offsetY, event.currentTarget === this.graphs.position.canvas));
    }
  }

  /** Says in the title line what is under the pointer. */
  readout(frame) {
    const { connection } = this.graphs;
    if (frame === null || connection.count === 0) {
      byId('readout').textContent = '';
      return;
    }
    const remark = connection.remark(frame);
    byId('readout').textContent = visible(`${seconds(connection.time[frame])} s, packet ${connection.packet[frame]}: ${connection.title(frame)}${remark === '' ? '' : `, ${remark}`}`);
  }
}
