//! PostgreSQL: pipelining, a pool, cancelling, LISTEN and NOTIFY. tokio-postgres does it on our sockets; in Python, asyncpg does.
//!
//! `cargo run --release -p roundelay-ecosystem-examples --bin postgres -- --server "host=127.0.0.1 user=postgres"`, and meanwhile
//! `psql -h 127.0.0.1 -U postgres -c "NOTIFY rounds, 'round and round'"`. With `host=/var/run/postgresql` it uses the Unix socket.
//!
//! tokio-postgres speaks the protocol over any stream with tokio's traits, and leaves connecting, tasks and clocks to us. It makes two
//! things of a stream. A `Client` sends the queries. A `Connection` moves the bytes, and a task here runs it. The end of the standard
//! input (Ctrl-D) stops the program.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use roundelay::future::try_join_all;
use roundelay::net::{TcpStream, UnixStream};
use roundelay::sync::{Queue, Semaphore, SemaphorePermit};
use roundelay::task::JoinHandle;
use roundelay::{race, spawn, timeout};
use shared::{Outcome, end_of_input, options};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::Host;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Notification};

const ROUNDS: i32 = 1_000;
const VISITORS: i32 = 200;

type Error = tokio_postgres::Error;

fn main() -> Outcome {
    let [server, connections] = options(["server", "connections"])?;
    let mut config: Config = server
        .ok_or("usage: postgres --server \"host=.. user=..\" [--connections N]")?
        .parse()?;
    config.application_name("roundelay");
    let connections = connections.map_or(Ok(4), |connections| connections.parse())?;
    roundelay::run(async {
        let session = Session::open(&config).await?;
        pipelining(&session.client).await?;
        cancelling(&session.client, &config).await?;
        let pool = Pool::new(config, connections);
        pooling(&pool).await?;
        session.client.batch_execute("LISTEN rounds").await?;
        println!("listening for rounds");
        race!(hearing(&session), end_of_input());
        pool.close().await?;
        session.close().await
    })
}

/// Makes a thousand inserts over one connection, one after the other. Then it sends another thousand before the first answer comes.
async fn pipelining(client: &Client) -> Outcome {
    let make = "DROP TABLE IF EXISTS rounds; CREATE TABLE rounds (number INTEGER, visits INTEGER)";
    client.batch_execute(make).await?;
    let insert = client.prepare("INSERT INTO rounds VALUES ($1, 0)").await?;
    let begin = Instant::now();
    for number in 0..ROUNDS {
        client.execute(&insert, &[&number]).await?;
    }
    let in_turn = begin.elapsed();
    let begin = Instant::now();
    // All the inserts share the client by reference. The connection sends new queries while it still waits for answers.
    let inserts =
        (ROUNDS..2 * ROUNDS).map(async |number| client.execute(&insert, &[&number]).await);
    let rows: u64 = try_join_all(inserts).await?.into_iter().sum();
    let pipelined = begin.elapsed();
    println!("{rows} rows pipelined in {pipelined:?}, in turn in {in_turn:?}");
    Ok(())
}

/// To drop a query is not enough, because the server works on. So after the limit, a second connection tells the server to cancel.
async fn cancelling(client: &Client, config: &Config) -> Outcome {
    let mut sleep = pin!(client.batch_execute("SELECT pg_sleep(3600)"));
    // The query still gets an answer, and the connection can be used again. If the server has not begun the query, it ignores the
    // request to cancel, and the loop asks again.
    let answer = loop {
        match timeout(Duration::from_millis(100), sleep.as_mut()).await {
            Ok(answer) => break answer,
            Err(_elapsed) => cancel(client, config).await?,
        }
    };
    let error = answer.expect_err("an hour is not over");
    println!("of the sleep: {}", error.as_db_error().ok_or("no answer")?);
    Ok(())
}

async fn cancel(client: &Client, config: &Config) -> Outcome {
    let token = client.cancel_token();
    match Socket::connect(config).await? {
        Socket::Tcp(stream) => token.cancel_query_raw(stream, NoTls).await?,
        Socket::Unix(stream) => token.cancel_query_raw(stream, NoTls).await?,
    }
    Ok(())
}

