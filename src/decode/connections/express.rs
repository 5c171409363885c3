//! The express way through connections and reassembly.

use super::{Connection, Connections, Key, Slot, Stage, words};
use crate::decode::headers::{Addresses, Parts};
use crate::decode::reassembly::{Outlet, Shared, StreamSink, Way};
use crate::decode::{Endpoint, TcpFlags};
use crate::time::Timestamp;

/// Flags that change the state of a connection.
const EVENTFUL: u8 = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0;

/// The two ends of a connection in machine words, the sender of its first packet first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Address and port each, packed.
    V4([u64; 2]),
    V6([(u128, u16); 2]),
}

impl Ends {
    pub(super) fn new(first: Endpoint, second: Endpoint) -> Self {
        let (addresses, ports) = words(first, second);
        Self::of(addresses, ports)
    }

    #[inline(always)] // so that the kind of addresses is known
    fn of(addresses: Addresses, ports: (u16, u16)) -> Self {
        match addresses {
            Addresses::V4(from, to) => {
                let end = |address: u32, port: u16| u64::from(address) << 16 | u64::from(port);
                Self::V4([end(from, ports.0), end(to, ports.1)])
            }
            Addresses::V6(from, to) => Self::V6([(from, ports.0), (to, ports.1)]),
        }
    }

    /// The direction from the first of `other`, when these are the same two.
    #[inline(always)] // as above
    fn way(&self, other: &Self) -> Option<Way> {
        fn of<T: PartialEq>([first, second]: &[T; 2], [from, to]: &[T; 2]) -> Option<Way> {
            if first == from && second == to {
                Some(Way::Forth)
            } else if first == to && second == from {
                Some(Way::Back)
            } else {
                None
            }
        }
        match (self, other) {
            (Self::V4(own), Self::V4(other)) => of(own, other),
            (Self::V6(own), Self::V6(other)) => of(own, other),
            _ => None,
        }
    }

    /// The same for both directions.
    #[inline(always)] // as above
    fn hash(&self) -> u64 {
        let sum = match self {
            Self::V4([a, b]) => a.wrapping_add(*b),
            Self::V6([(a, p), (b, q)]) => {
                let sum = a.wrapping_add(*b);
                (sum as u64 ^ (sum >> 64) as u64).wrapping_add(u64::from(*p) + u64::from(*q))
            }
        };
        // Multiplicative hashing (Knuth, vol. 3, §6.4); the high bits are good.
        sum.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// A guess at the slot of a connection, by the hash of its ends: costs a tenth of the look-up in the map, which is asked
/// when the guess is wrong. Whoever uses it compares the ends.
#[derive(Debug, Default)]
pub(super) struct Front {
    /// A power of two of them, or none.
    slots: Vec<Slot>,
}

/// Guesses at first, and at most.
const FEWEST: usize = 256;
const MOST: usize = 1 << 20;

impl Front {
    #[inline(always)] // as above
    fn guess(&self, hash: u64) -> Option<Slot> {
        self.slots.get(self.place(hash)).copied()
    }

    #[inline(always)] // as above
    fn place(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.slots.len().wrapping_sub(1)
    }

    /// Remembers the slot, one of `connections` in use.
    fn learn(&mut self, hash: u64, slot: Slot, connections: usize) {
        let wanted = (connections * 4).clamp(FEWEST, MOST).next_power_of_two();
        if self.slots.len() < wanted {
            self.slots = vec![Slot::MAX; wanted];
        }
        let place = self.place(hash);
        self.slots[place] = slot;
    }
}

impl<S: StreamSink> Connections<S> {
    /// Takes the segment of a plain packet if it is the next of a quiet connection; else changes nothing and says false.
    #[inline(always)] // into the loop over the records, the only place that calls it
    pub(in crate::decode) fn express(&mut self, packet: u64, time: Timestamp, parts: &Parts<'_>, sink: &mut S) -> bool {
        if parts.missing != 0 || parts.flags.0 & (EVENTFUL | TcpFlags::ACK.0) != TcpFlags::ACK.0 {
            return false;
        }
        let ends = Ends::of(parts.addresses, parts.ports);
        let hash = ends.hash();
        let guessed = self
            .front
            .guess(hash)
            .and_then(|slot| self.connections.get(slot as usize)?.ends.way(&ends).map(|way| (slot, way)));
        let Some((slot, way)) = guessed.or_else(|| self.look_up(hash, &ends, parts)) else { return false };
        let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
        connection.express(packet, time, parts, way, &mut self.shared, sink)
    }

    #[inline(never)]
    fn look_up(&mut self, hash: u64, ends: &Ends, parts: &Parts<'_>) -> Option<(Slot, Way)> {
        let (key, _) = Key::of(parts.addresses, parts.ports);
        let slot = self.find(&key)?;
        self.front.learn(hash, slot, self.connections.len());
        self.connections.get(slot as usize)?.ends.way(ends).map(|way| (slot, way))
    }
}

impl<T: Default> Connection<T> {
    /// True when the next segment of either direction changes nothing but what [`express`](Self::express) does: both
    /// directions run, nothing waits and nothing is owed, neither has ended, and the sink has nothing to settle.
    pub(super) fn is_quiet<S: StreamSink<State = T>>(&self, sink: &S) -> bool {
        self.stage == Stage::Open
            && self.info.ends[0] != self.info.ends[1]
            && self.streams.iter().all(|stream| stream.is_quiet())
            && sink.is_quiet(&self.state)
    }

    #[inline(always)] // as above
    fn express<S: StreamSink<State = T>>(
        &mut self,
        packet: u64,
        time: Timestamp,
        parts: &Parts<'_>,
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
            let mut out = Outlet { sink, info, state: &mut self.state, shared, way };
            own.express(parts.payload, packet, time, &mut out);
        }
        true
    }
}
