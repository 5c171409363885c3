//! Positions written again, or late for the first time: followed until everything is known that tells why.
//!
//! What set a resend off shows only afterwards: whether the window was full or the message at its end is told by the
//! next position above all before it, and which ACK answered it by that ACK. So each waits here, [`MAX_WAITING`] at most.

use std::collections::VecDeque;

use super::finding::CLOCK_GRAIN;
use super::{Basis, Cause, Evidence, TimerEvidence, Trigger, Why, WindowEvidence};
use crate::decode::info::AckSeen;
use crate::time::Timestamp;
use crate::wire::{Name, Pos};

/// Positions that wait to be told, per connection; beyond it the oldest is told with what is known.
pub(super) const MAX_WAITING: usize = 256;

/// A MSG or DONE at or below the highest position written before it.
#[derive(Debug, Clone)]
pub(super) struct Again {
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
    pub(super) name: Name,
    pub(super) pos: Pos,
    pub(super) how: How,
    /// Seconds since its last copy by the sender's clock; of one never written, since it was counted.
    pub(super) age: Option<Age>,
    /// Seconds of capture time since the frame before.
    pub(super) capture_age: Option<f64>,
    pub(super) terms: Terms,
    /// The highest position written before.
    pub(super) highest: Pos,
    /// The last acknowledged position, where the capture had shown every ACK.
    pub(super) last_acked: Option<Pos>,
    /// The first ACK that had covered it.
    pub(super) acked_before: AckSeen,
    /// ACKs since the copy before it may not be captured.
    pub(super) acks_unseen: bool,
    pub(super) acked_after: Option<(Pos, u64)>,
    /// That ACK comes after it in the capture and before it by the capture's clock.
    pub(super) order_disputed: bool,
    pub(super) left: Left,
    pub(super) room: Room,
    /// The sender wrote a new package though this one was long due: that package's packet.
    pub(super) acted: Option<Acted>,
    /// The same position was written once more.
    pub(super) repeated: bool,
    /// A frame of the server came after it: what is missing before that is known.
    pub(super) heard: bool,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    /// The first copy of a position passed by: the frame that passed it by, while that is remembered.
    Late { opened: Option<u64> },
    /// A further copy, the n-th seen; the packet of the one before it, while that is remembered.
    Copy { earlier: Option<u64>, nth: u32 },
}

/// An interval of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Age {
    pub(super) min: f64,
    pub(super) max: f64,
}

/// The parameters as known when it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Terms {
    pub(super) window: Option<u32>,
    pub(super) timeout: Option<f64>,
    /// The largest number in flight so far.
    pub(super) largest_in_flight: u32,
    /// What the traffic so far proves the timeout to be at most.
    pub(super) timeout_at_most: Option<f64>,
    pub(super) tolerance: f64,
}

/// What the sender still had to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Unknown,
    /// A new MSG, which came later.
    New,
    /// DONE was next.
    Nothing,
}

/// Whether the window had room for a new package and there was one.
///
/// That a position was not written yet does not prove it: it may have been counted without being written, and then looks
/// new when it is written as the oldest one. A position that is written while one below it is outstanding is truly new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// None: positions up to the edge had been written.
    Full,
    /// By what was written; positions up to this edge may prove it.
    Until(Pos),
    /// A truly new package within the edge followed, in this packet.
    Proved(u64),
    /// A package beyond the edge followed before one proved it.
    Passed,
    /// DONE followed before one proved it.
    Ended,
    /// Bytes that are missing may have told.
    Lost,
}

/// A new package written though an older one was due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Acted {
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
    /// How old the last copy was then, at least.
    pub(super) age: f64,
}

/// A departure above every one before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    pub(super) name: Name,
    pub(super) pos: Pos,
    pub(super) packet: u64,
    /// One below it is outstanding: it is no resend of something that was counted and not written.
    pub(super) truly_new: bool,
}

impl Again {
    /// The last position that the client had acknowledged, if it kept the rules: only the oldest is written again.
    fn base(&self) -> Pos {
        let below = Pos(self.pos.0 - 1);
        self.last_acked.map_or(below, |last| last.min(below))
    }

    /// The window, and who says so.
    fn window(&self) -> (u32, Basis) {
        match self.terms.window {
            Some(size) => (size, Basis::Declared),
            None => (self.terms.largest_in_flight, Basis::Inferred),
        }
    }

    /// Where the window stood for the client.
    pub(super) fn edge(&self) -> WindowEvidence {
        let (size, basis) = self.window();
        let base = self.base();
        let edge = i32::try_from(i64::from(base.0) + i64::from(size)).unwrap_or(i32::MAX);
        WindowEvidence { edge: Pos(edge), next: Pos(self.highest.0.saturating_add(1)), last_acked: base, size, basis }
    }

    /// True when nothing can be added to it.
    fn is_settled(&self) -> bool {
        let silent = self.repeated && self.heard;
        let answered = self.acked_after.is_some() || self.acked_before != AckSeen::No || silent;
        answered && self.left != Left::Unknown && !matches!(self.room, Room::Until(_))
    }

