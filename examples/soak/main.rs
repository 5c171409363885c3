//! A siege of the real `server`: a crowd of clients held for a time, a part of them hostile, and what the server made of it.
//!
//! ```text
//! cargo run --release --example soak -- --server target/release/server --connections 5000 --hostile 0.3 --seconds 600
//! ```
//!
//! Two servers are besieged, one after the other. The first keeps its messages in a folder: every whole message is
//! compared with what was sent, memory and descriptors are watched, and when all clients are gone the server must be as
//! it was before. The second records as well and is asked to stop in the middle of it all. Everything goes over
//! loopback and is bounded in count and time. Exit code 1 when anything that is promised does not hold.

mod crowd;
#[path = "../../tests/hostile/mod.rs"]
mod hostile;
mod ledger;
mod process;
mod verdict;

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arqscope::decode::capture::{Capture, CaptureLimits, Input};
use arqscope::net::{Threads, block_on};
use arqscope::wire::MaxMsgSize;
use clap::Parser;
use tokio::time::Instant;

use crowd::{Counts, Crowd};
use ledger::{Books, Ledger, Name};
use process::{Limits, Sample, Server, soft_limit_of_files};
use verdict::Verdict;

/// Besieges a server.
#[derive(Parser)]
struct Args {
    /// The server command
    #[arg(long, default_value = "target/release/server")]
    server: PathBuf,
    /// Clients held at once
    #[arg(long, default_value_t = 5000)]
    connections: u32,
    /// Share of them that are hostile: 0 to 1
    #[arg(long, default_value_t = 0.3)]
    hostile: f64,
    /// How long they are held
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What everything random follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// maximum_msg_size
    #[arg(long, default_value = "64")]
    max_msg_size: MaxMsgSize,
    /// How long the server puts up with silence, in seconds
    #[arg(long, default_value_t = 10)]
    idle: u64,
    /// Share of packages, and of ACKs, that are not written
    #[arg(long, default_value_t = 0.02)]
    loss: f64,
    /// The server's --max-clients; without it, all connections and more
    #[arg(long)]
    max_clients: Option<u32>,
    /// Files that the server may open (ulimit -n)
    #[arg(long)]
    open_files: Option<u64>,
    /// The server's address space in MiB (ulimit -v)
    #[arg(long)]
    address_space: Option<u64>,
    /// How many of the connections there are when the second server is stopped; 0 leaves it out
    #[arg(long, default_value_t = 500)]
    stop_connections: u32,
}

/// Between two looks at the server.
const TICK: Duration = Duration::from_millis(500);

/// How long the second server runs before it is asked to stop.
const BEFORE_STOP: Duration = Duration::from_secs(8);

/// How long its clients may go on after that.
const GRACE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(verdict) if verdict.holds() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            // Nothing is left to be done when standard error is gone.
            let _ = writeln!(io::stderr(), "soak: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<Verdict, Box<dyn Error>> {
    // A message is a file, and a file of this process for each end of a connection.
    let needed = u64::from(args.connections) + 200;
    if soft_limit_of_files()? < needed {
        return Err(format!("needs {needed} open files, more than `ulimit -n` allows").into());
    }
    let folder = tempfile::tempdir()?;
    let mut verdict = Verdict::default();
    block_on(Threads::Processors, async {
        siege(args, folder.path(), &mut verdict).await?;
        if args.stop_connections > 0 {
            stop(args, folder.path(), &mut verdict).await?;
        }
        Ok::<_, Box<dyn Error>>(())
    })??;
    Ok(verdict)
}

impl Args {
    /// A server that keeps its messages in `folder`, with `more` options.
    fn start(&self, folder: &Path, more: &[&str], limits: Limits) -> io::Result<Server> {
        let max_clients = self.max_clients.unwrap_or(2 * self.connections);
        let output = folder.display().to_string();
        let options = [
            ("--port", "0".to_owned()),
            ("--max-msg-size", self.max_msg_size.to_string()),
            ("--max-clients", max_clients.to_string()),
            ("--idle-timeout", self.idle.to_string()),
            ("--loss", self.loss.to_string()),
            ("--seed", self.seed.to_string()),
            ("--grace", GRACE.as_secs().to_string()),
            ("--output", output),
        ];
        let options: Vec<&str> =
            options.iter().flat_map(|(name, value)| [*name, value]).chain(more.iter().copied()).collect();
        Server::start(&self.server, &options, limits)
    }

    /// Whether the server may have no room for some: they are not answered then, in time or at all.
    const fn is_scarce(&self) -> bool {
        self.open_files.is_some() || self.max_clients.is_some()
    }

    fn crowd(&self, server: &Server) -> Arc<Crowd> {
        Arc::new(Crowd {
            server: server.address,
            ear: server.ear.clone(),
            max_msg_size: self.max_msg_size,
            hostile: self.hostile,
            seed: self.seed,
            idle: Duration::from_secs(self.idle),
            loss: self.loss,
            ledger: Ledger::new(self.seed),
            counts: Counts::default(),
        })
    }
}

