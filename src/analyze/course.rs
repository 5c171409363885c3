//! Where an exchange stands: handshake, packages, DONE, CLOSE (PROTOCOL §3.1, §3.6, §3.7).

use crate::wire::{Name, Pos, Side};

use super::ledger::index;

/// What is wrong with the place of a frame in the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutOfCourse {
    /// The client wrote before GET_MAX.
    BeforeGetMax,
    /// The client wrote a MSG, DONE or CLOSE, or the server anything, before RETURN_MAX.
    BeforeReturnMax,
    /// GET_MAX again, in a frame of the length of the others.
    SecondGetMax,
    /// GET_MAX again, in a frame that is not of the length of the others.
    OffGridGetMax,
    /// RETURN_MAX that no GET_MAX asked for.
    UnaskedReturnMax,
    /// DONE before all packages were acknowledged: the last acknowledged position.
    EarlyDone(Pos),
    /// A DONE at another position than the one before it.
    OtherDone(Pos),
    /// CLOSE before DONE.
    CloseBeforeDone,
    /// CLOSE before DONE was acknowledged.
    CloseBeforeDoneAcked,
    /// CLOSE a second time.
    SecondClose,
    /// Anything of the client after CLOSE.
    AfterClose,
    /// DISCONNECT before CLOSE.
    UnaskedDisconnect,
    /// Anything of the server after DISCONNECT.
    AfterDisconnect,
}

/// What a frame is to the course of the exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) name: Name,
    /// `None` where it was not captured.
    pub(super) pos: Option<Pos>,
    pub(super) packet: u64,
    /// The last acknowledged position before it, where that is proved.
    pub(super) last_acked: Option<Pos>,
    /// Its length is not that of the other frames.
    pub(super) off_grid: bool,
}

/// Where the exchange stands.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// Everything that a side wrote so far is known: client, server.
    whole: [bool; 2],
    asked: u32,
    answered: u32,
    /// Said once: what came before the handshake.
    hasty: bool,
    /// The first DONE: position and packet.
    pub(super) done: Option<(Pos, u64)>,
    /// An ACK of DONE was seen.
    pub(super) done_acked: bool,
    pub(super) close: Option<u64>,
    pub(super) disconnect: Option<u64>,
}

impl Course {
    /// `from_start`: whether the capture has each side from its first byte on.
    pub(super) const fn new(from_start: [bool; 2]) -> Self {
        Self {
            whole: from_start,
            asked: 0,
            answered: 0,
            hasty: false,
            done: None,
            done_acked: false,
            close: None,
            disconnect: None,
        }
    }

    /// Bytes of `side` are missing: from now on nothing is claimed of what it did not write.
    pub(super) const fn lost(&mut self, side: Side) {
        self.whole[index(side)] = false;
    }

    /// True when every step of the end was seen: DONE, its ACK, CLOSE, DISCONNECT.
    pub(super) const fn is_complete(&self) -> bool {
        self.done_acked && self.close.is_some() && self.disconnect.is_some()
    }

    const fn whole(&self, side: Side) -> bool {
        self.whole[index(side)]
    }

    /// The ordinary frame in the middle: a package or an ACK, with nothing to remember.
    #[inline]
    pub(super) const fn is_under_way(&self) -> bool {
        let asked = self.asked > 0 || !self.whole(Side::Client);
        let answered = self.answered > 0 || !self.whole(Side::Server);
        asked && answered && self.done.is_none() && self.close.is_none() && self.disconnect.is_none()
    }

    /// Takes in the next frame, which its name's side wrote. Of several faults the first in this order is told.
    pub(super) fn take(&mut self, event: &Event) -> Option<OutOfCourse> {
        match event.name.sender() {
            Side::Client => self.client(event),
            Side::Server => self.server(event),
        }
    }

    fn client(&mut self, event: &Event) -> Option<OutOfCourse> {
        let Event { name, pos, packet, last_acked, off_grid } = *event;
        let after_close = self.close.is_some();
        let fault = match name {
            Name::GetMax => {
                self.asked += 1;
                match self.asked {
                    1 => None,
                    _ if off_grid => Some(OutOfCourse::OffGridGetMax),
                    _ => Some(OutOfCourse::SecondGetMax),
                }
            }
            Name::Done => pos.and_then(|pos| self.take_done(pos, packet, last_acked)),
            Name::Close => {
                let fault = match self.done {
                    _ if after_close => Some(OutOfCourse::SecondClose),
                    None => self.whole(Side::Client).then_some(OutOfCourse::CloseBeforeDone),
                    Some((done, _)) => {
                        let acked = self.done_acked || last_acked.is_none_or(|last| last >= done);
                        (!acked && self.whole(Side::Server)).then_some(OutOfCourse::CloseBeforeDoneAcked)
                    }
                };
                self.close.get_or_insert(packet);
                fault
            }
            _ => None,
        };
        if after_close && name != Name::Close {
            return Some(OutOfCourse::AfterClose);
        }
        if name != Name::GetMax && !self.hasty {
            let early = if self.asked == 0 && self.whole(Side::Client) {
                Some(OutOfCourse::BeforeGetMax)
            } else if self.answered == 0 && self.whole(Side::Server) && self.whole(Side::Client) {
                Some(OutOfCourse::BeforeReturnMax)
            } else {
                None
            };
            self.hasty = early.is_some();
            if early.is_some() {
                return early;
            }
        }
        fault
    }

