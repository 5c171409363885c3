//! TCP streams with provenance: every byte with its packet, every hole a fact.

mod limits;
mod sink;

pub use limits::StreamLimits;
pub use sink::{Chunk, Closing, ConnectionInfo, Hole, HoleCause, Start, StreamNote, StreamSink, Way};
