//! `overdue-resend`: a new package was written though an older position had been due for long.

use crate::analyze::facts::{AgainFacts, NeverFacts};
use crate::analyze::words::Seconds;
use crate::analyze::{Certainty, Finding, Group, Rule, Severity};
use crate::wire::Pos;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "overdue-resend",
    severity: Severity::Note,
    group: Group::Resend,
    summary: "a new package was written though an older position had been due for long",
    page: include_str!("overdue_resend.md"),
};

const CLASS: Certainty = Certainty::Class("overdue-or-resend-not-written");

/// The position went again later.
pub(super) fn judge(facts: &AgainFacts<'_>, found: &mut Found) {
    let again = facts.again;
    let Some((acted, timeout)) = again.acted.zip(again.terms.timeout) else { return };
    let Pos(pos) = again.pos;
    let packet = again.packet;
    let (age, timeout, allowed) = (Seconds(acted.age), Seconds(timeout), Seconds(again.terms.tolerance));
    let mut packets = vec![acted.packet, packet];
    packets.sort_unstable();
    found.findings.push(Finding {
        certainty: CLASS,
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

/// The position never went again.
pub(in crate::analyze) fn judge_never(facts: &NeverFacts, found: &mut Found) {
    let Some(timeout) = facts.terms.timeout else { return };
    let Pos(pos) = facts.pos;
    let (age, timeout, allowed) = (Seconds(facts.acted.age), Seconds(timeout), Seconds(facts.terms.tolerance));
    let until = match facts.ack {
        Some((Pos(number), packet)) => format!("until ACK {number} in packet {packet} covered it"),
        None => "to the end".to_owned(),
    };
    let packet = facts.place.packet;
    found.findings.push(Finding {
        certainty: CLASS,
        positions: facts.pos.into(),
        packets: [packet].into_iter().chain(facts.ack.map(|(_, packet)| packet)).collect(),
        expected: format!("{pos} again before a new package once {timeout} had passed (tolerance {allowed})"),
        seen: format!("a new package, {age} after the last copy of {pos}, and no further copy {until}"),
        message: format!(
            "package {pos} was due for {age} when the client wrote a new package in packet {packet} (timeout {timeout}, tolerance {allowed}); it did not go again {until}. A resend that was not written looks the same"
        ),
        ..facts.place.finding(&RULE)
    });
}
