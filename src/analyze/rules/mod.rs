//! The rules: one file and one page each.

mod expectation_failed;

pub use expectation_failed::EXPECTATION_FAILED;

use super::Rule;

/// All rules, in the order of their pages.
pub static RULES: &[&Rule] = &[&EXPECTATION_FAILED];

/// The rule of that name.
#[must_use]
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.name == name)
}
