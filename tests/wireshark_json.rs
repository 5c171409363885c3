//! Every variant of Wireshark's JSON export gives the TCP payload bytes of the capture it was made from.
//!
//! `data/wireshark_json/run5.pcap` is a capture of one exchange of 35 packets on a loopback interface; the exports
//! beside it were written by tshark 4.0, 4.4 and 4.6 (in their names) from that capture. What is expected
//! comes from the capture, by a walk through its bytes that shares no code with the crate.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use arqscope::decode::capture::CaptureError;
use arqscope::decode::capture::wireshark_json::{Limits, WiresharkJson};
use arqscope::decode::{LinkType, PacketContent};
use proptest::prelude::*;

/// What the tests compare of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    number: u64,
    nanos: Option<i64>,
    ports: (u16, u16),
    seq: u32,
    ack: Option<u32>,
    flags: u8,
    payload: Vec<u8>,
}

fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/wireshark_json").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A TCP packet of an Ethernet frame without VLAN tags or IP options beyond those the header length counts.
fn dissect(number: u64, nanos: Option<i64>, frame: &[u8]) -> Seen {
    let be16 = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let be32 = |at: usize| u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
    assert_eq!((be16(12), frame[23]), (0x0800, 6));
    let tcp = 14 + usize::from(frame[14] & 15) * 4;
    let payload = tcp + usize::from(frame[tcp + 12] >> 4) * 4;
    let flags = frame[tcp + 13];
    Seen {
        number,
        nanos,
        ports: (be16(tcp), be16(tcp + 2)),
        seq: be32(tcp + 4),
        ack: (flags & 0x10 != 0).then(|| be32(tcp + 8)),
        flags,
        payload: frame[payload..14 + usize::from(be16(16))].to_vec(),
    }
}

