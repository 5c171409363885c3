//! The model: follows one connection with the window rules in observer mode, makes one [`Step`] of each frame, and puts
//! beside it what the rules need to know.

mod ending;
mod express;
mod follow;
mod odd;
mod slices;

use std::collections::VecDeque;

use super::again::{Acted, Ahead, Waiting};
use super::answers::{Answers as Calls, Asked, Call, CallKind, NotWritten};
use super::course::Course;
use super::facts::{Because, Before, ClockBack, Place, SentBack, Waited};
use super::ledger::{Book, index};
use super::metrics::{Meter, between, in_seconds};
use super::parameters::Inference;
use super::reference::{Replay, ReplayOptions};
use super::rules::{self, Found};
use super::tally::Tally;
use super::{AnalysisOptions, PositionSet, Step, StepVerdict};
use crate::decode::Observer;
use crate::decode::framing::{FramedConnection, LocatedFrame};
use crate::decode::info::{Answers, Info, Note};
use crate::decode::observer::memory::{Opening, Written};
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Arrival, Departure, Positions, SendWindow};
use crate::wire::{Name, Pos, Side};
use express::Run;

/// Truly new positions remembered.
const MAX_TRULY_NEW: usize = 64;

/// One connection.
///
/// Its memory is that of the [`Observer`] and the [`Answers`](Calls), which is bounded, and of the bounded lists of its other parts.
#[derive(Debug)]
pub(super) struct Model {
    /// What all else has to catch up with.
    run: Run,
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
    /// When the ACK passed that moved the window last.
    moved_at: Option<Option<Timestamp>>,
    /// The packet of the server's latest frame if its end is missing: that may have been written any time since.
    torn_ack: Option<u64>,
    /// Where each side's frames begin is known: from its first byte and the handshake, or by a frame that fits.
    grid: [bool; 2],
    /// Frames of another length than agreed were announced.
    regridded: bool,
    /// Each side's frames are of another maximum_msg_size than agreed, which is said once.
    missized: [bool; 2],
    /// That frames cannot be read for want of their size is said once.
    said_unreadable: bool,
    asked_at: Option<Timestamp>,
    /// The packet since which the client's clock counts as it does: in it sent_time went back.
    clock_set: u64,
    /// The sent_time of GET_MAX, before which nothing was counted.
    asked_sent: Option<f64>,
    course: Course,
    book: Book,
    waiting: Waiting,
    /// Positions that were truly new when they were written, with their sent_time: the latest, ascending. A run leaves its
    /// last only: what is asked for is the last below a position that was passed by, and none was before the run ended.
    truly_new: VecDeque<(Pos, f64)>,
    /// The client's latest frame was a position written again or late.
    just_again: bool,
    /// A new package was written while this position was long due.
    acted: Option<(Pos, Acted)>,
    /// The window was filled: by which packet, when, up to which edge.
    filled: Option<(u64, Option<Timestamp>, Pos)>,
    /// The highest package, if it has fewer bytes than maximum_msg_size: it has to be the last.
    short: Option<Short>,
    /// The frame at hand is a package that a full window had held back.
    waited: Option<Waited>,
    meter: Meter,
    inference: Inference,
    tally: Tally,
    /// Where somebody wants the exchange beside the rules.
    replay: Option<Box<Replay>>,
}

/// A package with fewer bytes than maximum_msg_size.
#[derive(Debug, Clone, Copy)]
struct Short {
    pos: Pos,
    packet: u64,
    time: Option<Timestamp>,
    len: usize,
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
    /// The packet of the server's frame before.
    last_answer: u64,
}

impl Model {
    pub(super) fn new(connection: &FramedConnection<'_>, options: AnalysisOptions, replayed: Replayed) -> Self {
        let from_start = [Side::Client, Side::Server].map(|side| connection.from_start(side));
        let whole = from_start == [true; 2];
        let window = if whole { SendWindow::new(options.window) } else { SendWindow::mid_stream(options.window) };
        Self {
            run: Run::default(),
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
            moved_at: None,
            torn_ack: None,
            grid: [false; 2],
            regridded: false,
            missized: [false; 2],
            said_unreadable: false,
            asked_at: None,
            clock_set: 0,
            asked_sent: None,
            course: Course::new(from_start),
            book: Book::default(),
            waiting: Waiting::default(),
            truly_new: VecDeque::new(),
            just_again: false,
            acted: None,
            filled: None,
            short: None,
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
        }
    }

    /// Takes in the next frame; what the rules make of it goes to `found`.
    pub(super) fn frame(
        &mut self,
        connection: &FramedConnection<'_>,
        located: &LocatedFrame<'_>,
        found: &mut Found,
    ) -> Step {
        self.end_run();
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
        if from == Side::Server && step.verdict == StepVerdict::Other && matches!(step.name, None | Some(Name::Ack)) {
            // It may be an ACK of any number.
            self.waiting.lost(Some(prior.last_answer));
        }
        self.slices(connection, located, &step, &prior, found);
        step.edge = self.edge();
        if let Some(replay) = &mut self.replay {
            match info.note {
                Note::UnknownName if self.grid[index(from)] => replay.unknown(&step),
                // Where it begins is not known, nor then what it says.
                Note::Departure { verdict: Departure::NotAPosition, .. } if !self.grid[index(from)] => {
                    replay.hole(from)
                }
                _ => replay.step(&step, prior.before.acks_proved),
            }
        }
        let ordinary = ordinary && self.grid[index(from)] && !self.regridded;
        let plain = ordinary && prior.clock_back.is_none() && prior.sent_back.is_none() && info.flaws.is_none();
        if !plain || !self.course.is_under_way() {
            self.odd_frame(connection, located, &step, &info, prior, found);
        } else {
            self.cut[index(from)] = None;
            if from == Side::Server {
                self.torn_ack = None;
            }
        }
        if let Some(last) = step.last_acked
            && self.acted.is_some_and(|(due, _)| due <= last)
        {
            self.never_again(connection, Some((last, packet)), found);
        }
        if !self.waiting.is_empty() {
            if from == Side::Server {
                self.waiting.heard(packet);
            }
            while let Some(again) = self.waiting.settled() {
                self.told(connection, &again, found);
            }
        }
        self.tally(found);
        self.begin_run(frame.view().bytes().len());
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
        let last_answer = self.last_answer;
        let mut prior = Prior { before, copy: None, opening: None, clock_back: None, sent_back: None, last_answer };
        if from == Side::Client
            && let Some(pos) = frame.pos().or_else(|| frame.prev_seq().or_else(|| frame.seq()).map(Pos))
            && pos <= before.highest
        {
            prior.copy = self.observer.copy(pos);
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
            if from == Side::Client && prior.sent_back.is_some() {
                self.set_clock(packet);
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

    /// The client's clock was set back: what was sent before says nothing of how long ago that was.
    #[cold]
    fn set_clock(&mut self, packet: u64) {
        self.clock_set = packet;
        self.truly_new.clear();
        self.asked_sent = None;
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
        window.edge().or_else(|| self.inferred_edge(window.last_acked()?))
    }

    fn inferred_edge(&self, last_acked: Pos) -> Option<Pos> {
        let (size, _) = self.meter.largest_in_flight?;
        i32::try_from(i64::from(last_acked.0) + i64::from(size)).ok().map(Pos)
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
            if let Some(replay) = self.replay.as_mut().filter(|_| rules::is_a_wrong_frame(finding)) {
                replay.broke(finding);
            }
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
    let seconds = between(time, step.time).map(in_seconds)?;
    (name == Name::Msg && pos > edge && seconds >= tolerance).then_some(Waited { seconds, edge, packet })
}
