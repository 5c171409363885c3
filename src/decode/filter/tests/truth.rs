//! Which rows each expression selects, by the language's definition.

use super::*;

/// Eight rows:
///
/// | packet | frame | pos | payload | in flight | not captured |
/// | --- | --- | --- | --- | --- | --- |
/// | 1 | GET_MAX | 0 | | | |
/// | 2 | RETURN_MAX | 0 | 10 | | |
/// | 3 | MSG | 1 | "abc\xff | 1 | |
/// | 4 | MSG | 2 | Hello w | 2 | |
/// | 5 | ACK | 0 | 1 | 1 | |
/// | 6 (begun in 4) | MSG | | | | payload, pos |
/// | 7 | `huh?` | 7 | x | 3 | |
/// | 8 | | 3 | a\0b | 3 | header |
fn samples() -> Vec<Sample> {
    let msg = |payload, pos| message(Name::Msg, payload, pos, 1_736_219_082.582_655_4);
    let mut all = vec![
        Sample::new(1, 4, &message(Name::GetMax, b"", 0, 1.5)),
        Sample::new(2, 4, &message(Name::ReturnMax, b"10", 0, f64::NAN)),
        Sample::new(3, 10, &msg(b"\"abc\xff", 1)),
        Sample::new(4, 10, &msg(b"Hello w", 2)),
        Sample::new(5, 10, &message(Name::Ack, b"1", 0, f64::INFINITY)),
        Sample::new(6, 10, &msg(b"", 3)).without(Field::Payload).without(Field::Pos),
        Sample::new(7, 10, &msg(b"x", 7)),
        Sample::new(8, 18, &msg(b"a\0b", 3)).without(Field::Header),
    ];
    all[6].bytes[..10].copy_from_slice(b"huh?\0\0\0\0\0\0");
    all[6].bytes[32] = 2;
    all[5].first_packet = 4;
    all[7].connection = 1;
    for (sample, in_flight) in all.iter_mut().zip([None, None, Some(1), Some(2), Some(1), None, Some(3), Some(3)]) {
        sample.in_flight = in_flight;
        sample.offset = (sample.packet - 1) * 44;
        sample.time =
            (sample.packet != 8).then(|| Timestamp::from_nanos(1_736_219_082_000_000_001 + sample.packet as i64));
    }
    all
}

