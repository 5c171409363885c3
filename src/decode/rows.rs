//! Frames to rows: what the window rules know of each frame at its place.

use std::ops::ControlFlow;

use super::Info;
use super::framing::{FrameSink, FramedConnection, FramingNote, LocatedFrame};
use super::message::{self, Message};
use super::observer::Observer;
use super::prefetch::fetch;
use super::reassembly::{Closing, ConnectionInfo, Hole, StreamNote, Way};
use super::row::Row;
use crate::wire::Side;

/// Takes the rows of the packet table.
pub trait RowSink {
    /// The next row. `Break` ends the job: enough rows, or the output is gone.
    fn row(&mut self, connection: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()>;

    /// Whether rows are wanted; without them frames need not be judged.
    fn wants_rows(&self) -> bool {
        true
    }

    /// Whether [`message`](Self::message) is wanted, which keeps every connection's message in memory.
    fn wants_messages(&self) -> bool {
        false
    }

    /// A connection ended; its message as far as the capture has it.
    fn message(&mut self, connection: &FramedConnection<'_>, message: &Message) {
        let _ = (connection, message);
    }

    /// A connection ended.
    fn closed(&mut self, connection: &FramedConnection<'_>, closing: Closing) {
        let _ = (connection, closing);
    }

    /// Something worth knowing about a connection's frames.
    fn note(&mut self, connection: &ConnectionInfo, note: FramingNote) {
        let _ = (connection, note);
    }

    /// Something worth knowing about a connection's TCP bytes.
    fn stream_note(&mut self, connection: &ConnectionInfo, way: Way, note: StreamNote) {
        let _ = (connection, way, note);
    }

    /// Bytes of one side of a connection are not in the capture.
    fn hole(&mut self, connection: &FramedConnection<'_>, from: Side, hole: &Hole) {
        let _ = (connection, from, hole);
    }
}

/// Makes a row of every frame and hands it to `S`.
#[derive(Debug)]
pub struct Rows<S> {
    sink: S,
    flow: ControlFlow<()>,
    /// Bytes kept of one message, and of those of all open connections together.
    message_limits: [usize; 2],
    /// Bytes kept of messages now.
    message_bytes: usize,
}

/// What rows need to remember of a connection.
#[derive(Debug, Default)]
pub struct RowState {
    observer: Option<Observer>,
    message: Message,
}

impl<S: RowSink> Rows<S> {
    /// Rows for `sink`.
    pub const fn new(sink: S) -> Self {
        Self {
            sink,
            flow: ControlFlow::Continue(()),
            message_limits: [message::MAX_MESSAGE_BYTES, usize::MAX],
            message_bytes: 0,
        }
    }

    /// The same, keeping at most so many bytes of a message, and of all messages of open connections; slices beyond are
    /// [left out](Message::left_out).
    #[must_use]
    pub const fn keeping(mut self, of_one: usize, in_all: usize) -> Self {
        self.message_limits = [of_one, in_all];
        self
    }

    /// `Break` once the sink has had enough.
    pub const fn flow(&self) -> ControlFlow<()> {
        self.flow
    }

    /// Where the rows go.
    pub const fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Where the rows went.
    pub fn into_sink(self) -> S {
        self.sink
    }
}

fn observer<'s>(connection: &FramedConnection<'_>, state: &'s mut RowState) -> &'s mut Observer {
    state.observer.get_or_insert_with(|| {
        let whole = connection.from_start(Side::Client) && connection.from_start(Side::Server);
        if whole { Observer::new() } else { Observer::mid_stream() }
    })
}

impl<S: RowSink> FrameSink for Rows<S> {
    type State = RowState;

    #[inline]
    fn wants_frames(&self) -> bool {
        self.sink.wants_rows() || self.sink.wants_messages()
    }

    #[inline]
    fn fetch(&self, state: &RowState) {
        if self.wants_frames() {
            fetch(state);
        }
    }

    #[inline]
    fn fetch_for(&self, state: &RowState, from: Side) {
        if self.wants_frames()
            && let Some(observer) = &state.observer
        {
            observer.fetch_for(from);
        }
    }

    #[inline]
    fn frame(&mut self, connection: &FramedConnection<'_>, state: &mut RowState, located: &LocatedFrame<'_>) {
        if self.flow.is_break() {
            return;
        }
        let LocatedFrame { from, packet, first_packet, time, offset, ref frame } = *located;
        if from == Side::Client && self.sink.wants_messages() {
            let before = state.message.len();
            let [of_one, in_all] = self.message_limits;
            let room = in_all.saturating_sub(self.message_bytes);
            state.message.frame_within(of_one.min(before.saturating_add(room)), frame);
            self.message_bytes += state.message.len() - before;
        }
        if !self.sink.wants_rows() {
            return;
        }
        let mut row = Row {
            packet,
            first_packet,
            time,
            connection: connection.tcp.id,
            from,
            offset,
            frame: *frame,
            in_flight: None,
            info: Info::default(),
        };
        let end = offset.saturating_add(frame.view().bytes().len() as u64);
        row.in_flight = observer(connection, state).observe_into(from, frame, packet, time, end, &mut row.info);
        self.flow = self.sink.row(connection, &row);
    }

    fn hole(&mut self, connection: &FramedConnection<'_>, state: &mut RowState, from: Side, hole: &Hole) {
        observer(connection, state).hole_until(from, hole.offset.saturating_add(hole.len));
        self.sink.hole(connection, from, hole);
    }

    fn unseen(&mut self, connection: &FramedConnection<'_>, state: &mut RowState, from: Side, up_to: u64) {
        observer(connection, state).hole_until(from, up_to);
    }

    fn note(&mut self, connection: &ConnectionInfo, _: &mut RowState, note: FramingNote) {
        self.sink.note(connection, note);
    }

    fn stream_note(&mut self, connection: &ConnectionInfo, _: Option<&mut RowState>, way: Way, note: StreamNote) {
        self.sink.stream_note(connection, way, note);
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, state: &mut RowState, closing: Closing) {
        if self.sink.wants_messages() {
            self.sink.message(connection, &state.message);
            self.message_bytes -= state.message.len();
        }
        self.sink.closed(connection, closing);
    }
}
