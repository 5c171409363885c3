//! One direction's bytes cut into frames on a grid that holes do not move.

use std::ops::Range;

use super::evidence::{Shape, find_grid, frame_of_len, handshake_frame};
use crate::decode::CapturedFrame;
use crate::decode::reassembly::Chunk;
use crate::time::Timestamp;
use crate::wire::{FrameLayout, FrameView, HANDSHAKE, HEADER_LEN, MaxMsgSize, Name};

/// Bytes of a lane that are searched for another grid without asking how long the stream is.
const FREE_SEARCH: i64 = 1 << 20;
/// Beyond that, bytes searched for each byte of the stream: a search looks at the rest of its segment, and a stream
/// full of unknown names would otherwise cost the square of its segments' length.
const SEARCH_PER_BYTE: i64 = 4;

/// A frame with its place in capture and stream; who sent it is known one level up.
#[derive(Debug, Clone)]
pub(super) struct Placed<'a> {
    pub(super) frame: CapturedFrame<'a>,
    /// Packet of the last-captured byte, with its time.
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
    pub(super) first_packet: u64,
    /// Stream offset of the frame's first captured-or-missing byte.
    pub(super) offset: u64,
}

/// What the lane tells besides frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneEvent {
    /// Bytes that belong to no frame were passed over to get back on a grid.
    Skipped { offset: u64, len: u64 },
    /// Frames of another length than agreed stand here; the lane follows them.
    Regridded { offset: u64, from: FrameLayout, to: Shape },
    /// A handshake frame whose length is not that of the grid, in mid-exchange (PROTOCOL §3.1).
    OffGridHandshake { offset: u64, name: Name },
    /// RETURN_MAX says another P than the user, whose word goes.
    Overridden { declared: MaxMsgSize, answered: MaxMsgSize },
}

/// Receives what a lane finds.
pub(super) trait LaneSink {
    fn frame(&mut self, placed: &Placed<'_>);
    fn event(&mut self, event: LaneEvent);
}

/// The frame that is not whole yet: its bytes so far, zero where a hole took them.
#[derive(Debug, Default)]
struct Partial {
    /// Empty while there is none.
    bytes: Vec<u8>,
    /// First packet and last packet that brought bytes; `None` while only holes did.
    packets: Option<(u64, u64)>,
    missing: Vec<Range<usize>>,
    time: Option<Timestamp>,
}

/// The first bytes of a lane that began in mid-stream, kept until they tell where a frame begins.
#[derive(Debug, Default)]
struct Adrift {
    bytes: Vec<u8>,
    /// Of each chunk: its length, its packet, and the time.
    chunks: Vec<(usize, u64, Option<Timestamp>)>,
}

impl Adrift {
    /// How many bytes stand before the first frame that begins here, for frames of this layout; `None` while more bytes may
    /// tell. `latest` bytes are new since the last call.
    fn lead(&self, layout: FrameLayout, fixed: bool, latest: usize) -> Option<usize> {
        let header = self.bytes.first_chunk::<HEADER_LEN>()?;
        if Name::from_header(header).is_some() {
            return Some(0);
        }
        // So many bytes hold a whole frame, wherever it begins. Of many small chunks not each is worth a search.
        let (len, seen) = (layout.len(), self.bytes.len());
        let (all, step) = (2 * len, len / 8);
        match seen >= len && seen / step > (seen - latest) / step {
            true => self.search(layout, fixed).or((seen >= all).then_some(0)),
            false => None,
        }
    }

    /// The same from a search for a whole frame.
    fn search(&self, layout: FrameLayout, fixed: bool) -> Option<usize> {
        let grid = find_grid(&self.bytes, fixed.then(|| Shape::of(layout.max_msg_size())))?;
        // Another length is for the border to speak of.
        Some(if grid.shape.len() == layout.len() { grid.anchor % layout.len() } else { 0 })
    }
}

/// What stands at a frame border.
enum Border {
    /// A frame of this layout, all there or not.
    Frame(FrameLayout),
    /// This many bytes belong to no frame; the next frame stands behind them.
    Skip(usize),
}

/// The state of one direction.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Lane {
    /// Stream offset of the frame that comes next or is partial; negative when it began before the capture.
    frame_start: i64,
    frames: u64,
    layout: FrameLayout,
    /// The first frame of the stream is a handshake frame even where a hole took its name.
    handshake_first: bool,
    /// The user gave the layout: frames that do not fit it are shown as they are.
    fixed: bool,
    /// From the first one on, and then kept for the next.
    partial: Option<Box<Partial>>,
    /// Bytes looked at in search of another grid.
    searched: i64,
    /// Until it is known where a frame begins.
    adrift: Option<Box<Adrift>>,
}

