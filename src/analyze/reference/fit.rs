//! Which way of running a window explains the decisions that were taken.
//!
//! | what is seen | this protocol | timer only | Go-Back-N | selective repeat | stop-and-wait |
//! | --- | --- | --- | --- | --- | --- |
//! | a new position while another is outstanding | yes | yes | yes | yes | **no** |
//! | a position other than the oldest again | **no** | **no** | right behind the one below it | yes | **no** |
//! | the oldest again, and not all above it behind it | yes | yes | **no** | yes | yes |
//! | again before its timer ended | full window, end of message; once | **no** | **no** | **no** | **no** |
//! | again well after its timer ended | yes | only if it was not the oldest | yes | **no** | only if it was not the oldest |
//! | again, while the next above is overdue as well | yes | yes | yes | **no** | yes |
//! | alone outstanding in an open window, and a wait for the timer | **no** | **no** | **no** | **no** | yes |
//! | ACKs of early packages when the missing one is there | yes | yes | **no** | yes | |
//! | an ACK again for an early package | **no** | **no** | yes | **no** | **no** |
//! | an ACK of an early package | **no** | **no** | **no** | yes | **no** |
//!
//! *This protocol* is whatever keeps the sender rules (PROTOCOL §4): the oldest position alone goes again, when its timer has
//! ended or later, at once when the window is full (§4.4), or when no new position is left (§4.6). The reference does all
//! of it. *Timer only* is the narrower case in which nothing but the end of the timer sets a resend off, as with this
//! crate's client by default: where that fits, this protocol fits as well.
//!
//! What none of these tells apart is a tie: equal numbers, listed in the order of [`Behaviour::ALL`]. Where no timeout is
//! declared, timers are judged by the one that explains the most.

mod lone_waits;
mod receipts;
mod timers;

use super::flight::Flight;
use super::rules::Hasty;
use super::score::{Among, Scores};
use super::standing::Standing;
use super::timing::Timed;
use super::{ReplayOptions, Write};
use crate::analyze::words::seconds;
use crate::analyze::{Behaviour, BehaviourFit, Step};
use crate::window::{Acknowledgement, Arrival, Departure};
use lone_waits::LoneWaits;
use receipts::Receipts;
use timers::Timers;

/// Pipelined ones that send the oldest alone again.
const OLDEST_ONLY: Among = Among::THIS_PROTOCOL.and(Among::TIMER_ONLY).and(Among::STOP_AND_WAIT);
const PIPELINED: Among = Among::ALL.without(Among::STOP_AND_WAIT);

/// Counts decisions for and against each behaviour.
#[derive(Debug)]
pub(super) struct Fit {
    scores: Scores,
    timers: Timers,
    lone_waits: LoneWaits,
    receipts: Receipts,
    burst: Option<Burst>,
    /// The position that was written again, until an ACK of it.
    recovering: Option<i32>,
    /// The most positions outstanding, and the packet that made them so many.
    most_in_flight: (i64, u64),
    /// Of some new position nothing tells how many were outstanding with it.
    some_unknown: bool,
}

/// A position written again, behind which Go-Back-N writes all above it.
#[derive(Debug, Clone, Copy)]
struct Burst {
    last: i32,
    to: i32,
    packet: u64,
    sent: Option<f64>,
}

impl Fit {
    pub(super) fn new(options: &ReplayOptions) -> Self {
        Self {
            scores: Scores::default(),
            timers: Timers::new(options),
            lone_waits: LoneWaits::default(),
            receipts: Receipts::default(),
            burst: None,
            recovering: None,
            most_in_flight: (0, 0),
            some_unknown: false,
        }
    }

    /// Something was missed: what rests on the frames before it is let go.
    pub(super) fn hole(&mut self) {
        self.timers.hole();
        self.lone_waits.hole();
        self.receipts.hole();
        self.burst = None;
        self.recovering = None;
    }

    /// The sender's clock does not tell how long ago anything was.
    pub(super) fn clock_set_back(&mut self) {
        self.lone_waits.hole();
    }

    /// Positions that were written may have been missed.
    pub(super) fn missed_positions(&mut self) {
        self.some_unknown = true;
    }

