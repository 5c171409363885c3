//! From keys to a scenario: defaults, limits, and what does not go together.

use std::sync::Arc;

use super::keys::ExchangeKeys;
use super::refusal::Place;
use super::{
    CaptureKeys, Cutting, DEFAULT_MESSAGE, DEFAULT_START, Defects, Exchange, Given, Losses, Message, Numbers,
    ResendKey, Scenario, ScenarioError, ScenarioFile, ScenarioKeys, SideKey, Span, TcpKeys, Vantage, VantageKey,
};
use crate::conversation::MAX_SEGMENT;
use crate::time::Timestamp;
use crate::wire::{MaxMsgSize, Side};

/// So many clients have addresses, and their parameters room in memory.
const MAX_CONNECTIONS: u32 = 1_000_000;
/// GET_MAX, RETURN_MAX, DONE and its ACK, CLOSE, DISCONNECT.
const FRAMES_BESIDE_THE_MESSAGE: u64 = 6;

const DEFAULT_MAX_MSG_SIZE: u16 = 10;
const DEFAULT_WINDOW: u32 = 3;
const DEFAULT_TIMEOUT: u64 = 2_000_000_000;
const DEFAULT_DELAY: u64 = 20_000;
const DEFAULT_PROCESSING: u64 = 10_000;
const DEFAULT_STAGGER: u64 = 1_000_000;

/// Says which key is wrong.
struct Refuse<'a> {
    file: Option<&'a ScenarioFile>,
}

impl Refuse<'_> {
    fn because<T, V>(&self, key: &str, given: Option<&Given<V>>, problem: String) -> Result<T, ScenarioError> {
        let place = Place::new(self.file, given.map(|given| &given.origin));
        Err(ScenarioError::Value { place, key: key.to_owned(), problem })
    }

    /// `given`'s value when it is within `min..=max`, else `default`, which is not checked.
    fn number<V>(&self, key: &str, given: Option<&Given<V>>, default: V, (min, max): (V, V)) -> Result<V, ScenarioError>
    where
        V: Copy + PartialOrd + std::fmt::Display,
    {
        match given {
            None => Ok(default),
            Some(g) if min <= g.value && g.value <= max => Ok(g.value),
            Some(g) => self.because(key, given, format!("{} is outside {min} to {max}", g.value)),
        }
    }

    fn rate(&self, key: &str, given: Option<&Given<f64>>) -> Result<f64, ScenarioError> {
        self.number(key, given, 0.0, (0.0, 1.0))
    }
}

pub(super) fn scenario(file: Option<&ScenarioFile>, options: &ScenarioKeys) -> Result<Scenario, ScenarioError> {
    let nothing = ScenarioKeys::default();
    let keys = file.map_or(&nothing, |file| &file.keys);
    let whole = options.capture_over(keys);
    let refuse = Refuse { file };
    let start = match &whole.start {
        None => DEFAULT_START,
        Some(given) => match given.value.parse::<Timestamp>() {
            Ok(start) if start.nanos() >= 0 && start.nanos() < i128::from(i64::MAX / 2) => start,
            Ok(_) => {
                return refuse.because("start", whole.start.as_ref(), "needs a moment from 1970 to 2115".to_owned());
            }
            Err(error) => return refuse.because("start", whole.start.as_ref(), error.to_string()),
        },
    };
    Ok(Scenario {
        seed: whole.seed.as_ref().map_or(1, |given| given.value),
        start,
        vantage: vantage(&refuse, whole.vantage.as_ref())?,
        exchanges: exchanges(&refuse, &whole, keys, options)?,
        defects: defects(&refuse, &whole.capture)?,
    })
}

fn vantage(refuse: &Refuse<'_>, given: Option<&Given<VantageKey>>) -> Result<Vantage, ScenarioError> {
    let found = match given.map(|given| &given.value) {
        None => Some(Vantage::CLIENT),
        Some(VantageKey::Share(share)) => Vantage::from_share(*share),
        Some(VantageKey::Named(name)) => match name.as_str() {
            "client" => Some(Vantage::CLIENT),
            "server" => Some(Vantage::SERVER),
            share => share.parse().ok().and_then(Vantage::from_share),
        },
    };
    let problem = || "needs `client`, `server`, or the share of the way from the client, 0 to 1".to_owned();
    found.map_or_else(|| refuse.because("vantage", given, problem()), Ok)
}

