//! Exchanges made by senders of each behaviour, and whether the replay names the right one.

mod divergence;
mod senders;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use oorandom::Rand32;

use super::*;
use crate::analyze::{Behaviour, BehaviourFit};
use senders::{Plan, Receiver, Seen, receiver_of, run, steps};

const TOLERANCE: Duration = Duration::from_millis(4);

fn replay(seen: &[Seen], plan: &Plan, declared: bool) -> Reference {
    let window = declared.then_some(plan.window.unsigned_abs());
    let steps = steps(seen, window, plan.vantage);
    let mut replay = Replay::new(&ReplayOptions {
        window,
        timeout: declared.then_some(Duration::from_millis(plan.timeout.unsigned_abs())),
        tolerance: TOLERANCE,
        began: steps.first().and_then(|(step, _)| step.time),
        from_start: [true, true],
    });
    steps.iter().for_each(|(step, acks_proved)| replay.step(step, *acks_proved));
    replay.finish()
}

fn fit(reference: &Reference, behaviour: Behaviour) -> &BehaviourFit {
    reference.fits.iter().find(|fit| fit.behaviour == behaviour).unwrap()
}

/// Those that nothing fits better than.
fn best(reference: &Reference) -> Vec<Behaviour> {
    let rank = |fit: &BehaviourFit| (fit.contradicted, Reverse(fit.explained));
    let top = reference.fits.iter().map(rank).min();
    reference.fits.iter().filter(|fit| Some(rank(fit)) == top).map(|fit| fit.behaviour).collect()
}

fn numbers(chance: &mut Rand32, below: u32, count: u32) -> BTreeSet<i32> {
    (0..count).map(|_| i32::try_from(chance.rand_range(1..below)).unwrap()).collect()
}

/// Any exchange of up to a dozen packages.
fn any_plan(seed: u64) -> Plan {
    let mut chance = Rand32::new(seed);
    let mut from = |range: std::ops::Range<u32>| i64::from(chance.rand_range(range));
    let (delay, slack) = (from(1..30), from(0..4));
    let pace = if from(0..2) == 0 { 0 } else { from(5..60) };
    let (packages, window, vantage) = (from(3..13), from(1..6), delay * from(0..11) / 10);
    let (lost, lost_acks) = (from(0..4), from(0..4));
    Plan {
        packages: i32::try_from(packages).unwrap(),
        window: i32::try_from(window).unwrap(),
        timeout: 2 * delay + 20 + 60 * slack,
        pace,
        delay,
        vantage,
        lost: numbers(&mut chance, 13, u32::try_from(lost).unwrap()),
        lost_acks: numbers(&mut chance, 13, u32::try_from(lost_acks).unwrap()),
    }
}

/// One with so many losses that the behaviours differ: thirty packages, a window that is used.
fn telling_plan(seed: u64) -> Plan {
    let mut chance = Rand32::new(seed);
    let mut from = |range: std::ops::Range<u32>| i64::from(chance.rand_range(range));
    let delay = from(10..30);
    let (window, slack, pace, vantage) = (from(3..6), from(0..4), from(5..10), delay * from(0..11) / 10);
    Plan {
        packages: 30,
        window: i32::try_from(window).unwrap(),
        timeout: 2 * delay + 20 + 60 * slack,
        pace,
        delay,
        vantage,
        lost: numbers(&mut chance, 30, 8),
        lost_acks: numbers(&mut chance, 30, 8),
    }
}

#[test]
fn the_behaviour_that_made_an_exchange_is_never_fitted_worse_than_another() {
    for seed in 0..400 {
        let plan = any_plan(seed);
        for behaviour in Behaviour::ALL {
            for receiver in [receiver_of(behaviour), Receiver::InOrder] {
                let seen = run(behaviour, receiver, &plan);
                let reference = replay(&seen, &plan, true);
                assert!(
                    best(&reference).contains(&behaviour),
                    "seed {seed}: {behaviour:?} with {receiver:?}, {plan:?}\n{}\n{reference:#?}",
                    senders::line(&seen)
                );
            }
        }
    }
}

#[test]
fn where_losses_tell_behaviours_apart_the_right_one_is_named_and_no_other() {
    let plans = 40;
    for behaviour in Behaviour::ALL {
        // What the timer alone sets off, this protocol allows.
        let named =
            if behaviour == Behaviour::TimerOnly { vec![Behaviour::ThisProtocol, behaviour] } else { vec![behaviour] };
        let mut ties = Vec::new();
        for seed in 0..plans {
            let plan = telling_plan(seed);
            let seen = run(behaviour, receiver_of(behaviour), &plan);
            let reference = replay(&seen, &plan, true);
            let best = best(&reference);
            assert!(
                best.starts_with(&named),
                "seed {seed}: {behaviour:?}, {plan:?}\n{}\n{reference:#?}",
                senders::line(&seen)
            );
            if best != named {
                ties.push((seed, best));
            }
        }
        assert!(ties.len() * 10 <= usize::try_from(plans).unwrap(), "{behaviour:?}: {ties:?}");
    }
}

