//! What frames hold, beside what the protocol says that they hold (PROTOCOL §2, §3).

use super::script::capture;
use super::*;
use crate::analyze::StepVerdict;
use crate::window::Departure;
use crate::wire::Name;

fn told(script: &str) -> Told {
    analyse_bytes(capture(script), declared(3, 1.0))
}

/// The messages of the rule's findings, with their severity.
fn messages(script: &str, rule: &str) -> Vec<(Severity, String)> {
    told(script).of(rule).iter().map(|finding| (finding.severity, finding.message.clone())).collect()
}

/// An exchange of one package in which one frame stands for another.
fn with(name: &str, line: &str) -> String {
    let lines = [
        ("GET_MAX", "0.001 client GET_MAX 0"),
        ("RETURN_MAX", "0.002 server RETURN_MAX 0 payload=4"),
        ("MSG", "0.10 client MSG 1 aaaa"),
        ("ACK", "0.12 server ACK 1"),
        ("DONE", "0.20 client DONE 2"),
        ("ACK DONE", "0.21 server ACK 2"),
        ("CLOSE", "0.22 client CLOSE 3"),
        ("DISCONNECT", "0.23 server DISCONNECT 0"),
        ("", "0.24 fin"),
    ];
    let lines: Vec<&str> = lines.iter().map(|(of, usual)| if *of == name { line } else { usual }).collect();
    format!("bare\n{}\n", lines.join("\n"))
}

#[test]
fn a_frame_that_says_something_else_than_its_name_demands_is_a_field_inconsistency() {
    for (name, line, message) in [
        ("DONE", "0.20 client DONE 2 payload=EOM", "DONE 2 with `EOM`"),
        ("CLOSE", "0.22 client CLOSE 3 payload=bye", "CLOSE 3 with `bye`"),
        ("CLOSE", "0.22 client CLOSE 7", "CLOSE 7 with position 7"),
        ("DISCONNECT", "0.23 server DISCONNECT 0 payload=so", "DISCONNECT with `so`"),
        ("GET_MAX", "0.001 client GET_MAX 5", "GET_MAX with position 5"),
        ("GET_MAX", "0.001 client GET_MAX 0 payload=hi", "GET_MAX with `hi`"),
        ("RETURN_MAX", "0.002 server RETURN_MAX 0 payload=0004", "RETURN_MAX with `0004`"),
    ] {
        let script = with(name, line);
        assert_eq!(messages(&script, "field-inconsistency"), [(Severity::Warn, message.to_owned())], "{line}");
        assert_eq!(told(&script).names().len(), 1, "{line}: {:?}", told(&script).names());
    }
    assert_eq!(told(&with("", "0.24 fin")).names(), [""; 0]);
    let early = "0.10 client MSG 1 aaaa\n0.12 server ACK 1\n0.20 client DONE 1\n0.22 server ACK 1\n0.3 fin";
    let said = messages(early, "field-inconsistency");
    assert_eq!(said, [(Severity::Warn, "DONE 1 with position 1, which is that of a package in packet 6".to_owned())]);
    assert!(told(early).of("done-resend").is_empty(), "no DONE was before it");
    // The first DONE is not captured, and ACK 2 speaks of it.
    let unseen = "0.10 client MSG 1 aaaa\n0.12 server ACK 1\n0.20 lost client DONE 2\n0.22 server ACK 2\n0.3 client DONE 2\n0.4 fin";
    assert_eq!(messages(unseen, "field-inconsistency"), []);
}

