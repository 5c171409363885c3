//! Under [`Detail::Runs`] an endpoint does what it does under [`Detail::Each`]: on the same bytes at the same times it
//! writes the same bytes, delivers the same message, waits for the same moments and ends the same way, and its events are
//! the same ones, told by the run.

use proptest::prelude::*;

use super::*;
use crate::wire::Frame;

/// What a driver does with an endpoint.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many bytes of the peer's stream come.
    Read(usize),
    /// Frames are written into so much room.
    Write(usize),
    /// Time passes.
    Wait(u64),
    /// The peer ends the stream.
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1_usize..900).prop_map(Step::Read),
        1 => (1_usize..60).prop_map(Step::Read),
        3 => (1_usize..2000).prop_map(Step::Write),
        3 => Just(Step::Write(usize::MAX)),
        1 => (1_u64..400).prop_map(Step::Wait),
    ];
    (proptest::collection::vec(step, 0..60), any::<bool>()).prop_map(|(mut steps, ends)| {
        steps.extend(ends.then_some(Step::End));
        steps
    })
}

/// Runs stand for their frames, and what a run does not tell is left out.
fn spelt_out(events: impl Iterator<Item = Event>, len: usize) -> Vec<Event> {
    let each = |positions: crate::window::Positions| (positions.first().0..=positions.last().0).map(Pos);
    events
        .flat_map(|event| match event {
            Event::SentInOrder { name, positions } => {
                each(positions).map(|pos| Event::Sent(Outgoing { name, pos, copy: FrameCopy::First, len })).collect()
            }
            Event::AcksReceived(positions) => each(positions).map(Event::AckReceived).collect(),
            Event::DeliveredInOrder(positions) => {
                each(positions).map(|pos| Event::Delivered { pos, through: pos }).collect()
            }
            Event::WindowMoved { .. } | Event::TimerMoved { .. } => vec![],
            other => vec![other],
        })
        .collect()
}

/// Drives both alike and compares them after every step; how many runs of more than one frame there were.
fn compare<E: Endpoint>(mut each: E, mut runs: E, mut stream: &[u8], steps: &[Step], len: usize) -> usize {
    let mut now = Moment::ZERO;
    let mut long = 0;
    for step in steps {
        let (mut one, mut many) = (Vec::new(), Vec::new());
        match *step {
            Step::Read(count) => {
                let (piece, rest) = stream.split_at(count.min(stream.len()));
                stream = rest;
                assert_eq!(each.handle_bytes(piece, now), runs.handle_bytes(piece, now));
            }
            Step::Write(room) => {
                let (mut frames, mut spelt) = (Vec::new(), Vec::new());
                while one.len() < room {
                    let Some(frame) = each.poll_transmit(now, &mut one) else { break };
                    frames.push(frame);
                }
                while many.len() < room {
                    let left = room - many.len();
                    let Some(OutgoingRun { first, count }) = runs.poll_transmit_run(now, &mut many, left) else {
                        break;
                    };
                    long += usize::from(count > 1);
                    spelt.extend(
                        (0..i32::try_from(count).unwrap()).map(|k| Outgoing { pos: Pos(first.pos.0 + k), ..first }),
                    );
                }
                assert_eq!(frames, spelt);
            }
            Step::Wait(millis) => {
                now = now + ms(millis);
                each.handle_timeout(now);
                runs.handle_timeout(now);
            }
            Step::End => {
                each.handle_end(TransportEnd::EndOfStream, now);
                runs.handle_end(TransportEnd::EndOfStream, now);
            }
        }
        assert_eq!(one, many);
        assert_eq!(each.poll_delivered(), runs.poll_delivered());
        assert_eq!(each.poll_timeout(), runs.poll_timeout());
        assert_eq!(each.outcome(), runs.outcome());
        let (told, spelt) = (std::iter::from_fn(|| each.poll_event()), std::iter::from_fn(|| runs.poll_event()));
        assert_eq!(spelt_out(told, len), spelt_out(spelt, len));
    }
    long
}

/// A server's frames after RETURN_MAX: mostly the next ACKs.
fn acks() -> impl Strategy<Value = Vec<(Name, String)>> {
    let odd = prop_oneof![
        4 => (0..90_u32).prop_map(|n| (Name::Ack, n.to_string())),
        1 => Just((Name::Ack, "x".to_owned())),
        1 => Just((Name::Disconnect, String::new())),
        1 => Just((Name::ReturnMax, "4".to_owned())),
        1 => (1..9_u32).prop_map(|n| (Name::Ack, format!("00{n}"))),
    ];
    let piece = prop_oneof![4 => (1..30_u32).prop_map(Ok), 1 => odd.prop_map(Err)];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| {
        let (mut next, mut frames) = (1, Vec::new());
        for piece in pieces {
            match piece {
                Ok(run) => {
                    frames.extend((next..next + run).map(|n| (Name::Ack, n.to_string())));
                    next += run;
                }
                Err((name, payload)) => {
                    next = payload.parse().map_or(next, |n: u32| (n + 1).max(next));
                    frames.push((name, payload));
                }
            }
        }
        frames
    })
}

