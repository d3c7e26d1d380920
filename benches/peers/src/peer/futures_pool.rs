use std::cell::RefCell;

use super::*;
use ::futures::executor::{LocalPool, LocalSpawner};
use ::futures::task::LocalSpawnExt;

/// `LocalPool::run_until`. It has only tasks: no timers, no sockets, no threads.
pub struct FuturesPool;

thread_local! {
    static SPAWNER: RefCell<Option<LocalSpawner>> = const { RefCell::new(None) };
}

fn with_spawner<R>(spawn: impl FnOnce(&LocalSpawner) -> R) -> R {
    SPAWNER.with_borrow(|spawner| spawn(spawner.as_ref().expect("the pool runs")))
}

impl Peer for FuturesPool {
    const HAS_TIMERS: bool = false;
    const HAS_SOCKETS: bool = false;
    const HAS_OFFLOAD: bool = false;

    fn block_on<F: Future + 'static>(main: F) -> F::Output {
        let mut pool = LocalPool::new();
        SPAWNER.set(Some(pool.spawner()));
        let output = pool.run_until(main);
        SPAWNER.set(None);
        output
    }

    fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        with_spawner(|spawner| spawner.spawn_local_with_handle(future)).expect("the pool lives")
    }

    fn detach<F: Future<Output = ()> + 'static>(future: F) {
        with_spawner(|spawner| spawner.spawn_local(future)).expect("the pool lives");
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        yield_by_hand()
    }

    async fn sleep(_: Duration) {
        unreachable!("it has no timers");
    }

    async fn timeout<F: Future>(_: Duration, _: F) -> Option<F::Output> {
        unreachable!("it has no timers");
    }

    async fn offload<T, F>(_: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        unreachable!("it has no threads");
    }

    async fn serve(_: Talk, _: impl FnOnce(SocketAddr) + 'static) -> io::Result<()> {
        unreachable!("it has no sockets");
    }
}
