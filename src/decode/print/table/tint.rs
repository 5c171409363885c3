//! Colour of a row: who sent it and whether it asks for attention. Colour repeats what From and Info say.

use crate::decode::info::Note;
use crate::decode::row::Row;
use crate::window::{Acknowledgement, Departure};
use crate::wire::Side;

/// Back to the terminal's own colour.
pub(super) const RESET: &str = "\x1b[0m";

/// The colour of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tint {
    /// An ordinary client frame.
    #[default]
    Client,
    /// An ordinary server frame.
    Server,
    /// Repair at work: a gap, a resend, an ACK that jumps or repeats.
    Repair,
    /// A broken rule, or a frame that cannot be right.
    Fault,
}

impl Tint {
    pub(super) fn of(row: &Row<'_>) -> Self {
        match row.info.note {
            Note::Departure { verdict: Departure::BeyondWindow { .. }, .. } => Self::Fault,
            Note::Departure { verdict: Departure::Skip { .. } | Departure::Fill | Departure::Resend, .. } => {
                Self::Repair
            }
            Note::Acknowledgement { verdict, .. } if is_fault(verdict) => Self::Fault,
            Note::Acknowledgement { verdict, .. } if is_repair(verdict) => Self::Repair,
            _ if row.frame.name().is_none() && row.frame.header_text().is_some() => Self::Fault,
            _ => match row.from {
                Side::Client => Self::Client,
                Side::Server => Self::Server,
            },
        }
    }

    /// The terminal sequence that turns it on.
    pub(super) const fn sequence(self) -> &'static str {
        match self {
            Self::Client => "\x1b[36m",
            Self::Server => "\x1b[32m",
            Self::Repair => "\x1b[1;33m",
            Self::Fault => "\x1b[1;31m",
        }
    }
}

const fn is_fault(verdict: Acknowledgement) -> bool {
    use Acknowledgement::{Malformed, Premature, Regress, Unsent};
    matches!(verdict, Malformed | Unsent | Premature { .. } | Regress)
}

const fn is_repair(verdict: Acknowledgement) -> bool {
    use Acknowledgement::{Duplicate, Jump, Reack};
    matches!(verdict, Jump { .. } | Duplicate | Reack)
}
