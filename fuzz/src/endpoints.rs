//! Client and server with a peer and a clock that do what they like.

use std::collections::BTreeMap;
use std::time::Duration;

use arqscope::endpoint::{
    Client, ClientConfig, Endpoint, MAX_EVENTS, MAX_REPEATS, Moment, Outcome, Outgoing, Server, ServerConfig,
    TransportEnd, WallClock,
};
use arqscope::time::Timestamp;
use arqscope::wire::{Frame, FrameLayout, FrameView, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

use super::plan::Plan;
use super::tame::assert_tame;

const CLOCK: WallClock = WallClock::new(Timestamp::from_nanos(1_736_219_080_000_000_000));

/// P of the exchange; an ACK's number has so many digits.
const SIZES: [u16; 5] = [4, 5, 10, 11, 100];

/// The first byte chooses which end stands the test.
pub(super) fn peers(data: &[u8]) {
    let mut plan = Plan::new(data);
    let size = MaxMsgSize::new(plan.choose(&SIZES)).unwrap();
    if plan.flag() { a_client(&mut plan, size) } else { a_server(&mut plan, size) }
}

/// One of the peer's frames, or bytes that need not be any; true when it is a frame as it should be.
fn peers_bytes(
    plan: &mut Plan<'_>,
    from: Side,
    layout: FrameLayout,
    out: &mut Vec<u8>,
) -> Option<(Name, i32, Vec<u8>)> {
    let kind = plan.byte();
    if kind >= 250 {
        let len = usize::from(plan.byte());
        out.extend_from_slice(plan.bytes(len));
        return None;
    }
    let (most, other) = match from {
        Side::Client => (Name::Msg, [Name::Done, Name::Close, Name::GetMax, Name::Ack]),
        Side::Server => (Name::Ack, [Name::Disconnect, Name::ReturnMax, Name::Ack, Name::Msg]),
    };
    let name = if kind < 200 { most } else { plan.choose(&other) };
    let number = match plan.byte() {
        far @ 240.. => plan.u32().cast_signed() >> (far - 240),
        near => i32::from(near % 24),
    };
    let text = match (name, plan.byte()) {
        (Name::Msg, letter) => {
            vec![letter.max(1); usize::from(layout.max_msg_size().get()).min(1 + usize::from(letter) % 7)]
        }
        (Name::Ack | Name::ReturnMax, ..250) => number.to_string().into_bytes(),
        (_, letter) => vec![letter],
    };
    let frame =
        Frame { seq: number, prev_seq: number, pos: Pos(number), ..Frame::from_client(name, &text, Pos(0), 1.7e9) };
    if frame.emit(layout, out).is_err() {
        return None;
    }
    Some((name, number, text))
}

/// A step of the driver's law of draining, with everything that must hold whoever the peer is.
fn step(endpoint: &mut dyn Endpoint, bytes: &[u8], now: Moment, most: usize) -> (Vec<Outgoing>, Vec<u8>, Vec<u8>) {
    let finished = endpoint.is_finished();
    match endpoint.handle_bytes(bytes, now) {
        Ok(()) => {}
        Err(error) => {
            assert!(endpoint.is_finished(), "an error is the end");
            assert_tame("an error", error.to_string().as_bytes());
        }
    }
    endpoint.handle_timeout(now);
    let delivered = endpoint.poll_delivered().to_vec();
    let mut wire = Vec::new();
    let mut sent = Vec::new();
    while sent.len() < most
        && let Some(frame) = endpoint.poll_transmit(now, &mut wire)
    {
        sent.push(frame);
    }
    assert!(sent.len() <= 2 * MAX_REPEATS + 1000, "it talks without end");
    assert!(!finished || sent.is_empty(), "nothing is said after the end");
    if sent.len() < most {
        assert!(endpoint.poll_timeout().is_none_or(|due| due > now), "a deadline that has passed");
    }
    let mut events = 0;
    while let Some(event) = endpoint.poll_event() {
        events += 1;
        assert!(events <= MAX_EVENTS + 1);
        let _ = format!("{event:?}");
    }
    assert_eq!(wire.len(), sent.iter().map(|frame| frame.len).sum::<usize>());
    (sent, wire, delivered)
}

fn end(endpoint: &mut dyn Endpoint, plan: &mut Plan<'_>, now: Moment) {
    let how = if plan.flag() { TransportEnd::Reset } else { TransportEnd::EndOfStream };
    endpoint.handle_end(how, now);
    let mut wire = Vec::new();
    while endpoint.poll_transmit(now, &mut wire).is_some() {}
    assert!(endpoint.is_finished(), "the transport's end is the end");
    assert_eq!(endpoint.poll_timeout(), None);
}

/// What a server says of packages is true: each ACK of packages that all arrived, in order, and what it delivers is their
/// first copies.
fn a_server(plan: &mut Plan<'_>, size: MaxMsgSize) {
    let layout = FrameLayout::new(size);
    let mut server = Server::new(ServerConfig { max_msg_size: size, clock: CLOCK });
    let mut bytes = Vec::new();
    if plan.byte() < 250 {
        Frame::from_client(Name::GetMax, b"", Pos(0), 1.7e9).emit(HANDSHAKE, &mut bytes).unwrap();
    }
    let mut now = Moment::ZERO;
    let mut stream = Vec::new();
    let mut first: BTreeMap<i32, Vec<u8>> = BTreeMap::new();
    let (mut read, mut received) = (HANDSHAKE.len(), Vec::new());
    let mut steps = 0;
    while !plan.is_empty() && steps < 400 {
        steps += 1;
        peers_bytes(plan, Side::Client, layout, &mut bytes);
        let cut = plan.byte();
        let taken = if cut < 128 { bytes.len() } else { bytes.len().min(usize::from(cut)) };
        let piece: Vec<u8> = bytes.drain(..taken).collect();
        stream.extend_from_slice(&piece);
        // What is a package by its place in the stream, whatever the server makes of it.
        while let Some(frame) = stream.get(read..read + layout.len()) {
            let view = FrameView::new(frame, layout).unwrap();
            if view.name() == Some(Name::Msg) && view.pos().0 > 0 {
                first.entry(view.pos().0).or_insert_with(|| view.payload().to_vec());
            }
            read += layout.len();
        }
        now = now + Duration::from_millis(u64::from(plan.byte()));
        let most = if plan.flag() { usize::MAX } else { 2 };
        let (sent, _, delivered) = step(&mut server, &piece, now, most);
        for frame in sent.iter().filter(|frame| frame.name == Name::Ack) {
            let through = if first.contains_key(&frame.pos.0) { frame.pos.0 } else { frame.pos.0 - 1 };
            assert!((1..=through).all(|pos| first.contains_key(&pos)), "ACK {} of {:?}", frame.pos, first.keys());
        }
        received.extend_from_slice(&delivered);
    }
    let expected: Vec<u8> = (1..).map_while(|pos| first.get(&pos)).flatten().copied().collect();
    assert!(expected.starts_with(&received), "delivered {received:?} of {expected:?}");
    end(&mut server, plan, now);
}

/// A client keeps its window, numbers its packages one by one, and says DONE and CLOSE when it may.
fn a_client(plan: &mut Plan<'_>, size: MaxMsgSize) {
    let layout = FrameLayout::new(size);
    let window = 1 + u32::from(plan.byte()) % 6;
    let message: Vec<u8> = (0..plan.byte() % 80).map(|i| b'a' + i % 26).collect();
    let packages = message.len().div_ceil(usize::from(size.get())) as i32;
    let mut config = ClientConfig::new(window, Duration::from_millis(100), CLOCK);
    config.max_resends = (plan.flag()).then_some(3);
    if plan.flag() {
        config = config.eager();
    }
    let mut client = Client::new(message.clone(), config).unwrap();
    let mut now = Moment::ZERO;
    let mut peer = Peer { packages, window: window as i32, ..Peer::default() };
    let mut bytes = Vec::new();
    peer.check(&step(&mut client, &[], now, usize::MAX).0);
    if plan.byte() < 250 {
        Frame::from_server(Name::ReturnMax, size.get().to_string().as_bytes(), 1.7e9)
            .emit(HANDSHAKE, &mut bytes)
            .unwrap();
    } else {
        peer.strange = true;
    }
    let mut steps = 0;
    while !plan.is_empty() && steps < 400 {
        steps += 1;
        match peers_bytes(plan, Side::Server, layout, &mut bytes) {
            Some((Name::Ack, _, text)) => peer.hear_ack(&text),
            Some((name, ..)) => peer.disconnected |= name == Name::Disconnect,
            None => peer.strange = true,
        }
        now = now + Duration::from_millis(u64::from(plan.byte()));
        let most = if plan.flag() { usize::MAX } else { 2 };
        let (sent, wire, _) = step(&mut client, &std::mem::take(&mut bytes), now, most);
        peer.check(&sent);
        let mut at = 0;
        for frame in &sent {
            let bytes = &wire[at..at + frame.len];
            at += frame.len;
            if frame.name == Name::Msg && !peer.strange {
                let view = FrameView::new(bytes, layout).unwrap();
                let from = (frame.pos.0 as usize - 1) * usize::from(size.get());
                let slice = &message[from..message.len().min(from + usize::from(size.get()))];
                assert_eq!((view.pos(), view.payload()), (frame.pos, slice));
            }
        }
    }
    assert!(peer.strange || peer.disconnected || client.outcome() != Some(&Outcome::Complete));
    end(&mut client, plan, now);
}

/// What the client's peer knows of it.
#[derive(Default)]
struct Peer {
    packages: i32,
    window: i32,
    /// The highest position written.
    highest: i32,
    acked: i32,
    disconnected: bool,
    /// It has sent what is no frame, or perhaps another P: from then on nothing is known of what the client reads.
    strange: bool,
}

impl Peer {
    fn hear_ack(&mut self, text: &[u8]) {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i32>().ok()).unwrap_or(0);
        if number <= self.highest {
            self.acked = self.acked.max(number);
        }
    }

    fn check(&mut self, sent: &[Outgoing]) {
        for frame in sent {
            let pos = frame.pos.0;
            match frame.name {
                Name::Msg | Name::Done => {
                    assert!(pos <= self.highest + 1, "position {pos} after {}", self.highest);
                    self.highest = self.highest.max(pos);
                    if !self.strange {
                        assert!(frame.name == Name::Msg || pos == self.packages + 1);
                        assert!(frame.name == Name::Done || pos <= self.packages);
                        assert!(frame.name == Name::Done || pos <= self.acked + self.window, "beyond the window");
                        assert!(frame.name == Name::Msg || self.acked >= self.packages, "DONE too early");
                    }
                }
                Name::Close => assert!(self.strange || self.acked > self.packages, "CLOSE too early"),
                Name::GetMax => assert_eq!(self.highest, 0),
                name => panic!("a client sends no {name}"),
            }
        }
    }
}
