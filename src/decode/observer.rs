//! Watches one connection's frames go by and says what each one did, from what was seen before it.

pub(crate) mod memory;

use std::hash::BuildHasher;

use memory::{Acks, Copies, Opening, Openings, Written};

use super::CapturedFrame;
use super::info::{Answers, Earlier, Flaws, Info, Note, Numbers, UnseenIn};
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Departure, SendWindow};
use crate::wire::{Field, FrameView, MaxMsgSize, Name, Pos, Side};

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
    /// Bytes were missed up to this stream offset, client's and server's, and no frame beyond it has come: what they held
    /// may have been written at any time until then, since a hole is told before what the other side may have answered
    /// to it.
    missing: [Option<u64>; 2],
    /// Whether copies are remembered with a fingerprint of their payload.
    fingerprints: bool,
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
            missing: [None; 2],
            fingerprints: false,
        }
    }

    /// The same, remembering of each copy a fingerprint of its payload.
    pub(crate) const fn with_fingerprints(mut self) -> Self {
        self.fingerprints = true;
        self
    }

    /// Takes in the next frame of either side. `packet` and `time` are those of its row.
    pub fn observe(&mut self, from: Side, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>) -> Observed {
        let mut info = Info::default();
        let in_flight = self.observe_into(from, frame, packet, time, u64::MAX, &mut info);
        Observed { info, in_flight }
    }

    /// Like [`observe`](Self::observe), for an `info` in its row, which says nothing yet: it is as large as the row, and
    /// passing it through return values would cost more than finding it out. `end` is the stream offset after the
    /// frame's last byte. Returns the positions outstanding.
    #[inline]
    pub(crate) fn observe_into(
        &mut self,
        from: Side,
        frame: &CapturedFrame<'_>,
        packet: u64,
        time: Option<Timestamp>,
        end: u64,
        info: &mut Info,
    ) -> Option<u32> {
        if let Some(note) = self.next_in_line(from, frame, packet, time) {
            info.note = note;
            return self.window.in_flight();
        }
        self.observe_any(from, frame, packet, time, end, info)
    }

    /// The short way for what nearly every frame is: the next position, or the ACK of the next one, in a quiet exchange and
    /// without flaws. Else changes nothing and gives `None`.
    #[inline(always)] // one call for each frame
    fn next_in_line(
        &mut self,
        from: Side,
        frame: &CapturedFrame<'_>,
        packet: u64,
        time: Option<Timestamp>,
    ) -> Option<Note> {
        // A declared window may be full.
        if self.window.edge().is_some() || !self.is_quiet() || !is_clean(from, frame) {
            return None;
        }
        let (Pos(highest), last) = (self.highest(), self.last_acked());
        match (from, frame.name()?) {
            (Side::Client, Name::Msg) => {
                let pos = frame.view().pos();
                (highest.checked_add(1) == Some(pos.0)).then(|| self.depart_next(pos, frame, packet, time))?;
                let verdict = Departure::New { unseen: None };
                let unseen_in = self.unseen_in;
                Some(Note::Departure { verdict, name: Name::Msg, pos, earlier: Earlier::Nothing, unseen_in })
            }
            (Side::Server, Name::Ack) => {
                let number = frame.view().ack_number()?;
                let next = number.0 <= highest && last?.0.checked_add(1) == Some(number.0);
                next.then(|| self.acknowledge_next(number, packet))?;
                let answers = self.copies.get(number).map_or(Answers::Nothing, |copy| answered(copy, time));
                Some(Note::Acknowledgement { verdict: Acknowledgement::Advances, number, last, answers })
            }
            _ => None,
        }
    }

    fn observe_any(
        &mut self,
        from: Side,
        frame: &CapturedFrame<'_>,
        packet: u64,
        time: Option<Timestamp>,
        end: u64,
        info: &mut Info,
    ) -> Option<u32> {
        let missing = &mut self.missing[from as usize];
        let was_missing = missing.is_some();
        if was_missing {
            missing.take_if(|until| end > *until);
            self.miss(from);
        }
        self.note(from, frame, packet, time, &mut info.note);
        if self.missing != [None; 2] {
            self.miss_again(from);
        }
        if let Some(flaws) = flaws(from, frame) {
            info.flaws = flaws;
        }
        self.window.in_flight()
    }

    /// Bytes of that side were not captured at this place: what they may have held is not claimed.
    pub fn hole(&mut self, from: Side) {
        self.hole_until(from, 0);
    }

    /// The same, of bytes that reach up to this stream offset of that side.
    pub(crate) fn hole_until(&mut self, from: Side, until: u64) {
        let missing = &mut self.missing[from as usize];
        *missing = (*missing).max(Some(until));
        self.miss(from);
    }

    fn miss(&mut self, from: Side) {
        match from {
            Side::Client => {
                self.unseen_in = UnseenIn::Hole;
                self.window.miss_departures();
                // What is missing of both sides may have answered each other, in whatever order it is told.
                if self.missing[Side::Server as usize].is_some() {
                    self.window.miss_acknowledgements();
                }
            }
            Side::Server => self.window.miss_acknowledgements(),
        }
    }

    /// A frame went by while bytes are missing that may come after it: of the client, behind each of its frames; of the
    /// server, behind any.
    #[cold]
    fn miss_again(&mut self, from: Side) {
        let [client, server] = self.missing;
        if client.is_some() && from == Side::Client {
            self.window.miss_departures();
        }
        if server.is_some() {
            self.window.miss_acknowledgements();
        }
    }

    /// The highest position that counts as written; 0 for none.
    #[must_use]
    pub const fn highest(&self) -> Pos {
        self.window.highest()
    }

    /// The last acknowledged position; `None` while no ACK was seen in the middle of a stream.
    #[must_use]
    pub const fn last_acked(&self) -> Option<Pos> {
        self.window.last_acked()
    }

    /// The window, as far as it was seen.
    #[must_use]
    pub const fn window(&self) -> &SendWindow {
        &self.window
    }

    /// The last copy of `pos`, while it is remembered.
    pub(crate) fn copy(&self, pos: Pos) -> Option<Written> {
        self.copies.get(pos)
    }

    /// The frame that opened the gap in which `pos` lies, while it is remembered.
    pub(crate) fn opening(&self, pos: Pos) -> Option<Opening> {
        self.openings.of(pos)
    }

    /// True when nothing is missing and the window is quiet: then the next position, within the window, and the next ACK
    /// do no more than [`lend`](Self::lend) and [`catch_up`](Self::catch_up) speak of.
    pub(crate) fn is_quiet(&self) -> bool {
        self.missing == [None; 2] && self.window.is_quiet()
    }

    /// Asks for the memory that the next position, or the next ACK, will need.
    #[inline]
    pub(crate) fn fetch_for(&self, from: Side) {
        match from {
            Side::Client => self.copies.fetch_behind(self.highest()),
            Side::Server => {
                self.copies.fetch_behind(self.last_acked().unwrap_or_default());
                self.acks.fetch();
            }
        }
    }

    /// Positions that there is room to remember.
    pub(crate) const fn places(&self) -> usize {
        self.copies.len()
    }

    /// The next position, in a whole MSG without flaws, of a quiet exchange.
    #[inline]
    fn depart_next(&mut self, pos: Pos, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>) {
        self.window.depart_through(pos);
        let fingerprint = frame.payload().filter(|_| self.fingerprints).map_or(0, fingerprint);
        let sent_time = frame.view().sent_time();
        let copy = Written { name: Name::Msg, pos, packet, sent_time, time, copies: 1, fingerprint };
        self.copies.put(copy, self.window.last_acked().unwrap_or_default());
    }

    /// The ACK of the next position, as above.
    #[inline]
    fn acknowledge_next(&mut self, number: Pos, packet: u64) {
        self.window.acknowledge_through(number);
        self.acks.put(number, packet, self.copies.len());
    }

    /// The memory of what was written.
    pub(crate) const fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Lends it to a run of ordinary frames, until it is taken back.
    pub(crate) fn lend(&mut self) -> Copies {
        std::mem::take(&mut self.copies)
    }

    /// Takes it back: since then every position up to `highest` was written, in order and within the window, and every one
    /// up to `acked` acknowledged, as it says.
    pub(crate) fn catch_up(&mut self, mut copies: Copies, highest: Pos, acked: Pos) {
        let before = self.last_acked().unwrap_or_default();
        copies.saw(highest.0.abs_diff(self.highest().0));
        self.window.depart_through(highest);
        if acked > before {
            self.acks.catch_up(&copies, before, acked, highest);
            self.window.acknowledge_through(acked);
        }
        self.copies = copies;
    }

    /// Says in `note`, which is quiet so far, what the frame did.
    #[inline]
    fn note(&mut self, from: Side, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>, note: &mut Note) {
        let Some(name) = frame.name() else {
            if frame.has(Field::Header) {
                *note = Note::UnknownName;
            } else {
                // It may have been any frame.
                self.hole(from);
            }
            return;
        };
        if name.sender() != from {
            *note = Note::WrongSide(name);
            return;
        }
        match name {
            Name::GetMax => *note = Note::AsksMax,
            Name::ReturnMax => {
                if let Some(text) = frame.payload() {
                    *note = Note::Max(MaxMsgSize::from_decimal(text));
                }
            }
            Name::Msg | Name::Done => self.departure(name, frame, packet, time, note),
            Name::Ack => self.acknowledgement(frame, packet, time, note),
            Name::Close => *note = Note::Close,
            Name::Disconnect => *note = Note::Disconnect,
        }
    }

    #[inline]
    fn departure(
        &mut self,
        name: Name,
        frame: &CapturedFrame<'_>,
        packet: u64,
        time: Option<Timestamp>,
        note: &mut Note,
    ) {
        // A client's frame says its position three times (PROTOCOL §2.3); a snap length takes the last first. Where seq stands
        // rests on P, which may be an interval yet, and then it reads as zero.
        let repeated = || frame.prev_seq().or_else(|| frame.seq().filter(|seq| *seq > 0)).map(Pos);
        let Some(pos) = frame.pos().or_else(repeated) else {
            self.hole(Side::Client);
            return;
        };
        let verdict = self.window.depart(pos);
        if name == Name::Done {
            self.window.anchor_at_done(pos);
        }
        let sent_time = frame.sent_time().unwrap_or(f64::NAN);
        let (earlier, copies) = match verdict {
            Departure::NotAPosition => (Earlier::Nothing, 0),
            Departure::Skip { missing } | Departure::BeyondWindow { missing: Some(missing), .. } => {
                self.openings.put(Opening { missing, packet, sent_time, time });
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
                if last.name != name {
                    return (Earlier::Taken { by: last.name, packet: last.packet }, 1);
                }
                let nth = last.copies.saturating_add(1);
                let age = sent_time - last.sent_time;
                (Earlier::Copy { packet: last.packet, age, nth, ack: self.acks.covering(pos) }, nth)
            }),
            Departure::New { .. } | Departure::BeyondWindow { missing: None, .. } | Departure::Unclear => {
                (Earlier::Nothing, 1)
            }
        };
        if copies > 0 {
            let fingerprint = frame.payload().filter(|_| self.fingerprints).map_or(0, fingerprint);
            let copy = Written { name, pos, packet, sent_time, time, copies, fingerprint };
            self.copies.put(copy, self.window.last_acked().unwrap_or_default());
        }
        *note = Note::Departure { verdict, name, pos, earlier, unseen_in: self.unseen_in };
    }

    #[inline]
    fn acknowledgement(&mut self, frame: &CapturedFrame<'_>, packet: u64, time: Option<Timestamp>, note: &mut Note) {
        if !frame.has(Field::Payload) {
            self.hole(Side::Server);
            return;
        }
        let number = frame.view().ack_number();
        let last = self.window.last_acked();
        let highest = self.window.highest();
        let verdict = self.window.acknowledge(number);
        let number = number.unwrap_or_default();
        if self.window.last_acked() != last && self.window.last_acked() == Some(number) {
            self.acks.put(number, packet, self.copies.len());
        }
        let answers = match self.copies.get(number) {
            Some(copy) => answered(copy, time),
            None if verdict == Acknowledgement::Advances && number > highest => Answers::NotCaptured,
            None => Answers::Nothing,
        };
        *note = Note::Acknowledgement { verdict, number, last, answers };
    }
}

