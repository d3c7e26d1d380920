//! The order within a batch, drawn from a seed: for tests, and for programs that rely on an order without knowing it.
//!
//! A batch is put into another order once, before it is polled. Whatever it wakes is behind it, as ever, so the batch rule holds:
//! nobody is polled twice before all who were ready have been polled once. Nothing else is drawn. What a task finds in a queue, who
//! gets a lock, and in which order timers fire is decided by who was polled first.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};

use crate::foreign;

/// Where a failing test finds its seed again.
const VARIABLE: &str = "ROUNDELAY_SEED";

/// A seed for [`Builder::shuffle`](crate::Builder::shuffle): the number in the environment variable `ROUNDELAY_SEED`, or else a new
/// one at each call.
///
/// So a test tries another order each time it runs. The seed of one that fails is printed, and `ROUNDELAY_SEED=.. cargo test ..` gives
/// the same order again.
///
/// # Panics
/// If `ROUNDELAY_SEED` is set, and is no number of 64 bits.
///
/// ```
/// use roundelay::{EventLoop, seed_from_env};
///
/// let mut event_loop = EventLoop::builder().virtual_time().shuffle(seed_from_env()).build()?;
/// event_loop.run(async { /* whatever is to be tested */ });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn seed_from_env() -> u64 {
    match env::var_os(VARIABLE) {
        None => RandomState::new().build_hasher().finish(),
        Some(text) => match text.to_str().and_then(|text| text.trim().parse().ok()) {
            Some(seed) => seed,
            None => panic!(
                "{VARIABLE} is to be a number from 0 to {}, and is {text:?}",
                u64::MAX
            ),
        },
    }
}

/// What a loop with [`Builder::shuffle`](crate::Builder::shuffle) has beside the others.
pub(super) struct Shuffle {
    seed: u64,
    /// Of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a counter, whose bits are mixed.
    state: Cell<u64>,
    is_told: Cell<bool>,
}

impl Shuffle {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            state: Cell::new(seed),
            is_told: Cell::new(false),
        }
    }

    fn draw(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, each as often as the others to within one in 2^64.
    pub(super) fn below(&self, bound: usize) -> usize {
        ((u128::from(self.draw()) * bound as u128) >> 64) as usize
    }

    /// A panic ends the run of the loop with that name, or the loop. Says once by which seed that happens again.
    #[cold]
    pub(super) fn tell(&self, name: &str) {
        let seed = self.seed;
        if !self.is_told.replace(true) {
            // Where standard error is closed, `eprintln` panics.
            foreign::quietly(foreign::TURN, "the line with the seed", || {
                eprintln!(
                    "the event loop '{name}' polls in an order drawn from the seed {seed}; for the same order again: \
                     `Builder::shuffle({seed})`, or {VARIABLE}={seed} where the seed is from `seed_from_env`"
                );
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the seed 1234567, as the authors' program gives them.
    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let shuffle = Shuffle::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| shuffle.draw()).collect();
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn every_number_below_the_bound_is_drawn_about_as_often() {
        let shuffle = Shuffle::new(7);
        let mut counts = [0; 5];
        (0..5_000).for_each(|_| counts[shuffle.below(5)] += 1);
        assert!(
            counts.iter().all(|count| (900..1_100).contains(count)),
            "{counts:?}"
        );
        assert_eq!(shuffle.below(1), 0);
    }
}
