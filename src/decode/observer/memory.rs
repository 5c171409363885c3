//! What the rows look back to: the last copy of each recent position, the recent ACKs, the open gaps.
//! Bounded by the constants; what is forgotten only makes a row say less.

use std::collections::VecDeque;

use crate::decode::info::AckSeen;
use crate::decode::prefetch::fetch;
use crate::time::Timestamp;
use crate::window::Positions;
use crate::wire::{Name, Pos};

/// Positions whose last copy is remembered, at most.
const MAX_COPIES: usize = 1 << 15;
/// The latest positions whose last copy is remembered in any case.
const SURE_COPIES: usize = 64;
/// Places for them to begin with: most connections of a crowd are short.
const FIRST_COPIES: usize = 8;
/// Advancing ACKs remembered, at most.
const MAX_ACKS: usize = 256;
/// Gaps whose opening is remembered.
const MAX_OPENINGS: usize = 256;

/// The last copy of a position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) name: Name,
    pub(crate) pos: Pos,
    pub(crate) packet: u64,
    /// NaN where it was not captured.
    pub(crate) sent_time: f64,
    pub(crate) time: Option<Timestamp>,
    /// Copies seen.
    pub(crate) copies: u32,
    /// Of its payload, to tell copies that differ; 0 where none was asked for or the payload was not captured.
    pub(crate) fingerprint: u32,
}

/// A place of [`Copies`]: a [`Written`] in little, since the ring is most of what a connection takes. Two make a cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Place {
    sent_time: f64,
    /// The capture time, as [`Base::moment`] has it; [`TIMELESS`] for none.
    moment: i64,
    /// As many after [`Base::packet`].
    packet: u32,
    /// 0 for an empty place.
    pos: i32,
    fingerprint: u32,
    /// [`DONE`] or not, and the number of copies; with [`MARKED`] that is one, and the rest a mark of a run of ordinary
    /// frames: how many were in flight with it, and once its ACK has come the packet of that, as many after the base.
    copies: u32,
}

const _: () = assert!(size_of::<Place>() == 32, "two in a line");

/// No moment is so far from its base.
const TIMELESS: i64 = i64::MIN;

/// Bits of [`Place::copies`].
const DONE: u32 = 1 << 31;
const MARKED: u32 = 1 << 30;

impl Place {
    /// 0 for none.
    const fn mark(&self) -> u32 {
        if self.copies & MARKED == 0 { 0 } else { self.copies & !(DONE | MARKED) }
    }

    const fn copies(&self) -> u32 {
        if self.copies & MARKED == 0 { self.copies & !DONE } else { 1 }
    }
}

/// Whence places count.
#[derive(Debug, Clone, Copy)]
struct Base {
    packet: u64,
    time: Timestamp,
}

/// The epoch, to which the times of nearly all captures are near: [`Timestamp::NEAR`].
const EPOCH: Timestamp = Timestamp::from_nanos(0);

impl Default for Base {
    fn default() -> Self {
        Self { packet: 0, time: EPOCH }
    }
}

/// Packets that are within reach of a base.
const PACKETS: u32 = MARKED;

impl Base {
    /// So that these are in reach, `packet` with so many before it; of times all that a plain pcap file can say, if
    /// possible.
    fn around(packet: u64, time: Option<Timestamp>, reach_back: u64) -> Self {
        let time = time.filter(|time| time.nanos_near(EPOCH).is_none()).unwrap_or(EPOCH);
        Self { packet: packet.saturating_sub(reach_back), time }
    }

    #[inline]
    fn packet(self, packet: u64) -> Option<u32> {
        packet.checked_sub(self.packet).and_then(|packet| u32::try_from(packet).ok()).filter(|packet| *packet < PACKETS)
    }

    /// Nanoseconds after the base, as a place has them.
    #[inline(always)] // of every ordinary frame
    const fn moment(self, time: Timestamp) -> Option<i64> {
        time.nanos_near(self.time)
    }

    #[inline]
    fn time(self, moment: i64) -> Option<Timestamp> {
        if moment == TIMELESS { None } else { self.time.plus(moment) }
    }
}

/// A position that was written in a run of ordinary frames and is outstanding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departed {
    pub(crate) written: Written,
    /// How many were in flight with it.
    pub(crate) in_flight: u32,
}

