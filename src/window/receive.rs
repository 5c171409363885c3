//! The receiver's half: what arrived, and up to where without a gap.

use super::Positions;
use super::gaps::{Gaps, MAX_GAPS, Unseen};
use crate::wire::Pos;

/// What an arriving MSG or DONE is to the receiver (PROTOCOL §3.3, §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next in line: ACKs for it and for every held one that now follows are due, one each, in order.
    InOrder {
        /// The positions to acknowledge, lowest first; the arrived one is the first.
        acks: Positions,
    },
    /// Early: to be held without an ACK until the ones below it have arrived.
    Ahead,
    /// At or below the highest position up to which all have arrived: its ACK is written again.
    Duplicate,
    /// A second copy of a package that is still held: dropped without an ACK.
    HeldTwice,
    /// Early, and [`MAX_GAPS`] runs are missing already: taken as not arrived; the sender will resend it.
    NoRoom,
    /// Zero or negative: no position of a message. Nothing changes.
    NotAPosition,
}

/// What arrived of one message.
///
/// ```
/// use arqscope::{window::{Arrival, RecvWindow}, wire::Pos};
/// let mut window = RecvWindow::new();
/// assert_eq!(window.arrive(Pos(2)), Arrival::Ahead);
/// let Arrival::InOrder { acks } = window.arrive(Pos(1)) else { panic!() };
/// assert_eq!((acks.first(), acks.last()), (Pos(1), Pos(2)));
/// assert_eq!(window.arrive(Pos(1)), Arrival::Duplicate);
/// ```
#[derive(Debug, Clone, Default)]
pub struct RecvWindow {
    /// Highest position that arrived.
    highest: i32,
    /// Positions below it that did not.
    gaps: Gaps,
}

impl RecvWindow {
    /// A receiver that nothing has reached yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A receiver known to have everything up to `pos`, as an observer learns from ACK `pos`.
    #[must_use]
    pub fn after(pos: Pos) -> Self {
        Self { highest: pos.0.max(0), gaps: Gaps::default() }
    }

    /// The position up to which all have arrived; 0 for none.
    #[must_use]
    pub fn arrived_through(&self) -> Pos {
        Pos(self.gaps.lowest().map_or(self.highest, |missing| missing - 1))
    }

    /// The next in line; `None` while something early is here already, or no position is left.
    #[must_use]
    pub fn next_in_order(&self) -> Option<Pos> {
        if self.gaps.is_empty() { self.highest.checked_add(1).map(Pos) } else { None }
    }

    /// Takes in everything from [`next_in_order`](Self::next_in_order) up to `last`, one after the other, as
    /// [`arrive`](Self::arrive) would: each is then [`Arrival::InOrder`] for itself. `None`, and nothing changes, where
    /// nothing is next, or `last` is below it.
    pub fn arrive_in_order(&mut self, last: Pos) -> Option<Positions> {
        let run = Positions::run(self.next_in_order()?.0, last.0)?;
        self.highest = last.0;
        Some(run)
    }

