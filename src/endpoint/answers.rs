//! What a server has still to write: in the order in which it was asked for, in bounded memory.

use std::collections::VecDeque;

use super::FrameCopy;
use crate::window::Positions;
use crate::wire::{Name, Pos};

/// The most repeated answers that wait to be written. Further duplicates get none: their sender does not read.
pub const MAX_REPEATS: usize = 1024;

/// One frame to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) name: Name,
    /// Of an ACK, its number.
    pub(super) pos: Pos,
    pub(super) copy: FrameCopy,
}

/// Answers that wait. ACKs of packages in order are a run of numbers, however many; a run that is not broken by a
/// repeated answer grows and costs nothing. So at most [`MAX_REPEATS`] repeats and one run more than that wait.
#[derive(Debug, Default)]
pub(super) struct Answers {
    queue: VecDeque<Waiting>,
    repeats: usize,
}

#[derive(Debug, Clone, Copy)]
enum Waiting {
    Acks { first: Pos, last: Pos },
    Once(Answer),
    Repeat(Answer),
}

impl Answers {
    /// First ACKs of positions that came into order.
    pub(super) fn push_acks(&mut self, acks: Positions) {
        if let Some(Waiting::Acks { last, .. }) = self.queue.back_mut() {
            *last = acks.last();
        } else {
            self.queue.push_back(Waiting::Acks { first: acks.first(), last: acks.last() });
        }
    }

    /// An answer that is written once per connection.
    pub(super) fn push_once(&mut self, answer: Answer) {
        self.queue.push_back(Waiting::Once(answer));
    }

    /// An answer that can be asked for without end; false when too many wait, and this one is not written.
    #[must_use]
    pub(super) fn push_repeat(&mut self, answer: Answer) -> bool {
        if self.repeats >= MAX_REPEATS {
            return false;
        }
        self.repeats += 1;
        self.queue.push_back(Waiting::Repeat(answer));
        true
    }

    /// The next ACKs of packages in order, `most` of them at most, where those are what comes next.
    pub(super) fn pop_acks(&mut self, most: u32) -> Option<Positions> {
        let Waiting::Acks { first, last } = self.queue.front_mut()? else { return None };
        let end = i32::try_from(most).ok().and_then(|most| first.0.checked_add(most));
        let run = Positions::run(first.0, end.map_or(last.0, |end| last.0.min(end - 1)))?;
        if run.last() == *last {
            self.queue.pop_front();
        } else {
            *first = Pos(run.last().0 + 1);
        }
        Some(run)
    }

    pub(super) fn pop(&mut self) -> Option<Answer> {
        match self.queue.front_mut()? {
            Waiting::Acks { first, last } if *first < *last => {
                let pos = *first;
                first.0 += 1;
                Some(Answer { name: Name::Ack, pos, copy: FrameCopy::First })
            }
            _ => match self.queue.pop_front()? {
                Waiting::Acks { last, .. } => Some(Answer { name: Name::Ack, pos: last, copy: FrameCopy::First }),
                Waiting::Once(answer) => Some(answer),
                Waiting::Repeat(answer) => {
                    self.repeats -= 1;
                    Some(answer)
                }
            },
        }
    }

    /// Entries in memory.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.queue.len()
    }
}
