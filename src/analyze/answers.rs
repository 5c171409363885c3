//! Which arrivals were answered by an ACK: the server's side of the bookkeeping, as far as the wire shows it.

use std::collections::VecDeque;

use crate::time::Timestamp;
use crate::window::{Arrival, Positions, RecvWindow};
use crate::wire::{Name, Pos};

/// Calls that wait for their ACK, at most; beyond it the longest-waiting is forgotten, and never said to be unanswered.
pub(super) const MAX_WAITING: usize = 4096;

/// A frame that an ACK is due for (PROTOCOL §3.3, §3.4, §3.6); of a held package, the one that released it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: Name,
    pub(super) packet: u64,
    /// Counts the frames of the connection, from 0.
    pub(super) index: u64,
    pub(super) time: Option<Timestamp>,
}

/// A call for one ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    /// The position, and the number that its ACK carries.
    pub(super) pos: Pos,
    pub(super) by: Asked,
    /// Which of this position's calls it is.
    pub(super) kind: CallKind,
    /// Another call of the same position was answered while this one waited: which of the equal ACKs is missing, nothing
    /// tells.
    pub(super) one_of_several: bool,
    /// Its answer may have passed in bytes that are not captured.
    doubted: bool,
}

/// What called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    /// The position came in order.
    InOrder,
    /// It had been held, and was released by a lower one.
    Released,
    /// A further copy.
    Repeat,
}

/// ACKs that are proved not written when they were due: later answers came, or the server said goodbye, without them.
///
/// An ACK that is written late, for a copy that came later, and one that is lost look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotWritten {
    /// Their numbers; a run of more than one only where a jumping ACK alone tells of them.
    pub acks: Positions,
    /// The packet with the MSG that they were due for; where that is not known, with the ACK that jumped over them.
    pub packet: u64,
    /// That frame, as [`Step::index`](super::Step::index) counts.
    pub index: u64,
    /// Several were due for copies of this position and some were written: which was not, nothing tells.
    pub one_of_several: bool,
}

/// Calls, and the ACKs that answered them.
///
/// The server answers in the order in which it reads, so its ACKs are its calls in order with some left out. Each ACK is
/// taken to answer the earliest call that it can: what was called for before that one and is unanswered was certainly not
/// written. Of equal calls the one that is left unanswered stands where the first was made.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    window: RecvWindow,
    /// In the order of the calls.
    waiting: VecDeque<Call>,
    /// First calls that an answer to a later one of a lower position has passed by, at most as many; they may still be
    /// covered.
    uncovered: VecDeque<Call>,
    /// Further copies among them; without one, positions ascend.
    repeats: usize,
    /// It began with an ACK, not with the first MSG: frames before it may have called unseen, and be answered at any time.
    /// So nothing is proved of what was called for.
    begun_late: bool,
}

impl Answers {
    /// For a server to which all up to `through` has come, and been answered.
    pub(super) fn after(through: Pos) -> Self {
        Self {
            window: RecvWindow::after(through),
            waiting: VecDeque::new(),
            uncovered: VecDeque::new(),
            repeats: 0,
            begun_late: through > Pos(0),
        }
    }

    /// True where nothing tells what was called for.
    pub(super) const fn prove_nothing(&self) -> bool {
        self.begun_late
    }

    /// Takes in a MSG or DONE of the client: what it is to the receiver. What is `acked` already calls for nothing when it
    /// comes for the first time.
    pub(super) fn arrive(&mut self, pos: Pos, by: Asked, acked: Option<Pos>) -> Arrival {
        // A DONE is not held (PROTOCOL §3.6).
        if by.name == Name::Done && i64::from(pos.0) > i64::from(self.arrived_through().0) + 1 {
            return Arrival::Ahead;
        }
        let arrival = self.window.arrive(pos);
        match arrival {
            // A run is as long as what was held; it was written frame by frame.
            Arrival::InOrder { acks } => (acks.first().0..=acks.last().0)
                .map(Pos)
                .filter(|pos| acked.is_none_or(|acked| *pos > acked))
                .for_each(|pos| {
                    let kind = if pos == acks.first() { CallKind::InOrder } else { CallKind::Released };
                    self.call(pos, by, kind);
                }),
            Arrival::Duplicate => self.call(pos, by, CallKind::Repeat),
            Arrival::Ahead | Arrival::HeldTwice | Arrival::NoRoom | Arrival::NotAPosition => {}
        }
        arrival
    }

