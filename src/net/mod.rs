//! Sockets: moves bytes and time between the endpoints and TCP. The only asynchronous code.
//!
//! ```text
//! transfer ─► Connection<Client> ─┐                     ┌─ Connection<Server> ◄─ Listener::serve
//!                                 ├─ TCP, no delay set ─┤    one task per connection
//!          Recording ◄── Track ───┘                     └─── Track ──► Recording
//! ```
//!
//! * **One task per connection orders both directions.** It alone reads, asks the endpoint and writes, so what a
//!   recording shows is the order in which the endpoint saw it: a write is recorded as of the moment before its system
//!   call, cut to what the socket took; a read is recorded before it is acted upon.
//! * **Batches.** Everything that can be read is taken in before anything is written; frames that are due together go
//!   to the socket together, up to 32 KiB at once. A frame is asked of the endpoint only when the socket has taken all
//!   before it, so sent_time is the time of the write (PROTOCOL §2.5) and a slow peer slows this side.
//! * **Memory.** Buffers belong to the threads, not to the connections. What a client may cost a server at most is one sum,
//!   [`SERVER_BYTES_PER_CLIENT`], with its parts in [`SERVER_PARTS`]; what an exchange costs a client beside its message
//!   is [`client_bytes`]. What is written to a folder is not held.
//! * **Open files.** A client is accepted only where there is a descriptor for its message's file too
//!   ([`client_places`]): a server keeps those it has, and refuses who is beyond. Who is beyond `max_clients` alone waits.
//! * **Nobody waits for ever.** A server gives a connection up that brings no whole frame for the idle timeout, or that
//!   takes no bytes for as long; see [`GivenUp`].

mod client;
mod clock;
mod close;
mod connection;
mod delivery;
mod door;
mod memory;
mod narration;
mod open_files;
mod recording;
mod report;
mod server;
mod signals;

pub use client::{ClientNews, ClientOptions, Tally, Transfer, transfer};
pub use connection::GivenUp;
pub use memory::{Part, SERVER_BYTES_PER_CLIENT, SERVER_PARTS, client_bytes};
pub use narration::Narration;
pub use open_files::{ClientPlaces, client_places};
pub use recording::Recording;
pub use report::{closing_table, counted, served_line};
pub use server::{Kept, Listener, MAX_SHOWN, Served, ServerNews, ServerOptions, Stopping, Summary};
pub use signals::{stop_on_signals, stopped};

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::endpoint::ConfigError;

/// The port of both commands unless told otherwise (PROTOCOL §1.1).
pub const DEFAULT_PORT: u16 = 55558;

/// What keeps an endpoint from its socket, or a message from its file.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}{}", bind_hint(source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No connection came about.
    #[error("cannot connect to {host} port {port}: {source}{}", connect_hint(source))]
    Connect {
        /// The host as given.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answered the request to connect.
    #[error(
        "cannot connect to {host} port {port}: no answer in {} s; is the host reachable, does a firewall drop it?",
        waited.as_secs_f64()
    )]
    NoAnswer {
        /// The host as given.
        host: String,
        /// The port.
        port: u16,
        /// How long was waited.
        waited: Duration,
    },
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A message cannot be kept.
    #[error("cannot write the message to {}: {source}; make room, or name another folder with --output", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refuses what the program needs to run.
    #[error("cannot {what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn bind_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "; another program, perhaps another server, has this port: choose one with --port",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address: choose one with --bind",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges: choose another with --port",
        _ => "",
    }
}

fn connect_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => "; no server listens there: start it first, or name its --host and --port",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "; there is no way to that host: name another with --host"
        }
        io::ErrorKind::TimedOut => "; nothing answers there: name another with --host and --port",
        _ => "; name a server that can be reached with --host and --port",
    }
}

/// Runs `work` to its end: on one thread, or on as many as there are processors.
///
/// # Errors
/// When the system gives no threads or event queue.
pub fn block_on<T>(threads: Threads, work: impl Future<Output = T>) -> Result<T, NetError> {
    let mut builder = match threads {
        Threads::One => tokio::runtime::Builder::new_current_thread(),
        Threads::Processors => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().map_err(|source| NetError::System { what: "start", source })?;
    Ok(runtime.block_on(work))
}

/// How many threads connections are spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// One: enough for one connection, and the least overhead.
    One,
    /// One per processor.
    Processors,
}
