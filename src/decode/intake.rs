//! Packets to segments, with the book-keeping of what a capture holds and what was passed over.

use std::collections::BTreeMap;
use std::fmt;

use super::headers::{DissectCounts, Dissector, FragmentLimits, Layer, NotTcp};
use super::{LinkType, Packet, PacketContent, Segment};
use crate::time::Timestamp;

/// Turns every packet of a capture into its TCP segment, if it has one, and counts.
#[derive(Debug, Clone)]
pub struct Intake {
    dissector: Dissector,
    counts: PacketCounts,
    /// The link type of the latest packets and how many of them `counts` does not have yet: it seldom changes.
    run: (LinkType, u64),
}

/// What the packets of a capture were, so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// Packets in the capture.
    pub packets: u64,
    /// TCP segments, also those whose own header is cut or malformed: a fragmented datagram once, TCP inside tunnels and
    /// ICMP errors not at all.
    pub tcp_packets: u64,
    /// Packets of which the capture holds less than was on the wire.
    pub truncated: u64,
    /// Packets of a JSON export that carry no TCP.
    pub exported_not_tcp: u64,
    /// TCP packets of a JSON export whose bytes cannot be placed, by the missing field.
    pub unusable: BTreeMap<&'static str, u64>,
    /// Time of the first packet in file order.
    pub first_time: Option<Timestamp>,
    /// Time of the last packet in file order.
    pub last_time: Option<Timestamp>,
    /// The earliest time of any packet.
    pub earliest: Option<Timestamp>,
    /// The latest.
    pub latest: Option<Timestamp>,
    /// Packets by link type.
    pub link_types: BTreeMap<LinkType, u64>,
}

