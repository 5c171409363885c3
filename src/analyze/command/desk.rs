//! Where findings arrive: they are counted, kept as far as the limits go, and handed to every report.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use super::JobError;
use crate::analyze::expect::{self, Expectations, Outcome, Watch};
use crate::analyze::report::annotate::Comments;
use crate::analyze::report::{ConnectionRecord, KeepLimits, Report, Totals};
use crate::analyze::rules::expectation_failed;
use crate::analyze::tally::in_order;
use crate::analyze::{AnalysisSink, ConnectionAnalysis, Doubt, Finding, NotWritten, RuleCount, Severity, Step};
use crate::decode::command::Remarks;
use crate::decode::framing::{FramedConnection, LocatedFrame};
use crate::decode::reassembly::{ConnectionInfo, StreamNote};
use crate::wire::Side;

/// What all inputs of a run share.
pub(super) struct Shared<'w> {
    reports: Vec<Box<dyn Report + 'w>>,
    expectations: Option<Expectations>,
    keep: KeepLimits,
    tolerance: Duration,
    open: BTreeMap<u32, Open>,
    /// Connections that were kept so far.
    kept: u64,
    comments: Option<Comments>,
    error: Option<io::Error>,
    pub(super) totals: Totals,
}

/// A connection that goes on.
struct Open {
    findings: Vec<Finding>,
    findings_dropped: u64,
    doubts: Vec<Doubt>,
    doubts_dropped: u64,
    /// Of each rule: findings and doubts so far.
    of_rule: BTreeMap<&'static str, [u64; 2]>,
    keeping: Keeping,
    watch: Option<Watch>,
}

/// Whether a connection is among the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    Kept,
    Counted,
}

/// What is left when everything was read.
pub(super) struct Left {
    pub(super) totals: Totals,
    pub(super) comments: Comments,
}

impl<'w> Shared<'w> {
    pub(super) fn new(
        reports: Vec<Box<dyn Report + 'w>>,
        expectations: Option<Expectations>,
        keep: KeepLimits,
        tolerance: Duration,
    ) -> Self {
        let totals = Totals { expectations: expectations.is_some().then_some([0; 3]), ..Totals::default() };
        Self {
            reports,
            expectations,
            keep,
            tolerance,
            open: BTreeMap::new(),
            kept: 0,
            comments: None,
            error: None,
            totals,
        }
    }

    /// Keeps a comment for each packet with a finding.
    pub(super) fn comment_packets(&mut self, wanted: bool) {
        self.comments = wanted.then(Comments::default);
    }

    fn open(&mut self, connection: &FramedConnection<'_>) -> &mut Open {
        let Self { open, expectations, kept, keep, .. } = self;
        open.entry(connection.tcp.id).or_insert_with(|| {
            let client = connection.way(Side::Client);
            let ends = (connection.tcp.from(client), connection.tcp.to(client));
            let watch = expectations.as_mut().map(|all| Watch::new(all.of(connection.tcp.id, ends.0, ends.1)));
            let keeping = if *kept < keep.connections { Keeping::Kept } else { Keeping::Counted };
            *kept += u64::from(keeping == Keeping::Kept);
            Open {
                findings: Vec::new(),
                findings_dropped: 0,
                doubts: Vec::new(),
                doubts_dropped: 0,
                of_rule: BTreeMap::new(),
                keeping,
                watch,
            }
        })
    }

