//! One source for two threads that both go through all of it: each block is read once, by whoever comes first.
//!
//! Reading is work, too. Whoever takes a block first fills those after it, as long as few are ready; so that
//! the one with less to do does more of it, and nobody waits while there is a block to take or to fill.
//!
//! The first of the two may go on alone: from some block on the second is given no more, and the first gets the source
//! back once it has taken what was filled.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::reads::{CAPACITY, SourceError};
use super::source::Source;
use crate::decode::second_thread::Watch;

/// Bytes of a block. Tests have short files.
const LEN: usize = if cfg!(test) { 2048 } else { CAPACITY / 2 };

/// Filled blocks that somebody who comes for the next one wants to find; if there are fewer, it fills one before.
const READY: u64 = 2;

/// Blocks at most: by as many may one thread be ahead of the other.
const BLOCKS: usize = 4;

/// Blocks between two looks at what the first loses.
const LOOK_EVERY: u32 = 32;

/// So large a part of its time may the first be kept from running, or wait for the second, which may be: with less than that
/// lost, two do more than one.
const MAY_LOSE: f64 = 0.4;

/// Where the data begins, since reads into page-aligned memory measured slower.
const LEAD: usize = 64;

/// A filled block.
pub(super) struct Block {
    buffer: Vec<u8>,
    count: usize,
}

impl Block {
    /// Its data, at least one byte.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[LEAD..LEAD + self.count]
    }
}

/// Who takes blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// It began to read, and goes on when the other has stopped.
    First,
    Second,
}

/// What comes next.
pub(super) enum Next {
    Block(Arc<Block>),
    /// The end of the input.
    Ended,
    Failed(SourceError),
    /// For the first: from here on it reads by itself.
    Returned(Box<Source>),
    /// For the second: the first takes the rest.
    Stopped,
}

/// How an input ended.
enum End {
    Clean,
    /// `None` once the first was told, and where the thread that read was lost.
    Failed(Option<SourceError>),
}

struct State {
    /// `None` while one of the two reads.
    source: Option<Box<Source>>,
    /// Filled, and not yet taken by both.
    blocks: VecDeque<Arc<Block>>,
    /// The number of the first of them.
    number: u64,
    /// The number of the block that each takes next.
    next: [u64; 2],
    /// Takes no more.
    gone: [bool; 2],
    /// Taken by both; perhaps still looked at.
    taken: Vec<Arc<Block>>,
    end: Option<End>,
    /// The first block that the second is not given.
    stop: Option<u64>,
}

/// What both share.
struct Common {
    state: Mutex<State>,
    changed: Condvar,
    /// The first has taken what the second will not.
    over: AtomicBool,
}

impl Common {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked in between left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the second of two, and tells whether it has stopped.
#[derive(Clone)]
pub(in crate::decode) struct Stop(Arc<Common>);

impl Stop {
    /// Lets the first go on alone, once both have taken the same.
    pub(in crate::decode) fn stop(&self) {
        let mut state = self.0.lock();
        if state.stop.is_none() {
            state.stop = state.next.iter().copied().max();
            self.0.changed.notify_all();
        }
    }

    /// True when the first is beyond all that the second takes: at its end, or in what is for the first alone.
    pub(in crate::decode) fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }
}

/// One of the two ends at which blocks are taken.
pub(super) struct Tap {
    common: Arc<Common>,
    who: Who,
    watch: Watch,
}

impl Tap {
    /// Two of them, for the thread that has the source and for another one.
    pub(super) fn pair(source: Box<Source>) -> [Self; 2] {
        let state = State {
            source: Some(source),
            blocks: VecDeque::with_capacity(BLOCKS),
            number: 0,
            next: [0; 2],
            gone: [false; 2],
            taken: Vec::new(),
            end: None,
            stop: None,
        };
        let common = Common { state: Mutex::new(state), changed: Condvar::new(), over: AtomicBool::new(false) };
        let common = Arc::new(common);
        [Who::First, Who::Second].map(|who| {
            let common = Arc::clone(&common);
            Self { common, who, watch: Watch::begin(LOOK_EVERY, MAY_LOSE) }
        })
    }

    pub(super) fn stop(&self) -> Stop {
        Stop(Arc::clone(&self.common))
    }

