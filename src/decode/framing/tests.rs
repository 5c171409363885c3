//! Framing against exchanges built by hand, whole, cut, torn and in mid-stream.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::decode::Endpoint;
use crate::decode::reassembly::{HoleCause, Waiting};
use crate::time::Timestamp;
use crate::wire::{Frame, FrameLayout, FrameView, MaxMsgSize, Name, Pos, Side};

/// A frame as it came out: who, packets, offset, bytes with what is missing.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    from: Side,
    packet: u64,
    first_packet: u64,
    offset: u64,
    header: Vec<u8>,
    payload: Vec<u8>,
    seq: i32,
    pos: i32,
    missing: Vec<std::ops::Range<usize>>,
    size: u16,
}

#[derive(Default)]
struct Collect {
    frames: Vec<Seen>,
    notes: Vec<FramingNote>,
    capacity: Option<Capacity>,
    holes: usize,
    unseen: usize,
    /// Frames given when the sink was last told of unseen bytes.
    unseen_before: usize,
}

impl FrameSink for Collect {
    type State = ();

    fn frame(&mut self, connection: &FramedConnection<'_>, (): &mut (), located: &LocatedFrame<'_>) {
        self.capacity = Some(*connection.capacity);
        let view = located.frame.view();
        self.frames.push(Seen {
            from: located.from,
            packet: located.packet,
            first_packet: located.first_packet,
            offset: located.offset,
            header: view.header_text().to_vec(),
            payload: view.payload().to_vec(),
            seq: view.seq(),
            pos: view.pos().0,
            missing: located.frame.missing().to_vec(),
            size: view.layout().max_msg_size().get(),
        });
    }

    fn hole(&mut self, _: &FramedConnection<'_>, (): &mut (), _: Side, _: &Hole) {
        self.holes += 1;
    }

    fn unseen(&mut self, _: &FramedConnection<'_>, (): &mut (), from: Side, up_to: u64) {
        assert!(from == Side::Client || up_to == u64::MAX);
        self.unseen += 1;
        self.unseen_before = self.frames.len();
    }

    fn note(&mut self, _: &ConnectionInfo, (): &mut (), note: FramingNote) {
        self.notes.push(note);
    }
}

fn connection(start: Start) -> ConnectionInfo {
    let end = |port| Endpoint { addr: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
    ConnectionInfo {
        id: 0,
        ends: [end(40000), end(55558)],
        opener: (start == Start::Syn).then_some(Way::Forth),
        start: [start; 2],
        first_packet: 1,
        first_time: None,
        last_packet: 1,
        last_time: None,
        packets: [0; 2],
        fin: [false; 2],
        reset: [false; 2],
    }
}

/// Feeds pieces of both directions to a framing and returns what came out.
struct Bench {
    info: ConnectionInfo,
    state: FramingState<()>,
    framing: Framing<Collect>,
    next: [u64; 2],
    packet: u64,
}

impl Bench {
    fn new(start: Start) -> Self {
        Self::with(start, FramingOptions::default())
    }

    fn with(start: Start, options: FramingOptions) -> Self {
        let framing = Framing::new(options, Collect::default());
        Self { info: connection(start), state: FramingState::default(), framing, next: [0; 2], packet: 0 }
    }

    fn send(&mut self, way: Way, bytes: &[u8]) {
        self.packet += 1;
        let chunk = Chunk { offset: self.next[way.index()], bytes, packet: self.packet, time: None };
        self.next[way.index()] += bytes.len() as u64;
        self.framing.chunk(&self.info, &mut self.state, way, chunk);
        self.framing.settled(&self.info, &mut self.state, Waiting::default());
    }

    fn lose(&mut self, way: Way, len: u64) {
        let offset = self.next[way.index()];
        self.next[way.index()] += len;
        let hole = Hole { offset, len, cause: HoleCause::NotCaptured, packet: self.packet, time: None };
        self.framing.hole(&self.info, &mut self.state, way, hole);
        self.framing.settled(&self.info, &mut self.state, Waiting::default());
    }

    fn finish(mut self) -> Collect {
        self.framing.closed(&self.info, &mut self.state, Closing::CaptureEnded);
        self.framing.sink
    }
}

const HELD: Waiting = Waiting { held: [44, 0], owed: [None; 2] };

const T: f64 = 1_736_219_082.582_655_4;

fn layout(p: u16) -> FrameLayout {
    FrameLayout::new(MaxMsgSize::new(p).unwrap())
}

fn bytes(frame: &Frame<'_>, p: u16) -> Vec<u8> {
    let mut out = Vec::new();
    frame.emit(layout(p), &mut out).unwrap();
    out
}

fn get_max() -> Vec<u8> {
    bytes(&Frame::from_client(Name::GetMax, b"", Pos(0), T), 4)
}

fn return_max(p: u16) -> Vec<u8> {
    bytes(&Frame::from_server(Name::ReturnMax, p.to_string().as_bytes(), T), 4)
}

fn msg(p: u16, pos: i32, payload: &[u8]) -> Vec<u8> {
    bytes(&Frame::from_client(Name::Msg, payload, Pos(pos), T + f64::from(pos)), p)
}

fn ack(p: u16, n: i32) -> Vec<u8> {
    bytes(&Frame::from_server(Name::Ack, n.to_string().as_bytes(), T + f64::from(n)), p)
}

fn names(out: &Collect) -> Vec<(Side, String, i32)> {
    out.frames.iter().map(|f| (f.from, String::from_utf8_lossy(&f.header).into_owned(), f.pos)).collect()
}

#[test]
fn a_handshake_gives_p_and_every_frame_follows() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(17));
    bench.send(Way::Forth, &[msg(17, 1, &[b'a'; 17]), msg(17, 2, b"bc")].concat());
    bench.send(Way::Back, &ack(17, 2));
    let out = bench.finish();
    let found: Vec<_> = out.frames.iter().map(|f| (f.header.as_slice(), f.pos, f.packet, f.offset, f.size)).collect();
    assert_eq!(
        found,
        [
            (&b"GET_MAX"[..], 0, 1, 0, 4),
            (b"RETURN_MAX", 0, 2, 0, 4),
            (b"MSG", 1, 3, 44, 17),
            (b"MSG", 2, 3, 96, 17),
            (b"ACK", 0, 4, 44, 17)
        ]
    );
    assert_eq!(out.capacity.unwrap().to_string(), "17 (from RETURN_MAX)");
    assert!(out.notes.is_empty(), "{:?}", out.notes);
}

