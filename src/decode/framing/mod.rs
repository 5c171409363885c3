//! Streams to frames: which connections speak the protocol, with what P, and where their frames lie.
//!
//! A connection is recognised by its bytes, whatever its port: by the handshake, or by frames that prove themselves
//! (`evidence`). Until then its first bytes wait in a `probe`; then each direction is a `lane` on which a grid of one
//! frame length cuts the stream. A hole does not move the grid. Frames of one connection come out in packet order:
//! while bytes of one direction wait behind an open hole, the other direction's frames wait too, up to a limit.

mod capacity;
mod evidence;
mod lane;
mod probe;

pub use capacity::{Capacity, CapacityBasis};

use std::fmt;

use lane::{Lane, LaneEvent, LaneSink, Placed};
use probe::{Answer, Kept, Probe, Recognised};

use super::CapturedFrame;
use super::reassembly::{Chunk, Closing, ConnectionInfo, Hole, Start, StreamNote, StreamSink, Waiting, Way};
use crate::time::Timestamp;
use crate::wire::{FrameLayout, FrameView, MaxMsgSize, Name, Side};

/// Frames of one connection that wait while a hole is open.
const MAX_HELD_FRAMES: usize = 64;
/// Bytes of those frames.
const MAX_HELD_BYTES: usize = 1 << 20;
/// Packets of a connection for which its frames wait when a side has acknowledged bytes that the capture has not
/// shown: records a little out of order bring them within these.
const PATIENCE: u8 = 8;
/// Bytes kept of all undecided connections together; beyond it the one that asks for more is decided at once.
const MAX_PROBED_BYTES: usize = 16 << 20;

/// What the user asks of framing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramingOptions {
    /// Only connections with this TCP port at either end.
    pub port: Option<u16>,
    /// P, whatever the frames say.
    pub max_msg_size: Option<MaxMsgSize>,
}

/// A connection that speaks the protocol.
#[derive(Debug, Clone, Copy)]
pub struct FramedConnection<'a> {
    /// Its TCP side.
    pub tcp: &'a ConnectionInfo,
    /// The direction from the client.
    pub client: Way,
    /// What is known of P.
    pub capacity: &'a Capacity,
}

impl FramedConnection<'_> {
    /// Who sends in direction `way`.
    #[must_use]
    pub fn side(&self, way: Way) -> Side {
        if way == self.client { Side::Client } else { Side::Server }
    }

    /// The direction in which `side` sends.
    #[must_use]
    pub const fn way(&self, side: Side) -> Way {
        match side {
            Side::Client => self.client,
            Side::Server => self.client.other(),
        }
    }

    /// True when the capture shows this direction from its first byte on.
    #[must_use]
    pub fn from_start(&self, side: Side) -> bool {
        self.tcp.start[self.way(side).index()] == Start::Syn
    }
}

/// A frame, with who sent it and where it stands.
#[derive(Debug, Clone)]
pub struct LocatedFrame<'a> {
    /// Who sent it.
    pub from: Side,
    /// The packet that carried the last-captured byte.
    pub packet: u64,
    /// The first packet that carried a byte.
    pub first_packet: u64,
    /// Capture time of `packet`.
    pub time: Option<Timestamp>,
    /// Stream offset of its first byte; 0 for one that began before the capture.
    pub offset: u64,
    /// The frame.
    pub frame: CapturedFrame<'a>,
}

/// Something about a connection's frames that its rows do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingNote {
    /// Bytes that belong to no frame were passed over.
    Skipped {
        /// Who sent them.
        from: Side,
        /// Stream offset.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Frames of one side have another length than maximum_msg_size gives; they are read with the one that fits.
    Regridded {
        /// Who sends them.
        from: Side,
        /// Stream offset of the first.
        offset: u64,
        /// The layout that did not fit.
        expected: FrameLayout,
        /// A layout that does; P may be a little smaller.
        found: FrameLayout,
    },
    /// A handshake frame in mid-exchange, whose length is not that of the other frames (PROTOCOL §3.1).
    OffGridHandshake {
        /// Who sent it.
        from: Side,
        /// Stream offset.
        offset: u64,
        /// GET_MAX or RETURN_MAX.
        name: Name,
    },
    /// Frames waited behind an open hole until the limit; rows go on, and late ones come out of packet order.
    HoldLimit {
        /// Frames that waited.
        frames: usize,
    },
}

