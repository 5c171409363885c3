//! What honest clients send, and whether it came: messages that can be made again from their names.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use oorandom::Rand64;

/// Which message: that of the client in a place, in which of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    /// The client's place among those held at once.
    pub(crate) place: u32,
    /// How many clients had that place before.
    pub(crate) life: u32,
}

/// Decimal digits of each number in a message's first line.
const DIGITS: usize = 8;

/// Bytes of a message's first line.
pub(crate) const FIRST_LINE: usize = 3 * (DIGITS + 1);

/// Messages sent and messages found.
pub(crate) struct Ledger {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: HashSet<Name>,
    confirmed: HashSet<Name>,
    found: HashSet<Name>,
    bytes: u64,
    partial: u64,
    faults: Vec<String>,
}

/// How the books stand.
pub(crate) struct Books {
    /// Whole messages found, each as it was sent.
    pub(crate) intact: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Messages that were confirmed to their clients and not found.
    pub(crate) missing: usize,
    /// Files of a part of a message, each the beginning of what was sent.
    pub(crate) partial: u64,
    /// Files that should not be as they are.
    pub(crate) faults: Vec<String>,
}

impl Ledger {
    /// Books for messages that depend on `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    /// The message of that name: a line with the name and the length, then bytes of any value but NUL, `len` in all.
    pub(crate) fn message(&self, name: Name, len: usize) -> Vec<u8> {
        let Name { place, life } = name;
        let mut message = format!("{place:0DIGITS$} {life:0DIGITS$} {len:0DIGITS$}\n").into_bytes();
        let mut random = Rand64::new(u128::from(self.seed) << 64 | u128::from(place) << 32 | u128::from(life));
        while message.len() < len {
            // A slice must not end in NUL (PROTOCOL §2.4).
            message.extend(random.rand_u64().to_le_bytes().map(|byte| byte.max(1)));
        }
        message.truncate(len.max(FIRST_LINE));
        message
    }

    /// A client begins to send it.
    pub(crate) fn sent(&self, name: Name) {
        self.with(|state| state.sent.insert(name));
    }

    /// The client was told that it came.
    pub(crate) fn confirmed(&self, name: Name) {
        self.with(|state| state.confirmed.insert(name));
    }

    /// True when it came as it was sent.
    pub(crate) fn is_intact(&self, name: Name) -> bool {
        self.with(|state| state.found.contains(&name))
    }

    /// Enters the whole messages in `folder` and removes their files.
    pub(crate) fn sweep(&self, folder: &Path) -> io::Result<()> {
        for path in files(folder, "bin")? {
            self.enter(&path)?;
            fs::remove_file(&path)?;
        }
        Ok(())
    }

    fn enter(&self, path: &Path) -> io::Result<()> {
        let came = fs::read(path)?;
        let name = self.recognise(&came).filter(|(_, message)| *message == came).map(|(name, _)| name);
        self.with(|state| match name {
            Some(name) if !state.sent.contains(&name) => {
                state.faults.push(format!("{}: nobody sent {name:?}", path.display()));
            }
            Some(name) if !state.found.insert(name) => {
                state.faults.push(format!("{}: {name:?} came twice", path.display()));
            }
            Some(_) => state.bytes += came.len() as u64,
            None => state.faults.push(format!("{}: not what was sent ({} bytes)", path.display(), came.len())),
        });
        Ok(())
    }

    /// Looks at the files of unfinished messages in `folder`, and removes them: each must be the beginning of a message, an
    /// attacker's (which are all of `x`) or one that is not confirmed. Gives the names and lengths of those that are known.
    pub(crate) fn partial(&self, folder: &Path) -> io::Result<Vec<(Name, usize)>> {
        let mut known = Vec::new();
        for path in files(folder, "partial")? {
            let came = fs::read(&path)?;
            let recognised = self.recognise(&came);
            self.with(|state| {
                state.partial += 1;
                match recognised {
                    Some((name, message)) if message.starts_with(&came) => {
                        if state.confirmed.contains(&name) {
                            state.faults.push(format!("{}: {name:?} is confirmed and partial", path.display()));
                        }
                        known.push((name, came.len()));
                    }
                    Some((name, _)) => state.faults.push(format!("{}: no beginning of {name:?}", path.display())),
                    None if came.len() < FIRST_LINE || came.iter().all(|byte| *byte == b'x') => {}
                    None => state.faults.push(format!("{}: the beginning of nothing", path.display())),
                }
            });
            fs::remove_file(&path)?;
        }
        Ok(known)
    }

    /// The message that begins so.
    fn recognise(&self, came: &[u8]) -> Option<(Name, Vec<u8>)> {
        let line = std::str::from_utf8(came.get(..FIRST_LINE)?).ok()?;
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let mut next = || numbers.next()?.ok();
        let (name, len) = (Name { place: next()?, life: next()? }, next()?);
        Some((name, self.message(name, len as usize)))
    }

    /// How the books stand when every message file was entered.
    pub(crate) fn close(&self) -> Books {
        self.with(|state| Books {
            intact: state.found.len(),
            bytes: state.bytes,
            missing: state.confirmed.difference(&state.found).count(),
            partial: state.partial,
            faults: std::mem::take(&mut state.faults),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().expect("nobody panics with the books open"))
    }
}

/// The files in `folder` whose names end so, by name.
fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
