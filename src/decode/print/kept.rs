//! Rows that are written later, or elsewhere.

use std::io;
use std::ops::Range;

use crate::decode::Info;
use crate::decode::row::{CapturedFrame, Row};
use crate::time::Timestamp;
use crate::wire::{FrameLayout, FrameView, Name, Side};

/// Rows in a block: few enough to stay in the second-level cache with their text, and enough that handing them over is
/// nothing beside writing them.
const ROWS: usize = if cfg!(test) { 3 } else { 512 };

/// Bytes of frames in a block.
const BYTES: usize = 64 * 1024;

/// Bytes of frames that are kept at less cost than that of writing them, on average.
const SHORT: usize = if cfg!(test) { 60 } else { 2048 };

/// A block of rows with what they borrow.
#[derive(Debug, Default)]
pub(super) struct KeptRows {
    rows: Vec<Kept>,
    bytes: Vec<u8>,
    missing: Vec<Range<usize>>,
}

/// A row without what it borrows.
#[derive(Debug)]
struct Kept {
    packet: u64,
    first_packet: u64,
    time: Option<Timestamp>,
    offset: u64,
    in_flight: Option<u32>,
    connection: u32,
    from: Side,
    name: Option<Name>,
    layout: FrameLayout,
    /// Where its missing ranges end.
    missing: u32,
    info: Info,
}

impl KeptRows {
    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, row: &Row<'_>) {
        let Row { packet, first_packet, time, connection, from, offset, ref frame, in_flight, ref info } = *row;
        self.bytes.extend_from_slice(frame.view().bytes());
        if !frame.is_whole() {
            self.missing.extend_from_slice(frame.missing());
        }
        self.rows.push(Kept {
            packet,
            first_packet,
            time,
            offset,
            in_flight,
            connection,
            from,
            name: frame.name(),
            layout: frame.view().layout(),
            missing: self.missing.len() as u32,
            info: *info,
        });
    }

    /// True when there is room for no more.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.bytes.len() >= BYTES
    }

    /// True when keeping them cost little beside writing them.
    pub(super) fn are_short(&self) -> bool {
        self.bytes.len() <= SHORT * self.rows.len()
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.bytes.clear();
        self.missing.clear();
    }

    /// Hands the rows on in order, up to the first that is not taken.
    #[inline]
    pub(super) fn try_for_each(&self, mut take: impl FnMut(&Row<'_>) -> io::Result<()>) -> io::Result<()> {
        let (mut bytes, mut taken) = (self.bytes.as_slice(), 0);
        for kept in &self.rows {
            let Some((frame, rest)) = bytes.split_at_checked(kept.layout.len()) else { break };
            let Some(view) = FrameView::new(frame, kept.layout) else { break };
            let missing = self.missing.get(taken..kept.missing as usize).unwrap_or_default();
            let Kept { packet, first_packet, time, offset, in_flight, connection, from, name, info, .. } = *kept;
            let frame = CapturedFrame::known(view, missing, name);
            take(&Row { packet, first_packet, time, connection, from, offset, frame, in_flight, info })?;
            bytes = rest;
            taken = kept.missing as usize;
        }
        Ok(())
    }
}
