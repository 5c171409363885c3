//! A TCP conversation as packets: what two endpoints write becomes Ethernet frames that every tool reads.
//!
//! [`TcpConversation`] keeps both sides' sequence numbers and hands each packet to a [`PacketSink`], most often a
//! [`CaptureWriter`](crate::capture_writer::CaptureWriter). Lengths, numbers, flags and checksums are those of real
//! packets (RFC 791, 8200, 9293); the MAC addresses are zero, as on a loopback interface. Nothing is allocated: a
//! packet is a header of at most [`MAX_HEADER`] bytes and the payload the caller has already.
//!
//! ```
//! use arqscope::capture_writer::{CaptureWriter, Description};
//! use arqscope::conversation::{TcpConversation, client_endpoint};
//! use arqscope::decode::{Endpoint, TcpSeq};
//! use arqscope::time::Timestamp;
//! use arqscope::wire::Side;
//!
//! # fn main() -> std::io::Result<()> {
//! let server = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 55558 };
//! let mut tcp = TcpConversation::new(client_endpoint(0, server), server, [TcpSeq(1000), TcpSeq(9000)]);
//! let mut capture = CaptureWriter::pcapng(Vec::new(), &Description::default())?;
//! let at = Timestamp::from_nanos;
//! tcp.open([at(0), at(1000), at(2000)], &mut capture)?;
//! tcp.send(Side::Client, b"any bytes", at(5000), &mut capture)?;
//! tcp.close(Side::Server, [at(6000), at(7000), at(8000)], &mut capture)?;
//! let bytes = capture.finish()?;
//! # assert!(bytes.len() > 7 * 54);
//! # Ok(())
//! # }
//! ```

mod endpoints;
mod template;

pub use endpoints::client_endpoint;
pub use template::MAX_HEADER;

use crate::decode::{Endpoint, Segment, TcpFlags, TcpSeq};
use crate::time::Timestamp;
use crate::wire::Side;
use template::{SYN_OPTIONS, Template};

/// The most payload bytes of one packet, IPv4 and IPv6: what a loopback interface with its MTU of 65,536 carries
/// beside the headers and TCP timestamps.
pub const MAX_SEGMENT: usize = 65_463;

/// One side's bytes may be this far ahead of the other side's acknowledgement; then one is put in between. Far below
/// the advertised window of nearly 1 GiB, far above what socket buffers hold, so that it is never untrue.
const MAX_OUTSTANDING: u64 = 256 << 20;

const PSH: TcpFlags = TcpFlags(0x08);

/// A packet of a conversation, from its link header (Ethernet) on: `header` and then `payload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WirePacket<'a> {
    /// When it is sent.
    pub time: Timestamp,
    /// Who sends it.
    pub from: Side,
    /// Ethernet, IP and TCP headers.
    pub header: &'a [u8],
    /// The TCP payload.
    pub payload: &'a [u8],
}

impl WirePacket<'_> {
    /// Length on the wire, at most [`MAX_HEADER`] + [`MAX_SEGMENT`].
    #[must_use]
    pub const fn original_len(&self) -> u32 {
        (self.header.len() + self.payload.len()) as u32
    }
}

/// Takes the packets of conversations, in the order in which they are emitted.
pub trait PacketSink {
    /// Why a packet was not taken.
    type Error;

