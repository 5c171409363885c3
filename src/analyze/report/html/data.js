// The data block as the page uses it: columns of one connection, and the questions asked of them.

const HEADER_LENGTH = 10;

/** Where the fields of a frame with payload capacity `p` stand: computed, as in the decoder. */
function layout(p) {
  const align = (at, size) => Math.ceil(at / size) * size;
  const payloadEnd = HEADER_LENGTH + p;
  const seq = align(payloadEnd, 4);
  const sentTime = align(seq + 4, 8);
  return {
    length: sentTime + 20,
    fields: [
      ['header', 0, HEADER_LENGTH],
      ['payload', HEADER_LENGTH, payloadEnd],
      ['padding', payloadEnd, seq],
      ['seq', seq, seq + 4],
      ['padding', seq + 4, sentTime],
      ['sent_time', sentTime, sentTime + 8],
      ['ack', sentTime + 8, sentTime + 9],
      ['padding', sentTime + 9, sentTime + 12],
      ['prev_seq', sentTime + 12, sentTime + 16],
      ['pos', sentTime + 16, sentTime + 20],
    ].filter(([, from, to]) => from < to),
  };
}

/** A column of differences as the numbers they stand for; NaN where unknown. */
function climbed(differences) {
  const values = new Float64Array(differences.length);
  let last = 0;
  for (let i = 0; i < differences.length; i += 1) {
    if (differences[i] === null) {
      values[i] = NaN;
    } else {
      last += differences[i];
      values[i] = last;
    }
  }
  return values;
}

/** What stands at a place of the ladder: a frame, or something before it that is no frame. */
const ROW = { frame: 0, missing: 1, pause: 2, hole: 3 };

/** Seconds from one moment to another, both decimal seconds as text; NaN where one is not known. */
function secondsBetween(earlier, later) {
  if (earlier === null || later === null) {
    return NaN;
  }
  const nanoseconds = (text) => BigInt(text.replace('.', ''));
  return Number(nanoseconds(later) - nanoseconds(earlier)) / 1e9;
}

/** The runs of a finding's positions, `[first, last]` each, and how many positions there are. */
function positionRuns({ positions, ranges, count }) {
  if (ranges !== undefined) {
    return { list: ranges, count };
  }
  const list = [];
  for (const pos of positions) {
    const last = list[list.length - 1];
    if (last !== undefined && last[1] + 1 === pos) {
      last[1] = pos;
    } else {
      list.push([pos, pos]);
    }
  }
  return { list, count: positions.length };
}

/** One connection: `data` as in the JSON report, `frames` as columns. */
class Connection {
  constructor(data, frames, letters) {
    this.data = data;
    this.count = frames.count;
    this.letters = letters;
    this.columns = frames;
    this.packet = climbed(frames.packet);
    this.time = climbed(frames.time).map((ns) => ns / 1e9);
    this.pos = climbed(frames.pos);
    this.highest = climbed(frames.highest);
    this.acked = climbed(frames.acked);
    this.edge = climbed(frames.edge);
    this.inFlight = climbed(frames.in_flight);
    this.capacity = climbed(frames.max_msg_size);
    this.placeBytes();
    this.placeInTime();
    this.findPackets();
    this.linkFindings();
    this.layRows();
  }

  name(i) {
    return this.letters.name[this.columns.name[i]] ?? null;
  }

  verdict(i) {
    return this.letters.verdict[this.columns.verdict[i]];
  }

  arrival(i) {
    return this.letters.arrival[this.columns.arrival[i]];
  }

  fromClient(i) {
    return this.columns.from[i] === 'c';
  }

  /** First and last position that frame `i` passed over, or, if it is an ACK, covers, or null. */
  missing(i) {
    return this.columns.missing[i] ?? null;
  }

  /** Offset of each frame's bytes among all. */
  placeBytes() {
    this.offset = new Float64Array(this.columns.with_bytes);
    let at = 0;
    for (let i = 0; i < this.offset.length; i += 1) {
      this.offset[i] = at;
      at += layout(this.capacity[i]).length;
    }
  }

