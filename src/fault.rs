//! Mimicked loss (PROTOCOL §5): frames that an endpoint counts as sent and nobody writes, arriving frames that it
//! never sees, and a log of each as the ground truth.
//!
//! [`Faulty`] wraps an endpoint and is one itself: a driver does not see the difference. The endpoint does not
//! either; it counts a frame as sent when it hands it over.

use std::collections::BTreeSet;

use crate::endpoint::{
    Endpoint, Event, FrameCopy, Intake, Moment, Outcome, Outgoing, OutgoingRun, ProtocolError, TransportEnd,
};
use crate::wire::{FrameView, Name, Pos, Side};

/// What is to be lost, of one connection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultPlan {
    /// Client: positions whose first MSG is not written (PROTOCOL §5.1).
    pub packages: BTreeSet<Pos>,
    /// Server: positions whose first in-order ACK is not written (PROTOCOL §5.2).
    pub acks: BTreeSet<Pos>,
    /// Server: how many DONE frames are ignored, from the first.
    pub dones: u32,
    /// Any MSG or ACK, resends too (PROTOCOL §5.3).
    pub random: Option<RandomLoss>,
}

/// A seeded chance for each MSG and each ACK not to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomLoss {
    /// From 0.0 (none) to 1.0 (all).
    pub rate: f64,
    /// The same seed loses the same frames of the same exchange.
    pub seed: u64,
}

/// What becomes of a frame that an endpoint hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is written.
    Write,
    /// It is not.
    Lose,
}

/// One thing a [`FaultInjector`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Moment,
    /// MSG or ACK (lost), DONE (ignored).
    pub name: Name,
    /// The position; of an ACK, its number.
    pub pos: Pos,
    /// What was done, and because of what.
    pub why: FaultCause,
    /// The frame that was lost; `None` of one that was ignored on arrival.
    pub frame: Option<Outgoing>,
}

/// What a fault rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultCause {
    /// The list of positions: the frame was not written.
    Listed,
    /// The random rate: the frame was not written.
    Random,
    /// The number of DONE frames to ignore: the frame was written and not taken in.
    Ignored,
}

/// The most faults that a log holds; further ones still happen, and are counted.
pub const MAX_LOG: usize = 1 << 20;

/// Decides, frame by frame, by a plan.
///
/// The random numbers are those of PCG-XSH-RR with 32 bits: a published sequence, so that a seed printed today loses
/// the same frames with every later version.
#[derive(Debug)]
pub struct FaultInjector {
    plan: FaultPlan,
    random: Option<(f64, oorandom::Rand32)>,
    log: Vec<Fault>,
    max_log: usize,
    unlogged: u64,
}

impl FaultInjector {
    /// An injector at the start of its plan.
    #[must_use]
    pub fn new(plan: FaultPlan) -> Self {
        let random = plan.random.map(|random| (random.rate, oorandom::Rand32::new(random.seed)));
        Self { plan, random, log: Vec::new(), max_log: MAX_LOG, unlogged: 0 }
    }

    /// Decides about a frame that is handed over at `now`. A position is taken off its list when its first frame is
    /// lost.
    pub fn outgoing(&mut self, frame: &Outgoing, now: Moment) -> Fate {
        let list = match (frame.name, frame.copy) {
            (Name::Msg, FrameCopy::First) => Some(&mut self.plan.packages),
            (Name::Ack, FrameCopy::First) => Some(&mut self.plan.acks),
            (Name::Msg | Name::Ack, _) => None,
            _ => return Fate::Write,
        };
        let listed = list.is_some_and(|list| list.remove(&frame.pos));
        // One number for each frame that the rate may hit, so that the lists do not shift the sequence.
        let hit = self.random.as_mut().is_some_and(|(rate, numbers)| unit(numbers) < *rate);
        let why = match (listed, hit) {
            (true, _) => FaultCause::Listed,
            (false, true) => FaultCause::Random,
            (false, false) => return Fate::Write,
        };
        self.record(Fault { at: now, name: frame.name, pos: frame.pos, why, frame: Some(*frame) });
        Fate::Lose
    }

    /// Decides about a frame that arrived at `now`.
    pub fn incoming(&mut self, frame: FrameView<'_>, now: Moment) -> Intake {
        if self.plan.dones == 0 || frame.name() != Some(Name::Done) {
            return Intake::Take;
        }
        self.plan.dones -= 1;
        self.record(Fault { at: now, name: Name::Done, pos: frame.pos(), why: FaultCause::Ignored, frame: None });
        Intake::Ignore
    }

    fn record(&mut self, fault: Fault) {
        if self.log.len() < self.max_log {
            self.log.push(fault);
        } else {
            self.unlogged += 1;
        }
    }

