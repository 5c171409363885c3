//! Why parameters cannot be had.

use std::io;
use std::path::PathBuf;

use super::{Key, ValueError};

/// Names shown of a folder with too many candidates.
const SHOWN: usize = 20;

/// Parameters that cannot be had. Displays with file and line, and with what to do.
#[derive(Debug, thiserror::Error)]
pub enum ParamsError {
    /// The file cannot be read.
    #[error("cannot read the parameter file {}: {source}; name one that can be read with --params", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder cannot be searched.
    #[error("cannot look for a parameter file in {}: {source}; name one with --params", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than what is read.
    #[error("the parameter file {} is larger than 256 MiB, which is the most that is read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is text in two-byte units.
    #[error("the parameter file {} is UTF-16 text: save it as UTF-8", path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// A value is not what its key needs.
    #[error("{}, line {line}: {source}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        source: ValueError,
    },
    /// The file lacks keys, and nobody answers.
    #[error("{} has no {}: add such a line, or give {}", path.display(), lines(keys), options(keys))]
    Missing {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        keys: Vec<Key>,
    },
    /// There is no file, and nobody answers.
    #[error(
        "no parameter file (*.txt) in {}, and no terminal to ask for {}: write one, name one with --params, or give {}",
        folder.display(), names(keys), options(keys)
    )]
    NoFile {
        /// The folder that was searched.
        folder: PathBuf,
        /// What is needed.
        keys: Vec<Key>,
    },
    /// Several files may be meant, and nobody answers.
    #[error(
        "{} files of {} may hold the parameters: {}; name one with --params",
        candidates.len(), folder.display(), some(candidates)
    )]
    Ambiguous {
        /// The folder that was searched.
        folder: PathBuf,
        /// Their names, safe to print.
        candidates: Vec<String>,
    },
    /// The terminal failed.
    #[error("cannot ask for the parameters: {0}; give them as options or in a file")]
    Prompt(io::Error),
}

fn joined(keys: &[Key], form: impl Fn(&Key) -> String) -> String {
    keys.iter().map(form).collect::<Vec<_>>().join(", ")
}

fn names(keys: &[Key]) -> String {
    joined(keys, |key| key.as_str().to_owned())
}

fn lines(keys: &[Key]) -> String {
    joined(keys, |key| format!("`{}:…` line", key.as_str()))
}

fn options(keys: &[Key]) -> String {
    joined(keys, |key| key.option().to_owned())
}

fn some(candidates: &[String]) -> String {
    let mut text = candidates.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if candidates.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
