//! What comes out of reassembly: chunks, holes and notes, and who takes them.

use std::fmt;

use crate::decode::Endpoint;
use crate::decode::prefetch::Depth;
use crate::time::Timestamp;

/// One direction of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// From the sender of the connection's first captured packet, `ends[0]`.
    Forth,
    /// From the other end, `ends[1]`.
    Back,
}

impl Way {
    /// Both, in the order of [`ConnectionInfo::ends`].
    pub const BOTH: [Self; 2] = [Self::Forth, Self::Back];

    /// Where this direction's sender stands in [`ConnectionInfo::ends`], and its things in any `[T; 2]`: 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The opposite direction.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Forth => Self::Back,
            Self::Back => Self::Forth,
        }
    }
}

/// What stream offset 0 of a direction stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// Not known yet: no data was delivered and no SYN seen.
    #[default]
    Unknown,
    /// The byte after the SYN, which was captured or follows from the acknowledgement in a SYN-ACK.
    Syn,
    /// The lowest sequence number of the captured data: the connection's beginning is not in the capture.
    MidStream,
}

/// What is known about a TCP connection. What each packet changes comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C)]
pub struct ConnectionInfo {
    /// The latest packet so far; during a call from [`Connections::segment`](crate::decode::Connections::segment)
    /// the one being fed.
    pub last_packet: u64,
    /// Its capture time.
    pub last_time: Option<Timestamp>,
    /// Packets captured so far, by [`Way::index`].
    pub packets: [u64; 2],
    /// From 0, in order of first packet, over every TCP connection of the run.
    pub id: u32,
    /// The sender of the first captured packet, then the other end. Equal when a host talks to itself from one
    /// port; everything then goes [`Way::Forth`].
    pub ends: [Endpoint; 2],
    /// Who opened the connection: sent a SYN, or received a SYN-ACK. `None` when neither was captured.
    pub opener: Option<Way>,
    /// What offset 0 stands on, by [`Way::index`].
    pub start: [Start; 2],
    /// The first captured packet.
    pub first_packet: u64,
    /// Its capture time.
    pub first_time: Option<Timestamp>,
    /// Whether a FIN was captured, by [`Way::index`].
    pub fin: [bool; 2],
    /// Whether an RST was captured, by [`Way::index`].
    pub reset: [bool; 2],
}

impl ConnectionInfo {
    /// Who sends in this direction.
    #[must_use]
    pub const fn from(&self, way: Way) -> Endpoint {
        self.ends[way.index()]
    }

    /// Who receives in this direction.
    #[must_use]
    pub const fn to(&self, way: Way) -> Endpoint {
        self.ends[way.other().index()]
    }

    /// The direction from the client: the opener, or who sent first when the opening was not captured.
    #[must_use]
    pub const fn from_client(&self) -> Way {
        match self.opener {
            Some(way) => way,
            None => Way::Forth,
        }
    }
}

/// Bytes of a direction, in order: one captured segment's, or the part of it that was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Stream offset of the first byte: bytes since offset 0 (see [`Start`]), holes included.
    pub offset: u64,
    /// The bytes; never empty.
    pub bytes: &'a [u8],
    /// The packet that brought them.
    pub packet: u64,
    /// Its capture time.
    pub time: Option<Timestamp>,
}

/// Bytes of a direction that the capture does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Stream offset of the first missing byte.
    pub offset: u64,
    /// Missing bytes; never 0.
    pub len: u64,
    /// Why they are missing, or why waiting for them ended.
    pub cause: HoleCause,
    /// The packet that shows it: the cut one for [`HoleCause::Truncated`], else the one that brought what stands behind it,
    /// or, with nothing there, the one at which waiting ended.
    pub packet: u64,
    /// Capture time of `packet`; for holes stated at the end of the capture, of the connection's last packet.
    pub time: Option<Timestamp>,
}

/// Why a hole is a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoleCause {
    /// The other side acknowledged the bytes, so they were on the wire; the capture never shows them.
    NotCaptured,
    /// The other side acknowledged bytes after the last captured one, as in a capture of one direction: stated when the
    /// connection ends. Only the other side's word stands for them; where its FIN was captured but this side's was
    /// not, the last acknowledged number is taken for the FIN's.
    AcknowledgedBeyond,
    /// A snap length (or a damaged file) cut them off their packet.
    Truncated,
    /// More was waiting behind the hole than [`StreamLimits`](super::StreamLimits) allow.
    LimitReached,
    /// The capture or the connection ended while the hole was open and nobody had acknowledged the bytes.
    CaptureEnded,
}

/// Something about a segment that neither chunk nor hole says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamNote {
    /// A further copy of bytes differs from the first, which was kept. Certain when said; a difference may go unsaid
    /// when the copies are cut at different places or far apart.
    DifferingCopy {
        /// Stream offset of the first byte that differs; once the first copy was delivered, of the first of its chunks
        /// that differs.
        offset: u64,
        /// Bytes that differ, or the length of the chunks that do.
        len: u64,
        /// The packet with the second copy.
        packet: u64,
    },
    /// Bytes came after their hole had been given up: they are in no chunk.
    LateBytes {
        /// Stream offset of the first.
        offset: u64,
        /// How many.
        len: u64,
        /// The packet that brought them.
        packet: u64,
    },
    /// Bytes came from before offset 0, after the start of the direction had been settled: they are in no chunk.
    BeforeStart {
        /// How many.
        len: u64,
        /// The packet that brought them.
        packet: u64,
    },
    /// Bytes came with sequence numbers after the FIN's: they are in no chunk.
    AfterFin {
        /// How many.
        len: u64,
        /// The packet that brought them.
        packet: u64,
    },
    /// An RST carries bytes: most likely a reason in words (RFC 1122 §4.2.2.12). They are delivered after this note,
    /// as other tools show them, too.
    InReset {
        /// How many.
        len: u64,
        /// The packet that brought them.
        packet: u64,
    },
    /// A sequence number too far from the stream to belong to it (see
    /// [`StreamLimits::plausible_jump`](super::StreamLimits::plausible_jump)): the segment was ignored.
    Implausible {
        /// Bytes ignored.
        len: u64,
        /// The packet.
        packet: u64,
    },
    /// A segment whose bytes were all there already: retransmitted, a keep-alive, or captured twice.
    Repeated {
        /// Stream offset of its first byte.
        offset: u64,
        /// Its bytes.
        len: u64,
        /// The packet.
        packet: u64,
    },
}

