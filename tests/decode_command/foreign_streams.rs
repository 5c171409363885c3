//! Streams of other protocols never become frames: random bytes, text, and binary records that resemble ours.

use std::net::{IpAddr, Ipv4Addr};

use arqscope::decode::framing::{FrameSink, FramedConnection, Framing, FramingOptions, LocatedFrame};
use arqscope::decode::reassembly::StreamLimits;
use arqscope::decode::{Connections, Endpoint, Segment, TcpFlags, TcpSeq};

/// Streams tried; the environment variable ARQSCOPE_FOREIGN_STREAMS sets another number, such as a million.
const STREAMS: u64 = 20_000;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn choose<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }
}

const WORDS: [&str; 16] = [
    "MSG",
    "ACK",
    "DONE",
    "CLOSE",
    "GET_MAX",
    "RETURN_MAX",
    "DISCONNECT",
    "GET / HTTP/1.1",
    "Host: ",
    "0",
    "17",
    "the",
    "maximum_msg_size:10",
    "EOMsg",
    "{\"ack\":",
    "</html>",
];

/// One direction of a foreign stream.
fn foreign(random: &mut Random) -> Vec<u8> {
    let len = random.below(3000) as usize;
    let mut out = Vec::with_capacity(len + 128);
    match random.below(7) {
        0 => out.resize_with(len, || random.next() as u8),
        1 => {
            // Text with the protocol's own words in it.
            while out.len() < len {
                out.extend_from_slice(random.choose(&WORDS).as_bytes());
                out.extend_from_slice(random.choose(&[" ", "\n", "\r\n", "\t", ", ", "\0"]).as_bytes());
            }
        }
        2 => {
            // Fixed records: an eight-byte name, a float time, counters.
            let size = 24 + 4 * random.below(12) as usize;
            for n in 0..(len / size) as u64 {
                let mut record = vec![0; size];
                let name = random.choose(&["DATA", "MSG", "ACK", "PING"]).as_bytes();
                record[..name.len()].copy_from_slice(name);
                record[8..16].copy_from_slice(&(1.7e9 + n as f64).to_le_bytes());
                record[16..20].copy_from_slice(&(n as u32).to_le_bytes());
                record[20..24].copy_from_slice(&(n as u32).to_le_bytes());
                out.extend(record);
            }
        }
        3 => out.resize_with(len, || if random.below(9) == 0 { random.next() as u8 & 3 } else { 0 }),
        4 => {
            // Headers of the protocol, padded as ours are, before bytes that are not the rest of a frame.
            while out.len() < len {
                let name = random.choose(&["MSG", "ACK", "DONE", "CLOSE", "GET_MAX"]).as_bytes();
                out.extend_from_slice(name);
                out.resize(out.len() + 10 - name.len(), 0);
                let body = random.below(60);
                out.extend((0..body).map(|_| random.next() as u8));
            }
        }
        5 => {
            // Lengths and small big-endian numbers, as in TLS and HTTP/2.
            while out.len() < len {
                let body = random.below(200) as u16;
                out.extend_from_slice(&[0x17, 3, 3]);
                out.extend_from_slice(&body.to_be_bytes());
                out.extend((0..body).map(|_| random.next() as u8));
            }
        }
        _ => {
            // Little-endian counters and clocks, no names.
            let start = random.below(1 << 20) as u32;
            for n in 0..(len / 16) as u32 {
                out.extend_from_slice(&(start + n).to_le_bytes());
                out.extend_from_slice(&(1.7e9 + f64::from(n)).to_le_bytes());
                out.extend_from_slice(&(start + n).to_le_bytes());
            }
        }
    }
    out
}

#[derive(Default)]
struct Frames {
    names: Vec<Vec<u8>>,
}

impl FrameSink for Frames {
    type State = ();

    fn frame(&mut self, _: &FramedConnection<'_>, (): &mut (), frame: &LocatedFrame<'_>) {
        self.names.push(frame.frame.view().header_text().to_vec());
    }
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint { addr: IpAddr::V4(Ipv4Addr::LOCALHOST), port }
}

fn segment(ports: [u16; 2], seq: u32, flags: TcpFlags, payload: &[u8]) -> Segment<'_> {
    Segment {
        packet: 1,
        time: None,
        source: endpoint(ports[0]),
        destination: endpoint(ports[1]),
        seq: TcpSeq(seq),
        ack: TcpSeq(0),
        flags,
        payload,
        missing: 0,
    }
}

fn run(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let random = &mut Random(seed);
        let mut framing = Framing::new(FramingOptions::default(), Frames::default());
        let mut connections = Connections::new(StreamLimits::prompt());
        let sides = [foreign(random), foreign(random)];
        for (ports, bytes) in [[40_000, 55_558], [55_558, 40_000]].into_iter().zip(&sides) {
            let mut seq = 1000;
            if random.below(2) == 0 {
                connections.segment(&segment(ports, seq, TcpFlags::SYN, b""), &mut framing);
                seq += 1;
            }
            let step = 1 + random.below(1460) as usize;
            for piece in bytes.chunks(step) {
                connections.segment(&segment(ports, seq, TcpFlags::default(), piece), &mut framing);
                seq += piece.len() as u32;
            }
        }
        connections.finish(&mut framing);
        let counts = framing.counts();
        assert_eq!((counts.connections, framing.sink.names.len()), (0, 0), "seed {seed}: {:?}", framing.sink.names);
    }
}

#[test]
fn foreign_streams_never_become_frames() {
    let streams = std::env::var("ARQSCOPE_FOREIGN_STREAMS").ok().and_then(|n| n.parse().ok());
    run(0..streams.unwrap_or(STREAMS));
}
