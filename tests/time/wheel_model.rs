//! Compares the wheel with a sorted map.
//!
//! The oracle is the simplest structure: a `BTreeMap` by (deadline, order of arming). Random
//! operations go to both. After each operation both must agree on the number of armed timers and on
//! the next deadline. When time moves, they must agree on the timers that fire and on their order.
//!
//! A long life has 200,000 operations, and a million with `--release`. `ROUNDELAY_LONG=1` asks for 10^8 (with `--release`).
//! `ROUNDELAY_SEED=n` repeats the run that was printed as failing.

#[allow(dead_code)]
#[path = "../../src/time/wheel.rs"]
mod wheel;

use std::collections::BTreeMap;
use std::env;

use crate::draw::{Choice, among, check, one_of};
use crate::support::{PATIENCE, Random, watchdog};
use quickcheck::{Arbitrary, Gen};
use wheel::{CROWD, Key, Reset, Wheel};

/// The number of a timer: its place in the order of arming and resetting.
type Serial = u64;

/// The wheel, the oracle, and the owner of all keys.
struct Model {
    wheel: Wheel<usize>,
    sorted: BTreeMap<(u64, Serial), usize>,
    timers: Vec<Timer>,
    /// The indices of `timers` whose key has been given back.
    vacant: Vec<usize>,
    serial: Serial,
    elapsed: u64,
    /// The budget of one call of `pop_due`.
    budget: usize,
    /// The time at which the last call stopped, if it stopped at its budget.
    stopped_at: Option<u64>,
    ledger: Ledger,
}

/// Calls `pop_due` without a bound.
fn pop<T>(wheel: &mut Wheel<T>, now: u64) -> Option<(u64, T)> {
    wheel.pop_due(now, &mut { usize::MAX })
}

/// Counts what has happened to armed timers, so that a run without events does not pass.
#[derive(Debug, Default)]
struct Ledger {
    fired: u64,
    cancelled: u64,
    moved: u64,
    /// The calls that stopped at their budget although a timer was due.
    stopped: u64,
    /// The timers that were dealt out before their slot had come.
    ahead: u64,
    /// Calls of `shrink` that have made the table smaller.
    shrunk: u64,
}

struct Timer {
    key: Option<Key>,
    /// The timer's place in the oracle, while it is armed.
    place: Option<(u64, Serial)>,
}

impl Model {
    fn new() -> Self {
        Model::with_budget(usize::MAX)
    }

    fn with_budget(budget: usize) -> Self {
        Model {
            wheel: Wheel::new(),
            sorted: BTreeMap::new(),
            timers: Vec::new(),
            vacant: Vec::new(),
            serial: 0,
            elapsed: 0,
            budget,
            stopped_at: None,
            ledger: Ledger::default(),
        }
    }

    fn place(&mut self, deadline: u64) -> (u64, Serial) {
        self.serial += 1;
        (deadline.max(self.elapsed), self.serial)
    }

