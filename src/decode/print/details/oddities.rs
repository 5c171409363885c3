//! What is odd about a frame's fields, each by itself: needs no other frame.

use crate::decode::row::Row;
use crate::wire::{Field, MaxMsgSize, Name, Pos, Side};

/// Calls `note` with one sentence for each field of `row`'s frame that is not as PROTOCOL §2 and §3 have it.
/// Fields that were not captured are judged by nobody.
pub(super) fn for_each(row: &Row<'_>, mut note: impl FnMut(&str)) {
    let frame = &row.frame;
    if !frame.is_whole() {
        let (captured, len) = (frame.captured_len(), frame.view().bytes().len());
        note(&format!("{captured} of {len} bytes were captured; -- and (not all captured) mark the rest"));
    }
    match (frame.name(), frame.has(Field::Header)) {
        (None, true) => note("header holds no name of the protocol (padded with NUL to 10 bytes)"),
        (Some(name), _) if name.sender() != row.from => {
            note(&format!("{name} is a {}'s frame, sent by the {}", name.sender(), row.from));
        }
        _ => {}
    }
    payload(row, &mut note);
    numbers(row, &mut note);
    match frame.sent_time() {
        Some(sent) if sent.is_nan() => note("sent_time is not a number"),
        Some(sent) if sent.is_infinite() => note("sent_time is infinite"),
        _ => {}
    }
    if let Some(ack @ 2..) = frame.ack() {
        note(&format!("ack byte is {ack}, needed 0 or 1"));
    }
    // Bytes that were not captured read as zero, so what is not zero was captured.
    if !frame.view().padding_is_zero() {
        note("alignment bytes between the fields are not all zero");
    }
}

fn payload(row: &Row<'_>, note: &mut impl FnMut(&str)) {
    let Some(payload) = row.frame.payload() else { return };
    match row.frame.name() {
        Some(Name::Ack) if row.frame.view().ack_number().is_none() => {
            note("an ACK's payload is a position in decimal digits; this one is not");
        }
        Some(Name::ReturnMax) if MaxMsgSize::from_decimal(payload).is_none() => {
            note("a RETURN_MAX's payload is maximum_msg_size, 4 to 9999 in decimal digits; this one is not");
        }
        Some(Name::GetMax) if !payload.is_empty() => note("a GET_MAX has an empty payload; this one has not"),
        _ => {}
    }
}

fn numbers(row: &Row<'_>, note: &mut impl FnMut(&str)) {
    let (Some(seq), Some(prev_seq), Some(Pos(pos))) = (row.frame.seq(), row.frame.prev_seq(), row.frame.pos()) else {
        return;
    };
    match row.from {
        Side::Client if seq != pos || prev_seq != pos => {
            note(&format!("a client's seq, prev_seq and pos are equal; here they are {seq}, {prev_seq} and {pos}"));
        }
        Side::Client if pos < 0 => note("pos is negative"),
        Side::Server if (seq, prev_seq, pos) != (0, 0, 0) => {
            note(&format!("a server's seq, prev_seq and pos are 0; here they are {seq}, {prev_seq} and {pos}"));
        }
        _ => {}
    }
}
