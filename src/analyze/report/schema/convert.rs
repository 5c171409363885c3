//! What the analysis came to, as the types of the schema.

use super::*;
use crate::analyze::expect::Checked;
use crate::analyze::report::{ConnectionRecord, FileRecord, Totals};
use crate::analyze::words;
use crate::analyze::{
    self as inner, Basis, BehaviourFit, Bounds, Cause, Certainty, Completeness, ConnectionAnalysis, Doubt, Evidence,
    Finding, LedgerHole, PositionSet, RuleCount, Severity, Spread, Trigger,
};
use crate::decode::framing::{Capacity, CapacityBasis};
use crate::decode::print::escape::tame;
use crate::decode::reassembly::{Closing, HoleCause};
use crate::time::Timestamp;
use crate::wire::{Pos, Side};

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
        Closing::Fin => "fin",
        Closing::Reset => "reset",
        Closing::Replaced => "replaced",
        Closing::CaptureEnded => "capture-ended",
        Closing::Evicted => "evicted",
    }
}

const fn hole_cause(cause: HoleCause) -> &'static str {
    match cause {
        HoleCause::NotCaptured => "not-captured",
        HoleCause::AcknowledgedBeyond => "acknowledged-beyond",
        HoleCause::Truncated => "truncated",
        HoleCause::LimitReached => "limit-reached",
        HoleCause::CaptureEnded => "capture-ended",
    }
}

const fn basis(basis: CapacityBasis) -> &'static str {
    match basis {
        CapacityBasis::Declared => "declared",
        CapacityBasis::Handshake => "handshake",
        CapacityBasis::FullPayload => "full-payload",
        CapacityBasis::FrameShape => "frame-shape",
    }
}

const fn window_basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Declared => "declared",
        Basis::Inferred => "inferred",
    }
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn side(side: Side) -> &'static str {
    side.as_str()
}

fn texts(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| tame(text)).collect()
}

const fn by_side<T: Copy>([client, server]: [T; 2]) -> BySide<T> {
    BySide { client, server }
}

fn triggers(triggers: &[Trigger]) -> Vec<&'static str> {
    triggers.iter().map(|trigger| trigger.as_str()).collect()
}

fn spread(spread: Spread) -> Option<SpreadObject> {
    let Spread { count, min, mean, max } = spread;
    (count > 0).then_some(SpreadObject { count, min, mean, max })
}

fn parameter<T: Copy>(declared: Option<T>, inferred: Option<&inner::Inferred<T>>) -> Parameter<T> {
    let inferred = inferred.map(|inner::Inferred { bounds: Bounds { min, max }, packets, evidence }| Inferred {
        min: *min,
        max: *max,
        packets: packets.clone(),
        evidence: tame(evidence),
    });
    Parameter { declared, inferred }
}

fn counts(counts: &[RuleCount]) -> Vec<Count> {
    let count = |count: &RuleCount| Count {
        rule: count.rule.name,
        severity: count.severity.as_str(),
        findings: count.findings,
    };
    counts.iter().map(count).collect()
}

impl Connection {
    /// A connection with its findings and doubts, as far as kept.
    #[must_use]
    pub fn whole(record: &ConnectionRecord) -> Self {
        Self {
            findings: Some(record.findings.iter().map(FindingObject::from).collect()),
            doubts: Some(record.doubts.iter().map(DoubtObject::from).collect()),
            ..Self::sums(record)
        }
    }

    /// A connection without them.
    #[must_use]
    pub fn sums(record: &ConnectionRecord) -> Self {
        let analysis = &record.analysis;
        let parameters = &analysis.parameters;
        Self {
            connection: analysis.connection,
            file: record.file.clone(),
            client: analysis.client.to_string(),
            server: analysis.server.to_string(),
            max_msg_size: (&analysis.max_msg_size).into(),
            window: parameter(parameters.window.declared, parameters.window.inferred.as_ref()),
            timeout: parameter(parameters.timeout.declared, parameters.timeout.inferred.as_ref()),
            ledger: (&analysis.ledger).into(),
            metrics: (&analysis.metrics).into(),
            verdict: Verdict {
                worst: analysis.verdict.worst.map(Severity::as_str),
                complete: analysis.verdict.complete,
                line: tame(&analysis.verdict.line),
            },
            counts: counts(&analysis.counts),
            findings: None,
            findings_dropped: record.findings_dropped,
            doubts: None,
            doubts_dropped: record.doubts_dropped,
            expectations: record.expectations.as_ref().map(|all| all.iter().map(Expectation::from).collect()),
            reference: analysis.into(),
        }
    }
}