    fn arm(&mut self, deadline: u64) -> usize {
        let place = self.place(deadline);
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.timers.push(Timer {
                key: None,
                place: None,
            });
            self.timers.len() - 1
        });
        let key = self.wheel.arm(deadline, index);
        self.sorted.insert(place, index);
        self.timers[index] = Timer {
            key: Some(key),
            place: Some(place),
        };
        self.check();
        index
    }

    fn disarm(&mut self, index: usize) {
        let timer = &mut self.timers[index];
        let Some(key) = timer.key.take() else { return };
        let place = timer.place.take();
        let item = self.wheel.disarm(key);
        assert_eq!(item, place.map(|_| index));
        if let Some(place) = place {
            assert_eq!(self.sorted.remove(&place), Some(index));
            self.ledger.cancelled += 1;
        }
        self.vacant.push(index);
        self.check();
    }

    fn reset(&mut self, index: usize, deadline: u64) {
        let place = self.place(deadline);
        let timer = &mut self.timers[index];
        let Some(key) = &timer.key else { return };
        let answer = self.wheel.reset(key, deadline);
        if let Some(old) = timer.place {
            assert_eq!(answer, Reset::Moved);
            assert_eq!(self.sorted.remove(&old), Some(index));
            self.sorted.insert(place, index);
            timer.place = Some(place);
            self.ledger.moved += 1;
        } else {
            assert_eq!(answer, Reset::HasFired);
        }
        self.check();
    }

    /// Pops one timer, if one is due and the budget is enough to reach it.
    fn pop_due(&mut self, now: u64) -> Popped {
        let mut budget = self.budget;
        let due = self.wheel.pop_due(now, &mut budget);
        let first = self.sorted.first_key_value().map(|(&(d, _), &i)| (d, i));
        let expected = first.filter(|&(deadline, _)| deadline <= now);
        // A call for an earlier time does not get as far.
        self.stopped_at = self.stopped_at.filter(|&at| due.is_none() && now < at);
        let popped = match due {
            Some((deadline, index)) => {
                assert_eq!(
                    due, expected,
                    "an earlier timer is hidden behind a later one"
                );
                self.sorted.pop_first();
                let fired = &mut self.timers[index];
                fired.place = None;
                assert_eq!(self.wheel.item(fired.key.as_ref().unwrap()), None);
                self.elapsed = deadline;
                self.ledger.fired += 1;
                // Half of the owners give their key back at once. The others keep it.
                if self.serial % 2 == 0 {
                    self.disarm(index);
                }
                Popped::One
            }
            None if budget == 0 => {
                self.ledger.stopped += u64::from(expected.is_some());
                self.stopped_at = Some(now);
                self.check();
                self.elapsed = self.elapsed_of_the_wheel();
                Popped::Stopped
            }
            None => {
                assert_eq!(expected, None);
                self.elapsed = self.elapsed.max(now);
                Popped::Nothing
            }
        };
        self.check();
        popped
    }

    /// The wheel's own time, after it has stopped halfway. A timer in the far past counts as due at that time.
    fn elapsed_of_the_wheel(&mut self) -> u64 {
        let key = self.wheel.arm(0, usize::MAX);
        let elapsed = self.wheel.next_deadline().expect("a timer is armed");
        assert_eq!(self.wheel.disarm(key), Some(usize::MAX));
        elapsed
    }

    fn expire(&mut self, now: u64) {
        while self.pop_due(now) != Popped::Nothing {}
    }

    fn check(&mut self) {
        assert_eq!(self.wheel.len(), self.sorted.len());
        let earliest = self
            .sorted
            .first_key_value()
            .map(|(&(deadline, _), _)| deadline);
        let answer = self.wheel.next_deadline();
        let has_a_rest = self.stopped_at.is_some_and(|at| answer <= Some(at));
        let may_be_early = has_a_rest || self.sorted.len() > CROWD;
        if !may_be_early {
            assert_eq!(answer, earliest);
        } else {
            assert!(
                answer <= earliest && answer.is_some() == earliest.is_some(),
                "{answer:?} {earliest:?}"
            );
        }
    }

    /// An armed timer near `index`, if there is one. Most timers have fired already, and testing those shows little.
    fn pick(&self, index: usize) -> usize {
        let near = (index..index.saturating_add(32)).map(|near| near % self.timers.len());
        let armed = near
            .into_iter()
            .find(|&near| self.timers[near].place.is_some());
        armed.unwrap_or(index % self.timers.len())
    }

    /// The deadline of an armed timer, which another timer may use too.
    fn deadline_of(&self, index: usize) -> u64 {
        self.timers[index]
            .place
            .map_or(self.elapsed, |(deadline, _)| deadline)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Popped {
    One,
    Stopped,
    Nothing,
}

/// The interesting deadlines: relative to the elapsed time, or to another timer.
#[derive(Clone, Copy, Debug)]
enum When {
    Ahead(u64),
    /// 64^level ticks ahead, and a little more or less.
    Boundary(u32, i64),
    /// The next time at which the digit of a level changes, and a little more or less.
    Turnover(u32, i64),
    Past(u64),
    Never,
    SameAs(usize),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Arm(When),
    Disarm(usize),
    Reset(usize, When),
    PopOne(When),
    Expire(When),
    ExpireNext,
    /// Arms two hundred timers in the next slot of a level. So many are dealt out ahead.
    ArmCrowd(u32, u64),
    /// First half a slot of the level below passes, so that the next slot of this level is near.
    DealAhead(u32, usize),
    /// The end of the table is left, from this entry on; no timer may notice.
    Evacuate(usize),
    /// The table becomes smaller; no timer may notice.
    Shrink,
}

impl Model {
    fn tick(&self, when: When) -> u64 {
        let now = self.elapsed;
        match when {
            When::Ahead(ticks) => now.saturating_add(ticks),
            When::Boundary(level, off) => now
                .saturating_add(1 << (6 * level))
                .saturating_add_signed(off),
            When::Turnover(level, off) => {
                let last = now | ((1_u64 << (6 * level)) - 1);
                last.saturating_add(1).saturating_add_signed(off)
            }
            When::Past(ticks) => now.saturating_sub(ticks),
            When::Never => u64::MAX,
            When::SameAs(_) if self.timers.is_empty() => now,
            When::SameAs(index) => self.deadline_of(self.pick(index)),
        }
    }

    fn apply(&mut self, op: Op) {
        let count = self.timers.len();
        match op {
            Op::Arm(when) => {
                self.arm(self.tick(when));
            }
            Op::PopOne(when) => {
                self.pop_due(self.tick(when));
            }
            Op::Expire(when) => self.expire(self.tick(when)),
            Op::ExpireNext => {
                if let Some(next) = self.wheel.next_deadline() {
                    self.expire(next);
                }
            }
            Op::ArmCrowd(level, salt) => self.arm_crowd(level, salt),
            Op::DealAhead(level, most) => self.deal_ahead(level, most),
            Op::Evacuate(limit) => self.wheel.evacuate(limit),
            Op::Shrink => self.shrink(),
            Op::Disarm(_) | Op::Reset(..) if count == 0 => {}
            // Every eighth index may hit any timer, also one that has fired or has no owner.
            Op::Disarm(index) if index % 8 == 0 => self.disarm(index / 8 % count),
            Op::Disarm(index) => self.disarm(self.pick(index)),
            Op::Reset(index, when) => self.reset(self.pick(index), self.tick(when)),
        }
    }

    fn arm_crowd(&mut self, level: u32, salt: u64) {
        let first = self.tick(When::Turnover(level, 0));
        let width = 1_u64 << (6 * level);
        for n in 0..200_u64 {
            // The deadlines are scattered over the slot. Every fifth one equals the deadline before it.
            let scattered = (n - u64::from(n % 5 == 1))
                .wrapping_add(salt)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.arm(first.saturating_add(scattered % width));
        }
    }

    fn deal_ahead(&mut self, level: u32, most: usize) {
        let first = self.tick(When::Turnover(level, 0));
        self.expire(first.saturating_sub(1).max(self.elapsed));
        let left = self.wheel.deal_ahead(most);
        self.ledger.ahead += (most - left) as u64;
        self.check();
    }

    fn shrink(&mut self) {
        let before = self.wheel.room();
        self.wheel.shrink(true);
        assert!(
            self.wheel.room() <= before,
            "a table that shrinks has grown"
        );
        self.ledger.shrunk += u64::from(self.wheel.room() < before);
        self.check();
    }
}

/// A random level, and one of the ticks around its boundary.
fn around(g: &mut Gen) -> (u32, i64) {
    (among(g, 0..11) as u32, among(g, 0..3) as i64 - 1)
}

impl Arbitrary for When {
    fn arbitrary(g: &mut Gen) -> Self {
        let choices: &[Choice<Self>] = &[
            (4, |g| When::Ahead(u64::arbitrary(g) >> among(g, 0..64))),
            (2, |g| {
                let (level, off) = around(g);
                When::Boundary(level, off)
            }),
            (2, |g| {
                let (level, off) = around(g);
                When::Turnover(level, off)
            }),
            (1, |g| When::Past(u64::arbitrary(g) % 1000)),
            (1, |_| When::Never),
            (3, |g| When::SameAs(among(g, 0..256))),
        ];
        one_of(g, choices)
    }
}

impl Arbitrary for Op {
    fn arbitrary(g: &mut Gen) -> Self {
        let choices: &[Choice<Self>] = &[
            (5, |g| Op::Arm(When::arbitrary(g))),
            (2, |g| Op::Disarm(among(g, 0..256))),
            (2, |g| Op::Reset(among(g, 0..256), When::arbitrary(g))),
            (1, |g| Op::PopOne(When::arbitrary(g))),
            (1, |g| Op::Expire(When::arbitrary(g))),
            (3, |_| Op::ExpireNext),
            (1, |g| Op::Evacuate(among(g, 0..256))),
            (1, |_| Op::Shrink),
            (1, |g| {
                Op::ArmCrowd(among(g, 2..6) as u32, u64::arbitrary(g))
            }),
            (2, |g| {
                Op::DealAhead(among(g, 2..6) as u32, among(g, 1..150))
            }),
        ];
        one_of(g, choices)
    }
}

/// A budget without a bound, or a very small one.
#[derive(Clone, Copy, Debug)]
struct Budget(usize);

impl Arbitrary for Budget {
    fn arbitrary(g: &mut Gen) -> Self {
        let choices: &[Choice<usize>] = &[(1, |_| usize::MAX), (1, |g| among(g, 1..10))];
        Budget(one_of(g, choices))
    }
}

#[test]
fn the_wheel_agrees_with_a_sorted_map() {
    let _watched = crate::support::watch();
    let property = |Budget(budget): Budget, ops: Vec<Op>| {
        let mut model = Model::with_budget(budget);
        for op in ops {
            model.apply(op);
        }
    };
    check(500, 300, property as fn(Budget, Vec<Op>));
}

/// Chooses the next operation.
struct Fate(Random);

impl Fate {
    fn below(&mut self, end: usize) -> u64 {
        self.0.below(end) as u64
    }

    /// `longest` is the number of bits that a step ahead may have. It decides how much time an episode spans.
    fn when(&mut self, longest: usize) -> When {
        let off = self.below(3) as i64 - 1;
        match self.below(12) {
            0..=4 => When::Ahead(self.0.next() >> (63 - self.below(longest))),
            5 | 6 => When::Boundary(self.below(longest.div_ceil(6)) as u32, off),
            7 | 8 => When::Turnover(self.below(longest.div_ceil(6)) as u32, off),
            9 => When::Past(self.below(100)),
            10 if longest == 64 => When::Never,
            _ => When::SameAs(self.0.next() as usize),
        }
    }

    /// `growth` is the number of operations that arm a timer, out of ten.
    fn op(&mut self, longest: usize, growth: u64) -> Op {
        if self.below(10) < growth {
            return Op::Arm(self.when(longest));
        }
        if longest > 22 && self.below(40) == 0 {
            let level = 2 + self.below(3) as u32;
            return match self.below(3) {
                0 => Op::ArmCrowd(level, self.0.next()),
                _ => Op::DealAhead(level, 1 + self.0.below(150)),
            };
        }
        match self.below(100) {
            0 => return Op::Shrink,
            1 => {
                let bits = self.below(14);
                return Op::Evacuate(self.below(1 << bits) as usize);
            }
            _ => {}
        }
        match self.below(8) {
            0..=2 => Op::Disarm(self.0.next() as usize),
            3 | 4 => Op::Reset(self.0.next() as usize, self.when(longest)),
            5 => Op::PopOne(self.when(longest.min(30))),
            6 => Op::Expire(self.when(longest.min(30))),
            _ => Op::ExpireNext,
        }
    }
}

#[test]
fn a_long_random_life_agrees_with_a_sorted_map() {
    let _watched = crate::support::watch();
    let operations: u64 = match env::var_os("ROUNDELAY_LONG") {
        Some(_) => 100_000_000,
        None if cfg!(debug_assertions) => 200_000,
        None => 1_000_000,
    };
    let seed = env::var("ROUNDELAY_SEED").map_or(44, |seed| seed.parse().expect("a number"));
    println!("{operations} operations, ROUNDELAY_SEED={seed}");
    let mut fate = Fate(Random::new(seed));
    let mut done = 0;
    let mut sum = Ledger::default();
    while done < operations {
        // The episodes differ: some have a handful of timers within a few levels, some have
        // thousands over all levels.
        let longest = 8 + fate.0.below(57);
        let growth = 2 + fate.below(6);
        let length = (1 << (8 + fate.below(8))).min(operations - done);
        let budget = [1, 2, 3, 7, 64, usize::MAX][fate.0.below(6)];
        let mut model = Model::with_budget(budget);
        for _ in 0..length {
            model.apply(fate.op(longest, growth));
        }
        done += length;
        sum.fired += model.ledger.fired;
        sum.cancelled += model.ledger.cancelled;
        sum.moved += model.ledger.moved;
        sum.stopped += model.ledger.stopped;
        sum.ahead += model.ledger.ahead;
        sum.shrunk += model.ledger.shrunk;
    }
    println!("{sum:?}");
    let counts = [sum.fired, sum.cancelled, sum.moved, sum.stopped];
    assert!(counts.into_iter().all(|count| count > operations / 50));
    assert!(sum.ahead > operations / 100);
    assert!(sum.shrunk > operations / 1000);
}

#[test]
fn every_level_boundary_fires_on_its_tick_and_not_one_before() {
    let _watched = crate::support::watch();
    for level in 0..11 {
        let boundary = 1_u64 << (6 * level);
        for start in [0, 1, 62, 63, 64, boundary - 1, boundary, boundary + 1] {
            for off in [-1, 0, 1] {
                let mut model = Model::new();
                model.expire(start);
                let deadline = start.saturating_add(boundary).saturating_add_signed(off);
                model.arm(deadline);
                assert!(deadline == start || model.pop_due(deadline - 1) == Popped::Nothing);
                assert_eq!(model.pop_due(deadline), Popped::One, "{start} {deadline}");
            }
        }
    }
}

#[test]
fn zero_the_past_and_the_end_of_time_are_deadlines_like_others() {
    let _watched = crate::support::watch();
    let mut model = Model::new();
    model.arm(0);
    assert_eq!(model.pop_due(0), Popped::One);
    model.expire(1_000_000);
    model.arm(0);
    model.arm(999_999);
    model.arm(1_000_000);
    model.arm(u64::MAX);
    model.arm(u64::MAX - 1);
    model.expire(1_000_000);
    assert_eq!(model.wheel.len(), 2);
    model.expire(u64::MAX - 2);
    assert_eq!(model.wheel.len(), 2);
    model.expire(u64::MAX - 1);
    assert_eq!(model.wheel.len(), 1);
    model.expire(u64::MAX);
    assert_eq!(model.wheel.len(), 0);
    model.arm(5);
    assert_eq!(model.pop_due(u64::MAX), Popped::One);
}

#[test]
fn equal_deadlines_fire_in_the_order_of_arming() {
    let _watched = crate::support::watch();
    // The timers are armed from far and from near, so they are on different levels. One is reset, and
    // comes last.
    let deadline = 64 * 64 * 64 + 64 * 64 * 5 + 64 * 7 + 9;
    let mut wheel = Wheel::new();
    let mut keys = Vec::new();
    for (serial, now) in [
        0,
        10,
        64 * 64 * 64 - 1,
        64 * 64 * 64,
        deadline - 65,
        deadline - 1,
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(pop(&mut wheel, now), None);
        for twice in 0..2 {
            keys.push(wheel.arm(deadline, 2 * serial + twice));
        }
    }
    assert_eq!(wheel.reset(&keys[3], deadline), Reset::Moved);
    let order: Vec<_> = std::iter::from_fn(|| pop(&mut wheel, deadline)).collect();
    let expected = [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 3].map(|serial| (deadline, serial));
    assert_eq!(order, expected);
}

#[test]
fn a_later_timer_nearby_does_not_hide_an_earlier_one_from_afar() {
    let _watched = crate::support::watch();
    let mut model = Model::new();
    model.expire(60);
    model.arm(130);
    model.expire(100);
    model.arm(150);
    assert_eq!(model.wheel.next_deadline(), Some(130));
    model.expire(130);
    assert_eq!(model.wheel.next_deadline(), Some(150));
}

#[test]
fn when_the_earliest_is_cancelled_the_second_is_next() {
    let _watched = crate::support::watch();
    let mut model = Model::new();
    let first = model.arm(10_000);
    let second = model.arm(10_001);
    model.arm(10_002);
    model.disarm(first);
    assert_eq!(model.wheel.next_deadline(), Some(10_001));
    model.reset(second, 10_003);
    assert_eq!(model.wheel.next_deadline(), Some(10_002));
}

#[test]
fn a_timer_armed_behind_one_that_was_cancelled_is_not_lost() {
    let _watched = crate::support::watch();
    let mut wheel = Wheel::new();
    let first = wheel.arm(10, "first");
    let cancelled = wheel.arm(10, "cancelled");
    assert_eq!(wheel.disarm(cancelled), Some("cancelled"));
    let last = wheel.arm(10, "last");
    let order: Vec<_> = std::iter::from_fn(|| pop(&mut wheel, 10)).collect();
    let expected = ["first", "last"].map(|item| (10, item));
    assert_eq!(order, expected, "a timer that is armed never fires");
    assert_eq!([first, last].map(|key| wheel.disarm(key)), [None; 2]);
}

/// The bug glommio#44: so many timers were armed and cancelled that a deadline came sixteen seconds late.
#[test]
fn sixty_five_thousand_timers_armed_and_cancelled_leave_an_empty_wheel() {
    let _watched = crate::support::watch();
    let mut random = Random::new(44);
    let mut wheel = Wheel::new();
    for round in 0..4_u64 {
        let now = round * 1_000_003;
        assert_eq!(pop(&mut wheel, now), None);
        let mut keys: Vec<_> = (0..65_536)
            .map(|item| wheel.arm(now + 1 + random.below(1 << 22) as u64, item))
            .collect();
        assert_eq!(wheel.len(), 65_536);
        while !keys.is_empty() {
            let key = keys.swap_remove(random.below(keys.len()));
            assert!(wheel.disarm(key).is_some());
        }
        assert_eq!(wheel.len(), 0);
        assert_eq!(wheel.next_deadline(), None);
        assert_eq!(pop(&mut wheel, now + (1 << 23)), None);
    }
}

#[test]
fn a_crowd_is_answered_early_never_late_and_takes_one_look_a_level() {
    let _watched = crate::support::watch();
    for count in [CROWD, CROWD + 1, 5_000] {
        let mut model = Model::new();
        let far = 3 << 30;
        let first = model.arm(far);
        for n in 1..count as u64 {
            model.arm(far + 7 * n);
        }
        model.disarm(first);
        let mut looks = 0;
        loop {
            let next = model.wheel.next_deadline().expect("they are armed");
            assert!(next <= far + 7);
            looks += 1;
            if model.pop_due(next) == Popped::One {
                break;
            }
        }
        assert!(looks == 1 || count > CROWD, "{looks} looks for {count}");
        assert!(looks <= 6, "{looks} looks for {count}");
    }
}

/// To deal out 200,000 timers takes milliseconds. The first of them must not come late because of that.
#[test]
fn a_crowd_is_dealt_out_before_its_first_timer_is_due() {
    let _watched = crate::support::watch();
    for (count, is_early) in [(CROWD, false), (CROWD + 1, true), (5_000, true)] {
        let mut wheel = Wheel::new();
        // The first deadline lies some way into a slot of the third level, and into a slot of the second.
        let first = (3 << 18) + (5 << 12) + (7 << 6);
        let keys: Vec<_> = (0..count as u64)
            .map(|n| wheel.arm(first + n % 60, n))
            .collect();
        let mut looks = Vec::new();
        loop {
            let next = wheel.next_deadline().expect("they are armed");
            looks.push(next);
            if let Some((deadline, _)) = pop(&mut wheel, next) {
                assert_eq!(deadline, first);
                break;
            }
        }
        let starts = [3 << 18, (3 << 18) + (5 << 12), first];
        let expected = if is_early { &starts[..] } else { &starts[2..] };
        assert_eq!(looks, expected, "{count}");
        drop(keys);
    }
}

/// A slot is dealt out in pieces of two. The test checks the order in which its timers fire.
///
/// Between two pieces it arms timers with the same deadline, and resets and cancels others. Some of these have been dealt out
/// already, and some have not.
#[test]
fn equal_deadlines_fire_in_the_order_of_arming_though_their_slot_is_dealt_out_in_parts() {
    let _watched = crate::support::watch();
    let deadline = (3 << 12) + (5 << 6) + 7;
    let mut wheel = Wheel::new();
    let mut keys: Vec<_> = (0..10).map(|n| wheel.arm(deadline, n)).collect();
    let now = deadline + 1;
    let piece = |wheel: &mut Wheel<_>| {
        assert_eq!(wheel.pop_due(now, &mut 2), None);
        assert_eq!(wheel.next_deadline(), Some(3 << 12), "the rest is waiting");
    };
    piece(&mut wheel);
    keys.push(wheel.arm(deadline, 10));
    assert_eq!(wheel.reset(&keys[0], deadline), Reset::Moved); // has been dealt out
    assert_eq!(wheel.reset(&keys[4], deadline), Reset::Moved); // has not
    piece(&mut wheel);
    keys.push(wheel.arm(deadline, 11));
    assert_eq!(wheel.disarm(keys.remove(1)), Some(1)); // has been dealt out
    assert_eq!(wheel.disarm(keys.remove(4)), Some(5)); // is the first of the rest
    assert_eq!(wheel.disarm(keys.remove(6)), Some(8)); // is in the middle of it
    keys.push(wheel.arm(deadline - 1, 12));
    piece(&mut wheel);
    let order: Vec<_> = std::iter::from_fn(|| pop(&mut wheel, now)).collect();
    assert_eq!(order[0], (deadline - 1, 12));
    let expected = [2, 3, 6, 7, 9, 10, 0, 4, 11].map(|n| (deadline, n));
    assert_eq!(
        order[1..],
        expected,
        "a timer fired before another one that was armed earlier for the same tick"
    );
}

#[test]
fn each_timer_that_is_dealt_out_or_fired_takes_one_from_the_budget() {
    let _watched = crate::support::watch();
    let deadline = (3 << 12) + (5 << 6) + 7;
    let mut wheel = Wheel::new();
    let keys: Vec<_> = (0..100).map(|n| wheel.arm(deadline, n)).collect();
    let mut calls = 0;
    let mut fired = 0;
    while fired < keys.len() {
        let mut budget = 7;
        while let Some((_, n)) = wheel.pop_due(deadline, &mut budget) {
            assert_eq!(n, fired);
            fired += 1;
        }
        assert!(budget == 0 || fired == keys.len());
        calls += 1;
    }
    // Each timer takes three steps: from level 2 to 1, from 1 to 0, and out.
    assert_eq!(calls, (3 * keys.len()).div_ceil(7));
}

#[test]
fn a_rest_whose_timers_are_all_cancelled_holds_nothing_up() {
    let _watched = crate::support::watch();
    let deadline = (3 << 12) + (5 << 6) + 7;
    for tail_first in [false, true] {
        let mut wheel = Wheel::new();
        let mut keys: Vec<_> = (0..10).map(|n| wheel.arm(deadline, n)).collect();
        let far = wheel.arm(deadline << 6, 10);
        assert_eq!(wheel.pop_due(deadline, &mut 2), None);
        let mut rest = keys.split_off(2);
        if tail_first {
            rest.reverse();
        }
        for key in rest {
            assert_eq!(wheel.next_deadline(), Some(3 << 12));
            assert!(wheel.disarm(key).is_some());
        }
        assert_eq!(wheel.next_deadline(), Some(deadline));
        assert_eq!(pop(&mut wheel, deadline), Some((deadline, 0)));
        assert_eq!(pop(&mut wheel, deadline), Some((deadline, 1)));
        assert_eq!(wheel.next_deadline(), Some(deadline << 6));
        drop((keys, far));
    }
}

/// While a slot is dealt out in parts, another slot may lose its last timer. It may be one of the same level, or the finest
/// slot with the same first tick. The rest of the dealt slot still waits, and a new timer comes behind it.
#[test]
fn a_timer_cancelled_elsewhere_does_not_end_the_dealing_of_a_slot() {
    let _watched = crate::support::watch();
    let start = 3 << 12;
    let deadline = start + (5 << 6) + 7;
    for elsewhere in [7 << 12, start] {
        let mut wheel = Wheel::new();
        // This timer is armed first, so it is dealt out first if it is in the same slot.
        let alone = wheel.arm(elsewhere, 100);
        let mut keys: Vec<_> = (0..4).map(|n| wheel.arm(deadline, n)).collect();
        let now = deadline + 1;
        assert_eq!(wheel.pop_due(now, &mut 2), None);
        assert_eq!(wheel.disarm(alone), Some(100));
        assert_eq!(wheel.next_deadline(), Some(start), "the rest is waiting");
        keys.push(wheel.arm(deadline, 4));
        let order: Vec<_> = std::iter::from_fn(|| pop(&mut wheel, now)).collect();
        assert_eq!(order, [0, 1, 2, 3, 4].map(|n| (deadline, n)), "{elsewhere}");
    }
}

/// The first tick of the slot that is dealt out ahead in the next tests. It is the fourth slot of level 3. `NEAR` is near it.
const NEXT: u64 = 3 << 18;
const NEAR: u64 = NEXT - (1 << 17);
/// All but one of the timers are to be dealt out ahead until then.
const LAST: u64 = NEXT - 1;

#[test]
fn a_slot_that_is_dealt_out_ahead_needs_no_dealing_at_its_first_tick() {
    let _watched = crate::support::watch();
    // The timers go to all slots of level 2. After the dealing, only those of its first slot must move once more.
    let deadline = |n: usize| NEXT + ((n as u64 % 64) << 12) + 9;
    let mut wheel = Wheel::new();
    let keys: Vec<_> = (0..640).map(|n| wheel.arm(deadline(n), n)).collect();
    for (now, why) in [(0, "not the next one"), (NEAR - 1, "not near yet")] {
        assert_eq!(pop(&mut wheel, now), None);
        assert_eq!(wheel.deal_ahead(100), 100, "the slot is {why}");
    }
    assert_eq!(pop(&mut wheel, LAST - 1), None);
    assert_eq!(wheel.deal_ahead(600), 0);
    assert_eq!(pop(&mut wheel, LAST), None);
    assert_eq!(wheel.deal_ahead(100), 100, "so few timers are not a crowd");
    assert_eq!(
        wheel.next_deadline(),
        Some(NEXT),
        "the wake is early, because the timers are many"
    );
    // The budget of 60 deals out the last 40 and the ten of slot 0 of level 2, and then fires these ten.
    let mut budget = 60;
    for n in 0..10 {
        assert_eq!(
            wheel.pop_due(deadline(0), &mut budget),
            Some((deadline(0), 64 * n))
        );
    }
    assert_eq!(budget, 0);
    drop(keys);
}

#[test]
fn a_slot_is_dealt_out_ahead_in_step_with_the_time() {
    let _watched = crate::support::watch();
    let mut wheel = Wheel::new();
    let _keys: Vec<_> = (0..640).map(|n| wheel.arm(NEXT + 9, n)).collect();
    for (passed, dealt) in [(0, 0), (1 << 16, 320), (3 << 15, 160), (1 << 17, 0)] {
        assert_eq!(pop(&mut wheel, NEAR + passed), None);
        assert_eq!(wheel.deal_ahead(1_000), 1_000 - dealt, "after {passed}");
        assert_eq!(wheel.deal_ahead(1_000), 1_000, "again after {passed}");
    }
}

#[test]
fn equal_deadlines_fire_in_the_order_of_arming_though_some_are_dealt_out_ahead() {
    let _watched = crate::support::watch();
    // One deadline is in slot 0 of level 2, which has a list of its own when the slot comes. The other is in another slot.
    for deadline in [NEXT + 7, NEXT + (5 << 12) + 7] {
        let mut wheel = Wheel::new();
        let mut keys: Vec<_> = (0..100).map(|n| wheel.arm(deadline, n)).collect();
        assert_eq!(pop(&mut wheel, LAST), None);
        assert_eq!(wheel.deal_ahead(30), 0);
        keys.push(wheel.arm(deadline, 100));
        assert_eq!(wheel.reset(&keys[3], deadline), Reset::Moved); // has been dealt out
        assert_eq!(wheel.reset(&keys[50], deadline), Reset::Moved); // has not
        // A part of the timers is dealt out, and then another is armed for the time that has come.
        assert_eq!(wheel.pop_due(deadline, &mut 20), None);
        keys.push(wheel.arm(deadline, 101));
        let order: Vec<_> = std::iter::from_fn(|| pop(&mut wheel, deadline)).collect();
        let stay = (0..100).filter(|n| ![3, 50].contains(n));
        let expected: Vec<_> = stay
            .chain([100, 3, 50, 101])
            .map(|n| (deadline, n))
            .collect();
        assert_eq!(order, expected);
    }
}

#[test]
fn timers_that_are_dealt_out_ahead_and_then_cancelled_leave_nothing() {
    let _watched = crate::support::watch();
    for ahead_first in [false, true] {
        let mut wheel = Wheel::new();
        let mut ahead: Vec<_> = (0..100).map(|n| wheel.arm(NEXT + 7, n)).collect();
        let far = wheel.arm(NEXT << 6, 100);
        assert_eq!(pop(&mut wheel, LAST), None);
        assert_eq!(wheel.deal_ahead(30), 0);
        let rest = ahead.split_off(30);
        let (first, second) = if ahead_first {
            (ahead, rest)
        } else {
            (rest, ahead)
        };
        for key in first {
            assert!(wheel.disarm(key).is_some());
        }
        let next = wheel.next_deadline();
        assert!(next == Some(NEXT) || next == Some(NEXT + 7), "{next:?}");
        for key in second {
            assert!(wheel.disarm(key).is_some());
        }
        assert_eq!(wheel.next_deadline(), Some(NEXT << 6));
        assert_eq!(pop(&mut wheel, NEXT << 6), Some((NEXT << 6, 100)));
        assert_eq!(wheel.disarm(far), None);
    }
}

#[test]
fn a_rest_that_is_cancelled_leaves_what_was_dealt_out_ahead_in_its_order() {
    let _watched = crate::support::watch();
    let deadline = NEXT + 7;
    let mut wheel = Wheel::new();
    let mut keys: Vec<_> = (0..100).map(|n| wheel.arm(deadline, n)).collect();
    assert_eq!(pop(&mut wheel, LAST), None);
    assert_eq!(wheel.deal_ahead(30), 0);
    assert_eq!(wheel.pop_due(deadline, &mut 20), None);
    for key in keys.drain(30..) {
        assert!(wheel.disarm(key).is_some());
    }
    // Ten of the thirty have not been dealt out a second time yet.
    keys.push(wheel.arm(deadline, 100));
    let order: Vec<_> = std::iter::from_fn(|| pop(&mut wheel, deadline)).collect();
    let expected: Vec<_> = (0..30).chain([100]).map(|n| (deadline, n)).collect();
    assert_eq!(order, expected);
}

#[test]
fn the_last_timer_of_one_list_ahead_does_not_take_the_others_along() {
    let _watched = crate::support::watch();
    let mut wheel = Wheel::new();
    let mut keys: Vec<_> = (0..100)
        .map(|n| wheel.arm(NEXT + ((n % 2) << 12), n))
        .collect();
    assert_eq!(pop(&mut wheel, LAST), None);
    assert_eq!(wheel.deal_ahead(100), 1);
    for key in keys.drain(2..) {
        assert!(wheel.disarm(key).is_some());
    }
    assert_eq!(wheel.next_deadline(), Some(NEXT));
    assert_eq!(wheel.disarm(keys.remove(0)), Some(0));
    assert_eq!(wheel.next_deadline(), Some(NEXT + 4096));
    assert_eq!(pop(&mut wheel, NEXT + 4096), Some((NEXT + 4096, 1)));
}

#[test]
fn without_a_budget_nothing_is_done_and_nothing_is_forgotten() {
    let _watched = crate::support::watch();
    let mut wheel = Wheel::new();
    let key = wheel.arm(100, ());
    assert_eq!(wheel.pop_due(1_000, &mut 0), None);
    assert_eq!(wheel.next_deadline(), Some(100));
    assert_eq!(wheel.pop_due(1_000, &mut 2), Some((100, ())));
    assert_eq!(wheel.disarm(key), None);
}

#[test]
fn a_fired_timer_stays_with_its_owner_until_the_key_is_handed_in() {
    let _watched = crate::support::watch();
    let mut wheel = Wheel::new();
    let first = wheel.arm(1, "first");
    assert_eq!(pop(&mut wheel, 1), Some((1, "first")));
    let second = wheel.arm(1, "second");
    // The new timer did not move into the place of the old one, so the old key is harmless.
    assert_eq!(wheel.item(&first), None);
    assert_eq!(wheel.reset(&first, 5), Reset::HasFired);
    assert_eq!(wheel.replace(&first, "late"), Err("late"));
    assert_eq!(wheel.disarm(first), None);
    assert_eq!(wheel.replace(&second, "other"), Ok("second"));
    assert_eq!(wheel.item(&second), Some(&"other"));
    assert_eq!(wheel.disarm(second), Some("other"));
}

#[test]
fn an_age_without_timers_is_crossed_in_one_step() {
    // A wheel that steps through each tick would never return from here.
    watchdog(PATIENCE, || {
        let mut wheel = Wheel::new();
        let key = wheel.arm(u64::MAX, ());
        for bits in 0..64 {
            assert_eq!(pop(&mut wheel, u64::MAX >> (64 - bits.max(1)) >> 1), None);
        }
        assert_eq!(pop(&mut wheel, u64::MAX - 1), None);
        assert_eq!(pop(&mut wheel, u64::MAX), Some((u64::MAX, ())));
        assert_eq!(wheel.disarm(key), None);
    });
}

/// The lines of the wheel's chapter and of its second part.
fn chapter() -> impl Iterator<Item = &'static str> {
    let (first, second) = (
        include_str!("../../src/time/wheel.rs"),
        include_str!("../../src/time/mod.rs"),
    );
    first
        .lines()
        .chain(second.lines())
        .filter_map(|line| line.strip_prefix("//!"))
}

