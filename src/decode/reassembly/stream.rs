//! One direction: sequence numbers to positions, in-order bytes straight through, the rest held until its hole is
//! filled or given up.
//!
//! Inside, a byte has a *position*: 64 bits that never wrap, [`ORIGIN`] for the sequence number first heard of. The
//! stream offset told outside is the position less that of offset 0, which is only known once the start is settled.

mod express;
mod holes;

use std::ops::Range;

use super::backlog::{Backlog, Cut, Piece, Slot};
use super::outlet::Outlet;
use super::recent::Link;
use super::{Chunk, Start, StreamNote, StreamSink};
use crate::decode::{Segment, TcpFlags, TcpSeq};
use crate::time::Timestamp;

/// Position of the base sequence number: room below for segments that come late, and zero in its low 32 bits.
const ORIGIN: u64 = 1 << 32;

/// Farthest that a SYN may lie below the data that was captured before it, in bytes.
const LATE_SYN_REACH: u64 = 1 << 20;

/// How far a direction has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Nothing was heard of it.
    #[default]
    Unheard,
    /// A sequence number is known, from a segment without data or an acknowledgement of the other side.
    Heard,
    /// Data without SYN: everything is held, since a lower segment may still come.
    Starting,
    /// Offset 0 is known.
    Running,
}

/// Captured bytes of one segment at a position.
#[derive(Clone, Copy)]
struct Piecemeal<'a> {
    start: u64,
    bytes: &'a [u8],
    packet: u64,
    time: Option<Timestamp>,
}

impl<'a> Piecemeal<'a> {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The part of it in `range`.
    fn part(&self, range: Range<u64>) -> Self {
        let from = range.start.clamp(self.start, self.end());
        let to = range.end.clamp(from, self.end());
        let bytes: &'a [u8] = &self.bytes[(from - self.start) as usize..(to - self.start) as usize];
        Self { start: from, bytes, ..*self }
    }
}

/// The state of one direction. What the express way needs comes first.
#[derive(Debug, Default)]
#[repr(C)]
pub(in crate::decode) struct Stream {
    /// The position up to which everything was delivered or given up.
    next: u64,
    /// Position of offset 0; meaningful when running.
    zero: u64,
    /// Everything before was acknowledged by the other side; 0 while nothing was.
    acked: u64,
    recent: Link,
    /// The sequence number at [`ORIGIN`].
    base: u32,
    phase: Phase,
    /// The end of the captured data that lies farthest out, unless that is `next`.
    beyond: u64,
    backlog: Option<Box<Backlog>>,
    fin: Option<u64>,
    /// Where the last implausible segment ended.
    suspect: Option<TcpSeq>,
}

impl Stream {
    /// The sequence number that a SYN of this direction has, if the capture has told it.
    pub(in crate::decode) fn initial_sequence(&self) -> Option<TcpSeq> {
        (self.phase != Phase::Unheard).then(|| TcpSeq(self.base.wrapping_sub(1)))
    }

    /// True when `first` can be this direction's first byte although higher ones were captured before: nothing is
    /// settled yet and it lies a little below all that was heard of.
    pub(in crate::decode) fn may_start_at(&self, first: TcpSeq) -> bool {
        let lowest = match self.phase {
            Phase::Heard => ORIGIN,
            Phase::Starting => self.backlog.as_ref().and_then(|backlog| backlog.lowest()).unwrap_or(ORIGIN),
            Phase::Unheard | Phase::Running => return false,
        };
        let position = self.position(first);
        position <= lowest && lowest - position <= LATE_SYN_REACH
    }

    /// True when a FIN was captured and every byte before it is accounted for.
    pub(in crate::decode) fn is_complete(&self) -> bool {
        self.phase == Phase::Running && self.fin.is_some_and(|fin| fin <= self.next)
    }

    /// True when data was captured.
    pub(in crate::decode) fn has_data(&self) -> bool {
        self.backlog.is_some() || (self.phase == Phase::Running && self.next > self.zero)
    }

