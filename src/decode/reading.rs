//! One capture read to its end: packets to segments to streams, into whatever takes the streams.

use std::ops::ControlFlow;

use super::Connections;
use super::capture::{Capture, CaptureError};
use super::express::{self, Express, LookAhead};
use super::headers::FragmentLimits;
use super::intake::Intake;
pub use super::moment::Moment;
use super::reassembly::{StreamCounters, StreamLimits, StreamSink};

/// What one capture came to.
#[derive(Debug)]
pub struct Reading {
    /// What its packets were.
    pub intake: Intake,
    /// What its TCP streams were.
    pub streams: StreamCounters,
    /// TCP connections.
    pub connections: u32,
    /// Why reading ended early; everything before was delivered.
    pub error: Option<CaptureError>,
    /// The sink had enough before the end.
    pub stopped: bool,
}

/// Feeds a whole capture to `sink`, whose connections are numbered from `first_connection`.
///
/// `watch` is told of every packet after it was taken in; its `Break` ends the reading, and then open connections are
/// not closed, since nobody waits for what they would still give.
pub fn read<S: StreamSink>(
    capture: &mut Capture,
    first_connection: u32,
    limits: StreamLimits,
    sink: &mut S,
    watch: impl FnMut(Moment, &mut S) -> ControlFlow<()>,
) -> Reading {
    read_by(Express::Taken, capture, first_connection, limits, sink, watch)
}

/// [`read`], with or without the express way: both give the same.
pub(super) fn read_by<S: StreamSink>(
    express: Express,
    capture: &mut Capture,
    first_connection: u32,
    limits: StreamLimits,
    sink: &mut S,
    mut watch: impl FnMut(Moment, &mut S) -> ControlFlow<()>,
) -> Reading {
    let mut intake = Intake::new(FragmentLimits::default());
    let mut connections = Connections::numbered_from(first_connection, limits);
    let mut ahead = LookAhead::default();
    let mut error = None;
    let mut stopped = false;
    loop {
        if express == Express::Taken
            && express::run(capture, &mut intake, &mut connections, sink, &mut ahead, &mut watch).is_break()
        {
            stopped = true;
            break;
        }
        let (packet, time) = match capture.next() {
            // By reference: a packet may hold a whole segment, and would be copied.
            Ok(Some(ref packet)) => {
                intake.take(packet, |segment| connections.segment(segment, sink));
                (packet.number, packet.time)
            }
            Ok(None) => break,
            Err(e) => {
                error = Some(e);
                break;
            }
        };
        if watch(Moment { packet, time, idle: capture.is_drained() }, sink).is_break() {
            stopped = true;
            break;
        }
    }
    if !stopped {
        connections.finish(sink);
    }
    let streams = *connections.counters();
    Reading { intake, streams, connections: connections.count() - first_connection, error, stopped }
}
