//! Writing captures: pcapng and pcap with nanoseconds.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapTsResolution};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{Block, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use crate::conversation::{PacketSink, WirePacket};
use crate::decode::LinkType;
use crate::time::Timestamp;

/// The snap length that capture tools use for "whole packets".
pub const WHOLE_PACKETS: u32 = 262_144;

/// Written packets are handed on in pieces of about this size.
const BATCH: usize = 64 << 10;

const APPLICATION: &str = concat!("arqscope ", env!("CARGO_PKG_VERSION"));

/// What a capture file says about itself. pcap has no place for the texts.
#[derive(Debug, Clone)]
pub struct Description<'a> {
    /// What the first byte of every packet means.
    pub link_type: LinkType,
    /// The most bytes kept of a packet; 0 means no limit.
    pub snaplen: u32,
    /// The interface's name.
    pub interface: &'a str,
    /// What the capture is; nothing is written when empty.
    pub comment: &'a str,
}

impl Default for Description<'_> {
    /// Whole Ethernet packets on `lo`, as [`TcpConversation`](crate::conversation::TcpConversation) emits them.
    fn default() -> Self {
        Self { link_type: LinkType(1), snaplen: WHOLE_PACKETS, interface: "lo", comment: "" }
    }
}

/// Writes a capture, packet by packet, in pieces of about 64 KiB; [`flush`](Self::flush) writes what is at hand.
///
/// Nothing is flushed on drop: end with [`finish`](Self::finish).
pub struct CaptureWriter<W> {
    encoder: Encoder,
    snaplen: u32,
    /// The bytes of one packet, which come in two parts.
    packet: Vec<u8>,
    to: W,
    written: u64,
}

enum Encoder {
    /// pcap-file's own writer does not let go of its target, so the 16 bytes before a packet are written here.
    Pcap(Vec<u8>),
    Pcapng(Box<PcapNgWriter<Vec<u8>>>),
}

