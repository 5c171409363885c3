//! What a connection shows of the facts that may be declared of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Facts;
use crate::analyze::rules::ack_withheld;
use crate::analyze::{Doubt, NotWritten, PositionSet, Step, StepVerdict};
use crate::decode::framing::LocatedFrame;
use crate::decode::message::Message;
use crate::window::{Acknowledgement, Arrival, Departure, Positions};
use crate::wire::{MaxMsgSize, Name, Pos, Side};

/// Runs of positions that are remembered of each kind; a list of facts has no more positions.
const MAX_RUNS: usize = 100_000;

/// Packets that are named as proof of one fact.
pub(super) const NAMED_PACKETS: usize = 20;

/// Follows one connection beside the analysis. Memory is bounded by the declared lists and a fixed number of runs.
#[derive(Debug)]
pub struct Watch {
    pub(super) facts: Arc<Facts>,
    /// Filled when a message is declared.
    pub(super) message: Message,
    /// ACKs that were not written when due, with the packet of the MSG that they were due for.
    pub(super) unwritten: BTreeMap<i32, u64>,
    /// Positions of which the capture cannot tell whether their ACK was written when due.
    pub(super) undecided: BTreeSet<i32>,
    /// Positions that were passed over, hole or not: proved never written before.
    pub(super) skipped: Runs,
    /// Positions of which the capture cannot tell whether they were passed over.
    pub(super) unseen: Runs,
    /// ACKs that another one passed over.
    pub(super) jumped: Runs,
    /// Positions declared lost whose first copy was the next new one.
    pub(super) in_turn: BTreeMap<i32, InTurn>,
    /// Of positions whose ACK is declared lost: how often it was due, and written.
    pub(super) answers: BTreeMap<i32, Answered>,
    pub(super) dones: Dones,
    /// What RETURN_MAX says, with its packet; of several the last.
    pub(super) answered: Option<(MaxMsgSize, u64)>,
    /// The highest position of a MSG.
    pub(super) highest: i32,
    /// The last frame before which a lost package cannot have been counted.
    base: Option<Base>,
}

/// A package that is declared lost and was written as the next new one.
#[derive(Debug, Clone, Copy)]
pub(super) struct InTurn {
    pub(super) packet: u64,
    pub(super) sent_time: f64,
    pub(super) base: Option<Base>,
    pub(super) last_acked: Option<i32>,
    /// The oldest unacknowledged one then, where it is another that had been passed over.
    pub(super) oldest: Option<Pos>,
}

/// ACKs of one position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answered {
    pub(super) due: u64,
    pub(super) written: u64,
    /// The packet of the first.
    pub(super) first: Option<u64>,
}

/// A frame that was written before the next position was counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    /// 0 for GET_MAX.
    pub(super) pos: i32,
    pub(super) packet: u64,
    pub(super) sent_time: f64,
}

/// DONEs and their ACKs.
#[derive(Debug, Clone, Default)]
pub(super) struct Dones {
    pub(super) pos: Option<i32>,
    pub(super) written: u64,
    pub(super) acks: u64,
    pub(super) packets: Vec<u64>,
}

/// Runs of positions, ascending, each with the packet that showed it.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs {
    runs: Vec<(Positions, u64)>,
    pub(super) overflowed: bool,
}

impl Runs {
    fn push(&mut self, run: Positions, packet: u64) {
        let above = self.runs.last().is_none_or(|(last, _)| last.last() < run.first());
        if self.runs.len() == MAX_RUNS || !above {
            self.overflowed |= above;
            return;
        }
        self.runs.push((run, packet));
    }

    /// The packet that showed `pos`.
    pub(super) fn packet(&self, pos: Pos) -> Option<u64> {
        let at = self.runs.partition_point(|(run, _)| run.last() < pos);
        self.runs.get(at).filter(|(run, _)| run.contains(pos)).map(|(_, packet)| *packet)
    }

    pub(super) fn contains(&self, pos: Pos) -> bool {
        self.packet(pos).is_some()
    }

