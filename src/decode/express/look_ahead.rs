//! The look at the next records, for what is known of so many connections that it is in no cache of the core.

use crate::decode::Connections;
use crate::decode::capture::Run;
use crate::decode::connections::{Address, Sender, Slot};
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
    /// Of the latest record that was looked at, and whose of its connection were since another's. Those of one connection
    /// come in rows, of which the first of each side is enough.
    latest: (u64, [bool; 2]),
    /// The latest batch, as far as its guesses were asked for; 0 for none.
    hashes: [(u64, Sender); BATCH],
    /// The batches before it, the newest first.
    slots: [[(Slot, Sender); BATCH]; Depth::ALL.len()],
}

impl Default for LookAhead {
    fn default() -> Self {
        let slots = [[(Slot::MAX, Sender::Low); BATCH]; Depth::ALL.len()];
        Self { position: 0, looked: 0, latest: (0, [false; 2]), hashes: [(0, Sender::Low); BATCH], slots }
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
        let [newest, oldest] = &mut self.slots;
        for (slots, depth) in [(&*oldest, Depth::Second), (&*newest, Depth::First)] {
            slots.iter().for_each(|(slot, sender)| connections.fetch_state(*slot, *sender, sink, depth));
        }
        *oldest = *newest;
        for (slot, (hash, sender)) in newest.iter_mut().zip(&mut self.hashes) {
            *slot = (connections.fetch(std::mem::take(hash)), *sender);
        }
        if self.position < records.position() {
            (self.position, self.looked) = (records.position(), records.number());
        }
        let Some(mut next) = records.from(self.position, self.looked) else { return };
        for newest in &mut self.hashes {
            let Some((link_type, bytes)) = next.glance() else { break };
            let Some((addresses, ports)) = headers::ip_packet(link_type, bytes).and_then(headers::ends_v4) else {
                continue;
            };
            let (hash, sender) = (u32::hash(addresses, ports), u32::sender(addresses, ports));
            if hash != self.latest.0 {
                self.latest = (hash, [false; 2]);
            }
            let seen = &mut self.latest.1[sender as usize];
            if !std::mem::replace(seen, true) && !connections.is_elsewhere(hash) {
                *newest = (hash, sender);
                connections.fetch_guess(hash);
            }
        }
        (self.position, self.looked) = (next.position(), next.number());
    }
}
