//! Messages as files: written under a partial name as they arrive, renamed when whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::NetError;

/// What the name of a message's file ends with until the message is whole, and for ever if it never is.
const PARTIAL: &str = ".partial";

/// How many taken names are passed over before giving up.
const MAX_NAMES: u32 = 10_000;

/// The file of one connection's message, made when the first byte (or the end of an empty message) arrives.
#[derive(Debug)]
pub(crate) struct MessageFile {
    folder: PathBuf,
    stem: String,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    partial: PathBuf,
    whole: PathBuf,
}

impl MessageFile {
    /// The file for connection `number` from `peer` in `folder`; nothing is created yet.
    pub(crate) fn new(folder: &Path, number: u64, peer: SocketAddr) -> Self {
        // A colon cannot stand in file names everywhere.
        let address = peer.ip().to_string().replace(':', "_");
        let stem = format!("{number:06}-{address}-{}", peer.port());
        Self { folder: folder.to_owned(), stem, open: None }
    }

    /// Adds what has arrived.
    ///
    /// # Errors
    /// When the file cannot be made or written; what is in it stays under the partial name.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), NetError> {
        let open = self.opened()?;
        open.file.write_all(bytes).map_err(|source| NetError::Output { path: open.partial.clone(), source })
    }

    /// Gives the whole message its name and says which.
    ///
    /// # Errors
    /// When the file cannot be made or renamed.
    pub(crate) fn complete(&mut self) -> Result<PathBuf, NetError> {
        let open = self.opened()?;
        fs::rename(&open.partial, &open.whole)
            .map_err(|source| NetError::Output { path: open.partial.clone(), source })?;
        let whole = open.whole.clone();
        self.open = None;
        Ok(whole)
    }

    /// The file that holds a part of a message, if there is one.
    pub(crate) fn partial(&self) -> Option<&Path> {
        self.open.as_ref().map(|open| open.partial.as_path())
    }

    fn opened(&mut self) -> Result<&mut Open, NetError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => create(&self.folder, &self.stem)?,
        };
        Ok(self.open.insert(open))
    }
}

/// Makes a file whose whole and partial names are both free: an earlier run's messages are never overwritten.
fn create(folder: &Path, stem: &str) -> Result<Open, NetError> {
    for attempt in 1..=MAX_NAMES {
        let name = if attempt == 1 { format!("{stem}.bin") } else { format!("{stem}-{attempt}.bin") };
        let (whole, partial) = (folder.join(&name), folder.join(format!("{name}{PARTIAL}")));
        if whole.exists() {
            continue;
        }
        match OpenOptions::new().write(true).create_new(true).open(&partial) {
            Ok(file) => return Ok(Open { file, partial, whole }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(NetError::Output { path: partial, source }),
        }
    }
    let source = io::Error::new(io::ErrorKind::AlreadyExists, format!("the first {MAX_NAMES} names are all taken"));
    Err(NetError::Output { path: folder.join(stem), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_message_is_partial_until_it_is_whole_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let peer = "127.0.0.1:4000".parse().unwrap();
        let mut first = MessageFile::new(folder.path(), 1, peer);
        assert_eq!(names(folder.path()), [""; 0]);
        first.write(b"ab").unwrap();
        assert_eq!(names(folder.path()), ["000001-127.0.0.1-4000.bin.partial"]);
        first.write(b"c").unwrap();
        assert_eq!(fs::read(first.complete().unwrap()).unwrap(), b"abc");
        let mut second = MessageFile::new(folder.path(), 1, peer);
        second.write(b"other").unwrap();
        assert_eq!(names(folder.path()), ["000001-127.0.0.1-4000-2.bin.partial", "000001-127.0.0.1-4000.bin"]);
        assert!(second.partial().unwrap().ends_with("000001-127.0.0.1-4000-2.bin.partial"));
    }

    #[test]
    fn an_empty_message_is_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = MessageFile::new(folder.path(), 7, "[::1]:5".parse().unwrap()).complete().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert!(path.ends_with("000007-__1-5.bin"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = MessageFile::new(Path::new("/nowhere/at/all"), 1, "127.0.0.1:1".parse().unwrap()).write(b"x");
        assert!(error.unwrap_err().to_string().contains("/nowhere/at/all"));
    }
}
