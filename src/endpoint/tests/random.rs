//! Thousands of exchanges with random messages, windows, loss, delays and cuts, judged by the window rules of an observer
//! and by plain sets. `ARQSCOPE_EXCHANGES` sets how many.

use std::collections::BTreeSet;

use super::*;
use crate::fault::{FaultCause, RandomLoss};
use crate::window::{Acknowledgement, Arrival, Departure, RecvWindow, SendWindow};

struct Setting {
    message: Vec<u8>,
    size: u16,
    config: ClientConfig,
    lose: FaultPlan,
    lose_acks: FaultPlan,
    weather: Weather,
}

fn pick(numbers: &mut oorandom::Rand32, from: u32, to: u32) -> u32 {
    numbers.rand_range(from..to + 1)
}

fn some_positions(numbers: &mut oorandom::Rand32, packages: u32) -> BTreeSet<Pos> {
    let count = pick(numbers, 0, 5);
    (0..count).map(|_| Pos(i32::try_from(pick(numbers, 1, packages + 1)).unwrap())).collect()
}

fn setting(seed: u64) -> Setting {
    let mut numbers = oorandom::Rand32::new(seed);
    let n = &mut numbers;
    let size = u16::try_from(pick(n, 4, 24)).unwrap();
    let packages = pick(n, 0, 40);
    let len = (packages * u32::from(size)).saturating_sub(pick(n, 0, 3));
    // Every byte but NUL.
    let message: Vec<u8> = (0..len).map(|_| u8::try_from(pick(n, 1, 255)).unwrap()).collect();
    let window = if pick(n, 0, 9) == 0 { u32::MAX } else { pick(n, 1, 12) };
    let mut config = ClientConfig::new(window, ms(u64::from(pick(n, 100, 3000))), clock());
    if pick(n, 0, 1) == 1 {
        config = config.eager();
        config.pace = ms(u64::from(pick(n, 0, 300)));
    } else if pick(n, 0, 3) == 0 {
        config.pace = ms(u64::from(pick(n, 0, 100)));
    }
    let rate = |n: &mut oorandom::Rand32| {
        let rate = f64::from(pick(n, 0, 50)) / 100.0;
        let seed = u64::from(n.rand_u32());
        (pick(n, 0, 2) == 0).then_some(RandomLoss { rate, seed })
    };
    // CLOSE is written once and DISCONNECT waited for as long as one timeout: a round trip is shorter, as is one with DONE.
    let longest = u32::try_from(config.timeout.as_millis()).unwrap() / 2 - 1;
    let least = pick(n, 0, longest);
    let jitter = pick(n, 0, longest - least);
    Setting {
        size,
        config,
        lose: FaultPlan { packages: some_positions(n, packages), random: rate(n), ..FaultPlan::default() },
        lose_acks: FaultPlan {
            acks: some_positions(n, packages),
            dones: pick(n, 0, 3).saturating_sub(1),
            random: rate(n),
            ..FaultPlan::default()
        },
        weather: Weather {
            least: ms(u64::from(least)),
            jitter: ms(u64::from(jitter)),
            cuts: pick(n, 0, 1) == 1,
            numbers: oorandom::Rand32::new(seed ^ 0x5eed),
        },
        message,
    }
}

/// What was counted by the client and arrived there, judged by the rules' plain wording.
fn judge_counted(x: &Exchange, window: u32, packages: i32) {
    let (mut last_acked, mut highest) = (0_i64, 0_i64);
    let mut seen = x.client_saw.iter();
    for event in &x.client_events {
        match event {
            Event::Sent(frame) if matches!(frame.name, Name::Msg | Name::Done) => {
                let pos = i64::from(frame.pos.0);
                match frame.copy {
                    FrameCopy::First => {
                        assert_eq!(pos, highest + 1, "new positions are counted one after the other");
                        assert!(pos <= last_acked + i64::from(window), "{pos} beyond the window at {last_acked}");
                        highest = pos;
                    }
                    FrameCopy::Resend(triggers) => {
                        assert_eq!(pos, last_acked + 1, "only the oldest is resent");
                        assert!(triggers.timer || triggers.full_window || triggers.end_of_message);
                    }
                    other => panic!("{other:?}"),
                }
                if frame.name == Name::Done {
                    assert_eq!((pos, last_acked), (i64::from(packages) + 1, i64::from(packages)));
                }
            }
            Event::AckReceived(ack) | Event::AckOutOfOrder { ack, .. } | Event::AckIgnored { ack: Some(ack), .. } => {
                let arrived = seen.by_ref().find_map(|s| match s {
                    Seen::Arrived(Name::Ack, pos) => Some(*pos),
                    _ => None,
                });
                assert_eq!(arrived, Some(*ack));
                last_acked = last_acked.max(i64::from(ack.0));
            }
            _ => {}
        }
    }
}

