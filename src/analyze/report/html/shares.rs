//! Fair shares: how many findings and doubts of each connection the page carries when all are too many.

use super::Frames;
use crate::analyze::report::schema::Connection;

/// Holds the findings and doubts of all connections to a number of bytes. Whenever they are more, every connection
/// gives up what is beyond half of what the richest has, the least severe first.
#[derive(Debug)]
pub(super) struct Shares {
    limit: usize,
    used: usize,
    /// Findings, and doubts, of a connection.
    most: usize,
    pub(super) findings_dropped: u64,
}

impl Shares {
    pub(super) const fn of(limit: usize) -> Self {
        Self { limit, used: 0, most: usize::MAX, findings_dropped: 0 }
    }

    /// Takes in the last of `connections`.
    pub(super) fn admit(&mut self, connections: &mut [(Connection, Frames)]) {
        let Some((last, _)) = connections.last_mut() else { return };
        self.findings_dropped += last.keep_worst(self.most);
        self.used += last.told_bytes();
        while self.used > self.limit && self.most > 0 {
            let richest = connections.iter().map(|(connection, _)| connection.told()).max();
            self.most = richest.unwrap_or_default() / 2;
            let dropped = connections.iter_mut().map(|(connection, _)| connection.keep_worst(self.most));
            self.findings_dropped += dropped.sum::<u64>();
            self.used = connections.iter().map(|(connection, _)| connection.told_bytes()).sum();
        }
    }
}
