use super::*;
use crate::rows::waits::Reached;
use ::roundelay::io::{BufReader, BufWriter, Write};
use ::roundelay::net::{TcpListener, TcpStream};

pub struct Roundelay;

impl Peer for Roundelay {
    fn block_on<F: Future + 'static>(main: F) -> F::Output {
        ::roundelay::run(main)
    }

    fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        ::roundelay::spawn(future)
    }

    fn detach<F: Future<Output = ()> + 'static>(future: F) {
        drop(::roundelay::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        ::roundelay::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        ::roundelay::sleep(duration)
    }

    async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
        ::roundelay::timeout(duration, future).await.ok()
    }

    fn offload<T, F>(job: F) -> impl Future<Output = T> + 'static
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let offload = ::roundelay::offload(job);
        async { offload.await.expect("no panic") }
    }

    async fn serve(talk: Talk, listening: impl FnOnce(SocketAddr) + 'static) -> io::Result<()> {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            drop(::roundelay::spawn(echo(stream, talk)));
        }
    }
}

pub async fn echo(stream: TcpStream, talk: Talk) -> io::Result<()> {
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
            let mut stream = BufReader::new(BufWriter::new(stream));
            let mut buffer = vec![0; size];
            loop {
                stream.read_exact(&mut buffer).await?;
                stream.write_all(&buffer).await?;
            }
        }
    }
}

impl Reached for Roundelay {
    type Poster = ::roundelay::Remote;

    fn poster() -> Self::Poster {
        ::roundelay::Remote::current()
    }

    fn post(poster: &Self::Poster, call: impl FnOnce() + Send + 'static) {
        drop(poster.post(call));
    }

    async fn listen(
        listening: impl FnOnce(SocketAddr) + 'static,
        mut heard: impl FnMut(&[u8]) + 'static,
    ) -> io::Result<()> {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        let (stream, _) = listener.accept().await?;
        let mut buffer = [0; 4_096];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                count => heard(&buffer[..count]),
            }
        }
    }
}
