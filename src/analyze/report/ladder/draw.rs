//! Rows as lines of 80 columns.
//!
//! ```text
//!    No.        Time  client                             server
//!     34   10.607392 │ MSG 9 ──────────────────────────► │ first copy, late
//! ```

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::rows::{Arrow, Fate, Fold, Kind, Row, Tone};
use crate::analyze::report::ConnectionRecord;
use crate::analyze::report::wrap::{cut, wrap};
use crate::analyze::words::count;
use crate::decode::print::Colour;
use crate::time::Timestamp;
use crate::wire::Side;

/// Columns between the lifelines.
const FIELD: usize = 34;
/// Columns for remarks, to the 80th.
const REMARK: usize = 25;
/// The most of a label.
const LABEL: usize = 20;

const RESET: &str = "\x1b[0m";

/// The lines of one ladder.
pub(super) struct Drawing {
    colour: Colour,
    origin: Option<Timestamp>,
    text: String,
}

impl Drawing {
    pub(super) const fn new(colour: Colour, origin: Option<Timestamp>) -> Self {
        Self { colour, origin, text: String::new() }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    pub(super) fn head(&mut self, record: &ConnectionRecord) {
        let analysis = &record.analysis;
        self.line(&format!("connection {}: {} → {}", analysis.connection, analysis.client, analysis.server));
        self.line(&format!("{:>5} {:>11}  {:<width$}server", "No.", "Time", "client", width = FIELD - 2));
    }

    pub(super) fn row(&mut self, row: &Row) {
        match &row.kind {
            Kind::Arrow(arrow) => self.arrow(row, arrow),
            Kind::Fold(fold) => self.line(&format!("{:18}⋮ {}", "", folded(fold))),
            Kind::Hole { from, len } => {
                let what = format!("╌ {} of the {from} not captured ╌", count(*len, "byte"));
                self.line(&format!("{:18}┊{what:^FIELD$}┊", ""));
            }
        }
    }

    fn arrow(&mut self, row: &Row, arrow: &Arrow) {
        let time = row.time.zip(self.origin).map(|(time, origin)| time.since(origin));
        let time = time.map_or_else(String::new, |nanos| format!("{:.6}", nanos as f64 / 1e9));
        let packet = row.packet.map_or_else(String::new, |packet| packet.to_string());
        // A rule's name stays beside its sign.
        let remark = arrow.remarks.join("; ").replace("! ", "!\u{a0}");
        let mut parts = wrap(&remark, REMARK).into_iter().map(|part| part.replace('\u{a0}', " "));
        let first = parts.next().unwrap_or_default();
        let line = format!("{packet:>5} {time:>11} │{}│ {first}", shaft(arrow));
        self.tinted(arrow.tone, line.trim_end());
        for part in parts {
            self.tinted(arrow.tone, &format!("{:18}│{:FIELD$}│ {part}", "", ""));
        }
    }

    fn tinted(&mut self, tone: Tone, line: &str) {
        let sequence = match (self.colour, tone) {
            (Colour::Ansi, Tone::Repair) => "\x1b[33m",
            (Colour::Ansi, Tone::Fault) => "\x1b[1;31m",
            _ => "",
        };
        let end = if sequence.is_empty() { "" } else { RESET };
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{sequence}{line}{end}");
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// What stands between the lifelines, [`FIELD`] columns.
fn shaft(arrow: &Arrow) -> String {
    let label = cut(&arrow.label, LABEL);
    // A blank at either end, one beside the label, and the head.
    let room = FIELD - 4 - label.width();
    match (arrow.from, arrow.fate) {
        (Side::Client, Fate::Written) => format!(" {label} {}► ", "─".repeat(room)),
        (Side::Server, Fate::Written) => format!(" ◄{} {label} ", "─".repeat(room)),
        (Side::Client, Fate::Lost) => {
            let shaft = room / 3;
            format!(" {label} {}✗ {}", "─".repeat(shaft), " ".repeat(room - shaft))
        }
        (Side::Server, Fate::Lost) => {
            let shaft = room / 3;
            format!("{} ✗{} {label} ", " ".repeat(room - shaft), "─".repeat(shaft))
        }
    }
}

fn folded(fold: &Fold) -> String {
    let Fold { messages, acks, lowest, highest } = *fold;
    let range = if lowest >= highest { highest.to_string() } else { format!("{lowest} to {highest}") };
    let what = match (messages, acks) {
        (n, 0) => count(n, "package"),
        (0, n) => count(n, "ACK"),
        (n, m) if n == m => format!("{} and their ACKs", count(n, "package")),
        (n, m) => format!("{} and {}", count(n, "package"), count(m, "ACK")),
    };
    format!("… {what}, {range}, nothing of note")
}
