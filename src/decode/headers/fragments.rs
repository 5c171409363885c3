//! IP fragments: a bounded store that puts datagrams together again.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::body::{Body, End};
use super::{Layer, NotTcp};

/// Limits of the fragment store. What exceeds one drops the oldest datagram and counts it as incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Datagrams held at a time; at least 1 is used.
    pub datagrams: usize,
    /// Bytes held for them, [`PIECE_OVERHEAD`] per fragment included.
    pub bytes: usize,
    /// How many packets after a datagram's first fragment another one may still join it.
    pub age: u64,
}

impl Default for FragmentLimits {
    /// 1024 datagrams, 8 MiB, 65 536 packets. IPv4's identification has 16 bits: within so many packets a host that
    /// counts it up cannot have used one twice, so pieces of two datagrams are not mixed.
    fn default() -> Self {
        Self { datagrams: 1024, bytes: 8 << 20, age: 1 << 16 }
    }
}

/// Bytes that a fragment is counted for on top of its contents.
pub const PIECE_OVERHEAD: usize = 64;

/// What became of the datagrams whose fragments were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FragmentCounts {
    /// Put together and delivered.
    pub completed: u64,
    /// Given up because fragments never came: too old, pushed out by a limit, or still waiting.
    pub incomplete: u64,
    /// Discarded because fragments contradicted each other: overlapping ones of IPv6 (RFC 5722), two different ends.
    pub contradictory: u64,
    /// Fragments that brought nothing new.
    pub duplicate_fragments: u64,
}

/// What tells datagrams apart: addresses, identification, and in IPv4 the protocol (0 in IPv6, RFC 8200 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FragmentKey {
    pub(super) addresses: (IpAddr, IpAddr),
    pub(super) protocol: u8,
    pub(super) id: u32,
}

/// One fragment of a datagram's contents.
#[derive(Debug, Clone, Copy)]
pub(super) struct FragmentPart<'a> {
    /// Where it belongs, in bytes from the start of the contents.
    pub(super) offset: u32,
    /// The more-fragments flag.
    pub(super) more: bool,
    /// The protocol of the contents; the one that the first fragment states counts.
    pub(super) protocol: u8,
    pub(super) body: Body<'a>,
}

/// The largest contents a datagram can have.
const MAX_LEN: u32 = 65_535;

/// Datagrams waiting for fragments, and lately completed ones, which tell late copies from new datagrams.
#[derive(Debug, Clone)]
pub(super) struct FragmentStore {
    limits: FragmentLimits,
    datagrams: HashMap<FragmentKey, Datagram, foldhash::fast::RandomState>,
    bytes: usize,
    counts: FragmentCounts,
    assembled: Vec<u8>,
}

/// A datagram put together: the protocol of its contents, and the contents.
pub(super) type Assembled<'a> = (u8, Body<'a>);

#[derive(Debug, Clone)]
struct Datagram {
    /// Packet number of the first fragment.
    since: u64,
    state: State,
    /// Disjoint, ascending.
    pieces: Vec<Piece>,
    /// Sum of the pieces' lengths on the wire.
    covered: u32,
    /// Length of the contents, once the last fragment has come.
    total: Option<u32>,
    /// From the first fragment.
    protocol: u8,
    /// What it counts for in [`FragmentLimits::bytes`].
    bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    // The first to go when room is needed come first.
    Completed,
    Discarded,
    Waiting,
}

#[derive(Debug, Clone)]
struct Piece {
    start: u32,
    end: u32,
    /// From `start` on; shorter than the range where a snap length cut the fragment.
    captured: Box<[u8]>,
}

impl Piece {
    /// The captured bytes of `start..end`, a part of this piece's range.
    fn part(&self, start: u32, end: u32) -> &[u8] {
        within(&self.captured, self.start, start, end)
    }
}

/// What `captured`, whose first byte has offset `origin`, has of `start..end`.
fn within(captured: &[u8], origin: u32, start: u32, end: u32) -> &[u8] {
    let clamp = |at: u32| (at.saturating_sub(origin) as usize).min(captured.len());
    captured.get(clamp(start)..clamp(end)).unwrap_or_default()
}

impl FragmentStore {
    pub(super) fn new(limits: FragmentLimits) -> Self {
        Self {
            limits,
            datagrams: HashMap::default(),
            bytes: 0,
            counts: FragmentCounts::default(),
            assembled: Vec::new(),
        }
    }

