//! `--info`: what a file is, before looking at its frames.

use std::io::{self, Write};
use std::ops::ControlFlow;

use comfy_table::{Cell, Table, presets};
use serde::Serialize;

use super::limits::write_reached;
use super::{Exit, JobError, Named, OPENER};
use crate::decode::Limits;
use crate::decode::capture::{Capture, Input};
use crate::decode::reading::{Reading, read};
use crate::decode::reassembly::{Chunk, Closing, ConnectionInfo, Hole, StreamSink, Way};
use crate::time::Timestamp;

/// How facts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactsForm {
    /// A table for people.
    Table,
    /// One JSON object a file, indented.
    Json,
    /// One JSON object a file, on one line.
    Ndjson,
}

/// The facts of one file. Times are decimal seconds with nine digits.
#[derive(Debug, Serialize)]
struct Facts {
    file: String,
    format: String,
    compression: Option<String>,
    packets: u64,
    tcp_packets: u64,
    tcp_connections: u32,
    first_time: Option<String>,
    last_time: Option<String>,
    earliest: Option<String>,
    latest: Option<String>,
    link_types: Vec<String>,
    interfaces: Vec<InterfaceFacts>,
    truncated_packets: u64,
    notes: Vec<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct InterfaceFacts {
    name: Option<String>,
    link_type: String,
    snap_len: Option<u32>,
}

/// Takes streams for nothing but counting their connections.
struct Uncounted;

impl StreamSink for Uncounted {
    type State = ();

    fn is_quiet(&self, _: &Self::State) -> bool {
        true
    }

    fn chunk(&mut self, _: &ConnectionInfo, (): &mut (), _: Way, _: Chunk<'_>) {}

    fn hole(&mut self, _: &ConnectionInfo, (): &mut (), _: Way, _: Hole) {}

    fn closed(&mut self, _: &ConnectionInfo, (): &mut (), _: Closing) {}
}

/// Writes the facts of every input to `out`, and complaints to `log`. The inputs may cost what `limits` say.
///
/// # Errors
/// When the output cannot be written.
pub fn facts(
    inputs: &[Input],
    form: FactsForm,
    limits: &Limits,
    out: &mut dyn Write,
    log: &mut dyn Write,
) -> Result<Exit, JobError> {
    let mut exits = Vec::with_capacity(inputs.len());
    for input in inputs {
        let Some(mut capture) = OPENER.open(input, &limits.capture, log)? else {
            exits.push(Exit::Failed);
            continue;
        };
        let go_on = |_, _: &mut Uncounted| ControlFlow::Continue(());
        let reading = read(&mut capture, 0, limits.prompt(), &mut Uncounted, go_on);
        let facts = Facts::new(input, &capture, &reading);
        match form {
            FactsForm::Table => writeln!(out, "{}", facts.table(input))?,
            FactsForm::Json => write_json(out, &serde_json::to_string_pretty(&facts).map_err(io::Error::from)?)?,
            FactsForm::Ndjson => write_json(out, &serde_json::to_string(&facts).map_err(io::Error::from)?)?,
        }
        let exit = Exit::of_reading(&reading);
        write_reached(log, &reading, &limits.prompt())?;
        match &reading.error {
            Some(error) => OPENER.complain(log, input, error)?,
            None if exit != Exit::Done => {
                let why: Vec<String> = reading.intake.passed_over().iter().map(ToString::to_string).collect();
                writeln!(log, "decode: {}: not all of it can be read: {}", Named(input), why.join("; "))?;
            }
            None => {}
        }
        exits.push(exit);
    }
    out.flush()?;
    Ok(Exit::of_all(&exits))
}

/// Writes a JSON text on lines of its own. What serde_json leaves as it is and a terminal may obey (C1 controls, DEL,
/// bidi marks) becomes a `\u` escape; outside of strings there is none of it.
fn write_json(out: &mut dyn Write, json: &str) -> io::Result<()> {
    let mut safe = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        let steers = (c == '\u{7f}' || !c.is_ascii()) && c.escape_debug().len() > 1;
        if steers {
            safe.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    out.write_all(safe.as_bytes())
}

impl Facts {
    fn new(input: &Input, capture: &Capture, reading: &Reading) -> Self {
        let counts = reading.intake.counts();
        let file = capture.facts();
        let time = |time: Option<Timestamp>| time.map(|t| t.to_string());
        let mut notes: Vec<String> = capture.notes().into_iter().map(|(note, _)| note).collect();
        notes.extend(reading.intake.passed_over().iter().map(ToString::to_string));
        let mut link_types: Vec<String> = counts.link_types.keys().map(ToString::to_string).collect();
        if link_types.is_empty() {
            link_types = file.interfaces.iter().map(|interface| interface.link_type.to_string()).collect();
            link_types.dedup();
        }
        Self {
            file: input.to_string(),
            format: capture.format(),
            compression: file.compression.map(|compression| compression.to_string()),
            packets: counts.packets,
            tcp_packets: counts.tcp_packets,
            tcp_connections: reading.connections,
            first_time: time(counts.first_time),
            last_time: time(counts.last_time),
            earliest: time(counts.earliest),
            latest: time(counts.latest),
            link_types,
            interfaces: file
                .interfaces
                .iter()
                .map(|interface| InterfaceFacts {
                    name: interface.name.clone(),
                    link_type: interface.link_type.to_string(),
                    snap_len: interface.snap_len,
                })
                .collect(),
            truncated_packets: counts.truncated,
            notes,
            error: reading.error.as_ref().map(ToString::to_string),
        }
    }

    fn table(&self, input: &Input) -> Table {
        let none = || "none".to_owned();
        let moment = |time: &Option<String>| time.clone().unwrap_or_else(none);
        let list = |list: &[String]| if list.is_empty() { none() } else { list.join("\n") };
        let interfaces: Vec<String> = self
            .interfaces
            .iter()
            .enumerate()
            .map(|(i, interface)| {
                let name =
                    interface.name.as_deref().map_or_else(|| i.to_string(), |name| name.escape_debug().to_string());
                let snap = interface.snap_len.map_or_else(String::new, |snap| format!(", snap length {snap}"));
                format!("{name}: {}{snap}", interface.link_type)
            })
            .collect();
        let format = match &self.compression {
            Some(compression) => format!("{}, {compression}", self.format),
            None => self.format.clone(),
        };
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        for (name, value) in [
            ("file", Named(input).to_string()),
            ("format", format),
            ("packets", self.packets.to_string()),
            ("TCP packets", self.tcp_packets.to_string()),
            ("TCP connections", self.tcp_connections.to_string()),
            ("first packet", moment(&self.first_time)),
            ("last packet", moment(&self.last_time)),
            ("earliest", moment(&self.earliest)),
            ("latest", moment(&self.latest)),
            ("link types", list(&self.link_types)),
            ("interfaces", list(&interfaces)),
            ("truncated packets", self.truncated_packets.to_string()),
            ("notes", list(&self.notes)),
            ("error", self.error.clone().unwrap_or_else(none)),
        ] {
            table.add_row([Cell::new(name), Cell::new(value)]);
        }
        table
    }
}
