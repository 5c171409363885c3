//! The exchange as a ladder of 80 columns: the client's lifeline at the left, the server's at the right.
//!
//! Every frame is an arrow. What was counted and not written is an arrow that breaks off at its sender's side: a package
//! where a later one passed over it, an ACK where it would have been written, as far as a later answer proves that it was
//! not.
//! Long quiet runs are folded. What is drawn is bounded: [`MAX_ROWS`] rows of a connection, [`MAX_LADDERS`] connections;
//! what is beyond is counted.

mod draw;
mod rows;

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::places::Places;
use super::{ConnectionRecord, Report, Totals};
use crate::analyze::rules::done_resend;
use crate::analyze::words::count;
use crate::analyze::{Evidence, Finding, NotWritten, Severity, Step, StepVerdict};
use crate::decode::framing::{FramedConnection, LocatedFrame};
use crate::decode::print::Colour;
use crate::time::Timestamp;
use crate::window::{Arrival, Departure, Positions};
use crate::wire::{Name, Pos, Side};
use draw::Drawing;
use rows::{Arrow, Fate, Fold, Kind, Row, Tone, arrow, frames_of, lost_ack, trigger_word};

/// Rows that are drawn of a connection.
pub const MAX_ROWS: usize = 2_000;
/// Connections that are drawn.
pub const MAX_LADDERS: usize = 50;

/// Frames after which older quiet runs are folded.
const RECENT: usize = 4_096;
/// A quiet run longer than this is folded.
const QUIET: usize = 8;
/// What is left of it at either end.
const KEPT: usize = 2;

/// The ladders of a run.
#[derive(Debug)]
pub struct Ladder<W> {
    out: W,
    colour: Colour,
    open: BTreeMap<u32, Rungs>,
    begun: usize,
    done: BTreeMap<u32, String>,
    left_out: u64,
}

/// One connection's.
#[derive(Debug)]
struct Rungs {
    origin: Option<Timestamp>,
    /// ACKs that were not written, of rows that are not settled.
    unwritten: Vec<Unwritten>,
    places: Places,
    rows: Vec<Row>,
    /// What the last missing package released: its ACK and those that follow at once are shown, if they are few.
    released: Option<Positions>,
    /// Rows before this one are folded for good.
    settled: usize,
    next: u64,
    /// Frames that are not drawn.
    beyond: u64,
}

/// ACKs that were not written, and the frame that they are drawn behind.
#[derive(Debug)]
struct Unwritten {
    behind: u64,
    acks: NotWritten,
}

impl<W: Write> Ladder<W> {
    /// Ladders that will go to `out`, each when it is complete and all in the order of their connections.
    pub const fn new(out: W, colour: Colour) -> Self {
        Self { out, colour, open: BTreeMap::new(), begun: 0, done: BTreeMap::new(), left_out: 0 }
    }

    fn rungs(&mut self, connection: &FramedConnection<'_>) -> Option<&mut Rungs> {
        let id = connection.tcp.id;
        if !self.open.contains_key(&id) {
            if self.begun == MAX_LADDERS {
                return None;
            }
            self.begun += 1;
            self.open.insert(id, Rungs::new(connection.tcp.first_time));
        }
        self.open.get_mut(&id)
    }
}

impl<W: Write> Report for Ladder<W> {
    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, connection: &FramedConnection<'_>, frame: &LocatedFrame<'_>, step: &Step) -> io::Result<()> {
        if let Some(rungs) = self.rungs(connection) {
            rungs.step(frame, step);
        }
        Ok(())
    }

    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        if let Some(rungs) = self.open.get_mut(&connection.tcp.id) {
            rungs.ack_not_written(acks);
        }
    }

    fn finding(&mut self, connection: &FramedConnection<'_>, finding: &Finding) -> io::Result<()> {
        if let Some(rungs) = self.open.get_mut(&connection.tcp.id) {
            rungs.finding(finding);
        }
        Ok(())
    }

    fn connection(&mut self, connection: &FramedConnection<'_>, record: &ConnectionRecord) -> io::Result<()> {
        let Some(mut rungs) = self.open.remove(&connection.tcp.id) else {
            self.left_out += 1;
            return Ok(());
        };
        for hole in &record.analysis.ledger.holes {
            rungs.hole(hole.packet, hole.from, hole.len);
        }
        rungs.settle(rungs.rows.len());
        let mut drawing = Drawing::new(self.colour, rungs.origin);
        drawing.head(record);
        for row in &rungs.rows {
            drawing.row(row);
        }
        if rungs.beyond > 0 {
            drawing
                .line(&format!("… {} not drawn: a ladder has {MAX_ROWS} rows", count(rungs.beyond, "further frame")));
        }
        self.done.insert(connection.tcp.id, drawing.finish());
        Ok(())
    }

    fn wants_every_connection(&self) -> bool {
        true
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        for text in self.done.values() {
            self.out.write_all(b"\n")?;
            self.out.write_all(text.as_bytes())?;
        }
        if self.left_out > 0 {
            let more = count(self.left_out, "further connection");
            writeln!(self.out, "\n… {more} not drawn: there are ladders of the first {MAX_LADDERS}")?;
        }
        self.out.flush()
    }
}

