//! How a connection is closed, and how long that may take.

use std::time::Duration;

/// How long the other side may take to close, once the exchange is over.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// FIN: this side has no more to say.
    Finish,
    /// RST: this side wants no more of it.
    Reset,
}
