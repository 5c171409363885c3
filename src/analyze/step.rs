//! One frame, judged: what reports that draw an exchange are given.

use crate::time::Timestamp;
use crate::window::{Acknowledgement, Arrival, Departure};
use crate::wire::{Name, Pos, Side};

/// One frame in delivery order, with its verdict and where the window stood after it. The frame's bytes come beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// From 0, over the frames of the connection.
    pub index: u64,
    /// The packet that carried its last captured byte.
    pub packet: u64,
    /// Capture time.
    pub time: Option<Timestamp>,
    /// Who wrote it.
    pub from: Side,
    /// Its name; `None` where unknown or not captured.
    pub name: Option<Name>,
    /// MSG, DONE, CLOSE: its position. ACK: the number in its payload.
    pub pos: Option<Pos>,
    /// sent_time, where captured.
    pub sent_time: Option<f64>,
    /// What it is to the window.
    pub verdict: StepVerdict,
    /// Highest position written so far, after it.
    pub highest: Pos,
    /// Last acknowledged position, after it.
    pub last_acked: Option<Pos>,
    /// The window's edge after it, by the declared window or, failing that, the inferred one so far.
    pub edge: Option<Pos>,
    /// Positions outstanding after it.
    pub in_flight: Option<u32>,
    /// For a MSG or DONE: what it is to the receiver at its place in the capture (held, in order, duplicate).
    pub arrival: Option<Arrival>,
}

/// The verdict of `window` on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepVerdict {
    /// A MSG or DONE.
    Departure(Departure),
    /// An ACK.
    Acknowledgement(Acknowledgement),
    /// Any other frame.
    Other,
}
