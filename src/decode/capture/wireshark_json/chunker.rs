//! Cuts the text into whole JSON values without parsing them: only strings and brackets are followed, so
//! that one value at a time goes to the parser, from a buffer that grows no further than a limit.

use std::io::Read;
use std::ops::Range;

use memchr::{memchr, memchr2};

use super::Limits;
use super::text_source::{Encoding, TextSource};
use crate::decode::capture::CaptureError;

const INITIAL_CAPACITY: usize = 256 * 1024;
const MIN_READ: usize = 4 * 1024;

/// The text from the current place on, and what it takes to find the end of a value in it.
pub(super) struct Chunker {
    source: TextSource,
    buffer: Vec<u8>,
    /// The current place in `buffer`; what stands before it has been used.
    start: usize,
    filled: usize,
    ended: bool,
    /// Offset of `buffer[start]` in the file.
    offset: u64,
    limits: Limits,
}

/// How far the search for a value's end has come.
#[derive(Default)]
struct Scan {
    pos: usize,
    depth: usize,
    in_string: bool,
    /// Where the current or last string began.
    string: usize,
}

impl Chunker {
    pub(super) fn new(reader: Box<dyn Read + Send>, limits: Limits) -> Result<Self, CaptureError> {
        let source = TextSource::new(reader).map_err(|source| CaptureError::Read { offset: 0, source })?;
        let offset = source.mark_len();
        Ok(Self { source, buffer: vec![0; INITIAL_CAPACITY], start: 0, filled: 0, ended: false, offset, limits })
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.source.encoding()
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Offset in the file of the current place.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The text that is already here, from the current place on.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    /// The bytes of a value that [`Self::value`] found; good until the next call that reads.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// How many bytes of the file stand behind this text.
    pub(super) fn file_len(&self, text: &[u8]) -> u64 {
        self.source.file_len(text)
    }

    /// Moves the current place forward within [`Self::waiting`].
    pub(super) fn advance(&mut self, len: usize) {
        let end = (self.start + len).min(self.filled);
        self.offset += self.source.file_len(&self.buffer[self.start..end]);
        self.start = end;
    }

    /// Reads on; false at the end of the file.
    pub(super) fn fill(&mut self) -> Result<bool, CaptureError> {
        if self.ended {
            return Ok(false);
        }
        if self.buffer.len() - self.filled < MIN_READ && self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.filled < MIN_READ {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.source.read(&mut self.buffer[self.filled..]) {
            Ok(len) => {
                self.filled += len;
                self.ended = len == 0;
                Ok(len > 0)
            }
            Err(source) => {
                let offset = self.offset + self.source.file_len(self.waiting());
                // A window that unpacks says more than a reader of bytes can.
                Err(source.downcast().unwrap_or_else(|source| CaptureError::Read { offset, source }))
            }
        }
    }

    /// The next byte that is not white space, which becomes the current place; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, CaptureError> {
        loop {
            let blank = self.waiting().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.advance(blank);
            if let Some(&byte) = self.waiting().first() {
                return Ok(Some(byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The line at the current place without its end, and moves behind it. A line longer than `limit` comes
    /// in pieces of so many bytes.
    pub(super) fn line(&mut self, limit: usize) -> Result<Range<usize>, CaptureError> {
        loop {
            let waiting = self.waiting();
            let (len, line_end) = match memchr(b'\n', waiting.get(..limit).unwrap_or(waiting)) {
                Some(end) => (end, 1),
                None if waiting.len() >= limit => (limit, 0),
                None if !self.fill()? => (self.waiting().len(), 0),
                None => continue,
            };
            let start = self.start;
            self.advance(len + line_end);
            return Ok(start..start + len);
        }
    }

    /// The JSON value that begins at the current place, and moves behind it. Brackets are counted, not
    /// matched: the parser does that. `name` says what is being read, for errors.
    pub(super) fn value(&mut self, name: impl Fn() -> String) -> Result<Range<usize>, CaptureError> {
        let mut scan = Scan::default();
        loop {
            let found = self.scan(&mut scan)?;
            if found.unwrap_or(scan.pos) > self.limits.packet_bytes {
                let what = format!("{} takes more than the limit of {} bytes", name(), self.limits.packet_bytes);
                return Err(CaptureError::Limit { offset: self.offset, what, option: "--max-json-packet" });
            }
            if let Some(len) = found {
                let start = self.start;
                self.advance(len);
                return Ok(start..start + len);
            }
            if scan.in_string {
                self.check_string(&scan)?;
            }
            if !self.fill()? {
                return self.cut(&scan, name());
            }
        }
    }

    fn scan(&self, scan: &mut Scan) -> Result<Option<usize>, CaptureError> {
        let text = self.waiting();
        while let Some(&byte) = text.get(scan.pos) {
            if scan.in_string {
                let Some(found) = memchr2(b'"', b'\\', &text[scan.pos..]) else {
                    scan.pos = text.len();
                    return Ok(None);
                };
                scan.pos += found;
                if text[scan.pos] == b'\\' {
                    if scan.pos + 1 == text.len() {
                        return Ok(None);
                    }
                    scan.pos += 2;
                    continue;
                }
                self.check_string(scan)?;
                scan.pos += 1;
                scan.in_string = false;
                if scan.depth == 0 {
                    return Ok(Some(scan.pos));
                }
                continue;
            }
            match STRUCTURE[usize::from(byte)] {
                Structure::Plain => {}
                Structure::Quote => {
                    if scan.depth == 0 && scan.pos > 0 {
                        return Ok(Some(scan.pos));
                    }
                    scan.in_string = true;
                    scan.string = scan.pos + 1;
                }
                Structure::Open => {
                    if scan.depth == 0 && scan.pos > 0 {
                        return Ok(Some(scan.pos));
                    }
                    scan.depth += 1;
                    if scan.depth > self.limits.depth {
                        return Err(CaptureError::Malformed {
                            offset: self.offset + self.source.file_len(&text[..scan.pos]),
                            what: format!(
                                "JSON nested more than {} deep (--max-json-depth); an export is about 20 deep",
                                self.limits.depth
                            ),
                        });
                    }
                }
                Structure::Close if scan.depth == 0 => return Ok(Some(scan.pos.max(1))),
                Structure::Close => {
                    scan.depth -= 1;
                    if scan.depth == 0 {
                        return Ok(Some(scan.pos + 1));
                    }
                }
                // Only what is neither object nor array nor string is ended by what follows it.
                Structure::Separator if scan.depth == 0 => return Ok(Some(scan.pos.max(1))),
                // Indentation is a third of `-T json`.
                Structure::Separator => {
                    while text.get(scan.pos + 1..scan.pos + 9) == Some(b"        ") {
                        scan.pos += 8;
                    }
                }
            }
            scan.pos += 1;
        }
        Ok(None)
    }

    /// Refuses a string that has become too long.
    fn check_string(&self, scan: &Scan) -> Result<(), CaptureError> {
        if scan.pos - scan.string <= self.limits.string_bytes {
            return Ok(());
        }
        let offset = self.offset + self.source.file_len(&self.waiting()[..scan.string]);
        let what = format!("a string of more than the limit of {} bytes", self.limits.string_bytes);
        Err(CaptureError::Limit { offset, what, option: "--max-json-string" })
    }

    /// The file ended inside a value: an error, except for a number or a word, which the end of file ends.
    fn cut(&mut self, scan: &Scan, name: String) -> Result<Range<usize>, CaptureError> {
        let len = self.waiting().len();
        if scan.depth == 0 && !scan.in_string {
            let start = self.start;
            self.advance(len);
            return Ok(start..start + len);
        }
        let place = if scan.in_string { "a string of " } else { "" };
        let available = self.source.file_len(self.waiting());
        // At the very least the open string and brackets have to be closed.
        let needed = available + scan.depth as u64 + u64::from(scan.in_string);
        Err(CaptureError::Cut { offset: self.offset, inside: format!("{place}{name}"), needed, available })
    }
}

#[derive(Clone, Copy)]
enum Structure {
    Plain,
    Quote,
    Open,
    Close,
    Separator,
}

const STRUCTURE: [Structure; 256] = {
    let mut table = [Structure::Plain; 256];
    table[b'"' as usize] = Structure::Quote;
    table[b'{' as usize] = Structure::Open;
    table[b'[' as usize] = Structure::Open;
    table[b'}' as usize] = Structure::Close;
    table[b']' as usize] = Structure::Close;
    table[b',' as usize] = Structure::Separator;
    table[b' ' as usize] = Structure::Separator;
    table[b'\t' as usize] = Structure::Separator;
    table[b'\r' as usize] = Structure::Separator;
    table[b'\n' as usize] = Structure::Separator;
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn chunker(text: &str) -> Chunker {
        Chunker::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), Limits::default()).unwrap()
    }

    fn first_value(text: &str) -> String {
        let mut chunker = chunker(text);
        chunker.peek().unwrap();
        let range = chunker.value(String::new).unwrap();
        String::from_utf8(chunker.bytes(range).to_vec()).unwrap()
    }

    #[test]
    fn a_value_ends_where_its_brackets_and_quotes_close() {
        for value in [r#"{"a":"}\"]\\","b":[{},"]"]}"#, "[[],[]]", r#""a\"b""#, "null", "-1.5e3", "{}"] {
            for after in ["", ",", "]", " x", "\n", "}"] {
                assert_eq!(first_value(&format!(" \r\n{value}{after}")), value);
            }
        }
    }

    #[test]
    fn a_cut_names_its_place_and_the_least_that_is_missing() {
        let mut chunker = chunker(r#"  {"a":{"b"#);
        chunker.peek().unwrap();
        match chunker.value(|| "packet 7".to_owned()) {
            Err(CaptureError::Cut { offset: 2, inside, needed: 11, available: 8 }) => {
                assert_eq!(inside, "a string of packet 7");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nesting_beyond_the_limit_is_an_error_at_that_bracket() {
        let deep = "[".repeat(100_000);
        match chunker(&deep).value(String::new) {
            Err(CaptureError::Malformed { offset: 128, .. }) => {}
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_beyond_the_limit_is_refused_without_holding_the_rest() {
        let endless = Read::chain(&b"{\""[..], std::io::repeat(b'a'));
        let limits = Limits { packet_bytes: 1 << 20, ..Limits::default() };
        let mut chunker = Chunker::new(Box::new(endless), limits).unwrap();
        let error = chunker.value(String::new).unwrap_err();
        assert!(matches!(error, CaptureError::Limit { offset: 0, option: "--max-json-packet", .. }), "{error}");
        assert!(chunker.buffer.len() <= 4 << 20);
    }

    #[test]
    fn a_string_beyond_its_limit_is_refused_where_it_begins_whether_it_ends_or_not() {
        let limits = Limits { string_bytes: 5, ..Limits::default() };
        for (text, fits) in [(r#"{"a":"12345"}"#, true), (r#"{"a":"123456"}"#, false), (r#"{"a":"1234567"#, false)] {
            let mut chunker = Chunker::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), limits).unwrap();
            match chunker.value(String::new) {
                Ok(_) => assert!(fits, "{text}"),
                Err(CaptureError::Limit { offset: 6, option: "--max-json-string", .. }) => assert!(!fits, "{text}"),
                Err(other) => panic!("{text}: {other}"),
            }
        }
    }
}
