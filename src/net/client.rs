//! Sending one message: connects, exchanges, counts.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::net::TcpStream;

use super::clock::Clock;
use super::close::{CLOSE_PATIENCE, Close};
use super::connection::{Connection, GivenUp, Patience, Watch};
use super::{NetError, Recording};
use crate::endpoint::{
    Client, ClientConfig, Detail, Endpoint, Event, FrameCopy, Moment, Outcome, OutgoingRun, ResendPolicy,
};
use crate::fault::{FaultPlan, Faulty};
use crate::wire::{MaxMsgSize, Name, Pos};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server that takes no bytes is waited for.
const STALL: Duration = Duration::from_secs(60);

/// What a client needs to know besides the message.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Name or address of the server's host.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// window_size, in positions: at least 1.
    pub window: u32,
    /// How long an ACK is waited for: more than 0.
    pub timeout: Duration,
    /// When an unacknowledged package goes again.
    pub policy: ResendPolicy,
    /// Time between new packages; `None` for the policy's own.
    pub pace: Option<Duration>,
    /// How often one position may be resent; `None` for no limit.
    pub max_resends: Option<u32>,
    /// What is counted and not written.
    pub faults: FaultPlan,
    /// Where the exchange is recorded.
    pub recording: Option<Recording>,
    /// Whether the news tells of every frame; runs of frames are much faster.
    pub detail: Detail,
}

impl ClientOptions {
    /// For a server on `host` and `port`, with the protocol's two parameters and defaults for all else.
    #[must_use]
    pub fn new(host: &str, port: u16, window: u32, timeout: Duration) -> Self {
        Self {
            host: host.to_owned(),
            port,
            window,
            timeout,
            policy: ResendPolicy::Timer,
            pace: None,
            max_resends: None,
            faults: FaultPlan::default(),
            recording: None,
            detail: Detail::Runs,
        }
    }

    fn config(&self, clock: Clock) -> ClientConfig {
        let config = ClientConfig::new(self.window, self.timeout, clock.wall());
        let mut config = match self.policy {
            ResendPolicy::Timer => config,
            ResendPolicy::Eager => config.eager(),
        };
        config.pace = self.pace.unwrap_or(config.pace);
        config.max_resends = self.max_resends;
        config
    }
}

/// What a client says while it works.
#[derive(Debug, Clone, Copy)]
pub enum ClientNews<'a> {
    /// The endpoint's news, with the time since connecting.
    Event(&'a Event, Moment),
    /// The position up to which all are acknowledged, when it moves.
    Acknowledged {
        /// That position.
        last: Pos,
        /// N.
        of: Pos,
    },
}

/// What was counted during an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// MSG frames written, resent ones too.
    pub packages_written: u64,
    /// MSG and DONE frames written again, by the conditions that held.
    pub resends: BTreeMap<String, u64>,
    /// MSG frames counted and not written: their loss was mimicked.
    pub packages_lost: u64,
    /// Positions whose ACK never came because a later one covered it: inferred (PROTOCOL §4.7).
    pub acks_lost: u64,
    /// The position up to which all are acknowledged.
    pub acknowledged: Pos,
    /// N; `None` before the handshake was over.
    pub packages: Option<Pos>,
    /// P; `None` before the handshake was over.
    pub max_msg_size: Option<MaxMsgSize>,
    /// From the handshake to the last ACK of the message, as far as it got.
    pub transfer_time: Duration,
}

/// What became of a message.
#[derive(Debug)]
pub struct Transfer {
    /// How the exchange ended; `Err` when this side gave it up.
    pub ended: Result<Outcome, GivenUp>,
    /// What was counted.
    pub tally: Tally,
    /// Bytes of the message.
    pub message_len: usize,
    /// Bytes written to and read from the socket.
    pub traffic: (u64, u64),
    /// From connecting to the end.
    pub elapsed: Duration,
}

impl Transfer {
    /// True when the exchange went through to DISCONNECT.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.ended, Ok(Outcome::Complete))
    }

    /// Bytes of the message acknowledged per second of the transfer; `None` when it took no time that can be told.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn goodput(&self) -> Option<f64> {
        let capacity = self.tally.max_msg_size.map_or(0, |p| usize::from(p.get()));
        let packages = usize::try_from(self.tally.acknowledged.0).unwrap_or(0);
        let bytes = packages.saturating_mul(capacity).min(self.message_len);
        let seconds = self.tally.transfer_time.as_secs_f64();
        (seconds > 0.0).then(|| bytes as f64 / seconds)
    }
}

