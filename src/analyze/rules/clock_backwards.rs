//! `clock-backwards`: a packet's capture time is before that of the packet before it.

use crate::analyze::facts::FrameFacts;
use crate::analyze::metrics::in_seconds;
use crate::analyze::words::Seconds;
use crate::analyze::{Finding, Group, Rule, Severity};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "clock-backwards",
    severity: Severity::Note,
    group: Group::Capture,
    summary: "a packet's capture time is before that of the packet before it",
    page: include_str!("clock_backwards.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Some(back) = facts.clock_back else { return };
    let by = Seconds(in_seconds(back.nanos));
    found.findings.push(Finding {
        packets: vec![back.packet, facts.place.packet],
        expected: format!("a capture time not before that of packet {}", back.packet),
        seen: format!("{by} before it"),
        message: format!(
            "packet {} is {by} earlier than packet {} by the capture's clock",
            facts.place.packet, back.packet
        ),
        side: None,
        ..facts.place.finding(&RULE)
    });
}
