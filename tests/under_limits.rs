//! The commands where the system gives less than they ask for: open files, room on the disk.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod commands;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use arqscope::wire::{Frame, FrameLayout, MaxMsgSize, Name, Pos};
use commands::{Place, Server, handshaken, package, text};

/// What a client that is connected already writes after its first package, to have its message delivered.
fn rest_of_exchange() -> Vec<u8> {
    let mut bytes = package(b"efgh", 2);
    for (name, pos) in [(Name::Done, 3), (Name::Close, 4)] {
        let frame = Frame::from_client(name, b"", Pos(pos), 0.0);
        frame.emit(FrameLayout::new(MaxMsgSize::MIN), &mut bytes).unwrap();
    }
    bytes
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count()
}

/// A newcomer finds the connection reset at once, without a byte; well before any timeout.
fn assert_refused(port: &str) {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let refused = stream.read(&mut [0; 44]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionReset, "{refused}");
}

#[test]
fn clients_beyond_the_limit_of_open_files_are_refused_and_those_within_lose_nothing() {
    let place = Place::new();
    // 32 files are for the server itself, and a client whose message becomes a file has two.
    let mut server = place.server_after("ulimit -n 40", &["--max-msg-size", "4", "--output", "got"]);
    assert!(
        server.beginning.contains("open 40 files: room for 4 clients at once, not 1000, and further ones are refused"),
        "{}",
        server.beginning
    );
    let before = descriptors(&server);
    let mut held: Vec<TcpStream> = (0..4).map(|_| handshaken(&server.port)).collect();
    for _ in 0..3 {
        assert_refused(&server.port);
    }
    assert!(server.log_until("newcomers are refused").contains("4 clients are connected"));

    // Only now do the messages of those within begin, each with a file of its own.
    for stream in &mut held {
        stream.write_all(&package(b"abcd", 1)).unwrap();
    }
    for mut stream in held {
        stream.write_all(&rest_of_exchange()).unwrap();
        // Four ACKs less one for the message, and DISCONNECT.
        stream.read_exact(&mut [0; 4 * 44]).unwrap();
    }
    let mut log = String::new();
    while log.matches(": complete;").count() < 4 {
        log += &server.log_until("complete;");
    }
    // There is room again for the next one.
    let mut next = handshaken(&server.port);
    next.write_all(&package(b"abcd", 1)).unwrap();
    next.write_all(&rest_of_exchange()).unwrap();
    next.read_exact(&mut [0; 4 * 44]).unwrap();
    drop(next);
    log += &server.log_until("complete;");
    assert_eq!(descriptors(&server), before, "every file is closed again: {log}");
    server.signal("-TERM");
    let (code, _, log) = server.end();
    assert_eq!(code, 0);
    assert!(!log.contains("newcomers are refused"), "said once: {log}");
    assert!(log.contains("3 newcomers refused for want of open files"), "{log}");
    let names = place.names("got");
    assert_eq!(names.len(), 5, "{names:?}");
    for name in names {
        assert_eq!(fs::read(place.path("got").join(name)).unwrap(), b"abcdefgh");
    }
}