    /// What is in the runs and not in `set`, as runs with their packets: a run may be as long as positions go.
    pub(super) fn outside(&self, set: &PositionSet) -> Vec<(Positions, u64)> {
        let mut outside = Vec::new();
        for (run, packet) in &self.runs {
            let mut next = i64::from(run.first().0);
            let last = i64::from(run.last().0);
            let from = set.runs().partition_point(|inside| inside.last() < run.first());
            for inside in set.runs()[from..].iter().take_while(|inside| inside.first() <= run.last()) {
                outside.extend(positions(next, i64::from(inside.first().0) - 1).map(|run| (run, *packet)));
                next = i64::from(inside.last().0) + 1;
            }
            outside.extend(positions(next, last).map(|run| (run, *packet)));
        }
        outside
    }
}

fn positions(first: i64, last: i64) -> Option<Positions> {
    Positions::new(Pos(i32::try_from(first).ok()?), Pos(i32::try_from(last).ok()?))
}

impl Watch {
    /// For a connection of which `facts` are declared.
    #[must_use]
    pub fn new(facts: Arc<Facts>) -> Self {
        Self {
            facts,
            message: Message::default(),
            unwritten: BTreeMap::new(),
            undecided: BTreeSet::new(),
            skipped: Runs::default(),
            unseen: Runs::default(),
            jumped: Runs::default(),
            in_turn: BTreeMap::new(),
            answers: BTreeMap::new(),
            dones: Dones::default(),
            answered: None,
            highest: 0,
            base: None,
        }
    }

    /// Takes in the next frame.
    pub fn step(&mut self, frame: &LocatedFrame<'_>, step: &Step) {
        if self.facts.message.is_some() && step.from == Side::Client {
            self.message.frame(&frame.frame);
        }
        if step.name.is_some_and(|name| name.sender() != step.from) {
            return;
        }
        match (step.name, step.pos, step.verdict) {
            (Some(Name::GetMax), ..) => self.base = self.based_on(0, step),
            (Some(Name::ReturnMax), ..) => {
                let size = frame.frame.payload().and_then(MaxMsgSize::from_decimal);
                self.answered = size.map(|size| (size, step.packet)).or(self.answered);
            }
            (Some(name @ (Name::Msg | Name::Done)), Some(pos), StepVerdict::Departure(verdict)) => {
                self.departure(name, pos, verdict, step);
            }
            (Some(Name::Ack), Some(number), StepVerdict::Acknowledgement(verdict)) => {
                self.acknowledgement(number, verdict, step);
            }
            _ => {}
        }
    }

    fn based_on(&self, pos: i32, step: &Step) -> Option<Base> {
        let sent_time = step.sent_time.filter(|time| time.is_finite());
        sent_time.map(|sent_time| Base { pos, packet: step.packet, sent_time }).or(self.base)
    }

    fn departure(&mut self, name: Name, pos: Pos, verdict: Departure, step: &Step) {
        match verdict {
            Departure::Skip { missing } | Departure::BeyondWindow { missing: Some(missing), .. } => {
                self.skipped.push(missing, step.packet);
            }
            Departure::New { unseen: Some(unseen) } => self.unseen.push(unseen, step.packet),
            _ => {}
        }
        self.asks(pos, step);
        match name {
            Name::Done => {
                self.dones.pos = self.dones.pos.max(Some(pos.0));
                self.dones.written += 1;
                if self.dones.packets.len() < NAMED_PACKETS {
                    self.dones.packets.push(step.packet);
                }
            }
            _ => self.highest = self.highest.max(pos.0),
        }
        if matches!(verdict, Departure::New { .. } | Departure::Skip { .. } | Departure::BeyondWindow { .. }) {
            let declared = self.facts.packages_not_written.as_ref().is_some_and(|set| set.contains(pos));
            if declared && name == Name::Msg {
                let written = InTurn {
                    packet: step.packet,
                    sent_time: step.sent_time.unwrap_or(f64::NAN),
                    base: self.base,
                    last_acked: step.last_acked.map(|last| last.0),
                    oldest: step
                        .last_acked
                        .and_then(|last| Some(Pos(last.0.checked_add(1)?)))
                        .filter(|oldest| *oldest < pos && self.skipped.contains(*oldest)),
                };
                self.in_turn.insert(pos.0, written);
            } else {
                // A lost one that was written late was counted before: it says nothing of the next one.
                self.base = self.based_on(pos.0, step);
            }
        }
    }

