//! What a connection's findings come to: counts that stay exact whatever a report keeps, and the verdict in one line.

use std::collections::BTreeSet;

use super::{Finding, NotWritten, PositionSet, ResendCauses, Rule, RuleCount, Severity, Trigger, Verdict, Why, rules};
use crate::window::Positions;
use crate::wire::Pos;

/// Runs of positions remembered for the verdict, per rule; beyond it only their number is.
const MAX_RUNS: usize = 8;

/// ACKs not written that are remembered for the verdict.
const MAX_ACKS: usize = 256;

/// One rule's findings.
#[derive(Debug)]
struct Entry {
    count: RuleCount,
    /// The first positions.
    first: PositionSet,
    /// All.
    positions: u64,
}

/// Of which frames the capture lacks none, so that what was not found was not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    /// Those of the client.
    pub(super) departures: bool,
    /// Those of both sides.
    pub(super) exchange: bool,
}

/// Findings counted as they come.
#[derive(Debug, Default)]
pub(super) struct Tally {
    entries: Vec<Entry>,
    causes: ResendCauses,
    /// ACKs not written when due: how many, the positions of the first, and how many those are not.
    unwritten: u64,
    unwritten_positions: BTreeSet<i32>,
    unwritten_beyond: u64,
    pub(super) doubts: u64,
}

impl Tally {
    pub(super) fn add(&mut self, finding: &Finding) {
        if let Some(cause) = &finding.cause {
            let causes = &mut self.causes;
            match cause.why {
                Why::NeverWritten => causes.never_written += 1,
                Why::AckMissing => causes.ack_missing += 1,
                Why::Unexplained => causes.unexplained += 1,
                Why::CannotTell => causes.cannot_tell += 1,
            }
            for trigger in &cause.triggers {
                match trigger {
                    Trigger::Timer => causes.timer += 1,
                    Trigger::FullWindow => causes.full_window += 1,
                    Trigger::EndOfMessage => causes.end_of_message += 1,
                }
            }
        }
        let same = |entry: &&mut Entry| entry.count.rule == finding.rule && entry.count.severity == finding.severity;
        let entry = match self.entries.iter_mut().find(same) {
            Some(entry) => entry,
            None => {
                let count = RuleCount { rule: finding.rule, severity: finding.severity, findings: 0 };
                self.entries.push(Entry { count, first: PositionSet::new(), positions: 0 });
                let Some(entry) = self.entries.last_mut() else { return };
                entry
            }
        };
        entry.count.findings += 1;
        for run in finding.positions.runs() {
            entry.note(*run);
        }
    }

    pub(super) fn unwritten(&mut self, acks: &NotWritten) {
        let count = u64::from(acks.acks.count());
        self.unwritten += count;
        let room = MAX_ACKS - self.unwritten_positions.len();
        let kept = acks.acks.first().0..=acks.acks.last().0;
        self.unwritten_positions.extend(kept.take(room));
        self.unwritten_beyond += count.saturating_sub(room as u64);
    }

    /// ACKs that were not written when they were due.
    pub(super) const fn acks_not_written(&self) -> u64 {
        self.unwritten
    }

    /// Exact counts, the highest severity first, then in the order of the rules.
    pub(super) fn counts(&self) -> Vec<RuleCount> {
        let mut counts: Vec<RuleCount> = self.entries.iter().map(|entry| entry.count).collect();
        in_order(&mut counts);
        counts
    }

    pub(super) const fn causes(&self) -> ResendCauses {
        self.causes
    }

    /// Positions in all findings of `rule`.
    pub(super) fn positions(&self, rule: &Rule) -> u64 {
        self.of(rule).map(|entry| entry.positions).sum()
    }

