//! TCP streams with provenance: every byte with its packet, every hole a fact.
//!
//! A segment that continues its stream goes straight through, borrowed. Anything else waits, copied, until its hole
//! is filled; or until the other side has acknowledged the missing bytes, which proves that the capture lost them; or
//! until a limit is reached.

mod backlog;
mod half;
mod limits;
mod outlet;
mod recent;
mod sink;
mod stream;

pub(super) use half::Half;
pub use limits::StreamLimits;
pub use outlet::StreamCounters;
pub(super) use outlet::{Outlet, Shared};
pub use sink::{Chunk, Closing, ConnectionInfo, Hole, HoleCause, Start, StreamNote, StreamSink, Waiting, Way};
pub(super) use stream::Stream;
