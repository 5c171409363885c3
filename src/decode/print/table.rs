//! The packet table for people.
//!
//! comfy-table lays a whole table out at once, at some microseconds and kilobytes a row. So it draws a first
//! block of rows, which settles the columns and their widths; every later row is written straight away in the
//! same style. A number that outgrows its column is never cut: it pushes the rest of its line, and the column
//! is that much wider from there on.
//!
//! In a terminal's width, columns that say least are left out until Payload and Info have room, and those two
//! are cut with `…`. At full width nothing is left out or cut.

mod arrange;
mod cells;
mod tint;

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, presets};
use unicode_width::UnicodeWidthStr;

use super::sink::Sink;
use super::style::Style;
use super::time_format::Clock;
use super::{Colour, Flushing, Options, Width};
use crate::decode::row::Row;
use crate::time::Timestamp;
use arrange::{Arrangement, Extent};
use cells::{Align, COLUMNS, Cells};
use tint::Tint;

/// Rows of the first block.
const BLOCK_ROWS: usize = 1000;

/// Rows of the first block that comfy-table draws; the rest is written as later rows are, in a twentieth of the time.
const DRAWN_ROWS: usize = 16;

/// Tables no wider than this may be written by two threads, of which each keeps some blocks of rows in full width.
const FORESEEN_WIDTH: usize = 1024;

/// Text that the first block may hold; reached before [`BLOCK_ROWS`] only with very long payloads.
const BLOCK_BYTES: usize = 256 * 1024;

/// Rows as a table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    colour: Colour,
    width: Width,
    clock: Clock,
    state: State,
    /// Room for the next row.
    spare: Cells,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let Self { colour, width, clock, state, spare: _ } = self;
        *colour == other.colour && *width == other.width && *clock == other.clock && *state == other.state
    }
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Rows gather for the first block.
    Block { rows: Vec<Cells>, bytes: usize },
    /// The block is drawn; rows follow in its arrangement.
    Rows(Arrangement),
    /// The bottom border is drawn.
    Finished,
}

impl Table {
    /// Of `options`, detail and bytes do not apply.
    pub(super) fn new(options: Options) -> Self {
        Self {
            colour: options.colour,
            width: options.width,
            clock: Clock::new(options.time),
            state: State::Block { rows: Vec::with_capacity(BLOCK_ROWS), bytes: 0 },
            spare: Cells::default(),
        }
    }

    /// Draws the first block with comfy-table and goes on in its arrangement.
    fn draw_block<W: Write>(&mut self, extent: Extent, sink: &mut Sink<W>) -> io::Result<()> {
        let State::Block { rows, .. } = &mut self.state else { return Ok(()) };
        let mut rows = std::mem::take(rows);
        if self.clock.has_widened() {
            for row in &mut rows {
                row.widen_time(self.clock.digits());
            }
        }
        let mut arrangement = Arrangement::new(&rows, self.width, extent);
        let columns = arrangement.columns();
        let mut table = comfy_table::Table::new();
        // Nothing between cells leaves the most room for text; the borders are drawn here, since the bottom
        // one comes when the last row is known.
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let padded = |text: &str, width: usize| {
            // comfy-table sizes a column by its content; the title carries the settled width.
            format!("{text}{:pad$}", "", pad = width.saturating_sub(text.width()))
        };
        table.set_header(columns.iter().map(|(column, width)| match COLUMNS[*column].align {
            Align::Left => padded(COLUMNS[*column].title, *width),
            Align::Right => format!("{:>width$}", COLUMNS[*column].title),
        }));
        let mut text = Vec::new();
        let (drawn, written) = rows.split_at(rows.len().min(DRAWN_ROWS));
        for row in drawn {
            table.add_row(columns.iter().map(|(column, _)| {
                text.clear();
                arrangement.write_text(&mut text, *column, row.text(*column));
                Cell::new(String::from_utf8_lossy(&text))
            }));
        }
        for ((column, _), styled) in columns.iter().zip(table.column_iter_mut()) {
            styled.set_padding(arrangement.padding());
            styled.set_cell_alignment(match COLUMNS[*column].align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        let out = sink.buffer();
        arrangement.write_border(out, '─');
        // The titles, then one line for each row, since no cell holds a line break or is wider than its column.
        let colour = self.colour;
        let tint_of = |row: &Cells| Some(row.tint()).filter(|_| colour == Colour::Ansi);
        let tints = drawn.iter().map(tint_of);
        for (i, (line, tint)) in table.lines().zip(std::iter::once(None).chain(tints)).enumerate() {
            write_tinted(out, tint, |out| out.extend_from_slice(line.trim_end().as_bytes()));
            if i == 0 {
                arrangement.write_border(out, '═');
            }
        }
        let mut handed_on = Ok(());
        for row in written {
            write_tinted(sink.buffer(), tint_of(row), |out| arrangement.write_row(out, row));
            handed_on = sink.relieve();
            if handed_on.is_err() {
                break;
            }
        }
        if rows.is_empty() {
            sink.buffer().extend_from_slice(b" No frames to show.\n");
        }
        self.state = State::Rows(arrangement);
        handed_on
    }
}

impl Style for Table {
    fn row<W: Write>(&mut self, row: &Row<'_>, sink: &mut Sink<W>) -> io::Result<()> {
        self.spare.fill(row, &mut self.clock);
        let cells = &self.spare;
        match &mut self.state {
            State::Block { rows, bytes } => {
                *bytes += cells.len();
                // As large as its text, which growing would not be.
                rows.push(cells.clone());
                let full = rows.len() >= BLOCK_ROWS || *bytes >= BLOCK_BYTES;
                if full || sink.flushing() == Flushing::Row {
                    self.draw_block(Extent::MoreMayCome, sink)?;
                }
            }
            State::Rows(arrangement) => {
                let tint = Some(cells.tint()).filter(|_| self.colour == Colour::Ansi);
                write_tinted(sink.buffer(), tint, |out| arrangement.write_row(out, cells));
            }
            State::Finished => {}
        }
        Ok(())
    }

    fn observe(&mut self, packet: u64, time: Timestamp) {
        self.clock.observe(packet, time);
    }

    /// Rows of an unfinished first block are drawn, which settles the widths; without any, nothing is.
    fn pause<W: Write>(&mut self, sink: &mut Sink<W>) -> io::Result<()> {
        match &self.state {
            State::Block { rows, .. } if !rows.is_empty() => self.draw_block(Extent::MoreMayCome, sink),
            _ => Ok(()),
        }
    }

    fn finish<W: Write>(&mut self, sink: &mut Sink<W>) -> io::Result<()> {
        self.draw_block(Extent::Whole, sink)?;
        if let State::Rows(arrangement) = &self.state {
            arrangement.write_border(sink.buffer(), '─');
            self.state = State::Finished;
        }
        Ok(())
    }

    fn can_be_foreseen(&self) -> bool {
        match &self.state {
            State::Rows(arrangement) => arrangement.total_width() <= FORESEEN_WIDTH && self.clock.can_be_foreseen(),
            State::Block { .. } | State::Finished => false,
        }
    }
}

fn write_tinted(out: &mut Vec<u8>, tint: Option<Tint>, line: impl FnOnce(&mut Vec<u8>)) {
    let sequence = tint.map_or("", Tint::sequence);
    out.extend_from_slice(sequence.as_bytes());
    line(out);
    if !sequence.is_empty() {
        out.extend_from_slice(tint::RESET.as_bytes());
    }
    out.push(b'\n');
}
