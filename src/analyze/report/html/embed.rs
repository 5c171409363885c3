//! JSON that can stand inside a `<script>` element whatever it says.
//!
//! `</script` would end the element, `<!--` would change how its end is found, and U+2028 and U+2029 end lines in
//! older scripts. None of these signs is part of JSON's own grammar, so each stands only inside strings, where an
//! escape means the same.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

/// Compact JSON without `<`, `>`, `&`, U+2028 and U+2029.
#[derive(Debug, Clone, Copy)]
struct Embedded;

impl Formatter for Embedded {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(c) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Writes `value` as such JSON.
pub(super) fn write(writer: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(writer, Embedded)).map_err(io::Error::from)
}