    /// A MSG or DONE was written; `at` is where things stand with it, `flight` without it.
    pub(super) fn write(&mut self, at: &Standing, flight: &Flight, write: &Write<'_>, arrival: Option<Arrival>) {
        match write.verdict {
            Departure::NotAPosition => return,
            // All before DONE is acknowledged: the behaviours do not differ any more.
            _ if write.done => self.hole(),
            Departure::New { .. } | Departure::Skip { .. } | Departure::BeyondWindow { .. } => {
                self.new_position(at, write);
            }
            Departure::Fill | Departure::Resend => self.again(at, flight, write),
            Departure::Unclear => self.lone_waits.unclear(),
        }
        self.receipts.wrote(write, arrival);
    }

    fn new_position(&mut self, at: &Standing, write: &Write<'_>) {
        let (pos, packet) = (write.pos.0, write.step.packet);
        // An ACK that the capture lost may have been there.
        let known = at.surely_acked().map(|acked| i64::from(pos) - i64::from(acked));
        self.some_unknown |= known.is_none();
        let outstanding = known.unwrap_or(1);
        if outstanding > self.most_in_flight.0 {
            self.most_in_flight = (outstanding, packet);
        }
        let mut against = if outstanding > 1 { Among::STOP_AND_WAIT } else { Among::NONE };
        if let Some(burst) = self.burst.take() {
            against = against.and(Among::GO_BACK_N);
            self.burst_broken(burst);
        }
        if matches!(write.verdict, Departure::BeyondWindow { .. }) {
            against = Among::ALL;
            let edge = at.edge().unwrap_or_default();
            self.scores.speaks_against(against, || {
                format!("new pos {pos} (#{packet}) is beyond the window, whose edge is {edge}")
            });
        } else if against == Among::STOP_AND_WAIT {
            self.scores.speaks_against(against, || {
                let were = if outstanding == 2 { "was" } else { "were" };
                format!("new pos {pos} (#{packet}) while {} before it {were} outstanding", outstanding - 1)
            });
        }
        if against.is_none() {
            self.scores.unanimous();
        } else {
            self.scores.decide(Among::ALL.without(against), against);
        }
        self.lone_waits.new_position(at, write, outstanding, &self.timers);
    }

    fn burst_broken(&mut self, burst: Burst) {
        let Burst { last, packet, .. } = burst;
        self.scores.speaks_against(Among::GO_BACK_N, || {
            format!("pos {} did not go again behind pos {last} (#{packet})", last + 1)
        });
    }

    fn again(&mut self, at: &Standing, flight: &Flight, write: &Write<'_>) {
        let (pos, packet) = (write.pos.0, write.step.packet);
        let behind = self.burst.filter(|burst| {
            burst.last + 1 == pos
                && elapsed(burst.sent, write.sent).is_some_and(|passed| passed <= self.timers.tolerance)
        });
        let mut against = self.not_the_oldest(at, write, behind);
        if behind.is_none()
            && let Some(burst) = self.burst.take()
        {
            against = against.and(Among::GO_BACK_N);
            self.burst_broken(burst);
        }
        against = against.and(self.timers.overdue_above(&mut self.scores, flight, write));
        // Behind another it goes as part of a burst, whose first has the timer.
        let by_timer = if behind.is_some() { Among::ALL.without(Among::GO_BACK_N) } else { Among::ALL };
        let timed = self.timers.timed(at, flight, write, by_timer.without(against));
        if let Some(timed) = timed.as_ref().filter(|timed| self.timers.is_early(timed)) {
            against = against.and(self.before_the_timer(at, timed, against));
        }
        let by_timer = timed.as_ref().map_or(Among::NONE, Timed::all);
        self.scores.decide(Among::ALL.without(against).without(by_timer), against);
        if let Some(timed) = timed {
            self.timers.judge(&mut self.scores, timed);
        }
        let may_be_early =
            timed.as_ref().is_none_or(|timed| self.timers.timeout.is_none() || self.timers.is_early(timed));
        self.lone_waits.again(at, write, may_be_early);
        self.burst = (pos < at.highest).then_some(Burst { last: pos, to: at.highest, packet, sent: write.sent });
        if behind.is_some_and(|burst| pos >= burst.to) {
            self.burst = None;
        }
        // An ACK of it may be under way to the client.
        self.recovering = (at.acked.is_none_or(|acked| acked < pos)).then_some(pos);
    }

