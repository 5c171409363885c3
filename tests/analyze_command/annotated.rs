//! `-w`: the capture again, with comments.

use std::path::Path;
use std::process::Command;

use arqscope::decode::capture::{Capture, CaptureLimits, Input};
use arqscope::decode::{LinkType, PacketContent};
use arqscope::time::Timestamp;

use super::{Ran, analyze, analyze_piped, bytes_of, captures};

type Packets = Vec<(u64, Option<Timestamp>, LinkType, Vec<u8>, u32)>;

fn packets(path: &Path) -> Packets {
    let mut capture = Capture::open(&Input::from(path), &CaptureLimits::default()).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = capture.next().unwrap() {
        let PacketContent::Bytes { link_type, bytes, original_len } = packet.content else { panic!("{packet:?}") };
        packets.push((packet.number, packet.time, link_type, bytes.to_vec(), original_len));
    }
    packets
}

/// The annotated copy of a capture, in a folder that lives as long.
fn annotated(input: &str) -> (tempfile::TempDir, std::path::PathBuf, Ran) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.pcapng");
    let ran = analyze(["-q", "-w", out.to_str().unwrap(), input]);
    assert_eq!(ran.out, "");
    (folder, out, ran)
}

fn holds(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn packets_keep_bytes_times_and_numbers_and_those_with_findings_have_comments() {
    for input in ["run5.pcapng", "run1.pcapng.gz", "run4-midstream.pcapng", "recorded/run3.pcapng"] {
        let (_folder, out, ran) = annotated(input);
        assert!(packets(&out) == packets(&captures().join(input)), "{input}");
        assert!(ran.log.contains("with a comment"), "{}", ran.log);
    }
    let (_folder, out, ran) = annotated("run5.pcapng");
    assert_eq!(ran.code, 1);
    assert!(holds(&out, "arqscope: error ack-regress: ACK 0 "));
    assert!(holds(&out, "arqscope: note done-resend: "));
}

#[test]
fn comments_do_not_depend_on_what_reports_keep() {
    let folder = tempfile::tempdir().unwrap();
    for limit in ["--max-findings", "--max-connections"] {
        let out = folder.path().join("out.pcapng");
        let ran = analyze(["-q", limit, "0", "-w", out.to_str().unwrap(), "run5.pcapng"]);
        assert_eq!(ran.code, 1, "{limit}: {}", ran.log);
        assert!(holds(&out, "arqscope: error ack-regress: ACK 0 "), "{limit}");
        assert!(holds(&out, "arqscope: note done-resend: "), "{limit}");
        assert!(!ran.log.contains("left out"), "{limit}: {}", ran.log);
    }
}

#[test]
fn a_pipe_is_kept_for_the_second_pass() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.pcapng");
    let ran = analyze_piped(&["-q", "-w", out.to_str().unwrap()], &bytes_of("run5.pcapng"));
    assert_eq!(ran.code, 1, "{}", ran.log);
    assert!(packets(&out) == packets(&captures().join("run5.pcapng")));
}

#[test]
fn an_export_without_bytes_gets_headers_and_says_so() {
    let (_folder, out, _) = annotated("run5.json");
    assert!(holds(&out, "the headers here are synthesised"));
    let rows = |path: &Path| {
        let decode = Command::new(env!("CARGO_BIN_EXE_decode")).args(["-T", "csv"]).arg(path).output().unwrap();
        String::from_utf8(decode.stdout).unwrap()
    };
    assert_eq!(rows(&out), rows(&captures().join("run5.pcapng")));
    assert_eq!(packets(&out).len(), packets(&captures().join("run5.pcapng")).len());
    let (_folder, out, _) = annotated("run5-bytes.json");
    assert!(packets(&out) == packets(&captures().join("run5.pcapng")));
}

#[test]
fn the_annotated_copy_of_an_annotated_copy_is_the_same_but_for_its_name() {
    let (_folder, once, _) = annotated("run5.pcapng");
    let (_folder, twice, _) = annotated(once.to_str().unwrap());
    assert!(packets(&once) == packets(&twice));
}

/// A pcapng block; its type and length are little or big endian like everything in it.
fn block(kind: u32, body: &[u8], word: fn(u32) -> [u8; 4]) -> Vec<u8> {
    let len = (body.len().next_multiple_of(4) + 12) as u32;
    let mut block = [word(kind), word(len)].concat();
    block.extend_from_slice(body);
    block.resize(len as usize - 4, 0);
    block.extend(word(len));
    block
}

