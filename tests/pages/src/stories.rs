//! Three recordings: one to learn from, one with a hundred thousand events, one with thousands of tasks.

use std::time::Duration;

use roundelay::record::{End, Recording};

use crate::played::{Outcome, Played};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// A small server with one task that does not give the thread back for 80 ms. Some 700 events.
pub fn chat(seed: u64) -> Recording {
    let mut played = Played::new("chat", seed);
    played.spawn(Some("main"), main_task());
    played.run(2_000)
}

/// Spawns the other tasks one after the other, and ends last.
fn main_task() -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut step = 0;
    let mut lost = 0;
    move |played| {
        step += 1;
        played.work(40);
        match step {
            1 => {
                played.spawn(Some("server"), server());
                played.spawn(Some("ticker"), ticker(28));
                lost = played.spawn(Some("waits for a message"), forgotten());
                played.sleep(ms(55));
            }
            2 => {
                played.spawn(Some("resize an image"), blocks());
                played.sleep(ms(130));
            }
            3 => {
                played.spawn(Some("search, fair"), fair());
                played.spawn(Some("read a file"), reads_a_file());
                played.sleep(ms(90));
            }
            4 => {
                played.spawn(Some("slow client"), slow_client());
                played.sleep(ms(60));
            }
            _ => {
                played.abort(lost);
                return Outcome::Ends(End::Value);
            }
        }
        Outcome::Waits
    }
}

fn server() -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut accepted = 0;
    move |played| {
        played.work(25);
        if accepted > 0 {
            let source = 4 + accepted;
            played.spawn(Some(&format!("connection {accepted}")), connection(source));
        }
        accepted += 1;
        if accepted < 6 {
            let next = played.draw.between(ms(4), ms(34));
            played.read(3, next);
        }
        Outcome::Waits
    }
}

fn connection(source: u32) -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut messages = 0;
    move |played| {
        played.work(90);
        messages += 1;
        if messages > 12 {
            return Outcome::Ends(match source {
                6 => End::Error,
                7 => End::Panic,
                _ => End::Value,
            });
        }
        let next = played.draw.between(ms(5), ms(30));
        played.read(source, next);
        Outcome::Waits
    }
}

fn ticker(times: u32) -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut ticks = 0;
    move |played| {
        played.work(15);
        ticks += 1;
        if ticks > times {
            return Outcome::Ends(End::Value);
        }
        played.sleep(ms(10));
        Outcome::Waits
    }
}

/// A common mistake: 80 ms of work in one poll.
fn blocks() -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut is_done = false;
    move |played| {
        if std::mem::replace(&mut is_done, true) {
            return Outcome::Ends(End::Value);
        }
        played.compute(ms(80));
        played.sleep(ms(20));
        Outcome::Waits
    }
}

/// The same amount of work, which gives the thread back after every 2 ms.
fn fair() -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut parts = 0;
    move |played| {
        played.compute(us(1_900));
        parts += 1;
        if parts == 40 {
            return Outcome::Ends(End::Value);
        }
        played.yield_now();
        Outcome::Waits
    }
}

fn reads_a_file() -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut blocks = 0;
    move |played| {
        played.work(30);
        blocks += 1;
        if blocks > 4 {
            return Outcome::Ends(End::Value);
        }
        let takes = played.draw.between(ms(8), ms(24));
        played.offload(takes);
        Outcome::Waits
    }
}

/// Another thread wakes this task again and again, but the task has nothing to do.
fn slow_client() -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut polls = 0;
    move |played| {
        polls += 1;
        if polls > 60 {
            return Outcome::Ends(End::Value);
        }
        if polls > 1 {
            played.compute(Duration::from_nanos(180));
        } else {
            played.work(20);
        }
        played.hear_from_thread(us(700));
        Outcome::Waits
    }
}

fn forgotten() -> impl FnMut(&mut Played) -> Outcome + 'static {
    move |played| {
        played.work(8);
        Outcome::Waits
    }
}

/// Forty tasks that do all kinds of steps, until there are this many events.
pub fn storm(seed: u64, events: usize) -> Recording {
    let mut played = Played::new("storm", seed);
    played.spawn(Some("main"), |played| {
        for number in 0..39 {
            let name = format!("worker {number}");
            played.spawn((number % 4 > 0).then_some(&*name), worker(number));
        }
        Outcome::Ends(End::Value)
    });
    played.run(events)
}

fn worker(number: u32) -> impl FnMut(&mut Played) -> Outcome + 'static {
    move |played| {
        let busy = played.draw.below(30) + 1;
        let is_slow = played.draw.below(3_000) == 0;
        played.work(if is_slow { 14_000 } else { busy });
        match played.draw.below(12) {
            0..=3 => {
                let time = played.draw.between(us(100), ms(4));
                played.sleep(time);
            }
            4..=6 => {
                let time = played.draw.between(us(50), ms(2));
                played.read(3 + number % 5, time);
            }
            7 => {
                let time = played.draw.between(us(300), ms(6));
                played.offload(time);
            }
            8 => played.spend_budget(),
            9 => {
                let time = played.draw.between(us(100), ms(1));
                played.hear_from_thread(time);
            }
            _ => {
                let other = u32::try_from(played.draw.below(39)).expect("small") + 1;
                played.wake_task(other);
                played.yield_now();
            }
        }
        Outcome::Waits
    }
}

/// This many tasks, with a few polls each.
pub fn crowd(seed: u64, tasks: usize) -> Recording {
    let mut played = Played::new("crowd", seed);
    let mut spawned = 0;
    played.spawn(Some("main"), move |played| {
        for _ in 0..50 {
            spawned += 1;
            played.spawn((spawned % 3 == 0).then_some("request"), short_lived());
        }
        played.work(200);
        if spawned >= tasks {
            return Outcome::Ends(End::Value);
        }
        played.sleep(us(400));
        Outcome::Waits
    });
    played.run(usize::MAX)
}

fn short_lived() -> impl FnMut(&mut Played) -> Outcome + 'static {
    let mut polls = 0;
    move |played| {
        played.work(4);
        polls += 1;
        if polls > 3 {
            return Outcome::Ends(End::Value);
        }
        let time = played.draw.between(us(100), ms(9));
        played.sleep(time);
        Outcome::Waits
    }
}