/// A ring with a place for each position modulo its length. It grows when a place holds another position, and from
/// [`SURE_COPIES`] on doubles only for one still outstanding, but not beyond twice the number of copies seen: what it takes is in
/// proportion to what it was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Copies {
    places: Box<[Place]>,
    seen: usize,
    base: Base,
}

impl Copies {
    #[inline]
    pub(crate) fn get(&self, pos: Pos) -> Option<Written> {
        let place = self.places.get(self.place(pos)?).filter(|place| place.pos == pos.0 && pos.0 != 0)?;
        Some(self.written(place))
    }

    #[inline]
    fn written(&self, place: &Place) -> Written {
        Written {
            name: if place.copies & DONE == 0 { Name::Msg } else { Name::Done },
            pos: Pos(place.pos),
            packet: self.base.packet + u64::from(place.packet),
            sent_time: place.sent_time,
            time: self.base.time(place.moment),
            copies: place.copies(),
            fingerprint: place.fingerprint,
        }
    }

    /// Places.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.places.len()
    }

    /// Remembers the copy. `last_acked` tells which others are still outstanding.
    pub(crate) fn put(&mut self, copy: Written, last_acked: Pos) {
        self.seen = self.seen.saturating_add(1);
        if self.places.is_empty() {
            self.places = Box::new([Place::default(); FIRST_COPIES]);
            self.base = Base::around(copy.packet, copy.time, 0);
        }
        while self.places.len() < MAX_COPIES && self.is_wanted(copy.pos, last_acked) {
            self.grow();
        }
        let (packet, moment) = self.offsets(copy.packet, copy.time);
        if let Some(place) = self.place(copy.pos).and_then(|i| self.places.get_mut(i)) {
            let copies = copy.copies.min(MARKED - 1) | if copy.name == Name::Done { DONE } else { 0 };
            let Written { pos, sent_time, fingerprint, .. } = copy;
            *place = Place { sent_time, moment, packet, pos: pos.0, fingerprint, copies };
        }
    }

    /// Whether the place of `pos` holds what is not to be forgotten for it.
    fn is_wanted(&self, pos: Pos, last_acked: Pos) -> bool {
        let other = self.place(pos).and_then(|i| self.places.get(i)).map_or(0, |other| other.pos);
        let len = self.places.len();
        other != 0 && other != pos.0 && (len < SURE_COPIES || other > last_acked.0 && len <= self.seen)
    }

    /// Packet and time as places have them. Where one is out of reach the base moves to it, and what does not fit any more
    /// is forgotten.
    fn offsets(&mut self, packet: u64, time: Option<Timestamp>) -> (u32, i64) {
        let offsets = |base: Base| Some((base.packet(packet)?, time.map_or(Some(TIMELESS), |time| base.moment(time))?));
        offsets(self.base).unwrap_or_else(|| {
            self.move_base(packet, time);
            offsets(self.base).unwrap_or((0, TIMELESS))
        })
    }

    #[cold]
    fn move_base(&mut self, packet: u64, time: Option<Timestamp>) {
        let before = self.base;
        let mut base = Base::around(packet, time, u64::from(PACKETS / 2));
        if before.packet(packet).is_some() {
            base.packet = before.packet;
        }
        if time.is_none_or(|time| before.moment(time).is_some()) {
            base.time = before.time;
        }
        // Of marks nobody asks any more.
        let moved = |place: &Place| {
            let moment = before.time(place.moment).map_or(Some(TIMELESS), |time| base.moment(time))?;
            let packet = base.packet(before.packet + u64::from(place.packet))?;
            Some(Place { packet, moment, copies: place.copies & DONE | place.copies(), ..*place })
        };
        for place in &mut self.places {
            *place = moved(place).unwrap_or_default();
        }
        self.base = base;
    }

    fn grow(&mut self) {
        // What is sure comes in one step: each leaves a gap in the heap.
        let grown = vec![Place::default(); (self.places.len() * 2).max(SURE_COPIES)].into_boxed_slice();
        for place in std::mem::replace(&mut self.places, grown).into_iter().filter(|place| place.pos != 0) {
            // Places that differ modulo the length differ modulo a multiple of it.
            if let Some(at) = self.place(Pos(place.pos)).and_then(|i| self.places.get_mut(i)) {
                *at = place;
            }
        }
    }

    /// The length is a power of two.
    #[inline]
    fn place(&self, pos: Pos) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        usize::try_from(pos.0).ok().map(|pos| pos & mask)
    }
}

