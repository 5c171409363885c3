//! `done-resend`: DONE was written again.

use crate::analyze::again::How;
use crate::analyze::facts::AgainFacts;
use crate::analyze::words::Seconds;
use crate::analyze::{Certainty, Finding, Group, Rule, Severity, Why};
use crate::wire::{Name, Pos};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "done-resend",
    severity: Severity::Note,
    group: Group::Exchange,
    summary: "DONE was written again",
    page: include_str!("done_resend.md"),
};

pub(super) fn judge(facts: &AgainFacts<'_>, found: &mut Found) -> bool {
    let again = facts.again;
    let (How::Copy { earlier, nth }, Name::Done) = (again.how, again.name) else { return false };
    let Pos(pos) = again.pos;
    let cause = again.cause();
    let packet = again.packet;
    let acked = match cause.evidence.acked_before {
        Some((Pos(number), by)) => format!(", though ACK {number} in packet {by} answers it"),
        None if cause.why == Why::CannotTell => String::new(),
        None => ", before an ACK: it was ignored, or its ACK was not written, or was late".to_owned(),
    };
    let after = again
        .capture_age
        .map_or_else(String::new, |age| format!(", {} after the copy before by capture time", Seconds(age)));
    let mut packets: Vec<u64> =
        earlier.into_iter().chain([packet]).chain(cause.evidence.acked_before.map(|(_, p)| p)).collect();
    packets.sort_unstable();
    found.findings.push(Finding {
        certainty: match (cause.evidence.acked_before, cause.why) {
            (Some(_), _) | (None, Why::CannotTell) => Certainty::Proven,
            (None, _) => Certainty::Class("done-ignored-or-ack-lost-or-late"),
        },
        positions: again.pos.into(),
        packets,
        expected: format!("ACK {pos} to the DONE before"),
        seen: format!("DONE copy {nth} in packet {packet}"),
        message: format!("DONE {pos} was written again in packet {packet} (copy {nth}{after}){acked}; {cause}"),
        cause: Some(cause),
        ..facts.place.finding(&RULE)
    });
    true
}
