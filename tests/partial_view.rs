//! What an observer claims when it did not see everything, held against the whole exchange.
//!
//! A client and a server that keep the rules exchange messages with mimicked loss of any MSG and ACK, early resends
//! and late ACKs. The whole log tells the truth; an observer gets a part of it and may accuse nobody of what he did not do.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

use std::collections::{BTreeSet, VecDeque};

use arqscope::window::{Acknowledgement, Arrival, Departure, Positions, RecvWindow, SendWindow};
use arqscope::wire::Pos;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Msg(i32),
    Ack(i32),
}

/// Deterministic numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn percent(&mut self, rate: u64) -> bool {
        self.below(100) < rate
    }
}

/// The frames on the wire of an exchange of `count` positions in which both sides keep the rules, in the
/// order in which they were written.
fn exchange(seed: u64, count: i32, window: u32, loss: u64, early: u64) -> Vec<Frame> {
    let mut random = Random(seed);
    let mut client = SendWindow::new(Some(window));
    let mut server = RecvWindow::new();
    let (mut to_server, mut to_client) = (VecDeque::new(), VecDeque::new());
    let mut log = Vec::new();
    while client.last_acked() != Some(Pos(count)) {
        match random.below(3) {
            0 => {
                if let Some(pos) = to_server.pop_front() {
                    let acks = match server.arrive(Pos(pos)) {
                        Arrival::InOrder { acks } => Some(acks),
                        Arrival::Duplicate => Positions::new(Pos(pos), Pos(pos)),
                        _ => None,
                    };
                    for n in acks.into_iter().flat_map(|acks| acks.first().0..=acks.last().0) {
                        if !random.percent(loss) {
                            log.push(Frame::Ack(n));
                            to_client.push_back(n);
                        }
                    }
                }
            }
            1 => {
                if let Some(n) = to_client.pop_front() {
                    client.acknowledge(Some(Pos(n)));
                }
            }
            _ => {
                let next = Pos(client.highest().0 + 1);
                let may = next.0 <= count && client.may_depart(next);
                let quiet = to_server.is_empty() && to_client.is_empty();
                let resend = client.oldest_unacked().filter(|_| (quiet && !may) || random.percent(early));
                let Some(pos) = resend.or(may.then_some(next)) else { continue };
                client.depart(pos);
                if !random.percent(loss) {
                    log.push(Frame::Msg(pos.0));
                    to_server.push_back(pos.0);
                }
            }
        }
    }
    log
}

/// What is true of frame `at`, from every frame before it.
fn wrong_departure(log: &[Frame], at: usize, pos: i32, verdict: Departure) -> bool {
    let written: BTreeSet<i32> = log[..at]
        .iter()
        .filter_map(|frame| match frame {
            Frame::Msg(pos) => Some(*pos),
            Frame::Ack(_) => None,
        })
        .collect();
    match verdict {
        Departure::Skip { missing } => written.range(missing.first().0..=missing.last().0).next().is_some(),
        Departure::Fill => written.contains(&pos),
        Departure::Resend => !written.contains(&pos),
        Departure::New { .. } | Departure::Unclear => false,
        Departure::BeyondWindow { .. } | Departure::NotAPosition => true,
    }
}

fn wrong_acknowledgement(log: &[Frame], at: usize, verdict: Acknowledgement) -> bool {
    match verdict {
        Acknowledgement::Jump { missing } => {
            log[..at].iter().any(|frame| matches!(frame, Frame::Ack(n) if missing.contains(Pos(*n))))
        }
        Acknowledgement::Reack | Acknowledgement::Unclear | Acknowledgement::Advances => false,
        // Nobody did any of these.
        _ => true,
    }
}

/// The claims of `observer` about the frames of `log` it sees that are not true.
fn wrong_claims(log: &[Frame], window: u32, view: View) -> Vec<String> {
    let mut observer = match view {
        View::From(_) => SendWindow::mid_stream(Some(window)),
        _ => SendWindow::new(Some(window)),
    };
    let mut wrong = Vec::new();
    for (at, frame) in log.iter().enumerate() {
        match (view, frame) {
            (View::From(start), _) if at < start => continue,
            (View::WithoutMsgs(from, to), Frame::Msg(_)) if (from..to).contains(&at) => {
                observer.miss_departures();
                continue;
            }
            (View::WithoutAcks(from, to), Frame::Ack(_)) if (from..to).contains(&at) => {
                observer.miss_acknowledgements();
                continue;
            }
            _ => {}
        }
        match *frame {
            Frame::Msg(pos) => {
                let verdict = observer.depart(Pos(pos));
                if wrong_departure(log, at, pos, verdict) {
                    wrong.push(format!("{at} MSG {pos}: {verdict:?}"));
                }
            }
            Frame::Ack(n) => {
                let verdict = observer.acknowledge(Some(Pos(n)));
                if wrong_acknowledgement(log, at, verdict) {
                    wrong.push(format!("{at} ACK {n}: {verdict:?}"));
                }
            }
        }
    }
    wrong
}

#[derive(Debug, Clone, Copy)]
enum View {
    Whole,
    From(usize),
    WithoutMsgs(usize, usize),
    WithoutAcks(usize, usize),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_who_keeps_the_rules_is_accused_by_an_observer_who_saw_everything(
        seed: u64, window in 1_u32..6, loss in 0_u64..40, early in 0_u64..30,
    ) {
        let log = exchange(seed, 25, window, loss, early);
        prop_assert_eq!(wrong_claims(&log, window, View::Whole), Vec::<String>::new(), "{:?}", log);
    }

    #[test]
    fn nobody_is_accused_of_what_came_before_the_capture(
        seed: u64, window in 1_u32..6, loss in 0_u64..40, start in 0.0..1.0,
    ) {
        // Without premature resends: a late answer to one may be the first ACK seen, and that cannot be told.
        let log = exchange(seed, 25, window, loss, 0);
        let start = (log.len() as f64 * start) as usize;
        prop_assert_eq!(wrong_claims(&log, window, View::From(start)), Vec::<String>::new(), "{} {:?}", start, log);
    }

    #[test]
    fn nobody_is_accused_of_what_lies_in_a_hole(
        seed: u64, window in 1_u32..6, loss in 0_u64..40, early in 0_u64..30, start in 0.0..1.0, len in 1_usize..12, acks: bool,
    ) {
        let log = exchange(seed, 25, window, loss, early);
        let start = (log.len() as f64 * start) as usize;
        let view = if acks { View::WithoutAcks(start, start + len) } else { View::WithoutMsgs(start, start + len) };
        prop_assert_eq!(wrong_claims(&log, window, view), Vec::<String>::new(), "{:?} {:?}", view, log);
    }
}
