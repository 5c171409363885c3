//! The user's message of a connection, put together from its slices.

use std::fmt;
use std::ops::RangeInclusive;

use crate::wire::{Name, Pos};

use super::CapturedFrame;

/// Bytes kept of one message, unless told.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// Runs kept of one message: a message in more pieces than that is a capture of little use.
const MAX_RUNS: usize = 4096;

/// Adjoining slices.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    first: i32,
    /// One past the last position.
    end: i32,
    bytes: Vec<u8>,
}

/// The slices of a message as far as the capture has them: the first copy of each, in order of position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    runs: Vec<Run>,
    /// Position of DONE, one past the last slice.
    done: Option<i32>,
    bytes: usize,
    left_out: u64,
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of adjoining slices; at least one.
    Bytes(&'a [u8]),
    /// Positions whose slices the capture does not have.
    Missing(RangeInclusive<i32>),
}

impl Message {
    /// Takes a client's frame; anything but a whole MSG or DONE changes nothing.
    pub fn frame(&mut self, frame: &CapturedFrame<'_>) {
        self.frame_within(MAX_MESSAGE_BYTES, frame);
    }

    /// The same, but not beyond so many bytes in all.
    pub fn frame_within(&mut self, most: usize, frame: &CapturedFrame<'_>) {
        if let (Some(name), Some(Pos(pos @ 1..)), Some(payload)) = (frame.name(), frame.pos(), frame.payload()) {
            match name {
                Name::Msg => self.slice(pos, payload, most),
                Name::Done => self.done = self.done.max(Some(pos)),
                _ => {}
            }
        }
    }

    fn slice(&mut self, pos: i32, payload: &[u8], most: usize) {
        // The run that holds `pos` or ends just before it, else the place of a new one.
        let at = self.runs.partition_point(|run| run.end < pos);
        let holder = self.runs[at..].iter().take(2).find(|run| run.first <= pos && pos < run.end);
        if holder.is_some() {
            return; // a further copy
        }
        let joins = self.runs.get(at).is_some_and(|run| run.end == pos);
        let no_room = self.bytes + payload.len() > most || !joins && self.runs.len() == MAX_RUNS;
        if no_room || pos == i32::MAX {
            self.left_out += 1;
            return;
        }
        self.bytes += payload.len();
        if joins {
            self.runs[at].bytes.extend_from_slice(payload);
            self.runs[at].end = pos + 1;
        } else {
            self.runs.insert(at, Run { first: pos, end: pos + 1, bytes: payload.to_vec() });
        }
        self.merge(at);
    }

    /// Joins the run at `at` with the next one where they adjoin, unless that would move many bytes for few: slices
    /// in descending order must not cost the square of the message.
    fn merge(&mut self, at: usize) {
        if let [left, right, ..] = &mut self.runs[at..]
            && left.end == right.first
            && right.bytes.len() <= left.bytes.len().max(1024)
        {
            left.bytes.append(&mut right.bytes);
            left.end = right.end;
            self.runs.remove(at + 1);
        }
    }

