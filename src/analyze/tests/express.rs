//! The express way through the model against the general way.

use super::script::capture;
use super::*;
use crate::analyze::Reference;
use crate::capture_writer::{CaptureWriter, Description};
use crate::decode::express::Express;
use crate::decode::express::tests::scene;
use crate::simulate::scenario::{Cutting, Defects, Exchange, Losses, Message, ResendKey, Scenario, Span, Vantage};
use crate::simulate::simulate;
use crate::wire::MaxMsgSize;
use proptest::array::uniform2;
use proptest::prelude::*;
use proptest::sample::select;

/// What is said to a sink that wants neither steps nor the reference.
#[derive(Default)]
struct Little(Told);

impl AnalysisSink for Little {
    fn wants_reference(&self) -> bool {
        false
    }

    fn finding(&mut self, connection: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        self.0.finding(connection, finding)
    }

    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        self.0.ack_not_written(connection, acks);
    }

    fn doubt(&mut self, connection: &FramedConnection<'_>, doubt: Doubt) {
        self.0.doubt(connection, doubt);
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, mut analysis: ConnectionAnalysis) -> ControlFlow<()> {
        analysis.reference = Reference::default();
        self.0.closed(connection, analysis)
    }
}

/// Everything said of a capture.
fn told(express: Express, file: &[u8], options: AnalysisOptions) -> Vec<String> {
    said(read_by(express, file, options, Told::default()))
}

fn read_by<S: AnalysisSink>(express: Express, file: &[u8], options: AnalysisOptions, sink: S) -> S {
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(file.to_vec()));
    let analysis = Analysis::by(express, options, sink);
    let mut framing = Framing::new(FramingOptions::default(), analysis);
    if let Ok(mut capture) = Capture::from_reader(reader, &CaptureLimits::default()) {
        read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
    }
    framing.sink.into_sink()
}

fn said(told: Told) -> Vec<String> {
    let Told { steps, findings, doubts, unwritten, closed } = told;
    let steps = steps.iter().map(|step| format!("{step:?}"));
    let findings = findings.iter().map(|finding| format!("{finding:?}"));
    let doubts = doubts.iter().map(|doubt| format!("{doubt:?}"));
    let unwritten = unwritten.iter().map(|acks| format!("{acks:?}"));
    let closed = closed.iter().map(|analysis| format!("{analysis:?}"));
    steps.chain(findings).chain(doubts).chain(unwritten).chain(closed).collect()
}

/// The same of both ways, and of the express way when nobody wants to know much.
fn both_ways_say_the_same(file: &[u8], options: AnalysisOptions) {
    let express = told(Express::Taken, file, options);
    let general = told(Express::Barred, file, options);
    for (express, general) in express.iter().zip(&general) {
        assert_eq!(express, general, "{options:?}");
    }
    assert_eq!(express.len(), general.len());
    let [express, general] =
        [Express::Taken, Express::Barred].map(|way| said(read_by(way, file, options, Little::default()).0));
    assert_eq!(express, general, "{options:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_ways_say_the_same_of_any_capture(
        scene in scene(), window in proptest::option::of(1_u32..8), timeout in proptest::option::of(1_u64..30),
        tolerance in prop_oneof![Just(100), 0_u64..10],
    ) {
        let timeout = timeout.map(Duration::from_millis);
        both_ways_say_the_same(&scene.file(), AnalysisOptions { window, timeout, tolerance: Duration::from_millis(tolerance) });
    }
}

fn span(nanos: u64) -> Span {
    Span::from_nanos(nanos).unwrap()
}

prop_compose! {
    /// One connection that keeps the rules, with few losses or many, in a capture that may lack something.
    pub(super) fn scenario()(
        seed: u64, positions in prop_oneof![0_u64..30, 100_u64..400], max_msg_size in prop_oneof![4_u16..19, Just(300)],
        window in prop_oneof![1_u32..7, 1_u32..120], timeout in 5_000_000_u64..2_000_000_000, eager: bool,
        pace in proptest::option::of(0_u64..300_000_000), delays in uniform2(1_u64..200_000_000), jitter in 1_u64..10_000_000,
        rates in uniform2(select(vec![0.0, 0.01, 0.2])), done in 0_u32..3,
        cutting in prop_oneof![Just(Cutting::PerFrame), Just(Cutting::Coalesced(200)), Just(Cutting::Random(1, 90))],
        vantage in 0_u32..5, lacking in 0_u32..8,
    ) -> Scenario {
        let exchange = Exchange {
            opens: span(0),
            message: Message::Letters(positions * u64::from(max_msg_size)),
            max_msg_size: MaxMsgSize::new(max_msg_size).unwrap(),
            window,
            timeout: span(timeout),
            resend: if eager { ResendKey::Eager } else { ResendKey::Timer },
            pace: pace.map(span),
            max_resends: None,
            delay_to_server: span(delays[0]),
            delay_to_client: span(delays[1]),
            jitter: span(jitter),
            client_processing: span(1 + seed % 50_000),
            server_processing: span(1 + seed % 30_000_000),
            losses: Losses { done, message_rate: rates[0], ack_rate: rates[1], ..Losses::default() },
            cutting,
        };
        let mut defects = Defects::default();
        match lacking {
            0 => defects.drop_rate = 0.02,
            1 => defects.snaplen = Some(90),
            2 => defects.no_handshake = true,
            3 => (defects.reorder_rate, defects.duplicate_rate) = (0.1, 0.1),
            4 => defects.from = span(seed % 3_000_000_000),
            _ => {}
        }
        let start = crate::time::Timestamp::from_nanos(1_767_603_600_000_000_000);
        let vantage = Vantage::from_share(f64::from(vantage) / 4.0).unwrap();
        Scenario { seed, start, vantage, exchanges: vec![exchange], defects }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn both_ways_say_the_same_of_exchanges_with_losses(scenario in scenario(), declared in 0_u32..4, known: bool) {
        let exchange = &scenario.exchanges[0];
        let window = [None, Some(exchange.window), Some(exchange.window + 1), Some(exchange.window.div_ceil(2))];
        let timeout = known.then(|| Duration::from_secs_f64(exchange.timeout.seconds()));
        let writer = CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap();
        let (_, writer) = simulate(&scenario, writer, None).unwrap();
        let options = AnalysisOptions { window: window[declared as usize], timeout, ..AnalysisOptions::default() };
        both_ways_say_the_same(&writer.finish().unwrap(), options);
    }
}

/// 40 to 50 are passed by; when 40 comes at 3.0 s, 60 truly new packages stand between it and 39, and 70 positions. 39 was
/// written 2.61 s before: 40 had not been counted then.
#[test]
fn how_old_a_late_package_can_be_at_most_is_known_from_the_package_below_it() {
    let written = (1..=39).chain(51..=110).map(|pos| format!("{:.2} client MSG {pos} abcd\n", 0.01 * f64::from(pos)));
    let script: String = written.chain(["3.0 client MSG 40 abcd\n".to_owned(), "3.1 fin\n".to_owned()]).collect();
    for express in [Express::Taken, Express::Barred] {
        let told = read_by(express, &capture(&script), declared(200, 1.0), Told::default());
        let ages: Vec<f64> = told
            .findings
            .iter()
            .filter_map(|finding| finding.cause.as_ref()?.evidence.timer.as_ref())
            .map(|timer| (timer.age_max * 1e3).round())
            .collect();
        assert_eq!(ages, [2610.0], "{express:?}");
    }
}
