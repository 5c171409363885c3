//! One connection's truth: takes what the endpoints say and what passes, gives events that are decided.

use std::collections::VecDeque;

use super::event::{
    Class, Copied, Loss, LossCause, Resend, ResendCause, TimerNumbers, TriggerNumbers, TriggersShown, TruthEvent,
    WindowNumbers,
};
use super::triggers::{Terms, TriggerWitness};
use super::witness::Witness;
use crate::endpoint::{Event, FrameCopy, Moment, Outgoing, Triggers};
use crate::fault::FaultCause;
use crate::simulate::lane::Mark;
use crate::simulate::run::at;
use crate::simulate::scenario::Exchange;
use crate::time::Timestamp;
use crate::wire::{Name, Pos, Side};

/// Frames written, by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each is the name of a frame")]
pub struct FrameCounts {
    pub get_max: u64,
    pub return_max: u64,
    pub msg: u64,
    pub ack: u64,
    pub done: u64,
    pub close: u64,
    pub disconnect: u64,
}

impl FrameCounts {
    fn add(&mut self, name: Name) {
        *match name {
            Name::GetMax => &mut self.get_max,
            Name::ReturnMax => &mut self.return_max,
            Name::Msg => &mut self.msg,
            Name::Ack => &mut self.ack,
            Name::Done => &mut self.done,
            Name::Close => &mut self.close,
            Name::Disconnect => &mut self.disconnect,
        } += 1;
    }
}

/// The truth of one connection as it comes about.
#[derive(Debug)]
pub(in crate::simulate) struct Ledger {
    connection: u32,
    start: Timestamp,
    witness: Witness,
    /// What the client said before its next resend.
    timer: Option<(Moment, Moment)>,
    window: Option<(Pos, Pos)>,
    after_ns: u64,
    /// The last frame handed over, and whether its fate is known.
    handed: Option<(Outgoing, u64)>,
    /// Resends that are written and have not passed, in order.
    resends: VecDeque<Resend>,
    /// When each frame of the client that has not passed was written, in order.
    written: VecDeque<u64>,
    triggers: TriggerWitness,
    pub(in crate::simulate) counts: FrameCounts,
    pub(in crate::simulate) delivered: flate2::Crc,
    pub(in crate::simulate) decided: Vec<TruthEvent>,
}

impl Ledger {
    pub(in crate::simulate) fn new(connection: u32, start: Timestamp, exchange: &Exchange) -> Self {
        let terms = Terms { window: exchange.window, timeout: exchange.timeout.nanos() };
        Self {
            connection,
            start,
            witness: Witness::default(),
            timer: None,
            window: None,
            after_ns: 0,
            handed: None,
            resends: VecDeque::new(),
            written: VecDeque::new(),
            triggers: TriggerWitness::new(terms),
            counts: FrameCounts::default(),
            delivered: flate2::Crc::new(),
            decided: Vec::new(),
        }
    }

    /// The server gave out message bytes.
    pub(in crate::simulate) fn delivered(&mut self, bytes: &[u8]) {
        self.delivered.update(bytes);
    }

