//! The keys of a scenario as they are given: in a file, in one of its `[[connection]]`s, or as options. All may be
//! left out; what is given knows where, so that a refusal can say so.

use std::ops::Range;

use serde::Deserialize;
use serde::de::Deserializer;

use super::{Numbers, Span};

/// A value, and where it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub origin: Origin,
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// These bytes of the scenario file.
    File(Range<usize>),
    /// This option of the command.
    Option(&'static str),
}

impl<T> Given<T> {
    /// A value of an option of the command.
    pub const fn option(name: &'static str, value: T) -> Self {
        Self { value, origin: Origin::Option(name) }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(deserializer)?;
        let origin = Origin::File(spanned.span());
        Ok(Self { value: spanned.into_inner(), origin })
    }
}

/// Everything a scenario may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScenarioKeys {
    /// Where chance begins; 1 unless given.
    pub seed: Option<Given<u64>>,
    /// When the first connection opens: RFC 3339 or Unix seconds.
    pub start: Option<Given<String>>,
    /// Where the capture is taken: `client`, `server`, or the share of the way from the client, 0 to 1.
    pub vantage: Option<Given<VantageKey>>,
    /// Connections, all alike; not together with `[[connection]]`.
    pub connections: Option<Given<u32>>,
    /// Time from one connection's opening to the next's.
    pub stagger: Option<Given<Span>>,
    /// Frames of all connections together, which sets the size of their messages.
    pub frames: Option<Given<u64>>,
    /// The client.
    pub client: ClientKeys,
    /// The server.
    pub server: ServerKeys,
    /// The way between them.
    pub network: NetworkKeys,
    /// What is counted and not written.
    pub loss: LossKeys,
    /// How frames become TCP segments.
    pub tcp: TcpKeys,
    /// How the capture is worse than what was on the wire.
    pub capture: CaptureKeys,
    /// Connections that differ: each takes the tables above and changes what it names.
    pub connection: Vec<ConnectionKeys>,
}

/// One connection that differs from the others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionKeys {
    /// When it opens, after the scenario's start.
    pub opens: Option<Given<Span>>,
    /// The client.
    pub client: ClientKeys,
    /// The server.
    pub server: ServerKeys,
    /// The way between them.
    pub network: NetworkKeys,
    /// What is counted and not written.
    pub loss: LossKeys,
    /// How frames become TCP segments.
    pub tcp: TcpKeys,
}

/// The client's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientKeys {
    /// The message, as text.
    pub message: Option<Given<String>>,
    /// The message's length in bytes instead: letters, made as they are needed.
    pub message_size: Option<Given<u64>>,
    /// Positions that may be outstanding.
    pub window: Option<Given<u32>>,
    /// Time after which an unacknowledged package is sent again.
    pub timeout: Option<Given<Span>>,
    /// `timer` or `eager`.
    pub resend: Option<Given<ResendKey>>,
    /// Time between new packages.
    pub pace: Option<Given<Span>>,
    /// Resends of one position before the client gives up.
    pub max_resends: Option<Given<u32>>,
}

/// When a client resends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResendKey {
    /// When the oldest package's timer ends.
    Timer,
    /// Before a new package that does not fit the window too, as the reference does (PROTOCOL §4.3).
    Eager,
}

/// The server's parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerKeys {
    /// P: bytes of payload in a frame, 4 to 9999.
    pub maximum_msg_size: Option<Given<u32>>,
}

/// The way between client and server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkKeys {
    /// One way, both directions.
    pub delay: Option<Given<Span>>,
    /// One way, client to server.
    pub delay_to_server: Option<Given<Span>>,
    /// One way, server to client.
    pub delay_to_client: Option<Given<Span>>,
    /// At most so much is added to each delay, by chance; TCP keeps the order.
    pub jitter: Option<Given<Span>>,
    /// From a segment's arrival until the client reads it.
    pub client_processing: Option<Given<Span>>,
    /// From a segment's arrival until the server answers it.
    pub server_processing: Option<Given<Span>>,
}

/// Mimicked losses (PROTOCOL §5).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossKeys {
    /// Positions whose first MSG is not written.
    pub messages: Option<Given<Numbers>>,
    /// Positions whose first in-order ACK is not written.
    pub acks: Option<Given<Numbers>>,
    /// So many DONEs are ignored.
    pub done: Option<Given<u32>>,
    /// Share of all MSGs that are not written, resends too.
    pub message_rate: Option<Given<f64>>,
    /// Share of all ACKs that are not written.
    pub ack_rate: Option<Given<f64>>,
}

/// How the bytes that an endpoint writes at one moment become segments. At most one of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcpKeys {
    /// Frames joined up to so many bytes.
    pub coalesce: Option<Given<u32>>,
    /// Segments of these lengths in turn, frames joined and cut.
    pub split: Option<Given<Vec<u32>>>,
    /// Segments of lengths by chance between these two.
    pub random: Option<Given<[u32; 2]>>,
}