  /** The bytes of frame `i`, or null where the report did not keep them. Only the part of the base64 that holds them is read. */
  bytes(i) {
    if (i >= this.offset.length) {
      return null;
    }
    const from = this.offset[i];
    const length = layout(this.capacity[i]).length;
    const first = Math.floor(from / 3);
    const last = Math.ceil((from + length) / 3);
    const text = atob(this.columns.bytes.slice(first * 4, last * 4));
    const bytes = new Uint8Array(length);
    for (let k = 0; k < length; k += 1) {
      bytes[k] = text.charCodeAt(from - first * 3 + k);
    }
    return bytes;
  }

  /** The payload of frame `i` as bytes without padding; null where not kept or not captured. */
  payload(i) {
    const missing = this.columns.not_captured[i] ?? [];
    const end = HEADER_LENGTH + this.capacity[i];
    const bytes = this.bytes(i);
    if (bytes === null || missing.some(([from, to]) => from < end && to > HEADER_LENGTH)) {
      return null;
    }
    let length = end;
    while (length > HEADER_LENGTH && bytes[length - 1] === 0) {
      length -= 1;
    }
    return bytes.subarray(HEADER_LENGTH, length);
  }

  /** `x`: where a frame is drawn. A clock that goes back, or says nothing, draws at the latest time before it. */
  placeInTime() {
    this.x = new Float64Array(this.count);
    this.backwards = 0;
    let latest = Number.isNaN(this.time[0]) ? 0 : this.time[0] ?? 0;
    for (let i = 0; i < this.count; i += 1) {
      if (this.time[i] >= latest) {
        latest = this.time[i];
      } else {
        this.backwards += 1;
      }
      this.x[i] = latest;
    }
  }

  findPackets() {
    this.framesOfPacket = new Map();
    for (let i = this.count - 1; i >= 0; i -= 1) {
      // The first frame of a packet; the others follow it.
      this.framesOfPacket.set(this.packet[i], i);
    }
  }

  /** The frame of `packet` that has one of the positions `wanted`, else its first; null without any. */
  frameOf(packet, wanted = []) {
    const first = this.framesOfPacket.get(packet);
    if (first === undefined) {
      return null;
    }
    for (let i = first; i < this.count && this.packet[i] === packet; i += 1) {
      if (wanted.some(([from, to]) => from <= this.pos[i] && this.pos[i] <= to)) {
        return i;
      }
    }
    return first;
  }

  /** Findings and doubts as one list of statements in order of packets, each with its frames. */
  linkFindings() {
    const findings = this.data.findings.map((finding) => ({ ...finding, kind: finding.severity }));
    const doubts = this.data.doubts.map((doubt) => ({ ...doubt, kind: 'doubt', at: doubt.packets[0] ?? null, time: null, message: `cannot tell, because ${doubt.because}` }));
    this.statements = [...findings, ...doubts].sort((a, b) => a.at - b.at);
    this.statementsOfFrame = new Map();
    this.statements.forEach((statement, index) => {
      statement.runs = positionRuns(statement);
      statement.frame = this.frameOf(statement.at, statement.runs.list);
      statement.seconds = secondsBetween(this.columns.start, statement.time);
      if (Number.isNaN(statement.seconds) && statement.frame !== null) {
        statement.seconds = this.time[statement.frame];
      }
      const frames = statement.packets.map((packet) => this.frameOf(packet, statement.runs.list));
      statement.frames = [...new Set([statement.frame, ...frames])].filter((frame) => frame !== null);
      if (statement.frame !== null) {
        const known = this.statementsOfFrame.get(statement.frame);
        if (known === undefined) {
          this.statementsOfFrame.set(statement.frame, [index]);
        } else {
          known.push(index);
        }
      }
    });
  }

  /** True for a MSG or DONE that passed over positions. */
  passesOver(i) {
    return this.missing(i) !== null && this.fromClient(i);
  }

