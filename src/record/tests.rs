use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::decode::Limits;
use crate::decode::capture::{Capture, CaptureLimits, Input};
use crate::decode::command::{self, Exit, Output, Pace, RowJob};
use crate::decode::framing::FramingOptions;
use crate::decode::print::{Form, Options};
use crate::decode::reading::{self, Reading};
use crate::decode::reassembly::{Chunk, Closing, ConnectionInfo, Hole, StreamLimits, StreamNote, StreamSink, Way};
use crate::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos};

const NOW: i64 = 1_795_356_624_000_000_001;

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(NOW + nanos)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What the decoder reads of one connection: client's bytes, server's bytes, how it ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Heard {
    ends: String,
    bytes: [Vec<u8>; 2],
    closing: Option<Closing>,
}

#[derive(Default)]
struct Ear {
    heard: BTreeMap<u32, Heard>,
}

impl StreamSink for Ear {
    type State = Heard;

    fn chunk(&mut self, _: &ConnectionInfo, heard: &mut Heard, way: Way, chunk: Chunk<'_>) {
        heard.bytes[way.index()].extend_from_slice(chunk.bytes);
    }

    fn hole(&mut self, _: &ConnectionInfo, _: &mut Heard, _: Way, hole: Hole) {
        panic!("a recording has no holes: {hole:?}");
    }

    fn note(&mut self, _: &ConnectionInfo, _: &mut Heard, _: Way, note: StreamNote) {
        panic!("nothing in a recording is odd: {note:?}");
    }

    fn closed(&mut self, connection: &ConnectionInfo, heard: &mut Heard, closing: Closing) {
        assert_eq!(connection.opener, Some(Way::Forth));
        let [client, server] = connection.ends;
        heard.ends = format!("{client} {server}");
        heard.closing = Some(closing);
        self.heard.insert(connection.id, heard.clone());
    }
}

/// Reads a capture to its end, which must be clean, by the decoder.
fn listen(bytes: &[u8]) -> (Vec<Heard>, Reading) {
    let reader = Box::new(io::Cursor::new(bytes.to_vec()));
    let mut capture = Capture::from_reader(reader, &CaptureLimits::default()).unwrap();
    let mut ear = Ear::default();
    let reading = reading::read(&mut capture, 0, StreamLimits::default(), &mut ear, |_, _| ControlFlow::Continue(()));
    assert!(reading.error.is_none(), "{:?}", reading.error);
    (ear.heard.into_values().collect(), reading)
}

fn in_memory(side: Side) -> Recorder<Vec<u8>> {
    Recorder::new(Vec::new(), Path::new("memory"), side).unwrap()
}

#[test]
fn every_call_leaves_a_capture_that_reads_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.pcapng");
    let mut recorder = Recorder::create(&path, Side::Client).unwrap();
    let packets = || listen(&std::fs::read(&path).unwrap()).1.intake.counts().tcp_packets;
    assert_eq!(packets(), 0);
    let connection = recorder.opened(socket("10.1.2.3:40000"), socket("10.9.8.7:55558"), at(0));
    assert_eq!(packets(), 3);
    recorder.wrote(&connection, b"question", at(1));
    assert_eq!(packets(), 4);
    recorder.read(&connection, &[1; 200_000], at(2));
    assert_eq!(packets(), 8);
    recorder.peer_finished(&connection, at(3));
    assert_eq!(packets(), 10);
    recorder.closed(connection, Ending::Closed, at(4));
    assert_eq!(packets(), 12);
    assert!(matches!(recorder.health(), Health::Complete { packets: 12 }));
    assert_eq!(recorder.announcement(), None);

    let (heard, reading) = listen(&std::fs::read(&path).unwrap());
    let bytes = [b"question".to_vec(), vec![1; 200_000]];
    let ends = "10.1.2.3:40000 10.9.8.7:55558".to_owned();
    assert_eq!(heard, [Heard { ends, bytes, closing: Some(Closing::Fin) }]);
    assert_eq!(reading.intake.counts().first_time, Some(at(0)));
    assert_eq!(reading.intake.counts().last_time, Some(at(4)));
}

