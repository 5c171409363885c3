//! `ack-of-unsent`: an ACK of a position that was never written.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Acknowledgement;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "ack-of-unsent",
    severity: Severity::Error,
    group: Group::Acknowledgement,
    summary: "an ACK of a position that was never written",
    page: include_str!("ack_of_unsent.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Acknowledgement { verdict: Acknowledgement::Unsent, number, last, .. } = facts.note else { return };
    let last = last.unwrap_or_default();
    found.findings.push(Finding {
        positions: number.into(),
        expected: format!("an ACK of a position that was written; the highest is {}", facts.before.highest),
        seen: format!("ACK {number}"),
        message: format!("ACK {number} acknowledges a position that was never written; the last acknowledged was {last}, the highest written {}", facts.before.highest),
        ..facts.place.finding(&RULE)
    });
}
