//! One frame at a time, in full (`-V`): where it came from, every field with its offset, bytes and meaning,
//! what is known about it, and what is odd about its fields. With bytes (`-x`), the dump follows; without
//! details, each frame is one line above its dump.

mod oddities;

use std::fmt::Write as _;
use std::io::{self, Write};

use super::escape::{Origin, Quoting, write_escaped};
use super::hexdump::{is_missing, write_hexdump};
use super::number::{hex_digits, write_integer, write_python_float};
use super::sink::Sink;
use super::style::Style;
use super::time_format::{Clock, write_utc};
use super::{Bytes, Detail, Options};
use crate::decode::row::{CapturedFrame, Row};
use crate::time::Timestamp;
use crate::wire::{Field, Side};

/// Bytes of a field shown beside its meaning; `-x` shows them all.
const RAW_BYTES: usize = 12;

/// Each frame as a paragraph.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Details {
    clock: Clock,
    detail: Detail,
    bytes: Bytes,
}

impl Details {
    /// Of `options`, width and colour do not apply.
    pub(super) fn new(options: Options) -> Self {
        Self { clock: Clock::new(options.time), detail: options.detail, bytes: options.bytes }
    }
}

impl Style for Details {
    fn row<W: Write>(&mut self, row: &Row<'_>, sink: &mut Sink<W>) -> io::Result<()> {
        let (out, info) = sink.buffer_and_scratch();
        info.clear();
        // A String takes any text; an error could only come from the value's own Display.
        let _ = write!(info, "{}", row.info);
        write_summary(out, row);
        match self.detail {
            Detail::Summary => {
                if let Some(time) = row.time {
                    out.extend_from_slice(b", ");
                    self.clock.write(out, row.packet, time);
                }
                if !info.is_empty() {
                    out.extend_from_slice(b"  ");
                    write_escaped(out, info.as_bytes(), Origin::Ours, Quoting::Plain);
                }
                out.push(b'\n');
            }
            Detail::Full => {
                out.push(b'\n');
                write_origin(out, row, &mut self.clock);
                write_fields(out, &row.frame);
                if let Some(verdict) = row.info.verdict() {
                    write_note(out, "Verdict", verdict);
                }
                if !info.is_empty() {
                    write_note(out, "Info", info);
                }
                oddities::for_each(row, |text| write_note(out, "Note", text));
            }
        }
        if self.bytes == Bytes::Shown {
            write_hexdump(out, &row.frame);
        }
        out.push(b'\n');
        Ok(())
    }

    fn observe(&mut self, packet: u64, time: Timestamp) {
        self.clock.observe(packet, time);
    }

    fn can_be_foreseen(&self) -> bool {
        self.clock.can_be_foreseen()
    }
}

/// `Packet 12: MSG, pos 4, client to server, connection 0`.
fn write_summary(out: &mut Vec<u8>, row: &Row<'_>) {
    out.extend_from_slice(b"Packet ");
    write_integer(out, row.packet);
    out.extend_from_slice(b": ");
    match (row.frame.name(), row.frame.header_text()) {
        (Some(name), _) => out.extend_from_slice(name.as_str().as_bytes()),
        (None, Some(header)) => {
            out.extend_from_slice(b"unknown frame \"");
            write_escaped(out, header, Origin::Wire, Quoting::Plain);
            out.push(b'"');
        }
        (None, None) => out.extend_from_slice(b"frame without its name"),
    }
    match row.from {
        Side::Client => {
            if let Some(pos) = row.frame.pos() {
                out.extend_from_slice(b", pos ");
                write_integer(out, pos.0);
            }
        }
        // A server frame says its number in the payload; its pos is 0 (PROTOCOL §2.3).
        Side::Server => {
            if let Some(payload) = row.frame.payload().filter(|p| !p.is_empty()) {
                out.extend_from_slice(b" \"");
                write_escaped(out, payload, Origin::Wire, Quoting::Plain);
                out.push(b'"');
            }
        }
    }
    out.extend_from_slice(b", ");
    out.extend_from_slice(row.from.as_str().as_bytes());
    out.extend_from_slice(b" to ");
    out.extend_from_slice(row.from.other().as_str().as_bytes());
    out.extend_from_slice(b", connection ");
    write_integer(out, row.connection);
}

