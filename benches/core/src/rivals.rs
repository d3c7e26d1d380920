//! The two loops behind one trait, so that every row is written once.

use std::future::Future;
use std::time::Duration;

use crate::HOUR;

pub(crate) trait Rival {
    fn new() -> Self;
    fn run<F: Future>(&mut self, main: F) -> F::Output;
    /// The runtime's own handle, which yields a `Result`.
    fn spawn<F>(future: F) -> impl Future<Output: 'static>
    where
        F: Future<Output: 'static> + 'static;
    fn yield_now() -> impl Future<Output = ()>;
    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static;
    /// Waits for ever on a socket that stays silent.
    fn silent_socket() -> impl Future<Output = ()> + 'static;

    /// Runs a future as a task.
    fn task<F>(&mut self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        self.run(async { drop(Self::spawn(future).await) });
    }

    /// Gives both drivers something to watch.
    fn idle(&mut self) {
        self.run(async {
            drop(Self::spawn(Self::sleep(HOUR)));
            drop(Self::spawn(Self::silent_socket()));
            for _ in 0..3 {
                Self::yield_now().await;
            }
        });
    }
}

pub(crate) struct Roundelay(roundelay::EventLoop);

impl Rival for Roundelay {
    fn new() -> Self {
        Roundelay(roundelay::EventLoop::new().expect("a loop"))
    }

    fn run<F: Future>(&mut self, main: F) -> F::Output {
        self.0.run(main)
    }

    fn spawn<F>(future: F) -> impl Future<Output: 'static>
    where
        F: Future<Output: 'static> + 'static,
    {
        roundelay::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> {
        roundelay::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        roundelay::sleep(duration)
    }

    async fn silent_socket() {
        let socket = roundelay::net::UdpSocket::bind("127.0.0.1:0").await;
        let got = socket.expect("a socket").recv(&mut [0; 1]).await;
        unreachable!("nobody writes, and yet {got:?}");
    }
}

pub(crate) struct Tokio(tokio::runtime::LocalRuntime);

impl Rival for Tokio {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default());
        Tokio(runtime.expect("a runtime"))
    }

    fn run<F: Future>(&mut self, main: F) -> F::Output {
        self.0.block_on(main)
    }

    fn spawn<F>(future: F) -> impl Future<Output: 'static>
    where
        F: Future<Output: 'static> + 'static,
    {
        tokio::task::spawn_local(future)
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(duration)
    }

    async fn silent_socket() {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await;
        let got = socket.expect("a socket").recv(&mut [0; 1]).await;
        unreachable!("nobody writes, and yet {got:?}");
    }
}
