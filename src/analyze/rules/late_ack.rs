//! `late-ack`: an ACK at or below the last one, in answer to a duplicate package.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::{Answers, Note};
use crate::window::Acknowledgement;
use crate::wire::Name;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "late-ack",
    severity: Severity::Note,
    group: Group::Acknowledgement,
    summary: "an ACK at or below the last one, in answer to a duplicate package",
    page: include_str!("late_ack.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Acknowledgement { verdict: Acknowledgement::Reack, number, last, answers } = facts.note else { return };
    let last = last.unwrap_or_default();
    let asked = match answers {
        Answers::Frame { packet, .. } => Some(packet),
        Answers::Nothing | Answers::NotCaptured => None,
    };
    let in_packet = asked.map_or_else(String::new, |packet| format!(" in packet {packet}"));
    // The only copy seen may have come after an ACK that covers it, which was premature then.
    let first = facts.answered.filter(|copy| copy.copies == 1 && copy.name == Name::Msg);
    let answers = match first {
        Some(_) => format!("package {number}{in_packet}, which came when it was acknowledged already"),
        // Of several duplicates in a row nothing tells which one.
        None if asked.is_some() && facts.answered.is_some_and(|copy| copy.copies > 2) => {
            format!("a duplicate of {number}, the last{in_packet}")
        }
        None => format!("the duplicate of {number}{in_packet}"),
    };
    found.findings.push(Finding {
        positions: number.into(),
        packets: asked.into_iter().chain([facts.place.packet]).collect(),
        expected: format!("an ACK above {last}, or the answer to a duplicate"),
        seen: format!("ACK {number}"),
        message: format!("ACK {number} changes nothing, {last} being acknowledged: it answers {answers}"),
        ..facts.place.finding(&RULE)
    });
}
