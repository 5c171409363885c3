//! Dealing the connections out to two threads, and taking them back.

use std::mem;

use super::Connections;
use super::express::hash;
use crate::decode::reassembly::{Half, StreamSink};

/// What happens within so many packets must not reach a limit of all connections: two threads are never further apart.
const PACKETS_APART: usize = 1 << 15;

/// And of so many bytes, with what it takes to keep them.
const BYTES_APART: usize = 16 << 20;

impl<S: StreamSink> Connections<S> {
    /// True when two threads may take a half each: there are connections of each, and no limit of both together comes near.
    pub(in crate::decode) fn can_be_halved(&self) -> bool {
        self.population.iter().all(|half| half.all > 0) && !self.is_near_a_limit()
    }

    /// True when both halves together could reach a limit soon, if the other is no smaller.
    pub(in crate::decode) fn is_near_a_limit(&self) -> bool {
        let limits = &self.shared.limits;
        let (connections, held) = (self.connections.len(), self.shared.held_in_all());
        connections + PACKETS_APART >= limits.connections / 2
            || held + BYTES_APART >= limits.held_bytes_in_all / 2
            || self.count > u32::MAX / 2
    }

    /// Gives the connections of the second half away. From here on, each passes over the segments of the other, and numbers
    /// new connections from [`count`](Self::count) on as if there were no others.
    pub(in crate::decode) fn split_off(&mut self) -> Self {
        let half = Half::Second;
        let mut other = Self::numbered_from(self.count, self.shared.limits);
        // This one's memory stays where it is, and is there when they come back.
        other.connections.reserve_exact(self.population[half.index()].all);
        other.connections.extend(self.connections.extract_if(.., |connection| connection.half == half));
        let streams = other.connections.iter().flat_map(|connection| &connection.streams);
        let held = streams.map(|stream| stream.held()).sum();
        other.shared = self.shared.split_off(half, held);
        other.population[half.index()] = mem::take(&mut self.population[half.index()]);
        (self.elsewhere, other.elsewhere) = (Some(half), Some(half.other()));
        [self, &mut other].into_iter().for_each(Self::moved);
        other
    }

    /// No segment follows: those that are closed need not be known any more. To be called before [`join`](Self::join).
    pub(in crate::decode) fn drop_closed(&mut self) {
        self.connections.retain(|connection| !connection.is_closed());
    }

    /// Takes them back; `number` gives each connection of a half the id that it has among all, and `count` follow after.
    pub(in crate::decode) fn join(&mut self, mut other: Self, count: u32, number: impl Fn(Half, u32) -> u32) {
        let half = Half::Second;
        self.connections.append(&mut other.connections);
        for connection in &mut self.connections {
            connection.info.id = number(connection.half, connection.info.id);
        }
        self.shared.join(half, other.shared);
        self.population[half.index()] = mem::take(&mut other.population[half.index()]);
        self.elsewhere = None;
        self.count = count;
        self.moved();
    }

    /// What the sink keeps of each.
    pub(in crate::decode) fn states(&self) -> impl Iterator<Item = &S::State> {
        self.connections.iter().map(|connection| &connection.state)
    }

    /// Connections stand elsewhere than before.
    fn moved(&mut self) {
        self.index();
        self.front.clear();
        for slot in 0..self.connections.len() {
            let [a, b] = self.connections[slot].info.ends;
            self.front.learn(hash(a, b), slot as u32, self.connections.len());
        }
    }
}