    /// True when every frame that is still to come is written.
    fn loses_nothing_more(&self) -> bool {
        self.plan.packages.is_empty() && self.plan.acks.is_empty() && self.random.is_none()
    }

    /// How many losses of that list are still to come.
    fn left(&self, name: Name) -> usize {
        match name {
            Name::Msg => self.plan.packages.len(),
            _ => self.plan.acks.len(),
        }
    }

    /// What is left of the plan.
    #[must_use]
    pub const fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// What was done, in order: at most [`MAX_LOG`] faults.
    #[must_use]
    pub fn log(&self) -> &[Fault] {
        &self.log
    }

    /// How many faults the log had no room for.
    #[must_use]
    pub const fn unlogged(&self) -> u64 {
        self.unlogged
    }
}

/// An endpoint whose frames pass a [`FaultInjector`].
#[derive(Debug)]
pub struct Faulty<E> {
    endpoint: E,
    injector: FaultInjector,
}

impl<E: Endpoint> Faulty<E> {
    /// `endpoint` with the faults of `plan`; an empty plan changes nothing.
    pub fn new(endpoint: E, plan: FaultPlan) -> Self {
        Self { endpoint, injector: FaultInjector::new(plan) }
    }

    /// The same without a log: faults are only [counted](FaultInjector::unlogged), for who has many connections.
    pub fn counting(endpoint: E, plan: FaultPlan) -> Self {
        let mut faulty = Self::new(endpoint, plan);
        faulty.injector.max_log = 0;
        faulty
    }

    /// The endpoint inside.
    pub const fn endpoint(&self) -> &E {
        &self.endpoint
    }

    /// The injector, with its log.
    pub const fn injector(&self) -> &FaultInjector {
        &self.injector
    }
}

impl<E: Endpoint> Endpoint for Faulty<E> {
    fn side(&self) -> Side {
        self.endpoint.side()
    }

