use super::*;
use ::futures::io::{BufReader, BufWriter};
use ::futures::{AsyncReadExt, AsyncWriteExt};
use ::glommio::net::{TcpListener, TcpStream};
use ::glommio::{GlommioError, LocalExecutorBuilder, Placement, executor, spawn_local};

/// One `LocalExecutor`, not bound to a processor.
pub struct Glommio;

impl Peer for Glommio {
    fn block_on<F: Future + 'static>(main: F) -> F::Output {
        let executor = LocalExecutorBuilder::new(Placement::Unbound).make();
        executor.expect("an executor").run(main)
    }

    fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
    where
        F: Future<Output: 'static> + 'static,
    {
        spawn_local(future)
    }

    fn detach<F: Future<Output = ()> + 'static>(future: F) {
        spawn_local(future).detach();
    }

    async fn yield_now() {
        executor().yield_now().await;
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
        ::glommio::timer::sleep(duration)
    }

    async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
        ::glommio::timer::timeout(duration, async { Ok::<_, GlommioError<()>>(future.await) })
            .await
            .ok()
    }

    async fn offload<T, F>(job: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        executor().spawn_blocking(job).await
    }

    async fn serve(talk: Talk, listening: impl FnOnce(SocketAddr) + 'static) -> io::Result<()> {
        let listener = TcpListener::bind(LOOPBACK)?;
        listening(listener.local_addr()?);
        loop {
            let stream = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn_local(echo(stream, talk)).detach();
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
            let (reader, writer) = stream.split();
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
