//! How tasks of one loop wait for one another.
//!
//! *Before this:* [`chain`](crate::chain). *Time:* 20 minutes. *Files, in reading order:* this one,
//! [`wait_list`], and each primitive by itself.
//!
//! Nothing here is `Sync`, atomic or `unsafe`: the tasks that share a primitive run on one thread,
//! and share it by reference or in an `Rc`. Another thread reaches a loop by
//! [`Remote`](crate::Remote) and the channels of [`remote`](crate::remote).
//!
//! What you want, what to take, and what asyncio and tokio have for it:
//!
//! - To keep a value consistent across an `.await`: [`Mutex`] (asyncio: `Lock`, tokio: `Mutex`)
//! - The same, with many readers: [`RwLock`] (tokio: `RwLock`)
//! - At most *n* tasks at a time: [`Semaphore`] (asyncio and tokio: `Semaphore`)
//! - To wait until something has happened: [`Event`] (asyncio: `Event`)
//! - To wait until the value in a lock has changed: [`Condition`] (asyncio: `Condition`)
//! - To start together: [`Barrier`] (asyncio and tokio: `Barrier`)
//! - To build a primitive of your own: [`Notify`] (tokio: `Notify`)
//! - To give work to several workers, and wait until it is done: [`Queue`], [`LifoQueue`],
//!   [`PriorityQueue`] (asyncio: `Queue`, `LifoQueue`, `PriorityQueue`)
//! - To send values from many tasks to one: [`mpsc`] (asyncio: `Queue`, tokio: `mpsc`)
//! - To send one value, once: [`oneshot`] (asyncio: `Future`, tokio: `oneshot`)
//! - Every task to receive every value: [`broadcast`] (tokio: `broadcast`)
//! - Every task to see the latest value: [`watch`] (tokio: `watch`)
//! - To ask tasks to stop: [`CancelToken`] (asyncio: `Task.cancel`, tokio: `tokio_util`'s
//!   `CancellationToken`)
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
