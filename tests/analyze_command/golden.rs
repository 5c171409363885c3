//! The five reference runs as reports and ladders, word for word: `tests/golden/run1.txt`, `run1.ladder` and so on.
//!
//! These files are what a reader gets, and they are checked by reading. Each line of a ladder was held against PROTOCOL §7
//! and the reference's own frames of that run (`tests/data/traces`): who wrote what in which order, what was not written,
//! what was written again and why, which ACK covered which. The numbers of the reports were worked out a second time, by a
//! script of a few lines, from the times and sent_times that `decode -T json` shows. `REGENERATE=1 cargo test --test
//! analyze_command golden` writes the files anew; then read the difference that `git diff` shows in the same way before it
//! is kept.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::analyze;

/// What stands in a golden file beside what was printed, with the lines around it that are the same.
fn difference(golden: &str, printed: &str) -> Option<String> {
    let (golden, printed): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), printed.lines().collect());
    if golden == printed {
        return None;
    }
    let same = golden.iter().zip(&printed).take_while(|(a, b)| a == b).count();
    let (golden_rest, printed_rest) = (&golden[same..], &printed[same..]);
    let tail = golden_rest.iter().rev().zip(printed_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    let mut say = |sign: char, lines: &[&str]| lines.iter().for_each(|line| writeln!(text, "{sign} {line}").unwrap());
    say(' ', &golden[same.saturating_sub(2)..same]);
    say('-', &golden_rest[..golden_rest.len() - tail]);
    say('+', &printed_rest[..printed_rest.len() - tail]);
    say(' ', &golden_rest[golden_rest.len() - tail..][..tail.min(2)]);
    Some(text)
}

#[test]
fn the_reference_runs_are_told_in_these_words() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut differences = String::new();
    for run in 1..=5 {
        let capture = format!("run{run}.pcapng");
        let timeout = if run == 5 { "1" } else { "2" };
        let declared = ["--window", "3", "--timeout", timeout, capture.as_str()];
        for (form, ending) in [(&[][..], "txt"), (&["--report", "none", "--ladder"], "ladder")] {
            let ran = analyze([form, &declared[..]].concat());
            assert_eq!(ran.code, i32::from(run == 5), "{}", ran.log);
            let name = format!("run{run}.{ending}");
            if std::env::var_os("REGENERATE").is_some() {
                std::fs::write(folder.join(&name), &ran.out).unwrap();
                continue;
            }
            let golden = std::fs::read_to_string(folder.join(&name)).unwrap();
            if let Some(difference) = difference(&golden, &ran.out) {
                write!(differences, "\ntests/golden/{name} (-) is not what analyze prints (+):\n{difference}").unwrap();
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// The frames that a ladder has as written: header and number, without those of folded runs.
fn written(ladder: &str) -> Vec<String> {
    let arrow = |line: &str| {
        let field = line.split('│').nth(1).filter(|field| field.contains(['►', '◄']))?.replace(['─', '►', '◄'], "");
        Some(field.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    ladder.lines().filter_map(arrow).collect()
}

/// The positions that a ladder folds: `⋮ … 3 packages and their ACKs, 13 to 15, nothing of note`.
fn folded(ladder: &str) -> Vec<RangeInclusive<i32>> {
    let range = |line: &str| {
        let (first, last) = line.split_once('⋮')?.1.split(", ").nth(1)?.split_once(" to ")?;
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    ladder.lines().filter_map(range).collect()
}

#[test]
fn the_ladders_have_the_frames_of_the_reference_in_their_order() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    for run in 1..=5 {
        let ladder = std::fs::read_to_string(root.join(format!("golden/run{run}.ladder"))).unwrap();
        let trace = std::fs::read_to_string(root.join(format!("data/traces/run{run}.tsv"))).unwrap();
        let (written, folded) = (written(&ladder), folded(&ladder));
        let mut at = 0;
        for line in trace.lines().skip(1) {
            let cells: Vec<&str> = line.split('\t').collect();
            let (header, payload, pos) = (cells[3], cells[4], cells[8]);
            let number = if header == "ACK" { payload } else { pos };
            let frame = if header == "DISCONNECT" { header.to_owned() } else { format!("{header} {number}") };
            match written[at..].iter().position(|other| *other == frame) {
                Some(further) => at += further + 1,
                None => {
                    let number = number.parse().unwrap();
                    assert!(folded.iter().any(|run| run.contains(&number)), "run {run}, {frame}:\n{ladder}");
                }
            }
        }
    }
}

#[test]
fn a_difference_is_shown_with_the_lines_around_it() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    let shown = difference("1\n2\n3\nold\n4\n5\n6\n", "1\n2\n3\nnew\nmore\n4\n5\n6\n");
    assert_eq!(shown.as_deref(), Some("  2\n  3\n- old\n+ new\n+ more\n  4\n  5\n"));
}
