//! Compares mutex, semaphore, queue and channel with models that keep plain lists, under random
//! schedules. After every step the woken tasks, their grants and the rest must agree.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::draw::{Choice, Index, among, check, one_of, small};
use crate::support::sync::Probe;
use quickcheck::{Arbitrary, Gen};
use roundelay::sync::{
    Mutex, OwnedSemaphorePermit, Queue, Semaphore, TryAcquireError, TryGetError, TryPutError, mpsc,
};

/// The waiters by number. They are made in the order of their numbers.
type Waiters<F> = BTreeMap<usize, Probe<F>>;

fn pick<F: Future>(waiters: &Waiters<F>, index: &Index) -> Option<usize> {
    (!waiters.is_empty()).then(|| *waiters.keys().nth(index.index(waiters.len())).unwrap())
}

/// Checks that exactly the waiters that the model served or turned away were woken, and each of them once.
fn assert_woken<F: Future>(waiters: &Waiters<F>, is_done: impl Fn(usize) -> bool) {
    for (&number, waiter) in waiters {
        assert_eq!(
            waiter.wakes(),
            usize::from(is_done(number)),
            "waiter {number}"
        );
    }
}

// ---------------------------------------------------------------------------------------------- semaphore and mutex

#[derive(Debug, Clone)]
enum Turn {
    Acquire(usize),
    TryAcquire(usize),
    Poll(Index),
    Cancel(Index),
    Release(Index),
    Add(usize),
    Close,
}

impl Arbitrary for Turn {
    fn arbitrary(g: &mut Gen) -> Self {
        let choices: &[Choice<Self>] = &[
            (6, |g| Turn::Acquire(among(g, 1..4))),
            (2, |g| Turn::TryAcquire(among(g, 1..4))),
            (4, |g| Turn::Poll(Index::arbitrary(g))),
            (3, |g| Turn::Cancel(Index::arbitrary(g))),
            (5, |g| Turn::Release(Index::arbitrary(g))),
            (1, |g| Turn::Add(among(g, 1..3))),
            (1, |g| {
                one_of(g, &[(9, |_| Turn::Add(0)), (1, |_| Turn::Close)])
            }),
        ];
        one_of(g, choices)
    }
}

/// The model of a semaphore: a count, a line, and the waiters that were served and have not been polled since.
#[derive(Default)]
struct Turns {
    free: usize,
    line: VecDeque<(usize, usize)>,
    served: BTreeMap<usize, usize>,
    turned_away: Vec<usize>,
    closed: bool,
}

impl Turns {
    fn serve(&mut self) {
        while let Some(&(number, n)) = self.line.front() {
            if n > self.free {
                return;
            }
            self.free -= n;
            self.line.pop_front();
            self.served.insert(number, n);
        }
    }

    fn has_for_a_newcomer(&self, n: usize) -> bool {
        !self.closed && self.line.is_empty() && self.free >= n
    }

    fn leave(&mut self, number: usize) {
        self.free += self.served.remove(&number).unwrap_or(0);
        self.line.retain(|(waiter, _)| *waiter != number);
        self.turned_away.retain(|waiter| *waiter != number);
        self.serve();
    }

    fn close(&mut self) {
        self.closed = true;
        self.turned_away
            .extend(self.line.drain(..).map(|(number, _)| number));
    }

    fn is_done(&self, number: usize) -> bool {
        self.served.contains_key(&number) || self.turned_away.contains(&number)
    }
}

