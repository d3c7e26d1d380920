use super::*;
use crate::rows::waits::Reached;
use ::tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};
use ::tokio::net::{TcpListener, TcpStream};
use ::tokio::runtime::{Builder, Handle};
use ::tokio::task::{LocalSet, spawn_local};

/// `build_local`, with `enable_all`.
pub struct TokioLocalRuntime;

/// A `current_thread` runtime with `enable_all`, and a `LocalSet` on it.
pub struct TokioLocalSet;

/// The two differ only in how they are set up.
macro_rules! peer {
    ($name:ty, $main:ident => $block_on:expr) => {
        impl Peer for $name {
            fn block_on<F: Future + 'static>($main: F) -> F::Output {
                $block_on
            }

            fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
            where
                F: Future<Output: 'static> + 'static,
            {
                spawn_local(future)
            }

            fn detach<F: Future<Output = ()> + 'static>(future: F) {
                drop(spawn_local(future));
            }

            fn yield_now() -> impl Future<Output = ()> + 'static {
                ::tokio::task::yield_now()
            }

            fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
                ::tokio::time::sleep(duration)
            }

            async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
                ::tokio::time::timeout(duration, future).await.ok()
            }

            fn offload<T, F>(job: F) -> impl Future<Output = T> + 'static
            where
                T: Send + 'static,
                F: FnOnce() -> T + Send + 'static,
            {
                let handle = ::tokio::task::spawn_blocking(job);
                async { handle.await.expect("no panic") }
            }

            fn serve(
                talk: Talk,
                listening: impl FnOnce(SocketAddr) + 'static,
            ) -> impl Future<Output = io::Result<()>> + 'static {
                serve(talk, listening)
            }
        }

        impl Reached for $name {
            type Poster = Handle;

            fn poster() -> Self::Poster {
                Handle::current()
            }

            fn post(poster: &Self::Poster, call: impl FnOnce() + Send + 'static) {
                drop(poster.spawn(async move { call() }));
            }

            fn listen(
                listening: impl FnOnce(SocketAddr) + 'static,
                heard: impl FnMut(&[u8]) + 'static,
            ) -> impl Future<Output = io::Result<()>> + 'static {
                listen(listening, heard)
            }
        }
    };
}

peer!(TokioLocalRuntime, main => {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default());
    runtime.expect("a runtime").block_on(main)
});

peer!(TokioLocalSet, main => {
    let runtime = Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), main)
});

async fn serve(talk: Talk, listening: impl FnOnce(SocketAddr) + 'static) -> io::Result<()> {
    let listener = TcpListener::bind(LOOPBACK).await?;
    listening(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        drop(spawn_local(echo(stream, talk)));
    }
}

pub async fn echo(mut stream: TcpStream, talk: Talk) -> io::Result<()> {
    match talk {
        Talk::Whole(size) => {
            let mut buffer = vec![0; size];
            loop {
                match stream.read(&mut buffer).await? {
                    0 => return Ok(()),
                    count => stream.write_all(&buffer[..count]).await?,
                }
            }
        }
        Talk::Framed(size) => {
            let mut buffer = vec![0; size];
            loop {
                stream.read_exact(&mut buffer).await?;
                stream.write_all(&buffer).await?;
            }
        }
        Talk::Buffered(size) => {
            let mut stream = BufStream::new(stream);
            let mut buffer = vec![0; size];
            loop {
                stream.read_exact(&mut buffer).await?;
                stream.write_all(&buffer).await?;
                stream.flush().await?;
            }
        }
    }
}

async fn listen(
    listening: impl FnOnce(SocketAddr) + 'static,
    mut heard: impl FnMut(&[u8]) + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(LOOPBACK).await?;
    listening(listener.local_addr()?);
    let (mut stream, _) = listener.accept().await?;
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => heard(&buffer[..count]),
        }
    }
}