impl From<&Capacity> for MaxMsgSize {
    fn from(capacity: &Capacity) -> Self {
        Self { min: capacity.min().get(), max: capacity.max().get(), basis: basis(capacity.basis()) }
    }
}

impl From<&inner::Ledger> for Ledger {
    fn from(ledger: &inner::Ledger) -> Self {
        let hole = |hole: &LedgerHole| HoleObject {
            from: side(hole.from),
            offset: hole.offset,
            len: hole.len,
            cause: hole_cause(hole.cause),
            packet: hole.packet,
        };
        Self {
            completeness: completeness(ledger.completeness),
            first_packet: ledger.first_packet,
            first_time: time(ledger.first_time),
            last_packet: ledger.last_packet,
            last_time: time(ledger.last_time),
            from_start: by_side(ledger.from_start),
            packets: by_side(ledger.packets),
            closing: closing(ledger.closing),
            hole_count: ledger.hole_count,
            hole_bytes: ledger.hole_bytes,
            holes: ledger.holes.iter().map(hole).collect(),
            truncated_packets: ledger.truncated_packets,
            partial_frames: ledger.partial_frames,
            notes: texts(&ledger.notes),
        }
    }
}

impl From<inner::Sums> for SumsObject {
    fn from(sums: inner::Sums) -> Self {
        Self {
            frames: sums.frames,
            messages: sums.messages,
            unique: sums.unique,
            resent: sums.resent,
            acks: sums.acks,
            acks_lost: sums.acks_lost,
            gaps: sums.gaps,
            message_bytes: sums.message_bytes,
            stream_bytes: by_side(sums.stream_bytes),
        }
    }
}

impl From<&inner::Metrics> for Metrics {
    fn from(metrics: &inner::Metrics) -> Self {
        let causes = &metrics.resend_causes;
        Self {
            sums: metrics.sums.into(),
            duration: metrics.duration,
            goodput: metrics.goodput,
            throughput: metrics.throughput,
            rtt: spread(metrics.rtt),
            rtt_ambiguous: spread(metrics.rtt_ambiguous),
            srtt: metrics.srtt,
            max_in_flight: metrics.max_in_flight.map(|(most, _)| most),
            max_in_flight_packet: metrics.max_in_flight.map(|(_, packet)| packet),
            mean_in_flight: metrics.mean_in_flight,
            window_basis: metrics.window_basis.map(window_basis),
            window_full: metrics.window_full,
            window_utilisation: metrics.window_utilisation,
            gap_open: spread(metrics.gap_open),
            resend_causes: ResendCauses {
                never_written: causes.never_written,
                ack_missing: causes.ack_missing,
                unexplained: causes.unexplained,
                cannot_tell: causes.cannot_tell,
                timer: causes.timer,
                full_window: causes.full_window,
                end_of_message: causes.end_of_message,
            },
        }
    }
}

impl From<&ConnectionAnalysis> for Reference {
    fn from(analysis: &ConnectionAnalysis) -> Self {
        let divergence = analysis.reference.divergence.as_ref().map(|divergence| Divergence {
            packet: divergence.packet,
            time: time(divergence.time),
            side: side(divergence.side),
            pos: divergence.pos.map(|Pos(pos)| pos),
            words: tame(&divergence.words),
        });
        let fit = |fit: &BehaviourFit| Fit {
            behaviour: words::behaviour_key(fit.behaviour),
            explained: fit.explained,
            contradicted: fit.contradicted,
            evidence_for: texts(&fit.evidence_for),
            evidence_against: texts(&fit.evidence_against),
        };
        Self { divergence, fits: analysis.reference.fits.iter().map(fit).collect() }
    }
}

impl From<&PositionSet> for PositionsObject {
    fn from(set: &PositionSet) -> Self {
        let positions = set.iter().take(LISTED_POSITIONS).map(|Pos(pos)| pos).collect();
        if set.count() <= LISTED_POSITIONS as u64 {
            return Self { positions, ranges: None, count: None };
        }
        let ranges = set.runs().iter().take(LISTED_POSITIONS).map(|run| [run.first().0, run.last().0]).collect();
        Self { positions, ranges: Some(ranges), count: Some(set.count()) }
    }
}

