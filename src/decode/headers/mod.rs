//! From a packet's bytes to the TCP segment in it: link layer, IP, fragments, TCP.
//!
//! Lengths are taken from the IP header, so padding and trailers of the link layer are never payload. Checksums are
//! not judged: a host's own capture shows them before the network card fills them in.

mod body;
mod fast;
mod fragments;
mod ip;
mod link;
mod link_names;
mod tcp;

use std::collections::BTreeMap;
use std::fmt;

pub use fragments::{FragmentCounts, FragmentLimits, PIECE_OVERHEAD};

use super::{LinkType, Segment};
use crate::time::Timestamp;
use body::Body;
pub(in crate::decode) use fast::{Parts, ends_v4, ip_packet, parts_v4, parts_v6};
use fragments::FragmentStore;
use ip::Content;

/// Takes packets apart, in file order. Holds fragments that wait for others, within [`FragmentLimits`].
///
/// ```
/// use arqscope::decode::LinkType;
/// use arqscope::decode::headers::{Dissected, Dissector, FragmentLimits, NotTcp};
///
/// let mut dissector = Dissector::new(FragmentLimits::default());
/// let arp = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06];
/// assert_eq!(dissector.dissect(1, None, LinkType(1), &arp, 14), Dissected::Other(NotTcp::NoIp));
/// assert_eq!(dissector.counts().no_ip, 1);
/// ```
#[derive(Debug, Clone)]
pub struct Dissector {
    fragments: FragmentStore,
    counts: DissectCounts,
}

/// What one packet came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dissected<'a> {
    /// A TCP segment: this packet's, or of the fragmented datagram that this packet completed.
    Tcp(Segment<'a>),
    /// No segment, and why.
    Other(NotTcp),
}

/// Why a packet gives no TCP segment. Displays as a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotTcp {
    /// The link layer carries something else than IP: ARP, spanning tree, encrypted frames …
    NoIp,
    /// IP carries this protocol (IANA number). TCP inside a tunnel or an ICMP error counts as the outer protocol.
    OtherProtocol(u8),
    /// A fragment of a datagram that is not complete, or a copy of one.
    Fragment,
    /// Packets of this link type are not taken apart.
    UnknownLinkType(LinkType),
    /// The capture ends before the TCP ports can be read, because of a snap length or a damaged file.
    CutShort {
        /// The header that is cut.
        layer: Layer,
        /// Bytes needed of that layer.
        needed: usize,
        /// Bytes there are of it.
        available: usize,
    },
    /// A header contradicts itself or the layer around it.
    Malformed {
        /// The header at fault.
        layer: Layer,
        /// What is wrong, one phrase.
        what: &'static str,
    },
}

/// The header that a packet could not be read beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The link type's own header.
    Link,
    /// A VLAN or other tag behind an EtherType.
    LinkTag,
    /// IEEE 802.2 LLC and SNAP.
    Llc,
    /// An MPLS label stack.
    Mpls,
    /// PPP or PPPoE.
    Ppp,
    /// IP of a version that cannot be told.
    Ip,
    /// The IPv4 header.
    Ipv4,
    /// The IPv6 header.
    Ipv6,
    /// An IPv6 extension or authentication header.
    Extension,
    /// An IP fragment's place in its datagram.
    Fragment,
    /// The TCP header.
    Tcp,
}

/// How many packets came to what. The kinds add up to the packets dissected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DissectCounts {
    /// TCP segments delivered.
    pub tcp: u64,
    /// [`NotTcp::NoIp`].
    pub no_ip: u64,
    /// [`NotTcp::OtherProtocol`].
    pub other_protocol: u64,
    /// [`NotTcp::Fragment`].
    pub fragments: u64,
    /// [`NotTcp::CutShort`].
    pub cut_short: u64,
    /// [`NotTcp::Malformed`].
    pub malformed: u64,
    /// [`NotTcp::UnknownLinkType`], by type.
    pub unknown_link_types: BTreeMap<LinkType, u64>,
    /// What became of the fragmented datagrams; packets of these are counted above.
    pub datagrams: FragmentCounts,
}

