//! One frame: [`FrameView`] over any bytes of the right length, [`Frame`] for what makes sense.

use std::fmt;

use super::{FrameLayout, HEADER_LEN, Name, Pos};

/// The last bytes of any frame, in words of four: up to three bytes of padding at the end of the first or second, seq behind
/// them, no word of padding or one, sent_time (two words), the ack byte and its padding, prev_seq, pos.
const TAIL: usize = 32;

/// Any bytes of a frame's length, with the layout that says what stands where. Every accessor works
/// whatever the bytes are, so that a malformed frame can still be shown in full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrameView<'a> {
    bytes: &'a [u8],
    layout: FrameLayout,
}

impl<'a> FrameView<'a> {
    /// The view of `bytes`; `None` unless they are exactly `layout.len()` long.
    #[must_use]
    pub fn new(bytes: &'a [u8], layout: FrameLayout) -> Option<Self> {
        (bytes.len() == layout.len()).then_some(Self { bytes, layout })
    }

    /// The frame's bytes.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The layout the bytes are read with.
    #[must_use]
    pub const fn layout(self) -> FrameLayout {
        self.layout
    }

    /// What stands at the end, whatever P is.
    #[inline(always)] // this, and what it serves: into loops over frames, where their length is known
    fn tail(self) -> &'a [u8; TAIL] {
        // `new` checked the length: no layout is shorter.
        self.bytes.last_chunk().unwrap_or(&[0; TAIL])
    }

    /// A word of the tail.
    #[inline(always)]
    fn word<const NUMBER: usize>(self) -> u32 {
        let [word, ..] = self.tail().as_chunks::<4>().0.split_at(NUMBER).1 else { return 0 };
        u32::from_le_bytes(*word)
    }

    /// The four bytes before seq, seq, and the padding behind it.
    #[inline(always)]
    fn around_seq(self) -> [u32; 3] {
        if self.layout.seq() + 4 < self.layout.sent_time() {
            [self.word::<0>(), self.word::<1>(), self.word::<2>()]
        } else {
            [self.word::<1>(), self.word::<2>(), 0]
        }
    }

    /// The header field: the name and its padding.
    #[must_use]
    pub fn header(self) -> [u8; HEADER_LEN] {
        // `new` checked the length: no layout is shorter.
        self.bytes.first_chunk().copied().unwrap_or_default()
    }

    /// The header without trailing NULs, known name or not.
    #[must_use]
    pub fn header_text(self) -> &'a [u8] {
        trim_nul(self.bytes.get(..HEADER_LEN).unwrap_or_default())
    }

    /// The frame's name; `None` for an unknown frame.
    #[must_use]
    pub fn name(self) -> Option<Name> {
        Name::from_header(&self.header())
    }

    /// The payload field: all P bytes.
    #[must_use]
    pub fn payload_field(self) -> &'a [u8] {
        self.bytes.get(self.layout.payload()..self.layout.payload_end()).unwrap_or_default()
    }

    /// The payload without its padding (trailing NULs).
    #[must_use]
    pub fn payload(self) -> &'a [u8] {
        trim_nul(self.payload_field())
    }

    /// The payload as the position it acknowledges: decimal digits that fit an `i32`. `None` for
    /// anything else (`bad-ack-number`), for frames other than ACK too.
    #[must_use]
    #[inline(always)]
    pub fn ack_number(self) -> Option<Pos> {
        let field = self.payload_field();
        // A number of up to eight digits is in the first eight bytes, which every frame has behind its header.
        let word = self.bytes.get(HEADER_LEN..).and_then(<[u8]>::first_chunk).map(|bytes| u64::from_le_bytes(*bytes));
        let (word, rest) = match field.split_at_checked(8) {
            Some((_, rest)) => (word, rest),
            None => (word.map(|word| word & ((1 << (8 * field.len())) - 1)), [].as_slice()),
        };
        match word.and_then(short_number) {
            Some(number) if rest.iter().fold(0, |any, byte| any | byte) == 0 => i32::try_from(number).ok().map(Pos),
            _ => long_number(field),
        }
    }

    /// seq.
    #[must_use]
    #[inline(always)]
    pub fn seq(self) -> i32 {
        let [_, seq, _] = self.around_seq();
        seq.cast_signed()
    }

    /// sent_time in Unix seconds, as the sender wrote it: it may be NaN, infinite or nonsense.
    #[must_use]
    #[inline]
    pub fn sent_time(self) -> f64 {
        f64::from_bits(u64::from(self.word::<3>()) | u64::from(self.word::<4>()) << 32)
    }

    /// The ack byte: 0 or 1 in a well-formed frame.
    #[must_use]
    #[inline]
    pub fn ack(self) -> u8 {
        let [ack, ..] = self.word::<5>().to_le_bytes();
        ack
    }

    /// prev_seq.
    #[must_use]
    #[inline]
    pub fn prev_seq(self) -> i32 {
        self.word::<6>().cast_signed()
    }

    /// pos.
    #[must_use]
    #[inline]
    pub fn pos(self) -> Pos {
        Pos(self.word::<7>().cast_signed())
    }

    /// True when every alignment byte is zero.
    #[must_use]
    #[inline(always)]
    pub fn padding_is_zero(self) -> bool {
        let [before_seq, _, behind_seq] = self.around_seq();
        let payload_bytes = 4 - (self.layout.seq() - self.layout.payload_end());
        let behind_payload = u64::from(before_seq) >> (8 * payload_bytes);
        behind_payload == 0 && behind_seq == 0 && self.word::<5>() >> 8 == 0
    }
}

