//! The reports of a loop's parts to its recorder.
//!
//! Each reporting part holds a [`Probe`], which does nothing in a loop that is not recorded. A build without the
//! feature `record` has another `Probe` (`unrecorded.rs`), which has no size and whose methods are empty.
//!
//! # Time
//!
//! To read the clock takes longer than to write an event, so events that are close together share a reading. A poll
//! begins when the step before it ended. A task's timer operations, and its wakes of itself, have the time of the
//! reading before them. All other events have their own time.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::causes;
use super::event::Packed;
use super::jobs::JobLog;
use super::names::Names;
use super::recording::{Awaited, Cause, End, Readiness, Recording, What};
use super::ring::Ring;
use crate::task::id::TaskId;

#[derive(Clone, Default)]
pub(crate) struct Probe(Option<Rc<Recorder>>);

struct Recorder {
    origin: Instant,
    /// The last reading of the clock.
    read: Cell<u64>,
    /// The part that works at this moment: the cause of each wake.
    cause: Cell<Cause>,
    is_parked: Cell<bool>,
    /// While the reactor's wakers are woken: up to which index they belong to which source.
    reached: RefCell<Vec<(usize, u32)>>,
    /// How many of these wakers have been woken.
    woken: Cell<usize>,
    ring: RefCell<Ring>,
    names: RefCell<Names>,
}

impl Recorder {
    fn note(&self, what: What) {
        let event = Packed::new(self.read.get(), what);
        self.ring.borrow_mut().push(event);
    }

    fn note_now(&self, what: What) {
        self.note_at(Instant::now(), what);
    }

    fn note_at(&self, now: Instant, what: What) {
        self.has_read(now);
        self.note(what);
    }

    fn has_read(&self, now: Instant) {
        let since = now.saturating_duration_since(self.origin);
        let nanos = since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos());
        self.read.set(nanos);
    }
}

impl Probe {
    /// Whether this build has a recorder at all.
    pub(crate) const EXISTS: bool = true;

