//! Reassembly by operations: against a twin that keeps everything, and with hardly any room.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use arqscope::decode::reassembly::{
    Chunk, Closing, ConnectionInfo, Hole, HoleCause, StreamLimits, StreamNote, StreamSink, Way,
};
use arqscope::decode::{Connections, Endpoint, Segment, TcpFlags, TcpSeq};

use super::plan::Plan;

/// What a byte of a direction turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Captured { value: u8, packet: u64 },
    Missing(HoleCause),
}

#[derive(Debug, Default)]
struct Told {
    ends: [u64; 2],
    bytes: [Vec<Byte>; 2],
    chunks: Vec<(Way, u64, Vec<u8>, u64)>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Log(BTreeMap<u32, Told>);

impl Log {
    /// The next piece of a direction, which must begin where the last one ended.
    fn piece(&mut self, info: &ConnectionInfo, way: Way, offset: u64, len: u64) -> &mut Told {
        let told = self.0.entry(info.id).or_default();
        assert!(!told.closed, "bytes of a connection that is closed");
        assert!(len > 0, "an empty piece");
        assert_eq!(offset, told.ends[way.index()], "chunks and holes adjoin");
        told.ends[way.index()] += len;
        told
    }
}

impl StreamSink for Log {
    type State = ();

    fn chunk(&mut self, info: &ConnectionInfo, (): &mut (), way: Way, chunk: Chunk<'_>) {
        let told = self.piece(info, way, chunk.offset, chunk.bytes.len() as u64);
        let captured = chunk.bytes.iter().map(|value| Byte::Captured { value: *value, packet: chunk.packet });
        told.bytes[way.index()].extend(captured);
        told.chunks.push((way, chunk.offset, chunk.bytes.to_vec(), chunk.packet));
    }

    fn hole(&mut self, info: &ConnectionInfo, (): &mut (), way: Way, hole: Hole) {
        let told = self.piece(info, way, hole.offset, hole.len);
        let missing = std::iter::repeat_n(Byte::Missing(hole.cause), hole.len.min(1 << 16) as usize);
        told.bytes[way.index()].extend(missing);
    }

    fn note(&mut self, _: &ConnectionInfo, (): &mut (), _: Way, _: StreamNote) {}

    fn closed(&mut self, info: &ConnectionInfo, (): &mut (), _: Closing) {
        let told = self.0.entry(info.id).or_default();
        assert!(!std::mem::replace(&mut told.closed, true), "closed once");
    }
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint { addr: IpAddr::V4(Ipv4Addr::LOCALHOST), port }
}

/// A capture in the making.
struct Tape {
    connections: Connections<Log>,
    log: Log,
    packet: u64,
}

impl Tape {
    fn new(limits: StreamLimits) -> Self {
        Self { connections: Connections::new(limits), log: Log::default(), packet: 0 }
    }

    fn feed(&mut self, ports: [u16; 2], flags: TcpFlags, numbers: [u32; 2], payload: &[u8], missing: u32) {
        self.packet += 1;
        let segment = Segment {
            packet: self.packet,
            time: None,
            source: endpoint(ports[0]),
            destination: endpoint(ports[1]),
            seq: TcpSeq(numbers[0]),
            ack: TcpSeq(numbers[1]),
            flags,
            payload,
            missing,
        };
        self.connections.segment(&segment, &mut self.log);
    }

