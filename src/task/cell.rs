//! Chapter 2. One allocation: the future, then its output.
//!
//! # The problem
//!
//! A scheduler wants a list of tasks, and every task is of another type: each `async` block is its own state machine, of
//! its own size. So the type must be erased, and erasing means a box. The naive version boxes the future, and when the
//! future has finished, boxes its output for the handle that waits for it: two allocations for each task, the second at
//! the very moment when the first has become useless.
//!
//! # The idea
//!
//! A future that has finished must never be polled again, so its memory is free. The output moves in:
//!
//! ```text
//!                       poll: Ready(v)
//!   Running(future) -----------------------> Finished(Ok(v)) --.
//!        |   |                                                 |  take
//!        |   +-- poll or drop panics --> Finished(Err(panic)) -+-------> the handle
//!        +--------- cancel ----------> Finished(Err(cancelled))'
//! ```
//!
//! The box is `Box<dyn Erased>`: the scheduler moves it, polls it and drops it without knowing what is inside. The one
//! who does know, the [`JoinHandle`](super::JoinHandle), asks for the output through `&mut dyn Any`, which costs one
//! comparison of type ids, and makes a wrong guess a `None` instead of a crash.
//!
//! # Not needed here
//!
//! Tokio's cell starts with an atomic word that says who may touch the future at this moment: a worker that polls it, a
//! thread that aborts it, a handle that reads the output. On one thread the answer is a fact of the type system: whoever
//! has the box. The scheduler takes the box out of its slot for as long as it polls the task, so there is nothing to
//! borrow and nothing to lock, whatever the task does meanwhile.
//!
//! # Panics
//!
//! User code runs here in three places: the future's `poll`, its destructor, and its output's. Each may panic, and the
//! loop must go on. All of them run under `catch_unwind`, in this file only, and what was caught becomes a [`JoinError`].
//! The assignment `*stage = next` drops the old stage first, and writes the new one *even if* that destructor unwinds;
//! so there is no state in which a half-dropped future could be polled or dropped again.
//!
//! # Exercises
//!
//! 1. Replace `*stage = Stage::Finished(..)` by `mem::replace` followed by a drop. Which test shows that a future was
//!    moved after it had been pinned?
//! 2. Take the second `catch_unwind` away. Which test aborts the process, and why is it not just a failed test?
//! 3. A loan ends twice: [`lend`] breaks it, and `DropNow` (chapter 9) drops the stand-in. Either is enough. Leave out both:
//!    what does `tests/panic_run.rs` poll then, and which sanitizer says so?

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::task::error::{self, JoinError, Payload};

/// A task's future, or its output, behind one pointer.
pub(crate) type TaskCell = Pin<Box<dyn Erased>>;

/// What the scheduler may ask of a cell without knowing the future's type.
pub(crate) trait Erased {
    /// Polls the future. On `Ready` the cell is finished, by a value or by a panic.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the future where it stands; the cell is then finished, as cancelled. Does nothing to a finished cell.
    fn cancel(self: Pin<&mut Self>);

    /// Moves the output into `into`, an `Option<Result<T, JoinError>>`.
    fn take(self: Pin<&mut Self>, into: &mut dyn Any);

    /// The error that the cell is finished with, if it is.
    fn error(&self) -> Option<&JoinError>;

    /// Drops the output where it stands. If its destructor panics, that panic is the answer.
    fn discard(self: Pin<&mut Self>) -> Option<JoinError>;

    /// Moves the payload out of a cell that is finished with a panic; the handle gets the message only.
    fn take_panic(self: Pin<&mut Self>) -> Option<Payload>;

    /// Where the task was spawned.
    fn location(&self) -> &'static Location<'static>;

    /// What the task was called.
    fn name(&self) -> Option<&str>;

    /// Puts a future of the same type into an empty cell. `with` is the `Option` of what [`new`] was given.
    fn refill(self: Pin<&mut Self>, with: &mut dyn Any) -> bool;

    /// Whether there is nothing left in the cell that would have to be dropped.
    fn is_empty(&self) -> bool;

