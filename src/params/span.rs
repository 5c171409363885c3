//! Lengths of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

const NANOS_PER_SEC: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A length of time, never negative, in whole nanoseconds: a number of seconds (`2`, `0.5`) or a number with its
/// unit (`40us`, `1.5ms`, `2s`). At most a year, so that sums of a few never overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    const MAX: u64 = 366 * 86_400 * NANOS_PER_SEC;

    /// From nanoseconds; `None` beyond a year.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Option<Self> {
        if nanos <= Self::MAX { Some(Self(nanos)) } else { None }
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The same as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// In seconds, for output.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "shown to people and machines as seconds")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// The unit of a number that is written without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainUnit {
    /// Seconds, as in scenarios.
    Seconds,
    /// Milliseconds, as of `client --pace`.
    Milliseconds,
}

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a time: use {} or a number with ns, us, ms or s (40us, 1.5ms), at most a year",
    match plain {
        PlainUnit::Seconds => "seconds (2, 0.5)",
        PlainUnit::Milliseconds => "milliseconds (100, 0.5)",
    }
)]
pub struct SpanError {
    text: String,
    plain: PlainUnit,
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        Self::parse(text, PlainUnit::Seconds)
    }
}

impl Span {
    /// Reads `text`, in which a number without a unit is in `plain`.
    ///
    /// # Errors
    /// When it is no length of time, or more than a year.
    pub fn parse(text: &str, plain: PlainUnit) -> Result<Self, SpanError> {
        let number_len = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(number_len);
        let nanos_per_unit = match unit.trim() {
            "" => Some(match plain {
                PlainUnit::Seconds => NANOS_PER_SEC,
                PlainUnit::Milliseconds => NANOS_PER_MILLI,
            }),
            "s" => Some(NANOS_PER_SEC),
            "ms" => Some(NANOS_PER_MILLI),
            "us" | "µs" => Some(1_000),
            "ns" => Some(1),
            _ => None,
        };
        nanos_per_unit
            .and_then(|unit| scaled(number, unit))
            .and_then(Self::from_nanos)
            .ok_or_else(|| SpanError { text: text.to_owned(), plain })
    }
}

/// A decimal number times `unit`, digits below one nanosecond left out.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(unit)?;
    let mut digit_unit = unit;
    for digit in fraction.bytes() {
        digit_unit /= 10;
        nanos = nanos.checked_add(u64::from(digit - b'0') * digit_unit)?;
    }
    Some(nanos)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.duration())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpanVisitor;
        impl Visitor<'_> for SpanVisitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time: seconds (2, 0.5) or a text with its unit (\"40us\", \"1.5ms\")")
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Span, E> {
                u64::try_from(seconds)
                    .ok()
                    .and_then(|seconds| seconds.checked_mul(NANOS_PER_SEC))
                    .and_then(Span::from_nanos)
                    .ok_or_else(|| E::custom(SpanError { text: seconds.to_string(), plain: PlainUnit::Seconds }))
            }

            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=MAX, checked")]
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Span, E> {
                let nanos = (seconds * 1e9).round();
                Some(nanos)
                    .filter(|nanos| (0.0..=366.0 * 86_400.0 * 1e9).contains(nanos))
                    .and_then(|nanos| Span::from_nanos(nanos as u64))
                    .ok_or_else(|| E::custom(SpanError { text: seconds.to_string(), plain: PlainUnit::Seconds }))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(SpanVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_units_name_the_same_times() {
        let nanos = |text: &str| text.parse::<Span>().unwrap().nanos();
        assert_eq!([nanos("2"), nanos("2s"), nanos("2000ms"), nanos("2.0")], [2_000_000_000; 4]);
        assert_eq!([nanos("40us"), nanos("0.00004"), nanos("0.04ms"), nanos("40000ns")], [40_000; 4]);
        assert_eq!(nanos("1.0000000019"), 1_000_000_001);
    }

    #[test]
    fn a_plain_number_has_the_unit_that_was_agreed_on_and_a_written_unit_wins() {
        let nanos = |text| Span::parse(text, PlainUnit::Milliseconds).map(Span::nanos);
        assert_eq!([nanos("100"), nanos("100ms"), nanos("0.1s"), nanos("100.0")], [const { Ok(100_000_000) }; 4]);
        assert_eq!([nanos("0"), nanos("0.5"), nanos("40us")], [Ok(0), Ok(500_000), Ok(40_000)]);
        assert!(nanos("-1").unwrap_err().to_string().contains("use milliseconds (100, 0.5)"));
        assert!("-1".parse::<Span>().unwrap_err().to_string().contains("use seconds (2, 0.5)"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", ".", "-1", "s", "1h", "1e3", "1.2.3", "99999999999999999999", "400000000", "NaN"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
