//! A simulated loop. Its tasks are closures that say what a poll does, and time passes only where they say so.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::panic::Location;
use std::time::Duration;

use roundelay::record::{Cause, End, Event, Readiness, Recording, Task, What};

/// Random numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let spread = u64::try_from((high - low).as_nanos()).expect("a short time");
        low + Duration::from_nanos(self.below(spread.max(1)))
    }
}

/// How a poll ends.
pub enum Outcome {
    Waits,
    Ends(End),
}

type Behaviour = Box<dyn FnMut(&mut Played) -> Outcome>;

/// An event from outside. Each comes at its time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Timer(u32),
    Readable(u32, u32),
    JobEnds(u32, u32),
    Mail(u32),
}

/// The loop.
pub struct Played {
    pub draw: Draw,
    now: Duration,
    recording: Recording,
    behaviours: HashMap<u32, Behaviour>,
    ready: VecDeque<u32>,
    is_ready: HashMap<u32, bool>,
    coming: BinaryHeap<Reverse<(Duration, Coming)>>,
    running: Option<u32>,
    jobs: u32,
}

impl Played {
    pub fn new(name: &str, seed: u64) -> Self {
        let mut recording = Recording::default();
        recording.name = name.to_owned();
        Self {
            draw: Draw(seed),
            now: Duration::from_micros(180),
            recording,
            behaviours: HashMap::new(),
            ready: VecDeque::new(),
            is_ready: HashMap::new(),
            coming: BinaryHeap::new(),
            running: None,
            jobs: 0,
        }
    }

    fn say(&mut self, what: What) {
        self.recording.events.push(Event::new(self.now, what));
        self.now += Duration::from_nanos(35);
    }

    pub fn events(&self) -> usize {
        self.recording.events.len()
    }

    /// The running task spawns a new one.
    #[track_caller]
    pub fn spawn(
        &mut self,
        name: Option<&str>,
        behaviour: impl FnMut(&mut Played) -> Outcome + 'static,
    ) -> u32 {
        let number = u32::try_from(self.recording.tasks.len()).expect("few tasks");
        let mut task = Task::new(number);
        task.name = name.map(str::to_owned);
        task.location = Some(Location::caller());
        task.parent = self.running;
        self.recording.tasks.push(task);
        self.behaviours.insert(number, Box::new(behaviour));
        self.say(What::Spawn(number, self.running));
        self.queue(number);
        number
    }

    fn queue(&mut self, task: u32) {
        if self.behaviours.contains_key(&task) || self.running == Some(task) {
            let is_ready = self.is_ready.entry(task).or_default();
            if !std::mem::replace(is_ready, true) {
                self.ready.push_back(task);
            }
        }
    }

    fn wake(&mut self, task: u32, cause: Cause) {
        let is_there = self.behaviours.contains_key(&task) || self.running == Some(task);
        if is_there && !self.is_ready.get(&task).copied().unwrap_or_default() {
            self.say(What::Wake(task, cause));
            self.queue(task);
        }
    }

    // The steps of a poll.

    fn me(&self) -> u32 {
        self.running.expect("a task is polled")
    }

    /// Time passes.
    pub fn compute(&mut self, time: Duration) {
        self.now += time;
    }

    /// A random time passes: between a half and three halves of this many microseconds.
    pub fn work(&mut self, micros: u64) {
        let time = Duration::from_micros(micros);
        let drawn = self.draw.between(time / 2, time * 3 / 2);
        self.compute(drawn);
    }

    pub fn sleep(&mut self, time: Duration) {
        self.say(What::Arm(time));
        let task = self.me();
        self.coming
            .push(Reverse((self.now + time, Coming::Timer(task))));
    }

    /// The socket becomes readable after this time, and wakes the running task.
    pub fn read(&mut self, source: u32, after: Duration) {
        let task = self.me();
        self.coming
            .push(Reverse((self.now + after, Coming::Readable(source, task))));
    }

