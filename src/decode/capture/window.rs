//! The one buffer between a capture's bytes and its readers.

use std::io::{self, Read};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use super::ahead::{Ahead, Block, HEAD_ROOM, Next};
use super::compression::{Compressed, Gzip, Zstd};
use super::facts::Note;
use super::reads::{CAPACITY, SourceError};
use super::shared::{self, Stop, Tap};
use super::source::Source;
use super::{CaptureError, CaptureLimits, Compression};
use crate::decode::second_thread;

/// Its size before [`LONG`]: of a short input, a smaller buffer has fewer pages to be made.
const FIRST_CAPACITY: usize = 64 * 1024;

/// What was consumed of an input when it counts as long.
const LONG: u64 = 1 << 20;

/// The same for a second thread's help. Tests have short ones.
const HELPED_FROM: u64 = if cfg!(test) { 4096 } else { LONG };

/// After so much more it is tried again, where it did not pay.
const HELPED_AGAIN: u64 = if cfg!(test) { 20_000 } else { 64 << 20 };

/// Where data starts in the buffer. Reads into page-aligned memory measured slower than into this offset.
const LEAD: usize = 64;

/// Who reads the source.
enum Feed {
    Here(Box<Source>),
    Ahead(Ahead),
    /// One of two threads, whoever comes first.
    Shared(Tap),
    /// Nobody any more; what was odd about its end.
    Ended(Option<Note>),
}

impl Default for Feed {
    fn default() -> Self {
        Self::Ended(None)
    }
}

impl Feed {
    /// Lets a thread read from here on, where that can be had.
    fn ahead(self) -> Self {
        match self {
            Self::Here(source) => Ahead::start(source).map_or_else(Self::Here, Self::Ahead),
            other => other,
        }
    }

    const fn compression(&self) -> Option<Compression> {
        match self {
            Self::Here(source) => source.compression(),
            Self::Ahead(ahead) => ahead.compression(),
            Self::Shared(_) | Self::Ended(_) => None,
        }
    }

    const fn note(&self) -> Option<Note> {
        match self {
            Self::Here(source) => source.note(),
            Self::Ahead(_) | Self::Shared(_) => None,
            Self::Ended(note) => *note,
        }
    }
}

/// A sliding view of the (decompressed) input: what was read and not yet consumed.
///
/// Consumed bytes stay in place until the next [`ensure`](Self::ensure) or [`fill`](Self::fill), so that a
/// record can be lent out after it was consumed.
pub(super) struct Window {
    feed: Feed,
    buffer: Vec<u8>,
    /// A block that another thread looks at as well.
    lent: Option<Lent>,
    /// Where the bytes at hand stand: in the block that was lent, or else in the buffer.
    start: usize,
    end: usize,
    /// Position of `start` in the input.
    offset: u64,
    ended: bool,
    /// Unpacked bytes that may still be read; no limit for plain input.
    left: Option<u64>,
    /// There were more.
    beyond_limit: bool,
    /// From this offset on a second thread may help.
    helped_from: Option<u64>,
    /// It is to take blocks as well, and not only to read.
    shares: bool,
}

/// A block that was lent, as far as it is known here.
struct Lent {
    block: Arc<shared::Block>,
    /// A record begins before it: so many of its first bytes stand in the buffer behind that beginning, and are gone through
    /// there.
    joined: Option<usize>,
}

/// Bytes of a block that are joined to the beginning of its first record, unless that needs more.
const SEAM: usize = if cfg!(test) { 64 } else { 2048 };

impl Window {
    pub(super) fn new(source: Source) -> Self {
        Self {
            feed: Feed::Here(Box::new(source)),
            buffer: vec![0; FIRST_CAPACITY + LEAD],
            lent: None,
            start: LEAD,
            end: LEAD,
            offset: 0,
            ended: false,
            left: None,
            beyond_limit: false,
            helped_from: None,
            shares: false,
        }
    }

    /// The same; a long input is read ahead, so it must be one whose bytes are all there: nobody waits for any.
    pub(super) fn helped(source: Source) -> Self {
        Self { helped_from: Some(HELPED_FROM), ..Self::new(source) }
    }

