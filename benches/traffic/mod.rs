//! The same exchanges as a pcap file, a pcapng file and a Wireshark export, all in memory.

use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos};
use etherparse::PacketBuilder;

/// Payload capacity of the frames: 44 bytes long.
const CAPACITY: u16 = 10;
const EPOCH: u64 = 1_767_603_600_000_000_000;
const SERVER: [u8; 4] = [192, 0, 2, 1];
const PORT: u16 = 55_558;

/// One packet before it is put into a file.
pub(crate) struct Sent {
    /// Nanoseconds since the epoch.
    pub(crate) time: u64,
    /// From the Ethernet header on.
    pub(crate) bytes: Vec<u8>,
    connection: u32,
    seq: u32,
    ack: u32,
    from_client: bool,
    flags: u8,
    payload: Vec<u8>,
}

/// One side's TCP numbers.
struct Connection {
    index: u32,
    client_seq: u32,
    server_seq: u32,
}

impl Connection {
    fn packet(&mut self, time: u64, from_client: bool, flags: u8, payload: Vec<u8>) -> Sent {
        let [.., a, b] = self.index.to_be_bytes();
        let (client, port) = ([10, 0, a, b], 40_000 + self.index as u16);
        let (ends, ports) =
            if from_client { ((client, SERVER), (port, PORT)) } else { ((SERVER, client), (PORT, port)) };
        let (seq, ack) =
            if from_client { (self.client_seq, self.server_seq) } else { (self.server_seq, self.client_seq) };
        let mut header = etherparse::TcpHeader::new(ports.0, ports.1, seq, 512);
        header.acknowledgment_number = ack;
        (header.fin, header.syn, header.psh, header.ack) =
            (flags & 1 != 0, flags & 2 != 0, flags & 8 != 0, flags & 16 != 0);
        let mut bytes = Vec::new();
        let builder = PacketBuilder::ethernet2([0; 6], [0; 6]).ipv4(ends.0, ends.1, 64).tcp_header(header);
        builder.write(&mut bytes, &payload).expect("a packet of this size can be built");
        let next = seq.wrapping_add(payload.len() as u32 + u32::from(flags & 3 != 0));
        *(if from_client { &mut self.client_seq } else { &mut self.server_seq }) = next;
        Sent { time, bytes, connection: self.index, seq, ack, from_client, flags, payload }
    }
}

fn frame(layout: FrameLayout, frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.emit(layout, &mut bytes).expect("the payload fits");
    bytes
}

/// `connections` interleaved exchanges of `slices` MSGs, each answered by its ACK, from SYN to FIN. One frame a packet.
pub(crate) fn exchanges(connections: u32, slices: u32) -> Vec<Sent> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const PSH: u8 = 8;
    const ACK: u8 = 16;
    let layout = FrameLayout::new(MaxMsgSize::new(CAPACITY).expect("in range"));
    let mut running: Vec<Connection> = (0..connections)
        .map(|index| Connection { index, client_seq: index * 7919, server_seq: index * 104_729 })
        .collect();
    let mut sent = Vec::new();
    let mut time = EPOCH;
    let mut each = |flags: u8, from_client: bool, payload: &dyn Fn(f64) -> Vec<u8>| {
        for connection in &mut running {
            time += 10_007;
            sent.push(connection.packet(time, from_client, flags, payload(time as f64 / 1e9)));
        }
    };
    let none = |_: f64| Vec::new();
    each(SYN, true, &none);
    each(SYN | ACK, false, &none);
    each(ACK, true, &none);
    let data = PSH | ACK;
    each(data, true, &|now| frame(HANDSHAKE, &Frame::from_client(Name::GetMax, b"", Pos(0), now)));
    each(data, false, &|now| frame(HANDSHAKE, &Frame::from_server(Name::ReturnMax, b"10", now)));
    for n in 1..=slices {
        let pos = Pos(n as i32);
        let (slice, number) = (format!("{n:010}"), n.to_string());
        each(data, true, &|now| frame(layout, &Frame::from_client(Name::Msg, slice.as_bytes(), pos, now)));
        each(data, false, &|now| frame(layout, &Frame::from_server(Name::Ack, number.as_bytes(), now)));
    }
    let (done, close) = (Pos(slices as i32 + 1), Pos(slices as i32 + 2));
    let number = done.to_string();
    each(data, true, &|now| frame(layout, &Frame::from_client(Name::Done, b"EOMsg", done, now)));
    each(data, false, &|now| frame(layout, &Frame::from_server(Name::Ack, number.as_bytes(), now)));
    each(data, true, &|now| frame(layout, &Frame::from_client(Name::Close, b"request to", close, now)));
    each(data, false, &|now| frame(layout, &Frame::from_server(Name::Disconnect, b"approving ", now)));
    each(FIN | ACK, false, &none);
    each(FIN | ACK, true, &none);
    each(ACK, false, &none);
    sent
}

