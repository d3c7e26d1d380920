//! One of each primitive, and what the model knows about it: which tasks are inside, how many permits are out, which item
//! came when.

use std::cell::{Cell, RefCell};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::task::Waker;
use std::time::Instant;

use roundelay::sync::{
    Barrier, CancelToken, Condition, Event, Mutex, Notify, Queue, RwLock, Semaphore, broadcast,
    mpsc, oneshot, watch,
};
use roundelay::time::{Interval, Sleep};

use crate::world::World;

pub(crate) const PERMITS: usize = 3;
pub(crate) const ROOM: usize = 2;

/// The waits that the model only counts.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    Mutex,
    Event,
    Put,
    Get,
    Send,
    Receive,
}
const LINES: usize = 6;

/// The sessions that wait for their turn, in order, with what each of them wants.
pub(crate) type Turns<W> = RefCell<Vec<(u64, W)>>;

/// The two ways to use the reader-writer lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// An item that a queue or a channel carries. It is lost if it was put and then dropped before it was got.
pub(crate) struct Item {
    world: Rc<World>,
    pub(crate) number: u64,
    is_got: bool,
}

impl Item {
    pub(crate) fn new(world: &Rc<World>) -> Self {
        Self {
            world: Rc::clone(world),
            number: world.number(),
            is_got: false,
        }
    }

    pub(crate) fn got(mut self) {
        self.is_got = true;
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        let is_excused = self.world.takes_back.get() > 0 || self.world.is_ending.get();
        self.world.expect(self.is_got || is_excused, || {
            format!("item {} was put, but dropped unread", self.number)
        });
    }
}

/// A place where a session waits until the machine lets it go on.
pub(crate) struct Stop {
    pub(crate) number: u64,
    pub(crate) is_released: bool,
    pub(crate) waker: Option<Waker>,
}

/// A gate at which a job on the pool waits.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) number: u64,
    pub(crate) open: Sender<()>,
}

pub(crate) type Nap = Rc<RefCell<Pin<Box<Sleep>>>>;

pub(crate) struct Gear {
    pub(crate) mutex: Rc<Mutex<u64>>,
    pub(crate) is_locked: Cell<bool>,
    pub(crate) rwlock: Rc<RwLock<u64>>,
    pub(crate) readers: Cell<usize>,
    pub(crate) has_writer: Cell<bool>,
    pub(crate) semaphore: Rc<Semaphore>,
    pub(crate) permits_out: Cell<usize>,
    pub(crate) notify: Rc<Notify>,
    pub(crate) event: Rc<Event>,
    pub(crate) condition: Rc<Condition>,
    pub(crate) barrier: Rc<Barrier>,
    pub(crate) queue: Rc<Queue<Item>>,
    pub(crate) sender: RefCell<Option<mpsc::Sender<Item>>>,
    /// A session that receives takes it out, and puts it back.
    pub(crate) receiver: Rc<RefCell<Option<mpsc::Receiver<Item>>>>,
    pub(crate) oneshots: RefCell<Vec<oneshot::Sender<u64>>>,
    pub(crate) questions: RefCell<Vec<oneshot::Receiver<u64>>>,
    pub(crate) news: RefCell<Option<broadcast::Sender<u64>>>,
    pub(crate) weather: RefCell<Option<watch::Sender<u64>>>,
    pub(crate) token: RefCell<CancelToken>,
    /// How many sessions wait for each `Line`.
    pub(crate) lines: [Cell<usize>; LINES],
    pub(crate) permits_wanted: Turns<usize>,
    pub(crate) access_wanted: Turns<Access>,
    pub(crate) stops: RefCell<Vec<Stop>>,
    pub(crate) naps: RefCell<Vec<Nap>>,
    pub(crate) intervals: RefCell<Vec<Rc<RefCell<Interval>>>>,
    /// The other ends of the sockets that sessions read.
    pub(crate) wires: RefCell<Vec<UnixStream>>,
    pub(crate) gates: RefCell<Vec<Gate>>,
}

