//! What a capture says about itself: format, interfaces, and the oddities met on the way.

use std::fmt;

use super::super::LinkType;

/// Interfaces that [`CaptureFacts`] describes one by one; more are only counted.
pub const DESCRIBED_INTERFACES: usize = 4096;

/// Bytes of an interface's or program's name that are kept.
const NAME_BYTES: usize = 256;

/// What is known so far about the file itself; grows while packets are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureFacts {
    /// What the (decompressed) bytes are.
    pub format: Format,
    /// What they were packed with.
    pub compression: Option<Compression>,
    /// The interfaces met so far in file order, over all sections, at most [`DESCRIBED_INTERFACES`].
    /// A pcap file has one; a JSON export none.
    pub interfaces: Vec<Interface>,
    /// How many interfaces were met, described in `interfaces` or not.
    pub interface_count: u64,
    /// Sections met so far; 1 for pcap and JSON.
    pub sections: u64,
    /// The program that wrote the file, as the first section's header names it.
    pub written_by: Option<String>,
    /// Counted oddities.
    pub notes: Notes,
}

impl CaptureFacts {
    pub(super) const fn new(format: Format) -> Self {
        Self {
            format,
            compression: None,
            interfaces: Vec::new(),
            interface_count: 0,
            sections: 1,
            written_by: None,
            notes: Notes::new(),
        }
    }

    pub(super) fn add_interface(&mut self, interface: Interface) {
        self.interface_count += 1;
        if self.interfaces.len() < DESCRIBED_INTERFACES {
            self.interfaces.push(interface);
        }
    }
}

/// The format of a capture. Displays as one would name it: `pcapng (little-endian)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The classic libpcap format.
    Pcap {
        /// How its integers are stored.
        order: ByteOrder,
        /// The unit of its timestamps.
        unit: TimeUnit,
        /// Which of its dialects.
        dialect: PcapDialect,
    },
    /// The pcapng format; each section has its own byte order.
    Pcapng {
        /// Byte order of the first section.
        order: ByteOrder,
    },
    /// A Wireshark or tshark export as text.
    WiresharkText,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pcap { order, unit, dialect } => {
                let dialect = match dialect {
                    PcapDialect::Standard => "pcap",
                    PcapDialect::SwappedLengths => "pcap before version 2.3",
                    PcapDialect::MaybeSwappedLengths => "pcap version 2.3",
                    PcapDialect::Modified => "modified pcap",
                };
                write!(f, "{dialect} ({order}, {unit})")
            }
            Self::Pcapng { order } => write!(f, "pcapng ({order})"),
            Self::WiresharkText => f.write_str("Wireshark export as text"),
        }
    }
}

/// How integers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) const fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Little => "little-endian",
            Self::Big => "big-endian",
        })
    }
}

/// The unit of a pcap file's timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// 10^-6 s.
    Microseconds,
    /// 10^-9 s.
    Nanoseconds,
}

impl TimeUnit {
    pub(super) const fn nanos(self) -> i64 {
        match self {
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        })
    }
}

/// The pcap dialects whose records differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcapDialect {
    /// Version 2.4, and whatever stores records the same way.
    Standard,
    /// Before version 2.3 (and 543.0): original length first, captured length second.
    SwappedLengths,
    /// Version 2.3: both orders were written; the smaller length is taken as the captured one.
    MaybeSwappedLengths,
    /// Magic number a1b2cd34, by Alexey Kuznetzov: 24-byte record headers.
    Modified,
}

/// What a capture file was packed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// One interface of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What the first byte of its packets means.
    pub link_type: LinkType,
    /// The most bytes of a packet that were captured; `None` without a limit.
    pub snap_len: Option<u32>,
    /// Its name (pcapng `if_name`), cut after 256 bytes.
    pub name: Option<String>,
    /// Its own description (pcapng `if_description`), cut after 256 bytes.
    pub description: Option<String>,
    /// Bytes of frame check sequence at each packet's end, where the file says so.
    pub fcs_len: Option<u8>,
}