    /// What comes next; fills blocks or waits for it.
    pub(super) fn next(&mut self) -> Next {
        let Self { common, who, watch, .. } = self;
        let me = *who as usize;
        let mut state = common.lock();
        let next = loop {
            let mine = state.next[me];
            let stopped = state.stop.is_some_and(|stop| mine >= stop);
            if stopped && *who == Who::Second {
                break Next::Stopped;
            }
            let ready = (state.number + state.blocks.len() as u64).saturating_sub(mine);
            if ready < READY
                && state.is_wanted()
                && let Some(source) = state.source.take()
            {
                state = fill(common, state, source);
                continue;
            }
            if ready > 0 {
                if stopped {
                    common.over.store(true, Ordering::Relaxed);
                }
                break state.take(me);
            }
            if *who == Who::First && state.stop.is_some() && state.end.is_none() {
                if let Some(source) = state.source.take() {
                    break Next::Returned(source);
                }
            } else if let Some(end) = &mut state.end {
                break match (*who, end) {
                    (Who::Second, _) => Next::Stopped,
                    (_, End::Clean) => Next::Ended,
                    (_, End::Failed(error)) => Next::Failed(error.take().unwrap_or_else(lost)),
                };
            }
            state = common.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        if *who == Who::First && !matches!(next, Next::Block(_)) {
            common.over.store(true, Ordering::Relaxed);
        }
        drop(state);
        common.changed.notify_all();
        if *who == Who::First && watch.is_kept_from_running() {
            self.stop().stop();
        }
        next
    }
}

impl Drop for Tap {
    /// Whoever goes away waits for nothing, and nobody for it.
    fn drop(&mut self) {
        let mut state = self.common.lock();
        state.gone[self.who as usize] = true;
        if self.who == Who::First {
            // At the end the second still takes what is left.
            if !self.common.over.load(Ordering::Relaxed) {
                state.stop = Some(0);
            }
        } else if thread::panicking() {
            // Perhaps while it had the source.
            state.end.get_or_insert(End::Failed(None));
        }
        state.retire();
        drop(state);
        self.common.changed.notify_all();
    }
}

fn lost() -> SourceError {
    SourceError::Io(io::Error::other("the thread that reads it has stopped"))
}

/// Fills one block, with the others free to go on meanwhile.
fn fill<'c>(common: &'c Common, mut state: MutexGuard<'c, State>, mut source: Box<Source>) -> MutexGuard<'c, State> {
    let mut buffer = state.free_buffer();
    drop(state);
    let mut count = 0;
    let mut end = None;
    while end.is_none() && LEAD + count < buffer.len() {
        match source.read(&mut buffer[LEAD + count..]) {
            Ok(0) => end = Some(End::Clean),
            Ok(more) => count += more,
            Err(error) => end = Some(End::Failed(Some(error))),
        }
    }
    let mut state = common.lock();
    if count > 0 {
        state.blocks.push_back(Arc::new(Block { buffer, count }));
    }
    state.end = end;
    state.source = Some(source);
    common.changed.notify_all();
    state
}

impl State {
    /// Whether there is something to read, and room for it.
    fn is_wanted(&self) -> bool {
        self.end.is_none() && self.stop.is_none() && self.blocks.len() < BLOCKS
    }

    fn take(&mut self, me: usize) -> Next {
        let at = (self.next[me] - self.number) as usize;
        let block = Arc::clone(&self.blocks[at]);
        self.next[me] += 1;
        self.retire();
        Next::Block(block)
    }

    /// Sets aside what both have taken.
    fn retire(&mut self) {
        let waits = |who: usize| if self.gone[who] { u64::MAX } else { self.next[who] };
        let wanted = waits(0).min(waits(1));
        while self.number < wanted
            && let Some(block) = self.blocks.pop_front()
        {
            self.number += 1;
            self.taken.push(block);
        }
    }

    /// A buffer that nobody looks at any more, or a new one.
    fn free_buffer(&mut self) -> Vec<u8> {
        let unused = |block: &mut Arc<Block>| Arc::get_mut(block).map(|block| mem::take(&mut block.buffer));
        let found = self.taken.iter_mut().enumerate().find_map(|(at, block)| Some((at, unused(block)?)));
        match found {
            Some((at, buffer)) => {
                self.taken.swap_remove(at);
                buffer
            }
            None => vec![0; LEAD + LEN],
        }
    }
}