    /// Does something with every report; the first error ends the job.
    fn each(&mut self, mut act: impl FnMut(&mut dyn Report) -> io::Result<()>) -> ControlFlow<()> {
        for report in &mut self.reports {
            if let Err(error) = act(&mut **report) {
                self.error = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn finding(&mut self, connection: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        let limit = self.keep.findings;
        let flow = self.each(|report| report.finding(connection, &finding));
        // Whatever reports keep: comments have a bound of their own.
        if let Some(comments) = &mut self.comments {
            comments.add(finding.at, finding.severity, finding.rule.name, &finding.message);
        }
        let open = self.open(connection);
        let [findings, _] = open.of_rule.entry(finding.rule.name).or_default();
        *findings += 1;
        if open.keeping == Keeping::Kept && *findings <= limit {
            open.findings.push(finding);
        } else {
            open.findings_dropped += 1;
        }
        flow
    }

    fn closed(
        &mut self,
        connection: &FramedConnection<'_>,
        file: &str,
        mut analysis: ConnectionAnalysis,
    ) -> ControlFlow<()> {
        let tolerance = self.tolerance;
        let watch = self.open(connection).watch.take();
        let checked = watch.map(|watch| watch.verify(&analysis, tolerance));
        if let Some(checked) = &checked {
            let failed: Vec<_> = checked.iter().filter(|fact| fact.outcome == Outcome::Failed).collect();
            for fact in &failed {
                let finding = expect::finding(fact, &analysis);
                self.finding(connection, finding)?;
            }
            let sum = sum_of(checked);
            analysis.verdict.line = format!("{}; {sum}", analysis.verdict.line);
            if !failed.is_empty() {
                analysis.verdict.worst = Some(Severity::Error);
                let findings = failed.len() as u64;
                let (rule, severity) = (&expectation_failed::RULE, Severity::Error);
                analysis.counts.push(RuleCount { rule, severity, findings });
                in_order(&mut analysis.counts);
            }
        }
        let Some(mut open) = self.open.remove(&connection.tcp.id) else { return ControlFlow::Continue(()) };
        // Some are decided late; readers go by packets.
        open.findings.sort_by_key(|finding| finding.at);
        let record = ConnectionRecord {
            file: file.to_owned(),
            analysis,
            findings: open.findings,
            findings_dropped: open.findings_dropped,
            doubts: open.doubts,
            doubts_dropped: open.doubts_dropped,
            expectations: checked,
        };
        self.record(connection, &record, open.keeping)
    }

    fn record(
        &mut self,
        connection: &FramedConnection<'_>,
        record: &ConnectionRecord,
        keeping: Keeping,
    ) -> ControlFlow<()> {
        self.totals.add(record);
        self.totals.connections_dropped += u64::from(keeping == Keeping::Counted);
        self.each(|report| match keeping {
            Keeping::Kept => report.connection(connection, record),
            Keeping::Counted if report.wants_every_connection() => report.connection(connection, record),
            Keeping::Counted => Ok(()),
        })
    }

    /// Completes every report.
    pub(super) fn finish(mut self) -> Result<Left, JobError> {
        if let Some(expectations) = &self.expectations {
            self.totals.unmatched = expectations.unmatched(self.totals.connections);
        }
        for report in &mut self.reports {
            report.finish(&self.totals)?;
        }
        Ok(Left { totals: self.totals, comments: self.comments.unwrap_or_default() })
    }
}

/// Takes one input's findings.
pub(super) struct Desk<'s, 'w> {
    shared: &'s mut Shared<'w>,
    file: &'s str,
    remarks: Remarks,
    late: Late,
    wants_steps: bool,
}

/// What came for connections that were over, whose reports were written: the words on the first packets, and how many
/// more there were.
#[derive(Default)]
pub(super) struct Late {
    notes: Vec<String>,
    beyond: u64,
}

/// Late packets of an input that are told one by one.
const MAX_LATE: usize = 100;

impl Late {
    fn add(&mut self, note: String) {
        if self.notes.len() < MAX_LATE { self.notes.push(note) } else { self.beyond += 1 }
    }

    pub(super) fn into_notes(mut self) -> Vec<String> {
        if self.beyond > 0 {
            self.notes.push(format!("and {} more", self.beyond));
        }
        self.notes
    }
}

impl<'s, 'w> Desk<'s, 'w> {
    pub(super) fn new(shared: &'s mut Shared<'w>, file: &'s str, remarks: Remarks) -> Self {
        shared.reports.iter_mut().for_each(|report| report.file(file));
        let wants_steps = shared.expectations.is_some() || shared.reports.iter().any(|report| report.wants_steps());
        Self { shared, file, remarks, late: Late::default(), wants_steps }
    }

    /// The closing words on the input, and what came too late for a report.
    pub(super) fn finish(self) -> Result<(Remarks, Late), JobError> {
        match self.shared.error.take() {
            Some(error) => Err(error.into()),
            None => Ok((self.remarks, self.late)),
        }
    }
}

impl AnalysisSink for Desk<'_, '_> {
    fn wants_steps(&self) -> bool {
        self.wants_steps
    }

    fn wants_reference(&self) -> bool {
        !self.shared.reports.is_empty() || self.shared.expectations.is_some()
    }

    fn step(&mut self, connection: &FramedConnection<'_>, frame: &LocatedFrame<'_>, step: &Step) -> ControlFlow<()> {
        if self.shared.expectations.is_some()
            && let Some(watch) = &mut self.shared.open(connection).watch
        {
            watch.step(frame, step);
        }
        self.shared.each(|report| if report.wants_steps() { report.step(connection, frame, step) } else { Ok(()) })
    }

    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        self.shared.reports.iter_mut().for_each(|report| report.ack_not_written(connection, acks));
        if self.shared.expectations.is_some()
            && let Some(watch) = &mut self.shared.open(connection).watch
        {
            watch.ack_not_written(acks);
        }
    }

    fn finding(&mut self, connection: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        self.shared.finding(connection, finding)
    }

    fn doubt(&mut self, connection: &FramedConnection<'_>, doubt: Doubt) {
        let limit = self.shared.keep.findings;
        // An error is kept, and met again by the next call that can end the job.
        let _ = self.shared.each(|report| report.doubt(connection, &doubt));
        let open = self.shared.open(connection);
        if let Some(watch) = &mut open.watch {
            watch.doubt(&doubt);
        }
        let [_, doubts] = open.of_rule.entry(doubt.rule.name).or_default();
        *doubts += 1;
        if open.keeping == Keeping::Kept && *doubts <= limit {
            open.doubts.push(doubt);
        } else {
            open.doubts_dropped += 1;
        }
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        self.remarks.connection(connection);
        self.remarks.holes(analysis.ledger.hole_count, analysis.ledger.hole_bytes);
        let tcp: &ConnectionInfo = connection.tcp;
        for note in &analysis.ledger.notes {
            self.remarks.say(tcp, note);
        }
        self.shared.closed(connection, self.file, analysis)
    }

    fn late_note(&mut self, connection: &ConnectionInfo, note: StreamNote) {
        let note = format!("{note}: not analysed, the connection was over");
        self.remarks.say(connection, &note);
        self.late.add(format!("connection {}: {note}", connection.id));
    }
}

fn sum_of(checked: &[expect::Checked]) -> String {
    let of = |outcome| checked.iter().filter(|fact| fact.outcome == outcome).count();
    match (of(Outcome::Failed), of(Outcome::CannotTell), of(Outcome::Met)) {
        (0, 0, 0) => "no fact is declared of it".to_owned(),
        (0, 0, _) => "all declared facts met".to_owned(),
        (0, untold, _) => format!("no declared fact failed, {untold} cannot be told"),
        (failed, ..) => format!("declared facts: {failed} failed"),
    }
}
