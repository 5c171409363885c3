//! Figures of one connection, kept as its frames go by.

use super::{Basis, Metrics, ResendCauses, Spread, Sums};
use crate::time::Timestamp;

/// RFC 6298: what a new sample weighs in the smoothed RTT.
const ALPHA: f64 = 1.0 / 8.0;

/// Count, least, sum and most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gauge {
    count: u64,
    min: f64,
    sum: f64,
    max: f64,
}

impl Gauge {
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        (self.min, self.max) = match self.count {
            0 => (value, value),
            _ => (self.min.min(value), self.max.max(value)),
        };
        self.count += 1;
        self.sum += value;
    }

    pub(super) fn most(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    fn spread(&self) -> Spread {
        let mean = if self.count > 0 { self.sum / self.count as f64 } else { 0.0 };
        Spread { count: self.count, min: self.min, mean, max: self.max }
    }
}

/// How many are in flight over capture time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flight {
    /// When it changed last.
    pub(super) since: Option<Timestamp>,
    pub(super) held: Held,
}

impl Flight {
    /// So many are in flight from now on.
    fn change(&mut self, time: Option<Timestamp>, count: Option<u32>) {
        let Some(now) = time else { return };
        if let Some(since) = self.since {
            // A clock that went back adds nothing.
            self.held.lasted(now.since(since).max(0));
        }
        self.since = Some(now);
        self.held.count = count;
    }

    /// True when so many are in flight since that moment.
    pub(super) fn holds_since(&self, time: Option<Timestamp>, count: u32) -> bool {
        time.is_some() && self.since == time && self.held.count == Some(count)
    }
}

/// The same, whenever that was.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) count: Option<u32>,
    full: u32,
    /// Seconds that are known, and the integral over them.
    span: f64,
    area: f64,
    /// Seconds at `full` or above.
    at_full: f64,
}

impl Held {
    /// So many nanoseconds have passed.
    #[inline(always)] // into the loop over frames
    pub(super) fn lasted(&mut self, nanos: i64) {
        if let Some(count) = self.count {
            let seconds = in_seconds(nanos);
            self.span += seconds;
            self.area += seconds * f64::from(count);
            if count >= self.full && count > 0 {
                self.at_full += seconds;
            }
        }
    }

    /// From now on `full` is what a full window holds: what was full before is not any more.
    const fn rises_to(&mut self, full: u32) {
        self.full = full;
        self.at_full = 0.0;
    }
}

/// How long ACKs took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RoundTrips {
    gauge: Gauge,
    /// Of the samples in `gauge`, if there are any.
    smoothed: f64,
}

impl RoundTrips {
    /// An ACK so many nanoseconds after the only copy of its position.
    #[inline(always)] // as above
    pub(super) fn add(&mut self, nanos: i64) {
        let sample = in_seconds(nanos);
        self.smoothed = match self.gauge.count {
            0 => sample,
            _ => (1.0 - ALPHA) * self.smoothed + ALPHA * sample,
        };
        self.gauge.add(sample);
    }

    fn smoothed(&self) -> Option<f64> {
        (self.gauge.count > 0).then_some(self.smoothed)
    }
}

/// The figures as they grow.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) frames: u64,
    pub(super) messages: u64,
    pub(super) unique: u64,
    pub(super) resent: u64,
    pub(super) acks: u64,
    pub(super) gaps: u64,
    pub(super) message_bytes: u64,
    pub(super) stream_bytes: [u64; 2],
    first_message: Option<Timestamp>,
    /// When the last ACK passed.
    pub(super) answered: Option<Timestamp>,
    pub(super) round_trips: RoundTrips,
    /// Of the few exchanges in which a package was written again.
    ambiguous: Option<Box<Gauge>>,
    pub(super) handshake: Option<f64>,
    pub(super) flight: Flight,
    declared: Option<u32>,
    pub(super) largest_in_flight: Option<(u32, u64)>,
    /// Of those in which one was written late.
    pub(super) gap_open: Option<Box<Gauge>>,
}

impl Meter {
    pub(super) fn new(window: Option<u32>) -> Self {
        let held = Held { full: window.unwrap_or(0), ..Held::default() };
        Self { declared: window, flight: Flight { since: None, held }, ..Self::default() }
    }

    /// A MSG or DONE; `in_flight` as far as it is proved.
    #[inline]
    pub(super) fn departed(&mut self, time: Option<Timestamp>, in_flight: Option<u32>, packet: u64) {
        if self.first_message.is_none() {
            self.first_message = time;
        }
        self.now_in_flight(time, in_flight, packet);
    }

    #[inline]
    fn now_in_flight(&mut self, time: Option<Timestamp>, in_flight: Option<u32>, packet: u64) {
        if let Some(count) = in_flight.filter(|count| self.largest_in_flight.is_none_or(|(most, _)| *count > most)) {
            self.largest_in_flight = Some((count, packet));
            if self.declared.is_none() {
                self.flight.change(time, None);
                self.flight.held.rises_to(count);
            }
        }
        self.flight.change(time, in_flight);
    }

    /// True once a MSG was seen.
    pub(super) const fn is_under_way(&self) -> bool {
        self.first_message.is_some()
    }

    /// An ACK; `after` is how long after the only copy of its position, `ambiguous` after the last of several. In the middle
    /// of a stream it may be the first to prove how many were in flight.
    #[inline]
    pub(super) fn acknowledged(
        &mut self,
        time: Option<Timestamp>,
        in_flight: Option<u32>,
        packet: u64,
        after: Option<i64>,
        ambiguous: Option<i64>,
    ) {
        self.answered = time;
        if let Some(nanos @ 0..) = after {
            self.round_trips.add(nanos);
        }
        if let Some(nanos @ 0..) = ambiguous {
            self.ambiguous.get_or_insert_default().add(in_seconds(nanos));
        }
        self.now_in_flight(time, in_flight, packet);
    }

