//! The analysis as a stage of the pipeline: frames in, steps, findings and sums out.

use std::mem::offset_of;
use std::ops::ControlFlow;

use super::ledger::Remarks;
use super::model::{Model, Replayed, Run};
use super::rules::Found;
use super::{AnalysisOptions, AnalysisSink};
use crate::decode::express::Express;
use crate::decode::framing::{FrameSink, FramedConnection, FramingNote, LocatedFrame, PlainFrame, STATE_IN_FIRST_LINE};
use crate::decode::halved::Apart;
use crate::decode::prefetch::fetch;
use crate::decode::reassembly::{Closing, ConnectionInfo, Hole, StreamNote, Way};
use crate::wire::Side;

/// Judges every frame and hands what comes of it to `S`. It stands where [`Rows`](crate::decode::rows::Rows) may:
///
/// ```
/// use std::ops::ControlFlow;
///
/// use arqscope::analyze::{Analysis, AnalysisOptions, AnalysisSink, ConnectionAnalysis, Finding};
/// use arqscope::decode::capture::{Capture, CaptureLimits, Input};
/// use arqscope::decode::framing::{FramedConnection, Framing, FramingOptions};
/// use arqscope::decode::{reading::read, reassembly::StreamLimits};
///
/// #[derive(Default)]
/// struct Verdicts(Vec<String>);
///
/// impl AnalysisSink for Verdicts {
///     fn finding(&mut self, _: &FramedConnection<'_>, _: Finding) -> ControlFlow<()> {
///         ControlFlow::Continue(())
///     }
///
///     fn closed(&mut self, _: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
///         self.0.push(analysis.verdict.line);
///         ControlFlow::Continue(())
///     }
/// }
///
/// # fn main() -> Result<(), arqscope::decode::capture::CaptureError> {
/// let mut capture = Capture::open(&Input::from("captures/run2.pcapng"), &CaptureLimits::default())?;
/// let analysis = Analysis::new(AnalysisOptions::default(), Verdicts::default());
/// let mut framing = Framing::new(FramingOptions::default(), analysis);
/// read(&mut capture, 0, StreamLimits::prompt(), &mut framing, |_, _: &mut _| ControlFlow::Continue(()));
/// assert_eq!(framing.sink.into_sink().0.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// Memory of a connection is bounded whatever its frames say; the bounds stand with what they bound, and what is
/// forgotten makes findings say less, never something wrong.
#[derive(Debug)]
pub struct Analysis<S> {
    options: AnalysisOptions,
    sink: S,
    flow: ControlFlow<()>,
    found: Found,
    replayed: Replayed,
    express: Express,
}

/// What the analysis remembers of a connection.
#[derive(Debug, Default)]
#[repr(C)]
pub struct AnalysisState {
    /// From the first frame or hole on.
    model: Option<Box<Model>>,
    remarks: Remarks,
    /// What the model has to catch up with. Here, where the frames' own state is, and not behind one pointer more.
    run: Run,
    /// Frames have turned out to be of another length than agreed.
    regridded: bool,
}

const _: () = assert!(offset_of!(AnalysisState, run) == STATE_IN_FIRST_LINE, "the run begins with a line");

impl AnalysisState {
    /// The model, which has caught up with the run.
    #[inline]
    fn model(
        &mut self,
        connection: &FramedConnection<'_>,
        options: &AnalysisOptions,
        replayed: Replayed,
    ) -> &mut Model {
        self.model_and_run(connection, options, replayed).0
    }

    /// And the run, which is off.
    #[inline]
    fn model_and_run(
        &mut self,
        connection: &FramedConnection<'_>,
        options: &AnalysisOptions,
        replayed: Replayed,
    ) -> (&mut Model, &mut Run) {
        let model = self.model.get_or_insert_with(|| {
            let mut model = Box::new(Model::new(connection, *options, replayed));
            if self.regridded {
                model.regridded();
            }
            model
        });
        model.end_run(&mut self.run);
        (model, &mut self.run)
    }
}

impl<S: AnalysisSink> Analysis<S> {
    /// Judges by `options`; what is decided goes to `sink`.
    pub fn new(options: AnalysisOptions, sink: S) -> Self {
        Self::by(Express::Taken, options, sink)
    }

    /// With or without the express way: both give the same.
    pub(super) fn by(express: Express, options: AnalysisOptions, sink: S) -> Self {
        let replayed = if sink.wants_reference() { Replayed::Wanted } else { Replayed::LeftOut };
        Self { options, sink, flow: ControlFlow::Continue(()), found: Found::default(), replayed, express }
    }

    /// `Break` once the sink has had enough.
    pub const fn flow(&self) -> ControlFlow<()> {
        self.flow
    }

    /// Where everything goes.
    pub const fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Where everything went.
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// Whether each frame has to be spoken of, whatever it is.
    fn says_each(&self) -> bool {
        self.replayed == Replayed::Wanted || self.sink.wants_steps()
    }

