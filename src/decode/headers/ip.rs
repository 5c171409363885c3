//! IPv4 (RFC 791) and IPv6 (RFC 8200) down to what they carry: a datagram's contents, or one fragment of them.

use std::net::{IpAddr, Ipv6Addr};

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::body::Body;
use super::fragments::{FragmentKey, FragmentPart};
use super::{Layer, NotTcp};

/// Protocol number of TCP.
pub(super) const TCP: u8 = 6;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// An IP packet, taken apart as far as one packet allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct IpPacket<'a> {
    /// Source and destination.
    pub(super) addresses: (IpAddr, IpAddr),
    pub(super) content: Content<'a>,
}

/// What an IP packet carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// A TCP segment.
    Tcp(Body<'a>),
    /// A piece of something that may turn out to be one.
    Fragment { key: FragmentKey, part: FragmentPart<'a> },
}

/// Takes the IP packet at the start of `body` apart, by its version field.
pub(super) fn parse(body: Body<'_>) -> Result<IpPacket<'_>, NotTcp> {
    match body.captured.first().map(|first| first >> 4) {
        Some(4) => parse_v4(body),
        Some(6) => parse_v6(body),
        Some(_) => Err(NotTcp::Malformed { layer: Layer::Ip, what: "version is neither 4 nor 6" }),
        None => Err(body.lacks(1, Layer::Ip)),
    }
}

fn parse_v4(body: Body<'_>) -> Result<IpPacket<'_>, NotTcp> {
    use etherparse::err::ipv4::{HeaderError, HeaderSliceError};

    let header = Ipv4HeaderSlice::from_slice(body.captured).map_err(|error| match error {
        HeaderSliceError::Len(error) => body.lacks(error.required_len, Layer::Ipv4),
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { .. }) => {
            NotTcp::Malformed { layer: Layer::Ipv4, what: "version is not 4" }
        }
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. }) => {
            NotTcp::Malformed { layer: Layer::Ipv4, what: "header length below 5 words" }
        }
    })?;
    let header_len = header.slice().len();
    let packet = match header.total_len() {
        // A network card that segments on the host's behalf (TSO) leaves the length to be filled in later.
        0 => body,
        total if usize::from(total) < header_len => {
            return Err(NotTcp::Malformed { layer: Layer::Ipv4, what: "total length below the header's" });
        }
        total => body.announced(u32::from(total)),
    };
    let content = packet.skip(header_len, Layer::Ipv4)?;
    let protocol = header.protocol().0;
    if protocol != TCP && protocol != AUTHENTICATION {
        return Err(NotTcp::OtherProtocol(protocol));
    }
    let addresses = (IpAddr::V4(header.source_addr()), IpAddr::V4(header.destination_addr()));
    if header.is_fragmenting_payload() {
        let key = FragmentKey { addresses, protocol, id: u32::from(header.identification()) };
        let part = FragmentPart {
            offset: u32::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
            protocol,
            body: content,
        };
        return Ok(IpPacket { addresses, content: Content::Fragment { key, part } });
    }
    Ok(IpPacket { addresses, content: Content::Tcp(upper_layer(protocol, content)?) })
}

