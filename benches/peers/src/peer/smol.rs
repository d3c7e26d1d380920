use super::*;
use ::smol::LocalExecutor;
use ::smol::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use ::smol::net::{TcpListener, TcpStream};

/// `smol::block_on` around a `LocalExecutor`.
pub struct Smol;

thread_local! {
    static EXECUTOR: &'static LocalExecutor<'static> = Box::leak(Box::new(LocalExecutor::new()));
}

fn executor() -> &'static LocalExecutor<'static> {
    EXECUTOR.with(|executor| *executor)
}

impl Peer for Smol {
    fn block_on<F: Future + 'static>(main: F) -> F::Output {
        ::smol::block_on(executor().run(main))
    }

    fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        executor().spawn(future)
    }

    fn detach<F: Future<Output = ()> + 'static>(future: F) {
        executor().spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + 'static {
        ::smol::future::yield_now()
    }

    async fn sleep(duration: Duration) {
        ::smol::Timer::after(duration).await;
    }

    async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
        let expired = async {
            ::smol::Timer::after(duration).await;
            None
        };
        ::smol::future::or(async { Some(future.await) }, expired).await
    }

    fn offload<T, F>(job: F) -> impl Future<Output = T> + 'static
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        ::smol::unblock(job)
    }

    async fn serve(talk: Talk, listening: impl FnOnce(SocketAddr) + 'static) -> io::Result<()> {
        let listener = TcpListener::bind(LOOPBACK).await?;
        listening(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            executor().spawn(echo(stream, talk)).detach();
        }
    }
}

async fn echo(mut stream: TcpStream, talk: Talk) -> io::Result<()> {
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
            let (reader, writer) = (stream.clone(), stream);
            let (mut reader, mut writer) = (BufReader::new(reader), BufWriter::new(writer));
            let mut buffer = vec![0; size];
            loop {
                reader.read_exact(&mut buffer).await?;
                writer.write_all(&buffer).await?;
                writer.flush().await?;
            }
        }
    }
}
