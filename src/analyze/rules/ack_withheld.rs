//! `ack-withheld`: a package arrived in order, and neither its own ACK nor a higher one was ever written.

use crate::analyze::facts::{Because, ClosingFacts, Place};
use crate::analyze::metrics::{between, in_seconds};
use crate::analyze::words::Seconds;
use crate::analyze::{Certainty, Finding, Group, Rule, Severity};
use crate::wire::{Name, Side};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "ack-withheld",
    severity: Severity::Note,
    group: Group::Acknowledgement,
    summary: "a package arrived in order, and neither its own ACK nor a higher one was ever written",
    page: include_str!("ack_withheld.md"),
};

/// How many times the longest answer seen has to pass before silence is one.
const PATIENCE: f64 = 1.25;

pub(super) fn judge(facts: &ClosingFacts<'_>, found: &mut Found) {
    for &(pos, name, packet, time) in &facts.unanswered {
        let place = Place { side: Some(Side::Server), ..facts.place };
        let silence = between(time, facts.place.time).map(in_seconds);
        let long = silence.zip(facts.longest_rtt).is_some_and(|(silence, rtt)| silence >= PATIENCE * rtt);
        if !facts.proves || !long {
            let because = if facts.proves && silence.is_none() {
                let words = "the capture has no times, so that an answer may have been under way to the end".to_owned();
                Because { words, packet: Some(packet) }
            } else if facts.proves {
                let words = format!("the connection ended too soon after packet {packet} for an answer to be missed");
                Because { words, packet: Some(packet) }
            } else {
                facts.because()
            };
            found.doubts.push(place.doubt(&RULE, pos.into(), because));
            continue;
        }
        let waited = silence.map_or_else(String::new, |silence| format!(" in the {} that were left", Seconds(silence)));
        let certainty = match name {
            Name::Done => Certainty::Class("done-ignored-or-ack-lost"),
            // A server that sees the end of the connection writes nothing more.
            _ => Certainty::Class("ack-lost-or-connection-over"),
        };
        found.findings.push(Finding {
            certainty,
            positions: pos.into(),
            packets: vec![packet, facts.place.packet],
            expected: format!("ACK {pos} or a higher one"),
            seen: format!("neither{waited}"),
            message: format!(
                "{name} {pos} in packet {packet} was never acknowledged, by its own ACK or a higher one{waited}"
            ),
            ..place.finding(&RULE)
        });
    }
}
