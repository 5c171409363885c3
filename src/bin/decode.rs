//! `decode`: packet tables of a sliding-window protocol from any capture.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use arqscope::command_line;
use arqscope::decode::capture::Input;
use arqscope::decode::command::{self, Exit, FactsForm, JobError, LimitOptions, MessageForm, Output, Pace, RowJob};
use arqscope::decode::filter::Filter;
use arqscope::decode::framing::FramingOptions;
use arqscope::decode::print::{Bytes, Colour, Detail, Flushing, Form, Options, TimeFormat, Width};
use arqscope::decode::{ByteSize, Limits};
use arqscope::wire::MaxMsgSize;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};

/// Prints every frame of a sliding-window protocol found in captures: pcap, pcapng and Wireshark JSON, plain or
/// compressed (gzip, zstd).
#[derive(Parser)]
#[command(name = "decode", version, disable_version_flag = true, after_help = AFTER_HELP)]
// Of the shared limits, one has a second default here.
#[command(mut_arg("max_held", |option| option.help(MAX_HELD)))]
struct Args {
    /// Captures to read; `-` is standard input, also the default when that is not a terminal
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Output form: table, csv, tsv, json, ndjson, text (as the reference decoder prints)
    #[arg(short = 'T', value_name = "FORM", default_value_t)]
    form: Form,
    /// Show only rows that match: arq.* fields in Wireshark's display filter language; see the end
    #[arg(short = 'Y', value_name = "FILTER")]
    filter: Option<String>,
    /// Show each frame in full, field by field
    #[arg(short = 'V')]
    details: bool,
    /// Show each frame's bytes with the field each belongs to
    #[arg(short = 'x')]
    bytes: bool,
    /// Time column as in tshark: a, ad, adoy, d, dd, e, r, u, ud, udoy (UTC)
    #[arg(short = 't', value_name = "FORMAT")]
    time: Option<TimeFormat>,
    /// Stop after N rows
    #[arg(short = 'c', value_name = "N")]
    count: Option<u64>,
    /// Write each row at once, for a live capture in a pipe
    #[arg(short = 'l')]
    line_buffered: bool,
    /// Do everything, print only the closing summary
    #[arg(short = 'q')]
    quiet: bool,
    /// Only connections with this TCP port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The payload capacity of the frames, 4 to 9999, instead of finding it out
    #[arg(long, value_name = "P")]
    max_msg_size: Option<MaxMsgSize>,
    /// Print each connection's message instead of rows (-T table, json or ndjson)
    #[arg(long, conflicts_with_all = ["info", "streams", "filter", "details", "bytes", "time", "quiet"])]
    message: bool,
    /// Print what each file is instead of rows (-T table, json or ndjson)
    #[arg(long, conflicts_with_all = OF_ROWS, conflicts_with = "streams")]
    info: bool,
    /// Write the bytes of every TCP connection's directions to files in DIR instead of printing rows
    #[arg(long, value_name = "DIR", conflicts_with_all = OF_ROWS, conflicts_with = "form")]
    streams: Option<PathBuf>,
    /// When to colour the table
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: When,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: (),
    #[command(flatten)]
    limits: LimitOptions,
    /// Bytes kept of one connection's message (--message)
    #[arg(long, value_name = "SIZE", help_heading = "Limits", default_value_t = ByteSize(Limits::default().message as u64))]
    max_message: ByteSize,
    /// Longest text of -Y
    #[arg(long, value_name = "SIZE", help_heading = "Limits", default_value_t = ByteSize(Limits::default().filter as u64))]
    max_filter: ByteSize,
}

/// Options that say something of rows, and nothing where none are made.
const OF_ROWS: [&str; 9] =
    ["filter", "details", "bytes", "time", "count", "line_buffered", "quiet", "port", "max_msg_size"];

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

const MAX_HELD: &str = "Bytes that wait behind a hole, per direction [default: 1MiB; with --streams 4MiB]";

const AFTER_HELP: &str = "\
Fields of -Y: arq (every row), arq.packet, .time, .connection, .from, .header, .pos, .payload, .seq, .sent_time, .ack, .prev_seq, \
.in_flight, .info, .verdict, .first_packet, .offset, .len, .payload_len, .max_msg_size, .ack_number, .partial, .unknown; \
and as in Wireshark frame.number, frame.time_epoch, tcp.stream.

