//! Colour of a row: who sent it and whether it asks for attention. Colour repeats what From and Info say.

use crate::decode::row::Row;
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
        match row.info.verdict() {
            Some(
                "beyond-window" | "window-exceeded" | "malformed" | "bad-ack-number" | "unsent" | "ack-of-unsent"
                | "premature" | "premature-ack" | "regress" | "ack-regress",
            ) => Self::Fault,
            Some(
                "skip" | "gap" | "fill" | "resend" | "jump" | "ack-gap" | "duplicate" | "duplicate-ack" | "reack"
                | "late-ack",
            ) => Self::Repair,
            _ if row.frame.header_text().is_some() && row.frame.name().is_none() => Self::Fault,
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
