//! Chapter 2. One allocation: the future, then its output.
//!
//! # Chapter 2. The cell
//!
//! *Before this:* [chapter 1](crate::task). *Time:* 25 minutes. *Files, in reading order:* this
//! one, [`pinned`](crate::pinned).
//!
//! ## The smallest loop
//!
//! This chapter replaces the type `Task` in `examples/00_smallest_loop.rs`, and the call of `poll`
//! in `poll_task`. The box there has no place for an output, so `spawn` can return nothing. A panic
//! of one task leaves `poll_task`, and ends the loop with all other tasks.
//!
//! ## The problem
//!
//! A scheduler wants a list of tasks, and every task has another type: each `async` block is a
//! state machine of its own, of its own size. So the type must be erased, and to erase a type takes
//! a box. The naive version boxes the future, and boxes the output as soon as the future has
//! finished: two allocations for each task, the second at the moment when the first has become
//! useless.
//!
//! ## The idea
//!
//! A future that has finished must never be polled again, so its memory is free. The output moves
//! into it:
//!
//! ```text
//!                       poll: Ready(v)
//!   Running(future) -----------------------> Finished(Ok(v)) --.
//!        |   |                                                 |  take
//!        |   +-- poll or drop panics --> Finished(Err(panic)) -+-------> the handle
//!        +--------- cancel ----------> Finished(Err(cancelled))'
//! ```
//!
//! ```text
//!   one allocation, before                      the same allocation, after
//!   +---------+-----------------------------+   +---------+---------------+-------------+
//!   | Running | the future's variables      |   | Finished| the output    | unused      |
//!   +---------+-----------------------------+   +---------+---------------+-------------+
//!   as large as the larger of the two           the future has been dropped in place
//! ```
//!
//! The box is `Box<dyn Erased>`: the scheduler moves, polls and drops the box without the type of
//! its content. The [`JoinHandle`](super::JoinHandle) has the type. The handle asks for the output
//! through `&mut dyn Any`, which costs one comparison of type ids, and which turns a wrong type
//! into a `None` instead of a crash. A cell whose output has been taken is vacant, and the next
//! future of its type moves in by the same way ([`put`]).
//!
//! ## The rider
//!
//! A cell has room for one more value, the *rider*. A named task carries its name there; a child of
//! a group carries its tie to the group ([`group`](mod@crate::group)). Most tasks have the rider
//! `()`, which takes no memory. When the future is gone and no handle will ask for the result, the
//! cell offers the result to the rider, and the rider of a child takes it to the group.
//!
//! ## Panics
//!
//! User code runs here in three places: the future's `poll`, the future's destructor, and the
//! output's destructor. Each may panic, and the loop must go on. All three run under
//! [`foreign::catch`], and a caught panic becomes a [`JoinError`]. The assignment `*stage = next`
//! drops the old stage first, and writes the new stage *even if* that destructor unwinds; so no
//! state exists in which a half-dropped future could be polled or dropped again.
//!
//! ## Not needed here
//!
//! tokio's cell starts with an atomic word. The word says which part may touch the future at this
//! moment: a worker that polls the future, a thread that aborts it, or a handle that reads the
//! output. On one thread the type system answers the question: the owner of the box may touch the
//! future. The scheduler takes the box out of its slot for as long as it polls the task, so nothing
//! is borrowed and nothing is locked, whatever the task does meanwhile.
//!
//! ## What it costs
//!
//! One allocation for each task, and none for a task whose type has a spare cell
//! (`scheduler/spares.rs`). Guarded by
//! tests/allocations/tasks.rs::a_spawn_allocates_a_cell_and_the_next_of_its_kind_refills_it.
//!
//! ## Exercises
//!
//! Each command makes the change in a copy of the sources, and shows the test that fails.
//!
//! - In `Body::end`, move the old stage out and drop it, instead of assigning over it:
//!   `cargo run -p exercises -- 2.1`
//! - Report the second of two panics instead of the first:
//!   `cargo run -p exercises -- 2.2`
//! - Do not offer the output of a task to its rider:
//!   `cargo run -p exercises -- 2.3`
//! - In `Body::about`, look at the cell by a shared reference. Only Miri sees this one, so it needs
//!   a nightly toolchain: `cargo run -p exercises -- 2.4`
//!
//! ## Next
//!
//! [Chapter 3](super::waker): the number by which a task is woken.

#![allow(unsafe_code)]

use std::any::Any;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::foreign::{self, Payload};
use crate::record::Probe;
use crate::task::error::JoinError;
use crate::task::output::is_err;

/// A task's future, or its output, behind one pointer.
pub(crate) type TaskCell = Pin<Box<dyn Erased>>;