/// The packets of a little-endian microsecond pcap.
fn capture() -> Vec<Seen> {
    let pcap = data("run5.pcap");
    assert_eq!(pcap[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let le32 = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    let (mut at, mut seen) = (24, Vec::new());
    while at < pcap.len() {
        let len = le32(at + 8) as usize;
        let nanos = i64::from(le32(at)) * 1_000_000_000 + i64::from(le32(at + 4)) * 1000;
        seen.push(dissect(seen.len() as u64 + 1, Some(nanos), &pcap[at + 16..at + 16 + len]));
        at += 16 + len;
    }
    assert_eq!(seen.len(), 35);
    seen
}

struct Import {
    seen: Vec<Seen>,
    others: Vec<String>,
    error: Option<CaptureError>,
    variant: String,
    notes: Vec<String>,
}

fn import(reader: impl Read + Send + 'static) -> Import {
    let mut import = Import { seen: vec![], others: vec![], error: None, variant: String::new(), notes: vec![] };
    let mut export = match WiresharkJson::new(Box::new(reader), Limits::default()) {
        Ok(export) => export,
        Err(error) => return Import { error: Some(error), ..import },
    };
    loop {
        match export.next() {
            Ok(Some(packet)) => {
                let nanos = packet.time.and_then(|time| i64::try_from(time.nanos()).ok());
                match packet.content {
                    PacketContent::Bytes { link_type: LinkType(1), bytes, original_len } => {
                        assert_eq!(original_len as usize, bytes.len());
                        import.seen.push(dissect(packet.number, nanos, bytes));
                    }
                    PacketContent::Segment(segment) => {
                        assert_eq!((segment.packet, segment.time), (packet.number, packet.time));
                        assert_eq!(segment.missing, 0);
                        import.seen.push(Seen {
                            number: packet.number,
                            nanos,
                            ports: (segment.source.port, segment.destination.port),
                            seq: segment.seq.0,
                            ack: (segment.flags.0 & 0x10 != 0).then_some(segment.ack.0),
                            flags: segment.flags.0,
                            payload: segment.payload.to_vec(),
                        });
                    }
                    other => import.others.push(format!("{other:?}")),
                }
            }
            Ok(None) => break,
            Err(error) => {
                import.error = Some(error);
                assert!(matches!(export.next(), Ok(None)), "after an error there is nothing");
                break;
            }
        }
    }
    import.variant = export.variant();
    import.notes = export.notes();
    import
}

fn whole(name: &str) -> Import {
    let import = import(Cursor::new(data(name)));
    assert!(import.error.is_none(), "{name}: {:?}", import.error);
    assert!(import.others.is_empty(), "{name}: {:?}", import.others);
    import
}

#[test]
fn exports_with_all_fields_give_exactly_the_packets_of_their_capture() {
    let expected = capture();
    let samples = [
        ("run5-v40.json", "-T json"),
        ("run5-v44.json", "-T json"),
        ("run5-v46.json", "-T json"),
        ("run5-v40-nodup.json", "-T json, no duplicate keys"),
        ("run5-v44-nodup.json", "-T json, no duplicate keys"),
        ("run5-v46-nodup.json", "-T json, no duplicate keys"),
        ("run5-v40.ek.ndjson", "-T ek"),
        ("run5-v44.ek.ndjson", "-T ek"),
        ("run5-v46.ek.ndjson", "-T ek"),
        ("run5-v46-x.json", "-T json, raw bytes"),
        ("run5-v40-j.json", "-T json, filtered layers"),
    ];
    for (name, options) in samples {
        let import = whole(name);
        assert_eq!(import.seen, expected, "{name}");
        assert_eq!(import.variant, format!("Wireshark JSON ({options})"), "{name}");
        assert_eq!(import.notes, [""; 0], "{name}");
    }
}

#[test]
fn jsonraw_gives_all_bytes_and_says_what_it_does_not_hold() {
    let import = whole("run5-v40-jsonraw.json");
    let expected: Vec<Seen> = capture().into_iter().map(|seen| Seen { nanos: None, ..seen }).collect();
    assert_eq!(import.seen, expected);
    assert_eq!(import.variant, "Wireshark JSON (-T jsonraw)");
    for field in ["frame.number", "frame time", "frame.encap_type"] {
        assert!(import.notes.iter().any(|note| note.contains(field)), "{field}: {:?}", import.notes);
    }
}

#[test]
fn a_selection_without_acknowledgement_numbers_says_so_and_claims_none() {
    for name in ["run5-v40-e.json", "run5-v44-e.json", "run5-v46-e.json"] {
        let import = whole(name);
        let expected: Vec<Seen> =
            capture().into_iter().map(|seen| Seen { ack: None, flags: seen.flags & !0x10, ..seen }).collect();
        assert_eq!(import.seen, expected, "{name}");
        assert_eq!(import.variant, "Wireshark JSON (-T json, -e selection)");
        assert_eq!(import.notes.len(), 1, "{:?}", import.notes);
        assert!(import.notes[0].starts_with("no acknowledgement number"));
    }
}

#[test]
fn utf_16_and_byte_order_marks_change_nothing() {
    let expected = capture();
    for name in ["run5-v44.json", "run5-v44.ek.ndjson"] {
        let text = String::from_utf8(data(name)).unwrap();
        let marked = format!("\u{feff}{text}");
        let files: [Vec<u8>; 5] = [
            marked.clone().into_bytes(),
            marked.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            marked.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ];
        for file in files {
            let import = import(Cursor::new(file));
            assert!(import.error.is_none(), "{:?}", import.error);
            assert_eq!(import.seen, expected);
        }
    }
}

#[test]
fn a_tools_warnings_before_the_json_are_counted() {
    let warnings = b"Running as user \"root\" and group \"root\".\n[Info] x\n\nCapturing on 'lo'\n".to_vec();
    for name in ["run5-v40.json", "run5-v40.ek.ndjson"] {
        let import = import(Cursor::new([warnings.clone(), data(name)].concat()));
        assert!(import.error.is_none(), "{:?}", import.error);
        assert_eq!(import.seen, capture());
        assert_eq!(import.notes, ["line that is not JSON: skipped (3 times)"]);
    }
}

/// The first packets of an export, as a small file, and the offset of each one's end.
fn small(name: &str, packets: usize) -> (Vec<u8>, Vec<usize>) {
    let text = data(name);
    let end_mark: &[u8] = if name.ends_with("ndjson") { b"}}}\n" } else { b"\n  }" };
    let ends: Vec<usize> = (0..text.len())
        .filter(|at| text[*at..].starts_with(end_mark))
        .map(|at| at + end_mark.trim_ascii_end().len())
        .take(packets)
        .collect();
    (text[..ends[packets - 1]].to_vec(), ends)
}

#[test]
fn a_cut_at_every_byte_gives_the_whole_packets_before_it_and_then_the_place() {
    let expected = capture();
    for name in ["run5-v40.json", "run5-v46.ek.ndjson", "run5-v46-e.json"] {
        let (text, ends) = small(name, 4);
        for cut in 1..=text.len() {
            let import = import(Cursor::new(text[..cut].to_vec()));
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let numbers: Vec<u64> = import.seen.iter().map(|seen| seen.number).collect();
            assert_eq!(numbers, expected[..whole].iter().map(|seen| seen.number).collect::<Vec<_>>(), "{name} {cut}");
            match import.error {
                Some(CaptureError::Cut { offset, needed, available, .. }) => {
                    assert_eq!(offset + available, cut as u64, "{name} {cut}");
                    assert!(needed > available);
                }
                // A line ends an export of lines, and a text that has not begun is no capture.
                None => assert!(name.ends_with("ndjson"), "{name} {cut}"),
                Some(other) => panic!("{name} {cut}: {other}"),
            }
        }
    }
}

/// A reader that gives its bytes in pieces of given sizes, over and over.
struct Pieces {
    bytes: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let len = self.sizes[self.turn % self.sizes.len()].min(out.len());
        self.bytes.read(&mut out[..len])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_pieces_of_the_file_give_the_same_packets(
        sizes in proptest::collection::vec(1_usize..5000, 1..8),
        name in prop::sample::select(vec!["run5-v40.json", "run5-v46.ek.ndjson", "run5-v46-x.json"]),
        wide: bool,
    ) {
        let text = data(name);
        let bytes = if wide {
            String::from_utf8(text).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect()
        } else {
            text
        };
        let import = import(Pieces { bytes: Cursor::new(bytes), sizes, turn: 0 });
        prop_assert!(import.error.is_none());
        prop_assert_eq!(import.seen, capture());
    }
}

/// Imports bytes of any kind; only ending without a panic is asked.
fn survive(bytes: Vec<u8>) {
    if let Ok(mut export) = WiresharkJson::new(Box::new(Cursor::new(bytes)), Limits::default()) {
        while let Ok(Some(_)) = export.next() {}
        assert!(!export.variant().is_empty());
        let _ = export.notes();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survive(bytes);
    }

    #[test]
    fn arbitrary_text_of_json_parts_never_panics(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "[", "]", "{", "}", ",", ":", "\"", "\\", "\n", "null", "true", "1.5", "-1", "99999999999999999999",
                "\"_source\":", "\"layers\":", "\"tcp\":", "\"tcp.payload\":", "\"tcp.len\":", "\"tcp.seq_raw\":",
                "\"frame_raw\":", "\"47:45\"", "\"0x\"", "[\"00\",0,1,0,1]", "[[\"00\",0,1,0,1]]", "{\"layers\":{\"tcp\":{",
                "\"tcp.srcport\":\"1\",", "\"tcp.dstport\":\"2\",", "é", "\u{feff}",
            ]),
            0..60,
        ),
    ) {
        survive(parts.concat().into_bytes());
    }

    #[test]
    fn a_damaged_export_never_panics(
        at in 0_usize..20_000,
        with in proptest::collection::vec(any::<u8>(), 1..6),
        name in prop::sample::select(vec!["run5-v40.json", "run5-v46.ek.ndjson", "run5-v46-x.json", "run5-v40-e.json"]),
    ) {
        let mut text = data(name);
        text.truncate(24_000);
        text[at..at + with.len()].copy_from_slice(&with);
        survive(text);
    }
}

