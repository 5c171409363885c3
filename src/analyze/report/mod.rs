//! What an analysis came to, in every form.
//!
//! ```text
//!                 ┌─ text      for people                          text.rs
//!                 ├─ ladder    the exchange as a drawing           ladder.rs
//! findings ─┐     ├─ json      one document                        json.rs, of the types in schema.rs
//! sums ─────┼─► Report ─ ndjson  one object a line, as decided     json.rs
//! steps ────┘     ├─ junit     for continuous integration          junit.rs
//!                 └─ notes     comments on packets, for `-w`       annotate.rs
//! ```
//!
//! A report computes nothing: it is given findings as they are decided, and each connection as a
//! [`ConnectionRecord`] once it is over. What a record keeps is bounded by [`KeepLimits`]; its counts are exact. Text
//! that stems from the wire or from file names reaches no output raw.

pub mod annotate;
pub mod html;
pub mod json;
pub mod junit;
pub mod ladder;
mod places;
mod record;
#[cfg(test)]
pub(in crate::analyze) mod samples;
pub mod schema;
pub mod text;
pub(in crate::analyze) mod wrap;

pub use record::{ConnectionRecord, FileRecord, KeepLimits, Totals};

use std::io;

use super::{Doubt, Finding, NotWritten, Step};
use crate::decode::framing::{FramedConnection, LocatedFrame};

/// The name and version of what JSON reports hold.
pub const SCHEMA: &str = "arqscope-analysis/1";

/// Takes what the analysis decides, and writes it in one form.
///
/// Calls of one connection come in its order, with [`connection`](Self::connection) last; connections interleave.
/// Errors are those of the writer; a broken pipe among them is no failure of the job.
pub trait Report {
    /// Whether [`step`](Self::step) is wanted.
    fn wants_steps(&self) -> bool {
        false
    }

    /// What follows comes from this input; the name is safe to show.
    fn file(&mut self, name: &str) {
        let _ = name;
    }

    /// The next frame of a connection.
    ///
    /// # Errors
    /// What the writer reports.
    fn step(&mut self, connection: &FramedConnection<'_>, frame: &LocatedFrame<'_>, step: &Step) -> io::Result<()> {
        let _ = (connection, frame, step);
        Ok(())
    }

    /// Something the traffic did: every finding, whatever records keep.
    ///
    /// # Errors
    /// What the writer reports.
    fn finding(&mut self, connection: &FramedConnection<'_>, finding: &Finding) -> io::Result<()> {
        let _ = (connection, finding);
        Ok(())
    }

    /// ACKs are proved not written when they were due.
    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        let _ = (connection, acks);
    }

    /// Something the capture cannot tell: every doubt, whatever records keep.
    ///
    /// # Errors
    /// What the writer reports.
    fn doubt(&mut self, connection: &FramedConnection<'_>, doubt: &Doubt) -> io::Result<()> {
        let _ = (connection, doubt);
        Ok(())
    }

    /// A connection is over. Told of the first [`KeepLimits::connections`] only, unless
    /// [`wants_every_connection`](Self::wants_every_connection).
    ///
    /// # Errors
    /// What the writer reports.
    fn connection(&mut self, connection: &FramedConnection<'_>, record: &ConnectionRecord) -> io::Result<()>;

    /// Whether connections beyond the limit are wanted too: their records keep no findings.
    fn wants_every_connection(&self) -> bool {
        false
    }

    /// Everything was read: completes the report and flushes it.
    ///
    /// # Errors
    /// What the writer reports.
    fn finish(&mut self, totals: &Totals) -> io::Result<()>;
}
