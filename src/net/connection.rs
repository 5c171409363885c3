//! One connection: moves bytes and time between an endpoint and its socket.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::NetError;
use super::clock::Clock;
use super::close::Close;
use super::recording::Track;
use crate::endpoint::{Endpoint, Event, Moment, OutgoingRun, TransportEnd};
use crate::wire::{FrameLayout, HANDSHAKE};

/// Bytes asked of the socket at once.
pub(super) const READ_LEN: usize = 128 << 10;

/// Bytes that an endpoint takes in at once. Fewer than [`crate::endpoint::MAX_EVENTS`] events come of them.
pub(super) const PIECE_LEN: usize = 32 << 10;

/// Bytes at which a batch of frames is handed to the socket.
pub(super) const BATCH_LEN: usize = 64 << 10;

/// Reads after which output gets its turn, and then other connections: neither direction starves the other, and one that
/// floods starves nobody.
const READS_IN_A_ROW: usize = 2;

/// Runs of frames after which events are drained while a batch is filled.
const RUNS_BETWEEN_DRAINS: usize = 512;

thread_local! {
    /// What a turn of any connection of this thread needs: a connection that waits owns no buffer.
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers { input: vec![0; READ_LEN], batch: Vec::new() });
}

struct Buffers {
    input: Vec<u8>,
    batch: Vec<u8>,
}

/// What a connection's owner is told, in order.
pub(super) trait Watch {
    /// Frames go to the socket.
    fn sent(&mut self, frames: &OutgoingRun);

    /// Something happened at the endpoint.
    fn event(&mut self, event: &Event, at: Moment);

    /// Message bytes came into order.
    ///
    /// # Errors
    /// When they cannot be kept: the connection is then given up, since they were acknowledged in vain.
    fn delivered(&mut self, bytes: &[u8]) -> Result<(), NetError>;
}

/// How long a peer is put up with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without a whole frame from it; `None` for ever, because the endpoint's own timers see to it.
    pub(super) silence: Option<Duration>,
    /// Without its taking a byte of what waits for it.
    pub(super) stall: Duration,
}

/// Why a connection was given up while its endpoint would have gone on.
#[derive(Debug, thiserror::Error)]
pub enum GivenUp {
    /// No whole frame came for too long.
    #[error("no whole frame in {:.1} s ({bytes} bytes came since the last one)", waited.as_secs_f64())]
    Silent {
        /// How long.
        waited: Duration,
        /// Bytes of the frame that did not become whole.
        bytes: u64,
    },
    /// The peer takes no bytes.
    #[error("the peer read nothing for {:.1} s while {waiting} bytes waited for it", waited.as_secs_f64())]
    Stalled {
        /// How long.
        waited: Duration,
        /// Bytes in hand.
        waiting: usize,
    },
    /// This side is being stopped.
    #[error("stopped by this side")]
    Stopped,
    /// What was received cannot be kept.
    #[error(transparent)]
    Keeping(#[from] NetError),
}

/// A socket with its endpoint.
pub(super) struct Connection<E> {
    stream: TcpStream,
    endpoint: E,
    clock: Clock,
    track: Option<Track>,
    patience: Patience,
    /// What the socket did not take of the last batch: nothing is asked of the endpoint until it has.
    unwritten: Vec<u8>,
    output: Output,
    transport: Transport,
    read: Read,
    wrote_at: Moment,
    bytes_written: u64,
    alarm: Pin<Box<Sleep>>,
    alarm_at: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Open,
    /// The end was seen; the endpoint has not been told yet.
    Ended(TransportEnd),
    Told,
}

/// The way out: a socket that failed to write may still hold what the peer sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Open,
    Broken,
}

/// How much came, in frames of the length in force.
#[derive(Debug, Clone, Copy)]
struct Read {
    bytes: u64,
    /// Where the grid of those frames begins.
    grid: u64,
    frame_len: u64,
    /// When the last of them became whole.
    frame_at: Moment,
}

impl Read {
    /// Bytes of the frame that is not whole yet.
    const fn partial(&self) -> u64 {
        self.bytes.saturating_sub(self.grid) % self.frame_len
    }
}

impl<E: Endpoint> Connection<E> {
    /// `endpoint` on `stream`, in the time of `clock`.
    pub(super) fn new(stream: TcpStream, endpoint: E, clock: Clock, track: Option<Track>, patience: Patience) -> Self {
        // Without it a batch would wait for the ACK of the one before. A socket that refuses works all the same.
        let _ = stream.set_nodelay(true);
        let now = clock.now();
        Self {
            stream,
            endpoint,
            clock,
            track,
            patience,
            unwritten: Vec::new(),
            output: Output::Open,
            transport: Transport::Open,
            read: Read { bytes: 0, grid: 0, frame_len: HANDSHAKE.len() as u64, frame_at: now },
            wrote_at: now,
            bytes_written: 0,
            alarm: Box::pin(tokio::time::sleep(Duration::MAX)),
            alarm_at: None,
        }
    }

