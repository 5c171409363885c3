//! Numbers, times and hex digits as text, without allocation.

use std::cmp::Ordering;
use std::io::Write;

use crate::time::Timestamp;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// The two lower-case hex digits of each byte.
const HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    table
};

/// The two lower-case hex digits of `byte`.
pub(super) const fn hex_digits(byte: u8) -> [u8; 2] {
    HEX[byte as usize]
}

/// Two lower-case hex digits for each byte, nothing between them.
pub(super) fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for piece in bytes.chunks(16) {
        let mut text = [0; 32];
        for (digits, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(piece) {
            *digits = hex_digits(*byte);
        }
        out.extend_from_slice(&text[..piece.len() * 2]);
    }
}

/// A decimal integer.
#[inline]
pub(super) fn write_integer<I: itoa::Integer + Copy + TryInto<u32>>(out: &mut Vec<u8>, value: I) {
    match digits(value) {
        Some(Digits { text, len: 1 }) => out.push(text as u8),
        Some(digits) => write_digits(out, digits),
        None => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// All eight places at once, then without those that are not used: cheaper than a copy of just so many.
#[inline(always)] // a few moves
fn write_digits(out: &mut Vec<u8>, Digits { text, len }: Digits) {
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(out.len() - (8 - len));
}

/// The text of a number of at most eight digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    /// The first in the lowest byte.
    pub(super) text: u64,
    pub(super) len: usize,
}

/// The text of `value`; `None` when it is negative or longer.
#[inline(always)] // a few moves, which callers combine
pub(super) fn digits<I: TryInto<u32>>(value: I) -> Option<Digits> {
    match value.try_into().ok()? {
        digit @ 0..10 => Some(Digits { text: u64::from(b'0') + u64::from(digit), len: 1 }),
        small @ 0..EIGHT_DIGITS => {
            let digits = eight_digits(small);
            let leading = (digits.trailing_zeros() / 8).min(7);
            Some(Digits { text: ascii(digits) >> (8 * leading), len: 8 - leading as usize })
        }
        _ => None,
    }
}

/// All eight digits of a number below [`EIGHT_DIGITS`].
#[inline(always)] // as above
pub(super) const fn all_eight(number: u32) -> [u8; 8] {
    ascii(eight_digits(number)).to_le_bytes()
}

/// What eight decimal digits cannot hold any more.
pub(super) const EIGHT_DIGITS: u32 = 100_000_000;

/// The digits of a number below [`EIGHT_DIGITS`] with leading zeros, one a byte, the first in the lowest.
///
/// Divides all halves, quarters and eighths at once: a division by a constant is a multiplication and a shift, and
/// several fit in one word.
#[inline]
const fn eight_digits(number: u32) -> u64 {
    let halves = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | (halves - 100 * hundreds) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (quarters - 10 * tens) << 8
}

/// Digits as their characters.
#[inline]
const fn ascii(digits: u64) -> u64 {
    digits | 0x3030_3030_3030_3030
}

/// Seconds since the epoch with nine digits, as [`Timestamp`] displays.
pub(super) fn write_epoch(out: &mut Vec<u8>, time: Timestamp) {
    write_moment(out, time, 9);
}

/// Seconds since the epoch with `digits` (at most nine) decimals; what is beyond them is cut.
pub(super) fn write_moment(out: &mut Vec<u8>, time: Timestamp, digits: u8) {
    let (seconds, nanos) = (time.seconds(), u64::from(time.subsec_nanos()));
    if seconds < 0 && nanos > 0 {
        out.push(b'-');
        write_integer(out, (seconds + 1).unsigned_abs());
        write_fraction(out, NANOS_PER_SEC - nanos, digits);
    } else {
        write_whole_seconds(out, seconds.unsigned_abs());
        write_fraction(out, nanos, digits);
    }
}

/// A number that has ten digits from 2001 to 2286.
#[inline]
fn write_whole_seconds(out: &mut Vec<u8>, seconds: u64) {
    let limit = u64::from(EIGHT_DIGITS);
    match (seconds / limit, (seconds % limit) as u32) {
        (above @ 1.., below) => {
            write_integer(out, above);
            out.extend_from_slice(&all_eight(below));
        }
        (_, below) => write_integer(out, below),
    }
}

/// Nanoseconds as seconds with `digits` (at most nine) decimals; what is beyond them is cut.
pub(super) fn write_seconds(out: &mut Vec<u8>, nanos: i64, digits: u8) {
    let magnitude = nanos.unsigned_abs();
    if nanos < 0 {
        out.push(b'-');
    }
    write_integer(out, magnitude / NANOS_PER_SEC);
    write_fraction(out, magnitude % NANOS_PER_SEC, digits);
}

/// The decimal point and the first `digits` (at most nine) decimals of `nanos` below one second; nothing
/// at all for no digits.
pub(super) fn write_fraction(out: &mut Vec<u8>, nanos: u64, digits: u8) {
    if digits == 0 {
        return;
    }
    let nanos = (nanos % NANOS_PER_SEC) as u32;
    out.extend_from_slice(&[b'.', b'0' + (nanos / EIGHT_DIGITS) as u8]);
    out.extend_from_slice(&all_eight(nanos % EIGHT_DIGITS));
    out.truncate(out.len() - 9_usize.saturating_sub(usize::from(digits)));
}

/// The shortest decimal that reads back as `value`, always with a point or an exponent (`1736219082.0`),
/// so that a reader takes it for a float. `value` must be finite.
pub(super) fn write_shortest(out: &mut Vec<u8>, value: f64) {
    match UnixTime::of(value) {
        Some(UnixTime { seconds, decimals }) => {
            write_whole_seconds(out, u64::from(seconds));
            out.push(b'.');
            write_digits(out, decimals);
        }
        None => out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes()),
    }
}

