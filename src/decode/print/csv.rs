//! Delimited text for spreadsheets and scripts: CSV (RFC 4180, line feeds) and TSV.
//!
//! A header row with the names of [`COLUMNS`], also when no row follows; a value that is not known is an
//! empty cell. The text columns (header, payload, info) hold [escaped](super::escape) text, so no cell ever
//! holds a line break or a tab.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` (or their full-width forms) for a
//! formula, and what stands there was chosen by a stranger. So that character is written as an escape there
//! (`=1+1` becomes `\x3d1+1`), which turns back like any other. In TSV, which knows no quotes, the same is done
//! to a leading `"`, which many readers would take for one.

use std::io::{self, Write};

use super::escape::{Origin, Quoting, is_plain, write_escaped, write_plain};
use super::info::write_common_info;
use super::number::{write_epoch, write_integer, write_shortest};
use super::plain::{Lines, Pen, PlainName, PlainRow};
use super::sink::Sink;
use super::words::{write_name, write_side};
use super::{Flushing, RowPrinter};
use crate::decode::row::{COLUMNS, Row};
use crate::wire::Side;

/// What stands between cells, and how a cell that holds it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// CSV: cells with a comma or a quote are quoted.
    Comma,
    /// TSV: tabs in cells are escaped.
    Tab,
}

impl Delimiter {
    const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Tab => b'\t',
        }
    }
}

/// Prints rows as CSV or TSV.
#[derive(Debug)]
pub struct Delimited<W> {
    sink: Sink<W>,
    delimiter: Delimiter,
    lines: Lines,
    info: String,
}

impl<W: Write> Delimited<W> {
    /// A printer that has already written the header row (to its buffer).
    pub fn new(out: W, delimiter: Delimiter, flushing: Flushing) -> Self {
        let mut sink = Sink::new(out, flushing);
        for (i, name) in COLUMNS.iter().enumerate() {
            if i > 0 {
                sink.buffer.push(delimiter.byte());
            }
            sink.buffer.extend_from_slice(name.as_bytes());
        }
        sink.buffer.push(b'\n');
        Self { sink, delimiter, lines: Lines::new(), info: String::new() }
    }
}

impl<W: Write> RowPrinter for Delimited<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match PlainRow::of(row) {
            Some(plain) => self.lines.lay(|pen| lay_row(pen, &plain, self.delimiter)),
            None => {
                self.lines.hand_on(&mut self.sink.buffer);
                write_row(&mut self.sink.buffer, row, self.delimiter, &mut self.info);
            }
        }
        if self.lines.are_full() || self.sink.flushing() == Flushing::Row {
            self.lines.hand_on(&mut self.sink.buffer);
        }
        self.sink.end_row()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.hand_on(&mut self.sink.buffer);
        self.sink.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}

/// The short way.
#[inline(always)] // one call for each row
pub(super) fn lay_row(pen: &mut Pen<'_>, row: &PlainRow<'_>, delimiter: Delimiter) {
    let between = delimiter.byte();
    pen.digits(row.packet);
    pen.put(&[between]);
    pen.time(row.time);
    pen.put(&[between]);
    pen.digits(row.connection);
    pen.put(&[between]);
    match row.from {
        Side::Client => pen.put(b"client"),
        Side::Server => pen.put(b"server"),
    }
    pen.put(&[between]);
    match row.name {
        PlainName::Msg => pen.put(b"MSG"),
        PlainName::Ack => pen.put(b"ACK"),
    }
    pen.put(&[between]);
    pen.digits(row.pos);
    pen.put(&[between]);
    pen.text(row.payload);
    pen.put(&[between]);
    pen.digits(row.seq);
    pen.put(&[between]);
    pen.shortest(row.sent_time);
    pen.put(&[between]);
    pen.digits(row.ack);
    pen.put(&[between]);
    pen.digits(row.prev_seq);
    pen.put(&[between]);
    pen.digits(row.in_flight);
    pen.put(&[between]);
    pen.info(row.info.as_ref());
    pen.put(b"\n");
}

/// The way for every row; `info` is room for a text.
pub(super) fn write_row(out: &mut Vec<u8>, row: &Row<'_>, delimiter: Delimiter, info: &mut String) {
    let between = delimiter.byte();
    write_integer(out, row.packet);
    out.push(between);
    if let Some(time) = row.time {
        write_epoch(out, time);
    }
    out.push(between);
    write_integer(out, row.connection);
    out.push(between);
    write_side(out, row.from);
    out.push(between);
    match row.frame.name() {
        Some(name) => write_name(out, name),
        None => write_cell(out, row.frame.header_text().unwrap_or_default(), Origin::Wire, delimiter),
    }
    out.push(between);
    write_known(out, row.frame.pos().map(|pos| pos.0));
    out.push(between);
    write_cell(out, row.frame.payload().unwrap_or_default(), Origin::Wire, delimiter);
    out.push(between);
    write_known(out, row.frame.seq());
    out.push(between);
    if let Some(sent) = row.frame.sent_time().filter(|sent| sent.is_finite()) {
        write_shortest(out, sent);
    }
    out.push(between);
    write_known(out, row.frame.ack());
    out.push(between);
    write_known(out, row.frame.prev_seq());
    out.push(between);
    write_known(out, row.in_flight);
    out.push(between);
    if !write_common_info(out, &row.info) {
        info.clear();
        row.info.append(info);
        write_cell(out, info.as_bytes(), Origin::Ours, delimiter);
    }
    out.push(b'\n');
}

fn write_known(out: &mut Vec<u8>, value: Option<impl itoa::Integer + Copy + TryInto<u32>>) {
    if let Some(value) = value {
        write_integer(out, value);
    }
}

fn write_cell(out: &mut Vec<u8>, text: &[u8], origin: Origin, delimiter: Delimiter) {
    // What nearly every cell holds. A formula's first character is none of these.
    if text.first().is_none_or(u8::is_ascii_alphanumeric) && is_plain(text, b',') {
        write_plain(out, text);
        return;
    }
    let quoted = delimiter == Delimiter::Comma && memchr::memchr2(b',', b'"', text).is_some();
    if quoted {
        out.push(b'"');
    }
    let rest = write_guarded_start(out, text, delimiter);
    write_escaped(out, rest, origin, if quoted { Quoting::Csv } else { Quoting::Plain });
    if quoted {
        out.push(b'"');
    }
}

/// Escapes a first character that a reader of cells would act on; returns what is left of `text`.
fn write_guarded_start<'a>(out: &mut Vec<u8>, text: &'a [u8], delimiter: Delimiter) -> &'a [u8] {
    let escape: &[u8] = match text {
        [b'=', ..] => br"\x3d",
        [b'+', ..] => br"\x2b",
        [b'-', ..] => br"\x2d",
        [b'@', ..] => br"\x40",
        [b'"', ..] if delimiter == Delimiter::Tab => br"\x22",
        [0xef, 0xbc, 0x9d, rest @ ..] => {
            out.extend_from_slice(br"\u{ff1d}");
            return rest;
        }
        [0xef, 0xbc, 0x8b, rest @ ..] => {
            out.extend_from_slice(br"\u{ff0b}");
            return rest;
        }
        [0xef, 0xbc, 0x8d, rest @ ..] => {
            out.extend_from_slice(br"\u{ff0d}");
            return rest;
        }
        [0xef, 0xbc, 0xa0, rest @ ..] => {
            out.extend_from_slice(br"\u{ff20}");
            return rest;
        }
        _ => return text,
    };
    out.extend_from_slice(escape);
    text.get(1..).unwrap_or_default()
}
