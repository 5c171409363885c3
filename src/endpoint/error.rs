//! What ends an exchange: refusals of a configuration or message, and a peer that breaks the protocol.

use std::time::Duration;

use crate::wire::{HEADER_LEN, MaxMsgSize, Name, Pos, Side};

/// A configuration that no exchange can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A window of 0 lets nothing depart.
    #[error("window_size is 0, so no package could be sent: use at least 1")]
    Window,
    /// A timeout of 0 would resend without end.
    #[error("timeout is 0, so every package would be resent without end: use a positive number of seconds")]
    Timeout,
}

/// Why this side ended the connection: the peer's fault, or a message that the peer's P cannot carry.
///
/// `offset` is that of the frame's first byte in the peer's stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The peer's first frame is not the handshake's.
    #[error("{}: its first frame must be {needed}, not `{}` (is it another protocol?)", from(*peer), header.escape_ascii())]
    NotTheHandshake {
        /// Who sent it.
        peer: Side,
        /// The name that was needed.
        needed: Name,
        /// The header field as it stands.
        header: [u8; HEADER_LEN],
    },
    /// RETURN_MAX does not hold a number in range.
    #[error(
        "the server's RETURN_MAX says `{}`: needed a decimal maximum_msg_size from 4 to 9999",
        payload.escape_ascii()
    )]
    ReturnMax {
        /// The payload without padding.
        payload: Vec<u8>,
    },
    /// A header field with no name of the protocol.
    #[error(
        "{} at byte {offset} of its stream: the header field holds `{}`, which is no name of the protocol \
         (frames of {frame_len} bytes, maximum_msg_size {max_msg_size})",
        from(*peer), header.escape_ascii()
    )]
    UnknownFrame {
        /// Who sent it.
        peer: Side,
        /// Where the frame begins in the peer's stream.
        offset: u64,
        /// The header field as it stands.
        header: [u8; HEADER_LEN],
        /// Length of a frame in bytes.
        frame_len: usize,
        /// P in force.
        max_msg_size: MaxMsgSize,
    },
    /// A name that only this side may send.
    #[error("{} at byte {offset} of its stream: {name} comes only from the {}", from(*peer), peer.other())]
    WrongDirection {
        /// Who sent it.
        peer: Side,
        /// Where the frame begins in the peer's stream.
        offset: u64,
        /// The frame's name.
        name: Name,
    },
    /// A second GET_MAX, whose 44 bytes do not fit the grid of P's frames.
    #[error(
        "from the client at byte {offset} of its stream: GET_MAX in mid-exchange has 44 bytes and breaks the grid of \
         frames of {frame_len} bytes (maximum_msg_size {max_msg_size})"
    )]
    HandshakeOffTheGrid {
        /// Where the frame begins in the peer's stream.
        offset: u64,
        /// Length of a frame in bytes.
        frame_len: usize,
        /// P in force.
        max_msg_size: MaxMsgSize,
    },
    /// DONE carries a position that a package has, or packages beyond it are held.
    #[error(
        "from the client at byte {offset} of its stream: DONE carries position {done}, but packages up to {highest} \
         have arrived; it must be the position after the last"
    )]
    DoneAmongPackages {
        /// Where the frame begins in the peer's stream.
        offset: u64,
        /// DONE's position.
        done: Pos,
        /// The highest position that arrived.
        highest: Pos,
    },
    /// A slice of the message ends in NUL, which the receiver would take for padding (PROTOCOL §2.4).
    #[error(
        "the message has a NUL at byte {offset}, the end of package {pos} with the server's maximum_msg_size of \
         {max_msg_size}: a receiver takes it for padding, so it cannot be carried{}",
        instead(*suggestion)
    )]
    NulAtSliceEnd {
        /// Offset of that NUL in the message.
        offset: usize,
        /// The slice's position.
        pos: Pos,
        /// P in force.
        max_msg_size: MaxMsgSize,
        /// The smallest P that would do, if there is one.
        suggestion: Option<MaxMsgSize>,
    },
    /// The message needs more positions than ACK numbers of P digits, or an `i32`, can name (PROTOCOL §3.5).
    #[error(
        "the message of {message_len} bytes needs {packages} packages with the server's maximum_msg_size of \
         {max_msg_size}, more than ACKs can number{}",
        instead(*suggestion)
    )]
    TooManyPackages {
        /// Bytes of the message.
        message_len: usize,
        /// N.
        packages: u64,
        /// P in force.
        max_msg_size: MaxMsgSize,
        /// The smallest P that would do, if there is one.
        suggestion: Option<MaxMsgSize>,
    },
}

fn from(peer: Side) -> &'static str {
    match peer {
        Side::Client => "from the client",
        Side::Server => "from the server",
    }
}

fn instead(suggestion: Option<MaxMsgSize>) -> String {
    match suggestion {
        Some(p) => format!("; a maximum_msg_size of {p} would do"),
        None => "; no maximum_msg_size would do".to_owned(),
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// DONE acknowledged, CLOSE answered by DISCONNECT.
    Complete,
    /// The exchange stopped before that.
    Incomplete {
        /// What stopped it.
        why: Stop,
        /// What became of the message.
        message: Progress,
    },
    /// This side ended it.
    Failed(ProtocolError),
}

/// What stopped an exchange before DISCONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    EndOfStream,
    /// The connection was reset.
    #[error("the connection was reset")]
    Reset,
    /// The client sent CLOSE before a DONE that could be acknowledged.
    #[error("the client sent CLOSE before DONE")]
    CloseBeforeDone,
    /// The server sent DISCONNECT before CLOSE.
    #[error("the server sent DISCONNECT before CLOSE")]
    EarlyDisconnect,
    /// No answer to GET_MAX or CLOSE came in time.
    #[error("no answer to {to} in {} s", waited.as_secs_f64())]
    NoAnswer {
        /// What was asked.
        to: Name,
        /// How long was waited.
        waited: Duration,
    },
    /// The limit of resends was reached.
    #[error("no ACK {pos} after {resends} resends")]
    GaveUp {
        /// The position that was resent.
        pos: Pos,
        /// How often.
        resends: u32,
    },
}

/// How much of the message is known to have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All of it: DONE was acknowledged.
    Whole,
    /// Its first packages.
    Through {
        /// The position up to which all have arrived; 0 for none.
        last: Pos,
        /// N, where it is known: the client knows it after the handshake.
        of: Option<Pos>,
    },
}

/// How the transport ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportEnd {
    /// The peer will send no more (FIN).
    EndOfStream,
    /// The connection is broken (RST, or an error of the socket).
    Reset,
}

impl From<TransportEnd> for Stop {
    fn from(end: TransportEnd) -> Self {
        match end {
            TransportEnd::EndOfStream => Self::EndOfStream,
            TransportEnd::Reset => Self::Reset,
        }
    }
}
