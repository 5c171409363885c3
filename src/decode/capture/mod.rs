//! Opening a capture: what it is, decompressed, record by record.
//!
//! ```text
//! file, pipe ─ gzip, zstd ─ Window ─┬─ pcap ───┐
//!          └── ahead ──┘             ├─ pcapng ─┼─ Packet
//!                                   └─ text ───┘
//! ```
//!
//! ```no_run
//! use arqscope::decode::capture::{Capture, CaptureLimits, Input};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut capture = Capture::open(&Input::from("trace.pcapng.gz"), &CaptureLimits::default())?;
//! let mut bytes = 0;
//! while let Some(packet) = capture.next()? {
//!     bytes += packet.number;
//! }
//! # Ok(())
//! # }
//! ```

mod ahead;
mod block;
mod clock;
mod compression;
mod error;
mod facts;
mod magic;
mod pcap;
mod pcapng;
mod reads;
mod run;
mod shared;
mod sniff;
mod source;
mod window;
pub mod wireshark_json;

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

pub use error::CaptureError;
pub use facts::{
    ByteOrder, CaptureFacts, Compression, DESCRIBED_INTERFACES, Format, Interface, Note, Notes, PcapDialect, TimeUnit,
};

use super::Packet;
use crate::outputs;
use pcap::PcapReader;
use pcapng::PcapngReader;
use run::Ends;
pub(super) use run::{Run, Taken};
pub(super) use shared::Stop;
use sniff::Kind;
use source::Source;
use window::Window;
use wireshark_json::{Limits as JsonLimits, WiresharkJson};

/// Where a capture comes from. Displays as the user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, a named pipe or a device.
    Path(PathBuf),
    /// Standard input, named `-`.
    Stdin,
}

impl<S: AsRef<OsStr> + ?Sized> From<&S> for Input {
    fn from(name: &S) -> Self {
        let name = name.as_ref();
        if name == "-" { Self::Stdin } else { Self::Path(name.into()) }
    }
}

impl<'a> From<&'a Input> for outputs::Source<'a> {
    fn from(input: &'a Input) -> Self {
        match input {
            Input::Path(path) => Self::Path(path),
            Input::Stdin => Self::Stdin,
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("-"),
        }
    }
}

/// What a capture may make the reader hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureLimits {
    /// The largest packet of a pcap file and the largest block of a pcapng file, in bytes.
    pub max_record: u32,
    /// The most interfaces of a pcapng section.
    pub max_interfaces: usize,
    /// The most bytes that compressed input may unpack to; `None` for no limit: they are not kept.
    pub max_decompressed: Option<u64>,
    /// The largest window of a zstd frame, in bytes, 1 KiB to 2 GiB; counts as the power of two below it.
    pub max_zstd_window: u64,
    /// What is held of a Wireshark JSON export.
    pub json: JsonLimits,
    /// A second thread may help with a long file: read and unpack it ahead, a megabyte at most, or take half of its connections.
    pub second_thread: bool,
}

impl Default for CaptureLimits {
    /// 256 MiB a record, as libpcap bounds it for its largest link type; 2^20 interfaces; a zstd window of 128 MiB, what
    /// `zstd -d` takes; any number of unpacked bytes, since honest captures shrink four hundred times; a second thread where that
    /// pays.
    fn default() -> Self {
        Self {
            max_record: 256 << 20,
            max_interfaces: 1 << 20,
            max_decompressed: None,
            max_zstd_window: 128 << 20,
            json: JsonLimits::default(),
            second_thread: true,
        }
    }
}

#[cfg(unix)]
fn stdin_is_file() -> bool {
    use std::os::fd::AsFd;
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    stdin.and_then(|fd| File::from(fd).metadata()).is_ok_and(|metadata| metadata.is_file())
}

#[cfg(not(unix))]
const fn stdin_is_file() -> bool {
    false
}

/// Whether a note on a capture is worth telling unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Sound captures have it as well.
    Ordinary,
    /// It is not as it should be, or something had to be assumed.
    Odd,
}

/// An open capture that hands out its packets in file order.
///
/// Memory is one buffer of 64 KiB, after the first MiB of 256 KiB or, of a file with which a second thread helps, at most six
/// of these (more only while a larger record passes), and a few dozen bytes per interface, whatever the file's size.
pub struct Capture {
    reader: Reader,
    facts: CaptureFacts,
    state: State,
    /// More may come in while we wait: a pipe or a device, not a file.
    live: bool,
}