impl fmt::Display for FramingNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped { from, offset, len } => {
                write!(f, "{len} bytes of the {from} at stream offset {offset} belong to no frame and were passed over")
            }
            Self::Regridded { from, offset, expected, found } => write!(
                f,
                "from stream offset {offset} on, frames of the {from} have {} bytes, not the {} of maximum_msg_size {}: read with maximum_msg_size {}",
                found.len(),
                expected.len(),
                expected.max_msg_size(),
                found.max_msg_size(),
            ),
            Self::OffGridHandshake { from, offset, name } => {
                write!(
                    f,
                    "{name} of the {from} at stream offset {offset}, in mid-exchange, has not the length of the other frames"
                )
            }
            Self::HoldLimit { frames } => {
                write!(
                    f,
                    "{frames} frames waited for bytes the capture lacks so far; going on, later rows may be out of packet order"
                )
            }
        }
    }
}

/// Takes frames, connection by connection in packet order.
pub trait FrameSink {
    /// Kept inside the connection.
    type State: Default;

    /// The next frame.
    fn frame(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, frame: &LocatedFrame<'_>);

    /// Bytes of one side were not captured; frames that follow stand behind them.
    fn hole(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, from: Side, hole: &Hole) {
        let _ = (connection, state, from, hole);
    }

    /// Bytes of one side were received by the other but are not captured, at least not so far: frames that follow may
    /// answer what is never seen. Unlike after a [`hole`](Self::hole) they may still come.
    fn unseen(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, from: Side) {
        let _ = (connection, state, from);
    }

    /// Something worth knowing about a connection's frames.
    fn note(&mut self, connection: &ConnectionInfo, note: FramingNote) {
        let _ = (connection, note);
    }

    /// Something worth knowing about a connection's TCP bytes, ours or not.
    fn stream_note(&mut self, connection: &ConnectionInfo, way: Way, note: StreamNote) {
        let _ = (connection, way, note);
    }

    /// Every frame of the connection was given.
    fn closed(&mut self, connection: &FramedConnection<'_>, state: &mut Self::State, closing: Closing) {
        let _ = (connection, state, closing);
    }
}

/// What framing has seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramingCounts {
    /// Connections that speak the protocol.
    pub connections: u64,
    /// Connections that do not.
    pub foreign: u64,
    /// Connections that carried no byte.
    pub silent: u64,
    /// Connections left out by [`FramingOptions::port`].
    pub filtered: u64,
    /// Frames, partial ones included.
    pub frames: u64,
    /// Frames of which a part was not captured.
    pub partial: u64,
    /// Bytes passed over because they belong to no frame.
    pub skipped_bytes: u64,
}

/// Cuts every connection's streams into frames and hands them to `S`.
#[derive(Debug)]
pub struct Framing<S: FrameSink> {
    options: FramingOptions,
    probed_bytes: usize,
    counts: FramingCounts,
    /// Where the frames go.
    pub sink: S,
}

/// A connection's framing, kept inside the connection.
#[derive(Debug)]
pub struct FramingState<T> {
    phase: Phase<T>,
}

impl<T> Default for FramingState<T> {
    fn default() -> Self {
        Self { phase: Phase::Silent }
    }
}

#[derive(Debug)]
enum Phase<T> {
    /// Not one byte yet.
    Silent,
    /// Left out by the port option.
    Filtered,
    Probing(Box<Probe>),
    Foreign,
    Framed(Box<Framed<T>>),
}

#[derive(Debug)]
struct Framed<T> {
    lanes: [Option<Lane>; 2],
    core: Core<T>,
}

/// What both lanes share.
#[derive(Debug)]
struct Core<T> {
    client: Way,
    capacity: Capacity,
    /// Frames wait: bytes of one direction stand behind an open hole.
    holding: bool,
    held: Vec<Held>,
    held_bytes: usize,
    /// What the sides have acknowledged beyond what the capture shows.
    owed: Owed,
    /// The capacity was narrowed: the lanes' layouts must follow.
    refined: bool,
    state: T,
}

/// Bytes that one side acknowledged and the capture has not shown, by [`Way::index`] of who sent them.
#[derive(Debug, Clone, Copy, Default)]
struct Owed {
    /// Stream offset up to which they were acknowledged; 0 for none.
    up_to: [u64; 2],
    /// Up to where the sink knows.
    told: [u64; 2],
    /// Packets for which frames have waited.
    waited: u8,
}

/// Something that waits for its turn.
#[derive(Debug)]
enum Held {
    Frame {
        way: Way,
        packet: u64,
        first_packet: u64,
        time: Option<Timestamp>,
        offset: u64,
        layout: FrameLayout,
        bytes: Vec<u8>,
        missing: Vec<std::ops::Range<usize>>,
    },
    Hole {
        way: Way,
        after: u64,
        hole: Hole,
    },
}

