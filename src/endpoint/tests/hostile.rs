//! Peers that do what they like: nothing panics, nothing grows, and what is delivered is in order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn agreed(size: u16) -> Server {
    let mut server = server(size);
    server.handle_bytes(&get_max(), Moment::ZERO).unwrap();
    server
}

fn layout(size: u16) -> FrameLayout {
    FrameLayout::new(p(size))
}

#[test]
fn a_million_duplicates_whose_acks_nobody_reads_cost_no_memory() {
    let mut server = agreed(4);
    let mut thousand = Vec::new();
    for _ in 0..500 {
        thousand.extend(frame(Name::Msg, b"x", 1, layout(4)));
        thousand.extend(frame(Name::Msg, b"x", 2, layout(4)));
    }
    for _ in 0..1000 {
        server.handle_bytes(&thousand, Moment::ZERO).unwrap();
    }
    assert!(server.waiting_answers() <= 2 * MAX_REPEATS + 4, "{}", server.waiting_answers());
    let mut out = Vec::new();
    let written = std::iter::from_fn(|| server.poll_transmit(Moment::ZERO, &mut out)).count();
    assert_eq!(written, 1 + 2 + MAX_REPEATS, "RETURN_MAX, both first ACKs, and as many repeats as fit");
    assert!(std::iter::from_fn(|| server.poll_event()).count() <= MAX_EVENTS + 1);
    server.handle_bytes(&thousand[..layout(4).len()], Moment::ZERO).unwrap();
    assert!(server.poll_transmit(Moment::ZERO, &mut out).is_some(), "it answers again once its answers are read");
}

#[test]
fn acks_of_packages_in_order_that_nobody_reads_are_one_run() {
    let mut server = agreed(9);
    for pos in 1..=200_000 {
        server.handle_bytes(&frame(Name::Msg, b"x", pos, layout(9)), Moment::ZERO).unwrap();
        server.poll_delivered();
    }
    assert_eq!(server.waiting_answers(), 2);
    let mut out = Vec::new();
    assert_eq!(std::iter::from_fn(|| server.poll_transmit(Moment::ZERO, &mut out)).count(), 200_001);
}

#[test]
fn early_packages_are_held_up_to_a_limit_of_bytes_and_of_count() {
    let refusals = |server: &mut Server| {
        let why = IgnoredFrame::NoRoom;
        std::iter::from_fn(|| server.poll_event())
            .filter(|e| matches!(e, Event::Ignored { why: w, .. } if *w == why))
            .count()
    };
    let mut large = agreed(9999);
    refusals(&mut large);
    for pos in 2..=1000 {
        large.handle_bytes(&frame(Name::Msg, &[b'x'; 9999], pos, layout(9999)), Moment::ZERO).unwrap();
    }
    assert_eq!(refusals(&mut large), 999 - MAX_HELD_BYTES / 9999);
    large.handle_bytes(&frame(Name::Msg, b"x", 1, layout(9999)), Moment::ZERO).unwrap();
    assert_eq!(large.poll_delivered().len(), 1 + MAX_HELD_BYTES / 9999 * 9999, "what was held is delivered");
    let mut small = agreed(9);
    let mut refused = 0;
    for pos in 2..=20_000 {
        small.handle_bytes(&frame(Name::Msg, b"", pos, layout(9)), Moment::ZERO).unwrap();
        refused += refusals(&mut small);
    }
    assert_eq!(refused, 19_999 - MAX_HELD_PACKAGES);
}

#[test]
fn room_for_early_packages_is_free_again_when_they_are_delivered() {
    let mut server = agreed(9999);
    let (mut delivered, mut next) = (0, 1);
    for _ in 0..5 {
        for pos in next + 1..next + 101 {
            server.handle_bytes(&frame(Name::Msg, &[b'x'; 9999], pos, layout(9999)), Moment::ZERO).unwrap();
        }
        server.handle_bytes(&frame(Name::Msg, b"x", next, layout(9999)), Moment::ZERO).unwrap();
        delivered += server.poll_delivered().len();
        next += 101;
    }
    assert_eq!(delivered, 5 * (1 + 100 * 9999));
}

#[test]
fn positions_at_the_end_of_the_range_neither_overflow_nor_get_an_ack() {
    for name in [Name::Msg, Name::Done] {
        let mut server = agreed(12);
        for pos in [i32::MAX, i32::MAX - 1, i32::MAX - 2, 0, -1, i32::MIN] {
            server.handle_bytes(&frame(name, b"x", pos, layout(12)), Moment::ZERO).unwrap();
        }
        let mut out = Vec::new();
        assert_eq!(server.poll_transmit(Moment::ZERO, &mut out).map(|f| f.name), Some(Name::ReturnMax));
        assert_eq!(server.poll_transmit(Moment::ZERO, &mut out), None);
    }
}

#[test]
fn events_that_nobody_asks_for_are_counted_and_forgotten() {
    let mut server = agreed(4);
    for _ in 0..3 * MAX_EVENTS {
        server.handle_bytes(&frame(Name::Msg, b"x", 1, layout(4)), Moment::ZERO).unwrap();
    }
    assert!(matches!(server.poll_event(), Some(Event::Missed(n)) if n > 0));
    assert_eq!(std::iter::from_fn(|| server.poll_event()).count(), MAX_EVENTS);
}

