//! Client and server as state machines without a socket or a clock: bytes and time come in, frames, deadlines and
//! news come out.
//!
//! ```text
//!   bytes ──► handle_bytes ──┐            ┌── poll_transmit ──► one frame at a time, appended to your buffer
//!   clock ──► handle_timeout ┼─ Endpoint ─┼── poll_delivered ─► message bytes, in order (server)
//!   FIN, RST ► handle_end ───┘            ├── poll_event ─────► what happened
//!                                         └── poll_timeout ───► when to call handle_timeout
//! ```
//!
//! # The law of draining
//!
//! A driver (a socket, a simulator, a test) does this, from the start and whenever it wakes:
//!
//! 1. [`handle_bytes`](Endpoint::handle_bytes) with **everything** that can be read now, and
//!    [`handle_end`](Endpoint::handle_end) once when the transport ended. On an error stop reading: the endpoint is
//!    finished and says why in its [`outcome`](Endpoint::outcome).
//! 2. [`handle_timeout`](Endpoint::handle_timeout), when [`poll_timeout`](Endpoint::poll_timeout) has passed; calling it early
//!    does no harm.
//! 3. [`poll_delivered`](Endpoint::poll_delivered), and write out what it gives.
//! 4. [`poll_transmit`](Endpoint::poll_transmit), or [`poll_transmit_run`](Endpoint::poll_transmit_run) for many frames at
//!    once, until `None`, or until the transport takes no more: frames that were not asked for yet cost no memory, so a
//!    slow peer slows this side and nothing grows.
//! 5. [`poll_event`](Endpoint::poll_event) until `None`, or never: at most [`MAX_EVENTS`] wait.
//! 6. When [`outcome`](Endpoint::outcome) is there, write out what was transmitted and close the transport. Otherwise sleep
//!    until bytes come or [`poll_timeout`](Endpoint::poll_timeout).
//!
//! Step 1 before step 4 matters: an ACK that lies unread in a socket would otherwise be answered by a resend.
//!
//! ```
//! use arqscope::endpoint::{Client, ClientConfig, Endpoint, Moment, Outcome, Server, ServerConfig, WallClock};
//! use arqscope::{time::Timestamp, wire::MaxMsgSize};
//! use std::time::Duration;
//!
//! let clock = WallClock::new(Timestamp::from_nanos(1_736_219_080_000_000_000));
//! let mut client = Client::new(b"hello, world".to_vec(), ClientConfig::new(3, Duration::from_secs(2), clock))?;
//! let mut server = Server::new(ServerConfig { max_msg_size: MaxMsgSize::MIN, clock });
//! let (now, mut received, mut wire) = (Moment::ZERO, Vec::new(), Vec::new());
//! while client.outcome().is_none() {
//!     while client.poll_transmit(now, &mut wire).is_some() {}
//!     server.handle_bytes(&wire, now)?;
//!     received.extend_from_slice(server.poll_delivered());
//!     wire.clear();
//!     while server.poll_transmit(now, &mut wire).is_some() {}
//!     client.handle_bytes(&wire, now)?;
//!     wire.clear();
//! }
//! assert_eq!(received, b"hello, world");
//! assert_eq!((client.outcome(), server.outcome()), (Some(&Outcome::Complete), Some(&Outcome::Complete)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `now` never goes backwards between calls. A frame that `poll_transmit` returned counts as sent, whether it is then
//! written or not: that is how a loss is mimicked ([`crate::fault`]).
//!
//! # Runs
//!
//! Most frames of most exchanges are the next one: the next package of a window that is open, the next ACK. An endpoint
//! made with [`Detail::Runs`] takes and makes such frames by the run, with one event for all of them. Its frames, answers and
//! times are those of [`Detail::Each`] on the same bytes; only the events are fewer.

mod answers;
mod client;
mod error;
mod event;
mod flow;
mod inbox;
mod incoming;
mod message;
mod moment;
mod outstanding;
mod server;

pub use answers::MAX_REPEATS;
pub use client::{Client, ClientConfig, ResendPolicy};
pub use error::{ConfigError, Outcome, Progress, ProtocolError, Stop, TransportEnd};
pub use event::{Detail, Event, IgnoredAck, IgnoredFrame, MAX_EVENTS};
pub use flow::END_OF_MESSAGE_WAIT;
pub use inbox::{MAX_HELD_BYTES, MAX_HELD_PACKAGES, MAX_SPARE_PACKAGES};
pub use moment::{Moment, WallClock};
pub use server::{Server, ServerConfig};

use std::fmt;