/// A number of seconds in which a double tells moments from 2004 to 2038, as every sent_time of today: the shortest decimal
/// that reads back, in fewer steps than it takes of any number.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnixTime {
    pub(super) seconds: u32,
    pub(super) decimals: Digits,
}

impl UnixTime {
    /// `value`, if it is one. `None` also where two decimals are as near.
    ///
    /// From 2^30 to 2^31 a double is a whole number of steps of 2^-22 seconds, 238 ns. Decimals of six digits are further apart
    /// than steps, so that one of them at most reads back as `value`; where none does, the nearest of seven digits, of
    /// which there are two or three in a step.
    #[inline(always)] // into the loop over the rows
    pub(super) fn of(value: f64) -> Option<Self> {
        const STEPS: u64 = 1 << 22;
        let bits = value.to_bits();
        if bits >> 52 != 1023 + 30 {
            return None;
        }
        let steps = bits & ((1 << 52) - 1) | 1 << 52;
        let (seconds, steps) = ((steps / STEPS) as u32, steps % STEPS);
        // In units that a step has a million of.
        let micros = (steps * 1_000_000 + STEPS / 2) / STEPS;
        let off = (micros * STEPS).abs_diff(steps * 1_000_000);
        let tenths = steps * 10_000_000;
        let tenths = match off.cmp(&500_000) {
            Ordering::Less => 10 * micros,
            Ordering::Greater if tenths % STEPS != STEPS / 2 => (tenths + STEPS / 2) / STEPS,
            _ => return None,
        };
        // Seven digits behind a zero, from the last that is none on, if any.
        let digits = eight_digits(tenths as u32) >> 8;
        let len = 8 - (digits.leading_zeros() as usize / 8).min(7);
        Some(Self { seconds, decimals: Digits { text: ascii(digits), len } })
    }
}

/// `value` as Python's `repr` writes it: the shortest digits that read back, an exponent of two digits or
/// more below 0.0001 and from 1e16 on, `nan`, `inf`.
pub(super) fn write_python_float(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        write_positional(out, value);
    } else {
        let start = out.len();
        let _ = write!(out, "{value:e}");
        let Some(e) = out[start..].iter().position(|b| *b == b'e').map(|at| start + at) else { return };
        let exponent: i32 = std::str::from_utf8(&out[e + 1..]).ok().and_then(|t| t.parse().ok()).unwrap_or(0);
        out.truncate(e + 1);
        let _ = write!(out, "{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
    }
}

