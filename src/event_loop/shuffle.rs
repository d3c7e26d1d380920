//! The order within a batch, drawn from a seed: for tests, and for programs that rely on an order without knowing it.
//!
//! A batch is put into another order once, before it is polled. Whatever it wakes is behind it, as ever, so the batch rule holds:
//! nobody is polled twice before all who were ready have been polled once. Besides, the races of the thread (`future/order.rs`) begin
//! at the seed. Nothing else is drawn. What a task finds in a queue, who gets a lock, and in which order timers with one deadline fire is
//! decided by who was polled first.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};

use crate::draw::Draw;
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
    pub(super) draw: Draw,
    is_told: Cell<bool>,
}

impl Shuffle {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            draw: Draw::new(seed),
            is_told: Cell::new(false),
        }
    }

    /// A panic ends the run of the loop with that name, or the loop. Says once by which seed that happens again.
    #[cold]
    pub(super) fn tell(&self, name: &str) {
        let seed = self.seed;
        if !self.is_told.replace(true) {
            let line = format_args!(
                "the event loop '{name}' polls in an order drawn from the seed {seed}; for the same order again: \
                 `Builder::shuffle({seed})`, or {VARIABLE}={seed} where the seed is from `seed_from_env`"
            );
            foreign::tell_stderr(foreign::TURN, line);
        }
    }
}
