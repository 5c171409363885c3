//! What the written frames of one connection show of what happened: the predicate behind `visible`.
//!
//! It looks at nothing but the frames' names and numbers in the order in which they pass the capture point, and at
//! what the endpoints counted. Events wait here only until the frames have decided about them, so that a window's worth of
//! memory does for any length.

use std::collections::BTreeMap;

use super::event::{Class, Copied, Loss, Resend, ResendCause, TruthEvent};
use crate::wire::Name;

/// The frames of one connection as they pass, and the events that they have not decided yet.
#[derive(Debug, Default)]
pub(in crate::simulate) struct Witness {
    departed: Departed,
    /// Highest MSG or DONE that passed.
    highest: i32,
    /// Highest ACK that passed.
    acked: i32,
    packages: BTreeMap<i32, LostPackage>,
    acks: BTreeMap<i32, Vec<Loss>>,
    dones: Vec<Loss>,
    answers: Answers,
}

/// How long answers take: from a frame's passing to that of what answers it, in nanoseconds.
#[derive(Debug, Default)]
struct Answers {
    /// When the latest frame passed.
    now: u64,
    /// When the last copy of each position passed that has no ACK yet; 0 for GET_MAX.
    asked: BTreeMap<i32, u64>,
    longest: Option<u64>,
}

/// What the endpoints have written, whether it passed the capture point or not.
#[derive(Debug, Default)]
struct Departed {
    /// Positions counted and not written at all.
    unwritten: std::collections::BTreeSet<i32>,
    highest: i32,
    acked: i32,
}

/// A package of which no copy has passed.
#[derive(Debug, Default)]
struct LostPackage {
    losses: Vec<Loss>,
    /// Something above it has passed.
    gap: bool,
}

impl Witness {
    /// A frame was handed over and is written.
    pub(super) fn written(&mut self, name: Name, pos: i32) {
        match name {
            Name::Msg | Name::Done => {
                self.departed.unwritten.remove(&pos);
                self.departed.highest = self.departed.highest.max(pos);
            }
            Name::Ack => self.departed.acked = self.departed.acked.max(pos),
            _ => {}
        }
    }

    /// A MSG was counted and not written.
    pub(super) fn package_lost(&mut self, mut loss: Loss, out: &mut Vec<TruthEvent>) {
        let pos = loss.pos;
        if pos <= self.departed.highest && !self.departed.unwritten.contains(&pos) {
            (loss.visible, loss.class) = (false, Class::FurtherCopy);
            out.push(TruthEvent::MessageLost(loss));
            return;
        }
        self.departed.unwritten.insert(pos);
        self.departed.highest = self.departed.highest.max(pos);
        let lost = self.packages.entry(pos).or_default();
        lost.gap |= self.highest > pos;
        lost.losses.push(loss);
    }

    /// An ACK was counted and not written.
    pub(super) fn ack_lost(&mut self, mut loss: Loss, out: &mut Vec<TruthEvent>) {
        if loss.pos <= self.departed.acked {
            (loss.visible, loss.class) = (false, Class::RepeatedAck);
            out.push(TruthEvent::AckLost(loss));
        } else {
            self.acks.entry(loss.pos).or_default().push(loss);
        }
    }

    /// A DONE was ignored.
    pub(super) fn done_ignored(&mut self, loss: Loss) {
        self.dones.push(loss);
    }

    /// A resend passes: fills in what it is on the wire. To be called before [`passed`](Self::passed).
    pub(super) fn judge(&self, resend: &mut Resend) {
        let pos = resend.pos;
        let lost = self.packages.get(&pos);
        let copies = pos <= self.highest && lost.is_none();
        resend.why = match copies {
            false => ResendCause::NeverWritten,
            true if self.acked >= pos => ResendCause::AckUnderway,
            true => ResendCause::AckMissing,
        };
        resend.class = match (copies, lost) {
            (true, _) => Class::Duplicate,
            (false, Some(LostPackage { gap: true, .. })) => Class::Fill,
            (false, _) => Class::LateNew,
        };
        resend.visible = resend.class != Class::LateNew;
    }

    /// A frame passes the capture point at `now`.
    pub(super) fn passed(&mut self, name: Name, pos: i32, now: u64, out: &mut Vec<TruthEvent>) {
        self.answers.passed(name, pos, now);
        match name {
            Name::Msg | Name::Done => self.passed_package(name, pos, out),
            Name::Ack => self.passed_ack(pos, out),
            _ => {}
        }
    }

