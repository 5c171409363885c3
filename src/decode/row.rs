//! One row of the packet table, before any output form.

use std::ops::Range;

use super::Info;
use crate::time::Timestamp;
use crate::wire::{Field, FrameView, Name, Pos, Side};

/// A frame as far as the capture has its bytes. What a hole took reads as `None`, never as zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapturedFrame<'a> {
    view: FrameView<'a>,
    missing: &'a [Range<usize>],
    /// Everybody asks for it.
    name: Option<Name>,
}

impl<'a> CapturedFrame<'a> {
    /// A frame with every byte.
    #[must_use]
    #[inline]
    pub fn whole(view: FrameView<'a>) -> Self {
        Self { view, missing: &[], name: view.name() }
    }

    /// A frame with every byte, whose name was read before.
    #[inline]
    pub(super) const fn named(view: FrameView<'a>, name: Name) -> Self {
        Self { view, missing: &[], name: Some(name) }
    }

    /// A frame of which all is known: [`missing`](Self::missing) and [`name`](Self::name) of one with the same bytes.
    #[inline]
    pub(super) const fn known(view: FrameView<'a>, missing: &'a [Range<usize>], name: Option<Name>) -> Self {
        Self { view, missing, name }
    }

    /// A frame of which the byte ranges `missing` (ascending, within the frame) were not captured and
    /// read as zero in `view`.
    #[must_use]
    pub fn partial(view: FrameView<'a>, missing: &'a [Range<usize>]) -> Self {
        let mut frame = Self { view, missing, name: None };
        frame.name = frame.has(Field::Header).then(|| view.name()).flatten();
        frame
    }

    /// The bytes with their layout; zero where not captured.
    #[must_use]
    pub const fn view(&self) -> FrameView<'a> {
        self.view
    }

    /// The ranges that were not captured; empty for a whole frame.
    #[must_use]
    pub const fn missing(&self) -> &'a [Range<usize>] {
        self.missing
    }

    /// True when every byte was captured.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// True when every byte of `field` was captured.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.is_whole()
            || self
                .view
                .layout()
                .fields()
                .filter(|(f, _)| *f == field)
                .all(|(_, range)| self.missing.iter().all(|m| m.end <= range.start || range.end <= m.start))
    }

    /// The name, when it was captured and is known.
    #[must_use]
    pub const fn name(&self) -> Option<Name> {
        self.name
    }

    /// The header text, when captured.
    #[must_use]
    pub fn header_text(&self) -> Option<&'a [u8]> {
        self.has(Field::Header).then(|| self.view.header_text())
    }

    /// The payload without padding, when captured.
    #[must_use]
    pub fn payload(&self) -> Option<&'a [u8]> {
        self.has(Field::Payload).then(|| self.view.payload())
    }

    /// seq, when captured.
    #[must_use]
    pub fn seq(&self) -> Option<i32> {
        self.has(Field::Seq).then(|| self.view.seq())
    }

    /// sent_time, when captured.
    #[must_use]
    pub fn sent_time(&self) -> Option<f64> {
        self.has(Field::SentTime).then(|| self.view.sent_time())
    }

    /// The ack byte, when captured.
    #[must_use]
    pub fn ack(&self) -> Option<u8> {
        self.has(Field::Ack).then(|| self.view.ack())
    }

    /// prev_seq, when captured.
    #[must_use]
    pub fn prev_seq(&self) -> Option<i32> {
        self.has(Field::PrevSeq).then(|| self.view.prev_seq())
    }

    /// pos, when captured.
    #[must_use]
    pub fn pos(&self) -> Option<Pos> {
        self.has(Field::Pos).then(|| self.view.pos())
    }

    /// Bytes captured.
    #[must_use]
    pub fn captured_len(&self) -> usize {
        self.view.bytes().len() - self.missing.iter().map(ExactSizeIterator::len).sum::<usize>()
    }
}

/// One row of the packet table. The machine names of its columns, in order, are [`COLUMNS`].
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The packet that carried the frame's last-captured byte.
    pub packet: u64,
    /// The first packet that carried a byte of the frame; differs from `packet` when the frame was split.
    pub first_packet: u64,
    /// Capture time of `packet`.
    pub time: Option<Timestamp>,
    /// The TCP connection, numbered from 0 in order of first packet over every connection of the run.
    pub connection: u32,
    /// Who sent it.
    pub from: Side,
    /// TCP stream offset of the frame's first byte: bytes since the first data byte of this direction
    /// (since the first captured byte where the start is missing).
    pub offset: u64,
    /// The frame.
    pub frame: CapturedFrame<'a>,
    /// Positions outstanding after this frame: highest position written minus the last one acknowledged;
    /// `None` while the capture has shown no ACK to count from.
    pub in_flight: Option<u32>,
    /// What is known about it.
    pub info: Info,
}

/// The machine names of a row's columns, in order: CSV header and JSON keys.
pub const COLUMNS: [&str; 13] = [
    "packet",
    "time",
    "connection",
    "from",
    "header",
    "pos",
    "payload",
    "seq",
    "sent_time",
    "ack",
    "prev_seq",
    "in_flight",
    "info",
];
