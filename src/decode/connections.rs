//! TCP connections: which segment belongs to which, and when a new one begins.

use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::reassembly::{
    Closing, ConnectionInfo, Half, Outlet, Shared, Start, Stream, StreamCounters, StreamLimits, StreamSink, Waiting,
    Way,
};
use super::{Endpoint, Segment, TcpFlags};

mod express;
mod halves;

pub(super) use express::Address;
use express::{Front, WordsV4};

/// Every TCP connection of a capture, fed segment by segment in the order of the file.
///
/// A connection is a pair of endpoints, until a SYN without ACK comes whose sequence number is not the one its sender
/// began with: that begins another, as Wireshark counts them. In two points Wireshark 4.0 differs: a SYN captured a
/// little after its own data still belongs to it here; and a SYN with the old number after both sides sent FIN, or
/// after data and an RST, begins another connection here.
pub struct Connections<S: StreamSink> {
    shared: Shared,
    v4: HashMap<KeyV4, Slot, RandomState>,
    v6: HashMap<KeyV6, Slot, RandomState>,
    /// Packets come in runs of one connection.
    latest: Option<(Key, Slot)>,
    /// Where the express way looks first.
    front: Front,
    connections: Vec<Connection<S::State>>,
    /// How many, by halves.
    population: [Population; 2],
    /// The half whose connections are not here but with another thread.
    elsewhere: Option<Half>,
    count: u32,
}

/// Connections of a half.
#[derive(Debug, Clone, Copy, Default)]
struct Population {
    all: usize,
    closed: usize,
}

/// An index into `connections`.
pub(super) type Slot = u32;

/// The endpoints of a connection, the lower one first, packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct KeyV4 {
    addrs: u64,
    ports: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct KeyV6 {
    low: u128,
    high: u128,
    ports: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    V4(KeyV4),
    V6(KeyV6),
}

/// Which end of a [`Key`] sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Low,
    High,
}

impl Key {
    #[inline]
    fn new(source: Endpoint, destination: Endpoint) -> (Self, Sender) {
        if let (IpAddr::V4(from), IpAddr::V4(to)) = (source.addr, destination.addr) {
            let from = u64::from(from.to_bits()) << 16 | u64::from(source.port);
            let to = u64::from(to.to_bits()) << 16 | u64::from(destination.port);
            let (low, high, sender) = if from <= to { (from, to, Sender::Low) } else { (to, from, Sender::High) };
            let addrs = (low >> 16) << 32 | high >> 16;
            let ports = (low as u32 & 0xFFFF) << 16 | (high as u32 & 0xFFFF);
            return (Self::V4(KeyV4 { addrs, ports }), sender);
        }
        let from = (bits(source.addr), source.port);
        let to = (bits(destination.addr), destination.port);
        let (low, high, sender) = if from <= to { (from, to, Sender::Low) } else { (to, from, Sender::High) };
        let ports = u32::from(low.1) << 16 | u32::from(high.1);
        (Self::V6(KeyV6 { low: low.0, high: high.0, ports }), sender)
    }
}

fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().to_bits(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// A connection and its two directions. What the express way needs comes first.
#[repr(C, align(64))]
struct Connection<T> {
    /// `info.ends` as the express way compares them.
    words_v4: WordsV4,
    /// Nothing waits or is about to happen: see [`is_quiet`](Self::is_quiet). Kept by every segment of the general way.
    quiet: bool,
    half: Half,
    stage: Stage,
    /// Which end of the key is `ends[0]`.
    first: Sender,
    /// Whether a SYN was captured, by [`Way::index`].
    syn_from: [bool; 2],
    state: T,
    streams: [Stream; 2],
    info: ConnectionInfo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The sink was told that it closed; packets may still follow.
    Closed,
}

impl<S: StreamSink> Connections<S> {
    /// No connections yet.
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        Self::numbered_from(0, limits)
    }

    /// No connections yet; the first will have the id `first`, since several files of one run count on.
    #[must_use]
    pub fn numbered_from(first: u32, limits: StreamLimits) -> Self {
        Self {
            shared: Shared::new(limits),
            v4: HashMap::with_hasher(RandomState::default()),
            v6: HashMap::with_hasher(RandomState::default()),
            latest: None,
            front: Front::default(),
            connections: Vec::new(),
            population: Default::default(),
            elsewhere: None,
            count: first,
        }
    }

    /// Takes the next segment of the capture.
    #[inline(never)] // large, and called from each way a packet gives a segment
    pub fn segment(&mut self, segment: &Segment<'_>, sink: &mut S) {
        let (key, sender) = Key::new(segment.source, segment.destination);
        let slot = match self.latest {
            Some((latest, slot)) if latest == key => slot,
            _ => {
                let hash = express::hash(segment.source, segment.destination);
                if self.is_elsewhere(hash) {
                    return;
                }
                let guess = self.front.guess(hash).filter(|slot| self.is_at(*slot, &key));
                let slot = guess.unwrap_or_else(|| {
                    let half = Half::of(hash);
                    let slot = self.find(&key).unwrap_or_else(|| self.open(key, half, sender, segment, sink));
                    self.front.learn(hash, slot, self.connections.len());
                    slot
                });
                self.latest = Some((key, slot));
                slot
            }
        };
        self.shared.counters.segments += 1;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let half = connection.half;
        let population = &mut self.population[half.index()];
        if connection.is_succeeded_by(segment, sender) {
            population.closed -= usize::from(connection.is_closed());
            connection.close(Closing::Replaced, &mut self.shared, sink);
            *connection = Connection::new(self.count, half, sender, segment);
            self.count = self.count.saturating_add(1);
        }
        let was_closed = connection.is_closed();
        connection.segment(segment, sender, &mut self.shared, sink);
        connection.quiet = connection.is_quiet(sink);
        population.closed += usize::from(connection.is_closed() && !was_closed);
    }

    /// True when the connection with that hash is with another thread.
    #[inline(always)] // into the express way
    pub(super) fn is_elsewhere(&self, hash: u64) -> bool {
        self.elsewhere == Some(Half::of(hash))
    }

    /// The capture has ended: gives up what is open and closes every connection, in order of their ids.
    pub fn finish(&mut self, sink: &mut S) {
        let mut connections = std::mem::take(&mut self.connections);
        self.v4.clear();
        self.v6.clear();
        self.latest = None;
        connections.sort_unstable_by_key(|connection| connection.info.id);
        for connection in &mut connections {
            connection.close(Closing::CaptureEnded, &mut self.shared, sink);
        }
    }

    /// The id that the next connection will have: how many there are, when they are numbered from 0.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// What was done so far, over all connections.
    #[must_use]
    pub fn counters(&self) -> &StreamCounters {
        &self.shared.counters
    }

    fn is_at(&self, slot: Slot, key: &Key) -> bool {
        self.connections.get(slot as usize).is_some_and(|connection| {
            let [a, b] = connection.info.ends;
            Key::new(a, b).0 == *key
        })
    }

    #[inline]
    fn find(&self, key: &Key) -> Option<Slot> {
        match key {
            Key::V4(key) => self.v4.get(key),
            Key::V6(key) => self.v6.get(key),
        }
        .copied()
    }

    fn open(&mut self, key: Key, half: Half, sender: Sender, segment: &Segment<'_>, sink: &mut S) -> Slot {
        self.make_room(half, sink);
        let slot = self.connections.len() as Slot;
        self.connections.push(Connection::new(self.count, half, sender, segment));
        self.population[half.index()].all += 1;
        self.count = self.count.saturating_add(1);
        self.insert(key, slot);
        slot
    }

    fn insert(&mut self, key: Key, slot: Slot) {
        match key {
            Key::V4(key) => self.v4.insert(key, slot),
            Key::V6(key) => self.v6.insert(key, slot),
        };
    }

    /// Forgets connections where one more of this half would be too many: so many together that the search for them costs
    /// little each.
    #[inline]
    fn make_room(&mut self, half: Half, sink: &mut S) {
        let limit = self.shared.limits.connections.clamp(1, Slot::MAX as usize);
        let len = self.connections.len();
        let Population { all, closed } = self.population[half.index()];
        if len >= limit {
            let excess = len - limit + (limit / 16).max(1);
            let all_closed: usize = self.population.iter().map(|half| half.closed).sum();
            let whose = if all_closed >= excess { Whose::Closed } else { Whose::All };
            self.forget(excess, whose, sink);
        } else if closed >= (self.shared.limits.closed / 2).max(1) + (all - closed) / 4 {
            self.forget(closed.div_ceil(2), Whose::ClosedOf(half), sink);
        }
    }

    /// Forgets the `count` that were idle longest of those.
    #[cold]
    fn forget(&mut self, count: usize, whose: Whose, sink: &mut S) {
        let may_go = |connection: &Connection<S::State>| match whose {
            Whose::All => true,
            Whose::Closed => connection.is_closed(),
            Whose::ClosedOf(half) => connection.is_closed() && connection.half == half,
        };
        let candidates = self.connections.iter().filter(|connection| may_go(connection));
        let mut packets: Vec<u64> = candidates.map(|connection| connection.info.last_packet).collect();
        let oldest = packets.len().min(count) - 1;
        let (_, newest_to_go, _) = packets.select_nth_unstable(oldest);
        let newest_to_go = *newest_to_go;
        let goes =
            |connection: &mut Connection<S::State>| may_go(connection) && connection.info.last_packet <= newest_to_go;
        let mut idle: Vec<_> = self.connections.extract_if(.., goes).collect();
        idle.sort_unstable_by_key(|connection| connection.info.id);
        for connection in &mut idle {
            let population = &mut self.population[connection.half.index()];
            population.all -= 1;
            population.closed -= usize::from(connection.is_closed());
            self.shared.counters.evicted_connections += u64::from(!connection.is_closed());
            connection.close(Closing::Evicted, &mut self.shared, sink);
        }
        self.index();
    }

    /// Finds every connection where it stands now.
    fn index(&mut self) {
        self.latest = None;
        self.v4.clear();
        self.v6.clear();
        for slot in 0..self.connections.len() {
            let [a, b] = self.connections[slot].info.ends;
            self.insert(Key::new(a, b).0, slot as Slot);
        }
    }
}

