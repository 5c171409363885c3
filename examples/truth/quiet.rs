//! An exchange without a fault and with a timeout above the largest delay: there is nothing to say of it.

use super::account::Account;
use super::play::Played;

/// Every finding above chat, and whatever else is said, is a difference.
pub(crate) fn check(played: &Played, account: &mut Account) -> Vec<String> {
    let told = &played.told;
    account.quiet_findings += told.findings.len() as u64;
    let mut differences: Vec<String> = told.findings.iter().map(|finding| finding.message.clone()).collect();
    differences.extend(told.doubts.iter().map(|doubt| format!("{}: {}", doubt.rule.name, doubt.because)));
    let divergences = told.closed.iter().filter_map(|closed| closed.reference.divergence.as_ref());
    differences.extend(divergences.map(|divergence| divergence.words.clone()));
    differences
}
