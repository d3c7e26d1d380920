//! The events replayed: polls, sleeps, looks and fired timers, each with its cause and its end.
//!
//! A ring that has lost its oldest events may begin with the second half of a pair. So no function here relies on the
//! first half: a step without a beginning begins with the recording, a step without an end ends with it, and an event
//! that fits no step is ignored. The page replays the same events by the same rules, and a test in a browser compares
//! its sums with these.

use std::collections::HashMap;
use std::time::Duration;

use super::recording::{Awaited, Cause, End, Recording, What};

/// A stretch of time in which the loop did one thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) what: Doing,
    pub(super) begin: Duration,
    pub(super) end: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Sleeping,
    Looking,
    /// The poll with this index.
    Polling(usize),
}

/// One poll of a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    pub(super) task: u32,
    pub(super) begin: Duration,
    pub(super) end: Duration,
    /// The index of its first event.
    pub(super) event: Option<usize>,
    /// Since when the task had been ready, and why. `None` for the spawn, and where the wake is lost.
    pub(super) ready: Option<Duration>,
    pub(super) cause: Option<Cause>,
    /// How many events the poll has, without wakes of the task itself.
    pub(super) deeds: u32,
    pub(super) waits: bool,
}

/// The last known state of a task.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    pub(super) polls: u64,
    pub(super) polling: Duration,
    pub(super) readying: Duration,
    pub(super) longest: Duration,
    pub(super) slowest: Duration,
    pub(super) ended: Option<(Duration, End)>,
    pub(super) ready_since: Option<Duration>,
    pub(super) waits_since: Option<Duration>,
    /// The time since which it waited, if it ended while it waited.
    pub(super) ended_out_of_wait: Option<Duration>,
    /// What the task last waited for, by its own event, until a wake by that cause.
    pub(super) awaits: Option<Awaited>,
    cause: Option<Cause>,
    /// The task was woken while it was polled.
    again: Option<Cause>,
    is_seen: bool,
}

/// The result of the replay.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) begin: Duration,
    pub(super) end: Duration,
    pub(super) steps: Vec<Step>,
    pub(super) polls: Vec<Poll>,
    pub(super) lives: HashMap<u32, Life>,
    /// When timers fired, and how late.
    pub(super) fires: Vec<(Duration, Duration)>,
    /// When sockets were found ready.
    pub(super) readies: Vec<Duration>,
    running: Option<usize>,
    /// The present sleep or look.
    open: Option<(Doing, Duration)>,
}

impl History {
    pub(super) fn of(recording: &Recording) -> Self {
        let times = || recording.events.iter().map(|event| event.at);
        let mut history = Self {
            begin: times().min().unwrap_or_default(),
            end: times().max().unwrap_or_default(),
            ..Self::default()
        };
        for (place, event) in recording.events.iter().enumerate() {
            history.event(place, event.at, event.what);
        }
        history.close();
        history
    }

    /// What the loop did at this time.
    pub(super) fn at(&self, time: Duration) -> Option<&Step> {
        let next = self.steps.partition_point(|step| step.begin <= time);
        let step = self.steps[..next].last()?;
        (time <= step.end).then_some(step)
    }

    /// The polls that overlap the time between these two.
    pub(super) fn polls_between(&self, from: Duration, to: Duration) -> &[Poll] {
        let first = self.polls.partition_point(|poll| poll.end <= from);
        let last = self.polls.partition_point(|poll| poll.begin < to);
        &self.polls[first..last.max(first)]
    }

    /// The time of all steps for which `is` returns true.
    pub(super) fn spent(&self, is: impl Fn(Doing) -> bool) -> Duration {
        let of_those = |step: &&Step| is(step.what);
        let took = |step: &Step| step.end.saturating_sub(step.begin);
        self.steps.iter().filter(of_those).map(took).sum()
    }

    fn event(&mut self, place: usize, at: Duration, what: What) {
        if let (Some(running), true) = (self.running, is_deed(self.running_task(), what)) {
            self.polls[running].deeds += 1;
        }
        match what {
            What::Park(_) => self.step_begins(Doing::Sleeping, at),
            What::Look => self.step_begins(Doing::Looking, at),
            What::Unpark => self.step_ends(Doing::Sleeping, at),
            What::LookEnds => self.step_ends(Doing::Looking, at),
            What::Spawn(task, _) => self.spawn(task, at),
            What::Wake(task, cause) => self.wake(task, cause, at),
            What::Poll(task) => self.poll(task, place, at),
            What::Waits(task) => self.waits(task, at),
            What::Finish(task, end) => self.finish(task, end, at),
            What::Abort(task) | What::BudgetSpent(task) => {
                self.lives.entry(task).or_default().is_seen = true;
            }
            What::Awaits(awaited) => self.awaits(awaited),
            What::Fire(late) => self.fires.push((at, late)),
            What::Ready(..) => self.readies.push(at),
            _ => {}
        }
    }

    fn running_task(&self) -> Option<u32> {
        self.running.map(|running| self.polls[running].task)
    }

    fn step_begins(&mut self, what: Doing, at: Duration) {
        self.leave_all(at);
        self.open = Some((what, at));
    }

    /// Ends the present step of the loop, even if its end was not recorded.
    fn leave_all(&mut self, at: Duration) {
        self.leave(at, false);
        if let Some((what, begin)) = self.open.take() {
            self.push(what, begin, at);
        }
    }