/// One packet of `-T json` with the given members of its layers.
fn packet(layers: &str) -> String {
    format!("[{{\"_index\":\"x\",\"_source\":{{\"layers\":{{{layers}}}}}}}]")
}

const FRAME: &str = r#""frame":{"frame.number":"5","frame.time_epoch":"1.5","frame.len":"110","frame.cap_len":"110"},"#;
const IP: &str = r#""ip":{"ip.src":"10.0.0.1","ip.dst":"10.0.0.2"},"#;
const TCP: &str = r#""tcp.srcport":"1000","tcp.dstport":"2000","tcp.stream":"3","tcp.flags":"0x0018""#;

/// Of a segment: sequence number, payload, missing bytes.
type Placed = (u32, Vec<u8>, u32);

/// The segment of an export's only packet, or what it is instead; and the notes.
fn segment(layers: &str) -> (Result<Placed, String>, Vec<String>) {
    let text = packet(layers);
    let mut export = WiresharkJson::new(Box::new(Cursor::new(text.into_bytes())), Limits::default()).unwrap();
    let seen = match export.next().unwrap().unwrap().content {
        PacketContent::Segment(segment) => Ok((segment.seq.0, segment.payload.to_vec(), segment.missing)),
        other => Err(format!("{other:?}")),
    };
    (seen, export.notes())
}

