//! Bytes in, frames out: cuts a stream on a grid of one frame length, wherever TCP split or joined it.

/// Cuts a byte stream into frames of one length.
///
/// A frame that lies whole in the input is returned as a slice of it; only one that straddles two inputs
/// is copied, so a stream of whole frames costs no copy at all. At most one frame is buffered.
///
/// ```
/// use arqscope::wire::Deframer;
/// let mut deframer = Deframer::new(4);
/// let mut input = &b"abcdef"[..];
/// assert_eq!(deframer.next(&mut input), Some(&b"abcd"[..]));
/// assert_eq!(deframer.next(&mut input), None); // `ef` is kept
/// let mut input = &b"gh"[..];
/// assert_eq!(deframer.next(&mut input), Some(&b"efgh"[..]));
/// ```
#[derive(Debug, Clone)]
pub struct Deframer {
    frame_len: usize,
    partial: Vec<u8>,
    /// `partial` holds a frame that was returned by the last call and is cleared by the next one.
    returned: bool,
}

impl Deframer {
    /// A deframer whose grid starts at the next byte. `frame_len` must be positive.
    #[must_use]
    pub const fn new(frame_len: usize) -> Self {
        assert!(frame_len > 0, "a frame has at least one byte");
        Self { frame_len, partial: Vec::new(), returned: false }
    }

    /// The next whole frame, taking its bytes off the front of `input`; `None` when what is left is less
    /// than a frame, which is then kept for the next call.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<&'s [u8]> {
        if self.returned {
            self.partial.clear();
            self.returned = false;
        }
        if self.partial.is_empty() {
            if let Some((frame, rest)) = input.split_at_checked(self.frame_len) {
                *input = rest;
                return Some(frame);
            }
            self.partial.extend_from_slice(input);
            *input = &[];
            return None;
        }
        let take = (self.frame_len - self.partial.len()).min(input.len());
        let (head, rest) = input.split_at(take);
        self.partial.extend_from_slice(head);
        *input = rest;
        if self.partial.len() < self.frame_len {
            return None;
        }
        self.returned = true;
        Some(&self.partial)
    }

    /// Bytes of the frame that is not whole yet.
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        if self.returned { &[] } else { &self.partial }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_cut_of_a_stream_gives_the_same_frames(
            stream in proptest::collection::vec(any::<u8>(), 0..300),
            cuts in proptest::collection::vec(0_usize..40, 0..40),
            frame_len in 1_usize..50,
        ) {
            let whole: Vec<Vec<u8>> = stream.chunks_exact(frame_len).map(<[u8]>::to_vec).collect();
            let mut deframer = Deframer::new(frame_len);
            let mut frames = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (mut piece, later) = rest.split_at(cut.min(rest.len()));
                while let Some(frame) = deframer.next(&mut piece) {
                    frames.push(frame.to_vec());
                }
                prop_assert!(piece.is_empty());
                rest = later;
            }
            prop_assert_eq!(frames, whole);
            prop_assert_eq!(deframer.partial(), stream.chunks_exact(frame_len).remainder());
        }
    }
}
