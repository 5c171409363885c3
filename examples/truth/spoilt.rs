//! A capture that lacks something: whatever is claimed is so, and where something is hidden, that is said.
//!
//! | claim | so, when |
//! | --- | --- |
//! | `gap` | its position was lost, and one above it written before its first copy |
//! | `gap-unrecovered` | it was lost and never written; only noted for a capture that ends, it was lost |
//! | `ack-gap`, `ack-withheld` | that ACK was lost |
//! | `duplicate-resend`, `resend-after-ack`, `done-resend` | the position was written again, no more often than claimed; one of these resends has the cause, as far as it is told |
//! | `late-ack` | the position was written again |
//! | `overdue-resend` | a resend of it was not written |
//! | `incomplete-exchange` | it is not complete, or only noted for a capture that ends |
//! | `capture-hole`, `mid-stream`, `truncated-packet`, `one-sided`, `clock-backwards`, `partial-frame` | the capture has such a defect |
//!
//! Anything else is a claim that these endpoints broke a rule, and they never do. Where a capture hides a visible event,
//! either that is left open by name or the ledger says that something is missing.

use std::collections::{BTreeMap, BTreeSet};

use arqscope::analyze::{Cause, Completeness, Doubt, Finding, Severity, Trigger, Why};
use arqscope::simulate::scenario::Scenario;
use arqscope::simulate::truth::{Class, DefectKind, Resend, TruthEvent};

use super::account::{Account, add};
use super::complete::{rule_of, why};
use super::play::{Played, Truth};

/// Checks every claim.
pub(crate) fn check(scenario: &Scenario, played: &Played, account: &mut Account) -> Vec<String> {
    let Played { truth, told, .. } = played;
    let known = Known::of(truth);
    let mut differences = Vec::new();
    let mut claimed: BTreeMap<i32, usize> = BTreeMap::new();
    for finding in &told.findings {
        let wrong = known.wrong(finding, truth, &mut claimed);
        add(account.claims.entry(finding.rule.name).or_default(), wrong.is_none());
        differences.extend(wrong.map(|wrong| format!("{wrong}: {} ({})", finding.message, finding.rule.name)));
    }
    let invented = told.unwritten.iter().filter(|pos| !known.acks.contains(pos));
    differences.extend(invented.map(|pos| format!("ACK {pos} is said not to be written")));
    account.doubts += told.doubts.len() as u64;
    account.doubtful += u64::from(!told.doubts.is_empty());
    let divergences = told.closed.iter().filter_map(|closed| closed.reference.divergence.as_ref());
    differences.extend(divergences.map(|divergence| format!("no rule was broken, but {}", divergence.words)));
    for closed in &told.closed {
        let timeout = closed.parameters.timeout.inferred.as_ref().and_then(|inferred| inferred.bounds.max);
        let window = closed.parameters.window.inferred.as_ref().and_then(|inferred| inferred.bounds.min);
        let exchange = scenario.exchanges.first();
        if exchange.is_some_and(|e| window.is_some_and(|least| least > e.window)) {
            differences.push(format!("a window of {window:?} at least is not so"));
        }
        if exchange.is_some_and(|e| timeout.is_some_and(|most| most + 1e-6 < e.timeout.seconds())) {
            differences.push(format!("a timeout of {timeout:?} at most is not so"));
        }
    }
    hidden(played, account, &mut differences);
    differences
}

/// The truth, by position.
#[derive(Debug, Default)]
struct Known {
    gaps: BTreeSet<i32>,
    unrecovered: BTreeSet<i32>,
    acks: BTreeSet<i32>,
    again: BTreeMap<i32, usize>,
    unwritten: BTreeSet<i32>,
    defects: BTreeSet<Kind>,
}

/// Kinds of defects, as far as findings tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Missing,
    Cut,
    Start,
    Side,
    Order,
}

impl Known {
    fn of(truth: &Truth) -> Self {
        let mut known = Self::default();
        for event in &truth.events {
            match event {
                TruthEvent::MessageLost(loss) => {
                    if matches!(loss.class, Class::Gap | Class::GapUnrecovered) {
                        known.gaps.insert(loss.pos);
                    }
                    if loss.class == Class::GapUnrecovered {
                        known.unrecovered.insert(loss.pos);
                    }
                }
                TruthEvent::AckLost(loss) | TruthEvent::DoneIgnored(loss) => drop(known.acks.insert(loss.pos)),
                TruthEvent::Resend(resend) if !resend.written => drop(known.unwritten.insert(resend.pos)),
                TruthEvent::Resend(resend) => *known.again.entry(resend.pos).or_default() += 1,
                TruthEvent::Defect(defect) => {
                    let kinds: &[Kind] = match defect.what {
                        DefectKind::Dropped => &[Kind::Missing, Kind::Start, Kind::Side],
                        DefectKind::BeforeStart => &[Kind::Start, Kind::Missing, Kind::Side],
                        DefectKind::AfterEnd => &[Kind::Missing, Kind::Side],
                        DefectKind::OtherSide => &[Kind::Side, Kind::Missing, Kind::Start],
                        DefectKind::Cut => &[Kind::Cut, Kind::Missing, Kind::Start],
                        DefectKind::Duplicated => &[],
                        DefectKind::Reordered => &[Kind::Order, Kind::Start],
                    };
                    known.defects.extend(kinds);
                }
            }
        }
        known
    }

