//! Positions below the highest that were not seen, as runs.

use super::Positions;

/// The most runs of unseen positions that a window tells apart, per connection. Beyond it the two lowest
/// become one run of which nothing is claimed, the positions between them included: a later copy of one of
/// them is [`Unclear`](super::Departure::Unclear). A [`RecvWindow`](super::RecvWindow) takes no package in
/// that would need a further run ([`NoRoom`](super::Arrival::NoRoom)).
pub const MAX_GAPS: usize = 1024;

/// Why a position was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unseen {
    /// Nothing is missing from what was observed, so it was never written.
    NeverWritten,
    /// It may have been written where nothing was observed.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    first: i32,
    last: i32,
    why: Unseen,
}

/// Runs in ascending order, disjoint.
#[derive(Debug, Clone, Default)]
pub(super) struct Gaps {
    runs: Vec<Gap>,
}

impl Gaps {
    pub(super) const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The lowest unseen position.
    pub(super) fn lowest(&self) -> Option<i32> {
        self.runs.first().map(|gap| gap.first)
    }

    /// Adds a run above every other.
    pub(super) fn push(&mut self, positions: Positions, why: Unseen) {
        let Positions { first, last } = positions;
        match self.runs.last_mut() {
            Some(top) if top.why == why && top.last.checked_add(1) == Some(first) => top.last = last,
            _ => {
                self.runs.push(Gap { first, last, why });
                self.keep_to_the_limit();
            }
        }
    }

    /// Why `pos` was not seen; `None` when it was.
    pub(super) fn get(&self, pos: i32) -> Option<Unseen> {
        self.find(pos).and_then(|i| self.runs.get(i)).map(|gap| gap.why)
    }

    /// True when taking `pos` would need one more run.
    pub(super) fn would_split(&self, pos: i32) -> bool {
        self.find(pos).and_then(|i| self.runs.get(i)).is_some_and(|gap| gap.first < pos && pos < gap.last)
    }

    /// Makes `pos` seen and returns why it was not; `None` when it already was.
    pub(super) fn take(&mut self, pos: i32) -> Option<Unseen> {
        let index = self.find(pos)?;
        let gap = self.runs.get_mut(index)?;
        let Gap { first, last, why } = *gap;
        if first == last {
            self.runs.remove(index);
        } else if pos == first {
            gap.first = pos + 1;
        } else if pos == last {
            gap.last = pos - 1;
        } else {
            gap.last = pos - 1;
            self.runs.insert(index + 1, Gap { first: pos + 1, last, why });
            self.keep_to_the_limit();
        }
        Some(why)
    }

    /// The lowest run, or part of one, of never-written positions above `below` and up to `last`.
    pub(super) fn never_written(&self, below: i32, last: i32) -> Option<Positions> {
        if self.runs.last().is_none_or(|top| top.last <= below) {
            return None;
        }
        let from = self.runs.partition_point(|gap| gap.last <= below);
        let gap = self
            .runs
            .iter()
            .skip(from)
            .take_while(|gap| gap.first <= last)
            .find(|gap| gap.why == Unseen::NeverWritten)?;
        Positions::run(gap.first.max(below.saturating_add(1)), gap.last.min(last))
    }

    /// The runs of never-written positions, ascending.
    pub(super) fn proved(&self) -> impl Iterator<Item = Positions> + '_ {
        self.runs
            .iter()
            .filter(|gap| gap.why == Unseen::NeverWritten)
            .filter_map(|gap| Positions::run(gap.first, gap.last))
    }

    /// From now on nothing is claimed of any of them.
    pub(super) fn forget_why(&mut self) {
        for gap in &mut self.runs {
            gap.why = Unseen::Unknown;
        }
    }

    fn find(&self, pos: i32) -> Option<usize> {
        let index = self.runs.partition_point(|gap| gap.last < pos);
        self.runs.get(index).is_some_and(|gap| gap.first <= pos).then_some(index)
    }

    fn keep_to_the_limit(&mut self) {
        if self.runs.len() > MAX_GAPS {
            let low = self.runs.remove(0);
            if let Some(next) = self.runs.first_mut() {
                *next = Gap { first: low.first, last: next.last, why: Unseen::Unknown };
            }
        }
    }
}
