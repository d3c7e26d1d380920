//! The loop as a guest of tokio.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::compat::tokio::{run, run_on};
use roundelay::net::UnixStream;
use roundelay::sync::mpsc;
use roundelay::{EventLoop, OnPanic, TaskGroup, sleep, spawn, task, timeout, yield_now};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::spawn_local;

use crate::support::{Counter, counted, watch};

const MOMENT: Duration = Duration::from_millis(2);
const HOUR: Duration = Duration::from_secs(3_600);

fn runtime() -> LocalRuntime {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap()
}

/// When it is dropped, it writes its name into the log and calls the function.
struct Says(&'static str, Rc<RefCell<Vec<&'static str>>>, fn());

impl Drop for Says {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
        (self.2)();
    }
}

// Each side awaits the other.

#[test]
fn each_side_awaits_the_timers_and_the_tasks_of_the_other() {
    let _watched = watch();
    let sum = run(async {
        let theirs = spawn_local(async {
            sleep(MOMENT).await;
            spawn(async { 1 }).await.unwrap()
        });
        let ours = spawn(async {
            tokio::time::sleep(MOMENT).await;
            tokio::spawn(async { 2 }).await.unwrap()
        });
        theirs.await.unwrap() + ours.await.unwrap()
    });
    assert_eq!(sum, 3);
}

#[test]
fn a_thousand_words_go_there_and_back_and_no_wake_is_lost() {
    let _watched = watch();
    run(async {
        let (to_them, mut from_us) = mpsc::channel(1);
        let (to_us, mut from_them) = tokio::sync::mpsc::channel(1);
        spawn_local(async move {
            while let Some(number) = from_us.recv().await {
                to_us.send(number + 1).await.unwrap();
            }
        });
        for number in 0..1_000 {
            to_them.send(number).await.unwrap();
            assert_eq!(from_them.recv().await, Some(number + 1));
        }
    });
}

#[test]
fn a_task_spawned_by_a_task_of_tokio_runs_although_the_loop_has_nothing_else_to_do() {
    let _watched = watch();
    run(async {
        let (done, is_done) = tokio::sync::oneshot::channel();
        spawn_local(async move {
            // After this the loop sleeps.
            tokio::time::sleep(MOMENT).await;
            spawn(async move { done.send(()).unwrap() }).detach();
            pending::<()>().await;
        });
        is_done.await.unwrap();
    });
}

#[test]
fn a_timer_that_a_task_of_tokio_arms_fires_before_a_later_one_of_ours() {
    let _watched = watch();
    run(async {
        spawn(sleep(HOUR)).detach();
        let theirs = spawn_local(async {
            tokio::time::sleep(MOMENT).await;
            let begin = Instant::now();
            sleep(MOMENT).await;
            begin.elapsed()
        });
        assert!(theirs.await.unwrap() >= MOMENT, "the sleep has ended early");
    });
}

