//! What an endpoint says about its work: for a person who watches, and for tests.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Moment, Outgoing, Stop, Triggers};
use crate::window::Positions;
use crate::wire::{MaxMsgSize, Name, Pos};

/// One thing that happened at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// RETURN_MAX came (client) or GET_MAX was answered (server): from now on frames carry P bytes.
    Agreed {
        /// P.
        max_msg_size: MaxMsgSize,
        /// N, which only the client knows.
        packages: Option<Pos>,
    },
    /// A frame is handed over for writing, and counted as sent.
    Sent(Outgoing),
    /// First MSGs, or first ACKs, of positions one after the other are: under [`Detail::Runs`], in place of one
    /// [`Sent`](Event::Sent) each.
    SentInOrder {
        /// MSG or ACK.
        name: Name,
        /// The positions; of ACKs, their numbers.
        positions: Positions,
    },
    /// The frame of the [`Sent`](Event::Sent) before it is not written: its loss is mimicked.
    WillBeLost {
        /// MSG or ACK.
        name: Name,
        /// The position; of an ACK, its number.
        pos: Pos,
        /// How many positions of that list have still to be lost.
        left: usize,
    },
    /// An arriving frame was ignored: its loss is mimicked.
    WillBeIgnored {
        /// DONE.
        name: Name,
        /// Its position.
        pos: Pos,
        /// How many have still to be ignored.
        left: u32,
    },
    /// The timer has ended: `now` ≥ `end` (PROTOCOL §4.2).
    TimePassed {
        /// The oldest unacknowledged position.
        oldest: Pos,
        /// When the timer ended.
        end: Moment,
        /// When that was seen.
        now: Moment,
    },
    /// The next new position is beyond the window (PROTOCOL §4.1).
    SequencePassed {
        /// The position that waits.
        next: Pos,
        /// The highest that might be written.
        edge: Pos,
    },
    /// The oldest unacknowledged position, or DONE, is about to be sent again.
    Resending {
        /// Which.
        pos: Pos,
        /// Every condition that held.
        triggers: Triggers,
        /// Since its last counted copy.
        after: Duration,
    },
    /// The client waits for an ACK of `pos` or above.
    WaitingForAck {
        /// The lowest ACK that will do.
        pos: Pos,
        /// How long, until it sends again.
        left: Duration,
    },
    /// The ACK of the next position came.
    AckReceived(Pos),
    /// The ACKs of the next positions came, one after the other: under [`Detail::Runs`], in place of one
    /// [`AckReceived`](Event::AckReceived) each and of what it moved.
    AcksReceived(Positions),
    /// An ACK came that jumps: it acknowledges the positions before it too (PROTOCOL §4.7).
    AckOutOfOrder {
        /// Its number.
        ack: Pos,
        /// The positions whose ACK did not come.
        covers: Positions,
    },
    /// An ACK came that changes nothing (PROTOCOL §4.8).
    AckIgnored {
        /// Its number; `None` when its payload is none.
        ack: Option<Pos>,
        /// Why it changes nothing.
        why: IgnoredAck,
    },
    /// The window's edge moved.
    WindowMoved {
        /// From this highest position.
        from: Pos,
        /// To this one.
        to: Pos,
        /// Because of this ACK.
        by: Pos,
    },
    /// The timer's end moved.
    TimerMoved {
        /// From this moment; `None` when none was running.
        from: Option<Moment>,
        /// To this one; `None` when nothing is outstanding any more.
        to: Option<Moment>,
        /// Because this position was sent or acknowledged.
        by: Pos,
    },
    /// A package arrived in order, and with it all up to `through`.
    Delivered {
        /// The package.
        pos: Pos,
        /// The position up to which all have now arrived.
        through: Pos,
    },
    /// The next packages arrived, one after the other: under [`Detail::Runs`], in place of one
    /// [`Delivered`](Event::Delivered) each.
    DeliveredInOrder(Positions),
    /// A package arrived early and is held.
    Held {
        /// The package.
        pos: Pos,
        /// The position up to which all have arrived.
        through: Pos,
    },
    /// A package arrived again: its ACK is written again (PROTOCOL §3.4).
    Duplicate {
        /// The package.
        pos: Pos,
        /// The position up to which all have arrived.
        through: Pos,
    },
    /// A frame arrived that changes nothing.
    Ignored {
        /// Its name.
        name: Name,
        /// Its position.
        pos: Pos,
        /// Why.
        why: IgnoredFrame,
    },
    /// Every position is acknowledged (client), or DONE came and the message is whole (server).
    Done {
        /// N.
        packages: Pos,
    },
    /// The exchange is over, complete.
    Disconnected,
    /// The exchange is over, incomplete.
    Stopped(Stop),
    /// Events before this one were forgotten, because nobody asked for them.
    Missed(u64),
}

/// How much an endpoint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Every event of every frame.
    #[default]
    Each,
    /// One event for a run of frames that nothing disturbed, which is much faster; every event of all others.
    Runs,
}

/// Why an ACK changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredAck {
    /// Its payload is no number.
    Malformed,
    /// It is of a position that was not sent yet.
    Unsent,
    /// It is at or below the last one: late, or the answer to a resend.
    Old,
    /// Nothing was outstanding in this phase.
    OutOfPhase,
}

/// Why a frame changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredFrame {
    /// A second copy of a package that is held.
    HeldTwice,
    /// Early, and there is no room to hold it; the sender will send it again.
    NoRoom,
    /// Zero, negative, or beyond what ACKs of P digits can number.
    NotAPosition,
    /// DONE while packages before it are missing.
    DoneTooEarly,
    /// A new package after DONE, or a DONE of another position.
    AfterDone,
    /// RETURN_MAX again.
    SecondAnswer,
    /// It asks for an answer again while [`MAX_REPEATS`](super::MAX_REPEATS) of those wait: it gets none.
    TooManyRepeats,
}

/// The most events that wait for [`poll_event`](super::Endpoint::poll_event); beyond it the oldest are forgotten
/// and counted.
pub const MAX_EVENTS: usize = 4096;

/// Events in order, at most [`MAX_EVENTS`].
#[derive(Debug, Default)]
pub(super) struct Events {
    queue: VecDeque<Event>,
    missed: u64,
}

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        if self.queue.len() >= MAX_EVENTS {
            self.queue.pop_front();
            self.missed += 1;
        }
        self.queue.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.missed) {
            0 => self.queue.pop_front(),
            missed => Some(Event::Missed(missed)),
        }
    }
}
