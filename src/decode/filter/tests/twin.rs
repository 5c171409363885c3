//! A naive twin: expressions are made as trees, judged by walking them over plain values, printed, and
//! judged again as filters.

use proptest::prelude::*;

use super::*;

/// The facts of a row, without a frame.
#[derive(Debug, Clone)]
struct Facts {
    packet: u64,
    pos: Option<i32>,
    seq: i32,
    in_flight: Option<u32>,
    sent_time: f64,
    payload: Option<Vec<u8>>,
    name: Option<Name>,
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Packet,
    Pos,
    Seq,
    InFlight,
    PayloadLen,
}

#[derive(Debug, Clone, Copy)]
enum Cmp {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
}

#[derive(Debug, Clone)]
enum Tree {
    Present(Number),
    Number(Number, Cmp, i64),
    Numbers(Number, Cmp, Number),
    Among(Number, Vec<(i64, i64)>),
    SentTime(Cmp, f64),
    Payload(Cmp, Vec<u8>),
    /// Start and length.
    Part(usize, usize, Cmp, Vec<u8>),
    Contains(Vec<u8>),
    Name(Cmp, Name),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Xor(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
}

impl Number {
    fn of(self, facts: &Facts) -> Option<i64> {
        match self {
            Self::Packet => Some(facts.packet as i64),
            Self::Pos => facts.pos.map(i64::from),
            Self::Seq => Some(i64::from(facts.seq)),
            Self::InFlight => facts.in_flight.map(i64::from),
            Self::PayloadLen => facts.payload.as_ref().map(|payload| payload.len() as i64),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Packet => "arq.packet",
            Self::Pos => "arq.pos",
            Self::Seq => "arq.seq",
            Self::InFlight => "arq.in_flight",
            Self::PayloadLen => "len(arq.payload)",
        }
    }
}

impl Cmp {
    fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Eq => a == b,
            Self::Ne => a != b,
            Self::Gt => a > b,
            Self::Lt => a < b,
            Self::Ge => a >= b,
            Self::Le => a <= b,
        }
    }

    fn text(self, style: &mut Style) -> &'static str {
        let (symbol, word) = match self {
            Self::Eq => (" == ", " eq "),
            Self::Ne => ("!=", " ne "),
            Self::Gt => ("> ", " gt "),
            Self::Lt => (" <", "\tlt\n"),
            Self::Ge => (">=", " ge "),
            Self::Le => (" <= ", " le "),
        };
        if style.flip() { symbol } else { word }
    }
}

/// Chooses between spellings, from a seed.
struct Style(u64);

impl Style {
    fn flip(&mut self) -> bool {
        self.0 = self.0.rotate_right(1);
        self.0 & 1 == 1
    }
}

fn quoted(bytes: &[u8], style: &mut Style) -> String {
    let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    let body: String = bytes
        .iter()
        .map(|b| match (plain(b), style.flip()) {
            (true, true) => char::from(*b).to_string(),
            (_, true) => format!("\\x{b:02x}"),
            (_, false) => format!("\\{b:03o}"),
        })
        .collect();
    format!("\"{body}\"")
}

