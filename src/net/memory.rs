//! The most memory that one connection may take, whatever the other side sends, as a sum of its parts.
//!
//! Each part is a limit that the code keeps anyway; `tests/memory.rs` holds real processes to the sums. What the system
//! holds in socket buffers is not the process's.

use crate::endpoint::{
    Event, MAX_EVENTS, MAX_HELD_BYTES, MAX_HELD_PACKAGES, MAX_REPEATS, MAX_SPARE_PACKAGES, Moment, Outgoing,
};
use crate::window::{MAX_DUPLICATES, MAX_GAPS, Positions};
use crate::wire::{FrameLayout, MaxMsgSize};

use super::connection::{BATCH_LEN, PIECE_LEN};
use super::server::MAX_SHOWN;

/// A part of a connection's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What lies there.
    pub what: &'static str,
    /// At most so many bytes.
    pub bytes: usize,
}

/// What a package that is held costs beside its bytes, at most: its place in an ordered map whose nodes may be half
/// empty, and the allocator's own.
const HELD_OVERHEAD: usize = 128;

/// The longest frame.
const FRAME: usize = FrameLayout::new(MaxMsgSize::MAX).len();

/// The task of a connection, with the fixed parts of its endpoint, and its place in a recording.
const TASK: usize = 16 << 10;

const fn part(what: &'static str, bytes: usize) -> Part {
    Part { what, bytes }
}

/// A vector that grows as it is filled may have room for as much again.
const fn grown(bytes: usize) -> usize {
    2 * bytes
}

/// What both sides have.
const ENDPOINT: [Part; 4] = [
    part("the task", TASK),
    part("events that nobody asked for yet", grown(MAX_EVENTS * size_of::<Event>())),
    part("the frame that is not whole yet", grown(FRAME)),
    part("what the socket did not take of one batch", grown(BATCH_LEN + FRAME)),
];

/// What one client may cost a server, part by part.
pub const SERVER_PARTS: [Part; 7] = [
    part("early packages", MAX_HELD_BYTES + MAX_HELD_PACKAGES * HELD_OVERHEAD),
    part("buffers for the next early packages", MAX_SPARE_PACKAGES * MaxMsgSize::MAX.get() as usize),
    part("one delivery of the message", grown(MAX_HELD_BYTES + PIECE_LEN)),
    part("gaps between early packages", grown(MAX_GAPS * size_of::<[Positions; 2]>())),
    part("answers that wait to be written", grown(2 * MAX_REPEATS * size_of::<Outgoing>())),
    part("the beginning of the message, to be shown", grown(MAX_SHOWN)),
    part("what every connection has", total(&ENDPOINT)),
];

/// The most bytes that one client may cost a server: the sum of [`SERVER_PARTS`].
pub const SERVER_BYTES_PER_CLIENT: usize = total(&SERVER_PARTS);

/// The most bytes that an exchange may cost a client beside its message, with a window of `window` positions, of which
/// `packages` are used at most.
#[must_use]
pub const fn client_bytes(window: u32, packages: u32) -> usize {
    let outstanding = if window < packages { window } else { packages } as usize;
    grown((outstanding + 1) * size_of::<(Moment, u32)>())
        + grown(MAX_DUPLICATES * size_of::<[u32; 2]>())
        + total(&ENDPOINT)
}

const fn total(parts: &[Part]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < parts.len() {
        sum += parts[at].bytes;
        at += 1;
    }
    sum
}
