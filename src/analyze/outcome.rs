//! What a connection came to, when it has ended.

use std::ops::AddAssign;

use crate::decode::Endpoint;
use crate::decode::framing::Capacity;
use crate::decode::reassembly::{Closing, HoleCause};
use crate::time::Timestamp;
use crate::wire::{Pos, Side};

use super::{Basis, Rule, Severity};

/// One connection, summed up.
#[derive(Debug, Clone)]
pub struct ConnectionAnalysis {
    /// Its number, as in the packet table.
    pub connection: u32,
    /// The client's address.
    pub client: Endpoint,
    /// The server's.
    pub server: Endpoint,
    /// What is known of P, the number of payload bytes, and from where.
    pub max_msg_size: Capacity,
    /// Window and timeout.
    pub parameters: Parameters,
    /// What the capture has and lacks of it.
    pub ledger: Ledger,
    /// Its figures.
    pub metrics: Metrics,
    /// In one line.
    pub verdict: Verdict,
    /// The exchange beside the rules.
    pub reference: Reference,
    /// Findings by rule: exact counts, whatever a report keeps.
    pub counts: Vec<RuleCount>,
    /// Things the capture could not tell: how many.
    pub doubts: u64,
}

/// How often a rule was met, and at which severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule.
    pub rule: &'static Rule,
    /// The severity of these.
    pub severity: Severity,
    /// How many findings.
    pub findings: u64,
}

/// The first sentence about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The highest severity found; `None` without findings.
    pub worst: Option<Severity>,
    /// Whether the exchange came to its end (DONE, its ACK, CLOSE, DISCONNECT), whatever it left out on the way:
    /// `Some(true)` proven complete, `Some(false)` proven incomplete, `None` cannot tell.
    pub complete: Option<bool>,
    /// One line: "complete; package 9 written again, ACKs 9, 10, 11 not written when due, window kept".
    pub line: String,
}

/// Declared and inferred parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// window_size.
    pub window: WindowKnowledge,
    /// timeout.
    pub timeout: TimeoutKnowledge,
}

/// What is known of the window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowKnowledge {
    /// As declared.
    pub declared: Option<u32>,
    /// By the traffic: at least the largest number in flight.
    pub inferred: Option<Inferred<u32>>,
}

/// What is known of the timeout, in seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeoutKnowledge {
    /// As declared.
    pub declared: Option<f64>,
    /// By the ages of resends.
    pub inferred: Option<Inferred<f64>>,
}

/// A value that the traffic bounds, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred<T> {
    /// The bounds.
    pub bounds: Bounds<T>,
    /// The packets that gave them.
    pub packets: Vec<u64>,
    /// In words: "3 in flight after packet 18".
    pub evidence: String,
}

/// A closed interval, open where nothing bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds<T> {
    /// At least.
    pub min: Option<T>,
    /// At most.
    pub max: Option<T>,
}

/// What the capture has of a connection. Comes first in every report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// In one word.
    pub completeness: Completeness,
    /// The first packet, and its time.
    pub first_packet: u64,
    /// Its time.
    pub first_time: Option<Timestamp>,
    /// The last packet.
    pub last_packet: u64,
    /// Its time.
    pub last_time: Option<Timestamp>,
    /// Whether each side's stream is there from its first byte: client, server.
    pub from_start: [bool; 2],
    /// Packets of each side: client, server.
    pub packets: [u64; 2],
    /// How it ended.
    pub closing: Closing,
    /// The first holes, at most 1,000.
    pub holes: Vec<LedgerHole>,
    /// All holes.
    pub hole_count: u64,
    /// Bytes in all holes.
    pub hole_bytes: u64,
    /// Packets that the capture cut.
    pub truncated_packets: u64,
    /// Frames of which a part is missing.
    pub partial_frames: u64,
    /// Remarks about this connection's bytes, as `decode` makes them: passed-over bytes, differing copies …
    pub notes: Vec<String>,
}

/// The ledger in one word; the first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Completeness {
    /// One side's bytes are missing altogether.
    OneSided,
    /// The beginning is missing.
    MidStream,
    /// Packets were cut by a snap length.
    Truncated,
    /// Bytes are missing in between.
    Holes,
    /// Everything up to the capture's end is there, but the connection goes on.
    Unfinished,
    /// From SYN to FIN or RST without a hole.
    Complete,
}

/// A hole of one side's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHole {
    /// Whose bytes are missing.
    pub from: Side,
    /// Stream offset.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// Why.
    pub cause: HoleCause,
    /// The packet that shows it.
    pub packet: u64,
}

