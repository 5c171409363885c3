//! gzip and zstd around a capture.

use std::io::Write;

use super::super::*;
use super::{drain, open, read, samples};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Pack = fn(&[u8]) -> Vec<u8>;

const PACKED: [(Compression, Pack); 2] = [(Compression::Gzip, gzip), (Compression::Zstd, zstd)];

fn capture() -> Vec<u8> {
    samples(&[3, 60, 0, 1400]).remove(0).0
}

/// Many packets that do not shrink, so that a cut falls between blocks.
fn large() -> Vec<u8> {
    let mut file = super::pcap::header(ByteOrder::Little, 0xa1b2_c3d4, (2, 4), 0, 1);
    let mut state = 1_u32;
    for second in 0..600 {
        let noise: Vec<u8> = (0..1000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        file.extend(super::pcap::record(ByteOrder::Little, second, 0, &noise, 1000));
    }
    file
}

#[test]
fn packed_captures_read_like_plain_ones() {
    for (plain, _) in samples(&[3, 60, 1, 70_000]) {
        let expected = read(&plain).0;
        for (compression, pack) in PACKED {
            let mut capture = open(&pack(&plain)).unwrap();
            assert_eq!(capture.facts().compression, Some(compression));
            let (packets, error) = drain(&mut capture);
            assert!(error.is_none());
            assert_eq!(packets, expected);
            assert_eq!(capture.facts().notes.to_string(), "");
        }
    }
}

#[test]
fn members_and_frames_one_after_the_other_are_one_capture() {
    let plain = capture();
    let expected = read(&plain).0;
    let skippable = [&b"\x53\x2a\x4d\x18\x05\0\0\0"[..], b"extra"].concat();
    for (_, pack) in PACKED {
        for at in [0, 3, 24, 100, plain.len()] {
            let joined = [pack(&plain[..at]), pack(&plain[at..])].concat();
            let (packets, error) = read(&joined);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(packets, expected);
        }
    }
    let joined = [skippable.clone(), zstd(&plain[..50]), skippable.clone(), zstd(&plain[50..]), skippable].concat();
    assert_eq!(read(&joined).0, expected);
}

#[test]
fn what_follows_the_packed_data_is_noted_and_ignored() {
    for (_, pack) in PACKED {
        for (tail, note) in [
            (vec![0; 10_000], Note::ZeroesAfterCompressed),
            (b"garbage".to_vec(), Note::GarbageAfterCompressed),
            (b"x".to_vec(), Note::GarbageAfterCompressed),
        ] {
            let mut capture = open(&[pack(&capture()), tail].concat()).unwrap();
            let (packets, error) = drain(&mut capture);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(packets.len(), 4);
            assert_eq!(capture.facts().notes.count(note), 1);
        }
    }
}

#[test]
fn packed_data_cut_anywhere_gives_whole_packets_and_then_says_so() {
    let plain = capture();
    let expected = read(&plain).0;
    for (compression, pack) in PACKED {
        let packed = pack(&plain);
        for cut in 4..packed.len() {
            let (packets, error) = read(&packed[..cut]);
            assert_eq!(packets, expected[..packets.len()]);
            let Some(CaptureError::Compressed { compression: named, at, .. }) = error else {
                panic!("{cut}: {error:?}")
            };
            assert_eq!(named, compression);
            assert!(at <= cut as u64);
        }
    }
}

#[test]
fn what_was_packed_before_a_cut_or_a_damage_is_delivered() {
    let plain = large();
    let expected = read(&plain).0;
    for (_, pack) in PACKED {
        let mut packed = pack(&plain);
        let middle = packed.len() / 2;
        let (packets, error) = read(&packed[..middle]);
        assert!(matches!(error, Some(CaptureError::Compressed { .. })), "{error:?}");
        // A zstd block holds at most 128 KiB, which cannot be unpacked in part.
        assert!(packets.len() > 150, "{} of 600", packets.len());
        assert_eq!(packets, expected[..packets.len()]);

        let last = packed.len() - if packed[0] == 0x1f { 6 } else { 2 };
        packed[last] ^= 1;
        let (packets, error) = read(&packed);
        assert_eq!(packets, expected, "a wrong checksum comes after the last packet");
        let Some(CaptureError::Compressed { what, .. }) = error else { panic!("{error:?}") };
        assert!(what.contains("checksum"), "{what}");
    }
}

#[test]
fn one_layer_of_compression_is_read_and_two_are_named() {
    for (_, outer) in PACKED {
        for (inner_name, inner) in PACKED {
            let error = open(&outer(&inner(&capture()))).unwrap_err();
            let CaptureError::Unsupported { format, .. } = error else { panic!("{error}") };
            assert!(format.starts_with(&inner_name.to_string()), "{format}");
        }
    }
}

#[test]
fn nothing_packed_is_no_capture() {
    for (_, pack) in PACKED {
        let error = open(&pack(b"")).unwrap_err();
        assert!(error.to_string().contains("0 bytes"), "{error}");
    }
}

#[test]
fn the_limit_of_unpacked_bytes_gives_what_is_before_it_and_names_its_option() {
    let plain = capture();
    for (_, pack) in PACKED {
        let read_within = |limit: usize| {
            let limits = CaptureLimits { max_decompressed: Some(limit as u64), ..CaptureLimits::default() };
            drain(&mut Capture::from_reader(Box::new(io::Cursor::new(pack(&plain))), &limits).unwrap())
        };
        let (packets, error) = read_within(plain.len());
        assert_eq!((packets.len(), error.is_none()), (4, true), "just enough");
        let (packets, error) = read_within(plain.len() - 1);
        assert_eq!(packets.len(), 3);
        let Some(CaptureError::Limit { offset, option, .. }) = error else { panic!("{error:?}") };
        assert_eq!((offset, option), (plain.len() as u64 - 1, "--max-decompressed"));
    }
    let limits = CaptureLimits { max_decompressed: Some(1000), ..CaptureLimits::default() };
    let export = gzip(format!("[{}1]", "\"x\",".repeat(1000)).as_bytes());
    let mut capture = Capture::from_reader(Box::new(io::Cursor::new(export)), &limits).unwrap();
    let error = loop {
        if let Err(error) = capture.next() {
            break error;
        }
    };
    assert!(matches!(error, CaptureError::Limit { offset: 1000, .. }), "{error}");
}

#[test]
fn everything_before_a_damage_is_delivered_however_the_input_arrives() {
    let plain = large();
    let expected = read(&plain).0;
    // Stored blocks, and then one of a kind that there is none of (RFC 1951 §3.2.3).
    let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    for stored in plain.chunks(50_000) {
        let len = stored.len() as u16;
        packed.push(0);
        packed.extend([len.to_le_bytes(), (!len).to_le_bytes()].concat());
        packed.extend_from_slice(stored);
    }
    packed.extend_from_slice(&[0xff; 300]);
    let at_once = read(&packed);
    assert_eq!(at_once.0, expected);
    for pieces in [&[1, 2, 1000][..], &[70_000], &[4096]] {
        let mut capture =
            Capture::from_reader(Box::new(super::Pieces::new(&packed, pieces)), &CaptureLimits::default()).unwrap();
        let (packets, error) = drain(&mut capture);
        assert_eq!(packets, at_once.0);
        assert_eq!(error.unwrap().to_string(), at_once.1.as_ref().unwrap().to_string());
    }
}

#[test]
fn of_damaged_data_as_much_is_unpacked_with_little_room_as_with_much() {
    use super::super::compression::{Compressed, Gzip, Zstd};
    use super::super::reads::SourceError;

    /// How much was unpacked, and the words that it ended with.
    fn unpack(mut source: Source, room: usize) -> (usize, String) {
        let (mut buffer, mut unpacked) = (vec![0; room], 0);
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return (unpacked, String::new()),
                Ok(count) => unpacked += count,
                Err(SourceError::Damaged { what, .. }) => return (unpacked, what),
                Err(_) => panic!("no other error is to be had from memory"),
            }
        }
    }
    // A zstd block unpacks to 128 KiB.
    let plain: Vec<u8> = (0..400_000_u32).map(|n| (n / 1000) as u8).collect();
    for (compression, pack) in PACKED {
        let packed = pack(&plain);
        let mut damaged = 0;
        for at in (0..packed.len()).step_by(5) {
            let mut packed = packed.clone();
            packed[at] ^= 0x55;
            let open = || {
                let compressed = Compressed::new(packed.clone(), Box::new(io::empty()));
                match compression {
                    Compression::Gzip => Source::Gzip(Gzip::new(compressed)),
                    Compression::Zstd => Source::Zstd(Zstd::new(compressed, 27).unwrap()),
                }
            };
            let much = unpack(open(), 1 << 20);
            for room in [1000, 65_536, 131_073] {
                assert_eq!(unpack(open(), room), much, "{compression:?}, byte {at}, room {room}");
            }
            damaged += usize::from(!much.1.is_empty());
        }
        assert!(damaged > 20, "{compression:?}: {damaged}");
    }
}