    /// Bytes that wait behind an open hole or for the start.
    pub(in crate::decode) fn waiting(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.waiting_bytes())
    }

    /// Takes a segment of this direction.
    #[inline]
    pub(in crate::decode) fn segment<S: StreamSink>(&mut self, segment: &Segment<'_>, out: &mut Outlet<'_, S>) {
        // The segment that nearly every segment is.
        if self.phase == Phase::Running
            && self.backlog.is_none()
            && segment.missing == 0
            && segment.flags.0 & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST).0 == 0
            && self.fin.is_none()
            && segment.seq == self.seq_at(self.next)
        {
            if !segment.payload.is_empty() {
                self.deliver(self.next, segment.payload, segment.packet, segment.time, out);
            }
            return;
        }
        self.unusual_segment(segment, out);
    }

    fn unusual_segment<S: StreamSink>(&mut self, segment: &Segment<'_>, out: &mut Outlet<'_, S>) {
        let packet = segment.packet;
        if segment.flags.has(TcpFlags::RST) {
            if segment.wire_len() == 0 {
                self.hear(segment.seq);
                return;
            }
            out.note(StreamNote::InReset { len: segment.wire_len(), packet });
        }
        let mut seq = segment.seq;
        if segment.flags.has(TcpFlags::SYN) {
            seq = seq + 1;
            self.anchor(seq, out);
        }
        let wire_len = segment.wire_len();
        let mut start = match self.phase {
            Phase::Unheard => {
                self.hear(seq);
                ORIGIN
            }
            Phase::Heard if wire_len > 0 && !self.is_plausible(self.position(seq), wire_len, out) => {
                // A number from an acknowledgement against one from data: the data is what there is.
                *self = Self::default();
                self.hear(seq);
                ORIGIN
            }
            _ => self.position(seq),
        };
        let fin = segment.flags.has(TcpFlags::FIN);
        if wire_len == 0 && !fin {
            return;
        }
        // No segment is that long, whatever its headers announce.
        let absurd = wire_len > u64::from(out.shared.limits.plausible_jump);
        if absurd || !self.is_plausible(start, wire_len, out) {
            if absurd || self.suspect != Some(seq) {
                self.suspect = (!absurd && wire_len > 0).then(|| seq + wire_len as u32);
                out.note(StreamNote::Implausible { len: wire_len, packet });
                return;
            }
            self.doubt_start(seq, packet, out);
            start = self.position(seq);
        }
        self.suspect = None;
        if wire_len > 0 {
            self.data(segment, start, out);
        }
        let end = start + wire_len;
        // A FIN before captured data is an old or a false one: the data shows that the stream went on.
        if fin && self.fin.is_none() && end >= self.sent().max(self.settled_up_to()) {
            self.fin = Some(end);
        }
        self.keep_limits(out);
    }

    /// A segment with data whose place is believed.
    fn data<S: StreamSink>(&mut self, segment: &Segment<'_>, start: u64, out: &mut Outlet<'_, S>) {
        let packet = segment.packet;
        let mut piece = Piecemeal { start, bytes: segment.payload, packet, time: segment.time };
        let mut wire_end = start + segment.wire_len();
        if self.phase == Phase::Heard {
            self.phase = Phase::Starting;
        }
        if self.phase == Phase::Running && start < self.zero {
            let early = wire_end.min(self.zero) - start;
            out.note(StreamNote::BeforeStart { len: early, packet });
            piece = piece.part(self.zero..u64::MAX);
            if wire_end <= self.zero {
                return;
            }
        }
        if let Some(fin) = self.fin.filter(|fin| *fin < wire_end) {
            out.note(StreamNote::AfterFin { len: wire_end - fin.max(start), packet });
            piece = piece.part(0..fin);
            wire_end = fin;
        }
        let keep_alive = segment.wire_len() == 1 && wire_end == self.sent();
        if wire_end <= piece.start {
            return;
        }
        let news = if keep_alive { false } else { self.place(piece, out) };
        if piece.end() < wire_end && self.settled_up_to() < wire_end {
            let cut = Cut { start: piece.end().max(self.settled_up_to()), end: wire_end, packet, time: segment.time };
            self.backlog.get_or_insert_default().cut(cut);
        } else if !news {
            out.note(StreamNote::Repeated { offset: self.offset(piece.start), len: wire_end - piece.start, packet });
        }
        self.beyond = self.beyond.max(wire_end);
    }

    /// Delivers or holds what is new of a piece, and says what is not; true when anything was.
    fn place<S: StreamSink>(&mut self, piece: Piecemeal<'_>, out: &mut Outlet<'_, S>) -> bool {
        let end = piece.end();
        let mut news = self.compare(piece, out);
        let mut at = piece.start.max(self.settled_up_to());
        while at < end {
            let slot = self.backlog.as_ref().map_or(Slot::FreeUntil(u64::MAX), |backlog| backlog.at(at));
            let stop = match slot {
                Slot::HeldUntil(stop) => {
                    at = stop;
                    continue;
                }
                Slot::FreeUntil(stop) => stop.min(end),
            };
            let part = piece.part(at..stop);
            news = true;
            if self.phase == Phase::Running && at == self.next {
                self.deliver(at, part.bytes, part.packet, part.time, out);
                self.drain(out);
                at = stop.max(self.next);
            } else {
                let held = Piece { bytes: part.bytes.into(), packet: part.packet, time: part.time };
                self.backlog.get_or_insert_default().hold(at, held);
                at = stop;
            }
        }
        news
    }

    /// Compares a copy with what there is, and says which of its bytes come too late; true when any do.
    fn compare<S: StreamSink>(&mut self, piece: Piecemeal<'_>, out: &mut Outlet<'_, S>) -> bool {
        let (packet, end) = (piece.packet, piece.end());
        let mut late = false;
        let mut difference = None;
        if let Some(backlog) = &mut self.backlog {
            difference = backlog.difference(piece.start, piece.bytes);
            let below = piece.start..end.min(self.next);
            while self.phase == Phase::Running
                && let Some(lost) = backlog.find_lost(&below)
            {
                late = true;
                let len = lost.end - lost.start;
                out.note(StreamNote::LateBytes { offset: lost.start - self.zero, len, packet });
            }
        }
        if self.phase == Phase::Running && piece.start < self.next {
            let delivered = out.recent().difference(self.recent, self.next, piece.start, piece.bytes);
            difference = delivered.or(difference);
        }
        if let Some((first, len)) = difference {
            out.note(StreamNote::DifferingCopy { offset: self.offset(first), len, packet });
        }
        late
    }

    /// Hands out bytes that begin at `self.next`.
    fn deliver<S: StreamSink>(
        &mut self,
        at: u64,
        bytes: &[u8],
        packet: u64,
        time: Option<Timestamp>,
        out: &mut Outlet<'_, S>,
    ) {
        self.deliver_here(at, bytes, packet, time, out);
    }

    /// The same, in the caller's loop.
    #[inline(always)]
    fn deliver_here<S: StreamSink>(
        &mut self,
        at: u64,
        bytes: &[u8],
        packet: u64,
        time: Option<Timestamp>,
        out: &mut Outlet<'_, S>,
    ) {
        self.recent = out.recent().remember(self.recent, at, bytes);
        self.next = at + bytes.len() as u64;
        out.chunk(Chunk { offset: at - self.zero, bytes, packet, time });
    }

    /// Hands out held pieces that begin at `self.next`.
    fn drain<S: StreamSink>(&mut self, out: &mut Outlet<'_, S>) {
        while let Some(piece) = self.backlog.as_mut().and_then(|backlog| backlog.take(self.next)) {
            self.deliver(self.next, &piece.bytes, piece.packet, piece.time, out);
        }
        if let Some(backlog) = &mut self.backlog {
            backlog.passed(self.next);
        }
    }

    /// The other side acknowledges everything before `ack`.
    #[inline]
    pub(in crate::decode) fn acknowledge<S: StreamSink>(&mut self, ack: TcpSeq, out: &Outlet<'_, S>) {
        if self.phase == Phase::Unheard {
            self.hear(ack);
        }
        let position = self.position(ack);
        if position > self.acked && self.is_plausible(position, 0, out) {
            self.acked = position;
        }
    }

    /// A SYN of this direction, seen or deduced, puts offset 0 at `first`.
    pub(in crate::decode) fn anchor<S: StreamSink>(&mut self, first: TcpSeq, out: &mut Outlet<'_, S>) {
        let position = self.position(first);
        let untouched = match self.phase {
            Phase::Unheard | Phase::Heard => true,
            // A second SYN-ACK with another number, before any data: the connection that is going to be used.
            Phase::Running => {
                self.next == self.zero && self.backlog.is_none() && self.fin.is_none() && position != self.zero
            }
            Phase::Starting => false,
        };
        if untouched {
            // What was acknowledged before stays acknowledged: a SYN-ACK may stand behind what came after it.
            let acked = match self.phase {
                Phase::Heard if self.acked >= position && self.is_plausible(position, 0, out) => {
                    ORIGIN + (self.acked - position)
                }
                _ => 0,
            };
            *self = Self { base: first.0, phase: Phase::Running, zero: ORIGIN, next: ORIGIN, acked, ..Self::default() };
        } else if self.phase == Phase::Starting {
            let lowest = self.backlog.as_ref().and_then(|backlog| backlog.lowest());
            if lowest.is_none_or(|lowest| lowest < position) || !self.is_plausible(position, 0, out) {
                return;
            }
            self.run_from(position, Start::Syn, out);
        } else if position != self.zero {
            return;
        }
        out.info.start[out.way.index()] = Start::Syn;
    }

    /// A SYN-ACK of the other side acknowledges up to `first`: the byte after the SYN, unless the SYN itself was
    /// captured and says otherwise (it may have carried data, RFC 7413).
    pub(in crate::decode) fn anchor_before<S: StreamSink>(&mut self, first: TcpSeq, out: &mut Outlet<'_, S>) {
        if self.phase != Phase::Running {
            self.anchor(first, out);
        }
    }

    /// A sequence number of this direction, before any data.
    pub(in crate::decode) fn hear(&mut self, seq: TcpSeq) {
        if self.phase == Phase::Unheard {
            *self = Self { base: seq.0, phase: Phase::Heard, next: ORIGIN, ..Self::default() };
        }
    }

    /// Two segments in a row contradict where the stream is believed to be. A SYN without data or one held segment
    /// yields to them; more stays, and settles the start. So does a SYN with its FIN, of which each bears the other out.
    fn doubt_start<S: StreamSink>(&mut self, seq: TcpSeq, packet: u64, out: &mut Outlet<'_, S>) {
        if self.phase == Phase::Running {
            if self.next == self.zero && self.backlog.is_none() && self.fin.is_none() {
                *self = Self::default();
                self.hear(seq);
                out.info.start[out.way.index()] = Start::Unknown;
            }
            return;
        }
        let Some(backlog) = &mut self.backlog else { return };
        if backlog.held_segments() > 1 {
            if let Some(lowest) = backlog.lowest() {
                self.run_from(lowest, Start::MidStream, out);
            }
            return;
        }
        let len = backlog.held_bytes() as u64;
        backlog.clear();
        self.tidy(out);
        *self = Self::default();
        self.hear(seq);
        out.note(StreamNote::Implausible { len, packet });
    }

    /// The start is settled.
    fn run_from<S: StreamSink>(&mut self, zero: u64, start: Start, out: &mut Outlet<'_, S>) {
        self.phase = Phase::Running;
        self.zero = zero;
        self.next = zero;
        out.info.start[out.way.index()] = start;
        self.drain(out);
    }

    /// What its backlog costs, as the account over all connections has it.
    pub(in crate::decode) fn held(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.charged)
    }

    /// Brings the account over all connections up to date and drops an empty backlog.
    fn tidy<S: StreamSink>(&mut self, out: &mut Outlet<'_, S>) {
        let Some(backlog) = &mut self.backlog else { return };
        let held = &mut out.shared.held_in_all;
        *held = held.saturating_sub(backlog.charged);
        backlog.charged = backlog.cost();
        *held += backlog.charged;
        if backlog.is_idle() {
            backlog.deadline = None;
        }
        if backlog.is_empty() {
            self.backlog = None;
        }
    }

    /// Whether a segment may lie here: see [`plausible_jump`](super::StreamLimits::plausible_jump).
    fn is_plausible<S: StreamSink>(&self, start: u64, len: u64, out: &Outlet<'_, S>) -> bool {
        let jump = u64::from(out.shared.limits.plausible_jump);
        let floor = match self.phase {
            Phase::Unheard => return true,
            Phase::Running => self.zero,
            Phase::Heard => ORIGIN,
            Phase::Starting => self.backlog.as_ref().and_then(|backlog| backlog.lowest()).unwrap_or(ORIGIN),
        };
        let edge = self.sent().max(self.acked);
        start <= edge + jump && floor <= start + len + jump
    }

    /// The position before which nothing can be delivered any more.
    fn settled_up_to(&self) -> u64 {
        if self.phase == Phase::Running { self.next } else { 0 }
    }

    /// The end of the captured data that lies farthest out.
    fn sent(&self) -> u64 {
        self.beyond.max(self.next)
    }

    fn seq_at(&self, position: u64) -> TcpSeq {
        TcpSeq(self.base.wrapping_add(position as u32))
    }

    /// The position of `seq` that is nearest to where the stream is.
    fn position(&self, seq: TcpSeq) -> u64 {
        let near = self.next.max(ORIGIN);
        near.saturating_add_signed(i64::from(seq.since(self.seq_at(near))))
    }

    /// The stream offset of a position; while the start is unsettled, as if the lowest known byte were offset 0.
    fn offset(&self, position: u64) -> u64 {
        let zero = match self.phase {
            Phase::Running => self.zero,
            _ => self.backlog.as_ref().and_then(|backlog| backlog.lowest()).unwrap_or(position),
        };
        position.saturating_sub(zero)
    }
}