fn parse_v6(body: Body<'_>) -> Result<IpPacket<'_>, NotTcp> {
    let Ok(header) = Ipv6HeaderSlice::from_slice(body.captured) else {
        return Err(body.lacks(40, Layer::Ipv6));
    };
    let after_header = body.skip(header.slice().len(), Layer::Ipv6)?;
    let next = header.next_header().0;
    let content = match header.payload_length() {
        0 => match jumbo_payload_len(next, after_header) {
            Some(len) => after_header.announced(len),
            None => after_header,
        },
        len => after_header.announced(u32::from(len)),
    };
    let (source, mut destination) = (header.source_addr(), header.destination_addr());
    let mut chain = Extensions { next, body: content, final_destination: None };
    let fragment = chain.walk()?;
    if let Some(last) = chain.final_destination {
        destination = last;
    }
    let addresses = (IpAddr::V6(source), IpAddr::V6(destination));
    let content = match fragment {
        None => Content::Tcp(chain.body),
        Some((id, part)) => Content::Fragment { key: FragmentKey { addresses, protocol: 0, id }, part },
    };
    Ok(IpPacket { addresses, content })
}

/// The TCP segment inside `body`, the contents of a datagram that begin with header `protocol`.
pub(super) fn upper_layer(protocol: u8, body: Body<'_>) -> Result<Body<'_>, NotTcp> {
    let mut chain = Extensions { next: protocol, body, final_destination: None };
    match chain.walk()? {
        None => Ok(chain.body),
        Some(_) => Err(NotTcp::Malformed { layer: Layer::Ip, what: "a fragment inside a reassembled datagram" }),
    }
}

/// The headers between an IP header and the TCP one.
struct Extensions<'a> {
    next: u8,
    body: Body<'a>,
    final_destination: Option<Ipv6Addr>,
}

impl<'a> Extensions<'a> {
    /// Steps over headers up to TCP's, or to a fragment header that asks for other packets, whose
    /// identification and part it returns.
    ///
    /// Each step takes at least eight bytes, so the walk ends.
    #[inline]
    fn walk(&mut self) -> Result<Option<(u32, FragmentPart<'a>)>, NotTcp> {
        loop {
            match self.next {
                TCP => return Ok(None),
                FRAGMENT => {
                    let (&[next, _, o0, o1, i0, i1, i2, i3], body) = self.body.split::<8>(Layer::Extension)?;
                    let field = u16::from_be_bytes([o0, o1]);
                    let (offset, more) = (u32::from(field & 0xfff8), field & 1 == 1);
                    // Offset 0 with nothing more to come is a datagram of its own (RFC 6946).
                    if offset != 0 || more {
                        if !may_lead_to_tcp(next) {
                            return Err(NotTcp::OtherProtocol(next));
                        }
                        let part = FragmentPart { offset, more, protocol: next, body };
                        return Ok(Some((u32::from_be_bytes([i0, i1, i2, i3]), part)));
                    }
                    self.step(next, body);
                }
                AUTHENTICATION => {
                    let (&[next, words, ..], _) = self.body.split::<12>(Layer::Extension)?;
                    let rest = self.body.skip((usize::from(words) + 2) * 4, Layer::Extension)?;
                    self.step(next, rest);
                }
                kind @ (HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6) => {
                    let (&[next, units, ..], _) = self.body.split::<8>(Layer::Extension)?;
                    let len = (usize::from(units) + 1) * 8;
                    let rest = self.body.skip(len, Layer::Extension)?;
                    if kind == ROUTING
                        && let Some(header) = self.body.captured.get(..len)
                        && let Some(last) = last_hop(header)
                    {
                        self.final_destination = Some(last);
                    }
                    self.step(next, rest);
                }
                other => return Err(NotTcp::OtherProtocol(other)),
            }
        }
    }

    fn step(&mut self, next: u8, body: Body<'a>) {
        self.next = next;
        self.body = body;
    }
}

/// True for TCP and for every header that may stand before it.
const fn may_lead_to_tcp(protocol: u8) -> bool {
    matches!(
        protocol,
        TCP | HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6
    )
}

/// The destination that TCP knows, of a packet that still has hops to make: the last address of a type 0 or 2
/// routing header (RFC 8200 §4.4, RFC 6275 §6.4), the first of a segment routing header (RFC 8754 §2).
fn last_hop(routing: &[u8]) -> Option<Ipv6Addr> {
    let (&[_, _, kind, segments_left, ..], addresses) = routing.split_first_chunk::<8>()?;
    if segments_left == 0 {
        return None;
    }
    let address = match kind {
        0 | 2 => addresses.last_chunk::<16>(),
        4 => addresses.first_chunk::<16>(),
        _ => None,
    }?;
    Some(Ipv6Addr::from(*address))
}

/// The jumbo payload length (RFC 2675) of a hop-by-hop header at the start of `body`.
fn jumbo_payload_len(next: u8, body: Body<'_>) -> Option<u32> {
    const PAD1: u8 = 0x00;
    const JUMBO: u8 = 0xc2;

    if next != HOP_BY_HOP {
        return None;
    }
    let len = (usize::from(*body.captured.get(1)?) + 1) * 8;
    let mut options = body.captured.get(2..len)?;
    loop {
        match *options {
            [PAD1, ref rest @ ..] => options = rest,
            [JUMBO, 4, a, b, c, d, ..] => {
                return Some(u32::from_be_bytes([a, b, c, d])).filter(|&len| len > u32::from(u16::MAX));
            }
            [_, len, ref rest @ ..] => options = rest.get(usize::from(len)..)?,
            _ => return None,
        }
    }
}
