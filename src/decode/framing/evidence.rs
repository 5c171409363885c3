//! What bytes say about being frames: the tests that let a stream be recognised without its handshake.
//!
//! A frame's length and the place of seq follow from P, but four values of P share both
//! ([`Shape`]), and the two shapes of one length differ only in where seq stands. A client frame repeats
//! its position in seq, prev_seq and pos, so a single one pins the shape; a server frame carries zeros there
//! and pins only the length, through the one place where its sent_time makes sense.

use crate::wire::{FrameLayout, FrameView, HANDSHAKE, HEADER_LEN, MaxMsgSize, Name, Side};

/// Unix seconds that a real clock shows (1973 to 5138); a time inside is strong evidence, since random
/// bytes, text and zeros never look like it.
const PLAUSIBLE_CLOCK: std::ops::Range<f64> = 1e8..1e11;

/// Server frames carry zeros in seq, prev_seq and pos; a server patched for a test wrote small numbers (PROTOCOL §2.3).
const SMALL: std::ops::RangeInclusive<i32> = -0xFFFF..=0xFFFF;

/// A frame length with the place of seq: what a frame can show of P. Up to four values of P share a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    len: usize,
    place: SeqPlace,
}

/// Where seq stands before sent_time; `Either` while only zeros were seen there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SeqPlace {
    /// Eight bytes before sent_time, four alignment bytes between.
    Low,
    /// Four bytes before sent_time.
    High,
    /// Not told apart yet.
    Either,
}

impl Shape {
    /// The shape of frames with this P.
    pub(super) const fn of(max_msg_size: MaxMsgSize) -> Self {
        let layout = FrameLayout::new(max_msg_size);
        let place = if layout.sent_time() - layout.seq() == 8 { SeqPlace::Low } else { SeqPlace::High };
        Self { len: layout.len(), place }
    }

    /// Frames of this length, wherever seq stands.
    pub(super) const fn of_len(len: usize) -> Self {
        Self { len, place: SeqPlace::Either }
    }

    pub(super) const fn len(self) -> usize {
        self.len
    }

    /// True when seq's place is known.
    pub(super) fn is_pinned(self) -> bool {
        self.place != SeqPlace::Either
    }

    /// Smallest and largest P of this shape, both inclusive.
    pub(super) fn max_msg_size(self) -> (MaxMsgSize, MaxMsgSize) {
        let sent_time = self.len - 20;
        let (lowest_seq, highest_seq) = match self.place {
            SeqPlace::Low => (sent_time - 8, sent_time - 8),
            SeqPlace::High => (sent_time - 4, sent_time - 4),
            SeqPlace::Either => (sent_time - 8, sent_time - 4),
        };
        let clamp = |p: usize| {
            let p = p.clamp(usize::from(MaxMsgSize::MIN.get()), usize::from(MaxMsgSize::MAX.get()));
            u16::try_from(p).ok().and_then(MaxMsgSize::new).unwrap_or(MaxMsgSize::MAX)
        };
        (clamp(lowest_seq - HEADER_LEN - 3), clamp(highest_seq - HEADER_LEN))
    }

    /// The layout that reads every frame of this shape right: its largest P. Smaller ones of the shape
    /// differ only in how many zero bytes count as payload, and those are trimmed.
    pub(super) fn layout(self) -> FrameLayout {
        FrameLayout::new(self.max_msg_size().1)
    }
}

/// What one frame says about its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) name: Name,
    pub(super) place: SeqPlace,
    /// False when the frame alone proves nothing and a second one must stand where it says.
    pub(super) strong: bool,
}

/// Reads `bytes` as a frame of length `len`; `None` when they are not one.
pub(super) fn frame_of_len(bytes: &[u8], len: usize) -> Option<Evidence> {
    let frame = bytes.get(..len)?;
    let name = Name::from_header(frame.first_chunk()?)?;
    let sent_time = f64::from_le_bytes(read(frame, len - 20)?);
    let flag: [u8; 4] = read(frame, len - 12)?;
    let int = |at: usize| read(frame, at).map(i32::from_le_bytes);
    let (prev_seq, pos) = (int(len - 8)?, int(len - 4)?);
    if !(0.0..PLAUSIBLE_CLOCK.end).contains(&sent_time) || flag[0] > 1 || flag[1..] != [0; 3] {
        return None;
    }
    let clock = PLAUSIBLE_CLOCK.contains(&sent_time);
    let (low, high) = (int(len - 28)?, int(len - 24)?);
    match name.sender() {
        Side::Client => {
            let place = match (low == pos && high == 0, high == pos) {
                _ if pos < 1 || prev_seq != pos => return None,
                (true, _) => SeqPlace::Low,
                (_, true) => SeqPlace::High,
                _ => return None,
            };
            Some(Evidence { name, place, strong: clock })
        }
        Side::Server => {
            let payload = &frame[HEADER_LEN..len - 28];
            let small = SMALL.contains(&prev_seq) && SMALL.contains(&pos);
            if !clock || !small || !server_payload(name, payload) {
                return None;
            }
            // Digits, or DISCONNECT's text, that fill the payload up to the low place and go on there are payload, not a
            // number: seq is behind them.
            let goes_on = payload.last().is_some_and(|b| *b != 0)
                && frame.get(len - 28).is_some_and(|b| *b != 0)
                && server_payload(name, &frame[HEADER_LEN..len - 24]);
            let place = match (low, high) {
                (0, 0) => SeqPlace::Either,
                _ if goes_on => SeqPlace::High,
                (0, seq) if SMALL.contains(&seq) => SeqPlace::High,
                (seq, 0) if SMALL.contains(&seq) => SeqPlace::Low,
                _ if name == Name::Disconnect => SeqPlace::High,
                _ => return None,
            };
            Some(Evidence { name, place, strong: true })
        }
    }
}

