//! Where a capture's bytes come from, unpacked where they are packed.

use std::io::Read;

use super::Compression;
use super::compression::{Gzip, Zstd};
use super::facts::Note;
use super::reads::{SourceError, read_some};

/// Where bytes come from.
pub(super) enum Source {
    Plain(Box<dyn Read + Send>),
    Gzip(Gzip),
    Zstd(Zstd),
}

impl Source {
    pub(super) const fn compression(&self) -> Option<Compression> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(_) => Some(Compression::Gzip),
            Self::Zstd(_) => Some(Compression::Zstd),
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize, SourceError> {
        match self {
            Self::Plain(reader) => read_some(reader, into).map_err(SourceError::Io),
            Self::Gzip(gzip) => gzip.read(into),
            Self::Zstd(zstd) => zstd.read(into),
        }
    }

    pub(super) const fn note(&self) -> Option<Note> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(gzip) => gzip.note(),
            Self::Zstd(zstd) => zstd.note(),
        }
    }
}
