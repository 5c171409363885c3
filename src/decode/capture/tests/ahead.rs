//! Reading ahead gives what reading in place gives, whatever the input.

use std::io::{self, Read};

use proptest::prelude::*;

use super::super::*;
use super::compressed::{gzip, zstd};
use super::{Seen, drain, samples};

/// Gives the bytes in pieces as large as asked for, then an error or the end.
struct Failing {
    bytes: io::Cursor<Vec<u8>>,
    fails: bool,
}

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(into)? {
            0 if self.fails => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

/// Packets, errors and notes.
type Told = (Vec<Seen>, Option<String>, Vec<String>);

fn tell(bytes: &[u8], fails: bool, limits: &CaptureLimits, window: fn(Source) -> Window) -> Told {
    let source = Source::Plain(Box::new(Failing { bytes: io::Cursor::new(bytes.to_vec()), fails }));
    match Capture::from_window(window(source), limits) {
        Ok(mut capture) => {
            let (packets, error) = drain(&mut capture);
            let notes = capture.notes().into_iter().map(|(note, _)| note).collect();
            (packets, error.map(|error| error.to_string()), notes)
        }
        Err(error) => (Vec::new(), Some(error.to_string()), Vec::new()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_read_ahead_is_what_is_read_in_place(
        // Of a few blocks together, some larger than the room before one, some than a block.
        sizes in prop::collection::vec(
            prop_oneof![8 => 0..9000_usize, 3 => 10_000..40_000_usize, 1 => 200_000..700_000_usize], 1..80),
        sample in 0..4_usize,
        packing in 0..3_usize,
        cut in prop_oneof![Just(1.0), 0.0..1.0_f64],
        damaged in prop::option::of(0.0..1.0_f64),
        fails in any::<bool>(),
        max_decompressed in prop::option::of(0..2_000_000_u64),
    ) {
        let plain = samples(&sizes).swap_remove(sample).0;
        let mut bytes = match packing {
            0 => plain,
            1 => gzip(&plain),
            _ => zstd(&plain),
        };
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        if let Some(byte) = damaged.and_then(|at| { let at = (bytes.len() as f64 * at) as usize; bytes.get_mut(at) }) {
            *byte ^= 0x41;
        }
        let limits = CaptureLimits { max_decompressed, max_record: 1 << 20, ..CaptureLimits::default() };
        let told = tell(&bytes, fails, &limits, Window::new);
        let ahead = tell(&bytes, fails, &limits, Window::helped);
        prop_assert_eq!(&ahead.1, &told.1);
        prop_assert_eq!(&ahead.2, &told.2);
        prop_assert!(ahead.0 == told.0, "{} and {} packets", ahead.0.len(), told.0.len());
    }
}

#[test]
fn a_source_whose_thread_is_lost_is_an_error_and_no_end() {
    struct Lost(usize);
    impl Read for Lost {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            assert!(self.0 < 40, "lost on purpose");
            let file = samples(&[100; 200]).swap_remove(0).0;
            let at = (self.0 - 1) * 512;
            let piece = file.get(at..at + 512).unwrap_or_default();
            into[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }
    let mut capture =
        Capture::from_window(Window::helped(Source::Plain(Box::new(Lost(0)))), &CaptureLimits::default()).unwrap();
    let (packets, error) = drain(&mut capture);
    assert!(!packets.is_empty() && packets.len() < 200, "{}", packets.len());
    assert!(error.is_some_and(|error| error.to_string().contains("the thread that reads it has stopped")));
}
