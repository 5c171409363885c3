//! A bench for broken endpoints: the library's own client and server in virtual time, something between them and the wire
//! that breaks a rule, and a capture taken at the client.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::time::Duration;

use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use arqscope::decode::{Endpoint as Address, TcpSeq};
use arqscope::endpoint::{
    Client, ClientConfig, Endpoint, FrameCopy, Moment, Server, ServerConfig, TransportEnd, WallClock,
};
use arqscope::fault::{FaultPlan, Faulty};
use arqscope::time::Timestamp;
use arqscope::wire::{FrameLayout, FrameView, MaxMsgSize, Name, Side};

pub(crate) const MILLI: u64 = 1_000_000;
const START: i64 = 1_767_603_600_000_000_000;
/// Nothing here takes longer.
const LIMIT: u64 = 60_000 * MILLI;
/// Twelve packages of four bytes.
const MESSAGE: &[u8] = b"aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllll";

/// An exchange that keeps the rules but for what `breaks` does to it.
pub(crate) struct Setup {
    pub(crate) window: u32,
    pub(crate) timeout: u64,
    pub(crate) pace: u64,
    pub(crate) delay: u64,
    pub(crate) max_resends: Option<u32>,
    pub(crate) client: FaultPlan,
    pub(crate) server: FaultPlan,
    /// The client ends its connection then.
    pub(crate) ends: Option<u64>,
    pub(crate) breaks: Box<dyn FnMut(&Frame) -> Option<Vec<Vec<u8>>>>,
    pub(crate) spoils: Box<dyn FnMut(&Packet) -> Kept>,
}

/// A frame on its way from an endpoint to the wire, or at its arrival.
pub(crate) struct Frame {
    pub(crate) name: Option<Name>,
    /// The position; of an ACK its number.
    pub(crate) pos: i32,
    pub(crate) resend: bool,
    /// It has arrived: what is returned is what the receiver writes at once, beside what its endpoint makes of it.
    pub(crate) arrived: bool,
    pub(crate) now: u64,
    pub(crate) bytes: Vec<u8>,
}

/// A packet on its way to the capture.
pub(crate) struct Packet {
    pub(crate) number: u64,
    pub(crate) from: Side,
    pub(crate) data: bool,
}

/// What the capture has of a packet.
pub(crate) enum Kept {
    Whole,
    Nothing,
    /// So many bytes of it.
    Part(usize),
    /// All, with a clock that is so many nanoseconds slow.
    Slow(i64),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            window: 3,
            timeout: 1000 * MILLI,
            pace: 0,
            delay: 5 * MILLI,
            max_resends: None,
            client: FaultPlan::default(),
            server: FaultPlan::default(),
            ends: None,
            breaks: Box::new(|_| None),
            spoils: Box::new(|_| Kept::Whole),
        }
    }
}

/// P of every exchange here.
pub(crate) fn layout() -> FrameLayout {
    FrameLayout::new(MaxMsgSize::MIN)
}

/// sent_time at `now`, as the endpoints have it.
pub(crate) fn sent_time(now: u64) -> f64 {
    WallClock::new(Timestamp::from_nanos(START)).unix_seconds(Moment::from_nanos(now))
}

/// Runs it and gives the capture.
pub(crate) fn run(setup: Setup) -> Vec<u8> {
    let clock = WallClock::new(Timestamp::from_nanos(START));
    let mut config = ClientConfig::new(setup.window, Duration::from_nanos(setup.timeout), clock);
    (config.pace, config.max_resends) = (Duration::from_nanos(setup.pace), setup.max_resends);
    let client = Client::new(MESSAGE.to_vec(), config).unwrap();
    let server = Server::new(ServerConfig { max_msg_size: MaxMsgSize::MIN, clock });
    let [server_address, client_address] = {
        let server = Address { addr: "127.0.0.1".parse().unwrap(), port: 55_558 };
        [server, client_endpoint(0, server)]
    };
    let mut bench = Bench {
        client: Faulty::new(client, setup.client),
        server: Faulty::new(server, setup.server),
        delay: setup.delay,
        breaks: setup.breaks,
        tcp: TcpConversation::new(client_address, server_address, [TcpSeq(1000), TcpSeq(9000)]),
        tape: Tape {
            to: CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap(),
            spoils: setup.spoils,
            packets: 0,
        },
        under_way: BinaryHeap::new(),
        events: 0,
        received: [0; 2],
        finished: [false; 2],
    };
    bench.tcp.open([at(0); 3], &mut bench.tape).unwrap();
    bench.drain(Side::Client, 0);
    bench.play(setup.ends.unwrap_or(u64::MAX));
    bench.tape.to.finish().unwrap()
}

fn at(now: u64) -> Timestamp {
    Timestamp::from_nanos(START + i64::try_from(now).unwrap())
}

struct Bench {
    client: Faulty<Client>,
    server: Faulty<Server>,
    delay: u64,
    breaks: Box<dyn FnMut(&Frame) -> Option<Vec<Vec<u8>>>>,
    tcp: TcpConversation,
    tape: Tape,
    under_way: BinaryHeap<Reverse<(u64, u64, Side, Option<Vec<u8>>)>>,
    events: u64,
    /// Bytes that each side has received: client, server.
    received: [u64; 2],
    finished: [bool; 2],
}

