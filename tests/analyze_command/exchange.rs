//! Captures of exchanges that are given frame by frame.

use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use arqscope::decode::{Endpoint, TcpSeq};
use arqscope::time::Timestamp;
use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

/// A capture that grows; its packets are those that `captured` says.
pub(super) struct Growing {
    writer: CaptureWriter<Vec<u8>>,
    pub(super) captured: fn(&WirePacket<'_>) -> bool,
}

impl PacketSink for Growing {
    type Error = std::io::Error;

    fn packet(&mut self, packet: WirePacket<'_>) -> std::io::Result<()> {
        if !(self.captured)(&packet) {
            return Ok(());
        }
        self.writer.write(packet.time, [packet.header, packet.payload], packet.original_len())
    }
}

impl Growing {
    pub(super) fn new(captured: fn(&WirePacket<'_>) -> bool) -> Self {
        Self { writer: CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap(), captured }
    }

    /// An exchange with P = 4: packets 1 to 3 open it, then the handshake, these frames and the end, a packet each, then
    /// three that close it. A frame comes every 10 ms.
    pub(super) fn exchange(&mut self, start: i64, numbers: [u32; 2], frames: &[(Name, i32)], done: i32) {
        let at = |ms: i64| Timestamp::from_nanos(start * 1_000_000_000 + ms * 1_000_000);
        let server = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 55558 };
        let mut tcp = TcpConversation::new(client_endpoint(0, server), server, numbers.map(TcpSeq));
        tcp.open([at(0), at(1), at(2)], self).unwrap();
        let end = [(Name::Done, done), (Name::Ack, done), (Name::Close, done + 1), (Name::Disconnect, 0)];
        let all = [(Name::GetMax, 0), (Name::ReturnMax, 4)].into_iter().chain(frames.iter().copied()).chain(end);
        let mut ms = 0;
        for (name, number) in all {
            ms += 10;
            let sent = start as f64 + ms as f64 / 1e3;
            let digits = number.to_string();
            let payload = match name {
                Name::Msg => &b"abcd"[..],
                Name::Ack | Name::ReturnMax => digits.as_bytes(),
                _ => name.fixed_text().map_or(&b""[..], |text| &text[..4]),
            };
            let frame = match name.sender() {
                Side::Client => Frame::from_client(name, payload, Pos(number), sent),
                Side::Server => Frame::from_server(name, payload, sent),
            };
            let layout = if name.is_handshake() { HANDSHAKE } else { FrameLayout::new(MaxMsgSize::MIN) };
            let mut bytes = Vec::new();
            frame.emit(layout, &mut bytes).unwrap();
            tcp.send(name.sender(), &bytes, at(ms), self).unwrap();
        }
        tcp.close(Side::Server, [at(ms + 1), at(ms + 2), at(ms + 3)], self).unwrap();
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.writer.finish().unwrap()
    }
}
