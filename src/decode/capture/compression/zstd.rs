//! zstd (RFC 8878).

use std::io;

use ::zstd::stream::raw::{DParameter, Decoder, Operation};

use super::{Between, Compressed};
use crate::decode::capture::facts::{Compression, Note};
use crate::decode::capture::reads::SourceError;

/// Bytes of a block's header, which a decoder asks for together with what is before it.
const BLOCK_HEADER: usize = 3;

/// Bytes a decoder wants first: the shortest frame header.
const FIRST: usize = 5 + BLOCK_HEADER;

/// A zstd file: frames one after the other, skippable ones among them (RFC 8878 §3).
pub(in crate::decode::capture) struct Zstd {
    compressed: Compressed,
    decoder: Decoder<'static>,
    window_log: u32,
    /// Bytes the decoder asks for, to the end of a block and of the next one's header. It is given no more than the block:
    /// what it unpacked in a call that then meets damage is lost.
    wanted: usize,
    /// The last call had no more room: the decoder may hold output, which is taken before it is given any more, since that
    /// may be damaged.
    full: bool,
    /// Where in the file the header or block begins that the decoder is at, however much of it has come.
    begun: u64,
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
    /// Frames whose window is larger than `2^window_log` bytes are refused.
    pub(in crate::decode::capture) fn new(compressed: Compressed, window_log: u32) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(window_log))?;
        let at = Place::BetweenFrames;
        Ok(Self { compressed, window_log, decoder, wanted: FIRST, full: false, begun: 0, at, note: None })
    }

    pub(in crate::decode::capture) const fn note(&self) -> Option<Note> {
        self.note
    }

    pub(in crate::decode::capture) fn read(&mut self, into: &mut [u8]) -> Result<usize, SourceError> {
        loop {
            match self.at {
                Place::AtEnd => return Ok(0),
                Place::BetweenFrames => match self.compressed.between()? {
                    Between::Starts(Compression::Zstd) => {
                        self.decoder.reinit().map_err(SourceError::Io)?;
                        self.wanted = FIRST;
                        self.begun = self.compressed.consumed;
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
                    let at_hand = self.compressed.at_hand();
                    let unit = if self.wanted > BLOCK_HEADER { self.wanted - BLOCK_HEADER } else { self.wanted };
                    let held = std::mem::take(&mut self.full);
                    let piece = if held { &[] } else { at_hand.get(..unit).unwrap_or(at_hand) };
                    let status = match self.decoder.run_on_buffers(piece, into) {
                        Ok(status) => status,
                        Err(error) => return Err(self.damage(&error)),
                    };
                    self.compressed.consume(status.bytes_read);
                    if status.bytes_read == unit {
                        self.begun = self.compressed.consumed;
                    }
                    self.wanted = status.remaining;
                    if status.remaining == 0 {
                        self.at = Place::BetweenFrames;
                    }
                    if status.bytes_written > 0 {
                        self.full = status.remaining > 0 && status.bytes_written == into.len();
                        return Ok(status.bytes_written);
                    }
                    if held {
                        continue;
                    }
                    if status.remaining > 0 && status.bytes_read == 0 && !self.compressed.more()? {
                        return Err(self.compressed.cut("a zstd frame"));
                    }
                }
            }
        }
    }

    fn damage(&self, error: &io::Error) -> SourceError {
        let what = error.to_string();
        // The binding hands on zstd's words, not its error number.
        if what.contains("too much memory") {
            return SourceError::ZstdWindow { limit: 1 << self.window_log };
        }
        SourceError::Damaged { at: self.begun, what }
    }
}
