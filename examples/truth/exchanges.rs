//! Random exchanges between a client and a server that keep the rules.

use arqscope::simulate::scenario::{
    Cutting, DEFAULT_START, Defects, Exchange, Losses, Message, Numbers, ResendKey, Scenario, Span, Vantage,
};
use arqscope::wire::{MaxMsgSize, Side};
use oorandom::Rand64;

const MILLISECOND: u64 = 1_000_000;

struct Chance(Rand64);

impl Chance {
    fn new(seed: u64, of: u64) -> Self {
        Self(Rand64::new(u128::from(seed) << 64 | u128::from(of)))
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0.rand_range(0..n)
    }

    /// From the first to the last, both included.
    fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    fn one<T: Copy, const N: usize>(&mut self, of: [T; N]) -> T {
        of[usize::try_from(self.below(N as u64)).unwrap_or(0)]
    }

    fn yes(&mut self, in_so_many: u64) -> bool {
        self.below(in_so_many) == 0
    }

    /// Nanoseconds from none to `most`, small ones as often as large ones.
    fn span(&mut self, most: u64) -> Span {
        let most = self.one([most / 1000, most / 30, most]).max(1);
        nanos(self.below(most))
    }

    /// Up to five positions.
    fn positions(&mut self, packages: u64) -> Numbers {
        (0..self.below(6)).map(|_| self.within(1, packages + 1)).collect()
    }
}

fn nanos(nanos: u64) -> Span {
    Span::from_nanos(nanos).unwrap_or_default()
}

/// One connection with losses of every kind, and a capture of all of it, from anywhere between client and server.
pub(crate) fn complete(seed: u64) -> Scenario {
    let mut chance = Chance::new(seed, 0);
    let packages = chance.one([0, 1, 2, 12, 30, 60]);
    let packages = chance.within(packages / 2, packages);
    let exchange = exchange(&mut chance, packages);
    let vantage = chance.one([0.0, 0.0, 0.25, 0.5, 0.9, 1.0, 1.0]);
    let vantage = Vantage::from_share(vantage).unwrap_or(Vantage::CLIENT);
    Scenario { seed, start: DEFAULT_START, vantage, exchanges: vec![exchange], defects: Defects::default() }
}

fn exchange(chance: &mut Chance, packages: u64) -> Exchange {
    let mut exchange = any_exchange(chance, packages);
    // Four resends of each of sixty packages at most are under way: the analysis follows 256 until it knows why.
    let least = longest_way(&exchange) / 4;
    exchange.timeout = nanos(exchange.timeout.nanos().max(least));
    exchange
}

/// From a package's writing to its ACK's being read, at most, when nothing queues.
fn longest_way(exchange: &Exchange) -> u64 {
    let way = [
        exchange.delay_to_server,
        exchange.delay_to_client,
        exchange.jitter,
        exchange.jitter,
        exchange.client_processing,
        exchange.server_processing,
    ];
    way.iter().map(|span| span.nanos()).sum()
}

fn any_exchange(chance: &mut Chance, packages: u64) -> Exchange {
    let size = chance.one([4, 5, 6, 7, 10, 11, 18, 19, 300, 9999]);
    // N + 1 must fit into P digits: so it does, up to sixty.
    let max_msg_size = MaxMsgSize::new(size).unwrap_or(MaxMsgSize::MIN);
    let len = (packages * u64::from(size)).saturating_sub(chance.below(u64::from(size)));
    let lossy = chance.one([0.0, 0.0, 0.0, 0.05, 0.2, 0.5]);
    let resend = chance.one([ResendKey::Timer, ResendKey::Eager]);
    Exchange {
        opens: nanos(chance.below(5 * MILLISECOND)),
        message: Message::Letters(len),
        max_msg_size,
        window: u32::try_from(chance.one([1, 2, 3, 4, 7, 40])).unwrap_or(1),
        timeout: nanos(chance.one([2, 20, 150, 1000, 3000]) * MILLISECOND + chance.below(MILLISECOND)),
        resend,
        // Well above what sent_time, a double of Unix seconds, can tell apart.
        pace: chance.yes(2).then(|| nanos(chance.span(700 * MILLISECOND).nanos().max(MILLISECOND / 100))),
        // A rate may hit every copy.
        max_resends: (lossy > 0.3 || chance.yes(3)).then(|| u32::try_from(chance.below(6)).unwrap_or(0)),
        delay_to_server: chance.span(60 * MILLISECOND),
        delay_to_client: chance.span(60 * MILLISECOND),
        jitter: chance.span(30 * MILLISECOND),
        client_processing: chance.span(5 * MILLISECOND),
        server_processing: chance.span(20 * MILLISECOND),
        losses: Losses {
            messages: chance.positions(packages),
            acks: chance.positions(packages),
            done: u32::try_from(chance.one([0, 0, 1, 3])).unwrap_or(0),
            message_rate: if chance.yes(2) { lossy } else { 0.0 },
            ack_rate: if chance.yes(2) { lossy } else { 0.0 },
        },
        cutting: match chance.below(4) {
            0 => Cutting::PerFrame,
            1 => Cutting::Coalesced(u32::try_from(chance.within(60, 4000)).unwrap_or(60)),
            2 => Cutting::Lengths([7, 30, 1, 90].into()),
            _ => Cutting::Random(1, u32::try_from(chance.within(2, 200)).unwrap_or(2)),
        },
    }
}

