//! Lists of positions: packages and ACKs that are declared as not written.

use super::{Checks, Shared};
use crate::analyze::PositionSet;
use crate::analyze::expect::Outcome;
use crate::analyze::expect::watch::{Answered, InTurn};
use crate::analyze::words;
use crate::window::Positions;
use crate::wire::{Pos, Side};

/// Lines of one key that are told one by one; further ones are summed up in the last.
const MAX_LINES: usize = 50;

impl Checks<'_> {
    pub(super) fn packages(&mut self) {
        const KEY: &str = "packages_not_written";
        let Some(declared) = &self.watch.facts.packages_not_written else { return };
        let mut met = Shared::default();
        let mut lines = Lines::default();
        for pos in declared.iter() {
            match (self.watch.skipped.packet(pos), self.watch.in_turn.get(&pos.0)) {
                (Some(packet), _) => met.push(one(pos), packet),
                (None, Some(written)) => {
                    let (outcome, why) = self.in_turn(pos, written, declared);
                    lines.push(outcome, one(pos), written.packet, format!("declared {}", pos.0), why);
                }
                (None, None) => {
                    let (outcome, why) = self.not_written(pos);
                    lines.push(outcome, one(pos), self.analysis.ledger.last_packet, format!("declared {}", pos.0), why);
                }
            }
        }
        for (run, packet) in self.watch.skipped.outside(declared) {
            let why = format!("not written before #{packet}");
            lines.push(Outcome::Failed, run, packet, not_declared(run), why);
        }
        let none = lines.is_empty() && met.positions.is_empty();
        let listed = declared.to_string();
        if !met.positions.is_empty() {
            let seen = format!("not written before {}", words::packets(&met.named()));
            self.push(KEY, Outcome::Met, met.positions.to_string(), seen, met);
        } else if none && listed.is_empty() && self.is_whole(Side::Client) {
            self.push(KEY, Outcome::Met, "none".to_owned(), "no package was passed over".into(), met);
        } else if none {
            let seen = "the capture lacks bytes of the client".to_owned();
            self.push(KEY, Outcome::CannotTell, "none".to_owned(), seen, met);
        }
        self.lines(KEY, lines);
    }

    /// A position declared lost that was written as the next new one: whether it can have been a resend.
    fn in_turn(&self, pos: Pos, written: &InTurn, declared: &PositionSet) -> (Outcome, String) {
        let cannot = |why: String| {
            (
                Outcome::CannotTell,
                format!("its first copy on the wire (#{}) is the next new position; {why}", written.packet),
            )
        };
        let parameters = &self.analysis.parameters;
        if !self.is_whole(Side::Client) {
            return cannot(
                "the capture lacks bytes of the client, in which what it is a resend of may have gone".to_owned(),
            );
        }
        if !self.is_whole(Side::Server) {
            return cannot(
                "the capture lacks bytes of the server, whose ACKs tell what it may be a resend of".to_owned(),
            );
        }
        if let Some(oldest) = written.oldest {
            let why = format!(
                "written (#{}) while {oldest}, which had been passed over, was the oldest without an ACK: a resend would have been of {oldest}",
                written.packet
            );
            return (Outcome::Failed, why);
        }
        let Some(last) = self.last_position() else {
            return cannot(
                "the capture ends before the message does: with nothing left to send it may be a resend".to_owned(),
            );
        };
        let all_declared = |to: i32| (pos.0..=to).all(|pos| declared.contains(Pos(pos)));
        if all_declared(last) {
            return cannot("with all after it declared lost, too, it leaves no trace".to_owned());
        }
        let window = self.watch.facts.window.or(parameters.window.declared);
        let Some((window, last_acked)) = window.zip(written.last_acked) else {
            return cannot("without a declared window it may be a resend".to_owned());
        };
        let edge = i64::from(last_acked) + i64::from(window);
        let edge = i32::try_from(edge).unwrap_or(i32::MAX).min(last);
        if all_declared(edge) {
            return cannot(format!("with the whole window up to {edge} lost, a resend leaves no trace"));
        }
        let timeout = self.watch.facts.timeout.map(|timeout| timeout.as_secs_f64()).or(parameters.timeout.declared);
        let age =
            written.base.map(|base| (base, written.sent_time - base.sent_time)).filter(|(_, age)| age.is_finite());
        match (timeout, age) {
            (Some(timeout), Some((base, age))) if age < timeout - self.tolerance => {
                let after = if base.pos == 0 { "GET_MAX".to_owned() } else { base.pos.to_string() };
                let why = format!(
                    "written in its turn (#{}), {} after {after} (#{}): too soon for its timer ({}), and the window was not full",
                    written.packet,
                    words::seconds(age),
                    base.packet,
                    words::seconds(timeout),
                );
                (Outcome::Failed, why)
            }
            (Some(_), Some((base, age))) => {
                cannot(format!("{} after {} its timer may have ended", words::seconds(age), base.pos))
            }
            (None, _) => cannot("without a declared timeout it may be a resend".to_owned()),
            (_, None) => cannot("without its sent_time it may be a resend".to_owned()),
        }
    }

    /// A position that was neither skipped nor written as a new one.
    fn not_written(&self, pos: Pos) -> (Outcome, String) {
        match self.last_position() {
            Some(last) if pos.0 > last => (Outcome::Failed, format!("the message has {last} positions")),
            _ if self.watch.unseen.contains(pos) || !self.is_whole(Side::Client) => {
                let side = if self.is_whole(Side::Client) { Side::Server } else { Side::Client };
                (Outcome::CannotTell, format!("the capture lacks bytes of the {side} there"))
            }
            _ => (Outcome::CannotTell, "the capture ends before it".to_owned()),
        }
    }

    pub(super) fn acks(&mut self) {
        const KEY: &str = "acks_not_written";
        let Some(declared) = &self.watch.facts.acks_not_written else { return };
        let (watch, whole) = (self.watch, self.is_whole(Side::Client) && self.is_whole(Side::Server));
        let mut met = Shared::default();
        let mut lines = Lines::default();
        for pos in declared.iter() {
            let jumped = watch.jumped.packet(pos);
            let (outcome, packet, why) = match (jumped, watch.unwritten.get(&pos.0), watch.answers.get(&pos.0)) {
                (Some(packet), ..) => {
                    met.push(one(pos), packet);
                    continue;
                }
                (None, Some(packet), _) if whole => {
                    met.push(one(pos), *packet);
                    continue;
                }
                (_, _, Some(&Answered { due, written, first: Some(ref packet) })) if whole && written >= due => {
                    (Outcome::Failed, *packet, format!("ACK {pos} was written (#{packet}) when it was first due"))
                }
                _ if self.last_position().is_some_and(|last| pos.0 > last) => {
                    let last = self.last_position().unwrap_or_default();
                    (Outcome::Failed, self.analysis.ledger.last_packet, format!("the message has {last} positions"))
                }
                _ if !whole => {
                    let why = "the capture lacks bytes that would tell".to_owned();
                    (Outcome::CannotTell, self.analysis.ledger.last_packet, why)
                }
                _ => {
                    let why = "nothing after it proves that it will not come".to_owned();
                    (Outcome::CannotTell, self.analysis.ledger.last_packet, why)
                }
            };
            lines.push(outcome, one(pos), packet, format!("declared {pos}"), why);
        }
        let mut extra = watch.jumped.outside(declared);
        let undeclared = |pos: Pos| !declared.contains(pos) && !watch.jumped.contains(pos);
        let proved = watch.unwritten.iter().filter(|_| whole).map(|(pos, packet)| (Pos(*pos), *packet));
        extra.extend(proved.filter(|(pos, _)| undeclared(*pos)).map(|(pos, packet)| (one(pos), packet)));
        // The ACK of DONE is not subject to the list (PROTOCOL §5.2).
        extra.retain(|(run, _)| watch.dones.pos != Some(run.first().0));
        extra.sort_unstable_by_key(|(run, _)| run.first());
        for (run, packet) in extra {
            let why = format!("not written when due (#{packet})");
            lines.push(Outcome::Failed, run, packet, not_declared(run), why);
        }
        let none = lines.is_empty() && met.positions.is_empty();
        if !met.positions.is_empty() {
            let seen = format!("not written when first due; see {}", words::packets(&met.named()));
            self.push(KEY, Outcome::Met, met.positions.to_string(), seen, met);
        } else if none && whole {
            // That of DONE is not subject to the list.
            let open = watch.undecided.iter().find(|pos| watch.dones.pos != Some(**pos));
            let again = self.analysis.metrics.resend_causes.ack_missing > 0 && !self.has_ended();
            let (outcome, seen) = match open {
                Some(pos) => (Outcome::CannotTell, format!("nothing tells whether ACK {pos} was written when due")),
                None if again => {
                    let why = "the capture ends before the connection, and what was written again may have had one ACK";
                    (Outcome::CannotTell, why.to_owned())
                }
                None => (Outcome::Met, "every ACK was written when it was due".to_owned()),
            };
            self.push(KEY, outcome, "none".to_owned(), seen, met);
        } else if none {
            self.push(KEY, Outcome::CannotTell, "none".into(), "the capture lacks bytes that would tell".into(), met);
        }
        self.lines(KEY, lines);
    }

    fn lines(&mut self, key: &'static str, lines: Lines) {
        for (outcome, declared, seen, about) in lines.told {
            self.push(key, outcome, declared, seen, about);
        }
        for (outcome, about, n) in lines.beyond {
            let declared = format!("{} more", words::count(n, "position"));
            self.push(key, outcome, declared, about.positions.to_string(), about);
        }
    }
}

/// A position as a run.
fn one(pos: Pos) -> Positions {
    Positions::new(pos, pos).expect("a run of one is not empty")
}

fn not_declared(run: Positions) -> String {
    format!("{run} {} not declared", if run.count() == 1 { "is" } else { "are" })
}

/// Lines of one key.
#[derive(Default)]
struct Lines {
    told: Vec<(Outcome, String, String, Shared)>,
    beyond: Vec<(Outcome, Shared, u64)>,
}

impl Lines {
    fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    fn push(&mut self, outcome: Outcome, run: Positions, packet: u64, declared: String, seen: String) {
        if self.told.len() < MAX_LINES {
            let mut about = Shared::default();
            about.push(run, packet);
            self.told.push((outcome, declared, seen, about));
            return;
        }
        let at = match self.beyond.iter().position(|(of, ..)| *of == outcome) {
            Some(at) => at,
            None => {
                self.beyond.push((outcome, Shared::default(), 0));
                self.beyond.len() - 1
            }
        };
        let (_, about, n) = &mut self.beyond[at];
        about.push(run, packet);
        *n += u64::from(run.count());
    }
}
