//! The protocol on the wire: names, positions, the frame layout and its two views.
//!
//! A **frame** is one fixed-size unit of the protocol (its users say *package*), a C struct in native
//! x86-64 alignment. Its layout follows from one number, the payload capacity P that the server announces
//! as `maximum_msg_size` ([`MaxMsgSize`], [`FrameLayout`]). [`FrameView`] shows any bytes of the right
//! length, right or wrong; [`Frame`] holds only what makes sense and can be emitted; [`FrameTemplate`] emits
//! many of one kind; [`Deframer`] cuts a byte stream into frames. See PROTOCOL §2 in `docs/protocol.md`.

mod deframer;
mod frame;
mod layout;
mod template;

pub use deframer::Deframer;
pub use frame::{Frame, FrameError, FrameView};
pub use layout::{Field, FrameLayout, HANDSHAKE, MaxMsgSize, MaxMsgSizeError};
pub use template::FrameTemplate;

use std::fmt;

/// Bytes of the header field, which holds the frame's name padded with NUL.
pub const HEADER_LEN: usize = 10;

/// One of the two ends of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Sends the message: GET_MAX, MSG, DONE, CLOSE.
    Client,
    /// Receives it: RETURN_MAX, ACK, DISCONNECT.
    Server,
}

impl Side {
    /// The name used in every output: `client` or `server`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names the protocol knows (PROTOCOL §2.2). `TEMP`, a placeholder of the reference, never goes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Client asks for maximum_msg_size.
    GetMax,
    /// Server answers it, in decimal.
    ReturnMax,
    /// One slice of the message.
    Msg,
    /// Cumulative acknowledgement: payload n says that positions 1..=n have all arrived.
    Ack,
    /// Client has every position acknowledged.
    Done,
    /// Client asks to end the connection.
    Close,
    /// Server agrees.
    Disconnect,
}

impl Name {
    /// Every name, client's first.
    pub const ALL: [Self; 7] =
        [Self::GetMax, Self::Msg, Self::Done, Self::Close, Self::ReturnMax, Self::Ack, Self::Disconnect];

    /// The text on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetMax => "GET_MAX",
            Self::ReturnMax => "RETURN_MAX",
            Self::Msg => "MSG",
            Self::Ack => "ACK",
            Self::Done => "DONE",
            Self::Close => "CLOSE",
            Self::Disconnect => "DISCONNECT",
        }
    }

    /// The whole header field: the name padded with NUL.
    #[must_use]
    pub const fn header(self) -> [u8; HEADER_LEN] {
        let text = self.as_str().as_bytes();
        let mut header = [0; HEADER_LEN];
        let mut i = 0;
        while i < text.len() {
            header[i] = text[i];
            i += 1;
        }
        header
    }

    /// The name whose header field this is; `None` for any other bytes, however close.
    #[must_use]
    #[inline]
    pub fn from_header(header: &[u8; HEADER_LEN]) -> Option<Self> {
        /// As numbers, which compare at once and not byte by byte.
        const fn numbers([a, b, c, d, e, f, g, h, i, j]: [u8; HEADER_LEN]) -> (u64, u16) {
            (u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u16::from_ne_bytes([i, j]))
        }
        // The two names that make up nearly all traffic are asked for first.
        const MSG: (u64, u16) = numbers(Name::Msg.header());
        const ACK: (u64, u16) = numbers(Name::Ack.header());
        match numbers(*header) {
            MSG => Some(Self::Msg),
            ACK => Some(Self::Ack),
            _ => Self::ALL.into_iter().find(|name| name.header() == *header),
        }
    }

    /// Who sends frames of this name.
    #[must_use]
    pub const fn sender(self) -> Side {
        match self {
            Self::GetMax | Self::Msg | Self::Done | Self::Close => Side::Client,
            Self::ReturnMax | Self::Ack | Self::Disconnect => Side::Server,
        }
    }

    /// The payload that every frame of this name has, before it is cut to P (PROTOCOL §3.6, §3.7).
    #[must_use]
    pub const fn fixed_text(self) -> Option<&'static [u8]> {
        match self {
            Self::Done => Some(b"EOMsg"),
            Self::Close => Some(b"request to close connection"),
            Self::Disconnect => Some(b"approving client disconnection"),
            Self::GetMax | Self::Msg | Self::ReturnMax | Self::Ack => None,
        }
    }

    /// True for GET_MAX and RETURN_MAX, which always use P = 4.
    #[must_use]
    pub const fn is_handshake(self) -> bool {
        matches!(self, Self::GetMax | Self::ReturnMax)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A position in the exchange: 0 for the handshake, 1..=N for the message's slices, N + 1 for DONE and
/// N + 2 for CLOSE. Signed, because the wire is, and a hostile frame may say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pos(pub i32);

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_field_names_a_frame_only_when_padded_with_nul_to_the_end() {
        for name in Name::ALL {
            assert_eq!(Name::from_header(&name.header()), Some(name));
        }
        assert_eq!(Name::from_header(b"MSG\0\0\0\0\0\0x"), None);
        assert_eq!(Name::from_header(b"msg\0\0\0\0\0\0\0"), None);
        assert_eq!(Name::from_header(b"TEMP\0\0\0\0\0\0"), None);
    }
}
