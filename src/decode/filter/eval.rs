//! The compiled filter and how it judges a row.

use std::cell::{OnceCell, RefCell};
use std::cmp::Ordering;
use std::io::Write as _;

use memchr::memmem;
use regex::bytes::Regex;

use super::fields::Key;
use super::slice::Slice;
use crate::decode::{Info, Row};
use crate::time::Timestamp;

/// A test that a row passes or fails.
#[derive(Debug)]
pub(super) enum Node {
    /// Passes always.
    Everything,
    /// The operand has a value.
    Present(Operand),
    Compare(Operand, Relation, Operand),
    Contains(Operand, Needle),
    Matches(Operand, Box<Regex>),
    In(Operand, ValueSet),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    /// An odd number of them: `xor`.
    Odd(Vec<Node>),
}

/// What `contains` looks for.
#[derive(Debug)]
pub(super) enum Needle {
    Fixed(Box<memmem::Finder<'static>>),
    Read(Operand),
}

/// Something that has a value on a row.
#[derive(Debug)]
pub(super) enum Operand {
    Field(Key),
    Constant(Constant),
    Slice(Box<Operand>, Slice),
    Len(Box<Operand>),
    /// In one case; the number is that of its buffer in [`Scratch`].
    Case(Case, usize, Box<Operand>),
}

/// The case of `upper()` and `lower()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
}

impl Relation {
    /// As written.
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Lt => "<",
            Self::Ge => ">=",
            Self::Le => "<=",
        }
    }

    /// The operator that says the same with the sides exchanged.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::Ne => Self::Ne,
            Self::Gt => Self::Lt,
            Self::Lt => Self::Gt,
            Self::Ge => Self::Le,
            Self::Le => Self::Ge,
        }
    }

    /// `order` is `None` where a NaN takes part, which is unequal to everything.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Lt => order == Some(Ordering::Less),
            Self::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Self::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        }
    }
}

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

    fn contains(&self, value: Value<'_>) -> bool {
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
    fn text(&self, buffer: usize, fill: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
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

impl Operand {
    fn read<'r>(&'r self, row: &'r Row<'_>, scratch: &'r Scratch) -> Option<Value<'r>> {
        match self {
            Self::Field(key) => key.read(row, scratch),
            Self::Constant(constant) => Some(constant.value()),
            Self::Slice(whole, slice) => slice.of(whole.bytes(row, scratch)?).map(Value::Bytes),
            Self::Len(whole) => whole.bytes(row, scratch).map(|bytes| Value::Int(bytes.len() as i128)),
            Self::Case(case, buffer, whole) => {
                let bytes = whole.bytes(row, scratch)?;
                Some(Value::Bytes(scratch.text(*buffer, |text| {
                    text.extend_from_slice(bytes);
                    match case {
                        Case::Upper => text.make_ascii_uppercase(),
                        Case::Lower => text.make_ascii_lowercase(),
                    }
                })))
            }
        }
    }

    fn bytes<'r>(&'r self, row: &'r Row<'_>, scratch: &'r Scratch) -> Option<&'r [u8]> {
        match self.read(row, scratch)? {
            Value::Bytes(bytes) => Some(bytes),
            Value::Int(_) | Value::Float(_) | Value::Time(_) | Value::Flag => None,
        }
    }
}

impl Node {
    /// True when `row` passes. What the row does not have passes no test but a negated one.
    pub(super) fn holds(&self, row: &Row<'_>, scratch: &Scratch) -> bool {
        match self {
            Self::Everything => true,
            Self::Present(operand) => operand.read(row, scratch).is_some(),
            Self::Compare(left, relation, right) => match (left.read(row, scratch), right.read(row, scratch)) {
                (Some(left), Some(right)) => relation.holds(left.partial_cmp(&right)),
                _ => false,
            },
            Self::Contains(operand, needle) => operand.bytes(row, scratch).is_some_and(|bytes| match needle {
                Needle::Fixed(finder) => finder.find(bytes).is_some(),
                Needle::Read(part) => part.bytes(row, scratch).is_some_and(|part| memmem::find(bytes, part).is_some()),
            }),
            Self::Matches(operand, regex) => operand.bytes(row, scratch).is_some_and(|bytes| regex.is_match(bytes)),
            Self::In(operand, set) => operand.read(row, scratch).is_some_and(|value| set.contains(value)),
            Self::Not(node) => !node.holds(row, scratch),
            Self::All(nodes) => nodes.iter().all(|node| node.holds(row, scratch)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(row, scratch)),
            Self::Odd(nodes) => nodes.iter().fold(false, |odd, node| odd ^ node.holds(row, scratch)),
        }
    }
}
