//! JSON for programs: one array, or one object a line (NDJSON).
//!
//! The keys are the names of [`COLUMNS`](crate::decode::row::COLUMNS), with `payload_hex` after `payload`. `time`
//! is decimal seconds with nine digits, as text; packet, connection, pos, seq, ack, prev_seq and in_flight are
//! integers; `sent_time` is the shortest number that reads back, null if NaN or infinite; `header`, `payload` and
//! `info` are [escaped](super::escape) text; `payload_hex` is lower case without trailing NULs. What is not known is
//! null.

use std::io::{self, Write};

use super::escape::{Origin, Quoting, write_escaped};
use super::info::write_common_info;
use super::number::{hex_digits, write_epoch, write_hex, write_integer, write_shortest};
use super::plain::{Pen, PlainName, PlainRow};
use super::sink::Sink;
use super::style::Style;
use super::words::{write_name, write_side};
use crate::decode::row::Row;
use crate::wire::Side;

/// Rows as JSON. The array is complete only at the end, with however few rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Json {
    /// What stands before the next object.
    lead: &'static [u8],
    /// What stands before those after it.
    between: &'static [u8],
    /// What stands behind each.
    end: &'static [u8],
}

impl Json {
    /// One array, an object a line.
    pub(super) const ARRAY: Self = Self { lead: b"[\n", between: b",\n", end: b"" };

    /// One object a line and nothing else.
    pub(super) const LINES: Self = Self { lead: b"", between: b"", end: b"\n" };
}

impl Style for Json {
    #[inline(never)] // with all of its parts, which are not made again for each caller then
    fn row<W: Write>(&mut self, row: &Row<'_>, sink: &mut Sink<W>) -> io::Result<()> {
        match PlainRow::of(row) {
            Some(plain) => sink.lay(|pen| {
                pen.text(self.lead);
                lay_object(pen, &plain);
                pen.text(self.end);
            }),
            None => {
                let (out, info) = sink.buffer_and_scratch();
                out.extend_from_slice(self.lead);
                write_object(out, row, info);
                out.extend_from_slice(self.end);
            }
        }
        self.lead = self.between;
        Ok(())
    }

    fn finish<W: Write>(&mut self, sink: &mut Sink<W>) -> io::Result<()> {
        if *self != Self::LINES {
            let end: &[u8] = if self.lead == self.between { b"\n]\n" } else { b"[]\n" };
            sink.buffer().extend_from_slice(end);
        }
        Ok(())
    }
}

/// The short way.
#[inline(always)] // as above
pub(super) fn lay_object(pen: &mut Pen<'_>, row: &PlainRow<'_>) {
    pen.put(b"{\"packet\":");
    pen.digits(row.packet);
    pen.put(b",\"time\":\"");
    pen.time(row.time);
    pen.put(b"\",\"connection\":");
    pen.digits(row.connection);
    match row.from {
        Side::Client => pen.put(b",\"from\":\"client\""),
        Side::Server => pen.put(b",\"from\":\"server\""),
    }
    match row.name {
        PlainName::Msg => pen.put(b",\"header\":\"MSG\",\"pos\":"),
        PlainName::Ack => pen.put(b",\"header\":\"ACK\",\"pos\":"),
    }
    pen.digits(row.pos);
    pen.put(b",\"payload\":\"");
    pen.text(row.payload);
    pen.put(b"\",\"payload_hex\":\"");
    for byte in row.payload {
        pen.put(&hex_digits(*byte));
    }
    pen.put(b"\",\"seq\":");
    pen.digits(row.seq);
    pen.put(b",\"sent_time\":");
    pen.shortest(row.sent_time);
    pen.put(b",\"ack\":");
    pen.digits(row.ack);
    pen.put(b",\"prev_seq\":");
    pen.digits(row.prev_seq);
    pen.put(b",\"in_flight\":");
    pen.digits(row.in_flight);
    pen.put(b",\"info\":\"");
    pen.info(row.info.as_ref());
    pen.put(b"\"}");
}

/// The way for every row.
pub(super) fn write_object(out: &mut Vec<u8>, row: &Row<'_>, info: &mut String) {
    let frame = &row.frame;
    out.extend_from_slice(b"{\"packet\":");
    write_integer(out, row.packet);
    match row.time {
        Some(time) => {
            out.extend_from_slice(b",\"time\":\"");
            write_epoch(out, time);
            out.extend_from_slice(b"\",\"connection\":");
        }
        None => out.extend_from_slice(b",\"time\":null,\"connection\":"),
    }
    write_integer(out, row.connection);
    out.extend_from_slice(b",\"from\":\"");
    write_side(out, row.from);
    out.extend_from_slice(b"\",\"header\":");
    match frame.name() {
        Some(name) => {
            out.push(b'"');
            write_name(out, name);
            out.push(b'"');
        }
        None => write_text(out, frame.header_text(), Origin::Wire),
    }
    out.extend_from_slice(b",\"pos\":");
    write_known(out, frame.pos().map(|pos| pos.0));
    let payload = frame.payload();
    out.extend_from_slice(b",\"payload\":");
    write_text(out, payload, Origin::Wire);
    out.extend_from_slice(b",\"payload_hex\":");
    match payload {
        Some(payload) => {
            out.push(b'"');
            write_hex(out, payload);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"seq\":");
    write_known(out, frame.seq());
    out.extend_from_slice(b",\"sent_time\":");
    match frame.sent_time() {
        Some(sent) if sent.is_finite() => write_shortest(out, sent),
        _ => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"ack\":");
    write_known(out, frame.ack());
    out.extend_from_slice(b",\"prev_seq\":");
    write_known(out, frame.prev_seq());
    out.extend_from_slice(b",\"in_flight\":");
    write_known(out, row.in_flight);
    out.extend_from_slice(b",\"info\":\"");
    if !write_common_info(out, &row.info) {
        info.clear();
        row.info.append(info);
        write_escaped(out, info.as_bytes(), Origin::Ours, Quoting::Json);
    }
    out.extend_from_slice(b"\"}");
}

fn write_known(out: &mut Vec<u8>, value: Option<impl itoa::Integer + Copy + TryInto<u32>>) {
    match value {
        Some(value) => write_integer(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_text(out: &mut Vec<u8>, text: Option<&[u8]>, origin: Origin) {
    match text {
        Some(text) => {
            out.push(b'"');
            write_escaped(out, text, origin, Quoting::Json);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}
