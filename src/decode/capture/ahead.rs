//! Reading ahead: a thread that reads and unpacks into blocks while others are taken apart.
//!
//! Blocks are handed over whole, so that nothing is copied but what was left at the end of the one before.
//!
//! Where nothing else wants the other processor this takes a third to a fifth off the wall clock; where something does, the thread
//! runs in the time of the one that it should help, and would cost a tenth. So that one looks how much of its time it is kept
//! from running, and reads by itself for a while when that is too much.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::Compression;
use super::facts::Note;
use super::reads::{CAPACITY, SourceError};
use super::source::Source;
use crate::decode::second_thread::{Watch, has_second_processor};

/// Blocks on their way: one is taken apart, one is filled, and the others wait so that neither side does.
const BLOCKS: usize = 4;

/// Free bytes before a block's data, for what was left of the block before. Not a multiple of a page: reads into
/// page-aligned memory measured slower.
pub(super) const HEAD_ROOM: usize = 16 * 1024 + 64;

/// Blocks between two looks at that.
const LOOK_EVERY: u32 = 32;

/// So large a part of its time may whoever takes the blocks be kept from running, most likely by the thread that fills them.
const MAY_LOSE: f64 = 0.04;

const LEN: usize = HEAD_ROOM + CAPACITY;

/// A filled block.
pub(super) struct Block {
    /// Data from [`HEAD_ROOM`] on.
    pub(super) buffer: Vec<u8>,
    /// Bytes of data, at least one.
    pub(super) count: usize,
}

/// What comes next.
pub(super) enum Next {
    Block(Block),
    /// The end of the input, with what was odd about it.
    Ended(Option<Note>),
    /// It does not pay for now: whoever takes the blocks goes on by itself.
    Returned(Box<Source>),
    Failed(SourceError),
}

/// A source that a thread reads.
pub(super) struct Ahead {
    blocks: Receiver<Next>,
    free: Sender<Vec<u8>>,
    compression: Option<Compression>,
    /// The thread is to give the source back.
    enough: Arc<AtomicBool>,
    watch: Watch,
}

impl Ahead {
    /// Hands the source to a thread; gives it back where there is no processor or no thread for that.
    pub(super) fn start(source: Box<Source>) -> Result<Self, Box<Source>> {
        if !has_second_processor() {
            return Err(source);
        }
        let compression = source.compression();
        let (to_fill, free) = channel();
        let (filled, blocks) = sync_channel(BLOCKS);
        // Handed over once the thread runs, so that it is still here if none can be made.
        let (hand, take) = channel::<Box<Source>>();
        let enough = Arc::new(AtomicBool::new(false));
        let is_enough = Arc::clone(&enough);
        let work = move || {
            if let Ok(source) = take.recv() {
                fill_all(source, &free, &filled, &is_enough);
            }
        };
        if thread::Builder::new().name("read ahead".to_owned()).spawn(work).is_err() {
            return Err(source);
        }
        hand.send(source).map_err(|returned| returned.0)?;
        let ahead = Self { blocks, free: to_fill, compression, enough, watch: Watch::begin(LOOK_EVERY, MAY_LOSE) };
        (0..BLOCKS).for_each(|_| ahead.recycle(Vec::new()));
        Ok(ahead)
    }

    /// What comes next; waits for it.
    pub(super) fn next(&mut self) -> Next {
        let next = match self.blocks.try_recv() {
            Ok(next) => Ok(next),
            Err(_) => self.watch.waiting(|| self.blocks.recv()),
        };
        if self.watch.is_kept_from_running() {
            self.enough.store(true, Ordering::Relaxed);
        }
        next.unwrap_or_else(|_| Next::Failed(SourceError::Io(io::Error::other("the thread that reads it has stopped"))))
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
}

fn fill_all(mut source: Box<Source>, free: &Receiver<Vec<u8>>, filled: &SyncSender<Next>, enough: &AtomicBool) {
    for mut buffer in free {
        if enough.load(Ordering::Relaxed) {
            let _ = filled.send(Next::Returned(source));
            return;
        }
        let mut count = 0;
        let last = loop {
            match source.read(&mut buffer[HEAD_ROOM + count..]) {
                Ok(0) => break Some(Next::Ended(source.note())),
                Ok(more) => count += more,
                Err(error) => break Some(Next::Failed(error)),
            }
            if HEAD_ROOM + count == buffer.len() {
                break None;
            }
        };
        // Once the capture is closed nobody takes them any more.
        if count > 0 && filled.send(Next::Block(Block { buffer, count })).is_err() {
            return;
        }
        if let Some(last) = last {
            let _ = filled.send(last);
            return;
        }
    }
}