    /// Tells the [`Rider`] that the future is gone.
    fn tell(self: Pin<&mut Self>);
}

/// Puts a future into its cell. `rider` is `()`, a name, or a child's tie to its group: a task pays for what it has.
#[inline]
pub(crate) fn new<F, R>(future: F, rider: R, location: &'static Location<'static>) -> TaskCell
where
    F: Future<Output: 'static> + 'static,
    R: Rider<F::Output>,
{
    // On the way to a spare cell the future lies on the stack once more, and a large one shall not.
    if size_of::<Body<F, R>>() > LARGEST_SPARE {
        fresh(future, rider, location)
    } else {
        spare_or_fresh(future, rider, location)
    }
}

#[inline]
fn spare_or_fresh<F, R>(future: F, rider: R, location: &'static Location<'static>) -> TaskCell
where
    F: Future<Output: 'static> + 'static,
    R: Rider<F::Output>,
{
    let mut contents = Some((future, rider, location));
    if let Some(mut spare) = Spares::take(size_of::<Body<F, R>>()) {
        if spare.as_mut().refill(&mut contents) {
            return spare;
        }
    }
    let Some((future, rider, location)) = contents else {
        unreachable!("a cell that was not refilled took nothing")
    };
    fresh(future, rider, location)
}

#[inline]
fn fresh<F, R>(future: F, rider: R, location: &'static Location<'static>) -> TaskCell
where
    F: Future<Output: 'static> + 'static,
    R: Rider<F::Output>,
{
    let mut cell = Box::<Body<F, R>>::new_uninit();
    let body = Body {
        stage: Stage::Running(future),
        location,
        rider,
    };
    // SAFETY: valid for a `Body`, as the line above made it for one, and it holds nothing that would have to be dropped.
    // Guarded by tests/panic.rs::a_future_of_three_megabytes_is_spawned_without_a_stack_to_match. Buys one copy of the
    // future in a release build: it goes from the caller's frame into the cell, where `Box::pin` builds it here first.
    unsafe { cell.as_mut_ptr().write(body) };
    // SAFETY: written whole by the line above.
    Box::into_pin(unsafe { cell.assume_init() })
}

/// Drops the cell, or keeps it for a future of the same type if nothing is left in it.
pub(crate) fn recycle(cell: TaskCell) {
    if cell.is_empty() && size_of_val(&*cell) <= LARGEST_SPARE {
        Spares::keep(cell);
    }
}

thread_local! {
    /// Empty cells, a few of each size. Programs have few kinds of tasks, and the next one is mostly of the same kind. It
    /// takes 260 of 890 instructions off a spawn+join in batches, where the allocator's own cache is too small, and 35 off
    /// one in turn, where it is not.
    static SPARES: RefCell<Spares> = const { RefCell::new(Spares([const { Vec::new() }; SHELVES])) };
}

const SHELVES: usize = 16;
const SHELF_BYTES: usize = 128 * 1024;
/// What is larger goes back to the allocator at once: a thread must not sit on megabytes because it once ran a large task.
const LARGEST_SPARE: usize = 4 * 1024;

struct Spares([Vec<TaskCell>; SHELVES]);

impl Spares {
    /// A cell that was used last, so it is likely to be in the processor's cache. Whether it is of the right type, the cell
    /// itself must say.
    fn take(size: usize) -> Option<TaskCell> {
        let taken = SPARES.try_with(|spares| spares.borrow_mut().shelf(size).pop());
        taken.ok().flatten()
    }

    fn keep(cell: TaskCell) {
        let size = size_of_val(&*cell);
        // Dropped where it stands if the shelf is full, or the thread ends: an empty cell's destructor runs nobody's code.
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            let shelf = spares.shelf(size);
            if shelf.capacity() == 0 {
                // Once in the life of a thread, so that no join ever allocates.
                shelf.reserve_exact(SHELF_BYTES / size);
            }
            if shelf.len() < shelf.capacity() {
                shelf.push(cell);
            }
        });
    }

    fn shelf(&mut self, size: usize) -> &mut Vec<TaskCell> {
        &mut self.0[size / 8 % SHELVES]
    }
}

