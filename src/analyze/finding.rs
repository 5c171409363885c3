//! What the traffic did, in the shape every report shares.

use std::time::Duration;

use crate::time::Timestamp;
use crate::window::Positions;
use crate::wire::{Pos, Side};

/// How much a finding matters, as Wireshark's expert information grades it. Ordered: `Error` is the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The ordinary course, worth a word.
    Chat,
    /// Unusual, and within the rules.
    Note,
    /// What a lossy exchange shows.
    Warn,
    /// A rule of the protocol is broken, or the exchange failed.
    Error,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Positions that were not written, or written late.
    Sequence,
    /// Positions that were written again.
    Resend,
    /// ACKs.
    Acknowledgement,
    /// The window.
    Window,
    /// Handshake, DONE, CLOSE: the course of an exchange.
    Exchange,
    /// A frame by itself.
    Frame,
    /// The capture.
    Capture,
    /// Declared facts (`--expect`, parameters).
    Expectation,
}

/// One rule: a kind of finding. Each is a `static` in a file of its own under `rules`, beside its page.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in kebab case: `duplicate-resend`.
    pub name: &'static str,
    /// How much its findings matter, unless one says otherwise.
    pub severity: Severity,
    /// What it is about.
    pub group: Group,
    /// What it says in one line.
    pub summary: &'static str,
    /// Its page: set when, supersedes, what it means, what it may be instead, example. Markdown.
    pub page: &'static str,
}

/// What an f64 of Unix seconds may be off, twice.
pub(super) const CLOCK_GRAIN: f64 = 1e-6;

/// How far a finding can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certainty {
    /// The captured bytes prove it.
    Proven,
    /// It is one of several things that look the same on the wire; which, nothing tells. Names the class:
    /// `done-ignored-or-ack-lost`.
    Class(&'static str),
    /// It rests on a time, and holds beyond the tolerance that was allowed for.
    WithinTolerance(Duration),
}

/// Positions as ascending disjoint runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PositionSet {
    runs: Vec<Positions>,
}

/// Why a position was written when it was, and everything that could have set it off.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// What was missing.
    pub why: Why,
    /// Every trigger that is proved to have held, in the order of [`Trigger`].
    pub triggers: Vec<Trigger>,
    /// Every trigger that may have held as well, or not: nothing tells. A position that was counted and not written fills the
    /// window without a trace.
    pub undecided: Vec<Trigger>,
    /// The numbers.
    pub evidence: Evidence,
}

/// What was missing when a position was written (again).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// It had never been on the wire.
    NeverWritten,
    /// It had, and no ACK that covers it had.
    AckMissing,
    /// Nothing the capture shows: an ACK had already passed the place of the capture.
    Unexplained,
    /// Bytes in which its ACK may have been are not captured.
    CannotTell,
}

/// A condition of PROTOCOL §4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// The timer had ended.
    Timer,
    /// The next new position was beyond the window.
    FullWindow,
    /// No new MSG was left.
    EndOfMessage,
}

/// The numbers behind a cause; what is not known is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The copy before this one, or the frame that opened the gap: packet.
    pub earlier_packet: Option<u64>,
    /// The packet that was written.
    pub packet: u64,
    /// Which copy on the wire this is, from 1.
    pub copy: u32,
    /// About the timer.
    pub timer: Option<TimerEvidence>,
    /// About the window.
    pub window: Option<WindowEvidence>,
    /// The ACK that first covered the position before it was written again: number and packet.
    pub acked_before: Option<(Pos, u64)>,
    /// The ACK that covered it afterwards: number and packet. `None` in findings made before it came.
    pub acked_after: Option<(Pos, u64)>,
}

/// How old the last copy was, by the sender's own clock (PROTOCOL §2.5), as an interval where it was never written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimerEvidence {
    /// At least so many seconds.
    pub age_min: f64,
    /// At most so many.
    pub age_max: f64,
    /// The timeout, declared or inferred; seconds.
    pub timeout: Option<f64>,
}

impl TimerEvidence {
    /// The age alone shows that the timer had ended. Where it does not and [`Trigger::Timer`] is told, nothing else can
    /// have set the resend off.
    #[must_use]
    pub fn shows_its_end(&self) -> bool {
        self.timeout.is_some_and(|timeout| self.age_min + CLOCK_GRAIN >= timeout)
    }
}