/// Sends `message` and tells `news` about it; ends early, with what was reached, when `stop` does.
///
/// # Errors
/// When no connection comes about, or the window or timeout is 0. What happens on the connection is no error but
/// [`Transfer::ended`].
pub async fn transfer(
    options: &ClientOptions,
    message: Vec<u8>,
    stop: impl Future<Output = ()>,
    news: &mut impl FnMut(ClientNews<'_>),
) -> Result<Transfer, NetError> {
    let message_len = message.len();
    // Refused here, before anybody is bothered with a connection.
    Client::new(Vec::new(), options.config(Clock::start()))?;
    let stream = connect(options).await?;
    let clock = Clock::start();
    let client = Client::new(message, options.config(clock))?.with_detail(options.detail);
    let track = match (&options.recording, stream.local_addr(), stream.peer_addr()) {
        (Some(recording), Ok(local), Ok(peer)) => recording.track(local, peer, clock),
        _ => None,
    };
    let patience = Patience { silence: None, stall: STALL };
    let mut connection =
        Connection::new(stream, Faulty::counting(client, options.faults.clone()), clock, track, patience);
    let mut watch = Counting { tally: Tally::default(), began: Moment::ZERO, news };
    let run = tokio::select! {
        biased;
        run = connection.run(&mut watch) => run,
        () = stop => Err(GivenUp::Stopped),
    };
    let elapsed = clock.now().since(Moment::ZERO);
    let ended = run.map(|()| connection.endpoint().outcome().cloned());
    let traffic = connection.traffic();
    if matches!(ended, Ok(Some(Outcome::Complete))) {
        // The server closes first (PROTOCOL §3.7); one that does not is not waited for long.
        connection.peer_end(options.timeout.min(CLOSE_PATIENCE)).await;
    }
    let close = match &ended {
        Ok(Some(Outcome::Failed(_))) | Err(GivenUp::Stalled { .. }) => Close::Reset,
        _ => Close::Finish,
    };
    let endpoint = connection.close(close);
    let mut tally = watch.tally;
    tally.packages_lost = endpoint.injector().unlogged();
    let ended = match ended {
        Ok(Some(outcome)) => Ok(outcome),
        // A connection is only done when its endpoint is.
        Ok(None) => Err(GivenUp::Stopped),
        Err(given_up) => Err(given_up),
    };
    Ok(Transfer { ended, tally, message_len, traffic, elapsed })
}

async fn connect(options: &ClientOptions) -> Result<TcpStream, NetError> {
    let ClientOptions { host, port, .. } = options;
    let attempt = TcpStream::connect((host.as_str(), *port));
    match tokio::time::timeout(CONNECT_TIMEOUT, attempt).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(NetError::Connect { host: host.clone(), port: *port, source }),
        Err(_) => Err(NetError::NoAnswer { host: host.clone(), port: *port, waited: CONNECT_TIMEOUT }),
    }
}

struct Counting<'a, F> {
    tally: Tally,
    began: Moment,
    news: &'a mut F,
}

impl<F: FnMut(ClientNews<'_>)> Counting<'_, F> {
    fn acknowledged(&mut self, last: Pos, at: Moment) {
        let Some(of) = self.tally.packages else { return };
        // DONE's ACK is none of the message's.
        let last = last.min(of);
        if last > self.tally.acknowledged {
            self.tally.acknowledged = last;
            self.tally.transfer_time = at.since(self.began);
            (self.news)(ClientNews::Acknowledged { last, of });
        }
    }
}

impl<F: FnMut(ClientNews<'_>)> Watch for Counting<'_, F> {
    fn sent(&mut self, frames: &OutgoingRun) {
        let OutgoingRun { first, count } = frames;
        if first.name == Name::Msg {
            self.tally.packages_written += u64::from(*count);
        }
        if let FrameCopy::Resend(triggers) = first.copy {
            *self.tally.resends.entry(triggers.to_string()).or_default() += u64::from(*count);
        }
    }

    fn event(&mut self, event: &Event, at: Moment) {
        (self.news)(ClientNews::Event(event, at));
        match *event {
            Event::Agreed { max_msg_size, packages } => {
                self.began = at;
                self.tally.max_msg_size = Some(max_msg_size);
                self.tally.packages = packages;
            }
            Event::AckReceived(pos) => self.acknowledged(pos, at),
            Event::AcksReceived(positions) => self.acknowledged(positions.last(), at),
            Event::AckOutOfOrder { ack, covers } => {
                self.tally.acks_lost += u64::from(covers.count());
                self.acknowledged(ack, at);
            }
            _ => {}
        }
    }

    fn delivered(&mut self, _bytes: &[u8]) -> Result<(), NetError> {
        Ok(())
    }
}
