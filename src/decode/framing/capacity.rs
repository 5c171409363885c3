//! What is known of P, `maximum_msg_size`, on one connection, and from what.

use std::fmt;

use super::evidence::{Shape, cut_text, shape_of};
use crate::decode::CapturedFrame;
use crate::wire::{FrameLayout, HANDSHAKE, MaxMsgSize, Name, Side};

/// What the knowledge of P rests on, weakest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CapacityBasis {
    /// The user said so (`--max-msg-size`).
    Declared,
    /// The server's RETURN_MAX.
    Handshake,
    /// No handshake in the capture, but a frame whose payload must be full: a slice with a later one behind it, or a
    /// fixed text that was cut.
    FullPayload,
    /// No handshake in the capture: only the length of the frames and the place of seq, which leave a range.
    FrameShape,
}

impl fmt::Display for CapacityBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Declared => "given by --max-msg-size",
            Self::Handshake => "from RETURN_MAX",
            Self::FullPayload => "inferred from a full payload",
            Self::FrameShape => "inferred from the shape of the frames",
        })
    }
}

/// P as an interval, both ends inclusive. Payloads read the same for every value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    min: MaxMsgSize,
    max: MaxMsgSize,
    basis: CapacityBasis,
    /// The highest MSG seen so far while P is an interval: position and payload length.
    highest: Option<(i32, u16)>,
}

impl Capacity {
    pub(super) const fn exact(max_msg_size: MaxMsgSize, basis: CapacityBasis) -> Self {
        Self { min: max_msg_size, max: max_msg_size, basis, highest: None }
    }

    pub(super) fn of_shape(shape: Shape) -> Self {
        let (min, max) = shape.max_msg_size();
        Self { min, max, basis: CapacityBasis::FrameShape, highest: None }
    }

    /// Nothing is known: any P.
    pub(super) const fn unknown() -> Self {
        Self { min: MaxMsgSize::MIN, max: MaxMsgSize::MAX, basis: CapacityBasis::FrameShape, highest: None }
    }

    /// The smallest P that explains every frame so far.
    #[must_use]
    pub const fn min(&self) -> MaxMsgSize {
        self.min
    }

    /// The largest.
    #[must_use]
    pub const fn max(&self) -> MaxMsgSize {
        self.max
    }

    /// What this rests on.
    #[must_use]
    pub const fn basis(&self) -> CapacityBasis {
        self.basis
    }

    /// True when nothing tells P: frames are read with some layout, so that there is something to see.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        (self.min, self.max) == (MaxMsgSize::MIN, MaxMsgSize::MAX)
    }

    /// True when one P is left.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.min == self.max
    }

    /// The least and the most P of which this frame can be, where that is none of these: its length is another, or seq
    /// stands at the other place of its length, which a client's frame shows.
    pub(crate) fn contradicted_by(&self, frame: &CapturedFrame<'_>, from: Side) -> Option<(MaxMsgSize, MaxMsgSize)> {
        let view = frame.view();
        if self.is_unknown() || !frame.is_whole() || view.name().is_none_or(|name| name.is_handshake()) {
            return None;
        }
        let len = view.bytes().len();
        let same_length = len == FrameLayout::new(self.max).len();
        if same_length && (from == Side::Server || view.seq() == view.pos().0) {
            return None;
        }
        let shape = shape_of(view.bytes()).filter(|_| from == Side::Client);
        let (least, most) = shape.unwrap_or(Shape::of_len(len)).max_msg_size();
        (most < self.min || self.max < least).then_some((least, most))
    }

    /// The layout that reads every frame of the interval right; the handshake's when nothing is known, so that what
    /// follows is at least shown.
    pub(super) fn layout(&self) -> FrameLayout {
        if *self == Self::unknown() { HANDSHAKE } else { FrameLayout::new(self.max) }
    }

    /// Narrows the interval to the shape of one more frame, when that agrees with it.
    pub(super) fn narrow(&mut self, shape: Shape) {
        let (min, max) = shape.max_msg_size();
        let (min, max) = (min.max(self.min), max.min(self.max));
        if min <= max {
            (self.min, self.max) = (min, max);
        }
    }

    /// Learns from a whole frame's payload (without padding) while P is an interval.
    ///
    /// A slice that is not the last is full, since one that ends in NUL cannot be carried (PROTOCOL §2.4, §3.2).
    pub(super) fn learn(&mut self, name: Name, pos: i32, payload: &[u8]) {
        // No P is that large.
        let short = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let full = match (name, self.highest) {
            (Name::Msg, Some((highest, _))) if pos < highest => Some(payload.len()),
            (Name::Msg, Some((highest, len))) if pos > highest => {
                self.highest = Some((pos, short));
                Some(usize::from(len))
            }
            (Name::Msg, None) => {
                self.highest = Some((pos, short));
                None
            }
            (Name::Done | Name::Close | Name::Disconnect, _) => cut_text(name, payload),
            _ => None,
        };
        let size = |len: usize| u16::try_from(len).ok().and_then(MaxMsgSize::new);
        if let Some(exact) = full.and_then(size).filter(|p| (self.min..=self.max).contains(p)) {
            (self.min, self.max, self.basis) = (exact, exact, CapacityBasis::FullPayload);
        } else if let Some(least) = size(payload.len()).filter(|p| (self.min..=self.max).contains(p)) {
            self.min = least;
            if self.is_exact() {
                self.basis = CapacityBasis::FullPayload;
            }
        }
    }
}

impl fmt::Display for Capacity {
    /// `10 (from RETURN_MAX)`, `7 to 10 (inferred …)` or `unknown (…)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::unknown() {
            write!(
                f,
                "unknown (no frame tells it; read as {}, give it with --max-msg-size)",
                self.layout().max_msg_size()
            )
        } else if self.is_exact() {
            write!(f, "{} ({})", self.min, self.basis)
        } else {
            write!(f, "{} to {} ({})", self.min, self.max, self.basis)
        }
    }
}
