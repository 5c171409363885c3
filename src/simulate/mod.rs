//! Scenarios in virtual time: both endpoints, the way between them, and a capture of it with its ground truth.
//!
//! ```text
//! Scenario ─► Run (one a connection) ─► packets, in order of time ─► capture defects ─► capture file
//!               Client ⇄ Server                                            │
//!               through lanes and faults ──────► Ledger ─► truth ◄─────────┘
//! ```
//!
//! The endpoints are those of [`endpoint`](crate::endpoint), and they are told the time, so that a second of the exchange costs
//! nothing and the same scenario always gives the same bytes. Each connection advances by itself from packet to packet;
//! connections meet only in the order of their packets' times. Nothing is kept of what has passed: memory grows with
//! the connections that are open at one time, not with their frames.

mod capture;
pub mod command;
mod lane;
mod run;
pub mod scenario;
mod station;
pub mod truth;

pub use capture::CaptureTarget;
pub use truth::{Chronicle, PacketCounts, TruthWriter};

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;

use capture::Capture;
use run::{Run, addresses};
use scenario::{Exchange, Message, ResendKey, Scenario};
use truth::{ConnectionTruth, Ledger};

use crate::endpoint::{ConfigError, Outcome};

/// The longest message that a truth file quotes.
const QUOTED: usize = 4096;

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The capture or the truth cannot be written.
    #[error("cannot write the simulation: {0}")]
    Output(#[from] io::Error),
    /// A client refuses its parameters.
    #[error("connection {connection}: {error}")]
    Config {
        /// Which connection.
        connection: u32,
        /// Why.
        error: ConfigError,
    },
}

/// What a simulation came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets.
    pub packets: PacketCounts,
    /// Connections that ended with DISCONNECT on both sides.
    pub complete: u64,
    /// Connections.
    pub connections: u64,
}

/// Runs `scenario`, hands each packet of the capture to `target` and, where one is given, the truth to `chronicle`.
///
/// # Errors
/// When one of them does not take what it is given.
pub fn simulate<T: CaptureTarget>(
    scenario: &Scenario,
    target: T,
    mut chronicle: Option<&mut dyn Chronicle>,
) -> Result<(Summary, T), SimulationError> {
    let told = chronicle.is_some();
    let mut capture = Capture::new(scenario, target, told);
    let mut summary = Summary::default();
    let mut to_open = opening_order(&scenario.exchanges).into_iter().peekable();
    let mut runs: Vec<Option<Run>> = Vec::new();
    let mut free: Vec<u32> = Vec::new();
    let mut next: BinaryHeap<Reverse<Turn>> = BinaryHeap::new();
    loop {
        let top = next.peek().map_or(u64::MAX, |Reverse(turn)| turn.time());
        if let Some((opens, id)) = to_open.next_if(|(opens, _)| *opens <= top) {
            let Some(exchange) = scenario.exchanges.get(id as usize) else { continue };
            let ledger = told.then(|| Box::new(Ledger::new(id, scenario.start, exchange)));
            let mut run = Run::new(id, scenario, exchange, ledger)
                .map_err(|error| SimulationError::Config { connection: id, error })?;
            let time = run.next_packet().unwrap_or(opens);
            // There are no more than there are numbers for.
            let slot = free.pop().unwrap_or(runs.len() as u32);
            if slot as usize == runs.len() {
                runs.push(None);
            }
            runs[slot as usize] = Some(run);
            next.push(Reverse(Turn::new(time, id, slot)));
            continue;
        }
        let Some(mut top) = next.peek_mut() else { break };
        let (id, slot) = (top.0.id(), top.0.slot());
        let Some(run) = runs.get_mut(slot as usize).and_then(Option::as_mut) else {
            PeekMut::pop(top);
            continue;
        };
        capture.about(run.about());
        run.emit(&mut capture)?;
        let following = run.next_packet();
        if let Some(time) = following {
            top.0 = Turn::new(time, id, slot);
            drop(top);
        } else {
            PeekMut::pop(top);
        }
        if following.is_none() || told {
            let over = following.is_none();
            let Some(run) = runs.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            if let Some(chronicle) = chronicle.as_deref_mut() {
                tell(run, &mut capture, over, chronicle)?;
            }
            if over {
                summary.connections += 1;
                summary.complete += u64::from(run.outcomes().iter().all(|o| matches!(o, Some(Outcome::Complete))));
                capture.connection_over(id);
                if let (Some(chronicle), Some(exchange)) =
                    (chronicle.as_deref_mut(), scenario.exchanges.get(id as usize))
                {
                    tell(run, &mut capture, false, chronicle)?;
                    chronicle.connection(connection_truth(run, exchange))?;
                }
                runs[slot as usize] = None;
                free.push(slot);
            }
        }
    }
    capture.release(None)?;
    if let Some(chronicle) = chronicle {
        for event in capture.decided.drain(..) {
            chronicle.event(&event)?;
        }
    }
    let (packets, target) = capture.finish();
    summary.packets = packets;
    Ok((summary, target))
}