impl DissectCounts {
    /// All packets dissected.
    #[must_use]
    pub fn packets(&self) -> u64 {
        let known = self.tcp + self.no_ip + self.other_protocol + self.fragments + self.cut_short + self.malformed;
        known + self.unknown_link_types.values().sum::<u64>()
    }

    fn count(&mut self, reason: NotTcp) {
        *match reason {
            NotTcp::NoIp => &mut self.no_ip,
            NotTcp::OtherProtocol(_) => &mut self.other_protocol,
            NotTcp::Fragment => &mut self.fragments,
            NotTcp::UnknownLinkType(link_type) => self.unknown_link_types.entry(link_type).or_default(),
            NotTcp::CutShort { .. } => &mut self.cut_short,
            NotTcp::Malformed { .. } => &mut self.malformed,
        } += 1;
    }
}

impl Dissector {
    /// A dissector that has seen nothing.
    #[must_use]
    pub fn new(limits: FragmentLimits) -> Self {
        Self { fragments: FragmentStore::new(limits), counts: DissectCounts::default() }
    }

    /// Takes packet `number` apart: `bytes` as captured, `original_len` on the wire (taken as at least as many).
    ///
    /// The segment's payload is a slice of `bytes`; of a reassembled datagram it is the dissector's own, valid until
    /// the next call.
    #[inline(always)] // as above
    pub fn dissect<'a>(
        &'a mut self,
        number: u64,
        time: Option<Timestamp>,
        link_type: LinkType,
        bytes: &'a [u8],
        original_len: u32,
    ) -> Dissected<'a> {
        self.dissect_into(number, time, link_type, (bytes, original_len), |outcome| match outcome {
            Ok(segment) => Dissected::Tcp(*segment),
            Err(reason) => Dissected::Other(reason),
        })
    }

    /// Like [`dissect`](Self::dissect), but lends the segment to `take` where it was made: one that is handed back
    /// through enums is copied at each.
    #[inline(always)] // so that `take` is called where the segment's fields are known
    pub(in crate::decode) fn dissect_into<'a, T>(
        &'a mut self,
        number: u64,
        time: Option<Timestamp>,
        link_type: LinkType,
        (bytes, original_len): (&'a [u8], u32),
        take: impl FnOnce(Result<&Segment<'a>, NotTcp>) -> T,
    ) -> T {
        let Self { fragments, counts } = self;
        if let Some(segment) = fast::segment(number, time, link_type, bytes) {
            counts.tcp += 1;
            return take(Ok(&segment));
        }
        match segment(fragments, (number, time), link_type, Body::of_packet(bytes, original_len)) {
            Ok(ref segment) => {
                counts.tcp += 1;
                take(Ok(segment))
            }
            Err(reason) => {
                counts.count(reason);
                take(Err(reason))
            }
        }
    }

    /// Counts segments that were taken past it.
    pub(in crate::decode) const fn passed(&mut self, segments: u64) {
        self.counts.tcp += segments;
    }

    /// What the packets so far came to. Datagrams that still wait for fragments count as incomplete.
    #[must_use]
    pub fn counts(&self) -> DissectCounts {
        DissectCounts { datagrams: self.fragments.counts(), ..self.counts.clone() }
    }
}

/// The general way, for every packet.
#[inline(never)]
fn segment<'a>(
    fragments: &'a mut FragmentStore,
    (number, time): (u64, Option<Timestamp>),
    link_type: LinkType,
    body: Body<'a>,
) -> Result<Segment<'a>, NotTcp> {
    let packet = ip::parse(link::ip_packet(link_type, body)?)?;
    let body = match packet.content {
        Content::Tcp(body) => body,
        Content::Fragment { key, part } => {
            let (protocol, body) = fragments.add(number, key, part)?.ok_or(NotTcp::Fragment)?;
            ip::upper_layer(protocol, body)?
        }
    };
    tcp::segment(number, time, packet.addresses, body)
}

