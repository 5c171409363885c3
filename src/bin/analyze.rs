//! `analyze`: what happened in a capture of the sliding-window protocol, and why.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use arqscope::analyze::command::{self, Declared, Job, JobError, ReportSpec};
use arqscope::analyze::report::KeepLimits;
use arqscope::analyze::report::html::HtmlLimits;
use arqscope::analyze::report::text::Layout;
use arqscope::analyze::{AnalysisOptions, Severity};
use arqscope::command_line;
use arqscope::decode::capture::Input;
use arqscope::decode::command::{Exit, LimitOptions};
use arqscope::decode::framing::FramingOptions;
use arqscope::decode::print::Colour;
use arqscope::decode::print::escape::tame_lines;
use arqscope::params::{Timeout, WindowSize};
use arqscope::wire::MaxMsgSize;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};

/// Says what happened in captures of a sliding-window protocol, and why: packages and ACKs that were not written, what was
/// written again and what set it off, rules that were broken, and what the capture cannot tell.
#[derive(Parser)]
#[command(name = "analyze", version, disable_version_flag = true, after_help = AFTER_HELP)]
struct Args {
    /// Captures to read: pcap, pcapng, Wireshark JSON, also .gz and .zst; `-` is standard input, also the default when that is
    /// not a terminal
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// window_size of the client, as declared; without it the window is inferred and never judged against
    #[arg(long, value_name = "N")]
    window: Option<WindowSize>,
    /// timeout of the client in seconds, as declared; otherwise inferred as an interval
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<Timeout>,
    /// Parameter file of client and server: declares window and timeout; its message and maximum_msg_size are checked
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// How far a timing statement may be off before it is made
    #[arg(long, value_name = "SECONDS", default_value = "0.1", value_parser = command::tolerance)]
    tolerance: Duration,
    /// Report: text, json, ndjson, junit, html or none, each also as FORM=PATH; may be given several times [default: text]
    #[arg(long = "report", value_name = "FORM[=PATH]")]
    reports: Vec<ReportSpec>,
    /// Draw each exchange as a ladder of 80 columns
    #[arg(long)]
    ladder: bool,
    /// Exit with 1 from this severity on
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
    /// Show the page of a rule, or `all` pages
    #[arg(long, value_name = "RULE", conflicts_with = "files")]
    explain: Option<String>,
    /// Declared facts to check (TOML); see the end
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Write the capture as pcapng with a comment on each packet that has a finding
    #[arg(short = 'w', value_name = "FILE")]
    write: Option<PathBuf>,
    /// Only connections with this TCP port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The payload capacity of the frames, 4 to 9999, instead of finding it out
    #[arg(long, value_name = "P")]
    max_msg_size: Option<MaxMsgSize>,
    /// Findings that reports keep of each rule and connection; counts are exact, and ndjson has all
    #[arg(long, value_name = "N", default_value_t = KeepLimits::default().findings)]
    max_findings: u64,
    /// Connections that reports keep; html has 2000 at most
    #[arg(long, value_name = "N", default_value_t = KeepLimits::default().connections)]
    max_connections: u64,
    /// Frames that the html report draws, of all connections together; the rest is counted
    #[arg(long, value_name = "N", default_value_t = HtmlLimits::default().frames)]
    max_frames: usize,
    /// Nothing on standard output, only the closing summary on standard error
    #[arg(short = 'q')]
    quiet: bool,
    /// When to colour text
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: When,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: (),
    #[command(flatten)]
    limits: LimitOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warn,
    Note,
    Never,
}

const AFTER_HELP: &str = "\
Keys of --expect, all optional: message or message_file, window, timeout (seconds), max_msg_size, packages_not_written and \
acks_not_written ([4, 9, 10] or \"4,9-10\"), done_ignored, complete; and [[connection]] with number, client or server and \
any of them, where connections differ.

Examples:
  analyze captures/run3.pcapng
  analyze --window 3 --timeout 2 --ladder captures/run3.pcapng
  analyze --report json captures/*.pcapng > findings.json
  analyze --expect facts.toml --report junit=result.xml captures/run1.pcapng
  analyze -w annotated.pcapng captures/run5.pcapng
  analyze --explain duplicate-resend

Exit codes: 0 done; 1 done, with findings at or above --fail-on; 2 the job could not be done; 3 input only partly readable \
(1 wins over 3). Data goes to standard output, everything else to standard error.";

fn main() -> ExitCode {
    let args = command_line::options();
    match run(args) {
        Ok(code) => code,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done when standard error is gone too.
            let _ = writeln!(io::stderr(), "analyze: {}", tame_lines(&error.to_string()));
            ExitCode::from(Exit::Failed.code())
        }
    }
}

fn run(args: Args) -> Result<ExitCode, JobError> {
    let (mut out, mut log) = (io::stdout().lock(), io::stderr());
    if let Some(rule) = &args.explain {
        let width = io::stdout().is_terminal().then(|| layout(When::Never).width);
        command::explain(rule, width, &mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let inputs = inputs(&args.files);
    let declared = Declared::read(args.params.as_deref(), args.expect.as_deref(), &mut log)?;
    Ok(command::analyze(&inputs, job(args, declared), &mut out, &mut log)?.into())
}

fn inputs(files: &[String]) -> Vec<Input> {
    match files {
        [] if io::stdin().is_terminal() => usage("name a capture, or pipe one in (`-` is standard input)"),
        [] => vec![Input::Stdin],
        files => files.iter().map(Input::from).collect(),
    }
}

fn job(args: Args, declared: Declared) -> Job {
    let options = AnalysisOptions {
        window: args.window.map(WindowSize::get),
        timeout: args.timeout.map(Timeout::get),
        tolerance: args.tolerance,
    };
    let fail_on = match args.fail_on {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warn => Some(Severity::Warn),
        FailOn::Note => Some(Severity::Note),
        FailOn::Never => None,
    };
    Job {
        options,
        framing: FramingOptions { port: args.port, max_msg_size: args.max_msg_size },
        reports: args.reports,
        ladder: args.ladder,
        declared,
        annotate: args.write,
        keep: KeepLimits { findings: args.max_findings, connections: args.max_connections },
        html: HtmlLimits { frames: args.max_frames, ..HtmlLimits::default() },
        limits: args.limits.into(),
        fail_on,
        layout: layout(args.color),
        quiet: args.quiet,
    }
}

fn layout(color: When) -> Layout {
    let terminal = io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = match color {
        When::Always => Colour::Ansi,
        When::Auto if terminal && !no_color => Colour::Ansi,
        _ => Colour::Plain,
    };
    let width = match terminal_size::terminal_size() {
        Some((terminal_size::Width(columns), _)) if terminal => columns,
        _ => Layout::default().width,
    };
    Layout { width, colour }
}

/// Ends the program as clap does for a wrong option.
fn usage(message: &str) -> ! {
    command_line::refuse(&Args::command().error(ErrorKind::ArgumentConflict, message))
}
