//! Rows written by two threads, held to rows written by one.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::super::tests::{Sample, any_sample, exchange};
use super::super::{Bytes, Colour, Detail, Form, Options, RowPrinter, TimeFormat, TimeReference, Width, printer};
use super::*;
use crate::time::Timestamp;

/// What there is to do for a printer.
#[derive(Debug, Clone)]
enum Call {
    Row(Sample),
    Observe(u64, i64),
    Flush,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        20 => any_sample().prop_map(Call::Row),
        2 => any::<(u64, i64)>().prop_map(|(packet, time)| Call::Observe(packet, time)),
        1 => Just(Call::Flush),
    ];
    proptest::collection::vec(call, 0..80)
}

fn options() -> impl Strategy<Value = (Form, Options)> {
    let form = proptest::sample::select(Form::ALL.to_vec());
    let width = prop_oneof![Just(Width::Full), (40..200_u16).prop_map(Width::Columns)];
    let time = proptest::sample::select(TimeReference::ALL.to_vec());
    (form, width, time, any::<[bool; 4]>()).prop_map(|(form, width, (_, time), [colour, detail, bytes, brief])| {
        let options = Options {
            width,
            colour: if colour { Colour::Ansi } else { Colour::Plain },
            detail: if detail && brief { Detail::Full } else { Detail::Summary },
            bytes: if bytes && brief { Bytes::Shown } else { Bytes::Hidden },
            time: TimeFormat::new(time),
            ..Options::default()
        };
        (form, options)
    })
}

/// A writer with room for so many bytes, which anybody can look at.
#[derive(Clone)]
struct Tape {
    written: Rc<RefCell<Vec<u8>>>,
    room: usize,
}

