//! What the `analyze` command does with its files.
//!
//! ```text
//! inputs ─► reading ─► framing ─► Analysis ─► Desk ─┬─► reports (text, ladder, json, ndjson, junit …)
//!                                               │     └─► comments ─► annotated capture (second pass)
//!                                     declared facts
//! ```

mod declared;
mod desk;
mod explain;
mod outputs;

pub use declared::{Declared, tolerance};
pub use explain::{ExplainError, explain};
pub use outputs::{Form, FormError, OutputsError, ReportSpec};

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::expect::ExpectError;
use super::notebook::Notebook;
use super::report::html::HtmlLimits;
use super::report::text::Layout;
use super::report::{FileRecord, KeepLimits, Totals};
use super::{Analysis, AnalysisOptions, AnalysisSink as _, Severity};
use crate::decode::Limits;
use crate::decode::capture::{Capture, Input};
use crate::decode::command::{Exit, Named, Opener, Remarks, write_reached};
use crate::decode::framing::{Framing, FramingOptions};
use crate::decode::halved::read_halved;
use crate::decode::reading::read;
use crate::outputs::Source;
use crate::params::ParamsError;
use desk::{Desk, Shared};

const OPENER: Opener = Opener { command: "analyze" };

/// What is asked of the analysis.
#[derive(Debug)]
pub struct Job {
    /// Declared parameters and tolerances; what is not declared here may be in `declared`.
    pub options: AnalysisOptions,
    /// Which connections are framed, and how.
    pub framing: FramingOptions,
    /// The reports.
    pub reports: Vec<ReportSpec>,
    /// The exchange as a drawing, on standard output.
    pub ladder: bool,
    /// What files declare.
    pub declared: Declared,
    /// Where an annotated copy of the capture goes.
    pub annotate: Option<PathBuf>,
    /// What reports keep.
    pub keep: KeepLimits,
    /// What the HTML report keeps of frames.
    pub html: HtmlLimits,
    /// What the inputs may cost.
    pub limits: Limits,
    /// The lowest severity that fails the run; `None` for never.
    pub fail_on: Option<Severity>,
    /// How text on standard output is laid out.
    pub layout: Layout,
    /// Nothing on standard output.
    pub quiet: bool,
}

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// How the inputs could be read.
    pub read: Exit,
    /// Whether something at or above [`Job::fail_on`] was found.
    pub found: Found,
}

/// Whether a run found what it fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// At least one finding.
    Findings,
}

impl Finished {
    /// 1 for findings; else 0, 2 or 3 as the inputs were read.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self.found {
            Found::Findings => 1,
            Found::Nothing => self.read.code(),
        }
    }
}

