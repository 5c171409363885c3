//! Every rule with its fixture: a short exchange in which it is met, and what else is met there by its consequence.

use super::script::capture;
use super::*;
use crate::analyze::rules::RULES;

/// A rule, its script, and everything above chat that is to be found, in the order of packets.
struct Fixture {
    rule: &'static str,
    script: &'static str,
    found: &'static [&'static str],
}

macro_rules! fixture {
    ($rule:literal, $file:literal, $found:expr) => {
        Fixture { rule: $rule, script: include_str!(concat!("../rules/", $file, ".txt")), found: &$found }
    };
}

/// Written by hand from the scripts; window 3 and timeout 1 s are declared.
const FIXTURES: &[Fixture] = &[
    fixture!("gap", "gap", ["gap 2"]),
    fixture!("gap-unrecovered", "gap_unrecovered", ["gap 2", "gap-unrecovered 2", "incomplete-exchange"]),
    fixture!("ack-gap", "ack_gap", ["ack-gap 1"]),
    fixture!("duplicate-resend", "duplicate_resend", ["duplicate-resend 1"]),
    fixture!("resend-after-ack", "resend_after_ack", ["resend-after-ack 1", "late-ack 1"]),
    fixture!("premature-resend", "premature_resend", ["premature-resend 1", "late-ack 1", "parameter-mismatch"]),
    fixture!("overdue-resend", "overdue_resend", ["duplicate-resend 1", "overdue-resend 1", "late-ack 1"]),
    fixture!("resend-not-oldest", "resend_not_oldest", ["resend-not-oldest 2", "duplicate-resend 2", "late-ack 2"]),
    fixture!("resend-mismatch", "resend_mismatch", ["resend-mismatch 1", "duplicate-resend 1"]),
    fixture!("window-exceeded", "window_exceeded", ["window-exceeded 4", "parameter-mismatch"]),
    fixture!("window-full", "window_full", []),
    fixture!("late-ack", "late_ack", ["duplicate-resend 1", "late-ack 1"]),
    fixture!("ack-regress", "ack_regress", ["ack-regress 1"]),
    fixture!("duplicate-ack", "duplicate_ack", ["duplicate-ack 1"]),
    fixture!("ack-of-unsent", "ack_of_unsent", ["ack-of-unsent 5"]),
    fixture!("premature-ack", "premature_ack", ["premature-ack 3", "gap 2", "late-ack 2"]),
    fixture!("bad-ack-number", "bad_ack_number", ["bad-ack-number"]),
    fixture!("ack-withheld", "ack_withheld", ["ack-withheld 2", "incomplete-exchange"]),
    fixture!("done-resend", "done_resend", ["done-resend 2"]),
    fixture!("incomplete-exchange", "incomplete_exchange", ["incomplete-exchange"]),
    fixture!("data-after-done", "data_after_done", ["data-after-done 3"]),
    fixture!("out-of-phase", "out_of_phase", ["out-of-phase 2", "incomplete-exchange"]),
    fixture!("field-inconsistency", "field_inconsistency", ["field-inconsistency 1"]),
    fixture!("size-mismatch", "size_mismatch", ["size-mismatch", "size-mismatch"]),
    fixture!("unknown-frame", "unknown_frame", ["unknown-frame"]),
    fixture!("partial-frame", "partial_frame", ["partial-frame", "incomplete-exchange"]),
    fixture!("wrong-direction", "wrong_direction", ["wrong-direction"]),
    fixture!("capture-hole", "capture_hole", ["capture-hole"]),
    fixture!("mid-stream", "mid_stream", ["mid-stream", "mid-stream"]),
    fixture!("truncated-packet", "truncated_packet", ["truncated-packet"]),
    fixture!("one-sided", "one_sided", ["one-sided"]),
    fixture!("clock-backwards", "clock_backwards", ["clock-backwards"]),
    fixture!("parameter-mismatch", "parameter_mismatch", ["done-resend 2", "late-ack 2", "parameter-mismatch"]),
];

fn told(fixture: &Fixture) -> Told {
    analyse_bytes(capture(fixture.script), declared(3, 1.0))
}

#[test]
fn every_rule_is_met_in_its_fixture_with_nothing_but_its_consequences() {
    for fixture in FIXTURES {
        let told = told(fixture);
        assert_eq!(told.names(), fixture.found, "{}: {:#?}", fixture.rule, told.findings);
        assert!(!told.of(fixture.rule).is_empty(), "{}: {:?}", fixture.rule, told.findings);
    }
}

#[test]
fn every_rule_has_a_page_that_says_what_must_be_said_and_a_fixture() {
    for rule in RULES {
        for heading in [
            "# ",
            "## Set when",
            "## Supersedes",
            "## What it means",
            "## What it may be instead",
            "## Consequences",
            "## Example",
        ] {
            assert!(rule.page.lines().any(|line| line.starts_with(heading)), "{}: {heading}", rule.name);
        }
        assert!(rule.page.starts_with(&format!("# {}\n", rule.name)), "{}", rule.name);
        assert!(rule.page.contains(rule.severity.as_str()), "{}: its severity", rule.name);
        // Expectations are declared by a file, which is another part's.
        let fixture = FIXTURES.iter().any(|fixture| fixture.rule == rule.name);
        assert!(fixture || rule.name == "expectation-failed", "{}", rule.name);
    }
}

