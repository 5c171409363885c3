//! An ACK in the model: which arrivals it answers, and which ACKs it proves were not written.

use super::Model;
use super::prior::Prior;
use crate::analyze::answers::{Answers as Calls, Asked, Call, CallKind, NotWritten};
use crate::analyze::ledger::Book;
use crate::analyze::metrics::between;
use crate::analyze::rules::Found;
use crate::analyze::{Step, StepVerdict};
use crate::decode::info::Answers;
use crate::window::{Acknowledgement, Positions};
use crate::wire::{Name, Pos, Side};

impl Model {
    #[inline]
    pub(super) fn acknowledgement(
        &mut self,
        step: &mut Step,
        prior: &Prior,
        verdict: Acknowledgement,
        number: Pos,
        answers: Answers,
        found: &mut Found,
    ) -> bool {
        step.verdict = StepVerdict::Acknowledgement(verdict);
        step.pos = Some(number).filter(|_| verdict != Acknowledgement::Malformed);
        self.meter.acks += 1;
        let moved = step.last_acked != prior.before.last_acked;
        let answered = self.answered(step, verdict, number, &mut found.unwritten);
        let was_held = answered.is_some_and(|call| call.kind == CallKind::Released);
        let (after, ambiguous) = match answers {
            Answers::Frame { after, packet, .. } if moved && step.last_acked == Some(number) && !was_held => {
                let ambiguous = if after.is_some() {
                    None
                } else {
                    self.observer
                        .copy(number)
                        .filter(|copy| copy.packet == packet && copy.copies > 1)
                        .and_then(|copy| between(copy.time, step.time))
                };
                (after, ambiguous)
            }
            _ => (None, None),
        };
        self.meter.acknowledged(step.time, self.proved_in_flight(step), step.packet, after, ambiguous);
        if let Some(back) = prior.clock_back {
            // By the clock it came before what stands before it.
            self.waiting.lost(Some(back.packet));
            self.doubt_answers();
        }
        if moved {
            self.moved_at = Some(step.time);
            if !self.waiting.is_empty() {
                self.waiting.acked(number, step.packet, step.time);
            }
            self.anchor_server(number);
        }
        let last = prior.before.last_acked.map_or(number.0, |last| last.0.saturating_add(1));
        verdict == Acknowledgement::Advances && number.0 == last
    }

    /// Finds what an ACK answers, and which ACKs it shows to be missing.
    #[inline]
    fn answered(
        &mut self,
        step: &Step,
        verdict: Acknowledgement,
        number: Pos,
        unwritten: &mut Vec<NotWritten>,
    ) -> Option<Call> {
        let Self { server, book, .. } = self;
        let jumped = match verdict {
            Acknowledgement::Jump { missing } => Some(missing),
            Acknowledgement::Malformed | Acknowledgement::Unclear => {
                self.doubt_answers();
                return None;
            }
            _ => None,
        };
        // Where nothing is known of what called, the jump is all that tells.
        if server.as_ref().is_none_or(|calls| calls.prove_nothing()) {
            unwritten.extend(jumped.map(|acks| NotWritten {
                acks,
                packet: step.packet,
                index: step.index,
                one_of_several: false,
            }));
        }
        let calls = server.as_mut()?;
        calls.acknowledge(number, |call| note_unwritten(book, unwritten, call))
    }

    /// A frame of the server that is no ACK as far as can be read.
    pub(super) fn other_answer(&mut self, from: Side, name: Option<Name>, found: &mut Found) {
        let Self { server: Some(calls), book, observer, .. } = self else { return };
        match (from, name) {
            (Side::Server, Some(Name::Disconnect)) => {
                calls.disconnect(observer.last_acked().unwrap_or_default(), |call| {
                    note_unwritten(book, &mut found.unwritten, call);
                });
            }
            (Side::Server, None | Some(Name::Ack)) => calls.doubt(),
            _ => {}
        }
    }

    pub(super) fn doubt_answers(&mut self) {
        if let Some(calls) = &mut self.server {
            calls.doubt();
        }
    }

    /// An ACK tells what the server has, once nothing above it is held.
    #[inline]
    fn anchor_server(&mut self, number: Pos) {
        if self.server.is_none() && number >= self.observer.highest() {
            self.server = Some(Calls::after(number));
        }
    }
}

/// A call that was passed by, unless bytes that are missing may have held its answer. That a DONE was not answered has
/// findings of its own: it may have been ignored (PROTOCOL §5.2).
fn note_unwritten(book: &Book, unwritten: &mut Vec<NotWritten>, call: Call) {
    if call.by.name == Name::Done || book.lost_since(Side::Server, call.by.packet) {
        return;
    }
    let Some(acks) = Positions::new(call.pos, call.pos) else { return };
    let Asked { packet, index, .. } = call.by;
    unwritten.push(NotWritten { acks, packet, index, one_of_several: call.one_of_several });
}
