//! One connection in virtual time: both endpoints, the way between them, and TCP around it.

use oorandom::Rand64;

use super::lane::{Kind, Lane, Opening, Pace, Segment};
use super::scenario::{Cutting, Exchange, Message, ResendKey, Scenario};
use super::station::{Over, Station};
use super::truth::Ledger;
use crate::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use crate::decode::{Endpoint as Address, TcpSeq};
use crate::endpoint::{
    Client, ClientConfig, ConfigError, Detail, Endpoint, Moment, Outcome, Server, ServerConfig, WallClock,
};
use crate::fault::{FaultPlan, Faulty, RandomLoss};
use crate::time::Timestamp;
use crate::wire::{Pos, Side};

/// A TCP that received data and has nothing to send acknowledges after so long.
const DELAYED_ACK: u64 = 40_000_000;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// One connection, advanced packet by packet.
pub(super) struct Run {
    id: u32,
    start: Timestamp,
    tcp: TcpConversation,
    /// The packets that open the connection, made at its SYN and handed on one by one.
    opening: Vec<StoredPacket>,
    client: Station<Faulty<Client>>,
    server: Station<Faulty<Server>>,
    cutting: Cutting,
    /// Chance for the cuts.
    chance: Rand64,
    next_length: usize,
    /// When the latest packet passed the capture point, or the first that ends the connection.
    last_pass: u64,
    ending: bool,
    /// What happened, when somebody asks.
    ledger: Option<Box<Ledger>>,
}

/// A header-only packet.
struct StoredPacket {
    from: Side,
    header: Vec<u8>,
}

/// What a packet belongs to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    pub(super) connection: u32,
    /// Bytes that the server sent past the capture point before it.
    pub(super) server_bytes_passed: u64,
    /// Bytes of the other direction that its sender acknowledges; `u64::MAX` for all of it and its FIN.
    pub(super) received: u64,
}

/// What happens next on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Arrive(Side),
    Read(Side),
    Wake(Side),
    Ack(Side),
}

/// At one moment the first of these is first: arrivals before reading, reading before timers.
const STEPS: [Step; 8] = [
    Step::Arrive(Side::Server),
    Step::Arrive(Side::Client),
    Step::Read(Side::Server),
    Step::Read(Side::Client),
    Step::Wake(Side::Client),
    Step::Wake(Side::Server),
    Step::Ack(Side::Client),
    Step::Ack(Side::Server),
];

impl Run {
    /// A connection that opens at its time.
    pub(super) fn new(
        id: u32,
        scenario: &Scenario,
        exchange: &Exchange,
        ledger: Option<Box<Ledger>>,
    ) -> Result<Self, ConfigError> {
        // Each use of chance has its own source, so that one more draw here changes nothing there.
        let mut seeds = Rand64::new(u128::from(scenario.seed) << 32 | u128::from(id));
        let mut source = || Rand64::new(u128::from(seeds.rand_u64()) << 64 | u128::from(seeds.rand_u64()));
        let [mut isns, forth, back, cuts, mut losses] = [source(), source(), source(), source(), source()];
        let clock = WallClock::new(scenario.start);
        let client = match &exchange.message {
            Message::Bytes(bytes) => Client::new(bytes.to_vec(), client_config(exchange, clock))?,
            Message::Letters(len) => {
                let len = usize::try_from(*len).unwrap_or(usize::MAX);
                Client::repeating(Message::letters().to_vec(), len, client_config(exchange, clock))?
            }
        };
        let server = Server::new(ServerConfig { max_msg_size: exchange.max_msg_size, clock });
        // Without a ledger nobody asks what happened to each frame.
        let detail = if ledger.is_some() { Detail::Each } else { Detail::Runs };
        let (client, server) = (client.with_detail(detail), server.with_detail(detail));
        let random = |rate: f64, seed: u64| (rate > 0.0).then_some(RandomLoss { rate, seed });
        let positions =
            |numbers: &crate::params::Numbers| numbers.iter().filter_map(|n| i32::try_from(n).ok().map(Pos)).collect();
        let client_plan = FaultPlan {
            packages: positions(&exchange.losses.messages),
            random: random(exchange.losses.message_rate, losses.rand_u64()),
            ..FaultPlan::default()
        };
        let server_plan = FaultPlan {
            acks: positions(&exchange.losses.acks),
            dones: exchange.losses.done,
            random: random(exchange.losses.ack_rate, losses.rand_u64()),
            ..FaultPlan::default()
        };
        let to_server = Pace {
            delay: exchange.delay_to_server.nanos(),
            jitter: exchange.jitter.nanos(),
            processing: exchange.server_processing.nanos(),
        };
        let to_client = Pace {
            delay: exchange.delay_to_client.nanos(),
            jitter: exchange.jitter.nanos(),
            processing: exchange.client_processing.nanos(),
        };
        let [client_address, server_address] = addresses(id);
        let isns = [TcpSeq(isns.rand_u64() as u32), TcpSeq(isns.rand_u64() as u32)];
        let mut run = Self {
            id,
            start: scenario.start,
            tcp: TcpConversation::new(client_address, server_address, isns),
            opening: Vec::new(),
            client: Station::new(
                Faulty::new(client, client_plan),
                Lane::new(Side::Client, scenario.vantage, to_server, forth),
            ),
            server: Station::new(
                Faulty::new(server, server_plan),
                Lane::new(Side::Server, scenario.vantage, to_client, back),
            ),
            cutting: exchange.cutting.clone(),
            chance: cuts,
            next_length: 0,
            last_pass: 0,
            ending: false,
            ledger,
        };
        run.client.lane.send(Kind::Opening(Opening::Syn), 0, 0, exchange.opens.nanos());
        Ok(run)
    }