#[test]
fn only_the_last_package_may_be_short() {
    let script = |slices: [&str; 3]| {
        let [a, b, c] = slices;
        format!(
            "0.10 client MSG 1 {a}\n0.11 client MSG 2 {b}\n0.12 client MSG 3 {c}\n0.2 server ACK 1\n0.21 server ACK 2\n\
             0.22 server ACK 3\n0.3 finish 3"
        )
    };
    let short = |slices| messages(&script(slices), "field-inconsistency");
    assert_eq!(short(["aaaa", "bbbb", "c"]), []);
    let of = |pos, len, above, packet| {
        let bytes = if len == 1 { "1 byte".to_owned() } else { format!("{len} bytes") };
        let needed = "needed 4 bytes in every package but the last";
        (Severity::Warn, format!("MSG {pos} with {bytes}, and MSG {above} in packet {packet} above it; {needed}"))
    };
    // GET_MAX and RETURN_MAX are packets 4 and 5.
    assert_eq!(short(["aaaa", "bb", "cccc"]), [of(2, 2, 3, 8)]);
    assert_eq!(short(["a", "bbb", "c"]), [of(1, 1, 2, 7), of(2, 3, 3, 8)]);
    // Passed by, and written late.
    let late = "0.10 client MSG 2 bbbb\n0.11 client MSG 1 aa\n0.2 server ACK 1\n0.21 server ACK 2\n0.3 finish 2";
    assert_eq!(messages(late, "field-inconsistency"), [of(1, 2, 2, 6)]);
    let last =
        "0.10 client MSG 1 aaaa\n0.2 server ACK 1\n0.3 client DONE 3\n0.31 client MSG 2 bb\n0.32 server ACK 2\n0.4 fin";
    assert_eq!(messages(last, "field-inconsistency"), [], "DONE 3 says that 2 is the last");
    let done = "0.10 client MSG 1 aa\n0.2 server ACK 1\n0.3 client DONE 3\n0.4 fin";
    let said = messages(done, "field-inconsistency");
    assert_eq!(said.len(), 1);
    assert!(said[0].1.starts_with("MSG 1 with 2 bytes, and DONE 3 in packet 8 above it"), "{said:?}");
    // An ACK of what is not captured shows no package above the last: not of itself, not of DONE.
    let itself = "0.10 client MSG 1 aaaa\n0.11 lost client MSG 2 bb\n0.2 server ACK 2\n1.2 client MSG 2 bb\n1.3 server ACK 2\n1.4 finish 2";
    assert_eq!(messages(itself, "field-inconsistency"), []);
    let of_done = "0.10 client MSG 1 aaaa\n0.11 lost client MSG 2 bb\n0.12 server ACK 2\n0.2 lost client DONE 3\n\
                   0.21 server ACK 3\n1.2 client MSG 2 bb\n1.3 server ACK 2\n1.4 fin";
    assert_eq!(messages(of_done, "field-inconsistency"), []);
    let followed = "0.10 lost client MSG 1 aa\n0.11 lost client MSG 2 bbbb\n0.12 server ACK 2\n1.2 client MSG 1 aa\n\
                    1.3 client MSG 2 bbbb\n1.4 server ACK 2\n1.5 finish 2";
    assert_eq!(messages(followed, "field-inconsistency"), [of(1, 2, 2, 8)]);
    // Inferred, maximum_msg_size rests on packages being full.
    let inferred = "midstream\n0.10 client MSG 5 aa\n0.11 client MSG 6 bbbb\n0.2 server ACK 5\n0.21 server ACK 6";
    assert_eq!(messages(inferred, "field-inconsistency"), []);
    let empty = "0.10 client MSG 1 payload=\n0.2 server ACK 1\n0.3 finish 1";
    let said = messages(empty, "field-inconsistency");
    assert_eq!(said, [(Severity::Warn, "MSG 1 with none; needed a payload".to_owned())]);
}

#[test]
fn frames_of_another_size_than_agreed_have_one_name_and_the_sizes_that_they_can_be_of() {
    for (p, agreed, range, len) in
        [(16, 8, "15 to 18", 52), (20, 16, "19 to 22", 60), (5, 8, "4 to 6", 44), (8, 5, "7 to 10", 44)]
    {
        let slice = "x".repeat(p);
        let script = format!(
            "bare\nP {p}\n0.001 client GET_MAX 0\n0.002 server RETURN_MAX 0 payload={agreed}\n0.1 client MSG 1 {slice}\n\
             0.12 server ACK 1\n0.13 client MSG 2 {slice}\n0.14 server ACK 2\n0.2 finish 2"
        );
        let told = told(&script);
        let said: Vec<&str> = told.of("size-mismatch").iter().map(|finding| finding.message.as_str()).collect();
        let words = format!("of maximum_msg_size {range} ({len} bytes), not of {agreed} (from RETURN_MAX)");
        assert_eq!(said[0], format!("from MSG 1 on, frames of the client are {words}"), "{p}");
        // Where a server's seq stands its zeros do not say: its frames show their length alone.
        assert_eq!(said.len(), if len == 44 { 1 } else { 2 }, "{p}: {said:?}");
        let names = told.names();
        assert!(names.iter().all(|name| name == "size-mismatch"), "{p}: {names:?}");
        let closed = &told.closed[0];
        assert_eq!(closed.verdict.worst, Some(Severity::Error));
        let divergence = closed.reference.divergence.as_ref().unwrap();
        assert!(
            divergence.words.ends_with(&format!("this client sent a frame of maximum_msg_size {range}: {len} bytes")),
            "{}",
            divergence.words
        );
    }
}

