//! What a form makes of rows, wherever the text goes.

use std::io::{self, Write};

use super::sink::Sink;
use crate::decode::row::Row;
use crate::time::Timestamp;

/// How rows become text, one after the other. What it remembers of earlier rows is all in it: of two that are equal, each
/// writes the same from then on.
pub(super) trait Style: Clone + PartialEq + Send + 'static {
    /// Before any row.
    fn begin<W: Write>(&mut self, sink: &mut Sink<W>) {
        let _ = sink;
    }

    /// The next row.
    fn row<W: Write>(&mut self, row: &Row<'_>, sink: &mut Sink<W>) -> io::Result<()>;

    /// A packet that no row is written for, or not yet.
    fn observe(&mut self, packet: u64, time: Timestamp) {
        let _ = (packet, time);
    }

    /// What there is so far should be seen.
    fn pause<W: Write>(&mut self, sink: &mut Sink<W>) -> io::Result<()> {
        let _ = sink;
        Ok(())
    }

    /// After the last row.
    fn finish<W: Write>(&mut self, sink: &mut Sink<W>) -> io::Result<()> {
        let _ = sink;
        Ok(())
    }

    /// True when it will most likely be the same after some more rows and packets, so that later rows can be written before
    /// these. It hands nothing on then until [`finish`](Self::finish).
    fn can_be_foreseen(&self) -> bool {
        true
    }
}
