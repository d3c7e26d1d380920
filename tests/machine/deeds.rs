//! The deeds that can be done anywhere: between two turns, in a poll, in a destructor.

use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::sync::CancelToken;
use roundelay::task::{self, try_spawn};
use roundelay::{EventLoop, sleep, spawn, yield_now};

use crate::actor::{Actor, Mapped};
use crate::gear::{Item, PERMITS};
use crate::waits::{past, write_to};
use crate::world::{Handle, Place, World, here};

/// The most destructors that may run inside each other.
const DEEPEST: u32 = 3;
const FAR: Duration = Duration::from_secs(1 << 20);

/// Does one random deed.
pub(crate) fn anywhere(world: &Rc<World>, place: Place, event_loop: Option<&EventLoop>) {
    if world.depth.get() == DEEPEST || world.is_quiet.get() {
        return;
    }
    world.depth.set(world.depth.get() + 1);
    match world.below(20) {
        0..4 => wake(world),
        4..6 => spawn_one(world, place, event_loop),
        6..8 => to_a_task(world),
        8..10 => release(world),
        10..12 => to_time(world),
        12 => from_elsewhere(world),
        13..16 => to_locks(world),
        16..19 => to_channels(world),
        _ => to_the_rest(world),
    }
    world.depth.set(world.depth.get() - 1);
}

fn wake(world: &Rc<World>) {
    if let Some((task, waker)) = world.any_waker() {
        if world.one_in(20) {
            world.step("wakes from a thread");
            world.mailed(task);
            world.helper.run(move || waker.wake());
        } else {
            world.step("wakes");
            world.woken(task);
            waker.wake();
        }
    }
}

pub(crate) fn spawn_one(world: &Rc<World>, place: Place, event_loop: Option<&EventLoop>) {
    if !world.has_room() || world.nested.get() > 0 {
        return;
    }
    world.step("spawns");
    let actor = Actor::new(world);
    let (task, outcome) = (actor.id(), actor.outcome());
    let join = match (event_loop, place) {
        (Some(event_loop), _) => event_loop.spawn(actor),
        (None, Place::Poll) if world.one_in(2) => task::Builder::new().name("actor").spawn(actor),
        _ => match try_spawn(actor) {
            Ok(join) => join,
            Err(refused) => {
                world.refused(task);
                return drop(refused);
            }
        },
    };
    if world.one_in(3) {
        let mut aborts = world.aborts.borrow_mut();
        aborts.push((task, join.abort_handle()));
        let oldest = (aborts.len() > 8).then(|| aborts.remove(0));
        drop((aborts, oldest));
    }
    match world.one_in(4) {
        true => drop(join),
        false => world.keep(Handle {
            task,
            join,
            outcome,
        }),
    }
}

fn to_a_task(world: &Rc<World>) {
    match world.below(3) {
        0 => {
            if let Some(handle) = world.any_handle() {
                world.step("aborts");
                world.aborted_unless_ended(handle.task);
                handle.join.abort();
                world.keep(handle);
            }
        }
        1 => {
            let count = world.aborts.borrow().len();
            if count > 0 {
                world.step("aborts from afar");
                let (task, handle) = world.aborts.borrow_mut().swap_remove(world.below(count));
                world.aborted_unless_ended(task);
                handle.abort();
            }
        }
        _ => {
            if let Some(handle) = world.any_handle() {
                world.step("detaches");
                drop(handle);
            }
        }
    }
}

