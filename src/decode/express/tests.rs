//! The express way against the general way: the same captures through both, and everything that comes out compared.

use std::cell::RefCell;
use std::ops::ControlFlow;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;
use crate::decode::Row;
use crate::decode::capture::CaptureLimits;
use crate::decode::framing::{FramedConnection, Framing, FramingNote, FramingOptions};
use crate::decode::message::Message;
use crate::decode::prefetch::Depth;
use crate::decode::reading::read_by;
use crate::decode::reassembly::{Chunk, Closing, ConnectionInfo, Hole, StreamLimits, StreamNote, StreamSink, Way};
use crate::decode::rows::{RowSink, Rows};
use crate::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

const PORT: u16 = 55_558;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// How a packet got into the capture.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Captured,
    Dropped,
    Twice,
    /// So many places later.
    Late(usize),
    /// So many bytes of it.
    Cut(usize),
    /// With another byte here.
    Changed(usize),
    /// Its time so many nanoseconds earlier.
    Early(u64),
    /// As if from another address family.
    Tagged,
    /// With this flag, too.
    Flagged(u8),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        30 => Just(Fate::Captured),
        1 => Just(Fate::Dropped),
        1 => Just(Fate::Twice),
        1 => (1_usize..12).prop_map(Fate::Late),
        1 => (0_usize..120).prop_map(Fate::Cut),
        1 => (0_usize..120).prop_map(Fate::Changed),
        1 => (0_u64..5_000_000).prop_map(Fate::Early),
        1 => Just(Fate::Tagged),
        1 => prop::sample::select(vec![FIN, SYN, RST, 0x20]).prop_map(Fate::Flagged),
    ]
}

/// The form of the file.
#[derive(Debug, Clone, Copy)]
enum File {
    Pcap { big: bool, nanos: bool },
    Pcapng { big: bool, options: bool },
}

fn file() -> impl Strategy<Value = File> {
    prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(big, nanos)| File::Pcap { big, nanos }),
        (any::<bool>(), any::<bool>()).prop_map(|(big, options)| File::Pcapng { big, options }),
    ]
}

/// What is captured: connections in turn, each a whole exchange.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    connections: usize,
    messages: i32,
    size: u16,
    v6: bool,
    /// Packets from the beginning of each connection that were not captured.
    unseen: usize,
    /// How the stream of each direction is cut into segments, in bytes, in turn; 0 is one frame.
    cuts: Vec<usize>,
    /// Frames that a side hands to TCP at once.
    burst: i32,
    /// Positions that are written a burst later, and positions that are written twice.
    late: Vec<i32>,
    again: Vec<i32>,
    fates: Vec<Fate>,
    file: File,
    /// Bytes of the file that are changed: where, in thousandths, and to what.
    damage: Vec<(usize, u8)>,
    port: Option<u16>,
}

prop_compose! {
    pub(crate) fn scene()(
        connections in 1_usize..4, messages in 3_i32..40, size in 4_u16..40, v6: bool, unseen in prop_oneof![3 => Just(0_usize), 1 => 0_usize..12],
        cuts in prop_oneof![2 => Just(vec![0]), 1 => prop::collection::vec(prop_oneof![Just(0_usize), 1_usize..200], 1..5)],
        burst in 1_i32..6, late in prop::collection::vec(1_i32..40, 0..4), again in prop::collection::vec(1_i32..40, 0..3),
        fates in prop_oneof![1 => Just(vec![Fate::Captured]), 3 => prop::collection::vec(fate(), 1..150)],
        file in file(), damage in prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec((0_usize..1000, any::<u8>()), 1..4)],
        port in prop_oneof![5 => Just(None), 1 => Just(Some(PORT)), 1 => Just(Some(1))],
    ) -> Scene {
        Scene { connections, messages, size, v6, unseen, cuts, burst, late, again, fates, file, damage, port }
    }
}

/// One packet on the wire.
struct Sent {
    time: u64,
    bytes: Vec<u8>,
}

/// Time, bytes as captured, length on the wire.
type Record = (u64, Vec<u8>, usize);

struct Exchange<'a> {
    scene: &'a Scene,
    index: usize,
    seq: [u32; 2],
    acked: [u32; 2],
    packets: Vec<Sent>,
    time: u64,
    cut: usize,
}