Examples:
  decode captures/run1.pcapng
  decode -Y 'arq.header == MSG and arq.pos in {4, 9..10}' captures/run1.pcapng
  decode -T csv captures/run1.json > run1.csv
  tcpdump -i lo -U -w - tcp port 55558 | decode -l

Exit codes: 0 done; 2 the job could not be done; 3 input only partly readable.
Data goes to standard output, everything else to standard error.";

fn main() -> ExitCode {
    let args = command_line::options();
    match run(args) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done when standard error is gone too.
            let _ = writeln!(io::stderr(), "decode: {error}");
            ExitCode::from(Exit::Failed.code())
        }
    }
}

fn run(args: Args) -> Result<Exit, JobError> {
    let inputs = inputs(&args.files);
    let size = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    let (message, filter) = (size(args.max_message), size(args.max_filter));
    let limits = Limits { message, filter, ..Limits::from(args.limits) };
    let (mut out, mut log) = (io::stdout().lock(), io::stderr());
    if let Some(folder) = &args.streams {
        return command::streams(&inputs, folder, &limits, &mut log);
    }
    if args.info {
        let form = match args.form {
            Form::Table => FactsForm::Table,
            Form::Json => FactsForm::Json,
            Form::Ndjson => FactsForm::Ndjson,
            form => usage(&format!("--info is written as -T table, json or ndjson, not {form}")),
        };
        return command::facts(&inputs, form, &limits, &mut out, &mut log);
    }
    refuse_without_effect(&args);
    let output = match args.form {
        _ if args.quiet => Output::Quiet,
        Form::Table if args.message => Output::Messages(MessageForm::Text),
        Form::Json | Form::Ndjson if args.message => Output::Messages(MessageForm::Ndjson),
        form if args.message => usage(&format!("--message is written as -T table, json or ndjson, not {form}")),
        form => Output::Rows(form, options(&args)),
    };
    let parse = |text| Filter::parse_within(limits.filter, text);
    let filter = match args.filter.as_deref().map(parse).transpose() {
        Ok(filter) => filter,
        Err(error) => {
            writeln!(log, "decode: -Y: {error}")?;
            return Ok(Exit::Failed);
        }
    };
    let pace = if io::stdout().is_terminal() { Pace::Live } else { Pace::Blocks };
    let framing = FramingOptions { port: args.port, max_msg_size: args.max_msg_size };
    let job = RowJob { output, filter, count: args.count, framing, pace, limits };
    command::rows(&inputs, job, &mut out, &mut log)
}

/// Ends the program where an option is given that the form of output has no use for: it would be waited for in vain.
fn refuse_without_effect(args: &Args) {
    let form = args.form;
    let for_programs = matches!(form, Form::Csv | Form::Tsv | Form::Json | Form::Ndjson);
    if for_programs && args.details {
        usage(&format!("-V is for -T table or text; {form} has every field in its column or key"));
    }
    if for_programs && args.bytes {
        usage(&format!("-x is for -T table or text, not {form}"));
    }
    if args.time.is_some() && form != Form::Table && !args.details {
        let instead =
            if form == Form::Text { "as the reference decoder's, it has no times" } else { "it has Unix seconds" };
        usage(&format!("-t is for -T table, not {form}: {instead}"));
    }
}

fn inputs(files: &[String]) -> Vec<Input> {
    match files {
        [] if io::stdin().is_terminal() => usage("name a capture, or pipe one in (`-` is standard input)"),
        [] => vec![Input::Stdin],
        files => files.iter().map(Input::from).collect(),
    }
}

fn options(args: &Args) -> Options {
    let terminal = io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = match args.color {
        When::Always => Colour::Ansi,
        When::Auto if terminal && !no_color => Colour::Ansi,
        _ => Colour::Plain,
    };
    let width = match terminal_size::terminal_size() {
        Some((terminal_size::Width(columns), _)) if terminal => Width::Columns(columns),
        _ => Width::Full,
    };
    Options {
        flushing: if args.line_buffered { Flushing::Row } else { Flushing::Block },
        width,
        colour,
        time: args.time.clone().unwrap_or_default(),
        detail: if args.details { Detail::Full } else { Detail::Summary },
        bytes: if args.bytes { Bytes::Shown } else { Bytes::Hidden },
        // Who helps is among the limits.
        ..Options::default()
    }
}

/// Ends the program as clap does for a wrong option.
fn usage(message: &str) -> ! {
    Args::command().error(ErrorKind::ArgumentConflict, message).exit()
}
