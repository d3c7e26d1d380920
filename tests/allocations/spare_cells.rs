//! How much memory of finished tasks a loop keeps for new tasks. `EventLoop`, "Memory", makes the promise.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::allocations::{allocations, bytes, since};
use crate::support::{PATIENCE, watchdog, watchdog_on_stack};
use roundelay::{JoinHandle, spawn, yield_now};

const MIB: usize = 1 << 20;

/// A future of `BYTES` bytes, which ends at its second poll. Its cell has two words more: a line and a stage.
struct Wide<const BYTES: usize> {
    is_woken: bool,
    _ballast: [u8; BYTES],
}

impl<const BYTES: usize> Wide<BYTES> {
    fn new() -> Self {
        Self {
            is_woken: false,
            _ballast: [0; BYTES],
        }
    }
}

impl<const BYTES: usize> Future for Wide<BYTES> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.is_woken, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Spawns as many tasks as take `total` bytes together.
fn start<const BYTES: usize>(total: usize) -> Vec<JoinHandle<()>> {
    (0..total / BYTES)
        .map(|_| spawn(Wide::<BYTES>::new()))
        .collect()
}

/// [`start`]s the tasks, and returns when all of them have ended.
async fn burst<const BYTES: usize>(total: usize) {
    for task in start::<BYTES>(total) {
        task.await.unwrap();
    }
}

/// The bytes that a loop holds after `bursts`. They include its tables.
fn left_by<F: AsyncFnOnce()>(bursts: F) -> isize {
    let before = bytes();
    let mut event_loop = crate::event_loop();
    event_loop.run(bursts());
    let left = bytes() - before;
    drop(event_loop);
    assert!(
        bytes() - before < 4096,
        "a dropped loop has left memory behind"
    );
    left
}

macro_rules! bursts {
    ($total:expr, $($bytes:expr),*) => {{ $(burst::<{ $bytes }>($total).await;)* }};
}

macro_rules! starts {
    ($total:expr, $($bytes:expr),*) => { [$(start::<{ $bytes }>($total)),*] };
}

/// In the first two cases the sizes differ by multiples of 128, so the cells share one shelf. The third case uses all shelves.
#[test]
fn sixteen_megabytes_are_kept_at_most_whatever_the_sizes_and_their_order() {
    watchdog_on_stack(64 << 20, || {
        // Each of 36,000 tasks has a slot of 32 bytes and a place in the queue. The room to grow is as large again.
        let tables = 3 * MIB as isize;
        let most = 16 * MIB as isize + tables;
        let down = left_by(async || {
            bursts!(
                17 * MIB,
                MIB - 128,
                512 << 10,
                256 << 10,
                128 << 10,
                64 << 10,
                32 << 10,
                16 << 10,
                8 << 10,
                4 << 10,
                2 << 10,
                1 << 10,
                512
            );
        });
        assert!(
            down <= most,
            "{down} bytes are left after ever smaller cells"
        );
        assert!(down >= 15 * MIB as isize, "only {down} bytes");
        let up = left_by(async || {
            bursts!(
                17 * MIB,
                512,
                1 << 10,
                4 << 10,
                16 << 10,
                64 << 10,
                256 << 10,
                MIB - 128
            );
        });
        assert!(up <= most, "{up} bytes are left after ever larger cells");
        assert!(up >= 15 * MIB as isize, "only {up} bytes");
        // All kinds are alive together, so that no task moves into a cell that another kind has left.
        let on_all_shelves = left_by(async || {
            let tasks = starts!(
                2 * MIB,
                4096,
                4104,
                4112,
                4120,
                4128,
                4136,
                4144,
                4152,
                4160,
                4168,
                4176,
                4184,
                4192,
                4200,
                4208,
                4216
            );
            for task in tasks.into_iter().flatten() {
                task.await.unwrap();
            }
        });
        assert!(
            on_all_shelves <= most,
            "{on_all_shelves} bytes are left by sixteen kinds of tasks"
        );
        assert!(
            on_all_shelves >= 15 * MIB as isize,
            "only {on_all_shelves} bytes"
        );
    });
}

/// The kept cells are those of the tasks that run now, not of the tasks that ran first.
#[test]
fn a_program_that_goes_on_to_other_tasks_finds_their_cells_although_the_room_was_full() {
    watchdog(PATIENCE, || {
        crate::event_loop().run(async {
            burst::<4096>(20 * MIB).await;
            for _ in 0..2 {
                burst::<2056>(MIB).await;
            }
            let before = allocations();
            for _ in 0..100 {
                spawn(Wide::<2056>::new()).await.unwrap();
            }
            assert_eq!(
                since(before),
                0,
                "a task did not find the cell of the task before it"
            );
        });
    });
}

/// *bounded-look*: when a large piece of memory is allocated or freed, glibc joins all small freed pieces with their neighbours
/// at once. So there must never be many of them. Otherwise one poll would take as long as the burst was large.
#[test]
#[cfg(all(target_env = "gnu", not(miri)))]
fn the_allocator_tidies_up_in_small_parts_behind_a_burst_of_small_tasks() {
    /// The cells of 112 bytes are the largest that glibc calls small. There are 100,000 more than the loop keeps: 11 MB.
    const TASKS: usize = 250_000;
    /// The other tests of this program run at the same time, and free small pieces too.
    const MOST: usize = 4 * MIB;
    let _watched = crate::support::watch();
    let mut event_loop = crate::event_loop();
    let most = event_loop.run(async {
        let mut samples = Vec::new();
        for _ in 0..TASKS / 1_000 {
            drop(start::<88>(88 * 1_000));
            samples.push(spawn(async {
                yield_now().await;
                untidied()
            }));
        }
        let mut most = 0;
        for sample in samples {
            most = sample.await.unwrap().max(most);
        }
        most
    });
    assert!(
        most <= MOST,
        "{most} bytes wait to be joined with their neighbours"
    );
}

/// The bytes of the pieces that glibc has not joined with their neighbours yet.
#[cfg(all(target_env = "gnu", not(miri)))]
fn untidied() -> usize {
    // SAFETY: takes nothing, and returns numbers.
    unsafe { libc::mallinfo2() }.fsmblks
}
