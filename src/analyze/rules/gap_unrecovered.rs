//! `gap-unrecovered`: a position was passed by and no copy of it ever followed.

use crate::analyze::facts::{ClosingFacts, Place};
use crate::analyze::words::Packages;
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};
use crate::wire::Side;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "gap-unrecovered",
    severity: Severity::Error,
    group: Group::Sequence,
    summary: "a position was passed by and no copy of it ever followed",
    page: include_str!("gap_unrecovered.md"),
};

pub(super) fn judge(facts: &ClosingFacts<'_>, found: &mut Found) {
    for (run, opening) in &facts.open {
        let set = PositionSet::from(*run);
        let opened = opening.map(|opening| opening.packet);
        let mut packets: Vec<u64> = opened.into_iter().chain([facts.place.packet]).collect();
        packets.dedup();
        let ending = facts.ending();
        found.findings.push(Finding {
            severity: if facts.proves { RULE.severity } else { Severity::Note },
            packets,
            expected: format!("a copy of {set} before the end"),
            seen: format!("none; {ending}"),
            message: if facts.proves {
                format!("{} never written; {ending}", Packages(&set))
            } else {
                format!("{} not written by then; {ending}", Packages(&set))
            },
            positions: set,
            ..Place { side: Some(Side::Client), ..facts.place }.finding(&RULE)
        });
    }
}
