//! The data of the page: types of its own, so that what the page reads changes only where it is meant to.

use serde::Serialize;

use super::super::super::{
    Behaviour, Bounds, Cause, Certainty, Completeness, ConnectionAnalysis, Doubt, Finding, Inferred, Metrics,
    PositionSet, Rule, Spread,
};
use super::HtmlLimits;
use super::frames::{Frames, Letters};
use crate::decode::framing::Capacity;
use crate::decode::reassembly::{Closing, HoleCause};
use crate::time::Timestamp;
use crate::wire::Side;

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Island<'a> {
    schema: &'static str,
    producer: &'static str,
    limits: LimitsIsland,
    letters: Letters,
    files: &'a [FileIsland],
    connections: &'a [ConnectionIsland],
    dropped_connections: u64,
    /// The pages of the rules that were met.
    rules: Vec<RuleIsland>,
}

#[derive(Debug, Serialize)]
struct LimitsIsland {
    frames: usize,
    frame_bytes: usize,
    findings: usize,
    connections: usize,
}

#[derive(Debug, Serialize)]
struct RuleIsland {
    name: &'static str,
    severity: &'static str,
    group: &'static str,
    summary: &'static str,
    page: &'static str,
}

/// One input.
#[derive(Debug, Serialize)]
pub(super) struct FileIsland {
    pub(super) name: String,
    pub(super) remarks: Vec<String>,
}

/// One connection.
#[derive(Debug, Serialize)]
pub(super) struct ConnectionIsland {
    /// Index of its file.
    file: usize,
    connection: u32,
    client: String,
    server: String,
    max_msg_size: CapacityIsland,
    /// What times count from: epoch seconds with nine digits.
    start: Option<String>,
    verdict: VerdictIsland,
    ledger: LedgerIsland,
    window: ParameterIsland<u32>,
    timeout: ParameterIsland<f64>,
    metrics: MetricsIsland,
    reference: ReferenceIsland,
    counts: Vec<CountIsland>,
    doubt_count: u64,
    findings: Vec<FindingIsland>,
    doubts: Vec<DoubtIsland>,
    frames: Frames,
    #[serde(skip)]
    rules: Vec<&'static Rule>,
}

#[derive(Debug, Serialize)]
struct CapacityIsland {
    min: u16,
    max: u16,
    words: String,
}

#[derive(Debug, Serialize)]
struct VerdictIsland {
    worst: Option<&'static str>,
    complete: Option<bool>,
    line: String,
}