/// The same for runs of ordinary frames: every position is the next one and is written once, as many as there are places
/// are outstanding at most, and every ACK is that of the next position.
impl Copies {
    /// Asks for the places of the few positions that come next.
    #[inline]
    pub(crate) fn fetch_behind(&self, pos: Pos) {
        for pos in [1, 3].map(|by| Pos(pos.0.saturating_add(by))) {
            if let Some(place) = self.place(pos).and_then(|i| self.places.get(i)) {
                fetch(place);
            }
        }
    }

    /// A time as the places of the run have it; `None` where it is too far from theirs.
    #[inline(always)] // into the loop over frames
    pub(crate) const fn moment(&self, time: Timestamp) -> Option<i64> {
        self.base.moment(time)
    }

    /// The time at such a moment.
    pub(crate) fn time(&self, moment: i64) -> Option<Timestamp> {
        self.base.time(moment)
    }

    /// The moment at which a position was written.
    pub(crate) fn moment_of(&self, pos: Pos) -> Option<i64> {
        let place = self.places.get(self.place(pos)?).filter(|place| place.pos == pos.0)?;
        Some(place.moment).filter(|moment| *moment != TIMELESS)
    }

    /// Remembers the next position; false, and nothing changes, where its packet is too far from the others', or
    /// the ring has to grow.
    #[inline(always)] // as above
    pub(crate) fn depart(
        &mut self,
        pos: Pos,
        packet: u64,
        moment: i64,
        sent_time: f64,
        fingerprint: u32,
        in_flight: u32,
    ) -> bool {
        let Some(packet) = self.base.packet(packet) else { return false };
        let short = self.places.len() < SURE_COPIES;
        let Some(place) = self.place(pos).and_then(|i| self.places.get_mut(i)) else { return false };
        if short && place.pos != 0 {
            return false;
        }
        *place = Place { sent_time, moment, packet, pos: pos.0, fingerprint, copies: MARKED | in_flight };
        true
    }

    /// Marks the ACK of the next position and gives the nanoseconds from its MSG to `moment`; `None`, and nothing changes,
    /// where that is negative or not known, or the packets are too far apart.
    #[inline(always)] // as above
    pub(crate) fn acknowledge(&mut self, pos: Pos, packet: u64, moment: i64) -> Option<i64> {
        let i = self.place(pos)?;
        let place = self.places.get_mut(i)?;
        let packet = self.base.packet(packet).filter(|packet| *packet > 0)?;
        let after = moment.wrapping_sub(place.moment);
        if after < 0 || place.moment == TIMELESS {
            return None;
        }
        place.copies = MARKED | packet;
        Some(after)
    }

    /// The packet of the ACK that was marked at a position.
    fn ack_packet(&self, pos: Pos) -> Option<u64> {
        let place = self.places.get(self.place(pos)?).filter(|place| place.pos == pos.0 && place.mark() > 0)?;
        Some(self.base.packet + u64::from(place.mark()))
    }

    /// A position of the run that is outstanding.
    pub(crate) fn departed(&self, pos: Pos) -> Option<Departed> {
        let place = self.places.get(self.place(pos)?).filter(|place| place.pos == pos.0)?;
        Some(Departed { written: self.written(place), in_flight: place.mark() })
    }

    /// So many positions more were written.
    pub(crate) fn saw(&mut self, positions: u32) {
        self.seen = self.seen.saturating_add(positions as usize);
    }

    /// The lowest position that has a place of its own beside all others up to `highest`.
    fn lowest_kept(&self, highest: Pos) -> Pos {
        let len = i32::try_from(self.places.len()).unwrap_or(i32::MAX);
        Pos(highest.0.saturating_sub(len).max(0).saturating_add(1))
    }
}

/// The ACKs that advanced the window, ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acks {
    /// Each with its packet, counted from `base`: with ten thousand connections open, eight bytes an ACK tell.
    recent: VecDeque<(Pos, u32)>,
    base: u64,
    /// Positions up to this one were first acknowledged longer ago.
    forgotten: Pos,
}

/// Packets between the newest ACK and the oldest that is remembered, at most.
const ACK_REACH: u64 = 1 << 31;

