//! The one place of the endpoints where the clock is read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// A monotonic clock that also knows what time of day it is.
///
/// Times of day are those of the start plus monotonic time since, so that a recording's times and the frames'
/// sent_time never run backwards within a connection, whatever is done to the machine's clock meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    start_of_day: Timestamp,
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the border where the clock is read")]
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
        Self { start: Instant::now(), start_of_day: Timestamp::from_nanos(nanos) }
    }

    /// Time since the start.
    #[expect(clippy::disallowed_methods, reason = "the border where the clock is read")]
    pub(crate) fn now(self) -> Duration {
        Instant::now().duration_since(self.start)
    }

    /// The time of day at `elapsed` since the start.
    pub(crate) fn timestamp(self, elapsed: Duration) -> Timestamp {
        let nanos = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_nanos(self.start_of_day.nanos().saturating_add(nanos))
    }

    /// The runtime's name for the moment `elapsed` since the start.
    pub(crate) fn instant(self, elapsed: Duration) -> tokio::time::Instant {
        // A moment beyond what the platform can say is as good as never.
        let far = Duration::from_secs(86_400 * 365);
        let instant = self.start.checked_add(elapsed).or_else(|| self.start.checked_add(far));
        instant.unwrap_or(self.start).into()
    }
}
