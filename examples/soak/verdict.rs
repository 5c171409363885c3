//! What was found, line by line, and whether all of it is as promised.

use std::fmt::Display;
use std::io::{self, Write};

/// Findings so far, each printed as it is made.
#[derive(Default)]
pub(crate) struct Verdict {
    broken: usize,
}

impl Verdict {
    /// A figure that only informs.
    pub(crate) fn figure(&mut self, what: &str, value: impl Display) {
        print(&format!("       {what:<34} {value}"));
    }

    /// A promise, with what was seen of it, and whether that keeps it.
    pub(crate) fn promise(&mut self, what: &str, seen: impl Display, kept: bool) {
        self.broken += usize::from(!kept);
        print(&format!("{} {what:<34} {seen}", if kept { "kept  " } else { "BROKEN" }));
    }

    /// A promise that there is none of these; each that there is is shown.
    pub(crate) fn none(&mut self, what: &str, found: &[String]) {
        self.promise(what, found.len(), found.is_empty());
        for one in found {
            print(&format!("           {one}"));
        }
    }

    /// A heading.
    pub(crate) fn part(&mut self, words: &str) {
        print(&format!("\n{words}"));
    }

    /// True when every promise was kept.
    pub(crate) const fn holds(&self) -> bool {
        self.broken == 0
    }
}

fn print(line: &str) {
    // Nothing is left to be done when standard output is gone: the exit code tells.
    let _ = writeln!(io::stdout(), "{line}");
}
