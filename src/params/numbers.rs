//! Lists of positions and packet numbers as people write them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use crate::wire::Pos;

/// The most positions that a list may have where each costs memory.
pub const MAX_POSITIONS: u64 = 1 << 20;

/// A set of whole numbers from 1: a list (`[4, 9, 10]`) or a text with runs (`"4,9-12"`). Kept sorted, as runs, so
/// that a long run costs no memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Numbers {
    /// First and last, both included; ascending, disjoint, not adjoining.
    runs: Vec<(u64, u64)>,
}

impl Numbers {
    /// True when `number` is in the set.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let at = self.runs.partition_point(|(_, last)| *last < number);
        self.runs.get(at).is_some_and(|(first, _)| *first <= number)
    }

    /// True when nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The highest.
    #[must_use]
    pub fn highest(&self) -> Option<u64> {
        self.runs.last().map(|(_, last)| *last)
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.runs.iter().fold(0_u64, |n, (first, last)| n.saturating_add((last - first).saturating_add(1)))
    }

    /// Each, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.runs.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Each as a position, lowest first.
    ///
    /// # Errors
    /// When one is beyond the last position there can be, or they are more than [`MAX_POSITIONS`].
    pub fn positions(&self) -> Result<impl Iterator<Item = Pos>, PositionsError> {
        if let Some(highest) = self.highest().filter(|highest| i32::try_from(*highest).is_err()) {
            return Err(PositionsError::TooHigh { highest });
        }
        if self.count() > MAX_POSITIONS {
            return Err(PositionsError::TooMany { count: self.count() });
        }
        Ok(self.iter().filter_map(|number| i32::try_from(number).ok().map(Pos)))
    }

    fn from_runs(mut runs: Vec<(u64, u64)>) -> Self {
        runs.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(runs.len());
        for (first, last) in runs {
            match merged.last_mut() {
                Some(top) if first <= top.1.saturating_add(1) => top.1 = top.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self { runs: merged }
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        Self::from_runs(numbers.into_iter().map(|n| (n, n)).collect())
    }
}

/// A text that is no list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{item}` is not a number from 1 or a run of them: write a list such as 4,9-12")]
pub struct NumbersError {
    item: String,
}

/// Numbers that are no list of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionsError {
    /// A number is beyond the last position.
    #[error("{highest} is no position: they end at {}", i32::MAX)]
    TooHigh {
        /// The highest of the list.
        highest: u64,
    },
    /// The list is too long.
    #[error("{count} positions; a list may have {MAX_POSITIONS}")]
    TooMany {
        /// How many it has.
        count: u64,
    },
}

/// The positions of an option's text, such as `4,9-12`.
///
/// # Errors
/// When the text is no list, or its numbers are no positions; in words for people.
pub fn positions(text: &str) -> Result<BTreeSet<Pos>, String> {
    let numbers: Numbers = text.parse().map_err(|error: NumbersError| error.to_string())?;
    Ok(numbers.positions().map_err(|error| error.to_string())?.collect())
}

impl FromStr for Numbers {
    type Err = NumbersError;

    fn from_str(text: &str) -> Result<Self, NumbersError> {
        let mut runs = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            let number = |s: &str| s.trim().parse::<u64>().ok().filter(|n| *n >= 1);
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => runs.push((first, last)),
                _ => return Err(NumbersError { item: item.to_owned() }),
            }
        }
        Ok(Self::from_runs(runs))
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.runs.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumbersVisitor;
        impl<'de> Visitor<'de> for NumbersVisitor {
            type Value = Numbers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers from 1 ([4, 9, 10] or \"4,9-12\")")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Numbers, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Numbers, A::Error> {
                let mut runs = Vec::new();
                while let Some(number) = list.next_element::<i64>()? {
                    match u64::try_from(number) {
                        Ok(n @ 1..) => runs.push((n, n)),
                        _ => return Err(de::Error::custom(NumbersError { item: number.to_string() })),
                    }
                }
                Ok(Numbers::from_runs(runs))
            }
        }
        deserializer.deserialize_any(NumbersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_list_holds_what_was_written_in_it(runs in proptest::collection::vec((1_u64..60, 0_u64..5), 0..12)) {
            let text: Vec<String> = runs.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
            let numbers: Numbers = text.join(",").parse().unwrap();
            let naive: BTreeSet<u64> = runs.iter().flat_map(|(first, more)| *first..=first + more).collect();
            for n in 0..80 {
                prop_assert_eq!(numbers.contains(n), naive.contains(&n));
            }
            prop_assert_eq!(numbers.iter().collect::<BTreeSet<_>>(), naive);
            prop_assert_eq!(numbers.to_string().parse::<Numbers>().unwrap(), numbers);
        }
    }

    #[test]
    fn positions_are_the_numbers_up_to_the_last_position_and_not_without_end() {
        assert_eq!(positions("9-10,4,10").unwrap().into_iter().collect::<Vec<_>>(), [Pos(4), Pos(9), Pos(10)]);
        assert_eq!(positions("2147483647").unwrap(), [Pos(i32::MAX)].into());
        assert_eq!(positions(&format!("7-{}", MAX_POSITIONS + 6)).unwrap().len() as u64, MAX_POSITIONS);
        for (text, words) in [
            ("1,2147483648", "2147483648 is no position: they end at 2147483647"),
            ("1-2147483647", "2147483647 positions; a list may have 1048576"),
            ("7-1048583", "1048577 positions"),
            ("0", "`0` is not a number from 1"),
        ] {
            let said = positions(text).unwrap_err();
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_item() {
        for (text, item) in [("0", "0"), ("4,x", "x"), ("5-4", "5-4"), ("-1", "-1"), ("1-", "1-"), ("1.5", "1.5")] {
            assert_eq!(text.parse::<Numbers>(), Err(NumbersError { item: item.to_owned() }));
        }
    }
}
