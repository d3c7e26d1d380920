//! The table that never shrinks.
//!
//! A waker is a number, and the number holds the loop's index. So the part of a loop that other
//! threads touch lies in a static table. An entry is recycled and never freed, so any number may be
//! looked up at any time, however old it is.
//!
//! Most programs have few loops, and the first entries lie side by side. The entries of further
//! loops lie in pages. A page is allocated when its first index is used: a new [`OnceLock`] is not
//! all zeros, so a static table of all entries would take 64 KiB of every program's file.

use std::io;
use std::sync::OnceLock;

use super::shared::Shared;
use crate::shim::{Mutex, lock, statics};
use crate::task::id::MAX_LOOPS;

statics! {
    /// An entry is made when its index is first used.
    static FIRST: Page = [const { OnceLock::new() }; ENTRIES];

    /// Page zero is never made; [`FIRST`] takes its place.
    static FURTHER: [OnceLock<Box<Page>>; PAGES] = [const { OnceLock::new() }; PAGES];

    /// The free indices. Used when a loop is made or ends, never by a wake or a spawn.
    static INDICES: Mutex<Indices> = Mutex::new(Indices {
        free: Vec::new(),
        unused: 1,
    });
}

const ENTRIES: usize = 64;
const PAGES: usize = MAX_LOOPS.div_ceil(ENTRIES);

type Page = [OnceLock<Box<Shared>>; ENTRIES];

struct Indices {
    free: Vec<usize>,
    unused: usize,
}

#[inline]
fn entry(index: usize) -> Option<&'static Shared> {
    match FIRST.get(index) {
        Some(entry) => entry.get().map(Box::as_ref),
        None => further(index),
    }
}

#[cold]
fn further(index: usize) -> Option<&'static Shared> {
    let page = FURTHER.get(index / ENTRIES)?.get()?;
    page[index % ENTRIES].get().map(Box::as_ref)
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
    let page: &Page = match index / ENTRIES {
        0 => &FIRST,
        page => FURTHER[page].get_or_init(|| Box::new([const { OnceLock::new() }; ENTRIES])),
    };
    Ok(page[index % ENTRIES].get_or_init(|| Box::new(Shared::new(index))))
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
