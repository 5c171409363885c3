//! The types of JSON reports, apart from the analysis's own so that neither binds the other. `docs/analyze-json.md`
//! tells each field.
//!
//! Capture times are decimal Unix seconds with nine digits, as text; durations are numbers in seconds. What is not known
//! is null. Text of the capture is escaped as in `decode`'s output.

mod convert;
mod told;

use serde::Serialize;

use super::SCHEMA;

/// Positions, and runs of positions, that are listed one by one.
pub const LISTED_POSITIONS: usize = 1_000;

/// A connection.
#[derive(Debug, Serialize)]
pub struct Connection {
    connection: u32,
    file: String,
    client: String,
    server: String,
    max_msg_size: MaxMsgSize,
    window: Parameter<u32>,
    timeout: Parameter<f64>,
    ledger: Ledger,
    metrics: Metrics,
    verdict: Verdict,
    counts: Vec<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingObject>>,
    findings_dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubts: Option<Vec<DoubtObject>>,
    doubts_dropped: u64,
    expectations: Option<Vec<Expectation>>,
    reference: Reference,
}

#[derive(Debug, Serialize)]
struct MaxMsgSize {
    min: u16,
    max: u16,
    basis: &'static str,
}

#[derive(Debug, Serialize)]
struct Parameter<T> {
    declared: Option<T>,
    inferred: Option<Inferred<T>>,
}

#[derive(Debug, Serialize)]
struct Inferred<T> {
    min: Option<T>,
    max: Option<T>,
    packets: Vec<u64>,
    evidence: String,
}

