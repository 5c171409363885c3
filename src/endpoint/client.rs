//! The sender: cuts the message into packages, keeps the window and the timer, resends.

use std::time::Duration;

use super::event::{Events, IgnoredAck, IgnoredFrame};
use super::flow::{Due, Flow};
use super::incoming::Incoming;
use super::message::Slices;
use super::{
    ConfigError, Detail, Endpoint, Event, FrameCopy, Intake, Moment, Outcome, Outgoing, OutgoingRun, Progress,
    ProtocolError, Stop, TransportEnd, WallClock,
};
use crate::window::{Acknowledgement, Departure};
use crate::wire::{Frame, FrameLayout, FrameTemplate, FrameView, HANDSHAKE, MaxMsgSize, Name, Pos, Side};

/// When an unacknowledged package goes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResendPolicy {
    /// When its timer ends; a full window waits for that.
    #[default]
    Timer,
    /// As the reference does (PROTOCOL §4.3, §4.6): asked before each new package, at once when the window is full,
    /// and half a second after the last package.
    Eager,
}

/// What a client needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientConfig {
    /// window_size: at least 1.
    pub window: u32,
    /// How long an ACK is waited for: more than 0.
    pub timeout: Duration,
    /// When an unacknowledged package goes again.
    pub policy: ResendPolicy,
    /// Time between new packages.
    pub pace: Duration,
    /// How often one position may be resent before the client gives up; `None` for no limit.
    pub max_resends: Option<u32>,
    /// How long RETURN_MAX is waited for.
    pub handshake_timeout: Duration,
    /// Where sent_time comes from.
    pub clock: WallClock,
}

impl ClientConfig {
    /// The configuration with defaults for all but the protocol's parameters: policy [`ResendPolicy::Timer`], no pace, no
    /// limit of resends, 10 s for the handshake.
    #[must_use]
    pub const fn new(window: u32, timeout: Duration, clock: WallClock) -> Self {
        Self {
            window,
            timeout,
            policy: ResendPolicy::Timer,
            pace: Duration::ZERO,
            max_resends: None,
            handshake_timeout: Duration::from_secs(10),
            clock,
        }
    }

    /// The same under [`ResendPolicy::Eager`], with 100 ms before each new package.
    #[must_use]
    pub const fn eager(mut self) -> Self {
        self.policy = ResendPolicy::Eager;
        self.pace = Duration::from_millis(100);
        self
    }
}

/// The sending end of one exchange.
#[derive(Debug)]
pub struct Client {
    incoming: Incoming,
    core: Core,
}

/// All but the peer's stream, so that a frame of that stream can be taken in without a copy.
#[derive(Debug)]
struct Core {
    config: ClientConfig,
    detail: Detail,
    slices: Slices,
    layout: FrameLayout,
    phase: Phase,
    /// The package for which a full window was announced last.
    announced_block: Pos,
    events: Events,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one per connection, and most of its life it is the large one")]
enum Phase {
    /// GET_MAX; when it was sent.
    Asking(Option<Moment>),
    /// MSG and DONE.
    Sending(Flow),
    /// CLOSE; its position and when it was sent.
    Closing { pos: Pos, sent: Option<Moment> },
}

impl Client {
    /// A client that will send `message`. GET_MAX is the first frame to transmit; its answer is waited for from then on.
    ///
    /// # Errors
    /// When the window or the timeout is 0.
    pub fn new(message: Vec<u8>, config: ClientConfig) -> Result<Self, ConfigError> {
        Self::sending(Slices::uncut(message), config)
    }

    /// A client that will send `round` again and again, `len` bytes in all, and keeps it once: for messages of any size.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn repeating(round: Vec<u8>, len: usize, config: ClientConfig) -> Result<Self, ConfigError> {
        Self::sending(Slices::repeating(round, len), config)
    }