fn check_semaphore(permits: usize, turns: Vec<Turn>) {
    let semaphore = Rc::new(Semaphore::new(permits));
    let mut model = Turns {
        free: permits,
        ..Turns::default()
    };
    let mut waiters = Waiters::new();
    let mut held: Vec<OwnedSemaphorePermit> = Vec::new();
    for (number, turn) in turns.into_iter().enumerate() {
        match turn {
            Turn::Acquire(n) => {
                let mut waiter = Probe::new(semaphore.acquire_many_owned(n));
                match waiter.poll() {
                    Poll::Ready(Ok(permit)) => {
                        assert!(model.has_for_a_newcomer(n));
                        model.free -= n;
                        held.push(permit);
                    }
                    Poll::Ready(Err(_)) => assert!(model.closed),
                    Poll::Pending => {
                        assert!(!model.closed && !model.has_for_a_newcomer(n));
                        model.line.push_back((number, n));
                        waiters.insert(number, waiter);
                    }
                }
            }
            Turn::TryAcquire(n) => match semaphore.try_acquire_many(n) {
                Ok(permit) => {
                    assert!(model.has_for_a_newcomer(n));
                    permit.forget();
                    model.free -= n;
                }
                Err(TryAcquireError::Closed) => assert!(model.closed),
                Err(TryAcquireError::NoPermits) => {
                    assert!(!model.closed && !model.has_for_a_newcomer(n))
                }
            },
            Turn::Poll(index) => {
                let Some(chosen) = pick(&waiters, &index) else {
                    continue;
                };
                match waiters.get_mut(&chosen).unwrap().poll() {
                    Poll::Ready(Ok(permit)) => {
                        assert_eq!(model.served.remove(&chosen), Some(permit.num_permits()));
                        held.push(permit);
                    }
                    Poll::Ready(Err(_)) => assert!(model.turned_away.contains(&chosen)),
                    Poll::Pending => {
                        assert!(!model.is_done(chosen));
                        continue;
                    }
                }
                waiters.remove(&chosen);
            }
            Turn::Cancel(index) => {
                let Some(chosen) = pick(&waiters, &index) else {
                    continue;
                };
                waiters.remove(&chosen);
                model.leave(chosen);
            }
            Turn::Release(index) if !held.is_empty() => {
                let permit = held.swap_remove(index.index(held.len()));
                model.free += permit.num_permits();
                drop(permit);
                model.serve();
            }
            Turn::Release(_) => {}
            Turn::Add(n) => {
                semaphore.add_permits(n);
                model.free += n;
                model.serve();
            }
            Turn::Close => {
                semaphore.close();
                model.close();
            }
        }
        assert_woken(&waiters, |number| model.is_done(number));
        assert_eq!(semaphore.available_permits(), model.free);
    }
}

fn check_mutex(turns: Vec<Turn>) {
    let mutex = Mutex::new(0);
    let mut model = Turns {
        free: 1,
        ..Turns::default()
    };
    let mut waiters = Waiters::new();
    let mut guard = None;
    for (number, turn) in turns.into_iter().enumerate() {
        match turn {
            Turn::Acquire(_) => {
                let mut waiter = Probe::new(mutex.lock());
                match waiter.poll() {
                    Poll::Ready(locked) => {
                        assert!(model.has_for_a_newcomer(1) && guard.is_none());
                        guard = Some(locked);
                        model.free = 0;
                    }
                    Poll::Pending => {
                        model.line.push_back((number, 1));
                        waiters.insert(number, waiter);
                    }
                }
            }
            Turn::TryAcquire(_) => {
                assert_eq!(mutex.try_lock().is_ok(), model.has_for_a_newcomer(1))
            }
            Turn::Poll(index) => {
                let Some(chosen) = pick(&waiters, &index) else {
                    continue;
                };
                if let Poll::Ready(locked) = waiters.get_mut(&chosen).unwrap().poll() {
                    assert!(guard.is_none() && model.served.remove(&chosen).is_some());
                    guard = Some(locked);
                    waiters.remove(&chosen);
                }
            }
            Turn::Cancel(index) => {
                let Some(chosen) = pick(&waiters, &index) else {
                    continue;
                };
                waiters.remove(&chosen);
                model.leave(chosen);
            }
            Turn::Release(_) | Turn::Add(_) | Turn::Close => {
                if let Some(locked) = guard.take() {
                    drop(locked);
                    model.free = 1;
                    model.serve();
                }
            }
        }
        assert_woken(&waiters, |number| model.is_done(number));
    }
}

// ------------------------------------------------------------------------------------------------------------ queue

#[derive(Debug, Clone)]
enum Step {
    Put,
    Get,
    TryPut,
    TryGet,
    PollPutter(Index),
    PollGetter(Index),
    CancelPutter(Index),
    CancelGetter(Index),
    Close,
    CloseNow,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let choices: &[Choice<Self>] = &[
            (6, |_| Step::Put),
            (6, |_| Step::Get),
            (2, |_| Step::TryPut),
            (2, |_| Step::TryGet),
            (4, |g| Step::PollPutter(Index::arbitrary(g))),
            (4, |g| Step::PollGetter(Index::arbitrary(g))),
            (3, |g| Step::CancelPutter(Index::arbitrary(g))),
            (3, |g| Step::CancelGetter(Index::arbitrary(g))),
            (1, |g| {
                one_of(
                    g,
                    &[
                        (6, |_| Step::TryGet),
                        (2, |_| Step::Close),
                        (1, |_| Step::CloseNow),
                    ],
                )
            }),
        ];
        one_of(g, choices)
    }
}