    /// What another position than the oldest speaks against.
    fn not_the_oldest(&mut self, at: &Standing, write: &Write<'_>, behind: Option<Burst>) -> Among {
        let (pos, packet) = (write.pos.0, write.step.packet);
        let Some(oldest) = at.surely_acked().map(|acked| acked + 1).filter(|oldest| pos > *oldest) else {
            return Among::NONE;
        };
        let others = if behind.is_some() { Among::NONE } else { Among::GO_BACK_N };
        let against = OLDEST_ONLY.and(others);
        self.scores.speaks_against(against, || {
            format!("pos {pos} again (#{packet}) while pos {oldest} was the oldest outstanding")
        });
        if let Some(burst) = behind {
            self.scores.speaks_for(Among::GO_BACK_N, || {
                format!("pos {pos} again (#{packet}) right behind pos {} (#{})", burst.last, burst.packet)
            });
        }
        against
    }

    /// This protocol sends the oldest again before its timer when the window is full or no new position is left, once; then
    /// it waits for the timer.
    fn before_the_timer(&mut self, at: &Standing, timed: &Timed, against: Among) -> Among {
        let Timed { pos, packet, earlier, age, .. } = *timed;
        if against.has(Behaviour::ThisProtocol) {
            return Among::NONE;
        }
        let age = seconds(age.max);
        if self.recovering == Some(pos) {
            self.scores.speaks_against(Among::THIS_PROTOCOL, || {
                format!("pos {pos} again (#{packet}) only {age} after it had gone again (#{earlier})")
            });
            return Among::THIS_PROTOCOL;
        }
        if at.window.is_some_and(|window| at.highest >= (pos - 1).saturating_add(window)) {
            self.scores.speaks_for(Among::THIS_PROTOCOL, || {
                format!("pos {pos} again (#{packet}) after {age}, before its timer ended, with the window full")
            });
        }
        Among::NONE
    }

    /// A resend was proved to be early with the window open and a new position waiting.
    pub(super) fn hasty(&mut self, hasty: &Hasty) {
        self.scores.decide(Among::NONE, Among::THIS_PROTOCOL);
        let Hasty { pos, packet, age, edge, .. } = hasty;
        self.scores.speaks_against(Among::THIS_PROTOCOL, || {
            format!("pos {pos} again (#{packet}) after {}, with the window open up to {edge}", seconds(*age))
        });
    }

    /// An ACK is written; `at` is where things stand without it.
    #[inline]
    pub(super) fn acknowledgement(
        &mut self,
        at: &Standing,
        flight: &mut Flight,
        step: &Step,
        verdict: Acknowledgement,
    ) {
        let Some(pos) = step.pos else { return };
        self.receipts.acknowledgement(&mut self.scores, at, flight, (step.packet, pos), verdict);
        self.timers.overdue_at_ack(&mut self.scores, flight, step, pos);
        self.receipts.kept(&mut self.scores, step.packet, pos);
    }

    /// An ACK was taken in; `at` is where things stand with it.
    #[inline]
    pub(super) fn settled(&mut self, at: &Standing, step: &Step) {
        if step.pos.map(|pos| pos.0) == at.acked {
            self.timers.oldest_since = step.time;
        }
        if self.recovering.is_some_and(|pos| at.acked.is_some_and(|acked| acked >= pos)) {
            self.recovering = None;
        }
    }

    /// The behaviours, best first; none when nothing was decided.
    pub(super) fn finish(&mut self) -> Vec<BehaviourFit> {
        if self.scores.is_empty() {
            return Vec::new();
        }
        self.timers.finish(&mut self.scores);
        self.lone_waits.finish(&mut self.scores, &self.timers);
        let (most, packet) = self.most_in_flight;
        if most > 1 {
            self.scores.speaks_for(PIPELINED, || format!("up to {most} outstanding (#{packet})"));
        } else if !self.some_unknown {
            self.scores.speaks_for(Among::STOP_AND_WAIT, || "never more than one outstanding".to_owned());
        }
        std::mem::take(&mut self.scores).fits()
    }
}

/// From one sent_time to another.
fn elapsed(from: Option<f64>, to: Option<f64>) -> Option<f64> {
    Some(to? - from?)
}
