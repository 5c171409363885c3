//! How much is kept, and how long is waited, before a hole is given up.

/// Bounds on memory and patience. Reaching one never loses a captured byte: an open hole is given up, or a connection
/// is closed early, and both are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// Bytes that may wait behind open holes, per direction.
    pub held_bytes: usize,
    /// Pieces of segments that may wait, per direction.
    pub held_segments: usize,
    /// Bytes that may wait, over all connections. The direction that goes beyond it gives up its holes.
    pub held_bytes_in_all: usize,
    /// Packets of the connection that may still follow after a hole was acknowledged by the other side: capture
    /// records may be out of order, so that an acknowledgement stands before the bytes it acknowledges.
    pub packets_after_ack: u16,
    /// Segments of a direction without SYN that wait for lower ones before its lowest byte becomes offset 0. An
    /// acknowledgement from the other side (and `packets_after_ack`) ends the wait earlier.
    pub start_segments: usize,
    /// Bytes that wait for the same reason.
    pub start_bytes: usize,
    /// Farthest that a segment may begin beyond everything sent or acknowledged before it, in bytes. One that begins
    /// farther out is ignored, unless the same direction had another that ended exactly there: two in a row are a
    /// capture that lost much, one is garbage. A segment that claims to be longer than this is ignored, too.
    pub plausible_jump: u32,
    /// Connections tracked at once. Beyond it the longest idle sixteenth is forgotten: closed ones, if there are as
    /// many.
    pub connections: usize,
    /// Closed connections remembered at most, beside one for each four that are open: a segment that comes late still belongs to
    /// the one it is of. Connections are remembered in two parts, by a bit of the hash of their ends, each with half of this;
    /// in a part that goes beyond it, the half that was idle longest is forgotten.
    pub closed: usize,
}

impl StreamLimits {
    /// For rows that somebody watches as they come: a hole costs little delay.
    #[must_use]
    pub const fn prompt() -> Self {
        Self {
            held_bytes: 1 << 20,
            held_segments: 64,
            held_bytes_in_all: 256 << 20,
            packets_after_ack: 8,
            start_segments: 4,
            start_bytes: 64 << 10,
            plausible_jump: 16 << 20,
            connections: 1_000_000,
            closed: 16_384,
        }
    }

    /// For files that are read when they are complete: waits longer for bytes that come late.
    #[must_use]
    pub const fn patient() -> Self {
        Self {
            held_bytes: 4 << 20,
            held_segments: 1024,
            packets_after_ack: 256,
            start_segments: 256,
            start_bytes: 1 << 20,
            ..Self::prompt()
        }
    }
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self::prompt()
    }
}
