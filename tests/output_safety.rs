//! What a stranger's payloads, names of files and scenarios can do to whoever reads the output of any command: nothing.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Command, Stdio};

use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use arqscope::decode::print::escape::unescape;
use arqscope::decode::{Endpoint, TcpSeq};
use arqscope::time::Timestamp;
use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

/// What is written to a capture, each as the payload of one MSG. None ends in NUL, which would be padding.
fn payloads() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        // A terminal: clear the screen, the title, a hyperlink, the clipboard; C1 controls; bells and backspaces.
        &b"\x1b[2J\x1b[31mred"[..],
        b"\x1b]0;title\x07\x1b]8;;http://x.example\x1b\\link\x1b]52;c;ZXZpbA==\x07",
        b"\xc2\x9b31m\x9b31m\x08\x08\x08\x7f\r\x0b\x0c",
        // Text that turns around, hides, or stands on nothing.
        "ab\u{202e}dc\u{2066}x\u{2069}\u{200b}\u{feff}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}".as_bytes(),
        "\u{e0041}\u{2028}\u{2029}\u{ad}\u{fff9}".as_bytes(),
        b"a\0b\0\0c",
        // A spreadsheet.
        b"=HYPERLINK(\"http://x.example\",\"click\")",
        b"+1+1",
        b"-2+3",
        b"@SUM(A1)",
        b"\t=1+1",
        b"\r=1+1",
        "\u{ff1d}1+1".as_bytes(),
        b"\",\"=1+1",
        b"a,b\"c\nd",
        // A page.
        b"</script><script>alert(1)</script>",
        b"<img src=x onerror=alert(1)>",
        b"\" onmouseover=\"alert(1)",
        b"<!--<![CDATA[]]>-->&lt;&#60;",
        b"{{data}}${data}`'",
        // JSON: surrogates in UTF-8, over-long and cut sequences, escapes.
        b"\xed\xa0\x80\xed\xb0\x80\xc0\xaf\xf8\x88\x80\x80\x80\xff\xc3",
        b"\\u0000\\ud800\\\\\\\"",
        b"\\x1b[31m\\n",
    ]
    .iter()
    .map(|payload| payload.to_vec())
    .collect();
    // As long as a payload can be.
    all.push((0..9999).map(|i| [0x1b, b'<', b'"', 0, 0xff, b'='][i % 6]).chain([b'.']).take(9999).collect());
    all
}

struct Writer(CaptureWriter<Vec<u8>>);

impl PacketSink for Writer {
    type Error = std::io::Error;

    fn packet(&mut self, packet: WirePacket<'_>) -> std::io::Result<()> {
        self.0.write(packet.time, [packet.header, packet.payload], packet.original_len())
    }
}

/// A capture of an exchange with all of them; each package goes twice with another payload, so that there is something to
/// find, and a frame with an unknown name of the same kind follows.
fn capture() -> Vec<u8> {
    let server = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 55558 };
    let mut tcp = TcpConversation::new(client_endpoint(0, server), server, [TcpSeq(1), TcpSeq(2)]);
    let description = Description { interface: "lo\x1b[31m", comment: "a \x1b[31mcomment", ..Description::default() };
    let mut out = Writer(CaptureWriter::pcapng(Vec::new(), &description).unwrap());
    let mut now = 1_767_603_600_000_000_000;
    let mut at = || {
        now += 1_000_000;
        Timestamp::from_nanos(now)
    };
    tcp.open([at(), at(), at()], &mut out).unwrap();
    let size = MaxMsgSize::new(9999).unwrap();
    let mut send = |side, frame: Frame<'_>, layout: FrameLayout| {
        let mut bytes = Vec::new();
        frame.emit(layout, &mut bytes).unwrap();
        if frame.name == Name::Close {
            bytes[..10].copy_from_slice(b"\x1b[31m<b>=\xff");
        }
        tcp.send(side, &bytes, at(), &mut out).unwrap();
    };
    send(Side::Client, Frame::from_client(Name::GetMax, b"", Pos(0), 1.7e9), HANDSHAKE);
    send(Side::Server, Frame::from_server(Name::ReturnMax, b"9999", 1.7e9), HANDSHAKE);
    let layout = FrameLayout::new(size);
    for (pos, payload) in (1..).zip(payloads()) {
        send(Side::Client, Frame::from_client(Name::Msg, &payload, Pos(pos), 1.7e9), layout);
        send(Side::Client, Frame::from_client(Name::Msg, b"\x1b[2Janother", Pos(pos), 1.7e9), layout);
        send(Side::Server, Frame::from_server(Name::Ack, &payload, 1.7e9), layout);
        send(Side::Server, Frame::from_server(Name::Ack, pos.to_string().as_bytes(), 1.7e9), layout);
    }
    send(Side::Client, Frame::from_client(Name::Close, b"\x1b[31m<b>", Pos(99), 1.7e9), layout);
    out.0.finish().unwrap()
}

