//! Reading ahead: a thread that reads and unpacks into blocks while others are taken apart.
//!
//! Blocks are handed over whole, so that nothing is copied but what was left at the end of the one before.

use std::io;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::Compression;
use super::facts::Note;
use super::window::{CAPACITY, Source, SourceError};

/// Blocks on their way: one is taken apart, one is filled, and the others wait so that neither side does.
const BLOCKS: usize = 4;

/// Free bytes before a block's data, for what was left of the block before. Not a multiple of a page, as for
/// [`LEAD`](super::window::LEAD).
pub(super) const HEAD_ROOM: usize = 16 * 1024 + 64;

const LEN: usize = HEAD_ROOM + CAPACITY;

/// A filled block.
pub(super) struct Block {
    /// Data from [`HEAD_ROOM`] on.
    pub(super) buffer: Vec<u8>,
    /// Bytes of data, at least one.
    pub(super) count: usize,
}

/// What the thread hands over.
enum Message {
    Block(Block),
    Failed(SourceError),
    Ended(Option<Note>),
}

/// A source that a thread reads.
pub(super) struct Ahead {
    blocks: Receiver<Message>,
    free: Sender<Vec<u8>>,
    compression: Option<Compression>,
    note: Option<Note>,
}

impl Ahead {
    /// Hands the source to a thread; gives it back where there is no processor or no thread for that.
    pub(super) fn start(source: Box<Source>) -> Result<Self, Box<Source>> {
        // Tests go this way wherever they run.
        if !cfg!(test) && thread::available_parallelism().map_or(1, NonZero::get) < 2 {
            return Err(source);
        }
        let compression = source.compression();
        let (to_fill, free) = channel();
        let (filled, blocks) = sync_channel(BLOCKS);
        // Handed over once the thread runs, so that it is still here if none can be made.
        let (hand, take) = channel::<Box<Source>>();
        let work = move || {
            if let Ok(source) = take.recv() {
                fill_all(*source, &free, &filled);
            }
        };
        if thread::Builder::new().name("read ahead".to_owned()).spawn(work).is_err() {
            return Err(source);
        }
        hand.send(source).map_err(|returned| returned.0)?;
        let ahead = Self { blocks, free: to_fill, compression, note: None };
        (0..BLOCKS).for_each(|_| ahead.recycle(Vec::new()));
        Ok(ahead)
    }

    /// The next block; `None` at the end of the input.
    pub(super) fn next(&mut self) -> Result<Option<Block>, SourceError> {
        match self.blocks.recv() {
            Ok(Message::Block(block)) => Ok(Some(block)),
            Ok(Message::Failed(error)) => Err(error),
            Ok(Message::Ended(note)) => {
                self.note = note;
                Ok(None)
            }
            Err(_) => Err(SourceError::Io(io::Error::other("the thread that reads it has stopped"))),
        }
    }

    /// Gives a buffer to be filled; one of another length is left for a new one.
    pub(super) fn recycle(&self, buffer: Vec<u8>) {
        let buffer = if buffer.len() == LEN { buffer } else { vec![0; LEN] };
        // After the end of the input nobody wants it.
        let _ = self.free.send(buffer);
    }

    pub(super) const fn compression(&self) -> Option<Compression> {
        self.compression
    }

    pub(super) const fn note(&self) -> Option<Note> {
        self.note
    }
}

fn fill_all(mut source: Source, free: &Receiver<Vec<u8>>, filled: &SyncSender<Message>) {
    for mut buffer in free {
        let mut count = 0;
        let last = loop {
            match source.read(&mut buffer[HEAD_ROOM + count..]) {
                Ok(0) => break Some(Message::Ended(source.note())),
                Ok(more) => count += more,
                Err(error) => break Some(Message::Failed(error)),
            }
            if HEAD_ROOM + count == buffer.len() {
                break None;
            }
        };
        // Once the capture is closed nobody takes them any more.
        if count > 0 && filled.send(Message::Block(Block { buffer, count })).is_err() {
            return;
        }
        if let Some(last) = last {
            let _ = filled.send(last);
            return;
        }
    }
}
