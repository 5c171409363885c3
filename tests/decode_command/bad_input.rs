//! What cannot be read, or not to its end: the exit code, and words that say what was needed, what there was, where, and
//! what to do.

use std::ffi::OsStr;
use std::path::Path;

use super::{bytes_of, capture, cells, decode, decode_piped, is_tame};

/// How an input is refused: exit code, rows before, and words that the complaint must have.
struct Refusal {
    what: &'static str,
    input: Vec<u8>,
    code: i32,
    rows: usize,
    words: &'static [&'static str],
}

fn refusal(what: &'static str, input: Vec<u8>, code: i32, rows: usize, words: &'static [&'static str]) -> Refusal {
    Refusal { what, input, code, rows, words }
}

fn check(cases: &[Refusal]) {
    for Refusal { what, input, code, rows, words } in cases {
        let ran = decode_piped(&["-T", "csv"], input);
        assert_eq!((ran.code, cells(&ran.out).len()), (*code, *rows), "{what}: {}", ran.log);
        for word in *words {
            assert!(ran.log.contains(word), "{what}: no `{word}` in: {}", ran.log);
        }
        assert!(is_tame(&ran.log), "{what}: {:?}", ran.log);
    }
}

/// A little-endian pcap file with microseconds.
fn pcap(link_type: u32, packets: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, link_type] {
        out.extend_from_slice(&u32::to_le_bytes(word));
    }
    for packet in packets {
        for word in [1, 0, packet.len() as u32, packet.len() as u32] {
            out.extend_from_slice(&u32::to_le_bytes(word));
        }
        out.extend_from_slice(packet);
    }
    out
}

/// A little-endian pcapng block.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let len = (body.len().next_multiple_of(4) + 12) as u32;
    let mut out = [kind.to_le_bytes(), len.to_le_bytes()].concat();
    out.extend_from_slice(body);
    out.resize(len as usize - 4, 0);
    out.extend_from_slice(&len.to_le_bytes());
    out
}

/// An enhanced packet block of 60 bytes.
fn packet_of(interface: u32) -> Vec<u8> {
    let mut body = [interface, 0, 0, 60, 60].map(u32::to_le_bytes).concat();
    body.extend([b'z'; 60]);
    block(6, &body)
}

/// Run 1 with something behind it, where byte 7688 is.
fn run1_and(more: &[u8]) -> Vec<u8> {
    let mut bytes = bytes_of("run1.pcapng");
    assert_eq!(bytes.len(), 7688);
    bytes.extend_from_slice(more);
    bytes
}

#[test]
fn what_is_no_capture_is_named() {
    check(&[
        refusal("text", b"hello\nworld\n".to_vec(), 2, 0, &["not a capture", "`hello`", "needed a pcap"]),
        refusal("white space", b"\n\n".to_vec(), 2, 0, &["white space only", "needed"]),
        refusal("bytes", vec![0x02, 0x78, 0x2c, 0xcb, 9, 9, 9, 9, 9], 2, 0, &["02 78 2c cb", "needed"]),
        refusal("zeros", vec![0; 4096], 2, 0, &["zero", "needed"]),
        refusal("an ELF", b"\x7fELF\x02\x01\x01".to_vec(), 2, 0, &["ELF", "give a capture"]),
        refusal("xz", b"\xfd7zXZ\0\0\0".to_vec(), 2, 0, &["xz", "xz -d"]),
    ]);
}

#[test]
fn other_exports_of_wireshark_are_named_with_the_right_one() {
    let right: &[&str] = &["is not read", "-T json", "As JSON"];
    check(&[
        refusal("PDML", b"<?xml version=\"1.0\"?>\n<pdml version=\"0\">\n".to_vec(), 2, 0, right),
        refusal("PSML", b"<?xml version=\"1.0\"?>\n<psml version=\"0\">\n".to_vec(), 2, 0, right),
        refusal(
            "CSV",
            b"\"No.\",\"Time\",\"Source\",\"Destination\",\"Protocol\"\n\"1\",\"0\"\n".to_vec(),
            2,
            0,
            right,
        ),
        refusal(
            "hex",
            b"0000  00 00 00 00 00 00 00 00  00 00 00 00 08 00 45 00   ..............E.\n".to_vec(),
            2,
            0,
            right,
        ),
    ]);
}

