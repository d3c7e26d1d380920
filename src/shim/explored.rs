//! The stand-ins for the types that the inbox and the pool use. loom sees each of their steps.

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

/// Stands in for the `mio::Waker`: it ends a sleep of the model's loop, and counts. A sleep may also end by itself, once,
/// like a real sleep when a socket is ready.
#[derive(Clone)]
pub(crate) struct Bell(Arc<(Notify, AtomicUsize)>);

impl Bell {
    /// Only has the arguments that the reactor passes. No reactor runs under loom.
    pub(crate) fn new(_: &mio::Registry, _: mio::Token) -> io::Result<Bell> {
        Ok(Bell::unheard())
    }

    pub(crate) fn unheard() -> Bell {
        Bell(Arc::new((Notify::new(), AtomicUsize::new(0))))
    }

    pub(crate) fn wake(&self) -> io::Result<()> {
        // ORDERING: the test reads the count, which is no part of the model.
        self.0.1.fetch_add(1, SeqCst);
        self.0.0.notify();
        Ok(())
    }

    /// Stands in for `epoll_wait`.
    pub(crate) fn sleep(&self) {
        self.0.0.wait();
    }

    pub(crate) fn rings(&self) -> usize {
        // ORDERING: as in `wake`.
        self.0.1.load(SeqCst)
    }
}

/// loom's `Condvar` has no `wait_timeout_while`. In this one the time is never over.
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
    /// The clock of the model. All threads of a model run on one thread of the system.
    static CLOCK: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn pass(time: Duration) -> Duration {
    CLOCK.set(CLOCK.get() + time);
    CLOCK.get()
}

/// Each reading is a little later than the last, so a worker stays awake for a step or two, and not for ever.
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
    //! loom's threads, which park by a token of our own. loom's `unpark` also frees a thread that waits for a lock, and its
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

    /// A wait with a time-out ends at once, before any call. If a call comes first, it is like a wait without a time-out.
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

    /// The table of inboxes is made on a stack, and is larger than the stack that loom gives to a thread.
    pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        let builder = loom::thread::Builder::new().stack_size(WORDS);
        builder.spawn(work).expect("loom refuses no thread")
    }
}

/// Runs `model` in every order of its threads' steps, and prints the number of the orders. `LOOM_MAX_PREEMPTIONS` limits
/// how often a thread is interrupted at a step at which it could go on.
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
        // The model has a thread of its own, because it needs a larger stack.
        let thread = thread::spawn(move || model());
        thread.join().expect("a panic has ended the exploration");
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
