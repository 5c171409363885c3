//! What a connection tells one by one, and how it is made less.

use std::cmp::Reverse;
use std::io::{self, Write};

use serde::Serialize;

use super::{Connection, FindingObject};
use crate::analyze::Severity;

impl Connection {
    /// Findings or doubts, whichever are more.
    pub(in crate::analyze::report) fn told(&self) -> usize {
        let findings = self.findings.as_ref().map_or(0, Vec::len);
        findings.max(self.doubts.as_ref().map_or(0, Vec::len))
    }

    /// Bytes of JSON that the findings and doubts take.
    pub(in crate::analyze::report) fn told_bytes(&self) -> usize {
        written(&self.findings) + written(&self.doubts)
    }

    /// Keeps at most so many findings, the worst, and so many doubts, and counts the others; returns how many findings
    /// those are.
    pub(in crate::analyze::report) fn keep_worst(&mut self, most: usize) -> u64 {
        if let Some(doubts) = &mut self.doubts {
            self.doubts_dropped += doubts.len().saturating_sub(most) as u64;
            doubts.truncate(most);
        }
        let Some(findings) = &mut self.findings else { return 0 };
        let dropped = findings.len().saturating_sub(most) as u64;
        self.findings_dropped += dropped;
        if dropped > 0 {
            let mut order: Vec<usize> = (0..findings.len()).collect();
            // Of equal ones the first.
            order.sort_by_key(|at| Reverse(rank(&findings[*at])));
            let mut kept = vec![false; findings.len()];
            order.into_iter().take(most).for_each(|at| kept[at] = true);
            let mut kept = kept.into_iter();
            findings.retain(|_| kept.next().unwrap_or_default());
        }
        dropped
    }
}

fn rank(finding: &FindingObject) -> Option<usize> {
    let severities = [Severity::Chat, Severity::Note, Severity::Warn, Severity::Error];
    severities.iter().position(|severity| severity.as_str() == finding.severity)
}

fn written(value: &impl Serialize) -> usize {
    let mut count = Count(0);
    // A count takes everything.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Counts what is written to it.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
