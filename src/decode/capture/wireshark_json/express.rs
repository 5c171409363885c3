//! The express way through an export's text: one pass over what nearly every packet object is.
//!
//! The general way cuts a whole value out of the text and gives it to serde_json, which takes any JSON and says what is
//! wrong with what is none; so it goes through the text twice. This way takes objects of strings without escapes, whole
//! numbers of a few digits, and words, steps over what nobody asks for by the word, and declines everything else: other
//! JSON, what is no JSON, what exceeds a limit, and what was not read to its end yet. Nothing has happened then, and the
//! general way decides.
//!
//! Both are a [`Deserializer`] for the same code (`fields.rs`), so that what an object says is found in one place. This one
//! takes no text that serde_json refuses, and gives the same values of it; a property below holds it to that.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::Limits;

/// Nesting that goes this way, about three times what exports have: one bit of a word each.
const MAX_DEPTH: usize = 64;

/// Digits of a number that fits whatever they are.
const MAX_DIGITS: usize = 18;

/// Why a text does not go this way is for the general way to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not for the express way")
    }
}

impl std::error::Error for Declined {}

impl de::Error for Declined {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Reads one value from the start of a text that may go on behind it.
pub(super) struct Express<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
    max_string: usize,
}

impl<'a> Express<'a> {
    pub(super) fn new(text: &'a [u8], limits: Limits) -> Self {
        Self { text, at: 0, depth: 0, max_depth: limits.depth.min(MAX_DEPTH), max_string: limits.string_bytes }
    }

    /// How much of the text was read.
    pub(super) const fn read(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, which becomes the current place.
    #[inline(always)] // several for each line of text
    fn peek(&mut self) -> Result<u8, Declined> {
        let mut byte = *self.text.get(self.at).ok_or(Declined)?;
        while byte <= b' ' {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Err(Declined);
            }
            self.at += 1;
            // Indentation is a third of `-T json`.
            let mut ahead = word(self.text, self.at).ok_or(Declined)? ^ (ONES * u64::from(b' '));
            while ahead == 0 {
                self.at += 8;
                ahead = word(self.text, self.at).ok_or(Declined)? ^ (ONES * u64::from(b' '));
            }
            let blanks = ahead.trailing_zeros() / 8;
            self.at += blanks as usize;
            byte = (ahead >> (8 * blanks)) as u8 ^ b' ';
        }
        Ok(byte)
    }

