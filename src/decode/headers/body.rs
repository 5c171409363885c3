//! What a layer holds: the captured bytes, and how many it had beyond them.

use super::{Layer, NotTcp};

/// The contents of a layer. `captured` is a prefix of what was on the wire, `missing` counts the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Body<'a> {
    pub(super) captured: &'a [u8],
    pub(super) missing: u32,
    pub(super) end: End,
}

/// Who says where a body ends, when a length further in disagrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The capture record. Tools that cut packets may state the cut length as the original one, so a header that
    /// announces more is believed.
    Record,
    /// A length field on the wire around it. Nothing inside can be longer.
    Carrier,
}

impl<'a> Body<'a> {
    /// A whole packet, of which `captured` may be only the start.
    pub(super) fn of_packet(captured: &'a [u8], original_len: u32) -> Self {
        let have = u32::try_from(captured.len()).unwrap_or(u32::MAX);
        Self { captured, missing: original_len.saturating_sub(have), end: End::Record }
    }

    /// Bytes on the wire, captured or not.
    pub(super) const fn wire_len(&self) -> u64 {
        self.captured.len() as u64 + self.missing as u64
    }

    /// The first `N` bytes and what follows them.
    ///
    /// A body that never had as many is malformed; one that a snap length took them from is cut short.
    #[inline]
    pub(super) fn split<const N: usize>(&self, layer: Layer) -> Result<(&'a [u8; N], Self), NotTcp> {
        match self.captured.split_first_chunk::<N>() {
            Some((head, captured)) => Ok((head, Self { captured, ..*self })),
            None => Err(self.lacks(N, layer)),
        }
    }

    /// What follows the first `len` bytes.
    #[inline]
    pub(super) fn skip(&self, len: usize, layer: Layer) -> Result<Self, NotTcp> {
        match self.captured.get(len..) {
            Some(captured) => Ok(Self { captured, ..*self }),
            None => Err(self.lacks(len, layer)),
        }
    }

    /// The body when a header says that it is `len` bytes long. Longer than what was there means bytes not captured,
    /// unless a carrier bounds it.
    #[inline]
    pub(super) fn announced(&self, len: u32) -> Self {
        match self.captured.get(..len as usize) {
            Some(captured) => Self { captured, missing: 0, end: self.end },
            None if self.end == End::Carrier && u64::from(len) > self.wire_len() => *self,
            // `get` failed, so `captured` is shorter than a u32.
            None => Self { missing: len - self.captured.len() as u32, ..*self },
        }
    }

    /// The body inside a carrier that states `len`; what follows is padding.
    pub(super) fn carried(&self, len: u16) -> Self {
        Self { end: End::Carrier, ..self.cut_to(len) }
    }

    /// The body without what lies beyond `len`.
    pub(super) fn cut_to(&self, len: u16) -> Self {
        if u64::from(len) < self.wire_len() { self.announced(u32::from(len)) } else { *self }
    }

    /// Why the first `needed` bytes cannot be had.
    #[cold]
    pub(super) fn lacks(&self, needed: usize, layer: Layer) -> NotTcp {
        if needed as u64 > self.wire_len() {
            NotTcp::Malformed { layer, what: "ends inside its header" }
        } else {
            NotTcp::CutShort { layer, needed, available: self.captured.len() }
        }
    }
}
