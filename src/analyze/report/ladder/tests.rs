use super::*;
use crate::analyze::report::samples::{Sample, finding, totals};
use crate::decode::CapturedFrame;
use crate::window::{Acknowledgement, Positions};
use crate::wire::{Frame, FrameView, HANDSHAKE};

/// A client's MSG or a server's ACK at its place in an exchange.
fn step(index: u64, name: Name, pos: i32, verdict: StepVerdict) -> Step {
    Step {
        index,
        packet: index + 1,
        time: None,
        from: name.sender(),
        name: Some(name),
        pos: Some(Pos(pos)),
        sent_time: None,
        verdict,
        highest: Pos(pos),
        last_acked: None,
        edge: None,
        in_flight: None,
        arrival: None,
    }
}

fn draw(steps: &[Step], findings: &[Finding]) -> String {
    draw_with(steps, findings, &[])
}

/// Draws steps and findings, which come after the step of their packet, and ACKs not written, which come after the step of
/// that index.
fn draw_with(steps: &[Step], findings: &[Finding], unwritten: &[(u64, NotWritten)]) -> String {
    let sample = Sample::new(0);
    let mut out = Vec::new();
    let mut ladder = Ladder::new(&mut out, Colour::Plain);
    for (i, step) in steps.iter().enumerate() {
        let mut bytes = Vec::new();
        let frame = match step.from {
            Side::Client => Frame::from_client(Name::Msg, b"x", step.pos.unwrap_or_default(), 0.0),
            Side::Server => Frame::from_server(Name::Ack, b"1", 0.0),
        };
        frame.emit(HANDSHAKE, &mut bytes).unwrap();
        let frame = LocatedFrame {
            from: step.from,
            packet: step.packet,
            first_packet: step.packet,
            time: None,
            offset: 0,
            frame: CapturedFrame::whole(FrameView::new(&bytes, HANDSHAKE).unwrap()),
        };
        ladder.step(&sample.connection(), &frame, step).unwrap();
        let more = steps.get(i + 1).is_some_and(|next| next.packet == step.packet);
        for finding in findings.iter().filter(|finding| finding.at == step.packet && !more) {
            ladder.finding(&sample.connection(), finding).unwrap();
        }
        for (_, acks) in unwritten.iter().filter(|(shown, _)| *shown == step.index) {
            ladder.ack_not_written(&sample.connection(), acks);
        }
    }
    ladder.connection(&sample.connection(), &sample.record).unwrap();
    ladder.finish(&totals([&sample])).unwrap();
    String::from_utf8(out).unwrap()
}

const NEW: StepVerdict = StepVerdict::Departure(Departure::New { unseen: None });
const RESEND: StepVerdict = StepVerdict::Departure(Departure::Resend);
const ADVANCES: StepVerdict = StepVerdict::Acknowledgement(Acknowledgement::Advances);

const REACK: StepVerdict = StepVerdict::Acknowledgement(Acknowledgement::Reack);

fn lost(pos: i32, index: u64) -> NotWritten {
    let acks = Positions::new(Pos(pos), Pos(pos)).unwrap();
    NotWritten { acks, packet: index + 1, index, one_of_several: false }
}

/// The arrows from above: `MSG 1`, `ACK 1`, `✗ ACK 2` …
fn arrows(text: &str) -> Vec<String> {
    let field = |line: &str| Some(line.split('│').nth(1)?.replace(['─', '►', '◄'], ""));
    let words = |field: String| field.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().filter_map(field).map(words).filter(|arrow| !arrow.is_empty()).collect()
}

#[test]
fn an_ack_that_was_not_written_stands_where_it_was_due() {
    let text = draw_with(
        &[
            step(0, Name::Msg, 1, NEW),
            step(1, Name::Msg, 2, NEW),
            step(2, Name::Ack, 2, ADVANCES),
            step(3, Name::Msg, 3, NEW),
        ],
        &[],
        &[(2, lost(1, 0))],
    );
    assert_eq!(arrows(&text), ["MSG 1", "✗ ACK 1", "MSG 2", "ACK 2", "MSG 3"], "{text}");
    let line = text.lines().find(|line| line.contains('✗')).unwrap();
    assert!(line.ends_with("│ not written"), "{text}");
}

#[test]
fn it_stands_behind_the_answers_to_what_came_before_and_above_the_one_that_shows_it() {
    // A server answers in order: ACKs 2 and 3 would have come behind ACK 1, which passed only after MSG 3 had.
    let steps = [
        step(0, Name::Msg, 1, NEW),
        step(1, Name::Msg, 2, NEW),
        step(2, Name::Msg, 3, NEW),
        step(3, Name::Ack, 1, ADVANCES),
        step(4, Name::Msg, 4, NEW),
        step(5, Name::Ack, 4, ADVANCES),
    ];
    let text = draw_with(&steps, &[], &[(5, lost(2, 1)), (5, lost(3, 2))]);
    assert_eq!(arrows(&text), ["MSG 1", "MSG 2", "MSG 3", "ACK 1", "✗ ACK 2", "✗ ACK 3", "MSG 4", "ACK 4"], "{text}");
}

