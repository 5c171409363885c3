//! Whether packages are as long as they have to be: every one but the last has maximum_msg_size bytes (PROTOCOL §3.2).

use super::prior::Prior;
use super::{Model, place};
use crate::analyze::facts::SliceFacts;
use crate::analyze::ledger::index;
use crate::analyze::rules::Found;
use crate::analyze::rules::field_inconsistency::judge_slice;
use crate::analyze::{Step, StepVerdict};
use crate::decode::framing::{CapacityBasis, FramedConnection, LocatedFrame};
use crate::time::Timestamp;
use crate::window::Departure;
use crate::wire::{MaxMsgSize, Name, Pos, Side};

/// A package with fewer bytes than maximum_msg_size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    pos: Pos,
    packet: u64,
    time: Option<Timestamp>,
    len: usize,
}

impl Model {
    /// Judges the package before, which the frame at hand shows to be too short, and the one at hand.
    #[inline]
    pub(super) fn slices(
        &mut self,
        connection: &FramedConnection<'_>,
        located: &LocatedFrame<'_>,
        step: &Step,
        prior: &Prior,
        found: &mut Found,
    ) {
        let (Some(name), Some(pos), StepVerdict::Departure(verdict)) = (step.name, step.pos, step.verdict) else {
            return;
        };
        let full = connection.capacity.max();
        if self.short.is_some_and(|short| pos > short.pos) {
            self.follow_short(connection, (name, pos, step.packet), full, found);
        }
        if name != Name::Msg || matches!(verdict, Departure::Resend | Departure::NotAPosition) {
            return;
        }
        let Some(len) = located.frame.payload().map(<[u8]>::len) else { return };
        if len < usize::from(full.get()) && self.slices_are_known(connection) {
            self.too_short(connection, step, prior, (pos, len, full), found);
        }
    }

    /// A frame above the package that was too short to be followed by another.
    #[cold]
    fn follow_short(
        &mut self,
        connection: &FramedConnection<'_>,
        later: (Name, Pos, u64),
        full: MaxMsgSize,
        found: &mut Found,
    ) {
        let Some(Short { pos, packet, time, len }) = self.short.take() else { return };
        let (name, above, _) = later;
        if !is_last(pos, name, above) && self.slices_are_known(connection) {
            let place = place(connection, Some(Side::Client), packet, time);
            judge_slice(&SliceFacts { place, pos, len, full, later: Some(later) }, found);
        }
    }

    /// maximum_msg_size is told, and the client keeps to it; what was inferred of it rests on slices being full.
    fn slices_are_known(&self, connection: &FramedConnection<'_>) -> bool {
        let told = matches!(connection.capacity.basis(), CapacityBasis::Handshake | CapacityBasis::Declared);
        let fits = connection.from_start(Side::Client) || self.grid[index(Side::Client)];
        told && fits && !self.missized[index(Side::Client)]
    }

    #[cold]
    fn too_short(
        &mut self,
        connection: &FramedConnection<'_>,
        step: &Step,
        prior: &Prior,
        (pos, len, full): (Pos, usize, MaxMsgSize),
        found: &mut Found,
    ) {
        let place = place(connection, Some(Side::Client), step.packet, step.time);
        let later = if len == 0 {
            None
        } else {
            // An ACK may speak of what is not captured: only what was seen above it shows that it is not the last.
            let highest = prior.before.highest;
            let Some(above) = self.observer.copy(highest).filter(|_| pos < highest) else {
                self.short = Some(Short { pos, packet: step.packet, time: step.time, len });
                return;
            };
            if is_last(pos, above.name, above.pos) {
                // Written late.
                return;
            }
            Some((above.name, above.pos, above.packet))
        };
        judge_slice(&SliceFacts { place, pos, len, full, later }, found);
    }
}

/// DONE right behind a package says that it is the last.
fn is_last(pos: Pos, later: Name, above: Pos) -> bool {
    later == Name::Done && pos.0.checked_add(1) == Some(above.0)
}
