//! The scheduler without a loop. These tests need hundreds of millions of spawns, or a look into the tables. The tests
//! in `tests/` check what users can see.

use std::cell::RefCell;
use std::future::{Future, Pending, pending};
use std::hint::black_box;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use super::slot::Life;
use super::spares::{CELL_BYTES, SPARE_BYTES};
use super::{Scheduler, Unobserved};
use crate::record::Probe;
use crate::task::cell::TaskCell;
use crate::task::id::{SERIALS, TaskId};
use crate::task::{AbortHandle, JoinHandle, cell, waker};

fn scheduler(first_serial: u32) -> Rc<Scheduler> {
    Rc::new(Scheduler::new(
        1,
        first_serial,
        false,
        Probe::default(),
        Rc::default(),
    ))
}

fn spawn<F>(scheduler: &Rc<Scheduler>, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    JoinHandle::new(Rc::clone(scheduler), future, (), Location::caller())
}

fn forever(scheduler: &Rc<Scheduler>) -> JoinHandle<()> {
    let sleeper: Pending<()> = pending();
    spawn(scheduler, sleeper)
}

/// Sets the counters as if `spawns` tasks had been spawned and had ended.
fn pass(scheduler: &Scheduler, spawns: u64) {
    scheduler.tasks.borrow_mut().spawned += spawns;
}

fn listed(scheduler: &Scheduler) -> Vec<TaskId> {
    scheduler.describe().iter().map(|task| task.id).collect()
}

fn ids(handles: &[JoinHandle<()>]) -> Vec<TaskId> {
    handles.iter().map(JoinHandle::id).collect()
}

#[test]
fn tasks_are_listed_in_the_order_of_their_spawning_however_often_the_serials_come_round() {
    let _watched = crate::watch::watch();
    for first_serial in [0, 1, (SERIALS - 2) as u32, SERIALS as u32, u32::MAX] {
        let scheduler = scheduler(first_serial);
        let mut handles = Vec::new();
        // Half a round of the serials, exactly a round, one less, one more, and many rounds.
        for spawns in [
            0,
            SERIALS / 2,
            SERIALS - 1,
            SERIALS - 2,
            SERIALS,
            1,
            3 * SERIALS - 2,
            7,
            1 << 50,
        ] {
            pass(&scheduler, spawns);
            handles.extend((0..3).map(|_| forever(&scheduler)));
            assert_eq!(listed(&scheduler), ids(&handles), "from {first_serial}");
        }
        let mut shuffled = ids(&handles);
        shuffled.sort_unstable_by_key(|id| (id.serial(), id.slot()));
        assert_ne!(shuffled, ids(&handles));
        let shuffled = scheduler.oldest_first(shuffled.into_iter());
        assert_eq!(shuffled, ids(&handles), "from {first_serial}");
        scheduler.close();
    }
}

#[test]
fn a_slot_that_is_used_again_has_the_age_of_its_new_tenant() {
    let _watched = crate::watch::watch();
    let scheduler = scheduler(0);
    let mut handles: Vec<_> = (0..4).map(|_| forever(&scheduler)).collect();
    for round in 1..4 {
        pass(&scheduler, SERIALS * round);
        for oldest in 0..4 {
            let gone: AbortHandle = handles.remove(oldest % 2).abort_handle();
            scheduler.drop_now(gone.id());
            let slot = gone.id().slot();
            drop(gone);
            // Takes the task out of the ready queue too.
            scheduler.run(usize::MAX, waker::of, &Unobserved, || false);
            handles.push(forever(&scheduler));
            assert_eq!(handles[3].id().slot(), slot);
            assert_eq!(listed(&scheduler), ids(&handles));
        }
    }
    scheduler.close();
}

#[test]
fn tasks_are_dropped_in_the_order_of_their_spawning_across_the_end_of_the_serials() {
    let _watched = crate::watch::watch();
    struct Leaves(u32, Rc<RefCell<Vec<u32>>>);
    impl Drop for Leaves {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
        }
    }
    let scheduler = scheduler((SERIALS - 3) as u32);
    let left = Rc::default();
    for number in 0..6 {
        let leaves = Leaves(number, Rc::clone(&left));
        drop(spawn(&scheduler, async move {
            pending::<()>().await;
            drop(leaves);
        }));
        pass(&scheduler, SERIALS / 2 + 1);
    }
    scheduler.close();
    assert_eq!(*left.borrow(), [0, 1, 2, 3, 4, 5]);
}

