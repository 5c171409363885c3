//! One recording shared by the connections of a process.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use super::clock::Clock;
use super::connection::Close;
use crate::endpoint::{Moment, TransportEnd};
use crate::record::{Ending, RecordedConnection, Recorder};

/// A [`Recorder`] that any number of connections write to, each moment in the order in which it came.
#[derive(Clone)]
pub struct Recording {
    shared: Arc<Shared>,
}

struct Shared {
    recorder: Mutex<Recorder>,
    trouble: Box<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

impl Recording {
    /// Shares `recorder`; `trouble` is told, once, when it stops before the exchange does.
    pub fn new(recorder: Recorder, trouble: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { shared: Arc::new(Shared { recorder: Mutex::new(recorder), trouble: Box::new(trouble) }) }
    }

    /// How the recording fares, in words; `Err` when packets are missing.
    ///
    /// # Errors
    /// When packets are missing: the words say how many, and why.
    pub fn health(&self) -> Result<String, String> {
        let recorder = self.lock();
        let health = recorder.health();
        if health.is_complete() { Ok(health.to_string()) } else { Err(health.to_string()) }
    }

    /// The track of a connection that has just been made.
    pub(super) fn track(&self, local: SocketAddr, peer: SocketAddr, clock: Clock) -> Track {
        let mut recorder = self.lock();
        let connection = recorder.opened(local, peer, clock.wall().at(clock.now()));
        self.report(&mut recorder);
        drop(recorder);
        Track { recording: self.clone(), connection, end: None }
    }

    fn lock(&self) -> MutexGuard<'_, Recorder> {
        // A panic elsewhere leaves at worst a packet unwritten.
        self.shared.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, recorder: &mut Recorder) {
        if let Some(words) = recorder.announcement() {
            (self.shared.trouble)(&words);
        }
    }
}

/// One connection's part of a [`Recording`].
pub(super) struct Track {
    recording: Recording,
    connection: RecordedConnection,
    end: Option<TransportEnd>,
}

impl Track {
    /// Records what was read, and says when.
    pub(super) fn read(&self, bytes: &[u8], clock: Clock) -> Moment {
        let mut recorder = self.recording.lock();
        let now = clock.now();
        recorder.read(&self.connection, bytes, clock.wall().at(now));
        self.recording.report(&mut recorder);
        now
    }

    /// Offers `bytes` to the socket by `offer` and records, as of the moment before, what it took. The recording is
    /// held meanwhile (`offer` does not block): nothing can be recorded as earlier and written later.
    pub(super) fn write(
        &self,
        bytes: &[u8],
        clock: Clock,
        offer: impl FnOnce() -> Poll<io::Result<usize>>,
    ) -> (Poll<io::Result<usize>>, Moment) {
        let mut recorder = self.recording.lock();
        let now = clock.now();
        let taken = offer();
        if let Poll::Ready(Ok(n)) = &taken {
            recorder.wrote(&self.connection, bytes.get(..*n).unwrap_or(bytes), clock.wall().at(now));
            self.recording.report(&mut recorder);
        }
        (taken, now)
    }

    /// Records that the peer ended the stream or broke the connection.
    pub(super) fn ended(&mut self, end: TransportEnd, clock: Clock) {
        self.end = Some(end);
        if end == TransportEnd::EndOfStream {
            let mut recorder = self.recording.lock();
            recorder.peer_finished(&self.connection, clock.wall().at(clock.now()));
            self.recording.report(&mut recorder);
        }
    }

    /// Records how this side closed.
    pub(super) fn closed(self, close: Close, clock: Clock) {
        let ending = match (self.end, close) {
            (Some(TransportEnd::Reset), _) => Ending::ResetByPeer,
            (_, Close::Reset) => Ending::Reset,
            (_, Close::Finish) => Ending::Closed,
        };
        let mut recorder = self.recording.lock();
        recorder.closed(self.connection, ending, clock.wall().at(clock.now()));
        self.recording.report(&mut recorder);
    }
}
