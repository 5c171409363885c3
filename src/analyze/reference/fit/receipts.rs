//! What the receiver does with packages that come early.

use super::super::Write;
use super::super::flight::Flight;
use super::super::score::{Among, Scores};
use super::super::standing::Standing;
use crate::window::{Acknowledgement, Arrival, Positions};
use crate::wire::Pos;

/// Those whose receiver keeps early packages and acknowledges in order.
const IN_ORDER: Among = Among::THIS_PROTOCOL.and(Among::TIMER_ONLY);

/// What the ACKs after early packages tell.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    held: Option<Held>,
    /// The last MSG came early for the receiver: its position and packet.
    early: Option<(i32, u64)>,
}

/// A missing package came, and with it all up to `through` had arrived.
#[derive(Debug, Clone, Copy)]
struct Held {
    missing: i32,
    through: i32,
}

impl Receipts {
    pub(super) fn hole(&mut self) {
        *self = Self::default();
    }

    pub(super) fn wrote(&mut self, write: &Write<'_>, arrival: Option<Arrival>) {
        let pos = write.pos.0;
        self.early = None;
        // One that was held goes again: an ACK of it may answer that copy.
        if self.held.is_some_and(|held| held.missing < pos && pos <= held.through) {
            self.held = None;
        }
        match arrival {
            Some(Arrival::InOrder { acks }) if acks.count() > 1 => {
                self.held = Some(Held { missing: acks.first().0, through: acks.last().0 });
            }
            Some(Arrival::Ahead) if !write.done => self.early = Some((pos, write.step.packet)),
            _ => {}
        }
    }

    /// An ACK of `number` is written in `packet`.
    pub(super) fn acknowledgement(
        &mut self,
        scores: &mut Scores,
        at: &Standing,
        flight: &mut Flight,
        (packet, Pos(number)): (u64, Pos),
        verdict: Acknowledgement,
    ) {
        let early = self.early.take();
        let not_arrived = at.arrived_through().is_some_and(|through| number > through);
        match verdict {
            Acknowledgement::Premature { missing } if not_arrived => {
                flight.acknowledge_alone(number);
                of_an_early_one(scores, number, packet, missing);
            }
            // The window follows an ACK of an early package, so that the next of them is below the highest.
            Acknowledgement::Regress | Acknowledgement::Reack | Acknowledgement::Duplicate if not_arrived => {
                flight.acknowledge_alone(number);
                if let Some(missing) = Positions::new(Pos(at.arrived_through().unwrap_or(0) + 1), Pos(number - 1)) {
                    of_an_early_one(scores, number, packet, missing);
                }
            }
            Acknowledgement::Duplicate => {
                let Some((early, msg)) = early else { return };
                let others = Among::ALL.without(Among::GO_BACK_N);
                scores.decide(Among::GO_BACK_N, others);
                let words = || format!("ACK {number} again (#{packet}) when pos {early} came early (#{msg})");
                scores.speaks_for(Among::GO_BACK_N, words);
                scores.speaks_against(others, words);
            }
            _ => {}
        }
    }

    /// Whether an ACK of `number` shows that early packages were kept.
    pub(super) fn kept(&mut self, scores: &mut Scores, packet: u64, Pos(number): Pos) {
        let Some(Held { missing, through }) = self.held.filter(|held| number > held.missing) else { return };
        self.held = None;
        if number <= through {
            let keeping = IN_ORDER.and(Among::SELECTIVE_REPEAT);
            scores.decide(keeping, Among::GO_BACK_N);
            let words = || format!("ACK {number} (#{packet}) followed pos {missing}: what had come early was kept");
            scores.speaks_for(keeping, words);
            scores.speaks_against(Among::GO_BACK_N, words);
        }
    }
}

fn of_an_early_one(scores: &mut Scores, number: i32, packet: u64, missing: Positions) {
    let others = Among::ALL.without(Among::SELECTIVE_REPEAT);
    scores.decide(Among::SELECTIVE_REPEAT, others);
    let words = || format!("ACK {number} (#{packet}) with pos {missing} missing: each package has its own ACK");
    scores.speaks_for(Among::SELECTIVE_REPEAT, words);
    scores.speaks_against(others, words);
}
