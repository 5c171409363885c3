//! Rows as text: every output form of the packet table.
//!
//! ```text
//! Row ─► RowPrinter ─► Style ─┬─ table           for people            table.rs
//!                             ├─ details, bytes  -V and -x              details.rs, hexdump.rs
//!                             ├─ csv, tsv        for spreadsheets       csv.rs
//!                             ├─ json, ndjson    for programs           json.rs
//!                             └─ text            the reference's form   text.rs
//! ```
//!
//! A second thread may write some of the rows (two.rs). Printing never computes: what is said about a frame comes in with its
//! [`Row`]. Bytes of the capture reach no
//! output raw; [`escape`] says how they are written.

pub mod csv;
pub mod details;
pub mod escape;
mod hexdump;
mod info;
pub mod json;
mod kept;
mod number;
mod plain;
mod printer;
mod sink;
mod style;
pub mod table;
pub mod text;
mod time_format;
mod two;
mod words;

pub use time_format::{TimeFormat, TimeFormatError, TimeReference};

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use self::csv::{Delimited, Delimiter};
use self::details::Details;
use self::json::Json;
use self::printer::{Help, Printer};
use self::sink::Sink;
use self::table::Table;
use self::text::Text;
use crate::decode::row::Row;
use crate::time::Timestamp;

/// Writes rows in one output form. The writer gets blocks; it needs no buffer of its own.
pub trait RowPrinter {
    /// Prints one row.
    ///
    /// # Errors
    /// What the writer reports; a broken pipe among it, which is no failure of the job.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()>;

    /// Tells of a packet that no row is printed for. Relative times count from the first packet told of or
    /// printed, deltas (`-t d`) from the one with the next lower number.
    fn observe(&mut self, _packet: u64, _time: Timestamp) {}

    /// Brings every row printed so far to the writer's far end, as a live capture wants when it is quiet.
    ///
    /// # Errors
    /// What the writer reports.
    fn flush(&mut self) -> io::Result<()>;

    /// Completes the output and flushes it: after the last row, however the rows came to an end. A second call writes
    /// nothing.
    ///
    /// # Errors
    /// What the writer reports.
    fn finish(&mut self) -> io::Result<()>;
}

/// An output form of the packet table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// A table for people.
    #[default]
    Table,
    /// Comma-separated values, RFC 4180.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// As the reference decoder prints (PROTOCOL §7).
    Text,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 6] = [Self::Table, Self::Csv, Self::Tsv, Self::Json, Self::Ndjson, Self::Text];

    /// The name that chooses it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Text => "text",
        }
    }

    /// True for the forms that people read: the ones that times, colours, details and bytes apply to.
    #[must_use]
    pub const fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Text)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Form {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|form| form.as_str() == text).ok_or_else(|| FormError { found: text.to_owned() })
    }
}

/// A name that is no output form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no output form: use one of table, csv, tsv, json, ndjson, text", found.escape_debug())]
pub struct FormError {
    found: String,
}

/// When printed rows reach the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flushing {
    /// In blocks of about 64 KiB, and at the end.
    #[default]
    Block,
    /// After each row: a live capture, `-l`.
    Row,
}

/// How wide a table may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Width {
    /// As wide as its rows: every column, nothing cut.
    #[default]
    Full,
    /// A terminal's columns: the columns that fit, long text cut with `…`.
    Columns(u16),
}

/// Whether lines are coloured with terminal sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// No.
    #[default]
    Plain,
    /// Client and server frames are tinted, frames of note and faults stand out.
    Ansi,
}

/// Whether each frame is told in full (`-V`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// One row or, with bytes, one line.
    #[default]
    Summary,
    /// Every field with offset, bytes and meaning.
    Full,
}

/// Whether each frame's bytes are shown (`-x`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bytes {
    /// No.
    #[default]
    Hidden,
    /// In hex, in lines that break at field borders.
    Shown,
}

/// What a printer is told besides its form. All but `flushing` and `second_thread` is for people: [`Form::is_for_people`].
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// When rows reach the writer.
    pub flushing: Flushing,
    /// Room for the table.
    pub width: Width,
    /// Colour of the table.
    pub colour: Colour,
    /// The Time column.
    pub time: TimeFormat,
    /// `-V`: details take the table's place.
    pub detail: Detail,
    /// `-x`: the bytes follow each frame; the table becomes one line a frame.
    pub bytes: Bytes,
    /// Whether a second thread may write some of many rows. The text is the same; what the writer reports may come some rows
    /// later.
    pub second_thread: bool,
}

/// The printer of `form` into `out`.
pub fn printer<'w, W: Write + 'w>(form: Form, options: Options, out: W) -> Box<dyn RowPrinter + 'w> {
    let (flushing, second_thread) = (options.flushing, options.second_thread);
    let (sink, help) = (Sink::new(out, flushing), Help::new(second_thread && flushing == Flushing::Block));
    match form {
        Form::Table | Form::Text if options.detail == Detail::Full => Printer::boxed(Details::new(options), sink, help),
        Form::Table if options.bytes == Bytes::Shown => Printer::boxed(Details::new(options), sink, help),
        Form::Table => Printer::boxed(Table::new(options), sink, help),
        Form::Csv => Printer::boxed(Delimited { delimiter: Delimiter::Comma }, sink, help),
        Form::Tsv => Printer::boxed(Delimited { delimiter: Delimiter::Tab }, sink, help),
        Form::Json => Printer::boxed(Json::ARRAY, sink, help),
        Form::Ndjson => Printer::boxed(Json::LINES, sink, help),
        Form::Text => Printer::boxed(Text::new(&options), sink, help),
    }
}

#[cfg(test)]
mod tests;
