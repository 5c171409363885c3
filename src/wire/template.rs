//! Many frames of one name and one moment, which differ in payload and position alone.

use super::{FrameLayout, HEADER_LEN, Name, Pos};

/// Bytes from the payload's end to the frame's: at most 31, for P = 4.
const REST: usize = 32;

/// Emits frames of one name, one layout and one sent_time: the bytes that [`Frame::emit`](super::Frame::emit) gives, with
/// nothing looked at again for each of them.
///
/// ```
/// use arqscope::wire::{Frame, FrameLayout, FrameTemplate, MaxMsgSize, Name, Pos};
/// let layout = FrameLayout::new(MaxMsgSize::new(10).unwrap());
/// let (mut many, mut one) = (Vec::new(), Vec::new());
/// FrameTemplate::new(Name::Msg, layout, 1.5).emit(b"hello", Pos(7), &mut many);
/// Frame::from_client(Name::Msg, b"hello", Pos(7), 1.5).emit(layout, &mut one)?;
/// assert_eq!(many, one);
/// # Ok::<(), arqscope::wire::FrameError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FrameTemplate {
    layout: FrameLayout,
    header: [u8; HEADER_LEN],
    /// What follows the payload, with positions of 0, and a few bytes more.
    rest: [u8; REST],
}

impl FrameTemplate {
    /// For frames of that name and layout, sent at `sent_time`.
    #[must_use]
    pub fn new(name: Name, layout: FrameLayout, sent_time: f64) -> Self {
        let mut rest = [0; REST];
        let at = layout.sent_time() - layout.payload_end();
        for (place, byte) in rest.iter_mut().skip(at).zip(sent_time.to_le_bytes()) {
            *place = byte;
        }
        Self { layout, header: name.header(), rest }
    }

    /// Appends one frame with that payload, whose seq, prev_seq and pos are all `pos`: 0 in a server's (PROTOCOL §2.3).
    ///
    /// The payload must be one that [`Frame::emit`](super::Frame::emit) takes; what is beyond P is left out.
    #[inline]
    pub fn emit(&self, payload: &[u8], pos: Pos, out: &mut Vec<u8>) {
        let layout = self.layout;
        let capacity = usize::from(layout.max_msg_size().get());
        debug_assert!(payload.len() <= capacity && payload.last() != Some(&0), "not a payload of this layout");
        let start = out.len();
        out.reserve(HEADER_LEN + capacity + REST);
        out.extend_from_slice(&self.header);
        out.extend_from_slice(payload.get(..capacity).unwrap_or(payload));
        if payload.len() < capacity {
            out.resize(start + layout.payload_end(), 0);
        }
        out.extend_from_slice(&self.rest);
        out.truncate(start + layout.len());
        if pos.0 != 0 {
            let frame = &mut out[start..];
            for at in [layout.seq(), layout.prev_seq(), layout.pos()] {
                frame[at..at + 4].copy_from_slice(&pos.0.to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, MaxMsgSize};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_template_gives_the_bytes_of_each_frame_emitted_alone(
            p in prop_oneof![4_u16..100, 9990_u16..=9999],
            name in 0..Name::ALL.len(),
            sent_time: f64,
            frames in proptest::collection::vec((any::<i32>(), proptest::collection::vec(1_u8.., 0..100)), 0..5),
        ) {
            let layout = FrameLayout::new(MaxMsgSize::new(p).unwrap());
            let name = Name::ALL[name];
            let template = FrameTemplate::new(name, layout, sent_time);
            let (mut many, mut alone) = (Vec::new(), Vec::new());
            for (pos, payload) in &frames {
                let payload = &payload[..payload.len().min(usize::from(p))];
                template.emit(payload, Pos(*pos), &mut many);
                Frame::from_client(name, payload, Pos(*pos), sent_time).emit(layout, &mut alone).unwrap();
            }
            prop_assert_eq!(many, alone);
        }
    }
}
