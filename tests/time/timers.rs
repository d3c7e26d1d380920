//! Timers, through the public items: they are never early, fire in order, and leave nothing behind.
//!
//! No test here asserts a duration or depends on speed. If a timer must be armed before its deadline,
//! it is armed for an hour ahead and then reset. A test that would hang when it fails runs under a
//! watchdog.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, poll_once, watchdog};
use roundelay::time::{
    Elapsed, MissedTick, Sleep, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
    timeout_with,
};
use roundelay::{EventLoop, spawn, yield_now};

const MS: Duration = Duration::from_millis(1);
const NS: Duration = Duration::from_nanos(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs `test` on a loop of its own, under the watchdog.
fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    watched(|| roundelay::run(test()));
}

fn watched(test: impl FnOnce() + Send + 'static) {
    watchdog(PATIENCE, test);
}

/// A waker that counts its wakes. The count of its `Arc` shows how many clones are kept.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Arc<Count>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(waker));
    future.poll(&mut Context::from_waker(&waker))
}

// Never early, and in order.

// *never-early*: compared with the real clock, for every length of wait.
#[test]
fn a_timer_is_never_early() {
    let _watched = crate::support::watch();
    run(|| async {
        let start = Instant::now();
        let mut tasks = Vec::new();
        // The steps are a prime number of nanoseconds, so few deadlines are on a tick.
        for step in 0..if cfg!(miri) { 20 } else { 2_000 } {
            let deadline = start + Duration::from_nanos(step * 20_011);
            tasks.push(spawn(async move {
                sleep_until(deadline).await;
                assert!(Instant::now() >= deadline, "number {step} was early");
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Sleeps, all of which are armed before the loop looks at the time again, and the order in which
/// they fire.
#[derive(Default)]
struct Lineup {
    naps: Vec<Pin<Box<Sleep>>>,
    fired: Arc<Mutex<Vec<usize>>>,
}

struct Named(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

impl Lineup {
    fn arm(&mut self, deadline: Instant) {
        let named = Named(self.naps.len(), Arc::clone(&self.fired));
        self.naps
            .push(armed(deadline, &Waker::from(Arc::new(named))));
    }

    /// Waits until every timer that is due by `deadline` has fired.
    async fn fired_by(&self, deadline: Instant) -> Vec<usize> {
        sleep_until(deadline).await;
        sleep(MS).await;
        self.fired.lock().unwrap().clone()
    }
}

/// A sleep that is armed for `deadline`, even if that has passed by now.
fn armed(deadline: Instant, waker: &Waker) -> Pin<Box<Sleep>> {
    let mut nap = Box::pin(sleep(HOUR));
    assert!(
        nap.as_mut()
            .poll(&mut Context::from_waker(waker))
            .is_pending()
    );
    nap.reset(deadline);
    nap
}

#[test]
fn equal_deadlines_fire_in_the_order_of_arming() {
    let _watched = crate::support::watch();
    run(|| async {
        let mut lineup = Lineup::default();
        let deadline = Instant::now() + 5 * MS;
        for _ in 0..1_000 {
            lineup.arm(deadline);
        }
        assert!(lineup.fired_by(deadline).await.into_iter().eq(0..1_000));
    });
}

#[test]
fn earlier_deadlines_fire_first_though_all_are_due_at_once() {
    let _watched = crate::support::watch();
    run(|| async {
        let mut lineup = Lineup::default();
        let last = Instant::now() + 50 * MS;
        for n in 0..1_000 {
            lineup.arm(last - 50_000 * NS * n);
        }
        block_until(last);
        assert!(lineup.fired_by(last).await.into_iter().eq((0..1_000).rev()));
    });
}

/// Blocks the loop until `deadline`. The timers that were armed before it become due in one turn.
fn block_until(deadline: Instant) {
    while Instant::now() < deadline {
        thread::yield_now();
    }
}

#[test]
fn a_timer_that_was_reset_comes_after_its_equals() {
    let _watched = crate::support::watch();
    run(|| async {
        let mut lineup = Lineup::default();
        let deadline = Instant::now() + 5 * MS;
        for _ in 0..4 {
            lineup.arm(deadline);
        }
        lineup.naps[1].reset(deadline + HOUR);
        lineup.naps[0].reset(deadline);
        lineup.naps[1].reset(deadline);
        assert_eq!(lineup.fired_by(deadline).await, [2, 3, 0, 1]);
    });
}

#[test]
fn twenty_thousand_timers_fire_in_the_order_of_their_deadlines() {
    let _watched = crate::support::watch();
    run(|| async {
        let mut lineup = Lineup::default();
        let start = Instant::now();
        let deadline = |name: usize| start + 5_000 * NS * (name as u32 * 7_919 % 20_000);
        for name in 0..20_000 {
            lineup.arm(deadline(name));
        }
        let fired = lineup.fired_by(start + 100 * MS).await;
        assert_eq!(fired.len(), 20_000);
        // Deadlines within one tick count as equal.
        let tick = Duration::from_nanos(1 << 10);
        let in_order = |pair: &[usize]| deadline(pair[0]) < deadline(pair[1]) + tick;
        assert!(fired.windows(2).all(in_order));
    });
}

#[test]
fn one_turn_fires_all_that_is_due_and_counts_them() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        let far = Instant::now() + 2 * HOUR;
        for deadline in [long_due(); 10].into_iter().chain([far]) {
            drop(event_loop.spawn(async move {
                let mut nap = pin!(sleep(HOUR));
                let first = poll_fn(|cx| Poll::Ready(nap.as_mut().poll(cx))).await;
                assert!(first.is_pending());
                nap.as_mut().reset(deadline);
                nap.await;
            }));
        }
        let armed = event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!((armed.polls, armed.timers), (11, 0));
        let fired = event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!((fired.polls, fired.timers), (10, 10));
        assert!(event_loop.next_deadline().unwrap() >= far);
    });
}

/// Checks when a loop wants to be woken for a due timer, after `fired` timers have fired together: up to `slack` later.
#[track_caller]
fn assert_put_off(event_loop: &mut EventLoop, fired: usize, slack: Duration) {
    let arm = || armed(long_due(), Waker::noop());
    let due: Vec<_> = event_loop.run(async { (0..fired).map(|_| arm()).collect() });
    let before = Instant::now();
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().timers, fired);
    let next: Vec<_> = event_loop.run(async { vec![arm()] });
    let deadline = event_loop.next_deadline().unwrap();
    assert!(deadline <= Instant::now() + slack);
    assert!(slack.is_zero() || before + slack <= deadline);
    drop((due, next));
}

#[test]
fn after_one_timer_the_next_is_looked_at_on_time_and_after_several_with_a_little_slack() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        let slack = Duration::from_micros(10);
        assert_put_off(&mut event_loop, 1, Duration::ZERO);
        for (fired, slack) in [(2, slack), (4, 3 * slack), (40, 14 * slack)] {
            assert_put_off(&mut event_loop, fired, slack);
        }
    });
}

#[test]
fn the_slack_is_what_the_builder_was_told_at_most() {
    let _watched = crate::support::watch();
    watched(|| {
        let slack = Duration::from_micros(10);
        for (most, after_two, after_forty) in [
            (Duration::ZERO, Duration::ZERO, Duration::ZERO),
            (slack / 2, slack / 2, slack / 2),
            (Duration::MAX, slack, 39 * slack),
        ] {
            let builder = EventLoop::builder().timer_slack(most);
            let mut event_loop = builder.build().unwrap();
            assert_put_off(&mut event_loop, 2, after_two);
            assert_put_off(&mut event_loop, 40, after_forty);
        }
    });
}

#[test]
fn a_look_fires_as_many_timers_as_it_has_polls_and_then_looks_again_without_a_wait() {
    let _watched = crate::support::watch();
    for poll_budget in [64, 5] {
        watched(move || {
            let builder = EventLoop::builder().poll_budget(poll_budget);
            let mut event_loop = builder.build().unwrap();
            let waker = Arc::new(Count::default());
            let naps: Vec<_> = event_loop.run(async {
                let waker = Waker::from(Arc::clone(&waker));
                (0..3 * poll_budget + 1)
                    .map(|_| armed(long_due(), &waker))
                    .collect()
            });
            for looks in 1..=3 {
                // There is no slack, although several timers have fired, because the look has ended at its bound.
                assert!(event_loop.next_deadline().unwrap() <= Instant::now());
                let turn = event_loop.turn(Some(HOUR)).unwrap();
                assert_eq!(
                    (turn.timers, waker.wakes()),
                    (poll_budget, looks * poll_budget),
                    "a look fired more timers than the tasks that may be polled before the next"
                );
            }
            assert_eq!(event_loop.turn(Some(HOUR)).unwrap().timers, 1);
            assert_eq!(event_loop.next_deadline(), None);
            drop(naps);
        });
    }
}

#[test]
fn a_hundred_thousand_timers_are_dealt_out_in_parts_and_the_loop_does_not_sleep_between() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        let count = 100_000;
        let waker = Arc::new(Count::default());
        // The deadline is so far ahead that the timers share a coarse slot. They are due when the first turn comes.
        let naps: Vec<_> = event_loop.run(async {
            let deadline = Instant::now() + 300 * MS;
            let waker = Waker::from(Arc::clone(&waker));
            (0..count).map(|_| armed(deadline, &waker)).collect()
        });
        let last = naps[0].deadline() + MS;
        block_until(last);
        let (mut fired, mut dealt_only) = (0, 0);
        while fired < count {
            assert!(event_loop.next_deadline().unwrap() <= Instant::now());
            let turn = event_loop.turn(Some(HOUR)).unwrap();
            assert!(turn.timers <= 64, "{turn}");
            fired += turn.timers;
            dealt_only += usize::from(turn.timers == 0);
        }
        assert_eq!(waker.wakes(), count);
        // Each timer has been dealt out at least once, and a look deals out 512.
        assert!(dealt_only >= count / 512 - 1, "{dealt_only}");
        drop(naps);
    });
}

