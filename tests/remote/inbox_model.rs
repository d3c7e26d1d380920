//! The parking protocol of chapter 5, every interleaving of it, and the flawed versions of it that one would write first.
//!
//! A race that needs one thread to be interrupted between two instructions may take a million runs to show. There are only
//! four things in this protocol (the word, the lock, the mail, the bell) and a dozen steps, so a small program can try every
//! order in which a loop and two other threads may take them. The model is no proof of the code; it is a proof of the idea,
//! and for each flaw it draws the time-line in which the loop sleeps for ever.

use std::collections::HashSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Word {
    Awake,
    Notified,
    Parked,
    /// The number of a task that is to be woken.
    Number,
}

impl Word {
    fn is_notice(self) -> bool {
        matches!(self, Word::Notified | Word::Number)
    }
}

/// Where the loop stands. The names are those of the functions in `scheduler/inbox.rs` and `event_loop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Loop {
    Park,
    /// A flawed loop's second half of `Park`.
    ParkStore,
    Sleep,
    Unpark,
    Look,
    Take,
    /// The second half of `Take`, behind the lock.
    TakeRest,
}

/// Where a thread stands that wakes a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pusher {
    /// Puts its number where nothing is.
    PutInAwake,
    /// Puts it where the loop sleeps.
    PutInParked,
    Lock,
    Swap,
    Push,
    Unlock,
    Ring,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// Looks at the word, and then stores `Parked`: two steps instead of one.
    ParksInTwoSteps,
    /// Empties the mail before it takes the notice down.
    TakesBeforeItSwaps,
    /// Stores `Awake` after a sleep, whatever is there.
    UnparksByAStore,
    /// Leaves `Parked` standing after a sleep.
    NeverUnparks,
    /// Swaps `Parked` in, and does not keep what was there.
    ParksByASwap,
    /// Swaps `Notified` in, and does not keep the number that was there.
    LosesTheNumber,
    /// Swaps before it has the lock.
    SwapsBeforeItLocks,
}

const PUSHERS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    word: Word,
    /// The thread that has the lock of the mail.
    lock: Option<usize>,
    mail: usize,
    bell: bool,
    looping: Loop,
    pushers: [Pusher; PUSHERS],
    /// Each thread's `Swap` has taken `Parked` away.
    must_ring: [bool; PUSHERS],
    delivered: usize,
    /// How often the loop may still be woken by something else: a timer, a socket.
    other_wakes: usize,
    /// Rings at a loop that did not sleep, nor was about to.
    needless_rings: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    TheLoop(Loop),
    SomethingElseWakesTheLoop,
    Thread(usize, Pusher),
}

impl State {
    fn begin() -> Self {
        Self {
            word: Word::Awake,
            lock: None,
            mail: 0,
            bell: false,
            looping: Loop::Look,
            pushers: [Pusher::PutInAwake; PUSHERS],
            must_ring: [false; PUSHERS],
            delivered: 0,
            other_wakes: 2,
            needless_rings: 0,
        }
    }

    /// Every step that somebody can take now, and what it leads to.
    fn next(self, flaw: Flaw) -> Vec<(Step, State)> {
        let mut next = Vec::new();
        let is_held_up = match self.looping {
            Loop::Sleep => !self.bell,
            Loop::TakeRest => self.lock.is_some(),
            _ => false,
        };
        if !is_held_up {
            next.push((Step::TheLoop(self.looping), self.loop_step(flaw)));
        }
        if self.looping == Loop::Sleep && self.other_wakes > 0 {
            let mut state = self;
            state.other_wakes -= 1;
            state.looping = Loop::Unpark;
            next.push((Step::SomethingElseWakesTheLoop, state));
        }
        for (thread, pusher) in self.pushers.into_iter().enumerate() {
            let is_held_up = pusher == Pusher::Lock && self.lock.is_some();
            if pusher != Pusher::Done && !is_held_up {
                next.push((Step::Thread(thread, pusher), self.pusher_step(thread, flaw)));
            }
        }
        next
    }

    fn loop_step(mut self, flaw: Flaw) -> Self {
        self.looping = match self.looping {
            Loop::Park => match flaw {
                Flaw::ParksByASwap => {
                    let old = std::mem::replace(&mut self.word, Word::Parked);
                    if old.is_notice() {
                        Loop::Take
                    } else {
                        Loop::Sleep
                    }
                }
                _ if self.word.is_notice() => Loop::Look,
                Flaw::ParksInTwoSteps => Loop::ParkStore,
                _ => {
                    self.word = Word::Parked;
                    Loop::Sleep
                }
            },
            Loop::ParkStore => {
                self.word = Word::Parked;
                Loop::Sleep
            }
            Loop::Sleep => {
                self.bell = false;
                Loop::Unpark
            }
            Loop::Unpark => {
                match flaw {
                    Flaw::UnparksByAStore => self.word = Word::Awake,
                    Flaw::NeverUnparks => {}
                    _ if self.word == Word::Parked => self.word = Word::Awake,
                    _ => {}
                }
                Loop::Look
            }
            Loop::Look if self.word.is_notice() => Loop::Take,
            Loop::Look => Loop::Park,
            Loop::Take if flaw == Flaw::TakesBeforeItSwaps && self.word == Word::Notified => {
                self.deliver();
                Loop::TakeRest
            }
            Loop::Take => match std::mem::replace(&mut self.word, Word::Awake) {
                Word::Number => {
                    self.delivered += 1;
                    Loop::Park
                }
                _ => Loop::TakeRest,
            },
            Loop::TakeRest => {
                match flaw {
                    Flaw::TakesBeforeItSwaps => self.word = Word::Awake,
                    _ => self.deliver(),
                }
                Loop::Park
            }
        };
        self
    }

