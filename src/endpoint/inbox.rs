//! Packages as they arrive: what is in order is delivered, what is early is held, in bounded memory.

use std::collections::BTreeMap;

use crate::window::{Arrival, Positions, RecvWindow};
use crate::wire::{FrameView, Name, Pos};

/// The most bytes of early packages that a server holds. It does not know the client's window; what goes beyond is
/// dropped, and the client resends it.
pub const MAX_HELD_BYTES: usize = 1 << 20;

/// The most early packages that a server holds.
pub const MAX_HELD_PACKAGES: usize = 1 << 14;

/// The most buffers that a server keeps for the next early packages.
pub const MAX_SPARE_PACKAGES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    window: RecvWindow,
    held: BTreeMap<Pos, Vec<u8>>,
    held_bytes: usize,
    spare: Vec<Vec<u8>>,
    /// Bytes in order that were not given away yet, or, when `given`, that were.
    delivered: Vec<u8>,
    given: bool,
    total: u64,
}

impl Inbox {
    /// The position up to which all have arrived.
    pub(super) fn through(&self) -> Pos {
        self.window.arrived_through()
    }

    /// The highest position that arrived.
    pub(super) fn highest(&self) -> Pos {
        self.held.last_key_value().map_or(self.through(), |(pos, _)| *pos)
    }

    /// Bytes delivered since the beginning.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Takes in a package. Of what it returns, [`Arrival::NoRoom`] also stands for the limits above.
    pub(super) fn arrive(&mut self, pos: Pos, payload: &[u8]) -> Arrival {
        let early = i64::from(pos.0) > i64::from(self.through().0) + 1 && !self.held.contains_key(&pos);
        let full = self.held.len() >= MAX_HELD_PACKAGES || self.held_bytes + payload.len() > MAX_HELD_BYTES;
        if early && full {
            return Arrival::NoRoom;
        }
        let arrival = self.window.arrive(pos);
        match arrival {
            Arrival::InOrder { acks } => {
                self.deliver(payload);
                for next in pos.0 + 1..=acks.last().0 {
                    if let Some(held) = self.held.remove(&Pos(next)) {
                        self.held_bytes -= held.len();
                        self.deliver(&held);
                        self.keep_spare(held);
                    }
                }
            }
            Arrival::Ahead => {
                let mut held = self.spare.pop().unwrap_or_default();
                held.extend_from_slice(payload);
                self.held_bytes += held.len();
                self.held.insert(pos, held);
            }
            _ => {}
        }
        arrival
    }

    /// Takes in the MSGs at the front of `frames` that are the next packages, one after the other, as
    /// [`arrive`](Self::arrive) would, below position `end`. `None`, and nothing changes, where the first is not.
    pub(super) fn arrive_in_order<'f>(
        &mut self,
        frames: impl Iterator<Item = FrameView<'f>>,
        end: Pos,
    ) -> Option<Positions> {
        let mut next = self.window.next_in_order()?;
        for frame in frames {
            if frame.pos() != next || next >= end || frame.name() != Some(Name::Msg) {
                break;
            }
            self.deliver(frame.payload());
            next.0 += 1;
        }
        self.window.arrive_in_order(Pos(next.0 - 1))
    }

    fn deliver(&mut self, payload: &[u8]) {
        if self.given {
            self.delivered.clear();
            self.given = false;
        }
        self.delivered.extend_from_slice(payload);
        self.total += payload.len() as u64;
    }

    fn keep_spare(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE_PACKAGES {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// What came into order since the last call.
    pub(super) fn give(&mut self) -> &[u8] {
        if self.given {
            self.delivered.clear();
        }
        self.given = true;
        &self.delivered
    }
}
