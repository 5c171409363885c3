//! The fields an import needs, and the names each has in the variants: `tcp.len` in `-T json`,
//! `tcp_tcp_len` inside a layer of `-T ek`, `tcp_len` in `-T ek -e`.

/// A field of the dissection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Number,
    TimeEpoch,
    TimeUtc,
    TimeWords,
    EkTimestamp,
    EncapType,
    Protocols,
    FrameLen,
    CapturedLen,
    FrameBytes,
    Ip4Source,
    Ip4Destination,
    Ip4Both,
    Ip6Source,
    Ip6Destination,
    Ip6Both,
    SourcePort,
    DestinationPort,
    BothPorts,
    Stream,
    TcpLen,
    Seq,
    SeqRaw,
    Ack,
    AckRaw,
    Flags,
    FlagFin,
    FlagSyn,
    FlagRst,
    FlagAck,
    Payload,
    SegmentData,
    Data,
}

impl Field {
    /// How many there are.
    pub(super) const COUNT: usize = Self::Data as usize + 1;

    /// The field of this key, if it is one that is needed.
    pub(super) fn named(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"frame.number" | b"frame_frame_number" | b"frame_number" => Self::Number,
            b"frame.time_epoch" | b"frame_frame_time_epoch" | b"frame_time_epoch" => Self::TimeEpoch,
            b"frame.time_utc" | b"frame_frame_time_utc" | b"frame_time_utc" => Self::TimeUtc,
            b"frame.time" | b"frame_frame_time" | b"frame_time" => Self::TimeWords,
            b"frame.encap_type" | b"frame_frame_encap_type" | b"frame_encap_type" => Self::EncapType,
            b"frame.protocols" | b"frame_frame_protocols" | b"frame_protocols" => Self::Protocols,
            b"frame.len" | b"frame_frame_len" | b"frame_len" => Self::FrameLen,
            b"frame.cap_len" | b"frame_frame_cap_len" | b"frame_cap_len" => Self::CapturedLen,
            b"ip.src" | b"ip_ip_src" | b"ip_src" => Self::Ip4Source,
            b"ip.dst" | b"ip_ip_dst" | b"ip_dst" => Self::Ip4Destination,
            b"ip.addr" | b"ip_ip_addr" | b"ip_addr" => Self::Ip4Both,
            b"ipv6.src" | b"ipv6_ipv6_src" | b"ipv6_src" => Self::Ip6Source,
            b"ipv6.dst" | b"ipv6_ipv6_dst" | b"ipv6_dst" => Self::Ip6Destination,
            b"ipv6.addr" | b"ipv6_ipv6_addr" | b"ipv6_addr" => Self::Ip6Both,
            b"tcp.srcport" | b"tcp_tcp_srcport" | b"tcp_srcport" => Self::SourcePort,
            b"tcp.dstport" | b"tcp_tcp_dstport" | b"tcp_dstport" => Self::DestinationPort,
            b"tcp.port" | b"tcp_tcp_port" | b"tcp_port" => Self::BothPorts,
            b"tcp.stream" | b"tcp_tcp_stream" | b"tcp_stream" => Self::Stream,
            b"tcp.len" | b"tcp_tcp_len" | b"tcp_len" => Self::TcpLen,
            b"tcp.seq" | b"tcp_tcp_seq" | b"tcp_seq" => Self::Seq,
            b"tcp.seq_raw" | b"tcp_tcp_seq_raw" | b"tcp_seq_raw" => Self::SeqRaw,
            b"tcp.ack" | b"tcp_tcp_ack" | b"tcp_ack" => Self::Ack,
            b"tcp.ack_raw" | b"tcp_tcp_ack_raw" | b"tcp_ack_raw" => Self::AckRaw,
            b"tcp.flags" | b"tcp_tcp_flags" | b"tcp_flags" => Self::Flags,
            b"tcp.flags.fin" | b"tcp_tcp_flags_fin" | b"tcp_flags_fin" => Self::FlagFin,
            b"tcp.flags.syn" | b"tcp_tcp_flags_syn" | b"tcp_flags_syn" => Self::FlagSyn,
            b"tcp.flags.reset" | b"tcp_tcp_flags_reset" | b"tcp_flags_reset" => Self::FlagRst,
            b"tcp.flags.ack" | b"tcp_tcp_flags_ack" | b"tcp_flags_ack" => Self::FlagAck,
            b"tcp.payload" | b"tcp_tcp_payload" | b"tcp_payload" => Self::Payload,
            b"tcp.segment_data" | b"tcp_tcp_segment_data" | b"tcp_segment_data" => Self::SegmentData,
            b"data.data" | b"data_data_data" | b"data_data" => Self::Data,
            _ => return None,
        })
    }

    /// The field whose raw bytes this key holds: `tcp.srcport_raw`. The name `tcp.seq_raw` belongs both to a
    /// field of its own and to the raw bytes of `tcp.seq`; the value's shape decides.
    pub(super) fn raw_named(key: &[u8]) -> Option<Self> {
        Self::named(key.strip_suffix(b"_raw")?)
    }

    /// The field whose raw bytes share this field's name.
    pub(super) const fn raw_homonym(self) -> Self {
        match self {
            Self::SeqRaw => Self::Seq,
            Self::AckRaw => Self::Ack,
            other => other,
        }
    }
}

/// A dissector's layer that holds needed fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Frame,
    Ip,
    Tcp,
    Data,
}

impl Layer {
    /// The layer of this key, if it is one that is needed.
    pub(super) fn named(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"frame" => Self::Frame,
            b"ip" | b"ipv6" => Self::Ip,
            b"tcp" => Self::Tcp,
            b"data" => Self::Data,
            _ => return None,
        })
    }
}
