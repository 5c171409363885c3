//! The short way for what nearly every row is: everything captured, numbers of a few digits, a short payload without
//! characters that any form writes otherwise, an ordinary Info.
//!
//! Each value is looked at once, and its text is written in whole words into [`Lines`], a place of fixed size, so that the
//! machine keeps the place in a register and no copy is a call. A property below holds it to the general way.

use super::escape::is_plain;
use super::info::{Answer, common_info};
use super::number::{Digits, UnixTime, digits};
use crate::decode::row::Row;
use crate::time::Timestamp;
use crate::wire::{Name, Side};

/// Bytes of the longest payload that goes this way: two words.
const SHORT: usize = 16;

/// A row that is plain.
pub(super) struct PlainRow<'a> {
    pub(super) packet: Digits,
    pub(super) time: Timestamp,
    pub(super) connection: Digits,
    pub(super) from: Side,
    pub(super) name: PlainName,
    pub(super) pos: Digits,
    pub(super) payload: &'a [u8],
    pub(super) seq: Digits,
    pub(super) sent_time: f64,
    pub(super) ack: Digits,
    pub(super) prev_seq: Digits,
    pub(super) in_flight: Digits,
    pub(super) info: Option<PlainAnswer>,
}

/// The name of nearly every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainName {
    Msg,
    Ack,
}

/// What an ACK answers.
pub(super) struct PlainAnswer {
    packet: Digits,
    seconds: Digits,
    hundredths: u8,
}

impl<'a> PlainRow<'a> {
    /// `row`, when it is plain.
    #[inline(always)] // straight into the two forms
    pub(super) fn of(row: &Row<'a>) -> Option<Self> {
        let name = match row.frame.name()? {
            Name::Msg => PlainName::Msg,
            Name::Ack => PlainName::Ack,
            _ => return None,
        };
        if !row.frame.is_whole() {
            return None;
        }
        let view = row.frame.view();
        let (pos, seq, prev_seq) = (view.pos().0, view.seq(), view.prev_seq());
        let pos_digits = digits(pos)?;
        let same = |number: i32| if number == pos { Some(pos_digits) } else { digits(number) };
        let sent_time = Some(view.sent_time()).filter(|sent| sent.is_finite())?;
        let payload = view.payload();
        let short = payload.len() <= SHORT && payload.first().is_none_or(u8::is_ascii_alphanumeric);
        if !short || !is_plain(payload, b',') {
            return None;
        }
        let info = match common_info(&row.info)? {
            Answer::Silence => None,
            Answer::To { packet, hundredths } => Some(PlainAnswer {
                packet: digits(packet)?,
                seconds: digits(hundredths / 100)?,
                hundredths: (hundredths % 100) as u8,
            }),
        };
        Some(Self {
            packet: digits(row.packet)?,
            time: row.time.filter(|time| (SECONDS_FROM..SECONDS_TO).contains(&time.seconds()))?,
            connection: digits(row.connection)?,
            from: row.from,
            name,
            pos: pos_digits,
            payload,
            seq: same(seq)?,
            sent_time,
            ack: digits(view.ack())?,
            prev_seq: same(prev_seq)?,
            in_flight: digits(row.in_flight?)?,
            info,
        })
    }
}

/// Moments whose seconds have ten digits: 2001 to 2286.
const SECONDS_FROM: i64 = 1_000_000_000;
const SECONDS_TO: i64 = 10_000_000_000;

/// Room for the longest plain row, in the form with the most words around its values.
const ROOM: usize = 1024;

/// Bytes that gather before they are handed on: few enough to stay in the nearest cache, and enough that they were written
/// long before they are read, since the machine waits where words are read across others that it is still writing.
const BLOCK: usize = 8 * 1024;

/// A place for plain rows, which gather in it.
#[derive(Debug)]
pub(super) struct Lines {
    place: Box<[u8; BLOCK + ROOM]>,
    at: usize,
    /// The second of the time that was written last, as most rows have it too, with its point.
    second: (i64, [u8; 11]),
    /// The same of sent_time.
    sent_second: (u32, [u8; 11]),
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { place: Box::new([0; BLOCK + ROOM]), at: 0, second: (-1, [0; 11]), sent_second: (0, [0; 11]) }
    }

    /// Adds what `write` writes, at most [`ROOM`] bytes.
    #[inline(always)] // straight into the two forms
    pub(super) fn lay(&mut self, write: impl FnOnce(&mut Pen<'_>)) {
        let Self { place, at, second, sent_second } = self;
        let mut pen = Pen { place, second, sent_second, at: *at };
        write(&mut pen);
        *at = pen.at;
    }

    /// Whether they must be handed on before another is laid.
    pub(super) const fn are_full(&self) -> bool {
        self.at > BLOCK
    }

    /// Moves what gathered to `out`.
    pub(super) fn hand_on(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.place.get(..self.at).unwrap_or_default());
        self.at = 0;
    }
}

