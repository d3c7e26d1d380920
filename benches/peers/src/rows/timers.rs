//! What do timers cost that never fire, and how late are the others?

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn, ready};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::*;
use crate::peer::bare;
use crate::{clock, fail};

const BATCH: usize = 1_000;

pub fn run<P: Peer>(name: &str, effort: Effort) -> Option<Metrics> {
    let ns = match name {
        "guard_ready" => P::block_on_task(guard::<P>(effort, false)),
        "guard_yield" => P::block_on_task(guard::<P>(effort, true)),
        "timer_64" => P::block_on_task(arm_and_cancel::<P>(effort, 64)),
        "timer_4096" => P::block_on_task(arm_and_cancel::<P>(effort, 4_096)),
        "timer_100k" => P::block_on_task(arm_and_cancel::<P>(effort, 100_000)),
        "timer_1m" => P::block_on_task(arm_and_cancel::<P>(
            effort,
            if effort.is_quick { 300_000 } else { 1_000_000 },
        )),
        "arm_100k" => P::block_on_task(arm_and_cancel_only::<P>(effort, 100_000)),
        "timers_bulk" => P::block_on_task(bulk::<P>(effort)),
        "scale_arm" => return Some(P::block_on_task(arm_then_cancel::<P>(effort))),
        name => {
            return Some(match Crowd::named(name, effort) {
                Some(crowd) => P::block_on(fire::<P>(crowd)),
                None => P::block_on_task(nap::<P>(effort, nap_of(name)?)),
            });
        }
    };
    Some(vec![("ns", ns)])
}

const SECOND: Duration = Duration::from_secs(1);

async fn guard<P: Peer>(effort: Effort, is_yielding: bool) -> f64 {
    P::idle().await;
    sample(effort, BATCH, async || {
        for _ in 0..BATCH {
            let passed = match is_yielding {
                true => P::timeout(SECOND, P::yield_now()).await,
                false => P::timeout(SECOND, ready(())).await,
            };
            assert!(passed.is_some());
        }
    })
    .await
}

/// Makes a timer, polls it and drops it, while `alive` others are armed.
async fn arm_and_cancel<P: Peer>(effort: Effort, alive: usize) -> f64 {
    let mut random = SEED;
    let _others = many::<P>(alive, &mut random).await;
    sample(effort, BATCH, async || {
        poll_fn(|cx| {
            for _ in 0..BATCH {
                let sleep = pin!(P::sleep(far(&mut random)));
                assert!(sleep.poll(cx).is_pending());
            }
            Poll::Ready(())
        })
        .await;
    })
    .await
}

/// The same without the reading of the clock. Each timer is made in its place before the watch starts, and is then polled and
/// dropped there.
async fn arm_and_cancel_only<P: Peer>(effort: Effort, alive: usize) -> f64 {
    const PLACES: usize = 200;
    let mut random = SEED;
    let _others = many::<P>(alive, &mut random).await;
    let mut places: Vec<_> = (0..PLACES).map(|_| Box::pin(None)).collect();
    let (begin, mut times) = (Instant::now(), Vec::new());
    while effort.has_time(begin, times.len()) {
        for place in &mut places {
            place.set(Some(P::sleep(far(&mut random))));
        }
        let start = Instant::now();
        poll_fn(|cx| {
            for place in &mut places {
                let sleep = place.as_mut().as_pin_mut().expect("one was just made");
                assert!(sleep.poll(cx).is_pending());
                place.set(None);
            }
            Poll::Ready(())
        })
        .await;
        times.push(start.elapsed().as_nanos() as f64 / PLACES as f64);
    }
    median(&mut times)
}

/// Arms `count` timers.
async fn many<P: Peer>(
    count: usize,
    random: &mut Random,
) -> Vec<Pin<Box<impl Future<Output = ()> + use<P>>>> {
    with_an_earlier_one::<P>().await;
    let mut sleeps: Vec<_> = (0..count)
        .map(|_| Box::pin(P::sleep(far(random))))
        .collect();
    poll_each(&mut sleeps).await;
    sleeps
}

/// Arms a timer that is due before all others, as in most programs. Without it, some runtimes would write to a descriptor for
/// each timer, to tell their own driver of an earlier deadline.
async fn with_an_earlier_one<P: Peer>() {
    P::detach(P::sleep(SECOND * 30));
    settle::<P>().await;
}

fn far(random: &mut Random) -> Duration {
    SECOND * 60 + Duration::from_micros(random.below(3_600_000_000))
}

async fn poll_each<F: Future>(futures: &mut [Pin<Box<F>>]) {
    poll_fn(|cx| {
        for future in &mut *futures {
            assert!(future.as_mut().poll(cx).is_pending());
        }
        Poll::Ready(())
    })
    .await;
}

