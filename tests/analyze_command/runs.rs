//! The five reference runs, as `captures/README.md` and PROTOCOL §7 tell them. Packet numbers are those of Wireshark.

use serde_json::Value;

use super::{Ran, analyze, positions, words};

/// A finding above chat: rule, positions, the packet at which it shows.
type Told = (String, Vec<i64>, u64);

fn run(number: u32, timeout: &str) -> (Ran, Value) {
    let ran = analyze(["--report", "json", "--window", "3", "--timeout", timeout, &format!("run{number}.pcapng")]);
    let json = ran.json();
    assert_eq!(json["connections"].as_array().unwrap().len(), 1);
    let connection = json["connections"][0].clone();
    assert_eq!(connection["verdict"]["complete"], true);
    assert_eq!(connection["ledger"]["completeness"], "complete");
    (ran, connection)
}

fn told(connection: &Value) -> Vec<Told> {
    let findings = connection["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "chat");
    findings
        .map(|finding| {
            (finding["rule"].as_str().unwrap().to_owned(), positions(finding), finding["at"].as_u64().unwrap())
        })
        .collect()
}

fn expected(told: &[(&str, &[i64], u64)]) -> Vec<Told> {
    told.iter().map(|(rule, positions, at)| ((*rule).to_owned(), positions.to_vec(), *at)).collect()
}

fn about<'c>(connection: &'c Value, rule: &str, pos: i64) -> &'c Value {
    let findings = connection["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["rule"] == rule && positions(finding).contains(&pos)).unwrap()
}

#[test]
fn run_1_three_packages_were_not_written_in_their_turn_and_nothing_else() {
    let (ran, connection) = run(1, "2");
    assert_eq!(ran.code, 0, "{}", ran.log);
    assert_eq!(told(&connection), expected(&[("gap", &[4], 20), ("gap", &[9], 34), ("gap", &[10], 39)]));
    for (pos, opened, next, edge) in [(4, 16, 7, 6), (9, 32, 12, 11), (10, 32, 13, 12)] {
        let gap = about(&connection, "gap", pos);
        assert_eq!(gap["cause"]["why"], "never-written");
        assert!(words(&gap["cause"]["triggers"]).contains(&"full-window"), "{gap}");
        assert_eq!(gap["cause"]["evidence"]["earlier_packet"], opened);
        assert_eq!(gap["cause"]["evidence"]["window"]["next"], next);
        assert_eq!(gap["cause"]["evidence"]["window"]["edge"], edge);
    }
    assert_eq!(connection["metrics"]["gaps"], 3);
    assert_eq!((&connection["metrics"]["resent"], &connection["metrics"]["acks_lost"]), (&0.into(), &0.into()));
    assert_eq!(connection["metrics"]["message_bytes"], 62);
}

#[test]
fn run_2_three_acks_were_not_written_and_no_package_was_written_again() {
    let (ran, connection) = run(2, "2");
    assert_eq!(ran.code, 0, "{}", ran.log);
    assert_eq!(told(&connection), expected(&[("ack-gap", &[4], 19), ("ack-gap", &[9, 10], 35)]));
    assert_eq!((&connection["metrics"]["resent"], &connection["metrics"]["acks_lost"]), (&0.into(), &3.into()));
}

#[test]
fn run_3_package_9_was_written_again_for_two_reasons_and_acknowledged_then() {
    let (ran, connection) = run(3, "2");
    assert_eq!(ran.code, 0, "{}", ran.log);
    assert_eq!(told(&connection), expected(&[("duplicate-resend", &[9], 37), ("ack-gap", &[10, 11], 41)]));
    let cause = &about(&connection, "duplicate-resend", 9)["cause"];
    assert_eq!(cause["why"], "ack-missing");
    assert_eq!(words(&cause["triggers"]), ["timer", "full-window"]);
    let evidence = &cause["evidence"];
    assert_eq!(
        (&evidence["earlier_packet"], &evidence["packet"], &evidence["copy"]),
        (&31.into(), &37.into(), &2.into())
    );
    assert_eq!((&evidence["acked_after"]["number"], &evidence["acked_after"]["packet"]), (&9.into(), &38.into()));
    assert_eq!((&evidence["window"]["edge"], &evidence["window"]["next"]), (&11.into(), &12.into()));
    // The timer had ended 0.96 s before (PROTOCOL §7).
    let age = evidence["timer"]["age_min"].as_f64().unwrap();
    assert!((age - 2.96).abs() < 0.01, "{age}");
}

