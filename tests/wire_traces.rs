//! Every frame of the reference runs (PROTOCOL §7) read field by field, and written back.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

use arqscope::wire::{Frame, FrameLayout, FrameView, MaxMsgSize};

const RUNS: [(u16, &str); 5] = [
    (4, include_str!("data/traces/run1.tsv")),
    (4, include_str!("data/traces/run2.tsv")),
    (4, include_str!("data/traces/run3.tsv")),
    (5, include_str!("data/traces/run4.tsv")),
    (10, include_str!("data/traces/run5.tsv")),
];

#[test]
fn every_frame_of_the_reference_runs_reads_as_the_reference_printed_it() {
    let mut frames = 0;
    for (run, (p, table)) in (1..).zip(RUNS) {
        let layout = FrameLayout::new(MaxMsgSize::new(p).unwrap());
        for line in table.lines().skip(1) {
            let at = format!("run {run}: {line}");
            let cells: Vec<&str> = line.split('\t').collect();
            let [_, from, hex, header, payload, seq, sent_time, prev_seq, pos] = cells[..] else { panic!("{at}") };
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
            let view = FrameView::new(&bytes, layout).expect(&at);
            assert_eq!(view.header_text(), header.as_bytes(), "{at}");
            assert_eq!(view.payload(), payload.as_bytes(), "{at}");
            assert_eq!(view.seq(), seq.parse::<i32>().unwrap(), "{at}");
            assert_eq!(view.sent_time().to_bits(), sent_time.parse::<f64>().unwrap().to_bits(), "{at}");
            assert_eq!(view.ack(), 0, "{at}");
            assert_eq!(view.prev_seq(), prev_seq.parse::<i32>().unwrap(), "{at}");
            assert_eq!(view.pos().0, pos.parse::<i32>().unwrap(), "{at}");
            let frame = Frame::parse(view).expect(&at);
            assert_eq!(frame.name.sender().as_str(), from, "{at}");
            let mut again = Vec::new();
            frame.emit(layout, &mut again).unwrap();
            assert_eq!(again, bytes, "{at}");
            frames += 1;
        }
    }
    assert_eq!(frames, 100);
}
