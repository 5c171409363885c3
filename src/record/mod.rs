//! Recording an exchange at the socket, as a capture that Wireshark opens and follows.
//!
//! [`Recorder`] stands beside the socket of a client or a server, is told what went through, and writes each connection
//! as a TCP conversation into one pcapng file. No privileges are needed and nothing else is in the file. What the
//! kernel did with the bytes it cannot know: the packets are those of a network without loss or delay, each at the time
//! at which the program wrote or read its bytes. In particular the *other* side's acknowledgement numbers state only
//! what must be so, never that it had received what this side wrote a moment before.

mod tape;

pub use tape::{Health, RecordingTarget};

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::capture_writer::{CaptureWriter, Description};
use crate::conversation::TcpConversation;
use crate::decode::{Endpoint, TcpSeq};
use crate::time::Timestamp;
use crate::wire::Side;
use tape::Tape;

/// Writes what goes through the sockets of one side, any number of connections at once, to one pcapng capture.
///
/// Every call hands its packets to the file at once, so that the file can be read up to the last of them even when the
/// process is killed. Nothing here fails: when the file cannot be written any more, recording stops and the exchange goes on;
/// [`health`](Self::health) tells, [`announcement`](Self::announcement) says it once.
pub struct Recorder<W = File> {
    side: Side,
    tape: Tape<W>,
    conversations: Vec<Option<Conversation>>,
    free: Vec<usize>,
    opened: u64,
}

/// A connection of a [`Recorder`], from [`Recorder::opened`] to [`Recorder::closed`].
#[derive(Debug, PartialEq, Eq)]
pub struct RecordedConnection(usize);

/// How a connection ended, as this side's socket saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// This side closed it, now or when it [finished](Recorder::finished). The other side's FIN is in the recording when
    /// [`Recorder::peer_finished`] told of it before.
    Closed,
    /// The other side reset it.
    ResetByPeer,
    /// This side reset it.
    Reset,
    /// Not known: nothing is written.
    Unknown,
}

/// A recording that cannot be begun.
#[derive(Debug, thiserror::Error)]
#[error("cannot record to {}: {source}; name a file that can be written", path.display())]
pub struct RecordError {
    path: PathBuf,
    source: io::Error,
}

struct Conversation {
    tcp: TcpConversation,
    /// Whether the other side's FIN was seen.
    peer: Peer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Open,
    Finished,
}

impl Recorder<File> {
    /// Begins a recording in the file `path`, at the sockets of `side`. An existing file is replaced.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path, side: Side) -> Result<Self, RecordError> {
        let failed = |source| RecordError { path: path.to_owned(), source };
        let file = File::create(path).map_err(failed)?;
        Self::new(file, path, side).map_err(failed)
    }
}

