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

#[cfg(test)]
mod tests {
    use super::super::body::End;
    use super::*;
    use etherparse::{IpNumber, Ipv4Header, Ipv4Options, Ipv6FlowLabel, Ipv6Header};

    fn v4(protocol: u8, total: u16, options: &[u8], content: &[u8]) -> Vec<u8> {
        let mut header = Ipv4Header::new(0, 64, IpNumber(protocol), [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
        header.options = Ipv4Options::try_from(options).unwrap();
        header.total_len = total;
        let mut bytes = Vec::new();
        header.write_raw(&mut bytes).unwrap();
        [&bytes, content].concat()
    }

    fn v6(next: u8, payload_len: u16, content: &[u8]) -> Vec<u8> {
        let header = Ipv6Header {
            traffic_class: 0,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: payload_len,
            next_header: IpNumber(next),
            hop_limit: 64,
            source: [1; 16],
            destination: [2; 16],
        };
        [&header.to_bytes()[..], content].concat()
    }

    fn body(bytes: &[u8], original_len: usize) -> Body<'_> {
        Body::of_packet(bytes, original_len as u32)
    }

    /// The TCP part of a packet and how much of it is missing.
    fn tcp(bytes: &[u8], original_len: usize) -> Result<(Vec<u8>, u32), NotTcp> {
        match parse(body(bytes, original_len))?.content {
            Content::Tcp(body) => Ok((body.captured.to_vec(), body.missing)),
            Content::Fragment { .. } => Err(NotTcp::Fragment),
        }
    }

    const CONTENT: &[u8] = b"tcp segment";
    const LEN: u16 = CONTENT.len() as u16;

    fn found() -> Result<(Vec<u8>, u32), NotTcp> {
        Ok((CONTENT.to_vec(), 0))
    }

    #[test]
    fn padding_behind_the_announced_length_is_left_out() {
        let padded = [CONTENT, b"trailer"].concat();
        for packet in [v4(6, 20 + LEN, &[], &padded), v4(6, 24 + LEN, &[1; 4], &padded), v6(6, LEN, &padded)] {
            assert_eq!(tcp(&packet, packet.len()), found());
        }
    }

    #[test]
    fn length_zero_means_to_the_end_of_the_packet() {
        for packet in [v4(6, 0, &[], CONTENT), v4(6, 0, &[1; 40], CONTENT), v6(6, 0, CONTENT)] {
            assert_eq!(tcp(&packet, packet.len()), found());
            assert_eq!(tcp(&packet, packet.len() + 5), Ok((CONTENT.to_vec(), 5)));
        }
    }

    #[test]
    fn a_length_beyond_what_was_captured_counts_as_missing_whatever_the_record_says() {
        for packet in [v4(6, 20 + LEN + 100, &[], CONTENT), v6(6, LEN + 100, CONTENT)] {
            for original_len in [0, packet.len(), packet.len() + 7, packet.len() + 100, packet.len() + 9000] {
                assert_eq!(tcp(&packet, original_len), Ok((CONTENT.to_vec(), 100)));
            }
            let carried = Body { end: End::Carrier, ..body(&packet, packet.len()) };
            let Ok(IpPacket { content: Content::Tcp(inner), .. }) = parse(carried) else { panic!("no TCP") };
            assert_eq!((inner.captured, inner.missing), (CONTENT, 0));
        }
    }

    #[test]
    fn contradictions_of_the_header_are_malformed_and_cuts_are_cuts() {
        for total in 1..20 {
            let packet = v4(6, total, &[], CONTENT);
            assert!(matches!(tcp(&packet, packet.len()), Err(NotTcp::Malformed { layer: Layer::Ipv4, .. })));
        }
        let mut short_header = v4(6, 31, &[], CONTENT);
        short_header[0] = 0x44;
        assert!(matches!(tcp(&short_header, 31), Err(NotTcp::Malformed { layer: Layer::Ipv4, .. })));
        assert!(matches!(tcp(&[0x55; 40], 40), Err(NotTcp::Malformed { layer: Layer::Ip, .. })));
        assert!(matches!(tcp(&[], 0), Err(NotTcp::Malformed { layer: Layer::Ip, .. })));
        let packet = v4(6, 24 + LEN, &[1; 4], CONTENT);
        for cut in 1..24 {
            let needed = if cut < 20 { 20 } else { 24 };
            let expected = NotTcp::CutShort { layer: Layer::Ipv4, needed, available: cut };
            assert_eq!(tcp(&packet[..cut], packet.len()), Err(expected));
            assert!(matches!(tcp(&packet[..cut], cut), Err(NotTcp::Malformed { .. })));
        }
    }

    #[test]
    fn tunnels_and_icmp_errors_are_not_looked_into() {
        let inner = v4(6, 20 + LEN, &[], CONTENT);
        for protocol in [1, 4, 17, 41, 47, 50, 58, 115, 132, 137] {
            let packet = v4(protocol, 20 + inner.len() as u16, &[], &inner);
            assert_eq!(tcp(&packet, packet.len()), Err(NotTcp::OtherProtocol(protocol)));
            let packet = v6(protocol, inner.len() as u16, &inner);
            assert_eq!(tcp(&packet, packet.len()), Err(NotTcp::OtherProtocol(protocol)));
        }
    }

    #[test]
    fn extension_headers_in_any_order_lead_to_tcp() {
        let plain = |next: u8| vec![next, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let ah = |next: u8| vec![next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let atomic = |next: u8| vec![next, 0, 0, 0, 0, 0, 0, 9];
        for kinds in [&[0_u8, 60, 43, 44, 51, 60, 135, 139, 140][..], &[51], &[44], &[60, 60, 60], &[44, 44]] {
            let mut content = CONTENT.to_vec();
            let mut next = TCP;
            for &kind in kinds.iter().rev() {
                let header = match kind {
                    AUTHENTICATION => ah(next),
                    FRAGMENT => atomic(next),
                    _ => plain(next),
                };
                content = [header, content].concat();
                next = kind;
            }
            let packet = v6(next, content.len() as u16, &content);
            assert_eq!(tcp(&packet, packet.len()), found(), "{kinds:?}");
            for cut in 40..packet.len() - CONTENT.len() {
                assert!(tcp(&packet[..cut], packet.len()).is_err() || cut + CONTENT.len() >= packet.len());
            }
        }
        let packet = v4(51, 20 + 24 + LEN, &[], &[&ah(6), CONTENT].concat());
        assert_eq!(tcp(&packet, packet.len()), found());
    }

    #[test]
    fn a_jumbo_payload_option_states_the_length() {
        let hop = |len: u32| [&[6, 0, 0xc2, 4][..], &len.to_be_bytes()].concat();
        let content = vec![5; 70_000];
        let packet = v6(0, 0, &[hop(8 + 70_000), content.clone(), b"trailer".to_vec()].concat());
        assert_eq!(tcp(&packet, packet.len()), Ok((content.clone(), 0)));
        assert_eq!(tcp(&packet[..1048], packet.len()), Ok((content[..1000].to_vec(), 69_000)));
        // Not a jumbo: the option is not allowed to state less, so the length is unknown as without it.
        let packet = v6(0, 0, &[&hop(9)[..], CONTENT].concat());
        assert_eq!(tcp(&packet, packet.len()), found());
        let packet = v6(0, 0, &[&[6, 0, 0, 0, 0, 0xc2, 4, 0][..], CONTENT].concat());
        assert_eq!(tcp(&packet, packet.len()), found());
    }

    #[test]
    fn the_destination_is_the_one_that_tcp_knows() {
        let (middle, last) = ([8; 16], [9; 16]);
        for (kind, left, addresses, expected) in
            [(0, 2, [middle, last], last), (0, 0, [middle, last], [2; 16]), (4, 1, [last, middle], last)]
        {
            let routing = [&[6, 4, kind, left, 0, 0, 0, 0][..], addresses.as_flattened(), CONTENT].concat();
            let packet = v6(43, routing.len() as u16, &routing);
            let addresses = parse(body(&packet, packet.len())).unwrap().addresses;
            assert_eq!(addresses, (IpAddr::from([1; 16]), IpAddr::from(expected)));
        }
    }

    #[test]
    fn only_fragments_that_may_lead_to_tcp_are_kept() {
        let fragment = |next: u8| v6(44, 8 + LEN, &[&[next, 0, 0, 1, 0, 0, 0, 9][..], CONTENT].concat());
        assert_eq!(tcp(&fragment(6), 59), Err(NotTcp::Fragment));
        assert_eq!(tcp(&fragment(60), 59), Err(NotTcp::Fragment));
        assert_eq!(tcp(&fragment(17), 59), Err(NotTcp::OtherProtocol(17)));
        let mut udp = v4(17, 20 + LEN, &[], CONTENT);
        udp[6] = 0x20;
        assert_eq!(tcp(&udp, udp.len()), Err(NotTcp::OtherProtocol(17)));
    }
}
