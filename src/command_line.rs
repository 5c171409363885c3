//! What every command does before its job: its options, and a signal that would end it without a word.

use std::io::{self, Write};
use std::process;

use clap::Parser;

use crate::decode::print::escape::tame_lines;

/// Reads the options, or ends the program with what is wrong with them, or with its help.
#[must_use]
pub fn options<T: Parser>() -> T {
    // A write beyond `ulimit -f` then fails, as on a full disk, and what to do is known; without this it ends the process.
    outlive_file_limit();
    T::try_parse().unwrap_or_else(|error| refuse(&error))
}

/// Ends the program with what is wrong with its options; names and values among them may be a stranger's.
pub fn refuse(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    // Nothing is left to be done when standard error is gone.
    let _ = io::stderr().lock().write_all(tame_lines(&error.render().to_string()).as_bytes());
    process::exit(error.exit_code())
}

#[cfg(unix)]
fn outlive_file_limit() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use rustix::process::Signal;

    // Where it cannot be had, the process is ended as before.
    let _ = signal_hook::flag::register(Signal::XFSZ.as_raw(), Arc::new(AtomicBool::new(false)));
}

#[cfg(not(unix))]
const fn outlive_file_limit() {}