#[test]
fn known_by_the_ack_that_jumped_over_it_alone_it_stands_right_above_that() {
    let steps = [step(0, Name::Msg, 7, NEW), step(1, Name::Ack, 5, ADVANCES), step(2, Name::Ack, 7, ADVANCES)];
    let text = draw_with(&steps, &[], &[(2, lost(6, 2))]);
    assert_eq!(arrows(&text), ["MSG 7", "ACK 5", "✗ ACK 6", "ACK 7"], "{text}");
}

#[test]
fn of_equal_acks_the_first_is_drawn_as_lost_above_the_one_that_was_written() {
    let steps = [
        step(0, Name::Msg, 1, NEW),
        step(1, Name::Msg, 2, NEW),
        step(2, Name::Ack, 1, ADVANCES),
        step(3, Name::Msg, 2, RESEND),
        step(4, Name::Ack, 2, REACK),
        step(5, Name::Msg, 3, NEW),
        step(6, Name::Ack, 3, ADVANCES),
    ];
    let text = draw_with(&steps, &[], &[(6, NotWritten { one_of_several: true, ..lost(2, 1) })]);
    assert_eq!(arrows(&text), ["MSG 1", "MSG 2", "ACK 1", "✗ ACK 2", "MSG 2", "ACK 2", "MSG 3", "ACK 3"], "{text}");
    assert!(text.contains("✗──────── ACK 2 │ this or a later one lost"), "{text}");
}

#[test]
fn an_ack_lost_between_the_copies_of_a_lower_one_stands_between_them() {
    // As in run 3: 1 is drawn as lost at first, so that the ACK 1 on the wire answers the copy, which came after 2.
    let steps = [
        step(0, Name::Msg, 1, NEW),
        step(1, Name::Msg, 2, NEW),
        step(2, Name::Msg, 1, RESEND),
        step(3, Name::Ack, 1, ADVANCES),
        step(4, Name::Msg, 3, NEW),
        step(5, Name::Ack, 3, ADVANCES),
    ];
    let text = draw_with(&steps, &[], &[(5, NotWritten { one_of_several: true, ..lost(1, 0) }), (5, lost(2, 1))]);
    assert_eq!(arrows(&text), ["MSG 1", "✗ ACK 1", "MSG 2", "✗ ACK 2", "MSG 1", "ACK 1", "MSG 3", "ACK 3"], "{text}");
}

#[test]
fn a_finding_marks_its_own_row_among_those_of_its_packet() {
    let mut steps = [step(0, Name::Msg, 1, NEW), step(1, Name::Msg, 1, RESEND), step(2, Name::Msg, 2, NEW)];
    steps[2].packet = steps[1].packet;
    let broken = finding("resend-mismatch", Severity::Error, steps[1].packet, Pos(1).into());
    let text = draw(&steps, &[broken]);
    let marked: Vec<&str> = text.lines().filter(|line| line.contains("! resend-mismatch")).collect();
    assert_eq!(marked.len(), 1, "{text}");
    assert!(marked[0].contains("MSG 1 ─") && marked[0].contains("again; "), "{text}");
}

#[test]
fn many_packages_passed_over_at_once_are_one_row() {
    let skip = |first, last| {
        let missing = Positions::new(Pos(first), Pos(last)).unwrap();
        StepVerdict::Departure(Departure::Skip { missing })
    };
    let text = draw(&[step(0, Name::Msg, 4, skip(1, 3)), step(1, Name::Msg, 1000, skip(5, 999))], &[]);
    let lost: Vec<&str> = text.lines().filter(|line| line.contains('✗')).collect();
    assert_eq!(lost.len(), 4, "{text}");
    assert!(lost[3].contains("MSG 5–999"), "{text}");
}

#[test]
fn what_is_held_of_an_exchange_without_end_is_bounded_and_the_rest_is_counted() {
    // Nothing can be folded: every frame is a resend.
    let steps: Vec<Step> = (0..50_000).map(|i| step(i, Name::Msg, 1, RESEND)).collect();
    let text = draw(&steps, &[]);
    let drawn = text.lines().filter(|line| line.contains("MSG 1 ")).count();
    assert_eq!(drawn, MAX_ROWS);
    assert!(text.contains(&format!("… {} further frames not drawn", 50_000 - MAX_ROWS)), "{text}");
    // Everything can be folded.
    let steps: Vec<Step> = (0..50_000)
        .map(|i| {
            let pos = (i / 2 + 1) as i32;
            if i % 2 == 0 { step(i, Name::Msg, pos, NEW) } else { step(i, Name::Ack, pos, ADVANCES) }
        })
        .collect();
    let text = draw(&steps, &[]);
    assert!(text.lines().count() < 200, "{}", text.lines().count());
    assert!(!text.contains("not drawn") && !text.contains('✗'), "{text}");
}
