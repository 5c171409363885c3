//! Opening inputs, and naming them to people, for every command that reads captures.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use crate::decode::capture::{Capture, CaptureError, CaptureLimits, Input};
use crate::decode::print::escape;

/// Opens inputs on behalf of a command, and complains in its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opener {
    /// What complaints begin with.
    pub(crate) command: &'static str,
}

impl Opener {
    /// The capture, or `None` after a complaint on `log`.
    pub(crate) fn open(
        self,
        input: &Input,
        limits: &CaptureLimits,
        log: &mut dyn Write,
    ) -> io::Result<Option<Capture>> {
        match Capture::open(input, limits) {
            Ok(capture) => Ok(Some(capture)),
            Err(error) => self.complain(log, input, &error).map(|()| None),
        }
    }

    /// One line on `log` about what is wrong with a file.
    pub(crate) fn complain(self, log: &mut dyn Write, input: &Input, error: &CaptureError) -> io::Result<()> {
        let command = self.command;
        match error {
            // The error's own words hold the name as it is.
            CaptureError::Open { source, .. } => writeln!(log, "{command}: cannot open {}: {source}", Named(input)),
            _ => writeln!(log, "{command}: {}: {error}", Named(input)),
        }
    }
}

/// An input's name for people.
pub(crate) struct Named<'a>(pub(crate) &'a Input);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Stdin => f.write_str("standard input"),
            Input::Path(path) => NamedPath(path).fmt(f),
        }
    }
}

/// A path for people: control characters in a name must not reach a terminal raw.
pub(crate) struct NamedPath<'a>(pub(crate) &'a Path);

impl fmt::Display for NamedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() {
            return f.write_str("a file without a name");
        }
        f.write_str(&escape::escape(self.0.as_os_str().as_encoded_bytes()))
    }
}
