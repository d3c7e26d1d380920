//! Which loop is running on this thread.
//!
//! `sleep(..)` and `spawn(..)` take no loop as an argument; they ask here. A loop is current while its tasks are polled
//! or dropped, and loops nest: the inner one is current until it returns, then the outer one again.
//!
//! The thread-local has no destructor (`ManuallyDrop`), so it can be asked at any time, even by a destructor of another
//! thread-local that drops a loop at the end of its thread. [`Entered`] takes out what it has put in.

use std::cell::RefCell;
use std::mem::{self, ManuallyDrop};
use std::rc::Rc;
use std::task::{self, Poll};

use crate::offload::Pool;
use crate::reactor::Reactor;
use crate::scheduler::inbox::Door;
use crate::scheduler::{self, Current, Scheduler};
use crate::time::Timers;

thread_local! {
    static CURRENT: RefCell<ManuallyDrop<Option<Rc<Context>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// What a leaf future can reach of its loop.
pub(crate) struct Context {
    pub(crate) scheduler: Rc<Scheduler>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) offload: Rc<Pool>,
    pub(crate) door: Door,
}

/// The loop that is running on this thread.
pub(crate) fn current() -> Option<Rc<Context>> {
    CURRENT.with(|current| current.borrow().as_ref().map(Rc::clone))
}

/// The loop that is running on this thread, for calls that are documented to panic without one.
#[track_caller]
pub(crate) fn expect_current(call: &str) -> Rc<Context> {
    with_current(call, Rc::clone)
}

/// [`expect_current`] without the counting. `read` runs under a borrow, so it must not run user code.
#[track_caller]
pub(crate) fn with_current<R>(call: &str, read: impl FnOnce(&Rc<Context>) -> R) -> R {
    match CURRENT.with(|current| current.borrow().as_ref().map(read)) {
        Some(result) => result,
        None => panic!(
            "`{call}` was called, and no event loop is running on this thread: call it from inside \
             `roundelay::run(async {{ .. }})`, or use `EventLoop::spawn`, or from another thread `Remote::spawn`"
        ),
    }
}

/// `Pending`, with the task queued again, if this poll of the task has completed its share of operations.
///
/// Every leaf future asks before it tries, and calls [`spend_budget`] when it completes. Outside a loop there is nobody
/// to be fair to.
pub(crate) fn poll_budget(cx: &mut task::Context<'_>) -> Poll<()> {
    if scheduler::has_operations_left() {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Takes one operation off the budget of the poll that is going on.
pub(crate) fn spend_budget() {
    scheduler::spend_operation();
}

/// A loop is current for as long as this exists.
pub(crate) struct Entered {
    outer: ManuallyDrop<Option<Rc<Context>>>,
    _wakes: Current,
}

impl Entered {
    pub(crate) fn new(context: Rc<Context>) -> Self {
        let _wakes = Current::enter(Rc::clone(&context.scheduler));
        Self {
            outer: CURRENT.replace(ManuallyDrop::new(Some(context))),
            _wakes,
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let outer = mem::replace(&mut self.outer, ManuallyDrop::new(None));
        let inner = CURRENT.replace(outer);
        drop(ManuallyDrop::into_inner(inner));
    }
}
