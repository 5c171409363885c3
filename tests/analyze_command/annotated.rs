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
    for input in ["run5.pcapng", "run1.pcapng.gz", "run4-midstream.pcapng", "recorded/run3.pcap"] {
        if !captures().join(input).exists() {
            continue;
        }
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
