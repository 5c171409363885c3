//! Every form against readers of its own and against what the reference printed.

use std::ops::Range;

use proptest::prelude::*;

use super::escape::tests::{is_unsafe, wire_bytes};
use super::escape::unescape;
use super::*;
use crate::decode::row::{COLUMNS, CapturedFrame};
use crate::wire::{Frame, FrameLayout, FrameView, MaxMsgSize, Name, Pos, Side};

/// What a [`Row`] borrows, owned.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    packet: u64,
    pub(super) time: Option<i64>,
    connection: u32,
    from: Side,
    offset: u64,
    bytes: Vec<u8>,
    max_msg_size: u16,
    missing: Vec<Range<usize>>,
    in_flight: Option<u32>,
}

impl Sample {
    fn layout(&self) -> FrameLayout {
        FrameLayout::new(MaxMsgSize::new(self.max_msg_size).unwrap())
    }

    pub(super) fn row(&self) -> Row<'_> {
        Row {
            packet: self.packet,
            first_packet: self.packet,
            time: self.time.map(Timestamp::from_nanos),
            connection: self.connection,
            from: self.from,
            offset: self.offset,
            frame: CapturedFrame::partial(FrameView::new(&self.bytes, self.layout()).unwrap(), &self.missing),
            in_flight: self.in_flight,
            info: Default::default(),
        }
    }

    fn hex(offset: u64, from: Side, hex: &str) -> Self {
        let byte = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        Self {
            packet: 7,
            time: Some(1_736_219_082_582_700_000),
            connection: 0,
            from,
            offset,
            bytes,
            max_msg_size: 4,
            missing: Vec::new(),
            in_flight: Some(2),
        }
    }

    fn frame(packet: u64, frame: &Frame<'_>, max_msg_size: u16) -> Self {
        let mut bytes = Vec::new();
        frame.emit(FrameLayout::new(MaxMsgSize::new(max_msg_size).unwrap()), &mut bytes).unwrap();
        Self {
            packet,
            time: Some(1_736_219_082_000_000_000 + i64::try_from(packet).unwrap() * 137_011_000),
            connection: 0,
            from: frame.name.sender(),
            offset: packet / 2 * 44,
            bytes,
            max_msg_size,
            missing: Vec::new(),
            in_flight: Some(1),
        }
    }
}

/// Two frames of the reference's first run: MSG 2 and the ACK that has the same relative sequence number.
fn msg_2() -> Sample {
    let hex = "4d53470000000000000061616262000002000000000000003a4aa57226dfd941000000000200000002000000";
    Sample::hex(88, Side::Client, hex)
}

fn ack_2() -> Sample {
    let hex = "41434b000000000000003200000000000000000000000000955cca7226dfd941000000000000000000000000";
    Sample::hex(88, Side::Server, hex)
}

/// An exchange of `slices` MSGs with their ACKs.
pub(super) fn exchange(slices: i32) -> Vec<Sample> {
    let mut samples = vec![
        Sample::frame(4, &Frame::from_client(Name::GetMax, b"", Pos(0), 1_736_219_082.5), 4),
        Sample::frame(5, &Frame::from_server(Name::ReturnMax, b"4", 1_736_219_082.5826554), 4),
    ];
    for pos in 1..=slices {
        let at = 4 + 2 * u64::try_from(pos).unwrap();
        let sent = 1_736_219_082.0 + f64::from(pos) / 7.0;
        samples.push(Sample::frame(at, &Frame::from_client(Name::Msg, b"aaab", Pos(pos), sent), 4));
        let number = pos.to_string();
        let ack = Frame::from_server(Name::Ack, &number.as_bytes()[..number.len().min(4)], sent + 0.01);
        samples.push(Sample::frame(at + 1, &ack, 4));
    }
    let end = 6 + 2 * u64::try_from(slices).unwrap();
    samples.push(Sample::frame(end, &Frame::from_client(Name::Close, b"requ", Pos(slices + 2), 1.5), 4));
    samples.push(Sample::frame(end + 1, &Frame::from_server(Name::Disconnect, b"appr", 1e9), 4));
    samples
}