#[derive(Debug, Serialize)]
struct Ledger {
    completeness: &'static str,
    first_packet: u64,
    first_time: Option<String>,
    last_packet: u64,
    last_time: Option<String>,
    from_start: BySide<bool>,
    packets: BySide<u64>,
    closing: &'static str,
    hole_count: u64,
    hole_bytes: u64,
    holes: Vec<HoleObject>,
    truncated_packets: u64,
    partial_frames: u64,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct BySide<T> {
    client: T,
    server: T,
}

#[derive(Debug, Serialize)]
struct HoleObject {
    from: &'static str,
    offset: u64,
    len: u64,
    cause: &'static str,
    packet: u64,
}

#[derive(Debug, Serialize)]
struct Metrics {
    #[serde(flatten)]
    sums: SumsObject,
    duration: Option<f64>,
    goodput: Option<f64>,
    throughput: Option<f64>,
    rtt: Option<SpreadObject>,
    rtt_ambiguous: Option<SpreadObject>,
    srtt: Option<f64>,
    max_in_flight: Option<u32>,
    max_in_flight_packet: Option<u64>,
    mean_in_flight: Option<f64>,
    window_basis: Option<&'static str>,
    window_full: Option<f64>,
    window_utilisation: Option<f64>,
    gap_open: Option<SpreadObject>,
    resend_causes: ResendCauses,
}

#[derive(Debug, Serialize)]
struct SpreadObject {
    count: u64,
    min: f64,
    mean: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct ResendCauses {
    never_written: u64,
    ack_missing: u64,
    unexplained: u64,
    cannot_tell: u64,
    timer: u64,
    full_window: u64,
    end_of_message: u64,
}

#[derive(Debug, Serialize)]
struct Verdict {
    worst: Option<&'static str>,
    complete: Option<bool>,
    line: String,
}

#[derive(Debug, Serialize)]
struct Count {
    rule: &'static str,
    severity: &'static str,
    findings: u64,
}

/// A finding.
#[derive(Debug, Serialize)]
pub struct FindingObject {
    rule: &'static str,
    severity: &'static str,
    group: &'static str,
    certainty: CertaintyObject,
    connection: u32,
    side: Option<&'static str>,
    at: u64,
    time: Option<String>,
    #[serde(flatten)]
    positions: PositionsObject,
    packets: Vec<u64>,
    cause: Option<CauseObject>,
    expected: String,
    seen: String,
    message: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum CertaintyObject {
    Proven,
    Class { class: &'static str },
    WithinTolerance { tolerance: f64 },
}

#[derive(Debug, Serialize)]
struct PositionsObject {
    positions: Vec<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<Vec<[i32; 2]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CauseObject {
    why: &'static str,
    triggers: Vec<&'static str>,
    undecided: Vec<&'static str>,
    evidence: EvidenceObject,
}

#[derive(Debug, Serialize)]
struct EvidenceObject {
    earlier_packet: Option<u64>,
    packet: u64,
    copy: u32,
    timer: Option<TimerObject>,
    window: Option<WindowObject>,
    acked_before: Option<AckObject>,
    acked_after: Option<AckObject>,
}

#[derive(Debug, Serialize)]
struct TimerObject {
    age_min: f64,
    age_max: f64,
    timeout: Option<f64>,
}

#[derive(Debug, Serialize)]
struct WindowObject {
    edge: i32,
    next: i32,
    last_acked: i32,
    size: u32,
    basis: &'static str,
}

#[derive(Debug, Serialize)]
struct AckObject {
    number: i32,
    packet: u64,
}

/// A statement that could not be made.
#[derive(Debug, Serialize)]
pub struct DoubtObject {
    rule: &'static str,
    connection: u32,
    #[serde(flatten)]
    positions: PositionsObject,
    packets: Vec<u64>,
    because: String,
}

#[derive(Debug, Serialize)]
struct Expectation {
    key: &'static str,
    outcome: &'static str,
    declared: String,
    seen: String,
}

#[derive(Debug, Serialize)]
struct Reference {
    divergence: Option<Divergence>,
    fits: Vec<Fit>,
}

#[derive(Debug, Serialize)]
struct Divergence {
    packet: u64,
    time: Option<String>,
    side: &'static str,
    pos: Option<i32>,
    words: String,
}

#[derive(Debug, Serialize)]
struct Fit {
    behaviour: &'static str,
    explained: u64,
    contradicted: u64,
    evidence_for: Vec<String>,
    evidence_against: Vec<String>,
}

/// An input.
#[derive(Debug, Serialize)]
pub struct FileObject {
    file: String,
    packets: Option<u64>,
    tcp_connections: u64,
    connections: u64,
    frames: u64,
    notes: Vec<String>,
    error: Option<String>,
}

/// The sums of a run.
#[derive(Debug, Serialize)]
pub struct TotalsObject {
    connections: u64,
    connections_dropped: u64,
    complete: u64,
    incomplete: u64,
    cannot_tell: u64,
    worst: Option<&'static str>,
    findings: BySeverity,
    findings_dropped: u64,
    counts: Vec<Count>,
    doubts: u64,
    metrics: SumsObject,
    expectations: Option<ExpectationSums>,
}

#[derive(Debug, Serialize)]
struct BySeverity {
    error: u64,
    warn: u64,
    note: u64,
    chat: u64,
}

#[derive(Debug, Serialize)]
struct SumsObject {
    frames: u64,
    messages: u64,
    unique: u64,
    resent: u64,
    acks: u64,
    acks_lost: u64,
    gaps: u64,
    message_bytes: u64,
    stream_bytes: BySide<u64>,
}

#[derive(Debug, Serialize)]
struct ExpectationSums {
    met: u64,
    failed: u64,
    cannot_tell: u64,
    unmatched: Vec<String>,
}

/// A line of an ndjson report: `type` says which.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Line {
    /// The first line.
    Schema {
        /// [`SCHEMA`].
        schema: &'static str,
    },
    /// As it is decided.
    Finding(Box<FindingObject>),
    /// As it is decided.
    Doubt(DoubtObject),
    /// When it is over; without findings and doubts, which came before.
    Connection(Box<Connection>),
    /// When all is read.
    File(FileObject),
    /// The last line.
    Totals(Box<TotalsObject>),
}

impl Line {
    /// The first line of a report.
    #[must_use]
    pub const fn first() -> Self {
        Self::Schema { schema: SCHEMA }
    }
}
