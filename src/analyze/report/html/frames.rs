//! Frames as columns: what the page draws, one entry a frame in each.
//!
//! A column that mostly climbs holds differences, one whose values are few holds a letter a frame in one string, and
//! what few frames have stands in a map by index. So a frame of 44 bytes costs about 90 bytes of the page, and it is
//! read with one `JSON.parse`.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};

use crate::analyze::report::places::Places;
use crate::analyze::{NotWritten, Step, StepVerdict};
use crate::decode::framing::LocatedFrame;
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Arrival, Departure, Positions};
use crate::wire::{Name, Side};

/// What a double still counts exactly: 104 days in nanoseconds. Times of broken clocks beyond stand there.
const FAR: i64 = 1 << 53;

/// The frames of one connection.
#[derive(Debug, Default, Serialize)]
pub(super) struct Frames {
    /// Frames that are here.
    count: usize,
    /// Frames that came after these and were dropped.
    dropped: u64,
    /// The first so many have their bytes in `bytes`.
    with_bytes: usize,
    /// What times count from: the connection's first packet, epoch seconds with nine digits.
    start: Option<String>,
    packet: Deltas,
    /// Where a frame began in an earlier packet: that packet.
    first_packet: BTreeMap<usize, u64>,
    /// Nanoseconds since `start`.
    time: Deltas,
    /// `c` or `s`.
    from: String,
    /// A letter of [`name_letter`].
    name: String,
    pos: Deltas,
    /// A letter of [`verdict_letter`].
    verdict: String,
    /// The positions that go with a verdict: first and last of those passed over.
    missing: BTreeMap<usize, [i32; 2]>,
    /// A letter of [`arrival_letter`].
    arrival: String,
    /// ACKs that were not written: behind which frame, first and last number, and whether it may as well be a later one.
    not_written: Vec<(usize, i32, i32, bool)>,
    highest: Deltas,
    acked: Deltas,
    edge: Deltas,
    in_flight: Deltas,
    /// P by which the frame is laid out.
    max_msg_size: Deltas,
    /// Byte ranges that were not captured.
    not_captured: BTreeMap<usize, Vec<[usize; 2]>>,
    bytes: Bytes,
    #[serde(skip)]
    since: Option<Timestamp>,
    #[serde(skip)]
    places: Places,
}

/// A column of numbers, each as the difference to the last known one before it; `null` where unknown.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
struct Deltas {
    values: Vec<Option<i64>>,
    #[serde(skip)]
    last: i64,
}

impl Deltas {
    fn push(&mut self, value: Option<i64>) {
        self.values.push(value.map(|value| value - std::mem::replace(&mut self.last, value)));
    }
}

/// All bytes of all frames, in base64.
#[derive(Debug, Default)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &BASE64))
    }
}

impl Frames {
    /// No frames, of a connection whose first packet has this time.
    pub(super) fn since(start: Option<Timestamp>) -> Self {
        Self { start: start.map(|start| start.to_string()), since: start, ..Self::default() }
    }

    /// Adds a frame.
    pub(super) fn push(&mut self, frame: &LocatedFrame<'_>, step: &Step, with_bytes: bool) {
        let index = self.count;
        self.places.step(step);
        let (letter, missing) = verdict_letter(step.verdict);
        self.count += 1;
        self.packet.push(i64::try_from(step.packet).ok().map(|packet| packet.min(FAR)));
        self.time.push(step.time.zip(self.since).map(|(time, start)| time.since(start).clamp(-FAR, FAR)));
        self.from.push(side_letter(step.from));
        self.name.push(name_letter(step.name));
        self.pos.push(step.pos.map(|pos| pos.0.into()));
        self.verdict.push(letter);
        self.arrival.push(arrival_letter(step.arrival));
        self.highest.push(Some(step.highest.0.into()));
        self.acked.push(step.last_acked.map(|pos| pos.0.into()));
        self.edge.push(step.edge.map(|pos| pos.0.into()));
        self.in_flight.push(step.in_flight.map(i64::from));
        let view = frame.frame.view();
        self.max_msg_size.push(Some(view.layout().max_msg_size().get().into()));
        if let Some(run) = missing {
            self.missing.insert(index, [run.first().0, run.last().0]);
        }
        if frame.first_packet != frame.packet {
            self.first_packet.insert(index, frame.first_packet);
        }
        if !frame.frame.is_whole() {
            let ranges = frame.frame.missing().iter().map(|&Range { start, end }| [start, end]).collect();
            self.not_captured.insert(index, ranges);
        }
        // The bytes stand end to end, so that a frame without them ends them.
        if with_bytes && self.with_bytes == index {
            self.with_bytes += 1;
            self.bytes.0.extend_from_slice(view.bytes());
        }
    }

