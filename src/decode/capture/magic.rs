//! The magic numbers of pcap: how a file begins, and what no record should begin with.

use super::facts::{ByteOrder, PcapDialect, TimeUnit};

/// Magic number of the standard format, timestamps in microseconds.
pub(super) const MICROS: u32 = 0xa1b2_c3d4;

/// Magic number of the standard format, timestamps in nanoseconds.
const NANOS: u32 = 0xa1b2_3c4d;

/// Magic number of [`PcapDialect::Modified`].
const MODIFIED: u32 = 0xa1b2_cd34;

/// What to do about captures appended to one another.
pub(super) const JOINED: &str = "captures were appended to one another; join them with mergecap instead";

/// What a magic number says, of a file that is read.
pub(super) fn detect(magic: [u8; 4]) -> Option<(ByteOrder, TimeUnit, PcapDialect)> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| match order.u32(magic) {
        MICROS => Some((order, TimeUnit::Microseconds, PcapDialect::Standard)),
        NANOS => Some((order, TimeUnit::Nanoseconds, PcapDialect::Standard)),
        MODIFIED => Some((order, TimeUnit::Microseconds, PcapDialect::Modified)),
        _ => None,
    })
}
