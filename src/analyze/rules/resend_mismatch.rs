//! `resend-mismatch`: a position goes again with another payload.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};

use super::Found;

/// Bytes of the payload that are shown.
const SHOWN: usize = 32;

pub(crate) static RULE: Rule = Rule {
    name: "resend-mismatch",
    severity: Severity::Error,
    group: Group::Resend,
    summary: "a position goes again with another payload",
    page: include_str!("resend_mismatch.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Some([before, now]) = facts.copies else { return };
    let told = before.fingerprint != 0 && now.fingerprint != 0 && before.name == now.name;
    if !told || before.fingerprint == now.fingerprint {
        return;
    }
    let payload = facts.frame.payload().unwrap_or_default();
    let shown = payload.get(..SHOWN).unwrap_or(payload).escape_ascii();
    let more = if payload.len() > SHOWN { "…" } else { "" };
    found.findings.push(Finding {
        positions: now.pos.into(),
        packets: vec![before.packet, now.packet],
        expected: format!("the payload of packet {}", before.packet),
        seen: format!("`{shown}{more}`"),
        message: format!("{} has another payload than its copy in packet {}", facts.title(), before.packet),
        ..facts.place.finding(&RULE)
    });
}
