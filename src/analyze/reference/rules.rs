//! What the rules allow at each frame, and the first frame that is something else.

use std::fmt::Write as _;

use super::flight::Flight;
use super::standing::Standing;
use super::{ReplayOptions, Write, elapsed};
use crate::analyze::{Divergence, Finding, Step};
use crate::time::Timestamp;
use crate::window::{Acknowledgement, Departure, Positions};
use crate::wire::{Name, Pos};

/// Early resends that wait for the proof that the window was open, at most.
const MAX_PENDING: usize = 8;

/// Keeps the first frame that the rules do not allow.
#[derive(Debug)]
pub(super) struct Rules {
    began: Option<Timestamp>,
    timeout: Option<f64>,
    tolerance: f64,
    found: Option<Divergence>,
    pending: Vec<Hasty>,
    proved: Option<Hasty>,
}

/// The oldest position, written again before its timer ended. Against the rules only if the window was open and a new
/// position waited, which a new one proves that is written later and would have fitted then.
#[derive(Debug, Clone)]
pub(super) struct Hasty {
    pub(super) pos: Pos,
    pub(super) packet: u64,
    /// The highest position that might have been written instead.
    pub(super) edge: i32,
    pub(super) age: f64,
    divergence: Divergence,
}

impl Rules {
    pub(super) fn new(options: &ReplayOptions) -> Self {
        Self {
            began: options.began,
            timeout: options.timeout.map(|timeout| timeout.as_secs_f64()),
            tolerance: options.tolerance.as_secs_f64(),
            found: None,
            pending: Vec::new(),
            proved: None,
        }
    }

    /// The first divergence; what was not proved is none.
    pub(super) const fn finish(&mut self) -> Option<Divergence> {
        self.found.take()
    }

    /// Something of the client was missed: what was pending cannot be proved any more.
    pub(super) fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// The early resend that the last MSG proved to be against the rules.
    pub(super) const fn take_proved(&mut self) -> Option<Hasty> {
        self.proved.take()
    }

    /// A MSG or DONE is written.
    pub(super) fn write(&mut self, at: &Standing, flight: &Flight, write: &Write<'_>) {
        self.began = self.began.or(write.step.time);
        if !self.pending.is_empty() {
            self.prove(at, write);
        }
        let quiet =
            write.verdict == (Departure::New { unseen: None }) && at.answered && !write.done && at.done.is_none();
        if quiet && !at.closed {
            return;
        }
        let allowed = self.disallowed(at, write);
        if let Some(allowed) = allowed {
            let what = if write.done { "DONE, pos" } else { "pos" };
            self.diverges(write.step, &allowed, &format!("this client sent {what} {}", write.pos));
        } else {
            self.await_proof(at, flight, write);
        }
    }

    /// What the rules allow instead, if they do not allow it.
    fn disallowed(&self, at: &Standing, write: &Write<'_>) -> Option<String> {
        let pos = write.pos.0;
        let again = matches!(write.verdict, Departure::Fill | Departure::Resend | Departure::Unclear);
        if at.closed {
            return Some("nothing more after CLOSE".to_owned());
        }
        if !at.answered && at.acks_known && at.departures_known {
            return Some("nothing before RETURN_MAX is there".to_owned());
        }
        if pos <= 0 {
            return at.departures_known.then(|| at.allowed_to_client());
        }
        if let Some(done) = at.done
            && (pos > done || !again || write.done && pos != done)
        {
            return Some(format!("DONE (pos {done}) again"));
        }
        if again && pos <= at.known_to_client() {
            return Some(at.allowed_to_client());
        }
        let acked = at.acked.filter(|_| at.acks_known)?;
        let beyond =
            matches!(write.verdict, Departure::BeyondWindow { .. }) && at.edge().is_some_and(|edge| pos > edge);
        let too_high = (again || write.done) && pos > acked + 1;
        (beyond || too_high).then(|| at.allowed_to_client())
    }

    /// Keeps an early resend of the oldest position until it is clear whether the window was open.
    fn await_proof(&mut self, at: &Standing, flight: &Flight, write: &Write<'_>) {
        let (Departure::Fill | Departure::Resend, Some(timeout)) = (write.verdict, self.timeout) else { return };
        let Some(age) = flight.get(write.pos.0).and_then(|last| last.age(write.sent)) else { return };
        // A DONE may keep its sent_time (PROTOCOL §4.5), and then tells no age.
        if age.max > timeout - self.tolerance || age.max <= 0.0 {
            return;
        }
        let because =
            |rest: &str| format!("pos {} again only from {timeout} s after its last copy on{rest}", write.pos);
        let sent = format!("this client sent pos {} again after {:.4} s", write.pos, age.max);
        if write.done {
            self.diverges(write.step, &because(""), &sent);
            return;
        }
        // The client resends the oldest that it knows of: so it knew of every ACK below it and of none above.
        let Some(edge) = at.window.map(|window| (write.pos.0 - 1).saturating_add(window)) else { return };
        if edge <= at.highest || self.pending.len() >= MAX_PENDING {
            return;
        }
        let allowed = because(&format!(", or pos {} now", run(at.highest + 1, edge)));
        let divergence = self.divergence(write.step, &allowed, &sent);
        self.pending.push(Hasty { pos: write.pos, packet: write.step.packet, edge, age: age.max, divergence });
    }

