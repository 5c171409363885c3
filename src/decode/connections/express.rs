//! The express way through connections and reassembly.

use std::mem::offset_of;
use std::net::IpAddr;

use super::{Connection, Connections, Key, Sender, Slot, Stage};
use crate::decode::headers::Parts;
use crate::decode::prefetch::{Depth, fetch, fetch_first};
use crate::decode::reassembly::{ConnectionInfo, Outlet, Shared, StreamSink, Way};
use crate::decode::{Endpoint, TcpFlags};
use crate::time::Timestamp;

/// Flags that change the state of a connection.
const EVENTFUL: u8 = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0;

/// An address in machine words, `u32` or `u128`, and what the express way must be able to do with two and their ports.
pub(in crate::decode) trait Address: Copy + Ord {
    /// The direction of a segment between these, when a connection is between them too.
    fn way(of: (&WordsV4, &ConnectionInfo), addresses: (Self, Self), ports: (u16, u16)) -> Option<Way>;

    /// The same for both directions.
    fn hash(addresses: (Self, Self), ports: (u16, u16)) -> u64;

    /// Which of the two ends sends.
    fn sender(addresses: (Self, Self), ports: (u16, u16)) -> Sender {
        if (addresses.0, ports.0) <= (addresses.1, ports.1) { Sender::Low } else { Sender::High }
    }

    /// As the other parts know it.
    fn ip(self) -> IpAddr;
}

/// The ends of a connection over IPv4, address and port each in one number; no address is that large for any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct WordsV4([u64; 2]);

impl WordsV4 {
    pub(super) fn new(ends: [Endpoint; 2]) -> Self {
        Self(ends.map(|end| match end.addr {
            IpAddr::V4(addr) => Self::word(addr.to_bits(), end.port),
            IpAddr::V6(_) => u64::MAX,
        }))
    }

    #[inline(always)] // as below
    fn word(address: u32, port: u16) -> u64 {
        u64::from(address) << 16 | u64::from(port)
    }
}

/// Multiplicative hashing (Knuth, vol. 3, §6.4): the high bits are good.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

impl Address for u32 {
    #[inline(always)] // into the loop over the records
    fn way(of: (&WordsV4, &ConnectionInfo), addresses: (Self, Self), ports: (u16, u16)) -> Option<Way> {
        let (from, to) = (WordsV4::word(addresses.0, ports.0), WordsV4::word(addresses.1, ports.1));
        match of.0.0 {
            [first, second] if first == from && second == to => Some(Way::Forth),
            [first, second] if first == to && second == from => Some(Way::Back),
            _ => None,
        }
    }

    #[inline(always)] // as above
    fn hash(addresses: (Self, Self), ports: (u16, u16)) -> u64 {
        let (from, to) = (WordsV4::word(addresses.0, ports.0), WordsV4::word(addresses.1, ports.1));
        from.wrapping_add(to).wrapping_mul(MULTIPLIER)
    }

    fn ip(self) -> IpAddr {
        IpAddr::V4(self.into())
    }
}

impl Address for u128 {
    fn way((_, info): (&WordsV4, &ConnectionInfo), addresses: (Self, Self), ports: (u16, u16)) -> Option<Way> {
        let source = Endpoint { addr: addresses.0.ip(), port: ports.0 };
        let destination = Endpoint { addr: addresses.1.ip(), port: ports.1 };
        match info.ends {
            ends if ends == [source, destination] => Some(Way::Forth),
            ends if ends == [destination, source] => Some(Way::Back),
            _ => None,
        }
    }

    fn hash(addresses: (Self, Self), ports: (u16, u16)) -> u64 {
        let sum = addresses.0.wrapping_add(addresses.1);
        let ports = u64::from(ports.0) + u64::from(ports.1);
        (sum as u64 ^ (sum >> 64) as u64).wrapping_add(ports).wrapping_mul(MULTIPLIER)
    }

    fn ip(self) -> IpAddr {
        IpAddr::V6(self.into())
    }
}

/// The hash of a connection between these, as the express way has it.
pub(super) fn hash(source: Endpoint, destination: Endpoint) -> u64 {
    let ports = (source.port, destination.port);
    match (source.addr, destination.addr) {
        (IpAddr::V4(from), IpAddr::V4(to)) => u32::hash((from.to_bits(), to.to_bits()), ports),
        (from, to) => u128::hash((super::bits(from), super::bits(to)), ports),
    }
}

