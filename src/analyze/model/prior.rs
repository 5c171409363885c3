//! What the model asks of its memory before a frame changes it.

use super::{Model, end};
use crate::analyze::facts::{Before, ClockBack, SentBack, Waited};
use crate::analyze::ledger::index;
use crate::analyze::metrics::between;
use crate::decode::framing::LocatedFrame;
use crate::decode::observer::memory::{Opening, Written};
use crate::wire::{Name, Pos, Side};

/// What is known before a frame is taken in.
pub(super) struct Prior {
    pub(super) before: Before,
    pub(super) copy: Option<Written>,
    pub(super) opening: Option<Opening>,
    pub(super) clock_back: Option<ClockBack>,
    pub(super) sent_back: Option<SentBack>,
    /// The packet of the server's frame before.
    pub(super) last_answer: u64,
    /// The frame is a package that a full window had held back: told when the window is asked.
    pub(super) waited: Option<Waited>,
}

impl Model {
    /// What has to be asked before the frame is taken in.
    #[inline]
    pub(super) fn prior(&mut self, located: &LocatedFrame<'_>, name: Option<Name>) -> Prior {
        let LocatedFrame { from, packet, time, ref frame, .. } = *located;
        let window = self.observer.window();
        let before = Before {
            highest: window.highest(),
            last_acked: window.last_acked(),
            acks_proved: window.last_acked_is_proved(),
        };
        let last_answer = self.last_answer;
        let mut prior =
            Prior { before, copy: None, opening: None, clock_back: None, sent_back: None, last_answer, waited: None };
        if from == Side::Client
            && let Some(pos) = frame.pos().or_else(|| frame.prev_seq().or_else(|| frame.seq()).map(Pos))
            && pos <= before.highest
        {
            prior.copy = self.observer.copy(pos);
            prior.opening = self.observer.opening(pos);
        }
        self.book.frame(from, end(located), self.last.map_or(0, |(packet, _)| packet));
        if let Some((last_packet, last_time)) = self.last
            && packet > last_packet
        {
            prior.clock_back = between(last_time, time)
                .filter(|nanos| *nanos < 0)
                .map(|nanos| ClockBack { nanos: nanos.saturating_neg(), packet: last_packet });
        }
        if from == Side::Server {
            self.last_answer = packet;
        }
        if self.last.is_none_or(|(last, _)| packet >= last) {
            self.last = Some((packet, time));
        }
        if let Some(sent) = frame.sent_time().filter(|sent| sent.is_finite() && name.is_some()) {
            let last = &mut self.last_sent[index(from)];
            // A DONE keeps its first sent_time (PROTOCOL §4.5).
            let keeps = name == Some(Name::Done);
            prior.sent_back = last
                .filter(|(before, _)| sent < *before && !keeps)
                .map(|(before, packet)| SentBack { by: before - sent, packet });
            if last.is_none_or(|(before, _)| sent > before) || prior.sent_back.is_some() {
                *last = Some((sent, packet));
            }
            if from == Side::Client && prior.sent_back.is_some() {
                self.set_clock(packet);
            }
        }
        prior
    }

    /// The client's clock was set back: what was sent before says nothing of how long ago that was.
    #[cold]
    fn set_clock(&mut self, packet: u64) {
        self.clock_set = packet;
        self.truly_new.clear();
        self.asked_sent = None;
    }
}
