//! TCP header → [`Segment`] (RFC 9293 §3.1).

use std::net::IpAddr;

use super::body::Body;
use super::{Layer, NotTcp};
use crate::decode::{Endpoint, Segment, TcpFlags, TcpSeq};
use crate::time::Timestamp;

/// The header without options, in bytes.
pub(super) const MIN_HEADER: usize = 20;

/// The segment that `body`, the contents of an IP datagram, is.
///
/// The fixed 20 bytes suffice: options that a snap length cut only add to what is missing.
#[inline]
pub(super) fn segment<'a>(
    packet: u64,
    time: Option<Timestamp>,
    (source, destination): (IpAddr, IpAddr),
    body: Body<'a>,
) -> Result<Segment<'a>, NotTcp> {
    let (head, _) = body.split::<MIN_HEADER>(Layer::Tcp)?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, ..] = *head;
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < MIN_HEADER {
        return Err(NotTcp::Malformed { layer: Layer::Tcp, what: "data offset below 5 words" });
    }
    if header_len as u64 > body.wire_len() {
        return Err(NotTcp::Malformed { layer: Layer::Tcp, what: "data offset beyond the end of the IP datagram" });
    }
    let (payload, missing) = match body.captured.get(header_len..) {
        Some(payload) => (payload, body.missing),
        // Cut inside the options. The check above makes the difference at most `missing`.
        None => (&[][..], body.missing - (header_len - body.captured.len()) as u32),
    };
    Ok(Segment {
        packet,
        time,
        source: Endpoint { addr: source, port: u16::from_be_bytes([s0, s1]) },
        destination: Endpoint { addr: destination, port: u16::from_be_bytes([d0, d1]) },
        seq: TcpSeq(u32::from_be_bytes([q0, q1, q2, q3])),
        ack: TcpSeq(u32::from_be_bytes([a0, a1, a2, a3])),
        flags: TcpFlags(flags),
        payload,
        missing,
    })
}
