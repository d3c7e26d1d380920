//! An event in the ring: sixteen bytes.
//!
//! ```text
//!   | kind, 8 bits | ns since the loop was made, 56 bits | first, 32 bits | second, 32 bits |
//! ```
//!
//! 56 bits of nanoseconds last for two years. A duration takes the place of both numbers.

use std::time::Duration;

use super::recording::{Awaited, Cause, End, Event, Readiness, What};

#[derive(Clone, Copy, Default)]
pub(super) struct Packed {
    kind_and_time: u64,
    details: u64,
}

const _: () = assert!(size_of::<Packed>() == 16);

const TIME: u64 = (1 << 56) - 1;
/// No task, or no end of the sleep.
const NONE: u32 = u32::MAX;
const FOREVER: u64 = u64::MAX;

impl Packed {
    #[inline]
    pub(super) fn new(nanos: u64, what: What) -> Self {
        let (kind, details) = pack(what);
        Self {
            kind_and_time: u64::from(kind) << 56 | nanos & TIME,
            details,
        }
    }

    pub(super) fn unpack(self) -> Event {
        Event {
            at: Duration::from_nanos(self.kind_and_time & TIME),
            what: unpack((self.kind_and_time >> 56) as u8, self.details),
        }
    }
}

#[inline]
fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

#[inline]
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(FOREVER - 1)
}

#[inline]
fn pack(what: What) -> (u8, u64) {
    match what {
        What::Park(None) => (0, FOREVER),
        What::Park(Some(limit)) => (0, nanos(limit)),
        What::Unpark => (1, 0),
        What::Look => (2, 0),
        What::LookEnds => (3, 0),
        What::Spawn(task, parent) => (4, pair(task, parent.unwrap_or(NONE))),
        What::Poll(task) => (5, pair(task, 0)),
        What::Waits(task) => (6, pair(task, 0)),
        What::Finish(task, end) => (7, pair(task, end as u32)),
        What::Abort(task) => (8, pair(task, 0)),
        What::Arm(after) => (9, nanos(after)),
        What::Fire(late) => (10, nanos(late)),
        What::Disarm => (11, 0),
        What::Ready(source, ready) => (12, pair(source, pack_readiness(ready))),
        What::Submit(job) => (13, pair(job, 0)),
        What::JobBegins(job, thread) => (14, pair(job, thread)),
        What::JobEnds(job) => (15, pair(job, 0)),
        What::Mail => (16, 0),
        What::BudgetSpent(task) => (17, pair(task, 0)),
        What::Wake(task, cause) => pack_wake(task, cause),
        What::Awaits(Awaited::Source(source)) => (24, pair(source, 0)),
        What::Awaits(Awaited::Task(task)) => (25, pair(task, 0)),
        What::Awaits(Awaited::Job(job)) => (26, pair(job, 0)),
        What::Slow(task) => (27, pair(task.unwrap_or(NONE), 0)),
    }
}

#[inline]
fn pack_wake(task: u32, cause: Cause) -> (u8, u64) {
    match cause {
        Cause::Outside => (18, pair(task, 0)),
        Cause::Task(by) => (19, pair(task, by)),
        Cause::Timer => (20, pair(task, 0)),
        Cause::Source(source) => (21, pair(task, source)),
        Cause::Thread => (22, pair(task, 0)),
        Cause::Job(job) => (23, pair(task, job)),
    }
}

fn pack_readiness(ready: Readiness) -> u32 {
    u32::from(ready.readable) | u32::from(ready.writable) << 1
}

fn unpack(kind: u8, details: u64) -> What {
    let (first, second) = ((details >> 32) as u32, details as u32);
    let duration = Duration::from_nanos(details);
    match kind {
        0 => What::Park((details != FOREVER).then_some(duration)),
        1 => What::Unpark,
        2 => What::Look,
        3 => What::LookEnds,
        4 => What::Spawn(first, (second != NONE).then_some(second)),
        5 => What::Poll(first),
        6 => What::Waits(first),
        7 => What::Finish(first, unpack_end(second)),
        8 => What::Abort(first),
        9 => What::Arm(duration),
        10 => What::Fire(duration),
        11 => What::Disarm,
        12 => What::Ready(first, unpack_readiness(second)),
        13 => What::Submit(first),
        14 => What::JobBegins(first, second),
        15 => What::JobEnds(first),
        16 => What::Mail,
        17 => What::BudgetSpent(first),
        19 => What::Wake(first, Cause::Task(second)),
        20 => What::Wake(first, Cause::Timer),
        21 => What::Wake(first, Cause::Source(second)),
        22 => What::Wake(first, Cause::Thread),
        23 => What::Wake(first, Cause::Job(second)),
        24 => What::Awaits(Awaited::Source(first)),
        25 => What::Awaits(Awaited::Task(first)),
        26 => What::Awaits(Awaited::Job(first)),
        27 => What::Slow((first != NONE).then_some(first)),
        _ => What::Wake(first, Cause::Outside),
    }
}

fn unpack_end(end: u32) -> End {
    match end {
        0 => End::Value,
        1 => End::Error,
        2 => End::Panic,
        _ => End::Cancelled,
    }
}

fn unpack_readiness(bits: u32) -> Readiness {
    Readiness {
        readable: bits & 1 != 0,
        writable: bits & 2 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_comes_out_as_it_went_in() {
        let _watched = crate::watch::watch();
        let ready = |readable, writable| Readiness { readable, writable };
        let second = Duration::from_secs(1);
        let all = [
            What::Park(None),
            What::Park(Some(second)),
            What::Unpark,
            What::Look,
            What::LookEnds,
            What::Spawn(7, None),
            What::Spawn(7, Some(8)),
            What::Poll(9),
            What::Waits(9),
            What::Finish(1, End::Value),
            What::Finish(2, End::Error),
            What::Finish(3, End::Panic),
            What::Finish(4, End::Cancelled),
            What::Abort(4),
            What::Arm(second),
            What::Fire(Duration::ZERO),
            What::Disarm,
            What::Ready(5, ready(true, false)),
            What::Ready(6, ready(false, true)),
            What::Submit(1),
            What::JobBegins(1, 2),
            What::JobEnds(1),
            What::Mail,
            What::BudgetSpent(3),
            What::Wake(1, Cause::Outside),
            What::Wake(1, Cause::Task(2)),
            What::Wake(1, Cause::Timer),
            What::Wake(1, Cause::Source(3)),
            What::Wake(1, Cause::Thread),
            What::Wake(1, Cause::Job(4)),
            What::Awaits(Awaited::Source(5)),
            What::Awaits(Awaited::Task(6)),
            What::Awaits(Awaited::Job(7)),
            What::Slow(Some(1)),
            What::Slow(None),
        ];
        for (number, what) in all.into_iter().enumerate() {
            let event = Packed::new(number as u64, what).unpack();
            let at = Duration::from_nanos(number as u64);
            assert_eq!(event, Event { at, what });
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_never_forever() {
        let _watched = crate::watch::watch();
        let event = Packed::new(u64::MAX, What::Park(Some(Duration::MAX))).unpack();
        assert_eq!(event.at, Duration::from_nanos(TIME));
        assert!(matches!(event.what, What::Park(Some(_))));
    }
}
