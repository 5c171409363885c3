//! Connections and reassembly together, from segments to chunks and holes.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::decode::TcpSeq;
use crate::decode::reassembly::{Chunk, Hole, HoleCause, StreamNote};

/// What a byte of a direction turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Captured { value: u8, packet: u64 },
    Missing(HoleCause),
}

/// Everything that was said of one connection.
#[derive(Debug, Default, Clone)]
struct Told {
    bytes: [Vec<Byte>; 2],
    ends: [u64; 2],
    chunks: Vec<(Way, u64, Vec<u8>, u64)>,
    holes: Vec<(Way, Hole)>,
    notes: Vec<StreamNote>,
    closed: Option<(Closing, ConnectionInfo)>,
    most_held: usize,
    owed: Vec<(Way, u64)>,
}

#[derive(Debug, Default)]
struct Log(BTreeMap<u32, Told>);

impl Log {
    fn of(&mut self, info: &ConnectionInfo) -> &mut Told {
        self.0.entry(info.id).or_default()
    }
}

impl StreamSink for Log {
    type State = ();

    fn chunk(&mut self, info: &ConnectionInfo, (): &mut (), way: Way, chunk: Chunk<'_>) {
        let told = self.of(info);
        assert!(told.closed.is_none() && !chunk.bytes.is_empty());
        told.chunks.push((way, chunk.offset, chunk.bytes.to_vec(), chunk.packet));
        assert_eq!(chunk.offset, told.ends[way.index()], "chunks and holes adjoin");
        told.ends[way.index()] += chunk.bytes.len() as u64;
        let captured = chunk.bytes.iter().map(|value| Byte::Captured { value: *value, packet: chunk.packet });
        told.bytes[way.index()].extend(captured);
    }

    fn hole(&mut self, info: &ConnectionInfo, (): &mut (), way: Way, hole: Hole) {
        let told = self.of(info);
        assert!(told.closed.is_none() && hole.len > 0 && hole.len <= 1 << 31);
        told.holes.push((way, hole));
        assert_eq!(hole.offset, told.ends[way.index()], "chunks and holes adjoin");
        told.ends[way.index()] += hole.len;
        // What counts bytes has small holes.
        let missing = std::iter::repeat_n(Byte::Missing(hole.cause), hole.len.min(1000) as usize);
        told.bytes[way.index()].extend(missing);
    }

    fn settled(&mut self, info: &ConnectionInfo, (): &mut (), waiting: Waiting) {
        let held = waiting.held;
        let told = self.of(info);
        assert!(told.closed.is_none());
        told.most_held = told.most_held.max(held[0]).max(held[1]);
    }

    fn owed(&mut self, info: &ConnectionInfo, (): &mut (), way: Way, up_to: u64) {
        self.of(info).owed.push((way, up_to));
    }

    fn note(&mut self, info: &ConnectionInfo, (): &mut (), _: Way, note: StreamNote) {
        self.of(info).notes.push(note);
    }

    fn closed(&mut self, info: &ConnectionInfo, (): &mut (), closing: Closing) {
        assert!(self.of(info).closed.replace((closing, info.clone())).is_none(), "closed once");
    }
}

const CLIENT: (&str, u16) = ("10.0.0.1", 4000);
const SERVER: (&str, u16) = ("10.0.0.2", 55558);
const ACK: TcpFlags = TcpFlags::ACK;
const SYN: TcpFlags = TcpFlags::SYN;
const FIN_ACK: TcpFlags = TcpFlags(TcpFlags::FIN.0 | TcpFlags::ACK.0);
const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
const RST: TcpFlags = TcpFlags::RST;

/// A capture in the making: packets are numbered as they are fed.
struct Tape {
    connections: Connections<Log>,
    log: Log,
    packet: u64,
}

impl Tape {
    fn new(limits: StreamLimits) -> Self {
        Self { connections: Connections::new(limits), log: Log::default(), packet: 0 }
    }

