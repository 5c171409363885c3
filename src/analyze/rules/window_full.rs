//! `window-full`: the window was full, and the next package waited for an ACK.

use crate::analyze::facts::FrameFacts;
use crate::analyze::words::Seconds;
use crate::analyze::{Finding, Group, Rule, Severity};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "window-full",
    severity: Severity::Chat,
    group: Group::Window,
    summary: "the window was full, and the next package waited for an ACK",
    page: include_str!("window_full.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let (Some(waited), Some(pos)) = (facts.waited, facts.step.pos) else { return };
    let time = Seconds(waited.seconds);
    found.findings.push(Finding {
        positions: pos.into(),
        packets: vec![waited.packet, facts.place.packet],
        expected: format!("{pos} once an ACK had moved the window beyond {}", waited.edge),
        seen: format!("{time} between packet {} and packet {}", waited.packet, facts.place.packet),
        message: format!(
            "the window was full up to {}: package {pos} came {time} after packet {} had filled it",
            waited.edge, waited.packet
        ),
        ..facts.place.finding(&RULE)
    });
}
