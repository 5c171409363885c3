//! The express way through connections and reassembly.

use super::{Connection, Connections, Key, Sender, Stage};
use crate::decode::TcpFlags;
use crate::decode::headers::Parts;
use crate::decode::reassembly::{Outlet, Shared, StreamSink, Way};
use crate::time::Timestamp;

/// Flags that change the state of a connection.
const EVENTFUL: u8 = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0;

impl<S: StreamSink> Connections<S> {
    /// Takes the segment of a plain packet if it is the next of a quiet connection; else changes nothing and says false.
    #[inline(always)] // into the loop over the records, the only place that calls it
    pub(in crate::decode) fn express(
        &mut self,
        packet: u64,
        time: Timestamp,
        parts: &Parts<'_>,
        sink: &mut S,
    ) -> bool {
        if parts.missing != 0 || parts.flags.0 & (EVENTFUL | TcpFlags::ACK.0) != TcpFlags::ACK.0 {
            return false;
        }
        let (key, sender) = Key::of(parts.addresses, parts.ports);
        let slot = match self.latest {
            Some((latest, slot)) if latest == key => slot,
            _ => {
                let Some(slot) = self.find(&key) else { return false };
                self.latest = Some((key, slot));
                slot
            }
        };
        let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
        connection.express(packet, time, parts, sender, &mut self.shared, sink)
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
        sender: Sender,
        shared: &mut Shared,
        sink: &mut S,
    ) -> bool {
        let way = self.way(sender);
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