    fn feed(&mut self, from: (&str, u16), to: (&str, u16), flags: TcpFlags, seq: u32, ack: u32, payload: &[u8]) {
        self.feed_cut(from, to, flags, seq, ack, payload, 0);
    }

    #[expect(clippy::too_many_arguments, reason = "a segment's fields, in a line of a test")]
    fn feed_cut(
        &mut self,
        from: (&str, u16),
        to: (&str, u16),
        flags: TcpFlags,
        seq: u32,
        ack: u32,
        payload: &[u8],
        missing: u32,
    ) {
        self.packet += 1;
        let endpoint = |(addr, port): (&str, u16)| Endpoint { addr: addr.parse().unwrap(), port };
        let segment = Segment {
            packet: self.packet,
            time: None,
            source: endpoint(from),
            destination: endpoint(to),
            seq: TcpSeq(seq),
            ack: TcpSeq(ack),
            flags,
            payload,
            missing,
        };
        self.connections.segment(&segment, &mut self.log);
    }

    /// From the client.
    fn c(&mut self, flags: TcpFlags, seq: u32, ack: u32, payload: &[u8]) {
        self.feed(CLIENT, SERVER, flags, seq, ack, payload);
    }

    /// From the server.
    fn s(&mut self, flags: TcpFlags, seq: u32, ack: u32, payload: &[u8]) {
        self.feed(SERVER, CLIENT, flags, seq, ack, payload);
    }

    fn handshake(&mut self, client: u32, server: u32) {
        self.c(SYN, client, 0, b"");
        self.s(SYN_ACK, server, client.wrapping_add(1), b"");
        self.c(ACK, client.wrapping_add(1), server.wrapping_add(1), b"");
    }

    fn finish(mut self) -> Vec<Told> {
        self.connections.finish(&mut self.log);
        let told: Vec<Told> = self.log.0.into_values().collect();
        assert_eq!(told.len(), self.connections.count() as usize);
        assert!(told.iter().all(|told| told.closed.is_some()), "every connection is closed");
        told
    }
}

fn tape() -> Tape {
    Tape::new(StreamLimits::prompt())
}

impl Told {
    /// The chunks of a direction as text, with holes as `[cause length]`.
    fn text(&self, way: Way) -> String {
        let mut pieces: Vec<(u64, String)> = Vec::new();
        for (w, offset, bytes, _) in &self.chunks {
            if *w == way {
                pieces.push((*offset, String::from_utf8_lossy(bytes).into_owned()));
            }
        }
        for (w, hole) in &self.holes {
            if *w == way {
                pieces.push((hole.offset, format!("[{:?} {}]", hole.cause, hole.len)));
            }
        }
        pieces.sort();
        pieces.into_iter().map(|(_, text)| text).collect()
    }
}

#[test]
fn an_exchange_with_handshake_and_fins_is_told_at_once_and_closed_at_the_second_fin() {
    let mut t = tape();
    t.handshake(100, 900);
    t.c(ACK, 101, 901, b"hello");
    t.s(ACK, 901, 106, b"world");
    t.c(FIN_ACK, 106, 906, b"");
    t.s(FIN_ACK, 906, 107, b"!");
    let told = &t.log.0[&0];
    assert_eq!((told.text(Way::Forth), told.text(Way::Back)), ("hello".into(), "world!".into()));
    let (closing, info) = told.closed.clone().unwrap();
    assert_eq!((closing, info.opener, info.last_packet), (Closing::Fin, Some(Way::Forth), 7));
    assert_eq!((info.start, info.packets), ([Start::Syn; 2], [4, 3]));
    // What still follows opens nothing and says nothing new.
    t.c(ACK, 107, 908, b"");
    t.s(FIN_ACK, 906, 107, b"!");
    assert_eq!(t.finish().len(), 1);
}

