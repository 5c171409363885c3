//! Clients that mean ill, each in one way, and what a server must say of each when it is rid of it.

#![allow(dead_code, reason = "not every user needs all of it")]

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use arqscope::endpoint::{MAX_HELD_BYTES, MAX_HELD_PACKAGES, MAX_REPEATS};
use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, Name, Pos};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Packages that are written at once by those who write many.
const VOLLEY: usize = 1000;

/// A way to trouble a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Bytes of no protocol.
    Garbage,
    /// Nothing at all.
    Silence,
    /// A beginning without an end.
    HalfFrame,
    /// A frame that comes a byte at a time.
    Drip,
    /// Positions from one end of the numbers to the other.
    Jumps,
    /// The same package so many thousand times.
    Duplicates(u32),
    /// Many packages, and none of the ACKs is read.
    Deaf,
    /// All but the first package, as many as are held, then silence.
    Hoard,
    /// A reset in the middle of the message.
    Reset,
    /// A frame that only a server sends.
    Reversed,
    /// CLOSE before DONE.
    EarlyClose,
}

impl Attack {
    /// How many ways there are.
    pub(crate) const KINDS: u64 = 11;

    /// The ways in turn; in the first round a million duplicates, later fewer.
    pub(crate) const fn nth(number: u64) -> Self {
        match number % Self::KINDS {
            0 => Self::Garbage,
            1 => Self::Silence,
            2 => Self::HalfFrame,
            3 => Self::Drip,
            4 => Self::Jumps,
            5 => Self::Duplicates(if number < Self::KINDS { 1000 } else { 1 }),
            6 => Self::Deaf,
            7 => Self::Hoard,
            8 => Self::Reset,
            9 => Self::Reversed,
            _ => Self::EarlyClose,
        }
    }

    /// Whether it costs both sides much work: tens of thousands of packages.
    pub(crate) const fn is_heavy(self) -> bool {
        matches!(self, Self::Deaf | Self::Hoard)
    }

    /// What the server's line about its end holds: one of these.
    pub(crate) const fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Garbage => &["failed: from the client: its first frame must be GET_MAX"],
            Self::Silence | Self::HalfFrame | Self::Drip | Self::Hoard => &["incomplete: no whole frame in"],
            Self::Deaf => &["incomplete: the peer read nothing for"],
            // What is closed with unread ACKs is a reset.
            Self::Jumps | Self::Duplicates(_) => {
                &["incomplete: the peer closed the connection", "incomplete: the connection was reset"]
            }
            Self::Reset => &["incomplete: the connection was reset"],
            Self::Reversed => &["ACK comes only from the server"],
            Self::EarlyClose => &["incomplete: the client sent CLOSE before DONE"],
        }
    }

    /// Connects to `server`, from the address `from` if one is given.
    pub(crate) async fn connect(self, from: Option<IpAddr>, server: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self == Self::Deaf {
            // What the kernel takes for it is as good as read.
            socket.set_recv_buffer_size(4096)?;
        }
        if let Some(from) = from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        socket.connect(server).await
    }

    /// Attacks a server whose frames have `layout` until that ends the connection, or the attack is over; for `bound` at
    /// most, which should be a good deal longer than the server's patience.
    pub(crate) async fn run(self, stream: &mut TcpStream, layout: FrameLayout, bound: Duration) {
        // The server may end the connection in the middle of each: that is the point.
        let _ = tokio::time::timeout(bound, self.attack(stream, layout)).await;
    }

    async fn attack(self, stream: &mut TcpStream, layout: FrameLayout) -> io::Result<()> {
        match self {
            Self::Garbage => stream.write_all(&[0xA5; 4096]).await?,
            Self::Silence => {}
            Self::HalfFrame => stream.write_all(&frame(HANDSHAKE, Name::GetMax, b"", 0)[..20]).await?,
            Self::Drip => {
                for byte in frame(HANDSHAKE, Name::GetMax, b"", 0) {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
            Self::Jumps => {
                hello(stream).await?;
                for pos in [1, i32::MAX, i32::MIN, 0, -1, 2_000_000, 3, i32::MAX - 1] {
                    stream.write_all(&package(layout, pos)).await?;
                }
                return Ok(());
            }
            Self::Duplicates(thousands) => {
                hello(stream).await?;
                let many = package(layout, 1).repeat(VOLLEY);
                let mut acks = vec![0; many.len()];
                for _ in 0..thousands {
                    // Read now and then, so that the server goes on.
                    let (mut read, mut write) = stream.split();
                    let reading = async { tokio::time::timeout(Duration::from_millis(50), read.read(&mut acks)).await };
                    let (_, written) = tokio::join!(reading, write.write_all(&many));
                    written?;
                }
                return Ok(());
            }
            Self::Deaf => {
                hello(stream).await?;
                // Not faster than all are answered, where the machine keeps up, and until nobody takes any more: what the
                // kernels hold of the answers is theirs to say. Never reading, it learns of the end by writing.
                let some = package(layout, 1).repeat(MAX_REPEATS / 4);
                loop {
                    stream.write_all(&some).await?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            Self::Hoard => {
                hello(stream).await?;
                let len = layout.max_msg_size().get();
                let payload = vec![b'x'; usize::from(len)];
                let most = (MAX_HELD_BYTES / usize::from(len)).min(MAX_HELD_PACKAGES);
                let positions: Vec<i32> = (2..).take(most).collect();
                for volley in positions.chunks(VOLLEY) {
                    let frames = volley.iter().flat_map(|pos| frame(layout, Name::Msg, &payload, *pos));
                    stream.write_all(&frames.collect::<Vec<u8>>()).await?;
                }
            }
            Self::Reset => {
                hello(stream).await?;
                stream.write_all(&package(layout, 1)).await?;
                return stream.set_zero_linger();
            }
            Self::Reversed => {
                hello(stream).await?;
                let mut ack = Vec::new();
                Frame::from_server(Name::Ack, b"1", 0.0).emit(layout, &mut ack).map_err(io::Error::other)?;
                stream.write_all(&ack).await?;
            }
            Self::EarlyClose => {
                hello(stream).await?;
                stream.write_all(&frame(layout, Name::Close, b"", 2)).await?;
            }
        }
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Garbage => "garbage",
            Self::Silence => "silence",
            Self::HalfFrame => "half a frame, then silence",
            Self::Drip => "a slow drip",
            Self::Jumps => "positions that jump",
            Self::Duplicates(_) => "duplicates without end",
            Self::Deaf => "never reading ACKs",
            Self::Hoard => "all that is held, then silence",
            Self::Reset => "RST in the middle",
            Self::Reversed => "a server's frame",
            Self::EarlyClose => "CLOSE before DONE",
        })
    }
}

async fn hello(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(&frame(HANDSHAKE, Name::GetMax, b"", 0)).await?;
    stream.read_exact(&mut [0; HANDSHAKE.len()]).await.map(drop)
}

fn package(layout: FrameLayout, pos: i32) -> Vec<u8> {
    frame(layout, Name::Msg, b"x", pos)
}

/// A frame of a client.
pub(crate) fn frame(layout: FrameLayout, name: Name, payload: &[u8], pos: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = Frame::from_client(name, payload, Pos(pos), 0.0);
    frame.emit(layout, &mut bytes).expect("the payloads of attacks fit into any frame");
    bytes
}
