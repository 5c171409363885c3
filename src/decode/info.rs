//! The Info column: what is known about a frame at its row.

use std::fmt;

use crate::window::{Acknowledgement, Departure, Positions};
use crate::wire::{MaxMsgSize, Name, Pos};

/// What a row's Info column says: small values, made into text only by [`Display`](fmt::Display).
///
/// Text in brackets is noteworthy, text without is ordinary; most rows have none. `#12` is a packet number.
/// Nothing is said that only a later row can know: later rows look back.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Info {
    pub(crate) note: Note,
    pub(crate) flaws: Flaws,
}

impl Info {
    /// The window verdict in one machine word; `None` for frames that have none.
    ///
    /// MSG and DONE: `new`, `skip`, `fill`, `resend`, `beyond-window`, `unclear`, `not-a-position`. ACK:
    /// `advances`, `jump`, `duplicate`, `reack`, `regress`, `premature`, `unsent`, `malformed`, `unclear`. They are
    /// those of [`Departure`] and [`Acknowledgement`].
    #[must_use]
    pub const fn verdict(&self) -> Option<&'static str> {
        Some(match self.note {
            Note::Departure { verdict, .. } => match verdict {
                Departure::NotAPosition => "not-a-position",
                Departure::BeyondWindow { .. } => "beyond-window",
                Departure::Skip { .. } => "skip",
                Departure::New { .. } => "new",
                Departure::Fill => "fill",
                Departure::Unclear => "unclear",
                Departure::Resend => "resend",
            },
            Note::Acknowledgement { verdict, .. } => match verdict {
                Acknowledgement::Malformed => "malformed",
                Acknowledgement::Unsent => "unsent",
                Acknowledgement::Premature { .. } => "premature",
                Acknowledgement::Reack => "reack",
                Acknowledgement::Regress => "regress",
                Acknowledgement::Duplicate => "duplicate",
                Acknowledgement::Unclear => "unclear",
                Acknowledgement::Jump { .. } => "jump",
                Acknowledgement::Advances => "advances",
            },
            _ => return None,
        })
    }
}

impl Info {
    /// True when there is nothing to say.
    #[inline]
    pub(super) fn is_silent(&self) -> bool {
        let silent = match self.note {
            Note::Quiet => true,
            Note::Departure { verdict: Departure::New { unseen: None }, name, .. } => name != Name::Done,
            _ => false,
        };
        silent && self.flaws.is_none()
    }

    /// The packet that an ACK answers and after how many nanoseconds, when that is all there is to say.
    #[inline]
    pub(super) fn plain_answer(&self) -> Option<(u64, u64)> {
        match self.note {
            Note::Acknowledgement {
                verdict: Acknowledgement::Advances,
                number: Pos(number @ 1..),
                last,
                answers: Answers::Frame { packet, after: Some(nanos @ 0..), .. },
            } if last.is_none_or(|Pos(last)| i64::from(number) <= i64::from(last) + 1) && self.flaws.is_none() => {
                Some((packet, nanos.unsigned_abs()))
            }
            _ => None,
        }
    }

    /// Appends what [`Display`](fmt::Display) writes: the printers' way, without a formatter for what most rows say.
    #[inline]
    pub(super) fn append(&self, text: &mut String) {
        // A String takes any text.
        let _ = self.write(text);
    }

    #[inline]
    fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut words = Words { out, any: false };
        self.note.write(&mut words)?;
        self.flaws.write(&mut words)
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// What the frame did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Note {
    /// Nothing to say.
    #[default]
    Quiet,
    /// A GET_MAX.
    AsksMax,
    /// A RETURN_MAX; `None` when it holds no number in range.
    Max(Option<MaxMsgSize>),
    /// A CLOSE.
    Close,
    /// A DISCONNECT.
    Disconnect,
    /// A header that is no name of the protocol.
    UnknownName,
    /// A frame that only the other side may write.
    WrongSide(Name),
    /// A MSG or DONE.
    Departure { verdict: Departure, name: Name, pos: Pos, earlier: Earlier, unseen_in: UnseenIn },
    /// An ACK, and the last acknowledged position before it.
    Acknowledgement { verdict: Acknowledgement, number: Pos, last: Option<Pos>, answers: Answers },
}