impl Encoder {
    fn buffer(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Pcap(buffer) => buffer,
            Self::Pcapng(writer) => writer.get_mut(),
        }
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a pcapng capture: one little-endian section with one interface, times in nanoseconds.
    ///
    /// # Errors
    /// When it cannot be written, or a text is longer than the 65,535 bytes that an option holds.
    pub fn pcapng(to: W, description: &Description<'_>) -> io::Result<Self> {
        let mut options = vec![SectionHeaderOption::UserApplication(Cow::Borrowed(APPLICATION))];
        if !description.comment.is_empty() {
            options.push(SectionHeaderOption::Common(comment_option(description.comment)));
        }
        let section = SectionHeaderBlock { endianness: Endianness::Little, options, ..Default::default() };
        let mut writer =
            PcapNgWriter::with_section_header(Vec::with_capacity(2 * BATCH), section).map_err(io::Error::other)?;
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::from(u32::from(description.link_type.0)),
            snaplen: description.snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed(description.interface)),
                InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
            ],
        };
        writer.write_pcapng_block(interface).map_err(io::Error::other)?;
        Self::begin(to, Encoder::Pcapng(Box::new(writer)), description)
    }

    /// Begins a pcap capture, little endian, times in nanoseconds (magic A1B23C4D).
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn pcap(to: W, description: &Description<'_>) -> io::Result<Self> {
        let header = PcapHeader {
            snaplen: description.snaplen,
            datalink: DataLink::from(u32::from(description.link_type.0)),
            ts_resolution: PcapTsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..Default::default()
        };
        let mut buffer = Vec::with_capacity(2 * BATCH);
        header.write_to(&mut buffer).map_err(io::Error::other)?;
        Self::begin(to, Encoder::Pcap(buffer), description)
    }

    fn begin(to: W, encoder: Encoder, description: &Description<'_>) -> io::Result<Self> {
        let mut writer = Self { encoder, snaplen: description.snaplen, packet: Vec::new(), to, written: 0 };
        writer.flush()?;
        Ok(writer)
    }

    /// Writes a packet that comes in two parts, of which `original_len` bytes were on the wire; what is longer than the
    /// snap length is cut.
    ///
    /// # Errors
    /// When it cannot be written; [`io::ErrorKind::InvalidInput`] when its time is before 1970 or, in pcap, after 2106.
    #[inline]
    pub fn write(&mut self, time: Timestamp, parts: [&[u8]; 2], original_len: u32) -> io::Result<()> {
        self.record(time, parts, original_len, Vec::new())
    }

    /// Like [`write`](Self::write), with a comment that pcapng keeps beside the packet.
    ///
    /// # Errors
    /// As `write`; and when the comment is longer than 65,535 bytes.
    pub fn write_commented(
        &mut self,
        time: Timestamp,
        parts: [&[u8]; 2],
        original_len: u32,
        comment: &str,
    ) -> io::Result<()> {
        self.record(time, parts, original_len, vec![EnhancedPacketOption::Common(comment_option(comment))])
    }

    #[inline]
    fn record(
        &mut self,
        time: Timestamp,
        parts: [&[u8]; 2],
        original_len: u32,
        options: Vec<EnhancedPacketOption<'_>>,
    ) -> io::Result<()> {
        let out_of_range =
            || io::Error::new(io::ErrorKind::InvalidInput, format!("the packet time {time} cannot be written"));
        let keep = if self.snaplen == 0 { usize::MAX } else { self.snaplen as usize };
        let [first, second] = parts;
        let first = first.get(..keep).unwrap_or(first);
        let second = second.get(..keep - first.len()).unwrap_or(second);
        let len = first.len() + second.len();
        let original_len = original_len.max(len as u32);
        match &mut self.encoder {
            Encoder::Pcap(buffer) => {
                let seconds = u32::try_from(time.seconds()).map_err(|_| out_of_range())?;
                let fields = [seconds, time.subsec_nanos(), len as u32, original_len];
                buffer.extend_from_slice(fields.map(u32::to_le_bytes).as_flattened());
                buffer.extend_from_slice(first);
                buffer.extend_from_slice(second);
            }
            Encoder::Pcapng(writer) => {
                let nanos = u64::try_from(time.nanos()).map_err(|_| out_of_range())?;
                self.packet.clear();
                self.packet.extend_from_slice(first);
                self.packet.extend_from_slice(second);
                let block = Block::EnhancedPacket(EnhancedPacketBlock {
                    interface_id: 0,
                    timestamp: Duration::from_nanos(nanos),
                    original_len,
                    data: Cow::Borrowed(&self.packet),
                    options,
                });
                let whole = writer.get_ref().len();
                if let Err(error) = writer.write_block(&block) {
                    writer.get_mut().truncate(whole);
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
                }
            }
        }
        if self.encoder.buffer().len() >= BATCH { self.hand_on() } else { Ok(()) }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let buffer = self.encoder.buffer();
        let done = self.to.write_all(buffer);
        if done.is_ok() {
            self.written += buffer.len() as u64;
        }
        buffer.clear();
        done
    }

    /// Hands on what is at hand and flushes the target.
    ///
    /// # Errors
    /// When it cannot be written. What was at hand is dropped then, so that nothing is written twice.
    pub fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.to.flush()
    }

    /// Bytes handed on without error: up to there the file is whole.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// The target.
    pub const fn target(&mut self) -> &mut W {
        &mut self.to
    }

    /// Flushes, and gives the target back.
    ///
    /// # Errors
    /// When what is at hand cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.to)
    }
}

fn comment_option(text: &str) -> CommonOption<'_> {
    CommonOption::Comment(Cow::Borrowed(text))
}

impl<W: Write> PacketSink for CaptureWriter<W> {
    type Error = io::Error;