    fn handle_bytes_through(
        &mut self,
        bytes: &[u8],
        now: Moment,
        gate: &mut dyn FnMut(FrameView<'_>) -> Intake,
    ) -> Result<(), ProtocolError> {
        let before = self.injector.plan.dones;
        let injector = &mut self.injector;
        let mut last = Pos(0);
        let taken = self.endpoint.handle_bytes_through(bytes, now, &mut |frame| match gate(frame) {
            Intake::Ignore => Intake::Ignore,
            Intake::Take => {
                last = frame.pos();
                injector.incoming(frame, now)
            }
        });
        for left in (self.injector.plan.dones..before).rev() {
            self.endpoint.announce(Event::WillBeIgnored { name: Name::Done, pos: last, left });
        }
        taken
    }

    fn handle_bytes(&mut self, bytes: &[u8], now: Moment) -> Result<(), ProtocolError> {
        // Nothing is left to be ignored: the endpoint may take in many frames at once.
        if self.injector.plan.dones == 0 {
            return self.endpoint.handle_bytes(bytes, now);
        }
        self.handle_bytes_through(bytes, now, &mut |_| Intake::Take)
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.endpoint.handle_timeout(now);
    }

    fn handle_end(&mut self, end: TransportEnd, now: Moment) {
        self.endpoint.handle_end(end, now);
    }

    fn poll_transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Outgoing> {
        loop {
            let start = out.len();
            let frame = self.endpoint.poll_transmit(now, out)?;
            match self.injector.outgoing(&frame, now) {
                Fate::Write => return Some(frame),
                Fate::Lose => {
                    out.truncate(start);
                    let left = self.injector.left(frame.name);
                    self.endpoint.announce(Event::WillBeLost { name: frame.name, pos: frame.pos, left });
                }
            }
        }
    }

    fn poll_transmit_run(&mut self, now: Moment, out: &mut Vec<u8>, room: usize) -> Option<OutgoingRun> {
        if self.injector.loses_nothing_more() {
            return self.endpoint.poll_transmit_run(now, out, room);
        }
        self.poll_transmit(now, out).map(OutgoingRun::one)
    }

    fn poll_timeout(&self) -> Option<Moment> {
        self.endpoint.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.endpoint.poll_event()
    }

    fn poll_delivered(&mut self) -> &[u8] {
        self.endpoint.poll_delivered()
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.endpoint.outcome()
    }

    fn announce(&mut self, event: Event) {
        self.endpoint.announce(event);
    }
}

/// A number from 0 up to but not including 1, of 32 random bits.
fn unit(numbers: &mut oorandom::Rand32) -> f64 {
    f64::from(numbers.rand_u32()) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Triggers;

    fn frame(name: Name, pos: i32, copy: FrameCopy) -> Outgoing {
        Outgoing { name, pos: Pos(pos), copy, len: 44 }
    }

    fn lost(injector: &mut FaultInjector, frames: &[Outgoing]) -> Vec<bool> {
        frames.iter().map(|f| injector.outgoing(f, Moment::ZERO) == Fate::Lose).collect()
    }

    #[test]
    fn a_list_loses_the_first_copy_only_and_each_list_its_own_frames() {
        let set: BTreeSet<Pos> = [Pos(2), Pos(3)].into();
        let plan = FaultPlan { packages: set.clone(), acks: set, ..FaultPlan::default() };
        let mut injector = FaultInjector::new(plan);
        let frames = [
            frame(Name::Msg, 1, FrameCopy::First),
            frame(Name::Msg, 2, FrameCopy::First),
            frame(Name::Msg, 2, FrameCopy::Resend(Triggers::default())),
            frame(Name::Ack, 2, FrameCopy::First),
            frame(Name::Ack, 2, FrameCopy::Repeat),
            frame(Name::Ack, 3, FrameCopy::OfDone),
            frame(Name::Done, 3, FrameCopy::First),
            frame(Name::Close, 3, FrameCopy::First),
        ];
        assert_eq!(lost(&mut injector, &frames), [false, true, false, true, false, false, false, false]);
        assert_eq!(injector.plan().packages, [Pos(3)].into());
        assert_eq!(injector.plan().acks, [Pos(3)].into());
        let log: Vec<_> = injector.log().iter().map(|f| (f.name, f.pos, f.why)).collect();
        assert_eq!(log, [(Name::Msg, Pos(2), FaultCause::Listed), (Name::Ack, Pos(2), FaultCause::Listed)]);
    }

    #[test]
    fn a_rate_hits_about_its_share_of_msg_and_ack_of_every_copy_and_nothing_else() {
        for rate in [0.0, 0.1, 0.5, 1.0] {
            let plan = FaultPlan { random: Some(RandomLoss { rate, seed: 7 }), ..FaultPlan::default() };
            let mut injector = FaultInjector::new(plan);
            let resend = FrameCopy::Resend(Triggers::default());
            for (name, copy) in [(Name::Msg, resend), (Name::Ack, FrameCopy::Repeat), (Name::Ack, FrameCopy::OfDone)] {
                let hits = lost(&mut injector, &vec![frame(name, 1, copy); 10_000]).iter().filter(|hit| **hit).count();
                let expected = rate * 10_000.0;
                assert!((f64::from(u32::try_from(hits).unwrap()) - expected).abs() < 200.0, "{hits} at {rate}");
            }
            let others = [Name::GetMax, Name::ReturnMax, Name::Done, Name::Close, Name::Disconnect];
            for name in others {
                assert_eq!(lost(&mut injector, &[frame(name, 0, FrameCopy::First)]), [false]);
            }
        }
    }

    #[test]
    fn a_seed_is_a_promise_the_numbers_are_those_of_the_published_generator() {
        // PCG-XSH-RR 64/32 written out from its description, seeded as `pcg32_srandom` is, with stream 1442695040888963407.
        struct Pcg(u64);
        const INCREMENT: u64 = 1_442_695_040_888_963_407_u64.wrapping_shl(1) | 1;
        impl Pcg {
            fn next(&mut self) -> u32 {
                let old = self.0;
                self.0 = old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(INCREMENT);
                u32::try_from((((old >> 18) ^ old) >> 27) & 0xffff_ffff)
                    .unwrap()
                    .rotate_right(u32::try_from(old >> 59).unwrap())
            }
        }
        let mut plain = Pcg(0);
        plain.next();
        plain.0 = plain.0.wrapping_add(42);
        plain.next();
        let mut ours = oorandom::Rand32::new(42);
        for _ in 0..100 {
            assert_eq!(ours.rand_u32(), plain.next());
        }
    }

    #[test]
    fn lists_do_not_shift_which_frames_a_seed_hits() {
        let random = Some(RandomLoss { rate: 0.3, seed: 11 });
        let frames: Vec<_> = (1..=200).map(|k| frame(Name::Msg, k, FrameCopy::First)).collect();
        let by_rate = lost(&mut FaultInjector::new(FaultPlan { random, ..FaultPlan::default() }), &frames);
        let packages: BTreeSet<Pos> = (1..=200).filter(|k| k % 7 == 0).map(Pos).collect();
        let both = lost(&mut FaultInjector::new(FaultPlan { random, packages, ..FaultPlan::default() }), &frames);
        for (i, (rate, both)) in by_rate.iter().zip(&both).enumerate() {
            assert_eq!(*both, *rate || (i + 1) % 7 == 0);
        }
    }
}
