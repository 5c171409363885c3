//! The reference runs, as the table of PROTOCOL §7 tells them.

use super::*;
use crate::analyze::{Cause, Trigger, Why};
use crate::wire::Pos;

fn run(number: u32) -> Told {
    let timeout = if number == 5 { 1.0 } else { 2.0 };
    analyse_file(&format!("captures/run{number}.pcapng"), declared(3, timeout))
}

fn cause<'a>(told: &'a Told, rule: &str, pos: i32) -> &'a Cause {
    let found = told.of(rule);
    let finding = found.iter().find(|finding| finding.positions.iter().any(|p| p == Pos(pos)));
    finding.and_then(|finding| finding.cause.as_ref()).unwrap_or_else(|| panic!("{rule} {pos}: {found:#?}"))
}

#[test]
fn run_1_writes_4_9_and_10_late_and_nothing_twice() {
    let told = run(1);
    assert_eq!(told.names(), ["gap 4", "gap 9", "gap 10"]);
    for pos in [4, 9, 10] {
        let cause = cause(&told, "gap", pos);
        assert_eq!(cause.why, Why::NeverWritten);
        assert!(cause.triggers.contains(&Trigger::FullWindow), "{pos}: {cause:?}");
    }
    // 4 was passed by at least 2.1 s before, 10 at least 2.9 s; 9 was not proved to be due: 11 went 1.3 s before it.
    assert!(cause(&told, "gap", 4).triggers.contains(&Trigger::Timer));
    assert!(!cause(&told, "gap", 9).triggers.contains(&Trigger::Timer));
    assert!(cause(&told, "gap", 10).triggers.contains(&Trigger::Timer));
    assert_eq!(cause(&told, "gap", 4).evidence.acked_after.map(|(number, _)| number), Some(Pos(4)));
    let verdict = &told.closed[0].verdict;
    assert_eq!(verdict.complete, Some(true));
    assert_eq!(verdict.line, "complete; packages 4, 9, 10 written late, no ACK lost, window kept");
}

#[test]
fn run_2_has_no_resend_and_two_acks_that_cover_the_lost_ones() {
    let told = run(2);
    assert_eq!(told.names(), ["ack-gap 4", "ack-gap 9, 10"]);
    let gaps = told.of("ack-gap");
    assert!(gaps[0].message.contains("ACK 5 in packet 19 covers 4"), "{}", gaps[0].message);
    assert!(gaps[1].message.contains("ACK 11 in packet 35 covers 9, 10"), "{}", gaps[1].message);
    assert!(gaps.iter().all(|gap| gap.message.contains("at no cost")));
    assert_eq!((told.unwritten(), told.closed[0].metrics.sums.acks_lost), (vec![4, 9, 10], 3));
    assert_eq!(
        told.closed[0].verdict.line,
        "complete; no package passed over or written again, ACKs 4, 9, 10 not written when due, window kept"
    );
    assert_eq!(told.closed[0].metrics.sums.resent, 0);
}

#[test]
fn run_3_writes_9_again_because_its_ack_was_not_written() {
    let told = run(3);
    assert_eq!(told.names(), ["duplicate-resend 9", "ack-gap 10, 11"]);
    let cause = cause(&told, "duplicate-resend", 9);
    assert_eq!((cause.why, cause.triggers.as_slice()), (Why::AckMissing, &[Trigger::Timer, Trigger::FullWindow][..]));
    let evidence = &cause.evidence;
    let timer = evidence.timer.unwrap();
    // PROTOCOL §7: the timer had ended 0.96 s before.
    assert!((timer.age_min - timer.timeout.unwrap() - 0.96).abs() < 0.01, "{timer:?}");
    let window = evidence.window.unwrap();
    assert_eq!((window.next, window.edge, window.last_acked, window.size), (Pos(12), Pos(11), Pos(8), 3));
    assert_eq!((evidence.copy, evidence.acked_after), (2, Some((Pos(9), 38))));
    let again = &told.of("duplicate-resend")[0].message;
    assert!(again.contains("no ACK of 9 or above (9–11 outstanding) had come"), "{again}");
    // ACK 9 is on the wire once and was due twice.
    assert_eq!((told.unwritten(), told.closed[0].metrics.sums.acks_lost), (vec![9, 10, 11], 3));
    assert!(told.unwritten.iter().all(|acks| acks.one_of_several == (acks.acks.first() == Pos(9))));
    assert_eq!(
        told.closed[0].verdict.line,
        "complete; package 9 written again, ACKs 9, 10, 11 not written when due, window kept"
    );
}