enum Reader {
    Pcap(PcapReader),
    Pcapng(PcapngReader),
    Json(Box<WiresharkJson>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
}

impl Capture {
    /// Opens a file or standard input and finds out what it is.
    ///
    /// # Errors
    /// When it cannot be opened, is empty, or is no capture that is read here; when it ends or is
    /// malformed before its first packet's place.
    pub fn open(input: &Input, limits: &CaptureLimits) -> Result<Self, CaptureError> {
        let live;
        let reader: Box<dyn Read + Send> = match input {
            Input::Stdin => {
                live = !stdin_is_file();
                Box::new(io::stdin())
            }
            Input::Path(path) => {
                let failed = |source| CaptureError::Open { name: input.to_string(), source };
                let file = File::open(path).map_err(failed)?;
                let metadata = file.metadata().map_err(failed)?;
                if metadata.is_dir() {
                    return Err(failed(io::ErrorKind::IsADirectory.into()));
                }
                live = !metadata.is_file();
                Box::new(file)
            }
        };
        let source = Source::Plain(reader);
        let window = if live || !limits.second_thread { Window::new(source) } else { Window::helped(source) };
        Self::from_window(window, limits).map(|capture| Self { live, ..capture })
    }

    /// Like [`open`](Self::open), from anything that can be read.
    ///
    /// # Errors
    /// As `open`, but for the opening.
    pub fn from_reader(reader: Box<dyn Read + Send>, limits: &CaptureLimits) -> Result<Self, CaptureError> {
        Self::from_window(Window::new(Source::Plain(reader)), limits)
    }

    /// Like [`open`](Self::open), of what stands in a file.
    #[cfg(test)]
    pub(crate) fn of_file(file: Vec<u8>, limits: &CaptureLimits) -> Result<Self, CaptureError> {
        let window = Window::helped(Source::Plain(Box::new(io::Cursor::new(file))));
        Self::from_window(window, limits).map(|capture| Self { live: false, ..capture })
    }

    fn from_window(mut window: Window, limits: &CaptureLimits) -> Result<Self, CaptureError> {
        let mut compression = None;
        loop {
            window.ensure(4)?;
            let kind = match sniff::certain(window.at_hand()) {
                Some(kind) => kind,
                None => {
                    window.ensure(sniff::ENOUGH)?;
                    if window.at_hand().is_empty() {
                        return Err(match compression {
                            None => CaptureError::Empty,
                            Some(packed) => {
                                CaptureError::NotACapture { found: format!("the {packed} data unpacks to 0 bytes") }
                            }
                        });
                    }
                    let bytes = window.at_hand();
                    sniff::sniff(bytes.get(..sniff::ENOUGH).unwrap_or(bytes))?
                }
            };
            let (reader, mut facts) = match (kind, compression) {
                (Kind::Compressed(packed), None) => {
                    compression = Some(packed);
                    window = window.decompress(packed, limits)?;
                    continue;
                }
                (Kind::Compressed(inner), Some(outer)) => {
                    return Err(CaptureError::Unsupported {
                        format: format!("{inner} inside {outer}"),
                        instead: "one layer of compression is; unpack it once before".to_owned(),
                    });
                }
                (Kind::Pcap, _) => {
                    let (reader, facts) = PcapReader::new(window, limits)?;
                    (Reader::Pcap(reader), facts)
                }
                (Kind::Pcapng, _) => {
                    let (reader, facts) = PcapngReader::new(window, limits)?;
                    (Reader::Pcapng(reader), facts)
                }
                (Kind::Text, _) => {
                    let json = WiresharkJson::new(Box::new(window), limits.json)?;
                    (Reader::Json(Box::new(json)), CaptureFacts::new(Format::WiresharkText))
                }
            };
            facts.compression = compression;
            return Ok(Self { reader, facts, state: State::Reading, live: true });
        }
    }

