//! `resend-after-ack`: a position goes again although an ACK that covers it was already on the wire.

use crate::analyze::again::How;
use crate::analyze::facts::AgainFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::AckSeen;
use crate::wire::Pos;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "resend-after-ack",
    severity: Severity::Warn,
    group: Group::Resend,
    summary: "a position goes again although an ACK that covers it was already on the wire",
    page: include_str!("resend_after_ack.md"),
};

pub(super) fn judge(facts: &AgainFacts<'_>, found: &mut Found) -> bool {
    let again = facts.again;
    if !matches!(again.how, How::Copy { .. }) || again.acked_before == AckSeen::No {
        return false;
    }
    let Pos(pos) = again.pos;
    let cause = again.cause();
    let packet = again.packet;
    let (ack, by) = match cause.evidence.acked_before {
        Some((Pos(number), by)) => (format!("ACK {number} in packet {by}"), Some(by)),
        None => ("an earlier ACK".to_owned(), None),
    };
    let mut packets: Vec<u64> = cause.evidence.earlier_packet.into_iter().chain(by).chain([packet]).collect();
    packets.sort_unstable();
    found.findings.push(Finding {
        positions: again.pos.into(),
        packets,
        expected: format!("nothing more of {pos} after {ack}"),
        seen: format!("copy {} of {pos} in packet {packet}", cause.evidence.copy),
        message: format!("package {pos} was written again in packet {packet} although {ack} covers it; {cause}"),
        cause: Some(cause),
        ..facts.place.finding(&RULE)
    });
    true
}
