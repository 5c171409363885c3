//! Rows a second of each output form, from rows that are ready.

use std::hint::black_box;
use std::io;

use arqscope::decode::print::{Bytes, Detail, Form, Options, Width, printer};
use arqscope::decode::{CapturedFrame, Row};
use arqscope::time::Timestamp;
use arqscope::wire::{Frame, FrameLayout, FrameView, MaxMsgSize, Name, Pos, Side};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: u32 = 10_000;

/// The frames of an exchange: each MSG with its ACK.
fn frames(layout: FrameLayout) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for n in 0..ROWS / 2 {
        let pos = Pos(i32::try_from(n).unwrap_or(i32::MAX) + 1);
        let sent = 1_736_219_082.582_655_4 + f64::from(n) * 0.000_137;
        let number = pos.to_string();
        let text = b"The quick brown fox jumps over the lazy dog and on.";
        let slice = &text[..usize::from(layout.max_msg_size().get()).min(text.len())];
        for frame in
            [Frame::from_client(Name::Msg, slice, pos, sent), Frame::from_server(Name::Ack, number.as_bytes(), sent)]
        {
            let mut bytes = Vec::new();
            frame.emit(layout, &mut bytes).expect("the payload fits");
            frames.push(bytes);
        }
    }
    frames
}

fn print(c: &mut Criterion) {
    let layout = FrameLayout::new(MaxMsgSize::new(10).expect("in range"));
    let frames = frames(layout);
    let rows: Vec<Row<'_>> = (0_u32..)
        .zip(&frames)
        .map(|(i, bytes)| Row {
            packet: u64::from(i) + 4,
            first_packet: u64::from(i) + 4,
            time: Some(Timestamp::from_nanos(1_736_219_082_582_655_000 + i64::from(i) * 68_411)),
            connection: 0,
            from: if i % 2 == 0 { Side::Client } else { Side::Server },
            offset: u64::from(i / 2) * 44,
            frame: CapturedFrame::whole(FrameView::new(bytes, layout).expect("the layout's length")),
            in_flight: Some(3),
            info: Default::default(),
        })
        .collect();
    let mut group = c.benchmark_group("print");
    group.throughput(Throughput::Elements(ROWS.into()));
    let mut bench = |name: &str, form: Form, options: Options| {
        group.bench_function(name, |b| {
            // One printer for all rounds: a table's first block is drawn once.
            let mut printer = printer(form, options.clone(), io::sink());
            b.iter(|| {
                for row in &rows {
                    printer.row(black_box(row)).expect("a sink takes everything");
                }
            });
        });
    };
    for form in Form::ALL {
        bench(form.as_str(), form, Options::default());
    }
    bench("table in 80 columns", Form::Table, Options { width: Width::Columns(80), ..Options::default() });
    bench("details", Form::Table, Options { detail: Detail::Full, ..Options::default() });
    bench("bytes", Form::Table, Options { bytes: Bytes::Shown, ..Options::default() });
    group.finish();
}

criterion_group!(benches, print);
criterion_main!(benches);
