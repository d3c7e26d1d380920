//! How tasks of one loop wait for one another.
//!
//! *Before this:* [`chain`](crate::chain). *Time:* 20 minutes. *Files, in reading order:* this one,
//! [`wait_list`], and each primitive by itself.
//!
//! Nothing here is `Sync`, atomic or `unsafe`: the tasks that share a primitive run on one thread,
//! and share it by reference or in an `Rc`. Another thread reaches a loop by
//! [`Remote`](crate::Remote) and the channels of [`remote`](crate::remote).
//!
//! | you want | take | asyncio | tokio |
//! |---|---|---|---|
//! | to keep a value consistent across an `.await` | [`Mutex`] | `Lock` | `Mutex` |
//! | the same, with many readers | [`RwLock`] | | `RwLock` |
//! | at most *n* tasks at a time | [`Semaphore`] | `Semaphore` | `Semaphore` |
//! | to wait until something has happened | [`Event`] | `Event` | |
//! | to wait until the value in a lock has changed | [`Condition`] | `Condition` | |
//! | to start together | [`Barrier`] | `Barrier` | `Barrier` |
//! | to build a primitive of your own | [`Notify`] | | `Notify` |
//! | to give work to several workers, and wait until it is done | [`Queue`], [`LifoQueue`], [`PriorityQueue`] | `Queue`, `LifoQueue`, `PriorityQueue` | |
//! | to send values from many tasks to one | [`mpsc`] | `Queue` | `mpsc` |
//! | to send one value, once | [`oneshot`] | `Future` | `oneshot` |
//! | every task to receive every value | [`broadcast`] | | `broadcast` |
//! | every task to see the latest value | [`watch`] | | `watch` |
//! | to ask tasks to stop | [`CancelToken`] | `Task.cancel` | `tokio_util`'s `CancellationToken` |
//!
//! A value that is touched only *between* two `.await`s needs no primitive: a `Cell` or a `RefCell`
//! is enough.
//!
//! # Common rules
//!
//! First come, first served: the task that has waited longest is served first, and no newcomer
//! passes it. It is *given* the permit, the lock or the value at once; if its future is dropped
//! before it runs, the next waiter gets the permit, the lock or the value. Each future spends one
//! unit of the loop's budget when it completes. Any executor may poll these futures: the panic of
//! a foreign waker is logged, and the call that woke it goes on.
//!
//! `wait_list.rs` does all this once, in a chapter with a proof; a primitive adds its own rule.
//!
//! # Next
//!
//! [The wait list](self::wait_list), on which all primitives rest.

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

mod barrier;
mod cancel_afar;
mod cancel_token;
mod condition;
mod ends;
mod event;
mod mutex;
mod notify;
mod queue;
mod rwlock;
mod semaphore;
mod unheard;
pub(crate) mod wait_list;
mod waker_slot;

pub use barrier::{Barrier, BrokenBarrier};
pub use cancel_token::{CancelGuard, CancelToken};
pub use condition::Condition;
pub use event::Event;
pub use mutex::{Lock, Mutex, MutexGuard, TryLockError};
pub use notify::{Notified, Notify};
pub use queue::{
    Fifo, Get, Lifo, LifoQueue, Priority, PriorityQueue, Put, PutError, Queue, Store,
    TaskDoneError, TryGetError, TryPutError,
};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{
    Acquire, AcquireError, AcquireOwned, OwnedSemaphorePermit, Semaphore, SemaphorePermit,
    TryAcquireError,
};
