//! The least that reading a pcap file can cost: `read(2)` into one buffer, and a step from record to record.
//!
//! `walk FILE` prints how many packets and bytes it stepped over. `scripts/compare_speed.py` measures against it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

const BUFFER: usize = 256 * 1024;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

fn main() -> ExitCode {
    let walked = match std::env::args_os().nth(1) {
        Some(path) => File::open(path).and_then(walk),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "name a little-endian pcap file")),
    };
    let said = match &walked {
        Ok((packets, bytes)) => writeln!(io::stdout(), "{packets} packets, {bytes} bytes"),
        Err(error) => writeln!(io::stderr(), "walk: {error}"),
    };
    if walked.is_ok() && said.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// Packets and their captured bytes.
fn walk(mut file: impl Read) -> io::Result<(u64, u64)> {
    file.read_exact(&mut [0; FILE_HEADER])?;
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    let (mut packets, mut bytes) = (0, 0);
    loop {
        let count = file.read(&mut buffer[filled..])?;
        if count == 0 {
            return Ok((packets, bytes));
        }
        filled += count;
        let mut rest = &buffer[..filled];
        while let Some((header, data)) = rest.split_first_chunk::<RECORD_HEADER>() {
            let [.., a, b, c, d, _, _, _, _] = *header;
            let captured = u32::from_le_bytes([a, b, c, d]);
            let Some(next) = data.get(captured as usize..) else { break };
            packets += 1;
            bytes += u64::from(captured);
            rest = next;
        }
        let left = rest.len();
        if left == buffer.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a record larger than the buffer"));
        }
        buffer.copy_within(filled - left..filled, 0);
        filled = left;
    }
}
