//! One broken endpoint or spoilt capture at least for every rule.

use std::collections::BTreeSet;

use arqscope::fault::FaultPlan;
use arqscope::wire::{Frame as Proper, Name, Pos, Side};

use super::bench::{Frame, Kept, MILLI, Setup, layout, sent_time};

/// An exchange with a flaw, and the rule that has to name it.
pub(crate) struct Mutant {
    pub(crate) rule: &'static str,
    /// What is wrong, in words.
    pub(crate) flaw: &'static str,
    pub(crate) setup: Setup,
    pub(crate) declared_window: u32,
    pub(crate) declared_timeout: u64,
}

fn mutant(rule: &'static str, flaw: &'static str, setup: Setup) -> Mutant {
    Mutant { rule, flaw, setup, declared_window: 3, declared_timeout: 1000 * MILLI }
}

/// Breaks what `changes` gives something for.
fn breaks(changes: impl FnMut(&Frame) -> Option<Vec<Vec<u8>>> + 'static) -> Setup {
    Setup { breaks: Box::new(changes), ..Setup::default() }
}

/// Breaks the first `name` of that position that is written.
fn once(name: Name, pos: i32, change: impl Fn(&Frame) -> Vec<Vec<u8>> + 'static) -> Setup {
    let mut done = false;
    breaks(move |frame| {
        let hit = !done && !frame.arrived && frame.name == Some(name) && frame.pos == pos;
        done |= hit;
        hit.then(|| change(frame))
    })
}

/// The first resend of that package becomes something else.
fn resent(pos: i32, change: impl Fn(&Frame) -> Vec<Vec<u8>> + 'static) -> impl FnMut(&Frame) -> Option<Vec<Vec<u8>>> {
    let mut done = false;
    move |frame| {
        let hit = !done && frame.resend && frame.pos == pos;
        done |= hit;
        hit.then(|| change(frame))
    }
}

fn positions(positions: &[i32]) -> BTreeSet<Pos> {
    positions.iter().copied().map(Pos).collect()
}

fn packages(lost: &[i32]) -> FaultPlan {
    FaultPlan { packages: positions(lost), ..FaultPlan::default() }
}

fn acks(lost: &[i32]) -> FaultPlan {
    FaultPlan { acks: positions(lost), ..FaultPlan::default() }
}

fn bytes(frame: &Proper<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.emit(layout(), &mut bytes).unwrap();
    bytes
}

/// A client's frame, written a moment after `now` so that two of one moment are told apart.
fn client(name: Name, pos: i32, now: u64) -> Vec<u8> {
    let letter = [b'a' + u8::try_from(pos - 1).unwrap_or(0); 4];
    let payload: &[u8] = match name {
        Name::Msg => &letter,
        Name::Done => b"EOMs",
        _ => b"requ",
    };
    bytes(&Proper::from_client(name, payload, Pos(pos), sent_time(now + MILLI)))
}

fn server(name: Name, payload: &str, now: u64) -> Vec<u8> {
    bytes(&Proper::from_server(name, payload.as_bytes(), sent_time(now)))
}

/// The same frame with some bytes changed.
fn with(frame: &Frame, at: usize, change: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = frame.bytes.clone();
    bytes[at..at + change.len()].copy_from_slice(change);
    vec![bytes]
}

/// The frame, and behind it another.
fn and(frame: &Frame, other: Vec<u8>) -> Vec<Vec<u8>> {
    vec![frame.bytes.clone(), other]
}

pub(crate) fn all() -> Vec<Mutant> {
    [sequence(), resends(), windows(), acknowledgements(), exchanges(), frames(), captures(), parameters()]
        .into_iter()
        .flatten()
        .collect()
}

fn sequence() -> Vec<Mutant> {
    let never = breaks(|frame| (!frame.arrived && frame.name == Some(Name::Msg) && frame.pos == 4).then(Vec::new));
    vec![
        mutant("gap", "a package is passed by", Setup { client: packages(&[4]), ..Setup::default() }),
        mutant("gap-unrecovered", "a package is never written", Setup { max_resends: Some(2), ..never }),
    ]
}

