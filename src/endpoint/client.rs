//! The sender: cuts the message into packages, keeps the window and the timer, resends.

use std::time::Duration;

use super::event::Events;
use super::{ConfigError, Endpoint, Event, Intake, Moment, Outcome, Outgoing, ProtocolError, TransportEnd, WallClock};
use crate::wire::{FrameView, Side};

/// When an unacknowledged package goes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResendPolicy {
    /// When its timer ends; a full window waits for that.
    #[default]
    Timer,
    /// As the reference does (PROTOCOL §4.3, §4.6): asked before each new package, at once when the window is full,
    /// and half a second after the last package.
    Eager,
}

/// What a client needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientConfig {
    /// window_size: at least 1.
    pub window: u32,
    /// How long an ACK is waited for: more than 0.
    pub timeout: Duration,
    /// When an unacknowledged package goes again.
    pub policy: ResendPolicy,
    /// Time between new packages.
    pub pace: Duration,
    /// How often one position may be resent before the client gives up; `None` for no limit.
    pub max_resends: Option<u32>,
    /// How long RETURN_MAX is waited for.
    pub handshake_timeout: Duration,
    /// Where sent_time comes from.
    pub clock: WallClock,
}

impl ClientConfig {
    /// The configuration with defaults for all but the protocol's parameters: policy [`ResendPolicy::Timer`], no pace, no
    /// limit of resends, 10 s for the handshake.
    #[must_use]
    pub const fn new(window: u32, timeout: Duration, clock: WallClock) -> Self {
        Self {
            window,
            timeout,
            policy: ResendPolicy::Timer,
            pace: Duration::ZERO,
            max_resends: None,
            handshake_timeout: Duration::from_secs(10),
            clock,
        }
    }

    /// The same under [`ResendPolicy::Eager`], with 100 ms before each new package.
    #[must_use]
    pub const fn eager(mut self) -> Self {
        self.policy = ResendPolicy::Eager;
        self.pace = Duration::from_millis(100);
        self
    }
}

/// The sending end of one exchange.
#[derive(Debug)]
pub struct Client {
    message: Vec<u8>,
    config: ClientConfig,
    events: Events,
}

impl Client {
    /// A client that will send `message`. GET_MAX is the first frame to transmit; its answer is waited for from then on.
    ///
    /// # Errors
    /// When the window or the timeout is 0.
    pub fn new(message: Vec<u8>, config: ClientConfig) -> Result<Self, ConfigError> {
        Ok(Self { message, config, events: Events::default() })
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }
}

impl Endpoint for Client {
    fn side(&self) -> Side {
        Side::Client
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
