//! The reference runs as a row's Info column tells them (PROTOCOL §7). A row's packet number is its number
//! in the table, from 1.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

use arqscope::decode::{CapturedFrame, Observed, Observer};
use arqscope::wire::{Frame, FrameLayout, FrameView, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

struct Run {
    layout: FrameLayout,
    table: &'static str,
}

const RUNS: [Run; 5] = [
    Run::new(4, include_str!("data/traces/run1.tsv")),
    Run::new(4, include_str!("data/traces/run2.tsv")),
    Run::new(4, include_str!("data/traces/run3.tsv")),
    Run::new(5, include_str!("data/traces/run4.tsv")),
    Run::new(10, include_str!("data/traces/run5.tsv")),
];

/// One row: the frame in two words, then what was observed.
#[derive(Debug)]
struct Seen {
    frame: String,
    observed: Observed,
}

impl Run {
    const fn new(p: u16, table: &'static str) -> Self {
        let Some(max_msg_size) = MaxMsgSize::new(p) else { panic!() };
        Self { layout: FrameLayout::new(max_msg_size), table }
    }

    /// Feeds the fragment to `observer`.
    fn observe(&self, mut observer: Observer) -> Vec<Seen> {
        let mut rows = Vec::new();
        for (packet, line) in (1..).zip(self.table.lines().skip(1)) {
            let hex = line.split('\t').nth(2).unwrap();
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
            let view = FrameView::new(&bytes, self.layout).unwrap();
            let name = view.name().unwrap();
            let number = if name == Name::Ack { view.ack_number().unwrap() } else { view.pos() };
            let frame = CapturedFrame::whole(view);
            let observed = observer.observe(name.sender(), &frame, packet, None);
            rows.push(Seen { frame: format!("{name} {number}"), observed });
        }
        rows
    }

    fn as_captured(&self) -> Vec<Seen> {
        self.observe(Observer::mid_stream())
    }

    /// With what the fragment lacks put before it: the handshake, MSG 1 up to the last before the fragment,
    /// each with its ACK unless `withheld`, as PROTOCOL §7 describes how the runs began. (In run 3 one more of the first
    /// ACKs was not written; which one is not known and makes no difference to what follows.)
    fn with_its_start(&self, last: i32, withheld: &[i32]) -> Vec<Seen> {
        let mut observer = Observer::new();
        let mut feed = |layout: FrameLayout, frame: Frame<'_>| {
            let mut bytes = Vec::new();
            frame.emit(layout, &mut bytes).unwrap();
            let frame_seen = CapturedFrame::whole(FrameView::new(&bytes, layout).unwrap());
            observer.observe(frame.name.sender(), &frame_seen, 0, None)
        };
        let p = self.layout.max_msg_size().to_string();
        let asks = feed(HANDSHAKE, Frame::from_client(Name::GetMax, b"", Pos(0), 0.0));
        assert_eq!((asks.info.to_string().as_str(), asks.in_flight), ("asks for maximum_msg_size", Some(0)));
        let answer = feed(HANDSHAKE, Frame::from_server(Name::ReturnMax, p.as_bytes(), 0.0));
        assert_eq!((answer.info.to_string(), answer.in_flight), (format!("maximum_msg_size {p}"), Some(0)));
        for pos in 1..=last {
            feed(self.layout, Frame::from_client(Name::Msg, b"x", Pos(pos), 0.0));
            if !withheld.contains(&pos) {
                feed(self.layout, Frame::from_server(Name::Ack, pos.to_string().as_bytes(), 0.0));
            }
        }
        self.observe(observer)
    }
}

/// Frames with a verdict that is not the quiet one.
fn noteworthy(rows: &[Seen]) -> Vec<(&str, &str)> {
    rows.iter()
        .filter_map(|row| Some((row.frame.as_str(), row.observed.info.verdict()?)))
        .filter(|(_, verdict)| !["new", "advances"].contains(verdict))
        .collect()
}

fn text(rows: &[Seen], packet: usize) -> String {
    rows[packet - 1].observed.info.to_string()
}

#[test]
fn run_1_writes_packages_4_9_and_10_for_the_first_time_late() {
    let [run, ..] = &RUNS;
    let rows = run.with_its_start(1, &[]);
    let fills = [("MSG 5", "skip"), ("MSG 4", "fill"), ("MSG 11", "skip"), ("MSG 9", "fill"), ("MSG 10", "fill")];
    assert_eq!(noteworthy(&rows), fills);
    assert_eq!(text(&rows, 5), "[gap: 4 not written before]");
    // 1736219087.1794746 − 1736219085.0414033
    assert_eq!(text(&rows, 7), "[first copy of 4, skipped at #5, open 2.14 s]");
    assert_eq!(text(&rows, 15), "[gap: 9, 10 not written before]");
    // 1736219093.7312121 − 1736219090.771189
    assert_eq!(text(&rows, 19), "[first copy of 10, skipped at #15, open 2.96 s]");
    assert_eq!(text(&rows, 20), "acknowledges #19");
    assert_eq!(text(&rows, 31), "end of message after 16 positions");
    // 4, 5 and 6 outstanding when 4 is written; nothing after the last ACK.
    assert_eq!((rows[6].observed.in_flight, rows[33].observed.in_flight), (Some(3), Some(0)));
}

