//! The file of a recording, and what becomes of it when it cannot be written.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::capture_writer::CaptureWriter;
use crate::conversation::{PacketSink, WirePacket};

/// Where a recording goes: it is appended to, and shortened when a write failed half-way.
pub trait RecordingTarget: Write {
    /// Drops what lies behind the first `len` bytes, and goes on from there.
    ///
    /// # Errors
    /// When the target cannot be shortened, as a pipe.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl RecordingTarget for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        io::Seek::seek(self, io::SeekFrom::Start(len)).map(|_| ())
    }
}

impl RecordingTarget for Vec<u8> {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }
}

/// How a recording fares.
#[derive(Debug)]
pub enum Health<'a> {
    /// Everything so far is in the file.
    Complete {
        /// Packets written.
        packets: u64,
    },
    /// The file could not be written; it holds whole packets up to there.
    Stopped {
        /// The file.
        path: &'a Path,
        /// Packets written before.
        packets: u64,
        /// Packets that are missing, so far.
        missing: u64,
        /// What the system said.
        error: &'a io::Error,
    },
}

impl Health<'_> {
    /// True when no packet is missing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Complete { .. })
    }
}

impl fmt::Display for Health<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = |n: u64| if n == 1 { "packet" } else { "packets" };
        match self {
            Self::Complete { packets } => write!(f, "{packets} {} recorded", noun(*packets)),
            Self::Stopped { path, packets, missing, error } => write!(
                f,
                "the recording {} is incomplete: it ends after {packets} {}, {missing} {} not recorded: {error}",
                path.display(),
                noun(*packets),
                if *missing == 1 { "was" } else { "were" },
            ),
        }
    }
}

/// The file and what became of it.
pub(super) struct Tape<W> {
    writer: CaptureWriter<W>,
    path: PathBuf,
    /// Length of the file up to the last whole call.
    committed: u64,
    /// Packets up to there.
    packets: u64,
    /// Packets of the call under way.
    pending: u64,
    missing: u64,
    stop: Option<io::Error>,
    announced: Announced,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    Not,
    Already,
}

impl<W: RecordingTarget> Tape<W> {
    pub(super) fn new(writer: CaptureWriter<W>, path: &Path) -> Self {
        Self {
            committed: writer.written(),
            writer,
            path: path.to_owned(),
            packets: 0,
            pending: 0,
            missing: 0,
            stop: None,
            announced: Announced::Not,
        }
    }

    #[cfg(test)]
    pub(super) const fn target(&mut self) -> &mut W {
        self.writer.target()
    }

    /// What was emitted is to be in the file.
    pub(super) fn commit(&mut self) {
        if self.stop.is_some() {
            return;
        }
        match self.writer.flush() {
            Ok(()) => {
                self.committed = self.writer.written();
                self.packets += self.pending;
                self.pending = 0;
            }
            Err(error) => self.stop(error),
        }
    }

    pub(super) fn announcement(&mut self) -> Option<String> {
        let error = self.stop.as_ref()?;
        if self.announced == Announced::Already {
            return None;
        }
        self.announced = Announced::Already;
        Some(format!(
            "recording to {} stopped after {} packet{}: {error}; the exchange goes on without it",
            self.path.display(),
            self.packets,
            if self.packets == 1 { "" } else { "s" },
        ))
    }

    fn stop(&mut self, error: io::Error) {
        self.missing += std::mem::take(&mut self.pending);
        // A pipe cannot be shortened; its reader then sees a packet that is cut.
        let _ = self.writer.target().cut(self.committed);
        self.stop = Some(error);
    }

    pub(super) fn health(&self) -> Health<'_> {
        match &self.stop {
            None => Health::Complete { packets: self.packets },
            Some(error) => Health::Stopped { path: &self.path, packets: self.packets, missing: self.missing, error },
        }
    }
}

impl<W: RecordingTarget> PacketSink for Tape<W> {
    /// A recording that fails is no failure of the exchange.
    type Error = std::convert::Infallible;

    fn packet(&mut self, packet: WirePacket<'_>) -> Result<(), Self::Error> {
        if self.stop.is_some() {
            self.missing += 1;
            return Ok(());
        }
        self.pending += 1;
        if let Err(error) = self.writer.packet(packet) {
            self.stop(error);
        }
        Ok(())
    }
}
