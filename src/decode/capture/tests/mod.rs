//! Captures built byte by byte, read back; what holds for every format is here.

mod ahead;
mod compressed;
mod pcap;
mod pcapng;
mod sniff;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::decode::PacketContent;

/// A packet as the tests compare it: time in nanoseconds, link type, bytes, original length.
type Seen = (Option<i64>, u16, Vec<u8>, u32);

/// Gives `bytes` in pieces of the sizes `pieces` tells, again and again.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    pieces: Vec<usize>,
    turn: usize,
    reads: Arc<AtomicUsize>,
}

impl Pieces {
    fn new(bytes: &[u8], pieces: &[usize]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0, pieces: pieces.to_vec(), turn: 0, reads: Arc::default() }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let piece = self.pieces[self.turn % self.pieces.len()];
        self.turn += 1;
        if piece == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = piece.min(into.len()).min(self.bytes.len() - self.at);
        into[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn open(bytes: &[u8]) -> Result<Capture, CaptureError> {
    Capture::from_reader(Box::new(io::Cursor::new(bytes.to_vec())), &CaptureLimits::default())
}

/// Every packet, and how it ended.
fn drain(capture: &mut Capture) -> (Vec<Seen>, Option<CaptureError>) {
    let mut packets = Vec::new();
    loop {
        match capture.next() {
            Ok(Some(packet)) => {
                assert_eq!(packet.number, packets.len() as u64 + 1);
                let PacketContent::Bytes { link_type, bytes, original_len } = packet.content else {
                    panic!("a record holds bytes");
                };
                packets.push((
                    packet.time.and_then(|t| i64::try_from(t.nanos()).ok()),
                    link_type.0,
                    bytes.to_vec(),
                    original_len,
                ));
            }
            Ok(None) => return (packets, None),
            Err(error) => {
                assert!(matches!(capture.next(), Ok(None)), "after an error there is nothing");
                return (packets, Some(error));
            }
        }
    }
}

fn read(bytes: &[u8]) -> (Vec<Seen>, Option<CaptureError>) {
    match open(bytes) {
        Ok(mut capture) => drain(&mut capture),
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// The packets of a sound capture, with its facts.
fn sound(bytes: &[u8]) -> (Vec<Seen>, CaptureFacts) {
    let mut capture = open(bytes).unwrap();
    let (packets, error) = drain(&mut capture);
    assert!(error.is_none(), "{error:?}");
    (packets, capture.facts().clone())
}

/// One sound capture of each format with `sizes.len()` packets, and where each packet's record ends.
fn samples(sizes: &[usize]) -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut samples = Vec::new();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let mut file = pcap::header(order, 0xa1b2_c3d4, (2, 4), 65_535, 1);
        let mut ends = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            file.extend(pcap::record(order, i as u32, 7, &vec![i as u8; *size], *size as u32));
            ends.push(file.len());
        }
        samples.push((file, ends));

        let mut file = pcapng::section(order);
        file.extend(pcapng::interface(order, 1, 0, &[]));
        let mut ends = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            file.extend(pcapng::enhanced(order, 0, i as u64, &vec![i as u8; *size], *size as u32));
            ends.push(file.len());
        }
        samples.push((file, ends));
    }
    samples
}

#[test]
fn a_capture_may_be_sent_to_another_thread() {
    const fn sends<T: Send>() {}
    sends::<Capture>();
}

