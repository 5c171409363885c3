//! TCP connections: which segment belongs to which, and when a new one begins.

use std::collections::HashMap;

use super::Segment;
use super::reassembly::{StreamLimits, StreamSink};

/// Every TCP connection of a capture, fed segment by segment.
#[derive(Debug)]
pub struct Connections<S: StreamSink> {
    limits: StreamLimits,
    states: HashMap<u32, S::State>,
}

impl<S: StreamSink> Connections<S> {
    /// No connections yet.
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        Self { limits, states: HashMap::new() }
    }

    /// Takes the next segment of the capture.
    pub fn segment(&mut self, _segment: &Segment<'_>, _sink: &mut S) {
        let _ = (&self.limits, &self.states);
    }

    /// The capture has ended: gives up what is open, in order of connection, and closes every connection.
    pub fn finish(&mut self, _sink: &mut S) {}

    /// TCP connections so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        0
    }
}
