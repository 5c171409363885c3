//! Exchanges written down frame by frame, as captures: for what no client or server that keeps the rules would do.
//!
//! A line a frame: `TIME SIDE NAME NUMBER [PAYLOAD] [KEY=VALUE]...`, for example `0.5 client MSG 1 aaaa sent=0.3`.
//! An ACK's number is its payload, everything else's its position. Keys: `sent` (sent_time, otherwise TIME), `pos`,
//! `seq`, `prev_seq`, `ack`, `payload`, `header`, `padding` (one alignment byte). In front of the side may stand `lost`
//! (the packet is not captured) or `cut=N` (only N bytes of the frame are). Other lines:
//!
//! * `P N`: maximum_msg_size, otherwise 4. `bare`: the handshake is among the lines; otherwise it comes first.
//! * `midstream`: nothing is captured before the first line. `only client`: nothing of the server is.
//! * `TIME bytes SIDE HEX`: any bytes. `TIME finish N`: the end of a message of N packages, DONE to FIN.
//! * `TIME fin`, `TIME rst SIDE`: the end of the connection. `backwards TIME`: the capture's clock jumps back by so much.

use std::collections::BTreeSet;

use crate::capture_writer::{CaptureWriter, Description};
use crate::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use crate::decode::{Endpoint, TcpSeq};
use crate::time::Timestamp;
use crate::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

/// Monday 2026-01-05 at 09:00 UTC, in nanoseconds.
const START: i64 = 1_767_603_600_000_000_000;

/// The pcapng capture of a script.
pub(super) fn capture(script: &str) -> Vec<u8> {
    let mut scene = Scene::new(script);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        scene.line(line);
    }
    scene.writer.finish().unwrap()
}

struct Scene {
    tcp: TcpConversation,
    writer: CaptureWriter<Vec<u8>>,
    layout: FrameLayout,
    /// Sides of which nothing is captured: true for the client.
    unseen: BTreeSet<bool>,
    captured: bool,
    offset: i64,
}

/// Writes packets, or fewer of their bytes, or none.
struct Through<'a> {
    writer: &'a mut CaptureWriter<Vec<u8>>,
    keep: usize,
}

impl PacketSink for Through<'_> {
    type Error = std::io::Error;

    fn packet(&mut self, packet: WirePacket<'_>) -> std::io::Result<()> {
        if self.keep == 0 {
            return Ok(());
        }
        let kept = packet.payload.get(..self.keep).unwrap_or(packet.payload);
        self.writer.write(packet.time, [packet.header, kept], packet.original_len())
    }
}

/// Writes the packets of the sides that are captured.
struct Sides<'a>(&'a mut CaptureWriter<Vec<u8>>, &'a BTreeSet<bool>);

impl PacketSink for Sides<'_> {
    type Error = std::io::Error;

    fn packet(&mut self, packet: WirePacket<'_>) -> std::io::Result<()> {
        let keep = if self.1.contains(&(packet.from == Side::Client)) { 0 } else { usize::MAX };
        Through { writer: self.0, keep }.packet(packet)
    }
}

fn at(seconds: f64, offset: i64) -> Timestamp {
    Timestamp::from_nanos(START + (seconds * 1e9).round() as i64 + offset)
}

fn side(word: &str) -> Side {
    match word {
        "client" => Side::Client,
        "server" => Side::Server,
        _ => panic!("{word} is no side"),
    }
}

