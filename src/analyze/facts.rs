//! What rules are given to read: facts that the model has put together. No rule keeps state of its own.

use super::again::{Acted, Again, Terms};
use super::course::OutOfCourse;
use super::ledger::{Book, Skipped};
use super::parameters::Inference;
use super::{AnalysisOptions, Certainty, Doubt, Finding, PositionSet, Rule, Step};
use crate::decode::CapturedFrame;
use crate::decode::framing::{Capacity, FramedConnection};
use crate::decode::info::{Flaws, Note};
use crate::decode::observer::memory::{Opening, Written};
use crate::decode::reassembly::{Closing, Hole};
use crate::time::Timestamp;
use crate::window::Positions;
use crate::wire::{MaxMsgSize, Name, Pos, Side};

/// Where a fact shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) connection: u32,
    /// Whose act it is; `None` for both or neither.
    pub(super) side: Option<Side>,
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
}

impl Place {
    /// A finding of `rule` at this place that says nothing more yet.
    pub(super) fn finding(self, rule: &'static Rule) -> Finding {
        Finding {
            rule,
            severity: rule.severity,
            certainty: Certainty::Proven,
            connection: self.connection,
            side: self.side,
            positions: PositionSet::new(),
            packets: vec![self.packet],
            at: self.packet,
            time: self.time,
            cause: None,
            expected: String::new(),
            seen: String::new(),
            message: String::new(),
        }
    }

    /// A statement of `rule` about `positions` that cannot be made.
    pub(super) fn doubt(self, rule: &'static Rule, positions: PositionSet, because: Because) -> Doubt {
        let mut packets = vec![self.packet];
        packets.extend(because.packet.filter(|packet| *packet != self.packet));
        packets.sort_unstable();
        Doubt { rule, connection: self.connection, positions, packets, because: because.words }
    }
}

/// What stands in the way of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Because {
    pub(super) words: String,
    /// The packet that shows it.
    pub(super) packet: Option<u64>,
}

/// A frame that is not of the ordinary course, with what was known before it.
#[derive(Debug)]
pub(super) struct FrameFacts<'a> {
    pub(super) place: Place,
    pub(super) step: &'a Step,
    pub(super) frame: &'a CapturedFrame<'a>,
    pub(super) note: Note,
    pub(super) flaws: Flaws,
    /// Where this side's frames begin is known.
    pub(super) on_grid: bool,
    /// The handshake or the user tells maximum_msg_size; otherwise it is inferred.
    pub(super) size_told: bool,
    pub(super) capacity: &'a Capacity,
    /// It is the first of its side that is of another maximum_msg_size: the least and the most that it can be of.
    pub(super) other_size: Option<(MaxMsgSize, MaxMsgSize)>,
    /// Frames of a side are of another maximum_msg_size.
    pub(super) missized: bool,
    pub(super) before: Before,
    pub(super) book: &'a Book,
    pub(super) options: &'a AnalysisOptions,
    /// The copy of its position before it, and this one.
    pub(super) copies: Option<[Written; 2]>,
    pub(super) course: Option<OutOfCourse>,
    /// The first DONE before it: its position and packet.
    pub(super) done: Option<(Pos, u64)>,
    /// Of an ACK: the last copy of its position.
    pub(super) answered: Option<Written>,
    pub(super) sent_back: Option<SentBack>,
    pub(super) clock_back: Option<ClockBack>,
    pub(super) waited: Option<Waited>,
    /// Of the positions a jumping ACK covers, those that had been written more than once, with the packet of the last copy.
    pub(super) resent: Vec<(Pos, u64)>,
}

/// The window before a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) highest: Pos,
    pub(super) last_acked: Option<Pos>,
    /// No higher ACK can have been missed.
    pub(super) acks_proved: bool,
}

/// A side's sent_time went back.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentBack {
    /// By so many seconds.
    pub(super) by: f64,
    /// The frame before it.
    pub(super) packet: u64,
}

/// The capture's clock went back.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockBack {
    pub(super) nanos: i64,
    pub(super) packet: u64,
}

/// The window was full, and a new package came only after it had moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited {
    /// Seconds of capture time.
    pub(super) seconds: f64,
    pub(super) edge: Pos,
    /// The packet that filled it.
    pub(super) packet: u64,
}

