//! The deeds, and the triggers that carry them to the places where user code runs.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::hooked::{Use, hooked_waker};
use super::{Ledger, PATIENCE, Token, listen, own_waker, watchdog};
use roundelay::task::{AbortHandle, try_spawn};
use roundelay::time::Sleep;
use roundelay::{EventLoop, JoinHandle, Offload, Remote, offload, run, sleep, spawn, yield_now};

// The deeds: what user code does.

/// The things to which the deeds are done. There is one world for each place and deed.
pub(crate) struct World {
    ledger: Ledger,
    /// Handles of tasks that are parked, queued, or finished with an output that was not read.
    handles: RefCell<Vec<JoinHandle<Parting>>>,
    aborts: RefCell<Vec<AbortHandle>>,
    /// Wakers of those tasks, and of one that is gone.
    wakers: RefCell<Vec<Waker>>,
    loops: RefCell<Vec<EventLoop>>,
    naps: RefCell<Vec<Pin<Box<Sleep>>>>,
    jobs: RefCell<Vec<Offload<Token>>>,
}

/// A value that does a little of everything when it is dropped.
pub(crate) struct Parting {
    _token: Token,
    born: Option<Token>,
    waker: Option<Waker>,
}

impl Drop for Parting {
    fn drop(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        let born = self.born.take();
        if let Ok(handle) = try_spawn(async move {
            let _born = born;
            yield_now().await;
        }) {
            handle.abort_handle().abort();
            drop(handle);
        }
    }
}