impl Exchange<'_> {
    fn packet(&mut self, side: usize, flags: u8, payload: &[u8]) {
        self.time += 1_000_003;
        let index = self.index as u8;
        let ports = [40_000 + self.index as u16, PORT];
        let mut header = etherparse::TcpHeader::new(ports[side], ports[1 - side], self.seq[side], 512);
        header.acknowledgment_number = if flags & ACK != 0 { self.seq[1 - side] } else { 0 };
        (header.fin, header.syn, header.rst, header.psh, header.ack) =
            (flags & FIN != 0, flags & SYN != 0, flags & RST != 0, flags & PSH != 0, flags & ACK != 0);
        let mut bytes = Vec::new();
        let ethernet = PacketBuilder::ethernet2([0; 6], [0; 6]);
        if self.scene.v6 && index == 0 {
            let addrs = [[0xfd; 16], [0xfe; 16]];
            ethernet.ipv6(addrs[side], addrs[1 - side], 64).tcp_header(header).write(&mut bytes, payload).unwrap();
        } else {
            let addrs = [[10, 0, 0, index], [10, 0, 0, 200]];
            ethernet.ipv4(addrs[side], addrs[1 - side], 64).tcp_header(header).write(&mut bytes, payload).unwrap();
        }
        self.seq[side] = self.seq[side].wrapping_add(payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0));
        self.acked[side] = self.seq[1 - side];
        self.packets.push(Sent { time: self.time, bytes });
    }

    fn frames(&mut self, side: usize, layout: FrameLayout, frames: &[(Name, Vec<u8>, i32)]) {
        let mut stream = Vec::new();
        for (name, payload, pos) in frames {
            let time = self.time as f64 / 1e9;
            let frame = match name.sender() {
                Side::Client => Frame::from_client(*name, payload, Pos(*pos), time),
                Side::Server => Frame::from_server(*name, payload, time),
            };
            frame.emit(layout, &mut stream).unwrap();
        }
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let cut = match self.scene.cuts[self.cut % self.scene.cuts.len()] {
                0 => layout.len(),
                bytes => bytes,
            };
            self.cut += 1;
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            self.packet(side, PSH | ACK, head);
            rest = tail;
        }
    }

    /// All of it, from SYN to FIN.
    fn run(mut self) -> Vec<Sent> {
        let layout = FrameLayout::new(MaxMsgSize::new(self.scene.size).unwrap());
        let text = |text: &[u8]| text[..text.len().min(usize::from(self.scene.size))].to_vec();
        self.packet(0, SYN, b"");
        self.packet(1, SYN | ACK, b"");
        self.packet(0, ACK, b"");
        self.frames(0, HANDSHAKE, &[(Name::GetMax, vec![], 0)]);
        self.frames(1, HANDSHAKE, &[(Name::ReturnMax, self.scene.size.to_string().into(), 0)]);
        let positions: Vec<i32> = (1..=self.scene.messages).collect();
        let mut owed = Vec::new();
        for burst in positions.chunks(self.scene.burst as usize) {
            let mut written = std::mem::take(&mut owed);
            for pos in burst {
                let copies = if self.scene.again.contains(pos) { 2 } else { 1 };
                let to = if self.scene.late.contains(pos) { &mut owed } else { &mut written };
                to.extend(std::iter::repeat_n(*pos, copies));
            }
            let slice = |pos: &i32| (Name::Msg, text(format!("{pos:04}").as_bytes()), *pos);
            self.frames(0, layout, &written.iter().map(slice).collect::<Vec<_>>());
            let acks: Vec<_> = written.iter().map(|pos| (Name::Ack, pos.to_string().into_bytes(), 0)).collect();
            self.frames(1, layout, &acks);
            self.packet(0, ACK, b"");
        }
        let end = self.scene.messages + 1;
        self.frames(0, layout, &[(Name::Done, text(b"EOMsg"), end)]);
        self.frames(1, layout, &[(Name::Ack, end.to_string().into_bytes(), 0)]);
        self.frames(0, layout, &[(Name::Close, text(b"request to close connection"), end + 1)]);
        self.frames(1, layout, &[(Name::Disconnect, text(b"approving client disconnection"), 0)]);
        self.packet(1, FIN | ACK, b"");
        self.packet(0, FIN | ACK, b"");
        self.packet(1, ACK, b"");
        self.packets
    }
}

impl Scene {
    /// Some exchanges of which nothing is to be said.
    pub(crate) fn plain(connections: usize) -> Self {
        plain(connections, File::Pcap { big: false, nanos: true })
    }

