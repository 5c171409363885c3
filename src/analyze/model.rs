//! The model: follows one connection with the window rules in observer mode, makes one [`Step`] of each frame, and puts
//! beside it what the rules need to know.

mod express;

use std::collections::VecDeque;

use super::again::{Acted, Again, Age, Ahead, How, Left, Room, Terms, Waiting};
use super::answers::{Answers as Calls, Asked, Call, CallKind, NotWritten};
use super::course::{Course, Event};
use super::facts::{
    AgainFacts, Because, Before, ClockBack, ClosingFacts, FrameFacts, HoleFacts, Place, SentBack, Waited,
};
use super::ledger::{Book, Remarks, index};
use super::metrics::{Meter, between};
use super::parameters::{self, Inference};
use super::reference::{Replay, ReplayOptions};
use super::rules::{self, Found};
use super::tally::Tally;
use super::words::seconds;
use super::{AnalysisOptions, ConnectionAnalysis, PositionSet, Step, StepVerdict};
use crate::decode::Observer;
use crate::decode::framing::{CapacityBasis, FramedConnection, LocatedFrame};
use crate::decode::info::{AckSeen, Answers, Earlier, Flaws, Info, Note};
use crate::decode::observer::memory::{Opening, Written};
use crate::decode::reassembly::{Closing, Hole};
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Arrival, Departure, Positions, SendWindow};
use crate::wire::{FrameLayout, Name, Pos, Side};

/// Positions of a jumping ACK that are looked up one by one.
const MAX_LOOKED_UP: u64 = 64;
/// Truly new positions remembered.
const MAX_TRULY_NEW: usize = 64;

/// One connection.
///
/// Its memory is that of the [`Observer`] and the [`Answers`](Calls), which is bounded, and of the bounded lists of its other parts.
#[derive(Debug)]
pub(super) struct Model {
    options: AnalysisOptions,
    timeout: Option<f64>,
    tolerance: f64,
    from_start: [bool; 2],
    observer: Observer,
    /// The server's side; `None` while what it holds is not known.
    server: Option<Calls>,
    /// ACKs just proved not written.
    unwritten: Vec<NotWritten>,
    steps: u64,
    /// The latest frame: packet and time.
    last: Option<(u64, Option<Timestamp>)>,
    /// The packet of the server's latest frame.
    last_answer: u64,
    /// The latest sent_time of each side, with its packet.
    last_sent: [Option<(f64, u64)>; 2],
    /// The latest frame of each side if its end is not captured: packet, bytes there, length.
    cut: [Option<(u64, u32, u32)>; 2],
    /// The packet of the server's latest frame if its end is missing: that may have been written any time since.
    torn_ack: Option<u64>,
    /// Where each side's frames begin is known: from its first byte and the handshake, or by a frame that fits.
    grid: [bool; 2],
    /// That frames cannot be read for want of their size is said once.
    said_unreadable: bool,
    asked_at: Option<Timestamp>,
    /// The sent_time of GET_MAX, before which nothing was counted.
    asked_sent: Option<f64>,
    course: Course,
    book: Book,
    waiting: Waiting,
    /// Positions that were truly new when they were written, with their sent_time: the latest, ascending.
    truly_new: VecDeque<(Pos, f64)>,
    /// The client's latest frame was a position written again or late.
    just_again: bool,
    /// A new package was written while this position was long due.
    acted: Option<(Pos, Acted)>,
    /// The window was filled: by which packet, when, up to which edge.
    filled: Option<(u64, Option<Timestamp>, Pos)>,
    /// The frame at hand is a package that a full window had held back.
    waited: Option<Waited>,
    meter: Meter,
    inference: Inference,
    tally: Tally,
    /// Where somebody wants the exchange beside the rules.
    replay: Option<Box<Replay>>,
    /// The next frame may be an ordinary one: see [`is_quiet`](Self::is_quiet). Kept by all but the express way.
    quiet: bool,
}

/// Whether the exchange is replayed beside the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replayed {
    Wanted,
    LeftOut,
}

/// What is known before a frame is taken in.
struct Prior {
    before: Before,
    copy: Option<Written>,
    opening: Option<Opening>,
    clock_back: Option<ClockBack>,
    sent_back: Option<SentBack>,
}

