//! The Info column: what is known about a frame at its row.

use std::fmt;

/// What a row's Info column says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Info;

impl Info {
    /// The window verdict in one machine word (`new`, `skip`, `fill`, `resend`, `duplicate-ack` …); `None`
    /// for frames that have none.
    #[must_use]
    pub const fn verdict(&self) -> Option<&'static str> {
        None
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("")
    }
}