/// A line of the figure: the deadline, whose last four digits it shows, and the text of the figure about it.
fn line_of_the_figure(label: &str) -> (u64, &'static str) {
    let line = chapter().find_map(|line| line.trim_start().strip_prefix(label));
    let line = line
        .expect("the figure has the line")
        .trim_start()
        .trim_start_matches("..");
    let (digits, said) = line.split_once("->").unwrap_or((line, ""));
    let digits = digits
        .split_whitespace()
        .map(|digit| digit.parse::<u64>().expect("a digit"));
    (digits.fold(0, |number, digit| number << 6 | digit), said)
}

/// There are too many timers for an exact answer, so the answer is the first tick of their slot.
#[test]
fn a_deadline_is_in_the_slot_that_the_figure_shows() {
    let _watched = crate::support::watch();
    let (elapsed, _) = line_of_the_figure("elapsed ");
    for label in ["a deadline ", "another "] {
        let (deadline, said) = line_of_the_figure(label);
        let mut numbers = said
            .split(|c: char| !c.is_ascii_digit())
            .filter(|word| !word.is_empty());
        let mut number = || {
            numbers
                .next()
                .and_then(|word| word.parse::<u64>().ok())
                .expect("a number")
        };
        let (level, slot) = (number(), number());
        let mut wheel = Wheel::new();
        assert_eq!(pop(&mut wheel, elapsed), None);
        let keys: Vec<_> = (0..=CROWD).map(|n| wheel.arm(deadline, n)).collect();
        let first = wheel.next_deadline().expect("they are armed");
        let shift = 6 * level;
        assert_eq!(first, deadline >> shift << shift, "{label}");
        assert_eq!(first >> shift & 63, slot, "{label}");
        drop(keys);
    }
}

#[test]
fn each_level_reaches_as_far_as_the_table_says() {
    let _watched = crate::support::watch();
    let rows = chapter().skip_while(|line| !line.contains("How far each level reaches"));
    let rows = rows.filter(|line| line.starts_with(" | ")).skip(1);
    let seconds = |text: &str| {
        let (number, unit) = text.split_once(' ').expect("a number and a unit");
        let unit = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            "days" => 86_400.0,
            _ => panic!("{unit}"),
        };
        number.parse::<f64>().expect("a number") * unit
    };
    for (level, row) in rows.take(7).enumerate() {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[1].parse(), Ok(level));
        for (cell, power) in [(cells[2], level), (cells[3], level + 1)] {
            let exact = 64_f64.powi(power as i32) * 1.024e-6;
            let ratio = seconds(cell) / exact;
            assert!(
                (0.94..1.06).contains(&ratio),
                "level {level}: {cell} is not {exact} s"
            );
        }
    }
}
