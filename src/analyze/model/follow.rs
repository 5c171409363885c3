//! Positions written again or late: what is known of one when it is written, until it is told.

use super::prior::Prior;
use super::{Model, place};
use crate::analyze::Step;
use crate::analyze::again::{Acted, Again, Age, How, Left, Room, Terms};
use crate::analyze::facts::{AgainFacts, NeverFacts};
use crate::analyze::metrics::{between, in_seconds};
use crate::analyze::rules::{self, Found};
use crate::decode::framing::FramedConnection;
use crate::decode::info::{AckSeen, Earlier};
use crate::window::Departure;
use crate::wire::{Name, Pos, Side};

impl Model {
    /// Follows a position written again or late.
    pub(super) fn follow(
        &mut self,
        connection: &FramedConnection<'_>,
        step: &Step,
        prior: &Prior,
        (verdict, name, pos, earlier): (Departure, Name, Pos, Earlier),
        found: &mut Found,
    ) {
        let sent = step.sent_time.filter(|sent| sent.is_finite());
        let since = |from: f64| sent.map(|sent| sent - from).filter(|age| age.is_finite());
        // At the position of a DONE a MSG is no copy of it, nor a DONE one of a MSG.
        if prior.copy.is_some_and(|copy| copy.name != name) {
            return;
        }
        let (how, age, before) = match verdict {
            Departure::Fill => {
                let opened = prior.opening;
                let min = opened
                    .filter(|opening| self.is_same_clock(opening.packet))
                    .and_then(|opening| since(opening.sent_time));
                let max = self.surely_uncounted(pos).and_then(since);
                let age = min.map(|min| Age { min, max: max.unwrap_or(f64::INFINITY).max(min) });
                if let Some(nanos) = opened.and_then(|opening| between(opening.time, step.time)) {
                    self.meter.gap_open.get_or_insert_default().add(in_seconds(nanos));
                }
                (
                    How::Late { opened: opened.map(|opening| opening.packet) },
                    age,
                    opened.and_then(|opening| opening.time),
                )
            }
            Departure::Resend => {
                let nth = match earlier {
                    Earlier::Copy { nth, .. } => nth,
                    _ => 2,
                };
                let counts = prior.copy.filter(|copy| name == Name::Done || self.is_same_clock(copy.packet));
                let age = counts.and_then(|copy| since(copy.sent_time)).map(|age| Age { min: age, max: age });
                let earlier = prior.copy.map(|copy| copy.packet);
                (How::Copy { earlier, nth }, age, prior.copy.and_then(|copy| copy.time))
            }
            _ => return,
        };
        let acked_before = match earlier {
            Earlier::Copy { ack, .. } => ack,
            _ if prior.before.last_acked.is_some_and(|last| last >= pos) => AckSeen::LongAgo,
            _ => AckSeen::No,
        };
        // An ACK that is not whole may have been written to its end later; one that the capture's clock puts after this
        // frame was.
        let torn = matches!(acked_before, AckSeen::In { packet, .. }
            if packet > step.packet || self.torn_ack == Some(packet) || prior.clock_back.is_some_and(|back| packet >= back.packet));
        let acked_before = if torn { AckSeen::No } else { acked_before };
        let capture_age = between(before, step.time).map(in_seconds);
        // A DONE that keeps its first sent_time tells its age by the capture's clock only.
        let age = match name {
            Name::Done => age.filter(|age| age.min > 0.0).or(capture_age.map(|by_capture| Age {
                min: (by_capture - self.tolerance()).max(0.0),
                max: by_capture + self.tolerance(),
            })),
            _ => age,
        };
        // Not one packet of the server so far: it is not silence but a capture of one side.
        let silent = connection.tcp.packets[connection.way(Side::Server).index()] == 0;
        // What was copied in the middle of a stream may have been acknowledged before.
        let begun = self.from_start != [true; 2] && !prior.before.acks_proved;
        let mut again = Again {
            packet: step.packet,
            time: step.time,
            name,
            pos,
            how,
            age,
            capture_age,
            terms: self.terms(),
            highest: prior.before.highest,
            last_acked: prior.before.last_acked.filter(|_| prior.before.acks_proved),
            acked_before,
            acks_unseen: silent
                || begun
                || torn
                || prior.copy.map_or_else(
                    || self.book.lost(Side::Server).is_some(),
                    |copy| self.book.lost_since(Side::Server, copy.packet),
                ),
            acked_after: None,
            order_disputed: false,
            left: if name == Name::Done { Left::Nothing } else { Left::Unknown },
            room: Room::Full,
            acted: self.acted.take_if(|acted| acted.0 == pos).map(|acted| acted.1),
            repeated: false,
            heard: false,
        };
        let edge = again.edge();
        // What was seen before a frame that comes later than its packet may have been written after it.
        let late = self.last.is_some_and(|(last, _)| step.packet < last);
        if name == Name::Msg && (late || edge.next <= edge.edge) {
            again.room = if prior.before.acks_proved && !late { Room::Until(edge.edge) } else { Room::Lost };
        }
        if let Some(oldest) = self.waiting.put(again) {
            self.told(connection, &oldest, found);
        }
    }