    fn take_done(&mut self, pos: Pos, packet: u64, last_acked: Option<Pos>) -> Option<OutOfCourse> {
        match self.done {
            Some((done, _)) if done == pos => None,
            Some((done, _)) => Some(OutOfCourse::OtherDone(done)),
            None => {
                self.done = Some((pos, packet));
                last_acked.filter(|last| last.0 < pos.0.saturating_sub(1)).map(OutOfCourse::EarlyDone)
            }
        }
    }

    fn server(&mut self, event: &Event) -> Option<OutOfCourse> {
        let Event { name, pos, packet, .. } = *event;
        if self.disconnect.is_some() {
            return Some(OutOfCourse::AfterDisconnect);
        }
        match name {
            Name::ReturnMax => {
                self.answered += 1;
                (self.answered > self.asked && self.whole(Side::Client)).then_some(OutOfCourse::UnaskedReturnMax)
            }
            Name::Ack => {
                self.done_acked |= self.done.is_some_and(|(done, _)| pos == Some(done));
                self.before_handshake()
            }
            Name::Disconnect => {
                self.disconnect = Some(packet);
                let unasked = self.close.is_none() && self.whole(Side::Client);
                self.before_handshake().or(unasked.then_some(OutOfCourse::UnaskedDisconnect))
            }
            _ => None,
        }
    }

    fn before_handshake(&mut self) -> Option<OutOfCourse> {
        let early = self.answered == 0 && self.whole(Side::Server) && !self.hasty;
        self.hasty |= early;
        early.then_some(OutOfCourse::BeforeReturnMax)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `name pos` with everything acknowledged up to the position before.
    fn run(course: &mut Course, frames: &[(Name, i32)]) -> Vec<OutOfCourse> {
        // Nothing is acknowledged at the start, and nothing known in the middle.
        let mut last = (course.whole == [true; 2]).then_some(0);
        (1..)
            .zip(frames)
            .filter_map(|(packet, &(name, pos))| {
                let event = Event { name, pos: Some(Pos(pos)), packet, last_acked: last.map(Pos), off_grid: false };
                let fault = course.take(&event);
                if name == Ack {
                    last = last.max(Some(pos));
                }
                fault
            })
            .collect()
    }

    use Name::{Ack, Close, Disconnect, Done, GetMax, Msg, ReturnMax};

    const WHOLE: [(Name, i32); 8] =
        [(GetMax, 0), (ReturnMax, 0), (Msg, 1), (Ack, 1), (Done, 2), (Ack, 2), (Close, 3), (Disconnect, 0)];

    #[test]
    fn an_exchange_in_its_order_is_complete_and_faultless() {
        let mut course = Course::new([true; 2]);
        assert_eq!(run(&mut course, &WHOLE), []);
        assert!(course.is_complete());
    }

    #[test]
    fn every_fault_of_order_has_its_name_and_is_said_once() {
        use OutOfCourse as O;
        type Case<'a> = (&'a [(Name, i32)], &'a [O]);
        let cases: [Case<'_>; 9] = [
            (&[(Msg, 1), (Msg, 2), (GetMax, 0)], &[O::BeforeGetMax]),
            (&[(GetMax, 0), (Msg, 1), (Ack, 1)], &[O::BeforeReturnMax]),
            (
                &[(GetMax, 0), (GetMax, 0), (ReturnMax, 0), (ReturnMax, 0), (ReturnMax, 0)],
                &[O::SecondGetMax, O::UnaskedReturnMax],
            ),
            (&[(GetMax, 0), (ReturnMax, 0), (Msg, 1), (Done, 2)], &[O::EarlyDone(Pos(0))]),
            (&[(GetMax, 0), (ReturnMax, 0), (Done, 1), (Done, 2)], &[O::OtherDone(Pos(1))]),
            (&[(GetMax, 0), (ReturnMax, 0), (Close, 2)], &[O::CloseBeforeDone]),
            (
                &[(GetMax, 0), (ReturnMax, 0), (Done, 1), (Close, 2), (Close, 2), (Msg, 1)],
                &[O::CloseBeforeDoneAcked, O::SecondClose, O::AfterClose],
            ),
            (&[(GetMax, 0), (ReturnMax, 0), (Disconnect, 0), (Ack, 0)], &[O::UnaskedDisconnect, O::AfterDisconnect]),
            (&[(GetMax, 0), (Ack, 0)], &[O::BeforeReturnMax]),
        ];
        for (frames, expected) in cases {
            assert_eq!(run(&mut Course::new([true; 2]), frames), expected, "{frames:?}");
        }
    }

    #[test]
    fn what_may_have_been_written_unseen_is_not_claimed_to_be_missing() {
        for skip in 0..WHOLE.len() {
            assert_eq!(run(&mut Course::new([false; 2]), &WHOLE[skip..]), [], "from {skip}");
        }
    }
}
