//! What was found and what was not, in sum.

use std::collections::BTreeMap;
use std::io::{self, Write};

use arqscope::simulate::truth::Class;

use super::{complete, exchanges, play, quiet, spoilt};

/// Sums over all exchanges.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) exchanges: u64,
    pub(crate) frames: u64,
    /// Events that leave a trace, by class: all, and those found with their cause.
    pub(crate) visible: BTreeMap<String, (u64, u64)>,
    /// Events that leave none, by class.
    pub(crate) invisible: BTreeMap<String, u64>,
    /// Findings above chat in complete captures, by rule: all, and those that an event or what follows from it explains.
    pub(crate) findings: BTreeMap<&'static str, (u64, u64)>,
    /// Triggers of resends: said and right; left open, and nothing on the wire tells.
    pub(crate) triggers: (u64, u64),
    /// Findings above chat in captures that lack something, by rule: all, and those that are so.
    pub(crate) claims: BTreeMap<&'static str, (u64, u64)>,
    /// Statements that such captures do not allow, and exchanges with any; visible events of which nothing is said there.
    pub(crate) doubts: u64,
    pub(crate) doubtful: u64,
    pub(crate) hidden: u64,
    /// Findings above chat where there is nothing to find.
    pub(crate) quiet_findings: u64,
    pub(crate) differences: Vec<Difference>,
}

/// Where analysis and truth differ.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) seed: u64,
    pub(crate) capture: String,
    pub(crate) words: String,
}

impl Account {
    /// Plays an exchange in all three ways.
    pub(crate) fn exchange(&mut self, seed: u64) {
        self.exchanges += 1;
        let played = play::play(&exchanges::complete(seed));
        self.frames += played.told.frames;
        let differences = complete::check(&played, self);
        self.differ(seed, "complete capture", differences);
        let scenario = exchanges::spoilt(seed);
        let differences = spoilt::check(&scenario, &play::play(&scenario), self);
        let capture = format!("capture that lacks {}", exchanges::lacks(&scenario.defects));
        self.differ(seed, &capture, differences);
        let differences = quiet::check(&play::play(&exchanges::quiet(seed)), self);
        self.differ(seed, "capture of the quiet exchange", differences);
    }

    fn differ(&mut self, seed: u64, capture: &str, differences: Vec<String>) {
        self.differences.extend(differences.into_iter().map(|words| Difference {
            seed,
            capture: capture.to_owned(),
            words,
        }));
    }

    pub(crate) fn event(&mut self, class: Class, visible: bool, found: bool) {
        let class = name(class);
        if visible {
            add(self.visible.entry(class).or_default(), found);
        } else {
            *self.invisible.entry(class).or_default() += 1;
        }
    }

    pub(crate) fn print(&self, out: &mut impl Write, seed: u64, most: usize) -> io::Result<()> {
        let last = seed + self.exchanges.saturating_sub(1);
        writeln!(
            out,
            "{} exchanges, seeds {seed} to {last}, {} frames in complete captures",
            self.exchanges, self.frames
        )?;
        table(out, "visible events", "found", self.visible.iter().map(|(class, sums)| (class.as_str(), *sums)))?;
        writeln!(out, "\n{:<24} {:>9}", "invisible events", "all")?;
        for (class, count) in &self.invisible {
            writeln!(out, "  {class:<22} {count:>9}")?;
        }
        table(out, "findings above chat", "right", self.findings.iter().map(|(rule, sums)| (*rule, *sums)))?;
        let (said, open) = self.triggers;
        writeln!(
            out,
            "\ntriggers of resends: {said} said as they were, {open} left open as nothing on the wire tells"
        )?;
        table(out, "claims of spoilt captures", "so", self.claims.iter().map(|(rule, sums)| (*rule, *sums)))?;
        writeln!(
            out,
            "\n{} statements left open in {} spoilt captures; {} visible events that these no longer show",
            self.doubts, self.doubtful, self.hidden
        )?;
        writeln!(out, "quiet exchanges: {} findings above chat", self.quiet_findings)?;
        for Difference { seed, capture, words } in self.differences.iter().take(most) {
            writeln!(out, "\nseed {seed}, {capture}: {words}")?;
        }
        if self.differences.len() > most {
            writeln!(out, "\n… and {} differences more", self.differences.len() - most)?;
        }
        writeln!(out)?;
        ratio(out, "recall", "visible events", &self.visible)?;
        ratio(out, "precision", "findings", &self.findings)?;
        ratio(out, "spoilt captures", "claims", &self.claims)
    }
}

pub(crate) fn add(sums: &mut (u64, u64), right: bool) {
    sums.0 += 1;
    sums.1 += u64::from(right);
}

/// As in the truth file: `ack-gap`.
fn name(class: Class) -> String {
    serde_json::to_value(class).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn table<'a>(
    out: &mut impl Write,
    title: &str,
    right: &str,
    rows: impl Iterator<Item = (&'a str, (u64, u64))>,
) -> io::Result<()> {
    writeln!(out, "\n{title:<24} {:>9} {right:>9}", "all")?;
    for (name, (all, good)) in rows {
        writeln!(out, "  {name:<22} {all:>9} {good:>9}")?;
    }
    Ok(())
}

fn ratio<K>(out: &mut impl Write, title: &str, of: &str, sums: &BTreeMap<K, (u64, u64)>) -> io::Result<()> {
    let (all, good) = sums.values().fold((0, 0), |(all, good), sums| (all + sums.0, good + sums.1));
    let share = if all == good { 1.0 } else { good as f64 / all as f64 };
    writeln!(out, "{title} {share:?}: {good} of {all} {of}")
}
