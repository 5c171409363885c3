//! The report for people: short first.
//!
//! One connection: its verdict in a line, declared facts, what the capture has of it, findings, causes, what the capture
//! cannot tell, the exchange beside the rules, figures. Several: a table over all of them first, then the same of
//! those that need a look.

mod capture;
mod causes;
mod figures;
mod section;
mod sheet;

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::CellAlignment;

use super::{ConnectionRecord, Report, Totals};
use crate::analyze::Severity;
use crate::analyze::words::{self, count};
use crate::decode::framing::FramedConnection;
use crate::decode::print::Colour;
use crate::decode::print::escape::tame;
use sheet::{Sheet, severity_cell};

/// Connections that are told in full when there are several; all of them when there are no more.
const FULL: usize = 3;
/// Sections of connections with errors, beyond that.
const SECTIONS: usize = 10;
/// Rows of the table over all connections.
const ROWS: usize = 40;

/// How the text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns; 60 at least.
    pub width: u16,
    /// Colour of severities and outcomes.
    pub colour: Colour,
}

impl Default for Layout {
    /// 100 columns without colour: what a file or a pipe gets.
    fn default() -> Self {
        Self { width: 100, colour: Colour::Plain }
    }
}

/// The text report. Nothing is written before the end; what is held of a connection is a row and, for some, a section
/// of bounded length.
#[derive(Debug)]
pub struct Text<W> {
    out: W,
    layout: Layout,
    /// By how much a connection needs a look (most first), then its number.
    rows: BTreeMap<Place, Row>,
    sections: BTreeMap<Place, String>,
    left_out: u64,
}

/// Where a connection stands: the worst first.
type Place = (std::cmp::Reverse<Option<Severity>>, u32);

#[derive(Debug)]
struct Row {
    connection: u32,
    ends: String,
    frames: u64,
    resent: u64,
    gaps: u64,
    acks_lost: u64,
    worst: Option<Severity>,
    verdict: String,
}

impl<W: Write> Text<W> {
    /// A report that has written nothing yet.
    pub fn new(out: W, layout: Layout) -> Self {
        let layout = Layout { width: layout.width.clamp(60, 200), ..layout };
        Self { out, layout, rows: BTreeMap::new(), sections: BTreeMap::new(), left_out: 0 }
    }

    fn overview(&self, sheet: &mut Sheet) {
        let mut rows: Vec<&Row> = self.rows.values().collect();
        rows.sort_unstable_by_key(|row| row.connection);
        let mut table =
            sheet.table(&["", "Conn", "Client → server", "Frames", "Resent", "Gaps", "ACKs lost", "Verdict"]);
        for row in rows {
            let number = |n: u64| if n == 0 { "–".to_owned() } else { n.to_string() };
            table.row([
                severity_cell(row.worst).to_owned(),
                row.connection.to_string(),
                row.ends.clone(),
                row.frames.to_string(),
                number(row.resent),
                number(row.gaps),
                number(row.acks_lost),
                row.verdict.clone(),
            ]);
        }
        table.align(1, CellAlignment::Right);
        for column in 3..7 {
            table.align(column, CellAlignment::Right);
        }
        sheet.draw(table);
        if self.left_out > 0 {
            sheet.line(&format!(
                "… and {}, none of them worse; all are in --report json",
                count(self.left_out, "connection")
            ));
        }
    }
}

impl<W: Write> Report for Text<W> {
    fn connection(&mut self, _connection: &FramedConnection<'_>, record: &ConnectionRecord) -> io::Result<()> {
        let analysis = &record.analysis;
        let worst = analysis.verdict.worst;
        let place = (std::cmp::Reverse(worst), analysis.connection);
        let row = Row {
            connection: analysis.connection,
            ends: format!("{} → {}", analysis.client, analysis.server),
            frames: analysis.metrics.sums.frames,
            resent: analysis.metrics.sums.resent,
            gaps: analysis.metrics.sums.gaps,
            acks_lost: analysis.metrics.sums.acks_lost,
            worst,
            verdict: tame(&analysis.verdict.line),
        };
        self.rows.insert(place, row);
        if self.rows.len() > ROWS {
            self.rows.pop_last();
            self.left_out += 1;
        }
        self.sections.insert(place, section::section(record, self.layout));
        if self.sections.len() > SECTIONS {
            self.sections.pop_last();
        }
        Ok(())
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        let mut sheet = Sheet::new(self.layout);
        let shown = self.rows.len() as u64 + self.left_out;
        if shown > 1 {
            sheet.line(&overall(totals));
            sheet.gap();
            self.overview(&mut sheet);
        }
        let full = shown <= FULL as u64;
        let mut sections: Vec<(u32, &String)> = self
            .sections
            .iter()
            .filter(|((worst, _), _)| full || worst.0 == Some(Severity::Error))
            .map(|((_, connection), text)| (*connection, text))
            .collect();
        sections.sort_unstable_by_key(|(connection, _)| *connection);
        for (i, (_, text)) in sections.iter().enumerate() {
            if shown > 1 || i > 0 {
                sheet.gap();
            }
            sheet.text(text);
        }
        if !full {
            sheet.gap();
            sheet.line(&match sections.len() {
                0 => "No connection has an error; --report json tells each in full.".to_owned(),
                n => format!("Told in full: {} with errors; --report json tells each.", count(n as u64, "connection")),
            });
        }
        for words in &totals.unmatched {
            sheet.line(&format!("FAIL  declared facts: {words}"));
        }
        if totals.connections_dropped > 0 {
            sheet.line(&format!(
                "{} beyond the limit of --max-connections are in no report but ndjson; they are counted.",
                count(totals.connections_dropped, "connection")
            ));
        }
        if shown == 0 && totals.connections_dropped == 0 && totals.files.iter().any(|file| file.packets.is_some()) {
            sheet.line("No connection of the protocol.");
        }
        self.out.write_all(sheet.finish().as_bytes())?;
        self.out.flush()
    }
}

/// The line over a run of several connections.
fn overall(totals: &Totals) -> String {
    let [complete, incomplete, cannot_tell] = totals.complete;
    let mut parts = vec![format!("{complete} complete")];
    if incomplete > 0 {
        parts.push(format!("{incomplete} incomplete"));
    }
    if cannot_tell > 0 {
        parts.push(format!("{cannot_tell} cannot be told"));
    }
    let mut line = format!("{}: {}", count(totals.connections, "connection"), parts.join(", "));
    let found: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .map(|severity| (severity, totals.counts.of(severity)))
        .filter(|(severity, n)| *n > 0 && *severity != Severity::Chat)
        .map(|(severity, n)| count(n, words::severity(severity)))
        .collect();
    if !found.is_empty() {
        line.push_str(&format!("; {}", found.join(", ")));
    }
    if let Some([met, failed, untold]) = totals.expectations {
        line.push_str(&format!("; declared facts: {met} met, {failed} failed, {untold} cannot be told"));
    }
    line
}

#[cfg(test)]
mod tests;
