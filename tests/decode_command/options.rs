//! Each option does what the manual says, on captures whose content is known from captures/README.md.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use super::{bytes_of, capture, cells, command, decode, decode_piped, is_tame};

/// `decode` with these options on captures of the project.
fn on(options: &[&str], names: &[&str]) -> super::Ran {
    let files = names.iter().map(|name| capture(name).into_os_string());
    decode(options.iter().map(std::ffi::OsString::from).chain(files))
}

fn rows(options: &[&str], names: &[&str]) -> Vec<Vec<String>> {
    cells(&on(&[&["-T", "csv"], options].concat(), names).well())
}

#[test]
fn any_number_of_threads_gives_the_same() {
    // Sections one behind the other are one capture; it is read ahead from its second MiB on.
    let section = std::fs::read(capture("run1.pcapng")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.pcapng");
    std::fs::write(&long, section.repeat((3 << 20) / section.len())).unwrap();
    let ran = |options: &[&str]| {
        let ran = decode(options.iter().map(std::ffi::OsString::from).chain([long.clone().into_os_string()]));
        assert_eq!(ran.code, 0, "{}", ran.log);
        (ran.out, ran.log)
    };
    for form in ["csv", "table"] {
        let one = ran(&["--threads", "1", "-T", form]);
        assert!(one.0.lines().count() > 10_000);
        assert!(one == ran(&["--threads", "2", "-T", form]) && one == ran(&["-T", form]), "{form}");
    }
}

#[test]
fn a_filter_chooses_rows() {
    let count = |filter: &str, name: &str| rows(&["-Y", filter], &[name]).len();
    // Run 1 has 16 positions; 4, 9 and 10 are written once, late; every one is acknowledged, DONE too.
    assert_eq!(count("arq.header == \"MSG\"", "run1.pcapng"), 16);
    assert_eq!(count("arq.header == ACK", "run1.pcapng"), 17);
    assert_eq!(count("arq.pos == 9 or arq.payload == \"9\"", "run1.pcapng"), 2);
    // Run 2: ACKs 4, 9, 10 are not written.
    assert_eq!(count("arq.ack_number in {4, 9..10}", "run2.pcapng"), 0);
    assert_eq!(count("arq.from == server && !(arq.header == ACK)", "run2.pcapng"), 2);
    // Run 5: DONE three times, position 8.
    assert_eq!(count("arq.header == DONE && arq.pos == 8", "run5.pcapng"), 3);
    assert_eq!(count("arq.pos == 999", "run5.pcapng"), 0);
}

#[test]
fn a_wrong_filter_is_refused_with_its_place_before_anything_is_printed() {
    for (filter, words) in [
        ("arq.pos =", "arq.pos =\n          ^"),
        ("arq.foo == 1", "unknown field `arq.foo`"),
        ("(arq.pos == 1", "(arq.pos == 1\n"),
        ("arq.pos == \"a", "^"),
        ("", "-Y"),
        ("tcp.port == 1", "--port"),
        ("arq.pos == 99999999999999999999", "99999999999999999999"),
    ] {
        let ran = on(&["-Y", filter], &["run1.pcapng"]);
        if filter.is_empty() && ran.code == 0 {
            continue; // an empty filter shows everything, as Wireshark's does
        }
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{filter}");
        assert!(ran.log.contains(words), "{filter}: {}", ran.log);
    }
}

#[test]
fn a_count_ends_the_output_early_and_still_completes_it() {
    assert_eq!(rows(&["-c", "3"], &["run1.pcapng"]).len(), 3);
    assert_eq!(rows(&["-c", "3", "-Y", "arq.from == server"], &["run1.pcapng"])[2][6], "2");
    // Over all files together.
    assert_eq!(rows(&["-c", "40"], &["run1.pcapng", "run2.pcapng"]).len(), 40);
    assert_eq!(rows(&["-c", "999"], &["run1.pcapng"]).len(), 38);
    let none = on(&["-c", "0", "-T", "json"], &["run1.pcapng"]).well();
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&none).unwrap().len(), 0);
    assert_eq!(rows(&["-c", "0"], &["run1.pcapng"]).len(), 0);
    let two = on(&["-c", "2", "-T", "json"], &["run1.pcapng"]).well();
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&two).unwrap().len(), 2);
}

