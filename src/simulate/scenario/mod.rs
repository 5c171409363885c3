//! What is to be simulated: a scenario file and options, checked and complete.
//!
//! [`ScenarioKeys`] are what was given and where; [`Scenario`] is what they come to, with every default filled in. A
//! scenario that exists can be run.

mod keys;
mod refusal;
mod resolve;

pub use keys::{
    CaptureKeys, ClientKeys, ConnectionKeys, Given, LossKeys, NetworkKeys, Origin, ResendKey, ScenarioKeys, ServerKeys,
    SideKey, TcpKeys, VantageKey,
};
pub use refusal::ScenarioError;

pub use crate::params::{Numbers, Span};

use std::sync::Arc;

use crate::time::Timestamp;
use crate::wire::{MaxMsgSize, Side};

/// The message of the reference runs (PROTOCOL §7): 62 bytes, quotes included.
pub const DEFAULT_MESSAGE: &str = "\"aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll\"";

/// When a simulated capture begins unless told: 2026-01-05 09:00:00 UTC. No clock is read, so that one scenario
/// always gives the same bytes.
pub const DEFAULT_START: Timestamp = Timestamp::from_nanos(1_767_603_600_000_000_000);

/// Everything that decides what a simulation writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Where every chance begins.
    pub seed: u64,
    /// When the simulated time is 0.
    pub start: Timestamp,
    /// Where the capture is taken.
    pub vantage: Vantage,
    /// The connections.
    pub exchanges: Vec<Exchange>,
    /// What is wrong with the capture.
    pub defects: Defects,
}

/// The capture point: its share of the way from the client to the server, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vantage(u32);

impl Vantage {
    /// At the client.
    pub const CLIENT: Self = Self(0);
    /// At the server.
    pub const SERVER: Self = Self(1_000_000);

    /// From a share, 0 (client) to 1 (server).
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million, checked")]
    pub fn from_share(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * 1e6).round() as u32))
    }

    /// The share of the way from the client.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// When a segment that `from` sent at `left` and that arrives at `arrives` passes here. Two segments of one
    /// direction keep their order.
    pub(super) const fn passing(self, from: Side, left: u64, arrives: u64) -> u64 {
        let millionths = match from {
            Side::Client => self.0,
            Side::Server => 1_000_000 - self.0,
        };
        let way = arrives.saturating_sub(left);
        // Numbers of two words are divided by a call.
        left + match way.checked_mul(millionths as u64) {
            Some(product) => product / 1_000_000,
            None => (way as u128 * millionths as u128 / 1_000_000) as u64,
        }
    }
}

/// One connection of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// When it opens, after the start.
    pub opens: Span,
    /// What the client sends.
    pub message: Message,
    /// P.
    pub max_msg_size: MaxMsgSize,
    /// Positions that may be outstanding.
    pub window: u32,
    /// The client's timeout.
    pub timeout: Span,
    /// When it resends.
    pub resend: ResendKey,
    /// Time between new packages; the policy's own unless given.
    pub pace: Option<Span>,
    /// Resends of one position before it gives up; no limit unless given.
    pub max_resends: Option<u32>,
    /// One-way delay, client to server.
    pub delay_to_server: Span,
    /// One-way delay, server to client.
    pub delay_to_client: Span,
    /// The most that chance adds to a delay.
    pub jitter: Span,
    /// From arrival until the client reads.
    pub client_processing: Span,
    /// From arrival until the server reads.
    pub server_processing: Span,
    /// What is counted and not written.
    pub losses: Losses,
    /// How writes become segments.
    pub cutting: Cutting,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// So many letters, made as they are needed.
    Letters(u64),
}

impl Message {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Letters(len) => *len,
        }
    }

    /// Its bytes in order, in pieces.
    pub(super) fn for_each_piece(&self, mut piece: impl FnMut(&[u8])) {
        match self {
            Self::Bytes(bytes) => piece(bytes),
            Self::Letters(len) => {
                let round = Self::letters();
                let mut left = *len;
                while left > 0 {
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(round.len());
                    piece(&round[..now]);
                    left -= now as u64;
                }
            }
        }
    }

    /// One round of the letters that a made message repeats: five each of a to z.
    pub(super) fn letters() -> [u8; 130] {
        std::array::from_fn(|i| b'a' + (i / 5) as u8)
    }

    /// True when there is nothing to send but DONE.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Mimicked losses (PROTOCOL §5).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Losses {
    /// Positions whose first MSG is not written.
    pub messages: Numbers,
    /// Positions whose first in-order ACK is not written.
    pub acks: Numbers,
    /// DONEs ignored.
    pub done: u32,
    /// Share of MSGs not written.
    pub message_rate: f64,
    /// Share of ACKs not written.
    pub ack_rate: f64,
}

/// How the bytes that an endpoint writes at one moment become TCP segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cutting {
    /// One frame, one segment.
    PerFrame,
    /// Frames joined up to so many bytes.
    Coalesced(u32),
    /// Lengths in turn.
    Lengths(Arc<[u32]>),
    /// Lengths by chance, from the first to the second.
    Random(u32, u32),
}

/// What is wrong with the capture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Defects {
    /// Packet numbers not in the file.
    pub drop: Numbers,
    /// Share of packets not in the file.
    pub drop_rate: f64,
    /// Packets are cut to so many bytes.
    pub snaplen: Option<u32>,
    /// Everything up to a connection's RETURN_MAX is missing.
    pub no_handshake: bool,
    /// The capture begins so long after the start.
    pub from: Span,
    /// The capture ends so long after the start.
    pub until: Option<Span>,
    /// Only this side's packets.
    pub only: Option<Side>,
    /// Packet numbers that are in the file twice.
    pub duplicate: Numbers,
    /// Share of packets in the file twice.
    pub duplicate_rate: f64,
    /// Packet numbers that come after their successor.
    pub reorder: Numbers,
    /// Share of such packets.
    pub reorder_rate: f64,
}

impl Defects {
    /// True when the file has exactly what was on the wire.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Scenario {
    /// Checks what was given and fills in the rest. `options` hide what `file` says, connections of the file included.
    ///
    /// # Errors
    /// Names the first key that cannot be, where it was given, and what would do.
    pub fn new(file: Option<&ScenarioFile>, options: &ScenarioKeys) -> Result<Self, ScenarioError> {
        resolve::scenario(file, options)
    }
}

/// A scenario file's text and keys.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    name: String,
    text: String,
    keys: ScenarioKeys,
}

impl ScenarioFile {
    /// Reads the keys of `text`; `name` is said in refusals.
    ///
    /// # Errors
    /// When it is not TOML, a key is unknown or a value is of the wrong kind.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let keys = toml::from_str(text)
            .map_err(|error| ScenarioError::NotAScenario { file: name.to_owned(), error: Box::new(error) })?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), keys })
    }
}

#[cfg(test)]
mod tests;