/// Which connections may be forgotten.
#[derive(Debug, Clone, Copy)]
enum Whose {
    All,
    Closed,
    ClosedOf(Half),
}

impl<T: Default> Connection<T> {
    fn new(id: u32, half: Half, sender: Sender, segment: &Segment<'_>) -> Self {
        let info = ConnectionInfo {
            id,
            ends: [segment.source, segment.destination],
            opener: None,
            start: [Start::Unknown; 2],
            first_packet: segment.packet,
            first_time: segment.time,
            last_packet: segment.packet,
            last_time: segment.time,
            packets: [0; 2],
            fin: [false; 2],
            reset: [false; 2],
        };
        Self {
            info,
            half,
            first: sender,
            words_v4: WordsV4::new([segment.source, segment.destination]),
            stage: Stage::Open,
            quiet: false,
            syn_from: [false; 2],
            streams: Default::default(),
            state: T::default(),
        }
    }

    fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    fn way(&self, sender: Sender) -> Way {
        if sender == self.first { Way::Forth } else { Way::Back }
    }

    /// Whether `segment` begins another connection between the same endpoints.
    #[inline]
    fn is_succeeded_by(&self, segment: &Segment<'_>, sender: Sender) -> bool {
        if !segment.flags.has(TcpFlags::SYN) || segment.flags.has(TcpFlags::ACK) {
            return false;
        }
        let way = self.way(sender).index();
        let stream = &self.streams[way];
        match stream.initial_sequence() {
            None => false,
            Some(isn) if isn == segment.seq => self.is_over(sender),
            // Captured out of order: the SYN of this very connection, after some of its data.
            Some(_) => self.syn_from[way] || !stream.may_start_at(segment.seq + 1),
        }
    }

