//! The capture again, with a comment on each packet that has a finding: pcapng, which Wireshark shows and filters
//! (`frame.comment contains "arqscope"`).
//!
//! It takes a second pass over the input. Packets keep their bytes, numbers, times (to the nanosecond) and interfaces.
//! A packet that an export had taken apart gets headers anew ([`header_of`]); one that it
//! does not hold the bytes of is an empty frame of the local experimental EtherType, so that numbers stay the same. The
//! section's comment says which of this was needed. Comments that the input had of its own are not kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{Block, PcapNgWriteError, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use crate::analyze::Severity;
use crate::conversation::header_of;
use crate::decode::capture::{Capture, CaptureError, Format};
use crate::decode::print::escape::tame;
use crate::decode::{LinkType, PacketContent};

/// The most bytes that a pcapng option holds, less what a cut leaves for `…`.
const MAX_COMMENT: usize = 65_000;

/// Comments that are kept of one packet.
pub const MAX_OF_PACKET: usize = 64;

/// Packets are written in pieces of this size.
const BATCH: usize = 64 << 10;

/// Ethernet: destination, source, EtherType.
const ETHERNET: LinkType = LinkType(1);

/// An Ethernet header with the EtherType for local experiments (IEEE 802, 0x88B5).
const EMPTY_FRAME: [u8; 14] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0xB5];

/// The comments of a capture's packets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comments {
    of_packet: BTreeMap<u64, Vec<String>>,
    left_out: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Annotated {
    /// Packets.
    pub packets: u64,
    /// Packets with a comment.
    pub commented: u64,
    /// Packets without a time, written with 1970.
    pub without_time: u64,
}

/// Why an annotated capture could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AnnotateError {
    /// The input could not be read again.
    #[error("cannot read the capture a second time: {0}")]
    Capture(#[from] CaptureError),
    /// It cannot be written.
    #[error("cannot write the annotated capture: {0}")]
    Output(#[from] io::Error),
}

impl Comments {
    /// Adds a finding's words to the packet at which it shows.
    pub fn add(&mut self, packet: u64, severity: Severity, rule: &str, message: &str) {
        let comments = self.of_packet.entry(packet).or_default();
        if comments.len() < MAX_OF_PACKET {
            let mut text = format!("arqscope: {} {rule}: {}", severity.as_str(), tame(message));
            if text.len() > MAX_COMMENT {
                let end = (0..=MAX_COMMENT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                text.truncate(end);
                text.push('…');
            }
            comments.push(text);
        } else {
            self.left_out += 1;
        }
    }

    /// Packets with a comment.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.of_packet.len()
    }

    /// Comments beyond the [`MAX_OF_PACKET`] that a packet has.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    fn of(&self, packet: u64) -> &[String] {
        self.of_packet.get(&packet).map_or(&[], Vec::as_slice)
    }
}

/// What tells interfaces of the output apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    /// An interface of the input.
    Interface(u64),
    /// Packets of an input that names no interfaces.
    LinkType(LinkType),
    /// Headers that were made.
    Synthesised,
}

/// Writes the packets of `capture`, which stands at its first, to `out`, with `comments`. What cannot be read of it any
/// more is left out, as it was when it was analysed.
///
/// # Errors
/// When it cannot be written.
pub fn annotate<W: Write>(
    capture: &mut Capture,
    name: &str,
    comments: &Comments,
    out: W,
) -> Result<Annotated, AnnotateError> {
    let mut writer = Writer::new(out, &section_comment(capture, name, comments))?;
    // An error was complained of when the capture was analysed.
    while let Ok(Some(packet)) = capture.next() {
        let (number, time) = (packet.number, packet.time);
        let nanos = time.and_then(|time| u64::try_from(time.nanos()).ok());
        writer.done.without_time += u64::from(nanos.is_none());
        let comments = comments.of(number);
        // The packet borrows the capture, whose interfaces are asked for below.
        writer.packet.clear();
        let (source, link_type, original_len) = match packet.content {
            PacketContent::Bytes { link_type, bytes, original_len } => {
                writer.packet.extend_from_slice(bytes);
                (Source::LinkType(link_type), link_type, original_len)
            }
            PacketContent::Segment(segment) => {
                writer.packet.extend_from_slice(&header_of(&segment));
                let len = writer.packet.len() as u64 + segment.wire_len();
                writer.packet.extend_from_slice(segment.payload);
                (Source::Synthesised, ETHERNET, u32::try_from(len).unwrap_or(u32::MAX))
            }
            PacketContent::NotTcp | PacketContent::Unusable { .. } => {
                writer.packet.extend_from_slice(&EMPTY_FRAME);
                (Source::Synthesised, ETHERNET, EMPTY_FRAME.len() as u32)
            }
        };
        let source = capture.interface_of_packet().map_or(source, Source::Interface);
        let interface = writer.interface(source, link_type, capture)?;
        writer.write(interface, nanos.unwrap_or(0), original_len, comments)?;
    }
    writer.finish()
}

