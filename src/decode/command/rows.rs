//! The main job: every frame a row, in the form asked for.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::limits::write_reached;
use super::messages::{MessageForm, write_message};
use super::summary::Remarks;
use super::{Exit, JobError, OPENER};
use crate::decode::Limits;
use crate::decode::capture::Input;
use crate::decode::filter::{Filter, Scratch};
use crate::decode::framing::{FramedConnection, Framing, FramingNote, FramingOptions};
use crate::decode::message::Message;
use crate::decode::print::{Form, Options, RowPrinter, printer};
use crate::decode::reading::{Moment, read};
use crate::decode::reassembly::{Closing, ConnectionInfo, Hole, StreamNote, Way};
use crate::decode::row::Row;
use crate::decode::rows::{RowSink, Rows};
use crate::wire::Side;

/// What becomes of the rows.
#[derive(Debug, Clone)]
pub enum Output {
    /// They are printed.
    Rows(Form, Options),
    /// Each connection's message is printed instead.
    Messages(MessageForm),
    /// Nothing is printed but the summary.
    Quiet,
}

/// What is asked of the rows.
#[derive(Debug)]
pub struct RowJob {
    /// Where they go.
    pub output: Output,
    /// Which are shown.
    pub filter: Option<Filter>,
    /// How many are shown at most.
    pub count: Option<u64>,
    /// Which connections are framed, and how.
    pub framing: FramingOptions,
    /// When rows are seen.
    pub pace: Pace,
    /// What the inputs may cost.
    pub limits: Limits,
}

/// When printed rows reach whoever reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As soon as the input pauses: somebody watches a live capture.
    Live,
    /// In blocks; the output does not depend on how the input arrived.
    Blocks,
}

/// Prints the rows of every input to `out`, and the words about it to `log`.
///
/// # Errors
/// When the output cannot be written.
pub fn rows(inputs: &[Input], job: RowJob, out: &mut dyn Write, log: &mut dyn Write) -> Result<Exit, JobError> {
    let RowJob { output, filter, count, framing, pace, limits } = job;
    let streams = limits.prompt();
    let mut shared =
        Shared { to: Target::Nowhere, filter, scratch: Scratch::default(), left: count, shown: 0, error: None, pace };
    let for_people = matches!(output, Output::Rows(form, _) if form.is_for_people());
    shared.to = match output {
        Output::Rows(form, options) => {
            // As for reading.
            let second_thread = limits.capture.second_thread;
            Target::Printer(printer(form, Options { second_thread, ..options }, out))
        }
        Output::Messages(form) => Target::Messages(form, out),
        Output::Quiet => Target::Nowhere,
    };
    // Without a row to show there is nothing to open, but the output is whole all the same: a head line, `[]`.
    let inputs = if count == Some(0) { &[] } else { inputs };
    let mut exits = Vec::with_capacity(inputs.len());
    let mut first_connection = 0;
    // Said when the rows are complete, so that on a terminal the words stand below the table.
    let mut words = Vec::new();
    for input in inputs {
        let Some(mut capture) = OPENER.open(input, &limits.capture, &mut words)? else {
            exits.push(Exit::Failed);
            continue;
        };
        let shown_before = shared.shown;
        let sink = OfFile { shared: &mut shared, remarks: Remarks::default() };
        let rows = Rows::new(sink).keeping(limits.message, limits.held_in_all);
        let mut framing = Framing::new(framing, rows).within(limits.framing());
        let reading = read(&mut capture, first_connection, streams, &mut framing, |moment, framing| {
            let flow = framing.sink.flow();
            framing.sink.sink().shared.watch(moment);
            flow
        });
        first_connection += reading.connections;
        let frames = framing.counts();
        let OfFile { shared, remarks } = framing.sink.into_sink();
        if let Some(error) = shared.error.take() {
            return Err(error.into());
        }
        let shown = matches!(shared.to, Target::Printer(_)).then_some(shared.shown - shown_before);
        remarks.write(&mut words, input, &capture, &reading, frames, shown)?;
        write_reached(&mut words, &reading, &streams)?;
        if let Some(error) = &reading.error {
            OPENER.complain(&mut words, input, error)?;
        }
        exits.push(Exit::of_reading(&reading));
        if reading.stopped {
            break;
        }
    }
    let exit = Exit::of_all(&exits);
    match shared.to {
        // To people a table without rows would claim that something was read; programs need a whole document.
        Target::Printer(_) if for_people && exit == Exit::Failed => {}
        Target::Printer(mut printer) => printer.finish()?,
        Target::Messages(_, out) => out.flush()?,
        Target::Nowhere => {}
    }
    log.write_all(&words)?;
    Ok(exit)
}

/// Where rows or messages go.
enum Target<'w> {
    Printer(Box<dyn RowPrinter + 'w>),
    Messages(MessageForm, &'w mut dyn Write),
    Nowhere,
}

/// What all files of a run share.
struct Shared<'w> {
    to: Target<'w>,
    filter: Option<Filter>,
    scratch: Scratch,
    /// Rows that may still be shown.
    left: Option<u64>,
    shown: u64,
    error: Option<io::Error>,
    pace: Pace,
}

impl Shared<'_> {
    fn watch(&mut self, moment: Moment) {
        if let Target::Printer(printer) = &mut self.to {
            if let Some(time) = moment.time {
                printer.observe(moment.packet, time);
            }
            if moment.idle
                && self.pace == Pace::Live
                && let Err(error) = printer.flush()
            {
                self.error = Some(error);
            }
        }
    }

    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        if self.filter.as_ref().is_some_and(|filter| !filter.matches(row, &mut self.scratch)) {
            return ControlFlow::Continue(());
        }
        self.shown += 1;
        if let Target::Printer(printer) = &mut self.to
            && let Err(error) = printer.row(row)
        {
            self.error = Some(error);
            return ControlFlow::Break(());
        }
        match &mut self.left {
            Some(1) => return ControlFlow::Break(()),
            Some(left) => *left -= 1,
            None => {}
        }
        ControlFlow::Continue(())
    }
}

/// Takes one file's rows.
struct OfFile<'s, 'w> {
    shared: &'s mut Shared<'w>,
    remarks: Remarks,
}

impl RowSink for OfFile<'_, '_> {
    fn row(&mut self, _connection: &FramedConnection<'_>, row: &Row<'_>) -> ControlFlow<()> {
        self.shared.row(row)
    }

    fn wants_rows(&self) -> bool {
        matches!(self.shared.to, Target::Printer(_)) || self.shared.left.is_some()
    }

    fn wants_messages(&self) -> bool {
        matches!(self.shared.to, Target::Messages(..))
    }

    fn message(&mut self, connection: &FramedConnection<'_>, message: &Message) {
        if let Target::Messages(form, out) = &mut self.shared.to
            && let Err(error) = write_message(*form, connection, message, *out)
        {
            self.shared.error = Some(error);
        }
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, _closing: Closing) {
        self.remarks.connection(connection);
    }

    fn note(&mut self, connection: &ConnectionInfo, note: FramingNote) {
        self.remarks.note(connection, &note);
    }

    fn stream_note(&mut self, connection: &ConnectionInfo, _way: Way, note: StreamNote) {
        self.remarks.stream_note(connection, &note);
    }

    fn hole(&mut self, _connection: &FramedConnection<'_>, _from: Side, hole: &Hole) {
        self.remarks.hole(hole.len);
    }
}
