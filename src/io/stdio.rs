//! Standard input, by a thread of its own.
//!
//! *Before this:* [chapter 8](mod@crate::offload). *Time:* 10 minutes. *Files, in reading order:*
//! this one.
//!
//! # The problem
//!
//! Standard input may be a terminal, a pipe or a file, and it is *shared*: with the shell, with
//! other processes, with the debugger. Non-blocking mode belongs to the shared file and not to the
//! descriptor. So a program that sets the mode changes it for these processes, too, and leaves it
//! changed when the program is killed. A regular file cannot be watched at all.
//!
//! So a thread has to block in `read`. A thread of [`offload`](fn@crate::offload)'s pool could do
//! that. But the read may never return, and then it takes a place in the pool for ever. A shutdown
//! with a grace waits for the pool's jobs, so it would wait for a person to press a key.
//!
//! # The idea
//!
//! The process has one thread for this. It is in no pool, and no code waits for its end:
//!
//! ```text
//!   a task                       shared, one lock            the thread "stdin"
//!   read: nothing is there ----> asked, the waker   -------> read(0) .. blocks, maybe for ever
//!   <------------------ wake --- bytes              <------- a piece
//! ```
//!
//! - The first read starts the thread, so a program that never reads has no such thread.
//! - The thread reads a piece when a task asks for bytes, and not before: other processes, such as
//!   a child that inherits standard input, can read the rest.
//! - The thread ends with the process. A process ends when `main` returns, even while its threads
//!   are blocked.
//!
//! Guarded by tests/system/stdio.rs.
//!
//! # Next
//!
//! [`fs`](../../fs/index.html): files.

use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read as _};
use std::mem;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use super::{BufReader, Lines, Read};
use crate::context;
use crate::foreign::{self, Level};
use crate::trying::while_trying;

/// How many bytes are read at once.
const PIECE: usize = 8 * 1024;

/// The owner of a waker, as the log names it.
const READER: &str = "a reader of standard input";

/// The standard input of the process, awaited. Feature `stdio`.
///
/// The first read starts **a thread**, named `stdin`, which lives as long as the process and reads when a task asks for
/// bytes. Neither the end of a loop nor the end of the process waits for it. Standard input stays in blocking mode.
///
/// Any number of `Stdin`s may exist, on any thread; each byte goes to one of them. They do not use the buffer of
/// [`std::io::stdin`], so a program should read by one of the two only.
///
/// ```
/// use roundelay::io::stdin;
///
/// roundelay::run(async {
///     let mut lines = stdin().lines();
///     while let Some(line) = lines.next_line().await? {
///         println!("{line}");
///     }
///     Ok::<(), roundelay::io::ReadError>(())
/// })
/// .unwrap();
/// ```
pub fn stdin() -> Stdin {
    let mut state = lock();
    state.handles += 1;
    Stdin {
        number: state.handles,
    }
}

/// Reads from the standard input of the process. Comes from [`stdin`].
#[must_use = "it reads nothing by itself"]
pub struct Stdin {
    /// The number with which it leaves its waker.
    number: u64,
}

impl Stdin {
    /// Reads the bytes that are there, at most as many as fit. Zero means the end of the input, or that `bytes` is
    /// empty. At a terminal there may be more after an end.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: bytes that come for a dropped read are kept for the next read.
    ///
    /// # Wakes
    ///
    /// The waker is kept until the thread has read a piece. Dropping the future removes it.
    ///
    /// # Errors
    ///
    /// The error of the read, or of the start of the thread.
    pub async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let _leave = LeaveOnDrop(self.number);
        poll_fn(|cx| self.poll_read(cx, bytes)).await
    }

    /// [`read`](Self::read) as a poll, for adapters. The waker of the last poll is kept.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(context::poll_budget(cx));
        let mut answer = lock().take(bytes);
        if answer.is_pending() {
            // Cloned before the lock is taken: the clone of a foreign waker is foreign code.
            let waker = cx.waker().clone();
            answer = self.take_or_wait(waker, bytes);
        }
        if answer.is_ready() {
            context::spend_budget();
        }
        answer
    }

    /// The lines, one after the other.
    pub fn lines(self) -> Lines<Stdin> {
        BufReader::new(self).lines()
    }

    fn take_or_wait(&self, waker: Waker, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = lock();
        let answer = state.take(bytes);
        if answer.is_ready() {
            drop(state);
            foreign::let_go(waker, READER);
            return answer;
        }
        if !state.has_thread {
            if let Err(error) = start() {
                drop(state);
                foreign::let_go(waker, READER);
                return Poll::Ready(Err(error));
            }
            state.has_thread = true;
        }
        let old = state.leave(self.number);
        state.waiting.push((self.number, waker));
        state.is_asked = true;
        drop(state);
        ASKED.notify_one();
        foreign::let_go(old, READER);
        Poll::Pending
    }
}

