use super::*;
use ::compio::BufResult;
use ::compio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use ::compio::net::{TcpListener, TcpStream};
use ::compio::runtime::Runtime;

/// `Runtime::new`, which takes io_uring where the kernel allows it.
pub struct Compio;

impl Peer for Compio {
    fn block_on<F: Future + 'static>(main: F) -> F::Output {
        Runtime::new().expect("a runtime").block_on(main)
    }

    fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        ::compio::runtime::spawn(future)
    }

    fn detach<F: Future<Output = ()> + 'static>(future: F) {
        ::compio::runtime::spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        yield_by_hand()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        ::compio::time::sleep(duration)
    }

    async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
        ::compio::time::timeout(duration, future).await.ok()
    }

    fn offload<T, F>(job: F) -> impl Future<Output = T> + 'static
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let handle = ::compio::runtime::spawn_blocking(job);
        async {
            handle
                .await
                .unwrap_or_else(|_| panic!("the job has panicked"))
        }
    }

    async fn serve(talk: Talk, listening: impl FnOnce(SocketAddr) + 'static) -> io::Result<()> {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            ::compio::runtime::spawn(echo(stream, talk)).detach();
        }
    }
}

async fn echo(mut stream: TcpStream, talk: Talk) -> io::Result<()> {
    match talk {
        Talk::Whole(size) => {
            let mut buffer = Vec::with_capacity(size);
            loop {
                let BufResult(count, read) = stream.read(buffer).await;
                if count? == 0 {
                    return Ok(());
                }
                let BufResult(written, read) = stream.write_all(read).await;
                written?;
                buffer = read;
                buffer.clear();
            }
        }
        Talk::Framed(size) => {
            let mut buffer = Vec::with_capacity(size);
            loop {
                let BufResult(count, read) = stream.read_exact(buffer).await;
                count?;
                let BufResult(written, read) = stream.write_all(read).await;
                written?;
                buffer = read;
                buffer.clear();
            }
        }
        Talk::Buffered(size) => {
            let (reader, writer) = (stream.clone(), stream);
            let (mut reader, mut writer) = (BufReader::new(reader), BufWriter::new(writer));
            let mut buffer = Vec::with_capacity(size);
            loop {
                let BufResult(count, read) = reader.read_exact(buffer).await;
                count?;
                let BufResult(written, read) = writer.write_all(read).await;
                written?;
                writer.flush().await?;
                buffer = read;
                buffer.clear();
            }
        }
    }
}
