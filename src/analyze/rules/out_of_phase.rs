//! `out-of-phase`: a frame that has no place where the exchange stands.

use crate::analyze::course::OutOfCourse;
use crate::analyze::facts::FrameFacts;
use crate::analyze::{Finding, Group, PositionSet, Rule, Severity};

use super::Found;

pub(crate) static RULE: Rule = Rule {
    name: "out-of-phase",
    severity: Severity::Error,
    group: Group::Exchange,
    summary: "a frame that has no place where the exchange stands",
    page: include_str!("out_of_phase.md"),
};

pub(super) fn judge(facts: &FrameFacts<'_>, found: &mut Found) {
    let Some(fault) = facts.course else { return };
    // That a MSG comes after DONE has a name of its own.
    if fault == OutOfCourse::AfterClose && facts.after_done().is_some() {
        return;
    }
    let title = facts.title();
    let (expected, message) = match fault {
        OutOfCourse::BeforeGetMax => ("GET_MAX first", format!("{title} before GET_MAX")),
        OutOfCourse::BeforeReturnMax => ("RETURN_MAX first", format!("{title} before RETURN_MAX")),
        OutOfCourse::SecondGetMax => ("GET_MAX once", "GET_MAX again in mid-exchange".to_owned()),
        OutOfCourse::OffGridGetMax => (
            "GET_MAX once",
            "GET_MAX again in mid-exchange, in a frame that has not the length of the others".to_owned(),
        ),
        OutOfCourse::UnaskedReturnMax => {
            ("one RETURN_MAX for each GET_MAX", "RETURN_MAX that no GET_MAX asked for".to_owned())
        }
        OutOfCourse::EarlyDone(last) => {
            ("DONE when all packages are acknowledged", format!("{title} though only {last} was acknowledged"))
        }
        OutOfCourse::OtherDone(done) => {
            ("DONE at one position", format!("{title} after DONE {done}: the message has two ends"))
        }
        OutOfCourse::CloseBeforeDone => ("DONE before CLOSE", format!("{title} before DONE")),
        OutOfCourse::CloseBeforeDoneAcked => {
            ("the ACK of DONE before CLOSE", format!("{title} before DONE was acknowledged"))
        }
        OutOfCourse::SecondClose => ("CLOSE once", format!("{title} a second time")),
        OutOfCourse::AfterClose => ("nothing after CLOSE", format!("{title} after CLOSE")),
        OutOfCourse::UnaskedDisconnect => ("CLOSE before DISCONNECT", "DISCONNECT before CLOSE".to_owned()),
        OutOfCourse::AfterDisconnect => ("nothing after DISCONNECT", format!("{title} after DISCONNECT")),
    };
    found.findings.push(Finding {
        // GET_MAX may be asked again (PROTOCOL §3.1) as long as it fits the frames.
        severity: if fault == OutOfCourse::SecondGetMax { Severity::Warn } else { RULE.severity },
        positions: facts.step.pos.filter(|pos| pos.0 > 0).map_or_else(PositionSet::new, PositionSet::from),
        expected: expected.to_owned(),
        seen: message.clone(),
        message,
        ..facts.place.finding(&RULE)
    });
}