/// A future whose cell takes `64 * (N + 2)` bytes, because the cell adds a stage and a line.
#[repr(align(64))]
struct Wide<const N: usize>([[u8; 64]; N]);

impl<const N: usize> Future for Wide<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        black_box(&self.0);
        Poll::Ready(())
    }
}

/// Runs `count` tasks to their end, so that their vacant cells are left.
fn leave<const N: usize>(scheduler: &Rc<Scheduler>, count: usize) {
    assert_eq!(cell::size::<Wide<N>, ()>(), 64 * (N + 2));
    let handles: Vec<_> = (0..count)
        .map(|_| spawn(scheduler, Wide([[0; 64]; N])))
        .collect();
    scheduler.run(usize::MAX, waker::of, &Unobserved, || false);
    drop(handles);
}

fn bytes_kept(scheduler: &Scheduler) -> (usize, usize) {
    let tasks = scheduler.tasks.borrow();
    let kept = tasks
        .slots
        .iter()
        .filter_map(|(_, slot)| slot.cell.as_ref());
    (
        tasks.spares.bytes(),
        kept.map(|cell| size_of_val(&**cell)).sum(),
    )
}

#[test]
fn the_spare_cells_take_what_is_promised_to_the_byte() {
    let _watched = crate::watch::watch();
    let scheduler = scheduler(1);
    let kept = || {
        let (counted, there) = bytes_kept(&scheduler);
        assert_eq!(counted, there);
        there
    };
    // Cells of 1 KiB.
    leave::<14>(&scheduler, SPARE_BYTES / 1024 - 1);
    assert_eq!(kept(), SPARE_BYTES - 1024);
    leave::<14>(&scheduler, SPARE_BYTES / 1024);
    assert_eq!(kept(), SPARE_BYTES);
    leave::<14>(&scheduler, SPARE_BYTES / 1024 + 1);
    assert_eq!(kept(), SPARE_BYTES);
    // One cell of 64 KiB, on the same shelf, replaces 64 cells.
    leave::<1022>(&scheduler, 1);
    assert_eq!(kept(), SPARE_BYTES);
    // The shelf of 1,088 bytes is empty, so the other shelf frees the cell that it got last.
    leave::<15>(&scheduler, 1);
    assert_eq!(kept(), SPARE_BYTES - 65_536 + 1088);
    // A task of 2 KiB moves into a slot of 1 KiB, and there is room for its cell.
    leave::<30>(&scheduler, 1);
    assert_eq!(kept(), SPARE_BYTES - 65_536 + 1088 + 1024);
    scheduler.tasks.borrow_mut().drop_spares();
    assert_eq!(kept(), 0);
}

#[test]
fn a_hundred_thousand_tasks_have_room_in_the_queue_and_few_slots_beside_them() {
    let _watched = crate::watch::watch();
    let scheduler = scheduler(1);
    let mut tasks = scheduler.tasks.borrow_mut();
    let (mut capacity, mut growths) = (0, 0);
    for count in 1..=100_000 {
        let index = tasks.claim(0).expect("there can be more tasks");
        tasks.begin(index);
        if mem::replace(&mut capacity, tasks.slots.capacity()) != capacity {
            growths += 1;
            assert_eq!(tasks.ready.capacity(), capacity, "for {count} tasks");
            // Fewer slots are unused than an eighth of the tasks, or than a thousand.
            let unused = capacity - count;
            assert!(
                unused < count.clamp(4, 1024).max(count / 8),
                "{unused} unused slots for {count} tasks"
            );
        }
    }
    // Nine growths up to a thousand, seven up to eight thousand, and 22 more of an eighth each.
    assert_eq!(growths, 9 + 7 + 22);
}

#[test]
fn a_task_of_another_size_gets_a_slot_that_was_left_before_there_are_more_slots() {
    let _watched = crate::watch::watch();
    let scheduler = scheduler(1);
    for _ in 0..3 {
        leave::<14>(&scheduler, 4);
        leave::<15>(&scheduler, 4);
        let tasks = scheduler.tasks.borrow();
        assert_eq!((tasks.slots.len(), tasks.slots.capacity()), (4, 4));
    }
}

#[test]
fn a_cell_of_a_megabyte_is_kept_and_a_larger_one_is_not() {
    let _watched = crate::watch::watch();
    let megabytes = || {
        let scheduler = scheduler(1);
        leave::<{ CELL_BYTES / 64 - 2 }>(&scheduler, 1);
        assert_eq!(bytes_kept(&scheduler), (CELL_BYTES, CELL_BYTES));
        scheduler.tasks.borrow_mut().drop_spares();
        leave::<{ CELL_BYTES / 64 - 1 }>(&scheduler, 1);
        assert_eq!(bytes_kept(&scheduler), (0, 0));
        assert_eq!(scheduler.tasks.borrow().slots.len(), 0);
    };
    // Without optimisation, a future that is passed on has several copies on the stack.
    let thread = thread::Builder::new().stack_size(64 << 20);
    thread.spawn(megabytes).unwrap().join().unwrap();
}

