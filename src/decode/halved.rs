//! A capture read by two threads, each of which takes half of the connections.
//!
//! ```text
//!            ┌─ records, headers ─ first half of the connections ──┐
//! blocks ────┤                                                     ├─ in order of packets ─ whoever takes it
//!            └─ records, headers ─ second half of the connections ─┘
//! ```
//!
//! Both go through all records, since only their headers tell whose they are; each block is read once. A connection is
//! known by one of the two alone, so they have nothing to wait for. What comes of it is put in order of packets, and new
//! connections are numbered in that order, so that nothing shows how many threads there were.
//!
//! Where a limit over all connections comes near, or one of the threads is kept from running, the second gives its half
//! back, and one goes on with all.

use std::collections::VecDeque;
use std::mem;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use super::Connections;
use super::capture::{Capture, Stop};
use super::express::Express;
use super::headers::FragmentLimits;
use super::intake::Intake;
use super::moment::{Moment, Watch};
use super::reading::{Companion, End, Last, Reader, Reading};
use super::reassembly::{Half, StreamLimits, StreamSink};

/// Packets after which what came of them is handed on, where it has to be put in order.
const EVERY: u64 = if cfg!(test) { 3 } else { 512 };

/// Connections that may begin before the second thread gives its half back, for a while: their numbers are kept until then.
const NUMBERED: u32 = if cfg!(test) { 6 } else { 1 << 18 };

/// The name of the second thread.
const SECOND: &str = "second half";

/// A sink that can be two, each for connections of its own: what it says, it says by keeping it until it is asked.
pub trait Apart: Sized + Send + 'static {
    /// What it says.
    type Told: Numbered + Send + 'static;

    /// Another one, which was told nothing. It has those connections now of which `kept` bytes are kept:
    /// [`StreamSink::kept`] of each.
    fn another(&mut self, kept: usize) -> Self;

    /// Takes in what another one counted.
    fn join(&mut self, other: Self);

    /// What it has said since this was emptied.
    fn told(&mut self) -> &mut Vec<Self::Told>;

    /// True when two like it could reach a limit over all connections soon.
    fn is_near_a_limit(&self) -> bool {
        false
    }
}

/// Something that is said of a connection.
pub trait Numbered {
    /// The connection.
    fn connection(&self) -> u32;

    /// Gives it another number.
    fn renumber(&mut self, connection: u32);
}

/// Feeds a whole capture to `sink`, with a second thread where that pays, and hands on what it says. `Break` ends the
/// reading, as in [`read`](super::reading::read).
pub fn read_halved<S>(
    capture: &mut Capture,
    first_connection: u32,
    limits: StreamLimits,
    sink: &mut S,
    take: impl FnMut(S::Told) -> ControlFlow<()>,
) -> Reading
where
    S: StreamSink<State: Send> + Apart,
{
    capture.shares(true);
    let connections = Connections::numbered_from(first_connection, limits);
    let mut reader = Reader { intake: Intake::new(FragmentLimits::default()), connections };
    let journal = Journal::new(first_connection);
    let mut first = First { take, journal, second: None, flow: ControlFlow::Continue(()) };
    let (end, error) = reader.run(Express::Taken, capture, sink, &mut first);
    if let Some(second) = first.second.take() {
        second.stop.stop();
        first.rejoin(second, Last::Yes, &mut reader.connections, sink);
    }
    first.take_all();
    let stopped = end == End::Stopped || first.flow.is_break();
    if !stopped {
        reader.connections.finish(sink);
        // What it breaks for now has come to its end.
        let _ = sink.told().drain(..).try_for_each(first.take);
    }
    reader.reading(first_connection, error, stopped)
}

/// What came of packets, where it is not in order yet.
struct Journal<T> {
    /// The packet up to which all is in it.
    through: u64,
    /// The packets at which connections began.
    opened: Vec<u64>,
    /// With the packet at which it was said.
    told: Vec<(u64, T)>,
    /// The number that the next connection has here.
    next: u32,
}

impl<T> Journal<T> {
    const fn new(next: u32) -> Self {
        Self { through: 0, opened: Vec::new(), told: Vec::new(), next }
    }

    /// Before the next packet there are so many connections. A packet begins one at most, and after such a packet this is
    /// called.
    fn counted(&mut self, next: u32) {
        if next > self.next {
            self.next = next;
            self.opened.push(self.through);
        }
    }

    /// What is in it; goes on behind that.
    const fn hand_on(&mut self) -> Self {
        let Self { through, next, .. } = *self;
        mem::replace(self, Self { through, opened: Vec::new(), told: Vec::new(), next })
    }
}