    /// Another thread wakes the running task after this time.
    pub fn hear_from_thread(&mut self, after: Duration) {
        let task = self.me();
        self.coming
            .push(Reverse((self.now + after, Coming::Mail(task))));
    }

    pub fn offload(&mut self, takes: Duration) {
        let (task, job) = (self.me(), self.jobs);
        self.jobs += 1;
        self.say(What::Submit(job));
        let begins = Event::new(
            self.now + Duration::from_micros(9),
            What::JobBegins(job, job % 2),
        );
        self.recording.events.push(begins);
        self.coming
            .push(Reverse((self.now + takes, Coming::JobEnds(job, task))));
    }

    pub fn wake_task(&mut self, task: u32) {
        let me = self.me();
        self.wake(task, Cause::Task(me));
    }

    pub fn yield_now(&mut self) {
        let me = self.me();
        self.wake_task(me);
    }

    pub fn spend_budget(&mut self) {
        let me = self.me();
        self.say(What::BudgetSpent(me));
        self.yield_now();
    }

    /// The task is dropped before its next poll.
    pub fn abort(&mut self, task: u32) {
        self.say(What::Abort(task));
        if self.behaviours.remove(&task).is_some() {
            self.say(What::Disarm);
            self.say(What::Finish(task, End::Cancelled));
        }
    }

    // The loop itself.

    /// Turns until no task is ready and nothing comes, or until there are this many events.
    pub fn run(mut self, most: usize) -> Recording {
        while self.events() < most && (!self.ready.is_empty() || !self.coming.is_empty()) {
            if self.ready.is_empty() {
                self.park();
            }
            self.look();
            let batch: Vec<u32> = self.ready.drain(..).collect();
            for task in batch {
                self.poll(task);
            }
        }
        self.end()
    }

    fn end(mut self) -> Recording {
        let mut left: Vec<u32> = self.behaviours.keys().copied().collect();
        left.sort_unstable();
        for task in left {
            self.say(What::Finish(task, End::Cancelled));
        }
        self.recording.events.sort_by_key(|event| event.at);
        self.recording
    }

    fn park(&mut self) {
        let next = self.coming.peek().map(|Reverse((at, _))| *at);
        self.say(What::Park(next.map(|next| next.saturating_sub(self.now))));
        let latency = self
            .draw
            .between(Duration::from_micros(3), Duration::from_micros(60));
        self.now = self.now.max(next.unwrap_or(self.now)) + latency;
        self.say(What::Unpark);
    }

    fn look(&mut self) {
        self.say(What::Look);
        self.work(3);
        while let Some(Reverse((at, coming))) = self.coming.peek().copied() {
            if at > self.now {
                break;
            }
            self.coming.pop();
            self.comes(at, coming);
        }
        self.say(What::LookEnds);
    }

    fn comes(&mut self, at: Duration, coming: Coming) {
        match coming {
            Coming::Timer(task) => {
                if self.behaviours.contains_key(&task) {
                    self.say(What::Fire(self.now - at));
                    self.wake(task, Cause::Timer);
                }
            }
            Coming::Readable(source, task) => {
                let ready = Readiness {
                    readable: true,
                    writable: self.draw.below(4) == 0,
                };
                self.say(What::Ready(source, ready));
                self.wake(task, Cause::Source(source));
            }
            Coming::JobEnds(job, task) => {
                self.recording
                    .events
                    .push(Event::new(at, What::JobEnds(job)));
                self.wake(task, Cause::Job(job));
            }
            Coming::Mail(task) => {
                self.say(What::Mail);
                self.wake(task, Cause::Thread);
            }
        }
    }

    fn poll(&mut self, task: u32) {
        self.is_ready.insert(task, false);
        let Some(mut behaviour) = self.behaviours.remove(&task) else {
            return;
        };
        self.running = Some(task);
        self.say(What::Poll(task));
        let outcome = behaviour(self);
        self.running = None;
        match outcome {
            Outcome::Waits => {
                self.behaviours.insert(task, behaviour);
                self.say(What::Waits(task));
            }
            Outcome::Ends(end) => self.say(What::Finish(task, end)),
        }
    }
}