/// That an ACK seen at `time` answers this copy.
fn answered(copy: Written, time: Option<Timestamp>) -> Answers {
    Answers::Frame {
        name: copy.name,
        packet: copy.packet,
        // With several copies it is open which one is answered (Karn).
        after: time.zip(copy.time).filter(|_| copy.copies == 1).map(|(now, then)| now.since(then)),
    }
}

/// Tells payloads apart; never 0.
#[inline]
pub(crate) fn fingerprint(payload: &[u8]) -> u32 {
    let hash = match (payload.first_chunk(), payload.last_chunk()) {
        // Two words that overlap have all of it.
        (Some(first), Some(last)) if payload.len() <= 16 => {
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            let [place_of_first, place_of_last] = PLACES;
            let last = last.wrapping_add(payload.len() as u64);
            let product = u128::from(first ^ place_of_first) * u128::from(last ^ place_of_last);
            product as u64 ^ (product >> 64) as u64
        }
        _ => foldhash::fast::FixedState::default().hash_one(payload),
    };
    // The halves are mixed; 0 is taken.
    (hash as u32 ^ (hash >> 32) as u32).max(1)
}

/// Digits of pi, by which a word is told from the other, and from zeros.
const PLACES: [u64; 2] = [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344];

/// What is wrong with the frame by itself, as far as it was captured; `None` when nothing is.
#[inline]
fn flaws(from: Side, frame: &CapturedFrame<'_>) -> Option<Flaws> {
    (!is_clean(from, frame)).then(|| all_flaws(from, frame))
}

