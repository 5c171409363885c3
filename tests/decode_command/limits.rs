//! Limits as options: what each does when it is reached, and the words that name it.

use std::io;

use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use arqscope::decode::{Endpoint, TcpSeq};
use arqscope::time::Timestamp;
use arqscope::wire::Side;

use super::{bytes_of, capture, cells, decode, decode_piped};

/// Runs with the options given and `-T csv`; the exit code, the rows, and what the words must say.
fn check(input: &[u8], options: &[&str], code: i32, rows: usize, words: &str) {
    let arguments = [options, &["-T", "csv"]].concat();
    let ran = decode_piped(&arguments, input);
    assert_eq!((ran.code, cells(&ran.out).len()), (code, rows), "{options:?}: {}", ran.log);
    assert!(ran.log.contains(words), "{options:?}: no `{words}` in: {}", ran.log);
    assert!(ran.log.contains(options[0]), "{options:?}: the option is not named in: {}", ran.log);
}

#[test]
fn a_record_or_block_beyond_its_limit_ends_the_file_there() {
    let run1 = bytes_of("run1.pcapng");
    check(&run1, &["--max-record", "20"], 2, 0, "more than the limit of 20");
    // A custom block behind the packets, none of which takes so much.
    let [kind, len] = [0x0bad_u32, 412].map(u32::to_le_bytes);
    let custom = [&run1[..], &kind, &len, &[0; 400], &len].concat();
    check(&custom, &["--max-record", "300"], 3, 38, "block of type 0x00000bad with a length of 412 bytes");
    assert_eq!(cells(&decode_piped(&["--max-record", "412", "-T", "csv"], &custom).well()).len(), 38);
}

#[test]
fn unpacking_ends_at_its_limits() {
    check(&bytes_of("run1.pcapng.gz"), &["--max-decompressed", "3000"], 3, 13, "more than the limit of 3000 bytes");
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    io::copy(&mut bytes_of("run1.pcapng").as_slice(), &mut encoder).unwrap();
    let packed = encoder.finish().unwrap();
    check(&packed, &["--max-zstd-window", "64K"], 2, 0, "a window of more than 65536 bytes");
    assert_eq!(cells(&decode_piped(&["--max-zstd-window", "512K", "-T", "csv"], &packed).well()).len(), 38);
}

#[test]
fn an_exports_depth_strings_and_packets_are_bounded() {
    let json = bytes_of("run5.json");
    check(&json, &["--max-json-depth", "4"], 2, 0, "nested more than 4 deep");
    // The first frame's 44 bytes take 131 characters of hex and colons.
    check(&json, &["--max-json-string", "130"], 3, 0, "more than the limit of 130 bytes");
    // The SYN-ACK is the longest, by its options.
    check(&json, &["--max-json-packet", "5800"], 3, 0, "packet 2 takes more than the limit of 5800 bytes");
    assert_eq!(cells(&decode_piped(&["--max-json-string", "1K", "-T", "csv"], &json).well()).len(), 24);
}

#[test]
fn beyond_the_limit_of_connections_the_longest_idle_is_closed_with_a_note() {
    let two = bytes_of("two-clients.pcapng");
    let rows = cells(&decode_piped(&["-T", "csv"], &two).well()).len();
    let ran = decode_piped(&["--max-open", "1", "-T", "csv"], &two);
    assert_eq!(ran.code, 0);
    assert!(ran.log.contains("closed early, the longest idle: more than 1 at once (--max-open)"), "{}", ran.log);
    assert!(cells(&ran.out).len() >= rows - 2, "only what was on its way may be lost: {}", ran.log);
    let folder = tempfile::tempdir().unwrap();
    let streams = folder.path().to_str().unwrap();
    let ran = decode_piped(&["--max-open", "1", "--streams", streams], &two);
    assert!(ran.log.contains("(--max-open)"), "{}", ran.log);
}