impl Tape {
    fn new(room: usize) -> Self {
        Self { written: Rc::default(), room }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.borrow()).into_owned()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.written.borrow_mut();
        let count = bytes.len().min(self.room - written.len());
        written.extend_from_slice(&bytes[..count]);
        if count == 0 && !bytes.is_empty() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn make(printer: &mut dyn RowPrinter, call: &Call) -> io::Result<()> {
    match call {
        Call::Row(sample) => printer.row(&sample.row()),
        Call::Observe(packet, time) => {
            printer.observe(*packet, Timestamp::from_nanos(*time));
            Ok(())
        }
        Call::Flush => printer.flush(),
    }
}

/// What reached the writer at each flush, and at the end.
fn seen(form: Form, options: &Options, second_thread: bool, calls: &[Call]) -> Vec<String> {
    let tape = Tape::new(usize::MAX);
    let mut printer = printer(form, Options { second_thread, ..options.clone() }, tape.clone());
    let mut seen = Vec::new();
    for call in calls {
        make(&mut *printer, call).unwrap();
        if matches!(call, Call::Flush) {
            seen.push(tape.text());
        }
    }
    printer.finish().unwrap();
    seen.push(tape.text());
    seen
}

proptest! {
    #[test]
    fn two_threads_write_what_one_does((form, options) in options(), calls in calls()) {
        prop_assert_eq!(seen(form, &options, true, &calls), seen(form, &options, false, &calls));
    }

    #[test]
    fn a_writer_that_fails_has_a_beginning_of_the_text(
        (form, options) in options(), calls in calls(), room in 0_usize..20_000,
    ) {
        let whole = seen(form, &options, false, &calls).pop().unwrap_or_default();
        let tape = Tape::new(room);
        let mut printer = printer(form, Options { second_thread: true, ..options }, tape.clone());
        let failed = calls.iter().try_for_each(|call| make(&mut *printer, call)).and_then(|()| printer.finish());
        prop_assert_eq!(failed.is_err(), whole.len() > room);
        prop_assert!(whole.as_bytes().starts_with(&tape.written.borrow()));
    }
}

/// The samples as rows that were kept, with what is left of each after that.
fn kept(samples: &[Sample]) -> Vec<String> {
    let mut kept = KeptRows::default();
    samples.iter().for_each(|sample| kept.push(&sample.row()));
    let mut rows = Vec::new();
    let all = kept.try_for_each(|row| {
        rows.push(format!("{row:?}"));
        Ok(())
    });
    all.unwrap();
    rows
}

proptest! {
    #[test]
    fn kept_rows_are_the_same_rows(samples in proptest::collection::vec(any_sample(), 0..8)) {
        let rows: Vec<String> = samples.iter().map(|sample| format!("{:?}", sample.row())).collect();
        prop_assert_eq!(kept(&samples), rows);
    }
}

/// A style that counts its rows wherever they are written, and tells who wrote them.
#[derive(Debug, Clone, PartialEq)]
struct Who {
    /// Its text changes at each row that is a multiple of this.
    turns: u64,
    page: u64,
}

impl Style for Who {
    fn row<W: Write>(&mut self, row: &Row<'_>, sink: &mut Sink<W>) -> io::Result<()> {
        if row.packet.is_multiple_of(self.turns) {
            self.page += 1;
        }
        let name = thread::current().name().unwrap_or_default().to_owned();
        writeln!(sink.buffer(), "{} {} {name}", row.packet, self.page)
    }
}

/// Rows 0 to `count` by `Who`, page and writer of each.
fn by_whom(count: u64, turns: u64) -> Vec<(u64, String)> {
    let tape = Tape::new(usize::MAX);
    let (mut style, mut sink) = (Who { turns, page: 0 }, Sink::new(tape.clone(), Flushing::Block));
    let sample = &exchange(1)[2];
    let mut two = Two::begin().unwrap();
    for packet in 0..count {
        if two.keep(&Row { packet, ..sample.row() }) {
            // Whether it pays is for others to say.
            let _ = two.hand_over(&mut style, &mut sink).unwrap();
        }
    }
    two.settle(&mut style, &mut sink).unwrap();
    sink.flush().unwrap();
    let text = tape.text();
    let lines = text.lines().enumerate().map(|(number, line)| {
        let mut words = line.split(' ');
        assert_eq!(words.next().unwrap().parse(), Ok(number));
        (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned())
    });
    lines.collect()
}

#[test]
fn the_second_thread_writes_some_of_the_rows() {
    let rows = by_whom(3000, u64::MAX);
    assert_eq!(rows.len(), 3000);
    let by_second = rows.iter().filter(|(_, name)| name == THREAD).count();
    // Two blocks at least, which this one does not take back.
    assert!(by_second >= 6, "{by_second}");
}

#[test]
fn rows_that_were_written_in_another_style_than_it_came_to_are_written_again() {
    for turns in [1, 7, 100] {
        let rows = by_whom(400, turns);
        let pages: Vec<u64> = rows.iter().map(|(page, _)| *page).collect();
        assert_eq!(pages, (0..400).map(|packet| packet / turns + 1).collect::<Vec<u64>>());
    }
}

#[test]
fn a_panic_of_the_second_thread_is_not_lost() {
    #[derive(Clone, PartialEq)]
    struct Panics;
    impl Style for Panics {
        fn row<W: Write>(&mut self, row: &Row<'_>, _: &mut Sink<W>) -> io::Result<()> {
            assert!(row.packet < 3, "no more than three rows");
            Ok(())
        }
    }
    let sample = &exchange(1)[2];
    let panic = std::panic::catch_unwind(|| {
        let (mut style, mut sink) = (Panics, Sink::new(io::sink(), Flushing::Block));
        let mut two = Two::begin().unwrap();
        for packet in 0..6 {
            if two.keep(&Row { packet, ..sample.row() }) {
                let _ = two.hand_over(&mut style, &mut sink).unwrap();
            }
        }
        two.settle(&mut style, &mut sink).unwrap();
    });
    let panic = panic.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no more than three rows"));
}
