//! What waits in one direction behind an open hole, and what is known about holes.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::time::Timestamp;

/// Holes remembered after they were given up, newest kept: bytes that come for them later are late, not repeated.
const LOST_HOLES: usize = 64;
/// What a piece costs besides its bytes, about: tree node, box and allocator.
const PIECE_OVERHEAD: usize = 64;

/// Captured bytes that cannot be delivered yet.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Box<[u8]>,
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
}

/// Bytes that a packet announced and the capture cut off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
}

/// The pieces, cuts and lost holes of one direction, by position.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// By first position; pieces do not overlap, the first copy of a byte stays.
    held: BTreeMap<u64, Piece>,
    held_bytes: usize,
    /// In order of start; may overlap each other and pieces.
    cuts: Vec<Cut>,
    /// Holes given up, in order.
    lost: VecDeque<Range<u64>>,
    /// What the account over all connections was last told that this costs.
    pub(super) charged: usize,
    pub(super) deadline: Option<Deadline>,
}

/// The other side has acknowledged everything before `goal`; after `packets` more, holes before it are given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) goal: u64,
    pub(super) packets: u16,
}

impl Backlog {
    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
        self.cuts.clear();
    }

    /// True when nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.cuts.is_empty()
    }

    /// True when there is nothing to remember either.
    pub(super) fn is_empty(&self) -> bool {
        self.is_idle() && self.lost.is_empty()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Pieces and cuts, whichever are more.
    pub(super) fn held_segments(&self) -> usize {
        self.held.len().max(self.cuts.len())
    }

    /// What all of it costs, against the limit over all connections.
    pub(super) fn cost(&self) -> usize {
        self.held_bytes + (self.held.len() + self.cuts.len()) * PIECE_OVERHEAD
    }

    /// Bytes that wait, captured or cut off.
    pub(super) fn waiting_bytes(&self) -> usize {
        let cut: u64 = self.cuts.iter().map(|cut| cut.end - cut.start).sum();
        self.held_bytes.saturating_add(usize::try_from(cut).unwrap_or(usize::MAX))
    }

    /// The first position that data was announced for.
    pub(super) fn lowest(&self) -> Option<u64> {
        let held = self.first_held();
        let cut = self.cuts.first().map(|cut| cut.start);
        held.into_iter().chain(cut).min()
    }

    pub(super) fn first_held(&self) -> Option<u64> {
        self.held.first_key_value().map(|(position, _)| *position)
    }

    /// The packet that brought the piece at `position`, and its time.
    pub(super) fn brought_by(&self, position: u64) -> Option<(u64, Option<Timestamp>)> {
        self.held.get(&position).map(|piece| (piece.packet, piece.time))
    }

    /// The first position after every cut; 0 without cuts.
    pub(super) fn cuts_end(&self) -> u64 {
        self.cuts.iter().map(|cut| cut.end).max().unwrap_or(0)
    }

    /// The highest end of a cut that is at most `position`.
    pub(super) fn cut_up_to(&self, position: u64) -> Option<u64> {
        self.cuts.iter().map(|cut| cut.end).filter(|end| *end <= position).max()
    }

    /// The end of the piece that holds `position`, or else the start of the next piece after it.
    pub(super) fn at(&self, position: u64) -> Slot {
        if let Some((start, piece)) = self.held.range(..=position).next_back() {
            let end = start + piece.bytes.len() as u64;
            if position < end {
                return Slot::HeldUntil(end);
            }
        }
        Slot::FreeUntil(self.held.range(position..).next().map_or(u64::MAX, |(start, _)| *start))
    }

    /// Keeps a piece; its place is free.
    pub(super) fn hold(&mut self, position: u64, piece: Piece) {
        self.held_bytes += piece.bytes.len();
        self.held.insert(position, piece);
    }

    /// Takes the piece that begins at `position`.
    pub(super) fn take(&mut self, position: u64) -> Option<Piece> {
        let piece = self.held.remove(&position)?;
        self.held_bytes -= piece.bytes.len();
        Some(piece)
    }

    pub(super) fn cut(&mut self, cut: Cut) {
        let at = self.cuts.partition_point(|other| other.start <= cut.start);
        self.cuts.insert(at, cut);
    }

    /// The first cut that covers a position of `hole`.
    pub(super) fn cut_within(&self, hole: &Range<u64>) -> Option<Cut> {
        self.cuts.iter().find(|cut| cut.start < hole.end && hole.start < cut.end).copied()
    }

    /// Forgets cuts that lie before `position`.
    pub(super) fn passed(&mut self, position: u64) {
        self.cuts.retain(|cut| position < cut.end);
    }

    /// Remembers a hole that was given up.
    pub(super) fn lose(&mut self, hole: Range<u64>) {
        if hole.is_empty() {
            return;
        }
        match self.lost.back_mut() {
            Some(last) if last.end == hole.start => last.end = hole.end,
            _ => self.lost.push_back(hole),
        }
        if self.lost.len() > LOST_HOLES {
            self.lost.pop_front();
        }
    }

    /// Forgets the first part of a lost hole that lies in `range`, and returns it.
    pub(super) fn find_lost(&mut self, range: &Range<u64>) -> Option<Range<u64>> {
        let at = self.lost.iter().position(|hole| hole.start < range.end && range.start < hole.end)?;
        let hole = self.lost.remove(at)?;
        let found = hole.start.max(range.start)..hole.end.min(range.end);
        let rest = [hole.start..found.start, found.end..hole.end];
        for (n, part) in rest.into_iter().filter(|part| !part.is_empty()).enumerate() {
            self.lost.insert(at + n, part);
        }
        while self.lost.len() > LOST_HOLES {
            self.lost.pop_front();
        }
        Some(found)
    }

    /// Bytes of a copy at `position` that differ from held ones: the first one's position and how many.
    pub(super) fn difference(&self, position: u64, bytes: &[u8]) -> Option<(u64, u64)> {
        let end = position + bytes.len() as u64;
        let mut found: Option<(u64, u64)> = None;
        let before = self.held.range(..position).next_back();
        for (start, piece) in before.into_iter().chain(self.held.range(position..end)) {
            let piece_end = start + piece.bytes.len() as u64;
            let (from, to) = (position.max(*start), end.min(piece_end));
            for at in from..to {
                if bytes[(at - position) as usize] != piece.bytes[(at - start) as usize] {
                    let (first, count) = found.unwrap_or((at, 0));
                    found = Some((first, count + 1));
                }
            }
        }
        found
    }
}

/// What stands at a position of a [`Backlog`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// A piece, which ends here.
    HeldUntil(u64),
    /// No piece; the next one begins here.
    FreeUntil(u64),
}