    /// True when nothing early waits for a lower position.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.gaps.lowest().is_none()
    }

    /// Takes in a MSG, or a DONE, which counts as the position after the last slice. A receiver that holds
    /// no early DONE asks [`arrived_through`](Self::arrived_through) first.
    pub fn arrive(&mut self, pos: Pos) -> Arrival {
        let Pos(pos) = pos;
        let Pos(through) = self.arrived_through();
        if pos <= 0 {
            return Arrival::NotAPosition;
        }
        if pos <= through {
            return Arrival::Duplicate;
        }
        if pos > self.highest {
            if let Some(missing) = Positions::run(self.highest + 1, pos - 1) {
                if self.gaps.len() >= MAX_GAPS {
                    return Arrival::NoRoom;
                }
                self.gaps.push(missing, Unseen::NeverWritten);
            }
            self.highest = pos;
        } else if self.gaps.len() >= MAX_GAPS && self.gaps.would_split(pos) {
            return Arrival::NoRoom;
        } else if self.gaps.take(pos).is_none() {
            return Arrival::HeldTwice;
        }
        // Only the position right above `through` can have moved it, and then it begins the run.
        match Positions::run(pos, self.arrived_through().0) {
            Some(acks) => Arrival::InOrder { acks },
            None => Arrival::Ahead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Positions that collide often, with the ends of the range among them.
    fn positions() -> impl Strategy<Value = i32> {
        prop_oneof![20 => 1..20_i32, 1 => Just(0), 1 => Just(i32::MAX), 1 => Just(i32::MAX - 1), 1 => any::<i32>()]
    }

    proptest! {
        #[test]
        fn arrivals_agree_with_plain_sets(arrivals in proptest::collection::vec(positions(), 0..80)) {
            let mut window = RecvWindow::new();
            let mut seen = BTreeSet::new();
            let through = |seen: &BTreeSet<i32>| (1..).find(|p| !seen.contains(p)).unwrap() - 1;
            for pos in arrivals {
                let before = through(&seen);
                let held = seen.contains(&pos);
                if pos > 0 { seen.insert(pos); }
                let after = through(&seen);
                let expected = match pos {
                    ..=0 => Arrival::NotAPosition,
                    _ if pos <= before => Arrival::Duplicate,
                    _ if held => Arrival::HeldTwice,
                    _ if after > before => Arrival::InOrder { acks: Positions::run(before + 1, after).unwrap() },
                    _ => Arrival::Ahead,
                };
                prop_assert_eq!(window.arrive(Pos(pos)), expected, "position {}", pos);
                prop_assert_eq!(window.arrived_through(), Pos(after));
            }
        }
    }

    proptest! {
        #[test]
        fn a_run_in_order_is_its_positions_one_by_one(
            arrivals in proptest::collection::vec(positions(), 0..6), last in positions(),
        ) {
            let mut run = RecvWindow::new();
            for pos in arrivals {
                run.arrive(Pos(pos));
            }
            let mut each = run.clone();
            let through = run.arrived_through();
            // What is far away is not walked to.
            prop_assume!(last < 100 || run.gaps.lowest().is_some() || last <= through.0);
            match run.arrive_in_order(Pos(last)) {
                Some(positions) => {
                    prop_assert_eq!((positions.first().0, positions.last().0), (through.0 + 1, last));
                    for pos in positions.first().0..=last {
                        prop_assert_eq!(each.arrive(Pos(pos)), Arrival::InOrder { acks: Positions::run(pos, pos).unwrap() });
                    }
                }
                None => prop_assert!(last <= through.0 || run.gaps.lowest().is_some()),
            }
            prop_assert_eq!(format!("{run:?}"), format!("{each:?}"));
        }
    }

    #[test]
    fn a_receiver_with_too_many_gaps_takes_nothing_in_that_opens_another() {
        let mut window = RecvWindow::new();
        let gaps = i32::try_from(MAX_GAPS).unwrap();
        for k in 1..=gaps {
            assert_eq!(window.arrive(Pos(10 * k)), Arrival::Ahead);
        }
        assert_eq!(window.arrive(Pos(10 * gaps + 2)), Arrival::NoRoom);
        assert_eq!(window.arrive(Pos(5)), Arrival::NoRoom);
        assert_eq!(window.arrive(Pos(10 * gaps + 1)), Arrival::Ahead);
        assert_eq!(window.arrive(Pos(1)), Arrival::InOrder { acks: Positions::run(1, 1).unwrap() });
    }

    #[test]
    fn an_observer_starts_where_an_ack_tells_it() {
        let mut window = RecvWindow::after(Pos(7));
        assert_eq!(window.arrive(Pos(7)), Arrival::Duplicate);
        assert_eq!(window.arrive(Pos(8)), Arrival::InOrder { acks: Positions::run(8, 8).unwrap() });
        assert_eq!(RecvWindow::after(Pos(-3)).arrived_through(), Pos(0));
    }
}