    /// Takes in a frame by the general way.
    fn general(&mut self, connection: &FramedConnection<'_>, state: &mut AnalysisState, frame: &LocatedFrame<'_>) {
        let (model, run) = state.model_and_run(connection, &self.options, self.replayed);
        let step = model.frame(connection, frame, &mut self.found);
        model.begin_run(run, frame.frame.view().bytes().len());
        if self.sink.wants_steps() {
            self.flow = self.sink.step(connection, frame, &step);
        }
        if !self.found.is_empty() {
            self.deliver(connection);
        }
    }

    /// Says the step of a frame that went the express way.
    fn say_express(&mut self, connection: &FramedConnection<'_>, state: &mut AnalysisState, frame: &LocatedFrame<'_>) {
        let Some(model) = &mut state.model else { return };
        let step = model.express_step(&state.run, frame);
        if self.sink.wants_steps() {
            self.flow = self.sink.step(connection, frame, &step);
        }
    }

    /// Hands on what the rules found.
    #[cold]
    fn deliver(&mut self, connection: &FramedConnection<'_>) {
        for unwritten in self.found.unwritten.drain(..) {
            self.sink.ack_not_written(connection, &unwritten);
        }
        for doubt in self.found.doubts.drain(..) {
            self.sink.doubt(connection, doubt);
        }
        for finding in self.found.findings.drain(..) {
            if self.flow.is_continue() {
                self.flow = self.sink.finding(connection, finding);
            }
        }
    }
}

impl<S: AnalysisSink + Apart> Apart for Analysis<S> {
    type Told = S::Told;

    fn another(&mut self, kept: usize) -> Self {
        let Self { options, replayed, express, .. } = *self;
        let (sink, flow, found) = (self.sink.another(kept), ControlFlow::Continue(()), Found::default());
        Self { options, sink, flow, found, replayed, express }
    }

    fn join(&mut self, other: Self) {
        self.sink.join(other.sink);
    }

    fn told(&mut self) -> &mut Vec<S::Told> {
        self.sink.told()
    }
}

impl<S: AnalysisSink> FrameSink for Analysis<S> {
    type State = AnalysisState;

    #[inline(always)] // into the loop over frames, which need not be put together then
    fn express(&mut self, state: &mut AnalysisState, frame: &PlainFrame<'_>) -> bool {
        self.express == Express::Taken && self.flow.is_continue() && !self.says_each() && state.run.take(frame)
    }

    #[inline(never)] // the express way is for what is common
    fn frame(&mut self, connection: &FramedConnection<'_>, state: &mut AnalysisState, frame: &LocatedFrame<'_>) {
        if self.flow.is_break() {
            return;
        }
        let taken = self.express == Express::Taken && frame.plain().is_some_and(|frame| state.run.take(&frame));
        if !taken {
            self.general(connection, state, frame);
        } else if self.says_each() {
            self.say_express(connection, state, frame);
        }
    }

    #[inline]
    fn fetch(&self, state: &AnalysisState) {
        state.run.fetch();
    }

    #[inline]
    fn fetch_for(&self, state: &AnalysisState, from: Side) {
        if state.run.is_on() {
            state.run.fetch_for(from);
        } else if let Some(model) = &state.model {
            fetch(&**model);
        }
    }

    fn hole(&mut self, connection: &FramedConnection<'_>, state: &mut AnalysisState, from: Side, hole: &Hole) {
        if self.flow.is_continue() {
            state.model(connection, &self.options, self.replayed).hole(connection, from, hole, &mut self.found);
            self.deliver(connection);
        }
    }

    fn unseen(&mut self, connection: &FramedConnection<'_>, state: &mut AnalysisState, from: Side, up_to: u64) {
        if self.flow.is_continue() {
            state.model(connection, &self.options, self.replayed).unseen(connection, from, up_to);
        }
    }

    fn note(&mut self, connection: &ConnectionInfo, state: &mut AnalysisState, note: FramingNote) {
        state.regridded |= matches!(note, FramingNote::Regridded { .. });
        if let (FramingNote::Regridded { .. }, Some(model)) = (note, &mut state.model) {
            model.end_run(&mut state.run);
            model.regridded();
        }
        state.remarks.framing(connection.last_packet, connection.last_time, note);
    }

    fn stream_note(&mut self, _: &ConnectionInfo, state: Option<&mut AnalysisState>, _: Way, note: StreamNote) {
        if let Some(state) = state {
            state.remarks.stream(note);
        }
    }

    fn late_note(&mut self, connection: &ConnectionInfo, _: Way, note: StreamNote) {
        if note.is_odd() {
            self.sink.late_note(connection, note);
        }
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, state: &mut AnalysisState, closing: Closing) {
        if self.flow.is_break() {
            return;
        }
        let remarks = std::mem::take(&mut state.remarks);
        let analysis =
            state.model(connection, &self.options, self.replayed).closed(connection, closing, remarks, &mut self.found);
        self.deliver(connection);
        if self.flow.is_continue() {
            self.flow = self.sink.closed(connection, analysis);
        }
    }
}