#[test]
fn a_server_that_has_no_descriptor_left_refuses_newcomers_too() {
    let place = Place::new();
    let mut server = place.server(&["--max-msg-size", "4"]);
    let mut held = handshaken(&server.port);
    // The limit falls to what is open: nothing that was reckoned before holds now.
    let limit = |files: usize| {
        let (pid, limit) = (server.child.id().to_string(), format!("--nofile={files}:4096"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    };
    let open = |number: &usize| fs::exists(format!("/proc/{}/fd/{number}", server.child.id())).unwrap();
    limit((0..).find(|number| !open(number)).unwrap());
    for _ in 0..3 {
        assert_refused(&server.port);
    }
    limit(4096);
    held.write_all(&package(b"abcd", 1)).unwrap();
    held.write_all(&rest_of_exchange()).unwrap();
    held.read_exact(&mut [0; 4 * 44]).unwrap();
    drop(handshaken(&server.port));
    assert!(server.log_until("newcomers are refused").contains("1 client is connected"));
    server.signal("-TERM");
    let (code, out, log) = server.end();
    assert_eq!((code, text(&out).trim()), (0, "abcdefgh"), "{log}");
    assert!(log.contains("3 newcomers refused for want of open files"), "{log}");
}

#[test]
fn a_file_that_may_not_grow_stops_the_recording_and_not_the_exchange() {
    let place = Place::new();
    // As on a full disk, a write is cut short and the next one fails; the message itself is not so long. The signal that comes
    // with it must not end the process.
    let first = "ulimit -f 8";
    let message = "m".repeat(3000);
    let args = ["--once", "--max-msg-size", "4", "--capture", "s.pcapng", "--output", "got"];
    let server = place.server_after(first, &args);
    let client = place.client(&["--port", &server.port, "--message", &message, "--window", "9", "--timeout", "10"]);
    assert_eq!(client.status.code(), Some(0), "{}", text(&client.stderr));
    let (code, _, log) = server.end();
    assert_eq!(code, 3, "{log}");
    assert!(log.contains("recording to s.pcapng stopped after") && log.contains("the exchange goes on"), "{log}");
    assert!(log.contains("1 exchange complete") && log.contains("were not recorded"), "{log}");
    let names = place.names("got");
    assert_eq!(fs::read_to_string(place.path("got").join(&names[0])).unwrap(), message);
    // What is there is whole packets: decode reads them to the end.
    let decode = place.command(env!("CARGO_BIN_EXE_decode"), &["-q", "s.pcapng"]).output().unwrap();
    assert_eq!(decode.status.code(), Some(0), "{}", text(&decode.stderr));
}

#[test]
fn a_message_that_finds_no_room_stays_partial_and_the_exit_code_tells() {
    let place = Place::new();
    let args = ["--count", "2", "--max-msg-size", "4", "--output", "got"];
    let server = place.server_after("ulimit -f 8", &args);
    let message = "m".repeat(20_000);
    let long = place.client(&["--port", &server.port, "--message", &message, "--window", "9", "--timeout", "10"]);
    assert_eq!(long.status.code(), Some(2), "{}", text(&long.stderr));
    let short = place.client(&["--port", &server.port, "--message", "short", "--window", "9", "--timeout", "10"]);
    assert_eq!(short.status.code(), Some(0), "one client's trouble is not another's: {}", text(&short.stderr));
    let (code, _, log) = server.end();
    assert_eq!(code, 3, "{log}");
    assert!(log.contains("cannot write the message to got/") && log.contains("make room"), "{log}");
    assert!(log.contains("1 message came and could not be kept"), "{log}");
    let names = place.names("got");
    assert!(names[0].ends_with(".partial") && !names[1].ends_with(".partial"), "{names:?}");
    let part = fs::read_to_string(place.path("got").join(&names[0])).unwrap();
    assert!(!part.is_empty() && message.starts_with(&part), "{part}");
    // What the client saw acknowledged is in it.
    let said = text(&long.stderr);
    let acknowledged = said.split("positions acknowledged: ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(part.len() >= 4 * acknowledged.parse::<usize>().unwrap(), "{said}: {} bytes", part.len());
}

#[test]
fn a_message_that_standard_output_does_not_take_is_said_and_the_exit_code_tells() {
    let place = Place::new();
    let server = place.server_after("exec >/dev/full", &["--once", "--max-msg-size", "4"]);
    let client = place.client(&["--port", &server.port, "--message", "hello", "--window", "9", "--timeout", "10"]);
    assert_eq!(client.status.code(), Some(0), "{}", text(&client.stderr));
    let (code, _, log) = server.end();
    assert_eq!(code, 3, "{log}");
    assert!(log.contains("cannot write that message to standard output") && log.contains("--output"), "{log}");
    assert!(log.contains("1 message came and could not be shown"), "{log}");
}

/// A disk of 64 KiB, as long as it is not dropped.
struct SmallDisk<'a>(&'a Place);

impl<'a> SmallDisk<'a> {
    fn mounted(place: &'a Place) -> Self {
        fs::create_dir(place.path("disk")).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", "disk"];
        assert!(place.command("mount", &mount).status().unwrap().success(), "only root may mount");
        Self(place)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path("disk")).status();
    }
}

#[test]
#[ignore = "needs root, and tshark"]
fn a_full_disk_cuts_recordings_between_packets_and_marks_the_message() {
    let place = Place::new();
    let disk = SmallDisk::mounted(&place);
    let message = "m".repeat(30_000);
    let args = ["--once", "--max-msg-size", "4", "--capture", "disk/s.pcapng", "--output", "disk/got"];
    let server = place.server(&args);
    let port = server.port.clone();
    let args = ["--message", &message, "--window", "9", "--timeout", "10", "--capture", "disk/c.pcapng"];
    let client = place.client(&[&["--port", &port][..], &args].concat());
    let said = text(&client.stderr);
    assert_eq!(client.status.code(), Some(2), "{said}");
    assert!(said.contains("disk/c.pcapng stopped after") && said.contains("No space left"), "{said}");
    let (code, _, log) = server.end();
    assert_eq!(code, 3, "{log}");
    assert!(log.contains("cannot write the message to disk/got") && log.contains("No space left"), "{log}");
    let names = place.names("disk/got");
    assert!(names.len() == 1 && names[0].ends_with(".partial"), "{names:?}");
    assert!(message.starts_with(&fs::read_to_string(place.path("disk/got").join(&names[0])).unwrap()));
    for recording in ["disk/s.pcapng", "disk/c.pcapng"] {
        let read = place.command("tshark", &["-n", "-r", recording]).output().unwrap();
        assert!(read.status.success() && !read.stdout.is_empty(), "{recording}: {}", text(&read.stderr));
    }
    drop(disk);
}