impl StreamNote {
    /// True for what no TCP does that works as it should, or what a damaged capture shows: not for repeated bytes, which
    /// are ordinary, nor for an RST's reason.
    #[must_use]
    pub const fn is_odd(&self) -> bool {
        !matches!(self, Self::Repeated { .. } | Self::InReset { .. })
    }
}

impl fmt::Display for StreamNote {
    /// The packet, then what it is: `packet 9: 4 bytes after the FIN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DifferingCopy { offset, packet, .. } => write!(
                f,
                "packet {packet}: another copy of the bytes at stream offset {offset} differs from the first, which was kept"
            ),
            Self::LateBytes { offset, len, packet } => {
                write!(f, "packet {packet}: {len} bytes at stream offset {offset} came after their hole was given up")
            }
            Self::BeforeStart { len, packet } => {
                write!(f, "packet {packet}: {len} bytes from before the stream's settled start")
            }
            Self::AfterFin { len, packet } => write!(f, "packet {packet}: {len} bytes after the FIN"),
            Self::InReset { len, packet } => write!(f, "packet {packet}: {len} bytes in an RST"),
            Self::Implausible { len, packet } => {
                write!(f, "packet {packet}: a sequence number far outside the stream: {len} bytes ignored")
            }
            Self::Repeated { offset, len, packet } => {
                write!(f, "packet {packet}: {len} bytes at stream offset {offset} once more")
            }
        }
    }
}

/// How a connection ended, as far as the capture tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closing {
    /// Both sides sent FIN.
    Fin,
    /// At least one side sent RST.
    Reset,
    /// A new SYN on the same addresses and ports began another connection; no FIN pair or RST was seen.
    Replaced,
    /// The capture ended; no FIN pair or RST was seen.
    CaptureEnded,
    /// Too many connections at once: this one had been idle longest and is forgotten.
    Evicted,
}

/// What a connection still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Captured bytes that wait behind an open hole, or for the start to be settled; by [`Way::index`].
    pub held: [usize; 2],
    /// Stream offset up to which the other side has acknowledged bytes that the capture has not shown so far; by
    /// [`Way::index`].
    pub owed: [Option<u64>; 2],
}

/// Takes the bytes of every connection, in stream order per direction.
///
/// Per direction, chunks and holes come in order of offset and adjoin: each begins where the last one ended, the first
/// at 0. Between the two directions the order is that of the capture. Every call carries the connection's own state.
pub trait StreamSink {
    /// Kept inside the connection, so that a packet costs one look-up.
    type State: Default;

    /// The next bytes.
    fn chunk(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, chunk: Chunk<'_>);

    /// The next bytes are not in the capture.
    fn hole(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, hole: Hole);

    /// The other side has acknowledged everything before stream offset `up_to` of this direction, and the capture has
    /// not shown all of it, at least not so far: capture records may be out of order. Called with every such segment,
    /// before what it carries is given: that may be an answer to bytes that are never seen. What is one byte only may also
    /// be a FIN.
    fn owed(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, up_to: u64) {
        let _ = (connection, state, way, up_to);
    }

    /// Called once after every segment of the connection, when its chunks, holes and notes were given.
    ///
    /// While something waits, what the other direction delivers may be an answer to something not yet delivered.
    fn settled(&mut self, connection: &ConnectionInfo, state: &mut Self::State, waiting: Waiting) {
        let _ = (connection, state, waiting);
    }

    /// True when, from now on, [`settled`](Self::settled) with nothing waiting would do nothing, and [`chunk`](Self::chunk)
    /// does not change that. It then need not be called, which lets segments take the express way.
    fn is_quiet(&self, state: &Self::State) -> bool {
        let _ = state;
        false
    }

    /// Bytes that are kept of a connection and count against a limit over all.
    fn kept(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }

    /// A segment of this direction will come soon: asks for the memory that `state` leads to, as far as that depth; the
    /// depths come one after another, with time between them.
    fn fetch(&self, state: &Self::State, way: Way, depth: Depth) {
        let _ = (state, way, depth);
    }

    /// Something about a segment that is worth knowing.
    fn note(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, note: StreamNote) {
        let _ = (connection, state, way, note);
    }

    /// The last call for this connection but notes; everything was delivered. Called for every connection, also one
    /// without data. Notes about packets that still follow come with what [`forget`](Self::forget) leaves.
    fn closed(&mut self, connection: &ConnectionInfo, state: &mut Self::State, closing: Closing);

    /// Called after [`closed`](Self::closed): lets go of what the state holds.
    fn forget(&mut self, state: &mut Self::State) {
        *state = Self::State::default();
    }
}
