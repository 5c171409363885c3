//! Two threads against one: the same captures read by both, and everything that is said compared.

use std::thread;

use proptest::prelude::*;

use super::*;
use crate::decode::capture::CaptureLimits;
use crate::decode::express::tests::{Scene, scene};
use crate::decode::reading::read;
use crate::decode::reassembly::{Chunk, Closing, ConnectionInfo, Hole, StreamNote, Way};

/// Keeps the streams of every connection, in words.
#[derive(Default)]
struct Heard(Vec<Said>);

struct Said {
    connection: u32,
    words: String,
    /// The thread that said it.
    by: Option<String>,
}

impl Heard {
    fn say(&mut self, info: &ConnectionInfo, words: String) {
        let unnumbered = ConnectionInfo { id: 0, ..info.clone() };
        let by = thread::current().name().map(str::to_owned);
        self.0.push(Said { connection: info.id, words: format!("{unnumbered:?} {words}"), by });
    }
}

impl StreamSink for Heard {
    type State = u64;

    fn is_quiet(&self, _: &u64) -> bool {
        true
    }

    fn chunk(&mut self, info: &ConnectionInfo, state: &mut u64, way: Way, chunk: Chunk<'_>) {
        *state += 1;
        self.say(info, format!("{state} {way:?} {chunk:?}"));
    }

    fn hole(&mut self, info: &ConnectionInfo, state: &mut u64, way: Way, hole: Hole) {
        self.say(info, format!("{state} {way:?} {hole:?}"));
    }

    fn note(&mut self, info: &ConnectionInfo, _: &mut u64, way: Way, note: StreamNote) {
        self.say(info, format!("{way:?} {note:?}"));
    }

    fn closed(&mut self, info: &ConnectionInfo, state: &mut u64, closing: Closing) {
        self.say(info, format!("{state} {closing:?}"));
    }
}

impl Apart for Heard {
    type Told = Said;

    fn another(&mut self, _: usize) -> Self {
        Self::default()
    }

    fn join(&mut self, _: Self) {}

    fn told(&mut self) -> &mut Vec<Said> {
        &mut self.0
    }
}

impl Numbered for Said {
    fn connection(&self) -> u32 {
        self.connection
    }

    fn renumber(&mut self, connection: u32) {
        self.connection = connection;
    }
}

fn words(said: &Said) -> String {
    format!("connection {}: {}", said.connection, said.words)
}

fn sums(reading: &Reading, capture: &Capture) -> String {
    let Reading { intake, streams, connections, error, stopped } = reading;
    let (counts, headers) = (intake.counts(), intake.headers());
    let (facts, notes) = (capture.facts(), capture.notes());
    format!("{counts:?} {headers:?} {streams:?} {connections} {error:?} {stopped} {facts:?} {notes:?}")
}

fn open(file: &[u8]) -> Option<Capture> {
    Capture::of_file(file.to_vec(), &CaptureLimits::default()).ok()
}

/// What one thread says, and the sums.
fn by_one(file: &[u8], limits: StreamLimits) -> Vec<String> {
    let Some(mut capture) = open(file) else { return Vec::new() };
    let mut heard = Heard::default();
    let reading = read(&mut capture, 3, limits, &mut heard, |_, _| ControlFlow::Continue(()));
    heard.0.iter().map(words).chain([sums(&reading, &capture)]).collect()
}

/// What two say, and who said it.
fn by_two(file: &[u8], limits: StreamLimits) -> (Vec<String>, Vec<Option<String>>) {
    let Some(mut capture) = open(file) else { return Default::default() };
    let (mut said, mut by) = (Vec::new(), Vec::new());
    let reading = read_halved(&mut capture, 3, limits, &mut Heard::default(), |told| {
        said.push(words(&told));
        by.push(told.by);
        ControlFlow::Continue(())
    });
    said.push(sums(&reading, &capture));
    (said, by)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn two_threads_say_what_one_says(scene in scene(), connections in 1_usize..16, patient: bool) {
        let file = scene.with_connections(connections).file();
        let limits = if patient { StreamLimits::patient() } else { StreamLimits::prompt() };
        let (one, (two, _)) = (by_one(&file, limits), by_two(&file, limits));
        for (one, two) in one.iter().zip(&two) {
            prop_assert_eq!(one, two);
        }
        prop_assert_eq!(one.len(), two.len());
    }
}

#[test]
fn both_threads_take_their_part_from_the_first_kilobytes_on() {
    let (said, by) = by_two(&Scene::plain(20).file(), StreamLimits::prompt());
    let second = by.iter().filter(|by| by.as_deref() == Some(SECOND)).count();
    assert!(second > said.len() / 10, "{second} of {}", said.len());
    assert!(second < said.len() * 9 / 10, "{second} of {}", said.len());
}

#[test]
fn near_a_limit_over_all_connections_one_thread_reads() {
    let file = Scene::plain(20).file();
    for limits in [
        StreamLimits { connections: 60_000, ..StreamLimits::prompt() },
        StreamLimits { held_bytes_in_all: 1 << 20, ..StreamLimits::prompt() },
    ] {
        let (said, by) = by_two(&file, limits);
        assert!(said.len() > 2000 && by.iter().all(|by| by.as_deref() != Some(SECOND)));
    }
}

#[test]
fn whoever_has_had_enough_ends_both() {
    let file = Scene::plain(20).file();
    let all = by_one(&file, StreamLimits::prompt());
    for enough in [1, 100, 500, 1000, 2000] {
        let mut capture = open(&file).unwrap();
        let mut said = Vec::new();
        let reading = read_halved(&mut capture, 3, StreamLimits::prompt(), &mut Heard::default(), |told| {
            said.push(words(&told));
            if said.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(reading.stopped);
        assert_eq!(said, all[..enough]);
    }
}

#[test]
#[should_panic(expected = "lost on purpose")]
fn a_thread_that_is_lost_takes_the_other_with_it() {
    struct Lost(Heard);

    impl StreamSink for Lost {
        type State = u64;

        fn chunk(&mut self, _: &ConnectionInfo, _: &mut u64, _: Way, _: Chunk<'_>) {
            assert!(thread::current().name() != Some(SECOND), "lost on purpose");
        }

        fn hole(&mut self, _: &ConnectionInfo, _: &mut u64, _: Way, _: Hole) {}

        fn closed(&mut self, _: &ConnectionInfo, _: &mut u64, _: Closing) {}
    }

    impl Apart for Lost {
        type Told = Said;

        fn another(&mut self, _: usize) -> Self {
            Self(Heard::default())
        }

        fn join(&mut self, _: Self) {}

        fn told(&mut self) -> &mut Vec<Said> {
            &mut self.0.0
        }
    }

    let mut capture = open(&Scene::plain(20).file()).unwrap();
    read_halved(&mut capture, 0, StreamLimits::prompt(), &mut Lost(Heard::default()), |_| ControlFlow::Continue(()));
}
