//! Watches one connection's frames go by and says what each one did, from what was seen before it.

mod memory;

use memory::{Acks, Copies, Opening, Openings, Written};

use super::CapturedFrame;
use super::info::{Answers, Earlier, Flaws, Info, Note, Numbers, UnseenIn};
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Departure, SendWindow};
use crate::wire::{Field, MaxMsgSize, Name, Pos, Side};

/// What is known about a frame at its row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// The Info column.
    pub info: Info,
    /// Positions outstanding after the frame: the highest position written (MSG or DONE) minus the last one
    /// acknowledged. Positions below it that were never written count, since the sender counted them. 0 in the
    /// handshake; `None` while one of the two is not known: in the middle of a stream before a position and an ACK
    /// (or a DONE, which says that all before it is acknowledged, PROTOCOL §3.6) were seen, and again after a hole.
    pub in_flight: Option<u32>,
}

/// Follows one connection frame by frame. Both sides' frames come in the order in which they were captured;
/// bytes that were not are reported by [`hole`](Self::hole) at their place in that order.
///
/// Memory is bounded whatever the frames say: positions not seen, duplicates and copies to look back to are
/// remembered up to fixed numbers, and what is forgotten makes a row say less, never something wrong.
#[derive(Debug, Clone)]
pub struct Observer {
    window: SendWindow,
    copies: Copies,
    acks: Acks,
    openings: Openings,
    unseen_in: UnseenIn,
}

impl Default for Observer {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer {
    /// For a connection seen from its handshake on: nothing was written before the first frame.
    #[must_use]
    pub fn new() -> Self {
        Self::over(SendWindow::new(None))
    }

    /// For a connection whose start was not captured: nothing is claimed of what came before.
    #[must_use]
    pub fn mid_stream() -> Self {
        Self::over(SendWindow::mid_stream(None))
    }

    /// With a window of the caller's, which may know its size.
    #[must_use]
    pub fn over(window: SendWindow) -> Self {
        Self {
            window,
            copies: Copies::default(),
            acks: Acks::default(),
            openings: Openings::default(),
            unseen_in: UnseenIn::Past,
        }
    }

    /// Takes in the next frame of either side. `packet` and `time` are those of its row.
    pub fn observe(&mut self, from: Side, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>) -> Observed {
        let note = self.note(from, frame, packet, time);
        Observed { info: Info::new(note, flaws(from, frame)), in_flight: self.window.in_flight() }
    }

    /// Bytes of that side were not captured at this place: what they may have held is not claimed.
    pub fn hole(&mut self, from: Side) {
        match from {
            Side::Client => {
                self.unseen_in = UnseenIn::Hole;
                self.window.miss_departures();
            }
            Side::Server => self.window.miss_acknowledgements(),
        }
    }

    fn note(&mut self, from: Side, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>) -> Note {
        let Some(name) = frame.name() else {
            if frame.has(Field::Header) {
                return Note::UnknownName;
            }
            // It may have been any frame.
            self.hole(from);
            return Note::Quiet;
        };
        if name.sender() != from {
            return Note::WrongSide(name);
        }
        match name {
            Name::GetMax => Note::AsksMax,
            Name::ReturnMax => frame.payload().map_or(Note::Quiet, |text| Note::Max(MaxMsgSize::from_decimal(text))),
            Name::Msg | Name::Done => self.departure(name, frame, packet, time),
            Name::Ack => self.acknowledgement(frame, packet, time),
            Name::Close => Note::Close,
            Name::Disconnect => Note::Disconnect,
        }
    }

    fn departure(&mut self, name: Name, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>) -> Note {
        // A client's frame says its position three times (PROTOCOL §2.3); a snap length takes the last first.
        let repeated = || frame.seq().or_else(|| frame.prev_seq()).map(Pos);
        let Some(pos) = frame.pos().or_else(repeated) else {
            self.hole(Side::Client);
            return Note::Quiet;
        };
        let verdict = self.window.depart(pos);
        if name == Name::Done {
            self.window.anchor_at_done(pos);
        }
        let sent_time = frame.sent_time().unwrap_or(f64::NAN);
        let (earlier, copies) = match verdict {
            Departure::NotAPosition => (Earlier::Nothing, 0),
            Departure::Skip { missing } | Departure::BeyondWindow { missing: Some(missing), .. } => {
                self.openings.put(Opening { missing, packet, sent_time });
                (Earlier::Nothing, 1)
            }
            Departure::Fill => {
                let opened = self.openings.fill(pos);
                let earlier = opened.map_or(Earlier::Nothing, |opening| Earlier::Opened {
                    packet: opening.packet,
                    open: sent_time - opening.sent_time,
                });
                (earlier, 1)
            }
            Departure::Resend => self.copies.get(pos).map_or((Earlier::Nothing, 1), |last| {
                let nth = last.copies.saturating_add(1);
                let age = sent_time - last.sent_time;
                (Earlier::Copy { packet: last.packet, age, nth, ack: self.acks.covering(pos) }, nth)
            }),
            Departure::New { .. } | Departure::BeyondWindow { missing: None, .. } | Departure::Unclear => {
                (Earlier::Nothing, 1)
            }
        };
        if copies > 0 {
            let copy = Written { name, pos, packet, sent_time, time, copies };
            self.copies.put(copy, self.window.last_acked().unwrap_or_default());
        }
        Note::Departure { verdict, name, pos, earlier, unseen_in: self.unseen_in }
    }

    fn acknowledgement(&mut self, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>) -> Note {
        if !frame.has(Field::Payload) {
            self.hole(Side::Server);
            return Note::Quiet;
        }
        let number = frame.view().ack_number();
        let last = self.window.last_acked();
        let highest = self.window.highest();
        let verdict = self.window.acknowledge(number);
        let number = number.unwrap_or_default();
        if self.window.last_acked() != last && self.window.last_acked() == Some(number) {
            self.acks.put(number, packet);
        }
        let answers = match self.copies.get(number) {
            Some(copy) => Answers::Frame {
                name: copy.name,
                packet: copy.packet,
                // With several copies it is open which one is answered (Karn).
                after: time.zip(copy.time).filter(|_| copy.copies == 1).map(|(now, then)| now.since(then)),
            },
            None if verdict == Acknowledgement::Advances && number > highest => Answers::NotCaptured,
            None => Answers::Nothing,
        };
        Note::Acknowledgement { verdict, number, last, answers }
    }
}

/// What is wrong with the frame by itself, as far as it was captured.
fn flaws(from: Side, frame: &CapturedFrame<'_>) -> Flaws {
    let numbers = match (frame.seq(), frame.prev_seq(), frame.pos()) {
        (Some(seq), Some(prev_seq), Some(Pos(pos))) => Some(Numbers { seq, prev_seq, pos }),
        _ => None,
    };
    let view = frame.view();
    let frame_len = view.bytes().len();
    Flaws {
        numbers: numbers.filter(|n| n.seq != n.pos || n.prev_seq != n.pos || (from == Side::Server && n.pos != 0)),
        ack_byte: frame.ack().filter(|ack| *ack > 1),
        sent_time: frame.sent_time().filter(|time| !time.is_finite()),
        // What was not captured reads as zero.
        padding: !view.padding_is_zero(),
        partial: (!frame.is_whole()).then(|| {
            let bytes = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
            (bytes(frame.captured_len()), bytes(frame_len))
        }),
    }
}
