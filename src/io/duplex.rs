//! Two connected streams in memory: for tests, and between two tasks.
//!
//! Bytes that are written at one end are read at the other, through a buffer of a fixed size, so
//! that a writer that is too fast waits as with a socket. No system call is made. The streams have
//! the traits of futures-io, tokio and hyper like the sockets, with the features of those names.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read as _};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::sockets::EndWriting;
use super::{Read, Write};
use crate::context;
use crate::declared::Made;
use crate::foreign;

/// A pair of connected streams. Each direction holds `capacity` bytes at most; zero counts as one.
///
/// ```
/// use roundelay::io::{BufReader, Write, duplex};
///
/// roundelay::run(async {
///     let (mut client, server) = duplex(16);
///     let served = roundelay::spawn(async move {
///         let mut lines = BufReader::new(server).lines();
///         lines.next_line().await
///     });
///     client.write_all(b"longer than the buffer between them\n").await?;
///     assert_eq!(served.await.unwrap()?.as_deref(), Some("longer than the buffer between them"));
///     Ok::<_, roundelay::io::ReadError>(())
/// })
/// .unwrap();
/// ```
#[track_caller]
#[inline]
pub fn duplex(capacity: usize) -> (Duplex, Duplex) {
    let made = Made::here("bytes in the duplex");
    let (there, back) = (Pipe::new(capacity, made), Pipe::new(capacity, made));
    let near = Duplex {
        reader: DuplexReader(Rc::clone(&back)),
        writer: DuplexWriter(Rc::clone(&there)),
    };
    let far = Duplex {
        reader: DuplexReader(there),
        writer: DuplexWriter(back),
    };
    (near, far)
}

/// One end of a [`duplex`]. Dropping it ends both directions: the other end reads the bytes that are left and then the
/// end, and its writes fail with `BrokenPipe`.
pub struct Duplex {
    reader: DuplexReader,
    writer: DuplexWriter,
}

/// The owner of a waker, as the log names it.
const END: &str = "an end of a duplex";

/// One direction.
struct Pipe {
    state: RefCell<State>,
    /// The wakers of the task that waits for bytes, and of the task that waits for room. The cells are never borrowed,
    /// so foreign code cannot meet a borrow.
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
    made: Made,
}

struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// No byte will be written any more.
    is_ended: bool,
    /// No task will read.
    is_abandoned: bool,
    /// The connection was cut: each call of either end fails.
    is_reset: bool,
}

impl Pipe {
    #[inline]
    fn new(capacity: usize, made: Made) -> Rc<Self> {
        Rc::new(Self {
            state: RefCell::new(State {
                bytes: VecDeque::new(),
                capacity: capacity.max(1),
                is_ended: false,
                is_abandoned: false,
                is_reset: false,
            }),
            reader: Cell::new(None),
            writer: Cell::new(None),
            made,
        })
    }

    #[inline]
    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(context::poll_budget(cx));
        let count = ready!(poll_after_leaving(&self.reader, self.made, cx, || self.take(bufs)));
        context::spend_budget();
        let count = count?;
        if count > 0 {
            wake(&self.writer);
        }
        Poll::Ready(Ok(count))
    }

    #[inline]
    fn take(&self, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.state.borrow_mut();
        if state.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let has_room = bufs.iter().any(|buf| !buf.is_empty());
        if state.bytes.is_empty() && !state.is_ended && has_room {
            return Poll::Pending;
        }
        let mut count = 0;
        for buf in bufs {
            let mut filled = 0;
            // The bytes of a queue are in two pieces, and a read gives one piece.
            while filled < buf.len() && !state.bytes.is_empty() {
                let read = state.bytes.read(&mut buf[filled..]);
                filled += read.expect("a queue of bytes can always be read");
            }
            count += filled;
        }
        Poll::Ready(Ok(count))
    }

    #[inline]
    fn poll_write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(context::poll_budget(cx));
        let what = self.made.but("room in the duplex");
        let count = ready!(poll_after_leaving(&self.writer, what, cx, || self.put(bufs)));
        context::spend_budget();
        if count.is_ok() {
            wake(&self.reader);
        }
        Poll::Ready(count)
    }

    #[inline]
    fn put(&self, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.state.borrow_mut();
        if state.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.is_abandoned || state.is_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = state.capacity - state.bytes.len();
        if room == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
            return Poll::Pending;
        }
        let mut count = 0;
        for buf in bufs {
            let piece = buf.len().min(room - count);
            state.bytes.extend(&buf[..piece]);
            count += piece;
        }
        Poll::Ready(Ok(count))
    }

    #[inline]
    fn end(&self) {
        self.state.borrow_mut().is_ended = true;
        wake(&self.reader);
    }

    #[inline]
    fn abandon(&self) {
        let mut state = self.state.borrow_mut();
        state.is_abandoned = true;
        state.bytes = VecDeque::new();
        drop(state);
        wake(&self.writer);
    }

    #[inline]
    fn reset(&self) {
        let mut state = self.state.borrow_mut();
        state.is_reset = true;
        state.bytes = VecDeque::new();
        drop(state);
        wake(&self.reader);
        wake(&self.writer);
    }

    #[inline]
    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct(name)
            .field("len", &state.bytes.len())
            .field("is_ended", &state.is_ended)
            .finish()
    }
}

