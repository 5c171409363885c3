//! The commands `client` and `server` as people run them: with each other, with a stranger that shares no code with
//! them (`tests/python_peer/peer.py`), and with everything that can be wrong.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod commands;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use commands::{Place, handshaken, package, text};

/// The message of the reference runs (PROTOCOL §7): its quotes are part of it.
const MESSAGE: &str = "\"aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll\"";

/// A reference run: P, timeout, what is not written.
struct Run {
    max_msg_size: &'static str,
    timeout: &'static str,
    lose: &'static str,
    lose_acks: &'static str,
    lose_done: &'static str,
}

const RUNS: [Run; 5] = [
    Run { max_msg_size: "4", timeout: "2", lose: "4,9,10", lose_acks: "", lose_done: "0" },
    Run { max_msg_size: "4", timeout: "2", lose: "", lose_acks: "4,9,10", lose_done: "0" },
    Run { max_msg_size: "4", timeout: "2", lose: "", lose_acks: "9,10,11", lose_done: "0" },
    Run { max_msg_size: "5", timeout: "2", lose: "7,9,11", lose_acks: "6,8,10", lose_done: "0" },
    Run { max_msg_size: "10", timeout: "1", lose: "", lose_acks: "", lose_done: "2" },
];

fn python_peer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_peer/peer.py")
}

/// The first line that the process prints.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
#[ignore = "needs python3"]
fn our_client_exchanges_every_reference_run_with_a_server_of_plain_sockets() {
    thread::scope(|scope| {
        for (number, run) in RUNS.iter().enumerate() {
            scope.spawn(move || {
                let place = Place::new();
                let peer = python_peer();
                let peer_args =
                    [peer.to_str().unwrap(), "server", "--max-msg-size", run.max_msg_size, "--output", "got"];
                let mut command = place.command("python3", &peer_args);
                let lose_acks = format!("--lose-acks={}", run.lose_acks);
                let mut peer = command.args([&lose_acks, "--lose-done", run.lose_done]).spawn().unwrap();
                let listening = first_line(&mut peer);
                let port = listening.trim().rsplit(' ').next().unwrap();
                let lose = if run.lose.is_empty() { String::new() } else { format!("--lose={}", run.lose) };
                let args = ["--port", port, "--message", MESSAGE, "--window", "3", "--timeout", run.timeout, &lose];
                let client = place.client(&[&args[..], &["--resend", "eager"]].concat());
                let peer = peer.wait_with_output().unwrap();
                assert!(peer.status.success(), "run {}: {}", number + 1, text(&peer.stderr));
                assert_eq!(client.status.code(), Some(0), "run {}: {}", number + 1, text(&client.stderr));
                assert_eq!(fs::read_to_string(place.path("got")).unwrap(), MESSAGE, "run {}", number + 1);
            });
        }
    });
}

#[test]
#[ignore = "needs python3"]
fn our_server_exchanges_every_reference_run_with_a_client_of_plain_sockets() {
    thread::scope(|scope| {
        for (number, run) in RUNS.iter().enumerate() {
            scope.spawn(move || {
                let place = Place::new();
                let lose_acks =
                    if run.lose_acks.is_empty() { String::new() } else { format!("--lose-acks={}", run.lose_acks) };
                let args = ["--once", "--max-msg-size", run.max_msg_size, "--lose-done", run.lose_done, &lose_acks];
                let server = place.server(&args);
                fs::write(place.path("message"), MESSAGE).unwrap();
                let (peer, lose) = (python_peer(), format!("--lose={}", run.lose));
                let peer_args = [peer.to_str().unwrap(), "client", "--port", &server.port, "--message-file", "message"];
                let mut command = place.command("python3", &peer_args);
                let peer = command.args(["--window", "3", "--timeout", run.timeout, &lose]).output().unwrap();
                assert!(peer.status.success(), "run {}: {}", number + 1, text(&peer.stderr));
                let (code, out, log) = server.end();
                assert_eq!((code, text(&out).trim_end()), (0, MESSAGE), "run {}: {log}", number + 1);
            });
        }
    });
}

