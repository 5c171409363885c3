//! The frame around every pcapng block, and the options inside.

use std::ops::Range;

use super::facts::ByteOrder;
use super::magic;

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const NAME_RESOLUTION: u32 = 4;
pub(super) const STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const JOURNAL: u32 = 9;
pub(super) const SECRETS: u32 = 10;
pub(super) const CUSTOM: u32 = 0x0000_0bad;
pub(super) const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

/// Option `shb_userappl`.
pub(super) const SECTION_PROGRAM: u16 = 4;
/// Option `if_name`.
pub(super) const INTERFACE_NAME: u16 = 2;
/// Option `if_description`.
pub(super) const INTERFACE_TEXT: u16 = 3;
/// Option `if_tsresol`.
pub(super) const INTERFACE_RESOLUTION: u16 = 9;
/// Option `if_fcslen`, in bits.
pub(super) const INTERFACE_FCS: u16 = 13;
/// Option `if_tsoffset`.
pub(super) const INTERFACE_OFFSET: u16 = 14;

/// Type, length, and length again: what a block without a body has.
const SHORTEST: usize = 12;

/// What stands at the start of some bytes.
pub(super) enum Frame {
    /// A whole block.
    Whole {
        kind: u32,
        order: ByteOrder,
        /// Up to the next block.
        len: usize,
        alignment: Alignment,
    },
    /// Not all of a block.
    Short {
        /// Bytes it needs, as far as is known.
        needed: usize,
        /// What is short, for a reader of the error.
        inside: String,
    },
    /// A block that is longer than the limit.
    TooLong { kind: u32, len: u32 },
    /// Type 0 and length 0: perhaps a file that was made longer than its content.
    Zeroes,
}

/// What a block's length field says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alignment {
    /// A multiple of four, as the format demands.
    Even,
    /// Anything else.
    Odd,
}

impl Alignment {
    const fn of(len: usize) -> Self {
        if len.is_multiple_of(4) { Self::Even } else { Self::Odd }
    }
}

/// Frames one block; `Err` says what is wrong with it.
///
/// `order` is that of the section; a section header brings its own.
pub(super) fn frame(bytes: &[u8], order: ByteOrder, max_len: u32) -> Result<Frame, String> {
    let (words, _) = bytes.as_chunks::<4>();
    let [kind, len, third, ..] = words else {
        return Ok(Frame::Short { needed: SHORTEST, inside: "a block header".to_owned() });
    };
    let order = if order.u32(*kind) == SECTION_HEADER {
        match third {
            [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
            [a, b, c, d] => {
                return Err(format!(
                    "section header with the byte-order magic {a:02x}{b:02x}{c:02x}{d:02x}, needed 1a2b3c4d or 4d3c2b1a"
                ));
            }
        }
    } else {
        order
    };
    if magic::detect(*kind).is_some() {
        return Err(format!("a pcap file header where a block should begin: {}", magic::JOINED));
    }
    let (kind, stated) = (order.u32(*kind), order.u32(*len));
    if kind == 0 && stated == 0 {
        return Ok(Frame::Zeroes);
    }
    if (stated as usize) < SHORTEST {
        return Err(format!("block of type {kind:#010x} with a length of {stated} bytes, needed at least {SHORTEST}"));
    }
    if stated > max_len {
        return Ok(Frame::TooLong { kind, len: stated });
    }
    // A length that leaves padding out may stand on a block with padding or on one without: the trailing
    // length tells which.
    let bare = stated as usize;
    let padded = bare.next_multiple_of(4);
    let short = |needed| Ok(Frame::Short { needed, inside: format!("a block of type {kind:#010x}") });
    let Some(trailer) = trailer(bytes, bare, order) else { return short(bare) };
    if trailer == stated {
        return Ok(Frame::Whole { kind, order, len: bare, alignment: Alignment::of(bare) });
    }
    if bare != padded {
        let Some(trailer) = self::trailer(bytes, padded, order) else { return short(padded) };
        if trailer == stated || trailer as usize == padded {
            return Ok(Frame::Whole { kind, order, len: padded, alignment: Alignment::Odd });
        }
    }
    Err(format!(
        "block of type {kind:#010x} whose length is {stated} at its start and {trailer} at its end, needed the same"
    ))
}

/// The last four bytes of a block of `len` bytes, at least [`SHORTEST`]; `None` when it is not all there.
fn trailer(bytes: &[u8], len: usize, order: ByteOrder) -> Option<u32> {
    bytes.get(len - 4..len)?.first_chunk().map(|trailer| order.u32(*trailer))
}

/// The place of a block's body, from the place of the whole block.
pub(super) const fn body(block: Range<usize>) -> Range<usize> {
    block.start + 8..block.end - 4
}

/// Hands every option to `each`; false when one ends beyond `bytes`, which ends the list.
pub(super) fn options(mut bytes: &[u8], order: ByteOrder, mut each: impl FnMut(u16, &[u8])) -> bool {
    while !bytes.is_empty() {
        let Some(([a, b, c, d], rest)) = bytes.split_first_chunk::<4>() else { return false };
        let (code, len) = (order.u16([*a, *b]), usize::from(order.u16([*c, *d])));
        if code == 0 {
            return true;
        }
        let Some(value) = rest.get(..len) else { return false };
        each(code, value);
        bytes = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}
