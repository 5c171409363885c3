//! The fields a filter can name, and where a row has them.

use std::fmt;

use super::value::{Scratch, Value};
use crate::decode::Row;
use crate::wire::{Name, Side};

/// What kind of value a field has, and so what it can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A whole number.
    Integer {
        /// The smallest value it can have.
        min: i64,
        /// The largest.
        max: u64,
    },
    /// One byte that stands for a truth value: a whole number, of which 0 and 1 can be written false and true.
    Bool,
    /// A number with fractions (IEEE double).
    Float,
    /// A moment of capture time, to the nanosecond.
    Time,
    /// Text.
    Text {
        /// Values that can be written without quotes.
        words: &'static [&'static str],
        /// Whether it can have others.
        others: Others,
    },
    /// Bytes: compared with text in quotes or with bytes written `41:42`.
    Bytes,
    /// There or not, without a value.
    Flag,
}

/// Whether a text field can have values beyond those its type lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// The list is complete.
    Impossible,
    /// Anything may stand there, to be written in quotes.
    Quoted,
    /// Anything may stand there; a single word needs no quotes.
    Bare,
}

impl FieldType {
    pub(super) const fn phrase(self) -> &'static str {
        match self {
            Self::Integer { .. } => "a whole number",
            Self::Bool => "0 or 1",
            Self::Float => "a number",
            Self::Time => "a time",
            Self::Text { .. } => "text",
            Self::Bytes => "bytes",
            Self::Flag => "there or not, without a value",
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Integer { .. } => "integer",
            Self::Bool => "bool",
            Self::Float => "float",
            Self::Time => "time",
            Self::Text { .. } => "text",
            Self::Bytes => "bytes",
            Self::Flag => "flag",
        })
    }
}

/// A field that a filter can name.
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// What to write.
    pub name: &'static str,
    /// What kind of value it has.
    pub field_type: FieldType,
    /// One line about it.
    pub description: &'static str,
    pub(super) key: Key,
}

/// What a field reads from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Arq,
    Packet,
    FirstPacket,
    Time,
    Connection,
    From,
    Offset,
    Header,
    Pos,
    Payload,
    Seq,
    SentTime,
    Ack,
    PrevSeq,
    InFlight,
    Info,
    Verdict,
    AckNumber,
    Len,
    PayloadLen,
    MaxMsgSize,
    Partial,
    Unknown,
}

const U64: FieldType = FieldType::Integer { min: 0, max: u64::MAX };
const U32: FieldType = FieldType::Integer { min: 0, max: u32::MAX as u64 };
const U16: FieldType = FieldType::Integer { min: 0, max: u16::MAX as u64 };
const I32: FieldType = FieldType::Integer { min: i32::MIN as i64, max: i32::MAX as u64 };
const SIDES: FieldType =
    FieldType::Text { words: &[Side::Client.as_str(), Side::Server.as_str()], others: Others::Impossible };
const NAMES: FieldType = FieldType::Text {
    words: &{
        let mut names = [""; Name::ALL.len()];
        let mut i = 0;
        while i < names.len() {
            names[i] = Name::ALL[i].as_str();
            i += 1;
        }
        names
    },
    others: Others::Quoted,
};
const WORD: FieldType = FieldType::Text { words: &[], others: Others::Bare };
pub(super) const FREE_TEXT: FieldType = FieldType::Text { words: &[], others: Others::Quoted };
pub(super) const LENGTH: FieldType = U32;

const fn field(name: &'static str, field_type: FieldType, key: Key, description: &'static str) -> FieldInfo {
    FieldInfo { name, field_type, description, key }
}

