//! Exchanges per second over loopback: the client and server beside a bare pair of threads.
//!
//! The bare pair is the least that can exchange the same frames: one thread per side, blocking sockets without
//! delay, the same sizes, one ACK per package, the same window, and no rules, timers, events or state besides.
//! `plain` writes and reads frame by frame; `buffered` joins what is ready into one write and one read.
//! Both run in the same process, in turn. `-- --test` runs each once and small.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use arqscope::net::{ClientOptions, Listener, ServerOptions, Stopping, Threads, block_on, transfer};
use arqscope::wire::{Frame, FrameLayout, FrameView, HANDSHAKE, MaxMsgSize, Name, Pos};

/// How the bare pair uses its sockets.
#[derive(Clone, Copy)]
enum Sockets {
    Plain,
    Buffered,
}

/// What is exchanged: N packages of P bytes under one window.
#[derive(Clone, Copy)]
struct Load {
    max_msg_size: u16,
    window: u32,
    packages: u32,
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--test");
    let loads = [(10, 1, 60_000), (10, 3, 120_000), (10, 64, 600_000), (10, 1000, 1_000_000), (1000, 64, 400_000)];
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "{:>6} {:>7} {:>9}  {:>12} {:>12} {:>12}   exchanges/s (one package and its ACK), best of 3",
        "P", "window", "packages", "plain", "buffered", "arqscope"
    );
    for (max_msg_size, window, packages) in loads {
        let packages = if smoke { packages / 500 } else { packages };
        let load = Load { max_msg_size, window, packages };
        let rounds = if smoke { 1 } else { 3 };
        // In turn, so that whatever else the machine does hits all three alike.
        let mut best = [Duration::MAX; 3];
        for _ in 0..rounds {
            best[0] = best[0].min(bare(load, Sockets::Plain));
            best[1] = best[1].min(bare(load, Sockets::Buffered));
            best[2] = best[2].min(arqscope_pair(load));
        }
        let rate = |taken: Duration| f64::from(packages) / taken.as_secs_f64();
        let _ = writeln!(
            out,
            "{max_msg_size:>6} {window:>7} {packages:>9}  {:>12.0} {:>12.0} {:>12.0}",
            rate(best[0]),
            rate(best[1]),
            rate(best[2])
        );
    }
}

/// One exchange of the bare pair, from connecting to DISCONNECT.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn bare(load: Load, sockets: Sockets) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        bare_server(stream, load, sockets);
    });
    let start = Instant::now();
    bare_client(TcpStream::connect(address).expect("loopback"), load, sockets);
    server.join().expect("the server thread does not panic");
    start.elapsed()
}

/// One exchange of the client and the server, a thread each, from connecting to DISCONNECT.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn arqscope_pair(load: Load) -> Duration {
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let mut options = ServerOptions::new(MaxMsgSize::new(load.max_msg_size).expect("in range"));
        options.count = Some(1);
        let (_keep, stopping) = tokio::sync::watch::channel(Stopping::No);
        block_on(Threads::One, async {
            let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("loopback");
            tell.send(listener.local_addr().expect("bound")).expect("the client waits");
            listener.serve(options, stopping, |_| ()).await
        })
    });
    let address = told.recv().expect("the server is bound");
    let message = vec![b'x'; usize::from(load.max_msg_size) * load.packages as usize];
    let options = ClientOptions::new("127.0.0.1", address.port(), load.window, Duration::from_secs(5));
    let start = Instant::now();
    let sent = block_on(Threads::One, transfer(&options, message, std::future::pending(), &mut |_| ()));
    assert!(sent.expect("a runtime").expect("loopback").is_complete());
    server.join().expect("the server thread does not panic").expect("a runtime");
    start.elapsed()
}

fn layout(load: Load) -> FrameLayout {
    FrameLayout::new(MaxMsgSize::new(load.max_msg_size).expect("in range"))
}

