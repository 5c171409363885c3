//! From filter text to tokens.

use std::ops::Range;

use super::error::Problem;
use super::eval::Relation;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A field, a function, a number, bytes as `41:42` or an unquoted value: the parser knows which is wanted.
    Word,
    /// A text in double quotes, escapes resolved.
    Text(Vec<u8>),
    /// A character constant in single quotes.
    Char(u8),
    Relation(Relation),
    Contains,
    Matches,
    In,
    And,
    Or,
    Xor,
    Not,
    ParenOpen,
    ParenClose,
    BraceOpen,
    BraceClose,
    Comma,
    DotDot,
    /// `[…]`; the span includes the brackets.
    Slice,
    End,
}

/// A token and its place in the filter text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

/// Cuts a filter text into tokens, one at a time.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// Operators of other languages and slips of the pen, longest first, with what to write instead.
const SLIPS: [(&str, &str); 18] = [
    ("<>", "write `!=` for unequal"),
    ("=>", "write `>=` for at least"),
    ("=<", "write `<=` for at most"),
    ("!~", "write `!(field matches \"…\")`"),
    ("=~", "write `matches` or `~`"),
    ("=", "write `==` to compare"),
    ("&", "write `&&` or `and` to join tests; bit masks are not supported"),
    ("|", "write `||` or `or` to join tests"),
    ("^", "write `^^` or `xor` for exactly one of two tests"),
    ("-", "arithmetic is not supported; a negative number is written -3"),
    ("+", "arithmetic is not supported"),
    ("*", "arithmetic is not supported"),
    ("/", "arithmetic is not supported"),
    ("%", "arithmetic is not supported"),
    ("]", "a slice begins with `[`: arq.payload[0:4]"),
    (";", "join tests with `and` or `or`"),
    ("$", "field references are not supported"),
    ("#", "layers are not supported: every field occurs once"),
];

const SYMBOLS: [(&str, TokenKind); 20] = [
    ("===", TokenKind::Relation(Relation::Eq)),
    ("!==", TokenKind::Relation(Relation::Ne)),
    ("==", TokenKind::Relation(Relation::Eq)),
    ("!=", TokenKind::Relation(Relation::Ne)),
    (">=", TokenKind::Relation(Relation::Ge)),
    ("<=", TokenKind::Relation(Relation::Le)),
    ("&&", TokenKind::And),
    ("||", TokenKind::Or),
    ("^^", TokenKind::Xor),
    ("..", TokenKind::DotDot),
    (">", TokenKind::Relation(Relation::Gt)),
    ("<", TokenKind::Relation(Relation::Lt)),
    ("!", TokenKind::Not),
    ("~", TokenKind::Matches),
    ("(", TokenKind::ParenOpen),
    (")", TokenKind::ParenClose),
    ("{", TokenKind::BraceOpen),
    ("}", TokenKind::BraceClose),
    (",", TokenKind::Comma),
    ("[", TokenKind::Slice),
];

