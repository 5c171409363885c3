//! `one-sided`: only one side of the connection was captured.

use crate::analyze::facts::{ClosingFacts, Place};
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::wire::Side;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "one-sided",
    severity: Severity::Note,
    group: Group::Capture,
    summary: "only one side of the connection was captured",
    page: include_str!("one_sided.md"),
};

pub(super) fn judge(facts: &ClosingFacts<'_>, found: &mut Found) {
    let tcp = facts.connection.tcp;
    for side in [Side::Client, Side::Server] {
        if tcp.packets[facts.connection.way(side).index()] > 0 {
            continue;
        }
        let place = Place { side: Some(side), packet: tcp.first_packet, time: tcp.first_time, ..facts.place };
        found.findings.push(Finding {
            expected: "packets of both sides".to_owned(),
            seen: format!("none of the {side}"),
            message: format!("not one packet of the {side} was captured; nothing is claimed of what it wrote"),
            ..place.finding(&RULE)
        });
    }
}