    /// Takes one packet.
    ///
    /// # Errors
    /// When it cannot be taken. The conversation has counted it as sent all the same.
    fn packet(&mut self, packet: WirePacket<'_>) -> Result<(), Self::Error>;
}

/// Both directions of one TCP connection: emits every packet with the right numbers.
///
/// Stream positions are counted from 0 at the first byte a side writes. Times are taken as they are given. After its
/// FIN a side's data is not emitted, and after an RST nothing is.
#[derive(Debug, Clone)]
pub struct TcpConversation {
    client: End,
    server: End,
    max_segment: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Reset,
}

/// One side. Numbers count its sequence space from the SYN (0); the first byte is 1.
#[derive(Debug, Clone)]
struct End {
    template: Template,
    isn: TcpSeq,
    /// The next number of its own.
    next: u64,
    /// What it said it received: the next number it expects of the other.
    acked: u64,
    half: Half,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Open,
    Finished,
}

impl TcpConversation {
    /// Between these endpoints, with the initial sequence numbers of client and server. When one address is IPv4 and
    /// the other IPv6, the IPv4 one is written in its mapped form; when both are mapped, as IPv4.
    #[must_use]
    pub fn new(client: Endpoint, server: Endpoint, isns: [TcpSeq; 2]) -> Self {
        let [forth, back] = Template::pair(client, server);
        let end = |template, isn| End { template, isn, next: 0, acked: 0, half: Half::Open };
        let [client_isn, server_isn] = isns;
        Self {
            client: end(forth, client_isn),
            server: end(back, server_isn),
            max_segment: MAX_SEGMENT,
            stage: Stage::Open,
        }
    }

    /// With payloads of at most `bytes` per packet, 1 to [`MAX_SEGMENT`] (a value outside is brought inside).
    #[must_use]
    pub fn with_max_segment(mut self, bytes: usize) -> Self {
        self.max_segment = bytes.clamp(1, MAX_SEGMENT);
        self
    }

    /// Emits SYN, SYN-ACK and ACK at these times.
    ///
    /// # Errors
    /// When the sink does not take a packet; this holds for every method here.
    pub fn open<S: PacketSink>(&mut self, times: [Timestamp; 3], sink: &mut S) -> Result<(), S::Error> {
        let [syn, syn_ack, ack] = times;
        self.emit(Side::Client, TcpFlags::SYN, &[], syn, sink)?;
        self.server.acked = self.client.next;
        self.emit(Side::Server, TcpFlags::SYN | TcpFlags::ACK, &[], syn_ack, sink)?;
        self.client.acked = self.server.next;
        self.emit(Side::Client, TcpFlags::ACK, &[], ack, sink)
    }

    /// Emits `bytes` from that side, acknowledging everything the other side sent: nothing is under way.
    ///
    /// # Errors
    /// When the sink does not take a packet.
    pub fn send<S: PacketSink>(
        &mut self,
        from: Side,
        bytes: &[u8],
        time: Timestamp,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.send_acking(from, bytes, u64::MAX, time, sink)
    }

    /// Emits `bytes` from that side, which has received the first `received` bytes of the other's stream. Less than
    /// acknowledged before, or more than was sent, is brought inside.
    ///
    /// # Errors
    /// When the sink does not take a packet.
    pub fn send_acking<S: PacketSink>(
        &mut self,
        from: Side,
        bytes: &[u8],
        received: u64,
        time: Timestamp,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.end(from).half == Half::Finished {
            return Ok(());
        }
        self.receive(from, received);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (segment, after) = rest.split_at(rest.len().min(self.max_segment));
            self.make_room(from, segment.len() as u64, time, sink)?;
            let push = if after.is_empty() { PSH } else { TcpFlags::default() };
            self.emit(from, TcpFlags::ACK | push, segment, time, sink)?;
            rest = after;
        }
        Ok(())
    }

    /// Emits an ACK without data: `by` has received the first `received` bytes of the other's stream
    /// (`u64::MAX`: all, and its FIN if there was one).
    ///
    /// # Errors
    /// When the sink does not take a packet.
    pub fn acknowledge<S: PacketSink>(
        &mut self,
        by: Side,
        received: u64,
        time: Timestamp,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.receive(by, received);
        self.emit(by, TcpFlags::ACK, &[], time, sink)
    }

    /// Emits that side's FIN, which acknowledges the first `received` bytes of the other's stream (`u64::MAX`: all).
    /// A second FIN of one side is not emitted.
    ///
    /// # Errors
    /// When the sink does not take a packet.
    pub fn finish<S: PacketSink>(
        &mut self,
        from: Side,
        received: u64,
        time: Timestamp,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.end(from).half == Half::Finished {
            return Ok(());
        }
        self.receive(from, received);
        self.emit(from, TcpFlags::FIN | TcpFlags::ACK, &[], time, sink)
    }