#[test]
fn bytes_come_in_order_of_sequence_number_whatever_their_order_in_the_capture() {
    let mut t = tape();
    t.handshake(u32::MAX - 3, 0);
    t.c(ACK, 5, 1, b"ij");
    t.c(ACK, 1, 1, b"efgh");
    t.c(ACK, u32::MAX - 2, 1, b"abcd");
    t.c(ACK, 7, 1, b"kl");
    let told = &t.finish()[0];
    assert_eq!(told.text(Way::Forth), "abcdefghijkl", "across the wrap");
    assert_eq!(told.chunks.iter().map(|c| c.3).collect::<Vec<_>>(), [6, 5, 4, 7], "each with its packet");
}

#[test]
fn of_two_copies_the_first_is_kept_and_a_difference_is_noted() {
    let mut t = tape();
    t.handshake(0, 0);
    t.c(ACK, 1, 1, b"abcd");
    t.c(ACK, 9, 1, b"ijkl"); // held
    t.c(ACK, 1, 1, b"aBcd"); // of delivered bytes
    t.c(ACK, 7, 1, b"ghiJKl"); // of held bytes
    t.c(ACK, 1, 1, b"abcdefgh"); // equal, fills
    let told = &t.finish()[0];
    assert_eq!(told.text(Way::Forth), "abcdefghijkl");
    assert!(told.notes.contains(&StreamNote::DifferingCopy { offset: 0, len: 4, packet: 6 }), "{:?}", told.notes);
    assert!(told.notes.contains(&StreamNote::DifferingCopy { offset: 9, len: 2, packet: 7 }), "{:?}", told.notes);
    assert_eq!(told.notes.iter().filter(|n| matches!(n, StreamNote::DifferingCopy { .. })).count(), 2);
}

#[test]
fn an_acknowledged_hole_is_given_up_after_the_stated_number_of_packets_and_bytes_for_it_are_late_then() {
    let limits = StreamLimits { packets_after_ack: 3, ..StreamLimits::prompt() };
    let mut t = Tape::new(limits);
    t.handshake(0, 0);
    t.c(ACK, 5, 1, b"efgh");
    for _ in 0..20 {
        t.c(ACK, 9, 1, b""); // time alone proves nothing
    }
    assert_eq!(t.log.0[&0].text(Way::Forth), "");
    t.s(ACK, 1, 9, b"");
    t.s(ACK, 1, 9, b"");
    t.s(ACK, 1, 9, b"");
    assert_eq!(t.log.0[&0].text(Way::Forth), "");
    t.s(ACK, 1, 9, b"");
    assert_eq!(t.log.0[&0].text(Way::Forth), "[NotCaptured 4]efgh");
    t.c(ACK, 3, 1, b"cd");
    assert!(t.log.0[&0].notes.contains(&StreamNote::LateBytes { offset: 2, len: 2, packet: t.packet }));
    t.c(ACK, 3, 1, b"cd");
    let told = &t.finish()[0];
    assert!(matches!(told.notes.last(), Some(StreamNote::Repeated { offset: 2, len: 2, .. })), "late only once");
}

#[test]
fn an_acknowledgement_captured_before_its_bytes_makes_no_hole() {
    let mut t = tape();
    t.handshake(0, 0);
    t.c(ACK, 5, 1, b"efgh");
    t.s(ACK, 1, 9, b"");
    t.c(ACK, 1, 1, b"abcd");
    assert_eq!(t.finish()[0].text(Way::Forth), "abcdefgh");
}

#[test]
fn what_a_snap_length_cut_is_a_hole_unless_another_copy_has_it() {
    let mut t = tape();
    t.handshake(0, 0);
    t.feed_cut(CLIENT, SERVER, ACK, 1, 1, b"ab", 2);
    t.feed_cut(CLIENT, SERVER, ACK, 5, 1, b"ef", 2);
    t.c(ACK, 1, 1, b"abcd");
    let told = &t.finish()[0];
    assert_eq!(told.text(Way::Forth), "abcdef[Truncated 2]");
    assert_eq!(told.holes[0].1.packet, 5, "the packet that was cut");
}

