//! What tasks wait for. Each wait is a little session: it takes something, checks what the model says of it, holds it until
//! the machine lets it go on, and gives it back. A session may be dropped wherever it waits.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::os::unix::net::UnixStream as Wire;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use roundelay::future::{as_completed, join_all, race_all};
use roundelay::net::UnixStream;
use roundelay::sync::{RwLockWriteGuard, broadcast, oneshot};
use roundelay::time::{sleep_until, timeout_with};
use roundelay::{TaskGroup, interval_at, offload, race, timeout_at, yield_now};

use crate::actor::{Actor, Kin, Mapped, Output};
use crate::gear::{Access, Gate, Gear, Item, Line, Stop, Turns};
use crate::support::on_drop;
use crate::world::{Handle, Outcome, World};

pub(crate) type Session = Pin<Box<dyn Future<Output = ()>>>;

/// A deadline this far away never comes during a test.
const FAR: Duration = Duration::from_secs(1 << 20);

/// A deadline that is certainly due at the next look. The present moment is rounded up to a tick, so it may not be due yet.
pub(crate) fn past() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_millis(1)).unwrap_or(now)
}

/// A session, and how it may behave.
pub(crate) struct Wait {
    pub(crate) name: &'static str,
    pub(crate) session: Session,
    /// The thing it waits for, such as a socket or a job, can be ready before the loop has looked.
    pub(crate) may_be_early: bool,
}

/// A put or a send. When it is dropped, its item is dropped with it.
struct Offer {
    world: Rc<World>,
    session: Session,
}

impl Future for Offer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.session.as_mut().poll(cx)
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        let session = std::mem::replace(&mut self.session, Box::pin(async {}));
        self.world.taking_back(|| drop(session));
    }
}

fn offer(world: &Rc<World>, session: impl Future<Output = ()> + 'static) -> Session {
    Box::pin(Offer {
        world: Rc::clone(world),
        session: Box::pin(session),
    })
}

/// Runs `undo` however a session ends, for instance to reset a flag or to count down.
fn finally(undo: impl FnOnce()) -> impl Sized {
    on_drop(undo)
}

/// Counts the session as waiting, until it has what it waits for or gives up.
async fn in_line<F: Future>(world: &Rc<World>, line: Line, wait: F) -> F::Output {
    let count = &world.gear.lines[line as usize];
    count.set(count.get() + 1);
    let same = Rc::clone(world);
    let _served = finally(move || {
        let count = &same.gear.lines[line as usize];
        count.set(count.get() - 1);
    });
    wait.await
}

/// Keeps the session's place in a line, until it has what it waits for or gives up.
async fn in_turn<W: 'static, F: Future>(
    world: &Rc<World>,
    line: fn(&Gear) -> &Turns<W>,
    want: W,
    wait: F,
) -> F::Output {
    let number = world.number();
    line(&world.gear).borrow_mut().push((number, want));
    let same = Rc::clone(world);
    let _served = finally(move || {
        let mut places = line(&same.gear).borrow_mut();
        places.retain(|(other, _)| *other != number);
    });
    wait.await
}

async fn to_access<F: Future>(world: &Rc<World>, access: Access, wait: F) -> F::Output {
    in_turn(world, |gear| &gear.access_wanted, access, wait).await
}

