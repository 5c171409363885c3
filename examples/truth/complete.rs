//! A complete capture: every visible event is found with its class and cause, and nothing else is.
//!
//! | event, class | finding |
//! | --- | --- |
//! | message-lost, gap | `gap` of that position, once |
//! | message-lost, gap-unrecovered | `gap` and `gap-unrecovered` of it, once |
//! | ack-lost, ack-gap | `ack-gap` of it |
//! | ack-lost, ack-late-or-lost | its package was written again: the resend's finding |
//! | ack-lost, ack-withheld | `ack-withheld` of it |
//! | ack-lost or done-ignored, done-unanswered | `done-resend`, or `ack-withheld` when DONE did not go again |
//! | resend, fill | the `gap` of it, with the cause |
//! | resend, duplicate | `duplicate-resend`, or `resend-after-ack` when its ACK was under way; of DONE `done-resend`; with the cause |
//!
//! The n-th finding of a position belongs to its n-th resend. A cause says *never-written*, *ack-missing* or
//! *unexplained* (the ACK had passed the capture and not reached the client) as the truth does, and of each trigger whether
//! it held, exactly where the truth says that the written frames show it; otherwise it leaves the trigger open.
//!
//! Two kinds of findings follow from what happened and are no event by themselves: `late-ack` for every ACK that is not
//! above all before it (the answer to a resend), and `incomplete-exchange` where no DISCONNECT was written. One is of two
//! things that look the same: `overdue-resend` is right only if the position's resend was counted and not written, since
//! these clients are never late. An ACK that was lost and whose package went again may also have been jumped over. Whether
//! an ACK was withheld is left open, and only that, where the connection ended too soon after its package; and where it went on
//! for a while, `ack-withheld` names one of two things that look the same, a lost ACK and a server that saw the end first.

use std::collections::BTreeMap;

use arqscope::analyze::{Cause, Finding, TimerEvidence, Trigger, Why};
use arqscope::simulate::truth::{Class, Resend, ResendCause, TruthEvent};
use arqscope::wire::Name;

use super::account::{Account, add};
use super::play::{Played, Told, Truth};

/// The largest window of these exchanges.
const MOST_OUTSTANDING: i32 = 40;

/// How often each position is expected, or may be.
type Bag = BTreeMap<(&'static str, i32), u64>;

/// Compares a complete capture's findings with the truth.
pub(crate) fn check(played: &Played, account: &mut Account) -> Vec<String> {
    let Played { truth, told, .. } = played;
    let mut differences = Vec::new();
    let causes = causes(truth, told, account, &mut differences);
    let found = |rule: &'static str, pos: i32| told.findings.iter().any(|f| f.rule.name == rule && is_of(f, pos));
    for event in &truth.events {
        let (class, visible, right) = match event {
            TruthEvent::MessageLost(loss) | TruthEvent::AckLost(loss) | TruthEvent::DoneIgnored(loss) => {
                let rules = rules_of(loss.class);
                let right = match loss.class {
                    Class::GapUnrecovered => rules.iter().all(|rule| found(rule, loss.pos)),
                    _ => rules.iter().any(|rule| found(rule, loss.pos)),
                };
                (loss.class, loss.visible, right)
            }
            TruthEvent::Resend(resend) => {
                let right = causes.iter().any(|(other, right)| std::ptr::eq(*other, resend) && *right);
                (resend.class, resend.visible, right)
            }
            TruthEvent::Defect(_) => continue,
        };
        account.event(class, visible, right);
        if visible && !right {
            differences.push(format!("not found: {event:?}"));
        }
    }
    let (mut expected, mut possible) = (expected(truth, told), possible(truth, told));
    for finding in &told.findings {
        let right = takes(finding, &mut expected, &mut possible);
        add(account.findings.entry(finding.rule.name).or_default(), right);
        if !right {
            differences.push(format!("nothing explains {}: {}", finding.rule.name, finding.message));
        }
    }
    let missing = expected.iter().filter(|(_, left)| **left > 0);
    differences.extend(missing.map(|((rule, pos), left)| format!("{rule} of {pos} is missing {left} times")));
    unwritten(truth, told, &mut differences);
    // An event that shows and is only doubted was not found.
    let doubts = told.doubts.iter().filter(|doubt| doubt.rule.name != "ack-withheld");
    differences.extend(doubts.map(|doubt| format!("doubts {}: {}", doubt.rule.name, doubt.because)));
    let divergences = told.closed.iter().filter_map(|closed| closed.reference.divergence.as_ref());
    differences.extend(divergences.map(|divergence| format!("no rule was broken, but {}", divergence.words)));
    differences
}

/// No ACK is said to be missing more often than it was lost; and once the server has said goodbye, as often.
fn unwritten(truth: &Truth, told: &Told, differences: &mut Vec<String>) {
    let done = truth.connections.first().map_or(0, |connection| connection.packages as i32 + 1);
    let mut lost: BTreeMap<i32, [u64; 2]> = BTreeMap::new();
    for event in &truth.events {
        if let TruthEvent::AckLost(loss) = event
            && loss.pos != done
        {
            lost.entry(loss.pos).or_default()[0] += 1;
        }
    }
    for pos in &told.unwritten {
        lost.entry(*pos).or_default()[1] += 1;
    }
    // What lay beyond the last ACK then, the connection's end alone tells.
    let withheld = told.findings.iter().any(|finding| finding.rule.name == "ack-withheld" && !is_of(finding, done));
    let all_told = truth.is_complete() && !withheld;
    let wrong = lost.iter().filter(|(_, [lost, told])| told > lost || all_told && told < lost);
    differences
        .extend(wrong.map(|(pos, [lost, told])| format!("ACK {pos}: {told} said not to be written, {lost} were lost")));
}

fn is_of(finding: &Finding, pos: i32) -> bool {
    finding.positions.iter().any(|other| other.0 == pos)
}

/// The rules by which a loss of that class shows.
const fn rules_of(class: Class) -> &'static [&'static str] {
    match class {
        Class::Gap => &["gap"],
        Class::GapUnrecovered => &["gap", "gap-unrecovered"],
        Class::AckGap => &["ack-gap"],
        Class::AckLateOrLost => &["duplicate-resend", "resend-after-ack"],
        Class::AckWithheld => &["ack-withheld"],
        Class::DoneUnanswered => &["done-resend", "ack-withheld"],
        _ => &[],
    }
}

