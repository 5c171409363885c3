//! Who takes what the analysis decides, and what it is told beforehand.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{ConnectionAnalysis, Doubt, Finding, NotWritten, Step};
use crate::decode::framing::{FramedConnection, LocatedFrame};
use crate::decode::reassembly::{ConnectionInfo, StreamNote};

/// What the analysis is told: declared parameters and tolerances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnalysisOptions {
    /// window_size as declared; `None`: inferred, and never judged against.
    pub window: Option<u32>,
    /// timeout as declared; `None`: inferred as an interval.
    pub timeout: Option<Duration>,
    /// How far a timing statement may be off before it is made.
    pub tolerance: Duration,
}

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self { window: None, timeout: None, tolerance: Duration::from_millis(100) }
    }
}

/// Takes findings, doubts and sums as they are decided. Calls of one connection come in its order; connections interleave.
pub trait AnalysisSink {
    /// Whether [`step`](Self::step) is wanted.
    fn wants_steps(&self) -> bool {
        false
    }

    /// Whether [`ConnectionAnalysis::reference`] is wanted; otherwise the exchange is not replayed, and it says nothing.
    /// Asked once.
    fn wants_reference(&self) -> bool {
        true
    }

    /// The next frame of a connection. `Break` ends the job.
    fn step(&mut self, connection: &FramedConnection<'_>, frame: &LocatedFrame<'_>, step: &Step) -> ControlFlow<()> {
        let _ = (connection, frame, step);
        ControlFlow::Continue(())
    }

    /// ACKs are proved not written when they were due: every one that [`Sums::acks_lost`](super::Sums::acks_lost)
    /// counts, but for those that `ack-withheld` finds.
    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        let _ = (connection, acks);
    }

    /// Something the traffic did. `Break` ends the job.
    fn finding(&mut self, connection: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()>;

    /// Something the capture cannot tell.
    fn doubt(&mut self, connection: &FramedConnection<'_>, doubt: Doubt) {
        let _ = (connection, doubt);
    }

    /// A connection is over; none of its findings follows.
    fn closed(&mut self, connection: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()>;

    /// Bytes with the addresses and ports of a connection that is over: in no stream, and not analysed.
    fn late_note(&mut self, connection: &ConnectionInfo, note: StreamNote) {
        let _ = (connection, note);
    }
}