    /// A probe that records into a ring of this many bytes.
    pub(crate) fn recording(bytes: usize) -> Self {
        Self(Some(Rc::new(Recorder {
            origin: Instant::now(),
            read: Cell::new(0),
            cause: Cell::new(Cause::Outside),
            is_parked: Cell::new(false),
            reached: RefCell::default(),
            woken: Cell::new(0),
            ring: RefCell::new(Ring::new(bytes)),
            names: RefCell::default(),
        })))
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// The recording of a loop with this name and these jobs.
    pub(crate) fn recorded(&self, name: &str, jobs: &JobLog) -> Option<Recording> {
        let recorder = self.0.as_ref()?;
        let ring = recorder.ring.borrow();
        let mut events = ring.events();
        let begin = events.first().map_or(Duration::ZERO, |event| event.at);
        let of_jobs = jobs.events(recorder.origin);
        events.extend(of_jobs.filter(|event| ring.oldest() == 0 || event.at >= begin));
        events.sort_by_key(|event| event.at);
        causes::name_the_jobs(&mut events);
        Some(Recording {
            name: name.to_owned(),
            events,
            lost: ring.oldest(),
            tasks: recorder.names.borrow().list(),
        })
    }

    #[inline]
    fn note(&self, what: What) {
        if let Some(recorder) = &self.0 {
            recorder.note(what);
        }
    }

    #[inline]
    fn note_now(&self, what: What) {
        if let Some(recorder) = &self.0 {
            recorder.note_now(what);
        }
    }

    // Called by the scheduler.

    pub(crate) fn awaits_task(&self, id: TaskId) {
        self.note(What::Awaits(Awaited::Task(id.serial())));
    }

    #[inline]
    pub(crate) fn woken(&self, id: TaskId) {
        if let Some(recorder) = &self.0 {
            let cause = recorder.cause.get();
            let what = What::Wake(id.serial(), cause);
            if cause == Cause::Task(id.serial()) {
                recorder.note(what);
            } else {
                recorder.note_now(what);
            }
        }
    }

    pub(crate) fn spawned(
        &self,
        id: TaskId,
        parent: Option<TaskId>,
        name: Option<&str>,
        location: &'static Location<'static>,
    ) {
        if let Some(recorder) = &self.0 {
            let (number, parent) = (id.serial(), parent.map(TaskId::serial));
            recorder.note_now(What::Spawn(number, parent));
            let mut names = recorder.names.borrow_mut();
            names.add(number, parent, name, location);
        }
    }

    pub(crate) fn aborted(&self, id: TaskId) {
        self.note_now(What::Abort(id.serial()));
    }

    // Called by the loop, which observes the scheduler.

    /// The loop begins to run tasks, at this moment.
    pub(crate) fn resumes(&self, now: Instant) {
        if let Some(recorder) = &self.0 {
            recorder.has_read(now);
        }
    }

    pub(crate) fn polls(&self, id: TaskId) {
        if let Some(recorder) = &self.0 {
            recorder.cause.set(Cause::Task(id.serial()));
            recorder.note(What::Poll(id.serial()));
        }
    }

    pub(crate) fn waits(&self, id: TaskId, now: Instant) {
        if let Some(recorder) = &self.0 {
            recorder.note_at(now, What::Waits(id.serial()));
            recorder.cause.set(Cause::Outside);
        }
    }

    pub(crate) fn has_finished(&self, id: TaskId, end: End, now: Instant) {
        if let Some(recorder) = &self.0 {
            let number = id.serial();
            recorder.note_at(now, What::Finish(number, end));
            let (event, oldest) = {
                let ring = recorder.ring.borrow();
                (ring.written() - 1, ring.oldest())
            };
            recorder.names.borrow_mut().end(number, event, oldest);
        }
    }

    /// The step that has just ended took too long.
    pub(crate) fn is_slow(&self, id: Option<TaskId>) {
        self.note(What::Slow(id.map(TaskId::serial)));
    }

    /// A task is dropped outside of all polls.
    pub(crate) fn is_dropped(&self, id: TaskId) {
        if self.0.is_some() {
            self.has_finished(id, End::Cancelled, Instant::now());
        }
    }

    pub(crate) fn parks(&self, until: Option<Instant>) {
        if let Some(recorder) = &self.0 {
            recorder.is_parked.set(true);
            let limit = until.map(|at| at.saturating_duration_since(Instant::now()));
            recorder.note_now(What::Park(limit));
        }
    }

    /// A sleep is over, if there was one, and a look has begun.
    pub(crate) fn unparks(&self) {
        if let Some(recorder) = &self.0 {
            if recorder.is_parked.take() {
                recorder.note_now(What::Unpark);
                recorder.note(What::Look);
            }
        }
    }

    pub(crate) fn looks(&self) {
        self.note_now(What::Look);
    }

    pub(crate) fn has_looked(&self) {
        self.note_now(What::LookEnds);
    }

    pub(crate) fn runs_mail(&self) {
        self.note_now(What::Mail);
    }

    pub(crate) fn budget_is_spent(&self, id: Option<TaskId>) {
        if let Some(id) = id {
            self.note_now(What::BudgetSpent(id.serial()));
        }
    }

    // Called by the drivers.

    /// From now on, timers are the cause of wakes.
    pub(crate) fn because_of_timers(&self) {
        self.because(Cause::Timer);
    }

    /// From now on, other threads are the cause of wakes.
    pub(crate) fn because_of_threads(&self) {
        self.because(Cause::Thread);
    }

    /// From now on, wakes have no known cause.
    pub(crate) fn because_of_nobody(&self) {
        self.because(Cause::Outside);
    }

    fn because(&self, cause: Cause) {
        if let Some(recorder) = &self.0 {
            recorder.cause.set(cause);
        }
    }

    #[inline]
    pub(crate) fn armed(&self, deadline: Instant) {
        if let Some(recorder) = &self.0 {
            let now = recorder.origin + Duration::from_nanos(recorder.read.get());
            recorder.note(What::Arm(deadline.saturating_duration_since(now)));
        }
    }

    #[inline]
    pub(crate) fn disarmed(&self) {
        self.note(What::Disarm);
    }

    pub(crate) fn fired(&self, late: Duration) {
        self.note(What::Fire(late));
    }

    /// The wakers up to this index belong to the last ready source.
    pub(crate) fn reaches(&self, wakers: usize) {
        if let Some(recorder) = &self.0 {
            if let Cause::Source(source) = recorder.cause.get() {
                recorder.reached.borrow_mut().push((wakers, source));
            }
        }
    }

    /// The reactor is about to wake its next waker.
    pub(crate) fn because_of_the_next_waker(&self) {
        if let Some(recorder) = &self.0 {
            let number = recorder.woken.get();
            recorder.woken.set(number + 1);
            let reached = recorder.reached.borrow();
            let place = reached.partition_point(|(wakers, _)| *wakers <= number);
            let cause = reached
                .get(place)
                .map_or(Cause::Outside, |(_, source)| Cause::Source(*source));
            recorder.cause.set(cause);
        }
    }

    /// The reactor has woken all its wakers.
    pub(crate) fn has_reached_all(&self) {
        if let Some(recorder) = &self.0 {
            recorder.reached.borrow_mut().clear();
            recorder.woken.set(0);
            recorder.cause.set(Cause::Outside);
        }
    }

    pub(crate) fn awaits_source(&self, source: u32) {
        self.note(What::Awaits(Awaited::Source(source)));
    }

    pub(crate) fn awaits_job(&self, job: u64) {
        self.note(What::Awaits(Awaited::Job(job as u32)));
    }

    pub(crate) fn submitted(&self, job: u64) {
        self.note_now(What::Submit(job as u32));
    }

    pub(crate) fn is_ready(&self, source: u32, readable: bool, writable: bool) {
        let readiness = Readiness { readable, writable };
        self.note(What::Ready(source, readiness));
        self.because(Cause::Source(source));
    }
}
