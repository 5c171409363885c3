//! Rows written by two threads.
//!
//! ```text
//! rows ─ block ─┬─ second thread: text ─┬─ in order ─► writer
//!               └─ this thread: text ───┘
//! ```
//!
//! A block of rows goes to the second thread while that has little to do; else this one writes it. Either begins
//! with the style as it is now, although blocks before may not be written yet. Should the style be another once they are
//! (a number outgrew its column), the block is written again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Flushing;
use super::kept::KeptRows;
use super::sink::Sink;
use super::style::Style;
use crate::decode::row::Row;
use crate::decode::second_thread::Watch;

/// Blocks that wait for the second thread or are written by it: one of each.
const AHEAD: usize = 2;

/// Blocks that are not handed on yet, at most.
const BLOCKS: usize = if cfg!(test) { 4 } else { 8 };

/// Blocks between two looks at what this thread loses.
const LOOK_EVERY: u32 = 32;

/// So large a part of its time may this thread be kept from running, or wait for the second (not for the writer): with less than that lost, two
/// do more than one.
const MAY_LOSE: f64 = 0.3;

/// The name of the second thread.
const THREAD: &str = "rows";

/// So much lost since the last look is enough where this thread had to wait for a block: the second is kept from running.
const WHILE: Duration = Duration::from_millis(2);

/// A block on its way.
struct Piece<S> {
    rows: KeptRows,
    /// As it was taken to be before the first row.
    before: S,
    /// As it is after those that are written.
    after: S,
    text: Vec<u8>,
}

impl<S: Style> Piece<S> {
    /// Writes its rows.
    fn write(&mut self, sink: &mut Sink<io::Sink>) {
        // Nothing is handed on here that could fail.
        let _ = self.rows.try_for_each(|row| self.after.row(row, sink));
        sink.take(&mut self.text);
    }
}

/// Text without a writer.
fn desk() -> Sink<io::Sink> {
    Sink::new(io::sink(), Flushing::Block)
}

/// The second thread, and what is on its way.
pub(super) struct Two<S> {
    filling: KeptRows,
    /// In order; those that the second thread has are `None`.
    pieces: VecDeque<Option<Piece<S>>>,
    to_second: Sender<Piece<S>>,
    from_second: Receiver<Piece<S>>,
    thread: Option<JoinHandle<()>>,
    desk: Sink<io::Sink>,
    /// To be filled again.
    spare: Vec<(KeptRows, Vec<u8>)>,
    watch: Watch,
}

impl<S: Style> Two<S> {
    /// `None` where no thread may be had.
    pub(super) fn begin() -> Option<Self> {
        let (to_second, pieces) = channel::<Piece<S>>();
        let (back, from_second) = channel();
        let work = move || {
            let mut desk = desk();
            for mut piece in pieces {
                piece.write(&mut desk);
                if back.send(piece).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(work).ok()?;
        Some(Self {
            filling: KeptRows::default(),
            pieces: VecDeque::with_capacity(BLOCKS),
            to_second,
            from_second,
            thread: Some(thread),
            desk: desk(),
            spare: Vec::new(),
            watch: Watch::begin(LOOK_EVERY, MAY_LOSE),
        })
    }

    /// Keeps a row. True when there are so many that they are to be handed over.
    #[inline]
    pub(super) fn keep(&mut self, row: &Row<'_>) -> bool {
        self.filling.push(row);
        self.filling.is_full()
    }

    /// Has the rows written that were kept, and hands on what is written. `Break` when the second thread does not pay
    /// for now; then some may still be kept.
    pub(super) fn hand_over<W: Write>(&mut self, style: &mut S, sink: &mut Sink<W>) -> io::Result<ControlFlow<()>> {
        if !self.filling.are_short() {
            return Ok(ControlFlow::Break(()));
        }
        while let Ok(piece) = self.from_second.try_recv() {
            self.came_back(piece);
        }
        let mut piece = self.piece(style);
        if self.with_second() < AHEAD {
            self.pieces.push_back(None);
            if self.to_second.send(piece).is_err() {
                self.lost();
            }
        } else {
            piece.write(&mut self.desk);
            self.pieces.push_back(Some(piece));
        }
        self.hand_on(style, sink)?;
        let mut pays = true;
        while self.pieces.len() >= BLOCKS {
            self.wait();
            self.hand_on(style, sink)?;
            pays = !self.watch.has_lost(WHILE);
        }
        pays &= !self.watch.is_kept_from_running();
        Ok(if pays { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// Hands on all rows so far.
    pub(super) fn settle<W: Write>(&mut self, style: &mut S, sink: &mut Sink<W>) -> io::Result<()> {
        while !self.pieces.is_empty() {
            self.wait();
            self.hand_on(style, sink)?;
        }
        write_here(&self.filling, style, sink)?;
        self.filling.clear();
        Ok(())
    }

    /// The rows at hand, and room for others.
    fn piece(&mut self, style: &S) -> Piece<S> {
        let (empty, text) = self.spare.pop().unwrap_or_default();
        let rows = mem::replace(&mut self.filling, empty);
        Piece { rows, before: style.clone(), after: style.clone(), text }
    }

    /// How many the second thread has.
    fn with_second(&self) -> usize {
        self.pieces.iter().filter(|piece| piece.is_none()).count()
    }

    /// Waits for the second thread, if it has any.
    fn wait(&mut self) {
        if self.with_second() > 0 {
            match self.from_second.recv() {
                Ok(piece) => self.came_back(piece),
                Err(_) => self.lost(),
            }
        }
    }

    /// It gives back in the order in which it got.
    fn came_back(&mut self, piece: Piece<S>) {
        if let Some(place) = self.pieces.iter_mut().find(|piece| piece.is_none()) {
            *place = Some(piece);
        }
    }

    /// Hands on what is written, up to the first that is not.
    fn hand_on<W: Write>(&mut self, style: &mut S, sink: &mut Sink<W>) -> io::Result<()> {
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.is_some()).flatten() {
            let Piece { mut rows, before, after, text } = piece;
            if before == *style {
                // Whoever reads the text may be slow, which says nothing of the second thread.
                self.watch.waiting(|| sink.append(&text))?;
                *style = after;
            } else {
                write_here(&rows, style, sink)?;
            }
            rows.clear();
            self.spare.push((rows, text));
        }
        Ok(())
    }

    /// The second thread has ended, which it does only with a panic.
    fn lost(&mut self) -> ! {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => unreachable!("the second thread ends when this one lets go of it"),
        }
    }
}

/// Writes rows as if they had not been kept.
fn write_here<S: Style, W: Write>(rows: &KeptRows, style: &mut S, sink: &mut Sink<W>) -> io::Result<()> {
    rows.try_for_each(|row| style.row(row, sink).and_then(|()| sink.end_row()))
}

#[cfg(test)]
mod tests;