#[test]
fn without_a_syn_the_lowest_byte_is_offset_zero_even_if_it_is_captured_later() {
    let mut t = tape();
    t.c(ACK, 3, 1, b"cd");
    t.c(ACK, u32::MAX, 1, b"_!ab");
    t.s(ACK, 1, 5, b"");
    for _ in 0..9 {
        t.s(ACK, 1, 5, b"");
    }
    assert_eq!(t.log.0[&0].text(Way::Forth), "_!abcd");
    t.c(ACK, u32::MAX - 1, 1, b"?");
    let told = &t.finish()[0];
    assert_eq!(told.notes, [StreamNote::BeforeStart { len: 1, packet: 13 }]);
    assert_eq!(told.closed.as_ref().unwrap().1.start, [Start::MidStream, Start::Unknown]);
}

#[test]
fn keep_alives_add_no_byte() {
    let mut t = tape();
    t.handshake(0, 0);
    t.c(ACK, 1, 1, b"abcd");
    t.c(ACK, 4, 1, b"\0");
    t.c(ACK, 4, 1, b"");
    t.c(ACK, 5, 1, b"efgh");
    let told = &t.finish()[0];
    assert_eq!(told.text(Way::Forth), "abcdefgh");
    assert_eq!(told.notes, [StreamNote::Repeated { offset: 3, len: 1, packet: 5 }]);
}

#[test]
fn a_number_far_off_is_ignored_until_a_second_one_continues_it() {
    let mut t = tape();
    t.handshake(0, 0);
    t.c(ACK, 1, 1, b"ab");
    t.c(ACK, 1 << 30, 1, b"xx");
    t.c(ACK, 3, 1, b"cd");
    assert_eq!(t.log.0[&0].text(Way::Forth), "abcd");
    assert_eq!(t.log.0[&0].notes, [StreamNote::Implausible { len: 2, packet: 5 }]);
    t.c(ACK, 1 << 25, 1, b"yy");
    t.c(ACK, (1 << 25) + 2, 1, b"zz");
    let hole = (1 << 25) + 2 - 5;
    assert_eq!(t.finish()[0].text(Way::Forth), format!("abcd[CaptureEnded {hole}]zz"));
}

#[test]
fn two_that_agree_far_off_begin_no_direction_anew_that_has_sent_its_fin() {
    let mut t = tape();
    t.handshake(0, 0);
    t.c(FIN_ACK, 1, 1, b"");
    t.s(FIN_ACK, 1, 2, b"hi");
    t.c(ACK, 2, 4, b"");
    assert_eq!(t.log.0[&0].closed.as_ref().unwrap().0, Closing::Fin);
    t.c(ACK, 1 << 25, 4, b"yy");
    t.c(ACK, (1 << 25) + 2, 4, b"zz");
    let told = &t.finish()[0];
    assert_eq!((told.text(Way::Forth), told.text(Way::Back)), (String::new(), "hi".into()));
    let far = StreamNote::Implausible { len: 2, packet: 7 };
    assert_eq!(told.notes, [far, StreamNote::AfterFin { len: 2, packet: 8 }]);
}

#[test]
fn a_stray_first_segment_yields_to_two_that_agree_elsewhere() {
    let mut t = tape();
    t.c(ACK, 1 << 26, 1, b"x");
    t.c(ACK, 10, 1, b"ab");
    t.c(ACK, 12, 1, b"cd");
    t.c(ACK, 14, 1, b"ef");
    assert_eq!(t.finish()[0].text(Way::Forth), "cdef");
}

#[test]
fn data_on_a_syn_begins_the_stream() {
    let mut t = tape();
    t.c(SYN, 10, 0, b"ab");
    t.s(SYN_ACK, 0, 13, b"");
    t.c(ACK, 13, 1, b"cd");
    t.c(SYN, 10, 0, b"ab");
    let told = t.finish();
    assert_eq!((told.len(), told[0].text(Way::Forth)), (1, "abcd".into()));
}

