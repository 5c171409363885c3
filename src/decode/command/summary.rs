//! The closing words on a file: what it held, what was passed over, what is uncertain.

use std::fmt;
use std::io::{self, Write};

use super::Named;
use crate::decode::capture::{Capture, Input, Weight};
use crate::decode::framing::{Capacity, FramedConnection, FramingCounts, FramingNote};
use crate::decode::print::escape;
use crate::decode::reading::Reading;
use crate::decode::reassembly::{ConnectionInfo, StreamNote};
use crate::wire::Side;

/// Connections and notes that are told one by one; further ones are counted.
const TOLD: usize = 10;

/// Gathers what the summary tells of the connections.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    connections: Vec<String>,
    connections_beyond: u64,
    notes: Vec<String>,
    notes_beyond: u64,
    holes: u64,
    hole_bytes: u64,
}

impl Remarks {
    pub(crate) fn connection(&mut self, connection: &FramedConnection<'_>) {
        if self.connections.len() == TOLD {
            self.connections_beyond += 1;
            return;
        }
        let (tcp, capacity): (&ConnectionInfo, &Capacity) = (connection.tcp, connection.capacity);
        let client = connection.way(Side::Client);
        let start = match (connection.from_start(Side::Client), connection.from_start(Side::Server)) {
            (true, true) => "",
            _ => ", captured from mid-stream",
        };
        let (from, to) = (tcp.from(client), tcp.to(client));
        self.connections.push(format!("connection {}: {from} → {to}, maximum_msg_size {capacity}{start}", tcp.id));
    }

    pub(crate) fn note(&mut self, connection: &ConnectionInfo, note: &FramingNote) {
        self.add(connection, note);
    }

    pub(crate) fn stream_note(&mut self, connection: &ConnectionInfo, note: &StreamNote) {
        if note.is_odd() {
            self.add(connection, note);
        }
    }

    /// A note in words.
    pub(crate) fn say(&mut self, connection: &ConnectionInfo, note: &str) {
        self.add(connection, &escape::tame(note));
    }

    /// Holes of a connection, all at once.
    pub(crate) const fn holes(&mut self, count: u64, bytes: u64) {
        self.holes += count;
        self.hole_bytes += bytes;
    }

    fn add(&mut self, connection: &ConnectionInfo, note: &dyn fmt::Display) {
        if self.notes.len() == TOLD {
            self.notes_beyond += 1;
        } else {
            self.notes.push(format!("connection {}: {note}", connection.id));
        }
    }

    pub(crate) const fn hole(&mut self, len: u64) {
        self.holes += 1;
        self.hole_bytes += len;
    }

    /// Writes what there is to say of `input`.
    pub(crate) fn write(
        &self,
        log: &mut dyn Write,
        input: &Input,
        capture: &Capture,
        reading: &Reading,
        frames: FramingCounts,
        shown: Option<u64>,
    ) -> io::Result<()> {
        let counts = reading.intake.counts();
        write!(
            log,
            "{}: {}, {} ({}), {}",
            Named(input),
            count(counts.packets, "packet"),
            count(u64::from(reading.connections), "TCP connection"),
            match frames.connections {
                0 => "none of the protocol".to_owned(),
                n => format!("{n} of the protocol"),
            },
            count(frames.frames, "frame"),
        )?;
        if let Some(shown) = shown.filter(|shown| *shown != frames.frames) {
            write!(log, ", {shown} shown")?;
        }
        if reading.stopped {
            write!(log, "; stopped before the end")?;
        }
        writeln!(log)?;
        for line in &self.connections {
            writeln!(log, "  {line}")?;
        }
        beyond(log, self.connections_beyond, "connection")?;
        let mut skipped: Vec<String> = reading.intake.passed_over().iter().map(ToString::to_string).collect();
        let mut also = |n: u64, what: &str, why: &str| {
            if n > 0 {
                skipped.push(format!("{} {why}", count(n, what)));
            }
        };
        also(frames.foreign, "connection", "of other protocols");
        also(frames.silent, "connection", "without data");
        also(frames.filtered, "connection", "on other ports");
        also(frames.skipped_bytes, "byte", "that belong to no frame");
        if !skipped.is_empty() {
            writeln!(log, "  not shown: {}", skipped.join("; "))?;
        }
        if self.holes > 0 {
            let (holes, bytes) = (count(self.holes, "hole"), count(self.hole_bytes, "byte"));
            let partial = if frames.partial > 0 {
                format!(", {} only in part", count(frames.partial, "frame"))
            } else {
                String::new()
            };
            writeln!(log, "  {holes} in the streams: {bytes} not captured{partial}")?;
        } else if frames.partial > 0 {
            writeln!(log, "  {} only in part", count(frames.partial, "frame"))?;
        }
        if counts.truncated > 0 {
            writeln!(log, "  {} cut by a snap length", count(counts.truncated, "packet"))?;
        }
        for (note, _) in capture.notes().iter().filter(|(_, weight)| *weight == Weight::Odd) {
            writeln!(log, "  note: {note}")?;
        }
        for line in &self.notes {
            writeln!(log, "  note: {line}")?;
        }
        beyond(log, self.notes_beyond, "note")
    }
}

fn beyond(log: &mut dyn Write, n: u64, what: &str) -> io::Result<()> {
    if n > 0 { writeln!(log, "  … and {}", count(n, &format!("further {what}"))) } else { Ok(()) }
}

/// `1 packet`, `2 packets`.
pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