    /// The message in order, from position 1 to DONE (or to the last slice seen).
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut next = 1;
        let last = self.runs.last().map_or(1, |run| run.end).max(self.done.unwrap_or(1));
        let mut pieces = Vec::new();
        for run in &self.runs {
            if run.first > next {
                pieces.push(Piece::Missing(next..=run.first - 1));
            }
            if !run.bytes.is_empty() {
                pieces.push(Piece::Bytes(&run.bytes));
            }
            next = run.end;
        }
        if last > next {
            pieces.push(Piece::Missing(next..=last - 1));
        }
        pieces.into_iter()
    }

    /// Bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes
    }

    /// True when there is not one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// True when every position from 1 to DONE is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.done.is_some() && self.left_out == 0 && self.pieces().all(|piece| matches!(piece, Piece::Bytes(_)))
    }

    /// Slices that were left out because of a limit or because the message is in too many pieces.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl fmt::Display for Message {
    /// How much of it there is: `62 bytes, complete`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, ", self.bytes)?;
        let missing: i64 = self
            .pieces()
            .map(|piece| match piece {
                Piece::Missing(range) => i64::from(*range.end()) - i64::from(*range.start()) + 1,
                Piece::Bytes(_) => 0,
            })
            .sum();
        match (missing, self.done) {
            (0, Some(_)) => f.write_str("complete")?,
            (0, None) => f.write_str("no DONE seen: the end may be missing")?,
            (n, done) => {
                write!(f, "{n} slice{} missing", if n == 1 { "" } else { "s" })?;
                if done.is_none() {
                    f.write_str(", no DONE seen: the end may be missing too")?;
                }
            }
        }
        if self.left_out > 0 {
            write!(
                f,
                "; {} slices left out at a limit (--max-message, --max-held-in-all, {MAX_RUNS} pieces)",
                self.left_out
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(slices: &[(i32, &[u8])], done: Option<i32>) -> Message {
        let mut message = Message { done, ..Message::default() };
        for (pos, payload) in slices {
            message.slice(*pos, payload, MAX_MESSAGE_BYTES);
        }
        message
    }

    #[test]
    fn slices_in_any_order_make_the_message() {
        let message = message(&[(2, b"cd"), (1, b"ab"), (4, b"g"), (3, b"ef"), (2, b"XX")], Some(5));
        assert_eq!(message.pieces().collect::<Vec<_>>(), [Piece::Bytes(b"abcdefg")]);
        assert_eq!(message.to_string(), "7 bytes, complete");
        assert!(message.is_complete());
    }

    #[test]
    fn missing_slices_are_shown_where_they_are() {
        let message = message(&[(3, b"c"), (5, b"e")], Some(8));
        let pieces: Vec<_> = message.pieces().collect();
        assert_eq!(
            pieces,
            [
                Piece::Missing(1..=2),
                Piece::Bytes(b"c"),
                Piece::Missing(4..=4),
                Piece::Bytes(b"e"),
                Piece::Missing(6..=7)
            ]
        );
        assert_eq!(message.to_string(), "2 bytes, 5 slices missing");
    }

    #[test]
    fn a_slice_without_a_byte_is_not_missing_and_no_piece() {
        let message = message(&[(3, b""), (5, b"e")], Some(6));
        let pieces: Vec<_> = message.pieces().collect();
        assert_eq!(pieces, [Piece::Missing(1..=2), Piece::Missing(4..=4), Piece::Bytes(b"e")]);
    }

    #[test]
    fn an_empty_message_goes_straight_to_done() {
        assert!(message(&[], Some(1)).is_complete());
        assert!(!message(&[], None).is_complete());
        assert_eq!(message(&[(1, b"a")], None).to_string(), "1 bytes, no DONE seen: the end may be missing");
    }

    proptest! {
        #[test]
        fn runs_equal_a_map_of_first_copies(slices in proptest::collection::vec((1_i32..40, proptest::collection::vec(any::<u8>(), 1..4)), 0..80)) {
            let mut twin = std::collections::BTreeMap::new();
            let mut message = Message::default();
            for (pos, payload) in &slices {
                twin.entry(*pos).or_insert_with(|| payload.clone());
                message.slice(*pos, payload, MAX_MESSAGE_BYTES);
            }
            let bytes: Vec<u8> = message.pieces().filter_map(|p| if let Piece::Bytes(b) = p { Some(b.to_vec()) } else { None }).flatten().collect();
            prop_assert_eq!(bytes, twin.values().flatten().copied().collect::<Vec<_>>());
            let missing: Vec<i32> = message.pieces().filter_map(|p| if let Piece::Missing(r) = p { Some(r) } else { None }).flatten().collect();
            let last = twin.keys().last().copied().unwrap_or(0);
            prop_assert_eq!(missing, (1..=last).filter(|pos| !twin.contains_key(pos)).collect::<Vec<_>>());
        }
    }
}
