//! The analysis against exchanges whose course is known.

mod contents;
mod express;
mod halves;
mod random;
mod reference;
mod rules;
mod runs;
mod script;

use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::time::Duration;

use super::{Analysis, AnalysisOptions, AnalysisSink, ConnectionAnalysis, Doubt, Finding, NotWritten, Severity, Step};
use crate::decode::capture::{Capture, CaptureLimits, Input};
use crate::decode::framing::{FramedConnection, Framing, FramingOptions, LocatedFrame};
use crate::decode::reading::read;
use crate::decode::reassembly::StreamLimits;

/// Everything that an analysis said.
#[derive(Debug, Default)]
struct Told {
    steps: Vec<Step>,
    findings: Vec<Finding>,
    doubts: Vec<Doubt>,
    unwritten: Vec<NotWritten>,
    closed: Vec<ConnectionAnalysis>,
}

impl AnalysisSink for Told {
    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, _: &FramedConnection<'_>, _: &LocatedFrame<'_>, step: &Step) -> ControlFlow<()> {
        self.steps.push(*step);
        ControlFlow::Continue(())
    }

    fn finding(&mut self, _: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        self.findings.push(finding);
        ControlFlow::Continue(())
    }

    fn ack_not_written(&mut self, _: &FramedConnection<'_>, acks: &NotWritten) {
        self.unwritten.push(*acks);
    }

    fn doubt(&mut self, _: &FramedConnection<'_>, doubt: Doubt) {
        self.doubts.push(doubt);
    }

    fn closed(&mut self, _: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        self.closed.push(analysis);
        ControlFlow::Continue(())
    }
}

impl Told {
    /// `rule positions` of every finding above chat, in the order of their packets.
    fn names(&self) -> Vec<String> {
        let mut findings: Vec<&Finding> =
            self.findings.iter().filter(|finding| finding.severity > Severity::Chat).collect();
        findings.sort_by_key(|finding| finding.at);
        findings
            .iter()
            .map(|finding| format!("{} {}", finding.rule.name, finding.positions).trim().to_owned())
            .collect()
    }

    /// Positions of ACKs proved not written, in their order.
    fn unwritten(&self) -> Vec<i32> {
        let mut all: Vec<i32> =
            self.unwritten.iter().flat_map(|acks| acks.acks.first().0..=acks.acks.last().0).collect();
        all.sort_unstable();
        all
    }

    fn of(&self, rule: &str) -> Vec<&Finding> {
        self.findings.iter().filter(|finding| finding.rule.name == rule).collect()
    }
}

fn declared(window: u32, timeout: f64) -> AnalysisOptions {
    AnalysisOptions {
        window: Some(window),
        timeout: Some(Duration::from_secs_f64(timeout)),
        ..AnalysisOptions::default()
    }
}

fn analyse(capture: &mut Capture, options: AnalysisOptions) -> Told {
    let mut framing = Framing::new(FramingOptions::default(), Analysis::new(options, Told::default()));
    let reading = read(capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
    assert!(reading.error.is_none(), "{:?}", reading.error);
    framing.sink.into_sink()
}

fn analyse_file(path: &str, options: AnalysisOptions) -> Told {
    analyse(&mut Capture::open(&Input::from(path), &CaptureLimits::default()).unwrap(), options)
}

fn analyse_bytes(bytes: Vec<u8>, options: AnalysisOptions) -> Told {
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes));
    analyse(&mut Capture::from_reader(reader, &CaptureLimits::default()).unwrap(), options)
}