/// A deadline that has passed, even after it is rounded up to a tick.
fn long_due() -> Instant {
    Instant::now().checked_sub(MS).unwrap()
}

#[test]
fn a_sleep_is_counted_from_its_own_creation_and_not_from_the_beginning_of_the_turn() {
    let _watched = crate::support::watch();
    run(|| async {
        block_until(Instant::now() + 5 * MS);
        let before = Instant::now();
        let nap = sleep(HOUR);
        let after = Instant::now();
        assert!(before + HOUR <= nap.deadline() && nap.deadline() <= after + HOUR);
    });
}

// Any duration.

#[test]
fn durations_without_end_neither_panic_nor_fire() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        for duration in [
            Duration::MAX,
            Duration::MAX / 2,
            Duration::from_secs(u64::MAX / 3),
        ] {
            drop(event_loop.spawn(sleep(duration)));
            drop(event_loop.spawn(async move {
                assert_eq!(timeout(duration, sleep(MS)).await, Ok(()));
                interval(duration).tick().await;
                pending::<()>().await;
            }));
        }
        event_loop.run(async {
            sleep(5 * MS).await;
            let mut endless = interval(Duration::MAX);
            endless.tick().await;
            assert!(timeout(MS, endless.tick()).await.is_err());
            endless.reset();
        });
        assert_eq!(event_loop.tasks().len(), 6);
        assert!(event_loop.next_deadline().unwrap() > Instant::now() + HOUR);
    });
}