    /// A position that was not counted before was still to come at every earlier moment.
    fn prove(&mut self, at: &Standing, write: &Write<'_>) {
        let pos = write.pos.0;
        if write.genuine
            && let Some(index) = self.pending.iter().position(|hasty| pos <= hasty.edge)
        {
            let hasty = self.pending.swap_remove(index);
            self.keep_first(hasty.divergence.clone());
            self.proved = Some(hasty);
            self.pending.clear();
        }
        let highest = at.highest.max(pos);
        self.pending.retain(|hasty| hasty.edge > highest);
    }

    /// An ACK is written.
    #[inline]
    pub(super) fn acknowledgement(&mut self, at: &Standing, step: &Step, verdict: Acknowledgement) {
        self.began = self.began.or(step.time);
        match verdict {
            Acknowledgement::Advances
            | Acknowledgement::Jump { .. }
            | Acknowledgement::Reack
            | Acknowledgement::Unclear => {}
            Acknowledgement::Malformed => {
                let allowed = at.allowed_to_server();
                self.diverges(step, &allowed, "this server wrote an ACK without a number");
            }
            Acknowledgement::Unsent
            | Acknowledgement::Premature { .. }
            | Acknowledgement::Regress
            | Acknowledgement::Duplicate => {
                let allowed = at.allowed_to_server();
                let number = step.pos.unwrap_or_default();
                self.diverges(step, &allowed, &format!("this server wrote ACK {number}"));
            }
        }
    }

    /// A frame without a place in the window.
    pub(super) fn other(&mut self, at: &Standing, step: &Step, name: Name) {
        self.began = self.began.or(step.time);
        let allowed = match name {
            Name::Close if at.closed => Some("nothing more after CLOSE".to_owned()),
            Name::Close => at.before_close(),
            Name::ReturnMax if at.asked == 0 && at.departures_known => {
                Some("RETURN_MAX as an answer to GET_MAX".to_owned())
            }
            Name::Disconnect if !at.closed && at.departures_known => {
                Some("DISCONNECT as an answer to CLOSE".to_owned())
            }
            _ => None,
        };
        if let Some(allowed) = allowed {
            self.diverges(step, &allowed, &format!("this {} sent {name}", step.from));
        }
    }

    /// A frame of the other side's.
    pub(super) fn wrong_direction(&mut self, step: &Step, name: Name) {
        let allowed = format!("{name} from the {}", name.sender());
        self.diverges(step, &allowed, &format!("this {} sent it", step.from));
    }

    /// A frame that the rules do not know.
    pub(super) fn unknown(&mut self, step: &Step) {
        let instead = format!("this {} sent a frame with another name", step.from);
        self.diverges(step, "the seven frames of the protocol", &instead);
    }

    /// A frame that a rule of the analysis found wrong.
    pub(super) fn broke(&mut self, finding: &Finding) {
        let Finding { expected, seen, at, time, side: Some(side), positions, .. } = finding else { return };
        let mut words = self.moment(*time, *at);
        let _ = write!(words, "the rules allow {expected}; this {side} sent {seen}");
        let pos = positions.runs().first().map(|run| run.first());
        self.keep_first(Divergence { packet: *at, time: *time, side: *side, pos, words });
    }

    /// What is told later may have been earlier.
    fn keep_first(&mut self, divergence: Divergence) {
        if self.found.as_ref().is_none_or(|found| found.packet > divergence.packet) {
            self.found = Some(divergence);
        }
    }

    fn diverges(&mut self, step: &Step, allowed: &str, instead: &str) {
        if self.found.is_none() {
            self.found = Some(self.divergence(step, allowed, instead));
        }
    }

    fn divergence(&self, step: &Step, allowed: &str, instead: &str) -> Divergence {
        let mut words = self.moment(step.time, step.packet);
        let _ = write!(words, "the rules allow {allowed}; {instead}");
        Divergence { packet: step.packet, time: step.time, side: step.from, pos: step.pos, words }
    }

    /// "at 0.2099 s ".
    fn moment(&self, time: Option<Timestamp>, packet: u64) -> String {
        match time.zip(self.began.or(time)) {
            Some((time, began)) => format!("at {:.4} s ", elapsed(began, time)),
            None => format!("in packet {packet} "),
        }
    }
}

impl Standing {
    /// "pos 4 again or pos 7".
    fn allowed_to_client(&self) -> String {
        if let Some(done) = self.done {
            return format!("DONE (pos {done}) again");
        }
        let acked = self.acked.unwrap_or(0);
        let again = (acked < self.highest).then(|| format!("pos {} again", acked + 1));
        let new = match self.edge() {
            Some(edge) if edge <= self.highest => None,
            Some(edge) => Some(format!("pos {}", run(self.highest + 1, edge))),
            None => Some(format!("pos {} or higher", self.highest + 1)),
        };
        match (again, new) {
            (Some(again), Some(new)) => format!("{again} or {new}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "nothing".to_owned(),
        }
    }

    /// What the client has to do before CLOSE; `None` when it has, or may have.
    fn before_close(&self) -> Option<String> {
        if !self.departures_known || !self.acks_known {
            return None;
        }
        match self.done {
            None => Some("CLOSE only after DONE".to_owned()),
            Some(done) => (self.acked? < done).then(|| format!("DONE (pos {done}) again")),
        }
    }

    /// "ACK 5", "ACK 5–7" or "no ACK".
    fn allowed_to_server(&self) -> String {
        let acked = self.acked.unwrap_or(0);
        match self.arrived_through() {
            Some(through) if through > acked => format!("ACK {}", run(acked + 1, through)),
            Some(_) => "no ACK".to_owned(),
            None => "ACKs of what has arrived".to_owned(),
        }
    }
}

fn run(first: i32, last: i32) -> String {
    Positions::new(Pos(first), Pos(last)).map_or_else(String::new, |positions| positions.to_string())
}
