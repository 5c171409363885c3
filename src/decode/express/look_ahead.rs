//! The look at the next records, for what is known of so many connections that it is in no cache of the core.

use crate::decode::Connections;
use crate::decode::capture::Run;
use crate::decode::connections::{Address, Slot};
use crate::decode::headers;
use crate::decode::prefetch::Depth;
use crate::decode::reassembly::StreamSink;

/// Records that are looked at together, between as many that are taken.
const BATCH: usize = 4;

/// Looks at each record: for its guess, its connection, and what that points to.
const LOOKS: usize = 2 + Depth::ALL.len();

/// Asks for the memory of the next records' connections while earlier records are taken, one pointer after another: each
/// batch is a step deeper than the one after it. A wrong look costs time and nothing else.
#[derive(Debug)]
pub(in crate::decode) struct LookAhead {
    /// Where the next record to be looked at begins in the input.
    position: u64,
    /// The number of the one before.
    looked: u64,
    /// Of the latest record that was looked at. Those of one connection come in rows, of which the first is enough.
    latest: u64,
    /// The latest batch, as far as its guesses were asked for; 0 for none.
    hashes: [u64; BATCH],
    /// The batches before it, the newest first.
    slots: [[Slot; BATCH]; Depth::ALL.len()],
}

impl Default for LookAhead {
    fn default() -> Self {
        let slots = [[Slot::MAX; BATCH]; Depth::ALL.len()];
        Self { position: 0, looked: 0, latest: 0, hashes: [0; BATCH], slots }
    }
}

impl LookAhead {
    /// True when the next record of `records` comes so soon that it is time for a look.
    #[inline(always)] // into the loop over the records
    pub(super) const fn is_due(&self, records: &Run<'_>) -> bool {
        self.looked <= records.number() + (BATCH * (LOOKS - 1)) as u64
    }

    /// Looks at one batch more, and further at those before.
    #[inline(never)]
    pub(super) fn look<S: StreamSink>(&mut self, records: &Run<'_>, connections: &Connections<S>, sink: &S) {
        let [newest, middle, oldest] = &mut self.slots;
        for (slots, depth) in [(&*oldest, Depth::Third), (&*middle, Depth::Second), (&*newest, Depth::First)] {
            slots.iter().for_each(|slot| connections.fetch_state(*slot, sink, depth));
        }
        (*oldest, *middle) = (*middle, *newest);
        for (slot, hash) in newest.iter_mut().zip(&mut self.hashes) {
            *slot = connections.fetch(std::mem::take(hash));
        }
        if self.position < records.position() {
            (self.position, self.looked) = (records.position(), records.number());
        }
        let Some(mut next) = records.from(self.position, self.looked) else { return };
        for hash in &mut self.hashes {
            let Some((link_type, bytes)) = next.glance() else { break };
            let ends = headers::ip_packet(link_type, bytes).and_then(headers::ends_v4);
            let other = ends.map_or(0, |(addresses, ports)| u32::hash(addresses, ports));
            if other != self.latest && !connections.is_elsewhere(other) {
                (*hash, self.latest) = (other, other);
                connections.fetch_guess(other);
            }
        }
        (self.position, self.looked) = (next.position(), next.number());
    }
}
