//! One request, and the loop's own log of every phase that serves it.
//!
//! The lines come from the `log` crate at level `trace`. This example prints the targets in a column of their own. Any
//! logger works, for instance `env_logger` with `RUST_LOG=roundelay=trace`.
//!
//! `cargo run --example 10_watch_the_loop`

use std::io;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use log::{LevelFilter, Log, Metadata, Record};
use roundelay::net::{TcpListener, TcpStream};
use roundelay::{offload, sleep, task, timeout};

struct Narrator;

/// The time of the first line.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Log for Narrator {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("roundelay::")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let at = START.elapsed();
            let target = record.target().trim_start_matches("roundelay::");
            println!("{:>6} us  {target:<8} {}", at.as_micros(), record.args());
        }
    }

    fn flush(&self) {}
}

fn main() -> io::Result<()> {
    log::set_logger(&Narrator).expect("no other logger is set");
    log::set_max_level(LevelFilter::Trace);

    roundelay::run(async {
        say("main: listens, and spawns a server");
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = task::Builder::new().name("server").spawn(serve(listener));

        say("main: connects, and sends a number");
        let stream = TcpStream::connect(address).await?;
        stream.write_all(&[6]).await?;

        say("main: waits for the answer, one second at most");
        let mut answer = [0];
        timeout(Duration::from_secs(1), stream.read_exact(&mut answer)).await??;
        say(&format!("main: the answer is {}", answer[0]));
        assert_eq!(answer[0], 42);
        server.await?
    })
}

/// Reads a number, computes on another thread, sleeps a little, and answers.
async fn serve(listener: TcpListener) -> io::Result<()> {
    let (stream, _) = listener.accept().await?;
    let mut question = [0];
    stream.read_exact(&mut question).await?;
    say("server: has the question, and offloads the computation");
    // By the end of this job the loop is asleep, so the pool's thread has to wake it.
    let think = move || {
        thread::sleep(Duration::from_millis(20));
        question[0] * 7
    };
    let answer = offload(think).await?;
    say("server: has the answer, and sleeps a little");
    sleep(Duration::from_millis(2)).await;
    stream.write_all(&[answer]).await
}

fn say(line: &str) {
    println!("\n           ---- {line}");
}
