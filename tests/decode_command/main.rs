//! The `decode` command from outside, as its manual describes it: what it prints, where, and how it ends.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod bad_input;
mod foreign_streams;
mod forms;
mod limits;
mod options;
mod runs;

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One run of the command.
struct Ran {
    code: i32,
    out: String,
    log: String,
}

impl Ran {
    /// The output of a run that went well.
    fn well(self) -> String {
        assert_eq!(self.code, 0, "{}", self.log);
        self.out
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_decode"));
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn decode(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    ran(command().args(arguments), b"")
}

/// `decode` with `input` on standard input.
fn decode_piped(arguments: &[&str], input: &[u8]) -> Ran {
    ran(command().args(arguments).stdin(Stdio::piped()), input)
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

fn capture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(capture(name)).unwrap()
}

/// The rows of `-T csv` without the head line, cell by cell. No cell of the reference runs but the payload holds a
/// quote or a comma.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let mut lines = csv.lines();
    // Where nothing could be read there need not even be a head line.
    let Some(head) = lines.next() else { return Vec::new() };
    let columns = head.split(',').count();
    let rows: Vec<Vec<String>> = lines.map(row_cells).collect();
    assert!(rows.iter().all(|row| row.len() == columns), "{csv}");
    rows
}

/// RFC 4180.
fn row_cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    cells
}

/// Control characters that a terminal obeys; line feeds and tabs are layout.
fn is_tame(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}