    fn passed_package(&mut self, name: Name, pos: i32, out: &mut Vec<TruthEvent>) {
        if let Some(lost) = self.packages.remove(&pos) {
            let (visible, class) = if lost.gap { (true, Class::Gap) } else { (false, Class::LateNew) };
            decide(lost.losses, visible, class, TruthEvent::MessageLost, out);
        } else if pos <= self.highest {
            // A further copy: whatever answer was lost, the question came again.
            for loss in self.acks.remove(&pos).unwrap_or_default() {
                let class = if loss.copy == Copied::OfDone { Class::DoneUnanswered } else { Class::AckLateOrLost };
                decide(vec![loss], true, class, TruthEvent::AckLost, out);
            }
            if name == Name::Done {
                decide(std::mem::take(&mut self.dones), true, Class::DoneUnanswered, TruthEvent::DoneIgnored, out);
            }
        }
        if pos > self.highest {
            self.highest = pos;
            for (_, below) in self.packages.range_mut(..pos) {
                below.gap = true;
            }
        }
    }

    fn passed_ack(&mut self, number: i32, out: &mut Vec<TruthEvent>) {
        if number <= self.acked {
            return;
        }
        self.acked = number;
        while let Some(first) = self.acks.first_entry().filter(|first| *first.key() <= number) {
            let pos = *first.key();
            for loss in first.remove() {
                let class = match loss.copy {
                    _ if pos < number => Class::AckGap,
                    Copied::OfDone => Class::DoneUnanswered,
                    // The package came again before the loss: one ACK for two copies.
                    _ => Class::AckLateOrLost,
                };
                decide(vec![loss], true, class, TruthEvent::AckLost, out);
            }
        }
        if number >= self.highest {
            // Two DONEs, one ACK: the other DONE was under way when the first was ignored.
            decide(std::mem::take(&mut self.dones), true, Class::DoneUnanswered, TruthEvent::DoneIgnored, out);
        }
    }

    /// No frame follows; the connection went on until `now`, when the first side ended it.
    pub(super) fn ended(&mut self, now: u64, out: &mut Vec<TruthEvent>) {
        self.answers.now = now;
        for (_, lost) in std::mem::take(&mut self.packages) {
            let (visible, class) = if lost.gap { (true, Class::GapUnrecovered) } else { (false, Class::NeverWritten) };
            decide(lost.losses, visible, class, TruthEvent::MessageLost, out);
        }
        for loss in std::mem::take(&mut self.acks).into_values().flatten() {
            let class = if loss.copy == Copied::OfDone { Class::DoneUnanswered } else { Class::AckWithheld };
            let visible = self.answers.are_missed(loss.pos);
            decide(vec![loss], visible, class, TruthEvent::AckLost, out);
        }
        for loss in std::mem::take(&mut self.dones) {
            let visible = self.answers.are_missed(loss.pos);
            decide(vec![loss], visible, Class::DoneUnanswered, TruthEvent::DoneIgnored, out);
        }
    }
}

impl Answers {
    fn passed(&mut self, name: Name, pos: i32, now: u64) {
        self.now = now;
        match name {
            Name::GetMax => drop(self.asked.insert(0, now)),
            Name::Msg | Name::Done => drop(self.asked.insert(pos, now)),
            Name::ReturnMax | Name::Ack => {
                let number = if name == Name::Ack { pos } else { 0 };
                while let Some(first) = self.asked.first_entry().filter(|first| *first.key() <= number) {
                    self.longest = self.longest.max(Some(now - first.remove()));
                }
            }
            _ => {}
        }
    }

    /// True when the answer to `pos` would have passed: since it, and all below it, were there, the silence was more than
    /// twice as long as an answer ever took.
    fn are_missed(&self, pos: i32) -> bool {
        let due = self.asked.range(..=pos).map(|(_, asked)| *asked).max();
        let silence = due.map(|due| self.now.saturating_sub(due));
        silence.zip(self.longest).is_some_and(|(silence, longest)| silence > 2 * longest)
    }
}

fn decide(
    losses: Vec<Loss>,
    visible: bool,
    class: Class,
    event: impl Fn(Loss) -> TruthEvent,
    out: &mut Vec<TruthEvent>,
) {
    out.extend(losses.into_iter().map(|loss| event(Loss { visible, class, ..loss })));
}
