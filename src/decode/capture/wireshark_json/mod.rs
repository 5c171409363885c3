//! Wireshark's JSON exports, packet by packet: `-T json` with and without `-x` or `--no-duplicate-keys`,
//! jsonraw, ek, `-e` selections and `-j`/`-J` filters, of every version since 2.x.
//!
//! The file is streamed: one packet object at a time is cut out of a buffer and parsed without
//! a tree , so memory does not depend on the file's size. Packet bytes come from `frame_raw`, else
//! the payload from `tcp.payload`, else from `tcp.segment_data` or `data.data` where these hold all of it; never
//! from `tcp.reassembled.data`, which repeats bytes of other packets.

mod chunker;
mod express;
mod fields;
mod foreign;
mod hex;
mod link;
mod names;
mod notes;
mod order;
mod packet;
mod text_source;
mod time;
mod value;

use std::io::Read;

use self::chunker::Chunker;
use self::fields::{Fields, Kind, Style};
use self::packet::{Found, Interpreter};
use self::text_source::Encoding;
use crate::decode::capture::CaptureError;
use crate::decode::segment::{Packet, PacketContent, Segment};

/// Text before the JSON that is still searched for its beginning.
const MAX_CHATTER: usize = 64 * 1024;
/// Text in which an XML file's kind is looked for; Wireshark's say it in their second line.
const XML_HEAD: usize = 4 * 1024;
/// Elements without layers after which a file without a single packet is no export.
const MAX_STRANGE: u64 = 1000;

/// How much of an export is held at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nested objects and arrays within one packet: 128 by default; the parser itself allows no more. Exports nest about 20 deep.
    pub depth: usize,
    /// Bytes of text of one packet: 64 MiB by default. A packet of 64 KiB takes about 1 MiB with `-x`.
    pub packet_bytes: usize,
    /// Bytes of one string in it: 64 MiB by default.
    pub string_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 128, packet_bytes: 64 << 20, string_bytes: 64 << 20 }
    }
}

/// A Wireshark JSON export, read from front to back.
///
/// ```
/// use arqscope::decode::PacketContent;
/// use arqscope::decode::capture::wireshark_json::{Limits, WiresharkJson};
///
/// let export = r#"[{"_source": {"layers": {
///     "frame": {"frame.number": "7", "frame.time_epoch": "1795360517.623368000"},
///     "ip": {"ip.src": "127.0.0.1", "ip.dst": "127.0.0.1"},
///     "tcp": {"tcp.srcport": "36150", "tcp.dstport": "55558", "tcp.seq_raw": "12", "tcp.ack_raw": "9",
///             "tcp.flags": "0x0018", "tcp.len": "3", "tcp.payload": "47:45:54"}}}}]"#;
/// let mut export = WiresharkJson::new(Box::new(export.as_bytes()), Limits::default())?;
/// let packet = export.next()?.ok_or("a packet")?;
/// assert_eq!(packet.number, 7);
/// assert!(matches!(packet.content, PacketContent::Segment(segment) if segment.payload == b"GET"));
/// assert!(export.next()?.is_none());
/// assert_eq!(export.variant(), "Wireshark JSON (-T json)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WiresharkJson {
    chunker: Chunker,
    interpreter: Interpreter,
    shape: Shape,
    /// What may come next in an array.
    place: Place,
    style: Style,
    packets: u64,
    strange: u64,
    ended: bool,
    /// The first line of text before the JSON.
    first_line: Option<String>,
}

/// How the packets stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `[` packet `,` packet … `]`
    Array,
    /// One after the other, usually one on each line.
    Lines,
}

/// Where the JSON begins.
struct Beginning {
    shape: Shape,
    first_line: Option<String>,
}

/// Where in an array the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    AfterElement,
    AfterComma,
    AfterEnd,
}

impl WiresharkJson {
    /// Opens an export, given its decompressed bytes from the start of the file: UTF-8 or UTF-16, with or
    /// without a byte-order mark. Lines of text before the JSON (a tool's warnings) are stepped over and counted.
    ///
    /// # Errors
    /// [`CaptureError::Empty`], [`CaptureError::Read`], [`CaptureError::Unsupported`] for other exports of
    /// Wireshark (PDML, CSV, text …), and [`CaptureError::NotACapture`] for everything else.
    pub fn new(reader: Box<dyn Read + Send>, limits: Limits) -> Result<Self, CaptureError> {
        let limits = Limits { depth: limits.depth.min(Limits::default().depth), ..limits };
        let mut chunker = Chunker::new(reader, limits)?;
        let mut interpreter = Interpreter::default();
        let Beginning { shape, first_line } = beginning(&mut chunker, &mut interpreter)?;
        Ok(Self {
            chunker,
            interpreter,
            shape,
            place: Place::Start,
            style: Style::default(),
            packets: 0,
            strange: 0,
            ended: false,
            first_line,
        })
    }

