use super::*;
use ::monoio::blocking::DefaultThreadPool;
use ::monoio::io::{
    AsyncReadRent, AsyncReadRentExt, AsyncWriteRent, AsyncWriteRentExt, BufReader, BufWriter,
    Splitable,
};
use ::monoio::net::{TcpListener, TcpStream};
use ::monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

/// The "legacy" driver: epoll.
pub struct MonoioEpoll;

/// The driver on io_uring.
pub struct MonoioUring;

/// As many threads as have work with the other runtimes, on a machine of few processors.
const THREADS: usize = 4;

macro_rules! peer {
    ($peer:ty, $driver:ty) => {
        impl Peer for $peer {
            fn block_on<F: Future + 'static>(main: F) -> F::Output {
                let runtime = RuntimeBuilder::<$driver>::new().enable_all().build();
                runtime.expect("a runtime").block_on(main)
            }

            fn block_on_with_threads<F: Future + 'static>(main: F) -> F::Output {
                let runtime = RuntimeBuilder::<$driver>::new()
                    .attach_thread_pool(Box::new(DefaultThreadPool::new(THREADS)))
                    .enable_all()
                    .build();
                runtime.expect("a runtime").block_on(main)
            }

            fn spawn<F>(future: F) -> impl Future<Output: 'static> + 'static
            where
                F: Future<Output: 'static> + 'static,
            {
                ::monoio::spawn(future)
            }

            fn detach<F: Future<Output = ()> + 'static>(future: F) {
                drop(::monoio::spawn(future));
            }

            fn yield_now() -> impl Future<Output = ()> + 'static {
                yield_by_hand()
            }

            fn sleep(duration: Duration) -> impl Future<Output = ()> + 'static {
                ::monoio::time::sleep(duration)
            }

            async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
                ::monoio::time::timeout(duration, future).await.ok()
            }

            fn offload<T, F>(job: F) -> impl Future<Output = T> + 'static
            where
                T: Send + 'static,
                F: FnOnce() -> T + Send + 'static,
            {
                let handle = ::monoio::spawn_blocking(job);
                async {
                    handle
                        .await
                        .unwrap_or_else(|_| panic!("the job was not run"))
                }
            }

            fn serve(
                talk: Talk,
                listening: impl FnOnce(SocketAddr) + 'static,
            ) -> impl Future<Output = io::Result<()>> + 'static {
                serve(talk, listening)
            }
        }
    };
}

peer!(MonoioEpoll, LegacyDriver);
peer!(MonoioUring, IoUringDriver);

async fn serve(talk: Talk, listening: impl FnOnce(SocketAddr) + 'static) -> io::Result<()> {
    let listener = TcpListener::bind(LOOPBACK)?;
    listening(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        drop(::monoio::spawn(echo(stream, talk)));
    }
}

async fn echo(mut stream: TcpStream, talk: Talk) -> io::Result<()> {
    match talk {
        Talk::Whole(size) => {
            let mut buffer = Vec::with_capacity(size);
            loop {
                let (count, read) = stream.read(buffer).await;
                if count? == 0 {
                    return Ok(());
                }
                let (written, read) = stream.write_all(read).await;
                written?;
                buffer = read;
                buffer.clear();
            }
        }
        Talk::Framed(size) => {
            let mut buffer = vec![0; size];
            loop {
                let (count, read) = stream.read_exact(buffer).await;
                count?;
                let (written, read) = stream.write_all(read).await;
                written?;
                buffer = read;
            }
        }
        Talk::Buffered(size) => {
            let (reader, writer) = stream.into_split();
            let (mut reader, mut writer) = (BufReader::new(reader), BufWriter::new(writer));
            let mut buffer = vec![0; size];
            loop {
                let (count, read) = reader.read_exact(buffer).await;
                count?;
                let (written, read) = writer.write_all(read).await;
                written?;
                writer.flush().await?;
                buffer = read;
            }
        }
    }
}
