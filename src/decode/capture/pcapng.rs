//! The pcapng format.
//!
//! Source: the pcapng draft (draft-ietf-opsawg-pcapng).

use std::ops::Range;

use pcap_file::pcapng::PcapNgParser;

use super::block::{self, Alignment, Frame, options};
use super::clock::Clock;
use super::facts::{ByteOrder, CaptureFacts, Format, Interface, Note, name};
use super::run::{Described, Run, Taken};
use super::window::Window;
use super::{CaptureError, CaptureLimits};
use crate::decode::{LinkType, Packet, PacketContent};

/// Reads packets of all sections of one file.
pub(super) struct PcapngReader {
    window: Window,
    /// Frames the blocks of one section; made anew for each, see [`section_parser`].
    parser: PcapNgParser,
    order: ByteOrder,
    /// Of the current section.
    interfaces: Vec<Described>,
    limits: CaptureLimits,
    packets: u64,
    /// That of the latest packet.
    interface: Option<u64>,
}

/// A whole block, consumed from the window.
struct Block {
    kind: u32,
    offset: u64,
    /// Where in the window's buffer the body stands.
    body: Range<usize>,
}

/// A packet by its place in a block's body.
struct Record {
    interface: Described,
    ticks: Option<u64>,
    /// Where in the body its bytes begin.
    data: usize,
    captured: u32,
    original: u32,
}

impl PcapngReader {
    /// Reads the first section header; `window` stands at its first byte.
    pub(super) fn new(window: Window, limits: &CaptureLimits) -> Result<(Self, CaptureFacts), CaptureError> {
        // Until the first section header says otherwise.
        let order = ByteOrder::Little;
        let parser = section_parser(order)?;
        let mut facts = CaptureFacts::new(Format::Pcapng { order });
        facts.sections = 0;
        let mut reader =
            Self { window, parser, order, interfaces: Vec::new(), limits: *limits, packets: 0, interface: None };
        // The first four bytes were seen to be a section header's type.
        if let Some(header) = reader.block(&mut facts)? {
            reader.section(&header, &mut facts)?;
        }
        facts.format = Format::Pcapng { order: reader.order };
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
    pub(super) fn twin(&self, window: Window) -> Option<Self> {
        let parser = section_parser(self.order).ok()?;
        Some(Self { window, parser, interfaces: self.interfaces.clone(), ..*self })
    }

    /// The interface of the latest packet, counted from 0 over all sections.
    pub(super) const fn interface_of_packet(&self) -> Option<u64> {
        self.interface
    }

    /// True when no whole block is at hand.
    pub(super) fn is_drained(&self) -> bool {
        let bytes = self.window.at_hand();
        match bytes.get(4..8).and_then(<[u8]>::first_chunk::<4>) {
            Some(len) => bytes.len() < self.order.u32(*len) as usize,
            None => true,
        }
    }

    /// The plain records at hand.
    pub(super) fn run(&self) -> Run<'_> {
        Run::of_pcapng(&self.window, self.packets, self.order, &self.interfaces, self.limits.max_record)
    }

    /// Goes on behind the records of a run.
    pub(super) fn took(&mut self, taken: Taken) {
        self.window.consume(taken.bytes);
        self.packets = taken.number;
    }

