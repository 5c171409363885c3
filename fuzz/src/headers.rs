//! Link, IP and TCP headers, fragments among them.

use arqscope::decode::headers::{Dissected, Dissector, FragmentLimits, NotTcp};
use arqscope::decode::{LinkType, Segment};

use super::plan::Plan;
use super::tame::assert_tame;

/// NULL, Ethernet, PPP, RAW in its three numbers, PPP with HDLC framing, Cisco HDLC, LOOP, SLL, IPv4, IPv6, SLL2, PPPoE,
/// 802.11 with radiotap, and one that is not read.
const LINK_TYPES: [u16; 16] = [0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 127, 147, 228, 229, 276];

const ETHERNET: LinkType = LinkType(1);
const RAW: LinkType = LinkType(101);

/// Packets one after the other: link type, how much the wire had more, length, bytes.
pub(super) fn packets(data: &[u8]) {
    let mut plan = Plan::new(data);
    let limits = FragmentLimits { datagrams: 4, bytes: 4096, age: 16 };
    let (mut dissector, mut tagged) = (Dissector::new(limits), Dissector::new(limits));
    let mut number = 0;
    while !plan.is_empty() {
        number += 1;
        let link_type = LinkType(plan.choose(&LINK_TYPES));
        let cut_off = u32::from(plan.byte());
        let len = usize::from(plan.below(2000));
        let bytes = plan.bytes(len);
        let original_len = bytes.len() as u32 + cut_off;
        match dissector.dissect(number, None, link_type, bytes, original_len) {
            Dissected::Tcp(segment) => check(&segment, number),
            Dissected::Other(reason) => assert_tame("a reason", reason.to_string().as_bytes()),
        }
        if link_type == RAW && matches!(bytes.first(), Some(0x40..=0x6f)) {
            same_behind_a_tag(&mut tagged, number, bytes, original_len);
        }
    }
    let counts = dissector.counts();
    assert_eq!(counts.packets(), number, "each packet is counted once");
}

fn check(segment: &Segment<'_>, number: u64) {
    assert_eq!(segment.packet, number);
    assert!(segment.payload.len() <= 1 << 16, "a datagram has 16 bits of length");
}

/// The same IP packet, with nothing around it and behind Ethernet with a VLAN tag: another way through the code.
fn same_behind_a_tag(dissector: &mut Dissector, number: u64, ip: &[u8], original_len: u32) {
    let ether_type: [u8; 2] = if ip[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    let mut frame = vec![2; 12];
    frame.extend_from_slice(&[0x81, 0x00, 0, 7]);
    frame.extend_from_slice(&ether_type);
    let before = frame.len() as u32;
    frame.extend_from_slice(ip);
    // Of its own, so that fragments of one do not wait for those of the other.
    let mut alone = Dissector::new(FragmentLimits { datagrams: 1, bytes: 1 << 16, age: 1 });
    let raw = match alone.dissect(number, None, RAW, ip, original_len) {
        Dissected::Tcp(segment) => Ok((format!("{segment:?}"), segment.payload.len())),
        Dissected::Other(reason) => Err(reason),
    };
    let behind = match dissector.dissect(number, None, ETHERNET, &frame, original_len + before) {
        Dissected::Tcp(segment) => Ok((format!("{segment:?}"), segment.payload.len())),
        Dissected::Other(reason) => Err(reason),
    };
    // A fragment may find its other half only where packets came before.
    if raw != Err(NotTcp::Fragment) {
        assert_eq!(raw, behind, "raw and behind a tag");
    }
}
