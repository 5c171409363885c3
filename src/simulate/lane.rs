//! One direction of the way between client and server: segments in order, with the times at which each passes the
//! capture point, arrives, and is read.

use std::collections::VecDeque;
use std::ops::Range;

use oorandom::Rand64;

use super::scenario::Vantage;
use crate::endpoint::FrameCopy;
use crate::wire::{Name, Pos, Side};

/// Bytes already read are let go once they are so many.
const COMPACT: usize = 64 << 10;

/// Unread bytes at which a writer has to wait, about what socket buffers hold.
const FULL: usize = 4 << 20;

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// SYN, SYN-ACK or the ACK after it.
    Opening(Opening),
    /// Bytes of frames.
    Data,
    /// An ACK without data.
    Ack,
    /// The sender's FIN.
    Fin,
}

/// The three segments that open a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Syn,
    SynAck,
    Ack,
}

/// A segment under way. Times are nanoseconds since the scenario's start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) kind: Kind,
    /// When it passes the capture point.
    pub(super) passes: u64,
    /// When it reaches the other side's TCP.
    pub(super) arrives: u64,
    /// When the other side's endpoint takes it in.
    pub(super) read: u64,
    /// Bytes of data.
    pub(super) len: usize,
    /// How many bytes of the other direction its sender had received.
    pub(super) received: u64,
}

/// A frame in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Stream offset of its end.
    pub(super) end: u64,
    pub(super) name: Name,
    /// Of an ACK, its number.
    pub(super) pos: Pos,
    pub(super) copy: FrameCopy,
}

/// How long things take on a lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) delay: u64,
    pub(super) jitter: u64,
    /// From arrival to being read: a latency, so that a busy reader takes in all that has come by then.
    pub(super) processing: u64,
}

/// Everything that one side sends.
#[derive(Debug)]
pub(super) struct Lane {
    from: Side,
    vantage: Vantage,
    pace: Pace,
    chance: Rand64,
    /// What is written and not read yet, and what was read before it since the last compaction.
    pub(super) bytes: Vec<u8>,
    /// How many of `bytes` were read.
    read: usize,
    /// How many of `bytes` passed the capture point.
    seen: usize,
    /// Stream offset of the first of `bytes`.
    base: u64,
    /// Not read yet. The first `arrived` have arrived, the first `passed` have passed the capture point.
    segments: VecDeque<Segment>,
    passed: usize,
    arrived: usize,
    next: Next,
    last_arrival: u64,
    last_read: u64,
    /// Frames that have not passed the capture point; kept only where someone asks for them.
    pub(super) marks: VecDeque<Mark>,
}

/// When the next segment passes the capture point, when the next that has passed arrives, and when the next that has
/// arrived is read; [`u64::MAX`] for none. Kept, since each step of the connection asks for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Next {
    pass: u64,
    arrival: u64,
    read: u64,
}

impl Lane {
    pub(super) fn new(from: Side, vantage: Vantage, pace: Pace, chance: Rand64) -> Self {
        Self {
            from,
            vantage,
            pace,
            chance,
            bytes: Vec::new(),
            read: 0,
            seen: 0,
            base: 0,
            segments: VecDeque::new(),
            passed: 0,
            arrived: 0,
            next: Next { pass: u64::MAX, arrival: u64::MAX, read: u64::MAX },
            last_arrival: 0,
            last_read: 0,
            marks: VecDeque::new(),
        }
    }