/// True when `payload` (at least what surely is payload) is what a server writes under `name`.
fn server_payload(name: Name, payload: &[u8]) -> bool {
    let end = payload.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    match name {
        Name::Disconnect => name.fixed_text().is_some_and(|text| text.starts_with(&payload[..end])),
        _ => end > 0 && payload[..end].iter().all(u8::is_ascii_digit),
    }
}

/// A handshake frame (GET_MAX or RETURN_MAX, always P = 4) at the start of `bytes`.
pub(super) fn handshake_frame(bytes: &[u8], name: Name) -> Option<FrameView<'_>> {
    let view = FrameView::new(bytes.get(..HANDSHAKE.len())?, HANDSHAKE)?;
    let agrees = view.seq() == view.pos().0 && view.prev_seq() == view.pos().0;
    let right = view.name() == Some(name)
        && view.padding_is_zero()
        && view.ack() <= 1
        && (0.0..PLAUSIBLE_CLOCK.end).contains(&view.sent_time());
    match name {
        Name::GetMax => right && agrees && SMALL.contains(&view.pos().0),
        Name::ReturnMax => right && SMALL.contains(&view.pos().0),
        _ => false,
    }
    .then_some(view)
}

/// The P that a frame's fixed text reveals because the text is cut: `None` when it is whole or is not the text.
pub(super) fn cut_text(name: Name, payload: &[u8]) -> Option<usize> {
    let text = name.fixed_text()?;
    (payload.len() < text.len() && !payload.is_empty() && text.starts_with(payload)).then_some(payload.len())
}

fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Offsets in `bytes` at which a whole header field of a known name stands.
pub(super) fn header_offsets(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.windows(HEADER_LEN).enumerate().filter_map(|(at, window)| {
        // Names start with one of six letters: most bytes are dismissed by the first comparison.
        let header: &[u8; HEADER_LEN] = window.first_chunk()?;
        matches!(header[0], b'M' | b'A' | b'D' | b'C' | b'G' | b'R')
            .then(|| Name::from_header(header))
            .flatten()
            .map(|_| at)
    })
}

/// Where frames lie in a run of bytes, and of what shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Offset in the run of a frame's first byte.
    pub(super) anchor: usize,
    pub(super) shape: Shape,
    /// Frames that fit.
    pub(super) fitting: usize,
    /// What the first fitting frame is.
    pub(super) first: Name,
}

/// Candidates looked at in one run: the first header-like places. More would only help a payload full of frames.
const MAX_CANDIDATES: usize = 16;

/// The grid that explains `run` best; `None` while no frame in it is proven. `known` restricts the search to one shape.
///
/// A grid gains by each frame that fits and loses by each whole one that does not, so a frame image inside
/// a payload loses to the frames around it, and twice the real length (a frame's head with the next one's
/// tail) loses to the real one.
pub(super) fn find_grid(run: &[u8], known: Option<Shape>) -> Option<Grid> {
    let mut best: Option<(isize, Grid)> = None;
    for anchor in header_offsets(run).take(MAX_CANDIDATES) {
        let rest = &run[anchor..];
        let lens = match known {
            Some(shape) => shape.len()..=shape.len(),
            None => HANDSHAKE.len()..=FrameLayout::new(MaxMsgSize::MAX).len(),
        };
        let mut tried = 0;
        for len in lens.step_by(8) {
            if len > rest.len() || tried == 3 {
                break;
            }
            let Some(evidence) = frame_of_len(rest, len) else { continue };
            tried += 1;
            let (score, grid) = weigh(run, anchor, len, evidence);
            // Two weak frames among many others are chance.
            let proven = evidence.strong || (grid.fitting > 1 && score > 0);
            if proven && best.is_none_or(|(top, _)| score > top) {
                best = Some((score, grid));
            }
        }
    }
    best.map(|(_, grid)| grid)
}

/// Walks the grid through `anchor` over the run, both ways.
fn weigh(run: &[u8], anchor: usize, len: usize, first: Evidence) -> (isize, Grid) {
    let (mut fitting, mut odd) = (0, 0);
    let mut place = first.place;
    let mut at = anchor % len;
    while at + len <= run.len() {
        match frame_of_len(&run[at..], len) {
            Some(evidence) => {
                fitting += 1;
                if place == SeqPlace::Either {
                    place = evidence.place;
                }
            }
            None => odd += 1,
        }
        at += len;
    }
    let grid = Grid { anchor, shape: Shape { len, place }, fitting, first: first.name };
    (fitting as isize - 2 * odd, grid)
}

/// The shape that a whole frame's bytes prove, when they prove one.
pub(super) fn shape_of(frame: &[u8]) -> Option<Shape> {
    frame_of_len(frame, frame.len()).map(|evidence| Shape { len: frame.len(), place: evidence.place })
}