    /// Adds a fragment that packet `number` brought, and returns the datagram if that completes it.
    pub(super) fn add(
        &mut self,
        number: u64,
        key: FragmentKey,
        part: FragmentPart<'_>,
    ) -> Result<Option<Assembled<'_>>, NotTcp> {
        let malformed = |what| Err(NotTcp::Malformed { layer: Layer::Fragment, what });
        let end = u64::from(part.offset) + part.body.wire_len();
        let Some(end) = u32::try_from(end).ok().filter(|&end| end <= MAX_LEN) else {
            return malformed("reaches beyond 65535 bytes");
        };
        let is_v6 = key.addresses.0.is_ipv6();
        if is_v6 && part.more && !part.body.wire_len().is_multiple_of(8) {
            return malformed("length of an IPv6 fragment that is not the last is no multiple of 8");
        }
        if part.more && part.body.wire_len() == 0 {
            return malformed("holds nothing");
        }
        if let Some(known) = self.datagrams.get(&key) {
            let stale = number.saturating_sub(known.since) > self.limits.age;
            if known.state == State::Completed && !stale && known.holds(part, end) {
                self.counts.duplicate_fragments += 1;
                return Ok(None);
            }
            if stale || known.state == State::Completed {
                self.remove(key);
            }
        }
        let datagram = self.datagrams.entry(key).or_insert_with(|| Datagram::new(number));
        let before = datagram.bytes;
        let outcome = if datagram.state == State::Waiting {
            if is_v6 { datagram.insert_unless_overlapping(part, end) } else { datagram.insert_gaps(part, end) }
        } else {
            Outcome::Duplicate
        };
        self.bytes = self.bytes - before + datagram.bytes;
        match outcome {
            Outcome::Added if datagram.is_complete() => {
                datagram.state = State::Completed;
                self.counts.completed += 1;
                let (protocol, missing) = (datagram.protocol, datagram.assemble(&mut self.assembled));
                self.make_room(key);
                return Ok(Some((protocol, Body { captured: &self.assembled, missing, end: End::Carrier })));
            }
            Outcome::Added => {}
            Outcome::Duplicate => self.counts.duplicate_fragments += 1,
            Outcome::Contradiction => {
                // It stays, empty, so that fragments still to come are discarded too (RFC 5722 §4).
                self.bytes -= datagram.discard();
                self.counts.contradictory += 1;
            }
        }
        self.make_room(key);
        Ok(None)
    }

    /// What became of the datagrams so far; those still waiting count as incomplete.
    pub(super) fn counts(&self) -> FragmentCounts {
        let waiting = self.datagrams.values().filter(|datagram| datagram.state == State::Waiting).count();
        FragmentCounts { incomplete: self.counts.incomplete + waiting as u64, ..self.counts }
    }

    /// Drops the oldest datagrams until the limits are kept; `newest` goes last.
    fn make_room(&mut self, newest: FragmentKey) {
        while self.datagrams.len() > self.limits.datagrams.max(1) || self.bytes > self.limits.bytes {
            let oldest =
                self.datagrams.iter().min_by_key(|(key, datagram)| (**key == newest, datagram.state, datagram.since));
            let Some((&key, _)) = oldest else { break };
            self.remove(key);
        }
    }

    fn remove(&mut self, key: FragmentKey) {
        if let Some(datagram) = self.datagrams.remove(&key) {
            self.bytes -= datagram.bytes;
            if datagram.state == State::Waiting {
                self.counts.incomplete += 1;
            }
        }
    }
}

/// What a fragment did to its datagram.
enum Outcome {
    Added,
    Duplicate,
    Contradiction,
}

impl Datagram {
    fn new(since: u64) -> Self {
        Self { since, state: State::Waiting, pieces: Vec::new(), covered: 0, total: None, protocol: 0, bytes: 0 }
    }

    fn is_complete(&self) -> bool {
        self.total == Some(self.covered)
    }

    /// False when `part` contradicts what is known about where the datagram ends.
    fn agrees_on_end(&mut self, part: FragmentPart<'_>, end: u32) -> bool {
        let reached = self.pieces.last().map_or(0, |piece| piece.end);
        match self.total {
            Some(total) => end <= total && (part.more || end == total),
            None if part.more => true,
            None => {
                self.total = Some(end);
                reached <= end
            }
        }
    }