    /// True when the calls of the positions above `acked` up to `highest` wait, each for its first ACK and as sure to be
    /// answered as any, and nothing else does.
    pub(super) fn waits_plainly(&self, acked: Pos, highest: Pos) -> bool {
        // Those of books that were begun late are all in doubt, and stay so.
        let in_doubt = self.begun_late;
        let plain = |call: &Call| call.kind == CallKind::InOrder && call.doubted == in_doubt && !call.one_of_several;
        self.uncovered.is_empty()
            && self.waiting.len() == highest.0.abs_diff(acked.0) as usize
            && (acked.0 + 1..=highest.0).zip(&self.waiting).all(|(pos, call)| call.pos == Pos(pos) && plain(call))
    }

    /// Where calls waited plainly: since then every position up to `highest` has come, as `by` tells of those above
    /// `acked`, and every one up to `acked` was answered, in order.
    pub(super) fn end_run(&mut self, acked: Pos, highest: Pos, by: impl Fn(Pos) -> Option<Asked>) {
        let came = self.arrived_through().max(acked);
        self.window.arrive_in_order(highest);
        while self.waiting.pop_front_if(|call| call.pos <= acked).is_some() {}
        for pos in (came.0 + 1..=highest.0).map(Pos) {
            if let Some(by) = by(pos) {
                self.call(pos, by, CallKind::InOrder);
            }
        }
    }

