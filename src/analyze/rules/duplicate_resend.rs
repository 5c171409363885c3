//! `duplicate-resend`: a position that was written goes again.

use crate::analyze::again::How;
use crate::analyze::facts::{AgainFacts, FrameFacts};
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Departure;
use crate::wire::{Pos, Side};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "duplicate-resend",
    severity: Severity::Warn,
    group: Group::Resend,
    summary: "a position that was written goes again",
    page: include_str!("duplicate_resend.md"),
};

pub(super) fn judge(facts: &AgainFacts<'_>, found: &mut Found) -> bool {
    let How::Copy { earlier, nth } = facts.again.how else { return false };
    let Pos(pos) = facts.again.pos;
    let cause = facts.again.cause();
    let packet = facts.again.packet;
    let first = earlier.map_or_else(String::new, |earlier| format!(" after packet {earlier}"));
    let later = match cause.evidence.acked_after {
        Some((Pos(number), packet)) => format!("; ACK {number} in packet {packet} covers it then"),
        None => String::new(),
    };
    let mut packets: Vec<u64> =
        earlier.into_iter().chain([packet]).chain(cause.evidence.acked_after.map(|(_, p)| p)).collect();
    packets.sort_unstable();
    packets.dedup();
    found.findings.push(Finding {
        positions: facts.again.pos.into(),
        packets,
        expected: format!("an ACK of {pos} or above"),
        seen: format!("copy {nth} of {pos} in packet {packet}{first}"),
        message: format!("package {pos} was written again in packet {packet}{first}: {cause}{later}"),
        cause: Some(cause),
        ..facts.place.finding(&RULE)
    });
    true
}

/// What may have been a first copy.
pub(super) fn judge_frame(facts: &FrameFacts<'_>, found: &mut Found) {
    if let Note::Departure { verdict: Departure::Unclear, pos, .. } = facts.note {
        found.doubts.push(facts.place.doubt(&RULE, pos.into(), facts.because(Side::Client)));
    }
}
