//! The rules: one file and one page each.

mod expectation_failed;

pub use expectation_failed::EXPECTATION_FAILED;

use super::{Doubt, Finding, Rule};

/// All rules, in the order of their pages.
pub static RULES: &[&Rule] = &[&EXPECTATION_FAILED];

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
}

impl Found {
    pub(super) const fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.doubts.is_empty()
    }
}
