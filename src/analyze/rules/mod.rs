//! The rules: one file and one page each.
//!
//! A rule reads the facts that the model has put together and makes findings of them; it keeps no state. Which facts
//! it reads says when it is asked: of a frame that is not of the ordinary course, of a position written again or late
//! (when it is known why), of a hole, of the end of a connection. One event gets one name: of the rules about a position
//! written again the first that holds names it.

pub(crate) mod ack_gap;
pub(crate) mod ack_of_unsent;
pub(crate) mod ack_regress;
pub(crate) mod ack_withheld;
pub(crate) mod bad_ack_number;
pub(crate) mod capture_hole;
pub(crate) mod clock_backwards;
pub(crate) mod data_after_done;
pub(crate) mod done_resend;
pub(crate) mod duplicate_ack;
pub(crate) mod duplicate_resend;
pub(crate) mod expectation_failed;
pub(crate) mod field_inconsistency;
pub(crate) mod gap;
pub(crate) mod gap_unrecovered;
pub(crate) mod incomplete_exchange;
pub(crate) mod late_ack;
pub(crate) mod mid_stream;
pub(crate) mod one_sided;
pub(crate) mod out_of_phase;
pub(crate) mod overdue_resend;
pub(crate) mod parameter_mismatch;
pub(crate) mod partial_frame;
pub(crate) mod premature_ack;
pub(crate) mod premature_resend;
pub(crate) mod resend_after_ack;
pub(crate) mod resend_mismatch;
pub(crate) mod resend_not_oldest;
pub(crate) mod size_mismatch;
pub(crate) mod truncated_packet;
pub(crate) mod unknown_frame;
pub(crate) mod window_exceeded;
pub(crate) mod window_full;
pub(crate) mod wrong_direction;

use super::facts::{AgainFacts, ClosingFacts, FrameFacts, HoleFacts};
use super::{Doubt, Finding, Group, NotWritten, Rule, Severity};

/// All rules, in the order of their pages.
pub static RULES: &[&Rule] = &[
    &gap::RULE,
    &gap_unrecovered::RULE,
    &ack_gap::RULE,
    &duplicate_resend::RULE,
    &resend_after_ack::RULE,
    &premature_resend::RULE,
    &overdue_resend::RULE,
    &resend_not_oldest::RULE,
    &resend_mismatch::RULE,
    &window_exceeded::RULE,
    &window_full::RULE,
    &late_ack::RULE,
    &ack_regress::RULE,
    &duplicate_ack::RULE,
    &ack_of_unsent::RULE,
    &premature_ack::RULE,
    &bad_ack_number::RULE,
    &ack_withheld::RULE,
    &done_resend::RULE,
    &incomplete_exchange::RULE,
    &data_after_done::RULE,
    &out_of_phase::RULE,
    &field_inconsistency::RULE,
    &size_mismatch::RULE,
    &unknown_frame::RULE,
    &partial_frame::RULE,
    &wrong_direction::RULE,
    &capture_hole::RULE,
    &mid_stream::RULE,
    &truncated_packet::RULE,
    &one_sided::RULE,
    &clock_backwards::RULE,
    &parameter_mismatch::RULE,
    &expectation_failed::RULE,
];

/// The rule of that name.
#[must_use]
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.name == name)
}

/// What the rules found since it was last handed on.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    pub(super) doubts: Vec<Doubt>,
    /// ACKs proved not written.
    pub(super) unwritten: Vec<NotWritten>,
}

impl Found {
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.doubts.is_empty() && self.unwritten.is_empty()
    }
}

/// True when a finding says that a side wrote a frame, or bytes, that the rules do not allow. What was not written, or late,
/// is no such thing.
pub(super) fn is_a_wrong_frame(finding: &Finding) -> bool {
    let written = !matches!(finding.rule.group, Group::Sequence | Group::Capture | Group::Expectation);
    let wrong = finding.severity == Severity::Error || finding.rule == &field_inconsistency::RULE;
    finding.side.is_some() && written && wrong
}

/// Asks every rule about a frame.
pub(super) fn judge_frame(facts: &FrameFacts<'_>, found: &mut Found) {
    const RULES: [fn(&FrameFacts<'_>, &mut Found); 20] = [
        clock_backwards::judge,
        wrong_direction::judge,
        unknown_frame::judge,
        size_mismatch::judge,
        field_inconsistency::judge,
        out_of_phase::judge,
        data_after_done::judge,
        window_exceeded::judge,
        window_full::judge,
        gap::judge_frame,
        duplicate_resend::judge_frame,
        resend_not_oldest::judge,
        resend_mismatch::judge,
        bad_ack_number::judge,
        ack_of_unsent::judge,
        premature_ack::judge,
        late_ack::judge,
        ack_regress::judge,
        duplicate_ack::judge,
        ack_gap::judge,
    ];
    for judge in RULES {
        judge(facts, found);
    }
}

/// Asks which rule names a position written again or late: the first that does.
pub(super) fn judge_again(facts: &AgainFacts<'_>, found: &mut Found) {
    const RULES: [fn(&AgainFacts<'_>, &mut Found) -> bool; 5] =
        [gap::judge, done_resend::judge, resend_after_ack::judge, premature_resend::judge, duplicate_resend::judge];
    let _named = RULES.iter().any(|judge| judge(facts, found));
    // How late it was is another matter.
    overdue_resend::judge(facts, found);
}

/// Asks every rule about a hole.
pub(super) fn judge_hole(facts: &HoleFacts<'_>, found: &mut Found) {
    truncated_packet::judge(facts, found);
    capture_hole::judge(facts, found);
}

/// Asks every rule about a connection at its end.
pub(super) fn judge_closing(facts: &ClosingFacts<'_>, found: &mut Found) {
    const RULES: [fn(&ClosingFacts<'_>, &mut Found); 9] = [
        one_sided::judge,
        mid_stream::judge,
        unknown_frame::judge_skipped,
        partial_frame::judge,
        gap::judge_open,
        gap_unrecovered::judge,
        ack_withheld::judge,
        incomplete_exchange::judge,
        parameter_mismatch::judge,
    ];
    for judge in RULES {
        judge(facts, found);
    }
}
