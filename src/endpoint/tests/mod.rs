//! Client and server against each other over a network in virtual time, and each against hostile peers.

mod hostile;
mod random;
mod reference;
mod rules;
mod runs;

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::fault::{FaultPlan, Faulty};
use crate::time::Timestamp;
use crate::wire::{FrameLayout, HANDSHAKE, MaxMsgSize};

pub(super) fn clock() -> WallClock {
    WallClock::new(Timestamp::from_nanos(1_736_219_080_000_000_000))
}

pub(super) fn p(p: u16) -> MaxMsgSize {
    MaxMsgSize::new(p).unwrap()
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn server(size: u16) -> Server {
    Server::new(ServerConfig { max_msg_size: p(size), clock: clock() })
}

pub(super) fn client(message: &[u8], config: ClientConfig) -> Client {
    Client::new(message.to_vec(), config).unwrap()
}

pub(super) fn positions(list: &[i32]) -> std::collections::BTreeSet<Pos> {
    list.iter().map(|n| Pos(*n)).collect()
}

/// A frame as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) at: Moment,
    pub(super) from: Side,
    pub(super) frame: Outgoing,
    pub(super) bytes: Vec<u8>,
}

/// What an endpoint lived through, in its own order: an arrival's frames are those it was given before `at` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Arrived(Name, Pos),
    Wrote(Name, Pos),
}

/// One direction: pieces of bytes in order, each with its time of arrival; `None` is the end.
#[derive(Default)]
struct Pipe {
    pieces: VecDeque<(Moment, Option<Vec<u8>>)>,
}

/// Delays and cuts, from a seed.
pub(super) struct Weather {
    pub(super) numbers: oorandom::Rand32,
    pub(super) least: Duration,
    /// Added at random; TCP keeps the order all the same.
    pub(super) jitter: Duration,
    /// Bytes are cut at random.
    pub(super) cuts: bool,
}

impl Weather {
    pub(super) fn fair(delay: Duration) -> Self {
        Self { numbers: oorandom::Rand32::new(1), least: delay, jitter: Duration::ZERO, cuts: false }
    }

    fn delay(&mut self) -> Duration {
        let jitter = u64::try_from(self.jitter.as_nanos()).unwrap();
        self.least
            + Duration::from_nanos(
                u64::from(self.numbers.rand_u32()) * (jitter / 1_000) / (u64::from(u32::MAX) / 1_000),
            )
    }
}

impl Pipe {
    fn send(&mut self, bytes: &[u8], now: Moment, weather: &mut Weather) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = u32::try_from(rest.len()).unwrap();
            let cut = if weather.cuts { weather.numbers.rand_range(1..most + 1) } else { most };
            let (piece, later) = rest.split_at(usize::try_from(cut).unwrap());
            let at = (now + weather.delay()).max(self.pieces.back().map_or(Moment::ZERO, |last| last.0));
            self.pieces.push_back((at, Some(piece.to_vec())));
            rest = later;
        }
    }

    fn end(&mut self, now: Moment, weather: &mut Weather) {
        let at = (now + weather.delay()).max(self.pieces.back().map_or(Moment::ZERO, |last| last.0));
        self.pieces.push_back((at, None));
    }

    fn deliver(&mut self, to: &mut dyn Endpoint, now: Moment, seen: &mut Vec<Seen>) {
        while self.pieces.front().is_some_and(|(at, _)| *at <= now) {
            match self.pieces.pop_front().unwrap().1 {
                None => to.handle_end(TransportEnd::EndOfStream, now),
                Some(bytes) => to
                    .handle_bytes_through(&bytes, now, &mut |frame| {
                        let name = frame.name().unwrap();
                        let pos = if name == Name::Ack { frame.ack_number().unwrap() } else { frame.pos() };
                        seen.push(Seen::Arrived(name, pos));
                        Intake::Take
                    })
                    .unwrap(),
            }
        }
    }
}

