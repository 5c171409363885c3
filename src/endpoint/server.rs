//! The receiver: puts packages in order, acknowledges in order only.

use super::answers::{Answer, Answers};
use super::event::{Events, IgnoredFrame};
use super::inbox::Inbox;
use super::incoming::Incoming;
use super::message::highest_ack;
use super::{
    Detail, Endpoint, Event, FrameCopy, Intake, Moment, Outcome, Outgoing, OutgoingRun, Progress, ProtocolError, Stop,
    TransportEnd, WallClock,
};
use crate::window::Arrival;
use crate::wire::{Frame, FrameLayout, FrameTemplate, FrameView, HANDSHAKE, HEADER_LEN, MaxMsgSize, Name, Pos, Side};

/// What a server needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerConfig {
    /// P, which it announces.
    pub max_msg_size: MaxMsgSize,
    /// Where sent_time comes from.
    pub clock: WallClock,
}

/// The receiving end of one exchange.
///
/// Its memory does not grow with the message, provided that what it delivers is taken: besides that it holds at most
/// [`MAX_HELD_BYTES`](super::MAX_HELD_BYTES) of early packages, [`MAX_REPEATS`](super::MAX_REPEATS) answers to
/// duplicates and [`MAX_EVENTS`](super::MAX_EVENTS), whatever the client sends.
#[derive(Debug)]
pub struct Server {
    incoming: Incoming,
    core: Core,
}

/// All but the peer's stream, so that a frame of that stream can be taken in without a copy.
#[derive(Debug)]
struct Core {
    config: ServerConfig,
    detail: Detail,
    phase: Phase,
    layout: FrameLayout,
    /// The highest number that P digits can carry; DONE needs one above the last package's.
    highest_ack: Pos,
    inbox: Inbox,
    /// DONE's position, once it was acknowledged.
    done: Option<Pos>,
    answers: Answers,
    events: Events,
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before GET_MAX.
    Greeting,
    /// MSG, DONE, CLOSE.
    Receiving,
    /// CLOSE came: only the answers that wait, DISCONNECT last, are still written.
    Closing,
}

impl Server {
    /// A server that waits for GET_MAX.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        let core = Core {
            config,
            detail: Detail::Each,
            phase: Phase::Greeting,
            layout: HANDSHAKE,
            highest_ack: Pos(highest_ack(config.max_msg_size)),
            inbox: Inbox::default(),
            done: None,
            answers: Answers::default(),
            events: Events::default(),
            outcome: None,
        };
        Self { incoming: Incoming::new(), core }
    }

    /// The same server, saying less.
    #[must_use]
    pub const fn with_detail(mut self, detail: Detail) -> Self {
        self.core.detail = detail;
        self
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &ServerConfig {
        &self.core.config
    }

    /// Entries of answers in memory.
    #[cfg(test)]
    pub(super) fn waiting_answers(&self) -> usize {
        self.core.answers.entries()
    }

    /// Bytes of the message delivered so far.
    #[must_use]
    pub const fn delivered_bytes(&self) -> u64 {
        self.core.inbox.total()
    }
}

impl Endpoint for Server {
    fn side(&self) -> Side {
        Side::Server
    }

    fn handle_bytes(&mut self, mut bytes: &[u8], now: Moment) -> Result<(), ProtocolError> {
        while self.core.detail == Detail::Runs {
            let taken = self.core.take_in_order(self.incoming.whole(bytes));
            self.incoming.skip(taken, &mut bytes);
            // The frame that is not the next package, or is not whole here.
            let Some((frame, rest)) = bytes.split_at_checked(self.incoming.missing()) else { break };
            self.handle_bytes_through(frame, now, &mut |_| Intake::Take)?;
            bytes = rest;
        }
        self.handle_bytes_through(bytes, now, &mut |_| Intake::Take)
    }

