//! One direction's headers, made once and filled in per packet.
//!
//! etherparse's builder writes every field anew and sums the whole packet byte pair by byte pair; the simulator emits
//! millions of small packets a second. Here only what differs is written, and sums of what stays the same are kept
//! (RFC 1071). The builder is what the tests compare with.

use std::net::IpAddr;

use crate::decode::{Endpoint, TcpFlags, TcpSeq};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const TCP: usize = 20;
const TCP_PROTOCOL: u8 = 6;
const HOP_LIMIT: u8 = 64;

/// The longest header: Ethernet, IPv6, TCP and a SYN's options.
pub const MAX_HEADER: usize = ETHERNET + IPV6 + TCP + SYN_OPTIONS.len();

/// MSS 65,475, then window scale 14 (padded by a no-operation): with the window of 65,535 nearly 1 GiB.
pub(super) const SYN_OPTIONS: [u8; 8] = [2, 4, 0xFF, 0xC3, 1, 3, 3, 14];

/// Headers of one direction.
#[derive(Debug, Clone)]
pub(super) struct Template {
    bytes: [u8; MAX_HEADER],
    family: Family,
    /// Sum of the IPv4 header without its total length.
    ip_sum: u64,
    /// Sum of pseudo header, ports and window, without the length.
    tcp_sum: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Template {
    /// From the first to the second endpoint, and back.
    pub(super) fn pair(a: Endpoint, b: Endpoint) -> [Self; 2] {
        let canonical = |end: Endpoint| Endpoint { addr: end.addr.to_canonical(), port: end.port };
        let (a, b) = (canonical(a), canonical(b));
        [Self::new(a, b), Self::new(b, a)]
    }

    fn new(from: Endpoint, to: Endpoint) -> Self {
        let mut bytes = [0; MAX_HEADER];
        let (ethernet, rest) = bytes.split_at_mut(ETHERNET);
        let mut tcp_sum = u64::from(u16::from_le_bytes([0, TCP_PROTOCOL]));
        let mut ip_sum = 0;
        let (family, tcp) = if let (IpAddr::V4(source), IpAddr::V4(destination)) = (from.addr, to.addr) {
            ethernet[12..].copy_from_slice(&[0x08, 0x00]);
            let (ip, tcp) = rest.split_at_mut(IPV4);
            ip[0] = 0x45;
            // Don't fragment: then the identification means nothing (RFC 6864).
            ip[6] = 0x40;
            ip[8] = HOP_LIMIT;
            ip[9] = TCP_PROTOCOL;
            ip[12..16].copy_from_slice(&source.octets());
            ip[16..].copy_from_slice(&destination.octets());
            ip_sum = sum(ip);
            tcp_sum += sum(&ip[12..]);
            (Family::V4, tcp)
        } else {
            ethernet[12..].copy_from_slice(&[0x86, 0xDD]);
            let (ip, tcp) = rest.split_at_mut(IPV6);
            ip[0] = 0x60;
            ip[6] = TCP_PROTOCOL;
            ip[7] = HOP_LIMIT;
            ip[8..24].copy_from_slice(&octets(from.addr));
            ip[24..].copy_from_slice(&octets(to.addr));
            tcp_sum += sum(&ip[8..]);
            (Family::V6, tcp)
        };
        tcp[..2].copy_from_slice(&from.port.to_be_bytes());
        tcp[2..4].copy_from_slice(&to.port.to_be_bytes());
        tcp[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
        tcp_sum += sum(&tcp[..TCP]);
        Self { bytes, family, ip_sum, tcp_sum }
    }

    /// The headers of a packet with these values. `options` is a multiple of four bytes, at most eight.
    #[inline]
    pub(super) fn fill(&mut self, seq: TcpSeq, ack: TcpSeq, flags: TcpFlags, options: &[u8], payload: &[u8]) -> &[u8] {
        self.announce(seq, ack, flags, options, payload, payload.len())
    }

    /// The same where `payload` is only the beginning of `wire_len` bytes; then the TCP checksum is that of the beginning.
    /// A length that IP has no place for is written as 0, as captures of offloaded segments have it.
    #[inline]
    pub(super) fn announce(
        &mut self,
        seq: TcpSeq,
        ack: TcpSeq,
        flags: TcpFlags,
        options: &[u8],
        payload: &[u8],
        wire_len: usize,
    ) -> &[u8] {
        let length = |len: usize| u16::try_from(len).unwrap_or(0).to_be_bytes();
        let tcp_len = TCP + options.len() + wire_len;
        let tcp_at = match self.family {
            Family::V4 => {
                let total = length(IPV4 + tcp_len);
                let checksum = !fold(self.ip_sum + u64::from(u16::from_le_bytes(total)));
                self.bytes[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&total);
                self.bytes[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&checksum.to_le_bytes());
                ETHERNET + IPV4
            }
            Family::V6 => {
                self.bytes[ETHERNET + 4..ETHERNET + 6].copy_from_slice(&length(tcp_len));
                ETHERNET + IPV6
            }
        };
        let offset_flags = [((TCP + options.len()) as u8) << 2, flags.0];
        let seq = seq.0.to_be_bytes();
        let ack = ack.0.to_be_bytes();
        let checksum = !fold(
            self.tcp_sum
                + u64::from(u16::from_le_bytes(length(tcp_len)))
                + u64::from(u32::from_le_bytes(seq))
                + u64::from(u32::from_le_bytes(ack))
                + u64::from(u16::from_le_bytes(offset_flags))
                + sum(options)
                + sum(payload),
        );
        let end = tcp_at + TCP + options.len();
        let tcp = &mut self.bytes[tcp_at..end];
        tcp[4..8].copy_from_slice(&seq);
        tcp[8..12].copy_from_slice(&ack);
        tcp[12..14].copy_from_slice(&offset_flags);
        tcp[16..18].copy_from_slice(&checksum.to_le_bytes());
        tcp[TCP..].copy_from_slice(options);
        &self.bytes[..end]
    }
}

fn octets(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
        IpAddr::V6(addr) => addr.octets(),
    }
}

/// The sum of 16-bit words that a checksum folds, each read little endian: the order of bytes does not matter to it
/// (RFC 1071 §2). At most 64 KiB, so that nothing overflows.
#[inline]
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let whole: u64 = words.iter().map(|word| u64::from(u32::from_le_bytes(*word))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    whole + u64::from(u32::from_le_bytes(last))
}

#[inline]
const fn fold(mut sum: u64) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}
