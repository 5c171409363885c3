//! Why a capture cannot be read, or not to its end.

use std::io;

use super::Compression;

/// Input that cannot be read. Offsets count bytes of the (decompressed) file from 0.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or is a directory.
    #[error("cannot open {name}: {source}")]
    Open {
        /// The file as the user named it.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system failed while reading.
    #[error("reading failed at byte {offset}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Not one byte.
    #[error("the input is empty (0 bytes): needed a pcap or pcapng capture or a Wireshark JSON export")]
    Empty,
    /// Bytes that are no capture.
    #[error(
        "not a capture: {found}; needed a pcap or pcapng capture or a Wireshark JSON export (-T json, ek, jsonraw)"
    )]
    NotACapture {
        /// What stands there instead, one phrase.
        found: String,
    },
    /// A format that is recognised and not read.
    #[error("{format} is not read: {instead}")]
    Unsupported {
        /// The format's name.
        format: String,
        /// What to do, one phrase.
        instead: String,
    },
    /// The input ends inside something; everything before it was delivered.
    #[error("cut off at byte {offset} inside {inside}: it needs {needed} bytes, there are {available}")]
    Cut {
        /// Where the thing that is cut begins.
        offset: u64,
        /// What is cut: a record header, a block, a JSON string …
        inside: String,
        /// Bytes it needs from `offset` on.
        needed: u64,
        /// Bytes there are from `offset` on.
        available: u64,
    },
    /// Compressed data that is cut or damaged; what could be unpacked before was delivered.
    #[error("the {compression} data is damaged at its byte {at} (byte {offset} unpacked): {what}")]
    Compressed {
        /// What it was packed with.
        compression: Compression,
        /// Compressed bytes taken before.
        at: u64,
        /// Where the unpacked bytes end.
        offset: u64,
        /// What is wrong and what to do, one phrase.
        what: String,
    },
    /// Something larger than a limit allows; everything before it was delivered.
    #[error("stopped at byte {offset}: {what}; {option} allows more")]
    Limit {
        /// Where.
        offset: u64,
        /// What is too large, and the limit.
        what: String,
        /// The option of the commands that sets the limit.
        option: &'static str,
    },
    /// Bytes that contradict the format, after which reading cannot go on.
    #[error("malformed at byte {offset}: {what}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What was needed and what there was.
        what: String,
    },
}
