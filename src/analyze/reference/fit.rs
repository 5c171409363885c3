//! Which way of running a window explains the decisions that were taken.
//!
//! | what is seen | this protocol | timer only | Go-Back-N | selective repeat | stop-and-wait |
//! | --- | --- | --- | --- | --- | --- |
//! | a new position while another is outstanding | yes | yes | yes | yes | **no** |
//! | a position other than the oldest again | **no** | **no** | right behind the one below it | yes | **no** |
//! | the oldest again, and not all above it behind it | yes | yes | **no** | yes | yes |
//! | again before its timer ended | full window, end of message | **no** | **no** | **no** | **no** |
//! | again well after its timer ended | yes | only if it was not the oldest | yes | **no** | only if it was not the oldest |
//! | again, while the next above is overdue as well | yes | yes | yes | **no** | yes |
//! | a new position after a resend that has no ACK yet | **no** | yes | yes | yes | yes |
//! | a full window, and a wait for the timer | **no** | yes | yes | yes | yes |
//! | alone outstanding in an open window, and a wait for the timer | **no** | **no** | **no** | **no** | yes |
//! | ACKs of early packages when the missing one is there | yes | yes | **no** | yes | |
//! | an ACK again for an early package | **no** | **no** | yes | **no** | **no** |
//! | an ACK of an early package | **no** | **no** | **no** | yes | **no** |
//!
//! What none of these tells apart is a tie: equal numbers, listed in the order of [`Behaviour::ALL`]. Where no timeout is
//! declared, timers are judged by the one that explains the most.

use std::fmt::Display;

use super::flight::Flight;
use super::rules::Hasty;
use super::score::{Among, Scores};
use super::standing::Standing;
use super::timing::{MAX_WAITING, Timed, Timing, best_timeout, timing};
use super::{ReplayOptions, Write, seconds};
use crate::analyze::{Behaviour, BehaviourFit, Step};
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Arrival, Departure, Positions};
use crate::wire::Pos;

/// Pipelined ones that send the oldest alone again.
const OLDEST_ONLY: Among = Among::THIS_PROTOCOL.and(Among::TIMER_ONLY).and(Among::STOP_AND_WAIT);
const PIPELINED: Among = Among::ALL.without(Among::STOP_AND_WAIT);
/// Those whose receiver keeps early packages and acknowledges in order.
const IN_ORDER: Among = Among::THIS_PROTOCOL.and(Among::TIMER_ONLY);

/// Counts decisions for and against each behaviour.
#[derive(Debug)]
pub(super) struct Fit {
    window: Option<u32>,
    timeout: Option<f64>,
    tolerance: f64,
    scores: Scores,
    /// sent_time of the last MSG, when that was a new position.
    newest: Option<f64>,
    /// The window was full once that was written, whatever the client knew.
    filled: bool,
    /// The shortest time from one new position to the next with nothing written in between; the longest where the window
    /// had room all the time, which is the sender's pace.
    shortest_gap: Option<f64>,
    pace: Option<f64>,
    /// The last new position may have waited for its timer, so that the next follows it sooner than the pace.
    waited_alone: bool,
    burst: Option<Burst>,
    /// The position that was written again, and its packet, until an ACK of it.
    recovering: Option<(i32, u64)>,
    idle: Option<Idle>,
    /// Waits with one position outstanding, the first ones; they count only when there never were two.
    lone_waits: Vec<Idle>,
    /// Highest MSG.
    last_package: i32,
    held: Option<Held>,
    /// The last MSG came early for the receiver: its position and packet.
    early: Option<(i32, u64)>,
    /// Capture time of the ACK that last made another position the oldest.
    oldest_since: Option<Timestamp>,
    /// Resends whose timing is judged once a timeout is known.
    waiting: Vec<Timed>,
    most_in_flight: (i64, u64),
}

/// A position written again, behind which Go-Back-N writes all above it.
#[derive(Debug, Clone, Copy)]
struct Burst {
    last: i32,
    to: i32,
    packet: u64,
    sent: Option<f64>,
}