/// The rule by which a resend shows.
pub(crate) const fn rule_of(resend: &Resend) -> Option<&'static str> {
    match (resend.class, resend.frame, resend.why) {
        (Class::Fill, ..) => Some("gap"),
        (Class::Duplicate, Name::Done, _) => Some("done-resend"),
        (Class::Duplicate, _, ResendCause::AckUnderway) => Some("resend-after-ack"),
        (Class::Duplicate, ..) => Some("duplicate-resend"),
        _ => None,
    }
}

/// Every visible resend, and whether its finding has the right cause.
fn causes<'t>(
    truth: &'t Truth,
    told: &Told,
    account: &mut Account,
    differences: &mut Vec<String>,
) -> Vec<(&'t Resend, bool)> {
    let mut again: BTreeMap<i32, Vec<&Finding>> = BTreeMap::new();
    for finding in told.findings.iter().filter(|finding| finding.cause.is_some()) {
        let pos = finding.positions.iter().next().map_or(0, |pos| pos.0);
        again.entry(pos).or_default().push(finding);
    }
    for findings in again.values_mut() {
        findings.sort_by_key(|finding| finding.cause.as_ref().map_or(0, |cause| cause.evidence.copy));
    }
    // Events stand in the order in which they were decided; resends of one position are wanted in that of their writing.
    let mut resends: Vec<&Resend> = truth.resends().filter(|resend| resend.visible).collect();
    resends.sort_by_key(|resend| resend.time);
    let mut next: BTreeMap<i32, usize> = BTreeMap::new();
    let mut judged = Vec::new();
    for resend in resends {
        let nth = next.entry(resend.pos).or_default();
        let finding = again.get(&resend.pos).and_then(|findings| findings.get(*nth));
        *nth += 1;
        let right = match finding {
            Some(finding) => finding.rule.name == rule_of(resend).unwrap_or_default(),
            None => false,
        };
        let cause = finding.and_then(|finding| finding.cause.as_ref());
        let wrong = cause.and_then(|cause| wrong_cause(cause, resend));
        if let Some(wrong) = &wrong {
            differences.push(format!("{wrong}: {cause:?} is not {resend:?}"));
        } else if let Some(cause) = cause {
            account.triggers.0 += 3 - cause.undecided.len() as u64;
            account.triggers.1 += cause.undecided.len() as u64;
        }
        judged.push((resend, right && wrong.is_none()));
    }
    judged
}