fn resends() -> Vec<Mutant> {
    let unanswered = || acks(&[4, 5, 6]);
    vec![
        mutant("duplicate-resend", "ACKs are withheld", Setup { server: unanswered(), ..Setup::default() }),
        mutant(
            "resend-after-ack",
            "an acknowledged package again",
            once(Name::Msg, 8, |frame| vec![client(Name::Msg, 2, frame.now - MILLI), frame.bytes.clone()]),
        ),
        mutant(
            "premature-resend",
            "a package again at once, with room for new ones",
            once(Name::Msg, 1, |frame| and(frame, client(Name::Msg, 1, frame.now))),
        ),
        Mutant {
            declared_window: 8,
            ..mutant(
                "overdue-resend",
                "new packages while an old one is long due",
                Setup {
                    window: 8,
                    pace: 400 * MILLI,
                    client: packages(&[2]),
                    breaks: Box::new(resent(2, |_| Vec::new())),
                    ..Setup::default()
                },
            )
        },
        Mutant {
            declared_window: 8,
            ..mutant(
                "overdue-resend",
                "no resend at all",
                Setup {
                    window: 8,
                    pace: 400 * MILLI,
                    // Longer than the exchange.
                    timeout: 50_000 * MILLI,
                    server: acks(&[2, 3, 4, 5, 6]),
                    ..Setup::default()
                },
            )
        },
        mutant(
            "resend-not-oldest",
            "the second oldest instead of the oldest",
            Setup {
                client: packages(&[4]),
                breaks: Box::new(resent(4, |frame| vec![client(Name::Msg, 5, frame.now)])),
                ..Setup::default()
            },
        ),
        mutant(
            "resend-mismatch",
            "another payload in the second copy",
            Setup {
                server: unanswered(),
                breaks: Box::new(resent(4, |frame| with(frame, layout().payload(), b"XXXX"))),
                ..Setup::default()
            },
        ),
    ]
}

fn windows() -> Vec<Mutant> {
    vec![
        mutant("window-exceeded", "the window is ignored", Setup { window: 6, ..Setup::default() }),
        mutant("window-full", "answers take long", Setup { delay: 80 * MILLI, ..Setup::default() }),
    ]
}

fn acknowledgements() -> Vec<Mutant> {
    let liar = breaks(|frame| {
        let package = frame.arrived && frame.name == Some(Name::Msg) && frame.pos == 5;
        package.then(|| vec![server(Name::Ack, "5", frame.now)])
    });
    let mute = breaks(|frame| (!frame.arrived && frame.name == Some(Name::Ack) && frame.pos >= 12).then(Vec::new));
    vec![
        mutant("ack-gap", "an ACK is withheld", Setup { server: acks(&[4]), ..Setup::default() }),
        mutant("late-ack", "answers take longer than the timeout", Setup { delay: 600 * MILLI, ..Setup::default() }),
        mutant("ack-regress", "an ACK goes back", once(Name::Ack, 5, |f| and(f, server(Name::Ack, "2", f.now)))),
        mutant("duplicate-ack", "an ACK twice", once(Name::Ack, 5, |f| and(f, server(Name::Ack, "5", f.now)))),
        mutant("ack-of-unsent", "an ACK of nothing", once(Name::Ack, 3, |f| and(f, server(Name::Ack, "30", f.now)))),
        mutant(
            "premature-ack",
            "an ACK over a missing package",
            Setup { client: packages(&[4]), max_resends: Some(2), ..liar },
        ),
        mutant(
            "bad-ack-number",
            "an ACK without a number",
            once(Name::Ack, 5, |f| vec![server(Name::Ack, "five", f.now)]),
        ),
        mutant("ack-withheld", "no ACK from 12 on", Setup { max_resends: Some(2), ..mute }),
    ]
}

