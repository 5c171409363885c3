//! Inputs, exit codes, refusals.

use std::fs;
use std::process::Stdio;

use super::{analyze, analyze_piped, bytes_of, captures, command};

#[test]
fn the_exit_code_says_what_was_found_and_what_could_be_read() {
    let cut = bytes_of("run3.pcapng");
    let cut_of_5 = bytes_of("run5.pcapng");
    for (arguments, code) in [
        (&["run1.pcapng"][..], 0),
        (&["run5.pcapng"], 1),
        (&["--fail-on", "never", "run5.pcapng"], 0),
        (&["--fail-on", "warn", "run1.pcapng"], 1),
        (&["--fail-on", "note", "run2.pcapng"], 1),
        (&["run1.pcapng", "not-there"], 3),
        (&["run5.pcapng", "not-there"], 1),
        (&["not-there"], 2),
        (&["--window", "0", "run1.pcapng"], 2),
        (&["--report", "xml", "run1.pcapng"], 2),
    ] {
        let ran = analyze(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.log);
    }
    assert_eq!(analyze_piped(&[], &cut[..cut.len() - 7]).code, 3);
    // 1 wins over 3.
    assert_eq!(analyze_piped(&[], &cut_of_5[..cut_of_5.len() - 7]).code, 1);
    assert_eq!(analyze_piped(&[], b"no capture\n").code, 2);
}

#[test]
fn standard_input_says_the_same_as_the_file() {
    let piped = analyze_piped(&["--report", "json"], &bytes_of("run3.pcapng")).out;
    assert_eq!(piped.replace("standard input", "run3.pcapng"), analyze(["--report", "json", "run3.pcapng"]).out);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for arguments in [
        &["--ladder"][..],
        &["--report", "json"],
        &["--report", "ndjson"],
        &["--report", "junit"],
        &["--report", "html"],
    ] {
        let once = || analyze([arguments, &["run4.pcapng", "two-clients.pcapng"]].concat()).out;
        assert!(once() == once(), "{arguments:?}");
    }
}

#[test]
fn an_input_is_never_written_over_by_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let (input, link) = (folder.path().join("in.pcapng"), folder.path().join("link"));
    fs::write(&input, bytes_of("run1.pcapng")).unwrap();
    fs::hard_link(&input, &link).unwrap();
    let input = input.to_str().unwrap();
    for arguments in [
        vec!["-w".to_owned(), input.to_owned()],
        vec!["-w".to_owned(), link.display().to_string()],
        vec!["--report".to_owned(), format!("json={input}")],
        vec![
            "--report".to_owned(),
            format!("html={}/../{}/in.pcapng", folder.path().display(), folder.path().file_name().unwrap().display()),
        ],
    ] {
        let mut all = arguments.clone();
        all.push(input.to_owned());
        let ran = analyze(&all);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.log.contains("never written over"), "{}", ran.log);
        assert!(fs::read(input).unwrap() == bytes_of("run1.pcapng"), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_what_would_do() {
    for (arguments, needed) in [
        (&["--report", "json", "--report", "ndjson", "run1.pcapng"][..], "json=FILE"),
        (&["--report", "json", "--ladder", "run1.pcapng"], "json=FILE"),
        (&["-w", "/dev/null/x", "run1.pcapng"], "cannot create"),
        (&["-w", "x.pcapng", "run1.pcapng", "run2.pcapng"], "name one"),
        (&["-w", "-", "run1.pcapng"], "needs a file"),
        (&["--report", "jsn", "run1.pcapng"], "did you mean `json`?"),
        (&["--report", "none=x", "run1.pcapng"], "FORM=PATH"),
        (&["--report", "json=", "run1.pcapng"], "FORM=PATH"),
        (&["--expect", "not-there.toml", "run1.pcapng"], "cannot read not-there.toml"),
        (&["--params", "not-there.txt", "run1.pcapng"], "not-there.txt"),
        (&["--explain", "duplicate-resent"], "did you mean `duplicate-resend`?"),
        (&["--explain", "nonsense"], "the rules are "),
    ] {
        let ran = analyze(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.log);
        assert!(ran.log.contains(needed), "{arguments:?}: no `{needed}` in {}", ran.log);
    }
    assert!(!captures().join("x.pcapng").exists());
}

#[test]
fn a_rule_s_page_is_printed_and_all_of_them() {
    let one = analyze(["--explain", "gap"]);
    assert_eq!(one.code, 0);
    assert!(one.out.starts_with("# gap\n"), "{}", one.out);
    let all = analyze(["--explain", "all"]).out;
    for rule in ["# gap\n", "# duplicate-resend\n", "# expectation-failed\n"] {
        assert!(all.contains(rule), "{rule}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = command()
        .current_dir(captures())
        .args(["--report", "html", "run1.pcapng", "run2.pcapng", "run3.pcapng"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn colour_is_for_terminals_or_when_asked_for() {
    assert!(!analyze(["run5.pcapng"]).out.contains('\u{1b}'));
    assert!(analyze(["--color", "always", "run5.pcapng"]).out.contains("\u{1b}[1;31merror\u{1b}[0m"));
}
