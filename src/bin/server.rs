//! `server`: receives messages over the sliding-window protocol, from many clients at once.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arqscope::command_line;
use arqscope::decode::print::escape::{escape, tame_lines};
use arqscope::endpoint::Detail;
use arqscope::fault::{FaultPlan, RandomLoss};
use arqscope::net::{
    DEFAULT_PORT, Kept, Listener, MAX_SHOWN, Narration, Recording, SERVER_BYTES_PER_CLIENT, ServerNews, ServerOptions,
    Threads, block_on, client_places, counted, served_line, stop_on_signals,
};
use arqscope::outputs::{self, Source};
use arqscope::params::{Dialogue, Gathered, Nobody, Params, Place, Saved, Timeout, gather, positions};
use arqscope::wire::{MaxMsgSize, Pos, Side};
use clap::Parser;

/// Receives messages from clients of the sliding-window protocol, any number at once, until it is stopped by SIGINT or
/// SIGTERM. maximum_msg_size comes from its option, else from the file of --params, else from the one *.txt file of the
/// working directory, else it is asked.
#[derive(Parser)]
#[command(name = "server", version, disable_version_flag = true, after_help = after_help())]
struct Args {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// The port to listen on; 0 chooses a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// maximum_msg_size: payload bytes of a package, 4 to 9999
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    max_msg_size: Option<MaxMsgSize>,
    /// File of key:value lines; of its keys the server uses maximum_msg_size
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Positions whose first ACK is counted and not written, on each connection: 4,9-10
    #[arg(long, value_name = "LIST", value_parser = positions)]
    lose_acks: Vec<BTreeSet<Pos>>,
    /// How many DONEs are ignored on each connection
    #[arg(long, value_name = "K", default_value_t = 0)]
    lose_done: u32,
    /// Chance for each ACK not to be written: 0 to 1
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    loss: Option<f64>,
    /// Seed of --loss for the first connection, one more for each further one; without it one is chosen and printed
    #[arg(long, requires = "loss")]
    seed: Option<u64>,
    /// Record all connections as one pcapng file
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Write each message to a file in DIR instead of standard output, as it arrives
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Stop after one client
    #[arg(long, conflicts_with = "count")]
    once: bool,
    /// Stop after N clients
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Clients at once; further ones wait. Where the system allows too few open files, further ones are refused
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: u32,
    /// Give up on a client that brings no whole frame, or reads nothing, for so long
    #[arg(long, value_name = "SECONDS", default_value = "60", allow_negative_numbers = true)]
    idle_timeout: Timeout,
    /// How long clients may go on after SIGINT or SIGTERM; a second signal ends them at once
    #[arg(long, value_name = "SECONDS", default_value = "5", allow_negative_numbers = true)]
    grace: Timeout,
    /// Print each event
    #[arg(short, long)]
    verbose: bool,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: (),
}

const AFTER_HELP: &str = "\
Each whole message goes to standard output, escaped, one line each (the first 64 KiB of it), or to a file of --output: \
its name ends in .partial until the message is whole, and for ever if it never is. Everything else goes to standard error.

Exit codes: 0 stopped as asked; 2 could not begin (parameters, address, files);
3 the recording of --capture is incomplete, or a message that came could not be kept or shown.";

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn after_help() -> String {
    let mebibytes = SERVER_BYTES_PER_CLIENT as f64 / f64::from(1 << 20);
    format!("Memory: whatever a client sends, it costs at most {mebibytes:.1} MiB.\n\n{AFTER_HELP}")
}

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
    let Some(max_msg_size) = params.maximum_msg_size else {
        return Err("maximum_msg_size is needed".into());
    };
    outputs::check(args.capture.as_deref().as_slice(), file.as_deref().map(Source::Path).as_slice())?;
    if let Some(folder) = &args.output {
        std::fs::create_dir_all(folder).map_err(|error| {
            format!("cannot make the folder {}: {error}; name another with --output", folder.display())
        })?;
    }
    let address = SocketAddr::new(args.bind, args.port);
    let unshown = Arc::new(AtomicU64::new(0));
    let (recording, summary) = block_on(Threads::Processors, async {
        let stopping = stop_on_signals()?;
        let listener = Listener::bind(address)?;
        // Only now: a second server that finds the port taken must not wipe out the first one's recording.
        let recording = args.capture.as_deref().map(record).transpose()?;
        let options = options(args, max_msg_size, recording.clone());
        say(&format!("listening on {}, maximum_msg_size {max_msg_size}", listener.local_addr()?));
        let (verbose, unshown) = (args.verbose, Arc::clone(&unshown));
        let summary = listener.serve(options, stopping, move |news| tell(news, verbose, &unshown)).await;
        Ok::<_, Box<dyn std::error::Error>>((recording, summary))
    })??;
    say(&format!("stopped: {} complete, {} not", counted(summary.complete, "exchange"), summary.incomplete));
    if summary.refused > 0 {
        say(&format!("{} refused for want of open files", counted(summary.refused, "newcomer")));
    }
    let recorded = recording.map_or(Ok(String::new()), |recording| recording.health());
    if let Err(missing) = &recorded {
        say(missing);
    }
    if summary.not_kept > 0 {
        say(&format!("{} came and could not be kept", counted(summary.not_kept, "message")));
    }
    let unshown = unshown.load(Ordering::Relaxed);
    if unshown > 0 {
        say(&format!("{} came and could not be shown", counted(unshown, "message")));
    }
    Ok(if recorded.is_err() || summary.not_kept + unshown > 0 { 3 } else { 0 })
}

