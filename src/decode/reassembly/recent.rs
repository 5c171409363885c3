//! Fingerprints of delivered bytes, so that a later copy that differs can be told without keeping the bytes.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;

/// Chunks remembered over all connections of a half: 384 KiB, which leaves room beside it in a core's cache.
const CAPACITY: usize = 1 << 15;
/// Chunks of one direction that a copy is compared with, newest first.
const REACH: usize = 64;

/// A direction's newest entry in [`Recent`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link(u64);

/// What is left of a chunk.
#[derive(Debug, Clone, Copy)]
struct Fingerprint {
    hash: u32,
    /// The low bits of its position; the rest follows from that of the chunk after it, less than 4 GiB on.
    position: u32,
    len: u16,
    /// How many entries before this one the direction's previous one stands; 0 for none that is remembered.
    back: u16,
}

/// A ring of fingerprints, shared by all connections of a half; each direction's form a chain from its [`Link`].
#[derive(Debug, Default)]
pub(super) struct Recent {
    ring: Vec<Fingerprint>,
    /// Entries ever made; number `n` (from 1) stands at `(n - 1) % CAPACITY`.
    made: u64,
}

/// Chunks up to this length, which is that of a few frames, are hashed in line.
const SHORT: usize = 128;

/// Digits of pi, by which each block of a chunk is told from the same bytes in another place, and from zeros.
const PLACES: [[u64; 2]; SHORT / 16 + 1] = [
    [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344],
    [0xA409_3822_299F_31D0, 0x082E_FA98_EC4E_6C89],
    [0x4528_21E6_38D0_1377, 0xBE54_66CF_34E9_0C6C],
    [0xC0AC_29B7_C97C_50DD, 0x3F84_D5B5_B547_0917],
    [0x9216_D5D9_8979_FB1B, 0xD131_0BA6_98DF_B5AC],
    [0x2FFD_72DB_D01A_DFB7, 0xB8E1_AFED_6A26_7E96],
    [0xBA7C_9045_F12C_7F99, 0x24A1_9947_B391_6CF7],
    [0x0801_F2E2_858E_FC16, 0x6369_20D8_7157_4E69],
    [0xA458_FEA3_F493_3D7E, 0x0D95_748F_728E_B658],
];

#[inline(always)] // of a chunk that is delivered; a copy is seldom compared
fn fingerprint(bytes: &[u8]) -> u64 {
    let (blocks, _) = bytes.as_chunks::<16>();
    let Some(last) = bytes.last_chunk::<16>().filter(|_| bytes.len() <= SHORT) else {
        return long_fingerprint(bytes);
    };
    // The last block overlaps the one before, so that there is no rest. No block waits for another's product.
    let [end, places @ ..] = &PLACES;
    let ended = bytes.len() as u64 ^ mixed(last, end);
    blocks.iter().zip(places).fold(ended, |hash, (block, place)| hash ^ mixed(block, place))
}

#[inline]
fn mixed(block: &[u8; 16], place: &[u64; 2]) -> u64 {
    let number = u128::from_le_bytes(*block);
    let product = u128::from(number as u64 ^ place[0]) * u128::from((number >> 64) as u64 ^ place[1]);
    product as u64 ^ (product >> 64) as u64
}

