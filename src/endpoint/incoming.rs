//! The peer's stream cut into frames, with the place of each.

use crate::wire::{Deframer, FrameLayout, FrameView, HANDSHAKE};

/// The frames of one peer: first of the handshake's layout, then of P's.
#[derive(Debug)]
pub(super) struct Incoming {
    deframer: Deframer,
    layout: FrameLayout,
    /// Where the next frame begins in the stream.
    next_at: u64,
}

impl Incoming {
    pub(super) const fn new() -> Self {
        Self { deframer: Deframer::new(HANDSHAKE.len()), layout: HANDSHAKE, next_at: 0 }
    }

    /// The next whole frame and where it begins, taking its bytes off `input`; `None` when more are needed.
    pub(super) fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<(FrameView<'s>, u64)> {
        let bytes = self.deframer.next(input)?;
        let at = self.next_at;
        self.next_at += bytes.len() as u64;
        FrameView::new(bytes, self.layout).map(|view| (view, at))
    }

    /// The whole frames at the front of `input`, where the stream is at the beginning of one; they are not taken.
    pub(super) fn whole<'i>(&self, input: &'i [u8]) -> impl Iterator<Item = FrameView<'i>> + use<'i> {
        let layout = self.layout;
        let frames = if self.deframer.partial().is_empty() { input } else { &[] };
        frames.chunks_exact(layout.len()).filter_map(move |bytes| FrameView::new(bytes, layout))
    }

    /// Bytes until the next frame ends.
    pub(super) fn missing(&self) -> usize {
        self.layout.len() - self.deframer.partial().len()
    }

    /// Takes `count` of the frames that [`whole`](Self::whole) showed off `input`.
    pub(super) fn skip(&mut self, count: u32, input: &mut &[u8]) {
        let len = (count as usize).saturating_mul(self.layout.len()).min(input.len());
        *input = input.get(len..).unwrap_or_default();
        self.next_at += len as u64;
    }

    /// From the next frame on the layout is this one. No part of that frame may have been taken in yet, which holds
    /// right after [`next`](Self::next) returned a frame.
    pub(super) fn switch_to(&mut self, layout: FrameLayout) {
        self.layout = layout;
        self.deframer = Deframer::new(layout.len());
    }

    /// The layout in force.
    pub(super) const fn layout(&self) -> FrameLayout {
        self.layout
    }

    /// What came of the next frame so far, and where it begins.
    pub(super) fn partial(&self) -> (&[u8], u64) {
        (self.deframer.partial(), self.next_at)
    }
}
