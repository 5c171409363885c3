//! Window and timeout as declared, and as the traffic bounds them.

use super::again::{Again, Room};
use super::words::Seconds;
use super::{AnalysisOptions, Bounds, Inferred, Parameters, TimeoutKnowledge, WindowKnowledge};
use crate::wire::Name;

/// What the traffic proves of the timeout.
///
/// Only an upper bound: a resend that nothing but the timer can have set off shows that the timeout had passed since the
/// copy before. A lower bound cannot be proved: that a sender let an old package lie may be a resend that was counted and
/// not written, which restarts the timer (PROTOCOL §4.2, §5.3).
#[derive(Debug, Clone, Default)]
pub(super) struct Inference {
    /// Seconds, the packet, and the packet of the copy before.
    at_most: Option<(f64, u64, Option<u64>)>,
    /// In words, why only the timer can have been the cause.
    basis: &'static str,
}

impl Inference {
    /// Seconds that the timeout is at most.
    pub(super) fn timeout_at_most(&self) -> Option<f64> {
        self.at_most.map(|(seconds, ..)| seconds)
    }

    /// Learns from a position written again or late.
    pub(super) fn learn(&mut self, again: &Again, earlier: Option<u64>, tolerance: f64) {
        let (bound, basis) = match (again.name, again.room) {
            // DONE goes again for no other reason. The reference's copies keep their sent_time (PROTOCOL §4.5).
            (Name::Done, _) => (again.capture_age.map(|age| age + tolerance), "DONE is resent by the timer only"),
            (_, Room::Proved(_)) => (
                again.age.map(|age| age.max),
                "the window was open and a new package waited, so that only the timer can have set it off",
            ),
            _ => return,
        };
        let Some(bound) = bound.filter(|bound| bound.is_finite() && *bound > 0.0) else { return };
        if self.timeout_at_most().is_none_or(|most| bound < most) {
            self.at_most = Some((bound, again.packet, earlier));
            self.basis = basis;
        }
    }

    /// The bound with its evidence.
    pub(super) fn timeout(&self) -> Option<Inferred<f64>> {
        let (most, packet, earlier) = self.at_most?;
        let mut packets: Vec<u64> = earlier.into_iter().chain([packet]).collect();
        packets.sort_unstable();
        Some(Inferred {
            bounds: Bounds { min: None, max: Some(most) },
            packets,
            evidence: format!(
                "written again in packet {packet}, at most {} after the copy before: {}",
                Seconds(most),
                self.basis
            ),
        })
    }
}

/// The window as the largest number in flight bounds it: how many, and the packet that reached it.
pub(super) fn window(largest: Option<(u32, u64)>) -> Option<Inferred<u32>> {
    largest.filter(|(count, _)| *count > 0).map(|(count, packet)| Inferred {
        bounds: Bounds { min: Some(count), max: None },
        packets: vec![packet],
        evidence: format!("{count} in flight after packet {packet}"),
    })
}

/// Everything that is known of both.
pub(super) fn parameters(
    options: &AnalysisOptions,
    inference: &Inference,
    largest_in_flight: Option<(u32, u64)>,
) -> Parameters {
    Parameters {
        window: WindowKnowledge { declared: options.window, inferred: window(largest_in_flight) },
        timeout: TimeoutKnowledge {
            declared: options.timeout.map(|timeout| timeout.as_secs_f64()),
            inferred: inference.timeout(),
        },
    }
}