    /// The next packet, `None` at the end and after an error. The packet's bytes are good until the next call.
    ///
    /// # Errors
    /// [`CaptureError::Cut`] when the file ends inside a packet or its array, [`CaptureError::Malformed`] for
    /// what is not JSON, exceeds a limit or follows the end of the array, [`CaptureError::NotACapture`] for JSON that
    /// holds no packets and for text in which nothing but a line looked like JSON, [`CaptureError::Read`]. All packets
    /// before that place have been given out.
    #[expect(clippy::should_implement_trait, reason = "lends its buffer, which an Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let found = self.find().map_err(|error| self.or_text(error));
        self.ended = !matches!(found, Ok(Some(_)));
        let Some(Found { number, time, content }) = found? else { return Ok(None) };
        let bytes = self.interpreter.bytes.as_slice();
        let content = match content {
            PacketContent::Bytes { link_type, original_len, .. } => {
                PacketContent::Bytes { link_type, bytes, original_len }
            }
            PacketContent::Segment(segment) => PacketContent::Segment(Segment { payload: bytes, ..segment }),
            other => other,
        };
        Ok(Some(Packet { number, time, content }))
    }

    /// What export it is, as far as the packets read so far tell: `Wireshark JSON (-T json, raw bytes)`.
    #[must_use]
    pub fn variant(&self) -> String {
        let style = self.style;
        let mut options = Vec::new();
        options.push(match () {
            () if style.ek => "-T ek",
            () if style.raw && !style.plain => "-T jsonraw",
            () => "-T json",
        });
        if style.raw && (style.plain || style.ek) {
            options.push("raw bytes");
        }
        if style.flat {
            options.push("-e selection");
        }
        if style.filtered {
            options.push("filtered layers");
        }
        if style.grouped && !style.ek && !style.flat {
            options.push("no duplicate keys");
        }
        match self.chunker.encoding() {
            Encoding::Utf8 => {}
            Encoding::Utf16Le => options.push("UTF-16LE"),
            Encoding::Utf16Be => options.push("UTF-16BE"),
        }
        format!("Wireshark JSON ({})", options.join(", "))
    }

    /// True when nothing of a further packet was read yet.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let waiting = self.chunker.waiting();
        waiting.len() <= 4 && waiting.iter().all(|b| b.is_ascii_whitespace() || *b == b',')
    }

    /// What had to be assumed or left out so far, one sentence for each kind, with counts.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.interpreter.tally.sentences();
        if self.packets > 0 && !self.style.raw && !self.interpreter.tally.saw_tcp() {
            notes.push(format!("none of the {} packets shows TCP", self.packets));
        }
        notes
    }

    fn find(&mut self) -> Result<Option<Found>, CaptureError> {
        while self.begins_element()? {
            let (kind, found) = match self.plain_object() {
                Some(taken) => taken,
                None => self.any_value()?,
            };
            match kind {
                Kind::Packet => return Ok(found),
                Kind::Index => {}
                Kind::Other => {
                    self.strange += 1;
                    self.interpreter.tally.objects_without_layers.add(0);
                    if self.packets == 0 && self.strange == MAX_STRANGE {
                        return Err(self.no_export());
                    }
                }
            }
        }
        if self.packets == 0 && self.strange > 0 { Err(self.no_export()) } else { Ok(None) }
    }

    /// The object at the current place, when all of it is at hand and it is plain; else nothing happens.
    fn plain_object(&mut self) -> Option<(Kind, Option<Found>)> {
        let text = self.chunker.waiting();
        // In its place: it is too large to be passed around.
        let mut fields = Fields::new();
        let len = fields.read_plain(text, self.chunker.limits())?;
        let (kind, style) = (fields.kind, fields.style);
        let found =
            (kind == Kind::Packet).then(|| self.interpreter.interpret(&fields, text.get(..len).unwrap_or(text)));
        self.chunker.advance(len);
        self.count(kind, style);
        Some((kind, found))
    }

    /// The value at the current place.
    fn any_value(&mut self) -> Result<(Kind, Option<Found>), CaptureError> {
        let offset = self.chunker.offset();
        let range = self.chunker.value(|| next_name(&self.interpreter))?;
        let text = self.chunker.bytes(range);
        let fields = Fields::parse(text).map_err(|error| malformed(&error, text, offset, &self.chunker))?;
        let (kind, style) = (fields.kind, fields.style);
        let found = (kind == Kind::Packet).then(|| self.interpreter.interpret(&fields, text));
        self.count(kind, style);
        Ok((kind, found))
    }

    fn count(&mut self, kind: Kind, style: Style) {
        if kind == Kind::Packet {
            self.packets += 1;
            self.style.merge(style);
        }
    }

    /// After lines of text, what is malformed before the first packet is more of that text.
    fn or_text(&self, error: CaptureError) -> CaptureError {
        match (&self.first_line, error) {
            (Some(line), CaptureError::Malformed { offset, what }) if self.packets == 0 => {
                let found = format!(
                    "text that begins with `{line}`, with what looked like JSON malformed at byte {offset} ({what})"
                );
                CaptureError::NotACapture { found }
            }
            (_, error) => error,
        }
    }

    fn no_export(&self) -> CaptureError {
        let found = match (self.shape, self.strange) {
            (Shape::Array, MAX_STRANGE..) => "a JSON array whose elements have no `_source.layers`".to_owned(),
            (Shape::Array, count) => format!("a JSON array of {count} elements without `_source.layers`"),
            (Shape::Lines, _) => "JSON without `layers`".to_owned(),
        };
        CaptureError::NotACapture { found }
    }

    /// Whether there is another element, which begins at the current place then.
    fn begins_element(&mut self) -> Result<bool, CaptureError> {
        match self.shape {
            Shape::Array => self.begins_array_element(),
            Shape::Lines => self.begins_line_element(),
        }
    }

    fn begins_array_element(&mut self) -> Result<bool, CaptureError> {
        loop {
            let byte = self.chunker.peek()?;
            let offset = self.chunker.offset();
            match (self.place, byte) {
                (Place::AfterEnd, None) => return Ok(false),
                // `43 packets captured`, from a tool whose messages went to the same file.
                (Place::AfterEnd, Some(byte)) if begins_chatter(byte) => self.chatter(offset)?,
                (Place::AfterEnd, Some(byte)) => {
                    let what =
                        format!("{} after the end of the array of packets; needed the end of the file", seen(byte));
                    return Err(CaptureError::Malformed { offset, what });
                }
                (_, None) => {
                    let inside = "the array of packets, whose `]` is missing".to_owned();
                    return Err(CaptureError::Cut { offset, inside, needed: 1, available: 0 });
                }
                (place, Some(b']')) => {
                    if place == Place::AfterComma {
                        self.interpreter.tally.trailing_comma.add(0);
                    }
                    self.chunker.advance(1);
                    self.place = Place::AfterEnd;
                }
                (Place::AfterElement, Some(b',')) => {
                    self.chunker.advance(1);
                    self.place = Place::AfterComma;
                }
                (Place::AfterElement, Some(byte)) => {
                    let what = format!("{} after {}; needed `,` or `]`", seen(byte), self.last_name());
                    return Err(CaptureError::Malformed { offset, what });
                }
                (Place::Start | Place::AfterComma, Some(_)) => {
                    self.place = Place::AfterElement;
                    return Ok(true);
                }
            }
        }
    }

    fn begins_line_element(&mut self) -> Result<bool, CaptureError> {
        loop {
            let Some(byte) = self.chunker.peek()? else { return Ok(false) };
            let offset = self.chunker.offset();
            match byte {
                b'{' => return Ok(true),
                b',' => self.chunker.advance(1),
                // A tool that writes its warnings to the same file goes on doing so between the lines.
                byte if begins_chatter(byte) => self.chatter(offset)?,
                byte => {
                    let what = format!("{} after {}; needed the `{{` of a packet", seen(byte), self.last_name());
                    return Err(CaptureError::Malformed { offset, what });
                }
            }
        }
    }

    /// Steps over a line of text at `offset`.
    fn chatter(&mut self, offset: u64) -> Result<(), CaptureError> {
        let range = self.chunker.line(MAX_CHATTER)?;
        if self.chunker.bytes(range).iter().any(|byte| is_binary(*byte)) {
            let what = format!("bytes that are neither JSON nor text after {}", self.last_name());
            return Err(CaptureError::Malformed { offset, what });
        }
        self.interpreter.tally.chatter.add(0);
        Ok(())
    }

    fn last_name(&self) -> String {
        match self.packets {
            0 => "the beginning".to_owned(),
            _ => format!("packet {}", self.interpreter.next_number() - 1),
        }
    }
}