/// The model of a queue: items, two lines, and on both sides the waiters that were served and have not been polled since.
#[derive(Default)]
struct Items {
    capacity: usize,
    items: VecDeque<usize>,
    putters: VecDeque<usize>,
    served_putters: Vec<usize>,
    getters: VecDeque<usize>,
    served_getters: Vec<usize>,
    turned_away: Vec<usize>,
    closed: bool,
    closed_now: bool,
}

impl Items {
    fn room(&self) -> usize {
        self.capacity - self.items.len() - self.served_putters.len()
    }

    fn unclaimed(&self) -> usize {
        self.items.len().saturating_sub(self.served_getters.len())
    }

    fn serve(&mut self) {
        while !self.closed && self.room() > 0 && !self.putters.is_empty() {
            self.served_putters.extend(self.putters.pop_front());
        }
        while self.unclaimed() > 0 && !self.getters.is_empty() {
            self.served_getters.extend(self.getters.pop_front());
        }
        if self.closed {
            self.turned_away.extend(self.putters.drain(..));
        }
        if self.closed && self.items.is_empty() {
            self.turned_away.extend(self.getters.drain(..));
        }
    }

    fn leave(&mut self, number: usize) {
        self.putters.retain(|waiter| *waiter != number);
        self.getters.retain(|waiter| *waiter != number);
        self.served_putters.retain(|waiter| *waiter != number);
        self.served_getters.retain(|waiter| *waiter != number);
        self.turned_away.retain(|waiter| *waiter != number);
        self.serve();
    }

    fn is_done(&self, number: usize) -> bool {
        [
            &self.served_putters,
            &self.served_getters,
            &self.turned_away,
        ]
        .iter()
        .any(|list| list.contains(&number))
    }
}

fn check_queue(capacity: usize, steps: Vec<Step>) {
    let queue = Queue::bounded(capacity);
    let mut model = Items {
        capacity,
        ..Items::default()
    };
    let (mut putters, mut getters) = (Waiters::new(), Waiters::new());
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Put => {
                let mut putter = Probe::new(queue.put(number));
                match putter.poll() {
                    Poll::Ready(Ok(())) => {
                        assert!(!model.closed && model.room() > 0 && model.putters.is_empty());
                        model.items.push_back(number);
                    }
                    Poll::Ready(Err(error)) => assert!(model.closed && error.0 == number),
                    Poll::Pending => {
                        assert!(!model.closed && model.room() == 0);
                        model.putters.push_back(number);
                        putters.insert(number, putter);
                    }
                }
            }
            Step::Get => {
                let mut getter = Probe::new(queue.get());
                match getter.poll() {
                    Poll::Ready(Some(item)) => {
                        assert!(model.unclaimed() > 0 && model.getters.is_empty());
                        assert_eq!(model.items.pop_front(), Some(item));
                    }
                    Poll::Ready(None) => assert!(model.closed && model.items.is_empty()),
                    Poll::Pending => {
                        assert_eq!(model.unclaimed(), 0);
                        model.getters.push_back(number);
                        getters.insert(number, getter);
                    }
                }
            }
            Step::TryPut => match queue.try_put(number) {
                Ok(()) => {
                    assert!(!model.closed && model.room() > 0);
                    model.items.push_back(number);
                }
                Err(TryPutError::Full(_)) => assert!(!model.closed && model.room() == 0),
                Err(TryPutError::Closed(_)) => assert!(model.closed),
            },
            Step::TryGet => match queue.try_get() {
                Ok(item) => {
                    assert!(model.unclaimed() > 0);
                    assert_eq!(model.items.pop_front(), Some(item));
                }
                Err(TryGetError::Empty) => assert_eq!(model.unclaimed(), 0),
                Err(TryGetError::Closed) => assert!(model.closed && model.items.is_empty()),
            },
            Step::PollPutter(index) => {
                let Some(chosen) = pick(&putters, &index) else {
                    continue;
                };
                match putters.get_mut(&chosen).unwrap().poll() {
                    Poll::Ready(Ok(())) => {
                        assert!(!model.closed && model.served_putters.contains(&chosen));
                        model.items.push_back(chosen);
                    }
                    Poll::Ready(Err(error)) => assert!(model.closed && error.0 == chosen),
                    Poll::Pending => {
                        assert!(!model.is_done(chosen));
                        continue;
                    }
                }
                putters.remove(&chosen);
                model.leave(chosen);
            }
            Step::PollGetter(index) => {
                let Some(chosen) = pick(&getters, &index) else {
                    continue;
                };
                match getters.get_mut(&chosen).unwrap().poll() {
                    Poll::Ready(Some(item)) => {
                        assert!(model.served_getters.contains(&chosen));
                        assert_eq!(model.items.pop_front(), Some(item));
                    }
                    Poll::Ready(None) => {
                        assert!(model.closed_now || model.turned_away.contains(&chosen))
                    }
                    Poll::Pending => {
                        assert!(!model.is_done(chosen));
                        continue;
                    }
                }
                getters.remove(&chosen);
                model.leave(chosen);
            }
            Step::CancelPutter(index) => {
                let Some(chosen) = pick(&putters, &index) else {
                    continue;
                };
                putters.remove(&chosen);
                model.leave(chosen);
            }
            Step::CancelGetter(index) => {
                let Some(chosen) = pick(&getters, &index) else {
                    continue;
                };
                getters.remove(&chosen);
                model.leave(chosen);
            }
            Step::Close => {
                queue.close();
                model.closed = true;
            }
            Step::CloseNow => {
                queue.close_now();
                (model.closed, model.closed_now) = (true, true);
                model.items.clear();
            }
        }
        model.serve();
        assert_woken(&putters, |number| model.is_done(number));
        assert_woken(&getters, |number| model.is_done(number));
        assert_eq!(queue.len(), model.items.len());
    }
}

