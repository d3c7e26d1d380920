//! The future behind `join!`, `try_join!`, `race!` and `select!`: a few futures of different types.
//!
//! The macros pin each future in the frame of the awaiting function, as `Pin<&mut Option<F>>`.
//! `Option::as_pin_mut` gives the future to be polled, and `Pin::set(None)` drops it in place:
//! nothing is allocated or moved, and there is no `unsafe`. The frame, with the futures that have
//! not finished, goes out of scope before the macro gives its value.
//!
//! The futures come as a list: a pair of the first and the rest, and `()` at the end. So each step is
//! written once, for the first of a list, and not again for each number of futures.
//!
//! The children get the parent's waker, and all of them are polled at each wake.

// Public for the macros, and hidden from the documentation: an item is documented as a whole, not by its members.
#![allow(missing_docs)]

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::order::{self, Rounds};

/// A future in the frame of a macro; `None` once it has finished, or if its condition was false.
type Part<'a, F> = Pin<&'a mut Option<F>>;

/// Which future is polled first in a race.
#[derive(Clone, Copy)]
pub enum Order {
    /// A drawn future.
    Drawn,
    /// The future that was written first.
    Written,
}

impl Order {
    fn first(self, bound: usize) -> usize {
        match self {
            Order::Drawn => order::draw(bound),
            Order::Written => 0,
        }
    }
}

/// A list of parts.
pub trait Parts {
    const COUNT: usize;

    fn have_finished(&self) -> bool;
}

impl Parts for () {
    const COUNT: usize = 0;

    fn have_finished(&self) -> bool {
        true
    }
}

impl<F, Rest: Parts> Parts for (Part<'_, F>, Rest) {
    const COUNT: usize = 1 + Rest::COUNT;

    fn have_finished(&self) -> bool {
        self.0.is_none() && self.1.have_finished()
    }
}

/// Parts whose outputs are collected.
pub trait Join: Parts {
    /// A place for each output.
    type Slots: Default;
    type Outputs;

    /// Polls the part at this place of the list.
    fn poll(&mut self, place: usize, slots: &mut Self::Slots, cx: &mut Context<'_>);

    fn outputs(slots: Self::Slots) -> Self::Outputs;
}

impl Join for () {
    type Slots = ();
    type Outputs = ();

    fn poll(&mut self, _: usize, (): &mut (), _: &mut Context<'_>) {}

    fn outputs((): ()) {}
}

impl<F: Future, Rest: Join> Join for (Part<'_, F>, Rest) {
    type Slots = (Option<F::Output>, Rest::Slots);
    type Outputs = (F::Output, Rest::Outputs);

    #[inline]
    fn poll(&mut self, place: usize, (slot, slots): &mut Self::Slots, cx: &mut Context<'_>) {
        if place > 0 {
            self.1.poll(place - 1, slots, cx);
        } else if let Poll::Ready(output) = poll_part(&mut self.0, cx) {
            *slot = Some(output);
        }
    }

    fn outputs((slot, slots): Self::Slots) -> Self::Outputs {
        (taken(slot), Rest::outputs(slots))
    }
}

/// Parts whose outputs are collected, until one of them is an error.
pub trait TryJoin<E>: Parts {
    type Slots: Default;
    type Outputs;

    fn poll(
        &mut self,
        place: usize,
        slots: &mut Self::Slots,
        cx: &mut Context<'_>,
    ) -> Result<(), E>;

    fn outputs(slots: Self::Slots) -> Self::Outputs;
}

impl<E> TryJoin<E> for () {
    type Slots = ();
    type Outputs = ();

    fn poll(&mut self, _: usize, (): &mut (), _: &mut Context<'_>) -> Result<(), E> {
        Ok(())
    }