impl Held {
    const fn packet(&self) -> u64 {
        match self {
            Self::Frame { packet, .. } => *packet,
            Self::Hole { after, .. } => *after,
        }
    }
}

impl<S: FrameSink> Framing<S> {
    /// Frames of every connection that speaks the protocol go to `sink`.
    pub fn new(options: FramingOptions, sink: S) -> Self {
        Self { options, probed_bytes: 0, counts: FramingCounts::default(), sink }
    }

    /// Counts so far; connections count once they are decided.
    #[must_use]
    pub const fn counts(&self) -> FramingCounts {
        self.counts
    }

    fn begin(&self, connection: &ConnectionInfo) -> Phase<S::State> {
        match self.options.port {
            Some(port) if connection.ends.iter().all(|end| end.port != port) => Phase::Filtered,
            _ => Phase::Probing(Box::default()),
        }
    }

    /// Asks the probe, and replays what it kept when the connection is ours.
    fn decide(&mut self, connection: &ConnectionInfo, state: &mut FramingState<S::State>, last: bool) {
        let Phase::Probing(probe) = &mut state.phase else { return };
        let last = last || self.probed_bytes > MAX_PROBED_BYTES;
        match probe.answer(connection, self.options.max_msg_size, last) {
            Answer::NotYet => {}
            Answer::Foreign => {
                self.probed_bytes -= probe.kept_bytes;
                self.counts.foreign += 1;
                state.phase = Phase::Foreign;
            }
            Answer::Ours(recognised) => {
                let Recognised { client, capacity, lanes } = *recognised;
                self.probed_bytes -= probe.kept_bytes;
                self.counts.connections += 1;
                let kept = std::mem::take(&mut probe.kept);
                let core = Core {
                    client,
                    capacity,
                    holding: true,
                    held: Vec::new(),
                    held_bytes: 0,
                    owed: probe.owed,
                    refined: false,
                    state: S::State::default(),
                };
                let mut framed = Box::new(Framed { lanes, core });
                for piece in kept {
                    match piece {
                        Kept::Chunk { way, offset, bytes, packet, time } => {
                            let chunk = Chunk { offset, bytes: &bytes, packet, time };
                            self.feed(connection, &mut framed, way, &chunk);
                        }
                        Kept::Hole { way, hole } => self.pass_hole(connection, &mut framed, way, hole),
                    }
                }
                self.release(connection, &mut framed.core);
                state.phase = Phase::Framed(framed);
            }
        }
    }

    fn feed(&mut self, connection: &ConnectionInfo, framed: &mut Framed<S::State>, way: Way, chunk: &Chunk<'_>) {
        let Framed { lanes, core } = framed;
        let fixed = core.capacity.basis() == CapacityBasis::Declared;
        let lane = lanes[way.index()].get_or_insert_with(|| {
            let handshake_first = chunk.offset == 0 && connection.start[way.index()] == Start::Syn;
            Lane::new(core.capacity.layout(), chunk.offset as i64, handshake_first, fixed)
        });
        let mut delivery = Delivery { framing: self, connection, way, core };
        lane.chunk(chunk, &mut delivery);
        if core.refined {
            core.refined = false;
            let layout = core.capacity.layout();
            lanes.iter_mut().flatten().for_each(|lane| lane.refine(layout));
        }
    }

    fn pass_hole(&mut self, connection: &ConnectionInfo, framed: &mut Framed<S::State>, way: Way, hole: Hole) {
        let Framed { lanes, core } = framed;
        if let Some(lane) = &mut lanes[way.index()] {
            let mut delivery = Delivery { framing: self, connection, way, core };
            lane.miss_until((hole.offset + hole.len) as i64, &mut delivery);
        }
        let after = core.held.iter().rev().find_map(|held| match held {
            Held::Frame { way: w, packet, .. } if *w == way => Some(*packet),
            _ => None,
        });
        if core.holding || !core.held.is_empty() {
            core.held.push(Held::Hole { way, after: after.unwrap_or(0), hole });
        } else {
            let view = FramedConnection { tcp: connection, client: core.client, capacity: &core.capacity };
            self.sink.hole(&view, &mut core.state, view.side(way), &hole);
        }
    }