    /// The bytes at hand.
    pub(super) fn at_hand(&self) -> &[u8] {
        // start <= end <= the length holds from `new` on.
        self.consumed(self.start..self.end)
    }

    /// Position in the input of the first byte at hand.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Consumes `len` bytes, at most those at hand; says where in the buffer they stand.
    pub(super) fn consume(&mut self, len: usize) -> Range<usize> {
        let first = self.start;
        self.start = self.end.min(first + len);
        self.offset += (self.start - first) as u64;
        first..self.start
    }

    /// Bytes that were consumed since the last read, by their place in the buffer.
    pub(super) fn consumed(&self, place: Range<usize>) -> &[u8] {
        match &self.lent {
            Some(Lent { block, joined: None }) => &block.bytes()[place],
            _ => &self.buffer[place],
        }
    }

    /// Reads until `len` bytes are at hand; false when the input ends before.
    pub(super) fn ensure(&mut self, len: usize) -> Result<bool, CaptureError> {
        while self.end - self.start < len {
            if !self.fill(len)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads once, whatever comes; false at the end of the input. `wanted` bounds the buffer's growth.
    fn fill(&mut self, wanted: usize) -> Result<bool, CaptureError> {
        if self.ended {
            return Ok(false);
        }
        if self.beyond_limit {
            self.ended = true;
            let offset = self.offset + (self.end - self.start) as u64;
            let what = format!("the compressed data unpacks to more than the limit of {offset} bytes");
            return Err(CaptureError::Limit { offset, what, option: "--max-decompressed" });
        }
        if !self.shares && self.may_be_helped() {
            self.helped_from = None;
            self.feed = mem::take(&mut self.feed).ahead();
        }
        let next = match &mut self.feed {
            Feed::Here(_) => return self.fill_here(wanted),
            Feed::Ahead(ahead) => ahead.next(),
            Feed::Shared(_) => return self.fill_shared(wanted),
            Feed::Ended(_) => return Ok(self.end()),
        };
        match next {
            Next::Block(block) => self.fill_with(block, wanted),
            Next::Ended(note) => {
                self.feed = Feed::Ended(note);
                Ok(self.end())
            }
            Next::Returned(source) => {
                self.goes_on_alone(source);
                self.fill_here(wanted)
            }
            Next::Failed(error) => Err(self.failed(error)),
        }
    }

    /// True where there is so much that a second thread may help.
    fn may_be_helped(&self) -> bool {
        matches!(self.feed, Feed::Here(_)) && self.helped_from.is_some_and(|from| self.offset >= from)
    }

    /// It did not pay, for now.
    fn goes_on_alone(&mut self, source: Box<Source>) {
        self.feed = Feed::Here(source);
        self.helped_from = Some(self.offset + HELPED_AGAIN);
    }

    /// Reads into the buffer, behind what is at hand.
    fn fill_here(&mut self, wanted: usize) -> Result<bool, CaptureError> {
        if self.start > LEAD {
            self.buffer.copy_within(self.start..self.end, LEAD);
            self.end -= self.start - LEAD;
            self.start = LEAD;
        }
        if self.offset >= LONG && self.buffer.len() < CAPACITY + LEAD {
            self.buffer.resize(CAPACITY + LEAD, 0);
        }
        if self.end == self.buffer.len() {
            // Doubling only what is full keeps a lying length from allocating anything.
            let grown = (self.buffer.len() * 2).min(LEAD + wanted).max(self.buffer.len() + LEAD);
            self.buffer.resize(grown, 0);
        }
        let Feed::Here(source) = &mut self.feed else { return Ok(false) };
        match source.read(&mut self.buffer[self.end..]) {
            Ok(0) => Ok(self.end()),
            Ok(count) => self.take(count),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Goes on in a block that was read ahead, with what is at hand moved before its data.
    fn fill_with(&mut self, block: Block, wanted: usize) -> Result<bool, CaptureError> {
        let Block { mut buffer, count } = block;
        let left = self.end - self.start;
        if let Some(place) = HEAD_ROOM.checked_sub(left) {
            buffer[place..HEAD_ROOM].copy_from_slice(&self.buffer[self.start..self.end]);
            mem::swap(&mut self.buffer, &mut buffer);
            (self.start, self.end) = (place, HEAD_ROOM);
        } else {
            // A large record, in a buffer of its own that grows as above.
            self.buffer.truncate(self.end);
            self.buffer.drain(..self.start);
            let needed = left + count;
            if self.buffer.capacity() < needed {
                let roomy = (needed * 2).min(wanted + buffer.len()).max(needed);
                self.buffer.reserve_exact(roomy - left);
            }
            self.buffer.extend_from_slice(&buffer[HEAD_ROOM..HEAD_ROOM + count]);
            (self.start, self.end) = (0, left);
        }
        if let Feed::Ahead(ahead) = &self.feed {
            ahead.recycle(buffer);
        }
        self.take(count)
    }

    /// Goes on in the next block that is shared.
    fn fill_shared(&mut self, wanted: usize) -> Result<bool, CaptureError> {
        let before = self.end - self.start;
        if let Some(Lent { block, joined: Some(joined) }) = &mut self.lent {
            let (bytes, begins) = (block.bytes(), self.end - *joined);
            if let Some(at) = self.start.checked_sub(begins) {
                // The record that began before it is behind.
                (self.start, self.end) = (at, bytes.len());
                if let Some(lent) = &mut self.lent {
                    lent.joined = None;
                }
            } else {
                let more = bytes[*joined..].len().min(SEAM.max(*joined));
                self.buffer.extend_from_slice(&bytes[*joined..*joined + more]);
                *joined += more;
                self.end += more;
            }
            if self.end - self.start > before {
                return Ok(true);
            }
        }
        let Feed::Shared(tap) = &mut self.feed else { return Ok(false) };
        match tap.next() {
            shared::Next::Block(block) => {
                self.keep_rest(0);
                let bytes = block.bytes();
                if self.start == self.end {
                    (self.start, self.end) = (0, bytes.len());
                    self.lent = Some(Lent { block, joined: None });
                } else {
                    let joined = wanted.saturating_sub(self.end - self.start).max(SEAM).min(bytes.len());
                    self.buffer.extend_from_slice(&bytes[..joined]);
                    self.end += joined;
                    self.lent = Some(Lent { block, joined: Some(joined) });
                }
                Ok(true)
            }
            shared::Next::Returned(source) => {
                self.keep_rest(LEAD);
                self.goes_on_alone(source);
                self.fill_here(wanted)
            }
            shared::Next::Ended => {
                self.keep_rest(0);
                self.feed = Feed::Ended(None);
                Ok(self.end())
            }
            shared::Next::Stopped => {
                self.feed = Feed::Ended(None);
                Ok(self.end())
            }
            shared::Next::Failed(error) => Err(self.failed(error)),
        }
    }

    /// Keeps what is at hand in the buffer, from there on, and gives a block back that was lent.
    fn keep_rest(&mut self, place: usize) {
        match self.lent.take() {
            Some(Lent { block, joined: None }) => {
                self.buffer.clear();
                self.buffer.resize(place, 0);
                self.buffer.extend_from_slice(&block.bytes()[self.start..self.end]);
            }
            _ => {
                self.buffer.truncate(self.end);
                self.buffer.drain(..self.start);
                self.buffer.splice(0..0, std::iter::repeat_n(0, place));
            }
        }
        (self.start, self.end) = (place, self.buffer.len());
    }

    /// The second of two windows of one input, at the same place, where there is so much that two threads pay; this one is the
    /// first from now on.
    pub(super) fn share(&mut self) -> Option<(Self, Stop)> {
        if !self.may_be_shared() {
            return None;
        }
        self.helped_from = None;
        let Feed::Here(source) = mem::take(&mut self.feed) else { return None };
        let [first, second] = Tap::pair(source);
        let stop = first.stop();
        self.feed = Feed::Shared(first);
        // Blocks are lent from here on.
        self.keep_rest(0);
        self.buffer.shrink_to_fit();
        let other = Self {
            feed: Feed::Shared(second),
            buffer: self.buffer.clone(),
            lent: None,
            start: self.start,
            end: self.end,
            offset: self.offset,
            ended: false,
            left: None,
            beyond_limit: false,
            helped_from: None,
            shares: true,
        };
        Some((other, stop))
    }

    /// True where [`share`](Self::share) may succeed.
    pub(super) fn may_be_shared(&self) -> bool {
        self.shares && self.may_be_helped()
    }

    /// Whether [`share`](Self::share) is going to be asked for: then nobody reads ahead. It is not of packed input, where
    /// unpacking ahead gains more, nor where a second thread would find no processor or no memory.
    pub(super) fn shares(&mut self, shares: bool) {
        let plain = self.feed.compression().is_none();
        self.shares = shares && plain && second_thread::has_second_processor() && !second_thread::has_little_memory();
    }

    /// The input has ended: there is nothing more.
    const fn end(&mut self) -> bool {
        self.ended = true;
        false
    }

    fn failed(&mut self, error: SourceError) -> CaptureError {
        self.ended = true;
        let offset = self.offset + (self.end - self.start) as u64;
        match error {
            SourceError::Io(source) => CaptureError::Read { offset, source },
            SourceError::ZstdWindow { limit } => CaptureError::Limit {
                offset,
                what: format!("a zstd frame with a window of more than {limit} bytes"),
                option: "--max-zstd-window",
            },
            SourceError::Damaged { at, what } => {
                let compression = self.feed.compression().unwrap_or(Compression::Gzip);
                CaptureError::Compressed { compression, at, offset, what }
            }
        }
    }

    /// Takes bytes that were read, as far as the limit of unpacked bytes allows.
    fn take(&mut self, count: usize) -> Result<bool, CaptureError> {
        let mut taken = count;
        if let Some(left) = &mut self.left {
            taken = count.min(usize::try_from(*left).unwrap_or(count));
            *left -= taken as u64;
            self.beyond_limit = taken < count;
        }
        self.end += taken;
        if taken > 0 { Ok(true) } else { self.fill(0) }
    }

    /// What was odd about the end of compressed data, once it was reached.
    pub(super) const fn note(&self) -> Option<Note> {
        self.feed.note()
    }

    /// Puts a decompressor between the source and this window; the bytes at hand go through it as well.
    pub(super) fn decompress(self, compression: Compression, limits: &CaptureLimits) -> Result<Self, CaptureError> {
        let head = self.at_hand().to_vec();
        let Feed::Here(source) = self.feed else { return Ok(self) };
        let reader = match *source {
            Source::Plain(reader) => reader,
            packed => return Ok(Self { feed: Feed::Here(Box::new(packed)), ..self }),
        };
        let compressed = Compressed::new(head, reader);
        let source = match compression {
            Compression::Gzip => Source::Gzip(Gzip::new(compressed)),
            Compression::Zstd => {
                let zstd = Zstd::new(compressed, limits.max_zstd_window.clamp(1 << 10, 1 << 31).ilog2());
                Source::Zstd(zstd.map_err(|source| CaptureError::Read { offset: 0, source })?)
            }
        };
        let left = limits.max_decompressed;
        Ok(Self {
            feed: Feed::Here(Box::new(source)),
            start: LEAD,
            end: LEAD,
            offset: 0,
            ended: false,
            buffer: self.buffer,
            lent: None,
            left,
            beyond_limit: false,
            helped_from: self.helped_from,
            shares: false,
        })
    }
}

/// The rest of the input as a plain reader, for formats that are text.
impl Read for Window {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            match self.fill(1) {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(CaptureError::Read { source, .. }) => return Err(source),
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        let count = into.len().min(self.end - self.start);
        let place = self.consume(count);
        into[..count].copy_from_slice(self.consumed(place));
        Ok(count)
    }
}