/// What the scheduler can do with a cell without knowing the future's type.
pub(crate) trait Erased {
    /// Polls the future. On `Ready` the cell is finished, with a value or a panic.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the future in place, and finishes the cell as cancelled. Does nothing to a finished cell.
    fn cancel(self: Pin<&mut Self>);

    /// Moves the output into `into`, an `Option<Result<T, JoinError>>`. Returns `true` if the cell is now
    /// [vacant](Self::vacant).
    fn take(self: Pin<&mut Self>, into: &mut dyn Any) -> bool;

    /// The error of a finished cell, if it has one.
    fn error(self: Pin<&mut Self>) -> Option<&JoinError>;

    /// Whether the cell is finished with a value that is an `Err`. Only a build that records asks.
    fn holds_an_err(self: Pin<&mut Self>) -> bool;

    /// Drops the output in place. Returns the panic of its destructor, if it panics.
    fn discard(self: Pin<&mut Self>) -> Option<JoinError>;

    /// Moves the payload out of a cell that is finished with a panic. The handle then gets only the message.
    fn take_panic(self: Pin<&mut Self>) -> Option<Payload>;

    /// The task's name, and the line that spawned it.
    fn about(self: Pin<&mut Self>) -> (Option<&str>, &'static Location<'static>);

    /// The cell itself, a [`Body`], if no value is left in it that has to be dropped.
    fn vacant(self: Pin<&mut Self>) -> Option<&mut dyn Any>;

    /// Offers the result to the [`Rider`]. The future is gone, and no handle will ask for the result.
    fn offer_to_rider(self: Pin<&mut Self>);
}

/// Puts a future into a cell: into `here` if that is a vacant cell of its type, else into a new one. `rider` is `()`, a
/// name, or a child's tie to its group, so a task without a name has no room for one.
#[inline]
pub(crate) fn put<F, R>(
    here: &mut Option<TaskCell>,
    future: F,
    rider: R,
    location: &'static Location<'static>,
) where
    F: Future<Output: 'static> + 'static,
    R: Rider<F::Output>,
{
    let vacant = here.as_mut().and_then(|cell| cell.as_mut().vacant());
    match vacant.and_then(<dyn Any>::downcast_mut::<Body<F, R>>) {
        Some(body) => body.refill(future, rider, location),
        None => *here = Some(new(future, rider, location)),
    }
}

#[inline]
fn new<F, R>(future: F, rider: R, location: &'static Location<'static>) -> TaskCell
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
    // SAFETY: valid for a `Body`, since the line above allocated it for one, and it holds no value that would have to be
    // dropped. Guarded by tests/scheduler/panic.rs::a_future_of_three_megabytes_is_spawned_without_a_stack_to_match. Buys
    // one copy of the future in a release build: it goes from the caller's frame into the cell, where `Box::pin` builds it
    // here first.
    unsafe { cell.as_mut_ptr().write(body) };
    // SAFETY: the line above has written the whole value.
    Box::into_pin(unsafe { cell.assume_init() })
}

/// The size of a cell for this type of future.
pub(crate) const fn size<F: Future, R>() -> usize {
    size_of::<Body<F, R>>()
}

/// The rider in a cell beside a future with the output `T`.
pub(crate) trait Rider<T>: 'static {
    fn name(&self) -> Option<&str> {
        None
    }

    /// Called when the future is gone, no handle will ask for its result, and nothing is borrowed. The rider may take the
    /// result. `name` and `at` say which task it is.
    fn finished(
        &self,
        result: &mut Option<Result<T, JoinError>>,
        name: Option<&str>,
        at: &'static Location<'static>,
    ) {
        let _ = (result, name, at);
    }

    /// Whether no value is left in the rider that has to be dropped.
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

enum Stage<F: Future> {
    Running(F),
    /// `None` once the output has been taken.
    Finished(Option<Result<F::Output, JoinError>>),
}

impl<F: Future, R> Body<F, R> {
    /// The only way through the pin. No other method takes or makes a `&Body`: a future may hold a `&mut` to a part of
    /// itself, and a shared reference to the whole would invalidate it.
    /// Guarded by tests/scheduler/self_join.rs::a_future_that_borrows_from_itself_is_not_disturbed_by_a_look_at_its_cell,
    /// under Miri.
    fn unpinned(self: Pin<&mut Self>) -> &mut Self {
        // SAFETY: the future inside stays where it is: callers poll it in place, or drop it in place by assigning
        // another stage, and move nothing but outputs, which are never pinned. `Body` has no `Drop` of its own, and is
        // `Unpin` only if the future is. Guarded by tests/scheduler/cancel.rs::a_pinned_future_is_dropped_where_it_was_polled.
        // Buys the single allocation: a box within the box would cost one more, 125 instructions with its release.
        unsafe { self.get_unchecked_mut() }
    }

