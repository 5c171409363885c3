//! Random exchanges: what the analysis says against what the simulation knows, and against frames that mean nothing.

use std::collections::{BTreeMap, BTreeSet};

use oorandom::Rand64;
use proptest::prelude::*;

use super::script::capture;
use super::*;
use crate::analyze::{Trigger, Why};
use crate::capture_writer::{CaptureWriter, Description};
use crate::simulate::scenario::{
    Cutting, Defects, Exchange, Losses, Message, Numbers, ResendKey, Scenario, Span, Vantage,
};
use crate::simulate::truth::{Class, ConnectionTruth, Resend, ResendCause, TruthEvent};
use crate::simulate::{Chronicle, simulate};
use crate::wire::{MaxMsgSize, Name, Side};

#[derive(Default)]
struct Truth {
    events: Vec<TruthEvent>,
    connections: Vec<ConnectionTruth>,
}

impl Chronicle for Truth {
    fn event(&mut self, event: &TruthEvent) -> std::io::Result<()> {
        self.events.push(event.clone());
        Ok(())
    }

    fn connection(&mut self, connection: ConnectionTruth) -> std::io::Result<()> {
        self.connections.push(connection);
        Ok(())
    }
}

/// The seeds to play: 0 to 300, or from `FROM` to `SEEDS` where those are set.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str, or: u64| std::env::var(name).map_or(or, |number| number.parse().unwrap());
    number("FROM", 0)..number("SEEDS", 300)
}

fn span(nanos: u64) -> Span {
    Span::from_nanos(nanos).unwrap()
}

/// One connection that keeps the rules, with losses of every kind.
fn scenario(seed: u64) -> Scenario {
    let mut chance = Rand64::new(u128::from(seed));
    let mut below = |n: u64| chance.rand_range(0..n);
    let max_msg_size = MaxMsgSize::new([4, 5, 6, 7, 10, 11, 18, 300][below(8) as usize]).unwrap();
    let positions = below(30);
    let list =
        |below: &mut dyn FnMut(u64) -> u64| -> Numbers { (0..below(5)).map(|_| 1 + below(positions + 1)).collect() };
    let messages = list(&mut below);
    let acks = list(&mut below);
    let exchange = Exchange {
        opens: span(0),
        message: Message::Letters((positions * u64::from(max_msg_size.get())).saturating_sub(below(3))),
        max_msg_size,
        window: 1 + below(6) as u32,
        timeout: span(5_000_000 + below(2_000_000_000)),
        resend: if below(2) == 0 { ResendKey::Timer } else { ResendKey::Eager },
        pace: (below(2) == 0).then(|| span(below(900_000_000))),
        max_resends: (below(3) == 0).then(|| 1 + below(4) as u32),
        delay_to_server: span(1 + below(20_000_000)),
        delay_to_client: span(1 + below(20_000_000)),
        jitter: span(1 + below(10_000_000)),
        client_processing: span(1 + below(50_000)),
        server_processing: span(1 + below(30_000_000)),
        losses: Losses {
            messages,
            acks,
            done: below(3) as u32,
            message_rate: [0.0, 0.0, 0.1, 0.4][below(4) as usize],
            ack_rate: [0.0, 0.0, 0.1, 0.4][below(4) as usize],
        },
        cutting: match below(4) {
            0 => Cutting::PerFrame,
            1 => Cutting::Coalesced(100 + below(200) as u32),
            2 => Cutting::Lengths([7, 30, 1].into()),
            _ => Cutting::Random(1, 90),
        },
    };
    let vantage = Vantage::from_share(below(5) as f64 / 4.0).unwrap();
    let start = crate::time::Timestamp::from_nanos(1_767_603_600_000_000_000);
    Scenario { seed, start, vantage, exchanges: vec![exchange], defects: Defects::default() }
}

fn play(scenario: &Scenario) -> (Told, Truth) {
    let exchange = &scenario.exchanges[0];
    play_with(scenario, declared(exchange.window, exchange.timeout.seconds()))
}

fn play_with(scenario: &Scenario, options: AnalysisOptions) -> (Told, Truth) {
    let mut truth = Truth::default();
    let writer = CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap();
    let (_, writer) = simulate(scenario, writer, Some(&mut truth)).unwrap();
    let bytes = writer.finish().unwrap();
    if let Ok(path) = std::env::var("DUMP") {
        std::fs::write(path, &bytes).unwrap();
    }
    (analyse_bytes(bytes, options), truth)
}

/// Positions, as often as they come.
type Bag = BTreeMap<i32, u32>;

fn bag(positions: impl IntoIterator<Item = i32>) -> Bag {
    let mut bag = Bag::new();
    for pos in positions {
        *bag.entry(pos).or_default() += 1;
    }
    bag
}

