//! Redis: pipelining, many tasks over one connection, publish and subscribe. The `redis` crate does it on our sockets; in Python,
//! redis-py's `asyncio` does.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin redis_client -- --server 127.0.0.1:6379`, and meanwhile
//! `redis-cli publish rounds 'round and round'`.
//!
//! The crate wants streams and listeners that are `Send`, and a `Here` makes them so. It takes a stream that is connected already, and
//! returns the future that moves its bytes. The time-outs are ours, because the crate's own need tokio's clock. The end of the standard
//! input (Ctrl-D) stops the program.

use std::rc::Rc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncCommands, AsyncConnectionConfig, Msg, ProtocolVersion, PushInfo, RedisConnectionInfo,
};
use roundelay::compat::Here;
use roundelay::future::as_completed;
use roundelay::net::TcpStream;
use roundelay::sync::{Queue, Semaphore};
use roundelay::task::JoinHandle;
use roundelay::{race, spawn, timeout};
use shared::{Outcome, end_of_input, options};

const REQUESTS: u32 = 1_000;
const LIMIT: usize = 50;

fn main() -> Outcome {
    let [server] = options(["server"])?;
    let server = server.unwrap_or_else(|| "127.0.0.1:6379".into());
    roundelay::run(async {
        let mut session = Session::open(&server).await?;
        pipelining(&mut session.connection).await?;
        many_requests(&session.connection).await?;
        waiting(&mut session.connection).await?;
        session.connection.subscribe("rounds").await?;
        println!("listening for rounds");
        race!(hearing(&session.heard), end_of_input());
        session.close().await
    })
}

/// Makes a thousand increments one by one, and then a thousand in one pipeline, which is sent and answered as a whole.
async fn pipelining(connection: &mut MultiplexedConnection) -> Outcome {
    let _: () = connection.del("rounds").await?;
    let begin = Instant::now();
    for _ in 0..REQUESTS {
        let _: u32 = connection.incr("rounds", 1).await?;
    }
    let in_turn = begin.elapsed();
    let mut pipeline = redis::pipe();
    for _ in 0..REQUESTS {
        pipeline.incr("rounds", 1);
    }
    let begin = Instant::now();
    let counts: Vec<u32> = pipeline.query_async(connection).await?;
    let pipelined = begin.elapsed();
    let last = counts.last().ok_or("no answer")?;
    println!("counted to {last}, pipelined in {pipelined:?}, in turn in {in_turn:?}");
    Ok(())
}

/// Makes a thousand requests over one connection, fifty at once. Each has a clone of the connection, and all clones share one socket.
/// Requests that wait at the same time are sent together.
async fn many_requests(connection: &MultiplexedConnection) -> Outcome {
    let desks = Semaphore::new(LIMIT);
    let requests = (0..REQUESTS).map(async |number| -> Outcome<u32> {
        let _desk = desks.acquire().await?;
        let mut connection = connection.clone();
        let _: () = connection.set(format!("round:{number}"), number).await?;
        Ok(connection.get(format!("round:{number}")).await?)
    });
    let mut answers = as_completed(requests);
    let (mut count, mut sum) = (0, 0);
    while let Some(answer) = answers.next().await {
        (count, sum) = (count + 1, sum + answer?);
    }
    println!(
        "{count} tasks over one connection, {LIMIT} at once; the sum of the numbers that they read is {sum}"
    );
    Ok(())
}

/// A request that is dropped is still in the server. Its answer is thrown away, and the requests behind it wait for that answer. So a
/// request that blocks needs a limit that the server knows too.
async fn waiting(connection: &mut MultiplexedConnection) -> Outcome {
    let pop = connection.blpop::<_, Option<(String, String)>>("nothing-here", 0.2);
    let elapsed = timeout(Duration::from_millis(50), pop).await.is_err();
    let begin = Instant::now();
    let _: String = connection.ping().await?;
    println!(
        "time-out: {elapsed}, and the next answer came {:?} later",
        begin.elapsed()
    );
    Ok(())
}

/// Prints the messages until the connection ends.
async fn hearing(heard: &Queue<PushInfo>) {
    while let Some(push) = heard.get().await {
        // The other pushes are the server's answers to `subscribe`, and the end of the connection.
        if let Some(message) = Msg::from_push_info(push) {
            let text = String::from_utf8_lossy(message.get_payload_bytes());
            println!("heard {text:?} on {}", message.get_channel_name());
        }
    }
}

/// A connection: the handle that asks and may be cloned, the messages from its channels, and the task that runs the connection.
struct Session {
    connection: MultiplexedConnection,
    heard: Rc<Queue<PushInfo>>,
    carrier: JoinHandle<()>,
}

impl Session {
    async fn open(server: &str) -> Outcome<Session> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let heard = Rc::new(Queue::unbounded());
        let ear = Here::new(Rc::clone(&heard));
        let config = AsyncConnectionConfig::new()
            // The crate's own time-out would need tokio's clock.
            .set_response_timeout(None)
            .set_push_sender(move |push| ear.try_put(push));
        // In this version of the protocol, messages come over the same connection as answers.
        let info = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        let connecting = MultiplexedConnection::new_with_config(&info, Here::new(stream), config);
        let (connection, carrier) = timeout(Duration::from_secs(10), connecting).await??;
        Ok(Session {
            connection,
            heard,
            carrier: spawn(carrier),
        })
    }

    /// Waits until all is answered.
    async fn close(self) -> Outcome {
        drop(self.connection);
        Ok(self.carrier.await?)
    }
}