fn print_with(form: Form, options: Options, samples: &[Sample]) -> String {
    let mut out = Vec::new();
    let mut printer = printer(form, options, &mut out);
    for sample in samples {
        printer.row(&sample.row()).unwrap();
    }
    printer.finish().unwrap();
    drop(printer);
    String::from_utf8(out).unwrap()
}

fn print(form: Form, samples: &[Sample]) -> String {
    print_with(form, Options::default(), samples)
}

/// Any bytes as a frame, some perhaps not captured, with numbers of any size.
pub(super) fn any_sample() -> impl Strategy<Value = Sample> {
    let frame = (4_u16..40, wire_bytes(), wire_bytes(), any::<u64>(), any::<bool>());
    let missing = proptest::collection::vec((0_usize..90, 1_usize..20), 0..3);
    (frame, missing, any::<(u64, Option<i64>, u32, bool, u64, Option<u32>)>()).prop_map(
        |((p, header, payload, noise, known), missing, (packet, time, connection, client, offset, in_flight))| {
            let layout = FrameLayout::new(MaxMsgSize::new(p).unwrap());
            let mut bytes = vec![0; layout.len()];
            let put = |bytes: &mut [u8], range: Range<usize>, from: &[u8]| {
                for (to, from) in bytes[range].iter_mut().zip(from) {
                    *to = *from;
                }
            };
            put(&mut bytes, 0..10, if known { b"ACK" } else { &header });
            put(&mut bytes, layout.payload()..layout.payload_end(), &payload);
            put(&mut bytes, layout.seq()..layout.len(), &noise.to_le_bytes().repeat(4));
            let mut at = 0;
            let mut ranges = Vec::new();
            for (skip, len) in missing {
                let range = (at + skip).min(bytes.len())..(at + skip + len).min(bytes.len());
                at = range.end + 1;
                bytes[range.clone()].fill(0);
                if !range.is_empty() {
                    ranges.push(range);
                }
            }
            let from = if client { Side::Client } else { Side::Server };
            Sample { packet, time, connection, from, offset, bytes, max_msg_size: p, missing: ranges, in_flight }
        },
    )
}

/// Records of RFC 4180 text; fails the test on text that is none.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let record = records.last_mut().unwrap();
        match c {
            '"' => {
                assert_eq!(record.last().unwrap(), "", "a quote inside a cell that is not quoted");
                loop {
                    match rest.next().expect("a quoted cell ends") {
                        '"' if rest.peek() == Some(&'"') => {
                            rest.next();
                            record.last_mut().unwrap().push('"');
                        }
                        '"' => break,
                        c => record.last_mut().unwrap().push(c),
                    }
                }
                assert!(matches!(rest.peek(), Some(',' | '\n')), "text after a closing quote");
            }
            ',' => record.push(String::new()),
            '\n' => records.push(vec![String::new()]),
            c => record.last_mut().unwrap().push(c),
        }
    }
    assert_eq!(records.pop(), Some(vec![String::new()]), "the last line ends");
    records
}

