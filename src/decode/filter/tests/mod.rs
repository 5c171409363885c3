//! Rows made by hand for the tests of the filter.

mod refusals;
mod truth;
mod tshark;
mod twin;

use std::ops::Range;

use super::{Filter, Scratch};
use crate::decode::{CapturedFrame, Row};
use crate::time::Timestamp;
use crate::wire::{Field, Frame, FrameLayout, FrameView, MaxMsgSize, Name, Pos, Side};

/// What a row borrows from, and the rest of it.
#[derive(Debug, Clone)]
struct Sample {
    bytes: Vec<u8>,
    layout: FrameLayout,
    missing: Vec<Range<usize>>,
    packet: u64,
    first_packet: u64,
    time: Option<Timestamp>,
    connection: u32,
    from: Side,
    offset: u64,
    in_flight: Option<u32>,
}

impl Sample {
    fn new(packet: u64, max_msg_size: u16, frame: &Frame<'_>) -> Self {
        let layout = FrameLayout::new(MaxMsgSize::new(max_msg_size).unwrap());
        let mut bytes = Vec::new();
        frame.emit(layout, &mut bytes).unwrap();
        Self {
            bytes,
            layout,
            missing: Vec::new(),
            packet,
            first_packet: packet,
            time: None,
            connection: 0,
            from: frame.name.sender(),
            offset: 0,
            in_flight: None,
        }
    }

    fn without(mut self, field: Field) -> Self {
        self.missing.extend(self.layout.fields().filter(|(f, _)| *f == field).map(|(_, range)| range));
        self.missing.sort_by_key(|range| range.start);
        self
    }

    fn row(&self) -> Row<'_> {
        Row {
            packet: self.packet,
            first_packet: self.first_packet,
            time: self.time,
            connection: self.connection,
            from: self.from,
            offset: self.offset,
            frame: CapturedFrame::partial(FrameView::new(&self.bytes, self.layout).unwrap(), &self.missing),
            in_flight: self.in_flight,
            info: Default::default(),
        }
    }
}

/// The packet numbers of `samples` that `filter` lets through.
fn selected(filter: &str, samples: &[Sample]) -> Vec<u64> {
    let compiled = Filter::parse(filter).unwrap_or_else(|error| panic!("{error}"));
    let mut scratch = Scratch::new();
    samples.iter().filter(|s| compiled.matches(&s.row(), &mut scratch)).map(|s| s.packet).collect()
}

fn message(name: Name, payload: &[u8], pos: i32, sent_time: f64) -> Frame<'_> {
    match name.sender() {
        Side::Client => Frame::from_client(name, payload, Pos(pos), sent_time),
        Side::Server => Frame::from_server(name, payload, sent_time),
    }
}
