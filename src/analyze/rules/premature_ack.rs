//! `premature-ack`: an ACK of a position below which one was never written.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Acknowledgement;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "premature-ack",
    severity: Severity::Error,
    group: Group::Acknowledgement,
    summary: "an ACK of a position below which one was never written",
    page: include_str!("premature_ack.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Acknowledgement { verdict: Acknowledgement::Premature { missing }, number, .. } = facts.note else {
        return;
    };
    found.findings.push(Finding {
        positions: number.into(),
        expected: format!("no ACK above {} before {missing} was written", missing.first().0 - 1),
        seen: format!("ACK {number}"),
        message: format!("ACK {number} says that 1 to {number} have arrived, but {missing} had not been written"),
        ..facts.place.finding(&RULE)
    });
}
