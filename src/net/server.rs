//! Receiving messages from many clients at once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::clock::Clock;
use super::close::{CLOSE_PATIENCE, Close};
use super::connection::{Connection, GivenUp, Patience, Watch};
use super::delivery::MessageFile;
use super::door::{Arrival, Door};
use super::signals::stopped;
use super::{NetError, Recording};
use crate::endpoint::{Detail, Endpoint, Event, Moment, Outcome, OutgoingRun, Server, ServerConfig};
use crate::fault::{FaultPlan, Faulty};
use crate::wire::MaxMsgSize;

/// Bytes of a message that are held to be shown where there is no output folder.
pub const MAX_SHOWN: usize = 64 << 10;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long nothing is accepted after the system had no more sockets.
const BREATHER: Duration = Duration::from_millis(100);

/// What a server needs to know.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// P, which it announces.
    pub max_msg_size: MaxMsgSize,
    /// What is counted and not written, or ignored, anew on each connection; a random seed is moved on by the
    /// connection's number.
    pub faults: FaultPlan,
    /// Connections at once; further ones wait to be accepted.
    pub max_clients: usize,
    /// Connections that the system has room for; beyond it newcomers are refused, even where they could wait.
    pub room: usize,
    /// How long a client may bring no whole frame, or take no bytes.
    pub idle_timeout: Duration,
    /// How long connections may go on after [`Stopping::Finish`].
    pub grace: Duration,
    /// After how many connections to stop; `None` for never.
    pub count: Option<u64>,
    /// Where each message becomes a file.
    pub output: Option<PathBuf>,
    /// Where all connections are recorded.
    pub recording: Option<Recording>,
    /// Whether the news tells of every frame; runs of frames are much faster.
    pub detail: Detail,
}

impl ServerOptions {
    /// For `max_msg_size`, with defaults for all else.
    #[must_use]
    pub fn new(max_msg_size: MaxMsgSize) -> Self {
        Self {
            max_msg_size,
            faults: FaultPlan::default(),
            max_clients: 1000,
            room: usize::MAX,
            idle_timeout: Duration::from_secs(60),
            grace: Duration::from_secs(5),
            count: None,
            output: None,
            recording: None,
            detail: Detail::Runs,
        }
    }
}

/// A request to stop, by degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopping {
    /// Not yet.
    No,
    /// Accept no more, let what runs go on for the time of grace.
    Finish,
    /// Give up what runs.
    Now,
}

/// What a server says while it works.
#[derive(Debug)]
pub enum ServerNews<'a> {
    /// A client connected.
    Opened {
        /// Number of the connection, from 1.
        number: u64,
        /// The client's address.
        peer: SocketAddr,
    },
    /// The endpoint's news, with the time since the connection was accepted.
    Event {
        /// Number of the connection.
        number: u64,
        /// What happened.
        event: &'a Event,
        /// When.
        at: Moment,
    },
    /// A connection is over.
    Ended(&'a Served),
    /// The most clients are connected; further ones wait. Said again only after a tenth of the places was free.
    Full {
        /// How many.
        clients: usize,
    },
    /// The system has no room for more than these, and a newcomer was refused. Said again only after a tenth of the places
    /// was free.
    NoRoom {
        /// How many.
        clients: usize,
    },
    /// The system gives no more sockets for the time being: said once until it gives one again.
    CannotAccept(&'a std::io::Error),
    /// No more clients are accepted; this many are still connected.
    Finishing {
        /// How many.
        clients: usize,
    },
}

/// What became of a message.
#[derive(Debug)]
pub enum Kept {
    /// A whole message in this file.
    File(PathBuf),
    /// Part of a message in this file.
    Partial(PathBuf),
    /// A whole message, its first [`MAX_SHOWN`] bytes here.
    Shown(Vec<u8>),
    /// Nothing: no message came, or no whole one to show.
    Nothing,
    /// A whole message that could not be stored.
    Lost(NetError),
}

/// One connection that is over.
#[derive(Debug)]
pub struct Served {
    /// Number of the connection, from 1.
    pub number: u64,
    /// The client's address.
    pub peer: SocketAddr,
    /// How the exchange ended; `Err` when this side gave it up.
    pub ended: Result<Outcome, GivenUp>,
    /// Bytes of the message that came.
    pub message_len: u64,
    /// What became of them.
    pub kept: Kept,
    /// Duplicates that came.
    pub duplicates: u64,
    /// ACKs that were not written, and DONEs ignored: mimicked losses.
    pub faults: u64,
    /// From accepting to the end.
    pub elapsed: Duration,
}

impl Served {
    /// True when what came could not be stored.
    #[must_use]
    pub const fn is_not_kept(&self) -> bool {
        matches!(self.kept, Kept::Lost(_)) || matches!(self.ended, Err(GivenUp::Keeping(_)))
    }

    /// True when the exchange went through to DISCONNECT and the message is kept.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.ended, Ok(Outcome::Complete)) && !matches!(self.kept, Kept::Lost(_))
    }
}

