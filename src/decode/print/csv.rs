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
use super::plain::{Pen, PlainName, PlainRow};
use super::sink::Sink;
use super::style::Style;
use super::words::{write_name, write_side};
use crate::decode::row::{COLUMNS, Row};
use crate::wire::Side;

/// What stands between cells, and how a cell that holds it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delimiter {
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

/// Rows as CSV or TSV.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delimited {
    pub(super) delimiter: Delimiter,
}

impl Style for Delimited {
    fn begin<W: Write>(&mut self, sink: &mut Sink<W>) {
        let out = sink.buffer();
        for (i, name) in COLUMNS.iter().enumerate() {
            if i > 0 {
                out.push(self.delimiter.byte());
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
    }

    #[inline(never)] // with all of its parts, which are not made again for each caller then
    fn row<W: Write>(&mut self, row: &Row<'_>, sink: &mut Sink<W>) -> io::Result<()> {
        match PlainRow::of(row) {
            Some(plain) => sink.lay(|pen| lay_row(pen, &plain, self.delimiter)),
            None => {
                let (out, info) = sink.buffer_and_scratch();
                write_row(out, row, self.delimiter, info);
            }
        }
        Ok(())
    }
}

/// The short way.
#[inline(always)] // as above
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
