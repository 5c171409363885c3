//! Where reports go, what must not be written over, and inputs that are read twice.

use std::cell::RefCell;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;

use crate::analyze::Severity;
use crate::analyze::report::Report;
use crate::analyze::report::annotate::{self, Comments};
use crate::analyze::report::html::{HtmlLimits, HtmlReport};
use crate::analyze::report::json::{Json, Ndjson};
use crate::analyze::report::junit::Junit;
use crate::analyze::report::ladder::Ladder;
use crate::analyze::report::text::{Layout, Text};
use crate::decode::capture::{Capture, CaptureLimits, Input};
use crate::decode::command::{Named, NamedPath, Opener, count};
use crate::decode::filter::suggest::nearest_of;
use crate::decode::print::escape::escape;
use crate::outputs::{self, OverwriteError, Source};

use super::JobError;

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// One document.
    Json,
    /// One object a line, as decided.
    Ndjson,
    /// JUnit's XML.
    Junit,
    /// A page for a browser.
    Html,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Ndjson, Self::Junit, Self::Html];

    /// The name that chooses it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Junit => "junit",
            Self::Html => "html",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A report that is asked for: `FORM` for standard output, `FORM=PATH` for a file, `none` for nothing on standard
/// output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportSpec {
    /// In this form, to this file or, without one, to standard output.
    Of(Form, Option<PathBuf>),
    /// Nothing on standard output.
    None,
}

/// A text that asks for no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The form is none.
    #[error("`{}` is no form of report: use one of text, json, ndjson, junit, html, none{}", escape(found.as_bytes()), hint(found))]
    Unknown {
        /// What was given.
        found: String,
    },
    /// A path is missing behind `=`, or is one too many.
    #[error("`{}`: write FORM=PATH for a file, or FORM alone for standard output; none has no path", escape(found.as_bytes()))]
    Path {
        /// What was given.
        found: String,
    },
}

fn hint(found: &str) -> String {
    let names: Vec<&str> = Form::ALL.into_iter().map(Form::as_str).chain(["none"]).collect();
    nearest_of(found, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

impl FromStr for ReportSpec {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(path)),
            None => (text, None),
        };
        let wrong = || FormError::Path { found: text.to_owned() };
        if path.is_some_and(str::is_empty) {
            return Err(wrong());
        }
        if name == "none" {
            return if path.is_none() { Ok(Self::None) } else { Err(wrong()) };
        }
        let form = Form::ALL.into_iter().find(|form| form.as_str() == name);
        let form = form.ok_or_else(|| FormError::Unknown { found: name.to_owned() })?;
        Ok(Self::Of(form, path.filter(|path| *path != "-").map(PathBuf::from)))
    }
}

/// Why outputs cannot be had as asked for.
#[derive(Debug, thiserror::Error)]
pub enum OutputsError {
    /// A file cannot be created.
    #[error("cannot create {}: {error}", NamedPath(path))]
    Create {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// An output is one of the inputs, or two are one file.
    #[error(transparent)]
    Overwrite(#[from] OverwriteError),
    /// Two reports would go to standard output.
    #[error("{first} and {second} would both go to standard output: give one of them a file, as in --report json=FILE")]
    BothToStdout {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// One capture at a time is annotated.
    #[error("-w writes one annotated capture, and there are {inputs} inputs: name one")]
    SeveralInputs {
        /// How many.
        inputs: usize,
    },
    /// An annotated capture needs a file.
    #[error("-w needs a file: standard output is for reports")]
    AnnotateStdout,
    /// An input that cannot be read twice could not be kept.
    #[error("cannot keep {name} for the second pass of -w: {error}")]
    Spool {
        /// The input.
        name: String,
        /// Why.
        error: io::Error,
    },
}

/// A report's file, whose errors name it.
pub(super) struct ReportFile {
    path: PathBuf,
    file: File,
}

impl ReportFile {
    fn named<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", NamedPath(&self.path))))
    }
}

impl Write for ReportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.named(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.named(flushed)
    }
}

/// A report with its file, or for standard output.
pub(super) enum Target {
    File(Form, ReportFile),
    Stdout(Form),
    Ladder,
}

/// The file of the annotated capture, as it was.
pub(super) struct Annotated {
    path: PathBuf,
    file: File,
}

/// Opens every output; nothing is written over that is an input.
pub(super) fn open(
    inputs: &[Source<'_>],
    specs: &[ReportSpec],
    ladder: bool,
    annotate: Option<&Path>,
    quiet: bool,
) -> Result<(Vec<Target>, Option<Annotated>), OutputsError> {
    if annotate == Some(Path::new("-")) {
        return Err(OutputsError::AnnotateStdout);
    }
    let files = specs.iter().filter_map(|spec| match spec {
        ReportSpec::Of(_, path) => path.as_deref(),
        ReportSpec::None => None,
    });
    outputs::check(&files.chain(annotate).collect::<Vec<_>>(), inputs)?;
    let mut on_stdout: Option<String> = None;
    let mut targets = Vec::new();
    for spec in specs {
        match spec {
            ReportSpec::None => {}
            ReportSpec::Of(form, None) => {
                if let Some(first) = on_stdout.replace(format!("--report {form}")) {
                    return Err(OutputsError::BothToStdout { first, second: format!("--report {form}") });
                }
                targets.push(Target::Stdout(*form));
            }
            ReportSpec::Of(form, Some(path)) => {
                let file = reserve(path)?;
                empty(&file).map_err(|error| OutputsError::Create { path: path.clone(), error })?;
                targets.push(Target::File(*form, ReportFile { path: path.clone(), file }));
            }
        }
    }
    let silent = specs.contains(&ReportSpec::None);
    if !silent && on_stdout.is_none() {
        targets.insert(0, Target::Stdout(Form::Text));
    }
    if ladder {
        match on_stdout {
            Some(first) if first != "--report text" => {
                return Err(OutputsError::BothToStdout { first, second: "--ladder".to_owned() });
            }
            _ => targets.push(Target::Ladder),
        }
    }
    if quiet {
        targets.retain(|target| matches!(target, Target::File(..)));
    }
    // Opened now, so that a path that cannot be is known before the work is done; what is there stays until then.
    let annotated = match annotate {
        Some(path) => Some(Annotated { path: path.to_owned(), file: reserve(path)? }),
        None => None,
    };
    Ok((targets, annotated))
}

/// A pipe or a device has no length to cut.
fn empty(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { file.set_len(0) } else { Ok(()) }
}

/// Opens a file, new or not.
fn reserve(path: &Path) -> Result<File, OutputsError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    file.map_err(|error| OutputsError::Create { path: path.to_owned(), error })
}

/// Standard output, shared by the reports that go there.
#[derive(Clone)]
struct Stdout<'w>(Rc<RefCell<BufWriter<&'w mut dyn Write>>>);

