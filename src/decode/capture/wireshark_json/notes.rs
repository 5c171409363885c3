//! What an import had to assume or leave out, counted.

/// How often something happened, and at which packet first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    times: u64,
    first: u64,
}

impl Count {
    pub(super) const fn add(&mut self, packet: u64) {
        if self.times == 0 {
            self.first = packet;
        }
        self.times += 1;
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) chatter: Count,
    pub(super) objects_without_layers: Count,
    pub(super) trailing_comma: Count,
    pub(super) time_missing: Count,
    pub(super) time_in_words: Count,
    pub(super) time_in_milliseconds: Count,
    pub(super) number_missing: Count,
    pub(super) link_guessed: Count,
    pub(super) link_unknown: Count,
    /// The first `frame.encap_type` that has no link type.
    pub(super) unknown_encap: Option<u64>,
    pub(super) frame_not_hex: Count,
    pub(super) tcp: Count,
    pub(super) tcp_with_bytes: Count,
    pub(super) inner_tcp: Count,
    pub(super) ports_missing: Count,
    pub(super) addresses_missing: Count,
    pub(super) seq_relative: Count,
    pub(super) seq_missing: Count,
    pub(super) ack_missing: Count,
    pub(super) flags_missing: Count,
    pub(super) len_missing: Count,
    pub(super) len_differs: Count,
    pub(super) len_impossible: Count,
    pub(super) payload_missing: Count,
    pub(super) payload_not_hex: Count,
    pub(super) payload_in_parts: Count,
    pub(super) parts_incomplete: Count,
    pub(super) layer_missing: Count,
}

impl Tally {
    /// Whether any dissected packet was TCP.
    pub(super) const fn saw_tcp(&self) -> bool {
        self.tcp.times > 0
    }

    /// One sentence for each thing that happened, in a fixed order.
    pub(super) fn sentences(&self) -> Vec<String> {
        let encap = self.unknown_encap.map_or(String::new(), |number| format!(" (frame.encap_type {number})"));
        let counted: [(Count, &str); 25] = [
            (self.number_missing, "frame.number missing: packets are numbered in order of appearance"),
            (self.time_missing, "no frame time that can be read: time unknown; frame.time_epoch has it"),
            (self.time_in_words, "frame.time_epoch missing: time taken from frame.time"),
            (
                self.time_in_milliseconds,
                "frame.time_epoch missing: time taken from `timestamp`, which has milliseconds only",
            ),
            (self.link_guessed, "frame.encap_type missing: link type guessed from the outermost layer, else Ethernet"),
            (
                self.link_unknown,
                "raw packet of a link layer that has no link type number: dissected fields used instead",
            ),
            (self.frame_not_hex, "frame_raw is not hex: dissected fields used instead"),
            (self.inner_tcp, "TCP only inside ICMP or a tunnel: not a connection of this capture, counted as not TCP"),
            (self.layer_missing, "TCP packet without its tcp layer: export all layers with -T json"),
            (self.ports_missing, "tcp.srcport or tcp.dstport missing: packet not usable; -T json has them"),
            (
                self.addresses_missing,
                "no addresses: connections told apart by tcp.stream and ports, addresses shown are made up (0.x.x.x)",
            ),
            (self.seq_relative, "no tcp.seq_raw: relative tcp.seq used"),
            (
                self.seq_missing,
                "no sequence numbers: order of appearance within tcp.stream used; lost or repeated segments cannot be told",
            ),
            (self.ack_missing, "no acknowledgement number that goes with the sequence numbers: taken as none"),
            (self.flags_missing, "no tcp.flags: SYN, FIN and RST unknown"),
            (self.len_missing, "neither tcp.len nor payload: taken as a segment without payload"),
            (
                self.len_differs,
                "tcp.len does not fit tcp.payload of a packet that was captured whole: the bytes that are there used",
            ),
            (self.len_impossible, "tcp.len is no possible length: ignored"),
            (
                self.payload_missing,
                "tcp.len announces bytes and there is no tcp.payload: packet not usable; -T json has it, or add -e tcp.payload",
            ),
            (self.payload_not_hex, "payload is not hex bytes: packet not usable"),
            (self.payload_in_parts, "no tcp.payload: bytes taken from tcp.segment_data or data.data"),
            (
                self.parts_incomplete,
                "no tcp.payload, and tcp.segment_data and data.data do not hold all bytes of the segment: packet not usable",
            ),
            (self.objects_without_layers, "element without `_source.layers`: skipped"),
            (self.trailing_comma, "trailing comma at the end of the array: ignored"),
            (self.chatter, "line that is not JSON: skipped"),
        ];
        let mut sentences: Vec<String> = counted
            .iter()
            .filter(|(count, _)| count.times > 0)
            .map(|(count, text)| {
                let encap = if text.starts_with("raw packet") { encap.as_str() } else { "" };
                match (count.times, count.first) {
                    (1, 0) => format!("{text}{encap} (once)"),
                    (1, first) => format!("{text}{encap} (packet {first})"),
                    (times, 0) => format!("{text}{encap} ({times} times)"),
                    (times, first) => format!("{text}{encap} ({times} packets, the first is {first})"),
                }
            })
            .collect();
        if self.tcp.times > 0
            && self.tcp_with_bytes.times == 0
            && self.payload_missing.times + self.len_missing.times > 0
        {
            sentences.push(
                "no packet of this export shows payload bytes, so there is nothing to decode: export with -T json, or add -e tcp.payload"
                    .to_owned(),
            );
        }
        sentences
    }
}
