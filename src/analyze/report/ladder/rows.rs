//! The rows of a ladder: what each frame is drawn as.

use crate::analyze::{NotWritten, Step, StepVerdict, Trigger};
use crate::decode::framing::LocatedFrame;
use crate::decode::print::escape::escape;
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Arrival, Departure};
use crate::wire::{Name, Pos, Side};

/// A line of a ladder.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Counts the frames.
    pub(super) serial: u64,
    pub(super) packet: Option<u64>,
    pub(super) time: Option<Timestamp>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A frame, or one that was not written.
    Arrow(Arrow),
    /// Frames that are told in a line.
    Fold(Fold),
    /// Bytes that the capture lost.
    Hole { from: Side, len: u64 },
}

#[derive(Debug, Clone)]
pub(super) struct Arrow {
    pub(super) from: Side,
    pub(super) label: String,
    pub(super) pos: Option<Pos>,
    pub(super) name: Option<Name>,
    pub(super) fate: Fate,
    pub(super) remarks: Vec<String>,
    pub(super) tone: Tone,
}

/// Whether it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Written,
    Lost,
}

/// How much a row asks for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// May be folded.
    Quiet,
    /// An ordinary row that is always shown.
    Plain,
    /// Repair at work.
    Repair,
    /// A broken rule.
    Fault,
}

/// A folded run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fold {
    pub(super) messages: u64,
    pub(super) acks: u64,
    pub(super) lowest: i32,
    pub(super) highest: i32,
}

impl Arrow {
    pub(super) fn remark(&mut self, remark: String) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }
}

pub(super) fn frames_of(row: &Row) -> u64 {
    match &row.kind {
        Kind::Arrow(arrow) => u64::from(arrow.fate == Fate::Written),
        Kind::Fold(fold) => fold.messages + fold.acks,
        Kind::Hole { .. } => 0,
    }
}

pub(super) fn lost_ack(serial: u64, unwritten: &NotWritten) -> Row {
    let acks = unwritten.acks;
    // Of equal ACKs, which was not written nothing tells.
    let remark = if unwritten.one_of_several { "this or a later one lost" } else { "not written" };
    let arrow = Arrow {
        from: Side::Server,
        label: format!("ACK {acks}"),
        pos: Some(acks.first()),
        name: Some(Name::Ack),
        fate: Fate::Lost,
        remarks: vec![remark.to_owned()],
        tone: Tone::Repair,
    };
    Row { serial, packet: None, time: None, kind: Kind::Arrow(arrow) }
}

pub(super) const fn trigger_word(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Timer => "timer",
        Trigger::FullWindow => "full window",
        Trigger::EndOfMessage => "end of message",
    }
}

pub(super) fn arrow(frame: &LocatedFrame<'_>, step: &Step) -> Arrow {
    let name = step.name;
    let label = match (name, step.pos) {
        (Some(name @ (Name::Msg | Name::Ack | Name::Done | Name::Close)), Some(pos)) => format!("{name} {pos}"),
        (Some(Name::ReturnMax), _) => {
            format!("{} {}", Name::ReturnMax, frame.frame.payload().map(escape).unwrap_or_default())
        }
        (Some(name), _) => name.to_string(),
        (None, _) => match frame.frame.header_text() {
            Some(text) => format!("`{}`", escape(text)),
            None => "a frame, in part".to_owned(),
        },
    };
    let (tone, remark) = match step.verdict {
        StepVerdict::Departure(verdict) => departure(verdict, step),
        StepVerdict::Acknowledgement(verdict) => acknowledgement(verdict),
        StepVerdict::Other if name.is_none_or(|name| name.sender() != step.from) => (Tone::Fault, None),
        StepVerdict::Other => (Tone::Plain, None),
    };
    let tone = if name == Some(Name::Done) { tone.max(Tone::Plain) } else { tone };
    let mut arrow =
        Arrow { from: step.from, label, pos: step.pos, name, fate: Fate::Written, remarks: Vec::new(), tone };
    arrow.remarks.extend(remark);
    if !frame.frame.is_whole() {
        arrow.tone = arrow.tone.max(Tone::Repair);
        arrow.remarks.push("captured in part".to_owned());
    }
    arrow
}

fn departure(verdict: Departure, step: &Step) -> (Tone, Option<String>) {
    let held = matches!(step.arrival, Some(Arrival::Ahead)).then(|| "held".to_owned());
    match verdict {
        Departure::New { unseen: None } => (if held.is_some() { Tone::Repair } else { Tone::Quiet }, held),
        Departure::New { unseen: Some(unseen) } => (Tone::Repair, Some(format!("{unseen} not captured"))),
        Departure::Skip { .. } => (Tone::Repair, held),
        Departure::Fill => (Tone::Repair, Some("first copy, late".to_owned())),
        Departure::Resend => (
            Tone::Repair,
            Some(match step.arrival {
                // It may have been ignored.
                _ if step.name == Some(Name::Done) => "again".to_owned(),
                Some(Arrival::Duplicate) => "again: a duplicate".to_owned(),
                Some(Arrival::HeldTwice) => "again: held already".to_owned(),
                _ => "again".to_owned(),
            }),
        ),
        Departure::BeyondWindow { edge, .. } => (Tone::Fault, Some(format!("beyond the edge ({edge})"))),
        Departure::Unclear => (Tone::Repair, Some("again or late: unclear".to_owned())),
        Departure::NotAPosition => (Tone::Fault, Some("no position".to_owned())),
    }
}

fn acknowledgement(verdict: Acknowledgement) -> (Tone, Option<String>) {
    match verdict {
        Acknowledgement::Advances => (Tone::Quiet, None),
        Acknowledgement::Jump { missing } => (Tone::Repair, Some(format!("covers {missing}, too"))),
        Acknowledgement::Reack => (Tone::Repair, Some("for the duplicate".to_owned())),
        Acknowledgement::Duplicate => (Tone::Repair, Some("once more".to_owned())),
        Acknowledgement::Regress => (Tone::Fault, Some("goes back".to_owned())),
        Acknowledgement::Premature { missing } => (Tone::Fault, Some(format!("{missing} not arrived"))),
        Acknowledgement::Unsent => (Tone::Fault, Some("never written".to_owned())),
        Acknowledgement::Malformed => (Tone::Fault, Some("no number".to_owned())),
        Acknowledgement::Unclear => (Tone::Repair, Some("unclear".to_owned())),
    }
}