    /// The endpoint.
    pub(super) const fn endpoint(&self) -> &E {
        &self.endpoint
    }

    /// Bytes taken by the socket, and bytes that came from it.
    pub(super) const fn traffic(&self) -> (u64, u64) {
        (self.bytes_written, self.read.bytes)
    }

    /// Exchanges until the endpoint is finished and its last frame is written. Cancel-safe: it can be called again.
    ///
    /// # Errors
    /// When the connection is given up before.
    pub(super) async fn run(&mut self, watch: &mut impl Watch) -> Result<(), GivenUp> {
        poll_fn(|cx| self.poll(cx, watch)).await
    }

    /// Says that this side has no more to write.
    pub(super) async fn finish(&mut self) {
        // Recorded before the other side can answer it.
        if let Some(track) = &self.track {
            track.finished(self.clock);
        }
        // What is wrong with the socket shows when it is read.
        let _ = self.stream.shutdown().await;
    }

    /// Reads on, past the endpoint's own end, until the peer ends the connection, and drops what still comes, so that
    /// the peer's FIN is in the recording. For `patience` at most.
    pub(super) async fn peer_end(&mut self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.read_out()).await;
    }

    async fn read_out(&mut self) {
        let mut rest = [0; 1024];
        while self.transport == Transport::Open {
            match self.stream.read(&mut rest).await {
                Ok(0) => self.end(TransportEnd::EndOfStream),
                Ok(len) => {
                    if let Some(track) = &self.track {
                        track.read(rest.get(..len).unwrap_or(&rest), self.clock);
                    }
                    self.read.bytes += len as u64;
                }
                Err(_) => self.end(TransportEnd::Reset),
            }
        }
    }

    /// Closes the connection, and the recording of it.
    pub(super) fn close(self, close: Close) -> E {
        let Self { stream, endpoint, clock, track, .. } = self;
        if close == Close::Reset {
            // Without it the kernel chooses between FIN and RST by what happens to be unread.
            let _ = stream.set_zero_linger();
        }
        drop(stream);
        if let Some(track) = track {
            track.closed(close, clock);
        }
        endpoint
    }

    /// The law of draining (see [`crate::endpoint`]), until nothing moves or it is others' turn. Each part leaves a waker
    /// behind when it cannot go on.
    fn poll(&mut self, cx: &mut Context<'_>, watch: &mut impl Watch) -> Poll<Result<(), GivenUp>> {
        loop {
            let input = self.poll_input(cx, watch)?;
            let now = self.clock.now();
            if self.unwritten.is_empty() && self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
                self.endpoint.handle_timeout(now);
            }
            self.drain(watch, now)?;
            let output = self.poll_output(cx, watch, now)?;
            if self.output == Output::Broken && self.transport == Transport::Open {
                if input.is_ready() {
                    continue;
                }
                self.end(TransportEnd::Reset);
            }
            if let Transport::Ended(end) = self.transport {
                // What came before the end has been answered by now, as far as it could be.
                self.transport = Transport::Told;
                self.endpoint.handle_end(end, self.clock.now());
                self.drain(watch, now)?;
                continue;
            }
            if (self.endpoint.is_finished() || self.transport == Transport::Told) && output.is_ready() {
                return Poll::Ready(Ok(()));
            }
            // A peer that floods is looked at as one that is silent: it may take no bytes all the same.
            let due = self.next_due(now.max(self.wrote_at))?;
            if input.is_ready() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.poll_alarm(cx, due));
        }
    }

    /// Takes in what the socket has; ready when there may be more.
    fn poll_input(&mut self, cx: &mut Context<'_>, watch: &mut impl Watch) -> Poll<Result<(), GivenUp>> {
        for _ in 0..READS_IN_A_ROW {
            if self.transport != Transport::Open || self.endpoint.is_finished() {
                return Poll::Pending;
            }
            let taken = BUFFERS.with_borrow_mut(|buffers| {
                let mut input = ReadBuf::new(&mut buffers.input);
                match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut input)) {
                    Ok(()) if input.filled().is_empty() => Poll::Ready(Ok(Some(TransportEnd::EndOfStream))),
                    Ok(()) => Poll::Ready(self.take_in(input.filled(), watch).map(|()| None)),
                    Err(_) => {
                        self.output = Output::Broken;
                        Poll::Ready(Ok(Some(TransportEnd::Reset)))
                    }
                }
            });
            if let Some(end) = ready!(taken)? {
                self.end(end);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn end(&mut self, end: TransportEnd) {
        self.transport = Transport::Ended(end);
        if let Some(track) = &mut self.track {
            track.ended(end, self.clock);
        }
    }

    fn take_in(&mut self, bytes: &[u8], watch: &mut impl Watch) -> Result<(), GivenUp> {
        let now = match &self.track {
            Some(track) => track.read(bytes, self.clock),
            None => self.clock.now(),
        };
        for piece in bytes.chunks(PIECE_LEN) {
            // The outcome says the same as an error, and is looked at once for all.
            let _ = self.endpoint.handle_bytes(piece, now);
            self.drain(watch, now)?;
        }
        self.read.bytes += bytes.len() as u64;
        if self.read.partial() < bytes.len() as u64 {
            self.read.frame_at = now;
        }
        Ok(())
    }

    fn drain(&mut self, watch: &mut impl Watch, now: Moment) -> Result<(), GivenUp> {
        let bytes = self.endpoint.poll_delivered();
        if !bytes.is_empty() {
            watch.delivered(bytes)?;
        }
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Agreed { max_msg_size, .. } = event {
                self.read.grid = HANDSHAKE.len() as u64;
                self.read.frame_len = FrameLayout::new(max_msg_size).len() as u64;
            }
            watch.event(&event, now);
        }
        Ok(())
    }

    /// Writes what there is to write; ready when that was all, pending when the socket takes no more.
    fn poll_output(
        &mut self,
        cx: &mut Context<'_>,
        watch: &mut impl Watch,
        mut now: Moment,
    ) -> Poll<Result<(), GivenUp>> {
        if self.output == Output::Broken {
            self.unwritten = Vec::new();
            return Poll::Ready(Ok(()));
        }
        if !self.unwritten.is_empty() {
            let mut waiting = std::mem::take(&mut self.unwritten);
            let written = self.poll_write(cx, &waiting);
            waiting.drain(..written);
            self.unwritten = waiting;
            if !self.unwritten.is_empty() {
                return Poll::Pending;
            }
            self.unwritten = Vec::new();
            now = self.wrote_at;
        }
        BUFFERS.with_borrow_mut(|buffers| {
            loop {
                if self.output == Output::Broken || !self.fill(&mut buffers.batch, watch, now) {
                    return Poll::Ready(Ok(()));
                }
                let written = self.poll_write(cx, &buffers.batch);
                if written < buffers.batch.len() {
                    self.unwritten.extend_from_slice(&buffers.batch[written..]);
                    return Poll::Pending;
                }
                now = self.wrote_at;
            }
        })
    }

    /// Puts the next frames of `now` into `batch`; false when there are none.
    fn fill(&mut self, batch: &mut Vec<u8>, watch: &mut impl Watch, now: Moment) -> bool {
        batch.clear();
        let mut frames = 0;
        while batch.len() < BATCH_LEN {
            let room = BATCH_LEN - batch.len();
            let Some(run) = self.endpoint.poll_transmit_run(now, batch, room) else { break };
            watch.sent(&run);
            frames += 1;
            if frames % RUNS_BETWEEN_DRAINS == 0 {
                self.drain_events(watch, now);
            }
        }
        self.drain_events(watch, now);
        !batch.is_empty()
    }

    fn drain_events(&mut self, watch: &mut impl Watch, now: Moment) {
        while let Some(event) = self.endpoint.poll_event() {
            watch.event(&event, now);
        }
    }

    /// Offers `bytes` to the socket until it takes no more; how many it took. A socket that fails takes all from
    /// then on.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            let stream = &mut self.stream;
            let mut offer = || match Pin::new(&mut *stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                other => other,
            };
            let (taken, now) = match &self.track {
                Some(track) => track.write(rest, self.clock, offer),
                None => (offer(), self.clock.now()),
            };
            match taken {
                Poll::Ready(Ok(n)) => {
                    written += n;
                    self.bytes_written += n as u64;
                    self.wrote_at = now;
                }
                Poll::Ready(Err(_)) => {
                    self.output = Output::Broken;
                    return bytes.len();
                }
                Poll::Pending => return written,
            }
        }
        written
    }

    /// When something is due; an error when the peer has been waited for long enough.
    fn next_due(&self, now: Moment) -> Result<Option<Moment>, GivenUp> {
        if self.unwritten.is_empty() {
            let silence = self.patience.silence.map(|limit| self.read.frame_at + limit);
            if silence.is_some_and(|end| end <= now) {
                let waited = now.since(self.read.frame_at);
                return Err(GivenUp::Silent { waited, bytes: self.read.partial() });
            }
            Ok(earliest(silence, self.endpoint.poll_timeout()))
        } else {
            let end = self.wrote_at + self.patience.stall;
            if end <= now {
                let waited = now.since(self.wrote_at);
                return Err(GivenUp::Stalled { waited, waiting: self.unwritten.len() });
            }
            Ok(Some(end))
        }
    }

    /// Ready when it is `due`.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, due: Option<Moment>) -> Poll<()> {
        let Some(due) = due else { return Poll::Pending };
        // An alarm that is set early enough is left alone: deadlines mostly move back, and setting it costs.
        if self.alarm_at.is_none_or(|at| due < at) {
            self.alarm.as_mut().reset(self.clock.instant(due));
            self.alarm_at = Some(due);
        }
        ready!(self.alarm.as_mut().poll(cx));
        self.alarm_at = None;
        Poll::Ready(())
    }
}

fn earliest(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
