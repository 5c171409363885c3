//! One reused buffer between the printers and their writer.

use std::io::{self, Write};

use super::Flushing;

/// What the buffer may hold before it is handed on.
const BLOCK: usize = 64 * 1024;

/// Gathers rows in one buffer, which is handed to the writer in blocks or, for a live capture, after each row.
#[derive(Debug)]
pub(super) struct Sink<W> {
    /// Where a row is written.
    pub(super) buffer: Vec<u8>,
    flushing: Flushing,
    writer: W,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(writer: W, flushing: Flushing) -> Self {
        Self { buffer: Vec::with_capacity(BLOCK + BLOCK / 4), flushing, writer }
    }

    pub(super) const fn flushing(&self) -> Flushing {
        self.flushing
    }

    /// Ends a row: hands the buffer on when it is time to.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        match self.flushing {
            Flushing::Row => self.flush(),
            Flushing::Block => self.relieve(),
        }
    }

    /// Hands a full buffer on.
    pub(super) fn relieve(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BLOCK { self.hand_on() } else { Ok(()) }
    }

    /// Brings everything written so far to the writer's far end.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.writer.flush()
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let result = self.writer.write_all(&self.buffer);
        // Bytes that could not be written are dropped: a retry would repeat the part that went out.
        self.buffer.clear();
        result
    }
}