    fn sending(slices: Slices, config: ClientConfig) -> Result<Self, ConfigError> {
        if config.window == 0 {
            return Err(ConfigError::Window);
        }
        if config.timeout.is_zero() {
            return Err(ConfigError::Timeout);
        }
        let core = Core {
            config,
            detail: Detail::Each,
            slices,
            layout: HANDSHAKE,
            phase: Phase::Asking(None),
            announced_block: Pos(0),
            events: Events::default(),
            outcome: None,
        };
        Ok(Self { incoming: Incoming::new(), core })
    }

    /// The same client, saying less.
    #[must_use]
    pub const fn with_detail(mut self, detail: Detail) -> Self {
        self.core.detail = detail;
        self
    }

    /// The message; of a [`repeating`](Self::repeating) one, one round.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.core.slices.message()
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &ClientConfig {
        &self.core.config
    }
}

impl Endpoint for Client {
    fn side(&self) -> Side {
        Side::Client
    }

    fn handle_bytes(&mut self, mut bytes: &[u8], now: Moment) -> Result<(), ProtocolError> {
        while self.core.detail == Detail::Runs {
            let run = self.core.next_acks(self.incoming.whole(bytes));
            let taken = self.core.take_acks(run, now);
            self.incoming.skip(taken, &mut bytes);
            // The frame that is not the next ACK, or is not whole here.
            let Some((frame, rest)) = bytes.split_at_checked(self.incoming.missing()) else { break };
            self.handle_bytes_through(frame, now, &mut |_| Intake::Take)?;
            bytes = rest;
        }
        self.handle_bytes_through(bytes, now, &mut |_| Intake::Take)
    }

