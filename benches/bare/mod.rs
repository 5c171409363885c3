//! The floor of an exchange: the least that can carry the same frames between two threads.
//!
//! Blocking sockets without delay, one thread a side, the same frames of the same size, stamped, one ACK a package, the
//! same window, a message in memory; and no rules, timers, events, losses or other clients. Every frame is a copy of one
//! template with its slice and its numbers put in.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos};

/// How the pair uses its sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sockets {
    /// One system call a frame, and one stamp.
    Plain,
    /// Everything that is ready in one call, with one stamp.
    Batched,
}

/// What is exchanged: N packages of P bytes under one window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) max_msg_size: u16,
    pub(crate) window: u32,
    pub(crate) packages: u32,
}

impl Load {
    pub(crate) fn layout(self) -> FrameLayout {
        FrameLayout::new(MaxMsgSize::new(self.max_msg_size).expect("P is 4 to 9999"))
    }
}

/// Bytes at which a batch is written.
const BATCH: usize = 64 << 10;

/// One exchange, from connecting to DISCONNECT.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn exchange(load: Load, sockets: Sockets) -> Duration {
    let message = vec![b'x'; usize::from(load.max_msg_size) * load.packages as usize];
    let (client, server) = connected();
    let start = Instant::now();
    let server = std::thread::spawn(move || serve(server, load, sockets));
    send(client, &message, load, sockets);
    server.join().expect("the server thread does not panic");
    start.elapsed()
}

/// `bytes` through loopback one way, in writes of 64 KiB: how long.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn raw(bytes: u64) -> Duration {
    let (mut client, mut server) = connected();
    let start = Instant::now();
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 256 << 10];
        while server.read(&mut buffer).expect("loopback") > 0 {}
    });
    let chunk = vec![b'x'; BATCH];
    let mut left = bytes;
    while left > 0 {
        let n = left.min(BATCH as u64);
        client.write_all(&chunk[..n as usize]).expect("loopback");
        left -= n;
    }
    drop(client);
    reader.join().expect("the reader does not panic");
    start.elapsed()
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("loopback");
    let (server, _) = listener.accept().expect("a client");
    for socket in [&client, &server] {
        socket.set_nodelay(true).expect("TCP");
    }
    (client, server)
}

#[expect(clippy::disallowed_methods, reason = "frames are stamped, as those of the real endpoints are")]
fn stamp() -> [u8; 8] {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()).to_le_bytes()
}

fn frame(frame: &Frame<'_>, layout: FrameLayout) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.emit(layout, &mut bytes).expect("the payload fits");
    bytes
}

fn send(mut stream: TcpStream, message: &[u8], load: Load, sockets: Sockets) {
    let layout = load.layout();
    let mut input = Input::new(sockets);
    stream.write_all(&frame(&Frame::from_client(Name::GetMax, b"", Pos(0), 0.0), HANDSHAKE)).expect("loopback");
    input.frames(&mut stream, HANDSHAKE.len(), |_| ());
    let template = frame(&Frame::from_client(Name::Msg, b"", Pos(0), 0.0), layout);
    let mut slices = message.chunks_exact(usize::from(load.max_msg_size));
    let last = load.packages as i32;
    let (mut acked, mut next) = (0_i32, 1_i32);
    let mut batch = Vec::new();
    while acked < last {
        let edge = last.min(acked + load.window as i32);
        while next <= edge {
            let sent_time = stamp();
            while next <= edge {
                let start = batch.len();
                batch.extend_from_slice(&template[..layout.payload()]);
                batch.extend_from_slice(slices.next().unwrap_or_default());
                batch.extend_from_slice(&template[layout.payload_end()..]);
                let frame = &mut batch[start..];
                let pos = next.to_le_bytes();
                frame[layout.seq()..][..4].copy_from_slice(&pos);
                frame[layout.sent_time()..][..8].copy_from_slice(&sent_time);
                frame[layout.prev_seq()..][..4].copy_from_slice(&pos);
                frame[layout.pos()..][..4].copy_from_slice(&pos);
                next += 1;
                if sockets == Sockets::Plain || batch.len() >= BATCH {
                    break;
                }
            }
            stream.write_all(&batch).expect("loopback");
            batch.clear();
        }
        input.frames(&mut stream, layout.len(), |frame| acked = number(&frame[layout.payload()..layout.payload_end()]));
    }
    for (name, pos) in [(Name::Done, last + 1), (Name::Close, last + 2)] {
        stream.write_all(&frame(&Frame::from_client(name, b"", Pos(pos), 0.0), layout)).expect("loopback");
        input.frames(&mut stream, layout.len(), |_| ());
    }
}

fn serve(mut stream: TcpStream, load: Load, sockets: Sockets) {
    let layout = load.layout();
    let mut input = Input::new(sockets);
    input.frames(&mut stream, HANDSHAKE.len(), |_| ());
    stream.write_all(&frame(&Frame::from_server(Name::ReturnMax, b"10", 0.0), HANDSHAKE)).expect("loopback");
    let template = frame(&Frame::from_server(Name::Ack, b"", 0.0), layout);
    let (mut batch, mut message) = (Vec::new(), Vec::new());
    let mut digits = itoa::Buffer::new();
    let mut over = false;
    while !over {
        input.wait(&mut stream, layout.len());
        let sent_time = stamp();
        input.take(layout.len(), |frame| {
            over = frame.starts_with(b"CLOSE");
            message.extend_from_slice(&frame[layout.payload()..layout.payload_end()]);
            let pos = frame[layout.pos()..][..4].try_into().map_or(0, i32::from_le_bytes);
            let digits = digits.format(pos).as_bytes();
            let start = batch.len();
            batch.extend_from_slice(&template);
            let ack = &mut batch[start..];
            ack[layout.payload()..][..digits.len()].copy_from_slice(digits);
            ack[layout.sent_time()..][..8].copy_from_slice(&sent_time);
        });
        stream.write_all(&batch).expect("loopback");
        batch.clear();
        if message.len() > BATCH {
            black_box(&message);
            message.clear();
        }
    }
}

fn number(digits: &[u8]) -> i32 {
    digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |n, digit| n * 10 + i32::from(digit - b'0'))
}

/// What has been read and is no whole frame yet: `buffer[..held]`.
struct Input {
    sockets: Sockets,
    buffer: Vec<u8>,
    held: usize,
}

impl Input {
    fn new(sockets: Sockets) -> Self {
        Self { sockets, buffer: vec![0; 256 << 10], held: 0 }
    }

    /// Waits for frames of `len` bytes and takes all that are there.
    fn frames(&mut self, stream: &mut TcpStream, len: usize, take: impl FnMut(&[u8])) {
        self.wait(stream, len);
        self.take(len, take);
    }

    /// Reads until a frame of `len` bytes is there, and no further.
    fn wait(&mut self, stream: &mut TcpStream, len: usize) {
        let room = if self.sockets == Sockets::Plain { len } else { self.buffer.len() };
        while self.held < len {
            let n = stream.read(&mut self.buffer[self.held..room]).expect("loopback");
            assert!(n > 0, "the other side sends whole frames");
            self.held += n;
        }
    }

    fn take(&mut self, len: usize, take: impl FnMut(&[u8])) {
        let whole = self.held - self.held % len;
        self.buffer[..whole].chunks_exact(len).for_each(take);
        self.buffer.copy_within(whole..self.held, 0);
        self.held -= whole;
    }
}
