//! What the capture has and lacks of a connection, while it goes by.

use super::words::count;
use super::{Completeness, Ledger, LedgerHole};
use crate::decode::framing::{FramedConnection, FramingNote};
use crate::decode::reassembly::{Closing, Hole, HoleCause, StreamNote};
use crate::time::Timestamp;
use crate::wire::Side;

/// Holes of a connection that are kept one by one.
const MAX_HOLES: usize = 1000;
/// Remarks of a connection that are kept; a last line counts the rest.
const MAX_REMARKS: usize = 100;

/// Both sides, in the order of every pair of a ledger.
const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// Where a side stands in a pair.
pub(super) const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

/// What decoding remarked about a connection's bytes; of most it remarks nothing.
#[derive(Debug, Default)]
pub(super) struct Remarks(Option<Box<Remarked>>);

#[derive(Debug, Default)]
struct Remarked {
    lines: Vec<String>,
    beyond: u64,
    /// At most [`MAX_REMARKS`].
    skipped: Vec<Skipped>,
}

/// Bytes that belong to no frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skipped {
    pub(super) from: Side,
    pub(super) offset: u64,
    pub(super) len: u64,
    /// The packet being read when they were passed over.
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
}

impl Remarks {
    #[cold]
    pub(super) fn framing(&mut self, packet: u64, time: Option<Timestamp>, note: FramingNote) {
        let remarked = self.0.get_or_insert_default();
        if let FramingNote::Skipped { from, offset, len } = note
            && remarked.skipped.len() < MAX_REMARKS
        {
            remarked.skipped.push(Skipped { from, offset, len, packet, time });
        }
        remarked.add(&note);
    }

    pub(super) fn stream(&mut self, note: StreamNote) {
        if note.is_odd() {
            self.0.get_or_insert_default().add(&note);
        }
    }

    /// Runs of bytes that belong to no frame, the first ones.
    pub(super) fn skipped(&self) -> &[Skipped] {
        self.0.as_ref().map_or(&[], |remarked| &remarked.skipped)
    }

    fn into_lines(self) -> Vec<String> {
        self.0.map(|remarked| remarked.into_lines()).unwrap_or_default()
    }
}

impl Remarked {
    fn add(&mut self, note: &dyn std::fmt::Display) {
        if self.lines.len() < MAX_REMARKS {
            self.lines.push(note.to_string());
        } else {
            self.beyond += 1;
        }
    }

    fn into_lines(mut self) -> Vec<String> {
        if self.beyond > 0 {
            self.lines.push(format!("and {} more", self.beyond));
        }
        self.lines
    }
}

/// Bytes of one side that are not captured, and what that means for statements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    what: Missing,
    from: Side,
    /// The packet that shows it.
    pub(super) packet: u64,
    /// The last packet of which a frame was seen before.
    pub(super) after: u64,
}

/// How bytes are missing.
#[derive(Debug, Clone, Copy)]
enum Missing {
    /// So many are not captured.
    Hole(u64),
    /// Only the other side's acknowledgement speaks of them.
    Unseen,
    /// They are there, but the size of their frames is not known.
    Unreadable,
}

/// The ledger as it grows: nothing but a pointer until something is missing, since of most connections nothing is.
#[derive(Debug, Default)]
pub(super) struct Book(Option<Box<Losses>>);

/// What is missing.
#[derive(Debug, Default)]
struct Losses {
    holes: Vec<LedgerHole>,
    hole_count: u64,
    hole_bytes: u64,
    truncated: u64,
    last_truncated: Option<u64>,
    partial_frames: u64,
    /// The latest loss of each side.
    lost: [Option<Lost>; 2],
    /// The stream offset up to which it reaches, while no frame beyond that has come.
    open: [Option<u64>; 2],
}

impl Book {
    /// A hole; `after` is the last packet of which a frame was seen.
    pub(super) fn hole(&mut self, from: Side, hole: &Hole, after: u64) {
        let Hole { offset, len, cause, packet, .. } = *hole;
        let losses = self.0.get_or_insert_default();
        losses.hole_count += 1;
        losses.hole_bytes = losses.hole_bytes.saturating_add(len);
        if cause == HoleCause::Truncated && losses.last_truncated.replace(packet) != Some(packet) {
            losses.truncated += 1;
        }
        if losses.holes.len() < MAX_HOLES {
            losses.holes.push(LedgerHole { from, offset, len, cause, packet });
        }
        self.lose(Lost { what: Missing::Hole(len), from, packet, after }, offset.saturating_add(len));
    }

