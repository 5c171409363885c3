//! `overdue-resend`: a position went again long after its timer, though the sender wrote a new package meanwhile.

use crate::analyze::facts::AgainFacts;
use crate::analyze::words::Seconds;
use crate::analyze::{Certainty, Finding, Group, Rule, Severity};
use crate::wire::Pos;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "overdue-resend",
    severity: Severity::Note,
    group: Group::Resend,
    summary: "a position went again long after its timer, though the sender wrote a new package meanwhile",
    page: include_str!("overdue_resend.md"),
};

pub(super) fn judge(facts: &AgainFacts<'_>, found: &mut Found) {
    let again = facts.again;
    let Some((acted, timeout)) = again.acted.zip(again.terms.timeout) else { return };
    let Pos(pos) = again.pos;
    let packet = again.packet;
    let (age, timeout, allowed) = (Seconds(acted.age), Seconds(timeout), Seconds(again.terms.tolerance));
    let mut packets = vec![acted.packet, packet];
    packets.sort_unstable();
    found.findings.push(Finding {
        certainty: Certainty::Class("overdue-or-resend-not-written"),
        positions: again.pos.into(),
        packets,
        expected: format!("{pos} again before a new package once {timeout} had passed (tolerance {allowed})"),
        seen: format!("a new package in packet {}, {age} after the last copy of {pos}", acted.packet),
        message: format!(
            "package {pos} was due for {age} when the client wrote a new package in packet {} (timeout {timeout}, tolerance {allowed}); it went in packet {packet}. A resend in between that was not written looks the same",
            acted.packet
        ),
        ..facts.place.finding(&RULE)
    });
}
