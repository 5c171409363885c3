//! `gap`: a position was passed by: it was written for the first time after a higher one, or never.

use crate::analyze::again::How;
use crate::analyze::facts::{AgainFacts, ClosingFacts, FrameFacts, Place};
use crate::analyze::words::{Packages, Seconds};
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Departure;
use crate::wire::{Pos, Side};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "gap",
    severity: Severity::Warn,
    group: Group::Sequence,
    summary: "a position was passed by: it was written for the first time after a higher one, or never",
    page: include_str!("gap.md"),
};

/// The first copy of a position that had been passed by, when all about it is known.
pub(super) fn judge(facts: &AgainFacts<'_>, found: &mut Found) -> bool {
    let again = facts.again;
    let How::Late { opened } = again.how else { return false };
    let Pos(pos) = again.pos;
    let cause = again.cause();
    let packet = again.packet;
    let passed = opened
        .map_or_else(|| "a higher position had gone".to_owned(), |opened| format!("packet {opened} had passed it by"));
    let by_sent = again.age.map(|age| format!("{} by sent_time", Seconds(age.min)));
    let by_capture = again.capture_age.map(|age| format!("{} by capture time", Seconds(age)));
    let open: Vec<String> = by_sent.into_iter().chain(by_capture).collect();
    let open = if open.is_empty() { String::new() } else { format!(", open for {}", open.join(", ")) };
    let mut packets: Vec<u64> = opened.into_iter().chain([packet]).collect();
    packets.sort_unstable();
    found.findings.push(Finding {
        positions: again.pos.into(),
        packets,
        expected: format!("the first copy of {pos} before any higher position"),
        seen: format!("its first copy in packet {packet}, after {passed}{open}"),
        message: format!("package {pos} was not written when its turn came: {passed}, its first copy is in packet {packet}{open}; {cause}"),
        cause: Some(cause),
        ..facts.place.finding(&RULE)
    });
    true
}

/// A run that is still open at the end.
pub(super) fn judge_open(facts: &ClosingFacts<'_>, found: &mut Found) {
    for (run, opening) in &facts.open {
        let set = PositionSet::from(*run);
        let opened = opening.map(|opening| opening.packet);
        let at = opened.unwrap_or(facts.place.packet);
        let time = opening.map_or(facts.place.time, |opening| opening.time);
        let place = Place { side: Some(Side::Client), packet: at, time, ..facts.place };
        found.findings.push(Finding {
            expected: format!("a copy of {set} before any higher position"),
            seen: format!("none to the end; packet {at} went beyond"),
            message: format!("{} not written when packet {at} went beyond, and not after", Packages(&set)),
            positions: set,
            ..place.finding(&RULE)
        });
    }
}

/// What may have been passed by, or written where nothing was captured.
pub(super) fn judge_frame(facts: &FrameFacts<'_>, found: &mut Found) {
    if let Note::Departure { verdict: Departure::New { unseen: Some(unseen) }, .. } = facts.note {
        found.doubts.push(facts.place.doubt(&RULE, unseen.into(), facts.because(Side::Client)));
    }
}
