//! A row as the texts of its table cells.

use unicode_width::UnicodeWidthStr;

use super::super::escape::{Origin, Quoting, write_escaped};
use super::super::info::write_common_info;
use super::super::number::{write_integer, write_python_float};
use super::super::time_format::Clock;
use super::super::words::{write_name, write_side};
use super::tint::Tint;
use crate::decode::row::Row;

/// Indices into [`COLUMNS`] and into the cells of a row.
pub(super) const PACKET: usize = 0;
pub(super) const TIME: usize = 1;
pub(super) const CONNECTION: usize = 2;
pub(super) const FROM: usize = 3;
pub(super) const HEADER: usize = 4;
pub(super) const POS: usize = 5;
pub(super) const PAYLOAD: usize = 6;
pub(super) const SEQ: usize = 7;
pub(super) const SENT_TIME: usize = 8;
pub(super) const ACK: usize = 9;
pub(super) const PREV_SEQ: usize = 10;
pub(super) const IN_FLIGHT: usize = 11;
pub(super) const INFO: usize = 12;

/// A column of the table.
#[derive(Debug)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    pub(super) align: Align,
    /// Least width while more rows may come: room for what usually does.
    pub(super) room: usize,
}

/// Which side of a column its texts keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

const fn left(title: &'static str, room: usize) -> Column {
    Column { title, align: Align::Left, room }
}

const fn right(title: &'static str, room: usize) -> Column {
    Column { title, align: Align::Right, room }
}

/// The columns, in the order of [`crate::decode::row::COLUMNS`]. Sent times keep left: they differ in the
/// number of decimals, and so their points stand in line.
pub(super) const COLUMNS: [Column; 13] = [
    right("No.", 5),
    right("Time", 9),
    right("Conn", 4),
    left("From", 6),
    left("Header", 10),
    right("Pos", 5),
    left("Payload", 10),
    right("Seq", 5),
    left("Sent time", 18),
    right("Ack", 3),
    right("Prev seq", 8),
    right("In flight", 9),
    left("Info", 4),
];

/// The cells of one row. A value that was not captured is `?`; one that does not exist is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cells {
    text: Vec<u8>,
    /// Whether a byte of the text is a column of the terminal.
    ascii: bool,
    /// Where each text ends; a table's first block keeps a thousand of these.
    ends: [u32; COLUMNS.len()],
    connection: u32,
    tint: Tint,
    info: String,
}

impl Cells {
    /// Makes these the cells of `row`.
    pub(super) fn fill(&mut self, row: &Row<'_>, clock: &mut Clock) {
        self.text.clear();
        self.connection = row.connection;
        self.tint = Tint::of(row);
        let Self { text: out, ends, info, .. } = self;
        let frame = &row.frame;
        write_integer(out, row.packet);
        ends[PACKET] = place(out.len());
        if let Some(time) = row.time {
            clock.write(out, row.packet, time);
        }
        ends[TIME] = place(out.len());
        write_integer(out, row.connection);
        ends[CONNECTION] = place(out.len());
        write_side(out, row.from);
        ends[FROM] = place(out.len());
        match frame.name() {
            Some(name) => write_name(out, name),
            None => write_captured(out, frame.header_text(), write_text),
        }
        ends[HEADER] = place(out.len());
        write_captured(out, frame.pos().map(|pos| pos.0), write_integer);
        ends[POS] = place(out.len());
        write_captured(out, frame.payload(), write_text);
        ends[PAYLOAD] = place(out.len());
        write_captured(out, frame.seq(), write_integer);
        ends[SEQ] = place(out.len());
        write_captured(out, frame.sent_time(), write_python_float);
        ends[SENT_TIME] = place(out.len());
        write_captured(out, frame.ack(), write_integer);
        ends[ACK] = place(out.len());
        write_captured(out, frame.prev_seq(), write_integer);
        ends[PREV_SEQ] = place(out.len());
        if let Some(count) = row.in_flight {
            write_integer(out, count);
        }
        ends[IN_FLIGHT] = place(out.len());
        if !write_common_info(out, &row.info) {
            info.clear();
            row.info.append(info);
            write_escaped(out, info.as_bytes(), Origin::Ours, Quoting::Plain);
        }
        ends[INFO] = place(out.len());
        self.ascii = self.text.is_ascii();
    }

    /// The text of a column.
    pub(super) fn text(&self, column: usize) -> &str {
        std::str::from_utf8(self.bytes(column)).unwrap_or_default()
    }

    /// The same as bytes.
    pub(super) fn bytes(&self, column: usize) -> &[u8] {
        let start = column.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(column).copied().unwrap_or(start);
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The columns of the terminal that the text of a column takes.
    pub(super) fn width(&self, column: usize) -> usize {
        if self.ascii { self.bytes(column).len() } else { display_width(self.text(column)) }
    }

    /// True when every character is as wide as its one byte.
    pub(super) const fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Bytes of all texts.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) const fn connection(&self) -> u32 {
        self.connection
    }

    pub(super) const fn tint(&self) -> Tint {
        self.tint
    }

    /// Brings a time that was written before nanoseconds turned up to `digits` decimals.
    pub(super) fn widen_time(&mut self, digits: u8) {
        let time = self.text(TIME);
        let Some((_, decimals)) = time.rsplit_once('.') else { return };
        let wanting = usize::from(digits).saturating_sub(decimals.len());
        let at = self.ends[TIME] as usize;
        self.text.splice(at..at, std::iter::repeat_n(b'0', wanting));
        for end in &mut self.ends[TIME..] {
            *end += place(wanting);
        }
    }
}

/// A place in a row's text, which is far below 4 GiB.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn write_captured<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => out.push(b'?'),
    }
}

fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    write_escaped(out, text, Origin::Wire, Quoting::Plain);
}

pub(super) fn display_width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}