/// Lets a random session go on.
fn release(world: &Rc<World>) {
    let waker = {
        let mut stops = world.gear.stops.borrow_mut();
        if stops.is_empty() {
            return;
        }
        let index = world.below(stops.len());
        stops[index].is_released = true;
        stops[index].waker.take()
    };
    world.step("releases");
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn to_time(world: &Rc<World>) {
    // The deadline is in the past or in the far future, so the speed of this machine does not matter.
    let (name, at) = match world.one_in(3) {
        true => ("puts a timer off", Instant::now() + FAR),
        false => ("makes a timer due", past()),
    };
    let pick = |count: usize| (count > 0).then(|| world.below(count));
    if world.one_in(3) {
        let intervals = &world.gear.intervals;
        if let Some(index) = pick(intervals.borrow().len()) {
            world.step("resets an interval");
            let interval = Rc::clone(&intervals.borrow()[index]);
            interval.borrow_mut().reset_at(at);
        }
    } else if let Some(index) = pick(world.gear.naps.borrow().len()) {
        world.step(name);
        let nap = Rc::clone(&world.gear.naps.borrow()[index]);
        nap.borrow_mut().reset(at);
    }
}

/// Posts and spawns, from this thread or from another.
fn from_elsewhere(world: &Rc<World>) {
    let Some(remote) = world.remote.borrow().clone() else {
        return;
    };
    let is_afar = world.one_in(4);
    match world.below(3) {
        0 => {
            world.step("posts");
            let number = world.post();
            let call = move || {
                if let Some(world) = here() {
                    world.post_runs(number);
                    anywhere(&world, Place::Drop, None);
                }
            };
            match is_afar {
                true => world.helper.run(move || drop(remote.post(call))),
                false => drop(remote.post(call)),
            }
        }
        1 if world.has_room() => {
            world.step("spawns from elsewhere");
            let make = || {
                let actor =
                    Actor::running(&here().expect("a posted call runs on its loop's thread"));
                Mapped { actor, map: drop }
            };
            let handle = remote.spawn(make);
            let mut remotes = world.remotes.borrow_mut();
            remotes.push(handle);
            let oldest = (remotes.len() > 4).then(|| remotes.remove(0));
            drop((remotes, oldest));
        }
        _ => {
            let handle = world.remotes.borrow_mut().pop();
            if handle.is_some() {
                world.step("lets go of a remote handle");
            }
            drop(handle);
        }
    }
}

fn to_locks(world: &Rc<World>) {
    let gear = &world.gear;
    match world.below(10) {
        0 => {
            world.step("notifies one");
            gear.notify.notify_one();
        }
        1 => {
            world.step("notifies all waiters");
            gear.notify.notify_waiters();
        }
        2 => {
            world.step("sets the event");
            gear.event.set();
        }
        3 => {
            world.step("clears the event");
            gear.event.clear();
        }
        4 | 5 => {
            world.step("notifies the condition");
            gear.condition.notify(1 + world.below(3));
        }
        6 => {
            world.step("resets the barrier");
            if world.one_in(2) {
                gear.barrier.abort();
            }
            gear.barrier.reset();
        }
        7 => {
            world.step("tries the mutex");
            if let Ok(guard) = gear.mutex.try_lock() {
                world.expect(!gear.is_locked.get(), || {
                    "two tasks have locked the mutex".to_owned()
                });
                drop(guard);
            }
        }
        8 => {
            world.step("tries the semaphore");
            if let Ok(permit) = gear.semaphore.try_acquire_many(1 + world.below(PERMITS)) {
                gear.check(world);
                drop(permit);
            }
        }
        _ => {
            world.step("tries the reader-writer lock");
            if let Ok(guard) = gear.rwlock.try_write() {
                let is_alone = gear.readers.get() == 0 && !gear.has_writer.get();
                world.expect(is_alone, || "a writer is not alone".to_owned());
                drop(guard);
            }
        }
    }
}

fn to_channels(world: &Rc<World>) {
    let gear = &world.gear;
    match world.below(10) {
        0 => {
            world.step("tries to put");
            world.taking_back(|| drop(gear.queue.try_put(Item::new(world))));
        }
        1 | 2 => {
            world.step("tries to get");
            let item = gear.queue.try_get();
            item.into_iter().for_each(Item::got);
        }
        3 => {
            world.step("tries to send");
            let sender = gear.sender.borrow().clone();
            if let Some(sender) = sender {
                world.taking_back(|| drop(sender.try_send(Item::new(world))));
            }
        }
        4 | 5 => {
            world.step("tries to receive");
            if let Some(mut receiver) = gear.receiver.take() {
                let item = receiver.try_recv();
                gear.receiver.replace(Some(receiver));
                item.into_iter().for_each(Item::got);
            }
        }
        6 => {
            let sender = gear.oneshots.borrow_mut().pop();
            if let Some(sender) = sender {
                world.step("answers, or not");
                match world.one_in(2) {
                    true => drop(sender),
                    false => drop(sender.send(world.number())),
                }
            }
        }
        7 => {
            let receiver = gear.questions.borrow_mut().pop();
            if receiver.is_some() {
                world.step("does not want the answer");
            }
            drop(receiver);
        }
        8 => {
            world.step("broadcasts");
            let number = world.number();
            let news = gear.news.borrow();
            let _ = news.as_ref().map(|news| news.send(number));
        }
        _ => {
            world.step("changes the watched value");
            let number = world.number();
            let weather = gear.weather.borrow();
            let _ = weather.as_ref().map(|weather| weather.send(number));
        }
    }
}

fn to_the_rest(world: &Rc<World>) {
    let gear = &world.gear;
    if world.one_in(2) {
        world.step("cancels the token");
        let token = gear.token.replace(CancelToken::new());
        token.cancel();
    } else {
        let wire = gear.wires.borrow_mut().pop();
        if let Some(mut wire) = wire {
            world.step("writes to a socket, or hangs up");
            if world.one_in(2) {
                write_to(&mut wire);
            }
        }
    }
}

/// Runs a loop inside of a task. Its tasks wake and abort tasks of the outer loop.
pub(crate) fn nest(world: &Rc<World>) {
    if world.nested.get() > 0 {
        return;
    }
    world.step("nests a loop");
    let mut inner = EventLoop::new().expect("a loop");
    world.nested.set(1);
    let deeds = Rc::clone(world);
    let sum = inner.run(async move {
        let one = spawn(async {
            yield_now().await;
            1
        });
        for _ in 0..deeds.below(3) {
            anywhere(&deeds, Place::Poll, None);
            yield_now().await;
        }
        sleep(Duration::ZERO).await;
        one.await.expect("this task does not fail") + 1
    });
    world.expect(sum == 2, || "a nested loop lost its task".to_owned());
    drop(inner);
    world.nested.set(0);
}
