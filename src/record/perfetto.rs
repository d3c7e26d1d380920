//! The recording in the JSON that Chrome's trace viewer and Perfetto read (*Trace Event Format*, Duvall and Sinclair, 2016).
//!
//! The loop is a process, and each lane of the page is a thread of it: the loop itself, the timers, each socket, each
//! thread of the pool and each task. A wake and the poll that follows it are a flow. The flow begins with an event `s`
//! in the slice that wakes, and ends with an event `f` in the poll. Viewers attach both ends of a flow to the slices
//! around them, so a wake outside of a poll has a slice of its own, one nanosecond wide.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{Display, Write};
use std::time::Duration;

use super::history::{Doing, History, Poll};
use super::json::string;
use super::recording::{Cause, Event, Recording, What};

/// The threads of the trace. The tasks have the last numbers, because there is no limit to their count.
const LOOP: u64 = 1;
const TIMERS: u64 = 2;
const OTHERS: u64 = 3;
const FIRST_THREAD: u64 = 1_000;
const FIRST_SOCKET: u64 = 1_000_000;
const FIRST_TASK: u64 = 10_000_000_000;

impl Recording {
    /// The recording as Chrome trace JSON, for <https://ui.perfetto.dev>, `chrome://tracing` and other viewers.
    ///
    /// Times are in microseconds, with nanoseconds after the point. A flow arrow joins a wake and its poll.
    ///
    /// ```
    /// let trace = roundelay::record::Recording::default().to_perfetto();
    /// assert!(trace.starts_with("{\"displayTimeUnit\":\"ns\",\"traceEvents\":["));
    /// ```
    pub fn to_perfetto(&self) -> String {
        let history = History::of(self);
        let mut trace = Trace::new(self.events.len());
        trace.names(self);
        trace.steps(self, &history);
        trace.ready(&history);
        trace.jobs(self, &history);
        trace.moments(self);
        trace.flows(self, &history);
        trace.out.push_str("\n]}\n");
        trace.out
    }
}

struct Trace {
    out: String,
    flows: u64,
    is_first: bool,
}