    /// Ends both directions: FIN of `first`, FIN of the other, ACK of `first`, at these times.
    ///
    /// # Errors
    /// When the sink does not take a packet.
    pub fn close<S: PacketSink>(&mut self, first: Side, times: [Timestamp; 3], sink: &mut S) -> Result<(), S::Error> {
        let [fin, other_fin, ack] = times;
        self.finish(first, u64::MAX, fin, sink)?;
        self.finish(first.other(), u64::MAX, other_fin, sink)?;
        self.acknowledge(first, u64::MAX, ack, sink)
    }

    /// Emits that side's RST. Nothing is emitted afterwards.
    ///
    /// # Errors
    /// When the sink does not take the packet.
    pub fn reset<S: PacketSink>(&mut self, from: Side, time: Timestamp, sink: &mut S) -> Result<(), S::Error> {
        let sent = self.emit(from, TcpFlags::RST | TcpFlags::ACK, &[], time, sink);
        self.stage = Stage::Reset;
        sent
    }

    /// Bytes that side has sent.
    #[must_use]
    pub const fn sent(&self, by: Side) -> u64 {
        let end = self.end(by);
        let fin = match end.half {
            Half::Open => 0,
            Half::Finished => 1,
        };
        end.next.saturating_sub(1 + fin)
    }

    const fn end(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    const fn both(&mut self, side: Side) -> (&mut End, &mut End) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }

    /// `by` has received that many of the other's bytes; a FIN only when it is all.
    fn receive(&mut self, by: Side, received: u64) {
        let (own, other) = self.both(by);
        let number = received.saturating_add(1).min(other.next);
        own.acked = own.acked.max(number);
    }

    /// Has the receiver acknowledge something when a segment of `len` bytes would leave too much outstanding.
    fn make_room<S: PacketSink>(
        &mut self,
        from: Side,
        len: u64,
        time: Timestamp,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let (own, other) = self.both(from);
        if own.next + len - other.acked.min(own.next) <= MAX_OUTSTANDING {
            return Ok(());
        }
        other.acked = own.next - MAX_OUTSTANDING / 2;
        self.emit(from.other(), TcpFlags::ACK, &[], time, sink)
    }

    #[inline]
    fn emit<S: PacketSink>(
        &mut self,
        from: Side,
        flags: TcpFlags,
        payload: &[u8],
        time: Timestamp,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.stage == Stage::Reset {
            return Ok(());
        }
        let (own, other) = self.both(from);
        let seq = own.isn + own.next as u32;
        let ack = if flags.has(TcpFlags::ACK) { other.isn + own.acked as u32 } else { TcpSeq(0) };
        let options: &[u8] = if flags.has(TcpFlags::SYN) { &SYN_OPTIONS } else { &[] };
        own.next += payload.len() as u64;
        if flags.has(TcpFlags::SYN) {
            own.next += 1;
        }
        if flags.has(TcpFlags::FIN) {
            own.next += 1;
            own.half = Half::Finished;
        }
        let header = own.template.fill(seq, ack, flags, options, payload);
        sink.packet(WirePacket { time, from, header, payload })
    }
}

/// The headers, Ethernet to TCP, of a segment that was taken out of its packet: with them its bytes are a packet again
/// that every tool reads, with the same addresses, ports, numbers and flags. What a segment does not tell (MAC
/// addresses, the window, options) is as in any packet of this module.
#[must_use]
pub fn header_of(segment: &Segment<'_>) -> Vec<u8> {
    let [mut forth, _] = Template::pair(segment.source, segment.destination);
    let wire_len = usize::try_from(segment.wire_len()).unwrap_or(usize::MAX);
    forth.announce(segment.seq, segment.ack, segment.flags, &[], segment.payload, wire_len).to_vec()
}

#[cfg(test)]
mod tests;
