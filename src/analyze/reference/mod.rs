//! The reference model: what was observed, replayed through a sender and a receiver that keep the rules.
//!
//! ```text
//!           ┌─► Standing ─┐   ┌─► Rules ─► the first divergence
//! Step, ────┤             ├───┤
//! hole      └─► Flight ───┘   └─► Fit ───► the behaviours, best first
//! ```
//!
//! * `Rules` says at each frame what the rules allow there, and keeps the first frame that is something else. A
//!   mimicked loss is within the rules (PROTOCOL §5): a position passed over, an ACK not written, a DONE without an answer
//!   are no divergence. Anything the endpoints must not do is one: a position beyond the window, another than the oldest
//!   written again, an ACK of what had not arrived, an ACK that nothing asked for, CLOSE before DONE is acknowledged …
//!   What is wrong with a frame by itself (its fields, its size, its payload, its end) the rules of the analysis find, and
//!   tell: the first divergence is the first frame of any kind that the rules do not allow.
//! * `Fit` asks of each decision which of five behaviours would have taken it.
//!
//! Claims are made only where the capture proves them. An ACK passes the capture point before the client has it and a MSG
//! before the server has it, wherever that is, so the model never knows less than the endpoint whose act it judges. What is
//! behind a hole, or before the beginning of the capture, is not claimed, and the window is judged only if it was declared.
//!
//! Memory is bounded per connection: the last copies of at most 16,384 outstanding positions, 256 ages and a few sentences.
//! A frame that neither repeats nor skips anything costs a few comparisons.

mod fit;
mod flight;
mod rules;
mod score;
mod standing;
mod timing;

use std::time::Duration;

use fit::Fit;
use flight::Flight;
use rules::Rules;
use standing::Standing;

use super::{Finding, Reference, Step, StepVerdict};
use crate::time::Timestamp;
use crate::window::Departure;
use crate::wire::{Name, Pos, Side};

/// What a replay is told beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayOptions {
    /// window_size as declared; without it no position is beyond it.
    pub window: Option<u32>,
    /// timeout as declared; without it no resend is too early.
    pub timeout: Option<Duration>,
    /// How far a time may be off before something is made of it.
    pub tolerance: Duration,
    /// The time from which moments count in words: the connection's first packet.
    pub began: Option<Timestamp>,
    /// Whether each side's stream is captured from its first byte: client, server.
    pub from_start: [bool; 2],
}

/// A connection replayed, frame by frame.
#[derive(Debug)]
pub struct Replay {
    standing: Standing,
    flight: Flight,
    rules: Rules,
    fit: Fit,
    /// The client's latest sent_time; NaN before the first.
    last_sent: f64,
}

/// A MSG or DONE, as the parts of the replay are given it.
#[derive(Debug, Clone, Copy)]
struct Write<'a> {
    step: &'a Step,
    pos: Pos,
    verdict: Departure,
    done: bool,
    /// sent_time, if it is a number.
    sent: Option<f64>,
    /// New for certain, see [`Standing::is_genuine`].
    genuine: bool,
}

impl Replay {
    /// A connection of which nothing was replayed yet.
    #[must_use]
    pub fn new(options: &ReplayOptions) -> Self {
        Self {
            standing: Standing::new(options),
            flight: Flight::new(options.from_start[0]),
            rules: Rules::new(options),
            fit: Fit::new(options),
            last_sent: f64::NAN,
        }
    }

    /// Takes in the next frame of either side, in the order of the capture. `acks_proved`: before it no ACK above the last
    /// acknowledged position can have been missed
    /// ([`SendWindow::last_acked_is_proved`](crate::window::SendWindow::last_acked_is_proved)).
    pub fn step(&mut self, step: &Step, acks_proved: bool) {
        self.standing.acks_proved = acks_proved;
        self.standing.acks_known = acks_proved && self.standing.acks_anchored;
        let Some(name) = step.name else {
            self.hole(step.from);
            return;
        };
        match (name, step.verdict, step.pos) {
            _ if name.sender() != step.from => self.rules.wrong_direction(step, name),
            (Name::Msg | Name::Done, StepVerdict::Departure(verdict), Some(pos)) => {
                let sent = step.sent_time.filter(|time| time.is_finite());
                let mut write = Write { step, pos, verdict, done: name == Name::Done, sent, genuine: false };
                self.clock(&write);
                write.genuine = self.standing.is_genuine(&write);
                self.write(&write);
            }
            (Name::Ack, StepVerdict::Acknowledgement(verdict), _) => {
                self.rules.acknowledgement(&self.standing, step, verdict);
                self.fit.acknowledgement(&self.standing, &mut self.flight, step, verdict);
                self.standing.acknowledged(step.pos, &mut self.flight);
                self.fit.settled(&self.standing, step);
            }
            // It was one, and what it said is not captured.
            (Name::Msg | Name::Done | Name::Ack, ..) => self.hole(step.from),
            (Name::GetMax | Name::ReturnMax | Name::Close | Name::Disconnect, ..) => {
                self.rules.other(&self.standing, step, name);
                self.standing.other(step, name);
            }
        }
    }

    /// Looks at the client's clock. A DONE may keep its first sent_time (PROTOCOL §4.5).
    fn clock(&mut self, write: &Write<'_>) {
        let Some(sent) = write.sent.filter(|_| !write.done) else { return };
        if sent < self.last_sent {
            self.flight.clock_set_back();
            self.fit.clock_set_back();
        }
        self.last_sent = sent;
    }

    /// Bytes of that side were not captured at this place.
    pub fn hole(&mut self, from: Side) {
        self.standing.hole(from);
        self.fit.hole();
        if from == Side::Client {
            self.fit.missed_positions();
            self.flight.clear();
            self.rules.forget_pending();
        }
    }

    /// Takes in a frame whose name the protocol does not know.
    pub fn unknown(&mut self, step: &Step) {
        self.rules.unknown(step);
    }

    /// Takes in what a rule found wrong with a frame: of such as this replay does not look at, and of their order.
    pub fn broke(&mut self, finding: &Finding) {
        self.rules.broke(finding);
    }

    /// What it came to. Nothing is to follow.
    pub fn finish(&mut self) -> Reference {
        Reference { divergence: self.rules.finish(), fits: self.fit.finish() }
    }

    fn write(&mut self, write: &Write<'_>) {
        self.rules.write(&self.standing, &self.flight, write);
        if let Some(hasty) = self.rules.take_proved() {
            self.fit.hasty(&hasty);
        }
        let arrival = self.standing.wrote(write);
        self.fit.write(&self.standing, &self.flight, write, arrival);
        self.flight.wrote(write);
    }
}

/// From one capture time to another.
#[expect(clippy::cast_precision_loss, reason = "for words and tolerances")]
fn elapsed(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from) as f64 / 1e9
}

#[cfg(test)]
mod tests;
