//! Whether the written frames of one connection show what set a resend off: the predicate behind `shown`.
//!
//! It looks at the client's frames with the times at which they were written, which they carry, and at the ACKs, in the
//! order in which they pass the capture point; and it takes for granted that the client keeps the rules, with the window
//! and the timeout that it has. What nobody can see is which positions above the highest written one were counted
//! already. A position is *uncounted* at a moment if it is written later while one below it is still without an ACK:
//! of the positions that were counted and not written, only the oldest goes again.

use std::collections::BTreeMap;

use super::event::{Class, Resend, TriggersShown, TruthEvent};
use crate::wire::Name;

/// Frames carry their times as doubles of Unix seconds, which tell a quarter of a microsecond apart; nanoseconds.
const GRAIN: u64 = 1000;

/// What the client was given; nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) window: u32,
    pub(super) timeout: u64,
}

/// The client's frames and the ACKs as they pass, and the resends of which they have not shown everything yet.
#[derive(Debug)]
pub(super) struct TriggerWitness {
    terms: Terms,
    /// Highest MSG or DONE that passed.
    highest: i32,
    /// Highest ACK that passed.
    acked: i32,
    /// Of each position that others passed by: between which times it was counted.
    counted: BTreeMap<i32, (u64, u64)>,
    /// When the last position was written that had been uncounted until then; GET_MAX, to begin with.
    last_uncounted: u64,
    pending: Vec<Pending>,
}

/// A resend that waits for what comes next.
#[derive(Debug)]
struct Pending {
    resend: Resend,
    /// The highest position that might have been written.
    edge: i64,
    /// The highest that had been.
    highest: i32,
}

impl TriggerWitness {
    pub(super) const fn new(terms: Terms) -> Self {
        Self { terms, highest: 0, acked: 0, counted: BTreeMap::new(), last_uncounted: 0, pending: Vec::new() }
    }

    /// A resend passes that was written at `now`, and is classed already. Before [`passed`](Self::passed).
    pub(super) fn resend(&mut self, mut resend: Resend, now: u64, out: &mut Vec<TruthEvent>) {
        resend.shown.timer = match resend.class {
            // A copy that was counted and not written in between was itself followed by a wait for the timer.
            Class::Duplicate => true,
            Class::Fill => self.counted.get(&resend.pos).is_some_and(|&(earliest, latest)| {
                let timeout = self.terms.timeout;
                now + GRAIN >= latest + timeout || now + GRAIN < earliest + timeout
            }),
            _ => return out.push(TruthEvent::Resend(resend)),
        };
        if resend.frame == Name::Done {
            // Nothing but its timer sets it off.
            resend.shown = TriggersShown { timer: true, full_window: true, end_of_message: true };
            return out.push(TruthEvent::Resend(resend));
        }
        // It is the oldest: what the client knew to be acknowledged ended right below it.
        let edge = i64::from(resend.pos) - 1 + i64::from(self.terms.window);
        self.pending.push(Pending { resend, edge, highest: self.highest });
    }

    /// A frame of the client passes that was written at `now`.
    pub(super) fn passed(&mut self, name: Name, pos: i32, now: u64, out: &mut Vec<TruthEvent>) {
        match name {
            Name::GetMax => self.last_uncounted = now,
            Name::Msg if pos > self.highest => {
                let uncounted = self.acked < pos - 1;
                for passed_by in self.highest + 1..pos {
                    self.counted.insert(passed_by, (self.last_uncounted, now));
                }
                if uncounted {
                    self.last_uncounted = now;
                }
                self.settle(out, |waiting| waiting.followed_by(pos, uncounted));
            }
            Name::Msg => drop(self.counted.remove(&pos)),
            Name::Done if pos > self.highest => self.settle(out, |waiting| Some(waiting.ended_at(pos - 1))),
            _ => {}
        }
        if matches!(name, Name::Msg | Name::Done) {
            self.highest = self.highest.max(pos);
        }
    }

    /// An ACK passes.
    pub(super) fn acknowledged(&mut self, number: i32) {
        self.acked = self.acked.max(number);
    }

    /// No frame follows.
    pub(super) fn ended(&mut self, out: &mut Vec<TruthEvent>) {
        out.extend(self.pending.drain(..).map(|waiting| TruthEvent::Resend(waiting.resend)));
    }

    fn settle(&mut self, out: &mut Vec<TruthEvent>, shows: impl Fn(&Pending) -> Option<[bool; 2]>) {
        self.pending.retain_mut(|waiting| {
            let Some([full_window, end_of_message]) = shows(waiting) else { return true };
            let shown = &mut waiting.resend.shown;
            (shown.full_window, shown.end_of_message) = (full_window, end_of_message);
            out.push(TruthEvent::Resend(waiting.resend.clone()));
            false
        });
    }
}

impl Pending {
    /// What a new position shows of full window and end of message; `None` when the next may show more.
    fn followed_by(&self, pos: i32, uncounted: bool) -> Option<[bool; 2]> {
        if i64::from(pos) > self.edge {
            // One beyond the edge was uncounted, so it was not the end. Full, if all below it had been written.
            Some([i64::from(self.highest) >= self.edge, true])
        } else {
            uncounted.then_some([true, true])
        }
    }

    /// What DONE shows, the last package being `last`: nothing beyond it can have waited.
    fn ended_at(&self, last: i32) -> [bool; 2] {
        [i64::from(last) <= self.edge, self.highest >= last]
    }
}