/// Where the next text of a [`Lines`] goes.
pub(super) struct Pen<'a> {
    place: &'a mut [u8; BLOCK + ROOM],
    second: &'a mut (i64, [u8; 11]),
    sent_second: &'a mut (u32, [u8; 11]),
    at: usize,
}

impl Pen<'_> {
    /// A text of fixed length.
    #[inline(always)] // one or two moves each
    pub(super) fn put<const N: usize>(&mut self, text: &[u8; N]) {
        self.lay(text, N);
    }

    /// The first `used` bytes of `text`; what stands behind them is written over.
    #[inline(always)] // as above
    fn lay<const N: usize>(&mut self, text: &[u8; N], used: usize) {
        if let Some(place) = self.place.get_mut(self.at..self.at + N) {
            place.copy_from_slice(text);
        }
        self.at += used;
    }

    #[inline(always)] // as above
    pub(super) fn digits(&mut self, digits: Digits) {
        self.lay(&digits.text.to_le_bytes(), digits.len);
    }

    /// Seconds with nine digits behind the point.
    #[inline(always)] // as above
    pub(super) fn time(&mut self, time: Timestamp) {
        let seconds = time.seconds();
        if self.second.0 != seconds {
            *self.second = (seconds, second(seconds));
        }
        let text = self.second.1;
        self.put(&text);
        let nanos = time.subsec_nanos();
        self.put(&[b'0' + (nanos / super::number::EIGHT_DIGITS) as u8]);
        self.put(&super::number::all_eight(nanos % super::number::EIGHT_DIGITS));
    }

    /// A short text.
    #[inline(always)] // as above
    pub(super) fn text(&mut self, text: &[u8]) {
        match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) if text.len() <= 16 => {
                self.lay(first, text.len() - 8);
                self.put(last);
            }
            _ => match (text.first_chunk::<16>(), text.last_chunk::<16>()) {
                (Some(first), Some(last)) if text.len() <= 32 => {
                    self.lay(first, text.len() - 16);
                    self.put(last);
                }
                _ => text.iter().for_each(|byte| self.put(&[*byte])),
            },
        }
    }

    /// The shortest decimal that reads back as the finite `value`.
    #[inline(always)] // as above
    pub(super) fn shortest(&mut self, value: f64) {
        let Some(UnixTime { seconds, decimals }) = UnixTime::of(value) else {
            return self.text(zmij::Buffer::new().format_finite(value).as_bytes());
        };
        if self.sent_second.0 != seconds {
            *self.sent_second = (seconds, second(i64::from(seconds)));
        }
        let text = self.sent_second.1;
        self.put(&text);
        self.digits(decimals);
    }

    #[inline(always)] // as above
    pub(super) fn info(&mut self, info: Option<&PlainAnswer>) {
        if let Some(answer) = info {
            self.put(b"acknowledges #");
            self.digits(answer.packet);
            self.put(b" after ");
            self.digits(answer.seconds);
            self.put(&[b'.', b'0' + answer.hundredths / 10, b'0' + answer.hundredths % 10, b' ', b's']);
        }
    }
}

