//! A MSG or DONE in the model: what it is to the window, to the receiver, and to what the client did before.

use super::Model;
use super::prior::Prior;
use crate::analyze::again::Ahead;
use crate::analyze::answers::Asked;
use crate::analyze::facts::{Before, Waited};
use crate::analyze::metrics::{between, in_seconds};
use crate::analyze::{Step, StepVerdict};
use crate::decode::framing::LocatedFrame;
use crate::time::Timestamp;
use crate::window::{Arrival, Departure};
use crate::wire::{Name, Pos};

/// Truly new positions remembered.
const MAX_TRULY_NEW: usize = 64;

impl Model {
    /// A MSG or DONE; true when it is the next new package and nothing else is to be said of it.
    #[inline]
    pub(super) fn departure(
        &mut self,
        step: &mut Step,
        located: &LocatedFrame<'_>,
        prior: &mut Prior,
        verdict: Departure,
        name: Name,
        pos: Pos,
    ) -> bool {
        step.verdict = StepVerdict::Departure(verdict);
        step.pos = Some(pos);
        step.arrival = self.arrival(step, prior, name, pos);
        if name == Name::Msg {
            // At the position of a DONE it is a first copy.
            let was_done = prior.copy.is_some_and(|copy| copy.name == Name::Done);
            let resend = verdict == Departure::Resend && !was_done;
            if verdict == Departure::Resend && was_done {
                step.verdict = StepVerdict::Departure(Departure::New { unseen: None });
            }
            self.meter.messages += 1;
            self.meter.resent += u64::from(resend);
            if !resend && verdict != Departure::NotAPosition {
                self.meter.unique += 1;
                self.meter.message_bytes += located.frame.payload().map_or(0, <[u8]>::len) as u64;
            }
        }
        self.meter.departed(step.time, self.proved_in_flight(step), step.packet);
        let ahead = pos > prior.before.highest;
        if ahead {
            self.ahead(step, prior, name, pos);
        }
        self.just_again = !ahead;
        ahead && verdict == (Departure::New { unseen: None }) && name == Name::Msg && prior.waited.is_none()
    }

    /// How many are in flight after a frame, where no ACK can have been missed, so that so many truly are.
    #[inline]
    pub(super) fn proved_in_flight(&self, step: &Step) -> Option<u32> {
        step.in_flight.filter(|_| self.observer.window().last_acked_is_proved())
    }

    /// A position above every one before it.
    #[inline]
    fn ahead(&mut self, step: &Step, prior: &mut Prior, name: Name, pos: Pos) {
        let Before { last_acked, acks_proved, .. } = prior.before;
        let outstanding = last_acked.is_some_and(|last| last.0 < pos.0 - 1);
        let truly_new = outstanding && step.in_flight.is_some() && acks_proved;
        if !self.waiting.is_empty() {
            self.waiting.ahead(Ahead { name, pos, packet: step.packet, truly_new });
        }
        if truly_new {
            self.note_truly_new(pos, step.sent_time);
        }
        if self.timeout.is_some() {
            self.note_act(step, prior);
        }
        if let Some(edge) = self.observer.window().edge() {
            prior.waited = self.filled.and_then(|filled| waited(filled, name, pos, step, self.tolerance()));
            self.filled = (pos >= edge && name == Name::Msg).then_some((step.packet, step.time, edge));
        }
    }

    /// Remembers what was not counted before.
    #[inline]
    fn note_truly_new(&mut self, pos: Pos, sent_time: Option<f64>) {
        let Some(sent) = sent_time.filter(|sent| sent.is_finite()) else { return };
        if self.truly_new.len() >= MAX_TRULY_NEW {
            self.truly_new.pop_front();
        }
        self.truly_new.push_back((pos, sent));
    }

    /// A sent_time at which `pos` had not been counted for sure: positions are counted in their order.
    pub(super) fn surely_uncounted(&self, pos: Pos) -> Option<f64> {
        self.truly_new.iter().rev().find(|(new, _)| *new < pos).map(|(_, sent)| *sent).or(self.asked_sent)
    }

    /// What a MSG or DONE is to the receiver.
    #[inline]
    fn arrival(&mut self, step: &Step, prior: &Prior, name: Name, pos: Pos) -> Option<Arrival> {
        let acked = self.observer.last_acked();
        let calls = self.server.as_mut()?;
        let by = Asked { name, packet: step.packet, index: step.index, time: step.time };
        let arrival = calls.arrive(pos, by, acked);
        if prior.clock_back.is_some() {
            // Its answer may stand before it in the capture.
            calls.doubt();
        }
        Some(arrival)
    }
}

/// How long a full window held a new package back, when longer than anybody would not notice.
fn waited(
    (packet, time, edge): (u64, Option<Timestamp>, Pos),
    name: Name,
    pos: Pos,
    step: &Step,
    tolerance: f64,
) -> Option<Waited> {
    let seconds = between(time, step.time).map(in_seconds)?;
    (name == Name::Msg && pos > edge && seconds >= tolerance).then_some(Waited { seconds, edge, packet })
}
