//! Two threads against one.

use super::express::scenario;
use super::*;
use crate::analyze::notebook::Notebook;
use crate::capture_writer::{CaptureWriter, Description};
use crate::decode::express::tests::scene;
use crate::decode::halved::read_halved;
use crate::decode::reassembly::{ConnectionInfo, StreamNote};
use crate::simulate::scenario::Scenario;
use crate::simulate::simulate;
use proptest::prelude::*;

/// Every call, in order.
struct Diary {
    calls: Vec<String>,
    wants_reference: bool,
}

impl AnalysisSink for Diary {
    fn wants_reference(&self) -> bool {
        self.wants_reference
    }

    fn finding(&mut self, connection: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        self.calls.push(format!("{connection:?} {finding:?}"));
        ControlFlow::Continue(())
    }

    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        self.calls.push(format!("{connection:?} {acks:?}"));
    }

    fn doubt(&mut self, connection: &FramedConnection<'_>, doubt: Doubt) {
        self.calls.push(format!("{connection:?} {doubt:?}"));
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        self.calls.push(format!("{connection:?} {analysis:?}"));
        ControlFlow::Continue(())
    }

    fn late_note(&mut self, connection: &ConnectionInfo, note: StreamNote) {
        self.calls.push(format!("{connection:?} {note:?}"));
    }
}

fn two_threads_say_what_one_says(file: &[u8], options: AnalysisOptions, wants_reference: bool) {
    let open = || Capture::of_file(file.to_vec(), &CaptureLimits::default());
    let (Ok(mut capture), Ok(mut other)) = (open(), open()) else { return };
    let diary = || Diary { calls: Vec::new(), wants_reference };
    let mut framing = Framing::new(FramingOptions::default(), Analysis::new(options, diary()));
    read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
    let (counts, one) = (framing.counts(), framing.sink.into_sink());
    let mut two = diary();
    let mut framing = Framing::new(FramingOptions::default(), Analysis::new(options, Notebook::before(&two)));
    read_halved(&mut other, 0, StreamLimits::prompt(), &mut framing, |told| told.say(&mut two));
    for (one, two) in one.calls.iter().zip(&two.calls) {
        assert_eq!(one, two);
    }
    assert_eq!(one.calls.len(), two.calls.len());
    assert_eq!(counts, framing.counts());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn two_threads_say_what_one_says_of_any_capture(
        scene in scene(), connections in 1_usize..16, window in proptest::option::of(1_u32..8), wants_reference: bool,
    ) {
        let options = AnalysisOptions { window, ..AnalysisOptions::default() };
        two_threads_say_what_one_says(&scene.with_connections(connections).file(), options, wants_reference);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn two_threads_say_what_one_says_of_exchanges_with_losses(
        scenarios in prop::collection::vec(scenario(), 2..8), wants_reference: bool,
    ) {
        let exchanges = scenarios.iter().flat_map(|scenario| scenario.exchanges.clone()).collect();
        let scenario = Scenario { exchanges, ..scenarios[0].clone() };
        let writer = CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap();
        let (_, writer) = simulate(&scenario, writer, None).unwrap();
        two_threads_say_what_one_says(&writer.finish().unwrap(), AnalysisOptions::default(), wants_reference);
    }
}