/// The same exchange without a fault, its client waiting for its timer, which ends after the longest answer.
pub(crate) fn quiet(seed: u64) -> Scenario {
    let mut scenario = complete(seed);
    for exchange in &mut scenario.exchanges {
        exchange.losses = Losses::default();
        exchange.resend = ResendKey::Timer;
        exchange.timeout = nanos(exchange.timeout.nanos() + 2 * longest_way(exchange));
    }
    scenario
}

/// The same exchange, and a capture that lacks something.
pub(crate) fn spoilt(seed: u64) -> Scenario {
    let mut scenario = complete(seed);
    let mut chance = Chance::new(seed, 1);
    let defects = &mut scenario.defects;
    match chance.below(10) {
        0 => defects.drop_rate = chance.one([0.02, 0.1, 0.3]),
        1 => defects.drop = (0..chance.within(1, 4)).map(|_| chance.within(1, 40)).collect(),
        2 => defects.snaplen = Some(u32::try_from(chance.within(54, 140)).unwrap_or(60)),
        3 => defects.no_handshake = true,
        4 => defects.only = Some(chance.one([Side::Client, Side::Server])),
        5 => defects.reorder_rate = chance.one([0.05, 0.3]),
        6 => (defects.reorder_rate, defects.duplicate_rate, defects.drop_rate) = (0.1, 0.1, chance.one([0.0, 0.05])),
        // Out of order where nothing else tells the order.
        7 => (defects.no_handshake, defects.reorder_rate) = (true, chance.one([0.05, 0.3])),
        8 => {
            defects.only = Some(chance.one([Side::Client, Side::Server]));
            defects.reorder_rate = chance.one([0.1, 0.4]);
        }
        _ => {
            defects.from = nanos(chance.below(2000 * MILLISECOND));
            defects.until = chance.yes(2).then(|| nanos(chance.within(2000, 9000) * MILLISECOND));
            defects.drop_rate = chance.one([0.0, 0.05]);
        }
    }
    scenario
}

/// What a capture lacks, in words.
pub(crate) fn lacks(defects: &Defects) -> String {
    let mut words = Vec::new();
    let mut say = |said: bool, what: String| words.extend(said.then_some(what));
    say(!defects.drop.is_empty(), format!("packets {}", defects.drop));
    say(defects.drop_rate > 0.0, format!("{} of all packets", defects.drop_rate));
    say(defects.snaplen.is_some(), format!("bytes beyond {}", defects.snaplen.unwrap_or_default()));
    say(defects.no_handshake, "the handshake".to_owned());
    say(defects.only.is_some(), defects.only.map_or_else(String::new, |side| format!("the {}", side.other())));
    say(defects.from.nanos() > 0, format!("what was before {} s", defects.from.seconds()));
    say(defects.until.is_some(), format!("what was after {} s", defects.until.map_or(0.0, Span::seconds)));
    say(defects.reorder_rate > 0.0, format!("the order of {}", defects.reorder_rate));
    words.join(", ")
}