impl fmt::Debug for FrameView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameView")
            .field("header", &self.header_text().escape_ascii().to_string())
            .field("payload", &self.payload().escape_ascii().to_string())
            .field("seq", &self.seq())
            .field("sent_time", &self.sent_time())
            .field("ack", &self.ack())
            .field("prev_seq", &self.prev_seq())
            .field("pos", &self.pos().0)
            .field("max_msg_size", &self.layout.max_msg_size().get())
            .finish()
    }
}

/// A frame that makes sense: a known name, a payload that fits and does not end in NUL, an ack byte of
/// 0 or 1, zero padding. What can be parsed can be emitted again, byte for byte.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<'a> {
    /// What the frame is.
    pub name: Name,
    /// The payload without padding; at most P bytes, not ending in NUL.
    pub payload: &'a [u8],
    /// Repeats pos in client frames, 0 in server frames.
    pub seq: i32,
    /// When the frame was handed to the socket: Unix seconds.
    pub sent_time: f64,
    /// False in everything the reference sends.
    pub ack: bool,
    /// Repeats pos in client frames, 0 in server frames.
    pub prev_seq: i32,
    /// The position.
    pub pos: Pos,
}

impl<'a> Frame<'a> {
    /// A client's frame: seq = prev_seq = pos (PROTOCOL §2.3).
    #[must_use]
    pub const fn from_client(name: Name, payload: &'a [u8], pos: Pos, sent_time: f64) -> Self {
        Self { name, payload, seq: pos.0, sent_time, ack: false, prev_seq: pos.0, pos }
    }

    /// A server's frame: seq = prev_seq = pos = 0 (PROTOCOL §2.3).
    #[must_use]
    pub const fn from_server(name: Name, payload: &'a [u8], sent_time: f64) -> Self {
        Self { name, payload, seq: 0, sent_time, ack: false, prev_seq: 0, pos: Pos(0) }
    }

    /// Reads a view.
    ///
    /// # Errors
    /// Names the first field that makes no sense, with its bytes and offset.
    pub fn parse(view: FrameView<'a>) -> Result<Self, FrameError> {
        let name = view.name().ok_or_else(|| FrameError::UnknownName { header: view.header() })?;
        let ack = match view.ack() {
            0 => false,
            1 => true,
            found => return Err(FrameError::AckByte { found, offset: view.layout().ack() }),
        };
        if !view.padding_is_zero() {
            return Err(FrameError::Padding);
        }
        Ok(Self {
            name,
            payload: view.payload(),
            seq: view.seq(),
            sent_time: view.sent_time(),
            ack,
            prev_seq: view.prev_seq(),
            pos: view.pos(),
        })
    }

