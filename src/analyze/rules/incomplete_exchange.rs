//! `incomplete-exchange`: the connection ended before DONE, its ACK, CLOSE and DISCONNECT were written.

use crate::analyze::facts::ClosingFacts;
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};
use crate::wire::Side;

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "incomplete-exchange",
    severity: Severity::Error,
    group: Group::Exchange,
    summary: "the connection ended before DONE, its ACK, CLOSE and DISCONNECT were written",
    page: include_str!("incomplete_exchange.md"),
};

pub(super) fn judge(facts: &ClosingFacts<'_>, found: &mut Found) {
    let course = facts.course;
    if course.is_complete() {
        return;
    }
    let lacking = if course.done.is_none() {
        "DONE"
    } else if !course.done_acked {
        "the ACK of DONE"
    } else if course.close.is_none() {
        "CLOSE"
    } else {
        "DISCONNECT"
    };
    let lost = facts.book.lost(Side::Client).or(facts.book.lost(Side::Server)).is_some();
    let whole = facts.connection.from_start(Side::Client) && facts.connection.from_start(Side::Server);
    if lost || !whole {
        found.doubts.push(facts.place.doubt(&RULE, PositionSet::new(), facts.because()));
        return;
    }
    let ending = facts.ending();
    found.findings.push(Finding {
        severity: if facts.proves { RULE.severity } else { Severity::Note },
        expected: "DONE, its ACK, CLOSE and DISCONNECT".to_owned(),
        seen: format!("{ending} without {lacking}"),
        message: format!("the exchange is not complete: {ending}, and {lacking} was not seen"),
        ..facts.place.finding(&RULE)
    });
}
