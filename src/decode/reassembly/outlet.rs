//! The way out of a direction: calls the sink and counts.

use super::half::Half;
use super::recent::Recent;
use super::{Chunk, ConnectionInfo, Hole, StreamLimits, StreamNote, StreamSink, Way};

/// What reassembly did, over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamCounters {
    /// Segments fed.
    pub segments: u64,
    /// Bytes delivered in chunks.
    pub delivered_bytes: u64,
    /// Holes stated, and their bytes.
    pub holes: u64,
    /// Bytes in holes.
    pub hole_bytes: u64,
    /// Segments whose bytes were all there already.
    pub repeated_segments: u64,
    /// Copies that differ from the first.
    pub differing_copies: u64,
    /// Bytes that came after their hole was given up.
    pub late_bytes: u64,
    /// Bytes from before a settled start.
    pub before_start_bytes: u64,
    /// Bytes after a FIN.
    pub after_fin_bytes: u64,
    /// Bytes carried by RST segments.
    pub reset_bytes: u64,
    /// Segments ignored because of their sequence number.
    pub implausible_segments: u64,
    /// Open connections forgotten because there were too many at once.
    pub evicted_connections: u64,
    /// Times that a direction gave up a hole because of [`StreamLimits::held_bytes`].
    pub held_limit_reached: u64,
    /// Times that one did because of [`StreamLimits::held_bytes_in_all`].
    pub held_in_all_limit_reached: u64,
}

impl StreamCounters {
    fn add(&mut self, other: &Self) {
        let Self {
            segments,
            delivered_bytes,
            holes,
            hole_bytes,
            repeated_segments,
            differing_copies,
            late_bytes,
            before_start_bytes,
            after_fin_bytes,
            reset_bytes,
            implausible_segments,
            evicted_connections,
            held_limit_reached,
            held_in_all_limit_reached,
        } = other;
        self.segments += segments;
        self.delivered_bytes += delivered_bytes;
        self.holes += holes;
        self.hole_bytes += hole_bytes;
        self.repeated_segments += repeated_segments;
        self.differing_copies += differing_copies;
        self.late_bytes += late_bytes;
        self.before_start_bytes += before_start_bytes;
        self.after_fin_bytes += after_fin_bytes;
        self.reset_bytes += reset_bytes;
        self.implausible_segments += implausible_segments;
        self.evicted_connections += evicted_connections;
        self.held_limit_reached += held_limit_reached;
        self.held_in_all_limit_reached += held_in_all_limit_reached;
    }
}

/// What all directions share.
#[derive(Debug)]
pub(in crate::decode) struct Shared {
    pub(in crate::decode) limits: StreamLimits,
    pub(in crate::decode) counters: StreamCounters,
    /// What the backlogs of all directions cost.
    pub(super) held_in_all: usize,
    /// Of each half of the connections.
    pub(super) recent: [Recent; 2],
}

impl Shared {
    pub(in crate::decode) fn new(limits: StreamLimits) -> Self {
        Self { limits, counters: StreamCounters::default(), held_in_all: 0, recent: Default::default() }
    }

    /// What all backlogs cost now.
    pub(in crate::decode) const fn held_in_all(&self) -> usize {
        self.held_in_all
    }

    /// The share of the connections of `half`, whose backlogs cost `held`.
    pub(in crate::decode) fn split_off(&mut self, half: Half, held: usize) -> Self {
        self.held_in_all = self.held_in_all.saturating_sub(held);
        let mut other = Self { held_in_all: held, ..Self::new(self.limits) };
        let at = half.index();
        other.recent[at] = std::mem::take(&mut self.recent[at]);
        other
    }

    /// The reverse.
    pub(in crate::decode) fn join(&mut self, half: Half, mut other: Self) {
        self.held_in_all += other.held_in_all;
        self.counters.add(&other.counters);
        let at = half.index();
        self.recent[at] = std::mem::take(&mut other.recent[at]);
    }
}

/// The sink with everything a call to it needs.
pub(in crate::decode) struct Outlet<'a, S: StreamSink> {
    pub(in crate::decode) sink: &'a mut S,
    pub(in crate::decode) info: &'a mut ConnectionInfo,
    pub(in crate::decode) state: &'a mut S::State,
    pub(in crate::decode) shared: &'a mut Shared,
    pub(in crate::decode) half: Half,
    pub(in crate::decode) way: Way,
}

impl<S: StreamSink> Outlet<'_, S> {
    #[inline(always)] // into the express way
    pub(super) const fn recent(&mut self) -> &mut Recent {
        &mut self.shared.recent[self.half.index()]
    }

    #[inline(always)] // into the express way
    pub(super) fn chunk(&mut self, chunk: Chunk<'_>) {
        self.shared.counters.delivered_bytes += chunk.bytes.len() as u64;
        self.sink.chunk(self.info, self.state, self.way, chunk);
    }

    pub(super) fn hole(&mut self, hole: Hole) {
        self.shared.counters.holes += 1;
        self.shared.counters.hole_bytes += hole.len;
        self.sink.hole(self.info, self.state, self.way, hole);
    }

    pub(in crate::decode) fn owed(&mut self, up_to: u64) {
        self.sink.owed(self.info, self.state, self.way, up_to);
    }

    pub(super) fn note(&mut self, note: StreamNote) {
        let counters = &mut self.shared.counters;
        match note {
            StreamNote::DifferingCopy { .. } => counters.differing_copies += 1,
            StreamNote::LateBytes { len, .. } => counters.late_bytes += len,
            StreamNote::BeforeStart { len, .. } => counters.before_start_bytes += len,
            StreamNote::AfterFin { len, .. } => counters.after_fin_bytes += len,
            StreamNote::InReset { len, .. } => counters.reset_bytes += len,
            StreamNote::Implausible { .. } => counters.implausible_segments += 1,
            StreamNote::Repeated { .. } => counters.repeated_segments += 1,
        }
        self.sink.note(self.info, self.state, self.way, note);
    }
}