/// Counts over all connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Exchanges that went through to DISCONNECT.
    pub complete: u64,
    /// Others.
    pub incomplete: u64,
    /// Messages, of either, that came and could not be stored.
    pub not_kept: u64,
    /// Newcomers who were refused for want of room.
    pub refused: u64,
}

/// A bound port.
#[derive(Debug)]
pub struct Listener {
    door: Door,
}

type News = Arc<dyn Fn(ServerNews<'_>) + Send + Sync>;

impl Listener {
    /// Listens on `address`; port 0 chooses a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn bind(address: SocketAddr) -> Result<Self, NetError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // A server that is started again must not wait for the old one's closed connections.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        Ok(Self { door: Door::new(bind().map_err(|source| NetError::Bind { address, source })?) })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn local_addr(&self) -> Result<SocketAddr, NetError> {
        self.door.local_addr().map_err(|source| NetError::System { what: "tell the port", source })
    }

    /// Serves clients, each in a task of its own, until `stopping` or the options' count say so, and tells `news` about
    /// it. One client's trouble is never another's.
    pub async fn serve(
        self,
        options: ServerOptions,
        mut stopping: watch::Receiver<Stopping>,
        news: impl Fn(ServerNews<'_>) + Send + Sync + 'static,
    ) -> Summary {
        let options = Arc::new(options);
        let news: News = Arc::new(news);
        // Tells the connections to end, whoever wants it: a second signal, or the end of grace.
        let (end, ending) = watch::channel(Stopping::No);
        let mut connections = Connections { tasks: JoinSet::new(), summary: Summary::default() };
        let mut opened = 0;
        let mut door = self.door;
        let (mut said_full, mut said_no_room, mut said_cannot) = (false, false, false);
        while options.count.is_none_or(|count| opened < count) {
            let clients = connections.tasks.len();
            let full = clients >= options.max_clients;
            if full && !said_full {
                news(ServerNews::Full { clients });
            }
            // Said again only after there was some room: under pressure every free place is taken at once.
            let crowded = |most: usize| clients >= most - most / 10;
            said_full = full || (said_full && crowded(options.max_clients));
            said_no_room = said_no_room && crowded(options.room);
            tokio::select! {
                biased;
                () = stopped(&mut stopping, Stopping::Finish) => break,
                // Before newcomers: who is gone has left room for one.
                () = connections.next() => {}
                arrival = door.next(clients < options.room), if !full => match arrival {
                    Arrival::Client(stream, peer) => {
                        opened += 1;
                        said_cannot = false;
                        let (options, news, ending) = (options.clone(), news.clone(), ending.clone());
                        connections.tasks.spawn(serve_one(stream, peer, opened, options, news, ending));
                    }
                    Arrival::Refused => {
                        connections.summary.refused += 1;
                        if !std::mem::replace(&mut said_no_room, true) {
                            news(ServerNews::NoRoom { clients });
                        }
                    }
                    Arrival::Gone => {}
                    Arrival::Failed(error) => {
                        if !std::mem::replace(&mut said_cannot, true) {
                            news(ServerNews::CannotAccept(&error));
                        }
                        tokio::time::sleep(BREATHER).await;
                    }
                },
            }
        }
        drop(door);
        let deadline = if *stopping.borrow() == Stopping::No {
            // The count is reached: its last clients have all the time they need, until somebody asks to stop.
            connections.until(stopped(&mut stopping, Stopping::Finish)).await;
            options.grace
        } else {
            options.grace
        };
        if !connections.tasks.is_empty() {
            news(ServerNews::Finishing { clients: connections.tasks.len() });
            let enough = async {
                tokio::select! {
                    () = stopped(&mut stopping, Stopping::Now) => {}
                    () = tokio::time::sleep(deadline) => {}
                }
            };
            connections.until(enough).await;
            end.send_replace(Stopping::Now);
            connections.until(std::future::pending()).await;
        }
        connections.summary
    }
}

struct Connections {
    tasks: JoinSet<Completion>,
    summary: Summary,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Completion {
    Complete,
    Incomplete,
    NotKept,
}

impl Completion {
    const fn of(served: &Served) -> Self {
        match (served.is_complete(), served.is_not_kept()) {
            (true, _) => Self::Complete,
            (false, true) => Self::NotKept,
            (false, false) => Self::Incomplete,
        }
    }
}

impl Connections {
    /// Waits for the next connection to end; for ever when there is none.
    async fn next(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(Completion::Complete)) => self.summary.complete += 1,
            Some(Ok(Completion::NotKept)) => {
                self.summary.incomplete += 1;
                self.summary.not_kept += 1;
            }
            // A task that panicked has served nobody.
            Some(Ok(Completion::Incomplete) | Err(_)) => self.summary.incomplete += 1,
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended, or `enough` does.
    async fn until(&mut self, enough: impl Future<Output = ()>) {
        tokio::pin!(enough);
        while !self.tasks.is_empty() {
            tokio::select! {
                () = &mut enough => return,
                () = self.next() => {}
            }
        }
    }
}

async fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    options: Arc<ServerOptions>,
    news: News,
    mut ending: watch::Receiver<Stopping>,
) -> Completion {
    let clock = Clock::start();
    news(ServerNews::Opened { number, peer });
    let track = match (&options.recording, stream.local_addr()) {
        (Some(recording), Ok(local)) => recording.track(local, peer, clock),
        _ => None,
    };
    let mut faults = options.faults.clone();
    if let Some(random) = &mut faults.random {
        random.seed = random.seed.wrapping_add(number - 1);
    }
    let config = ServerConfig { max_msg_size: options.max_msg_size, clock: clock.wall() };
    let server = Server::new(config).with_detail(options.detail);
    let patience = Patience { silence: Some(options.idle_timeout), stall: options.idle_timeout };
    let mut connection = Connection::new(stream, Faulty::counting(server, faults), clock, track, patience);
    let place = match &options.output {
        Some(folder) => Place::File(MessageFile::new(folder, number, peer)),
        None => Place::Memory(Vec::new()),
    };
    let mut keeping = Keeping { number, place, news: &news, message_len: 0, duplicates: 0, whole: None };
    let run = tokio::select! {
        biased;
        run = connection.run(&mut keeping) => run,
        () = stopped(&mut ending, Stopping::Now) => Err(GivenUp::Stopped),
    };
    let ended = match (run, connection.endpoint().outcome()) {
        (Err(given_up), _) => Err(given_up),
        (Ok(()), Some(outcome)) => Ok(outcome.clone()),
        // A connection is only done when its endpoint is.
        (Ok(()), None) => Err(GivenUp::Stopped),
    };
    let elapsed = clock.now().since(Moment::ZERO);
    if matches!(ended, Ok(Outcome::Complete)) {
        // This side closes first (PROTOCOL §3.7), and then sees the client close.
        connection.finish().await;
        tokio::select! {
            () = connection.peer_end(CLOSE_PATIENCE) => {}
            () = stopped(&mut ending, Stopping::Now) => {}
        }
    }
    let close = match &ended {
        Ok(Outcome::Failed(_)) => Close::Reset,
        Err(GivenUp::Silent { .. } | GivenUp::Stalled { .. } | GivenUp::Keeping(_)) => Close::Reset,
        Ok(_) | Err(GivenUp::Stopped) => Close::Finish,
    };
    let endpoint = connection.close(close);
    let faults = endpoint.injector().unlogged();
    let (message_len, duplicates) = (keeping.message_len, keeping.duplicates);
    let kept = keeping.kept();
    let served = Served { number, peer, ended, message_len, kept, duplicates, faults, elapsed };
    news(ServerNews::Ended(&served));
    Completion::of(&served)
}

/// Where a message goes as it arrives.
enum Place {
    File(MessageFile),
    Memory(Vec<u8>),
}

struct Keeping<'a> {
    number: u64,
    place: Place,
    news: &'a News,
    message_len: u64,
    duplicates: u64,
    /// Since DONE: the message's file under its name, where there is one.
    whole: Option<Result<Option<PathBuf>, NetError>>,
}

