//! From capture bytes to located frames.
//!
//! ```text
//! pcap ──┐
//! pcapng ┼─ Packet ─ headers, fragments ─┐
//! json ──┴───────────────────────────────┴► Segment ─► reassembly ─► framing ─► Row
//! ```

pub mod capture;
mod info;
mod observer;
pub mod row;
pub mod segment;

pub use info::Info;
pub use observer::{Observed, Observer};
pub use row::{CapturedFrame, Row};
pub use segment::{Endpoint, LinkType, Packet, PacketContent, Segment, TcpFlags, TcpSeq};
