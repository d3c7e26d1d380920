//! SQLite behind a loop that must not block: one connection, one thread, one line of calls. asyncio has aiosqlite for this.
//!
//! SQLite has no sockets that could be awaited: a call reads and writes files until it is done. So the connection lives on a
//! thread of its own. This thread takes calls from a channel, one after another. It sends each answer back by
//! [`remote::oneshot`](oneshot), whose two ends may be on two threads. One thread is enough, because SQLite lets one writer in at a
//! time anyway.

use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use roundelay::remote::oneshot;
use roundelay::sync::Semaphore;
use rusqlite::Connection;

use crate::Outcome;

/// How many calls may stand in the line. A further call waits for room: a burst of requests must not fill the memory.
const LONGEST_LINE: usize = 64;

type Call = Box<dyn FnOnce(&mut Connection) + Send>;

/// A connection to a database, for the tasks of one loop.
pub struct Database {
    calls: mpsc::Sender<Call>,
    room: Semaphore,
    thread: JoinHandle<()>,
}

impl Database {
    /// Opens the file on the new thread, because that may take a while too.
    pub async fn open(path: impl AsRef<Path>) -> Outcome<Database> {
        let (calls, line) = mpsc::channel::<Call>();
        let (opened, is_open) = oneshot();
        let path = path.as_ref().to_owned();
        let thread = thread::Builder::new()
            .name("sqlite".into())
            .spawn(move || match Connection::open(path) {
                Ok(mut connection) => {
                    let _ = opened.send(Ok(()));
                    for call in line {
                        call(&mut connection);
                    }
                }
                Err(error) => _ = opened.send(Err(error)),
            })?;
        is_open.await??;
        Ok(Database {
            calls,
            room: Semaphore::new(LONGEST_LINE),
            thread,
        })
    }

    /// Runs `call` on the connection's thread, after the calls that are in the line already.
    ///
    /// # Cancellation
    ///
    /// A call that is already in the line is still made, and its answer is dropped.
    pub async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Outcome<T> {
        let _room = self.room.acquire().await?;
        let (answer, answered) = oneshot();
        self.calls.send(Box::new(move |connection| {
            let _ = answer.send(call(connection));
        }))?;
        Ok(answered.await??)
    }

    /// Waits until every call in the line is made, and closes the connection.
    pub async fn close(self) {
        drop(self.calls);
        // The thread has only the rest of its line to do, but that may take a while.
        let ended = roundelay::offload(|| self.thread.join()).await;
        ended.expect("not cancelled").expect("no call panicked");
    }
}
