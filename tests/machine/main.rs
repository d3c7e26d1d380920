//! One machine that does everything at once. It is compared with a plain model.
//!
//! A seed makes a program: thousands of steps, each of which spawns, wakes (here or from a thread), aborts, joins, detaches,
//! arms, resets, posts, panics, nests a loop, or uses a primitive of [`roundelay::sync`]. Steps are taken between the turns of
//! a loop, inside of polls, and in destructors. The model knows, in plain lists, what must come of it:
//!
//! - *who runs*: a task is polled if it was woken or spawned, and never otherwise (`world.rs`, `Lane`);
//! - *when*: in the order of the wakes, at the latest in the turn after the wake; one loop in three has a random order in a turn;
//! - *no wake is lost*: a task has been woken before it finds ready what it waits for. When nothing is ready any more, the
//!   machine polls every task once without a reason. If a wait is then ready, its wake was lost (`probe`);
//! - *what comes out*: a handle yields the value, the panic or the cancellation that the model foresaw;
//! - *each value is dropped once*, on its own thread, and none is left; no lock, permit or item is lost or doubled;
//! - *an end leaves nothing*: no task, no descriptor, not one reference to the world of the program.
//!
//! A run is a row of *episodes* of at most [`EPISODE`] steps, each with a loop of its own. Two variables choose what is run:
//! `ROUNDELAY_SEED` and `ROUNDELAY_STEPS`. A failure prints them for the episode that failed. Ten million steps:
//!
//! ```text
//! ROUNDELAY_STEPS=10000000 cargo test --release --test machine
//! ```

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod actor;
mod deeds;
mod episode;
mod gear;
mod helper;
mod waits;
mod world;

use std::collections::BTreeMap;
use std::env;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use episode::{EPISODE, Episode};
use support::watchdog;
use world::hush;

/// These steps take two seconds in an unoptimised build.
const STEPS: u64 = 60_000;
const SEED: u64 = 0x5eed;
/// The number of sorts of steps. A run of usual length takes each of them.
const SORTS: usize = 70;

fn variable(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

/// The tests here count the descriptors of the process, so they take turns.
fn alone<R>(body: impl FnOnce() -> R) -> R {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    body()
}

fn descriptors() -> usize {
    let list = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    list.map_or(0, Iterator::count)
}

/// The seed of the episode after this one (Steele, Lea and Flood's SplitMix64, 2014).
fn next_seed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn whatever_a_program_does_the_loop_agrees_with_the_model() {
    let steps = variable("ROUNDELAY_STEPS", STEPS);
    let seed = variable("ROUNDELAY_SEED", SEED);
    // A step usually takes a microsecond, and ten under a sanitizer. The rest is for a busy machine.
    let limit = support::PATIENCE + Duration::from_micros(500) * steps as u32;
    alone(move || {
        watchdog(limit, move || {
            hush();
            let (mut seed, mut taken, mut episodes) = (seed, 0, 0);
            let mut deeds = BTreeMap::new();
            Episode::run(seed, 1);
            let open = descriptors();
            while taken < steps {
                let tally = Episode::run(seed, EPISODE.min(steps - taken));
                taken += tally.steps;
                episodes += 1;
                tally.add_to(&mut deeds);
                assert_eq!(
                    descriptors(),
                    open,
                    "descriptors, after ROUNDELAY_SEED={seed}"
                );
                seed = next_seed(seed);
            }
            println!("{taken} steps in {episodes} episodes: {deeds:?}");
            assert!(
                steps < STEPS || deeds.len() == SORTS,
                "{} sorts of steps were taken, of {SORTS}",
                deeds.len()
            );
        });
    });
}

#[test]
fn a_seed_takes_the_same_steps_every_time() {
    alone(|| {
        watchdog(support::PATIENCE, || {
            hush();
            let mut seed = SEED;
            for _ in 0..8 {
                let first = Episode::run(seed, EPISODE);
                let second = Episode::run(seed, EPISODE);
                assert_eq!(
                    (first.steps, first.fingerprint),
                    (second.steps, second.fingerprint),
                    "ROUNDELAY_SEED={seed}"
                );
                seed = next_seed(seed);
            }
        });
    });
}