/// What an earlier row knows about a MSG or DONE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Earlier {
    /// Nothing that is remembered.
    Nothing,
    /// The frame that opened the gap which this one fills, and the sent_time difference.
    Opened { packet: u64, open: f64 },
    /// That its position was another frame's: a MSG at the position of a DONE, or a DONE at that of a MSG.
    Taken { by: Name, packet: u64 },
    /// The copy before this one.
    Copy {
        packet: u64,
        /// The sent_time difference.
        age: f64,
        /// This one is the n-th seen.
        nth: u32,
        ack: AckSeen,
    },
}

/// The first ACK that covers a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AckSeen {
    /// None so far.
    No,
    /// ACK `number` in `packet`.
    In { number: Pos, packet: u64 },
    /// One, longer ago than is remembered.
    LongAgo,
}

/// Where positions that were not seen may have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnseenIn {
    /// Before the capture began.
    Past,
    /// In bytes that the capture lost.
    Hole,
}

/// What an ACK answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Nothing that is remembered.
    Nothing,
    /// The last seen copy of its position.
    Frame {
        name: Name,
        packet: u64,
        /// Capture time since then in nanoseconds, where only one copy was seen.
        after: Option<i64>,
    },
    /// A position that this capture does not show.
    NotCaptured,
}

/// What is wrong with a frame by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Flaws {
    /// seq, prev_seq and pos, when they are not what PROTOCOL §2.3 asks for.
    pub(crate) numbers: Option<Numbers>,
    /// The ack byte, when it is neither 0 nor 1.
    pub(crate) ack_byte: Option<u8>,
    /// sent_time, when it is no moment.
    pub(crate) sent_time: Option<f64>,
    /// Alignment bytes that are not zero.
    pub(crate) padding: bool,
    /// Bytes captured and the frame's length, when they differ.
    pub(crate) partial: Option<(u32, u32)>,
}

/// The three fields that repeat one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) seq: i32,
    pub(crate) prev_seq: i32,
    pub(crate) pos: i32,
}

/// Writes pieces with one space between them.
struct Words<'a, W> {
    out: &'a mut W,
    any: bool,
}

impl<W: fmt::Write> Words<'_, W> {
    fn put(&mut self, piece: fmt::Arguments<'_>) -> fmt::Result {
        self.begin()?;
        self.out.write_fmt(piece)
    }

    fn begin(&mut self) -> fmt::Result {
        if std::mem::replace(&mut self.any, true) { self.out.write_str(" ") } else { Ok(()) }
    }

    /// What every ACK of an undisturbed exchange says.
    fn put_answer(&mut self, packet: u64, nanos: u64) -> fmt::Result {
        // Two decimals, rounded, in integers.
        let hundredths = nanos.saturating_add(5_000_000) / 10_000_000;
        let mut digits = itoa::Buffer::new();
        self.begin()?;
        self.out.write_str("acknowledges #")?;
        self.out.write_str(digits.format(packet))?;
        self.out.write_str(" after ")?;
        self.out.write_str(digits.format(hundredths / 100))?;
        self.out.write_str(if hundredths % 100 < 10 { ".0" } else { "." })?;
        self.out.write_str(digits.format(hundredths % 100))?;
        self.out.write_str(" s")
    }
}

impl Note {
    #[inline]
    fn write(&self, out: &mut Words<'_, impl fmt::Write>) -> fmt::Result {
        match *self {
            Self::Quiet => Ok(()),
            Self::AsksMax => out.put(format_args!("asks for maximum_msg_size")),
            Self::Max(Some(max)) => out.put(format_args!("maximum_msg_size {max}")),
            Self::Max(None) => out.put(format_args!("[payload is not a maximum_msg_size from 4 to 9999]")),
            Self::Close => out.put(format_args!("asks to end the connection")),
            Self::Disconnect => out.put(format_args!("agrees to end the connection")),
            Self::UnknownName => out.put(format_args!("[unknown frame name]")),
            Self::WrongSide(name) => {
                let wrong = name.sender().other();
                out.put(format_args!("[wrong direction: {name} written by the {wrong}]"))
            }
            Self::Departure { verdict, name, pos, earlier, unseen_in } => {
                write_departure(out, verdict, name, pos, earlier, unseen_in)
            }
            Self::Acknowledgement { verdict, number, last, answers } => {
                write_acknowledgement(out, verdict, number, last, answers)
            }
        }
    }
}

