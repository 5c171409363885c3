//! Tiny senders and receivers of each behaviour, in steps of a millisecond. Nothing here is taken from the code under test.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::{Behaviour, Step, StepVerdict};
use crate::time::Timestamp;
use crate::window::{RecvWindow, SendWindow};
use crate::wire::{Name, Pos, Side};

/// An exchange: N packages, and what is not written of the first copies.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) packages: i32,
    pub(super) window: i32,
    pub(super) timeout: i64,
    pub(super) pace: i64,
    pub(super) delay: i64,
    /// The capture point: so long after a frame left the client, `delay - vantage` after it left the server.
    pub(super) vantage: i64,
    pub(super) lost: BTreeSet<i32>,
    pub(super) lost_acks: BTreeSet<i32>,
}

/// What a receiver does with early packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// Keeps them, acknowledges in order.
    InOrder,
    /// Lets them go and acknowledges the last in order again.
    Discards,
    /// Acknowledges each by itself.
    Each,
}

/// The receiver that the books give the behaviour.
pub(super) fn receiver_of(behaviour: Behaviour) -> Receiver {
    match behaviour {
        Behaviour::GoBackN => Receiver::Discards,
        Behaviour::SelectiveRepeat => Receiver::Each,
        _ => Receiver::InOrder,
    }
}

/// A frame as it passes the capture point, and when it was written; milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) at: i64,
    pub(super) sent: i64,
    pub(super) name: Name,
    pub(super) number: i32,
}

struct Sender<'p> {
    plan: &'p Plan,
    behaviour: Behaviour,
    acked: BTreeSet<i32>,
    next: i32,
    sent_at: BTreeMap<i32, i64>,
    /// No new package before.
    ready: i64,
    /// All below are acknowledged.
    oldest: i32,
    /// The eager one waits for the ACK of this.
    recovering: Option<i32>,
    /// After such a wait the package that waited goes at once.
    admitted: bool,
}

impl Sender<'_> {
    /// What is written at `now`, one position after the other; the second is true for a first copy.
    fn act(&mut self, now: i64) -> Vec<(i32, bool)> {
        let mut written = Vec::new();
        while let Some(batch) = self.decide(now) {
            for (pos, new) in batch {
                self.sent_at.insert(pos, now);
                written.push((pos, new));
                if new {
                    self.next = pos + 1;
                    self.ready = now + self.plan.pace;
                    if self.behaviour == Behaviour::ThisProtocol && self.next > self.plan.packages {
                        self.ready = now + 500;
                    }
                    self.admitted = false;
                } else if self.behaviour == Behaviour::ThisProtocol {
                    self.recovering = Some(pos);
                }
            }
        }
        written
    }

    fn decide(&self, now: i64) -> Option<Vec<(i32, bool)>> {
        let plan = self.plan;
        let oldest = self.oldest;
        let window = if self.behaviour == Behaviour::StopAndWait { 1 } else { plan.window };
        let over = |pos: i32| self.sent_at.get(&pos).is_some_and(|sent| sent + plan.timeout <= now);
        let fits = self.next < oldest + window;
        let new = (self.next <= plan.packages && fits && now >= self.ready).then(|| vec![(self.next, true)]);
        let outstanding = (oldest..self.next).filter(|pos| !self.acked.contains(pos));
        match self.behaviour {
            Behaviour::TimerOnly | Behaviour::StopAndWait if over(oldest) => Some(vec![(oldest, false)]),
            Behaviour::GoBackN if over(oldest) => Some((oldest..self.next).map(|pos| (pos, false)).collect()),
            Behaviour::SelectiveRepeat => {
                let due: Vec<_> = outstanding.filter(|pos| over(*pos)).map(|pos| (pos, false)).collect();
                if due.is_empty() { new } else { Some(due) }
            }
            Behaviour::ThisProtocol => {
                let again = Some(vec![(oldest, false)]);
                match self.recovering {
                    Some(_) => again.filter(|_| over(oldest)),
                    None if oldest >= self.next && self.next > plan.packages => None,
                    None if self.next > plan.packages => again.filter(|_| now >= self.ready),
                    None if self.admitted && fits => Some(vec![(self.next, true)]),
                    None if now < self.ready => None,
                    None if oldest < self.next && (over(oldest) || !fits) => again,
                    None => new,
                }
            }
            _ => new,
        }
    }

    fn take_ack(&mut self, number: i32, receiver: Receiver, now: i64) {
        match receiver {
            Receiver::Each => {
                self.acked.insert(number);
            }
            _ => self.acked.extend(self.oldest..=number),
        }
        while self.acked.contains(&self.oldest) {
            self.oldest += 1;
        }
        if self.recovering.is_some_and(|pos| self.acked.contains(&pos)) {
            self.recovering = None;
            self.admitted = self.next <= self.plan.packages;
            self.ready = now + 500;
            if self.admitted {
                self.ready = now;
            }
        }
    }
}