    /// Appends the frame's bytes to `out`.
    ///
    /// # Errors
    /// When the payload does not fit `layout` or ends in NUL, which the receiver would take for padding.
    pub fn emit(&self, layout: FrameLayout, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let capacity = usize::from(layout.max_msg_size().get());
        if self.payload.len() > capacity {
            return Err(FrameError::PayloadTooLong { len: self.payload.len(), capacity });
        }
        if self.payload.last() == Some(&0) {
            return Err(FrameError::PayloadEndsInNul { len: self.payload.len() });
        }
        let start = out.len();
        out.resize(start + layout.len(), 0);
        let frame = &mut out[start..];
        let mut put = |at: usize, bytes: &[u8]| frame[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name.header());
        put(layout.payload(), self.payload);
        put(layout.seq(), &self.seq.to_le_bytes());
        put(layout.sent_time(), &self.sent_time.to_le_bytes());
        put(layout.ack(), &[u8::from(self.ack)]);
        put(layout.prev_seq(), &self.prev_seq.to_le_bytes());
        put(layout.pos(), &self.pos.0.to_le_bytes());
        Ok(())
    }
}

/// Why bytes are no frame, or a frame cannot become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The header field holds no name of the protocol.
    #[error("header field (offset 0) holds `{}`, which is no name of the protocol", header.escape_ascii())]
    UnknownName {
        /// The field as it stands.
        header: [u8; HEADER_LEN],
    },
    /// The ack byte is neither 0 nor 1.
    #[error("ack byte (offset {offset}) is {found}, needed 0 or 1")]
    AckByte {
        /// The byte.
        found: u8,
        /// Its offset in the frame.
        offset: usize,
    },
    /// An alignment byte is not zero.
    #[error("alignment bytes between the fields are not all zero")]
    Padding,
    /// The payload is longer than P.
    #[error("payload has {len} bytes, the frame has room for {capacity}: use a maximum_msg_size of at least {len}")]
    PayloadTooLong {
        /// Bytes to carry.
        len: usize,
        /// P.
        capacity: usize,
    },
    /// The payload ends in NUL.
    #[error("payload of {len} bytes ends in NUL, which a receiver takes for padding: such a slice cannot be carried")]
    PayloadEndsInNul {
        /// Bytes to carry.
        len: usize,
    },
}

/// The number in a word that begins with a digit: decimal digits, then NULs.
#[inline(always)] // as what asks for it
fn short_number(word: u64) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let values = word ^ (EACH * b'0' as u64);
    // The high bit of each byte that is no digit.
    let others = (((values & (EACH * 0x7f)) + EACH * (0x80 - 10)) | values) & (EACH * 0x80);
    let digits = others.trailing_zeros() / 8;
    if digits == 0 || word.checked_shr(8 * digits).is_some_and(|rest| rest != 0) {
        return None;
    }
    // The digits to the end, with zeros before them; then neighbours together, by twos, fours and eights.
    let values = values << (64 - 8 * digits);
    let pairs = (values * 10 + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) as u32)
}

/// The same for any field: of any length, with any zeros before.
#[cold]
fn long_number(mut rest: &[u8]) -> Option<Pos> {
    let (mut number, digits) = (0_u64, rest.len());
    while let Some((digit, further)) = rest.split_first().filter(|(byte, _)| byte.is_ascii_digit()) {
        number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        rest = further;
    }
    let is_number = rest.len() < digits && trim_nul(rest).is_empty();
    i32::try_from(number).ok().filter(|_| is_number).map(Pos)
}

/// `bytes` without trailing NULs.
#[inline]
fn trim_nul(bytes: &[u8]) -> &[u8] {
    match bytes.last() {
        Some(0) => trim_nuls(bytes),
        _ => bytes,
    }
}

