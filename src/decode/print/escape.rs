//! Bytes from the wire as text that is safe to show and can be turned back.
//!
//! Printable UTF-8 stands as it is; everything else becomes an escape, so that no byte of a capture can
//! steer a terminal, hide, or turn text around:
//!
//! | written | for |
//! | --- | --- |
//! | `\\` `\n` `\r` `\t` | backslash, line feed, carriage return, tab |
//! | `\xNN` | any other ASCII control character, and each byte that is not valid UTF-8 |
//! | `\u{H…}` | a code point that cannot be seen: C1 controls, bidi and other format characters, zero width characters, line separators, spaces other than U+0020, private use, unassigned; and combining marks without a base or beyond the fourth on one base |
//!
//! [`unescape`] gives the bytes back.

use unicode_width::UnicodeWidthChar;

/// The rules of the text that an escaped text is written into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// None.
    Plain,
    /// A JSON string: `"` and `\` take a backslash.
    Json,
    /// A quoted RFC 4180 field: `"` is doubled.
    Csv,
}

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Bytes of the capture: a backslash is escaped, so that the text can be turned back.
    Wire,
    /// Our own words, in which bytes of the capture may stand escaped already: a backslash stays one.
    Ours,
}

/// Marks that may follow one base character unescaped; no living script needs more.
const MAX_MARKS: u8 = 4;

/// `bytes` as text that is safe to show.
///
/// ```
/// use arqscope::decode::print::escape::{escape, unescape};
/// assert_eq!(escape("naïve\n\u{202e}".as_bytes()), r"naïve\n\u{202e}");
/// assert_eq!(escape(b"a\x00\xff\\"), r"a\x00\xff\\");
/// assert_eq!(unescape(r"a\x00\xff\\").as_deref(), Some(&b"a\x00\xff\\"[..]));
/// ```
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    write_escaped(&mut out, bytes, Origin::Wire, Quoting::Plain);
    String::from_utf8_lossy(&out).into_owned()
}

/// Our own words, in which bytes of a capture may stand [escaped](escape) already, as text that is safe to show: what
/// [`escape`] would leave stays, a backslash too.
///
/// ```
/// use arqscope::decode::print::escape::tame;
/// assert_eq!(tame(r"payload `a\x00` of the client"), r"payload `a\x00` of the client");
/// assert_eq!(tame("not\u{202e} so"), r"not\u{202e} so");
/// ```
#[must_use]
pub fn tame(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    write_escaped(&mut out, text.as_bytes(), Origin::Ours, Quoting::Plain);
    String::from_utf8_lossy(&out).into_owned()
}

/// [`tame`], line by line: messages that quote names and texts as they are may have several.
#[must_use]
pub fn tame_lines(words: &str) -> String {
    words.split('\n').map(tame).collect::<Vec<_>>().join("\n")
}

/// The bytes that [`escape`] made `text` from; `None` where a backslash begins no escape of the table above.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let kind = after.chars().next()?;
        let tail = &after[kind.len_utf8()..];
        rest = match kind {
            '\\' | 'n' | 'r' | 't' => {
                bytes.push(match kind {
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    _ => b'\\',
                });
                tail
            }
            'x' => {
                let digits = tail.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                tail.get(2..)?
            }
            'u' => {
                let (digits, tail) = tail.strip_prefix('{')?.split_once('}')?;
                let digits = (digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits)?;
                let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                tail
            }
            _ => return None,
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Appends `bytes` as text that is safe to show, under the rules of `quoting`.
pub(super) fn write_escaped(out: &mut Vec<u8>, bytes: &[u8], origin: Origin, quoting: Quoting) {
    if is_plain(bytes, b'"') {
        write_plain(out, bytes);
        return;
    }
    let mut writer = Escaper { out, origin, quoting, marks_left: 0 };
    for chunk in bytes.utf8_chunks() {
        writer.text(chunk.valid());
        for byte in chunk.invalid() {
            writer.byte(*byte);
        }
    }
}

/// True when every byte is printable ASCII and neither a backslash, a quote nor `other`: then it stands for itself
/// everywhere.
#[inline]
pub(super) fn is_plain(bytes: &[u8], other: u8) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Each of these sets the high bit of a byte, and perhaps of bytes above one for which it is right.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let equal = |word: u64, byte: u8| zero(word ^ (u64::from(byte) * ONES));
    let odd = |word: u64| {
        let control = word.wrapping_sub(0x20 * ONES) | word.wrapping_add(ONES);
        (word | control | equal(word, b'\\') | equal(word, b'"') | equal(word, other)) & HIGH
    };
    match (bytes.first_chunk(), bytes.last_chunk()) {
        // A short text in two words, which may overlap.
        (Some(first), Some(last)) if bytes.len() <= 16 => {
            odd(u64::from_le_bytes(*first)) | odd(u64::from_le_bytes(*last)) == 0
        }
        // A fold without a branch inside compiles to vector code.
        _ => bytes
            .iter()
            .fold(true, |plain, b| plain & (*b >= 0x20) & (*b < 0x7f) & (*b != b'\\') & (*b != b'"') & (*b != other)),
    }
}