    fn deliver(&mut self) {
        self.delivered += self.mail;
        self.mail = 0;
    }

    fn pusher_step(mut self, thread: usize, flaw: Flaw) -> Self {
        let slow = match flaw {
            Flaw::SwapsBeforeItLocks => Pusher::Swap,
            _ => Pusher::Lock,
        };
        self.pushers[thread] = match self.pushers[thread] {
            Pusher::PutInAwake => match self.word {
                Word::Awake => {
                    self.word = Word::Number;
                    Pusher::Done
                }
                Word::Parked => Pusher::PutInParked,
                Word::Notified | Word::Number => slow,
            },
            Pusher::PutInParked if self.word == Word::Parked => {
                self.word = Word::Number;
                self.count_ring();
                Pusher::Ring
            }
            Pusher::PutInParked => slow,
            Pusher::Lock => {
                self.lock = Some(thread);
                match flaw {
                    Flaw::SwapsBeforeItLocks => Pusher::Push,
                    _ => Pusher::Swap,
                }
            }
            Pusher::Swap => {
                let old = std::mem::replace(&mut self.word, Word::Notified);
                if old == Word::Number && flaw != Flaw::LosesTheNumber {
                    self.mail += 1;
                }
                if old == Word::Parked {
                    self.must_ring[thread] = true;
                    self.count_ring();
                }
                match flaw {
                    Flaw::SwapsBeforeItLocks => Pusher::Lock,
                    _ => Pusher::Push,
                }
            }
            Pusher::Push => {
                self.mail += 1;
                Pusher::Unlock
            }
            Pusher::Unlock => {
                self.lock = None;
                match self.must_ring[thread] {
                    true => Pusher::Ring,
                    false => Pusher::Done,
                }
            }
            Pusher::Ring => {
                self.bell = true;
                Pusher::Done
            }
            Pusher::Done => unreachable!("nothing is left to do"),
        };
        self
    }

    fn count_ring(&mut self) {
        let is_asleep = matches!(self.looping, Loop::Sleep | Loop::Unpark);
        self.needless_rings += usize::from(!is_asleep);
    }

    /// Nobody can take a step, and not all of the mail has arrived.
    fn is_lost(self, flaw: Flaw) -> bool {
        self.next(flaw).is_empty() && self.delivered < PUSHERS
    }
}

/// What went wrong in some order of the steps, and that order.
struct Found {
    lost: Option<Vec<Step>>,
    needless_ring: bool,
    states: usize,
}

fn explore(flaw: Flaw) -> Found {
    let mut seen = HashSet::new();
    let mut todo = vec![(State::begin(), Vec::new())];
    let mut found = Found {
        lost: None,
        needless_ring: false,
        states: 0,
    };
    while let Some((state, steps)) = todo.pop() {
        if !seen.insert(state) {
            continue;
        }
        found.needless_ring |= state.needless_rings > 0;
        if state.is_lost(flaw) && found.lost.is_none() {
            found.lost = Some(steps.clone());
        }
        for (step, next) in state.next(flaw) {
            let mut steps = steps.clone();
            steps.push(step);
            todo.push((next, steps));
        }
    }
    found.states = seen.len();
    found
}

#[test]
fn in_no_order_of_the_steps_does_a_wake_get_lost_or_ring_for_nothing() {
    let _watched = crate::support::watch();
    let found = explore(Flaw::None);
    assert!(
        found.states > 200,
        "{} states: what was explored?",
        found.states
    );
    assert_eq!(
        found.lost, None,
        "the loop sleeps for ever after these steps"
    );
    assert!(!found.needless_ring, "a ring at a loop that is awake");
}

#[test]
fn looking_and_parking_must_be_one_step() {
    let _watched = crate::support::watch();
    assert!(explore(Flaw::ParksInTwoSteps).lost.is_some());
}

#[test]
fn the_notice_must_be_taken_down_before_the_mail_is_taken_out() {
    let _watched = crate::support::watch();
    assert!(explore(Flaw::TakesBeforeItSwaps).lost.is_some());
}

#[test]
fn a_notice_that_came_during_the_sleep_must_survive_the_waking() {
    let _watched = crate::support::watch();
    assert!(explore(Flaw::UnparksByAStore).lost.is_some());
}

#[test]
fn the_notice_is_put_up_and_the_mail_put_in_behind_one_lock() {
    let _watched = crate::support::watch();
    assert!(explore(Flaw::SwapsBeforeItLocks).lost.is_some());
}

#[test]
fn a_number_that_a_second_notice_replaces_goes_into_the_mail() {
    let _watched = crate::support::watch();
    assert!(explore(Flaw::LosesTheNumber).lost.is_some());
}

#[test]
fn parking_must_not_replace_a_number() {
    let _watched = crate::support::watch();
    assert!(explore(Flaw::ParksByASwap).lost.is_some());
}

#[test]
fn a_word_that_stays_parked_loses_nothing_and_rings_for_nothing() {
    let _watched = crate::support::watch();
    let found = explore(Flaw::NeverUnparks);
    assert_eq!(found.lost, None);
    assert!(found.needless_ring);
}
