//! Link layers: from a packet's first byte to its IP header.
//!
//! Only layers that carry IP as their own business are stepped over. Tunnels inside IP (GRE, IP in IP, VXLAN …)
//! are not: their TCP is not the capture's.

use super::body::Body;
use super::{Layer, NotTcp};
use crate::decode::LinkType;

/// Hardware type of a netlink monitor in Linux cooked captures.
pub(super) const ARPHRD_NETLINK: u16 = 824;

/// What stands at the start of a body.
#[derive(Debug, Clone, Copy)]
enum Next<'a> {
    Link(LinkType, Body<'a>),
    Ethernet(Body<'a>),
    EtherType(u16, Body<'a>),
    Llc(Body<'a>),
    Mpls(Body<'a>),
    Pppoe(Body<'a>),
    Ppp(Body<'a>),
    Ieee80211(Body<'a>),
    Ip(Body<'a>),
}

/// The IP packet that `body`, a packet of `link_type`, carries.
///
/// Every step takes at least one byte or leads to one that does, so any nesting ends.
pub(super) fn ip_packet(link_type: LinkType, body: Body<'_>) -> Result<Body<'_>, NotTcp> {
    let mut next = Next::Link(link_type, body);
    loop {
        next = match next {
            Next::Link(link_type, body) => link(link_type, body)?,
            Next::Ethernet(body) => ethernet(body)?,
            Next::EtherType(kind, body) => ether_type(kind, body)?,
            Next::Llc(body) => llc(body)?,
            Next::Mpls(body) => mpls(body)?,
            Next::Pppoe(body) => pppoe(body)?,
            Next::Ppp(body) => ppp(body)?,
            Next::Ieee80211(body) => ieee80211(body)?,
            Next::Ip(body) => return Ok(body),
        }
    }
}

/// True for the link types that [`ip_packet`] can step over.
pub(super) fn is_supported(link_type: LinkType) -> bool {
    !matches!(link(link_type, Body::of_packet(&[], 0)), Err(NotTcp::UnknownLinkType(_)))
}

fn link(link_type: LinkType, body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    const LAYER: Layer = Layer::Link;
    Ok(match link_type.0 {
        1 => Next::Ethernet(body),
        0 => {
            let (&family, rest) = body.split::<4>(LAYER)?;
            null(family, body, rest)?
        }
        108 => {
            let (&family, rest) = body.split::<4>(LAYER)?;
            address_family(u32::from_be_bytes(family), rest)?
        }
        12 | 14 | 101 | 228 | 229 => Next::Ip(body),
        9 | 50 => match body.captured {
            // Cisco HDLC's unicast and multicast addresses on a link declared as PPP.
            [0x0f | 0x8f, ..] => cisco_hdlc(body)?,
            _ => Next::Ppp(body),
        },
        104 => cisco_hdlc(body)?,
        204 => Next::Ppp(body.skip(1, LAYER)?),
        205 => cisco_hdlc(body.skip(1, LAYER)?)?,
        51 => Next::Pppoe(body),
        113 => {
            let (&[_, _, h0, h1, .., p0, p1], rest) = body.split::<16>(LAYER)?;
            linux_cooked(u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]), rest)?
        }
        276 => {
            let (&[p0, p1, _, _, _, _, _, _, h0, h1, ..], rest) = body.split::<20>(LAYER)?;
            linux_cooked(u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]), rest)?
        }
        109 => {
            let (&[a, b, c, d, ..], rest) = body.split::<12>(LAYER)?;
            null([a, b, c, d], body, rest)?
        }
        6 => token_ring(body)?,
        10 => match body.split::<13>(LAYER)? {
            // Frame control of asynchronous LLC frames.
            (&[control, ..], rest) if control & 0xf0 == 0x50 => Next::Llc(rest),
            _ => return Err(NotTcp::NoIp),
        },
        11 | 100 => Next::Llc(body),
        122 => Next::Llc(body.skip(16, LAYER)?),
        138 => {
            let (&[.., t0, t1], rest) = body.split::<18>(LAYER)?;
            Next::EtherType(u16::from_be_bytes([t0, t1]), rest)
        }
        105 => Next::Ieee80211(body),
        119 => {
            let (&[_, _, _, _, a, b, c, d], _) = body.split::<8>(LAYER)?;
            Next::Ieee80211(skip_header(body, u32::from_le_bytes([a, b, c, d]), 8)?)
        }
        127 => {
            let (&[_, _, a, b], _) = body.split::<4>(LAYER)?;
            Next::Ieee80211(skip_header(body, u32::from(u16::from_le_bytes([a, b])), 8)?)
        }
        163 => {
            let (&[_, _, _, _, a, b, c, d], _) = body.split::<8>(LAYER)?;
            Next::Ieee80211(skip_header(body, u32::from_be_bytes([a, b, c, d]), 8)?)
        }
        117 => {
            let (&[len, family], _) = body.split::<2>(LAYER)?;
            address_family(u32::from(family), skip_header(body, u32::from(len).next_multiple_of(4), 4)?)?
        }
        149 | 258 => {
            let (&[a, b, c, d, _, _, _, _, t0, t1, t2, t3], _) = body.split::<12>(LAYER)?;
            let inner = u16::try_from(u32::from_le_bytes([t0, t1, t2, t3])).map_err(|_| NotTcp::NoIp)?;
            Next::Link(LinkType(inner), skip_header(body, u32::from_le_bytes([a, b, c, d]), 12)?)
        }
        219 => Next::Mpls(body),
        239 => nflog(body)?,
        240 => Next::Ethernet(body.skip(4, LAYER)?),
        // The preamble and start-of-frame delimiter stand before the frame.
        241 => Next::Ethernet(body.skip(4 + 8, LAYER)?),
        _ => return Err(NotTcp::UnknownLinkType(link_type)),
    })
}

/// What follows a header that states its own length, which is `min` at least.
fn skip_header(body: Body<'_>, len: u32, min: u32) -> Result<Body<'_>, NotTcp> {
    if len < min {
        return Err(NotTcp::Malformed { layer: Layer::Link, what: "header length below its fixed part" });
    }
    body.skip(len as usize, Layer::Link)
}

/// BSD loopback: an address family in the byte order of the capturing host. Some systems wrote it in 16 bits, some
/// wrote an EtherType, and PPP captured this way begins with its own FF 03.
fn null<'a>(family: [u8; 4], whole: Body<'a>, rest: Body<'a>) -> Result<Next<'a>, NotTcp> {
    if family.starts_with(&[0xff, 0x03]) {
        return Ok(Next::Ppp(whole));
    }
    let value = match family {
        [0, short @ 1..6, 0, 0] => u16::from(short),
        [low, high, 0, 0] => u16::from_le_bytes([low, high]),
        [0, 0, high, low] => u16::from_be_bytes([high, low]),
        _ => return Err(NotTcp::NoIp),
    };
    match value {
        0x0600.. => Ok(Next::EtherType(value, rest)),
        _ => address_family(u32::from(value), rest),
    }
}

fn address_family(family: u32, rest: Body<'_>) -> Result<Next<'_>, NotTcp> {
    match family {
        // AF_INET; AF_INET6 of Linux, NetBSD and OpenBSD, BSD/OS, FreeBSD, macOS.
        2 | 10 | 23 | 24 | 28 | 30 => Ok(Next::Ip(rest)),
        _ => Err(NotTcp::NoIp),
    }
}

fn ethernet(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    let (&[.., t0, t1], rest) = body.split::<14>(Layer::Link)?;
    Ok(Next::EtherType(u16::from_be_bytes([t0, t1]), rest))
}

fn ether_type(kind: u16, body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    const LAYER: Layer = Layer::LinkTag;
    Ok(match kind {
        0x0800 | 0x86dd => Next::Ip(body),
        // VLAN tags: 802.1Q, 802.1ad and the numbers used before it.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
            let (&[_, _, t0, t1], rest) = body.split::<4>(LAYER)?;
            Next::EtherType(u16::from_be_bytes([t0, t1]), rest)
        }
        // Cisco VN-Tag.
        0x8926 => {
            let (&[.., t0, t1], rest) = body.split::<6>(LAYER)?;
            Next::EtherType(u16::from_be_bytes([t0, t1]), rest)
        }
        0x88e5 => macsec(body)?,
        0x8847 | 0x8848 => Next::Mpls(body),
        0x8864 => Next::Pppoe(body),
        // 802.1ah: a service tag, then the customer's whole frame.
        0x88e7 => Next::Ethernet(body.skip(4, LAYER)?),
        // Cisco metadata and 802.1BR: six bytes before the next type.
        0x8909 | 0x893f => {
            let (&[.., t0, t1], rest) = body.split::<8>(LAYER)?;
            Next::EtherType(u16::from_be_bytes([t0, t1]), rest)
        }
        len @ 0..=1500 => Next::Llc(body.carried(len)),
        _ => return Err(NotTcp::NoIp),
    })
}

/// IEEE 802.1AE, where it protects a frame's integrity only: encrypted frames show nothing.
fn macsec(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    const SECURE_CHANNEL: u8 = 0x20;
    const ENCRYPTED_OR_CHANGED: u8 = 0x0c;
    let (&[control, ..], rest) = body.split::<6>(Layer::LinkTag)?;
    if control & ENCRYPTED_OR_CHANGED != 0 {
        return Err(NotTcp::NoIp);
    }
    let rest = if control & SECURE_CHANNEL != 0 { rest.skip(8, Layer::LinkTag)? } else { rest };
    let (&[t0, t1], rest) = rest.split::<2>(Layer::LinkTag)?;
    Ok(Next::EtherType(u16::from_be_bytes([t0, t1]), rest))
}

/// IEEE 802.2: SNAP with an EtherType, or the service access point once given to IP.
fn llc(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    let (head, rest) = body.split::<3>(Layer::Llc)?;
    match head {
        [0xaa, 0xaa, 0x03] => {
            let (&[o0, o1, o2, t0, t1], rest) = rest.split::<5>(Layer::Llc)?;
            match ([o0, o1, o2], u16::from_be_bytes([t0, t1])) {
                // Encapsulated Ethernet and the bridge tunnel (802.1H) use EtherTypes.
                ([0, 0, 0] | [0, 0, 0xf8], kind @ 0x600..) => Ok(Next::EtherType(kind, rest)),
                // Bridged Ethernet with and without its check sequence, after two bytes of padding (RFC 2684 §5.2).
                ([0, 0x80, 0xc2], 0x0001 | 0x0007) => Ok(Next::Ethernet(rest.skip(2, Layer::Llc)?)),
                _ => Err(NotTcp::NoIp),
            }
        }
        [0x06, 0x06, 0x03] => Ok(Next::Ip(rest)),
        // A network layer protocol identifier follows: IPv4's or IPv6's (RFC 2684 §5.1).
        [0xfe, 0xfe, 0x03] => match rest.split::<1>(Layer::Llc)? {
            ([0xcc | 0x8e], rest) => Ok(Next::Ip(rest)),
            _ => Err(NotTcp::NoIp),
        },
        _ => Err(NotTcp::NoIp),
    }
}

/// A label stack; below its bottom nothing names the contents, and the first four bits are all there is to
/// tell by (RFC 4928).
fn mpls(mut body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    loop {
        let (&[_, _, bottom, _], rest) = body.split::<4>(Layer::Mpls)?;
        body = rest;
        if bottom & 1 == 1 {
            break;
        }
    }
    match body.captured.first().map(|first| first >> 4) {
        Some(4 | 6) => Ok(Next::Ip(body)),
        // A pseudowire, with a control word (RFC 4448 §4.6) or without.
        Some(0) if body.skip(4, Layer::Mpls).is_ok_and(|inner| is_ethernet_with_ip(inner.captured)) => {
            Ok(Next::Ethernet(body.skip(4, Layer::Mpls)?))
        }
        Some(_) if is_ethernet_with_ip(body.captured) => Ok(Next::Ethernet(body)),
        Some(_) => Err(NotTcp::NoIp),
        None => Err(body.lacks(1, Layer::Mpls)),
    }
}

/// True when `bytes` read as an Ethernet frame, with at most two VLAN tags, have IP where its type says so.
fn is_ethernet_with_ip(bytes: &[u8]) -> bool {
    let at = |offset: usize| bytes.get(offset..).and_then(<[u8]>::first_chunk::<3>);
    [12, 16, 20].iter().find_map(|&offset| match at(offset) {
        Some([0x08, 0x00, 0x45..=0x4f] | [0x86, 0xdd, 0x60..=0x6f]) => Some(true),
        Some([0x81, 0x00, _] | [0x88, 0xa8, _]) => None,
        _ => Some(false),
    }) == Some(true)
}

/// PPPoE session stage (RFC 2516).
fn pppoe(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    let (&[_, code, _, _, l0, l1], rest) = body.split::<6>(Layer::Ppp)?;
    if code != 0 {
        return Err(NotTcp::NoIp);
    }
    Ok(Next::Ppp(rest.carried(u16::from_be_bytes([l0, l1]))))
}

/// PPP (RFC 1661), with or without address and control fields, protocol field compressed or not.
fn ppp(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    let body = if body.captured.starts_with(&[0xff, 0x03]) { body.skip(2, Layer::Ppp)? } else { body };
    let (&[first], rest) = body.split::<1>(Layer::Ppp)?;
    let (protocol, rest) = if first & 1 == 1 {
        (u16::from(first), rest)
    } else {
        let (&[second], rest) = rest.split::<1>(Layer::Ppp)?;
        (u16::from_be_bytes([first, second]), rest)
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Next::Ip(rest)),
        0x0281 | 0x0283 => Ok(Next::Mpls(rest)),
        _ => Err(NotTcp::NoIp),
    }
}

fn cisco_hdlc(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    let (&[_, _, t0, t1], rest) = body.split::<4>(Layer::Link)?;
    Ok(Next::EtherType(u16::from_be_bytes([t0, t1]), rest))
}

fn linux_cooked(hardware: u16, protocol: u16, rest: Body<'_>) -> Result<Next<'_>, NotTcp> {
    match protocol {
        // Of a netlink monitor the protocol is a netlink family.
        _ if hardware == ARPHRD_NETLINK => Err(NotTcp::NoIp),
        0x0003 => Ok(Next::Ethernet(rest)),
        0x0004 => Ok(Next::Llc(rest)),
        0x0007 => Ok(Next::Ppp(rest)),
        0x0600.. => Ok(Next::EtherType(protocol, rest)),
        _ => Err(NotTcp::NoIp),
    }
}

/// IEEE 802.5: LLC frames, after a source route if the source address announces one.
fn token_ring(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    let (&[_, control, _, _, _, _, _, _, source, ..], rest) = body.split::<14>(Layer::Link)?;
    if control & 0xc0 != 0x40 {
        return Err(NotTcp::NoIp);
    }
    if source & 0x80 == 0 {
        return Ok(Next::Llc(rest));
    }
    let (&[routing, _], _) = rest.split::<2>(Layer::Link)?;
    Ok(Next::Llc(rest.skip(usize::from(routing & 0x1f).max(2), Layer::Link)?))
}

/// IEEE 802.11 data frames that are neither encrypted nor aggregated.
fn ieee80211(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    const NO_DATA: u8 = 0x40;
    const QOS: u8 = 0x80;
    const BOTH_DS: u8 = 0x03;
    const MORE_FRAGMENTS: u8 = 0x04;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;

    let (&[kind, flags], _) = body.split::<2>(Layer::Link)?;
    if kind & 0x0f != 0x08 || kind & NO_DATA != 0 || flags & (PROTECTED | MORE_FRAGMENTS) != 0 {
        return Err(NotTcp::NoIp);
    }
    let (&[.., sequence, _], rest) = body.split::<24>(Layer::Link)?;
    if sequence & 0x0f != 0 {
        // A fragment that is not the first.
        return Err(NotTcp::NoIp);
    }
    let rest = if flags & BOTH_DS == BOTH_DS { rest.skip(6, Layer::Link)? } else { rest };
    if kind & QOS == 0 {
        return Ok(Next::Llc(rest));
    }
    let (&[control, _], rest) = rest.split::<2>(Layer::Link)?;
    if control & AGGREGATE != 0 {
        return Err(NotTcp::NoIp);
    }
    Ok(Next::Llc(if flags & ORDER != 0 { rest.skip(4, Layer::Link)? } else { rest }))
}

/// Linux netfilter log: attributes, one of which is the packet from its IP header on.
fn nflog(body: Body<'_>) -> Result<Next<'_>, NotTcp> {
    const PAYLOAD: u16 = 9;
    let (_, mut attributes) = body.split::<4>(Layer::Link)?;
    loop {
        if attributes.wire_len() == 0 {
            return Err(NotTcp::NoIp);
        }
        let (&[l0, l1, k0, k1], value) = attributes.split::<4>(Layer::Link)?;
        let len = u16::from_le_bytes([l0, l1]);
        if len < 4 {
            return Err(NotTcp::Malformed { layer: Layer::Link, what: "attribute length below 4" });
        }
        if u16::from_le_bytes([k0, k1]) == PAYLOAD {
            // As long as what was logged of the packet, which may be less than the packet.
            return Ok(Next::Ip(value.cut_to(len - 4)));
        }
        attributes = attributes.skip(usize::from(len).next_multiple_of(4), Layer::Link)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    const SNAP: [u8; 8] = [0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00];
    /// Stands for an IPv4 packet: only its first byte is looked at here.
    const IP: [u8; 20] = [0x45, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];

    fn wrap(parts: &[&[u8]]) -> Vec<u8> {
        let mut packet = parts.concat();
        packet.extend_from_slice(&IP);
        packet
    }

    fn found(link_type: u16, packet: &[u8]) -> Result<&[u8], NotTcp> {
        let body = Body::of_packet(packet, packet.len() as u32);
        ip_packet(LinkType(link_type), body).map(|body| body.captured)
    }

    fn ethernet(tags: &[u8]) -> Vec<u8> {
        wrap(&[&MACS, tags])
    }

    fn ieee80211(flags: [u8; 2], tail: &[u8]) -> Vec<u8> {
        wrap(&[&flags, &[0, 0], &MACS, &[2, 0, 0, 0, 0, 3, 0x10, 0], tail, &SNAP])
    }

    /// Wrapped in the same way, tshark 4.0.17 finds the IP packet in all of these but 205, 219, 240 and 241, where the
    /// link-type registry is the source.
    #[test]
    fn every_supported_link_type_leads_to_ip() {
        let ppp = [0xff, 0x03, 0x00, 0x21];
        let cases: Vec<(u16, Vec<u8>)> = vec![
            (0, wrap(&[&[2, 0, 0, 0]])),
            (0, wrap(&[&[0, 0, 0, 2]])),
            (0, wrap(&[&[30, 0, 0, 0]])),
            (0, wrap(&[&[0, 0, 0, 28]])),
            (0, wrap(&[&[0, 2, 0, 0]])),
            (0, wrap(&[&[0x00, 0x08, 0, 0]])),
            (0, wrap(&[&[0, 0, 0x08, 0x00]])),
            (0, wrap(&[&ppp])),
            (1, ethernet(&[0x08, 0x00])),
            (6, wrap(&[&[0x10, 0x40], &MACS, &SNAP])),
            (6, wrap(&[&[0x10, 0x40], &MACS[..6], &[0x82, 0, 0, 0, 0, 2, 0x06, 0x30, 0, 0x11, 0, 0x20], &SNAP])),
            (9, wrap(&[&ppp])),
            (9, wrap(&[&ppp[2..]])),
            (9, wrap(&[&ppp[3..]])),
            (9, wrap(&[&[0x00, 0x57]])),
            (10, wrap(&[&[0x50], &MACS, &SNAP])),
            (11, wrap(&[&SNAP])),
            (11, wrap(&[&[0xfe, 0xfe, 0x03, 0xcc]])),
            (11, wrap(&[&[0xaa, 0xaa, 0x03, 0, 0x80, 0xc2, 0, 7, 0, 0], &MACS, &[0x08, 0x00]])),
            (12, wrap(&[])),
            (14, wrap(&[])),
            (50, wrap(&[&ppp])),
            (50, wrap(&[&[0x0f, 0, 0x08, 0x00]])),
            (51, wrap(&[&[0x11, 0, 0, 7, 0, 22, 0x00, 0x21]])),
            (100, wrap(&[&SNAP])),
            (101, wrap(&[])),
            (104, wrap(&[&[0x8f, 0, 0x86, 0xdd]])),
            (105, ieee80211([0x08, 0x01], &[])),
            (105, ieee80211([0x88, 0x02], &[0, 0])),
            (105, ieee80211([0x88, 0x81], &[0, 0, 0, 0, 0, 0])),
            (105, ieee80211([0x08, 0x03], &MACS[..6])),
            (108, wrap(&[&[0, 0, 0, 2]])),
            (109, wrap(&[&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])),
            (113, wrap(&[&[0, 4, 3, 4, 0, 6], &MACS[..8], &[0x08, 0x00]])),
            (113, wrap(&[&[0, 0, 0, 1, 0, 6], &MACS[..8], &[0, 4], &SNAP])),
            (117, wrap(&[&[61, 2, 0, 0], &[0; 60]])),
            (119, wrap(&[&[0, 0, 0, 0x44, 144, 0, 0, 0], &[0; 136], &ieee80211([0x08, 0x01], &[])[..32]])),
            (122, wrap(&[&[0, 0], &MACS[..8], &MACS[..6], &SNAP])),
            (127, wrap(&[&[0, 0, 9, 0, 0, 0, 0, 0, 0], &ieee80211([0x08, 0x01], &[])[..32]])),
            (138, wrap(&[&[0; 16], &[0x08, 0x00]])),
            (149, wrap(&[&[12, 0, 0, 0, 1, 0, 0, 0, 101, 0, 0, 0]])),
            (163, wrap(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56], &ieee80211([0x08, 0x01], &[])[..32]])),
            (204, wrap(&[&[1], &ppp])),
            (205, wrap(&[&[1, 0x0f, 0, 0x08, 0x00]])),
            (219, wrap(&[&[0, 1, 0, 64, 0, 2, 1, 64]])),
            (228, wrap(&[])),
            (229, wrap(&[])),
            (239, wrap(&[&[2, 0, 0, 5, 5, 0, 10, 0, b'x', 0, 0, 0, 24, 0, 9, 0]])),
            (240, wrap(&[&[0; 4], &MACS, &[0x08, 0x00]])),
            (241, wrap(&[&[0; 12], &MACS, &[0x08, 0x00]])),
            (258, wrap(&[&[16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9, 9], &MACS, &[0x08, 0x00]])),
            (276, wrap(&[&[0x08, 0x00, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6], &MACS[..8]])),
        ];
        for (link_type, packet) in &cases {
            assert_eq!(found(*link_type, packet), Ok(&IP[..]), "link type {link_type}, {packet:02x?}");
        }
        for number in (0..=u16::MAX).filter(|&number| LinkType(number).is_supported()) {
            assert!(cases.iter().any(|(link_type, _)| *link_type == number), "link type {number} is not tested");
        }
    }

    #[test]
    fn tags_of_any_depth_are_stepped_over() {
        let vlan = [[0x81, 0x00, 0, 1], [0x88, 0xa8, 0, 2], [0x91, 0x00, 0, 3]];
        for depth in 0..50 {
            let tags: Vec<u8> = vlan.iter().cycle().take(depth).flatten().copied().chain([0x08, 0x00]).collect();
            assert_eq!(found(1, &ethernet(&tags)), Ok(&IP[..]), "{depth} tags");
        }
        let inner = [&MACS[..], &[0x08, 0x00]].concat();
        for tags in [
            &[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64][..],
            &[0x88, 0x48, 0, 2, 1, 64],
            &[0x88, 0x64, 0x11, 0, 0, 7, 0, 22, 0x00, 0x21],
            &[0x88, 0x64, 0x11, 0, 0, 7, 0, 26, 0x02, 0x81, 0, 2, 1, 64],
            &[0x89, 0x09, 1, 1, 0, 1, 0, 2, 0x08, 0x00],
            &[0x89, 0x3f, 0, 0, 0, 1, 0, 0, 0x08, 0x00],
            &[0x89, 0x26, 0, 0, 0, 1, 0x08, 0x00],
            &[0x88, 0xe5, 0, 0, 0, 0, 0, 1, 0x08, 0x00],
            &[0x88, 0xe5, 0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 0x00],
            &[&[0x88, 0xe7, 0, 0, 0, 1][..], &inner].concat(),
            &[&[0x88, 0x47, 0, 2, 1, 64, 0, 0, 0, 1][..], &inner].concat(),
            &[&[0x88, 0x47, 0, 2, 1, 64][..], &inner].concat(),
        ] {
            assert_eq!(found(1, &ethernet(tags)), Ok(&IP[..]), "{tags:02x?}");
        }
    }

    #[test]
    fn an_802_3_length_ends_the_frame_and_pads_are_left_out() {
        let mut packet = ethernet(&[&[0, 28], &SNAP[..]].concat());
        packet.extend_from_slice(b"padding");
        assert_eq!(found(1, &packet), Ok(&IP[..]));
    }

    #[test]
    fn what_carries_no_ip_is_told_from_what_is_broken() {
        for (link_type, packet) in [
            (1, ethernet(&[0x08, 0x06])),
            (1, ethernet(&[0x88, 0xe5, 0x2c, 0, 0, 0, 0, 1])),
            (1, ethernet(&[0x88, 0x63, 0x11, 0x09, 0, 0, 0, 0])),
            (1, ethernet(&[0, 38, 0x42, 0x42, 0x03])),
            (1, ethernet(&[0x88, 0x47, 0, 1, 1, 64, 0x10, 0, 0, 0])),
            (0, wrap(&[&[7, 0, 0, 0]])),
            (9, wrap(&[&[0xc0, 0x21]])),
            (105, ieee80211([0x08, 0x41], &[])),
            (105, ieee80211([0x48, 0x01], &[])),
            (105, ieee80211([0x88, 0x01], &[0x80, 0])),
            (113, wrap(&[&[0, 4, 0x03, 0x38], &[0; 10], &[0x08, 0x00]])),
        ] {
            assert_eq!(found(link_type, &packet), Err(NotTcp::NoIp), "link type {link_type}, {packet:02x?}");
        }
        assert!(matches!(found(1, &MACS), Err(NotTcp::Malformed { layer: Layer::Link, .. })));
        let cut = ip_packet(LinkType(1), Body::of_packet(&MACS, 60));
        assert_eq!(cut, Err(NotTcp::CutShort { layer: Layer::Link, needed: 14, available: 12 }));
        assert_eq!(found(4711, &MACS), Err(NotTcp::UnknownLinkType(LinkType(4711))));
    }
}
