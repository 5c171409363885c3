//! Ports that are used again while the capture does not show how.

use super::exchange::Growing;
use super::{analyze_piped, bytes_of, words};

/// Two whole exchanges of an empty message on the same ports, with other TCP numbers; of the second, only the frames.
fn two_exchanges() -> Vec<u8> {
    let mut capture = Growing::new(|_| true);
    capture.exchange(1_767_603_600, [1_000, 9_000], &[], 1);
    capture.captured = |packet| !packet.payload.is_empty();
    capture.exchange(1_767_603_610, [5_000_000, 7_000_000], &[], 1);
    capture.finish()
}

#[test]
fn an_exchange_after_the_fin_whose_syn_is_not_captured_is_not_passed_over_in_silence() {
    let capture = two_exchanges();
    let ran = analyze_piped(&["--report", "json", "-"], &capture);
    let json = ran.json();
    assert_eq!(json["connections"].as_array().unwrap().len(), 1);
    // Three packets open the first, six carry its frames, three end it: GET_MAX of the second is packet 13.
    let notes: Vec<&str> = words(&json["files"][0]["notes"]);
    assert!(notes[0].starts_with("connection 0: packet 13: 44 bytes after the FIN"), "{notes:?}");
    assert_eq!(notes.len(), 6, "a frame a packet: {notes:?}");
    assert!(ran.log.contains("connection 0: packet 13: 44 bytes after the FIN: not analysed"), "{}", ran.log);
    let alone = analyze_piped(&["--report", "json", "-"], &bytes_of("run5.pcapng"));
    assert!(words(&alone.json()["files"][0]["notes"]).is_empty());
}

#[test]
fn connections_that_are_not_analysed_have_no_late_bytes() {
    let ran = analyze_piped(&["--port", "1", "--report", "json", "-"], &two_exchanges());
    assert!(words(&ran.json()["files"][0]["notes"]).is_empty(), "{}", ran.log);
    assert!(!ran.log.contains("after the FIN"), "{}", ran.log);
}
