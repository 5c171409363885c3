//! What the capture lacks, and the end of a connection.

use super::{Model, place};
use crate::analyze::facts::{ClosingFacts, HoleFacts};
use crate::analyze::ledger::{Remarks, index};
use crate::analyze::rules::{self, Found};
use crate::analyze::tally::Whole;
use crate::analyze::{ConnectionAnalysis, parameters};
use crate::decode::framing::FramedConnection;
use crate::decode::reassembly::{Closing, Hole};
use crate::time::Timestamp;
use crate::wire::{Name, Pos, Side};

impl Model {
    /// Bytes of a side are not in the capture.
    pub(in crate::analyze) fn hole(
        &mut self,
        connection: &FramedConnection<'_>,
        from: Side,
        hole: &Hole,
        found: &mut Found,
    ) {
        self.book.hole(from, hole, self.last.map_or(0, |(packet, _)| packet));
        self.lose(from, hole.offset.saturating_add(hole.len));
        let side_is_missing = connection.tcp.packets[connection.way(from).index()] == 0;
        let place = place(connection, Some(from), hole.packet, hole.time);
        rules::judge_hole(&HoleFacts { place, hole, from, side_is_missing }, found);
        self.tally(found);
    }

    /// The other side has what the capture does not show, at least not so far.
    pub(in crate::analyze) fn unseen(&mut self, connection: &FramedConnection<'_>, from: Side, up_to: u64) {
        self.book.unseen(from, connection.tcp.last_packet, up_to, self.last.map_or(0, |(packet, _)| packet));
        self.lose(from, up_to);
    }

    /// Frames of another length than agreed are to come: each frame is looked at from now on.
    pub(in crate::analyze) fn regridded(&mut self) {
        self.regridded = true;
    }

    pub(super) fn lose(&mut self, from: Side, until: u64) {
        self.observer.hole_until(from, until);
        if let Some(replay) = &mut self.replay {
            replay.hole(from);
        }
        self.course.lost(from);
        self.waiting.lost((from == Side::Server).then_some(self.last_answer));
        self.meter.lost();
        self.acted = None;
        self.filled = None;
        self.cut[index(from)] = None;
        match from {
            Side::Client => self.server = None,
            Side::Server => self.doubt_answers(),
        }
    }

    /// The connection is over.
    pub(in crate::analyze) fn closed(
        &mut self,
        connection: &FramedConnection<'_>,
        closing: Closing,
        remarks: Remarks,
        found: &mut Found,
    ) -> ConnectionAnalysis {
        while let Some(again) = self.waiting.pop() {
            self.told(connection, &again, found);
        }
        self.never_again(connection, None, found);
        let tcp = connection.tcp;
        let [client, server] =
            [Side::Client, Side::Server].map(|side| self.book.lost(side).is_none() && self.from_start[index(side)]);
        let whole = Whole { departures: client, exchange: client && server };
        let ended = matches!(closing, Closing::Fin | Closing::Reset);
        let proves = ended && whole.exchange;
        let window = self.observer.window();
        let facts = ClosingFacts {
            place: place(connection, None, tcp.last_packet, tcp.last_time),
            connection,
            closing,
            options: &self.options,
            book: &self.book,
            proves,
            course: &self.course,
            open: window.never_written().map(|run| (run, self.observer.opening(run.first()))).collect(),
            unanswered: self.unanswered(),
            longest_rtt: self.meter.longest_rtt(),
            cut: [Side::Client, Side::Server]
                .into_iter()
                .zip(&self.cut)
                .filter(|(side, _)| self.grid[index(*side)])
                .filter_map(|(side, cut)| cut.as_ref().map(|cut| (side, cut.packet, cut.captured, cut.whole)))
                .collect(),
            skipped: remarks.skipped(),
            inference: &self.inference,
            largest_in_flight: self.meter.largest_in_flight,
        };
        rules::judge_closing(&facts, found);
        let said_before = self.said_before(found);
        let complete = if self.course.is_complete() { Some(true) } else { proves.then_some(false) };
        let why_not = facts.because().words;
        let why_not = if proves { facts.ending().to_owned() } else { why_not };
        self.tally(found);
        let tally = self.tally.take().unwrap_or_default();
        let withheld = tally.positions(&rules::ack_withheld::RULE) - said_before;
        let acks_lost = tally.acks_not_written() + withheld;
        ConnectionAnalysis {
            connection: tcp.id,
            client: tcp.from(connection.client),
            server: tcp.to(connection.client),
            max_msg_size: *connection.capacity,
            parameters: parameters::parameters(&self.options, &self.inference, self.meter.largest_in_flight),
            ledger: self.book.close(connection, closing, remarks),
            metrics: self.meter.close(acks_lost, tally.causes()),
            verdict: tally.verdict(complete, &why_not, self.options.window.is_some(), whole),
            reference: self.replay.as_mut().map(|replay| replay.finish()).unwrap_or_default(),
            counts: tally.counts(),
            doubts: tally.doubts,
        }
    }

    /// ACKs withheld whose absence was counted before, when the server answered past them.
    fn said_before(&self, found: &Found) -> u64 {
        let Some(answers) = &self.server else { return 0 };
        let withheld = found.findings.iter().filter(|finding| finding.rule == &rules::ack_withheld::RULE);
        let positions = withheld.flat_map(|finding| finding.positions.iter());
        positions.filter(|pos| answers.is_uncovered(*pos)).count() as u64
    }

    /// Positions that arrived in order and whose ACK was never seen, with packet and time of the arrival.
    fn unanswered(&self) -> Vec<(Pos, Name, u64, Option<Timestamp>)> {
        let last = self.observer.last_acked().unwrap_or_default();
        let calls = self.server.iter().flat_map(|calls| calls.unanswered(last));
        calls.map(|call| (call.pos, call.by.name, call.by.packet, call.by.time)).collect()
    }
}
