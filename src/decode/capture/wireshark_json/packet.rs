//! From the fields of one packet object to a [`PacketContent`].

use std::net::{IpAddr, Ipv4Addr};

use super::fields::{Fields, Parts};
use super::names::Field;
use super::notes::Tally;
use super::order::Order;
use super::value::Text;
use super::{hex, link, time};
use crate::decode::segment::{Endpoint, LinkType, PacketContent, Segment, TcpFlags, TcpSeq};
use crate::time::Timestamp;

/// More than any segment can announce, offloading included; a larger `tcp.len` is damage.
const MAX_TCP_LEN: u64 = 1 << 20;

const NO_LAYER: &str = "the tcp layer, which the export leaves out: export all layers with -T json";
const NO_PORTS: &str = "tcp.srcport and tcp.dstport: export with -T json, or add -e tcp.srcport -e tcp.dstport";
const NO_ADDRESSES: &str = "ip.src and ip.dst: export with -T json, or add -e ip.src -e ip.dst";
const NO_SEQ: &str = "tcp.seq_raw: export with -T json, or add -e tcp.seq_raw";
const NO_PAYLOAD: &str = "tcp.payload: export with -T json, or add -e tcp.payload";
const NOT_HEX: &str = "a tcp.payload of hex bytes: export again with -T json";

/// What of one packet outlives the text that it was parsed from. Payload and packet bytes are in
/// [`Interpreter::bytes`].
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) time: Option<Timestamp>,
    pub(super) content: PacketContent<'static>,
}

/// Makes packets of fields; keeps what is needed from one packet to the next.
#[derive(Default)]
pub(super) struct Interpreter {
    /// The last packet's bytes or payload.
    pub(super) bytes: Vec<u8>,
    pub(super) tally: Tally,
    last_number: u64,
    order: Order,
}

/// Where TCP stands in a packet's layers.
enum TcpPlace {
    None,
    Outer,
    /// In what an ICMP error quotes or a tunnel carries.
    Inner,
}

/// Whether a packet was captured to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Cut,
    Unknown,
}

impl Extent {
    fn of(fields: &Fields<'_>) -> Self {
        match (fields.number(Field::CapturedLen), fields.number(Field::FrameLen)) {
            (Some(captured), Some(on_wire)) if captured < on_wire => Self::Cut,
            (Some(_), Some(_)) => Self::Whole,
            _ => Self::Unknown,
        }
    }
}

impl Interpreter {
    /// Number of the packet that follows the last one.
    pub(super) const fn next_number(&self) -> u64 {
        self.last_number.saturating_add(1)
    }

    /// What one packet object says. `text` is the object.
    pub(super) fn interpret(&mut self, fields: &Fields<'_>, text: &[u8]) -> Found {
        let number = fields.number(Field::Number).unwrap_or_else(|| {
            let next = self.next_number();
            self.tally.number_missing.add(next);
            next
        });
        self.last_number = number;
        let time = self.time(fields, text, number);
        self.bytes.clear();
        let content = match self.raw_packet(fields, number) {
            Some(content) => content,
            None => self.dissected(fields, number, time),
        };
        Found { number, time, content }
    }

    fn time(&mut self, fields: &Fields<'_>, text: &[u8], number: u64) -> Option<Timestamp> {
        let exact = match &fields.slot(Field::TimeEpoch).first {
            Some(Text::Written(epoch)) => time::epoch(epoch),
            Some(Text::Fraction) => bare_number(text, b"\"frame.time_epoch\"")
                .or_else(|| bare_number(text, b"time_epoch\""))
                .and_then(time::epoch),
            None => None,
        };
        if exact.is_some() {
            return exact;
        }
        let words = [Field::TimeUtc, Field::TimeWords].into_iter().find_map(|field| time::words(fields.text(field)?));
        if words.is_some() {
            self.tally.time_in_words.add(number);
            return words;
        }
        let coarse = fields.text(Field::EkTimestamp).and_then(time::milliseconds);
        match coarse {
            Some(_) => self.tally.time_in_milliseconds.add(number),
            None => self.tally.time_missing.add(number),
        }
        coarse
    }