#[test]
fn a_message_goes_through_and_both_recordings_show_it() {
    let place = Place::new();
    let server = place.server(&["--once", "--max-msg-size", "5", "--capture", "server.pcapng", "--lose-acks", "2-3"]);
    let args = ["--message", MESSAGE, "--window", "3", "--timeout", "1", "--lose", "4,9-10", "--capture", "c.pcapng"];
    let client = place.client(&[&["--port", &server.port][..], &args].concat());
    assert_eq!(client.status.code(), Some(0), "{}", text(&client.stderr));
    let said = text(&client.stderr);
    assert!(said.contains("complete") && said.contains("packages lost  3 (mimicked)"), "{said}");
    let (code, out, log) = server.end();
    assert_eq!((code, text(&out).trim_end()), (0, MESSAGE), "{log}");
    assert!(log.contains("2 losses mimicked"), "{log}");
    for recording in ["c.pcapng", "server.pcapng"] {
        let decode =
            |option| text(&place.command(env!("CARGO_BIN_EXE_decode"), &[option, recording]).output().unwrap().stdout);
        assert!(decode("--message").contains(&MESSAGE.replace('"', "")), "{recording}: {}", decode("--message"));
        let frames = decode("-Tcsv");
        assert!(frames.contains("DISCONNECT"), "{recording}: {frames}");
        for pos in [4, 9, 10] {
            let copies = frames.matches(&format!(",client,MSG,{pos},")).count();
            assert_eq!(copies, 1, "{recording}: {pos} is written once, late: {frames}");
        }
    }
}

#[test]
#[ignore = "needs tshark"]
fn in_both_recordings_the_server_closes_first_and_both_ends_are_acknowledged() {
    let place = Place::new();
    let server = place.server(&["--once", "--max-msg-size", "5", "--capture", "s.pcapng"]);
    let args = ["--message", MESSAGE, "--window", "3", "--timeout", "10", "--capture", "c.pcapng"];
    let client = place.client(&[&["--port", &server.port][..], &args].concat());
    assert_eq!(client.status.code(), Some(0), "{}", text(&client.stderr));
    let port = server.port.clone();
    assert_eq!(server.end().0, 0);
    for recording in ["c.pcapng", "s.pcapng"] {
        let fields = ["tcp.srcport", "tcp.flags.fin", "tcp.seq_raw", "tcp.ack_raw", "tcp.len"];
        let fields: Vec<&str> = fields.iter().flat_map(|field| ["-e", field]).collect();
        let shown = text(
            &place
                .command("tshark", &[&["-n", "-r", recording, "-T", "fields"], &fields[..]].concat())
                .output()
                .unwrap()
                .stdout,
        );
        let packets: Vec<Vec<&str>> = shown.lines().map(|line| line.split('\t').collect()).collect();
        let fins: Vec<&Vec<&str>> = packets.iter().filter(|packet| packet[1] == "1").collect();
        assert!(fins.len() == 2 && fins[0][0] == port && fins[1][0] != port, "{recording}: {shown}");
        for fin in fins {
            let answer = (fin[2].parse::<u32>().unwrap().wrapping_add(1)).to_string();
            assert!(packets.iter().any(|packet| packet[0] != fin[0] && packet[3] == answer), "{recording}: {shown}");
        }
    }
}

/// What tshark remarks about a capture with these options, but for chats: `severity group protocol summary` of each kind.
fn remarks(place: &Place, capture: &Path, options: &[&str]) -> Vec<String> {
    let args = ["-q", "-z", "expert,note", "-r", capture.to_str().unwrap()];
    let output = place.command("tshark", &[&args[..], options].concat()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut severity = String::new();
    let mut found = Vec::new();
    for line in text(&output.stdout).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [kind, count] if count.starts_with('(') => severity = kind.to_owned(),
            [count, ..] if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                found.push(format!("{severity} {}", words[1..].join(" ")));
            }
            _ => {}
        }
    }
    found
}

