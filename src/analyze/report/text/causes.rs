//! Why positions were written again, or late.

use comfy_table::CellAlignment;

use super::super::ConnectionRecord;
use super::sheet::Sheet;
use crate::analyze::words::{count, seconds};
use crate::analyze::{Basis, Cause, Evidence, Finding, TimerEvidence, Trigger, Why};

/// Causes that are told one by one.
const CAUSES: usize = 40;
/// Ages, in seconds, that are one.
const SAME_AGE: f64 = 0.0005;

pub(super) fn draw(sheet: &mut Sheet, record: &ConnectionRecord) {
    let all: Vec<(&Finding, &Cause)> =
        record.findings.iter().filter_map(|finding| Some((finding, finding.cause.as_ref()?))).collect();
    if all.is_empty() {
        return;
    }
    sheet.title("Why positions were written again or late");
    let mut table = sheet.table(&["No.", "Pos", "Because", "Set off by", "Then"]);
    for (finding, cause) in all.iter().take(CAUSES) {
        table.row([
            format!("#{}", cause.evidence.packet),
            finding.positions.to_string(),
            why(cause),
            triggers(cause),
            then(&cause.evidence),
        ]);
    }
    table.align(0, CellAlignment::Right);
    table.keep(0);
    sheet.draw(table);
    if all.len() > CAUSES {
        sheet.line(&format!(" … and {}; --report json has them", count((all.len() - CAUSES) as u64, "further cause")));
    }
}

fn why(cause: &Cause) -> String {
    let evidence = &cause.evidence;
    let earlier = evidence.earlier_packet;
    match cause.why {
        Why::NeverWritten => match earlier {
            Some(packet) => format!("never on the wire before; passed over at #{packet}"),
            None => "never on the wire before".to_owned(),
        },
        Why::AckMissing => match earlier {
            Some(packet) => format!("no ACK for it since #{packet}"),
            None => "no ACK for it".to_owned(),
        },
        Why::CannotTell => match earlier {
            Some(packet) => format!("cannot tell; a copy before it at #{packet}"),
            None => "cannot tell".to_owned(),
        },
        Why::Unexplained => match evidence.acked_before {
            Some((number, packet)) => format!("nothing: ACK {number} was there (#{packet})"),
            None => "nothing the capture shows".to_owned(),
        },
    }
}

/// What is proved to have set it off, what may have, and how old the last copy was.
fn triggers(cause: &Cause) -> String {
    let Evidence { timer, window, .. } = &cause.evidence;
    let age = |timer: &TimerEvidence| match timer.age_max - timer.age_min {
        ..=SAME_AGE => format!("{} old", seconds(timer.age_min)),
        f64::INFINITY => format!("at least {} old", seconds(timer.age_min)),
        _ => format!("{} to {} old", seconds(timer.age_min), seconds(timer.age_max)),
    };
    let trigger = |trigger: &Trigger| match (trigger, timer, window) {
        (Trigger::Timer, Some(timer), _) if !timer.shows_its_end() => {
            let timeout = timer.timeout.map_or_else(String::new, |timeout| format!(", timeout {}", seconds(timeout)));
            format!("timer: nothing else can have set it off; {}{timeout}", age(timer))
        }
        (Trigger::Timer, Some(timer), _) => match timer.timeout {
            Some(timeout) if timer.age_max - timer.age_min <= SAME_AGE => {
                // Ages are differences of doubles: one that is the timeout may be a little less.
                let ended = seconds((timer.age_min - timeout).max(0.0));
                format!("timer: ended {ended} before ({}, timeout {})", age(timer), seconds(timeout))
            }
            Some(timeout) => format!("timer: {}, timeout {}", age(timer), seconds(timeout)),
            None => format!("timer: {}", age(timer)),
        },
        (Trigger::Timer, None, _) => "timer: nothing else can have set it off".to_owned(),
        (Trigger::FullWindow, _, Some(window)) => {
            let basis = match window.basis {
                Basis::Declared => "",
                Basis::Inferred => " by the most seen in flight",
            };
            format!("full window: up to {} allowed{basis}, {} waiting", window.edge, window.next)
        }
        (Trigger::FullWindow, ..) => "full window".to_owned(),
        (Trigger::EndOfMessage, ..) => "end of message: nothing new left".to_owned(),
    };
    let mut parts: Vec<String> = cause.triggers.iter().map(trigger).collect();
    if parts.is_empty() {
        parts.push("nothing is proved".to_owned());
    }
    let old = |timer: &TimerEvidence| match timer.timeout {
        Some(timeout) => format!("{}, timeout {}", age(timer), seconds(timeout)),
        None => age(timer),
    };
    for undecided in &cause.undecided {
        parts.push(match undecided {
            Trigger::Timer => match timer {
                Some(timer) => format!("perhaps its timer ({})", old(timer)),
                None => "perhaps its timer".to_owned(),
            },
            Trigger::FullWindow => match &cause.evidence.window {
                Some(window) if window.next > window.edge => {
                    format!(
                        "perhaps a full window ({} beyond {}, by the most seen in flight)",
                        window.next, window.edge
                    )
                }
                _ => "perhaps a full window".to_owned(),
            },
            Trigger::EndOfMessage => "perhaps the end of the message".to_owned(),
        });
    }
    let said = [&cause.triggers, &cause.undecided].into_iter().any(|triggers| triggers.contains(&Trigger::Timer));
    parts.extend(timer.as_ref().filter(|_| !said).map(old));
    parts.join("; ")
}

fn then(evidence: &Evidence) -> String {
    match evidence.acked_after {
        Some((number, packet)) => format!("ACK {number} (#{packet})"),
        None => String::new(),
    }
}
