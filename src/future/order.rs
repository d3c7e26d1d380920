//! Which child is polled first.
//!
//! If several children are ready at once, the child that is polled first wins. A race that always
//! began with its first argument would starve the others as long as that argument is ready. So a
//! race draws its first child from a generator. The generator is seeded with a constant in every
//! thread: the same program gets the same order again.

use crate::draw::Draw;

/// The seed with which the generator of every thread starts.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

thread_local! {
    static DRAW: Draw = const { Draw::new(SEED) };
}

/// Restarts this thread's generator with `seed`, which decides the order in the races that follow.
///
/// Every thread starts from the same constant, so a program that does the same gets the same order. Call this to get
/// another order, for instance to repeat a test under many orders. A loop with a
/// [shuffled order](crate::Builder::shuffle) calls it when it is made.
///
/// ```
/// roundelay::future::reseed(7);
/// ```
pub fn reseed(seed: u64) {
    DRAW.with(|draw| draw.restart(seed ^ SEED));
}

/// A number below `bound`, which is not 0.
pub(super) fn draw(bound: usize) -> usize {
    DRAW.with(|draw| draw.below(bound as u64)) as usize
}

/// The order of one pass: the numbers below a bound, from any number on and round once.
///
/// Each pass begins one further. A child that spends the whole budget of its task leaves none for the children polled
/// after it, and so must not always be polled first.
pub(super) struct Rounds {
    bound: usize,
    first: usize,
}

impl Rounds {
    pub(super) fn starting_at(first: usize, bound: usize) -> Rounds {
        Rounds { bound, first }
    }

    pub(super) fn pass(&mut self) -> impl Iterator<Item = usize> + use<> {
        let (first, bound) = (self.first, self.bound);
        self.first = if first + 1 < bound { first + 1 } else { 0 };
        (first..bound).chain(0..first)
    }
}
