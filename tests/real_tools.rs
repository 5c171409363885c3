//! The way real users come: tcpdump records an exchange on loopback, tshark exports it, `decode` reads
//! the capture and every export. The rows must be those that Python's `struct` unpacks from what tshark
//! says the segments carry (`tests/data/unpack_frames.py`).
//!
//! Needs the right to capture on `lo`, tcpdump, tshark, editcap and python3: `cargo test -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

const CAPACITY: u16 = 10;

/// What tshark is asked for: the file's name, the options, and whether such an export says when a packet came.
const EXPORTS: [(&str, &[&str], Times); 10] = [
    ("json", &["-T", "json"], Times::Kept),
    ("json-x", &["-T", "json", "-x"], Times::Kept),
    ("json-grouped", &["-T", "json", "--no-duplicate-keys"], Times::Kept),
    ("json-x-grouped", &["-T", "json", "-x", "--no-duplicate-keys"], Times::Kept),
    ("json-pruned", &["-T", "json", "-j", "frame ip tcp"], Times::Kept),
    ("json-whole-tcp", &["-T", "json", "-J", "frame ip tcp"], Times::Kept),
    ("json-absolute", &["-T", "json", "-o", "tcp.relative_sequence_numbers:FALSE"], Times::Kept),
    ("jsonraw", &["-T", "jsonraw"], Times::Lost),
    ("ek", &["-T", "ek"], Times::Kept),
    ("ek-x", &["-T", "ek", "-x"], Times::Kept),
];

/// The fields of a selective export: enough to rebuild the streams.
const FIELDS: [&str; 11] = [
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.stream",
    "tcp.seq_raw",
    "tcp.flags",
    "tcp.len",
    "tcp.payload",
];

#[derive(Clone, Copy, PartialEq)]
enum Times {
    Kept,
    Lost,
}

/// One row, as far as both readers have it. sent_time is compared as the number it is.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    packet: u64,
    time: String,
    from: String,
    header: String,
    pos: i32,
    payload: String,
    seq: i32,
    sent_time: f64,
    ack: String,
    prev_seq: i32,
}

#[test]
#[ignore = "needs tcpdump and tshark"]
fn a_capture_and_every_export_of_it_decode_to_what_struct_unpacks() {
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("exchange.pcap");
    let port = record(&pcap);
    let expected = unpacked(&pcap, port);
    assert_eq!(
        expected.len(),
        script().iter().map(|(_, frames)| frames.len()).sum::<usize>(),
        "the oracle's own count"
    );

    assert_eq!(decoded(&pcap), expected, "pcap");
    assert_eq!(decoded_from_pipe(&pcap), expected, "pcap through a pipe");

    let pcapng = folder.path().join("exchange.pcapng");
    run(Command::new("editcap").args(["-F", "pcapng"]).arg(&pcap).arg(&pcapng));
    assert_eq!(decoded(&pcapng), expected, "pcapng");

    for (name, options, times) in EXPORTS {
        let export = folder.path().join(format!("{name}.json"));
        tshark(&pcap, options, &export);
        assert_rows(&decoded(&export), &expected, times, name);
    }
    for form in ["json", "ek"] {
        let mut options = vec!["-T", form];
        options.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
        let export = folder.path().join(format!("{form}-e.json"));
        tshark(&pcap, &options, &export);
        assert_rows(&decoded(&export), &expected, Times::Kept, &format!("-T {form} -e …"));
    }
}

#[test]
#[ignore = "needs tcpdump and tshark"]
fn info_counts_what_capinfos_and_tshark_count() {
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("exchange.pcap");
    record(&pcap);
    let printed = output(Command::new(env!("CARGO_BIN_EXE_decode")).args(["--info", "-T", "json"]).arg(&pcap));
    let info: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let info = info.get(0).unwrap_or(&info);

    let capinfos = output(Command::new("capinfos").args(["-T", "-r", "-m", "-S", "-c", "-a", "-e"]).arg(&pcap));
    let figures: Vec<&str> = capinfos.trim().rsplitn(4, ',').collect();
    assert_eq!(info["packets"].to_string(), figures[2]);
    for (key, time) in [("earliest", figures[1]), ("latest", figures[0])] {
        // capinfos prints as many digits as the file has; decode always nine.
        assert!(info[key].as_str().unwrap().starts_with(time), "{key}: {} and {time}", info[key]);
    }
    assert_eq!(info["tcp_packets"], info["packets"], "tcpdump was asked for TCP only");
    assert_eq!(info["tcp_connections"], 1);
}

fn assert_rows(found: &[Row], expected: &[Row], times: Times, export: &str) {
    let expected: Vec<Row> = expected
        .iter()
        .cloned()
        .map(|row| if times == Times::Lost { Row { time: String::new(), ..row } } else { row })
        .collect();
    assert_eq!(found, expected, "{export}");
}

// --- The exchange ------------------------------------------------------------------------------------------