fn exchanges(
    refuse: &Refuse<'_>,
    whole: &ScenarioKeys,
    file: &ScenarioKeys,
    options: &ScenarioKeys,
) -> Result<Vec<Exchange>, ScenarioError> {
    let stagger = whole.stagger.as_ref().map_or(DEFAULT_STAGGER, |given| given.value.nanos());
    let opens = |index: u64| {
        let opens = stagger.checked_mul(index).and_then(Span::from_nanos);
        let problem = || format!("connection {index} would open after more than a year: give a smaller stagger");
        opens.map_or_else(|| refuse.because("stagger", whole.stagger.as_ref(), problem()), Ok)
    };
    if !file.connection.is_empty() {
        if whole.connections.is_some() {
            let problem =
                "the scenario has [[connection]] sections, whose number it is: leave one of them out".to_owned();
            return refuse.because("connections", whole.connections.as_ref(), problem);
        }
        if whole.frames.is_some() {
            let problem = "sets every message's size, which [[connection]] sections do themselves".to_owned();
            return refuse.because("frames", whole.frames.as_ref(), problem);
        }
        let mut exchanges = Vec::with_capacity(file.connection.len());
        for (index, connection) in (0_u64..).zip(&file.connection) {
            let keys = options.exchange().over(&connection.exchange().over(&file.exchange()));
            let opens = connection.opens.as_ref().map_or_else(|| opens(index), |given| Ok(given.value))?;
            exchanges.push(exchange(refuse, &keys, opens, None)?);
        }
        return Ok(exchanges);
    }
    let keys = options.exchange().over(&file.exchange());
    let connections = refuse.number("connections", whole.connections.as_ref(), 1, (1, MAX_CONNECTIONS))?;
    let count = u64::from(connections);
    if let Some(frames) = &whole.frames {
        let least = FRAMES_BESIDE_THE_MESSAGE * count;
        if frames.value < least {
            let problem = format!(
                "{} frames do not do for {count} connections: each needs {FRAMES_BESIDE_THE_MESSAGE} beside its message, so at least {least}",
                frames.value
            );
            return refuse.because("frames", whole.frames.as_ref(), problem);
        }
        if keys.client.message.is_some() || keys.client.message_size.is_some() {
            let problem =
                "sets the messages' size, and so does a message or message_size: leave one of them out".to_owned();
            return refuse.because("frames", whole.frames.as_ref(), problem);
        }
    }
    let template = exchange(refuse, &keys, Span::ZERO, whole.frames.as_ref().map(|frames| (frames, count)))?;
    let mut exchanges = vec![template; count as usize];
    if let Some(frames) = &whole.frames {
        // Two frames for each position; what is left over goes to the first connections.
        let pairs = (frames.value - FRAMES_BESIDE_THE_MESSAGE * count) / 2;
        for (index, exchange) in (0_u64..).zip(&mut exchanges) {
            let positions = pairs / count + u64::from(index < pairs % count);
            exchange.message = Message::Letters(positions * u64::from(exchange.max_msg_size.get()));
        }
    }
    for (index, exchange) in (0_u64..).zip(&mut exchanges) {
        exchange.opens = opens(index)?;
    }
    Ok(exchanges)
}