#[test]
fn json_that_holds_no_packets_is_no_capture() {
    let words: &[&str] = &["not a capture", "layers", "-T json"];
    check(&[
        refusal("an object", b"{\"name\": \"x\", \"list\": [1, 2]}".to_vec(), 2, 0, words),
        refusal("an array", b"[{\"a\": 1}, {\"a\": 2}]".to_vec(), 2, 0, words),
        refusal("a long array", format!("[{}{{}}]", "{\"a\": 1},".repeat(5000)).into_bytes(), 2, 0, words),
        refusal("numbers", b"[1, 2, 3]".to_vec(), 2, 0, &["not a capture", "[1, 2, 3]"]),
        refusal("nesting", vec![b'['; 100_000], 2, 0, &["nested more than 128 deep"]),
        refusal("nested objects", b"{\"a\":".repeat(100_000), 2, 0, &["byte 640", "nested more than 128 deep"]),
    ]);
}

#[test]
fn a_file_cut_anywhere_gives_the_whole_packets_before_and_says_where() {
    let run1 = bytes_of("run1.pcapng");
    let json = String::from_utf8(bytes_of("run5.json")).unwrap();
    // In the middle of the hex of packet 4's payload, which would have been the first frame.
    let in_string = json.find("\"tcp.payload\"").unwrap() + 30;
    check(&[
        refusal("in the pcap header", pcap(1, &[])[..10].to_vec(), 2, 0, &["byte 0", "needs 24 bytes", "are 10"]),
        refusal("in a pcap record", pcap(1, &[b"0123456789"])[..35].to_vec(), 2, 0, &["byte 24", "there are 11"]),
        refusal("in the section header", run1[..40].to_vec(), 2, 0, &["byte 0", "there are 40"]),
        refusal("in a block", run1[..3000].to_vec(), 3, 13, &["cut off at byte 2892", "needs 132", "are 108"]),
        refusal("in a string", json.as_bytes()[..in_string].to_vec(), 3, 0, &["inside a string of packet 4"]),
        refusal("before the bracket", json.trim_end().trim_end_matches(']').into(), 3, 24, &["`]` is missing"]),
    ]);
}

#[test]
fn impossible_blocks_end_the_file_where_they_stand() {
    let with_len = |len: u32| run1_and(&[6_u32.to_le_bytes(), len.to_le_bytes(), [b'x'; 4]].concat());
    check(&[
        refusal("length 0", with_len(0), 3, 38, &["byte 7688", "length of 0 bytes", "at least 12"]),
        refusal("length 11", with_len(11), 3, 38, &["byte 7688", "length of 11 bytes"]),
        refusal("length 4 GiB", with_len(0xffff_fffc), 3, 38, &["byte 7688", "4294967292 bytes", "limit"]),
        refusal("no such interface", run1_and(&packet_of(7)), 3, 38, &["byte 7688", "interface 7", "describes 1"]),
    ]);
}

#[test]
fn an_unknown_link_type_is_named_and_counted() {
    let mixed = [block(1, &[147, 0, 0, 0, 0, 0, 0, 0]), packet_of(1), packet_of(1), packet_of(1)].concat();
    let alone = pcap(147, &[[b'a'; 60].as_slice(); 3]);
    check(&[
        refusal("alone", alone.clone(), 2, 0, &["3 packets of link type", "(147)"]),
        refusal("without a name", pcap(65000, &[&[b'a'; 60]]), 2, 0, &["1 packet of link type 65000,"]),
        refusal("beside others", run1_and(&mixed), 3, 38, &["3 packets of link type", "(147)"]),
    ]);
    let ran = decode_piped(&["--info", "-T", "json"], &alone);
    let facts: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, facts["packets"].as_u64()), (2, Some(3)));
    assert!(ran.log.contains("147"), "an exit code other than 0 is explained: {}", ran.log);
}

