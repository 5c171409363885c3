//! Declared facts beside what was watched.

use std::time::Duration;

use super::watch::{InTurn, NAMED_PACKETS, Watch};
use super::{Checked, Outcome};
use crate::analyze::answers::CallKind;
use crate::analyze::report::words;
use crate::analyze::{Bounds, Completeness, ConnectionAnalysis, PositionSet};
use crate::decode::message::{MAX_MESSAGE_BYTES, Piece};
use crate::decode::reassembly::Closing;
use crate::window::Positions;
use crate::wire::{Pos, Side};

/// Lines of one key that are told one by one; further ones are summed up in the last.
const MAX_LINES: usize = 50;

impl Watch {
    /// Each declared fact beside what was seen. `tolerance` is what a time may be off.
    #[must_use]
    pub fn verify(&self, analysis: &ConnectionAnalysis, tolerance: Duration) -> Vec<Checked> {
        let mut all = Checks { watch: self, analysis, tolerance: tolerance.as_secs_f64(), checked: Vec::new() };
        all.message();
        all.window();
        all.timeout();
        all.max_msg_size();
        all.packages();
        all.acks();
        all.done_ignored();
        all.complete();
        all.checked
    }
}

struct Checks<'a> {
    watch: &'a Watch,
    analysis: &'a ConnectionAnalysis,
    tolerance: f64,
    checked: Vec<Checked>,
}

/// Positions that share an outcome, with the packets that show them.
#[derive(Default)]
struct Shared {
    positions: PositionSet,
    packets: Vec<u64>,
}

impl Shared {
    fn push(&mut self, run: Positions, packet: u64) {
        let above = self.positions.runs().last().is_none_or(|last| last.last() < run.first());
        if above {
            self.positions.push(run);
        } else {
            // Failures of two kinds in one sum: disjoint, each kind ascending.
            let mut runs: Vec<Positions> = self.positions.runs().iter().copied().chain([run]).collect();
            runs.sort_unstable_by_key(|run| run.first());
            self.positions = PositionSet::new();
            runs.into_iter().for_each(|run| self.positions.push(run));
        }
        if self.packets.len() < NAMED_PACKETS {
            self.packets.push(packet);
        }
    }

    /// The packets, ascending.
    fn named(&self) -> Vec<u64> {
        let mut packets = self.packets.clone();
        packets.sort_unstable();
        packets.dedup();
        packets
    }
}