    fn step_ends(&mut self, what: Doing, at: Duration) {
        match self.open {
            Some((doing, begin)) if doing == what => {
                self.open = None;
                self.push(what, begin, at);
            }
            None if self.steps.is_empty() && self.running.is_none() => {
                self.push(what, self.begin, at);
            }
            _ => {}
        }
    }

    fn push(&mut self, what: Doing, begin: Duration, end: Duration) {
        let begin = begin.max(self.steps.last().map_or(begin, |step| step.end));
        let end = end.max(begin);
        self.steps.push(Step { what, begin, end });
    }

    fn spawn(&mut self, task: u32, at: Duration) {
        let is_running = self.running_task() == Some(task);
        let life = self.lives.entry(task).or_default();
        (life.is_seen, life.ended) = (true, None);
        if !is_running && life.ready_since.is_none() {
            (life.ready_since, life.waits_since) = (Some(at), None);
        }
    }

    fn awaits(&mut self, awaited: Awaited) {
        if let Some(task) = self.running_task() {
            self.lives.entry(task).or_default().awaits = Some(awaited);
        }
    }

    fn wake(&mut self, task: u32, cause: Cause, at: Duration) {
        let is_running = self.running_task() == Some(task);
        let life = self.lives.entry(task).or_default();
        life.is_seen = true;
        if life.awaits.is_some_and(|awaited| awaited.is_by(cause)) {
            life.awaits = None;
        }
        if life.ended.is_some() {
            return;
        }
        if is_running {
            life.again = life.again.or(Some(cause));
        } else if life.ready_since.is_none() {
            (life.ready_since, life.cause) = (Some(at), Some(cause));
            life.waits_since = None;
        }
    }

    fn poll(&mut self, task: u32, place: usize, at: Duration) {
        self.leave_all(at);
        let life = self.lives.entry(task).or_default();
        (life.is_seen, life.again) = (true, None);
        let (ready, cause) = (life.ready_since.take(), life.cause.take());
        life.rest_in_queue(ready, at);
        life.waits_since = None;
        self.running = Some(self.polls.len());
        self.polls.push(Poll {
            task,
            begin: at,
            end: at,
            event: Some(place),
            ready,
            cause,
            deeds: 0,
            waits: false,
        });
    }

    /// Ends the present poll.
    fn leave(&mut self, at: Duration, waits: bool) {
        let Some(running) = self.running.take() else {
            return;
        };
        let poll = &mut self.polls[running];
        poll.end = at.max(poll.begin);
        poll.waits = waits;
        let poll = *poll;
        self.lives.entry(poll.task).or_default().add(poll);
        self.push(Doing::Polling(running), poll.begin, poll.end);
    }

    /// The end of a poll whose beginning is lost. Only the first poll of a recording can have such an end.
    fn cut_off(&mut self, task: u32, at: Duration, waits: bool) {
        let is_seen = self.lives.entry(task).or_default().is_seen;
        if is_seen || !self.steps.is_empty() || self.open.is_some() || self.running.is_some() {
            return;
        }
        self.running = Some(self.polls.len());
        self.polls.push(Poll {
            task,
            begin: self.begin,
            end: at,
            event: None,
            ready: None,
            cause: None,
            deeds: 0,
            waits,
        });
        self.leave(at, waits);
    }

    fn poll_ends(&mut self, task: u32, at: Duration, waits: bool) {
        match self.running_task() == Some(task) {
            true => self.leave(at, waits),
            false => self.cut_off(task, at, waits),
        }
    }

    fn waits(&mut self, task: u32, at: Duration) {
        self.poll_ends(task, at, true);
        let life = self.lives.entry(task).or_default();
        life.is_seen = true;
        match life.again.take() {
            Some(cause) => (life.ready_since, life.cause) = (Some(at), Some(cause)),
            None => (life.ready_since, life.waits_since) = (None, Some(at)),
        }
    }

    fn finish(&mut self, task: u32, end: End, at: Duration) {
        self.poll_ends(task, at, false);
        let life = self.lives.entry(task).or_default();
        life.is_seen = true;
        life.ended = Some((at, end));
        life.ended_out_of_wait = life.waits_since.take();
        life.ready_since = None;
    }

    fn close(&mut self) {
        self.leave_all(self.end);
        for life in self.lives.values_mut() {
            life.rest_in_queue(life.ready_since, self.end);
        }
    }
}

impl Life {
    fn rest_in_queue(&mut self, since: Option<Duration>, until: Duration) {
        let rested = since.map_or(Duration::ZERO, |since| until.saturating_sub(since));
        self.readying += rested;
        self.slowest = self.slowest.max(rested);
    }

    fn add(&mut self, poll: Poll) {
        let took = poll.end - poll.begin;
        self.polls += 1;
        self.polling += took;
        self.longest = self.longest.max(took);
    }
}

/// Whether an event is an act of the running poll. A wake of the task by itself is not.
fn is_deed(running: Option<u32>, what: What) -> bool {
    match what {
        What::Wake(task, _) => running != Some(task),
        What::Poll(_) | What::Waits(_) | What::Finish(..) => false,
        What::JobBegins(..) | What::JobEnds(_) | What::Awaits(_) | What::Slow(_) => false,
        _ => true,
    }
}
