//! The classic pcap format, in its dialects.
//!
//! Source: the pcap draft (draft-ietf-opsawg-pcap) and, for what is older than it, the behaviour of libpcap.

use std::sync::Arc;

use pcap_file::pcap::PcapParser;

use super::facts::{ByteOrder, CaptureFacts, Format, Interface, Note, Notes, PcapDialect, TimeUnit};
use super::magic::{JOINED, MICROS, detect};
use super::run::{Run, Taken};
use super::window::Window;
use super::{CaptureError, CaptureLimits};
use crate::decode::{LinkType, Packet, PacketContent};
use crate::time::Timestamp;

/// Length of the file header.
const FILE_HEADER: usize = 24;

/// Length of a record header of every dialect but [`PcapDialect::Modified`].
const RECORD_HEADER: usize = 16;

/// Length of a record header of [`PcapDialect::Modified`].
const MODIFIED_RECORD_HEADER: usize = 24;

/// In the header's link type field: the four highest bits tell the length of the frame check sequence.
const FCS_LENGTH_PRESENT: u32 = 0x0400_0000;

/// Where those four bits begin; they count units of two bytes.
const FCS_LENGTH_SHIFT: u32 = 28;

/// Reads records of one file.
pub(super) struct PcapReader {
    window: Window,
    parser: Arc<PcapParser>,
    order: ByteOrder,
    unit: TimeUnit,
    dialect: PcapDialect,
    link_type: LinkType,
    max_record: u32,
    packets: u64,
}

/// A record header, the same for every dialect.
struct Record {
    header_len: usize,
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Record {
    const fn len(&self) -> usize {
        self.header_len + self.captured as usize
    }
}

/// A record that is not wholly at hand.
struct Shortage {
    /// Bytes it needs from its start; as far as is known.
    needed: usize,
}

impl PcapReader {
    /// Reads the file header; `window` stands at its first byte, whose magic number [`detect`] knows.
    pub(super) fn new(mut window: Window, limits: &CaptureLimits) -> Result<(Self, CaptureFacts), CaptureError> {
        if !window.ensure(FILE_HEADER)? {
            return Err(CaptureError::Cut {
                offset: 0,
                inside: "the pcap file header".to_owned(),
                needed: FILE_HEADER as u64,
                available: window.at_hand().len() as u64,
            });
        }
        let malformed = |what: String| CaptureError::Malformed { offset: 0, what };
        let magic = window.at_hand().first_chunk::<4>().copied().unwrap_or_default();
        let Some((order, unit, dialect)) = detect(magic) else {
            return Err(malformed(format!("{magic:02x?} is no pcap magic number")));
        };
        let mut header = [0; FILE_HEADER];
        header.copy_from_slice(&window.at_hand()[..FILE_HEADER]);
        if dialect == PcapDialect::Modified {
            // The parser refuses this magic number although the file header is the standard one.
            header[..4].copy_from_slice(&match order {
                ByteOrder::Little => MICROS.to_le_bytes(),
                ByteOrder::Big => MICROS.to_be_bytes(),
            });
        }
        let (_, parser) = PcapParser::new(&header).map_err(|error| malformed(error.to_string()))?;
        window.consume(FILE_HEADER);

        let header = parser.header();
        let version = (header.version_major, header.version_minor);
        let dialect = match (dialect, version) {
            (PcapDialect::Standard, (2, 0..=2) | (543, _)) => PcapDialect::SwappedLengths,
            (PcapDialect::Standard, (2, 3)) => PcapDialect::MaybeSwappedLengths,
            (_, (0 | 1, _)) => {
                return Err(CaptureError::Unsupported {
                    format: format!("pcap version {}.{}", version.0, version.1),
                    instead: "versions from 2.0 on are; check whether the file is damaged".to_owned(),
                });
            }
            (dialect, _) => dialect,
        };

        let network = u32::from(header.datalink);
        let link_type = LinkType(network as u16);
        let mut facts = CaptureFacts::new(Format::Pcap { order, unit, dialect });
        facts.add_interface(Interface {
            link_type,
            snap_len: (header.snaplen != 0 && header.snaplen != u32::MAX).then_some(header.snaplen),
            name: None,
            description: None,
            fcs_len: (network & FCS_LENGTH_PRESENT != 0).then_some((network >> FCS_LENGTH_SHIFT) as u8 * 2),
        });
        if !matches!(version, (2, 0..=4) | (543, 0)) {
            facts.notes.add(Note::UnknownVersion, 1);
        }
        let parser = Arc::new(parser);
        let reader =
            Self { window, parser, order, unit, dialect, link_type, max_record: limits.max_record, packets: 0 };
        Ok((reader, facts))
    }

    /// The window, to be shared with [`twin`](Self::twin).
    pub(super) const fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// As the window says.
    pub(super) fn may_be_shared(&self) -> bool {
        self.window.may_be_shared()
    }

    /// Another reader at the same place, of a window there.
    pub(super) fn twin(&self, window: Window) -> Self {
        Self { window, parser: Arc::clone(&self.parser), ..*self }
    }

    /// True when no whole record is at hand. The longer header of a dialect makes it say so a little too seldom, which
    /// only delays what somebody sees.
    pub(super) fn is_drained(&self) -> bool {
        let bytes = self.window.at_hand();
        match bytes.get(8..12).and_then(<[u8]>::first_chunk::<4>) {
            Some(captured) => bytes.len() < 16 + self.order.u32(*captured) as usize,
            None => true,
        }
    }