impl Read for Stdin {
    async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Stdin::read(self, bytes).await
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        drop(LeaveOnDrop(self.number));
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stdin")
    }
}

struct LeaveOnDrop(u64);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        let waker = lock().leave(self.0);
        foreign::let_go(waker, READER);
    }
}

static STATE: Mutex<State> = Mutex::new(State {
    handles: 0,
    has_thread: false,
    is_asked: false,
    piece: Vec::new(),
    taken: 0,
    end: None,
    waiting: Vec::new(),
});
static ASKED: Condvar = Condvar::new();

struct State {
    /// How many handles were made.
    handles: u64,
    has_thread: bool,
    /// A task waits for more bytes than are there.
    is_asked: bool,
    /// The bytes of the last read; the first `taken` bytes have been given away.
    piece: Vec<u8>,
    taken: usize,
    /// The end or the error of the last read.
    end: Option<io::Result<()>>,
    waiting: Vec<(u64, Waker)>,
}

/// No code that could panic runs under this lock, so the value of a poisoned lock is still good.
fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn take(&mut self, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let rest = &self.piece[self.taken..];
        if !rest.is_empty() || bytes.is_empty() {
            let count = rest.len().min(bytes.len());
            bytes[..count].copy_from_slice(&rest[..count]);
            self.taken += count;
            return Poll::Ready(Ok(count));
        }
        match self.end.take() {
            Some(end) => Poll::Ready(end.map(|()| 0)),
            None => Poll::Pending,
        }
    }

    fn leave(&mut self, number: u64) -> Option<Waker> {
        let place = self
            .waiting
            .iter()
            .position(|(other, _)| *other == number)?;
        Some(self.waiting.swap_remove(place).1)
    }

    /// Stores the result of a read of the thread, and returns the wakers to be woken.
    fn bring(&mut self, read: io::Result<usize>, piece: &mut Vec<u8>) -> Vec<(u64, Waker)> {
        match read {
            Ok(0) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(while_trying("reading standard input", error))),
            Ok(count) => {
                mem::swap(&mut self.piece, piece);
                self.piece.truncate(count);
                self.taken = 0;
            }
        }
        self.is_asked = false;
        mem::take(&mut self.waiting)
    }
}

fn start() -> io::Result<()> {
    let told = |error| while_trying("starting the thread that reads standard input", error);
    // A descriptor of its own, so that the thread can go on reading after descriptor 0 was closed.
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(told)?;
    let builder = thread::Builder::new().name("stdin".to_owned());
    let started = builder.spawn(move || serve(File::from(input)));
    started.map(drop).map_err(told)
}

/// The life of the thread.
fn serve(mut input: File) {
    let mut piece = Vec::new();
    foreign::tell(
        Level::Debug,
        foreign::IO,
        "the thread that reads standard input starts",
    );
    loop {
        wait_until_asked();
        piece.resize(PIECE, 0);
        let read = loop {
            match input.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let waiting = lock().bring(read, &mut piece);
        for (_, waker) in waiting {
            foreign::wake(waker, READER);
        }
    }
}

fn wait_until_asked() {
    let mut state = lock();
    while !state.is_asked {
        state = ASKED.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}