    fn raw_packet(&mut self, fields: &Fields<'_>, number: u64) -> Option<PacketContent<'static>> {
        let hex = fields.slot(Field::FrameBytes).raw.as_ref()?;
        if hex.bytes().is_none_or(|text| hex::append(text, &mut self.bytes).is_err()) {
            self.tally.frame_not_hex.add(number);
            return None;
        }
        let link_type = match fields.number(Field::EncapType) {
            Some(encap) => link::link_type(encap).or_else(|| {
                self.tally.link_unknown.add(number);
                self.tally.unknown_encap.get_or_insert(encap);
                self.bytes.clear();
                None
            })?,
            None => {
                self.tally.link_guessed.add(number);
                let outermost = fields.outermost.as_ref().and_then(Text::bytes);
                outermost.and_then(|layer| link::guess(layer, fields.outermost_len)).unwrap_or(LinkType(1))
            }
        };
        let captured = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let on_wire = fields.number(Field::FrameLen).and_then(|len| u32::try_from(len).ok()).unwrap_or(captured);
        Some(PacketContent::Bytes { link_type, bytes: &[], original_len: on_wire.max(captured) })
    }

    fn dissected(&mut self, fields: &Fields<'_>, number: u64, time: Option<Timestamp>) -> PacketContent<'static> {
        match tcp_place(fields) {
            TcpPlace::None => return PacketContent::NotTcp,
            TcpPlace::Inner => {
                self.tally.inner_tcp.add(number);
                return PacketContent::NotTcp;
            }
            TcpPlace::Outer => self.tally.tcp.add(number),
        }
        let flat = fields.flat_tcp && fields.tcp_layers == 0;
        let has_fields = fields.slot(Field::SourcePort).count > 0
            || fields.slot(Field::BothPorts).count > 0
            || fields.slot(Field::SourcePort).raw.is_some()
            || fields.slot(Field::TcpLen).count > 0
            || fields.slot(Field::Payload).count > 0;
        if !flat && !has_fields {
            self.tally.layer_missing.add(number);
            return PacketContent::Unusable { missing: NO_LAYER };
        }
        let Some((source_port, destination_port)) = ports(fields) else {
            self.tally.ports_missing.add(number);
            return PacketContent::Unusable { missing: NO_PORTS };
        };
        let stream = fields.number(Field::Stream);
        let (source, destination) = addresses(fields).unwrap_or_else(|| {
            self.tally.addresses_missing.add(number);
            let [_, a, b, c] = (stream.unwrap_or(0) as u32).to_be_bytes();
            let made_up = IpAddr::V4(Ipv4Addr::new(0, a, b, c));
            (made_up, made_up)
        });
        let source = Endpoint { addr: source, port: source_port };
        let destination = Endpoint { addr: destination, port: destination_port };
        if source == destination {
            return PacketContent::Unusable { missing: NO_ADDRESSES };
        }
        let missing = match self.payload(fields, number) {
            Ok(missing) => missing,
            Err(why) => return PacketContent::Unusable { missing: why },
        };
        let flags = self.flags(fields, number);
        let payload_len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).saturating_add(missing);
        let Some((seq, ack, flags)) = self.numbers(fields, number, (source, destination), flags, payload_len) else {
            return PacketContent::Unusable { missing: NO_SEQ };
        };
        PacketContent::Segment(Segment {
            packet: number,
            time,
            source,
            destination,
            seq,
            ack,
            flags,
            payload: &[],
            missing,
        })
    }

    /// Puts the payload into `self.bytes` and says how many bytes of it were not captured.
    fn payload(&mut self, fields: &Fields<'_>, number: u64) -> Result<u32, &'static str> {
        let announced = match fields.number(Field::TcpLen) {
            Some(len) if len > MAX_TCP_LEN => {
                self.tally.len_impossible.add(number);
                None
            }
            // A `u64` of at most 2^20.
            Some(len) => Some(len as u32),
            None => None,
        };
        let extent = Extent::of(fields);
        let cut = extent == Extent::Cut;
        let slot = fields.slot(Field::Payload);
        if let Some(payload) = slot.first.as_ref().or(slot.raw.as_ref()) {
            if payload.bytes().is_none_or(|text| hex::append(text, &mut self.bytes).is_err()) {
                self.tally.payload_not_hex.add(number);
                return Err(NOT_HEX);
            }
            let captured = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
            if captured > 0 {
                self.tally.tcp_with_bytes.add(number);
            }
            let missing = announced.unwrap_or(captured).saturating_sub(captured);
            if missing > 0 && extent == Extent::Whole || announced.is_some_and(|len| len < captured) {
                self.tally.len_differs.add(number);
                return Ok(0);
            }
            return Ok(missing);
        }
        if announced == Some(0) {
            return Ok(0);
        }
        for parts in [&fields.segment_data, &fields.data] {
            if let Some(missing) = self.parts(parts, announced, cut) {
                self.tally.payload_in_parts.add(number);
                self.tally.tcp_with_bytes.add(number);
                return Ok(missing);
            }
        }
        match announced {
            None => {
                self.tally.len_missing.add(number);
                Ok(0)
            }
            Some(len) if cut && !fields.style.flat => Ok(len),
            Some(_) if fields.segment_data.is_empty() && fields.data.is_empty() => {
                self.tally.payload_missing.add(number);
                Err(NO_PAYLOAD)
            }
            Some(_) => {
                self.tally.parts_incomplete.add(number);
                Err(NO_PAYLOAD)
            }
        }
    }

    /// Takes the parts for the payload if they are all of it: they may hold only what one dissector was given.
    fn parts(&mut self, parts: &Parts<'_>, announced: Option<u32>, cut: bool) -> Option<u32> {
        if parts.is_empty() {
            return None;
        }
        let whole =
            parts.iter().all(|part| part.bytes().is_some_and(|text| hex::append(text, &mut self.bytes).is_ok()));
        let captured = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let missing = announced.map_or(Some(0), |len| len.checked_sub(captured));
        match missing {
            Some(missing) if whole && (missing == 0 || cut) => Some(missing),
            _ => {
                self.bytes.clear();
                None
            }
        }
    }

    fn flags(&mut self, fields: &Fields<'_>, number: u64) -> TcpFlags {
        if let Some(bits) = fields.number(Field::Flags) {
            // The header's fourteenth byte; the bits above it are reserved.
            return TcpFlags((bits & 0xff) as u8);
        }
        let single = [
            (Field::FlagFin, TcpFlags::FIN),
            (Field::FlagSyn, TcpFlags::SYN),
            (Field::FlagRst, TcpFlags::RST),
            (Field::FlagAck, TcpFlags::ACK),
        ];
        let mut flags = TcpFlags::default();
        let mut known = false;
        for (field, bit) in single {
            if let Some(text) = fields.text(field) {
                known = true;
                if matches!(text, b"1" | b"True" | b"true") {
                    flags = flags | bit;
                }
            }
        }
        if !known {
            self.tally.flags_missing.add(number);
            if [Field::Ack, Field::AckRaw].into_iter().any(|field| fields.number(field).is_some_and(|ack| ack > 0)) {
                flags = TcpFlags::ACK;
            }
        }
        flags
    }

    /// Sequence and acknowledgement number of one kind, and the flags without ACK where there is no such
    /// acknowledgement number; `None` when not even the order of appearance can be kept.
    fn numbers(
        &mut self,
        fields: &Fields<'_>,
        number: u64,
        ends: (Endpoint, Endpoint),
        flags: TcpFlags,
        payload_len: u32,
    ) -> Option<(TcpSeq, TcpSeq, TcpFlags)> {
        let value = |field: Field| fields.number(field).and_then(|value| u32::try_from(value).ok());
        let raw = |field: Field| {
            let text = fields.slot(field).raw.as_ref()?.bytes()?;
            u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
        };
        let (seq, ack) = if let Some(seq) = value(Field::SeqRaw).or_else(|| raw(Field::Seq)) {
            (seq, value(Field::AckRaw).or_else(|| raw(Field::Ack)))
        } else if let Some(seq) = value(Field::Seq) {
            self.tally.seq_relative.add(number);
            (seq, value(Field::Ack))
        } else {
            self.tally.seq_missing.add(number);
            let seq = self.order.place(fields.number(Field::Stream), ends, flags, payload_len)?;
            return Some((seq, TcpSeq(0), without_ack(flags)));
        };
        let Some(ack) = ack else {
            if flags.has(TcpFlags::ACK) {
                self.tally.ack_missing.add(number);
            }
            return Some((TcpSeq(seq), TcpSeq(0), without_ack(flags)));
        };
        Some((TcpSeq(seq), TcpSeq(ack), flags))
    }
}

const fn without_ack(flags: TcpFlags) -> TcpFlags {
    TcpFlags(flags.0 & !TcpFlags::ACK.0)
}

fn tcp_place(fields: &Fields<'_>) -> TcpPlace {
    let named = match fields.text(Field::Protocols) {
        Some(protocols) => tcp_in(protocols),
        None => TcpPlace::None,
    };
    let shown = fields.tcp_layers > 0 || fields.flat_tcp;
    match named {
        TcpPlace::Inner => return TcpPlace::Inner,
        TcpPlace::Outer => return TcpPlace::Outer,
        TcpPlace::None if !shown => return TcpPlace::None,
        TcpPlace::None => {}
    }
    let addresses = fields.slot(Field::Ip4Source).count.saturating_add(fields.slot(Field::Ip6Source).count);
    let headers = if fields.style.flat { addresses } else { fields.ip_layers };
    let tcp_headers = if fields.style.flat { fields.slot(Field::SourcePort).count } else { fields.tcp_layers };
    // Without frame.protocols: more IP headers than TCP headers is a quoted or tunnelled packet.
    if headers > 1 && headers > tcp_headers { TcpPlace::Inner } else { TcpPlace::Outer }
}

/// Where `tcp` stands in `frame.protocols`, such as `eth:ethertype:ip:icmp:ip:tcp`: the outermost IP header
/// must carry it, with no more than IPv6 extension headers or AH between them.
fn tcp_in(protocols: &[u8]) -> TcpPlace {
    let mut inside_ip = false;
    let mut direct = true;
    for protocol in protocols.split(|byte| *byte == b':') {
        match protocol {
            b"tcp" => return if inside_ip && direct { TcpPlace::Outer } else { TcpPlace::Inner },
            b"ip" | b"ipv6" if !inside_ip => inside_ip = true,
            b"ah" => {}
            extension if inside_ip && extension.starts_with(b"ipv6.") => {}
            _ if inside_ip => direct = false,
            _ => {}
        }
    }
    TcpPlace::None
}

fn ports(fields: &Fields<'_>) -> Option<(u16, u16)> {
    let port = |number: Option<u64>| number.and_then(|port| u16::try_from(port).ok());
    let separate = (port(fields.number(Field::SourcePort)), port(fields.number(Field::DestinationPort)));
    let both = (port(fields.number(Field::BothPorts)), port(fields.second_number(Field::BothPorts)));
    Some((separate.0.or(both.0)?, separate.1.or(both.1)?))
}

fn addresses(fields: &Fields<'_>) -> Option<(IpAddr, IpAddr)> {
    let parse = |text: Option<&[u8]>| std::str::from_utf8(text?).ok()?.parse::<IpAddr>().ok();
    let pair = |source, destination| Some((parse(fields.text(source))?, parse(fields.text(destination))?));
    let both = |field| {
        let second = fields.slot(field).second.as_ref().and_then(Text::bytes);
        Some((parse(fields.text(field))?, parse(second)?))
    };
    pair(Field::Ip4Source, Field::Ip4Destination)
        .or_else(|| pair(Field::Ip6Source, Field::Ip6Destination))
        .or_else(|| both(Field::Ip4Both))
        .or_else(|| both(Field::Ip6Both))
}

/// The digits of an unquoted number after `key`, exactly as they are written: an `f64` would round them.
fn bare_number<'t>(text: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    let after = memchr::memmem::find(text, key)? + key.len();
    let value = text.get(after..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let end = value.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'-')).unwrap_or(value.len());
    value.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tcp_directly_in_the_outermost_ip_header_is_the_captures_own() {
        // Chains as tshark 4.0.17 prints them in frame.protocols.
        for own in [
            "eth:ethertype:ip:tcp:data",
            "raw:ip:tcp",
            "eth:ethertype:vlan:ethertype:ipv6:ipv6.hopopts:tcp",
            "eth:ethertype:ip:tcp:socks:ip:tcp",
            "eth:ethertype:pppoes:ppp:ip:tcp",
        ] {
            assert!(matches!(tcp_in(own.as_bytes()), TcpPlace::Outer), "{own}");
        }
        for inner in [
            "eth:ethertype:ip:icmp:ip:tcp:data",
            "eth:ethertype:ip:ip:tcp",
            "eth:ethertype:ip:gre:ip:tcp",
            "eth:ethertype:ip:ipv6:tcp",
            "eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp",
        ] {
            assert!(matches!(tcp_in(inner.as_bytes()), TcpPlace::Inner), "{inner}");
        }
        for none in ["", "eth:ethertype:arp", "eth:ethertype:ip:udp:tcpencap"] {
            assert!(matches!(tcp_in(none.as_bytes()), TcpPlace::None), "{none}");
        }
    }

    #[test]
    fn an_unquoted_time_keeps_its_nanoseconds() {
        let text = br#"{"layers":{"frame":{"frame.time_epoch" : 1795360517.623283001,"frame.number":3}}}"#;
        let fields = Fields::parse(text).unwrap();
        let found = Interpreter::default().interpret(&fields, text);
        assert_eq!(found.time.unwrap().nanos(), 1_795_360_517_623_283_001);
        assert_eq!(found.number, 3);
    }
}
