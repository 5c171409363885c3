//! Where each field of a frame stands: computed from P, never tabulated (PROTOCOL §2.1).

use std::fmt;

use super::HEADER_LEN;

/// The layout of GET_MAX and RETURN_MAX, whatever P the exchange then uses.
pub const HANDSHAKE: FrameLayout = FrameLayout::new(MaxMsgSize::MIN);

/// The payload capacity P of every frame after the handshake, `maximum_msg_size`: 4 to 9999 bytes
/// (the server's answer has four bytes for it, PROTOCOL §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxMsgSize(u16);

impl MaxMsgSize {
    /// The smallest P, which the handshake uses.
    pub const MIN: Self = Self(4);
    /// The largest P.
    pub const MAX: Self = Self(9999);

    /// `None` outside 4..=9999.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if value >= Self::MIN.0 && value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// P in bytes.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Reads a RETURN_MAX payload: decimal digits, in range. Spaces, signs and empty text are refused.
    #[must_use]
    pub fn from_decimal(payload: &[u8]) -> Option<Self> {
        let digits = payload.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(payload).ok().filter(|_| digits)?;
        Self::new(text.parse().ok()?)
    }
}

impl fmt::Display for MaxMsgSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for MaxMsgSize {
    type Err = MaxMsgSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_decimal(text.as_bytes()).ok_or_else(|| MaxMsgSizeError { found: text.to_owned() })
    }
}

/// A maximum_msg_size that no exchange can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "maximum_msg_size must be a whole number from 4 to 9999 (the server's answer has four bytes for it), not `{found}`"
)]
pub struct MaxMsgSizeError {
    found: String,
}

/// A field of the frame, in wire order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The name, padded with NUL.
    Header,
    /// P bytes, padded with NUL.
    Payload,
    /// i32.
    Seq,
    /// f64, Unix seconds.
    SentTime,
    /// One byte, 0 or 1.
    Ack,
    /// i32.
    PrevSeq,
    /// i32.
    Pos,
    /// Alignment bytes between fields, zero.
    Padding,
}

impl Field {
    /// The machine name, as in the columns of the packet table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Seq => "seq",
            Self::SentTime => "sent_time",
            Self::Ack => "ack",
            Self::PrevSeq => "prev_seq",
            Self::Pos => "pos",
            Self::Padding => "padding",
        }
    }
}

/// Offsets of every field and the length of a frame, in bytes: the C struct
/// `{char[10]; char[P]; i32; f64; bool; i32; i32}` in native x86-64 alignment, little endian, without
/// padding after the last field (`struct` notation `10s{P}sid?ii`). One number, from which each offset takes an instruction
/// or two: a view of a frame is copied often, and asked little.
///
/// ```
/// use arqscope::wire::{FrameLayout, MaxMsgSize};
/// let layout = FrameLayout::new(MaxMsgSize::new(10).unwrap());
/// assert_eq!((layout.seq(), layout.len()), (20, 44));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameLayout {
    max_msg_size: MaxMsgSize,
}

impl FrameLayout {
    /// The layout for payload capacity `max_msg_size`.
    #[must_use]
    pub const fn new(max_msg_size: MaxMsgSize) -> Self {
        Self { max_msg_size }
    }

    /// P.
    #[must_use]
    pub const fn max_msg_size(self) -> MaxMsgSize {
        self.max_msg_size
    }

    /// Offset of the payload; it has P bytes.
    #[must_use]
    pub const fn payload(self) -> usize {
        HEADER_LEN
    }

    /// Offset one past the payload.
    #[must_use]
    pub const fn payload_end(self) -> usize {
        HEADER_LEN + self.max_msg_size.get() as usize
    }

    /// Offset of seq.
    #[must_use]
    pub const fn seq(self) -> usize {
        aligned::<4>(self.payload_end())
    }

    /// Offset of sent_time.
    #[must_use]
    pub const fn sent_time(self) -> usize {
        aligned::<8>(self.seq() + 4)
    }

    /// Offset of the ack byte.
    #[must_use]
    pub const fn ack(self) -> usize {
        self.sent_time() + 8
    }

    /// Offset of prev_seq.
    #[must_use]
    pub const fn prev_seq(self) -> usize {
        self.sent_time() + 12
    }

    /// Offset of pos.
    #[must_use]
    pub const fn pos(self) -> usize {
        self.sent_time() + 16
    }

    /// Length of the frame in bytes: 44 for P up to 10, then 8 more for each further 8 of P. The length
    /// alone does not determine P.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no frame is empty")]
    pub const fn len(self) -> usize {
        self.sent_time() + 20
    }

    /// Every byte of the frame in order: each field with its range, padding included, empty ranges left out.
    pub fn fields(self) -> impl Iterator<Item = (Field, std::ops::Range<usize>)> {
        [
            (Field::Header, 0..HEADER_LEN),
            (Field::Payload, self.payload()..self.payload_end()),
            (Field::Padding, self.payload_end()..self.seq()),
            (Field::Seq, self.seq()..self.seq() + 4),
            (Field::Padding, self.seq() + 4..self.sent_time()),
            (Field::SentTime, self.sent_time()..self.ack()),
            (Field::Ack, self.ack()..self.ack() + 1),
            (Field::Padding, self.ack() + 1..self.prev_seq()),
            (Field::PrevSeq, self.prev_seq()..self.pos()),
            (Field::Pos, self.pos()..self.len()),
        ]
        .into_iter()
        .filter(|(_, range)| !range.is_empty())
    }
}

/// The first multiple of `TO`, a power of two, from `offset` on.
const fn aligned<const TO: usize>(offset: usize) -> usize {
    (offset + (TO - 1)) & !(TO - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_tile_the_frame_for_every_p() {
        for p in 4..=9999 {
            let layout = FrameLayout::new(MaxMsgSize::new(p).unwrap());
            let mut at = 0;
            for (_, range) in layout.fields() {
                assert_eq!(range.start, at, "P = {p}");
                at = range.end;
            }
            assert_eq!(at, layout.len(), "P = {p}");
        }
    }

    #[test]
    fn a_max_msg_size_outside_the_four_digits_is_refused() {
        for text in ["", "3", "0", "-4", "+4", " 4", "10000", "4.0", "ten", "99999999999"] {
            assert!(text.parse::<MaxMsgSize>().is_err(), "{text}");
        }
        assert_eq!("0010".parse::<MaxMsgSize>().unwrap().get(), 10);
    }
}