impl Keeping<'_> {
    fn kept(self) -> Kept {
        match (self.whole, self.place) {
            (Some(Err(error)), _) => Kept::Lost(error),
            (Some(Ok(Some(path))), _) => Kept::File(path),
            (Some(Ok(None)), Place::Memory(message)) => Kept::Shown(message),
            (_, Place::File(file)) => file.partial().map_or(Kept::Nothing, |path| Kept::Partial(path.to_owned())),
            (None, Place::Memory(_)) => Kept::Nothing,
        }
    }
}

impl Watch for Keeping<'_> {
    fn sent(&mut self, _frames: &OutgoingRun) {}

    fn event(&mut self, event: &Event, at: Moment) {
        match event {
            Event::Done { .. } if self.whole.is_none() => {
                self.whole = Some(match &mut self.place {
                    Place::File(file) => file.complete().map(Some),
                    Place::Memory(_) => Ok(None),
                });
            }
            Event::Duplicate { .. } => self.duplicates += 1,
            _ => {}
        }
        (self.news)(ServerNews::Event { number: self.number, event, at });
    }

    fn delivered(&mut self, bytes: &[u8]) -> Result<(), NetError> {
        self.message_len += bytes.len() as u64;
        match &mut self.place {
            Place::File(file) => file.write(bytes),
            Place::Memory(message) => {
                let room = MAX_SHOWN.saturating_sub(message.len());
                message.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                Ok(())
            }
        }
    }
}