fn section_comment(capture: &Capture, name: &str, comments: &Comments) -> String {
    let mut text = format!(
        "{name}, annotated by arqscope: {} packets have a comment; filter with frame.comment contains \"arqscope\".",
        comments.packets()
    );
    if capture.facts().format == Format::WiresharkText {
        text.push_str(
            " The input is an export. Where it holds no packet bytes, the headers here are synthesised around the TCP \
             payload, and a packet that carries no TCP is an empty frame of EtherType 0x88b5. Comments number packets \
             as the export does.",
        );
    }
    text
}

struct Writer<W: Write> {
    pcapng: PcapNgWriter<BufWriter<W>>,
    interfaces: HashMap<Source, u32>,
    packet: Vec<u8>,
    done: Annotated,
}

impl<W: Write> Writer<W> {
    fn new(out: W, comment: &str) -> io::Result<Self> {
        let options = vec![
            SectionHeaderOption::UserApplication(Cow::Borrowed(concat!("arqscope ", env!("CARGO_PKG_VERSION")))),
            SectionHeaderOption::Common(CommonOption::Comment(Cow::Borrowed(comment))),
        ];
        let section = SectionHeaderBlock { endianness: Endianness::Little, options, ..Default::default() };
        // A large packet goes through it uncopied: a record of 256 MiB is held twice by then.
        let out = BufWriter::with_capacity(BATCH, out);
        let pcapng = PcapNgWriter::with_section_header(out, section).map_err(io_error)?;
        Ok(Self { pcapng, interfaces: HashMap::new(), packet: Vec::new(), done: Annotated::default() })
    }

    /// The number of an interface in the output, described there when it is new.
    fn interface(&mut self, source: Source, link_type: LinkType, capture: &Capture) -> io::Result<u32> {
        if let Some(number) = self.interfaces.get(&source) {
            return Ok(*number);
        }
        let described = match source {
            Source::Interface(at) => usize::try_from(at).ok().and_then(|at| capture.facts().interfaces.get(at)),
            Source::LinkType(_) | Source::Synthesised => None,
        };
        let mut options = vec![InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO)];
        if source == Source::Synthesised {
            options.push(InterfaceDescriptionOption::IfDescription(Cow::Borrowed("headers synthesised by arqscope")));
        }
        if let Some(interface) = described {
            let text = |text: &Option<String>| text.clone().map(Cow::Owned);
            options.extend(text(&interface.name).map(InterfaceDescriptionOption::IfName));
            options.extend(text(&interface.description).map(InterfaceDescriptionOption::IfDescription));
            let bits = interface.fcs_len.and_then(|bytes| bytes.checked_mul(8));
            options.extend(bits.map(InterfaceDescriptionOption::IfFcsLen));
        }
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::from(u32::from(link_type.0)),
            snaplen: described.and_then(|interface| interface.snap_len).unwrap_or(0),
            options,
        };
        self.pcapng.write_pcapng_block(block).map_err(io_error)?;
        let number = u32::try_from(self.interfaces.len()).map_err(io::Error::other)?;
        self.interfaces.insert(source, number);
        Ok(number)
    }

    fn write(&mut self, interface: u32, nanos: u64, original_len: u32, comments: &[String]) -> io::Result<()> {
        let option = |text: &String| EnhancedPacketOption::Common(CommonOption::Comment(Cow::Owned(text.clone())));
        self.done.packets += 1;
        self.done.commented += u64::from(!comments.is_empty());
        let block = Block::EnhancedPacket(EnhancedPacketBlock {
            interface_id: interface,
            timestamp: Duration::from_nanos(nanos),
            original_len,
            data: Cow::Borrowed(&self.packet),
            options: comments.iter().map(option).collect(),
        });
        self.pcapng.write_block(&block).map_err(io_error)?;
        Ok(())
    }

    fn finish(mut self) -> Result<Annotated, AnnotateError> {
        self.pcapng.get_mut().flush()?;
        Ok(self.done)
    }
}

/// What the output said, as it said it.
fn io_error(error: PcapNgWriteError) -> io::Error {
    match error {
        PcapNgWriteError::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_beyond_those_of_a_packet_are_counted() {
        let mut comments = Comments::default();
        for _ in 0..MAX_OF_PACKET + 6 {
            comments.add(1, Severity::Note, "gap", "words");
        }
        comments.add(2, Severity::Note, "gap", "words");
        assert_eq!((comments.of(1).len(), comments.of(2).len()), (MAX_OF_PACKET, 1));
        assert_eq!((comments.packets(), comments.left_out()), (2, 6));
    }
}