#[test]
fn a_file_cut_at_any_byte_gives_its_whole_packets_and_then_the_place_of_the_cut() {
    for (file, ends) in samples(&[0, 1, 60, 3]) {
        for cut in 0..file.len() {
            let (packets, error) = read(&file[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(packets.len(), whole, "cut at {cut}");
            match error {
                None => {}
                Some(CaptureError::Cut { offset, needed, available, .. }) => {
                    assert_eq!(offset + available, cut as u64);
                    assert!(needed > available);
                }
                Some(CaptureError::Empty) => assert_eq!(cut, 0),
                Some(CaptureError::NotACapture { .. } | CaptureError::Unsupported { .. }) => assert!(cut < 4),
                Some(other) => panic!("cut at {cut}: {other}"),
            }
        }
        assert_eq!(read(&file).0.len(), 4);
    }
}

#[test]
fn a_cut_at_a_record_boundary_is_a_clean_end() {
    for (file, ends) in samples(&[5, 6, 7]) {
        for end in ends {
            assert!(read(&file[..end]).1.is_none());
        }
    }
}

#[test]
fn packets_from_a_pipe_are_handed_out_before_more_is_read() {
    for (file, ends) in samples(&[10, 20, 30]) {
        // The first read brings the headers and one packet, each further read one more.
        let pieces = Pieces::new(&file, &[ends[0], ends[1] - ends[0], ends[2] - ends[1]]);
        let reads = Arc::clone(&pieces.reads);
        let mut capture = Capture::from_reader(Box::new(pieces), &CaptureLimits::default()).unwrap();
        for expected in 1..=3 {
            assert!(capture.next().unwrap().is_some());
            assert_eq!(reads.load(Ordering::Relaxed), expected);
        }
    }
}

#[test]
fn a_record_larger_than_the_buffer_is_whole_and_so_is_the_next() {
    for (file, _) in samples(&[10, 3_000_000, 11]) {
        let (packets, error) = read(&file);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(packets.iter().map(|p| p.2.len()).collect::<Vec<_>>(), [10, 3_000_000, 11]);
        assert!(packets[1].2.iter().all(|byte| *byte == 1));
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let limits = CaptureLimits::default();
    let missing = Capture::open(&Input::from("/nonexistent/x.pcap"), &limits).unwrap_err();
    assert!(missing.to_string().starts_with("cannot open /nonexistent/x.pcap: "), "{missing}");
    let folder = Capture::open(&Input::from("/"), &limits).unwrap_err();
    assert!(matches!(folder, CaptureError::Open { .. }), "{folder}");
    assert!(matches!(open(b""), Err(CaptureError::Empty)));
}

#[test]
fn a_dash_is_standard_input() {
    assert_eq!(Input::from("-"), Input::Stdin);
    assert_eq!(Input::from("-").to_string(), "-");
    assert_eq!(Input::from("./-"), Input::Path("./-".into()));
}

#[test]
fn a_failing_read_tells_where_it_failed() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let (file, ends) = samples(&[4, 4]).remove(0);
    let reader = io::Cursor::new(file[..ends[0] + 3].to_vec()).chain(Fails);
    let mut capture = Capture::from_reader(Box::new(reader), &CaptureLimits::default()).unwrap();
    let (packets, error) = drain(&mut capture);
    assert_eq!(packets.len(), 1);
    let Some(CaptureError::Read { offset, .. }) = error else { panic!("{error:?}") };
    assert_eq!(offset, ends[0] as u64 + 3);
}

#[test]
fn a_long_input_is_read_in_larger_pieces_than_a_short_one() {
    struct Asked(io::Cursor<Vec<u8>>, Arc<AtomicUsize>);
    impl Read for Asked {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1.fetch_max(into.len(), Ordering::Relaxed);
            self.0.read(into)
        }
    }
    for (packets, most) in [(200, 64 << 10), (3000, 256 << 10)] {
        for (file, _) in samples(&vec![1000; packets]) {
            let asked = Arc::new(AtomicUsize::new(0));
            let reader = Asked(io::Cursor::new(file), Arc::clone(&asked));
            let mut capture = Capture::from_reader(Box::new(reader), &CaptureLimits::default()).unwrap();
            let (seen, error) = drain(&mut capture);
            assert!(error.is_none(), "{error:?}");
            assert!(seen.iter().map(|seen| seen.2.len()).eq(std::iter::repeat_n(1000, packets)));
            let asked = asked.load(Ordering::Relaxed);
            // Almost all of it is asked for: the rest holds the beginning of a record.
            assert!((most / 10 * 9..=most).contains(&asked), "{packets} packets: {asked}");
        }
    }
}

proptest! {
    #[test]
    fn the_size_of_reads_changes_nothing(
        sizes in proptest::collection::vec(0_usize..2000, 0..20),
        mut pieces in proptest::collection::vec(0_usize..700, 1..10),
    ) {
        pieces.push(1);
        for (file, _) in samples(&sizes) {
            let whole = read(&file);
            prop_assert!(whole.1.is_none());
            for bytes in [file.clone(), compressed::gzip(&file), compressed::zstd(&file)] {
                let reader = Box::new(Pieces::new(&bytes, &pieces));
                let mut capture = Capture::from_reader(reader, &CaptureLimits::default()).unwrap();
                let (packets, error) = drain(&mut capture);
                prop_assert!(error.is_none(), "{:?}", error);
                prop_assert_eq!(&packets, &whole.0);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0_usize..8) {
        // Random bytes alone never get past the magic number.
        let head: [&[u8]; 8] = [
            b"", b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\xa1\xb2\xcd\x34\0\x02\0\x04", b"\xd4\xc3\xb2\xa1\x02\0\x02\0",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
            b"\x0a\x0d\x0d\x0a", b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"\x28\xb5\x2f\xfd",
        ];
        let limits = CaptureLimits { max_record: 1 << 20, max_interfaces: 4, ..CaptureLimits::default() };
        let file = [head[start], &bytes].concat();
        if let Ok(mut capture) = Capture::from_reader(Box::new(io::Cursor::new(file)), &limits) {
            let _ = drain(&mut capture);
            let _ = capture.facts().notes.to_string();
        }
    }

    #[test]
    fn a_capture_with_bytes_changed_is_read_or_refused(
        sizes in proptest::collection::vec(0_usize..50, 1..6),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for (mut file, _) in samples(&sizes) {
            for (at, value) in &changes {
                let at = at.index(file.len());
                file[at] = *value;
            }
            let _ = read(&file);
        }
    }
}