#[test]
fn a_missing_start_shows_when_the_syn_ack_alone_was_captured() {
    let mut t = tape();
    t.s(SYN_ACK, 0, 11, b"");
    t.c(ACK, 15, 1, b"ef");
    t.s(ACK, 1, 17, b"");
    let told = &t.finish()[0];
    assert_eq!(told.text(Way::Back), "[NotCaptured 4]ef");
    assert_eq!(told.closed.as_ref().unwrap().1.opener, Some(Way::Back));
}

#[test]
fn what_was_acknowledged_before_the_syn_ack_was_captured_stays_acknowledged() {
    let mut t = tape();
    // Of the server alone, its first record behind the second.
    t.s(ACK, 1, 15, b"ab");
    t.s(SYN_ACK, 0, 11, b"");
    let told = &t.finish()[0];
    assert_eq!(told.owed, [(Way::Back, 4)]);
    assert_eq!(told.text(Way::Back), "[AcknowledgedBeyond 4]");
    assert_eq!(told.text(Way::Forth), "ab");
}

#[test]
fn the_end_shows_what_a_fin_or_the_other_side_says_was_sent() {
    let mut t = tape();
    t.handshake(0, 0);
    t.c(ACK, 1, 1, b"ab");
    t.c(FIN_ACK, 9, 1, b"");
    t.s(ACK, 1, 10, b"");
    t.c(ACK, 10, 6, b"");
    let told = &t.finish()[0];
    assert_eq!(told.text(Way::Forth), "ab[NotCaptured 6]");
    // The client's FIN was captured and the server's was not: the last number may be that FIN's.
    assert_eq!(told.text(Way::Back), "[AcknowledgedBeyond 4]");
}

#[test]
fn bytes_after_a_fin_are_noted_and_not_delivered_and_those_of_a_reset_are_both() {
    let mut t = tape();
    t.handshake(0, 0);
    t.c(FIN_ACK, 1, 1, b"ab");
    t.c(ACK, 2, 1, b"bcd");
    t.s(RST, 1, 0, b"go away");
    let told = &t.finish()[0];
    assert_eq!((told.text(Way::Forth), told.text(Way::Back)), ("ab".into(), "go away".into()));
    assert!(told.notes.contains(&StreamNote::AfterFin { len: 2, packet: 5 }), "{:?}", told.notes);
    assert!(told.notes.contains(&StreamNote::InReset { len: 7, packet: 6 }));
    assert_eq!(told.closed.as_ref().unwrap().0, Closing::Reset);
}

#[test]
fn a_syn_with_another_number_begins_another_connection_and_a_repeated_one_does_not() {
    let mut t = tape();
    t.c(SYN, 100, 0, b"");
    t.c(SYN, 100, 0, b"");
    t.s(SYN_ACK, 0, 101, b"");
    t.c(ACK, 101, 1, b"first");
    t.c(SYN, 7, 0, b"");
    t.c(ACK, 8, 1, b"second");
    let told = t.finish();
    let summary: Vec<_> = told.iter().map(|told| (told.text(Way::Forth), told.closed.as_ref().unwrap().0)).collect();
    assert_eq!(summary, [("first".into(), Closing::Replaced), ("second".into(), Closing::CaptureEnded)]);
}

#[test]
fn a_refused_syn_tried_again_with_its_number_is_one_connection_and_a_second_exchange_is_another() {
    let mut t = tape();
    t.c(SYN, 100, 0, b"");
    t.s(RST | ACK, 0, 101, b"");
    t.handshake(100, 50);
    t.s(FIN_ACK, 51, 101, b"hi");
    t.c(FIN_ACK, 101, 54, b"");
    t.handshake(100, 50);
    t.s(ACK, 51, 101, b"again");
    let told = t.finish();
    assert_eq!(told.iter().map(|told| told.text(Way::Back)).collect::<Vec<_>>(), ["hi", "again"]);
}

