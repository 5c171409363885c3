//! What is refused, where the caret stands and what the help says.

use proptest::prelude::*;

use super::super::{MAX_DEPTH, MAX_LEN};
use super::*;

fn refusal(filter: &str) -> crate::decode::filter::FilterError {
    match Filter::parse(filter) {
        Ok(_) => panic!("accepted: {filter}"),
        Err(error) => error,
    }
}

#[test]
fn an_error_shows_the_filter_with_a_caret_and_what_to_write() {
    let shown: &[(&str, &str)] = &[
        (
            "arq.possition == 3",
            "unknown field `arq.possition`\n  arq.possition == 3\n  ^^^^^^^^^^^^^\nhelp: did you mean `arq.pos`?",
        ),
        ("arq.pos = 3", "`=` is no operator\n  arq.pos = 3\n          ^\nhelp: write `==` to compare"),
        (
            "arq.from == clinet",
            "`clinet` is no value of `arq.from`\n  arq.from == clinet\n              ^^^^^^\nhelp: did you mean client? arq.from is one of client, server",
        ),
        (
            "arq.header == \"MSG",
            "this quote is never closed\n  arq.header == \"MSG\n                ^\nhelp: end the text with `\"`; a quote inside is written `\\\"`",
        ),
        (
            "arq.pos == 3 or",
            "the filter ends where a field or value is wanted\n  arq.pos == 3 or\n                 ^\nhelp: complete the test, or leave out the last operator",
        ),
    ];
    for (filter, expected) in shown {
        assert_eq!(refusal(filter).to_string(), *expected);
    }
}

/// The line with the carets, and the text above each of them by terminal column.
fn caret_line(filter: &str) -> (String, String) {
    let shown = refusal(filter).to_string();
    let lines: Vec<&str> = shown.lines().collect();
    (lines[1].to_owned(), lines[2].to_owned())
}

#[test]
fn the_caret_stands_right_after_tabs_wide_and_combining_characters() {
    assert_eq!(caret_line("arq.pos\t==\tx"), ("  arq.pos == x".into(), "             ^".into()));
    // Two ideographs take four columns, e with a combining accent one.
    assert_eq!(
        caret_line("arq.info == \"日本\" or x"),
        ("  arq.info == \"日本\" or x".into(), format!("  {}^", " ".repeat("arq.info == \"1234\" or ".len())))
    );
    assert_eq!(
        caret_line("arq.info == \"e\u{301}\" or x"),
        ("  arq.info == \"e\u{301}\" or x".into(), format!("  {}^", " ".repeat("arq.info == \"e\" or ".len())))
    );
    assert_eq!(caret_line("日 == 1"), ("  日 == 1".into(), "  ^^".into()));
}

#[test]
fn control_characters_of_the_filter_do_not_reach_the_terminal() {
    let shown = refusal("arq.info == \"\x1b[31m\u{202e}\x07\"\nor\u{1b}").to_string();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(!shown.contains('\u{202e}'));
    assert_eq!(shown.lines().count(), 4);
}

#[test]
fn a_long_filter_is_cut_around_the_culprit() {
    let filter = format!("{}arq.possition{}", "arq.pos == 1 or ".repeat(1000), " or arq.pos == 1".repeat(1000));
    let (line, carets) = caret_line(&filter);
    assert!(line.chars().count() < 200);
    assert!(line.starts_with("  …") && line.ends_with('…'));
    let column = carets.find('^').unwrap() - "…".len() + 1;
    assert_eq!(line.chars().skip(column + 2).take(13).collect::<String>(), "arq.possition");
}

