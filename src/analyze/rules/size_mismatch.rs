//! `size-mismatch`: a side's frames are of another maximum_msg_size than was agreed.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::framing::CapacityBasis;
use crate::wire::FrameLayout;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "size-mismatch",
    severity: Severity::Error,
    group: Group::Frame,
    summary: "a side's frames are of another maximum_msg_size than was agreed",
    page: include_str!("size_mismatch.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Some((least, most)) = facts.other_size else { return };
    let agreed = FrameLayout::new(facts.capacity.max());
    let view = facts.frame.view();
    let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let told = facts.capacity.basis() == CapacityBasis::Handshake;
    found.findings.push(Finding {
        // What was inferred is what other frames have.
        severity: if told { RULE.severity } else { Severity::Warn },
        expected: format!(
            "frames of maximum_msg_size {}: {} bytes, seq at {}",
            facts.capacity,
            agreed.len(),
            agreed.seq()
        ),
        seen: format!("a frame of maximum_msg_size {range}: {} bytes", view.bytes().len()),
        message: format!(
            "from {} on, frames of the {} are of maximum_msg_size {range} ({} bytes), not of {}",
            facts.title(),
            facts.step.from,
            view.bytes().len(),
            facts.capacity,
        ),
        ..facts.place.finding(&RULE)
    });
}
