//! When each outstanding position was last counted as sent: positions that were sent at one moment are one entry.

use std::collections::VecDeque;

use super::Moment;

/// The oldest position first.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// How many positions in a row were sent when.
    runs: VecDeque<(Moment, u32)>,
}

impl Outstanding {
    /// When the oldest was sent.
    pub(super) fn oldest(&self) -> Option<Moment> {
        self.runs.front().map(|(sent, _)| *sent)
    }

    /// The next `count` positions are sent.
    pub(super) fn push(&mut self, count: u32, now: Moment) {
        match self.runs.back_mut() {
            Some((sent, run)) if *sent == now => *run += count,
            _ if count > 0 => self.runs.push_back((now, count)),
            _ => {}
        }
    }

    /// The oldest is sent again.
    pub(super) fn resend_oldest(&mut self, now: Moment) {
        if self.oldest().is_some() {
            self.pop(1);
            match self.runs.front_mut() {
                Some((sent, run)) if *sent == now => *run += 1,
                _ => self.runs.push_front((now, 1)),
            }
        }
    }

    /// The `count` oldest are acknowledged.
    pub(super) fn pop(&mut self, mut count: u32) {
        while let Some((_, run)) = self.runs.front_mut() {
            if *run > count {
                *run -= count;
                return;
            }
            count -= *run;
            self.runs.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_the_same_as_one_moment_for_each_position(
            steps in proptest::collection::vec((0..3_u8, 0..5_u32, 0..2_u64), 0..60),
        ) {
            let (mut runs, mut plain) = (Outstanding::default(), VecDeque::new());
            let mut now = 0;
            for (what, count, passes) in steps {
                now += passes;
                let moment = Moment::from_nanos(now);
                match what {
                    0 => {
                        runs.push(count, moment);
                        plain.extend((0..count).map(|_| moment));
                    }
                    1 => {
                        runs.pop(count);
                        plain.drain(..plain.len().min(count as usize));
                    }
                    _ => {
                        runs.resend_oldest(moment);
                        if let Some(oldest) = plain.front_mut() {
                            *oldest = moment;
                        }
                    }
                }
                let spelt: Vec<Moment> =
                    runs.runs.iter().flat_map(|(sent, count)| (0..*count).map(|_| *sent)).collect();
                prop_assert_eq!(spelt, plain.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(runs.oldest(), plain.front().copied());
            }
        }
    }
}
