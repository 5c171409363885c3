//! `ack-gap`: an ACK jumps over others, which were not written before it.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::{Acknowledgement, Positions};
use crate::wire::{Pos, Side};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "ack-gap",
    severity: Severity::Warn,
    group: Group::Acknowledgement,
    summary: "an ACK jumps over others, which were not written before it",
    page: include_str!("ack_gap.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Acknowledgement { verdict, number: Pos(number), last, .. } = facts.note else { return };
    match verdict {
        Acknowledgement::Jump { missing } => found.findings.push(jump(facts, number, missing)),
        Acknowledgement::Advances => {
            let below = Pos(number.saturating_sub(1));
            if let Some(covered) = last.and_then(|Pos(last)| Positions::new(Pos(last.saturating_add(1)), below)) {
                found.doubts.push(facts.place.doubt(&RULE, covered.into(), facts.because(Side::Server)));
            }
        }
        _ => {}
    }
}

fn jump(facts: &FrameFacts<'_>, number: i32, missing: Positions) -> Finding {
    let noun = if missing.count() == 1 { "ACK" } else { "ACKs" };
    let cost = if facts.resent.is_empty() {
        "at no cost: nothing of it was written again".to_owned()
    } else {
        let again: Vec<String> = facts.resent.iter().map(|(pos, packet)| format!("{pos} in packet {packet}")).collect();
        format!("not before the client had written again {}", again.join(", "))
    };
    let packet = facts.place.packet;
    let mut packets: Vec<u64> = facts.resent.iter().map(|(_, packet)| *packet).chain([packet]).collect();
    packets.sort_unstable();
    packets.dedup();
    Finding {
        positions: missing.into(),
        packets,
        expected: format!("{noun} {missing} before ACK {number}"),
        seen: format!("ACK {number} covers {missing}"),
        message: format!("{noun} {missing} not written; ACK {number} in packet {packet} covers {missing}, {cost}"),
        ..facts.place.finding(&RULE)
    }
}