    /// Steps over `byte`, which must be next.
    #[inline(always)] // as above
    fn expect(&mut self, byte: u8) -> Result<(), Declined> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(Declined)
        }
    }

    /// The string that begins at the current place, and moves behind it.
    #[inline(always)] // as above
    fn string(&mut self) -> Result<&'a [u8], Declined> {
        self.expect(b'"')?;
        let start = self.at;
        let mut at = start;
        loop {
            let word = word(self.text, at).ok_or(Declined)?;
            // Each sets the high bit of a byte, and perhaps of bytes above one for which it is right (Mycroft).
            let zero = |word: u64| word.wrapping_sub(ONES) & !word;
            let control = word.wrapping_sub(0x20 * ONES) & !word;
            let quote = zero(word ^ (u64::from(b'"') * ONES));
            let backslash = zero(word ^ (u64::from(b'\\') * ONES));
            let found = (control | quote | backslash) & (0x80 * ONES);
            if found == 0 {
                at += 8;
                continue;
            }
            at += found.trailing_zeros() as usize / 8;
            self.at = at + 1;
            return match self.text.get(start..at) {
                Some(string) if self.text.get(at) == Some(&b'"') && string.len() <= self.max_string => Ok(string),
                _ => Err(Declined),
            };
        }
    }

    /// The whole number at the current place, and moves behind it.
    fn number(&mut self) -> Result<u64, Declined> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = rest.get(..len).unwrap_or_default();
        let fits = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && len <= MAX_DIGITS;
        // What follows tells a whole number from a fraction, and the end of the text tells nothing.
        let ends = matches!(rest.get(len), Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
        self.at += len;
        if !fits || !ends {
            return Err(Declined);
        }
        Ok(digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
    }

    /// Steps over a word.
    fn literal(&mut self, literal: &[u8]) -> Result<(), Declined> {
        let here = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(literal));
        self.at += literal.len();
        if here { Ok(()) } else { Err(Declined) }
    }

    /// Steps into an object or array.
    fn enter(&mut self) -> Result<(), Declined> {
        self.at += 1;
        self.depth += 1;
        if self.depth <= self.max_depth { Ok(()) } else { Err(Declined) }
    }

    /// Steps out of it.
    const fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    #[inline(always)] // as above
    fn key(&mut self) -> Result<&'a [u8], Declined> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Steps over a whole value.
    fn skip(&mut self) -> Result<(), Declined> {
        let outside = self.depth;
        // The kinds of what is open, the innermost in the lowest bit: 1 for an object.
        let mut objects = 0_u64;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                open @ (b'{' | b'[') => {
                    self.enter()?;
                    objects = objects << 1 | u64::from(open == b'{');
                    match (open, self.peek()?) {
                        (b'{', b'}') | (b'[', b']') => {}
                        (b'{', _) => {
                            self.key()?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                b'0'..=b'9' => {
                    self.number()?;
                }
                b'n' => self.literal(b"null")?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                _ => return Err(Declined),
            }
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ => return Err(Declined),
                }
                objects >>= 1;
                self.leave();
            }
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;

#[inline(always)] // as above
fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

impl<'de> Deserializer<'de> for &mut Express<'de> {
    type Error = Declined;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Declined> {
        match self.peek()? {
            b'"' => {
                // ASCII is UTF-8, which serde_json asks for here; what else is may be told by that.
                let string = Some(self.string()?).filter(|string| string.is_ascii());
                visitor.visit_borrowed_bytes(string.ok_or(Declined)?)
            }
            b'{' => {
                self.enter()?;
                let value = visitor.visit_map(Inside { text: self, first: true })?;
                // A visitor that left members over is of no use here.
                (self.peek()? == b'}').then(|| self.leave()).ok_or(Declined)?;
                Ok(value)
            }
            b'[' => {
                self.enter()?;
                let value = visitor.visit_seq(Inside { text: self, first: true })?;
                (self.peek()? == b']').then(|| self.leave()).ok_or(Declined)?;
                Ok(value)
            }
            b'0'..=b'9' => visitor.visit_u64(self.number()?),
            b'n' => {
                self.literal(b"null")?;
                visitor.visit_unit()
            }
            b't' => {
                self.literal(b"true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.literal(b"false")?;
                visitor.visit_bool(false)
            }
            _ => Err(Declined),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Declined> {
        visitor.visit_borrowed_bytes(self.string()?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Declined> {
        self.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier
    }
}

/// The inside of an object or array.
struct Inside<'r, 'a> {
    text: &'r mut Express<'a>,
    first: bool,
}

impl Inside<'_, '_> {
    /// Whether another member follows; its beginning is then the current place.
    fn more(&mut self, end: u8) -> Result<bool, Declined> {
        let byte = self.text.peek()?;
        if byte == end {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.first, false) {
            if byte != b',' {
                return Err(Declined);
            }
            self.text.at += 1;
        }
        Ok(true)
    }
}

impl<'a> MapAccess<'a> for Inside<'_, 'a> {
    type Error = Declined;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Declined> {
        if !self.more(b'}')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.text).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Declined> {
        self.text.expect(b':')?;
        seed.deserialize(&mut *self.text)
    }
}

impl<'a> SeqAccess<'a> for Inside<'_, 'a> {
    type Error = Declined;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Declined> {
        if !self.more(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.text).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Limits;
    use super::super::chunker::Chunker;
    use super::super::fields::Fields;

    const PACKET: &str = r#"{
    "_index": "packets-2026-01-05", "_score": null, "n": [1, 20, 0, true, false, {}], "e": [], "f": [[{"a": {"b": "c"}}]],
    "_source": {"layers": {
        "frame_raw": ["0102", 0, 2, 0, 1], "frame": {"frame.number": "7", "frame.len": 60, "frame.time_epoch": "1.5"},
        "eth": {"eth.dst": "00:00:00:00:00:00", "eth.dst_tree": {"eth.oui_resolved": "Bezeichnung · é"}},
        "ip": {"ip.src": "10.0.0.1", "ip.src": "10.0.0.2", "ip.addr": ["1.2.3.4", "5.6.7.8"]},
        "tcp": {"tcp.seq_raw": "5", "tcp.seq_raw": ["00000005", 38, 4, 0, 5], "tcp.payload": "4d:53:47", "x.y": {"z": [2]}},
        "tcp": [{"tcp.port": "1"}, "filtered"]
    }}
}"#;

    /// What the general way makes of the value that `text` begins with, and how long it is.
    fn general(text: &str, limits: Limits) -> Option<(String, usize)> {
        let mut chunker = Chunker::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), limits).unwrap();
        let range = chunker.value(String::new).ok()?;
        let len = range.len();
        Some((format!("{:?}", Fields::parse(chunker.bytes(range)).ok()?), len))
    }

    fn express(text: &str, limits: Limits) -> Option<(String, usize)> {
        let mut fields = Fields::new();
        fields.read_plain(text.as_bytes(), limits).map(|len| (format!("{fields:?}"), len))
    }

    #[test]
    fn a_packet_of_an_export_is_plain_and_its_end_is_found() {
        let text = format!("{PACKET},\n  {{ }}");
        let taken = express(&text, Limits::default());
        assert_eq!(taken.as_ref().map(|(_, len)| *len), Some(PACKET.len()));
        assert_eq!(taken, general(&text, Limits::default()));
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_general_way() {
        for value in [
            r#""a\"b""#,
            "\"a\u{1}\"",
            "-1",
            "1.5",
            "01",
            "1e5",
            "1234567890123456789",
            // No u64 holds it.
            "123456789012345678901",
            "nul",
            "tru",
            "[1,]",
            "[1 2]",
            "[",
            "\u{b}1",
        ] {
            let text = format!("{{\"layers\": {{\"frame\": {{\"frame.number\": {value}}}, \"x\": {value}}}}}        ");
            assert_eq!(express(&text, Limits::default()), None, "{text}");
        }
        for text in [
            r#"{"a":1,}        "#,
            r#"{"a" 1}        "#,
            r#"{1:1}        "#,
            r#"{"a":1]        "#,
            r#"["a"]         "#,
            "{\"a\":\"b",
        ] {
            assert_eq!(express(text, Limits::default()), None, "{text}");
        }
    }

    #[test]
    fn limits_bind_on_this_way_too() {
        let limits = Limits::default();
        let len = PACKET.len();
        let text = format!("{PACKET}        ");
        for (limits, fits) in [
            (Limits { packet_bytes: len, ..limits }, true),
            (Limits { packet_bytes: len - 1, ..limits }, false),
            (Limits { depth: 6, ..limits }, true),
            (Limits { depth: 5, ..limits }, false),
            (Limits { string_bytes: 18, ..limits }, true),
            (Limits { string_bytes: 17, ..limits }, false),
        ] {
            assert_eq!(express(&text, limits).is_some(), fits, "{limits:?}");
            assert_eq!(general(&text, limits).is_some(), fits, "{limits:?}");
        }
    }

    proptest! {
        #[test]
        fn what_goes_this_way_is_what_the_general_way_finds(
            changes in prop::collection::vec((0..PACKET.len(), prop::sample::select(CHANGES.to_vec()), 0..3_usize), 0..4),
            depth in prop_oneof![8 => Just(128_usize), 1 => 1..8_usize],
            string_bytes in prop_oneof![8 => Just(1000_usize), 1 => 0..20_usize],
            cut in prop_oneof![4 => Just(usize::MAX), 1 => 0..PACKET.len()],
        ) {
            let mut bytes = PACKET.as_bytes().to_vec();
            for (at, with, instead_of) in changes {
                let at = at.min(bytes.len());
                let end = (at + instead_of).min(bytes.len());
                bytes.splice(at..end, with.bytes());
            }
            bytes.truncate(cut);
            bytes.extend_from_slice(b" , {\"a\": 1}        ");
            let text = String::from_utf8_lossy(&bytes);
            let limits = Limits { depth, string_bytes, ..Limits::default() };
            if let Some(taken) = express(&text, limits) {
                prop_assert_eq!(Some(taken), general(&text, limits));
            }
        }
    }

    const CHANGES: [&str; 30] = [
        "",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\n",
        "\t",
        "\u{1}",
        "\u{b}",
        "\\",
        "\\u0041",
        "0",
        "12",
        "-",
        ".",
        "e5",
        "null",
        "true",
        "x",
        "é",
        "\"a\":",
        "\"a\":1,",
        "{}",
        "[]",
        "        ",
        "\"tcp\":{},",
    ];
}
