//! gzip (RFC 1952).
//!
//! The members are taken apart here and only their bodies given to the decompressor, since what comes before a damage is
//! to be had: a reader of whole members drops what it unpacked in the call that meets it.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Between, Compressed};
use crate::decode::capture::facts::{Compression, Note};
use crate::decode::capture::reads::SourceError;

/// Room that a call of the decompressor is given at least. It unpacks into 32 KiB of its own first, and what does not
/// fit into the room is lost when damage follows.
const ROOM: usize = 32 << 10;

/// Bits of a header's flags.
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// The one compression method there is.
const DEFLATE: u8 = 8;

const MEMBER: &str = "a gzip member";

/// A gzip file: members one after the other (RFC 1952 §2.2).
pub(in crate::decode::capture) struct Gzip {
    compressed: Compressed,
    inflate: Decompress,
    crc: Crc,
    at: Place,
    note: Option<Note>,
    /// Unpacked, for a caller that had less than [`ROOM`].
    spare: Vec<u8>,
    /// How much of `spare` was handed out.
    handed: usize,
}

/// Where a [`Gzip`] stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BetweenMembers,
    InMember,
    AtTrailer,
    AtEnd,
}

impl Gzip {
    pub(in crate::decode::capture) fn new(compressed: Compressed) -> Self {
        Self {
            compressed,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            at: Place::BetweenMembers,
            note: None,
            spare: Vec::new(),
            handed: 0,
        }
    }

    pub(in crate::decode::capture) const fn note(&self) -> Option<Note> {
        self.note
    }

    pub(in crate::decode::capture) fn read(&mut self, into: &mut [u8]) -> Result<usize, SourceError> {
        if self.handed == self.spare.len() {
            if into.len() >= ROOM {
                return self.unpack(into);
            }
            let mut spare = std::mem::take(&mut self.spare);
            spare.resize(ROOM, 0);
            let unpacked = self.unpack(&mut spare);
            spare.truncate(*unpacked.as_ref().unwrap_or(&0));
            (self.spare, self.handed) = (spare, 0);
            unpacked?;
        }
        let left = &self.spare[self.handed..];
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.handed += count;
        Ok(count)
    }

    /// Unpacks at least one byte into `into`, which holds [`ROOM`]; 0 at the end.
    fn unpack(&mut self, into: &mut [u8]) -> Result<usize, SourceError> {
        loop {
            match self.at {
                Place::AtEnd => return Ok(0),
                Place::BetweenMembers => match self.compressed.between()? {
                    Between::Starts(Compression::Gzip) => {
                        self.header()?;
                        self.inflate.reset(false);
                        self.crc.reset();
                        self.at = Place::InMember;
                    }
                    Between::Starts(Compression::Zstd) => {
                        self.note = Some(Note::GarbageAfterCompressed);
                        self.at = Place::AtEnd;
                    }
                    Between::Ends(note) => {
                        self.note = note;
                        self.at = Place::AtEnd;
                    }
                },
                Place::InMember => {
                    let before = (self.inflate.total_in(), self.inflate.total_out());
                    let status = self.inflate.decompress(self.compressed.at_hand(), into, FlushDecompress::None);
                    let taken = (self.inflate.total_in() - before.0) as usize;
                    let count = (self.inflate.total_out() - before.1) as usize;
                    self.compressed.consume(taken);
                    self.crc.update(&into[..count]);
                    match status {
                        Ok(Status::StreamEnd) => self.at = Place::AtTrailer,
                        Ok(_) if count == 0 && taken == 0 && !self.compressed.more()? => {
                            return Err(self.compressed.cut(MEMBER));
                        }
                        Ok(_) => {}
                        // After what was unpacked the next call meets it again.
                        Err(_) if count > 0 => {}
                        Err(_) => return Err(self.compressed.damaged("corrupt deflate data")),
                    }
                    if count > 0 {
                        return Ok(count);
                    }
                }
                Place::AtTrailer => {
                    let (crc, len) = (self.word()?, self.word()?);
                    if (crc, len) != (self.crc.sum(), self.crc.amount()) {
                        return Err(self.compressed.damaged("the checksum of a gzip member is not that of its bytes"));
                    }
                    self.at = Place::BetweenMembers;
                }
            }
        }
    }

    /// Steps over a member's header (RFC 1952 §2.3); its magic number was seen.
    fn header(&mut self) -> Result<(), SourceError> {
        self.crc.reset();
        let mut fixed = [0; 10];
        for byte in &mut fixed {
            *byte = self.byte()?;
        }
        let [_, _, method, flags, ..] = fixed;
        if method != DEFLATE || flags & RESERVED != 0 {
            let what =
                format!("a gzip member with compression method {method} and flags 0x{flags:02x}, which are unknown");
            return Err(self.compressed.damaged(what));
        }
        if flags & EXTRA != 0 {
            for _ in 0..u16::from_le_bytes([self.byte()?, self.byte()?]) {
                self.byte()?;
            }
        }
        for text in [NAME, COMMENT] {
            while flags & text != 0 && self.byte()? != 0 {}
        }
        let crc = self.crc.sum() as u16;
        if flags & HEADER_CRC != 0 && u16::from_le_bytes([self.byte()?, self.byte()?]) != crc {
            return Err(self.compressed.damaged("the checksum of a gzip member's header is not that of its bytes"));
        }
        Ok(())
    }

    fn word(&mut self) -> Result<u32, SourceError> {
        Ok(u32::from_le_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]))
    }

    /// The next byte of a header or trailer.
    fn byte(&mut self) -> Result<u8, SourceError> {
        loop {
            if let [byte, ..] = *self.compressed.at_hand() {
                self.compressed.consume(1);
                // A trailer's own bytes are not summed up: the sum was taken before.
                if self.at == Place::BetweenMembers {
                    self.crc.update(&[byte]);
                }
                return Ok(byte);
            }
            if !self.compressed.more()? {
                return Err(self.compressed.cut(MEMBER));
            }
        }
    }
}