    /// The timeout had passed since its last copy: proved.
    pub(super) fn is_overdue_by(&self, margin: f64) -> bool {
        let timeout = self.terms.timeout.or(self.terms.timeout_at_most);
        self.age.zip(timeout).is_some_and(|(age, timeout)| age.min + CLOCK_GRAIN >= timeout + margin)
    }

    /// The timeout had not passed since its last copy, by more than `margin`: proved.
    pub(super) fn is_early_by(&self, margin: f64) -> bool {
        self.age.zip(self.terms.timeout).is_some_and(|(age, timeout)| age.max < timeout - margin)
    }

    /// Whether a trigger held; `None` where nothing tells.
    fn held(&self, trigger: Trigger) -> Option<bool> {
        if trigger == Trigger::Timer {
            if self.is_overdue_by(0.0) || self.is_early_by(CLOCK_GRAIN) {
                return Some(self.is_overdue_by(0.0));
            }
            // Something set it off; where everything else is ruled out, it was the timer, whatever its age tells.
            let ruled_out = |other| self.held(other) == Some(false);
            return (ruled_out(Trigger::FullWindow) && ruled_out(Trigger::EndOfMessage)).then_some(true);
        }
        // DONE goes when nothing else is left, and goes again by its timer alone (PROTOCOL §3.6).
        if self.name != Name::Msg {
            return Some(false);
        }
        let window = self.edge();
        let declared = window.basis == Basis::Declared;
        match (trigger, self.room, self.left) {
            // The most seen in flight is a window's lower bound: only a declared one has an edge.
            (Trigger::FullWindow, Room::Full, Left::New) => declared.then_some(true),
            (Trigger::FullWindow, Room::Proved(_) | Room::Ended, _) | (Trigger::FullWindow, _, Left::Nothing) => {
                Some(false)
            }
            (Trigger::EndOfMessage, _, Left::Nothing) => Some(true),
            (Trigger::EndOfMessage, Room::Proved(_), _) => Some(false),
            // A package beyond the edge was not counted yet.
            (Trigger::EndOfMessage, Room::Passed, Left::New) if declared => Some(false),
            (Trigger::EndOfMessage, Room::Full, Left::New) => Some(false),
            _ => None,
        }
    }

    /// Why, and everything that could have set it off.
    pub(super) fn cause(&self) -> Cause {
        let why = match (self.how, self.acked_before) {
            (How::Late { .. }, _) => Why::NeverWritten,
            (_, AckSeen::In { .. } | AckSeen::LongAgo) => Why::Unexplained,
            _ if self.acks_unseen || self.order_disputed => Why::CannotTell,
            // Its last byte is missing: it may have been written before this frame, or after.
            _ if self.acked_after.is_some_and(|(_, packet)| packet <= self.packet) => Why::CannotTell,
            _ => Why::AckMissing,
        };
        let window = (self.name == Name::Msg).then(|| self.edge());
        let (mut triggers, mut undecided) = (Vec::new(), Vec::new());
        for trigger in [Trigger::Timer, Trigger::FullWindow, Trigger::EndOfMessage] {
            match self.held(trigger) {
                Some(true) => triggers.push(trigger),
                Some(false) => {}
                None => undecided.push(trigger),
            }
        }
        let (earlier_packet, copy) = match self.how {
            How::Late { opened } => (opened, 1),
            How::Copy { earlier, nth } => (earlier, nth),
        };
        let timer = self.age.map(|age| TimerEvidence {
            age_min: age.min,
            age_max: age.max,
            timeout: self.terms.timeout.or(self.terms.timeout_at_most),
        });
        let acked_before = match self.acked_before {
            AckSeen::In { number, packet } => Some((number, packet)),
            AckSeen::No | AckSeen::LongAgo => None,
        };
        let evidence = Evidence {
            earlier_packet,
            packet: self.packet,
            copy,
            timer,
            window,
            acked_before,
            acked_after: self.acked_after,
        };
        Cause { why, triggers, undecided, evidence }
    }
}

