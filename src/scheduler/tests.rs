//! The scheduler by itself, without a loop: what takes hundreds of millions of spawns to come about, and what only a look at
//! the tables can show. What users can see is in `tests/`.

use std::cell::RefCell;
use std::future::{Pending, pending};
use std::panic::Location;
use std::rc::Rc;

use super::{OnPanic, Scheduler};
use crate::task::id::{SERIALS, TaskId};
use crate::task::{AbortHandle, JoinHandle, waker};

fn scheduler(first_serial: u32) -> Rc<Scheduler> {
    Rc::new(Scheduler::new(1, first_serial, OnPanic::Continue))
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

/// As if so many tasks had been spawned and had ended meanwhile.
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
    for first_serial in [0, 1, (SERIALS - 2) as u32, SERIALS as u32, u32::MAX] {
        let scheduler = scheduler(first_serial);
        let mut handles = Vec::new();
        // Half a round, a round to the number, one more, one less, and many.
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
        scheduler.sort(&mut shuffled);
        assert_eq!(shuffled, ids(&handles), "from {first_serial}");
        scheduler.close();
    }
}

#[test]
fn a_slot_that_is_used_again_has_the_age_of_its_new_tenant() {
    let scheduler = scheduler(0);
    let mut handles: Vec<_> = (0..4).map(|_| forever(&scheduler)).collect();
    for round in 1..4 {
        pass(&scheduler, SERIALS * round);
        for oldest in 0..4 {
            let gone: AbortHandle = handles.remove(oldest % 2).abort_handle();
            scheduler.drop_now(gone.id());
            let slot = gone.id().slot();
            drop(gone);
            // Leaves the ready queue, too.
            scheduler.run(usize::MAX, waker::of, || false);
            handles.push(forever(&scheduler));
            assert_eq!(handles[3].id().slot(), slot);
            assert_eq!(listed(&scheduler), ids(&handles));
        }
    }
    scheduler.close();
}

#[test]
fn tasks_are_dropped_in_the_order_of_their_spawning_across_the_end_of_the_serials() {
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
