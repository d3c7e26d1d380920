//! Ten thousand random trees of nested groups, with failures, panics, panics in destructors, cancels, time-outs and aborts.
//! Afterwards no task lives, every destructor has run once, every failure has been reported in its place, and the outer
//! cancel has been observed.
//!
//! A tree grows while it runs. Each scope has a `Family`, which records the tasks that live below
//! it and the order of the failures; the result of the group must agree with this record.
//! `ROUNDELAY_SEED` picks one tree.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::panic::{self, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Random, rounds, watchdog};
use roundelay::group::Failure;
use roundelay::sync::CancelToken;
use roundelay::task::AbortHandle;
use roundelay::{EventLoop, GroupError, TaskGroup, spawn, timeout, timeout_at, yield_now};

fn trees() -> u64 {
    match cfg!(miri) {
        true => 20,
        false => rounds(2_000, 10_000) as u64,
    }
}
const DEEPEST: usize = 4;
/// A tree that has not ended by itself after this many turns is aborted.
const TURNS: usize = 40;

type Group = TaskGroup<u64>;
type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

struct World {
    random: RefCell<Random>,
    made: Cell<usize>,
    dropped: Cell<usize>,
    failures: Cell<u64>,
    /// The root was dropped: no future of the tree may be polled any more.
    is_over: Cell<bool>,
    /// How many scopes ended by a value, by a cancel, by failures, by being dropped.
    ends: [Cell<usize>; 4],
    /// What went wrong in places where a failed assertion would be caught.
    violations: RefCell<Vec<&'static str>>,
}

impl World {
    fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            random: RefCell::new(Random::new((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            made: Cell::new(0),
            dropped: Cell::new(0),
            failures: Cell::new(0),
            is_over: Cell::new(false),
            ends: Default::default(),
            violations: RefCell::default(),
        })
    }

    fn below(&self, end: usize) -> usize {
        self.random.borrow_mut().below(end)
    }

    fn alive(&self) -> usize {
        self.made.get() - self.dropped.get()
    }

    fn expect(&self, holds: bool, what: &'static str) {
        if !holds {
            self.violations.borrow_mut().push(what);
        }
    }

    fn ended(&self, how: usize) {
        self.ends[how].set(self.ends[how].get() + 1);
    }

    /// A new number, which stands for one failure.
    fn failure(&self) -> u64 {
        self.failures.set(self.failures.get() + 1);
        self.failures.get()
    }

    async fn turns(&self, count: usize) {
        for _ in 0..count {
            yield_now().await;
            self.expect(!self.is_over.get(), "polled after the root was dropped");
        }
    }
}

/// The record of one scope.
#[derive(Default)]
struct Family {
    above: Option<Rc<Family>>,
    alive: Cell<usize>,
    /// The children's failures, in the order in which they happened.
    failures: RefCell<Vec<u64>>,
    body_failure: Cell<Option<u64>>,
    was_cancelled: Cell<bool>,
    handles: RefCell<Vec<AbortHandle>>,
}

impl Family {
    fn count(&self, change: isize) {
        let mut family = Some(self);
        while let Some(this) = family {
            let alive = this.alive.get().checked_add_signed(change);
            this.alive.set(alive.expect("dropped twice"));
            family = this.above.as_deref();
        }
    }
}

/// Each future of the tree owns one.
struct Member {
    world: Rc<World>,
    family: Rc<Family>,
    /// Its destructor panics, and this is a failure of its child.
    fights: bool,
}

