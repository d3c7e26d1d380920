//! How much memory of finished tasks a loop keeps for the next ones: what is promised under `EventLoop`, "Memory".

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::allocations::{allocations, bytes, since};
use crate::support::{PATIENCE, watchdog, watchdog_on_stack};
use roundelay::{EventLoop, JoinHandle, spawn, yield_now};

const MIB: usize = 1 << 20;

/// A future of so many bytes, which ends at its second poll. Its cell has two words more: a line and a stage.
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

/// As many tasks at a time as take `total` bytes.
fn start<const BYTES: usize>(total: usize) -> Vec<JoinHandle<()>> {
    (0..total / BYTES)
        .map(|_| spawn(Wide::<BYTES>::new()))
        .collect()
}

/// [`start`]s them, and all of them have ended when this returns.
async fn burst<const BYTES: usize>(total: usize) {
    for task in start::<BYTES>(total) {
        task.await.unwrap();
    }
}

/// What a loop holds after bursts, without what its tables take: those are there with cells too small to count, too.
fn left_by<F: AsyncFnOnce()>(bursts: F) -> isize {
    let before = bytes();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(bursts());
    let left = bytes() - before;
    drop(event_loop);
    assert!(
        bytes() - before < 4096,
        "a loop that is gone has left something"
    );
    left
}

macro_rules! bursts {
    ($total:expr, $($bytes:expr),*) => {{ $(burst::<{ $bytes }>($total).await;)* }};
}

macro_rules! starts {
    ($total:expr, $($bytes:expr),*) => { [$(start::<{ $bytes }>($total)),*] };
}

/// Sizes that are multiples of 128 apart, which is how far the shelves see.
#[test]
fn sixteen_megabytes_are_kept_at_most_whatever_the_sizes_and_their_order() {
    watchdog_on_stack(64 << 20, || {
        // A slot of 32 bytes and a place in the queue for each of 36,000 tasks, and as much again for the room to grow.
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
        // Alive together, so that none moves into what another kind has left.
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

/// The room is for what runs now, not for what ran first.
#[test]
fn a_program_that_goes_on_to_other_tasks_finds_their_cells_although_the_room_was_full() {
    watchdog(PATIENCE, || {
        EventLoop::new().unwrap().run(async {
            burst::<4096>(20 * MIB).await;
            for _ in 0..2 {
                burst::<2056>(MIB).await;
            }
            let before = allocations();
            for _ in 0..100 {
                spawn(Wide::<2056>::new()).await.unwrap();
            }
            assert_eq!(since(before), 0, "each finds the cell of the one before");
        });
    });
}

/// *bounded-look*: glibc joins the small pieces that were freed with their neighbours all at once, whenever a large piece is
/// asked for or freed. So there must never be many of them, or one poll is as long as the burst was large.
#[test]
#[cfg(all(target_env = "gnu", not(miri)))]
fn the_allocator_tidies_up_in_small_parts_behind_a_burst_of_small_tasks() {
    /// Their cells of 112 bytes are the largest that glibc calls small, and 100,000 more than are kept: 11 MB.
    const TASKS: usize = 250_000;
    /// The other tests of this program, which run beside this one, have some too.
    const MOST: usize = 4 * MIB;
    let _watched = crate::support::watch();
    let mut event_loop = EventLoop::new().unwrap();
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