fn parse_tsv(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn column(name: &str) -> usize {
    COLUMNS.iter().position(|column| *column == name).unwrap()
}

proptest! {
    #[test]
    fn rows_of_a_block_look_the_same_whoever_draws_them(
        samples in proptest::collection::vec(any_sample(), 1..8), columns in prop_oneof![Just(None), (10_u16..200).prop_map(Some)], coloured: bool,
    ) {
        let width = columns.map_or(Width::Full, Width::Columns);
        let colour = if coloured { Colour::Ansi } else { Colour::Plain };
        let many: Vec<Sample> = samples.iter().cycle().take(70).cloned().collect();
        let table = print_with(Form::Table, Options { width, colour, ..Options::default() }, &many);
        // Borders and titles stand around them.
        let lines: Vec<&str> = table.lines().collect();
        let rows = &lines[3..lines.len() - 1];
        prop_assert_eq!(rows.len(), many.len());
        for (n, row) in rows.iter().enumerate() {
            prop_assert_eq!(*row, rows[n % samples.len()]);
        }
    }

    #[test]
    fn no_form_lets_a_byte_through_that_is_not_safe_to_show(samples in proptest::collection::vec(any_sample(), 1..4)) {
        for form in Form::ALL {
            for detail in [Detail::Summary, Detail::Full] {
                for bytes in [Bytes::Hidden, Bytes::Shown] {
                    for width in [Width::Full, Width::Columns(1), Width::Columns(80)] {
                        let options = Options { detail, bytes, width, ..Options::default() };
                        let text = print_with(form, options, &samples);
                        let allowed = |c: char| c == '\n' || (c == '\t' && form == Form::Tsv);
                        prop_assert!(!text.chars().any(|c| is_unsafe(c) && !allowed(c)), "{}: {:?}", form, text);
                    }
                }
            }
        }
    }

    #[test]
    fn machine_forms_give_every_value_back(samples in proptest::collection::vec(any_sample(), 0..4)) {
        let csv = parse_csv(&print(Form::Csv, &samples));
        let tsv = parse_tsv(&print(Form::Tsv, &samples));
        prop_assert_eq!(&csv[0], &COLUMNS);
        prop_assert_eq!(&tsv[0], &COLUMNS);
        let json: Vec<serde_json::Value> = serde_json::from_str(&print(Form::Json, &samples)).unwrap();
        let ndjson = print(Form::Ndjson, &samples);
        let lines: Vec<serde_json::Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(&json, &lines);
        prop_assert_eq!((csv.len(), tsv.len(), json.len()), (samples.len() + 1, samples.len() + 1, samples.len()));
        for (((sample, csv), tsv), json) in samples.iter().zip(&csv[1..]).zip(&tsv[1..]).zip(&json) {
            let row = sample.row();
            prop_assert_eq!(csv.len(), COLUMNS.len());
            prop_assert_eq!(tsv.len(), COLUMNS.len());
            let integer = |value: Option<i128>| value.map(|v| v.to_string()).unwrap_or_default();
            let expected = [
                ("packet", integer(Some(row.packet.into()))),
                ("time", row.time.map(|t| t.to_string()).unwrap_or_default()),
                ("connection", integer(Some(row.connection.into()))),
                ("from", row.from.to_string()),
                ("pos", integer(row.frame.pos().map(|pos| pos.0.into()))),
                ("seq", integer(row.frame.seq().map(Into::into))),
                ("ack", integer(row.frame.ack().map(Into::into))),
                ("prev_seq", integer(row.frame.prev_seq().map(Into::into))),
                ("in_flight", integer(row.in_flight.map(Into::into))),
            ];
            for (name, value) in expected {
                prop_assert_eq!(&csv[column(name)], &value);
                prop_assert_eq!(&tsv[column(name)], &value);
                match &json[name] {
                    serde_json::Value::Null => prop_assert_eq!("", value),
                    serde_json::Value::String(text) => prop_assert_eq!(text, &value),
                    number => prop_assert_eq!(number.to_string(), value),
                }
            }
            let sent = row.frame.sent_time().filter(|sent| sent.is_finite());
            prop_assert_eq!(csv[column("sent_time")].parse::<f64>().ok().map(f64::to_bits), sent.map(f64::to_bits));
            prop_assert_eq!(json["sent_time"].is_number(), sent.is_some());
            for (name, bytes) in [("payload", row.frame.payload()), ("header", row.frame.header_text())] {
                for cell in [&csv[column(name)], &tsv[column(name)]] {
                    prop_assert_eq!(unescape(cell), Some(bytes.unwrap_or_default().to_vec()), "{}", cell);
                    prop_assert!(!cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{}", cell);
                }
                prop_assert_eq!(json[name].as_str().map(|text| unescape(text).unwrap()), bytes.map(<[u8]>::to_vec));
            }
            let hex = row.frame.payload().map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
            prop_assert_eq!(json["payload_hex"].as_str(), hex.as_deref());
        }
    }

    #[test]
    fn a_table_of_any_rows_is_drawn_at_any_width(samples in proptest::collection::vec(any_sample(), 0..6), columns: u8) {
        for width in [Width::Full, Width::Columns(columns.into())] {
            let options = Options { width, ..Options::default() };
            let text = print_with(Form::Table, options, &samples);
            prop_assert_eq!(text.lines().count(), samples.len().max(1) + 4);
        }
    }
}

#[test]
fn the_text_form_is_what_the_reference_printed() {
    let text = print(Form::Text, &[msg_2(), ack_2()]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0], "Key: 89, Payload (hex):");
    assert_eq!(lines[1], "4d53470000000000000061616262000002000000000000003a4aa57226dfd941000000000200000002000000");
    assert_eq!(
        lines[2],
        "| sequence: 2 | data: aabb | sent time: 1736219082.5826554 |ACK: False | prev seq: 2 | pos: 2 | header: MSG |"
    );
    assert_eq!(lines[3], "Key: 89-2, Payload (hex):");
    assert!(lines[5].starts_with("| sequence: 0 | data: 2 | sent time: 1736219083.1619008 |ACK: False |"));
}

#[test]
fn json_keys_stand_in_the_order_of_the_columns_with_the_hex_beside_the_payload() {
    assert_eq!(
        print(Form::Ndjson, &[msg_2()]),
        concat!(
            r#"{"packet":7,"time":"1736219082.582700000","connection":0,"from":"client","header":"MSG","pos":2,"#,
            r#""payload":"aabb","payload_hex":"61616262","seq":2,"sent_time":1736219082.5826554,"ack":0,"#,
            r#""prev_seq":2,"in_flight":2,"info":""}"#,
            "\n"
        )
    );
}

#[test]
fn csv_and_tsv_rows_are_plain() {
    let row = "7,1736219082.582700000,0,client,MSG,2,aabb,2,1736219082.5826554,0,2,2,";
    let csv = print(Form::Csv, &[msg_2()]);
    assert_eq!(csv, format!("{}\n{row}\n", COLUMNS.join(",")));
    assert_eq!(print(Form::Tsv, &[msg_2()]), csv.replace(',', "\t"));
}

#[test]
fn without_rows_each_form_is_still_whole() {
    assert_eq!(print(Form::Json, &[]), "[]\n");
    assert_eq!(print(Form::Ndjson, &[]), "");
    assert_eq!(print(Form::Text, &[]), "");
    assert_eq!(print(Form::Csv, &[]), format!("{}\n", COLUMNS.join(",")));
    let table = print(Form::Table, &[]);
    assert!(table.contains("Payload") && table.contains("No frames to show."), "{table}");
}

#[test]
fn what_a_stranger_sends_is_no_formula_and_turns_back() {
    for (payload, csv, tsv) in [
        (&b"=1+1"[..], r"\x3d1+1", r"\x3d1+1"),
        (b"+1", r"\x2b1", r"\x2b1"),
        (b"-1", r"\x2d1", r"\x2d1"),
        (b"@SUM", r"\x40SUM", r"\x40SUM"),
        (b"\t=1", r"\t=1", r"\t=1"),
        ("＝1".as_bytes(), r"\u{ff1d}1", r"\u{ff1d}1"),
        (b"\"a,b", "\"\"\"a,b\"", r"\x22a,b"),
        (b"=\"a\"", "\"\\x3d\"\"a\"\"\"", "\\x3d\"a\""),
        (b"a=1", "a=1", "a=1"),
    ] {
        let sample = Sample::frame(1, &Frame::from_client(Name::Msg, payload, Pos(1), 1.0), 8);
        let cell = |form| {
            let text = print(form, std::slice::from_ref(&sample));
            let line = text.lines().nth(1).unwrap().to_owned();
            let start = line.find("MSG").unwrap() + 6;
            line[start..start + line[start..].find(if form == Form::Csv { ",1,1.0" } else { "\t1\t1.0" }).unwrap()]
                .to_owned()
        };
        assert_eq!(cell(Form::Csv), csv);
        assert_eq!(cell(Form::Tsv), tsv);
    }
}

#[test]
#[ignore = "runs python3"]
fn python_reads_csv_tsv_and_json_as_they_are_meant() {
    let mut samples = exchange(3);
    for payload in [&b"\"a,\\b"[..], b"=1,\"", b"\t\r\n", "naïve🎉".as_bytes(), b"\xff\x00\x1b[m", b"'q'"] {
        samples.push(Sample::frame(90, &Frame::from_client(Name::Msg, payload, Pos(9), 1_736_219_082.0), 11));
    }
    let folder = tempfile::tempdir().unwrap();
    for form in [Form::Csv, Form::Tsv, Form::Json, Form::Ndjson] {
        std::fs::write(folder.path().join(form.as_str()), print(form, &samples)).unwrap();
    }
    let program = r#"
import csv, json, re
rows = json.load(open('json', encoding='utf-8'))
assert rows == [json.loads(line) for line in open('ndjson', encoding='utf-8')]
assert all(isinstance(r['sent_time'], float) for r in rows)
def back(text):
    one = {'n': b'\n', 'r': b'\r', 't': b'\t', '\\': b'\\'}
    def piece(m):
        e = m.group(0)
        if len(e) == 1: return e.encode()
        return one.get(e[1]) or (bytes([int(e[2:], 16)]) if e[1] == 'x' else chr(int(e[3:-1], 16)).encode())
    return b''.join(piece(m) for m in re.finditer(r'\\(?:x..|u\{[^}]*\}|.)|[^\\]', text))
for name, reader in ('csv', {}), ('tsv', {'delimiter': '\t'}):
    table = list(csv.DictReader(open(name, encoding='utf-8', newline=''), strict=True, **reader))
    assert len(table) == len(rows), name
    for cells, row in zip(table, rows):
        for key, cell in cells.items():
            if key == 'payload':
                assert back(cell) == bytes.fromhex(row['payload_hex']) == back(row[key]), (name, cell)
            elif key == 'sent_time': assert float(cell) == row[key]
            else: assert cell == ('' if row[key] is None else str(row[key])), (name, key, cell)
print('agreed on', len(rows))
"#;
    let output =
        std::process::Command::new("python3").args(["-c", program]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("agreed on {}\n", samples.len()), "{output:?}");
}

#[test]
fn rows_after_the_first_block_are_drawn_as_comfy_table_draws_them() {
    let mut samples = exchange(8);
    samples[3].connection = 3;
    samples[4].missing.push(10..14);
    samples[5].time = None;
    samples[6].in_flight = None;
    let wide = Frame::from_client(Name::Msg, "日本語\u{301}".as_bytes(), Pos(5), 1.0);
    samples[7] = Sample::frame(9, &wide, 30);
    for width in [Width::Full, Width::Columns(80), Width::Columns(120), Width::Columns(200)] {
        let mut out = Vec::new();
        let options = Options { width, time: TimeFormat::new(TimeReference::Epoch), ..Options::default() };
        let mut table = printer(Form::Table, options, &mut out);
        for _ in 0..2 {
            for sample in &samples {
                table.row(&sample.row()).unwrap();
            }
            table.flush().unwrap();
        }
        table.finish().unwrap();
        drop(table);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let (block, streamed) = lines[3..lines.len() - 1].split_at(samples.len());
        assert_eq!(block, streamed, "{width:?}");
        let border = |line: &str| line.chars().count();
        assert_eq!(border(lines[0]), border(lines[lines.len() - 1]));
        assert!(lines[lines.len() - 1].chars().all(|c| c == '─'));
    }
}

#[test]
fn a_table_hands_its_first_block_on_in_pieces() {
    struct Pieces(std::rc::Rc<std::cell::RefCell<Vec<Vec<u8>>>>);
    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let samples = exchange(498);
    let pieces = std::rc::Rc::default();
    let mut table = printer(Form::Table, Options::default(), Pieces(std::rc::Rc::clone(&pieces)));
    for sample in &samples {
        table.row(&sample.row()).unwrap();
    }
    table.finish().unwrap();
    let pieces = pieces.borrow();
    // 64 KiB and the row that fills them.
    assert!(pieces.iter().all(|piece| piece.len() < 65 << 10), "{:?}", pieces.iter().map(Vec::len).max());
    let text = String::from_utf8(pieces.concat()).unwrap();
    // A thousand rows under the titles, and three borders.
    assert_eq!(text.lines().count(), samples.len() + 4);
    assert_eq!(text.lines().filter(|line| line.contains(" MSG ")).count(), 498);
}

#[test]
fn a_table_stays_within_the_terminal() {
    use unicode_width::UnicodeWidthStr;
    let mut samples = exchange(12);
    let long = Frame::from_client(Name::Msg, "日本語 and more than a little text besides".as_bytes(), Pos(5), 1.0);
    samples.insert(7, Sample::frame(9, &long, 60));
    samples.push(Sample { bytes: vec![0xff; 44], ..msg_2() });
    for columns in 70..=240 {
        let options = Options { width: Width::Columns(columns), ..Options::default() };
        let text = print_with(Form::Table, options, &samples);
        for line in text.lines() {
            assert!(line.width() <= columns.into(), "{columns}:\n{text}");
        }
    }
}

#[test]
fn a_number_that_outgrows_its_column_is_whole_and_widens_the_column() {
    let mut samples = exchange(2);
    let later = Sample { packet: 123_456_789, ..msg_2() };
    samples.push(later.clone());
    samples.push(Sample { packet: 5, ..later });
    let mut out = Vec::new();
    let mut table = printer(Form::Table, Options { flushing: Flushing::Row, ..Options::default() }, &mut out);
    for sample in &samples {
        table.row(&sample.row()).unwrap();
    }
    table.finish().unwrap();
    drop(table);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let wide = lines.iter().position(|line| line.starts_with(" 123456789 ")).unwrap();
    assert!(lines[wide + 1].starts_with("         5 "));
    assert_eq!(lines[wide].find("aabb"), lines[wide + 1].find("aabb"));
    assert!(lines[wide - 1].find("appr") < lines[wide].find("aabb"));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let mut samples = exchange(3);
    samples.push(Sample { bytes: vec![b'x'; 44], ..msg_2() });
    for flushing in [Flushing::Block, Flushing::Row] {
        let plain = print_with(Form::Table, Options { flushing, ..Options::default() }, &samples);
        let options = Options { flushing, colour: Colour::Ansi, ..Options::default() };
        let mut coloured = print_with(Form::Table, options, &samples);
        assert!(!plain.contains('\x1b'));
        assert!(coloured.contains('\x1b'));
        for sequence in ["\x1b[36m", "\x1b[32m", "\x1b[1;31m", "\x1b[0m"] {
            assert!(coloured.contains(sequence));
            coloured = coloured.replace(sequence, "");
        }
        assert_eq!(coloured, plain);
    }
}

#[test]
fn details_show_every_field_with_offset_bytes_and_meaning() {
    let options = Options { detail: Detail::Full, ..Options::default() };
    let text = print_with(Form::Table, options, &[msg_2()]);
    assert_eq!(
        text,
        r#"Packet 7: MSG, pos 2, client to server, connection 0
    Time          0.000000  (2025-01-07 03:04:42.582700 UTC)
    Stream offset 88 (relative sequence number 89)
    In flight     2
    Frame         44 bytes, maximum_msg_size 4
    [   0] header     4d534700000000000000   "MSG"
    [  10] payload    61616262               "aabb"  (4 of 4 bytes)
    [  14] padding    0000
    [  16] seq        02000000               2
    [  20] padding    00000000
    [  24] sent_time  3a4aa57226dfd941       1736219082.5826554  (2025-01-07 03:04:42.582655 UTC)
    [  32] ack        00                     0  (false)
    [  33] padding    000000
    [  36] prev_seq   02000000               2
    [  40] pos        02000000               2

"#
    );
}

#[test]
fn each_malformed_field_gets_its_note() {
    let notes = |change: &dyn Fn(&mut Sample)| {
        let mut sample = msg_2();
        change(&mut sample);
        let options = Options { detail: Detail::Full, ..Options::default() };
        let text = print_with(Form::Table, options, &[sample]);
        text.lines().filter_map(|line| line.trim().strip_prefix("Note: ").map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(notes(&|_| {}), Vec::<String>::new());
    assert_eq!(notes(&|s| s.bytes[32] = 2), ["ack byte is 2, needed 0 or 1"]);
    assert_eq!(notes(&|s| s.bytes[14] = 1), ["alignment bytes between the fields are not all zero"]);
    assert_eq!(notes(&|s| s.bytes[3] = b'X').len(), 1);
    assert_eq!(notes(&|s| s.bytes[16] = 9), ["a client's seq, prev_seq and pos are equal; here they are 9, 2 and 2"]);
    assert_eq!(notes(&|s| s.bytes[24..32].fill(0xff)), ["sent_time is not a number"]);
    assert_eq!(notes(&|s| s.from = Side::Server).len(), 2);
    assert_eq!(
        notes(&|s| s.missing.push(16..44)),
        ["16 of 44 bytes were captured; -- and (not all captured) mark the rest"]
    );
    assert_eq!(notes(&|s| *s = Sample { from: Side::Server, ..ack_2() }), Vec::<String>::new());
    let bad_number = |s: &mut Sample| {
        *s = ack_2();
        s.bytes[10] = b'x';
    };
    assert_eq!(notes(&bad_number), ["an ACK's payload is a position in decimal digits; this one is not"]);
}

#[test]
fn a_dump_breaks_at_field_borders_and_names_each_field() {
    let options = Options { bytes: Bytes::Shown, ..Options::default() };
    let missing = Sample { missing: vec![12..14, 40..44], ..msg_2() };
    let text = print_with(Form::Table, options, &[missing]);
    assert_eq!(
        text,
        r"Packet 7: MSG, client to server, connection 0, 0.000000
  0000  4d 53 47 00 00 00 00 00  00 00                    MSG.......        header = MSG
  000a  61 61 -- --                                       aa                payload (not all captured)
  000e  00 00                                             ..                padding
  0010  02 00 00 00                                       ....              seq = 2
  0014  00 00 00 00                                       ....              padding
  0018  3a 4a a5 72 26 df d9 41                           :J.r&..A          sent_time = 1736219082.5826554
  0020  00                                                .                 ack = 0
  0021  00 00 00                                          ...               padding
  0024  02 00 00 00                                       ....              prev_seq = 2
  0028  -- -- -- --                                                         pos (not all captured)

"
    );
}

#[test]
fn a_dump_holds_every_byte_in_order() {
    let payload: Vec<u8> = (1..=100).collect();
    let sample = Sample::frame(1, &Frame::from_client(Name::Msg, &payload, Pos(1), 1.0), 100);
    let options = Options { bytes: Bytes::Shown, ..Options::default() };
    let text = print_with(Form::Text, options, std::slice::from_ref(&sample));
    let dumped: Vec<u8> = text
        .lines()
        .filter(|line| line.starts_with("  "))
        .flat_map(|line| line[8..57].split_whitespace().map(|b| u8::from_str_radix(b, 16).unwrap()))
        .collect();
    assert_eq!(dumped, sample.bytes);
}

#[test]
fn a_live_capture_sees_each_row_at_once() {
    #[derive(Default)]
    struct Seen(std::rc::Rc<std::cell::RefCell<(usize, usize)>>);
    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.borrow_mut().1 += 1;
            Ok(())
        }
    }
    for form in Form::ALL {
        let seen = Seen::default();
        let counts = seen.0.clone();
        let mut printer = printer(form, Options { flushing: Flushing::Row, ..Options::default() }, seen);
        for (i, sample) in exchange(3).iter().enumerate() {
            let before = counts.borrow().0;
            printer.row(&sample.row()).unwrap();
            assert!(counts.borrow().0 > before, "{form}");
            assert_eq!(counts.borrow().1, i + 1);
        }
    }
}

#[test]
fn what_the_writer_reports_comes_back() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for form in Form::ALL {
        let mut printer = printer(form, Options { flushing: Flushing::Row, ..Options::default() }, Broken);
        let error = printer.row(&msg_2().row()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{form}");
    }
}

#[test]
fn a_form_is_chosen_by_its_name() {
    for form in Form::ALL {
        assert_eq!(form.as_str().parse(), Ok(form));
    }
    let error = "xml".parse::<Form>().unwrap_err().to_string();
    assert_eq!(error, "`xml` is no output form: use one of table, csv, tsv, json, ndjson, text");
}