/// The next packet of an open connection: time, then number, so that the order is always the same, then where the connection
/// is kept. In one number, two of which are compared without a branch that nobody can foresee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u128);

impl Turn {
    const fn new(time: u64, id: u32, slot: u32) -> Self {
        Self((time as u128) << 64 | (id as u128) << 32 | slot as u128)
    }

    const fn time(self) -> u64 {
        (self.0 >> 64) as u64
    }

    const fn id(self) -> u32 {
        (self.0 >> 32) as u32
    }

    const fn slot(self) -> u32 {
        self.0 as u32
    }
}

/// Hands on what has been decided.
fn tell<T: CaptureTarget>(
    run: &mut Run,
    capture: &mut Capture<'_, T>,
    over: bool,
    chronicle: &mut dyn Chronicle,
) -> io::Result<()> {
    let last_pass = run.last_pass();
    if let Some(ledger) = run.ledger() {
        if over {
            ledger.ended(last_pass);
        }
        for event in ledger.decided.drain(..) {
            chronicle.event(&event)?;
        }
    }
    for event in capture.decided.drain(..) {
        chronicle.event(&event)?;
    }
    Ok(())
}

fn opening_order(exchanges: &[Exchange]) -> Vec<(u64, u32)> {
    let mut order: Vec<(u64, u32)> =
        (0_u32..).zip(exchanges).map(|(id, exchange)| (exchange.opens.nanos(), id)).collect();
    order.sort_unstable();
    order
}

fn connection_truth(run: &mut Run, exchange: &Exchange) -> ConnectionTruth {
    let id = run.id();
    let [client, server] = addresses(id).map(|end| std::net::SocketAddr::new(end.addr, end.port).to_string());
    let [client_outcome, server_outcome] = run.outcomes().map(outcome_text);
    let mut crc = flate2::Crc::new();
    exchange.message.for_each_piece(|piece| crc.update(piece));
    let message = match &exchange.message {
        Message::Bytes(bytes) if bytes.len() <= QUOTED => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    };
    let delivered_len = run.delivered();
    let (frames, delivered) =
        run.ledger().map_or_else(Default::default, |ledger| (ledger.counts, ledger.delivered.sum()));
    ConnectionTruth {
        connection: id,
        client,
        server,
        maximum_msg_size: exchange.max_msg_size.get(),
        window_size: exchange.window,
        timeout: exchange.timeout.seconds(),
        resend: match exchange.resend {
            ResendKey::Timer => "timer",
            ResendKey::Eager => "eager",
        },
        packages: exchange.message.len().div_ceil(u64::from(exchange.max_msg_size.get())),
        message_len: exchange.message.len(),
        message_crc32: format!("{:08x}", crc.sum()),
        message,
        delivered_len,
        delivered_crc32: format!("{delivered:08x}"),
        client_outcome,
        server_outcome,
        frames,
    }
}

fn outcome_text(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => "unfinished".to_owned(),
        Some(Outcome::Complete) => "complete".to_owned(),
        Some(Outcome::Incomplete { why, .. }) => why.to_string(),
        Some(Outcome::Failed(error)) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
