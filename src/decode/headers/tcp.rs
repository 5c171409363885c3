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

#[cfg(test)]
mod tests {
    use super::super::body::End;
    use super::*;

    /// An ACK+PSH+URG segment with `words` of options and `payload`.
    fn bytes(words: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = etherparse::TcpHeader::new(1111, 2222, 0xffff_fff0, 512);
        header.acknowledgment_number = 77;
        (header.ack, header.psh, header.urg, header.urgent_pointer) = (true, true, true, 3);
        header.set_options_raw(&vec![1; usize::from(words) * 4]).unwrap();
        [&header.to_bytes()[..], payload].concat()
    }

    fn read(captured: &[u8], missing: u32) -> Result<Segment<'_>, NotTcp> {
        let land = IpAddr::from([10, 0, 0, 1]);
        segment(9, None, (land, land), Body { captured, missing, end: End::Record })
    }

    #[test]
    fn fields_and_payload_are_read_with_urgent_data_inline() {
        for words in 0..=10 {
            let bytes = bytes(words, b"urgent and plain");
            let segment = read(&bytes, 0).unwrap();
            assert_eq!((segment.source.port, segment.destination.port), (1111, 2222));
            assert_eq!((segment.seq, segment.ack), (TcpSeq(0xffff_fff0), TcpSeq(77)));
            assert_eq!(segment.flags, TcpFlags(0x38));
            assert_eq!((segment.payload, segment.missing), (&b"urgent and plain"[..], 0));
        }
    }

    #[test]
    fn a_cut_at_any_byte_leaves_payload_and_missing_adding_up() {
        let bytes = bytes(3, b"0123456789");
        for cut in 0..=bytes.len() {
            let got = read(&bytes[..cut], (bytes.len() - cut) as u32);
            if cut < MIN_HEADER {
                assert_eq!(got, Err(NotTcp::CutShort { layer: Layer::Tcp, needed: 20, available: cut }));
            } else {
                let segment = got.unwrap();
                assert_eq!(segment.payload, &b"0123456789"[..cut.saturating_sub(32)]);
                assert_eq!(segment.wire_len(), 10);
            }
        }
    }

    #[test]
    fn an_impossible_data_offset_is_malformed() {
        let mut bytes = bytes(0, b"1234");
        for (offset, ok) in [(0, false), (4, false), (5, true), (6, true), (7, false), (15, false)] {
            bytes[12] = offset << 4;
            assert_eq!(read(&bytes, 0).is_ok(), ok, "{offset}");
        }
        assert!(matches!(read(&bytes[..19], 0), Err(NotTcp::Malformed { layer: Layer::Tcp, .. })));
    }
}
