//! Fingerprints of delivered bytes, so that a later copy that differs can be told without keeping the bytes.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;

/// Chunks remembered over all connections: 2 MiB.
const CAPACITY: usize = 1 << 16;
/// Chunks of one direction that a copy is compared with, newest first.
const REACH: usize = 64;

/// A direction's newest entry in [`Recent`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link(u64);

#[derive(Debug, Clone, Copy)]
struct Fingerprint {
    previous: Link,
    position: u64,
    hash: u64,
    len: u32,
}

/// A ring of fingerprints, shared by all connections; each direction's form a chain from its [`Link`].
#[derive(Debug, Default)]
pub(super) struct Recent {
    ring: Vec<Fingerprint>,
    /// Entries ever made; number `n` (from 1) stands at `(n - 1) % CAPACITY`.
    made: u64,
}

/// Chunks up to this length, which is that of a few frames, are hashed in line.
const SHORT: usize = 128;

#[inline]
fn fingerprint(bytes: &[u8]) -> u64 {
    /// Digits of pi: what the words of a chunk are mixed with, so that zeros do not vanish.
    const FIRST: u64 = 0x243F_6A88_85A3_08D3;
    const SECOND: u64 = 0x1319_8A2E_0370_7344;
    let (blocks, _) = bytes.as_chunks::<16>();
    let Some(last) = bytes.last_chunk::<16>().filter(|_| bytes.len() <= SHORT) else {
        return long_fingerprint(bytes);
    };
    // The last block overlaps the one before, so that there is no rest.
    blocks.iter().chain([last]).fold(bytes.len() as u64, |hash, block| {
        let number = u128::from_le_bytes(*block);
        let product = u128::from(number as u64 ^ FIRST ^ hash) * u128::from((number >> 64) as u64 ^ SECOND);
        product as u64 ^ (product >> 64) as u64
    })
}

/// The same for chunks of any length.
fn long_fingerprint(bytes: &[u8]) -> u64 {
    const HASHER: FixedState = FixedState::with_seed(0x5EED);
    let mut hasher = HASHER.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

impl Recent {
    /// Remembers a delivered chunk and returns the direction's new link.
    pub(super) fn remember(&mut self, previous: Link, position: u64, bytes: &[u8]) -> Link {
        // A chunk comes from one IP packet; anything longer is from a damaged export and simply not compared.
        let Ok(len) = u32::try_from(bytes.len()) else { return previous };
        let entry = Fingerprint { previous, position, hash: fingerprint(bytes), len };
        let at = (self.made % CAPACITY as u64) as usize;
        match self.ring.get_mut(at) {
            Some(slot) => *slot = entry,
            None => self.ring.push(entry),
        }
        self.made += 1;
        Link(self.made)
    }

    /// Where `bytes` at `position` differ from what was delivered there: the first differing chunk's position and the
    /// length of all differing chunks. Chunks that stick out of `bytes` on either side cannot be compared.
    pub(super) fn difference(&self, newest: Link, position: u64, bytes: &[u8]) -> Option<(u64, u64)> {
        let end = position + bytes.len() as u64;
        let mut found: Option<(u64, u64)> = None;
        let mut link = newest;
        for _ in 0..REACH {
            if link.0 == 0 || link.0 + CAPACITY as u64 <= self.made {
                break;
            }
            let Some(entry) = self.ring.get(((link.0 - 1) % CAPACITY as u64) as usize) else { break };
            let entry_end = entry.position + u64::from(entry.len);
            // Chunks are delivered in order, so that the chain descends.
            if entry_end <= position {
                break;
            }
            if position <= entry.position && entry_end <= end {
                let from = (entry.position - position) as usize;
                let copy = &bytes[from..from + entry.len as usize];
                if fingerprint(copy) != entry.hash {
                    let (_, len) = found.unwrap_or_default();
                    found = Some((entry.position, len + u64::from(entry.len)));
                }
            }
            link = entry.previous;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_compared_chunk_by_chunk_wherever_the_chunks_lie_within_them() {
        let mut recent = Recent::default();
        let link = recent.remember(Link::default(), 10, b"abc");
        let link = recent.remember(link, 13, b"def");
        assert_eq!(recent.difference(link, 10, b"abcdef"), None);
        assert_eq!(recent.difference(link, 9, b"_abcdeX"), Some((13, 3)));
        assert_eq!(recent.difference(link, 10, b"XbcdeX"), Some((10, 6)));
        assert_eq!(recent.difference(link, 11, b"Xc"), None, "no whole chunk inside: cannot tell");
        assert_eq!(recent.difference(Link::default(), 10, b"XXX"), None);
    }

    #[test]
    fn every_byte_of_a_chunk_of_any_length_counts() {
        for len in [1, 7, 15, 16, 17, 31, 32, 33, 44, 48, 127, SHORT, SHORT + 1, 300] {
            let bytes = vec![b'7'; len];
            let mut recent = Recent::default();
            let link = recent.remember(Link::default(), 0, &bytes);
            assert_eq!(recent.difference(link, 0, &bytes), None);
            for at in 0..len {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert_eq!(recent.difference(link, 0, &other), Some((0, len as u64)), "byte {at} of {len}");
            }
        }
        assert_ne!(fingerprint(&[0; 32]), fingerprint(&[0; 48]), "zeros count as well");
    }

    #[test]
    fn what_the_ring_has_overwritten_is_not_compared() {
        let mut recent = Recent::default();
        let old = recent.remember(Link::default(), 0, b"old");
        let mut other = Link::default();
        for n in 0..CAPACITY as u64 - 1 {
            other = recent.remember(other, n, b"x");
        }
        assert_eq!(recent.difference(old, 0, b"OLD"), Some((0, 3)));
        recent.remember(other, 0, b"x");
        assert_eq!(recent.difference(old, 0, b"OLD"), None);
        assert_eq!(recent.ring.len(), CAPACITY);
    }
}