impl Tree {
    fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::Present(number) => number.of(facts).is_some(),
            Self::Number(number, cmp, value) => number.of(facts).is_some_and(|n| cmp.holds(&n, value)),
            Self::Numbers(a, cmp, b) => match (a.of(facts), b.of(facts)) {
                (Some(a), Some(b)) => cmp.holds(&a, &b),
                _ => false,
            },
            Self::Among(number, ranges) => {
                number.of(facts).is_some_and(|n| ranges.iter().any(|(low, high)| (*low..=*high).contains(&n)))
            }
            Self::SentTime(cmp, value) => cmp.holds(&facts.sent_time, value),
            Self::Payload(cmp, bytes) => facts.payload.as_ref().is_some_and(|payload| cmp.holds(payload, bytes)),
            Self::Part(start, len, cmp, bytes) => {
                let part = facts.payload.as_ref().and_then(|payload| payload.get(*start..start + len));
                part.is_some_and(|part| cmp.holds(&part, &bytes.as_slice()))
            }
            Self::Contains(bytes) => facts
                .payload
                .as_ref()
                .is_some_and(|payload| bytes.is_empty() || payload.windows(bytes.len()).any(|w| w == bytes)),
            Self::Name(cmp, name) => {
                facts.name.is_some_and(|n| cmp.holds(&n.as_str().as_bytes(), &name.as_str().as_bytes()))
            }
            Self::Not(a) => !a.holds(facts),
            Self::And(a, b) => a.holds(facts) & b.holds(facts),
            Self::Xor(a, b) => a.holds(facts) ^ b.holds(facts),
            Self::Or(a, b) => a.holds(facts) | b.holds(facts),
        }
    }

    /// How tightly the tree's own operator binds.
    fn level(&self) -> u8 {
        match self {
            Self::Or(..) => 0,
            Self::Xor(..) => 1,
            Self::And(..) => 2,
            Self::Not(_) => 3,
            _ => 4,
        }
    }

    /// With parentheses where precedence needs them, and now and then elsewhere.
    fn print(&self, least: u8, style: &mut Style) -> String {
        let text = match self {
            // A function's result is no test.
            Self::Present(Number::PayloadLen) => "arq.payload".to_owned(),
            Self::Present(number) => number.text().to_owned(),
            Self::Number(number, cmp, value) if *value >= 0 && style.flip() => {
                format!("{}{}{value:#x}", number.text(), cmp.text(style))
            }
            Self::Number(number, cmp, value) => format!("{}{}{value}", number.text(), cmp.text(style)),
            Self::Numbers(a, cmp, b) => format!("{}{}{}", a.text(), cmp.text(style), b.text()),
            Self::Among(number, ranges) => {
                let ranges: Vec<String> = ranges
                    .iter()
                    .map(|(low, high)| if low == high { low.to_string() } else { format!("{low}..{high}") })
                    .collect();
                format!("{} in {{{}}}", number.text(), ranges.join(if style.flip() { ", " } else { "," }))
            }
            Self::SentTime(cmp, value) => format!("arq.sent_time{}{value}", cmp.text(style)),
            Self::Payload(cmp, bytes) if bytes.len() > 1 && style.flip() => {
                let pairs: Vec<String> = bytes.iter().map(|b| format!("{b:02X}")).collect();
                format!("arq.payload{}{}", cmp.text(style), pairs.join(":"))
            }
            Self::Payload(cmp, bytes) => format!("arq.payload{}{}", cmp.text(style), quoted(bytes, style)),
            Self::Part(start, len, cmp, bytes) => {
                let range = match len {
                    1 if style.flip() => format!("{start}"),
                    _ if style.flip() => format!("{start}-{}", start + len - 1),
                    _ if *start == 0 => format!(":{len}"),
                    _ => format!("{start}:{len}"),
                };
                format!("arq.payload[{range}]{}{}", cmp.text(style), quoted(bytes, style))
            }
            Self::Contains(bytes) => format!("arq.payload contains {}", quoted(bytes, style)),
            Self::Name(cmp, name) => format!("arq.header{}{name}", cmp.text(style)),
            Self::Not(a) => format!("{}{}", if style.flip() { "!" } else { "not " }, a.print(3, style)),
            Self::And(a, b) => {
                format!("{} {} {}", a.print(2, style), if style.flip() { "&&" } else { "and" }, b.print(2, style))
            }
            Self::Xor(a, b) => {
                format!("{} {} {}", a.print(1, style), if style.flip() { "^^" } else { "xor" }, b.print(1, style))
            }
            Self::Or(a, b) => {
                format!("{} {} {}", a.print(0, style), if style.flip() { "||" } else { "or" }, b.print(0, style))
            }
        };
        let wanted = self.level() < least || (style.flip() && style.flip() && style.flip());
        if wanted { format!("({text})") } else { text }
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'a'), Just(b'b'), Just(b'"'), Just(b'\\'), Just(0xff)];
    proptest::collection::vec(byte, 0..4)
}