impl<W: RecordingTarget> Recorder<W> {
    /// Begins a recording in `target`, which messages call `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(target: W, path: &Path, side: Side) -> io::Result<Self> {
        let comment = format!(
            "Recorded at the socket of the {side}: times and bytes are those of its reads and writes, \
             TCP and IP headers were made up to carry them"
        );
        let writer = CaptureWriter::pcapng(target, &Description { comment: &comment, ..Description::default() })?;
        let tape = Tape::new(writer, path);
        Ok(Self { side, tape, conversations: Vec::new(), free: Vec::new(), opened: 0 })
    }

    /// A connection was made: connected, for a client; accepted, for a server. `local` is this side's address.
    pub fn opened(&mut self, local: SocketAddr, peer: SocketAddr, now: Timestamp) -> RecordedConnection {
        let end = |addr: SocketAddr| Endpoint { addr: addr.ip(), port: addr.port() };
        let (client, server) = match self.side {
            Side::Client => (end(local), end(peer)),
            Side::Server => (end(peer), end(local)),
        };
        self.opened += 1;
        let mut tcp =
            TcpConversation::new(client, server, initial_numbers(now.nanos() as u64 ^ self.opened.rotate_right(16)));
        let Ok(()) = tcp.open([now; 3], &mut self.tape);
        self.tape.commit();
        let conversation = Some(Conversation { tcp, peer: Peer::Open });
        match self.free.pop() {
            Some(slot) => {
                self.conversations[slot] = conversation;
                RecordedConnection(slot)
            }
            None => {
                self.conversations.push(conversation);
                RecordedConnection(self.conversations.len() - 1)
            }
        }
    }

    /// This side's socket took `bytes`.
    pub fn wrote(&mut self, connection: &RecordedConnection, bytes: &[u8], now: Timestamp) {
        let (side, tape) = (self.side, &mut self.tape);
        let Some(conversation) = conversation(&mut self.conversations, connection) else { return };
        let Ok(()) = conversation.tcp.send(side, bytes, now, tape);
        tape.commit();
    }

    /// This side's socket gave `bytes`.
    pub fn read(&mut self, connection: &RecordedConnection, bytes: &[u8], now: Timestamp) {
        let (side, tape) = (self.side, &mut self.tape);
        let Some(conversation) = conversation(&mut self.conversations, connection) else { return };
        let Ok(()) = conversation.tcp.send_acking(side.other(), bytes, 0, now, tape);
        tape.commit();
    }

    /// This side's socket gave the end of the stream: the other side finished.
    pub fn peer_finished(&mut self, connection: &RecordedConnection, now: Timestamp) {
        let (side, tape) = (self.side, &mut self.tape);
        let Some(conversation) = conversation(&mut self.conversations, connection) else { return };
        conversation.peer_finished(side, now, tape);
        tape.commit();
    }

    /// This side finished: it writes no more, and still reads.
    pub fn finished(&mut self, connection: &RecordedConnection, now: Timestamp) {
        let (side, tape) = (self.side, &mut self.tape);
        let Some(conversation) = conversation(&mut self.conversations, connection) else { return };
        let Ok(()) = conversation.tcp.finish(side, u64::MAX, now, tape);
        tape.commit();
    }

    /// The connection is over.
    pub fn closed(&mut self, connection: RecordedConnection, ending: Ending, now: Timestamp) {
        let (side, tape) = (self.side, &mut self.tape);
        let Some(slot) = self.conversations.get_mut(connection.0) else { return };
        let Some(mut conversation) = slot.take() else { return };
        self.free.push(connection.0);
        let tcp = &mut conversation.tcp;
        let Ok(()) = match ending {
            Ending::Closed => tcp.finish(side, u64::MAX, now, tape),
            Ending::ResetByPeer => tcp.reset(side.other(), now, tape),
            Ending::Reset => tcp.reset(side, now, tape),
            Ending::Unknown => Ok(()),
        };
        if ending == Ending::Closed && conversation.peer == Peer::Finished {
            let Ok(()) = conversation.tcp.acknowledge(side.other(), u64::MAX, now, tape);
        }
        tape.commit();
    }

    /// How the recording fares.
    #[must_use]
    pub fn health(&self) -> Health<'_> {
        self.tape.health()
    }

    /// What the user should be told, once: that the recording stopped, and why. `None` before and afterwards.
    pub fn announcement(&mut self) -> Option<String> {
        self.tape.announcement()
    }
}

impl Conversation {
    fn peer_finished<W: RecordingTarget>(&mut self, side: Side, now: Timestamp, tape: &mut Tape<W>) {
        if self.peer == Peer::Finished {
            return;
        }
        self.peer = Peer::Finished;
        let Ok(()) = self.tcp.finish(side.other(), 0, now, tape);
        let Ok(()) = self.tcp.acknowledge(side, u64::MAX, now, tape);
    }
}

fn conversation<'a>(
    conversations: &'a mut [Option<Conversation>],
    connection: &RecordedConnection,
) -> Option<&'a mut Conversation> {
    conversations.get_mut(connection.0)?.as_mut()
}

/// Numbers that differ from one connection to the next, as Wireshark tells connections apart by them (SplitMix64).
fn initial_numbers(seed: u64) -> [TcpSeq; 2] {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    [TcpSeq((z >> 32) as u32), TcpSeq(z as u32)]
}

#[cfg(test)]
mod tests;
