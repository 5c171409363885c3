//! How an interface of a pcapng file counts time.

use crate::time::Timestamp;

const NANOS_PER_SEC: i128 = 1_000_000_000;

/// A tick length and an offset: pcapng's `if_tsresol` and `if_tsoffset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    scale: Scale,
    offset_seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// So many nanoseconds a tick: the common case, in 64 bits.
    Multiply(u64),
    /// So many ticks a nanosecond.
    Divide(u64),
    /// 2^-n seconds a tick.
    Binary(u32),
    /// So short that 2^64 ticks make no nanosecond.
    Nothing,
}

impl Default for Clock {
    /// Microseconds since the epoch: what an interface without the options uses.
    fn default() -> Self {
        Self { scale: Scale::Multiply(1_000), offset_seconds: 0 }
    }
}

impl Clock {
    /// From the byte of `if_tsresol` (a negative power of ten, or of two when the highest bit is set) and
    /// the seconds of `if_tsoffset`. Every value of both has a meaning (pcapng draft, interface description
    /// block options).
    pub(super) fn new(resolution: u8, offset_seconds: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let scale = if resolution & 0x80 != 0 {
            if exponent < 94 { Scale::Binary(exponent) } else { Scale::Nothing }
        } else if exponent <= 9 {
            Scale::Multiply(10_u64.pow(9 - exponent))
        } else {
            // 2^64 ticks are less than 10^20, and 10^19 is less than 2^64.
            if exponent - 9 < 20 { Scale::Divide(10_u64.pow(exponent - 9)) } else { Scale::Nothing }
        };
        Self { scale, offset_seconds }
    }

    /// The moment of `ticks`, rounded down to a nanosecond; `None` out of range.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Option<Timestamp> {
        if let (Scale::Multiply(nanos), 0) = (self.scale, self.offset_seconds)
            && let Some(nanos) = ticks.checked_mul(nanos).and_then(|nanos| i64::try_from(nanos).ok())
        {
            return Some(Timestamp::from_nanos(nanos));
        }
        let ticks = u128::from(ticks);
        let nanos = match self.scale {
            Scale::Multiply(nanos) => ticks * u128::from(nanos),
            Scale::Divide(ticks_per_nano) => ticks / u128::from(ticks_per_nano),
            Scale::Binary(exponent) => (ticks * NANOS_PER_SEC.unsigned_abs()) >> exponent,
            Scale::Nothing => 0,
        };
        // At most 2^94, so neither the cast nor the sum can overflow.
        let total = nanos.cast_signed() + i128::from(self.offset_seconds) * NANOS_PER_SEC;
        Timestamp::from_wide_nanos(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(resolution: u8, offset: i64, ticks: u64) -> Option<i128> {
        Clock::new(resolution, offset).time(ticks).map(Timestamp::nanos)
    }

    #[test]
    fn powers_of_ten_and_two_are_ticks_per_second() {
        assert_eq!(nanos(0, 0, 5), Some(5_000_000_000));
        assert_eq!(nanos(6, 0, 1_500_000), Some(1_500_000_000));
        assert_eq!(nanos(9, 0, 7), Some(7));
        assert_eq!(nanos(12, 0, 1_999), Some(1));
        assert_eq!(nanos(0x80, 0, 3), Some(3_000_000_000));
        assert_eq!(nanos(0x81, 0, 3), Some(1_500_000_000));
        assert_eq!(nanos(0x8a, 0, 1024 + 1), Some(1_000_976_562));
        assert_eq!(nanos(0xff, 0, u64::MAX), Some(0));
        assert_eq!(nanos(0x7f, 0, u64::MAX), Some(0));
    }

    #[test]
    fn the_offset_may_be_negative_and_the_sum_before_the_epoch() {
        assert_eq!(nanos(9, -1, 1), Some(-999_999_999));
        assert_eq!(nanos(6, 1_700_000_000, 250), Some(1_700_000_000_000_250_000));
    }

    #[test]
    fn moments_beyond_64_bits_of_seconds_are_none_and_all_others_are_kept() {
        assert_eq!(nanos(0, 0, u64::MAX), None);
        assert_eq!(nanos(9, i64::MAX, u64::MAX), None);
        assert_eq!(nanos(9, 0, u64::MAX), Some(i128::from(u64::MAX)));
        assert_eq!(nanos(9, i64::MAX, 0), Some(i128::from(i64::MAX) * 1_000_000_000));
        assert_eq!(nanos(9, i64::MIN, 0), Some(i128::from(i64::MIN) * 1_000_000_000));
        assert_eq!(nanos(6, 0, u64::MAX), Some(i128::from(u64::MAX) * 1_000));
    }

    proptest! {
        #[test]
        fn no_resolution_or_offset_overflows(resolution: u8, offset: i64, ticks: u64) {
            let _ = nanos(resolution, offset, ticks);
        }

        #[test]
        fn an_offset_adds_whole_seconds(resolution: u8, offset in -1_000_000_i64..1_000_000, ticks in 0_u64..1_000_000) {
            if let Some(plain) = nanos(resolution, 0, ticks) {
                prop_assert_eq!(nanos(resolution, offset, ticks), Some(plain + i128::from(offset) * 1_000_000_000));
            }
        }
    }
}