#[test]
fn one_client_frame_in_mid_stream_is_enough_to_read_it() {
    for p in [4, 6, 7, 10, 11, 600, 9999] {
        let mut bench = Bench::new(Start::MidStream);
        bench.send(Way::Forth, &msg(p, 3, b"abc"));
        let out = bench.finish();
        assert_eq!(out.frames.len(), 1, "P = {p}");
        assert_eq!(
            (out.frames[0].seq, out.frames[0].pos, out.frames[0].payload.as_slice()),
            (3, 3, &b"abc"[..]),
            "P = {p}"
        );
        let capacity = out.capacity.unwrap();
        assert!(capacity.min().get() <= p && p <= capacity.max().get(), "P = {p}: {capacity}");
    }
}

#[test]
fn a_slice_with_a_later_one_behind_it_is_full_and_gives_p() {
    for p in [4, 5, 9, 10, 11, 12, 700] {
        let mut bench = Bench::new(Start::MidStream);
        bench.send(Way::Forth, &msg(p, 5, &vec![b'x'; usize::from(p)]));
        bench.send(Way::Forth, &msg(p, 6, b"y"));
        let out = bench.finish();
        assert_eq!(out.capacity.unwrap().to_string(), format!("{p} (inferred from a full payload)"));
    }
}

#[test]
fn server_frames_alone_leave_p_an_interval_but_read_right() {
    let mut bench = Bench::new(Start::MidStream);
    bench.send(Way::Forth, &ack(9, 4));
    bench.send(Way::Forth, &ack(9, 5));
    let out = bench.finish();
    assert_eq!(names(&out), [(Side::Server, "ACK".into(), 0), (Side::Server, "ACK".into(), 0)]);
    let capacity = out.capacity.unwrap();
    assert_eq!((capacity.min().get(), capacity.max().get()), (4, 10));
    assert_eq!(out.frames[1].payload, b"5");
}

#[test]
fn client_frames_after_server_frames_pin_the_place_of_seq() {
    let mut bench = Bench::new(Start::MidStream);
    bench.send(Way::Back, &ack(5, 4));
    bench.send(Way::Forth, &msg(5, 5, b"deeee"));
    let out = bench.finish();
    assert_eq!((out.frames[1].seq, out.frames[1].payload.as_slice()), (5, &b"deeee"[..]));
    assert_eq!(out.capacity.unwrap().max().get(), 6);
}