impl Acks {
    /// As many as there are positions whose copy is remembered: of others nobody asks.
    fn most(copies: usize) -> usize {
        copies.clamp(SURE_COPIES, MAX_ACKS)
    }

    /// Remembers one, beside a memory of so many copies.
    pub(crate) fn put(&mut self, number: Pos, packet: u64, copies: usize) {
        if self.recent.len() >= Self::most(copies) {
            self.forgotten = self.recent.pop_front().map_or(self.forgotten, |(number, _)| number);
        }
        let offset = self.offset(packet).filter(|_| !self.recent.is_empty()).unwrap_or_else(|| self.count_from(packet));
        self.recent.push_back((number, offset));
    }

    /// Takes in the ACKs of every position above `before` up to `last`, that a run up to `highest` has marked. Of lower
    /// positions than the ring holds nobody asks.
    pub(crate) fn catch_up(&mut self, copies: &Copies, before: Pos, last: Pos, highest: Pos) {
        let (first, lowest) = (Pos(before.0 + 1), copies.lowest_kept(highest));
        if lowest > first {
            self.recent.clear();
            self.forgotten = Pos(lowest.0 - 1);
        }
        let lowest = lowest.max(first);
        let more = usize::try_from(last.0 - lowest.0).map_or(0, |more| more + 1);
        self.recent.reserve(more.min(Self::most(copies.len()).saturating_sub(self.recent.len())));
        for pos in (lowest.0..=last.0).map(Pos) {
            if let Some(packet) = copies.ack_packet(pos) {
                self.put(pos, packet, copies.len());
            }
        }
    }

    /// Asks for the place of the next one.
    #[inline]
    pub(crate) fn fetch(&self) {
        if let Some(latest) = self.recent.back() {
            fetch(latest);
        }
    }

    fn offset(&self, packet: u64) -> Option<u32> {
        packet.checked_sub(self.base).and_then(|offset| u32::try_from(offset).ok())
    }

    /// Counts packets so that there is room around `packet`; what lies too far from it is forgotten. Gives its offset.
    #[cold]
    fn count_from(&mut self, packet: u64) -> u32 {
        let before = std::mem::replace(&mut self.base, packet.saturating_sub(ACK_REACH));
        for (number, offset) in std::mem::take(&mut self.recent) {
            match self.offset(before + u64::from(offset)) {
                Some(offset) => self.recent.push_back((number, offset)),
                None => self.forgotten = number,
            }
        }
        // At most the reach.
        (packet - self.base) as u32
    }

    /// The first ACK seen that covers `pos`.
    pub(crate) fn covering(&self, pos: Pos) -> AckSeen {
        if pos <= self.forgotten {
            return AckSeen::LongAgo;
        }
        let index = self.recent.partition_point(|(number, _)| *number < pos);
        self.recent.get(index).map_or(AckSeen::No, |&(number, offset)| {
            let packet = self.base + u64::from(offset);
            AckSeen::In { number, packet }
        })
    }
}

/// The frame whose position opened a gap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) missing: Positions,
    pub(crate) packet: u64,
    /// NaN where it was not captured.
    pub(crate) sent_time: f64,
    pub(crate) time: Option<Timestamp>,
}

/// The gaps that are open, by the frames that opened them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Openings {
    /// Each with how many of its positions are still open.
    open: VecDeque<(Opening, u32)>,
}

impl Openings {
    pub(crate) fn put(&mut self, opening: Opening) {
        if self.open.len() >= MAX_OPENINGS {
            self.open.pop_front();
        }
        self.open.push_back((opening, opening.missing.count()));
    }

    /// The opening of the gap that `pos` lies in.
    pub(crate) fn of(&self, pos: Pos) -> Option<Opening> {
        self.open.iter().find(|(opening, _)| opening.missing.contains(pos)).map(|(opening, _)| *opening)
    }