/// A client's frames after GET_MAX: mostly the next packages.
fn packages(capacity: u16) -> impl Strategy<Value = Vec<(Name, Vec<u8>, i32)>> {
    let payload = move || proptest::collection::vec(any::<u8>(), 0..=usize::from(capacity));
    let name =
        prop_oneof![6 => Just(Name::Msg), 2 => Just(Name::Done), 1 => Just(Name::Close), 1 => Just(Name::GetMax)];
    let odd = (name, payload(), prop_oneof![8 => -1_i32..90, 1 => any::<i32>()]).prop_map(Err);
    let run = (1..30_usize, payload()).prop_map(Ok);
    proptest::collection::vec(prop_oneof![4 => run, 1 => odd], 0..10).prop_map(|pieces| {
        let (mut next, mut frames) = (1, Vec::new());
        for piece in pieces {
            match piece {
                Ok((run, payload)) => {
                    for _ in 0..run {
                        frames.push((Name::Msg, payload.clone(), next));
                        next += 1;
                    }
                }
                Err((name, payload, pos)) => {
                    if pos == next {
                        next += 1;
                    }
                    frames.push((name, payload, pos));
                }
            }
        }
        frames
    })
}

/// The frames' bytes; a payload may end in NUL here, as a stranger's may.
fn stream<'f>(
    hello: Vec<u8>,
    frames: impl Iterator<Item = (Name, &'f [u8], i32)>,
    layout: FrameLayout,
    garbage: Option<usize>,
) -> Vec<u8> {
    let mut out = hello;
    for (name, payload, pos) in frames {
        let start = out.len();
        let empty = match name.sender() {
            Side::Client => Frame::from_client(name, b"", Pos(pos), 1.5),
            Side::Server => Frame::from_server(name, b"", 1.5),
        };
        empty.emit(layout, &mut out).unwrap();
        out[start + layout.payload()..][..payload.len()].copy_from_slice(payload);
    }
    if let Some(at) = garbage.filter(|at| *at < out.len()) {
        out[at] ^= 0x55;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_client_does_the_same_by_the_run(
        message_len in 0_usize..600, capacity in 4_u16..20, window in prop_oneof![1_u32..40, Just(u32::MAX)],
        timeout in 1_u64..500, eager: bool, pace in prop_oneof![4 => Just(0_u64), 1 => 1_u64..50],
        acks in acks(), garbage in proptest::option::weighted(0.1, 0_usize..3000), steps in steps(),
    ) {
        let mut config = ClientConfig::new(window, ms(timeout), clock());
        if eager {
            config = config.eager();
        }
        config.pace = ms(pace);
        let message: Vec<u8> = (0..message_len).map(|at| u8::try_from(at % 255).unwrap() + 1).collect();
        let layout = FrameLayout::new(p(capacity));
        let hello = frame(Name::ReturnMax, capacity.to_string().as_bytes(), 0, HANDSHAKE);
        let acks = acks.iter().map(|(name, text)| (*name, text.as_bytes(), 0));
        let bytes = stream(hello, acks, layout, garbage);
        let all = [vec![Step::Write(usize::MAX)], steps].concat();
        let runs = client(&message, config).with_detail(Detail::Runs);
        compare(client(&message, config), runs, &bytes, &all, layout.len());
    }

    #[test]
    fn a_server_does_the_same_by_the_run(
        (capacity, frames) in (4_u16..20).prop_flat_map(|capacity| (Just(capacity), packages(capacity))),
        garbage in proptest::option::weighted(0.1, 0_usize..3000), steps in steps(),
    ) {
        let layout = FrameLayout::new(p(capacity));
        let frames = frames.iter().map(|(name, payload, pos)| (*name, payload.as_slice(), *pos));
        let bytes = stream(get_max(), frames, layout, garbage);
        compare(server(capacity), server(capacity).with_detail(Detail::Runs), &bytes, &steps, layout.len());
    }
}

#[test]
fn an_exchange_without_trouble_goes_by_the_run() {
    let message = [b'm'; 1000];
    let config = ClientConfig::new(64, ms(1000), clock());
    let layout = FrameLayout::new(p(10));
    let hello = frame(Name::ReturnMax, b"10", 0, HANDSHAKE);
    let numbers: Vec<String> = (1..=100).map(|n| n.to_string()).collect();
    let bytes = stream(hello, numbers.iter().map(|n| (Name::Ack, n.as_bytes(), 0)), layout, None);
    let turn = |frames: usize| [Step::Write(usize::MAX), Step::Read(44 * frames)];
    // GET_MAX, and the packages 1 to 64, 65 to 96, 97 to 100.
    let steps = [turn(1), turn(32), turn(32), turn(36), turn(0)].concat();
    let runs = client(&message, config).with_detail(Detail::Runs);
    assert_eq!(compare(client(&message, config), runs, &bytes, &steps, layout.len()), 3);
}
