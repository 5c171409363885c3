//! Between the wire and the file: what is wrong with a capture.

use std::collections::VecDeque;
use std::io;

use hashbrown::HashMap;
use oorandom::Rand64;

use super::run::{About, at};
use super::scenario::{Defects, Scenario};
use super::truth::{Class, Defect, DefectKind, PacketCounts, TruthEvent};
use crate::capture_writer::CaptureWriter;
use crate::conversation::{PacketSink, WirePacket};
use crate::time::Timestamp;
use crate::wire::{HANDSHAKE, Side};

/// Takes the records of a capture.
pub trait CaptureTarget {
    /// Takes a record: a packet in two parts, of which `original_len` bytes were on the wire.
    ///
    /// # Errors
    /// When it cannot be taken.
    fn record(&mut self, time: Timestamp, parts: [&[u8]; 2], original_len: u32) -> io::Result<()>;
}

impl<W: io::Write> CaptureTarget for CaptureWriter<W> {
    #[inline]
    fn record(&mut self, time: Timestamp, parts: [&[u8]; 2], original_len: u32) -> io::Result<()> {
        self.write(time, parts, original_len)
    }
}

/// Takes everything and keeps nothing.
impl CaptureTarget for io::Sink {
    #[inline]
    fn record(&mut self, _: Timestamp, _: [&[u8]; 2], _: u32) -> io::Result<()> {
        Ok(())
    }
}

/// Takes packets as they pass the capture point and hands on what the capture has of them.
pub(super) struct Capture<'s, T> {
    plan: &'s Defects,
    /// The file has every packet as it was.
    faithful: bool,
    target: T,
    counts: PacketCounts,
    from: Timestamp,
    until: Option<Timestamp>,
    chances: [Rand64; 3],
    /// The packet that goes after the next one.
    held: Option<Held>,
    /// What the next packet belongs to.
    about: About,
    /// For judging defects; kept only where someone asks.
    streams: Option<HashMap<u32, [Stream; 2], foldhash::fast::FixedState>>,
    pub(super) decided: Vec<TruthEvent>,
}

struct Held {
    time: Timestamp,
    bytes: Vec<u8>,
    original_len: u32,
    defect: Option<Defect>,
}

/// One direction of one connection, for judging its defects.
#[derive(Default)]
struct Stream {
    /// Bytes that passed.
    sent: u64,
    /// A packet of this side is in the file.
    captured: bool,
    /// Packets with bytes that are not in the file, which nothing later in it has shown yet.
    undecided: VecDeque<Defect>,
    /// All packets that are not in the file because of when and where it was taken, as one defect for each reason.
    left_out: Vec<Defect>,
}

impl<'s, T: CaptureTarget> Capture<'s, T> {
    pub(super) fn new(scenario: &'s Scenario, target: T, told: bool) -> Self {
        let plan = &scenario.defects;
        let chance = |n: u128| Rand64::new(u128::from(scenario.seed) << 64 | 0xDEFE_C700 | n);
        Self {
            plan,
            faithful: plan.is_none(),
            target,
            counts: PacketCounts::default(),
            from: at(scenario.start, plan.from.nanos()),
            until: plan.until.map(|until| at(scenario.start, until.nanos())),
            chances: [chance(1), chance(2), chance(3)],
            held: None,
            about: About::default(),
            streams: (told && !plan.is_none()).then(HashMap::default),
            decided: Vec::new(),
        }
    }

    /// Says what the next packet belongs to.
    #[inline]
    pub(super) const fn about(&mut self, about: About) {
        self.about = about;
    }

    /// No packet of the connection follows.
    pub(super) fn connection_over(&mut self, connection: u32) {
        let Some(streams) = self.streams.as_mut().and_then(|streams| streams.remove(&connection)) else { return };
        let captured = [streams[0].captured, streams[1].captured];
        for (stream, other_captured) in streams.into_iter().zip([captured[1], captured[0]]) {
            let tail = |defect: Defect| Defect { visible: false, class: Class::Tail, ..defect };
            self.decided.extend(stream.undecided.into_iter().map(tail).map(TruthEvent::Defect));
            for mut defect in stream.left_out {
                (defect.visible, defect.class) = match defect.what {
                    DefectKind::OtherSide => (other_captured, Class::OneSided),
                    DefectKind::BeforeStart if defect.len > 0 => (stream.captured, Class::MidStream),
                    DefectKind::BeforeStart => (false, Class::NoData),
                    _ => (false, Class::Tail),
                };
                self.decided.push(TruthEvent::Defect(defect));
            }
        }
    }

    /// The counts, and the target.
    pub(super) fn finish(self) -> (PacketCounts, T) {
        (self.counts, self.target)
    }

    /// Hands on the packet that is held, after `next`.
    pub(super) fn release(&mut self, next: Option<&WirePacket<'_>>) -> io::Result<()> {
        let Some(held) = self.held.take() else { return Ok(()) };
        self.counts.written += 1;
        self.target.record(held.time, [&held.bytes, &[]], held.original_len)?;
        if let Some(defect) = held.defect {
            // Packets of one moment have no order that a file could show, unless they are of one stream.
            let same_stream =
                |next: &WirePacket<'_>| self.about.connection == defect.connection && next.from == defect.from;
            let visible = next.is_some_and(|next| next.time != held.time || same_stream(next) && defect.len > 0);
            let class = if next.is_some() { Class::OutOfOrder } else { Class::Tail };
            self.decided.push(TruthEvent::Defect(Defect { visible, class, ..defect }));
        }
        Ok(())
    }

