//! `--ladder`: the exchange as a drawing.

use super::analyze;

fn ladder(arguments: &[&str]) -> Vec<String> {
    let ran = analyze([&["--report", "none", "--ladder"][..], arguments].concat());
    ran.out.lines().map(str::to_owned).collect()
}

/// The rungs as (packet, left to right between the lifelines without the shaft, remark).
fn rungs(lines: &[String]) -> Vec<(String, String, String)> {
    let rung = |line: &String| {
        let mut parts = line.split('│');
        let (place, field, remark) = (parts.next()?, parts.next()?, parts.next()?);
        let packet = place.split_whitespace().next().unwrap_or_default().to_owned();
        let field = field.replace('─', "").split_whitespace().collect::<Vec<_>>().join(" ");
        Some((packet, field, remark.trim().to_owned()))
    };
    lines.iter().filter_map(rung).collect()
}

#[test]
fn run_3_shows_the_acks_that_were_not_written_and_the_package_written_again() {
    let lines = ladder(&["--window", "3", "--timeout", "2", "run3.pcapng"]);
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", lines.join("\n"));
    let rungs = rungs(&lines);
    let from = rungs.iter().position(|(packet, ..)| packet == "31").unwrap();
    let seen: Vec<(&str, &str)> =
        rungs[from..from + 11].iter().map(|(packet, field, _)| (packet.as_str(), field.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("31", "MSG 9 ►"),
            ("", "✗ ACK 9"),
            ("33", "MSG 10 ►"),
            ("", "✗ ACK 10"),
            ("35", "MSG 11 ►"),
            ("", "✗ ACK 11"),
            ("37", "MSG 9 ►"),
            // The rest of its remark.
            ("", ""),
            ("38", "◄ ACK 9"),
            ("40", "MSG 12 ►"),
            ("41", "◄ ACK 12"),
        ]
    );
    // Of the two ACKs 9 that were due one was written; which, nothing tells.
    assert_eq!(rungs[from + 1].2, "this or a later one lost");
    assert_eq!((rungs[from + 3].2.as_str(), rungs[from + 5].2.as_str()), ("not written", "not written"));
    assert_eq!(rungs[from + 6].2, "again: a duplicate;");
    assert_eq!(rungs[from + 7].2, "timer, full window");
    assert_eq!(rungs[from + 10].2, "covers 10, 11, too");
}

#[test]
fn run_1_shows_the_packages_that_were_not_written_and_what_was_held() {
    let rungs = rungs(&ladder(&["run1.pcapng"]));
    let of = |field: &str| {
        rungs.iter().filter(|(_, f, _)| f == field).map(|(p, _, r)| (p.as_str(), r.as_str())).collect::<Vec<_>>()
    };
    for pos in [4, 9, 10] {
        assert_eq!(of(&format!("MSG {pos} ✗")), [("", "not written")]);
        assert_eq!(of(&format!("MSG {pos} ►")).len(), 1);
    }
    // What follows at once is not folded (PROTOCOL §7).
    for pos in [4, 5, 6, 9, 10, 11, 12] {
        assert_eq!(of(&format!("◄ ACK {pos}")).len(), 1, "{pos}");
    }
    for (pos, packet) in [(5, "16"), (6, "18"), (11, "32"), (12, "37")] {
        assert_eq!(of(&format!("MSG {pos} ►")), [(packet, "held")]);
    }
    assert!(!rungs.iter().any(|(_, field, _)| field.starts_with("✗ ACK")), "no ACK is lost in run 1");
}

#[test]
fn run_4_draws_a_lost_ack_below_the_acks_of_what_came_before_it() {
    // MSG 7 released 8, which had been held: the server writes ACK 7, then counts ACK 8.
    let rungs = rungs(&ladder(&["run4.pcapng"]));
    let fields: Vec<&str> = rungs.iter().map(|(_, field, _)| field.as_str()).collect();
    for (released, held) in [(7, 8), (9, 10)] {
        let at = fields.iter().position(|field| *field == format!("MSG {released} ►")).unwrap();
        assert_eq!(fields[at + 1..at + 3], [format!("◄ ACK {released}"), format!("✗ ACK {held}")], "{fields:?}");
    }
    let at = fields.iter().position(|field| *field == "✗ ACK 6").unwrap();
    assert_eq!(fields[at - 1], "MSG 6 ►");
}

#[test]
fn run_5_says_of_each_done_what_became_of_it() {
    let rungs = rungs(&ladder(&["--window", "3", "--timeout", "1", "run5.pcapng"]));
    let from = rungs.iter().position(|(_, field, _)| field == "DONE 8 ►").unwrap();
    let seen: Vec<String> = rungs[from..].iter().map(|(p, f, r)| format!("{p} {f} {r}")).collect();
    assert_eq!(
        seen,
        [
            "28 DONE 8 ► ignored, or its ACK lost",
            "  or late",
            "30 ◄ ACK 0 goes back; ! ack-regress",
            "32 DONE 8 ► again; timer; ignored, or",
            "  its ACK lost or late",
            "33 ◄ ACK 1 goes back; ! ack-regress",
            "35 DONE 8 ► again; timer",
            "36 ◄ ACK 8 ",
            "38 CLOSE 9 ► ",
            "39 ◄ DISCONNECT ",
        ]
    );
}

#[test]
fn a_package_beyond_the_window_names_the_edge_and_the_rule() {
    // With a window of 2 and 8 acknowledged, 10 is the last that may be written before ACK 9.
    let rungs = rungs(&ladder(&["--window", "2", "run3.pcapng"]));
    let at = rungs.iter().position(|(_, field, _)| field == "MSG 11 ►").unwrap();
    assert_eq!((rungs[at].2.as_str(), rungs[at + 1].2.as_str()), ("beyond the edge (10);", "! window-exceeded"));
}

#[test]
fn a_broken_rule_and_a_hole_are_marked() {
    let lines = ladder(&["run5.pcapng"]);
    let faults: Vec<&String> = lines.iter().filter(|line| line.contains("! ")).collect();
    assert!(!faults.is_empty(), "{}", lines.join("\n"));
    let lines = ladder(&["run1-hole.pcapng"]);
    assert_eq!(lines.iter().filter(|line| line.contains("44 bytes of the client not captured")).count(), 2);
}

#[test]
fn quiet_runs_are_folded_and_their_frames_counted() {
    // 200 packages, nothing lost but 100's first ACK.
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("long.pcapng");
    let simulated = std::process::Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args([
            "--message-size",
            "2000",
            "--max-msg-size",
            "10",
            "--window",
            "3",
            "--lose-acks",
            "100",
            "--pace",
            "10ms",
            "-w",
        ])
        .arg(&capture)
        .output()
        .unwrap();
    assert!(simulated.status.success(), "{}", String::from_utf8_lossy(&simulated.stderr));
    let lines = ladder(&[capture.to_str().unwrap()]);
    let folds: Vec<&String> = lines.iter().filter(|line| line.contains('⋮')).collect();
    assert_eq!(folds.len(), 2, "{}", lines.join("\n"));
    assert!(folds.iter().all(|fold| fold.contains("packages and ") && fold.contains("nothing of note")), "{folds:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("✗") && line.contains("ACK 100")).count(), 1);
    assert!(lines.len() < 60, "{}", lines.len());
    assert!(lines.iter().all(|line| line.chars().count() <= 80));
}