#[test]
fn run_1_from_its_middle_never_calls_a_first_copy_a_resend() {
    let [run, ..] = &RUNS;
    let rows = run.as_captured();
    // MSG 2 and 3 might be resends, with 4 written before the capture; MSG 5 is none.
    let told = [("MSG 4", "unclear"), ("MSG 11", "skip"), ("MSG 9", "fill"), ("MSG 10", "fill")];
    assert_eq!(noteworthy(&rows), told);
    assert_eq!(text(&rows, 5), "[4 may precede the capture]");
    assert_eq!(text(&rows, 7), "[4 may have been written before the capture]");
    assert_eq!((rows[0].observed.in_flight, rows[1].observed.in_flight), (None, Some(0)));
}

#[test]
fn run_2_has_no_resend_and_ack_11_covers_9_and_10() {
    let [_, run, ..] = &RUNS;
    for rows in [run.with_its_start(5, &[4]), run.as_captured()] {
        assert_eq!(noteworthy(&rows), [("ACK 11", "jump")]);
        assert_eq!(text(&rows, 10), "[ACK 11 covers 9, 10]");
        assert_eq!(rows[8].observed.in_flight, Some(3));
        assert_eq!(rows[9].observed.in_flight, Some(0));
    }
}

#[test]
fn run_3_resends_9_without_its_ack_and_ack_12_covers_10_and_11() {
    let [_, _, run, ..] = &RUNS;
    for rows in [run.with_its_start(8, &[8]), run.as_captured()] {
        assert_eq!(noteworthy(&rows), [("MSG 9", "resend"), ("ACK 12", "jump")]);
        // 1736271848.5831752 − 1736271845.6232378
        assert_eq!(text(&rows, 5), "[resend of #2 after 2.96 s, no ACK seen]");
        assert_eq!(text(&rows, 8), "[ACK 12 covers 10, 11]");
    }
}

#[test]
fn run_4_resends_6_8_and_10_and_writes_7_9_and_11_once() {
    let [_, _, _, run, _] = &RUNS;
    let told = [
        ("MSG 8", "skip"),
        ("MSG 6", "resend"),
        ("MSG 7", "fill"),
        ("MSG 10", "skip"),
        ("MSG 8", "resend"),
        ("MSG 9", "fill"),
        ("MSG 12", "skip"),
        ("MSG 10", "resend"),
        ("MSG 11", "fill"),
    ];
    assert_eq!(noteworthy(&run.with_its_start(4, &[])), told);
    let rows = run.as_captured();
    assert_eq!(noteworthy(&rows)[0..2], [("MSG 6", "resend"), ("MSG 7", "unclear")]);
    assert_eq!(noteworthy(&rows)[2..], told[3..]);
    assert_eq!(text(&rows, 5), "[resend of #3 after 2.94 s, no ACK seen]");
}

#[test]
fn run_5_writes_done_three_times_and_its_acks_0_and_1_are_odd() {
    let [.., run] = &RUNS;
    let rows = run.as_captured();
    let told = [("ACK 0", "regress"), ("DONE 8", "resend"), ("ACK 1", "unclear"), ("DONE 8", "resend")];
    assert_eq!(noteworthy(&rows), told);
    let lines: Vec<String> = rows.iter().map(|row| row.observed.info.to_string()).collect();
    let expected = [
        "end of message after 7 positions",
        "[ACK 0 acknowledges nothing] [seq 0, prev_seq 1, pos 1 disagree]",
        "[DONE copy 2: resend of #1 with the same sent_time, no ACK seen]",
        "[ACK 1, not above 7; may answer what is not captured] [seq 0, prev_seq 2, pos 2 disagree]",
        "[DONE copy 3: resend of #3 with the same sent_time, no ACK seen]",
        "acknowledges #5 [seq 0, prev_seq 2, pos 2 disagree]",
        "asks to end the connection",
        "agrees to end the connection [seq 0, prev_seq 2, pos 2 disagree]",
    ];
    assert_eq!(lines, expected);
    assert_eq!((rows[0].observed.in_flight, rows[7].observed.in_flight), (Some(1), Some(0)));
    // With the whole exchange in view both ACKs go back.
    let told = [("ACK 0", "regress"), ("DONE 8", "resend"), ("ACK 1", "regress"), ("DONE 8", "resend")];
    assert_eq!(noteworthy(&run.with_its_start(7, &[])), told);
}

#[test]
fn a_side_is_whom_the_capture_shows_to_write() {
    let mut bytes = Vec::new();
    Frame::from_server(Name::Ack, b"1", 0.0).emit(HANDSHAKE, &mut bytes).unwrap();
    let frame = CapturedFrame::whole(FrameView::new(&bytes, HANDSHAKE).unwrap());
    let observed = Observer::new().observe(Side::Client, &frame, 1, None);
    assert_eq!(observed.info.to_string(), "[wrong direction: ACK written by the client]");
    assert_eq!(observed.info.verdict(), None);
}