    /// Bytes written so far.
    pub(super) const fn written(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Bytes that a socket would still take, for what the other side has to read already.
    pub(super) const fn room(&self) -> usize {
        FULL.saturating_sub(self.bytes.len() - self.read)
    }

    /// True when that is none.
    pub(super) const fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// Bytes that passed the capture point so far.
    pub(super) const fn passed_bytes(&self) -> u64 {
        self.base + self.seen as u64
    }

    /// Sends a segment at `now`. Data are the next `len` bytes that no segment has yet.
    pub(super) fn send(&mut self, kind: Kind, len: usize, received: u64, now: u64) {
        let jitter = if self.pace.jitter == 0 { 0 } else { self.chance.rand_range(0..self.pace.jitter + 1) };
        let arrives = (now + self.pace.delay + jitter).max(self.last_arrival);
        let passes = self.vantage.passing(self.from, now, arrives);
        let processing = if kind == Kind::Data { self.pace.processing } else { 0 };
        let read = (arrives + processing).max(self.last_read);
        self.last_arrival = arrives;
        self.last_read = read;
        if self.passed == self.segments.len() {
            self.next.pass = passes;
        }
        self.segments.push_back(Segment { kind, passes, arrives, read, len, received });
    }

    /// When the next segment passes the capture point; `u64::MAX` for none, here and below.
    #[inline]
    pub(super) const fn next_pass(&self) -> u64 {
        self.next.pass
    }

    /// What the next segment to pass acknowledges.
    pub(super) fn next_received(&self) -> u64 {
        self.segments.get(self.passed).map_or(0, |segment| segment.received)
    }

    /// When the next segment arrives that has passed.
    #[inline]
    pub(super) const fn next_arrival(&self) -> u64 {
        self.next.arrival
    }

    /// When the next segment is read that has arrived.
    #[inline]
    pub(super) const fn next_read(&self) -> u64 {
        self.next.read
    }

    /// Takes the next segment past the capture point: the segment, and where in `bytes` its data are.
    pub(super) fn pass(&mut self) -> Option<(Segment, Range<usize>)> {
        let segment = *self.segments.get(self.passed)?;
        if self.arrived == self.passed {
            self.next.arrival = segment.arrives;
        }
        self.passed += 1;
        self.next.pass = self.segments.get(self.passed).map_or(u64::MAX, |segment| segment.passes);
        let data = self.seen..self.seen + segment.len;
        self.seen = data.end;
        Some((segment, data))
    }

    /// The next frame that lies whole before the capture point.
    pub(super) fn passed_frame(&mut self) -> Option<Mark> {
        let mark = *self.marks.front().filter(|mark| mark.end <= self.passed_bytes())?;
        self.marks.pop_front();
        Some(mark)
    }

    /// Takes in the arrival of the next segment.
    pub(super) fn arrive(&mut self) -> Option<Segment> {
        let segment = *self.segments.get(self.arrived)?;
        if self.arrived == 0 {
            self.next.read = segment.read;
        }
        self.arrived += 1;
        let has_passed = self.segments.get(self.arrived).filter(|_| self.arrived < self.passed);
        self.next.arrival = has_passed.map_or(u64::MAX, |segment| segment.arrives);
        Some(segment)
    }

    /// Takes every segment that is to be read by `now` off the lane and says where in `bytes` their data are; true when
    /// a FIN is among them.
    pub(super) fn take_read(&mut self, now: u64) -> (Range<usize>, bool) {
        let start = self.read;
        let mut fin = false;
        while self.next.read <= now {
            let Some(segment) = self.segments.pop_front() else { break };
            self.passed -= 1;
            self.arrived -= 1;
            let has_arrived = self.segments.front().filter(|_| self.arrived > 0);
            self.next.read = has_arrived.map_or(u64::MAX, |segment| segment.read);
            self.read += segment.len;
            fin |= segment.kind == Kind::Fin;
        }
        (start..self.read, fin)
    }

    /// Lets go of bytes that were read.
    pub(super) fn compact(&mut self) {
        if self.read == self.bytes.len() || self.read > COMPACT {
            self.bytes.drain(..self.read);
            self.base += self.read as u64;
            self.seen -= self.read;
            self.read = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What [`Next`] keeps, looked for among the segments.
    fn sought(lane: &Lane) -> Next {
        let time = |at: usize, before: usize, time: fn(&Segment) -> u64| {
            lane.segments.get(at).filter(|_| at < before).map_or(u64::MAX, time)
        };
        Next {
            pass: time(lane.passed, usize::MAX, |segment| segment.passes),
            arrival: time(lane.arrived, lane.passed, |segment| segment.arrives),
            read: time(0, lane.arrived, |segment| segment.read),
        }
    }

    proptest! {
        #[test]
        fn the_next_times_are_those_of_the_segments(
            seed: u64,
            (delay, jitter, processing) in (0_u64..50, 0_u64..50, 0_u64..50),
            share in 0_u32..=1_000_000,
            acts in proptest::collection::vec((0_u8..3, 0_u64..30), 1..200),
        ) {
            let pace = Pace { delay, jitter, processing };
            let mut lane = Lane::new(Side::Client, Vantage::from_share(f64::from(share) / 1e6).unwrap(), pace, Rand64::new(u128::from(seed)));
            let mut now = 0;
            for (act, pause) in acts {
                let next = lane.next_pass().min(lane.next_arrival()).min(lane.next_read());
                if act == 0 || next == u64::MAX {
                    now += pause;
                    lane.bytes.push(0);
                    lane.send(if pause % 5 == 0 { Kind::Ack } else { Kind::Data }, usize::from(pause % 5 != 0), 0, now);
                } else if next == lane.next_pass() {
                    lane.pass();
                } else if next == lane.next_arrival() {
                    lane.arrive();
                } else {
                    lane.take_read(next + pause);
                }
                prop_assert_eq!(lane.next, sought(&lane));
            }
        }
    }
}