/// What was written, judged as an observer beside the client does: nothing but gaps that the faults explain.
fn judge_as_observer(x: &Exchange, window: u32) {
    let mut sender = SendWindow::new(Some(window));
    for seen in &x.client_saw {
        match *seen {
            Seen::Wrote(Name::Msg | Name::Done, pos) => {
                let verdict = sender.depart(pos);
                let fine = matches!(
                    verdict,
                    Departure::New { .. } | Departure::Skip { .. } | Departure::Fill | Departure::Resend
                );
                assert!(fine, "{verdict:?} of {pos}");
            }
            Seen::Arrived(Name::Ack, pos) => {
                let verdict = sender.acknowledge(Some(pos));
                let fine = matches!(
                    verdict,
                    Acknowledgement::Advances | Acknowledgement::Jump { .. } | Acknowledgement::Reack
                );
                assert!(fine, "{verdict:?} of {pos}");
            }
            _ => {}
        }
    }
    // Beside the server, with plain sets: an ACK has all below it, first ACKs come in order.
    let mut arrived = BTreeSet::new();
    let mut receiver = RecvWindow::new();
    for seen in &x.server_saw {
        match *seen {
            Seen::Arrived(Name::Msg | Name::Done, pos) => {
                assert!(!matches!(receiver.arrive(pos), Arrival::NotAPosition | Arrival::NoRoom));
                arrived.insert(pos.0);
            }
            Seen::Wrote(Name::Ack, pos) => assert!((1..=pos.0).all(|k| arrived.contains(&k)), "ACK {pos} too early"),
            _ => {}
        }
    }
}

fn judge_faults(x: &Exchange) {
    for (endpoint, events) in [(x.client.injector(), &x.client_events), (x.server.injector(), &x.server_events)] {
        let announced = events.iter().filter(|e| matches!(e, Event::WillBeLost { .. } | Event::WillBeIgnored { .. }));
        assert_eq!(announced.count(), endpoint.log().len());
        let counted = events.iter().filter(|e| matches!(e, Event::Sent(_))).count();
        let lost = endpoint.log().iter().filter(|fault| fault.why != FaultCause::Ignored).count();
        let side = if std::ptr::eq(endpoint, x.client.injector()) { Side::Client } else { Side::Server };
        let written = x.written.iter().filter(|w| w.from == side).count();
        assert_eq!(counted, lost + written, "counted = lost + written");
    }
}

#[test]
fn a_message_arrives_whole_whatever_is_lost_late_or_cut() {
    let exchanges = std::env::var("ARQSCOPE_EXCHANGES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000_u64);
    let (mut frames, mut faults, mut eager, mut resends) = (0, 0, 0, 0);
    for seed in 0..exchanges {
        let s = setting(seed);
        let packages = i32::try_from(s.message.len().div_ceil(usize::from(s.size))).unwrap();
        let config = s.config;
        let run = std::panic::catch_unwind(|| {
            let x = exchange(client(&s.message, config), server(s.size), s.lose, s.lose_acks, s.weather);
            assert_eq!(x.received, s.message);
            assert_eq!(x.client.outcome(), Some(&Outcome::Complete));
            assert_eq!(x.server.outcome(), Some(&Outcome::Complete));
            let last: Vec<Name> = x.written.iter().rev().take(2).map(|w| w.frame.name).collect();
            assert_eq!(last, [Name::Disconnect, Name::Close]);
            judge_counted(&x, config.window, packages);
            judge_as_observer(&x, config.window);
            judge_faults(&x);
            x
        });
        let x = run.unwrap_or_else(|_| panic!("exchange of seed {seed} under {config:?}"));
        frames += x.written.len();
        faults += x.client.injector().log().len() + x.server.injector().log().len();
        eager += u64::from(config.policy == ResendPolicy::Eager);
        resends += x.written.iter().filter(|w| matches!(w.frame.copy, FrameCopy::Resend(_))).count();
    }
    println!(
        "{exchanges} exchanges ({eager} eager): {frames} frames written, {resends} of them resends, {faults} faults"
    );
    assert!(exchanges < 100 || (faults > 0 && resends > 0 && eager > 0 && eager < exchanges));
}

#[test]
fn the_same_seed_gives_the_same_exchange() {
    let run = |seed| {
        let s = setting(seed);
        let x = exchange(client(&s.message, s.config), server(s.size), s.lose, s.lose_acks, s.weather);
        (x.written, x.client.injector().log().to_vec(), x.server.injector().log().to_vec(), x.client_events)
    };
    for seed in 0..50 {
        assert!(run(seed) == run(seed), "seed {seed}");
    }
}