impl fmt::Display for NotTcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIp => f.write_str("no IP packet"),
            Self::OtherProtocol(number) => match protocol_name(*number) {
                Some(name) => write!(f, "IP carries {name}, not TCP"),
                None => write!(f, "IP carries protocol {number}, not TCP"),
            },
            Self::Fragment => f.write_str("a fragment of a datagram that is not complete"),
            Self::UnknownLinkType(link_type) => write!(f, "packets of {link_type} are not taken apart"),
            Self::CutShort { layer, needed, available } => {
                write!(f, "cut off in the {layer}: needed {needed} bytes of it, captured {available}")
            }
            Self::Malformed { layer, what } => write!(f, "malformed {layer}: {what}"),
        }
    }
}

const fn protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "ICMP",
        2 => "IGMP",
        4 => "an IPv4 tunnel",
        17 => "UDP",
        41 => "an IPv6 tunnel",
        47 => "GRE",
        50 => "ESP",
        58 => "ICMPv6",
        89 => "OSPF",
        132 => "SCTP",
        _ => return None,
    })
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "link-layer header",
            Self::LinkTag => "link-layer tag",
            Self::Llc => "LLC header",
            Self::Mpls => "MPLS label stack",
            Self::Ppp => "PPP header",
            Self::Ip => "IP header",
            Self::Ipv4 => "IPv4 header",
            Self::Ipv6 => "IPv6 header",
            Self::Extension => "IP extension header",
            Self::Fragment => "IP fragment",
            Self::Tcp => "TCP header",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{IpNumber, PacketBuilder};
    use proptest::prelude::*;

    const ETHERNET: LinkType = LinkType(1);
    const RAW: LinkType = LinkType(101);

    fn packet_v4(payload: &[u8]) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(40_000, 55_558, 1000, 512)
            .ack(2000)
            .options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
            .unwrap();
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        bytes
    }

    fn packet_v6(payload: &[u8]) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6([1; 16], [2; 16], 64).tcp(40_000, 55_558, 7, 512);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        bytes
    }

    fn dissector() -> Dissector {
        Dissector::new(FragmentLimits::default())
    }

    /// What the general way makes of a packet.
    fn general(link_type: LinkType, bytes: &[u8], original_len: u32) -> Dissected<'_> {
        let store = Box::leak(Box::new(FragmentStore::new(FragmentLimits::default())));
        segment(store, (1, None), link_type, Body::of_packet(bytes, original_len))
            .map_or_else(Dissected::Other, Dissected::Tcp)
    }

    #[test]
    fn a_padded_packet_gives_its_payload_and_nothing_of_the_padding() {
        for build in [packet_v4, packet_v6] {
            for len in 0..20 {
                let payload = vec![0xab; len];
                let mut bytes = build(&payload);
                bytes.extend_from_slice(&[0; 46]);
                let mut dissector = dissector();
                let Dissected::Tcp(segment) =
                    dissector.dissect(3, Some(Timestamp::from_nanos(5)), ETHERNET, &bytes, bytes.len() as u32)
                else {
                    panic!("no segment")
                };
                assert_eq!((segment.packet, segment.time), (3, Some(Timestamp::from_nanos(5))));
                assert_eq!((segment.payload, segment.missing), (&payload[..], 0));
                assert_eq!((segment.source.port, segment.destination.port), (40_000, 55_558));
            }
        }
    }

    #[test]
    fn a_cut_at_any_byte_leaves_payload_and_missing_adding_up() {
        for build in [packet_v4, packet_v6] {
            let bytes = build(b"some payload");
            for cut in 0..=bytes.len() {
                match dissector().dissect(1, None, ETHERNET, &bytes[..cut], bytes.len() as u32) {
                    Dissected::Tcp(segment) => {
                        assert_eq!(segment.wire_len(), 12);
                        assert!(b"some payload".starts_with(segment.payload));
                    }
                    Dissected::Other(NotTcp::CutShort { needed, available, .. }) => {
                        assert!(available < needed && cut < 74);
                    }
                    Dissected::Other(other) => panic!("{cut}: {other}"),
                }
            }
        }
    }

    #[test]
    fn a_segment_from_an_address_and_port_to_itself_is_a_segment() {
        let builder = PacketBuilder::ethernet2([2; 6], [2; 6]).ipv4([9; 4], [9; 4], 64).tcp(7, 7, 1, 1).syn();
        let mut bytes = Vec::new();
        builder.write(&mut bytes, b"").unwrap();
        let mut dissector = dissector();
        let Dissected::Tcp(segment) = dissector.dissect(1, None, ETHERNET, &bytes, 54) else { panic!("no segment") };
        assert_eq!(segment.source, segment.destination);
    }

    #[test]
    fn a_fragmented_segment_is_the_packet_that_completed_it() {
        let bytes = packet_v4(&[0xcd; 300]);
        let (header, content) = bytes[14..].split_at(20);
        let fragment = |range: std::ops::Range<usize>| {
            let mut header = header.to_vec();
            header[2..4].copy_from_slice(&(20 + range.len() as u16).to_be_bytes());
            let more = if range.end < content.len() { 0x2000 } else { 0 };
            header[6..8].copy_from_slice(&(more | (range.start / 8) as u16).to_be_bytes());
            [&header, &content[range]].concat()
        };
        let mut dissector = dissector();
        for (number, range) in [(10, 160..332), (11, 0..8), (12, 0..8)] {
            let piece = fragment(range);
            let got = dissector.dissect(number, None, RAW, &piece, piece.len() as u32);
            assert_eq!(got, Dissected::Other(NotTcp::Fragment));
        }
        let last = fragment(8..160);
        let Dissected::Tcp(segment) = dissector.dissect(13, None, RAW, &last, last.len() as u32) else {
            panic!("no segment")
        };
        assert_eq!((segment.packet, segment.payload, segment.missing), (13, &[0xcd; 300][..], 0));
        let counts = dissector.counts();
        assert_eq!((counts.tcp, counts.fragments, counts.packets()), (1, 3, 4));
        assert_eq!((counts.datagrams.completed, counts.datagrams.incomplete), (1, 0));
    }

    #[test]
    fn every_packet_is_counted_once_under_its_kind() {
        let mut dissector = dissector();
        let tcp = packet_v4(b"x");
        let mut udp = tcp.clone();
        udp[23] = IpNumber::UDP.0;
        let mut arp = tcp.clone();
        arp[12..14].copy_from_slice(&[8, 6]);
        let mut broken = tcp.clone();
        broken[46] = 0x10;
        for (link_type, bytes, len) in [
            (ETHERNET, &tcp[..], 67),
            (ETHERNET, &udp, 67),
            (ETHERNET, &arp, 67),
            (ETHERNET, &broken, 67),
            (ETHERNET, &tcp[..50], 67),
            (LinkType(189), &tcp, 67),
            (LinkType(189), &tcp, 67),
        ] {
            dissector.dissect(1, None, link_type, bytes, len);
        }
        let expected = DissectCounts {
            tcp: 1,
            no_ip: 1,
            other_protocol: 1,
            cut_short: 1,
            malformed: 1,
            unknown_link_types: BTreeMap::from([(LinkType(189), 2)]),
            ..DissectCounts::default()
        };
        assert_eq!(dissector.counts(), expected);
        assert_eq!(expected.packets(), 7);
    }

    #[test]
    fn reasons_read_as_phrases() {
        for (reason, phrase) in [
            (NotTcp::OtherProtocol(17), "IP carries UDP, not TCP"),
            (NotTcp::OtherProtocol(200), "IP carries protocol 200, not TCP"),
            (NotTcp::UnknownLinkType(LinkType(189)), "packets of USB with Linux header (189) are not taken apart"),
            (
                NotTcp::CutShort { layer: Layer::Tcp, needed: 20, available: 12 },
                "cut off in the TCP header: needed 20 bytes of it, captured 12",
            ),
        ] {
            assert_eq!(reason.to_string(), phrase);
        }
    }

    /// The IP packet behind a header of one of the link types that the short way knows, or of some that it does not.
    fn wrapped(link_type: u16, ip: &[u8]) -> Vec<u8> {
        let kind = if ip.first().is_some_and(|first| first >> 4 == 6) { [0x86, 0xdd] } else { [0x08, 0x00] };
        let header: Vec<u8> = match link_type {
            0 => vec![2, 0, 0, 0],
            1 => [&[2; 12][..], &kind].concat(),
            108 => vec![0, 0, 0, 2],
            113 => [&[0; 14][..], &kind].concat(),
            276 => [&kind[..], &[0; 18]].concat(),
            _ => Vec::new(),
        };
        [&header, ip].concat()
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_of_any_link_type_give_a_part_of_themselves_or_nothing(
            link_type in 0_u16..300,
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            original_len in 0_u32..400,
        ) {
            let mut dissector = dissector();
            if let Dissected::Tcp(segment) = dissector.dissect(1, None, LinkType(link_type), &bytes, original_len) {
                let range = bytes.as_ptr_range();
                let payload = segment.payload.as_ptr_range();
                prop_assert!(range.start <= payload.start && payload.end <= range.end);
            }
            prop_assert_eq!(dissector.counts().packets(), 1);
        }

        #[test]
        fn the_short_way_and_the_general_way_agree(
            link_type in prop::sample::select(vec![0_u16, 1, 101, 108, 113, 228, 229, 276]),
            v6 in any::<bool>(),
            payload in prop::collection::vec(any::<u8>(), 0..40),
            padding in 0_usize..20,
            changes in prop::collection::vec((0_usize..80, any::<u8>()), 0..4),
            cut in 0_usize..160,
        ) {
            let ip = if v6 { packet_v6(&payload) } else { packet_v4(&payload) };
            let mut bytes = wrapped(link_type, &ip[14..]);
            bytes.resize(bytes.len() + padding, 0);
            let original_len = bytes.len() as u32;
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            let link_type = LinkType(link_type);
            let expected = general(link_type, &bytes, original_len);
            if let Some(segment) = fast::segment(1, None, link_type, &bytes) {
                prop_assert_eq!(Dissected::Tcp(segment), expected);
            }
            let mut dissector = dissector();
            prop_assert_eq!(dissector.dissect(1, None, link_type, &bytes, original_len), expected);
        }

        #[test]
        fn payload_never_reaches_beyond_the_announced_length(
            total in 0_u16..120,
            offset in 0_u8..16,
            len in 0_usize..60,
        ) {
            let mut ip = packet_v4(&vec![1; len])[14..].to_vec();
            ip.resize(100, 0xee);
            ip[2..4].copy_from_slice(&total.to_be_bytes());
            ip[32] = offset << 4;
            if let Dissected::Tcp(segment) = dissector().dissect(1, None, RAW, &ip, 100) {
                let header = 20 + u64::from(offset) * 4;
                let end = if total == 0 { 100 } else { u64::from(total) };
                prop_assert_eq!(header + segment.wire_len(), end);
                prop_assert!(header + segment.payload.len() as u64 <= end.min(100));
            }
        }
    }

    #[test]
    fn neither_way_takes_a_netlink_message_for_ip() {
        for (link_type, hardware_at) in [(113, 2), (276, 8)] {
            let mut bytes = wrapped(link_type, &packet_v4(b"x")[14..]);
            bytes[hardware_at..hardware_at + 2].copy_from_slice(&824_u16.to_be_bytes());
            let mut dissector = dissector();
            let got = dissector.dissect(1, None, LinkType(link_type), &bytes, bytes.len() as u32);
            assert_eq!(got, Dissected::Other(NotTcp::NoIp));
        }
    }

    #[test]
    fn the_short_way_takes_plain_packets() {
        for link_type in [0, 1, 101, 113, 228, 276] {
            for ip in [&packet_v4(b"x")[14..], &packet_v6(b"x")[14..]] {
                let bytes = wrapped(link_type, ip);
                assert!(fast::segment(1, None, LinkType(link_type), &bytes).is_some(), "{link_type}");
            }
        }
    }
}
