//! `expectation-failed`: a declared fact is not what the capture shows.

use crate::analyze::{Group, Rule, Severity};

pub(crate) static RULE: Rule = Rule {
    name: "expectation-failed",
    severity: Severity::Error,
    group: Group::Expectation,
    summary: "a declared fact is not what the capture shows",
    page: include_str!("expectation_failed.md"),
};