const AGAIN: [&str; 3] = ["duplicate-resend", "resend-after-ack", "premature-resend"];

fn found(told: &Told, rules: &[&str]) -> Bag {
    bag(told.findings.iter().filter(|f| rules.contains(&f.rule.name)).flat_map(|f| f.positions.iter().map(|p| p.0)))
}

fn losses(truth: &Truth, wanted: Class) -> BTreeSet<i32> {
    let loss = |event: &TruthEvent| match event {
        TruthEvent::MessageLost(loss) | TruthEvent::AckLost(loss) | TruthEvent::DoneIgnored(loss) => {
            (loss.visible && loss.class == wanted).then_some(loss.pos)
        }
        _ => None,
    };
    truth.events.iter().filter_map(loss).collect()
}

fn resends(truth: &Truth) -> Vec<&Resend> {
    let mut written = Vec::new();
    for event in &truth.events {
        if let TruthEvent::Resend(resend) = event
            && resend.written
        {
            written.push(resend);
        }
    }
    written
}

/// What is wrong with the cause of a finding, given the resend that it is about.
fn wrong_cause(finding: &Finding, resend: &Resend) -> Option<String> {
    let cause = finding.cause.as_ref().unwrap();
    let why = match resend.why {
        ResendCause::NeverWritten => Why::NeverWritten,
        ResendCause::AckMissing => Why::AckMissing,
        ResendCause::AckUnderway => Why::Unexplained,
    };
    let held = [
        (Trigger::Timer, resend.triggers.timer.is_some()),
        (Trigger::FullWindow, resend.triggers.full_window.is_some()),
        (Trigger::EndOfMessage, resend.triggers.end_of_message),
    ];
    let wrong = held.iter().any(|(trigger, held)| {
        let (said, open) = (cause.triggers.contains(trigger), cause.undecided.contains(trigger));
        said && !held || !said && !open && *held
    });
    (wrong || (why != cause.why && cause.why != Why::CannotTell)).then(|| format!("{cause:?} is not {resend:?}"))
}

fn check(seed: u64) {
    let scenario = scenario(seed);
    let (told, truth) = play(&scenario);
    let context = || format!("seed {seed}: {:?}\n{:#?}\n{:?}", told.names(), truth.events, scenario.exchanges[0]);
    let set = |bag: Bag| -> BTreeSet<i32> { bag.into_keys().collect() };
    let resends = resends(&truth);
    let of =
        |class: Class, name: Name| bag(resends.iter().filter(|r| r.class == class && r.frame == name).map(|r| r.pos));
    // Packages.
    let (late, never) = (losses(&truth, Class::Gap), losses(&truth, Class::GapUnrecovered));
    assert_eq!(set(found(&told, &["gap"])), late.union(&never).copied().collect(), "gap {}", context());
    assert_eq!(set(found(&told, &["gap-unrecovered"])), never, "gap-unrecovered {}", context());
    assert_eq!(found(&told, &AGAIN), of(Class::Duplicate, Name::Msg), "resends {}", context());
    assert_eq!(found(&told, &["done-resend"]), of(Class::Duplicate, Name::Done), "done {}", context());
    assert_eq!(found(&told, &["premature-resend"]), Bag::new(), "{}", context());
    let again: Vec<&Finding> = told.findings.iter().filter(|f| f.cause.is_some()).collect();
    for finding in &again {
        let pos = finding.positions.iter().next().unwrap().0;
        let nth = again.iter().filter(|f| f.positions == finding.positions && f.at < finding.at).count();
        let same: Vec<&&Resend> =
            resends.iter().filter(|r| r.pos == pos && matches!(r.class, Class::Duplicate | Class::Fill)).collect();
        if let Some(wrong) = wrong_cause(finding, same[nth]) {
            panic!("{wrong} {}", context());
        }
    }
    // ACKs.
    let jumped = set(found(&told, &["ack-gap"]));
    let lost: BTreeSet<i32> = truth
        .events
        .iter()
        .filter_map(|e| if let TruthEvent::AckLost(loss) = e { Some(loss.pos) } else { None })
        .collect();
    assert!(losses(&truth, Class::AckGap).is_subset(&jumped) && jumped.is_subset(&lost), "ack-gap {}", context());
    let withheld = set(found(&told, &["ack-withheld"]));
    let done = truth.connections[0].packages as i32 + 1;
    let mut silent = losses(&truth, Class::AckWithheld);
    let unanswered = losses(&truth, Class::DoneUnanswered);
    if !found(&told, &["done-resend"]).contains_key(&done) {
        silent.extend(&unanswered);
    }
    assert!(silent.is_subset(&withheld), "ack-withheld {silent:?} {withheld:?} {}", context());
    let ignored = unanswered.iter().copied().collect::<BTreeSet<_>>();
    assert!(
        withheld.iter().all(|pos| lost.contains(pos) || ignored.contains(pos)),
        "ack-withheld {withheld:?} {}",
        context()
    );
    // Every one that is said to be missing is, as often; all are, once the server has said goodbye.
    let unwritten = bag(told.unwritten());
    let of_packages = |event: &TruthEvent| match event {
        TruthEvent::AckLost(loss) if loss.pos != done => Some(loss.pos),
        _ => None,
    };
    let truly = bag(truth.events.iter().filter_map(of_packages));
    for (pos, times) in &unwritten {
        assert!(truly.get(pos) >= Some(times), "ACK {pos}, {times} times; {truly:?} {}", context());
    }
    if truth.connections[0].frames.disconnect > 0 && withheld.iter().all(|pos| *pos == done) {
        assert_eq!(unwritten, truly, "{}", context());
    }
    for pos in losses(&truth, Class::AckLateOrLost) {
        assert!(found(&told, &AGAIN).contains_key(&pos), "{pos} {}", context());
    }
    // And nothing else.
    // A client may have given up before the DISCONNECT that is on the wire.
    let complete = truth.connections[0].frames.disconnect > 0;
    assert_eq!(told.of("incomplete-exchange").is_empty(), complete, "{}", context());
    // A resend that was not written restarts the timer, and lets the package that waits for its ACK go.
    let unwritten = truth.events.iter().any(|event| matches!(event, TruthEvent::Resend(resend) if !resend.written));
    for finding in told.findings.iter().filter(|f| f.severity > Severity::Chat) {
        let expected = match finding.rule.name {
            "gap" | "gap-unrecovered" | "ack-gap" | "ack-withheld" | "done-resend" | "incomplete-exchange" => true,
            "late-ack" => true,
            "overdue-resend" => unwritten,
            name => AGAIN.contains(&name),
        };
        assert!(expected, "{finding:?} {}", context());
    }
    if told.doubts.iter().any(|doubt| doubt.rule.name != "ack-withheld") {
        panic!("{:?} {}", told.doubts, context());
    }
}

