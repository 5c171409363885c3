//! From capture bytes to located frames.
//!
//! ```text
//! pcap ──┐
//! pcapng ┼─ Packet ─ headers, fragments ─┐
//! json ──┴───────────────────────────────┴► Segment ─► reassembly ─► framing ─► Row
//! ```

pub mod capture;
pub mod command;
mod connections;
pub(crate) mod express;
pub mod filter;
pub mod framing;
pub mod halved;
pub mod headers;
pub(crate) mod info;
pub mod intake;
pub mod limits;
pub mod message;
mod moment;
pub(crate) mod observer;
pub(crate) mod prefetch;
pub mod print;
pub mod reading;
pub mod reassembly;
pub mod row;
pub mod rows;
mod second_thread;
pub mod segment;
mod stream_files;

pub use connections::Connections;
pub use info::Info;
pub use limits::{ByteSize, Limits};
pub use observer::{Observed, Observer};
pub use row::{CapturedFrame, Row};
pub use segment::{Endpoint, LinkType, Packet, PacketContent, Segment, TcpFlags, TcpSeq};
pub use stream_files::{StreamFiles, StreamFilesError, StreamFilesWritten};