    /// The opening of the gap that `pos` fills.
    pub(crate) fn fill(&mut self, pos: Pos) -> Option<Opening> {
        let index = self.open.iter().position(|(opening, _)| opening.missing.contains(pos))?;
        let (opening, left) = self.open.get_mut(index)?;
        let opening = *opening;
        *left -= 1;
        if *left == 0 {
            self.open.remove(index);
        }
        Some(opening)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn copy(pos: i32, packet: u64) -> Written {
        let (name, time) = (Name::Msg, None);
        Written { name, pos: Pos(pos), packet, sent_time: 0.0, time, copies: 1, fingerprint: 0 }
    }

    proptest! {
        #[test]
        fn the_latest_positions_and_all_outstanding_ones_are_remembered(run in 1..2000_i32, unacked in 1..300_i32) {
            let mut copies = Copies::default();
            for pos in 1..=run {
                copies.put(copy(pos, pos as u64), Pos((pos - unacked).max(0)));
            }
            let sure = (run - (SURE_COPIES as i32).max(unacked) + 1).max(1);
            for pos in sure..=run {
                prop_assert_eq!(copies.get(Pos(pos)).map(|copy| copy.packet), Some(pos as u64), "{}", pos);
            }
            prop_assert!(copies.len() <= 2 * unacked.max(SURE_COPIES as i32 / 2) as usize, "{}", copies.len());
            prop_assert!(run > FIRST_COPIES as i32 - 1 || copies.len() == FIRST_COPIES);
        }

        #[test]
        fn a_copy_is_as_it_was_written_or_forgotten_when_packets_or_times_are_far_apart(
            steps in prop::collection::vec((
                prop_oneof![8 => 1..2000_u64, 1 => Just(1_u64 << 28), 1 => Just(1_u64 << 30), 1 => Just(1_u64 << 40)],
                prop_oneof![8 => 0..4_000_000_000_i64, 1 => Just(-5), 1 => Just(1_i64 << 33), 1 => Just(i64::MIN),
                    1 => Just(i64::MAX)],
                any::<bool>(), 1..5_u32,
            ), 1..100),
        ) {
            let (mut copies, mut packet, mut all) = (Copies::default(), 0, Vec::new());
            for (n, (later, seconds, done, nth)) in steps.into_iter().enumerate() {
                packet += later;
                let (name, pos) = (if done { Name::Done } else { Name::Msg }, Pos(n as i32 + 1));
                let time = Timestamp::within_second(seconds, 7);
                all.push(Written { name, pos, packet, sent_time: n as f64, time, copies: nth, fingerprint: 3 });
                copies.put(all[n], Pos(0));
                prop_assert!(copies.get(pos).is_some());
                let near = |one: &Written| {
                    let common = |one: &Written| one.time.is_some_and(|time| (0..Timestamp::NEAR).contains(&time.seconds()));
                    packet - one.packet < u64::from(PACKETS / 2) && all.iter().all(common)
                };
                for one in all.iter().rev().take(SURE_COPIES) {
                    match copies.get(one.pos) {
                        Some(kept) => prop_assert_eq!(format!("{kept:?}"), format!("{one:?}")),
                        None => prop_assert!(!near(one), "{:?}", one),
                    }
                }
            }
        }

        #[test]
        fn an_ack_is_found_with_its_packet_however_far_apart_they_are(
            steps in prop::collection::vec((1..4_i32, prop_oneof![
                8 => -3..2000_i64, 1 => Just(1_i64 << 31), 1 => Just((1_i64 << 31) - 1), 1 => Just(1_i64 << 33),
            ]), 1..600),
            copies in 0..2 * MAX_ACKS,
        ) {
            let (mut acks, mut all) = (Acks::default(), Vec::new());
            let (mut number, mut packet) = (0, 5_u64);
            for (by, later) in steps {
                number += by;
                packet = packet.saturating_add_signed(later);
                acks.put(Pos(number), packet, copies);
                all.push((number, packet));
                let near = |(_, other): &&(i32, u64)| other.abs_diff(packet) < ACK_REACH - 10_000;
                let remembered = all.len() - all.iter().rev().take(copies.clamp(SURE_COPIES, MAX_ACKS)).take_while(near).count();
                for pos in (number - 300).max(1)..=number {
                    let at = all.partition_point(|(number, _)| *number < pos);
                    match acks.covering(Pos(pos)) {
                        AckSeen::LongAgo => prop_assert!(at < remembered, "{} of {}", at, all.len()),
                        seen => prop_assert_eq!(seen, AckSeen::In { number: Pos(all[at].0), packet: all[at].1 }),
                    }
                }
                prop_assert_eq!(acks.covering(Pos(number + 1)), AckSeen::No);
            }
        }
    }
}