#[test]
fn what_left_a_trace_is_found_with_its_cause_and_nothing_else_is() {
    for seed in seeds() {
        check(seed);
    }
}

/// A capture that lacks something.
fn with_defects(seed: u64) -> Scenario {
    let mut scenario = scenario(seed);
    let mut chance = Rand64::new(u128::from(seed) + 77);
    let mut below = |n: u64| chance.rand_range(0..n);
    // Of a single byte that was acknowledged and is not there nobody can tell whether it is a FIN.
    if let Cutting::Random(..) | Cutting::Lengths(_) = scenario.exchanges[0].cutting {
        scenario.exchanges[0].cutting = Cutting::Coalesced(100);
    }
    let defects = &mut scenario.defects;
    match below(6) {
        0 => defects.drop_rate = [0.02, 0.1, 0.3][below(3) as usize],
        1 => defects.snaplen = Some(60 + below(60) as u32),
        2 => defects.no_handshake = true,
        3 => defects.only = Some([Side::Client, Side::Server][below(2) as usize]),
        4 => (defects.reorder_rate, defects.duplicate_rate) = (0.1, 0.1),
        _ => {
            defects.from = span(below(3_000_000_000));
            defects.until = (below(2) == 0).then(|| span(3_000_000_000 + below(9_000_000_000)));
            defects.drop_rate = [0.0, 0.05][below(2) as usize];
        }
    }
    scenario
}

