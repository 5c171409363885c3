//! Each rule by itself, against a peer made by hand.

use super::*;
use crate::window::Positions;
use crate::wire::FrameView;

fn at(millis: u64) -> Moment {
    Moment::after(ms(millis))
}

/// Everything that is due at `now`, as `MSG 4`.
fn due(endpoint: &mut dyn Endpoint, now: Moment) -> Vec<String> {
    endpoint.handle_timeout(now);
    let mut out = Vec::new();
    std::iter::from_fn(|| endpoint.poll_transmit(now, &mut out)).map(|f| format!("{} {}", f.name, f.pos)).collect()
}

fn events(endpoint: &mut dyn Endpoint) -> Vec<Event> {
    std::iter::from_fn(|| endpoint.poll_event()).collect()
}

fn layout(size: u16) -> FrameLayout {
    FrameLayout::new(p(size))
}

fn return_max(size: u16) -> Vec<u8> {
    frame(Name::ReturnMax, size.to_string().as_bytes(), 0, HANDSHAKE)
}

/// A client after the handshake at time 0, with packages of four bytes.
fn sending(packages: usize, config: ClientConfig) -> Client {
    let mut client = client(&vec![b'a'; 4 * packages], config);
    assert_eq!(due(&mut client, at(0)), ["GET_MAX 0"]);
    client.handle_bytes(&return_max(4), at(0)).unwrap();
    client
}

fn ack(client: &mut Client, n: i32, now: Moment) {
    client.handle_bytes(&frame(Name::Ack, n.to_string().as_bytes(), 0, layout(4)), now).unwrap();
}