/// What rides in a cell beside a future with the output `T`.
pub(crate) trait Rider<T>: 'static {
    fn name(&self) -> Option<&str> {
        None
    }

    /// The future is gone, no handle will ask for its result, and nothing is borrowed. Whoever wants the result takes it.
    fn finished(&self, result: &mut Option<Result<T, JoinError>>) {
        let _ = result;
    }

    /// Whether there is nothing left in it that would have to be dropped.
    fn is_spent(&self) -> bool;
}

impl<T> Rider<T> for () {
    fn is_spent(&self) -> bool {
        true
    }
}

impl<T> Rider<T> for Box<str> {
    fn name(&self) -> Option<&str> {
        Some(self)
    }

    fn is_spent(&self) -> bool {
        false
    }
}

struct Body<F: Future, R> {
    stage: Stage<F>,
    location: &'static Location<'static>,
    rider: R,
}

type Contents<F, R> = (F, R, &'static Location<'static>);

struct Parts<'a, F: Future, R> {
    stage: &'a mut Stage<F>,
    rider: &'a mut R,
    location: &'a mut &'static Location<'static>,
}

enum Stage<F: Future> {
    Running(F),
    /// `None` once the output has been taken.
    Finished(Option<Result<F::Output, JoinError>>),
}

impl<F: Future, R> Body<F, R> {
    /// The only projection through the pin.
    fn parts(self: Pin<&mut Self>) -> Parts<'_, F, R> {
        // SAFETY: the future inside stays where it is: callers poll it in place, or drop it in place by assigning
        // another stage, and move nothing but outputs, which are never pinned. `Body` has no `Drop` of its own, and is
        // `Unpin` only if the future is. Guarded by tests/cancel.rs::a_pinned_future_is_dropped_where_it_was_polled.
        // Buys the single allocation: a box within the box would cost one more, 125 instructions with its release.
        let body = unsafe { self.get_unchecked_mut() };
        Parts {
            stage: &mut body.stage,
            rider: &mut body.rider,
            location: &mut body.location,
        }
    }

    fn stage(self: Pin<&mut Self>) -> &mut Stage<F> {
        self.parts().stage
    }
}

impl<F: Future, R: Rider<F::Output>> Body<F, R> {
    /// Finishes the cell with `error`. If the destructor of what was there panics, that panic is the error instead,
    /// unless a panic is what has brought us here: the first one is the cause.
    fn end(mut self: Pin<&mut Self>, error: JoinError) {
        let is_panic = error.is_panic();
        let error = self.about_this_task(error);
        let stage = self.as_mut().stage();
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            *stage = Stage::Finished(Some(Err(error)))
        }));
        match dropped {
            Ok(()) => {}
            // The future is gone and the error is written, whatever the destructor did.
            Err(payload) if is_panic => error::bury(payload),
            Err(payload) => {
                let error = self.about_this_task(JoinError::panicked(payload));
                *self.stage() = Stage::Finished(Some(Err(error)));
            }
        }
    }

    fn about_this_task(&self, error: JoinError) -> JoinError {
        error.of_task(self.rider.name(), self.location)
    }
}