fn write_origin(out: &mut Vec<u8>, row: &Row<'_>, clock: &mut Clock) {
    let label = |out: &mut Vec<u8>, name: &str| {
        let _ = write!(out, "    {name:<14}");
    };
    if row.first_packet != row.packet {
        label(out, "Packets");
        let _ = writeln!(out, "{} to {}", row.first_packet, row.packet);
    }
    label(out, "Time");
    match row.time {
        Some(time) => {
            clock.write(out, row.packet, time);
            out.extend_from_slice(b"  (");
            write_utc(out, time, clock.digits());
            out.extend_from_slice(b" UTC)\n");
        }
        None => out.extend_from_slice(b"the capture gives none\n"),
    }
    label(out, "Stream offset");
    let _ = writeln!(out, "{} (relative sequence number {})", row.offset, row.offset.saturating_add(1));
    label(out, "In flight");
    match row.in_flight {
        Some(count) => {
            write_integer(out, count);
            out.push(b'\n');
        }
        None => out.extend_from_slice(b"not known\n"),
    }
    label(out, "Frame");
    let layout = row.frame.view().layout();
    let _ = write!(out, "{} bytes, maximum_msg_size {}", layout.len(), layout.max_msg_size());
    if !row.frame.is_whole() {
        let _ = write!(out, ", {} captured", row.frame.captured_len());
    }
    out.push(b'\n');
}

fn write_fields(out: &mut Vec<u8>, frame: &CapturedFrame<'_>) {
    let layout = frame.view().layout();
    let shown = layout.fields().map(|(_, range)| range.len().min(RAW_BYTES)).max().unwrap_or(0);
    for (field, range) in layout.fields() {
        let _ = write!(out, "    [{:>4}] {:<9}  ", range.start, field.as_str());
        for column in 0..shown {
            let at = range.start + column;
            match frame.view().bytes().get(at).filter(|_| at < range.end) {
                Some(_) if is_missing(frame, at) => out.extend_from_slice(b"--"),
                Some(byte) => out.extend_from_slice(&hex_digits(*byte)),
                None => out.extend_from_slice(b"  "),
            }
        }
        out.extend_from_slice(if range.len() > shown { "…  ".as_bytes() } else { b"   " });
        write_meaning(out, frame, field);
        while out.last() == Some(&b' ') {
            out.pop();
        }
        out.push(b'\n');
    }
}

fn write_meaning(out: &mut Vec<u8>, frame: &CapturedFrame<'_>, field: Field) {
    if field == Field::Padding {
        return;
    }
    if !frame.has(field) {
        out.extend_from_slice(b"(not all captured)");
        return;
    }
    let view = frame.view();
    match field {
        Field::Header => write_quoted(out, view.header_text()),
        Field::Payload => {
            write_quoted(out, view.payload());
            let _ = write!(out, "  ({} of {} bytes)", view.payload().len(), view.layout().max_msg_size());
        }
        Field::Seq => write_integer(out, view.seq()),
        Field::SentTime => {
            write_python_float(out, view.sent_time());
            if let Some(moment) = sent_moment(view.sent_time()) {
                out.extend_from_slice(b"  (");
                write_utc(out, moment, 6);
                out.extend_from_slice(b" UTC)");
            }
        }
        Field::Ack => {
            write_integer(out, view.ack());
            out.extend_from_slice(if view.ack() == 0 { b"  (false)" } else { b"  (true)" });
        }
        Field::PrevSeq => write_integer(out, view.prev_seq()),
        Field::Pos => write_integer(out, view.pos().0),
        Field::Padding => {}
    }
}

/// The moment a sent_time names, to the microsecond (a double holds no more at today's dates).
fn sent_moment(seconds: f64) -> Option<Timestamp> {
    // Nanoseconds in an i64 reach 9.2e9 seconds; NaN compares false.
    if seconds.abs() < 9.2e9 {
        // The fraction is exact; the whole number times a million would not be.
        let micros = ((seconds - seconds.floor()) * 1e6).round() as i64;
        Timestamp::from_parts(seconds.floor() as i64, micros * 1000)
    } else {
        None
    }
}

fn write_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    write_escaped(out, text, Origin::Wire, Quoting::Plain);
    out.push(b'"');
}

fn write_note(out: &mut Vec<u8>, label: &str, text: &str) {
    let _ = write!(out, "    {label}: ");
    write_escaped(out, text.as_bytes(), Origin::Ours, Quoting::Plain);
    out.push(b'\n');
}
