//! One scenario simulated into memory, its truth, and what the analysis says of the capture.

use std::io::{self, Cursor};
use std::ops::ControlFlow;

use arqscope::analyze::{
    Analysis, AnalysisOptions, AnalysisSink, ConnectionAnalysis, Doubt, Finding, NotWritten, Severity, Step,
};
use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::decode::capture::{Capture, CaptureLimits};
use arqscope::decode::framing::{FramedConnection, Framing, FramingOptions, LocatedFrame};
use arqscope::decode::reading::read;
use arqscope::decode::reassembly::StreamLimits;
use arqscope::simulate::scenario::Scenario;
use arqscope::simulate::truth::{ConnectionTruth, Resend, TruthEvent};
use arqscope::simulate::{Chronicle, simulate};
use arqscope::wire::Name;

/// What the simulation knows.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) events: Vec<TruthEvent>,
    pub(crate) connections: Vec<ConnectionTruth>,
}

/// What the analysis says.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Above chat.
    pub(crate) findings: Vec<Finding>,
    pub(crate) doubts: Vec<Doubt>,
    /// ACKs that were not written when due, one by one.
    pub(crate) unwritten: Vec<i32>,
    pub(crate) closed: Vec<ConnectionAnalysis>,
    pub(crate) frames: u64,
    /// The numbers of the ACKs, in their order.
    pub(crate) acks: Vec<i32>,
}

/// Both.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) truth: Truth,
    pub(crate) told: Told,
    pub(crate) capture: Vec<u8>,
}

impl Chronicle for Truth {
    fn event(&mut self, event: &TruthEvent) -> io::Result<()> {
        self.events.push(event.clone());
        Ok(())
    }

    fn connection(&mut self, connection: ConnectionTruth) -> io::Result<()> {
        self.connections.push(connection);
        Ok(())
    }
}

impl Truth {
    /// Resends that were written, in their order.
    pub(crate) fn resends(&self) -> impl Iterator<Item = &Resend> {
        self.events.iter().filter_map(|event| match event {
            TruthEvent::Resend(resend) if resend.written => Some(resend),
            _ => None,
        })
    }

    /// The exchange came to its end on the wire.
    pub(crate) fn is_complete(&self) -> bool {
        self.connections.iter().all(|connection| connection.frames.disconnect > 0)
    }
}

impl AnalysisSink for Told {
    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, _: &FramedConnection<'_>, frame: &LocatedFrame<'_>, _: &Step) -> ControlFlow<()> {
        self.frames += 1;
        if frame.frame.name() == Some(Name::Ack) {
            self.acks.extend(frame.frame.view().ack_number().map(|number| number.0));
        }
        ControlFlow::Continue(())
    }

    fn finding(&mut self, _: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        if finding.severity > Severity::Chat {
            self.findings.push(finding);
        }
        ControlFlow::Continue(())
    }

    fn ack_not_written(&mut self, _: &FramedConnection<'_>, acks: &NotWritten) {
        self.unwritten.extend(acks.acks.first().0..=acks.acks.last().0);
    }

    fn doubt(&mut self, _: &FramedConnection<'_>, doubt: Doubt) {
        self.doubts.push(doubt);
    }

    fn closed(&mut self, _: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        self.closed.push(analysis);
        ControlFlow::Continue(())
    }
}

/// Simulates and analyses, with window and timeout declared as they are.
pub(crate) fn play(scenario: &Scenario) -> Played {
    let mut truth = Truth::default();
    let capture = simulated(scenario, &mut truth).expect("memory takes every capture");
    let told = analysed(&capture, scenario).expect("the capture was just written");
    Played { truth, told, capture }
}

fn simulated(scenario: &Scenario, truth: &mut Truth) -> Result<Vec<u8>, arqscope::simulate::SimulationError> {
    let writer = CaptureWriter::pcapng(Vec::new(), &Description::default())?;
    let (_, writer) = simulate(scenario, writer, Some(truth))?;
    Ok(writer.finish()?)
}

fn analysed(capture: &[u8], scenario: &Scenario) -> Result<Told, arqscope::decode::capture::CaptureError> {
    let exchange = scenario.exchanges.first();
    let options = AnalysisOptions {
        window: exchange.map(|exchange| exchange.window),
        timeout: exchange.map(|exchange| exchange.timeout.duration()),
        ..AnalysisOptions::default()
    };
    let reader = Box::new(Cursor::new(capture.to_vec()));
    let mut capture = Capture::from_reader(reader, &CaptureLimits::default())?;
    let mut framing = Framing::new(FramingOptions::default(), Analysis::new(options, Told::default()));
    let reading = read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
    match reading.error {
        None => Ok(framing.sink.into_sink()),
        Some(error) => Err(error),
    }
}