/// Waits until the machine lets the session go on.
async fn pause(world: &Rc<World>) {
    let number = world.number();
    world.gear.stops.borrow_mut().push(Stop {
        number,
        is_released: false,
        waker: None,
    });
    let stops = Rc::clone(world);
    let _gone = finally(move || {
        let mut stops = stops.gear.stops.borrow_mut();
        stops.retain(|stop| stop.number != number);
    });
    poll_fn(|cx| {
        let mut stops = world.gear.stops.borrow_mut();
        let stop = stops.iter_mut().find(|stop| stop.number == number);
        let stop = stop.expect("the stop is there until this future ends");
        stop.waker = Some(cx.waker().clone());
        match stop.is_released {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

async fn maybe_pause(world: &Rc<World>, pauses: bool) {
    if pauses {
        pause(world).await;
    }
}

/// Locks the mutex, and checks that no other session is inside.
async fn locked(world: Rc<World>, pauses: bool, waits: bool) {
    let gear = &world.gear;
    let mut guard = in_line(&world, Line::Mutex, gear.mutex.lock()).await;
    if waits {
        guard = gear.condition.wait(guard).await;
    }
    world.expect(!gear.is_locked.replace(true), || {
        "two sessions have locked the mutex".to_owned()
    });
    let unlocked = Rc::clone(&world);
    let inside = finally(move || unlocked.gear.is_locked.set(false));
    *guard += 1;
    maybe_pause(&world, pauses).await;
    drop(inside);
}

async fn reading(world: Rc<World>, pauses: bool) {
    let gear = &world.gear;
    let _guard = to_access(&world, Access::Read, gear.rwlock.read()).await;
    world.expect(!gear.has_writer.get(), || {
        "one session reads while another writes".to_owned()
    });
    gear.readers.set(gear.readers.get() + 1);
    let left = Rc::clone(&world);
    let _inside = finally(move || left.gear.readers.set(left.gear.readers.get() - 1));
    maybe_pause(&world, pauses).await;
}

async fn writing(world: Rc<World>, pauses: bool, reads_on: bool) {
    let gear = &world.gear;
    let mut guard = to_access(&world, Access::Write, gear.rwlock.write()).await;
    let is_alone = gear.readers.get() == 0 && !gear.has_writer.replace(true);
    world.expect(is_alone, || "a writer is not alone".to_owned());
    let left = Rc::clone(&world);
    let inside = finally(move || left.gear.has_writer.set(false));
    *guard += 1;
    let written = *guard;
    maybe_pause(&world, pauses).await;
    drop(inside);
    if reads_on {
        let guard = RwLockWriteGuard::downgrade(guard);
        world.expect(*guard == written && !gear.has_writer.get(), || {
            "a writer that became a reader found the value of another writer".to_owned()
        });
    }
}

async fn permitted(world: Rc<World>, permits: usize, pauses: bool) {
    let gear = &world.gear;
    let acquired = gear.semaphore.acquire_many_owned(permits);
    let acquired = in_turn(&world, |gear| &gear.permits_wanted, permits, acquired).await;
    let Ok(permit) = acquired else {
        return world.expect(false, || "the semaphore is closed".to_owned());
    };
    gear.permits_out.set(gear.permits_out.get() + permits);
    let left = Rc::clone(&world);
    let inside = finally(move || {
        let out = &left.gear.permits_out;
        out.set(out.get() - permits);
    });
    gear.check(&world);
    maybe_pause(&world, pauses).await;
    // The model is updated first, because a waiter that gets the permit checks the model.
    drop(inside);
    drop(permit);
}

async fn receiving(world: Rc<World>) {
    let Some(receiver) = world.gear.receiver.take() else {
        return;
    };
    // The receiver is put back however this ends, because all receiving sessions share it.
    struct Back(Rc<World>, Option<roundelay::sync::mpsc::Receiver<Item>>);
    impl Drop for Back {
        fn drop(&mut self) {
            self.0.gear.receiver.replace(self.1.take());
        }
    }
    let mut back = Back(Rc::clone(&world), Some(receiver));
    let received = back
        .1
        .as_mut()
        .expect("the receiver was just put in")
        .recv();
    if let Some(item) = in_line(&world, Line::Receive, received).await {
        item.got();
    }
}

async fn one_answer(world: Rc<World>) {
    let (sender, receiver) = oneshot::channel();
    world.gear.oneshots.borrow_mut().push(sender);
    let _ = receiver.await;
}

async fn one_question(world: Rc<World>) {
    let (mut sender, receiver) = oneshot::channel();
    world.gear.questions.borrow_mut().push(receiver);
    sender.closed().await;
}

/// Listens, and checks that the values come in order.
async fn listening(world: Rc<World>, mut receiver: broadcast::Receiver<u64>, times: usize) {
    let mut last = 0;
    for _ in 0..times {
        match receiver.recv().await {
            Ok(number) => {
                world.expect(number > last, || format!("{number} was heard after {last}"));
                last = number;
            }
            Err(broadcast::RecvError::Lagged(_)) => {}
            Err(broadcast::RecvError::Closed) => return,
        }
    }
}

async fn watching(world: Rc<World>) {
    let Some(mut receiver) = world
        .gear
        .weather
        .borrow()
        .as_ref()
        .map(|sender| sender.subscribe())
    else {
        return;
    };
    let before = *receiver.borrow_and_update();
    if receiver.changed().await.is_ok() {
        let after = *receiver.borrow();
        world.expect(after > before, || {
            format!("the value changed from {before} to {after}")
        });
    }
}

async fn napping(world: Rc<World>) {
    let nap = Rc::new(RefCell::new(Box::pin(sleep_until(Instant::now() + FAR))));
    world.gear.naps.borrow_mut().push(Rc::clone(&nap));
    let gone = Rc::clone(&world);
    let same = Rc::clone(&nap);
    let _gone = finally(move || {
        gone.gear
            .naps
            .borrow_mut()
            .retain(|nap| !Rc::ptr_eq(nap, &same));
    });
    poll_fn(|cx| nap.borrow_mut().as_mut().poll(cx)).await;
    world.expect(nap.borrow().deadline() <= Instant::now(), || {
        "a sleep was ready before its deadline".to_owned()
    });
}

async fn ticking(world: Rc<World>, times: usize) {
    let interval = interval_at(Instant::now() + FAR, Duration::from_millis(1 << 20));
    let interval = Rc::new(RefCell::new(interval));
    world.gear.intervals.borrow_mut().push(Rc::clone(&interval));
    let (gone, same) = (Rc::clone(&world), Rc::clone(&interval));
    let _gone = finally(move || {
        let mut intervals = gone.gear.intervals.borrow_mut();
        intervals.retain(|interval| !Rc::ptr_eq(interval, &same));
    });
    for _ in 0..times {
        let due = poll_fn(|cx| interval.borrow_mut().poll_tick(cx)).await;
        world.expect(due <= Instant::now(), || {
            "an interval ticked before its time".to_owned()
        });
    }
}

async fn reading_a_wire(world: Rc<World>) {
    let (ours, theirs) = Wire::pair().expect("a pair of sockets");
    let stream = UnixStream::from_std(ours).expect("a stream");
    world.gear.wires.borrow_mut().push(theirs);
    let mut byte = [0];
    if stream.read(&mut byte).await.expect("a read") == 1 {
        world.expect(byte == [7], || format!("{byte:?} was read, and 7 written"));
    }
}

pub(crate) fn write_to(wire: &mut Wire) {
    // If the reader is gone, this is an error.
    let _ = wire.write(&[7]);
}

async fn job(world: Rc<World>) {
    let (open, opened) = channel();
    let number = world.number();
    let gate = Gate { number, open };
    world.gear.gates.borrow_mut().push(gate);
    // When the gate is gone, an abandoned job ends.
    let gone = Rc::clone(&world);
    let _gone = finally(move || {
        let mut gates = gone.gear.gates.borrow_mut();
        gates.retain(|gate| gate.number != number);
    });
    let answer = offload(move || {
        let _ = opened.recv();
        number
    });
    world.expect(answer.await.ok() == Some(number), || {
        "a job gave another job's answer".to_owned()
    });
}

async fn joining(world: Rc<World>, handle: Handle, cancels: bool) {
    let Handle {
        task,
        mut join,
        outcome,
    } = handle;
    if cancels {
        world.aborted_unless_ended(task);
        join = join.cancel();
    }
    let result = join.await;
    let foreseen = outcome.get();
    let is_right = match (&result, foreseen) {
        (Ok(output), Outcome::Value(number)) => output.value.number == number,
        (Err(error), Outcome::Panic) => error.is_panic(),
        (Err(error), Outcome::Cancelled) => error.is_cancelled(),
        _ => false,
    };
    world.expect(is_right, || {
        let result = result.as_ref().map(|output| output.value.number);
        format!("task {task} should have ended as {foreseen:?}, but its handle says {result:?}")
    });
}

/// A scope. When it has ended, or has been dropped, none of its children lives.
async fn scope(world: Rc<World>, children: usize, how: usize) {
    let kin: Kin = Rc::default();
    let result = TaskGroup::<u64>::scope_until_cancelled(async |group| {
        for _ in 0..children {
            let actor = Actor::child(&world, &kin);
            let id = actor.id();
            let map = |output: Output| match output.fails {
                true => Err(output.value.number),
                false => Ok(output),
            };
            let admitted = group.spawn(Mapped { actor, map });
            world.expect(admitted.is_some(), || {
                format!("an open group refused child {id}")
            });
        }
        match how {
            0 => Ok(()),
            1 => Err(1),
            2 => {
                group.cancel();
                std::future::pending().await
            }
            _ => {
                pause(&world).await;
                Ok(())
            }
        }
    })
    .await;
    world.expect(kin.get() == 0, || {
        format!(
            "a scope has ended ({}), but {} children live",
            result.is_ok(),
            kin.get()
        )
    });
    world.expect(how != 1 || result.is_err(), || {
        "the error of a scope's body was lost".to_owned()
    });
}

/// A session inside of a time-out, which the machine may let expire.
async fn limited(world: Rc<World>, inner: Session, deadline: usize) {
    match deadline {
        0 => drop(timeout_at(Instant::now() + FAR, inner).await),
        1 => drop(timeout_at(past(), inner).await),
        _ => {
            let late = timeout_with(FAR, async |limit| {
                pause(&world).await;
                limit.reschedule(past());
                inner.await;
            });
            let _ = late.await;
        }
    }
}

async fn several(inner: Vec<Session>, how: usize) {
    match how {
        0 => drop(join_all(inner).await),
        1 => drop(race_all(inner).await),
        2 => {
            let mut set = as_completed(inner);
            while set.next().await.is_some() {}
        }
        _ => {
            let mut inner = inner.into_iter();
            if let (Some(one), Some(two)) = (inner.next(), inner.next()) {
                race!(one, two);
            }
        }
    }
}

// The numbers of some kinds of sessions. The number of writing comes after that of reading.
const READ: usize = 2;
const PERMITS_WANTED: usize = 4;

/// A random session. `depth` limits the nesting of combinators. `is_native` tasks may also wait for jobs.
pub(crate) fn any(world: &Rc<World>, depth: usize, is_native: bool) -> Wait {
    let kinds = if depth == 0 { 19 } else { 24 };
    // The semaphore and the reader-writer lock are used more often than the rest, for the sake of one rare case. The first in
    // the line wants many permits, or to write, and gives up. Then a waiter behind it can be served with what is free.
    let kind = match world.below(12) {
        0 | 1 => PERMITS_WANTED,
        2 => READ,
        3 => READ + world.below(2),
        _ => world.below(kinds),
    };
    let (pauses, flag, few) = (!world.one_in(3), world.one_in(2), 1 + world.below(3));
    let here = Rc::clone(world);
    let gear = &world.gear;
    let (name, session): (_, Session) = match kind {
        0 => ("lock", Box::pin(locked(here, pauses, false))),
        1 => ("condition", Box::pin(locked(here, pauses, true))),
        READ => ("read", Box::pin(reading(here, pauses))),
        3 => ("write", Box::pin(writing(here, pauses, flag))),
        PERMITS_WANTED => ("acquire", Box::pin(permitted(here, few, pauses))),
        5 => {
            let notify = Rc::clone(&gear.notify);
            ("notified", Box::pin(async move { notify.notified().await }))
        }
        6 => {
            let event = Rc::clone(&gear.event);
            (
                "event",
                Box::pin(async move { in_line(&here, Line::Event, event.wait()).await }),
            )
        }
        7 => {
            let barrier = Rc::clone(&gear.barrier);
            (
                "barrier",
                Box::pin(async move {
                    let _ = barrier.wait().await;
                }),
            )
        }
        8 => {
            let (queue, item) = (Rc::clone(&gear.queue), Item::new(world));
            (
                "put",
                offer(world, async move {
                    drop(in_line(&here, Line::Put, queue.put(item)).await)
                }),
            )
        }
        9 => {
            let queue = Rc::clone(&gear.queue);
            (
                "get",
                Box::pin(async move {
                    in_line(&here, Line::Get, queue.get())
                        .await
                        .into_iter()
                        .for_each(Item::got)
                }),
            )
        }
        10 => {
            let (sender, item) = (gear.sender.borrow().clone(), Item::new(world));
            let sender = sender.expect("the sender is there until the end");
            (
                "send",
                offer(world, async move {
                    drop(in_line(&here, Line::Send, sender.send(item)).await)
                }),
            )
        }
        11 => ("receive", Box::pin(receiving(here))),
        12 => ("oneshot", Box::pin(one_answer(here))),
        13 => ("oneshot closed", Box::pin(one_question(here))),
        14 => {
            let receiver = gear.news.borrow().as_ref().map(|news| news.subscribe());
            let receiver = receiver.expect("the receiver is there until the end");
            ("broadcast", Box::pin(listening(here, receiver, few)))
        }
        15 => ("watch", Box::pin(watching(here))),
        16 => {
            let token = gear.token.borrow().child_token();
            (
                "token",
                Box::pin(async move { token.cancelled_owned().await }),
            )
        }
        17 => ("sleep", Box::pin(napping(here))),
        18 => return special(world, is_native),
        19 => ("interval", Box::pin(ticking(here, few))),
        20 => ("scope", Box::pin(scope(here, few, world.below(6)))),
        21 => {
            let inner = any(world, depth - 1, is_native);
            return over(inner, "time-out", |inner| {
                Box::pin(limited(here, inner, few))
            });
        }
        _ => {
            let how = world.below(4);
            let inner: Vec<Wait> = (0..2 + few % 2)
                .map(|_| any(world, depth - 1, is_native))
                .collect();
            return over_all(inner, how);
        }
    };
    Wait {
        name,
        session,
        may_be_early: false,
    }
}

/// A rarer session, which costs system calls or takes something that another session may have.
fn special(world: &Rc<World>, is_native: bool) -> Wait {
    let here = Rc::clone(world);
    let (name, session): (_, Session) = match world.below(8) {
        0 => ("socket", Box::pin(reading_a_wire(here))),
        1 if is_native => ("offload", Box::pin(job(here))),
        2 => match world.remotes.borrow_mut().pop() {
            Some(handle) => ("remote handle", Box::pin(async move { drop(handle.await) })),
            None => ("yield", Box::pin(yield_now())),
        },
        3 => ("yield", Box::pin(yield_now())),
        _ => match world.anothers_handle() {
            Some(handle) => {
                let cancels = world.one_in(3);
                ("join", Box::pin(joining(here, handle, cancels)))
            }
            None => ("yield", Box::pin(yield_now())),
        },
    };
    Wait {
        name,
        session,
        may_be_early: matches!(name, "socket" | "offload"),
    }
}

fn over(inner: Wait, name: &'static str, wrap: impl FnOnce(Session) -> Session) -> Wait {
    Wait {
        name,
        session: wrap(inner.session),
        may_be_early: inner.may_be_early,
    }
}

fn over_all(inner: Vec<Wait>, how: usize) -> Wait {
    let may_be_early = inner.iter().any(|wait| wait.may_be_early);
    let sessions = inner.into_iter().map(|wait| wait.session).collect();
    Wait {
        name: ["join_all", "race_all", "as_completed", "race"][how],
        session: Box::pin(several(sessions, how)),
        may_be_early,
    }
}