    /// The same with so many connections.
    pub(crate) fn with_connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    fn packets(&self) -> Vec<Sent> {
        let mut all: Vec<Sent> = (0..self.connections)
            .flat_map(|index| {
                let seq = [u32::MAX - 300 - index as u32, 7_000 * index as u32];
                let time = 1_767_603_600_000_000_000 + index as u64 * 1_009;
                let exchange =
                    Exchange { scene: self, index, seq, acked: [0; 2], packets: Vec::new(), time, cut: index };
                exchange.run().into_iter().skip(self.unseen)
            })
            .collect();
        all.sort_by_key(|sent| sent.time);
        all
    }

    /// The records of the file.
    fn records(&self) -> Vec<Record> {
        let mut records: Vec<(usize, Record)> = Vec::new();
        for (n, sent) in self.packets().into_iter().enumerate() {
            let Sent { mut time, mut bytes } = sent;
            let len = bytes.len();
            let mut place = n;
            match self.fates[n % self.fates.len()] {
                Fate::Captured => {}
                Fate::Dropped => continue,
                Fate::Twice => records.push((n, (time, bytes.clone(), len))),
                Fate::Late(by) => place += by,
                Fate::Cut(to) => bytes.truncate(to),
                Fate::Changed(at) => {
                    let at = at % len;
                    bytes[at] ^= 0x55;
                }
                Fate::Early(by) => time -= by,
                Fate::Tagged => drop(bytes.splice(12..12, [0x81, 0x00, 0x00, 0x01])),
                Fate::Flagged(flag) => {
                    let at = if bytes[12..14] == [0x08, 0x00] { 14 + 20 + 13 } else { 14 + 40 + 13 };
                    bytes[at] |= flag;
                }
            }
            let len = len.max(bytes.len());
            records.push((place, (time, bytes, len)));
        }
        records.sort_by_key(|(place, _)| *place);
        records.into_iter().map(|(_, record)| record).collect()
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let u32_of = |big: bool, n: u64| if big { (n as u32).to_be_bytes() } else { (n as u32).to_le_bytes() };
        match self.file {
            File::Pcap { big, nanos } => {
                let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
                let version = if big { 0x0002_0004 } else { 0x0004_0002 };
                for n in [magic, version, 0, 0, 0xffff, 1] {
                    file.extend(u32_of(big, n));
                }
                for (time, bytes, len) in self.records() {
                    let fraction = time % 1_000_000_000 / if nanos { 1 } else { 1000 };
                    for n in [time / 1_000_000_000, fraction, bytes.len() as u64, len as u64] {
                        file.extend(u32_of(big, n));
                    }
                    file.extend(bytes);
                }
            }
            File::Pcapng { big, options } => {
                let version = if big { 0x0001_0000 } else { 0x0000_0001 };
                let mut block = |kind: u64, body: Vec<u8>| {
                    let len = body.len().next_multiple_of(4) + 12;
                    file.extend(u32_of(big, kind));
                    file.extend(u32_of(big, len as u64));
                    file.extend(&body);
                    file.resize(file.len() + len - 12 - body.len(), 0);
                    file.extend(u32_of(big, len as u64));
                };
                let words = |words: &[u64]| words.iter().flat_map(|n| u32_of(big, *n)).collect::<Vec<u8>>();
                block(0x0a0d_0d0a, words(&[0x1a2b_3c4d, version, 0xffff_ffff, 0xffff_ffff]));
                // Ethernet in microseconds, and once more.
                let link_type = if big { 0x0001_0000 } else { 1 };
                block(1, words(&[link_type, 0xffff]));
                block(1, words(&[link_type, 0xffff]));
                for (n, (time, bytes, len)) in self.records().into_iter().enumerate() {
                    let ticks = time / 1000;
                    let mut body = words(&[(n % 2) as u64, ticks >> 32, ticks, bytes.len() as u64, len as u64]);
                    body.extend(&bytes);
                    if options && n % 3 == 0 {
                        body.resize(body.len().next_multiple_of(4), 0);
                        // A comment of four bytes, and the end of options.
                        let option: [u8; 4] = if big { [0, 1, 0, 4] } else { [1, 0, 4, 0] };
                        body.extend(option);
                        body.extend(*b"note\0\0\0\0");
                    }
                    block(6, body);
                    if n % 20 == 19 {
                        block(5, words(&[0, 0, 0])); // statistics
                    }
                }
            }
        }
        for (place, byte) in &self.damage {
            let at = file.len() * place / 1000;
            file[at] = *byte;
        }
        file
    }
}

/// Everything that a sink is told, in words.
#[derive(Debug, Default)]
struct Log {
    said: Vec<String>,
    messages: bool,
}

