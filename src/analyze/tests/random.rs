//! Frames that mean nothing: whatever stands in a capture is analysed, and what is told adds up. What is said of exchanges
//! that make sense is held against their truth by `examples/truth`.

use proptest::prelude::*;

use super::script::capture;
use super::*;
use crate::analyze::Why;
use crate::wire::Name;

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
            prop_assert_eq!(closed.metrics.sums.frames, told.steps.len() as u64);
            let counted: u64 = closed.counts.iter().map(|count| count.findings).sum();
            prop_assert_eq!(counted, told.findings.len() as u64);
            prop_assert_eq!(closed.doubts, told.doubts.len() as u64);
            let told_why = |why| told.findings.iter().filter(|f| f.cause.as_ref().is_some_and(|c| c.why == why)).count();
            let causes = closed.metrics.resend_causes;
            prop_assert_eq!(causes.unexplained, told_why(Why::Unexplained) as u64);
            prop_assert_eq!(causes.cannot_tell, told_why(Why::CannotTell) as u64);
            prop_assert!(!closed.verdict.line.is_empty());
            let metrics = &closed.metrics;
            let most = metrics.max_in_flight.map_or(0, |(most, _)| most);
            prop_assert!(metrics.mean_in_flight.is_none_or(|mean| mean <= f64::from(most) + 1e-9), "{:?}", metrics);
            prop_assert_eq!(metrics.sums.acks_lost == 0, told.unwritten.is_empty() && told.of("ack-withheld").is_empty());
            prop_assert!(metrics.sums.acks_lost > 0 || told.of("ack-gap").is_empty(), "{}", script);
        }
        for finding in &told.findings {
            prop_assert!(!finding.message.is_empty() && !finding.expected.is_empty() && !finding.seen.is_empty());
            prop_assert!(finding.packets.is_sorted() && finding.packets.contains(&finding.at), "{:?}", finding);
        }
    }
}
