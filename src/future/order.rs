//! Which child is polled first.
//!
//! One child must be polled first, and where several children are ready at once the first child
//! wins. A race that always began with its first argument would starve the others for as long as
//! that argument is ready. So a race draws its first child from a generator. The generator is
//! seeded with a constant in every thread: the same program meets the same order again.

use crate::draw::Draw;

/// What every thread's generator starts from.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

thread_local! {
    static DRAW: Draw = const { Draw::new(SEED) };
}

/// Restarts this thread's generator: the races that follow are drawn in the order that `seed` stands for.
///
/// Every thread starts from the same constant, so a program that does the same thing meets the same order. Call this to
/// meet another one, for instance to repeat a test under many orders. A loop with a
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

/// The numbers below a bound, beginning anywhere and going round once: who is polled in which order in one pass.
///
/// Each pass begins one further. A child that spends the whole budget of its task leaves nothing for those polled after
/// it, and so must not always be polled first.
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