/// Appends text that stands for itself.
#[inline]
pub(super) fn write_plain(out: &mut Vec<u8>, text: &[u8]) {
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        // As above: two copies of fixed length cost less than one of any.
        (Some(first), Some(last)) if text.len() <= 16 => {
            out.extend_from_slice(first);
            out.truncate(out.len() - (16 - text.len()));
            out.extend_from_slice(last);
        }
        _ => out.extend_from_slice(text),
    }
}

struct Escaper<'a> {
    out: &'a mut Vec<u8>,
    origin: Origin,
    quoting: Quoting,
    /// Combining marks that may stand here; none unless a visible character precedes.
    marks_left: u8,
}

impl Escaper<'_> {
    fn text(&mut self, text: &str) {
        let mut copied = 0;
        for (at, c) in text.char_indices() {
            let shown = match c {
                '"' => self.quoting == Quoting::Plain,
                '\\' => self.origin == Origin::Ours && self.quoting != Quoting::Json,
                ' '..='~' => true,
                _ => match visibility(c) {
                    Visibility::Base => true,
                    Visibility::Mark => self.marks_left > 0,
                    Visibility::Hidden => false,
                },
            };
            if shown {
                let mark = !c.is_ascii() && visibility(c) == Visibility::Mark;
                self.marks_left = if mark { self.marks_left - 1 } else { MAX_MARKS };
                continue;
            }
            self.out.extend_from_slice(&text.as_bytes()[copied..at]);
            copied = at + c.len_utf8();
            self.special(c);
        }
        self.out.extend_from_slice(&text.as_bytes()[copied..]);
    }

    fn special(&mut self, c: char) {
        self.marks_left = 0;
        match c {
            '"' => {
                self.out.extend_from_slice(if self.quoting == Quoting::Json { b"\\\"" } else { b"\"\"" });
                self.marks_left = MAX_MARKS;
            }
            '\\' if self.origin == Origin::Ours => {
                self.backslash();
                self.marks_left = MAX_MARKS;
            }
            '\\' => self.short(b'\\'),
            '\n' => self.short(b'n'),
            '\r' => self.short(b'r'),
            '\t' => self.short(b't'),
            c if c.is_ascii() => self.byte(c as u8),
            c => {
                self.short(b'u');
                self.out.push(b'{');
                let digits = u32::from(c).to_be_bytes();
                let mut hex = [0; 8];
                for (pair, byte) in hex.chunks_exact_mut(2).zip(digits) {
                    pair.copy_from_slice(&super::number::hex_digits(byte));
                }
                let first = hex.iter().position(|d| *d != b'0').unwrap_or(hex.len() - 1);
                self.out.extend_from_slice(&hex[first..]);
                self.out.push(b'}');
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        self.marks_left = 0;
        self.short(b'x');
        self.out.extend_from_slice(&super::number::hex_digits(byte));
    }

    fn short(&mut self, letter: u8) {
        self.backslash();
        if letter == b'\\' {
            self.backslash();
        } else {
            self.out.push(letter);
        }
    }

    /// One backslash of the escaped text.
    fn backslash(&mut self) {
        self.out.extend_from_slice(if self.quoting == Quoting::Json { b"\\\\" } else { b"\\" });
    }
}

/// What a reader sees of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    /// A sign of its own.
    Base,
    /// Something on the sign before it.
    Mark,
    /// Nothing, or an effect on other signs.
    Hidden,
}