fn exchange(
    refuse: &Refuse<'_>,
    keys: &ExchangeKeys,
    opens: Span,
    frames: Option<(&Given<u64>, u64)>,
) -> Result<Exchange, ScenarioError> {
    let ExchangeKeys { client, server, network, loss, tcp } = keys;
    let p = server.maximum_msg_size.as_ref();
    let p_value = p.map_or(Some(DEFAULT_MAX_MSG_SIZE), |given| u16::try_from(given.value).ok());
    let Some(max_msg_size) = p_value.and_then(MaxMsgSize::new) else {
        return refuse.because("server.maximum_msg_size", p, "needs a whole number from 4 to 9999".to_owned());
    };
    let message = message(refuse, keys)?;
    match frames {
        Some((frames, connections)) => {
            let pairs = frames.value.saturating_sub(FRAMES_BESIDE_THE_MESSAGE * connections) / 2;
            numbers_fit("frames", Some(frames), pairs.div_ceil(connections), max_msg_size, refuse)?;
        }
        None => {
            let positions = message.len().div_ceil(u64::from(max_msg_size.get()));
            match (&client.message, &client.message_size) {
                (Some(_), _) => {
                    numbers_fit("client.message", client.message.as_ref(), positions, max_msg_size, refuse)?
                }
                (_, size) => numbers_fit("client.message_size", size.as_ref(), positions, max_msg_size, refuse)?,
            }
        }
    }
    if let Message::Bytes(bytes) = &message {
        let p = usize::from(max_msg_size.get());
        if let Some(package) = bytes.chunks(p).position(|slice| slice.last() == Some(&0)) {
            let offset = ((package + 1) * p).min(bytes.len()) - 1;
            let problem = format!(
                "has a NUL at byte {offset}, the end of package {}, which a receiver takes for padding: use another \
                 message or another maximum_msg_size than {p}",
                package + 1
            );
            return refuse.because("client.message", client.message.as_ref(), problem);
        }
    }
    let timeout = client.timeout.as_ref();
    if timeout.is_some_and(|given| given.value == Span::ZERO) {
        return refuse.because(
            "client.timeout",
            timeout,
            "needs to be more than 0, for example 2 or \"200ms\"".to_owned(),
        );
    }
    let positions_only = |key: &str, given: &Option<Given<Numbers>>| match given {
        Some(list) => match list.value.positions() {
            Ok(_) => Ok(list.value.clone()),
            Err(error) => refuse.because(key, given.as_ref(), error.to_string()),
        },
        None => Ok(Numbers::default()),
    };
    let span = |given: &Option<Given<Span>>, default: u64| {
        given.as_ref().map_or_else(|| Span::from_nanos(default).unwrap_or_default(), |given| given.value)
    };
    let delay = span(&network.delay, DEFAULT_DELAY);
    Ok(Exchange {
        opens,
        message,
        max_msg_size,
        window: refuse.number("client.window", client.window.as_ref(), DEFAULT_WINDOW, (1, i32::MAX.unsigned_abs()))?,
        timeout: span(&client.timeout, DEFAULT_TIMEOUT),
        resend: client.resend.as_ref().map_or(ResendKey::Timer, |given| given.value),
        pace: client.pace.as_ref().map(|given| given.value),
        max_resends: client.max_resends.as_ref().map(|given| given.value),
        delay_to_server: network.delay_to_server.as_ref().map_or(delay, |given| given.value),
        delay_to_client: network.delay_to_client.as_ref().map_or(delay, |given| given.value),
        jitter: span(&network.jitter, 0),
        client_processing: span(&network.client_processing, DEFAULT_PROCESSING),
        server_processing: span(&network.server_processing, DEFAULT_PROCESSING),
        losses: Losses {
            messages: positions_only("loss.messages", &loss.messages)?,
            acks: positions_only("loss.acks", &loss.acks)?,
            done: loss.done.as_ref().map_or(0, |given| given.value),
            message_rate: loss_rate(refuse, "loss.message_rate", loss.message_rate.as_ref())?,
            ack_rate: loss_rate(refuse, "loss.ack_rate", loss.ack_rate.as_ref())?,
        },
        cutting: cutting(refuse, tcp)?,
    })
}

/// With everything lost an exchange never ends.
fn loss_rate(refuse: &Refuse<'_>, key: &str, given: Option<&Given<f64>>) -> Result<f64, ScenarioError> {
    refuse.number(key, given, 0.0, (0.0, 0.9))
}

fn message(refuse: &Refuse<'_>, keys: &ExchangeKeys) -> Result<Message, ScenarioError> {
    match (&keys.client.message, &keys.client.message_size) {
        (Some(_), Some(_)) => {
            let size = keys.client.message_size.as_ref();
            refuse.because("client.message_size", size, "there is a message already: leave one of them out".to_owned())
        }
        (Some(text), None) => Ok(Message::Bytes(text.value.as_bytes().into())),
        (None, Some(size)) => Ok(Message::Letters(size.value)),
        (None, None) => Ok(Message::Bytes(DEFAULT_MESSAGE.as_bytes().into())),
    }
}