#[test]
fn a_server_records_its_clients_as_the_ones_who_opened() {
    let mut recorder = in_memory(Side::Server);
    let one = recorder.opened(socket("[::1]:55558"), socket("[::1]:40001"), at(0));
    let two = recorder.opened(socket("[::1]:55558"), socket("[::1]:40002"), at(1));
    recorder.read(&two, b"from two", at(2));
    recorder.read(&one, b"from one", at(3));
    recorder.wrote(&two, b"to two", at(4));
    recorder.closed(two, Ending::ResetByPeer, at(5));
    // Takes the place of the one that is gone.
    let three = recorder.opened(socket("[::1]:55558"), socket("[::1]:40003"), at(6));
    recorder.wrote(&three, b"to three", at(7));
    recorder.closed(three, Ending::Unknown, at(8));
    recorder.closed(one, Ending::Reset, at(9));

    let heard = listen(recorder.tape_bytes()).0;
    let expected = |port: u16, client: &[u8], server: &[u8], closing| Heard {
        ends: format!("[::1]:{port} [::1]:55558"),
        bytes: [client.to_vec(), server.to_vec()],
        closing: Some(closing),
    };
    assert_eq!(
        heard,
        [
            expected(40001, b"from one", b"", Closing::Reset),
            expected(40002, b"from two", b"to two", Closing::Reset),
            expected(40003, b"", b"to three", Closing::CaptureEnded),
        ]
    );
}

#[test]
fn the_other_side_acknowledges_nothing_that_it_need_not_have_received() {
    let mut recorder = in_memory(Side::Client);
    let connection = recorder.opened(socket("127.0.0.1:40000"), socket("127.0.0.1:55558"), at(0));
    recorder.wrote(&connection, b"12345", at(1));
    recorder.read(&connection, b"123", at(2));
    recorder.wrote(&connection, b"1", at(3));
    let bytes = recorder.tape_bytes().to_vec();
    let mut capture = Capture::from_reader(Box::new(io::Cursor::new(bytes)), &CaptureLimits::default()).unwrap();
    let mut intake = crate::decode::intake::Intake::new(Default::default());
    let mut segments = Vec::new();
    while let Some(packet) = capture.next().unwrap() {
        let segment = intake.segment(&packet).unwrap();
        segments.push((segment.seq, segment.ack, segment.payload.len()));
    }
    let [_, (_, _, _), (client, server, _), written, read, answer] = segments[..] else { panic!("{segments:?}") };
    assert_eq!(written, (client, server, 5));
    assert_eq!(read, (server, client, 3));
    assert_eq!(answer, (client + 5, server + 3, 1));
}

#[test]
fn a_recorded_exchange_decodes_to_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exchange.pcapng");
    let p = MaxMsgSize::new(10).unwrap();
    let frame = |name, pos, payload, layout| {
        let mut bytes = Vec::new();
        Frame { name, pos: Pos(pos), payload, sent_time: 1.5, seq: pos, prev_seq: pos, ack: false }
            .emit(layout, &mut bytes)
            .unwrap();
        bytes
    };
    let layout = FrameLayout::new(p);
    let mut recorder = Recorder::create(&path, Side::Server).unwrap();
    let connection = recorder.opened(socket("127.0.0.1:55558"), socket("127.0.0.1:40000"), at(0));
    recorder.read(&connection, &frame(Name::GetMax, 0, b"", HANDSHAKE), at(1));
    recorder.wrote(&connection, &frame(Name::ReturnMax, 0, b"10", HANDSHAKE), at(2));
    recorder.read(&connection, &frame(Name::Msg, 1, b"hello", layout), at(3));
    recorder.wrote(&connection, &frame(Name::Ack, 0, b"1", layout), at(4));
    recorder.closed(connection, Ending::Closed, at(5));
    drop(recorder);

    let (mut out, mut log) = (Vec::new(), Vec::new());
    let output = Output::Rows(Form::Csv, Options::default());
    let (framing, limits) = (FramingOptions::default(), Limits::default());
    let job = RowJob { output, filter: None, count: None, framing, pace: Pace::Blocks, limits };
    let exit = command::rows(&[Input::Path(path)], job, &mut out, &mut log).unwrap();
    assert_eq!(exit, Exit::Done, "{}", String::from_utf8_lossy(&log));
    let text = String::from_utf8(out).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').take(7).collect()).collect();
    assert_eq!(rows.len(), 4, "{text}");
    assert_eq!(rows[2], ["6", "1795356624.000000004", "0", "client", "MSG", "1", "hello"]);
    assert_eq!(rows[3], ["7", "1795356624.000000005", "0", "server", "ACK", "0", "1"]);
}