#[test]
fn the_time_column_takes_tsharks_formats() {
    // Run 1 begins at 2026-01-05 09:10:00 UTC; GET_MAX goes out 2 ms later, as packet 4 behind the TCP handshake,
    // whose last packet stands at 30 µs. 2026-01-05 is day 5; 1767604200 is `date -ud '2026-01-05 09:10' +%s`.
    for (format, expected) in [
        ("e", "1767604200.002000000"),
        ("r", "0.002000000"),
        ("d", "0.001970000"),
        ("a", "09:10:00.002000000"),
        ("ad", "2026-01-05 09:10:00.002000000"),
        ("adoy", "2026/005 09:10:00.002000000"),
        ("u", "09:10:00.002000000"),
        ("ud", "2026-01-05 09:10:00.002000000"),
        ("udoy", "2026/005 09:10:00.002000000"),
        ("r.3", "0.002"),
        ("e.0", "1767604200"),
    ] {
        let table = on(&["-t", format], &["run1.pcapng"]).well();
        let row = table.lines().find(|line| line.contains("GET_MAX")).unwrap();
        assert!(row.contains(&format!(" {expected} ")), "-t {format}: {row}");
    }
}

#[test]
fn a_port_restricts_what_is_decoded() {
    assert_eq!(rows(&["--port", "55558"], &["run1.pcapng"]).len(), 38);
    assert_eq!(rows(&["--port", "50001"], &["run1.pcapng"]).len(), 38);
    let ran = on(&["--port", "80", "-T", "csv"], &["run1.pcapng"]);
    assert_eq!((ran.code, cells(&ran.out).len()), (0, 0));
    assert!(ran.log.contains("1 connection on other ports"), "{}", ran.log);
}

