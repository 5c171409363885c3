//! The reference decoder's own form (PROTOCOL §7): a key, the frame in hex, and one line of fields.
//!
//! The key is the relative TCP sequence number of the frame's first byte (stream offset + 1); `-2` follows it
//! when the other direction of the connection has used the same number. Numbers are written as Python writes
//! them. Bytes that were not captured are `--`, fields that miss some are `None`.

mod keys;

use std::io::{self, Write};

use super::escape::{Origin, Quoting, write_escaped};
use super::hexdump::write_hexdump;
use super::number::{hex_digits, write_integer, write_python_float};
use super::sink::Sink;
use super::style::Style;
use super::{Bytes, Options};
use crate::decode::row::{CapturedFrame, Row};
use keys::{KeyUse, Keys};

/// Rows as the reference decoder prints them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    keys: Keys,
    bytes: Bytes,
}

impl Text {
    /// Of `options`, bytes apply.
    pub(super) fn new(options: &Options) -> Self {
        Self { keys: Keys::default(), bytes: options.bytes }
    }
}

impl Style for Text {
    fn row<W: Write>(&mut self, row: &Row<'_>, sink: &mut Sink<W>) -> io::Result<()> {
        let out = sink.buffer();
        let key = row.offset.saturating_add(1);
        let used = self.keys.record(row.connection, row.from, key);
        write_frame(out, key, used, &row.frame);
        if self.bytes == Bytes::Shown {
            write_hexdump(out, &row.frame);
        }
        Ok(())
    }

    /// The keys that were used are never the same again.
    fn can_be_foreseen(&self) -> bool {
        false
    }
}

fn write_frame(out: &mut Vec<u8>, key: u64, used: KeyUse, frame: &CapturedFrame<'_>) {
    out.extend_from_slice(b"Key: ");
    write_integer(out, key);
    if used == KeyUse::Second {
        out.extend_from_slice(b"-2");
    }
    out.extend_from_slice(b", Payload (hex):\n");
    write_captured_hex(out, frame);
    out.extend_from_slice(b"\n| sequence: ");
    write_known(out, frame.seq(), write_integer);
    out.extend_from_slice(b" | data: ");
    write_known(out, frame.payload(), write_text);
    out.extend_from_slice(b" | sent time: ");
    write_known(out, frame.sent_time(), write_python_float);
    out.extend_from_slice(b" |ACK: ");
    write_known(out, frame.ack(), |out, ack| out.extend_from_slice(if ack == 0 { b"False" } else { b"True" }));
    out.extend_from_slice(b" | prev seq: ");
    write_known(out, frame.prev_seq(), write_integer);
    out.extend_from_slice(b" | pos: ");
    write_known(out, frame.pos().map(|pos| pos.0), write_integer);
    out.extend_from_slice(b" | header: ");
    write_known(out, frame.header_text(), write_text);
    out.extend_from_slice(b" |\n");
}

fn write_known<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => out.extend_from_slice(b"None"),
    }
}

fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    write_escaped(out, text, Origin::Wire, Quoting::Plain);
}

fn write_captured_hex(out: &mut Vec<u8>, frame: &CapturedFrame<'_>) {
    let start = out.len();
    for byte in frame.view().bytes() {
        out.extend_from_slice(&hex_digits(*byte));
    }
    for range in frame.missing() {
        if let Some(digits) = out.get_mut(start + range.start * 2..start + range.end * 2) {
            digits.fill(b'-');
        }
    }
}
