//! What happened in a simulation and would not be known from the capture alone.

use serde::Serialize;

use crate::time::Timestamp;
use crate::wire::{Name, Side};

/// One event of the truth file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum TruthEvent {
    /// A MSG was counted and not written.
    MessageLost(Loss),
    /// An ACK was counted and not written.
    AckLost(Loss),
    /// A DONE was written, arrived and was not taken in.
    DoneIgnored(Loss),
    /// The client resent.
    Resend(Resend),
    /// A packet was on the wire and is not, or not as it was, in the file.
    Defect(Defect),
}

/// A mimicked loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loss {
    /// The connection, from 0.
    pub connection: u32,
    /// When, at the endpoint, in nanosecond time as the capture's.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// The position; of an ACK, its number.
    pub pos: i32,
    /// Which copy.
    pub copy: Copied,
    /// What decided it.
    pub why: LossCause,
    /// Whether the written frames show it.
    pub visible: bool,
    /// As what.
    pub class: Class,
}

/// Which copy of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copied {
    /// The first.
    First,
    /// A resend.
    Resend,
    /// The ACK of a duplicate.
    Repeat,
    /// The ACK of a DONE.
    OfDone,
}

/// What decided a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossCause {
    /// A list or a count of the scenario.
    Listed,
    /// A rate.
    Random,
}

/// What an event is on the wire, to somebody who sees every frame and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A package: a higher position was written before its first copy.
    Gap,
    /// The same, and no copy followed.
    GapUnrecovered,
    /// A package: its first copy was the next new position, a late one. No trace.
    LateNew,
    /// A package: neither a copy nor anything above it was written. No trace.
    NeverWritten,
    /// A package: a further copy of one that was written. No trace.
    FurtherCopy,
    /// An ACK: a higher one covered it.
    AckGap,
    /// An ACK: its package was written again. It might have been late as well as lost.
    AckLateOrLost,
    /// An ACK: none ever covered its position. Leaves a trace if the connection went on long enough for an answer to be
    /// missed.
    AckWithheld,
    /// An ACK of a duplicate, after its position was acknowledged. No trace.
    RepeatedAck,
    /// A DONE ignored or its ACK lost; which of them, nothing tells. Leaves a trace if DONE was written again, or as
    /// above.
    DoneUnanswered,
    /// A resend: the first copy of a position that others passed by.
    Fill,
    /// A resend: a position that had been written.
    Duplicate,
    /// A resend that was itself not written. No trace.
    NotWritten,
    /// Missing bytes, which what was captured later proves.
    Hole,
    /// Bytes before the first that was captured.
    MidStream,
    /// Bytes after the last that was captured. No trace.
    Tail,
    /// A packet without bytes. No trace.
    NoData,
    /// One whole direction.
    OneSided,
    /// A packet that says it was longer.
    Truncated,
    /// A packet twice.
    Twice,
    /// A packet after its successor, its time before.
    OutOfOrder,
}

/// A resend and its cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resend {
    /// The connection, from 0.
    pub connection: u32,
    /// When, at the client.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// MSG or DONE.
    #[serde(serialize_with = "as_name")]
    pub frame: Name,
    /// The position.
    pub pos: i32,
    /// False: its loss was mimicked.
    pub written: bool,
    /// What was missing.
    pub why: ResendCause,
    /// Every condition that held.
    pub triggers: TriggerNumbers,
    /// Of which conditions the written frames show whether they held.
    pub shown: TriggersShown,
    /// Nanoseconds since the last counted copy.
    pub after_ns: u64,
    /// Whether the written frames show it.
    pub visible: bool,
    /// As what.
    pub class: Class,
}

/// What was missing when a position was resent, by the frames that had passed the capture point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResendCause {
    /// The position had never been written.
    NeverWritten,
    /// No ACK of it, or above it, had been written.
    AckMissing,
    /// One had been written, and the client did not have it yet.
    AckUnderway,
}

/// The conditions of PROTOCOL §4.4 that held, with their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TriggerNumbers {
    /// The timer had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer: Option<TimerNumbers>,
    /// The next new position was beyond the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_window: Option<WindowNumbers>,
    /// No new MSG was left.
    pub end_of_message: bool,
}

/// Of which conditions the written frames show whether they held, to somebody who knows window and timeout and that the
/// client keeps the rules: every position above the highest written may have been counted already, without being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TriggersShown {
    /// A copy was written, or the time at which it was counted lies between two that were, on one side of the timer's
    /// end.
    pub timer: bool,
    /// Full, when positions up to the edge had been written and one beyond it followed. Not full, when one within it
    /// followed that had not been counted, or the message ended within it.
    pub full_window: bool,
    /// The end, when DONE was next. Not the end, when a position followed that had not been counted.
    pub end_of_message: bool,
}

/// A timer that had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TimerNumbers {
    /// When it ended.
    #[serde(serialize_with = "as_text")]
    pub ended: Timestamp,
    /// Nanoseconds from then until the resend.
    pub overdue_ns: u64,
}

/// A window that was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowNumbers {
    /// The position that waited.
    pub next: i32,
    /// The highest that might be written.
    pub edge: i32,
}

/// A packet of the wire that the file does not have as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Defect {
    /// The connection, from 0.
    pub connection: u32,
    /// When it passed the capture point.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// Who sent it.
    #[serde(serialize_with = "as_side")]
    pub from: Side,
    /// Its number on the wire, over all connections, from 1.
    pub packet: u64,
    /// What happened to it.
    pub what: DefectKind,
    /// Stream offset of its first byte.
    pub offset: u64,
    /// Bytes of the stream that it carried.
    pub len: u64,
    /// Bytes of the stream that are missing.
    pub missing: u64,
    /// Whether the file shows it.
    pub visible: bool,
    /// As what.
    pub class: Class,
}

/// What happened to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefectKind {
    /// Not in the file: its number, or chance.
    Dropped,
    /// Not in the file: before the capture began, or part of the handshake that is left out.
    BeforeStart,
    /// Not in the file: after the capture ended.
    AfterEnd,
    /// Not in the file: its side is not captured.
    OtherSide,
    /// Cut by the snap length.
    Cut,
    /// In the file twice.
    Duplicated,
    /// In the file after the next packet.
    Reordered,
}

pub(super) fn as_text<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

fn as_name<S: serde::Serializer>(name: &Name, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(name.as_str())
}

fn as_side<S: serde::Serializer>(side: &Side, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(side.as_str())
}
