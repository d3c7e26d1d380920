//! Transfers that go on until all is moved: `read_exact`, `read_to_end`, `write_all` and `write_all_vectored`.

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::stream::{Read, Stream, Transfer, Wait, Write, WriteVectored, wait};

/// A transfer from or into one buffer, which can go on where it has stopped.
pub(super) trait Continued<S: Stream>: Transfer<S> {
    /// Leaves out the first bytes, which have been moved.
    fn skip(&mut self, moved: usize);

    /// What it means that the stream moves no byte more.
    fn ended() -> io::Error;
}

impl<S: Stream> Continued<S> for Read<'_> {
    #[inline]
    fn skip(&mut self, moved: usize) {
        self.0 = &mut mem::take(&mut self.0)[moved..];
    }

    #[cold]
    fn ended() -> io::Error {
        io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the stream ended before the buffer was full",
        )
    }
}

impl<S: Stream> Continued<S> for Write<'_> {
    #[inline]
    fn skip(&mut self, moved: usize) {
        self.0 = &self.0[moved..];
    }

    #[cold]
    fn ended() -> io::Error {
        wrote_nothing()
    }
}

pub(super) fn wait_for_all<S, T>(stream: &S, transfer: T) -> WaitForAll<'_, S, T>
where
    S: Stream,
    T: Continued<S>,
{
    WaitForAll(wait(stream, transfer))
}

/// A transfer that is continued until all bytes have been moved. Between two parts it keeps its place in the line.
pub(super) struct WaitForAll<'a, S: Stream, T>(Wait<'a, S, T>);

impl<S: Stream, T: Continued<S>> Future for WaitForAll<'_, S, T> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wait = &mut self.get_mut().0;
        while !wait.transfer.has_nothing_to_move() {
            match ready!(Pin::new(&mut *wait).poll(cx))? {
                0 => return Poll::Ready(Err(T::ended())),
                moved => wait.transfer.skip(moved),
            }
        }
        Poll::Ready(Ok(()))
    }
}

pub(super) async fn read_to_end<S: Stream>(stream: &S, buf: &mut Vec<u8>) -> io::Result<usize> {
    let already = buf.len();
    let mut filling = Filling {
        filled: already,
        buf,
    };
    loop {
        match wait(stream, Read(filling.room())).await? {
            0 => return Ok(filling.filled - already),
            moved => filling.filled += moved,
        }
    }
}

/// A vector with room behind its content, to read into. Dropping this cuts the vector down to its content.
///
/// The room is zeroed once for each growth of the vector, not for each read.
struct Filling<'a> {
    buf: &'a mut Vec<u8>,
    filled: usize,
}

impl Filling<'_> {
    const LEAST_ROOM: usize = 32;
    const LEAST_GROWTH: usize = 4096;

    #[inline]
    fn room(&mut self) -> &mut [u8] {
        if self.buf.len() - self.filled < Self::LEAST_ROOM {
            self.buf.truncate(self.filled);
            if self.buf.capacity() - self.filled < Self::LEAST_ROOM {
                self.buf.reserve(Self::LEAST_GROWTH);
            }
            self.buf.resize(self.buf.capacity(), 0);
        }
        &mut self.buf[self.filled..]
    }
}

impl Drop for Filling<'_> {
    // Guarded by tests/io/net_streams.rs::read_to_end_keeps_what_it_has_when_it_is_cancelled
    fn drop(&mut self) {
        self.buf.truncate(self.filled);
    }
}

pub(super) async fn write_all_vectored<S: Stream>(
    stream: &S,
    mut bufs: &mut [IoSlice<'_>],
) -> io::Result<()> {
    IoSlice::advance_slices(&mut bufs, 0);
    while !bufs.is_empty() {
        match wait(stream, WriteVectored(bufs)).await? {
            0 => return Err(wrote_nothing()),
            moved => IoSlice::advance_slices(&mut bufs, moved),
        }
    }
    Ok(())
}

#[cold]
#[inline]
fn wrote_nothing() -> io::Error {
    io::Error::new(
        io::ErrorKind::WriteZero,
        "the stream took none of the bytes",
    )
}
