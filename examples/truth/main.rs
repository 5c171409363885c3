//! The analysis against the truth: simulates random exchanges, analyses their captures, and compares what the analysis
//! says with what the simulation knows.
//!
//! ```text
//! cargo run --release --example truth -- --exchanges 10000 --seed 1
//! ```

mod account;
mod complete;
mod exchanges;
mod play;
mod quiet;
mod spoilt;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use account::Account;

/// Compares the analysis with the truth, over random simulated exchanges.
///
/// Each exchange is simulated twice from its seed, in memory: with a complete capture, of which every visible event must be
/// found with its class and cause and nothing else; and with a capture that lacks something, of which nothing may be
/// claimed that is not so. A third, without any fault and with a timeout above the largest delay, must be quiet. Ends with
/// exit code 1 if anything differs; one line says which exchange and what, and
/// `--seed` with that number and `--exchanges 1` plays it alone.
#[derive(Debug, Parser)]
#[command(name = "truth")]
struct Args {
    /// How many exchanges, each with three captures
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    exchanges: u64,
    /// The first exchange's seed; the others count on from it
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Differences to print
    #[arg(long, value_name = "N", default_value_t = 10)]
    differences: usize,
    /// Writes the captures of the first exchange to DIR, as complete.pcapng, spoilt.pcapng and quiet.pcapng
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

fn main() -> io::Result<ExitCode> {
    let args = Args::parse();
    let mut account = Account::default();
    for seed in args.seed..args.seed.saturating_add(args.exchanges) {
        account.exchange(seed);
    }
    if let Some(folder) = &args.write {
        std::fs::create_dir_all(folder)?;
        let scenarios = [
            ("complete", exchanges::complete(args.seed)),
            ("spoilt", exchanges::spoilt(args.seed)),
            ("quiet", exchanges::quiet(args.seed)),
        ];
        for (name, scenario) in scenarios {
            std::fs::write(folder.join(name).with_extension("pcapng"), play::play(&scenario).capture)?;
        }
    }
    let mut out = io::stdout().lock();
    account.print(&mut out, args.seed, args.differences)?;
    out.flush()?;
    Ok(if account.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