use crate::wire::{FrameView, Name, Pos, Side};

/// One end of an exchange; see the [module](self) for the order of calls.
pub trait Endpoint {
    /// Which end.
    fn side(&self) -> Side;

    /// Takes in bytes of the peer, cut anywhere. Once finished, they are ignored.
    ///
    /// # Errors
    /// When the peer breaks the protocol so that nothing more can be understood, or (client) its P cannot carry the
    /// message. The endpoint is then finished with that error as its outcome.
    fn handle_bytes(&mut self, bytes: &[u8], now: Moment) -> Result<(), ProtocolError> {
        self.handle_bytes_through(bytes, now, &mut |_| Intake::Take)
    }

    /// [`handle_bytes`](Self::handle_bytes) with a gate that is asked about each frame before the endpoint sees it.
    ///
    /// # Errors
    /// As for `handle_bytes`.
    fn handle_bytes_through(
        &mut self,
        bytes: &[u8],
        now: Moment,
        gate: &mut dyn FnMut(FrameView<'_>) -> Intake,
    ) -> Result<(), ProtocolError>;

    /// Takes in that time has passed.
    fn handle_timeout(&mut self, now: Moment);

    /// Takes in that the transport ended, after its last bytes. Once finished, it is ignored.
    fn handle_end(&mut self, end: TransportEnd, now: Moment);

    /// The next frame to write, appended to `out`; `None` when there is nothing to write now.
    fn poll_transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Outgoing>;

    /// The next frames to write, appended to `out`: as many as follow from one look, and as fit `room` bytes, but one at
    /// least; `None` when there is nothing to write now.
    fn poll_transmit_run(&mut self, now: Moment, out: &mut Vec<u8>, room: usize) -> Option<OutgoingRun> {
        let _ = room;
        self.poll_transmit(now, out).map(OutgoingRun::one)
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) are to be called even if
    /// nothing arrives; `None` for never.
    fn poll_timeout(&self) -> Option<Moment>;

    /// The next thing that happened.
    fn poll_event(&mut self) -> Option<Event>;

    /// The message bytes that came into order since the last call; empty for a client. They are given once.
    fn poll_delivered(&mut self) -> &[u8];

    /// How the exchange ended; `None` while it goes on. A frame that was to be written (DISCONNECT) has been polled.
    fn outcome(&self) -> Option<&Outcome>;

    /// True when the exchange is over.
    fn is_finished(&self) -> bool {
        self.outcome().is_some()
    }

    /// Puts an event of a decorator in line with the endpoint's own.
    fn announce(&mut self, event: Event);
}

/// A frame that [`poll_transmit`](Endpoint::poll_transmit) appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// What it is.
    pub name: Name,
    /// MSG, DONE, CLOSE: the position on the wire. ACK: the number it carries. Others: 0.
    pub pos: Pos,
    /// Which copy.
    pub copy: FrameCopy,
    /// Its bytes, which are the last of the buffer.
    pub len: usize,
}

/// Frames that [`poll_transmit_run`](Endpoint::poll_transmit_run) appended: of one name, copy and length, and of positions
/// one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutgoingRun {
    /// The first of them.
    pub first: Outgoing,
    /// How many.
    pub count: u32,
}

impl OutgoingRun {
    /// A run of one.
    #[must_use]
    pub const fn one(frame: Outgoing) -> Self {
        Self { first: frame, count: 1 }
    }
}

/// Which copy of a frame is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameCopy {
    /// The first of this MSG, DONE, CLOSE, in-order ACK, handshake frame or DISCONNECT.
    First,
    /// A MSG or DONE again, unasked.
    Resend(Triggers),
    /// An answer again, since the question came again: the ACK of a duplicate, RETURN_MAX.
    Repeat,
    /// The ACK of a DONE, of the first or a repeated one.
    OfDone,
}

/// Why a frame is resent: every condition that held (PROTOCOL §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Triggers {
    /// The timer of the oldest unacknowledged position had ended.
    pub timer: bool,
    /// The next new position was beyond the window.
    pub full_window: bool,
    /// No new MSG was left.
    pub end_of_message: bool,
}

impl fmt::Display for Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = [(self.timer, "timer"), (self.full_window, "full window"), (self.end_of_message, "end of message")];
        let mut separator = "";
        for (_, name) in held.into_iter().filter(|(holds, _)| *holds) {
            write!(f, "{separator}{name}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// What becomes of an arriving frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// The endpoint takes it in.
    Take,
    /// The endpoint never sees it.
    Ignore,
}

#[cfg(test)]
mod tests;