/// What is wrong with the capture. Packets are numbered from 1 as on the wire, before anything is taken away.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureKeys {
    /// Packets that are not in the file.
    pub drop: Option<Given<Numbers>>,
    /// Share of the packets that are not in the file.
    pub drop_rate: Option<Given<f64>>,
    /// Packets are cut to so many bytes.
    pub snaplen: Option<Given<u32>>,
    /// `false`: everything up to a connection's RETURN_MAX is missing.
    pub handshake: Option<Given<bool>>,
    /// The capture begins so long after the scenario's start.
    pub from: Option<Given<Span>>,
    /// The capture ends so long after the scenario's start.
    pub until: Option<Given<Span>>,
    /// Only what this side sends is captured.
    pub only: Option<Given<SideKey>>,
    /// Packets that are in the file twice.
    pub duplicate: Option<Given<Numbers>>,
    /// Share of the packets that are in the file twice.
    pub duplicate_rate: Option<Given<f64>>,
    /// Packets that come after the one that followed them, with their own time.
    pub reorder: Option<Given<Numbers>>,
    /// Share of such packets.
    pub reorder_rate: Option<Given<f64>>,
}

/// One side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SideKey {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// Where the capture is taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum VantageKey {
    /// The share of the way from the client.
    Share(f64),
    /// `client`, `server`, or the share as text.
    Named(String),
}

/// Whatever is given above hides what is given below.
trait Over {
    fn over(self, below: &Self) -> Self;
}

impl<T: Clone> Over for Option<Given<T>> {
    fn over(self, below: &Self) -> Self {
        self.or_else(|| below.clone())
    }
}

/// The tables of one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct ExchangeKeys {
    pub(super) client: ClientKeys,
    pub(super) server: ServerKeys,
    pub(super) network: NetworkKeys,
    pub(super) loss: LossKeys,
    pub(super) tcp: TcpKeys,
}

impl ExchangeKeys {
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            client: self.client.over(&below.client),
            server: ServerKeys { maximum_msg_size: self.server.maximum_msg_size.over(&below.server.maximum_msg_size) },
            network: self.network.over(&below.network),
            loss: self.loss.over(&below.loss),
            tcp: self.tcp.over(&below.tcp),
        }
    }
}

impl Over for ClientKeys {
    fn over(self, below: &Self) -> Self {
        // A message hides a size and a size a message: they are two ways to say one thing.
        let says_message = self.message.is_some() || self.message_size.is_some();
        let (message, message_size) = if says_message {
            (self.message, self.message_size)
        } else {
            (below.message.clone(), below.message_size.clone())
        };
        Self {
            message,
            message_size,
            window: self.window.over(&below.window),
            timeout: self.timeout.over(&below.timeout),
            resend: self.resend.over(&below.resend),
            pace: self.pace.over(&below.pace),
            max_resends: self.max_resends.over(&below.max_resends),
        }
    }
}

impl Over for NetworkKeys {
    fn over(self, below: &Self) -> Self {
        // `delay` says both directions, so it hides either of them below.
        let (to_server, to_client) = if self.delay.is_some() {
            (self.delay_to_server, self.delay_to_client)
        } else {
            (self.delay_to_server.over(&below.delay_to_server), self.delay_to_client.over(&below.delay_to_client))
        };
        Self {
            delay: self.delay.over(&below.delay),
            delay_to_server: to_server,
            delay_to_client: to_client,
            jitter: self.jitter.over(&below.jitter),
            client_processing: self.client_processing.over(&below.client_processing),
            server_processing: self.server_processing.over(&below.server_processing),
        }
    }
}

impl Over for LossKeys {
    fn over(self, below: &Self) -> Self {
        Self {
            messages: self.messages.over(&below.messages),
            acks: self.acks.over(&below.acks),
            done: self.done.over(&below.done),
            message_rate: self.message_rate.over(&below.message_rate),
            ack_rate: self.ack_rate.over(&below.ack_rate),
        }
    }
}

impl Over for TcpKeys {
    fn over(self, below: &Self) -> Self {
        let given = self.coalesce.is_some() || self.split.is_some() || self.random.is_some();
        if given { self } else { below.clone() }
    }
}

impl Over for CaptureKeys {
    fn over(self, below: &Self) -> Self {
        Self {
            drop: self.drop.over(&below.drop),
            drop_rate: self.drop_rate.over(&below.drop_rate),
            snaplen: self.snaplen.over(&below.snaplen),
            handshake: self.handshake.over(&below.handshake),
            from: self.from.over(&below.from),
            until: self.until.over(&below.until),
            only: self.only.over(&below.only),
            duplicate: self.duplicate.over(&below.duplicate),
            duplicate_rate: self.duplicate_rate.over(&below.duplicate_rate),
            reorder: self.reorder.over(&below.reorder),
            reorder_rate: self.reorder_rate.over(&below.reorder_rate),
        }
    }
}

impl ScenarioKeys {
    /// The keys of the whole capture: `self`'s where given, else `below`'s. Connections come from `below`.
    pub(super) fn capture_over(&self, below: &Self) -> Self {
        Self {
            seed: self.seed.clone().over(&below.seed),
            start: self.start.clone().over(&below.start),
            vantage: self.vantage.clone().over(&below.vantage),
            connections: self.connections.clone().over(&below.connections),
            stagger: self.stagger.clone().over(&below.stagger),
            frames: self.frames.clone().over(&below.frames),
            capture: self.capture.clone().over(&below.capture),
            ..Self::default()
        }
    }

    pub(super) fn exchange(&self) -> ExchangeKeys {
        ExchangeKeys {
            client: self.client.clone(),
            server: self.server.clone(),
            network: self.network.clone(),
            loss: self.loss.clone(),
            tcp: self.tcp.clone(),
        }
    }
}

impl ConnectionKeys {
    pub(super) fn exchange(&self) -> ExchangeKeys {
        ExchangeKeys {
            client: self.client.clone(),
            server: self.server.clone(),
            network: self.network.clone(),
            loss: self.loss.clone(),
            tcp: self.tcp.clone(),
        }
    }
}