    fn handle_bytes_through(
        &mut self,
        mut bytes: &[u8],
        now: Moment,
        gate: &mut dyn FnMut(FrameView<'_>) -> Intake,
    ) -> Result<(), ProtocolError> {
        while self.core.outcome.is_none() {
            let Some((frame, at)) = self.incoming.next(&mut bytes) else { break };
            if gate(frame) == Intake::Ignore {
                continue;
            }
            self.core.take_in(frame, at, now).inspect_err(|error| self.core.fail(error))?;
            if self.core.layout != self.incoming.layout() {
                self.incoming.switch_to(self.core.layout);
            }
        }
        if self.core.outcome.is_none() {
            let (part, at) = self.incoming.partial();
            self.core.look_ahead(part, at).inspect_err(|error| self.core.fail(error))?;
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.core.give_up_if_due(now);
    }

    fn handle_end(&mut self, end: TransportEnd, _now: Moment) {
        if self.core.outcome.is_none() {
            self.core.stop(Stop::from(end));
        }
    }

    fn poll_transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Outgoing> {
        self.core.give_up_if_due(now);
        if self.core.outcome.is_some() {
            return None;
        }
        self.core.transmit(now, out)
    }

    fn poll_transmit_run(&mut self, now: Moment, out: &mut Vec<u8>, room: usize) -> Option<OutgoingRun> {
        let run = match self.core.detail {
            Detail::Runs => self.core.transmit_in_order(now, out, room),
            Detail::Each => None,
        };
        run.or_else(|| self.poll_transmit(now, out).map(OutgoingRun::one))
    }

    fn poll_timeout(&self) -> Option<Moment> {
        if self.core.outcome.is_some() {
            return None;
        }
        match &self.core.phase {
            Phase::Sending(flow) => flow.due_at(),
            phase => Some(phase.answer_due(&self.core.config).map_or(Moment::ZERO, |(due, _)| due)),
        }
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop()
    }

    fn poll_delivered(&mut self) -> &[u8] {
        &[]
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.core.outcome.as_ref()
    }

    fn announce(&mut self, event: Event) {
        self.core.events.push(event);
    }
}

impl Phase {
    /// Until when the answer to GET_MAX or CLOSE is waited for, once that is sent, and what to say then.
    fn answer_due(&self, config: &ClientConfig) -> Option<(Moment, Stop)> {
        let (to, sent, waited) = match self {
            Self::Asking(sent) => (Name::GetMax, (*sent)?, config.handshake_timeout),
            Self::Closing { sent, .. } => (Name::Close, (*sent)?, config.timeout),
            Self::Sending(_) => return None,
        };
        Some((sent + waited, Stop::NoAnswer { to, waited }))
    }
}

/// What arrives.
impl Core {
    fn take_in(&mut self, frame: FrameView<'_>, offset: u64, now: Moment) -> Result<(), ProtocolError> {
        self.judge_name(frame.header(), frame.name(), offset)?;
        match frame.name() {
            Some(Name::ReturnMax) => self.take_max(frame.payload(), now),
            Some(Name::Ack) => {
                self.take_ack(frame.ack_number(), now);
                Ok(())
            }
            Some(Name::Disconnect) => {
                match self.phase {
                    Phase::Closing { sent: Some(_), .. } => {
                        self.events.push(Event::Disconnected);
                        self.outcome = Some(Outcome::Complete);
                    }
                    _ => self.stop(Stop::EarlyDisconnect),
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a frame whose name is wrong as soon as its header is there, rather than wait for bytes that may not come.
    fn look_ahead(&self, part: &[u8], offset: u64) -> Result<(), ProtocolError> {
        match part.first_chunk() {
            Some(header) => self.judge_name(*header, Name::from_header(header), offset),
            None => Ok(()),
        }
    }

    fn judge_name(&self, header: [u8; 10], name: Option<Name>, offset: u64) -> Result<(), ProtocolError> {
        let peer = Side::Server;
        match name {
            Some(Name::ReturnMax) => Ok(()),
            _ if matches!(self.phase, Phase::Asking(_)) => {
                Err(ProtocolError::NotTheHandshake { peer, needed: Name::ReturnMax, header })
            }
            Some(name) if name.sender() == Side::Client => Err(ProtocolError::WrongDirection { peer, offset, name }),
            Some(_) => Ok(()),
            None => Err(ProtocolError::UnknownFrame {
                peer,
                offset,
                header,
                frame_len: self.layout.len(),
                max_msg_size: self.layout.max_msg_size(),
            }),
        }
    }

    fn take_max(&mut self, payload: &[u8], now: Moment) -> Result<(), ProtocolError> {
        if !matches!(self.phase, Phase::Asking(_)) {
            self.events.push(Event::Ignored { name: Name::ReturnMax, pos: Pos(0), why: IgnoredFrame::SecondAnswer });
            return Ok(());
        }
        let p =
            MaxMsgSize::from_decimal(payload).ok_or_else(|| ProtocolError::ReturnMax { payload: payload.to_vec() })?;
        let packages = self.slices.cut(p)?;
        self.layout = FrameLayout::new(p);
        self.events.push(Event::Agreed { max_msg_size: p, packages: Some(Pos(packages)) });
        let flow = Flow::new(self.config, packages, now);
        if flow.all_acknowledged() {
            self.events.push(Event::Done { packages: flow.packages() });
        }
        self.phase = Phase::Sending(flow);
        Ok(())
    }

    fn take_ack(&mut self, ack: Option<Pos>, now: Moment) {
        let Phase::Sending(flow) = &mut self.phase else {
            let why = if ack.is_none() { IgnoredAck::Malformed } else { IgnoredAck::OutOfPhase };
            self.events.push(Event::AckIgnored { ack, why });
            return;
        };
        let before = (flow.last_acked(), flow.edge(), flow.timer_end());
        let verdict = flow.acknowledge(ack, now);
        let ignored = |why| Event::AckIgnored { ack, why };
        let by = ack.unwrap_or_default();
        self.events.push(match verdict {
            Acknowledgement::Malformed => ignored(IgnoredAck::Malformed),
            Acknowledgement::Unsent => ignored(IgnoredAck::Unsent),
            Acknowledgement::Reack
            | Acknowledgement::Regress
            | Acknowledgement::Duplicate
            | Acknowledgement::Unclear => ignored(IgnoredAck::Old),
            Acknowledgement::Jump { missing } => Event::AckOutOfOrder { ack: by, covers: missing },
            Acknowledgement::Advances | Acknowledgement::Premature { .. } => Event::AckReceived(by),
        });
        if flow.last_acked() == before.0 {
            return;
        }
        self.events.push(Event::WindowMoved { from: before.1, to: flow.edge(), by });
        self.events.push(Event::TimerMoved { from: before.2, to: flow.timer_end(), by });
        self.after_acks();
    }

    /// Goes on to DONE, or to CLOSE, when the last ACK for that came.
    fn after_acks(&mut self) {
        let Phase::Sending(flow) = &self.phase else { return };
        if flow.is_over() {
            // N + 2 fits: the message was refused otherwise.
            self.phase = Phase::Closing { pos: Pos(flow.done().0.saturating_add(1)), sent: None };
        } else if flow.all_acknowledged() {
            self.events.push(Event::Done { packages: flow.packages() });
        }
    }
}

/// What arrives and departs undisturbed, by the run.
impl Core {
    /// How many of these frames are the ACKs of the next positions that were sent, one after the other.
    fn next_acks<'f>(&self, frames: impl Iterator<Item = FrameView<'f>>) -> u32 {
        let Phase::Sending(flow) = &self.phase else { return 0 };
        if self.outcome.is_some() {
            return 0;
        }
        let numbers = flow.last_acked().0 + 1..=flow.highest().0;
        let is_next = |(frame, number): &(FrameView<'_>, i32)| {
            frame.name() == Some(Name::Ack) && frame.ack_number() == Some(Pos(*number))
        };
        frames.zip(numbers).take_while(is_next).map(|_| 1).sum()
    }

    /// Takes in the ACKs of the next `count` positions; how many were taken, which is all or none.
    fn take_acks(&mut self, count: u32, now: Moment) -> u32 {
        let Phase::Sending(flow) = &mut self.phase else { return 0 };
        let last = i64::from(flow.last_acked().0) + i64::from(count);
        let Some(run) = i32::try_from(last).ok().and_then(|last| flow.acknowledge_in_order(Pos(last), now)) else {
            return 0;
        };
        self.events.push(Event::AcksReceived(run));
        self.after_acks();
        count
    }

    /// The next packages that the window lets go at once.
    fn transmit_in_order(&mut self, now: Moment, out: &mut Vec<u8>, room: usize) -> Option<OutgoingRun> {
        let Phase::Sending(flow) = &mut self.phase else { return None };
        if self.outcome.is_some() {
            return None;
        }
        let len = self.layout.len();
        let most = u32::try_from(room / len).unwrap_or(u32::MAX).max(1);
        let positions = flow.depart_in_order(most, now)?;
        let template = FrameTemplate::new(Name::Msg, self.layout, self.config.clock.unix_seconds(now));
        for pos in positions.first().0..=positions.last().0 {
            template.emit(self.slices.get(Pos(pos)), Pos(pos), out);
        }
        self.events.push(Event::SentInOrder { name: Name::Msg, positions });
        let first = Outgoing { name: Name::Msg, pos: positions.first(), copy: FrameCopy::First, len };
        Some(OutgoingRun { first, count: positions.count() })
    }
}

/// What departs.
impl Core {
    fn transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Outgoing> {
        match &mut self.phase {
            Phase::Asking(sent @ None) => {
                *sent = Some(now);
                Some(self.write(Name::GetMax, Pos(0), FrameCopy::First, now, out))
            }
            Phase::Closing { pos, sent: sent @ None } => {
                *sent = Some(now);
                let pos = *pos;
                Some(self.write(Name::Close, pos, FrameCopy::First, now, out))
            }
            Phase::Asking(Some(_)) | Phase::Closing { sent: Some(_), .. } => None,
            Phase::Sending(flow) => match flow.due(now) {
                Some(Due::New(pos)) => self.send(pos, FrameCopy::First, now, out),
                Some(Due::Resend(pos, triggers)) => {
                    if let Some(end) = flow.timer_end().filter(|_| triggers.timer) {
                        self.events.push(Event::TimePassed { oldest: pos, end, now });
                    }
                    if let Some(next) = flow.blocked().filter(|next| self.announced_block != *next) {
                        self.announced_block = next;
                        self.events.push(Event::SequencePassed { next, edge: flow.edge() });
                    }
                    let after = flow.oldest_sent_at().map_or(Duration::ZERO, |sent| now.since(sent));
                    self.events.push(Event::Resending { pos, triggers, after });
                    self.send(pos, FrameCopy::Resend(triggers), now, out)
                }
                Some(Due::GiveUp { .. }) => None,
                None => {
                    self.announce_block(now);
                    None
                }
            },
        }
    }

    /// Sends a package or DONE, if the window's verdict allows it.
    fn send(&mut self, pos: Pos, copy: FrameCopy, now: Moment, out: &mut Vec<u8>) -> Option<Outgoing> {
        let Phase::Sending(flow) = &mut self.phase else { return None };
        let timer = flow.timer_end();
        let verdict = flow.depart(pos, now);
        if !matches!(verdict, Departure::New { unseen: None } | Departure::Resend) {
            debug_assert!(false, "{verdict:?} of {pos}: what is due lies within the window");
            return None;
        }
        let name = if pos == flow.done() { Name::Done } else { Name::Msg };
        let (moved, waits) = (flow.timer_end(), matches!(copy, FrameCopy::Resend(_)) || name == Name::Done);
        let sent = self.write(name, pos, copy, now, out);
        if moved != timer {
            self.events.push(Event::TimerMoved { from: timer, to: moved, by: pos });
        }
        if let Some(end) = moved.filter(|_| waits) {
            self.events.push(Event::WaitingForAck { pos, left: end.since(now) });
        }
        Some(sent)
    }

    /// Says once for each package that it waits because the window is full.
    fn announce_block(&mut self, now: Moment) {
        let Phase::Sending(flow) = &self.phase else { return };
        if self.config.policy != ResendPolicy::Timer {
            return;
        }
        let Some(next) = flow.blocked().filter(|next| self.announced_block != *next) else { return };
        self.announced_block = next;
        self.events.push(Event::SequencePassed { next, edge: flow.edge() });
        if let Some(end) = flow.timer_end() {
            let pos = Pos(flow.last_acked().0 + 1);
            self.events.push(Event::WaitingForAck { pos, left: end.since(now) });
        }
    }

    fn write(&mut self, name: Name, pos: Pos, copy: FrameCopy, now: Moment, out: &mut Vec<u8>) -> Outgoing {
        let p = usize::from(self.layout.max_msg_size().get());
        let payload = match name {
            Name::Msg => self.slices.get(pos),
            _ => cut(name.fixed_text().unwrap_or_default(), p),
        };
        let start = out.len();
        Frame::from_client(name, payload, pos, self.config.clock.unix_seconds(now))
            .emit(self.layout, out)
            .expect("slices are cut by P and none that ends in NUL was accepted");
        let sent = Outgoing { name, pos, copy, len: out.len() - start };
        self.events.push(Event::Sent(sent));
        sent
    }
}

/// How it ends.
impl Core {
    fn give_up_if_due(&mut self, now: Moment) {
        if self.outcome.is_some() {
            return;
        }
        let stop = match &self.phase {
            Phase::Sending(flow) => match flow.due(now) {
                Some(Due::GiveUp { pos, resends }) => Stop::GaveUp { pos, resends },
                _ => return,
            },
            phase => match phase.answer_due(&self.config) {
                Some((due, stop)) if due <= now => stop,
                _ => return,
            },
        };
        self.stop(stop);
    }

    fn stop(&mut self, why: Stop) {
        let message = match &self.phase {
            Phase::Asking(_) => Progress::Through { last: Pos(0), of: None },
            Phase::Sending(flow) => {
                Progress::Through { last: flow.last_acked().min(flow.packages()), of: Some(flow.packages()) }
            }
            Phase::Closing { .. } => Progress::Whole,
        };
        self.events.push(Event::Stopped(why));
        self.outcome = Some(Outcome::Incomplete { why, message });
    }

    fn fail(&mut self, error: &ProtocolError) {
        self.outcome = Some(Outcome::Failed(error.clone()));
    }
}

fn cut(text: &[u8], p: usize) -> &[u8] {
    text.get(..p).unwrap_or(text)
}