/// A guess at the slot of a connection, by the hash of its ends: costs a tenth of the look-up in the map, which is asked
/// when the guess is wrong. Whoever uses it compares the ends.
#[derive(Debug, Default)]
pub(super) struct Front {
    /// A power of two of them, or none.
    guesses: Vec<Guess>,
}

/// A slot with the hash that it was learnt by: another connection's memory is not looked at to find that out.
#[derive(Debug, Clone, Copy)]
struct Guess {
    hash: u32,
    slot: Slot,
}

impl Guess {
    const NONE: Self = Self { hash: 0, slot: Slot::MAX };

    const fn is_of(self, hash: u32) -> bool {
        self.hash == hash && self.slot != Slot::MAX
    }
}

/// Connections from which on they are a crowd: each takes one to four kilobytes, and a core's cache holds some megabytes.
/// Tests have few.
const CROWD: usize = if cfg!(test) { 2 } else { 500 };

/// Guesses at first, and at most.
const FEWEST: usize = 256;
const MOST: usize = 1 << 20;

/// Places at which a guess may stand, the first that is free: with four for each connection, one in a thousand finds none.
const PLACES: usize = 4;

impl Front {
    #[inline(always)] // as above
    pub(super) fn guess(&self, hash: u64) -> Option<Slot> {
        let hash = Self::short(hash);
        let first = self.guesses.get(self.place(hash, 0))?;
        if first.is_of(hash) { Some(first.slot) } else { self.guess_further(hash) }
    }

    #[inline]
    fn guess_further(&self, hash: u32) -> Option<Slot> {
        let guesses = (1..PLACES).filter_map(|nth| self.guesses.get(self.place(hash, nth)));
        guesses.copied().find(|guess| guess.is_of(hash)).map(|guess| guess.slot)
    }

    #[inline(always)] // as above
    const fn short(hash: u64) -> u32 {
        (hash >> 32) as u32
    }

    #[inline(always)] // as above
    fn place(&self, hash: u32, nth: usize) -> usize {
        (hash as usize + nth) & self.guesses.len().wrapping_sub(1)
    }

    /// Forgets them all.
    pub(super) fn clear(&mut self) {
        self.guesses.fill(Guess::NONE);
    }

    /// Asks for the memory of a guess.
    #[inline]
    fn fetch(&self, hash: u64) {
        if let Some(guess) = self.guesses.get(self.place(Self::short(hash), 0)) {
            fetch(guess);
        }
    }

    /// Remembers the slot, one of `connections` in use.
    pub(super) fn learn(&mut self, hash: u64, slot: Slot, connections: usize) {
        let wanted = (connections * 4).clamp(FEWEST, MOST).next_power_of_two();
        if self.guesses.len() < wanted {
            self.guesses = vec![Guess::NONE; wanted];
        }
        let hash = Self::short(hash);
        let free =
            |place: &usize| self.guesses.get(*place).is_some_and(|guess| guess.slot == Slot::MAX || guess.hash == hash);
        let mut places = (0..PLACES).map(|nth| self.place(hash, nth));
        let place = places.find(free).unwrap_or_else(|| self.place(hash, 0));
        self.guesses[place] = Guess { hash, slot };
    }
}

impl<S: StreamSink> Connections<S> {
    /// Takes the segment of a plain packet if it is the next of a quiet connection, or of one elsewhere; else changes nothing
    /// and says false.
    #[inline(always)] // into the loop over the records
    pub(in crate::decode) fn express<A: Address>(
        &mut self,
        packet: u64,
        time: Timestamp,
        parts: &Parts<'_, A>,
        sink: &mut S,
    ) -> bool {
        if parts.missing != 0 || parts.flags.0 & (EVENTFUL | TcpFlags::ACK.0) != TcpFlags::ACK.0 {
            return false;
        }
        let (addresses, ports) = (parts.addresses, parts.ports);
        let hash = A::hash(addresses, ports);
        if self.is_elsewhere(hash) {
            return true;
        }
        let guessed = self.front.guess(hash).and_then(|slot| {
            let connection = self.connections.get(slot as usize)?;
            A::way(connection.between(), addresses, ports).map(|way| (slot, way))
        });
        // A closure for this would borrow what it needs, which would have to be in memory for each packet.
        let found = match guessed {
            Some(found) => Some(found),
            None => self.look_up(hash, addresses, ports),
        };
        let Some((slot, way)) = found else { return false };
        let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
        connection.express(packet, time, parts, way, &mut self.shared, sink)
    }

