//! Commands that are killed in the middle: what their recordings and message files hold then.
//!
//! `ARQSCOPE_KILLS` says how many are killed, every other one a server, and `ARQSCOPE_KILLS_SEED` when.
//!
//! What is promised of a process that is killed:
//!
//! * Its recording opens, and holds everything but, at most, the one call to the socket or to the file that was under way. So
//!   it holds everything that the process acted upon.
//! * A message file under its final name is whole. What was acknowledged is in the file, partial or whole.
//! * What was left behind is in nobody's way: the next server takes the same port and folder.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod commands;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use arqscope::wire::{FrameLayout, HANDSHAKE, MaxMsgSize, Name};
use commands::{Place, Server, text};
use oorandom::Rand64;

/// The most bytes that are handed to a socket at once: a batch of 32 KiB whose last frame goes beyond it.
const ONE_WRITE: usize = (32 << 10) + FrameLayout::new(MaxMsgSize::MAX).len();

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Both directions of the one connection of a recording, as tshark reads them.
#[derive(Debug, Default)]
struct Heard {
    client: Vec<u8>,
    server: Vec<u8>,
    /// Whether the file ends in the middle of a packet.
    torn: bool,
}

/// One way of a connection, seen from both recordings.
struct Way<'a> {
    /// What the writing side recorded as written.
    wrote: &'a [u8],
    /// What the reading side recorded as read.
    read: &'a [u8],
}

fn heard(path: &Path, port: &str) -> Heard {
    let fields = ["-T", "fields", "-e", "tcp.srcport", "-e", "tcp.payload"];
    let tshark = Command::new("tshark").args(["-n", "-r"]).arg(path).args(fields).output().unwrap();
    let words = text(&tshark.stderr);
    let torn = words.contains("cut short in the middle of a packet");
    assert!(tshark.status.success() || torn, "{}: {words}", path.display());
    let mut heard = Heard { torn, ..Heard::default() };
    for line in text(&tshark.stdout).lines() {
        let (from, payload) = line.split_once('\t').unwrap_or((line, ""));
        let bytes =
            payload.as_bytes().chunks(2).map(|hex| u8::from_str_radix(str::from_utf8(hex).unwrap(), 16).unwrap());
        if from == port { heard.server.extend(bytes) } else { heard.client.extend(bytes) }
    }
    heard
}

/// The whole frames of a stream behind the handshake: name, and number in the payload (of an ACK) or position.
fn frames(stream: &[u8], layout: FrameLayout) -> BTreeMap<Name, i32> {
    let mut highest = BTreeMap::new();
    for frame in stream.get(HANDSHAKE.len()..).unwrap_or_default().chunks_exact(layout.len()) {
        let view = layout.view(frame).unwrap();
        let name = view.name().unwrap();
        let number = if name == Name::Ack { view.ack_number().unwrap().0 } else { view.pos().0 };
        let entry = highest.entry(name).or_insert(0);
        *entry = number.max(*entry);
    }
    highest
}
