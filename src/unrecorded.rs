//! Replaces the recorder (`record/`) in a build without the feature `record`: the same functions, empty and without a
//! size. The calls of the loop's parts compile to nothing.

use std::panic::Location;
use std::time::{Duration, Instant};

use crate::shim;
use crate::task::id::TaskId;

#[derive(Clone, Default)]
pub(crate) struct Probe(());

#[derive(Clone, Copy)]
pub(crate) enum End {
    Value,
    Error,
    Panic,
    Cancelled,
}

macro_rules! say_nothing {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl Probe {$(
            #[inline(always)]
            pub(crate) fn $name(&self $(, $argument: $type)*) {
                $(let _ = $argument;)*
            }
        )*}
    };
}

say_nothing! {
    woken(id: TaskId);
    spawned(id: TaskId, parent: Option<TaskId>, name: Option<&str>, location: &'static Location<'static>);
    aborted(id: TaskId);
    resumes(now: Instant);
    polls(id: TaskId);
    waits(id: TaskId, now: Instant);
    has_finished(id: TaskId, end: End, now: Instant);
    is_dropped(id: TaskId);
    parks(until: Option<Instant>);
    unparks();
    looks();
    has_looked();
    runs_mail();
    budget_is_spent(id: Option<TaskId>);
    because_of_timers();
    because_of_threads();
    because_of_nobody();
    because_of_the_next_waker();
    reaches(wakers: usize);
    has_reached_all();
    armed(deadline: Instant);
    disarmed();
    fired(late: Duration);
    is_ready(source: u32, readable: bool, writable: bool);
    submitted(job: u64);
    awaits_source(source: u32);
    awaits_task(id: TaskId);
    awaits_job(job: u64);
    is_slow(id: Option<TaskId>);
}

impl Probe {
    pub(crate) const EXISTS: bool = false;

    #[inline(always)]
    pub(crate) fn is_recording(&self) -> bool {
        false
    }
}

#[derive(Clone, Default)]
pub(crate) struct JobLog(());

impl JobLog {
    #[inline(always)]
    pub(crate) fn is_done(
        &mut self,
        job: u64,
        worker: usize,
        begun: shim::Instant,
        done: shim::Instant,
    ) {
        let _ = (job, worker, begun, done);
    }
}
