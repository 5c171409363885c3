//! From the lanes to the sink: what is learnt of P on the way, and the waiting room that keeps a connection's frames in
//! packet order.

use std::collections::VecDeque;
use std::mem::offset_of;

use super::capacity::Capacity;
use super::evidence;
use super::lane::{LaneEvent, LaneSink, Placed};
use super::sink::{FrameSink, FramedConnection, FramingCounts, FramingNote, LocatedFrame};
use crate::decode::CapturedFrame;
use crate::decode::prefetch::fetch_first;
use crate::decode::reassembly::{ConnectionInfo, Hole, Start, Way};
use crate::time::Timestamp;
use crate::wire::{FrameLayout, FrameView, MaxMsgSize, Side};

/// Frames of one connection that wait while a hole is open.
const MAX_HELD_FRAMES: usize = 64;

/// What both lanes share. What the express way needs comes first.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Core<T> {
    pub(super) client: Way,
    /// Frames wait: bytes of one direction stand behind an open hole.
    pub(super) holding: bool,
    /// The capacity was narrowed: the lanes' layouts must follow.
    pub(super) refined: bool,
    pub(super) capacity: Capacity,
    held: Vec<Held>,
    pub(super) state: T,
    /// What the sides have acknowledged beyond what the capture shows.
    pub(super) owed: Owed,
}

/// As many bytes of the state that comes with a connection's frames stand in a line of the cache with what each frame needs.
pub(crate) const STATE_IN_FIRST_LINE: usize = 64 - offset_of!(Core<u64>, state);

/// Bytes that one side acknowledged and the capture has not shown, by [`Way::index`] of who sent them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Owed {
    /// Stream offset up to which they were acknowledged; 0 for none.
    pub(super) up_to: [u64; 2],
    /// The same, by the segment that is being fed alone.
    pub(super) now: [u64; 2],
    /// Up to where the sink knows.
    told: [u64; 2],
    /// Packets for which frames have waited.
    pub(super) waited: u8,
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
        /// Its sender had received the other direction up to this stream offset, as far as the capture had not shown it;
        /// `None` where it comes out later than its packet, and that is not known any more.
        after: Option<u64>,
    },
    Hole {
        way: Way,
        hole: Hole,
    },
}

impl Held {
    const fn way(&self) -> Way {
        match self {
            Self::Frame { way, .. } | Self::Hole { way, .. } => *way,
        }
    }

    /// Bytes.
    const fn len(&self) -> usize {
        match self {
            Self::Frame { bytes, .. } => bytes.len(),
            Self::Hole { .. } => 0,
        }
    }

    /// True when its sender had received a byte of `other`, which the clock does not contradict: the acknowledgement
    /// may be that of an earlier record. Where that is not known any more, the clock says which came first, and what is
    /// missing may have.
    fn needs(&self, other: &Self) -> bool {
        let Self::Frame { after, time: now, .. } = self else { return false };
        let (offset, then) = match other {
            Self::Frame { offset, time, .. } => (*offset, *time),
            Self::Hole { hole, .. } => (hole.offset, None),
        };
        match (after, other) {
            (Some(after), _) => *after > offset && now.zip(then).is_none_or(|(now, then)| then <= now),
            (None, Self::Hole { .. }) => true,
            (None, Self::Frame { .. }) => now.zip(then).is_some_and(|(now, then)| then < now),
        }
    }
}

impl<T: Default> Core<T> {
    /// A connection whose first bytes were kept: frames wait until they were replayed.
    pub(super) fn new(client: Way, capacity: Capacity, owed: Owed) -> Self {
        Self { client, capacity, holding: true, held: Vec::new(), owed, refined: false, state: T::default() }
    }
}

impl<T> Core<T> {
    /// True when frames go straight on: none waits, and none teaches anything of P.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        !self.holding && self.held.is_empty() && self.capacity.is_exact()
    }

    /// Who sends in this direction.
    pub(super) fn side(&self, way: Way) -> Side {
        if way == self.client { Side::Client } else { Side::Server }
    }

    /// Asks for the memory that the express way needs.
    #[inline]
    pub(super) fn fetch<S: FrameSink<State = T>>(&self, sink: &S) {
        fetch_first(self, 64);
        sink.fetch(&self.state);
    }

    /// Hands on a hole of direction `way`, or lets it wait with the frames.
    pub(super) fn hole<S: FrameSink<State = T>>(
        &mut self,
        connection: &ConnectionInfo,
        way: Way,
        hole: Hole,
        sink: &mut S,
    ) {
        if self.holding || !self.held.is_empty() {
            self.held.push(Held::Hole { way, hole });
        } else {
            let view = FramedConnection { tcp: connection, client: self.client, capacity: &self.capacity };
            sink.hole(&view, &mut self.state, view.side(way), &hole);
        }
    }

    /// Tells the sink of bytes that were acknowledged and are not captured, unless it knows.
    pub(super) fn tell_unseen<S: FrameSink<State = T>>(&mut self, connection: &ConnectionInfo, sink: &mut S) {
        for way in Way::BOTH {
            let (up_to, told) = (self.owed.up_to[way.index()], &mut self.owed.told[way.index()]);
            if up_to > *told {
                *told = up_to;
                let view = FramedConnection { tcp: connection, client: self.client, capacity: &self.capacity };
                sink.unseen(&view, &mut self.state, view.side(way), up_to);
            }
        }
    }

    /// Of all frames that wait, which are few.
    fn held_bytes(&self) -> usize {
        self.held.iter().map(Held::len).sum()
    }

    /// Hands on everything that waited, in packet order.
    pub(super) fn release<S: FrameSink<State = T>>(&mut self, connection: &ConnectionInfo, sink: &mut S) {
        if self.held.is_empty() {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let held = in_order(held);
        let view = FramedConnection { tcp: connection, client: self.client, capacity: &self.capacity };
        for waiting in &held {
            match waiting {
                Held::Frame { way, packet, first_packet, time, offset, layout, bytes, missing, after: _ } => {
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
                    sink.frame(&view, &mut self.state, &frame);
                }
                Held::Hole { way, hole, .. } => sink.hole(&view, &mut self.state, view.side(*way), hole),
            }
        }
    }
}

