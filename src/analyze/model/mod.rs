//! The model: follows one connection with the window rules in observer mode, makes one [`Step`] of each frame, and puts
//! beside it what the rules need to know.

use super::rules::Found;
use super::{
    AnalysisOptions, Completeness, ConnectionAnalysis, Ledger, LedgerHole, Metrics, Parameters, Reference, Step,
    StepVerdict, Verdict,
};
use crate::decode::Observer;
use crate::decode::framing::{FramedConnection, LocatedFrame};
use crate::decode::info::{Info, Note};
use crate::decode::reassembly::{Closing, Hole};
use crate::window::{RecvWindow, SendWindow};
use crate::wire::Side;

/// One connection.
#[derive(Debug)]
pub(super) struct Model {
    options: AnalysisOptions,
    observer: Observer,
    receiver: Option<RecvWindow>,
    steps: u64,
    holes: Vec<LedgerHole>,
    hole_count: u64,
    hole_bytes: u64,
}

impl Model {
    pub(super) fn new(connection: &FramedConnection<'_>, options: AnalysisOptions) -> Self {
        let whole = connection.from_start(Side::Client) && connection.from_start(Side::Server);
        let window = if whole { SendWindow::new(options.window) } else { SendWindow::mid_stream(options.window) };
        Self {
            options,
            observer: Observer::over(window),
            receiver: whole.then(RecvWindow::new),
            steps: 0,
            holes: Vec::new(),
            hole_count: 0,
            hole_bytes: 0,
        }
    }

    pub(super) fn frame(
        &mut self,
        _connection: &FramedConnection<'_>,
        located: &LocatedFrame<'_>,
        _found: &mut Found,
    ) -> Step {
        let mut info = Info::default();
        let in_flight =
            self.observer.observe_into(located.from, &located.frame, located.packet, located.time, &mut info);
        let (verdict, pos, arrives) = match info.note {
            Note::Departure { verdict, pos, .. } => (StepVerdict::Departure(verdict), Some(pos), Some(pos)),
            Note::Acknowledgement { verdict, number, .. } => {
                (StepVerdict::Acknowledgement(verdict), Some(number), None)
            }
            Note::Close => (StepVerdict::Other, located.frame.pos(), None),
            _ => (StepVerdict::Other, None, None),
        };
        let arrival = arrives.and_then(|pos| self.receiver.as_mut().map(|receiver| receiver.arrive(pos)));
        let index = self.steps;
        self.steps += 1;
        Step {
            index,
            packet: located.packet,
            time: located.time,
            from: located.from,
            name: located.frame.name(),
            pos,
            sent_time: located.frame.sent_time(),
            verdict,
            highest: self.observer.highest(),
            last_acked: self.observer.last_acked(),
            edge: self.observer.window().edge(),
            in_flight,
            arrival,
        }
    }

    pub(super) fn hole(&mut self, _: &FramedConnection<'_>, from: Side, hole: &Hole, _found: &mut Found) {
        self.observer.hole(from);
        if from == Side::Client {
            self.receiver = None;
        }
        self.hole_count += 1;
        self.hole_bytes += hole.len;
        self.holes.push(LedgerHole {
            from,
            offset: hole.offset,
            len: hole.len,
            cause: hole.cause,
            packet: hole.packet,
        });
    }

    pub(super) fn unseen(&mut self, from: Side) {
        self.observer.hole(from);
    }

    pub(super) fn closed(
        &mut self,
        connection: &FramedConnection<'_>,
        closing: Closing,
        _found: &mut Found,
    ) -> ConnectionAnalysis {
        let tcp = connection.tcp;
        let by_side = |values: [u64; 2]| [Side::Client, Side::Server].map(|side| values[connection.way(side).index()]);
        let from_start = [Side::Client, Side::Server].map(|side| connection.from_start(side));
        let completeness = match closing {
            _ if from_start != [true; 2] => Completeness::MidStream,
            _ if self.hole_count > 0 => Completeness::Holes,
            Closing::Fin | Closing::Reset => Completeness::Complete,
            _ => Completeness::Unfinished,
        };
        ConnectionAnalysis {
            connection: tcp.id,
            client: tcp.from(connection.client),
            server: tcp.to(connection.client),
            max_msg_size: *connection.capacity,
            parameters: Parameters::default(),
            ledger: Ledger {
                completeness,
                first_packet: tcp.first_packet,
                first_time: tcp.first_time,
                last_packet: tcp.last_packet,
                last_time: tcp.last_time,
                from_start,
                packets: by_side(tcp.packets),
                closing,
                holes: std::mem::take(&mut self.holes),
                hole_count: self.hole_count,
                hole_bytes: self.hole_bytes,
                truncated_packets: 0,
                partial_frames: 0,
                notes: Vec::new(),
            },
            metrics: Metrics { frames: self.steps, ..Metrics::default() },
            verdict: Verdict { worst: None, complete: None, line: format!("{} frames", self.steps) },
            reference: Reference::default(),
            counts: Vec::new(),
            doubts: 0,
        }
    }
}