fn visibility(c: char) -> Visibility {
    match c {
        // Letters and marks by their category, yet drawn as nothing (Default_Ignorable_Code_Point), and
        // the empty Braille pattern.
        '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => return Visibility::Hidden,
        _ => {}
    }
    // The standard library's own judgement of what a debug print can show. It escapes a combining mark only
    // at the start of a text.
    let mut text = [b'a', 0, 0, 0, 0];
    let len = 1 + c.encode_utf8(&mut text[1..]).len();
    let printable = std::str::from_utf8(&text[..len]).is_ok_and(|t| t.escape_debug().nth(1) == Some(c));
    if !printable {
        Visibility::Hidden
    } else if c.escape_debug().len() > 1 || c.width() == Some(0) {
        Visibility::Mark
    } else {
        Visibility::Base
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Characters that no output may hold raw, whatever a capture carries: by their Unicode ranges, not by
    /// the rule under test.
    pub(in super::super) fn is_unsafe(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' | '\u{fe00}'..='\u{fe0f}')
    }

    /// Bytes that look like what captures hold: arbitrary, text of many scripts, controls and escapes.
    pub(in super::super) fn wire_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..12),
            any::<String>().prop_map(String::into_bytes),
            "[ -~]{0,12}".prop_map(String::into_bytes),
            proptest::sample::select(vec![
                "\\x41",
                "\\",
                "\"",
                ",",
                "=1+1",
                "\t",
                "\r\n",
                "\u{202e}",
                "\u{301}",
                "e\u{301}",
                "\u{1b}[31m",
                "\u{2028}",
                "\u{85}",
                "\u{feff}",
                "日本",
                "שלום",
                "🎉",
                "\u{e0041}",
                "\0",
            ])
            .prop_map(|s| s.as_bytes().to_vec()),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    fn written(bytes: &[u8], origin: Origin, quoting: Quoting) -> String {
        let mut out = Vec::new();
        write_escaped(&mut out, bytes, origin, quoting);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn escaped_text_is_safe_and_turns_back_into_its_bytes(bytes in wire_bytes()) {
            let text = escape(&bytes);
            prop_assert!(!text.chars().any(is_unsafe), "{:?}", text);
            prop_assert_eq!(unescape(&text), Some(bytes));
        }

        #[test]
        fn a_json_string_holds_the_same_text(bytes in wire_bytes()) {
            let json = format!("\"{}\"", written(&bytes, Origin::Wire, Quoting::Json));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), escape(&bytes));
        }

        #[test]
        fn our_own_words_keep_their_backslashes_and_lose_their_controls(bytes in wire_bytes()) {
            let text = written(&bytes, Origin::Ours, Quoting::Plain);
            prop_assert!(!text.chars().any(is_unsafe), "{:?}", text);
            prop_assert_eq!(written(text.as_bytes(), Origin::Ours, Quoting::Plain), text);
        }

        #[test]
        fn any_text_can_be_offered_for_unescaping(text: String) {
            let _ = unescape(&text);
        }
    }

    #[test]
    fn text_of_any_script_stays_readable() {
        for text in ["aabb", "naïve", "日本語", "שלום", "हिन्दी", "ภาษาไทย", "e\u{301}", "🎉", "“quoted”", "\"'", "→…"]
        {
            assert_eq!(escape(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_named() {
        assert_eq!(escape("\u{301}a".as_bytes()), r"\u{301}a");
        assert_eq!(escape("a\u{200d}b\u{a0}\u{ad}\u{2028}\u{85}".as_bytes()), r"a\u{200d}b\u{a0}\u{ad}\u{2028}\u{85}");
        assert_eq!(escape("\u{e000}\u{378}\u{10ffff}\u{fe0f}".as_bytes()), r"\u{e000}\u{378}\u{10ffff}\u{fe0f}");
        assert_eq!(escape(b"\x00\x1b\x7f\x80\xc3"), r"\x00\x1b\x7f\x80\xc3");
        assert_eq!(
            escape(format!("a{}", "\u{301}".repeat(6)).as_bytes()),
            "a\u{301}\u{301}\u{301}\u{301}\\u{301}\\u{301}"
        );
    }

    #[test]
    fn a_text_that_was_never_escaped_is_not_unescaped() {
        for text in [
            r"\",
            r"\q",
            r"\x",
            r"\x1",
            r"\xg0",
            r"\x+1",
            r"\u",
            r"\u{",
            r"\u{}",
            r"\u{d800}",
            r"\u{+41}",
            r"\u{0000041}",
        ] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }
}