/// ACK numbers up to N + 1 need room in P digits, N + 2 in an i32 (PROTOCOL §3.5).
fn numbers_fit<V>(
    key: &str,
    given: Option<&Given<V>>,
    positions: u64,
    max_msg_size: MaxMsgSize,
    refuse: &Refuse<'_>,
) -> Result<(), ScenarioError> {
    let p = max_msg_size.get();
    if positions.saturating_add(2) > i32::MAX.unsigned_abs().into() {
        let problem = format!("comes to {positions} positions, and positions end at {}", i32::MAX);
        return refuse.because(key, given, problem);
    }
    let digits = (positions + 1).to_string().len();
    if digits > usize::from(p) {
        let problem = format!(
            "comes to {positions} positions, whose ACK numbers do not fit in {p} digits: use a maximum_msg_size of at least {digits}"
        );
        return refuse.because(key, given, problem);
    }
    Ok(())
}

fn cutting(refuse: &Refuse<'_>, tcp: &TcpKeys) -> Result<Cutting, ScenarioError> {
    const MAX: u32 = MAX_SEGMENT as u32;
    let given = [tcp.coalesce.is_some(), tcp.split.is_some(), tcp.random.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let problem = "coalesce, split and random exclude one another: keep one of them".to_owned();
        return match &tcp.coalesce {
            Some(_) => refuse.because("tcp.coalesce", tcp.coalesce.as_ref(), problem),
            None => refuse.because("tcp.split", tcp.split.as_ref(), problem),
        };
    }
    let in_range = |len: &u32| (1..=MAX).contains(len);
    if let Some(lengths) = &tcp.split {
        if lengths.value.is_empty() || !lengths.value.iter().all(in_range) {
            let problem = format!("needs one or more lengths from 1 to {MAX}");
            return refuse.because("tcp.split", tcp.split.as_ref(), problem);
        }
        return Ok(Cutting::Lengths(Arc::from(lengths.value.as_slice())));
    }
    if let Some(Given { value: [low, high], .. }) = &tcp.random {
        if low > high || !in_range(low) || !in_range(high) {
            let problem = format!("needs two lengths from 1 to {MAX}, the smaller one first");
            return refuse.because("tcp.random", tcp.random.as_ref(), problem);
        }
        return Ok(Cutting::Random(*low, *high));
    }
    match &tcp.coalesce {
        None => Ok(Cutting::PerFrame),
        given => refuse.number("tcp.coalesce", given.as_ref(), MAX, (1, MAX)).map(Cutting::Coalesced),
    }
}

fn defects(refuse: &Refuse<'_>, capture: &CaptureKeys) -> Result<Defects, ScenarioError> {
    let numbers = |given: &Option<Given<Numbers>>| given.as_ref().map(|given| given.value.clone()).unwrap_or_default();
    let snaplen = match &capture.snaplen {
        None => None,
        given => Some(refuse.number("capture.snaplen", given.as_ref(), 0, (1, 262_144))?),
    };
    let from = capture.from.as_ref().map_or(Span::ZERO, |given| given.value);
    if let Some(until) = capture.until.as_ref().filter(|until| until.value < from) {
        let problem = format!("ends the capture before it begins, which is at {from}");
        return refuse.because("capture.until", Some(until), problem);
    }
    Ok(Defects {
        drop: numbers(&capture.drop),
        drop_rate: refuse.rate("capture.drop_rate", capture.drop_rate.as_ref())?,
        snaplen,
        no_handshake: capture.handshake.as_ref().is_some_and(|given| !given.value),
        from,
        until: capture.until.as_ref().map(|given| given.value),
        only: capture.only.as_ref().map(|given| match given.value {
            SideKey::Client => Side::Client,
            SideKey::Server => Side::Server,
        }),
        duplicate: numbers(&capture.duplicate),
        duplicate_rate: refuse.rate("capture.duplicate_rate", capture.duplicate_rate.as_ref())?,
        reorder: numbers(&capture.reorder),
        reorder_rate: refuse.rate("capture.reorder_rate", capture.reorder_rate.as_ref())?,
    })
}
