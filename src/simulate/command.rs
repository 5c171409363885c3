//! What the `simulate` command does: a scenario from a file and options, a capture and a truth file to writers.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::scenario::{Scenario, ScenarioError, ScenarioFile, ScenarioKeys};
use super::{Chronicle, SimulationError, Summary, TruthWriter};
use crate::bounded;
use crate::capture_writer::{CaptureWriter, Description, WHOLE_PACKETS};
use crate::outputs::OverwriteError;

/// How a capture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureFormat {
    container: Container,
    compression: Packing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Pcap,
    Pcapng,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl CaptureFormat {
    /// What a file of that name holds; `-`, standard output, is pcap.
    ///
    /// # Errors
    /// When the name does not say it.
    pub fn of(path: &Path) -> Result<Self, JobError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        if name == "-" {
            return Ok(Self { container: Container::Pcap, compression: Packing::None });
        }
        let (_, extension) = name.split_once('.').ok_or_else(|| JobError::Format { name: name.to_string() })?;
        // A name may have further dots; the format is at its end.
        let ends: Vec<&str> = extension.rsplit('.').take(2).collect();
        let text = match ends[..] {
            [packing @ ("gz" | "zst"), container] => format!("{container}.{packing}"),
            [container, ..] => container.to_owned(),
            [] => String::new(),
        };
        text.parse().map_err(|_| JobError::Format { name: name.to_string() })
    }
}

impl FromStr for CaptureFormat {
    type Err = JobError;

    /// `pcap` or `pcapng`, also with `.gz` or `.zst`.
    fn from_str(text: &str) -> Result<Self, JobError> {
        let (container, packing) = text.split_once('.').map_or((text, None), |(container, p)| (container, Some(p)));
        let container = match container {
            "pcap" => Container::Pcap,
            "pcapng" => Container::Pcapng,
            _ => return Err(JobError::Format { name: text.to_owned() }),
        };
        let compression = match packing {
            None => Packing::None,
            Some("gz") => Packing::Gzip,
            Some("zst") => Packing::Zstd,
            Some(_) => return Err(JobError::Format { name: text.to_owned() }),
        };
        Ok(Self { container, compression })
    }
}

/// Why a simulation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A name that says no format.
    #[error(
        "`{name}` does not say a capture format: end it in .pcap or .pcapng, with .gz or .zst after it if you like, or give -F pcap or -F pcapng"
    )]
    Format {
        /// The name.
        name: String,
    },
    /// The scenario file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file cannot be made.
    #[error("cannot create {}: {error}", path.display())]
    Create {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file would be written over that is read, or twice.
    #[error(transparent)]
    Overwrite(#[from] OverwriteError),
    /// The scenario cannot be run.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The simulation stopped.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// Words, or the end of a file, cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl JobError {
    /// True when whoever reads the output has gone away, which is no failure.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        let (Self::Output(error) | Self::Simulation(SimulationError::Output(error))) = self else { return false };
        error.kind() == io::ErrorKind::BrokenPipe
    }
}

/// The scenario of a file, if there is one, and options.
///
/// # Errors
/// When the file cannot be read, or what is said cannot be run.
pub fn scenario(file: Option<&Path>, options: &ScenarioKeys) -> Result<Scenario, JobError> {
    let file = file.map(read).transpose()?;
    Ok(Scenario::new(file.as_ref(), options)?)
}

fn read(path: &Path) -> Result<ScenarioFile, JobError> {
    let text = bounded::text(path).map_err(|error| JobError::Read { path: path.to_owned(), error })?;
    Ok(ScenarioFile::parse(&path.display().to_string(), &text)?)
}

/// Runs `scenario`: the capture to `out`, the truth to `truth` if it is wanted.
///
/// # Errors
/// When something cannot be written.
pub fn simulate<W: Write, T: Write>(
    scenario: &Scenario,
    format: CaptureFormat,
    out: W,
    truth: Option<T>,
) -> Result<Summary, JobError> {
    let CaptureFormat { container, compression } = format;
    match compression {
        Packing::None => Ok(capture(scenario, container, out, truth)?.0),
        Packing::Gzip => {
            let packed = GzEncoder::new(out, Compression::fast());
            let (summary, packed) = capture(scenario, container, packed, truth)?;
            packed.finish()?.flush()?;
            Ok(summary)
        }
        Packing::Zstd => {
            let (summary, packed) = capture(scenario, container, zstd::Encoder::new(out, 1)?, truth)?;
            packed.finish()?.flush()?;
            Ok(summary)
        }
    }
}

fn capture<W: Write, T: Write>(
    scenario: &Scenario,
    container: Container,
    out: W,
    truth: Option<T>,
) -> Result<(Summary, W), JobError> {
    let comment = format!("Simulated by arqscope, seed {}: no packet of it was ever on a network.", scenario.seed);
    let snaplen = scenario.defects.snaplen.unwrap_or(WHOLE_PACKETS);
    let description = Description { snaplen, comment: &comment, ..Description::default() };
    let writer = match container {
        Container::Pcap => CaptureWriter::pcap(out, &description)?,
        Container::Pcapng => CaptureWriter::pcapng(out, &description)?,
    };
    let mut truth = truth.map(|truth| TruthWriter::new(truth, scenario)).transpose()?;
    let chronicle = truth.as_mut().map(|truth| truth as &mut dyn Chronicle);
    let (summary, writer) = super::simulate(scenario, writer, chronicle)?;
    if let Some(truth) = truth {
        truth.finish(&summary.packets)?;
    }
    Ok((summary, writer.finish()?))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packets, connections, complete } = self;
        let several = |n: u64| if n == 1 { "" } else { "s" };
        write!(f, "{connections} connection{}, {complete} complete; ", several(*connections))?;
        write!(f, "{} packet{} written", packets.written, several(packets.written))?;
        if packets.written != packets.on_wire {
            write!(f, " of {} on the wire", packets.on_wire)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_format_by_its_end() {
        let of = |name: &str| CaptureFormat::of(Path::new(name)).ok().map(|f| (f.container, f.compression));
        assert_eq!(of("a.pcap"), Some((Container::Pcap, Packing::None)));
        assert_eq!(of("dir.d/a.b.pcapng"), Some((Container::Pcapng, Packing::None)));
        assert_eq!(of("a.pcapng.gz"), Some((Container::Pcapng, Packing::Gzip)));
        assert_eq!(of("a.1.pcap.zst"), Some((Container::Pcap, Packing::Zstd)));
        assert_eq!(of("-"), Some((Container::Pcap, Packing::None)));
        for name in ["a", "a.cap", "a.gz", "pcap", "a.pcap.xz", "a.", "/dev/null", ""] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
