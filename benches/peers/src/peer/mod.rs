//! The runtimes behind one trait, so that every row is written once and is the same work for all of them.
//!
//! Each is set up as its own documentation recommends for a program on one thread, with all its drivers. The constants of a
//! runtime say what it lacks, and the rows that need it leave the runtime out. If it lacks only a `yield_now`, it gets
//! [`yield_by_hand`], as its users write it.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

pub mod bare;
mod compio;
mod futures_pool;
mod glommio;
mod monoio;
pub mod roundelay;
mod smol;
pub mod tokio;

pub use self::compio::Compio;
pub use self::futures_pool::FuturesPool;
pub use self::glommio::Glommio;
pub use self::monoio::{MonoioEpoll, MonoioUring};
pub use self::roundelay::Roundelay;
pub use self::smol::Smol;
pub use self::tokio::{TokioLocalRuntime, TokioLocalSet};

/// How a server talks.
#[derive(Clone, Copy)]
pub enum Talk {
    /// Reads the bytes that are there, at most so many, and writes them back.
    Whole(usize),
    /// Reads exactly so many bytes, writes them back, and goes on with the next.
    Framed(usize),
    /// The same through the runtime's own buffers, which are flushed after each answer if that is needed.
    Buffered(usize),
}

pub trait Peer: 'static {
    const HAS_TIMERS: bool = true;
    const HAS_SOCKETS: bool = true;
    const HAS_OFFLOAD: bool = true;

    /// Makes the loop, runs `main` on it, and drops it.
    fn block_on<F: Future + 'static>(main: F) -> F::Output;

    /// The same with threads for blocking calls, on a runtime that has them only if it is asked.
    fn block_on_with_threads<F: Future + 'static>(main: F) -> F::Output {
        Self::block_on(main)
    }

    /// The runtime's own handle. Some yield the output, others a `Result`.
    fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
    where
        F: Future<Output: 'static> + 'static;

    /// Spawns a task, and drops its handle.
    fn detach<F: Future<Output = ()> + 'static>(future: F);

    fn yield_now() -> impl Future<Output = ()> + 'static;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static;

    fn timeout<F: Future>(duration: Duration, future: F)
    -> impl Future<Output = Option<F::Output>>;

    fn offload<T, F>(job: F) -> impl Future<Output = T> + 'static
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;

    /// Listens on the loopback, passes the address to `listening`, and gives each connection a task, for ever.
    fn serve(
        talk: Talk,
        listening: impl FnOnce(SocketAddr) + 'static,
    ) -> impl Future<Output = io::Result<()>> + 'static;

    /// Runs a future as a task, and yields its output.
    fn as_task<F>(task: F) -> impl Future<Output = F::Output> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        async {
            let slot = Rc::new(Cell::new(None));
            let into = Rc::clone(&slot);
            Self::spawn(async move { into.set(Some(task.await)) }).await;
            slot.take().expect("the task has not panicked")
        }
    }

    /// The same on a loop of its own.
    fn block_on_task<F>(task: F) -> F::Output
    where
        F: Future<Output: 'static> + 'static,
    {
        Self::block_on(Self::as_task(task))
    }

    /// Gives the drivers something to watch: a socket that stays silent, a timer of an hour.
    fn idle() -> impl Future<Output = ()> + 'static {
        async {
            if Self::HAS_TIMERS {
                Self::detach(Self::sleep(Duration::from_secs(3_600)));
            }
            if Self::HAS_SOCKETS {
                Self::detach(async {
                    let ended = Self::serve(Talk::Whole(64), |_| ()).await;
                    unreachable!("nobody connects, and yet {ended:?}");
                });
            }
            for _ in 0..3 {
                Self::yield_now().await;
            }
        }
    }
}

/// Wakes its own task and lets the others run.
pub fn yield_by_hand() -> YieldByHand {
    YieldByHand { has_yielded: false }
}

pub struct YieldByHand {
    has_yielded: bool,
}

impl Future for YieldByHand {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_yielded {
            return Poll::Ready(());
        }
        self.has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

pub const LOOPBACK: &str = "127.0.0.1:0";
