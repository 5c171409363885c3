//! `duplicate-ack`: an ACK repeats the last one, and no duplicate package had asked for it.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Acknowledgement;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "duplicate-ack",
    severity: Severity::Note,
    group: Group::Acknowledgement,
    summary: "an ACK repeats the last one, and no duplicate package had asked for it",
    page: include_str!("duplicate_ack.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Acknowledgement { verdict: Acknowledgement::Duplicate, number, last, .. } = facts.note else { return };
    let last = last.unwrap_or_default();
    found.findings.push(Finding {
        positions: number.into(),
        expected: format!("an ACK above {last}"),
        seen: format!("ACK {number} again"),
        message: format!("ACK {number} repeats the last acknowledged position; no copy of {number} had asked for it"),
        ..facts.place.finding(&RULE)
    });
}