#[test]
fn run_4_writes_6_8_and_10_twice_and_7_9_and_11_late() {
    let told = run(4);
    assert_eq!(
        told.names(),
        ["duplicate-resend 6", "gap 7", "duplicate-resend 8", "gap 9", "duplicate-resend 10", "gap 11",]
    );
    for pos in [6, 8, 10] {
        assert_eq!(cause(&told, "duplicate-resend", pos).why, Why::AckMissing);
    }
    assert_eq!(cause(&told, "gap", 7).why, Why::NeverWritten);
    // 13 is the last; 11 goes by the end-of-message rule.
    assert!(cause(&told, "gap", 11).triggers.contains(&Trigger::EndOfMessage));
    assert!(!cause(&told, "gap", 11).triggers.contains(&Trigger::FullWindow));
    // The window was full when 7 went (9 had been counted) and when 9 did (11 had): nothing on the wire proves it.
    for pos in [7, 9] {
        let cause = cause(&told, "gap", pos);
        assert_eq!(
            (cause.triggers.as_slice(), cause.undecided.as_slice()),
            (&[Trigger::Timer][..], &[Trigger::FullWindow][..])
        );
    }
    for pos in [6, 8, 10] {
        assert_eq!(cause(&told, "duplicate-resend", pos).triggers, [Trigger::Timer, Trigger::FullWindow]);
    }
    assert_eq!(told.closed[0].verdict.worst, Some(Severity::Warn));
    assert_eq!((told.unwritten(), told.closed[0].metrics.sums.acks_lost), (vec![6, 8, 10], 3));
    let line = &told.closed[0].verdict.line;
    assert!(line.contains("ACKs 6, 8, 10 not written when due"), "{line}");
}

#[test]
fn run_5_writes_done_three_times_and_its_server_breaks_a_rule_with_acks_0_and_1() {
    let told = run(5);
    let names = told.names();
    assert_eq!(names.iter().filter(|name| *name == "done-resend 8").count(), 2, "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "ack-regress 1").count(), 1, "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "ack-regress").count(), 1, "{names:?}");
    let errors: Vec<&str> =
        told.findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.rule.name).collect();
    assert_eq!(errors, ["ack-regress"; 2]);
    assert_eq!(told.closed[0].verdict.worst, Some(Severity::Error));
    assert_eq!(told.closed[0].verdict.complete, Some(true));
    // Nothing but its timer sets off a DONE, whoever knows the timeout.
    let undeclared = analyse_file("captures/run5.pcapng", AnalysisOptions::default());
    assert_eq!(undeclared.closed[0].metrics.resend_causes.timer, 2);
    for finding in undeclared.of("done-resend") {
        assert_eq!(finding.cause.as_ref().unwrap().triggers, [Trigger::Timer]);
        assert!(finding.message.contains("nothing else can have set it off"), "{}", finding.message);
    }
    // One timeout apart at least, by the only clock that tells: the copies have one sent_time.
    for finding in told.of("done-resend") {
        assert_eq!(finding.cause.as_ref().unwrap().triggers, [Trigger::Timer]);
    }
}

#[test]
fn the_recorded_runs_come_out_as_the_reference_runs() {
    let expected: [&[&str]; 5] = [
        &["gap 4", "gap 9", "gap 10"],
        &["ack-gap 4", "ack-gap 9, 10"],
        &["duplicate-resend 9", "ack-gap 10, 11"],
        &["duplicate-resend 6", "gap 7", "duplicate-resend 8", "gap 9", "duplicate-resend 10", "gap 11"],
        // This server is not patched: no stray ACKs.
        &["done-resend 8", "done-resend 8"],
    ];
    for (number, expected) in (1..).zip(expected) {
        let timeout = if number == 5 { 1.0 } else { 2.0 };
        let recorded = analyse_file(&format!("captures/recorded/run{number}.pcapng"), declared(3, timeout));
        assert_eq!(recorded.names(), expected, "run {number}");
        assert_eq!(recorded.closed[0].verdict.complete, Some(true));
    }
}

