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

/// Draws steps and findings, which come after the step of their packet, and ACKs not written, which come at last.
fn draw_with(steps: &[Step], findings: &[Finding], unwritten: &[NotWritten]) -> String {
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
    }
    unwritten.iter().for_each(|acks| ladder.ack_not_written(&sample.connection(), acks));
    ladder.connection(&sample.connection(), &sample.record).unwrap();
    ladder.finish(&totals([&sample])).unwrap();
    String::from_utf8(out).unwrap()
}

const NEW: StepVerdict = StepVerdict::Departure(Departure::New { unseen: None });
const RESEND: StepVerdict = StepVerdict::Departure(Departure::Resend);
const ADVANCES: StepVerdict = StepVerdict::Acknowledgement(Acknowledgement::Advances);

#[test]
fn an_ack_that_was_not_written_stands_where_it_was_due() {
    let acks = Positions::new(Pos(1), Pos(1)).unwrap();
    let text = draw_with(
        &[
            step(0, Name::Msg, 1, NEW),
            step(1, Name::Msg, 2, NEW),
            step(2, Name::Ack, 2, ADVANCES),
            step(3, Name::Msg, 3, NEW),
        ],
        &[],
        &[NotWritten { acks, packet: 1, index: 0, one_of_several: false }],
    );
    let lines: Vec<&str> = text.lines().skip(3).collect();
    let shown: Vec<bool> = lines.iter().map(|line| line.contains('✗')).collect();
    assert_eq!(shown, [false, true, false, false, false], "{text}");
    assert!(lines[1].contains("ACK 1") && lines[1].ends_with("│ not written"), "{text}");
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
