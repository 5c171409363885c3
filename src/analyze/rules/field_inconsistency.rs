//! `field-inconsistency`: fields of a frame contradict each other or the rules.

use crate::analyze::facts::{FrameFacts, SliceFacts};
use crate::analyze::words::{Seconds, count};
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};
use crate::decode::info::{Note, Numbers};
use crate::window::Departure;
use crate::wire::{MaxMsgSize, Name, Pos, Side};

use super::Found;

/// Bytes of a payload that are shown.
const SHOWN: usize = 32;

pub(crate) static RULE: Rule = Rule {
    name: "field-inconsistency",
    severity: Severity::Warn,
    group: Group::Frame,
    summary: "fields of a frame contradict each other or the rules",
    page: include_str!("field_inconsistency.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    // What an unknown frame's fields mean is not known either, nor what those of a frame that may begin elsewhere; a frame
    // of the wrong side has one name, and it is not this.
    if !facts.on_grid || facts.step.name.is_none() || matches!(facts.note, Note::WrongSide(_)) {
        return;
    }
    let mut expected = Vec::new();
    let mut seen = Vec::new();
    let mut put = |wanted: &str, there: String| {
        expected.push(wanted.to_owned());
        seen.push(there);
    };
    let flaws = facts.flaws;
    if let Some(Numbers { seq, prev_seq, pos }) = flaws.numbers {
        let wanted = match facts.step.from {
            Side::Client => "seq = prev_seq = pos",
            Side::Server => "seq = prev_seq = pos = 0",
        };
        put(wanted, format!("seq {seq}, prev_seq {prev_seq}, pos {pos}"));
    }
    if let Some(byte) = flaws.ack_byte {
        put("ack byte 0 or 1", format!("ack byte {byte}"));
    }
    if let Some(time) = flaws.sent_time {
        put("a sent_time", format!("sent_time {time}"));
    }
    if flaws.padding {
        put("alignment bytes of zero", "alignment bytes that are not zero".to_owned());
    }
    if let Some(back) = facts.sent_back {
        put(
            "a sent_time not before that of the frame before",
            format!("a sent_time {} before that of packet {}", Seconds(back.by), back.packet),
        );
    }
    place_in_exchange(facts, &mut put);
    payload(facts, &mut put);
    let answer = matches!(facts.note, Note::Max(None));
    if seen.is_empty() {
        return;
    }
    found.findings.push(Finding {
        // Without a usable answer the exchange cannot go on (PROTOCOL §3.1).
        severity: if answer { Severity::Error } else { RULE.severity },
        positions: facts.step.pos.filter(|pos| pos.0 > 0).map_or_else(PositionSet::new, PositionSet::from),
        packets: facts.sent_back.map(|back| back.packet).into_iter().chain([facts.place.packet]).collect(),
        message: format!("{} with {}", facts.title(), seen.join("; ")),
        expected: expected.join("; "),
        seen: seen.join("; "),
        ..facts.place.finding(&RULE)
    });
}

/// Positions that say something else than the exchange.
fn place_in_exchange(facts: &FrameFacts<'_>, put: &mut impl FnMut(&str, String)) {
    let pos = facts.frame.pos();
    match (facts.note, pos, facts.done) {
        (Note::Departure { verdict: Departure::NotAPosition, pos, .. }, ..) => {
            put("a position from 1 on", format!("position {pos}"));
        }
        (Note::Departure { name: Name::Done, pos, .. }, _, None) => {
            // Only a package that was seen there: an ACK may speak of a DONE that is not captured.
            if let Some([package, _]) = facts.copies.filter(|[before, _]| before.name == Name::Msg) {
                let seen = format!("position {pos}, which is that of a package in packet {}", package.packet);
                put("DONE at a position above every package", seen);
            }
        }
        (Note::AsksMax, Some(pos), _) if pos != Pos(0) => put("position 0", format!("position {pos}")),
        (Note::Close, Some(pos), Some((Pos(done), _))) if done.checked_add(1) != Some(pos.0) => {
            put(&format!("the position after DONE {done}"), format!("position {pos}"));
        }
        _ => {}
    }
}

/// Payloads that the protocol fixes.
fn payload(facts: &FrameFacts<'_>, put: &mut impl FnMut(&str, String)) {
    let Some(payload) = facts.frame.payload() else { return };
    let shown = || match payload.split_at_checked(SHOWN) {
        Some((first, rest)) if !rest.is_empty() => format!("`{}…`", first.escape_ascii()),
        _ => format!("`{}`", payload.escape_ascii()),
    };
    match facts.note {
        Note::Max(None) => put("a maximum_msg_size from 4 to 9999", shown()),
        Note::Max(Some(max)) if payload != max.to_string().as_bytes() => {
            put(&format!("maximum_msg_size {max} without further digits"), shown());
        }
        Note::AsksMax if !payload.is_empty() => put("an empty payload", shown()),
        _ => {}
    }
    let text = facts.step.name.and_then(Name::fixed_text).filter(|_| facts.capacity.is_exact() && !facts.missized);
    if let Some(text) = text {
        let cut = text.get(..usize::from(facts.capacity.max().get())).unwrap_or(text);
        if payload != cut {
            put(&format!("the payload `{}`", cut.escape_ascii()), shown());
        }
    }
}

/// A package with too few bytes.
pub(in crate::analyze) fn judge_slice(facts: &SliceFacts, found: &mut Found) {
    let SliceFacts { place, pos, len, full, later } = facts;
    let bytes = count(*len as u64, "byte");
    let (expected, seen, packet) = match later {
        Some((name, above, packet)) => {
            (every(*full), format!("{bytes}, and {name} {above} in packet {packet} above it"), *packet)
        }
        None => ("a payload".to_owned(), "none".to_owned(), place.packet),
    };
    found.findings.push(Finding {
        positions: (*pos).into(),
        packets: vec![place.packet, packet],
        message: format!("MSG {pos} with {seen}; needed {expected}"),
        expected,
        seen,
        ..place.finding(&RULE)
    });
}

fn every(full: MaxMsgSize) -> String {
    format!("{full} bytes in every package but the last")
}