#[test]
fn an_export_that_lacks_what_is_needed_says_which_option_gives_it() {
    let json = String::from_utf8(bytes_of("run5.json")).unwrap();
    let renamed =
        |fields: &[&str]| fields.iter().fold(json.clone(), |json, field| json.replace(field, "\"x\"")).into_bytes();
    let payload = renamed(&["\"tcp.payload\"", "\"tcp.segment_data\"", "\"data.data\""]);
    let odd = json.replacen("\"tcp.payload\": \"47:45", "\"tcp.payload\": \"47:4", 1);
    assert_ne!(odd, json);
    check(&[
        refusal("no payload", payload, 3, 0, &["tcp.payload", "-e tcp.payload", "nothing to decode"]),
        refusal("no ports", renamed(&["\"tcp.srcport\"", "\"tcp.port\""]), 3, 0, &["tcp.srcport", "-e tcp.srcport"]),
        refusal("odd hex", odd.into_bytes(), 3, 23, &["1 packet of TCP", "hex bytes", "packet 4"]),
    ]);
}

#[test]
fn compressed_data_that_is_cut_or_damaged_gives_what_was_before() {
    let gz = bytes_of("run1.pcapng.gz");
    let mut flipped = gz.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 0xff;
    check(&[
        refusal("cut", gz[..1000].to_vec(), 3, 11, &["gzip", "byte 1000", "get the whole file"]),
        refusal("wrong checksum", flipped, 3, 38, &["gzip", "damaged"]),
        refusal("only a magic number", vec![0x1f, 0x8b], 2, 0, &["gzip"]),
        refusal("nothing inside", zstd::encode_all(&b""[..], 1).unwrap(), 2, 0, &["zstd", "0 bytes"]),
        refusal("twice", zstd::encode_all(gz.as_slice(), 1).unwrap(), 2, 0, &["gzip inside zstd", "unpack"]),
    ]);
}

#[test]
fn packets_cut_by_a_snap_length_give_the_bytes_they_have() {
    // The headers of run 1's packets take 54 bytes (66 with the SYN's options); 90 leave 36 of each frame's 44.
    let mut input = Vec::new();
    let mut rest = bytes_of("run1.pcapng");
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let (kind, len) = (word(0), word(4) as usize);
        if kind == 6 {
            let mut body = rest[8..28].to_vec();
            let kept = word(20).min(90);
            body[12..16].copy_from_slice(&kept.to_le_bytes());
            body.extend_from_slice(&rest[28..28 + kept as usize]);
            input.extend(block(6, &body));
        } else {
            input.extend_from_slice(&rest[..len]);
        }
        rest.drain(..len);
    }
    let ran = decode_piped(&["-T", "csv"], &input);
    assert_eq!(ran.code, 0, "{}", ran.log);
    let whole = cells(&decode(["-T".as_ref(), "csv".as_ref(), capture("run1.pcapng").as_os_str()]).well());
    let mut rows = cells(&ran.out);
    // Behind a cut frame there is a hole until its bytes are acknowledged: rows wait up to a limit, then go on.
    rows.sort_by_key(|row| row[0].parse::<u64>().unwrap());
    assert_eq!(rows.len(), whole.len());
    for (row, whole) in rows.iter().zip(&whole) {
        // packet … header, and payload to sent_time, lie in the first 36 bytes; prev_seq and pos do not.
        assert_eq!((&row[..5], &row[6..9]), (&whole[..5], &whole[6..9]));
        assert_eq!((row[5].as_str(), row[10].as_str()), ("", ""), "not captured is not zero");
    }
    assert!(ran.log.contains("38 packets cut by a snap length"), "{}", ran.log);
}

#[test]
fn numbers_at_the_ends_of_their_range_are_printed_as_they_are() {
    // Packet 7 of run 1 is MSG 1; its frame ends the packet, pos is the last field.
    for pos in [-1, i32::MIN, i32::MAX, 0] {
        let mut bytes = bytes_of("run1.pcapng");
        let frame = bytes.windows(4).position(|window| window == b"MSG\0").unwrap();
        bytes[frame + 40..frame + 44].copy_from_slice(&i32::to_le_bytes(pos));
        for form in ["table", "csv", "json", "ndjson", "text"] {
            let ran = decode_piped(&["-T", form], &bytes);
            assert_eq!(ran.code, 0);
            assert!(ran.out.contains(&pos.to_string()), "{form} {pos}");
        }
        for mode in ["-V", "-x", "--message"] {
            assert_eq!(decode_piped(&[mode], &bytes).code, 0, "{mode} {pos}");
        }
    }
}