    /// IPv4: the first copy of a byte wins.
    fn insert_gaps(&mut self, part: FragmentPart<'_>, end: u32) -> Outcome {
        let had_total = self.total.is_some();
        if !self.agrees_on_end(part, end) {
            return Outcome::Contradiction;
        }
        let mut at = part.offset;
        let mut index = self.pieces.partition_point(|piece| piece.end <= at);
        let mut added = false;
        while at < end {
            let (gap_end, resume) = match self.pieces.get(index) {
                Some(piece) if piece.start < end => (piece.start.max(at), piece.end),
                _ => (end, end),
            };
            if at < gap_end {
                self.insert(index, part, at, gap_end);
                index += 1;
                added = true;
            }
            at = resume;
            index += 1;
        }
        if part.offset == 0 && added {
            self.protocol = part.protocol;
        }
        if added || (!had_total && self.total.is_some()) { Outcome::Added } else { Outcome::Duplicate }
    }

    /// IPv6: an exact copy is ignored, any other overlap discards the datagram (RFC 8200 §4.5).
    fn insert_unless_overlapping(&mut self, part: FragmentPart<'_>, end: u32) -> Outcome {
        let index = self.pieces.partition_point(|piece| piece.end <= part.offset);
        if let Some(piece) = self.pieces.get(index)
            && piece.start < end
        {
            let same_range = piece.start == part.offset && piece.end == end;
            let same_end = part.more == (self.total != Some(end));
            return if same_range && same_end && *piece.captured == *part.body.captured {
                Outcome::Duplicate
            } else {
                Outcome::Contradiction
            };
        }
        if !self.agrees_on_end(part, end) {
            return Outcome::Contradiction;
        }
        if part.offset < end {
            self.insert(index, part, part.offset, end);
        }
        if part.offset == 0 {
            self.protocol = part.protocol;
        }
        Outcome::Added
    }

    fn insert(&mut self, index: usize, part: FragmentPart<'_>, start: u32, end: u32) {
        let captured: Box<[u8]> = within(part.body.captured, part.offset, start, end).into();
        self.bytes += captured.len() + PIECE_OVERHEAD;
        self.covered += end - start;
        self.pieces.insert(index, Piece { start, end, captured });
    }

    /// True when a completed datagram already has `part`, byte for byte.
    fn holds(&self, part: FragmentPart<'_>, end: u32) -> bool {
        let Some(total) = self.total else { return false };
        if end > total || part.more == (end == total) {
            return false;
        }
        self.pieces.iter().filter(|piece| piece.start < end && part.offset < piece.end).all(|piece| {
            let (start, end) = (piece.start.max(part.offset), piece.end.min(end));
            piece.part(start, end) == within(part.body.captured, part.offset, start, end)
        })
    }

    /// Writes the contents up to the first byte that was not captured into `buffer`; returns how many follow.
    fn assemble(&self, buffer: &mut Vec<u8>) -> u32 {
        buffer.clear();
        for piece in &self.pieces {
            buffer.extend_from_slice(&piece.captured);
            if piece.captured.len() < (piece.end - piece.start) as usize {
                break;
            }
        }
        // At most MAX_LEN bytes were covered, and the buffer holds a part of them.
        self.covered - buffer.len() as u32
    }

    /// Lets go of the pieces; returns what they counted for.
    fn discard(&mut self) -> usize {
        self.state = State::Discarded;
        self.pieces = Vec::new();
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TCP: u8 = 6;

    fn v4(id: u32) -> FragmentKey {
        FragmentKey { addresses: ([10, 0, 0, 1].into(), [10, 0, 0, 2].into()), protocol: TCP, id }
    }

    fn v6(id: u32) -> FragmentKey {
        FragmentKey { addresses: ([1; 16].into(), [2; 16].into()), protocol: 0, id }
    }

    /// Bytes `range` of `contents` as a fragment, of which only `captured` bytes were captured.
    fn cut(contents: &[u8], range: std::ops::Range<usize>, captured: usize) -> FragmentPart<'_> {
        let whole = &contents[range.clone()];
        FragmentPart {
            offset: range.start as u32,
            more: range.end < contents.len(),
            protocol: TCP,
            body: Body { captured: &whole[..captured], missing: (whole.len() - captured) as u32, end: End::Record },
        }
    }

