//! Who comes to a port, and who is turned away for want of room.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::Poll;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};

/// A port that people are let in by.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    /// A descriptor to give up when there is none left, so that a newcomer can be taken in and refused; nothing else
    /// takes it out of the system's queue.
    spare: Option<File>,
}

/// What happened at the door.
pub(super) enum Arrival {
    /// A client.
    Client(TcpStream, SocketAddr),
    /// Somebody for whom there was no room: reset, at once.
    Refused,
    /// Somebody who had left before being let in.
    Gone,
    /// The system let nobody in.
    Failed(io::Error),
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, spare: spare() }
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits for the next one, who is let in if there is `room`. May be given up at any time: nobody is lost.
    pub(super) async fn next(&mut self, room: bool) -> Arrival {
        match self.listener.accept().await {
            Ok((stream, peer)) if room => Arrival::Client(stream, peer),
            Ok((stream, _)) => refuse(stream),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => Arrival::Gone,
            Err(error) if is_out_of_files(&error) && self.spare.take().is_some() => {
                // No waiting from here on: the spare descriptor must be back before anybody else takes it.
                let accepted = poll_fn(|context| Poll::Ready(self.listener.poll_accept(context))).await;
                let arrival = match accepted {
                    Poll::Ready(Ok((stream, _))) => refuse(stream),
                    Poll::Ready(Err(_)) | Poll::Pending => Arrival::Failed(error),
                };
                self.spare = spare();
                arrival
            }
            Err(error) => {
                self.spare = self.spare.take().or_else(spare);
                Arrival::Failed(error)
            }
        }
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// A reset tells at once; a FIN would leave its sender to find out by writing.
fn refuse(stream: TcpStream) -> Arrival {
    let _ = stream.set_zero_linger();
    drop(stream);
    Arrival::Refused
}

/// True when it is this process, or the whole system, that has no descriptor left.
fn is_out_of_files(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE))
}
