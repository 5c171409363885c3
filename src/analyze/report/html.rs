//! The HTML report: one file that shows an analysis in any browser, from disk, without a network.
//!
//! ```text
//! steps ────► Frames (columns) ─┐
//! findings, doubts, sums ───────┼─► Island (JSON) ─► page: markup + style + script + island
//! files ────────────────────────┘
//! ```
//!
//! The page is fixed at compile time: `html/page.html`, `html/style.css` and the scripts in `html/`, read in the order
//! of [`SCRIPTS`]. What was analysed stands in one JSON data block and nowhere else. Two walls stand between what a
//! capture holds and the reader's browser:
//!
//! * The data block holds no `<`, `>`, `&` or line separator ([`embed`]), and the script makes nothing of the data but
//!   text nodes and canvas drawings.
//! * The page's content security policy allows the style and the script whose SHA-256 it names, and nothing else: no
//!   other script, no attribute handlers, no network. A hash and not a nonce, because the same input gives the same
//!   bytes, and a nonce that can be foreseen is none.
//!
//! Memory is bounded by [`HtmlLimits`]. Counts stay exact whatever is kept, and the page says what was dropped.

mod embed;
mod frames;
mod island;

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::ControlFlow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::super::{AnalysisSink, ConnectionAnalysis, Doubt, Finding, Rule, Step};
use crate::decode::framing::{FramedConnection, LocatedFrame};
use frames::Frames;
use island::{ConnectionIsland, FileIsland, Island};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");

/// The page's script, one file a concern; each uses those before it.
const SCRIPTS: [&str; 9] = [
    include_str!("html/text.js"),
    include_str!("html/data.js"),
    include_str!("html/list.js"),
    include_str!("html/summary.js"),
    include_str!("html/ladder.js"),
    include_str!("html/graph.js"),
    include_str!("html/findings.js"),
    include_str!("html/frame.js"),
    include_str!("html/main.js"),
];

/// How much a report keeps. What is beyond is counted, and the page says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HtmlLimits {
    /// Frames drawn, over all connections; the first that come.
    pub frames: usize,
    /// Bytes of those frames shown, over all connections. A frame beyond is drawn, without its bytes.
    pub frame_bytes: usize,
    /// Findings a rule and connection; as many statements that could not be made.
    pub findings: usize,
    /// Connections.
    pub connections: usize,
}

impl Default for HtmlLimits {
    fn default() -> Self {
        Self { frames: 200_000, frame_bytes: 32 << 20, findings: 1_000, connections: 10_000 }
    }
}

/// Gathers an analysis and writes its page at the end.
///
/// An [`AnalysisSink`] that takes steps. Nothing is written before [`finish`](Self::finish).
///
/// ```
/// use arqscope::analyze::report::html::{HtmlLimits, HtmlReport};
///
/// let mut report = HtmlReport::new(Vec::new(), HtmlLimits::default());
/// report.begin_file("captures/run1.pcapng");
/// // … the analysis of that file, with `&mut report` as its sink …
/// let page = report.finish()?;
/// assert!(page.starts_with(b"<!doctype html>"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct HtmlReport<W> {
    writer: W,
    limits: HtmlLimits,
    files: Vec<FileIsland>,
    /// Finished ones, in the order in which they ended.
    connections: Vec<ConnectionIsland>,
    open: HashMap<u32, Kept>,
    frames_left: usize,
    bytes_left: usize,
    /// Connections beyond the limit.
    dropped_connections: u64,
}

/// What is kept of a connection that has not ended.
#[derive(Debug, Default)]
struct Kept {
    frames: Frames,
    findings: PerRule<Finding>,
    doubts: PerRule<Doubt>,
}

/// Statements in order, so many a rule.
#[derive(Debug)]
struct PerRule<T> {
    kept: Vec<T>,
    /// Of each rule, how many came.
    came: Vec<(&'static Rule, usize)>,
}

impl<T> Default for PerRule<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), came: Vec::new() }
    }
}

impl<T> PerRule<T> {
    fn push(&mut self, rule: &'static Rule, limit: usize, statement: T) {
        let at = self.came.iter().position(|(known, _)| known.name == rule.name).unwrap_or_else(|| {
            self.came.push((rule, 0));
            self.came.len() - 1
        });
        let came = &mut self.came[at].1;
        *came += 1;
        if *came <= limit {
            self.kept.push(statement);
        }
    }
}

