//! `premature-resend`: a position goes again before its timer, with the window open and a new package waiting.

use crate::analyze::again::{How, Room};
use crate::analyze::facts::AgainFacts;
use crate::analyze::words::Seconds;
use crate::analyze::{Certainty, Finding, Group, Rule, Severity};
use crate::wire::Pos;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "premature-resend",
    severity: Severity::Warn,
    group: Group::Resend,
    summary: "a position goes again before its timer, with the window open and a new package waiting",
    page: include_str!("premature_resend.md"),
};

pub(super) fn judge(facts: &AgainFacts<'_>, found: &mut Found) -> bool {
    let again = facts.again;
    let tolerance = again.terms.tolerance;
    let (How::Copy { nth, .. }, Room::Proved(new)) = (again.how, again.room) else { return false };
    let Some((age, timeout)) = again.age.zip(again.terms.timeout).filter(|_| again.is_early_by(tolerance)) else {
        return false;
    };
    let Pos(pos) = again.pos;
    let cause = again.cause();
    let packet = again.packet;
    let (age, timeout, allowed) = (Seconds(age.max), Seconds(timeout), Seconds(tolerance));
    let mut packets: Vec<u64> = cause.evidence.earlier_packet.into_iter().chain([packet, new]).collect();
    packets.sort_unstable();
    found.findings.push(Finding {
        certainty: Certainty::WithinTolerance(facts.options.tolerance),
        positions: again.pos.into(),
        packets,
        expected: format!("no copy of {pos} before {timeout} have passed since the last one (tolerance {allowed})"),
        seen: format!("copy {nth} after {age}, with room up to {} and a new package in packet {new}", again.edge().edge),
        message: format!(
            "package {pos} was written again in packet {packet} after only {age}, before its timeout of {timeout} (tolerance {allowed}), though the window was open and a new package was left"
        ),
        cause: Some(cause),
        ..facts.place.finding(&RULE)
    });
    true
}
