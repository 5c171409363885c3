//! Display filters: which rows of the packet table to show (`-Y FILTER`).
//!
//! The language is a subset of Wireshark's display filter language (wireshark-filter(4)) over the fields of
//! [`FIELDS`]. A filter is compiled once; a row is then judged without allocation.
//!
//! | written | means |
//! | --- | --- |
//! | `arq.in_flight` | the row has a value there |
//! | `==` `!=` `>` `<` `>=` `<=`, `eq` `ne` `gt` `lt` `ge` `le` | comparison with a value or another field |
//! | `contains`, `matches` or `~` | text or bytes inside; a case-insensitive regular expression over bytes |
//! | `in {1, 3..5}`, `not in` | one of several values or ranges |
//! | `!` or `not`, then `&&` or `and`, then `^^` or `xor`, then `\|\|` or `or` | from the tightest to the loosest |
//! | `arq.payload[0:4]`, `[0-3]`, `[2]`, `[:2]`, `[-2:]` | start and length, first and last, one byte, from the start, to the end |
//! | `len(…)`, `upper(…)`, `lower(…)` | bytes; ASCII letters in one case |
//!
//! As in Wireshark, a comparison with a field that the row does not have is false, `!=` too; `!(…)` of it is
//! true. Where the two differ, this one is the stricter: it refuses what Wireshark takes silently
//! (`{4..2}`, a negative packet number, `arq.payload == 12`, which is one byte there and not the text "12"). A
//! slice that reaches beyond its field is absent here in comparisons too, and bytes are ordered
//! lexicographically, not by length first. `xor` comes from Wireshark 4.2. Arithmetic, bit masks and `${…}`
//! references are left out.
//!
//! ```
//! use arqscope::decode::filter::Filter;
//! assert!(Filter::parse("arq.header == ACK && arq.ack_number > 3").is_ok());
//! assert_eq!(
//!     Filter::parse("arq.pos = 3").unwrap_err().to_string(),
//!     "`=` is no operator\n  arq.pos = 3\n          ^\nhelp: write `==` to compare"
//! );
//! ```

mod comparison;
mod error;
mod eval;
mod fields;
mod lexer;
mod literal;
mod operand;
mod parser;
mod pattern;
mod slice;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
mod value;

pub use error::FilterError;
pub use fields::{FIELDS, FieldInfo, FieldType, Others};
pub use value::Scratch;

use super::Row;
use eval::Node;

/// The longest filter text in bytes.
pub const MAX_LEN: usize = 64 * 1024;

/// The deepest nesting of parentheses, `not`, functions and slices together.
pub const MAX_DEPTH: usize = 100;

/// A compiled display filter.
///
/// May be shared between threads; each brings its own [`Scratch`].
#[derive(Debug)]
pub struct Filter {
    root: Node,
    /// Texts that judging a row may need to make.
    buffers: usize,
}

impl Filter {
    /// Compiles `text`. Empty or blank text matches every row, as in Wireshark.
    ///
    /// # Errors
    /// With the place and what to write instead: a text that is too long or nested too deep, an unknown field
    /// or operator, a value that its field cannot have, a missing quote or parenthesis, words left over.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_within(MAX_LEN, text)
    }

    /// [`parse`](Self::parse) with another longest length.
    ///
    /// # Errors
    /// As for `parse`.
    pub fn parse_within(max_len: usize, text: &str) -> Result<Self, FilterError> {
        let parsed = parser::parse(text, max_len).map_err(|problem| problem.in_text(text))?;
        Ok(Self { root: parsed.root, buffers: parsed.buffers })
    }

    /// True when `row` is to be shown. `scratch` keeps its buffers from row to row.
    #[must_use]
    pub fn matches(&self, row: &Row<'_>, scratch: &mut Scratch) -> bool {
        scratch.clear(self.buffers);
        self.root.holds(row, scratch)
    }
}