impl<W: Write> HtmlReport<W> {
    /// A report that will go to `writer`.
    pub fn new(writer: W, limits: HtmlLimits) -> Self {
        Self {
            writer,
            limits,
            files: Vec::new(),
            connections: Vec::new(),
            open: HashMap::new(),
            frames_left: limits.frames,
            bytes_left: limits.frame_bytes,
            dropped_connections: 0,
        }
    }

    /// The connections that follow come from the file of this name, as the user gave it.
    pub fn begin_file(&mut self, name: &str) {
        self.files.push(FileIsland { name: name.to_owned(), remarks: Vec::new() });
    }

    /// Something about the present file that concerns no single connection: why reading it ended early, what was
    /// passed over.
    pub fn remark(&mut self, remark: &str) {
        if self.files.is_empty() {
            self.begin_file("");
        }
        if let Some(file) = self.files.last_mut() {
            file.remarks.push(remark.to_owned());
        }
    }

    /// Writes the page, and gives the writer back.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(mut self) -> io::Result<W> {
        let script = script();
        let island = Island::new(self.limits, &self.files, &self.connections, self.dropped_connections);
        for piece in Piece::all(PAGE) {
            match piece {
                Piece::Markup(text) => self.writer.write_all(text.as_bytes())?,
                Piece::Policy => self.writer.write_all(policy(STYLE, &script).as_bytes())?,
                Piece::Style => self.writer.write_all(STYLE.as_bytes())?,
                Piece::Script => self.writer.write_all(script.as_bytes())?,
                Piece::Data => embed::write(&mut self.writer, &island)?,
            }
        }
        self.writer.flush()?;
        Ok(self.writer)
    }
}

impl<W: Write> AnalysisSink for HtmlReport<W> {
    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, connection: &FramedConnection<'_>, frame: &LocatedFrame<'_>, step: &Step) -> ControlFlow<()> {
        let frames = &mut self.open.entry(connection.tcp.id).or_default().frames;
        if self.frames_left == 0 {
            frames.drop_one();
        } else {
            self.frames_left -= 1;
            let len = frame.frame.view().bytes().len();
            let with_bytes = len <= self.bytes_left;
            self.bytes_left = if with_bytes { self.bytes_left - len } else { 0 };
            frames.push(connection.tcp.first_time, frame, step, with_bytes);
        }
        ControlFlow::Continue(())
    }

    fn finding(&mut self, connection: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        let limit = self.limits.findings;
        self.open.entry(connection.tcp.id).or_default().findings.push(finding.rule, limit, finding);
        ControlFlow::Continue(())
    }

    fn doubt(&mut self, connection: &FramedConnection<'_>, doubt: Doubt) {
        let limit = self.limits.findings;
        self.open.entry(connection.tcp.id).or_default().doubts.push(doubt.rule, limit, doubt);
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        let Kept { frames, findings, doubts } = self.open.remove(&connection.tcp.id).unwrap_or_default();
        if self.connections.len() == self.limits.connections {
            self.dropped_connections += 1;
            return ControlFlow::Continue(());
        }
        let file = self.files.len().saturating_sub(1);
        let start = connection.tcp.first_time;
        let (findings, doubts) = (findings.kept, doubts.kept);
        self.connections.push(ConnectionIsland::new(file, start, &analysis, &findings, &doubts, frames));
        ControlFlow::Continue(())
    }
}

/// The whole script.
fn script() -> String {
    let mut script = String::from("'use strict';\n");
    for part in SCRIPTS {
        script.push_str(part);
    }
    script
}

/// The content security policy: nothing but this style and this script.
fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| BASE64.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(script)
    )
}

/// A part of the page: markup as it stands, or what goes where `{{policy}}` and the like stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Markup(&'a str),
    Policy,
    Style,
    Script,
    Data,
}

impl<'a> Piece<'a> {
    /// `page` cut at its places.
    fn all(page: &'a str) -> impl Iterator<Item = Self> {
        page.split("{{").flat_map(|part| match part.split_once("}}") {
            None => [Some(Self::Markup(part)), None],
            Some((place, after)) => {
                let piece = match place {
                    "policy" => Self::Policy,
                    "style" => Self::Style,
                    "script" => Self::Script,
                    "data" => Self::Data,
                    _ => unreachable!("page.html has no place of that name"),
                };
                [Some(piece), Some(Self::Markup(after))]
            }
        }).flatten()
    }
}

#[cfg(test)]
mod tests;