    fn handle_bytes_through(
        &mut self,
        mut bytes: &[u8],
        _now: Moment,
        gate: &mut dyn FnMut(FrameView<'_>) -> Intake,
    ) -> Result<(), ProtocolError> {
        while self.core.listens() {
            let Some((frame, at)) = self.incoming.next(&mut bytes) else { break };
            if gate(frame) == Intake::Ignore {
                continue;
            }
            self.core.take_in(frame, at).inspect_err(|error| self.core.fail(error))?;
            if self.core.layout != self.incoming.layout() {
                self.incoming.switch_to(self.core.layout);
            }
        }
        if self.core.listens() {
            let (part, at) = self.incoming.partial();
            self.core.look_ahead(part, at).inspect_err(|error| self.core.fail(error))?;
        }
        Ok(())
    }

    fn handle_timeout(&mut self, _now: Moment) {}

    fn handle_end(&mut self, end: TransportEnd, _now: Moment) {
        // After CLOSE the client may close its half and still read what is left to write.
        if self.core.listens() || (end == TransportEnd::Reset && self.core.outcome.is_none()) {
            self.core.stop(Stop::from(end));
        }
    }

    fn poll_transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Outgoing> {
        if self.core.outcome.is_some() {
            return None;
        }
        let answer = self.core.answers.pop()?;
        Some(self.core.write(answer, now, out))
    }

    fn poll_transmit_run(&mut self, now: Moment, out: &mut Vec<u8>, room: usize) -> Option<OutgoingRun> {
        let run = match self.core.detail {
            Detail::Runs => self.core.transmit_in_order(now, out, room),
            Detail::Each => None,
        };
        run.or_else(|| self.poll_transmit(now, out).map(OutgoingRun::one))
    }

    fn poll_timeout(&self) -> Option<Moment> {
        None
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop()
    }

    fn poll_delivered(&mut self) -> &[u8] {
        self.core.inbox.give()
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.core.outcome.as_ref()
    }

    fn announce(&mut self, event: Event) {
        self.core.events.push(event);
    }
}

/// What arrives.
impl Core {
    fn listens(&self) -> bool {
        self.outcome.is_none() && self.phase != Phase::Closing
    }