    fn finish(mut self) -> BTreeMap<u32, Told> {
        self.connections.finish(&mut self.log);
        assert_eq!(self.log.0.len(), self.connections.count() as usize);
        assert!(self.log.0.values().all(|told| told.closed), "every connection is closed");
        self.log.0
    }
}

/// The first byte chooses which of the two.
pub(super) fn operations(data: &[u8]) {
    let mut plan = Plan::new(data);
    if plan.flag() { against_the_twin(&mut plan) } else { with_hardly_any_room(&mut plan) }
}

/// One direction with room for everything. The twin keeps every segment and asks, for each byte at the end, who brought
/// it first.
fn against_the_twin(plan: &mut Plan<'_>) {
    let limits = StreamLimits {
        held_segments: 10_000,
        start_segments: 10_000,
        packets_after_ack: 10_000,
        ..StreamLimits::prompt()
    };
    let mut tape = Tape::new(limits);
    let base = plan.u32();
    let (syn, acks) = (plan.flag(), plan.flag());
    if syn {
        tape.feed([1, 2], TcpFlags::SYN, [base.wrapping_sub(1), 0], b"", 0);
    }
    let mut fed: Vec<(u64, u32, Vec<u8>, u32)> = Vec::new();
    while !plan.is_empty() && fed.len() < 200 {
        let offset = u32::from(plan.below(1024));
        // A single byte could be a keep-alive, which brings nothing.
        let len = 2 + u32::from(plan.below(62));
        let missing = u32::from(plan.byte().saturating_sub(235));
        let differs = plan.byte() > 200;
        let packet = tape.packet + 1;
        let value = |at: u32| if differs { packet as u8 ^ 0x80 } else { (at % 251) as u8 };
        let payload: Vec<u8> = (offset..offset + len).map(value).collect();
        tape.feed([1, 2], TcpFlags::ACK, [base.wrapping_add(offset), 0], &payload, missing);
        if acks {
            tape.feed([2, 1], TcpFlags::ACK, [0, base.wrapping_add(offset + len)], b"", 0);
        }
        fed.push((packet, offset, payload, missing));
    }
    let Some(lowest) = fed.iter().map(|(_, offset, ..)| *offset).min() else { return };
    let captured_end = |(_, offset, payload, _): &(u64, u32, Vec<u8>, u32)| offset + payload.len() as u32;
    let origin = if syn { 0 } else { lowest };
    let end = fed.iter().map(|op| captured_end(op) + op.3).max().unwrap();
    let acked = fed.iter().map(captured_end).max().unwrap();
    let byte = |at: u32| match fed.iter().find(|op| (op.1..captured_end(op)).contains(&at)) {
        Some((packet, offset, payload, _)) => {
            Byte::Captured { value: payload[(at - offset) as usize], packet: *packet }
        }
        None if fed.iter().any(|op| (captured_end(op)..captured_end(op) + op.3).contains(&at)) => {
            Byte::Missing(HoleCause::Truncated)
        }
        None if acks && at < acked => Byte::Missing(HoleCause::NotCaptured),
        None => Byte::Missing(HoleCause::CaptureEnded),
    };
    let expected: Vec<Byte> = (origin..end).map(byte).collect();
    let told = tape.finish();
    assert_eq!(told[&0].bytes[0], expected);
}

/// Anything at all: whatever is delivered stands where its packet puts it.
fn with_hardly_any_room(plan: &mut Plan<'_>) {
    let limits = StreamLimits {
        held_bytes: 100,
        held_segments: 5,
        held_bytes_in_all: 1000,
        packets_after_ack: 2,
        start_segments: 2,
        start_bytes: 60,
        plausible_jump: 1000,
        connections: 2,
        closed: 1,
    };
    let mut tape = Tape::new(limits);
    let base = plan.u32();
    let mut fed: Vec<(u32, Vec<u8>)> = vec![(0, Vec::new())];
    while !plan.is_empty() && fed.len() < 300 {
        let kind = plan.byte();
        // Two connections' ports at most of the time, a third one so that the limit of connections is met.
        let client = 1000 + u16::from(kind >> 5).min(3);
        let ports = if kind & 1 == 0 { [client, 2] } else { [2, client] };
        let flags = if kind & 2 == 0 { TcpFlags::ACK } else { TcpFlags(plan.byte()) };
        let number = |plan: &mut Plan<'_>, far: bool| if far { plan.u32() } else { u32::from(plan.below(300)) };
        let seq = base.wrapping_add(number(plan, kind & 4 != 0 && kind & 8 != 0));
        let ack = base.wrapping_add(number(plan, kind & 4 != 0 && kind & 8 == 0));
        let len = usize::from(plan.below(40));
        let missing = if kind & 16 == 0 { 0 } else { number(plan, kind & 8 != 0) };
        let payload: Vec<u8> = (0..len).map(|i| (fed.len() * 37 + i * 101) as u8).collect();
        tape.feed(ports, flags, [seq, ack], &payload, missing);
        fed.push((seq.wrapping_add(u32::from(flags.has(TcpFlags::SYN))), payload));
    }
    for told in tape.finish().values() {
        for way in Way::BOTH {
            // The sequence number of offset 0 is one and the same for all chunks.
            let mut zeros: Option<Vec<u32>> = None;
            for (_, offset, bytes, packet) in told.chunks.iter().filter(|chunk| chunk.0 == way) {
                let (seq, payload) = &fed[*packet as usize];
                let places = payload.windows(bytes.len()).enumerate().filter(|(_, window)| window == bytes);
                let here: Vec<u32> =
                    places.map(|(at, _)| seq.wrapping_add(at as u32).wrapping_sub(*offset as u32)).collect();
                let both = match zeros {
                    None => here,
                    Some(zeros) => zeros.into_iter().filter(|zero| here.contains(zero)).collect(),
                };
                assert!(!both.is_empty(), "a chunk stands where its packet did not put it");
                zeros = Some(both);
            }
        }
    }
}
