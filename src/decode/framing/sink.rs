//! What comes out of framing: frames, holes and notes of the connections that speak the protocol, and who takes them.

use std::fmt;

use super::Capacity;
use crate::decode::CapturedFrame;
use crate::decode::reassembly::{Closing, ConnectionInfo, Hole, Start, StreamNote, Way};
use crate::time::Timestamp;
use crate::wire::{FrameLayout, FrameView, MaxMsgSize, Name, Side};

/// What the user asks of framing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramingOptions {
    /// Only connections with this TCP port at either end.
    pub port: Option<u16>,
    /// P, whatever the frames say.
    pub max_msg_size: Option<MaxMsgSize>,
}

/// A connection that speaks the protocol.
#[derive(Debug, Clone, Copy)]
pub struct FramedConnection<'a> {
    /// Its TCP side.
    pub tcp: &'a ConnectionInfo,
    /// The direction from the client.
    pub client: Way,
    /// What is known of P.
    pub capacity: &'a Capacity,
}

impl FramedConnection<'_> {
    /// Who sends in direction `way`.
    #[must_use]
    pub fn side(&self, way: Way) -> Side {
        if way == self.client { Side::Client } else { Side::Server }
    }

    /// The direction in which `side` sends.
    #[must_use]
    pub const fn way(&self, side: Side) -> Way {
        match side {
            Side::Client => self.client,
            Side::Server => self.client.other(),
        }
    }

    /// True when the capture shows this direction from its first byte on.
    #[must_use]
    pub fn from_start(&self, side: Side) -> bool {
        self.tcp.start[self.way(side).index()] == Start::Syn
    }
}

/// A frame, with who sent it and where it stands.
#[derive(Debug, Clone)]
pub struct LocatedFrame<'a> {
    /// Who sent it.
    pub from: Side,
    /// The packet that carried the last-captured byte.
    pub packet: u64,
    /// The first packet that carried a byte.
    pub first_packet: u64,
    /// Capture time of `packet`.
    pub time: Option<Timestamp>,
    /// Stream offset of its first byte; 0 for one that began before the capture.
    pub offset: u64,
    /// The frame.
    pub frame: CapturedFrame<'a>,
}

impl<'a> LocatedFrame<'a> {
    /// The same, if it came whole and has a known name.
    #[must_use]
    pub fn plain(&self) -> Option<PlainFrame<'a>> {
        let Self { from, packet, time, ref frame, .. } = *self;
        let name = frame.name().filter(|_| frame.is_whole())?;
        Some(PlainFrame { from, packet, time, name, view: frame.view() })
    }
}

/// A whole frame with a known name, and nothing else about it: it stays in the registers of whoever asks a question or two
/// of each frame.
#[derive(Debug, Clone, Copy)]
pub struct PlainFrame<'a> {
    /// Who sent it.
    pub from: Side,
    /// The packet that carried its last byte.
    pub packet: u64,
    /// Capture time of `packet`.
    pub time: Option<Timestamp>,
    /// Its name.
    pub name: Name,
    /// Its bytes.
    pub view: FrameView<'a>,
}

/// Something about a connection's frames that its rows do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingNote {
    /// Bytes that belong to no frame were passed over.
    Skipped {
        /// Who sent them.
        from: Side,
        /// Stream offset.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Frames of one side have another length than maximum_msg_size gives; they are read with the one that fits.
    Regridded {
        /// Who sends them.
        from: Side,
        /// Stream offset of the first.
        offset: u64,
        /// The layout that did not fit.
        expected: FrameLayout,
        /// The length that does.
        len: usize,
        /// The least P of such frames.
        least: MaxMsgSize,
        /// The most, with which they are read: a payload without its padding is the same with each.
        most: MaxMsgSize,
    },
    /// A handshake frame in mid-exchange, whose length is not that of the other frames (PROTOCOL §3.1).
    OffGridHandshake {
        /// Who sent it.
        from: Side,
        /// Stream offset.
        offset: u64,
        /// GET_MAX or RETURN_MAX.
        name: Name,
    },
    /// RETURN_MAX says another P than [`FramingOptions::max_msg_size`], with which frames are read.
    Overridden {
        /// The user's.
        declared: MaxMsgSize,
        /// The server's.
        answered: MaxMsgSize,
    },
    /// Frames waited behind an open hole until the limit; rows go on, and late ones come out of packet order. Said before
    /// those that waited are given.
    HoldLimit {
        /// Frames that waited.
        frames: usize,
    },
}