/// Standard output and error of a run in `folder`; the exit code does not matter.
fn run(binary: &str, arguments: &[&OsStr], folder: &Path) -> [Vec<u8>; 2] {
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_remove("NO_COLOR");
    let output = command.output().unwrap();
    assert!(output.status.code().is_some(), "{arguments:?}: a signal");
    [output.stdout, output.stderr]
}

/// By their ranges in Unicode, not by the table that the project decides with.
fn is_wild(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

fn assert_tame(what: &str, outputs: &[Vec<u8>]) {
    for output in outputs {
        let text = std::str::from_utf8(output).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!text.contains(is_wild), "{what}: {:?} in {text:?}", text.chars().find(|c| is_wild(*c)));
    }
}

const DECODE: &str = env!("CARGO_BIN_EXE_decode");
const ANALYZE: &str = env!("CARGO_BIN_EXE_analyze");
const SIMULATE: &str = env!("CARGO_BIN_EXE_simulate");
const CLIENT: &str = env!("CARGO_BIN_EXE_client");
const SERVER: &str = env!("CARGO_BIN_EXE_server");

fn words(line: &str) -> Vec<&OsStr> {
    line.split_whitespace().map(OsStr::new).collect()
}

#[test]
fn no_form_of_output_hands_a_payload_on_raw() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("capture"), capture()).unwrap();
    for form in ["table", "csv", "tsv", "json", "ndjson", "text"] {
        for options in ["", "-V", "-x", "-V -x"] {
            let line = format!("-T {form} {options} capture");
            assert_tame(&line, &run(DECODE, &words(&line), folder.path()));
        }
    }
    for line in
        ["--message capture", "--message -T ndjson capture", "--info capture", "--info -T json capture", "-q capture"]
    {
        assert_tame(line, &run(DECODE, &words(line), folder.path()));
    }
    for form in ["text", "json", "ndjson", "junit", "html"] {
        let line = format!("--report {form} capture");
        let outputs = run(ANALYZE, &words(&line), folder.path());
        assert_tame(&line, &outputs);
        assert!(outputs[0].len() > 1000, "{line}: {}", String::from_utf8_lossy(&outputs[1]));
    }
    assert_tame("the ladder", &run(ANALYZE, &words("--ladder capture"), folder.path()));
}

#[test]
fn cells_of_csv_are_no_formulas_and_turn_back_to_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("capture"), capture()).unwrap();
    let [tsv, _] = run(DECODE, &words("-T tsv capture"), folder.path());
    let tsv = String::from_utf8(tsv).unwrap();
    let mut found = Vec::new();
    for line in tsv.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert!(cells.iter().all(|cell| !cell.starts_with(['=', '+', '@', '\u{ff1d}'])), "{line}");
        // Numbers may be negative.
        assert!(!cells[6].starts_with('-') && !cells[4].starts_with('-') && !cells[12].starts_with('-'), "{line}");
        if (cells[4], cells[3]) == ("MSG", "client") {
            found.push(unescape(cells[6]).unwrap());
        }
    }
    let expected: Vec<Vec<u8>> =
        payloads().into_iter().flat_map(|payload| [payload, b"\x1b[2Janother".to_vec()]).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_html_report_holds_payloads_in_its_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("capture"), capture()).unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run1.pcapng"), folder.path().join("run1")).unwrap();
    let around = |name: &str| {
        let [page, _] = run(ANALYZE, &words(&format!("--report html {name}")), folder.path());
        let page = String::from_utf8(page).unwrap();
        let (before, rest) = page.split_once(r#"<script type="application/json" id="data">"#).unwrap();
        let (data, after) = rest.split_once("</script>").unwrap();
        assert!(!data.contains('<') && serde_json::from_str::<serde_json::Value>(data).is_ok());
        (before.to_owned(), after.to_owned())
    };
    let hostile = around("capture");
    assert_eq!(hostile, around("run1"), "the page is the same whatever it shows");
    let policy = hostile.0.split("Content-Security-Policy").nth(1).unwrap().split('>').next().unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

#[test]
fn comments_of_an_annotated_capture_hold_no_control_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let original = capture();
    std::fs::write(folder.path().join("capture"), &original).unwrap();
    let outputs = run(ANALYZE, &words("-w annotated.pcapng --report none capture"), folder.path());
    assert_tame("the words", &outputs);
    let annotated = std::fs::read(folder.path().join("annotated.pcapng")).unwrap();
    let mut comments = 0;
    let mut rest = &annotated[..];
    while rest.len() > 12 {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let (kind, len) = (word(0), word(4) as usize);
        if kind == 6 {
            // Options stand behind the padded packet: code, length, value.
            let mut options = &rest[28 + (word(20) as usize).next_multiple_of(4)..len - 4];
            while let [a, b, c, d, after @ ..] = options {
                let (code, size) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
                if code == 1 {
                    comments += 1;
                    assert_tame("a comment", &[after[..size].to_vec()]);
                }
                options = &after[size.next_multiple_of(4).min(after.len())..];
            }
        }
        rest = &rest[len..];
    }
    assert!(comments > 20, "{comments} comments");
}