// ------------------------------------------------------------------------------------------------------------- mpsc

#[derive(Debug, Clone)]
enum Message {
    Send,
    TrySend,
    PollSender(Index),
    CancelSender(Index),
    Reserve,
    UsePermit(Index),
    DropPermit(Index),
    Receive,
    Close,
}

impl Arbitrary for Message {
    fn arbitrary(g: &mut Gen) -> Self {
        let choices: &[Choice<Self>] = &[
            (6, |_| Message::Send),
            (2, |_| Message::TrySend),
            (4, |g| Message::PollSender(Index::arbitrary(g))),
            (3, |g| Message::CancelSender(Index::arbitrary(g))),
            (2, |_| Message::Reserve),
            (2, |g| Message::UsePermit(Index::arbitrary(g))),
            (1, |g| Message::DropPermit(Index::arbitrary(g))),
            (8, |_| Message::Receive),
            (1, |g| {
                one_of(g, &[(9, |_| Message::Receive), (1, |_| Message::Close)])
            }),
        ];
        one_of(g, choices)
    }
}

/// The model of a channel: values, a line of senders, and reserved room.
#[derive(Default)]
struct Values {
    capacity: usize,
    values: VecDeque<usize>,
    line: VecDeque<usize>,
    served: Vec<usize>,
    permits: usize,
    turned_away: Vec<usize>,
    closed: bool,
}

impl Values {
    fn room(&self) -> usize {
        self.capacity - self.values.len() - self.served.len() - self.permits
    }

    fn serve(&mut self) {
        if self.closed {
            self.turned_away.extend(self.line.drain(..));
        }
        while self.room() > 0 && !self.line.is_empty() {
            self.served.extend(self.line.pop_front());
        }
    }

    fn leave(&mut self, number: usize) {
        self.line.retain(|waiter| *waiter != number);
        self.served.retain(|waiter| *waiter != number);
        self.turned_away.retain(|waiter| *waiter != number);
    }

    fn has_ended(&self) -> bool {
        self.closed && self.values.is_empty() && self.served.is_empty() && self.permits == 0
    }

    fn is_done(&self, number: usize) -> bool {
        self.served.contains(&number) || self.turned_away.contains(&number)
    }
}