    /// The next packet, which borrows the capture's buffer; `None` after the last.
    ///
    /// # Errors
    /// When the rest cannot be read. Every whole packet before was handed out; afterwards there is only `None`.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend from itself")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.state == State::Ended {
            return Ok(None);
        }
        let packet = match &mut self.reader {
            Reader::Pcap(pcap) => pcap.next(&mut self.facts.notes),
            Reader::Pcapng(pcapng) => pcapng.next(&mut self.facts),
            Reader::Json(json) => json.next(),
        };
        if !matches!(packet, Ok(Some(_))) {
            self.state = State::Ended;
        }
        packet
    }

    /// The interface of the packet that was handed out last: its place in [`CaptureFacts::interfaces`], as far as those
    /// are described. `None` before the first packet, and for exports, which name none.
    #[must_use]
    pub const fn interface_of_packet(&self) -> Option<u64> {
        match &self.reader {
            Reader::Pcap(_) => Some(0),
            Reader::Pcapng(pcapng) => pcapng.interface_of_packet(),
            Reader::Json(_) => None,
        }
    }

    /// The plain records that are at hand, which need no more than a look; `None` for formats without such.
    /// [`took`](Self::took) must be told how far it was followed, before [`next`](Self::next) goes on.
    pub(super) fn run(&self) -> Option<Run<'_>> {
        let run = match &self.reader {
            Reader::Pcap(pcap) => pcap.run()?,
            Reader::Pcapng(pcapng) => pcapng.run(),
            Reader::Json(_) => return None,
        };
        let ends = if self.live { Ends::BeforeLast } else { Ends::WithLast };
        (self.state == State::Reading).then(|| run.ending(ends))
    }

    /// Goes on behind the records of a [`run`](Self::run).
    pub(super) fn took(&mut self, taken: Taken) {
        match &mut self.reader {
            Reader::Pcap(pcap) => pcap.took(taken),
            Reader::Pcapng(pcapng) => pcapng.took(taken),
            Reader::Json(_) => {}
        }
    }

    /// Whether a second thread is to go through a long capture as well ([`share`](Self::share)), and not only to read ahead.
    pub(super) fn shares(&mut self, shares: bool) {
        if let Some(window) = self.window() {
            window.shares(shares);
        }
    }

    /// True where [`share`](Self::share) may succeed.
    pub(super) fn may_be_shared(&self) -> bool {
        match &self.reader {
            Reader::Pcap(pcap) => pcap.may_be_shared(),
            Reader::Pcapng(pcapng) => pcapng.may_be_shared(),
            Reader::Json(_) => false,
        }
    }

    /// The same capture for another thread, from here on, where it is so long that two threads pay. Each gets every packet;
    /// the second until [`Stop`] says otherwise.
    pub(super) fn share(&mut self) -> Option<(Self, Stop)> {
        let (window, stop) = self.window()?.share()?;
        let reader = match &self.reader {
            Reader::Pcap(pcap) => Reader::Pcap(pcap.twin(window)),
            Reader::Pcapng(pcapng) => Reader::Pcapng(pcapng.twin(window)?),
            Reader::Json(_) => return None,
        };
        Some((Self { reader, facts: self.facts.clone(), state: self.state, live: self.live }, stop))
    }

    const fn window(&mut self) -> Option<&mut Window> {
        match &mut self.reader {
            Reader::Pcap(pcap) => Some(pcap.window()),
            Reader::Pcapng(pcapng) => Some(pcapng.window()),
            Reader::Json(_) => None,
        }
    }

    /// True when the next packet may have to be waited for: the input is no regular file, and not a byte beyond the
    /// packets handed out was read yet.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.live
            && match &self.reader {
                Reader::Pcap(pcap) => pcap.is_drained(),
                Reader::Pcapng(pcapng) => pcapng.is_drained(),
                Reader::Json(json) => json.is_drained(),
            }
    }

    /// The format in words, as exactly as is known so far.
    #[must_use]
    pub fn format(&self) -> String {
        match &self.reader {
            Reader::Json(json) => json.variant(),
            Reader::Pcap(_) | Reader::Pcapng(_) => self.facts.format.to_string(),
        }
    }

    /// Oddities and assumptions so far, in words, each with whether sound captures have it as well.
    #[must_use]
    pub fn notes(&self) -> Vec<(String, Weight)> {
        let weight = |note: Note| if note.is_ordinary() { Weight::Ordinary } else { Weight::Odd };
        let file = self.facts.notes.iter().map(|(note, n)| (format!("{n} {}", note.words(n)), weight(note)));
        let export = match &self.reader {
            Reader::Json(json) => json.notes(),
            Reader::Pcap(_) | Reader::Pcapng(_) => Vec::new(),
        };
        file.chain(export.into_iter().map(|note| (note, Weight::Odd))).collect()
    }

    /// What is known of the file so far; complete once [`next`](Self::next) gave `None`.
    #[must_use]
    pub const fn facts(&self) -> &CaptureFacts {
        &self.facts
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("facts", &self.facts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
