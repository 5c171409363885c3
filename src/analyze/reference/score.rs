//! Sets of behaviours, and what speaks for and against each.

use crate::analyze::{Behaviour, BehaviourFit};

/// Sentences kept for and against a behaviour.
const FIRST_FEW: usize = 3;

impl Behaviour {
    /// All, in the order in which ties are listed.
    pub const ALL: [Self; 5] =
        [Self::ThisProtocol, Self::TimerOnly, Self::GoBackN, Self::SelectiveRepeat, Self::StopAndWait];

    /// `this-protocol`, `timer-only`, `go-back-n`, `selective-repeat` or `stop-and-wait`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ThisProtocol => "this-protocol",
            Self::TimerOnly => "timer-only",
            Self::GoBackN => "go-back-n",
            Self::SelectiveRepeat => "selective-repeat",
            Self::StopAndWait => "stop-and-wait",
        }
    }
}

/// Some of the behaviours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Among(u8);

impl Among {
    pub(super) const NONE: Self = Self(0);
    pub(super) const THIS_PROTOCOL: Self = Self::of(Behaviour::ThisProtocol);
    pub(super) const TIMER_ONLY: Self = Self::of(Behaviour::TimerOnly);
    pub(super) const GO_BACK_N: Self = Self::of(Behaviour::GoBackN);
    pub(super) const SELECTIVE_REPEAT: Self = Self::of(Behaviour::SelectiveRepeat);
    pub(super) const STOP_AND_WAIT: Self = Self::of(Behaviour::StopAndWait);
    pub(super) const ALL: Self = Self(0b1_1111);

    const fn of(behaviour: Behaviour) -> Self {
        Self(1 << behaviour as u8)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are in both.
    pub(super) const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn has(self, behaviour: Behaviour) -> bool {
        self.0 & Self::of(behaviour).0 != 0
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// What was counted for each behaviour.
#[derive(Debug, Default)]
pub(super) struct Scores {
    /// Decisions that every behaviour explains.
    unanimous: u64,
    by: [Score; 5],
}

#[derive(Debug, Default)]
struct Score {
    explained: u64,
    contradicted: u64,
    pro: Vec<String>,
    con: Vec<String>,
}

impl Scores {
    /// A decision that every behaviour explains.
    pub(super) const fn unanimous(&mut self) {
        self.unanimous += 1;
    }

    /// A decision that these explain and those do not; the others have nothing to do with it.
    pub(super) fn decide(&mut self, explained: Among, contradicted: Among) {
        for (behaviour, score) in Behaviour::ALL.into_iter().zip(&mut self.by) {
            score.explained += u64::from(explained.has(behaviour));
            score.contradicted += u64::from(contradicted.has(behaviour));
        }
    }

    /// Says what speaks for these, the first few times.
    pub(super) fn speaks_for(&mut self, these: Among, words: impl Fn() -> String) {
        self.say(these, |score| &mut score.pro, words);
    }

    /// Says what speaks against these, the first few times.
    pub(super) fn speaks_against(&mut self, these: Among, words: impl Fn() -> String) {
        self.say(these, |score| &mut score.con, words);
    }

    fn say(&mut self, these: Among, side: impl Fn(&mut Score) -> &mut Vec<String>, words: impl Fn() -> String) {
        for (behaviour, score) in Behaviour::ALL.into_iter().zip(&mut self.by) {
            let said = side(score);
            if these.has(behaviour) && said.len() < FIRST_FEW {
                said.push(words());
            }
        }
    }

    pub(super) fn contradicted(&self, behaviour: Behaviour) -> u64 {
        Behaviour::ALL.iter().zip(&self.by).find(|(other, _)| **other == behaviour).map_or(0, |(_, s)| s.contradicted)
    }

    /// Nothing was decided.
    pub(super) fn is_empty(&self) -> bool {
        self.unanimous == 0 && self.by.iter().all(|score| score.explained + score.contradicted == 0)
    }

    /// Best first: the fewest decisions against it, then the most that it explains.
    pub(super) fn fits(self) -> Vec<BehaviourFit> {
        let unanimous = self.unanimous;
        let mut fits: Vec<_> = Behaviour::ALL
            .into_iter()
            .zip(self.by)
            .map(|(behaviour, score)| BehaviourFit {
                behaviour,
                explained: unanimous + score.explained,
                contradicted: score.contradicted,
                evidence_for: score.pro,
                evidence_against: score.con,
            })
            .collect();
        fits.sort_by_key(|fit| (fit.contradicted, std::cmp::Reverse(fit.explained)));
        fits
    }
}