/// Frames of any name and position, whole or damaged, and plain garbage.
fn hostile_bytes(size: u16) -> impl Strategy<Value = Vec<u8>> {
    let position = prop_oneof![12 => 0..12_i32, 1 => any::<i32>(), 1 => Just(i32::MAX)];
    let one =
        (0_usize..10, position, 0_i32..12, 0_u8..40, any::<u8>()).prop_map(move |(name, pos, number, place, byte)| {
            // MSG and ACK more often than others.
            let name = Name::ALL.get(name).copied().unwrap_or(if name == 9 { Name::Ack } else { Name::Msg });
            let mut bytes = frame(name, number.to_string().as_bytes(), pos, layout(size));
            let at = layout(size).pos();
            bytes[at..at + 4].copy_from_slice(&pos.to_le_bytes());
            if place == 0 {
                let i = usize::from(byte) % bytes.len();
                bytes[i] = byte;
            } else if place == 1 {
                bytes.truncate(usize::from(byte) % bytes.len());
            }
            bytes
        });
    prop_oneof![
        9 => proptest::collection::vec(one, 0..60).prop_map(|frames| frames.concat()),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

/// Calls every function of an endpoint after each piece of the bytes, with time going on.
fn bombard(endpoint: &mut dyn Endpoint, bytes: &[u8], piece: usize, mut each: impl FnMut(&[u8], &[Outgoing], &[u8])) {
    let mut now = Moment::ZERO;
    for piece in bytes.chunks(piece) {
        now = now + ms(70);
        let _ = endpoint.handle_bytes(piece, now);
        endpoint.handle_timeout(now);
        let delivered = endpoint.poll_delivered().to_vec();
        let mut out = Vec::new();
        let sent: Vec<_> = std::iter::from_fn(|| endpoint.poll_transmit(now, &mut out)).collect();
        assert!(sent.len() < 5000);
        assert!(endpoint.poll_timeout().is_none_or(|due| due > now), "a deadline that has passed");
        while endpoint.poll_event().is_some() {}
        each(piece, &sent, &delivered);
    }
    endpoint.handle_end(TransportEnd::EndOfStream, now);
    let mut out = Vec::new();
    while endpoint.poll_transmit(now, &mut out).is_some() {}
    assert!(endpoint.is_finished());
    assert_eq!(endpoint.poll_timeout(), None);
    endpoint.handle_end(TransportEnd::Reset, now);
    assert_eq!(endpoint.handle_bytes(bytes, now), Ok(()), "what comes after the end is ignored");
}

proptest! {
    #[test]
    fn a_server_survives_any_client(bytes in hostile_bytes(4), greeted in 0..5, piece in 1_usize..120) {
        let mut all = if greeted > 0 { get_max() } else { Vec::new() };
        all.extend(bytes);
        let mut first: BTreeMap<i32, Vec<u8>> = BTreeMap::new();
        let (mut stream, mut acked, mut received) = (Vec::new(), 0, Vec::new());
        let mut server = server(4);
        bombard(&mut server, &all, piece, |bytes, sent, delivered| {
            stream.extend_from_slice(bytes);
            for bytes in stream.chunks_exact(44).skip(1) {
                let view = FrameView::new(bytes, layout(4)).unwrap();
                if matches!(view.name(), Some(Name::Msg)) && view.pos().0 > 0 {
                    first.entry(view.pos().0).or_insert_with(|| view.payload().to_vec());
                }
            }
            for ack in sent.iter().filter(|f| f.name == Name::Ack) {
                let below = if ack.copy == FrameCopy::OfDone { ack.pos.0 - 1 } else { ack.pos.0 };
                assert!((1..=below).all(|k| first.contains_key(&k)), "ACK {} of {:?}", ack.pos, first.keys());
                if ack.copy == FrameCopy::First {
                    assert_eq!(ack.pos.0, acked + 1, "first ACKs go up one by one");
                    acked = ack.pos.0;
                }
            }
            received.extend_from_slice(delivered);
        });
        let expected: Vec<u8> = (1..).map_while(|k| first.get(&k)).flatten().copied().collect();
        prop_assert!(expected.starts_with(&received));
    }

    #[test]
    fn a_client_survives_any_server(
        bytes in hostile_bytes(4), greeted in 0..5, piece in 1_usize..120, eager: bool, limit in proptest::option::of(0..4_u32),
    ) {
        let mut all = if greeted > 0 { frame(Name::ReturnMax, b"4", 0, HANDSHAKE) } else { Vec::new() };
        all.extend(bytes);
        let mut config = ClientConfig { max_resends: limit, ..ClientConfig::new(3, ms(200), clock()) };
        if eager { config = config.eager(); }
        let mut client = client(b"a message of some length", config);
        let mut out = Vec::new();
        client.poll_transmit(Moment::ZERO, &mut out).unwrap();
        let (mut disconnected, mut highest) = (false, 0);
        let mut stream = Vec::new();
        bombard(&mut client, &all, piece, |bytes, sent, _| {
            stream.extend_from_slice(bytes);
            disconnected |= stream.chunks_exact(44).any(|b| b.starts_with(b"DISCONNECT"));
            for frame in sent.iter().filter(|f| f.name == Name::Msg && f.copy == FrameCopy::First) {
                assert_eq!(frame.pos.0, highest + 1);
                highest += 1;
                assert!(highest <= 6, "no more packages than the message has");
            }
        });
        prop_assert!(disconnected || client.outcome() != Some(&Outcome::Complete));
    }
}