/// Who writes which frames in one go. Several frames in one write, and one frame in several, are what TCP
/// does to any exchange (PROTOCOL §1.1).
fn script() -> Vec<(Side, Vec<Vec<u8>>)> {
    let p = FrameLayout::new(MaxMsgSize::new(CAPACITY).unwrap());
    let bytes = |frame: Frame<'_>, layout| {
        let mut out = Vec::new();
        frame.emit(layout, &mut out).unwrap();
        out
    };
    let at = |n: i32| 1_767_603_600.25 + f64::from(n) * 0.815;
    let client = |name, payload: &[u8], pos: i32| bytes(Frame::from_client(name, payload, Pos(pos), at(pos)), p);
    let server = |name, payload: &[u8], n: i32| bytes(Frame::from_server(name, payload, at(n) + 0.03), p);
    let msg = |pos: i32| {
        let payload: [&[u8]; 5] = [b"\"aaaaabbbb", b"b,cccc ddd", b"ddeeeee;ff", b"fffggggghh", b"hhh\""];
        client(Name::Msg, payload[usize::try_from(pos).unwrap() - 1], pos)
    };
    let ack = |n: i32| server(Name::Ack, n.to_string().as_bytes(), n);
    vec![
        (Side::Client, vec![bytes(Frame::from_client(Name::GetMax, b"", Pos(0), at(0)), HANDSHAKE)]),
        (Side::Server, vec![bytes(Frame::from_server(Name::ReturnMax, b"10", at(0) + 0.03), HANDSHAKE)]),
        (Side::Client, vec![msg(1)]),
        (Side::Server, vec![ack(1)]),
        // 2 is counted, not written; 3 and 4 leave together, and 2 late.
        (Side::Client, vec![msg(3), msg(4)]),
        (Side::Client, vec![msg(2)]),
        (Side::Server, vec![ack(2), ack(3), ack(4)]),
        (Side::Client, vec![msg(5)]),
        (Side::Server, vec![ack(5)]),
        (Side::Client, vec![client(Name::Done, b"EOMsg", 6)]),
        (Side::Server, vec![ack(6)]),
        (Side::Client, vec![client(Name::Close, b"request to", 7)]),
        (Side::Server, vec![server(Name::Disconnect, b"approving ", 7)]),
    ]
}

/// Plays the script on a loopback connection while tcpdump records it into `pcap`; returns the server's port.
fn record(pcap: &Path) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tcpdump = start_tcpdump(pcap, port);
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    for (turn, (side, frames)) in script().into_iter().enumerate() {
        let all = frames.concat();
        let (from, to) = match side {
            Side::Client => (&mut client, &mut server),
            Side::Server => (&mut server, &mut client),
        };
        // Every third turn is cut inside a frame.
        let cut = if turn % 3 == 2 { 17 } else { all.len() };
        from.write_all(&all[..cut]).unwrap();
        if cut < all.len() {
            sleep(Duration::from_millis(20));
            from.write_all(&all[cut..]).unwrap();
        }
        let mut heard = vec![0; all.len()];
        to.read_exact(&mut heard).unwrap();
        assert_eq!(heard, all);
    }
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    // The kernel hands captured packets over in batches.
    sleep(Duration::from_millis(1500));
    run(Command::new("kill").args(["-INT", &tcpdump.id().to_string()]));
    assert!(tcpdump.wait().unwrap().success());
    port
}

/// tcpdump, already listening. It writes to its stdout: a file it opened itself would belong to the user it
/// changes to.
fn start_tcpdump(pcap: &Path, port: u16) -> Child {
    let mut tcpdump = Command::new("tcpdump")
        .args(["-i", "lo", "-s", "0", "-U", "-w", "-", "tcp", "port", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(File::create(pcap).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcpdump is installed");
    let mut said = BufReader::new(tcpdump.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "tcpdump ended before it listened: no right to capture?");
    }
    // Keeps the pipe open, so that tcpdump's closing summary is no broken pipe.
    tcpdump.stderr = Some(said.into_inner());
    tcpdump
}

// --- Readers -----------------------------------------------------------------------------------------------

fn tshark(capture: &Path, options: &[&str], export: &Path) {
    let done = Command::new("tshark")
        .args(["-n", "-r"])
        .arg(capture)
        .args(options)
        .stdin(Stdio::null())
        .stdout(File::create(export).unwrap())
        .stderr(Stdio::null())
        .status()
        .expect("tshark is installed");
    assert!(done.success(), "tshark {options:?}");
}

fn unpacked(capture: &Path, port: u16) -> Vec<Row> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/unpack_frames.py");
    let printed =
        output(Command::new("python3").arg(script).arg(capture).args([port.to_string(), CAPACITY.to_string()]));
    csv(&printed).into_iter().map(|cells| row(&cells, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).collect()
}

fn decoded(file: &Path) -> Vec<Row> {
    table(&output(Command::new(env!("CARGO_BIN_EXE_decode")).args(["-T", "csv"]).arg(file)))
}

fn decoded_from_pipe(file: &Path) -> Vec<Row> {
    let input = File::open(file).unwrap();
    table(&output(Command::new(env!("CARGO_BIN_EXE_decode")).args(["-T", "csv", "-"]).stdin(input)))
}

/// Reads decode's CSV by its header row.
fn table(printed: &str) -> Vec<Row> {
    let mut lines = csv(printed).into_iter();
    let header = lines.next().expect("a header row");
    let columns = ["packet", "time", "from", "header", "pos", "payload", "seq", "sent_time", "ack", "prev_seq"]
        .map(|name| header.iter().position(|cell| cell == name).unwrap_or_else(|| panic!("no column {name}")));
    lines.map(|cells| row(&cells, columns)).collect()
}

fn row(cells: &[String], columns: [usize; 10]) -> Row {
    let [packet, time, from, header, pos, payload, seq, sent_time, ack, prev_seq] = columns.map(|at| &cells[at]);
    Row {
        packet: packet.parse().unwrap(),
        time: time.clone(),
        from: from.clone(),
        header: header.clone(),
        pos: pos.parse().unwrap(),
        payload: payload.clone(),
        seq: seq.parse().unwrap(),
        sent_time: sent_time.parse().unwrap(),
        ack: ack.clone(),
        prev_seq: prev_seq.parse().unwrap(),
    }
}

/// RFC 4180: cells in quotes may hold commas and newlines, and quotes doubled.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut cells, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut cells));
            }
            _ => cell.push(c),
        }
    }
    rows
}

fn run(command: &mut Command) {
    output(command);
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
