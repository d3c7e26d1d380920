//! A task of the machine. At each poll it does something, and polls the things that it waits for.

use std::cell::Cell;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use crate::deeds;
use crate::waits::{self, Wait};
use crate::world::{Birth, Outcome, Place, Planned, Value, World, here};

const MOST_WAITS: usize = 3;

/// The number of a scope's living children.
pub(crate) type Kin = Rc<Cell<usize>>;

/// A task's output. Its destructor may do a deed too.
pub(crate) struct Output {
    pub(crate) value: Value,
    pub(crate) fails: bool,
    does_a_deed: bool,
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.does_a_deed {
            deeds::anywhere(&self.value.world, Place::Drop, None);
        }
    }
}

/// What a task's future does when it is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parting {
    Quiet,
    Deed,
    Panic,
}

/// A waker that tells the model of a wake, and then passes the wake on.
struct Spy {
    task: u64,
    is_woken: AtomicBool,
    inner: Waker,
}

impl Wake for Spy {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, SeqCst);
        if let Some(world) = here() {
            world.woken(self.task);
        }
        self.inner.wake_by_ref();
    }
}

/// Something that a task waits for, and the waker that it was given last.
struct Waiting {
    wait: Wait,
    spy: Arc<Spy>,
    was_polled: bool,
}

pub(crate) struct Actor {
    world: Rc<World>,
    id: u64,
    /// Whether the task waits with its own waker, as a plain task does. Then the model does not see its wakes.
    is_native: bool,
    waits: Vec<Waiting>,
    outcome: Rc<Cell<Outcome>>,
    end: Outcome,
    parting: Parting,
    value: Option<Value>,
    kin: Option<Kin>,
}

impl Actor {
    pub(crate) fn new(world: &Rc<World>) -> Self {
        Self::make(world, Birth::Spawned, None)
    }

    /// A child in a group.
    pub(crate) fn child(world: &Rc<World>, kin: &Kin) -> Self {
        kin.set(kin.get() + 1);
        Self::make(world, Birth::InGroup, Some(Rc::clone(kin)))
    }

    /// A task whose future is made inside of its first poll.
    pub(crate) fn running(world: &Rc<World>) -> Self {
        Self::make(world, Birth::Running, None)
    }

    fn make(world: &Rc<World>, birth: Birth, kin: Option<Kin>) -> Self {
        let value = world.value("an output");
        let id = value.number;
        let is_native = world.one_in(4);
        world.born(id, !is_native, birth);
        Self {
            world: Rc::clone(world),
            id,
            is_native,
            waits: Vec::new(),
            outcome: Rc::new(Cell::new(Outcome::Alive)),
            end: Outcome::Cancelled,
            parting: match world.below(12) {
                0 => Parting::Panic,
                1..=4 => Parting::Deed,
                _ => Parting::Quiet,
            },
            value: Some(value),
            kin,
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn outcome(&self) -> Rc<Cell<Outcome>> {
        Rc::clone(&self.outcome)
    }

    fn finish(&mut self) -> Poll<Output> {
        self.end = Outcome::Value(self.id);
        let value = self.value.take().expect("a task ends once");
        Poll::Ready(Output {
            value,
            fails: self.world.one_in(8),
            does_a_deed: self.world.one_in(4),
        })
    }

    /// Does up to three things. Gives `Ready` if one of them was the end.
    fn act(&mut self, cx: &mut Context<'_>) -> Poll<Output> {
        let world = Rc::clone(&self.world);
        for _ in 0..world.below(4) {
            match world.below(100) {
                0..45 => deeds::anywhere(&world, Place::Poll, None),
                45..72 if self.waits.len() < MOST_WAITS => self.wait_for(cx),
                72..78 if !self.waits.is_empty() => {
                    world.step("gives up");
                    let given_up = self.waits.swap_remove(world.below(self.waits.len()));
                    drop(given_up);
                }
                78..79 => deeds::nest(&world),
                79..86 => {
                    world.step("wakes itself");
                    world.woken(self.id);
                    cx.waker().wake_by_ref();
                }
                86..92 => {
                    world.step("finishes");
                    return self.finish();
                }
                92..94 => {
                    world.step("panics");
                    self.end = Outcome::Panic;
                    world.polling.set(0);
                    panic_any(Planned);
                }
                _ => {}
            }
        }
        Poll::Pending
    }

    fn wait_for(&mut self, cx: &Context<'_>) {
        let wait = waits::any(&self.world, 2, self.is_native);
        self.world.step(wait.name);
        self.waits.push(Waiting {
            wait,
            spy: self.spy(cx),
            was_polled: false,
        });
    }

    fn spy(&self, cx: &Context<'_>) -> Arc<Spy> {
        Arc::new(Spy {
            task: self.id,
            is_woken: AtomicBool::new(false),
            inner: cx.waker().clone(),
        })
    }

    fn poll_waits(&mut self, cx: &mut Context<'_>) {
        let world = Rc::clone(&self.world);
        let mut index = 0;
        while index < self.waits.len() {
            let changes_waker = !world.is_quiet.get() && world.one_in(4);
            let new_spy = changes_waker.then(|| self.spy(cx));
            let Waiting {
                wait,
                spy,
                was_polled,
            } = &mut self.waits[index];
            let was_woken = spy.is_woken.swap(false, SeqCst);
            if let Some(new_spy) = new_spy {
                *spy = new_spy;
            }
            let waker = match self.is_native {
                true => cx.waker().clone(),
                false => Waker::from(Arc::clone(spy)),
            };
            let mut inner = Context::from_waker(&waker);
            if wait.session.as_mut().poll(&mut inner).is_pending() {
                *was_polled = true;
                index += 1;
                continue;
            }
            let (name, id) = (wait.name, self.id);
            world.tell("is served", id, 0);
            let may_be_early = wait.may_be_early || self.is_native || !*was_polled;
            world.expect(was_woken || may_be_early, || {
                format!("'{name}' of task {id} is ready, but did not wake the task")
            });
            world.expect(!world.is_probing.get(), || {
                format!("a probe finds '{name}' of task {id} ready: its wake was lost")
            });
            let done = self.waits.remove(index);
            drop(done);
        }
    }
}

impl Future for Actor {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let world = Rc::clone(&self.world);
        world.polled(self.id, cx.waker());
        if world.must_finish.get() {
            return self.finish();
        }
        world.polling.set(self.id);
        if !world.is_quiet.get() {
            let acted = self.act(cx);
            if acted.is_ready() {
                world.polling.set(0);
                return acted;
            }
        }
        self.poll_waits(cx);
        world.polling.set(0);
        Poll::Pending
    }
}

/// A task whose output becomes something else. It is not an `async` block around an `await`: if the destructor of the awaited
/// future panics, the compiler forgets the output.
pub(crate) struct Mapped<T> {
    pub(crate) actor: Actor,
    pub(crate) map: fn(Output) -> T,
}

impl<T> Future for Mapped<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let map = self.map;
        Pin::new(&mut self.actor).poll(cx).map(map)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.waits.clear();
        let panics = self.parting == Parting::Panic && !thread::panicking();
        self.outcome
            .set(if panics { Outcome::Panic } else { self.end });
        self.world.ended(self.id, self.end);
        if let Some(kin) = &self.kin {
            kin.set(kin.get() - 1);
        }
        match self.parting {
            Parting::Deed => deeds::anywhere(&self.world, Place::Drop, None),
            Parting::Panic if panics => panic_any(Planned),
            _ => {}
        }
    }
}
