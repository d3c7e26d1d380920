//! The inbox under the model checker, in every possible order of its threads' steps. `shim.rs` says how to run these
//! tests.
//!
//! A lost wake shows as a deadlock: the loop sleeps, and no thread is left to ring. `tests/loom_mutations.rs` has the lines
//! of the inbox that these tests guard.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst};
use loom::thread::JoinHandle;

use super::{Call, Inbox, Note, Refusal, Room};
use crate::shim::thread::spawn;
use crate::shim::{Bell, explore};
use crate::task::TaskId;

/// How many bounded posts may wait.
const ROOM: usize = 1;

/// A loop that only rests and reads its notes.
struct Loop {
    inbox: Inbox,
    bell: Bell,
    parks: usize,
    /// The slots of the woken tasks and the words of the posts, in the order of arrival.
    news: Vec<usize>,
    heard: Arc<Count>,
}

impl Loop {
    fn new() -> Loop {
        let inbox = Inbox::new(ROOM, Rc::default()).expect("the table is empty");
        let bell = Bell::unheard();
        inbox.hang_bell(bell.clone());
        Loop {
            inbox,
            bell,
            parks: 0,
            news: Vec::new(),
            heard: Arc::default(),
        }
    }

    fn task(&self, slot: usize) -> TaskId {
        TaskId::new(self.inbox.index(), self.inbox.first_serial(), slot)
    }

    /// A post that brings `word`.
    fn post(&self, word: usize) -> Call {
        let heard = Arc::clone(&self.heard);
        // ORDERING: the post runs on the loop's thread, and the same thread reads.
        Box::new(move || heard.store(word, SeqCst))
    }

    /// The steps of `EventLoop::park` when no task is ready.
    fn rest(&mut self) {
        if self.inbox.park() {
            self.parks += 1;
            self.bell.sleep();
            self.inbox.unpark();
        } else {
            assert!(
                self.inbox.is_notified(),
                "the loop has no note, and does not sleep"
            );
        }
        self.look();
    }

    fn look(&mut self) {
        if self.inbox.is_notified() {
            for _ in 0..self.inbox.take() {
                let note = self.inbox.next().expect("it was counted");
                self.read(note);
            }
        }
    }

    fn read(&mut self, note: Note) {
        match note {
            Note::Wake(number) => self.news.push(slot(number)),
            Note::Post(call) => {
                call();
                // ORDERING: as in `post`.
                self.news.push(self.heard.load(SeqCst));
            }
        }
    }

    /// Turns until `count` news have come. If they do not come, it sleeps for ever.
    fn turn_until(&mut self, count: usize) {
        self.look();
        while self.news.len() < count {
            self.rest();
        }
    }

    #[track_caller]
    fn assert_one_ring_a_sleep(&self) {
        assert!(
            self.bell.rings() <= self.parks,
            "the bell was rung while the loop was awake"
        );
    }
}

fn wake(task: TaskId) {
    super::wake(task.loop_index(), task.bits());
}

fn slot(number: u64) -> usize {
    TaskId::from_bits(number).expect("no number is zero").slot()
}

/// A thread raises the flag before it wakes a task, and the task must find it raised.
fn flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

fn is_up(flag: &AtomicBool) -> bool {
    // ORDERING: none of its own, because the test asks whether the wake orders this load.
    flag.load(Relaxed)
}

fn put_up(flag: &AtomicBool) {
    // ORDERING: as in `is_up`.
    flag.store(true, Relaxed);
}

fn all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it ends"));
}

#[test]
fn a_wake_ends_the_sleep_and_brings_along_what_was_written_before_it() {
    explore(|| {
        let (mut home, written) = (Loop::new(), flag());
        let (task, seen) = (home.task(1), Arc::clone(&written));
        let thread = spawn(move || {
            put_up(&written);
            wake(task);
        });
        home.turn_until(1);
        assert_eq!(home.news, [1]);
        assert!(
            is_up(&seen),
            "the task does not see what was written before its wake"
        );
        home.assert_one_ring_a_sleep();
        all([thread]);
    });
}

#[test]
fn a_loop_that_announces_what_it_did_between_two_turns_rings_once_and_loses_no_wake() {
    explore(|| {
        let mut home = Loop::new();
        let task = home.task(1);
        home.inbox.end();
        home.parks += 1;
        let thread = spawn(move || wake(task));
        home.inbox.address().announce();
        home.inbox.begin();
        home.turn_until(1);
        assert_eq!(home.news, [1]);
        home.assert_one_ring_a_sleep();
        all([thread]);
    });
}

#[test]
fn two_wakes_at_once_both_arrive_with_what_was_written_before_them() {
    explore(|| {
        let mut home = Loop::new();
        let flags = [flag(), flag()];
        let threads = [0, 1].map(|slot| {
            let (task, flag) = (home.task(slot), Arc::clone(&flags[slot]));
            spawn(move || {
                put_up(&flag);
                wake(task);
            })
        });
        let mut seen = 0;
        while seen < 2 {
            home.turn_until(seen + 1);
            for slot in &home.news[seen..] {
                assert!(
                    is_up(&flags[*slot]),
                    "task {slot} does not see what was written before its wake"
                );
            }
            seen = home.news.len();
        }
        home.news.sort_unstable();
        assert_eq!(home.news, [0, 1]);
        home.assert_one_ring_a_sleep();
        all(threads);
    });
}

