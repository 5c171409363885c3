//! Which arrivals were answered by an ACK: the server's side of the bookkeeping, as far as the wire shows it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::window::{Arrival, RecvWindow};
use crate::wire::Pos;

/// Arrivals that wait for their ACK, at most; the longest-waiting are forgotten beyond, which is said.
pub const MAX_WAITING: usize = 1 << 16;

/// An arrival that an ACK is due for (PROTOCOL §3.3, §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The position, and the number that its ACK carries.
    pub pos: Pos,
    /// Where the MSG or DONE stands that called for it, as the caller counts (packets, rows); of a held package, the one
    /// that released it.
    pub at: u64,
    /// Counts the calls of a connection, from 0.
    pub serial: u64,
    /// Which of this position's calls it is.
    pub kind: CallKind,
}

/// What called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The position came in order, or was released.
    First,
    /// A further copy.
    Repeat,
}

/// Calls, and the ACKs that answered them.
///
/// The server answers in the order in which it reads, so an ACK that answers a call proves that whatever was called
/// for before it, and is unanswered, was not written. Of several calls of one position an ACK answers the latest: which
/// of two equal ACKs was lost, nothing tells.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    window: RecvWindow,
    waiting: BTreeMap<i32, VecDeque<Call>>,
    len: usize,
    next: u64,
    /// Positions of which an ACK answered a call while another one was waiting.
    shared: BTreeSet<i32>,
    /// Every call below this serial was answered or never will be.
    answered: u64,
    forgotten: u64,
}

impl Answers {
    /// For a server that nothing has reached.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a MSG, or a DONE, of the client, which stands `at` there, and gives what it is to the receiver.
    pub fn arrive(&mut self, pos: Pos, at: u64) -> Arrival {
        let arrival = self.window.arrive(pos);
        match arrival {
            Arrival::InOrder { acks } => {
                for pos in acks.first().0..=acks.last().0 {
                    // A run is as long as what was held; it was written frame by frame.
                    self.call(Pos(pos), at, CallKind::First);
                }
            }
            Arrival::Duplicate => self.call(pos, at, CallKind::Repeat),
            Arrival::Ahead | Arrival::HeldTwice | Arrival::NoRoom | Arrival::NotAPosition => {}
        }
        arrival
    }

    fn call(&mut self, pos: Pos, at: u64, kind: CallKind) {
        if self.len == MAX_WAITING {
            self.forgotten += 1;
            return;
        }
        let call = Call { pos, at, serial: self.next, kind };
        self.next += 1;
        self.len += 1;
        self.waiting.entry(pos.0).or_default().push_back(call);
    }

    /// Takes in an ACK of the server and gives the call that it answers.
    pub fn acknowledge(&mut self, number: Pos) -> Option<Call> {
        let calls = self.waiting.get_mut(&number.0)?;
        let call = calls.pop_back()?;
        if calls.is_empty() {
            self.waiting.remove(&number.0);
            self.shared.remove(&number.0);
        } else {
            self.shared.insert(number.0);
        }
        self.len -= 1;
        self.answered = self.answered.max(call.serial);
        Some(call)
    }

    /// The server said goodbye: whatever it has not answered it never will.
    pub const fn disconnect(&mut self) {
        self.answered = self.next;
    }

    /// Calls without an answer, by position, each with whether that is proved: a later call was answered.
    pub fn unanswered(&self) -> impl Iterator<Item = (Call, bool)> + '_ {
        self.waiting.values().flatten().map(|call| (*call, call.serial < self.answered))
    }

    /// True when another call of the position of an unanswered one was answered: which of the equal ACKs was not written,
    /// nothing tells.
    #[must_use]
    pub fn is_one_of_several(&self, call: Call) -> bool {
        self.shared.contains(&call.pos.0)
    }

    /// Calls that were forgotten.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The position up to which all have arrived.
    #[must_use]
    pub fn arrived_through(&self) -> Pos {
        self.window.arrived_through()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(answers: &Answers) -> Vec<(i32, u64, CallKind)> {
        answers.unanswered().filter(|(_, proved)| *proved).map(|(c, _)| (c.pos.0, c.at, c.kind)).collect()
    }

    #[test]
    fn an_ack_proves_that_what_was_called_for_before_it_was_not_written() {
        let mut answers = Answers::new();
        for pos in 1..=3 {
            answers.arrive(Pos(pos), 10 + pos as u64);
        }
        assert_eq!(lost(&answers), []);
        assert_eq!(answers.acknowledge(Pos(3)).map(|call| call.at), Some(13));
        assert_eq!(lost(&answers), [(1, 11, CallKind::First), (2, 12, CallKind::First)]);
    }

    #[test]
    fn of_two_copies_and_one_ack_the_first_call_is_unanswered_and_a_late_ack_answers_both() {
        let mut answers = Answers::new();
        answers.arrive(Pos(1), 1);
        answers.arrive(Pos(1), 2);
        assert_eq!(answers.acknowledge(Pos(1)).map(|call| call.at), Some(2));
        assert_eq!(lost(&answers), [(1, 1, CallKind::First)]);
        assert!(answers.unanswered().all(|(call, _)| answers.is_one_of_several(call)));
        assert_eq!(answers.acknowledge(Pos(1)).map(|call| call.at), Some(1));
        assert_eq!(lost(&answers), []);
        assert_eq!(answers.acknowledge(Pos(1)), None);
    }

    #[test]
    fn held_packages_are_called_for_when_they_are_released() {
        let mut answers = Answers::new();
        answers.arrive(Pos(2), 1);
        assert_eq!(answers.unanswered().count(), 0);
        answers.arrive(Pos(1), 2);
        let calls: Vec<_> = answers.unanswered().map(|(call, _)| (call.pos.0, call.at)).collect();
        assert_eq!(calls, [(1, 2), (2, 2)]);
        answers.disconnect();
        assert_eq!(lost(&answers).len(), 2);
    }
}
