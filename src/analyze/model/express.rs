//! The express way through the model: the next new package, or the ACK of the next position, with nothing to be said of it.
//!
//! In a quiet exchange the general way asks some forty questions of such a frame and the answer to each is known. This
//! way asks only what the frame itself decides, and changes what the general way would have changed. What is quiet is
//! worked out after each frame of the general way ([`Model::is_quiet`]); neither a hole nor a frame of this way can make
//! an exchange quiet, and no frame of this way ends it.

use super::super::answers::{Asked, CallKind};
use super::super::ledger::index;
use super::super::{Step, StepVerdict};
use super::Model;
use crate::decode::framing::LocatedFrame;
use crate::window::{Acknowledgement, Arrival, Departure};
use crate::wire::{Name, Pos, Side};

impl Model {
    /// True when the next package or ACK in line is ordinary unless it is odd by itself: nothing was missed, skipped,
    /// repeated or cut that is still open; both sides are in the middle of the exchange; the receiver holds nothing back;
    /// and neither a window nor a timeout was declared, against which each package is held.
    pub(super) fn is_quiet(&self) -> bool {
        let declared = self.options.window.is_some() || self.timeout.is_some();
        let whole = self.grid == [true; 2] && self.cut == [None; 2] && self.torn_ack.is_none();
        let in_order = self.server.as_ref().is_some_and(|server| {
            server.is_quiet() && server.holds_nothing() && server.arrived_through() == self.observer.highest()
        });
        !declared
            && !self.regridded
            && whole
            && in_order
            && self.observer.is_quiet()
            && self.book.is_settled()
            && self.course.is_under_way()
            && self.waiting.is_empty()
            && self.waited.is_none()
            && self.short.is_none()
            && self.meter.is_under_way()
    }

    /// Takes in an ordinary frame of a quiet exchange; else changes nothing and gives `None`.
    #[inline]
    pub(in crate::analyze) fn express(&mut self, located: &LocatedFrame<'_>) -> Option<Step> {
        let LocatedFrame { from, packet, time, ref frame, .. } = *located;
        let ((last_packet, last_time), (last_sent, _)) = self.last.zip(self.last_sent[index(from)])?;
        let sent = frame.view().sent_time();
        let in_order = packet >= last_packet && time? >= last_time? && sent >= last_sent;
        if !self.quiet || !in_order || !frame.is_flawless(from) {
            return None;
        }
        let acks_proved = self.observer.window().last_acked_is_proved();
        let (Pos(highest), Pos(last)) = (self.observer.highest(), self.observer.last_acked()?);
        let (pos, verdict, arrival) = match (from, frame.name()?) {
            // A package that is not full has to be the last.
            (Side::Client, Name::Msg) if frame.view().payload_field().last() != Some(&0) => {
                let pos = frame.pos().filter(|Pos(pos)| highest.checked_add(1) == Some(*pos))?;
                let in_flight = pos.0.checked_sub(last)?.unsigned_abs();
                // More in flight than ever before is worth a closer look.
                self.meter.largest_in_flight.filter(|(most, _)| in_flight <= *most)?;
                let by = Asked { name: Name::Msg, packet, index: self.steps, time };
                let acks = self.server.as_mut()?.arrive_in_order(pos, by)?;
                self.package(located, pos, in_flight);
                let verdict = StepVerdict::Departure(Departure::New { unseen: None });
                (pos, verdict, Some(Arrival::InOrder { acks }))
            }
            (Side::Server, Name::Ack) => {
                let number = frame.view().ack_number()?;
                if last.checked_add(1) != Some(number.0) || number.0 > highest {
                    return None;
                }
                let copy = self.observer.copy(number).filter(|copy| copy.copies == 1)?;
                let after = time?.since(copy.time?);
                self.answer(located, number, after);
                (number, StepVerdict::Acknowledgement(Acknowledgement::Advances), None)
            }
            _ => return None,
        };
        self.last = Some((packet, time));
        if sent > last_sent {
            self.last_sent[index(from)] = Some((sent, packet));
        }
        self.steps += 1;
        self.meter.frames += 1;
        self.meter.stream_bytes[index(from)] += frame.view().bytes().len() as u64;
        let step = Step {
            index: self.steps - 1,
            packet,
            time,
            from,
            name: frame.name(),
            pos: Some(pos),
            sent_time: Some(sent),
            verdict,
            highest: self.observer.highest(),
            last_acked: self.observer.last_acked(),
            edge: self.edge(),
            in_flight: self.observer.window().in_flight(),
            arrival,
        };
        if let Some(replay) = &mut self.replay {
            replay.step(&step, acks_proved);
        }
        Some(step)
    }

    #[inline(always)] // called once
    fn package(&mut self, located: &LocatedFrame<'_>, pos: Pos, in_flight: u32) {
        let LocatedFrame { packet, time, ref frame, .. } = *located;
        let outstanding = in_flight > 1;
        if outstanding && self.observer.window().last_acked_is_proved() {
            self.note_truly_new(pos, frame.sent_time());
        }
        self.observer.depart_next(pos, frame, packet, time);
        self.meter.messages += 1;
        self.meter.unique += 1;
        self.meter.message_bytes += frame.payload().map_or(0, <[u8]>::len) as u64;
        self.meter.flies(time, Some(in_flight));
        self.just_again = false;
    }

    #[inline(always)] // as above
    fn answer(&mut self, located: &LocatedFrame<'_>, number: Pos, after: i64) {
        // It is the next in line: nothing is passed by.
        let answered = self.server.as_mut().and_then(|server| server.acknowledge(number, |_| ()));
        let after = answered.is_none_or(|call| call.kind != CallKind::Released).then_some(after);
        self.observer.acknowledge_next(number, located.packet);
        self.meter.acks += 1;
        self.meter.acknowledged(located.time, self.observer.window().in_flight(), after, None);
    }
}
