//! The express way through the model against the general way.

use super::*;
use crate::decode::express::Express;
use crate::decode::express::tests::scene;
use proptest::prelude::*;

/// Everything said of a capture.
fn told(express: Express, file: &[u8], options: AnalysisOptions) -> Vec<String> {
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(file.to_vec()));
    let Ok(mut capture) = Capture::from_reader(reader, &CaptureLimits::default()) else { return Vec::new() };
    let analysis = Analysis::by(express, options, Told::default());
    let mut framing = Framing::new(FramingOptions::default(), analysis);
    read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
    let Told { steps, findings, doubts, unwritten, closed } = framing.sink.into_sink();
    let steps = steps.iter().map(|step| format!("{step:?}"));
    let findings = findings.iter().map(|finding| format!("{finding:?}"));
    let doubts = doubts.iter().map(|doubt| format!("{doubt:?}"));
    let unwritten = unwritten.iter().map(|acks| format!("{acks:?}"));
    let closed = closed.iter().map(|analysis| format!("{analysis:?}"));
    steps.chain(findings).chain(doubts).chain(unwritten).chain(closed).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_ways_say_the_same_of_any_capture(scene in scene(), window in prop_oneof![3 => Just(None), 1 => (1_u32..8).prop_map(Some)]) {
        let file = scene.file();
        let options = AnalysisOptions { window, ..AnalysisOptions::default() };
        let express = told(Express::Taken, &file, options);
        let general = told(Express::Barred, &file, options);
        for (express, general) in express.iter().zip(&general) {
            prop_assert_eq!(express, general);
        }
        prop_assert_eq!(express.len(), general.len());
    }
}
