//! What the `decode` command does with its files: rows, messages, streams or facts.
//!
//! Each job takes the inputs in turn, writes data to one writer and words to another, and says how it went.

mod facts;
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

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use super::capture::{Capture, CaptureError, CaptureLimits, Input};
use super::print::escape;
use super::reading::Reading;

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

    fn of_reading(reading: &Reading) -> Self {
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

/// The capture, or `None` after a complaint on `log`.
fn open(input: &Input, limits: &CaptureLimits, log: &mut dyn Write) -> io::Result<Option<Capture>> {
    match Capture::open(input, limits) {
        Ok(capture) => Ok(Some(capture)),
        Err(error) => complain(log, input, &error).map(|()| None),
    }
}

/// One line on `log` about what is wrong with a file.
fn complain(log: &mut dyn Write, input: &Input, error: &CaptureError) -> io::Result<()> {
    match error {
        // The error's own words hold the name as it is.
        CaptureError::Open { source, .. } => writeln!(log, "decode: cannot open {}: {source}", Named(input)),
        _ => writeln!(log, "decode: {}: {error}", Named(input)),
    }
}

/// An input's name for people.
struct Named<'a>(&'a Input);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Stdin => f.write_str("standard input"),
            Input::Path(path) => NamedPath(path).fmt(f),
        }
    }
}

/// A path for people: control characters in a name must not reach a terminal raw.
struct NamedPath<'a>(&'a Path);

impl fmt::Display for NamedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() {
            return f.write_str("a file without a name");
        }
        f.write_str(&escape::escape(self.0.as_os_str().as_encoded_bytes()))
    }
}
