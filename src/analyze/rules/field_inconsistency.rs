//! `field-inconsistency`: fields of a frame contradict each other or the rules.

use crate::analyze::facts::FrameFacts;
use crate::analyze::words::Seconds;
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};
use crate::decode::info::{Note, Numbers};
use crate::window::Departure;
use crate::wire::Side;

use super::Found;

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
    if let Note::Departure { verdict: Departure::NotAPosition, pos, .. } = facts.note {
        put("a position from 1 on", format!("position {pos}"));
    }
    let answer = matches!(facts.note, Note::Max(None));
    if answer {
        put(
            "a maximum_msg_size from 4 to 9999",
            format!("`{}`", facts.frame.payload().unwrap_or_default().escape_ascii()),
        );
    }
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