    #[inline]
    fn packet(&mut self, packet: WirePacket<'_>) -> io::Result<()> {
        self.write(packet.time, [packet.header, packet.payload], packet.original_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::capture::{Capture, CaptureLimits};
    use crate::decode::{Packet, PacketContent};
    use std::io::Cursor;
    use std::process::Command;

    type Records = Vec<(Option<Timestamp>, Vec<u8>, u32)>;

    /// The records of a capture, as the decoder reads them.
    fn read(bytes: Vec<u8>) -> Records {
        let mut capture = Capture::from_reader(Box::new(Cursor::new(bytes)), &CaptureLimits::default()).unwrap();
        let mut records = Vec::new();
        while let Some(Packet { time, content, .. }) = capture.next().unwrap() {
            let PacketContent::Bytes { bytes, original_len, link_type } = content else { panic!("{content:?}") };
            assert_eq!(link_type, LinkType(1));
            records.push((time, bytes.to_vec(), original_len));
        }
        records
    }

    fn both(description: &Description<'_>) -> [CaptureWriter<Vec<u8>>; 2] {
        [CaptureWriter::pcapng(Vec::new(), description), CaptureWriter::pcap(Vec::new(), description)]
            .map(Result::unwrap)
    }

    const LATE: Timestamp = Timestamp::from_nanos(1_795_356_624_584_927_001);

    #[test]
    fn packets_of_any_length_read_back_to_the_nanosecond() {
        for mut writer in both(&Description { comment: "made for a test", ..Description::default() }) {
            let mut expected = Records::new();
            for len in (0..300).chain([65_535, WHOLE_PACKETS as usize]) {
                let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
                let (first, second) = bytes.split_at(len / 3);
                writer.write(LATE, [first, second], len as u32).unwrap();
                expected.push((Some(LATE), bytes, len as u32));
            }
            assert!(read(writer.finish().unwrap()) == expected);
        }
    }

    #[test]
    fn a_snap_length_cuts_packets_and_keeps_their_length_on_the_wire() {
        for (snaplen, kept) in [(5, "heade"), (6, "header"), (8, "headerpa"), (0, "headerpayload")] {
            for mut writer in both(&Description { snaplen, ..Description::default() }) {
                writer.write(LATE, [b"header", b"payload"], 13).unwrap();
                assert_eq!(read(writer.finish().unwrap()), [(Some(LATE), kept.into(), 13)]);
            }
        }
    }

    #[test]
    fn a_time_that_the_format_has_no_place_for_is_refused_and_leaves_no_trace() {
        let [mut pcapng, mut pcap] = both(&Description::default());
        let in_2107 = Timestamp::from_nanos(4_323_456_000_000_000_000);
        for writer in [&mut pcapng, &mut pcap] {
            let error = writer.write(Timestamp::from_nanos(-1), [b"x", b""], 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        assert!(pcap.write(in_2107, [b"x", b""], 1).is_err());
        pcapng.write(in_2107, [b"x", b""], 1).unwrap();
        assert_eq!(read(pcap.finish().unwrap()), []);
        assert_eq!(read(pcapng.finish().unwrap()).len(), 1);
    }

    #[test]
    fn a_comment_too_long_for_its_option_is_refused_and_leaves_no_trace() {
        let mut writer = CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap();
        assert!(writer.write_commented(LATE, [b"x", b""], 1, &"c".repeat(65_536)).is_err());
        writer.write_commented(LATE, [b"y", b""], 1, &"c".repeat(65_535)).unwrap();
        assert_eq!(read(writer.finish().unwrap()), [(Some(LATE), b"y".to_vec(), 1)]);
    }

    #[test]
    fn only_whole_packets_are_counted_as_written() {
        let mut writer = CaptureWriter::pcap(Vec::new(), &Description::default()).unwrap();
        assert_eq!(writer.written(), 24);
        writer.write(LATE, [&[0; 10], &[]], 10).unwrap();
        assert_eq!(writer.written(), 24);
        writer.flush().unwrap();
        assert_eq!(writer.written(), 24 + 16 + 10);
        assert_eq!(writer.target().len() as u64, writer.written());
    }

    #[test]
    #[ignore = "needs tshark"]
    fn tshark_reads_times_lengths_and_comments() {
        let folder = tempfile::tempdir().unwrap();
        let description =
            Description { snaplen: 9, comment: "of the section", interface: "arq0", ..Description::default() };
        for (name, mut writer) in ["a.pcapng", "a.pcap"].into_iter().zip(both(&description)) {
            writer.write_commented(LATE, [b"header", b"payload"], 13, "of the packet").unwrap();
            let path = folder.path().join(name);
            std::fs::write(&path, writer.finish().unwrap()).unwrap();
            let fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.comment", "frame.interface_name"];
            let mut tshark = Command::new("tshark");
            tshark.arg("-r").arg(&path).args(["-T", "fields", "-E", "separator=|"]);
            let output = tshark.args(fields.iter().flat_map(|field| ["-e", field])).output().unwrap();
            let row = String::from_utf8(output.stdout).unwrap();
            let texts = if name == "a.pcapng" { "of the packet|arq0" } else { "|" };
            assert_eq!(row.trim_end(), format!("1795356624.584927001|13|9|{texts}"));
        }
    }
}
