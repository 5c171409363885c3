//! The slice operator: `[i:j]` start and length, `[i-j]` first and last, `[i]`, `[:j]`, `[i:]`.

use std::ops::Range;

use super::error::Problem;

const HELP: &str =
    "write [start:length], [first-last], [:length], [start:] or [index]; a negative start counts from the end";

/// A part of a byte string. Negative offsets count from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    start: i64,
    extent: Extent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Length(i64),
    Through(i64),
    ToEnd,
}

impl Slice {
    /// Reads what stands between the brackets; `span` is its place in the filter.
    pub(super) fn parse(text: &str, span: Range<usize>) -> Result<Self, Box<Problem>> {
        let wrong = |message: String| Problem::new(span.clone(), message, HELP);
        let malformed = || wrong(format!("`[{text}]` is no slice"));
        if text.contains(',') {
            return Err(Problem::new(
                span.clone(),
                "a slice takes one range",
                "compare each part for itself and join the tests with `and`",
            ));
        }
        let number = |s: &str| -> Result<i64, Box<Problem>> {
            let s = s.trim();
            let digits = s.strip_prefix('-').unwrap_or(s);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed());
            }
            let n: i32 = s.parse().map_err(|_| wrong(format!("`{s}` is too large an offset")))?;
            Ok(i64::from(n))
        };
        if let Some((start, length)) = text.split_once(':') {
            let (start, length) = (start.trim(), length.trim());
            if start.is_empty() && length.is_empty() {
                return Err(malformed());
            }
            let start = if start.is_empty() { 0 } else { number(start)? };
            if length.is_empty() {
                return Ok(Self { start, extent: Extent::ToEnd });
            }
            let length = number(length)?;
            if length <= 0 {
                return Err(wrong(format!("a slice's length must be positive, not {length}")));
            }
            return Ok(Self { start, extent: Extent::Length(length) });
        }
        // A minus sign at the front belongs to the number; the next one is the operator.
        let text = text.trim();
        let operator = text.char_indices().skip(1).find(|(_, c)| *c == '-').map(|(at, _)| at);
        match operator {
            None => Ok(Self { start: number(text)?, extent: Extent::Length(1) }),
            Some(at) => {
                let (start, last) = (number(&text[..at])?, number(&text[at + 1..])?);
                if (start < 0) == (last < 0) && start > last {
                    return Err(wrong(format!("the slice ends ({last}) before it starts ({start})")));
                }
                Ok(Self { start, extent: Extent::Through(last) })
            }
        }
    }

    /// The part of `bytes`; `None` unless all of it lies within, at least one byte.
    pub(super) fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let len = i64::try_from(bytes.len()).ok()?;
        let from_start = |offset: i64| if offset < 0 { len + offset } else { offset };
        let start = from_start(self.start);
        let end = match self.extent {
            Extent::Length(length) => start + length,
            Extent::Through(last) => from_start(last) + 1,
            Extent::ToEnd => len,
        };
        let part = bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
        (!part.is_empty()).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Python's own slicing is the oracle for what lies within.
    #[test]
    fn a_slice_lies_wholly_within_its_bytes_or_is_absent() {
        let of = |text: &str| Slice::parse(text, 0..0).unwrap().of(b"abcd").map(<[u8]>::to_vec);
        for (text, expected) in [
            ("0", "a"),
            ("3", "d"),
            ("-1", "d"),
            ("-4", "a"),
            ("0:4", "abcd"),
            ("1:2", "bc"),
            (" 1 : 2 ", "bc"),
            (":2", "ab"),
            ("2:", "cd"),
            ("-2:", "cd"),
            ("-2:1", "c"),
            ("0-3", "abcd"),
            ("1-1", "b"),
            ("-3--2", "bc"),
            ("1--1", "bcd"),
            ("-3 - 3", "bcd"),
        ] {
            assert_eq!(of(text).as_deref(), Some(expected.as_bytes()), "{text}");
        }
        for text in ["4", "-5", "0:5", "1:4", ":5", "4:", "-5:", "-5:2", "0-4", "3--2", "-1-0", "2147483647:2147483647"]
        {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_slice_is_refused() {
        for text in
            ["", ":", "-", "a", "1:a", "1:-1", "0:0", "3-1", "-1--3", "1,2", "99999999999", "1-2-3", "1:2:3", "+1"]
        {
            assert!(Slice::parse(text, 0..0).is_err(), "{text}");
        }
    }
}