    /// Why the capture does not have the packet at all.
    fn left_out(&mut self, packet: &WirePacket<'_>) -> Option<DefectKind> {
        let handshake = self.plan.no_handshake && self.about.server_bytes_passed < HANDSHAKE.len() as u64;
        // Drawn for each packet, so that no other defect changes which packets chance hits.
        let by_chance = hits(&mut self.chances[0], self.plan.drop_rate);
        if packet.time < self.from || handshake {
            Some(DefectKind::BeforeStart)
        } else if self.until.is_some_and(|until| packet.time > until) {
            Some(DefectKind::AfterEnd)
        } else if self.plan.only.is_some_and(|only| only != packet.from) {
            Some(DefectKind::OtherSide)
        } else if by_chance || self.plan.drop.contains(self.counts.on_wire) {
            Some(DefectKind::Dropped)
        } else {
            None
        }
    }

    fn with_defects(&mut self, packet: &WirePacket<'_>) -> io::Result<()> {
        let number = self.counts.on_wire;
        let left_out = self.left_out(packet);
        let twice = hits(&mut self.chances[1], self.plan.duplicate_rate) || self.plan.duplicate.contains(number);
        let late = hits(&mut self.chances[2], self.plan.reorder_rate) || self.plan.reorder.contains(number);
        let late = late && self.held.is_none() && left_out.is_none();
        let whole = packet.header.len() + packet.payload.len();
        let kept = self.plan.snaplen.map_or(whole, |snaplen| whole.min(snaplen as usize));
        let late_defect = self.judge(packet, left_out, kept, twice && !late, late);
        if left_out.is_some() {
            return Ok(());
        }
        let header = packet.header.get(..kept).unwrap_or(packet.header);
        let payload = packet.payload.get(..kept - header.len()).unwrap_or(packet.payload);
        let original_len = packet.original_len();
        if late {
            let bytes = [header, payload].concat();
            self.held = Some(Held { time: packet.time, bytes, original_len, defect: late_defect });
            return Ok(());
        }
        for _ in 0..=u8::from(twice) {
            self.counts.written += 1;
            self.target.record(packet.time, [header, payload], original_len)?;
        }
        self.release(Some(packet))
    }

    /// Writes down what happens to a packet; gives back the defect that the next packet decides.
    fn judge(
        &mut self,
        packet: &WirePacket<'_>,
        left_out: Option<DefectKind>,
        kept: usize,
        twice: bool,
        late: bool,
    ) -> Option<Defect> {
        let About { connection, received, .. } = self.about;
        let streams = self.streams.as_mut()?.entry(connection).or_default();
        let [own, other] = match packet.from {
            Side::Client => {
                let [client, server] = streams;
                [client, server]
            }
            Side::Server => {
                let [client, server] = streams;
                [server, client]
            }
        };
        let len = packet.payload.len() as u64;
        let defect = |what, missing, visible, class| Defect {
            connection,
            time: packet.time,
            from: packet.from,
            packet: self.counts.on_wire,
            what,
            offset: own.sent,
            len,
            missing,
            visible,
            class,
        };
        let whole = packet.header.len() as u64 + len;
        let missing = (whole - kept as u64).min(len);
        let (cut, copied, moved) = (
            defect(DefectKind::Cut, missing, true, Class::Truncated),
            defect(DefectKind::Duplicated, 0, len > 0, if len > 0 { Class::Twice } else { Class::NoData }),
            defect(DefectKind::Reordered, 0, false, Class::OutOfOrder),
        );
        let absent = left_out.map(|what| defect(what, len, false, Class::NoData));
        own.sent += len;
        match absent {
            Some(absent) if absent.what == DefectKind::Dropped && len == 0 => {
                self.decided.push(TruthEvent::Defect(absent));
                return None;
            }
            Some(absent) if absent.what == DefectKind::Dropped => {
                own.undecided.push_back(absent);
                return None;
            }
            Some(absent) => {
                match own.left_out.iter_mut().find(|defect| defect.what == absent.what) {
                    Some(all) => (all.len, all.missing) = (all.len + len, all.missing + len),
                    None => own.left_out.push(absent),
                }
                return None;
            }
            None => {}
        }
        if kept >= packet.header.len() {
            // Its numbers jump over what is missing before it, and what it acknowledges was on the wire.
            for stream in [&mut *own, &mut *other] {
                let shown = |defect: &Defect| defect.from == packet.from || defect.offset + defect.len <= received;
                let class = if stream.captured { Class::Hole } else { Class::MidStream };
                while let Some(defect) = stream.undecided.pop_front_if(|defect| shown(defect)) {
                    self.decided.push(TruthEvent::Defect(Defect { visible: true, class, ..defect }));
                }
            }
            own.captured = true;
        }
        if (kept as u64) < whole {
            self.decided.push(TruthEvent::Defect(cut));
        }
        if twice {
            self.decided.push(TruthEvent::Defect(copied));
        }
        late.then_some(moved)
    }
}

impl<T: CaptureTarget> PacketSink for Capture<'_, T> {
    type Error = io::Error;

    #[inline]
    fn packet(&mut self, packet: WirePacket<'_>) -> io::Result<()> {
        self.counts.on_wire += 1;
        if self.faithful {
            self.counts.written += 1;
            return self.target.record(packet.time, [packet.header, packet.payload], packet.original_len());
        }
        self.with_defects(&packet)
    }
}

fn hits(chance: &mut Rand64, rate: f64) -> bool {
    rate > 0.0 && chance.rand_float() < rate
}