fn write_departure(
    out: &mut Words<'_, impl fmt::Write>,
    verdict: Departure,
    name: Name,
    pos: Pos,
    earlier: Earlier,
    unseen_in: UnseenIn,
) -> fmt::Result {
    let first_copy = matches!(verdict, Departure::New { .. } | Departure::Skip { .. } | Departure::BeyondWindow { .. });
    if name == Name::Done && first_copy {
        let count = pos.0.saturating_sub(1);
        let noun = if count == 1 { "position" } else { "positions" };
        out.put(format_args!("end of message after {count} {noun}"))?;
    }
    match (verdict, earlier) {
        (Departure::New { unseen: None }, _) => Ok(()),
        (Departure::New { unseen: Some(unseen) }, _) => match unseen_in {
            UnseenIn::Past => out.put(format_args!("[{unseen} may precede the capture]")),
            UnseenIn::Hole => out.put(format_args!("[{unseen} may be in the hole]")),
        },
        (Departure::Skip { missing }, _) => out.put(format_args!("[gap: {missing} not written before]")),
        (Departure::BeyondWindow { edge, missing }, _) => {
            out.put(format_args!("[beyond the window, which ends at {edge}]"))?;
            missing.map_or(Ok(()), |missing| out.put(format_args!("[gap: {missing} not written before]")))
        }
        (Departure::Fill, Earlier::Opened { packet, open }) => out
            .put(format_args!("[first copy of {pos}, skipped at #{packet}{}]", Age { label: ", open", seconds: open })),
        (Departure::Fill, _) => out.put(format_args!("[first copy of {pos}, skipped before]")),
        (Departure::Unclear, _) => match unseen_in {
            UnseenIn::Past => out.put(format_args!("[{pos} may have been written before the capture]")),
            UnseenIn::Hole => out.put(format_args!("[{pos} may have been written in the hole]")),
        },
        (Departure::Resend, Earlier::Copy { packet, age, nth, ack }) => {
            let copy = NthCopy { name, nth };
            let age = Age { label: " after", seconds: age };
            match ack {
                AckSeen::No => out.put(format_args!("[{copy}resend of #{packet}{age}, no ACK seen]")),
                AckSeen::In { number, packet: seen } => {
                    out.put(format_args!("[{copy}resend of #{packet}{age} although ACK {number} was seen in #{seen}]"))
                }
                AckSeen::LongAgo => out.put(format_args!("[{copy}resend of #{packet}{age} although its ACK was seen]")),
            }
        }
        (Departure::Resend, Earlier::Taken { by, packet }) => {
            out.put(format_args!("[{pos} was the position of {by} in #{packet}]"))
        }
        (Departure::Resend, _) => out.put(format_args!("[resend of {pos}]")),
        (Departure::NotAPosition, _) => out.put(format_args!("[{pos} is not a position, which begin at 1]")),
    }
}