/// Returns `Pending` once, and notes its row in each poll. The future is alive while a clone of the token is.
struct Noted {
    scheduler: Rc<Scheduler>,
    rows: Rc<RefCell<Vec<String>>>,
    token: Rc<()>,
    polls: u32,
}

impl Future for Noted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let row = row(&self.scheduler, "running", &self.token);
        self.rows.borrow_mut().push(row);
        self.polls += 1;
        match self.polls {
            1 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }
}

/// The state of the only slot, in the words of the chapter's figure.
fn row(scheduler: &Scheduler, state: &str, token: &Rc<()>) -> String {
    let mut tasks = scheduler.tasks.borrow_mut();
    let queue = match tasks.ready.iter().copied().collect::<Vec<_>>()[..] {
        [] => "-",
        [0] => "its index",
        _ => "something else",
    };
    let slot = &mut tasks.slots[0];
    let life = match slot.life {
        Life::Alive => "Alive",
        Life::Aborted => "Aborted",
        Life::Finished => "Finished",
    };
    let there = match slot.cell {
        Some(_) => "Some",
        None => "None",
    };
    let is_vacant = |cell: &mut TaskCell| cell.as_mut().vacant().is_some();
    let is_error = |cell: &mut TaskCell| cell.as_mut().error().is_some();
    let stage = match slot.cell.as_mut() {
        _ if Rc::strong_count(token) > 1 => "Running(future)",
        None => "nothing",
        Some(cell) => match (is_vacant(cell), is_error(cell)) {
            (true, _) => "Finished(None)",
            (_, true) => "Finished(Err(..))",
            _ => "Finished(Ok(..))",
        },
    };
    let is_queued = slot.is_queued;
    format!("{state} {queue} {there} {is_queued} {life} {stage}")
}

/// The rows of the figure in `scheduler/mod.rs`, without its arrows.
fn rows_of_the_figure() -> Vec<String> {
    let chapter = include_str!("mod.rs");
    let figure = chapter
        .split("## A task's state, field by field")
        .nth(1)
        .and_then(|rest| rest.split("```").nth(1))
        .expect("the chapter has the figure");
    let rows = figure.lines().map(|line| {
        let words = line.split_whitespace().filter(|word| {
            let is_arrow = word.chars().all(|c| "/!|<>v.-'".contains(c));
            !is_arrow || *word == "-"
        });
        words.collect::<Vec<_>>().join(" ")
    });
    rows.filter(|row| row.ends_with(')')).collect()
}

#[test]
fn a_task_is_in_each_state_as_the_figure_shows_it() {
    let _watched = crate::watch::watch();
    let mut seen = Vec::new();
    for is_aborted in [true, false] {
        let scheduler = scheduler(1);
        let (rows, token) = (Rc::new(RefCell::new(Vec::new())), Rc::new(()));
        let now = |state| row(&scheduler, state, &token);
        let note = |state| rows.borrow_mut().push(now(state));
        let turn = || scheduler.run(1, waker::of, &Unobserved, || false).polls;
        let mut handle = spawn(
            &scheduler,
            Noted {
                scheduler: Rc::clone(&scheduler),
                rows: Rc::clone(&rows),
                token: Rc::clone(&token),
                polls: 0,
            },
        );
        note("ready");
        assert_eq!(turn(), 1);
        note("waiting");
        if is_aborted {
            handle.abort();
            note("ending");
            turn();
            note("cancelled");
        } else {
            scheduler.wake(handle.id());
            note("ready");
            turn();
            note("finished");
        }
        assert_eq!(
            handle.take_output().is_some_and(|output| output.is_err()),
            is_aborted
        );
        note("spare");
        drop(handle);
        let size = cell::size::<Noted, ()>();
        let next = scheduler.tasks.borrow_mut().claim(size);
        assert_eq!(next, Some(0), "the slot is not spare");
        seen.extend(rows.take());
    }
    seen.sort();
    seen.dedup();
    let mut shown = rows_of_the_figure();
    assert_eq!(shown.len(), 7);
    shown.sort();
    assert_eq!(seen, shown);
}
