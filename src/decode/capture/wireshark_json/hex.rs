//! Bytes written as hex digits, with or without colons between them.

/// Text that is not a whole number of hex bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotHex;

/// Appends the bytes that `text` writes: `47:45:54` or `474554`, either case. On an error nothing is appended.
pub(super) fn append(text: &[u8], out: &mut Vec<u8>) -> Result<(), NotHex> {
    let old_len = out.len();
    let result = if text.get(2) == Some(&b':') { append_colons(text, out) } else { append_plain(text, out) };
    if result.is_err() {
        out.truncate(old_len);
    }
    result
}

fn append_plain(text: &[u8], out: &mut Vec<u8>) -> Result<(), NotHex> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(NotHex);
    }
    let mut bad = 0;
    out.extend(pairs.iter().map(|&[high, low]| byte(high, low, &mut bad)));
    if bad & 0xf0 == 0 { Ok(()) } else { Err(NotHex) }
}

fn append_colons(text: &[u8], out: &mut Vec<u8>) -> Result<(), NotHex> {
    let (triples, rest) = text.as_chunks::<3>();
    let &[high, low] = rest else { return Err(NotHex) };
    let mut bad = 0;
    let mut colons = true;
    out.extend(triples.iter().map(|&[high, low, colon]| {
        colons &= colon == b':';
        byte(high, low, &mut bad)
    }));
    out.push(byte(high, low, &mut bad));
    if colons && bad & 0xf0 == 0 { Ok(()) } else { Err(NotHex) }
}

fn byte(high: u8, low: u8, bad: &mut u8) -> u8 {
    let (high, low) = (DIGIT[usize::from(high)], DIGIT[usize::from(low)]);
    *bad |= high | low;
    high << 4 | low & 0x0f
}

/// The value of each digit; the upper bits are set for what is none.
const DIGIT: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Vec<u8>, NotHex> {
        let mut out = vec![7];
        append(text.as_bytes(), &mut out).inspect_err(|_| assert_eq!(out, [7]))?;
        Ok(out.split_off(1))
    }

    #[test]
    fn both_spellings_and_both_cases_are_read() {
        for text in ["47:4f:00:ff", "474f00ff", "47:4F:00:FF", "474F00FF"] {
            assert_eq!(decode(text), Ok(vec![0x47, 0x4f, 0, 0xff]));
        }
        assert_eq!(decode(""), Ok(vec![]));
        assert_eq!(decode("0a"), Ok(vec![10]));
    }

    #[test]
    fn what_is_no_whole_number_of_bytes_is_refused_and_leaves_nothing() {
        for text in ["4", "47:4", "47:", "47:4f:", "4g", "zz", "47 4f", "47:4f4f", "47:4f-00", ":47", "·"] {
            assert_eq!(decode(text), Err(NotHex), "{text}");
        }
    }
}