impl FrameFacts<'_> {
    /// Why nothing is known of what `side` wrote before.
    pub(super) fn because(&self, side: Side) -> Because {
        match self.book.lost(side) {
            Some(lost) => Because { words: lost.words(), packet: Some(lost.packet) },
            None => Because { words: "the capture begins in the middle of the exchange".to_owned(), packet: None },
        }
    }

    /// The DONE that a MSG follows: its position and packet.
    pub(super) fn after_done(&self) -> Option<(Pos, u64)> {
        let written = matches!(self.note, Note::Departure { name: Name::Msg, .. });
        self.done.filter(|_| written)
    }

    /// Name and position, as people say it: `MSG 4`.
    pub(super) fn title(&self) -> String {
        match (self.step.name, self.step.pos) {
            (Some(name), Some(pos)) if !name.is_handshake() => format!("{name} {pos}"),
            (Some(name), _) => name.to_string(),
            (None, _) => "a frame".to_owned(),
        }
    }
}

/// A position written again or late, when everything about it is known that will be.
#[derive(Debug)]
pub(super) struct AgainFacts<'a> {
    pub(super) place: Place,
    pub(super) again: &'a Again,
    pub(super) options: &'a AnalysisOptions,
}

/// A position that was long due when a new package was written, and that never went again.
#[derive(Debug)]
pub(super) struct NeverFacts {
    /// Of the new package.
    pub(super) place: Place,
    pub(super) pos: Pos,
    pub(super) acted: Acted,
    pub(super) terms: Terms,
    /// The ACK that covered it in the end, and its packet.
    pub(super) ack: Option<(Pos, u64)>,
}

/// A package with fewer bytes than maximum_msg_size.
#[derive(Debug)]
pub(super) struct SliceFacts {
    pub(super) place: Place,
    pub(super) pos: Pos,
    pub(super) len: usize,
    pub(super) full: MaxMsgSize,
    /// A frame that says that it is not the last package: name, position, packet.
    pub(super) later: Option<(Name, Pos, u64)>,
}

/// Bytes that are not captured.
#[derive(Debug)]
pub(super) struct HoleFacts<'a> {
    pub(super) place: Place,
    pub(super) hole: &'a Hole,
    pub(super) from: Side,
    /// Nothing at all was captured of that side.
    pub(super) side_is_missing: bool,
}

/// A connection at its end.
#[derive(Debug)]
pub(super) struct ClosingFacts<'a> {
    pub(super) place: Place,
    pub(super) connection: &'a FramedConnection<'a>,
    pub(super) closing: Closing,
    pub(super) options: &'a AnalysisOptions,
    pub(super) book: &'a Book,
    /// Every byte of both sides is there, and the connection ended by FIN or RST.
    pub(super) proves: bool,
    pub(super) course: &'a super::course::Course,
    /// Runs never written, with the frame that passed them by.
    pub(super) open: Vec<(Positions, Option<Opening>)>,
    /// Positions that arrived in order and whose ACK was never seen, with packet and time of the arrival.
    pub(super) unanswered: Vec<(Pos, Name, u64, Option<Timestamp>)>,
    /// The longest that an answer took, in seconds.
    pub(super) longest_rtt: Option<f64>,
    /// Frames that the end of a stream cut: side, packet, bytes there, frame length.
    pub(super) cut: Vec<(Side, u64, u32, u32)>,
    pub(super) skipped: &'a [Skipped],
    pub(super) inference: &'a Inference,
    pub(super) largest_in_flight: Option<(u32, u64)>,
}

impl ClosingFacts<'_> {
    /// Why the end of the exchange is not proved.
    pub(super) fn because(&self) -> Because {
        let lost = [Side::Client, Side::Server].into_iter().find_map(|side| self.book.lost(side));
        match (lost, self.closing) {
            (Some(lost), _) => Because { words: lost.words(), packet: Some(lost.packet) },
            (None, Closing::Fin | Closing::Reset) => {
                Because { words: "the capture begins in the middle of the exchange".to_owned(), packet: None }
            }
            (None, _) => Because { words: self.ending().to_owned(), packet: Some(self.place.packet) },
        }
    }

    /// How the connection ended, in words.
    pub(super) const fn ending(&self) -> &'static str {
        match self.closing {
            Closing::Fin => "the connection was closed",
            Closing::Reset => "the connection was reset",
            Closing::Replaced => "another connection took its ports, and its end is not captured",
            Closing::CaptureEnded => "the capture ends before the connection does",
            Closing::Evicted => "too many connections were open at once to follow it to its end",
        }
    }
}
