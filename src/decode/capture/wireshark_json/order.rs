//! Sequence numbers for exports that have none: segments follow each other as they appear.

use hashbrown::HashMap;

use crate::decode::segment::{Endpoint, TcpFlags, TcpSeq};

/// Directions remembered; an export without sequence numbers of more connections is not worth more memory.
const MAX_DIRECTIONS: usize = 65_536;

/// The next sequence number of every direction seen.
#[derive(Default)]
pub(super) struct Order {
    next: HashMap<Direction, TcpSeq, foldhash::fast::RandomState>,
}

#[derive(PartialEq, Eq, Hash)]
struct Direction {
    stream: Option<u64>,
    source: Endpoint,
    destination: Endpoint,
}

impl Order {
    /// The number of the next segment from `ends.0` to `ends.1`; `None` when there are too many directions.
    pub(super) fn place(
        &mut self,
        stream: Option<u64>,
        ends: (Endpoint, Endpoint),
        flags: TcpFlags,
        payload_len: u32,
    ) -> Option<TcpSeq> {
        let direction = Direction { stream, source: ends.0, destination: ends.1 };
        if self.next.len() >= MAX_DIRECTIONS && !self.next.contains_key(&direction) {
            return None;
        }
        let next = self.next.entry(direction).or_insert(TcpSeq(1));
        if flags.has(TcpFlags::SYN) {
            *next = TcpSeq(0);
        }
        let seq = *next;
        let takes_a_number = |flag| u32::from(flags.has(flag));
        *next = seq + payload_len + takes_a_number(TcpFlags::SYN) + takes_a_number(TcpFlags::FIN);
        Some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_follow_each_other_and_syn_and_fin_take_a_number() {
        let client = Endpoint { addr: "0.0.0.1".parse().unwrap(), port: 1000 };
        let server = Endpoint { port: 2000, ..client };
        let mut order = Order::default();
        let mut place = |ends, flags, len| order.place(Some(1), ends, flags, len).unwrap().0;
        assert_eq!(place((client, server), TcpFlags::SYN, 0), 0);
        assert_eq!(place((client, server), TcpFlags::ACK, 44), 1);
        assert_eq!(place((server, client), TcpFlags::ACK, 44), 1);
        assert_eq!(place((client, server), TcpFlags::FIN, 0), 45);
        assert_eq!(place((client, server), TcpFlags::ACK, 0), 46);
    }
}