fn timer(window: u32) -> ClientConfig {
    ClientConfig::new(window, ms(1000), clock())
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn a_client_asks_first_and_sends_nothing_before_the_answer() {
    let mut client = client(b"message", timer(3));
    assert_eq!(client.poll_timeout(), Some(Moment::ZERO));
    assert_eq!(due(&mut client, at(5)), ["GET_MAX 0"]);
    assert_eq!(due(&mut client, at(6)), nothing());
    assert_eq!(client.poll_timeout(), Some(at(10_005)));
    client.handle_timeout(at(10_005));
    let why = Stop::NoAnswer { to: Name::GetMax, waited: Duration::from_secs(10) };
    let message = Progress::Through { last: Pos(0), of: None };
    assert_eq!(client.outcome(), Some(&Outcome::Incomplete { why, message }));
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn an_answer_that_is_no_number_in_range_ends_the_exchange() {
    for payload in ["", "0", "3", "-4", "+4", " 4", "4 ", "4.0", "x"] {
        let mut client = client(b"message", timer(3));
        due(&mut client, at(0));
        let error = client.handle_bytes(&frame(Name::ReturnMax, payload.as_bytes(), 0, HANDSHAKE), at(1)).unwrap_err();
        assert_eq!(error, ProtocolError::ReturnMax { payload: payload.as_bytes().to_vec() });
        assert_eq!(client.outcome(), Some(&Outcome::Failed(error)));
        assert_eq!(due(&mut client, at(2)), nothing());
    }
}

#[test]
fn a_first_frame_that_is_no_handshake_is_refused_as_soon_as_its_name_is_there() {
    let mut greeted = client(b"message", timer(3));
    due(&mut greeted, at(0));
    let error = greeted.handle_bytes(b"HTTP/1.1 4", at(1)).unwrap_err();
    assert!(error.to_string().contains("must be RETURN_MAX, not `HTTP/1.1 4`"), "{error}");
    let mut greeted = server(4);
    assert_eq!(greeted.handle_bytes(b"GET / HTT", at(1)), Ok(()), "nine bytes are no header yet");
    let error = greeted.handle_bytes(b"P", at(1)).unwrap_err();
    assert!(error.to_string().contains("must be GET_MAX, not `GET / HTTP`"), "{error}");
    for name in [Name::Msg, Name::Done, Name::Close, Name::Ack] {
        assert!(server(4).handle_bytes(&frame(name, b"", 1, HANDSHAKE), at(0)).is_err(), "{name}");
    }
}

#[test]
fn a_message_that_p_cannot_carry_is_refused_before_its_first_package() {
    for message in [&b"abc\0efgh"[..], &[b'a'; 4 * 9999]] {
        let mut client = client(message, timer(3));
        due(&mut client, at(0));
        assert!(client.handle_bytes(&return_max(4), at(0)).is_err());
        assert_eq!(due(&mut client, at(0)), nothing());
        assert!(matches!(client.outcome(), Some(Outcome::Failed(_))));
    }
}

#[test]
fn a_configuration_that_would_never_send_or_never_wait_is_refused() {
    assert_eq!(Client::new(Vec::new(), timer(0)).err(), Some(ConfigError::Window));
    let config = ClientConfig::new(1, Duration::ZERO, clock());
    assert_eq!(Client::new(Vec::new(), config).err(), Some(ConfigError::Timeout));
}

#[test]
fn an_empty_message_goes_straight_to_done() {
    for config in [timer(1), timer(1).eager()] {
        let x =
            exchange(client(b"", config), server(4), FaultPlan::default(), FaultPlan::default(), Weather::fair(ms(1)));
        assert_eq!(x.names(), ["GET_MAX 0", "RETURN_MAX 0", "DONE 1", "ACK 1", "CLOSE 2", "DISCONNECT 0"]);
        assert!(x.received.is_empty());
        assert!(x.client_events.contains(&Event::Done { packages: Pos(0) }));
    }
}

#[test]
fn under_timer_a_full_window_waits_and_the_oldest_goes_again_when_its_time_is_over() {
    let mut client = sending(5, timer(3));
    assert_eq!(due(&mut client, at(0)), ["MSG 1", "MSG 2", "MSG 3"]);
    assert!(events(&mut client).contains(&Event::SequencePassed { next: Pos(4), edge: Pos(3) }));
    assert_eq!(client.poll_timeout(), Some(at(1000)));
    assert_eq!(due(&mut client, at(999)), nothing());
    assert_eq!(due(&mut client, at(1000)), ["MSG 1"]);
    let triggers = Triggers { timer: true, full_window: true, end_of_message: false };
    assert!(events(&mut client).contains(&Event::Resending { pos: Pos(1), triggers, after: ms(1000) }));
    assert_eq!(due(&mut client, at(1999)), nothing(), "its time began again, and 2 waits for 1");
    ack(&mut client, 1, at(1999));
    assert_eq!(due(&mut client, at(1999)), ["MSG 2", "MSG 4"], "2 is overdue and goes before the new one");
    ack(&mut client, 4, at(2100));
    assert_eq!(due(&mut client, at(2100)), ["MSG 5"]);
    assert_eq!(due(&mut client, at(3099)), nothing(), "the end of the message waits for the timer too");
    assert_eq!(due(&mut client, at(3100)), ["MSG 5"]);
}

#[test]
fn an_ack_out_of_order_covers_the_positions_before_it_and_an_old_one_changes_nothing() {
    let mut client = sending(9, timer(4));
    due(&mut client, at(0));
    events(&mut client);
    ack(&mut client, 3, at(10));
    let covers = Positions::new(Pos(1), Pos(2)).unwrap();
    let moved = Event::WindowMoved { from: Pos(4), to: Pos(7), by: Pos(3) };
    let timer = Event::TimerMoved { from: Some(at(1000)), to: Some(at(1000)), by: Pos(3) };
    assert_eq!(events(&mut client), [Event::AckOutOfOrder { ack: Pos(3), covers }, moved, timer]);
    for n in [0, 1, 3, 5, 99] {
        ack(&mut client, n, at(11));
    }
    client.handle_bytes(&frame(Name::Ack, b"4x", 0, layout(4)), at(11)).unwrap();
    let ignored = |ack: i32, why| Event::AckIgnored { ack: Some(Pos(ack)), why };
    assert_eq!(
        events(&mut client),
        [
            ignored(0, IgnoredAck::Old),
            ignored(1, IgnoredAck::Old),
            ignored(3, IgnoredAck::Old),
            ignored(5, IgnoredAck::Unsent),
            ignored(99, IgnoredAck::Unsent),
            Event::AckIgnored { ack: None, why: IgnoredAck::Malformed },
        ]
    );
    assert_eq!(due(&mut client, at(12)), ["MSG 5", "MSG 6", "MSG 7"]);
}

#[test]
fn a_resend_keeps_position_and_payload_and_carries_a_new_time() {
    let mut client = sending(1, timer(1));
    let mut out = Vec::new();
    client.poll_transmit(at(0), &mut out).unwrap();
    client.poll_transmit(at(1000), &mut out).unwrap();
    let (first, again) = out.split_at(layout(4).len());
    let [first, again] = [first, again].map(|bytes| FrameView::new(bytes, layout(4)).unwrap());
    assert_eq!((first.payload(), first.pos(), first.seq(), first.prev_seq()), (&b"aaaa"[..], Pos(1), 1, 1));
    assert_eq!((again.payload(), again.pos(), again.seq(), again.prev_seq()), (&b"aaaa"[..], Pos(1), 1, 1));
    assert!((again.sent_time() - first.sent_time() - 1.0).abs() < 1e-6);
}

#[test]
fn the_pace_keeps_new_packages_apart_under_both_policies() {
    let mut config = timer(9);
    config.pace = ms(50);
    let mut client = sending(3, config);
    assert_eq!(due(&mut client, at(0)), ["MSG 1"]);
    assert_eq!(client.poll_timeout(), Some(at(50)));
    assert_eq!(due(&mut client, at(49)), nothing());
    assert_eq!(due(&mut client, at(50)), ["MSG 2"]);
    let mut client = sending(3, timer(9).eager());
    assert_eq!(due(&mut client, at(99)), nothing(), "eager waits before the first too");
    assert_eq!(due(&mut client, at(100)), ["MSG 1"]);
    assert_eq!(due(&mut client, at(200)), ["MSG 2"]);
}

#[test]
fn under_eager_a_full_window_resends_at_once_and_then_waits_for_that_ack() {
    let mut client = sending(9, timer(2).eager());
    assert_eq!(due(&mut client, at(100)), ["MSG 1"]);
    assert_eq!(due(&mut client, at(200)), ["MSG 2"]);
    assert_eq!(due(&mut client, at(300)), ["MSG 1"]);
    let triggers = Triggers { timer: false, full_window: true, end_of_message: false };
    assert!(events(&mut client).contains(&Event::Resending { pos: Pos(1), triggers, after: ms(200) }));
    assert_eq!(client.poll_timeout(), Some(at(1300)));
    assert_eq!(due(&mut client, at(1299)), nothing());
    assert_eq!(due(&mut client, at(1300)), ["MSG 1"], "again without an ACK");
    ack(&mut client, 1, at(1350));
    assert_eq!(due(&mut client, at(1350)), ["MSG 3"], "the waiting package goes without being asked about again");
    assert_eq!(due(&mut client, at(1449)), nothing());
    assert_eq!(due(&mut client, at(1450)), ["MSG 2"]);
}

#[test]
fn under_eager_an_ack_that_came_during_the_pace_is_taken_in_before_the_check() {
    let mut client = sending(9, timer(1).eager());
    assert_eq!(due(&mut client, at(100)), ["MSG 1"]);
    ack(&mut client, 1, at(200));
    assert_eq!(due(&mut client, at(200)), ["MSG 2"]);
}

#[test]
fn under_eager_the_timer_is_asked_before_a_new_package_although_the_window_is_open() {
    let mut config = timer(9).eager();
    config.pace = ms(1500);
    let mut client = sending(9, config);
    assert_eq!(due(&mut client, at(1500)), ["MSG 1"]);
    assert_eq!(due(&mut client, at(2500)), nothing(), "the timer alone resends nothing");
    assert_eq!(due(&mut client, at(3000)), ["MSG 1"]);
    let triggers = Triggers { timer: true, full_window: false, end_of_message: false };
    assert!(events(&mut client).iter().any(|e| matches!(e, Event::Resending { triggers: t, .. } if *t == triggers)));
}

#[test]
fn under_eager_the_end_of_the_message_resends_the_oldest_after_half_a_second() {
    let mut client = sending(2, timer(9).eager());
    due(&mut client, at(100));
    assert_eq!(due(&mut client, at(200)), ["MSG 2"]);
    assert_eq!(due(&mut client, at(699)), nothing());
    assert_eq!(due(&mut client, at(700)), ["MSG 1"]);
    assert_eq!(due(&mut client, at(1699)), nothing(), "then its ACK is waited for up to the timeout");
    ack(&mut client, 1, at(1699));
    assert_eq!(due(&mut client, at(2198)), nothing());
    assert_eq!(due(&mut client, at(2199)), ["MSG 2"]);
    ack(&mut client, 2, at(2200));
    assert_eq!(due(&mut client, at(2200)), ["DONE 3"]);
}

#[test]
fn done_goes_again_after_each_timeout_and_close_once() {
    for config in [timer(1), timer(1).eager()] {
        let mut client = sending(0, config);
        assert_eq!(due(&mut client, at(0)), ["DONE 1"]);
        assert_eq!(due(&mut client, at(999)), nothing());
        assert_eq!(due(&mut client, at(1000)), ["DONE 1"]);
        assert_eq!(due(&mut client, at(2000)), ["DONE 1"]);
        ack(&mut client, 1, at(2001));
        assert_eq!(due(&mut client, at(2001)), ["CLOSE 2"]);
        assert_eq!(due(&mut client, at(3000)), nothing());
        assert_eq!(client.poll_timeout(), Some(at(3001)));
        client.handle_timeout(at(3001));
        let why = Stop::NoAnswer { to: Name::Close, waited: ms(1000) };
        assert_eq!(client.outcome(), Some(&Outcome::Incomplete { why, message: Progress::Whole }));
    }
}

#[test]
fn a_client_gives_up_one_timeout_after_the_last_resend_allowed() {
    for (config, limit) in [(timer(2), 0), (timer(2), 2), (timer(2).eager(), 0), (timer(2).eager(), 2)] {
        let config = ClientConfig { max_resends: Some(limit), ..config };
        let mut client = sending(5, config);
        let (mut resends, mut last) = (0, Moment::ZERO);
        let mut out = Vec::new();
        while let Some(now) = client.poll_timeout() {
            client.handle_timeout(now);
            let mut acted = client.is_finished();
            while let Some(frame) = client.poll_transmit(now, &mut out) {
                acted = true;
                if frame.pos == Pos(1) {
                    last = now;
                    resends += u32::from(matches!(frame.copy, FrameCopy::Resend(_)));
                }
            }
            assert!(acted, "woken at {now} for nothing");
            if client.is_finished() {
                assert_eq!(now, last + ms(1000));
            }
        }
        let why = Stop::GaveUp { pos: Pos(1), resends: limit };
        let message = Progress::Through { last: Pos(0), of: Some(Pos(5)) };
        assert_eq!(client.outcome(), Some(&Outcome::Incomplete { why, message }));
        assert_eq!(resends, limit);
    }
}

#[test]
fn the_limit_of_resends_is_one_for_each_position() {
    let mut client = sending(4, ClientConfig { max_resends: Some(1), ..timer(1) });
    let mut now = at(0);
    for pos in 1..=4 {
        assert_eq!(due(&mut client, now), [format!("MSG {pos}")]);
        now = now + ms(1000);
        assert_eq!(due(&mut client, now), [format!("MSG {pos}")]);
        ack(&mut client, pos, now);
    }
    assert_eq!(due(&mut client, now), ["DONE 5"]);
    assert_eq!(due(&mut client, now + ms(1000)), ["DONE 5"]);
    assert_eq!(due(&mut client, now + ms(2000)), nothing());
    assert!(matches!(client.outcome(), Some(Outcome::Incomplete { why: Stop::GaveUp { pos: Pos(5), .. }, .. })));
}

#[test]
fn an_end_of_the_connection_is_incomplete_in_every_phase_and_says_how_far_it_came() {
    let through = |last, of| Progress::Through { last: Pos(last), of };
    for (end, why) in [(TransportEnd::EndOfStream, Stop::EndOfStream), (TransportEnd::Reset, Stop::Reset)] {
        let mut asking = client(b"abcd", timer(1));
        asking.handle_end(end, at(0));
        assert_eq!(asking.outcome(), Some(&Outcome::Incomplete { why, message: through(0, None) }));
        let mut halfway = sending(2, timer(1));
        due(&mut halfway, at(0));
        ack(&mut halfway, 1, at(1));
        halfway.handle_end(end, at(1));
        assert_eq!(halfway.outcome(), Some(&Outcome::Incomplete { why, message: through(1, Some(Pos(2))) }));
        let mut closing = sending(0, timer(1));
        due(&mut closing, at(0));
        ack(&mut closing, 1, at(0));
        closing.handle_end(end, at(1));
        assert_eq!(closing.outcome(), Some(&Outcome::Incomplete { why, message: Progress::Whole }));
    }
}

#[test]
fn a_disconnect_before_close_and_a_second_answer_are_told_apart_from_the_right_ones() {
    let mut client = sending(2, timer(1));
    client.handle_bytes(&return_max(8), at(0)).unwrap();
    let why = IgnoredFrame::SecondAnswer;
    assert!(events(&mut client).contains(&Event::Ignored { name: Name::ReturnMax, pos: Pos(0), why }));
    assert_eq!(due(&mut client, at(0)), ["MSG 1"]);
    client.handle_bytes(&frame(Name::Disconnect, b"", 0, layout(4)), at(1)).unwrap();
    assert!(matches!(client.outcome(), Some(Outcome::Incomplete { why: Stop::EarlyDisconnect, .. })));
}

#[test]
fn an_unknown_or_misdirected_frame_is_named_with_its_place() {
    let mut client = sending(2, timer(1));
    let error = client.handle_bytes(&frame(Name::Msg, b"", 1, layout(4)), at(0)).unwrap_err();
    assert_eq!(error, ProtocolError::WrongDirection { peer: Side::Server, offset: 44, name: Name::Msg });
    let mut server = receiving(16);
    let mut bytes = msg(16, 1);
    bytes.extend(b"MSG 2 with spaces");
    let error = server.handle_bytes(&bytes, at(0)).unwrap_err();
    assert!(matches!(error, ProtocolError::UnknownFrame { offset: 96, frame_len: 52, .. }), "{error:?}");
}

/// A server after the handshake.
fn receiving(size: u16) -> Server {
    let mut server = server(size);
    server.handle_bytes(&get_max(), at(0)).unwrap();
    assert_eq!(due(&mut server, at(0)), ["RETURN_MAX 0"]);
    server
}

fn msg(size: u16, pos: i32) -> Vec<u8> {
    let text = format!("<{pos}>");
    frame(Name::Msg, &text.as_bytes()[..text.len().min(4)], pos, layout(size))
}

/// Hands frames to a server, `3` for MSG 3 and `-3` for DONE 3, and says what it answers.
fn answers(server: &mut Server, frames: &[i32]) -> Vec<String> {
    let size = server.config().max_msg_size.get();
    for n in frames {
        let bytes = if *n < 0 { frame(Name::Done, b"EOMs", -n, layout(size)) } else { msg(size, *n) };
        server.handle_bytes(&bytes, at(0)).unwrap();
    }
    due(server, at(0))
}

#[test]
fn a_server_acknowledges_in_order_only_and_one_ack_for_each_position() {
    let table: &[(&[i32], &[&str])] = &[
        (&[1], &["ACK 1"]),
        (&[2, 3], &[]),
        (&[2, 3, 1], &["ACK 1", "ACK 2", "ACK 3"]),
        (&[1, 3, 2], &["ACK 1", "ACK 2", "ACK 3"]),
        (&[1, 1], &["ACK 1", "ACK 1"]),
        (&[1, 2, 1, 3, 2], &["ACK 1", "ACK 2", "ACK 1", "ACK 3", "ACK 2"]),
        (&[2, 2, 1], &["ACK 1", "ACK 2"]),
        (&[0, 1], &["ACK 1"]),
        (&[-1], &["ACK 1"]),
        (&[-2], &[]),
        (&[-2, 1, -2], &["ACK 1", "ACK 2"]),
        (&[1, -2, -2, -2], &["ACK 1", "ACK 2", "ACK 2", "ACK 2"]),
        (&[2, -3, 1, -3], &["ACK 1", "ACK 2", "ACK 3"]),
        (&[1, -2, 1, 2, 3, -3], &["ACK 1", "ACK 2", "ACK 1"]),
        (&[9999, 9998, 1], &["ACK 1"]),
    ];
    for (frames, expected) in table {
        assert_eq!(answers(&mut receiving(4), frames), *expected, "{frames:?}");
    }
}

#[test]
fn a_server_delivers_bytes_once_and_in_order_as_they_arrive() {
    let mut server = receiving(4);
    answers(&mut server, &[2]);
    assert_eq!(server.poll_delivered(), b"");
    answers(&mut server, &[1, 3]);
    assert_eq!(server.poll_delivered(), b"<1><2><3>");
    assert_eq!(server.poll_delivered(), b"");
    answers(&mut server, &[3, 4, -5]);
    answers(&mut server, &[-5]);
    assert_eq!(server.poll_delivered(), b"<4>");
    assert_eq!(server.delivered_bytes(), 12);
}

#[test]
fn a_done_among_the_packages_is_refused_with_the_numbers() {
    for (frames, done, highest) in [(&[1, 2][..], 2, 2), (&[1, 2], 1, 2), (&[1, 3], 2, 3), (&[1, 5], 4, 5)] {
        let mut server = receiving(4);
        answers(&mut server, frames);
        let error = server.handle_bytes(&frame(Name::Done, b"EOMs", done, layout(4)), at(0)).unwrap_err();
        let offset = 44 * (1 + u64::try_from(frames.len()).unwrap());
        assert_eq!(error, ProtocolError::DoneAmongPackages { offset, done: Pos(done), highest: Pos(highest) });
    }
}

#[test]
fn a_second_get_max_is_answered_again_where_it_fits_the_grid() {
    for size in [4, 10] {
        let mut server = receiving(size);
        server.handle_bytes(&msg(size, 1), at(0)).unwrap();
        server.handle_bytes(&get_max(), at(0)).unwrap();
        server.handle_bytes(&msg(size, 2), at(0)).unwrap();
        let mut out = Vec::new();
        let sent: Vec<_> = std::iter::from_fn(|| server.poll_transmit(at(0), &mut out)).collect();
        assert_eq!(sent.iter().map(|f| f.name).collect::<Vec<_>>(), [Name::Ack, Name::ReturnMax, Name::Ack]);
        let answer = FrameView::new(&out[44..88], HANDSHAKE).unwrap();
        assert_eq!(answer.payload(), size.to_string().as_bytes());
    }
    let mut server = receiving(16);
    server.handle_bytes(&msg(16, 1), at(0)).unwrap();
    let error = server.handle_bytes(&get_max(), at(0)).unwrap_err();
    assert_eq!(error, ProtocolError::HandshakeOffTheGrid { offset: 96, frame_len: 52, max_msg_size: p(16) });
}

#[test]
fn close_is_answered_last_and_is_complete_only_after_done() {
    let close = frame(Name::Close, b"requ", 3, layout(4));
    let mut server = receiving(4);
    server.handle_bytes(&msg(4, 1), at(0)).unwrap();
    server.handle_bytes(&frame(Name::Done, b"EOMs", 2, layout(4)), at(0)).unwrap();
    server.handle_bytes(&close, at(0)).unwrap();
    server.handle_end(TransportEnd::EndOfStream, at(0));
    assert_eq!(server.outcome(), None, "DISCONNECT is still to be written");
    assert_eq!(due(&mut server, at(0)), ["ACK 1", "ACK 2", "DISCONNECT 0"]);
    assert_eq!(server.outcome(), Some(&Outcome::Complete));
    let mut early = receiving(4);
    early.handle_bytes(&msg(4, 1), at(0)).unwrap();
    early.handle_bytes(&close, at(0)).unwrap();
    assert_eq!(due(&mut early, at(0)), ["ACK 1", "DISCONNECT 0"]);
    let message = Progress::Through { last: Pos(1), of: None };
    assert_eq!(early.outcome(), Some(&Outcome::Incomplete { why: Stop::CloseBeforeDone, message }));
    let mut reset = receiving(4);
    reset.handle_bytes(&close, at(0)).unwrap();
    reset.handle_end(TransportEnd::Reset, at(0));
    assert!(matches!(reset.outcome(), Some(Outcome::Incomplete { why: Stop::Reset, .. })));
}

#[test]
fn a_connection_that_ends_without_close_is_incomplete_for_the_server() {
    for (frames, message) in [(&[1, 3][..], Progress::Through { last: Pos(1), of: None }), (&[1, -2], Progress::Whole)]
    {
        let mut server = receiving(4);
        answers(&mut server, frames);
        server.handle_end(TransportEnd::EndOfStream, at(0));
        assert_eq!(server.outcome(), Some(&Outcome::Incomplete { why: Stop::EndOfStream, message }));
        assert!(answers(&mut server, &[2]).is_empty());
    }
}

#[test]
fn a_message_of_bytes_that_are_no_text_arrives_as_it_is() {
    let message: Vec<u8> = (0..=255_u8).rev().chain(1..=255).collect();
    let mut config = timer(3);
    config.timeout = ms(50);
    let (none, weather) = (FaultPlan::default(), Weather::fair(ms(1)));
    let x = exchange(client(&message, config), server(7), none.clone(), none, weather);
    assert_eq!(x.received, message);
}