impl Member {
    fn new(world: &Rc<World>, family: &Rc<Family>, fights: bool) -> Self {
        world.made.set(world.made.get() + 1);
        family.count(1);
        Self {
            world: Rc::clone(world),
            family: Rc::clone(family),
            fights,
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.world.dropped.set(self.world.dropped.get() + 1);
        self.family.count(-1);
        if self.fights && !thread::panicking() {
            panic_any(fail(&self.world, &self.family));
        }
    }
}

/// Records a child's failure.
fn fail(world: &World, family: &Family) -> u64 {
    let number = world.failure();
    family.failures.borrow_mut().push(number);
    number
}

fn spawn_child(world: &Rc<World>, family: &Rc<Family>, group: &Group, depth: usize) {
    let plan = world.below(40);
    // A closed group drops the child at once. Its panic would then hit the spawning task, so it must not panic.
    let member = Member::new(world, family, plan == 0 && group.is_open());
    let alive = world.alive();
    let child = child(member, group.clone(), depth, plan);
    let was_open = group.is_open();
    match group.spawn(child) {
        Some(handle) => family.handles.borrow_mut().push(handle),
        None => {
            world.expect(!was_open, "an open group refused a child");
            world.expect(
                world.alive() == alive - 1,
                "a child was refused, but not dropped",
            );
        }
    }
}

fn child(member: Member, group: Group, depth: usize, plan: usize) -> Boxed<Result<(), u64>> {
    Box::pin(async move {
        let (world, family) = (Rc::clone(&member.world), Rc::clone(&member.family));
        world.turns(world.below(4)).await;
        match plan {
            0 | 1 => pending().await,
            2 => Err(fail(&world, &family)),
            3 => panic_any(fail(&world, &family)),
            4 => {
                family.was_cancelled.set(true);
                group.cancel();
                Ok(())
            }
            5 | 6 => {
                spawn_child(&world, &family, &group, depth);
                spawn_child(&world, &family, &group, depth);
                world.turns(1).await;
                Ok(())
            }
            7 => {
                let victim = {
                    let handles = family.handles.borrow();
                    let which = world.below(handles.len());
                    handles[which].clone()
                };
                victim.abort();
                Ok(())
            }
            8..=19 if depth < DEEPEST => {
                let inner = scope(Rc::clone(&world), Some(Rc::clone(&family)), depth + 1);
                match limited(&world, inner).await {
                    Some(Err(())) => Err(fail(&world, &family)),
                    Some(Ok(())) | None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    })
}

/// A time-out of zero, one in the past, two with the same deadline, or none.
async fn limited<T>(world: &World, inner: impl Future<Output = T>) -> Option<T> {
    let soon = Instant::now() + Duration::from_micros(world.below(200) as u64);
    match world.below(8) {
        0 => timeout(Duration::ZERO, inner).await.ok(),
        1 => {
            let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
            timeout_at(past, inner).await.ok()
        }
        2 => {
            let nested = timeout_at(soon, timeout_at(soon, inner)).await;
            nested.ok().and_then(Result::ok)
        }
        _ => Some(inner.await),
    }
}

fn scope(world: Rc<World>, above: Option<Rc<Family>>, depth: usize) -> Boxed<Result<(), ()>> {
    Box::pin(async move {
        let family = Rc::new(Family {
            above,
            ..Family::default()
        });
        // Lives beside the scope, so that a dropped scope is audited too.
        let mut audit = Audit(Rc::clone(&world), Rc::clone(&family), true);
        let outcome = TaskGroup::scope_until_cancelled(async |group| {
            body(&world, &family, group, depth).await
        })
        .await;
        audit.2 = false;
        world.expect(family.alive.get() == 0, "a child outlives its scope");
        check(&world, &family, outcome)
    })
}

/// Checks that nothing below a dropped scope is alive. It is declared before the scope, so it is dropped after it.
struct Audit(Rc<World>, Rc<Family>, bool);

impl Drop for Audit {
    fn drop(&mut self) {
        if self.2 {
            self.0.ended(3);
            let is_alone = self.1.alive.get() == 0;
            self.0
                .expect(is_alone, "a child outlives its dropped scope");
        }
    }
}

async fn body(
    world: &Rc<World>,
    family: &Rc<Family>,
    group: Group,
    depth: usize,
) -> Result<(), u64> {
    let _member = Member::new(world, family, false);
    for _ in 0..1 + world.below(6) {
        spawn_child(world, family, &group, depth);
        world.turns(world.below(2)).await;
    }
    let fail = || {
        let number = world.failure();
        family.body_failure.set(Some(number));
        number
    };
    match world.below(20) {
        0 => Err(fail()),
        1 => panic_any(fail()),
        2 => pending().await,
        3 => {
            family.was_cancelled.set(true);
            group.cancel();
            world.turns(world.below(3)).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Compares what the group says with what the family noted.
fn check(
    world: &World,
    family: &Family,
    outcome: Result<Option<()>, GroupError<u64>>,
) -> Result<(), ()> {
    let result = outcome.as_ref().map(|_| ()).map_err(|_| ());
    let told: Vec<u64> = match outcome {
        Ok(value) => {
            let is_right = value.is_some() || family.was_cancelled.get();
            world.expect(is_right, "no value, although the group was not cancelled");
            world.ended(usize::from(value.is_none()));
            Vec::new()
        }
        Err(error) => {
            world.expect(!error.is_cancelled(), "an error without a failure");
            world.ended(2);
            error.into_iter().map(number).collect()
        }
    };
    let mut noted = family.failures.take();
    noted.extend(family.body_failure.get());
    world.expect(
        told == noted,
        "the group reports other failures, or another order, than the family noted",
    );
    result
}

fn number(failure: Failure<u64>) -> u64 {
    match failure {
        Failure::Error(number) => number,
        Failure::Panic(error) => *error
            .into_panic()
            .downcast()
            .expect("each panic carries a number"),
    }
}

/// Ends the root from outside, in one of four ways, and checks that it has ended so.
async fn drive(world: Rc<World>) {
    let root = scope(Rc::clone(&world), None, 0);
    let turns = world.below(TURNS);
    match world.below(4) {
        0 => {
            let task = spawn(root);
            yield_for(turns).await;
            let was_finished = task.is_finished();
            let outcome = task.cancel().await;
            world.is_over.set(true);
            world.expect(was_finished || outcome.is_err(), "the abort was swallowed");
        }
        1 => {
            let stop = CancelToken::new();
            let token = stop.clone();
            let task = spawn(async move { token.run_until_cancelled(root).await.is_some() });
            yield_for(turns).await;
            let was_finished = task.is_finished();
            stop.cancel();
            let has_value = task.await.unwrap();
            world.is_over.set(true);
            // The value and the cancel may come in the same turn. Then the value counts.
            world.expect(
                was_finished || !has_value || turns < TURNS,
                "the token was ignored",
            );
        }
        2 => {
            let _ = timeout(Duration::from_micros(turns as u64 * 5), root).await;
            world.is_over.set(true);
        }
        _ => {
            // The loop ends while the root is alive.
            drop(spawn(root));
            yield_for(turns).await;
        }
    }
    yield_for(3).await;
}

async fn yield_for(turns: usize) {
    for _ in 0..turns {
        yield_now().await;
    }
}

/// Grows one tree. Gives the number of its futures, and the number of its scopes for each kind of end.
fn grow(seed: u64) -> [usize; 5] {
    let world = World::new(seed);
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.run(drive(Rc::clone(&world)));
    if world.is_over.get() {
        assert_eq!(event_loop.tasks().len(), 0, "tree {seed}: a task lives");
        assert_eq!(world.alive(), 0, "tree {seed}: a future lives");
    }
    drop(event_loop);
    assert_eq!(world.alive(), 0, "tree {seed}: a future outlives its loop");
    let violations = world.violations.borrow();
    assert!(violations.is_empty(), "tree {seed}: {violations:?}");
    assert_eq!(Rc::strong_count(&world), 1, "tree {seed}: leaked");
    let [value, cancel, failure, drop] = world.ends.each_ref().map(Cell::get);
    [world.made.get(), value, cancel, failure, drop]
}

#[test]
fn after_thousands_of_random_trees_of_groups_nobody_lives_and_every_failure_was_told() {
    let chosen = std::env::var("ROUNDELAY_SEED").ok();
    let first = chosen
        .as_ref()
        .map_or(0, |seed| seed.parse().expect("a number"));
    let trees = if chosen.is_some() { 1 } else { trees() };
    println!("seeds {first}..{}", first + trees);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // The panics of the trees carry numbers. A panic with a text comes from this test, or from one that runs beside it.
        if info.payload().downcast_ref::<u64>().is_none() {
            usual(info);
        }
    }));
    let sums = watchdog(PATIENCE, move || {
        (first..first + trees)
            .map(grow)
            .fold([0; 5], |mut sums, tree| {
                sums.iter_mut().zip(tree).for_each(|(sum, n)| *sum += n);
                sums
            })
    });
    let [futures, value, cancel, failure, drop] = sums;
    println!(
        "{trees} trees, {futures} futures; scopes ended by a value: {value}, by a cancel: {cancel}, by failures: {failure}, \
         dropped: {drop}"
    );
    // Each of the ends is common enough to be tested.
    assert!(
        chosen.is_some() || sums.iter().all(|&sum| sum as u64 > trees / 20),
        "{sums:?}"
    );
}
