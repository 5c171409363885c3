//! gzip and zstd, member by member and frame by frame.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::raw::{DParameter, Decoder, Operation};

use super::facts::{Compression, Note};
use super::window::{SourceError, read_some};

/// Size of the buffer of compressed bytes.
const CAPACITY: usize = 64 * 1024;

/// Compressed bytes given to the gzip decoder at once: what it unpacked of a piece is lost when that piece
/// turns out to be damaged, so pieces are small.
const PIECE: usize = 4 * 1024;

/// Bytes a zstd decoder wants first: the shortest frame header.
const ZSTD_FIRST: usize = 5;

/// The largest zstd window that is accepted, as a power of two: 128 MiB, what `zstd -d` takes by default.
const ZSTD_WINDOW_LOG: u32 = 27;

/// What the first bytes are packed with; by magic number, never by file name.
pub(super) fn detect(head: &[u8]) -> Option<Compression> {
    match head {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// Compressed bytes with their count.
struct Compressed {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
    /// True once the reader itself failed, to tell that from damaged data.
    failed: bool,
}

impl Compressed {
    fn new(head: Vec<u8>, reader: Box<dyn Read + Send>) -> Self {
        let end = head.len();
        let mut buffer = head;
        buffer.resize(CAPACITY.max(end), 0);
        Self { reader, buffer, start: 0, end, consumed: 0, failed: false }
    }

    fn at_hand(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads once behind what is at hand; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        match read_some(&mut *self.reader, &mut self.buffer[self.end..]) {
            Ok(count) => {
                self.end += count;
                Ok(count > 0)
            }
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    /// Skips zero bytes, then says what the input goes on with; for the place after a member or frame.
    fn between(&mut self) -> io::Result<Between> {
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

    fn error(&self, error: io::Error, cut: &str) -> SourceError {
        if self.failed {
            return SourceError::Io(error);
        }
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("the input ends inside {cut}; get the whole file"),
            _ => error.to_string(),
        };
        SourceError::Damaged { at: self.consumed, what }
    }
}

/// What follows a gzip member or zstd frame.
enum Between {
    Starts(Compression),
    Ends(Option<Note>),
}

impl Read for Compressed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let have = self.fill_buf()?;
        let count = have.len().min(into.len());
        into[..count].copy_from_slice(&have[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Compressed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.more()?;
        }
        let at_hand = self.at_hand();
        Ok(at_hand.get(..PIECE).unwrap_or(at_hand))
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.consumed += count as u64;
    }
}

/// A gzip file: members one after the other (RFC 1952 §2.2).
pub(super) struct Gzip {
    /// `None` after the last member.
    member: Option<Box<GzDecoder<Compressed>>>,
    note: Option<Note>,
}

impl Gzip {
    pub(super) fn new(head: Vec<u8>, reader: Box<dyn Read + Send>) -> Self {
        Self { member: Some(Box::new(GzDecoder::new(Compressed::new(head, reader)))), note: None }
    }

    pub(super) const fn note(&self) -> Option<Note> {
        self.note
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize, SourceError> {
        while let Some(mut member) = self.member.take() {
            let count = match member.read(into) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(member.get_ref().error(error, "a gzip member")),
            };
            if count > 0 {
                self.member = Some(member);
                return Ok(count);
            }
            let mut compressed = member.into_inner();
            match compressed.between() {
                Ok(Between::Starts(Compression::Gzip)) => {
                    self.member = Some(Box::new(GzDecoder::new(compressed)));
                }
                Ok(Between::Starts(Compression::Zstd)) => self.note = Some(Note::GarbageAfterCompressed),
                Ok(Between::Ends(note)) => self.note = note,
                Err(error) => return Err(SourceError::Io(error)),
            }
        }
        Ok(0)
    }
}

/// A zstd file: frames one after the other, skippable ones among them (RFC 8878 §3).
pub(super) struct Zstd {
    compressed: Compressed,
    decoder: Decoder<'static>,
    /// Bytes the decoder asks for, to the end of a block. It is given no more: what it unpacked in a call
    /// that then meets damage is lost, so a call must not go beyond one block.
    wanted: usize,
    at: Place,
    note: Option<Note>,
}

/// Where a [`Zstd`] stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    InFrame,
    BetweenFrames,
    AtEnd,
}

impl Zstd {
    pub(super) fn new(head: Vec<u8>, reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self {
            compressed: Compressed::new(head, reader),
            decoder,
            wanted: ZSTD_FIRST,
            at: Place::BetweenFrames,
            note: None,
        })
    }

    pub(super) const fn note(&self) -> Option<Note> {
        self.note
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize, SourceError> {
        loop {
            match self.at {
                Place::AtEnd => return Ok(0),
                Place::BetweenFrames => match self.compressed.between().map_err(SourceError::Io)? {
                    Between::Starts(Compression::Zstd) => {
                        self.decoder.reinit().map_err(SourceError::Io)?;
                        self.wanted = ZSTD_FIRST;
                        self.at = Place::InFrame;
                    }
                    Between::Starts(Compression::Gzip) => {
                        self.note = Some(Note::GarbageAfterCompressed);
                        self.at = Place::AtEnd;
                    }
                    Between::Ends(note) => {
                        self.note = note;
                        self.at = Place::AtEnd;
                    }
                },
                Place::InFrame => {
                    // First without reading: the decoder may hold output that the last call had no room for.
                    let at_hand = self.compressed.at_hand();
                    let piece = at_hand.get(..self.wanted).unwrap_or(at_hand);
                    let status = match self.decoder.run_on_buffers(piece, into) {
                        Ok(status) => status,
                        Err(error) => return Err(self.damage(&error)),
                    };
                    self.compressed.consume(status.bytes_read);
                    self.wanted = status.remaining;
                    if status.remaining == 0 {
                        self.at = Place::BetweenFrames;
                    }
                    if status.bytes_written > 0 {
                        return Ok(status.bytes_written);
                    }
                    if status.remaining > 0 && status.bytes_read == 0 {
                        match self.compressed.more() {
                            Ok(true) => {}
                            Ok(false) => {
                                let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
                                return Err(self.compressed.error(cut, "a zstd frame"));
                            }
                            Err(error) => return Err(SourceError::Io(error)),
                        }
                    }
                }
            }
        }
    }

    fn damage(&self, error: &io::Error) -> SourceError {
        let what = error.to_string();
        // The binding hands on zstd's words, not its error number.
        if what.contains("too much memory") {
            return SourceError::WindowTooLarge { limit_mib: (1 << ZSTD_WINDOW_LOG) >> 20 };
        }
        SourceError::Damaged { at: self.compressed.consumed, what }
    }
}