    /// The next packet; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self, facts: &mut CaptureFacts) -> Result<Option<Packet<'_>>, CaptureError> {
        let (record, body) = loop {
            let Some(block) = self.block(facts)? else { return Ok(None) };
            let record = match block.kind {
                block::ENHANCED_PACKET => self.enhanced(&block)?,
                block::SIMPLE_PACKET => self.simple(&block, facts)?,
                block::PACKET => self.obsolete(&block)?,
                _ => {
                    self.other(&block, facts)?;
                    continue;
                }
            };
            break (record, block.body);
        };
        let time = record.ticks.and_then(|ticks| record.interface.clock.time(ticks));
        if time.is_none() {
            let note = if record.ticks.is_none() { Note::WithoutTime } else { Note::TimeOutOfRange };
            facts.notes.add(note, 1);
        }
        if record.captured > record.original {
            facts.notes.add(Note::LongerThanOriginal, 1);
        }
        if record.captured == 0 {
            facts.notes.add(Note::EmptyPacket, 1);
        }
        self.packets += 1;
        self.interface = Some(record.interface.ordinal);
        let start = body.start + record.data;
        Ok(Some(Packet {
            number: self.packets,
            time,
            content: PacketContent::Bytes {
                link_type: record.interface.link_type,
                bytes: self.window.consumed(start..start + record.captured as usize),
                original_len: record.original,
            },
        }))
    }

    /// Consumes the next block; `None` at the end.
    #[inline]
    fn block(&mut self, facts: &mut CaptureFacts) -> Result<Option<Block>, CaptureError> {
        loop {
            let offset = self.window.offset();
            let bytes = self.window.at_hand();
            // The parser decodes these two down to their options and refuses the whole block, and with it the
            // file, for an option it does not like; they are framed below.
            let kind = bytes.first_chunk::<4>().map(|kind| self.order.u32(*kind));
            if !matches!(kind, Some(block::SECTION_HEADER | block::INTERFACE_DESCRIPTION))
                && let Ok((rest, raw)) = self.parser.next_raw_block(bytes)
                && raw.initial_len <= self.limits.max_record
            {
                let kind = raw.type_;
                let len = bytes.len() - rest.len();
                let place = self.window.consume(len);
                return Ok(Some(Block { kind, offset, body: block::body(place) }));
            }
            match block::frame(bytes, self.order, self.limits.max_record) {
                Ok(Frame::Whole { kind, order, len, alignment }) => {
                    if alignment == Alignment::Odd {
                        facts.notes.add(Note::UnpaddedBlock, 1);
                    }
                    self.order = order;
                    let place = self.window.consume(len);
                    return Ok(Some(Block { kind, offset, body: block::body(place) }));
                }
                Ok(Frame::Short { needed, inside }) => {
                    if !self.window.ensure(needed)? {
                        self.note_end(facts);
                        let available = self.window.at_hand().len() as u64;
                        if available == 0 {
                            return Ok(None);
                        }
                        return Err(CaptureError::Cut { offset, inside, needed: needed as u64, available });
                    }
                }
                Ok(Frame::TooLong { kind, len }) => {
                    let limit = self.limits.max_record;
                    let what = format!(
                        "block of type {kind:#010x} with a length of {len} bytes, more than the limit of {limit}"
                    );
                    return Err(CaptureError::Limit { offset, what, option: "--max-record" });
                }
                Ok(Frame::Zeroes) => return self.zeroes(facts).map(|()| None),
                Err(what) => return Err(CaptureError::Malformed { offset, what }),
            }
        }
    }

    #[cold]
    fn note_end(&self, facts: &mut CaptureFacts) {
        if let Some(note) = self.window.note() {
            facts.notes.add(note, 1);
        }
    }

    /// Skips zero bytes to the end of a file that was made longer than its blocks.
    #[cold]
    fn zeroes(&mut self, facts: &mut CaptureFacts) -> Result<(), CaptureError> {
        let offset = self.window.offset();
        loop {
            let bytes = self.window.at_hand();
            let run = bytes.iter().take_while(|byte| **byte == 0).count();
            if run < bytes.len() {
                let what = format!(
                    "a block of type 0 and length 0, and other bytes after {} zeroes: a block has at least 12 bytes",
                    self.window.offset() - offset + run as u64
                );
                return Err(CaptureError::Malformed { offset, what });
            }
            self.window.consume(run);
            if !self.window.ensure(1)? {
                facts.notes.add(Note::ZeroesAtEnd, self.window.offset() - offset);
                self.note_end(facts);
                return Ok(());
            }
        }
    }

    #[inline]
    fn enhanced(&self, block: &Block) -> Result<Record, CaptureError> {
        let Some((fixed, data)) = self.body(block).split_first_chunk::<20>() else {
            return Err(self.too_short(block, "enhanced packet block", 20));
        };
        let field = |at: usize| self.order.u32([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let (captured, original) = (field(12), field(16));
        let interface = self.interface(block, field(0))?;
        self.fits(block, captured, data.len())?;
        let ticks = Some(u64::from(field(4)) << 32 | u64::from(field(8)));
        Ok(Record { interface, ticks, data: 20, captured, original })
    }

    /// The packet block that older writers used.
    fn obsolete(&self, block: &Block) -> Result<Record, CaptureError> {
        let Some((fixed, data)) = self.body(block).split_first_chunk::<20>() else {
            return Err(self.too_short(block, "packet block", 20));
        };
        let field = |at: usize| self.order.u32([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let (captured, original) = (field(12), field(16));
        let interface = self.interface(block, u32::from(self.order.u16([fixed[0], fixed[1]])))?;
        self.fits(block, captured, data.len())?;
        let ticks = Some(u64::from(field(4)) << 32 | u64::from(field(8)));
        Ok(Record { interface, ticks, data: 20, captured, original })
    }

    /// A simple packet block has no time, no captured length and belongs to the section's first interface.
    fn simple(&self, block: &Block, facts: &mut CaptureFacts) -> Result<Record, CaptureError> {
        let Some((original, data)) = self.body(block).split_first_chunk::<4>() else {
            return Err(self.too_short(block, "simple packet block", 4));
        };
        let original = self.order.u32(*original);
        let interface = self.interface(block, 0)?;
        let limited = if interface.snap_len == 0 { original } else { original.min(interface.snap_len) };
        // A block in the window is far below 4 GiB.
        let present = data.len() as u32;
        if limited > present {
            facts.notes.add(Note::ShortSimplePacket, 1);
        }
        Ok(Record { interface, ticks: None, data: 4, captured: limited.min(present), original })
    }

    #[cold]
    fn other(&mut self, block: &Block, facts: &mut CaptureFacts) -> Result<(), CaptureError> {
        let note = match block.kind {
            block::SECTION_HEADER => return self.section(block, facts),
            block::INTERFACE_DESCRIPTION => return self.describe(block, facts),
            block::NAME_RESOLUTION => Note::NameResolution,
            block::STATISTICS => Note::Statistics,
            block::SECRETS => Note::Secrets,
            block::JOURNAL => Note::Journal,
            block::CUSTOM | block::CUSTOM_NOT_COPIED => Note::CustomBlock,
            _ => Note::UnknownBlock,
        };
        facts.notes.add(note, 1);
        Ok(())
    }

    fn section(&mut self, block: &Block, facts: &mut CaptureFacts) -> Result<(), CaptureError> {
        // Byte-order magic, version, section length; the length is not needed, since blocks tell theirs.
        let body = self.window.consumed(block.body.clone());
        let Some((fixed, rest)) = body.split_first_chunk::<16>() else {
            return Err(self.too_short(block, "section header block", 16));
        };
        let version = (self.order.u16([fixed[4], fixed[5]]), self.order.u16([fixed[6], fixed[7]]));
        match version {
            // Some writers put 1.2; the draft reads it as 1.0.
            (1, 0 | 2) => {}
            (1, _) => facts.notes.add(Note::UnknownVersion, 1),
            (major, minor) => {
                return Err(CaptureError::Unsupported {
                    format: format!("pcapng version {major}.{minor} (section header at byte {})", block.offset),
                    instead: "version 1.0 is; write the file anew with `editcap -F pcapng`".to_owned(),
                });
            }
        }
        let sound = options(rest, self.order, |code, value| {
            if code == block::SECTION_PROGRAM && facts.sections == 0 {
                facts.written_by = name(value);
            }
        });
        if !sound {
            facts.notes.add(Note::DamagedOptions, 1);
        }
        facts.sections += 1;
        self.interfaces.clear();
        self.parser = section_parser(self.order)?;
        Ok(())
    }

    fn describe(&mut self, block: &Block, facts: &mut CaptureFacts) -> Result<(), CaptureError> {
        let body = self.window.consumed(block.body.clone());
        let Some((fixed, rest)) = body.split_first_chunk::<8>() else {
            return Err(self.too_short(block, "interface description block", 8));
        };
        if self.interfaces.len() >= self.limits.max_interfaces {
            let what = format!("a section describes more than {} interfaces", self.limits.max_interfaces);
            return Err(CaptureError::Malformed { offset: block.offset, what });
        }
        let link_type = LinkType(self.order.u16([fixed[0], fixed[1]]));
        let snap_len = self.order.u32([fixed[4], fixed[5], fixed[6], fixed[7]]);
        let mut interface = Interface {
            link_type,
            snap_len: (snap_len != 0 && snap_len != u32::MAX).then_some(snap_len),
            name: None,
            description: None,
            fcs_len: None,
        };
        // Of a repeated option the first counts, as in Wireshark.
        let (mut resolution, mut offset) = (None, None);
        let mut sizes_fit = true;
        let sound = options(rest, self.order, |code, value| match (code, value) {
            (block::INTERFACE_NAME, _) if interface.name.is_none() => interface.name = name(value),
            (block::INTERFACE_TEXT, _) if interface.description.is_none() => interface.description = name(value),
            (block::INTERFACE_FCS, [bits]) => interface.fcs_len = interface.fcs_len.or(Some(bits.div_ceil(8))),
            (block::INTERFACE_RESOLUTION, [value]) => resolution = resolution.or(Some(*value)),
            (block::INTERFACE_OFFSET, value) if let Ok(value) = value.try_into() => {
                offset = offset.or(Some(self.order.u64(value).cast_signed()));
            }
            (block::INTERFACE_RESOLUTION | block::INTERFACE_OFFSET, _) => sizes_fit = false,
            _ => {}
        });
        if !sound || !sizes_fit {
            facts.notes.add(Note::DamagedOptions, 1);
        }
        let clock = Clock::new(resolution.unwrap_or(MICROSECONDS), offset.unwrap_or(0));
        self.interfaces.push(Described { clock, link_type, snap_len, ordinal: facts.interface_count });
        facts.add_interface(interface);
        Ok(())
    }

    fn body(&self, block: &Block) -> &[u8] {
        self.window.consumed(block.body.clone())
    }

    #[inline]
    fn interface(&self, block: &Block, id: u32) -> Result<Described, CaptureError> {
        self.interfaces.get(id as usize).copied().ok_or_else(|| CaptureError::Malformed {
            offset: block.offset,
            what: format!(
                "packet {} belongs to interface {id}, and its section describes {} before it",
                self.packets + 1,
                self.interfaces.len()
            ),
        })
    }

    fn fits(&self, block: &Block, captured: u32, present: usize) -> Result<(), CaptureError> {
        if captured as usize <= present {
            return Ok(());
        }
        let what = format!("packet {} claims {captured} captured bytes, and its block has {present}", self.packets + 1);
        Err(CaptureError::Malformed { offset: block.offset, what })
    }

    #[cold]
    fn too_short(&self, block: &Block, what: &str, needed: usize) -> CaptureError {
        CaptureError::Malformed {
            offset: block.offset,
            what: format!("{what} with a body of {} bytes, needed {needed}", block.body.len()),
        }
    }
}

/// `if_tsresol` of an interface that does not say.
const MICROSECONDS: u8 = 6;

/// A block parser for a section in this byte order.
///
/// The parser takes its byte order from the section header it is given, and refuses a header for any option
/// that is not as it should be. So it is given one without options.
fn section_parser(order: ByteOrder) -> Result<PcapNgParser, CaptureError> {
    const BIG: [u8; 28] = [
        0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255,
        255, 0, 0, 0, 28,
    ];
    const LITTLE: [u8; 28] = [
        0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255,
        255, 28, 0, 0, 0,
    ];
    let header = match order {
        ByteOrder::Little => &LITTLE,
        ByteOrder::Big => &BIG,
    };
    match PcapNgParser::new(header) {
        Ok((_, parser)) => Ok(parser),
        Err(error) => Err(CaptureError::Malformed { offset: 0, what: error.to_string() }),
    }
}