impl From<&Certainty> for CertaintyObject {
    fn from(certainty: &Certainty) -> Self {
        match certainty {
            Certainty::Proven => Self::Proven,
            Certainty::Class(class) => Self::Class { class },
            Certainty::WithinTolerance(tolerance) => Self::WithinTolerance { tolerance: tolerance.as_secs_f64() },
        }
    }
}

impl From<&Evidence> for EvidenceObject {
    fn from(evidence: &Evidence) -> Self {
        let ack = |(Pos(number), packet)| AckObject { number, packet };
        Self {
            earlier_packet: evidence.earlier_packet,
            packet: evidence.packet,
            copy: evidence.copy,
            timer: evidence.timer.map(|timer| TimerObject {
                age_min: timer.age_min,
                age_max: timer.age_max,
                timeout: timer.timeout,
            }),
            window: evidence.window.map(|window| WindowObject {
                edge: window.edge.0,
                next: window.next.0,
                last_acked: window.last_acked.0,
                size: window.size,
                basis: window_basis(window.basis),
            }),
            acked_before: evidence.acked_before.map(ack),
            acked_after: evidence.acked_after.map(ack),
        }
    }
}

impl From<&Cause> for CauseObject {
    fn from(cause: &Cause) -> Self {
        Self {
            why: cause.why.as_str(),
            triggers: triggers(&cause.triggers),
            undecided: triggers(&cause.undecided),
            evidence: (&cause.evidence).into(),
        }
    }
}

impl From<&Finding> for FindingObject {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.name,
            severity: finding.severity.as_str(),
            group: finding.rule.group.as_str(),
            certainty: (&finding.certainty).into(),
            connection: finding.connection,
            side: finding.side.map(side),
            at: finding.at,
            time: time(finding.time),
            positions: (&finding.positions).into(),
            packets: finding.packets.clone(),
            cause: finding.cause.as_ref().map(CauseObject::from),
            expected: tame(&finding.expected),
            seen: tame(&finding.seen),
            message: tame(&finding.message),
        }
    }
}

impl From<&Doubt> for DoubtObject {
    fn from(doubt: &Doubt) -> Self {
        Self {
            rule: doubt.rule.name,
            connection: doubt.connection,
            positions: (&doubt.positions).into(),
            packets: doubt.packets.clone(),
            because: tame(&doubt.because),
        }
    }
}

impl From<&Checked> for Expectation {
    fn from(checked: &Checked) -> Self {
        Self {
            key: checked.key,
            outcome: checked.outcome.as_str(),
            declared: tame(&checked.declared),
            seen: tame(&checked.seen),
        }
    }
}

impl From<&FileRecord> for FileObject {
    fn from(file: &FileRecord) -> Self {
        Self {
            file: file.name.clone(),
            packets: file.packets,
            tcp_connections: file.tcp_connections,
            connections: file.connections,
            frames: file.frames,
            notes: file.notes.clone(),
            error: file.error.as_deref().map(tame),
        }
    }
}

impl From<&Totals> for TotalsObject {
    fn from(totals: &Totals) -> Self {
        let [complete, incomplete, cannot_tell] = totals.complete;
        Self {
            connections: totals.connections,
            connections_dropped: totals.connections_dropped,
            complete,
            incomplete,
            cannot_tell,
            worst: totals.counts.worst().map(Severity::as_str),
            findings: BySeverity {
                error: totals.counts.of(Severity::Error),
                warn: totals.counts.of(Severity::Warn),
                note: totals.counts.of(Severity::Note),
                chat: totals.counts.of(Severity::Chat),
            },
            findings_dropped: totals.findings_dropped,
            counts: totals
                .counts
                .iter()
                .map(|(rule, severity, findings)| Count { rule, severity: severity.as_str(), findings })
                .collect(),
            doubts: totals.doubts,
            metrics: totals.sums.into(),
            expectations: totals.expectations.map(|[met, failed, cannot_tell]| ExpectationSums {
                met,
                failed,
                cannot_tell,
                unmatched: texts(&totals.unmatched),
            }),
        }
    }
}