#[test]
fn each_mistake_is_marked_at_its_place_with_what_to_write_instead() {
    // Filter, the marked part (empty: the end of the filter), part of the help.
    let table: &[(&str, &str, &str)] = &[
        // Fields.
        ("pos == 3", "pos", "`arq.pos`"),
        ("header", "header", "`arq.header`"),
        ("MSG", "MSG", "arq.header == MSG"),
        ("client", "client", "arq.from == client"),
        ("arq.client", "arq.client", "arq.from == client"),
        ("arq.pos == seqq", "seqq", "`arq.seq`"),
        ("arq.pos == arq.sequence", "arq.sequence", "`arq.seq`"),
        ("arq.xyzzy", "arq.xyzzy", "the fields are arq.packet, arq.time"),
        ("ip.addr == 1.2.3.4", "ip.addr", "--port"),
        ("tcp.port == 80", "tcp.port", "--port"),
        ("frame.time > 3", "frame.time", "frame.time_epoch"),
        ("any arq.pos == 3", "any", "leave out `any`"),
        ("日本 == 3", "日", "double quotes"),
        // Values.
        ("arq.from == \"Client\"", "\"Client\"", "did you mean client?"),
        ("arq.from in {client, srver}", "srver", "did you mean server?"),
        ("arq.header == MGS", "MGS", "did you mean MSG?"),
        ("arq.header == msg", "msg", "did you mean MSG?"),
        ("arq.header == huh", "huh", "double quotes"),
        ("arq.info == resend", "resend", "\"resend\""),
        ("arq.pos == \"3\"", "\"3\"", "leave out the quotes"),
        ("arq.pos == abc", "abc", "from -2147483648 to 2147483647"),
        ("arq.pos == 3.5", "3.5", "a whole number"),
        ("arq.pos == 08", "08", "octal"),
        ("arq.pos == 0x", "0x", "a whole number"),
        ("arq.pos == 3000000000", "3000000000", "2147483647"),
        (
            "arq.pos == 999999999999999999999999999999999999999999999",
            "999999999999999999999999999999999999999999999",
            "2147483647",
        ),
        ("arq.packet > -1", "-1", "from 0"),
        ("arq.packet == 18446744073709551616", "18446744073709551616", "18446744073709551615"),
        ("arq.ack == 256", "256", "255"),
        ("arq.sent_time == nan", "nan", "Unix seconds"),
        ("arq.sent_time == 1e999", "1e999", "Unix seconds"),
        ("arq.time > yesterday", "yesterday", "2026-11-22"),
        ("arq.time > \"2025-13-01\"", "\"2025-13-01\"", "2026-11-22"),
        ("arq.time > \"99999-01-01\"", "\"99999-01-01\"", "2026-11-22"),
        ("arq.time > 1.1234567891", "1.1234567891", "nine decimals"),
        ("arq.time == arq.sent_time", "arq.time == arq.sent_time", "clock"),
        ("arq.payload == 12", "12", "write \"12\" for the text, 0x12 for the byte"),
        ("arq.payload == abcd", "abcd", "\"abcd\""),
        ("arq.payload == 0xffff", "0xffff", "41:42"),
        ("arq.payload == 41:4", "41:4", "41:42"),
        ("arq.payload contains é", "é", "double quotes"),
        ("arq.partial == false", "arq.partial == false", "`!arq.partial`"),
        ("arq.partial != true", "arq.partial != true", "`!arq.partial`"),
        ("arq.partial > 3", "3", "`arq.partial`"),
        ("arq.partial in {1}", "1", "`arq.partial`"),
        // Types.
        ("arq.pos contains 3", "arq.pos", "arq.pos == …"),
        ("arq.pos matches \"3\"", "arq.pos", "arq.pos == …"),
        ("arq contains \"MSG\"", "arq", "arq.payload"),
        ("arq.info contains arq.pos", "arq.pos", "text or bytes"),
        ("arq.pos == arq.payload", "arq.pos == arq.payload", "one type"),
        ("arq.pos[0]", "[0]", "arq.payload[0:4]"),
        ("len(arq.pos) == 1", "arq.pos", "len(arq.payload)"),
        ("arq.payload matches abc", "abc", "\"^ab\""),
        ("arq.payload matches", "", "matches"),
        ("arq.payload matches \"(\"", "\"(\"", "stands for itself"),
        ("arq.payload matches \"(?=a)\"", "\"(?=a)\"", "look-around"),
        ("arq.payload matches \"a{1000}{1000}\"", "\"a{1000}{1000}\"", "repeat counts"),
        // Operators.
        ("arq.pos <> 3", "<>", "!="),
        ("arq.pos => 3", "=>", ">="),
        ("arq.pos !~ \"x\"", "!~", "!("),
        ("arq.pos & 1", "&", "&&"),
        ("arq.pos | arq.seq", "|", "||"),
        ("arq.pos + 1 == 2", "+", "arithmetic"),
        ("arq.pos is 3", "is", "=="),
        ("arq.pos eq3", "eq3", "=="),
        ("arq.pos == 3 AND arq.seq == 4", "AND", "`and`"),
        ("arq.pos == 3 arq.seq == 4", "arq.seq", "`and` or `or`"),
        ("arq.pos == 3 contains 4", "contains", "one operator"),
        ("arq.pos not 3", "3", "not in"),
        ("3 == arq.pos", "3", "`arq.pos == 3`"),
        ("3 < arq.pos", "3", "`arq.pos > 3`"),
        ("3 < 4", "3", "arq.pos == 3"),
        ("\"abc\"", "\"abc\"", "arq.payload contains \"abc\""),
        ("arq.pos < 3 < 4", "3", "range"),
        ("arq.pos ===== 3", "==", "wanted here"),
        // Groups, sets, slices, functions, quotes.
        ("arq.pos == 3)", ")", "leave it out"),
        ("((arq.pos == 3)", "(", "`)`"),
        ("()", ")", "a field"),
        ("!", "", "complete"),
        ("arq.pos ==", "", "complete"),
        ("arq.pos in {1 2}", "2", "commas"),
        ("arq.pos in {}", "}", "commas"),
        ("arq.pos in {1,}", "}", "commas"),
        ("arq.pos in {1, 2", "{", "`}`"),
        ("arq.pos in {4..2}", "4..2", "2..4"),
        ("arq.pos in {1..}", "}", "value"),
        ("arq.pos in 3", "3", "{1, 3..5}"),
        ("arq.pos in {arq.seq}", "arq.seq", "`or`"),
        ("arq.pos == 1..3", "..", "in {1..3}"),
        ("arq.pos == {1,2}", "{", "in {…}"),
        ("arq.payload[0:0]", "[0:0]", "[start:length]"),
        ("arq.payload[3-1]", "[3-1]", "[first-last]"),
        ("arq.payload[1,2]", "[1,2]", "`and`"),
        ("arq.payload[", "[", "`]`"),
        ("foo(arq.payload)", "foo", "len, upper and lower"),
        ("len()", ")", "len(arq.payload)"),
        ("len(arq.payload", "(", "`)`"),
        ("len(arq.payload)", "len(arq.payload)", "compare"),
        ("len(pos) == 1", "pos", "`arq.pos`"),
        ("arq.header == 'MSG'", "'MSG'", "double quotes"),
        ("arq.header == '", "'", "one byte"),
        ("arq.header == r\"\\\"", "r\"", "raw text"),
        ("arq.payload == \"\\q\"", "\\q", "`\\\\`"),
        ("arq.payload == \"\\400\"", "\\400", "\\377"),
        ("arq.payload == \"\\xg\"", "\\x", "\\x41"),
        ("arq.payload == \"\\ud800\"", "\\ud800", "four hex digits"),
        ("arq.payload == \"\\", "\\", "`\\\\`"),
    ];
    for (filter, culprit, help) in table {
        let error = refusal(filter);
        assert_eq!(&filter[error.span()], *culprit, "{error}");
        assert!(error.help().contains(help), "{error}");
        assert_eq!(error.text(), *filter);
    }
}

