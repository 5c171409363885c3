//! Exchanges per second over loopback: the client and server beside the least that can exchange the same frames, and
//! beside what loopback carries.
//!
//! All run in the same process, in turn, so that whatever else the machine does hits all alike; the figures are medians,
//! and the ratios medians of the rounds' own ratios. `-- --test` runs each once and small.
//!
//! * `frame by frame`: a bare pair of threads with one system call a frame ([`bare`]).
//! * `batched`: the same pair with everything that is ready in one call.
//! * `arqscope`: [`transfer`] and [`Listener::serve`], a thread each, with the policy of the timer and no loss.
//! * `raw`: 64 KiB writes one way, as bytes per second.

#[path = "bare/mod.rs"]
mod bare;

use std::io::Write;
use std::time::{Duration, Instant};

use arqscope::net::{ClientOptions, Listener, ServerOptions, Stopping, Threads, block_on, transfer};
use arqscope::wire::MaxMsgSize;
use bare::{Load, Sockets};

/// P, window, packages.
const LOADS: [(u16, u32, u32); 6] = [
    (10, 1, 30_000),
    (10, 3, 60_000),
    (10, 64, 1_000_000),
    (10, 400, 2_000_000),
    (1000, 64, 300_000),
    (9999, 64, 50_000),
];

fn main() -> std::io::Result<()> {
    let smoke = std::env::args().any(|arg| arg == "--test");
    let rounds = if smoke { 1 } else { 7 };
    let mut out = std::io::stdout().lock();
    let raw_bytes = if smoke { 1 << 20 } else { 2 << 30 };
    let raw = median((0..rounds).map(|_| raw_bytes as f64 / bare::raw(raw_bytes).as_secs_f64()));
    writeln!(out, "raw loopback: {:.2} GB/s one way\n", raw / 1e9)?;
    writeln!(
        out,
        "{:>5} {:>6} {:>9} | {:>14} {:>10} {:>10} | {:>9} {:>10} {:>8}",
        "", "", "", "thousand", "exchanges", "a second", "arqscope", "is times", ""
    )?;
    writeln!(
        out,
        "{:>5} {:>6} {:>9} | {:>14} {:>10} {:>10} | {:>9} {:>10} {:>8}",
        "P", "window", "packages", "frame by frame", "batched", "arqscope", "batched", "by frame", "raw"
    )?;
    for (max_msg_size, window, packages) in LOADS {
        let load = Load { max_msg_size, window, packages: if smoke { packages / 500 } else { packages } };
        let few = Load { packages: load.packages.min(100_000), ..load };
        let (mut plain, mut batched, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            plain.push(rate(few, bare::exchange(few, Sockets::Plain)));
            batched.push(rate(load, bare::exchange(load, Sockets::Batched)));
            ours.push(rate(load, arqscope_pair(load)));
        }
        let ratio = |floor: &[f64]| median(ours.iter().zip(floor).map(|(ours, floor)| ours / floor));
        let bytes = median(ours.iter().copied()) * 2.0 * load.layout().len() as f64;
        writeln!(
            out,
            "{max_msg_size:>5} {window:>6} {:>9} | {:>14.0} {:>10.0} {:>10.0} | {:>9.2} {:>10.1} {:>8.2}",
            load.packages,
            median(plain.iter().copied()) / 1e3,
            median(batched.iter().copied()) / 1e3,
            median(ours.iter().copied()) / 1e3,
            ratio(&batched),
            ratio(&plain),
            bytes / raw,
        )?;
    }
    Ok(())
}

/// Packages, each with its ACK, a second.
fn rate(load: Load, taken: Duration) -> f64 {
    f64::from(load.packages) / taken.as_secs_f64()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One exchange of the client and the server, a thread each, from connecting to DISCONNECT.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn arqscope_pair(load: Load) -> Duration {
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let mut options = ServerOptions::new(MaxMsgSize::new(load.max_msg_size).expect("in range"));
        options.count = Some(1);
        let (_keep, stopping) = tokio::sync::watch::channel(Stopping::No);
        block_on(Threads::One, async {
            let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("loopback");
            tell.send(listener.local_addr().expect("bound")).expect("the client waits");
            listener.serve(options, stopping, |_| ()).await
        })
    });
    let address = told.recv().expect("the server is bound");
    let message = vec![b'x'; usize::from(load.max_msg_size) * load.packages as usize];
    let options = ClientOptions::new("127.0.0.1", address.port(), load.window, Duration::from_secs(5));
    let start = Instant::now();
    let sent = block_on(Threads::One, transfer(&options, message, std::future::pending(), &mut |_| ()));
    assert!(sent.expect("a runtime").expect("loopback").is_complete());
    server.join().expect("the server thread does not panic").expect("a runtime");
    start.elapsed()
}