impl Rungs {
    fn new(origin: Option<Timestamp>) -> Self {
        Self {
            origin,
            unwritten: Vec::new(),
            places: Places::default(),
            rows: Vec::new(),
            released: None,
            settled: 0,
            next: 0,
            beyond: 0,
        }
    }

    fn step(&mut self, frame: &LocatedFrame<'_>, step: &Step) {
        if self.settled >= MAX_ROWS {
            self.beyond += 1;
            return;
        }
        let serial = step.index;
        self.places.step(step);
        self.next = serial + 1;
        self.unwritten(serial, step);
        let mut arrow = arrow(frame, step);
        match step.arrival {
            Some(Arrival::InOrder { acks }) => {
                self.released = Some(acks).filter(|acks| (2..=QUIET as u32).contains(&acks.count()));
            }
            None if step.pos.is_some_and(|pos| self.released.is_some_and(|released| released.contains(pos))) => {
                arrow.tone = arrow.tone.max(Tone::Plain);
            }
            _ => {}
        }
        self.rows.push(Row { serial, packet: Some(step.packet), time: step.time, kind: Kind::Arrow(arrow) });
        if self.rows.len() - self.settled >= RECENT {
            self.settle(self.settled + RECENT / 2);
        }
    }

    /// Packages that this frame passed over.
    fn unwritten(&mut self, serial: u64, step: &Step) {
        let missing = match step.verdict {
            StepVerdict::Departure(Departure::Skip { missing }) => missing,
            StepVerdict::Departure(Departure::BeyondWindow { missing: Some(missing), .. }) => missing,
            _ => return,
        };
        let arrow = |label: String, pos| Arrow {
            from: Side::Client,
            label,
            pos: Some(pos),
            name: Some(Name::Msg),
            fate: Fate::Lost,
            remarks: vec!["not written".to_owned()],
            tone: Tone::Repair,
        };
        // A few are drawn one by one.
        let arrows = if missing.count() <= 4 {
            (missing.first().0..=missing.last().0).map(|pos| arrow(format!("MSG {pos}"), Pos(pos))).collect()
        } else {
            vec![arrow(format!("MSG {missing}"), missing.first())]
        };
        self.rows.extend(arrows.into_iter().map(|arrow| Row {
            serial,
            packet: None,
            time: None,
            kind: Kind::Arrow(arrow),
        }));
    }

    fn ack_not_written(&mut self, acks: &NotWritten) {
        let behind = self.places.behind(acks);
        if self.settled < MAX_ROWS && self.rows.get(self.settled).is_some_and(|row| row.serial <= behind) {
            self.unwritten.push(Unwritten { behind, acks: *acks });
        }
    }

    /// What a finding adds to the row it is about, and to that of the copy before.
    fn finding(&mut self, finding: &Finding) {
        let is_about = |arrow: &Arrow| {
            finding.side.is_none_or(|side| side == arrow.from)
                && (finding.positions.is_empty() || arrow.pos.is_some_and(|pos| finding.positions.contains(pos)))
        };
        if finding.rule.name == done_resend::RULE.name
            && let Some(Evidence { earlier_packet: Some(earlier), acked_before: None, .. }) =
                finding.cause.as_ref().map(|cause| &cause.evidence)
            && let Some(arrow) = self.arrow(*earlier, is_about)
        {
            arrow.remark("ignored, or its ACK lost or late".to_owned());
        }
        let Some(arrow) = self.arrow(finding.at, is_about) else { return };
        if let Some(cause) = &finding.cause {
            let triggers: Vec<&str> = cause.triggers.iter().map(|trigger| trigger_word(*trigger)).collect();
            if !triggers.is_empty() {
                arrow.remark(triggers.join(", "));
            }
        }
        if finding.severity == Severity::Error {
            arrow.tone = Tone::Fault;
            arrow.remark(format!("! {}", finding.rule.name));
        }
    }

