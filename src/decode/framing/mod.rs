//! Streams to frames: which connections speak the protocol, with what P, and where their frames lie.
//!
//! A connection is recognised by its bytes, whatever its port: by the handshake, or by frames that prove themselves
//! (`evidence`). Until then its first bytes wait in a `probe`; then each direction is a `lane` on which a grid of one
//! frame length cuts the stream. A hole does not move the grid. Frames of one connection come out in packet order:
//! while bytes of one direction wait behind an open hole, the other direction's frames wait too, up to a limit.

mod capacity;
mod delivery;
mod evidence;
mod express;
mod lane;
mod probe;
mod sink;

pub use capacity::{Capacity, CapacityBasis};
pub(crate) use delivery::STATE_IN_FIRST_LINE;
pub use sink::{FrameSink, FramedConnection, FramingCounts, FramingNote, FramingOptions, LocatedFrame, PlainFrame};

use delivery::{Core, Delivery, Owed};
use lane::Lane;
use probe::{Answer, Kept, Probe, Recognised};

use super::express::Express;
use super::halved::Apart;
use super::prefetch::{Depth, fetch};
use super::reassembly::{Chunk, Closing, ConnectionInfo, Hole, Start, StreamNote, StreamSink, Waiting, Way};

/// Packets of a connection for which its frames wait when a side has acknowledged bytes that the capture has not
/// shown: records a little out of order bring them within these.
const PATIENCE: u8 = 8;

/// What framing may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramingLimits {
    /// Bytes kept of one connection while something in it looks like a frame but proves nothing, with what it takes to
    /// keep them; then it is decided by what there is.
    pub kept_bytes: usize,
    /// The same of all undecided connections together; beyond it the one that asks for more is decided at once.
    pub kept_bytes_in_all: usize,
    /// Bytes of one connection's frames that wait while a hole is open; then they go on, with a note.
    pub held_bytes: usize,
}

impl Default for FramingLimits {
    /// 1 MiB a connection, 16 MiB in all; frames of 1 MiB.
    fn default() -> Self {
        Self { kept_bytes: 1 << 20, kept_bytes_in_all: 16 << 20, held_bytes: 1 << 20 }
    }
}

/// Cuts every connection's streams into frames and hands them to `S`.
#[derive(Debug)]
pub struct Framing<S: FrameSink> {
    options: FramingOptions,
    limits: FramingLimits,
    probed_bytes: usize,
    counts: FramingCounts,
    express: Express,
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
    /// It was framed, and is closed.
    Over,
}

#[derive(Debug)]
struct Framed<T> {
    lanes: [Option<Lane>; 2],
    core: Core<T>,
}

impl<T> Framed<T> {
    /// Asks for the memory that the express way needs.
    #[inline]
    fn fetch<S: FrameSink<State = T>>(&self, way: Way, sink: &S) {
        // Whether there is one is not looked at: that would wait for it.
        fetch(&self.lanes[way.index()]);
        self.core.fetch(sink);
    }

    /// True when what is acknowledged up to there is a FIN: one number more than the last whole frame.
    fn is_fin(&self, way: Way, up_to: u64) -> bool {
        match &self.lanes[way.index()] {
            Some(lane) => lane.ends_at(up_to - 1),
            None => up_to == 1,
        }
    }
}

impl<S: FrameSink> Framing<S> {
    /// Frames of every connection that speaks the protocol go to `sink`.
    pub fn new(options: FramingOptions, sink: S) -> Self {
        Self::by(Express::Taken, options, sink)
    }

    /// With or without the express way: both give the same.
    pub(in crate::decode) fn by(express: Express, options: FramingOptions, sink: S) -> Self {
        let (limits, counts) = (FramingLimits::default(), FramingCounts::default());
        Self { options, limits, probed_bytes: 0, counts, express, sink }
    }

