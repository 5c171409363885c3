//! The express way through the model: runs of the next new package and the ACK of the next position, with nothing to be
//! said of any.
//!
//! In a quiet exchange the general way asks some forty questions of such a frame, and the answer to each is known. A
//! [`Run`] asks only what the frame itself decides, and keeps what that changes in a few cache lines and one place of the
//! ring of what was written; whatever follows from it is left undone. Whether a run may begin is worked out after each
//! frame of the general way ([`Model::begin_run`]), and all that comes by the general way ends it first
//! ([`Model::end_run`]), which makes good what was left undone: so the general way finds everything as if it had taken
//! the frames itself.

use std::mem::offset_of;

use super::super::answers::{Asked, MAX_WAITING};
use super::super::ledger::index;
use super::super::metrics::{Flight, Held, RoundTrips};
use super::super::{Step, StepVerdict};
use super::Model;
use crate::decode::framing::{LocatedFrame, PlainFrame};
use crate::decode::observer::memory::Copies;
use crate::decode::observer::{fingerprint, is_flawless};
use crate::decode::prefetch::fetch_first;
use crate::window::{Acknowledgement, Arrival, Departure, Positions};
use crate::wire::{FrameView, Name, Pos, Side};

/// Frames of the general way for each so many positions in flight, before a run may begin: finding out takes a look at
/// each.
const OUTSTANDING_PER_FRAME: u32 = 16;

/// Nanoseconds by which the express way keeps away from a limit that is compared in seconds.
const MARGIN: f64 = 1000.0;

/// The latest frame of a side by its sent_time.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    sent: f64,
    packet: u64,
}

impl Latest {
    #[inline]
    fn sends(&mut self, sent: f64, packet: u64) {
        if sent > self.sent {
            *self = Self { sent, packet };
        }
    }
}

/// An exchange while it is quiet, in lines of the cache: two for every frame, one more for each side's. Moments are as `copies`
/// has them.
#[derive(Debug, Default)]
#[repr(C)]
pub(in crate::analyze) struct Run {
    copies: Copies,
    highest: i32,
    acked: i32,
    /// As many may be in flight: more than ever before are worth a closer look. 0 when nothing runs.
    most: u32,
    /// Of a frame, in bytes.
    len: u16,
    /// Frames of the general way since the last run.
    apart: u16,
    /// The latest packet, and its moment.
    packet: u64,
    moment: i64,
    held: Held,
    /// The packet of the latest ACK.
    answer: u64,
    client: Packages,
    server: Answers,
}

const _: () = assert!(
    offset_of!(Run, client) == 128 && offset_of!(Run, server) == 192 && size_of::<Run>() == 256,
    "two cache lines and one for each side"
);

/// Of a run, what only packages need.
#[derive(Debug, Default)]
struct Packages {
    latest: Latest,
    /// The latest package with others in flight, and its sent_time; 0 for none.
    truly_new: (Pos, f64),
    message_bytes: u64,
    /// As declared; as good as endless where it was not.
    window: u32,
    /// Window or timeout were declared.
    declared: bool,
    /// The latest package filled the declared window.
    filled: bool,
    /// As long may a full window have held a package back.
    may_wait: i64,
    /// As long may the oldest position have been the oldest.
    may_rest: i64,
}

/// Of a run, what only ACKs need.
#[derive(Debug, Default)]
struct Answers {
    latest: Latest,
    round_trips: RoundTrips,
    /// The moment of the latest ACK; [`i64::MIN`] for none.
    moment: i64,
}

impl Run {
    /// True while frames go the express way.
    #[inline]
    pub(in crate::analyze) const fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Asks for the memory of what every frame needs.
    #[inline]
    pub(in crate::analyze) fn fetch(&self) {
        fetch_first(self, offset_of!(Self, client));
    }

    /// And of what those of this side do.
    #[inline]
    pub(in crate::analyze) fn fetch_for(&self, from: Side) {
        match from {
            Side::Client => {
                fetch_first(&self.client, size_of::<Packages>());
                self.copies.fetch_behind(Pos(self.highest));
            }
            Side::Server => {
                fetch_first(&self.server, size_of::<Answers>());
                self.copies.fetch_behind(Pos(self.acked));
            }
        }
    }

