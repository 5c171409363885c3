//! The classic format.

use super::super::*;
use super::{read, sound};

/// A file header.
pub(super) fn header(order: ByteOrder, magic: u32, version: (u16, u16), snap_len: u32, network: u32) -> Vec<u8> {
    let mut file = word(order, magic);
    for half in [version.0, version.1] {
        match order {
            ByteOrder::Little => file.extend(half.to_le_bytes()),
            ByteOrder::Big => file.extend(half.to_be_bytes()),
        }
    }
    for value in [0, 0, snap_len, network] {
        file.extend(word(order, value));
    }
    file
}

/// A record of the standard layout.
pub(super) fn record(order: ByteOrder, seconds: u32, fraction: u32, bytes: &[u8], original: u32) -> Vec<u8> {
    let mut record = Vec::new();
    for value in [seconds, fraction, bytes.len() as u32, original] {
        record.extend(word(order, value));
    }
    record.extend(bytes);
    record
}

fn word(order: ByteOrder, value: u32) -> Vec<u8> {
    match order {
        ByteOrder::Little => value.to_le_bytes().to_vec(),
        ByteOrder::Big => value.to_be_bytes().to_vec(),
    }
}

const LE: ByteOrder = ByteOrder::Little;
const BE: ByteOrder = ByteOrder::Big;
const MICROS: u32 = 0xa1b2_c3d4;

fn standard() -> Vec<u8> {
    header(LE, MICROS, (2, 4), 65_535, 1)
}

#[test]
fn both_byte_orders_and_both_units_are_read() {
    for order in [LE, BE] {
        for (magic, unit, nanos) in
            [(MICROS, TimeUnit::Microseconds, 3_000_005_000), (0xa1b2_3c4d, TimeUnit::Nanoseconds, 3_000_000_005)]
        {
            let file = [header(order, magic, (2, 4), 100, 113), record(order, 3, 5, b"abc", 9)].concat();
            let (packets, facts) = sound(&file);
            assert_eq!(packets, [(Some(nanos), 113, b"abc".to_vec(), 9)]);
            assert_eq!(facts.format, Format::Pcap { order, unit, dialect: PcapDialect::Standard });
            assert_eq!(facts.interfaces[0].snap_len, Some(100));
            assert_eq!(facts.notes.to_string(), "");
        }
    }
}

#[test]
fn times_after_2038_are_not_negative() {
    let (packets, _) = sound(&[standard(), record(LE, u32::MAX, 999_999, b"x", 1)].concat());
    assert_eq!(packets[0].0, Some(4_294_967_295_999_999_000));
}

#[test]
fn a_fraction_of_a_second_or_more_is_added_and_noted() {
    let (packets, facts) = sound(&[standard(), record(LE, 1, 2_000_000, b"x", 1)].concat());
    assert_eq!(packets[0].0, Some(3_000_000_000));
    assert_eq!(facts.notes.count(Note::FractionTooLarge), 1);
}

#[test]
fn a_snap_length_of_zero_or_of_all_ones_is_none() {
    for snap_len in [0, u32::MAX] {
        let file = [header(LE, MICROS, (2, 4), snap_len, 1), record(LE, 1, 0, b"abc", 3)].concat();
        let (packets, facts) = sound(&file);
        assert_eq!(packets.len(), 1);
        assert_eq!(facts.interfaces[0].snap_len, None);
    }
}

#[test]
fn a_packet_may_be_longer_than_the_snap_length_and_than_it_was_on_the_wire() {
    let file = [header(LE, MICROS, (2, 4), 2, 1), record(LE, 1, 0, b"abcdef", 4)].concat();
    let (packets, facts) = sound(&file);
    assert_eq!(packets[0].2, b"abcdef");
    assert_eq!(packets[0].3, 4);
    assert_eq!(facts.notes.count(Note::LongerThanOriginal), 1);
}

#[test]
fn before_version_2_3_the_original_length_comes_first() {
    let swapped = |version| {
        let mut file = header(LE, MICROS, version, 68, 1);
        for value in [1, 0, 9, 3] {
            file.extend(word(LE, value));
        }
        file.extend(b"abc");
        file
    };
    for version in [(2, 0), (2, 1), (2, 2), (2, 3)] {
        let (packets, _) = sound(&swapped(version));
        assert_eq!(packets, [(Some(1_000_000_000), 1, b"abc".to_vec(), 9)], "{version:?}");
    }
    // Of version 2.3 files with either order exist.
    let file = [header(LE, MICROS, (2, 3), 68, 1), record(LE, 1, 0, b"abc", 9)].concat();
    assert_eq!(sound(&file).0[0].2, b"abc");
}