/// Every field, columns of the packet table first and in their order, names of Wireshark's own last.
pub static FIELDS: &[FieldInfo] = &[
    field("arq.packet", U64, Key::Packet, "packet that carried the frame's last-captured byte"),
    field(
        "arq.time",
        FieldType::Time,
        Key::Time,
        "capture time of that packet: Unix seconds or \"2026-11-22 14:10:24Z\"",
    ),
    field("arq.connection", U32, Key::Connection, "TCP connection, numbered from 0"),
    field("arq.from", SIDES, Key::From, "who sent the frame: client or server"),
    field("arq.header", NAMES, Key::Header, "name of the frame, known or not: MSG, ACK, DONE …"),
    field("arq.pos", I32, Key::Pos, "position in the exchange"),
    field("arq.payload", FieldType::Bytes, Key::Payload, "payload without its padding"),
    field("arq.seq", I32, Key::Seq, "seq as it stands in the frame"),
    field("arq.sent_time", FieldType::Float, Key::SentTime, "when the sender says it sent the frame, in Unix seconds"),
    field("arq.ack", FieldType::Bool, Key::Ack, "the ack byte"),
    field("arq.prev_seq", I32, Key::PrevSeq, "prev_seq as it stands in the frame"),
    field("arq.in_flight", U32, Key::InFlight, "positions outstanding after the frame; absent before the first ACK"),
    field("arq.info", FREE_TEXT, Key::Info, "text of the Info column"),
    field("arq.verdict", WORD, Key::Verdict, "what the frame is to the window: new, skip, fill, resend …"),
    field("arq.first_packet", U64, Key::FirstPacket, "first packet that carried a byte of the frame"),
    field("arq.offset", U64, Key::Offset, "TCP stream offset of the frame's first byte"),
    field("arq.len", U32, Key::Len, "length of the frame in bytes"),
    field("arq.payload_len", U32, Key::PayloadLen, "bytes of payload without padding"),
    field("arq.max_msg_size", U16, Key::MaxMsgSize, "payload capacity that the frame was read with"),
    field("arq.ack_number", I32, Key::AckNumber, "position that an ACK names; absent where its payload is no number"),
    field("arq.partial", FieldType::Flag, Key::Partial, "there when bytes of the frame were not captured"),
    field("arq.unknown", FieldType::Flag, Key::Unknown, "there when the frame's name is none of the protocol"),
    field("arq", FieldType::Flag, Key::Arq, "every row"),
    field("frame.number", U64, Key::Packet, "the same as arq.packet"),
    field("frame.time_epoch", FieldType::Time, Key::Time, "the same as arq.time"),
    field("tcp.stream", U32, Key::Connection, "the same as arq.connection"),
];

/// The field of exactly this name.
pub(super) fn find(name: &str) -> Option<&'static FieldInfo> {
    FIELDS.iter().find(|field| field.name == name)
}

impl Key {
    /// What `row` has there; `None` where it has nothing, or a hole in the capture took it.
    #[inline]
    pub(super) fn read<'r>(self, row: &'r Row<'_>, scratch: &'r Scratch) -> Option<Value<'r>> {
        let frame = &row.frame;
        let view = frame.view();
        let int = |n: i64| Some(Value::Int(i128::from(n)));
        let unsigned = |n: u64| Some(Value::Int(i128::from(n)));
        let size = |n: usize| unsigned(n as u64);
        match self {
            Self::Arq => Some(Value::Flag),
            Self::Packet => unsigned(row.packet),
            Self::FirstPacket => unsigned(row.first_packet),
            Self::Time => row.time.map(Value::Time),
            Self::Connection => int(row.connection.into()),
            Self::From => Some(Value::Bytes(row.from.as_str().as_bytes())),
            Self::Offset => unsigned(row.offset),
            Self::Header => frame.header_text().map(Value::Bytes),
            Self::Pos => int(frame.pos()?.0.into()),
            Self::Payload => frame.payload().map(Value::Bytes),
            Self::Seq => int(frame.seq()?.into()),
            Self::SentTime => frame.sent_time().map(Value::Float),
            Self::Ack => int(frame.ack()?.into()),
            Self::PrevSeq => int(frame.prev_seq()?.into()),
            Self::InFlight => int(row.in_flight?.into()),
            Self::Info => Some(Value::Bytes(scratch.info(&row.info))),
            Self::Verdict => Some(Value::Bytes(row.info.verdict()?.as_bytes())),
            Self::AckNumber => {
                frame.payload().filter(|_| frame.name() == Some(Name::Ack))?;
                int(view.ack_number()?.0.into())
            }
            Self::Len => size(view.bytes().len()),
            Self::PayloadLen => size(frame.payload()?.len()),
            Self::MaxMsgSize => int(view.layout().max_msg_size().get().into()),
            Self::Partial => (!frame.is_whole()).then_some(Value::Flag),
            Self::Unknown => (frame.header_text().is_some() && frame.name().is_none()).then_some(Value::Flag),
        }
    }
}