#[cold]
fn second(seconds: i64) -> [u8; 11] {
    let mut text = [b'.'; 11];
    let mut rest = seconds;
    for digit in text[..10].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::csv::{self, Delimiter};
    use super::super::json;
    use super::*;
    use crate::decode::CapturedFrame;
    use crate::decode::info::{Answers, Info, Note};
    use crate::window::Acknowledgement;
    use crate::wire::{Frame, FrameLayout, FrameView, MaxMsgSize, Pos};

    /// Each form's text of `row`, by the general way and, where it is plain, by the short one.
    fn texts(row: &Row<'_>) -> Vec<(String, Option<String>)> {
        let mut lines = Lines::new();
        let mut short = |write: &dyn Fn(&mut Pen<'_>, &PlainRow<'_>)| {
            PlainRow::of(row).map(|plain| {
                let mut out = Vec::new();
                lines.lay(|pen| write(pen, &plain));
                assert!(lines.at <= ROOM - 16, "{}", lines.at);
                lines.hand_on(&mut out);
                String::from_utf8(out).unwrap()
            })
        };
        let general = |write: &dyn Fn(&mut Vec<u8>, &mut String)| {
            let mut out = Vec::new();
            write(&mut out, &mut String::new());
            String::from_utf8(out).unwrap()
        };
        let mut texts = Vec::new();
        for delimiter in [Delimiter::Comma, Delimiter::Tab] {
            let any = general(&|out, info| csv::write_row(out, row, delimiter, info));
            texts.push((any, short(&|pen, plain| csv::lay_row(pen, plain, delimiter))));
        }
        let any = general(&|out, info| json::write_object(out, row, info));
        texts.push((any, short(&json::lay_object)));
        texts
    }

    fn frame_bytes(frame: &Frame<'_>, layout: FrameLayout) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.emit(layout, &mut bytes).unwrap();
        bytes
    }

    fn row<'a>(bytes: &'a [u8], layout: FrameLayout) -> Row<'a> {
        Row {
            packet: 1234,
            first_packet: 1234,
            time: Timestamp::from_parts(1_767_603_600, 1_002_003),
            connection: 7,
            from: Side::Client,
            offset: 0,
            frame: CapturedFrame::whole(FrameView::new(bytes, layout).unwrap()),
            in_flight: Some(2),
            info: Info::default(),
        }
    }

    #[test]
    fn an_ordinary_row_is_plain_and_reads_as_documented() {
        let layout = FrameLayout::new(MaxMsgSize::new(10).unwrap());
        let bytes = frame_bytes(&Frame::from_client(Name::Msg, b"abcdefghij", Pos(12), 1_767_603_600.25), layout);
        let texts = texts(&row(&bytes, layout));
        let csv = "1234,1767603600.001002003,7,client,MSG,12,abcdefghij,12,1767603600.25,0,12,2,\n";
        assert_eq!(texts[0].1.as_deref(), Some(csv));
        assert!(texts.iter().all(|(any, short)| short.as_ref() == Some(any)), "{texts:?}");
    }

    proptest! {
        #[test]
        fn a_plain_row_is_written_the_same_either_way(
            packet in prop_oneof![0..200_u64, any::<u64>(), Just(99_999_999), Just(100_000_000)],
            time in prop_oneof![
                Just(None), any::<i64>().prop_map(|nanos| Some(Timestamp::from_nanos(nanos))),
                (1_767_603_600..1_767_603_602_i64, 0..1_000_000_000_i64)
                    .prop_map(|(seconds, nanos)| Timestamp::from_parts(seconds, nanos)),
                prop::sample::select(vec![999_999_999, 1_000_000_000, 9_999_999_999, 10_000_000_000, 0, -1])
                    .prop_map(|seconds| Timestamp::from_parts(seconds, 5)),
            ],
            connection in prop_oneof![0..200_u32, any::<u32>()],
            msg: bool, payload in prop_oneof!["[a-z0-9]{0,18}", "[ -~é]{0,18}"],
            pos in prop_oneof![-1..200_i32, any::<i32>()], seq in prop_oneof![Just(None), any::<i32>().prop_map(Some)],
            sent_time in prop_oneof![any::<f64>(), 1.7e9..1.8e9_f64, Just(f64::NAN), Just(0.0)],
            ack: u8, in_flight in prop_oneof![Just(None), (0..30_u32).prop_map(Some), any::<u32>().prop_map(Some)],
            answer in prop_oneof![
                Just(None), (any::<u64>(), any::<i64>()).prop_map(Some), (0..5000_u64, 0..20_000_000_000_i64).prop_map(Some),
            ],
        ) {
            let layout = FrameLayout::new(MaxMsgSize::new(40).unwrap());
            let name = if msg { Name::Msg } else { Name::Ack };
            let mut frame = Frame::from_client(name, payload.as_bytes(), Pos(pos), sent_time);
            frame.seq = seq.unwrap_or(pos);
            let mut bytes = frame_bytes(&frame, layout);
            bytes[layout.ack()] = ack;
            let mut row = row(&bytes, layout);
            (row.packet, row.time, row.connection, row.in_flight) = (packet, time, connection, in_flight);
            row.from = if msg { Side::Client } else { Side::Server };
            if let Some((packet, nanos)) = answer {
                let answers = Answers::Frame { name: Name::Msg, packet, after: Some(nanos) };
                let (verdict, number) = (Acknowledgement::Advances, Pos(1));
                row.info.note = Note::Acknowledgement { verdict, number, last: Some(Pos(0)), answers };
            }
            for (any, short) in texts(&row) {
                prop_assert_eq!(short.as_ref().unwrap_or(&any), &any);
            }
        }
    }
}