impl Intake {
    /// An intake that has seen nothing.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Self {
        Self { dissector: Dissector::new(limits), counts: PacketCounts::default(), run: (LinkType(0), 0) }
    }

    /// The TCP segment of `packet`; `None` when it has none or waits for fragments.
    pub fn segment<'a>(&'a mut self, packet: &Packet<'a>) -> Option<Segment<'a>> {
        let mut found = None;
        self.take(packet, |segment| found = Some(*segment));
        found
    }

    /// Takes in `packet` and lends its TCP segment to `give`, unless it has none or waits for fragments.
    #[inline(always)] // a segment is some hundred bytes: as a return value it would be copied at each stage
    pub fn take<'a>(&'a mut self, packet: &Packet<'a>, give: impl FnOnce(&Segment<'a>)) {
        let counts = &mut self.counts;
        counts.packets += 1;
        counts.time(packet.time);
        match packet.content {
            PacketContent::Bytes { link_type, bytes, original_len } => {
                if self.run.0 != link_type {
                    counts.add_run(std::mem::replace(&mut self.run, (link_type, 0)));
                }
                self.run.1 += 1;
                counts.truncated += u64::from(bytes.len() < original_len as usize);
                let captured = (bytes, original_len);
                self.dissector.dissect_into(packet.number, packet.time, link_type, captured, |outcome| {
                    match outcome {
                        Ok(segment) => {
                            counts.tcp_packets += 1;
                            give(segment);
                        }
                        // The IP header says TCP, whatever has become of the rest.
                        Err(
                            NotTcp::CutShort { layer: Layer::Tcp, .. } | NotTcp::Malformed { layer: Layer::Tcp, .. },
                        ) => counts.tcp_packets += 1,
                        Err(_) => {}
                    }
                });
            }
            PacketContent::Segment(ref segment) => {
                counts.tcp_packets += 1;
                counts.truncated += u64::from(segment.missing > 0);
                give(segment);
            }
            PacketContent::NotTcp => counts.exported_not_tcp += 1,
            PacketContent::Unusable { missing } => {
                counts.tcp_packets += 1;
                *counts.unusable.entry(missing).or_default() += 1;
            }
        }
    }

    /// Begins to count whole packets whose segments are taken past it; `None` before the first packet, whose time is
    /// special.
    pub(super) fn passing(&self) -> Option<Passing> {
        Some(Passing { packets: 0, link_type: self.run.0, latest: self.counts.latest? })
    }

    /// Counts the packets of `passing`, which begins anew.
    pub(super) fn passed(&mut self, passing: &mut Passing) {
        let packets = std::mem::take(&mut passing.packets);
        if packets > 0 {
            self.counts.packets += packets;
            self.counts.last_time = Some(passing.latest);
            self.counts.latest = Some(passing.latest);
            self.count_tcp(passing.link_type, packets);
        }
    }

    /// Counts one more, which does not go with those of `passing`.
    #[cold]
    pub(super) fn passed_apart(&mut self, passing: &mut Passing, link_type: LinkType, time: Timestamp) {
        self.passed(passing);
        self.counts.packets += 1;
        self.counts.time(Some(time));
        self.count_tcp(link_type, 1);
        *passing = Passing { packets: 0, link_type, latest: passing.latest.max(time) };
    }

    fn count_tcp(&mut self, link_type: LinkType, packets: u64) {
        if self.run.0 != link_type {
            self.counts.add_run(std::mem::replace(&mut self.run, (link_type, 0)));
        }
        self.run.1 += packets;
        self.counts.tcp_packets += packets;
        self.dissector.passed(packets);
    }

    /// What the packets so far were.
    #[must_use]
    pub fn counts(&self) -> PacketCounts {
        let mut counts = self.counts.clone();
        counts.add_run(self.run);
        counts
    }

    /// What the headers of the packets so far came to.
    #[must_use]
    pub fn headers(&self) -> DissectCounts {
        self.dissector.counts()
    }

    /// What was passed over and why, in words; nothing when every packet gave a segment.
    #[must_use]
    pub fn passed_over(&self) -> Vec<PassedOver> {
        let headers = self.dissector.counts();
        let mut list = Vec::new();
        let mut add = |count: u64, reason: String| {
            if count > 0 {
                list.push(PassedOver { count, reason });
            }
        };
        let not_tcp = headers.no_ip + headers.other_protocol + self.counts.exported_not_tcp;
        add(not_tcp, "without TCP".to_owned());
        for (link_type, count) in &headers.unknown_link_types {
            let named = if link_type.name().is_some() { "link type " } else { "" };
            add(*count, format!("of {named}{link_type}, which is not taken apart"));
        }
        let waiting = headers.datagrams.incomplete;
        add(headers.fragments, format!("were IP fragments ({waiting} datagrams never became whole)"));
        add(headers.cut_short, "cut before the TCP ports by a snap length or a damaged file".to_owned());
        add(headers.malformed, "with malformed headers".to_owned());
        for (missing, count) in &self.counts.unusable {
            add(*count, format!("of TCP that cannot be used for want of {missing}"));
        }
        list
    }

    /// True when not one packet could be taken apart because all are of unknown link types.
    #[must_use]
    pub fn nothing_readable(&self) -> bool {
        let unknown: u64 = self.dissector.counts().unknown_link_types.values().sum();
        self.counts.packets > 0 && unknown == self.counts.packets
    }

    /// True when some packets could not be read that perhaps held frames.
    #[must_use]
    pub fn partly_unreadable(&self) -> bool {
        !self.dissector.counts().unknown_link_types.is_empty() || !self.counts.unusable.is_empty()
    }
}

/// Whole packets with a segment each, of one link type and in order of time, that are not counted yet.
#[derive(Debug)]
pub(super) struct Passing {
    packets: u64,
    link_type: LinkType,
    latest: Timestamp,
}

impl Passing {
    /// One more packet; false when it does not go with those before it.
    #[inline(always)] // into the loop over the records
    pub(super) fn add(&mut self, link_type: LinkType, time: Timestamp) -> bool {
        let fits = time >= self.latest && link_type == self.link_type;
        if fits {
            self.packets += 1;
            self.latest = time;
        }
        fits
    }
}

impl PacketCounts {
    fn time(&mut self, time: Option<Timestamp>) {
        if self.packets == 1 {
            self.first_time = time;
        }
        self.last_time = time;
        // In most captures every packet is the latest so far, and then none but the first is the earliest.
        match (time, self.latest) {
            (Some(time), Some(latest)) if time >= latest => self.latest = Some(time),
            (Some(time), _) => {
                self.earliest = Some(self.earliest.map_or(time, |t| t.min(time)));
                self.latest.get_or_insert(time);
            }
            (None, _) => {}
        }
    }

    fn add_run(&mut self, (link_type, packets): (LinkType, u64)) {
        if packets > 0 {
            *self.link_types.entry(link_type).or_default() += packets;
        }
    }
}

/// Packets that gave no segment. Displays as `3 packets without TCP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// How many.
    pub count: u64,
    /// Why.
    pub reason: String,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets = if self.count == 1 { "packet" } else { "packets" };
        write!(f, "{} {packets} {}", self.count, self.reason)
    }
}
