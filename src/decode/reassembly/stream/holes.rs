//! When waiting ends: after an acknowledgement, at a limit, at the end.

use super::super::backlog::Deadline;
use super::super::outlet::Outlet;
use super::super::{Hole, HoleCause, Start, StreamSink};
use super::{Phase, Stream};

impl Stream {
    /// Called after each packet of the connection: gives up holes whose time has come.
    #[inline]
    pub(in crate::decode) fn tick<S: StreamSink>(&mut self, out: &mut Outlet<'_, S>) {
        if let Some(backlog) = &self.backlog {
            self.tick_backlog(backlog.deadline, out);
        }
    }

    fn tick_backlog<S: StreamSink>(&mut self, deadline: Option<Deadline>, out: &mut Outlet<'_, S>) {
        let mut left = deadline.map(|deadline| Deadline { packets: deadline.packets - 1, ..deadline });
        if let Some(Deadline { goal, packets: 0 }) = left {
            left = None;
            while let Some(end) = self.acknowledged_hole(goal) {
                self.give_up(end, HoleCause::NotCaptured, out);
            }
        }
        if left.is_none() && self.acknowledged_hole(self.acked).is_some() {
            left = Some(Deadline { goal: self.acked, packets: out.shared.limits.packets_after_ack.max(1) });
        }
        if let Some(backlog) = &mut self.backlog {
            backlog.deadline = left;
        }
        self.tidy(out);
    }

    /// Where the open hole (or the wait for the start) ends, if everything before `acked` was received.
    fn acknowledged_hole(&self, acked: u64) -> Option<u64> {
        let backlog = self.backlog.as_ref().filter(|backlog| !backlog.is_idle())?;
        if self.phase == Phase::Starting {
            return backlog.lowest().filter(|lowest| *lowest <= acked);
        }
        match backlog.first_held() {
            Some(end) if end <= acked => Some(end),
            // With nothing (or something unacknowledged) behind it: as far as cut packets show it.
            held => backlog.cut_up_to(acked.min(held.unwrap_or(u64::MAX))),
        }
    }

    /// Ends the wait at `end`: settles the start, or states the hole up to there and delivers what follows.
    fn give_up<S: StreamSink>(&mut self, end: u64, cause: HoleCause, out: &mut Outlet<'_, S>) {
        if self.phase == Phase::Starting {
            self.run_from(end, Start::MidStream, out);
            return;
        }
        let whole = self.next..end;
        while self.next < end {
            let rest = self.next..end;
            let cut = self.backlog.as_ref().and_then(|backlog| backlog.cut_within(&rest));
            let hole = match cut {
                Some(cut) if cut.start <= rest.start => {
                    let len = cut.end.min(end) - rest.start;
                    Hole { offset: 0, len, cause: HoleCause::Truncated, packet: cut.packet, time: cut.time }
                }
                _ => {
                    let stop = cut.map_or(end, |cut| cut.start);
                    let cause = if stop <= self.acked { HoleCause::NotCaptured } else { cause };
                    // What stands behind it shows it, long before waiting ends.
                    let behind = self.backlog.as_ref().and_then(|backlog| backlog.brought_by(stop));
                    let (packet, time) = behind.unwrap_or((out.info.last_packet, out.info.last_time));
                    Hole { offset: 0, len: stop - rest.start, cause, packet, time }
                }
            };
            self.next += hole.len;
            out.hole(Hole { offset: rest.start - self.zero, ..hole });
        }
        self.backlog.get_or_insert_default().lose(whole);
        self.drain(out);
    }

    /// Gives up holes until the limits are kept.
    pub(super) fn keep_limits<S: StreamSink>(&mut self, out: &mut Outlet<'_, S>) {
        let limits = out.shared.limits;
        loop {
            self.tidy(out);
            let Some(backlog) = self.backlog.as_ref().filter(|backlog| !backlog.is_idle()) else { return };
            let (bytes, segments) = match self.phase {
                Phase::Starting => (limits.start_bytes, limits.start_segments),
                _ => (limits.held_bytes, limits.held_segments),
            };
            let (own, in_all) = (backlog.held_bytes() > bytes, out.shared.held_in_all > limits.held_bytes_in_all);
            if !own && !in_all && backlog.held_segments() <= segments {
                return;
            }
            // That the start is settled, or that many small segments were enough, loses nothing.
            if self.phase != Phase::Starting {
                out.shared.counters.held_limit_reached += u64::from(own);
                out.shared.counters.held_in_all_limit_reached += u64::from(in_all && !own);
            }
            let end = match self.phase {
                Phase::Starting => backlog.lowest(),
                _ => backlog.first_held().or(Some(backlog.cuts_end())),
            };
            let Some(end) = end else { return };
            self.give_up(end, HoleCause::LimitReached, out);
        }
    }

    /// The stream offset up to which the other side has acknowledged, when that is more than was captured.
    #[inline]
    pub(in crate::decode) fn owed(&self) -> Option<u64> {
        let more = match self.fin {
            // If it is one byte more, that may be a FIN that was not captured.
            None => self.acked > self.sent(),
            // Before a FIN that was, bytes are missing; what waits behind others is no silence.
            Some(fin) => self.acked.min(fin) > self.next && self.waiting() == 0,
        };
        (more && self.phase == Phase::Running).then(|| self.acked - self.zero)
    }

    /// No packet will follow: settles and gives up everything.
    pub(in crate::decode) fn finish<S: StreamSink>(&mut self, peer_closed: bool, out: &mut Outlet<'_, S>) {
        if self.phase == Phase::Starting
            && let Some(lowest) = self.backlog.as_ref().and_then(|backlog| backlog.lowest())
        {
            self.run_from(lowest, Start::MidStream, out);
        }
        if self.phase != Phase::Running {
            return;
        }
        while let Some(end) = self.backlog.as_ref().and_then(|backlog| backlog.first_held()) {
            self.give_up(end, HoleCause::CaptureEnded, out);
        }
        let cut = self.backlog.as_ref().map_or(0, |backlog| backlog.cuts_end());
        let end = self.fin.unwrap_or(0).max(cut);
        if self.next < end {
            self.give_up(end, HoleCause::CaptureEnded, out);
        }
        let acknowledged = self.acknowledged_end(peer_closed);
        if self.fin.is_none() && self.next < acknowledged {
            let (packet, time) = (out.info.last_packet, out.info.last_time);
            let (offset, len) = (self.next - self.zero, acknowledged - self.next);
            out.hole(Hole { offset, len, cause: HoleCause::AcknowledgedBeyond, packet, time });
            self.next = acknowledged;
        }
        self.tidy(out);
    }

    /// The end of what the other side acknowledged, less one when that one may be a FIN that was not captured.
    fn acknowledged_end(&self, peer_closed: bool) -> u64 {
        let beyond = self.acked.saturating_sub(self.next);
        if beyond == 1 || (beyond > 0 && peer_closed) { self.acked - 1 } else { self.acked }
    }
}