#[test]
fn payload_comes_from_the_payload_field_and_never_from_what_was_reassembled() {
    let (seen, notes) = segment(&format!(
        r#"{FRAME}{IP}"tcp":{{{TCP},"tcp.seq_raw":"9","tcp.ack_raw":"1","tcp.len":"2","tcp.payload":"41:42","tcp.segment_data":"42"}},
           "tcp.segments":{{"tcp.reassembled.data":"30:31:41:42"}},"data":{{"data.data":"30:31:41:42"}}"#
    ));
    assert_eq!(seen, Ok((9, b"AB".to_vec(), 0)));
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn several_parts_stand_in_for_the_payload_only_when_together_they_are_all_of_it() {
    let layers = |len: u32| {
        format!(
            r#"{FRAME}{IP}"tcp":{{{TCP},"tcp.seq_raw":"9","tcp.ack_raw":"1","tcp.len":"{len}"}},
               "data":{{"data.data":"41:42"}},"data":{{"data.data":"43"}},"data":{{"data.data":"44:45"}}"#
        )
    };
    assert_eq!(segment(&layers(5)).0, Ok((9, b"ABCDE".to_vec(), 0)));
    for len in [4, 6] {
        let (seen, notes) = segment(&layers(len));
        assert!(seen.unwrap_err().contains("tcp.payload"));
        assert!(notes[0].contains("do not hold all bytes"), "{notes:?}");
    }
}

#[test]
fn a_packet_that_a_snap_length_cut_has_a_known_number_of_missing_bytes() {
    let cut = FRAME.replace("\"frame.cap_len\":\"110\"", "\"frame.cap_len\":\"70\"");
    let tcp = format!(r#"{TCP},"tcp.seq_raw":"9","tcp.ack_raw":"1","tcp.len":"44""#);
    assert_eq!(segment(&format!(r#"{cut}{IP}"tcp":{{{tcp},"tcp.payload":"41:42"}}"#)).0, Ok((9, b"AB".to_vec(), 42)));
    assert_eq!(segment(&format!(r#"{cut}{IP}"tcp":{{{tcp}}}"#)).0, Ok((9, vec![], 44)));
    let (seen, notes) = segment(&format!(r#"{FRAME}{IP}"tcp":{{{tcp},"tcp.payload":"41:42"}}"#));
    assert_eq!(seen, Ok((9, b"AB".to_vec(), 0)), "a packet captured whole misses nothing, whatever tcp.len says");
    assert!(notes[0].contains("tcp.len"));
}

#[test]
fn a_data_packet_without_bytes_names_the_field_it_lacks() {
    let (seen, notes) = segment(&format!(r#"{FRAME}{IP}"tcp":{{{TCP},"tcp.seq_raw":"9","tcp.len":"44"}}"#));
    assert!(seen.unwrap_err().contains("tcp.payload: export with -T json"));
    assert!(notes.iter().any(|note| note.contains("no packet of this export shows payload bytes")), "{notes:?}");

    let (seen, _) = segment(&format!(r#"{FRAME}{IP}"tcp":{{"tcp.seq_raw":"9","tcp.len":"1","tcp.payload":"41"}}"#));
    assert!(seen.unwrap_err().contains("tcp.srcport"));

    let (seen, _) = segment(r#""frame":{"frame.protocols":"eth:ethertype:ip:tcp"},"ip":{},"tcp":{"filtered":"tcp"}"#);
    assert!(seen.unwrap_err().contains("the tcp layer"));
}

#[test]
fn without_raw_numbers_relative_ones_serve_and_without_any_the_order_of_appearance() {
    let (seen, notes) =
        segment(&format!(r#"{FRAME}{IP}"tcp":{{{TCP},"tcp.seq":"7","tcp.len":"1","tcp.payload":"41"}}"#));
    assert_eq!(seen, Ok((7, b"A".to_vec(), 0)));
    assert!(notes[0].contains("relative tcp.seq used"), "{notes:?}");

    let (seen, notes) = segment(&format!(r#"{FRAME}{IP}"tcp":{{{TCP},"tcp.len":"1","tcp.payload":"41"}}"#));
    assert_eq!(seen, Ok((1, b"A".to_vec(), 0)));
    assert!(notes[0].contains("order of appearance"), "{notes:?}");
}

#[test]
fn raw_tuples_serve_where_values_are_missing() {
    let (seen, _) = segment(&format!(
        r#"{FRAME}{IP}"tcp":{{"tcp.srcport_raw":["8d36",34,2,0,5],"tcp.dstport_raw":["d906",36,2,0,5],
            "tcp.seq_raw":["d30fd3c1",38,4,0,7],"tcp.flags_raw":["18",46,2,4095,5],"tcp.payload_raw":[["4142",66,2,0,30]]}}"#
    ));
    assert_eq!(seen, Ok((0xd30f_d3c1, b"AB".to_vec(), 0)));
}

#[test]
fn tcp_that_an_icmp_error_quotes_or_a_tunnel_carries_is_not_a_connection_of_the_capture() {
    let tcp = format!(r#""tcp":{{{TCP},"tcp.seq_raw":"9","tcp.len":"1","tcp.payload":"41"}}"#);
    let frame = |protocols: &str| format!(r#""frame":{{"frame.number":"1","frame.protocols":"{protocols}"}},"#);
    // The shapes are those of tshark 4.0.17: ICMP holds what it quotes, tunnels repeat the ip layer.
    let icmp = format!(r#"{}{IP}"icmp":{{{IP}{tcp}}}"#, frame("eth:ethertype:ip:icmp:ip:tcp"));
    let repeated = format!("{IP}{IP}{tcp}");
    let grouped = format!(r#""ip":[{{"ip.src":"1.1.1.1"}},{{"ip.src":"2.2.2.2"}}],{tcp}"#);
    let flat =
        r#""ip.src":["1.1.1.1","9.9.9.9"],"ip.dst":["1.1.1.2","9.9.9.8"],"tcp.srcport":["1"],"tcp.dstport":["2"]"#;
    for layers in [icmp, repeated, grouped, flat.to_owned()] {
        let (seen, notes) = segment(&layers);
        assert_eq!(seen, Err("NotTcp".to_owned()), "{layers}");
        assert!(notes.iter().any(|note| note.starts_with("TCP only inside ICMP or a tunnel")), "{notes:?}");
    }
    let (seen, _) = segment(&format!(r#"{}{IP}"udp":{{}}"#, frame("eth:ethertype:ip:udp")));
    assert_eq!(seen, Err("NotTcp".to_owned()));
}

#[test]
fn what_is_no_export_ends_with_words_that_name_it() {
    let deep = "[".repeat(100_000);
    let deep_inside = format!("[{{\"_source\":{{\"layers\":{}", "{\"a\":".repeat(100_000));
    let cases: [(&str, &str); 17] = [
        ("", "the input is empty"),
        (" \n", "white space only"),
        ("hello\nworld\n", "text that begins with `hello`"),
        ("\u{1}\u{2}", "binary data that begins with 01 02"),
        (&deep, "malformed at byte 129: JSON nested more than 128 deep"),
        (&deep_inside, "nested more than 128 deep"),
        ("{\"packets\":[1]}", "JSON without `layers`"),
        ("[{\"a\":1},null,\"x\"]", "a JSON array of 3 elements without `_source.layers`"),
        ("[{\"layers\":{}} {\"layers\":{}}]", "malformed at byte 15: `{` after packet 1; needed `,` or `]`"),
        ("[{\"layers\":{}}]\n[", "malformed at byte 16: `[` after the end of the array"),
        ("[{\"layers\":{}},,]", "malformed at byte 15: not JSON"),
        ("[{\"layers\":{]}}]", "malformed at byte 12: not JSON"),
        ("[{\"layers\":{\"tcp\":{\"tcp.len\":01}}}]", "malformed at byte 30: not JSON: invalid number"),
        (
            "[package]\nedition = \"2024\"\n[[bin]]\nname = \"x\"\n",
            "not a capture: text that begins with `[package]`, with what looked like JSON malformed at byte 29 (not JSON",
        ),
        ("# Title\n<p align=\"center\">\nwords\n", "not a capture: text that begins with `# Title`; needed"),
        ("a warning\n{\"layers\":{}}\n{]\n", "malformed at byte 25: not JSON"),
        ("<?xml version=\"1.0\"?>\n<pdml>\n", "PDML (-T pdml) is not read: give the capture file itself, or export it"),
    ];
    for (text, words) in cases {
        let error = import(Cursor::new(text.as_bytes().to_vec())).error.map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{words}: {error:?}");
    }
}