#[test]
fn the_first_divergence_is_the_first_frame_of_any_kind_that_the_rules_do_not_allow() {
    let words = |script: &str| {
        let found = told(script).closed[0].reference.divergence.clone();
        let found = found.unwrap_or_else(|| panic!("{script}"));
        (found.packet, found.words.split_once(" the rules allow ").unwrap().1.to_owned())
    };
    let mismatch = "0.1 client MSG 1 aaaa\n1.2 client MSG 1 bbbb\n1.3 server ACK 1\n1.4 client CLOSE 3\n1.5 fin";
    assert_eq!(words(mismatch), (7, "the payload of packet 6; this client sent `bbbb`".to_owned()));
    let twice = "P 16\n0.1 client MSG 1 aaaaaaaaaaaaaaaa\n0.12 server ACK 1\n0.13 client GET_MAX 0\n\
                 0.14 server RETURN_MAX 0 payload=16\n0.2 finish 1";
    let again = "GET_MAX once; this client sent GET_MAX again in mid-exchange, in a frame that has not the length of the others";
    assert_eq!(words(twice), (8, again.to_owned()));
    let range = with("RETURN_MAX", "0.002 server RETURN_MAX 0 payload=3");
    assert_eq!(words(&range), (5, "a maximum_msg_size from 4 to 9999; this server sent `3`".to_owned()));
    let field = "0.1 client MSG 1 aaaa seq=7\n0.12 server ACK 1\n0.13 server ACK 9\n0.2 finish 1";
    assert_eq!(words(field), (6, "seq = prev_seq = pos; this client sent seq 7, prev_seq 1, pos 1".to_owned()));
    let cut = "0.1 client MSG 1 aaaa\n0.12 server ACK 1\n0.2 bytes client 4d5347\n0.3 fin";
    assert_eq!(
        words(cut),
        (8, "a frame of 44 bytes; this client sent 3 bytes, then the connection was closed".to_owned())
    );
    // Found out when the next package is there.
    let short = "0.1 client MSG 1 aa\n0.11 client MSG 2 bbbb\n0.12 server ACK 1\n0.13 server ACK 2\n0.2 finish 2";
    assert_eq!(words(short).0, 6);
    let resent = "0.1 client MSG 1 aaaa\n0.12 server ACK 1\n0.2 client DONE 2\n0.21 client MSG 1 aaaa\n0.22 server ACK 1\n\
                  0.23 server ACK 2\n0.3 client CLOSE 3\n0.31 server DISCONNECT 0\n0.32 fin";
    assert_eq!(words(resent).0, 9);
}

#[test]
fn a_sender_that_never_resends_though_it_looks_at_new_packages_is_overdue() {
    // 1 was due from 1.1 s on; 2 fits the window of 3, and goes at 1.5 s.
    let acked = "0.10 client MSG 1 aaaa\n1.50 client MSG 2 bbbb\n1.60 server ACK 2\n1.70 finish 2";
    let of = |script: &str| {
        let told = told(script);
        told.of("overdue-resend")
            .iter()
            .map(|f| (f.positions.to_string(), f.packets.clone(), f.message.clone()))
            .collect::<Vec<_>>()
    };
    let words = "package 1 was due for 1.40 s when the client wrote a new package in packet 7 (timeout 1.00 s, tolerance \
                 0.10 s); it did not go again until ACK 2 in packet 8 covered it. A resend that was not written looks the same";
    assert_eq!(of(acked), [("1".to_owned(), vec![7, 8], words.to_owned())]);
    let ended = of("0.10 client MSG 1 aaaa\n1.50 client MSG 2 bbbb\n1.60 fin");
    assert_eq!(ended.len(), 1);
    assert!(ended[0].2.contains("it did not go again to the end"), "{ended:?}");
    // It went again, and is told once, then.
    assert_eq!(
        of("0.1 client MSG 1 aaaa\n1.5 client MSG 2 bbbb\n1.6 client MSG 1 aaaa\n1.7 server ACK 2\n1.8 finish 2").len(),
        1
    );
    // Within the tolerance, or with an ACK of which the client may not have had long enough: nothing.
    assert_eq!(of("0.10 client MSG 1 aaaa\n1.15 client MSG 2 bbbb\n1.60 server ACK 2\n1.70 finish 2"), []);
    let moved = "0.10 client MSG 1 aaaa\n0.11 client MSG 2 bbbb\n1.2 server ACK 1\n1.5 client MSG 3 cccc\n1.6 server ACK 3\n1.7 finish 3";
    assert_eq!(of(moved), []);
    // What the capture lost may have been the resend.
    let lost =
        "0.10 client MSG 1 aaaa\n0.9 lost client MSG 1 aaaa\n1.50 client MSG 2 bbbb\n1.60 server ACK 2\n1.70 finish 2";
    assert_eq!(of(lost), []);
}

