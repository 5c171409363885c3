//! `parameter-mismatch`: what was declared of window or timeout contradicts the traffic.

use crate::analyze::facts::ClosingFacts;
use crate::analyze::words::Seconds;
use crate::analyze::{Certainty, Finding, Group, Rule, Severity, parameters};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "parameter-mismatch",
    severity: Severity::Warn,
    group: Group::Expectation,
    summary: "what was declared of window or timeout contradicts the traffic",
    page: include_str!("parameter_mismatch.md"),
};

pub(super) fn judge(facts: &ClosingFacts<'_>, found: &mut Found) {
    let window = parameters::window(facts.largest_in_flight);
    if let Some((declared, inferred)) = facts.options.window.zip(window)
        && inferred.bounds.min.is_some_and(|least| least > declared)
    {
        let least = inferred.bounds.min.unwrap_or_default();
        found.findings.push(Finding {
            packets: inferred.packets,
            expected: format!("a window of {declared}, as declared"),
            seen: format!("a window of at least {least}: {}", inferred.evidence),
            message: format!("a window of {declared} was declared, but {}", inferred.evidence),
            ..facts.place.finding(&RULE)
        });
    }
    let Some((declared, inferred)) = facts.options.timeout.zip(facts.inference.timeout()) else { return };
    let tolerance = facts.options.tolerance;
    let (seconds, allowed) = (declared.as_secs_f64(), tolerance.as_secs_f64());
    if let Some(most) = inferred.bounds.max.filter(|most| most + allowed < seconds) {
        let (declared, most, allowed) = (Seconds(seconds), Seconds(most), Seconds(allowed));
        found.findings.push(Finding {
            certainty: Certainty::WithinTolerance(tolerance),
            packets: inferred.packets,
            expected: format!("a timeout of {declared}, as declared (tolerance {allowed})"),
            seen: format!("a timeout of at most {most}: {}", inferred.evidence),
            message: format!("a timeout of {declared} was declared, but {}", inferred.evidence),
            ..facts.place.finding(&RULE)
        });
    }
}
