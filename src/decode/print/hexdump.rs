//! A frame's bytes in hex (`-x`): lines of at most 16 bytes that break at field borders, so that each byte's
//! field can be read off the end of its line.

use super::escape::{Origin, Quoting, write_escaped};
use super::number::{hex_digits, write_integer, write_python_float};
use crate::decode::row::CapturedFrame;
use crate::wire::Field;

/// Bytes of a line.
const LINE: usize = 16;

/// Appends the dump of `frame`: offset, bytes, their ASCII signs, and on the first line of each field its
/// name and, if it is a number, its value. A byte that was not captured is `--`.
pub(super) fn write_hexdump(out: &mut Vec<u8>, frame: &CapturedFrame<'_>) {
    let bytes = frame.view().bytes();
    for (field, range) in frame.view().layout().fields() {
        for (i, line) in bytes.get(range.clone()).unwrap_or_default().chunks(LINE).enumerate() {
            let offset = range.start + i * LINE;
            write_line(out, frame, offset, line);
            if i == 0 {
                out.extend_from_slice(b"  ");
                write_label(out, frame, field);
            } else {
                while out.last() == Some(&b' ') {
                    out.pop();
                }
            }
            out.push(b'\n');
        }
    }
}

/// True when the byte at `at` was not captured.
pub(super) fn is_missing(frame: &CapturedFrame<'_>, at: usize) -> bool {
    let missing = frame.missing();
    missing.get(missing.partition_point(|range| range.end <= at)).is_some_and(|range| range.contains(&at))
}

fn write_line(out: &mut Vec<u8>, frame: &CapturedFrame<'_>, offset: usize, line: &[u8]) {
    out.extend_from_slice(b"  ");
    for byte in (offset as u16).to_be_bytes() {
        out.extend_from_slice(&hex_digits(byte));
    }
    out.push(b' ');
    for column in 0..LINE {
        out.extend_from_slice(if column == LINE / 2 { b"  " } else { b" " });
        match line.get(column) {
            Some(_) if is_missing(frame, offset + column) => out.extend_from_slice(b"--"),
            Some(byte) => out.extend_from_slice(&hex_digits(*byte)),
            None => out.extend_from_slice(b"  "),
        }
    }
    out.extend_from_slice(b"  ");
    for column in 0..LINE {
        out.push(match line.get(column) {
            Some(_) if is_missing(frame, offset + column) => b' ',
            Some(byte @ b' '..=b'~') => *byte,
            Some(_) => b'.',
            None => b' ',
        });
    }
}

fn write_label(out: &mut Vec<u8>, frame: &CapturedFrame<'_>, field: Field) {
    out.extend_from_slice(field.as_str().as_bytes());
    if !frame.has(field) && field != Field::Padding {
        out.extend_from_slice(b" (not all captured)");
        return;
    }
    let view = frame.view();
    let equals = |out: &mut Vec<u8>| out.extend_from_slice(b" = ");
    match field {
        Field::Header => {
            equals(out);
            write_escaped(out, view.header_text(), Origin::Wire, Quoting::Plain);
        }
        Field::Payload | Field::Padding => {}
        Field::Seq => {
            equals(out);
            write_integer(out, view.seq());
        }
        Field::SentTime => {
            equals(out);
            write_python_float(out, view.sent_time());
        }
        Field::Ack => {
            equals(out);
            write_integer(out, view.ack());
        }
        Field::PrevSeq => {
            equals(out);
            write_integer(out, view.prev_seq());
        }
        Field::Pos => {
            equals(out);
            write_integer(out, view.pos().0);
        }
    }
}