#[test]
fn a_sleep_of_zero_and_a_deadline_in_the_past_are_ready_at_the_first_poll() {
    let _watched = crate::support::watch();
    // These need no loop.
    assert!(poll_once(pin!(sleep(Duration::ZERO))).is_ready());
    assert!(poll_once(pin!(sleep_until(Instant::now()))).is_ready());
    let past = Instant::now().checked_sub(MS).unwrap();
    assert!(poll_once(pin!(sleep_until(past))).is_ready());
    assert_eq!(
        poll_once(pin!(timeout_at(past, ready(1)))),
        Poll::Ready(Ok(1))
    );
    assert!(matches!(
        poll_once(pin!(timeout_at(past, pending::<()>()))),
        Poll::Ready(Err(_))
    ));
    assert_eq!(
        poll_once(pin!(timeout(Duration::ZERO, ready(1)))),
        Poll::Ready(Ok(1))
    );
    assert!(matches!(
        poll_once(pin!(timeout(Duration::ZERO, pending::<()>()))),
        Poll::Ready(Err(_))
    ));
}

#[test]
fn a_sleep_first_polled_after_its_deadline_is_ready_within_a_turn() {
    let _watched = crate::support::watch();
    run(|| async {
        let nap = sleep(MS);
        block_until(nap.deadline());
        assert!(nap.is_elapsed());
        nap.await;
    });
}

// Reset.

#[test]
fn a_reset_makes_a_sleep_later_or_earlier_and_a_finished_one_fresh() {
    let _watched = crate::support::watch();
    run(|| async {
        let start = Instant::now();
        let mut nap = pin!(sleep_until(start + HOUR));
        assert!(poll_once(nap.as_mut()).is_pending());
        assert!(!nap.is_elapsed());

        nap.as_mut().reset(start + 2 * MS);
        assert_eq!(nap.deadline(), start + 2 * MS);
        nap.as_mut().await;
        assert!(Instant::now() >= start + 2 * MS);
        assert!(nap.is_elapsed());
        assert!(
            poll_once(nap.as_mut()).is_ready(),
            "a finished sleep stays ready until it is reset"
        );

        nap.as_mut().reset(start + 4 * MS);
        nap.as_mut().await;
        assert!(Instant::now() >= start + 4 * MS);

        nap.as_mut().reset(start + HOUR);
        assert!(poll_once(nap.as_mut()).is_pending());
        let waker = Arc::new(Count::default());
        assert!(poll_with(nap.as_mut(), &waker).is_pending());
        nap.as_mut().reset(start + 2 * HOUR);
        sleep(2 * MS).await;
        assert_eq!(waker.wakes(), 0);
    });
}

#[test]
fn a_reset_keeps_the_task_waiting_for_the_new_deadline() {
    let _watched = crate::support::watch();
    run(|| async {
        let waker = Arc::new(Count::default());
        let mut nap = pin!(sleep(HOUR));
        assert!(poll_with(nap.as_mut(), &waker).is_pending());
        nap.as_mut().reset(Instant::now() + MS);
        // Not `sleep_until`: on a busy machine its deadline may have passed at the first poll, before any timer has fired.
        sleep(2 * MS).await;
        assert_eq!(waker.wakes(), 1);
        assert!(poll_with(nap.as_mut(), &waker).is_ready());
    });
}