impl World {
    /// Makes a world. It must be called inside a loop.
    async fn new(ledger: &Ledger) -> Rc<Self> {
        let world = Rc::new(Self {
            ledger: ledger.clone(),
            handles: RefCell::default(),
            aborts: RefCell::default(),
            wakers: RefCell::default(),
            loops: RefCell::default(),
            naps: RefCell::default(),
            jobs: RefCell::default(),
        });
        let waker = own_waker().await;
        let parting = |name: &str| Parting {
            _token: ledger.token(name),
            born: Some(ledger.token(format!("born of {name}"))),
            waker: Some(waker.clone()),
        };
        let (parked, busy, finished) = (parting("parked"), parting("busy"), parting("finished"));
        let leaves = Rc::clone(&world);
        world.watch(spawn(async move {
            let waker = own_waker().await;
            leaves.wakers.borrow_mut().push(waker);
            drop(leaves);
            pending::<()>().await;
            parked
        }));
        world.watch(spawn(async move {
            for _ in 0..20 {
                yield_now().await;
            }
            busy
        }));
        world.watch(spawn(async move { finished }));
        let gone = spawn(own_waker()).await.expect("it ends well");
        world.wakers.borrow_mut().extend([gone, waker.clone()]);
        yield_now().await;

        let mut inner = EventLoop::new().expect("a loop");
        let (parting, armed) = (parting("inside the inner loop"), ledger.token("armed"));
        drop(inner.spawn(async move {
            let _parting = parting;
            pending::<()>().await;
        }));
        drop(inner.spawn(async move {
            let _armed = armed;
            sleep(Duration::MAX).await;
        }));
        inner.turn(Some(Duration::ZERO)).expect("a turn");
        let token = ledger.token("posted to the inner loop");
        inner
            .remote()
            .post(move || drop(token))
            .expect("the loop is there");
        world.loops.borrow_mut().push(inner);

        for _ in 0..2 {
            let mut nap = Box::pin(sleep(Duration::MAX));
            let polled = poll_fn(|cx| Poll::Ready(nap.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            world.naps.borrow_mut().push(nap);
        }
        let token = ledger.token("a job's");
        world.jobs.borrow_mut().push(offload(move || token));
        world
    }

    pub(crate) fn watch(&self, handle: JoinHandle<Parting>) {
        self.aborts.borrow_mut().push(handle.abort_handle());
        self.handles.borrow_mut().push(handle);
    }

    /// Adds a task of the place itself, so that a deed can abort it.
    pub(crate) fn know<T>(&self, handle: JoinHandle<T>) -> JoinHandle<T> {
        self.aborts.borrow_mut().push(handle.abort_handle());
        handle
    }

    /// Drops everything inside the world. These things hold the world, so without this it would leak.
    pub(crate) fn empty(&self) {
        drop(self.handles.take());
        drop(self.aborts.take());
        drop(self.loops.take());
        drop(self.naps.take());
        drop(self.jobs.take());
    }
}

pub(crate) type Deed = (&'static str, fn(&World));

pub(crate) const DEEDS: [Deed; 15] = [
    ("nothing", |_| ()),
    ("spawns and forgets", |world| {
        let token = world.ledger.token("spawned and forgotten");
        drop(try_spawn(async move {
            let _token = token;
            yield_now().await;
        }));
    }),
    ("spawns and keeps", |world| {
        let token = world.ledger.token("spawned and kept");
        let parting = Parting {
            _token: token,
            born: None,
            waker: None,
        };
        if let Ok(handle) = try_spawn(async move { parting }) {
            world.watch(handle);
        }
    }),
    ("spawns a hundred, so that every table grows", |world| {
        for _ in 0..100 {
            let token = world.ledger.token("one of a hundred");
            drop(try_spawn(async move { drop(token) }));
        }
    }),
    ("aborts all tasks, itself too", |world| {
        let aborts = world.aborts.borrow().clone();
        aborts.iter().for_each(AbortHandle::abort);
    }),
    ("wakes all tasks, itself too", |world| {
        let wakers = world.wakers.borrow().clone();
        wakers.iter().for_each(Waker::wake_by_ref);
        wakers.into_iter().for_each(Waker::wake);
    }),
    ("drops all handles", |world| drop(world.handles.take())),
    ("drops all that can abort", |world| {
        drop(world.aborts.take())
    }),
    ("drops a loop", |world| drop(world.loops.take())),
    ("runs a loop", |world| {
        let token = world.ledger.token("inside a nested loop");
        run(async move {
            sleep(Duration::ZERO).await;
            yield_now().await;
            let handle = spawn(async move { drop(token) });
            handle.await.expect("it ends well");
        });
    }),
    ("turns another loop", |world| {
        let inner = world.loops.borrow_mut().pop();
        if let Some(mut inner) = inner {
            inner.turn(Some(Duration::ZERO)).expect("a turn");
        }
    }),
    ("posts and spawns from afar", |world| {
        if let Some(remote) = Remote::try_current() {
            let (posted, spawned) = (world.ledger.token("posted"), world.ledger.token("spawned"));
            drop(remote.post(move || drop(posted)));
            drop(remote.spawn(async move || drop(spawned)));
        }
    }),
    ("resets its timers, to now and to never", |world| {
        let deadlines = [
            Instant::now(),
            Instant::now() + Duration::from_secs(1 << 40),
        ];
        for (nap, deadline) in world.naps.borrow_mut().iter_mut().zip(deadlines) {
            nap.as_mut().reset(deadline);
        }
    }),
    ("drops its timers", |world| drop(world.naps.take())),
    ("drops its job, and offloads another", |world| {
        drop(world.jobs.take());
        let token = world.ledger.token("another job's");
        if Remote::try_current().is_some_and(|here| !here.is_closed()) {
            world.jobs.borrow_mut().push(offload(move || token));
        }
    }),
];

// The triggers: how user code gets to its place.

thread_local! {
    /// The code that waits for its place. A `Trigger` is only a number, so it may go to places where the code itself may not.
    static CODE: RefCell<BTreeMap<usize, Box<dyn FnOnce()>>> = const { RefCell::new(BTreeMap::new()) };
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

/// Runs the deed, on the thread where it was made.
pub(crate) struct Trigger(usize);

impl Trigger {
    pub(crate) fn new(code: impl FnOnce() + 'static) -> Self {
        let number = NEXT.get();
        NEXT.set(number + 1);
        CODE.with_borrow_mut(|waiting| waiting.insert(number, Box::new(code)));
        Self(number)
    }

    /// Runs the code at the first call, outside of every borrow.
    pub(crate) fn fire(&self) {
        let code = CODE.with_borrow_mut(|waiting| waiting.remove(&self.0));
        if let Some(code) = code {
            code();
        }
    }

    pub(crate) fn on_drop(self) -> FiresOnDrop {
        FiresOnDrop(self)
    }
}

/// Whether all code has run.
pub(crate) fn all_have_fired() -> bool {
    CODE.with_borrow(BTreeMap::is_empty)
}

pub(crate) struct FiresOnDrop(Trigger);

impl Drop for FiresOnDrop {
    fn drop(&mut self) {
        self.0.fire();
    }
}

/// A future whose guard is dropped by the scheduler, and not in its own last poll.
pub(crate) struct Manual<T: Unpin, G: Unpin> {
    output: Option<T>,
    _guard: G,
}

impl<T: Unpin, G: Unpin> Future for Manual<T, G> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        self.output.take().map_or(Poll::Pending, Poll::Ready)
    }
}

pub(crate) fn finishes<G: Unpin>(guard: G) -> Manual<(), G> {
    Manual {
        output: Some(()),
        _guard: guard,
    }
}

pub(crate) fn parks<G: Unpin>(guard: G) -> Manual<(), G> {
    Manual {
        output: None,
        _guard: guard,
    }
}

pub(crate) async fn a_few_turns() {
    for _ in 0..5 {
        yield_now().await;
    }
}

pub(crate) fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_ready()
}

/// A waker that fires the trigger at its first use of this sort.
pub(crate) fn fires_at(moment: Use, trigger: Trigger) -> Waker {
    hooked_waker(move |done| {
        if done == moment {
            trigger.fire();
        }
    })
}

/// Does every deed in `place`, each with a world and a loop of its own. The place itself logs `errors` errors.
pub(crate) fn do_everything<P, F>(errors: usize, place: P)
where
    P: Fn(Rc<World>, Trigger) -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    watchdog(PATIENCE, move || {
        for (what, deed) in DEEDS {
            let ledger = Ledger::new();
            let panics: Rc<RefCell<Vec<Box<dyn Any + Send>>>> = Rc::default();
            let is_done = Rc::new(Cell::new(false));
            let (_, lines) = listen(|| {
                let mut event_loop = EventLoop::new().expect("a loop");
                event_loop.run(async {
                    let world = World::new(&ledger).await;
                    let (panics, is_done) = (Rc::clone(&panics), Rc::clone(&is_done));
                    let acts_on = Rc::clone(&world);
                    let trigger = Trigger::new(move || {
                        is_done.set(true);
                        let done = catch_unwind(AssertUnwindSafe(|| deed(&acts_on)));
                        panics.borrow_mut().extend(done.err());
                    });
                    place(Rc::clone(&world), trigger).await;
                    a_few_turns().await;
                    world.empty();
                });
                event_loop.turn(Some(Duration::ZERO)).expect("a turn");
                drop(event_loop);
            });
            assert!(is_done.get(), "the place was never reached: {what}");
            let payloads = panics.take();
            let texts: Vec<_> = payloads.iter().map(|p| p.downcast_ref::<&str>()).collect();
            assert!(texts.is_empty(), "{what}: panicked: {texts:?}");
            let logged: Vec<_> = lines
                .iter()
                .filter(|l| l.level == log::Level::Error)
                .collect();
            assert_eq!(logged.len(), errors, "{what}: {logged:?}");
            // A job that has begun goes on, on another thread, and drops its values when it is done.
            while ledger.alive() > 0 {
                std::thread::yield_now();
            }
            ledger.assert_settled();
        }
    });
}