struct Tape {
    to: CaptureWriter<Vec<u8>>,
    spoils: Box<dyn FnMut(&Packet) -> Kept>,
    packets: u64,
}

impl PacketSink for Tape {
    type Error = Infallible;

    fn packet(&mut self, packet: WirePacket<'_>) -> Result<(), Infallible> {
        self.packets += 1;
        let about = Packet { number: self.packets, from: packet.from, data: !packet.payload.is_empty() };
        let whole = [packet.header, packet.payload].concat();
        let (len, slow) = match (self.spoils)(&about) {
            Kept::Whole => (whole.len(), 0),
            Kept::Nothing => return Ok(()),
            Kept::Part(len) => (len.min(whole.len()), 0),
            Kept::Slow(nanos) => (whole.len(), nanos),
        };
        let time = Timestamp::from_wide_nanos(packet.time.nanos() - i128::from(slow)).unwrap();
        self.to.write(time, [&whole[..len], &[]], packet.original_len()).unwrap();
        Ok(())
    }
}

fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

impl Bench {
    fn endpoint(&mut self, side: Side) -> &mut dyn Endpoint {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn play(&mut self, ends: u64) {
        loop {
            let arrival = self.under_way.peek().map_or(u64::MAX, |Reverse((time, ..))| *time);
            let wakes = [Side::Client, Side::Server].map(|side| {
                let finished = self.finished[index(side)];
                let wakes = self.endpoint(side).poll_timeout().map_or(u64::MAX, Moment::nanos);
                if finished { u64::MAX } else { wakes }
            });
            let now = arrival.min(wakes[0]).min(wakes[1]).min(ends);
            if now >= LIMIT {
                return;
            }
            if now == ends {
                self.tcp.reset(Side::Client, at(now), &mut self.tape).unwrap();
                return;
            }
            if now == arrival {
                let Some(Reverse((_, _, to, bytes))) = self.under_way.pop() else { return };
                self.arrive(to, bytes, now);
            }
            for side in [Side::Client, Side::Server] {
                self.endpoint(side).handle_timeout(Moment::from_nanos(now));
                self.drain(side, now);
            }
        }
    }

    /// Bytes arrive, or the end of the other's stream.
    fn arrive(&mut self, to: Side, bytes: Option<Vec<u8>>, now: u64) {
        let moment = Moment::from_nanos(now);
        let Some(bytes) = bytes else {
            if to == Side::Client {
                self.tcp.finish(Side::Server, self.received[1], at(now), &mut self.tape).unwrap();
            }
            self.received[index(to)] = u64::MAX;
            return self.endpoint(to).handle_end(TransportEnd::EndOfStream, moment);
        };
        if to == Side::Client {
            self.tcp.send_acking(Side::Server, &bytes, self.received[1], at(now), &mut self.tape).unwrap();
        }
        self.received[index(to)] += bytes.len() as u64;
        let injected = (self.breaks)(&Frame { arrived: true, ..Frame::of(bytes.clone(), now) });
        for bytes in injected.unwrap_or_default() {
            self.write(to, bytes, now);
        }
        // What it makes of broken bytes is its outcome.
        let _ = self.endpoint(to).handle_bytes(&bytes, moment);
    }

    fn drain(&mut self, side: Side, now: u64) {
        if self.finished[index(side)] {
            return;
        }
        let mut bytes = Vec::new();
        while let Some(frame) = self.endpoint(side).poll_transmit(Moment::from_nanos(now), &mut bytes) {
            let resend = matches!(frame.copy, FrameCopy::Resend(_));
            let frame = Frame { resend, ..Frame::of(std::mem::take(&mut bytes), now) };
            match (self.breaks)(&frame) {
                None => self.write(side, frame.bytes, now),
                Some(instead) => instead.into_iter().for_each(|bytes| self.write(side, bytes, now)),
            }
            while self.endpoint(side).poll_event().is_some() {}
        }
        while self.endpoint(side).poll_event().is_some() {}
        if self.endpoint(side).is_finished() {
            self.finished[index(side)] = true;
            if side == Side::Client {
                self.tcp.finish(side, self.received[0], at(now), &mut self.tape).unwrap();
            }
            self.send(side, None, now);
        }
    }

    fn write(&mut self, side: Side, bytes: Vec<u8>, now: u64) {
        if self.finished[index(side)] {
            return;
        }
        if side == Side::Client {
            self.tcp.send_acking(side, &bytes, self.received[0], at(now), &mut self.tape).unwrap();
        }
        self.send(side, Some(bytes), now);
    }

    fn send(&mut self, from: Side, bytes: Option<Vec<u8>>, now: u64) {
        self.events += 1;
        self.under_way.push(Reverse((now + self.delay, self.events, from.other(), bytes)));
    }
}

impl Frame {
    fn of(bytes: Vec<u8>, now: u64) -> Self {
        let view = FrameView::new(&bytes, layout());
        let name = view.and_then(FrameView::name);
        let pos = match (name, view) {
            (Some(Name::Ack), Some(view)) => view.ack_number().map_or(-1, |number| number.0),
            (_, Some(view)) => view.pos().0,
            (_, None) => -1,
        };
        Self { name, pos, resend: false, arrived: false, now, bytes }
    }
}
