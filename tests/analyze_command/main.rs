//! The `analyze` command from outside, as its manual describes it: what it says, where, and how it ends.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod annotated;
mod exchange;
mod facts;
mod golden;
mod jobs;
mod ladders;
mod reports;
mod reuse;
mod runs;
mod threads;

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// One run of the command.
struct Ran {
    code: i32,
    out: String,
    log: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.log))
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_analyze"));
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// `analyze`, in the folder of the captures.
fn analyze(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    ran(command().current_dir(captures()).args(arguments), b"")
}

/// `analyze` with `input` on standard input.
fn analyze_piped(arguments: &[&str], input: &[u8]) -> Ran {
    ran(command().current_dir(captures()).args(arguments).stdin(Stdio::piped()), input)
}

fn ran(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // The command may stop reading before the end.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    Ran {
        code: output.status.code().expect("an exit code, not a signal"),
        out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        log: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    }
}

fn captures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(captures().join(name)).unwrap()
}

/// Run 5, whose first DISCONNECT is called something that no terminal should be told.
fn hostile() -> Vec<u8> {
    const NAME: &[u8; 10] = b"\x1b[2J\xe2\x80\xae<&\"";
    let mut bytes = bytes_of("run5.pcapng");
    let at = bytes.windows(10).position(|window| window == b"DISCONNECT").unwrap();
    bytes[at..at + 10].copy_from_slice(NAME);
    bytes
}

/// Control characters that a terminal obeys, and characters that turn text around; line feeds and tabs are layout.
fn is_tame(text: &str) -> bool {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    !text
        .chars()
        .any(|c| steers(c) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}'))
}

/// Positions of a finding, as listed.
fn positions(finding: &Value) -> Vec<i64> {
    finding["positions"].as_array().unwrap().iter().map(|pos| pos.as_i64().unwrap()).collect()
}

/// Words of a list.
fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}
