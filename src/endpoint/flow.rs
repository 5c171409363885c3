//! What the client sends next and when: the window, the timer and the resend policy, without frames
//! (PROTOCOL §4). DONE is the position after the last package.

use std::time::Duration;

use super::outstanding::Outstanding;
use super::{ClientConfig, Moment, ResendPolicy, Triggers};
use crate::window::{Acknowledgement, Departure, Positions, SendWindow};
use crate::wire::Pos;

/// How long [`ResendPolicy::Eager`] waits after the last package before it resends the oldest unacknowledged one
/// (PROTOCOL §4.6).
pub const END_OF_MESSAGE_WAIT: Duration = Duration::from_millis(500);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The first copy of a package, or of DONE.
    New(Pos),
    /// The oldest unacknowledged position again.
    Resend(Pos, Triggers),
    /// It was resent as often as allowed.
    GiveUp {
        /// Which.
        pos: Pos,
        /// How often.
        resends: u32,
    },
}

#[derive(Debug)]
pub(super) struct Flow {
    config: ClientConfig,
    /// N.
    packages: i32,
    /// The next new package.
    next: i32,
    window: SendWindow,
    outstanding: Outstanding,
    /// Resends of the oldest outstanding position.
    resends: u32,
    /// The next new package may go, as far as the pace is concerned.
    ready_at: Moment,
    eager: Eager,
}

/// Where [`ResendPolicy::Eager`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eager {
    /// The next package is asked about when its pace is over.
    Pacing,
    /// This position was resent, and nothing else goes before its ACK.
    Recovering(i32),
    /// Its ACK came: the package that waited goes without being asked about again.
    Admitted,
    /// No package is left: the oldest goes again at this moment.
    Ending(Moment),
}

impl Flow {
    /// The flow of `packages` packages, from `now` on.
    pub(super) fn new(config: ClientConfig, packages: i32, now: Moment) -> Self {
        let ready_at = match config.policy {
            ResendPolicy::Timer => now,
            ResendPolicy::Eager => now + config.pace,
        };
        Self {
            config,
            packages,
            next: 1,
            window: SendWindow::new(Some(config.window)),
            outstanding: Outstanding::default(),
            resends: 0,
            ready_at,
            eager: Eager::Pacing,
        }
    }

    pub(super) const fn packages(&self) -> Pos {
        Pos(self.packages)
    }

    pub(super) fn last_acked(&self) -> Pos {
        self.window.last_acked().unwrap_or_default()
    }

    pub(super) fn edge(&self) -> Pos {
        self.window.edge().unwrap_or_default()
    }

    /// DONE's position, N + 1.
    pub(super) const fn done(&self) -> Pos {
        Pos(self.packages + 1)
    }

    pub(super) fn all_acknowledged(&self) -> bool {
        self.last_acked().0 >= self.packages
    }

    /// DONE is acknowledged too.
    pub(super) fn is_over(&self) -> bool {
        self.last_acked() >= self.done()
    }

    /// When the timer ends: the last counted time of the oldest unacknowledged position + timeout (PROTOCOL §4.2).
    pub(super) fn timer_end(&self) -> Option<Moment> {
        self.outstanding.oldest().map(|sent| sent + self.config.timeout)
    }

    /// When the oldest outstanding position was last counted as sent.
    pub(super) fn oldest_sent_at(&self) -> Option<Moment> {
        self.outstanding.oldest()
    }

    /// The package that waits because the window is full.
    pub(super) fn blocked(&self) -> Option<Pos> {
        (self.next <= self.packages && !self.window.may_depart(Pos(self.next))).then_some(Pos(self.next))
    }

    /// From when on something is due, if no ACK comes; `None` when nothing is left to send.
    pub(super) fn due_at(&self) -> Option<Moment> {
        if self.is_over() {
            return None;
        }
        let timer_end = self.timer_end();
        if self.all_acknowledged() {
            return Some(timer_end.unwrap_or_default());
        }
        if self.config.policy == ResendPolicy::Timer {
            let new = (self.next <= self.packages && self.blocked().is_none()).then_some(self.ready_at);
            return match (timer_end, new) {
                (Some(resend), Some(new)) => Some(resend.min(new)),
                (one, other) => one.or(other),
            };
        }
        let (at, resend) = match self.eager {
            Eager::Recovering(_) => return timer_end,
            Eager::Admitted => return Some(Moment::ZERO),
            Eager::Ending(at) => (at, true),
            Eager::Pacing => {
                (self.ready_at, self.blocked().is_some() || timer_end.is_some_and(|end| end <= self.ready_at))
            }
        };
        // Nothing but giving up is left, and that has time until the timer ends.
        if resend && self.is_exhausted() { Some(timer_end.map_or(at, |end| end.max(at))) } else { Some(at) }
    }