#[test]
fn a_sleep_wakes_the_waker_of_its_latest_poll_and_only_once() {
    let _watched = crate::support::watch();
    run(|| async {
        let wakers = [(); 3].map(|()| Arc::new(Count::default()));
        let mut nap = pin!(sleep(2 * MS));
        for waker in &wakers {
            assert!(poll_with(nap.as_mut(), waker).is_pending());
        }
        assert_eq!(
            Arc::strong_count(&wakers[0]),
            1,
            "a replaced waker was not dropped"
        );
        sleep(3 * MS).await;
        assert_eq!(wakers.each_ref().map(|waker| waker.wakes()), [0, 0, 1]);
        assert_eq!(
            Arc::strong_count(&wakers[2]),
            1,
            "a woken waker was not dropped"
        );
    });
}

// Nothing left.

// *nothing-left*: no timer and no waker is left.
#[test]
fn a_dropped_sleep_leaves_nothing_behind() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        let waker = Arc::new(Count::default());
        event_loop.run(async {
            for turns in [0, 1] {
                let mut nap = Box::pin(sleep(MS));
                assert!(poll_with(nap.as_mut(), &waker).is_pending());
                assert_eq!(Arc::strong_count(&waker), 2);
                if turns == 1 {
                    sleep(3 * MS).await; // the timer fires, and is dropped without a poll
                }
                drop(nap);
                assert_eq!(Arc::strong_count(&waker), 1);
            }
            let mut limited = Box::pin(timeout(HOUR, pending::<()>()));
            assert!(poll_with(limited.as_mut(), &waker).is_pending());
            drop(limited);
            assert_eq!(Arc::strong_count(&waker), 1);
        });
        assert_eq!(waker.wakes(), 1);
        assert_eq!(event_loop.next_deadline(), None);
    });
}

#[test]
fn a_dropped_tick_leaves_nothing_behind_and_loses_no_tick() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        let waker = Arc::new(Count::default());
        let mut rhythm = interval_at(Instant::now() + HOUR, HOUR);
        event_loop.run(async { assert!(poll_with(pin!(rhythm.tick()), &waker).is_pending()) });
        assert_eq!(Arc::strong_count(&waker), 1);
        assert_eq!(event_loop.next_deadline(), None);

        let due = event_loop.run(async {
            assert!(ticks_at_hand(&mut rhythm).is_empty()); // armed
            let due = Instant::now();
            rhythm.reset_at(due);
            sleep(MS).await; // it fires
            drop(rhythm.tick()); // the tick is not taken
            due
        });
        assert_eq!(event_loop.run(rhythm.tick()), due);
        assert_eq!(event_loop.next_deadline(), None);
    });
}

#[test]
fn a_time_out_that_is_over_leaves_nothing_behind_either_way() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async {
            let token = Rc::new(());
            let held = Rc::clone(&token);
            let stuck = async move {
                let _held = held;
                pending::<()>().await;
            };
            assert!(timeout(MS, stuck).await.is_err());
            assert_eq!(
                Rc::strong_count(&token),
                1,
                "the body of the time-out was not dropped"
            );
            assert_eq!(timeout(HOUR, sleep(MS)).await, Ok(()));
        });
        assert_eq!(event_loop.next_deadline(), None);
    });
}

#[test]
fn sixty_five_thousand_time_outs_that_do_not_fire_leave_nothing_behind() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async {
            for round in 1..=if cfg!(miri) { 50 } else { 65_536_u32 } {
                let limit = Duration::from_micros(500 + 37 * u64::from(round));
                assert_eq!(timeout(limit + HOUR, yield_now()).await, Ok(()));
            }
        });
        assert_eq!(event_loop.next_deadline(), None);
    });
}

#[test]
fn timers_do_not_keep_a_loop_or_its_tasks_alive() {
    let _watched = crate::support::watch();
    watched(|| {
        let token = Rc::new(());
        roundelay::run(async {
            for _ in 0..3 {
                let held = Rc::clone(&token);
                drop(spawn(async move {
                    sleep(HOUR).await;
                    drop(held);
                }));
            }
            yield_now().await;
        });
        assert_eq!(Rc::strong_count(&token), 1);
    });
}

// Loops.

#[test]
fn a_sleep_made_outside_a_loop_can_be_awaited_inside() {
    let _watched = crate::support::watch();
    watched(|| {
        let nap = sleep(MS);
        let mut rhythm = interval(MS);
        roundelay::run(async {
            nap.await;
            rhythm.tick().await;
            rhythm.tick().await;
        });
    });
}

#[test]
fn a_sleep_polled_in_another_loop_moves_there() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut first = EventLoop::new().unwrap();
        let mut second = EventLoop::new().unwrap();
        let waker = Arc::new(Count::default());
        let mut nap = Box::pin(sleep(HOUR));
        first.run(async { assert!(poll_with(nap.as_mut(), &waker).is_pending()) });
        assert!(first.next_deadline().is_some());
        second.run(async { assert!(poll_with(nap.as_mut(), &waker).is_pending()) });
        assert_eq!(first.next_deadline(), None);
        assert!(second.next_deadline().is_some());
        drop(first);
        nap.as_mut().reset(Instant::now() + MS);
        second.run(nap);
        assert_eq!(waker.wakes(), 0);
        assert_eq!(Arc::strong_count(&waker), 1);
    });
}

