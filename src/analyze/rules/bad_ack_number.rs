//! `bad-ack-number`: an ACK whose payload is no position.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Acknowledgement;

use super::Found;

/// Bytes of the payload that are shown.
const SHOWN: usize = 32;

pub(crate) static RULE: Rule = Rule {
    name: "bad-ack-number",
    severity: Severity::Error,
    group: Group::Acknowledgement,
    summary: "an ACK whose payload is no position",
    page: include_str!("bad_ack_number.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Acknowledgement { verdict: Acknowledgement::Malformed, .. } = facts.note else { return };
    let payload = facts.frame.payload().unwrap_or_default();
    let shown = payload.get(..SHOWN).unwrap_or(payload).escape_ascii();
    found.findings.push(Finding {
        expected: "decimal digits of a position".to_owned(),
        seen: format!("`{shown}`"),
        message: format!("ACK with the payload `{shown}`, which is no position"),
        ..facts.place.finding(&RULE)
    });
}
