//! `--streams DIR`: every TCP connection's bytes as files.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use super::limits::write_reached;
use super::summary::count;
use super::{Exit, JobError, Named, NamedPath, OPENER};
use crate::decode::capture::Input;
use crate::decode::reading::read;
use crate::decode::{Limits, StreamFiles};
use crate::outputs::Source;

/// Writes the streams of every input to `folder`, and the words about it to `log`. Connections of several inputs are
/// numbered on. The inputs may cost what `limits` say.
///
/// # Errors
/// When a file in the folder cannot be written.
pub fn streams(inputs: &[Input], folder: &Path, limits: &Limits, log: &mut dyn Write) -> Result<Exit, JobError> {
    let sources: Vec<Source<'_>> = inputs.iter().map(Source::from).collect();
    let mut files = StreamFiles::new(folder, &sources)?;
    let mut exits = Vec::with_capacity(inputs.len());
    let mut first_connection = 0;
    for input in inputs {
        let Some(mut capture) = OPENER.open(input, &limits.capture, log)? else {
            exits.push(Exit::Failed);
            continue;
        };
        let mut failed = None;
        let reading =
            read(&mut capture, first_connection, limits.patient(), &mut files, |_, files| match files.check() {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            });
        if let Some(error) = failed {
            return Err(error.into());
        }
        first_connection += reading.connections;
        let packets = reading.intake.counts().packets;
        let connections = u64::from(reading.connections);
        let passed: Vec<String> = reading.intake.passed_over().iter().map(ToString::to_string).collect();
        let passed = if passed.is_empty() { String::new() } else { format!("; not used: {}", passed.join("; ")) };
        writeln!(
            log,
            "{}: {}, {}{passed}",
            Named(input),
            count(packets, "packet"),
            count(connections, "TCP connection")
        )?;
        let lost = reading.streams;
        for (bytes, what) in [
            (lost.late_bytes, "came after their hole was given up"),
            (lost.before_start_bytes, "came from before a stream's settled start"),
            (lost.after_fin_bytes, "came after a FIN"),
        ] {
            if bytes > 0 {
                writeln!(log, "  left out: {} that {what}", count(bytes, "byte"))?;
            }
        }
        write_reached(log, &reading, &limits.patient())?;
        if let Some(error) = &reading.error {
            OPENER.complain(log, input, error)?;
        }
        exits.push(Exit::of_reading(&reading));
    }
    let written = files.finish()?;
    writeln!(
        log,
        "{}: {} in {}, {} left out",
        NamedPath(folder),
        count(written.bytes, "byte"),
        count(written.connections * 2, "file"),
        count(written.holes, "hole"),
    )?;
    Ok(Exit::of_all(&exits))
}