/// What came of an exchange.
pub(super) struct Exchange {
    pub(super) client: Faulty<Client>,
    pub(super) server: Faulty<Server>,
    pub(super) written: Vec<Written>,
    pub(super) received: Vec<u8>,
    pub(super) client_saw: Vec<Seen>,
    pub(super) server_saw: Vec<Seen>,
    pub(super) client_events: Vec<Event>,
    pub(super) server_events: Vec<Event>,
    pub(super) ended: Moment,
}

impl Exchange {
    /// `MSG 4`, `ACK 4` …: what was written, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.written.iter().map(|w| format!("{} {}", w.frame.name, w.frame.pos)).collect()
    }
}

/// Runs an exchange to its end by the law of draining.
pub(super) fn exchange(
    client: Client,
    server: Server,
    lose: FaultPlan,
    lose_acks: FaultPlan,
    mut weather: Weather,
) -> Exchange {
    let mut x = Exchange {
        client: Faulty::new(client, lose),
        server: Faulty::new(server, lose_acks),
        written: Vec::new(),
        received: Vec::new(),
        client_saw: Vec::new(),
        server_saw: Vec::new(),
        client_events: Vec::new(),
        server_events: Vec::new(),
        ended: Moment::ZERO,
    };
    let (mut up, mut down) = (Pipe::default(), Pipe::default());
    let (mut client_ended, mut server_ended) = (false, false);
    let mut now = Moment::ZERO;
    for _ in 0..1_000_000 {
        down.deliver(&mut x.client, now, &mut x.client_saw);
        up.deliver(&mut x.server, now, &mut x.server_saw);
        x.received.extend_from_slice(x.server.poll_delivered());
        x.client.handle_timeout(now);
        x.server.handle_timeout(now);
        transmit(&mut x.client, &mut up, now, &mut weather, &mut x.written, &mut x.client_saw);
        transmit(&mut x.server, &mut down, now, &mut weather, &mut x.written, &mut x.server_saw);
        x.client_events.extend(std::iter::from_fn(|| x.client.poll_event()));
        x.server_events.extend(std::iter::from_fn(|| x.server.poll_event()));
        if x.client.is_finished() && !std::mem::replace(&mut client_ended, true) {
            up.end(now, &mut weather);
        }
        if x.server.is_finished() && !std::mem::replace(&mut server_ended, true) {
            down.end(now, &mut weather);
        }
        if client_ended && server_ended {
            x.ended = now;
            return x;
        }
        let deadlines = [x.client.poll_timeout(), x.server.poll_timeout()].into_iter().flatten();
        let deadlines = deadlines.inspect(|due| assert!(*due > now, "{due} has passed at {now}, and nothing was done"));
        let arrivals = [&up, &down].into_iter().filter_map(|pipe| pipe.pieces.front()).map(|piece| piece.0);
        let next = deadlines.chain(arrivals).min().expect("somebody waits for something");
        now = next;
    }
    panic!("the exchange did not end");
}

fn transmit(
    endpoint: &mut dyn Endpoint,
    pipe: &mut Pipe,
    now: Moment,
    weather: &mut Weather,
    written: &mut Vec<Written>,
    seen: &mut Vec<Seen>,
) {
    let mut out = Vec::new();
    while let Some(frame) = endpoint.poll_transmit(now, &mut out) {
        let bytes = out[out.len() - frame.len..].to_vec();
        seen.push(Seen::Wrote(frame.name, frame.pos));
        written.push(Written { at: now, from: endpoint.side(), frame, bytes });
    }
    pipe.send(&out, now, weather);
}

/// The bytes of a frame, for peers made by hand.
pub(super) fn frame(name: Name, payload: &[u8], pos: i32, layout: FrameLayout) -> Vec<u8> {
    use crate::wire::Frame;
    let mut out = Vec::new();
    let frame = match name.sender() {
        Side::Client => Frame::from_client(name, payload, Pos(pos), 1.0),
        Side::Server => Frame::from_server(name, payload, 1.0),
    };
    frame.emit(layout, &mut out).unwrap();
    out
}

pub(super) fn get_max() -> Vec<u8> {
    frame(Name::GetMax, b"", 0, HANDSHAKE)
}
