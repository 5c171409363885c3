//! Capture time: integer nanoseconds since the Unix epoch, from end to end.
//!
//! A capture's clock never passes through `f64`: a double holds about 100 ns at today's dates, which
//! would reorder packets that a nanosecond capture tells apart.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// A moment of capture time: whole seconds since 1970-01-01 00:00:00 UTC and nanoseconds, over the whole range of
/// seconds that an `i64` counts, since captures with damaged or foreign clocks hold such times.
///
/// Displays as decimal seconds with nine digits, the form every machine-readable output uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Rounded down, so that the derived order is that of time.
    seconds: i64,
    nanos: Nanos,
}

/// Nanoseconds, less than a second.
///
/// Kept as one more than they are: what is never zero leaves an `Option` of a moment as small as the moment, and a
/// capture's packets and frames are remembered with their time by the ten thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Nanos(NonZeroU32);

impl Nanos {
    /// From nanoseconds that are less than a second.
    #[inline]
    const fn new(nanos: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(nanos))
    }

    #[inline]
    const fn get(self) -> u32 {
        self.0.get() - 1
    }
}

impl Timestamp {
    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        // The remainder is less than a second, which fits.
        Self { seconds: nanos.div_euclid(NANOS_PER_SEC), nanos: Nanos::new(nanos.rem_euclid(NANOS_PER_SEC) as u32) }
    }

    /// From nanoseconds since the epoch; `None` outside the representable range.
    #[must_use]
    pub fn from_wide_nanos(nanos: i128) -> Option<Self> {
        let per_sec = i128::from(NANOS_PER_SEC);
        let seconds = i64::try_from(nanos.div_euclid(per_sec)).ok()?;
        u32::try_from(nanos.rem_euclid(per_sec)).ok().map(|nanos| Self { seconds, nanos: Nanos::new(nanos) })
    }

    /// From whole seconds and nanoseconds (which may exceed one second, as damaged captures' do);
    /// `None` outside the representable range.
    #[must_use]
    #[inline]
    pub const fn from_parts(seconds: i64, nanos: i64) -> Option<Self> {
        if nanos >= 0 && nanos < NANOS_PER_SEC {
            return Some(Self { seconds, nanos: Nanos::new(nanos as u32) });
        }
        match seconds.checked_add(nanos.div_euclid(NANOS_PER_SEC)) {
            Some(seconds) => Some(Self { seconds, nanos: Nanos::new(nanos.rem_euclid(NANOS_PER_SEC) as u32) }),
            None => None,
        }
    }

    /// From whole seconds and nanoseconds of the next one; `None` for a second's worth of them or more.
    #[inline]
    pub(crate) const fn within_second(seconds: i64, nanos: u64) -> Option<Self> {
        if nanos < NANOS_PER_SEC as u64 { Some(Self { seconds, nanos: Nanos::new(nanos as u32) }) } else { None }
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i128 {
        self.seconds as i128 * NANOS_PER_SEC as i128 + self.nanos.get() as i128
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`seconds`](Self::seconds): less than a second.
    #[must_use]
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos.get()
    }

    /// Nanoseconds from `earlier` to `self`, at most what an `i64` holds (292 years); negative when the capture's
    /// clock went backwards.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        let seconds = self.seconds.saturating_sub(earlier.seconds).saturating_mul(NANOS_PER_SEC);
        seconds.saturating_add(self.nanos.get() as i64 - earlier.nanos.get() as i64)
    }

    /// Nanoseconds from `other` to `self`, where there are less than [`NEAR`](Self::NEAR) seconds between them: then two of
    /// these may be subtracted, too.
    #[inline]
    pub(crate) const fn nanos_near(self, other: Self) -> Option<i64> {
        match self.seconds.checked_sub(other.seconds) {
            Some(seconds) if seconds >= -Self::NEAR && seconds < Self::NEAR => {
                Some(seconds * NANOS_PER_SEC + (self.nanos.get() as i64 - other.nanos.get() as i64))
            }
            _ => None,
        }
    }

    /// Seconds within which moments are near each other: 136 years.
    pub(crate) const NEAR: i64 = 1 << 32;

    /// So many nanoseconds later, or earlier; `None` outside the representable range.
    pub(crate) const fn plus(self, nanos: i64) -> Option<Self> {
        match self.seconds.checked_add(nanos.div_euclid(NANOS_PER_SEC)) {
            Some(seconds) => Self::from_parts(seconds, self.nanos.get() as i64 + nanos.rem_euclid(NANOS_PER_SEC)),
            None => None,
        }
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
        Self::from_wide_nanos(moment.as_nanosecond()).ok_or_else(error)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seconds < 0 && self.nanos.get() > 0 {
            let magnitude = (self.seconds + 1).unsigned_abs();
            write!(f, "-{magnitude}.{:09}", NANOS_PER_SEC - i64::from(self.nanos.get()))
        } else {
            write!(f, "{}.{:09}", self.seconds, self.nanos.get())
        }
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
    "`{text}` is not a time: expected decimal seconds (1795356624.584927000) or RFC 3339 (2026-11-22T14:10:24.584927Z)"
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
    fn near_moments_are_so_many_nanoseconds_apart_and_others_are_not_said_to_be() {
        let near = Timestamp::NEAR;
        for (seconds, nanos) in [(0, 0), (1_795_356_624, 999_999_999), (-3, 1), (i64::MIN, 0), (i64::MAX, 999_999_999)]
        {
            let base = Timestamp::from_parts(seconds, nanos).unwrap();
            for (off, nanos) in [(0, 0), (1, 5), (-1, 999_999_999), (near - 1, 7), (-near, 0)] {
                let Some(seconds) = seconds.checked_add(off) else { continue };
                let moment = Timestamp::from_parts(seconds, nanos).unwrap();
                let between = moment.nanos() - base.nanos();
                assert_eq!(moment.nanos_near(base).map(i128::from), Some(between));
                assert_eq!(base.plus(between as i64), Some(moment));
            }
            for off in [near, -near - 1, i64::MAX, i64::MIN] {
                let Some(seconds) = seconds.checked_add(off) else { continue };
                assert_eq!(Timestamp::from_parts(seconds, 0).unwrap().nanos_near(base), None, "{off} from {base}");
            }
        }
        let [first, last] = [i64::MIN, i64::MAX].map(|seconds| Timestamp::from_parts(seconds, 5).unwrap());
        assert_eq!((first.nanos_near(last), last.nanos_near(first)), (None, None));
        assert_eq!(last.plus(NANOS_PER_SEC), None);
    }

    #[test]
    fn display_reads_back() {
        for nanos in [0, 1, -1, 999_999_999, -1_000_000_000, -1_000_000_001, i64::MAX, i64::MIN] {
            let t = Timestamp::from_nanos(nanos);
            assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        }
    }

    #[test]
    fn times_far_outside_the_calendar_are_kept_and_ordered() {
        let far = Timestamp::parse_epoch("4734231571822.539464000").unwrap();
        assert_eq!(far.to_string(), "4734231571822.539464000");
        assert_eq!(Timestamp::from_wide_nanos(far.nanos()), Some(far));
        assert!(Timestamp::from_nanos(-1) < Timestamp::from_nanos(0));
        assert!(Timestamp::from_parts(i64::MAX, 1_000_000_000).is_none());
        assert_eq!(Timestamp::from_parts(1, -1), Some(Timestamp::from_nanos(999_999_999)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", ".", "-", "1.x", "x", "1e9", "99999999999999999999", "1.2.3", "NaN"] {
            assert!(Timestamp::parse_epoch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digits_beyond_nanoseconds_are_cut_and_missing_ones_are_zero() {
        assert_eq!(Timestamp::parse_epoch("1.5").unwrap().nanos(), 1_500_000_000);
        assert_eq!(Timestamp::parse_epoch("1.1234567899").unwrap().nanos(), 1_123_456_789);
    }
}