    /// Tells the sink of bytes that were acknowledged and are not captured, unless it knows.
    fn tell_unseen(&mut self, connection: &ConnectionInfo, core: &mut Core<S::State>) {
        for way in Way::BOTH {
            let (up_to, told) = (core.owed.up_to[way.index()], &mut core.owed.told[way.index()]);
            if up_to > *told {
                *told = up_to;
                let view = FramedConnection { tcp: connection, client: core.client, capacity: &core.capacity };
                self.sink.unseen(&view, &mut core.state, view.side(way));
            }
        }
    }

    /// Hands on everything that waited, in packet order.
    fn release(&mut self, connection: &ConnectionInfo, core: &mut Core<S::State>) {
        if core.held.is_empty() {
            return;
        }
        let mut held = std::mem::take(&mut core.held);
        core.held_bytes = 0;
        held.sort_by_key(Held::packet);
        let view = FramedConnection { tcp: connection, client: core.client, capacity: &core.capacity };
        for waiting in &held {
            match waiting {
                Held::Frame { way, packet, first_packet, time, offset, layout, bytes, missing } => {
                    // The capacity may have been narrowed since: the latest layout of this length reads it right.
                    let layout =
                        if view.capacity.layout().len() == layout.len() && layout.max_msg_size() != HANDSHAKE_SIZE {
                            view.capacity.layout()
                        } else {
                            *layout
                        };
                    let Some(frame) = FrameView::new(bytes, layout) else { continue };
                    let frame = LocatedFrame {
                        from: view.side(*way),
                        packet: *packet,
                        first_packet: *first_packet,
                        time: *time,
                        offset: *offset,
                        frame: CapturedFrame::partial(frame, missing),
                    };
                    self.sink.frame(&view, &mut core.state, &frame);
                }
                Held::Hole { way, hole, .. } => self.sink.hole(&view, &mut core.state, view.side(*way), hole),
            }
        }
        held.clear();
        core.held = held;
    }
}

/// P of handshake frames, which keep their own layout.
const HANDSHAKE_SIZE: MaxMsgSize = MaxMsgSize::MIN;

/// Takes one lane's frames on their way to the sink or the waiting room.
struct Delivery<'a, S: FrameSink> {
    framing: &'a mut Framing<S>,
    connection: &'a ConnectionInfo,
    way: Way,
    core: &'a mut Core<S::State>,
}

impl<S: FrameSink> Delivery<'_, S> {
    /// Keeps a frame until its turn comes.
    #[cold]
    fn hold(&mut self, placed: &Placed<'_>, frame: CapturedFrame<'_>) {
        let core = &mut *self.core;
        let Placed { packet, time, first_packet, offset, .. } = *placed;
        let bytes = frame.view().bytes();
        core.held_bytes += bytes.len();
        core.held.push(Held::Frame {
            way: self.way,
            packet,
            first_packet,
            time,
            offset,
            layout: frame.view().layout(),
            bytes: bytes.to_vec(),
            missing: frame.missing().to_vec(),
        });
        if core.held.len() > MAX_HELD_FRAMES || core.held_bytes > MAX_HELD_BYTES {
            // Goes on for good until this hole is settled: waiting again would only stutter.
            core.holding = false;
            let frames = core.held.iter().filter(|held| matches!(held, Held::Frame { .. })).count();
            self.framing.sink.note(self.connection, FramingNote::HoldLimit { frames });
            self.framing.release(self.connection, core);
        }
    }

    /// Learns from a frame while P is an interval; returns the layout to read it with.
    #[cold]
    fn learn(&mut self, view: FrameView<'_>) -> FrameLayout {
        let layout = view.layout();
        let Some(name) = view.name().filter(|name| !name.is_handshake()) else { return layout };
        let before = self.core.capacity;
        let capacity = &mut self.core.capacity;
        if layout.len() != capacity.layout().len() {
            return layout;
        }
        if let Some(shape) = evidence::shape_of(view.bytes()) {
            capacity.narrow(shape);
        }
        let view = FrameView::new(view.bytes(), capacity.layout()).unwrap_or(view);
        capacity.learn(name, view.pos().0, view.payload());
        self.core.refined |= capacity.layout() != before.layout();
        self.core.capacity.layout()
    }
}