#[test]
fn a_sleep_survives_the_loop_that_it_was_armed_in() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut nap = Box::pin(sleep(2 * MS));
        roundelay::run(async { assert!(poll_once(nap.as_mut()).is_pending()) });
        roundelay::run(nap);
    });
}

#[test]
fn outside_a_loop_the_panic_says_what_to_do() {
    let _watched = crate::support::watch();
    let message = |poll: &mut dyn FnMut()| {
        let payload = catch_unwind(AssertUnwindSafe(poll)).expect_err("there is no loop");
        payload.downcast_ref::<String>().expect("a message").clone()
    };
    let nap = message(&mut || assert!(poll_once(pin!(sleep(HOUR))).is_ready()));
    assert!(
        nap.contains("`sleep`") && nap.contains("roundelay::run"),
        "{nap}"
    );
    let limit = message(&mut || {
        assert!(poll_once(pin!(timeout(HOUR, pending::<()>()))).is_ready());
    });
    assert!(limit.contains("`timeout`"), "{limit}");
    let rhythm = message(&mut || {
        let mut rhythm = interval_at(Instant::now() + HOUR, HOUR);
        assert!(poll_once(pin!(rhythm.tick())).is_ready());
    });
    assert!(rhythm.contains("`interval`"), "{rhythm}");
}

// Re-entrancy.

thread_local! {
    /// The sleeps that the wakers below may reach.
    static NAPS: RefCell<Vec<Option<Pin<Box<Sleep>>>>> = const { RefCell::new(Vec::new()) };
}

/// A waker that calls a function.
struct Act {
    act: fn(),
    wakes: AtomicUsize,
}

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        (self.act)();
    }
}

fn arm_acting(deadline: Instant, act: fn()) -> Arc<Act> {
    let acting = Arc::new(Act {
        act,
        wakes: AtomicUsize::new(0),
    });
    let nap = armed(deadline, &Waker::from(Arc::clone(&acting)));
    NAPS.with_borrow_mut(|naps| naps.push(Some(nap)));
    acting
}

#[test]
fn a_waker_may_do_anything_to_the_timers_while_they_fire() {
    let _watched = crate::support::watch();
    run(|| async {
        let deadline = Instant::now() + 2 * MS;
        // The first waker re-arms its own sleep, cancels the second, puts the third off and arms a fourth.
        let first = arm_acting(deadline, || {
            let later = Instant::now() + MS;
            let take = |index: usize| NAPS.with_borrow_mut(|naps| naps[index].take());
            let (mut myself, second, mut third) = (take(0).unwrap(), take(1), take(2).unwrap());
            myself.reset(later + HOUR);
            assert!(poll_once(myself.as_mut()).is_pending());
            myself.reset(later);
            drop(second);
            third.reset(later + HOUR);
            NAPS.with_borrow_mut(|naps| naps.extend([Some(myself), Some(third)]));
            arm_acting(later, || {});
        });
        let second = arm_acting(deadline, || {});
        let third = arm_acting(deadline, || {});
        sleep(7 * MS).await;
        let wakes = |acting: &Act| acting.wakes.load(Ordering::Relaxed);
        assert_eq!((wakes(&first), wakes(&second), wakes(&third)), (1, 0, 0));
        assert_eq!(Arc::strong_count(&second), 1);
        assert_eq!(
            Arc::strong_count(&third),
            2,
            "the third sleep is still armed"
        );

        let mut naps = NAPS.take().into_iter().flatten();
        naps.next().unwrap().await; // the first, again
        assert!(!naps.next().unwrap().is_elapsed());
        naps.next().unwrap().await; // the fourth
        assert!(naps.next().is_none());
    });
}

#[test]
fn a_waker_that_arms_what_is_due_again_and_again_does_not_hold_the_loop() {
    let _watched = crate::support::watch();
    fn again() {
        arm_acting(long_due(), again);
    }
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async { arm_acting(long_due(), again) });
        for _ in 0..10 {
            assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().timers, 1);
        }
        drop(NAPS.take());
        assert_eq!(event_loop.next_deadline(), None);
    });
}

/// A waker whose drop is user code: its destructor arms and cancels timers.
struct DropsIntoTimers;