fn write_acknowledgement(
    out: &mut Words<'_, impl fmt::Write>,
    verdict: Acknowledgement,
    number: Pos,
    last: Option<Pos>,
    answers: Answers,
) -> fmt::Result {
    let highest = last.unwrap_or_default();
    match verdict {
        Acknowledgement::Malformed => out.put(format_args!("[payload is not a position]")),
        Acknowledgement::Unsent => out.put(format_args!("[acknowledges {number}, which was never written]")),
        Acknowledgement::Premature { missing } => {
            out.put(format_args!("[acknowledges {number}; never written: {missing}]"))
        }
        _ if number.0 <= 0 => out.put(format_args!("[ACK 0 acknowledges nothing]")),
        Acknowledgement::Reack => match answers {
            Answers::Frame { name, packet, after: Some(_) } => {
                out.put(format_args!("[answers {name} {number} in #{packet}, acknowledged before]"))
            }
            Answers::Frame { name, packet, after: None } => {
                out.put(format_args!("[answers the duplicate {name} {number} in #{packet}]"))
            }
            _ => out.put(format_args!("[answers a duplicate of {number}]")),
        },
        Acknowledgement::Regress => {
            out.put(format_args!("[ACK {number} after ACK {highest}, no duplicate asked for it]"))
        }
        Acknowledgement::Duplicate => out.put(format_args!("[duplicate of ACK {number}]")),
        Acknowledgement::Unclear => {
            out.put(format_args!("[ACK {number}, not above {highest}; may answer what is not captured]"))
        }
        Acknowledgement::Jump { .. } | Acknowledgement::Advances => {
            let jumps = matches!(verdict, Acknowledgement::Jump { .. });
            let covered = last.and_then(|Pos(last)| Positions::new(Pos(last.saturating_add(1)), Pos(number.0 - 1)));
            match (covered, answers) {
                (Some(covered), _) if jumps => out.put(format_args!("[ACK {number} covers {covered}]")),
                (Some(covered), _) => {
                    out.put(format_args!("[ACK {number} covers {covered}; their ACKs may not be captured]"))
                }
                (None, Answers::Frame { packet, after: Some(nanos @ 0..), .. }) => {
                    out.put_answer(packet, nanos.unsigned_abs())
                }
                (None, Answers::Frame { packet, .. }) => out.put(format_args!("acknowledges #{packet}")),
                (None, Answers::NotCaptured) => out.put(format_args!("[{number} was not seen in this capture]")),
                (None, Answers::Nothing) => Ok(()),
            }
        }
    }
}

impl Flaws {
    /// True when nothing is wrong.
    #[inline]
    pub(crate) const fn is_none(&self) -> bool {
        self.numbers.is_none()
            && self.ack_byte.is_none()
            && self.sent_time.is_none()
            && !self.padding
            && self.partial.is_none()
    }

    fn write(&self, out: &mut Words<'_, impl fmt::Write>) -> fmt::Result {
        if let Some(Numbers { seq, prev_seq, pos }) = self.numbers {
            if seq == prev_seq && seq == pos {
                out.put(format_args!("[seq, prev_seq, pos are {pos}, in a server frame 0]"))?;
            } else {
                out.put(format_args!("[seq {seq}, prev_seq {prev_seq}, pos {pos} disagree]"))?;
            }
        }
        if let Some(ack) = self.ack_byte {
            out.put(format_args!("[ack byte is {ack}, not 0 or 1]"))?;
        }
        if let Some(time) = self.sent_time {
            let what = if time.is_nan() { "NaN" } else { "infinite" };
            out.put(format_args!("[sent_time is {what}]"))?;
        }
        if self.padding {
            out.put(format_args!("[padding is not zero]"))?;
        }
        if let Some((captured, len)) = self.partial {
            out.put(format_args!("[partial: {captured} of {len} bytes captured]"))?;
        }
        Ok(())
    }
}

/// `DONE copy 3: `, and nothing for a MSG.
struct NthCopy {
    name: Name,
    nth: u32,
}

impl fmt::Display for NthCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name == Name::Done { write!(f, "DONE copy {}: ", self.nth) } else { Ok(()) }
    }
}

/// A difference of times after its label, where it says anything.
struct Age {
    label: &'static str,
    seconds: f64,
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// About thirty years: what differs by more is no clock.
        const SENSIBLE: f64 = 1e9;
        let Self { label, seconds } = *self;
        if seconds == 0.0 {
            f.write_str(" with the same sent_time")
        } else if (0.0..=SENSIBLE).contains(&seconds) {
            write!(f, "{label} {seconds:.2} s")
        } else if (-SENSIBLE..0.0).contains(&seconds) {
            write!(f, " with a sent_time {:.2} s before it", -seconds)
        } else {
            Ok(())
        }
    }
}
