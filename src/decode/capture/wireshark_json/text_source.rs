//! The file's bytes as UTF-8, whatever encoding a shell's redirect gave them.

use std::io::{self, Read};

use crate::decode::capture::reads::read_some;

/// Raw bytes held while they are being recoded, or served before the reader's own.
const RAW_CAPACITY: usize = 16 * 1024;

/// How the file's text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As tshark writes it.
    Utf8,
    /// As a redirect in Windows PowerShell writes it.
    Utf16Le,
    /// The same, big endian.
    Utf16Be,
}

/// A reader whose text comes out as UTF-8. Bytes that already are (or should be) UTF-8 pass unchanged.
pub(super) struct TextSource {
    reader: Box<dyn Read + Send>,
    encoding: Encoding,
    mark_len: usize,
    raw: Vec<u8>,
    raw_start: usize,
    ended: bool,
}

impl TextSource {
    /// Reads enough of the start to tell the encoding, and steps over a byte-order mark.
    pub(super) fn new(mut reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut raw = Vec::with_capacity(RAW_CAPACITY);
        let mut ended = false;
        while raw.len() < 4 && !ended {
            ended = append(&mut *reader, &mut raw)? == 0;
        }
        let (encoding, mark_len) = match raw.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
            [1..=255, 0, 1..=255, 0, ..] | [1..=255, 0] => (Encoding::Utf16Le, 0),
            [0, 1..=255, 0, 1..=255, ..] | [0, 1..=255] => (Encoding::Utf16Be, 0),
            _ => (Encoding::Utf8, 0),
        };
        Ok(Self { reader, encoding, mark_len, raw, raw_start: mark_len, ended })
    }

    /// How the file's text is encoded.
    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Length of the byte-order mark that was stepped over.
    pub(super) const fn mark_len(&self) -> u64 {
        self.mark_len as u64
    }

    /// How many bytes of the file stand behind this much of the UTF-8 text.
    pub(super) fn file_len(&self, text: &[u8]) -> u64 {
        match self.encoding {
            Encoding::Utf8 => text.len() as u64,
            Encoding::Utf16Le | Encoding::Utf16Be => text
                .iter()
                .map(|byte| match byte {
                    0x80..=0xbf => 0,
                    0xf0.. => 4,
                    _ => 2,
                })
                .sum(),
        }
    }

    /// Fills some of `out` (at least four bytes long); 0 at the end of the file.
    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.encoding {
            Encoding::Utf8 => self.pass(out),
            Encoding::Utf16Le => self.recode(out, u16::from_le_bytes),
            Encoding::Utf16Be => self.recode(out, u16::from_be_bytes),
        }
    }

    fn pass(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let waiting = &self.raw[self.raw_start..];
        if waiting.is_empty() {
            return if self.ended { Ok(0) } else { read_some(&mut *self.reader, out) };
        }
        let len = waiting.len().min(out.len());
        out[..len].copy_from_slice(&waiting[..len]);
        self.raw_start += len;
        Ok(len)
    }

    fn recode(&mut self, out: &mut [u8], unit: fn([u8; 2]) -> u16) -> io::Result<usize> {
        let mut written = 0;
        loop {
            while out.len() - written >= char::MAX.len_utf8() {
                let Some((decoded, used)) = next_char(&self.raw[self.raw_start..], unit, self.ended) else { break };
                written += decoded.encode_utf8(&mut out[written..]).len();
                self.raw_start += used;
            }
            if written > 0 || self.ended {
                return Ok(written);
            }
            self.raw.drain(..self.raw_start);
            self.raw_start = 0;
            self.ended = append(&mut *self.reader, &mut self.raw)? == 0;
        }
    }
}

/// The next character of UTF-16 text and how many bytes it takes; `None` when more bytes are needed. A lone
/// surrogate or a last odd byte becomes U+FFFD.
fn next_char(raw: &[u8], unit: fn([u8; 2]) -> u16, ended: bool) -> Option<(char, usize)> {
    let first = match *raw {
        [] => return None,
        [_] => return ended.then_some((char::REPLACEMENT_CHARACTER, 1)),
        [a, b, ..] => unit([a, b]),
    };
    if !matches!(first, 0xd800..=0xdbff) {
        return Some((char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER), 2));
    }
    let second = match raw.get(2..4) {
        Some(&[a, b]) => unit([a, b]),
        _ if ended => return Some((char::REPLACEMENT_CHARACTER, 2)),
        _ => return None,
    };
    match char::decode_utf16([first, second]).next() {
        Some(Ok(pair)) => Some((pair, 4)),
        _ => Some((char::REPLACEMENT_CHARACTER, 2)),
    }
}

fn append(reader: &mut dyn Read, raw: &mut Vec<u8>) -> io::Result<usize> {
    let old_len = raw.len();
    raw.resize(RAW_CAPACITY.max(old_len + 1), 0);
    let read = read_some(reader, &mut raw[old_len..]);
    raw.truncate(old_len + read.as_ref().map_or(0, |len| *len));
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> (Encoding, Vec<u8>) {
        let mut source = TextSource::new(Box::new(io::Cursor::new(bytes.to_vec()))).unwrap();
        let mut text = Vec::new();
        let mut piece = [0; 5];
        loop {
            let len = source.read(&mut piece).unwrap();
            if len == 0 {
                return (source.encoding(), text);
            }
            text.extend_from_slice(&piece[..len]);
        }
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn utf_16_of_both_orders_comes_out_as_utf_8_with_and_without_a_mark() {
        let text = "[{\"a\":\"·é😀\"}]";
        for (order, encoding) in
            [(u16::to_le_bytes as fn(u16) -> [u8; 2], Encoding::Utf16Le), (u16::to_be_bytes, Encoding::Utf16Be)]
        {
            assert_eq!(all(&utf16(text, order)), (encoding, text.as_bytes().to_vec()));
            assert_eq!(all(&utf16(&format!("\u{feff}{text}"), order)), (encoding, text.as_bytes().to_vec()));
        }
        assert_eq!(all(format!("\u{feff}{text}").as_bytes()), (Encoding::Utf8, text.as_bytes().to_vec()));
    }

    #[test]
    fn a_lone_surrogate_or_half_a_unit_is_replaced_and_does_not_hang() {
        assert_eq!(all(&[0xff, 0xfe, b'a', 0, 0x00, 0xd8, b'b', 0, b'c']).1, "a\u{fffd}b\u{fffd}".as_bytes());
        assert_eq!(all(&[0xff, 0xfe, 0x00, 0xd8]).1, "\u{fffd}".as_bytes());
    }

    #[test]
    fn the_file_length_behind_a_text_counts_utf_16_units() {
        let text = "a·é😀";
        let source = TextSource::new(Box::new(io::Cursor::new(utf16("\u{feff}x", u16::to_le_bytes)))).unwrap();
        assert_eq!(source.file_len(text.as_bytes()), utf16(text, u16::to_le_bytes).len() as u64);
    }

    #[test]
    fn short_files_pass_whole() {
        for bytes in [&b""[..], b"[", b"{}", b"[ ]"] {
            assert_eq!(all(bytes), (Encoding::Utf8, bytes.to_vec()));
        }
    }
}