/// Text of a capture's option as far as it is worth keeping: without NULs at its end, at most 256 bytes.
pub(super) fn name(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.get(..NAME_BYTES).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Something odd about a capture that does not keep it from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Note {
    /// A record that carries no time (pcapng simple packet block).
    WithoutTime,
    /// A time outside the range of [`Timestamp`](crate::time::Timestamp), read as none.
    TimeOutOfRange,
    /// A pcap timestamp whose fraction is a second or more; it is added all the same.
    FractionTooLarge,
    /// A packet captured longer than it was on the wire, by the file's own word.
    LongerThanOriginal,
    /// A record without a byte of packet.
    EmptyPacket,
    /// A simple packet block shorter than its packet.
    ShortSimplePacket,
    /// A pcapng block whose length is no multiple of four; it is taken as padded.
    UnpaddedBlock,
    /// Options that end beyond their block or have the wrong size; what came before them counts.
    DamagedOptions,
    /// A section or file of a version that is not known; it is read like the latest known one.
    UnknownVersion,
    /// A name resolution block, skipped.
    NameResolution,
    /// An interface statistics block, skipped.
    Statistics,
    /// A block of decryption secrets, skipped.
    Secrets,
    /// A systemd journal entry, skipped.
    Journal,
    /// A custom block, skipped.
    CustomBlock,
    /// A block of unknown type, skipped.
    UnknownBlock,
    /// Zero bytes instead of a further block, to the end of the file.
    ZeroesAtEnd,
    /// Zero bytes after the compressed data.
    ZeroesAfterCompressed,
    /// Other bytes after the compressed data, ignored as gzip and Wireshark do.
    GarbageAfterCompressed,
}

impl Note {
    /// Every note.
    pub const ALL: [Self; 18] = [
        Self::WithoutTime,
        Self::TimeOutOfRange,
        Self::FractionTooLarge,
        Self::LongerThanOriginal,
        Self::EmptyPacket,
        Self::ShortSimplePacket,
        Self::UnpaddedBlock,
        Self::DamagedOptions,
        Self::UnknownVersion,
        Self::NameResolution,
        Self::Statistics,
        Self::Secrets,
        Self::Journal,
        Self::CustomBlock,
        Self::UnknownBlock,
        Self::ZeroesAtEnd,
        Self::ZeroesAfterCompressed,
        Self::GarbageAfterCompressed,
    ];

    /// True for what sound captures hold as well: blocks that are no packets.
    #[must_use]
    pub const fn is_ordinary(self) -> bool {
        matches!(self, Self::NameResolution | Self::Statistics | Self::Secrets | Self::Journal | Self::CustomBlock)
    }

    /// The note in words after a count: `2 records without a timestamp`.
    #[must_use]
    pub const fn words(self, count: u64) -> &'static str {
        let (one, many) = match self {
            Self::WithoutTime => ("record without a timestamp", "records without a timestamp"),
            Self::TimeOutOfRange => (
                "timestamp beyond what seconds in 64 bits can count, shown as none",
                "timestamps beyond what seconds in 64 bits can count, shown as none",
            ),
            Self::FractionTooLarge => {
                ("timestamp whose fraction is a second or more", "timestamps whose fraction is a second or more")
            }
            Self::LongerThanOriginal => (
                "packet captured longer than it says it was on the wire",
                "packets captured longer than they say they were on the wire",
            ),
            Self::EmptyPacket => ("record without a byte of packet", "records without a byte of packet"),
            Self::ShortSimplePacket => {
                ("simple packet block shorter than its packet", "simple packet blocks shorter than their packets")
            }
            Self::UnpaddedBlock => {
                ("block whose length is no multiple of four", "blocks whose length is no multiple of four")
            }
            Self::DamagedOptions => ("block with damaged options", "blocks with damaged options"),
            Self::UnknownVersion => (
                "header of an unknown version, read like the known one",
                "headers of an unknown version, read like the known one",
            ),
            Self::NameResolution => ("name resolution block skipped", "name resolution blocks skipped"),
            Self::Statistics => ("interface statistics block skipped", "interface statistics blocks skipped"),
            Self::Secrets => ("decryption secrets block skipped", "decryption secrets blocks skipped"),
            Self::Journal => ("systemd journal block skipped", "systemd journal blocks skipped"),
            Self::CustomBlock => ("custom block skipped", "custom blocks skipped"),
            Self::UnknownBlock => ("block of unknown type skipped", "blocks of unknown type skipped"),
            Self::ZeroesAtEnd => {
                ("zero byte instead of a block at the end", "zero bytes instead of a block at the end")
            }
            Self::ZeroesAfterCompressed => {
                ("run of zero bytes after the compressed data", "runs of zero bytes after the compressed data")
            }
            Self::GarbageAfterCompressed => (
                "stretch of foreign bytes after the compressed data, ignored",
                "stretches of foreign bytes after the compressed data, ignored",
            ),
        };
        if count == 1 { one } else { many }
    }
}

/// How often each [`Note`] was met. Displays as a list in words, empty without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notes {
    counts: [u64; Note::ALL.len()],
}

impl Notes {
    const fn new() -> Self {
        Self { counts: [0; Note::ALL.len()] }
    }

    pub(super) const fn add(&mut self, note: Note, count: u64) {
        // `Note` has exactly as many variants as `counts` has places.
        self.counts[note as usize] += count;
    }

    /// How often `note` was met.
    #[must_use]
    pub const fn count(&self, note: Note) -> u64 {
        self.counts[note as usize]
    }

    /// The notes that were met, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Note, u64)> + '_ {
        Note::ALL.into_iter().map(|note| (note, self.count(note))).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (note, count)) in self.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{count} {}", note.words(count))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_has_its_own_place() {
        for (place, note) in Note::ALL.into_iter().enumerate() {
            assert_eq!(note as usize, place);
        }
    }

    #[test]
    fn notes_read_as_a_list_with_counts() {
        let mut notes = Notes::new();
        assert_eq!(notes.to_string(), "");
        notes.add(Note::WithoutTime, 2);
        notes.add(Note::UnknownBlock, 1);
        assert_eq!(notes.to_string(), "2 records without a timestamp, 1 block of unknown type skipped");
    }

    #[test]
    fn names_lose_their_padding_and_are_cut() {
        assert_eq!(name(b"eth0\0\0").as_deref(), Some("eth0"));
        assert_eq!(name(b"\0"), None);
        assert_eq!(name(&[b'x'; 1000]).map(|n| n.len()), Some(256));
        assert_eq!(name(b"\xff").as_deref(), Some("\u{fffd}"));
    }
}