const _: () = assert!(size_of::<Option<Lane>>() == 64, "one cache line");

impl Lane {
    /// A lane whose grid has a frame border at stream offset `frame_start`.
    pub(super) const fn new(layout: FrameLayout, frame_start: i64, handshake_first: bool, fixed: bool) -> Self {
        Self { layout, frame_start, partial: None, handshake_first, fixed, frames: 0, searched: 0, adrift: None }
    }

    /// A lane that begins in mid-stream, at stream offset `begin`, perhaps within a frame.
    pub(super) fn adrift(layout: FrameLayout, begin: i64, fixed: bool) -> Self {
        Self { adrift: Some(Box::default()), ..Self::new(layout, begin, false, fixed) }
    }

    /// True while bytes are kept, since where a frame begins is not known: what the other side answers has to wait.
    pub(super) fn is_adrift(&self) -> bool {
        self.adrift.as_ref().is_some_and(|adrift| !adrift.bytes.is_empty())
    }

    /// The bytes so far of a frame that is not whole yet; none where the last frame ends.
    #[inline]
    fn open(&self) -> &[u8] {
        self.partial.as_ref().map_or(&[], |partial| &partial.bytes)
    }

    /// Reads the frames to come with `layout`, unless it has another length than this lane's grid.
    pub(super) fn refine(&mut self, layout: FrameLayout) {
        if layout.len() == self.layout.len() {
            self.layout = layout;
        }
    }

    /// The layout of the frame that begins at stream offset `offset`, when neither an open frame nor a doubt about the
    /// grid stands in the way: then a known name settles it, as in [`border`](Self::border).
    #[inline]
    pub(super) fn express(&self, offset: u64) -> Option<FrameLayout> {
        let on_border = self.frame_start as u64 == offset && self.frame_start >= 0;
        (on_border && self.frames > 1 && self.open().is_empty()).then_some(self.layout)
    }

    /// Goes on at `offset` behind so many frames more, which were handed on past it.
    #[inline]
    pub(super) const fn passed(&mut self, frames: u64, offset: u64) {
        self.frames += frames;
        self.frame_start = offset as i64;
    }

    /// Stream offset of the next byte that is needed.
    fn next_offset(&self) -> i64 {
        self.frame_start + self.open().len() as i64
    }

    /// True when the last frame ends at that stream offset, and nothing of the next is there.
    pub(super) fn ends_at(&self, offset: u64) -> bool {
        !self.is_begun() && self.frame_start >= 0 && self.frame_start as u64 == offset
    }

