use std::convert::Infallible;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;
use crate::decode::LinkType;
use crate::decode::headers::{Dissected, Dissector, FragmentLimits};

/// A packet as it was emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Packet {
    time: i64,
    from: Side,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Tape(Vec<Packet>);

impl PacketSink for Tape {
    type Error = Infallible;

    fn packet(&mut self, packet: WirePacket<'_>) -> Result<(), Infallible> {
        let bytes = [packet.header, packet.payload].concat();
        assert_eq!(bytes.len(), packet.original_len() as usize);
        self.0.push(Packet { time: packet.time.nanos(), from: packet.from, bytes });
        Ok(())
    }
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn end(addr: &str, port: u16) -> Endpoint {
    Endpoint { addr: addr.parse().unwrap(), port }
}

fn v4() -> TcpConversation {
    TcpConversation::new(end("127.0.0.1", 40000), end("127.0.0.1", 55558), [TcpSeq(100), TcpSeq(900)])
}

/// sender, flags, seq, ack and payload length of every packet, as the decoder reads them.
fn read(tape: &Tape) -> Vec<(Side, u8, u32, u32, usize)> {
    let mut dissector = Dissector::new(FragmentLimits::default());
    let segment = |packet: &Packet| {
        let len = packet.bytes.len() as u32;
        match dissector.dissect(1, None, LinkType(1), &packet.bytes, len) {
            Dissected::Tcp(s) => (packet.from, s.flags.0, s.seq.0, s.ack.0, s.payload.len()),
            Dissected::Other(other) => panic!("{other:?}"),
        }
    };
    tape.0.iter().map(segment).collect()
}

const C: Side = Side::Client;
const S: Side = Side::Server;
const FIN_ACK: u8 = 0x11;
const PSH_ACK: u8 = 0x18;
const ACK: u8 = 0x10;

#[test]
fn a_whole_conversation_has_the_numbers_of_rfc_9293() {
    let (mut tcp, mut tape) = (v4(), Tape::default());
    let Ok(()) = tcp.open([at(1), at(2), at(3)], &mut tape);
    let Ok(()) = tcp.send(C, &[7; 44], at(4), &mut tape);
    let Ok(()) = tcp.send(S, &[8; 52], at(5), &mut tape);
    let Ok(()) = tcp.close(S, [at(6), at(7), at(8)], &mut tape);
    assert_eq!(
        read(&tape),
        [
            (C, 0x02, 100, 0, 0),
            (S, 0x12, 900, 101, 0),
            (C, ACK, 101, 901, 0),
            (C, PSH_ACK, 101, 901, 44),
            (S, PSH_ACK, 901, 145, 52),
            (S, FIN_ACK, 953, 145, 0),
            (C, FIN_ACK, 145, 954, 0),
            (S, ACK, 954, 146, 0),
        ]
    );
    assert_eq!(tape.0.iter().map(|packet| packet.time).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((tcp.sent(C), tcp.sent(S)), (44, 52));
}

#[test]
fn acknowledgements_say_what_the_caller_says_and_never_go_back() {
    let (mut tcp, mut tape) = (v4(), Tape::default());
    let Ok(()) = tcp.open([at(0); 3], &mut tape);
    tape.0.clear();
    let Ok(()) = tcp.send(C, &[0; 100], at(0), &mut tape);
    let Ok(()) = tcp.send_acking(S, &[0; 10], 40, at(0), &mut tape);
    let Ok(()) = tcp.send_acking(S, &[0; 10], 30, at(0), &mut tape);
    let Ok(()) = tcp.acknowledge(S, 1000, at(0), &mut tape);
    let acks: Vec<u32> = read(&tape).iter().map(|packet| packet.3).collect();
    assert_eq!(acks, [901, 141, 141, 201]);
}

#[test]
fn nothing_is_emitted_after_the_end_of_a_side_or_of_everything() {
    let (mut tcp, mut tape) = (v4(), Tape::default());
    let Ok(()) = tcp.open([at(0); 3], &mut tape);
    let Ok(()) = tcp.finish(C, u64::MAX, at(0), &mut tape);
    let packets = tape.0.len();
    let Ok(()) = tcp.finish(C, u64::MAX, at(0), &mut tape);
    let Ok(()) = tcp.send(C, b"late", at(0), &mut tape);
    assert_eq!(tape.0.len(), packets);
    let Ok(()) = tcp.send(S, b"still open", at(0), &mut tape);
    let Ok(()) = tcp.reset(S, at(0), &mut tape);
    let packets = tape.0.len();
    let Ok(()) = tcp.send(S, b"late", at(0), &mut tape);
    let Ok(()) = tcp.acknowledge(C, u64::MAX, at(0), &mut tape);
    assert_eq!(tape.0.len(), packets);
    assert_eq!(read(&tape).last().unwrap(), &(S, 0x14, 911, 102, 0));
}

#[test]
fn long_writes_are_split_and_only_the_last_segment_pushes() {
    let (mut tcp, mut tape) = (v4(), Tape::default());
    let Ok(()) = tcp.send(C, &vec![1; 2 * MAX_SEGMENT + 1], at(0), &mut tape);
    let parts: Vec<_> = read(&tape).iter().map(|packet| (packet.1, packet.4)).collect();
    assert_eq!(parts, [(ACK, MAX_SEGMENT), (ACK, MAX_SEGMENT), (PSH_ACK, 1)]);
}

/// Follows how far one side is ahead of the other's acknowledgement, without keeping packets.
#[derive(Default)]
struct Ahead {
    written: u64,
    acked: u64,
    acks: u32,
}

impl PacketSink for Ahead {
    type Error = Infallible;

    fn packet(&mut self, packet: WirePacket<'_>) -> Result<(), Infallible> {
        self.written += packet.payload.len() as u64;
        if packet.from == S && packet.payload.is_empty() {
            let ack = u32::from_be_bytes(packet.header[42..46].try_into().unwrap());
            self.acked = u64::from(ack - 101);
            self.acks += 1;
        }
        assert!(self.written - self.acked <= MAX_OUTSTANDING);
        Ok(())
    }
}

#[test]
fn a_stream_that_is_never_acknowledged_gets_an_ack_before_a_window_could_fill() {
    let (mut tcp, mut ahead) = (v4(), Ahead::default());
    let Ok(()) = tcp.open([at(0); 3], &mut Tape::default());
    let block = vec![0; 1 << 20];
    for _ in 0..600 {
        let Ok(()) = tcp.send_acking(C, &block, 0, at(0), &mut ahead);
    }
    assert!((2..10).contains(&ahead.acks), "{}", ahead.acks);
}

#[test]
fn mapped_addresses_are_written_as_ipv4_and_mixed_pairs_as_ipv6() {
    let ethertype = |client, server| {
        let mut tape = Tape::default();
        let Ok(()) =
            TcpConversation::new(end(client, 1), end(server, 2), [TcpSeq(0); 2]).send(C, b"x", at(0), &mut tape);
        tape.0[0].bytes[12..14].to_vec()
    };
    assert_eq!(ethertype("::ffff:10.0.0.1", "::ffff:10.0.0.2"), [0x08, 0x00]);
    assert_eq!(ethertype("::ffff:10.0.0.1", "10.0.0.2"), [0x08, 0x00]);
    assert_eq!(ethertype("::1", "10.0.0.2"), [0x86, 0xDD]);
}

#[test]
fn no_two_clients_and_no_client_and_the_server_are_the_same() {
    for server in [end("127.0.0.1", 55558), end("127.0.0.1", 80), end("::1", 32768), end("::1", 60999)] {
        let mut seen: std::collections::HashSet<_> = [server].into();
        for n in 0..100_000 {
            let client = client_endpoint(n, server);
            assert!(seen.insert(client), "{client}");
            assert_eq!(client.addr.is_ipv4(), server.addr.is_ipv4());
            assert_ne!(client.port, server.port);
        }
        assert_ne!(client_endpoint(u32::MAX, server), server);
    }
}

/// What etherparse builds of the same values.
fn built(from: Endpoint, to: Endpoint, seq: u32, ack: u32, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
    use std::net::IpAddr::{V4, V6};
    let ethernet = PacketBuilder::ethernet2([0; 6], [0; 6]);
    let ip = match (from.addr, to.addr) {
        (V4(a), V4(b)) => {
            let mut header =
                etherparse::Ipv4Header::new(0, 64, etherparse::IpNumber::TCP, a.octets(), b.octets()).unwrap();
            header.dont_fragment = true;
            header.identification = 0;
            ethernet.ip(etherparse::IpHeaders::Ipv4(header, Default::default()))
        }
        (V6(a), V6(b)) => ethernet.ipv6(a.octets(), b.octets(), 64),
        _ => unreachable!("both ends are of one family here"),
    };
    let mut tcp = ip.tcp(from.port, to.port, seq, u16::MAX);
    if flags.has(TcpFlags::ACK) {
        tcp = tcp.ack(ack);
    }
    if flags.has(PSH) {
        tcp = tcp.psh();
    }
    if flags.has(TcpFlags::FIN) {
        tcp = tcp.fin();
    }
    if flags.has(TcpFlags::RST) {
        tcp = tcp.rst();
    }
    if flags.has(TcpFlags::SYN) {
        tcp = tcp.syn().options_raw(&SYN_OPTIONS).unwrap();
    }
    let mut bytes = Vec::new();
    tcp.write(&mut bytes, payload).unwrap();
    bytes
}

fn addresses() -> impl Strategy<Value = (Endpoint, Endpoint)> {
    let v4 = (any::<[u8; 4]>(), any::<[u8; 4]>()).prop_map(|(a, b)| (a.into(), b.into()));
    // Mapped addresses are written as IPv4, which is tested above.
    let v6 = (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(mut a, mut b)| {
        (a[0], b[0]) = (0xFD, 0xFD);
        (a.into(), b.into())
    });
    (prop_oneof![v4, v6], any::<u16>(), any::<u16>())
        .prop_map(|((a, b), p, q)| (Endpoint { addr: a, port: p }, Endpoint { addr: b, port: q }))
}

proptest! {
    #[test]
    fn every_packet_is_byte_for_byte_what_etherparse_builds(
        (client, server) in addresses(),
        seq in any::<u32>(),
        ack in any::<u32>(),
        flags in prop::sample::select(vec![0x02, 0x12, ACK, PSH_ACK, FIN_ACK, 0x14]),
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (any::<u8>(), MAX_SEGMENT - 3..=MAX_SEGMENT).prop_map(|(byte, len)| vec![byte; len]),
        ],
    ) {
        let flags = TcpFlags(flags);
        let ack = if flags.has(TcpFlags::ACK) { ack } else { 0 };
        let options: &[u8] = if flags.has(TcpFlags::SYN) { &SYN_OPTIONS } else { &[] };
        let [mut forth, mut back] = Template::pair(client, server);
        for (template, from, to) in [(&mut forth, client, server), (&mut back, server, client)] {
            // What an earlier packet left in the template must not show.
            template.fill(TcpSeq(!seq), TcpSeq(!ack), TcpFlags(0x3F), &SYN_OPTIONS, b"before");
            let header = template.fill(TcpSeq(seq), TcpSeq(ack), flags, options, &payload);
            prop_assert!([header, &payload].concat() == built(from, to, seq, ack, flags, &payload));
        }
    }

    #[test]
    fn what_was_sent_in_any_pieces_comes_out_in_order(
        writes in prop::collection::vec((any::<bool>(), 0_usize..300), 0..40),
        isns in any::<[u32; 2]>(),
        max in 1_usize..200,
    ) {
        let mut tcp = TcpConversation::new(end("::1", 1), end("::1", 2), isns.map(TcpSeq)).with_max_segment(max);
        let mut tape = Tape::default();
        let Ok(()) = tcp.open([at(0); 3], &mut tape);
        let mut expected = [isns[0].wrapping_add(1), isns[1].wrapping_add(1)];
        tape.0.clear();
        for (client, len) in writes {
            let side = if client { C } else { S };
            let Ok(()) = tcp.send(side, &vec![0; len], at(0), &mut tape);
        }
        for (from, _, seq, ack, len) in read(&tape) {
            let (own, other) = if from == C { (0, 1) } else { (1, 0) };
            prop_assert_eq!((seq, ack), (expected[own], expected[other]));
            prop_assert!(len <= max && len > 0);
            expected[own] = expected[own].wrapping_add(len as u32);
        }
    }
}
