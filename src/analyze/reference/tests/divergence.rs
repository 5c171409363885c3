//! Exchanges written out by hand, and the first frame that the rules do not allow.

use super::senders::{Seen, steps};
use super::*;
use crate::wire::Name::{Ack, Close, Disconnect, Done, Msg, ReturnMax};

/// A frame every 10 ms, each as it is written.
fn frames(written: &[(Name, i32)]) -> Vec<Seen> {
    (0..)
        .zip(written)
        .map(|(k, (name, number))| Seen { at: 10 * k, sent: 10 * k, name: *name, number: *number })
        .collect()
}

fn diverges(seen: &[Seen], window: Option<u32>) -> Option<(u64, String)> {
    let steps = steps(seen, window, 0);
    let mut replay = Replay::new(&ReplayOptions {
        window,
        timeout: Some(Duration::from_millis(100)),
        tolerance: TOLERANCE,
        began: steps.get(2).and_then(|(step, _)| step.time),
        from_start: [true, true],
    });
    steps.iter().for_each(|(step, acks_proved)| replay.step(step, *acks_proved));
    replay.finish().divergence.map(|found| (found.packet, found.words))
}

fn words(written: &[(Name, i32)]) -> String {
    diverges(&frames(written), Some(3)).map_or_else(String::new, |(_, words)| words)
}

#[test]
fn what_keeps_the_rules_diverges_nowhere() {
    assert_eq!(words(&[(Msg, 1), (Ack, 1), (Done, 2), (Ack, 2), (Close, 3), (Disconnect, 0)]), "");
    // 1 is passed over, ACK 2 is not written, 4 goes twice because its ACK is not.
    let lossy = [
        (Msg, 2),
        (Msg, 3),
        (Msg, 1),
        (Ack, 1),
        (Ack, 3),
        (Msg, 4),
        (Msg, 4),
        (Ack, 4),
        (Done, 5),
        (Done, 5),
        (Ack, 5),
    ];
    let slow: Vec<_> = frames(&lossy).iter().map(|f| Seen { at: 20 * f.at, sent: 20 * f.sent, ..*f }).collect();
    assert_eq!(diverges(&slow, None), None);
}

#[test]
fn a_position_beyond_the_window_is_told_with_what_might_have_gone() {
    let sent = [(Msg, 1), (Ack, 1), (Msg, 2), (Msg, 3), (Msg, 5)];
    assert_eq!(words(&sent), "at 0.0400 s the rules allow pos 2 again or pos 4; this client sent pos 5");
    assert_eq!(diverges(&frames(&sent), None), None, "no window is declared");
    let full = [(Msg, 1), (Msg, 2), (Msg, 3), (Msg, 4)];
    assert_eq!(words(&full), "at 0.0300 s the rules allow pos 1 again; this client sent pos 4");
}

#[test]
fn only_the_oldest_may_go_again() {
    let skipping = [(Msg, 1), (Msg, 2), (Msg, 2)];
    assert_eq!(words(&skipping), "at 0.0200 s the rules allow pos 1 again or pos 3; this client sent pos 2");
    let filling = [(Msg, 1), (Msg, 3), (Msg, 2)];
    assert_eq!(words(&filling), "at 0.0200 s the rules allow pos 1 again; this client sent pos 2");
    // The ACK of 1 may not have reached the client when it wrote 1 again; once it has written 4, it has.
    let late = [(Msg, 1), (Msg, 2), (Ack, 1), (Msg, 1)];
    assert_eq!(words(&late), "");
    let after = [(Msg, 1), (Msg, 2), (Ack, 1), (Msg, 3), (Msg, 4), (Msg, 1)];
    assert_eq!(words(&after), "at 0.0500 s the rules allow pos 2 again; this client sent pos 1");
}

