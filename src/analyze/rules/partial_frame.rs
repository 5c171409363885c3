//! `partial-frame`: a stream that ends in the middle of a frame.

use crate::analyze::facts::{ClosingFacts, Place};
use crate::analyze::{Finding, Group, Rule, Severity};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "partial-frame",
    severity: Severity::Error,
    group: Group::Frame,
    summary: "a stream that ends in the middle of a frame",
    page: include_str!("partial_frame.md"),
};

pub(super) fn judge(facts: &ClosingFacts<'_>, found: &mut Found) {
    for &(side, packet, captured, whole) in &facts.cut {
        let place = Place { side: Some(side), packet, ..facts.place };
        let ending = facts.ending();
        found.findings.push(Finding {
            severity: if facts.proves { RULE.severity } else { Severity::Note },
            expected: format!("a frame of {whole} bytes"),
            seen: format!("{captured} bytes, then {ending}"),
            message: format!("the {side}'s last frame has {captured} of {whole} bytes: {ending}"),
            ..place.finding(&RULE)
        });
    }
}