  /** The ladder's places: four times a frame's number, plus what stands there. */
  layRows() {
    const holes = [...this.data.ledger.holes].sort((a, b) => a.packet - b.packet);
    const rows = [];
    this.holes = new Map();
    const acks = this.columns.not_written;
    this.lostAcks = new Map();
    let lost = 0;
    this.rowOfFrame = new Int32Array(this.count);
    const pause = this.pauseLength();
    let hole = 0;
    for (let i = 0; i < this.count; i += 1) {
      if (i > 0 && this.x[i] - this.x[i - 1] >= pause) {
        rows.push(i * 4 + ROW.pause);
      }
      while (hole < holes.length && holes[hole].packet <= this.packet[i]) {
        this.holes.set(rows.length, holes[hole]);
        rows.push(i * 4 + ROW.hole);
        hole += 1;
      }
      if (this.passesOver(i)) {
        rows.push(i * 4 + ROW.missing);
      }
      this.rowOfFrame[i] = rows.length;
      rows.push(i * 4 + ROW.frame);
      while (lost < acks.length && acks[lost][0] === i) {
        this.lostAcks.set(rows.length, acks[lost]);
        rows.push(i * 4 + ROW.missing);
        lost += 1;
      }
    }
    this.rows = Int32Array.from(rows);
  }

  /** From how many seconds on a silence is worth a line of the ladder: far above the ordinary distance of frames. */
  pauseLength() {
    const gaps = [];
    const stride = Math.max(1, Math.floor(this.count / 2000));
    for (let i = stride; i < this.count; i += stride) {
      gaps.push(this.x[i] - this.x[i - 1]);
    }
    gaps.sort((a, b) => a - b);
    const ordinary = gaps[Math.floor(gaps.length * 0.75)] ?? 0;
    return Math.max(1e-3, ordinary * 4, (this.x[this.count - 1] - this.x[0]) / 1000);
  }

  /** The first frame drawn at `time` or later. */
  firstAt(time) {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] < time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** True for frames that carry a position: MSG, DONE. */
  isDeparture(i) {
    const name = this.name(i);
    return name === 'MSG' || name === 'DONE';
  }

  isAck(i) {
    return this.name(i) === 'ACK';
  }

  /** Frames with the position of frame `i`, of its kind. */
  copies(i) {
    const found = [];
    for (let k = 0; k < this.count; k += 1) {
      if (this.pos[k] === this.pos[i] && this.columns.name[k] === this.columns.name[i]) {
        found.push(k);
      }
    }
    return found;
  }

  /** The first ACK after frame `i` that covers its position, or null. */
  ackOf(i) {
    for (let k = i + 1; k < this.count; k += 1) {
      if (this.isAck(k) && this.pos[k] >= this.pos[i]) {
        return k;
      }
    }
    return null;
  }

  /** What frame `i` is, in a few words. */
  title(i) {
    const name = this.name(i) ?? 'unknown frame';
    return Number.isNaN(this.pos[i]) ? name : `${name} ${this.pos[i]}`;
  }

  /** What the frame did, in a few words; empty for the ordinary. What the ladder's own rows say already is left out where `short`. */
  remark(i, short = false) {
    const words = [];
    const missing = this.missing(i);
    const passed = missing === null ? '' : runs([missing]);
    switch (this.verdict(i)) {
      case 'skip': if (!short) { words.push(`passes over ${passed}`); } break;
      case 'new': if (missing !== null && !short) { words.push(`${passed} not seen`); } break;
      case 'beyond-window': words.push(`beyond the window’s edge${short ? '' : ` ${this.edge[i]}`}`); break;
      case 'fill': words.push('first copy, late'); break;
      case 'resend': words.push('again'); break;
      case 'unclear': words.push(short ? 'new or again?' : 'new or again: cannot tell'); break;
      case 'not-a-position': words.push('no position of a message'); break;
      case 'jump': words.push(`covers ${passed}`); break;
      case 'reack': words.push('answers a duplicate'); break;
      case 'duplicate': words.push('same ACK again'); break;
      case 'regress': words.push('below the last ACK'); break;
      case 'premature': words.push(`before ${passed} had arrived`); break;
      case 'unsent': words.push('of what was never written'); break;
      case 'unclear-ack': words.push(short ? 'late or again?' : 'late or again: cannot tell'); break;
      case 'malformed': words.push('payload is no number'); break;
      default:
    }
    switch (this.arrival(i)) {
      case 'ahead': words.push('held'); break;
      case 'duplicate': if (!short) { words.push('a duplicate for the server'); } break;
      case 'held-twice': words.push('held already'); break;
      case 'no-room': words.push('no room to hold it'); break;
      default:
    }
    if (this.columns.not_captured[i] !== undefined) {
      words.push('not all captured');
    }
    return words.join(', ');
  }
}
