//! `data-after-done`: a MSG after DONE.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "data-after-done",
    severity: Severity::Error,
    group: Group::Exchange,
    summary: "a MSG after DONE",
    page: include_str!("data_after_done.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Some((done, packet)) = facts.after_done() else { return };
    let pos = facts.step.pos.unwrap_or_default();
    found.findings.push(Finding {
        positions: pos.into(),
        packets: vec![packet, facts.place.packet],
        expected: format!("no MSG after DONE {done}, which says that the message is over"),
        seen: format!("MSG {pos}"),
        message: format!("MSG {pos} after DONE {done} in packet {packet}"),
        ..facts.place.finding(&RULE)
    });
}