/// Wireshark 4 calls the two FINs of every connection notes. Nothing else is above a chat, in our recordings as in those
/// that tcpdump made of the same commands.
#[test]
#[ignore = "needs tshark"]
fn wireshark_remarks_nothing_in_our_recordings_but_the_two_fins_that_it_remarks_in_tcpdumps_too() {
    let place = Place::new();
    let server = place.server(&["--once", "--max-msg-size", "4", "--lose-acks", "6", "--capture", "s.pcapng"]);
    let args = ["--message", MESSAGE, "--window", "3", "--timeout", "0.5", "--lose", "4,9", "--capture", "c.pcapng"];
    let client = place.client(&[&["--port", &server.port][..], &args].concat());
    assert_eq!(client.status.code(), Some(0), "{}", text(&client.stderr));
    assert_eq!(server.end().0, 0);
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/recorded/run1.pcapng");
    let of_tcpdump = remarks(&place, &reference, &[]);
    assert!(of_tcpdump.iter().all(|remark| remark.ends_with("the connection closing")), "{of_tcpdump:?}");
    // Ours have checksums that are right as well; on loopback the kernel computes none.
    let checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
    for recording in ["c.pcapng", "s.pcapng"] {
        assert_eq!(remarks(&place, &place.path(recording), &checks), of_tcpdump, "{recording}");
    }
}

#[test]
fn each_message_becomes_a_file_and_an_unfinished_one_stays_partial() {
    let place = Place::new();
    let server = place.server(&["--count", "2", "--max-msg-size", "4", "--output", "got"]);
    let sent = place.client(&["--port", &server.port, "--message", MESSAGE, "--window", "9", "--timeout", "10"]);
    assert_eq!(sent.status.code(), Some(0));
    let mut stream = handshaken(&server.port);
    stream.write_all(&package(b"abcd", 1)).unwrap();
    stream.read_exact(&mut [0; 44]).unwrap();
    drop(stream);
    let (code, out, log) = server.end();
    assert_eq!((code, out), (0, Vec::new()));
    let mut files: Vec<_> = fs::read_dir(place.path("got")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), MESSAGE);
    assert_eq!(fs::read_to_string(&files[1]).unwrap(), "abcd");
    assert_eq!(files[0].extension().unwrap(), "bin");
    assert_eq!(files[1].extension().unwrap(), "partial");
    assert!(log.contains("peer closed the connection") && log.contains(".partial"), "{log}");
}

#[test]
fn a_server_that_is_asked_to_stop_lets_a_client_finish() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        let mut server = place.server(&["--max-msg-size", "4", "--capture", "s.pcapng"]);
        let port = server.port.clone();
        let client = thread::spawn({
            let args =
                ["--message", "0123456789", "--window", "1", "--timeout", "5", "--pace", "300"].map(str::to_owned);
            move || {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                Place::new().client(&[&["--port", port.as_str()][..], &args].concat())
            }
        });
        server.log_until("connected");
        server.signal(signal);
        server.log_until("stopping");
        assert!(TcpStream::connect(format!("127.0.0.1:{}", server.port)).is_err(), "it accepts no more");
        let (code, out, log) = server.end();
        assert_eq!((code, text(&out).as_str()), (0, "0123456789\n"), "{log}");
        assert_eq!(client.join().unwrap().status.code(), Some(0));
    }
}

#[test]
fn a_client_that_is_asked_to_stop_says_how_far_it_came_and_closes_its_recording() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        let server = place.server(&["--once", "--max-msg-size", "4", "--output", "got"]);
        let message = "m".repeat(4000);
        let args = ["--message", &message, "--window", "2", "--timeout", "5", "--pace", "20", "--capture", "c.pcapng"];
        let mut command = place.command(env!("CARGO_BIN_EXE_client"), &[&["--port", &server.port][..], &args].concat());
        let client = command.spawn().unwrap();
        thread::sleep(Duration::from_millis(500));
        assert!(Command::new("kill").args([signal, &client.id().to_string()]).status().unwrap().success());
        let client = client.wait_with_output().unwrap();
        let said = text(&client.stderr);
        assert_eq!(client.status.code(), Some(2), "{said}");
        assert!(said.contains("incomplete: stopped by this side; positions acknowledged: "), "{said}");
        let (code, _, log) = server.end();
        assert_eq!(code, 0, "{log}");
        assert!(log.contains("incomplete: the ") && log.contains(", partial in got/"), "{log}");
        let decode = place.command(env!("CARGO_BIN_EXE_decode"), &["-Tcsv", "c.pcapng"]).output().unwrap();
        assert_eq!(decode.status.code(), Some(0), "{}", text(&decode.stderr));
        assert!(text(&decode.stdout).contains(",client,MSG,2,"), "{}", text(&decode.stdout));
    }
}