    fn call(&mut self, pos: Pos, by: Asked, kind: CallKind) {
        if self.waiting.len() >= MAX_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.repeats -= usize::from(oldest.kind == CallKind::Repeat);
        }
        self.repeats += usize::from(kind == CallKind::Repeat);
        self.waiting.push_back(Call { pos, by, kind, one_of_several: false, doubted: self.begun_late });
    }

    /// Takes in an ACK of the server and gives the call that it answers; those before it were not answered and are
    /// handed to `passed`.
    #[inline]
    pub(super) fn acknowledge(&mut self, number: Pos, mut passed: impl FnMut(Call)) -> Option<Call> {
        if self.begun_late {
            self.catch_up(number);
        }
        if !self.uncovered.is_empty() {
            self.uncovered.retain(|call| call.pos > number);
        }
        let at = if self.waiting.front()?.pos == number {
            0
        } else if self.repeats == 0 {
            self.waiting.binary_search_by_key(&number, |call| call.pos).ok()?
        } else {
            self.waiting.iter().position(|call| call.pos == number)?
        };
        for call in self.waiting.drain(..at) {
            self.repeats -= usize::from(call.kind == CallKind::Repeat);
            if call.kind != CallKind::Repeat && call.pos > number && self.uncovered.len() < MAX_WAITING {
                self.uncovered.push_back(call);
            }
            if !call.doubted {
                passed(call);
            }
        }
        let answered = self.waiting.pop_front()?;
        self.repeats -= usize::from(answered.kind == CallKind::Repeat);
        if self.repeats > 0
            && let Some(equal) = self.waiting.iter_mut().find(|call| call.pos == number)
        {
            equal.by = answered.by;
            equal.one_of_several = true;
            self.move_doubt(&answered);
        }
        Some(answered)
    }

    /// All up to `number` has come, some of it perhaps unseen.
    fn catch_up(&mut self, number: Pos) {
        let through = self.arrived_through();
        if i64::from(number.0) - i64::from(through.0) > MAX_WAITING as i64 {
            *self = Self::after(number);
            return;
        }
        for pos in through.0.saturating_add(1)..=number.0 {
            self.window.arrive(Pos(pos));
        }
    }

    /// A call whose answer may have passed unseen was taken to be answered now; if it was before, this is the answer to
    /// a later one.
    fn move_doubt(&mut self, answered: &Call) {
        let sure = |call: &&mut Call| call.pos == answered.pos && !call.doubted;
        if answered.doubted
            && let Some(call) = self.waiting.iter_mut().find(sure)
        {
            call.doubted = true;
        }
    }

    /// The server said goodbye: whatever it has not answered it never will. Gives back what waits and lies at or below
    /// `acked`; of what lies above, the connection's end tells.
    pub(super) fn disconnect(&mut self, acked: Pos, mut passed: impl FnMut(Call)) {
        for call in self.waiting.iter().filter(|call| call.pos <= acked && !call.doubted) {
            passed(*call);
        }
        self.waiting.retain(|call| call.pos > acked);
        self.repeats = self.waiting.iter().filter(|call| call.kind == CallKind::Repeat).count();
    }

    /// Of what was called for so far, nothing proves any more that it was not answered.
    pub(super) fn doubt(&mut self) {
        self.waiting.iter_mut().for_each(|call| call.doubted = true);
    }

    /// Positions above `acked` that wait for their first ACK, or were passed by and are not covered.
    pub(super) fn unanswered(&self, acked: Pos) -> impl Iterator<Item = &Call> {
        let calls = self.uncovered.iter().chain(&self.waiting);
        calls.filter(move |call| call.pos > acked && call.kind != CallKind::Repeat)
    }

    /// True when `pos` was passed by, and is not covered: that its ACK was not written is said already.
    pub(super) fn is_uncovered(&self, pos: Pos) -> bool {
        self.uncovered.iter().any(|call| call.pos == pos && !call.doubted)
    }

    /// True when no further copy waits for its ACK.
    pub(super) const fn is_quiet(&self) -> bool {
        self.repeats == 0
    }

    /// True when the receiver holds nothing back.
    pub(super) fn holds_nothing(&self) -> bool {
        self.window.holds_nothing()
    }

    /// The position up to which all have arrived.
    pub(super) fn arrived_through(&self) -> Pos {
        self.window.arrived_through()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(answers: &mut Answers, pos: i32, packet: u64) {
        let by = Asked { name: Name::Msg, packet, index: packet, time: None };
        answers.arrive(Pos(pos), by, None);
    }

    /// The calls that an ACK passes by: position, packet, one of several.
    fn passed(answers: &mut Answers, number: i32) -> Vec<(i32, u64, bool)> {
        let mut passed = Vec::new();
        answers.acknowledge(Pos(number), |call| passed.push((call.pos.0, call.by.packet, call.one_of_several)));
        passed
    }

    #[test]
    fn an_ack_proves_that_what_was_called_for_before_it_was_not_written() {
        let mut answers = Answers::after(Pos(0));
        for pos in 1..=3 {
            arrive(&mut answers, pos, 10 + pos as u64);
        }
        assert_eq!(passed(&mut answers, 3), [(1, 11, false), (2, 12, false)]);
        assert_eq!(answers.acknowledge(Pos(3), |_| ()), None);
    }

    #[test]
    fn of_two_copies_and_one_ack_one_is_missing_once_a_later_ack_has_come() {
        let mut answers = Answers::after(Pos(0));
        for (pos, packet) in [(1, 1), (1, 2), (2, 3)] {
            arrive(&mut answers, pos, packet);
        }
        // The other one may be under way.
        assert_eq!(passed(&mut answers, 1), []);
        assert_eq!(passed(&mut answers, 2), [(1, 1, true)]);
    }

    #[test]
    fn an_ack_that_was_under_way_while_its_package_was_written_again_proves_nothing() {
        let mut answers = Answers::after(Pos(0));
        for (pos, packet) in [(1, 1), (2, 2), (1, 3)] {
            arrive(&mut answers, pos, packet);
        }
        for number in [1, 2, 1] {
            assert_eq!(passed(&mut answers, number), []);
        }
        answers.disconnect(Pos(2), |call| panic!("{call:?}"));
    }

    #[test]
    fn an_answer_may_be_the_last_of_equal_calls_when_those_before_may_have_been_answered_unseen() {
        // Each of the first two copies may have had its answer; the one seen then answers the third.
        let mut answers = Answers::after(Pos(0));
        for packet in 1..=2 {
            arrive(&mut answers, 1, packet);
            answers.doubt();
        }
        arrive(&mut answers, 1, 3);
        assert_eq!(passed(&mut answers, 1), []);
        arrive(&mut answers, 2, 4);
        assert_eq!(passed(&mut answers, 2), []);
        // One more copy than there can have been answers.
        for packet in 5..=6 {
            arrive(&mut answers, 2, packet);
            answers.doubt();
        }
        arrive(&mut answers, 2, 7);
        arrive(&mut answers, 2, 8);
        assert_eq!(passed(&mut answers, 2), []);
        arrive(&mut answers, 3, 9);
        assert_eq!(passed(&mut answers, 3).len(), 1);
    }

    #[test]
    fn where_frames_may_have_called_unseen_nothing_is_proved() {
        // 6 had come unseen, so that 7 was in order: ACKs 7, 5, 6.
        let mut answers = Answers::after(Pos(5));
        for (pos, packet) in [(7, 1), (5, 2), (6, 3)] {
            arrive(&mut answers, pos, packet);
        }
        for number in [7, 5, 6] {
            assert_eq!(passed(&mut answers, number), []);
        }
        // 9 had come unseen: what its ACK acknowledges has come.
        assert_eq!(passed(&mut answers, 9), []);
        assert_eq!(answers.arrived_through(), Pos(9));
    }

    #[test]
    fn a_first_ack_passed_by_for_a_lower_copy_is_withheld_unless_it_is_covered() {
        let mut answers = Answers::after(Pos(0));
        for (pos, packet) in [(1, 1), (2, 2), (1, 3)] {
            arrive(&mut answers, pos, packet);
        }
        assert_eq!(passed(&mut answers, 1), []);
        assert_eq!(passed(&mut answers, 1), [(2, 2, false)]);
        let unanswered = |answers: &Answers| answers.unanswered(Pos(1)).map(|call| call.pos.0).collect::<Vec<_>>();
        assert_eq!(unanswered(&answers), [2]);
        arrive(&mut answers, 3, 4);
        assert_eq!(passed(&mut answers, 3), []);
        assert_eq!(answers.unanswered(Pos(3)).count(), 0);
    }

    #[test]
    fn held_packages_are_called_for_when_they_are_released() {
        let mut answers = Answers::after(Pos(0));
        arrive(&mut answers, 2, 1);
        assert_eq!(answers.unanswered(Pos(0)).count(), 0);
        arrive(&mut answers, 1, 2);
        let calls: Vec<_> = answers.unanswered(Pos(0)).map(|call| (call.pos.0, call.by.packet, call.kind)).collect();
        assert_eq!(calls, [(1, 2, CallKind::InOrder), (2, 2, CallKind::Released)]);
    }

    #[test]
    fn goodbye_ends_all_waiting_but_for_what_was_in_doubt() {
        let mut answers = Answers::after(Pos(0));
        arrive(&mut answers, 1, 1);
        answers.doubt();
        arrive(&mut answers, 2, 2);
        arrive(&mut answers, 3, 3);
        let mut passed = Vec::new();
        answers.disconnect(Pos(2), |call| passed.push(call.pos.0));
        assert_eq!(passed, [2]);
        assert_eq!(answers.unanswered(Pos(2)).map(|call| call.pos.0).collect::<Vec<_>>(), [3]);
    }
}
