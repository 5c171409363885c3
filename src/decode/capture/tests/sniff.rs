//! Input that is something else.

use super::super::*;
use super::open;

fn refusal(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

#[test]
fn foreign_formats_are_named_with_what_to_do() {
    for (start, name, instead) in [
        (&b"\xfd7zXZ\0\0\x04"[..], "xz", "xz -d"),
        (b"BZh91AY&SY", "bzip2", "bzip2 -d"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7", "lz4", "lz4 -d"),
        (b"PK\x03\x04\x14\0", "zip", "unpack"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop", "editcap"),
        (b"GMBU\0\x02", "Network Monitor", "editcap"),
        (b"TRSNIFF data    \x1a", "Sniffer", "editcap"),
        (b"btsnoop\0\0\0\0\x01", "btsnoop", "editcap"),
        (b"iptrace 2.0\0\0", "iptrace", "editcap"),
        (b"\x1c\0\x01\xac\0\x02\0\x04", "Ixia", "editcap"),
        (b"\xa1\x2b\x3c\x4d\0\x02\0\x04", "Navtel", "anew"),
        (b"\x7fELF\x02\x01\x01\0", "ELF", "capture"),
    ] {
        let text = refusal(start);
        assert!(text.contains(name) && text.contains(instead), "{text}");
    }
}

#[test]
fn formats_without_a_magic_number_are_known_by_their_records() {
    let erf_record = |len: u16| {
        let mut record = vec![0x00, 0x11, 0x53, 0x18, 0xa2, 0x58, 0x26, 0x3b, 0x02, 0x00];
        record.extend(len.to_be_bytes());
        record.extend([0, 0, 0, 0x42]);
        record.resize(usize::from(len), 0);
        record
    };
    assert!(refusal(&erf_record(0x48)).contains("ERF"));
    let mut tsh = vec![0x3f, 0x13, 0x47, 0x8d, 1, 0, 0xc9, 0xc2, 0x45];
    tsh.resize(44, 0);
    assert!(refusal(&[tsh.clone(), tsh].concat()).contains("TSH"));
}

#[test]
fn unknown_bytes_are_shown() {
    assert!(refusal(b"\xa1\xb2\xc3\xd5\x02\0\x04\0").contains("a1 b2 c3 d5"));
    assert!(refusal(&[0; 100]).contains("zero"));
    assert!(refusal(b"\xd4").contains("d4"));
}

#[test]
fn text_of_every_encoding_goes_to_the_importer_of_exports() {
    let utf16: Vec<u8> = "[{\"a\":1}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_be: Vec<u8> = "[{\"a\":1}]".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for text in [
        &b"[]"[..],
        b"{",
        b"\xef\xbb\xbf[",
        b"\xff\xfe[\0",
        b"<?xml version=\"1.0\"?>",
        b"Running as user \"root\".\n[",
        b"\"No.\",\"Time\"\n",
        "caf\u{e9}\n".as_bytes(),
        &utf16,
        &utf16_be,
    ] {
        assert!(matches!(sniff::sniff(text), Ok(Kind::Text)), "{}", text.escape_ascii());
    }
}
