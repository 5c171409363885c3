//! `window-exceeded`: a new package beyond the declared window.

use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, Rule, Severity};
use crate::decode::info::Note;
use crate::window::Departure;
use crate::wire::{Name, Pos, Side};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "window-exceeded",
    severity: Severity::Error,
    group: Group::Window,
    summary: "a new package beyond the declared window",
    page: include_str!("window_exceeded.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Note::Departure { verdict, name: Name::Msg, pos, .. } = facts.note else { return };
    let (Some(window), Some(Pos(last))) = (facts.options.window, facts.before.last_acked) else { return };
    match verdict {
        Departure::BeyondWindow { edge, .. } => found.findings.push(Finding {
            positions: pos.into(),
            expected: format!("no new package above {edge}"),
            seen: format!("{pos}"),
            message: format!(
                "package {pos} is beyond the window: {last} is the last acknowledged, so that with a window of {window} nothing above {edge} may be written"
            ),
            ..facts.place.finding(&RULE)
        }),
        Departure::New { .. } | Departure::Skip { .. }
            if i64::from(pos.0) > i64::from(last) + i64::from(window) =>
        {
            let side = if facts.before.acks_proved { Side::Client } else { Side::Server };
            found.doubts.push(facts.place.doubt(&RULE, pos.into(), facts.because(side)));
        }
        _ => {}
    }
}