    /// True when captured bytes of the next frame are there.
    fn is_begun(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.packets.is_some())
    }

    /// Takes the next bytes of the stream. Whole frames are handed on as slices of `chunk`.
    pub(super) fn chunk(&mut self, chunk: &Chunk<'_>, sink: &mut impl LaneSink) {
        if self.adrift.is_none() {
            self.cut(chunk, sink);
        } else {
            self.drift(chunk, sink);
        }
    }

    /// Keeps the first bytes until they tell where a frame begins.
    #[cold]
    fn drift(&mut self, chunk: &Chunk<'_>, sink: &mut impl LaneSink) {
        let Some(adrift) = &mut self.adrift else { return };
        if chunk.offset as i64 > self.frame_start + adrift.bytes.len() as i64 {
            self.moor(None, sink);
            return self.cut(chunk, sink);
        }
        adrift.bytes.extend_from_slice(chunk.bytes);
        adrift.chunks.push((chunk.bytes.len(), chunk.packet, chunk.time));
        let lead = adrift.lead(self.layout, self.fixed, chunk.bytes.len());
        if lead.is_some() {
            self.moor(lead, sink);
        }
    }

    /// Takes what was kept, in which the first frame to begin does so behind `lead` bytes; without it, by what there is.
    fn moor(&mut self, lead: Option<usize>, sink: &mut impl LaneSink) {
        let Some(adrift) = self.adrift.take() else { return };
        let lead = lead.or_else(|| adrift.search(self.layout, self.fixed)).unwrap_or(0);
        let Adrift { bytes, chunks } = *adrift;
        let mut offset = self.frame_start as u64;
        if lead > 0 {
            // What stands before it is the end of a frame.
            self.frame_start += lead as i64 - self.layout.len() as i64;
            self.miss_until(offset as i64, sink);
        }
        let mut rest = &bytes[..];
        for (len, packet, time) in chunks {
            let Some((bytes, behind)) = rest.split_at_checked(len) else { break };
            self.cut(&Chunk { offset, bytes, packet, time }, sink);
            (rest, offset) = (behind, offset + len as u64);
        }
    }

    fn cut(&mut self, chunk: &Chunk<'_>, sink: &mut impl LaneSink) {
        let at = chunk.offset as i64;
        if at > self.next_offset() {
            self.miss_until(at, sink);
        }
        let known = usize::try_from(self.next_offset() - at).unwrap_or(0).min(chunk.bytes.len());
        let mut rest = &chunk.bytes[known..];
        while !rest.is_empty() || self.open().len() >= self.layout.len() {
            if !self.open().is_empty() && !self.top_up(HANDSHAKE.len(), &mut rest, chunk) {
                return;
            }
            let border = match self.partial.take_if(|partial| !partial.bytes.is_empty()) {
                None => self.border(rest, &[], sink),
                Some(partial) => {
                    let border = if partial.missing.is_empty() {
                        self.border(&partial.bytes, rest, sink)
                    } else {
                        Border::Frame(self.damaged_layout(&partial.bytes))
                    };
                    self.partial = Some(partial);
                    border
                }
            };
            match border {
                Border::Skip(len) => self.skip(len, &mut rest, sink),
                Border::Frame(layout) if self.open().is_empty() => {
                    let Some((bytes, tail)) = rest.split_at_checked(layout.len()) else {
                        self.keep(rest, chunk);
                        return;
                    };
                    if let Some(view) = FrameView::new(bytes, layout) {
                        sink.frame(&Placed {
                            frame: CapturedFrame::whole(view),
                            packet: chunk.packet,
                            time: chunk.time,
                            first_packet: chunk.packet,
                            offset: chunk.offset + (chunk.bytes.len() - rest.len()) as u64,
                        });
                    }
                    rest = tail;
                    self.advance(layout.len());
                }
                Border::Frame(layout) => {
                    if !self.top_up(layout.len(), &mut rest, chunk) {
                        return;
                    }
                    self.emit_partial(layout, sink);
                }
            }
        }
    }

    /// Moves bytes of `rest` to the partial frame until it has `len`; false when there are not enough.
    fn top_up(&mut self, len: usize, rest: &mut &[u8], chunk: &Chunk<'_>) -> bool {
        let wanted = len.saturating_sub(self.open().len());
        let (head, tail) = rest.split_at(wanted.min(rest.len()));
        if !head.is_empty() {
            self.keep(head, chunk);
        }
        *rest = tail;
        self.open().len() >= len
    }

    fn keep(&mut self, bytes: &[u8], chunk: &Chunk<'_>) {
        let partial = self.partial.get_or_insert_default();
        let (first, last) = partial.packets.unwrap_or((chunk.packet, chunk.packet));
        if chunk.packet >= last {
            partial.time = chunk.time;
        }
        partial.packets = Some((first.min(chunk.packet), last.max(chunk.packet)));
        partial.bytes.extend_from_slice(bytes);
    }

    /// What the frame border before `head` (then `tail`), all of it captured, says. Nearly every frame is settled by its name.
    fn border(&mut self, head: &[u8], tail: &[u8], sink: &mut impl LaneSink) -> Border {
        let name = head.first_chunk::<HEADER_LEN>().and_then(Name::from_header);
        match name {
            Some(name) if name.is_handshake() && handshake_frame(head, name).is_some() => {
                if self.fixed
                    && name == Name::ReturnMax
                    && let Some(answered) =
                        handshake_frame(head, name).and_then(|v| MaxMsgSize::from_decimal(v.payload()))
                    && answered != self.layout.max_msg_size()
                {
                    sink.event(LaneEvent::Overridden { declared: self.layout.max_msg_size(), answered });
                }
                if self.frames > 0 && self.layout.len() != HANDSHAKE.len() {
                    sink.event(LaneEvent::OffGridHandshake { offset: self.frame_start.max(0) as u64, name });
                }
                return Border::Frame(HANDSHAKE);
            }
            Some(_) if self.frames > 1 => return Border::Frame(self.layout),
            _ => {}
        }
        self.doubtful(name.is_some(), head, tail, sink)
    }

    /// An unknown name, or one of the first frames of a lane: asks whether another grid explains the bytes better.
    #[cold]
    fn doubtful(&mut self, named: bool, head: &[u8], tail: &[u8], sink: &mut impl LaneSink) -> Border {
        let seen = head.len() + tail.len();
        if self.fixed || seen < self.layout.len() {
            return Border::Frame(self.layout);
        }
        let joined;
        let bytes = if tail.is_empty() {
            head
        } else {
            joined = [head, tail].concat();
            &joined
        };
        if named && frame_of_len(bytes, self.layout.len()).is_some() {
            return Border::Frame(self.layout);
        }
        let affordable = FREE_SEARCH.saturating_add(self.frame_start.saturating_mul(SEARCH_PER_BYTE));
        if self.searched > affordable {
            return Border::Frame(self.layout);
        }
        self.searched += bytes.len() as i64;
        let Some(grid) = find_grid(bytes, None) else { return Border::Frame(self.layout) };
        let agreed = grid.shape.len() == self.layout.len();
        if agreed && grid.anchor % self.layout.len() == 0 {
            return Border::Frame(self.layout); // one odd frame on the right grid
        }
        if !agreed {
            let offset = (self.frame_start + grid.anchor as i64).max(0) as u64;
            sink.event(LaneEvent::Regridded { offset, from: self.layout, to: grid.shape });
            self.layout = grid.shape.layout();
        }
        // Whole frames of the grid before the anchor are frames too; only what is left over belongs to none.
        match grid.anchor % self.layout.len() {
            0 => Border::Frame(self.layout),
            odd => Border::Skip(odd),
        }
    }

    /// The layout of a frame that a hole has damaged, from its name where that was captured.
    fn damaged_layout(&self, bytes: &[u8]) -> FrameLayout {
        let name = bytes.first_chunk::<HEADER_LEN>().and_then(Name::from_header);
        let opening = self.handshake_first && self.frames == 0 && self.frame_start == 0;
        let handshake = opening || name.is_some_and(Name::is_handshake) && self.frames == 0;
        if handshake { HANDSHAKE } else { self.layout }
    }

    fn skip(&mut self, len: usize, rest: &mut &[u8], sink: &mut impl LaneSink) {
        sink.event(LaneEvent::Skipped { offset: self.frame_start.max(0) as u64, len: len as u64 });
        let kept = len.min(self.open().len());
        if let Some(partial) = &mut self.partial {
            partial.bytes.drain(..kept);
        }
        self.partial.take_if(|partial| partial.bytes.is_empty());
        *rest = rest.get(len - kept..).unwrap_or_default();
        self.frame_start += len as i64;
    }

    #[inline(never)] // the sink is large, and few frames are put together
    fn emit_partial(&mut self, layout: FrameLayout, sink: &mut impl LaneSink) {
        let mut partial = self.partial.take().unwrap_or_default();
        if let (Some((first_packet, packet)), Some(view)) =
            (partial.packets, partial.bytes.get(..layout.len()).and_then(|bytes| FrameView::new(bytes, layout)))
        {
            let frame = CapturedFrame::partial(view, &partial.missing);
            let offset = self.frame_start.max(0) as u64;
            sink.frame(&Placed { frame, packet, time: partial.time, first_packet, offset });
        }
        if partial.bytes.len() > layout.len() {
            // The lane moved to shorter frames: what is over begins the next one.
            partial.bytes.drain(..layout.len());
        } else {
            partial.bytes.clear();
            (partial.packets, partial.time) = (None, None);
        }
        partial.missing.clear();
        self.partial = Some(partial);
        self.advance(layout.len());
    }

    const fn advance(&mut self, len: usize) {
        self.frame_start += len as i64;
        self.frames += 1;
    }

    /// Passes over bytes that were not captured, up to stream offset `end`. The grid stays; a frame that the
    /// hole cuts is emitted with what there is of it, one that lies inside leaves no row.
    pub(super) fn miss_until(&mut self, end: i64, sink: &mut impl LaneSink) {
        self.moor(None, sink);
        while self.next_offset() < end {
            let layout = self.damaged_layout(self.open());
            let len = layout.len() as i64;
            if self.open().is_empty() {
                let inside = if layout.len() == self.layout.len() { (end - self.frame_start) / len } else { 1 };
                if inside > 0 && self.frame_start + len <= end {
                    self.frame_start += inside * len;
                    self.frames += inside as u64;
                    continue;
                }
            }
            let partial = self.partial.get_or_insert_default();
            let from = partial.bytes.len();
            let to = (end - self.frame_start).min(len).max(0) as usize;
            if to > from {
                partial.bytes.resize(to, 0);
                partial.missing.push(from..to);
            }
            if partial.bytes.len() < layout.len() {
                return;
            }
            self.emit_partial(layout, sink);
        }
    }

    /// The stream ended: what there is of a last frame is emitted with its end missing.
    pub(super) fn finish(&mut self, sink: &mut impl LaneSink) {
        self.moor(None, sink);
        if self.is_begun() {
            let layout = self.damaged_layout(self.open());
            self.miss_until(self.frame_start + layout.len() as i64, sink);
        }
    }
}
