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
//! So the next [`AHEAD`] records are looked at first, and the memory of all their connections asked for at once, one
//! pointer after another. That changes nothing but the time.
//!
//! # Why it may be trusted
//!
//! `tests.rs` reads random captures both ways, with every defect that the rows above speak of and bytes changed anywhere
//! in the file, and compares all that is told: rows, messages, notes, holes, counters, errors. What this way leaves out is
//! held to the general way there, and the general way to tshark, tcpflow and naive twins elsewhere.

use std::ops::ControlFlow;

use super::Connections;
use super::capture::{Capture, Run};
use super::headers;
use super::intake::Intake;
use super::reading::Moment;
use super::reassembly::StreamSink;
use crate::time::Timestamp;

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
    watch: &mut impl FnMut(Moment, &mut S) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (Some(mut records), Some(mut passing)) = (capture.run(), intake.passing()) else {
        return ControlFlow::Continue(());
    };
    let mut taken = records.taken();
    let mut flow = ControlFlow::Continue(());
    let crowd = connections.are_a_crowd();
    let mut until_look = AHEAD;
    loop {
        if crowd {
            until_look -= 1;
            if until_look == 0 {
                look_ahead(records.clone(), connections, sink);
                until_look = AHEAD;
            }
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
        flow = watch(Moment { packet: record.number, time: Some(record.time), idle: false }, sink);
        if flow.is_break() {
            break;
        }
    }
    intake.passed(&mut passing);
    capture.took(taken);
    flow
}

/// Records that are looked at before they are taken, where there are many connections.
const AHEAD: usize = 16;

/// Asks for the memory of the next records' connections, of all at once: where it is in no cache of the core, the loop
/// would wait for it once or more for each record.
#[inline(never)]
fn look_ahead<S: StreamSink>(mut records: Run<'_>, connections: &Connections<S>, sink: &S) {
    let mut slots = [None; AHEAD];
    for slot in &mut slots {
        let Some(record) = records.next() else { break };
        let parts = headers::ip_packet(record.link_type, record.bytes).and_then(headers::parts_v4);
        *slot = parts.and_then(|parts| connections.guess(parts.addresses, parts.ports));
        connections.fetch(*slot);
    }
    for depth in Depth::ALL {
        slots.iter().for_each(|slot| connections.fetch_state(*slot, sink, depth));
    }
}

/// How far the memory of a connection's state is followed, one pointer after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What the state points to.
    First,
    /// What that points to.
    Second,
    /// And that.
    Third,
}

impl Depth {
    const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];
}

/// Asks for the cache lines of a value that will be wanted soon.
#[inline(always)] // an instruction a line
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "with 10,000 connections at once it saves a sixth of the time of `analyze`")]
pub(crate) fn fetch<T>(value: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in (0..size_of::<T>()).step_by(64) {
        let at = std::ptr::from_ref(value).cast::<i8>().wrapping_add(line);
        // SAFETY: the instruction reads nothing and faults at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
    }
}

/// Here nothing: what it saves elsewhere is lost, and nothing else.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn fetch<T>(_: &T) {}

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