/// Those that wait, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    list: VecDeque<Again>,
    /// Of this position an earlier copy may have been acknowledged unseen.
    unsure: Option<Pos>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Begins to follow one; returns the one that has to go for it.
    pub(super) fn put(&mut self, mut again: Again) -> Option<Again> {
        again.acks_unseen |= self.unsure == Some(again.pos);
        for other in self.list.iter_mut().filter(|other| other.pos == again.pos) {
            other.repeated = true;
            again.acks_unseen |= other.acks_unseen;
        }
        if again.acks_unseen {
            self.unsure = Some(again.pos);
        }
        let oldest = if self.list.len() >= MAX_WAITING { self.list.pop_front() } else { None };
        self.list.push_back(again);
        oldest
    }

    /// A position above all before it was written.
    pub(super) fn ahead(&mut self, ahead: Ahead) {
        for again in &mut self.list {
            if again.left == Left::Unknown {
                again.left = match ahead.name {
                    Name::Done if ahead.pos.0 - 1 == again.highest.0 => Left::Nothing,
                    Name::Done => Left::Unknown,
                    _ => Left::New,
                };
            }
            if let Room::Until(edge) = again.room {
                if ahead.name == Name::Done {
                    again.room = if ahead.pos.0 - 1 <= edge.0 { Room::Ended } else { Room::Passed };
                } else if ahead.pos > edge {
                    again.room = Room::Passed;
                } else if ahead.truly_new {
                    again.room = Room::Proved(ahead.packet);
                }
            }
        }
    }

    /// A frame of the server came, in that packet.
    pub(super) fn heard(&mut self, packet: u64) {
        for again in &mut self.list {
            again.heard |= again.packet < packet;
        }
    }

    /// An ACK moved the window to `number`, in a packet of that capture time.
    pub(super) fn acked(&mut self, number: Pos, packet: u64, time: Option<Timestamp>) {
        for again in &mut self.list {
            if again.pos <= number && again.acked_before == AckSeen::No && again.acked_after.is_none() {
                again.acked_after = Some((number, packet));
                again.order_disputed = time.zip(again.time).is_some_and(|(acked, written)| acked < written);
            }
        }
    }

    /// Bytes are missing: what comes next proves nothing about room any more. Those of the server may have held ACKs at any
    /// time since its frame in packet `answers_until`.
    pub(super) fn lost(&mut self, answers_until: Option<u64>) {
        for again in &mut self.list {
            if answers_until.is_some_and(|until| again.packet >= until) {
                again.acks_unseen = true;
                self.unsure = Some(again.pos);
            }
            if matches!(again.room, Room::Until(_)) {
                again.room = Room::Lost;
            }
        }
    }

    /// The next that is settled, oldest first.
    pub(super) fn settled(&mut self) -> Option<Again> {
        let index = self.list.iter().position(Again::is_settled)?;
        self.list.remove(index)
    }

    /// The next, settled or not.
    pub(super) fn pop(&mut self) -> Option<Again> {
        self.list.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(pos: i32, packet: u64) -> Again {
        Again {
            packet,
            time: None,
            name: Name::Msg,
            pos: Pos(pos),
            how: How::Copy { earlier: Some(1), nth: 2 },
            age: Some(Age { min: 0.5, max: 0.5 }),
            capture_age: None,
            terms: Terms {
                window: Some(3),
                timeout: Some(1.0),
                largest_in_flight: 0,
                timeout_at_most: None,
                tolerance: 0.1,
            },
            highest: Pos(pos),
            last_acked: Some(Pos(pos - 1)),
            acked_before: AckSeen::No,
            acks_unseen: false,
            order_disputed: false,
            acked_after: None,
            left: Left::Unknown,
            room: Room::Until(Pos(pos + 2)),
            acted: None,
            repeated: false,
            heard: false,
        }
    }

    fn ahead(name: Name, pos: i32, truly_new: bool) -> Ahead {
        Ahead { name, pos: Pos(pos), packet: 9, truly_new }
    }

    /// What is told of position 5, written again early with room up to 7, after these departures and its ACK.
    fn told(departures: &[Ahead]) -> Cause {
        let mut waiting = Waiting::default();
        assert!(waiting.put(again(5, 3)).is_none());
        departures.iter().for_each(|departure| waiting.ahead(*departure));
        waiting.acked(Pos(5), 10, None);
        waiting.settled().or_else(|| waiting.pop()).unwrap().cause()
    }

    #[test]
    fn a_truly_new_package_within_the_edge_rules_a_full_window_out() {
        let cause = told(&[ahead(Name::Msg, 6, true)]);
        assert_eq!((cause.triggers, cause.undecided), (vec![], vec![]));
    }

    #[test]
    fn a_package_that_may_have_been_counted_before_decides_nothing() {
        let cause = told(&[ahead(Name::Msg, 6, false)]);
        assert_eq!((cause.triggers, cause.undecided), (vec![], vec![Trigger::FullWindow, Trigger::EndOfMessage]));
        // One beyond the edge was not counted: the message was not at its end.
        let cause = told(&[ahead(Name::Msg, 6, false), ahead(Name::Msg, 8, false)]);
        assert_eq!((cause.triggers, cause.undecided), (vec![], vec![Trigger::FullWindow]));
    }

    #[test]
    fn a_done_right_after_says_that_nothing_was_left() {
        let cause = told(&[ahead(Name::Done, 6, false)]);
        assert_eq!((cause.triggers, cause.undecided), (vec![Trigger::EndOfMessage], vec![]));
        // With a package before it, that package may have been counted, or not.
        let cause = told(&[ahead(Name::Msg, 6, false), ahead(Name::Done, 7, false)]);
        assert_eq!((cause.triggers, cause.undecided), (vec![], vec![Trigger::EndOfMessage]));
    }

    #[test]
    fn what_waits_for_ever_is_told_in_the_end() {
        let mut waiting = Waiting::default();
        let mut told = 0;
        for packet in 0..10_000 {
            told += usize::from(waiting.put(again(1 + packet as i32, packet)).is_some());
            assert!(waiting.list.len() <= MAX_WAITING);
        }
        assert_eq!(told, 10_000 - MAX_WAITING);
    }
}