/// A disk with room for so many bytes, which writes what fits.
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.room - self.bytes.len());
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl RecordingTarget for Disk {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.bytes.truncate(len as usize);
        Ok(())
    }
}

#[test]
fn on_a_full_disk_the_recording_ends_with_a_whole_packet_and_counts_what_is_missing() {
    let (mut complete, mut stopped) = (0, 0);
    for room in (400..300_000).step_by(1009) {
        let mut recorder =
            Recorder::new(Disk { bytes: Vec::new(), room }, Path::new("full.pcapng"), Side::Client).unwrap();
        let connection = recorder.opened(socket("127.0.0.1:1"), socket("127.0.0.1:2"), at(0));
        for i in 1..=20 {
            recorder.wrote(&connection, &[1; 500], at(i));
        }
        recorder.wrote(&connection, &[2; 250_000], at(30));
        recorder.closed(connection, Ending::Closed, at(40));
        let total = 3 + 20 + 4 + 1;
        let there = listen(&recorder.tape.target().bytes).1.intake.counts().tcp_packets;
        match recorder.health() {
            Health::Complete { packets } => {
                complete += 1;
                assert_eq!((packets, there), (total, total));
                assert_eq!(recorder.announcement(), None);
            }
            Health::Stopped { packets, missing, error, .. } => {
                stopped += 1;
                assert_eq!((packets, packets + missing), (there, total));
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                let words = recorder.health().to_string();
                assert!(words.starts_with("the recording full.pcapng is incomplete: it ends after"), "{words}");
                assert!(recorder.announcement().unwrap().starts_with("recording to full.pcapng stopped after "));
                assert_eq!(recorder.announcement(), None);
            }
        }
    }
    assert!(complete > 10 && stopped > 10, "{complete} {stopped}");
}

#[test]
fn a_recorder_can_be_shared_by_the_threads_of_a_server() {
    const fn shared<T: Send + 'static>() {}
    shared::<Recorder>();
    shared::<RecordedConnection>();
}

#[test]
fn a_recording_that_cannot_be_begun_says_where_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = Recorder::create(folder.path(), Side::Client) else { panic!("a folder is no file") };
    let words = error.to_string();
    assert!(words.starts_with(&format!("cannot record to {}: ", folder.path().display())), "{words}");
    if Path::new("/dev/full").exists() {
        assert!(Recorder::create(Path::new("/dev/full"), Side::Client).is_err());
    }
}

#[derive(Debug, Clone)]
enum Call {
    Wrote(u8, usize),
    Read(u8, usize),
    Ended(u8),
}

proptest! {
    #[test]
    fn whatever_goes_through_the_sockets_is_what_the_decoder_reads(
        calls in prop::collection::vec(
            (0_u8..4, 0_usize..5000, 0_u8..10).prop_map(|(who, len, what)| match what {
                0..5 => Call::Wrote(who, len),
                5..9 => Call::Read(who, len),
                _ => Call::Ended(who),
            }),
            0..60,
        ),
        server in any::<bool>(),
    ) {
        let side = if server { Side::Server } else { Side::Client };
        let mut recorder = in_memory(side);
        let open = |recorder: &mut Recorder<Vec<u8>>, port: u16| {
            recorder.opened(socket("192.168.0.1:55558"), SocketAddr::new([192, 168, 0, 2].into(), port), at(0))
        };
        let mut open_now: Vec<_> = (0..4).map(|i| (open(&mut recorder, 1000 + i), i as usize)).collect();
        let mut expected: Vec<[Vec<u8>; 2]> = vec![Default::default(); 4];
        for (i, call) in calls.into_iter().enumerate() {
            let now = at(i as i64);
            let bytes = |len| vec![i as u8; len];
            let (own, other) = if server { (1, 0) } else { (0, 1) };
            match call {
                Call::Wrote(who, len) => {
                    let (connection, id) = &open_now[who as usize];
                    recorder.wrote(connection, &bytes(len), now);
                    expected[*id][own].extend(bytes(len));
                }
                Call::Read(who, len) => {
                    let (connection, id) = &open_now[who as usize];
                    recorder.read(connection, &bytes(len), now);
                    expected[*id][other].extend(bytes(len));
                }
                Call::Ended(who) => {
                    let id = expected.len();
                    expected.push(Default::default());
                    let new = (open(&mut recorder, 1000 + id as u16), id);
                    let (old, _) = std::mem::replace(&mut open_now[who as usize], new);
                    recorder.peer_finished(&old, now);
                    recorder.closed(old, Ending::Closed, now);
                }
            }
        }
        let heard = listen(recorder.tape_bytes()).0;
        prop_assert_eq!(heard.into_iter().map(|heard| heard.bytes).collect::<Vec<_>>(), expected);
    }
}