/// What waited, in packet order, but each direction in the order of its bytes, which is the order in which its frames
/// were written: what stands behind a frame that came late is as late. A hole comes with what it follows, before what
/// the other direction may have answered to it. And where capture records are out of order, no frame comes before those
/// that its sender had received.
fn in_order(held: Vec<Held>) -> Vec<Held> {
    let mut latest = [0; 2];
    let mut queues = [VecDeque::new(), VecDeque::new()];
    for waiting in held {
        let way = waiting.way().index();
        if let Held::Frame { packet, .. } = &waiting {
            latest[way] = latest[way].max(*packet);
        }
        queues[way].push_back((latest[way], waiting));
    }
    let mut ordered = Vec::with_capacity(queues.iter().map(VecDeque::len).sum());
    loop {
        let [forth, back] = [0, 1].map(|way: usize| queues[way].front());
        let way = match (forth, back) {
            (None, None) => return ordered,
            (Some(_), None) => 0,
            (None, Some(_)) => 1,
            (Some((_, forth)), Some((_, back))) if forth.needs(back) && !back.needs(forth) => 1,
            (Some((_, forth)), Some((_, back))) if back.needs(forth) && !forth.needs(back) => 0,
            (Some((forth, _)), Some((back, _))) => usize::from(back < forth),
        };
        ordered.extend(queues[way].pop_front().map(|(_, waiting)| waiting));
    }
}

/// P of handshake frames, which keep their own layout.
const HANDSHAKE_SIZE: MaxMsgSize = MaxMsgSize::MIN;

/// Takes one lane's frames on their way to the sink or the waiting room.
pub(super) struct Delivery<'a, S: FrameSink> {
    pub(super) sink: &'a mut S,
    pub(super) counts: &'a mut FramingCounts,
    pub(super) connection: &'a ConnectionInfo,
    pub(super) way: Way,
    pub(super) core: &'a mut Core<S::State>,
    /// The packet by which [`Owed::now`] stands.
    pub(super) current: Option<u64>,
    /// See [`FramingLimits::held_bytes`](super::FramingLimits::held_bytes).
    pub(super) max_held_bytes: usize,
}

impl<S: FrameSink> Delivery<'_, S> {
    /// Keeps a frame until its turn comes.
    #[cold]
    fn hold(&mut self, placed: &Placed<'_>, frame: CapturedFrame<'_>) {
        let core = &mut *self.core;
        let Placed { packet, time, first_packet, offset, .. } = *placed;
        let bytes = frame.view().bytes();
        // Of a frame that comes out later than its packet nothing is known any more.
        let other = self.way.other().index();
        let known = self.current == Some(packet) && self.connection.start[other] != Start::Unknown;
        let after = known.then_some(core.owed.now[other]);
        core.held.push(Held::Frame {
            way: self.way,
            packet,
            first_packet,
            time,
            offset,
            layout: frame.view().layout(),
            bytes: bytes.to_vec(),
            missing: frame.missing().to_vec(),
            after,
        });
        if core.held.len() > MAX_HELD_FRAMES || core.held_bytes() > self.max_held_bytes {
            // Goes on for good until this hole is settled: waiting again would only stutter.
            core.holding = false;
            let frames = core.held.iter().filter(|held| matches!(held, Held::Frame { .. })).count();
            self.sink.note(self.connection, &mut core.state, FramingNote::HoldLimit { frames });
            // What comes from now on may be out of order, so that nothing proves that a frame is missing.
            let view = FramedConnection { tcp: self.connection, client: core.client, capacity: &core.capacity };
            for side in [Side::Client, Side::Server] {
                self.sink.unseen(&view, &mut core.state, side, u64::MAX);
            }
            core.release(self.connection, self.sink);
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
        // What only bears a name may be the head of a longer frame that the capture cut: it teaches nothing.
        let Some(shape) = evidence::shape_of(view.bytes()) else { return layout };
        capacity.narrow(shape);
        let view = FrameView::new(view.bytes(), capacity.layout()).unwrap_or(view);
        capacity.learn(name, view.pos().0, view.payload());
        self.core.refined |= capacity.layout() != before.layout();
        self.core.capacity.layout()
    }
}

impl<S: FrameSink> LaneSink for Delivery<'_, S> {
    #[inline(always)] // into the lane's loop, where the frame need not be put together to be taken apart
    fn frame(&mut self, placed: &Placed<'_>) {
        self.counts.frames += 1;
        let mut frame = placed.frame;
        if !frame.is_whole() {
            self.counts.partial += 1;
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
        self.sink.frame(&view, &mut core.state, &located);
    }

    fn event(&mut self, event: LaneEvent) {
        let from = self.core.side(self.way);
        let note = match event {
            LaneEvent::Skipped { offset, len } => {
                self.counts.skipped_bytes += len;
                FramingNote::Skipped { from, offset, len }
            }
            LaneEvent::Regridded { offset, from: expected, to } => {
                let (least, most) = to.max_msg_size();
                FramingNote::Regridded { from, offset, expected, len: to.len(), least, most }
            }
            LaneEvent::OffGridHandshake { offset, name } => FramingNote::OffGridHandshake { from, offset, name },
            LaneEvent::Overridden { declared, answered } => FramingNote::Overridden { declared, answered },
        };
        self.sink.note(self.connection, &mut self.core.state, note);
    }
}