    /// Why a finding is not so.
    fn wrong(&self, finding: &Finding, truth: &Truth, claimed: &mut BTreeMap<i32, usize>) -> Option<&'static str> {
        let all = |set: &BTreeSet<i32>| finding.positions.iter().all(|pos| set.contains(&pos.0));
        let defect = |kind| self.defects.contains(&kind);
        let so = match finding.rule.name {
            "gap" => all(&self.gaps),
            "gap-unrecovered" if finding.severity == Severity::Note => all(&self.gaps),
            "gap-unrecovered" => all(&self.unrecovered),
            "ack-gap" | "ack-withheld" => all(&self.acks),
            "overdue-resend" => all(&self.unwritten),
            "late-ack" => finding.positions.iter().all(|pos| self.again.contains_key(&pos.0)),
            "duplicate-resend" | "resend-after-ack" | "done-resend" => finding.positions.iter().all(|pos| {
                let times = claimed.entry(pos.0).or_default();
                *times += 1;
                self.again.get(&pos.0).is_some_and(|most| *times <= *most)
            }),
            "incomplete-exchange" => finding.severity == Severity::Note || !truth.is_complete(),
            "capture-hole" => defect(Kind::Missing),
            "partial-frame" => defect(Kind::Missing) || defect(Kind::Cut),
            "truncated-packet" => defect(Kind::Cut),
            "mid-stream" => defect(Kind::Start),
            "one-sided" => defect(Kind::Side),
            "clock-backwards" => defect(Kind::Order),
            _ => return Some("no rule was broken"),
        };
        if !so {
            return Some("not so");
        }
        let cause = finding.cause.as_ref()?;
        let pos = finding.positions.iter().next()?;
        let agrees = truth.resends().any(|resend| resend.pos == pos.0 && agrees(finding, cause, resend));
        (!agrees).then_some("not the cause")
    }
}

/// Everything that a cause says is so of this resend.
fn agrees(finding: &Finding, cause: &Cause, resend: &Resend) -> bool {
    let triggers = [
        (Trigger::Timer, resend.triggers.timer.is_some()),
        (Trigger::FullWindow, resend.triggers.full_window.is_some()),
        (Trigger::EndOfMessage, resend.triggers.end_of_message),
    ];
    let why = cause.why == why(resend) || cause.why == Why::CannotTell;
    // With what covered it missing, an ACK that had passed is not seen.
    let rule = rule_of(resend) == Some(finding.rule.name) || cause.why == Why::CannotTell;
    let said = |trigger: Trigger| cause.triggers.contains(&trigger);
    let open = |trigger: Trigger| cause.undecided.contains(&trigger);
    why && rule && triggers.iter().all(|(trigger, held)| open(*trigger) || said(*trigger) == *held)
}

/// Where the capture hides a visible event, it has to say that something is missing.
fn hidden(played: &Played, account: &mut Account, differences: &mut Vec<String>) {
    let Played { truth, told, .. } = played;
    let told_of = |pos: i32| {
        let told_by = |finding: &Finding| finding.positions.iter().any(|other| other.0 == pos);
        let doubted = |doubt: &Doubt| doubt.positions.is_empty() || doubt.positions.iter().any(|other| other.0 == pos);
        told.findings.iter().any(told_by) || told.doubts.iter().any(doubted)
    };
    let admits =
        told.closed.is_empty() || told.closed.iter().any(|closed| closed.ledger.completeness != Completeness::Complete);
    for event in &truth.events {
        let (pos, visible) = match event {
            TruthEvent::MessageLost(loss) | TruthEvent::AckLost(loss) | TruthEvent::DoneIgnored(loss) => {
                (loss.pos, loss.visible)
            }
            TruthEvent::Resend(resend) => (resend.pos, resend.visible),
            TruthEvent::Defect(_) => continue,
        };
        if visible && !told_of(pos) {
            account.hidden += 1;
            if !admits {
                differences.push(format!("not found, and the ledger says that the capture is complete: {event:?}"));
            }
        }
    }
}
