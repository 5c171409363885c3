//! Text in columns: lines, and tables of comfy-table without borders.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::Layout;
use crate::analyze::Severity;
use crate::decode::print::Colour;

const RESET: &str = "\x1b[0m";

/// Words at the start of a table's line that are coloured.
const TINTED: [(&str, &str); 7] = [
    ("error", "\x1b[1;31m"),
    ("warn", "\x1b[33m"),
    ("note", "\x1b[36m"),
    ("chat", "\x1b[2m"),
    ("pass", "\x1b[32m"),
    ("FAIL", "\x1b[1;31m"),
    ("?", "\x1b[33m"),
];

/// Text that grows line by line.
#[derive(Debug)]
pub(super) struct Sheet {
    layout: Layout,
    text: String,
}

/// A table that will be drawn.
#[derive(Debug)]
pub(super) struct Columns {
    table: Table,
}

/// How the first column of a table shows a severity.
pub(super) const fn severity_cell(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(severity) => severity.as_str(),
        None => "ok",
    }
}

impl Columns {
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.table.add_row(cells.map(Cell::new));
    }

    pub(super) fn align(&mut self, column: usize, alignment: CellAlignment) {
        if let Some(column) = self.table.column_mut(column) {
            column.set_cell_alignment(alignment);
        }
    }

    /// Never wraps this column.
    pub(super) fn keep(&mut self, column: usize) {
        if let Some(column) = self.table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl Sheet {
    pub(super) const fn new(layout: Layout) -> Self {
        Self { layout, text: String::new() }
    }

    /// One line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Lines that were laid out before.
    pub(super) fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A title.
    pub(super) fn title(&mut self, title: &str) {
        self.gap();
        self.tinted("\x1b[1m", title);
        self.text.push('\n');
    }

    fn tinted(&mut self, sequence: &str, text: &str) {
        if self.layout.colour == Colour::Ansi {
            self.text.push_str(sequence);
            self.text.push_str(text);
            self.text.push_str(RESET);
        } else {
            self.text.push_str(text);
        }
    }

    /// A table with these titles; without any it has no head.
    pub(super) fn table(&self, titles: &[&str]) -> Columns {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(self.layout.width);
        if !titles.is_empty() {
            table.set_header(titles.iter().map(Cell::new));
        }
        Columns { table }
    }

    pub(super) fn draw(&mut self, columns: Columns) {
        for line in columns.table.lines() {
            let line = line.trim_end();
            let start = line.len() - line.trim_start().len();
            let word = line[start..].split(' ').next().unwrap_or_default();
            let tint = TINTED.iter().find(|(tinted, _)| *tinted == word && start == 1);
            match tint {
                Some((_, sequence)) => {
                    self.text.push_str(&line[..start]);
                    self.tinted(sequence, word);
                    self.text.push_str(&line[start + word.len()..]);
                }
                None => self.text.push_str(line),
            }
            self.text.push('\n');
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