/// Runs a sender and a receiver; the frames in the order of the capture.
pub(super) fn run(behaviour: Behaviour, receiver: Receiver, plan: &Plan) -> Vec<Seen> {
    let mut sender = Sender {
        plan,
        behaviour,
        acked: BTreeSet::new(),
        next: 1,
        sent_at: BTreeMap::new(),
        ready: 0,
        oldest: 1,
        recovering: None,
        admitted: false,
    };
    let (mut lost, mut lost_acks) = (plan.lost.clone(), plan.lost_acks.clone());
    let mut arrived = BTreeSet::new();
    let mut through = 0;
    let mut to_server: Vec<(i64, i32)> = Vec::new();
    let mut to_client: Vec<(i64, i32)> = Vec::new();
    let mut seen = Vec::new();
    for now in 0.. {
        for (_, number) in to_client.extract_if(.., |(at, _)| *at == now) {
            sender.take_ack(number, receiver, now);
        }
        if sender.oldest > plan.packages || now > 200_000 {
            break;
        }
        let mut acks = Vec::new();
        for (_, pos) in to_server.extract_if(.., |(at, _)| *at == now) {
            let before = through;
            match receiver {
                _ if pos <= before => acks.push((pos, false)),
                Receiver::Each => {
                    let first = arrived.insert(pos);
                    acks.push((pos, first));
                }
                Receiver::Discards if pos != before + 1 => acks.push((before, false)),
                _ => {
                    arrived.insert(pos);
                    let first = before + 1;
                    acks.extend((first..).take_while(|n| arrived.contains(n)).map(|n| (n, true)));
                }
            }
            while arrived.contains(&(through + 1)) {
                through += 1;
            }
        }
        for (number, first) in acks {
            if !(first && lost_acks.remove(&number)) {
                to_client.push((now + plan.delay, number));
                seen.push(Seen { at: now + plan.delay - plan.vantage, sent: now, name: Name::Ack, number });
            }
        }
        for (pos, _) in sender.act(now) {
            if !lost.remove(&pos) {
                to_server.push((now + plan.delay, pos));
                seen.push(Seen { at: now + plan.vantage, sent: now, name: Name::Msg, number: pos });
            }
        }
    }
    seen.sort_by_key(|frame| frame.at);
    seen
}

/// One line for a failing test: `m4@12` is MSG 4, written at 12 ms.
pub(super) fn line(seen: &[Seen]) -> String {
    let letter = |name| if name == Name::Ack { 'a' } else { 'm' };
    seen.iter()
        .map(|frame| format!("{}{}@{}", letter(frame.name), frame.number, frame.sent))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The same as steps, behind a handshake.
pub(super) fn steps(seen: &[Seen], window: Option<u32>, vantage: i64) -> Vec<(Step, bool)> {
    let handshake = [(Name::GetMax, -vantage - 1), (Name::ReturnMax, -vantage)].map(|(name, at)| Seen {
        at,
        sent: at,
        name,
        number: 0,
    });
    let mut judge = Judge::new(window);
    handshake.iter().chain(seen).map(|frame| judge.step(frame)).collect()
}

/// The same where frames of one side, `None`, are missing; from the first MSG on.
pub(super) fn steps_with_holes(seen: &[Option<Seen>], side: Side, window: u32) -> Vec<Option<(Step, bool)>> {
    let mut judge = Judge::new(Some(window));
    let mut judged = |frame: &Option<Seen>| match (frame, side) {
        (Some(frame), _) => Some(judge.step(frame)),
        (None, Side::Client) => {
            judge.send.miss_departures();
            None
        }
        (None, Side::Server) => {
            judge.send.miss_acknowledgements();
            None
        }
    };
    let handshake = [Name::GetMax, Name::ReturnMax].map(|name| Some(Seen { at: -1, sent: -1, name, number: 0 }));
    handshake.iter().chain(seen).map(&mut judged).collect()
}

/// The window rules, as the analysis applies them.
struct Judge {
    send: SendWindow,
    receive: RecvWindow,
    index: u64,
}

impl Judge {
    fn new(window: Option<u32>) -> Self {
        Self { send: SendWindow::new(window), receive: RecvWindow::new(), index: 0 }
    }

    /// The step, and whether no higher ACK can have been missed before it.
    fn step(&mut self, frame: &Seen) -> (Step, bool) {
        let pos = Pos(frame.number);
        let acks_proved = self.send.last_acked_is_proved();
        let verdict = match frame.name {
            Name::Msg | Name::Done => StepVerdict::Departure(self.send.depart(pos)),
            Name::Ack => StepVerdict::Acknowledgement(self.send.acknowledge(Some(pos))),
            _ => StepVerdict::Other,
        };
        self.index += 1;
        let step = Step {
            index: self.index - 1,
            packet: self.index,
            time: Some(Timestamp::from_nanos((frame.at + 1000) * 1_000_000)),
            from: frame.name.sender(),
            name: Some(frame.name),
            pos: (frame.name.sender() == Side::Client || frame.name == Name::Ack).then_some(pos),
            sent_time: Some(1_000.0 + frame.sent as f64 / 1000.0),
            verdict,
            highest: self.send.highest(),
            last_acked: self.send.last_acked(),
            edge: self.send.edge(),
            in_flight: self.send.in_flight(),
            arrival: (frame.name == Name::Msg).then(|| self.receive.arrive(pos)),
        };
        (step, acks_proved)
    }
}