fn options(args: &Args, max_msg_size: MaxMsgSize, recording: Option<Recording>) -> ServerOptions {
    let mut options = ServerOptions::new(max_msg_size);
    options.faults = faults(args);
    options.max_clients = usize::try_from(args.max_clients).unwrap_or(usize::MAX);
    options.room = room(args, options.max_clients);
    options.idle_timeout = args.idle_timeout.get();
    options.grace = args.grace.get();
    options.count = if args.once { Some(1) } else { args.count };
    options.output = args.output.clone();
    options.recording = recording;
    options.detail = if args.verbose { Detail::Each } else { Detail::Runs };
    options
}

/// How many of the `wanted` clients the system lets this process open files for.
fn room(args: &Args, wanted: usize) -> usize {
    let places = client_places(wanted, if args.output.is_some() { 2 } else { 1 });
    if let (true, Some(files)) = (places.clients < wanted, places.open_files) {
        say(&format!(
            "warning: the system lets this process open {files} files: room for {} at once, not {wanted}, and further \
             ones are refused; `ulimit -n` raises it",
            counted(places.clients as u64, "client"),
        ));
    }
    places.clients
}

/// Tells what happened; counts messages that standard output did not take.
fn tell(news: ServerNews<'_>, verbose: bool, unshown: &AtomicU64) {
    match news {
        ServerNews::Opened { number, peer } => say(&format!("client {number} ({peer}): connected")),
        ServerNews::Event { number, event, at } if verbose => {
            say(&format!("client {number}: {}", Narration { event, at }));
        }
        ServerNews::Event { .. } => {}
        ServerNews::Ended(served) => {
            say(&served_line(served));
            if let Kept::Shown(message) = &served.kept {
                if let Err(error) = show(message) {
                    unshown.fetch_add(1, Ordering::Relaxed);
                    say(&format!(
                        "cannot write that message to standard output: {error}; --output keeps each in a file"
                    ));
                } else if served.message_len > MAX_SHOWN as u64 {
                    say(&format!("of that message the first {MAX_SHOWN} bytes are shown; --output keeps all"));
                }
            }
        }
        ServerNews::Full { clients } => {
            let are = if clients == 1 { "is" } else { "are" };
            say(&format!("{} {are} connected: further ones wait", counted(clients as u64, "client")));
        }
        ServerNews::NoRoom { clients } => {
            let are = if clients == 1 { "is" } else { "are" };
            say(&format!(
                "{} {are} connected, and no more files may be opened: newcomers are refused; `ulimit -n` raises the limit",
                counted(clients as u64, "client")
            ));
        }
        ServerNews::CannotAccept(error) => say(&format!("cannot accept for the moment: {error}")),
        ServerNews::Finishing { clients } => {
            let are = if clients == 1 { "is" } else { "are" };
            say(&format!("stopping; {} {are} still connected", counted(clients as u64, "client")));
        }
    }
}

fn show(message: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{}\n", escape(message)).as_bytes())?;
    out.flush()
}

fn parameters(args: &Args) -> Result<Gathered, Box<dyn std::error::Error>> {
    let given = Params { maximum_msg_size: args.max_msg_size, ..Params::default() };
    let place = args.params.clone().map_or_else(|| Place::Folder(PathBuf::from(".")), Place::File);
    let gathered = if io::stdin().is_terminal() && io::stderr().is_terminal() {
        gather(Side::Server, given, &place, &mut Dialogue::new(BufReader::new(io::stdin()), io::stderr()))?
    } else {
        gather(Side::Server, given, &place, &mut Nobody)?
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

fn faults(args: &Args) -> FaultPlan {
    let random = args.loss.map(|rate| {
        let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        say(&format!("ACKs are lost at random: --loss {rate} --seed {seed}"));
        RandomLoss { rate, seed }
    });
    let acks = args.lose_acks.iter().flatten().copied().collect();
    FaultPlan { acks, dones: args.lose_done, random, ..FaultPlan::default() }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.ok_or_else(|| "needed a number from 0 (none) to 1 (all)".to_owned())
}

fn record(path: &Path) -> Result<Recording, Box<dyn std::error::Error>> {
    Ok(Recording::create(path, Side::Server, |words| say(&format!("warning: {words}")))?)
}

fn say(words: &str) {
    // Names of files may be a stranger's. Nothing is left to be done when standard error is gone.
    let _ = io::stderr().lock().write_all(format!("server: {}\n", tame_lines(words)).as_bytes());
}