#[test]
fn what_was_never_written_before_is_not_written_again() {
    // MSG 2 has the position of DONE.
    let after = "0.1 client MSG 1 aaaa\n0.12 server ACK 1\n0.2 client DONE 2\n0.21 server ACK 2\n0.3 client MSG 2 bbbb\n\
                 0.31 server ACK 2\n0.4 client CLOSE 3\n0.41 server DISCONNECT 0\n0.42 fin";
    let said = told(after);
    let names = said.names();
    assert!(
        names.contains(&"data-after-done 2".to_owned()) && !names.iter().any(|name| name.contains("resend")),
        "{names:?}"
    );
    assert_eq!((said.closed[0].metrics.sums.unique, said.closed[0].metrics.sums.resent), (2, 0));
    let steps: Vec<_> =
        said.steps.iter().filter(|step| step.name == Some(Name::Msg)).map(|step| step.verdict).collect();
    assert_eq!(steps, [StepVerdict::Departure(Departure::New { unseen: None }); 2]);
    // 2 was acknowledged before it was written.
    let premature = include_str!("../rules/premature_ack.txt");
    let said = messages(premature, "late-ack");
    assert!(
        said[0].1.ends_with("it answers package 2 in packet 10, which came when it was acknowledged already"),
        "{said:?}"
    );
    for pos in [0, -3] {
        let odd = format!("0.1 client MSG {pos} aaaa\n0.11 client MSG 1 aaaa\n0.12 server ACK 1\n0.2 finish 1");
        let metrics = told(&odd).closed[0].metrics.clone();
        assert_eq!((metrics.sums.messages, metrics.sums.unique, metrics.sums.resent), (2, 1, 0), "{pos}");
    }
}

#[test]
fn a_field_that_is_wrong_says_what_is_wrong_and_a_frame_of_the_other_side_only_that() {
    let said = |line: &str| {
        messages(&format!("0.1 client MSG 1 aaaa\n0.12 server ACK 1\n{line}\n0.3 finish 2"), "field-inconsistency")
    };
    let warn = |message: &str| [(Severity::Warn, message.to_owned())];
    let padding = said("0.2 client MSG 2 bbbb padding=1\n0.21 server ACK 2");
    assert_eq!(padding, warn("MSG 2 with alignment bytes that are not zero"));
    let back = said("0.2 client MSG 2 bbbb sent=0.05\n0.21 server ACK 2");
    // MSG 1, in packet 6, was sent at 0.1 s.
    assert_eq!(back, warn("MSG 2 with a sent_time 50.0 ms before that of packet 6"));
    // An ACK of the client, which has a position: every field is a server's and would be wrong in a client's frame.
    let wrong = "0.1 client MSG 1 aaaa\n0.12 server ACK 1\n0.2 client ACK 1 pos=7 seq=3\n0.3 finish 1";
    let names = told(wrong).names();
    assert_eq!(names, ["wrong-direction"], "{names:?}");
}

/// The same capture in packet blocks that have no time.
fn without_times(capture: &[u8]) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < capture.len() {
        let len = word(at + 4) as usize;
        if word(at) == 6 {
            // Enhanced: interface, time in two halves, bytes captured and on the wire. Simple: bytes on the wire.
            let data = &capture[at + 28..at + 28 + word(at + 20).next_multiple_of(4) as usize];
            let all = 16 + data.len() as u32;
            let head = [3, all, word(at + 24)].map(u32::to_le_bytes);
            bytes.extend_from_slice(&[head.as_flattened(), data, &all.to_le_bytes()].concat());
        } else {
            bytes.extend_from_slice(&capture[at..at + len]);
        }
        at += len;
    }
    bytes
}

#[test]
fn without_capture_times_nothing_rests_on_how_long_something_took() {
    let untimed = |script: &str| analyse_bytes(without_times(&capture(script)), declared(3, 1.0));
    // By sent_time 2 had been due for 1.39 s; how long it had been the oldest, after ACK 1, is not known.
    let moved = "0.10 client MSG 1 aaaa\n0.11 client MSG 2 bbbb\n1.2 server ACK 1\n1.5 client MSG 3 cccc\n\
                 1.6 server ACK 3\n1.7 finish 3";
    let told = untimed(moved);
    assert!(told.steps.iter().all(|step| step.time.is_none()));
    assert!(told.of("overdue-resend").is_empty(), "{:?}", told.findings);
    // 1 had been the oldest from the beginning.
    let oldest = "0.10 client MSG 1 aaaa\n1.50 client MSG 2 bbbb\n1.60 server ACK 2\n1.70 finish 2";
    assert_eq!(untimed(oldest).of("overdue-resend").len(), 1);
    let withheld = untimed(include_str!("../rules/ack_withheld.txt"));
    assert!(withheld.of("ack-withheld").is_empty());
    let because: Vec<&str> = withheld.doubts.iter().map(|doubt| doubt.because.as_str()).collect();
    assert!(because.iter().any(|words| words.starts_with("the capture has no times")), "{because:?}");
}