#[test]
fn a_declared_size_wins_over_the_handshake() {
    // Run 4 has P = 5; P = 4 cuts its payloads by one byte, as the reference's decoder did.
    let payload = |options: &[&str]| rows(options, &["run4.pcapng"])[2][6].clone();
    assert_eq!(payload(&[]), "\"aaaa");
    assert_eq!(payload(&["--max-msg-size", "5"]), "\"aaaa");
    assert_eq!(payload(&["--max-msg-size", "4"]), "\"aaa");
    // And P = 10 at run 4's places of seq shows what the reference's decoder showed of run 5 with 4: text for numbers.
    let of_run5 = rows(&["--max-msg-size", "4"], &["run5.pcapng"]);
    let seq = |header: &str| of_run5.iter().find(|row| row[4] == header).unwrap()[7].clone();
    assert_eq!(
        (seq("CLOSE").as_str(), seq("DISCONNECT").as_str(), seq("DONE").as_str()),
        ("1869881460", "543649385", "0")
    );
    for wrong in ["3", "10000", "0", "x", "", "99999999999999999999"] {
        let ran = on(&["--max-msg-size", wrong], &["run4.pcapng"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong}");
        assert!(ran.log.contains("4 to 9999"), "{}", ran.log);
    }
}

#[test]
fn quiet_prints_the_closing_summary_alone() {
    let ran = on(&["-q"], &["run1.pcapng"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(ran.log.contains("65 packets, 1 TCP connection (1 of the protocol), 38 frames"), "{}", ran.log);
}

#[test]
fn info_says_what_a_file_is() {
    let out = on(&["--info", "-T", "ndjson"], &["run1.pcapng.gz", "run5.json"]).well();
    let facts: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((facts[0]["packets"].as_u64(), facts[0]["tcp_connections"].as_u64()), (Some(65), Some(1)));
    assert_eq!(facts[0]["compression"], "gzip");
    assert_eq!(facts[0]["first_time"], "1767604200.000000000");
    assert_eq!(facts[0]["interfaces"][0]["name"], "lo");
    assert_eq!(facts[0]["interfaces"][0]["snap_len"], 262_144);
    assert!(facts[1]["format"].as_str().unwrap().contains("JSON"), "{}", facts[1]);
    let table = on(&["--info"], &["run1.pcapng"]).well();
    assert!(table.contains("pcapng") && table.contains("Ethernet (1)"), "{table}");
}

#[test]
fn streams_are_the_bytes_that_the_sides_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("streams");
    let out = decode(["--streams".as_ref(), to.as_os_str(), capture("run1.pcapng").as_os_str()]).well();
    assert_eq!(out, "");
    // 20 client frames: GET_MAX, 16 MSG, DONE, CLOSE make 19; 19 server frames: RETURN_MAX, 17 ACKs, DISCONNECT.
    let mut sizes: Vec<(Vec<u8>, usize)> = std::fs::read_dir(&to)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .filter(|bytes| !bytes.starts_with(b"{") && !bytes.starts_with(b"["))
        .map(|bytes| (bytes[..7].to_vec(), bytes.len()))
        .collect();
    sizes.sort();
    assert_eq!(sizes, [(b"GET_MAX".to_vec(), 19 * 44), (b"RETURN_".to_vec(), 19 * 44)]);
}

#[test]
fn several_files_are_one_table_with_their_connections_numbered_on() {
    let all = rows(&[], &["run1.pcapng", "run5.json", "run2.pcapng"]);
    assert_eq!(all.len(), 38 + 24 + 35);
    let connections: Vec<&str> = all.iter().map(|row| row[2].as_str()).collect();
    assert_eq!((connections[0], connections[38], connections[38 + 24]), ("0", "1", "2"));
    let one_missing = decode(["-T", "csv", "nowhere.pcap", capture("run1.pcapng").to_str().unwrap()]);
    assert_eq!((one_missing.code, cells(&one_missing.out).len()), (3, 38));
    assert!(one_missing.log.contains("cannot open nowhere.pcap"), "{}", one_missing.log);
}

#[test]
fn colour_comes_only_where_it_is_asked_for() {
    let path = capture("run1.pcapng");
    let table = |options: &[&str], no_color: Option<&str>| {
        let mut command = command();
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        super::ran(command.args(options).arg(&path), b"").well()
    };
    assert!(is_tame(&table(&[], None)), "not a terminal: no colour");
    assert!(table(&["--color", "always"], None).contains("\x1b["));
    assert!(table(&["--color", "always"], Some("1")).contains("\x1b["), "asked for by name");
    assert!(is_tame(&table(&["--color", "never"], None)));
    let plain = table(&["--color", "always"], None);
    let mut stripped = String::new();
    let mut parts = plain.split("\x1b[");
    stripped.push_str(parts.next().unwrap());
    parts.for_each(|part| stripped.push_str(part.split_once('m').unwrap().1));
    assert_eq!(stripped, table(&[], None), "colour adds nothing but colour");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let path = capture("run1.pcapng");
    for form in ["table", "csv", "json", "text"] {
        let mut command = command();
        command.args(["-T", form]).args(std::iter::repeat_n(&path, 60));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{form}: {log}");
        assert!(!log.contains("panicked") && !log.to_lowercase().contains("broken pipe"), "{form}: {log}");
    }
}

#[test]
fn rows_of_a_live_capture_appear_before_it_ends() {
    let bytes = bytes_of("run1.pcapng");
    let mut child = command()
        .args(["-l", "-T", "csv", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The first 4000 of 7688 bytes hold some thirty of 65 packets.
    stdin.write_all(&bytes[..4000]).unwrap();
    stdin.flush().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Vec<String> = lines.by_ref().take(11).map(Result::unwrap).collect();
    assert!(first[10].contains("MSG"), "{first:?}"); // and the pipe is still open
    stdin.write_all(&bytes[4000..]).unwrap();
    drop(stdin);
    assert_eq!(lines.count(), 38 + 1 - 11);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_go_together_is_refused() {
    for options in [
        &["--message", "--info"][..],
        &["--message", "-V"],
        &["--info", "--streams", "/tmp/never-made"],
        &["--info", "-T", "csv"],
        &["--info", "-c", "3"],
        &["--info", "-Y", "arq"],
        &["--info", "--port", "55558"],
        &["--streams", "/tmp/never-made", "-T", "csv"],
        &["--streams", "/tmp/never-made", "-q"],
        &["--message", "-T", "text"],
        &["--message", "-Y", "arq"],
        &["-T", "csv", "-V"],
        &["-T", "ndjson", "-x"],
        &["-T", "tsv", "-t", "ad"],
        &["-T", "text", "-t", "ad"],
        &["-T", "xml"],
        &["-t", "yesterday"],
        &["-c", "many"],
        &["--port", "65536"],
        &["--nonsense"],
    ] {
        let ran = on(options, &["run1.pcapng"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options:?}");
        assert!(ran.log.starts_with("error: "), "{options:?}: {}", ran.log);
    }
}

#[test]
fn help_and_version_are_answers_and_name_the_exit_codes() {
    let help = decode(["--help"]).well();
    for word in ["-T", "-Y", "--max-msg-size", "--streams", "Exit codes", "standard error"] {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(decode(["--version"]).well().trim(), concat!("decode ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn nothing_on_standard_input_is_an_empty_input() {
    let ran = decode_piped(&[], b"");
    assert_eq!((ran.code, ran.log.lines().count()), (2, 1));
    assert!(ran.log.contains("standard input: the input is empty (0 bytes): needed"), "{}", ran.log);
}
