//! Reading and writing for any [`Stream`], called by the methods in `methods.rs`.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::fault::{self, Call};
use crate::reactor::{Interest, Place, Registered, Watched};

/// A connected stream socket: TCP or Unix. Other crates cannot name it, and so cannot implement it.
pub trait Stream {
    #[doc(hidden)]
    type Source: Watched + Bytes;

    /// Whether a short read means that the socket is empty.
    ///
    /// epoll(7) promises this for streams. A TCP read stops short only when the socket is empty, or at urgent data, which
    /// the reactor watches for. But a read from a Unix socket also stops behind a message that carried descriptors, although
    /// more bytes wait.
    // Guarded by tests/io/edge.rs::bytes_behind_a_passed_descriptor_are_not_forgotten
    #[doc(hidden)]
    const SHORT_READ_EMPTIES: bool;

    #[doc(hidden)]
    fn registered(&self) -> &Registered<Self::Source>;
    #[doc(hidden)]
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

/// What mio's streams can do by reference. A trait of its own, because each user of [`Stream`] would have to repeat a bound
/// on `&Source`, and a supertrait is implied.
pub trait Bytes {
    #[doc(hidden)]
    fn read_now(&self, buf: &mut [u8]) -> io::Result<usize>;
    #[doc(hidden)]
    fn read_vectored_now(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
    #[doc(hidden)]
    fn write_now(&self, buf: &[u8]) -> io::Result<usize>;
    #[doc(hidden)]
    fn write_vectored_now(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl<S> Bytes for S
where
    for<'a> &'a S: io::Read + io::Write,
{
    fn read_now(mut self: &Self, buf: &mut [u8]) -> io::Result<usize> {
        fault::at(Call::Read)?;
        io::Read::read(&mut self, buf)
    }

    fn read_vectored_now(mut self: &Self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        fault::at(Call::Read)?;
        io::Read::read_vectored(&mut self, bufs)
    }

    fn write_now(mut self: &Self, buf: &[u8]) -> io::Result<usize> {
        fault::at(Call::Write)?;
        io::Write::write(&mut self, buf)
    }

    fn write_vectored_now(mut self: &Self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        fault::at(Call::Write)?;
        io::Write::write_vectored(&mut self, bufs)
    }
}

/// Every system takes at least this many buffers in one call, and may ignore the rest.
const SURELY_TAKEN_BUFFERS: usize = 16;
/// Every system takes at least this many bytes in one call: Linux moves at most 2 GiB less a page.
const SURELY_TAKEN_BYTES: usize = 1 << 30;

/// Whether a transfer stopped because the socket was empty or full, and not because we offered more than one call
/// moves.
#[inline]
fn is_short(moved: usize, offered: usize) -> bool {
    moved < offered && moved > 0 && offered <= SURELY_TAKEN_BYTES
}

/// One operation on a stream: what to move, and how to try once.
///
/// Reading, writing, and their vectored forms implement this trait once each. The three functions below await, poll and try
/// any of them. An operation that has nothing to move is done at once, whatever the socket's state, because waiting would
/// bring nothing.
pub(super) trait Transfer<S: Stream> {
    const INTEREST: Interest;

    fn has_nothing_to_move(&self) -> bool;

    fn attempt(&mut self, stream: &S, source: &S::Source) -> io::Result<usize>;
}

pub(super) fn wait<S: Stream, T: Transfer<S>>(stream: &S, transfer: T) -> Wait<'_, S, T> {
    Wait {
        stream,
        transfer,
        place: Place::default(),
    }
}

/// A transfer that waits until the stream is ready. Not an `async fn`, which would store the transfer twice: as its argument,
/// and in the operation. Every task that waits for a stream holds one of these.
pub(super) struct Wait<'a, S: Stream, T> {
    stream: &'a S,
    pub(super) transfer: T,
    place: Place,
}

/// Nothing of it is pinned.
impl<S: Stream, T> Unpin for Wait<'_, S, T> {}

impl<S: Stream, T: Transfer<S>> Future for Wait<'_, S, T> {
    type Output = io::Result<usize>;