#[test]
fn archaic_versions_are_refused_and_unknown_newer_ones_noted() {
    let file = |version| [header(LE, MICROS, version, 68, 1), record(LE, 1, 0, b"abc", 3)].concat();
    let (_, error) = read(&file((1, 2)));
    assert!(matches!(error, Some(CaptureError::Unsupported { .. })), "{error:?}");
    let (packets, facts) = sound(&file((2, 7)));
    assert_eq!(packets.len(), 1);
    assert_eq!(facts.notes.count(Note::UnknownVersion), 1);
}

#[test]
fn the_modified_dialect_has_eight_more_bytes_before_each_packet() {
    for order in [LE, BE] {
        let mut file = header(order, 0xa1b2_cd34, (2, 4), 0, 1);
        for bytes in [&b"abc"[..], b"defgh"] {
            let mut head = record(order, 1, 2, bytes, 60);
            head.truncate(16);
            file.extend(head);
            file.extend([0xee; 8]);
            file.extend(bytes);
        }
        let (packets, facts) = sound(&file);
        assert_eq!(packets[0].2, b"abc");
        assert_eq!(packets[1], (Some(1_000_002_000), 1, b"defgh".to_vec(), 60));
        assert!(matches!(facts.format, Format::Pcap { dialect: PcapDialect::Modified, .. }));
    }
}

#[test]
fn the_upper_half_of_the_link_type_tells_the_check_sequence() {
    let (packets, facts) = sound(&[header(LE, MICROS, (2, 4), 0, 0x2400_0001), record(LE, 1, 0, b"abc", 3)].concat());
    assert_eq!(packets[0].1, 1);
    assert_eq!(facts.interfaces[0].fcs_len, Some(4));
    let (_, facts) = sound(&header(LE, MICROS, (2, 4), 0, 0x3000_0001));
    assert_eq!(facts.interfaces[0].fcs_len, None);
}

#[test]
fn every_link_type_keeps_its_number() {
    for number in 0..=u16::MAX {
        let header = header(LE, MICROS, (2, 4), 0, u32::from(number));
        let link_type = open_only(&header).facts().interfaces[0].link_type;
        assert_eq!(link_type.0, number);
    }
}

fn open_only(bytes: &[u8]) -> Capture {
    super::open(bytes).unwrap()
}

#[test]
fn a_length_beyond_the_limit_is_refused_with_its_place_and_allocates_nothing() {
    for claimed in [(256 << 20) + 1, 1 << 30, u32::MAX] {
        let mut bad = record(LE, 1, 0, b"", 60);
        bad[8..12].copy_from_slice(&claimed.to_le_bytes());
        let (packets, error) = read(&[standard(), record(LE, 1, 0, b"ok", 2), bad].concat());
        assert_eq!(packets.len(), 1);
        let Some(CaptureError::Limit { offset, what, option: "--max-record" }) = error else { panic!("{error:?}") };
        assert_eq!(offset, 24 + 18);
        assert!(what.contains(&claimed.to_string()) && what.contains("packet 2"), "{what}");
    }
}

#[test]
fn a_second_capture_behind_the_first_is_recognised() {
    let first = [standard(), record(LE, 1, 0, b"abc", 3)].concat();
    for second in [standard(), header(BE, MICROS, (2, 4), 0, 1), super::pcapng::section(LE), super::pcapng::section(BE)]
    {
        let (packets, error) = read(&[first.clone(), second].concat());
        assert_eq!(packets.len(), 1);
        let Some(CaptureError::Malformed { offset, what }) = error else { panic!("{error:?}") };
        assert_eq!(offset, first.len() as u64);
        assert!(what.contains("mergecap"), "{what}");
    }
}

#[test]
fn empty_records_are_packets() {
    let (packets, facts) = sound(&[standard(), vec![0; 160]].concat());
    assert_eq!(packets.len(), 10);
    assert_eq!(facts.notes.count(Note::EmptyPacket), 10);
}
