//! The writer on real captures: steps as the window rules alone give them, findings of rules made up here.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::analyze::{
    Certainty, Completeness, Group, Ledger, Metrics, Parameters, PositionSet, Reference, RuleCount, Severity,
    StepVerdict, Verdict,
};
use crate::decode::capture::{Capture, CaptureLimits, Input};
use crate::decode::framing::{FrameSink, Framing, FramingOptions};
use crate::decode::reading::read;
use crate::decode::reassembly::{Closing, StreamLimits};
use crate::window::{Acknowledgement, Departure, RecvWindow, SendWindow};
use crate::wire::{Name, Pos, Side};

static AGAIN: Rule = Rule {
    name: "duplicate-resend",
    severity: Severity::Warn,
    group: Group::Resend,
    summary: "a position that was written goes again",
    page: "# duplicate-resend\n\nSet when a position that was written goes again.",
};

/// Drives a report from frames, with what `window` says of them.
struct Stepper<'a, W: Write>(&'a mut HtmlReport<W>);

struct Course {
    sender: SendWindow,
    receiver: RecvWindow,
    frames: u64,
    again: u64,
}

impl Default for Course {
    fn default() -> Self {
        Self { sender: SendWindow::new(Some(3)), receiver: RecvWindow::new(), frames: 0, again: 0 }
    }
}

impl<W: Write> FrameSink for Stepper<'_, W> {
    type State = Course;

    fn frame(&mut self, connection: &FramedConnection<'_>, state: &mut Course, frame: &LocatedFrame<'_>) {
        let captured = &frame.frame;
        let name = captured.name();
        let (pos, verdict, arrival) = match name {
            Some(Name::Msg | Name::Done) => {
                let pos = captured.view().pos();
                let verdict = state.sender.depart(pos);
                (Some(pos), StepVerdict::Departure(verdict), Some(state.receiver.arrive(pos)))
            }
            Some(Name::Ack) => {
                let number = captured.view().ack_number();
                (number, StepVerdict::Acknowledgement(state.sender.acknowledge(number)), None)
            }
            Some(Name::Close) => (Some(captured.view().pos()), StepVerdict::Other, None),
            _ => (None, StepVerdict::Other, None),
        };
        let step = Step {
            index: state.frames,
            packet: frame.packet,
            time: frame.time,
            from: frame.from,
            name,
            pos,
            sent_time: captured.sent_time(),
            verdict,
            highest: state.sender.highest(),
            last_acked: state.sender.last_acked(),
            edge: state.sender.edge(),
            in_flight: state.sender.in_flight(),
            arrival,
        };
        state.frames += 1;
        assert!(self.0.step(connection, frame, &step).is_continue());
        if let (StepVerdict::Departure(Departure::Resend), Some(pos)) = (verdict, pos) {
            state.again += 1;
            let _ = self.0.finding(connection, again(connection.tcp.id, frame, pos));
        }
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, state: &mut Course, closing: Closing) {
        let _ = self.0.closed(connection, analysis(connection, closing, state.frames, state.again));
    }
}

fn again(connection: u32, frame: &LocatedFrame<'_>, pos: Pos) -> Finding {
    Finding {
        rule: &AGAIN,
        severity: AGAIN.severity,
        certainty: Certainty::Proven,
        connection,
        side: Some(Side::Client),
        positions: PositionSet::from(pos),
        packets: vec![frame.packet],
        at: frame.packet,
        time: frame.time,
        cause: None,
        expected: format!("pos {} once", pos.0),
        seen: format!("pos {} again", pos.0),
        message: format!("pos {} is written again", pos.0),
    }
}

fn analysis(connection: &FramedConnection<'_>, closing: Closing, frames: u64, again: u64) -> ConnectionAnalysis {
    ConnectionAnalysis {
        connection: connection.tcp.id,
        client: connection.tcp.from(connection.way(Side::Client)),
        server: connection.tcp.from(connection.way(Side::Server)),
        max_msg_size: *connection.capacity,
        parameters: Parameters::default(),
        ledger: Ledger {
            completeness: Completeness::Complete,
            first_packet: connection.tcp.first_packet,
            first_time: connection.tcp.first_time,
            last_packet: connection.tcp.last_packet,
            last_time: connection.tcp.last_time,
            from_start: [true, true],
            packets: connection.tcp.packets,
            closing,
            holes: Vec::new(),
            hole_count: 0,
            hole_bytes: 0,
            truncated_packets: 0,
            partial_frames: 0,
            notes: Vec::new(),
        },
        metrics: Metrics { frames, ..Metrics::default() },
        verdict: Verdict {
            worst: (again > 0).then_some(Severity::Warn),
            complete: Some(true),
            line: format!("complete; {again} packages written again"),
        },
        reference: Reference::default(),
        counts: vec![RuleCount { rule: &AGAIN, severity: Severity::Warn, findings: again }],
        doubts: 0,
    }
}

/// The page of a capture.
fn page_of(capture: &str, limits: HtmlLimits) -> String {
    let mut report = HtmlReport::new(Vec::new(), limits);
    report.begin_file(capture);
    let mut capture = Capture::open(&Input::from(capture), &CaptureLimits::default()).unwrap();
    let mut framing = Framing::new(FramingOptions::default(), Stepper(&mut report));
    let reading = read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
    assert!(reading.error.is_none());
    String::from_utf8(report.finish().unwrap()).unwrap()
}

#[test]
fn dump() {
    for path in std::env::var("DUMP").unwrap_or_default().split_whitespace() {
        let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
        std::fs::write(format!("/tmp/html/{name}.html"), page_of(path, HtmlLimits::default())).unwrap();
    }
}
