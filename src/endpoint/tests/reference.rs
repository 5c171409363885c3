//! The five runs of the reference (PROTOCOL §7), against the frames it wrote.

use super::*;

const MESSAGE: &[u8] = b"\"aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll\"";

fn plan(packages: &[i32], acks: &[i32], dones: u32) -> (FaultPlan, FaultPlan) {
    let client = FaultPlan { packages: positions(packages), ..FaultPlan::default() };
    (client, FaultPlan { acks: positions(acks), dones, ..FaultPlan::default() })
}

fn run(size: u16, timeout: Duration, (lose, lose_acks): (FaultPlan, FaultPlan)) -> Exchange {
    let mut config = ClientConfig::new(3, timeout, clock()).eager();
    config.pace = ms(800);
    let x = exchange(client(MESSAGE, config), server(size), lose, lose_acks, Weather::fair(ms(15)));
    assert_eq!(x.received, MESSAGE);
    assert_eq!(x.client.outcome(), Some(&Outcome::Complete));
    assert_eq!(x.server.outcome(), Some(&Outcome::Complete));
    x
}

/// Frames of a trace: sender, and bytes with sent_time blanked.
fn trace(text: &str, layout: FrameLayout) -> Vec<(String, Vec<u8>)> {
    text.lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let bytes =
                (0..columns[2].len()).step_by(2).map(|i| u8::from_str_radix(&columns[2][i..i + 2], 16).unwrap());
            (columns[1].to_owned(), blank(bytes.collect(), layout))
        })
        .collect()
}

fn blank(mut bytes: Vec<u8>, layout: FrameLayout) -> Vec<u8> {
    if bytes.len() == layout.len() {
        bytes[layout.sent_time()..layout.sent_time() + 8].fill(0);
    }
    bytes
}

/// The trace stands in the exchange, frame after frame and byte for byte but for sent_time.
fn assert_contains(x: &Exchange, size: u16, text: &str) {
    let layout = FrameLayout::new(p(size));
    let expected = trace(text, layout);
    let ours: Vec<_> = x.written.iter().map(|w| (w.from.to_string(), blank(w.bytes.clone(), layout))).collect();
    assert!(expected.len() > 3);
    assert!(ours.windows(expected.len()).any(|run| run == expected), "{:#?}", x.names());
}

#[test]
fn run_1_writes_packages_4_9_and_10_late_as_the_reference_did() {
    let x = run(4, ms(2000), plan(&[4, 9, 10], &[], 0));
    assert_contains(&x, 4, include_str!("../../../tests/data/traces/run1.tsv"));
    assert_eq!(x.client.injector().log().len(), 3);
}

#[test]
fn run_2_needs_no_resend_since_later_acks_cover_4_9_and_10() {
    let x = run(4, ms(2000), plan(&[], &[4, 9, 10], 0));
    assert_contains(&x, 4, include_str!("../../../tests/data/traces/run2.tsv"));
    assert!(!x.written.iter().any(|w| matches!(w.frame.copy, FrameCopy::Resend(_))));
    let covers = |ack, first, last| Event::AckOutOfOrder {
        ack: Pos(ack),
        covers: crate::window::Positions::new(Pos(first), Pos(last)).unwrap(),
    };
    assert!(x.client_events.contains(&covers(5, 4, 4)) && x.client_events.contains(&covers(11, 9, 10)));
}

#[test]
fn run_3_writes_9_again_with_both_triggers_and_ack_12_covers_10_and_11() {
    let x = run(4, ms(2000), plan(&[], &[9, 10, 11], 0));
    assert_contains(&x, 4, include_str!("../../../tests/data/traces/run3.tsv"));
    let resent: Vec<_> =
        x.written.iter().filter(|w| matches!(w.frame.copy, FrameCopy::Resend(_))).map(|w| w.frame).collect();
    let triggers = Triggers { timer: true, full_window: true, end_of_message: false };
    assert_eq!(resent.len(), 1);
    assert_eq!((resent[0].pos, resent[0].copy), (Pos(9), FrameCopy::Resend(triggers)));
}

#[test]
fn run_4_resends_11_by_the_end_of_message_rule() {
    let x = run(5, ms(2000), plan(&[7, 9, 11], &[6, 8, 10], 0));
    assert_contains(&x, 5, include_str!("../../../tests/data/traces/run4.tsv"));
    let eleven = x.written.iter().find(|w| w.frame.name == Name::Msg && w.frame.pos == Pos(11)).unwrap();
    let FrameCopy::Resend(triggers) = eleven.frame.copy else { panic!("{eleven:?}") };
    assert!(triggers.end_of_message && !triggers.full_window);
}

#[test]
fn run_5_writes_done_three_times_a_timeout_apart() {
    let x = run(10, ms(1000), plan(&[], &[], 2));
    let text = include_str!("../../../tests/data/traces/run5.tsv");
    // The server of that run was patched to write stray ACKs and to number its frames: only the client's frames
    // can be the same.
    let layout = FrameLayout::new(p(10));
    let expected: Vec<_> = trace(text, layout).into_iter().filter(|(from, _)| from == "client").collect();
    let clients = x.written.iter().filter(|w| w.from == Side::Client);
    let ours: Vec<_> = clients.map(|w| (w.from.to_string(), blank(w.bytes.clone(), layout))).collect();
    assert_eq!(ours[ours.len() - expected.len()..], expected);
    let dones: Vec<Moment> = x.written.iter().filter(|w| w.frame.name == Name::Done).map(|w| w.at).collect();
    assert_eq!(dones.len(), 3);
    assert!(dones.windows(2).all(|pair| pair[1].since(pair[0]) == ms(1000)));
    let ignored: Vec<_> = x.server_events.iter().filter(|e| matches!(e, Event::WillBeIgnored { .. })).collect();
    assert_eq!(ignored.len(), 2);
}

#[test]
fn the_stray_acks_of_run_5_change_nothing() {
    let layout = FrameLayout::new(p(10));
    let mut client = client(MESSAGE, ClientConfig::new(10, ms(1000), clock()));
    let mut out = Vec::new();
    let now = Moment::ZERO;
    client.poll_transmit(now, &mut out).unwrap();
    client.handle_bytes(&frame(Name::ReturnMax, b"10", 0, HANDSHAKE), now).unwrap();
    while client.poll_transmit(now, &mut out).is_some() {}
    client.handle_bytes(&frame(Name::Ack, b"7", 0, layout), now).unwrap();
    assert_eq!(client.poll_transmit(now, &mut out).map(|f| (f.name, f.pos)), Some((Name::Done, Pos(8))));
    for stray in ["0", "1", "9", "x"] {
        client.handle_bytes(&frame(Name::Ack, stray.as_bytes(), 0, layout), now).unwrap();
        assert_eq!(client.poll_transmit(now, &mut out), None, "after ACK {stray}");
    }
    client.handle_bytes(&frame(Name::Ack, b"8", 0, layout), now).unwrap();
    assert_eq!(client.poll_transmit(now, &mut out).map(|f| (f.name, f.pos)), Some((Name::Close, Pos(9))));
}