/// Tries; if that would wait, leaves the waker and tries again: the clone of a foreign waker may have run any code.
fn poll_after_leaving<T>(
    place: &Cell<Option<Waker>>,
    what: Made,
    cx: &Context<'_>,
    mut attempt: impl FnMut() -> Poll<T>,
) -> Poll<T> {
    let mut answer = attempt();
    if answer.is_pending() {
        let old = place.replace(Some(context::waker_for(cx, || what)));
        foreign::let_go(old, END);
        answer = attempt();
        if answer.is_ready() {
            foreign::let_go(place.take(), END);
        }
    }
    answer
}

#[inline]
fn wake(place: &Cell<Option<Waker>>) {
    if let Some(waker) = place.take() {
        foreign::wake(waker, END);
    }
}

/// Removes the waker of a call when its future is dropped.
struct ClearOnDrop<'a>(&'a Cell<Option<Waker>>);

impl Drop for ClearOnDrop<'_> {
    #[inline]
    fn drop(&mut self) {
        foreign::let_go(self.0.take(), END);
    }
}

/// The half of a [`Duplex`] that reads.
///
/// # Cancellation
///
/// A read that is dropped loses nothing.
pub struct DuplexReader(Rc<Pipe>);

/// The half of a [`Duplex`] that writes. Dropping it ends the stream that the other end reads.
///
/// # Cancellation
///
/// A write that is dropped has written nothing.
pub struct DuplexWriter(Rc<Pipe>);

/// The connection of a [`Duplex`], to be cut. It keeps no end open.
pub(crate) struct Cord([Rc<Pipe>; 2]);

impl Cord {
    /// Makes each further call of either end fail with `ConnectionReset`.
    #[inline]
    pub(crate) fn cut(&self) {
        self.0.iter().for_each(|pipe| pipe.reset());
    }
}

impl DuplexReader {
    /// [`read`](Read::read) as a poll, for adapters. The waker of the last poll is kept.
    ///
    /// # Errors
    ///
    /// `ConnectionReset`, if a [`Network`](crate::net::Network) has reset the connection. A pair by itself never fails.
    #[inline]
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, &mut [IoSliceMut::new(buf)])
    }

    /// [`poll_read`](Self::poll_read) into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// `ConnectionReset`, if a [`Network`](crate::net::Network) has reset the connection. A pair by itself never fails.
    #[inline]
    pub fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, bufs)
    }
}

impl DuplexWriter {
    /// [`write`](Write::write) as a poll, for adapters. The waker of the last poll is kept.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if the other end is gone, or this end was closed; `ConnectionReset` as a read.
    #[inline]
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, &[IoSlice::new(buf)])
    }

    /// [`poll_write`](Self::poll_write) of several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    #[inline]
    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bufs)
    }
}

impl Drop for DuplexReader {
    #[inline]
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Drop for DuplexWriter {
    #[inline]
    fn drop(&mut self) {
        self.0.end();
    }
}

impl EndWriting for DuplexWriter {
    #[inline]
    fn end_writing(&self) -> io::Result<()> {
        self.0.end();
        Ok(())
    }
}

impl EndWriting for Duplex {
    #[inline]
    fn end_writing(&self) -> io::Result<()> {
        self.writer.end_writing()
    }
}

impl Read for DuplexReader {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let _clear = ClearOnDrop(&self.0.reader);
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }
}

impl Write for DuplexWriter {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let _clear = ClearOnDrop(&self.0.writer);
        poll_fn(|cx| self.poll_write(cx, buf)).await
    }

    async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let _clear = ClearOnDrop(&self.0.writer);
        poll_fn(|cx| self.poll_write_vectored(cx, bufs)).await
    }

    /// The other end reads the bytes that are left and then the end.
    async fn close(&mut self) -> io::Result<()> {
        self.end_writing()
    }
}

impl Duplex {
    /// [`read`](Read::read) as a poll, for adapters. The waker of the last poll is kept.
    ///
    /// # Errors
    ///
    /// `ConnectionReset`, if a [`Network`](crate::net::Network) has reset the connection. A pair by itself never fails.
    #[inline]
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.reader.poll_read(cx, buf)
    }

    /// [`poll_read`](Self::poll_read) into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// `ConnectionReset`, if a [`Network`](crate::net::Network) has reset the connection. A pair by itself never fails.
    #[inline]
    pub fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.reader.poll_read_vectored(cx, bufs)
    }

    /// [`write`](Write::write) as a poll, for adapters. The waker of the last poll is kept.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if the other end is gone, or this end was closed; `ConnectionReset` as a read.
    #[inline]
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.poll_write(cx, buf)
    }

    /// [`poll_write`](Self::poll_write) of several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    #[inline]
    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer.poll_write_vectored(cx, bufs)
    }

    #[inline]
    pub(crate) fn cord(&self) -> Cord {
        Cord([Rc::clone(&self.reader.0), Rc::clone(&self.writer.0)])
    }

    /// Splits it into two halves for two owners.
    #[inline]
    pub fn into_split(self) -> (DuplexReader, DuplexWriter) {
        (self.reader, self.writer)
    }
}

impl Read for Duplex {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf).await
    }
}

impl Write for Duplex {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writer.write(buf).await
    }

    async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writer.write_vectored(bufs).await
    }

    /// Ends the writing side; the reading side stays.
    async fn close(&mut self) -> io::Result<()> {
        self.end_writing()
    }
}

impl fmt::Debug for DuplexReader {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show("DuplexReader", f)
    }
}

impl fmt::Debug for DuplexWriter {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show("DuplexWriter", f)
    }
}

impl fmt::Debug for Duplex {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex")
            .field("reader", &self.reader)
            .field("writer", &self.writer)
            .finish()
    }
}