#[derive(Debug, Serialize)]
struct LedgerIsland {
    completeness: &'static str,
    first_packet: u64,
    last_packet: u64,
    /// Seconds from the first packet to the last.
    duration: Option<f64>,
    from_start: [bool; 2],
    packets: [u64; 2],
    closing: &'static str,
    holes: Vec<HoleIsland>,
    hole_count: u64,
    hole_bytes: u64,
    truncated_packets: u64,
    partial_frames: u64,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct HoleIsland {
    from: &'static str,
    offset: u64,
    len: u64,
    cause: &'static str,
    packet: u64,
}

#[derive(Debug, Serialize)]
struct ParameterIsland<T> {
    declared: Option<T>,
    inferred: Option<InferredIsland<T>>,
}

#[derive(Debug, Serialize)]
struct InferredIsland<T> {
    min: Option<T>,
    max: Option<T>,
    packets: Vec<u64>,
    evidence: String,
}

/// Times in seconds, rates in bytes a second.
#[derive(Debug, Serialize)]
struct MetricsIsland {
    frames: u64,
    messages: u64,
    unique: u64,
    resent: u64,
    acks: u64,
    acks_lost: u64,
    gaps: u64,
    message_bytes: u64,
    stream_bytes: [u64; 2],
    duration: Option<f64>,
    goodput: Option<f64>,
    throughput: Option<f64>,
    rtt: SpreadIsland,
    rtt_ambiguous: SpreadIsland,
    srtt: Option<f64>,
    max_in_flight: Option<(u32, u64)>,
    mean_in_flight: Option<f64>,
    window_full: Option<f64>,
    window_utilisation: Option<f64>,
    gap_open: SpreadIsland,
    resend_causes: [(&'static str, u64); 6],
}

#[derive(Debug, Serialize)]
struct SpreadIsland {
    count: u64,
    min: f64,
    mean: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct ReferenceIsland {
    divergence: Option<DivergenceIsland>,
    fits: Vec<FitIsland>,
}

#[derive(Debug, Serialize)]
struct DivergenceIsland {
    packet: u64,
    side: &'static str,
    words: String,
}

#[derive(Debug, Serialize)]
struct FitIsland {
    behaviour: &'static str,
    explained: u64,
    contradicted: u64,
    evidence_for: Vec<String>,
    evidence_against: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CountIsland {
    rule: &'static str,
    severity: &'static str,
    findings: u64,
}

#[derive(Debug, Serialize)]
struct FindingIsland {
    rule: &'static str,
    severity: &'static str,
    certainty: String,
    side: Option<&'static str>,
    positions: PositionsIsland,
    packets: Vec<u64>,
    at: u64,
    /// Nanoseconds since the connection's first packet.
    time: Option<i64>,
    cause: Option<CauseIsland>,
    expected: String,
    seen: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct DoubtIsland {
    rule: &'static str,
    positions: PositionsIsland,
    packets: Vec<u64>,
    because: String,
}

/// The first runs, and how many positions there are in all.
#[derive(Debug, Serialize)]
struct PositionsIsland {
    runs: Vec<[i32; 2]>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct CauseIsland {
    why: &'static str,
    triggers: Vec<&'static str>,
    copy: u32,
    earlier_packet: Option<u64>,
    /// Age at least, age at most, timeout; seconds.
    timer: Option<(f64, f64, Option<f64>)>,
    window: Option<WindowIsland>,
    /// Number and packet.
    acked_before: Option<(i32, u64)>,
    acked_after: Option<(i32, u64)>,
}

#[derive(Debug, Serialize)]
struct WindowIsland {
    edge: i32,
    next: i32,
    last_acked: i32,
    size: u32,
}

/// Runs of positions and packets kept of one finding.
const MAX_RUNS: usize = 1_000;

impl<'a> Island<'a> {
    pub(super) fn new(
        limits: HtmlLimits,
        files: &'a [FileIsland],
        connections: &'a [ConnectionIsland],
        dropped_connections: u64,
    ) -> Self {
        let mut rules: Vec<&Rule> = connections.iter().flat_map(|c| c.rules.iter().copied()).collect();
        rules.sort_by_key(|rule| rule.name);
        rules.dedup_by_key(|rule| rule.name);
        let HtmlLimits { frames, frame_bytes, findings, connections: max_connections } = limits;
        Self {
            schema: "arqscope-html/1",
            producer: concat!("arqscope ", env!("CARGO_PKG_VERSION")),
            limits: LimitsIsland { frames, frame_bytes, findings, connections: max_connections },
            letters: Letters::all(),
            files,
            connections,
            dropped_connections,
            rules: rules.into_iter().map(RuleIsland::new).collect(),
        }
    }
}

impl RuleIsland {
    const fn new(rule: &Rule) -> Self {
        let &Rule { name, severity, group, summary, page } = rule;
        Self { name, severity: severity.as_str(), group: group.as_str(), summary, page }
    }
}

impl ConnectionIsland {
    pub(super) fn new(
        file: usize,
        start: Option<Timestamp>,
        analysis: &ConnectionAnalysis,
        findings: &[Finding],
        doubts: &[Doubt],
        frames: Frames,
    ) -> Self {
        let counts = analysis.counts.iter().map(|c| c.rule);
        let mut rules: Vec<_> = counts.chain(doubts.iter().map(|d| d.rule)).collect();
        rules.sort_by_key(|rule| rule.name);
        rules.dedup_by_key(|rule| rule.name);
        Self {
            file,
            connection: analysis.connection,
            client: analysis.client.to_string(),
            server: analysis.server.to_string(),
            max_msg_size: CapacityIsland::new(&analysis.max_msg_size),
            start: start.map(|start| start.to_string()),
            verdict: VerdictIsland {
                worst: analysis.verdict.worst.map(|worst| worst.as_str()),
                complete: analysis.verdict.complete,
                line: analysis.verdict.line.clone(),
            },
            ledger: LedgerIsland::new(analysis),
            window: ParameterIsland::new(
                analysis.parameters.window.declared,
                analysis.parameters.window.inferred.as_ref(),
            ),
            timeout: ParameterIsland::new(
                analysis.parameters.timeout.declared,
                analysis.parameters.timeout.inferred.as_ref(),
            ),
            metrics: MetricsIsland::new(&analysis.metrics),
            reference: ReferenceIsland::new(analysis),
            counts: analysis
                .counts
                .iter()
                .map(|c| CountIsland { rule: c.rule.name, severity: c.severity.as_str(), findings: c.findings })
                .collect(),
            doubt_count: analysis.doubts,
            findings: findings.iter().map(|finding| FindingIsland::new(start, finding)).collect(),
            doubts: doubts.iter().map(DoubtIsland::new).collect(),
            frames,
            rules,
        }
    }
}

impl CapacityIsland {
    fn new(capacity: &Capacity) -> Self {
        Self { min: capacity.min().get(), max: capacity.max().get(), words: capacity.to_string() }
    }
}

impl LedgerIsland {
    fn new(analysis: &ConnectionAnalysis) -> Self {
        let ledger = &analysis.ledger;
        Self {
            completeness: completeness(ledger.completeness),
            first_packet: ledger.first_packet,
            last_packet: ledger.last_packet,
            duration: ledger.last_time.zip(ledger.first_time).map(|(last, first)| last.since(first) as f64 / 1e9),
            from_start: ledger.from_start,
            packets: ledger.packets,
            closing: closing(ledger.closing),
            holes: ledger
                .holes
                .iter()
                .map(|hole| HoleIsland {
                    from: hole.from.as_str(),
                    offset: hole.offset,
                    len: hole.len,
                    cause: hole_cause(hole.cause),
                    packet: hole.packet,
                })
                .collect(),
            hole_count: ledger.hole_count,
            hole_bytes: ledger.hole_bytes,
            truncated_packets: ledger.truncated_packets,
            partial_frames: ledger.partial_frames,
            notes: ledger.notes.clone(),
        }
    }
}

impl<T: Copy> ParameterIsland<T> {
    fn new(declared: Option<T>, inferred: Option<&Inferred<T>>) -> Self {
        let inferred = inferred.map(|Inferred { bounds: Bounds { min, max }, packets, evidence }| InferredIsland {
            min: *min,
            max: *max,
            packets: packets.clone(),
            evidence: evidence.clone(),
        });
        Self { declared, inferred }
    }
}

impl MetricsIsland {
    const fn new(m: &Metrics) -> Self {
        let causes = &m.resend_causes;
        Self {
            frames: m.frames,
            messages: m.messages,
            unique: m.unique,
            resent: m.resent,
            acks: m.acks,
            acks_lost: m.acks_lost,
            gaps: m.gaps,
            message_bytes: m.message_bytes,
            stream_bytes: m.stream_bytes,
            duration: m.duration,
            goodput: m.goodput,
            throughput: m.throughput,
            rtt: SpreadIsland::new(m.rtt),
            rtt_ambiguous: SpreadIsland::new(m.rtt_ambiguous),
            srtt: m.srtt,
            max_in_flight: m.max_in_flight,
            mean_in_flight: m.mean_in_flight,
            window_full: m.window_full,
            window_utilisation: m.window_utilisation,
            gap_open: SpreadIsland::new(m.gap_open),
            resend_causes: [
                ("never written before", causes.never_written),
                ("ACK missing", causes.ack_missing),
                ("unexplained", causes.unexplained),
                ("timer had ended", causes.timer),
                ("window was full", causes.full_window),
                ("end of message", causes.end_of_message),
            ],
        }
    }
}

impl SpreadIsland {
    const fn new(Spread { count, min, mean, max }: Spread) -> Self {
        Self { count, min, mean, max }
    }
}

impl ReferenceIsland {
    fn new(analysis: &ConnectionAnalysis) -> Self {
        let reference = &analysis.reference;
        Self {
            divergence: reference.divergence.as_ref().map(|divergence| DivergenceIsland {
                packet: divergence.packet,
                side: divergence.side.as_str(),
                words: divergence.words.clone(),
            }),
            fits: reference
                .fits
                .iter()
                .map(|fit| FitIsland {
                    behaviour: behaviour(fit.behaviour),
                    explained: fit.explained,
                    contradicted: fit.contradicted,
                    evidence_for: fit.evidence_for.clone(),
                    evidence_against: fit.evidence_against.clone(),
                })
                .collect(),
        }
    }
}

impl FindingIsland {
    fn new(start: Option<Timestamp>, finding: &Finding) -> Self {
        Self {
            rule: finding.rule.name,
            severity: finding.severity.as_str(),
            certainty: match &finding.certainty {
                Certainty::Proven => "proven by the captured bytes".to_owned(),
                Certainty::Class(class) => format!("one of what looks the same: {class}"),
                Certainty::WithinTolerance(tolerance) => {
                    format!("by times, beyond a tolerance of {} s", tolerance.as_secs_f64())
                }
            },
            side: finding.side.map(Side::as_str),
            positions: PositionsIsland::new(&finding.positions),
            packets: finding.packets.iter().copied().take(MAX_RUNS).collect(),
            at: finding.at,
            time: finding.time.zip(start).map(|(time, start)| time.since(start)),
            cause: finding.cause.as_ref().map(CauseIsland::new),
            expected: finding.expected.clone(),
            seen: finding.seen.clone(),
            message: finding.message.clone(),
        }
    }
}

impl DoubtIsland {
    fn new(doubt: &Doubt) -> Self {
        Self {
            rule: doubt.rule.name,
            positions: PositionsIsland::new(&doubt.positions),
            packets: doubt.packets.iter().copied().take(MAX_RUNS).collect(),
            because: doubt.because.clone(),
        }
    }
}

impl PositionsIsland {
    fn new(positions: &PositionSet) -> Self {
        let runs = positions.runs().iter().take(MAX_RUNS).map(|run| [run.first().0, run.last().0]).collect();
        Self { runs, count: positions.count() }
    }
}

impl CauseIsland {
    fn new(cause: &Cause) -> Self {
        let evidence = &cause.evidence;
        Self {
            why: cause.why.as_str(),
            triggers: cause.triggers.iter().map(|trigger| trigger.as_str()).collect(),
            copy: evidence.copy,
            earlier_packet: evidence.earlier_packet,
            timer: evidence.timer.map(|timer| (timer.age_min, timer.age_max, timer.timeout)),
            window: evidence.window.map(|window| WindowIsland {
                edge: window.edge.0,
                next: window.next.0,
                last_acked: window.last_acked.0,
                size: window.size,
            }),
            acked_before: evidence.acked_before.map(|(pos, packet)| (pos.0, packet)),
            acked_after: evidence.acked_after.map(|(pos, packet)| (pos.0, packet)),
        }
    }
}

const fn completeness(completeness: Completeness) -> &'static str {
    match completeness {
        Completeness::OneSided => "one-sided",
        Completeness::MidStream => "mid-stream",
        Completeness::Truncated => "truncated",
        Completeness::Holes => "holes",
        Completeness::Unfinished => "unfinished",
        Completeness::Complete => "complete",
    }
}

const fn closing(closing: Closing) -> &'static str {
    match closing {
        Closing::Fin => "both sides sent FIN",
        Closing::Reset => "a side sent RST",
        Closing::Replaced => "a new connection on the same ports began",
        Closing::CaptureEnded => "the capture ended before it did",
        Closing::Evicted => "too many connections at once: this one was let go",
    }
}

const fn hole_cause(cause: HoleCause) -> &'static str {
    match cause {
        HoleCause::NotCaptured => "acknowledged by the other side, never captured",
        HoleCause::AcknowledgedBeyond => "acknowledged by the other side after the last captured byte",
        HoleCause::Truncated => "cut off their packet",
        HoleCause::LimitReached => "too much was waiting behind them",
        HoleCause::CaptureEnded => "still missing when the capture or the connection ended",
    }
}

const fn behaviour(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::ThisProtocol => "this protocol",
        Behaviour::TimerOnly => "timer only",
        Behaviour::GoBackN => "Go-Back-N",
        Behaviour::SelectiveRepeat => "selective repeat",
        Behaviour::StopAndWait => "stop and wait",
    }
}
