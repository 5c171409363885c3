//! Which relative sequence numbers a connection's two directions have used.

use std::collections::VecDeque;

use crate::wire::Side;

/// Connections remembered at once. Two that are open at the same time share a place only when this many
/// others began between them.
const CONNECTIONS: usize = 4096;

/// Runs of keys remembered for each direction. A run is broken only by a frame that is missing from the
/// capture or by a change of the frame length.
const RUNS: usize = 64;

/// Whether a number is used for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyUse {
    First,
    /// The other direction of the connection has used it before.
    Second,
}

/// The numbers that may still meet their double, in bounded memory.
///
/// The keys of one direction only grow, so of the other direction's keys only those count that are beyond its
/// last one; they stand one frame length apart and are kept as runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Keys {
    places: Vec<Option<Connection>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Connection {
    number: u32,
    client: VecDeque<Run>,
    server: VecDeque<Run>,
}

/// Keys `first, first + stride, …, last`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    first: u64,
    stride: u64,
    last: u64,
}

impl Keys {
    /// Notes that `from` has used `key` on `connection`.
    pub(super) fn record(&mut self, connection: u32, from: Side, key: u64) -> KeyUse {
        let place = connection as usize % CONNECTIONS;
        if place >= self.places.len() {
            self.places.resize_with(place + 1, || None);
        }
        let Some(slot) = self.places.get_mut(place) else { return KeyUse::First };
        slot.take_if(|kept| kept.number != connection);
        let state = slot.get_or_insert_with(|| Connection { number: connection, ..Connection::default() });
        let (own, other) = match from {
            Side::Client => (&mut state.client, &mut state.server),
            Side::Server => (&mut state.server, &mut state.client),
        };
        let used = take(other, key);
        append(own, key);
        used
    }
}

/// Forgets the keys up to `key` and says whether it was one of them.
fn take(runs: &mut VecDeque<Run>, key: u64) -> KeyUse {
    while let Some(run) = runs.front_mut() {
        if run.first > key {
            break;
        }
        let steps = (key - run.first) / run.stride;
        let at = run.first + steps * run.stride;
        if at < run.last {
            run.first = at + run.stride;
            return if at == key { KeyUse::Second } else { KeyUse::First };
        }
        let last = run.last;
        runs.pop_front();
        if last == key {
            return KeyUse::Second;
        }
    }
    KeyUse::First
}

fn append(runs: &mut VecDeque<Run>, key: u64) {
    if let Some(run) = runs.back_mut() {
        if key <= run.last {
            return;
        }
        if run.first == run.last {
            run.stride = key - run.last;
        }
        if key - run.last == run.stride {
            run.last = key;
            return;
        }
    }
    if runs.len() == RUNS {
        runs.pop_front();
    }
    runs.push_back(Run { first: key, stride: 1, last: key });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn doubles_are_found_as_a_set_of_all_keys_finds_them(
            steps in proptest::collection::vec((0_u32..3, any::<bool>(), 1_u64..3), 0..200),
        ) {
            let mut keys = Keys::default();
            let mut seen = HashSet::new();
            let mut next = [[1_u64; 2]; 3];
            for (connection, client, skip) in steps {
                let key = &mut next[connection as usize][usize::from(client)];
                let expected = if seen.insert((connection, *key)) { KeyUse::First } else { KeyUse::Second };
                let from = if client { Side::Client } else { Side::Server };
                prop_assert_eq!(keys.record(connection, from, *key), expected);
                *key += 44 * skip;
            }
        }

        #[test]
        fn any_keys_in_any_order_use_bounded_memory(
            steps in proptest::collection::vec((any::<u32>(), any::<bool>(), any::<u64>()), 0..500),
        ) {
            let mut keys = Keys::default();
            for (connection, client, key) in steps {
                keys.record(connection, if client { Side::Client } else { Side::Server }, key);
            }
            prop_assert!(keys.places.len() <= CONNECTIONS);
            prop_assert!(keys.places.iter().flatten().all(|c| c.client.len() <= RUNS && c.server.len() <= RUNS));
        }
    }

    #[test]
    fn a_key_between_two_runs_is_looked_for_in_the_next_one() {
        let mut keys = Keys::default();
        for key in [1, 45, 46] {
            assert_eq!(keys.record(0, Side::Client, key), KeyUse::First);
        }
        assert_eq!(keys.record(0, Side::Server, 46), KeyUse::Second);
    }

    #[test]
    fn a_direction_far_ahead_of_the_other_is_one_run() {
        let mut keys = Keys::default();
        for i in 0..100_000 {
            assert_eq!(keys.record(0, Side::Client, 1 + 44 * i), KeyUse::First);
        }
        assert_eq!(keys.places[0].as_ref().unwrap().client.len(), 1);
        for i in 0..100_000 {
            assert_eq!(keys.record(0, Side::Server, 1 + 44 * i), KeyUse::Second);
        }
    }
}