#[test]
fn each_expression_selects_the_rows_that_its_definition_says() {
    let table: &[(&str, &[u64])] = &[
        // Presence.
        ("", &[1, 2, 3, 4, 5, 6, 7, 8]),
        (" \t\n", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("arq", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("!arq", &[]),
        ("arq.in_flight", &[3, 4, 5, 7, 8]),
        ("not arq.in_flight", &[1, 2, 6]),
        ("arq.pos", &[1, 2, 3, 4, 5, 7, 8]),
        ("arq.payload", &[1, 2, 3, 4, 5, 7, 8]),
        ("arq.header", &[1, 2, 3, 4, 5, 6, 7]),
        ("arq.time", &[1, 2, 3, 4, 5, 6, 7]),
        ("arq.partial", &[6, 8]),
        ("arq.partial == true", &[6, 8]),
        ("arq.partial == 1", &[6, 8]),
        ("arq.unknown", &[7]),
        ("arq.ack_number", &[5]),
        ("arq.verdict", &[]),
        ("arq.info == \"\"", &[1, 2, 3, 4, 5, 6, 7, 8]),
        // Absent values fail every comparison and pass its negation.
        ("arq.in_flight == 3", &[7, 8]),
        ("arq.in_flight != 3", &[3, 4, 5]),
        ("!(arq.in_flight == 3)", &[1, 2, 3, 4, 5, 6]),
        ("!(arq.in_flight != 3)", &[1, 2, 6, 7, 8]),
        ("arq.in_flight not in {3}", &[1, 2, 3, 4, 5, 6]),
        ("arq.pos != 3", &[1, 2, 3, 4, 5, 7]),
        ("arq.header != MSG", &[1, 2, 5, 7]),
        // Numbers.
        ("arq.pos > 1", &[4, 7, 8]),
        ("arq.pos gt 1 && arq.pos lt 7", &[4, 8]),
        ("arq.pos >= 3 and arq.pos le 3", &[8]),
        ("arq.pos > -1", &[1, 2, 3, 4, 5, 7, 8]),
        ("arq.pos == 0x7", &[7]),
        ("arq.pos == 007", &[7]),
        ("arq.pos == 0b111", &[7]),
        ("arq.pos == '\\x07'", &[7]),
        ("arq.pos in {1, 3..6}", &[3, 8]),
        ("arq.pos in {3..6,1,2..4}", &[3, 4, 8]),
        ("arq.pos in {-2147483648..0}", &[1, 2, 5]),
        ("arq.pos eq 7", &[7]),
        ("arq.pos===7", &[7]),
        ("arq.pos !== 7", &[1, 2, 3, 4, 5, 8]),
        ("arq.packet == 18446744073709551615", &[]),
        ("arq.packet == 6 && arq.first_packet == 4", &[6]),
        ("arq.first_packet < arq.packet", &[6]),
        ("frame.number == 6", &[6]),
        ("tcp.stream == 1", &[8]),
        ("arq.connection == 1", &[8]),
        ("arq.offset == 88", &[3]),
        ("arq.len == 44", &[1, 2, 3, 4, 5, 6, 7]),
        ("arq.len > 44", &[8]),
        ("arq.max_msg_size == 4", &[1, 2]),
        ("arq.payload_len == 7", &[4]),
        ("arq.ack_number == 1", &[5]),
        ("arq.ack == 0", &[1, 2, 3, 4, 5, 6, 8]),
        ("arq.ack == False", &[1, 2, 3, 4, 5, 6, 8]),
        ("arq.ack == true", &[]),
        ("arq.ack > 1", &[7]),
        ("arq.seq == arq.pos", &[1, 2, 3, 4, 5, 7, 8]),
        ("arq.seq != arq.pos", &[]),
        ("arq.seq == arq.prev_seq == arq.pos", &[1, 2, 3, 4, 5, 7, 8]),
        ("arq.pos == arq.in_flight", &[3, 4, 8]),
        // NaN is unequal to everything and in no order.
        ("arq.sent_time == 1.5", &[1]),
        ("arq.sent_time == 15e-1", &[1]),
        ("arq.sent_time < 2", &[1]),
        ("arq.sent_time == 1736219082.5826554", &[3, 4, 6, 7, 8]),
        ("arq.sent_time != 1.5", &[2, 3, 4, 5, 6, 7, 8]),
        ("arq.sent_time != arq.sent_time", &[2]),
        ("arq.sent_time > 1e300", &[5]),
        ("arq.sent_time in {1..2}", &[1]),
        ("arq.sent_time > \"2025-01-01\"", &[3, 4, 5, 6, 7, 8]),
        // Times, to the nanosecond; UTC.
        ("arq.time == 1736219082.000000004", &[3]),
        ("frame.time_epoch > 1736219082.000000006", &[6, 7]),
        ("arq.time <= 1736219082.0000000020", &[1]),
        ("arq.time >= \"2025-01-07T03:04:42.000000007Z\"", &[6, 7]),
        ("arq.time >= \"2025-01-07 03:04:42.000000007\"", &[6, 7]),
        ("arq.time >= \"2025-01-07T04:04:42.000000007+01:00\"", &[6, 7]),
        ("arq.time >= 2025-01-07T03:04:42.000000007Z", &[6, 7]),
        ("arq.time < \"2025-01-08\"", &[1, 2, 3, 4, 5, 6, 7]),
        ("arq.time in {1736219082.000000003..1736219082.000000004}", &[2, 3]),
        // Texts.
        ("arq.from == client", &[1, 3, 4, 6, 7, 8]),
        ("arq.from == \"server\"", &[2, 5]),
        ("arq.from in {server}", &[2, 5]),
        ("arq.header == ACK", &[5]),
        ("arq.header == \"ACK\" || arq.header == \"huh?\"", &[5, 7]),
        ("arq.header in {ACK, GET_MAX}", &[1, 5]),
        ("arq.header contains MAX", &[1, 2]),
        ("arq.header contains \"max\"", &[]),
        ("lower(arq.header) contains \"max\"", &[1, 2]),
        ("arq.header matches \"max$\"", &[1, 2]),
        ("arq.header ~ \"(?-i)max$\"", &[]),
        ("arq.header[0:3] == \"RET\"", &[2]),
        ("len(arq.header) == 10", &[2]),
        ("arq.header > \"MSG\"", &[2, 7]),
        // Payload: bytes.
        ("arq.payload == \"\"", &[1]),
        ("arq.payload == \"Hello w\"", &[4]),
        ("arq.payload == 31:30", &[2]),
        ("arq.payload == 31.30", &[2]),
        ("arq.payload == 31-30", &[2]),
        ("arq.payload == \"a\\x00b\"", &[8]),
        ("arq.payload == \"a\\0b\"", &[8]),
        ("arq.payload == 61:00:62", &[8]),
        ("arq.payload == \"\\\"abc\\xff\"", &[3]),
        ("arq.payload contains \"\\\"\"", &[3]),
        ("arq.payload contains r\"bc\"", &[3]),
        ("arq.payload contains 0xff", &[3]),
        ("arq.payload contains 'H'", &[4]),
        ("arq.payload == 'x'", &[7]),
        ("arq.payload in {\"x\", \"1\", \"10\"}", &[2, 5, 7]),
        ("arq.payload >= \"1\" and arq.payload <= \"10\"", &[2, 5]),
        ("upper(arq.payload) == \"HELLO W\"", &[4]),
        ("lower(upper(arq.payload)) == upper(lower(arq.payload))", &[1, 2, 5]),
        ("len(arq.payload) >= 3", &[3, 4, 8]),
        ("len(arq.payload[1:]) == 2", &[8]),
        ("arq.payload matches \"^hello\\\\s\"", &[4]),
        ("arq.payload matches r\"^hello\\s\"", &[4]),
        ("arq.payload matches \"\\xff$\"", &[3]),
        ("arq.payload matches r\"[\\x80-\\xff]\"", &[3]),
        ("arq.payload[0] == 'a'", &[8]),
        ("arq.payload[-1:] == \"b\"", &[8]),
        ("arq.payload[1:3]", &[3, 4]),
        ("arq.payload[0-2] == 61:00:62", &[8]),
        ("arq.payload[0:3][-1] == \"b\"", &[3, 8]),
        ("arq.payload[1] != \"e\"", &[2, 3, 8]),
        ("arq.header contains arq.payload", &[1]),
        // Precedence: not, and, xor, or.
        ("arq.packet == 1 or arq.packet == 2 and arq.packet == 3", &[1]),
        ("(arq.packet == 1 or arq.packet == 2) and arq.packet == 2", &[2]),
        ("! arq.packet == 1 and arq.packet < 3", &[2]),
        ("!(arq.packet == 1 and arq.packet < 3) && arq.packet < 3", &[2]),
        ("not not arq.packet == 1", &[1]),
        ("arq.packet < 3 xor arq.packet < 5", &[3, 4]),
        ("arq.packet < 3 ^^ arq.packet < 5 ^^ arq.packet < 4", &[1, 2, 4]),
        ("arq.packet == 1 xor arq.packet == 2 and arq.packet == 3", &[1]),
        ("arq.packet == 1 or arq.packet == 1 xor arq.packet == 1", &[1]),
    ];
    let samples = samples();
    for (filter, expected) in table {
        assert_eq!(selected(filter, &samples), *expected, "{filter}");
    }
}

#[test]
fn buffers_forget_the_row_before() {
    let samples = samples();
    let filter = Filter::parse("upper(arq.payload) == \"HELLO W\" or lower(arq.payload) == \"x\"").unwrap();
    let mut scratch = Scratch::new();
    for _ in 0..3 {
        let seen: Vec<u64> =
            samples.iter().filter(|s| filter.matches(&s.row(), &mut scratch)).map(|s| s.packet).collect();
        assert_eq!(seen, [4, 7]);
    }
    let other = Filter::parse("upper(arq.header) == \"HUH?\"").unwrap();
    assert!(other.matches(&samples[6].row(), &mut scratch));
}

#[test]
fn every_field_can_be_asked_for_and_compared() {
    let samples = samples();
    for field in crate::decode::filter::FIELDS {
        let _ = selected(field.name, &samples);
        assert!(!field.description.is_empty() && !field.description.contains('\n'), "{}", field.name);
    }
}

#[test]
fn every_column_of_the_packet_table_is_a_field_in_its_order() {
    let columns = crate::decode::row::COLUMNS.map(|column| format!("arq.{column}"));
    let names: Vec<&str> = crate::decode::filter::FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(names[..columns.len()], columns);
}
