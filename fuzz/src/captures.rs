//! Capture files: pcap, pcapng, Wireshark's JSON, and what gzip and zstd make of them.

use std::io::{Cursor, Read, Write};

use arqscope::decode::capture::wireshark_json::{Limits, WiresharkJson};
use arqscope::decode::capture::{Capture, CaptureError, CaptureLimits};
use arqscope::decode::{Packet, PacketContent};

use super::tame::assert_tame;

/// What a file came to.
#[derive(Debug, PartialEq)]
struct Told {
    /// A line for each packet, with everything that is known of it.
    packets: Vec<String>,
    captured: usize,
    /// What the file was taken for at the end; empty for nothing.
    format: String,
    error: Option<String>,
}

/// Hands its bytes out in pieces whose lengths the bytes themselves decide.
struct Pieces(Cursor<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let at = self.0.position() as usize;
        let most = 1 + self.0.get_ref().get(at).map_or(0, |byte| usize::from(*byte) % 97);
        let room = into.len().min(most);
        self.0.read(&mut into[..room])
    }
}

/// Small, so that a small input meets them, too.
fn limits() -> CaptureLimits {
    CaptureLimits { max_record: 1 << 20, max_interfaces: 64, ..CaptureLimits::default() }
}

fn tell(told: &mut Told, packet: &Packet<'_>) {
    told.packets.push(format!("{packet:?}"));
    told.captured += match packet.content {
        PacketContent::Bytes { bytes, .. } => bytes.len(),
        PacketContent::Segment(segment) => segment.payload.len(),
        PacketContent::NotTcp | PacketContent::Unusable { .. } => 0,
    };
}

fn read(reader: Box<dyn Read + Send>) -> Told {
    let mut told = Told { packets: Vec::new(), captured: 0, format: String::new(), error: None };
    let words = |error: CaptureError| {
        let words = error.to_string();
        assert_tame("an error", words.as_bytes());
        Some(words)
    };
    let mut capture = match Capture::from_reader(reader, &limits()) {
        Ok(capture) => capture,
        Err(error) => {
            told.error = words(error);
            return told;
        }
    };
    loop {
        match capture.next() {
            Ok(Some(ref packet)) => tell(&mut told, packet),
            Ok(None) => break,
            Err(error) => {
                told.error = words(error);
                break;
            }
        }
    }
    assert!(matches!(capture.next(), Ok(None)), "after the end there is nothing");
    for (note, _) in capture.notes() {
        assert_tame("a note", note.as_bytes());
    }
    told.format = capture.format();
    assert_tame("the format's name", told.format.as_bytes());
    let _ = capture.facts();
    told
}

fn whole(data: &[u8]) -> Told {
    read(Box::new(Cursor::new(data.to_vec())))
}

/// However the input arrives, it reads the same; and packets have no more bytes than the file.
fn file(data: &[u8]) {
    let told = whole(data);
    assert_eq!(told, read(Box::new(Pieces(Cursor::new(data.to_vec())))), "read at once and in pieces");
    assert!(told.captured <= data.len(), "{} bytes of packets in a file of {}", told.captured, data.len());
}

/// A pcap file.
pub(super) fn pcap(data: &[u8]) {
    file(data);
}

/// A pcapng file.
pub(super) fn pcapng(data: &[u8]) {
    file(data);
}

/// An export, as a file and as what its reader is given directly.
pub(super) fn wireshark_json(data: &[u8]) {
    let told = whole(data);
    assert_eq!(told, read(Box::new(Pieces(Cursor::new(data.to_vec())))), "read at once and in pieces");
    // Two hexadecimal digits a byte, and no byte twice. What looks like another format may be read as that.
    let is_export = told.format.starts_with("Wireshark JSON");
    assert!(!is_export || told.captured <= data.len() / 2, "{} bytes in {} of text", told.captured, data.len());
    // Hardly any room: refused, not held.
    let tight = Limits { depth: 8, packet_bytes: 256, ..Limits::default() };
    if let Ok(mut export) = WiresharkJson::new(Box::new(Cursor::new(data.to_vec())), tight) {
        while let Ok(Some(_)) = export.next() {}
    }
}

/// A compressed file; and any file, compressed here, read again, cut, and damaged.
pub(super) fn compressed(data: &[u8]) {
    let plain = whole(data);
    if data.starts_with(&[0x1f, 0x8b]) || data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        assert_eq!(plain, read(Box::new(Pieces(Cursor::new(data.to_vec())))), "unpacked at once and in pieces");
        return;
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(data).unwrap();
    for packed in [gzip.finish().unwrap(), zstd::encode_all(data, 1).unwrap()] {
        let unpacked = whole(&packed);
        // Of a file that is no capture, the words are about the packing.
        if !plain.packets.is_empty() {
            assert_eq!(unpacked.packets, plain.packets, "packed and plain");
            assert_eq!(unpacked.error.is_some(), plain.error.is_some(), "{unpacked:?} and {plain:?}");
        }
        let place = data.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte)) % packed.len();
        let cut = whole(&packed[..place]);
        assert!(cut.error.is_some(), "cut after {place} of {} bytes: {cut:?}", packed.len());
        assert!(plain.packets.starts_with(&cut.packets), "what was before the cut: {cut:?}");
        let mut damaged = packed;
        damaged[place] ^= 0x40;
        whole(&damaged);
    }
}