/// A crowd for the whole time, and then nobody.
async fn siege(args: &Args, folder: &Path, verdict: &mut Verdict) -> Result<(), Box<dyn Error>> {
    let Args { connections, hostile, seconds, seed, .. } = args;
    verdict.part(&format!(
        "{connections} connections, {:.0} % hostile, {seconds} s, --seed {seed}, ulimit -n {}, ulimit -v {}",
        hostile * 100.0,
        args.open_files.map_or_else(|| "as is".to_owned(), |files| files.to_string()),
        args.address_space.map_or_else(|| "as is".to_owned(), |mebibytes| format!("{mebibytes} MiB")),
    ));
    let messages = folder.join("messages");
    let limits =
        Limits { open_files: args.open_files, address_space: args.address_space.map(|mebibytes| mebibytes << 10) };
    let server = args.start(&messages, &[], limits)?;
    server.ear.log().scarce = args.is_scarce();
    let crowd = args.crowd(&server);
    let before = server.sample()?;
    let begin = Instant::now();
    let length = Duration::from_secs(*seconds);
    let ramp = (length / 6).min(Duration::from_secs(20));
    let end = begin + length;
    // Until then the crowd is not yet what it will be: the silent ones have not been given up for the first time.
    let warm = begin + (ramp + Duration::from_secs(2 * args.idle)).min(length / 2);

    let holding = tokio::spawn({
        let (crowd, places) = (crowd.clone(), *connections);
        async move { crowd.hold(places, ramp, end).await }
    });
    let mut samples = Vec::new();
    while Instant::now() < end - 2 * TICK {
        tokio::time::sleep(TICK).await;
        if Instant::now() > warm {
            samples.push(server.sample()?);
        }
        crowd.ledger.sweep(&messages)?;
    }
    server.ear.log().breaking_off = true;
    holding.await?;
    let after = emptied(args, &server, before).await?;
    crowd.ledger.sweep(&messages)?;
    crowd.ledger.partial(&messages)?;

    memory(verdict, &samples, before, after);
    verdict.promise(
        "descriptors when all are gone",
        format!("{} (before: {})", after.descriptors, before.descriptors),
        after.descriptors <= before.descriptors,
    );
    clients(verdict, &crowd, args);
    books(verdict, &crowd.ledger);
    server.terminate()?;
    ended(verdict, server, Duration::from_secs(5)).await
}

