//! Capture time: integer nanoseconds since the Unix epoch, from end to end.
//!
//! A capture's clock never passes through `f64`: a double holds about 100 ns at today's dates, which
//! would reorder packets that a nanosecond capture tells apart.

use std::fmt;
use std::str::FromStr;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// A moment of capture time: nanoseconds since 1970-01-01 00:00:00 UTC, 1677 to 2262.
///
/// Displays as decimal seconds with nine digits, the form every machine-readable output uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds and nanoseconds (which may exceed one second, as damaged captures' do);
    /// `None` outside the representable range.
    #[must_use]
    pub const fn from_parts(seconds: i64, nanos: i64) -> Option<Self> {
        match seconds.checked_mul(NANOS_PER_SEC) {
            Some(whole) => match whole.checked_add(nanos) {
                Some(total) => Some(Self(total)),
                None => None,
            },
            None => None,
        }
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to `self`; negative when the capture's clock went backwards.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Parses decimal Unix seconds, `1795356624.584927000`: any number of fraction digits, of which
    /// nine are kept.
    ///
    /// # Errors
    /// When the text is not a decimal number or the moment is out of range.
    pub fn parse_epoch(text: &str) -> Result<Self, ParseTimestampError> {
        let error = || ParseTimestampError { text: text.to_owned() };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(error());
        }
        let seconds: i64 = whole.parse().map_err(|_| error())?;
        let mut nanos = 0_i64;
        for i in 0..9 {
            nanos = nanos * 10 + i64::from(fraction.as_bytes().get(i).map_or(0, |b| b - b'0'));
        }
        let sign = if negative { -1 } else { 1 };
        Self::from_parts(sign * seconds, sign * nanos).ok_or_else(error)
    }

    /// Parses an RFC 3339 moment, `2026-11-22T14:10:24.584927000Z`.
    ///
    /// # Errors
    /// When the text is not such a moment or it is out of range.
    pub fn parse_rfc3339(text: &str) -> Result<Self, ParseTimestampError> {
        let error = || ParseTimestampError { text: text.to_owned() };
        let moment: jiff::Timestamp = text.parse().map_err(|_| error())?;
        i64::try_from(moment.as_nanosecond()).map(Self).map_err(|_| error())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let per_sec = NANOS_PER_SEC.unsigned_abs();
        write!(f, "{sign}{}.{:09}", magnitude / per_sec, magnitude % per_sec)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Decimal seconds or RFC 3339, whichever the text is.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('T') { Self::parse_rfc3339(text) } else { Self::parse_epoch(text) }
    }
}

/// A text that is no moment of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a time: expected decimal seconds (1795356624.584927000) or RFC 3339 (2026-11-22T14:10:24.584927Z), between the years 1677 and 2262"
)]
pub struct ParseTimestampError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_one_moment_are_equal() {
        let decimal: Timestamp = "1795356624.584927001".parse().unwrap();
        let words: Timestamp = "2026-11-22T14:10:24.584927001Z".parse().unwrap();
        assert_eq!(decimal, words);
        assert_eq!(decimal.nanos(), 1_795_356_624_584_927_001);
    }

    #[test]
    fn display_reads_back() {
        for nanos in [0, 1, -1, 999_999_999, -1_000_000_001, i64::MAX, i64::MIN + 1] {
            let t = Timestamp::from_nanos(nanos);
            assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", ".", "-", "1.x", "x", "1e9", "99999999999999999999", "9999999999999", "1.2.3", "NaN"] {
            assert!(Timestamp::parse_epoch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digits_beyond_nanoseconds_are_cut_and_missing_ones_are_zero() {
        assert_eq!(Timestamp::parse_epoch("1.5").unwrap().nanos(), 1_500_000_000);
        assert_eq!(Timestamp::parse_epoch("1.1234567899").unwrap().nanos(), 1_123_456_789);
    }
}
