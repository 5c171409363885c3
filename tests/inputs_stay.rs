//! What a command reads it never writes over, whatever name it is given by.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

const DECODE: &str = env!("CARGO_BIN_EXE_decode");
const ANALYZE: &str = env!("CARGO_BIN_EXE_analyze");
const SIMULATE: &str = env!("CARGO_BIN_EXE_simulate");
const CLIENT: &str = env!("CARGO_BIN_EXE_client");
const SERVER: &str = env!("CARGO_BIN_EXE_server");

/// Exit code and standard error of a command line that runs in `folder`, with a file as its standard input.
fn run(binary: &str, line: &str, stdin: Option<&str>, folder: &Path) -> (Option<i32>, String) {
    let stdin = stdin.map_or_else(Stdio::null, |name| File::open(folder.join(name)).unwrap().into());
    let output = Command::new(binary).args(line.split_whitespace()).current_dir(folder).stdin(stdin).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_output_that_is_an_input_is_refused_and_both_stay_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let capture = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run1.pcapng")).unwrap();
    let params = "message: hello\nwindow_size: 3\ntimeout: 2\nmaximum_msg_size: 4\n";
    fs::create_dir(at("streams")).unwrap();
    for name in ["capture", "streams/index.ndjson", "streams/0000-client.bin"] {
        fs::write(at(name), &capture).unwrap();
    }
    fs::hard_link(at("streams/0000-client.bin"), at("linked")).unwrap();
    for (name, text) in
        [("params", params), ("sent", "hello"), ("facts", "message_file = \"sent\"\n"), ("scenario", "seed = 1\n")]
    {
        fs::write(at(name), text).unwrap();
    }
    let names = ["capture", "streams/index.ndjson", "streams/0000-client.bin", "params", "sent", "facts", "scenario"];
    let before = names.map(|name| fs::read(at(name)).unwrap());
    for (binary, line, stdin) in [
        (DECODE, "--streams streams streams/index.ndjson", None),
        (DECODE, "--streams streams linked", None),
        (DECODE, "--streams streams -", Some("streams/index.ndjson")),
        (ANALYZE, "--report html=capture -", Some("capture")),
        (ANALYZE, "--report html=capture", Some("capture")),
        (ANALYZE, "-w capture -", Some("capture")),
        (ANALYZE, "-w ./capture capture", None),
        (ANALYZE, "--params params --report json=params capture", None),
        (ANALYZE, "--expect facts --report json=facts capture", None),
        (ANALYZE, "--expect facts --report json=sent capture", None),
        (ANALYZE, "--expect facts -w sent capture", None),
        (SIMULATE, "scenario -w scenario -F pcap", None),
        (SIMULATE, "scenario -w out.pcap --truth scenario", None),
        (SIMULATE, "-w out.pcap --truth ./out.pcap", None),
        (CLIENT, "--port 1 --params params --capture params", None),
        (CLIENT, "--port 1 --window 1 --timeout 1 --file sent --capture sent", None),
        (CLIENT, "--port 1 --window 1 --timeout 1 --file - --capture sent", Some("sent")),
        (SERVER, "--port 0 --params params --capture params", None),
    ] {
        let (code, words) = run(binary, line, stdin, folder.path());
        assert_eq!(code, Some(2), "{binary} {line}: {words}");
        assert!(words.contains("name another file") || words.contains("name different files"), "{line}: {words}");
        for (name, before) in names.iter().zip(&before) {
            assert!(fs::read(at(name)).unwrap() == *before, "{binary} {line} wrote over {name}");
        }
    }
    assert!(!at("out.pcap").exists());
}

#[test]
fn a_capture_that_cannot_be_finished_leaves_the_old_one_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.pcap"), "precious").unwrap();
    for line in ["-w old.pcap --start 2107-01-01T00:00:00Z", "-w old.pcap --truth /dev/full"] {
        let (code, words) = run(SIMULATE, line, None, folder.path());
        assert_eq!(code, Some(2), "{line}: {words}");
        assert_eq!(fs::read_to_string(folder.path().join("old.pcap")).unwrap(), "precious", "{line}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{line} left something behind");
    }
    let (_, words) = run(SIMULATE, "-w new.pcap --truth /dev/full", None, folder.path());
    assert!(words.contains("/dev/full"), "{words}");
}

#[test]
fn a_file_that_may_not_grow_is_told_and_not_left_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let limited = |command: &str| {
        let shell = format!("ulimit -f 4; exec {command}");
        let output = Command::new("bash").args(["-c", &shell]).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let run1 = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/run1.pcapng");
    for (command, named) in [
        (format!("{SIMULATE} -w big.pcap --message-size 100000"), "big.pcap"),
        (format!("{ANALYZE} -q --report html=page.html {run1}"), "page.html"),
        (format!("{DECODE} -V -x {run1} > rows"), "output"),
    ] {
        let (code, words) = limited(&command);
        assert_eq!(code, Some(2), "{command}: {words}");
        assert!(words.contains("File too large") && words.contains(named), "{command}: {words}");
    }
    assert!(!folder.path().join("big.pcap").exists());
}
