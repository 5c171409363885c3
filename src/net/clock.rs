//! The one place of the endpoints where the clock is read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::endpoint::{Moment, WallClock};
use crate::time::Timestamp;

/// A monotonic clock that also knows what time of day it was when it started.
///
/// Times of day are those of the start plus monotonic time since, so that a recording's times and the frames'
/// sent_time never run backwards within a connection, whatever is done to the machine's clock meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    wall: WallClock,
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the border where the clock is read")]
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
        Self { start: Instant::now(), wall: WallClock::new(Timestamp::from_nanos(nanos)) }
    }

    /// Time since the start.
    #[expect(clippy::disallowed_methods, reason = "the border where the clock is read")]
    pub(super) fn now(self) -> Moment {
        Moment::after(Instant::now().duration_since(self.start))
    }

    /// The time of day at [`Moment::ZERO`], the start.
    pub(super) const fn wall(self) -> WallClock {
        self.wall
    }

    /// The runtime's name for `moment`.
    pub(super) fn instant(self, moment: Moment) -> tokio::time::Instant {
        // What the platform cannot say is as good as never, and a year is as good as that.
        let passed = moment.since(Moment::ZERO);
        let year = Duration::from_secs(86_400 * 365);
        let instant = self.start.checked_add(passed).or_else(|| self.start.checked_add(year));
        instant.unwrap_or(self.start).into()
    }
}