impl RowSink for Log {
    fn row(&mut self, connection: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
        let verdict = row.info.verdict();
        self.said.push(format!("{row:?} {verdict:?} {} {:?} {:?}", row.info, connection.client, connection.capacity));
        ControlFlow::Continue(())
    }

    fn wants_messages(&self) -> bool {
        self.messages
    }

    fn message(&mut self, _: &FramedConnection<'_>, message: &Message) {
        self.said.push(format!("{message:?}"));
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, closing: Closing) {
        self.said.push(format!("closed {connection:?} {closing:?}"));
    }

    fn note(&mut self, connection: &ConnectionInfo, note: FramingNote) {
        self.said.push(format!("{connection:?} {note:?}"));
    }

    fn stream_note(&mut self, connection: &ConnectionInfo, way: Way, note: StreamNote) {
        self.said.push(format!("{connection:?} {way:?} {note:?}"));
    }

    fn hole(&mut self, connection: &FramedConnection<'_>, from: Side, hole: &Hole) {
        self.said.push(format!("{connection:?} {from:?} {hole:?}"));
    }
}

/// The streams alone, of every connection.
#[derive(Debug, Default)]
struct Streams(Vec<String>);

impl StreamSink for Streams {
    type State = u64;

    fn is_quiet(&self, _: &u64) -> bool {
        true
    }

    fn chunk(&mut self, info: &ConnectionInfo, state: &mut u64, way: Way, chunk: Chunk<'_>) {
        *state += 1;
        self.0.push(format!("{info:?} {state} {way:?} {chunk:?}"));
    }

    fn hole(&mut self, info: &ConnectionInfo, state: &mut u64, way: Way, hole: Hole) {
        self.0.push(format!("{info:?} {state} {way:?} {hole:?}"));
    }

    fn note(&mut self, info: &ConnectionInfo, _: &mut u64, way: Way, note: StreamNote) {
        self.0.push(format!("{info:?} {way:?} {note:?}"));
    }

    fn closed(&mut self, info: &ConnectionInfo, state: &mut u64, closing: Closing) {
        self.0.push(format!("{info:?} {state} {closing:?}"));
    }
}

/// Whether the rest of the file may still come.
#[derive(Clone, Copy)]
enum Input {
    File,
    Pipe,
}

fn read<S: StreamSink>(express: Express, file: &[u8], input: Input, limits: StreamLimits, sink: &mut S) -> Vec<String> {
    let reader: Box<dyn std::io::Read + Send> = match input {
        Input::File => Box::new(std::io::Cursor::new(file.to_vec())),
        // In pieces that end anywhere.
        Input::Pipe => {
            let pieces: Vec<Vec<u8>> = file.chunks(333).map(<[u8]>::to_vec).collect();
            Box::new(Pieces(pieces.into_iter()))
        }
    };
    let mut said = Vec::new();
    let mut capture = match Capture::from_reader(reader, &CaptureLimits::default()) {
        Ok(capture) => capture,
        Err(error) => return vec![error.to_string()],
    };
    let reading = read_by(express, &mut capture, 3, limits, sink, |moment, _| {
        said.push(format!("{moment:?}"));
        ControlFlow::Continue(())
    });
    said.push(format!("{:?} {:?}", reading.intake.counts(), reading.intake.headers()));
    said.push(format!("{:?} {:?} {:?}", reading.streams, reading.connections, reading.stopped));
    said.push(format!("{:?} {:?} {:?}", reading.error, capture.facts(), capture.notes()));
    said
}

struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl std::io::Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(piece) = self.0.next() else { return Ok(0) };
        into[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// Everything that is said of a file.
fn said(express: Express, scene: &Scene, file: &[u8], input: Input) -> Vec<String> {
    let options = FramingOptions { port: scene.port, max_msg_size: None };
    let log = Log { messages: scene.burst % 2 == 0, ..Log::default() };
    let mut framing = Framing::by(express, options, Rows::new(log));
    let mut said = read(express, file, input, StreamLimits::prompt(), &mut framing);
    said.push(format!("{:?}", framing.counts()));
    said.extend(framing.sink.into_sink().said);
    let mut streams = Streams::default();
    said.extend(read(express, file, input, StreamLimits::patient(), &mut streams));
    said.extend(streams.0);
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_ways_say_the_same_of_any_capture(scene in scene(), pipe: bool) {
        let file = scene.file();
        let input = if pipe { Input::Pipe } else { Input::File };
        let express = said(Express::Taken, &scene, &file, input);
        let general = said(Express::Barred, &scene, &file, input);
        for (express, general) in express.iter().zip(&general) {
            prop_assert_eq!(express, general);
        }
        prop_assert_eq!(express.len(), general.len());
    }
}

fn plain(connections: usize, file: File) -> Scene {
    Scene {
        connections,
        messages: 100,
        size: 10,
        v6: true,
        unseen: 0,
        cuts: vec![0],
        burst: 1,
        late: Vec::new(),
        again: Vec::new(),
        fates: vec![Fate::Captured],
        file,
        damage: Vec::new(),
        port: None,
    }
}

#[test]
fn most_packets_of_a_plain_capture_take_the_express_way() {
    for file in [File::Pcap { big: false, nanos: true }, File::Pcapng { big: true, options: true }] {
        let bytes = plain(3, file).file();
        let capture = Capture::from_reader(Box::new(std::io::Cursor::new(bytes)), &CaptureLimits::default());
        let mut capture = capture.unwrap();
        let mut framing = Framing::new(FramingOptions::default(), Rows::new(Log::default()));
        let mut intake = Intake::new(headers::FragmentLimits::default());
        let mut connections = Connections::new(StreamLimits::prompt());
        let mut ahead = LookAhead::default();
        let (mut express, mut general) = (0, 0);
        loop {
            let mut went = |_: Moment, _: &mut _| {
                express += 1;
                ControlFlow::Continue(())
            };
            let flow = run(&mut capture, &mut intake, &mut connections, &mut framing, &mut ahead, &mut went);
            assert!(flow.is_continue());
            let Some(ref packet) = capture.next().unwrap() else { break };
            intake.take(packet, |segment| connections.segment(segment, &mut framing));
            general += 1;
        }
        // Beginning and end of each connection, the handshake, and the blocks of another kind go the general way.
        assert!(express > 10 * general, "{express} went express, {general} did not");
    }
}

/// What a look asks for, and what comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    Asked(u32, Way, Depth),
    Came(u32, Way),
}

/// Its states are the numbers of their connections, from 1.
#[derive(Default)]
struct Spy(RefCell<Vec<Seen>>);

impl StreamSink for Spy {
    type State = u32;

    fn chunk(&mut self, connection: &ConnectionInfo, state: &mut u32, way: Way, _: Chunk<'_>) {
        *state = connection.id + 1;
        self.0.get_mut().push(Seen::Came(*state, way));
    }

    fn hole(&mut self, _: &ConnectionInfo, _: &mut u32, _: Way, _: Hole) {}

    fn is_quiet(&self, _: &u32) -> bool {
        true
    }

    fn fetch(&self, state: &u32, way: Way, depth: Depth) {
        self.0.borrow_mut().push(Seen::Asked(*state, way, depth));
    }

    fn closed(&mut self, _: &ConnectionInfo, _: &mut u32, _: Closing) {}
}

#[test]
fn the_memory_of_a_crowd_is_asked_for_step_by_step_before_it_is_used() {
    for file in [File::Pcap { big: true, nanos: false }, File::Pcapng { big: false, options: true }] {
        let scene = Scene { v6: false, ..plain(CONNECTIONS, file) };
        let bytes = scene.file();
        let capture = Capture::from_reader(Box::new(std::io::Cursor::new(bytes)), &CaptureLimits::default());
        let mut spy = Spy::default();
        let limits = StreamLimits::prompt();
        read_by(Express::Taken, &mut capture.unwrap(), 0, limits, &mut spy, |_, _: &mut _| ControlFlow::Continue(()));
        let seen = spy.0.into_inner();
        // Of each step the number of the chunk that came last before it.
        let mut asked = [[[None; Depth::ALL.len()]; 2]; CONNECTIONS + 1];
        let (mut came, mut ready) = (0, 0);
        for one in seen {
            let is_recent = |step: &Option<usize>| step.is_some_and(|then| came - then <= REACH);
            match one {
                Seen::Asked(connection, way, depth) => {
                    // A step counts behind the one before it.
                    let asked = &mut asked[connection as usize][way.index()];
                    asked[depth as usize] = asked[..depth as usize].iter().all(is_recent).then_some(came);
                }
                Seen::Came(connection, way) => {
                    ready += usize::from(asked[connection as usize][way.index()].iter().all(is_recent));
                    came += 1;
                }
            }
        }
        // Not before a connection's first chunk, nor the next records after each read.
        assert!(came > 1000 && ready > came * 9 / 10, "{ready} of {came} in {file:?}");
    }
}

/// Chunks between the first look at one and it, at most: fewer than come before the same connection has its turn again.
const REACH: usize = 24;

/// More than a look reaches ahead.
const CONNECTIONS: usize = 60;
