//! A server among a crowd: clients with losses on both sides, whose messages must all arrive byte for byte, and hostile
//! ones, each of which must end with a reason.
//!
//! Loopback only, bounded in time. `ARQSCOPE_SOAK_CLIENTS`, `ARQSCOPE_SOAK_HOSTILE` and `ARQSCOPE_SOAK_SEED` make it
//! larger, smaller or different; the seed is printed.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod hostile;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqscope::endpoint::{Outcome, Progress, ResendPolicy};
use arqscope::fault::{FaultPlan, RandomLoss};
use arqscope::net::{
    ClientOptions, Kept, Listener, ServerNews, ServerOptions, Stopping, Threads, block_on, served_line, transfer,
};
use arqscope::wire::{FrameLayout, MaxMsgSize};
use hostile::Attack;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The longest that everything together may take.
const BOUND: Duration = Duration::from_secs(300);

/// How long the server puts up with silence: longer than a crowd on a busy machine keeps any one client waiting.
const IDLE: Duration = Duration::from_secs(15);

/// Servers, so that P differs.
const SERVERS: usize = 8;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// SplitMix64: what is random here must be the same again with the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What the servers said: every whole message, and of every other client, by the addresses of both, why there is none.
#[derive(Default)]
struct Heard {
    messages: Vec<Vec<u8>>,
    reasons: HashMap<[SocketAddr; 2], String>,
}

#[test]
fn every_message_arrives_among_lossy_and_hostile_clients() {
    let (clients, hostile) = (setting("ARQSCOPE_SOAK_CLIENTS", 1000), setting("ARQSCOPE_SOAK_HOSTILE", 200));
    let seed = setting("ARQSCOPE_SOAK_SEED", 20_260_101);
    println!("{clients} clients, {hostile} hostile, ARQSCOPE_SOAK_SEED={seed}");
    block_on(Threads::Processors, async {
        tokio::time::timeout(BOUND, soak(clients, hostile, seed)).await.expect("it is done within its bound");
    })
    .unwrap();
}

async fn soak(clients: u64, hostile: u64, seed: u64) {
    let mut random = Random(seed);
    let heard = Arc::new(Mutex::new(Heard::default()));
    let (stop, stopping) = watch::channel(Stopping::No);
    let mut servers = JoinSet::new();
    let mut open = Vec::new();
    for _ in 0..SERVERS {
        let max_msg_size = MaxMsgSize::new(4 + random.below(40) as u16).unwrap();
        let mut options = ServerOptions::new(max_msg_size);
        options.max_clients = 4000;
        options.idle_timeout = IDLE;
        options.faults.random = Some(RandomLoss { rate: 0.03, seed: random.next() });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        open.push((address, max_msg_size));
        let heard = heard.clone();
        servers.spawn(listener.serve(options, stopping.clone(), move |news| hear(&heard, address, &news)));
    }
    let mut senders = JoinSet::new();
    for _ in 0..clients {
        let (server, max_msg_size) = open[random.below(SERVERS as u64) as usize];
        senders.spawn(send(server, max_msg_size, random.next()));
    }
    let mut attackers = JoinSet::new();
    for number in 0..hostile {
        let (server, max_msg_size) = open[random.below(SERVERS as u64) as usize];
        attackers.spawn(attack(Attack::nth(number), server, FrameLayout::new(max_msg_size)));
    }
    let sent: Vec<_> = senders.join_all().await;
    let attacked: Vec<_> = attackers.join_all().await;
    stop.send_replace(Stopping::Finish);
    servers.join_all().await;

    let mut heard = heard.lock().unwrap();
    let mut arrived: HashMap<Vec<u8>, usize> = HashMap::new();
    for message in std::mem::take(&mut heard.messages) {
        *arrived.entry(message).or_default() += 1;
    }
    for message in sent {
        let count = arrived.get_mut(&message).expect("the message arrived as it was sent");
        *count -= 1;
        if *count == 0 {
            arrived.remove(&message);
        }
    }
    assert!(arrived.is_empty(), "messages that nobody sent: {}", arrived.len());
    for (attack, ends) in attacked {
        let said = heard.reasons.get(&ends).unwrap_or_else(|| panic!("nothing was said of {attack} at {ends:?}"));
        assert!(attack.reasons().iter().any(|reason| said.contains(reason)), "{attack}: {said}");
    }
}

fn hear(heard: &Mutex<Heard>, server: SocketAddr, news: &ServerNews<'_>) {
    let ServerNews::Ended(served) = news else { return };
    let mut heard = heard.lock().unwrap();
    match &served.kept {
        Kept::Shown(message) => heard.messages.push(message.clone()),
        _ => {
            heard.reasons.insert([server, served.peer], served_line(served));
        }
    }
}

/// Sends a message that depends on `seed` alone, as everything else about it, and gives it.
async fn send(server: SocketAddr, max_msg_size: MaxMsgSize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    // N + 1 must have as many digits as P at most, which P = 4 allows up to 9,998 packages.
    let len = random.below(u64::from(max_msg_size.get()) * 300);
    // Every byte but NUL, which a slice must not end in.
    let message: Vec<u8> = (0..len).map(|_| 1 + random.below(255) as u8).collect();
    let timeout = Duration::from_millis(100 + random.below(200));
    let window = 1 + random.below(64) as u32;
    let mut options = ClientOptions::new("127.0.0.1", server.port(), window, timeout);
    if random.below(4) == 0 {
        options.policy = ResendPolicy::Eager;
        options.pace = Some(Duration::from_millis(1));
    }
    options.faults = FaultPlan { random: Some(RandomLoss { rate: 0.03, seed: random.next() }), ..FaultPlan::default() };
    let sent = transfer(&options, message.clone(), std::future::pending(), &mut |_| ()).await.unwrap();
    // On a crowded machine DISCONNECT may come later than the timeout; the message is whole all the same.
    let whole = matches!(sent.ended, Ok(Outcome::Complete | Outcome::Incomplete { message: Progress::Whole, .. }));
    assert!(whole, "window {window}, {len} bytes: {:?}", sent.ended);
    message
}

/// Attacks, and says between which addresses.
async fn attack(attack: Attack, server: SocketAddr, layout: FrameLayout) -> (Attack, [SocketAddr; 2]) {
    let mut stream = attack.connect(None, server).await.unwrap();
    let address = stream.local_addr().unwrap();
    attack.run(&mut stream, layout, IDLE * 12).await;
    (attack, [server, address])
}
