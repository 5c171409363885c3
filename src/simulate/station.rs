//! One end of a simulated connection: an endpoint, what it sends, and what its TCP knows.

use super::lane::{Kind, Lane, Mark};
use super::truth::Ledger;
use crate::endpoint::{Endpoint, Moment, OutgoingRun, TransportEnd};
use crate::fault::{Fault, Faulty};

/// One endpoint and what its TCP knows; `lane` is what it sends.
pub(super) struct Station<E> {
    pub(super) endpoint: E,
    pub(super) lane: Lane,
    /// Bytes of the other side that arrived; `u64::MAX` once its FIN did.
    pub(super) received: u64,
    /// When a delayed ACK is due, and when the endpoint wants to be woken; `u64::MAX` for never.
    pub(super) ack_due: u64,
    pub(super) wakes: u64,
    /// The FIN was sent.
    pub(super) finished: bool,
    pub(super) delivered: u64,
    /// It has more to write than the lane takes.
    pub(super) blocked: bool,
    /// How many faults of the log the ledger knows.
    faults_told: usize,
}

/// Whether an endpoint has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    No,
    Now,
}

impl<E: Endpoint + Log> Station<E> {
    pub(super) fn new(endpoint: E, lane: Lane) -> Self {
        Self {
            endpoint,
            lane,
            received: 0,
            ack_due: u64::MAX,
            wakes: u64::MAX,
            finished: false,
            delivered: 0,
            blocked: false,
            faults_told: 0,
        }
    }

    pub(super) fn send(&mut self, kind: Kind, len: usize, now: u64) {
        self.ack_due = u64::MAX;
        self.finished |= kind == Kind::Fin;
        self.lane.send(kind, len, self.received, now);
    }

    pub(super) fn read(&mut self, from: &mut Lane, now: u64) {
        let moment = Moment::from_nanos(now);
        let (data, fin) = from.take_read(now);
        if !data.is_empty() {
            // What is wrong with the bytes is the endpoint's outcome, and that ends the connection.
            let _ = self.endpoint.handle_bytes(from.bytes.get(data).unwrap_or_default(), moment);
        }
        from.compact();
        if fin {
            self.endpoint.handle_end(TransportEnd::EndOfStream, moment);
        }
    }

    /// Tells the ledger everything that the endpoint has to say.
    fn report(&mut self, ledger: &mut Ledger, now: u64) {
        while let Some(event) = self.endpoint.poll_event() {
            let (faults, told) = (self.endpoint.log(), &mut self.faults_told);
            ledger.event(&event, now, || {
                let fault = faults.get(*told)?;
                *told += 1;
                Some(fault.why)
            });
        }
        ledger.settle();
    }

    /// Appends what is to be written to the lane, as one segment a frame or for the caller to cut: then so many bytes.
    pub(super) fn drain(&mut self, now: u64, per_frame: bool, mut ledger: Option<&mut Ledger>) -> (usize, Over) {
        let moment = Moment::from_nanos(now);
        let before = self.lane.bytes.len();
        self.blocked = false;
        loop {
            if self.lane.is_full() {
                self.blocked = true;
                break;
            }
            let delivered = self.endpoint.poll_delivered();
            self.delivered += delivered.len() as u64;
            if let Some(ledger) = ledger.as_deref_mut() {
                ledger.delivered(delivered);
            }
            // A ledger is told of each frame by itself.
            let room = if ledger.is_some() { 0 } else { self.lane.room() };
            let frames = self.endpoint.poll_transmit_run(moment, &mut self.lane.bytes, room);
            match ledger.as_deref_mut() {
                Some(ledger) => self.report(ledger, now),
                None => while self.endpoint.poll_event().is_some() {},
            }
            let Some(OutgoingRun { first: frame, count }) = frames else { break };
            if ledger.is_some() {
                let mark = Mark { end: self.lane.written(), name: frame.name, pos: frame.pos, copy: frame.copy };
                self.lane.marks.push_back(mark);
            }
            if per_frame {
                for _ in 0..count {
                    self.send(Kind::Data, frame.len, now);
                }
            }
        }
        let sleeps = self.finished || self.blocked;
        self.wakes = if sleeps { u64::MAX } else { self.endpoint.poll_timeout().map_or(u64::MAX, Moment::nanos) };
        let over = if self.endpoint.is_finished() && !self.finished { Over::Now } else { Over::No };
        if over == Over::Now {
            self.wakes = u64::MAX;
        }
        (self.lane.bytes.len() - before, over)
    }
}

/// An endpoint that keeps a log of mimicked losses.
pub(super) trait Log {
    fn log(&self) -> &[Fault];
}

impl<E: Endpoint> Log for Faulty<E> {
    fn log(&self) -> &[Fault] {
        self.injector().log()
    }
}