impl Model {
    pub(super) fn new(connection: &FramedConnection<'_>, options: AnalysisOptions, replayed: Replayed) -> Self {
        let from_start = [Side::Client, Side::Server].map(|side| connection.from_start(side));
        let whole = from_start == [true; 2];
        let window = if whole { SendWindow::new(options.window) } else { SendWindow::mid_stream(options.window) };
        Self {
            options,
            timeout: options.timeout.map(|timeout| timeout.as_secs_f64()),
            tolerance: options.tolerance.as_secs_f64(),
            from_start,
            observer: Observer::over(window).with_fingerprints(),
            server: whole.then(|| Calls::after(Pos::default())),
            unwritten: Vec::new(),
            steps: 0,
            last: None,
            last_answer: 0,
            last_sent: [None; 2],
            cut: [None; 2],
            torn_ack: None,
            grid: [false; 2],
            said_unreadable: false,
            asked_at: None,
            asked_sent: None,
            course: Course::new(from_start),
            book: Book::default(),
            waiting: Waiting::default(),
            truly_new: VecDeque::new(),
            just_again: false,
            acted: None,
            filled: None,
            waited: None,
            meter: Meter::new(options.window),
            inference: Inference::default(),
            tally: Tally::default(),
            replay: (replayed == Replayed::Wanted).then(|| {
                Box::new(Replay::new(&ReplayOptions {
                    window: options.window,
                    timeout: options.timeout,
                    tolerance: options.tolerance,
                    began: connection.tcp.first_time,
                    from_start,
                }))
            }),
            quiet: false,
        }
    }

    /// Takes in the next frame; what the rules make of it goes to `found`.
    pub(super) fn frame(
        &mut self,
        connection: &FramedConnection<'_>,
        located: &LocatedFrame<'_>,
        found: &mut Found,
    ) -> Step {
        let LocatedFrame { from, packet, time, ref frame, .. } = *located;
        let name = frame.name();
        if connection.capacity.is_unknown() && !name.is_some_and(Name::is_handshake) {
            return self.unreadable(connection, located, found);
        }
        let prior = self.prior(located, name);
        let mut info = Info::default();
        let in_flight = self.observer.observe_into(from, frame, packet, time, end(located), &mut info);
        let mut step = Step {
            index: self.steps,
            packet,
            time,
            from,
            name,
            pos: None,
            sent_time: frame.sent_time(),
            verdict: StepVerdict::Other,
            highest: self.observer.highest(),
            last_acked: self.observer.last_acked(),
            edge: None,
            in_flight,
            arrival: None,
        };
        self.steps += 1;
        self.meter.frames += 1;
        self.meter.stream_bytes[index(from)] += frame.captured_len() as u64;
        let ordinary = match info.note {
            Note::Departure { verdict, name, pos, .. } => {
                self.departure(&mut step, located, &prior, verdict, name, pos)
            }
            Note::Acknowledgement { verdict, number, answers, .. } => {
                self.acknowledgement(&mut step, &prior, verdict, number, answers)
            }
            Note::Close => {
                step.pos = frame.pos();
                false
            }
            _ => {
                self.other_answer(from, name);
                false
            }
        };
        step.edge = self.edge();
        if let Some(replay) = &mut self.replay {
            match info.note {
                Note::UnknownName if self.grid[index(from)] => replay.unknown(&step),
                _ => replay.step(&step),
            }
        }
        let ordinary = ordinary && self.grid[index(from)];
        let plain = ordinary && prior.clock_back.is_none() && prior.sent_back.is_none() && info.flaws.is_none();
        if !plain || !self.course.is_under_way() {
            self.odd_frame(connection, located, &step, &info, prior, found);
        } else {
            self.cut[index(from)] = None;
            if from == Side::Server {
                self.torn_ack = None;
            }
        }
        if !self.waiting.is_empty() {
            while let Some(again) = self.waiting.settled() {
                self.told(connection, &again, found);
            }
        }
        self.tally(found);
        self.quiet = self.is_quiet();
        step
    }