/// What is wrong with a cause.
fn wrong_cause(cause: &Cause, resend: &Resend) -> Option<String> {
    if cause.why != why(resend) {
        return Some(format!("why {}", cause.why.as_str()));
    }
    let shown = resend.shown;
    let triggers = [
        (Trigger::Timer, resend.triggers.timer.is_some(), shown.timer),
        (Trigger::FullWindow, resend.triggers.full_window.is_some(), shown.full_window),
        (Trigger::EndOfMessage, resend.triggers.end_of_message, shown.end_of_message),
    ];
    triggers.into_iter().find_map(|(trigger, held, shown)| {
        // A sent_time is a double: an age this near to the timeout may or may not be told to be above it.
        let near = trigger == Trigger::Timer && cause.evidence.timer.is_some_and(|timer| is_near(&timer));
        let said = if cause.undecided.contains(&trigger) { None } else { Some(cause.triggers.contains(&trigger)) };
        let name = trigger.as_str();
        match said {
            Some(said) if said != held => Some(format!("trigger {name} {}", if said { "said" } else { "denied" })),
            _ if near => None,
            Some(_) if !shown => Some(format!("trigger {name} told though nothing shows it")),
            None if shown => Some(format!("trigger {name} left open though it shows")),
            _ => None,
        }
    })
}

fn is_near(timer: &TimerEvidence) -> bool {
    let near = |age: f64| timer.timeout.is_some_and(|timeout| (age - timeout).abs() < 3e-6);
    near(timer.age_min) || near(timer.age_max)
}

/// The truth's reason in the analysis's words.
pub(crate) const fn why(resend: &Resend) -> Why {
    match resend.why {
        ResendCause::NeverWritten => Why::NeverWritten,
        ResendCause::AckMissing => Why::AckMissing,
        ResendCause::AckUnderway => Why::Unexplained,
    }
}

/// Findings that there must be.
fn expected(truth: &Truth, told: &Told) -> Bag {
    let mut bag = Bag::new();
    for event in &truth.events {
        match event {
            // Several copies of one package may have been lost.
            TruthEvent::MessageLost(loss) if loss.visible => {
                bag.extend(rules_of(loss.class).iter().map(|rule| ((*rule, loss.pos), 1)));
            }
            TruthEvent::AckLost(loss) if loss.visible && matches!(loss.class, Class::AckGap | Class::AckWithheld) => {
                bag.extend(rules_of(loss.class).iter().map(|rule| ((*rule, loss.pos), 1)));
            }
            TruthEvent::Resend(resend) if resend.visible && resend.class == Class::Duplicate => {
                let rule = rule_of(resend).unwrap_or_default();
                *bag.entry((rule, resend.pos)).or_default() += 1;
            }
            _ => {}
        }
    }
    let mut highest = 0;
    for number in &told.acks {
        if *number <= highest {
            *bag.entry(("late-ack", *number)).or_default() += 1;
        }
        highest = highest.max(*number);
    }
    if !truth.is_complete() {
        bag.insert(("incomplete-exchange", 0), 1);
    }
    bag
}

/// Findings that there may be.
fn possible(truth: &Truth, told: &Told) -> Bag {
    let mut bag = Bag::new();
    if !truth.is_complete() {
        let last_acked = told.acks.iter().copied().max().unwrap_or(0);
        bag.extend((last_acked + 1..=last_acked + MOST_OUTSTANDING).map(|pos| (("ack-withheld", pos), 1)));
    }
    for event in &truth.events {
        match event {
            TruthEvent::AckLost(loss) if loss.class == Class::AckLateOrLost => {
                bag.insert(("ack-gap", loss.pos), 1);
            }
            TruthEvent::AckLost(loss) | TruthEvent::DoneIgnored(loss)
                if loss.class == Class::DoneUnanswered || loss.class == Class::AckWithheld && !loss.visible =>
            {
                bag.insert(("ack-withheld", loss.pos), 1);
            }
            TruthEvent::Resend(resend) if !resend.written => {
                *bag.entry(("overdue-resend", resend.pos)).or_default() += 1;
            }
            _ => {}
        }
    }
    bag
}

/// Takes the finding's positions out of what is expected, or else of what is possible; false when one of them is in neither.
fn takes(finding: &Finding, expected: &mut Bag, possible: &mut Bag) -> bool {
    let rule = finding.rule.name;
    let mut positions: Vec<i32> = finding.positions.iter().map(|pos| pos.0).collect();
    if positions.is_empty() {
        positions.push(0);
    }
    positions.into_iter().all(|pos| {
        [&mut *expected, &mut *possible].into_iter().any(|bag| match bag.get_mut(&(rule, pos)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
    })
}