#[test]
fn an_abort_and_a_group_of_a_task_of_tokio_reach_the_loop() {
    let _watched = watch();
    run(async {
        let endless = spawn(pending::<()>());
        let theirs = spawn_local(async move {
            tokio::time::sleep(MOMENT).await;
            let aborted = endless.cancel().await;
            let group = TaskGroup::scope(async |group: TaskGroup<()>| {
                tokio::time::sleep(MOMENT).await;
                group.spawn(async {
                    sleep(MOMENT).await;
                    Ok(())
                });
                Ok(())
            });
            group.await.unwrap();
            aborted
        });
        assert!(theirs.await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_deadline_without_end_is_no_overflow() {
    let _watched = watch();
    run(async {
        spawn(sleep(Duration::MAX)).detach();
        sleep(MOMENT).await;
        spawn_local(timeout(Duration::MAX, sleep(MOMENT)))
            .await
            .unwrap()
            .unwrap();
    });
}

#[test]
fn more_events_than_one_look_takes_are_all_heard() {
    let _watched = watch();
    let mut event_loop = EventLoop::builder().max_io_events(2).build().unwrap();
    let heard = Rc::new(Cell::new(0));
    let count = Rc::clone(&heard);
    run_on(&runtime(), &mut event_loop, async move {
        let (mut near, mut readers) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let (one, two) = UnixStream::pair().unwrap();
            near.push(one);
            let count = Rc::clone(&count);
            readers.push(spawn(async move {
                two.read_exact(&mut [0]).await.unwrap();
                count.set(count.get() + 1);
            }));
        }
        // After this sleep the first edges are over, so these bytes need new ones.
        sleep(MOMENT).await;
        for stream in &near {
            stream.write_all(b"!").await.unwrap();
        }
        for reader in readers {
            reader.await.unwrap();
        }
    })
    .unwrap();
    assert_eq!(heard.get(), 40);
}

#[test]
fn an_event_that_comes_together_with_a_spawn_is_not_forgotten() {
    let _watched = watch();
    run(async {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let far = UnixStream::from_std(far).unwrap();
        let reads = spawn(async move { far.read_exact(&mut [0]).await });
        sleep(MOMENT).await;
        // Both happen in one poll, so tokio reports both at once. The loop then has a task to poll before it must look.
        spawn_local(async move {
            std::io::Write::write_all(&mut &near, b"!").unwrap();
            spawn(async {}).detach();
            pending::<()>().await;
            drop(near);
        });
        reads.await.unwrap().unwrap();
    });
}

// Fairness.

#[test]
fn tasks_that_yield_for_ever_on_either_side_starve_nobody() {
    let _watched = watch();
    run(async {
        let (ours, theirs) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (count, other) = (Rc::clone(&ours), Rc::clone(&theirs));
        spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        })
        .detach();
        spawn_local(async move {
            loop {
                other.set(other.get() + 1);
                tokio::task::yield_now().await;
            }
        });
        // Timers and sockets of both sides work while the two tasks yield.
        let (near, far) = UnixStream::pair().unwrap();
        let reads = spawn(async move { far.read_exact(&mut [0]).await });
        for _ in 0..5 {
            let before = (ours.get(), theirs.get());
            sleep(MOMENT).await;
            tokio::time::sleep(MOMENT).await;
            spawn_local(sleep(MOMENT)).await.unwrap();
            assert!(ours.get() > before.0 && theirs.get() > before.1);
        }
        near.write_all(b"!").await.unwrap();
        reads.await.unwrap().unwrap();
        // After a stint of 64 polls tokio has its turn, so no side has two hundred times as many polls as the other.
        let (ours, theirs) = (ours.get(), theirs.get());
        assert!(
            ours < 200 * theirs && theirs < 200 * ours,
            "{ours}, {theirs}"
        );
    });
}

#[test]
fn ten_thousand_tasks_that_are_ready_at_once_do_not_hold_up_tokio() {
    let _watched = watch();
    run(async {
        let polls = Rc::new(Cell::new(0));
        for _ in 0..10_000 {
            let polls = Rc::clone(&polls);
            spawn(async move { polls.set(polls.get() + 1) }).detach();
        }
        let seen = Rc::clone(&polls);
        let when = spawn_local(async move { seen.get() }).await.unwrap();
        // Tokio has had its turn after at most two stints.
        assert!(when <= 128, "tokio had its turn only after {when} polls");
    });
}

#[test]
fn a_guest_with_nothing_to_do_sleeps() {
    let _watched = watch();
    let (tokio, mut event_loop) = (runtime(), EventLoop::new().unwrap());
    run_on(&tokio, &mut event_loop, async {
        let parks = || tokio.metrics().worker_park_count(0);
        yield_now().await;
        let before = parks();
        sleep(Duration::from_millis(30)).await;
        let parks = parks() - before;
        assert!(parks <= 5, "{parks} sleeps, although one was enough");
    })
    .unwrap();
}

// The end.

#[test]
fn at_the_end_our_tasks_are_dropped_in_order_and_then_those_of_tokio() {
    let _watched = watch();
    let log = Rc::new(RefCell::new(Vec::new()));
    // Everything that a destructor spawns, on either side, is dropped.
    let spawns: fn() = || {
        spawn(async { unreachable!("nothing runs any more") }).detach();
        drop(tokio::spawn(async {
            unreachable!("nothing runs any more")
        }));
    };
    run(async {
        let theirs = Says("theirs", Rc::clone(&log), || {
            spawn(async { unreachable!("nothing runs any more") }).detach();
        });
        spawn_local(async move {
            let _theirs = theirs;
            sleep(HOUR).await;
        });
        for name in ["first", "second"] {
            let says = Says(name, Rc::clone(&log), spawns);
            spawn(async move {
                let _says = says;
                tokio::time::sleep(2 * HOUR).await;
            })
            .detach();
        }
        let _main = Says("main", Rc::clone(&log), spawns);
        sleep(MOMENT).await;
    });
    assert_eq!(*log.borrow(), ["main", "first", "second", "theirs"]);
}

#[test]
fn a_run_on_leaves_the_tasks_of_both_to_the_next_one() {
    let _watched = watch();
    let (tokio, mut event_loop) = (runtime(), EventLoop::new().unwrap());
    let (ours, theirs) = run_on(&tokio, &mut event_loop, async {
        let theirs = spawn_local(async {
            sleep(2 * MOMENT).await;
            "theirs"
        });
        let ours = spawn(async {
            tokio::time::sleep(2 * MOMENT).await;
            "ours"
        });
        yield_now().await;
        (ours, theirs)
    })
    .unwrap();
    let heard = run_on(&tokio, &mut event_loop, async {
        (ours.await.unwrap(), theirs.await.unwrap())
    });
    assert_eq!(heard.unwrap(), ("ours", "theirs"));
}

#[test]
fn main_may_borrow_and_may_be_ready_at_once() {
    let _watched = watch();
    let word = String::from("borrowed");
    assert_eq!(run(async { word.as_str() }), "borrowed");
    assert_eq!(run(std::future::ready(3)), 3);
}

// Panics.

#[test]
fn a_panic_of_main_comes_out_of_run_and_both_sides_have_ended() {
    let _watched = watch();
    let log = Rc::new(RefCell::new(Vec::new()));
    let result = catch_unwind(AssertUnwindSafe(|| {
        run(async {
            let (ours, theirs) = (
                Says("ours", Rc::clone(&log), || ()),
                Says("theirs", Rc::clone(&log), || ()),
            );
            spawn_local(async move {
                let _theirs = theirs;
                pending::<()>().await;
            });
            spawn(async move {
                let _ours = ours;
                pending::<()>().await;
            })
            .detach();
            sleep(MOMENT).await;
            panic!("main's own");
        })
    }));
    let panic = result.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"main's own"));
    assert_eq!(*log.borrow(), ["ours", "theirs"]);
    assert!(roundelay::Remote::try_current().is_none());
    run(sleep(MOMENT));
}