    /// Which connection.
    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// What the packet that [`next_packet`](Self::next_packet) announced belongs to.
    #[inline]
    pub(super) fn about(&self) -> About {
        let lane = match self.next_from() {
            Side::Client => &self.client.lane,
            Side::Server => &self.server.lane,
        };
        About {
            connection: self.id,
            server_bytes_passed: self.server.lane.passed_bytes(),
            received: lane.next_received(),
        }
    }

    #[inline]
    fn next_from(&self) -> Side {
        if self.client.lane.next_pass() <= self.server.lane.next_pass() { Side::Client } else { Side::Server }
    }

    /// When the latest packet passed the capture point, or the first FIN, in nanoseconds since the start.
    pub(super) const fn last_pass(&self) -> u64 {
        self.last_pass
    }

    /// What happened since the last call, where it is kept.
    pub(super) fn ledger(&mut self) -> Option<&mut Ledger> {
        self.ledger.as_deref_mut()
    }

    /// How each side says it ended.
    pub(super) fn outcomes(&self) -> [Option<&Outcome>; 2] {
        [self.client.endpoint.outcome(), self.server.endpoint.outcome()]
    }

    /// Bytes of the message that the server delivered.
    pub(super) const fn delivered(&self) -> u64 {
        self.server.delivered
    }

    /// Bytes in memory that are under way or were just read.
    #[cfg(test)]
    pub(super) const fn bytes_held(&self) -> usize {
        self.client.lane.bytes.len() + self.server.lane.bytes.len()
    }

    /// Lets everything happen until the next packet passes the capture point, and says when that is, in nanoseconds
    /// since the start; `None` when the connection is over.
    pub(super) fn next_packet(&mut self) -> Option<u64> {
        loop {
            let packet = self.client.lane.next_pass().min(self.server.lane.next_pass());
            let times = self.times();
            let time = times.into_iter().fold(u64::MAX, u64::min);
            // A packet passes before it arrives, though both may be at one moment.
            if packet <= time {
                return (packet != u64::MAX).then_some(packet);
            }
            match times.into_iter().zip(STEPS).find(|(at, _)| *at == time)? {
                (_, Step::Arrive(at)) => self.arrive(at, time),
                (_, Step::Read(by)) => self.read(by, time),
                (_, Step::Wake(side)) => self.wake(side, time),
                (_, Step::Ack(side)) => self.send(side, Kind::Ack, 0, time),
            }
        }
    }

    /// When each of [`STEPS`] comes next.
    #[inline]
    const fn times(&self) -> [u64; STEPS.len()] {
        let Self { client, server, .. } = self;
        [
            client.lane.next_arrival(),
            server.lane.next_arrival(),
            client.lane.next_read(),
            server.lane.next_read(),
            client.wakes,
            server.wakes,
            client.ack_due,
            server.ack_due,
        ]
    }