    /// True when there are so many that what is known of them stays in no cache of one core.
    pub(in crate::decode) const fn are_a_crowd(&self) -> bool {
        self.connections.len() >= CROWD
    }

    /// Asks for the memory of the guess at the connection with that hash.
    #[inline]
    pub(in crate::decode) fn fetch_guess(&self, hash: u64) {
        self.front.fetch(hash);
    }

    /// Asks for the memory of the connection itself, and tells where it stands unless the guess is wrong; 0 is no hash.
    #[inline]
    pub(in crate::decode) fn fetch(&self, hash: u64) -> Slot {
        let slot = if hash == 0 { None } else { self.front.guess(hash) }.unwrap_or(Slot::MAX);
        if let Some(connection) = self.connections.get(slot as usize) {
            connection.fetch();
        }
        slot
    }

    /// Asks for that of its state, for a segment from there.
    #[inline]
    pub(in crate::decode) fn fetch_state(&self, slot: Slot, sender: Sender, sink: &S, depth: Depth) {
        if let Some(connection) = self.connections.get(slot as usize) {
            let way = if connection.first == sender { Way::Forth } else { Way::Back };
            sink.fetch(&connection.state, way, depth);
        }
    }

    #[cold]
    fn look_up<A: Address>(&mut self, hash: u64, addresses: (A, A), ports: (u16, u16)) -> Option<(Slot, Way)> {
        let source = Endpoint { addr: addresses.0.ip(), port: ports.0 };
        let destination = Endpoint { addr: addresses.1.ip(), port: ports.1 };
        let slot = self.find(&Key::new(source, destination).0)?;
        self.front.learn(hash, slot, self.connections.len());
        A::way(self.connections.get(slot as usize)?.between(), addresses, ports).map(|way| (slot, way))
    }
}

impl<T: Default> Connection<T> {
    #[inline(always)] // as above
    fn between(&self) -> (&WordsV4, &ConnectionInfo) {
        (&self.words_v4, &self.info)
    }

    /// Asks for the memory that the express way needs.
    #[inline]
    fn fetch(&self) {
        fetch_first(self, const { offset_of!(Self, info.packets) + size_of::<[u64; 2]>() });
    }

    /// True when the next segment of either direction changes nothing but what [`express`](Self::express) does: both
    /// directions run, nothing waits and nothing is owed, neither has ended, and the sink has nothing to settle.
    pub(super) fn is_quiet<S: StreamSink<State = T>>(&self, sink: &S) -> bool {
        self.stage == Stage::Open
            && self.info.ends[0] != self.info.ends[1]
            && self.streams.iter().all(|stream| stream.is_quiet())
            && sink.is_quiet(&self.state)
    }

    #[inline(always)] // as above
    fn express<A, S: StreamSink<State = T>>(
        &mut self,
        packet: u64,
        time: Timestamp,
        parts: &Parts<'_, A>,
        way: Way,
        shared: &mut Shared,
        sink: &mut S,
    ) -> bool {
        let [forth, back] = &mut self.streams;
        let (own, other) = if way == Way::Forth { (forth, back) } else { (back, forth) };
        if !self.quiet || !own.continues_at(parts.seq) {
            return false;
        }
        let Some(acked) = other.delivered_at(parts.ack) else { return false };
        shared.counters.segments += 1;
        let info = &mut self.info;
        info.last_packet = packet;
        info.last_time = Some(time);
        info.packets[way.index()] += 1;
        other.acknowledge_delivered(acked);
        if !parts.payload.is_empty() {
            let mut out = Outlet { sink, info, state: &mut self.state, shared, half: self.half, way };
            own.express(parts.payload, packet, time, &mut out);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ten_thousand_connections_nearly_every_guess_is_right() {
        const CONNECTIONS: u32 = 10_000;
        let hash = |slot: Slot| {
            let client = 0x0A00_0000 + slot / 50;
            u32::hash((client, 0xC0A8_0001), (1024 + (slot * 7919 % 60_000) as u16, 55_558))
        };
        let mut front = Front::default();
        (0..CONNECTIONS).for_each(|slot| front.learn(hash(slot), slot, CONNECTIONS as usize));
        let right = (0..CONNECTIONS).filter(|slot| front.guess(hash(*slot)) == Some(*slot)).count();
        assert!(right >= 9_990, "{right}");
        assert_eq!(front.guess(hash(CONNECTIONS)), None);
    }
}
