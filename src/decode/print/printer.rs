//! A style with the buffer that its text goes to, and perhaps a second thread that writes some of it.

use std::io::{self, Write};

use super::RowPrinter;
use super::sink::Sink;
use super::style::Style;
use super::two::Two;
use crate::decode::row::Row;
use crate::decode::second_thread::{has_little_memory, has_second_processor};
use crate::time::Timestamp;

/// Rows after which a second thread helps; so many bytes of text take longer than a thread to begin.
const BEGIN: u32 = if cfg!(test) { 4 } else { 8 * 1024 };

/// Rows after which it is tried again, where it did not pay; each time twice as many, up to the second number.
const AGAIN: [u32; 2] = if cfg!(test) { [5, 20] } else { [1 << 19, 1 << 23] };

/// Prints rows in a style.
pub(super) struct Printer<S: Style, W> {
    style: S,
    sink: Sink<W>,
    help: Help,
    two: Option<Two<S>>,
    finished: bool,
}

/// Whether a second thread helps.
pub(super) enum Help {
    Never,
    /// After so many more rows, if it may.
    After {
        rows: u32,
        /// And after so many if it does not pay.
        again: u32,
    },
}

impl Help {
    /// What becomes of a second thread that is `wanted`.
    pub(super) fn new(wanted: bool) -> Self {
        let may = wanted && has_second_processor() && !has_little_memory();
        if may { Self::After { rows: BEGIN, again: AGAIN[0] } } else { Self::Never }
    }

    /// Another row. True when it is time to begin.
    fn is_due(&mut self) -> bool {
        match self {
            Self::Never => false,
            Self::After { rows, again } => match rows.checked_sub(1) {
                Some(left) => {
                    *rows = left;
                    false
                }
                None => {
                    (*rows, *again) = (*again, AGAIN[1].min(2 * *again));
                    true
                }
            },
        }
    }
}

impl<S: Style, W: Write> Printer<S, W> {
    /// A printer that has written what stands before all rows, to its buffer.
    pub(super) fn boxed<'w>(mut style: S, mut sink: Sink<W>, help: Help) -> Box<dyn RowPrinter + 'w>
    where
        W: 'w,
    {
        style.begin(&mut sink);
        Box::new(Self { style, sink, help, two: None, finished: false })
    }

    /// Has a second thread help from here on, if it can.
    #[cold]
    fn begin_help(&mut self) {
        if self.style.can_be_foreseen() {
            self.two = Two::begin();
        }
    }

    /// Has the rows written that were kept.
    #[inline(never)] // once for a block
    fn hand_over(&mut self) -> io::Result<()> {
        if let Some(two) = &mut self.two
            && two.hand_over(&mut self.style, &mut self.sink)?.is_break()
        {
            self.end_help()?;
        }
        Ok(())
    }

    /// From here on this thread writes all rows; those that were kept it writes now.
    fn end_help(&mut self) -> io::Result<()> {
        match self.two.take() {
            Some(mut two) => two.settle(&mut self.style, &mut self.sink),
            None => Ok(()),
        }
    }
}

impl<S: Style, W: Write> RowPrinter for Printer<S, W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if let Some(two) = &mut self.two {
            return if two.keep(row) { self.hand_over() } else { Ok(()) };
        }
        self.style.row(row, &mut self.sink)?;
        self.sink.end_row()?;
        if self.help.is_due() {
            self.begin_help();
        }
        Ok(())
    }

    fn observe(&mut self, packet: u64, time: Timestamp) {
        self.style.observe(packet, time);
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(two) = &mut self.two {
            two.settle(&mut self.style, &mut self.sink)?;
        }
        self.style.pause(&mut self.sink)?;
        self.sink.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_help()?;
        if !self.finished {
            self.finished = true;
            self.style.finish(&mut self.sink)?;
        }
        self.sink.flush()
    }
}
