//! Where sender and receiver stand, as far as the capture proves it.

use super::flight::Flight;
use super::{ReplayOptions, Write, elapsed};
use crate::analyze::Step;
use crate::time::Timestamp;
use crate::window::{Arrival, RecvWindow};
use crate::wire::{Name, Pos, Side};

/// Where sender and receiver stand.
#[derive(Debug)]
pub(super) struct Standing {
    /// As declared.
    pub(super) window: Option<i32>,
    /// Highest MSG or DONE written.
    pub(super) highest: i32,
    /// Up to here all is acknowledged by a receiver that keeps the rules; `None` before the first ACK of a capture that
    /// begins in mid-stream.
    pub(super) acked: Option<i32>,
    /// Before the frame at hand no ACK above the last acknowledged position can have been missed.
    pub(super) acks_proved: bool,
    /// No ACK above `acked` can have been missed.
    pub(super) acks_known: bool,
    /// Since the last hole of the server, or the beginning, everything was acknowledged once.
    pub(super) acks_anchored: bool,
    /// Nothing of the client is missing so far.
    pub(super) departures_known: bool,
    /// What has arrived, while nothing of the client is missing.
    receiver: Option<RecvWindow>,
    /// DONE's position, once written.
    pub(super) done: Option<i32>,
    /// CLOSE was written.
    pub(super) closed: bool,
    /// GET_MAX frames without their answer.
    pub(super) asked: u32,
    /// RETURN_MAX was written, or may have been before the capture began.
    pub(super) answered: bool,
    /// Capture times of RETURN_MAX and of the first MSG.
    handshake: [Option<Timestamp>; 2],
}

impl Standing {
    pub(super) fn new(options: &ReplayOptions) -> Self {
        let [client, server] = options.from_start;
        Self {
            window: options.window.map(|window| i32::try_from(window).unwrap_or(i32::MAX)),
            highest: 0,
            acked: (client && server).then_some(0),
            acks_proved: client && server,
            acks_known: client && server,
            acks_anchored: client && server,
            departures_known: client,
            receiver: client.then(RecvWindow::new),
            done: None,
            closed: false,
            asked: 0,
            answered: !(client && server),
            handshake: [None; 2],
        }
    }

    /// Acknowledged up to here, and surely no further.
    pub(super) fn surely_acked(&self) -> Option<i32> {
        self.acked.filter(|_| self.acks_proved)
    }

    /// The highest position that may be written, by the declared window.
    pub(super) fn edge(&self) -> Option<i32> {
        Some(self.acked?.saturating_add(self.window?))
    }

    /// Everything up to here has arrived; `None` where the client's frames are not all known.
    pub(super) fn arrived_through(&self) -> Option<i32> {
        self.receiver.as_ref().map(|receiver| receiver.arrived_through().0)
    }

    /// The client knows that everything up to here is acknowledged, or it could not have written what it wrote.
    pub(super) fn known_to_client(&self) -> i32 {
        match (self.done, self.window) {
            (Some(done), _) => done - 1,
            (None, Some(window)) => self.highest.saturating_sub(window),
            (None, None) => 0,
        }
    }

    /// True for a new position that was not counted before: of those that were, and were not written, only the oldest would
    /// go again.
    pub(super) fn is_genuine(&self, write: &Write<'_>) -> bool {
        let new = write.pos.0 > self.highest && !write.done;
        new && self.acks_known && self.acked.is_some_and(|acked| write.pos.0 > acked + 1)
    }

    /// A MSG or DONE was written: what it is to the receiver, where that is known.
    pub(super) fn wrote(&mut self, write: &Write<'_>) -> Option<Arrival> {
        self.highest = self.highest.max(write.pos.0);
        if self.handshake[1].is_none() {
            self.handshake[1] = write.step.time;
        }
        if write.done {
            self.done.get_or_insert(write.pos.0);
        }
        self.receiver.as_mut().map(|receiver| receiver.arrive(write.pos))
    }

    /// An ACK was written. One of what has not arrived acknowledges its own position at most, whatever lies below.
    pub(super) fn acknowledged(&mut self, number: Option<Pos>, flight: &mut Flight) {
        let Some(Pos(number)) = number else { return };
        let arrived = self.arrived_through().unwrap_or(number);
        if number > arrived || number > self.highest && self.departures_known {
            return;
        }
        let alone = flight.acknowledge(number);
        self.acked = self.acked.max(Some(number.max(alone)));
        self.acks_anchored |= self.departures_known && number == self.highest;
    }

    /// The way from the capture point to the client and back, at most; `None` when the handshake does not tell.
    pub(super) fn loop_seconds(&self) -> Option<f64> {
        let [answer, first] = self.handshake;
        Some(elapsed(answer?, first?))
    }

    /// A frame without a place in the window.
    pub(super) fn other(&mut self, step: &Step, name: Name) {
        match name {
            Name::GetMax => self.asked = self.asked.saturating_add(1),
            Name::ReturnMax => {
                self.asked = self.asked.saturating_sub(1);
                self.answered = true;
                self.handshake = [step.time, None];
            }
            Name::Close => self.closed = true,
            _ => {}
        }
    }

    pub(super) fn hole(&mut self, from: Side) {
        self.acks_known = false;
        self.acks_anchored = false;
        // RETURN_MAX may be in it.
        self.answered |= from == Side::Server;
        if from == Side::Client {
            self.departures_known = false;
            self.receiver = None;
        }
    }
}