#[test]
fn an_ack_number_that_fills_the_payload_is_not_taken_for_seq() {
    let mut bench = Bench::new(Start::MidStream);
    bench.send(Way::Back, &ack(10, 1_000_000));
    bench.send(Way::Back, &ack(10, 1_000_001));
    let out = bench.finish();
    assert_eq!(out.frames[1].payload, b"1000001");
    assert_eq!(out.frames[1].seq, 0);
}

#[test]
fn disconnect_text_that_reaches_the_place_of_seq_is_not_taken_for_it() {
    // P = 7 leaves one letter, P = 8 two, where seq of P = 4 to 6 stands: small numbers, if they were numbers.
    for p in 4..40 {
        let text = b"approving client disconnection";
        let text = &text[..text.len().min(p.into())];
        let mut bench = Bench::new(Start::MidStream);
        bench.send(Way::Back, &ack(p, 9));
        bench.send(Way::Back, &bytes(&Frame::from_server(Name::Disconnect, text, T), p));
        bench.send(Way::Forth, &msg(p, 10, b"x"));
        let out = bench.finish();
        assert_eq!((out.frames[1].payload.as_slice(), out.frames[1].seq), (text, 0), "P = {p}");
        assert_eq!((out.frames[2].payload.as_slice(), out.frames[2].seq), (&b"x"[..], 10), "P = {p}");
        let capacity = out.capacity.unwrap();
        assert!(capacity.min().get() <= p && p <= capacity.max().get(), "P = {p}: {capacity}");
    }
}

#[test]
fn two_weak_frames_among_many_misfits_do_not_make_a_connection_ours() {
    // Real names, strewn over other bytes: some pair of them agrees on a grid by chance.
    let mut bench = Bench::new(Start::MidStream);
    for i in 0..3000_usize {
        bench.send(Way::Forth, b"MSG\0\0\0\0\0\0\0");
        bench.send(Way::Forth, &vec![b'x'; (i * i * 7 + i * 13) % 50]);
    }
    assert!(bench.finish().frames.is_empty());
}

/// What it costs is the point: looking at everything again with each segment takes minutes here.
#[test]
fn a_header_before_many_tiny_segments_is_not_searched_again_with_each() {
    let mut bench = Bench::new(Start::MidStream);
    bench.send(Way::Forth, b"MSG\0\0\0\0\0\0\0");
    (0..300_000).for_each(|_| bench.send(Way::Forth, b"a"));
    assert!(bench.finish().frames.is_empty());
}

/// As above: each unknown name used to look at the rest of its segment.
#[test]
fn unknown_names_in_long_segments_are_not_searched_to_the_end_each() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(4));
    let strange: Vec<u8> = [&b"MSG\0\0\0\0\0\0\0"[..], b"zzzz"].concat().repeat(4600);
    (0..60).for_each(|_| bench.send(Way::Forth, &strange));
    assert_eq!(bench.finish().frames.len(), 2 + (60 * strange.len()).div_ceil(44));
}

#[test]
fn a_snap_length_that_cuts_every_frame_leaves_the_handshake_to_know_the_connection_by() {
    let snapped = |kept: usize| {
        let mut bench = Bench::new(Start::Syn);
        let frames = [(Way::Forth, get_max()), (Way::Back, return_max(100)), (Way::Forth, msg(100, 1, b"x"))];
        for (way, frame) in frames.into_iter().chain([(Way::Back, ack(100, 1)), (Way::Forth, msg(100, 2, b"y"))]) {
            let kept = kept.min(frame.len());
            bench.send(way, &frame[..kept]);
            if kept < frame.len() {
                bench.lose(way, (frame.len() - kept) as u64);
            }
        }
        bench.finish()
    };
    for kept in [14, 20, 30, 43] {
        let out = snapped(kept);
        assert_eq!(out.capacity.unwrap().to_string(), "100 (from RETURN_MAX)", "{kept} bytes");
        let found: Vec<_> = out.frames.iter().map(|f| (f.header.as_slice(), f.offset)).collect();
        let len = layout(100).len() as u64;
        let expected = [(&b"GET_MAX"[..], 0), (b"RETURN_MAX", 0), (b"MSG", 44), (b"ACK", 44), (b"MSG", 44 + len)];
        assert_eq!(found, expected, "{kept} bytes");
        assert!(out.frames.iter().all(|f| !f.missing.is_empty()));
    }
    // `10` of `100` is another number.
    assert_ne!(snapped(12).capacity.unwrap().max().get(), 10);
}