#[test]
fn a_syn_captured_after_its_own_data_still_belongs_to_it() {
    let mut t = tape();
    t.c(ACK, 105, 1, b"efgh");
    t.c(ACK, 101, 1, b"abcd");
    t.c(SYN, 100, 0, b"");
    t.s(SYN_ACK, 0, 101, b"");
    let told = t.finish();
    assert_eq!((told.len(), told[0].text(Way::Forth)), (1, "abcdefgh".into()));
    assert_eq!(told[0].closed.as_ref().unwrap().1.start, [Start::Syn; 2]);
}

#[test]
fn a_host_that_talks_to_itself_from_one_port_has_one_direction() {
    let mut t = tape();
    let me = ("::1", 7);
    t.feed(me, me, SYN, 5, 0, b"");
    t.feed(me, me, SYN_ACK, 5, 6, b"");
    t.feed(me, me, ACK, 6, 6, b"ab");
    t.feed(me, me, ACK, 8, 8, b"cd");
    let told = t.finish();
    assert_eq!((told.len(), told[0].text(Way::Forth), told[0].text(Way::Back)), (1, "abcd".into(), String::new()));
}

#[test]
fn beyond_the_limit_of_connections_the_longest_idle_is_forgotten() {
    let mut t = Tape::new(StreamLimits { connections: 4, ..StreamLimits::prompt() });
    for port in [1, 2, 3, 4, 1, 5] {
        t.feed(("10.0.0.1", port), SERVER, ACK, 100 + u32::from(port), 0, b"x");
    }
    assert_eq!(t.connections.connections.len(), 4);
    assert_eq!(t.connections.counters().evicted_connections, 1);
    t.feed(("10.0.0.1", 1), SERVER, ACK, 102, 0, b"y");
    let told = t.finish();
    let evicted: Vec<_> = told
        .iter()
        .filter(|t| t.closed.as_ref().unwrap().0 == Closing::Evicted)
        .map(|t| t.closed.clone().unwrap().1.id)
        .collect();
    assert_eq!(evicted, [1], "of port 2");
    assert_eq!(told[0].text(Way::Forth), "xy");
}

#[test]
fn of_closed_connections_the_latest_are_remembered_beside_a_quarter_of_the_open_ones() {
    const REMEMBERED: usize = 8;
    let mut t = Tape::new(StreamLimits { closed: REMEMBERED, ..StreamLimits::prompt() });
    let exchange = |t: &mut Tape, port| {
        let client = ("10.0.0.1", port);
        t.feed(client, SERVER, SYN, 99, 0, b"");
        t.feed(SERVER, client, SYN_ACK, 199, 100, b"");
        t.feed(client, SERVER, FIN_ACK, 100, 200, b"x");
        t.feed(SERVER, client, FIN_ACK, 200, 102, b"y");
    };
    let late = |t: &mut Tape, port| t.feed(("10.0.0.1", port), SERVER, ACK, 102, 201, b"");
    (0..8).for_each(|port| t.feed(("10.0.0.2", port), SERVER, ACK, 7, 0, b"o"));
    for port in 1..=1000 {
        exchange(&mut t, port);
        assert!(t.connections.connections.len() <= 8 + REMEMBERED + 8 / 4 + 1);
    }
    let count = t.connections.count();
    assert_eq!(count, 1008);
    (997..=1000).for_each(|port| late(&mut t, port));
    assert_eq!(t.connections.count(), count, "a late segment belongs to the connection it is of");
    late(&mut t, 1);
    assert_eq!(t.connections.count(), count + 1, "one that was forgotten begins anew");
    assert_eq!(t.connections.counters().evicted_connections, 0);
    let told = t.finish();
    let closed_by = |closing| told.iter().filter(|t| t.closed.as_ref().unwrap().0 == closing).count();
    assert_eq!((closed_by(Closing::Fin), closed_by(Closing::CaptureEnded)), (1000, 9));
}