/// The same for chunks of any length.
#[inline(never)]
fn long_fingerprint(bytes: &[u8]) -> u64 {
    const HASHER: FixedState = FixedState::with_seed(0x5EED);
    let mut hasher = HASHER.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

impl Recent {
    /// Remembers a delivered chunk and returns the direction's new link.
    #[inline]
    pub(super) fn remember(&mut self, previous: Link, position: u64, bytes: &[u8]) -> Link {
        // A chunk comes from one IP packet; anything longer is from a damaged export and simply not compared.
        let Ok(len) = u16::try_from(bytes.len()) else { return previous };
        let back = if previous.0 == 0 { 0 } else { u16::try_from(self.made + 1 - previous.0).unwrap_or(0) };
        let entry = Fingerprint { hash: short(fingerprint(bytes)), position: position as u32, len, back };
        let at = (self.made % CAPACITY as u64) as usize;
        match self.ring.get_mut(at) {
            Some(slot) => *slot = entry,
            None => self.ring.push(entry),
        }
        self.made += 1;
        Link(self.made)
    }

    /// Where `bytes` at `position` differ from what was delivered there, of a direction that was delivered up to `next`:
    /// the first differing chunk's position and the length of all differing chunks. Chunks that stick out of `bytes` on
    /// either side cannot be compared.
    pub(super) fn difference(&self, newest: Link, next: u64, position: u64, bytes: &[u8]) -> Option<(u64, u64)> {
        let end = position + bytes.len() as u64;
        let mut found: Option<(u64, u64)> = None;
        let mut link = newest;
        let mut after = next;
        for _ in 0..REACH {
            if link.0 == 0 || link.0 + CAPACITY as u64 <= self.made {
                break;
            }
            let Some(entry) = self.ring.get(((link.0 - 1) % CAPACITY as u64) as usize) else { break };
            let len = u64::from(entry.len);
            let start = after - u64::from((after as u32).wrapping_sub(entry.position));
            // Chunks are delivered in order, so that the chain descends.
            if start + len <= position {
                break;
            }
            if position <= start && start + len <= end {
                let from = (start - position) as usize;
                let copy = &bytes[from..from + usize::from(entry.len)];
                if short(fingerprint(copy)) != entry.hash {
                    let (_, so_far) = found.unwrap_or_default();
                    found = Some((start, so_far + len));
                }
            }
            after = start;
            link = if entry.back == 0 { Link(0) } else { Link(link.0.saturating_sub(u64::from(entry.back))) };
        }
        found
    }
}

/// Half of a fingerprint tells all but one in four billion differences.
const fn short(fingerprint: u64) -> u32 {
    (fingerprint ^ fingerprint >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_compared_chunk_by_chunk_wherever_the_chunks_lie_within_them() {
        let mut recent = Recent::default();
        let link = recent.remember(Link::default(), 10, b"abc");
        let link = recent.remember(link, 13, b"def");
        assert_eq!(recent.difference(link, 16, 10, b"abcdef"), None);
        assert_eq!(recent.difference(link, 16, 9, b"_abcdeX"), Some((13, 3)));
        assert_eq!(recent.difference(link, 16, 10, b"XbcdeX"), Some((10, 6)));
        assert_eq!(recent.difference(link, 16, 11, b"Xc"), None, "no whole chunk inside: cannot tell");
        assert_eq!(recent.difference(Link::default(), 16, 10, b"XXX"), None);
    }

    #[test]
    fn every_byte_of_a_chunk_of_any_length_counts() {
        for len in [1, 7, 15, 16, 17, 31, 32, 33, 44, 48, 127, SHORT, SHORT + 1, 300] {
            let bytes = vec![b'7'; len];
            let mut recent = Recent::default();
            let link = recent.remember(Link::default(), 0, &bytes);
            assert_eq!(recent.difference(link, len as u64, 0, &bytes), None);
            for at in 0..len {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert_eq!(recent.difference(link, len as u64, 0, &other), Some((0, len as u64)), "byte {at} of {len}");
            }
        }
        assert_ne!(fingerprint(&[0; 32]), fingerprint(&[0; 48]), "zeros count as well");
    }

    #[test]
    fn positions_beyond_four_gib_are_told_apart() {
        let mut recent = Recent::default();
        let start = (3 << 32) - 2;
        let link = recent.remember(Link::default(), start, b"abc");
        let link = recent.remember(link, start + 3, b"defg");
        assert_eq!(recent.difference(link, start + 7, start, b"abcdefg"), None);
        assert_eq!(recent.difference(link, start + 7, start, b"abXdefg"), Some((start, 3)));
        assert_eq!(recent.difference(link, start + 7, start - (1 << 32), b"abXdefg"), None);
    }

    #[test]
    fn what_the_ring_has_overwritten_is_not_compared() {
        let mut recent = Recent::default();
        let old = recent.remember(Link::default(), 0, b"old");
        let mut other = Link::default();
        for n in 0..CAPACITY as u64 - 1 {
            other = recent.remember(other, n, b"x");
        }
        assert_eq!(recent.difference(old, 3, 0, b"OLD"), Some((0, 3)));
        recent.remember(other, 0, b"x");
        assert_eq!(recent.difference(old, 3, 0, b"OLD"), None);
        assert_eq!(recent.ring.len(), CAPACITY);
    }
}
