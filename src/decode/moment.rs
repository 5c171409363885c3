//! What whoever watches a capture being read is told.

use std::ops::ControlFlow;

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

/// Who is told of every packet after it was taken in; `Break` ends the reading. It is part of the loop over the records,
/// which is made anew for each kind.
pub(super) trait Watch<S> {
    fn passed(&mut self, moment: Moment, sink: &mut S) -> ControlFlow<()>;
}

impl<S, W: FnMut(Moment, &mut S) -> ControlFlow<()>> Watch<S> for W {
    #[inline(always)] // into the loop over the records
    fn passed(&mut self, moment: Moment, sink: &mut S) -> ControlFlow<()> {
        self(moment, sink)
    }
}