fn facts() -> impl Strategy<Value = Facts> {
    (
        1..6_u64,
        proptest::option::weighted(0.8, -2..4_i32),
        -2..4_i32,
        proptest::option::of(0..4_u32),
        prop_oneof![Just(f64::NAN), Just(-1.5), Just(0.0), Just(1.25)],
        proptest::option::weighted(0.8, payload()),
        proptest::option::weighted(0.8, proptest::sample::select(Name::ALL.to_vec())),
    )
        .prop_map(|(packet, pos, seq, in_flight, sent_time, payload, name)| Facts {
            packet,
            pos,
            seq,
            in_flight,
            sent_time,
            payload,
            name,
        })
}

fn tree() -> impl Strategy<Value = Tree> {
    let cmp = || proptest::sample::select(vec![Cmp::Eq, Cmp::Ne, Cmp::Gt, Cmp::Lt, Cmp::Ge, Cmp::Le]);
    let number = || {
        let all = vec![Number::Packet, Number::Pos, Number::Seq, Number::InFlight, Number::PayloadLen];
        proptest::sample::select(all)
    };
    // Only these can be negative.
    let signed = || proptest::sample::select(vec![Number::Pos, Number::Seq]);
    let range = |low: i64| (low..5, 0..3_i64).prop_map(|(start, len)| (start, start + len));
    let leaf = prop_oneof![
        number().prop_map(Tree::Present),
        (number(), cmp(), 0..5_i64).prop_map(|(n, c, v)| Tree::Number(n, c, v)),
        (signed(), cmp(), -3..5_i64).prop_map(|(n, c, v)| Tree::Number(n, c, v)),
        (number(), cmp(), number()).prop_map(|(a, c, b)| Tree::Numbers(a, c, b)),
        (number(), proptest::collection::vec(range(0), 1..4)).prop_map(|(n, r)| Tree::Among(n, r)),
        (signed(), proptest::collection::vec(range(-3), 1..4)).prop_map(|(n, r)| Tree::Among(n, r)),
        (cmp(), prop_oneof![Just(-1.5), Just(0.0), Just(1.25), Just(3.0)]).prop_map(|(c, v)| Tree::SentTime(c, v)),
        (cmp(), payload()).prop_map(|(c, b)| Tree::Payload(c, b)),
        (0..4_usize, 1..3_usize, cmp(), payload()).prop_map(|(s, l, c, b)| Tree::Part(s, l, c, b)),
        payload().prop_map(Tree::Contains),
        (cmp(), proptest::sample::select(Name::ALL.to_vec())).prop_map(|(c, n)| Tree::Name(c, n)),
    ];
    leaf.prop_recursive(6, 40, 2, |inner| {
        let pair = || (inner.clone(), inner.clone()).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
        prop_oneof![
            inner.clone().prop_map(|a| Tree::Not(Box::new(a))),
            pair().prop_map(|(a, b)| Tree::And(a, b)),
            pair().prop_map(|(a, b)| Tree::Xor(a, b)),
            pair().prop_map(|(a, b)| Tree::Or(a, b)),
        ]
    })
}

fn sample(facts: &Facts) -> Sample {
    let frame = Frame {
        name: facts.name.unwrap_or(Name::Msg),
        payload: facts.payload.as_deref().unwrap_or_default(),
        seq: facts.seq,
        sent_time: facts.sent_time,
        ack: false,
        prev_seq: 0,
        pos: Pos(facts.pos.unwrap_or_default()),
    };
    let mut sample = Sample::new(facts.packet, 8, &frame);
    sample.in_flight = facts.in_flight;
    for (absent, field) in [
        (facts.pos.is_none(), Field::Pos),
        (facts.payload.is_none(), Field::Payload),
        (facts.name.is_none(), Field::Header),
    ] {
        if absent {
            sample = sample.without(field);
        }
    }
    sample
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_printed_expression_selects_what_the_expression_does(
        tree in tree(), rows in proptest::collection::vec(facts(), 1..12), seed: u64,
    ) {
        let text = tree.print(0, &mut Style(seed));
        let filter = Filter::parse(&text);
        prop_assert!(filter.is_ok(), "{}", filter.unwrap_err());
        let filter = filter.unwrap();
        let mut scratch = Scratch::new();
        for facts in &rows {
            let judged = filter.matches(&sample(facts).row(), &mut scratch);
            prop_assert_eq!(judged, tree.holds(facts), "{} on {:?}", text, facts);
        }
    }
}
