//! The order within a batch, drawn from a seed: for tests, and to find programs that rely on an order.
//!
//! A batch is shuffled once, before it is polled. The tasks that it wakes come behind it, as always, so the batch rule
//! holds: no task is polled twice before all tasks that were ready have been polled once. The seed also starts the races of
//! the thread (`future/order.rs`). Nothing else is drawn: which item a task finds in a queue, which task gets a lock, and in
//! which order timers with one deadline fire, follow from the order of the polls.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::env;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::panic::RefUnwindSafe;

use crate::draw::Draw;
use crate::foreign;
use crate::future::reseed;
use crate::scheduler::Scheduler;

/// The environment variable with the seed of a failed test.
const VARIABLE: &str = "ROUNDELAY_SEED";

/// A seed for [`Builder::shuffle`](crate::Builder::shuffle): the number in the environment variable `ROUNDELAY_SEED`, or
/// else a new one for each call.
///
/// So a test tries another order in each run. A failing test prints its seed, and `ROUNDELAY_SEED=.. cargo test ..` repeats
/// its order.
///
/// # Panics
/// If `ROUNDELAY_SEED` is set to something else than a number of 64 bits.
///
/// ```
/// use roundelay::{EventLoop, seed_from_env};
///
/// let mut event_loop = EventLoop::builder().virtual_time().shuffle(seed_from_env()).build()?;
/// event_loop.run(async { /* whatever is to be tested */ });
/// # Ok::<(), std::io::Error>(())
/// ```
#[inline]
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

/// The order of a loop with [`Builder::shuffle`](crate::Builder::shuffle).
pub(super) trait Order {
    /// Shuffles the tasks that are ready.
    fn shuffle(&self, scheduler: &Scheduler);

    /// Called when a panic ends the run, or the loop, of this name. Prints once the seed that repeats it.
    fn tell(&self, name: &str);
}

/// Makes the [`Order`] of a loop.
pub(super) trait Shuffles: fmt::Debug + Sync + RefUnwindSafe {
    fn order(&self, seed: u64) -> Box<dyn Order>;
}

#[derive(Debug)]
pub(super) struct Shuffling;

impl Shuffles for Shuffling {
    #[inline]
    fn order(&self, seed: u64) -> Box<dyn Order> {
        // Guarded by tests/io/network.rs::bytes_arrive_in_order_in_other_pieces_and_at_other_times_with_each_seed.
        reseed(seed);
        Box::new(Shuffle {
            seed,
            draw: Draw::new(seed),
            is_told: Cell::new(false),
        })
    }
}

struct Shuffle {
    seed: u64,
    draw: Draw,
    is_told: Cell<bool>,
}

impl Order for Shuffle {
    #[inline]
    fn shuffle(&self, scheduler: &Scheduler) {
        scheduler.shuffle(|bound| self.draw.below(bound as u64) as usize);
    }

    #[inline]
    fn tell(&self, name: &str) {
        let seed = self.seed;
        if !self.is_told.replace(true) {
            foreign::tell_stderr(
                foreign::TURN,
                format_args!(
                    "the event loop '{name}' polls in an order drawn from the seed {seed}; for the same order again: \
                 `Builder::shuffle({seed})`, or {VARIABLE}={seed} where the seed is from `seed_from_env`"
                ),
            );
        }
    }
}
