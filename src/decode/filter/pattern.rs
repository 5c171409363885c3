//! Regular expressions of `matches`.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::error::Problem;

/// Bytes that one regular expression may compile to, and that its matcher may cache.
pub(super) const REGEX_SIZE: usize = 1 << 20;

/// A case-insensitive expression over bytes, as Wireshark compiles it: outside ASCII a character is its
/// UTF-8 bytes and has no case.
pub(super) fn compile(pattern: &[u8], span: &Range<usize>) -> Result<Regex, Box<Problem>> {
    let mut ascii = String::with_capacity(pattern.len());
    let mut escaped = false;
    for &byte in pattern {
        if byte.is_ascii() {
            escaped = byte == b'\\' && !escaped;
            ascii.push(char::from(byte));
        } else {
            if escaped {
                // The backslash would otherwise escape the one of `\xNN`.
                ascii.pop();
                escaped = false;
            }
            ascii.push_str("\\x");
            ascii.extend([byte >> 4, byte & 15].iter().filter_map(|n| char::from_digit(u32::from(*n), 16)));
        }
    }
    RegexBuilder::new(&ascii)
        .case_insensitive(true)
        .unicode(false)
        .size_limit(REGEX_SIZE)
        .dfa_size_limit(REGEX_SIZE)
        .build()
        .map_err(|error| {
            let (message, help) = match &error {
                regex::Error::CompiledTooBig(_) => {
                    (format!("this regular expression compiles to more than {REGEX_SIZE} bytes"), "lower its repeat counts")
                }
                // The library's text spans lines and draws its own caret; its last line says what is wrong.
                other => {
                    let text = other.to_string();
                    let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    (
                        format!("no regular expression: {reason}"),
                        "put `\\\\` before a character that stands for itself; there are no look-around and back-references",
                    )
                }
            };
            Problem::new(span.clone(), message, help)
        })
}