    /// Takes in the frame if it is the next ordinary one of a quiet exchange; else changes nothing and says false.
    #[inline(always)] // into the loop over frames
    pub(in crate::analyze) fn take(&mut self, frame: &PlainFrame<'_>) -> bool {
        let PlainFrame { from, packet, time, name, view } = *frame;
        let Some(time) = time else { return false };
        let fits = self.is_on() && view.bytes().len() == usize::from(self.len) && packet >= self.packet;
        if !fits || !is_flawless(from, view) {
            return false;
        }
        let Some(moment) = self.copies.moment(time).filter(|moment| *moment >= self.moment) else { return false };
        let taken = match (from, name) {
            (Side::Client, Name::Msg) => self.package(view, packet, moment),
            (Side::Server, Name::Ack) => self.answer(view, packet, moment),
            _ => false,
        };
        if taken {
            self.packet = packet;
            self.held.lasted(moment - self.moment);
            self.held.count = Some(self.highest.abs_diff(self.acked));
            self.moment = moment;
        }
        taken
    }

    #[inline(always)] // called once
    fn package(&mut self, view: FrameView<'_>, packet: u64, moment: i64) -> bool {
        let (Pos(pos), sent) = (view.pos(), view.sent_time());
        let in_flight = pos.wrapping_sub(self.acked).cast_unsigned();
        let next = self.highest.checked_add(1) == Some(pos) && in_flight <= self.most;
        if !next || sent < self.client.latest.sent || self.client.declared && self.is_late(moment) {
            return false;
        }
        // A package that is not full has to be the last.
        let payload = view.payload_field();
        if payload.last() == Some(&0) {
            return false;
        }
        if !self.copies.depart(Pos(pos), packet, moment, sent, fingerprint(payload), in_flight) {
            return false;
        }
        if in_flight > 1 {
            self.client.truly_new = (Pos(pos), sent);
        }
        self.highest = pos;
        self.client.message_bytes += payload.len() as u64;
        self.client.latest.sends(sent, packet);
        self.client.filled = in_flight >= self.client.window;
        true
    }

    #[inline(always)] // called once
    fn answer(&mut self, view: FrameView<'_>, packet: u64, moment: i64) -> bool {
        let (number, sent) = (view.ack_number(), view.sent_time());
        let next = self.acked < self.highest && number == Some(Pos(self.acked + 1));
        if !next || sent < self.server.latest.sent {
            return false;
        }
        let Some(after) = self.copies.acknowledge(Pos(self.acked + 1), packet, moment) else { return false };
        self.acked += 1;
        self.server.latest.sends(sent, packet);
        self.answer = packet;
        self.server.moment = moment;
        self.server.round_trips.add(after);
        true
    }

    /// With a declared window or timeout: a package that was held back, or went though an older one was due, may have to
    /// be spoken of.
    #[cold]
    fn is_late(&self, moment: i64) -> bool {
        let written = self.copies.moment_of(Pos(self.highest)).unwrap_or(i64::MIN);
        let Packages { filled, may_wait, may_rest, .. } = self.client;
        (filled && moment.saturating_sub(written) >= may_wait)
            || (self.acked < self.highest && moment.saturating_sub(self.server.moment) >= may_rest)
    }
}

impl Model {
    /// The step of the frame that [`run`](Run::take) took last, for whoever wants it.
    pub(in crate::analyze) fn express_step(&mut self, run: &Run, located: &LocatedFrame<'_>) -> Step {
        let LocatedFrame { from, packet, time, ref frame, .. } = *located;
        let (highest, acked) = (Pos(run.highest), Pos(run.acked));
        let (packages, answers) = self.so_far(run);
        let (pos, verdict, arrival) = match from {
            Side::Client => {
                let arrival = Positions::new(highest, highest).map(|acks| Arrival::InOrder { acks });
                (highest, StepVerdict::Departure(Departure::New { unseen: None }), arrival)
            }
            Side::Server => (acked, StepVerdict::Acknowledgement(Acknowledgement::Advances), None),
        };
        let step = Step {
            index: self.steps + u64::from(packages) + u64::from(answers) - 1,
            packet,
            time,
            from,
            name: frame.name(),
            pos: Some(pos),
            sent_time: frame.sent_time(),
            verdict,
            highest,
            last_acked: Some(acked),
            edge: self.observer.window().edge_above(acked).or_else(|| self.inferred_edge(acked)),
            in_flight: Some(highest.0.abs_diff(acked.0)),
            arrival,
        };
        if let Some(replay) = &mut self.replay {
            replay.step(&step, true);
        }
        step
    }

