//! The runtimes behind one trait, so that every row is written once and is the same work for all of them.
//!
//! Each is set up as its own documentation recommends for a program on one thread, with all its drivers. What a runtime
//! does not have, its constants say, and the rows that need it leave it out; where it lacks only a `yield_now`, it gets
//! [`yield_by_hand`], which is what its users write.

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
    /// Reads what is there, at most so many bytes, and writes it back.
    Whole(usize),
    /// Reads exactly so many bytes, and writes them back; then the next.
    Framed(usize),
    /// The same through the runtime's own buffers, which are flushed after each answer if they have to be.
    Buffered(usize),
}

pub trait Peer: 'static {
    const HAS_TIMERS: bool = true;
    const HAS_SOCKETS: bool = true;
    const HAS_OFFLOAD: bool = true;

    /// Makes the loop, runs `main` on it, and drops it.
    fn block_on<F: Future + 'static>(main: F) -> F::Output;

    /// The same, where threads for blocking calls have to be asked for.
    fn block_on_with_threads<F: Future + 'static>(main: F) -> F::Output {
        Self::block_on(main)
    }

    /// The runtime's own handle. Some yield the output, others a `Result`.
    fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
    where
        F: Future<Output: 'static> + 'static;

    /// Spawns a task that nobody awaits.
    fn detach<F: Future<Output = ()> + 'static>(future: F);

    fn yield_now() -> impl Future<Output = ()> + 'static;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static;

    fn timeout<F: Future>(duration: Duration, future: F)
    -> impl Future<Output = Option<F::Output>>;

    fn offload<T, F>(job: F) -> impl Future<Output = T> + 'static
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;

    /// Listens on the loopback, says where, and gives each connection a task, for ever.
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

    /// Gives the drivers that there are something to look after: a socket that stays silent, a timer of an hour.
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