impl<S: Apart> Watch<S> for Journal<S::Told> {
    #[inline(always)] // into the loop over the records
    fn passed(&mut self, moment: Moment, sink: &mut S) -> ControlFlow<()> {
        self.through = moment.packet;
        if !sink.told().is_empty() {
            self.told.extend(sink.told().drain(..).map(|told| (moment.packet, told)));
        }
        ControlFlow::Continue(())
    }
}

/// Puts two journals in order.
struct Clerk<T> {
    /// Connections before this one have had their number since before.
    base: u32,
    /// The number of the next one among all.
    next: u32,
    halves: [Sorted<T>; 2],
}

/// What is left of a half's journal.
struct Sorted<T> {
    through: u64,
    opened: VecDeque<u64>,
    told: VecDeque<(u64, T)>,
    /// The numbers among all of those that began.
    numbers: Vec<u32>,
}

impl<T> Sorted<T> {
    const fn new() -> Self {
        Self { through: 0, opened: VecDeque::new(), told: VecDeque::new(), numbers: Vec::new() }
    }

    fn add(&mut self, journal: Journal<T>) {
        self.through = journal.through;
        self.opened.extend(journal.opened);
        self.told.extend(journal.told);
    }
}

impl<T: Numbered> Clerk<T> {
    const fn new(base: u32) -> Self {
        Self { base, next: base, halves: [Sorted::new(), Sorted::new()] }
    }

    /// Hands on what is known of both up to the same packet.
    fn settle(&mut self, take: &mut impl FnMut(T) -> ControlFlow<()>) -> ControlFlow<()> {
        let [first, second] = &mut self.halves;
        let through = first.through.min(second.through);
        let next_opened = |half: &Sorted<T>| half.opened.front().copied().filter(|packet| *packet <= through);
        while let Some(half) = earlier(first, second, next_opened) {
            half.opened.pop_front();
            half.numbers.push(self.next);
            self.next = self.next.saturating_add(1);
        }
        let next_told =
            |half: &Sorted<T>| half.told.front().map(|(packet, _)| *packet).filter(|packet| *packet <= through);
        while let Some(half) = earlier(first, second, next_told) {
            let Some((_, mut told)) = half.told.pop_front() else { break };
            told.renumber(number(self.base, &half.numbers, told.connection()));
            take(told)?;
        }
        ControlFlow::Continue(())
    }

    /// The number among all of a connection of a half.
    fn number(&self, half: Half, connection: u32) -> u32 {
        number(self.base, &self.halves[half.index()].numbers, connection)
    }
}

fn number(base: u32, numbers: &[u32], connection: u32) -> u32 {
    let begun = connection.checked_sub(base).and_then(|nth| numbers.get(nth as usize));
    begun.copied().unwrap_or(connection)
}

/// Which of two goes on first.
fn earlier<'h, T>(first: &'h mut T, second: &'h mut T, next: impl Fn(&T) -> Option<u64>) -> Option<&'h mut T> {
    match (next(first), next(second)) {
        (None, None) => None,
        (Some(_), None) => Some(first),
        (None, Some(_)) => Some(second),
        // A packet is of one connection.
        (Some(one), Some(other)) => Some(if one < other { first } else { second }),
    }
}

/// What the second thread comes back with.
struct Back<S: StreamSink> {
    connections: Connections<S>,
    sink: S,
}

/// The second thread, as the first sees it.
struct Second<S: StreamSink + Apart> {
    thread: JoinHandle<Option<Back<S>>>,
    stop: Stop,
    journals: Receiver<Journal<S::Told>>,
    clerk: Clerk<S::Told>,
    /// Up to where that was handed on.
    settled: u64,
}

impl<S: StreamSink<State: Send> + Apart> Second<S> {
    /// Deals out what is known, where a second thread pays and may be had.
    fn begin(capture: &mut Capture, reader: &mut Reader<S>, sink: &mut S) -> Option<Self> {
        let (hand, take) = channel::<(Capture, Reader<S>, S, Scribe<S::Told>)>();
        let work = move || {
            let (mut capture, mut reader, mut sink, mut scribe) = take.recv().ok()?;
            reader.run(Express::Taken, &mut capture, &mut sink, &mut scribe);
            scribe.end(&reader.connections);
            Some(Back { connections: reader.connections, sink })
        };
        let thread = thread::Builder::new().name(SECOND.to_owned()).spawn(work).ok()?;
        let (theirs, stop) = capture.share()?;
        let base = reader.connections.count();
        let (to, journals) = channel();
        let other = Reader { intake: reader.intake.clone(), connections: reader.connections.split_off() };
        let kept = other.connections.states().map(|state| sink.kept(state)).sum();
        let scribe = Scribe { journal: Journal::new(base), sent: 0, to, stop: stop.clone() };
        hand.send((theirs, other, sink.another(kept), scribe)).ok()?;
        Some(Self { thread, stop, journals, clerk: Clerk::new(base), settled: 0 })
    }

