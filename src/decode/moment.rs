//! What whoever watches a capture being read is told.

use crate::time::Timestamp;

/// A packet was taken in.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Its number.
    pub packet: u64,
    /// Its capture time.
    pub time: Option<Timestamp>,
    /// Nothing more is at hand: the next packet may be long in coming, so what was printed should be seen.
    pub idle: bool,
}