/// True when it is whole and nothing is wrong with it by itself.
#[inline(always)] // as below
fn is_clean(from: Side, frame: &CapturedFrame<'_>) -> bool {
    frame.is_whole() && is_flawless(from, frame.view())
}

/// The short way for what nearly every frame is: nothing that [`all_flaws`] looks for.
#[inline(always)] // into loops over frames, where a view need not be put together then
pub(crate) fn is_flawless(from: Side, view: FrameView<'_>) -> bool {
    let Pos(pos) = view.pos();
    let repeats = view.seq() == pos && view.prev_seq() == pos && (from == Side::Client || pos == 0);
    repeats && view.ack() <= 1 && view.sent_time().is_finite() && view.padding_is_zero()
}

#[cold]
fn all_flaws(from: Side, frame: &CapturedFrame<'_>) -> Flaws {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Frame, FrameLayout, HANDSHAKE, HEADER_LEN};
    use proptest::prelude::*;

    fn bytes(frame: &Frame<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.emit(HANDSHAKE, &mut bytes).unwrap();
        bytes
    }

    fn msg(pos: i32, sent_time: f64) -> Vec<u8> {
        bytes(&Frame::from_client(Name::Msg, b"abcd", Pos(pos), sent_time))
    }

    fn ack(number: &str) -> Vec<u8> {
        bytes(&Frame::from_server(Name::Ack, number.as_bytes(), 0.0))
    }

    /// Feeds whole frames with packet numbers from 1 and half a second of capture time between them.
    #[derive(Default)]
    struct Feed {
        observer: Observer,
        packet: u64,
    }

    impl Feed {
        fn row(&mut self, bytes: &[u8]) -> Observed {
            self.partial(bytes, &[])
        }

        fn partial(&mut self, bytes: &[u8], missing: &[std::ops::Range<usize>]) -> Observed {
            self.packet += 1;
            let view = FrameView::new(bytes, HANDSHAKE).unwrap();
            let frame = CapturedFrame::partial(view, missing);
            let from = view.name().map_or(Side::Client, Name::sender);
            let time = Timestamp::from_nanos(i64::try_from(self.packet).unwrap() * 500_000_000);
            self.observer.observe(from, &frame, self.packet, Some(time))
        }

        fn text(&mut self, bytes: &[u8]) -> String {
            self.row(bytes).info.to_string()
        }
    }

    /// What may come next, mostly the next in line.
    #[derive(Debug, Clone)]
    enum Next {
        Msg(i32, i32),
        Ack(i32),
        Done,
        Wrong(Side),
        Hole(Side, u64),
        Cut,
    }

    fn next() -> impl Strategy<Value = Next> {
        let side = || prop_oneof![Just(Side::Client), Just(Side::Server)];
        prop_oneof![
            12 => Just(Next::Msg(1, 0)),
            12 => Just(Next::Ack(1)),
            2 => (-3..4_i32, 0..2_i32).prop_map(|(ahead, flaw)| Next::Msg(ahead, flaw)),
            2 => (-3..4_i32).prop_map(Next::Ack),
            1 => Just(Next::Done),
            1 => side().prop_map(Next::Wrong),
            1 => (side(), 0..4_u64).prop_map(|(side, len)| Next::Hole(side, len)),
            1 => Just(Next::Cut),
        ]
    }

    proptest! {
        #[test]
        fn the_short_way_says_and_remembers_what_the_general_way_does(
            steps in proptest::collection::vec((next(), 0..3_i64), 1..60), mid_stream: bool, prints: bool,
        ) {
            let start = if mid_stream { Observer::mid_stream() } else { Observer::new() };
            let mut short = if prints { start.with_fingerprints() } else { start };
            let mut general = short.clone();
            let mut ends = [0_u64; 2];
            for (packet, (step, later)) in (1_u64..).zip(steps) {
                let (highest, last) = (short.highest().0, short.last_acked().unwrap_or_default().0);
                let (from, bytes) = match step {
                    Next::Msg(ahead, flaw) => {
                        let mut frame = Frame::from_client(Name::Msg, b"abcd", Pos(highest + ahead), packet as f64);
                        frame.seq += flaw;
                        (Side::Client, bytes(&frame))
                    }
                    Next::Ack(ahead) => (Side::Server, ack(&(last + ahead).to_string())),
                    Next::Done => (Side::Client, bytes(&Frame::from_client(Name::Done, b"", Pos(highest + 1), 1.0))),
                    Next::Wrong(from) => (from, msg(highest + 1, 1.0)),
                    Next::Hole(from, len) => {
                        short.hole_until(from, ends[from as usize] + len);
                        general.hole_until(from, ends[from as usize] + len);
                        continue;
                    }
                    Next::Cut => (Side::Client, msg(highest + 1, 1.0)),
                };
                let view = FrameView::new(&bytes, HANDSHAKE).unwrap();
                let cut = HANDSHAKE.len() - 1..HANDSHAKE.len();
                let cut = if matches!(step, Next::Cut) { std::slice::from_ref(&cut) } else { &[] };
                let frame = CapturedFrame::partial(view, cut);
                let time = (later > 0).then(|| Timestamp::from_nanos(packet as i64 * later));
                ends[from as usize] += 2;
                let end = ends[from as usize];
                let (mut said, mut expected) = (Info::default(), Info::default());
                let in_flight = short.observe_into(from, &frame, packet, time, end, &mut said);
                prop_assert_eq!(in_flight, general.observe_any(from, &frame, packet, time, end, &mut expected));
                prop_assert_eq!(format!("{said:?}"), format!("{expected:?}"));
                prop_assert_eq!(format!("{short:?}"), format!("{general:?}"));
            }
        }
    }

    #[test]
    fn ordinary_rows_are_quiet_and_an_ack_names_the_packet_it_answers() {
        let mut feed = Feed::default();
        assert_eq!(feed.text(&msg(1, 1.0)), "");
        assert_eq!(feed.text(&msg(2, 1.1)), "");
        assert_eq!(feed.text(&ack("1")), "acknowledges #1 after 1.00 s");
        assert_eq!(feed.row(&ack("2")).in_flight, Some(0));
    }

    #[test]
    fn a_resend_looks_back_to_the_last_copy_and_to_the_ack() {
        let mut feed = Feed::default();
        feed.text(&msg(1, 1.0));
        feed.text(&msg(2, 2.0));
        assert_eq!(feed.text(&msg(1, 3.5)), "[resend of #1 after 2.50 s, no ACK seen]");
        assert_eq!(feed.text(&msg(1, 5.0)), "[resend of #3 after 1.50 s, no ACK seen]");
        assert_eq!(feed.text(&ack("2")), "[ACK 2 covers 1]");
        assert_eq!(
            feed.text(&msg(1, 4.5)),
            "[resend of #4 with a sent_time 0.50 s before it although ACK 2 was seen in #5]"
        );
        assert_eq!(feed.text(&msg(1, f64::MAX)), "[resend of #6 although ACK 2 was seen in #5]");
        assert_eq!(feed.text(&ack("1")), "[answers the duplicate MSG 1 in #7]");
    }

    #[test]
    fn acks_that_go_wrong_say_how() {
        let mut feed = Feed::default();
        feed.text(&msg(1, 1.0));
        feed.text(&msg(2, 1.0));
        feed.text(&msg(4, 1.0));
        assert_eq!(feed.text(&ack("1")), "acknowledges #1 after 1.50 s");
        assert_eq!(feed.text(&ack("1")), "[duplicate of ACK 1]");
        assert_eq!(feed.text(&ack("9")), "[acknowledges 9, which was never written]");
        assert_eq!(feed.text(&ack("3")), "[acknowledges 3, which was never written]");
        assert_eq!(feed.text(&ack("2")), "[ACK 2 after ACK 3, no duplicate asked for it]");
        assert_eq!(feed.text(&ack("+4")), "[payload is not a position]");
        assert_eq!(feed.text(&msg(7, 1.0)), "[gap: 5, 6 not written before]");
        assert_eq!(feed.text(&ack("7")), "[acknowledges 7; never written: 5, 6]");
        assert_eq!(feed.text(&msg(0, 1.0)), "[0 is not a position, which begin at 1]");
    }

    #[test]
    fn what_a_hole_may_hold_is_not_claimed() {
        let mut feed = Feed::default();
        feed.text(&msg(1, 1.0));
        feed.text(&ack("1"));
        feed.observer.hole(Side::Client);
        assert_eq!(feed.row(&ack("2")).info.to_string(), "[2 was not seen in this capture]");
        let after = feed.row(&msg(5, 1.0));
        assert_eq!((after.info.to_string().as_str(), after.in_flight), ("[3, 4 may be in the hole]", Some(3)));
        assert_eq!(feed.text(&msg(4, 1.0)), "[4 may have been written in the hole]");
        feed.observer.hole(Side::Server);
        let after = feed.row(&ack("5"));
        assert_eq!(after.info.to_string(), "[ACK 5 covers 3, 4; their ACKs may not be captured]");
        assert_eq!(after.info.verdict(), Some("advances"));
    }

    #[test]
    fn the_position_of_a_cut_msg_is_read_from_the_field_that_repeats_it() {
        let mut feed = Feed::default();
        let cut = |captured: usize| captured..HANDSHAKE.len();
        let row = feed.partial(&msg(2, 1.0), &[cut(28)]);
        assert_eq!(row.info.to_string(), "[gap: 1 not written before] [partial: 28 of 44 bytes captured]");
        let row = feed.partial(&msg(3, 1.0), &[cut(12)]);
        assert_eq!((row.info.to_string().as_str(), row.in_flight), ("[partial: 12 of 44 bytes captured]", None));
        assert_eq!(feed.text(&msg(4, 1.0)), "[3 may be in the hole]");
    }

    #[test]
    fn what_is_wrong_with_a_frame_by_itself_is_said_after_what_it_did() {
        let mut feed = Feed::default();
        let mut odd = msg(1, f64::NAN);
        odd[HANDSHAKE.seq()] = 5;
        odd[HANDSHAKE.ack()] = 7;
        odd[HANDSHAKE.ack() + 1] = 1;
        assert_eq!(
            feed.text(&odd),
            "[seq 5, prev_seq 1, pos 1 disagree] [ack byte is 7, not 0 or 1] [sent_time is NaN] [padding is not zero]"
        );
        let mut unknown = msg(2, f64::INFINITY);
        unknown[..HEADER_LEN].copy_from_slice(b"TEMP\0\0\0\0\0\0");
        assert_eq!(feed.text(&unknown), "[unknown frame name] [sent_time is infinite]");
        let out_of_range = bytes(&Frame::from_server(Name::ReturnMax, b"3", 0.0));
        assert_eq!(feed.text(&out_of_range), "[payload is not a maximum_msg_size from 4 to 9999]");
    }

    #[test]
    fn memory_follows_the_number_of_frames_and_not_their_positions() {
        let mut feed = Feed::default();
        for pos in [1, 1 << 20, 2 << 20, 3 << 20, i32::MAX] {
            feed.text(&msg(pos, 1.0));
        }
        assert!(feed.observer.copies.len() <= 64);
        for pos in 1..100_000 {
            feed.text(&msg(pos, 1.0));
        }
        assert!(feed.observer.copies.len() <= 1 << 15);
        assert_eq!(feed.text(&msg(99_999, 2.0)), "[resend of #100004 after 1.00 s, no ACK seen]");
        assert_eq!(feed.text(&msg(5, 2.0)), "[resend of 5]");
    }

    proptest! {
        #[test]
        fn the_short_way_to_flaws_finds_what_the_long_one_does(
            pos in -1..3_i32, time: f64, change in (0..HANDSHAKE.len(), any::<u8>()), server: bool,
        ) {
            let mut bytes = msg(pos, time);
            for (at, byte) in [(HEADER_LEN, 0), change] {
                bytes[at] = byte;
            }
            let frame = CapturedFrame::whole(FrameView::new(&bytes, HANDSHAKE).unwrap());
            let from = if server { Side::Server } else { Side::Client };
            prop_assert_eq!(format!("{:?}", flaws(from, &frame).unwrap_or_default()), format!("{:?}", all_flaws(from, &frame)));
        }

        #[test]
        fn any_frames_with_any_holes_are_observed(
            frames in proptest::collection::vec(
                (0_usize..9, prop_oneof![-2..9_i32, any::<i32>()], any::<f64>(), 0_usize..60, any::<u8>()), 0..80
            ),
            mid_stream: bool,
        ) {
            let layout = FrameLayout::new(MaxMsgSize::new(10).unwrap());
            let mut observer = if mid_stream { Observer::mid_stream() } else { Observer::new() };
            for (packet, (kind, number, sent_time, cut, odd)) in (1..).zip(frames) {
                let name = Name::ALL.get(kind).copied().unwrap_or(Name::Msg);
                let digits = number.to_string();
                let text = digits.as_bytes();
                let frame = Frame {
                    name,
                    payload: &text[..text.len().min(10)],
                    seq: number,
                    sent_time,
                    ack: false,
                    prev_seq: number,
                    pos: Pos(number),
                };
                let mut bytes = Vec::new();
                frame.emit(layout, &mut bytes).unwrap();
                if kind == 8 { bytes[cut % layout.len()] = odd; }
                let missing = cut.min(layout.len())..layout.len();
                let view = FrameView::new(&bytes, layout).unwrap();
                let missing = std::slice::from_ref(&missing);
                let captured = match cut {
                    ..44 if odd > 128 => CapturedFrame::partial(view, missing),
                    _ => CapturedFrame::whole(view),
                };
                let side = if odd % 16 == 3 { name.sender().other() } else { name.sender() };
                if odd % 16 == 5 { observer.hole(side); }
                let observed = observer.observe(side, &captured, packet, None);
                prop_assert!(observed.info.to_string().chars().count() < 400);
            }
        }
    }
}
