//! One recording shared by the connections of a process.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use super::clock::Clock;
use super::close::Close;
use crate::endpoint::{Moment, TransportEnd};
use crate::record::{Ending, RecordError, RecordedConnection, Recorder};
use crate::wire::Side;

/// A [`Recorder`] that any number of connections write to, each moment in the order in which it came.
#[derive(Clone)]
pub struct Recording {
    shared: Arc<Shared>,
}

struct Shared {
    tape: Mutex<Tape>,
    trouble: Box<dyn Fn(&str) + Send + Sync>,
}

enum Tape {
    Running(Recorder),
    /// There was no room for so much as the beginning.
    Failed(String),
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

impl Recording {
    /// Begins a recording in the file `path` at the sockets of `side`. A disk that is full, now or later, stops the
    /// recording and not the exchange: `trouble` is told, once.
    ///
    /// # Errors
    /// When the file cannot be created at all.
    pub fn create(
        path: &Path,
        side: Side,
        trouble: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, RecordError> {
        let tape = match Recorder::create(path, side) {
            Ok(recorder) => Tape::Running(recorder),
            Err(error) if disk_is_full(&error) => {
                trouble(&format!("{error}; the exchange goes on without it"));
                Tape::Failed(format!("nothing was recorded: {error}"))
            }
            Err(error) => return Err(error),
        };
        Ok(Self { shared: Arc::new(Shared { tape: Mutex::new(tape), trouble: Box::new(trouble) }) })
    }

    /// How the recording fares, in words.
    ///
    /// # Errors
    /// When packets are missing: the words say how many, and why.
    pub fn health(&self) -> Result<String, String> {
        match &*self.lock() {
            Tape::Running(recorder) if recorder.health().is_complete() => Ok(recorder.health().to_string()),
            Tape::Running(recorder) => Err(recorder.health().to_string()),
            Tape::Failed(words) => Err(words.clone()),
        }
    }

    /// The track of a connection that has just been made; `None` when nothing is recorded.
    pub(super) fn track(&self, local: SocketAddr, peer: SocketAddr, clock: Clock) -> Option<Track> {
        let connection = self.with(|recorder| recorder.opened(local, peer, clock.wall().at(clock.now())))?;
        Some(Track { recording: self.clone(), connection, end: None })
    }

    fn lock(&self) -> MutexGuard<'_, Tape> {
        // A panic elsewhere leaves at worst a packet unwritten.
        self.shared.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` with the recorder, alone, and passes on what it has to announce.
    fn with<T>(&self, work: impl FnOnce(&mut Recorder) -> T) -> Option<T> {
        let mut tape = self.lock();
        let Tape::Running(recorder) = &mut *tape else { return None };
        let done = work(recorder);
        if let Some(words) = recorder.announcement() {
            (self.shared.trouble)(&words);
        }
        Some(done)
    }
}

fn disk_is_full(error: &RecordError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
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
        let read = self.recording.with(|recorder| {
            let now = clock.now();
            recorder.read(&self.connection, bytes, clock.wall().at(now));
            now
        });
        read.unwrap_or_else(|| clock.now())
    }

    /// Offers `bytes` to the socket by `offer` and records, as of the moment before, what it took. The recording is
    /// held meanwhile (`offer` does not block): nothing can be recorded as earlier and written later.
    pub(super) fn write(
        &self,
        bytes: &[u8],
        clock: Clock,
        mut offer: impl FnMut() -> Poll<io::Result<usize>>,
    ) -> (Poll<io::Result<usize>>, Moment) {
        let written = self.recording.with(|recorder| {
            let now = clock.now();
            let taken = offer();
            if let Poll::Ready(Ok(n)) = &taken {
                recorder.wrote(&self.connection, bytes.get(..*n).unwrap_or(bytes), clock.wall().at(now));
            }
            (taken, now)
        });
        written.unwrap_or_else(|| (offer(), clock.now()))
    }

    /// Records that the peer ended the stream or broke the connection.
    pub(super) fn ended(&mut self, end: TransportEnd, clock: Clock) {
        self.end = Some(end);
        if end == TransportEnd::EndOfStream {
            self.recording.with(|recorder| recorder.peer_finished(&self.connection, clock.wall().at(clock.now())));
        }
    }

    /// Records that this side finished, and reads on.
    pub(super) fn finished(&self, clock: Clock) {
        self.recording.with(|recorder| recorder.finished(&self.connection, clock.wall().at(clock.now())));
    }

    /// Records how this side closed.
    pub(super) fn closed(self, close: Close, clock: Clock) {
        let ending = match (self.end, close) {
            (Some(TransportEnd::Reset), _) => Ending::ResetByPeer,
            (_, Close::Reset) => Ending::Reset,
            (_, Close::Finish) => Ending::Closed,
        };
        let Self { recording, connection, .. } = self;
        recording.with(|recorder| recorder.closed(connection, ending, clock.wall().at(clock.now())));
    }
}
