//! The stand-ins that loom can see through. Only what the inbox and the pool use.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

use loom::sync::Notify;

pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};

macro_rules! statics {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        loom::lazy_static! { $($(#[$attribute])* static ref $name: $type = $value;)* }
    };
}
pub(crate) use statics;

/// In the place of the `mio::Waker`: ends a sleep of the model's loop, and counts. A sleep may also end by itself, once,
/// as a real one does when a socket is ready.
#[derive(Clone)]
pub(crate) struct Bell(Arc<(Notify, AtomicUsize)>);

impl Bell {
    /// As the reactor calls it, though no reactor runs under loom.
    pub(crate) fn new(_: &mio::Registry, _: mio::Token) -> io::Result<Bell> {
        Ok(Bell::unheard())
    }

    pub(crate) fn unheard() -> Bell {
        Bell(Arc::new((Notify::new(), AtomicUsize::new(0))))
    }

    pub(crate) fn wake(&self) -> io::Result<()> {
        // ORDERING: the count is the test's, and no part of the model.
        self.0.1.fetch_add(1, SeqCst);
        self.0.0.notify();
        Ok(())
    }

    /// In the place of `epoll_wait`.
    pub(crate) fn sleep(&self) {
        self.0.0.wait();
    }

    pub(crate) fn rings(&self) -> usize {
        // ORDERING: as in `wake`.
        self.0.1.load(SeqCst)
    }
}

/// loom's has no `wait_timeout_while`. The time is never over here.
#[derive(Default)]
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        _: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        while condition(&mut *guard) {
            guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        Ok((guard, false))
    }
}

thread_local! {
    /// The clock of the model. loom's threads all run on one thread of the system, one model on each.
    static CLOCK: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn pass(time: Duration) -> Duration {
    CLOCK.set(CLOCK.get() + time);
    CLOCK.get()
}

/// Each reading is a little later than the last: a worker stays awake for a step or two, and not for ever.
#[derive(Clone, Copy)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Instant {
        Instant(pass(Duration::from_micros(20)))
    }

    pub(crate) fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }
}

pub(crate) mod thread {
    //! loom's threads, with a token to park by of our own: loom's `unpark` also frees a thread that waits for a lock, and its
    //! locks forget a token.

    use std::io;
    use std::sync::{Arc, OnceLock};
    use std::time::Duration;

    use loom::sync::Notify;
    use loom::thread::JoinHandle;
    pub(crate) use loom::thread::yield_now;

    /// The size of a stack, which loom wants in words.
    const WORDS: usize = 1 << 15;

    /// A wait longer than this is never over.
    const NEVER: Duration = Duration::from_secs(1 << 40);

    #[derive(Clone)]
    pub(crate) struct Thread(Arc<(Option<String>, Notify)>);

    impl Thread {
        fn new(name: Option<String>) -> Thread {
            Thread(Arc::new((name, Notify::new())))
        }

        pub(crate) fn name(&self) -> Option<&str> {
            self.0.0.as_deref()
        }

        pub(crate) fn unpark(&self) {
            self.0.1.notify();
        }
    }

    loom::thread_local! {
        static CURRENT: OnceLock<Thread> = OnceLock::new();
    }

    pub(crate) fn current() -> Thread {
        CURRENT.with(|current| current.get_or_init(|| Thread::new(None)).clone())
    }

    pub(crate) fn park() {
        current().0.1.wait();
    }

    /// A wait that has an end comes to it at once, before any call: the other orders are those of a wait without an end.
    pub(crate) fn park_timeout(time: Duration) {
        match time > NEVER {
            true => park(),
            false => drop(super::pass(time)),
        }
    }

    pub(crate) struct Builder(Option<String>);

    impl Builder {
        pub(crate) fn new() -> Builder {
            Builder(None)
        }

        pub(crate) fn name(self, name: String) -> Builder {
            Builder(Some(name))
        }

        pub(crate) fn stack_size(self, _: usize) -> Builder {
            self
        }

        pub(crate) fn spawn(self, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
            let thread = Thread::new(self.0);
            let work = move || {
                CURRENT.with(|current| drop(current.set(thread)));
                work();
            };
            drop(spawn(work));
            Ok(())
        }
    }

    /// The table of inboxes is made on a stack, and is larger than what loom gives to a thread.
    pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        let builder = loom::thread::Builder::new().stack_size(WORDS);
        builder.spawn(work).expect("loom refuses no thread")
    }
}

/// Runs `model` in every order of its threads' steps, and says how many there were. `LOOM_MAX_PREEMPTIONS` bounds how often
/// a thread may be interrupted where it need not be.
#[cfg(test)]
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let begin = std::time::Instant::now();
    let model = Arc::new(model);
    loom::model(move || {
        // ORDERING: the count is no part of the model.
        counted.fetch_add(1, SeqCst);
        let model = Arc::clone(&model);
        // A thread of its own, for the sake of its stack.
        let thread = thread::spawn(move || model());
        thread.join().expect("a panic ends the exploration before");
    });
    let current = std::thread::current();
    println!(
        "{}: {} executions in {:.1?}",
        current.name().unwrap_or_default(),
        // ORDERING: as above.
        count.load(SeqCst),
        begin.elapsed()
    );
}
