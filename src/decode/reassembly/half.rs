//! Halves of the connections of a capture.

/// One of two halves of all connections, told by what is known of them from their first packet on: two threads can take one
/// each. What connections remember together is remembered by halves, so that it does not matter whether they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Half {
    First,
    Second,
}

impl Half {
    /// That of a hash of the ends, whose high bits are good.
    #[inline(always)] // an instruction or two
    pub(in crate::decode) const fn of(hash: u64) -> Self {
        if hash >> 63 == 0 { Self::First } else { Self::Second }
    }

    /// The other one.
    pub(in crate::decode) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    #[inline(always)] // as above
    pub(in crate::decode) const fn index(self) -> usize {
        self as usize
    }
}