    /// Packages and ACKs of the run.
    fn so_far(&self, run: &Run) -> (u32, u32) {
        let (Pos(highest), Pos(acked)) = (self.observer.highest(), self.observer.last_acked().unwrap_or_default());
        (run.highest.abs_diff(highest), run.acked.abs_diff(acked))
    }

    /// True when the next package or ACK in line is ordinary unless it is odd by itself: nothing was missed, skipped,
    /// repeated or cut that is still open; both sides are in the middle of the exchange; the receiver holds nothing back.
    fn is_quiet(&self) -> bool {
        let whole = self.grid == [true; 2] && self.cut.iter().all(Option::is_none) && self.torn_ack.is_none();
        let in_order = self.server.as_ref().is_some_and(|server| {
            server.is_quiet() && server.holds_nothing() && server.arrived_through() == self.observer.highest()
        });
        !self.regridded
            && whole
            && in_order
            && self.observer.is_quiet()
            && self.observer.window().last_acked_is_proved()
            && self.book.is_settled()
            && self.course.is_under_way()
            && self.waiting.is_empty()
            && self.short.is_none()
            && self.acted.is_none()
            && self.meter.is_under_way()
    }

    /// True when every position that is outstanding was written once, and calls for its ACK: as the run would have it.
    fn is_plain(&self, acked: Pos, highest: Pos) -> bool {
        let written_once =
            |pos| self.observer.copy(Pos(pos)).is_some_and(|copy| copy.copies == 1 && copy.name == Name::Msg);
        self.server.as_ref().is_some_and(|server| server.waits_plainly(acked, highest))
            && (acked.0 + 1..=highest.0).all(written_once)
    }

    /// Begins a run where nothing disturbs, after a frame of the general way of `len` bytes.
    pub(in crate::analyze) fn begin_run(&mut self, run: &mut Run, len: usize) {
        run.apart = run.apart.saturating_add(1);
        let Ok(len) = u16::try_from(len) else { return };
        if !self.is_quiet() {
            return;
        }
        let (Some(last_acked), highest) = (self.observer.last_acked(), self.observer.highest()) else { return };
        let (Some((packet, Some(time))), [Some(client), Some(server)]) = (self.last, self.last_sent) else { return };
        let (Some((most, _)), Some(in_flight)) = (self.meter.largest_in_flight, self.observer.window().in_flight())
        else {
            return;
        };
        let enough = u32::from(run.apart) * OUTSTANDING_PER_FRAME >= in_flight;
        if !enough || !self.meter.flight.holds_since(Some(time), in_flight) || !self.is_plain(last_acked, highest) {
            return;
        }
        // What is compared with the latest package and the latest ACK has to be of these.
        let written_once =
            |packet| self.observer.copy(highest).is_some_and(|copy| copy.packet == packet && copy.copies == 1);
        let filled = self.filled.is_none_or(|(packet, ..)| written_once(packet));
        let moved = self.timeout.is_none() || self.moved_at.flatten() == self.meter.answered;
        let window = self.options.window.unwrap_or(u32::MAX);
        let most = most.min(window).min(self.observer.places().min(MAX_WAITING) as u32);
        if !filled || !moved || most == 0 {
            return;
        }
        let copies = self.observer.copies();
        let answered = self.meter.answered.map_or(Some(i64::MIN), |time| copies.moment(time));
        let (Some(moment), Some(answered)) = (copies.moment(time), answered) else { return };
        let nanos = |seconds: f64| (seconds * 1e9 - MARGIN) as i64;
        *run = Run {
            copies: self.observer.lend(),
            highest: highest.0,
            acked: last_acked.0,
            most,
            len,
            apart: 0,
            packet,
            moment,
            held: self.meter.flight.held,
            answer: self.last_answer,
            client: Packages {
                latest: Latest { sent: client.0, packet: client.1 },
                truly_new: (Pos(0), 0.0),
                message_bytes: 0,
                window,
                declared: self.options.window.is_some() || self.timeout.is_some(),
                filled: self.filled.is_some(),
                may_wait: nanos(self.tolerance()),
                may_rest: self.timeout.map_or(i64::MAX, |timeout| nanos(timeout + self.tolerance())),
            },
            server: Answers {
                latest: Latest { sent: server.0, packet: server.1 },
                round_trips: self.meter.round_trips,
                moment: answered,
            },
        };
    }