impl Scene {
    fn new(script: &str) -> Self {
        let has = |word: &str| script.lines().any(|line| line.trim() == word);
        let p = script.lines().find_map(|line| line.trim().strip_prefix("P ")).map_or(4, |p| p.parse().unwrap());
        let server = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 55_558 };
        let tcp = TcpConversation::new(client_endpoint(0, server), server, [TcpSeq(1000), TcpSeq(9000)]);
        let description = Description { comment: "written from a list of frames", ..Description::default() };
        let mut scene = Self {
            tcp,
            writer: CaptureWriter::pcapng(Vec::new(), &description).unwrap(),
            layout: FrameLayout::new(MaxMsgSize::new(p).unwrap()),
            unseen: if has("only client") { BTreeSet::from([false]) } else { BTreeSet::new() },
            captured: !has("midstream"),
            offset: 0,
        };
        if scene.captured {
            let times = [at(0.0, 0), at(0.00002, 0), at(0.00004, 0)];
            scene.tcp.open(times, &mut Sides(&mut scene.writer, &scene.unseen)).unwrap();
        } else {
            let nothing = BTreeSet::from([false, true]);
            scene.tcp.open([at(0.0, 0); 3], &mut Sides(&mut scene.writer, &nothing)).unwrap();
        }
        if !has("bare") {
            scene.line("0.001 client GET_MAX 0");
            scene.line(&format!("0.002 server RETURN_MAX 0 payload={p}"));
        }
        scene.captured = true;
        scene
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["P" | "bare" | "midstream" | "only", ..] => {}
            ["backwards", by] => self.offset -= (by.parse::<f64>().unwrap() * 1e9) as i64,
            [time, "bytes", from, hex] => {
                let bytes: Vec<u8> =
                    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
                self.put(side(from), &bytes, time.parse().unwrap(), usize::MAX);
            }
            [time, "finish", packages] => {
                let (t, n): (f64, i32) = (time.parse().unwrap(), packages.parse().unwrap());
                self.line(&format!("{t} client DONE {}", n + 1));
                self.line(&format!("{} server ACK {}", t + 0.01, n + 1));
                self.line(&format!("{} client CLOSE {}", t + 0.02, n + 2));
                self.line(&format!("{} server DISCONNECT 0", t + 0.03));
                self.line(&format!("{} fin", t + 0.04));
            }
            [time, "fin"] => {
                let t: f64 = time.parse().unwrap();
                let times = [at(t, self.offset), at(t + 0.0001, self.offset), at(t + 0.0002, self.offset)];
                self.tcp.close(Side::Server, times, &mut Sides(&mut self.writer, &self.unseen)).unwrap();
            }
            [time, "rst", from] => {
                let time = at(time.parse().unwrap(), self.offset);
                self.tcp.reset(side(from), time, &mut Sides(&mut self.writer, &self.unseen)).unwrap();
            }
            [time, "lost", rest @ ..] => self.frame(time.parse().unwrap(), rest, 0),
            [time, cut, rest @ ..] if cut.starts_with("cut=") => {
                self.frame(time.parse().unwrap(), rest, cut[4..].parse().unwrap());
            }
            [time, rest @ ..] => self.frame(time.parse().unwrap(), rest, usize::MAX),
            [] => {}
        }
    }

    fn put(&mut self, from: Side, bytes: &[u8], time: f64, keep: usize) {
        let seen = self.captured && !self.unseen.contains(&(from == Side::Client));
        let mut through = Through { writer: &mut self.writer, keep: if seen { keep } else { 0 } };
        self.tcp.send(from, bytes, at(time, self.offset), &mut through).unwrap();
    }

    fn frame(&mut self, time: f64, words: &[&str], keep: usize) {
        let [from, name, number, rest @ ..] = words else { panic!("{words:?} is no frame") };
        let from = side(from);
        let number: i32 = number.parse().unwrap();
        let value = |key: &str| rest.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let bare = rest.first().filter(|word| !word.contains('=')).copied();
        let known = Name::ALL.into_iter().find(|known| known.as_str() == *name);
        let default = match known {
            Some(Name::Done) => "EOMsg",
            Some(Name::Close) => "request to close connection",
            Some(Name::Disconnect) => "approving client disconnection",
            _ => "",
        };
        let layout = if known.is_some_and(Name::is_handshake) { HANDSHAKE } else { self.layout };
        let p = usize::from(layout.max_msg_size().get());
        let text = match known {
            Some(Name::Ack) => value("payload").map_or_else(|| number.to_string(), str::to_owned),
            _ => value("payload").or(bare).unwrap_or(default).to_owned(),
        };
        let payload = text.as_bytes().get(..p).unwrap_or(text.as_bytes());
        let sent = START as f64 / 1e9 + value("sent").map_or(time, |sent| sent.parse().unwrap());
        let name = known.unwrap_or(Name::Msg);
        let mut frame = match from {
            Side::Client => Frame::from_client(name, payload, Pos(number), sent),
            Side::Server => Frame::from_server(name, payload, sent),
        };
        let int = |key: &str, or: i32| value(key).map_or(or, |value| value.parse().unwrap());
        frame.pos = Pos(int("pos", frame.pos.0));
        frame.seq = int("seq", frame.seq);
        frame.prev_seq = int("prev_seq", frame.prev_seq);
        let mut bytes = Vec::new();
        frame.emit(layout, &mut bytes).unwrap();
        if let Some(header) = value("header") {
            bytes[..10].fill(0);
            bytes[..header.len()].copy_from_slice(header.as_bytes());
        }
        if let Some(byte) = value("ack") {
            bytes[layout.ack()] = byte.parse().unwrap();
        }
        if value("padding").is_some() {
            bytes[layout.ack() + 1] = 1;
        }
        self.put(from, &bytes, time, keep);
    }
}