    /// What is due at `now`.
    pub(super) fn due(&self, now: Moment) -> Option<Due> {
        if self.due_at().is_none_or(|at| now < at) {
            return None;
        }
        let timer = self.timer_end().is_some_and(|end| end <= now);
        if self.all_acknowledged() {
            return match self.timer_end() {
                None => Some(Due::New(self.done())),
                Some(_) => self.again(Triggers { timer, ..Triggers::default() }),
            };
        }
        let triggers =
            Triggers { timer, full_window: self.blocked().is_some(), end_of_message: self.next > self.packages };
        let new = Some(Due::New(Pos(self.next)));
        match (self.config.policy, self.eager) {
            (ResendPolicy::Timer, _) if timer => self.again(triggers),
            (ResendPolicy::Timer, _) | (ResendPolicy::Eager, Eager::Admitted) => new,
            (ResendPolicy::Eager, Eager::Pacing) if !timer && !triggers.full_window => new,
            (ResendPolicy::Eager, Eager::Pacing | Eager::Recovering(_) | Eager::Ending(_)) => self.again(triggers),
        }
    }

    fn again(&self, triggers: Triggers) -> Option<Due> {
        let pos = self.window.oldest_unacked()?;
        match self.is_exhausted() {
            false => Some(Due::Resend(pos, triggers)),
            true => triggers.timer.then_some(Due::GiveUp { pos, resends: self.resends }),
        }
    }

    fn is_exhausted(&self) -> bool {
        self.config.max_resends.is_some_and(|most| self.resends >= most)
    }

    /// Counts `pos` as sent at `now`. Only [`Departure::New`] and [`Departure::Resend`] may be written.
    pub(super) fn depart(&mut self, pos: Pos, now: Moment) -> Departure {
        let verdict = self.window.depart(pos);
        match verdict {
            Departure::New { .. } => {
                self.outstanding.push(1, now);
                self.next = self.next.max(pos.0 + 1);
                self.ready_at = now + self.config.pace;
                self.eager = self.go_on(Eager::Pacing, now);
            }
            Departure::Resend => {
                self.outstanding.resend_oldest(now);
                self.resends = self.resends.saturating_add(1);
                self.eager = Eager::Recovering(pos.0);
            }
            _ => {}
        }
        verdict
    }

    fn go_on(&self, with_package: Eager, now: Moment) -> Eager {
        if self.next <= self.packages { with_package } else { Eager::Ending(now + END_OF_MESSAGE_WAIT) }
    }

    /// Takes in an ACK (PROTOCOL §4.7, §4.8).
    pub(super) fn acknowledge(&mut self, ack: Option<Pos>, now: Moment) -> Acknowledgement {
        let before = self.last_acked();
        let verdict = self.window.acknowledge(ack);
        self.advance(u32::try_from(self.last_acked().0 - before.0).unwrap_or(0), now);
        verdict
    }

    /// So many positions more are acknowledged.
    fn advance(&mut self, newly: u32, now: Moment) {
        if newly > 0 {
            self.outstanding.pop(newly);
            self.resends = 0;
            if matches!(self.eager, Eager::Recovering(pos) if self.last_acked().0 >= pos) {
                self.eager = self.go_on(Eager::Admitted, now);
            }
        }
    }

    /// Counts every package that may be sent at `now` without looking again, `most` of them at most, as
    /// [`due`](Self::due) and [`depart`](Self::depart) would one by one. `None` where one has to look: the timer has
    /// ended, or packages are spaced or asked about one by one.
    pub(super) fn depart_in_order(&mut self, most: u32, now: Moment) -> Option<Positions> {
        let timer_ended = self.timer_end().is_some_and(|end| end <= now);
        let each_waits = self.config.policy != ResendPolicy::Timer || !self.config.pace.is_zero();
        if timer_ended || each_waits || self.ready_at > now {
            return None;
        }
        let last = i64::from(self.next - 1) + i64::from(most);
        let last = last.min(self.edge().0.into()).min(self.packages.into());
        let run = self.window.depart_in_order(Pos(i32::try_from(last).ok()?))?;
        self.outstanding.push(run.count(), now);
        self.next = run.last().0 + 1;
        self.ready_at = now;
        self.eager = self.go_on(Eager::Pacing, now);
        Some(run)
    }

    /// Takes in the ACKs of every position from the next one up to `last`, one after the other, as
    /// [`acknowledge`](Self::acknowledge) would; `None`, and nothing changes, where they are not that simple.
    pub(super) fn acknowledge_in_order(&mut self, last: Pos, now: Moment) -> Option<Positions> {
        let run = self.window.acknowledge_in_order(last)?;
        self.advance(run.count(), now);
        Some(run)
    }

    /// The highest position counted as sent.
    pub(super) fn highest(&self) -> Pos {
        self.window.highest()
    }
}
