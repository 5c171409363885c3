//! Records for tests: a real connection with findings made by hand.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails with it")]

use std::ops::ControlFlow;

use super::{ConnectionRecord, Totals};
use crate::analyze::rules::rule;
use crate::analyze::{
    Analysis, AnalysisOptions, AnalysisSink, Certainty, ConnectionAnalysis, Finding, PositionSet, RuleCount, Severity,
};
use crate::decode::capture::{Capture, CaptureLimits, Input};
use crate::decode::framing::{Capacity, FramedConnection, Framing, FramingOptions};
use crate::decode::reading::read;
use crate::decode::reassembly::{ConnectionInfo, StreamLimits, Way};

/// A connection that is over.
#[derive(Debug, Clone)]
pub(in crate::analyze) struct Sample {
    tcp: ConnectionInfo,
    client: Way,
    capacity: Capacity,
    pub(in crate::analyze) record: ConnectionRecord,
}

impl AnalysisSink for Option<Sample> {
    fn finding(&mut self, _: &FramedConnection<'_>, _: Finding) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        let record = ConnectionRecord {
            file: "sample.pcapng".to_owned(),
            analysis: ConnectionAnalysis { counts: Vec::new(), doubts: 0, ..analysis },
            findings: Vec::new(),
            findings_dropped: 0,
            doubts: Vec::new(),
            doubts_dropped: 0,
            expectations: None,
        };
        *self = Some(Sample {
            tcp: connection.tcp.clone(),
            client: connection.client,
            capacity: *connection.capacity,
            record,
        });
        ControlFlow::Continue(())
    }
}

impl Sample {
    /// Run 3's connection without a finding, as the `number`-th of a run.
    pub(in crate::analyze) fn new(number: u32) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run3.pcapng");
        let mut capture = Capture::open(&Input::from(path), &CaptureLimits::default()).unwrap();
        let mut framing =
            Framing::new(FramingOptions::default(), Analysis::new(AnalysisOptions::default(), None::<Sample>));
        read(&mut capture, number, StreamLimits::prompt(), &mut framing, |_, _| ControlFlow::Continue(()));
        let mut sample = framing.sink.into_sink().unwrap();
        sample.record.analysis.verdict.worst = None;
        sample
    }

    /// With a finding more.
    pub(in crate::analyze) fn with(mut self, finding: Finding) -> Self {
        let counts = &mut self.record.analysis.counts;
        match counts.iter_mut().find(|c| c.rule.name == finding.rule.name && c.severity == finding.severity) {
            Some(count) => count.findings += 1,
            None => counts.push(RuleCount { rule: finding.rule, severity: finding.severity, findings: 1 }),
        }
        let worst = &mut self.record.analysis.verdict.worst;
        *worst = (*worst).max(Some(finding.severity));
        self.record.findings.push(Finding { connection: self.tcp.id, ..finding });
        self
    }

    pub(in crate::analyze) const fn connection(&self) -> FramedConnection<'_> {
        FramedConnection { tcp: &self.tcp, client: self.client, capacity: &self.capacity }
    }
}

/// A finding of that rule.
pub(in crate::analyze) fn finding(name: &str, severity: Severity, at: u64, positions: PositionSet) -> Finding {
    Finding {
        rule: rule(name).unwrap(),
        severity,
        certainty: Certainty::Proven,
        connection: 0,
        side: None,
        positions,
        packets: vec![at],
        at,
        time: None,
        cause: None,
        expected: "one thing".to_owned(),
        seen: "another".to_owned(),
        message: format!("something at {at}"),
    }
}

/// The totals of these.
pub(in crate::analyze) fn totals<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Totals {
    let mut totals = Totals::default();
    samples.into_iter().for_each(|sample| totals.add(&sample.record));
    totals
}
