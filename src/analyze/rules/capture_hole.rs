//! `capture-hole`: bytes of one side are not in the capture.

use crate::analyze::facts::HoleFacts;
use crate::analyze::words::count;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::reassembly::{Hole, HoleCause};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "capture-hole",
    severity: Severity::Note,
    group: Group::Capture,
    summary: "bytes of one side are not in the capture",
    page: include_str!("capture_hole.md"),
};

pub(super) fn judge(facts: &HoleFacts<'_>, found: &mut Found) {
    if facts.side_is_missing || facts.hole.cause == HoleCause::Truncated {
        return;
    }
    let Hole { offset, len, packet, cause, .. } = *facts.hole;
    let bytes = count(len, "byte");
    let from = facts.from;
    let why = match cause {
        HoleCause::NotCaptured => "what follows them is there, and the other side acknowledged them",
        HoleCause::AcknowledgedBeyond => "the other side acknowledged them after the last captured byte",
        HoleCause::Truncated => "they were cut",
        HoleCause::LimitReached => "too much waited behind them",
        HoleCause::CaptureEnded => "they never came",
    };
    found.findings.push(Finding {
        expected: "every byte".to_owned(),
        seen: format!("{bytes} missing at stream offset {offset}"),
        message: format!("the capture lacks {bytes} of the {from} at stream offset {offset} (packet {packet}: {why}); what they touch cannot be told"),
        ..facts.place.finding(&RULE)
    });
}
