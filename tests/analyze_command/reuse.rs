//! Ports that are used again while the capture does not show how.

use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use arqscope::decode::{Endpoint, TcpSeq};
use arqscope::time::Timestamp;
use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

use super::analyze_piped;

/// Writes packets once it is captured.
struct Captured {
    writer: CaptureWriter<Vec<u8>>,
    captured: bool,
}

impl PacketSink for Captured {
    type Error = std::io::Error;

    fn packet(&mut self, packet: WirePacket<'_>) -> std::io::Result<()> {
        if !self.captured {
            return Ok(());
        }
        self.writer.write(packet.time, [packet.header, packet.payload], packet.original_len())
    }
}

/// Two whole exchanges of an empty message on the same ports, with other TCP numbers; of the second, not the SYNs.
fn two_exchanges() -> Vec<u8> {
    let writer = CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap();
    let mut out = Captured { writer, captured: true };
    let layout = FrameLayout::new(MaxMsgSize::MIN);
    let server = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 55558 };
    for (n, numbers) in [[TcpSeq(1000), TcpSeq(9000)], [TcpSeq(5_000_000), TcpSeq(7_000_000)]].into_iter().enumerate() {
        let start = 1_767_603_600 + 10 * n as i64;
        let at = |ms: i64| Timestamp::from_nanos(start * 1_000_000_000 + ms * 1_000_000);
        let mut tcp = TcpConversation::new(client_endpoint(0, server), server, numbers);
        out.captured = n == 0;
        tcp.open([at(0), at(1), at(2)], &mut out).unwrap();
        out.captured = true;
        let sent = start as f64;
        let frames = [
            (HANDSHAKE, Frame::from_client(Name::GetMax, b"", Pos(0), sent)),
            (HANDSHAKE, Frame::from_server(Name::ReturnMax, b"4", sent)),
            (layout, Frame::from_client(Name::Done, b"EOMs", Pos(1), sent)),
            (layout, Frame::from_server(Name::Ack, b"1", sent)),
            (layout, Frame::from_client(Name::Close, b"requ", Pos(2), sent)),
            (layout, Frame::from_server(Name::Disconnect, b"appr", sent)),
        ];
        let sides = [Side::Client, Side::Server].into_iter().cycle();
        for ((ms, side), (layout, frame)) in (10..).zip(sides).zip(frames) {
            let mut bytes = Vec::new();
            frame.emit(layout, &mut bytes).unwrap();
            tcp.send(side, &bytes, at(ms), &mut out).unwrap();
        }
        tcp.close(Side::Server, [at(20), at(21), at(22)], &mut out).unwrap();
    }
    out.writer.finish().unwrap()
}

#[test]
fn an_exchange_after_the_fin_whose_syn_is_not_captured_is_not_passed_over_in_silence() {
    let capture = two_exchanges();
    let ran = analyze_piped(&["--report", "json", "-"], &capture);
    let json = ran.json();
    assert_eq!(json["connections"].as_array().unwrap().len(), 1);
    // Three packets open the first, six carry its frames, three end it: GET_MAX of the second is packet 13.
    let notes: Vec<&str> = super::words(&json["files"][0]["notes"]);
    assert!(notes[0].starts_with("connection 0: packet 13: 44 bytes after the FIN"), "{notes:?}");
    assert_eq!(notes.len(), 6, "a frame a packet: {notes:?}");
    assert!(ran.log.contains("connection 0: packet 13: 44 bytes after the FIN: not analysed"), "{}", ran.log);
    let alone = analyze_piped(&["--report", "json", "-"], &super::bytes_of("run5.pcapng"));
    assert!(super::words(&alone.json()["files"][0]["notes"]).is_empty());
}

#[test]
fn connections_that_are_not_analysed_have_no_late_bytes() {
    let ran = analyze_piped(&["--port", "1", "--report", "json", "-"], &two_exchanges());
    assert!(super::words(&ran.json()["files"][0]["notes"]).is_empty(), "{}", ran.log);
    assert!(!ran.log.contains("after the FIN"), "{}", ran.log);
}