    fn outputs((): ()) {}
}

impl<F, T, E, Rest> TryJoin<E> for (Part<'_, F>, Rest)
where
    F: Future<Output = Result<T, E>>,
    Rest: TryJoin<E>,
{
    type Slots = (Option<T>, Rest::Slots);
    type Outputs = (T, Rest::Outputs);

    #[inline]
    fn poll(
        &mut self,
        place: usize,
        (slot, slots): &mut Self::Slots,
        cx: &mut Context<'_>,
    ) -> Result<(), E> {
        if place > 0 {
            return self.1.poll(place - 1, slots, cx);
        }
        if let Poll::Ready(output) = poll_part(&mut self.0, cx)? {
            *slot = Some(output);
        }
        Ok(())
    }

    fn outputs((slot, slots): Self::Slots) -> Self::Outputs {
        (taken(slot), Rest::outputs(slots))
    }
}

/// Parts of which the first to finish wins.
pub trait Select: Parts {
    type Winner;

    fn poll(&mut self, place: usize, cx: &mut Context<'_>) -> Poll<Self::Winner>;
}

/// The part of a list that has finished, and its output: the first part, or one of the rest.
pub enum Winner<A, Rest> {
    First(A),
    Later(Rest),
}

impl Select for () {
    type Winner = Infallible;

    fn poll(&mut self, _: usize, _: &mut Context<'_>) -> Poll<Infallible> {
        Poll::Pending
    }
}

impl<F: Future, Rest: Select> Select for (Part<'_, F>, Rest) {
    type Winner = Winner<F::Output, Rest::Winner>;

    #[inline]
    fn poll(&mut self, place: usize, cx: &mut Context<'_>) -> Poll<Self::Winner> {
        match place {
            0 => poll_part(&mut self.0, cx).map(Winner::First),
            _ => self.1.poll(place - 1, cx).map(Winner::Later),
        }
    }
}

/// Polls a part that may have finished before, and drops its future when it finishes.
fn poll_part<F: Future>(part: &mut Part<'_, F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let Some(future) = part.as_mut().as_pin_mut() else {
        return Poll::Pending;
    };
    let output = ready!(future.poll(cx));
    part.set(None);
    Poll::Ready(output)
}

fn taken<T>(slot: Option<T>) -> T {
    slot.expect("a part that has finished has left its output")
}

/// Waits for all; for `join!`.
pub async fn join<P>(mut parts: P) -> <P::Outputs as List>::Tuple
where
    P: Join<Outputs: List>,
{
    let mut slots = P::Slots::default();
    let mut rounds = Rounds::starting_at(0, P::COUNT);
    poll_fn(|cx| {
        for place in rounds.pass() {
            parts.poll(place, &mut slots, cx);
        }
        match parts.have_finished() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    P::outputs(slots).tuple()
}

/// Waits for all or the first error; for `try_join!`.
pub async fn try_join<P, E>(mut parts: P) -> Result<<P::Outputs as List>::Tuple, E>
where
    P: TryJoin<E, Outputs: List>,
{
    let mut slots = P::Slots::default();
    let mut rounds = Rounds::starting_at(0, P::COUNT);
    poll_fn(|cx| {
        for place in rounds.pass() {
            parts.poll(place, &mut slots, cx)?;
        }
        match parts.have_finished() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    })
    .await?;
    Ok(P::outputs(slots).tuple())
}

/// Waits for the first, and tells which; for `select!`. `None` if there is no future to wait for: each `if` was false.
pub async fn select<P: Select>(mut parts: P, order: Order) -> Option<P::Winner> {
    let mut rounds = Rounds::starting_at(order.first(P::COUNT), P::COUNT);
    poll_fn(|cx| {
        if parts.have_finished() {
            return Poll::Ready(None);
        }
        for place in rounds.pass() {
            if let Poll::Ready(winner) = parts.poll(place, cx) {
                return Poll::Ready(Some(winner));
            }
        }
        Poll::Pending
    })
    .await
}

/// A list of outputs, which a macro gives as a tuple.
pub trait List {
    type Tuple;
    fn tuple(self) -> Self::Tuple;
}

macro_rules! list {
    () => { () };
    ($first:ident $($rest:ident)*) => { ($first, list!($($rest)*)) };
}

macro_rules! lists {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<$first, $($rest),*> List for list!($first $($rest)*) {
            type Tuple = ($first, $($rest,)*);

            #[allow(non_snake_case)]
            fn tuple(self) -> Self::Tuple {
                let list!($first $($rest)*) = self;
                ($first, $($rest,)*)
            }
        }

        lists!($($rest)*);
    };
}

lists!(A B C D E F G H I J K L);
