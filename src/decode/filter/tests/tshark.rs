//! What tshark selects with the same filters.
//!
//! The samples have a twin capture: packets 1 to 12 with the samples' numbers, times and payloads as TCP
//! payloads, each in a TCP connection of its own. A filter over frame.number, frame.time_epoch, tcp.stream
//! and tcp.payload then means the same to both, with arq.payload in the place of tcp.payload. The expected
//! numbers are the answers of tshark 4.0.17; the ignored test asks again
//! (`cargo test --lib tshark -- --ignored`).

use super::*;

const PAYLOADS: [Option<&[u8]>; 12] = [
    None,
    None,
    Some(b"abcd"),
    Some(b"abce"),
    Some(b"MSG"),
    Some(b"12"),
    Some(b"\xff\0A"),
    Some(b"a\"b\\c"),
    Some(b"hello world"),
    Some(b"HELLO"),
    Some("café".as_bytes()),
    Some(b"\n\t"),
];

const ANSWERS: &[(&str, &[u64])] = &[
    ("frame.number == 1 or frame.number == 2 and frame.number == 3", &[1]),
    ("frame.number == 1 && frame.number == 2 || frame.number == 3", &[3]),
    ("frame.number == 3 or frame.number == 1 and frame.number == 2", &[3]),
    ("not frame.number == 1 and frame.number < 4", &[2, 3]),
    ("! frame.number == 1 or frame.number == 1", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("not not frame.number == 1", &[1]),
    ("!!frame.number == 1", &[1]),
    ("not(frame.number > 2)", &[1, 2]),
    (
        "frame.number == 1 and frame.number == 1 or frame.number == 2 and not frame.number == 3 or frame.number == 4",
        &[1, 2, 4],
    ),
    ("not frame.number < 9 or frame.number == 1 and not frame.number < 20", &[9, 10, 11, 12]),
    ("frame.number > 2 and (frame.number < 5 or frame.number == 9)", &[3, 4, 9]),
    ("tcp.payload and frame.number < 5 or not tcp.payload", &[1, 2, 3, 4]),
    ("frame.number==1||frame.number==2", &[1, 2]),
    ("frame.number<3&&frame.number>1", &[2]),
    ("frame.number eq 1 || frame.number lt 3", &[1, 2]),
    ("frame.number in {1, 2..4, 9}", &[1, 2, 3, 4, 9]),
    ("frame.number in{1,2}", &[1, 2]),
    ("frame.number in {0x2 .. 0b11, 7}", &[2, 3, 7]),
    ("frame.number in {'\\x01'}", &[1]),
    ("frame.number not in {1,2,5..12}", &[3, 4]),
    ("frame.number == 0x3", &[3]),
    ("frame.number == 010", &[8]),
    ("frame.number === 3", &[3]),
    ("frame.number !== 3 and frame.number < 5", &[1, 2, 4]),
    ("frame.time_epoch >= 1736219091.5", &[10, 11, 12]),
    ("frame.time_epoch == 1736219085.582655000", &[4]),
    ("tcp.stream == 2", &[3]),
    ("frame.number <= tcp.stream", &[]),
    ("tcp.payload", &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("!tcp.payload", &[1, 2]),
    ("tcp.payload == \"abcd\"", &[3]),
    ("tcp.payload != \"abcd\"", &[4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("!(tcp.payload == \"abcd\")", &[1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("!(tcp.payload != \"abcd\")", &[1, 2, 3]),
    ("tcp.payload == 61:62:63:64", &[3]),
    ("tcp.payload == 61.62.63.64", &[3]),
    ("tcp.payload == 61-62-63-64", &[3]),
    ("tcp.payload == ff:00:41", &[7]),
    ("tcp.payload == \"\\377\\0A\"", &[7]),
    ("tcp.payload == \"a\\\"b\\\\c\"", &[8]),
    ("tcp.payload == \"\\x0a\\t\"", &[12]),
    ("tcp.payload == \"\\012\\011\"", &[12]),
    ("tcp.payload == \"caf\\u00e9\"", &[11]),
    ("tcp.payload == r\"a\\\"b\\c\"", &[]),
    ("tcp.payload in {\"abcd\", \"12\"}", &[3, 6]),
    ("tcp.payload not in {\"abcd\"}", &[1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("tcp.payload[0:4] == \"abcd\"", &[3]),
    ("tcp.payload[0:4]", &[3, 4, 8, 9, 10, 11]),
    ("tcp.payload[0:4] == \"MSG\"", &[]),
    ("tcp.payload[2:4] == \"G\"", &[]),
    ("tcp.payload[0]", &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("tcp.payload[4:]", &[8, 9, 10, 11]),
    ("tcp.payload[0] == 'a'", &[3, 4, 8]),
    ("tcp.payload[0] == 0x61", &[3, 4, 8]),
    ("tcp.payload[0-3] == \"abcd\"", &[3]),
    ("tcp.payload[:2] == \"ab\"", &[3, 4]),
    ("tcp.payload[2:] == \"cd\"", &[3]),
    ("tcp.payload[-1] == \"d\"", &[3, 9]),
    ("tcp.payload[-2:2] == \"cd\"", &[3]),
    ("tcp.payload[-2:] == \"cd\"", &[3]),
    ("tcp.payload[-3--2] == \"bc\"", &[3, 4]),
    ("tcp.payload[0 : 2] == \"ab\"", &[3, 4]),
    ("tcp.payload[100:] == \"a\"", &[]),
    ("tcp.payload[-100:] == \"a\"", &[]),
    ("tcp.payload [0] == \"a\"", &[3, 4, 8]),
    ("tcp.payload[0][0] == \"a\"", &[3, 4, 8]),
    ("tcp.payload[0:2][1] == \"b\"", &[3, 4]),
    ("tcp.payload[0] contains \"a\"", &[3, 4, 8]),
    ("tcp.payload contains \"b\"", &[3, 4, 8]),
    ("tcp.payload contains 62:63", &[3, 4]),
    ("tcp.payload contains 'b'", &[3, 4, 8]),
    ("tcp.payload contains 0x62", &[3, 4, 8]),
    ("tcp.payload contains \"\"", &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("tcp.payload contains \"\\0A\"", &[7]),
    ("tcp.payload contains \"AB\"", &[]),
    ("tcp.payload matches \"^AB\"", &[3, 4]),
    ("tcp.payload ~ \"(?-i)^AB\"", &[]),
    ("tcp.payload matches \"\\\\d\"", &[6]),
    ("tcp.payload matches r\"\\d\"", &[6]),
    ("tcp.payload matches \"\\xff\"", &[7]),
    ("tcp.payload matches \"\\\\xff\"", &[7]),
    ("tcp.payload matches \"[\\xff]\"", &[7]),
    ("tcp.payload matches \"caf.$\"", &[]),
    ("tcp.payload matches \"caf..$\"", &[11]),
    ("tcp.payload matches \"CAFÉ\"", &[]),
    ("tcp.payload matches \"CAFé\"", &[11]),
    ("tcp.payload matches \"caf[é]+$\"", &[11]),
    ("tcp.payload matches \"caf\\\\\\xc3\"", &[11]),
    ("tcp.payload matches \"^.{3}$\"", &[5, 7]),
    ("tcp.payload matches \"o$|^h\"", &[9, 10]),
    ("tcp.payload matches \"\"", &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("tcp.payload[0:2] matches \"ab\"", &[3, 4]),
    ("len(tcp.payload) == 4", &[3, 4]),
    ("len(tcp.payload) > 3", &[3, 4, 8, 9, 10, 11]),
];

fn time(packet: u64) -> Timestamp {
    Timestamp::from_nanos((1_736_219_081 + packet as i64) * 1_000_000_000 + 582_655_000)
}

fn samples() -> Vec<Sample> {
    let sample = |(packet, payload): (u64, &Option<&[u8]>)| {
        let frame = message(Name::Msg, payload.unwrap_or_default(), 1, 1.0);
        let mut sample = Sample::new(packet, 16, &frame);
        if payload.is_none() {
            sample = sample.without(Field::Payload);
        }
        sample.time = Some(time(packet));
        sample.connection = packet as u32 - 1;
        sample
    };
    (1..).zip(&PAYLOADS).map(sample).collect()
}

#[test]
fn filters_select_what_tshark_selects() {
    let samples = samples();
    for (filter, expected) in ANSWERS {
        assert_eq!(selected(&filter.replace("tcp.payload", "arq.payload"), &samples), *expected, "{filter}");
    }
}

/// The twin capture: pcap, link type 101 (raw IP), checksums zero.
fn capture() -> Vec<u8> {
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        pcap.extend(word.to_le_bytes());
    }
    for (packet, payload) in (1_u64..).zip(&PAYLOADS) {
        let payload = payload.unwrap_or_default();
        let len = 40 + payload.len() as u32;
        let time = time(packet).nanos();
        for word in [(time / 1_000_000_000) as u32, (time % 1_000_000_000 / 1000) as u32, len, len] {
            pcap.extend(word.to_le_bytes());
        }
        pcap.extend([0x45, 0, 0, len as u8, 0, packet as u8, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        pcap.extend([0x10, packet as u8, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
        pcap.extend(payload);
    }
    pcap
}

#[test]
#[ignore = "needs tshark and a minute"]
fn tshark_still_says_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), capture()).unwrap();
    for (filter, expected) in ANSWERS {
        let run = std::process::Command::new("tshark")
            .args(["-n", "-T", "fields", "-e", "frame.number", "-Y", filter, "-r"])
            .arg(file.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{filter}: {}", String::from_utf8_lossy(&run.stderr));
        let answer: Vec<u64> =
            String::from_utf8(run.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(answer, *expected, "{filter}");
    }
}
