//! The compiled filter and how it judges a row.

use std::cmp::Ordering;

use memchr::memmem;
use regex::bytes::Regex;

use super::fields::Key;
use super::slice::Slice;
use super::value::{Constant, Scratch, Value, ValueSet};
use crate::decode::Row;

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
