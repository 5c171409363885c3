//! `--expect` and `--params`: declared facts beside what the capture shows. Every key both ways.

use std::fs;
use std::path::Path;
use std::process::Command;

use arqscope::conversation::WirePacket;
use arqscope::wire::{Name, Side};
use serde_json::Value;

use super::exchange::Growing;
use super::{analyze, words};

const MESSAGE: &str = r#"message = '"aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll"'"#;

/// How each fact of `text` went on that capture (key, outcome), and the exit code.
fn check(text: &str, capture: &str) -> (Vec<(String, String)>, i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("facts.toml");
    fs::write(&file, text).unwrap();
    fs::write(folder.path().join("sent.bin"), r#""aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll""#)
        .unwrap();
    let ran = analyze(["--report", "json", "--expect", file.to_str().unwrap(), capture]);
    assert!(ran.code <= 1, "{text}: {}", ran.log);
    let connection = ran.json()["connections"][0].clone();
    let text = |fact: &Value, key: &str| fact[key].as_str().unwrap().to_owned();
    let facts = connection["expectations"].as_array().unwrap();
    let facts = facts.iter().map(|fact| (text(fact, "key"), text(fact, "outcome"))).collect();
    (facts, ran.code, connection)
}

fn outcomes(text: &str, capture: &str) -> Vec<String> {
    check(text, capture).0.into_iter().map(|(_, outcome)| outcome).collect()
}

#[test]
fn every_key_is_met_by_what_is_so_and_failed_by_what_is_not() {
    for (capture, key, so, not_so) in [
        ("run1.pcapng", "message", MESSAGE, r#"message = "aaaa""#),
        (
            "run1.pcapng",
            "message",
            r#"message_file = "sent.bin""#,
            r#"message = '"aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll"!'"#,
        ),
        (
            "run1.pcapng",
            "message",
            MESSAGE,
            r#"message = '"aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkkllllL"'"#,
        ),
        ("run3.pcapng", "window", "window = 3", "window = 2"),
        ("run5.pcapng", "timeout", "timeout = 1.1", "timeout = 2.5"),
        ("run4.pcapng", "max_msg_size", "max_msg_size = 5", "max_msg_size = 4"),
        ("run1.pcapng", "packages_not_written", "packages_not_written = [4, 9, 10]", "packages_not_written = [4, 9]"),
        (
            "run1.pcapng",
            "packages_not_written",
            "packages_not_written = \"4,9-10\"",
            "packages_not_written = [4, 9, 10, 17]",
        ),
        (
            "run2.pcapng",
            "packages_not_written",
            "packages_not_written = []",
            "packages_not_written = [5]\nwindow = 3\ntimeout = 2",
        ),
        ("run4.pcapng", "packages_not_written", "packages_not_written = [7, 9, 11]", "packages_not_written = []"),
        ("run2.pcapng", "acks_not_written", "acks_not_written = [4, 9, 10]", "acks_not_written = [4, 9]"),
        ("run3.pcapng", "acks_not_written", "acks_not_written = [9, 10, 11]", "acks_not_written = [8, 9, 10, 11]"),
        ("run4.pcapng", "acks_not_written", "acks_not_written = [6, 8, 10]", "acks_not_written = [6, 8, 10, 99]"),
        ("run1.pcapng", "acks_not_written", "acks_not_written = []", "acks_not_written = [16]"),
        ("run5.pcapng", "done_ignored", "done_ignored = 2", "done_ignored = 1"),
        ("run1.pcapng", "done_ignored", "done_ignored = 0", "done_ignored = 1"),
        ("run1.pcapng", "complete", "complete = true", "complete = false"),
    ] {
        let (facts, code, connection) = check(so, capture);
        assert_eq!(facts, [(key.to_owned(), "met".to_owned())], "{so}: {connection}");
        assert_eq!(
            connection["counts"].as_array().unwrap().iter().filter(|c| c["rule"] == "expectation-failed").count(),
            0
        );
        if capture != "run5.pcapng" {
            assert_eq!(code, 0, "{so}");
        }
        let (facts, code, connection) = check(not_so, capture);
        assert!(facts.contains(&(key.to_owned(), "failed".to_owned())), "{not_so}: {facts:?}");
        assert_eq!(code, 1, "{not_so}");
        let counts = connection["counts"].as_array().unwrap();
        let errors = counts.iter().take_while(|count| count["severity"] == "error");
        assert!(errors.into_iter().any(|count| count["rule"] == "expectation-failed"), "among the errors: {counts:?}");
        let findings = connection["findings"].as_array().unwrap();
        let failed: Vec<_> = findings.iter().filter(|finding| finding["rule"] == "expectation-failed").collect();
        assert!(!failed.is_empty(), "{not_so}");
        for finding in failed {
            assert_eq!(finding["severity"], "error");
            for side in ["expected", "seen"] {
                assert!(!finding[side].as_str().unwrap().is_empty(), "{finding}");
            }
        }
    }
}

#[test]
fn a_loss_that_leaves_no_trace_is_no_failure() {
    let declared = |list: &str| format!("window = 3\ntimeout = 2\npackages_not_written = {list}");
    // The whole tail of run 2: written at the end, one by one, as if nothing had been lost.
    assert_eq!(outcomes(&declared("[16]"), "run2.pcapng")[2..], ["cannot-tell"]);
    assert_eq!(outcomes(&declared("[14, 15, 16]"), "run2.pcapng")[2..], ["cannot-tell", "cannot-tell", "cannot-tell"]);
    // A whole window.
    assert_eq!(outcomes(&declared("[5, 6, 7]"), "run2.pcapng")[2..4], ["cannot-tell", "failed"]);
    assert_eq!(
        outcomes("window = 1\ntimeout = 2\npackages_not_written = [5]", "run2.pcapng").last().unwrap(),
        "cannot-tell"
    );
    // Without window and timeout a package written in its turn may be a resend.
    assert_eq!(outcomes("packages_not_written = [5]", "run2.pcapng"), ["cannot-tell"]);
    // With a timeout shorter than its distance from the package before, too.
    let (facts, _, _) = check("window = 3\ntimeout = 0.5\npackages_not_written = [5]", "run2.pcapng");
    assert_eq!(facts.last().unwrap().1, "cannot-tell");
    for text in ["packages_not_written = [16]", "acks_not_written = [4, 9, 10]\nwindow = 9"] {
        assert_eq!(check(text, "run2.pcapng").1, 0, "{text}");
    }
}

#[test]
fn a_package_written_while_an_older_one_was_passed_over_is_no_resend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.pcapng");
    let told = |captured: fn(&WirePacket<'_>) -> bool, list: &str| {
        let mut capture = Growing::new(captured);
        let frames = [(Name::Msg, 1), (Name::Ack, 1), (Name::Msg, 3), (Name::Msg, 2), (Name::Ack, 2), (Name::Ack, 3)];
        capture.exchange(1_767_603_600, [1_000, 9_000], &frames, 4);
        fs::write(&file, capture.finish()).unwrap();
        let facts = format!("window = 3\ntimeout = 2\npackages_not_written = {list}");
        let connection = check(&facts, file.to_str().unwrap()).2;
        let facts = connection["expectations"].as_array().unwrap()[2..].iter();
        let text = |fact: &Value, key: &str| fact[key].as_str().unwrap().to_owned();
        facts.map(|fact| (text(fact, "declared"), text(fact, "outcome"), text(fact, "seen"))).collect::<Vec<_>>()
    };
    // Only the oldest without an ACK is resent (PROTOCOL §4.3), and that was 2.
    let whole = told(|_| true, "[2, 3]");
    assert_eq!((&*whole[0].0, &*whole[0].1), ("2", "met"), "{whole:?}");
    assert_eq!((&*whole[1].0, &*whole[1].1), ("declared 3", "failed"), "{whole:?}");
    assert!(whole[1].2.contains("while 2, which had been passed over, was the oldest"), "{whole:?}");
    // Which ACKs the client had is not known then.
    let of_the_client = told(|packet| packet.from == Side::Client, "[2, 3]");
    for (fact, seen) in
        of_the_client.iter().zip(["lacks bytes of the server there", "lacks bytes of the server, whose"])
    {
        assert!(fact.1 == "cannot-tell" && fact.2.contains(seen), "{of_the_client:?}");
    }
}

#[test]
fn what_the_capture_lost_proves_nothing() {
    // Run 1 without the packets of MSG 8 and 14.
    let (facts, code, _) = check("packages_not_written = [4, 8, 9, 10]", "run1-hole.pcapng");
    assert_eq!(code, 0);
    assert!(facts.contains(&("packages_not_written".to_owned(), "cannot-tell".to_owned())), "{facts:?}");
    assert!(!facts.iter().any(|(_, outcome)| outcome == "failed"), "{facts:?}");
    let (facts, code, _) = check(&format!("{MESSAGE}\nacks_not_written = [8]\ndone_ignored = 1"), "run1-hole.pcapng");
    assert_eq!((facts.iter().filter(|(_, outcome)| outcome == "cannot-tell").count(), code), (3, 0), "{facts:?}");
    // A byte that is there and differs is no doubt, hole or not.
    assert_eq!(outcomes("message = \"abcd\"", "run1-hole.pcapng"), ["failed"]);
}

#[test]
fn facts_hold_for_every_connection_but_those_chosen() {
    let text = "acks_not_written = [4, 9, 10]\n[[connection]]\nclient = \"127.0.0.1:50006\"\nacks_not_written = [13]\npackages_not_written = [2, 3]\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("facts.toml");
    fs::write(&file, text).unwrap();
    let ran = analyze(["--report", "json", "--expect", file.to_str().unwrap(), "two-clients.pcapng"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let totals = &ran.json()["totals"]["expectations"];
    assert_eq!((&totals["met"], &totals["failed"]), (&3.into(), &0.into()));
    for (choice, words) in
        [("number = 7", "no connection has number 7"), ("server = \"1\"", "no connection has server 1")]
    {
        fs::write(&file, format!("[[connection]]\n{choice}\ncomplete = true\n")).unwrap();
        let ran = analyze(["--report", "json", "--expect", file.to_str().unwrap(), "run1.pcapng"]);
        assert_eq!(ran.code, 1, "{choice}");
        assert_eq!(super::words(&ran.json()["totals"]["expectations"]["unmatched"]), [words]);
        let text = analyze(["--expect", file.to_str().unwrap(), "run1.pcapng"]).out;
        assert!(text.contains("FAIL") && text.contains(words), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_meant_is_refused_with_what_would_do() {
    for (text, needed) in [
        ("windw = 3", &["line 1", "unknown key `windw`", "did you mean `window`?"][..]),
        ("\n[[connection]]\nnumber = 0\nacks = []", &["line 4", "unknown key `acks`"]),
        ("xyz = 1", &["unknown key `xyz`", "the keys are message, "]),
        ("[[connection]]\nwindow = 3", &["line 1", "number, or client, or server"]),
        (
            "[[connection]]\nnumber = 0\nwindow = 3\n\n[[connection]]\nnumber = 0\ntimeout = 2",
            &["line 5", "an earlier [[connection]] chooses the same", "into one"],
        ),
        (
            "[[connection]]\nclient = \"1\"\nwindow = 3\n[[connection]]\nclient = \"1\"\n",
            &["line 4", "an earlier [[connection]] chooses the same"],
        ),
        ("window = 0", &["line 1", "window", "from 1", "found 0"]),
        ("complete = true\ntimeout = -1", &["line 2", "timeout", "above 0"]),
        ("max_msg_size = 3", &["line 1", "4 to 9999", "found 3"]),
        ("window = \"three\"", &["line 1", "window"]),
        ("packages_not_written = [0]", &["line 1", "`0` is not a number from 1"]),
        ("packages_not_written = \"4-\"", &["line 1", "4,9-12"]),
        ("message = \"a\"\nmessage_file = \"b\"", &["line 2", "leave one of them out"]),
        ("message_file = \"not-there\"", &["cannot read", "not-there"]),
        ("window = ", &["line 1"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("facts.toml");
        fs::write(&file, text).unwrap();
        let ran = analyze(["--expect", file.to_str().unwrap(), "run1.pcapng"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{text}: {}", ran.log);
        for word in needed {
            assert!(ran.log.contains(word), "{text}: no `{word}` in {}", ran.log);
        }
    }
}

#[test]
fn a_parameter_file_declares_window_and_timeout_and_its_message_and_p_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("params.txt");
    let params = |size: u32| {
        let message = r#""aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllll""#;
        format!("message:{message}\nmaximum_msg_size:{size}\nwindow_size:3\ntimeout:2\n")
    };
    fs::write(&file, params(4)).unwrap();
    let run = |capture: &str| analyze(["--report", "json", "--params", file.to_str().unwrap(), capture]);
    let right = run("run3.pcapng");
    let connection = &right.json()["connections"][0];
    assert_eq!(right.code, 0);
    assert_eq!((&connection["window"]["declared"], &connection["timeout"]["declared"]), (&3.into(), &2.0.into()));
    let outcomes: Vec<&str> =
        connection["expectations"].as_array().unwrap().iter().map(|fact| fact["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["met", "met"]);
    let duplicate =
        connection["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "duplicate-resend").unwrap();
    assert_eq!(words(&duplicate["cause"]["triggers"]), ["timer", "full-window"]);
    let wrong = run("run4.pcapng");
    assert_eq!(wrong.code, 1);
    assert_eq!(wrong.json()["totals"]["expectations"]["failed"], 1);
}

#[test]
fn the_text_lists_what_failed_before_what_passed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("facts.toml");
    fs::write(&file, "window = 3\ntimeout = 2\npackages_not_written = [4, 9]\ncomplete = true\n").unwrap();
    let ran = analyze(["--expect", file.to_str().unwrap(), "run1.pcapng"]);
    let at = |start: &str| {
        ran.out.lines().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {}", ran.out))
    };
    assert!(at("Declared facts: ") < at(" FAIL  packages_not_written"));
    assert!(at(" FAIL  packages_not_written  10 is not declared") < at(" pass  "));
    assert!(at(" pass  ") < at("The capture"));
}

/// Numbers that look random and are the same each time (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// Some of the positions 1 to `last`.
    fn some(&mut self, last: u64) -> Vec<u64> {
        let one_in = 2 + self.below(8);
        (1..=last).filter(|_| self.below(one_in) == 0).collect()
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Makes the capture of a scenario.
fn simulate(text: &str, scenario: &Path, capture: &Path) {
    fs::write(scenario, text).unwrap();
    let simulate = env!("CARGO_BIN_EXE_simulate");
    let ran = Command::new(simulate).args([scenario, Path::new("-w"), capture]).output().unwrap();
    assert!(ran.status.success(), "{text}\n{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn what_a_simulation_was_told_to_lose_is_never_held_against_it() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, capture, declared) =
        (folder.path().join("s.toml"), folder.path().join("c.pcapng"), folder.path().join("f.toml"));
    let mut met = 0;
    for seed in 0..150 {
        let mut numbers = Numbers(seed);
        let packages = 1 + numbers.below(25);
        let (window, timeout) = (1 + numbers.below(6), 0.1 + numbers.below(20) as f64 / 10.0);
        let (lost, acks, dones) = (numbers.some(packages), numbers.some(packages), numbers.below(3));
        let mut text = format!(
            "seed = {seed}\nvantage = \"{}\"\n[client]\nmessage_size = {}\nwindow = {window}\ntimeout = {timeout}\nresend = \"{}\"\n",
            numbers.one(&["client", "server", "0.5"]),
            packages * 10,
            numbers.one(&["timer", "eager"]),
        );
        if numbers.below(2) == 0 {
            text.push_str(&format!("pace = {}\n", numbers.below(30) as f64 / 10.0 + 0.01));
        }
        text.push_str(&format!("[network]\ndelay = \"{}\"\n", numbers.one(&["20us", "3ms", "30ms"])));
        text.push_str(&format!("[loss]\nmessages = {lost:?}\nacks = {acks:?}\ndone = {dones}\n"));
        simulate(&text, &scenario, &capture);
        let facts = format!(
            "window = {window}\ntimeout = {timeout}\nmax_msg_size = 10\ncomplete = true\ndone_ignored = {dones}\n\
             packages_not_written = {lost:?}\nacks_not_written = {acks:?}\n"
        );
        fs::write(&declared, &facts).unwrap();
        let run =
            || analyze(["--report", "json", "--expect", declared.to_str().unwrap(), capture.to_str().unwrap()]).json();
        let json = run();
        let outcomes = json["connections"][0]["expectations"].as_array().unwrap();
        let failed: Vec<_> = outcomes.iter().filter(|fact| fact["outcome"] == "failed").collect();
        assert!(failed.is_empty(), "{text}\n{facts}\n{failed:#?}");
        met += outcomes.iter().filter(|fact| fact["outcome"] == "met").count();
        // A package or an ACK that the capture proves to be missing is one that was declared: without it, it fails.
        for (key, list) in [("packages_not_written", &lost), ("acks_not_written", &acks)] {
            let proved = outcomes.iter().find(|fact| fact["key"] == key && fact["outcome"] == "met");
            let proved = proved.map(|fact| fact["declared"].as_str().unwrap().to_owned()).unwrap_or_default();
            let Some(one) = list.iter().find(|pos| proved.split(", ").any(|run| run == pos.to_string())) else {
                continue;
            };
            let less: Vec<u64> = list.iter().copied().filter(|pos| pos != one).collect();
            fs::write(&declared, facts.replace(&format!("{key} = {list:?}"), &format!("{key} = {less:?}"))).unwrap();
            let json = run();
            let outcomes = json["connections"][0]["expectations"].as_array().unwrap();
            let failed = outcomes.iter().any(|fact| {
                fact["key"] == key
                    && fact["outcome"] == "failed"
                    && fact["declared"] == format!("{one} is not declared")
            });
            assert!(failed, "{text}\n{facts}\nwithout {one}: {outcomes:#?}");
        }
    }
    assert!(met > 600, "too little was told at all: {met}");
}

#[test]
fn a_declared_p_is_not_met_by_an_answer_that_the_frames_contradict_nor_by_the_option_that_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("facts.toml");
    let outcome = |size: u32, more: &[&str]| {
        fs::write(&file, format!("max_msg_size = {size}\n")).unwrap();
        let arguments = ["--report", "json", "--expect", file.to_str().unwrap()];
        let ran = analyze(arguments.iter().chain(more));
        let connection = &ran.json()["connections"][0];
        let outcome = connection["expectations"][0]["outcome"].as_str().unwrap().to_owned();
        (outcome, ran.code, connection.clone())
    };
    // RETURN_MAX says 8, both sides write 16.
    for size in [8, 16] {
        let (outcome, code, connection) = outcome(size, &["rules/size-mismatch.pcapng"]);
        assert_eq!((outcome.as_str(), code), ("failed", 1), "{size}: {connection}");
    }
    // RETURN_MAX says 5: what the user reads frames with says nothing of it, and the ledger has both numbers.
    for (size, expected) in [(5, "met"), (4, "failed")] {
        let (outcome, _, connection) = outcome(size, &["--max-msg-size", "4", "run4.pcapng"]);
        assert_eq!(outcome, expected, "{size}");
        let notes = words(&connection["ledger"]["notes"]).join("\n");
        assert!(notes.contains("RETURN_MAX says maximum_msg_size 5; frames are read with 4"), "{notes}");
    }
    assert_eq!(outcome(4, &["--max-msg-size", "4", "run4-midstream.pcapng"]).0, "cannot-tell");
    let (_, _, connection) = outcome(5, &["--max-msg-size", "5", "run4.pcapng"]);
    assert!(!connection["ledger"]["notes"].to_string().contains("RETURN_MAX"), "{connection}");
}

/// The whole packets of a capture that the simulator wrote: where each block begins, and where the file ends.
fn blocks(capture: &[u8]) -> Vec<usize> {
    let mut at = vec![0];
    while let Some(length) = capture.get(at[at.len() - 1] + 4..at[at.len() - 1] + 8) {
        at.push(at[at.len() - 1] + u32::from_le_bytes(length.try_into().unwrap()) as usize);
    }
    at
}

#[test]
fn what_is_missing_of_a_capture_fails_no_fact_of_the_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, capture, part, declared) =
        ["s.toml", "c.pcapng", "p.pcapng", "f.toml"].map(|name| folder.path().join(name)).into();
    let (mut told, mut open) = (0, 0);
    for seed in 0..12 {
        let mut numbers = Numbers(seed);
        let packages = 4 + numbers.below(12);
        let (window, timeout) = (1 + numbers.below(5), 0.2 + numbers.below(10) as f64 / 10.0);
        let (lost, acks, dones) = (numbers.some(packages), numbers.some(packages), numbers.below(2));
        let text = format!(
            "seed = {seed}\n[client]\nmessage_size = {}\nwindow = {window}\ntimeout = {timeout}\nresend = \"eager\"\npace = 0.1\n\
             [network]\ndelay = \"3ms\"\n[loss]\nmessages = {lost:?}\nacks = {acks:?}\ndone = {dones}\n",
            packages * 10,
        );
        simulate(&text, &scenario, &capture);
        let facts = format!(
            "window = {window}\ntimeout = {timeout}\nmax_msg_size = 10\ncomplete = true\ndone_ignored = {dones}\n\
             packages_not_written = {lost:?}\nacks_not_written = {acks:?}\n"
        );
        fs::write(&declared, &facts).unwrap();
        let whole = fs::read(&capture).unwrap();
        let blocks = blocks(&whole);
        // Blocks 0 and 1 describe the section and the interface; three packets open the connection.
        let packets = blocks.len() - 3;
        let mut parts: Vec<(String, Vec<u8>)> = [4, 7, packets / 3, packets / 2, packets * 3 / 4, packets - 2]
            .into_iter()
            .map(|kept| (format!("the first {kept} packets"), whole[..blocks[2 + kept]].to_vec()))
            .collect();
        for _ in 0..6 {
            let missing = 2 + 3 + numbers.below(packets as u64 - 4) as usize;
            let rest = [&whole[..blocks[missing]], &whole[blocks[missing + 1]..]].concat();
            parts.push((format!("all but packet {}", missing - 1), rest));
        }
        for (what, bytes) in parts {
            fs::write(&part, bytes).unwrap();
            let arguments = ["--report", "json", "--expect", declared.to_str().unwrap(), part.to_str().unwrap()];
            let json = analyze(arguments).json();
            let Some(outcomes) = json["connections"][0]["expectations"].as_array() else { continue };
            let failed: Vec<_> = outcomes.iter().filter(|fact| fact["outcome"] == "failed").collect();
            assert!(failed.is_empty(), "{what} of {text}\n{facts}\n{failed:#?}");
            told += outcomes.iter().filter(|fact| fact["outcome"] == "met").count();
            open += outcomes.iter().filter(|fact| fact["outcome"] == "cannot-tell").count();
        }
    }
    assert!(told > 100 && open > 100, "{told} met, {open} open");
}

#[test]
fn a_choice_that_no_connection_meets_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("facts.toml");
    fs::write(&file, "[[connection]]\nclient = \"\\u001b[2Jelsewhere\"\ncomplete = true\n").unwrap();
    for report in ["text", "json", "junit"] {
        let ran = analyze(["--report", report, "--expect", file.to_str().unwrap(), "run1.pcapng"]);
        assert_eq!(ran.code, 1, "{report}");
        assert!(ran.out.contains("elsewhere"), "{report}: {}", ran.out);
        assert!(super::is_tame(&ran.out) && super::is_tame(&ran.log), "{report}: {:?}", ran.out);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_its_device_has_no_room_for_is_named() {
    let ran = analyze(["--report", "json=/dev/full", "run1.pcapng"]);
    assert_eq!(ran.code, 2, "{}", ran.log);
    assert!(ran.log.contains("/dev/full"), "{}", ran.log);
}

#[test]
fn a_timeout_that_ages_only_bound_is_left_open() {
    // DONE of run 5 went again 1.10 s after the copy before; the bound has the tolerance of 0.1 s in it.
    for (timeout, expected) in [("1.15", "met"), ("1.0", "cannot-tell"), ("0.2", "cannot-tell"), ("1.5", "failed")] {
        let (facts, code, _) = check(&format!("timeout = {timeout}"), "run5.pcapng");
        assert_eq!(facts, [("timeout".to_owned(), expected.to_owned())], "{timeout}");
        // The stray ACKs of that server are errors of their own.
        assert_eq!(code, 1, "{timeout}");
    }
}

#[test]
fn a_file_without_facts_meets_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("facts.toml");
    fs::write(&file, "# nothing yet\n").unwrap();
    let ran = analyze(["--expect", file.to_str().unwrap(), "run1.pcapng"]);
    assert_eq!(ran.code, 0, "{}", ran.log);
    assert!(ran.out.contains("no fact is declared of it") && !ran.out.contains("facts met"), "{}", ran.out);
    assert!(!ran.out.contains("Declared facts"), "{}", ran.out);
}

#[test]
fn that_no_ack_was_withheld_is_not_met_while_one_may_still_come() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, capture) = (folder.path().join("s.toml"), folder.path().join("c.pcapng"));
    let text = |until: &str| {
        format!(
            "[client]\nmessage = \"hello\"\nwindow = 1\ntimeout = 2\n[server]\nmaximum_msg_size = 100\n[loss]\nacks = [1]\ndone = 2\n\
             [capture]\nuntil = \"{until}\"\n"
        )
    };
    let none = "acks_not_written = []";
    // Before there is an ACK at all; after the package went again, and DONE has no answer yet.
    for until in ["1ms", "2100ms"] {
        simulate(&text(until), &scenario, &capture);
        assert_eq!(outcomes(none, capture.to_str().unwrap()), ["cannot-tell"], "{until}");
    }
    // With the end of the exchange it is known.
    simulate(&text("60s"), &scenario, &capture);
    assert_eq!(outcomes(none, capture.to_str().unwrap()), ["failed"]);
}
