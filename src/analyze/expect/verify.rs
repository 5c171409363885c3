//! Declared facts beside what was watched.

mod lists;

use std::time::Duration;

use super::watch::{NAMED_PACKETS, Watch};
use super::{Checked, Outcome};
use crate::analyze::rules::size_mismatch;
use crate::analyze::words;
use crate::analyze::{Bounds, ConnectionAnalysis, PositionSet};
use crate::decode::framing::CapacityBasis;
use crate::decode::message::{MAX_MESSAGE_BYTES, Piece};
use crate::decode::reassembly::Closing;
use crate::window::Positions;
use crate::wire::Side;

impl Watch {
    /// Each declared fact beside what was seen. `tolerance` is what a time may be off.
    #[must_use]
    pub fn verify(&self, analysis: &ConnectionAnalysis, tolerance: Duration) -> Vec<Checked> {
        let mut all = Checks { watch: self, analysis, tolerance: tolerance.as_secs_f64(), checked: Vec::new() };
        all.message();
        all.window();
        all.timeout();
        all.max_msg_size();
        all.packages();
        all.acks();
        all.done_ignored();
        all.complete();
        all.checked
    }
}

struct Checks<'a> {
    watch: &'a Watch,
    analysis: &'a ConnectionAnalysis,
    tolerance: f64,
    checked: Vec<Checked>,
}

/// Positions that share an outcome, with the packets that show them.
#[derive(Default)]
struct Shared {
    positions: PositionSet,
    packets: Vec<u64>,
}

impl Shared {
    fn push(&mut self, run: Positions, packet: u64) {
        let above = self.positions.runs().last().is_none_or(|last| last.last() < run.first());
        if above {
            self.positions.push(run);
        } else {
            // Failures of two kinds in one sum: disjoint, each kind ascending.
            let mut runs: Vec<Positions> = self.positions.runs().iter().copied().chain([run]).collect();
            runs.sort_unstable_by_key(|run| run.first());
            self.positions = PositionSet::new();
            runs.into_iter().for_each(|run| self.positions.push(run));
        }
        if self.packets.len() < NAMED_PACKETS {
            self.packets.push(packet);
        }
    }

    /// The packets, ascending.
    fn named(&self) -> Vec<u64> {
        let mut packets = self.packets.clone();
        packets.sort_unstable();
        packets.dedup();
        packets
    }
}