    /// What was sent in that packet was so by the client's clock as it counts now.
    const fn is_same_clock(&self, packet: u64) -> bool {
        self.clock_set == 0 || packet > self.clock_set
    }

    fn terms(&self) -> Terms {
        Terms {
            window: self.options.window,
            timeout: self.timeout,
            largest_in_flight: self.meter.largest_in_flight.map_or(0, |(most, _)| most),
            timeout_at_most: self.inference.timeout_at_most(),
            tolerance: self.tolerance(),
        }
    }

    /// A new position: was an older one long due? A package that waited for a resend's ACK goes without being asked
    /// about (PROTOCOL §4.3).
    #[inline]
    pub(super) fn note_act(&mut self, step: &Step, prior: &Prior) {
        let Some(timeout) = self.timeout.filter(|_| !self.just_again && prior.before.acks_proved) else { return };
        let Some(last) = prior.before.last_acked.filter(|last| *last < prior.before.highest) else { return };
        let oldest = Pos(last.0 + 1);
        // It has to have been the oldest for as long: that ACK took its time to reach the client.
        let since = self.moved_at.map_or(Some(i64::MAX), |moved| between(moved, step.time));
        if since.is_none_or(|nanos| in_seconds(nanos) < timeout + self.tolerance()) {
            return;
        }
        let counted = match (self.observer.copy(oldest), self.observer.opening(oldest)) {
            (Some(copy), _) => Some((copy.sent_time, copy.packet)),
            (None, opening) => opening.map(|opening| (opening.sent_time, opening.packet)),
        };
        // What the capture lost of the client since may have been its resend.
        let counted = counted
            .filter(|(_, packet)| self.is_same_clock(*packet) && !self.book.lost_since(Side::Client, *packet))
            .map(|(counted, _)| counted);
        let age = counted.zip(step.sent_time).map(|(counted, now)| now - counted).filter(|age| age.is_finite());
        if let Some(age) = age.filter(|age| *age >= timeout + self.tolerance()) {
            self.acted = Some(Box::new((oldest, Acted { packet: step.packet, time: step.time, age })));
        }
    }

    /// A position that was long due when a new package was written was acknowledged, or the connection is over: it never
    /// went again.
    #[cold]
    pub(super) fn never_again(
        &mut self,
        connection: &FramedConnection<'_>,
        ack: Option<(Pos, u64)>,
        found: &mut Found,
    ) {
        let Some((pos, acted)) = self.acted.take().map(|acted| *acted) else { return };
        let place = place(connection, Some(Side::Client), acted.packet, acted.time);
        let terms = self.terms();
        rules::overdue_resend::judge_never(&NeverFacts { place, pos, acted, terms, ack }, found);
    }

    /// Everything is known about a position written again or late.
    #[cold]
    pub(super) fn told(&mut self, connection: &FramedConnection<'_>, again: &Again, found: &mut Found) {
        let earlier = match again.how {
            How::Late { opened } => opened,
            How::Copy { earlier, .. } => earlier,
        };
        self.inference.learn(again, earlier, self.tolerance());
        let place = place(connection, Some(Side::Client), again.packet, again.time);
        rules::judge_again(&AgainFacts { place, again, options: &self.options }, found);
    }
}