fn next_name(interpreter: &Interpreter) -> String {
    format!("packet {}", interpreter.next_number())
}

/// Finds where the JSON begins, past lines of text, and steps into it.
fn beginning(chunker: &mut Chunker, interpreter: &mut Interpreter) -> Result<Beginning, CaptureError> {
    let mut first_line = None;
    loop {
        let Some(byte) = chunker.peek()? else {
            return Err(match first_line {
                Some(line) => CaptureError::NotACapture { found: format!("text that begins with `{line}`") },
                None if chunker.offset() == 0 => CaptureError::Empty,
                None => CaptureError::NotACapture { found: "white space only".to_owned() },
            });
        };
        match byte {
            b'{' => return Ok(Beginning { shape: Shape::Lines, first_line }),
            // A cut of an array that begins between two elements.
            b',' if first_line.is_none() => return Ok(Beginning { shape: Shape::Lines, first_line }),
            b'[' if opens_array(chunker)? => {
                chunker.advance(1);
                return Ok(Beginning { shape: Shape::Array, first_line });
            }
            _ => {}
        }
        // What is judged is bounded from both sides, so that it does not depend on how the input arrives.
        let least = if byte == b'<' { XML_HEAD } else { 0 };
        while (memchr::memchr(b'\n', chunker.waiting()).is_none() || chunker.waiting().len() < least)
            && chunker.waiting().len() < MAX_CHATTER
            && chunker.fill()?
        {}
        let waiting = chunker.waiting();
        let waiting = waiting.get(..MAX_CHATTER).unwrap_or(waiting);
        let line = &waiting[..memchr::memchr(b'\n', waiting).unwrap_or(waiting.len())];
        if line.iter().any(|byte| is_binary(*byte)) {
            return Err(CaptureError::NotACapture { found: format!("binary data that begins with {}", hex_of(line)) });
        }
        if let Some(error) = foreign::refuse(line, waiting.get(..XML_HEAD).unwrap_or(waiting)) {
            return Err(error);
        }
        let len = line.len();
        let first = first_line.get_or_insert_with(|| excerpt(line));
        if chunker.offset() > MAX_CHATTER as u64 || len >= MAX_CHATTER {
            return Err(CaptureError::NotACapture { found: format!("text that begins with `{first}`") });
        }
        interpreter.tally.chatter.add(0);
        chunker.advance(len);
    }
}