impl Checks<'_> {
    fn push(&mut self, key: &'static str, outcome: Outcome, declared: String, seen: String, about: Shared) {
        let packets = about.named();
        self.checked.push(Checked { key, outcome, declared, seen, positions: about.positions, packets });
    }

    /// True when every byte of that side is there, from the first to where the connection or the capture ends.
    fn is_whole(&self, side: Side) -> bool {
        let ledger = &self.analysis.ledger;
        let index = usize::from(side == Side::Server);
        ledger.from_start[index]
            && ledger.packets[index] > 0
            && ledger.holes.len() as u64 == ledger.hole_count
            && ledger.holes.iter().all(|hole| hole.from != side)
    }

    fn has_ended(&self) -> bool {
        matches!(self.analysis.ledger.closing, Closing::Fin | Closing::Reset)
    }

    /// N, when DONE or the end of the connection tells.
    fn last_position(&self) -> Option<i32> {
        match self.watch.dones.pos {
            Some(done) => Some(done - 1),
            None => (self.has_ended() && self.is_whole(Side::Client)).then_some(self.watch.highest),
        }
    }

    fn message(&mut self) {
        let Some(expected) = &self.watch.facts.message else { return };
        let declared = format!("{} bytes", expected.len());
        let message = &self.watch.message;
        let size = self.analysis.max_msg_size.is_exact().then(|| usize::from(self.analysis.max_msg_size.min().get()));
        let mut offset = Some(0);
        let mut missing = 0;
        for piece in message.pieces() {
            match (piece, offset) {
                (Piece::Bytes(bytes), Some(at)) => {
                    let rest = expected.get(at..).unwrap_or_default();
                    let same = bytes.iter().zip(rest).take_while(|(a, b)| a == b).count();
                    if same < bytes.len() {
                        let seen = match rest.get(same) {
                            Some(byte) => {
                                format!("byte {} is {:#04x}, declared {byte:#04x}", at + same, bytes[same])
                            }
                            None => format!("longer: at least {} bytes", at + bytes.len()),
                        };
                        return self.push("message", Outcome::Failed, declared, seen, Shared::default());
                    }
                    offset = Some(at + bytes.len());
                }
                (Piece::Missing(run), _) => {
                    missing += u64::from(run.end().abs_diff(*run.start())) + 1;
                    offset = size.and_then(|size| usize::try_from(*run.end()).ok()?.checked_mul(size));
                }
                (Piece::Bytes(_), None) => {}
            }
        }
        let (outcome, seen) = if message.is_complete() {
            match message.len() == expected.len() {
                true => (Outcome::Met, format!("{} bytes, the same", expected.len())),
                false => (Outcome::Failed, format!("the same up to byte {}, where it ends", message.len())),
            }
        } else if message.left_out() > 0 {
            (Outcome::CannotTell, format!("more than {} MiB: not all of it was kept", MAX_MESSAGE_BYTES >> 20))
        } else if self.has_ended() && self.is_whole(Side::Client) {
            let slices = match missing {
                0 => "no DONE says that it ended".to_owned(),
                n => format!("{} never written", words::count(n, "slice")),
            };
            (Outcome::Failed, format!("{} bytes, the same; {slices}", message.len()))
        } else {
            (Outcome::CannotTell, format!("{} bytes are there, and they are the same", message.len()))
        };
        self.push("message", outcome, declared, seen, Shared::default());
    }

    fn window(&mut self) {
        let Some(window) = self.watch.facts.window else { return };
        let most = self.analysis.metrics.max_in_flight;
        let bounds = self.analysis.parameters.window.inferred.as_ref().map(|inferred| inferred.bounds);
        let below = bounds.and_then(|bounds| bounds.max).filter(|max| *max < window);
        let packets = most.map(|(_, packet)| packet).into_iter().collect();
        let about = Shared { positions: PositionSet::new(), packets };
        let (outcome, seen) = match (most, below) {
            (Some((most, packet)), _) if most > window => {
                (Outcome::Failed, format!("{most} in flight after #{packet}"))
            }
            (_, Some(max)) => (Outcome::Failed, format!("the sender waited at {max} in flight")),
            (Some((most, packet)), _) if most == window => {
                (Outcome::Met, format!("never more than {most} in flight (first after #{packet})"))
            }
            (Some((most, _)), _) => (
                Outcome::CannotTell,
                format!("never more than {most} in flight: any window from {most} on looks the same"),
            ),
            (None, _) => (Outcome::CannotTell, "the number in flight is not known".to_owned()),
        };
        self.push("window", outcome, window.to_string(), seen, about);
    }

    fn timeout(&mut self) {
        let Some(timeout) = self.watch.facts.timeout else { return };
        let declared = words::seconds(timeout.as_secs_f64());
        let timeout = timeout.as_secs_f64();
        let inferred = self.analysis.parameters.timeout.inferred.as_ref();
        let packets = inferred.map(|inferred| inferred.packets.clone()).unwrap_or_default();
        let about = Shared { positions: PositionSet::new(), packets };
        let (outcome, seen) = match inferred.map(|inferred| (inferred.bounds, &inferred.evidence)) {
            Some((Bounds { max: Some(max), .. }, evidence)) if timeout > max + self.tolerance => {
                (Outcome::Failed, format!("at most {}: {evidence}", words::seconds(max)))
            }
            Some((Bounds { min: Some(min), .. }, evidence)) if timeout < min - self.tolerance => {
                (Outcome::Failed, format!("at least {}: {evidence}", words::seconds(min)))
            }
            // A resend came when the declared one had just ended. The bound may have the tolerance in it once more.
            Some((Bounds { max: Some(max), .. }, evidence)) if max <= timeout + 2.0 * self.tolerance => {
                (Outcome::Met, format!("not contradicted: {evidence}"))
            }
            Some((Bounds { max: Some(max), .. }, evidence)) => (
                Outcome::CannotTell,
                format!("at most {0}: any timeout up to {0} looks the same: {evidence}", words::seconds(max)),
            ),
            Some((_, evidence)) => (Outcome::CannotTell, format!("nothing bounds it from above: {evidence}")),
            None => (Outcome::CannotTell, "no resend bounds it".to_owned()),
        };
        self.push("timeout", outcome, declared, seen, about);
    }

    fn max_msg_size(&mut self) {
        let Some(size) = self.watch.facts.max_msg_size else { return };
        let capacity = &self.analysis.max_msg_size;
        let two_sizes = self.analysis.counts.iter().any(|count| count.rule == &size_mismatch::RULE);
        let (mut packets, mut seen) = (Vec::new(), capacity.to_string());
        let outcome = if two_sizes {
            seen.push_str(", and frames of another size: see size-mismatch");
            Outcome::Failed
        } else if capacity.basis() == CapacityBasis::Declared {
            // That frames are read with it proves nothing of it.
            match self.watch.answered {
                Some((answered, packet)) => {
                    packets.push(packet);
                    seen = format!("{answered} (RETURN_MAX in #{packet}; frames are read with {})", capacity.min());
                    if answered == size { Outcome::Met } else { Outcome::Failed }
                }
                None => Outcome::CannotTell,
            }
        } else {
            match (capacity.min()..=capacity.max()).contains(&size) {
                true if capacity.is_exact() => Outcome::Met,
                true => Outcome::CannotTell,
                false => Outcome::Failed,
            }
        };
        let about = Shared { positions: PositionSet::new(), packets };
        self.push("max_msg_size", outcome, size.to_string(), seen, about);
    }

    fn done_ignored(&mut self) {
        let Some(declared) = self.watch.facts.done_ignored else { return };
        let dones = &self.watch.dones;
        let whole = self.is_whole(Side::Client) && self.is_whole(Side::Server);
        let unanswered = dones.written.saturating_sub(dones.acks);
        let seen = format!(
            "{} and {} of it (an ignored DONE and a lost ACK look the same)",
            words::count(dones.written, "DONE"),
            words::count(dones.acks, "ACK"),
        );
        let outcome = match (whole, unanswered == u64::from(declared)) {
            (false, _) => Outcome::CannotTell,
            (true, true) if dones.written > 0 => Outcome::Met,
            (true, _) if self.has_ended() => Outcome::Failed,
            (true, false) if unanswered < u64::from(declared) && dones.acks > 0 => Outcome::Failed,
            (true, _) => Outcome::CannotTell,
        };
        let about = Shared { positions: PositionSet::new(), packets: dones.packets.clone() };
        self.push("done_ignored", outcome, declared.to_string(), seen, about);
    }

    fn complete(&mut self) {
        let Some(declared) = self.watch.facts.complete else { return };
        let (outcome, seen) = match self.analysis.verdict.complete {
            Some(complete) => {
                let outcome = if complete == declared { Outcome::Met } else { Outcome::Failed };
                (outcome, if complete { "complete" } else { "incomplete" })
            }
            None => (Outcome::CannotTell, "the capture does not show its end"),
        };
        let declared = if declared { "complete" } else { "incomplete" };
        self.push("complete", outcome, declared.to_owned(), seen.to_owned(), Shared::default());
    }
}
