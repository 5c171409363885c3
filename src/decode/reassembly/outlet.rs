//! The way out of a direction: calls the sink and counts.

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

/// What all directions share.
#[derive(Debug)]
pub(in crate::decode) struct Shared {
    pub(in crate::decode) limits: StreamLimits,
    pub(in crate::decode) counters: StreamCounters,
    /// What the backlogs of all directions cost.
    pub(super) held_in_all: usize,
    pub(super) recent: Recent,
}

impl Shared {
    pub(in crate::decode) fn new(limits: StreamLimits) -> Self {
        Self { limits, counters: StreamCounters::default(), held_in_all: 0, recent: Recent::default() }
    }

    /// What all backlogs cost now.
    #[cfg(test)]
    pub(in crate::decode) fn held_in_all(&self) -> usize {
        self.held_in_all
    }
}

/// The sink with everything a call to it needs.
pub(in crate::decode) struct Outlet<'a, S: StreamSink> {
    pub(in crate::decode) sink: &'a mut S,
    pub(in crate::decode) info: &'a mut ConnectionInfo,
    pub(in crate::decode) state: &'a mut S::State,
    pub(in crate::decode) shared: &'a mut Shared,
    pub(in crate::decode) way: Way,
}

impl<S: StreamSink> Outlet<'_, S> {
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
