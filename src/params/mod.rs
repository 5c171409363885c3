//! The parameters of an exchange (PROTOCOL §6): read from a file, given as options, or asked.
//!
//! ```text
//! options ───────────────────────────────┐
//! the file named, or found in a folder ──┼─► Params ─► client, server
//! answers on a terminal ─────────────────┘
//! ```
//!
//! Here too is how lists ([`Numbers`]) and lengths of time ([`Span`]) are written, in options and in scenario files.

mod error;
mod file;
mod gather;
mod numbers;
mod prompt;
mod span;
mod value;

pub use error::ParamsError;
pub use file::{ParamsFile, ParamsNote};
pub use gather::{Gathered, Place, SAVED_AS, Saved, gather};
pub use numbers::{MAX_POSITIONS, Numbers, NumbersError, PositionsError, positions};
pub use prompt::{Dialogue, Nobody, Prompt};
pub use span::{PlainUnit, Span, SpanError};
pub use value::ValueError;

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::wire::{MaxMsgSize, Side};

/// One of the four parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// What the client sends.
    Message,
    /// P, which the server announces.
    MaximumMsgSize,
    /// How far the client may be ahead of the last ACK, in positions.
    WindowSize,
    /// How long the client waits for an ACK, in seconds.
    Timeout,
}

impl Key {
    /// Every key, in the order in which they are asked.
    pub const ALL: [Self; 4] = [Self::Message, Self::MaximumMsgSize, Self::WindowSize, Self::Timeout];

    /// Its name in a file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::MaximumMsgSize => "maximum_msg_size",
            Self::WindowSize => "window_size",
            Self::Timeout => "timeout",
        }
    }

    /// The option that gives it; `--max-msg-size` as everywhere.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Message => "--message",
            Self::MaximumMsgSize => "--max-msg-size",
            Self::WindowSize => "--window",
            Self::Timeout => "--timeout",
        }
    }

    /// The keys that this side uses.
    #[must_use]
    pub const fn used_by(side: Side) -> &'static [Self] {
        match side {
            Side::Client => &[Self::Message, Self::WindowSize, Self::Timeout],
            Side::Server => &[Self::MaximumMsgSize],
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The parameters that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// The message: bytes, since the protocol carries bytes (PROTOCOL §2.4, §3.2); quotes are part of it.
    pub message: Option<Vec<u8>>,
    /// P.
    pub maximum_msg_size: Option<MaxMsgSize>,
    /// The window, in positions; at least 1.
    pub window_size: Option<WindowSize>,
    /// The timeout; longer than 0.
    pub timeout: Option<Timeout>,
}

/// The window's size in positions, at least 1. Reads from decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSize(NonZeroU32);

/// The timeout, longer than 0, in whole nanoseconds. Reads from decimal seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeout(Duration);

#[cfg(test)]
mod tests;
