//! What is gathered about a frame that is not of the ordinary course, for the rules.

use super::prior::Prior;
use super::{Cut, Model, place};
use crate::analyze::Step;
use crate::analyze::course::{Event, OutOfCourse};
use crate::analyze::facts::FrameFacts;
use crate::analyze::ledger::index;
use crate::analyze::metrics::{between, in_seconds};
use crate::analyze::rules::{self, Found};
use crate::decode::framing::{CapacityBasis, FramedConnection, LocatedFrame};
use crate::decode::info::{Flaws, Info, Note};
use crate::window::{Acknowledgement, Departure};
use crate::wire::{FrameLayout, Name, Pos, Side};

/// Positions of a jumping ACK that are looked up one by one.
const MAX_LOOKED_UP: usize = 64;

impl Model {
    /// Everything that is not of the ordinary course.
    #[cold]
    pub(super) fn odd_frame(
        &mut self,
        connection: &FramedConnection<'_>,
        located: &LocatedFrame<'_>,
        step: &Step,
        info: &Info,
        prior: Prior,
        found: &mut Found,
    ) {
        let place = place(connection, Some(step.from), step.packet, step.time);
        let mut flaws = info.flaws;
        let other_size = connection.capacity.contradicted_by(&located.frame, step.from);
        let missized = &mut self.missized[index(step.from)];
        let other_size = other_size.filter(|_| !std::mem::replace(missized, true));
        if self.missized != [false; 2] {
            // Fields are read where they do not stand; the other side's, too, if it is of the same size.
            (flaws.numbers, flaws.padding) = (None, false);
        }
        // Where P is not known, what looks like padding may be payload.
        let layout = located.frame.view().layout().max_msg_size();
        flaws.padding &= connection.capacity.is_exact() || layout == connection.capacity.max();
        // And where seq stands may not be known either.
        let [least, most] = [connection.capacity.min(), connection.capacity.max()].map(FrameLayout::new);
        flaws.numbers = flaws.numbers.filter(|_| least.seq() == most.seq());
        // The handshake's frames have a size of their own.
        let opening = step.name.is_some_and(Name::is_handshake) && self.from_start[index(step.from)];
        let told = matches!(connection.capacity.basis(), CapacityBasis::Handshake | CapacityBasis::Declared);
        let fits = step.name.is_some_and(|name| !name.is_handshake()) && !flaws.padding;
        self.grid[index(step.from)] |= fits || (told && self.from_start[index(step.from)]);
        let (written, number) = match info.note {
            Note::Departure { pos, .. } => (Some(pos), None),
            Note::Acknowledgement { number, .. } => (None, Some(number)),
            _ => (None, None),
        };
        let done = self.course.done;
        let course = self.take_course(connection, located, step, &prior);
        self.note_cut(located, flaws);
        self.handshake_rtt(step);
        self.count_gaps(info.note);
        let current = written.and_then(|pos| self.observer.copy(pos));
        let facts = FrameFacts {
            place,
            step,
            frame: &located.frame,
            note: info.note,
            flaws,
            on_grid: self.grid[index(step.from)] || opening,
            size_told: told,
            capacity: connection.capacity,
            other_size,
            missized: self.missized != [false; 2],
            before: prior.before,
            book: &self.book,
            options: &self.options,
            copies: prior.copy.zip(current).map(|(before, now)| [before, now]),
            course,
            done,
            answered: number.and_then(|number| self.observer.copy(number)),
            sent_back: prior.sent_back,
            clock_back: prior.clock_back,
            waited: prior.waited,
            resent: self.resent_below(info.note),
        };
        rules::judge_frame(&facts, found);
        if let Note::Departure { verdict, name, pos, earlier, .. } = info.note {
            self.follow(connection, step, &prior, (verdict, name, pos, earlier), found);
        }
    }

    fn take_course(
        &mut self,
        connection: &FramedConnection<'_>,
        located: &LocatedFrame<'_>,
        step: &Step,
        prior: &Prior,
    ) -> Option<OutOfCourse> {
        let name = step.name.filter(|name| name.sender() == step.from)?;
        let len = located.frame.view().bytes().len();
        self.course.take(&Event {
            name,
            pos: step.pos.or_else(|| located.frame.pos()),
            packet: step.packet,
            last_acked: prior.before.last_acked.filter(|_| prior.before.acks_proved),
            off_grid: len != FrameLayout::new(connection.capacity.max()).len(),
        })
    }

    /// Remembers a frame whose end is not there: at the end of the stream it may be one that was never written whole.
    fn note_cut(&mut self, located: &LocatedFrame<'_>, flaws: Flaws) {
        let len = located.frame.view().bytes().len();
        let at_the_end = located.frame.missing().last().is_some_and(|missing| missing.end == len);
        if located.from == Side::Server {
            self.torn_ack = at_the_end.then_some(located.packet);
        }
        let cut = flaws.partial.filter(|_| at_the_end);
        self.cut[index(located.from)] =
            cut.map(|(captured, whole)| Box::new(Cut { packet: located.packet, captured, whole }));
        if flaws.partial.is_some() {
            self.book.partial_frame();
        }
    }

    fn handshake_rtt(&mut self, step: &Step) {
        match step.name {
            Some(Name::GetMax) => {
                self.asked_at = step.time;
                self.asked_sent = self.asked_sent.or(step.sent_time.filter(|sent| sent.is_finite()));
            }
            Some(Name::ReturnMax) => {
                self.meter.handshake = between(self.asked_at, step.time).filter(|nanos| *nanos >= 0).map(in_seconds);
            }
            _ => {}
        }
    }

    fn count_gaps(&mut self, note: Note) {
        if let Note::Departure {
            verdict: Departure::Skip { missing } | Departure::BeyondWindow { missing: Some(missing), .. },
            ..
        } = note
        {
            self.meter.gaps += u64::from(missing.count());
        }
    }

    /// Of the positions that a jumping ACK covers, those written more than once.
    fn resent_below(&self, note: Note) -> Vec<(Pos, u64)> {
        let Note::Acknowledgement { verdict: Acknowledgement::Jump { missing }, .. } = note else { return Vec::new() };
        (missing.first().0..=missing.last().0)
            .take(MAX_LOOKED_UP)
            .filter_map(|pos| self.observer.copy(Pos(pos)))
            .filter(|copy| copy.copies > 1)
            .map(|copy| (copy.pos, copy.packet))
            .collect()
    }
}