impl Write for Stdout<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// The reports of the targets.
pub(super) fn reports<'w>(
    targets: Vec<Target>,
    layout: Layout,
    html: HtmlLimits,
    fail_on: Option<Severity>,
    out: &'w mut dyn Write,
) -> Vec<Box<dyn Report + 'w>> {
    let stdout = Stdout(Rc::new(RefCell::new(BufWriter::new(out))));
    let report = |target| -> Box<dyn Report + 'w> {
        match target {
            Target::File(form, file) => of_form(form, Layout::default(), html, fail_on, BufWriter::new(file)),
            Target::Stdout(form) => of_form(form, layout, html, fail_on, stdout.clone()),
            Target::Ladder => Box::new(Ladder::new(stdout.clone(), layout.colour)),
        }
    };
    targets.into_iter().map(report).collect()
}

fn of_form<'w, W: Write + 'w>(
    form: Form,
    layout: Layout,
    html: HtmlLimits,
    fail_on: Option<Severity>,
    out: W,
) -> Box<dyn Report + 'w> {
    match form {
        Form::Text => Box::new(Text::new(out, layout)),
        Form::Json => Box::new(Json::new(out)),
        Form::Ndjson => Box::new(Ndjson::new(out)),
        Form::Junit => Box::new(Junit::new(out, fail_on)),
        Form::Html => Box::new(HtmlReport::new(out, html)),
    }
}

/// An input that is read a second time.
pub(super) struct Spooled {
    file: File,
    name: String,
}

/// Opens an input so that it can be read twice: what is no regular file is copied to a temporary one first.
pub(super) fn spool(
    input: &Input,
    limits: &CaptureLimits,
    spooled: &mut Option<Spooled>,
    opener: Opener,
    words: &mut Vec<u8>,
) -> Result<Option<Capture>, JobError> {
    let name = Named(input).to_string();
    let failed = |error| OutputsError::Spool { name: name.clone(), error };
    let regular = match input {
        Input::Stdin => None,
        Input::Path(path) => match File::open(path) {
            Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Some(file),
            Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_dir()) => {
                return Ok(opener.open(input, limits, words)?);
            }
            Ok(_) => None,
            // The complaint is the opener's.
            Err(_) => return Ok(opener.open(input, limits, words)?),
        },
    };
    let file = match (regular, input) {
        (Some(file), _) => file,
        (None, Input::Stdin) => copy(&mut io::stdin().lock()).map_err(failed)?,
        (None, Input::Path(path)) => File::open(path).and_then(|mut file| copy(&mut file)).map_err(failed)?,
    };
    let first = file.try_clone().map_err(failed)?;
    *spooled = Some(Spooled { file, name: name.clone() });
    match Capture::from_reader(Box::new(first), limits) {
        Ok(capture) => Ok(Some(capture)),
        Err(error) => {
            opener.complain(words, input, &error)?;
            *spooled = None;
            Ok(None)
        }
    }
}

fn copy(from: &mut dyn io::Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(from, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// The second pass: the input again, with comments, to `annotated`.
pub(super) fn annotate(
    spooled: Spooled,
    annotated: Annotated,
    limits: &CaptureLimits,
    comments: &Comments,
    words: &mut Vec<u8>,
) -> Result<(), JobError> {
    let Spooled { mut file, name } = spooled;
    file.rewind().map_err(|error| OutputsError::Spool { name: name.clone(), error })?;
    let mut capture = Capture::from_reader(Box::new(file), limits).map_err(annotate::AnnotateError::from)?;
    let Annotated { path, file: out } = annotated;
    empty(&out).map_err(|error| OutputsError::Create { path: path.clone(), error })?;
    let done = annotate::annotate(&mut capture, &name, comments, out)?;
    let (packets, commented) = (count(done.packets, "packet"), done.commented);
    writeln!(words, "{}: {packets}, {commented} with a comment", NamedPath(&path))?;
    if comments.left_out() > 0 {
        let left_out = count(comments.left_out(), "comment");
        writeln!(words, "  {left_out} left out: a packet has {} at most", annotate::MAX_OF_PACKET)?;
    }
    if done.without_time > 0 {
        writeln!(
            words,
            "  {} without a time that pcapng can hold: written as of 1970",
            count(done.without_time, "packet")
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
