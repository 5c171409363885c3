//! The HTML report: one file that shows an analysis in any browser, from disk, without a network.
//!
//! ```text
//! steps ───► Frames (columns) ──┐
//! records ─► the JSON report ───┼─► Island ─► page: markup + style + script + island
//! rules ───► their pages ───────┘
//! ```
//!
//! The page is fixed at compile time: `html/page.html`, and the styles and scripts beside it in the order of
//! `STYLES` and `SCRIPTS`. What was analysed stands in one JSON data block and nowhere else. Two walls stand between what a
//! capture holds and the reader's browser:
//!
//! * The data block holds no `<`, `>`, `&` or line separator (`html/embed.rs`), and the script makes nothing of the data but
//!   text nodes and canvas drawings.
//! * The page's content security policy allows the style and the script whose SHA-256 it names, and nothing else: no
//!   other script, no attribute handlers, no network. A hash and not a nonce, because the same input gives the same
//!   bytes, and a nonce that can be foreseen is none.
//!
//! Memory is bounded by [`HtmlLimits`] and [`KeepLimits`](super::KeepLimits). Counts stay exact whatever is kept, and the
//! page says what was dropped.

mod embed;
mod frames;
mod island;
mod shares;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::schema::Connection;
use super::{ConnectionRecord, Report, Totals};
use crate::analyze::{NotWritten, Rule, Step};
use crate::decode::framing::{FramedConnection, LocatedFrame};
use frames::Frames;
use island::Island;
use shares::Shares;

const PAGE: &str = include_str!("html/page.html");

/// The page's style, one file a part; what is later wins.
const STYLES: [&str; 6] = [
    include_str!("html/page.css"),
    include_str!("html/ladder.css"),
    include_str!("html/graphs.css"),
    include_str!("html/findings.css"),
    include_str!("html/chosen.css"),
    include_str!("html/media.css"),
];

/// The page's script, one file a concern; each uses those before it.
const SCRIPTS: [&str; 14] = [
    include_str!("html/text.js"),
    include_str!("html/data.js"),
    include_str!("html/list.js"),
    include_str!("html/summary.js"),
    include_str!("html/ladder.js"),
    include_str!("html/time.js"),
    include_str!("html/plot.js"),
    include_str!("html/signs.js"),
    include_str!("html/overview.js"),
    include_str!("html/pointer.js"),
    include_str!("html/graph.js"),
    include_str!("html/findings.js"),
    include_str!("html/frame.js"),
    include_str!("html/main.js"),
];

/// How much a page carries. What is beyond is counted, and the page says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HtmlLimits {
    /// Frames drawn, over all connections; the first that come.
    pub frames: usize,
    /// Bytes of those frames shown, over all connections. Frames beyond are drawn, without their bytes.
    pub frame_bytes: usize,
    /// Connections; the first that come.
    pub connections: usize,
    /// Bytes of findings, and of what cannot be told, over all connections. When they are more, each connection keeps as
    /// many as fit, the worst.
    pub finding_bytes: usize,
}

impl Default for HtmlLimits {
    /// 200,000 frames with 16 MiB of their bytes, 2,000 connections, 16 MiB of findings: a page of 60 MB at most.
    fn default() -> Self {
        Self { frames: 200_000, frame_bytes: 16 << 20, connections: 2_000, finding_bytes: 16 << 20 }
    }
}

/// Gathers frames and connections, and writes the page at the end.
///
/// Nothing is written before [`finish`](Report::finish).
///
/// ```
/// use arqscope::analyze::report::html::{HtmlLimits, HtmlReport};
/// use arqscope::analyze::report::{Report, Totals};
///
/// let mut page = Vec::new();
/// HtmlReport::new(&mut page, HtmlLimits::default()).finish(&Totals::default())?;
/// assert!(page.starts_with(b"<!doctype html>"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct HtmlReport<W> {
    out: W,
    limits: HtmlLimits,
    connections: Vec<(Connection, Frames)>,
    /// Frames of connections that are not over, by the connection's number.
    open: HashMap<u32, Frames>,
    frames_left: usize,
    bytes_left: usize,
    shares: Shares,
    /// Connections beyond the limit, and the findings of theirs that a record had.
    connections_dropped: u64,
    findings_dropped: u64,
    /// Rules that were met, by name.
    rules: BTreeMap<&'static str, &'static Rule>,
}