/// Nothing is said that the truth contradicts.
fn check_claims(seed: u64, options: impl Fn(&Exchange) -> AnalysisOptions) {
    let scenario = with_defects(seed);
    let (told, truth) = play_with(&scenario, options(&scenario.exchanges[0]));
    let context = || {
        format!(
            "seed {seed}: {:?}\n{:#?}\n{:?}\n{:?}",
            told.names(),
            truth.events,
            scenario.exchanges[0],
            scenario.defects
        )
    };
    let (mut lost, mut unanswered) = (BTreeSet::new(), BTreeSet::new());
    for event in &truth.events {
        match event {
            TruthEvent::MessageLost(loss) => drop(lost.insert(loss.pos)),
            TruthEvent::AckLost(loss) | TruthEvent::DoneIgnored(loss) => drop(unanswered.insert(loss.pos)),
            _ => {}
        }
    }
    assert!(told.unwritten().iter().all(|pos| unanswered.contains(pos)), "{:?}\n{}", told.unwritten(), context());
    let told_why = |why| told.findings.iter().filter(|f| f.cause.as_ref().is_some_and(|c| c.why == why)).count() as u64;
    let causes = told.closed.iter().map(|closed| closed.metrics.resend_causes);
    let (unexplained, cannot_tell) =
        causes.fold((0, 0), |sum, causes| (sum.0 + causes.unexplained, sum.1 + causes.cannot_tell));
    assert_eq!((unexplained, cannot_tell), (told_why(Why::Unexplained), told_why(Why::CannotTell)), "{}", context());
    let again = bag(resends(&truth).iter().map(|resend| resend.pos));
    for finding in told.findings.iter().filter(|finding| finding.severity > Severity::Chat) {
        let all = |set: &BTreeSet<i32>| finding.positions.iter().all(|pos| set.contains(&pos.0));
        let right = match finding.rule.name {
            "gap" | "gap-unrecovered" => all(&lost),
            "overdue-resend" => {
                truth.events.iter().any(|event| matches!(event, TruthEvent::Resend(resend) if !resend.written))
            }
            "ack-gap" | "ack-withheld" => all(&unanswered),
            "duplicate-resend" | "resend-after-ack" | "done-resend" => {
                finding.positions.iter().all(|pos| again.contains_key(&pos.0))
            }
            "late-ack" | "capture-hole" | "truncated-packet" | "one-sided" | "mid-stream" | "clock-backwards"
            | "partial-frame" => true,
            "incomplete-exchange" => finding.severity == Severity::Note || truth.connections[0].frames.disconnect == 0,
            _ => false,
        };
        assert!(right, "{finding:?}\n{}", context());
        let Some(cause) = &finding.cause else { continue };
        let pos = finding.positions.iter().next().unwrap();
        // One of the resends of that position has this cause.
        let agrees = resends(&truth).iter().any(|resend| resend.pos == pos.0 && wrong_cause(finding, resend).is_none());
        assert!(agrees, "{cause:?}\n{}", context());
    }
}

#[test]
fn a_capture_that_lacks_something_leads_to_no_false_claim() {
    for seed in seeds() {
        check_claims(seed, |exchange| declared(exchange.window, exchange.timeout.seconds()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_frames_with_any_holes_are_analysed(
        lines in proptest::collection::vec(
            (0_usize..7, -2_i32..12, 0_u32..8, any::<bool>(), 0_u32..12, -1_i32..4), 0..60),
        window in proptest::option::of(1_u32..5),
        bare: bool, midstream: bool,
    ) {
        let mut script = String::new();
        if bare { script.push_str("bare\n"); }
        if midstream { script.push_str("midstream\n"); }
        for (i, (name, pos, kind, server, damage, odd)) in lines.into_iter().enumerate() {
            let name = Name::ALL[name];
            let time = 0.01 * i as f64;
            let side = if kind == 0 || (kind == 1) == server { name.sender().other() } else { name.sender() };
            let damage = match damage { 0 => "lost ", 1 => "cut=20 ", 2 => "cut=43 ", _ => "" };
            let odd = match odd { 0 => " sent=-5", 1 => " seq=3 ack=7", 2 => " header=HELLO", _ => "" };
            script.push_str(&format!("{time:.2} {damage}{side} {name} {pos} ab{odd}\n"));
        }
        let options = AnalysisOptions { window, ..declared(1, 0.02) };
        let told = analyse_bytes(capture(&script), options);
        // Every frame is a step, and counts are those of what was told.
        for closed in &told.closed {
            prop_assert_eq!(closed.metrics.frames, told.steps.len() as u64);
            let counted: u64 = closed.counts.iter().map(|count| count.findings).sum();
            prop_assert_eq!(counted, told.findings.len() as u64);
            prop_assert_eq!(closed.doubts, told.doubts.len() as u64);
            prop_assert!(!closed.verdict.line.is_empty());
        }
        for finding in &told.findings {
            prop_assert!(!finding.message.is_empty() && !finding.expected.is_empty() && !finding.seen.is_empty());
            prop_assert!(finding.packets.is_sorted() && finding.packets.contains(&finding.at), "{:?}", finding);
        }
    }
}

#[test]
fn what_is_inferred_is_true_of_the_exchange() {
    for seed in seeds() {
        let scenario = if seed % 2 == 0 { scenario(seed) } else { with_defects(seed) };
        let (told, _) = play_with(&scenario, AnalysisOptions::default());
        let exchange = &scenario.exchanges[0];
        for closed in &told.closed {
            let window = closed.parameters.window.inferred.as_ref().and_then(|inferred| inferred.bounds.min);
            assert!(window.is_none_or(|least| least <= exchange.window), "seed {seed}: {window:?} {exchange:?}");
            let timeout = closed.parameters.timeout.inferred.as_ref().and_then(|inferred| inferred.bounds.max);
            assert!(
                timeout.is_none_or(|most| most + 1e-6 >= exchange.timeout.seconds()),
                "seed {seed}: {timeout:?} {exchange:?}"
            );
        }
    }
}