#[test]
fn a_panic_of_a_task_is_kept_for_its_handle_on_either_side() {
    let _watched = watch();
    run(async {
        let theirs = spawn_local(async { panic!("theirs") });
        let ours = spawn(async { panic!("ours") });
        let (theirs, ours) = (theirs.await, ours.await);
        assert!(theirs.unwrap_err().is_panic());
        assert!(ours.unwrap_err().is_panic());
    });
}

#[test]
fn with_end_run_a_panic_of_a_task_of_ours_ends_the_run_and_the_next_goes_on() {
    let _watched = watch();
    let tokio = runtime();
    let mut event_loop = EventLoop::builder()
        .on_panic(OnPanic::EndRun)
        .build()
        .unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| {
        run_on(&tokio, &mut event_loop, async {
            spawn(async { panic!("a task's") }).detach();
            pending::<()>().await;
        })
    }));
    let panic = result.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a task's"));
    run_on(&tokio, &mut event_loop, sleep(MOMENT)).unwrap();
}

#[test]
fn inside_a_runtime_of_tokio_it_is_refused_and_nothing_worse() {
    let _watched = watch();
    let polled = Cell::new(false);
    runtime().block_on(async {
        let result = catch_unwind(AssertUnwindSafe(|| run(async { polled.set(true) })));
        assert!(result.is_err() && !polled.get());
    });
    assert!(roundelay::Remote::try_current().is_none());
}

#[test]
fn a_runtime_without_drivers_is_refused_and_the_loop_stays_usable() {
    let _watched = watch();
    let mut event_loop = EventLoop::new().unwrap();
    let mut builder = Builder::new_current_thread();
    for tokio in [
        builder.build_local(LocalOptions::default()),
        builder.enable_io().build_local(LocalOptions::default()),
    ] {
        let tokio = tokio.unwrap();
        let result = catch_unwind(AssertUnwindSafe(|| {
            run_on(&tokio, &mut event_loop, async {
                unreachable!("this run cannot begin")
            })
        }));
        assert!(result.is_err());
    }
    event_loop.run(sleep(MOMENT));
    run_on(&runtime(), &mut event_loop, sleep(MOMENT)).unwrap();
    assert_eq!(event_loop.tasks().len(), 0);
}

#[test]
fn a_loop_for_tests_is_refused_and_stays_whole() {
    let _watched = watch();
    for builder in [
        EventLoop::builder().virtual_time(),
        EventLoop::builder().shuffle(1),
    ] {
        let mut event_loop = builder.build().unwrap();
        let refused = run_on(&runtime(), &mut event_loop, async { unreachable!() });
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        event_loop.run(sleep(MOMENT));
    }
}

#[test]
fn inside_a_task_of_another_loop_it_holds_up_that_loop_and_nothing_else() {
    let _watched = watch();
    roundelay::run(async {
        let (sender, mut receiver) = mpsc::channel(4);
        let outer = spawn(async move {
            let first = receiver.recv().await;
            (first, receiver.recv().await)
        });
        yield_now().await;
        let from_inside = sender.clone();
        run(async move {
            // These are more operations than one poll of the outer task may have. Polls by tokio do not spend that budget.
            let polls = Counter::default();
            let operations = async {
                for _ in 0..1_000 {
                    task::consume_budget().await;
                }
            };
            spawn_local(counted(&polls, operations)).await.unwrap();
            assert_eq!(polls.get(), 1);
            spawn_local(async move { from_inside.send("inside").await.unwrap() })
                .await
                .unwrap();
        });
        sender.send("outside").await.unwrap();
        assert_eq!(outer.await.unwrap(), (Some("inside"), Some("outside")));
    });
}
