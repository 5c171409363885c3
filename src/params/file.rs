//! The file of `key:value` lines (PROTOCOL §6.1).

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::value::excerpt;
use super::{Key, Params, ParamsError};
use crate::bounded;

/// The largest file that is read; the message is held in memory.
pub(super) const MAX_FILE: u64 = 256 << 20;

/// Lines worth a remark that are remarked on one by one.
const MAX_NOTES: usize = 20;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A parameter file as it stands: what it says of each key and in which line, not yet read as numbers.
///
/// Lines end with LF or CRLF; a byte order mark before the first is skipped. The value begins after the first colon;
/// blanks, tabs and other ASCII white space around key and value are dropped. Bytes that are no UTF-8 are kept: they are the
/// message's own.
#[derive(Debug, Clone)]
pub struct ParamsFile {
    path: PathBuf,
    entries: [Option<Entry>; Key::ALL.len()],
    notes: Vec<ParamsNote>,
}

#[derive(Debug, Clone)]
struct Entry {
    line: u64,
    value: Vec<u8>,
}

/// A line of a parameter file that the user may have meant otherwise. Displays with file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamsNote {
    path: PathBuf,
    line: u64,
    remark: Remark,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Remark {
    NoColon { text: String },
    UnknownKey { key: String, meant: Option<Key> },
    Repeated { key: Key, earlier: u64 },
    More,
}

impl fmt::Display for ParamsNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: ", self.path.display(), self.line)?;
        match &self.remark {
            Remark::NoColon { text } => write!(f, "skipped, since it is no key:value line: `{text}`"),
            Remark::UnknownKey { key, meant: Some(meant) } => {
                write!(f, "unknown key `{key}` ignored; {} is written like this", meant.as_str())
            }
            Remark::UnknownKey { key, meant: None } => {
                write!(f, "unknown key `{key}` ignored; known are")?;
                for (i, key) in Key::ALL.iter().enumerate() {
                    write!(f, "{} {}", if i == 0 { "" } else { "," }, key.as_str())?;
                }
                Ok(())
            }
            Remark::Repeated { key, earlier } => {
                write!(f, "{} again; this one counts, not the one of line {earlier}", key.as_str())
            }
            Remark::More => f.write_str("from here on, further such lines are not listed"),
        }
    }
}

impl ParamsFile {
    /// Reads a file of up to 256 MiB.
    ///
    /// # Errors
    /// When it cannot be read, is larger, or is UTF-16 text.
    pub fn read(path: &Path) -> Result<Self, ParamsError> {
        let failed = |source| ParamsError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        match bounded::read(file, MAX_FILE).map_err(failed)? {
            Some(bytes) => Self::parse(path, &bytes),
            None => Err(ParamsError::TooLarge { path: path.to_owned() }),
        }
    }

    /// Takes the bytes of a file that messages call `path`.
    ///
    /// # Errors
    /// When it is larger than 256 MiB or UTF-16 text.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ParamsError> {
        if bytes.len() as u64 > MAX_FILE {
            return Err(ParamsError::TooLarge { path: path.to_owned() });
        }
        if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
            return Err(ParamsError::Utf16 { path: path.to_owned() });
        }
        let mut file = Self { path: path.to_owned(), entries: Default::default(), notes: Vec::new() };
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            file.line(number, line.trim_ascii());
        }
        Ok(file)
    }

    /// The file's name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines worth a remark, the first twenty.
    #[must_use]
    pub fn notes(&self) -> &[ParamsNote] {
        &self.notes
    }

    /// Every value of the file, read.
    ///
    /// # Errors
    /// When one of them is not what its key needs.
    pub fn params(&self) -> Result<Params, ParamsError> {
        let mut params = Params::default();
        for key in Key::ALL {
            self.value(key, &mut params)?;
        }
        Ok(params)
    }

    /// Reads the value of `key`, when there is one, into `params`.
    pub(super) fn value(&self, key: Key, params: &mut Params) -> Result<(), ParamsError> {
        let Some(entry) = &self.entries[key as usize] else { return Ok(()) };
        params.set(key, &entry.value).map_err(|source| ParamsError::Value {
            path: self.path.clone(),
            line: entry.line,
            source,
        })
    }

    fn line(&mut self, number: u64, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return self.note(number, Remark::NoColon { text: excerpt(line) });
        };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        let Some(key) = Key::ALL.into_iter().find(|key| key.as_str().as_bytes() == name) else {
            return self.note(number, Remark::UnknownKey { key: excerpt(name), meant: meant(name) });
        };
        let entry = Entry { line: number, value: value.to_vec() };
        if let Some(earlier) = self.entries[key as usize].replace(entry) {
            self.note(number, Remark::Repeated { key, earlier: earlier.line });
        }
    }

    fn note(&mut self, line: u64, remark: Remark) {
        let remark = match self.notes.len() {
            ..MAX_NOTES => remark,
            MAX_NOTES => Remark::More,
            _ => return,
        };
        self.notes.push(ParamsNote { path: self.path.clone(), line, remark });
    }
}

/// The key that differs from `name` only in case, hyphens, blanks or underscores.
fn meant(name: &[u8]) -> Option<Key> {
    let plain = |name: &[u8]| -> Vec<u8> {
        name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    // A key is short, and a line without one may be a megabyte.
    let name = plain(name.get(..SHORT).unwrap_or(name));
    Key::ALL.into_iter().find(|key| plain(key.as_str().as_bytes()) == name)
}

const SHORT: usize = 64;