    /// The plain records at hand; `None` for dialects that have none.
    pub(super) fn run(&self) -> Option<Run<'_>> {
        let nanos = self.unit.nanos() as u32;
        (self.dialect == PcapDialect::Standard)
            .then(|| Run::of_pcap(&self.window, self.packets, self.order, nanos, self.link_type, self.max_record))
    }

    /// Goes on behind the records of a run.
    pub(super) fn took(&mut self, taken: Taken) {
        self.window.consume(taken.bytes);
        self.packets = taken.number;
    }

    /// The next packet; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self, notes: &mut Notes) -> Result<Option<Packet<'_>>, CaptureError> {
        let record = loop {
            match self.record() {
                Ok(record) if record.captured <= self.max_record => break record,
                Ok(record) => return Err(self.too_long(record.captured)),
                Err(shortage) => {
                    if !self.more(&shortage, notes)? {
                        return Ok(None);
                    }
                }
            }
        };
        let fraction_limit = match self.unit {
            TimeUnit::Microseconds => 1_000_000,
            TimeUnit::Nanoseconds => 1_000_000_000,
        };
        if record.fraction >= fraction_limit {
            notes.add(Note::FractionTooLarge, 1);
        }
        if record.captured > record.original {
            notes.add(Note::LongerThanOriginal, 1);
        }
        if record.captured == 0 {
            self.check_joined(&record)?;
            notes.add(Note::EmptyPacket, 1);
        }
        self.packets += 1;
        let place = self.window.consume(record.len());
        Ok(Some(Packet {
            number: self.packets,
            time: Timestamp::from_parts(i64::from(record.seconds), i64::from(record.fraction) * self.unit.nanos()),
            content: PacketContent::Bytes {
                link_type: self.link_type,
                bytes: self.window.consumed(place.start + record.header_len..place.end),
                original_len: record.original,
            },
        }))
    }

    /// The record at the window's start, when it is wholly at hand.
    #[inline]
    fn record(&self) -> Result<Record, Shortage> {
        let bytes = self.window.at_hand();
        if self.dialect == PcapDialect::Standard
            && let Ok((_, raw)) = self.parser.next_raw_packet(bytes)
        {
            return Ok(Record {
                header_len: RECORD_HEADER,
                seconds: raw.ts_sec,
                fraction: raw.ts_frac,
                captured: raw.incl_len,
                original: raw.orig_len,
            });
        }
        // The parser knows no other dialect, and its shortage does not say of what.
        let record = self.header(bytes)?;
        if bytes.len() < record.len() { Err(Shortage { needed: record.len() }) } else { Ok(record) }
    }

    fn header(&self, bytes: &[u8]) -> Result<Record, Shortage> {
        let header_len = if self.dialect == PcapDialect::Modified { MODIFIED_RECORD_HEADER } else { RECORD_HEADER };
        let shortage = Shortage { needed: header_len };
        if bytes.len() < header_len {
            return Err(shortage);
        }
        let (fields, _) = bytes.as_chunks::<4>();
        let [seconds, fraction, first, second, ..] = fields else { return Err(shortage) };
        let (first, second) = (self.order.u32(*first), self.order.u32(*second));
        let (captured, original) = match self.dialect {
            PcapDialect::Standard | PcapDialect::Modified => (first, second),
            PcapDialect::SwappedLengths => (second, first),
            PcapDialect::MaybeSwappedLengths => (first.min(second), first.max(second)),
        };
        let (seconds, fraction) = (self.order.u32(*seconds), self.order.u32(*fraction));
        Ok(Record { header_len, seconds, fraction, captured, original })
    }

    /// Reads on; false at a clean end.
    #[cold]
    fn more(&mut self, shortage: &Shortage, notes: &mut Notes) -> Result<bool, CaptureError> {
        if let Ok(record) = self.header(self.window.at_hand())
            && record.captured > self.max_record
        {
            return Err(self.too_long(record.captured));
        }
        if self.window.ensure(shortage.needed)? {
            return Ok(true);
        }
        if let Some(note) = self.window.note() {
            notes.add(note, 1);
        }
        let bytes = self.window.at_hand();
        if bytes.is_empty() {
            return Ok(false);
        }
        let inside = match self.header(bytes) {
            Ok(record) => format!("the record of packet {} ({} bytes)", self.packets + 1, record.captured),
            Err(_) => "a record header".to_owned(),
        };
        Err(CaptureError::Cut {
            offset: self.window.offset(),
            inside,
            needed: shortage.needed as u64,
            available: bytes.len() as u64,
        })
    }

    #[cold]
    fn too_long(&self, captured: u32) -> CaptureError {
        let offset = self.window.offset();
        if let [0x0a, 0x0d, 0x0d, 0x0a, ..] = self.window.at_hand() {
            let what = format!("a pcapng section header where a record should begin: {JOINED}");
            return CaptureError::Malformed { offset, what };
        }
        let (packet, limit) = (self.packets + 1, self.max_record);
        let what = format!("packet {packet} claims {captured} captured bytes, more than the limit of {limit}");
        CaptureError::Limit { offset, what, option: "--max-record" }
    }

    /// Refuses a second file header, which reads as an empty record of the year 2055.
    #[cold]
    fn check_joined(&self, record: &Record) -> Result<(), CaptureError> {
        let version =
            |order: ByteOrder| order.u32([2, 0, 4, 0]) == record.fraction || order.u32([0, 2, 0, 4]) == record.fraction;
        let magic = self.window.at_hand().first_chunk::<4>().and_then(|magic| detect(*magic));
        if record.original == 0 && magic.is_some() && version(self.order) {
            let what = format!("a second pcap file header where a record should begin: {JOINED}");
            return Err(CaptureError::Malformed { offset: self.window.offset(), what });
        }
        Ok(())
    }
}
