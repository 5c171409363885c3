//! The model: follows one connection with the window rules in observer mode, makes one [`Step`] of each frame, and puts
//! beside it what the rules need to know.

mod answer;
mod departure;
mod ending;
mod express;
mod follow;
mod odd;
mod prior;
mod slices;

use std::collections::VecDeque;

use super::again::{Acted, Waiting};
use super::answers::Answers as Calls;
use super::course::Course;
use super::facts::{Because, Place};
use super::ledger::{Book, index};
use super::metrics::Meter;
use super::parameters::Inference;
use super::reference::{Replay, ReplayOptions};
use super::rules::{self, Found};
use super::tally::Tally;
use super::{AnalysisOptions, PositionSet, Step, StepVerdict};
use crate::decode::Observer;
use crate::decode::framing::{FramedConnection, LocatedFrame};
use crate::decode::info::{Info, Note};
use crate::time::Timestamp;
use crate::window::{Departure, SendWindow};
use crate::wire::{Name, Pos, Side};
pub(super) use express::Run;
use slices::Short;

/// One connection.
///
/// Its memory is that of the [`Observer`] and the [`Answers`](Calls), which is bounded, and of the bounded lists of its other parts.
#[derive(Debug)]
pub(super) struct Model {
    options: AnalysisOptions,
    timeout: Option<f64>,
    from_start: [bool; 2],
    observer: Observer,
    /// The server's side; `None` while what it holds is not known.
    server: Option<Calls>,
    steps: u64,
    /// The latest frame: packet and time.
    last: Option<(u64, Option<Timestamp>)>,
    /// The packet of the server's latest frame.
    last_answer: u64,
    /// The latest sent_time of each side, with its packet.
    last_sent: [Option<(f64, u64)>; 2],
    /// The latest frame of each side if its end is not captured.
    cut: [Option<Box<Cut>>; 2],
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
    acted: Option<Box<(Pos, Acted)>>,
    /// The window was filled: by which packet, when, up to which edge.
    filled: Option<(u64, Option<Timestamp>, Pos)>,
    /// The highest package, if it has fewer bytes than maximum_msg_size: it has to be the last.
    short: Option<Short>,
    meter: Meter,
    inference: Inference,
    /// From the first finding on.
    tally: Option<Box<Tally>>,
    /// Where somebody wants the exchange beside the rules.
    replay: Option<Box<Replay>>,
}

/// Most of what a connection takes, beside the places of its positions: what few exchanges need is behind a pointer.
const _: () = assert!(size_of::<Model>() <= 25 * 64, "with ten thousand connections open, lines tell");

/// A frame whose end is not captured: so many bytes of it are.
#[derive(Debug, Clone, Copy)]
struct Cut {
    packet: u64,
    captured: u32,
    whole: u32,
}

/// Whether the exchange is replayed beside the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replayed {
    Wanted,
    LeftOut,
}

impl Model {
    pub(super) fn new(connection: &FramedConnection<'_>, options: AnalysisOptions, replayed: Replayed) -> Self {
        let from_start = [Side::Client, Side::Server].map(|side| connection.from_start(side));
        let whole = from_start == [true; 2];
        let window = if whole { SendWindow::new(options.window) } else { SendWindow::mid_stream(options.window) };
        Self {
            options,
            timeout: options.timeout.map(|timeout| timeout.as_secs_f64()),
            from_start,
            observer: Observer::over(window).with_fingerprints(),
            server: whole.then(|| Calls::after(Pos::default())),
            steps: 0,
            last: None,
            last_answer: 0,
            last_sent: [None; 2],
            cut: [None, None],
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
            meter: Meter::new(options.window),
            inference: Inference::default(),
            tally: None,
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
        let LocatedFrame { from, packet, time, ref frame, .. } = *located;
        let name = frame.name();
        if connection.capacity.is_unknown() && !name.is_some_and(Name::is_handshake) {
            return self.unreadable(connection, located, found);
        }
        let mut prior = self.prior(located, name);
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
                self.departure(&mut step, located, &mut prior, verdict, name, pos)
            }
            Note::Acknowledgement { verdict, number, answers, .. } => {
                self.acknowledgement(&mut step, &prior, verdict, number, answers, found)
            }
            Note::Close => {
                step.pos = frame.pos();
                false
            }
            _ => {
                self.other_answer(from, name, found);
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
            && self.acted.as_ref().is_some_and(|acted| acted.0 <= last)
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

    /// Seconds.
    fn tolerance(&self) -> f64 {
        self.options.tolerance.as_secs_f64()
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
        if found.is_empty() {
            return;
        }
        let tally = self.tally.get_or_insert_default();
        // People read them in the order of positions.
        found.unwritten.sort_by_key(|unwritten| unwritten.acks.first());
        found.unwritten.iter().for_each(|unwritten| tally.unwritten(unwritten));
        for finding in &mut found.findings {
            finding.packets.push(finding.at);
            finding.packets.sort_unstable();
            finding.packets.dedup();
            tally.add(finding);
            if let Some(replay) = self.replay.as_mut().filter(|_| rules::is_a_wrong_frame(finding)) {
                replay.broke(finding);
            }
        }
        tally.doubts += found.doubts.len() as u64;
    }
}

/// The stream offset after a frame's last byte.
const fn end(located: &LocatedFrame<'_>) -> u64 {
    located.offset.saturating_add(located.frame.view().bytes().len() as u64)
}

fn place(connection: &FramedConnection<'_>, side: Option<Side>, packet: u64, time: Option<Timestamp>) -> Place {
    Place { connection: connection.tcp.id, side, packet, time }
}