#[test]
fn a_resend_before_the_timer_with_the_window_open_is_told_once_a_new_position_proves_it() {
    let hasty = [(Msg, 1), (Msg, 1), (Msg, 2), (Msg, 3)];
    let found = diverges(&frames(&hasty), Some(3));
    let said = "at 0.0100 s the rules allow pos 1 again only from 0.1 s after its last copy on, or pos 2, 3 now; \
                this client sent pos 1 again after 0.0100 s";
    assert_eq!(found, Some((4, said.to_owned())));
    // 2 may have been counted and not written, and the window of 1 full.
    assert_eq!(diverges(&frames(&hasty), Some(1)).map(|found| found.0), Some(5), "pos 2 is beyond a window of 1");
    let at_the_end = [(Msg, 1), (Msg, 1), (Ack, 1), (Done, 2)];
    assert_eq!(words(&at_the_end), "");
    let filled = [(Msg, 1), (Msg, 2), (Msg, 3), (Msg, 1), (Ack, 1), (Msg, 4)];
    assert_eq!(words(&filled), "");
}

#[test]
fn a_server_may_acknowledge_what_has_arrived_and_no_more() {
    let ahead = [(Msg, 1), (Msg, 3), (Ack, 1), (Ack, 3)];
    assert_eq!(words(&ahead), "at 0.0300 s the rules allow no ACK; this server wrote ACK 3");
    let too_high = [(Msg, 1), (Msg, 2), (Ack, 3)];
    assert_eq!(words(&too_high), "at 0.0200 s the rules allow ACK 1, 2; this server wrote ACK 3");
    let back = [(Msg, 1), (Msg, 2), (Ack, 2), (Ack, 1)];
    assert_eq!(words(&back), "at 0.0300 s the rules allow no ACK; this server wrote ACK 1");
    let unasked = [(Msg, 1), (Ack, 1), (Ack, 1)];
    assert_eq!(words(&unasked), "at 0.0200 s the rules allow no ACK; this server wrote ACK 1");
    let asked = [(Msg, 1), (Msg, 1), (Ack, 1), (Ack, 1)];
    assert_eq!(words(&asked), "");
    assert_eq!(words(&[(Msg, 1), (Ack, 0)]), "at 0.0100 s the rules allow ACK 1; this server wrote ACK 0");
}

#[test]
fn the_end_of_an_exchange_has_an_order() {
    let done = [(Msg, 1), (Msg, 2), (Ack, 1), (Done, 3)];
    assert_eq!(words(&done), "at 0.0300 s the rules allow pos 2 again or pos 3, 4; this client sent DONE, pos 3");
    let close = [(Msg, 1), (Ack, 1), (Done, 2), (Close, 3)];
    assert_eq!(words(&close), "at 0.0300 s the rules allow DONE (pos 2) again; this client sent CLOSE");
    let data = [(Msg, 1), (Ack, 1), (Done, 2), (Msg, 3)];
    assert_eq!(words(&data), "at 0.0300 s the rules allow DONE (pos 2) again; this client sent pos 3");
    let closed = [(Msg, 1), (Ack, 1), (Done, 2), (Ack, 2), (Close, 3), (Msg, 1)];
    assert_eq!(words(&closed), "at 0.0500 s the rules allow nothing more after CLOSE; this client sent pos 1");
    let server = [(Msg, 1), (Ack, 1), (Disconnect, 0)];
    let disconnect = "at 0.0200 s the rules allow DISCONNECT as an answer to CLOSE; this server sent DISCONNECT";
    assert_eq!(words(&server), disconnect);
    let again = "at 0.0000 s the rules allow RETURN_MAX as an answer to GET_MAX; this server sent RETURN_MAX";
    assert_eq!(words(&[(ReturnMax, 0)]), again);
}

#[test]
fn a_frame_of_the_other_side_is_told() {
    let mut steps = steps(&frames(&[(Msg, 1)]), None, 0);
    let mut replay = Replay::new(&ReplayOptions {
        window: None,
        timeout: None,
        tolerance: TOLERANCE,
        began: None,
        from_start: [true, true],
    });
    steps[2].0.from = Side::Server;
    steps.iter().for_each(|(step, acks_proved)| replay.step(step, *acks_proved));
    let words = replay.finish().divergence.unwrap().words;
    assert_eq!(words, "at 0.0010 s the rules allow MSG from the client; this server sent it");
}
