//! One capture read to its end: packets to segments to streams, into whatever takes the streams.

use std::ops::ControlFlow;

use super::Connections;
use super::capture::{Capture, CaptureError};
use super::express::{self, Express, LookAhead};
use super::headers::FragmentLimits;
use super::intake::Intake;
pub use super::moment::Moment;
use super::moment::Watch;
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
    watch: impl FnMut(Moment, &mut S) -> ControlFlow<()>,
) -> Reading {
    let connections = Connections::numbered_from(first_connection, limits);
    let mut reader = Reader { intake: Intake::new(FragmentLimits::default()), connections };
    let (end, error) = reader.run(express, capture, sink, &mut Alone(watch));
    let stopped = end == End::Stopped;
    if !stopped {
        reader.connections.finish(sink);
    }
    reader.reading(first_connection, error, stopped)
}

/// What a capture is taken apart with.
pub(super) struct Reader<S: StreamSink> {
    pub(super) intake: Intake,
    pub(super) connections: Connections<S>,
}

/// Why a [`Reader`] went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There is no more that can be read.
    Reached,
    /// Somebody had enough.
    Stopped,
}

/// Whether the packet before was the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

/// Who goes along with a [`Reader`].
pub(super) trait Companion<S: StreamSink> {
    type Watch: Watch<S>;

    fn watch(&mut self) -> &mut Self::Watch;

    /// Before the next packets are read: everything up to the latest was taken in.
    fn between(&mut self, capture: &mut Capture, reader: &mut Reader<S>, sink: &mut S) -> ControlFlow<()> {
        let _ = (capture, reader, sink);
        ControlFlow::Continue(())
    }

    /// One was read and not yet taken in, or there are no more.
    fn arrived(&mut self, last: Last, connections: &mut Connections<S>, sink: &mut S) {
        let _ = (last, connections, sink);
    }
}

struct Alone<W>(W);

impl<S: StreamSink, W: FnMut(Moment, &mut S) -> ControlFlow<()>> Companion<S> for Alone<W> {
    type Watch = W;

    fn watch(&mut self) -> &mut W {
        &mut self.0
    }
}

impl<S: StreamSink> Reader<S> {
    /// Takes packets until there are no more.
    pub(super) fn run(
        &mut self,
        express: Express,
        capture: &mut Capture,
        sink: &mut S,
        companion: &mut impl Companion<S>,
    ) -> (End, Option<CaptureError>) {
        let mut ahead = LookAhead::default();
        loop {
            let mut flow = companion.between(capture, self, sink);
            if express == Express::Taken && flow.is_continue() {
                let Self { intake, connections } = self;
                flow = express::run(capture, intake, connections, sink, &mut ahead, companion.watch());
            }
            if flow.is_break() {
                return (End::Stopped, None);
            }
            let next = capture.next();
            let last = if matches!(next, Ok(Some(_))) { Last::No } else { Last::Yes };
            companion.arrived(last, &mut self.connections, sink);
            let (packet, time) = match next {
                // By reference: a packet may hold a whole segment, and would be copied.
                Ok(Some(ref packet)) => {
                    self.intake.take(packet, |segment| self.connections.segment(segment, sink));
                    (packet.number, packet.time)
                }
                Ok(None) => return (End::Reached, None),
                Err(error) => return (End::Reached, Some(error)),
            };
            if companion.watch().passed(Moment { packet, time, idle: capture.is_drained() }, sink).is_break() {
                return (End::Stopped, None);
            }
        }
    }

    pub(super) fn reading(self, first_connection: u32, error: Option<CaptureError>, stopped: bool) -> Reading {
        let streams = *self.connections.counters();
        let connections = self.connections.count() - first_connection;
        Reading { intake: self.intake, streams, connections, error, stopped }
    }
}
