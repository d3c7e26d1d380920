//! The table that never shrinks.
//!
//! A waker is a number, and the number holds the loop's index. So the part of a loop that other
//! threads may touch lies in a static table. An entry is recycled and never freed, so any number,
//! however old, may be looked up at any time.

use std::io;
use std::sync::OnceLock;

use super::shared::Shared;
use crate::shim::{Mutex, lock, statics};
use crate::task::id::MAX_LOOPS;

statics! {
    /// An entry is made when its index is first used.
    static TABLE: [OnceLock<Box<Shared>>; MAX_LOOPS] = [const { OnceLock::new() }; MAX_LOOPS];

    /// Indices that may be given out. Touched when a loop is made or ends, never by a wake or a spawn.
    static INDICES: Mutex<Indices> = Mutex::new(Indices {
        free: Vec::new(),
        unused: 1,
    });
}

struct Indices {
    free: Vec<usize>,
    unused: usize,
}

/// Queues a wake of the task with that number for the loop with that index. Does nothing if there is no such loop.
#[inline(never)]
pub(crate) fn wake(loop_index: usize, number: u64) {
    if let Some(shared) = TABLE.get(loop_index).and_then(OnceLock::get) {
        shared.wake(number);
    }
}

/// Tells the host of the loop with that index, if the loop rests, that a task has become ready. To be called on the loop's thread,
/// by whatever queues a task without a waker.
pub(crate) fn announce(loop_index: usize) {
    if let Some(shared) = TABLE.get(loop_index).and_then(OnceLock::get) {
        shared.announce();
    }
}

/// An entry that no loop has, or an error that says that all are in use.
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
    Ok(TABLE[index].get_or_init(|| Box::new(Shared::new(index))))
}

pub(super) fn give_back(shared: &'static Shared) {
    lock(&INDICES).free.push(shared.index);
}

fn too_many_loops() -> io::Error {
    io::Error::other(format!(
        "cannot make another event loop: this process has {} alive, the most there can be; drop one first",
        MAX_LOOPS - 1
    ))
}