    fn acknowledgement(&mut self, number: Pos, verdict: Acknowledgement, step: &Step) {
        if let Acknowledgement::Jump { missing } = verdict {
            self.jumped.push(missing, step.packet);
        }
        if self.dones.pos == Some(number.0) {
            self.dones.acks += 1;
        }
        if self.declares_lost(number) {
            let answered = self.answers.entry(number.0).or_default();
            answered.written += 1;
            answered.first.get_or_insert(step.packet);
        }
    }

    fn declares_lost(&self, ack: Pos) -> bool {
        self.facts.acks_not_written.as_ref().is_some_and(|set| set.contains(ack))
    }

    /// A copy that reaches the server: every one is answered, at once or when it is released.
    fn asks(&mut self, pos: Pos, step: &Step) {
        let held_twice = matches!(step.arrival, Some(Arrival::HeldTwice | Arrival::NoRoom));
        if !held_twice && self.declares_lost(pos) {
            self.answers.entry(pos.0).or_default().due += 1;
        }
    }

    /// The capture cannot tell something.
    pub fn doubt(&mut self, doubt: &Doubt) {
        if doubt.rule == &ack_withheld::RULE {
            let room = MAX_RUNS.saturating_sub(self.undecided.len());
            self.undecided.extend(doubt.positions.iter().map(|pos| pos.0).take(room));
        }
    }

    /// ACKs are proved not written when they were due.
    pub fn ack_not_written(&mut self, acks: &NotWritten) {
        for pos in acks.acks.first().0..=acks.acks.last().0 {
            if self.unwritten.len() >= MAX_RUNS {
                return;
            }
            self.unwritten.entry(pos).or_insert(acks.packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(of: impl IntoIterator<Item = i32>) -> PositionSet {
        let mut set = PositionSet::new();
        of.into_iter().filter_map(|pos| Positions::new(Pos(pos), Pos(pos))).for_each(|run| set.push(run));
        set
    }

    proptest! {
        #[test]
        fn what_is_outside_a_set_is_what_a_plain_difference_leaves(
            inside in proptest::collection::btree_set(1..60_i32, 0..30),
            cuts in proptest::collection::btree_set(1..60_i32, 0..12),
        ) {
            let cuts: Vec<i32> = cuts.into_iter().collect();
            let mut runs = Runs::default();
            for (packet, pair) in cuts.chunks_exact(2).enumerate() {
                runs.push(Positions::new(Pos(pair[0]), Pos(pair[1] - 1)).unwrap(), packet as u64);
            }
            let outside: Vec<i32> = runs
                .outside(&set(inside.iter().copied()))
                .iter()
                .flat_map(|(run, _)| run.first().0..=run.last().0)
                .collect();
            let plain: Vec<i32> = cuts
                .chunks_exact(2)
                .flat_map(|pair| pair[0]..pair[1])
                .filter(|pos| !inside.contains(pos))
                .collect();
            prop_assert_eq!(outside, plain);
        }
    }

    #[test]
    fn a_run_as_long_as_positions_go_is_cut_at_once() {
        let mut runs = Runs::default();
        runs.push(Positions::new(Pos(2), Pos(i32::MAX)).unwrap(), 7);
        let outside = runs.outside(&set([i32::MAX]));
        assert_eq!(outside, [(Positions::new(Pos(2), Pos(i32::MAX - 1)).unwrap(), 7)]);
        assert_eq!(runs.packet(Pos(1_000_000)), Some(7));
    }
}
