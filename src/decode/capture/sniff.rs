//! What input is, by its first bytes.

use super::{CaptureError, Compression, compression, magic};

/// Bytes that tell every format apart.
pub(super) const ENOUGH: usize = 64;

/// What input is.
pub(super) enum Kind {
    Compressed(Compression),
    Pcap,
    Pcapng,
    /// Text of any kind; the importer of exports finds out which.
    Text,
}

/// What four bytes are enough to tell, so that a capture from a pipe need not wait for more.
pub(super) fn certain(head: &[u8]) -> Option<Kind> {
    if let Some(packed) = compression::detect(head) {
        return Some(Kind::Compressed(packed));
    }
    let magic = head.first_chunk::<4>()?;
    if *magic == [0x0a, 0x0d, 0x0d, 0x0a] {
        return Some(Kind::Pcapng);
    }
    magic::detect(*magic).map(|_| Kind::Pcap)
}

/// Names the format of other input, which begins with `head`: [`ENOUGH`] bytes of it, or all there are.
pub(super) fn sniff(head: &[u8]) -> Result<Kind, CaptureError> {
    if let Some((_, format, instead)) = FOREIGN.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(unsupported(format, instead));
    }
    if is_text(head) {
        return Ok(Kind::Text);
    }
    if let Some((format, instead)) = without_magic(head) {
        return Err(unsupported(format, instead));
    }
    Err(CaptureError::NotACapture { found: describe(head) })
}

const UNPACK: &str = "unpack it first";
const CONVERT: &str = "convert it with Wireshark's `editcap -F pcapng IN OUT`";
const RESAVE: &str = "write it anew as pcap or pcapng, if the program that made it can";

/// Magic numbers of what is not read: bytes, name, what to do.
const FOREIGN: [(&[u8], &str, &str); 40] = [
    (b"\xfd7zXZ\0", "xz compression", "unpack it first (`xz -d`)"),
    (b"BZh", "bzip2 compression", "unpack it first (`bzip2 -d`)"),
    (b"\x04\x22\x4d\x18", "lz4 compression", "unpack it first (`lz4 -d`)"),
    (b"\x02\x21\x4c\x18", "lz4 compression (legacy)", "unpack it first (`lz4 -d`)"),
    (b"LZIP", "lzip compression", "unpack it first (`lzip -d`)"),
    (b"\x1f\x9d", "compress (.Z) compression", "unpack it first (`gzip -d`)"),
    (b"\x5d\0\0", "lzma compression", "unpack it first (`xz -d`)"),
    (b"PK\x03\x04", "zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "RAR archive", UNPACK),
    (b"snoop\0\0\0", "snoop capture", CONVERT),
    (b"RTSS", "Microsoft Network Monitor 1 capture", CONVERT),
    (b"GMBU", "Microsoft Network Monitor 2 capture", CONVERT),
    (b"TRSNIFF data    \x1a", "Sniffer (DOS) capture", CONVERT),
    (b"XCP\0", "Sniffer (Windows) or NetXRay capture", CONVERT),
    (b"VL\0\0", "NetXRay capture", CONVERT),
    (b"btsnoop\0", "btsnoop capture (Bluetooth)", CONVERT),
    (b"iptrace 1.0", "AIX iptrace capture", CONVERT),
    (b"iptrace 2.0", "AIX iptrace capture", CONVERT),
    (b"TR\0", "HP-UX nettl capture", CONVERT),
    (b"\0\0\x64\x76", "NetMetrix capture", RESAVE),
    (b"\x05VNF", "Visual Networks capture", CONVERT),
    (b"ObserverPktBuf", "Network Instruments Observer capture", CONVERT),
    (b"\xaa\xaa\xaa\xaa", "Accellent 5Views capture", CONVERT),
    (b"cpse", "Colasoft Capsa capture", CONVERT),
    (b"\x7fver", "OmniPeek tagged capture", CONVERT),
    (b"\0\0\x02\0\x12\x05\0\x10", "Tektronix K12 capture", CONVERT),
    (b"\x1c\0\x01\xab", "Ixia pcap", CONVERT),
    (b"\x1c\0\x01\xac", "Ixia pcap", CONVERT),
    (b"\xab\x01\0\x1c", "Ixia pcap", CONVERT),
    (b"\xac\x01\0\x1c", "Ixia pcap", CONVERT),
    (b"\xa1\x2b\x3c\x4d", "Navtel pcap", RESAVE),
    (b"\x4d\x3c\x2b\xa1", "Navtel pcap", RESAVE),
    (b"\xa1\xb2\x34\xcd", "pcap with the magic number a1b234cd", RESAVE),
    (b"\xcd\x34\xb2\xa1", "pcap with the magic number a1b234cd", RESAVE),
    (b"\xa1\xb2\xc3\xcb", "file of BPF instructions", "give the capture it was made for"),
    (b"\xcb\xc3\xb2\xa1", "file of BPF instructions", "give the capture it was made for"),
    (b"\x7fELF", "ELF program", "give a capture"),
    (b"\x89PNG", "PNG image", "give a capture"),
    (b"SQLite format 3\0", "SQLite database", "give a capture"),
];

fn unsupported(format: &str, instead: &str) -> CaptureError {
    CaptureError::Unsupported { format: format.to_owned(), instead: instead.to_owned() }
}

/// Text in UTF-8, Latin-1 or UTF-16: no control bytes but white space and escapes.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) || head.starts_with(&[0xef, 0xbb, 0xbf]) {
        return true;
    }
    let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x20..=0x7e | 0x80..);
    let (pairs, _) = head.as_chunks::<2>();
    // UTF-16 without a byte-order mark, as far as it is ASCII.
    let wide =
        |low: usize| pairs.iter().all(|pair| pair[1 - low] == 0 && pair[low].is_ascii() && printable(&pair[low]));
    let ascii = head.iter().filter(|byte| byte.is_ascii()).count();
    (head.iter().all(printable) && ascii * 2 > head.len()) || (!pairs.is_empty() && (wide(0) || wide(1)))
}

/// Formats that only their structure gives away; asked last.
fn without_magic(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let byte = |at: usize| head.get(at).copied().unwrap_or_default();
    let u16_be = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    // A record: 8 bytes of time, type, flags, record length, loss counter, wire length.
    let (kind, len) = (byte(8) & 0x7f, u16_be(10));
    let plausible_erf = (1..=48).contains(&kind) && len >= 16 && u16_be(14) <= 10_000 && byte(7) >= 0x20;
    // 44-byte records: time, interface, an IPv4 header from byte 8 on.
    let tsh = byte(8) >> 4 == 4 && byte(52) >> 4 == 4 && head.len() >= 53;
    match head {
        [5..=7, 0, ..] if head.len() >= 32 => Some(("what looks like an EtherPeek capture", CONVERT)),
        _ if tsh => Some(("what looks like an NLANR TSH capture", RESAVE)),
        _ if plausible_erf && head.len() >= 24 => Some(("what looks like an ERF capture", CONVERT)),
        _ => None,
    }
}

/// Unknown bytes in words.
fn describe(head: &[u8]) -> String {
    if head.iter().all(|byte| *byte == 0) {
        return format!("the first {} bytes are zero", head.len());
    }
    let shown = head.get(..8).unwrap_or(head);
    let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.join(" ");
    if head.len() < 4 {
        format!("there is nothing but the bytes {hex}")
    } else {
        format!("it begins with the bytes {hex}, as no known format does")
    }
}
