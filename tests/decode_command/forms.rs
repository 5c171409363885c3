//! Every output form: each parses by its own rules, and all say the same.

use serde_json::Value;

use super::{bytes_of, capture, cells, decode, is_tame};

const KEYS: [&str; 14] = [
    "packet",
    "time",
    "connection",
    "from",
    "header",
    "pos",
    "payload",
    "payload_hex",
    "seq",
    "sent_time",
    "ack",
    "prev_seq",
    "in_flight",
    "info",
];

fn form(form: &str, name: &str) -> String {
    decode(["-T".as_ref(), form.as_ref(), capture(name).as_os_str()]).well()
}

fn json(name: &str) -> Vec<Value> {
    serde_json::from_str(&form("json", name)).unwrap()
}

/// A JSON row in the words of a CSV row; `sent_time` as serde_json reads it, which is not always the nearest number.
fn as_cells(row: &Value) -> Vec<String> {
    let keys = KEYS.iter().filter(|key| **key != "payload_hex");
    keys.map(|key| match &row[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    })
    .collect()
}

#[test]
fn csv_tsv_json_and_ndjson_hold_the_same_values() {
    for name in ["run1.pcapng", "run3.pcapng", "run5.json", "run1-hole.pcapng", "two-clients.pcapng"] {
        let array = json(name);
        let lines: Vec<Value> = form("ndjson", name).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(array, lines, "{name}");
        for row in &array {
            let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
            assert_eq!(keys.len(), KEYS.len());
            assert!(KEYS.iter().all(|key| row.get(key).is_some()), "{row}");
            assert!(["packet", "connection", "pos", "seq", "prev_seq"].iter().all(|key| row[key].is_i64()), "{row}");
            let (seconds, nanos) = row["time"].as_str().unwrap().split_once('.').unwrap();
            assert!(seconds.parse::<i64>().is_ok() && nanos.len() == 9, "{row}");
        }
        let from_json: Vec<Vec<String>> = array.iter().map(as_cells).collect();
        let mut from_csv = cells(&form("csv", name));
        let json = form("ndjson", name);
        for ((row, line), object) in from_csv.iter_mut().zip(json.lines()).zip(&array) {
            // The text of the number is the same; only its reading differs.
            assert!(line.contains(&format!("\"sent_time\":{},", row[8])), "{line}");
            row[8] = object["sent_time"].to_string();
        }
        assert_eq!(from_csv, from_json, "{name}, csv");
        let tsv = form("tsv", name);
        let head: Vec<&str> = tsv.lines().next().unwrap().split('\t').collect();
        assert_eq!(head, KEYS.into_iter().filter(|key| *key != "payload_hex").collect::<Vec<_>>());
        let from_tsv: Vec<Vec<String>> = tsv
            .lines()
            .skip(1)
            .map(|line| line.split('\t').map(|cell| cell.replace(r"\x22", "\"")).collect())
            .collect();
        assert_eq!(from_tsv, cells(&form("csv", name)), "{name}, tsv");
    }
}

#[test]
fn the_reference_form_names_relative_sequence_numbers_and_the_bytes_of_the_frame() {
    let name = "run4.pcapng";
    let (text, rows, file) = (form("text", name), json(name), bytes_of(name));
    let blocks: Vec<Vec<&str>> = text.lines().collect::<Vec<_>>().chunks(3).map(<[&str]>::to_vec).collect();
    assert_eq!(blocks.len(), rows.len());
    let mut seen = std::collections::HashSet::new();
    for (block, row) in blocks.iter().zip(&rows) {
        let key = block[0].strip_prefix("Key: ").and_then(|rest| rest.strip_suffix(", Payload (hex):")).unwrap();
        let number: u32 = key.trim_end_matches("-2").parse().unwrap();
        assert!(number % 44 == 1, "frames of 44 bytes behind a SYN: {key}");
        assert!(seen.insert(key.to_owned()), "{key} twice");
        let bytes = unhex(block[1]);
        assert_eq!(bytes.len(), 44);
        // The capture holds these very bytes.
        assert!(file.windows(44).any(|window| window == bytes), "{}", block[1]);
        let expected = format!(
            "| sequence: {} | data: {} | sent time: {} |ACK: False | prev seq: {} | pos: {} | header: {} |",
            row["seq"],
            row["payload"].as_str().unwrap(),
            f64::from_le_bytes(bytes[24..32].try_into().unwrap()),
            row["prev_seq"],
            row["pos"],
            row["header"].as_str().unwrap(),
        );
        assert_eq!(block[2], expected);
    }
}

#[test]
fn the_table_has_a_line_for_each_row_with_its_values_in_order() {
    for name in ["run2.pcapng", "run5.json"] {
        let (table, rows) = (form("table", name), json(name));
        let lines: Vec<&str> =
            table.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())).collect();
        assert_eq!(lines.len(), rows.len());
        for (line, row) in lines.iter().zip(&rows) {
            let mut rest = *line;
            for key in ["packet", "connection", "from", "header", "pos", "payload", "seq", "prev_seq", "info"] {
                let value = match &row[key] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let at = rest.find(&value).unwrap_or_else(|| panic!("no {key} {value} in {line}"));
                rest = &rest[at + value.len()..];
            }
        }
        assert!(is_tame(&table));
    }
}

#[test]
fn details_show_every_field_at_the_offset_the_layout_gives_it() {
    // PROTOCOL §2.1 with P = 10: the payload fills 10 to 20, seq stands at 20, sent_time at 24.
    let path = capture("run5.pcapng");
    let filter = "arq.header == \"CLOSE\"";
    let out = decode(["-V".as_ref(), "-Y".as_ref(), filter.as_ref(), path.as_os_str()]).well();
    for line in [
        "Packet 40: CLOSE, pos 9, client to server, connection 0",
        "[   0] header     434c4f53450000000000   \"CLOSE\"",
        "[  10] payload    7265717565737420746f   \"request to\"  (10 of 10 bytes)",
        "[  20] seq        09000000               9",
        "[  32] ack        00                     0  (false)",
        "[  36] prev_seq   09000000               9",
        "[  40] pos        09000000               9",
    ] {
        let found = out.lines().any(|printed| printed.trim() == line)
            || line.starts_with("Packet ") && out.contains(line.split_once(": ").unwrap().1);
        assert!(found, "no `{line}` in\n{out}");
    }
}

#[test]
fn the_hex_dump_holds_the_bytes_that_the_capture_holds() {
    let path = capture("run1.pcapng");
    let out = decode(["-x".as_ref(), path.as_os_str()]).well();
    let file = bytes_of("run1.pcapng");
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for line in out.lines() {
        // `  000a  61 61 62 62   aabb   payload`: an offset, bytes in hex, then words.
        let Some((offset, rest)) = line.trim_start().split_once("  ") else { continue };
        let Ok(offset) = usize::from_str_radix(offset, 16) else { continue };
        if offset == 0 {
            frames.push(Vec::new());
        }
        let bytes =
            rest.get(..48).unwrap_or(rest).split_whitespace().map_while(|word| u8::from_str_radix(word, 16).ok());
        let frame = frames.last_mut().unwrap();
        assert_eq!(frame.len(), offset, "{line}");
        frame.extend(bytes.take(16));
    }
    assert_eq!(frames.len(), 38);
    for frame in frames {
        assert_eq!(frame.len(), 44);
        assert!(file.windows(44).any(|window| window == frame), "{frame:02x?}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