    /// Waits for its end.
    fn end(self, journal: Journal<S::Told>) -> Option<(Back<S>, Clerk<S::Told>)> {
        let Self { thread, journals, mut clerk, .. } = self;
        let back = thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        let [first, second] = &mut clerk.halves;
        first.add(journal);
        journals.try_iter().for_each(|journal| second.add(journal));
        (first.through, second.through) = (u64::MAX, u64::MAX);
        Some((back, clerk))
    }

    /// Hands on what both have said.
    fn settle(
        &mut self,
        journal: Journal<S::Told>,
        take: &mut impl FnMut(S::Told) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.settled = journal.through;
        let [first, second] = &mut self.clerk.halves;
        first.add(journal);
        self.journals.try_iter().for_each(|journal| second.add(journal));
        self.clerk.settle(take)
    }
}

/// The thread that began, and goes on when the other has stopped.
struct First<S: StreamSink + Apart, F> {
    take: F,
    journal: Journal<S::Told>,
    second: Option<Second<S>>,
    flow: ControlFlow<()>,
}

impl<S: StreamSink<State: Send> + Apart, F: FnMut(S::Told) -> ControlFlow<()>> First<S, F> {
    /// Takes back what the second thread has; both have come equally far, unless nobody wants to know.
    fn rejoin(&mut self, second: Second<S>, last: Last, connections: &mut Connections<S>, sink: &mut S) {
        let Some((mut back, mut clerk)) = second.end(self.journal.hand_on()) else { return };
        if self.flow.is_continue() {
            self.flow = clerk.settle(&mut self.take);
        }
        if last == Last::Yes {
            connections.drop_closed();
            back.connections.drop_closed();
        }
        connections.join(back.connections, clerk.next, |half, connection| clerk.number(half, connection));
        sink.join(back.sink);
    }

    /// Hands on what was said while there is no other thread.
    fn take_all(&mut self) {
        if self.flow.is_continue() {
            self.flow = self.journal.told.drain(..).try_for_each(|(_, told)| (self.take)(told));
        }
    }
}

impl<S, F> Companion<S> for First<S, F>
where
    S: StreamSink<State: Send> + Apart,
    F: FnMut(S::Told) -> ControlFlow<()>,
{
    type Watch = Journal<S::Told>;

    fn watch(&mut self) -> &mut Journal<S::Told> {
        &mut self.journal
    }

    fn between(&mut self, capture: &mut Capture, reader: &mut Reader<S>, sink: &mut S) -> ControlFlow<()> {
        let Some(second) = &mut self.second else {
            self.take_all();
            if capture.may_be_shared() {
                if reader.connections.can_be_halved() && !sink.is_near_a_limit() {
                    self.journal = Journal::new(reader.connections.count());
                    self.second = Second::begin(capture, reader, sink);
                }
                if self.second.is_none() {
                    // It is not tried again; then it may be read ahead.
                    capture.shares(false);
                }
            }
            return self.flow;
        };
        self.journal.counted(reader.connections.count());
        if self.journal.through >= second.settled + EVERY {
            let numbered = second.clerk.next - second.clerk.base;
            if reader.connections.is_near_a_limit() || sink.is_near_a_limit() || numbered >= NUMBERED {
                second.stop.stop();
            }
            self.flow = second.settle(self.journal.hand_on(), &mut self.take);
        }
        self.flow
    }

    fn arrived(&mut self, last: Last, connections: &mut Connections<S>, sink: &mut S) {
        if let Some(second) = self.second.take_if(|second| second.stop.is_over()) {
            self.rejoin(second, last, connections, sink);
        }
    }
}

/// What the second thread writes down for the first.
struct Scribe<T> {
    journal: Journal<T>,
    /// Up to where it was sent.
    sent: u64,
    to: Sender<Journal<T>>,
    stop: Stop,
}

impl<T> Scribe<T> {
    fn end<S: StreamSink>(mut self, connections: &Connections<S>) {
        self.journal.counted(connections.count());
        // Without the first nobody waits for it.
        let _ = self.to.send(self.journal);
    }
}

impl<S: StreamSink + Apart> Companion<S> for Scribe<S::Told> {
    type Watch = Journal<S::Told>;

    fn watch(&mut self) -> &mut Journal<S::Told> {
        &mut self.journal
    }

    fn between(&mut self, _: &mut Capture, reader: &mut Reader<S>, sink: &mut S) -> ControlFlow<()> {
        self.journal.counted(reader.connections.count());
        if self.journal.through >= self.sent + EVERY {
            if reader.connections.is_near_a_limit() || sink.is_near_a_limit() {
                self.stop.stop();
            }
            self.sent = self.journal.through;
            if self.to.send(self.journal.hand_on()).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests;