fn check_mpsc(capacity: usize, messages: Vec<Message>) {
    let (sender, mut receiver) = mpsc::channel(capacity);
    let mut model = Values {
        capacity,
        ..Values::default()
    };
    let mut senders = Waiters::new();
    let mut permits = Vec::new();
    for (number, message) in messages.into_iter().enumerate() {
        match message {
            Message::Send => {
                let mut waiter = Probe::new(sender.send(number));
                match waiter.poll() {
                    Poll::Ready(Ok(())) => {
                        assert!(!model.closed && model.room() > 0 && model.line.is_empty());
                        model.values.push_back(number);
                    }
                    Poll::Ready(Err(error)) => assert!(model.closed && error.0 == number),
                    Poll::Pending => {
                        assert!(!model.closed && model.room() == 0);
                        model.line.push_back(number);
                        senders.insert(number, waiter);
                    }
                }
            }
            Message::TrySend => match sender.try_send(number) {
                Ok(()) => {
                    assert!(!model.closed && model.room() > 0);
                    model.values.push_back(number);
                }
                Err(mpsc::TrySendError::Full(_)) => assert!(!model.closed && model.room() == 0),
                Err(mpsc::TrySendError::Closed(_)) => assert!(model.closed),
            },
            Message::PollSender(index) => {
                let Some(chosen) = pick(&senders, &index) else {
                    continue;
                };
                match senders.get_mut(&chosen).unwrap().poll() {
                    Poll::Ready(Ok(())) => {
                        assert!(model.served.contains(&chosen));
                        model.values.push_back(chosen);
                    }
                    Poll::Ready(Err(error)) => {
                        assert!(model.turned_away.contains(&chosen) && error.0 == chosen)
                    }
                    Poll::Pending => {
                        assert!(!model.is_done(chosen));
                        continue;
                    }
                }
                senders.remove(&chosen);
                model.leave(chosen);
            }
            Message::CancelSender(index) => {
                let Some(chosen) = pick(&senders, &index) else {
                    continue;
                };
                senders.remove(&chosen);
                model.leave(chosen);
            }
            Message::Reserve => match sender.try_reserve() {
                Ok(permit) => {
                    assert!(!model.closed && model.room() > 0);
                    permits.push(permit);
                    model.permits += 1;
                }
                Err(_) => assert!(model.closed || model.room() == 0),
            },
            Message::UsePermit(index) if !permits.is_empty() => {
                permits.swap_remove(index.index(permits.len())).send(number);
                model.permits -= 1;
                model.values.push_back(number);
            }
            Message::DropPermit(index) if !permits.is_empty() => {
                drop(permits.swap_remove(index.index(permits.len())));
                model.permits -= 1;
            }
            Message::UsePermit(_) | Message::DropPermit(_) => {}
            Message::Receive => match receiver.poll_recv(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(value)) => assert_eq!(model.values.pop_front(), Some(value)),
                Poll::Ready(None) => assert!(model.has_ended()),
                Poll::Pending => assert!(model.values.is_empty() && !model.has_ended()),
            },
            Message::Close => {
                receiver.close();
                model.closed = true;
            }
        }
        model.serve();
        assert_woken(&senders, |number| model.is_done(number));
        assert_eq!(receiver.len(), model.values.len());
        assert_eq!(sender.capacity(), model.room());
    }
}

small!(Permits, 0..4);
small!(Capacity, 1..4);

#[test]
fn a_semaphore_does_what_its_model_does() {
    let _watched = crate::support::watch();
    let property = |Permits(permits), turns| check_semaphore(permits, turns);
    check(256, 200, property as fn(Permits, Vec<Turn>));
}

#[test]
fn a_mutex_does_what_its_model_does() {
    let _watched = crate::support::watch();
    check(256, 200, check_mutex as fn(Vec<Turn>));
}

#[test]
fn a_queue_does_what_its_model_does() {
    let _watched = crate::support::watch();
    let property = |Capacity(capacity), steps| check_queue(capacity, steps);
    check(256, 200, property as fn(Capacity, Vec<Step>));
}

#[test]
fn a_channel_does_what_its_model_does() {
    let _watched = crate::support::watch();
    let property = |Capacity(capacity), messages| check_mpsc(capacity, messages);
    check(256, 200, property as fn(Capacity, Vec<Message>));
}
