//! Words that several reports say alike.

use std::fmt::Write;

use crate::analyze::{Behaviour, Completeness, PositionSet};

/// Runs of positions that a line of text lists.
const LISTED: usize = 12;

/// `4, 9–11`; long lists end in `… (312 in all)`; nothing without any.
pub(in crate::analyze) fn positions(set: &PositionSet) -> String {
    let mut text = String::new();
    for (i, run) in set.runs().iter().take(LISTED).enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "{}{run}", if i == 0 { "" } else { ", " });
    }
    if set.runs().len() > LISTED {
        let _ = write!(text, " … ({} in all)", set.count());
    }
    text
}

/// `#12, #13`; long lists end in `…`.
pub(in crate::analyze) fn packets(packets: &[u64]) -> String {
    let mut text = String::new();
    for (i, packet) in packets.iter().take(LISTED).enumerate() {
        let _ = write!(text, "{}#{packet}", if i == 0 { "" } else { ", " });
    }
    if packets.len() > LISTED {
        text.push_str(" …");
    }
    text
}

/// Seconds for people: `0.036 s`, `2.96 s`.
pub(in crate::analyze) fn seconds(seconds: f64) -> String {
    if seconds.abs() < 0.01 && seconds != 0.0 { format!("{seconds:.6} s") } else { format!("{seconds:.3} s") }
}

/// `1 frame`, `2 frames`.
pub(in crate::analyze) fn count(n: u64, what: &str) -> String {
    crate::decode::command::count(n, what)
}

/// A ledger's word, for people.
pub(super) const fn completeness(completeness: Completeness) -> &'static str {
    match completeness {
        Completeness::OneSided => "one side only",
        Completeness::MidStream => "the beginning is missing",
        Completeness::Truncated => "packets were cut by a snap length",
        Completeness::Holes => "bytes are missing",
        Completeness::Unfinished => "complete so far; the connection goes on",
        Completeness::Complete => "complete",
    }
}

/// A behaviour, for people.
pub(super) const fn behaviour(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::ThisProtocol => "this protocol",
        Behaviour::TimerOnly => "timer only",
        Behaviour::GoBackN => "Go-Back-N",
        Behaviour::SelectiveRepeat => "selective repeat",
        Behaviour::StopAndWait => "stop-and-wait",
    }
}

/// A behaviour, for programs.
pub(super) const fn behaviour_key(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::ThisProtocol => "this-protocol",
        Behaviour::TimerOnly => "timer-only",
        Behaviour::GoBackN => "go-back-n",
        Behaviour::SelectiveRepeat => "selective-repeat",
        Behaviour::StopAndWait => "stop-and-wait",
    }
}

/// A severity as a noun.
pub(super) const fn severity(severity: crate::analyze::Severity) -> &'static str {
    match severity {
        crate::analyze::Severity::Chat => "remark",
        crate::analyze::Severity::Note => "note",
        crate::analyze::Severity::Warn => "warning",
        crate::analyze::Severity::Error => "error",
    }
}