/// Whether the `[` at the current place opens an array: what follows tells it from a tool's `[warning]`.
fn opens_array(chunker: &mut Chunker) -> Result<bool, CaptureError> {
    loop {
        let after = chunker.waiting().get(1..).unwrap_or_default();
        let after = after.get(..MAX_CHATTER).unwrap_or(after);
        let full = after.len() == MAX_CHATTER;
        match after.trim_ascii_start() {
            [b'{' | b']' | b'[' | b'"' | b',', ..] | [b'n', b'u', b'l', b'l', ..] => return Ok(true),
            begun if full => return Ok(begun.is_empty()),
            begun if b"null".starts_with(begun) => {}
            _ => return Ok(false),
        }
        if !chunker.fill()? {
            return Ok(true);
        }
    }
}

/// A parser's error in one packet, with its place in the file.
fn malformed(error: &serde_json::Error, text: &[u8], offset: u64, chunker: &Chunker) -> CaptureError {
    let before_line: usize =
        text.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let place = (before_line + error.column().saturating_sub(1)).min(text.len());
    let message = error.to_string();
    let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    CaptureError::Malformed { offset: offset + chunker.file_len(&text[..place]), what: format!("not JSON: {what}") }
}

/// What a tool's message may begin with, and a packet cannot.
const fn begins_chatter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'(')
}

/// Control bytes do not occur in text; neither do bytes that UTF-8 never uses.
const fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 14..=26 | 28..=31 | 0x7f | 0xf8..)
}

fn seen(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("`{}`", char::from(byte)) } else { format!("byte 0x{byte:02x}") }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn excerpt(line: &[u8]) -> String {
    const LEN: usize = 60;
    let text: String = String::from_utf8_lossy(line.trim_ascii_end()).chars().take(LEN).collect();
    text.escape_debug().to_string()
}