impl<F, R> Erased for Body<F, R>
where
    F: Future<Output: 'static> + 'static,
    R: Rider<F::Output>,
{
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let stage = self.as_mut().stage();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let Stage::Running(future) = &mut *stage else {
                return Poll::Ready(());
            };
            // SAFETY: `stage` came out of a pin and is not moved while it is `Running`; see `Body::parts`.
            let future = unsafe { Pin::new_unchecked(future) };
            let Poll::Ready(output) = future.poll(cx) else {
                return Poll::Pending;
            };
            *stage = Stage::Finished(Some(Ok(output)));
            Poll::Ready(())
        }));
        polled.unwrap_or_else(|payload| {
            self.end(JoinError::panicked(payload));
            Poll::Ready(())
        })
    }

    fn cancel(self: Pin<&mut Self>) {
        if matches!(self.stage, Stage::Running(_)) {
            self.end(JoinError::cancelled());
        }
    }

    fn take(self: Pin<&mut Self>, into: &mut dyn Any) {
        if let (Stage::Finished(result), Some(into)) = (self.stage(), into.downcast_mut()) {
            // Moves the result alone. Replacing the whole stage would copy as many bytes as the future had.
            *into = result.take();
        }
    }

    fn error(&self) -> Option<&JoinError> {
        match &self.stage {
            Stage::Finished(Some(Err(error))) => Some(error),
            _ => None,
        }
    }

    fn discard(mut self: Pin<&mut Self>) -> Option<JoinError> {
        let stage = self.as_mut().stage();
        let dropped = catch_unwind(AssertUnwindSafe(|| *stage = Stage::Finished(None)));
        let payload = dropped.err()?;
        Some(self.about_this_task(JoinError::panicked(payload)))
    }

    fn take_panic(self: Pin<&mut Self>) -> Option<Payload> {
        match self.stage() {
            Stage::Finished(Some(Err(error))) => error.take_payload(),
            _ => None,
        }
    }

    fn location(&self) -> &'static Location<'static> {
        self.location
    }

    fn name(&self) -> Option<&str> {
        self.rider.name()
    }

    fn refill(self: Pin<&mut Self>, with: &mut dyn Any) -> bool {
        let Some(with) = with.downcast_mut::<Option<Contents<F, R>>>() else {
            return false;
        };
        let Parts {
            stage,
            rider,
            location,
        } = self.parts();
        if let Some(contents) = with.take() {
            *stage = Stage::Running(contents.0);
            *rider = contents.1;
            *location = contents.2;
        }
        true
    }

    fn is_empty(&self) -> bool {
        matches!(self.stage, Stage::Finished(None)) && self.rider.is_spent()
    }

    fn tell(self: Pin<&mut Self>) {
        let Parts { stage, rider, .. } = self.parts();
        if let Stage::Finished(result) = stage {
            rider.finished(result);
        }
    }
}

/// Runs `body` with a `'static` stand-in for a future that is not: the main future of `run`, which may borrow.
///
/// The stand-in polls the real future for as long as `body` runs. After that the loan is broken: a stand-in that
/// survived polls as if it were finished, and owns nothing.
pub(crate) fn lend<R>(
    future: Pin<&mut (dyn Future<Output = ()> + '_)>,
    body: impl FnOnce(Loan) -> R,
) -> R {
    // SAFETY: erases the lifetime only; the vtable and the address stay the same. The pointer is used by `Loan::poll`
    // alone, and by that only until `broken` clears it, which happens before the borrow ends, by return or by unwinding.
    // Guarded by tests/panic_run.rs::a_main_future_whose_run_is_ended_by_another_task_is_not_touched_again. Buys `run`
    // with borrows.
    let future: Pin<&mut (dyn Future<Output = ()> + 'static)> =
        unsafe { std::mem::transmute(future) };
    // SAFETY: the pointer is turned back into a pinned reference only, so the pin holds.
    let future = NonNull::from(unsafe { Pin::into_inner_unchecked(future) });
    let lent = Rc::new(Cell::new(Some(future)));
    let broken = BreakOnDrop(Rc::clone(&lent));
    let result = body(Loan(lent));
    drop(broken);
    result
}

/// A future that somebody else owns; see [`lend`].
pub(crate) struct Loan(Rc<Cell<Option<NonNull<dyn Future<Output = ()>>>>>);

impl Future for Loan {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut future) = self.0.get() else {
            return Poll::Ready(());
        };
        // SAFETY: not cleared yet, so `lend` is still running below us on this stack (`Loan` is not `Send`) and holds
        // the exclusive borrow. No second reference exists: the scheduler polls a cell only while it has it in its
        // hands, so a poll never nests in itself.
        let future = unsafe { future.as_mut() };
        // SAFETY: it was pinned when it was lent, and has not been moved since.
        let future = unsafe { Pin::new_unchecked(future) };
        future.poll(cx)
    }
}

struct BreakOnDrop(Rc<Cell<Option<NonNull<dyn Future<Output = ()>>>>>);

impl Drop for BreakOnDrop {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