    /// True when another SYN of `sender` with the old number can only mean a new connection: after an exchange that
    /// ended. One that was refused before any data is tried again with the same number; and the first captured SYN
    /// belongs to this connection, however late it stands in the capture.
    fn is_over(&self, sender: Sender) -> bool {
        let reset = self.info.reset.contains(&true) && self.streams.iter().any(Stream::has_data);
        self.syn_from[self.way(sender).index()] && (reset || self.info.fin == [true; 2])
    }

    fn segment<S>(&mut self, segment: &Segment<'_>, sender: Sender, shared: &mut Shared, sink: &mut S)
    where
        S: StreamSink<State = T>,
    {
        let way = self.way(sender);
        let info = &mut self.info;
        info.last_packet = segment.packet;
        info.last_time = segment.time;
        info.packets[way.index()] += 1;
        if segment.flags.0 & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST).0 != 0 {
            info.fin[way.index()] |= segment.flags.has(TcpFlags::FIN);
            info.reset[way.index()] |= segment.flags.has(TcpFlags::RST);
            self.syn_from[way.index()] |= segment.flags.has(TcpFlags::SYN);
            if segment.flags.has(TcpFlags::SYN) && info.opener.is_none() {
                info.opener = Some(if segment.flags.has(TcpFlags::ACK) { way.other() } else { way });
            }
        }

        let [forth, back] = &mut self.streams;
        let (own, other) = if way == Way::Forth { (forth, back) } else { (back, forth) };
        let mut out = Outlet { sink, info, state: &mut self.state, shared, half: self.half, way };
        if segment.flags.has(TcpFlags::ACK) {
            if segment.flags.has(TcpFlags::RST) {
                // Whoever resets no longer says what it received.
                other.hear(segment.ack);
            } else if out.info.ends[0] == out.info.ends[1] {
                // One socket that talks to itself acknowledges its own numbers.
                own.acknowledge(segment.ack, &out);
            } else {
                if segment.flags.has(TcpFlags::SYN) {
                    out.way = way.other();
                    other.anchor_before(segment.ack, &mut out);
                }
                other.acknowledge(segment.ack, &out);
            }
            // Told first: what this segment carries may answer bytes that the capture does not have.
            if let Some(up_to) = other.owed() {
                out.way = way.other();
                out.owed(up_to);
            }
        }
        out.way = way;
        own.segment(segment, &mut out);
        own.tick(&mut out);
        out.way = way.other();
        other.tick(&mut out);

        if self.is_closed() {
            return;
        }
        let [forth, back] = &self.streams;
        let waiting = Waiting { held: [forth.waiting(), back.waiting()], owed: [forth.owed(), back.owed()] };
        sink.settled(&self.info, &mut self.state, waiting);
        if self.streams.iter().all(Stream::is_complete) {
            self.close(Closing::Fin, shared, sink);
        }
    }

    /// Gives up what is open and tells the sink; `closing` says why, unless the connection itself said how it ended.
    fn close<S>(&mut self, closing: Closing, shared: &mut Shared, sink: &mut S)
    where
        S: StreamSink<State = T>,
    {
        if self.is_closed() {
            return;
        }
        self.stage = Stage::Closed;
        for way in Way::BOTH {
            let (info, state, half) = (&mut self.info, &mut self.state, self.half);
            let mut out = Outlet { sink, info, state, shared, half, way };
            let peer_closed = out.info.fin[way.other().index()];
            self.streams[way.index()].finish(peer_closed, &mut out);
        }
        let closing = match self.info {
            _ if closing == Closing::Evicted => closing,
            ConnectionInfo { reset: [true, _] | [_, true], .. } => Closing::Reset,
            ConnectionInfo { fin: [true, true], .. } => Closing::Fin,
            _ => closing,
        };
        sink.closed(&self.info, &mut self.state, closing);
        sink.forget(&mut self.state);
    }
}

#[cfg(test)]
mod tests;