    /// The last arrow of a packet that `is_meant`.
    fn arrow(&mut self, packet: u64, is_meant: impl Fn(&Arrow) -> bool) -> Option<&mut Arrow> {
        let rows = self.rows.iter_mut().rev().take(RECENT).filter(|row| row.packet == Some(packet));
        let mut arrows = rows.filter_map(|row| match &mut row.kind {
            Kind::Arrow(arrow) => Some(arrow),
            _ => None,
        });
        arrows.find(|arrow| is_meant(arrow))
    }

    fn hole(&mut self, packet: u64, from: Side, len: u64) {
        let at = self.rows.iter().position(|row| row.packet.is_some_and(|of_row| of_row >= packet));
        let at = at.unwrap_or(self.rows.len());
        let serial = self.rows.get(at).map_or(self.next, |row| row.serial);
        self.rows.insert(at, Row { serial, packet: Some(packet), time: None, kind: Kind::Hole { from, len } });
    }

    /// Draws lost ACKs into the rows up to `end`, and folds their quiet runs; they do not change any more.
    fn settle(&mut self, end: usize) {
        let end = end.min(self.rows.len());
        let tail = self.rows.split_off(end);
        let open = self.rows.split_off(self.settled);
        let last = open.last().map_or(0, |row| row.serial);
        let (mut lost, later) =
            std::mem::take(&mut self.unwritten).into_iter().partition::<Vec<_>, _>(|lost| lost.behind <= last);
        self.unwritten = later;
        lost.sort_by_key(|lost| (lost.behind, lost.acks.index));
        let mut lost = lost.into_iter().peekable();
        let mut quiet: Vec<Row> = Vec::new();
        let mut open = open.into_iter().peekable();
        while let Some(row) = open.next() {
            let serial = row.serial;
            let is_quiet = matches!(&row.kind, Kind::Arrow(arrow) if arrow.tone == Tone::Quiet);
            if is_quiet {
                quiet.push(row);
            } else {
                self.fold(&mut quiet);
                self.rows.push(row);
            }
            // A frame's own row is the last of its serial.
            if open.peek().is_some_and(|next| next.serial == serial) {
                continue;
            }
            while let Some(Unwritten { acks, .. }) = lost.next_if(|lost| lost.behind <= serial) {
                self.fold(&mut quiet);
                self.rows.push(lost_ack(serial, &acks));
            }
        }
        self.fold(&mut quiet);
        if self.rows.len() > MAX_ROWS {
            let frames = |rows: &[Row]| rows.iter().map(frames_of).sum::<u64>();
            self.beyond += frames(&self.rows[MAX_ROWS..]);
            self.rows.truncate(MAX_ROWS);
            self.beyond += frames(&tail);
            self.settled = MAX_ROWS;
            return;
        }
        self.settled = self.rows.len();
        self.rows.extend(tail);
    }

    fn fold(&mut self, quiet: &mut Vec<Row>) {
        if quiet.len() <= QUIET {
            self.rows.append(quiet);
            return;
        }
        let after = quiet.split_off(quiet.len() - KEPT);
        let folded = quiet.split_off(KEPT);
        self.rows.append(quiet);
        let mut fold = Fold { messages: 0, acks: 0, lowest: i32::MAX, highest: 0 };
        for row in &folded {
            if let Kind::Arrow(arrow) = &row.kind {
                match arrow.name {
                    Some(Name::Ack) => fold.acks += 1,
                    _ => fold.messages += 1,
                }
                if let Some(Pos(pos)) = arrow.pos {
                    fold.lowest = fold.lowest.min(pos);
                    fold.highest = fold.highest.max(pos);
                }
            }
        }
        let serial = folded.first().map_or(0, |row| row.serial);
        self.rows.push(Row { serial, packet: None, time: None, kind: Kind::Fold(fold) });
        self.rows.extend(after);
    }
}

#[cfg(test)]
mod tests;
