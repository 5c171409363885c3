//! Packets a second of decoding, one stage more each time: what a stage costs is the difference to the one before.
//!
//! ```text
//! records ─► headers ─► streams ─► frames ─► rows ─► forms, filter
//! ```

mod traffic;

use std::hint::black_box;
use std::io;
use std::ops::ControlFlow;

use arqscope::decode::capture::{Capture, CaptureLimits};
use arqscope::decode::filter::{Filter, Scratch};
use arqscope::decode::framing::{FrameSink, FramedConnection, Framing, FramingOptions, LocatedFrame};
use arqscope::decode::headers::FragmentLimits;
use arqscope::decode::intake::Intake;
use arqscope::decode::print::{Form, Options, RowPrinter, printer};
use arqscope::decode::reading::read;
use arqscope::decode::reassembly::{Chunk, Closing, ConnectionInfo, Hole, StreamLimits, StreamSink, Way};
use arqscope::decode::rows::{RowSink, Rows};
use arqscope::decode::{PacketContent, Row};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const CONNECTIONS: u32 = 100;
const SLICES: u32 = 250;
/// An export is some forty times as large as its capture.
const EXPORTED: usize = 5_000;

/// Counts what reassembly delivers.
#[derive(Default)]
struct Bytes(u64);

impl StreamSink for Bytes {
    type State = ();

    fn chunk(&mut self, _: &ConnectionInfo, (): &mut (), _: Way, chunk: Chunk<'_>) {
        self.0 += chunk.bytes.len() as u64;
    }

    fn hole(&mut self, _: &ConnectionInfo, (): &mut (), _: Way, _: Hole) {}

    fn closed(&mut self, _: &ConnectionInfo, (): &mut (), _: Closing) {}
}

/// Reads every field of every frame.
#[derive(Default)]
struct Fields(u64);

impl FrameSink for Fields {
    type State = ();

    fn frame(&mut self, _: &FramedConnection<'_>, (): &mut (), located: &LocatedFrame<'_>) {
        let frame = &located.frame;
        black_box((frame.name(), frame.payload(), frame.seq(), frame.sent_time()));
        black_box((frame.ack(), frame.prev_seq(), frame.pos()));
        self.0 += 1;
    }
}

/// Counts rows.
#[derive(Default)]
struct Count(u64);

impl RowSink for Count {
    fn row(&mut self, _: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
        black_box(row);
        self.0 += 1;
        ControlFlow::Continue(())
    }
}

/// Prints rows.
struct Print<'w>(Box<dyn RowPrinter + 'w>);

impl RowSink for Print<'_> {
    fn row(&mut self, _: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
        self.0.row(row).expect("a sink takes everything");
        ControlFlow::Continue(())
    }
}

/// Counts the rows that match.
struct Matching {
    filter: Filter,
    scratch: Scratch,
    rows: u64,
}

impl RowSink for Matching {
    fn row(&mut self, _: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
        self.rows += u64::from(self.filter.matches(row, &mut self.scratch));
        ControlFlow::Continue(())
    }
}

fn open(file: &'static [u8]) -> Capture {
    Capture::from_reader(Box::new(file), &CaptureLimits::default()).expect("a capture")
}

fn records(file: &'static [u8]) -> u64 {
    let mut capture = open(file);
    let mut sum = 0;
    while let Some(packet) = capture.next().expect("a sound capture") {
        sum += match packet.content {
            PacketContent::Bytes { bytes, .. } => bytes.len() as u64,
            PacketContent::Segment(segment) => segment.payload.len() as u64,
            _ => 0,
        };
    }
    sum
}

fn headers(file: &'static [u8]) -> u64 {
    let mut capture = open(file);
    let mut intake = Intake::new(FragmentLimits::default());
    let mut sum = 0;
    while let Some(packet) = capture.next().expect("a sound capture") {
        sum += intake.segment(&packet).map_or(0, |segment| segment.payload.len() as u64);
    }
    sum
}

fn streams<S: StreamSink>(file: &'static [u8], mut sink: S) -> S {
    let go_on = |_, _: &mut S| ControlFlow::Continue(());
    let reading = read(&mut open(file), 0, StreamLimits::prompt(), &mut sink, go_on);
    assert!(reading.error.is_none());
    sink
}

fn frames<S: FrameSink>(file: &'static [u8], sink: S) -> S {
    streams(file, Framing::new(FramingOptions::default(), sink)).sink
}

fn rows<S: RowSink>(file: &'static [u8], sink: S) -> S {
    frames(file, Rows::new(sink)).into_sink()
}

fn stages(c: &mut Criterion) {
    let packets = traffic::exchanges(CONNECTIONS, SLICES);
    let all = packets.len() as u64;
    // Captures are read by owners of their input; these live as long as the program.
    let pcap: &'static [u8] = traffic::pcap(&packets).leak();
    let pcapng: &'static [u8] = traffic::pcapng(&packets).leak();
    let export: &'static [u8] = traffic::export(&packets[..EXPORTED]).leak();
    let framed = u64::from(CONNECTIONS * (SLICES * 2 + 6));

    let mut group = c.benchmark_group("decode");
    group.sample_size(20).throughput(Throughput::Elements(all));
    fn bench<R>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut stage: impl FnMut() -> R) {
        group.bench_function(name, |b| b.iter(|| black_box(stage())));
    }
    bench(&mut group, "records of pcap", || records(pcap));
    bench(&mut group, "records of pcapng", || records(pcapng));
    bench(&mut group, "headers", || headers(pcap));
    bench(&mut group, "streams", || streams(pcap, Bytes::default()).0);
    bench(&mut group, "frames", || assert_eq!(frames(pcap, Fields::default()).0, framed));
    bench(&mut group, "rows", || assert_eq!(rows(pcap, Count::default()).0, framed));
    for form in Form::ALL {
        bench(&mut group, form.as_str(), || {
            let mut print = rows(pcap, Print(printer(form, Options::default(), io::sink())));
            print.0.finish().expect("a sink takes everything");
        });
    }
    for text in ["arq.pos > 200", "arq.header == ACK && arq.info contains \"resend\""] {
        bench(&mut group, &format!("filter {text}"), || {
            let filter = Filter::parse(text).expect("a filter");
            rows(pcap, Matching { filter, scratch: Scratch::default(), rows: 0 }).rows
        });
    }
    group.throughput(Throughput::Elements(EXPORTED as u64));
    bench(&mut group, "records of a JSON export", || records(export));
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
