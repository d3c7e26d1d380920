//! Events in no order at all.

use std::time::Duration;

use roundelay::record::{Awaited, Cause, End, Event, Readiness, Recording, What};

use crate::Draw;

/// Every kind of event, in an order that is drawn from a seed. Most of it makes no sense.
pub fn nonsense(seed: u64, events: usize) -> Recording {
    let mut drawn = Draw(seed);
    let mut draw = move |end: u32| u32::try_from(drawn.below(end.into())).expect("below a u32");
    let us = |micros: u32| Duration::from_micros(micros.into());
    let mut at = Duration::ZERO;
    let mut recording = Recording::default();
    for _ in 0..events {
        let (one, two) = (draw(4), draw(4));
        let what = match draw(23) {
            0 => What::Park((one > 1).then(|| us(two))),
            1 => What::Unpark,
            2 => What::Look,
            3 => What::LookEnds,
            4 => What::Spawn(one, Some(two)),
            5 => What::Wake(one, Cause::Task(two)),
            6 => What::Wake(one, Cause::Job(two)),
            7 => What::Poll(one),
            8 => What::Waits(one),
            9 => What::Finish(one, End::Cancelled),
            10 => What::Abort(one),
            11 => What::Arm(Duration::MAX),
            12 => What::Fire(us(draw(20_000))),
            13 => What::Disarm,
            14 => What::Ready(one, Readiness::default()),
            15 => What::Submit(one),
            16 => What::JobBegins(one, two),
            17 => What::JobEnds(one),
            18 => What::BudgetSpent(one),
            19 => What::Awaits(Awaited::Source(one)),
            20 => What::Awaits(Awaited::Task(one)),
            21 => What::Awaits(Awaited::Job(one)),
            _ => What::Slow((one > 1).then_some(two)),
        };
        recording.events.push(Event::new(at, what));
        // Other threads note an event after it has happened, so sometimes the time goes back.
        at = (at + us(draw(3_000))).saturating_sub(us(draw(300)));
    }
    recording
}