fn write_positional(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    write_shortest(out, value);
    if out[start..].contains(&b'e') {
        // The writer of shortest numbers goes over to exponents on other grounds than Python does.
        out.truncate(start);
        let _ = write!(out, "{value:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn an_epoch_time_is_written_as_the_timestamp_displays(nanos in any::<i64>()) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(text(|out| write_epoch(out, time)), time.to_string());
        }

        #[test]
        fn integers_and_fractions_are_written_as_the_formatter_does(
            small in 0_u32..=u32::MAX, bits in 0_u32..64, large: u64, signed: i32, nanos in 0_u64..NANOS_PER_SEC, digits in 1_u8..=9,
        ) {
            prop_assert_eq!(text(|out| write_integer(out, small >> (bits % 32))), (small >> (bits % 32)).to_string());
            prop_assert_eq!(text(|out| write_integer(out, large >> bits)), (large >> bits).to_string());
            prop_assert_eq!(text(|out| write_integer(out, signed)), signed.to_string());
            let all = format!(".{nanos:09}");
            prop_assert_eq!(text(|out| write_fraction(out, nanos, digits)), &all[..=usize::from(digits)]);
        }

        #[test]
        fn the_shortest_number_reads_back_and_shows_that_it_is_a_float(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let written = text(|out| write_shortest(out, value));
            prop_assert_eq!(written.parse::<f64>().unwrap().to_bits(), value.to_bits());
            prop_assert!(written.contains(['.', 'e']), "{}", written);
        }
    }

    #[test]
    fn integers_at_each_power_of_ten_are_whole() {
        for power in 0..=9 {
            for number in [10_u32.pow(power) - 1, 10_u32.pow(power), 10_u32.pow(power) + 1] {
                assert_eq!(text(|out| write_integer(out, number)), number.to_string());
            }
        }
    }

    #[test]
    fn every_fraction_of_a_unix_time_is_the_shortest() {
        let mut seconds = 1_u64 << 30;
        let (mut near, mut other) = (0, 0);
        for steps in 0..1_u64 << 22 {
            seconds = (1 << 30) | ((seconds.wrapping_mul(0x5851_f42d_4c95_7f2d) + 1) % (1 << 30));
            let value = seconds as f64 + steps as f64 / f64::from(1 << 22);
            match UnixTime::of(value) {
                Some(time) => {
                    let Digits { text, len } = time.decimals;
                    let decimals = &text.to_le_bytes()[..len];
                    let expected = zmij::Buffer::new().format_finite(value).to_owned();
                    let (whole, expected) = expected.split_once('.').unwrap();
                    assert_eq!((u64::from(time.seconds), decimals), (seconds, expected.as_bytes()), "{value}");
                    assert_eq!(whole, seconds.to_string());
                    near += 1;
                }
                None => other += 1,
            }
        }
        // An odd number of 256ths ends in a five, as the eighth decimal.
        assert_eq!((near, other), ((1 << 22) - 128, 128));
        for other in [0.0, -1_736_219_082.5, 1_073_741_823.5, 2_147_483_648.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(UnixTime::of(other).is_none());
        }
    }

    #[test]
    fn a_whole_number_of_seconds_keeps_its_point() {
        assert_eq!(text(|out| write_shortest(out, 1_736_219_082.0)), "1736219082.0");
        assert_eq!(text(|out| write_shortest(out, 1_736_219_082.582_655_4)), "1736219082.5826554");
    }

    #[test]
    #[ignore = "runs python3"]
    fn a_python_float_is_what_python_prints() {
        let mut values =
            vec![0.0, -0.0, 1e-4, 9.999e-5, 1e-5, 1e15, 9.9e15, 1e16, 1.5e16, 1e22, 1e23, 5e-324, f64::MAX];
        values.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1_736_219_082.582_655_4, 0.1, -1.0, 123_456_789.0]);
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            values.push(f64::from_bits(bits ^ (bits >> 29)));
            values.push((bits >> 11) as f64 / 10_f64.powi((bits % 25) as i32));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(file.path(), bytes).unwrap();
        let program =
            "import struct, sys\nfor (v,) in struct.iter_unpack('<d', open(sys.argv[1], 'rb').read()): print(repr(v))";
        let output = std::process::Command::new("python3").args(["-c", program]).arg(file.path()).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.lines().count(), values.len());
        for (value, line) in values.iter().zip(printed.lines()) {
            assert_eq!(text(|out| write_python_float(out, *value)), line);
        }
    }
}
