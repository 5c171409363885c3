//! The Info text of rows without anything of note: nothing, or what an ACK answers. It stands for itself in every form.

use super::number::write_integer;
use crate::decode::Info;

/// Such an Info.
pub(super) enum Answer {
    /// Nothing to say.
    Silence,
    /// An ACK answers a packet, so many hundredths of a second later.
    To {
        /// The packet.
        packet: u64,
        /// Rounded.
        hundredths: u64,
    },
}

/// What `info` says, when it is one of these.
#[inline]
pub(super) fn common_info(info: &Info) -> Option<Answer> {
    if info.is_silent() {
        return Some(Answer::Silence);
    }
    let (packet, nanos) = info.plain_answer()?;
    // Two decimals, rounded, in integers.
    Some(Answer::To { packet, hundredths: nanos.saturating_add(5_000_000) / 10_000_000 })
}

/// Appends the text of `info` as [`Display`](std::fmt::Display) writes it, when it is one of these; else nothing, and
/// says false.
#[inline]
pub(super) fn write_common_info(out: &mut Vec<u8>, info: &Info) -> bool {
    match common_info(info) {
        Some(Answer::Silence) => {}
        Some(Answer::To { packet, hundredths }) => {
            out.extend_from_slice(b"acknowledges #");
            write_integer(out, packet);
            out.extend_from_slice(b" after ");
            write_integer(out, hundredths / 100);
            let decimals = (hundredths % 100) as u8;
            out.extend_from_slice(&[b'.', b'0' + decimals / 10, b'0' + decimals % 10, b' ', b's']);
        }
        None => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{CapturedFrame, Observer};
    use crate::time::Timestamp;
    use crate::wire::{Frame, FrameView, HANDSHAKE, Name, Pos, Side};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_the_text(ops in prop::collection::vec((any::<bool>(), 0_i32..6, 0_i64..3_000_000_000), 1..30)) {
            let mut observer = Observer::new();
            let (mut time, mut common) = (0, 0);
            for (packet, (client, pos, later)) in (1..).zip(ops) {
                time += later;
                let number = pos.to_string();
                let (from, frame) = if client {
                    (Side::Client, Frame::from_client(Name::Msg, b"abcd", Pos(pos), 1.0))
                } else {
                    (Side::Server, Frame::from_server(Name::Ack, number.as_bytes(), 1.0))
                };
                let mut bytes = Vec::new();
                frame.emit(HANDSHAKE, &mut bytes).unwrap();
                let frame = CapturedFrame::whole(FrameView::new(&bytes, HANDSHAKE).unwrap());
                let info = observer.observe(from, &frame, packet, Some(Timestamp::from_nanos(time))).info;
                let mut out = Vec::new();
                if write_common_info(&mut out, &info) {
                    common += 1;
                    prop_assert_eq!(String::from_utf8(out).unwrap(), info.to_string());
                } else {
                    prop_assert!(out.is_empty());
                    prop_assert!(!info.to_string().is_empty());
                }
            }
            let _ = common;
        }
    }
}