/// Two hundred visits, each with one transaction, over the few connections of the pool.
async fn pooling(pool: &Pool) -> Outcome {
    let visits = try_join_all((0..VISITORS).map(|number| visit(pool, number))).await?;
    let servers: BTreeSet<i32> = visits.into_iter().collect();
    println!("{VISITORS} transactions over {} connections", servers.len());
    Ok(())
}

/// Returns the number of the server's process that served this visit.
async fn visit(pool: &Pool, number: i32) -> Outcome<i32> {
    let mut session = pool.get().await?;
    let transaction = session.client().transaction().await?;
    let add = "UPDATE rounds SET visits = visits + 1 WHERE number = $1";
    let process = transaction.query_one("SELECT pg_backend_pid()", &[]);
    // Both are sent together, and answered one after the other.
    let (process, _) = roundelay::try_join!(process, transaction.execute(add, &[&number]))?;
    transaction.commit().await?;
    Ok(process.get(0))
}

/// Prints the notifications until the connection ends.
async fn hearing(session: &Session) {
    while let Some(heard) = session.heard.get().await {
        println!("heard {:?} on {}", heard.payload(), heard.channel());
    }
}

/// A connection: the client that asks, the notifications from its channels, and the task that runs the connection.
struct Session {
    client: Client,
    heard: Rc<Queue<Notification>>,
    carrier: JoinHandle<Result<(), Error>>,
}

impl Session {
    async fn open(config: &Config) -> Outcome<Session> {
        Ok(match Socket::connect(config).await? {
            Socket::Tcp(stream) => Session::over(stream, config).await?,
            Socket::Unix(stream) => Session::over(stream, config).await?,
        })
    }

    async fn over<S>(stream: S, config: &Config) -> Result<Session, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        let heard = Rc::new(Queue::unbounded());
        Ok(Session {
            client,
            carrier: spawn(carry(connection, Rc::clone(&heard))),
            heard,
        })
    }

    /// Waits until all is answered, and says good-bye to the server.
    async fn close(self) -> Outcome {
        drop(self.client);
        Ok(self.carrier.await??)
    }
}

async fn carry<S, T>(
    mut connection: Connection<S, T>,
    heard: Rc<Queue<Notification>>,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx))
        .await
        .transpose()?
    {
        match message {
            AsyncMessage::Notification(notification) => {
                // The queue always has room, and is open until the end of this function.
                let _heard = heard.try_put(notification);
            }
            AsyncMessage::Notice(notice) => eprintln!("{notice}"),
            _ => {}
        }
    }
    heard.close();
    Ok(())
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    async fn connect(config: &Config) -> Outcome<Socket> {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        Ok(match config.get_hosts().first().ok_or("no host")? {
            Host::Tcp(name) => {
                let stream = TcpStream::connect((name.as_str(), port)).await?;
                stream.set_nodelay(true)?;
                Socket::Tcp(stream)
            }
            Host::Unix(folder) => {
                Socket::Unix(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?)
            }
        })
    }
}

/// A limited number of connections. Each is opened when it is first needed. While all are in use, tasks wait in the order in which they
/// came.
struct Pool {
    config: Config,
    places: Semaphore,
    idle: RefCell<Vec<Session>>,
}

impl Pool {
    fn new(config: Config, connections: usize) -> Pool {
        Pool {
            config,
            places: Semaphore::new(connections),
            idle: RefCell::new(Vec::new()),
        }
    }

    async fn get(&self) -> Outcome<Pooled<'_>> {
        let place = self.places.acquire().await?;
        let idle = self.idle.borrow_mut().pop();
        let session = match idle {
            Some(session) => session,
            None => Session::open(&self.config).await?,
        };
        Ok(Pooled {
            pool: self,
            session: Some(session),
            _place: place,
        })
    }

    async fn close(&self) -> Outcome {
        for session in self.idle.take() {
            session.close().await?;
        }
        Ok(())
    }
}

/// A connection of the pool. A drop of this gives the connection back first, and then its place.
struct Pooled<'a> {
    pool: &'a Pool,
    session: Option<Session>,
    _place: SemaphorePermit<'a>,
}

impl Pooled<'_> {
    fn client(&mut self) -> &mut Client {
        &mut self.session.as_mut().expect("until it is dropped").client
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        // A transaction that was dropped halfway has already sent its rollback. The next query is sent after that.
        let session = self.session.take();
        let usable = session.filter(|session| !session.client.is_closed());
        self.pool.idle.borrow_mut().extend(usable);
    }
}