    /// Ends the run, if there is one: everything is as if its frames had come by the general way.
    #[inline]
    pub(in crate::analyze) fn end_run(&mut self, run: &mut Run) {
        if run.is_on() {
            self.make_good(std::mem::take(run));
        }
    }

    #[cold]
    fn make_good(&mut self, run: Run) {
        let (packages, answers) = self.so_far(&run);
        let (highest, acked) = (Pos(run.highest), Pos(run.acked));
        self.recall_calls(&run);
        if packages > 0 {
            self.recall_packages(&run);
        }
        if answers > 0 {
            self.last_answer = run.answer;
            self.meter.answered = run.copies.time(run.server.moment);
            self.moved_at = Some(self.meter.answered);
        }
        if packages + answers > 0 {
            let time = run.copies.time(run.moment);
            self.last = Some((run.packet, time));
            self.meter.flight = Flight { since: time, held: run.held };
        }
        self.last_sent = [run.client.latest, run.server.latest].map(|Latest { sent, packet }| Some((sent, packet)));
        self.steps += u64::from(packages) + u64::from(answers);
        let meter = &mut self.meter;
        meter.frames += u64::from(packages) + u64::from(answers);
        meter.messages += u64::from(packages);
        meter.unique += u64::from(packages);
        meter.acks += u64::from(answers);
        meter.message_bytes += run.client.message_bytes;
        meter.stream_bytes[index(Side::Client)] += u64::from(packages) * u64::from(run.len);
        meter.stream_bytes[index(Side::Server)] += u64::from(answers) * u64::from(run.len);
        meter.round_trips = run.server.round_trips;
        self.observer.catch_up(run.copies, highest, acked);
    }

    /// Makes good what the receiver was called for in the run; before the observer catches up.
    fn recall_calls(&mut self, run: &Run) {
        let (highest, acked) = (Pos(run.highest), Pos(run.acked));
        let (before, acked_before) = (self.observer.highest(), self.observer.last_acked().unwrap_or_default());
        let steps = self.steps;
        // Before it came the packages below it and the ACKs of those that were not in flight with it.
        let asked = |pos: Pos| {
            let departed = run.copies.departed(pos)?;
            let acks = pos.0.abs_diff(acked_before.0).saturating_sub(departed.in_flight);
            let index = steps + u64::from(pos.0.abs_diff(before.0)) - 1 + u64::from(acks);
            Some(Asked { name: Name::Msg, packet: departed.written.packet, index, time: departed.written.time })
        };
        if let Some(server) = &mut self.server {
            server.end_run(acked, highest, asked);
        }
    }

    /// Makes good what else the packages of the run left undone; before the observer catches up.
    fn recall_packages(&mut self, run: &Run) {
        if run.client.truly_new.0 > Pos(0) {
            // No position below it was passed by, and so nobody asks for earlier ones.
            self.truly_new.clear();
            self.truly_new.push_back(run.client.truly_new);
        }
        self.just_again = false;
        let highest = Pos(run.highest);
        let latest = run.copies.get(highest).filter(|_| run.client.filled);
        self.filled = latest.map(|latest| (latest.packet, latest.time, highest));
    }
}
