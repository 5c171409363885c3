//! What the rows look back to: the last copy of each recent position, the recent ACKs, the open gaps.
//! Bounded by the constants; what is forgotten only makes a row say less.

use std::collections::VecDeque;

use crate::decode::info::AckSeen;
use crate::time::Timestamp;
use crate::window::Positions;
use crate::wire::{Name, Pos};

/// Positions whose last copy is remembered, at most.
const MAX_COPIES: usize = 1 << 15;
/// The same, to begin with.
const FIRST_COPIES: usize = 64;
/// Advancing ACKs remembered.
const MAX_ACKS: usize = 256;
/// Gaps whose opening is remembered.
const MAX_OPENINGS: usize = 256;

/// The last copy of a position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) name: Name,
    pub(crate) pos: Pos,
    pub(crate) packet: u64,
    /// NaN where it was not captured.
    pub(crate) sent_time: f64,
    pub(crate) time: Option<Timestamp>,
    /// Copies seen.
    pub(crate) copies: u32,
    /// Of its payload, to tell copies that differ; 0 where none was asked for or the payload was not captured.
    pub(crate) fingerprint: u32,
}

/// A ring with a place for each position modulo its length. It doubles when a place holds a position still
/// outstanding, but not beyond twice the number of copies seen: what it takes is in proportion to what it was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Copies {
    places: Vec<Option<Written>>,
    seen: usize,
}

impl Copies {
    pub(crate) fn get(&self, pos: Pos) -> Option<&Written> {
        self.places.get(self.place(pos)?)?.as_ref().filter(|written| written.pos == pos)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Remembers the copy. `last_acked` tells which others are still outstanding.
    pub(crate) fn put(&mut self, copy: Written, last_acked: Pos) {
        self.seen = self.seen.saturating_add(1);
        if self.places.is_empty() {
            self.places.resize(FIRST_COPIES, None);
        }
        let outstanding = |other: &Written| other.pos != copy.pos && other.pos > last_acked;
        let taken = |ring: &Self| {
            ring.place(copy.pos).and_then(|i| ring.places.get(i)?.as_ref().filter(|w| outstanding(w)).copied())
        };
        while taken(self).is_some() && self.places.len() < MAX_COPIES && self.places.len() <= self.seen {
            self.double();
        }
        if let Some(place) = self.place(copy.pos).and_then(|i| self.places.get_mut(i)) {
            *place = Some(copy);
        }
    }

    fn double(&mut self) {
        let doubled = vec![None; self.places.len() * 2];
        for written in std::mem::replace(&mut self.places, doubled).into_iter().flatten() {
            // Places that differ modulo the length differ modulo its double.
            if let Some(place) = self.place(written.pos).and_then(|i| self.places.get_mut(i)) {
                *place = Some(written);
            }
        }
    }

    /// The length is a power of two.
    fn place(&self, pos: Pos) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        usize::try_from(pos.0).ok().map(|pos| pos & mask)
    }
}

/// The ACKs that advanced the window, ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acks {
    recent: VecDeque<(Pos, u64)>,
    /// Positions up to this one were first acknowledged longer ago.
    forgotten: Pos,
}

impl Acks {
    pub(crate) fn put(&mut self, number: Pos, packet: u64) {
        if self.recent.len() >= MAX_ACKS {
            self.forgotten = self.recent.pop_front().map_or(self.forgotten, |(number, _)| number);
        }
        self.recent.push_back((number, packet));
    }

    /// The first ACK seen that covers `pos`.
    pub(crate) fn covering(&self, pos: Pos) -> AckSeen {
        if pos <= self.forgotten {
            return AckSeen::LongAgo;
        }
        let index = self.recent.partition_point(|(number, _)| *number < pos);
        self.recent.get(index).map_or(AckSeen::No, |&(number, packet)| AckSeen::In { number, packet })
    }
}

/// The frame whose position opened a gap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) missing: Positions,
    pub(crate) packet: u64,
    /// NaN where it was not captured.
    pub(crate) sent_time: f64,
    pub(crate) time: Option<Timestamp>,
}

/// The gaps that are open, by the frames that opened them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Openings {
    /// Each with how many of its positions are still open.
    open: VecDeque<(Opening, u32)>,
}

impl Openings {
    pub(crate) fn put(&mut self, opening: Opening) {
        if self.open.len() >= MAX_OPENINGS {
            self.open.pop_front();
        }
        self.open.push_back((opening, opening.missing.count()));
    }

    /// The opening of the gap that `pos` lies in.
    pub(crate) fn of(&self, pos: Pos) -> Option<Opening> {
        self.open.iter().find(|(opening, _)| opening.missing.contains(pos)).map(|(opening, _)| *opening)
    }

    /// The opening of the gap that `pos` fills.
    pub(crate) fn fill(&mut self, pos: Pos) -> Option<Opening> {
        let index = self.open.iter().position(|(opening, _)| opening.missing.contains(pos))?;
        let (opening, left) = self.open.get_mut(index)?;
        let opening = *opening;
        *left -= 1;
        if *left == 0 {
            self.open.remove(index);
        }
        Some(opening)
    }
}
