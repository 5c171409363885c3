//! What the `decode` command does with its files: rows, messages, streams or facts.
//!
//! Each job takes the inputs in turn, writes data to one writer and words to another, and says how it went.

mod facts;
mod inputs;
mod limits;
mod messages;
mod rows;
mod streams;
mod summary;

pub use facts::{FactsForm, facts};
pub use limits::LimitOptions;
pub use messages::MessageForm;
pub use rows::{Output, Pace, RowJob, rows};
pub use streams::streams;

pub(crate) use inputs::{Named, NamedPath, Opener};
pub(crate) use limits::write_reached;
pub(crate) use summary::{Remarks, count};

use std::io;

use super::reading::Reading;

/// Inputs of this command, which its complaints name.
const OPENER: Opener = Opener { command: "decode" };

/// How a job went; [`code`](Self::code) is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was read and delivered.
    Done,
    /// A file, or one of several, could be read only in part; what could be was delivered.
    Partial,
    /// Nothing could be read.
    Failed,
}

impl Exit {
    /// 0, 3 or 2.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Partial => 3,
            Self::Failed => 2,
        }
    }

    /// How several files went together: failed only if every one did.
    #[must_use]
    pub fn of_all(files: &[Self]) -> Self {
        if files.iter().all(|exit| *exit == Self::Done) {
            Self::Done
        } else if files.iter().all(|exit| *exit == Self::Failed) {
            Self::Failed
        } else {
            Self::Partial
        }
    }

    /// How one file went.
    pub(crate) fn of_reading(reading: &Reading) -> Self {
        let nothing_before = reading.error.is_some() && reading.intake.counts().packets == 0;
        if nothing_before || reading.intake.nothing_readable() {
            Self::Failed
        } else if reading.error.is_some() || reading.intake.partly_unreadable() {
            Self::Partial
        } else {
            Self::Done
        }
    }
}

/// Why a job ended before its inputs did.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Data or words could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// A stream file could not be written.
    #[error(transparent)]
    Streams(#[from] super::StreamFilesError),
}

impl JobError {
    /// True when whoever reads the output has gone away, which is no failure.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
