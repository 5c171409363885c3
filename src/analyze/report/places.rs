//! Where ACKs that were not written stand in a drawing.
//!
//! A server answers in the order of what comes (PROTOCOL §3.3). So an ACK that it counted and did not write stands behind
//! the frame that it was due for and behind the answers to earlier ones, and before the frame that shows its lack. Of
//! several due for copies of one position the first is drawn as lost, so that the one written answers a later copy.

use std::collections::VecDeque;

use crate::analyze::{NotWritten, Step};
use crate::wire::{Pos, Side};

/// Frames of the server, and ACKs drawn as lost, that are remembered; behind what came before, nothing is put right.
const REMEMBERED: usize = 256;

/// Follows the frames of one connection.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The server's last frames: index and number.
    answers: VecDeque<(u64, Option<Pos>)>,
    /// Positions of which one of several ACKs is drawn as lost, and where.
    firsts: VecDeque<(Pos, u64)>,
    /// The last frame.
    last: u64,
}

impl Places {
    /// Takes in the next frame.
    pub(super) fn step(&mut self, step: &Step) {
        self.last = step.index;
        if step.from == Side::Server {
            remember(&mut self.answers, (step.index, step.pos));
        }
    }

    /// The index of the frame behind which these belong; the last frame so far shows their lack.
    pub(super) fn behind(&mut self, acks: &NotWritten) -> u64 {
        let pos = acks.acks.first();
        // Known by the ACK that jumped over them alone, they are due somewhere before that.
        let due = if acks.index < self.last { acks.index } else { self.last.saturating_sub(1) };
        let between = self.answers.iter().rev().skip_while(|(index, _)| *index >= self.last);
        let mut behind = None;
        for (index, number) in between.take_while(|(index, _)| *index > due) {
            if acks.one_of_several && *number == Some(pos) {
                behind = None;
            } else if behind.is_none() && !self.is_to_a_later_copy(*index, *number) {
                behind = Some(*index);
            }
        }
        let behind = behind.unwrap_or(due);
        if acks.one_of_several {
            remember(&mut self.firsts, (pos, behind));
        }
        behind
    }

    fn is_to_a_later_copy(&self, index: u64, number: Option<Pos>) -> bool {
        self.firsts.iter().any(|(pos, behind)| Some(*pos) == number && *behind < index)
    }
}

fn remember<T>(last: &mut VecDeque<T>, one_more: T) {
    if last.len() == REMEMBERED {
        last.pop_front();
    }
    last.push_back(one_more);
}