    fn stage(self: Pin<&mut Self>) -> &mut Stage<F> {
        &mut self.unpinned().stage
    }

    #[inline]
    fn refill(&mut self, future: F, rider: R, location: &'static Location<'static>) {
        self.stage = Stage::Running(future);
        self.rider = rider;
        self.location = location;
    }
}

impl<F: Future, R: Rider<F::Output>> Body<F, R> {
    /// Finishes the cell with `error`. If the destructor of the old stage panics, that panic is the error instead, unless
    /// `error` is a panic already: the first panic is the cause.
    fn end(mut self: Pin<&mut Self>, error: JoinError) {
        let is_panic = error.is_panic();
        let error = self.as_mut().about_this_task(error);
        let stage = self.as_mut().stage();
        let dropped = foreign::catch(|| *stage = Stage::Finished(Some(Err(error))));
        match dropped {
            Ok(()) => {}
            // The future is gone and the error is written, even if the destructor panicked.
            Err(payload) if is_panic => foreign::bury_payload(payload),
            Err(payload) => {
                let error = self.as_mut().about_this_task(JoinError::panicked(payload));
                *self.stage() = Stage::Finished(Some(Err(error)));
            }
        }
    }

    fn about_this_task(self: Pin<&mut Self>, error: JoinError) -> JoinError {
        let body = self.unpinned();
        error.of_task(body.rider.name(), body.location)
    }
}

impl<F, R> Erased for Body<F, R>
where
    F: Future<Output: 'static> + 'static,
    R: Rider<F::Output>,
{
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let stage = self.as_mut().stage();
        let polled = foreign::catch(|| {
            let Stage::Running(future) = &mut *stage else {
                return Poll::Ready(());
            };
            // SAFETY: `stage` came out of a pin and is not moved while it is `Running`; see `Body::unpinned`.
            let future = unsafe { Pin::new_unchecked(future) };
            let Poll::Ready(output) = future.poll(cx) else {
                return Poll::Pending;
            };
            *stage = Stage::Finished(Some(Ok(output)));
            Poll::Ready(())
        });
        polled.unwrap_or_else(|payload| {
            self.end(JoinError::panicked(payload));
            Poll::Ready(())
        })
    }

    fn cancel(mut self: Pin<&mut Self>) {
        if matches!(self.as_mut().stage(), Stage::Running(_)) {
            self.end(JoinError::cancelled());
        }
    }

    fn take(self: Pin<&mut Self>, into: &mut dyn Any) -> bool {
        let body = self.unpinned();
        let (Stage::Finished(result), Some(into)) = (&mut body.stage, into.downcast_mut()) else {
            return false;
        };
        // Moves only the result. Replacing the whole stage would copy as many bytes as the future had.
        *into = result.take();
        body.rider.is_spent()
    }

    fn error(self: Pin<&mut Self>) -> Option<&JoinError> {
        match self.stage() {
            Stage::Finished(Some(Err(error))) => Some(error),
            _ => None,
        }
    }

    fn holds_an_err(self: Pin<&mut Self>) -> bool {
        Probe::EXISTS && matches!(self.stage(), Stage::Finished(Some(Ok(output))) if is_err(output))
    }

    fn discard(mut self: Pin<&mut Self>) -> Option<JoinError> {
        let stage = self.as_mut().stage();
        let dropped = foreign::catch(|| *stage = Stage::Finished(None));
        let payload = dropped.err()?;
        Some(self.as_mut().about_this_task(JoinError::panicked(payload)))
    }

    fn take_panic(self: Pin<&mut Self>) -> Option<Payload> {
        match self.stage() {
            Stage::Finished(Some(Err(error))) => error.take_payload(),
            _ => None,
        }
    }

    fn about(self: Pin<&mut Self>) -> (Option<&str>, &'static Location<'static>) {
        let body = self.unpinned();
        (body.rider.name(), body.location)
    }

    fn vacant(self: Pin<&mut Self>) -> Option<&mut dyn Any> {
        let body = self.unpinned();
        let is_vacant = matches!(body.stage, Stage::Finished(None)) && body.rider.is_spent();
        // Without a future in the cell nothing is pinned.
        is_vacant.then_some(body as &mut dyn Any)
    }

    fn offer_to_rider(self: Pin<&mut Self>) {
        let body = self.unpinned();
        if let Stage::Finished(result) = &mut body.stage {
            body.rider
                .finished(result, body.rider.name(), body.location);
        }
    }
}