#[test]
fn a_server_that_is_asked_twice_ends_at_once_and_marks_what_runs() {
    let place = Place::new();
    let mut server = place.server(&["--max-msg-size", "4", "--output", "got"]);
    let mut stream = handshaken(&server.port);
    stream.write_all(&package(b"abcd", 1)).unwrap();
    stream.read_exact(&mut [0; 44]).unwrap();
    server.signal("-TERM");
    server.log_until("stopping");
    server.signal("-TERM");
    let (code, _, log) = server.end();
    assert_eq!(code, 0);
    assert!(log.contains("stopped by this side") && log.contains(".partial"), "{log}");
}

#[test]
fn a_server_that_dies_in_mid_message_leaves_the_client_with_what_was_acknowledged() {
    let place = Place::new();
    let mut server = place.server(&["--max-msg-size", "4"]);
    let port = server.port.clone();
    let message = "m".repeat(4000);
    let client = thread::spawn(move || {
        let args = ["--port", &port, "--message", &message, "--window", "2", "--timeout", "5", "--pace", "0.02s"];
        Place::new().client(&args)
    });
    server.log_until("connected");
    thread::sleep(Duration::from_millis(300));
    server.child.kill().unwrap();
    let client = client.join().unwrap();
    assert_eq!(client.status.code(), Some(2));
    let said = text(&client.stderr);
    assert!(said.contains("positions acknowledged: ") && said.contains("of 1000"), "{said}");
    server.child.wait().unwrap();
}

#[test]
fn a_full_disk_stops_the_recording_and_not_the_exchange() {
    let place = Place::new();
    let server = place.server(&["--once", "--max-msg-size", "4", "--capture", "/dev/full"]);
    let args = ["--message", MESSAGE, "--window", "3", "--timeout", "10", "--capture", "/dev/full"];
    let client = place.client(&[&["--port", &server.port][..], &args].concat());
    assert_eq!(client.status.code(), Some(3));
    assert!(text(&client.stderr).contains("/dev/full"));
    let (code, out, log) = server.end();
    assert_eq!((code, text(&out).trim_end()), (3, MESSAGE), "{log}");
}