impl Gear {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(ROOM);
        Self {
            mutex: Rc::new(Mutex::new(0)),
            is_locked: Cell::default(),
            rwlock: Rc::new(RwLock::new(0)),
            readers: Cell::default(),
            has_writer: Cell::default(),
            semaphore: Rc::new(Semaphore::new(PERMITS)),
            permits_out: Cell::default(),
            notify: Rc::default(),
            event: Rc::default(),
            condition: Rc::default(),
            barrier: Rc::new(Barrier::new(3)),
            queue: Rc::new(Queue::bounded(ROOM)),
            sender: RefCell::new(Some(sender)),
            receiver: Rc::new(RefCell::new(Some(receiver))),
            oneshots: RefCell::default(),
            questions: RefCell::default(),
            news: RefCell::new(Some(broadcast::channel(ROOM).0)),
            weather: RefCell::new(Some(watch::channel(0).0)),
            token: RefCell::new(CancelToken::new()),
            lines: Default::default(),
            permits_wanted: RefCell::default(),
            access_wanted: RefCell::default(),
            stops: RefCell::default(),
            naps: RefCell::default(),
            intervals: RefCell::default(),
            wires: RefCell::default(),
            gates: RefCell::default(),
        }
    }

    pub(crate) fn has_gate(&self, number: u64) -> bool {
        self.gates.borrow().iter().any(|gate| gate.number == number)
    }

    /// Checks what must hold whenever no operation is under way.
    pub(crate) fn check(&self, world: &World) {
        let free = self.semaphore.available_permits();
        let out = self.permits_out.get();
        world.expect(free + out <= PERMITS, || {
            format!("{free} permits are free and {out} are out, of {PERMITS}")
        });
        world.expect(self.queue.len() <= ROOM, || {
            format!("{} items in a queue for {ROOM}", self.queue.len())
        });
    }

    /// Checks what must hold when nothing is ready: no session waits for something that is there.
    pub(crate) fn check_rest(&self, world: &World) {
        let now = Instant::now();
        let due = self
            .naps
            .borrow()
            .iter()
            .any(|nap| nap.borrow().deadline() <= now);
        let due = due
            || self
                .intervals
                .borrow()
                .iter()
                .any(|ticks| ticks.borrow().next_tick() <= now);
        let released = self.stops.borrow().iter().any(|stop| stop.is_released);
        let wanted = self.permits_wanted.borrow().first().copied();
        let access = self
            .access_wanted
            .borrow()
            .first()
            .map(|(_, access)| *access);
        let free = self.semaphore.available_permits();
        let is_unlocked = !self.is_locked.get();
        let has_nobody = self.readers.get() == 0 && !self.has_writer.get();
        let room = self
            .sender
            .borrow()
            .as_ref()
            .map_or(0, mpsc::Sender::capacity);
        let sent = self
            .receiver
            .borrow()
            .as_ref()
            .map_or(0, mpsc::Receiver::len);
        let waits = |line: Line| self.lines[line as usize].get() > 0;
        for (is_wrong, what) in [
            (due, "a timer that was due"),
            (released, "a session that was let go on"),
            (
                wanted.is_some_and(|(_, wanted)| wanted <= free),
                "permits that are free",
            ),
            (
                waits(Line::Mutex) && is_unlocked,
                "the mutex, which is free",
            ),
            (
                access.is_some() && has_nobody,
                "the reader-writer lock, which is free",
            ),
            (
                access == Some(Access::Read) && !self.has_writer.get(),
                "the reader-writer lock, to read beside other readers, with no writer before it",
            ),
            (
                waits(Line::Event) && self.event.is_set(),
                "the event, which is set",
            ),
            (
                waits(Line::Put) && !self.queue.is_full(),
                "the queue, which has room",
            ),
            (
                waits(Line::Get) && !self.queue.is_empty(),
                "the queue, which has items",
            ),
            (waits(Line::Send) && room > 0, "the channel, which has room"),
            (
                waits(Line::Receive) && sent > 0,
                "the channel, which has items",
            ),
        ] {
            world.expect(!is_wrong, || {
                format!("nothing is ready, but a session waits for {what}")
            });
        }
    }

    /// Checks what must hold when no session holds anything or waits for anything.
    pub(crate) fn check_idle(&self, world: &World) {
        let free = self.semaphore.available_permits();
        world.expect(free == PERMITS, || {
            format!("no session has a permit, but {free} of {PERMITS} are free")
        });
        world.expect(self.mutex.try_lock().is_ok(), || {
            "no session has the lock, but it is locked".to_owned()
        });
        world.expect(self.rwlock.try_write().is_ok(), || {
            "no session has the reader-writer lock, but it is locked".to_owned()
        });
        world.expect(self.barrier.waiting() == 0, || {
            "no session waits at the barrier, but it counts some".to_owned()
        });
        let room = self.sender.borrow().as_ref().map(mpsc::Sender::capacity);
        let inside = self.receiver.borrow().as_ref().map(mpsc::Receiver::len);
        world.expect(
            room.zip(inside)
                .is_none_or(|(room, inside)| room + inside == ROOM),
            || format!("a channel for {ROOM} has {inside:?} items and room for {room:?}"),
        );
    }

    /// Drops everything that a program may have left.
    pub(crate) fn clear(&self) {
        while let Ok(item) = self.queue.try_get() {
            item.got();
        }
        if let Some(receiver) = &mut *self.receiver.borrow_mut() {
            while let Ok(item) = receiver.try_recv() {
                item.got();
            }
        }
        drop(self.receiver.take());
        drop(self.sender.take());
        drop(self.oneshots.take());
        drop(self.questions.take());
        drop(self.news.take());
        drop(self.weather.take());
        drop(self.stops.take());
        drop(self.naps.take());
        drop(self.intervals.take());
        drop(self.wires.take());
        drop(self.gates.take());
    }
}
