//! Values written in a filter, read as what they are compared with.

use std::ops::Range;

use super::error::Problem;
use super::fields::{FieldType, Others};
use super::suggest;
use super::value::Constant;
use crate::time::Timestamp;

/// A value as written.
#[derive(Debug, Clone)]
pub(super) struct Literal<'t> {
    pub(super) kind: LiteralKind<'t>,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum LiteralKind<'t> {
    /// Without quotes.
    Word(&'t str),
    /// In double quotes.
    Text(Vec<u8>),
    /// In single quotes.
    Char(u8),
}

type Refusal = Box<Problem>;

impl Literal<'_> {
    fn refuse(&self, message: impl Into<String>, help: impl Into<String>) -> Refusal {
        Problem::new(self.span.clone(), message, help)
    }

    /// The value as one of `wanted`, the type of `what` (a field's name, or how the filter spells the operand).
    pub(super) fn convert(&self, wanted: FieldType, what: &str) -> Result<Constant, Refusal> {
        match wanted {
            FieldType::Integer { min, max } => self.integer(i128::from(min), i128::from(max), what).map(Constant::Int),
            FieldType::Bool => match self.kind {
                LiteralKind::Word("true" | "True" | "TRUE") => Ok(Constant::Int(1)),
                LiteralKind::Word("false" | "False" | "FALSE") => Ok(Constant::Int(0)),
                _ => self.integer(0, i128::from(u8::MAX), what).map(Constant::Int),
            },
            FieldType::Float => self.float(what).map(Constant::Float),
            FieldType::Time => self.time(what).map(Constant::Time),
            FieldType::Text { words, others } => self.text(words, others, what).map(Constant::Bytes),
            FieldType::Bytes => self.bytes(what).map(Constant::Bytes),
            FieldType::Flag => Err(self.refuse(
                format!("`{what}` is there or not and has no value"),
                format!("write `{what}` alone, or `!{what}`"),
            )),
        }
    }

    fn integer(&self, min: i128, max: i128, what: &str) -> Result<i128, Refusal> {
        let range = || format!("{what} is a whole number from {min} to {max}");
        let number = match &self.kind {
            LiteralKind::Char(byte) => i128::from(*byte),
            LiteralKind::Text(_) => {
                return Err(self.refuse(
                    format!("`{what}` is a number, this is a text"),
                    format!("leave out the quotes: {}", range()),
                ));
            }
            LiteralKind::Word(word) => match whole_number(word) {
                Some(number) => number.unwrap_or(if word.starts_with('-') { i128::MIN } else { i128::MAX }),
                None => return Err(self.no_number(word, "whole number", range())),
            },
        };
        if number < min {
            return Err(self.refuse("too small a number", range()));
        }
        if number > max {
            return Err(self.refuse("too large a number", range()));
        }
        Ok(number)
    }

    fn float(&self, what: &str) -> Result<f64, Refusal> {
        let help = || format!("{what} is in Unix seconds: 1795356624.584927");
        match &self.kind {
            LiteralKind::Text(_) => Ok(self.moment(what)?.nanos() as f64 / 1e9),
            LiteralKind::Char(_) => Err(self.refuse(format!("`{what}` is a number, this is a character"), help())),
            LiteralKind::Word(word) => match whole_number(word) {
                Some(Some(number)) if !word.contains('.') => Ok(number as f64),
                _ => decimal(word).ok_or_else(|| self.no_number(word, "number", help())),
            },
        }
    }

    fn time(&self, what: &str) -> Result<Timestamp, Refusal> {
        self.moment(what)
    }

    /// A moment as decimal Unix seconds or in the notation of ISO 8601, UTC where it names no zone.
    fn moment(&self, what: &str) -> Result<Timestamp, Refusal> {
        let help = "write Unix seconds with at most nine decimals, or \"2026-11-22 14:10:24.5Z\" (UTC without a zone)";
        let wrong = || self.refuse(format!("this is no time, as `{what}` is"), help);
        let text = match &self.kind {
            LiteralKind::Word(word) => word,
            LiteralKind::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| wrong())?,
            LiteralKind::Char(_) => return Err(wrong()),
        };
        if let Some((_, fraction)) = text.split_once('.')
            && fraction.bytes().all(|b| b.is_ascii_digit())
            && fraction.trim_end_matches('0').len() > 9
        {
            return Err(self.refuse("more decimals than nanoseconds", help));
        }
        if let Ok(time) = Timestamp::parse_epoch(text) {
            return Ok(time);
        }
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Timestamp::from_wide_nanos(moment.as_nanosecond()).ok_or_else(wrong);
        }
        let local: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
        let moment = local.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?.timestamp();
        Timestamp::from_wide_nanos(moment.as_nanosecond()).ok_or_else(wrong)
    }

    fn text(&self, words: &[&str], others: Others, what: &str) -> Result<Box<[u8]>, Refusal> {
        let bytes: &[u8] = match &self.kind {
            LiteralKind::Word(word) => word.as_bytes(),
            LiteralKind::Text(text) => text,
            LiteralKind::Char(byte) => std::slice::from_ref(byte),
        };
        if words.iter().any(|word| word.as_bytes() == bytes) {
            return Ok(bytes.into());
        }
        let quoted = !matches!(self.kind, LiteralKind::Word(_));
        match others {
            Others::Quoted | Others::Bare if quoted => return Ok(bytes.into()),
            Others::Bare => return Ok(bytes.into()),
            Others::Quoted | Others::Impossible => {}
        }
        let shown = String::from_utf8_lossy(bytes);
        if words.is_empty() {
            return Err(self.refuse(format!("`{what}` is text"), format!("put text in double quotes: \"{shown}\"")));
        }
        let meant = suggest::nearest_of(&shown, words).map(|word| format!("did you mean {word}? ")).unwrap_or_default();
        let beyond = if others == Others::Impossible { "" } else { "; for any other put it in double quotes" };
        Err(self.refuse(
            format!("`{shown}` is no value of `{what}`"),
            format!("{meant}{what} is one of {}{beyond}", words.join(", ")),
        ))
    }

    /// As bytes: a text, a character, `41:42` (also with `.` or `-` between), or one byte as `0x41`.
    fn bytes(&self, what: &str) -> Result<Box<[u8]>, Refusal> {
        let word = match &self.kind {
            LiteralKind::Text(text) => return Ok(text.as_slice().into()),
            LiteralKind::Char(byte) => return Ok([*byte].into()),
            LiteralKind::Word(word) => *word,
        };
        if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            return match (digits.len(), hex(digits.as_bytes())) {
                (1 | 2, Some(byte)) => Ok([byte].into()),
                _ => Err(self.refuse("0x… is one byte here", "write several bytes as 41:42, text in double quotes")),
            };
        }
        let pairs = |separator: char| -> Option<Box<[u8]>> {
            word.split(separator).map(|pair| (pair.len() == 2).then(|| hex(pair.as_bytes())).flatten()).collect()
        };
        let separated = word.bytes().any(|b| matches!(b, b':' | b'.' | b'-'));
        match [':', '.', '-'].into_iter().find_map(pairs) {
            Some(bytes) if separated => Ok(bytes),
            // Wireshark takes this for the byte; whoever looks for a number in a payload means the text.
            Some(_) => Err(self.refuse(
                format!("`{word}` may be a text or a byte"),
                format!("write \"{word}\" for the text, 0x{word} for the byte"),
            )),
            None => Err(self.refuse(
                format!("`{word}` is neither a field nor bytes, as `{what}` is"),
                format!("write text in double quotes, \"{word}\", or bytes as 41:42"),
            )),
        }
    }

    fn no_number(&self, word: &str, kind: &str, help: String) -> Refusal {
        let digits = word.trim_start_matches('-');
        if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
            return self.refuse(
                format!("`{word}` is no octal number"),
                "a leading 0 means octal, with digits 0 to 7: leave it out for decimal",
            );
        }
        let meant = suggest::nearest(word).filter(|_| word.starts_with(|c: char| c.is_ascii_alphabetic()));
        match meant {
            Some(field) => self
                .refuse(format!("`{word}` is neither a {kind} nor a field"), format!("did you mean `{field}`? {help}")),
            None => self.refuse(format!("`{word}` is not a {kind}"), help),
        }
    }
}

/// Decimal, hexadecimal (`0x`), binary (`0b`) or octal (`0`) with an optional minus sign; `Some(None)` when it
/// exceeds an `i128`, `None` when it is no number.
fn whole_number(word: &str) -> Option<Option<i128>> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok();
    Some(magnitude.map(|n| if negative { -n } else { n }))
}

/// A number with digits, an optional point and an optional exponent; `nan` and `inf` are none.
fn decimal(word: &str) -> Option<f64> {
    let numeric = word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'e' | b'E'));
    word.parse().ok().filter(|_| numeric).filter(|x: &f64| x.is_finite())
}

/// One byte of hex digits; `u8::from_str_radix` alone would take a sign.
fn hex(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(text, 16).ok()
}