#[test]
fn the_head_of_a_cut_frame_is_no_full_payload() {
    // Without RETURN_MAX nothing tells P: DONE's head is as long as a frame with P = 4, whose numbers would be zeros.
    let done = bytes(&Frame::from_client(Name::Done, b"EOMsg", Pos(1), T), 300);
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.lose(Way::Back, 44);
    bench.send(Way::Forth, &done[..66]);
    bench.lose(Way::Forth, done.len() as u64 - 66);
    let capacity = bench.finish().capacity.unwrap();
    assert!(capacity.is_unknown(), "{capacity}");

    // A DONE that is one cuts its text after P bytes.
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.lose(Way::Back, 44);
    bench.send(Way::Forth, &bytes(&Frame::from_client(Name::Done, b"EOMs", Pos(1), T), 4));
    assert_eq!(bench.finish().capacity.unwrap().to_string(), "4 (inferred from a full payload)");
}

#[test]
fn an_unknown_name_on_the_grid_is_a_frame_and_not_dropped() {
    let mut odd = msg(10, 2, b"?");
    odd[..10].copy_from_slice(b"HELLO\x1b[2J\0");
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(10));
    bench.send(Way::Forth, &[msg(10, 1, b"0123456789"), odd, msg(10, 3, b"x")].concat());
    let out = bench.finish();
    assert_eq!(out.frames[3].header, b"HELLO\x1b[2J");
    assert_eq!(out.frames[4].pos, 3);
    assert_eq!(out.frames.len(), 5);
}

#[test]
fn the_grid_goes_on_behind_a_hole_and_the_cut_frames_show_what_was_captured() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(10));
    let stream: Vec<u8> = (1..=6).flat_map(|pos| msg(10, pos, b"0123456789")).collect();
    bench.send(Way::Forth, &stream[..50]);
    bench.lose(Way::Forth, 100);
    bench.send(Way::Forth, &stream[150..]);
    let out = bench.finish();
    let shapes: Vec<_> = out.frames[2..].iter().map(|f| (f.offset, f.missing.clone())).collect();
    let whole = |offset| (offset, Vec::new());
    let cut = |offset, missing: std::ops::Range<usize>| (offset, Vec::from([missing]));
    assert_eq!(shapes, [whole(44), cut(88, 6..44), cut(176, 0..18), whole(220), whole(264)]);
    assert_eq!(out.frames[4].pos, 4, "the tail of a frame still tells its position");
    assert_eq!(out.holes, 1);
}

#[test]
fn a_stream_that_begins_inside_a_frame_shows_that_frames_tail() {
    let stream: Vec<u8> = (1..=4).flat_map(|pos| msg(20, pos, &[b'm'; 20])).collect();
    let mut bench = Bench::new(Start::MidStream);
    bench.send(Way::Forth, &stream[30..]);
    let out = bench.finish();
    assert_eq!(out.frames.iter().map(|f| f.pos).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(out.frames[0].missing.first(), Some(&(0..30)));
    assert_eq!(out.frames[1].offset, 60 - 30);
}

#[test]
fn frames_of_another_length_than_announced_are_followed_and_said() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(10));
    for pos in 1..=4 {
        bench.send(Way::Forth, &msg(20, pos, &[b'm'; 20]));
    }
    let out = bench.finish();
    assert_eq!(
        out.frames[2..].iter().map(|f| (f.pos, f.payload.len())).collect::<Vec<_>>(),
        [(1, 20), (2, 20), (3, 20), (4, 20)]
    );
    assert!(matches!(out.notes[..], [FramingNote::Regridded { from: Side::Client, .. }]), "{:?}", out.notes);
}

#[test]
fn a_second_handshake_in_mid_exchange_does_not_break_the_grid() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(30));
    bench.send(Way::Forth, &[msg(30, 1, &[b'x'; 30]), get_max(), msg(30, 2, b"z")].concat());
    bench.send(Way::Back, &[return_max(30), ack(30, 1)].concat());
    let out = bench.finish();
    let names: Vec<_> = out.frames.iter().map(|f| String::from_utf8_lossy(&f.header).into_owned()).collect();
    assert_eq!(names, ["GET_MAX", "RETURN_MAX", "MSG", "GET_MAX", "MSG", "RETURN_MAX", "ACK"]);
    assert_eq!(out.notes.len(), 2);
}

