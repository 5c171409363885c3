//! Frames at any cut: of honest exchanges, all of them; of anything else, none that is not there.

use std::net::{IpAddr, Ipv4Addr};

use arqscope::decode::framing::{FrameSink, FramedConnection, Framing, FramingOptions, LocatedFrame};
use arqscope::decode::reassembly::StreamLimits;
use arqscope::decode::{Connections, Endpoint, Segment, TcpFlags, TcpSeq};
use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

use super::plan::Plan;

/// Side, stream offset, bytes.
type Seen = (Side, u64, Vec<u8>);

#[derive(Default)]
struct Frames {
    seen: Vec<Seen>,
    partial: usize,
}

impl FrameSink for Frames {
    type State = ();

    fn frame(&mut self, _: &FramedConnection<'_>, (): &mut (), located: &LocatedFrame<'_>) {
        let view = located.frame.view();
        assert!(located.first_packet <= located.packet);
        assert!(located.frame.captured_len() <= view.bytes().len());
        if located.frame.is_whole() {
            self.seen.push((located.from, located.offset, view.bytes().to_vec()));
        } else {
            self.partial += 1;
        }
    }
}

/// One connection; who sends is told by the port.
struct Tape {
    connections: Connections<Framing<Frames>>,
    framing: Framing<Frames>,
    next: [u32; 2],
    packet: u64,
}

impl Tape {
    fn new(opened: bool, options: FramingOptions) -> Self {
        let mut tape = Self {
            connections: Connections::new(StreamLimits::prompt()),
            framing: Framing::new(options, Frames::default()),
            next: [1000, 2_000_000],
            packet: 0,
        };
        if opened {
            tape.segment(Side::Client, TcpFlags::SYN, b"");
            tape.next[0] += 1;
            tape.segment(Side::Server, TcpFlags::SYN | TcpFlags::ACK, b"");
            tape.next[1] += 1;
        }
        tape
    }

    fn segment(&mut self, from: Side, flags: TcpFlags, payload: &[u8]) {
        self.packet += 1;
        let end = |port| Endpoint { addr: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
        let (source, destination) = match from {
            Side::Client => (end(40_000), end(55_558)),
            Side::Server => (end(55_558), end(40_000)),
        };
        let (own, other) = (from as usize, 1 - from as usize);
        let segment = Segment {
            packet: self.packet,
            time: None,
            source,
            destination,
            seq: TcpSeq(self.next[own]),
            ack: TcpSeq(self.next[other]),
            flags,
            payload,
            missing: 0,
        };
        self.connections.segment(&segment, &mut self.framing);
    }

    fn send(&mut self, from: Side, bytes: &[u8]) {
        for piece in bytes.chunks(60_000) {
            self.segment(from, TcpFlags::ACK, piece);
            self.next[from as usize] += piece.len() as u32;
        }
    }

    fn finish(mut self) -> Frames {
        self.connections.finish(&mut self.framing);
        let counts = self.framing.counts();
        let frames = self.framing.sink;
        assert_eq!(counts.frames, (frames.seen.len() + frames.partial) as u64);
        frames
    }
}

/// The first byte chooses which of the two.
pub(super) fn streams(data: &[u8]) {
    let mut plan = Plan::new(data);
    if plan.flag() { honest(&mut plan) } else { anything(&mut plan) }
}

/// An exchange with its opening, cut anywhere: exactly its frames come out, each where it stands.
fn honest(plan: &mut Plan<'_>) {
    let size = MaxMsgSize::new(4 + plan.below(200)).unwrap();
    let slices = 1 + i32::from(plan.below(30));
    let mut streams: [Vec<u8>; 2] = Default::default();
    let mut expected: [Vec<Seen>; 2] = Default::default();
    let mut write = |side: Side, frame: Frame<'_>, layout: FrameLayout| {
        let stream = &mut streams[side as usize];
        let at = stream.len();
        frame.emit(layout, stream).unwrap();
        expected[side as usize].push((side, at as u64, stream[at..].to_vec()));
    };
    let layout = FrameLayout::new(size);
    let sent_time = 1.7e9 + f64::from(plan.byte());
    write(Side::Client, Frame::from_client(Name::GetMax, b"", Pos(0), sent_time), HANDSHAKE);
    write(Side::Server, Frame::from_server(Name::ReturnMax, size.get().to_string().as_bytes(), sent_time), HANDSHAKE);
    for pos in 1..=slices {
        // A NUL at the end would be padding.
        let payload: Vec<u8> = plan.bytes(usize::from(size.get()).min(5)).iter().map(|byte| *byte.max(&1)).collect();
        write(Side::Client, Frame::from_client(Name::Msg, &payload, Pos(pos), sent_time), layout);
        write(Side::Server, Frame::from_server(Name::Ack, pos.to_string().as_bytes(), sent_time), layout);
    }
    let mut tape = Tape::new(true, FramingOptions::default());
    let mut at = [0, 0];
    let sides = [Side::Client, Side::Server];
    while !plan.is_empty() && (at[0] < streams[0].len() || at[1] < streams[1].len()) {
        let side = plan.choose(&sides);
        let rest = &streams[side as usize][at[side as usize]..];
        let piece = &rest[..rest.len().min(1 + usize::from(plan.byte()))];
        at[side as usize] += piece.len();
        tape.send(side, piece);
    }
    for side in sides {
        tape.send(side, &streams[side as usize][at[side as usize]..]);
    }
    let frames = tape.finish();
    assert_eq!(frames.partial, 0);
    for side in sides {
        let found: Vec<&Seen> = frames.seen.iter().filter(|seen| seen.0 == side).collect();
        assert_eq!(found, expected[side as usize].iter().collect::<Vec<_>>());
    }
}

/// Anything in any pieces: a frame is bytes of its stream, where it says it is, and no two share a byte.
fn anything(plan: &mut Plan<'_>) {
    let opened = plan.flag();
    let declared = plan.byte();
    let max_msg_size = (declared > 200).then(|| MaxMsgSize::new(u16::from(declared)).unwrap());
    let mut tape = Tape::new(opened, FramingOptions { port: None, max_msg_size });
    let mut streams: [Vec<u8>; 2] = Default::default();
    while !plan.is_empty() {
        let side = plan.choose(&[Side::Client, Side::Server]);
        let len = 1 + usize::from(plan.byte());
        let piece = plan.bytes(len);
        streams[side as usize].extend_from_slice(piece);
        tape.send(side, piece);
    }
    let frames = tape.finish();
    let mut ends = [0, 0];
    // Whoever sends GET_MAX is the client, who opened the connection notwithstanding: the same for all frames.
    let of = |side: Side, (_, offset, bytes): &Seen| {
        streams[side as usize].get(*offset as usize..).is_some_and(|rest| rest.starts_with(bytes))
    };
    let straight = frames.seen.iter().all(|seen| of(seen.0, seen));
    assert!(straight || frames.seen.iter().all(|seen| of(seen.0.other(), seen)), "a frame that is not in its stream");
    for (side, offset, bytes) in &frames.seen {
        assert!(*offset >= ends[*side as usize], "two frames of one side share bytes");
        ends[*side as usize] = offset + bytes.len() as u64;
    }
}
