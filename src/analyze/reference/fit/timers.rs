//! What the times of resends speak for and against.

use super::super::flight::{Age, Flight};
use super::super::score::{Among, Scores};
use super::super::standing::Standing;
use super::super::timing::{MAX_WAITING, Timed, Timing, best_timeout};
use super::super::{ReplayOptions, Write, elapsed};
use crate::analyze::Step;
use crate::analyze::words::seconds;
use crate::time::Timestamp;
use crate::window::Departure;
use crate::wire::Pos;

/// Judges resends by the declared timeout, or, at the end, by the one that explains the most.
#[derive(Debug)]
pub(super) struct Timers {
    /// As declared.
    pub(super) window: Option<u32>,
    /// As declared.
    pub(super) timeout: Option<f64>,
    pub(super) tolerance: f64,
    /// Capture time of the ACK that last made another position the oldest.
    pub(super) oldest_since: Option<Timestamp>,
    /// Resends that are judged once a timeout is known.
    waiting: Vec<Timed>,
}

impl Timers {
    pub(super) fn new(options: &ReplayOptions) -> Self {
        Self {
            window: options.window,
            timeout: options.timeout.map(|timeout| timeout.as_secs_f64()).filter(|timeout| *timeout > 0.0),
            tolerance: options.tolerance.as_secs_f64(),
            oldest_since: None,
            waiting: Vec::new(),
        }
    }

    pub(super) fn hole(&mut self) {
        self.oldest_since = None;
    }

    /// A resend with its age, where that is known; `by_timer` must explain it by a timer, if they are among those that
    /// resend for nothing else.
    pub(super) fn timed(&self, at: &Standing, flight: &Flight, write: &Write<'_>, by_timer: Among) -> Option<Timed> {
        let pos = write.pos.0;
        let last = flight.get(pos)?;
        let age = last.age(write.sent)?;
        // One that also sends others than the oldest again may have counted a position earlier than it seems.
        let each = if write.verdict == Departure::Fill { Among::NONE } else { Among::SELECTIVE_REPEAT };
        Some(Timed {
            pos,
            packet: write.step.packet,
            earlier: last.packet,
            age,
            just_oldest: self.just_oldest(at, write.step.time, age),
            each: by_timer.both(each),
            oldest: by_timer.both(Among::TIMER_ONLY.and(Among::STOP_AND_WAIT)),
            shared: by_timer.both(Among::GO_BACK_N),
        })
    }

    /// It came before the declared timeout had passed.
    pub(super) fn is_early(&self, timed: &Timed) -> bool {
        self.timeout.is_some_and(|timeout| timed.timing(timeout, self.tolerance) == Timing::Early)
    }

    /// Selective repeat would have sent the next position again by now, if it is older than the timeout.
    pub(super) fn overdue_above(&self, scores: &mut Scores, flight: &Flight, write: &Write<'_>) -> Among {
        let (pos, packet) = (write.pos.0, write.step.packet);
        let (Some(timeout), Some(next)) = (self.timeout, flight.get(pos + 1)) else { return Among::NONE };
        match next.age(write.sent) {
            Some(age) if !next.acked_alone && age.min > timeout + self.tolerance => {
                scores.speaks_against(Among::SELECTIVE_REPEAT, || {
                    let age = seconds(age.min);
                    format!("pos {pos} went again (#{packet}), and pos {}, {age} old, had not", pos + 1)
                });
                Among::SELECTIVE_REPEAT
            }
            _ => Among::NONE,
        }
    }

    /// Selective repeat would have sent the position again before its ACK passed, if the timeout had passed by then: the
    /// client had the ACK later still.
    #[inline]
    pub(super) fn overdue_at_ack(&self, scores: &mut Scores, flight: &Flight, step: &Step, Pos(number): Pos) {
        let (Some(timeout), Some(now), Some(last)) = (self.timeout, step.time, flight.get(number)) else { return };
        let Some(age) = last.time.map(|time| elapsed(time, now)).filter(|age| *age > timeout + self.tolerance) else {
            return;
        };
        scores.decide(Among::NONE, Among::SELECTIVE_REPEAT);
        scores.speaks_against(Among::SELECTIVE_REPEAT, || {
            let (packet, ack, age) = (last.packet, step.packet, seconds(age));
            format!("pos {number} (#{packet}) did not go again in the {age} before ACK {number} (#{ack})")
        });
    }

    /// Whether the position may have become the oldest only after its timer had ended. The ACK before it needs the way to
    /// the client, and the resend the way from there.
    fn just_oldest(&self, at: &Standing, time: Option<Timestamp>, age: Age) -> bool {
        let (Some(time), Some(since)) = (time, self.oldest_since) else { return false };
        let oldest_for = elapsed(since, time);
        // What it was late by at most, if its timer ended once; without a timeout, anything less than its age.
        let late = self.timeout.map_or(age.max, |timeout| age.max - timeout);
        at.loop_seconds().is_none_or(|way| oldest_for <= late + way + self.tolerance)
    }

    /// Judges a resend by the declared timeout, or keeps it until one is found.
    pub(super) fn judge(&mut self, scores: &mut Scores, timed: Timed) {
        match self.timeout {
            Some(timeout) => judge(scores, &timed, timeout, self.tolerance, "its timer of"),
            None if self.waiting.len() < MAX_WAITING => self.waiting.push(timed),
            None => scores.decide(timed.all(), Among::NONE),
        }
    }

    /// Judges what was kept.
    pub(super) fn finish(&mut self, scores: &mut Scores) {
        let waiting = std::mem::take(&mut self.waiting);
        let best = best_timeout(&waiting, self.tolerance);
        for timed in &waiting {
            match best {
                Some(timeout) => judge(scores, timed, timeout, self.tolerance, "a timer that fits best,"),
                None => scores.decide(timed.all(), Among::NONE),
            }
        }
    }
}

/// `whose`: how the timer is called, before its length.
fn judge(scores: &mut Scores, timed: &Timed, timeout: f64, tolerance: f64, whose: &str) {
    let (explained, against) = timed.judge(timeout, tolerance);
    scores.decide(explained, against);
    let Timed { pos, packet, earlier, age, .. } = *timed;
    let words = |when: String| format!("pos {pos} again (#{packet}) {age} after #{earlier}, {when}");
    let timer = format!("{whose} {}", seconds(timeout));
    match timed.timing(timeout, tolerance) {
        Timing::Early => {
            let left = seconds(timeout - age.max);
            scores.speaks_against(against, || words(format!("{left} or more before the end of {timer}")));
        }
        Timing::OnTime => scores.speaks_for(explained, || words(format!("at the end of {timer}"))),
        Timing::Off => {
            scores.speaks_against(against, || words(format!("{} after the end of {timer}", age.less(timeout))));
        }
    }
}
