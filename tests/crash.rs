//! Commands that are killed in the middle: what their recordings and message files hold then.
//!
//! `ARQSCOPE_KILLS` says how many are killed, every other one a server, and `ARQSCOPE_KILLS_SEED` when.
//!
//! What is promised of a process that is killed:
//!
//! * Its recording opens, and holds everything but, at most, the one call to the socket or to the file that was under way. So
//!   it holds everything that the process acted upon.
//! * A message file under its final name is whole. What was acknowledged is in the file, partial or whole.
//! * What was left behind is in nobody's way: the next server takes the same port and folder.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod commands;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use arqscope::wire::{FrameLayout, FrameView, HANDSHAKE, MaxMsgSize, Name};
use commands::{Place, Server, text};
use oorandom::Rand64;

/// The most bytes that are handed to a socket at once: a batch of 64 KiB whose last frame goes beyond it.
const ONE_WRITE: usize = (64 << 10) + FrameLayout::new(MaxMsgSize::MAX).len();

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Both directions of the one connection of a recording, as tshark reads them.
#[derive(Debug, Default)]
struct Heard {
    client: Vec<u8>,
    server: Vec<u8>,
    /// Whether the file ends in the middle of a packet.
    torn: bool,
}

fn heard(path: &Path, port: &str) -> Heard {
    if fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        // It was killed before it had written a byte of it.
        return Heard::default();
    }
    let fields = ["-T", "fields", "-e", "tcp.srcport", "-e", "tcp.payload"];
    let tshark = Command::new("tshark").args(["-n", "-r"]).arg(path).args(fields).output().unwrap();
    let words = text(&tshark.stderr);
    let torn = words.contains("cut short in the middle of a packet");
    assert!(tshark.status.success() || torn, "{}: {words}", path.display());
    let mut heard = Heard { torn, ..Heard::default() };
    for line in text(&tshark.stdout).lines() {
        let (from, payload) = line.split_once('\t').unwrap_or((line, ""));
        let hex = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes = payload.as_bytes().chunks(2).map(hex);
        if from == port { heard.server.extend(bytes) } else { heard.client.extend(bytes) }
    }
    heard
}

/// Of the frames that a side wrote after the handshake: the positions of its MSGs and DONEs, or the numbers of its ACKs.
fn numbers(stream: &[u8], layout: FrameLayout) -> BTreeSet<i32> {
    let frames = stream.get(HANDSHAKE.len()..).unwrap_or_default().chunks_exact(layout.len());
    let views = frames.map(|frame| FrameView::new(frame, layout).unwrap());
    let number = |view: FrameView<'_>| match view.name().unwrap() {
        Name::Ack => Some(view.ack_number().unwrap().0),
        Name::Msg | Name::Done => Some(view.pos().0),
        _ => None,
    };
    views.filter_map(number).collect()
}

/// What is counted over all kills.
#[derive(Debug, Default)]
struct Figures {
    /// Exchanges that were under way: the message had begun and was not delivered.
    in_the_middle: u64,
    /// Recordings without the last write.
    one_write_short: u64,
    /// Recordings whose last packet is cut.
    torn: u64,
    /// Bytes that the victims had recorded.
    bytes: usize,
}

/// An exchange under way, both sides recorded.
struct Exchange {
    server: Server,
    client: Child,
    remains: Remains,
}

/// What an exchange leaves in its folder.
struct Remains {
    place: Place,
    port: String,
    message: Vec<u8>,
    layout: FrameLayout,
    window: i32,
}

impl Exchange {
    fn begin(random: &mut Rand64) -> Self {
        let place = Place::new();
        let mut below = |end: u64| random.rand_range(0..end);
        let (max_msg_size, window) = (MaxMsgSize::new(16 + below(500) as u16).unwrap(), 1 + below(64) as i32);
        let (packages, pace) = if below(2) == 0 { (6000, "0") } else { (1500, "1") };
        let len = usize::from(max_msg_size.get()) * (500 + below(packages) as usize);
        let message: Vec<u8> = (0..len).map(|_| 1 + below(255) as u8).collect();
        fs::write(place.path("message"), &message).unwrap();
        let [p, window_size, seed] = [u64::from(max_msg_size.get()), window as u64, below(1000)].map(|n| n.to_string());
        let loss = ["--loss", "0.005", "--seed", &seed, "--capture"];
        let options = ["s.pcapng", "--output", "got", "--max-msg-size", &p, "--grace", "0.1"];
        let server = place.server(&[&loss[..], &options].concat());
        let port = server.port.clone();
        let options = ["c.pcapng", "--port", &port, "--file", "message", "--window", &window_size, "--timeout", "0.2"];
        let args = [&loss[..], &options, &["--pace", pace]].concat();
        let client = place.command(env!("CARGO_BIN_EXE_client"), &args).stderr(Stdio::null()).spawn().unwrap();
        let layout = FrameLayout::new(max_msg_size);
        Self { server, client, remains: Remains { place, port, message, layout, window } }
    }

