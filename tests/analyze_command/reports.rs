//! The forms of reports: what they hold, and that what is hostile stays inside.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{analyze, analyze_piped, bytes_of, hostile, is_tame, positions, words};

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn sorted(list: &[&'static str]) -> Vec<&'static str> {
    let mut list = list.to_vec();
    list.sort_unstable();
    list
}

#[test]
fn json_has_the_keys_that_its_page_tells() {
    let ran = analyze(["--report", "json", "run3.pcapng", "run1-hole.pcapng"]);
    let json = ran.json();
    assert_eq!(json["schema"], "arqscope-analysis/1");
    assert_eq!(keys(&json), sorted(&["schema", "files", "connections", "totals"]));
    let page = include_str!("../../docs/analyze-json.md");
    let connection = &json["connections"][0];
    let mut objects = vec![&json, connection, &json["totals"], &json["totals"]["metrics"], &json["files"][0]];
    objects.extend(["ledger", "metrics", "verdict", "window", "max_msg_size", "reference"].map(|key| &connection[key]));
    objects.extend(connection["findings"].as_array().unwrap());
    objects.extend(connection["findings"].as_array().unwrap().iter().map(|f| &f["cause"]).filter(|c| !c.is_null()));
    objects.extend(json["connections"][1]["doubts"].as_array().unwrap());
    objects.extend(json["connections"][1]["ledger"]["holes"].as_array().unwrap());
    for object in objects {
        for key in keys(object) {
            assert!(page.contains(&format!("`{key}`")), "{key} is not in docs/analyze-json.md");
        }
    }
    for key in ["client", "server", "max_msg_size", "window", "timeout", "ledger", "metrics", "verdict", "findings"] {
        assert!(!connection[key].is_null(), "{key}");
    }
    let finding = &connection["findings"][0];
    for key in ["rule", "severity", "certainty", "positions", "packets", "expected", "seen", "message"] {
        assert!(!finding[key].is_null(), "{key}: {finding}");
    }
}

#[test]
fn ndjson_tells_each_thing_in_a_line_of_its_type_and_adds_up_to_json() {
    let ran = analyze(["--report", "ndjson", "two-clients.pcapng", "run1-hole.pcapng"]);
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert_eq!(lines[0]["type"], "schema");
    assert_eq!(lines.last().unwrap()["type"], "totals");
    assert_eq!((of("connection").len(), of("file").len(), of("totals").len()), (3, 2, 1));
    let json = analyze(["--report", "json", "two-clients.pcapng", "run1-hole.pcapng"]).json();
    let in_json = |key: &str| {
        let connections = json["connections"].as_array().unwrap().iter();
        connections.map(|connection| connection[key].as_array().unwrap().len()).sum::<usize>()
    };
    assert_eq!((of("finding").len(), of("doubt").len()), (in_json("findings"), in_json("doubts")));
    let mut totals = lines.last().unwrap().clone();
    totals.as_object_mut().unwrap().remove("type");
    assert_eq!(totals, json["totals"]);
}

#[test]
fn what_is_kept_is_bounded_and_what_is_counted_is_exact() {
    let all = analyze(["--report", "json", "run4.pcapng"]).json();
    let some = analyze(["--report", "json", "--max-findings", "1", "run4.pcapng"]).json();
    let (all, some) = (&all["connections"][0], &some["connections"][0]);
    assert_eq!(all["counts"], some["counts"]);
    let (of_all, of_some) = (all["findings"].as_array().unwrap(), some["findings"].as_array().unwrap());
    let rules: std::collections::BTreeSet<_> = of_all.iter().map(|f| f["rule"].as_str().unwrap()).collect();
    assert_eq!(of_some.len(), rules.len());
    assert_eq!(some["findings_dropped"], of_all.len() - of_some.len());
    let streamed = analyze(["--report", "ndjson", "--max-findings", "1", "run4.pcapng"]);
    assert_eq!(streamed.out.lines().filter(|line| line.starts_with("{\"type\":\"finding\"")).count(), of_all.len());
    let few = analyze(["--report", "json", "--max-connections", "1", "two-clients.pcapng"]).json();
    assert_eq!(few["connections"].as_array().unwrap().len(), 1);
    let totals = &few["totals"];
    assert_eq!((&totals["connections"], &totals["connections_dropped"]), (&2.into(), &1.into()));
    assert_eq!(totals["counts"], analyze(["--report", "json", "two-clients.pcapng"]).json()["totals"]["counts"]);
}

#[test]
fn what_a_capture_says_steers_no_terminal_in_any_form() {
    let input = hostile();
    for arguments in [
        &["-"][..],
        &["--ladder"],
        &["--report", "json"],
        &["--report", "ndjson"],
        &["--report", "junit"],
        &["--report", "html"],
    ] {
        let ran = analyze_piped(arguments, &input);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.out.contains(r"\x1b[2J") || ran.out.contains(r"\\x1b[2J"), "{arguments:?}: {}", ran.out);
        assert!(is_tame(&ran.out) && is_tame(&ran.log), "{arguments:?}");
    }
}

/// The suites of a JUnit file as Python's parser sees them: name, tests, failures, errors, skipped as declared, and the
/// same counted.
fn suites(xml: &str) -> Value {
    const SCRIPT: &str = "\
import json, sys, xml.etree.ElementTree as ET
root = ET.fromstring(sys.stdin.buffer.read())
assert root.tag == 'testsuites', root.tag
def suite(s):
    cases = s.findall('testcase')
    count = lambda tag: sum(c.find(tag) is not None for c in cases)
    declared = [int(s.get(k)) for k in ('tests', 'failures', 'errors', 'skipped')]
    counted = [len(cases), count('failure'), count('error'), count('skipped')]
    failed = {c.get('name'): c.find('failure').get('message') for c in cases if c.find('failure') is not None}
    return dict(name=s.get('name'), declared=declared, counted=counted, failed=failed)
print(json.dumps([suite(s) for s in root]))
";
    let mut python = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    python.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{xml}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn junit_is_xml_with_a_suite_a_connection_and_fails_as_fail_on_says() {
    let run = |arguments: &[&str]| {
        let ran = analyze([&["--report", "junit"][..], arguments].concat());
        (suites(&ran.out), ran.code)
    };
    let (suites_5, code) = run(&["run5.pcapng"]);
    assert_eq!(code, 1);
    assert_eq!(suites_5[0]["name"], "connection 0: 127.0.0.1:50005 → 127.0.0.1:55558");
    assert_eq!(suites_5[0]["declared"], suites_5[0]["counted"]);
    assert_eq!(suites_5[0]["failed"].as_object().unwrap().len(), 1, "{suites_5}");
    let failures = |of: &(Value, i32)| of.0[0]["counted"][1].as_u64().unwrap();
    assert_eq!((failures(&run(&["run3.pcapng"])), run(&["run3.pcapng"]).1), (0, 0));
    let strict = run(&["--fail-on", "warn", "run3.pcapng"]);
    assert_eq!((failures(&strict), strict.1), (2, 1));
    let lax = run(&["--fail-on", "never", "run5.pcapng"]);
    assert_eq!((failures(&lax), lax.1), (0, 0));
    assert_eq!(run(&["two-clients.pcapng"]).0.as_array().unwrap().len(), 2);
    let (unread, code) = run(&["not-there.pcapng"]);
    assert_eq!((unread[0]["counted"].clone(), code), (serde_json::json!([1, 0, 1, 0]), 2));
    suites(&analyze_piped(&["--report", "junit"], &hostile()).out);
}

#[test]
fn several_connections_begin_with_a_table_over_all() {
    let ran = analyze(["run2.pcapng", "two-clients.pcapng"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("3 connections: 3 complete"), "{}", lines[0]);
    let table: Vec<&&str> = lines.iter().take_while(|line| !line.starts_with("connection ")).collect();
    for client in ["127.0.0.1:50002", "127.0.0.1:50006"] {
        assert!(table.iter().any(|line| line.contains(client)), "{client}: {}", ran.out);
    }
    // Connections are numbered over the whole run.
    for number in 0..3 {
        assert!(lines.iter().any(|line| line.starts_with(&format!("connection {number}: "))), "{number}");
    }
}

#[test]
fn a_report_goes_to_its_file_and_standard_output_keeps_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("a.json");
    let junit = folder.path().join("a.xml");
    let ran = analyze([
        "--report",
        &format!("json={}", json.display()),
        "--report",
        &format!("junit={}", junit.display()),
        "run3.pcapng",
    ]);
    assert!(ran.out.starts_with("connection 0: "), "{}", ran.out);
    assert_eq!(std::fs::read_to_string(json).unwrap(), analyze(["--report", "json", "run3.pcapng"]).out);
    suites(&std::fs::read_to_string(junit).unwrap());
    assert_eq!(analyze(["--report", "none", "run3.pcapng"]).out, "");
    assert_eq!(analyze(["-q", "run3.pcapng"]).out, "");
}

#[test]
fn a_limit_of_none_says_that_there_is_more() {
    let ran = analyze(["--max-findings", "0", "run1.pcapng"]);
    let findings = ran.out.split("\nFindings\n").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(findings.trim(), "not told one by one: 3 gap (warn)", "{}", ran.out);
    let ran = analyze(["--max-connections", "0", "run1.pcapng"]);
    assert!(ran.out.contains("1 connection beyond the limit of --max-connections"), "{}", ran.out);
    assert!(!ran.out.contains("No connection of the protocol"), "{}", ran.out);
}

#[test]
fn a_hole_is_shown_by_the_packet_that_has_what_follows_it_and_the_end_by_its_own() {
    // MSG 2 is not captured; MSG 3 is in packet 9, and the last of two FINs in packet 16.
    let ran = analyze(["--report", "json", "rules/capture-hole.pcapng"]);
    let connection = &ran.json()["connections"][0];
    let hole = connection["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "capture-hole").unwrap();
    assert_eq!((&hole["at"], &connection["ledger"]["holes"][0]["packet"]), (&9.into(), &9.into()), "{hole}");
    // Of 65 packets the last acknowledges the FIN in packet 64.
    let text = analyze(["run1.pcapng"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("packets 1 to 64") && text.contains("FIN in #64"), "{text}");
}

/// A Wireshark JSON export without its times.
fn without_times(name: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes_of(name)).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"frame.time")).collect();
    lines.join("\n").into_bytes()
}

#[test]
fn without_capture_times_ages_are_unknown_and_no_trigger_is_ruled_out_by_them() {
    let arguments = ["--window", "3", "--timeout", "1", "--report", "json", "-"];
    let ran = analyze_piped(&arguments, &without_times("run5-bytes.json"));
    let connection = &ran.json()["connections"][0];
    let metrics = &connection["metrics"];
    for figure in ["duration", "goodput", "throughput", "rtt", "srtt", "mean_in_flight", "window_full", "gap_open"] {
        assert!(metrics[figure].is_null(), "{figure}: {metrics}");
    }
    let findings = connection["findings"].as_array().unwrap();
    let dones: Vec<_> = findings.iter().filter(|finding| finding["rule"] == "done-resend").collect();
    assert_eq!(dones.len(), 2);
    for done in dones {
        // Its copies keep their sent_time, so that neither clock tells an age.
        assert!(done["time"].is_null() && done["cause"]["evidence"]["timer"].is_null(), "{done}");
        assert!(!done["message"].as_str().unwrap().contains(" 0 "), "{done}");
        assert_eq!(words(&done["cause"]["triggers"]), ["timer"], "{done}");
    }
    // A MSG's sent_time tells its age all the same: 4 of run 1 had been due for 2.14 s at least.
    let arguments = ["--window", "3", "--timeout", "2", "--report", "json", "-"];
    let ran = analyze_piped(&arguments, &without_times("run1.json"));
    let gap = ran.json()["connections"][0]["findings"][0].clone();
    assert_eq!((&gap["rule"], positions(&gap)), (&"gap".into(), vec![4]));
    assert!(gap["cause"]["evidence"]["timer"]["age_min"].as_f64().unwrap() > 2.1, "{gap}");
    let arguments = ["--window", "3", "--timeout", "2", "--ladder", "-"];
    let text = analyze_piped(&arguments, &without_times("run1.json")).out;
    assert!(!text.contains("0.000 s"), "{text}");
}
