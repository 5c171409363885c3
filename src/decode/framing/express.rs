//! The express way through framing: whole frames with ordinary names on a settled grid, while none waits.

use super::delivery::Core;
use super::{Framed, Framing};
use crate::decode::CapturedFrame;
use crate::decode::reassembly::{Chunk, ConnectionInfo, Way};
use crate::wire::{FrameLayout, FrameView, HEADER_LEN, Name, Side};

use super::sink::{FrameSink, FramedConnection, LocatedFrame, PlainFrame};

impl<S: FrameSink> Framing<S> {
    /// Hands on the frames that `chunk` begins with, up to the first that needs a closer look. What is left is for
    /// [`feed`](Self::feed), which would have done the same with each of them.
    #[inline(always)] // one call for each packet
    pub(super) fn express<'a>(
        &mut self,
        connection: &ConnectionInfo,
        framed: &mut Framed<S::State>,
        way: Way,
        chunk: Chunk<'a>,
    ) -> Option<Chunk<'a>> {
        let Framed { lanes, core } = framed;
        let Some(lane) = &mut lanes[way.index()] else { return Some(chunk) };
        let Some(layout) = lane.express(chunk.offset).filter(|_| core.is_quiet()) else { return Some(chunk) };
        let (from, len) = (core.side(way), layout.len());
        let Chunk { packet, time, offset, bytes } = chunk;
        // Nearly always there is one.
        let (frames, rest) = if bytes.len() == len {
            let taken = self.express_frame(connection, core, from, layout, &chunk);
            (u64::from(taken), if taken { &[] } else { bytes })
        } else {
            self.express_frames(connection, core, from, layout, &chunk)
        };
        let offset = offset + frames * len as u64;
        self.counts.frames += frames;
        lane.passed(frames, offset);
        (!rest.is_empty()).then_some(Chunk { packet, time, offset, bytes: rest })
    }

    /// The frames of a segment that has not just one, as far as they go this way: how many, and what is left.
    #[inline(never)] // what is the same for each frame is worked out first, which one frame alone would not be worth
    fn express_frames<'a>(
        &mut self,
        connection: &ConnectionInfo,
        core: &mut Core<S::State>,
        from: Side,
        layout: FrameLayout,
        chunk: &Chunk<'a>,
    ) -> (u64, &'a [u8]) {
        let Chunk { mut offset, mut bytes, .. } = *chunk;
        let mut frames = 0;
        while let Some((frame, rest)) = bytes.split_at_checked(layout.len()) {
            if !self.express_frame(connection, core, from, layout, &Chunk { offset, bytes: frame, ..*chunk }) {
                break;
            }
            frames += 1;
            offset += layout.len() as u64;
            bytes = rest;
        }
        (frames, bytes)
    }

    /// Hands on the frame that `chunk` is, if its name is an ordinary one; else does nothing and says false.
    #[inline(always)] // as above
    fn express_frame(
        &mut self,
        connection: &ConnectionInfo,
        core: &mut Core<S::State>,
        from: Side,
        layout: FrameLayout,
        chunk: &Chunk<'_>,
    ) -> bool {
        let Chunk { packet, time, offset, bytes } = *chunk;
        let name = bytes.first_chunk::<HEADER_LEN>().and_then(Name::from_header);
        let Some(name) = name.filter(|name| !name.is_handshake()) else { return false };
        if self.sink.wants_frames()
            && let Some(view) = FrameView::new(bytes, layout)
            && !self.sink.express(&mut core.state, &PlainFrame { from, packet, time, name, view })
        {
            let connection = FramedConnection { tcp: connection, client: core.client, capacity: &core.capacity };
            let frame = CapturedFrame::named(view, name);
            let located = LocatedFrame { from, packet, first_packet: packet, time, offset, frame };
            self.sink.frame(&connection, &mut core.state, &located);
        }
        true
    }
}