#[test]
fn what_cannot_work_is_refused_with_words_that_help() {
    let place = Place::new();
    let server = place.server(&["--max-msg-size", "4"]);
    let port = server.port.as_str();
    let refused = |program: &str, args: &[&str], words: &[&str]| {
        let output = place.command(program, args).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        for words in words {
            assert!(said.contains(words), "{args:?} should say `{words}`: {said}");
        }
    };
    let (client, server_program) = (env!("CARGO_BIN_EXE_client"), env!("CARGO_BIN_EXE_server"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let given = ["--port", port, "--message", "x", "--window", "1", "--timeout", "1"];
    refused(
        client,
        &["--port", &free, "--message", "x", "--window", "1", "--timeout", "1"],
        &["no server listens there"],
    );
    refused(client, &[&given[..4], &["--window", "0", "--timeout", "1"]].concat(), &["window_size", "1"]);
    refused(client, &[&given[..4], &["--window", "1", "--timeout", "0"]].concat(), &["timeout", "above 0"]);
    refused(client, &given[..4], &["--window", "--timeout"]);
    refused(client, &[&given[..], &["--lose", "0"]].concat(), &["--lose", "4,9-12"]);
    refused(client, &[&given[..], &["--lose", "3-1"]].concat(), &["--lose", "`3-1`"]);
    refused(client, &[&given[..], &["--pace", "-1"]].concat(), &["--pace", "milliseconds (100, 0.5)"]);
    refused(server_program, &["--max-msg-size", "4", "--lose-acks", "1-2147483647"], &["a list may have 1048576"]);
    refused(client, &[&given[..], &["--loss", "1.5"]].concat(), &["0 (none) to 1 (all)"]);
    refused(server_program, &["--port", port, "--max-msg-size", "4"], &["in use", "--port"]);
    refused(server_program, &["--max-msg-size", "10000"], &["4 to 9999"]);
    refused(server_program, &["--max-msg-size", "3"], &["4 to 9999"]);

    fs::write(place.path("nul.bin"), b"abc\0def").unwrap();
    let file = |name| ["--port", port, "--file", name, "--window", "1", "--timeout", "1"];
    refused(client, &file("nul.bin"), &["NUL at byte 3", "maximum_msg_size of 5 would do"]);
    fs::write(place.path("long.bin"), "a".repeat(4 * 9999)).unwrap();
    refused(client, &file("long.bin"), &["9999 packages", "maximum_msg_size of 5 would do"]);
    fs::write(place.path("longest.bin"), "a".repeat(4 * 9998)).unwrap();
    let args = ["--port", port, "--file", "longest.bin", "--window", "500", "--timeout", "5"];
    assert_eq!(place.client(&args).status.code(), Some(0), "the longest message goes through");
    refused(client, &file("nowhere.bin"), &["nowhere.bin"]);

    fs::write(place.path("a.txt"), "window_size:0\ntimeout:1\nmessage:x\n").unwrap();
    refused(client, &["--port", port], &["a.txt", "window_size"]);
    fs::write(place.path("b.txt"), "").unwrap();
    refused(client, &["--port", port], &["a.txt", "b.txt", "--params"]);
    server.signal("-INT");
    assert_eq!(server.end().0, 0);
}

#[test]
fn both_sides_read_one_parameter_file() {
    let place = Place::new();
    let text_file = format!("message:{MESSAGE}\nmaximum_msg_size:7\nwindow_size:3\ntimeout:9.5\ncolour:red\n");
    fs::write(place.path("anything.txt"), text_file).unwrap();
    let server = place.server(&["--once"]);
    let client = place.client(&["--port", &server.port, "--verbose"]);
    let said = text(&client.stderr);
    assert_eq!(client.status.code(), Some(0), "{said}");
    assert!(said.contains("unknown key `colour`") && said.contains("maximum_msg_size is 7"), "{said}");
    assert_eq!(text(&server.end().1).trim_end(), MESSAGE);
}

#[test]
fn a_silent_client_is_given_up_and_the_log_says_why() {
    let place = Place::new();
    let mut server = place.server(&["--max-msg-size", "4", "--idle-timeout", "0.3"]);
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", server.port)).unwrap();
    stream.write_all(b"GET_MAX").unwrap();
    assert!(server.log_until("incomplete").contains("no whole frame in 0.3 s (7 bytes came"));
    // Bytes that drip in do not make a frame either.
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", server.port)).unwrap();
    for byte in b"GET_MAX\0\0\0".iter().chain(&[0; 33]) {
        thread::sleep(Duration::from_millis(20));
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
    }
    assert!(server.log_until("incomplete").contains("no whole frame"));
    server.signal("-INT");
    assert_eq!(server.end().0, 0);
}

#[test]
fn a_client_that_begins_with_anything_but_the_handshake_is_refused() {
    let place = Place::new();
    let mut server = place.server(&["--max-msg-size", "4"]);
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", server.port)).unwrap();
    stream.write_all(&[b'x'; 44]).unwrap();
    assert!(server.log_until("failed").contains("its first frame must be GET_MAX"));
    server.signal("-INT");
    assert_eq!(server.end().0, 0);
}

#[test]
fn an_eager_client_without_pace_is_warned() {
    let place = Place::new();
    let server = place.server(&["--once", "--max-msg-size", "4"]);
    let args = ["--message", "abcdefgh", "--window", "4", "--timeout", "10", "--resend", "eager", "--pace", "0"];
    let client = place.client(&[&["--port", &server.port][..], &args].concat());
    assert_eq!(client.status.code(), Some(0));
    assert!(text(&client.stderr).contains("--pace 0"));
    assert_eq!(server.end().0, 0);
}
