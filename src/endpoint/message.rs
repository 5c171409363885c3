//! The message, cut into packages of P bytes, and the messages that cannot be (PROTOCOL §2.4, §3.2, §3.5).

use super::ProtocolError;
use crate::wire::{MaxMsgSize, Pos};

/// The highest number that an ACK of P digits can carry and that leaves room for CLOSE in an `i32`: what DONE's
/// position may be at most.
pub(super) fn highest_ack(p: MaxMsgSize) -> i32 {
    10_i32.checked_pow(u32::from(p.get())).map_or(i32::MAX - 1, |beyond| beyond - 1)
}

/// A message and the P that it is cut by.
#[derive(Debug)]
pub(super) struct Slices {
    message: Vec<u8>,
    p: MaxMsgSize,
}

impl Slices {
    /// `message` before P is known: uncut.
    pub(super) const fn uncut(message: Vec<u8>) -> Self {
        Self { message, p: MaxMsgSize::MIN }
    }

    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Cuts the message by `p` and says how many packages that makes, N.
    pub(super) fn cut(&mut self, p: MaxMsgSize) -> Result<i32, ProtocolError> {
        self.p = p;
        let message_len = self.message.len();
        let Some(packages) = packages(message_len, p) else {
            return Err(ProtocolError::TooManyPackages {
                message_len,
                packages: message_len.div_ceil(usize::from(p.get())) as u64,
                max_msg_size: p,
                suggestion: self.suggestion(),
            });
        };
        match self.nul_at_slice_end(p) {
            None => Ok(packages),
            Some(offset) => Err(ProtocolError::NulAtSliceEnd {
                offset,
                // Below N, which fits.
                pos: Pos(i32::try_from(offset / usize::from(p.get()) + 1).unwrap_or(packages)),
                max_msg_size: p,
                suggestion: self.suggestion(),
            }),
        }
    }

    /// Slice k = 1..=N; empty beyond.
    pub(super) fn get(&self, pos: Pos) -> &[u8] {
        let p = usize::from(self.p.get());
        let from = usize::try_from(i64::from(pos.0) - 1).unwrap_or(usize::MAX).saturating_mul(p);
        let to = from.saturating_add(p).min(self.message.len());
        self.message.get(from..to).unwrap_or_default()
    }

    /// The smallest P by which the message can be cut.
    fn suggestion(&self) -> Option<MaxMsgSize> {
        (MaxMsgSize::MIN.get()..=MaxMsgSize::MAX.get())
            .filter_map(MaxMsgSize::new)
            .find(|p| packages(self.message.len(), *p).is_some() && self.nul_at_slice_end(*p).is_none())
    }

    /// The offset of the first NUL that ends a slice of `p` bytes.
    fn nul_at_slice_end(&self, p: MaxMsgSize) -> Option<usize> {
        let last = self.message.len().checked_sub(1)?;
        let p = usize::from(p.get());
        (p - 1..last).step_by(p).chain([last]).find(|end| self.message.get(*end) == Some(&0))
    }
}

/// N, when DONE's position can be acknowledged and CLOSE's is an `i32`.
fn packages(message_len: usize, p: MaxMsgSize) -> Option<i32> {
    let packages = i32::try_from(message_len.div_ceil(usize::from(p.get()))).ok()?;
    (packages < highest_ack(p)).then_some(packages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn p(p: u16) -> MaxMsgSize {
        MaxMsgSize::new(p).unwrap()
    }

    #[test]
    fn a_message_needs_one_ack_number_more_than_it_has_packages() {
        // 4 digits: ACK 9999 is the highest, and DONE's; so 9998 packages.
        assert_eq!(Slices::uncut(vec![b'a'; 4 * 9998]).cut(p(4)), Ok(9998));
        let refusal = Slices::uncut(vec![b'a'; 4 * 9998 + 1]).cut(p(4)).unwrap_err();
        assert_eq!(
            refusal,
            ProtocolError::TooManyPackages {
                message_len: 39_993,
                packages: 9999,
                max_msg_size: p(4),
                suggestion: Some(p(5))
            }
        );
        assert!(refusal.to_string().contains("a maximum_msg_size of 5 would do"), "{refusal}");
        assert_eq!(highest_ack(p(9)), 999_999_999);
        assert_eq!(highest_ack(p(10)), i32::MAX - 1);
        assert_eq!(highest_ack(MaxMsgSize::MAX), i32::MAX - 1);
    }

    #[test]
    fn a_slice_that_ends_in_nul_is_refused_with_its_byte() {
        let mut message = b"abcdefghij".to_vec();
        message[7] = 0;
        let refusal = Slices::uncut(message.clone()).cut(p(4)).unwrap_err();
        assert_eq!(
            refusal,
            ProtocolError::NulAtSliceEnd { offset: 7, pos: Pos(2), max_msg_size: p(4), suggestion: Some(p(5)) }
        );
        assert_eq!(Slices::uncut(message).cut(p(5)), Ok(2), "a NUL inside a slice is carried");
        let refusal = Slices::uncut(b"abcde\0".to_vec()).cut(p(4)).unwrap_err();
        assert!(refusal.to_string().contains("no maximum_msg_size would do"), "{refusal}");
    }

    proptest! {
        #[test]
        fn slices_join_to_the_message_and_refusals_are_those_of_plain_chunks(
            message in proptest::collection::vec(prop_oneof![4 => Just(b'x'), 1 => Just(0)], 0..60), size in 4_u16..12,
        ) {
            let bad = |p: u16| message.chunks(usize::from(p)).position(|slice| slice.ends_with(&[0]));
            let mut slices = Slices::uncut(message.clone());
            match slices.cut(p(size)) {
                Ok(n) => {
                    prop_assert_eq!(bad(size), None);
                    let joined: Vec<u8> = (1..=n).flat_map(|k| slices.get(Pos(k)).to_vec()).collect();
                    prop_assert_eq!(joined, message);
                    prop_assert!(slices.get(Pos(n + 1)).is_empty() && slices.get(Pos(0)).is_empty());
                }
                Err(ProtocolError::NulAtSliceEnd { pos, suggestion, offset, .. }) => {
                    let first = bad(size).unwrap();
                    prop_assert_eq!(pos.0, i32::try_from(first).unwrap() + 1);
                    prop_assert_eq!(offset + 1, (usize::from(size) * (first + 1)).min(message.len()));
                    prop_assert_eq!(suggestion.map(MaxMsgSize::get), (4..=9999).find(|p| bad(*p).is_none()));
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
