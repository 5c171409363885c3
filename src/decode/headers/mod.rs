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
#[derive(Debug)]
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
    #[inline]
    pub fn dissect<'a>(
        &'a mut self,
        number: u64,
        time: Option<Timestamp>,
        link_type: LinkType,
        bytes: &'a [u8],
        original_len: u32,
    ) -> Dissected<'a> {
        let Self { fragments, counts } = self;
        if let Some(segment) = fast::segment(number, time, link_type, bytes) {
            counts.tcp += 1;
            return Dissected::Tcp(segment);
        }
        match segment(fragments, (number, time), link_type, Body::of_packet(bytes, original_len)) {
            Ok(segment) => {
                counts.tcp += 1;
                Dissected::Tcp(segment)
            }
            Err(reason) => {
                counts.count(reason);
                Dissected::Other(reason)
            }
        }
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
