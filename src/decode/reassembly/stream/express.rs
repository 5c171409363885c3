//! The express way through one direction: its next bytes, while nothing else is going on.

use super::super::StreamSink;
use super::super::outlet::Outlet;
use super::{Phase, Stream};
use crate::decode::TcpSeq;
use crate::time::Timestamp;

impl Stream {
    /// True when it runs, nothing waits, and the other side has acknowledged no more than was delivered.
    pub(in crate::decode) fn is_quiet(&self) -> bool {
        self.phase == Phase::Running && self.backlog.is_none() && self.fin.is_none() && self.acked <= self.next
    }

    /// True when the byte with this number is the next one; of a quiet direction.
    #[inline]
    pub(in crate::decode) fn continues_at(&self, seq: TcpSeq) -> bool {
        seq == self.seq_at(self.next)
    }

    /// The position of an acknowledgement, when that is in what was delivered; of a quiet direction.
    #[inline]
    pub(in crate::decode) fn delivered_at(&self, ack: TcpSeq) -> Option<u64> {
        let behind = self.seq_at(self.next).since(ack);
        let position = self.next.wrapping_add_signed(-i64::from(behind));
        (behind >= 0 && position >= self.zero).then_some(position)
    }

    /// The other side has acknowledged everything before `position`, which was delivered.
    #[inline]
    pub(in crate::decode) fn acknowledge_delivered(&mut self, position: u64) {
        self.acked = self.acked.max(position);
    }

    /// Hands out the next bytes of a quiet direction.
    #[inline(always)] // one call for each packet
    pub(in crate::decode) fn express<S: StreamSink>(
        &mut self,
        bytes: &[u8],
        packet: u64,
        time: Timestamp,
        out: &mut Outlet<'_, S>,
    ) {
        self.deliver_here(self.next, bytes, packet, Some(time), out);
    }
}