    /// Counts a frame that is not kept.
    pub(super) const fn drop_one(&mut self) {
        self.dropped += 1;
    }

    /// Adds ACKs that the last frame shows not to have been written.
    pub(super) fn ack_not_written(&mut self, acks: &NotWritten) {
        if self.dropped == 0 {
            let run = acks.acks;
            let behind = usize::try_from(self.places.behind(acks)).unwrap_or(usize::MAX);
            self.not_written.push((behind, run.first().0, run.last().0, acks.one_of_several));
        }
    }

    /// Everything is there.
    pub(super) fn complete(&mut self) {
        self.not_written.sort_by_key(|(behind, first, ..)| (*behind, *first));
    }
}

/// What each letter of the columns means; the page's script reads it from here.
#[derive(Debug, Serialize)]
pub(super) struct Letters {
    name: BTreeMap<char, &'static str>,
    verdict: BTreeMap<char, &'static str>,
    arrival: BTreeMap<char, &'static str>,
}

impl Letters {
    pub(super) fn all() -> Self {
        Self {
            name: Name::ALL.into_iter().map(|name| (name_letter(Some(name)), name.as_str())).collect(),
            verdict: BTreeMap::from(VERDICTS),
            arrival: BTreeMap::from(ARRIVALS),
        }
    }
}

const fn side_letter(side: Side) -> char {
    match side {
        Side::Client => 'c',
        Side::Server => 's',
    }
}

const fn name_letter(name: Option<Name>) -> char {
    match name {
        None => '-',
        Some(Name::GetMax) => 'G',
        Some(Name::ReturnMax) => 'R',
        Some(Name::Msg) => 'M',
        Some(Name::Ack) => 'A',
        Some(Name::Done) => 'D',
        Some(Name::Close) => 'C',
        Some(Name::Disconnect) => 'X',
    }
}

/// Letters of [`verdict_letter`], as the script calls them.
const VERDICTS: [(char, &str); 17] = [
    ('-', "other"),
    ('n', "new"),
    ('s', "skip"),
    ('b', "beyond-window"),
    ('f', "fill"),
    ('r', "resend"),
    ('u', "unclear"),
    ('z', "not-a-position"),
    ('V', "advances"),
    ('J', "jump"),
    ('R', "reack"),
    ('D', "duplicate"),
    ('G', "regress"),
    ('P', "premature"),
    ('U', "unsent"),
    ('C', "unclear-ack"),
    ('M', "malformed"),
];

/// The letter of a verdict, and the positions it names.
const fn verdict_letter(verdict: StepVerdict) -> (char, Option<Positions>) {
    match verdict {
        StepVerdict::Other => ('-', None),
        StepVerdict::Departure(departure) => match departure {
            Departure::New { unseen } => ('n', unseen),
            Departure::Skip { missing } => ('s', Some(missing)),
            Departure::BeyondWindow { missing, .. } => ('b', missing),
            Departure::Fill => ('f', None),
            Departure::Resend => ('r', None),
            Departure::Unclear => ('u', None),
            Departure::NotAPosition => ('z', None),
        },
        StepVerdict::Acknowledgement(acknowledgement) => match acknowledgement {
            Acknowledgement::Advances => ('V', None),
            Acknowledgement::Jump { missing } => ('J', Some(missing)),
            Acknowledgement::Reack => ('R', None),
            Acknowledgement::Duplicate => ('D', None),
            Acknowledgement::Regress => ('G', None),
            Acknowledgement::Premature { missing } => ('P', Some(missing)),
            Acknowledgement::Unsent => ('U', None),
            Acknowledgement::Unclear => ('C', None),
            Acknowledgement::Malformed => ('M', None),
        },
    }
}

/// Letters of [`arrival_letter`], as the script calls them.
const ARRIVALS: [(char, &str); 7] = [
    ('-', "other"),
    ('i', "in-order"),
    ('a', "ahead"),
    ('d', "duplicate"),
    ('h', "held-twice"),
    ('x', "no-room"),
    ('z', "not-a-position"),
];

const fn arrival_letter(arrival: Option<Arrival>) -> char {
    match arrival {
        None => '-',
        Some(Arrival::InOrder { .. }) => 'i',
        Some(Arrival::Ahead) => 'a',
        Some(Arrival::Duplicate) => 'd',
        Some(Arrival::HeldTwice) => 'h',
        Some(Arrival::NoRoom) => 'x',
        Some(Arrival::NotAPosition) => 'z',
    }
}

/// A column of these values as it is written.
#[cfg(test)]
pub(super) fn column(values: &[Option<i64>]) -> serde_json::Value {
    let mut column = Deltas::default();
    values.iter().for_each(|value| column.push(*value));
    serde_json::to_value(column).unwrap_or_default()
}