/// Where the window stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowEvidence {
    /// The highest position that might be written.
    pub edge: Pos,
    /// The next new position.
    pub next: Pos,
    /// The last acknowledged position.
    pub last_acked: Pos,
    /// The window.
    pub size: u32,
    /// Who says so.
    pub basis: Basis,
}

/// What a number of a finding rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// It was declared.
    Declared,
    /// The traffic so far: of the window, the largest number in flight.
    Inferred,
}

/// One thing the traffic did.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which kind.
    pub rule: &'static Rule,
    /// How much it matters.
    pub severity: Severity,
    /// How far it can be trusted.
    pub certainty: Certainty,
    /// The connection, numbered as in the packet table.
    pub connection: u32,
    /// Whose act it was; `None` for both or neither.
    pub side: Option<Side>,
    /// The positions it is about; empty where it is about none.
    pub positions: PositionSet,
    /// The packets that prove it, ascending; the one at which it shows is [`at`](Self::at).
    pub packets: Vec<u64>,
    /// The packet at which it shows.
    pub at: u64,
    /// Its capture time.
    pub time: Option<Timestamp>,
    /// Why, for a position that was written again or late.
    pub cause: Option<Cause>,
    /// What the rules or the declarations ask for.
    pub expected: String,
    /// What there was.
    pub seen: String,
    /// One sentence for people, with the numbers.
    pub message: String,
}

/// A statement that could not be made, and why: "cannot tell, because …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The rule that might apply.
    pub rule: &'static Rule,
    /// The connection.
    pub connection: u32,
    /// The positions.
    pub positions: PositionSet,
    /// The packets: the frame in question, and what stands in the way.
    pub packets: Vec<u64>,
    /// "the capture lost 88 bytes of the client before packet 30".
    pub because: String,
}

impl Severity {
    /// All, lowest first.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Note, Self::Warn, Self::Error];

    /// `chat`, `note`, `warn` or `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Group {
    /// One word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sequence => "sequence",
            Self::Resend => "resend",
            Self::Acknowledgement => "acknowledgement",
            Self::Window => "window",
            Self::Exchange => "exchange",
            Self::Frame => "frame",
            Self::Capture => "capture",
            Self::Expectation => "expectation",
        }
    }
}

impl Why {
    /// `never-written`, `ack-missing`, `unexplained` or `cannot-tell`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverWritten => "never-written",
            Self::AckMissing => "ack-missing",
            Self::Unexplained => "unexplained",
            Self::CannotTell => "cannot-tell",
        }
    }
}

impl Trigger {
    /// `timer`, `full-window` or `end-of-message`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::FullWindow => "full-window",
            Self::EndOfMessage => "end-of-message",
        }
    }
}

impl PositionSet {
    /// No positions.
    #[must_use]
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// Adds a run above every other; one that touches the last becomes part of it.
    pub fn push(&mut self, run: Positions) {
        if let Some(last) = self.runs.last_mut()
            && last.last().0.checked_add(1) == Some(run.first().0)
            && let Some(joined) = Positions::new(last.first(), run.last())
        {
            *last = joined;
        } else {
            self.runs.push(run);
        }
    }

    /// The runs, ascending and disjoint.
    #[must_use]
    pub fn runs(&self) -> &[Positions] {
        &self.runs
    }

    /// How many positions.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.count())).sum()
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// True when `pos` is one of them.
    #[must_use]
    pub fn contains(&self, pos: Pos) -> bool {
        let at = self.runs.partition_point(|run| run.last() < pos);
        self.runs.get(at).is_some_and(|run| run.contains(pos))
    }

    /// The positions one by one, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Pos> + '_ {
        self.runs.iter().flat_map(|run| (run.first().0..=run.last().0).map(Pos))
    }
}

impl FromIterator<Pos> for PositionSet {
    /// Of positions that ascend.
    fn from_iter<I: IntoIterator<Item = Pos>>(ascending: I) -> Self {
        let mut set = Self::new();
        ascending.into_iter().filter_map(|pos| Positions::new(pos, pos)).for_each(|run| set.push(run));
        set
    }
}

impl From<Pos> for PositionSet {
    fn from(pos: Pos) -> Self {
        Self { runs: Positions::new(pos, pos).into_iter().collect() }
    }
}

impl From<Positions> for PositionSet {
    fn from(run: Positions) -> Self {
        Self { runs: vec![run] }
    }
}