impl Wake for DropsIntoTimers {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DropsIntoTimers {
    fn drop(&mut self) {
        assert!(poll_once(pin!(sleep(HOUR))).is_pending());
    }
}

#[test]
fn a_wakers_destructor_may_use_timers() {
    let _watched = crate::support::watch();
    run(|| async {
        let poll = |nap: Pin<&mut Sleep>| {
            let waker = Waker::from(Arc::new(DropsIntoTimers));
            nap.poll(&mut Context::from_waker(&waker))
        };
        let mut dropped = Box::pin(sleep(HOUR));
        assert!(poll(dropped.as_mut()).is_pending());
        assert!(
            poll(dropped.as_mut()).is_pending(),
            "the second poll replaces the waker of the first"
        );
        drop(dropped);
        let mut fired = pin!(sleep(MS));
        assert!(poll(fired.as_mut()).is_pending());
        sleep_until(fired.deadline() + MS).await;
        assert!(fired.is_elapsed());
    });
}

#[test]
fn a_panicking_waker_loses_no_other_timer() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        let waker = Arc::new(Count::default());
        let naps = event_loop.run(async {
            arm_acting(long_due(), || panic!("a waker of ill will"));
            vec![armed(long_due(), &Waker::from(Arc::clone(&waker)))]
        });
        // The panic does not reach the loop. tests/scheduler/panic_waker.rs checks that it is logged.
        let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!((turn.timers, waker.wakes()), (2, 1));
        drop((naps, NAPS.take()));
    });
}

// Budget.

#[test]
fn a_task_that_sleeps_for_zero_for_ever_lets_others_run() {
    let _watched = crate::support::watch();
    run(|| async {
        let seen = Rc::new(Cell::new(false));
        let flag = Rc::clone(&seen);
        drop(spawn(async move { flag.set(true) }));
        let mut naps = 0;
        while !seen.get() {
            sleep(Duration::ZERO).await;
            naps += 1;
        }
        // One poll spends the whole budget, and one more sleep has to wait for the next poll.
        assert_eq!(naps, 129);
    });
}

#[test]
fn a_time_out_fires_although_its_body_spends_the_whole_budget_each_time() {
    let _watched = crate::support::watch();
    run(|| async {
        let greedy = async {
            loop {
                sleep(Duration::ZERO).await;
            }
        };
        let outcome: Result<(), Elapsed> = timeout(2 * MS, greedy).await;
        assert!(outcome.is_err());
    });
}

// Time-outs.

#[test]
fn the_value_counts_when_it_comes_in_the_same_turn_as_the_deadline() {
    let _watched = crate::support::watch();
    run(|| async {
        let deadline = Instant::now() + 2 * MS;
        assert_eq!(timeout_at(deadline, sleep_until(deadline)).await, Ok(()));

        // The same if the deadline was armed first.
        let deadline = Instant::now() + 2 * MS;
        let mut body = pin!(sleep_until(deadline));
        let mut yielded = false;
        let late = poll_fn(|cx| {
            if !yielded {
                yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            body.as_mut().poll(cx)
        });
        assert_eq!(timeout_at(deadline, late).await, Ok(()));
    });
}

#[test]
fn of_nested_time_outs_with_one_deadline_the_inner_one_fires() {
    let _watched = crate::support::watch();
    run(|| async {
        let deadline = Instant::now() + 2 * MS;
        let inner = timeout_at(deadline, pending::<()>());
        let middle = timeout_at(deadline, inner);
        let outer = timeout_at(deadline, middle).await;
        assert!(matches!(outer, Ok(Ok(Err(_)))), "{outer:?}");
    });
}

#[test]
fn a_body_that_is_ready_at_once_arms_no_timer() {
    let _watched = crate::support::watch();
    // To arm a timer would need a loop.
    let waker = Arc::new(Count::default());
    assert_eq!(
        poll_with(pin!(timeout(HOUR, ready(7))), &waker),
        Poll::Ready(Ok(7))
    );
    assert_eq!(Arc::strong_count(&waker), 1);
}

#[test]
fn a_time_out_is_counted_from_its_first_poll() {
    let _watched = crate::support::watch();
    run(|| async {
        let limited = timeout(5 * MS, yield_now());
        block_until(Instant::now() + 10 * MS);
        assert_eq!(limited.await, Ok(()));
    });
}

#[test]
fn a_body_that_computes_for_too_long_and_then_waits_has_timed_out() {
    let _watched = crate::support::watch();
    // The test polls once, without a loop, so no timer is armed. Only the clock can show that the body is late.
    let late = async {
        block_until(Instant::now() + 3 * MS);
        pending::<()>().await;
    };
    assert!(matches!(
        poll_once(pin!(timeout(2 * MS, late))),
        Poll::Ready(Err(_))
    ));
    let late = timeout_with(2 * MS, async |_| {
        block_until(Instant::now() + 3 * MS);
        pending::<()>().await;
    });
    assert!(matches!(poll_once(pin!(late)), Poll::Ready(Err(_))));
    // A body that does not wait is not too late.
    let late = async { block_until(Instant::now() + 3 * MS) };
    assert_eq!(poll_once(pin!(timeout(2 * MS, late))), Poll::Ready(Ok(())));
}

#[test]
fn a_time_out_is_counted_from_before_the_computation_of_its_body_and_not_from_after() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        let computed = Cell::new(None);
        let mut limited = pin!(timeout(HOUR, async {
            block_until(Instant::now() + 3 * MS);
            computed.set(Some(Instant::now()));
            pending::<()>().await;
        }));
        let before = Instant::now();
        event_loop.run(async { assert!(poll_once(limited.as_mut()).is_pending()) });
        let deadline = event_loop.next_deadline().unwrap();
        assert!(before + HOUR <= deadline);
        assert!(deadline <= computed.get().unwrap() + HOUR - 2 * MS);
    });
}