impl From<Finished> for ExitCode {
    fn from(finished: Finished) -> Self {
        Self::from(finished.code())
    }
}

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Data or words could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// A report, or the annotated capture, cannot be had as asked for.
    #[error(transparent)]
    Outputs(#[from] OutputsError),
    /// The file of declared facts cannot be used.
    #[error(transparent)]
    Expect(#[from] ExpectError),
    /// The parameter file cannot be used.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// A rule's page cannot be shown.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// The annotated capture could not be written.
    #[error(transparent)]
    Annotate(#[from] super::report::annotate::AnnotateError),
}

impl JobError {
    /// True when whoever reads the output has gone away, which is no failure.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        let error = match self {
            Self::Output(error) | Self::Explain(ExplainError::Output(error)) => error,
            _ => return false,
        };
        error.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Analyses every input: reports to `out` or to their files, words about it to `log`.
///
/// # Errors
/// When an output cannot be written, or would overwrite an input.
pub fn analyze(inputs: &[Input], job: Job, out: &mut dyn Write, log: &mut dyn Write) -> Result<Finished, JobError> {
    let Job { mut options, framing, reports, ladder, declared, annotate, keep, html, limits, fail_on, layout, quiet } =
        job;
    options.window = options.window.or(declared.window);
    options.timeout = options.timeout.or(declared.timeout);
    if annotate.is_some() && inputs.len() > 1 {
        return Err(OutputsError::SeveralInputs { inputs: inputs.len() }.into());
    }
    let sources: Vec<Source<'_>> =
        inputs.iter().map(Source::from).chain(declared.files.iter().map(|path| Source::Path(path))).collect();
    let (targets, annotated) = outputs::open(&sources, &reports, ladder, annotate.as_deref(), quiet)?;
    let reports = outputs::reports(targets, layout, html, fail_on, out);
    let mut shared = Shared::new(reports, declared.expectations, keep, options.tolerance);
    shared.comment_packets(annotate.is_some());
    let mut exits = Vec::with_capacity(inputs.len());
    let mut first_connection = 0;
    // Said when the reports are complete, so that on a terminal the words stand below them.
    let mut words = Vec::new();
    let mut spooled = None;
    for input in inputs {
        let opened = match &annotate {
            Some(_) => outputs::spool(input, &limits.capture, &mut spooled, OPENER, &mut words)?,
            None => OPENER.open(input, &limits.capture, &mut words)?,
        };
        let Some(mut capture) = opened else {
            shared.totals.files.push(not_opened(input, &words));
            exits.push(Exit::Failed);
            continue;
        };
        let how = (options, framing, &limits);
        let exit = one(input, &mut capture, &mut first_connection, &mut shared, how, &mut words)?;
        exits.push(exit);
    }
    let read = Exit::of_all(&exits);
    let finished = shared.finish()?;
    if let (Some(annotated), Some(spooled)) = (annotated, spooled) {
        outputs::annotate(spooled, annotated, &limits.capture, &finished.comments, &mut words)?;
    }
    log.write_all(&words)?;
    let found = if fails(&finished.totals, fail_on) { Found::Findings } else { Found::Nothing };
    Ok(Finished { read, found })
}

/// True when something at or above `fail_on` was found.
fn fails(totals: &Totals, fail_on: Option<Severity>) -> bool {
    let unmatched = (!totals.unmatched.is_empty()).then_some(Severity::Error);
    let worst = totals.counts.worst().max(unmatched);
    fail_on.is_some_and(|least| worst.is_some_and(|worst| worst >= least))
}

/// Analyses one input.
fn one(
    input: &Input,
    capture: &mut Capture,
    first_connection: &mut u32,
    shared: &mut Shared<'_>,
    (options, framing, limits): (AnalysisOptions, FramingOptions, &Limits),
    words: &mut Vec<u8>,
) -> Result<Exit, JobError> {
    let name = Named(input).to_string();
    let mut desk = Desk::new(shared, &name, Remarks::default());
    let first = *first_connection;
    let (reading, counts, desk) = if desk.wants_steps() {
        let mut framing = Framing::new(framing, Analysis::new(options, desk)).within(limits.framing());
        let reading = read(capture, first, limits.prompt(), &mut framing, |_, framing| framing.sink.flow());
        (reading, framing.counts(), framing.sink.into_sink())
    } else {
        // Without what belongs to each frame, two threads may analyse half of the connections each.
        let analysis = Analysis::new(options, Notebook::before(&desk));
        let mut framing = Framing::new(framing, analysis).within(limits.framing());
        let reading = read_halved(capture, first, limits.prompt(), &mut framing, |told| told.say(&mut desk));
        (reading, framing.counts(), desk)
    };
    *first_connection += reading.connections;
    let (remarks, late) = desk.finish()?;
    remarks.write(words, input, capture, &reading, counts, None)?;
    write_reached(words, &reading, &limits.prompt())?;
    if let Some(error) = &reading.error {
        OPENER.complain(words, input, error)?;
    }
    shared.totals.files.push(FileRecord {
        name,
        packets: Some(reading.intake.counts().packets),
        tcp_connections: u64::from(reading.connections),
        connections: counts.connections,
        frames: counts.frames,
        notes: late.into_notes(),
        error: reading.error.as_ref().map(ToString::to_string),
    });
    Ok(Exit::of_reading(&reading))
}

/// An input that could not be opened; the complaint is the last of `words`.
fn not_opened(input: &Input, words: &[u8]) -> FileRecord {
    let words = String::from_utf8_lossy(words);
    let complaint = words.lines().last().unwrap_or_default();
    let error = complaint.strip_prefix("analyze: ").unwrap_or(complaint).to_owned();
    FileRecord {
        name: Named(input).to_string(),
        packets: None,
        tcp_connections: 0,
        connections: 0,
        frames: 0,
        notes: Vec::new(),
        error: Some(error),
    }
}
