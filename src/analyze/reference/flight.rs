//! The positions that are outstanding, and when each was last sent by its sender's own clock.

use std::collections::VecDeque;
use std::fmt;

use super::Write;
use crate::analyze::words::seconds;
use crate::time::Timestamp;
use crate::window::Departure;

/// Outstanding positions that are remembered; of older ones no age is known.
pub(super) const MAX_FLIGHT: usize = 1 << 14;

/// Outstanding positions, ascending and without gaps.
#[derive(Debug)]
pub(super) struct Flight {
    /// The position of the first of `sent`, or of what comes next when there is none; `None` while that is not known.
    first: Option<i32>,
    sent: VecDeque<Sent>,
    /// sent_time of the last position that was new for certain, and none that had been counted before.
    newest: f64,
}

/// The last copy of a position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// Between these sent_times it was counted as sent; NaN where that is not known. For a position that was passed over:
    /// after the new one before it, before the one that passed it over.
    earliest: f64,
    latest: f64,
    /// Its packet; of a position passed over, that of the one that did.
    pub(super) packet: u64,
    /// Its capture time; `None` for a position passed over.
    pub(super) time: Option<Timestamp>,
    /// It was acknowledged by itself, with something below it missing.
    pub(super) acked_alone: bool,
}

/// Ages, in seconds, that are one.
const SAME_AGE: f64 = 0.0005;

/// How long ago something was, in seconds: at least and at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Age {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Age {
    /// So much less.
    pub(super) fn less(self, by: f64) -> Self {
        Self { min: self.min - by, max: self.max - by }
    }
}

impl fmt::Display for Age {
    /// `2.958 s`; of a position passed over `1.323 to 6.225 s`, since it was counted some time before the copy above it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.max - self.min < SAME_AGE {
            write!(f, "{}", seconds(self.max))
        } else {
            write!(f, "{} to {}", seconds(self.min), seconds(self.max))
        }
    }
}

impl Flight {
    /// `from_start`: nothing was written before.
    pub(super) fn new(from_start: bool) -> Self {
        Self { first: from_start.then_some(1), sent: VecDeque::new(), newest: f64::NAN }
    }

    pub(super) fn get(&self, pos: i32) -> Option<&Sent> {
        self.index(pos).and_then(|index| self.sent.get(index))
    }

    fn index(&self, pos: i32) -> Option<usize> {
        usize::try_from(i64::from(pos) - i64::from(self.first?)).ok()
    }

    /// A MSG or DONE was written.
    pub(super) fn wrote(&mut self, write: &Write<'_>) {
        let pos = write.pos.0;
        let sent = write.sent.unwrap_or(f64::NAN);
        let (packet, time) = (write.step.packet, write.step.time);
        let copy = Sent { earliest: sent, latest: sent, packet, time, acked_alone: false };
        let passed_over = match write.verdict {
            Departure::New { unseen: None } | Departure::Skip { .. } | Departure::BeyondWindow { .. } => {
                self.index(pos).and_then(|index| index.checked_sub(self.sent.len()))
            }
            Departure::New { unseen: Some(_) } => None,
            Departure::Fill | Departure::Unclear | Departure::Resend => {
                if let Some(last) = self.index(pos).and_then(|index| self.sent.get_mut(index)) {
                    *last = Sent { acked_alone: last.acked_alone, ..copy };
                }
                return;
            }
            Departure::NotAPosition => return,
        };
        match passed_over {
            Some(passed) if passed < MAX_FLIGHT - self.sent.len().min(MAX_FLIGHT) => {
                let passed_over = Sent { earliest: self.newest, time: None, ..copy };
                self.sent.extend(std::iter::repeat_n(passed_over, passed));
            }
            _ => {
                self.sent.clear();
                self.first = Some(pos);
            }
        }
        self.sent.push_back(copy);
        // What is not, may have been counted before what it follows.
        if write.genuine {
            self.newest = sent;
        }
    }

    /// Lets go of what is acknowledged up to `number` and, right above it, by itself; returns the highest of those.
    pub(super) fn acknowledge(&mut self, number: i32) -> i32 {
        let mut through = number;
        let Some(mut first) = self.first else { return through };
        while let Some(sent) = self.sent.front()
            && (first <= number || sent.acked_alone && first == through + 1)
        {
            through = through.max(first);
            self.sent.pop_front();
            first += 1;
        }
        self.first = Some(first);
        through
    }

    /// `number` was acknowledged with something below it missing.
    pub(super) fn acknowledge_alone(&mut self, number: i32) {
        if let Some(sent) = self.index(number).and_then(|index| self.sent.get_mut(index)) {
            sent.acked_alone = true;
        }
    }

    /// The sender's clock was set back: it does not tell how long ago anything was.
    pub(super) fn clock_set_back(&mut self) {
        for sent in &mut self.sent {
            (sent.earliest, sent.latest) = (f64::NAN, f64::NAN);
        }
        self.newest = f64::NAN;
    }

    /// Something was missed: nothing is known of what is outstanding.
    pub(super) fn clear(&mut self) {
        self.sent.clear();
        self.first = None;
    }
}

impl Sent {
    /// How old it is at sent_time `now`.
    pub(super) fn age(&self, now: Option<f64>) -> Option<Age> {
        let now = now?;
        let age = Age { min: now - self.latest, max: now - self.earliest };
        (age.min.is_finite() && age.max.is_finite()).then_some(age)
    }
}
