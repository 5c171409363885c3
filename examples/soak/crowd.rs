//! The clients: so many places, each held by one client after another until the time is over.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqscope::endpoint::{Outcome, Progress, Stop};
use arqscope::fault::{FaultPlan, RandomLoss};
use arqscope::net::{ClientOptions, NetError, Transfer, transfer};
use arqscope::wire::{FrameLayout, MaxMsgSize, Name as FrameName};
use oorandom::Rand64;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::hostile::Attack;
use crate::ledger::{FIRST_LINE, Ledger, Name};
use crate::process::Ear;

/// Hostile clients come from so many addresses of the loopback network, 127.0.0.2 and on: one has ports for 28,000.
const ADDRESSES: u64 = 8;

/// How many of the honest clients send a long message as fast as they can: one of so many.
const ONE_IS_FAST: u64 = 50;

/// How many of the attacks that cost much are made: one of so many. The others of these clients are silent.
const ONE_IS_HEAVY: u64 = 4;

/// Failures that are kept word for word.
const KEPT_FAILURES: usize = 20;

/// What all clients share.
pub(crate) struct Crowd {
    /// Where they go.
    pub(crate) server: SocketAddr,
    /// Who is told which of them are hostile.
    pub(crate) ear: Ear,
    /// What it announces.
    pub(crate) max_msg_size: MaxMsgSize,
    /// Share of the clients that are hostile.
    pub(crate) hostile: f64,
    /// What everything random follows from.
    pub(crate) seed: u64,
    /// How long the server puts up with silence.
    pub(crate) idle: Duration,
    /// The share of packages that honest clients lose.
    pub(crate) loss: f64,
    /// What honest clients send.
    pub(crate) ledger: Ledger,
    /// What became of them.
    pub(crate) counts: Counts,
}

/// What became of the clients so far.
#[derive(Default)]
pub(crate) struct Counts {
    /// Exchanges that honest clients know to be whole.
    pub(crate) whole: AtomicU64,
    /// Clients that were never answered, and took what they had away again.
    pub(crate) turned_away: AtomicU64,
    /// Hostile clients that got as far as attacking.
    pub(crate) attacks: AtomicU64,
    /// Honest clients that were answered and could not finish, in words.
    pub(crate) failures: Mutex<Vec<String>>,
    /// How much of its message each of those had acknowledged, in bytes.
    pub(crate) acknowledged: Mutex<Vec<(Name, usize)>>,
}