    /// The same within other limits.
    #[must_use]
    pub fn within(mut self, limits: FramingLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Counts so far; connections count once they are decided.
    #[must_use]
    pub const fn counts(&self) -> FramingCounts {
        self.counts
    }

    fn begin(&self, connection: &ConnectionInfo) -> Phase<S::State> {
        match self.options.port {
            Some(port) if connection.ends.iter().all(|end| end.port != port) => Phase::Filtered,
            _ => Phase::Probing(Box::new(Probe::within(self.limits.kept_bytes))),
        }
    }

    /// Bytes of a connection that is not known to be ours.
    #[inline(never)]
    fn undecided(
        &mut self,
        connection: &ConnectionInfo,
        state: &mut FramingState<S::State>,
        way: Way,
        chunk: &Chunk<'_>,
    ) {
        if let Phase::Silent = state.phase {
            state.phase = self.begin(connection);
        }
        if let Phase::Probing(probe) = &mut state.phase {
            let before = probe.kept_bytes;
            let ask = probe.chunk(connection, way, chunk);
            self.probed_bytes = self.probed_bytes + probe.kept_bytes - before;
            if ask || self.probed_bytes > self.limits.kept_bytes_in_all {
                self.decide(connection, state, false);
            }
        }
    }

    /// Asks the probe, and replays what it kept when the connection is ours.
    fn decide(&mut self, connection: &ConnectionInfo, state: &mut FramingState<S::State>, last: bool) {
        let Phase::Probing(probe) = &mut state.phase else { return };
        let last = last || self.probed_bytes > self.limits.kept_bytes_in_all;
        match probe.answer(connection, self.options.max_msg_size, last) {
            Answer::NotYet => {}
            Answer::Foreign => {
                self.probed_bytes -= probe.kept_bytes;
                if probe.kept.is_empty() {
                    // Bytes were acknowledged, and nothing else is known of them.
                    self.counts.silent += 1;
                } else {
                    self.counts.foreign += 1;
                }
                state.phase = Phase::Foreign;
            }
            Answer::Ours(recognised) => {
                let Recognised { client, capacity, lanes } = *recognised;
                self.probed_bytes -= probe.kept_bytes;
                self.counts.connections += 1;
                let kept = std::mem::take(&mut probe.kept);
                let owed = probe.owed;
                let core = Core::new(client, capacity, owed);
                let mut framed = Box::new(Framed { lanes, core });
                for piece in kept {
                    match piece {
                        Kept::Chunk { way, offset, bytes, packet, time, after } => {
                            let chunk = Chunk { offset, bytes: &bytes, packet, time };
                            framed.core.owed.now[way.other().index()] = after.unwrap_or(0);
                            self.feed(connection, &mut framed, way, &chunk, after.map(|_| packet));
                        }
                        Kept::Hole { way, hole } => self.pass_hole(connection, &mut framed, way, hole),
                    }
                }
                framed.core.owed.now = owed.now;
                // What was fed waits until the segment is settled, or the connection closed: by then it is known
                // whether something before it was not seen.
                state.phase = Phase::Framed(framed);
            }
        }
    }

    /// Bytes of a connection that is ours; `current` is the packet that [`Owed::now`] is of.
    #[inline(never)] // the express way is for what is common
    fn feed(
        &mut self,
        connection: &ConnectionInfo,
        framed: &mut Framed<S::State>,
        way: Way,
        chunk: &Chunk<'_>,
        current: Option<u64>,
    ) {
        let Framed { lanes, core } = framed;
        let fixed = core.capacity.basis() == CapacityBasis::Declared;
        let lane = lanes[way.index()].get_or_insert_with(|| {
            let (layout, begin) = (core.capacity.layout(), chunk.offset as i64);
            match begin == 0 && connection.start[way.index()] == Start::Syn {
                true => Lane::new(layout, begin, true, fixed),
                false => Lane::adrift(layout, begin, fixed),
            }
        });
        let max_held_bytes = self.limits.held_bytes;
        let (sink, counts) = (&mut self.sink, &mut self.counts);
        let mut delivery = Delivery { sink, counts, connection, way, core, current, max_held_bytes };
        lane.chunk(chunk, &mut delivery);
        delivery.core.holding |= lane.is_adrift();
        if core.refined {
            core.refined = false;
            let layout = core.capacity.layout();
            lanes.iter_mut().flatten().for_each(|lane| lane.refine(layout));
        }
    }

    fn pass_hole(&mut self, connection: &ConnectionInfo, framed: &mut Framed<S::State>, way: Way, hole: Hole) {
        let Framed { lanes, core } = framed;
        if let Some(lane) = &mut lanes[way.index()] {
            let max_held_bytes = self.limits.held_bytes;
            let (sink, counts) = (&mut self.sink, &mut self.counts);
            let current = Some(connection.last_packet);
            let mut delivery = Delivery { sink, counts, connection, way, core, current, max_held_bytes };
            lane.miss_until((hole.offset + hole.len) as i64, &mut delivery);
        }
        core.hole(connection, way, hole, &mut self.sink);
    }
}

impl<S: FrameSink + Apart> Apart for Framing<S> {
    type Told = S::Told;

    fn another(&mut self, kept: usize) -> Self {
        let Self { options, limits, express, .. } = *self;
        self.probed_bytes -= kept;
        let (counts, sink) = (FramingCounts::default(), self.sink.another(0));
        Self { options, limits, probed_bytes: kept, counts, express, sink }
    }

    fn join(&mut self, other: Self) {
        self.probed_bytes += other.probed_bytes;
        self.counts.add(&other.counts);
        self.sink.join(other.sink);
    }

    fn told(&mut self) -> &mut Vec<S::Told> {
        self.sink.told()
    }

    fn is_near_a_limit(&self) -> bool {
        self.probed_bytes >= self.limits.kept_bytes_in_all / 4
    }
}

impl<S: FrameSink> StreamSink for Framing<S> {
    type State = FramingState<S::State>;

    #[inline(always)] // into the express way
    fn chunk(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, chunk: Chunk<'_>) {
        if let Phase::Framed(framed) = &mut state.phase {
            let rest = match self.express {
                Express::Taken => self.express(connection, framed, way, chunk),
                #[cfg(test)]
                Express::Barred => Some(chunk),
            };
            if let Some(rest) = rest {
                self.feed(connection, framed, way, &rest, Some(connection.last_packet));
            }
            return;
        }
        self.undecided(connection, state, way, &chunk);
    }