#[test]
fn rows_of_one_connection_stay_in_packet_order_and_each_side_in_the_order_of_its_bytes() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(10));
    // The client's frames 1 and 2 stand in packets 6 and 4: the second waits for the first.
    let (info, state) = (&bench.info, &mut bench.state);
    bench.framing.settled(info, state, HELD);
    bench.packet = 4;
    bench.send_held(Way::Back, &ack(10, 1));
    fn chunk(offset: u64, bytes: &[u8], packet: u64) -> Chunk<'_> {
        Chunk { offset, bytes, packet, time: None }
    }
    bench.framing.chunk(&bench.info, &mut bench.state, Way::Forth, chunk(44, &msg(10, 1, b"0123456789"), 6));
    bench.framing.chunk(&bench.info, &mut bench.state, Way::Forth, chunk(88, &msg(10, 2, b"x"), 4));
    bench.framing.settled(&bench.info, &mut bench.state, Waiting::default());
    let out = bench.finish();
    assert_eq!(
        out.frames.iter().map(|f| (f.packet, f.pos)).collect::<Vec<_>>(),
        [(1, 0), (2, 0), (5, 0), (6, 1), (4, 2)]
    );
}

impl Bench {
    /// A server's segment that acknowledges the client's bytes up to stream offset `up_to`.
    fn answer(&mut self, bytes: &[u8], up_to: u64, waiting: Waiting) {
        self.packet += 1;
        self.framing.owed(&self.info, &mut self.state, Way::Forth, up_to);
        let chunk = Chunk { offset: self.next[1], bytes, packet: self.packet, time: None };
        self.next[1] += bytes.len() as u64;
        self.framing.chunk(&self.info, &mut self.state, Way::Back, chunk);
        self.framing.settled(&self.info, &mut self.state, waiting);
    }

    fn send_held(&mut self, way: Way, bytes: &[u8]) {
        self.packet += 1;
        let chunk = Chunk { offset: self.next[way.index()], bytes, packet: self.packet, time: None };
        self.next[way.index()] += bytes.len() as u64;
        self.framing.chunk(&self.info, &mut self.state, way, chunk);
        self.framing.settled(&self.info, &mut self.state, HELD);
    }
}

#[test]
fn an_answer_to_bytes_that_were_not_captured_waits_and_is_then_said_to_be_one() {
    const OWED: Waiting = Waiting { held: [0; 2], owed: [Some(u64::MAX), None] };
    // The data comes a packet later: the rows are put in packet order, and nothing is unseen.
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(10));
    bench.answer(&ack(10, 1), 88, OWED);
    assert_eq!(bench.framing.sink.frames.len(), 2);
    bench.send(Way::Forth, &msg(10, 1, b"x"));
    assert_eq!((bench.framing.sink.frames.len(), bench.framing.sink.unseen), (4, 0));
    // It never comes: after some packets the answer is shown, and the sink told before it.
    bench.answer(&ack(10, 2), 132, OWED);
    for _ in 0..PATIENCE {
        bench.framing.settled(&bench.info, &mut bench.state, OWED);
    }
    let sink = &bench.framing.sink;
    assert_eq!((sink.frames.len(), sink.unseen, sink.unseen_before), (5, 1, 4));
    // The next such answer does not wait again.
    bench.answer(&ack(10, 3), 176, OWED);
    let sink = &bench.framing.sink;
    assert_eq!((sink.frames.len(), sink.unseen, sink.unseen_before), (6, 2, 5));
}

#[test]
fn a_clock_that_steps_back_before_the_connection_is_known_does_not_change_the_order() {
    // The second frame settles that the connection is ours; and in mid-stream the third, of which the first is not whole.
    for (start, frames) in [
        (Start::Syn, [(Way::Forth, get_max()), (Way::Back, return_max(10)), (Way::Forth, msg(10, 1, b"x"))]),
        (
            Start::MidStream,
            [(Way::Back, ack(10, 4)), (Way::Forth, msg(10, 5, b"x")[9..].to_vec()), (Way::Forth, msg(10, 6, b"y"))],
        ),
    ] {
        let mut bench = Bench::new(start);
        for (nanos, (way, bytes)) in [3_000_000, 2_500_000, 2_600_000].into_iter().zip(&frames) {
            bench.packet += 1;
            bench.info.last_packet = bench.packet;
            let time = Some(Timestamp::from_nanos(nanos));
            let chunk = Chunk { offset: bench.next[way.index()], bytes, packet: bench.packet, time };
            bench.next[way.index()] += bytes.len() as u64;
            bench.framing.chunk(&bench.info, &mut bench.state, *way, chunk);
            bench.framing.settled(&bench.info, &mut bench.state, Waiting::default());
        }
        let packets: Vec<_> = bench.finish().frames.iter().map(|frame| frame.packet).collect();
        assert_eq!(packets, [1, 2, 3], "{start:?}");
    }
}

