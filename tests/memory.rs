//! What a connection may cost is one stated sum (`arqscope::net::SERVER_BYTES_PER_CLIENT`, `client_bytes`): real processes
//! are held to it, by the most memory that the kernel saw them take.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use arqscope::net::{SERVER_BYTES_PER_CLIENT, SERVER_PARTS, client_bytes};
use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos};

/// Hostile clients of one server at once.
const CLIENTS: usize = 12;

/// What threads and their buffers may add to a process that has work, once.
const PROCESS: usize = 4 << 20;

/// The most memory that a running process has had, in bytes.
fn peak(child: &Child) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// Waits until it takes no more: the same for a second, or a minute in all.
fn settled_peak(child: &Child) -> usize {
    let (mut last, mut same) = (peak(child), 0);
    for _ in 0..1200 {
        if same == 20 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        let now = peak(child);
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

fn frame(name: Name, payload: &[u8], pos: i32, layout: FrameLayout, out: &mut Vec<u8>) {
    let frame = match name {
        Name::ReturnMax | Name::Ack => Frame::from_server(name, payload, 0.0),
        _ => Frame::from_client(name, payload, Pos(pos), 0.0),
    };
    frame.emit(layout, out).unwrap();
}

/// MSGs of these positions, each with a full payload.
fn packages(layout: FrameLayout, positions: impl Iterator<Item = i32>) -> Vec<u8> {
    let payload = vec![b'x'; usize::from(layout.max_msg_size().get())];
    let mut out = Vec::new();
    for pos in positions {
        frame(Name::Msg, &payload, pos, layout, &mut out);
    }
    out
}

fn server(max_msg_size: u16) -> (Child, String) {
    let args = ["--port", "0", "--idle-timeout", "120", "--max-msg-size", &max_msg_size.to_string()];
    let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    log.read_line(&mut line).unwrap();
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let address = line.rsplit("listening on ").next().unwrap().split(',').next().unwrap().to_owned();
    (child, address)
}

/// Writes as long as the server reads.
fn press(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let _ = stream.write_all(bytes);
}

/// What [`CLIENTS`] clients that send `attack` after the handshake, and read nothing, make a server take for each.
fn cost_of(max_msg_size: u16, attack: &[u8]) -> usize {
    let (mut child, address) = server(max_msg_size);
    let connect = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let mut hello = Vec::new();
        frame(Name::GetMax, b"", 0, HANDSHAKE, &mut hello);
        stream.write_all(&hello).unwrap();
        stream.read_exact(&mut [0; 44]).unwrap();
        stream
    };
    let _first = connect();
    let before = settled_peak(&child);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect()).collect();
    for client in &mut clients {
        press(client, attack);
    }
    let cost = settled_peak(&child).saturating_sub(before + PROCESS) / CLIENTS;
    child.kill().unwrap();
    child.wait().unwrap();
    cost
}

#[test]
fn no_client_costs_a_server_more_than_the_stated_sum() {
    let layout = |p| FrameLayout::new(MaxMsgSize::new(p).unwrap());
    let mut worst = 0;
    for p in [4, 64, 9999] {
        let layout = layout(p);
        let most = (1 << 20) / i32::from(p) + 2;
        let attacks = [
            ("all that is held, then delivered, then answers that nobody reads", {
                let mut bytes = packages(layout, 2..=most.min(16_385));
                bytes.extend(packages(layout, 1..=1));
                bytes.extend(packages(layout, std::iter::repeat_n(1, if p > 1000 { 300 } else { 100_000 })));
                bytes
            }),
            ("gaps wherever they can be", packages(layout, (1..=most.min(8000)).map(|k| 2 * k))),
        ];
        for (name, attack) in attacks {
            let cost = cost_of(p, &attack);
            println!("maximum_msg_size {p}, {name}: {cost} bytes a client");
            assert!(cost <= SERVER_BYTES_PER_CLIENT, "{p}, {name}: {cost}, stated {SERVER_BYTES_PER_CLIENT}");
            worst = worst.max(cost);
        }
    }
    assert!(worst > SERVER_BYTES_PER_CLIENT / 8, "a bound this loose says nothing: {worst} was the most");
}

#[test]
fn an_exchange_costs_a_client_its_message_and_no_more_than_the_stated_sum() {
    let layout = FrameLayout::new(MaxMsgSize::new(10).unwrap());
    let packages = 1_000_000_u32;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message");
    fs::write(&file, vec![b'x'; packages as usize * 10]).unwrap();
    // A server that takes everything and acknowledges nothing, beside one that never so much as answers.
    let run = |answers: bool| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(["--port", &port, "--window", &packages.to_string(), "--timeout", "1000", "--file"])
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 44]).unwrap();
        if answers {
            let mut answer = Vec::new();
            frame(Name::ReturnMax, b"10", 0, HANDSHAKE, &mut answer);
            stream.write_all(&answer).unwrap();
            let mut left = packages as usize * layout.len();
            let mut buffer = vec![0; 1 << 16];
            while left > 0 {
                left -= stream.read(&mut buffer).unwrap();
            }
        }
        let most = settled_peak(&child);
        child.kill().unwrap();
        child.wait().unwrap();
        most
    };
    let (idle, at_work) = (run(false), run(true));
    let (cost, stated) = (at_work.saturating_sub(idle), client_bytes(packages, packages));
    println!("{cost} bytes, stated {stated}");
    assert!(cost <= stated, "{cost}, stated {stated}");
}

#[test]
fn the_sum_is_the_one_that_people_read() {
    let sum: usize = SERVER_PARTS.iter().map(|part| part.bytes).sum();
    assert_eq!(sum, SERVER_BYTES_PER_CLIENT);
    let stated = format!("{:.1} MiB", SERVER_BYTES_PER_CLIENT as f64 / f64::from(1 << 20));
    let help = Command::new(env!("CARGO_BIN_EXE_server")).arg("--help").output().unwrap().stdout;
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for (where_, text) in [("server --help", String::from_utf8(help).unwrap()), ("README.md", readme)] {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("at most {stated}")), "{where_} should say `at most {stated}`");
    }
}