#[test]
fn beyond_the_limit_closed_connections_go_first() {
    let mut t = Tape::new(StreamLimits { connections: 3, ..StreamLimits::prompt() });
    t.feed(("10.0.0.1", 1), SERVER, ACK, 7, 0, b"o");
    let client = ("10.0.0.1", 2);
    t.feed(client, SERVER, SYN, 99, 0, b"");
    t.feed(SERVER, client, SYN_ACK, 199, 100, b"");
    t.feed(client, SERVER, FIN_ACK, 100, 200, b"");
    t.feed(SERVER, client, FIN_ACK, 200, 101, b"");
    for port in [3, 4] {
        t.feed(("10.0.0.1", port), SERVER, ACK, 7, 0, b"o");
    }
    assert_eq!(t.connections.counters().evicted_connections, 0);
    t.feed(("10.0.0.1", 5), SERVER, ACK, 7, 0, b"o");
    assert_eq!(t.connections.counters().evicted_connections, 1, "nothing is closed any more");
}

#[test]
fn streams_longer_than_four_gibibytes_keep_counting() {
    let payload = vec![7_u8; 1 << 20];
    let mut offset = 0_u64;
    struct Count(u64);
    impl StreamSink for Count {
        type State = ();
        fn chunk(&mut self, _: &ConnectionInfo, (): &mut (), _: Way, chunk: Chunk<'_>) {
            assert_eq!(chunk.offset, self.0);
            self.0 += chunk.bytes.len() as u64;
        }
        fn hole(&mut self, _: &ConnectionInfo, (): &mut (), _: Way, hole: Hole) {
            panic!("{hole:?}");
        }
        fn closed(&mut self, _: &ConnectionInfo, (): &mut (), _: Closing) {}
    }
    let mut connections = Connections::new(StreamLimits::prompt());
    let mut sink = Count(0);
    let end = |(addr, port): (&str, u16)| Endpoint { addr: addr.parse().unwrap(), port };
    let mut segment = Segment {
        packet: 1,
        time: None,
        source: end(CLIENT),
        destination: end(SERVER),
        seq: TcpSeq(0),
        ack: TcpSeq(0),
        flags: SYN,
        payload: b"",
        missing: 0,
    };
    connections.segment(&segment, &mut sink);
    segment.flags = ACK;
    segment.payload = &payload;
    while offset <= 5 << 30 {
        segment.seq = TcpSeq(1 + offset as u32);
        connections.segment(&segment, &mut sink);
        offset += payload.len() as u64;
    }
    assert_eq!(sink.0, offset);
}

/// A segment of the random captures: where it begins, its captured and its cut bytes, and whether its content is the
/// stream's or another.
#[derive(Debug, Clone)]
struct Op {
    offset: u32,
    len: u32,
    missing: u32,
    differs: bool,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = (0_u32..400, 2_u32..60, prop_oneof![4 => Just(0_u32), 1 => 1_u32..20], prop::bool::weighted(0.2))
        .prop_map(|(offset, len, missing, differs)| Op { offset, len, missing, differs });
    prop::collection::vec(op, 1..40)
}

fn content(op: &Op, packet: u64) -> Vec<u8> {
    (op.offset..op.offset + op.len).map(|at| if op.differs { packet as u8 ^ 0x80 } else { (at % 251) as u8 }).collect()
}