/// The operator that a word is; every field has one value, so Wireshark's any and all forms coincide.
pub(super) fn keyword(word: &str) -> Option<TokenKind> {
    Some(match word {
        "and" => TokenKind::And,
        "or" => TokenKind::Or,
        "xor" => TokenKind::Xor,
        "not" => TokenKind::Not,
        "in" => TokenKind::In,
        "contains" => TokenKind::Contains,
        "matches" => TokenKind::Matches,
        "eq" | "any_eq" | "all_eq" => TokenKind::Relation(Relation::Eq),
        "ne" | "any_ne" | "all_ne" => TokenKind::Relation(Relation::Ne),
        "gt" => TokenKind::Relation(Relation::Gt),
        "lt" => TokenKind::Relation(Relation::Lt),
        "ge" => TokenKind::Relation(Relation::Ge),
        "le" => TokenKind::Relation(Relation::Le),
        _ => return None,
    })
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, len: usize) -> Range<usize> {
        let start = self.at;
        self.at += len;
        start..self.at
    }

    /// The next token; [`TokenKind::End`] for ever at the end.
    pub(super) fn next(&mut self) -> Result<Token, Box<Problem>> {
        let blank = self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.at += blank;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token { kind: TokenKind::End, span: self.at..self.at });
        };
        if first == '"' {
            return self.quoted(1, Escapes::Resolved);
        }
        if rest.starts_with("r\"") || rest.starts_with("R\"") {
            return self.quoted(2, Escapes::Kept);
        }
        if first == '\'' {
            return self.character();
        }
        let word = word_len(rest);
        if word > 0 {
            let span = self.take(word);
            let kind = keyword(&rest[..word]).unwrap_or(TokenKind::Word);
            return Ok(Token { kind, span });
        }
        // Two slips begin with a symbol that is one.
        if rest.starts_with("!~") || rest.starts_with("<>") {
            return Err(self.slip(first));
        }
        if let Some((symbol, kind)) = SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol)) {
            if *kind == TokenKind::Slice {
                return self.slice();
            }
            let span = self.take(symbol.len());
            return Ok(Token { kind: kind.clone(), span });
        }
        Err(self.slip(first))
    }

    /// The refusal of what stands here.
    fn slip(&self, first: char) -> Box<Problem> {
        let known = SLIPS.iter().find(|(slip, _)| self.rest().starts_with(slip));
        match known {
            Some((slip, help)) => {
                Problem::new(self.at..self.at + slip.len(), format!("`{slip}` is no operator"), *help)
            }
            None => Problem::new(
                self.at..self.at + first.len_utf8(),
                format!("unexpected character `{first}`"),
                if first.is_alphanumeric() {
                    "put text in double quotes"
                } else {
                    "remove it, or put text in double quotes"
                },
            ),
        }
    }

    fn slice(&mut self) -> Result<Token, Box<Problem>> {
        match self.rest().find(']') {
            Some(close) => Ok(Token { kind: TokenKind::Slice, span: self.take(close + 1) }),
            None => Err(Problem::new(
                self.at..self.at + 1,
                "this `[` is never closed",
                "write the slice as [start:length], with `]` at its end",
            )),
        }
    }

    /// A text in double quotes, of which the first `opening` bytes are the prefix and the quote.
    fn quoted(&mut self, opening: usize, escapes: Escapes) -> Result<Token, Box<Problem>> {
        let start = self.at;
        let body = start + opening;
        let mut bytes = Vec::new();
        let mut at = body;
        let all = self.text.as_bytes();
        loop {
            match all.get(at) {
                Some(b'"') => break,
                Some(b'\\') if escapes == Escapes::Resolved => at += self.escape(at, &mut bytes)?,
                // A raw text keeps the backslash before a quote, too.
                Some(b'\\') if all.get(at + 1) == Some(&b'"') => {
                    bytes.extend_from_slice(b"\\\"");
                    at += 2;
                }
                Some(byte) => {
                    bytes.push(*byte);
                    at += 1;
                }
                None => {
                    return Err(Problem::new(
                        start..body,
                        "this quote is never closed",
                        match escapes {
                            Escapes::Resolved => "end the text with `\"`; a quote inside is written `\\\"`",
                            Escapes::Kept => "end the text with `\"`; a raw text cannot end in a backslash",
                        },
                    ));
                }
            }
        }
        self.at = at + 1;
        Ok(Token { kind: TokenKind::Text(bytes), span: start..self.at })
    }

    fn character(&mut self) -> Result<Token, Box<Problem>> {
        const HELP: &str = "a character constant is one byte: 'a', '\\n' or '\\x41'; text stands in double quotes";
        let start = self.at;
        let Some(first) = self.text[start + 1..].chars().next() else {
            return Err(Problem::new(start..start + 1, "this quote is never closed", HELP));
        };
        let mut bytes = Vec::new();
        let len = match first {
            '\\' => self.escape(start + 1, &mut bytes)?,
            '\'' => 0,
            c => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                c.len_utf8()
            }
        };
        let close = start + 1 + len;
        match (bytes.as_slice(), self.text.as_bytes().get(close)) {
            ([byte], Some(b'\'')) => {
                let span = self.take(close + 1 - start);
                Ok(Token { kind: TokenKind::Char(*byte), span })
            }
            _ => {
                let end = self.text[start + 1..].find('\'').map_or(start + 1, |at| start + at + 2);
                Err(Problem::new(start..end, "this is no character constant", HELP))
            }
        }
    }

    /// Resolves the escape sequence whose backslash stands at `at` and returns its length.
    fn escape(&self, at: usize, out: &mut Vec<u8>) -> Result<usize, Box<Problem>> {
        let after = self.text.get(at + 1..).unwrap_or_default();
        let wrong = |len: usize, message: &str, help: &str| Err(Problem::new(at..at + len, message, help));
        let simple = match after.chars().next() {
            None => {
                return wrong(
                    1,
                    "the filter ends in an escape sequence",
                    "write `\\\\` for a backslash, and end the text with `\"`",
                );
            }
            Some('a') => 0x07,
            Some('b') => 0x08,
            Some('f') => 0x0c,
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('v') => 0x0b,
            Some('\\') => b'\\',
            Some('\'') => b'\'',
            Some('"') => b'"',
            Some('0'..='7') => {
                let digits = after.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let value = u32::from_str_radix(&after[..digits], 8).unwrap_or(u32::MAX);
                let Ok(byte) = u8::try_from(value) else {
                    return wrong(1 + digits, "an octal escape is at most \\377", "one byte is \\000 to \\377");
                };
                out.push(byte);
                return Ok(1 + digits);
            }
            Some('x') => {
                let digits = after[1..].bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
                let Ok(byte) = u8::from_str_radix(&after[1..1 + digits], 16) else {
                    return wrong(2, "no hex digit after `\\x`", "write one byte as \\x41");
                };
                out.push(byte);
                return Ok(2 + digits);
            }
            Some(kind @ ('u' | 'U')) => {
                let wanted = if kind == 'u' { 4 } else { 8 };
                let digits = after[1..].bytes().take(wanted).take_while(u8::is_ascii_hexdigit).count();
                let code = u32::from_str_radix(&after[1..1 + digits], 16).ok().filter(|_| digits == wanted);
                let Some(c) = code.and_then(char::from_u32) else {
                    return wrong(
                        2 + digits,
                        "not the code of a character",
                        "write \\u and four hex digits, or \\U and eight",
                    );
                };
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(2 + digits);
            }
            Some(c) => {
                return wrong(
                    1 + c.len_utf8(),
                    "not an escape sequence",
                    "write `\\\\` for a backslash, or a raw text: r\"…\"",
                );
            }
        };
        out.push(simple);
        Ok(2)
    }
}

/// Whether backslashes in a text mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Resolved,
    Kept,
}

/// Length of the word at the front: letters, digits, `_`, `.`, `:` and `-`, without the `..` of a range.
fn word_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let begins = match bytes.first() {
        Some(b'-' | b'.') => bytes.get(1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.' && bytes[0] == b'-'),
        Some(b) => b.is_ascii_alphanumeric() || *b == b'_',
        None => false,
    };
    if !begins {
        return 0;
    }
    let in_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    let len = bytes.iter().take_while(|b| in_word(b)).count();
    text[..len].find("..").unwrap_or(len)
}
