//! What reports are given of a connection, of a file, and of a whole run.

use std::collections::BTreeMap;

use crate::analyze::expect::{Checked, Outcome};
use crate::analyze::{ConnectionAnalysis, Doubt, Finding, Rule, RuleCount, Severity, Sums};

/// How much of what was found is kept for reports that come when a connection is over. Counts are exact whatever is
/// kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepLimits {
    /// Findings, and doubts, of one rule and connection.
    pub findings: u64,
    /// Connections.
    pub connections: u64,
}

impl Default for KeepLimits {
    /// 1,000 a rule and connection; 10,000 connections.
    fn default() -> Self {
        Self { findings: 1_000, connections: 10_000 }
    }
}

/// A connection that is over.
#[derive(Debug, Clone)]
pub struct ConnectionRecord {
    /// The input it was read from, safe to show.
    pub file: String,
    /// Its sums. The counts and the verdict include the declared facts that were not met.
    pub analysis: ConnectionAnalysis,
    /// Its findings by the packet at which they show, as far as kept.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub findings_dropped: u64,
    /// What the capture cannot tell, as far as kept.
    pub doubts: Vec<Doubt>,
    /// Doubts beyond those.
    pub doubts_dropped: u64,
    /// The declared facts beside what was seen; `None` without a declaration.
    pub expectations: Option<Vec<Checked>>,
}

/// One input of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Its name, safe to show.
    pub name: String,
    /// Its packets; `None` when it could not be opened.
    pub packets: Option<u64>,
    /// TCP connections in it.
    pub tcp_connections: u64,
    /// Connections of the protocol.
    pub connections: u64,
    /// Frames.
    pub frames: u64,
    /// Packets of connections that were over, in words: their bytes are in no report.
    pub notes: Vec<String>,
    /// Why it could not be read, or only in part.
    pub error: Option<String>,
}

/// A whole run.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// The inputs, in the order in which they were read.
    pub files: Vec<FileRecord>,
    /// Connections of the protocol.
    pub connections: u64,
    /// Those beyond [`KeepLimits::connections`].
    pub connections_dropped: u64,
    /// Proven complete, proven incomplete, cannot tell.
    pub complete: [u64; 3],
    /// Findings by rule and severity, over all connections.
    pub counts: Counts,
    /// Findings that are counted and not kept.
    pub findings_dropped: u64,
    /// Doubts.
    pub doubts: u64,
    /// Figures that add up over connections.
    pub sums: Sums,
    /// Declared facts: met, failed, cannot tell.
    pub expectations: Option<[u64; 3]>,
    /// Declarations for connections that were not there, in words: each counts as failed.
    pub unmatched: Vec<String>,
}

/// Findings by rule and severity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(&'static str, Severity), u64>);

impl Counts {
    /// Adds one connection's.
    pub fn add(&mut self, counts: &[RuleCount]) {
        for RuleCount { rule, severity, findings } in counts {
            *self.0.entry((rule.name, *severity)).or_default() += findings;
        }
    }

    /// Rule, severity, findings: by the rule's name, then the severity.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Severity, u64)> + '_ {
        self.0.iter().map(|((rule, severity), findings)| (*rule, *severity, *findings))
    }

    /// Findings of that severity.
    #[must_use]
    pub fn of(&self, severity: Severity) -> u64 {
        self.iter().filter(|(_, s, _)| *s == severity).map(|(_, _, n)| n).sum()
    }

    /// The highest severity met.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.iter().filter(|(_, _, n)| *n > 0).map(|(_, severity, _)| severity).max()
    }
}

impl Totals {
    /// Takes in a connection that is over, kept or not.
    pub(crate) fn add(&mut self, record: &ConnectionRecord) {
        let analysis = &record.analysis;
        self.connections += 1;
        self.complete[match analysis.verdict.complete {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        }] += 1;
        self.counts.add(&analysis.counts);
        self.findings_dropped += record.findings_dropped;
        self.doubts += analysis.doubts;
        self.sums += analysis.metrics.sums;
        if let Some(checked) = &record.expectations {
            let sums = self.expectations.get_or_insert_default();
            for fact in checked {
                sums[match fact.outcome {
                    Outcome::Met => 0,
                    Outcome::Failed => 1,
                    Outcome::CannotTell => 2,
                }] += 1;
            }
        }
    }
}

impl ConnectionRecord {
    /// Findings of this rule, kept or not.
    #[must_use]
    pub fn count_of(&self, rule: &Rule) -> u64 {
        self.analysis.counts.iter().filter(|count| count.rule.name == rule.name).map(|count| count.findings).sum()
    }
}
