//! `expectation-failed`: a declared fact is not so.

use crate::analyze::{Group, Rule, Severity};

/// A fact declared with `--expect` is not what the capture shows.
pub static EXPECTATION_FAILED: Rule = Rule {
    name: "expectation-failed",
    severity: Severity::Error,
    group: Group::Expectation,
    summary: "a fact declared with --expect is not what the capture shows",
    page: include_str!("expectation_failed.md"),
};