    /// A frame of a size that nothing tells: it may say anything, and is as good as missing.
    #[cold]
    fn unreadable(&mut self, connection: &FramedConnection<'_>, located: &LocatedFrame<'_>, found: &mut Found) -> Step {
        let LocatedFrame { from, packet, time, ref frame, .. } = *located;
        if !std::mem::replace(&mut self.said_unreadable, true) {
            let words = "nothing tells maximum_msg_size; give it with --max-msg-size".to_owned();
            let because = Because { words, packet: None };
            let place = place(connection, Some(from), packet, time);
            found.doubts.push(place.doubt(&rules::unknown_frame::RULE, PositionSet::new(), because));
        }
        let until = end(located);
        self.book.unreadable(from, packet, until, self.last.map_or(0, |(packet, _)| packet));
        self.lose(from, until);
        self.last = Some((packet, time));
        self.steps += 1;
        self.meter.frames += 1;
        self.meter.stream_bytes[index(from)] += frame.captured_len() as u64;
        self.tally(found);
        Step {
            index: self.steps - 1,
            packet,
            time,
            from,
            name: None,
            pos: None,
            sent_time: None,
            verdict: StepVerdict::Other,
            highest: self.observer.highest(),
            last_acked: self.observer.last_acked(),
            edge: None,
            in_flight: None,
            arrival: None,
        }
    }

    /// What has to be asked before the frame is taken in.
    #[inline]
    fn prior(&mut self, located: &LocatedFrame<'_>, name: Option<Name>) -> Prior {
        let LocatedFrame { from, packet, time, ref frame, .. } = *located;
        let window = self.observer.window();
        let before = Before {
            highest: window.highest(),
            last_acked: window.last_acked(),
            acks_proved: window.last_acked_is_proved(),
        };
        let mut prior = Prior { before, copy: None, opening: None, clock_back: None, sent_back: None };
        if from == Side::Client
            && let Some(pos) = frame.pos().or_else(|| frame.seq().or_else(|| frame.prev_seq()).map(Pos))
            && pos <= before.highest
        {
            prior.copy = self.observer.copy(pos).copied();
            prior.opening = self.observer.opening(pos);
        }
        self.book.frame(from, end(located), self.last.map_or(0, |(packet, _)| packet));
        if let Some((last_packet, last_time)) = self.last
            && packet > last_packet
        {
            prior.clock_back = between(last_time, time)
                .filter(|nanos| *nanos < 0)
                .map(|nanos| ClockBack { nanos: nanos.saturating_neg(), packet: last_packet });
        }
        if from == Side::Server {
            self.last_answer = packet;
        }
        if self.last.is_none_or(|(last, _)| packet >= last) {
            self.last = Some((packet, time));
        }
        if let Some(sent) = frame.sent_time().filter(|sent| sent.is_finite() && name.is_some()) {
            let last = &mut self.last_sent[index(from)];
            // A DONE keeps its first sent_time (PROTOCOL §4.5).
            let keeps = name == Some(Name::Done);
            prior.sent_back = last
                .filter(|(before, _)| sent < *before && !keeps)
                .map(|(before, packet)| SentBack { by: before - sent, packet });
            if last.is_none_or(|(before, _)| sent > before) || prior.sent_back.is_some() {
                *last = Some((sent, packet));
            }
        }
        prior
    }

    /// A MSG or DONE; true when it is the next new package and nothing else is to be said of it.
    #[inline]
    fn departure(
        &mut self,
        step: &mut Step,
        located: &LocatedFrame<'_>,
        prior: &Prior,
        verdict: Departure,
        name: Name,
        pos: Pos,
    ) -> bool {
        step.verdict = StepVerdict::Departure(verdict);
        step.pos = Some(pos);
        step.arrival = self.arrival(step, prior, name, pos);
        let first = !matches!(verdict, Departure::Resend | Departure::NotAPosition);
        if name == Name::Msg {
            self.meter.messages += 1;
            if first {
                self.meter.unique += 1;
                self.meter.message_bytes += located.frame.payload().map_or(0, <[u8]>::len) as u64;
            }
        }
        self.meter.departed(step.time, step.in_flight, step.packet, self.observer.window().last_acked_is_proved());
        let ahead = pos > prior.before.highest;
        if ahead {
            self.ahead(step, prior, name, pos);
        }
        self.just_again = !ahead;
        ahead && verdict == (Departure::New { unseen: None }) && name == Name::Msg && self.waited.is_none()
    }

