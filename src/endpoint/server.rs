//! The receiver: puts packages in order, acknowledges in order only.

use super::event::Events;
use super::{Endpoint, Event, Intake, Moment, Outcome, Outgoing, ProtocolError, TransportEnd, WallClock};
use crate::wire::{FrameView, MaxMsgSize, Side};

/// The most bytes of early packages that a server holds. It does not know the client's window; what goes beyond is dropped
/// and the client resends it.
pub const MAX_HELD_BYTES: usize = 1 << 20;

/// The most early packages that a server holds.
pub const MAX_HELD_PACKAGES: usize = 1 << 14;

/// The most repeated ACKs that wait to be written. Further duplicates are dropped: their sender does not read.
pub const MAX_REPEATS: usize = 1024;

/// What a server needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerConfig {
    /// P, which it announces.
    pub max_msg_size: MaxMsgSize,
    /// Where sent_time comes from.
    pub clock: WallClock,
}

/// The receiving end of one exchange.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    events: Events,
}

impl Server {
    /// A server that waits for GET_MAX.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self { config, events: Events::default() }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &ServerConfig {
        &self.config
    }
}

impl Endpoint for Server {
    fn side(&self) -> Side {
        Side::Server
    }

    fn handle_bytes_through(
        &mut self,
        _bytes: &[u8],
        _now: Moment,
        _gate: &mut dyn FnMut(FrameView<'_>) -> Intake,
    ) -> Result<(), ProtocolError> {
        Ok(())
    }

    fn handle_timeout(&mut self, _now: Moment) {}

    fn handle_end(&mut self, _end: TransportEnd, _now: Moment) {}

    fn poll_transmit(&mut self, _now: Moment, _out: &mut Vec<u8>) -> Option<Outgoing> {
        None
    }

    fn poll_timeout(&self) -> Option<Moment> {
        None
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    fn poll_delivered(&mut self) -> &[u8] {
        &[]
    }

    fn outcome(&self) -> Option<&Outcome> {
        None
    }

    fn announce(&mut self, event: Event) {
        self.events.push(event);
    }
}
