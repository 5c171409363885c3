//! Reading one value, and saying what it should have been.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::{Key, Params, Timeout, WindowSize};
use crate::wire::MaxMsgSize;

/// The largest window: positions are 32-bit and signed.
const MAX_WINDOW: u32 = i32::MAX as u32;

/// The longest timeout in seconds, some thirty years: added to any time of today it stays a time.
const MAX_TIMEOUT: u64 = 1_000_000_000;

/// Bytes of a wrong value that a message shows.
const SHOWN: usize = 40;

/// A value that its key cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} must be {}, not `{found}`", key.needs())]
pub struct ValueError {
    key: Key,
    found: String,
}

impl ValueError {
    fn new(key: Key, found: &[u8]) -> Self {
        Self { key, found: excerpt(found) }
    }
}

/// The beginning of any bytes as text that is safe to show.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    let mut text: String = String::from_utf8_lossy(shown).escape_debug().collect();
    if shown.len() < bytes.len() {
        text.push('…');
    }
    text
}

impl Key {
    /// What a value of this key is.
    pub(super) const fn needs(self) -> &'static str {
        match self {
            Self::Message => "any bytes on one line",
            Self::MaximumMsgSize => "a whole number from 4 to 9999 (the server's answer has four bytes for it)",
            Self::WindowSize => "a whole number of positions from 1 to 2147483647",
            Self::Timeout => "a number of seconds above 0 and up to 1000000000, such as 2 or 0.5",
        }
    }
}

impl Params {
    /// Puts in what `value` says of `key`; spaces around it are already gone.
    pub(super) fn set(&mut self, key: Key, value: &[u8]) -> Result<(), ValueError> {
        let wrong = || ValueError::new(key, value);
        let text = || std::str::from_utf8(value).map_err(|_| wrong());
        match key {
            Key::Message => self.message = Some(value.to_vec()),
            Key::MaximumMsgSize => self.maximum_msg_size = Some(MaxMsgSize::from_decimal(value).ok_or_else(wrong)?),
            Key::WindowSize => self.window_size = Some(text()?.parse()?),
            Key::Timeout => self.timeout = Some(text()?.parse()?),
        }
        Ok(())
    }

    /// Takes `key` from `other` when it is not known here.
    pub(super) fn adopt(&mut self, key: Key, other: &mut Self) {
        match key {
            Key::Message => self.message = self.message.take().or_else(|| other.message.take()),
            Key::MaximumMsgSize => self.maximum_msg_size = self.maximum_msg_size.or(other.maximum_msg_size),
            Key::WindowSize => self.window_size = self.window_size.or(other.window_size),
            Key::Timeout => self.timeout = self.timeout.or(other.timeout),
        }
    }

    /// True when `key` is known.
    #[must_use]
    pub const fn has(&self, key: Key) -> bool {
        match key {
            Key::Message => self.message.is_some(),
            Key::MaximumMsgSize => self.maximum_msg_size.is_some(),
            Key::WindowSize => self.window_size.is_some(),
            Key::Timeout => self.timeout.is_some(),
        }
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

impl WindowSize {
    /// `None` for 0 and above 2,147,483,647.
    #[must_use]
    pub const fn new(positions: u32) -> Option<Self> {
        match NonZeroU32::new(positions) {
            Some(size) if positions <= MAX_WINDOW => Some(Self(size)),
            _ => None,
        }
    }

    /// In positions.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl FromStr for WindowSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let number = if all_digits(text) { text.parse().ok() } else { None };
        number.and_then(Self::new).ok_or_else(|| ValueError::new(Key::WindowSize, text.as_bytes()))
    }
}

impl Timeout {
    /// `None` for 0 and above 1,000,000,000 seconds.
    #[must_use]
    pub fn new(duration: Duration) -> Option<Self> {
        let fits = !duration.is_zero() && duration <= Duration::from_secs(MAX_TIMEOUT);
        fits.then_some(Self(duration))
    }

    /// As a duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Timeout {
    type Err = ValueError;

    /// Decimal seconds, `2`, `0.5` or `.5`; nine digits of the fraction are kept.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        decimal_seconds(text).and_then(Self::new).ok_or_else(|| ValueError::new(Key::Timeout, text.as_bytes()))
    }
}

fn decimal_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let seconds = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let kept = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = kept.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some(Duration::new(seconds, nanos))
}