    /// A position above every one before it.
    #[inline]
    fn ahead(&mut self, step: &Step, prior: &Prior, name: Name, pos: Pos) {
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
            self.waited = self.filled.and_then(|filled| waited(filled, name, pos, step, self.tolerance));
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
    fn surely_uncounted(&self, pos: Pos) -> Option<f64> {
        self.truly_new.iter().rev().find(|(new, _)| *new < pos).map(|(_, sent)| *sent).or(self.asked_sent)
    }

    #[inline]
    fn acknowledgement(
        &mut self,
        step: &mut Step,
        prior: &Prior,
        verdict: Acknowledgement,
        number: Pos,
        answers: Answers,
    ) -> bool {
        step.verdict = StepVerdict::Acknowledgement(verdict);
        step.pos = Some(number).filter(|_| verdict != Acknowledgement::Malformed);
        self.meter.acks += 1;
        let moved = step.last_acked != prior.before.last_acked;
        let answered = self.answered(step, verdict, number);
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
        self.meter.acknowledged(step.time, step.in_flight, after, ambiguous);
        if let Some(back) = prior.clock_back {
            // By the clock it came before what stands before it.
            self.waiting.lost(Some(back.packet));
            self.doubt_answers();
        }
        if moved {
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
    fn answered(&mut self, step: &Step, verdict: Acknowledgement, number: Pos) -> Option<Call> {
        let Self { server, unwritten, book, .. } = self;
        let jumped = match verdict {
            Acknowledgement::Jump { missing } => Some(missing),
            Acknowledgement::Malformed | Acknowledgement::Unclear => {
                self.doubt_answers();
                return None;
            }
            _ => None,
        };
        let Some(calls) = server else {
            unwritten.extend(jumped.map(|acks| NotWritten {
                acks,
                packet: step.packet,
                index: step.index,
                one_of_several: false,
            }));
            return None;
        };
        calls.acknowledge(number, |call| note_unwritten(book, unwritten, call))
    }

    /// A frame of the server that is no ACK as far as can be read.
    fn other_answer(&mut self, from: Side, name: Option<Name>) {
        let Self { server: Some(calls), unwritten, book, observer, .. } = self else { return };
        match (from, name) {
            (Side::Server, Some(Name::Disconnect)) => {
                calls.disconnect(observer.last_acked().unwrap_or_default(), |call| {
                    note_unwritten(book, unwritten, call);
                });
            }
            (Side::Server, None | Some(Name::Ack)) => calls.doubt(),
            _ => {}
        }
    }

    fn doubt_answers(&mut self) {
        if let Some(calls) = &mut self.server {
            calls.doubt();
        }
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

    /// An ACK tells what the server has, once nothing above it is held.
    #[inline]
    fn anchor_server(&mut self, number: Pos) {
        if self.server.is_none() && number >= self.observer.highest() {
            self.server = Some(Calls::after(number));
        }
    }

    /// The edge by the declared window, or else by the largest number in flight so far.
    #[inline]
    fn edge(&self) -> Option<Pos> {
        let window = self.observer.window();
        window.edge().or_else(|| {
            let (size, _) = self.meter.largest_in_flight?;
            let edge = i64::from(window.last_acked()?.0) + i64::from(size);
            i32::try_from(edge).ok().map(Pos)
        })
    }

    /// Everything that is not of the ordinary course.
    #[cold]
    fn odd_frame(
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
        // Where P is not known, what looks like padding may be payload.
        let layout = located.frame.view().layout().max_msg_size();
        flaws.padding &= connection.capacity.is_exact() || layout == connection.capacity.max();
        // And where seq stands may not be known either.
        let [least, most] = [connection.capacity.min(), connection.capacity.max()].map(FrameLayout::new);
        flaws.numbers = flaws.numbers.filter(|_| least.seq() == most.seq());
        let told = matches!(connection.capacity.basis(), CapacityBasis::Handshake | CapacityBasis::Declared);
        let fits = step.name.is_some_and(|name| !name.is_handshake()) && !flaws.padding;
        self.grid[index(step.from)] |= fits || (told && self.from_start[index(step.from)]);
        let written = match info.note {
            Note::Departure { name, pos, .. } => Some((name, pos)),
            _ => None,
        };
        let after_done = written.filter(|(name, _)| *name == Name::Msg).and(self.course.done);
        let course = self.take_course(connection, located, step, &prior);
        self.note_cut(located, flaws);
        self.handshake_rtt(step);
        self.count_gaps(info.note);
        let current = written.and_then(|(_, pos)| self.observer.copy(pos).copied());
        let facts = FrameFacts {
            place,
            step,
            frame: &located.frame,
            note: info.note,
            flaws,
            on_grid: self.grid[index(step.from)],
            before: prior.before,
            book: &self.book,
            options: &self.options,
            copies: prior.copy.zip(current).map(|(before, now)| [before, now]),
            course,
            after_done,
            sent_back: prior.sent_back,
            clock_back: prior.clock_back,
            waited: self.waited.take(),
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
    ) -> Option<super::course::OutOfCourse> {
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
        self.cut[index(located.from)] =
            flaws.partial.filter(|_| at_the_end).map(|(captured, whole)| (located.packet, captured, whole));
        self.book.partial_frames += u64::from(flaws.partial.is_some());
    }

    fn handshake_rtt(&mut self, step: &Step) {
        match step.name {
            Some(Name::GetMax) => {
                self.asked_at = step.time;
                self.asked_sent = self.asked_sent.or(step.sent_time.filter(|sent| sent.is_finite()));
            }
            Some(Name::ReturnMax) => {
                self.meter.handshake = between(self.asked_at, step.time).filter(|nanos| *nanos >= 0).map(seconds);
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
            .take(MAX_LOOKED_UP as usize)
            .filter_map(|pos| self.observer.copy(Pos(pos)))
            .filter(|copy| copy.copies > 1)
            .map(|copy| (copy.pos, copy.packet))
            .collect()
    }

    /// Follows a position written again or late.
    fn follow(
        &mut self,
        connection: &FramedConnection<'_>,
        step: &Step,
        prior: &Prior,
        (verdict, name, pos, earlier): (Departure, Name, Pos, Earlier),
        found: &mut Found,
    ) {
        let sent = step.sent_time.filter(|sent| sent.is_finite());
        let since = |from: f64| sent.map(|sent| sent - from).filter(|age| age.is_finite());
        let (how, age, before) = match verdict {
            Departure::Fill => {
                let opened = prior.opening;
                let min = opened.and_then(|opening| since(opening.sent_time));
                let max = self.surely_uncounted(pos).and_then(since);
                let age = min.map(|min| Age { min, max: max.unwrap_or(f64::INFINITY).max(min) });
                if let Some(nanos) = opened.and_then(|opening| between(opening.time, step.time)) {
                    self.meter.gap_open.add(seconds(nanos));
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
                let age = prior.copy.and_then(|copy| since(copy.sent_time)).map(|age| Age { min: age, max: age });
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
        let capture_age = between(before, step.time).map(seconds);
        // A DONE that keeps its first sent_time tells its age by the capture's clock only.
        let age = match (name, capture_age) {
            (Name::Done, Some(by_capture)) => age
                .filter(|age| age.min > 0.0)
                .or(Some(Age { min: (by_capture - self.tolerance).max(0.0), max: by_capture + self.tolerance })),
            _ => age,
        };
        // Not one packet of the server so far: it is not silence but a capture of one side.
        let silent = connection.tcp.packets[connection.way(Side::Server).index()] == 0;
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
                || torn
                || prior.copy.map_or_else(
                    || self.book.lost(Side::Server).is_some(),
                    |copy| self.book.lost_since(Side::Server, copy.packet),
                ),
            acked_after: None,
            order_disputed: false,
            left: if name == Name::Done { Left::Nothing } else { Left::Unknown },
            room: Room::Full,
            acted: self.acted.filter(|(due, _)| *due == pos).map(|(_, acted)| acted),
            repeated: false,
        };
        let edge = again.edge();
        if name == Name::Msg && edge.next <= edge.edge {
            again.room = if prior.before.acks_proved { Room::Until(edge.edge) } else { Room::Lost };
        }
        if let Some(oldest) = self.waiting.put(again) {
            self.told(connection, &oldest, found);
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            window: self.options.window,
            timeout: self.timeout,
            largest_in_flight: self.meter.largest_in_flight.map_or(0, |(most, _)| most),
            timeout_at_most: self.inference.timeout_at_most(),
            tolerance: self.tolerance,
        }
    }

    /// A new position: was an older one long due? A package that waited for a resend's ACK goes without being asked
    /// about (PROTOCOL §4.3).
    #[inline]
    fn note_act(&mut self, step: &Step, prior: &Prior) {
        self.acted = None;
        let Some(timeout) = self.timeout.filter(|_| !self.just_again && prior.before.acks_proved) else { return };
        let Some(last) = prior.before.last_acked.filter(|last| *last < prior.before.highest) else { return };
        let oldest = Pos(last.0 + 1);
        let counted = match (self.observer.copy(oldest), self.observer.opening(oldest)) {
            (Some(copy), _) => Some((copy.sent_time, copy.packet)),
            (None, opening) => opening.map(|opening| (opening.sent_time, opening.packet)),
        };
        // What the capture lost of the client since may have been its resend.
        let counted =
            counted.filter(|(_, packet)| !self.book.lost_since(Side::Client, *packet)).map(|(counted, _)| counted);
        let age = counted.zip(step.sent_time).map(|(counted, now)| now - counted).filter(|age| age.is_finite());
        self.acted =
            age.filter(|age| *age >= timeout + self.tolerance).map(|age| (oldest, Acted { packet: step.packet, age }));
    }

    /// Everything is known about a position written again or late.
    #[cold]
    fn told(&mut self, connection: &FramedConnection<'_>, again: &Again, found: &mut Found) {
        let earlier = match again.how {
            How::Late { opened } => opened,
            How::Copy { earlier, .. } => earlier,
        };
        self.inference.learn(again, earlier, self.tolerance);
        let place = place(connection, Some(Side::Client), again.packet, again.time);
        rules::judge_again(&AgainFacts { place, again, options: &self.options }, found);
    }

    /// Bytes of a side are not in the capture.
    pub(super) fn hole(&mut self, connection: &FramedConnection<'_>, from: Side, hole: &Hole, found: &mut Found) {
        self.book.hole(from, hole, self.last.map_or(0, |(packet, _)| packet));
        self.lose(from, hole.offset.saturating_add(hole.len));
        let side_is_missing = connection.tcp.packets[connection.way(from).index()] == 0;
        let place = place(connection, Some(from), hole.packet, hole.time);
        rules::judge_hole(&HoleFacts { place, hole, from, side_is_missing }, found);
        self.tally(found);
    }

    /// The other side has what the capture does not show, at least not so far.
    pub(super) fn unseen(&mut self, connection: &FramedConnection<'_>, from: Side, up_to: u64) {
        self.book.unseen(from, connection.tcp.last_packet, up_to, self.last.map_or(0, |(packet, _)| packet));
        self.lose(from, up_to);
    }

    /// From now on frames may come out of order, so that nothing proves that one is missing: too much of the connection is.
    pub(super) fn disordered(&mut self, packet: u64) {
        let after = self.last.map_or(0, |(packet, _)| packet);
        for side in [Side::Client, Side::Server] {
            self.book.unseen(side, packet, u64::MAX, after);
            self.lose(side, u64::MAX);
        }
    }

    fn lose(&mut self, from: Side, until: u64) {
        self.quiet = false;
        self.observer.hole_until(from, until);
        if let Some(replay) = &mut self.replay {
            replay.hole(from);
        }
        self.course.lost(from);
        self.waiting.lost((from == Side::Server).then_some(self.last_answer));
        self.meter.lost();
        self.acted = None;
        self.filled = None;
        self.cut[index(from)] = None;
        match from {
            Side::Client => self.server = None,
            Side::Server => self.doubt_answers(),
        }
    }

    /// The connection is over.
    pub(super) fn closed(
        &mut self,
        connection: &FramedConnection<'_>,
        closing: Closing,
        remarks: Remarks,
        found: &mut Found,
    ) -> ConnectionAnalysis {
        while let Some(again) = self.waiting.pop() {
            self.told(connection, &again, found);
        }
        let tcp = connection.tcp;
        let unbroken = [Side::Client, Side::Server].iter().all(|side| self.book.lost(*side).is_none());
        let ended = matches!(closing, Closing::Fin | Closing::Reset);
        let proves = ended && unbroken && self.from_start == [true; 2];
        let window = self.observer.window();
        let facts = ClosingFacts {
            place: place(connection, None, tcp.last_packet, tcp.last_time),
            connection,
            closing,
            options: &self.options,
            book: &self.book,
            proves,
            course: &self.course,
            open: window.never_written().map(|run| (run, self.observer.opening(run.first()))).collect(),
            unanswered: self.unanswered(),
            longest_rtt: self.meter.longest_rtt(),
            cut: [Side::Client, Side::Server]
                .into_iter()
                .zip(self.cut)
                .filter(|(side, _)| self.grid[index(*side)])
                .filter_map(|(side, cut)| cut.map(|(packet, captured, whole)| (side, packet, captured, whole)))
                .collect(),
            skipped: &remarks.skipped,
            inference: &self.inference,
            largest_in_flight: self.meter.largest_in_flight,
        };
        rules::judge_closing(&facts, found);
        let complete = if self.course.is_complete() { Some(true) } else { proves.then_some(false) };
        let why_not = facts.because().words;
        let why_not = if proves { facts.ending().to_owned() } else { why_not };
        self.tally(found);
        let acks_lost = self.tally.acks_not_written() + self.tally.positions(&rules::ack_withheld::RULE);
        ConnectionAnalysis {
            connection: tcp.id,
            client: tcp.from(connection.client),
            server: tcp.to(connection.client),
            max_msg_size: *connection.capacity,
            parameters: parameters::parameters(&self.options, &self.inference, self.meter.largest_in_flight),
            ledger: self.book.close(connection, closing, remarks),
            metrics: self.meter.close(acks_lost, self.tally.causes()),
            verdict: self.tally.verdict(complete, &why_not, self.options.window.is_some()),
            reference: self.replay.as_mut().map(|replay| replay.finish()).unwrap_or_default(),
            counts: self.tally.counts(),
            doubts: self.tally.doubts,
        }
    }

    /// Positions that arrived in order and whose ACK was never seen, with packet and time of the arrival.
    fn unanswered(&self) -> Vec<(Pos, Name, u64, Option<Timestamp>)> {
        let last = self.observer.last_acked().unwrap_or_default();
        let calls = self.server.iter().flat_map(|calls| calls.unanswered(last));
        calls.map(|call| (call.pos, call.by.name, call.by.packet, call.by.time)).collect()
    }

    /// Counts what was just found.
    #[inline]
    fn tally(&mut self, found: &mut Found) {
        if !self.unwritten.is_empty() {
            // People read them in the order of positions.
            self.unwritten.sort_by_key(|unwritten| unwritten.acks.first());
            self.unwritten.iter().for_each(|unwritten| self.tally.unwritten(unwritten));
            found.unwritten.append(&mut self.unwritten);
        }
        if found.is_empty() {
            return;
        }
        for finding in &mut found.findings {
            finding.packets.push(finding.at);
            finding.packets.sort_unstable();
            finding.packets.dedup();
            self.tally.add(finding);
        }
        self.tally.doubts += found.doubts.len() as u64;
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

/// The stream offset after a frame's last byte.
const fn end(located: &LocatedFrame<'_>) -> u64 {
    located.offset.saturating_add(located.frame.view().bytes().len() as u64)
}

fn place(connection: &FramedConnection<'_>, side: Option<Side>, packet: u64, time: Option<Timestamp>) -> Place {
    Place { connection: connection.tcp.id, side, packet, time }
}

/// How long a full window held a new package back, when longer than anybody would not notice.
fn waited(
    (packet, time, edge): (u64, Option<Timestamp>, Pos),
    name: Name,
    pos: Pos,
    step: &Step,
    tolerance: f64,
) -> Option<Waited> {
    let seconds = between(time, step.time).map(seconds)?;
    (name == Name::Msg && pos > edge && seconds >= tolerance).then_some(Waited { seconds, edge, packet })
}