#[test]
fn a_filter_and_a_message_are_bounded() {
    let ran = decode(["-Y", "arq.pos > 3", "--max-filter", "10", capture("run1.pcapng").to_str().unwrap()]);
    assert_eq!((ran.code, ran.log.contains("has 11 bytes, at most 10")), (2, true), "{}", ran.log);
    let out = decode(["--message", "--max-message", "10", capture("run1.pcapng").to_str().unwrap()]).well();
    // 62 bytes in 15 slices of 4 and one of 2, which still fits behind two others.
    assert!(out.contains("10 bytes, 13 slices missing; 13 slices left out at a limit (--max-message"), "{out}");
    let out = decode(["--message", "--max-held-in-all", "12", capture("two-clients.pcapng").to_str().unwrap()]).well();
    assert!(out.contains("left out"), "{out}");
}

/// A capture that lacks one packet.
struct Lossy {
    writer: CaptureWriter<Vec<u8>>,
    packet: u32,
}

impl PacketSink for Lossy {
    type Error = io::Error;

    fn packet(&mut self, packet: WirePacket<'_>) -> io::Result<()> {
        self.packet += 1;
        if self.packet == 6 {
            return Ok(());
        }
        self.writer.write(packet.time, [packet.header, packet.payload], packet.original_len())
    }
}

/// A hundred bytes in each of twenty segments, of which the third is not in the file; nobody acknowledges any.
fn with_a_hole() -> Vec<u8> {
    let server = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 55558 };
    let mut tcp = TcpConversation::new(client_endpoint(0, server), server, [TcpSeq(1), TcpSeq(2)]);
    let writer = CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap();
    let mut lossy = Lossy { writer, packet: 0 };
    let at = |n: i64| Timestamp::from_nanos(n);
    tcp.open([at(0), at(1), at(2)], &mut lossy).unwrap();
    for n in 0..20 {
        tcp.send(Side::Client, &[b'a' + n as u8; 100], at(10 + n), &mut lossy).unwrap();
    }
    lossy.writer.finish().unwrap()
}

#[test]
fn bytes_that_wait_behind_a_hole_are_bounded_per_connection_and_in_all() {
    let folder = tempfile::tempdir().unwrap();
    let streams = folder.path().to_str().unwrap();
    for (option, words) in [
        ("--max-held", "1 hole given up early: more than 1KiB waited in a direction (--max-held)"),
        ("--max-held-in-all", "1 hole given up early: more than 1KiB waited in all (--max-held-in-all)"),
    ] {
        let ran = decode_piped(&[option, "1K", "--streams", streams], &with_a_hole());
        assert_eq!(ran.code, 0);
        assert!(ran.log.contains(words), "{}", ran.log);
        assert!(
            ran.log.contains("1900 bytes in 2 files, 1 hole left out"),
            "every captured byte is given: {}",
            ran.log
        );
        assert!(decode_piped(&[option, "1K"], &with_a_hole()).log.contains(words));
    }
    let ran = decode_piped(&["--streams", streams], &with_a_hole());
    assert!(!ran.log.contains("given up early"), "{}", ran.log);
}

#[test]
fn a_size_that_is_none_is_refused_with_an_example() {
    let ran = decode(["--max-record", "lots", "x"]);
    assert_eq!((ran.code, ran.log.contains("256MiB")), (2, true), "{}", ran.log);
}

#[test]
fn a_limit_beyond_what_is_possible_is_refused_and_that_of_filters_is_named() {
    let run1 = capture("run1.pcapng");
    for (options, words) in [
        (["--max-zstd-window", "3GiB"], "up to 2GiB"),
        (["--max-json-depth", "100000"], "up to 128"),
        (["--max-filter=3", "-Yarq.pos"], "at most 3 are read (--max-filter)"),
    ] {
        let ran = decode([options[0].as_ref(), options[1].as_ref(), run1.as_os_str()]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options:?}: {}", ran.log);
        assert!(ran.log.contains(words), "{options:?}: {}", ran.log);
    }
}
