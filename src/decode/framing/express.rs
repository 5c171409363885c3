//! The express way through framing: whole frames with ordinary names on a settled grid, while none waits.

use super::{Framed, Framing};
use crate::decode::CapturedFrame;
use crate::decode::reassembly::{Chunk, ConnectionInfo, Way};
use crate::wire::{FrameView, HEADER_LEN, Name};

use super::sink::{FrameSink, FramedConnection, LocatedFrame};

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
        let view = FramedConnection { tcp: connection, client: core.client, capacity: &core.capacity };
        let from = view.side(way);
        let Chunk { packet, time, mut offset, mut bytes } = chunk;
        let mut frames = 0;
        let wanted = self.sink.wants_frames();
        while let Some((frame, rest)) = bytes.split_at_checked(layout.len()) {
            let name = frame.first_chunk::<HEADER_LEN>().and_then(Name::from_header);
            let Some(name) = name.filter(|name| !name.is_handshake()) else { break };
            if wanted && let Some(frame) = FrameView::new(frame, layout) {
                let frame = CapturedFrame::named(frame, name);
                let located = LocatedFrame { from, packet, first_packet: packet, time, offset, frame };
                self.sink.frame(&view, &mut core.state, &located);
            }
            frames += 1;
            offset += layout.len() as u64;
            bytes = rest;
        }
        self.counts.frames += frames;
        lane.passed(frames, offset);
        (!bytes.is_empty()).then_some(Chunk { offset, bytes, ..chunk })
    }
}