#[test]
fn bytes_from_the_wire_never_steer_a_terminal() {
    // A header, a payload and an interface name full of control sequences.
    let mut bytes = bytes_of("run1.pcapng");
    let frame = bytes.windows(4).position(|window| window == b"MSG\0").unwrap();
    bytes[frame + 44 - 34..frame + 14].copy_from_slice(b"\x1b[2J");
    let frame = bytes.windows(14).position(|window| window == b"MSG\0\0\0\0\0\0\0bbbc").unwrap();
    bytes[frame..frame + 14].copy_from_slice(b"\x1b]0;x\x07\x9b\xc2\x9b\r\x08\x7f\xff\n");
    let name = bytes.windows(8).position(|window| window == b"\x02\0\x02\0lo\0\0").unwrap();
    bytes[name + 4..name + 6].copy_from_slice("\u{9b}".as_bytes());
    for arguments in [
        &["-T", "table"][..],
        &["-T", "csv"],
        &["-T", "tsv"],
        &["-T", "json"],
        &["-T", "ndjson"],
        &["-T", "text"],
        &["-V", "-x"],
        &["--message"],
        &["--message", "-T", "json"],
        &["--info"],
        &["--info", "-T", "json"],
    ] {
        let ran = decode_piped(arguments, &bytes);
        assert!(is_tame(&ran.out) && is_tame(&ran.log), "{arguments:?}: {:?}", ran.out);
        assert_eq!(ran.code, 0);
    }
    let info: serde_json::Value = serde_json::from_str(&decode_piped(&["--info", "-T", "json"], &bytes).out).unwrap();
    assert_eq!(info["interfaces"][0]["name"], "\u{9b}", "and JSON still reads back");
}

fn refused(path: &Path, words: &[&str]) {
    for mode in [&["-T", "csv"][..], &["--info"], &["-q"], &["--message"]] {
        let ran = decode(mode.iter().map(OsStr::new).chain([path.as_os_str()]));
        assert_eq!(ran.code, 2, "{mode:?}: {}", ran.log);
        assert!(words.iter().all(|word| ran.log.contains(word)), "{words:?}: {}", ran.log);
        assert!(is_tame(&ran.log) && ran.log.lines().count() == 1, "{:?}", ran.log);
    }
}

#[test]
fn what_cannot_be_opened_is_refused_by_its_escaped_name() {
    let folder = tempfile::tempdir().unwrap();
    refused(&folder.path().join("missing.pcap"), &["cannot open", "missing.pcap", "No such file"]);
    refused(&folder.path().join("a\x1b[31m\nb\u{9b}c"), &["cannot open", r"a\x1b[31m\nb\u{9b}c"]);
    refused(folder.path(), &["cannot open", "directory"]);
    refused(Path::new(""), &["cannot open"]);
    let empty = folder.path().join("empty\u{202e}.pcap");
    std::fs::write(&empty, b"").unwrap();
    refused(&empty, &[r"empty\u{202e}.pcap", "is empty (0 bytes)", "needed a pcap"]);
}

#[cfg(unix)]
mod unix {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_device_and_a_file_without_permission_are_refused() {
        refused(Path::new("/dev/null"), &["/dev/null", "is empty (0 bytes)"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.pcap");
        std::fs::write(&path, pcap(1, &[])).unwrap();
        set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        // The superuser may read it all the same.
        if std::fs::File::open(&path).is_err() {
            refused(&path, &["cannot open", "secret.pcap", "ermission denied"]);
        }
    }

    #[test]
    fn a_named_pipe_is_read_like_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let writer = std::thread::spawn({
            let fifo = fifo.clone();
            move || std::fs::write(fifo, bytes_of("run1.pcapng")).unwrap()
        });
        let ran = decode(["-T".as_ref(), "csv".as_ref(), fifo.as_os_str()]);
        writer.join().unwrap();
        assert_eq!((ran.code, cells(&ran.out).len()), (0, 38));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused_by_its_escaped_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let below = file.path().join("a\x1b[31mb");
        let ran = decode(["--streams".as_ref(), below.as_os_str(), capture("run1.pcapng").as_os_str()]);
        assert_eq!(ran.code, 2);
        assert!(
            is_tame(&ran.log) && ran.log.contains(r"a\x1b[31mb") && ran.log.contains("name a folder"),
            "{}",
            ran.log
        );
    }
}