impl Recorder<Vec<u8>> {
    fn tape_bytes(&mut self) -> &[u8] {
        self.tape.target()
    }
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {words}");
    String::from_utf8(output.stdout).unwrap()
}

const CHECKS: [&str; 4] = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];

fn tshark(path: &Path, args: &[&str]) -> String {
    run("tshark", &[&["-r", path.to_str().unwrap()], &CHECKS[..], args].concat())
}

/// The bytes of both directions that tshark follows: client's, server's.
fn followed(path: &Path, stream: usize) -> [Vec<u8>; 2] {
    let text = tshark(path, &["-q", "-z", &format!("follow,tcp,raw,{stream}")]);
    let mut bytes: [Vec<u8>; 2] = Default::default();
    for line in text.lines() {
        let (way, hex) = line.strip_prefix('\t').map_or((0, line), |hex| (1, hex));
        if !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
            bytes[way].extend((0..hex.len()).step_by(2).map(byte));
        }
    }
    bytes
}

/// A client's or a server's recording of four connections, IPv4 and IPv6, each with its own end; and their streams.
fn recorded(path: &Path, side: Side) -> Vec<[Vec<u8>; 2]> {
    let mut recorder = Recorder::create(path, side).unwrap();
    let mut streams = Vec::new();
    let endings = [Ending::Closed, Ending::ResetByPeer, Ending::Reset, Ending::Unknown];
    for (i, ending) in endings.into_iter().enumerate() {
        let (local, peer) = match i % 2 {
            0 => (format!("127.0.0.1:{}", 40000 + i), "127.0.0.1:55558".to_owned()),
            _ => (format!("[fd00::1]:{}", 40000 + i), "[fd00::2]:55558".to_owned()),
        };
        let connection = recorder.opened(socket(&local), socket(&peer), at(i as i64 * 1_000_000));
        let written = vec![b'w'; 100_000 * i + 44];
        let read = vec![b'r'; 70_001];
        for (k, piece) in written.chunks(30_000).enumerate() {
            recorder.wrote(&connection, piece, at(i as i64 * 1_000_000 + 1000 * k as i64 + 1));
        }
        for (k, piece) in read.chunks(30_000).enumerate() {
            recorder.read(&connection, piece, at(i as i64 * 1_000_000 + 1000 * k as i64 + 500_000));
        }
        recorder.wrote(&connection, b"last", at(i as i64 * 1_000_000 + 600_000));
        if ending == Ending::Closed {
            recorder.peer_finished(&connection, at(i as i64 * 1_000_000 + 700_000));
        }
        recorder.closed(connection, ending, at(i as i64 * 1_000_000 + 800_000));
        let written = [written, b"last".to_vec()].concat();
        streams.push(match side {
            Side::Client => [written, read],
            Side::Server => [read, written],
        });
    }
    streams
}

#[test]
#[ignore = "needs tshark"]
fn wireshark_has_nothing_to_remark_and_follows_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for side in [Side::Client, Side::Server] {
        let path = folder.path().join(format!("{side}.pcapng"));
        for (stream, expected) in recorded(&path, side).into_iter().enumerate() {
            assert!(followed(&path, stream) == expected, "{side} {stream}");
        }
        // What every connection's end is to Wireshark, and nothing else.
        let ends = ["Connection reset (RST)", "initiates the connection closing", "undergoes the connection closing"];
        let remarks = tshark(&path, &["-q", "-z", "expert,note"]);
        let others = |line: &&str| line.contains("  ") && !line.contains("Frequency");
        let remarks: Vec<&str> = remarks.lines().filter(others).collect();
        assert_eq!(remarks.len(), 3, "{remarks:?}");
        assert!(remarks.iter().zip(ends).all(|(line, end)| line.ends_with(end)), "{remarks:?}");
        let packets = tshark(&path, &[]).lines().count();
        let good = tshark(&path, &["-Y", "tcp.checksum.status == 1 && (ipv6 || ip.checksum.status == 1)"]);
        assert_eq!(good.lines().count(), packets);
        let facts = run("capinfos", &["-k", path.to_str().unwrap()]);
        assert!(facts.contains(&format!("Recorded at the socket of the {side}")), "{facts}");
    }
}