#[test]
fn what_a_fixture_raises_beside_its_rule_stands_among_the_consequences_of_a_page() {
    for fixture in FIXTURES {
        let page = crate::analyze::rules::rule(fixture.rule).unwrap().page;
        let consequences = page.split("## Consequences").nth(1).unwrap().split("\n## ").next().unwrap();
        for found in fixture.found {
            let name = found.split(' ').next().unwrap();
            assert!(name == fixture.rule || consequences.contains(&format!("`{name}`")), "{}: {name}", fixture.rule);
        }
    }
}

/// The captures that the pages name are written by this test when `REGENERATE` is set, and compared otherwise.
#[test]
fn the_captures_that_the_pages_name_are_those_of_the_scripts() {
    for fixture in FIXTURES {
        let path = format!("captures/rules/{}.pcapng", fixture.rule);
        let bytes = capture(fixture.script);
        if std::env::var_os("REGENERATE").is_some() {
            std::fs::create_dir_all("captures/rules").unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let page = crate::analyze::rules::rule(fixture.rule).unwrap().page;
        assert!(page.contains(&path), "{}", fixture.rule);
        assert!(std::fs::read(&path).unwrap_or_default() == bytes, "{path}: write it again with REGENERATE=1");
    }
}

#[test]
fn an_undisturbed_exchange_raises_nothing_above_chat() {
    for p in [4, 5, 10, 300] {
        let mut script = format!("P {p}\n");
        for pos in 1..=20 {
            let t = f64::from(pos) * 0.01;
            let full = "abcd".repeat(p).split_off(3 * p);
            script.push_str(&format!("{t:.3} client MSG {pos} {full}\n{:.3} server ACK {pos}\n", t + 0.004));
        }
        script.push_str("0.3 finish 20\n");
        for options in [declared(3, 1.0), declared(1, 0.01), AnalysisOptions::default()] {
            let told = analyse_bytes(capture(&script), options);
            assert_eq!(told.names(), Vec::<String>::new(), "P {p}");
            assert!(told.doubts.is_empty(), "P {p}: {:?}", told.doubts);
            assert_eq!(told.closed[0].verdict.complete, Some(true));
        }
    }
}

#[test]
fn what_a_hole_touches_is_a_doubt() {
    let script = "0.1 client MSG 1 aaaa\n0.12 server ACK 1\n0.2 lost client MSG 2 bbbb\n0.21 lost client MSG 3 cccc\n\
        0.22 client MSG 4 dddd\n0.3 server ACK 2\n0.31 server ACK 3\n0.32 server ACK 4\n0.4 finish 4";
    let told = analyse_bytes(capture(script), declared(3, 1.0));
    assert_eq!(told.names(), ["capture-hole"]);
    let doubts: Vec<String> =
        told.doubts.iter().map(|d| format!("{} {}: {}", d.rule.name, d.positions, d.because)).collect();
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    assert!(doubts[0].starts_with("gap 2, 3: the capture lost 88 bytes of the client"), "{doubts:?}");
    let closed = &told.closed[0];
    assert_eq!((closed.doubts, closed.ledger.hole_count, closed.ledger.hole_bytes), (1, 1, 88));
}

#[test]
fn of_several_duplicates_a_late_ack_names_none_as_the_one_that_it_answers() {
    let script = "0.1 client MSG 1 aaaa\n1.1 client MSG 1 aaaa\n2.1 client MSG 1 aaaa\n2.2 server ACK 1\n2.21 server ACK 1\n\
                  2.22 server ACK 1\n2.3 finish 1";
    let told = analyse_bytes(capture(script), declared(3, 1.0));
    let said: Vec<&str> = told.of("late-ack").iter().map(|finding| finding.message.as_str()).collect();
    let words = "ACK 1 changes nothing, 1 being acknowledged: it answers a duplicate of 1, the last in packet 8";
    assert_eq!(said, [words; 2]);
}

#[test]
fn a_done_whose_ack_was_late_is_not_said_to_have_gone_unanswered() {
    // Both are answered, 1.1 s after they went: the first ACK comes behind the second DONE.
    let script = "0.1 client MSG 1 aaaa\n0.2 server ACK 1\n0.3 client DONE 2\n1.3 client DONE 2\n1.4 server ACK 2\n\
                  2.4 server ACK 2\n2.5 client CLOSE 3\n2.6 server DISCONNECT 0\n2.7 fin";
    let told = analyse_bytes(capture(script), declared(3, 1.0));
    let done = told.of("done-resend");
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].certainty, crate::analyze::Certainty::Class("done-ignored-or-ack-lost-or-late"));
    assert!(done[0].message.contains("or its ACK was not written, or was late"), "{}", done[0].message);
    // Without the server's packets it may have been there in time.
    let told = analyse_bytes(capture(&format!("only client\n{script}")), declared(3, 1.0));
    let done = told.of("done-resend");
    assert_eq!(done[0].certainty, crate::analyze::Certainty::Proven);
    assert!(!done[0].message.contains("ignored"), "{}", done[0].message);
}