#[test]
fn equal_exchanges_are_said_to_be_a_tie() {
    let mut ties = 0;
    for seed in 0..200 {
        let plan = any_plan(seed);
        for behaviour in Behaviour::ALL {
            let seen = run(behaviour, Receiver::InOrder, &plan);
            let reference = replay(&seen, &plan, true);
            for other in Behaviour::ALL {
                // The capture does not tell the pace: one that is as long as the round trip looks like waiting.
                let paces = [plan.pace, 2 * plan.delay];
                let same = |pace| run(other, Receiver::InOrder, &Plan { pace, ..plan.clone() }) == seen;
                if paces.into_iter().any(same) {
                    let (one, other) = (fit(&reference, behaviour), fit(&reference, other));
                    ties += usize::from(one.behaviour != other.behaviour);
                    let (a, b) = ((one.contradicted, one.explained), (other.contradicted, other.explained));
                    assert_eq!(a, b, "seed {seed}, {plan:?}\n{}\n{one:#?}\n{other:#?}", senders::line(&seen));
                }
            }
        }
    }
    assert!(ties > 500, "{ties}");
}

#[test]
fn without_declared_parameters_the_right_one_is_among_the_best() {
    for seed in 0..60 {
        let plan = telling_plan(seed);
        for behaviour in Behaviour::ALL {
            let seen = run(behaviour, receiver_of(behaviour), &plan);
            let reference = replay(&seen, &plan, false);
            let fit = fit(&reference, behaviour);
            assert_eq!(fit.contradicted, 0, "seed {seed}: {plan:?}\n{}\n{fit:#?}", senders::line(&seen));
            let pipelined = behaviour != Behaviour::StopAndWait;
            assert_eq!(best(&reference).contains(&Behaviour::StopAndWait), !pipelined);
        }
    }
}

#[test]
fn a_quiet_exchange_tells_nothing_apart_but_that_it_is_pipelined() {
    let plan = Plan {
        packages: 9,
        window: 3,
        timeout: 500,
        pace: 0,
        delay: 1,
        vantage: 0,
        lost: BTreeSet::new(),
        lost_acks: BTreeSet::new(),
    };
    let reference = replay(&run(Behaviour::TimerOnly, Receiver::InOrder, &plan), &plan, true);
    assert_eq!(
        best(&reference),
        [Behaviour::ThisProtocol, Behaviour::TimerOnly, Behaviour::GoBackN, Behaviour::SelectiveRepeat]
    );
    assert_eq!(fit(&reference, Behaviour::StopAndWait).contradicted, 6, "two of each window's three");
    assert_eq!(reference.divergence, None);
}

#[test]
fn nothing_written_is_nothing_to_fit() {
    let plan = any_plan(1);
    assert_eq!(replay(&[], &plan, true), Reference::default());
}

#[test]
fn behind_a_hole_nothing_is_claimed() {
    for seed in 0..60 {
        let plan = telling_plan(seed);
        for behaviour in Behaviour::ALL {
            let seen = run(behaviour, Receiver::InOrder, &plan);
            for side in [Side::Client, Side::Server] {
                // Every third frame of a side is missing, and the window rules know it.
                let mut count = 0;
                let kept: Vec<_> = seen
                    .iter()
                    .map(|frame| {
                        count += u64::from(frame.name.sender() == side);
                        (frame.name.sender() != side || count % 3 != 0).then_some(*frame)
                    })
                    .collect();
                let steps = senders::steps_with_holes(&kept, side, plan.window.unsigned_abs());
                let mut replay = Replay::new(&ReplayOptions {
                    window: Some(plan.window.unsigned_abs()),
                    timeout: Some(Duration::from_millis(plan.timeout.unsigned_abs())),
                    tolerance: TOLERANCE,
                    began: None,
                    from_start: [true, true],
                });
                for step in &steps {
                    match step {
                        Some((step, acks_proved)) => replay.step(step, *acks_proved),
                        None => replay.hole(side),
                    }
                }
                let found = replay.finish().divergence;
                let allowed = behaviour == Behaviour::SelectiveRepeat || behaviour == Behaviour::GoBackN;
                assert!(allowed || found.is_none(), "seed {seed}: {behaviour:?}, {side}: {found:?}");
            }
        }
    }
}
