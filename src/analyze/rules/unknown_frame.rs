//! `unknown-frame`: a frame whose header is no name of the protocol, or bytes that are no frame.

use crate::analyze::facts::{ClosingFacts, FrameFacts, Place};
use crate::analyze::ledger::Skipped;
use crate::analyze::words::count;
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};
use crate::decode::info::Note;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "unknown-frame",
    severity: Severity::Error,
    group: Group::Frame,
    summary: "a frame whose header is no name of the protocol, or bytes that are no frame",
    page: include_str!("unknown_frame.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    if facts.note != Note::UnknownName {
        return;
    }
    if !facts.on_grid || !facts.size_told {
        found.doubts.push(facts.place.doubt(&RULE, PositionSet::new(), facts.because(facts.step.from)));
        return;
    }
    let header = facts.frame.header_text().unwrap_or_default().escape_ascii();
    found.findings.push(Finding {
        expected: "a name of the protocol".to_owned(),
        seen: format!("`{header}`"),
        message: format!(
            "a frame of the {} with the header `{header}`, which is no name of the protocol",
            facts.step.from
        ),
        ..facts.place.finding(&RULE)
    });
}

/// Bytes passed over, where nothing before them is missing that would explain it.
pub(super) fn judge_skipped(facts: &ClosingFacts<'_>, found: &mut Found) {
    for skipped in facts.skipped {
        let Skipped { from, offset, len, packet, time } = *skipped;
        if !facts.connection.from_start(from) || facts.book.lost(from).is_some() {
            continue;
        }
        let place = Place { side: Some(from), packet, time, ..facts.place };
        let (bytes, belong) = (count(len, "byte"), if len == 1 { "belongs" } else { "belong" });
        found.findings.push(Finding {
            expected: "frames, one after the other".to_owned(),
            seen: format!("{bytes} that {belong} to none"),
            message: format!("{bytes} of the {from} at stream offset {offset} {belong} to no frame"),
            ..place.finding(&RULE)
        });
    }
}
