//! The future behind `join!`, `try_join!`, `race!` and `select!`: a few futures of different types.
//!
//! The macros pin each future in the frame of the awaiting function, as `Pin<&mut Option<F>>`.
//! `Option::as_pin_mut` gives the future to be polled, and `Pin::set(None)` drops it in place:
//! nothing is allocated or moved, and there is no `unsafe`. The frame, with the futures that have
//! not finished, goes out of scope before the macro gives its value.
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

/// Waits for all; for `join!`.
pub trait Join {
    type Outputs;
    fn join(self) -> impl Future<Output = Self::Outputs>;
}

/// Waits for all or the first error; for `try_join!`.
pub trait TryJoin {
    type Outputs;
    type Error;
    fn try_join(self) -> impl Future<Output = Result<Self::Outputs, Self::Error>>;
}

/// Waits for the first, and tells which; for `select!`.
pub trait Select {
    type Winner;
    fn select(self, order: Order) -> impl Future<Output = Self::Winner>;
}

/// The future of a `select!` that finished, and its output. The letters past the last arm are not used.
pub enum Winner<
    A,
    B = Infallible,
    C = Infallible,
    D = Infallible,
    E = Infallible,
    F = Infallible,
    G = Infallible,
    H = Infallible,
    I = Infallible,
    J = Infallible,
    K = Infallible,
    L = Infallible,
> {
    A(A),
    B(B),
    C(C),
    D(D),
    E(E),
    F(F),
    G(G),
    H(H),
    I(I),
    J(J),
    K(K),
    L(L),
    /// There was no future to wait for: each `if` was false.
    Nobody,
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

macro_rules! implement {
    ($bound:literal: $($F:ident $T:ident $index:tt),+) => {
        impl<$($F: Future),+> Join for ($(Part<'_, $F>,)+) {
            type Outputs = ($($F::Output,)+);

            async fn join(mut self) -> Self::Outputs {
                let mut outputs = ($(None::<$F::Output>,)+);
                let mut rounds = Rounds::starting_at(0, $bound);
                poll_fn(|cx| {
                    for index in rounds.pass() {
                        match index {
                            $($index => {
                                if let Poll::Ready(output) = poll_part(&mut self.$index, cx) {
                                    outputs.$index = Some(output);
                                }
                            })+
                            _ => {}
                        }
                    }
                    if $(self.$index.is_none())&&+ { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                ($(outputs.$index.expect("a part that is gone has left its output"),)+)
            }
        }

        impl<$($F: Future<Output = Result<$T, Error>>, $T,)+ Error> TryJoin for ($(Part<'_, $F>,)+) {
            type Outputs = ($($T,)+);
            type Error = Error;

            async fn try_join(mut self) -> Result<Self::Outputs, Error> {
                let mut outputs = ($(None::<$T>,)+);
                let mut rounds = Rounds::starting_at(0, $bound);
                poll_fn(|cx| {
                    for index in rounds.pass() {
                        match index {
                            $($index => {
                                if let Poll::Ready(output) = poll_part(&mut self.$index, cx)? {
                                    outputs.$index = Some(output);
                                }
                            })+
                            _ => {}
                        }
                    }
                    if $(self.$index.is_none())&&+ { Poll::Ready(Ok(())) } else { Poll::Pending }
                })
                .await?;
                Ok(($(outputs.$index.expect("a part that is gone has left its output"),)+))
            }
        }

        impl<$($F: Future),+> Select for ($(Part<'_, $F>,)+) {
            type Winner = Winner<$($F::Output),+>;

            async fn select(mut self, order: Order) -> Self::Winner {
                let mut rounds = Rounds::starting_at(order.first($bound), $bound);
                poll_fn(|cx| {
                    if $(self.$index.is_none())&&+ {
                        return Poll::Ready(Winner::Nobody);
                    }
                    for index in rounds.pass() {
                        match index {
                            $($index => {
                                if let Poll::Ready(output) = poll_part(&mut self.$index, cx) {
                                    return Poll::Ready(Winner::$F(output));
                                }
                            })+
                            _ => {}
                        }
                    }
                    Poll::Pending
                })
                .await
            }
        }
    };
}

implement!(1: A TA 0);
implement!(2: A TA 0, B TB 1);
implement!(3: A TA 0, B TB 1, C TC 2);
implement!(4: A TA 0, B TB 1, C TC 2, D TD 3);
implement!(5: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4);
implement!(6: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5);
implement!(7: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6);
implement!(8: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6, H TH 7);
implement!(9: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6, H TH 7, I TI 8);
implement!(10: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6, H TH 7, I TI 8, J TJ 9);
implement!(11: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6, H TH 7, I TI 8, J TJ 9, K TK 10);
implement!(12: A TA 0, B TB 1, C TC 2, D TD 3, E TE 4, F TF 5, G TG 6, H TH 7, I TI 8, J TJ 9, K TK 10, L TL 11);