#[test]
fn names_of_files_are_shown_tamely_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let wild = OsString::from_vec(b"\x1b[31m\xe2\x80\xae<b>\xff.txt".to_vec());
    std::fs::write(folder.path().join(&wild), b"message:x\nwindow_size:\x1b[31m\nno\x1b[2Jcolon\n\x1b[31m:1\n")
        .unwrap();
    let scenario = OsString::from_vec(b"\x1b[31m.toml".to_vec());
    std::fs::write(folder.path().join(&scenario), b"seed = \"\x1b[2J\x18\"\n[x\xe2\x80\xae]\n").unwrap();
    let nowhere = OsString::from_vec(b"no/\x1b[31m\xe2\x80\xae".to_vec());
    let turned = OsString::from_vec(b"\x1b]0;title\x07\xc2\x9b31m\xe2\x80\xae1".to_vec());
    let unknown = OsString::from_vec(b"--\x1b[2J\xe2\x80\xae".to_vec());
    let below_a_file = Path::new(&wild).join("folder");
    let option = OsStr::new;
    for (binary, arguments) in [
        (DECODE, vec![&*wild]),
        (DECODE, vec![&*nowhere, option("--info")]),
        (DECODE, vec![option("--streams"), &*wild, &*wild]),
        (ANALYZE, vec![&*wild]),
        (ANALYZE, vec![option("--params"), &*wild, &*nowhere]),
        (ANALYZE, vec![option("--expect"), &*wild, &*nowhere]),
        (ANALYZE, vec![option("--expect"), &*nowhere, &*nowhere]),
        (ANALYZE, vec![option("-w"), &*nowhere, &*wild]),
        (SIMULATE, vec![&*scenario, option("-w"), option("out.pcapng")]),
        (SIMULATE, vec![&*nowhere, option("-w"), option("out.pcapng")]),
        (SIMULATE, vec![option("-w"), &*nowhere, option("-F"), option("pcap")]),
        (CLIENT, vec![]),
        (CLIENT, vec![option("--params"), &*nowhere]),
        (CLIENT, vec![option("--params"), &*wild, option("--window"), option("3"), option("--file"), &*nowhere]),
        (SERVER, vec![option("--params"), &*wild]),
        (SERVER, vec![option("--params"), &*nowhere]),
        (DECODE, vec![option("-c"), &*wild]),
        (DECODE, vec![option("-c"), &*turned]),
        (DECODE, vec![&*unknown]),
        (ANALYZE, vec![option("--report"), &*turned]),
        (SIMULATE, vec![option("-F"), &*turned, option("-w"), option("out")]),
        (CLIENT, vec![option("--resend"), &*turned]),
        (SERVER, vec![option("--bind"), &*turned]),
        // A folder cannot be made below a file.
        (SERVER, vec![option("--max-msg-size"), option("4"), option("--output"), below_a_file.as_os_str()]),
    ] {
        let outputs = run(binary, &arguments, folder.path());
        assert_tame(&format!("{binary} {arguments:?}"), &outputs);
        assert!(!outputs[1].is_empty(), "{binary} {arguments:?} says nothing");
    }
}