#[test]
fn waiting_ends_at_the_limit_and_says_so() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    bench.send(Way::Back, &return_max(10));
    bench.framing.settled(&bench.info, &mut bench.state, HELD);
    for n in 1..=70 {
        bench.send_held(Way::Back, &ack(10, n));
    }
    assert!(bench.framing.sink.frames.len() > 60);
    assert!(matches!(bench.framing.sink.notes[0], FramingNote::HoldLimit { .. }));
    // Of both sides, and before any of what waited.
    assert_eq!((bench.framing.sink.unseen, bench.framing.sink.unseen_before), (2, 2));
    assert_eq!(bench.finish().frames.len(), 72);
}

#[test]
fn a_declared_p_wins_and_a_port_leaves_the_others_out() {
    let options = FramingOptions { max_msg_size: MaxMsgSize::new(10), ..Default::default() };
    let mut bench = Bench::with(Start::MidStream, options);
    bench.send(Way::Forth, &msg(8, 1, b"12345678"));
    let out = bench.finish();
    assert_eq!(out.capacity.unwrap().to_string(), "10 (given by --max-msg-size)");
    assert_eq!(out.frames[0].payload, b"12345678");

    let mut bench = Bench::with(Start::MidStream, FramingOptions { port: Some(1), ..Default::default() });
    bench.send(Way::Forth, &msg(8, 1, b"12345678"));
    bench.framing.closed(&bench.info, &mut bench.state, Closing::Fin);
    assert_eq!((bench.framing.counts().filtered, bench.framing.counts().frames), (1, 0));
}

#[test]
fn a_payload_full_of_frames_does_not_mislead_the_search() {
    // A slice that ends in NUL could not be carried.
    let inner: Vec<u8> = (1..=3).flat_map(|pos| msg(10, pos, b"0123456789")).chain(*b"!").collect();
    let p = u16::try_from(inner.len()).unwrap();
    let mut bench = Bench::new(Start::MidStream);
    bench.send(Way::Forth, &(7..=9).flat_map(|pos| msg(p, pos, &inner)).collect::<Vec<_>>());
    let out = bench.finish();
    assert_eq!(out.frames.iter().map(|f| f.pos).collect::<Vec<_>>(), [7, 8, 9]);
    assert_eq!(out.frames[0].payload, inner);
}

#[test]
fn a_lone_get_max_is_shown_when_nothing_more_comes() {
    let mut bench = Bench::new(Start::Syn);
    bench.send(Way::Forth, &get_max());
    assert_eq!(names(&bench.finish()), [(Side::Client, "GET_MAX".into(), 0)]);
}

#[test]
fn the_five_traces_come_out_frame_by_frame_with_the_right_p() {
    let expected = [
        "4 (inferred from a full payload)",
        "4 (inferred from a full payload)",
        "4 (inferred from a full payload)",
        "5 (inferred from a full payload)",
        "10 (inferred from a full payload)",
    ];
    for (run, expected) in (1..).zip(expected) {
        let path = format!("{}/tests/data/traces/run{run}.tsv", env!("CARGO_MANIFEST_DIR"));
        let table = std::fs::read_to_string(path).unwrap();
        let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
        let mut bench = Bench::new(Start::MidStream);
        let mut base = [None; 2];
        for row in &rows {
            let way = if row[1] == "client" { Way::Forth } else { Way::Back };
            let seq: u64 = row[0].parse().unwrap();
            bench.next[way.index()] = seq - *base[way.index()].get_or_insert(seq);
            let frame: Vec<u8> =
                (0..row[2].len()).step_by(2).map(|i| u8::from_str_radix(&row[2][i..i + 2], 16).unwrap()).collect();
            bench.send(way, &frame);
        }
        let out = bench.finish();
        let found: Vec<_> = out
            .frames
            .iter()
            .map(|f| {
                vec![
                    f.from.to_string(),
                    String::from_utf8(f.header.clone()).unwrap(),
                    String::from_utf8(f.payload.clone()).unwrap(),
                    f.seq.to_string(),
                    f.pos.to_string(),
                ]
            })
            .collect();
        let wanted: Vec<_> = rows.iter().map(|r| [1, 3, 4, 5, 8].map(|i| r[i].to_owned()).to_vec()).collect();
        assert_eq!(found, wanted, "run {run}");
        assert_eq!(out.capacity.unwrap().to_string(), expected, "run {run}");
        assert!(out.notes.is_empty(), "run {run}: {:?}", out.notes);
    }
}

