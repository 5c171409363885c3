//! `resend-not-oldest`: a position goes again, or late, while an older one is outstanding.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Departure;
use crate::wire::{Pos, Side};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "resend-not-oldest",
    severity: Severity::Error,
    group: Group::Resend,
    summary: "a position goes again, or late, while an older one is outstanding",
    page: include_str!("resend_not_oldest.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Departure { verdict: Departure::Resend | Departure::Fill, pos, .. } = facts.note else { return };
    let Some(Pos(last)) = facts.before.last_acked else { return };
    let oldest = last.saturating_add(1);
    if pos.0 <= oldest {
        return;
    }
    if !facts.before.acks_proved {
        found.doubts.push(facts.place.doubt(&RULE, pos.into(), facts.because(Side::Server)));
        return;
    }
    found.findings.push(Finding {
        positions: pos.into(),
        expected: format!("{oldest}, the oldest that is not acknowledged"),
        seen: format!("{pos}"),
        message: format!(
            "{} was written though {oldest} was the oldest outstanding: the last ACK seen is {last}",
            facts.title()
        ),
        ..facts.place.finding(&RULE)
    });
}