fn trim_nuls(mut bytes: &[u8]) -> &[u8] {
    // Blocks of zeros at once: with a large P an ACK is hardly anything else.
    while let Some((before, block)) = bytes.split_last_chunk::<64>() {
        if block.iter().fold(0, |any, byte| any | byte) != 0 {
            break;
        }
        bytes = before;
    }
    let len = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    &bytes[..len]
}

#[cfg(test)]
mod tests {
    use super::super::{Field, HANDSHAKE, MaxMsgSize};
    use super::*;
    use proptest::prelude::*;

    fn layout(p: u16) -> FrameLayout {
        FrameLayout::new(MaxMsgSize::new(p).unwrap())
    }

    /// The value of a field, by nothing but the offsets of the layout; of padding, whether there is any.
    fn at_its_offset(bytes: &[u8], layout: FrameLayout, field: Field) -> u64 {
        let ranges = layout.fields().filter(|(f, _)| *f == field).map(|(_, range)| range);
        let bytes: Vec<u8> = ranges.flat_map(|range| bytes[range].to_vec()).collect();
        match field {
            Field::Padding => u64::from(bytes.iter().any(|byte| *byte != 0)),
            _ => bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        }
    }

    #[test]
    fn every_byte_of_a_frame_is_of_the_field_that_stands_there_whatever_p_is() {
        for p in (4..=64).chain(9984..=9999) {
            let layout = layout(p);
            let mut bytes = vec![0; layout.len()];
            // Of header and payload, all but the last bytes are passed over.
            for at in usize::from(p)..layout.len() {
                bytes[at] = 0x81;
                let view = FrameView::new(&bytes, layout).unwrap();
                let of = |field| at_its_offset(&bytes, layout, field);
                assert_eq!(u64::from(view.seq().cast_unsigned()), of(Field::Seq), "seq, byte {at}, P = {p}");
                assert_eq!(view.sent_time().to_bits(), of(Field::SentTime), "sent_time, byte {at}, P = {p}");
                assert_eq!(u64::from(view.ack()), of(Field::Ack), "ack, byte {at}, P = {p}");
                assert_eq!(
                    u64::from(view.prev_seq().cast_unsigned()),
                    of(Field::PrevSeq),
                    "prev_seq, byte {at}, P = {p}"
                );
                assert_eq!(u64::from(view.pos().0.cast_unsigned()), of(Field::Pos), "pos, byte {at}, P = {p}");
                assert_eq!(view.padding_is_zero(), of(Field::Padding) == 0, "padding, byte {at}, P = {p}");
                bytes[at] = 0;
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_emitted_parses_back(
            p in 4_u16..=600, name in 0_usize..7, seq: i32, prev_seq: i32, pos: i32, ack: bool,
            time in any::<f64>().prop_filter("NaN is not equal to itself", |t| !t.is_nan()),
            payload in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let mut payload = payload;
            payload.truncate(usize::from(p));
            while payload.last() == Some(&0) { payload.pop(); }
            let frame = Frame { name: Name::ALL[name], payload: &payload, seq, sent_time: time, ack, prev_seq, pos: Pos(pos) };
            let mut bytes = Vec::new();
            frame.emit(layout(p), &mut bytes).unwrap();
            let view = FrameView::new(&bytes, layout(p)).unwrap();
            prop_assert_eq!(Frame::parse(view).unwrap(), frame);
        }

        #[test]
        fn any_bytes_can_be_viewed_and_what_parses_is_emitted_unchanged(p in 4_u16..=40, seed in proptest::collection::vec(any::<u8>(), 84), known: bool) {
            let layout = layout(p);
            let mut bytes = seed;
            bytes.resize(layout.len(), 0);
            if known {
                bytes[..HEADER_LEN].copy_from_slice(&Name::Msg.header());
                bytes[layout.ack()] &= 1;
                for (field, range) in layout.fields() {
                    if field == Field::Padding { bytes[range].fill(0); }
                }
            }
            let view = FrameView::new(&bytes, layout).unwrap();
            let _ = format!("{view:?}");
            if let Ok(frame) = Frame::parse(view) {
                let mut again = Vec::new();
                frame.emit(layout, &mut again).unwrap();
                prop_assert_eq!(again, bytes);
            } else {
                prop_assert!(!known);
            }
        }
    }

    proptest! {
        #[test]
        fn trailing_nuls_are_no_payload_however_many(head in proptest::collection::vec(0_u8..3, 0..200), nuls in 0_usize..300) {
            let mut bytes = head.clone();
            bytes.resize(head.len() + nuls, 0);
            let mut expected = head;
            while expected.last() == Some(&0) { expected.pop(); }
            prop_assert_eq!(trim_nul(&bytes), expected);
        }
    }

    proptest! {
        #[test]
        fn an_ack_number_is_what_parsing_the_text_gives(
            payload in prop_oneof!["[0-9]{0,14}", "0{0,90}[0-9]{1,10}", "[0-9 +x-]{1,6}"], nuls in 0_usize..4,
        ) {
            let field = [payload.as_bytes(), &vec![0; nuls]].concat();
            let layout = layout(u16::try_from(field.len().max(4)).unwrap());
            let mut bytes = vec![0; layout.len()];
            bytes[layout.payload()..][..field.len()].copy_from_slice(&field);
            let digits = !payload.is_empty() && payload.bytes().all(|byte| byte.is_ascii_digit());
            let expected = payload.parse::<i32>().ok().filter(|_| digits).map(Pos);
            prop_assert_eq!(FrameView::new(&bytes, layout).unwrap().ack_number(), expected);
        }
    }

    #[test]
    fn a_view_needs_exactly_the_frame_length() {
        assert!(FrameView::new(&[0; 43], HANDSHAKE).is_none());
        assert!(FrameView::new(&[0; 45], HANDSHAKE).is_none());
        assert!(FrameView::new(&[0; 44], HANDSHAKE).is_some());
    }

    #[test]
    fn each_refusal_names_its_field() {
        let mut bytes = Vec::new();
        Frame::from_client(Name::Msg, b"abcd", Pos(1), 1.5).emit(HANDSHAKE, &mut bytes).unwrap();
        let parse = |change: (usize, u8)| {
            let mut bytes = bytes.clone();
            bytes[change.0] = change.1;
            Frame::parse(FrameView::new(&bytes, HANDSHAKE).unwrap()).map(|_| ()).unwrap_err()
        };
        assert!(matches!(parse((0, b'm')), FrameError::UnknownName { .. }));
        assert_eq!(parse((HANDSHAKE.ack(), 2)), FrameError::AckByte { found: 2, offset: 32 });
        assert_eq!(parse((14, 1)), FrameError::Padding);
        assert_eq!(parse((21, 1)), FrameError::Padding);
        assert_eq!(parse((33, 1)), FrameError::Padding);
    }

    #[test]
    fn a_slice_that_cannot_be_carried_is_refused_with_its_numbers() {
        let emit =
            |payload: &[u8]| Frame::from_client(Name::Msg, payload, Pos(1), 0.0).emit(HANDSHAKE, &mut Vec::new());
        assert_eq!(emit(b"abcde"), Err(FrameError::PayloadTooLong { len: 5, capacity: 4 }));
        assert_eq!(emit(b"ab\0"), Err(FrameError::PayloadEndsInNul { len: 3 }));
        assert_eq!(emit(b"a\0b"), Ok(()));
    }

    #[test]
    fn an_ack_number_is_decimal_digits_that_fit() {
        let number = |payload: &[u8]| {
            let mut bytes = Vec::new();
            Frame::from_server(Name::Ack, payload, 0.0).emit(layout(20), &mut bytes).unwrap();
            FrameView::new(&bytes, layout(20)).unwrap().ack_number()
        };
        assert_eq!(number(b"0"), Some(Pos(0)));
        assert_eq!(number(b"2147483647"), Some(Pos(i32::MAX)));
        for bad in [&b""[..], b"2147483648", b"-1", b"+1", b" 1", b"1 ", b"1a", b"99999999999999999999"] {
            assert_eq!(number(bad), None, "{}", bad.escape_ascii());
        }
    }
}