#[test]
fn what_one_thread_sends_arrives_in_order_and_a_burst_rings_once() {
    explore(|| {
        let mut home = Loop::new();
        let (address, task, posts) = (
            home.inbox.address(),
            home.task(1),
            [2, 3].map(|word| home.post(word)),
        );
        let thread = spawn(move || {
            wake(task);
            for post in posts {
                assert!(address.post(post, Room::Unbounded).is_ok());
            }
        });
        home.turn_until(3);
        assert_eq!(home.news, [1, 2, 3]);
        home.assert_one_ring_a_sleep();
        all([thread]);
    });
}

#[test]
fn a_post_meets_a_wake() {
    explore(|| {
        let mut home = Loop::new();
        let (address, task, post) = (home.inbox.address(), home.task(1), home.post(2));
        let threads = [
            spawn(move || wake(task)),
            spawn(move || assert!(address.post(post, Room::Unbounded).is_ok())),
        ];
        home.turn_until(2);
        home.news.sort_unstable();
        assert_eq!(home.news, [1, 2]);
        home.assert_one_ring_a_sleep();
        all(threads);
    });
}

#[test]
fn a_loop_that_does_not_rest_is_never_rung_for() {
    explore(|| {
        let mut home = Loop::new();
        let (address, task, post) = (home.inbox.address(), home.task(1), home.post(2));
        let thread = spawn(move || {
            wake(task);
            assert!(address.post(post, Room::Unbounded).is_ok());
        });
        home.look();
        all([thread]);
        home.look();
        assert_eq!((home.news, home.bell.rings()), (vec![1, 2], 0));
    });
}

#[test]
fn the_descriptor_of_a_loop_that_a_host_turns_is_readable_when_there_is_a_note() {
    explore(|| {
        let mut home = Loop::new();
        let task = home.task(1);
        let thread = spawn(move || wake(task));
        while home.news.is_empty() {
            home.inbox.end();
            home.bell.sleep();
            home.inbox.begin();
            home.look();
        }
        assert!(home.bell.rings() <= 1);
        all([thread]);
    });
}

#[test]
fn a_bounded_queue_takes_one_of_two_posts_and_another_when_that_is_delivered() {
    explore(|| {
        let mut home = Loop::new();
        let (address, posts) = (home.inbox.address(), [1, 2].map(|word| home.post(word)));
        let refused = Arc::new(Count::new(0));
        let threads = posts.map(|post| {
            let refused = Arc::clone(&refused);
            spawn(move || match address.post(post, Room::Bounded) {
                Ok(()) => {}
                Err((_, refusal)) => {
                    assert_eq!(refusal, Refusal::Full);
                    // ORDERING: a count that only the test reads.
                    refused.fetch_add(1, SeqCst);
                }
            })
        });
        home.turn_until(1);
        all(threads);
        home.look();
        // ORDERING: as above.
        assert_eq!(home.news.len() + refused.load(SeqCst), 2);
        let (last, more) = (home.post(3), home.post(4));
        assert!(address.post(last, Room::Bounded).is_ok());
        assert!(address.post(more, Room::Bounded).is_err());
    });
}

/// A post ends in one of three ways: it runs, `close` hands it over, or the sender gets it back.
#[test]
fn a_post_at_a_loop_that_ends_goes_one_way() {
    explore(|| {
        let mut home = Loop::new();
        let (address, post) = (home.inbox.address(), home.post(2));
        let is_sent = Arc::new(std::sync::Mutex::new(None));
        let thread = spawn({
            let is_sent = Arc::clone(&is_sent);
            move || {
                *is_sent.lock().expect("whole") = Some(address.post(post, Room::Unbounded).is_ok())
            }
        });
        home.look();
        let mut left = Vec::new();
        home.inbox.close(7, &mut |note| left.push(note));
        for note in left {
            home.read(note);
        }
        drop(home.inbox);
        assert!(address.is_closed());
        all([thread]);
        let is_sent = is_sent.lock().expect("whole").expect("it has ended");
        assert_eq!(home.news.len(), usize::from(is_sent));
        assert!(address.post(Box::new(|| ()), Room::Unbounded).is_err());
    });
}

/// The second loop gets the inbox of the first. It gets no note for the first loop, except a stale number, which is inert.
/// And it sleeps and wakes as the first loop does.
#[test]
fn a_recycled_inbox_serves_its_new_loop_and_not_its_old_one() {
    explore(|| {
        let old = Loop::new();
        let (index, stale, address, post) = (
            old.inbox.index(),
            old.task(1),
            old.inbox.address(),
            old.post(2),
        );
        let late = spawn(move || {
            wake(stale);
            drop(address.post(post, Room::Unbounded));
        });
        old.inbox.close(7, &mut drop);
        drop(old.inbox);
        let mut new = Loop::new();
        assert_eq!((new.inbox.index(), new.inbox.first_serial()), (index, 7));
        let task = new.task(3);
        let thread = spawn(move || wake(task));
        while !new.news.contains(&3) {
            new.rest();
        }
        assert!(
            new.news.iter().all(|slot| [1, 3].contains(slot)),
            "{:?}",
            new.news
        );
        assert!(address.is_closed());
        all([late, thread]);
    });
}

#[test]
fn loops_that_begin_and_end_at_once_have_an_inbox_each() {
    explore(|| {
        let make = || {
            let inbox = Inbox::new(ROOM, Rc::default()).expect("the table is empty");
            let address = inbox.address();
            assert!(!address.is_closed());
            let task = TaskId::new(inbox.index(), inbox.first_serial(), 1);
            wake(task);
            assert_eq!(inbox.take(), 1);
            assert!(matches!(inbox.next(), Some(Note::Wake(number)) if number == task.bits()));
        };
        let thread = spawn(make);
        make();
        all([thread]);
    });
}