/// As a pcap file with nanosecond time stamps.
pub(crate) fn pcap(packets: &[Sent]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 262_144, 1_u32] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for packet in packets {
        let len = packet.bytes.len() as u32;
        for word in [(packet.time / 1_000_000_000) as u32, (packet.time % 1_000_000_000) as u32, len, len] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet.bytes);
    }
    file
}

/// As a pcapng file: one section, one interface in nanoseconds, enhanced packet blocks.
pub(crate) fn pcapng(packets: &[Sent]) -> Vec<u8> {
    fn block(file: &mut Vec<u8>, kind: u32, words: &[u32], data: &[u8]) {
        let len = (12 + words.len() * 4 + data.len().next_multiple_of(4)) as u32;
        for word in [kind, len].iter().chain(words) {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(data);
        file.resize(file.len().next_multiple_of(4), 0);
        file.extend_from_slice(&len.to_le_bytes());
    }
    let mut file = Vec::new();
    block(&mut file, 0x0a0d_0d0a, &[0x1a2b_3c4d, 1, u32::MAX, u32::MAX], &[]);
    // Link type Ethernet, option if_tsresol with 10^-9, end of options.
    block(&mut file, 1, &[1, 262_144, 9 | 1 << 16, 9, 0], &[]);
    for packet in packets {
        let len = packet.bytes.len() as u32;
        block(&mut file, 6, &[0, (packet.time >> 32) as u32, packet.time as u32, len, len], &packet.bytes);
    }
    file
}

/// As `tshark -T json` writes it, without the layers below IP and with what decode reads of the others, padded to the
/// size that an export has: some forty times the capture's.
pub(crate) fn export(packets: &[Sent]) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = String::from("[\n");
    for (i, packet) in packets.iter().enumerate() {
        let (seconds, nanos) = (packet.time / 1_000_000_000, packet.time % 1_000_000_000);
        let [.., a, b] = packet.connection.to_be_bytes();
        let client = (format!("10.0.{a}.{b}"), 40_000 + packet.connection);
        let server = ("192.0.2.1".to_owned(), u32::from(PORT));
        let (from, to) = if packet.from_client { (client, server) } else { (server, client) };
        let hex: Vec<String> = packet.payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let payload =
            if hex.is_empty() { String::new() } else { format!("\n          \"tcp.payload\": \"{}\",", hex.join(":")) };
        let comma = if i + 1 < packets.len() { "," } else { "" };
        let filler = r#"
            "eth.dst.oui_resolved": "Officially Xerox, but 0:0:0:0:0:0 is more common","#
            .repeat(24);
        let _ = writeln!(
            text,
            r#"  {{
    "_index": "packets-2026-01-05",
    "_type": "doc",
    "_score": null,
    "_source": {{
      "layers": {{
        "frame": {{
          "frame.time_epoch": "{seconds}.{nanos:09}",
          "frame.number": "{number}",
          "frame.len": "{len}",
          "frame.cap_len": "{len}",
          "frame.protocols": "eth:ethertype:ip:tcp:data"
        }},
        "eth": {{
          "eth.dst_tree": {{{filler}
            "eth.lg": "0"
          }},
          "eth.type": "0x0800"
        }},
        "ip": {{
          "ip.version": "4",
          "ip.len": "{ip_len}",
          "ip.proto": "6",
          "ip.src": "{src}",
          "ip.dst": "{dst}"
        }},
        "tcp": {{
          "tcp.srcport": "{sport}",
          "tcp.dstport": "{dport}",
          "tcp.stream": "{stream}",
          "tcp.len": "{tcp_len}",
          "tcp.seq_raw": "{seq}",
          "tcp.ack_raw": "{ack}",
          "tcp.hdr_len": "20",{payload}
          "tcp.flags": "0x{flags:04x}"
        }}
      }}
    }}
  }}{comma}"#,
            number = i + 1,
            len = packet.bytes.len(),
            ip_len = packet.bytes.len() - 14,
            src = from.0,
            dst = to.0,
            sport = from.1,
            dport = to.1,
            stream = packet.connection,
            tcp_len = packet.payload.len(),
            seq = packet.seq,
            ack = packet.ack,
            flags = packet.flags,
        );
    }
    text.push_str("]\n");
    text.into_bytes()
}