/// Arms a hundred thousand timers, and drops them all.
async fn bulk<P: Peer>(effort: Effort) -> f64 {
    with_an_earlier_one::<P>().await;
    let mut random = SEED;
    sample(effort, 100_000, async || {
        let mut sleeps: Vec<_> = (0..100_000)
            .map(|_| Box::pin(P::sleep(far(&mut random))))
            .collect();
        poll_each(&mut sleeps).await;
    })
    .await
}

/// Arms `alive` timers, one after the other, and then cancels them. Each phase is timed by itself.
async fn arm_then_cancel<P: Peer>(effort: Effort) -> Metrics {
    with_an_earlier_one::<P>().await;
    let (mut random, count) = (SEED, effort.alive);
    let (mut arm, mut cancel) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    let each = |start: Instant| start.elapsed().as_nanos() as f64 / count as f64;
    while effort.has_time(begin, arm.len()) {
        let mut sleeps: Vec<_> = (0..count)
            .map(|_| Box::pin(P::sleep(far(&mut random))))
            .collect();
        let start = Instant::now();
        poll_each(&mut sleeps).await;
        arm.push(each(start));
        let start = Instant::now();
        drop(sleeps);
        cancel.push(each(start));
        P::yield_now().await;
    }
    vec![("arm", median(&mut arm)), ("cancel", median(&mut cancel))]
}

/// So many timers, each with a moment of its own within `window`, which begins after `margin`.
#[derive(Clone, Copy)]
struct Crowd {
    count: usize,
    window: Duration,
    margin: Duration,
}

impl Crowd {
    fn named(name: &str, effort: Effort) -> Option<Self> {
        let (count, window, margin) = match name {
            "fire_100k" => (100_000, SECOND / 5, 2 * SECOND / 5),
            "fire_1m" if effort.is_quick => (200_000, SECOND / 5, SECOND),
            "fire_1m" => (1_000_000, SECOND, 3 * SECOND),
            _ => return None,
        };
        Some(Self {
            count,
            window,
            margin,
        })
    }

    fn deadlines(self, start: Instant) -> impl Iterator<Item = Instant> {
        let (mut random, window) = (SEED, self.window.as_nanos() as u64);
        (0..self.count).map(move |_| start + Duration::from_nanos(random.below(window)))
    }
}

/// A task for each timer.
async fn fire<P: Peer>(crowd: Crowd) -> Metrics {
    let start = Instant::now() + crowd.margin;
    let party = Rc::new(Party::of(crowd));
    for deadline in crowd.deadlines(start) {
        let party = Rc::clone(&party);
        P::detach(async move {
            P::sleep(deadline.saturating_duration_since(Instant::now())).await;
            party.come(deadline);
        });
    }
    P::sleep(almost(start)).await;
    let before = party.begin(start);
    Everybody(&party).await;
    party.metrics(clock::cpu() - before)
}

/// The time until the figures begin to count.
fn almost(start: Instant) -> Duration {
    (start - Duration::from_millis(10)).saturating_duration_since(Instant::now())
}

/// The least possible with a poller: a sorted list, and one alarm. There are no tasks, but as many sleeps as ours: a look is put
/// off as long as our timers put it off (`src/time/slack.rs`).
fn fire_bare(crowd: Crowd) -> io::Result<Metrics> {
    const SLACK: Duration = Duration::from_micros(140);
    const SLACK_EACH: Duration = Duration::from_micros(10);
    let start = Instant::now() + crowd.margin;
    let mut deadlines: Vec<_> = crowd.deadlines(start).collect();
    deadlines.sort();
    let (mut alarm, party) = (bare::Alarm::new()?, Party::of(crowd));
    alarm.sleep(almost(start))?;
    let before = party.begin(start);
    let mut next = 0;
    while let Some(&deadline) = deadlines.get(next) {
        let look = Instant::now();
        let due = deadlines[next..].iter().take_while(|&&at| at <= look);
        let fired = due.map(|&at| party.come(at)).count();
        next += fired;
        let slack = SLACK.min(SLACK_EACH * fired.saturating_sub(1) as u32);
        let deadline = deadlines.get(next).unwrap_or(&deadline);
        let pause = (look + slack).max(*deadline) - Instant::now();
        if next < crowd.count && !pause.is_zero() {
            alarm.sleep(pause)?;
        }
    }
    Ok(party.metrics(clock::cpu() - before))
}

