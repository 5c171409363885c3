//! `mid-stream`: the capture begins in the middle of the exchange.

use crate::analyze::facts::{ClosingFacts, Place};
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::wire::Side;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "mid-stream",
    severity: Severity::Note,
    group: Group::Capture,
    summary: "the capture begins in the middle of the exchange",
    page: include_str!("mid_stream.md"),
};

pub(super) fn judge(facts: &ClosingFacts<'_>, found: &mut Found) {
    let tcp = facts.connection.tcp;
    for side in [Side::Client, Side::Server] {
        let way = facts.connection.way(side);
        if tcp.packets[way.index()] == 0 || facts.connection.from_start(side) {
            continue;
        }
        let place = Place { side: Some(side), packet: tcp.first_packet, time: tcp.first_time, ..facts.place };
        found.findings.push(Finding {
            expected: "the connection from its SYN on".to_owned(),
            seen: format!("the {side}'s bytes from packet {} on", tcp.first_packet),
            message: format!("the beginning of what the {side} wrote is not captured; nothing is claimed of it"),
            ..place.finding(&RULE)
        });
    }
}
