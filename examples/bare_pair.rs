//! The floor of `scripts/compare_exchange.sh`: one exchange of a bare pair of threads, as a whole command.
//!
//! ```text
//! bare_pair plain|batched P WINDOW PACKAGES
//! bare_pair raw BYTES
//! ```

#[path = "../benches/bare/mod.rs"]
mod bare;

use std::io::Write;

use bare::{Load, Sockets};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let sockets = match args.first().map(String::as_str) {
        Some("plain") => Sockets::Plain,
        Some("batched") => Sockets::Batched,
        Some("raw") => return say(bare::raw(argument(&args, 1)?)),
        _ => return Err("needs plain, batched or raw".into()),
    };
    let load = Load { max_msg_size: argument(&args, 1)?, window: argument(&args, 2)?, packages: argument(&args, 3)? };
    say(bare::exchange(load, sockets))
}

fn argument<T: std::str::FromStr<Err: std::error::Error + 'static>>(
    args: &[String],
    at: usize,
) -> Result<T, Box<dyn std::error::Error>> {
    Ok(args.get(at).ok_or("an argument is missing")?.parse()?)
}

fn say(taken: std::time::Duration) -> Result<(), Box<dyn std::error::Error>> {
    Ok(writeln!(std::io::stdout(), "{:.6}", taken.as_secs_f64())?)
}