fn bare_client(mut stream: TcpStream, load: Load, sockets: Sockets) {
    let layout = layout(load);
    let _ = stream.set_nodelay(true);
    let mut batch = Vec::new();
    emit(&Frame::from_client(Name::GetMax, b"", Pos(0), 0.0), HANDSHAKE, &mut batch);
    let mut input = Input::new(sockets);
    flush(&mut stream, &mut batch);
    input.frame(&mut stream, HANDSHAKE.len(), |_| ());
    let slice = vec![b'x'; usize::from(load.max_msg_size)];
    let last = load.packages as i32;
    let (mut acked, mut next) = (0_i32, 1_i32);
    while acked < last {
        while next <= last && next <= acked + load.window as i32 {
            emit(&Frame::from_client(Name::Msg, &slice, Pos(next), next.into()), layout, &mut batch);
            next += 1;
            if matches!(sockets, Sockets::Plain) || batch.len() > 1 << 16 {
                flush(&mut stream, &mut batch);
            }
        }
        flush(&mut stream, &mut batch);
        loop {
            acked = input.frame(&mut stream, layout.len(), |bytes| ack_number(bytes, layout));
            if input.at < layout.len() {
                break;
            }
        }
    }
    for (name, pos) in [(Name::Done, last + 1), (Name::Close, last + 2)] {
        emit(&Frame::from_client(name, b"", Pos(pos), 0.0), layout, &mut batch);
        flush(&mut stream, &mut batch);
        input.frame(&mut stream, layout.len(), |_| ());
    }
}

fn bare_server(mut stream: TcpStream, load: Load, sockets: Sockets) {
    let layout = layout(load);
    let _ = stream.set_nodelay(true);
    let mut input = Input::new(sockets);
    let mut batch = Vec::new();
    input.frame(&mut stream, HANDSHAKE.len(), |_| ());
    emit(&Frame::from_server(Name::ReturnMax, b"10", 0.0), HANDSHAKE, &mut batch);
    flush(&mut stream, &mut batch);
    let mut message = Vec::new();
    let mut digits = String::new();
    loop {
        let (name, pos) = input.frame(&mut stream, layout.len(), |bytes| {
            let view = FrameView::new(bytes, layout).expect("a whole frame");
            if view.name() == Some(Name::Msg) {
                message.extend_from_slice(view.payload());
            }
            (view.name(), view.pos())
        });
        if message.len() > 1 << 16 {
            black_box(&message);
            message.clear();
        }
        digits.clear();
        let _ = std::fmt::Write::write_fmt(&mut digits, format_args!("{pos}"));
        emit(&Frame::from_server(Name::Ack, digits.as_bytes(), f64::from(pos.0)), layout, &mut batch);
        if matches!(sockets, Sockets::Plain) || input.at < layout.len() {
            flush(&mut stream, &mut batch);
        }
        if name == Some(Name::Close) {
            return;
        }
    }
}

fn emit(frame: &Frame<'_>, layout: FrameLayout, out: &mut Vec<u8>) {
    frame.emit(layout, out).expect("the payload fits");
}

fn flush(stream: &mut TcpStream, batch: &mut Vec<u8>) {
    if !batch.is_empty() {
        stream.write_all(batch).expect("loopback");
        batch.clear();
    }
}

fn ack_number(bytes: &[u8], layout: FrameLayout) -> i32 {
    FrameView::new(bytes, layout).and_then(FrameView::ack_number).map_or(0, |pos| pos.0)
}

/// What has been read: `buffer[from..from + at]`.
struct Input {
    sockets: Sockets,
    buffer: Vec<u8>,
    from: usize,
    at: usize,
}

impl Input {
    fn new(sockets: Sockets) -> Self {
        Self { sockets, buffer: vec![0; 1 << 17], from: 0, at: 0 }
    }

    /// Reads until a frame of `len` bytes is there and takes it.
    fn frame<T>(&mut self, stream: &mut TcpStream, len: usize, take: impl FnOnce(&[u8]) -> T) -> T {
        if matches!(self.sockets, Sockets::Plain) {
            stream.read_exact(&mut self.buffer[..len]).expect("the other side sends whole frames");
            return take(&self.buffer[..len]);
        }
        while self.at < len {
            self.buffer.copy_within(self.from..self.from + self.at, 0);
            self.from = 0;
            let n = stream.read(&mut self.buffer[self.at..]).expect("loopback");
            assert!(n > 0, "the other side sends whole frames");
            self.at += n;
        }
        let taken = take(&self.buffer[self.from..self.from + len]);
        self.from += len;
        self.at -= len;
        taken
    }
}