/// The same as `test_nested_timeouts_loop_busy` of asyncio: 0.10 s, not 0.20.
#[test]
fn of_nested_time_outs_around_a_computation_both_end_where_the_body_waits_next() {
    let _watched = crate::support::watch();
    let waits = Cell::new(0);
    let outer = timeout(3 * MS, async {
        let inner = timeout(MS, async {
            block_until(Instant::now() + 4 * MS);
            waits.set(1);
            pending::<()>().await;
        });
        assert!(inner.await.is_err());
        waits.set(2);
        pending::<()>().await;
    });
    // One poll is enough, and without a loop no timer is armed.
    assert!(matches!(poll_once(pin!(outer)), Poll::Ready(Err(_))));
    assert_eq!(waits.get(), 2);
}

#[test]
fn elapsed_is_an_io_error_of_the_kind_timed_out() {
    let _watched = crate::support::watch();
    run(|| async {
        let elapsed = timeout(MS, pending::<()>()).await.unwrap_err();
        assert!(elapsed.to_string().contains("deadline"));
        let error = std::io::Error::from(elapsed);
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        assert!(error.get_ref().unwrap().is::<Elapsed>());
    });
}

#[test]
fn a_time_out_can_be_put_off_from_inside() {
    let _watched = crate::support::watch();
    run(|| async {
        let outcome = timeout_with(2 * MS, async |deadline| {
            deadline.reschedule_after(HOUR);
            sleep(5 * MS).await;
            deadline.when()
        });
        assert!(outcome.await.unwrap() > Some(Instant::now()));
    });
}