impl fmt::Display for FramingNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped { from, offset, len } => {
                write!(f, "{len} bytes of the {from} at stream offset {offset} belong to no frame and were passed over")
            }
            Self::Regridded { from, offset, expected, len, least, most } => write!(
                f,
                "from stream offset {offset} on, frames of the {from} have {len} bytes, not the {} of maximum_msg_size {}: their maximum_msg_size is {least} to {most}",
                expected.len(),
                expected.max_msg_size(),
            ),
            Self::Overridden { declared, answered } => write!(
                f,
                "RETURN_MAX says maximum_msg_size {answered}; frames are read with {declared}, given by --max-msg-size"
            ),
            Self::OffGridHandshake { from, offset, name } => {
                write!(
                    f,
                    "{name} of the {from} at stream offset {offset}, in mid-exchange, has not the length of the other frames"
                )
            }
            Self::HoldLimit { frames } => {
                write!(
                    f,
                    "{frames} frames waited for bytes the capture lacks so far; going on, later rows may be out of packet order"
                )
            }
        }
    }
}

/// Takes frames, connection by connection in packet order.
pub trait FrameSink {
    /// Kept inside the connection.
    type State: Default;

    /// Whether [`frame`](Self::frame) does anything at all: if not, it may be left out. Asked for each packet.
    fn wants_frames(&self) -> bool {
        true
    }

    /// Takes in the next frame, if that is all there is to do for it; else changes nothing and says false, and
    /// [`frame`](Self::frame) is called.
    fn express(&mut self, state: &mut Self::State, frame: &PlainFrame<'_>) -> bool {
        let _ = (state, frame);
        false
    }

    /// The next frame.
    fn frame(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, frame: &LocatedFrame<'_>);

    /// Bytes of one side were not captured; frames that follow stand behind them.
    fn hole(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, from: Side, hole: &Hole) {
        let _ = (connection, state, from, hole);
    }

    /// Bytes of one side before stream offset `up_to` were received by the other but are not captured, at least not so
    /// far: frames that follow may answer what is never seen. Unlike after a [`hole`](Self::hole) they may still come, and
    /// frames from before them, too. [`u64::MAX`] where frames may come out of order for good.
    fn unseen(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, from: Side, up_to: u64) {
        let _ = (connection, state, from, up_to);
    }

    /// Something worth knowing about a connection's frames.
    fn note(&mut self, connection: &ConnectionInfo, state: &mut Self::State, note: FramingNote) {
        let _ = (connection, state, note);
    }

    /// Something worth knowing about a connection's TCP bytes. Without a state it is none of those that speak the
    /// protocol, or not known yet to be one.
    fn stream_note(
        &mut self,
        connection: &ConnectionInfo,
        state: Option<&mut Self::State>,
        way: Way,
        note: StreamNote,
    ) {
        let _ = (connection, state, way, note);
    }

    /// The same about a packet that followed when a connection of the protocol was [`closed`](Self::closed).
    fn late_note(&mut self, connection: &ConnectionInfo, way: Way, note: StreamNote) {
        self.stream_note(connection, None, way, note);
    }

    /// A frame of the connection will come soon: asks for the memory of `state`, without a look at it. Asked for before is
    /// the line of the cache in which it begins.
    fn fetch(&self, state: &Self::State) {
        let _ = state;
    }

    /// Some time later: it will be of that side. Asks for the memory that `state` leads to.
    fn fetch_for(&self, state: &Self::State, from: Side) {
        let _ = (state, from);
    }

    /// Every frame of the connection was given.
    fn closed(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, closing: Closing) {
        let _ = (connection, state, closing);
    }
}

/// What framing has seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramingCounts {
    /// Connections that speak the protocol.
    pub connections: u64,
    /// Connections that do not.
    pub foreign: u64,
    /// Connections that carried no byte.
    pub silent: u64,
    /// Connections left out by [`FramingOptions::port`].
    pub filtered: u64,
    /// Frames, partial ones included.
    pub frames: u64,
    /// Frames of which a part was not captured.
    pub partial: u64,
    /// Bytes passed over because they belong to no frame.
    pub skipped_bytes: u64,
}

impl FramingCounts {
    pub(super) const fn add(&mut self, other: &Self) {
        let Self { connections, foreign, silent, filtered, frames, partial, skipped_bytes } = other;
        self.connections += *connections;
        self.foreign += *foreign;
        self.silent += *silent;
        self.filtered += *filtered;
        self.frames += *frames;
        self.partial += *partial;
        self.skipped_bytes += *skipped_bytes;
    }
}