impl<S: FrameSink> LaneSink for Delivery<'_, S> {
    #[inline(always)] // into the lane's loop, where the frame need not be put together to be taken apart
    fn frame(&mut self, placed: &Placed<'_>) {
        self.framing.counts.frames += 1;
        let mut frame = placed.frame;
        if !frame.is_whole() {
            self.framing.counts.partial += 1;
        } else if !self.core.capacity.is_exact() {
            let layout = self.learn(frame.view());
            if let Some(view) = FrameView::new(frame.view().bytes(), layout) {
                frame = CapturedFrame::whole(view);
            }
        }
        let Placed { packet, time, first_packet, offset, .. } = *placed;
        let core = &mut *self.core;
        if core.holding || !core.held.is_empty() {
            self.hold(placed, frame);
            return;
        }
        let view = FramedConnection { tcp: self.connection, client: core.client, capacity: &core.capacity };
        let located = LocatedFrame { from: view.side(self.way), packet, first_packet, time, offset, frame };
        self.framing.sink.frame(&view, &mut core.state, &located);
    }

    fn event(&mut self, event: LaneEvent) {
        let from = if self.way == self.core.client { Side::Client } else { Side::Server };
        let note = match event {
            LaneEvent::Skipped { offset, len } => {
                self.framing.counts.skipped_bytes += len;
                FramingNote::Skipped { from, offset, len }
            }
            LaneEvent::Regridded { offset, from: expected, to: found } => {
                FramingNote::Regridded { from, offset, expected, found }
            }
            LaneEvent::OffGridHandshake { offset, name } => FramingNote::OffGridHandshake { from, offset, name },
        };
        self.framing.sink.note(self.connection, note);
    }
}

impl<S: FrameSink> StreamSink for Framing<S> {
    type State = FramingState<S::State>;

    fn chunk(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, chunk: Chunk<'_>) {
        if let Phase::Framed(framed) = &mut state.phase {
            self.feed(connection, framed, way, &chunk);
            return;
        }
        if let Phase::Silent = state.phase {
            state.phase = self.begin(connection);
        }
        if let Phase::Probing(probe) = &mut state.phase {
            let before = probe.kept_bytes;
            let ask = probe.chunk(connection, way, &chunk);
            self.probed_bytes = self.probed_bytes + probe.kept_bytes - before;
            if ask || self.probed_bytes > MAX_PROBED_BYTES {
                self.decide(connection, state, false);
            }
        }
    }

    fn hole(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, hole: Hole) {
        match &mut state.phase {
            Phase::Framed(framed) => self.pass_hole(connection, framed, way, hole),
            Phase::Probing(probe) => probe.hole(way, hole),
            Phase::Silent => {
                state.phase = self.begin(connection);
                if let Phase::Probing(probe) = &mut state.phase {
                    probe.hole(way, hole);
                }
            }
            Phase::Filtered | Phase::Foreign => {}
        }
    }

    fn owed(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, up_to: u64) {
        match &mut state.phase {
            Phase::Framed(framed) => {
                let core = &mut framed.core;
                core.owed.up_to[way.index()] = up_to;
                if core.owed.waited < PATIENCE {
                    core.holding = true;
                } else {
                    self.tell_unseen(connection, core);
                }
            }
            Phase::Probing(probe) => probe.owed.up_to[way.index()] = up_to,
            _ => {}
        }
    }

    fn settled(&mut self, connection: &ConnectionInfo, state: &mut Self::State, waiting: Waiting) {
        let Phase::Framed(framed) = &mut state.phase else { return };
        let core = &mut framed.core;
        if waiting.owed {
            core.owed.waited = core.owed.waited.saturating_add(1).min(PATIENCE);
        } else if core.owed.waited > 0 {
            core.owed = Owed::default();
        }
        let waits = waiting.held != [0, 0] || (waiting.owed && core.owed.waited < PATIENCE);
        if waits {
            core.holding = true;
        } else if core.holding {
            core.holding = false;
            self.tell_unseen(connection, core);
            self.release(connection, core);
        }
    }

    fn note(&mut self, connection: &ConnectionInfo, _state: &mut Self::State, way: Way, note: StreamNote) {
        self.sink.stream_note(connection, way, note);
    }

    fn closed(&mut self, connection: &ConnectionInfo, state: &mut Self::State, closing: Closing) {
        self.decide(connection, state, true);
        match &mut state.phase {
            Phase::Silent => self.counts.silent += 1,
            Phase::Filtered => self.counts.filtered += 1,
            Phase::Probing(_) | Phase::Foreign => {}
            Phase::Framed(framed) => {
                let Framed { lanes, core } = &mut **framed;
                core.holding = true;
                for way in Way::BOTH {
                    if let Some(lane) = &mut lanes[way.index()] {
                        lane.finish(&mut Delivery { framing: self, connection, way, core });
                    }
                }
                core.holding = false;
                self.release(connection, core);
                let view = FramedConnection { tcp: connection, client: core.client, capacity: &core.capacity };
                self.sink.closed(&view, &mut core.state, closing);
            }
        }
    }
}

#[cfg(test)]
mod tests;