    /// Bytes that the other side acknowledged and that are not there, at least not so far.
    pub(super) fn unseen(&mut self, from: Side, packet: u64, up_to: u64, after: u64) {
        self.lose(Lost { what: Missing::Unseen, from, packet, after }, up_to);
    }

    /// Bytes that cannot be read as frames.
    pub(super) fn unreadable(&mut self, from: Side, packet: u64, until: u64, after: u64) {
        self.lose(Lost { what: Missing::Unreadable, from, packet, after }, until);
    }

    /// A frame that is not there to its end.
    pub(super) fn partial_frame(&mut self) {
        self.0.get_or_insert_default().partial_frames += 1;
    }

    fn lose(&mut self, lost: Lost, until: u64) {
        let side = index(lost.from);
        let losses = self.0.get_or_insert_default();
        losses.lost[side] = Some(lost);
        losses.open[side] = losses.open[side].max(Some(until));
    }

    /// The latest loss of that side.
    pub(super) fn lost(&self, side: Side) -> Option<Lost> {
        self.0.as_ref()?.lost[index(side)]
    }

    /// True when bytes of that side were lost after the frame in `packet`, or may have been.
    pub(super) fn lost_since(&self, side: Side, packet: u64) -> bool {
        let open = self.0.as_ref().is_some_and(|losses| losses.open[index(side)].is_some());
        self.lost(side).is_some_and(|lost| open || lost.after >= packet)
    }

    /// True when no loss reaches up to a frame that has not come.
    pub(super) fn is_settled(&self) -> bool {
        self.0.as_ref().is_none_or(|losses| losses.open == [None; 2])
    }

    /// A frame of that side, up to stream offset `end`: what was lost before that lies before it. `after` is the last
    /// packet of which a frame was seen.
    #[inline]
    pub(super) fn frame(&mut self, from: Side, end: u64, after: u64) {
        let Some(losses) = &mut self.0 else { return };
        if losses.open[index(from)].take_if(|until| end > *until).is_some()
            && let Some(lost) = &mut losses.lost[index(from)]
        {
            lost.after = after;
        }
    }

    /// Sums up.
    pub(super) fn close(&mut self, connection: &FramedConnection<'_>, closing: Closing, remarks: Remarks) -> Ledger {
        let losses = self.0.take().unwrap_or_default();
        let tcp = connection.tcp;
        let packets = SIDES.map(|side| tcp.packets[connection.way(side).index()]);
        let from_start = SIDES.map(|side| connection.from_start(side));
        let completeness = if packets.contains(&0) {
            Completeness::OneSided
        } else if from_start != [true; 2] {
            Completeness::MidStream
        } else if losses.truncated > 0 {
            Completeness::Truncated
        } else if losses.hole_count > 0 {
            Completeness::Holes
        } else if matches!(closing, Closing::Fin | Closing::Reset) {
            Completeness::Complete
        } else {
            Completeness::Unfinished
        };
        Ledger {
            completeness,
            first_packet: tcp.first_packet,
            first_time: tcp.first_time,
            last_packet: tcp.last_packet,
            last_time: tcp.last_time,
            from_start,
            packets,
            closing,
            holes: losses.holes,
            hole_count: losses.hole_count,
            hole_bytes: losses.hole_bytes,
            truncated_packets: losses.truncated,
            partial_frames: losses.partial_frames,
            notes: remarks.into_lines(),
        }
    }
}

impl Lost {
    /// "the capture lost 88 bytes of the client before packet 30".
    pub(super) fn words(&self) -> String {
        let Self { what, from, packet, .. } = self;
        match what {
            Missing::Hole(len) => {
                format!("the capture lost {} of the {from} before packet {packet}", count(*len, "byte"))
            }
            Missing::Unseen => {
                format!("packet {packet} acknowledges bytes of the {from} that were not captured before it")
            }
            Missing::Unreadable => {
                format!("nothing tells maximum_msg_size, so that the {from}'s frame in packet {packet} cannot be read")
            }
        }
    }
}
