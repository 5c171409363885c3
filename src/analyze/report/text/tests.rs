use super::*;
use crate::analyze::Finding;
use crate::analyze::PositionSet;
use crate::analyze::report::samples::{Sample, finding, totals};
use crate::wire::Pos;

fn text(samples: &[Sample], layout: Layout) -> String {
    let mut out = Vec::new();
    let mut report = Text::new(&mut out, layout);
    for sample in samples {
        report.connection(&sample.connection(), &sample.record).unwrap();
    }
    report.finish(&totals(samples)).unwrap();
    String::from_utf8(out).unwrap()
}

fn with(number: u32, severity: Severity) -> Sample {
    Sample::new(number).with(finding("gap", severity, 7, Pos(4).into()))
}

#[test]
fn of_many_connections_the_table_has_the_worst_and_only_errors_are_told_in_full() {
    let mut samples: Vec<Sample> = (0..60).map(Sample::new).collect();
    samples[57] = with(57, Severity::Error);
    samples[58] = with(58, Severity::Warn);
    let text = text(&samples, Layout::default());
    let table: Vec<&str> = text.lines().take_while(|line| !line.starts_with("connection ")).collect();
    assert_eq!(table.iter().filter(|line| line.contains("127.0.0.1:50003")).count(), ROWS);
    assert!(table.iter().any(|line| line.starts_with(" error ") && line.contains(" 57 ")), "{text}");
    assert!(table.iter().any(|line| line.starts_with(" warn ") && line.contains(" 58 ")));
    assert!(table.contains(&"… and 20 connections, none of them worse; all are in --report json"), "{text}");
    let told: Vec<&str> = text.lines().filter(|line| line.starts_with("connection ")).collect();
    assert_eq!(told, ["connection 57: 127.0.0.1:50003 → 127.0.0.1:55558, sample.pcapng"]);
}

#[test]
fn of_many_findings_the_worst_are_told_in_order_and_the_rest_are_counted() {
    let mut sample = Sample::new(0);
    for at in 1..=100 {
        let severity = if at % 50 == 0 { Severity::Error } else { Severity::Note };
        sample = sample.with(finding("gap", severity, at, PositionSet::new()));
    }
    sample = sample.with(finding("window-full", Severity::Chat, 101, PositionSet::new()));
    let text = text(&[sample], Layout::default());
    let told: Vec<&str> = text.lines().filter(|line| line.contains("something at")).collect();
    assert_eq!(told.len(), 40);
    assert!(told[38].starts_with(" error   #50 ") && told[39].starts_with(" error  #100 "), "{told:?}");
    assert!(text.contains("not told one by one: 60 gap (note), 1 window-full (chat)"), "{text}");
}

#[test]
fn no_line_is_wider_than_asked_and_words_are_not_lost() {
    let long = Finding { message: "word ".repeat(60), ..finding("gap", Severity::Warn, 7, Pos(4).into()) };
    for width in [60, 80, 100, 160] {
        let text = text(&[Sample::new(0).with(long.clone())], Layout { width, ..Layout::default() });
        // The head line is as long as the addresses and the file's name.
        for line in text.lines().skip(1) {
            assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
        }
        assert_eq!(text.matches("word").count(), 60);
    }
}

#[test]
fn colour_adds_sequences_and_changes_nothing_else() {
    let samples = [with(0, Severity::Error), with(1, Severity::Warn)];
    let plain = text(&samples, Layout::default());
    let coloured = text(&samples, Layout { colour: Colour::Ansi, ..Layout::default() });
    assert!(coloured.contains("\x1b[1;31merror\x1b[0m") && coloured.contains("\x1b[33mwarn\x1b[0m"));
    let mut bare = String::new();
    for (i, part) in coloured.split('\x1b').enumerate() {
        bare.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(bare, plain);
}

#[test]
fn words_of_a_finding_steer_no_terminal() {
    let hostile =
        Finding { message: "a\u{1b}[2J\u{202e}b".to_owned(), ..finding("gap", Severity::Warn, 7, Pos(4).into()) };
    let text = text(&[Sample::new(0).with(hostile)], Layout::default());
    assert!(text.contains(r"a\x1b[2J\u{202e}b"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}