    fn hole(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, hole: Hole) {
        if let Phase::Silent = state.phase {
            state.phase = self.begin(connection);
        }
        match &mut state.phase {
            Phase::Framed(framed) => self.pass_hole(connection, framed, way, hole),
            Phase::Probing(probe) => {
                let before = probe.kept_bytes;
                let ask = probe.hole(way, hole);
                self.probed_bytes = self.probed_bytes + probe.kept_bytes - before;
                if ask || self.probed_bytes > self.limits.kept_bytes_in_all {
                    self.decide(connection, state, false);
                }
            }
            Phase::Silent | Phase::Filtered | Phase::Foreign | Phase::Over => {}
        }
    }

    fn owed(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, up_to: u64) {
        if let Phase::Silent = state.phase {
            state.phase = self.begin(connection);
        }
        match &mut state.phase {
            Phase::Framed(framed) if framed.is_fin(way, up_to) => {}
            Phase::Framed(framed) => {
                let core = &mut framed.core;
                core.owed.up_to[way.index()] = up_to;
                core.owed.now[way.index()] = up_to;
                if core.owed.waited < PATIENCE {
                    core.holding = true;
                } else {
                    core.tell_unseen(connection, &mut self.sink);
                }
            }
            Phase::Probing(probe) => {
                probe.owed.up_to[way.index()] = up_to;
                probe.owed.now[way.index()] = up_to;
            }
            _ => {}
        }
    }

    fn settled(&mut self, connection: &ConnectionInfo, state: &mut Self::State, waiting: Waiting) {
        let framed = match &mut state.phase {
            Phase::Framed(framed) => framed,
            Phase::Probing(probe) => {
                probe.owed.now = [0; 2];
                return;
            }
            _ => return,
        };
        let owed = Way::BOTH.into_iter().any(|way| waiting.owed[way.index()].is_some_and(|at| !framed.is_fin(way, at)));
        let core = &mut framed.core;
        core.owed.now = [0; 2];
        if owed {
            core.owed.waited = core.owed.waited.saturating_add(1).min(PATIENCE);
        } else if core.owed != Owed::default() {
            core.owed = Owed::default();
        }
        let adrift = framed.lanes.iter().flatten().any(Lane::is_adrift);
        let waits = waiting.held != [0, 0] || adrift || (owed && core.owed.waited < PATIENCE);
        if waits {
            core.holding = true;
        } else if core.holding {
            core.holding = false;
            core.tell_unseen(connection, &mut self.sink);
            core.release(connection, &mut self.sink);
        }
    }

    fn is_quiet(&self, state: &Self::State) -> bool {
        match &state.phase {
            Phase::Framed(framed) => !framed.core.holding && framed.core.owed.waited == 0,
            Phase::Filtered | Phase::Foreign => true,
            Phase::Silent | Phase::Probing(_) | Phase::Over => false,
        }
    }

    fn kept(&self, state: &Self::State) -> usize {
        match &state.phase {
            Phase::Probing(probe) => probe.kept_bytes,
            _ => 0,
        }
    }

    #[inline]
    fn fetch(&self, state: &Self::State, way: Way, depth: Depth) {
        if let Phase::Framed(framed) = &state.phase {
            match depth {
                Depth::First => framed.fetch(way, &self.sink),
                Depth::Second => self.sink.fetch_for(&framed.core.state, framed.core.side(way)),
            }
        }
    }

    fn note(&mut self, connection: &ConnectionInfo, state: &mut Self::State, way: Way, note: StreamNote) {
        match &mut state.phase {
            Phase::Framed(framed) => self.sink.stream_note(connection, Some(&mut framed.core.state), way, note),
            Phase::Over => self.sink.late_note(connection, way, note),
            _ => self.sink.stream_note(connection, None, way, note),
        }
    }

    fn forget(&mut self, state: &mut Self::State) {
        state.phase = if let Phase::Framed(_) = state.phase { Phase::Over } else { Phase::Silent };
    }

    fn closed(&mut self, connection: &ConnectionInfo, state: &mut Self::State, closing: Closing) {
        self.decide(connection, state, true);
        match &mut state.phase {
            Phase::Silent => self.counts.silent += 1,
            Phase::Filtered => self.counts.filtered += 1,
            Phase::Probing(_) | Phase::Foreign | Phase::Over => {}
            Phase::Framed(framed) => {
                let Framed { lanes, core } = &mut **framed;
                core.holding = true;
                for way in Way::BOTH {
                    if let Some(lane) = &mut lanes[way.index()] {
                        lane.finish(&mut Delivery {
                            sink: &mut self.sink,
                            counts: &mut self.counts,
                            connection,
                            way,
                            core,
                            current: Some(connection.last_packet),
                            max_held_bytes: self.limits.held_bytes,
                        });
                    }
                }
                core.holding = false;
                core.tell_unseen(connection, &mut self.sink);
                core.release(connection, &mut self.sink);
                let view = FramedConnection { tcp: connection, client: core.client, capacity: &core.capacity };
                self.sink.closed(&view, &mut core.state, closing);
            }
        }
    }
}

#[cfg(test)]
mod tests;
