//! Whether a resend came when a timer ended.

use std::cmp::Reverse;

use super::flight::Age;
use super::score::Among;

/// Ages that wait for a timeout to be judged by, at most.
pub(super) const MAX_WAITING: usize = 256;

/// A resend with its age, and the behaviours that must explain it by a timer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    pub(super) pos: i32,
    pub(super) packet: u64,
    /// The copy before it.
    pub(super) earlier: u64,
    pub(super) age: Age,
    /// It became the oldest only just before, so that its timer may have ended earlier.
    pub(super) just_oldest: bool,
    /// Those that keep a timer for each position.
    pub(super) each: Among,
    /// Those that look at the oldest position's timer alone.
    pub(super) oldest: Among,
    /// Those whose timer may begin later than the copy, and only not earlier.
    pub(super) shared: Among,
}

/// What a resend's age is to a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// Before its end.
    Early,
    /// At its end, or at the end of one that followed a copy that was counted and not written.
    OnTime,
    /// At some other time.
    Off,
}

impl Timed {
    /// All that must explain it.
    pub(super) const fn all(&self) -> Among {
        self.each.and(self.oldest).and(self.shared)
    }

    pub(super) fn timing(&self, timeout: f64, tolerance: f64) -> Timing {
        timing(self.age, timeout, tolerance)
    }

    /// Which behaviours explain it with that timeout, and which do not.
    pub(super) fn judge(&self, timeout: f64, tolerance: f64) -> (Among, Among) {
        let all = self.all();
        let against = match self.timing(timeout, tolerance) {
            Timing::Early => all,
            Timing::OnTime => Among::NONE,
            Timing::Off if self.just_oldest => self.each,
            Timing::Off => self.each.and(self.oldest),
        };
        (all.without(against), against)
    }
}

pub(super) fn timing(age: Age, timeout: f64, tolerance: f64) -> Timing {
    if age.max < timeout - tolerance {
        return Timing::Early;
    }
    let ends = ((age.min - tolerance) / timeout).ceil().max(1.0) * timeout;
    if ends - tolerance <= age.max { Timing::OnTime } else { Timing::Off }
}

/// The timeout that speaks against the fewest of these; of equal ones that at whose end the most came, then the largest.
pub(super) fn best_timeout(waiting: &[Timed], tolerance: f64) -> Option<f64> {
    let rank = |timeout: f64| {
        let timings = waiting.iter().map(|timed| (timed.timing(timeout, tolerance), timed.just_oldest));
        let (mut against, mut on_time) = (0, 0);
        for timing in timings {
            match timing {
                (Timing::OnTime, _) => on_time += 1_usize,
                (Timing::Off, true) => {}
                _ => against += 1_usize,
            }
        }
        (Reverse(against), on_time)
    };
    let ages = waiting.iter().flat_map(|timed| [timed.age.min, timed.age.max]);
    ages.filter(|timeout| *timeout > 4.0 * tolerance)
        .map(|timeout| (rank(timeout), timeout))
        .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, timeout)| timeout)
}