/// A message's frames in both directions, in an order that could be.
fn exchange(p: u16, slices: i32) -> [Vec<u8>; 2] {
    let client = [get_max()]
        .into_iter()
        .chain((1..=slices).map(|pos| msg(p, pos, &vec![b'a' + (pos % 26) as u8; usize::from(p)])));
    let server = [return_max(p)].into_iter().chain((1..=slices).map(|n| ack(p.max(4), n)));
    [client.flatten().collect(), server.flatten().collect()]
}

proptest! {
    #[test]
    fn wherever_tcp_cuts_the_streams_the_frames_are_the_same(
        p in 4_u16..=40, slices in 1_i32..30,
        cuts in proptest::collection::vec((any::<bool>(), 1_usize..200), 1..60),
    ) {
        let streams = exchange(p, slices);
        let mut bench = Bench::new(Start::Syn);
        for (forth, len) in cuts.into_iter().chain([(true, usize::MAX), (false, usize::MAX)]) {
            let way = if forth { Way::Forth } else { Way::Back };
            let at = bench.next[way.index()] as usize;
            let rest = &streams[way.index()][at..];
            if !rest.is_empty() { bench.send(way, &rest[..len.min(rest.len())]); }
        }
        let out = bench.finish();
        prop_assert!(out.notes.is_empty(), "{:?}", out.notes);
        for (side, way) in [(Side::Client, Way::Forth), (Side::Server, Way::Back)] {
            let mut at = 0;
            for (k, frame) in out.frames.iter().filter(|f| f.from == side).enumerate() {
                let len = if k == 0 { 44 } else { layout(p).len() };
                let wanted = FrameView::new(&streams[way.index()][at..at + len], if k == 0 { layout(4) } else { layout(p) }).unwrap();
                prop_assert_eq!((frame.offset, frame.pos, &frame.payload[..]), (at as u64, wanted.pos().0, wanted.payload()));
                at += len;
            }
            prop_assert_eq!(at, streams[way.index()].len());
        }
    }

    #[test]
    fn no_whole_frame_outside_a_hole_is_lost_and_none_is_invented(
        p in 4_u16..=30, slices in 4_i32..30, cut in 1_usize..120,
        hole_at in 44_usize..900, hole_len in 1_usize..300,
    ) {
        let streams = exchange(p, slices);
        let client = &streams[0];
        let hole = hole_at.min(client.len())..(hole_at + hole_len).min(client.len());
        let mut bench = Bench::new(Start::Syn);
        bench.send(Way::Back, &streams[1]);
        for piece in client[..hole.start].chunks(cut) { bench.send(Way::Forth, piece); }
        if !hole.is_empty() { bench.lose(Way::Forth, hole.len() as u64); }
        for piece in client[hole.end..].chunks(cut) { bench.send(Way::Forth, piece); }
        let out = bench.finish();
        let len = layout(p).len();
        let mut whole = Vec::new();
        for k in 0..slices as usize {
            let at = 44 + k * len;
            if at + len <= hole.start || hole.end <= at { whole.push((at as u64, k as i32 + 1)); }
        }
        let found: Vec<_> = out.frames.iter().filter(|f| f.from == Side::Client && f.missing.is_empty() && f.header == b"MSG").map(|f| (f.offset, f.pos)).collect();
        prop_assert_eq!(found, whole);
    }

    #[test]
    fn a_stream_joined_anywhere_gives_its_whole_frames(p in 4_u16..=200, slices in 3_i32..20, from in 44_usize..700) {
        let client = &exchange(p, slices)[0];
        let len = layout(p).len();
        let from = from.min(client.len() - 2 * len);
        let mut bench = Bench::new(Start::MidStream);
        bench.send(Way::Forth, &client[from..]);
        let out = bench.finish();
        let first = (from - 44).div_ceil(len);
        let found: Vec<_> = out.frames.iter().filter(|f| f.missing.is_empty()).map(|f| f.pos).collect();
        let wanted: Vec<_> = (first as i32 + 1..=slices).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn wherever_a_capture_begins_and_tcp_cuts_both_streams_give_their_whole_frames(
        p in prop_oneof![4_u16..=40, 100_u16..=700], slices in 6_i32..20, from in (0_usize..2000, 0_usize..2000),
        cuts in proptest::collection::vec((any::<bool>(), 1_usize..300), 1..40), other_first: bool, fixed: bool,
    ) {
        let streams = exchange(p, slices);
        let len = layout(p).len();
        // Frames of the handshake have another length; at least three whole frames are left.
        let begin = [from.0, from.1].map(|from| 44 + from % (len * (slices as usize - 4)));
        let options = FramingOptions { max_msg_size: fixed.then(|| MaxMsgSize::new(p).unwrap()), ..FramingOptions::default() };
        let mut bench = Bench::with(Start::MidStream, options);
        let ends = if other_first { [(false, usize::MAX), (true, usize::MAX)] } else { [(true, usize::MAX), (false, usize::MAX)] };
        for (forth, cut) in cuts.into_iter().chain(ends) {
            let way = if forth { Way::Forth } else { Way::Back };
            let rest = &streams[way.index()][begin[way.index()] + bench.next[way.index()] as usize..];
            rest.chunks(cut).take(if cut == usize::MAX { 1 } else { 3 }).for_each(|piece| bench.send(way, piece));
        }
        let out = bench.finish();
        prop_assert!(!out.notes.iter().any(|note| matches!(note, FramingNote::Skipped { .. } | FramingNote::Regridded { .. })), "{:?}", out.notes);
        for (side, way) in [(Side::Client, Way::Forth), (Side::Server, Way::Back)] {
            let begin = begin[way.index()];
            let first = (begin - 44).div_ceil(len);
            let wanted: Vec<_> = (first..slices as usize).map(|k| (44 + k * len - begin) as u64).collect();
            let found: Vec<_> = out.frames.iter().filter(|f| f.from == side && f.missing.is_empty()).map(|f| f.offset).collect();
            prop_assert_eq!(found, wanted, "{:?}", side);
            // What stands before is the end of one frame.
            let cut: Vec<_> = out.frames.iter().filter(|f| f.from == side && !f.missing.is_empty()).map(|f| f.missing.clone()).collect();
            let missing = (begin - 44) % len;
            prop_assert_eq!(cut, if missing == 0 { vec![] } else { vec![vec![0..missing]] });
        }
        let packets: Vec<_> = out.frames.iter().map(|f| f.packet).collect();
        let held = out.notes.iter().any(|note| matches!(note, FramingNote::HoldLimit { .. }));
        prop_assert!(held || packets.is_sorted(), "{:?}", packets);
    }

    #[test]
    fn any_bytes_in_any_pieces_never_panic(
        pieces in proptest::collection::vec((any::<bool>(), 0_u8..4, proptest::collection::vec(any::<u8>(), 0..120), any::<u8>()), 0..40),
        syn: bool,
    ) {
        let mut bench = Bench::new(if syn { Start::Syn } else { Start::MidStream });
        for (forth, kind, junk, odd) in pieces {
            let way = if forth { Way::Forth } else { Way::Back };
            let known = [get_max(), return_max(20), msg(20, i32::from(odd), b"x"), ack(12, i32::from(odd))];
            match kind {
                0 => bench.lose(way, u64::from(odd) + 1),
                1 if !junk.is_empty() => bench.send(way, &junk),
                _ => {
                    let mut frame = known[usize::from(odd) % 4].clone();
                    let at = usize::from(odd) % frame.len();
                    if kind == 3 { frame[at] ^= odd; frame.truncate(at.max(1)); }
                    bench.send(way, &frame);
                }
            }
        }
        bench.finish();
    }

    #[test]
    fn random_bytes_and_text_are_not_taken_for_frames(
        junk in proptest::collection::vec(any::<u8>(), 0..2000),
        text in "([A-Z]{3,10}( MSG| ACK|DONE|DISCONNECT)?[ -~]{0,60}\r\n){0,30}",
    ) {
        for bytes in [&junk[..], text.as_bytes()] {
            let mut bench = Bench::new(Start::MidStream);
            if !bytes.is_empty() { bench.send(Way::Forth, bytes); }
            prop_assert!(bench.finish().frames.is_empty());
        }
    }
}
