//! The ground truth of a simulation: every mimicked loss, every resend with its cause, every defect of the capture, each
//! with whether it can be seen and as what.
//!
//! The file is one JSON object, with a line to itself for each event and connection, so that it can be written while
//! the simulation runs and read by line tools too:
//!
//! ```text
//! {"format":"arqscope-truth","version":1,"seed":1,"start":"1767603600.000000000","vantage":0.0,
//! "events":[
//! {"event":"message-lost","connection":0,"time":"…","pos":4,"copy":"first","why":"listed","visible":true,"class":"gap"},
//! {"event":"resend","connection":0,"time":"…","frame":"MSG","pos":4,"written":true,"why":"never-written",
//!  "triggers":{"timer":{"ended":"…","overdue_ns":460000000},"full_window":{"next":7,"edge":6},"end_of_message":false},
//!  "shown":{"timer":true,"full_window":false,"end_of_message":true},"after_ns":2460000000,"visible":true,"class":"fill"},
//! {"event":"defect","connection":0,"time":"…","from":"client","packet":17,"what":"dropped","offset":264,"len":44,
//!  "missing":44,"visible":true,"class":"hole"}],
//! "connections":[…],"packets":{"on_wire":…,"written":…}}
//! ```
//!
//! Times are decimal Unix seconds with nine digits, as text. `visible` of losses and resends says whether the frames that
//! were written show it to somebody who sees all of them; what the capture then lost is said by the defects. Events stand
//! in the order in which they were decided.

mod event;
mod file;
mod ledger;
mod triggers;
mod witness;

pub use event::{
    Class, Copied, Defect, DefectKind, Loss, LossCause, Resend, ResendCause, TimerNumbers, TriggerNumbers,
    TriggersShown, TruthEvent, WindowNumbers,
};
pub use file::TruthWriter;
pub use ledger::FrameCounts;

pub(super) use ledger::Ledger;

use std::io;

use serde::Serialize;

use super::scenario::Scenario;

/// Takes the truth as it is decided.
pub trait Chronicle {
    /// The next event.
    ///
    /// # Errors
    /// When it cannot be taken.
    fn event(&mut self, event: &TruthEvent) -> io::Result<()>;

    /// A connection is over; none of its events follows.
    ///
    /// # Errors
    /// When it cannot be taken.
    fn connection(&mut self, connection: ConnectionTruth) -> io::Result<()>;
}

/// One connection, in sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectionTruth {
    /// From 0, in the scenario's order.
    pub connection: u32,
    /// Address and port.
    pub client: String,
    /// Address and port.
    pub server: String,
    /// P.
    pub maximum_msg_size: u16,
    /// window_size.
    pub window_size: u32,
    /// Seconds.
    pub timeout: f64,
    /// `timer` or `eager`.
    pub resend: &'static str,
    /// N.
    pub packages: u64,
    /// Bytes of the message.
    pub message_len: u64,
    /// Of the message, eight hexadecimal digits.
    pub message_crc32: String,
    /// The message, when it is text of at most 4096 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Bytes that the server delivered.
    pub delivered_len: u64,
    /// Of what the server delivered.
    pub delivered_crc32: String,
    /// `complete`, or what the client says ended it.
    pub client_outcome: String,
    /// `complete`, or what the server says ended it.
    pub server_outcome: String,
    /// Frames written.
    pub frames: FrameCounts,
}

/// How many packets there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PacketCounts {
    /// Packets that passed the capture point.
    pub on_wire: u64,
    /// Records in the file.
    pub written: u64,
}

/// What a truth file begins with.
#[derive(Debug, Serialize)]
struct Head {
    format: &'static str,
    version: u32,
    seed: u64,
    #[serde(serialize_with = "event::as_text")]
    start: crate::time::Timestamp,
    vantage: f64,
}

impl Head {
    fn of(scenario: &Scenario) -> Self {
        Self {
            format: "arqscope-truth",
            version: 1,
            seed: scenario.seed,
            start: scenario.start,
            vantage: scenario.vantage.share(),
        }
    }
}
