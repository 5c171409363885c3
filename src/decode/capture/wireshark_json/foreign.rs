//! Other things that Wireshark and tcpdump write, told by a line of text and named with the export to use instead.

use crate::decode::capture::CaptureError;

const INSTEAD: &str = "give the capture file itself, or export it with `tshark -r FILE -T json` (in Wireshark: File > Export Packet Dissections > As JSON)";

/// How files of XML and HTML begin; Markdown has other tags.
const MARKUP: [&[u8]; 6] = [b"<?xml", b"<!doctype", b"<pdml", b"<psml", b"<html", b"<head"];

/// The error for text whose next line is the start of an export that carries no usable packets. `line` is that
/// line, `text` all that is here from the line on.
pub(super) fn refuse(line: &[u8], text: &[u8]) -> Option<CaptureError> {
    let format = name(line.trim_ascii_end(), text)?;
    Some(CaptureError::Unsupported { format: format.to_owned(), instead: INSTEAD.to_owned() })
}

fn name(line: &[u8], text: &[u8]) -> Option<&'static str> {
    let holds = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    let body = line.trim_ascii_start();
    if MARKUP.iter().any(|tag| body.get(..tag.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(tag))) {
        return Some(match () {
            () if holds(b"<pdml") => "PDML (-T pdml)",
            () if holds(b"<psml") => "PSML (-T psml)",
            () => "XML or HTML",
        });
    }
    if line.starts_with(b"\"No.\",") || line.starts_with(b"No.,") {
        return Some("a CSV packet list");
    }
    if line.starts_with(b"No. ") && memchr::memmem::find(line, b"Time").is_some() {
        return Some("a plain-text packet list");
    }
    if body.starts_with(b"Frame ") && memchr::memmem::find(line, b" bytes ").is_some() {
        return Some("packet details as text (-V)");
    }
    if line.starts_with(b"/* ") || line.starts_with(b"static const unsigned char pkt") || line.starts_with(b"char peer")
    {
        return Some("packets as C arrays");
    }
    if is_hex_dump(line) {
        return Some("a hex dump (-x)");
    }
    if is_tcpdump(line) {
        return Some("tcpdump's text");
    }
    if is_packet_line(body) {
        return Some("a plain-text packet list (-T text)");
    }
    if line.contains(&b'\t') {
        return Some("tab-separated text (-T fields or -T tabs)");
    }
    None
}

/// `0000  00 00 00 00 00 00 …` or `00000000  00 …`.
fn is_hex_dump(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let all_hex = |word: &[u8]| word.iter().all(u8::is_ascii_hexdigit);
    let Some(offset) = words.next() else { return false };
    let offset = offset.strip_suffix(b":").unwrap_or(offset);
    matches!(offset.len(), 4 | 8)
        && all_hex(offset)
        && offset.iter().all(|byte| *byte == b'0')
        && words.next().is_some_and(|word| word.len() == 2 && all_hex(word))
}

/// `15:15:17.623283 IP localhost.36150 > localhost.55558: Flags [S] …`.
fn is_tcpdump(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let clock = words.next().unwrap_or_default();
    clock.len() >= 15
        && clock.get(2) == Some(&b':')
        && clock.get(5) == Some(&b':')
        && clock.get(8) == Some(&b'.')
        && matches!(words.next(), Some(b"IP" | b"IP6" | b"ARP," | b"In" | b"Out"))
}

/// `    1   0.000000    127.0.0.1 → 127.0.0.1    TCP 74 …`.
fn is_packet_line(body: &[u8]) -> bool {
    let mut words = body.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let number = words.next().is_some_and(|word| word.iter().all(u8::is_ascii_digit));
    let time = words.next().is_some_and(|word| word.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-'));
    number
        && time
        && (memchr::memmem::find(body, "→".as_bytes()).is_some() || memchr::memmem::find(body, b"->").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_other_export_is_named() {
        // First lines as tshark 4.0.17, Wireshark 4.0 and tcpdump 4.99 write them.
        let lines = [
            ("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<?xml-stylesheet?>\n<pdml version=\"0\">", "PDML (-T pdml)"),
            ("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<psml version=\"0\">", "PSML (-T psml)"),
            ("<html>", "XML or HTML"),
            ("<!doctype html>", "XML or HTML"),
            ("\"No.\",\"Time\",\"Source\",\"Destination\",\"Protocol\",\"Length\",\"Info\"", "a CSV packet list"),
            ("No.     Time           Source                Destination", "a plain-text packet list"),
            ("Frame 1: 74 bytes on wire (592 bits), 74 bytes captured (592 bits)", "packet details as text (-V)"),
            ("/* Frame (74 bytes) */", "packets as C arrays"),
            ("char peer0_0[] = { /* Packet 4 */", "packets as C arrays"),
            ("0000  00 00 00 00 00 00 00 00 00 00 00 00 08 00 45 00   ..............E.", "a hex dump (-x)"),
            ("15:15:17.623283 IP localhost.36150 > localhost.55558: Flags [S]", "tcpdump's text"),
            ("    1   0.000000    127.0.0.1 → 127.0.0.1    TCP 74 36150 → 55558", "a plain-text packet list (-T text)"),
            ("1\t127.0.0.1\t36150", "tab-separated text (-T fields or -T tabs)"),
        ];
        for (text, expected) in lines {
            let line = text.lines().next().unwrap();
            assert_eq!(name(line.as_bytes(), text.as_bytes()), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_tools_warning_is_none_of_them() {
        for line in [
            "Running as user \"root\" and group \"root\". This could be dangerous.",
            "Capturing on 'Loopback: lo'",
            "** (tshark:1): WARNING **: x -> y",
            "35 packets captured",
            "<p align=\"center\">",
            "<!-- a comment -->",
            "",
        ] {
            assert_eq!(name(line.as_bytes(), line.as_bytes()), None, "{line}");
        }
    }
}