    /// Hands the packet that [`next_packet`](Self::next_packet) announced to `sink`.
    pub(super) fn emit<S: PacketSink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let from = self.next_from();
        let lane = match from {
            Side::Client => &mut self.client.lane,
            Side::Server => &mut self.server.lane,
        };
        let Some((segment, data)) = lane.pass() else { return Ok(()) };
        let time = at(self.start, segment.passes);
        if !self.ending {
            self.last_pass = segment.passes;
            self.ending = segment.kind == Kind::Fin;
        }
        if let Some(ledger) = &mut self.ledger {
            while let Some(mark) = lane.passed_frame() {
                ledger.passed(&mark, segment.passes);
            }
        }
        match segment.kind {
            Kind::Data => {
                let bytes = lane.bytes.get(data).unwrap_or_default();
                self.tcp.send_acking(from, bytes, segment.received, time, sink)
            }
            Kind::Ack => self.tcp.acknowledge(from, segment.received, time, sink),
            Kind::Fin => self.tcp.finish(from, segment.received, time, sink),
            Kind::Opening(which) => self.emit_opening(which, time, sink),
        }
    }

    fn emit_opening<S: PacketSink>(&mut self, which: Opening, time: Timestamp, sink: &mut S) -> Result<(), S::Error> {
        if which == Opening::Syn {
            let Ok(()) = self.tcp.open([time; 3], &mut Store(&mut self.opening));
        }
        let Some(packet) = self.opening.get(which as usize) else { return Ok(()) };
        sink.packet(WirePacket { time, from: packet.from, header: &packet.header, payload: &[] })
    }

    /// A segment reaches the TCP of `at`.
    fn arrive(&mut self, at: Side, now: u64) {
        let (segment, finished) = match at {
            Side::Client => (self.server.lane.arrive(), self.client.finished),
            Side::Server => (self.client.lane.arrive(), self.server.finished),
        };
        let Some(Segment { kind, len, .. }) = segment else { return };
        let (received, ack_due) = match at {
            Side::Client => (&mut self.client.received, &mut self.client.ack_due),
            Side::Server => (&mut self.server.received, &mut self.server.ack_due),
        };
        match kind {
            Kind::Opening(Opening::Syn) => self.server.lane.send(Kind::Opening(Opening::SynAck), 0, 0, now),
            Kind::Opening(Opening::SynAck) => {
                self.client.lane.send(Kind::Opening(Opening::Ack), 0, 0, now);
                self.drain(Side::Client, now);
            }
            Kind::Opening(Opening::Ack) | Kind::Ack => {}
            Kind::Data => {
                *received += len as u64;
                *ack_due = (*ack_due).min(now + DELAYED_ACK);
            }
            Kind::Fin => {
                *received = u64::MAX;
                // The own FIN, if it is still to come, acknowledges it.
                *ack_due = (*ack_due).min(if finished { now } else { now + DELAYED_ACK });
            }
        }
    }

    /// The endpoint `by` takes in what it can read.
    fn read(&mut self, by: Side, now: u64) {
        match by {
            Side::Client => self.client.read(&mut self.server.lane, now),
            Side::Server => self.server.read(&mut self.client.lane, now),
        }
        self.wake(by, now);
        // What was read made room for the writer.
        let writer_waits = match by {
            Side::Client => self.server.blocked && !self.server.lane.is_full(),
            Side::Server => self.client.blocked && !self.client.lane.is_full(),
        };
        if writer_waits {
            self.drain(by.other(), now);
        }
    }

    fn wake(&mut self, side: Side, now: u64) {
        let moment = Moment::from_nanos(now);
        match side {
            Side::Client => self.client.endpoint.handle_timeout(moment),
            Side::Server => self.server.endpoint.handle_timeout(moment),
        }
        self.drain(side, now);
    }

    /// Everything the endpoint gives: message bytes, frames, events, its end.
    fn drain(&mut self, side: Side, now: u64) {
        let ledger = self.ledger.as_deref_mut();
        let per_frame = self.cutting == Cutting::PerFrame;
        let (written, over) = match side {
            Side::Client => self.client.drain(now, per_frame, ledger),
            Side::Server => self.server.drain(now, per_frame, ledger),
        };
        if !per_frame {
            self.cut(side, written, now);
        }
        if over == Over::Now {
            self.send(side, Kind::Fin, 0, now);
        }
    }

    /// Sends `written` bytes in segments as the scenario has it.
    fn cut(&mut self, side: Side, mut written: usize, now: u64) {
        while written > 0 {
            let length = match &self.cutting {
                Cutting::PerFrame => written,
                Cutting::Coalesced(most) => *most as usize,
                Cutting::Lengths(lengths) => {
                    let length = lengths.get(self.next_length % lengths.len().max(1)).copied().unwrap_or(1);
                    self.next_length += 1;
                    length as usize
                }
                Cutting::Random(least, most) => {
                    self.chance.rand_range(u64::from(*least)..u64::from(*most) + 1) as usize
                }
            };
            let length = length.min(written);
            self.send(side, Kind::Data, length, now);
            written -= length;
        }
    }

    fn send(&mut self, side: Side, kind: Kind, len: usize, now: u64) {
        match side {
            Side::Client => self.client.send(kind, len, now),
            Side::Server => self.server.send(kind, len, now),
        }
    }
}

/// Keeps the packets it takes.
struct Store<'a>(&'a mut Vec<StoredPacket>);

impl PacketSink for Store<'_> {
    type Error = std::convert::Infallible;

    fn packet(&mut self, packet: WirePacket<'_>) -> Result<(), Self::Error> {
        self.0.push(StoredPacket { from: packet.from, header: packet.header.to_vec() });
        Ok(())
    }
}

/// Client and server of connection `id`: the reference's server, and clients beside it.
pub(super) fn addresses(id: u32) -> [Address; 2] {
    let server = Address { addr: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port: 55_558 };
    [client_endpoint(id, server), server]
}

/// The time of the capture at `nanos` after its start.
pub(super) fn at(start: Timestamp, nanos: u64) -> Timestamp {
    let (seconds, nanos) = ((nanos / NANOS_PER_SEC) as i64, (nanos % NANOS_PER_SEC) as i64);
    let seconds = start.seconds().checked_add(seconds);
    seconds.and_then(|seconds| Timestamp::from_parts(seconds, i64::from(start.subsec_nanos()) + nanos)).unwrap_or(start)
}

fn client_config(exchange: &Exchange, clock: WallClock) -> ClientConfig {
    let mut config = ClientConfig::new(exchange.window, exchange.timeout.duration(), clock);
    if exchange.resend == ResendKey::Eager {
        config = config.eager();
    }
    if let Some(pace) = exchange.pace {
        config.pace = pace.duration();
    }
    config.max_resends = exchange.max_resends;
    config
}