/// Figures of one connection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// Those that add up over connections.
    pub sums: Sums,
    /// Seconds from the first MSG to the last ACK.
    pub duration: Option<f64>,
    /// Unique message bytes a second.
    pub goodput: Option<f64>,
    /// Stream bytes of the client a second.
    pub throughput: Option<f64>,
    /// From a position's only copy (Karn's rule) to its ACK; without those that the receiver had to hold.
    pub rtt: Spread,
    /// From the last copy of a position written more than once: ambiguous.
    pub rtt_ambiguous: Spread,
    /// Smoothed RTT as RFC 6298 computes it, in seconds; last value.
    pub srtt: Option<f64>,
    /// The largest number in flight that is proved, and the packet that reached it, or was the first to prove it.
    pub max_in_flight: Option<(u32, u64)>,
    /// In flight averaged over the time of which it is proved.
    pub mean_in_flight: Option<f64>,
    /// What the next two take for the window.
    pub window_basis: Option<Basis>,
    /// Seconds during which the window was full: the declared one, or, without that, as many in flight as ever were. A
    /// window that was never filled is larger.
    pub window_full: Option<f64>,
    /// Mean in flight divided by that window.
    pub window_utilisation: Option<f64>,
    /// Seconds that gaps stayed open: count, least, mean, most.
    pub gap_open: Spread,
    /// Causes of what was written again or late.
    pub resend_causes: ResendCauses,
}

/// Figures that add up over connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Frames seen.
    pub frames: u64,
    /// MSG frames seen.
    pub messages: u64,
    /// Different positions among them.
    pub unique: u64,
    /// MSG frames beyond a position's first; one without a position is none.
    pub resent: u64,
    /// ACK frames seen.
    pub acks: u64,
    /// ACKs that were not written when they were due, one for each frame that called for one: those that are proved by a
    /// later ACK or by the server's DISCONNECT, and a position's ACK that silence proves (`ack-withheld`). Of several
    /// equal ACKs which one is missing, and whether one came late or never, nothing tells; how many, this does. Answers
    /// to DONE are left to `done-resend`.
    pub acks_lost: u64,
    /// Positions that were passed over and written later or never.
    pub gaps: u64,
    /// Message bytes of unique positions.
    pub message_bytes: u64,
    /// Stream bytes seen of each side: client, server.
    pub stream_bytes: [u64; 2],
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        let Self { frames, messages, unique, resent, acks, acks_lost, gaps, message_bytes, stream_bytes } = other;
        self.frames += frames;
        self.messages += messages;
        self.unique += unique;
        self.resent += resent;
        self.acks += acks;
        self.acks_lost += acks_lost;
        self.gaps += gaps;
        self.message_bytes += message_bytes;
        for (sum, bytes) in self.stream_bytes.iter_mut().zip(stream_bytes) {
            *sum += bytes;
        }
    }
}

/// Count, least, mean and most of a quantity in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Least.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Most.
    pub max: f64,
}

/// How often each cause held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is named as its cause or trigger")]
pub struct ResendCauses {
    pub never_written: u64,
    pub ack_missing: u64,
    pub unexplained: u64,
    pub cannot_tell: u64,
    pub timer: u64,
    pub full_window: u64,
    pub end_of_message: u64,
}

/// What a model sender and receiver make of the same exchange.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reference {
    /// Where the exchange first left the rules; `None` if it never did as far as can be told.
    pub divergence: Option<Divergence>,
    /// The behaviours, best fit first. Empty when nothing was written.
    pub fits: Vec<BehaviourFit>,
}

/// A first divergence.
#[derive(Debug, Clone, PartialEq)]
pub struct Divergence {
    /// The packet.
    pub packet: u64,
    /// Its time.
    pub time: Option<Timestamp>,
    /// Who.
    pub side: Side,
    /// The position or number written.
    pub pos: Option<Pos>,
    /// "at 0.2099 s the rules allow pos 4 again or pos 7; this client sent pos 9".
    pub words: String,
}

/// A way to run a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// Whatever keeps this protocol's rules: the oldest again, by timer, full window or end of message (PROTOCOL §4).
    ThisProtocol,
    /// The narrower case in which the oldest goes again when its timer ends, and only then.
    TimerOnly,
    /// Everything outstanding again.
    GoBackN,
    /// Each by its own timer.
    SelectiveRepeat,
    /// One at a time.
    StopAndWait,
}

/// How well a behaviour explains the exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct BehaviourFit {
    /// Which.
    pub behaviour: Behaviour,
    /// Decisions it explains.
    pub explained: u64,
    /// Decisions against it.
    pub contradicted: u64,
    /// What speaks for it, in words with packets; the first few.
    pub evidence_for: Vec<String>,
    /// What speaks against it.
    pub evidence_against: Vec<String>,
}
