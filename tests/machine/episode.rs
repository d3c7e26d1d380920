//! One loop, from its making to its end.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::{EventLoop, OnPanic, Turn};

use crate::deeds;
use crate::support::PATIENCE;
use crate::world::{Place, Planned, World};

/// The most steps that one loop takes, and so the most that are needed to repeat a failure.
pub(crate) const EPISODE: u64 = 3000;
/// The limit for coming to rest. Tasks that only poll what they wait for need far fewer turns.
const MOST_TURNS: usize = 1000;

pub(crate) struct Tally {
    pub(crate) steps: u64,
    pub(crate) fingerprint: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn add_to(&self, sums: &mut BTreeMap<&'static str, u64>) {
        for (what, count) in &self.counts {
            *sums.entry(what).or_default() += count;
        }
    }
}

pub(crate) struct Episode {
    seed: u64,
    world: Rc<World>,
    event_loop: EventLoop,
}

impl Episode {
    pub(crate) fn run(seed: u64, steps: u64) -> Tally {
        // Races are decided by chance. The seed makes it the same chance each time.
        roundelay::future::reseed(seed);
        let world = World::new(seed);
        World::enter(Some(&world));
        let budget = [1, 2, 5, 64][world.below(4)];
        let on_panic = match world.one_in(6) {
            true => OnPanic::EndRun,
            false => OnPanic::Continue,
        };
        let mut builder = EventLoop::builder().poll_budget(budget).on_panic(on_panic);
        if world.one_in(3) {
            world.is_shuffled.set(true);
            builder = builder.shuffle(seed);
        }
        let event_loop = builder.offload_threads(2).build().expect("a loop");
        world.remote.replace(Some(event_loop.remote()));
        let mut episode = Self {
            seed,
            world,
            event_loop,
        };
        while episode.world.steps.get() < steps {
            episode.step();
        }
        episode.end()
    }

    fn step(&mut self) {
        let world = Rc::clone(&self.world);
        match world.below(128) {
            0..70 => deeds::anywhere(&world, Place::Host, Some(&self.event_loop)),
            70..80 => deeds::spawn_one(&world, Place::Host, Some(&self.event_loop)),
            80..126 => drop(self.turn(Duration::ZERO)),
            126 => self.probe(),
            _ => self.let_a_job_go_on(),
        }
        world.assert_agreed(self.seed);
    }

    /// One turn. Gives `None` if a panic ended it.
    fn turn(&mut self, wait: Duration) -> Option<Turn> {
        let world = &self.world;
        // The number is odd during a turn, and even between two turns.
        world.turn.set(world.turn.get() + 1);
        world.tell("turn", 0, 0);
        world.in_turn.set(true);
        let event_loop = &mut self.event_loop;
        let turned = catch_unwind(AssertUnwindSafe(|| event_loop.turn(Some(wait))));
        world.in_turn.set(false);
        let turn = match turned {
            Ok(turn) => Some(turn.expect("the operating system can be polled")),
            Err(payload) if payload.is::<Planned>() => None,
            Err(payload) => resume_unwind(payload),
        };
        match turn {
            Some(_) => world.check_turn(),
            None => world.forgive(),
        }
        world.turn.set(world.turn.get() + 1);
        world.gear.check(world);
        world.assert_agreed(self.seed);
        turn
    }

    /// Turns until nothing is ready.
    fn rest(&mut self) {
        for _ in 0..MOST_TURNS {
            let Some(turn) = self.turn(Duration::ZERO) else {
                continue;
            };
            let happened = turn.polls + turn.timers + turn.io_events + turn.notes;
            if happened == 0 && turn.ready == 0 {
                self.world.check_rest();
                return self.world.assert_agreed(self.seed);
            }
        }
        panic!(
            "tasks are still ready after {MOST_TURNS} turns, ROUNDELAY_SEED={}",
            self.seed
        );
    }