#[test]
fn without_declared_parameters_the_same_is_told_but_for_what_they_prove() {
    for number in 1..=5 {
        let told = analyse_file(&format!("captures/run{number}.pcapng"), AnalysisOptions::default());
        assert_eq!(told.names(), run(number).names(), "run {number}");
        let parameters = &told.closed[0].parameters;
        let window = parameters.window.inferred.as_ref().and_then(|inferred| inferred.bounds.min);
        // Run 5 never has two packages in flight. Its DONE is resent by the timer alone, which is 1 s.
        assert_eq!(window, Some(if number == 5 { 1 } else { 3 }), "run {number}");
        let timeout = parameters.timeout.inferred.as_ref().and_then(|inferred| inferred.bounds.max);
        assert!(timeout.is_none_or(|most| number == 5 && (1.0..1.3).contains(&most)), "run {number}: {timeout:?}");
    }
}

#[test]
fn the_verdict_does_not_deny_what_the_capture_cannot_show() {
    let line = |script: &str| {
        let told = analyse_bytes(script::capture(script), declared(3, 1.0));
        let line = told.closed[0].verdict.line.clone();
        line.split_once("; ").unwrap().1.split(", 1 thing").next().unwrap().to_owned()
    };
    let whole = "0.10 client MSG 1 aaaa\n0.11 server ACK 1\n0.20 client MSG 2 bbbb\n0.21 server ACK 2\n0.3 finish 2";
    assert_eq!(line(whole), "no package passed over or written again, no ACK lost, window kept");
    let lost = |which: &str| line(&whole.replace(which, &format!("lost {which}")));
    // All packages are there.
    let of_the_server = "no package passed over or written again, no ACK seen to be lost, window kept as far as seen";
    assert_eq!(lost("server ACK 1"), of_the_server);
    let of_the_client =
        "no package seen to be passed over or written again, no ACK seen to be lost, window kept as far as seen";
    assert_eq!(lost("client MSG 1"), of_the_client);
    assert_eq!(line(&format!("midstream\nbare\n{whole}")), of_the_client);
    // That an ACK was skipped shows wherever the capture begins.
    let skips = "midstream
        0.10 client MSG 1 aaaa
        0.10 client MSG 2 bbbb
        0.11 server ACK 1
        0.11 server ACK 2
        0.20 client MSG 3 cccc
        0.20 client MSG 4 dddd
        0.21 server ACK 3
        0.21 server ACK 4
        0.30 client MSG 5 eeee
        0.30 client MSG 6 ffff
        0.31 server ACK 5
        0.31 server ACK 6
        0.40 client MSG 7 gggg
        0.40 client MSG 8 hhhh
        0.41 server ACK 8
        0.5 finish 8";
    let skipped =
        "no package seen to be passed over or written again, ACK 7 not written when due, window kept as far as seen";
    assert_eq!(line(skips), skipped);
    let told = analyse_bytes(script::capture(skips), declared(3, 1.0));
    assert_eq!((told.unwritten(), told.closed[0].metrics.sums.acks_lost), (vec![7], 1));
    let open = "0.10 client MSG 1 aaaa\n0.11 server ACK 1\n0.20 client MSG 3 cccc";
    assert_eq!(line(open), "package 2 not written by then, no ACK lost, window kept");
    // Both sides went to the end, without all of the message.
    let left_out = "0.10 client MSG 1 aaaa\n0.11 server ACK 1\n0.20 client MSG 3 cccc\n0.3 finish 3";
    let told = analyse_bytes(script::capture(left_out), declared(3, 1.0));
    let verdict = &told.closed[0].verdict;
    assert!(verdict.line.starts_with("ended with DISCONNECT; package 2 never written"), "{}", verdict.line);
    assert_eq!(verdict.complete, Some(true));
    // Its ACK may have been there in time.
    let again = "only client\n0.10 client MSG 1 aaaa\n0.12 server ACK 1\n0.13 client MSG 1 aaaa\n0.3 finish 1";
    assert_eq!(line(again), "package 1 written again, window kept as far as seen");
}