impl Trace {
    fn new(events: usize) -> Self {
        let mut out = String::with_capacity(events * 100 + 1024);
        out.push_str("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
        Self {
            out,
            flows: 0,
            is_first: true,
        }
    }

    /// Writes one event. `rest` has its further members.
    fn put(&mut self, phase: char, name: &str, thread: u64, at: Duration, rest: &str) {
        let comma = if self.is_first { "" } else { "," };
        self.is_first = false;
        let (micros, nanos) = (at.as_micros(), at.as_nanos() % 1000);
        let _ = write!(
            self.out,
            "{comma}\n{{\"ph\":\"{phase}\",\"pid\":1,\"tid\":{thread}"
        );
        let _ = write!(self.out, ",\"ts\":{micros}.{nanos:03}{rest},\"name\":");
        string(&mut self.out, name);
        self.out.push('}');
    }

    fn slice(&mut self, name: &str, thread: u64, begin: Duration, end: Duration) {
        let length = end.saturating_sub(begin);
        let rest = format!(
            ",\"dur\":{}.{:03}",
            length.as_micros(),
            length.as_nanos() % 1000
        );
        self.put('X', name, thread, begin, &rest);
    }

    fn name(&mut self, what: &str, thread: u64, name: &dyn Display) {
        let mut rest = String::from(",\"args\":{\"name\":");
        string(&mut rest, &name.to_string());
        rest.push('}');
        self.put('M', what, thread, Duration::ZERO, &rest);
    }

    fn names(&mut self, recording: &Recording) {
        let process = if recording.name.is_empty() {
            "loop"
        } else {
            &recording.name
        };
        self.name("process_name", LOOP, &process);
        self.name("thread_name", LOOP, &"loop");
        self.name("thread_name", TIMERS, &"timers");
        self.name("thread_name", OTHERS, &"other threads");
        let (mut tasks, mut sockets, mut threads) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        tasks.extend(recording.tasks.iter().map(|task| task.number));
        for event in &recording.events {
            match event.what {
                What::Ready(source, _) | What::Wake(_, Cause::Source(source)) => {
                    sockets.insert(source)
                }
                What::JobBegins(_, thread) => threads.insert(thread),
                What::Poll(task) => tasks.insert(task),
                _ => false,
            };
        }
        for task in tasks {
            self.name("thread_name", task_thread(task), &recording.named(task));
        }
        for socket in sockets {
            self.name(
                "thread_name",
                socket_thread(socket),
                &format!("socket {socket}"),
            );
        }
        for thread in threads {
            self.name(
                "thread_name",
                pool_thread(thread),
                &format!("pool thread {thread}"),
            );
        }
    }

    /// The steps of the loop. A poll stands in the lane of its task too.
    fn steps(&mut self, recording: &Recording, history: &History) {
        for step in &history.steps {
            match step.what {
                Doing::Sleeping => self.slice("sleep", LOOP, step.begin, step.end),
                Doing::Looking => self.slice("look", LOOP, step.begin, step.end),
                Doing::Polling(place) => {
                    let task = history.polls[place].task;
                    let name = recording.named(task).to_string();
                    self.slice(&name, LOOP, step.begin, step.end);
                    self.slice("poll", task_thread(task), step.begin, step.end);
                }
            }
        }
    }

    fn ready(&mut self, history: &History) {
        for poll in &history.polls {
            if let Some(since) = poll.ready {
                self.slice("ready", task_thread(poll.task), since, poll.begin);
            }
        }
    }

    fn jobs(&mut self, recording: &Recording, history: &History) {
        let mut began: BTreeMap<u32, (u32, Duration)> = BTreeMap::new();
        for event in &recording.events {
            match event.what {
                What::JobBegins(job, thread) => {
                    began.insert(job, (thread, event.at));
                }
                What::JobEnds(job) => {
                    if let Some((thread, begin)) = began.remove(&job) {
                        self.slice(&format!("job {job}"), pool_thread(thread), begin, event.at);
                    }
                }
                _ => {}
            }
        }
        for (job, (thread, begin)) in began {
            self.slice(
                &format!("job {job}"),
                pool_thread(thread),
                begin,
                history.end,
            );
        }
    }

    /// The events that take no time.
    fn moments(&mut self, recording: &Recording) {
        for Event { at, what } in &recording.events {
            let (thread, name) = match *what {
                What::Spawn(task, _) => (task_thread(task), "spawned".to_owned()),
                What::Finish(task, end) => (task_thread(task), format!("ended: {end:?}")),
                What::Abort(task) => (task_thread(task), "abort".to_owned()),
                What::BudgetSpent(task) => (task_thread(task), "budget spent".to_owned()),
                What::Arm(length) => (TIMERS, format!("armed for {length:?}")),
                What::Fire(late) => (TIMERS, format!("fired {late:?} late")),
                What::Disarm => (TIMERS, "removed".to_owned()),
                What::Ready(source, ready) => (socket_thread(source), said(ready)),
                What::Mail => (OTHERS, "call".to_owned()),
                What::Slow(task) => (
                    task.map_or(LOOP, task_thread),
                    "longer than slow_poll allows".to_owned(),
                ),
                _ => continue,
            };
            self.put('i', &name, thread, *at, ",\"s\":\"t\"");
        }
    }

    fn flows(&mut self, recording: &Recording, history: &History) {
        // The polls, by the index of their first event.
        let polls: HashMap<usize, &Poll> = history
            .polls
            .iter()
            .filter_map(|poll| Some((poll.event?, poll)))
            .collect();
        let mut pending: HashMap<u32, (Duration, u64)> = HashMap::new();
        let mut threads: HashMap<u32, u64> = HashMap::new();
        for (place, event) in recording.events.iter().enumerate() {
            match event.what {
                What::Wake(task, cause) => {
                    let job = |job| threads.get(&job).copied().unwrap_or(OTHERS);
                    let from = cause_thread(cause, job);
                    pending.entry(task).or_insert((event.at, from));
                }
                What::Spawn(task, by) => {
                    pending.insert(task, (event.at, by.map_or(LOOP, task_thread)));
                }
                What::JobBegins(job, thread) => {
                    threads.insert(job, pool_thread(thread));
                }
                What::Poll(task) => {
                    if let (Some((at, from)), Some(poll)) =
                        (pending.remove(&task), polls.get(&place))
                    {
                        self.flow(from, at, poll);
                    }
                }
                _ => {}
            }
        }
    }

    fn flow(&mut self, from: u64, at: Duration, poll: &Poll) {
        self.flows += 1;
        let id = format!(",\"cat\":\"wake\",\"id\":{}", self.flows);
        if from < FIRST_TASK {
            self.slice("wake", from, at, at + Duration::from_nanos(1));
        }
        self.put('s', "wake", from, at, &id);
        self.put(
            'f',
            "wake",
            task_thread(poll.task),
            poll.begin,
            &format!("{id},\"bp\":\"e\""),
        );
    }
}

fn said(ready: super::recording::Readiness) -> String {
    match (ready.readable, ready.writable) {
        (true, true) => "readable, writable".to_owned(),
        (true, false) => "readable".to_owned(),
        (false, true) => "writable".to_owned(),
        (false, false) => "ready".to_owned(),
    }
}

fn cause_thread(cause: Cause, job_thread: impl Fn(u32) -> u64) -> u64 {
    match cause {
        Cause::Task(task) => task_thread(task),
        Cause::Timer => TIMERS,
        Cause::Source(source) => socket_thread(source),
        Cause::Thread => OTHERS,
        Cause::Job(job) => job_thread(job),
        Cause::Outside => LOOP,
    }
}

fn task_thread(task: u32) -> u64 {
    FIRST_TASK + u64::from(task)
}

fn socket_thread(source: u32) -> u64 {
    FIRST_SOCKET + u64::from(source)
}

fn pool_thread(thread: u32) -> u64 {
    FIRST_THREAD + u64::from(thread)
}
