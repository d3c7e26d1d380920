//! The table that never shrinks.
//!
//! A waker is a number, and the number holds the loop's index. So the part of a loop that other
//! threads touch lies in a static table. An entry is recycled and never freed, so any number may be
//! looked up at any time, however old it is.
//!
//! A new [`OnceLock`] is not all zeros, so a static table of all entries would take 64 KiB of every
//! program's file. Most programs have few loops. So the table has 32 places, and each entry has a
//! place for the entry that comes 32 indices later.

use std::io;
use std::sync::OnceLock;

use super::shared::Shared;
use crate::shim::{Mutex, lock, statics};
use crate::task::id::MAX_LOOPS;
use crate::trying::refused;

statics! {
    /// An entry is made when its index is first used. It is never freed, so it is leaked.
    static FIRST: [Place; PLACES] = [const { OnceLock::new() }; PLACES];

    /// The free indices. Used when a loop is made or ends, never by a wake or a spawn.
    static INDICES: Mutex<Indices> = Mutex::new(Indices {
        free: Vec::new(),
        unused: 1,
    });
}

const PLACES: usize = 32;

/// The place of an entry in the table.
type Place = OnceLock<&'static Shared>;

struct Indices {
    free: Vec<usize>,
    unused: usize,
}

#[inline]
fn entry(index: usize) -> Option<&'static Shared> {
    match FIRST.get(index) {
        Some(place) => place.get().copied(),
        None => later_entry(index),
    }
}

#[cold]
fn later_entry(index: usize) -> Option<&'static Shared> {
    let mut entry = FIRST[index % PLACES].get()?;
    for _ in 0..index / PLACES {
        entry = entry.later.get()?;
    }
    Some(entry)
}

/// Queues a wake of the task with this number for the loop with this index. Does nothing if there is no such loop.
#[inline(never)]
pub(crate) fn wake(loop_index: usize, number: u64) {
    if let Some(shared) = entry(loop_index) {
        shared.wake(number);
    }
}

/// Tells the host of a resting loop that a task has become ready. Called on the loop's thread, by code that queues a task
/// without a waker.
pub(crate) fn announce(loop_index: usize) {
    if let Some(shared) = entry(loop_index) {
        shared.announce();
    }
}

/// Claims an entry that no loop has. Fails if all are in use.
pub(super) fn claim() -> io::Result<&'static Shared> {
    let mut indices = lock(&INDICES);
    let index = match indices.free.pop() {
        Some(index) => index,
        None if indices.unused < MAX_LOOPS => {
            indices.unused += 1;
            indices.unused - 1
        }
        None => return Err(too_many_loops()),
    };
    drop(indices);
    let mut place: &Place = &FIRST[index % PLACES];
    let mut made = index % PLACES;
    loop {
        let entry = place.get_or_init(|| make(made));
        if made == index {
            return Ok(entry);
        }
        place = &entry.later;
        made += PLACES;
    }
}

#[cold]
#[inline(never)]
#[expect(
    clippy::vec_init_then_push,
    reason = "in a box or a `vec!` the entry is made first, and has to be dropped if there is no memory: 0.5 KB"
)]
fn make(index: usize) -> &'static Shared {
    let mut made = Vec::with_capacity(1);
    made.push(Shared::new(index));
    &made.leak()[0]
}

pub(super) fn give_back(shared: &'static Shared) {
    lock(&INDICES).free.push(shared.index);
}

fn too_many_loops() -> io::Error {
    const { assert!(MAX_LOOPS - 1 == 4095) };
    refused(
        io::ErrorKind::Other,
        &[
            "cannot make another event loop: this process has 4095 alive, the most there can be; drop one first",
        ],
    )
}