#[test]
fn limits_hold_without_exhausting_the_stack() {
    let nested = |depth: usize| format!("{}arq.pos == 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(MAX_DEPTH)).is_ok());
    let error = refusal(&nested(MAX_DEPTH + 1));
    assert!(error.message().contains("100 levels"), "{error}");
    assert_eq!(error.span().start, MAX_DEPTH + 1);

    for filter in [
        "(".repeat(60_000),
        "!".repeat(60_000),
        "not ".repeat(15_000),
        "!(".repeat(30_000),
        "len(".repeat(15_000),
        "upper(".repeat(10_000),
        format!("arq.payload{}", "[0]".repeat(20_000)),
        "arq.payload ~ \"a\" or ".repeat(1000),
        "arq.pos == 1 or ".repeat(5000),
        format!("arq.info == \"{}\"", "x".repeat(100_000)),
    ] {
        let _ = refusal(&filter).to_string();
    }
    let long = " ".repeat(MAX_LEN - 3) + "arq";
    assert!(Filter::parse(&long).is_ok());
    let error = refusal(&(long + " "));
    assert!(error.message().contains("65537 bytes"), "{error}");

    let mut levels = String::from("arq.payload");
    for _ in 0..40 {
        levels = format!("upper({levels}[0][0])");
    }
    let error = refusal(&format!("{levels} == \"A\""));
    assert!(error.message().contains("levels"), "{error}");
}

#[test]
fn wide_filters_and_large_sets_are_evaluated() {
    let sample = Sample::new(1, 4, &message(Name::Msg, b"", 4321, 0.0));
    let all: Vec<String> = (0..3000).map(|n| format!("arq.pos != {n}")).collect();
    assert_eq!(selected(&all.join(" and "), std::slice::from_ref(&sample)), [1]);
    let even: Vec<String> = (0..10_000).rev().step_by(2).map(|n| n.to_string()).collect();
    assert_eq!(selected(&format!("arq.pos in {{{}}}", even.join(",")), std::slice::from_ref(&sample)), [1]);
}

const SOUP: [&str; 64] = [
    "arq.pos",
    "arq.payload",
    "arq.header",
    "arq.time",
    "arq.from",
    "arq.info",
    "arq.partial",
    "arq.sent_time",
    "arq",
    "arq.ack",
    "frame.number",
    "arq.nothing",
    "==",
    "!=",
    "<",
    ">=",
    "=",
    "contains",
    "matches",
    "~",
    "in",
    "not",
    "!",
    "and",
    "&&",
    "or",
    "xor",
    "^^",
    "(",
    ")",
    "{",
    "}",
    ",",
    "..",
    "[0:2]",
    "[-1]",
    "[",
    "]",
    "1",
    "-2",
    "3.5",
    "0x41",
    "41:42",
    "\"a\"",
    "\"",
    "r\"x\\\"",
    "'c'",
    "'",
    "client",
    "MSG",
    "len(",
    "upper(",
    "lower(",
    "true",
    "\\",
    "é",
    "日",
    "\t",
    "\u{301}",
    "\u{1f468}\u{200d}\u{1f469}",
    "\u{1b}",
    "1..2",
    "\"(\"",
    "2025-01-01T00:00:00Z",
];

fn check(text: &str) {
    match Filter::parse(text) {
        Ok(filter) => {
            let mut sample = Sample::new(1, 4, &message(Name::Msg, b"aB\xff", 2, 1.5));
            let mut scratch = Scratch::new();
            let whole = filter.matches(&sample.row(), &mut scratch);
            assert_eq!(filter.matches(&sample.row(), &mut scratch), whole, "{text}");
            let whole_frame = 0..sample.bytes.len();
            sample.missing.push(whole_frame);
            let _ = filter.matches(&sample.row(), &mut scratch);
        }
        Err(error) => {
            let span = error.span();
            assert!(span.start <= span.end && span.end <= text.len(), "{text:?} {span:?}");
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{text:?} {span:?}");
            assert!(!error.message().is_empty() && !error.help().is_empty(), "{text:?}");
            let shown = error.to_string();
            assert_eq!(shown.lines().count(), 4, "{shown}");
            assert!(shown.lines().nth(2).is_some_and(|carets| carets.trim().chars().all(|c| c == '^')), "{shown}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_judged_or_refused_at_a_place_within_it(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_order_of_tokens_is_judged_or_refused_at_a_place_within_it(
        tokens in proptest::collection::vec((0..SOUP.len(), prop_oneof![Just(""), Just(" ")]), 0..24),
    ) {
        let text: String = tokens.iter().flat_map(|(token, gap)| [SOUP[*token], gap]).collect();
        check(&text);
    }
}