    /// Nothing is known of what is in flight until it is said again.
    pub(super) fn lost(&mut self) {
        self.flight.held.count = None;
    }

    /// The longest that any answer took, where that is known.
    pub(super) fn longest_rtt(&self) -> Option<f64> {
        [self.handshake, self.round_trips.gauge.most(), self.ambiguous.as_ref().and_then(|gauge| gauge.most())]
            .into_iter()
            .flatten()
            .reduce(f64::max)
    }

    /// Sums up.
    pub(super) fn close(&self, acks_lost: u64, resend_causes: ResendCauses) -> Metrics {
        let duration = self.first_message.zip(self.answered).map(|(first, last)| in_seconds(last.since(first)));
        let rate = |amount: u64| duration.filter(|d| *d > 0.0).map(|d| amount as f64 / d);
        let spread = |gauge: &Option<Box<Gauge>>| gauge.as_deref().copied().unwrap_or_default().spread();
        let held = &self.flight.held;
        let known = held.span > 0.0;
        let mean = known.then(|| held.area / held.span);
        let window = self.declared.or(self.largest_in_flight.map(|(most, _)| most)).filter(|window| *window > 0);
        Metrics {
            sums: Sums {
                frames: self.frames,
                messages: self.messages,
                unique: self.unique,
                resent: self.resent,
                acks: self.acks,
                acks_lost,
                gaps: self.gaps,
                message_bytes: self.message_bytes,
                stream_bytes: self.stream_bytes,
            },
            duration,
            goodput: rate(self.message_bytes),
            throughput: rate(self.stream_bytes[0]),
            rtt: self.round_trips.gauge.spread(),
            rtt_ambiguous: spread(&self.ambiguous),
            srtt: self.round_trips.smoothed(),
            max_in_flight: self.largest_in_flight,
            mean_in_flight: mean,
            window_basis: window.map(|_| if self.declared.is_some() { Basis::Declared } else { Basis::Inferred }),
            window_full: known.then_some(held.at_full),
            window_utilisation: mean.zip(window).map(|(mean, window)| mean / f64::from(window)),
            gap_open: spread(&self.gap_open),
            resend_causes,
        }
    }
}

/// Nanoseconds as seconds.
pub(super) fn in_seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// How long a frame was written after another, in nanoseconds of capture time.
pub(super) fn between(earlier: Option<Timestamp>, later: Option<Timestamp>) -> Option<i64> {
    later.zip(earlier).map(|(later, earlier)| later.since(earlier))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Option<Timestamp> {
        Some(Timestamp::from_nanos(milliseconds * 1_000_000))
    }

    #[test]
    fn in_flight_is_averaged_over_time_and_a_full_window_timed() {
        // 1 for 1 s, 2 for 3 s, 1 for 1 s, 0 for nothing: (1 + 6 + 1) / 5.
        for declared in [Some(2), None] {
            let mut meter = Meter::new(declared);
            meter.departed(at(0), Some(1), 1);
            meter.departed(at(1000), Some(2), 2);
            meter.acknowledged(at(4000), Some(1), 3, None, None);
            meter.acknowledged(at(5000), Some(0), 4, None, None);
            let metrics = meter.close(0, ResendCauses::default());
            assert_eq!(metrics.mean_in_flight, Some(1.6), "{declared:?}");
            assert_eq!(metrics.window_full, Some(3.0), "{declared:?}");
            assert_eq!(metrics.window_utilisation, Some(0.8));
            let basis = if declared.is_some() { Basis::Declared } else { Basis::Inferred };
            assert_eq!(metrics.window_basis, Some(basis));
            assert_eq!((metrics.max_in_flight, metrics.duration), (Some((2, 2)), Some(5.0)));
        }
    }

    #[test]
    fn what_an_ack_is_the_first_to_prove_counts_as_the_largest_number_in_flight_and_in_the_mean() {
        let mut meter = Meter::new(None);
        meter.departed(at(0), None, 1);
        meter.acknowledged(at(1000), Some(9), 2, None, None);
        meter.departed(at(2000), Some(3), 3);
        meter.acknowledged(at(3000), Some(0), 4, None, None);
        let metrics = meter.close(0, ResendCauses::default());
        assert_eq!((metrics.max_in_flight, metrics.mean_in_flight), (Some((9, 2)), Some(6.0)));
        assert_eq!((metrics.window_full, metrics.window_utilisation), (Some(1.0), Some(6.0 / 9.0)));
    }

    #[test]
    fn the_smoothed_rtt_is_that_of_rfc_6298_and_ambiguous_samples_stay_apart() {
        let mut meter = Meter::new(None);
        for nanos in [100_000_000, 200_000_000] {
            meter.acknowledged(at(0), None, 1, Some(nanos), None);
        }
        meter.acknowledged(at(0), None, 2, None, Some(9_000_000_000));
        let metrics = meter.close(0, ResendCauses::default());
        assert_eq!(metrics.srtt, Some(0.1 * 7.0 / 8.0 + 0.2 / 8.0));
        assert_eq!((metrics.rtt.count, metrics.rtt.min, metrics.rtt.max), (2, 0.1, 0.2));
        assert_eq!((metrics.rtt_ambiguous.count, metrics.rtt_ambiguous.max), (1, 9.0));
    }
}