impl Checks<'_> {
    fn push(&mut self, key: &'static str, outcome: Outcome, declared: String, seen: String, about: Shared) {
        let packets = about.named();
        self.checked.push(Checked { key, outcome, declared, seen, positions: about.positions, packets });
    }

    /// True when every byte of that side is there, from the first to where the connection or the capture ends.
    fn is_whole(&self, side: Side) -> bool {
        let ledger = &self.analysis.ledger;
        let index = usize::from(side == Side::Server);
        ledger.from_start[index]
            && ledger.completeness != Completeness::OneSided
            && ledger.holes.len() as u64 == ledger.hole_count
            && ledger.holes.iter().all(|hole| hole.from != side)
    }

    fn has_ended(&self) -> bool {
        matches!(self.analysis.ledger.closing, Closing::Fin | Closing::Reset)
    }

    /// N, when DONE or the end of the connection tells.
    fn last_position(&self) -> Option<i32> {
        match self.watch.dones.pos {
            Some(done) => Some(done - 1),
            None => (self.has_ended() && self.is_whole(Side::Client)).then_some(self.watch.highest),
        }
    }

    fn message(&mut self) {
        let Some(expected) = &self.watch.facts.message else { return };
        let declared = format!("{} bytes", expected.len());
        let message = &self.watch.message;
        let size = self.analysis.max_msg_size.is_exact().then(|| usize::from(self.analysis.max_msg_size.min().get()));
        let mut offset = Some(0);
        let mut missing = 0;
        for piece in message.pieces() {
            match (piece, offset) {
                (Piece::Bytes(bytes), Some(at)) => {
                    let rest = expected.get(at..).unwrap_or_default();
                    let same = bytes.iter().zip(rest).take_while(|(a, b)| a == b).count();
                    if same < bytes.len() {
                        let seen = match rest.get(same) {
                            Some(byte) => {
                                format!("byte {} is {:#04x}, declared {byte:#04x}", at + same, bytes[same])
                            }
                            None => format!("longer: at least {} bytes", at + bytes.len()),
                        };
                        return self.push("message", Outcome::Failed, declared, seen, Shared::default());
                    }
                    offset = Some(at + bytes.len());
                }
                (Piece::Missing(run), _) => {
                    missing += u64::from(run.end().abs_diff(*run.start())) + 1;
                    offset = size.and_then(|size| usize::try_from(*run.end()).ok()?.checked_mul(size));
                }
                (Piece::Bytes(_), None) => {}
            }
        }
        let (outcome, seen) = if message.is_complete() {
            match message.len() == expected.len() {
                true => (Outcome::Met, format!("{} bytes, the same", expected.len())),
                false => (Outcome::Failed, format!("the same up to byte {}, where it ends", message.len())),
            }
        } else if message.left_out() > 0 {
            (Outcome::CannotTell, format!("more than {} MiB: not all of it was kept", MAX_MESSAGE_BYTES >> 20))
        } else if self.has_ended() && self.is_whole(Side::Client) {
            let slices = match missing {
                0 => "no DONE says that it ended".to_owned(),
                n => format!("{} never written", words::count(n, "slice")),
            };
            (Outcome::Failed, format!("{} bytes, the same; {slices}", message.len()))
        } else {
            (Outcome::CannotTell, format!("{} bytes are there, and they are the same", message.len()))
        };
        self.push("message", outcome, declared, seen, Shared::default());
    }

    fn window(&mut self) {
        let Some(window) = self.watch.facts.window else { return };
        let most = self.analysis.metrics.max_in_flight;
        let bounds = self.analysis.parameters.window.inferred.as_ref().map(|inferred| inferred.bounds);
        let below = bounds.and_then(|bounds| bounds.max).filter(|max| *max < window);
        let packets = most.map(|(_, packet)| packet).into_iter().collect();
        let about = Shared { positions: PositionSet::new(), packets };
        let (outcome, seen) = match (most, below) {
            (Some((most, packet)), _) if most > window => {
                (Outcome::Failed, format!("{most} in flight after #{packet}"))
            }
            (_, Some(max)) => (Outcome::Failed, format!("the sender waited at {max} in flight")),
            (Some((most, packet)), _) if most == window => {
                (Outcome::Met, format!("never more than {most} in flight (first after #{packet})"))
            }
            (Some((most, _)), _) => (
                Outcome::CannotTell,
                format!("never more than {most} in flight: any window from {most} on looks the same"),
            ),
            (None, _) => (Outcome::CannotTell, "the number in flight is not known".to_owned()),
        };
        self.push("window", outcome, window.to_string(), seen, about);
    }

    fn timeout(&mut self) {
        let Some(timeout) = self.watch.facts.timeout else { return };
        let declared = words::seconds(timeout.as_secs_f64());
        let timeout = timeout.as_secs_f64();
        let inferred = self.analysis.parameters.timeout.inferred.as_ref();
        let packets = inferred.map(|inferred| inferred.packets.clone()).unwrap_or_default();
        let about = Shared { positions: PositionSet::new(), packets };
        let (outcome, seen) = match inferred.map(|inferred| (inferred.bounds, &inferred.evidence)) {
            Some((Bounds { max: Some(max), .. }, evidence)) if timeout > max + self.tolerance => {
                (Outcome::Failed, format!("at most {}: {evidence}", words::seconds(max)))
            }
            Some((Bounds { min: Some(min), .. }, evidence)) if timeout < min - self.tolerance => {
                (Outcome::Failed, format!("at least {}: {evidence}", words::seconds(min)))
            }
            Some((Bounds { max: Some(_), .. }, evidence)) => (Outcome::Met, format!("not contradicted: {evidence}")),
            Some((_, evidence)) => (Outcome::CannotTell, format!("nothing bounds it from above: {evidence}")),
            None => (Outcome::CannotTell, "no resend bounds it".to_owned()),
        };
        self.push("timeout", outcome, declared, seen, about);
    }

    fn max_msg_size(&mut self) {
        let Some(size) = self.watch.facts.max_msg_size else { return };
        let capacity = &self.analysis.max_msg_size;
        let outcome = match (capacity.min()..=capacity.max()).contains(&size) {
            true if capacity.is_exact() => Outcome::Met,
            true => Outcome::CannotTell,
            false => Outcome::Failed,
        };
        self.push("max_msg_size", outcome, size.to_string(), capacity.to_string(), Shared::default());
    }

    fn packages(&mut self) {
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
        let listed = words::positions(declared);
        if !met.positions.is_empty() {
            let seen = format!("not written before {}", words::packets(&met.named()));
            self.push(KEY, Outcome::Met, words::positions(&met.positions), seen, met);
        } else if none && listed.is_empty() && self.is_whole(Side::Client) {
            self.push(KEY, Outcome::Met, "none".to_owned(), "every package was written in its turn".into(), met);
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
        let last = self.last_position().unwrap_or(i32::MAX);
        let all_declared = |to: i32| (pos.0..=to).all(|pos| declared.contains(Pos(pos)));
        if last < i32::MAX && all_declared(last) {
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
                (Outcome::CannotTell, "the capture lacks bytes of the client there".to_owned())
            }
            _ => (Outcome::CannotTell, "the capture ends before it".to_owned()),
        }
    }

    fn acks(&mut self) {
        const KEY: &str = "acks_not_written";
        let Some(declared) = &self.watch.facts.acks_not_written else { return };
        let (watch, whole) = (self.watch, self.is_whole(Side::Client) && self.is_whole(Side::Server));
        let mut met = Shared::default();
        let mut lines = Lines::default();
        let mut open = std::collections::BTreeMap::new();
        for (call, proved) in watch.answers.unanswered().filter(|(call, _)| call.kind == CallKind::First) {
            open.insert(call.pos.0, (call.at, proved));
        }
        for pos in declared.iter() {
            let jumped = watch.jumped.packet(pos);
            let (outcome, packet, why) = match (jumped, open.get(&pos.0), watch.first_acks.get(&pos.0)) {
                (Some(packet), ..) => {
                    met.push(one(pos), packet);
                    continue;
                }
                (None, Some((packet, true)), _) if whole => {
                    met.push(one(pos), *packet);
                    continue;
                }
                (_, _, Some(packet)) if whole => {
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
        let proved = open.iter().filter(|(_, (_, proved))| *proved && whole).map(|(pos, (at, _))| (Pos(*pos), *at));
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
            self.push(KEY, Outcome::Met, words::positions(&met.positions), seen, met);
        } else if none && whole {
            self.push(KEY, Outcome::Met, "none".to_owned(), "every ACK was written when it was due".into(), met);
        } else if none {
            self.push(KEY, Outcome::CannotTell, "none".into(), "the capture lacks bytes that would tell".into(), met);
        }
        self.lines(KEY, lines);
    }

    fn done_ignored(&mut self) {
        let Some(declared) = self.watch.facts.done_ignored else { return };
        let dones = &self.watch.dones;
        let whole = self.is_whole(Side::Client) && self.is_whole(Side::Server);
        let unanswered = dones.written.saturating_sub(dones.acks);
        let seen = format!(
            "{} and {} of it (an ignored DONE and a lost ACK look the same)",
            words::count(dones.written, "DONE"),
            words::count(dones.acks, "ACK"),
        );
        let outcome = match (whole, unanswered == u64::from(declared)) {
            (false, _) => Outcome::CannotTell,
            (true, true) if dones.written > 0 => Outcome::Met,
            (true, _) if self.has_ended() => Outcome::Failed,
            (true, false) if unanswered < u64::from(declared) && dones.acks > 0 => Outcome::Failed,
            (true, _) => Outcome::CannotTell,
        };
        let about = Shared { positions: PositionSet::new(), packets: dones.packets.clone() };
        self.push("done_ignored", outcome, declared.to_string(), seen, about);
    }

    fn complete(&mut self) {
        let Some(declared) = self.watch.facts.complete else { return };
        let (outcome, seen) = match self.analysis.verdict.complete {
            Some(complete) => {
                let outcome = if complete == declared { Outcome::Met } else { Outcome::Failed };
                (outcome, if complete { "complete" } else { "incomplete" })
            }
            None => (Outcome::CannotTell, "the capture does not show its end"),
        };
        let declared = if declared { "complete" } else { "incomplete" };
        self.push("complete", outcome, declared.to_owned(), seen.to_owned(), Shared::default());
    }

    fn lines(&mut self, key: &'static str, lines: Lines) {
        for (outcome, declared, seen, about) in lines.told {
            self.push(key, outcome, declared, seen, about);
        }
        for (outcome, about, n) in lines.beyond {
            let declared = format!("{} more", words::count(n, "position"));
            self.push(key, outcome, declared, words::positions(&about.positions), about);
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