    /// Nothing is ready. Now every task is polled without a reason. If a task then finds ready what it waits for, the wake was
    /// lost.
    fn probe(&mut self) {
        let world = Rc::clone(&self.world);
        world.step("probes");
        world.is_quiet.set(true);
        self.rest();
        self.nap();
        world.is_probing.set(true);
        for (task, waker) in world.every_waker() {
            world.woken(task);
            waker.wake();
        }
        self.rest();
        world.is_probing.set(false);
        world.is_quiet.set(false);
    }

    /// Gives one timer a real deadline, for which the loop really sleeps.
    fn nap(&mut self) {
        let nap = self.world.gear.naps.borrow().first().cloned();
        let Some(nap) = nap else { return };
        let deadline = Instant::now() + Duration::from_micros(100);
        nap.borrow_mut().reset(deadline);
        drop(nap);
        while Instant::now() <= deadline + Duration::from_micros(2) {
            self.turn(Duration::from_millis(1));
        }
        self.rest();
    }

    /// Lets the oldest job that waits at its gate go on. The moment of its answer depends on another thread, so all tasks keep
    /// quiet until the answer is there.
    fn let_a_job_go_on(&mut self) {
        let world = Rc::clone(&self.world);
        let Some(gate) = world.gear.gates.borrow().first().cloned() else {
            return;
        };
        world.step("lets a job go on");
        world.is_quiet.set(true);
        self.rest();
        let begin = Instant::now();
        if gate.open.send(()).is_ok() {
            while world.gear.has_gate(gate.number) {
                assert!(
                    begin.elapsed() < PATIENCE,
                    "a job's answer does not come, ROUNDELAY_SEED={}",
                    self.seed
                );
                self.turn(Duration::from_millis(10));
            }
        }
        self.rest();
        world.is_quiet.set(false);
    }

    fn end(mut self) -> Tally {
        let world = Rc::clone(&self.world);
        let how = world.below(3);
        if how == 0 {
            self.finish_all();
        }
        let seed = self.seed;
        let alive = world.alive().len();
        let last = world.number();
        world.is_ending.set(true);
        let event_loop = self.event_loop;
        drop(self.world);
        if how == 1 {
            let report = event_loop.shutdown(Duration::ZERO);
            world.expect(report.tasks.len() >= alive, || {
                format!(
                    "{alive} tasks were alive, but the report says {}",
                    report.tasks.len()
                )
            });
        } else {
            drop(event_loop);
        }
        let left = world.alive();
        world.expect(left.is_empty(), || {
            format!("tasks that outlived their loop: {left:?}")
        });
        let mut dropped = world.dropped();
        dropped.retain(|task| *task < last);
        world.expect(dropped.is_sorted(), || {
            format!("tasks were not dropped in the order of their spawning: {dropped:?}")
        });
        world.gear.check_idle(&world);
        world.clear();
        World::enter(None);
        let others = Rc::strong_count(&world) - 1;
        world.expect(others == 0, || {
            format!("{others} things that were not dropped hold the world")
        });
        world.assert_agreed(seed);
        Tally {
            steps: world.steps.get(),
            fingerprint: world.fingerprint(),
            counts: world.counts.take(),
        }
    }

    /// Every task ends by itself, and then the loop is empty.
    fn finish_all(&mut self) {
        let world = Rc::clone(&self.world);
        world.step("ends all");
        world.is_quiet.set(true);
        self.rest();
        world.must_finish.set(true);
        // A scope ends after its children, and a task that waits for the scope ends after the scope.
        for _ in 0..MOST_TURNS {
            if world.alive().is_empty() {
                break;
            }
            for (task, waker) in world.every_waker() {
                world.woken(task);
                waker.wake();
            }
            self.rest();
        }
        let tasks = self.event_loop.tasks();
        world.expect(tasks.is_empty(), || {
            format!("all tasks have finished, but the loop lists {tasks:?}")
        });
        let deadline = self.event_loop.next_deadline();
        world.expect(deadline.is_none(), || {
            "all tasks have finished, but a timer is armed".to_owned()
        });
        world.gear.check_idle(&world);
        world.is_quiet.set(false);
    }
}
