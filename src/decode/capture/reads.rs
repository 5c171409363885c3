//! One read, and why it brought nothing: what every source of bytes has in common.

use std::io::{self, Read};

/// Bytes that are worth one read: the size of buffers, until a record is larger.
pub(super) const CAPACITY: usize = 256 * 1024;

/// Why a source gave no bytes.
pub(super) enum SourceError {
    /// The system failed.
    Io(io::Error),
    /// The compressed data is cut or damaged.
    Damaged {
        /// Compressed bytes taken before.
        at: u64,
        /// One phrase.
        what: String,
    },
    /// A zstd frame asks for a larger window than it gets.
    ZstdWindow {
        /// What it may have, in bytes.
        limit: u64,
    },
}

/// One read(2), repeated only when a signal interrupted it.
pub(super) fn read_some(reader: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A reader that claims more than it was given room for breaks its contract; believe the room.
            done => return done.map(|len| len.min(into.len())),
        }
    }
}