    fn take_in(&mut self, frame: FrameView<'_>, offset: u64) -> Result<(), ProtocolError> {
        self.judge_name(frame.header(), frame.name(), offset)?;
        match frame.name() {
            Some(Name::GetMax) => self.take_get_max(),
            Some(Name::Msg) => self.take_msg(frame.pos(), frame.payload()),
            Some(Name::Done) => return self.take_done(frame.pos(), offset),
            Some(Name::Close) => {
                self.phase = Phase::Closing;
                self.answers.push_once(Answer { name: Name::Disconnect, pos: Pos(0), copy: FrameCopy::First });
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a frame whose name is wrong as soon as its header is there, rather than wait for bytes that may not come.
    fn look_ahead(&self, part: &[u8], offset: u64) -> Result<(), ProtocolError> {
        match part.first_chunk() {
            Some(header) => self.judge_name(*header, Name::from_header(header), offset),
            None => Ok(()),
        }
    }

    fn judge_name(&self, header: [u8; HEADER_LEN], name: Option<Name>, offset: u64) -> Result<(), ProtocolError> {
        let (peer, frame_len, max_msg_size) = (Side::Client, self.layout.len(), self.layout.max_msg_size());
        match name {
            Some(Name::GetMax) if frame_len == HANDSHAKE.len() => Ok(()),
            _ if self.phase == Phase::Greeting => {
                Err(ProtocolError::NotTheHandshake { peer, needed: Name::GetMax, header })
            }
            Some(Name::GetMax) => Err(ProtocolError::HandshakeOffTheGrid { offset, frame_len, max_msg_size }),
            Some(name) if name.sender() == Side::Server => Err(ProtocolError::WrongDirection { peer, offset, name }),
            Some(_) => Ok(()),
            None => Err(ProtocolError::UnknownFrame { peer, offset, header, frame_len, max_msg_size }),
        }
    }

    fn take_get_max(&mut self) {
        let answer = |copy| Answer { name: Name::ReturnMax, pos: Pos(0), copy };
        if self.phase == Phase::Greeting {
            self.phase = Phase::Receiving;
            self.layout = FrameLayout::new(self.config.max_msg_size);
            self.answers.push_once(answer(FrameCopy::First));
            self.events.push(Event::Agreed { max_msg_size: self.config.max_msg_size, packages: None });
        } else {
            self.repeat(Name::GetMax, answer(FrameCopy::Repeat));
        }
    }

    fn take_msg(&mut self, pos: Pos, payload: &[u8]) {
        let ignored = |why| Event::Ignored { name: Name::Msg, pos, why };
        if pos >= self.highest_ack {
            self.events.push(ignored(IgnoredFrame::NotAPosition));
            return;
        }
        if self.done.is_some_and(|done| pos >= done) {
            self.events.push(ignored(IgnoredFrame::AfterDone));
            return;
        }
        let arrival = self.inbox.arrive(pos, payload);
        let through = self.inbox.through();
        self.events.push(match arrival {
            Arrival::InOrder { acks } => {
                self.answers.push_acks(acks);
                Event::Delivered { pos, through }
            }
            Arrival::Ahead => Event::Held { pos, through },
            Arrival::Duplicate => {
                self.events.push(Event::Duplicate { pos, through });
                self.repeat(Name::Msg, Answer { name: Name::Ack, pos, copy: FrameCopy::Repeat });
                return;
            }
            Arrival::HeldTwice => ignored(IgnoredFrame::HeldTwice),
            Arrival::NoRoom => ignored(IgnoredFrame::NoRoom),
            Arrival::NotAPosition => ignored(IgnoredFrame::NotAPosition),
        });
    }

    fn take_done(&mut self, pos: Pos, offset: u64) -> Result<(), ProtocolError> {
        let ignored = |why| Event::Ignored { name: Name::Done, pos, why };
        let answer = Answer { name: Name::Ack, pos, copy: FrameCopy::OfDone };
        let (through, highest) = (self.inbox.through(), self.inbox.highest());
        match self.done {
            Some(done) if done == pos => self.repeat(Name::Done, answer),
            Some(_) => self.events.push(ignored(IgnoredFrame::AfterDone)),
            None if pos.0 <= 0 || pos > self.highest_ack => {
                self.events.push(ignored(IgnoredFrame::NotAPosition));
            }
            None if pos <= highest => {
                return Err(ProtocolError::DoneAmongPackages { offset, done: pos, highest });
            }
            None if pos.0 - 1 > through.0 => self.events.push(ignored(IgnoredFrame::DoneTooEarly)),
            None => {
                self.inbox.arrive(pos, b"");
                self.done = Some(pos);
                self.answers.push_once(answer);
                self.events.push(Event::Done { packages: through });
            }
        }
        Ok(())
    }

    /// An answer to something that came again, unless too many of them wait.
    fn repeat(&mut self, asked: Name, answer: Answer) {
        if !self.answers.push_repeat(answer) {
            self.events.push(Event::Ignored { name: asked, pos: answer.pos, why: IgnoredFrame::TooManyRepeats });
        }
    }
}

/// What arrives and departs undisturbed, by the run.
impl Core {
    /// Takes in the next packages, one after the other, at the front of `frames`; how many.
    fn take_in_order<'f>(&mut self, frames: impl Iterator<Item = FrameView<'f>>) -> u32 {
        if self.phase != Phase::Receiving || self.done.is_some() || self.outcome.is_some() {
            return 0;
        }
        let Some(run) = self.inbox.arrive_in_order(frames, self.highest_ack) else { return 0 };
        self.answers.push_acks(run);
        self.events.push(Event::DeliveredInOrder(run));
        run.count()
    }

    /// The next ACKs of packages in order.
    fn transmit_in_order(&mut self, now: Moment, out: &mut Vec<u8>, room: usize) -> Option<OutgoingRun> {
        if self.outcome.is_some() {
            return None;
        }
        let len = self.layout.len();
        let most = u32::try_from(room / len).unwrap_or(u32::MAX).max(1);
        let numbers = self.answers.pop_acks(most)?;
        let template = FrameTemplate::new(Name::Ack, self.layout, self.config.clock.unix_seconds(now));
        let mut digits = itoa::Buffer::new();
        for number in numbers.first().0..=numbers.last().0 {
            template.emit(digits.format(number).as_bytes(), Pos(0), out);
        }
        self.events.push(Event::SentInOrder { name: Name::Ack, positions: numbers });
        let first = Outgoing { name: Name::Ack, pos: numbers.first(), copy: FrameCopy::First, len };
        Some(OutgoingRun { first, count: numbers.count() })
    }
}

/// What departs, and how it ends.
impl Core {
    fn write(&mut self, answer: Answer, now: Moment, out: &mut Vec<u8>) -> Outgoing {
        let Answer { name, pos, copy } = answer;
        let mut digits = itoa::Buffer::new();
        let (payload, layout): (&[u8], _) = match name {
            Name::ReturnMax => (digits.format(self.config.max_msg_size.get()).as_bytes(), HANDSHAKE),
            Name::Ack => (digits.format(pos.0).as_bytes(), self.layout),
            _ => {
                let text = name.fixed_text().unwrap_or_default();
                (text.get(..usize::from(self.config.max_msg_size.get())).unwrap_or(text), self.layout)
            }
        };
        let start = out.len();
        Frame::from_server(name, payload, self.config.clock.unix_seconds(now))
            .emit(layout, out)
            .expect("no position is taken whose number needs more than P digits");
        let sent = Outgoing { name, pos, copy, len: out.len() - start };
        self.events.push(Event::Sent(sent));
        if name == Name::Disconnect {
            if self.done.is_some() {
                self.events.push(Event::Disconnected);
                self.outcome = Some(Outcome::Complete);
            } else {
                self.stop(Stop::CloseBeforeDone);
            }
        }
        sent
    }

    fn stop(&mut self, why: Stop) {
        let message = match self.done {
            Some(_) => Progress::Whole,
            None => Progress::Through { last: self.inbox.through(), of: None },
        };
        self.events.push(Event::Stopped(why));
        self.outcome = Some(Outcome::Incomplete { why, message });
    }

    fn fail(&mut self, error: &ProtocolError) {
        self.outcome = Some(Outcome::Failed(error.clone()));
    }
}
