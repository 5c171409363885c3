//! An endpoint's time: monotonic, counted from a zero that its driver chooses.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use crate::time::Timestamp;

/// A moment of the driver's monotonic clock: nanoseconds since a zero of its choice, up to 584 years.
/// Displays as seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The driver's zero.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the zero.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From the time passed since the zero; what is beyond the range is its end.
    #[must_use]
    pub fn after(passed: Duration) -> Self {
        Self(nanos_of(passed))
    }

    /// Nanoseconds since the zero.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// The moment `later` afterwards; what is beyond the range is its end.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(nanos_of(later)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What the wall clock showed at [`Moment::ZERO`]: makes sent_time of a [`Moment`] (PROTOCOL §2.5), so that no
/// endpoint reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    zero: Timestamp,
}

impl WallClock {
    /// The wall clock that showed `at_zero` at [`Moment::ZERO`].
    #[must_use]
    pub const fn new(at_zero: Timestamp) -> Self {
        Self { zero: at_zero }
    }

    /// The wall clock's time at `moment`.
    #[must_use]
    pub fn at(self, moment: Moment) -> Timestamp {
        let (seconds, nanos) = (moment.nanos() / 1_000_000_000, moment.nanos() % 1_000_000_000);
        let seconds = i64::try_from(seconds).ok().and_then(|seconds| self.zero.seconds().checked_add(seconds));
        let nanos = i64::from(self.zero.subsec_nanos()) + nanos as i64;
        seconds.and_then(|seconds| Timestamp::from_parts(seconds, nanos)).unwrap_or(self.zero)
    }

    /// The wall clock's time at `moment` in Unix seconds, as frames carry it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sent_time is a double on the wire")]
    pub fn unix_seconds(self, moment: Moment) -> f64 {
        let time = self.at(moment);
        time.seconds() as f64 + f64::from(time.subsec_nanos()) / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_beyond_the_range_is_its_end_and_never_wraps() {
        let end = Moment::from_nanos(u64::MAX);
        assert_eq!(Moment::ZERO + Duration::MAX, end);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Moment::ZERO.since(end), Duration::ZERO);
        assert!(WallClock::new(Timestamp::from_nanos(i64::MAX)).unix_seconds(end) > 9e9);
    }

    #[test]
    fn sent_time_is_the_wall_clock_in_seconds() {
        let clock = WallClock::new(Timestamp::from_nanos(1_736_219_082_500_000_000));
        assert_eq!(
            clock.unix_seconds(Moment::after(Duration::from_millis(250))).to_bits(),
            1_736_219_082.75_f64.to_bits()
        );
        assert_eq!(
            WallClock::new(Timestamp::from_nanos(-500_000_000)).unix_seconds(Moment::ZERO).to_bits(),
            (-0.5_f64).to_bits()
        );
    }
}
