//! `ack-regress`: an ACK below the last one that nothing had asked for.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Acknowledgement;
use crate::wire::Side;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "ack-regress",
    severity: Severity::Error,
    group: Group::Acknowledgement,
    summary: "an ACK below the last one that nothing had asked for",
    page: include_str!("ack_regress.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Acknowledgement { verdict, number, last, .. } = facts.note else { return };
    match (verdict, last) {
        (Acknowledgement::Regress, Some(last)) => {
            let asked = match number.0 {
                0 => "no package has position 0".to_owned(),
                _ => format!("no copy of {number} had come since"),
            };
            found.findings.push(Finding {
                positions: if number.0 > 0 { number.into() } else { PositionSet::new() },
                expected: format!("ACK {} or above", last.0.saturating_add(1)),
                seen: format!("ACK {number}"),
                message: format!("ACK {number} after {last} was acknowledged, and nothing asked for it: {asked}"),
                ..facts.place.finding(&RULE)
            });
        }
        (Acknowledgement::Unclear, Some(_)) => {
            // A duplicate in what is missing of the client may have asked for it.
            found.doubts.push(facts.place.doubt(&RULE, number.into(), facts.because(Side::Client)));
        }
        _ => {}
    }
}