impl<W: Write> HtmlReport<W> {
    /// A report that has written nothing yet.
    pub fn new(out: W, limits: HtmlLimits) -> Self {
        Self {
            out,
            limits,
            connections: Vec::new(),
            open: HashMap::new(),
            frames_left: limits.frames,
            bytes_left: limits.frame_bytes,
            shares: Shares::of(limits.finding_bytes),
            connections_dropped: 0,
            findings_dropped: 0,
            rules: BTreeMap::new(),
        }
    }

    /// Whether another connection is kept.
    fn has_room(&self) -> bool {
        self.connections.len() + self.open.len() < self.limits.connections
    }

    fn page(&mut self, island: &Island<'_>) -> io::Result<()> {
        let style = STYLES.concat();
        let script = script();
        for piece in Piece::all(PAGE) {
            match piece {
                Piece::Markup(text) => self.out.write_all(text.as_bytes())?,
                Piece::Policy => self.out.write_all(policy(&style, &script).as_bytes())?,
                Piece::Style => self.out.write_all(style.as_bytes())?,
                Piece::Script => self.out.write_all(script.as_bytes())?,
                Piece::Data => embed::write(&mut self.out, &island)?,
            }
        }
        self.out.flush()
    }
}

impl<W: Write> Report for HtmlReport<W> {
    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, connection: &FramedConnection<'_>, frame: &LocatedFrame<'_>, step: &Step) -> io::Result<()> {
        let room = self.has_room();
        let frames = match self.open.entry(connection.tcp.id) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(open) if room => open.insert(Frames::since(connection.tcp.first_time)),
            Entry::Vacant(_) => return Ok(()),
        };
        if self.frames_left == 0 {
            frames.drop_one();
        } else {
            self.frames_left -= 1;
            let len = frame.frame.view().bytes().len();
            let with_bytes = len <= self.bytes_left;
            self.bytes_left = if with_bytes { self.bytes_left - len } else { 0 };
            frames.push(frame, step, with_bytes);
        }
        Ok(())
    }

    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        if let Some(frames) = self.open.get_mut(&connection.tcp.id) {
            frames.ack_not_written(acks);
        }
    }

    fn connection(&mut self, connection: &FramedConnection<'_>, record: &ConnectionRecord) -> io::Result<()> {
        let mut frames = match self.open.remove(&connection.tcp.id) {
            Some(frames) => frames,
            None if self.has_room() => Frames::since(connection.tcp.first_time),
            None => {
                self.connections_dropped += 1;
                self.findings_dropped += record.findings.len() as u64;
                return Ok(());
            }
        };
        let analysis = &record.analysis;
        let counted = analysis.counts.iter().map(|count| count.rule);
        let doubted = record.doubts.iter().map(|doubt| doubt.rule);
        self.rules.extend(counted.chain(doubted).map(|rule| (rule.name, rule)));
        frames.complete();
        self.connections.push((Connection::whole(record), frames));
        self.shares.admit(&mut self.connections);
        Ok(())
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        let connections = std::mem::take(&mut self.connections);
        let rules: Vec<&Rule> = self.rules.values().copied().collect();
        let mut totals = totals.clone();
        totals.connections_dropped += self.connections_dropped;
        totals.findings_dropped += self.findings_dropped + self.shares.findings_dropped;
        self.page(&Island::new(self.limits, &connections, &rules, &totals))
    }
}

/// The whole script.
fn script() -> String {
    format!("'use strict';\n{}", SCRIPTS.concat())
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
        page.split("{{")
            .flat_map(|part| match part.split_once("}}") {
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
            })
            .flatten()
    }
}

#[cfg(test)]
mod tests;