    // Inlined by force, as `Registered::poll_at` is.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.transfer.has_nothing_to_move() {
            return Poll::Ready(Ok(0));
        }
        let attempt = |source: &S::Source| this.transfer.attempt(this.stream, source);
        let registered = this.stream.registered();
        registered.poll_at(&this.place, cx, T::INTEREST, attempt)
    }
}

impl<S: Stream, T> Drop for Wait<'_, S, T> {
    fn drop(&mut self) {
        self.stream.registered().leave(&self.place);
    }
}

pub(super) fn poll<S: Stream, T: Transfer<S>>(
    stream: &S,
    cx: &mut Context<'_>,
    mut transfer: T,
) -> Poll<io::Result<usize>> {
    if transfer.has_nothing_to_move() {
        return Poll::Ready(Ok(0));
    }
    stream
        .registered()
        .poll_io(cx, T::INTEREST, |source| transfer.attempt(stream, source))
}

pub(super) fn try_now<S: Stream, T: Transfer<S>>(stream: &S, mut transfer: T) -> io::Result<usize> {
    if transfer.has_nothing_to_move() {
        return Ok(0);
    }
    stream
        .registered()
        .try_io(T::INTEREST, |source| transfer.attempt(stream, source))
}

/// Read into one buffer.
pub(super) struct Read<'a>(pub(super) &'a mut [u8]);

impl<S: Stream> Transfer<S> for Read<'_> {
    const INTEREST: Interest = Interest::READABLE;

    fn has_nothing_to_move(&self) -> bool {
        self.0.is_empty()
    }

    fn attempt(&mut self, stream: &S, source: &S::Source) -> io::Result<usize> {
        let moved = source.read_now(self.0)?;
        if S::SHORT_READ_EMPTIES && is_short(moved, self.0.len()) {
            stream.registered().moved_short(Interest::READABLE);
        }
        Ok(moved)
    }
}

/// Read into several buffers.
pub(super) struct ReadVectored<'a, 'b>(pub(super) &'a mut [IoSliceMut<'b>]);

impl ReadVectored<'_, '_> {
    #[inline]
    fn room(&self) -> usize {
        self.0.iter().map(|buf| buf.len()).sum()
    }
}

impl<S: Stream> Transfer<S> for ReadVectored<'_, '_> {
    const INTEREST: Interest = Interest::READABLE;

    fn has_nothing_to_move(&self) -> bool {
        self.room() == 0
    }

    fn attempt(&mut self, stream: &S, source: &S::Source) -> io::Result<usize> {
        let moved = source.read_vectored_now(self.0)?;
        let is_all_offered = self.0.len() <= SURELY_TAKEN_BUFFERS;
        if S::SHORT_READ_EMPTIES && is_all_offered && is_short(moved, self.room()) {
            stream.registered().moved_short(Interest::READABLE);
        }
        Ok(moved)
    }
}

/// Write from one buffer. A short write means that the socket is full, for TCP and Unix.
pub(super) struct Write<'a>(pub(super) &'a [u8]);

impl<S: Stream> Transfer<S> for Write<'_> {
    const INTEREST: Interest = Interest::WRITABLE;

    fn has_nothing_to_move(&self) -> bool {
        self.0.is_empty()
    }

    fn attempt(&mut self, stream: &S, source: &S::Source) -> io::Result<usize> {
        let moved = source.write_now(self.0)?;
        if is_short(moved, self.0.len()) {
            stream.registered().moved_short(Interest::WRITABLE);
        }
        Ok(moved)
    }
}

/// Write from several buffers.
pub(super) struct WriteVectored<'a, 'b>(pub(super) &'a [IoSlice<'b>]);

impl WriteVectored<'_, '_> {
    #[inline]
    fn load(&self) -> usize {
        self.0.iter().map(|buf| buf.len()).sum()
    }
}

impl<S: Stream> Transfer<S> for WriteVectored<'_, '_> {
    const INTEREST: Interest = Interest::WRITABLE;

    fn has_nothing_to_move(&self) -> bool {
        self.load() == 0
    }

    fn attempt(&mut self, stream: &S, source: &S::Source) -> io::Result<usize> {
        let moved = source.write_vectored_now(self.0)?;
        if self.0.len() <= SURELY_TAKEN_BUFFERS && is_short(moved, self.load()) {
            stream.registered().moved_short(Interest::WRITABLE);
        }
        Ok(moved)
    }
}
