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

fn fingerprint(bytes: &[u8]) -> u64 {
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
