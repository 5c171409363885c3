//! The narrow waist: every input becomes [`Packet`]s, every packet of interest a TCP [`Segment`].
//! Nothing above this file knows what format the bytes came from.

use std::fmt;
use std::net::IpAddr;

use crate::time::Timestamp;

/// One record of a capture, in file order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Number in the file, from 1, as Wireshark counts.
    pub number: u64,
    /// Capture time; `None` where the record carries none (pcapng simple packet block) or it is out of range.
    pub time: Option<Timestamp>,
    /// What was captured.
    pub content: PacketContent<'a>,
}

/// What a capture record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketContent<'a> {
    /// The packet's bytes from the link layer on: pcap, pcapng, and JSON exports with raw packets.
    Bytes {
        /// What the first byte means.
        link_type: LinkType,
        /// The captured bytes.
        bytes: &'a [u8],
        /// The packet's length on the wire; more than `bytes` when a snap length cut it.
        original_len: u32,
    },
    /// A TCP segment that a JSON export had already taken apart.
    Segment(Segment<'a>),
    /// A packet that an export shows to carry no TCP.
    NotTcp,
    /// A TCP packet of an export that lacks what is needed to place its bytes.
    Unusable {
        /// The missing field and where to get it, one phrase.
        missing: &'static str,
    },
}

/// A link-layer header type: the number that pcap and pcapng files use (LINKTYPE_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// One end of a TCP connection. Displays as `ip:port` or `[ip6]:port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// IPv4 or IPv6 address.
    pub addr: IpAddr,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr {
            IpAddr::V4(addr) => write!(f, "{addr}:{}", self.port),
            IpAddr::V6(addr) => write!(f, "[{addr}]:{}", self.port),
        }
    }
}

/// A TCP segment with what the capture has of its bytes. Payload is borrowed: nothing is copied on the
/// way from the file's buffer to the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The capture record it came in; of a fragmented datagram, the one that completed it.
    pub packet: u64,
    /// Capture time of that record.
    pub time: Option<Timestamp>,
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// Sequence number of the first payload byte (of the SYN, when it carries that flag).
    pub seq: TcpSeq,
    /// Acknowledgement number; meaningful only with [`TcpFlags::ACK`].
    pub ack: TcpSeq,
    /// Control bits.
    pub flags: TcpFlags,
    /// The captured payload, from its first byte.
    pub payload: &'a [u8],
    /// Payload bytes that the headers announce beyond `payload`: cut by a snap length or a damaged file.
    pub missing: u32,
}

impl Segment<'_> {
    /// Payload bytes on the wire, captured or not.
    #[must_use]
    pub const fn wire_len(&self) -> u64 {
        self.payload.len() as u64 + self.missing as u64
    }
}

/// A TCP sequence number: wraps at 2^32 and therefore has no total order.
///
/// ```
/// use arqscope::decode::TcpSeq;
/// let before_wrap = TcpSeq(u32::MAX - 1);
/// assert_eq!((before_wrap + 4).0, 2);
/// assert_eq!((before_wrap + 4).since(before_wrap), 4);
/// assert_eq!(before_wrap.since(before_wrap + 4), -4);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpSeq(pub u32);

impl TcpSeq {
    /// Signed distance from `origin` to `self`, the shorter way round: −2^31 to 2^31 − 1.
    #[must_use]
    pub const fn since(self, origin: Self) -> i32 {
        self.0.wrapping_sub(origin.0) as i32
    }
}

impl std::ops::Add<u32> for TcpSeq {
    type Output = Self;

    fn add(self, bytes: u32) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

/// The control bits of a TCP header, as they stand in its fourteenth byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);

    /// True when every bit of `bits` is set.
    #[must_use]
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut set = f.debug_set();
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_compare_across_the_wrap() {
        let seq = TcpSeq(u32::MAX);
        assert_eq!((seq + 1).0, 0);
        assert_eq!((seq + 1).since(seq), 1);
        assert_eq!(seq.since(seq + 1), -1);
        assert_eq!(TcpSeq(0).since(TcpSeq(1 << 31)), i32::MIN);
    }

    #[test]
    fn an_endpoint_is_written_as_a_socket_address() {
        let v6 = Endpoint { addr: "::1".parse().unwrap(), port: 55558 };
        assert_eq!(v6.to_string(), "[::1]:55558");
        let v4 = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 1 };
        assert_eq!(v4.to_string(), "127.0.0.1:1");
    }
}