    /// An endpoint says that something happened; `cause` gives what a loss rests on.
    pub(in crate::simulate) fn event(
        &mut self,
        event: &Event,
        now: u64,
        mut cause: impl FnMut() -> Option<FaultCause>,
    ) {
        match *event {
            Event::TimePassed { end, now, .. } => self.timer = Some((end, now)),
            Event::SequencePassed { next, edge } => self.window = Some((next, edge)),
            Event::Resending { after, .. } => self.after_ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX),
            Event::Sent(frame) => {
                self.settle();
                self.handed = Some((frame, now));
            }
            Event::WillBeLost { .. } => {
                let cause = cause();
                if let Some((frame, now)) = self.handed.take() {
                    self.lost(&frame, now, cause);
                }
            }
            Event::WillBeIgnored { pos, .. } => {
                let loss = self.loss(pos, now, Copied::First, cause());
                self.witness.done_ignored(loss);
            }
            _ => {}
        }
    }

    /// The last frame handed over is written: nothing was said against it.
    pub(in crate::simulate) fn settle(&mut self) {
        let Some((frame, now)) = self.handed.take() else { return };
        if let FrameCopy::Resend(held) = frame.copy {
            let resend = self.resend(&frame, held, now, true);
            self.resends.push_back(resend);
        }
        if frame.name.sender() == Side::Client {
            self.written.push_back(now);
        }
        self.witness.written(frame.name, frame.pos.0);
    }

    fn lost(&mut self, frame: &Outgoing, now: u64, cause: Option<FaultCause>) {
        let copy = match frame.copy {
            FrameCopy::First => Copied::First,
            FrameCopy::Resend(_) => Copied::Resend,
            FrameCopy::Repeat => Copied::Repeat,
            FrameCopy::OfDone => Copied::OfDone,
        };
        let loss = self.loss(frame.pos, now, copy, cause);
        if let FrameCopy::Resend(held) = frame.copy {
            let mut resend = self.resend(frame, held, now, false);
            self.witness.judge(&mut resend);
            (resend.visible, resend.class) = (false, Class::NotWritten);
            self.decided.push(TruthEvent::Resend(resend));
        }
        match frame.name {
            Name::Ack => self.witness.ack_lost(loss, &mut self.decided),
            _ => self.witness.package_lost(loss, &mut self.decided),
        }
    }

    fn loss(&self, pos: Pos, now: u64, copy: Copied, cause: Option<FaultCause>) -> Loss {
        let why = if cause == Some(FaultCause::Random) { LossCause::Random } else { LossCause::Listed };
        Loss {
            connection: self.connection,
            time: at(self.start, now),
            pos: pos.0,
            copy,
            why,
            visible: false,
            class: Class::NeverWritten,
        }
    }

    fn resend(&mut self, frame: &Outgoing, held: Triggers, now: u64, written: bool) -> Resend {
        let timer = self.timer.take().filter(|_| held.timer);
        let triggers = TriggerNumbers {
            timer: timer.map(|(end, now)| TimerNumbers {
                ended: at(self.start, end.nanos()),
                overdue_ns: now.nanos().saturating_sub(end.nanos()),
            }),
            // A full window is said once for each position that waits.
            full_window: self
                .window
                .filter(|_| held.full_window)
                .map(|(next, edge)| WindowNumbers { next: next.0, edge: edge.0 }),
            end_of_message: held.end_of_message,
        };
        Resend {
            connection: self.connection,
            time: at(self.start, now),
            frame: frame.name,
            pos: frame.pos.0,
            written,
            why: ResendCause::AckMissing,
            triggers,
            shown: TriggersShown::default(),
            after_ns: self.after_ns,
            visible: false,
            class: Class::NotWritten,
        }
    }

    /// A frame passes the capture point at `now`.
    pub(in crate::simulate) fn passed(&mut self, mark: &Mark, now: u64) {
        self.counts.add(mark.name);
        let (name, pos) = (mark.name, mark.pos.0);
        if name.sender() == Side::Client {
            let written = self.written.pop_front().unwrap_or_default();
            let resend = self.resends.pop_front_if(|_| matches!(mark.copy, FrameCopy::Resend(_)));
            if let Some(mut resend) = resend {
                self.witness.judge(&mut resend);
                self.triggers.resend(resend, written, &mut self.decided);
            }
            self.triggers.passed(name, pos, written, &mut self.decided);
        } else if name == Name::Ack {
            self.triggers.acknowledged(pos);
        }
        self.witness.passed(name, pos, now, &mut self.decided);
    }

    /// The connection is over; at `now` the first side ended it.
    pub(in crate::simulate) fn ended(&mut self, now: u64) {
        self.triggers.ended(&mut self.decided);
        self.witness.ended(now, &mut self.decided);
    }
}
