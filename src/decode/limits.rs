//! What one capture may cost: every bound that a user can set, in one place.

use std::fmt;
use std::str::FromStr;

use super::capture::CaptureLimits;
use super::filter;
use super::framing::FramingLimits;
use super::reassembly::StreamLimits;

/// The bounds of reading a capture. A bound that is reached never loses anything in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records, unpacking and exports.
    pub capture: CaptureLimits,
    /// Bytes that may wait per connection and direction; the reader's own choice unless given: see [`StreamLimits`].
    pub held: Option<usize>,
    /// Bytes that may wait or be kept over all connections, of each kind.
    pub held_in_all: usize,
    /// Connections tracked at once.
    pub connections: usize,
    /// Bytes kept of one connection's message.
    pub message: usize,
    /// Bytes of a display filter's text.
    pub filter: usize,
}

impl Default for Limits {
    /// 256 MiB in all, a million connections, messages of 64 MiB, filters of 64 KiB.
    fn default() -> Self {
        let streams = StreamLimits::prompt();
        Self {
            capture: CaptureLimits::default(),
            held: None,
            held_in_all: streams.held_bytes_in_all,
            connections: streams.connections,
            message: super::message::MAX_MESSAGE_BYTES,
            filter: filter::MAX_LEN,
        }
    }
}

impl Limits {
    /// For rows: see [`StreamLimits::prompt`].
    #[must_use]
    pub fn prompt(&self) -> StreamLimits {
        self.streams(StreamLimits::prompt())
    }

    /// For files that are read when they are complete: see [`StreamLimits::patient`].
    #[must_use]
    pub fn patient(&self) -> StreamLimits {
        self.streams(StreamLimits::patient())
    }

    fn streams(&self, usual: StreamLimits) -> StreamLimits {
        StreamLimits {
            held_bytes: self.held.unwrap_or(usual.held_bytes),
            start_bytes: usual.start_bytes.min(self.held.unwrap_or(usize::MAX)),
            held_bytes_in_all: self.held_in_all,
            connections: self.connections,
            ..usual
        }
    }

    /// For framing, whose own bounds are only ever lowered.
    #[must_use]
    pub fn framing(&self) -> FramingLimits {
        let usual = FramingLimits::default();
        let held = self.held.unwrap_or(usize::MAX);
        FramingLimits {
            kept_bytes: usual.kept_bytes.min(held),
            kept_bytes_in_all: usual.kept_bytes_in_all.min(self.held_in_all),
            held_bytes: usual.held_bytes.min(held),
        }
    }
}

/// A number of bytes. Reads as digits with an optional unit of 1024s (`64K`, `256MiB`); displays with the largest that
/// leaves it whole.
///
/// ```
/// use arqscope::decode::ByteSize;
/// assert_eq!("256MiB".parse(), Ok(ByteSize(256 << 20)));
/// assert_eq!("10k".parse(), Ok(ByteSize(10 << 10)));
/// assert_eq!(ByteSize(64 << 10).to_string(), "64KiB");
/// assert!("1.5M".parse::<ByteSize>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u32); 4] = [("", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |shift: u32| self.0 != 0 && self.0.trailing_zeros() >= shift;
        let (unit, shift) = UNITS.into_iter().rev().find(|(_, shift)| whole(*shift)).unwrap_or(UNITS[0]);
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = text[digits.len()..].trim().to_ascii_lowercase();
        let shift = match unit.as_str() {
            "" | "b" => Some(0),
            "k" | "kib" => Some(10),
            "m" | "mib" => Some(20),
            "g" | "gib" => Some(30),
            _ => None,
        };
        let bytes = digits.parse::<u64>().ok().zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift));
        bytes.map(Self).ok_or(ByteSizeError)
    }
}

/// A text that is no number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("needed a number of bytes, such as 65536, 64K or 256MiB")]
pub struct ByteSizeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back_and_nonsense_is_refused() {
        for bytes in [0, 1, 1023, 1024, 1536, 1 << 20, 3 << 30, (1 << 40) + (1 << 10), u64::MAX] {
            assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
        for text in ["", "K", "-1", "1.5M", "1 TB", "18446744073709551616", "17179869184GiB", "0x10", "1K1"] {
            assert_eq!(text.parse::<ByteSize>(), Err(ByteSizeError), "{text}");
        }
    }

    #[test]
    fn one_number_bounds_every_stage_and_never_raises_the_ones_of_framing() {
        let low = Limits { held: Some(1000), held_in_all: 5000, ..Limits::default() };
        assert_eq!((low.prompt().held_bytes, low.prompt().start_bytes, low.patient().held_bytes), (1000, 1000, 1000));
        let framing = FramingLimits { kept_bytes: 1000, kept_bytes_in_all: 5000, held_bytes: 1000 };
        assert_eq!(low.framing(), framing);
        let high = Limits { held: Some(1 << 30), held_in_all: 1 << 40, ..Limits::default() };
        assert_eq!((high.prompt().held_bytes, high.framing()), (1 << 30, FramingLimits::default()));
        assert_eq!(
            (Limits::default().prompt(), Limits::default().patient()),
            (StreamLimits::prompt(), StreamLimits::patient())
        );
    }
}
