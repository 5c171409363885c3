//! `truncated-packet`: a packet was cut when it was captured.

use crate::analyze::facts::HoleFacts;
use crate::analyze::words::count;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::reassembly::{Hole, HoleCause};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "truncated-packet",
    severity: Severity::Note,
    group: Group::Capture,
    summary: "a packet was cut when it was captured",
    page: include_str!("truncated_packet.md"),
};

pub(super) fn judge(facts: &HoleFacts<'_>, found: &mut Found) {
    if facts.hole.cause != HoleCause::Truncated {
        return;
    }
    let Hole { offset, len, packet, .. } = *facts.hole;
    let bytes = count(len, "byte");
    let from = facts.from;
    found.findings.push(Finding {
        expected: "whole packets".to_owned(),
        seen: format!("{bytes} less than the packet had"),
        message: format!("packet {packet} lacks {bytes} of the {from} at stream offset {offset}: it was cut by a snap length or a damaged file"),
        ..facts.place.finding(&RULE)
    });
}
