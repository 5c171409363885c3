//! The window rules (PROTOCOL §3.3, §3.4, §4.1, §4.7, §4.8) as verdicts on positions.
//!
//! No time, no I/O, no frame bytes: a position goes in, a verdict comes out. An endpoint acts on the verdict;
//! an observer of a capture judges by the same one, so that neither can know other rules than the other.
//!
//! ```text
//! client ── SendWindow::depart ──►  MSG, DONE  ──► RecvWindow::arrive ── server
//! client ◄─ SendWindow::acknowledge ◄── ACK ◄────────────────────────── server
//! ```
//!
//! * [`SendWindow`]: what was written, what is acknowledged, what is open. [`SendWindow::new`] knows its
//!   state from the start (an endpoint, or a capture with the handshake); [`SendWindow::mid_stream`] starts
//!   in the middle and claims only what it has seen.
//! * [`RecvWindow`]: what arrived, and up to where without a gap.
//!
//! After a violation both follow what they saw, so that one fault is reported once. Positions are any `i32`:
//! memory is bounded by [`MAX_GAPS`] and [`MAX_DUPLICATES`], whatever they are.

mod gaps;
mod receive;
mod send;

pub use gaps::MAX_GAPS;
pub use receive::{Arrival, RecvWindow};
pub use send::{Acknowledgement, Departure, MAX_DUPLICATES, SendWindow};

use std::fmt;

use crate::wire::Pos;

/// A run of positions, `first` to `last`, both included; never empty. Displays as `4`, `10, 11` or `9–11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Positions {
    first: i32,
    last: i32,
}

impl Positions {
    /// `first` to `last`, both included; `None` when that is empty.
    #[must_use]
    pub const fn new(first: Pos, last: Pos) -> Option<Self> {
        Self::run(first.0, last.0)
    }

    pub(crate) const fn run(first: i32, last: i32) -> Option<Self> {
        if first <= last { Some(Self { first, last }) } else { None }
    }

    /// The lowest.
    #[must_use]
    pub const fn first(self) -> Pos {
        Pos(self.first)
    }

    /// The highest.
    #[must_use]
    pub const fn last(self) -> Pos {
        Pos(self.last)
    }

    /// How many; at least 1.
    #[must_use]
    pub const fn count(self) -> u32 {
        // Both ends lie in the range of i32, so only their distance + 1 over the whole of it would not fit.
        self.first.abs_diff(self.last).saturating_add(1)
    }

    /// True when `pos` is one of them.
    #[must_use]
    pub const fn contains(self, pos: Pos) -> bool {
        self.first <= pos.0 && pos.0 <= self.last
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => write!(f, "{}", self.first),
            2 => write!(f, "{}, {}", self.first, self.last),
            _ => write!(f, "{}–{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_positions_is_written_shortest() {
        let text = |first, last| Positions::new(Pos(first), Pos(last)).unwrap().to_string();
        assert_eq!(text(4, 4), "4");
        assert_eq!(text(10, 11), "10, 11");
        assert_eq!(text(9, 11), "9–11");
        assert_eq!(Positions::new(Pos(5), Pos(4)), None);
        assert_eq!(Positions::new(Pos(i32::MIN), Pos(i32::MAX)).unwrap().count(), u32::MAX);
    }
}
