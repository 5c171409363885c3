//! The express way: one short path for what nearly every packet of a long capture is.
//!
//! ```text
//! record ─► headers ─► connection ─► stream ─► frames ─► sink        one loop, nothing built on the way
//!    └────────┴───────────┴────────────┴─────────┴─► general way     whatever is not quiet, from there on
//! ```
//!
//! The general way takes any packet through [`Packet`](super::Packet), [`Segment`](super::Segment) and the states of
//! reassembly and framing, one stage after another. Nearly every packet of a long capture needs little of that. This
//! way does the little, **on the same state**: nothing is kept twice, so nothing has to be brought into step, and any
//! packet may take either way after any other.
//!
//! # What is quiet
//!
//! A packet takes the express way while all of this holds; the first that does not hold sends it the general way.
//!
//! | stage | asks for | because otherwise | where |
//! | --- | --- | --- | --- |
//! | record | all at hand, as long as on the wire, not empty, a sound time | a read, a note or an error is due | `capture/run.rs` |
//! | headers | a link layer of fixed length, IPv4 without options or IPv6 without extensions, no fragment, TCP with all its payload | tunnels, tags, fragments, holes | `headers/fast.rs` |
//! | connection | known and open, ACK set, no SYN, FIN or RST | it begins, ends or is replaced | `connections/express.rs` |
//! | streams | both run (their start is settled), nothing waits behind a hole, no FIN; the segment is the next one; it acknowledges what was delivered | order, overlap, holes, bytes that are owed | `reassembly/stream/express.rs` |
//! | sink | would do nothing if told that nothing waits ([`StreamSink::is_quiet`]) | frames in the waiting room go on | `framing/mod.rs` |
//! | frames | on the border of a settled grid, whole, with a known name that is no handshake; P known; none waits | probing, learning, split frames, other grids | `framing/express.rs` |
//!
//! The analysis has such a way too, for runs of the next package and the ACK of the next position in an exchange of which
//! nothing is to be said (`analyze/model/express.rs`).
//!
//! Of the streams, what only an event can change is asked after each packet of the general way, which leaves one flag in
//! the connection: in a quiet connection every step that the express way leaves out (ticking deadlines, owed bytes,
//! settling, closing) finds nothing to do. The last row is asked apart: a segment that came express may hold a frame
//! that needs a closer look, which gets it, with the rest of the segment.
//!
//! # Many connections
//!
//! With thousands of connections, what is known of them is in no cache of the core, and each step would wait for memory.
//! So the next records are looked at first, and the memory of all their connections is asked for, one pointer after
//! another ([`LookAhead`]). That changes nothing but the time.
//!
//! # Why it may be trusted
//!
//! `tests.rs` reads random captures both ways, with every defect that the rows above speak of and bytes changed anywhere
//! in the file, and compares all that is told: rows, messages, notes, holes, counters, errors. What this way leaves out is
//! held to the general way there, and the general way to tshark, tcpflow and naive twins elsewhere.

use std::ops::ControlFlow;

use super::Connections;
use super::capture::Capture;
use super::headers;
use super::intake::Intake;
use super::moment::{Moment, Watch};
use super::reassembly::StreamSink;
use crate::time::Timestamp;

mod look_ahead;

pub(super) use look_ahead::LookAhead;

/// Whether the express way is taken where it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Express {
    Taken,
    #[cfg(test)]
    Barred,
}

/// Takes the plain records at hand as long as they keep to the express way. `Break` when `watch` says so.
#[inline(never)] // one loop with everything in it, apart from the general way
pub(super) fn run<S: StreamSink>(
    capture: &mut Capture,
    intake: &mut Intake,
    connections: &mut Connections<S>,
    sink: &mut S,
    ahead: &mut LookAhead,
    watch: &mut impl Watch<S>,
) -> ControlFlow<()> {
    let (Some(mut records), Some(mut passing)) = (capture.run(), intake.passing()) else {
        return ControlFlow::Continue(());
    };
    let mut taken = records.taken();
    let mut flow = ControlFlow::Continue(());
    let crowd = connections.are_a_crowd();
    loop {
        if crowd && ahead.is_due(&records) {
            ahead.look(&records, connections, sink);
        }
        let Some(record) = records.next() else { break };
        let Some(ip) = headers::ip_packet(record.link_type, record.bytes) else { break };
        let went = match headers::parts_v4(ip) {
            Some(parts) => connections.express(record.number, record.time, &parts, sink),
            None => over_ipv6(ip, record.number, record.time, connections, sink),
        };
        if !went {
            break;
        }
        taken = records.taken();
        if !passing.add(record.link_type, record.time) {
            intake.passed_apart(&mut passing, record.link_type, record.time);
        }
        flow = watch.passed(Moment { packet: record.number, time: Some(record.time), idle: false }, sink);
        if flow.is_break() {
            break;
        }
    }
    intake.passed(&mut passing);
    capture.took(taken);
    flow
}

/// The same for the other address family, out of the way of the one that there is more of.
#[inline(never)]
fn over_ipv6<S: StreamSink>(
    ip: &[u8],
    packet: u64,
    time: Timestamp,
    connections: &mut Connections<S>,
    sink: &mut S,
) -> bool {
    headers::parts_v6(ip).is_some_and(|parts| connections.express(packet, time, &parts, sink))
}

#[cfg(test)]
pub(crate) mod tests;
