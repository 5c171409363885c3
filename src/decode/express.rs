//! The express way: one short path for what nearly every packet of a long capture is.
//!
//! TODO page

use std::ops::ControlFlow;

use super::Connections;
use super::capture::Capture;
use super::headers;
use super::intake::Intake;
use super::reading::Moment;
use super::reassembly::StreamSink;
use crate::time::Timestamp;

/// Whether the express way is taken where it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Express {
    Taken,
    #[cfg(test)]
    Barred,
}

/// Takes the plain records at hand as long as they keep to the express way. `Break` when `watch` says so.
#[inline(never)]
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
    while let Some(record) = records.next() {
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
