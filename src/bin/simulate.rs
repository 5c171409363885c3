//! `simulate`: client and server in virtual time, as a capture with its ground truth.

use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arqscope::command_line;
use arqscope::decode::print::escape::tame_lines;
use arqscope::outputs::{self, Draft, Source};
use arqscope::params::{Numbers, Span};
use arqscope::simulate::command::{self, CaptureFormat, JobError};
use arqscope::simulate::scenario::{Given, ResendKey, ScenarioKeys, SideKey, VantageKey};
use clap::{Args, Parser};

/// Plays client and server of the sliding-window protocol in virtual time and writes the capture of what they put on
/// the wire. What happens is said by a scenario file (TOML), by options, or both; an option wins, and everything has a
/// default. The same scenario gives the same bytes.
#[derive(Parser)]
#[command(name = "simulate", version, disable_version_flag = true, after_help = AFTER_HELP)]
struct Options {
    /// Scenario file; see tests/scenarios/every-key.toml for each key with its meaning
    scenario: Option<PathBuf>,
    /// Capture to write: .pcap or .pcapng, also with .gz or .zst; `-` is pcap on standard output
    #[arg(short = 'w', value_name = "FILE")]
    write: PathBuf,
    /// Format, where the file's name does not say it: pcap, pcapng, pcap.gz, pcapng.zst …
    #[arg(short = 'F', value_name = "FORMAT")]
    format: Option<CaptureFormat>,
    /// Truth file to write (JSON): every loss, resend and defect, and whether it can be seen
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: (),
    #[command(flatten)]
    exchange: ExchangeOptions,
    #[command(flatten)]
    loss: LossOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    capture: CaptureOptions,
}

#[derive(Args)]
#[command(next_help_heading = "Exchange")]
struct ExchangeOptions {
    /// The message
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// The message's size in bytes instead (letters)
    #[arg(long, value_name = "BYTES")]
    message_size: Option<u64>,
    /// Frames of all connections together, which sets the messages' size
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    /// Connections, all alike
    #[arg(long, value_name = "N")]
    connections: Option<u32>,
    /// Time from one connection's opening to the next's [default: 1ms]
    #[arg(long, value_name = "TIME")]
    stagger: Option<Span>,
    /// P, bytes of payload in a frame: 4 to 9999 [default: 10]
    #[arg(long, value_name = "P")]
    max_msg_size: Option<u32>,
    /// Positions that may be outstanding [default: 3]
    #[arg(long, value_name = "N")]
    window: Option<u32>,
    /// Until an unacknowledged package is resent [default: 2s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// When to resend: timer, or eager, which resends when the window is full too [default: timer]
    #[arg(long, value_name = "POLICY", value_parser = resend)]
    resend: Option<ResendKey>,
    /// Between new packages, in seconds or 100ms [default: 0; with --resend eager 100ms]
    #[arg(long, value_name = "TIME")]
    pace: Option<Span>,
    /// Resends of one position before the client gives up
    #[arg(long, value_name = "N")]
    max_resends: Option<u32>,
    /// Where chance begins [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// When it begins: RFC 3339 or Unix seconds [default: 2026-01-05T09:00:00Z]
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
}

#[derive(Args)]
#[command(next_help_heading = "Mimicked loss: counted as sent, not written")]
struct LossOptions {
    /// Positions whose first MSG is not written: 4,9-10
    #[arg(long, value_name = "LIST")]
    lose: Option<Numbers>,
    /// Positions whose first ACK is not written
    #[arg(long, value_name = "LIST")]
    lose_acks: Option<Numbers>,
    /// How many DONEs the server ignores
    #[arg(long, value_name = "N")]
    lose_done: Option<u32>,
    /// Share of all MSGs that are not written, resends too: 0 to 0.9
    #[arg(long, value_name = "SHARE")]
    loss_rate: Option<f64>,
    /// Share of all ACKs that are not written
    #[arg(long, value_name = "SHARE")]
    ack_loss_rate: Option<f64>,
}