fn exchanges() -> Vec<Mutant> {
    let phase = |flaw, setup| mutant("out-of-phase", flaw, setup);
    let ignored = FaultPlan { dones: 1, ..FaultPlan::default() };
    vec![
        mutant("done-resend", "a DONE is ignored", Setup { server: ignored, ..Setup::default() }),
        mutant(
            "incomplete-exchange",
            "the client is gone",
            Setup { pace: 50 * MILLI, ends: Some(300 * MILLI), ..Setup::default() },
        ),
        mutant(
            "data-after-done",
            "a package after DONE",
            once(Name::Done, 13, |f| and(f, client(Name::Msg, 12, f.now))),
        ),
        phase("a package before GET_MAX", once(Name::GetMax, 0, |f| vec![client(Name::Msg, 1, 0), f.bytes.clone()])),
        phase("a package before RETURN_MAX", once(Name::GetMax, 0, |f| and(f, client(Name::Msg, 1, 0)))),
        phase("RETURN_MAX twice", once(Name::ReturnMax, 0, |f| and(f, f.bytes.clone()))),
        phase("CLOSE for DONE", once(Name::Done, 13, |f| vec![client(Name::Close, 14, f.now)])),
        phase("DONE before all is acknowledged", once(Name::Msg, 12, |f| and(f, client(Name::Done, 13, f.now)))),
        phase("DISCONNECT before CLOSE", once(Name::Ack, 5, |f| and(f, server(Name::Disconnect, "", f.now)))),
    ]
}

fn frames() -> Vec<Mutant> {
    let field =
        |flaw, change: fn(&Frame) -> Vec<Vec<u8>>| mutant("field-inconsistency", flaw, once(Name::Msg, 5, change));
    vec![
        field("seq is not pos", |f| with(f, layout().seq(), &7_i32.to_le_bytes())),
        field("prev_seq is not pos", |f| with(f, layout().prev_seq(), &4_i32.to_le_bytes())),
        field("padding is not zero", |f| with(f, layout().payload_end(), &[1])),
        field("the ack byte is 2", |f| with(f, layout().ack(), &[2])),
        field("sent_time is no number", |f| with(f, layout().sent_time(), &f64::NAN.to_le_bytes())),
        field("sent_time goes back", |f| with(f, layout().sent_time(), &(sent_time(0) - 10.0).to_le_bytes())),
        // P of this bench is 4: seq stands at 16. With 7 to 10 it stands at 20, in frames of the same length.
        mutant(
            "size-mismatch",
            "a frame of another maximum_msg_size",
            once(Name::Msg, 5, |f| with(f, layout().seq(), &[0, 0, 0, 0, 5, 0, 0, 0])),
        ),
        mutant("unknown-frame", "a name that is none", once(Name::Msg, 5, |f| with(f, 0, b"HELLO\0\0\0\0\0"))),
        mutant("partial-frame", "half a frame at the end", once(Name::Close, 14, |f| vec![f.bytes[..20].to_vec()])),
        mutant(
            "wrong-direction",
            "an ACK of the client",
            once(Name::Msg, 5, |f| vec![server(Name::Ack, "4", f.now), f.bytes.clone()]),
        ),
    ]
}

fn captures() -> Vec<Mutant> {
    let spoilt = |spoils: fn(&super::bench::Packet) -> Kept| Setup {
        spoils: Box::new(spoils),
        client: packages(&[4]),
        server: acks(&[9]),
        ..Setup::default()
    };
    vec![
        mutant(
            "capture-hole",
            "a package was not captured",
            spoilt(|p| if p.number == 12 { Kept::Nothing } else { Kept::Whole }),
        ),
        mutant(
            "mid-stream",
            "the capture began late",
            spoilt(|p| if p.number < 10 { Kept::Nothing } else { Kept::Whole }),
        ),
        mutant("truncated-packet", "a snap length", spoilt(|_| Kept::Part(80))),
        mutant(
            "one-sided",
            "the server's packets were not captured",
            spoilt(|p| if p.from == Side::Server { Kept::Nothing } else { Kept::Whole }),
        ),
        mutant(
            "clock-backwards",
            "the clock of the capture was set",
            spoilt(|p| if p.number > 15 && p.data { Kept::Slow(1_000_000_000) } else { Kept::Slow(0) }),
        ),
    ]
}

fn parameters() -> Vec<Mutant> {
    let unanswered = || Setup { server: acks(&[4, 5, 6]), ..Setup::default() };
    vec![
        Mutant {
            declared_timeout: 5000 * MILLI,
            ..mutant("parameter-mismatch", "resends before the declared timeout", unanswered())
        },
        Mutant {
            declared_window: 2,
            ..mutant("parameter-mismatch", "more in flight than the declared window", Setup::default())
        },
    ]
}