struct Party {
    crowd: Crowd,
    is_on_time: Cell<bool>,
    missing: Cell<usize>,
    /// In microseconds.
    lateness: RefCell<Vec<f64>>,
    last: Cell<Option<Instant>>,
    /// The longest time between two timers that fired one after the other. They are microseconds apart if nothing stalls.
    stall: Cell<Duration>,
    waiting: Cell<Option<Waker>>,
}

impl Party {
    fn of(crowd: Crowd) -> Self {
        Self {
            crowd,
            is_on_time: Cell::new(false),
            missing: Cell::new(crowd.count),
            lateness: RefCell::new(Vec::with_capacity(crowd.count)),
            last: Cell::default(),
            stall: Cell::default(),
            waiting: Cell::default(),
        }
    }

    /// All timers are armed. Returns the processor time until now.
    fn begin(&self, start: Instant) -> Duration {
        self.is_on_time.set(Instant::now() < start);
        clock::cpu()
    }

    fn metrics(&self, cpu: Duration) -> Metrics {
        let Crowd { count, margin, .. } = self.crowd;
        let mut late = self.lateness.take();
        late.sort_by(f64::total_cmp);
        if !self.is_on_time.get() {
            fail(&format!("has not armed {count} timers within {margin:?}"));
        }
        let early = late.iter().filter(|&&late| late < 0.0).count();
        vec![
            ("cpu", cpu.as_nanos() as f64 / count as f64),
            ("late_p50", quantile(&late, 0.5)),
            ("late_p99", quantile(&late, 0.99)),
            ("stall", self.stall.get().as_nanos() as f64 / 1e3),
            ("early", early as f64),
        ]
    }

    fn come(&self, deadline: Instant) {
        let now = Instant::now();
        let early = deadline.saturating_duration_since(now).as_nanos() as f64;
        let late = now.saturating_duration_since(deadline).as_nanos() as f64;
        self.lateness.borrow_mut().push((late - early) / 1e3);
        if let Some(last) = self.last.replace(Some(now)) {
            self.stall.set(self.stall.get().max(now - last));
        }
        self.missing.set(self.missing.get() - 1);
        if self.missing.get() == 0 {
            if let Some(waker) = self.waiting.take() {
                waker.wake();
            }
        }
    }
}

struct Everybody<'a>(&'a Party);

impl Future for Everybody<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.missing.get() == 0 {
            return Poll::Ready(());
        }
        self.0.waiting.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// How many microseconds is a sleep too long, and how much processor time does it take?
async fn nap<P: Peer>(effort: Effort, duration: Duration) -> Metrics {
    let mut naps = Naps::new(effort, duration);
    while naps.begin() {
        P::sleep(duration).await;
    }
    naps.metrics()
}

/// The least possible with a poller: the thread sets an alarm, and waits for it.
pub fn run_bare(name: &str, effort: Effort) -> Option<Metrics> {
    if let Some(crowd) = Crowd::named(name, effort) {
        return Some(fire_bare(crowd).expect("an alarm that goes off"));
    }
    let duration = nap_of(name)?;
    let mut alarm = bare::Alarm::new().expect("a poller and an alarm");
    let mut naps = Naps::new(effort, duration);
    while naps.begin() {
        alarm.sleep(duration).expect("an alarm that goes off");
    }
    Some(naps.metrics())
}

fn nap_of(name: &str) -> Option<Duration> {
    Some(Duration::from_micros(match name {
        "sleep_50us" => 50,
        "sleep_100us" => 100,
        "sleep_1ms" => 1_000,
        "sleep_10ms" => 10_000,
        _ => return None,
    }))
}

struct Naps {
    duration: Duration,
    count: usize,
    over: Vec<f64>,
    began: Option<Instant>,
    cpu_before: Duration,
}

impl Naps {
    fn new(effort: Effort, duration: Duration) -> Self {
        let count = effort.time.as_micros() / duration.as_micros();
        Naps {
            duration,
            count: count.clamp(20, 10_000) as usize,
            over: Vec::new(),
            began: None,
            cpu_before: clock::cpu(),
        }
    }

    /// Ends a nap, and begins the next if there is one.
    fn begin(&mut self) -> bool {
        if let Some(began) = self.began {
            let over = began.elapsed().as_secs_f64() - self.duration.as_secs_f64();
            self.over.push(over * 1e6);
        }
        self.began = Some(Instant::now());
        self.over.len() < self.count
    }

    fn metrics(mut self) -> Metrics {
        let cpu = clock::cpu() - self.cpu_before;
        self.over.sort_by(f64::total_cmp);
        vec![
            ("over_p50", quantile(&self.over, 0.5)),
            ("over_p99", quantile(&self.over, 0.99)),
            ("cpu", cpu.as_nanos() as f64 / 1e3 / self.count as f64),
        ]
    }
}