#[derive(Args)]
#[command(next_help_heading = "Network and TCP")]
struct NetworkOptions {
    /// One-way delay [default: 20us]
    #[arg(long, value_name = "TIME")]
    delay: Option<Span>,
    /// At most so much more, by chance
    #[arg(long, value_name = "TIME")]
    jitter: Option<Span>,
    /// From a segment's arrival until the client reads it [default: 10us]
    #[arg(long, value_name = "TIME")]
    client_processing: Option<Span>,
    /// From a segment's arrival until the server reads it [default: 10us]
    #[arg(long, value_name = "TIME")]
    server_processing: Option<Span>,
    /// Join what is written at one moment to segments of so many bytes, not one frame each
    #[arg(long, value_name = "BYTES")]
    coalesce: Option<u32>,
    /// Segments of these lengths in turn: 7,30
    #[arg(long, value_name = "LENGTHS", value_delimiter = ',')]
    split: Option<Vec<u32>>,
    /// Segments of lengths by chance: LEAST-MOST
    #[arg(long, value_name = "RANGE", value_parser = range)]
    random_cuts: Option<[u32; 2]>,
}

#[derive(Args)]
#[command(next_help_heading = "Capture, and what is wrong with it")]
struct CaptureOptions {
    /// Where it is taken: client, server, or share of the way from client [default: client]
    #[arg(long, value_name = "WHERE")]
    vantage: Option<String>,
    /// Packets that are not in the file, by their number on the wire
    #[arg(long, value_name = "LIST")]
    drop: Option<Numbers>,
    /// Share of the packets that are not in the file
    #[arg(long, value_name = "SHARE")]
    drop_rate: Option<f64>,
    /// Cut packets to so many bytes
    #[arg(long, value_name = "BYTES")]
    snaplen: Option<u32>,
    /// Leave out each connection's beginning, up to RETURN_MAX
    #[arg(long)]
    no_handshake: bool,
    /// Begin so long after the start
    #[arg(long, value_name = "TIME")]
    from: Option<Span>,
    /// End so long after the start
    #[arg(long, value_name = "TIME")]
    until: Option<Span>,
    /// Only what this side sends: client or server
    #[arg(long, value_name = "SIDE", value_parser = side)]
    only: Option<SideKey>,
    /// Packets that are in the file twice
    #[arg(long, value_name = "LIST")]
    duplicate: Option<Numbers>,
    /// Share of packets that are in the file twice
    #[arg(long, value_name = "SHARE")]
    duplicate_rate: Option<f64>,
    /// Packets that come after the one that followed them
    #[arg(long, value_name = "LIST")]
    reorder: Option<Numbers>,
    /// Share of such packets
    #[arg(long, value_name = "SHARE")]
    reorder_rate: Option<f64>,
}

const AFTER_HELP: &str = "\
Times are seconds (2, 0.5) or have a unit (40us, 1.5ms, 2s). Lists are numbers and runs (4,9-12).

Examples:
  simulate -w first.pcapng
  simulate -w lossy.pcapng --truth lossy.json --lose 4,9-10 --resend eager --max-msg-size 4
  simulate tests/scenarios/run3.toml -w run3.pcapng
  simulate -w - --loss-rate 0.1 --ack-loss-rate 0.1 --seed 7 | decode
  simulate -w holes.pcap --drop 12,15 --snaplen 80
  simulate -w large.pcap.zst --connections 100 --frames 10000000

Exit codes: 0 done; 2 the job could not be done.";

fn main() -> ExitCode {
    let options = command_line::options();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done when standard error is gone too.
            let _ = writeln!(io::stderr(), "simulate: {}", tame_lines(&error.to_string()));
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), JobError> {
    // Before any file is made: a scenario that cannot be run must not empty one.
    let scenario = command::scenario(options.scenario.as_deref(), &keys(options))?;
    let format = format(options)?;
    let written = Some(options.write.as_path()).filter(|path| *path != Path::new("-"));
    let outputs: Vec<&Path> = written.into_iter().chain(options.truth.as_deref()).collect();
    outputs::check(&outputs, options.scenario.as_deref().map(Source::Path).as_slice())?;
    let mut truth = options.truth.as_deref().map(create).transpose()?;
    let mut capture = written.map(create).transpose()?;
    let summary = match &mut capture {
        Some(capture) => command::simulate(&scenario, format, capture, truth.as_mut())?,
        None => command::simulate(&scenario, format, io::stdout().lock(), truth.as_mut())?,
    };
    capture.into_iter().chain(truth).try_for_each(keep)?;
    Ok(writeln!(io::stderr(), "simulate: {summary}")?)
}

