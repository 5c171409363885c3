//! gzip and zstd, member by member and frame by frame.

mod gzip;
mod zstd;

use std::io::Read;

use super::facts::{Compression, Note};
use super::reads::{SourceError, read_some};

pub(super) use gzip::Gzip;
pub(super) use zstd::Zstd;

/// Size of the buffer of compressed bytes.
const CAPACITY: usize = 64 * 1024;

/// What the first bytes are packed with; by magic number, never by file name.
pub(super) fn detect(head: &[u8]) -> Option<Compression> {
    match head {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// Compressed bytes with their count.
pub(super) struct Compressed {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
}

impl Compressed {
    pub(super) fn new(head: Vec<u8>, reader: Box<dyn Read + Send>) -> Self {
        let end = head.len();
        let mut buffer = head;
        buffer.resize(CAPACITY.max(end), 0);
        Self { reader, buffer, start: 0, end, consumed: 0 }
    }

    fn at_hand(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads once behind what is at hand; false at the end.
    fn more(&mut self) -> Result<bool, SourceError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let count = read_some(&mut *self.reader, &mut self.buffer[self.end..]).map_err(SourceError::Io)?;
        self.end += count;
        Ok(count > 0)
    }

    /// Skips zero bytes, then says what the input goes on with; for the place after a member or frame.
    fn between(&mut self) -> Result<Between, SourceError> {
        let mut zeroes = false;
        loop {
            let run = self.at_hand().iter().take_while(|byte| **byte == 0).count();
            zeroes |= run > 0;
            self.consume(run);
            if self.end - self.start >= 4 || !self.more()? {
                let compression = detect(self.at_hand());
                return Ok(match (compression, self.at_hand().is_empty()) {
                    (Some(compression), _) => Between::Starts(compression),
                    (None, true) if zeroes => Between::Ends(Some(Note::ZeroesAfterCompressed)),
                    (None, true) => Between::Ends(None),
                    (None, false) => Between::Ends(Some(Note::GarbageAfterCompressed)),
                });
            }
        }
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.consumed += count as u64;
    }

    /// The error of data that is not as it should be from here on.
    fn damaged(&self, what: impl Into<String>) -> SourceError {
        SourceError::Damaged { at: self.consumed, what: what.into() }
    }

    /// The error of an input that ends inside `what`.
    fn cut(&self, what: &str) -> SourceError {
        self.damaged(format!("the input ends inside {what}; get the whole file"))
    }
}

/// What follows a gzip member or zstd frame.
enum Between {
    Starts(Compression),
    Ends(Option<Note>),
}
