//! Numbers and terms as people read them: one room for findings, causes, declared facts and reports.

use std::fmt::{self, Write};

use crate::window::Positions;
use crate::wire::Pos;

use super::{Basis, Behaviour, Cause, Completeness, Evidence, PositionSet, Severity, TimerEvidence, Trigger, Why};

/// Runs of a set, and packets of a list, that are spelt out.
const SPELT: usize = 12;

/// A span of time: `2.14 s`, `35.2 ms`, `40 µs`.
pub(super) struct Seconds(pub(super) f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds) = *self;
        match seconds.abs() {
            1e9.. => write!(f, "{seconds:e} s"),
            0.1.. => write!(f, "{seconds:.2} s"),
            0.001.. => write!(f, "{:.1} ms", seconds * 1e3),
            _ => write!(f, "{:.0} µs", seconds * 1e6),
        }
    }
}

/// `package 4` or `packages 4, 9, 10`.
pub(super) struct Packages<'a>(pub(super) &'a PositionSet);

impl fmt::Display for Packages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.0.count() == 1 { "package" } else { "packages" };
        write!(f, "{noun} {}", self.0)
    }
}

impl fmt::Display for PositionSet {
    /// `4, 9–11`; of many runs the first, and how many positions there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, run) in self.runs().iter().take(SPELT).enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            run.fmt(f)?;
        }
        if self.runs().len() > SPELT {
            write!(f, " … ({} in all)", self.count())?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    /// `never written before; the timer had ended (2.14 s to 3.78 s old, timeout 2.00 s), the window was full (7 beyond 6)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evidence { timer, window, .. } = &self.evidence;
        let outstanding = window.and_then(|window| {
            Positions::new(Pos(window.last_acked.0.checked_add(1)?), Pos(window.next.0.checked_sub(1)?))
        });
        match (self.why, outstanding) {
            (Why::NeverWritten, _) => f.write_str("never written before")?,
            (Why::AckMissing, Some(open)) => {
                write!(f, "no ACK of {} or above ({open} outstanding) had come", open.first())?;
            }
            (Why::AckMissing, None) => f.write_str("no ACK had come")?,
            (Why::Unexplained, _) => f.write_str("an ACK was under way or overlooked")?,
            (Why::CannotTell, _) => f.write_str("whether an ACK had come is not captured")?,
        }
        if self.triggers.is_empty() {
            f.write_str("; no trigger is proved")?;
        }
        for (i, trigger) in self.triggers.iter().enumerate() {
            f.write_str(if i == 0 { "; " } else { ", " })?;
            match (trigger, timer, window) {
                (Trigger::Timer, Some(timer), _) if timer.shows_its_end() => {
                    write!(f, "the timer had ended ({timer})")?;
                }
                (Trigger::Timer, Some(timer), _) => {
                    write!(f, "the timer had ended: nothing else can have set it off ({timer})")?;
                }
                (Trigger::Timer, None, _) => f.write_str("the timer had ended: nothing else can have set it off")?,
                (Trigger::FullWindow, _, Some(window)) => {
                    let basis = match window.basis {
                        Basis::Declared => "",
                        Basis::Inferred => ", if the most seen in flight is the window",
                    };
                    write!(f, "the window was full ({} beyond {}{basis})", window.next, window.edge)?;
                }
                (Trigger::FullWindow, _, None) => f.write_str("the window was full")?,
                (Trigger::EndOfMessage, _, _) => f.write_str("no new package was left")?,
            }
        }
        if self.undecided.contains(&Trigger::FullWindow) {
            f.write_str("; whether the window was full cannot be told")?;
        }
        match timer {
            Some(timer) if !self.triggers.contains(&Trigger::Timer) => write!(f, "; {timer}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for TimerEvidence {
    /// `2.14 s to 3.78 s old, timeout 2.00 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { age_min, age_max, timeout } = *self;
        if age_min == age_max {
            write!(f, "{} old", Seconds(age_min))?;
        } else if age_max.is_finite() {
            write!(f, "{} to {} old", Seconds(age_min), Seconds(age_max))?;
        } else {
            write!(f, "at least {} old", Seconds(age_min))?;
        }
        timeout.map_or(Ok(()), |timeout| write!(f, ", timeout {}", Seconds(timeout)))
    }
}

/// `#12, #13`; long lists end in `…`.
pub(super) fn packets(packets: &[u64]) -> String {
    let mut text = String::new();
    for (i, packet) in packets.iter().take(SPELT).enumerate() {
        let _ = write!(text, "{}#{packet}", if i == 0 { "" } else { ", " });
    }
    if packets.len() > SPELT {
        text.push_str(" …");
    }
    text
}

/// Seconds to the millisecond, where [`Seconds`] would be too coarse: `0.036 s`, `2.958 s`.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds.abs() < 0.01 && seconds != 0.0 { format!("{seconds:.6} s") } else { format!("{seconds:.3} s") }
}

/// `1 frame`, `2 frames`.
pub(super) fn count(n: u64, what: &str) -> String {
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
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Chat => "remark",
        Severity::Note => "note",
        Severity::Warn => "warning",
        Severity::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_the_unit_that_shows_them() {
        let text = |s: f64| Seconds(s).to_string();
        assert_eq!(
            [text(2.138), text(0.5), text(0.0352), text(0.00004), text(-1.0)],
            ["2.14 s", "0.50 s", "35.2 ms", "40 µs", "-1.00 s"]
        );
    }

    #[test]
    fn many_runs_are_counted_rather_than_spelt() {
        let mut set = PositionSet::new();
        for k in 0..20 {
            set.push(Positions::new(Pos(10 * k + 1), Pos(10 * k + 2)).unwrap());
        }
        assert!(set.to_string().starts_with("1, 2, 11, 12, "));
        assert!(set.to_string().ends_with(" … (40 in all)"));
    }
}