#[test]
fn a_time_out_can_be_brought_forward_from_inside() {
    let _watched = crate::support::watch();
    run(|| async {
        let polls = Cell::new(0);
        let outcome = timeout_with(HOUR, async |deadline| {
            yield_now().await; // the timer is armed now, for an hour ahead
            polls.set(1);
            deadline.reschedule(Instant::now() + MS);
            pending::<()>().await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_time_out_brought_forward_into_the_past_fires_where_the_body_waits_next() {
    let _watched = crate::support::watch();
    run(|| async {
        let outcome = timeout_with(HOUR, async |deadline| {
            deadline.reschedule(Instant::now().checked_sub(MS).unwrap());
            let in_hand = ready("no wait, no end").await;
            pending::<()>().await;
            in_hand
        });
        assert!(outcome.await.is_err());

        let outcome = timeout_with(Duration::ZERO, async |_| ready("in time").await);
        assert_eq!(outcome.await, Ok("in time"));
    });
}

#[test]
fn a_time_out_can_be_lifted_and_put_back() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async {
            let outcome = timeout_with(2 * MS, async |deadline| {
                let old = deadline.when();
                assert!(old.is_some());
                yield_now().await;
                deadline.lift();
                assert_eq!(deadline.when(), None);
                sleep(5 * MS).await;
                deadline.reschedule(old.unwrap());
                pending::<()>().await;
            });
            assert!(outcome.await.is_err());
        });
        assert_eq!(event_loop.next_deadline(), None);
    });
}

#[test]
fn a_limit_that_fired_in_the_turn_in_which_it_was_put_off_does_not_count() {
    let _watched = crate::support::watch();
    run(|| async {
        let at = Instant::now() + 2 * MS;
        let outcome = timeout_with(HOUR, async |deadline| {
            deadline.reschedule(at);
            sleep_until(at).await; // both fire in one turn, and the body is first
            deadline.reschedule(at + HOUR);
            sleep(2 * MS).await;
        });
        assert_eq!(outcome.await, Ok(()));
    });
}

// Intervals.

/// The due times of the next ticks that need no waiting.
fn ticks_at_hand(rhythm: &mut roundelay::time::Interval) -> Vec<Instant> {
    let mut due = Vec::new();
    while let Poll::Ready(at) = rhythm.poll_tick(&mut Context::from_waker(Waker::noop())) {
        due.push(at);
        assert!(due.len() < 100, "the ticks do not end");
    }
    due
}

/// This is short, because the clock of Windows begins when the machine starts, and has no moments before that.
const MINUTE: Duration = Duration::from_secs(60);

/// An interval that has missed three and a half periods.
async fn late_interval(missed_tick: MissedTick) -> (Instant, roundelay::time::Interval) {
    let start = Instant::now().checked_sub(MINUTE * 7 / 2).unwrap();
    let mut rhythm = interval_at(start, MINUTE);
    rhythm.set_missed_tick(missed_tick);
    (start, rhythm)
}

#[test]
fn a_delayed_interval_forgets_what_it_missed_and_begins_a_new_rhythm() {
    let _watched = crate::support::watch();
    run(|| async {
        assert_eq!(interval(MINUTE).missed_tick(), MissedTick::Delay);
        let (start, mut rhythm) = late_interval(MissedTick::Delay).await;
        let before = Instant::now();
        assert_eq!(ticks_at_hand(&mut rhythm), [start]);
        assert!(rhythm.next_tick() >= before + MINUTE);
        assert!(rhythm.next_tick() <= Instant::now() + MINUTE);
    });
}

#[test]
fn a_skipping_interval_forgets_what_it_missed_and_keeps_the_rhythm() {
    let _watched = crate::support::watch();
    run(|| async {
        let (start, mut rhythm) = late_interval(MissedTick::Skip).await;
        assert_eq!(ticks_at_hand(&mut rhythm), [start]);
        assert_eq!(rhythm.next_tick(), start + 4 * MINUTE);
    });
}

#[test]
fn a_bursting_interval_delivers_what_it_missed() {
    let _watched = crate::support::watch();
    run(|| async {
        let (start, mut rhythm) = late_interval(MissedTick::Burst).await;
        let missed = [0, 1, 2, 3].map(|n| start + n * MINUTE);
        assert_eq!(ticks_at_hand(&mut rhythm), missed);
        assert_eq!(rhythm.next_tick(), start + 4 * MINUTE);
    });
}

#[test]
fn an_interval_ticks_at_once_and_then_at_each_period_and_says_when_it_was_due() {
    let _watched = crate::support::watch();
    run(|| async {
        let mut rhythm = interval(10 * MS);
        rhythm.set_missed_tick(MissedTick::Skip);
        let first = rhythm.tick().await;
        for _ in 0..3 {
            let due = rhythm.tick().await;
            assert!(Instant::now() >= due);
            // The ticks are whole periods apart: one period, unless this machine was busy.
            assert_eq!((due - first).as_nanos() % rhythm.period().as_nanos(), 0);
        }
    });
}

#[test]
fn an_interval_that_was_reset_begins_anew() {
    let _watched = crate::support::watch();
    run(|| async {
        let mut rhythm = interval(HOUR);
        rhythm.tick().await;
        rhythm.reset_at(Instant::now());
        rhythm.tick().await;
        let before = Instant::now();
        rhythm.reset();
        assert!(rhythm.next_tick() >= before + HOUR);
        assert!(ticks_at_hand(&mut rhythm).is_empty());
        let soon = Instant::now() + MS;
        rhythm.reset_at(soon);
        assert_eq!(rhythm.tick().await, soon);
    });
}

/// The bug compio#911: there the re-armed interval was lost.
#[test]
fn an_interval_re_armed_and_cancelled_in_its_own_task_is_gone_and_one_re_armed_stays() {
    let _watched = crate::support::watch();
    watched(|| {
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.run(async {
            let mut rhythm = interval(MS);
            for _ in 0..3 {
                rhythm.tick().await;
                rhythm.reset_at(Instant::now() + HOUR);
                assert!(ticks_at_hand(&mut rhythm).is_empty()); // armed, for an hour ahead
                rhythm.reset_at(Instant::now() + MS);
            }
            ticks_at_hand(&mut rhythm); // this arms it once more
            drop(rhythm);
        });
        assert_eq!(event_loop.next_deadline(), None);
    });
}

#[test]
#[should_panic(expected = "period above zero")]
fn an_interval_of_zero_panics_and_says_what_to_use() {
    let _watched = crate::support::watch();
    let _ = interval(Duration::ZERO);
}

#[test]
fn a_bursting_interval_lets_others_run() {
    let _watched = crate::support::watch();
    run(|| async {
        let seen = Rc::new(Cell::new(false));
        let flag = Rc::clone(&seen);
        drop(spawn(async move { flag.set(true) }));
        let start = Instant::now().checked_sub(HOUR).unwrap();
        let mut flood = interval_at(start, MS);
        flood.set_missed_tick(MissedTick::Burst);
        while !seen.get() {
            assert!(flood.tick().await < start + 1_000 * MS);
        }
    });
}

#[test]
fn a_sleep_says_whether_it_is_armed_and_an_interval_what_it_does_about_missed_ticks() {
    let _watched = crate::support::watch();
    run(|| async {
        let mut nap = sleep(HOUR);
        assert!(format!("{nap:?}").ends_with("state: \"not armed\" }"));
        assert!(poll_once(Pin::new(&mut nap)).is_pending());
        assert!(format!("{nap:?}").ends_with("state: \"armed\" }"));
        nap.reset(Instant::now());
        (&mut nap).await;
        assert!(format!("{nap:?}").ends_with("state: \"elapsed\" }"));
        let mut ticks = interval(HOUR);
        assert_eq!(ticks.missed_tick(), MissedTick::Delay);
        ticks.set_missed_tick(MissedTick::Burst);
        assert_eq!(ticks.missed_tick(), MissedTick::Burst);
    });
}