#[test]
fn run_4_three_packages_were_written_twice_and_three_late() {
    let (ran, connection) = run(4, "2");
    assert_eq!(ran.code, 0, "{}", ran.log);
    let expected = expected(&[
        ("duplicate-resend", &[6], 26),
        ("gap", &[7], 29),
        ("duplicate-resend", &[8], 34),
        ("gap", &[9], 37),
        ("duplicate-resend", &[10], 42),
        ("gap", &[11], 47),
    ]);
    assert_eq!(told(&connection), expected);
    for pos in [6, 8, 10] {
        assert_eq!(about(&connection, "duplicate-resend", pos)["cause"]["why"], "ack-missing");
    }
    for pos in [7, 9, 11] {
        assert_eq!(about(&connection, "gap", pos)["cause"]["why"], "never-written");
    }
    assert!(words(&about(&connection, "gap", 11)["cause"]["triggers"]).contains(&"end-of-message"));
    assert_eq!((&connection["max_msg_size"]["min"], &connection["max_msg_size"]["max"]), (&5.into(), &5.into()));
}

#[test]
fn run_5_done_three_times_and_the_stray_acks_are_rules_broken() {
    let (ran, connection) = run(5, "1");
    assert_eq!(ran.code, 1, "{}", ran.log);
    let errors: Vec<Told> = {
        let mut connection = connection.clone();
        connection["findings"].as_array_mut().unwrap().retain(|finding| finding["severity"] == "error");
        told(&connection)
    };
    assert_eq!(errors.iter().map(|(_, _, at)| *at).collect::<Vec<_>>(), [30, 33], "{errors:?}");
    for (at, number) in [(30, "ACK 0"), (33, "ACK 1")] {
        let findings = connection["findings"].as_array().unwrap();
        let stray = findings.iter().find(|f| f["severity"] == "error" && f["at"] == at).unwrap();
        assert!(stray["message"].as_str().unwrap().contains(number), "{stray}");
        assert_eq!(stray["side"], "server");
    }
    let dones: Vec<Told> = told(&connection).into_iter().filter(|(rule, ..)| rule == "done-resend").collect();
    assert_eq!(dones, expected(&[("done-resend", &[8], 32), ("done-resend", &[8], 35)]));
    assert_eq!(about(&connection, "done-resend", 8)["certainty"]["kind"], "class");
    assert_eq!(connection["metrics"]["resent"], 0, "DONE is no package");
}

#[test]
fn every_form_of_a_run_s_capture_says_the_same() {
    let of = |name: &str| {
        let connection = analyze(["--report", "json", name]).json()["connections"][0].clone();
        (connection["findings"].clone(), connection["verdict"].clone(), connection["metrics"].clone())
    };
    for run in 1..=5 {
        assert!(of(&format!("run{run}.pcapng")) == of(&format!("run{run}.json")), "run {run}");
    }
    assert!(of("run1.pcapng") == of("run1.pcapng.gz"));
    assert!(of("run5.pcapng") == of("run5-bytes.json"));
}

#[test]
fn the_text_tells_a_run_in_its_first_lines() {
    let ran = analyze(["--window", "3", "--timeout", "2", "run3.pcapng"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "connection 0: 127.0.0.1:50003 → 127.0.0.1:55558, run3.pcapng");
    assert!(lines[1].starts_with(" warn  complete; "), "{}", lines[1]);
    for title in ["The capture", "Findings", "Why positions were written again or late", "Figures"] {
        assert!(lines.contains(&title), "{title}: {}", ran.out);
    }
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{}", ran.out);
}

/// The first cells of the rows under a title of a text report. What is wrapped has no packet among them.
fn rows(text: &str, title: &str, cells: usize) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| *line != title).skip(2).take_while(|line| !line.is_empty());
    let rows = lines.map(|line| line.split_whitespace().take(cells).map(str::to_owned).collect());
    rows.filter(|row: &Vec<String>| row.iter().any(|cell| cell.starts_with('#'))).collect()
}

#[test]
fn the_text_has_a_row_for_each_finding_and_each_cause() {
    for (run, findings, causes) in [
        (1, &["warn #20 4 gap", "warn #34 9 gap", "warn #39 10 gap"][..], &["#20 4", "#34 9", "#39 10"][..]),
        (2, &["warn #19 4 ack-gap", "warn #35 9, 10"], &[]),
        (3, &["warn #37 9 duplicate-resend", "warn #41 10, 11"], &["#37 9"]),
        (
            4,
            &[
                "warn #26 6 duplicate-resend",
                "warn #29 7 gap",
                "warn #34 8 duplicate-resend",
                "warn #37 9 gap",
                "warn #42 10 duplicate-resend",
                "warn #47 11 gap",
            ],
            &["#26 6", "#29 7", "#34 8", "#37 9", "#42 10", "#47 11"],
        ),
    ] {
        let text = analyze(["--window", "3", "--timeout", "2", &format!("run{run}.pcapng")]).out;
        let joined = |rows: Vec<Vec<String>>| rows.into_iter().map(|row| row.join(" ")).collect::<Vec<_>>();
        assert_eq!(joined(rows(&text, "Findings", 4)), findings, "{text}");
        assert_eq!(joined(rows(&text, "Why positions were written again or late", 2)), causes, "{text}");
    }
}
