//! Waits with one position outstanding in an open window, which a pipelined sender has no reason for.

use super::super::Write;
use super::super::score::{Among, Scores};
use super::super::standing::Standing;
use super::super::timing::MAX_WAITING;
use super::timers::Timers;
use super::{PIPELINED, elapsed};
use crate::analyze::Behaviour;
use crate::analyze::words::seconds;

/// Gathers such waits; they count only when there never were two positions outstanding.
#[derive(Debug, Default)]
pub(super) struct LoneWaits {
    /// sent_time of the last MSG, when that was a new position.
    newest: Option<f64>,
    /// The shortest time from one new position to the next with nothing written in between.
    shortest_gap: Option<f64>,
    /// The last new position may have waited for its timer.
    waited: bool,
    /// A wait that says something if there was a new position all along; whether there was, the next one tells.
    pending: Option<Wait>,
    /// The first ones.
    waits: Vec<Wait>,
    /// Highest MSG.
    last_package: i32,
}

#[derive(Debug, Clone, Copy)]
struct Wait {
    what: What,
    pos: i32,
    packet: u64,
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// With one position outstanding, until it went again.
    Alone,
    /// With one outstanding that was counted and not written, as it seems, until it went again.
    Unwritten,
}

impl LoneWaits {
    pub(super) fn hole(&mut self) {
        self.newest = None;
        self.waited = false;
        self.pending = None;
    }

    /// What the last MSG was, nothing tells.
    pub(super) fn unclear(&mut self) {
        self.newest = None;
    }

    pub(super) fn new_position(&mut self, at: &Standing, write: &Write<'_>, outstanding: i64, timers: &Timers) {
        // It proves that one was waiting.
        if let Some(wait) = self.pending.take()
            && self.waits.len() < MAX_WAITING
        {
            self.waits.push(wait);
        }
        self.last_package = write.pos.0;
        if let Some(gap) = elapsed(self.newest, write.sent) {
            if !self.waited {
                self.shortest_gap = Some(self.shortest_gap.unwrap_or(f64::INFINITY).min(gap));
            }
            // With nothing outstanding as far as can be seen: a position that was counted and not written waited for its timer.
            let timer = timers.timeout.is_some_and(|timeout| gap >= timeout - timers.tolerance);
            let open = at.window.is_some_and(|window| window > 1);
            self.waited = timer && outstanding == 1 && open;
            if self.waited {
                let (pos, packet) = (write.pos.0, write.step.packet);
                self.pending = Some(Wait { what: What::Unwritten, pos, packet, seconds: gap });
            }
        }
        self.newest = write.sent;
    }

    /// A position goes again; `may_be_early` unless its timer had ended.
    pub(super) fn again(&mut self, at: &Standing, write: &Write<'_>, may_be_early: bool) {
        let pos = write.pos.0;
        if let Some(seconds) = elapsed(self.newest.take(), write.sent)
            && !may_be_early
            && self.pending.is_none()
            && at.highest == pos
            && at.window.is_some_and(|window| window > 1)
        {
            self.pending = Some(Wait { what: What::Alone, pos, packet: write.step.packet, seconds });
        }
    }

    /// A pipelined sender waits with one position outstanding only if the others that fit its window were counted and not
    /// written. So it takes three of them to be missing, and never two to be outstanding.
    pub(super) fn finish(&mut self, scores: &mut Scores, timers: &Timers) {
        let (Some(window), Some(gap)) = (timers.window, self.shortest_gap) else { return };
        let tolerance = timers.tolerance;
        if timers.timeout.is_some_and(|timeout| gap > timeout - tolerance) {
            return;
        }
        let mut waits = std::mem::take(&mut self.waits);
        let timeout = timers.timeout.unwrap_or(f64::INFINITY);
        waits.retain(|wait| match wait.what {
            What::Unwritten => (2.0 * gap + tolerance..2.0 * (timeout + gap)).contains(&wait.seconds),
            What::Alone => wait.seconds > gap + tolerance,
        });
        let missing = |wait: &Wait| i64::from(self.last_package - wait.pos).min(i64::from(window) - 1);
        if waits.iter().map(missing).sum::<i64>() < 3 || scores.contradicted(Behaviour::StopAndWait) > 0 {
            return;
        }
        for Wait { pos, packet, seconds: waited, .. } in waits {
            scores.decide(Among::STOP_AND_WAIT, PIPELINED);
            let words = || {
                let waited = seconds(waited);
                format!("pos {pos} (#{packet}) after a wait of {waited} with the window open and new ones to come")
            };
            scores.speaks_for(Among::STOP_AND_WAIT, words);
            scores.speaks_against(PIPELINED, words);
        }
    }
}