fn format(options: &Options) -> Result<CaptureFormat, JobError> {
    match options.format {
        Some(format) => Ok(format),
        None => CaptureFormat::of(&options.write),
    }
}

fn create(path: &Path) -> Result<BufWriter<Draft>, JobError> {
    let failed = |error| JobError::Create { path: path.to_owned(), error };
    Draft::create(path).map(BufWriter::new).map_err(failed)
}

fn keep(file: BufWriter<Draft>) -> io::Result<()> {
    file.into_inner().map_err(IntoInnerError::into_error)?.keep()
}

/// The options as keys of a scenario.
fn keys(options: &Options) -> ScenarioKeys {
    fn given<T: Clone>(name: &'static str, value: &Option<T>) -> Option<Given<T>> {
        value.clone().map(|value| Given::option(name, value))
    }
    let Options { exchange, loss, network, capture, .. } = options;
    let mut keys = ScenarioKeys {
        seed: given("--seed", &exchange.seed),
        start: given("--start", &exchange.start),
        vantage: given("--vantage", &capture.vantage.clone().map(VantageKey::Named)),
        connections: given("--connections", &exchange.connections),
        stagger: given("--stagger", &exchange.stagger),
        frames: given("--frames", &exchange.frames),
        ..ScenarioKeys::default()
    };
    keys.client.message = given("--message", &exchange.message);
    keys.client.message_size = given("--message-size", &exchange.message_size);
    keys.client.window = given("--window", &exchange.window);
    keys.client.timeout = given("--timeout", &exchange.timeout);
    keys.client.resend = given("--resend", &exchange.resend);
    keys.client.pace = given("--pace", &exchange.pace);
    keys.client.max_resends = given("--max-resends", &exchange.max_resends);
    keys.server.maximum_msg_size = given("--max-msg-size", &exchange.max_msg_size);
    keys.network.delay = given("--delay", &network.delay);
    keys.network.jitter = given("--jitter", &network.jitter);
    keys.network.client_processing = given("--client-processing", &network.client_processing);
    keys.network.server_processing = given("--server-processing", &network.server_processing);
    keys.tcp.coalesce = given("--coalesce", &network.coalesce);
    keys.tcp.split = given("--split", &network.split);
    keys.tcp.random = given("--random-cuts", &network.random_cuts);
    keys.loss.messages = given("--lose", &loss.lose);
    keys.loss.acks = given("--lose-acks", &loss.lose_acks);
    keys.loss.done = given("--lose-done", &loss.lose_done);
    keys.loss.message_rate = given("--loss-rate", &loss.loss_rate);
    keys.loss.ack_rate = given("--ack-loss-rate", &loss.ack_loss_rate);
    keys.capture.drop = given("--drop", &capture.drop);
    keys.capture.drop_rate = given("--drop-rate", &capture.drop_rate);
    keys.capture.snaplen = given("--snaplen", &capture.snaplen);
    keys.capture.handshake = capture.no_handshake.then(|| Given::option("--no-handshake", false));
    keys.capture.from = given("--from", &capture.from);
    keys.capture.until = given("--until", &capture.until);
    keys.capture.only = given("--only", &capture.only);
    keys.capture.duplicate = given("--duplicate", &capture.duplicate);
    keys.capture.duplicate_rate = given("--duplicate-rate", &capture.duplicate_rate);
    keys.capture.reorder = given("--reorder", &capture.reorder);
    keys.capture.reorder_rate = given("--reorder-rate", &capture.reorder_rate);
    keys
}

fn resend(text: &str) -> Result<ResendKey, String> {
    match text {
        "timer" => Ok(ResendKey::Timer),
        "eager" => Ok(ResendKey::Eager),
        _ => Err("needs timer or eager".to_owned()),
    }
}

fn side(text: &str) -> Result<SideKey, String> {
    match text {
        "client" => Ok(SideKey::Client),
        "server" => Ok(SideKey::Server),
        _ => Err("needs client or server".to_owned()),
    }
}

fn range(text: &str) -> Result<[u32; 2], String> {
    let ends = text.split_once('-').and_then(|(low, high)| Some([low.parse().ok()?, high.parse().ok()?]));
    ends.ok_or_else(|| "needs two lengths, for example 1-60".to_owned())
}
