//! One reused buffer between the styles and the writer.

use std::io::{self, Write};
use std::mem;

use super::Flushing;
use super::plain::{Lines, Pen};

/// What the buffer may hold before it is handed on.
const BLOCK: usize = 64 * 1024;

/// Gathers rows in one buffer, which is handed to the writer in blocks or, for a live capture, after each row.
#[derive(Debug)]
pub(super) struct Sink<W> {
    buffer: Vec<u8>,
    /// What comes behind the buffer.
    lines: Lines,
    /// Room for a text that is not written as it stands.
    pub(super) scratch: String,
    flushing: Flushing,
    writer: W,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(writer: W, flushing: Flushing) -> Self {
        let buffer = Vec::with_capacity(BLOCK + BLOCK / 4);
        Self { buffer, lines: Lines::new(), scratch: String::new(), flushing, writer }
    }

    pub(super) const fn flushing(&self) -> Flushing {
        self.flushing
    }

    /// Adds a plain row.
    #[inline(always)] // straight into the two forms that have such
    pub(super) fn lay(&mut self, write: impl FnOnce(&mut Pen<'_>)) {
        self.lines.lay(write);
        if self.lines.are_full() {
            self.lines.hand_on(&mut self.buffer);
        }
    }

    /// Where any other row is written.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.lines.hand_on(&mut self.buffer);
        &mut self.buffer
    }

    /// The same, with the [`scratch`](Self::scratch).
    pub(super) fn buffer_and_scratch(&mut self) -> (&mut Vec<u8>, &mut String) {
        self.lines.hand_on(&mut self.buffer);
        (&mut self.buffer, &mut self.scratch)
    }

    /// Ends a row: hands the buffer on when it is time to.
    #[inline]
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        match self.flushing {
            Flushing::Row => self.flush(),
            Flushing::Block => self.relieve(),
        }
    }

    /// Hands a full buffer on.
    #[inline]
    pub(super) fn relieve(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BLOCK { self.hand_on() } else { Ok(()) }
    }

    /// Hands on everything so far and then `text`.
    pub(super) fn append(&mut self, text: &[u8]) -> io::Result<()> {
        self.hand_on()?;
        self.writer.write_all(text)
    }

    /// Moves everything so far to `text`, whose room is used for what follows.
    pub(super) fn take(&mut self, text: &mut Vec<u8>) {
        self.lines.hand_on(&mut self.buffer);
        text.clear();
        mem::swap(&mut self.buffer, text);
    }

    /// Brings everything written so far to the writer's far end.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.writer.flush()
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.lines.hand_on(&mut self.buffer);
        let result = if self.buffer.is_empty() { Ok(()) } else { self.writer.write_all(&self.buffer) };
        // Bytes that could not be written are dropped: a retry would repeat the part that went out.
        self.buffer.clear();
        result
    }
}