impl Crowd {
    /// Fills `places` one after another within `ramp`, and keeps each filled until `end`. Hostile clients leave then;
    /// honest ones finish.
    pub(crate) async fn hold(self: &Arc<Self>, places: u32, ramp: Duration, end: Instant) {
        let mut tasks = JoinSet::new();
        let begin = Instant::now();
        for place in 0..places {
            let crowd = self.clone();
            tasks.spawn(async move {
                tokio::time::sleep_until(begin + ramp.mul_f64(f64::from(place) / f64::from(places))).await;
                crowd.fill(place, end).await;
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn fill(&self, place: u32, end: Instant) {
        // Evenly spread: places at which the number of hostile ones up to there grows.
        let up_to = |place: u32| (f64::from(place) * self.hostile) as u64;
        let (before, after) = (up_to(place), up_to(place + 1));
        let mut life = 0;
        while Instant::now() < end {
            let name = Name { place, life };
            if after > before {
                let attack = match Attack::nth(before + u64::from(life) * Attack::KINDS) {
                    attack if attack.is_heavy() && !(before / Attack::KINDS).is_multiple_of(ONE_IS_HEAVY) => {
                        Attack::Silence
                    }
                    attack => attack,
                };
                let _ = tokio::time::timeout_at(end, self.attack(attack, before)).await;
            } else {
                self.send(name).await;
            }
            life += 1;
        }
    }

    async fn attack(&self, attack: Attack, number: u64) {
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2 + (number % ADDRESSES) as u8));
        let Ok(mut stream) = attack.connect(Some(from), self.server).await else { return };
        let Ok(address) = stream.local_addr() else { return };
        self.ear.log().hostile.entry(address).or_default().push_back(attack);
        self.counts.attacks.fetch_add(1, Ordering::Relaxed);
        // It bides its time, or those whose attack is over at once would be gone most of the time.
        let bide = self.idle.mul_f64(0.1 + (number % 10) as f64 / 50.0);
        // A server never speaks first, nor ends so soon what it has let in.
        if tokio::time::timeout(bide, stream.readable()).await.is_ok() {
            self.ear.log().forget(address, attack);
            self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(bide).await;
            return;
        }
        attack.run(&mut stream, FrameLayout::new(self.max_msg_size), self.idle * 24).await;
    }

    async fn send(&self, name: Name) {
        let mut random =
            Rand64::new(u128::from(self.seed) << 64 | u128::from(name.life) << 32 | u128::from(name.place));
        let capacity = u64::from(self.max_msg_size.get());
        let fast = random.rand_range(0..ONE_IS_FAST) == 0;
        let (packages, pace) = if fast {
            (random.rand_range(100..1000), 0)
        } else {
            (random.rand_range(1..30), random.rand_range(200..1000))
        };
        let len = (packages * capacity - random.rand_range(0..capacity)).max(FIRST_LINE as u64) as usize;
        let SocketAddr::V4(server) = self.server else { return };
        // Longer than anything waits here on a crowded machine, shorter than the server's patience.
        let timeout = self.idle / 8;
        let mut options =
            ClientOptions::new(&server.ip().to_string(), server.port(), 1 + random.rand_range(0..32) as u32, timeout);
        options.pace = Some(Duration::from_millis(pace));
        let lost = RandomLoss { rate: self.loss, seed: random.rand_u64() };
        options.faults = FaultPlan { random: Some(lost), ..FaultPlan::default() };
        self.ledger.sent(name);
        let sent = transfer(&options, self.ledger.message(name, len), std::future::pending(), &mut |_| ()).await;
        match sent {
            Ok(Transfer { ended: Ok(Outcome::Complete), .. })
            | Ok(Transfer { ended: Ok(Outcome::Incomplete { message: Progress::Whole, .. }), .. }) => {
                self.ledger.confirmed(name);
                self.counts.whole.fetch_add(1, Ordering::Relaxed);
            }
            sent if was_turned_away(&sent) => {
                self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
                // As somebody would: not at once.
                tokio::time::sleep(self.idle / 10).await;
            }
            Ok(Transfer { ended, tally, .. }) => {
                let acknowledged = (tally.acknowledged.0.unsigned_abs() as usize * capacity as usize).min(len);
                push(&self.counts.acknowledged, (name, acknowledged), usize::MAX);
                push(&self.counts.failures, format!("{name:?}: {ended:?}"), KEPT_FAILURES);
            }
            Err(error) => push(&self.counts.failures, format!("{name:?}: {error}"), KEPT_FAILURES),
        }
    }
}

/// True when the server never answered: it had no place, and said so by a reset or not at all. The first answer brings
/// the size of a package, without which there is no number of packages.
fn was_turned_away(sent: &Result<Transfer, NetError>) -> bool {
    match sent {
        Ok(Transfer {
            ended: Ok(Outcome::Incomplete { why, message: Progress::Through { of: None, .. } }), ..
        }) => {
            matches!(why, Stop::Reset | Stop::NoAnswer { to: FrameName::GetMax, .. })
        }
        Err(NetError::NoAnswer { .. } | NetError::Connect { .. }) => true,
        _ => false,
    }
}

fn push<T>(list: &Mutex<Vec<T>>, entry: T, most: usize) {
    let mut list = list.lock().expect("nobody panics with the list open");
    if list.len() < most {
        list.push(entry);
    }
}
