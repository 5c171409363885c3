//! What tests compare: the values of a row and those written in the filter, and the buffers of texts.

use std::cell::{OnceCell, RefCell};
use std::cmp::Ordering;
use std::io::Write as _;

use crate::decode::Info;
use crate::time::Timestamp;

/// What an operand is on one row. The parser lets only values of one kind meet.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Value<'r> {
    /// Wide enough for every signed and unsigned field.
    Int(i128),
    Float(f64),
    Time(Timestamp),
    Bytes(&'r [u8]),
    Flag,
}

/// A value written in the filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Int(i128),
    /// Never NaN.
    Float(f64),
    Time(Timestamp),
    Bytes(Box<[u8]>),
}

impl Constant {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Int(n) => Value::Int(*n),
            Self::Float(x) => Value::Float(*x),
            Self::Time(t) => Value::Time(*t),
            Self::Bytes(b) => Value::Bytes(b),
        }
    }
}

/// The right side of `in`: closed ranges, ascending and apart from each other, so that a large set costs
/// its logarithm.
#[derive(Debug)]
pub(super) struct ValueSet(Vec<(Constant, Constant)>);

impl ValueSet {
    /// From ranges in any order, overlapping or not, each with low ≤ high.
    pub(super) fn new(mut ranges: Vec<(Constant, Constant)>) -> Self {
        let order = |a: &Constant, b: &Constant| a.value().partial_cmp(&b.value()).unwrap_or(Ordering::Equal);
        ranges.sort_by(|a, b| order(&a.0, &b.0));
        let mut merged: Vec<(Constant, Constant)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if order(&low, &last.1).is_le() => {
                    if order(&high, &last.1).is_gt() {
                        last.1 = high;
                    }
                }
                _ => merged.push((low, high)),
            }
        }
        Self(merged)
    }

    pub(super) fn contains(&self, value: Value<'_>) -> bool {
        let above = self.0.partition_point(|(low, _)| low.value() <= value);
        above.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|(_, high)| value <= high.value())
    }
}

/// Buffers for texts that a row does not hold ready: the Info column, and what `upper()` and `lower()`
/// make. One per thread; kept from row to row, so that judging a row does not allocate.
#[derive(Debug, Default)]
pub struct Scratch {
    texts: Vec<OnceCell<Vec<u8>>>,
    spare: RefCell<Vec<Vec<u8>>>,
}

impl Scratch {
    /// The buffer of the Info column; those of the functions follow.
    pub(super) const INFO: usize = 0;

    /// Empty; buffers grow as filters need them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the last row and makes room for `buffers` texts.
    pub(super) fn clear(&mut self, buffers: usize) {
        for cell in &mut self.texts {
            if let Some(mut text) = cell.take() {
                text.clear();
                self.spare.get_mut().push(text);
            }
        }
        if self.texts.len() < buffers {
            self.texts.resize_with(buffers, OnceCell::new);
        }
    }

    /// The text in `buffer`, written by `fill` when this row first asks for it.
    pub(super) fn text(&self, buffer: usize, fill: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        let make = || {
            let mut text = self.spare.borrow_mut().pop().unwrap_or_default();
            fill(&mut text);
            text
        };
        self.texts.get(buffer).map_or(&[], |cell| cell.get_or_init(make))
    }

    /// The Info column's text.
    pub(super) fn info(&self, info: &Info) -> &[u8] {
        self.text(Self::INFO, |text| {
            // Writing to a vector does not fail.
            let _ = write!(text, "{info}");
        })
    }
}
