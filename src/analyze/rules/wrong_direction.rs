//! `wrong-direction`: a frame that only the other side may write.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "wrong-direction",
    severity: Severity::Error,
    group: Group::Frame,
    summary: "a frame that only the other side may write",
    page: include_str!("wrong_direction.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::WrongSide(name) = facts.note else { return };
    let from = facts.step.from;
    found.findings.push(Finding {
        expected: format!("{name} from the {}", name.sender()),
        seen: format!("{name} from the {from}"),
        message: format!("{name} written by the {from}; only the {} may", name.sender()),
        ..facts.place.finding(&RULE)
    });
}
