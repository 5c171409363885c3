//! The options that set limits, and the words when one was reached.

use std::io::{self, Write};
use std::num::NonZeroUsize;

use clap::Args;

use super::summary::count;
use crate::decode::limits::{ByteSize, ByteSizeError, Limits};
use crate::decode::reading::Reading;
use crate::decode::reassembly::StreamLimits;

/// Limits as options, for every command that reads captures.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Largest pcap record or pcapng block
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(u64::from(Limits::default().capture.max_record)))]
    max_record: ByteSize,
    /// Stop once a compressed file has unpacked to this much [default: no limit]
    #[arg(long, value_name = "SIZE")]
    max_decompressed: Option<ByteSize>,
    /// Largest window of a zstd file, up to 2GiB
    #[arg(long, value_name = "SIZE", value_parser = zstd_window, default_value_t = ByteSize(Limits::default().capture.max_zstd_window))]
    max_zstd_window: ByteSize,
    /// Deepest nesting in a JSON export, up to 128
    #[arg(long, value_name = "N", value_parser = json_depth, default_value_t = Limits::default().capture.json.depth)]
    max_json_depth: usize,
    /// Longest string in a JSON export
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(Limits::default().capture.json.string_bytes as u64))]
    max_json_string: ByteSize,
    /// Longest text of one packet of a JSON export
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(Limits::default().capture.json.packet_bytes as u64))]
    max_json_packet: ByteSize,
    /// Bytes that wait behind a hole, per direction [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    max_held: Option<ByteSize>,
    /// Bytes that wait or are kept, over all connections
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(Limits::default().held_in_all as u64))]
    max_held_in_all: ByteSize,
    /// Connections tracked at once; beyond it the longest idle are closed
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_open: usize,
    /// Threads: 1 does everything, 2 share the work on a long file [default: 2 while that pays]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// What the format allows; more would be a promise that is not kept.
fn zstd_window(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|error: ByteSizeError| error.to_string())?;
    if size.0 <= 2 << 30 {
        Ok(size)
    } else {
        Err("needed a size up to 2GiB, which is the largest that zstd has".to_owned())
    }
}

/// What the parser allows.
fn json_depth(text: &str) -> Result<usize, String> {
    let depth = text.parse().ok().filter(|depth| *depth <= 128);
    depth.ok_or_else(|| "needed a number up to 128".to_owned())
}

impl From<LimitOptions> for Limits {
    fn from(options: LimitOptions) -> Self {
        let usual = Self::default();
        let size = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        let mut capture = usual.capture;
        capture.max_record = u32::try_from(options.max_record.0).unwrap_or(u32::MAX);
        capture.max_decompressed = options.max_decompressed.map(|size| size.0);
        capture.max_zstd_window = options.max_zstd_window.0;
        capture.json.depth = options.max_json_depth;
        capture.json.string_bytes = size(options.max_json_string);
        capture.json.packet_bytes = size(options.max_json_packet);
        capture.second_thread = options.threads != Some(NonZeroUsize::MIN);
        Self {
            capture,
            held: options.max_held.map(size),
            held_in_all: size(options.max_held_in_all),
            connections: options.max_open,
            ..usual
        }
    }
}

/// Says which limits of reassembly were reached while a file was read.
pub(crate) fn write_reached(log: &mut dyn Write, reading: &Reading, limits: &StreamLimits) -> io::Result<()> {
    let counters = &reading.streams;
    if counters.evicted_connections > 0 {
        let closed = count(counters.evicted_connections, "connection");
        let limit = limits.connections;
        writeln!(log, "  note: {closed} closed early, the longest idle: more than {limit} at once (--max-open)")?;
    }
    if counters.held_limit_reached > 0 {
        let (holes, limit) = (count(counters.held_limit_reached, "hole"), ByteSize(limits.held_bytes as u64));
        writeln!(log, "  note: {holes} given up early: more than {limit} waited in a direction (--max-held)")?;
    }
    if counters.held_in_all_limit_reached > 0 {
        let holes = count(counters.held_in_all_limit_reached, "hole");
        let limit = ByteSize(limits.held_bytes_in_all as u64);
        writeln!(log, "  note: {holes} given up early: more than {limit} waited in all (--max-held-in-all)")?;
    }
    Ok(())
}
