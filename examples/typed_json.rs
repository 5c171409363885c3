//! The least that reading an export of Wireshark can cost when memory does not matter: the whole file in memory, and
//! serde_json's `from_slice` into types that name only the fields that frames need, borrowed.
//!
//! `typed_json FILE` prints how many packets it found. `scripts/compare_speed.py` measures against it.

use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Deserialize;

#[derive(Deserialize)]
struct Packet<'a> {
    #[serde(rename = "_source", borrow)]
    source: Source<'a>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow)]
    layers: Layers<'a>,
}

#[derive(Deserialize)]
struct Layers<'a> {
    #[serde(borrow)]
    frame: Frame<'a>,
    #[serde(borrow)]
    ip: Option<Ip<'a>>,
    #[serde(borrow)]
    tcp: Option<Tcp<'a>>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "frame.number", borrow)]
    number: Cow<'a, str>,
    #[serde(rename = "frame.time_epoch", borrow)]
    time: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Ip<'a> {
    #[serde(rename = "ip.src", borrow)]
    source: Cow<'a, str>,
    #[serde(rename = "ip.dst", borrow)]
    destination: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Tcp<'a> {
    #[serde(rename = "tcp.srcport", borrow)]
    source: Cow<'a, str>,
    #[serde(rename = "tcp.dstport", borrow)]
    destination: Cow<'a, str>,
    #[serde(rename = "tcp.seq_raw", borrow)]
    seq: Cow<'a, str>,
    #[serde(rename = "tcp.ack_raw", borrow)]
    ack: Cow<'a, str>,
    #[serde(rename = "tcp.flags", borrow)]
    flags: Cow<'a, str>,
    #[serde(rename = "tcp.payload", borrow)]
    payload: Option<Cow<'a, str>>,
}

fn main() -> ExitCode {
    let counted = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(path).and_then(|text| count(&text)),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "name a file made with tshark -T json")),
    };
    let said = match &counted {
        Ok((packets, bytes)) => writeln!(io::stdout(), "{packets} packets, {bytes} bytes of text used"),
        Err(error) => writeln!(io::stderr(), "typed_json: {error}"),
    };
    if counted.is_ok() && said.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// Packets, and the bytes of the fields read, so that none of them is optimised away.
fn count(text: &[u8]) -> io::Result<(usize, usize)> {
    let packets: Vec<Packet<'_>> = serde_json::from_slice(text)?;
    let used = |packet: &Packet<'_>| {
        let Layers { frame, ip, tcp } = &packet.source.layers;
        let ip = ip.as_ref().map_or(0, |ip| ip.source.len() + ip.destination.len());
        let tcp = tcp.as_ref().map_or(0, |tcp| {
            let payload = tcp.payload.as_ref().map_or(0, |payload| payload.len());
            [&tcp.source, &tcp.destination, &tcp.seq, &tcp.ack, &tcp.flags].map(|text| text.len()).iter().sum::<usize>()
                + payload
        });
        frame.number.len() + frame.time.len() + ip + tcp
    };
    Ok((packets.len(), packets.iter().map(used).sum()))
}
