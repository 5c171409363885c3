//! `client`: sends one message over the sliding-window protocol.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use arqscope::bounded;
use arqscope::command_line;
use arqscope::decode::print::escape::tame_lines;
use arqscope::endpoint::{Detail, ResendPolicy};
use arqscope::fault::{FaultPlan, RandomLoss};
use arqscope::net::{
    ClientNews, ClientOptions, DEFAULT_PORT, Narration, Recording, Stopping, Threads, Transfer, block_on,
    closing_table, stop_on_signals, stopped, transfer,
};
use arqscope::outputs::{self, OverwriteError, Source};
use arqscope::params::{
    Dialogue, Gathered, Nobody, Params, Place, PlainUnit, Prompt, Saved, Span, SpanError, Timeout, WindowSize, gather,
    positions,
};
use arqscope::wire::{Pos, Side};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Sends one message to a server of the sliding-window protocol. The message, the window and the timeout come from
/// options, else from the file of --params, else from the one *.txt file of the working directory, else they are asked.
#[derive(Parser)]
#[command(name = "client", version, disable_version_flag = true, after_help = AFTER_HELP)]
struct Args {
    /// The server's host
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The server's port
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// File of key:value lines; of its keys the client uses message, window_size and timeout
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// The message; quotes in it are part of it
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    message: Option<String>,
    /// File that holds the message, byte for byte; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// window_size: packages that may be unacknowledged, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    window: Option<WindowSize>,
    /// How long an ACK is waited for, in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<Timeout>,
    /// Positions whose first package is counted and not written: 4,9-10
    #[arg(long, value_name = "LIST", value_parser = positions)]
    lose: Vec<BTreeSet<Pos>>,
    /// Chance for each package, resent ones too, not to be written: 0 to 1
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    loss: Option<f64>,
    /// Seed of --loss; without it one is chosen and printed
    #[arg(long, requires = "loss")]
    seed: Option<u64>,
    /// Time between new packages: milliseconds (100), or with its unit (0.1s) [default: 100 with --resend eager, else 0]
    #[arg(long, value_name = "MS", value_parser = pace, allow_negative_numbers = true)]
    pace: Option<Span>,
    /// When an unacknowledged package goes again: when its timer ends, or (eager, as the reference does) also when the
    /// window is full and after the last package
    #[arg(long, value_name = "POLICY", default_value = "timer")]
    resend: Resend,
    /// Give up when one package was resent this often
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_resends: Option<u32>,
    /// Record the exchange as a pcapng file
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Print each event
    #[arg(short, long)]
    verbose: bool,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: (),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Resend {
    Timer,
    Eager,
}

const AFTER_HELP: &str = "\
What came of it goes to standard error. Example, with a server on the same machine:
  client --message hello --window 3 --timeout 2 --lose 1 --capture hello.pcapng

Exit codes: 0 the message was sent and the connection closed by both sides; 2 it was not;
3 it was, but the recording of --capture is incomplete.";

/// Packages from which on a progress bar is worth its line.
const LONG: i32 = 500;

fn main() -> ExitCode {
    match run(&command_line::options()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<u8, Box<dyn std::error::Error>> {
    let Gathered { params, file, .. } = parameters(args)?;
    let (Some(message), Some(window), Some(timeout)) = (params.message, params.window_size, params.timeout) else {
        return Err("message, window_size and timeout are needed".into());
    };
    keep_inputs(args, file.as_deref())?;
    let progress = Progress::default();
    let recording = args.capture.as_deref().map(|path| record(path, &progress)).transpose()?;
    let mut options = ClientOptions::new(&args.host, args.port, window.get(), timeout.get());
    options.policy = match args.resend {
        Resend::Timer => ResendPolicy::Timer,
        Resend::Eager => ResendPolicy::Eager,
    };
    options.pace = args.pace.map(Span::duration);
    options.max_resends = args.max_resends;
    options.faults = faults(args);
    options.recording = recording.clone();
    options.detail = if args.verbose { Detail::Each } else { Detail::Runs };
    if args.resend == Resend::Eager && args.pace == Some(Span::ZERO) {
        say("warning: with --resend eager and --pace 0 ACKs have no time to come, so a full window resends at once: \
             expect many duplicates");
    }
    let transfer = exchange(args, &options, message, &progress)?;
    write_all(&closing_table(&transfer));
    let recorded = recording.map_or(Ok(String::new()), |recording| recording.health());
    if let Err(missing) = &recorded {
        say(missing);
    }
    Ok(match (transfer.is_complete(), recorded) {
        (false, _) => 2,
        (true, Err(_)) => 3,
        (true, Ok(_)) => 0,
    })
}

fn exchange(
    args: &Args,
    options: &ClientOptions,
    message: Vec<u8>,
    progress: &Progress,
) -> Result<Transfer, Box<dyn std::error::Error>> {
    let mut news = |news: ClientNews<'_>| match news {
        ClientNews::Event(event, at) if args.verbose => write_all(&format!("{}\n", Narration { event, at })),
        ClientNews::Event(..) => {}
        ClientNews::Acknowledged { last, of } if !args.verbose && of.0 >= LONG => {
            progress.acknowledged(last, of);
        }
        ClientNews::Acknowledged { .. } => {}
    };
    let transfer = block_on(Threads::One, async {
        let mut stopping = stop_on_signals()?;
        transfer(options, message, stopped(&mut stopping, Stopping::Finish), &mut news).await
    })??;
    progress.clear();
    Ok(transfer)
}

fn parameters(args: &Args) -> Result<Gathered, Box<dyn std::error::Error>> {
    let message = match (&args.message, &args.file) {
        (Some(text), _) => Some(text.clone().into_bytes()),
        (None, Some(path)) => Some(read_message(path)?),
        (None, None) => None,
    };
    let given = Params { message, window_size: args.window, timeout: args.timeout, ..Params::default() };
    let place = args.params.clone().map_or_else(|| Place::Folder(PathBuf::from(".")), Place::File);
    let reads_stdin = args.file.as_deref() == Some(Path::new("-"));
    let gathered = if !reads_stdin && io::stdin().is_terminal() && io::stderr().is_terminal() {
        gather(Side::Client, given, &place, &mut Dialogue::new(BufReader::new(io::stdin()), io::stderr()))?
    } else {
        gather(Side::Client, given, &place, &mut Nobody as &mut dyn Prompt)?
    };
    for note in &gathered.notes {
        say(&format!("warning: {note}"));
    }
    match &gathered.saved {
        Saved::Nothing => {}
        Saved::To(path) => say(&format!("answers saved to {}", path.display())),
        Saved::Failed { path, reason } => say(&format!("answers not saved to {}: {reason}", path.display())),
    }
    Ok(gathered)
}

/// The recording must not go over the message or the parameters.
fn keep_inputs(args: &Args, params: Option<&Path>) -> Result<(), OverwriteError> {
    let message =
        args.file.as_deref().map(|path| if path == Path::new("-") { Source::Stdin } else { Source::Path(path) });
    let inputs: Vec<Source<'_>> = message.into_iter().chain(params.map(Source::Path)).collect();
    outputs::check(args.capture.as_deref().as_slice(), &inputs)
}

/// The longest message, which is in memory whole: a device may have no end.
const LONGEST: u64 = 4 << 30;

fn read_message(path: &Path) -> Result<Vec<u8>, String> {
    let read = if path == Path::new("-") {
        bounded::read(io::stdin().lock(), LONGEST)
    } else {
        File::open(path).and_then(|file| bounded::read(file, LONGEST))
    };
    match read {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(format!("the message from {} is longer than 4 GiB, the most that is sent", path.display())),
        Err(error) => Err(format!(
            "cannot read the message from {}: {error}; name a file that can be read, or give --message",
            path.display()
        )),
    }
}

fn faults(args: &Args) -> FaultPlan {
    let random = args.loss.map(|rate| {
        let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        say(&format!("packages are lost at random: --loss {rate} --seed {seed}"));
        RandomLoss { rate, seed }
    });
    FaultPlan { packages: args.lose.iter().flatten().copied().collect(), random, ..FaultPlan::default() }
}

fn pace(text: &str) -> Result<Span, SpanError> {
    Span::parse(text, PlainUnit::Milliseconds)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.ok_or_else(|| "needed a number from 0 (none) to 1 (all)".to_owned())
}

fn record(path: &Path, progress: &Progress) -> Result<Recording, Box<dyn std::error::Error>> {
    let progress = progress.clone();
    let trouble = move |words: &str| progress.aside(|| say(&format!("warning: {words}")));
    Ok(Recording::create(path, Side::Client, trouble)?)
}

/// A bar on the terminal, from the first ACK of a long message to the end of the exchange.
#[derive(Clone, Default)]
struct Progress(Arc<OnceLock<ProgressBar>>);

impl Progress {
    fn acknowledged(&self, last: Pos, of: Pos) {
        self.0.get_or_init(|| bar(of)).set_position(last.0.unsigned_abs().into());
    }

    /// Says something while the bar may be there, on a line of its own.
    fn aside(&self, say: impl FnOnce()) {
        match self.0.get() {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    fn clear(&self) {
        if let Some(bar) = self.0.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(of: Pos) -> ProgressBar {
    // Every part keeps its width, so that the bar does not jump; the end has room for the terminal's `^C`.
    let digits = of.to_string().len();
    let template = format!("{{wide_bar}} {{pos:>{digits}}}/{{len}} acknowledged {{rate:>9}} {{eta:>4}} left   ");
    let rate = |state: &ProgressState, f: &mut dyn fmt::Write| {
        // A rate that cannot be written is left out.
        let _ = write!(f, "{:.0}/s", state.per_sec());
    };
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // It hides itself where standard error is no terminal.
    ProgressBar::with_draw_target(Some(of.0.unsigned_abs().into()), ProgressDrawTarget::stderr())
        .with_style(style.with_key("rate", rate).progress_chars("█▉▊▋▌▍▎▏ "))
}

fn say(words: &str) {
    write_all(&format!("client: {words}\n"));
}

fn write_all(text: &str) {
    // Names of files and what stands in them may be a stranger's. Nothing is left to be done when standard error is gone.
    let _ = io::stderr().lock().write_all(tame_lines(text).as_bytes());
}