/// Looks at the server until it is rid of all clients, or had time enough for that.
async fn emptied(args: &Args, server: &Server, before: Sample) -> io::Result<Sample> {
    let enough = Instant::now() + Duration::from_secs(args.idle + 20);
    loop {
        let now = server.sample()?;
        if now.descriptors <= before.descriptors || Instant::now() > enough {
            return Ok(now);
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Memory is flat when the last quarter of the time takes hardly more than the first: the medians differ by less than a
/// tenth and 16 MiB.
fn memory(verdict: &mut Verdict, samples: &[Sample], before: Sample, after: Sample) {
    let median = |samples: &[Sample]| {
        let mut resident: Vec<u64> = samples.iter().map(|sample| sample.resident).collect();
        resident.sort_unstable();
        resident.get(resident.len() / 2).copied().unwrap_or(0)
    };
    let quarters: Vec<u64> = samples.chunks(samples.len().div_ceil(4).max(1)).map(median).collect();
    let (first, last) = (quarters.first().copied().unwrap_or(0), quarters.last().copied().unwrap_or(0));
    let most = samples.iter().map(|sample| sample.resident).max().unwrap_or(0);
    let mebibytes = |kibibytes: u64| format!("{:.1} MiB", kibibytes as f64 / 1024.0);
    verdict.figure("clients connected", spread(samples.iter().map(|sample| sample.clients)));
    verdict.figure("descriptors of the server", spread(samples.iter().map(|sample| sample.descriptors as u64)));
    verdict.figure("threads of the server", after.threads);
    verdict.figure(
        "resident memory",
        format!(
            "{} before, {} at most, {} when all are gone",
            mebibytes(before.resident),
            mebibytes(most),
            mebibytes(after.resident)
        ),
    );
    verdict.promise(
        "memory of each quarter (median)",
        quarters.iter().copied().map(mebibytes).collect::<Vec<_>>().join(", "),
        quarters.len() == 4 && last <= first + first / 10 + (16 << 10),
    );
}

/// From the least to the most, and the average.
fn spread(values: impl Iterator<Item = u64> + Clone) -> String {
    let (least, most) = (values.clone().min().unwrap_or(0), values.clone().max().unwrap_or(0));
    let (sum, count) = values.fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    format!("{least} to {most}, on average {}", sum / count.max(1))
}

/// What the clients made of it.
fn clients(verdict: &mut Verdict, crowd: &Crowd, args: &Args) {
    let Counts { whole, turned_away, attacks, failures, .. } = &crowd.counts;
    verdict.figure("attacks", attacks.load(Ordering::Relaxed));
    verdict.figure("exchanges that clients know whole", whole.load(Ordering::Relaxed));
    let turned_away = turned_away.load(Ordering::Relaxed);
    verdict.promise("clients that were never answered", turned_away, args.is_scarce() || turned_away == 0);
    verdict.none("answered and not finished", &failures.lock().expect("no client panics with it open"));
}

/// What came of the messages.
fn books(verdict: &mut Verdict, ledger: &Ledger) {
    let Books { intact, bytes, missing, partial, faults } = ledger.close();
    verdict.promise("messages intact", format!("{intact} ({bytes} bytes)"), intact > 0);
    verdict.promise("confirmed and missing", missing, missing == 0);
    verdict.figure("files of unfinished messages", partial);
    verdict.none("files that should not be so", &faults);
}

/// The end of a server that was asked to stop: within `patience`, with exit code 0, and having said of each client
/// what became of it.
async fn ended(verdict: &mut Verdict, mut server: Server, patience: Duration) -> Result<(), Box<dyn Error>> {
    let asked = Instant::now();
    let status = loop {
        match server.exited()? {
            Some(status) => break Some(status),
            None if asked.elapsed() > patience => break None,
            None => tokio::time::sleep(TICK / 10).await,
        }
    };
    let seen = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    let kept = status.is_some_and(|status| status.success());
    verdict.promise("exit after SIGTERM", format!("{seen} after {:.1} s", asked.elapsed().as_secs_f64()), kept);
    let log = server.last_words();
    let counts = format!("{} connected, {} ended", log.opened, log.ended);
    verdict.promise("each client's end is in the log", counts, log.opened == log.ended);
    verdict.none("ends without the right reason", &log.faults);
    for (attack, times) in &log.repelled {
        verdict.figure(&format!("repelled: {attack}"), times);
    }
    for (words, times) in &log.remarks {
        verdict.figure("the server said", format!("{times} times: {words}"));
    }
    Ok(())
}

/// A smaller crowd, recorded, and a request to stop in the middle.
async fn stop(args: &Args, folder: &Path, verdict: &mut Verdict) -> Result<(), Box<dyn Error>> {
    let places = args.stop_connections;
    verdict.part(&format!("{places} connections, recorded, SIGTERM after {} s", BEFORE_STOP.as_secs()));
    let (messages, recording) = (folder.join("stopped"), folder.join("stopped.pcapng"));
    let path = recording.display().to_string();
    let server = args.start(&messages, &["--capture", &path], Limits::default())?;
    let crowd = args.crowd(&server);
    let end = Instant::now() + BEFORE_STOP;
    let holding = tokio::spawn({
        let crowd = crowd.clone();
        async move { crowd.hold(places, BEFORE_STOP / 4, end).await }
    });
    tokio::time::sleep_until(end - TICK).await;
    server.ear.log().breaking_off = true;
    server.terminate()?;
    holding.await?;
    ended(verdict, server, GRACE + Duration::from_secs(5)).await?;
    // Whole messages are entered first: what is partial then must not be one that was confirmed.
    crowd.ledger.sweep(&messages)?;
    let kept: HashMap<Name, usize> = crowd.ledger.partial(&messages)?.into_iter().collect();
    verdict.promise("messages cut off", kept.len(), !kept.is_empty());
    let acknowledged = crowd.counts.acknowledged.lock().expect("no client panics with it open");
    let vanished = |(name, bytes): &&(Name, usize)| {
        !crowd.ledger.is_intact(*name) && *bytes > kept.get(name).copied().unwrap_or(0)
    };
    let vanished: Vec<String> =
        acknowledged.iter().filter(vanished).map(|(name, bytes)| format!("{name:?}: {bytes} bytes")).collect();
    verdict.none("acknowledged and in no file", &vanished);
    books(verdict, &crowd.ledger);
    readable(verdict, &recording)
}

/// tshark reads the recording to its end and finds as many packets as decode.
fn readable(verdict: &mut Verdict, recording: &Path) -> Result<(), Box<dyn Error>> {
    let run = Command::new("tshark").args(["-n", "-r"]).arg(recording).args(["-T", "fields", "-e", "tcp.len"]).output();
    let tshark = run.map_err(|error| format!("tshark cannot be run: {error}"))?;
    let packets = tshark.stdout.iter().filter(|byte| **byte == b'\n').count();
    let words = String::from_utf8_lossy(&tshark.stderr);
    let ours = count_packets(recording)?;
    verdict.promise(
        "recording read by tshark",
        format!("{packets} packets (by arqscope {ours}), {}", tshark.status),
        tshark.status.success() && packets == ours && packets > 0 && !words.contains("cut short"),
    );
    Ok(())
}

fn count_packets(recording: &Path) -> Result<usize, Box<dyn Error>> {
    let mut capture = Capture::open(&Input::from(recording), &CaptureLimits::default())?;
    let mut packets = 0;
    while capture.next()?.is_some() {
        packets += 1;
    }
    Ok(packets)
}