    fn kill_server(mut self, figures: &mut Figures) {
        self.server.kill();
        self.client.wait().unwrap();
        let remains = self.remains;
        let [of_client, of_server] = remains.recordings();
        figures.look_at(&of_server);
        figures.compare(&of_server.server, &of_client.server);
        assert!(of_client.client.starts_with(&of_server.client), "the server recorded what the client did not write");

        let acknowledged = remains.numbers(&of_client.server).last().copied().unwrap_or(0);
        let arrived = remains.numbers(&of_server.client);
        let forgotten = (1..=acknowledged).find(|pos| !arrived.contains(pos));
        assert_eq!(forgotten, None, "the ACKs go to {acknowledged}, and not all arrivals before are recorded");
        let (kept, whole) = remains.kept();
        assert!(kept >= remains.bytes(acknowledged), "acknowledged to {acknowledged}, and {kept} bytes kept");
        assert!(whole || acknowledged <= remains.packages(), "DONE is acknowledged, and the message not whole");
        figures.in_the_middle += u64::from(kept > 0 && !whole);
        remains.serve_again();
    }

    fn kill_client(mut self, figures: &mut Figures) {
        self.client.kill().unwrap();
        self.client.wait().unwrap();
        self.server.signal("-TERM");
        let (code, _, log) = self.server.end();
        assert_eq!(code, 0, "{log}");
        let remains = self.remains;
        let [of_client, of_server] = remains.recordings();
        figures.look_at(&of_client);
        figures.compare(&of_client.client, &of_server.client);
        assert!(of_server.server.starts_with(&of_client.server), "the client recorded what the server did not write");

        let acknowledged = remains.numbers(&of_client.server).last().copied().unwrap_or(0);
        let written = remains.numbers(&of_server.client).last().copied().unwrap_or(0);
        let edge = acknowledged + remains.window;
        assert!(written <= edge, "{written} was written, beyond {edge}, which is all that the recorded ACKs allow");
        let (kept, whole) = remains.kept();
        assert!(
            whole || kept == 0 || log.contains(".partial"),
            "{kept} bytes are partial, and the log does not say so: {log}"
        );
        figures.in_the_middle += u64::from(kept > 0 && !whole);
    }
}

impl Remains {
    /// The client's and the server's.
    fn recordings(&self) -> [Heard; 2] {
        ["c.pcapng", "s.pcapng"].map(|name| heard(&self.place.path(name), &self.port))
    }

    fn numbers(&self, stream: &[u8]) -> BTreeSet<i32> {
        numbers(stream, self.layout)
    }

    fn packages(&self) -> i32 {
        self.message.len().div_ceil(usize::from(self.layout.max_msg_size().get())) as i32
    }

    /// Bytes of the message in its first packages.
    fn bytes(&self, packages: i32) -> usize {
        (packages as usize * usize::from(self.layout.max_msg_size().get())).min(self.message.len())
    }

    /// Bytes of the message that the server kept, and whether they have their final name.
    fn kept(&self) -> (usize, bool) {
        let names = self.place.names("got");
        let Some(name) = names.first() else { return (0, false) };
        assert_eq!(names.len(), 1, "{names:?}");
        let kept = fs::read(self.place.path("got").join(name)).unwrap();
        let whole = !name.ends_with(".partial");
        assert!(self.message.starts_with(&kept) && (!whole || kept == self.message), "{name}: {} bytes", kept.len());
        (kept.len(), whole)
    }

    /// The next server takes the port and the folder, and leaves what is there.
    fn serve_again(&self) {
        let before = self.place.names("got");
        let args = ["--max-msg-size", "16", "--output", "got", "--once", "--port", &self.port];
        let mut server = self.place.command(env!("CARGO_BIN_EXE_server"), &args).spawn().unwrap();
        let client = ["--port", &self.port, "--message", "next", "--window", "3", "--timeout", "5"];
        let sent = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            self.place.client(&client).status.success()
        });
        assert!(sent, "the next server does not answer");
        assert!(server.wait().unwrap().success());
        let names = self.place.names("got");
        let new = names.iter().find(|name| !before.contains(name)).unwrap();
        assert_eq!(fs::read(self.place.path("got").join(new)).unwrap(), b"next");
        assert_eq!(names.len(), before.len() + 1, "{names:?} after {before:?}");
    }
}

impl Figures {
    fn look_at(&mut self, victim: &Heard) {
        self.torn += u64::from(victim.torn);
        self.bytes += victim.client.len() + victim.server.len();
    }

    /// What the victim recorded as written, beside what reached the other side.
    fn compare(&mut self, wrote: &[u8], read: &[u8]) {
        if wrote.starts_with(read) {
            return;
        }
        assert!(read.starts_with(wrote), "the streams differ: {} bytes written, {} read", wrote.len(), read.len());
        assert!(read.len() - wrote.len() <= ONE_WRITE, "{} bytes are not recorded", read.len() - wrote.len());
        self.one_write_short += 1;
    }
}

#[test]
#[ignore = "needs tshark"]
fn what_is_killed_leaves_what_it_promised() {
    let (kills, seed) = (setting("ARQSCOPE_KILLS", 10), setting("ARQSCOPE_KILLS_SEED", 1));
    println!("{kills} kills, ARQSCOPE_KILLS_SEED={seed}");
    let mut figures = Figures::default();
    for number in 0..kills {
        let mut random = Rand64::new(u128::from(seed) << 64 | u128::from(number));
        let mut exchange = Exchange::begin(&mut random);
        exchange.server.log_until("connected");
        std::thread::sleep(Duration::from_micros(random.rand_range(0..300_000)));
        if number % 2 == 0 { exchange.kill_server(&mut figures) } else { exchange.kill_client(&mut figures) }
    }
    println!("{figures:#?}");
    assert!(figures.in_the_middle > kills / 2, "too few were killed in the middle to say anything");
}