/// A section with an interface for each (link type, snap length, option code, option value).
fn section(word: fn(u32) -> [u8; 4], half: fn(u16) -> [u8; 2], interfaces: &[(u16, u32, u16, &[u8])]) -> Vec<u8> {
    let header = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
    let mut out = block(0x0a0d_0d0a, &header, word);
    for (link_type, snaplen, code, value) in interfaces {
        let mut body =
            [&half(*link_type)[..], &[0; 2], &word(*snaplen), &half(*code), &half(value.len() as u16), value].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend([0; 4]);
        out.extend(block(1, &body, word));
    }
    out
}

#[test]
fn every_packet_stays_on_its_interface_over_all_sections() {
    let frame = &packets(&captures().join("run1.pcapng"))[3].3;
    let packet = |word: fn(u32) -> [u8; 4], interface: u32, ticks: u64, bytes: &[u8], original: u32| {
        let fields = [interface, (ticks >> 32) as u32, ticks as u32, bytes.len() as u32, original].map(word).concat();
        block(6, &[&fields[..], bytes].concat(), word)
    };
    let (le, be) = (u32::to_le_bytes, u32::to_be_bytes);
    let mut file = section(le, u16::to_le_bytes, &[(1, 0, 2, b"lan0"), (101, 96, 9, &[9])]);
    // Microseconds, then nanoseconds without a link header; cut by its snap length.
    file.extend(packet(le, 0, 1_767_604_200_123_456, frame, frame.len() as u32));
    file.extend(packet(le, 1, 1_767_604_200_123_456_789, &frame[14..60], 400));
    file.extend(section(be, u16::to_be_bytes, &[(113, 0, 3, b"the other one")]));
    file.extend(packet(be, 0, 1_767_604_201_000_001, &frame[..20], 20));
    // A simple packet block: no time at all.
    file.extend(block(3, &[&be(20)[..], &frame[..20]].concat(), be));
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in.pcapng"), folder.path().join("out.pcapng"));
    std::fs::write(&input, file).unwrap();
    let ran = analyze(["-q", "-w", out.to_str().unwrap(), input.to_str().unwrap()]);
    assert!(ran.log.contains(": 4 packets, "), "{}", ran.log);
    assert!(ran.log.contains("1 packet without a time that pcapng can hold"), "{}", ran.log);
    let (mut before, after) = (packets(&input), packets(&out));
    assert_eq!(before.iter().map(|packet| packet.2.0).collect::<Vec<_>>(), [1, 101, 113, 113]);
    assert_eq!(before[3].1.replace(Timestamp::from_nanos(0)), None);
    assert_eq!(after, before);
    let mut capture = Capture::open(&Input::from(&out), &CaptureLimits::default()).unwrap();
    while capture.next().unwrap().is_some() {}
    let interfaces: Vec<_> = capture
        .facts()
        .interfaces
        .iter()
        .map(|i| (i.link_type.0, i.snap_len, i.name.as_deref(), i.description.as_deref()))
        .collect();
    assert_eq!(
        interfaces,
        [(1, None, Some("lan0"), None), (101, Some(96), None, None), (113, None, None, Some("the other one"))]
    );
}

#[test]
#[ignore = "needs tshark"]
fn tshark_filters_and_shows_the_comments() {
    for (input, expected) in [("run5.pcapng", &["30", "32", "33", "35"][..]), ("run2.json", &["19", "35"])] {
        let (_folder, out, _) = annotated(input);
        let output = Command::new("tshark")
            .arg("-r")
            .arg(&out)
            .args([
                "-Y",
                "frame.comment contains \"arqscope: \"",
                "-T",
                "fields",
                "-e",
                "frame.number",
                "-e",
                "frame.comment",
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<&str> = text.lines().map(|line| line.split('\t').next().unwrap()).collect();
        for number in expected {
            assert!(numbers.contains(number), "{input}: {number} not in {text}");
        }
        assert!(text.lines().all(|line| line.contains("\tarqscope: ")), "{text}");
        // As Wireshark sees them the synthesised packets are sound.
        let expert = Command::new("tshark")
            .arg("-r")
            .arg(&out)
            .args([
                "-o",
                "tcp.check_checksum:TRUE",
                "-o",
                "ip.check_checksum:TRUE",
                "-Y",
                "_ws.malformed or tcp.checksum.status == 0 or ip.checksum.status == 0 or tcp.analysis.flags",
            ])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(expert.stdout).unwrap(), "", "{input}");
    }
}