    fn of<'a>(&'a self, rule: &Rule) -> impl Iterator<Item = &'a Entry> {
        let name = rule.name;
        self.entries.iter().filter(move |entry| entry.count.rule.name == name)
    }

    fn findings(&self, rule: &Rule) -> u64 {
        self.of(rule).map(|entry| entry.count.findings).sum()
    }

    /// The positions of `rule`'s findings, the first few spelt out.
    fn list(&self, rule: &Rule) -> Option<String> {
        let entry = self.of(rule).next()?;
        let kept = entry.first.count();
        let more = self.positions(rule).saturating_sub(kept);
        let text = spread(&entry.first);
        Some(if more > 0 { format!("{text} and {more} more") } else { text })
    }

    /// The first sentence about the connection. `complete` as far as the capture proves it; `why_not` how it ended
    /// otherwise; `window` whether one was declared; `whole` what may be said not to have happened.
    pub(super) fn verdict(&self, complete: Option<bool>, why_not: &str, window: bool, whole: Whole) -> Verdict {
        let worst = self.entries.iter().map(|entry| entry.count.severity).max();
        let mut parts = vec![match complete {
            // The message is not, whatever the sides agreed on.
            Some(true) if self.findings(&rules::gap_unrecovered::RULE) > 0 => "ended with DISCONNECT".to_owned(),
            Some(true) => "complete".to_owned(),
            Some(false) => format!("incomplete: {why_not}"),
            None => format!("not known to be complete: {why_not}"),
        }];
        self.say_packages(&mut parts, whole);
        self.say_acks(&mut parts, whole);
        let dones = self.findings(&rules::done_resend::RULE);
        if dones > 0 {
            parts.push(format!("DONE written {} times", dones + 1));
        }
        if window && self.findings(&rules::window_exceeded::RULE) == 0 {
            parts.push(if whole.exchange { "window kept" } else { "window kept as far as seen" }.to_owned());
        }
        let broken: Vec<String> = self
            .counts()
            .iter()
            .filter(|count| {
                count.severity == Severity::Error && count.rule.name != rules::incomplete_exchange::RULE.name
            })
            .map(|count| match count.findings {
                1 => count.rule.name.to_owned(),
                n => format!("{} ({n})", count.rule.name),
            })
            .collect();
        if !broken.is_empty() {
            parts.push(format!("rules broken: {}", broken.join(", ")));
        }
        if self.doubts > 0 {
            let noun = if self.doubts == 1 { "thing" } else { "things" };
            parts.push(format!("{} {noun} the capture cannot tell", self.doubts));
        }
        Verdict { worst, complete, line: sentence(&parts) }
    }

    fn say_packages(&self, parts: &mut Vec<String>, whole: Whole) {
        let never = self.positions(&rules::gap_unrecovered::RULE);
        let late = self.positions(&rules::gap::RULE).saturating_sub(never);
        if late > 0 && never == 0 {
            if let Some(list) = self.list(&rules::gap::RULE) {
                parts.push(format!("{} {list} written late", noun(late, "package")));
            }
        } else if late > 0 {
            parts.push(format!("{late} {} written late", noun(late, "package")));
        }
        if let Some(list) = self.list(&rules::gap_unrecovered::RULE) {
            // The connection may have gone on.
            let ended = self.of(&rules::gap_unrecovered::RULE).any(|entry| entry.count.severity == Severity::Error);
            let never_written = if ended { "never written" } else { "not written by then" };
            parts.push(format!("{} {list} {never_written}", noun(never, "package")));
        }
        let again = [&rules::duplicate_resend::RULE, &rules::premature_resend::RULE, &rules::resend_after_ack::RULE];
        let times: u64 = again.iter().map(|rule| self.positions(rule)).sum();
        let lists: Vec<String> = again.iter().filter_map(|rule| self.list(rule)).collect();
        match lists.as_slice() {
            [] if late == 0 && never == 0 => {
                let seen = if whole.departures { "" } else { "seen to be " };
                parts.push(format!("no package {seen}passed over or written again"));
            }
            [] => {}
            // Which of the two it was, the ACKs not written say where that is known.
            [one]
                if self.unwritten == 0
                    && self.causes.cannot_tell == 0
                    && self.findings(&rules::duplicate_resend::RULE) > 0 =>
            {
                let acks = if times == 1 { "its ACK" } else { "their ACKs" };
                parts.push(format!("{} {one} written again ({acks} late or lost)", noun(times, "package")));
            }
            [one] => parts.push(format!("{} {one} written again", noun(times, "package"))),
            _ => parts.push(format!("{times} packages written again")),
        }
    }

    fn say_acks(&self, parts: &mut Vec<String>, whole: Whole) {
        if self.unwritten > 0 {
            let list = spread(&self.unwritten_positions.iter().map(|pos| Pos(*pos)).collect());
            let more = match self.unwritten_beyond {
                0 => String::new(),
                beyond => format!(" and {beyond} more"),
            };
            parts.push(format!("{} {list}{more} not written when due", noun(self.unwritten, "ACK")));
        }
        let withheld = self.positions(&rules::ack_withheld::RULE);
        match self.list(&rules::ack_withheld::RULE) {
            Some(list) => parts.push(format!("{} {list} never seen", noun(withheld, "ACK"))),
            // Of a package written again the ACK may have been lost.
            None if self.unwritten == 0 && self.findings(&rules::duplicate_resend::RULE) == 0 => {
                parts.push(if whole.exchange { "no ACK lost" } else { "no ACK seen to be lost" }.to_owned());
            }
            None => {}
        }
    }
}

/// The highest severity first, then in the order of the rules.
pub(super) fn in_order(counts: &mut [RuleCount]) {
    let place = |rule: &Rule| rules::RULES.iter().position(|other| other.name == rule.name);
    counts.sort_by_key(|count| (std::cmp::Reverse(count.severity), place(count.rule)));
}

impl Entry {
    /// Counts a run, and remembers it if it stands above the others and there is room. One that is remembered is not
    /// counted again.
    fn note(&mut self, run: Positions) {
        if self.first.runs().iter().any(|known| known.contains(run.first()) && known.contains(run.last())) {
            return;
        }
        self.positions += u64::from(run.count());
        let above = self.first.runs().last().is_none_or(|last| last.last() < run.first());
        if above && self.first.runs().len() < MAX_RUNS {
            self.first.push(run);
        }
    }
}

/// The first part, a semicolon, the rest with commas.
fn sentence(parts: &[String]) -> String {
    match parts {
        [first, rest @ ..] if !rest.is_empty() => format!("{first}; {}", rest.join(", ")),
        _ => parts.concat(),
    }
}

fn noun(count: u64, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

/// Positions one by one while they are few: `4, 9, 10`.
fn spread(set: &PositionSet) -> String {
    if set.count() <= MAX_RUNS as u64 {
        let all: Vec<String> = set.iter().map(|Pos(pos)| pos.to_string()).collect();
        all.join(", ")
    } else {
        set.to_string()
    }
}