#[test]
fn every_part_of_a_gzip_header_is_stepped_over_and_an_unknown_one_named() {
    let plain = capture();
    let body = gzip(&plain)[10..].to_vec();
    let mut crc = flate2::Crc::new();
    // Flags: text, header checksum, extra field, name, comment.
    let mut header = b"\x1f\x8b\x08\x1f\0\0\0\0\0\x03\x05\0extraname\0comment\0".to_vec();
    crc.update(&header);
    header.extend_from_slice(&(crc.sum() as u16).to_le_bytes());
    assert_eq!(read(&[header.clone(), body.clone()].concat()).0.len(), 4);
    let last = header.len() - 1;
    header[last] ^= 1;
    for (header, word) in [
        (&header[..], "header"),
        (b"\x1f\x8b\x09\0\0\0\0\0\0\x03", "method 9"),
        (b"\x1f\x8b\x08\x80\0\0\0\0\0\x03", "0x80"),
    ] {
        let error = open(&[header, &body[..]].concat()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_zstd_window_beyond_the_limit_is_refused_with_the_way_out() {
    // Frame header: magic number, descriptor without content size, window descriptor of 2^(10 + 18) bytes.
    let frame = b"\x28\xb5\x2f\xfd\x00\x90\x01\0\0";
    let error = open(frame).unwrap_err();
    assert!(error.to_string().contains("--max-zstd-window") && error.to_string().contains("134217728"), "{error}");
    let limits = CaptureLimits { max_zstd_window: 256 << 20, ..CaptureLimits::default() };
    let error = Capture::from_reader(Box::new(io::Cursor::new(frame.to_vec())), &limits).unwrap_err();
    assert!(error.to_string().contains("unpacks to 0 bytes"), "{error}");
    // 2^27 is accepted: an empty last raw block follows.
    let error = open(b"\x28\xb5\x2f\xfd\x00\x88\x01\0\0").unwrap_err();
    assert!(error.to_string().contains("unpacks to 0 bytes"), "{error}");
}
