//! The pcapng format.

use super::super::*;
use super::{read, sound};

const LE: ByteOrder = ByteOrder::Little;
const BE: ByteOrder = ByteOrder::Big;

fn half(order: ByteOrder, value: u16) -> Vec<u8> {
    match order {
        ByteOrder::Little => value.to_le_bytes().to_vec(),
        ByteOrder::Big => value.to_be_bytes().to_vec(),
    }
}

fn word(order: ByteOrder, value: u32) -> Vec<u8> {
    match order {
        ByteOrder::Little => value.to_le_bytes().to_vec(),
        ByteOrder::Big => value.to_be_bytes().to_vec(),
    }
}

/// A block with its body padded.
fn block(order: ByteOrder, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = word(order, body.len() as u32 + 12);
    [word(order, kind), len.clone(), body, len].concat()
}

fn option(order: ByteOrder, code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = [half(order, code), half(order, value.len() as u16), value.to_vec()].concat();
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

fn section_of(order: ByteOrder, version: (u16, u16), options: &[u8]) -> Vec<u8> {
    let body =
        [word(order, 0x1a2b_3c4d), half(order, version.0), half(order, version.1), vec![0xff; 8], options.to_vec()];
    block(order, 0x0a0d_0d0a, &body.concat())
}

pub(super) fn section(order: ByteOrder) -> Vec<u8> {
    section_of(order, (1, 0), &[])
}

pub(super) fn interface(order: ByteOrder, link_type: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
    let body = [half(order, link_type), vec![0, 0], word(order, snap_len), options.to_vec()];
    block(order, 1, &body.concat())
}

pub(super) fn enhanced(order: ByteOrder, interface: u32, ticks: u64, bytes: &[u8], original: u32) -> Vec<u8> {
    let fields = [interface, (ticks >> 32) as u32, ticks as u32, bytes.len() as u32, original];
    let body = [fields.map(|field| word(order, field)).concat(), bytes.to_vec()];
    block(order, 6, &body.concat())
}

fn simple(order: ByteOrder, bytes: &[u8], original: u32) -> Vec<u8> {
    block(order, 3, &[word(order, original), bytes.to_vec()].concat())
}

fn start(order: ByteOrder) -> Vec<u8> {
    [section(order), interface(order, 1, 0, &[])].concat()
}

fn malformed(file: &[u8]) -> (usize, u64, String) {
    let (packets, error) = read(file);
    let Some(CaptureError::Malformed { offset, what } | CaptureError::Limit { offset, what, .. }) = error else {
        panic!("{error:?}")
    };
    (packets.len(), offset, what)
}

#[test]
fn packets_of_all_three_kinds_are_read_in_both_byte_orders() {
    for order in [LE, BE] {
        let old = [half(order, 0), half(order, 7), [0, 5_000_000, 3, 4].map(|field| word(order, field)).concat()];
        let file = [
            start(order),
            enhanced(order, 0, 1_000_001, b"abcde", 60),
            simple(order, b"fgh", 3),
            block(order, 2, &[old.concat(), b"ijk".to_vec()].concat()),
        ];
        let (packets, facts) = sound(&file.concat());
        assert_eq!(packets[0], (Some(1_000_001_000), 1, b"abcde".to_vec(), 60));
        assert_eq!(packets[1], (None, 1, b"fgh".to_vec(), 3));
        assert_eq!(packets[2], (Some(5_000_000_000), 1, b"ijk".to_vec(), 4));
        assert_eq!(facts.format, Format::Pcapng { order });
        assert_eq!(facts.notes.to_string(), "1 record without a timestamp");
    }
}

#[test]
fn each_interface_has_its_link_type_and_its_clock() {
    let file = [
        section(LE),
        interface(LE, 1, 96, &[option(LE, 2, b"eth0"), option(LE, 9, &[9]), option(LE, 0, b"")].concat()),
        interface(LE, 101, 0, &[option(LE, 14, &(-2_i64).to_le_bytes()), option(LE, 9, &[0x81])].concat()),
        enhanced(LE, 1, 5, b"b", 1),
        enhanced(LE, 0, 5, b"a", 1),
    ];
    let (packets, facts) = sound(&file.concat());
    assert_eq!(packets[0], (Some(500_000_000), 101, b"b".to_vec(), 1));
    assert_eq!(packets[1], (Some(5), 1, b"a".to_vec(), 1));
    assert_eq!(facts.interface_count, 2);
    assert_eq!(facts.interfaces[0].name.as_deref(), Some("eth0"));
    assert_eq!(facts.interfaces[0].snap_len, Some(96));
    assert_eq!(facts.interfaces[1].snap_len, None);
}

#[test]
fn a_new_section_may_change_the_byte_order_and_forgets_the_interfaces() {
    let file = [
        section_of(LE, (1, 0), &option(LE, 4, b"Dumpcap")),
        interface(LE, 1, 0, &[]),
        interface(LE, 101, 0, &[]),
        enhanced(LE, 1, 0, b"a", 1),
        section_of(BE, (1, 2), &option(BE, 4, b"other")),
        interface(BE, 113, 0, &[]),
        enhanced(BE, 0, 0, b"b", 1),
    ]
    .concat();
    let (packets, facts) = sound(&file);
    assert_eq!(packets.iter().map(|p| p.1).collect::<Vec<_>>(), [101, 113]);
    assert_eq!((facts.sections, facts.interface_count), (2, 3));
    assert_eq!(facts.written_by.as_deref(), Some("Dumpcap"));

    let stale = [file.clone(), enhanced(BE, 1, 0, b"c", 1)].concat();
    let (packets, offset, what) = malformed(&stale);
    assert_eq!((packets, offset), (2, file.len() as u64));
    assert!(what.contains("interface 1") && what.contains("describes 1"), "{what}");
}

#[test]
fn blocks_that_are_no_packets_are_skipped_and_counted() {
    let kinds = [4, 5, 9, 10, 0xbad, 0x4000_0bad, 0x7777, 0x8000_0001];
    let mut file = start(LE);
    for kind in kinds {
        file.extend(block(LE, kind, b"body"));
        file.extend(block(LE, kind, b""));
    }
    file.extend(enhanced(LE, 0, 0, b"x", 1));
    let (packets, facts) = sound(&file);
    assert_eq!(packets.len(), 1);
    for (note, count) in [
        (Note::NameResolution, 2),
        (Note::Statistics, 2),
        (Note::Journal, 2),
        (Note::Secrets, 2),
        (Note::CustomBlock, 4),
        (Note::UnknownBlock, 4),
    ] {
        assert_eq!(facts.notes.count(note), count, "{note:?}");
    }
}

#[test]
fn a_simple_packet_has_as_many_bytes_as_snap_length_original_length_and_block_allow() {
    let bytes = |snap_len, data: &[u8], original| {
        let (packets, facts) =
            sound(&[section(LE), interface(LE, 1, snap_len, &[]), simple(LE, data, original)].concat());
        (packets[0].2.clone(), facts.notes.count(Note::ShortSimplePacket))
    };
    assert_eq!(bytes(0, b"abc", 3), (b"abc".to_vec(), 0));
    assert_eq!(bytes(2, b"ab", 9), (b"ab".to_vec(), 0));
    assert_eq!(bytes(0, b"abcd", u32::MAX), (b"abcd".to_vec(), 1));
}

#[test]
fn lengths_that_contradict_the_format_are_malformed_at_their_block() {
    let file = [start(LE), enhanced(LE, 0, 0, b"good", 4)].concat();
    let place = file.len();
    for len in [0_u32, 4, 8, 11, 0x1000_0001, u32::MAX - 3, u32::MAX] {
        let mut bad = [file.clone(), enhanced(LE, 0, 0, b"bad", 3)].concat();
        bad[place + 4..place + 8].copy_from_slice(&len.to_le_bytes());
        let (packets, offset, what) = malformed(&bad);
        assert_eq!((packets, offset), (1, place as u64));
        assert!(what.contains(&len.to_string()), "{what}");
    }
}

#[test]
fn a_trailing_length_that_differs_is_malformed() {
    let mut file = [start(LE), enhanced(LE, 0, 0, b"good", 4)].concat();
    let last = file.len() - 4;
    file[last] = 0;
    assert!(malformed(&file).2.contains("36 at its start and 0 at its end"));
}

#[test]
fn a_length_that_leaves_out_the_padding_is_taken_with_the_padding_or_without() {
    // As old writers did: the length field says 33 bytes, with padding written or not.
    let fields = [0, 0, 0, 1, 1].map(|field| word(LE, field)).concat();
    let unpadded = [word(LE, 6), word(LE, 33), fields.clone(), b"x".to_vec(), word(LE, 33)].concat();
    let padded = [word(LE, 6), word(LE, 33), fields, b"x\0\0\0".to_vec(), word(LE, 33)].concat();
    for odd in [unpadded, padded] {
        let (packets, facts) = sound(&[start(LE), odd, enhanced(LE, 0, 0, b"next", 4)].concat());
        assert_eq!(packets.iter().map(|p| &p.2[..]).collect::<Vec<_>>(), [&b"x"[..], b"next"]);
        assert_eq!(facts.notes.count(Note::UnpaddedBlock), 1);
    }
}

#[test]
fn a_captured_length_beyond_the_block_is_malformed_and_one_beyond_the_original_length_noted() {
    let mut file = [start(LE), enhanced(LE, 0, 0, b"abcd", 4)].concat();
    let captured = file.len() - 4 - 4 - 8;
    file[captured] = 5;
    assert!(malformed(&file).2.contains("5 captured bytes, and its block has 4"));
    let (packets, facts) = sound(&[start(LE), enhanced(LE, 0, 0, b"abcd", 2)].concat());
    assert_eq!(packets[0].3, 2);
    assert_eq!(facts.notes.count(Note::LongerThanOriginal), 1);
}

#[test]
fn a_packet_without_an_interface_is_malformed() {
    for packet in [enhanced(LE, 0, 0, b"x", 1), simple(LE, b"x", 1)] {
        assert!(malformed(&[section(LE), packet].concat()).2.contains("interface 0"));
    }
    assert!(malformed(&[start(LE), enhanced(LE, u32::MAX, 0, b"x", 1)].concat()).2.contains("4294967295"));
}

#[test]
fn blocks_too_short_for_their_fields_are_malformed() {
    for (kind, len) in [(1, 4), (2, 16), (3, 0), (6, 16)] {
        assert!(malformed(&[start(LE), block(LE, kind, &vec![0; len])].concat()).2.contains("needed"));
    }
}

#[test]
fn damaged_options_cost_only_themselves() {
    let past_block = [option(LE, 9, &[9]), half(LE, 2), half(LE, 400)].concat();
    let cut = [option(LE, 9, &[9]), vec![2, 0, 1]].concat();
    let wrong_size = [option(LE, 14, &[0; 4]), option(LE, 9, &[9])].concat();
    let not_text = [option(LE, 2, b"\xff\xfe"), option(LE, 14, &[0; 4]), option(LE, 9, &[9])].concat();
    for options in [past_block, cut, wrong_size, not_text] {
        let (packets, facts) =
            sound(&[section(LE), interface(LE, 1, 0, &options), enhanced(LE, 0, 7, b"x", 1)].concat());
        assert_eq!(packets[0].0, Some(7), "the resolution stands");
        assert_eq!(facts.notes.count(Note::DamagedOptions), 1);
    }
}

#[test]
fn times_out_of_range_are_none_and_noted() {
    let file = [section(LE), interface(LE, 1, 0, &option(LE, 9, &[0])), enhanced(LE, 0, u64::MAX, b"x", 1)];
    let (packets, facts) = sound(&file.concat());
    assert_eq!(packets[0].0, None);
    assert_eq!(facts.notes.count(Note::TimeOutOfRange), 1);
}

#[test]
fn an_unknown_major_version_is_not_read_and_an_unknown_minor_one_noted() {
    let file = |version| [section_of(LE, version, &[]), interface(LE, 1, 0, &[]), enhanced(LE, 0, 0, b"x", 1)].concat();
    let (_, error) = read(&file((2, 0)));
    assert!(matches!(error, Some(CaptureError::Unsupported { .. })), "{error:?}");
    assert_eq!(sound(&file((1, 9))).1.notes.count(Note::UnknownVersion), 1);
    assert_eq!(sound(&file((1, 2))).1.notes.count(Note::UnknownVersion), 0);
}

#[test]
fn zeroes_to_the_end_are_noted_and_zeroes_before_something_else_malformed() {
    let file = [start(LE), enhanced(LE, 0, 0, b"x", 1)].concat();
    let (packets, facts) = sound(&[file.clone(), vec![0; 500_000]].concat());
    assert_eq!(packets.len(), 1);
    assert_eq!(facts.notes.count(Note::ZeroesAtEnd), 500_000);
    let (packets, offset, _) = malformed(&[file.clone(), vec![0; 400_000], vec![1]].concat());
    assert_eq!((packets, offset), (1, file.len() as u64));
}

#[test]
fn a_pcap_file_behind_is_recognised() {
    let file = [start(LE), super::pcap::header(LE, 0xa1b2_c3d4, (2, 4), 0, 1)].concat();
    assert!(malformed(&file).2.contains("mergecap"));
}

#[test]
fn interfaces_beyond_the_described_ones_are_counted_and_usable_up_to_a_limit() {
    let mut file = section(LE);
    for _ in 0..5000 {
        file.extend(interface(LE, 1, 0, &[]));
    }
    file.extend(interface(LE, 101, 0, &[]));
    file.extend(enhanced(LE, 5000, 0, b"x", 1));
    let (packets, facts) = sound(&file);
    assert_eq!(packets[0].1, 101);
    assert_eq!((facts.interface_count, facts.interfaces.len()), (5001, DESCRIBED_INTERFACES));

    let limits = CaptureLimits { max_interfaces: 100, ..CaptureLimits::default() };
    let mut capture = Capture::from_reader(Box::new(io::Cursor::new(file)), &limits).unwrap();
    assert!(matches!(capture.next(), Err(CaptureError::Malformed { .. })));
}

#[test]
fn a_section_header_with_an_unknown_byte_order_is_malformed() {
    let mut file = start(LE);
    file[8..12].copy_from_slice(&[0x3c, 0x4d, 0x1a, 0x2b]);
    assert!(malformed(&file).2.contains("3c4d1a2b"));
}