/// A resend that came after a wait in which a new position could have been written, or the oldest resent, if there was a
/// new position; whether there was, the next one tells.
#[derive(Debug, Clone, Copy)]
struct Idle {
    what: Wait,
    pos: i32,
    packet: u64,
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Until something was acknowledged, or went again.
    FullWindow,
    /// With one position outstanding, until it went again.
    Alone,
    /// With one outstanding that was counted and not written, as it seems, until it went again.
    Unwritten,
}

/// A missing package came, and with it all up to `through` had arrived.
#[derive(Debug, Clone, Copy)]
struct Held {
    missing: i32,
    through: i32,
}

impl Fit {
    pub(super) fn new(options: &ReplayOptions) -> Self {
        Self {
            window: options.window,
            timeout: options.timeout.map(|timeout| timeout.as_secs_f64()).filter(|timeout| *timeout > 0.0),
            tolerance: options.tolerance.as_secs_f64(),
            scores: Scores::default(),
            newest: None,
            filled: false,
            shortest_gap: None,
            pace: None,
            waited_alone: false,
            burst: None,
            recovering: None,
            idle: None,
            lone_waits: Vec::new(),
            last_package: 0,
            held: None,
            early: None,
            oldest_since: None,
            waiting: Vec::new(),
            most_in_flight: (0, 0),
        }
    }

    /// Something was missed: what rests on the frames before it is let go.
    pub(super) fn hole(&mut self) {
        self.newest = None;
        self.filled = false;
        self.waited_alone = false;
        self.burst = None;
        self.recovering = None;
        self.idle = None;
        self.held = None;
        self.early = None;
        self.oldest_since = None;
    }

    /// A MSG or DONE was written; `at` is where things stand with it, `flight` without it.
    pub(super) fn write(&mut self, at: &Standing, flight: &Flight, write: &Write<'_>, arrival: Option<Arrival>) {
        match write.verdict {
            Departure::NotAPosition => return,
            // All before DONE is acknowledged: the behaviours do not differ any more.
            _ if write.done => self.hole(),
            Departure::New { .. } | Departure::Skip { .. } | Departure::BeyondWindow { .. } => {
                self.new_position(at, write)
            }
            Departure::Fill | Departure::Resend => self.again(at, flight, write),
            Departure::Unclear => self.newest = None,
        }
        match arrival {
            Some(Arrival::InOrder { acks }) if acks.count() > 1 => {
                self.held = Some(Held { missing: acks.first().0, through: acks.last().0 });
                self.early = None;
            }
            Some(Arrival::Ahead) if !write.done => self.early = Some((write.pos.0, write.step.packet)),
            _ => self.early = None,
        }
    }