    fn part(contents: &[u8], range: std::ops::Range<usize>) -> FragmentPart<'_> {
        cut(contents, range.clone(), range.len())
    }

    fn contents(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8).collect()
    }

    /// Adds and returns what was completed: bytes and how many are missing.
    fn add(store: &mut FragmentStore, number: u64, key: FragmentKey, part: FragmentPart<'_>) -> Option<(Vec<u8>, u32)> {
        store.add(number, key, part).unwrap().map(|(_, body)| (body.captured.to_vec(), body.missing))
    }

    #[test]
    fn fragments_in_any_order_give_the_datagram_at_the_one_that_completes_it() {
        let bytes = contents(100);
        let ranges = [0..32, 32..64, 64..96, 96..100];
        for key in [v4(1), v6(1)] {
            for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
                let mut store = FragmentStore::new(FragmentLimits::default());
                for (number, &index) in (1..).zip(&order[..3]) {
                    assert_eq!(add(&mut store, number, key, part(&bytes, ranges[index].clone())), None);
                }
                let last = part(&bytes, ranges[order[3]].clone());
                assert_eq!(add(&mut store, 4, key, last), Some((bytes.clone(), 0)));
                assert_eq!(store.counts(), FragmentCounts { completed: 1, ..FragmentCounts::default() });
            }
        }
    }

    #[test]
    fn a_hole_is_never_filled_and_is_counted_as_incomplete() {
        let bytes = contents(100);
        let mut store = FragmentStore::new(FragmentLimits::default());
        assert_eq!(add(&mut store, 1, v4(1), part(&bytes, 0..32)), None);
        assert_eq!(add(&mut store, 2, v4(1), part(&bytes, 40..100)), None);
        assert_eq!(store.counts().incomplete, 1);
    }

    #[test]
    fn copies_before_and_after_completion_are_duplicates_and_report_nothing() {
        let bytes = contents(64);
        for key in [v4(1), v6(1)] {
            let mut store = FragmentStore::new(FragmentLimits::default());
            assert_eq!(add(&mut store, 1, key, part(&bytes, 0..32)), None);
            assert_eq!(add(&mut store, 2, key, part(&bytes, 0..32)), None);
            assert!(add(&mut store, 3, key, part(&bytes, 32..64)).is_some());
            assert_eq!(add(&mut store, 4, key, part(&bytes, 32..64)), None);
            assert_eq!(add(&mut store, 5, key, part(&bytes, 0..32)), None);
            let expected = FragmentCounts { completed: 1, duplicate_fragments: 3, ..FragmentCounts::default() };
            assert_eq!(store.counts(), expected);
        }
    }

    #[test]
    fn an_identification_used_again_with_other_contents_is_a_new_datagram() {
        let (first, second) = (contents(64), vec![7; 64]);
        let mut store = FragmentStore::new(FragmentLimits::default());
        add(&mut store, 1, v4(1), part(&first, 0..32));
        add(&mut store, 2, v4(1), part(&first, 32..64));
        assert_eq!(add(&mut store, 3, v4(1), part(&second, 0..32)), None);
        assert_eq!(add(&mut store, 4, v4(1), part(&second, 32..64)), Some((second, 0)));
        assert_eq!(store.counts().completed, 2);
    }

    #[test]
    fn of_overlapping_ipv4_fragments_the_first_copy_of_a_byte_wins() {
        let (first, second) = (vec![b'a'; 48], vec![b'b'; 48]);
        let mut store = FragmentStore::new(FragmentLimits::default());
        add(&mut store, 1, v4(1), part(&first, 8..16));
        add(&mut store, 2, v4(1), part(&first, 24..32));
        add(&mut store, 3, v4(1), part(&second, 0..40));
        let (bytes, _) = add(&mut store, 4, v4(1), part(&second, 32..48)).unwrap();
        assert_eq!(bytes, b"bbbbbbbbaaaaaaaabbbbbbbbaaaaaaaabbbbbbbbbbbbbbbb");
    }

    #[test]
    fn overlapping_ipv6_fragments_discard_the_datagram_and_its_late_fragments() {
        let bytes = contents(64);
        let mut store = FragmentStore::new(FragmentLimits::default());
        add(&mut store, 1, v6(1), part(&bytes, 0..32));
        assert_eq!(add(&mut store, 2, v6(1), part(&bytes, 24..48)), None);
        assert_eq!(add(&mut store, 3, v6(1), part(&bytes, 32..64)), None);
        assert_eq!(add(&mut store, 4, v6(1), part(&bytes, 48..64)), None);
        assert_eq!((store.counts().contradictory, store.counts().completed), (1, 0));
        assert_eq!(store.counts().incomplete, 0);
    }

    #[test]
    fn two_different_ends_contradict() {
        let (short, long) = (contents(64), contents(96));
        for parts in [[part(&short, 32..64), part(&long, 64..96)], [part(&long, 32..72), part(&short, 32..64)]] {
            for key in [v4(1), v6(1)] {
                let mut store = FragmentStore::new(FragmentLimits::default());
                for part in parts {
                    assert_eq!(add(&mut store, 1, key, part), None);
                }
                assert_eq!(store.counts().contradictory, 1);
            }
        }
    }

    #[test]
    fn a_fragment_cut_by_a_snap_length_leaves_missing_bytes_and_not_a_hole() {
        let bytes = contents(64);
        let mut store = FragmentStore::new(FragmentLimits::default());
        add(&mut store, 1, v4(1), cut(&bytes, 0..32, 20));
        assert_eq!(add(&mut store, 2, v4(1), part(&bytes, 32..64)), Some((bytes[..20].to_vec(), 44)));
    }

    #[test]
    fn fragments_that_cannot_be_are_malformed() {
        let bytes = contents(64);
        let mut store = FragmentStore::new(FragmentLimits::default());
        let beyond = FragmentPart { offset: 65_528, ..part(&bytes, 0..8) };
        let empty = part(&bytes, 8..8);
        let odd = part(&bytes, 0..20);
        for (key, part) in [(v4(1), beyond), (v6(1), beyond), (v4(1), empty), (v6(1), odd)] {
            assert!(matches!(store.add(1, key, part), Err(NotTcp::Malformed { layer: Layer::Fragment, .. })));
        }
        assert_eq!(store.datagrams.len(), 0);
    }

    #[test]
    fn an_old_datagram_takes_no_new_fragment() {
        let bytes = contents(64);
        let mut store = FragmentStore::new(FragmentLimits { age: 10, ..FragmentLimits::default() });
        add(&mut store, 1, v4(1), part(&bytes, 0..32));
        assert_eq!(add(&mut store, 12, v4(1), part(&bytes, 32..64)), None);
        assert_eq!(store.counts().incomplete, 2);
        assert_eq!(add(&mut store, 22, v4(1), part(&bytes, 0..32)), Some((bytes, 0)));
        assert_eq!(store.counts().incomplete, 1);
    }

    #[test]
    fn a_flood_of_fragments_stays_within_the_limits_and_the_oldest_go_first() {
        let limits = FragmentLimits { datagrams: 8, bytes: 4096, age: u64::MAX };
        let bytes = contents(2048);
        let mut store = FragmentStore::new(limits);
        for id in 0..10_000 {
            let start = (id as usize * 8) % 1024;
            add(&mut store, u64::from(id), v4(id), part(&bytes, start..start + 8 + (id as usize * 8) % 600));
            assert!(store.datagrams.len() <= limits.datagrams && store.bytes <= limits.bytes);
            let held: usize = store.datagrams.values().map(|datagram| datagram.bytes).sum();
            assert_eq!(store.bytes, held);
        }
        assert_eq!(store.counts().incomplete, 10_000);
        assert!(store.datagrams.keys().all(|key| key.id >= 10_000 - 8));
    }

    #[test]
    fn a_datagram_larger_than_the_whole_store_is_given_up_and_not_kept() {
        let bytes = contents(4096);
        let mut store = FragmentStore::new(FragmentLimits { datagrams: 0, bytes: 1024, age: 10 });
        for start in (0..4096).step_by(512) {
            add(&mut store, 1, v4(1), part(&bytes, start..start + 512));
            assert!(store.bytes <= 1024);
        }
        assert_eq!(store.counts().completed, 0);
    }

    proptest! {
        /// A twin that holds every byte in a plain array says what must come out.
        #[test]
        fn ipv4_agrees_with_a_byte_array(
            len in 1_usize..40,
            parts in prop::collection::vec((0_usize..40, 1_usize..20, any::<u8>()), 1..40),
        ) {
            let len = len * 8;
            let mut store = FragmentStore::new(FragmentLimits::default());
            let mut twin: Vec<Option<u8>> = vec![None; len];
            let mut end_seen = false;
            for (start, units, fill) in parts {
                let start = start * 8 % len;
                let range = start..(start + units * 8).min(len);
                let bytes = vec![fill; len];
                end_seen |= range.end == len;
                for slot in &mut twin[range.clone()] {
                    slot.get_or_insert(fill);
                }
                let whole: Option<Vec<u8>> = twin.iter().copied().collect();
                let got = add(&mut store, 1, v4(1), part(&bytes, range));
                match whole.filter(|_| end_seen) {
                    Some(expected) => {
                        prop_assert_eq!(got, Some((expected, 0)));
                        return Ok(());
                    }
                    None => prop_assert_eq!(got, None),
                }
            }
        }
    }
}
