//! Whether a second thread pays: it does where a processor has nothing else to do.

use std::mem;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// False where a second thread could only run in the time of the first. Tests go that way wherever they run.
pub(super) fn has_second_processor() -> bool {
    cfg!(test) || thread::available_parallelism().map_or(1, NonZero::get) > 1
}

/// True where the address space is limited (`ulimit -v`), of which the allocator wants 64 MiB for every thread that has much
/// to allocate.
pub(super) fn has_little_memory() -> bool {
    getrlimit(Resource::As).current.is_some()
}

/// Blocks between two looks in a test.
const LOOK_EVERY: u32 = 2;

/// Looks how much of its time a thread that goes from block to block neither runs nor waits for one.
pub(super) struct Watch {
    /// Blocks between two looks.
    every: u32,
    /// So large a part of its time may it lose.
    may_lose: f64,
    since: Duration,
    ran: Duration,
    waited: Duration,
    blocks: u32,
}

impl Watch {
    pub(super) fn begin(every: u32, may_lose: f64) -> Self {
        let (since, ran) = (clock(ClockId::Monotonic), clock(ClockId::ThreadCPUTime));
        // Tests go back and forth.
        let (every, may_lose) = if cfg!(test) { (LOOK_EVERY, -1.0) } else { (every, may_lose) };
        Self { every, may_lose, since, ran, waited: Duration::ZERO, blocks: 0 }
    }

    pub(super) fn waiting<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let began = clock(ClockId::Monotonic);
        let done = wait();
        self.waited += clock(ClockId::Monotonic).saturating_sub(began);
        done
    }

    /// Another block was taken. True at a look that finds too much time lost.
    pub(super) fn is_kept_from_running(&mut self) -> bool {
        self.blocks += 1;
        if self.blocks < self.every {
            return false;
        }
        let again = Self::begin(self.every, self.may_lose);
        let before = mem::replace(self, again);
        let passed = self.since.saturating_sub(before.since).as_secs_f64();
        let lost = passed - (self.ran.saturating_sub(before.ran) + before.waited).as_secs_f64();
        lost > passed * before.may_lose
    }

    /// True when more than `time` was lost since the last look.
    pub(super) fn has_lost(&self, time: Duration) -> bool {
        let passed = clock(ClockId::Monotonic).saturating_sub(self.since);
        let ran = clock(ClockId::ThreadCPUTime).saturating_sub(self.ran);
        passed.saturating_sub(ran + self.waited) > time
    }
}

/// Time that passed, or that this thread ran. It decides who reads, and nothing that is told of a capture.
fn clock(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