    fn new_position(&mut self, at: &Standing, write: &Write<'_>) {
        let (pos, packet) = (write.pos.0, write.step.packet);
        self.last_package = pos;
        let outstanding = at.acked.map_or(1, |acked| i64::from(pos) - i64::from(acked));
        if outstanding > self.most_in_flight.0 {
            self.most_in_flight = (outstanding, packet);
        }
        let mut against = Among::NONE;
        if outstanding > 1 {
            against = against.and(Among::STOP_AND_WAIT);
        }
        if let Some((again, resent)) = self.recovering
            && pos > again
        {
            against = against.and(Among::THIS_PROTOCOL);
            self.scores.speaks_against(Among::THIS_PROTOCOL, || {
                format!("new pos {pos} (#{packet}) after pos {again} again (#{resent}), before any ACK of that")
            });
            self.recovering = None;
        }
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
                format!("new pos {pos} (#{packet}) while {} before it were outstanding", outstanding - 1)
            });
        }
        if against.is_none() {
            self.scores.unanimous();
        } else {
            self.scores.decide(Among::ALL.without(against), against);
        }
        if let Some(idle) = self.idle.take() {
            self.waited(&idle);
        }
        if let Some(gap) = self.elapsed(self.newest, write.sent) {
            self.gap(at, write, outstanding, gap);
        }
        self.newest = write.sent;
        self.filled = at.window.is_some_and(|window| outstanding >= i64::from(window)) && at.acked.is_some();
    }

    /// So much time passed since the new position before this one, and nothing was written in between.
    fn gap(&mut self, at: &Standing, write: &Write<'_>, outstanding: i64, gap: f64) {
        let (pos, packet) = (write.pos.0, write.step.packet);
        if !self.waited_alone {
            self.shortest_gap = Some(self.shortest_gap.unwrap_or(f64::INFINITY).min(gap));
        }
        let passed_over = match write.verdict {
            Departure::Skip { missing } => f64::from(missing.count()),
            _ => 0.0,
        };
        // Twice: no sender's pace is quite even.
        let at_most = self.pace.map(|pace| (2.0 + passed_over) * pace + self.tolerance);
        if self.filled && write.genuine && at_most.is_some_and(|at_most| gap > at_most) {
            self.waited(&Idle { what: Wait::FullWindow, pos, packet, seconds: gap });
        }
        // With nothing outstanding as far as can be seen: a position that was counted and not written waited for its timer.
        let timer = self.timeout.is_some_and(|timeout| gap >= timeout - self.tolerance);
        let open = at.window.is_some_and(|window| window > 1);
        self.waited_alone = timer && outstanding == 1 && open;
        if self.waited_alone {
            self.idle = Some(Idle { what: Wait::Unwritten, pos, packet, seconds: gap });
        } else if !self.filled {
            self.pace = Some(self.pace.unwrap_or(0.0).max(gap));
        }
    }

    /// A new position proves that one was waiting all along.
    fn waited(&mut self, idle: &Idle) {
        let Idle { what, pos, packet, seconds } = *idle;
        match what {
            Wait::FullWindow => {
                self.scores.decide(Among::NONE, Among::THIS_PROTOCOL);
                self.scores.speaks_against(Among::THIS_PROTOCOL, || {
                    format!("the window was full for {seconds:.4} s before pos {pos} (#{packet}), and nothing went again at once")
                });
            }
            Wait::Alone | Wait::Unwritten if self.lone_waits.len() < MAX_WAITING => self.lone_waits.push(*idle),
            Wait::Alone | Wait::Unwritten => {}
        }
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
            burst.last + 1 == pos && self.elapsed(burst.sent, write.sent).is_some_and(|passed| passed <= self.tolerance)
        });
        let mut against = Among::NONE;
        if let Some(oldest) = at.acked.map(|acked| acked + 1).filter(|oldest| pos > *oldest) {
            let others = if behind.is_some() { Among::NONE } else { Among::GO_BACK_N };
            against = OLDEST_ONLY.and(others);
            self.scores.speaks_against(against, || {
                format!("pos {pos} again (#{packet}) while pos {oldest} was the oldest outstanding")
            });
            if let Some(burst) = behind {
                self.scores.speaks_for(Among::GO_BACK_N, || {
                    format!("pos {pos} again (#{packet}) right behind pos {} (#{})", burst.last, burst.packet)
                });
            }
        }
        if behind.is_none()
            && let Some(burst) = self.burst.take()
        {
            against = against.and(Among::GO_BACK_N);
            self.burst_broken(burst);
        }
        against = self.overdue_above(flight, write, against);
        let last = flight.get(pos).and_then(|last| Some((last.packet, last.age(write.sent)?)));
        let never_written = write.verdict == Departure::Fill;
        let judged = last.map(|(earlier, age)| Timed {
            pos,
            packet,
            earlier,
            age,
            just_oldest: self.just_oldest(at, write.step.time, age),
            // One that also sends others than the oldest again may have counted a position earlier than it seems.
            each: if never_written { Among::NONE } else { Among::SELECTIVE_REPEAT.without(against) },
            oldest: Among::TIMER_ONLY.and(Among::STOP_AND_WAIT).without(against),
            shared: if behind.is_some() { Among::NONE } else { Among::GO_BACK_N.without(against) },
        });
        let timed = judged.map_or(Among::NONE, |timed| timed.each.and(timed.oldest).and(timed.shared));
        if let Some(timed) = &judged {
            against = self.before_the_timer(at, timed, against);
        }
        self.scores.decide(Among::ALL.without(against).without(timed), against);
        match (judged, self.timeout) {
            (Some(timed), Some(timeout)) => self.judge(&timed, timeout),
            (Some(timed), None) if self.waiting.len() < MAX_WAITING => self.waiting.push(timed),
            _ => self.scores.decide(timed, Among::NONE),
        }
        self.note_idle(at, write, judged.as_ref());
        self.burst = (pos < at.highest).then_some(Burst { last: pos, to: at.highest, packet, sent: write.sent });
        if behind.is_some_and(|burst| pos >= burst.to) {
            self.burst = None;
        }
        if self.held.is_some_and(|held| held.missing < pos && pos <= held.through) {
            self.held = None;
        }
        // An ACK of it may be under way to the client.
        self.recovering = (at.acked.is_none_or(|acked| acked < pos)).then_some((pos, packet));
        self.newest = None;
    }

    /// This protocol sends the oldest again before its timer when the window is full or no new position is left, once; then
    /// it waits for the timer.
    fn before_the_timer(&mut self, at: &Standing, timed: &Timed, mut against: Among) -> Among {
        let Some(timeout) = self.timeout else { return against };
        if timing(timed.age, timeout, self.tolerance) != Timing::Early || against.has(Behaviour::ThisProtocol) {
            return against;
        }
        let Timed { pos, packet, earlier, age, .. } = *timed;
        if self.recovering.is_some_and(|(again, _)| again == pos) {
            against = against.and(Among::THIS_PROTOCOL);
            self.scores.speaks_against(Among::THIS_PROTOCOL, || {
                format!("pos {pos} again (#{packet}) only {:.4} s after it had gone again (#{earlier})", age.max)
            });
        } else if at.window.is_some_and(|window| at.highest >= (pos - 1).saturating_add(window)) {
            self.scores.speaks_for(Among::THIS_PROTOCOL, || {
                format!("pos {pos} again (#{packet}) after {:.4} s, before its timer, with the window full", age.max)
            });
        }
        against
    }

    /// Selective repeat would have sent the next position again by now, if it is older than the timeout.
    fn overdue_above(&mut self, flight: &Flight, write: &Write<'_>, against: Among) -> Among {
        let (pos, packet) = (write.pos.0, write.step.packet);
        let (Some(timeout), Some(next)) = (self.timeout, flight.get(pos + 1)) else { return against };
        match next.age(write.sent) {
            Some(age) if !next.acked_alone && age.min > timeout + self.tolerance => {
                self.scores.speaks_against(Among::SELECTIVE_REPEAT, || {
                    format!("pos {pos} went again (#{packet}), and pos {}, {:.4} s old, had not", pos + 1, age.min)
                });
                against.and(Among::SELECTIVE_REPEAT)
            }
            _ => against,
        }
    }

    fn judge(&mut self, timed: &Timed, timeout: f64) {
        let (explained, against) = timed.judge(timeout, self.tolerance);
        self.scores.decide(explained, against);
        let Timed { pos, packet, earlier, age, .. } = *timed;
        let words = |rest: &dyn Display| format!("pos {pos} again (#{packet}) {age} after #{earlier}{rest}");
        match timed.timing(timeout, self.tolerance) {
            Timing::Early => {
                self.scores.speaks_against(against, || words(&format_args!(", before the timer's {timeout:.4} s")));
            }
            Timing::OnTime => {
                self.scores.speaks_for(explained, || words(&format_args!(", when its timer of {timeout:.4} s ended")));
            }
            Timing::Off => {
                self.scores.speaks_against(against, || words(&format_args!(", when no timer of {timeout:.4} s ended")));
            }
        }
    }

    /// Whether the position may have become the oldest only after its timer had ended. The ACK before it needs the way to
    /// the client, and the resend the way from there.
    fn just_oldest(&self, at: &Standing, time: Option<Timestamp>, age: super::flight::Age) -> bool {
        let (Some(time), Some(since)) = (time, self.oldest_since) else { return false };
        let oldest_for = seconds(since, time);
        // What it was late by at most, if its timer ended once; without a timeout, anything less than its age.
        let late = self.timeout.map_or(age.max, |timeout| age.max - timeout);
        at.loop_seconds().is_none_or(|way| oldest_for <= late + way + self.tolerance)
    }

    /// Remembers a wait that says something if a new position was waiting as well.
    fn note_idle(&mut self, at: &Standing, write: &Write<'_>, timed: Option<&Timed>) {
        let early = match (timed, self.timeout) {
            (Some(timed), Some(timeout)) => timed.timing(timeout, self.tolerance) == Timing::Early,
            _ => true,
        };
        let (Some(seconds), Some(window)) = (self.elapsed(self.newest, write.sent), at.window) else { return };
        if early || self.idle.is_some() {
            return;
        }
        let pos = write.pos.0;
        let what = if self.filled && self.pace.is_some_and(|pace| seconds > 2.0 * pace + self.tolerance) {
            Wait::FullWindow
        } else if at.highest == pos && window > 1 {
            Wait::Alone
        } else {
            return;
        };
        self.idle = Some(Idle { what, pos, packet: write.step.packet, seconds });
    }

    fn elapsed(&self, from: Option<f64>, to: Option<f64>) -> Option<f64> {
        Some(to? - from?)
    }

    /// A resend was proved to be early with the window open and a new position waiting.
    pub(super) fn hasty(&mut self, hasty: &Hasty) {
        self.scores.decide(Among::NONE, Among::THIS_PROTOCOL);
        let Hasty { pos, packet, age, edge, .. } = hasty;
        self.scores.speaks_against(Among::THIS_PROTOCOL, || {
            format!("pos {pos} again (#{packet}) after {age:.4} s, with the window open up to {edge}")
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
        let Some(Pos(number)) = step.pos else { return };
        let packet = step.packet;
        let not_arrived = at.arrived_through().is_some_and(|through| number > through);
        match verdict {
            Acknowledgement::Premature { missing } if not_arrived => {
                flight.acknowledge_alone(number);
                self.of_an_early_one(number, packet, missing);
            }
            // The window follows an ACK of an early package, so that the next of them is below the highest.
            Acknowledgement::Regress | Acknowledgement::Reack | Acknowledgement::Duplicate if not_arrived => {
                flight.acknowledge_alone(number);
                if let Some(missing) = Positions::new(Pos(at.arrived_through().unwrap_or(0) + 1), Pos(number - 1)) {
                    self.of_an_early_one(number, packet, missing);
                }
            }
            Acknowledgement::Duplicate => {
                if let Some((early, msg)) = self.early {
                    self.scores.decide(Among::GO_BACK_N, Among::ALL.without(Among::GO_BACK_N));
                    let words = || format!("ACK {number} again (#{packet}) when pos {early} came early (#{msg})");
                    self.scores.speaks_for(Among::GO_BACK_N, words);
                    self.scores.speaks_against(Among::ALL.without(Among::GO_BACK_N), words);
                }
            }
            _ => {}
        }
        self.early = None;
        self.overdue_at_ack(flight, step, number);
        if let Some(held) = self.held
            && number > held.missing
        {
            self.held = None;
            if number <= held.through {
                let keeping = IN_ORDER.and(Among::SELECTIVE_REPEAT);
                self.scores.decide(keeping, Among::GO_BACK_N);
                let words =
                    || format!("ACK {number} (#{packet}) followed pos {}: what had come early was kept", held.missing);
                self.scores.speaks_for(keeping, words);
                self.scores.speaks_against(Among::GO_BACK_N, words);
            }
        }
    }

    /// Selective repeat would have sent the position again before its ACK passed, if the timeout had passed by then: the
    /// client had the ACK later still.
    #[inline]
    fn overdue_at_ack(&mut self, flight: &Flight, step: &Step, number: i32) {
        let (Some(timeout), Some(now), Some(last)) = (self.timeout, step.time, flight.get(number)) else { return };
        let Some(age) = last.time.map(|time| seconds(time, now)).filter(|age| *age > timeout + self.tolerance) else {
            return;
        };
        self.scores.decide(Among::NONE, Among::SELECTIVE_REPEAT);
        self.scores.speaks_against(Among::SELECTIVE_REPEAT, || {
            format!(
                "pos {number} (#{}) did not go again in the {age:.4} s before ACK {number} (#{})",
                last.packet, step.packet
            )
        });
    }

    fn of_an_early_one(&mut self, number: i32, packet: u64, missing: Positions) {
        let others = Among::ALL.without(Among::SELECTIVE_REPEAT);
        self.scores.decide(Among::SELECTIVE_REPEAT, others);
        let words = || format!("ACK {number} (#{packet}) with pos {missing} missing: each package has its own ACK");
        self.scores.speaks_for(Among::SELECTIVE_REPEAT, words);
        self.scores.speaks_against(others, words);
    }

    /// An ACK was taken in; `at` is where things stand with it.
    #[inline]
    pub(super) fn settled(&mut self, at: &Standing, step: &Step) {
        if step.pos.map(|pos| pos.0) == at.acked {
            self.oldest_since = step.time;
        }
        if self.recovering.is_some_and(|(pos, _)| at.acked.is_some_and(|acked| acked >= pos)) {
            self.recovering = None;
        }
    }

    /// A pipelined sender waits with one position outstanding only if the others that fit its window were counted and not
    /// written. So it takes three of them to be missing, and never two to be outstanding.
    fn judge_lone_waits(&mut self) {
        let (Some(window), Some(gap)) = (self.window, self.shortest_gap) else { return };
        if self.timeout.is_some_and(|timeout| gap > timeout - self.tolerance) {
            return;
        }
        let mut waits = std::mem::take(&mut self.lone_waits);
        let timeout = self.timeout.unwrap_or(f64::INFINITY);
        waits.retain(|wait| match wait.what {
            Wait::Unwritten => (2.0 * gap + self.tolerance..2.0 * (timeout + gap)).contains(&wait.seconds),
            _ => wait.seconds > gap + self.tolerance,
        });
        let missing = |wait: &Idle| i64::from(self.last_package - wait.pos).min(i64::from(window) - 1);
        if waits.iter().map(missing).sum::<i64>() < 3 || self.scores.contradicted(Behaviour::StopAndWait) > 0 {
            return;
        }
        for Idle { pos, packet, seconds, .. } in waits {
            self.scores.decide(Among::STOP_AND_WAIT, PIPELINED);
            let words = || {
                format!(
                    "pos {pos} (#{packet}) after a wait of {seconds:.4} s with the window open and new ones to come"
                )
            };
            self.scores.speaks_for(Among::STOP_AND_WAIT, words);
            self.scores.speaks_against(PIPELINED, words);
        }
    }

    /// The behaviours, best first; none when nothing was decided.
    pub(super) fn finish(&mut self) -> Vec<BehaviourFit> {
        if self.scores.is_empty() {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(timeout) = best_timeout(&waiting, self.tolerance) {
            for timed in &waiting {
                self.judge(timed, timeout);
            }
        } else {
            for timed in &waiting {
                self.scores.decide(timed.each.and(timed.oldest).and(timed.shared), Among::NONE);
            }
        }
        self.judge_lone_waits();
        let (most, packet) = self.most_in_flight;
        if most > 1 {
            self.scores.speaks_for(PIPELINED, || format!("up to {most} outstanding (#{packet})"));
        } else {
            self.scores.speaks_for(Among::STOP_AND_WAIT, || "never more than one outstanding".to_owned());
        }
        std::mem::take(&mut self.scores).fits()
    }
}
