//! The watchdog: a thread that checks whether the loop's thread is held, and logs it while it lasts.
//!
//! ```text
//!   the loop's thread                            the watchdog's thread
//!   ----------------------------------           ---------------------------------------------
//!   begins(task 3)   since = 12.000 s
//!      polls task 3, which blocks                every quarter of the limit:
//!                                                  which deed holds the thread, since when?
//!                                                  longer than the limit? reads what the
//!                                                  thread does, logs it; logs it again when
//!                                                  it has lasted twice as long
//!   rests()          no deed
//!                                                no deed, twice in a row:
//!                                                  sleeps until `begins` calls
//! ```
//!
//! Both sides share a mutex, which is held for a few stores, and never while foreign code runs. When the loop sleeps,
//! the watchdog sleeps too, so neither wakes an idle program.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::deed::Actor;
use super::thread_state::ThreadState;
use crate::context::Holder;
use crate::foreign::{self, Level};

/// The shortest pause between two looks of the watchdog.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// The loop's side.
pub(super) struct Watchdog {
    shared: Arc<Mutex<Shared>>,
    watch: Arc<Watch>,
    thread: Thread,
}

/// The deed that holds the thread.
struct Shared {
    /// The actor without its name, and since when.
    at_it: Option<(Actor<'static>, Instant)>,
    /// The name of the task, in a buffer that is used again.
    name: Option<String>,
    /// Differs from step to step.
    number: u64,
    is_asleep: bool,
    has_ended: bool,
}

impl Watchdog {
    /// Must be called on the watched thread.
    #[inline]
    pub(super) fn new(loop_name: &str, limit: Duration) -> io::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared {
            at_it: None,
            name: None,
            number: 0,
            is_asleep: false,
            has_ended: false,
        }));
        let watch = Arc::new(Watch {
            shared: Arc::clone(&shared),
            limit,
            loop_name: loop_name.to_owned(),
            watched: ThreadState::of_this_thread(),
        });
        let thread = thread::Builder::new()
            .name(format!("{loop_name}-watchdog"))
            .spawn({
                let watch = Arc::clone(&watch);
                move || watch.run()
            })?;
        Ok(Self {
            shared,
            watch,
            thread: thread.thread().clone(),
        })
    }

    /// Lets any thread ask which deed holds the loop's thread at that moment.
    #[inline]
    pub(super) fn holder(&self) -> Holder {
        let watch = Arc::clone(&self.watch);
        Arc::new(move || watch.holder())
    }

    #[inline]
    pub(super) fn begins(&self, actor: &Actor<'_>, since: Instant) {
        let mut shared = lock(&self.shared);
        shared.number += 1;
        let nameless = Actor {
            deed: actor.deed,
            task: actor.task,
            name: None,
        };
        shared.at_it = Some((nameless, since));
        shared.set_name(actor.name);
        if shared.is_asleep {
            shared.is_asleep = false;
            drop(shared);
            self.thread.unpark();
        }
    }

    #[inline]
    pub(super) fn rests(&self) {
        lock(&self.shared).at_it = None;
    }
}

/// The watchdog's thread ends by itself; no thread waits for it.
impl Drop for Watchdog {
    #[inline]
    fn drop(&mut self) {
        lock(&self.shared).has_ended = true;
        self.thread.unpark();
    }
}

impl Shared {
    #[inline]
    fn set_name(&mut self, name: Option<&str>) {
        match (&mut self.name, name) {
            (Some(buffer), Some(name)) => {
                buffer.clear();
                buffer.push_str(name);
            }
            (buffer, name) => *buffer = name.map(str::to_owned),
        }
    }
}

/// The lock is never poisoned: no foreign code runs under it.
#[inline]
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The watchdog's side.
struct Watch {
    shared: Arc<Mutex<Shared>>,
    limit: Duration,
    loop_name: String,
    watched: ThreadState,
}

/// What one round of the watchdog has found.
enum Found {
    Nobody,
    /// The thread is held: by this step, for this long, by this actor.
    Somebody(u64, Duration, String),
    End,
}

impl Watch {
    #[inline]
    fn holder(&self) -> Option<String> {
        let shared = lock(&self.shared);
        let (nameless, since) = shared.at_it?;
        let name = shared.name.as_deref();
        let who = Actor { name, ..nameless }.to_string();
        drop(shared);
        Some(self.in_words(&who, since.elapsed()))
    }

    #[inline]
    fn in_words(&self, who: &str, lasted: Duration) -> String {
        let does = self.watched.in_words();
        format!("{who} has held the thread for {lasted:.1?} and still does; {does}")
    }

    #[inline]
    fn run(&self) {
        let pause = (self.limit / 4).max(SHORTEST_PAUSE);
        let (mut idle_rounds, mut step, mut told_at) = (0, 0, self.limit);
        loop {
            match self.find() {
                Found::End => return,
                Found::Nobody if idle_rounds >= 2 => {
                    self.sleep();
                    idle_rounds = 0;
                    continue;
                }
                Found::Nobody => idle_rounds += 1,
                Found::Somebody(number, lasted, who) => {
                    idle_rounds = 0;
                    if number != step {
                        (step, told_at) = (number, self.limit);
                    }
                    if lasted > told_at {
                        told_at = lasted.saturating_mul(2);
                        self.tell(&who, lasted);
                    }
                }
            }
            thread::park_timeout(pause);
        }
    }

    #[inline]
    fn find(&self) -> Found {
        let shared = lock(&self.shared);
        if shared.has_ended {
            return Found::End;
        }
        let Some((nameless, since)) = shared.at_it else {
            return Found::Nobody;
        };
        let lasted = since.elapsed();
        let name = shared.name.as_deref();
        let who = match lasted > self.limit {
            false => String::new(),
            true => Actor { name, ..nameless }.to_string(),
        };
        Found::Somebody(shared.number, lasted, who)
    }

    /// Sleeps until the loop is at work again.
    #[inline]
    fn sleep(&self) {
        let mut shared = lock(&self.shared);
        shared.is_asleep = shared.at_it.is_none() && !shared.has_ended;
        while shared.is_asleep && !shared.has_ended {
            drop(shared);
            thread::park();
            shared = lock(&self.shared);
        }
    }

    #[inline]
    fn tell(&self, who: &str, lasted: Duration) {
        let line = format!("{}: {}", self.loop_name, self.in_words(who, lasted));
        foreign::tell_somebody(Level::Warn, foreign::SLOW, line);
    }
}