proptest! {
    /// The naive twin keeps every segment and asks, for each byte at the end, who brought it first.
    #[test]
    fn what_is_delivered_is_what_a_twin_without_limits_finds(ops in ops(), base: u32, syn: bool, acks: bool) {
        let limits = StreamLimits {
            held_segments: 10_000, start_segments: 10_000, packets_after_ack: 10_000, ..StreamLimits::prompt()
        };
        let mut t = Tape::new(limits);
        if syn {
            t.c(SYN, base.wrapping_sub(1), 0, b"");
        }
        let mut twin: Vec<(u64, &Op, Vec<u8>)> = Vec::new();
        for op in &ops {
            let payload = content(op, t.packet + 1);
            t.feed_cut(CLIENT, SERVER, ACK, base.wrapping_add(op.offset), 0, &payload, op.missing);
            twin.push((t.packet, op, payload));
            if acks {
                t.s(ACK, 0, base.wrapping_add(op.offset + op.len), b"");
            }
        }
        let origin = if syn { 0 } else { ops.iter().map(|op| op.offset).min().unwrap() };
        let end = ops.iter().map(|op| op.offset + op.len + op.missing).max().unwrap();
        let acked = ops.iter().map(|op| op.offset + op.len).max().unwrap();
        let expected: Vec<Byte> = (origin..end).map(|at| {
            let copy = twin.iter().find(|(_, op, _)| (op.offset..op.offset + op.len).contains(&at));
            let cut = ops.iter().any(|op| (op.offset + op.len..op.offset + op.len + op.missing).contains(&at));
            match copy {
                Some((packet, op, payload)) => Byte::Captured { value: payload[(at - op.offset) as usize], packet: *packet },
                None if cut => Byte::Missing(HoleCause::Truncated),
                None if acks && at < acked => Byte::Missing(HoleCause::NotCaptured),
                None => Byte::Missing(HoleCause::CaptureEnded),
            }
        }).collect();
        let held = t.connections.shared.held_in_all();
        prop_assert!(held < 1 << 20);
        let told = t.finish();
        prop_assert_eq!(&told[0].bytes[0], &expected);
    }

    /// Anything at all, with hardly any room: chunks stay true to their packets and memory within bounds.
    #[test]
    fn under_tight_limits_every_chunk_still_stands_where_its_packet_puts_it(
        packets in prop::collection::vec(
            (any::<bool>(), prop_oneof![6 => Just(ACK.0), 1 => any::<u8>()], prop_oneof![12 => 0_u32..300, 1 => any::<u32>()],
             prop_oneof![6 => 0_u32..300, 1 => any::<u32>()], 0_usize..40, prop_oneof![6 => Just(0_u32), 1 => 0_u32..30, 1 => any::<u32>()]),
            1..120),
        base: u32,
    ) {
        let limits = StreamLimits {
            held_bytes: 100, held_segments: 5, held_bytes_in_all: 1000, packets_after_ack: 2,
            start_segments: 2, start_bytes: 60, plausible_jump: 1000, connections: 2, closed: 1,
        };
        let mut t = Tape::new(limits);
        let mut fed: Vec<(u32, Vec<u8>)> = vec![(0, vec![])];
        for (forth, flags, seq, ack, len, missing) in packets {
            let (from, to) = if forth { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
            let (seq, flags) = (base.wrapping_add(seq), TcpFlags(flags));
            let payload: Vec<u8> = (0..len).map(|i| (fed.len() * 37 + i * 101) as u8).collect();
            t.feed_cut(from, to, flags, seq, base.wrapping_add(ack), &payload, missing);
            fed.push((seq.wrapping_add(u32::from(flags.has(SYN))), payload));
            prop_assert!(t.connections.shared.held_in_all() <= 1000 + 64 + 40);
        }
        t.connections.finish(&mut t.log);
        prop_assert_eq!(t.connections.shared.held_in_all(), 0, "nothing stays held");
        for told in t.log.0.values() {
            for way in Way::BOTH {
                // The sequence number of offset 0 is one and the same for all chunks.
                let mut zeros: Option<HashSet<u32>> = None;
                for (_, offset, bytes, packet) in told.chunks.iter().filter(|chunk| chunk.0 == way) {
                    let (seq, payload) = &fed[*packet as usize];
                    let here: HashSet<u32> = payload.windows(bytes.len()).enumerate()
                        .filter(|(_, window)| window == bytes)
                        .map(|(at, _)| seq.wrapping_add(at as u32).wrapping_sub(*offset as u32))
                        .collect();
                    zeros = Some(match zeros { None => here, Some(zeros) => &zeros & &here });
                    prop_assert!(zeros.as_ref().is_some_and(|zeros| !zeros.is_empty()));
                }
            }
        }
    }
}
