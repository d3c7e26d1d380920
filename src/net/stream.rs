//! What the streams and their halves have in common: reading and writing, written once for any [`Stream`].
//!
//! The methods that call these functions are in `methods.rs`.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::AsFd;

use crate::reactor::{Interest, Registered};

/// A connected stream socket: TCP or Unix. Not nameable, and so not implementable, from outside.
pub trait Stream {
    #[doc(hidden)]
    type Source: AsFd;

    /// Whether a read that brings less than was asked for has emptied the socket.
    ///
    /// epoll(7) promises it for streams, and a TCP read stops short only there (and at urgent data, which the reactor watches
    /// for). A read from a Unix socket also stops behind a message that carried descriptors, though more bytes wait.
    // Guarded by tests/io_edge.rs::bytes_behind_a_passed_descriptor_are_not_forgotten
    #[doc(hidden)]
    const SHORT_READ_EMPTIES: bool;

    #[doc(hidden)]
    fn registered(&self) -> &Registered<Self::Source>;
    #[doc(hidden)]
    fn read_now(source: &Self::Source, buf: &mut [u8]) -> io::Result<usize>;
    #[doc(hidden)]
    fn read_vectored_now(source: &Self::Source, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
    #[doc(hidden)]
    fn write_now(source: &Self::Source, buf: &[u8]) -> io::Result<usize>;
    #[doc(hidden)]
    fn write_vectored_now(source: &Self::Source, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
    #[doc(hidden)]
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

/// The system takes at least this many buffers at once. What is more than that it may cut off.
const SURELY_TAKEN_BUFFERS: usize = 16;
/// And this many bytes: Linux moves at most 2 GiB less a page at once, however much room there is.
const SURELY_TAKEN_BYTES: usize = 1 << 30;

/// Whether a transfer stopped because the socket had no more to give, or to take, and not because we offered too much or nothing.
fn is_short(moved: usize, offered: usize) -> bool {
    moved > 0 && moved < offered && offered <= SURELY_TAKEN_BYTES
}

/// One read. Every way of reading comes through here or through its vectored twin.
pub(super) fn read_once<S: Stream>(
    stream: &S,
    source: &S::Source,
    buf: &mut [u8],
) -> io::Result<usize> {
    let moved = S::read_now(source, buf)?;
    if S::SHORT_READ_EMPTIES && is_short(moved, buf.len()) {
        stream.registered().moved_short(Interest::READABLE);
    }
    Ok(moved)
}

pub(super) fn read_vectored_once<S: Stream>(
    stream: &S,
    source: &S::Source,
    bufs: &mut [IoSliceMut<'_>],
) -> io::Result<usize> {
    let moved = S::read_vectored_now(source, bufs)?;
    let offered = bufs.iter().map(|buf| buf.len()).sum();
    if S::SHORT_READ_EMPTIES && bufs.len() <= SURELY_TAKEN_BUFFERS && is_short(moved, offered) {
        stream.registered().moved_short(Interest::READABLE);
    }
    Ok(moved)
}

/// One write. A short one has filled the socket, of either kind.
pub(super) fn write_once<S: Stream>(
    stream: &S,
    source: &S::Source,
    buf: &[u8],
) -> io::Result<usize> {
    let moved = S::write_now(source, buf)?;
    if is_short(moved, buf.len()) {
        stream.registered().moved_short(Interest::WRITABLE);
    }
    Ok(moved)
}

pub(super) fn write_vectored_once<S: Stream>(
    stream: &S,
    source: &S::Source,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    let moved = S::write_vectored_now(source, bufs)?;
    if bufs.len() <= SURELY_TAKEN_BUFFERS && is_short(moved, bufs.iter().map(|buf| buf.len()).sum())
    {
        stream.registered().moved_short(Interest::WRITABLE);
    }
    Ok(moved)
}

pub(super) fn read<S: Stream>(
    stream: &S,
    buf: &mut [u8],
) -> impl Future<Output = io::Result<usize>> {
    stream
        .registered()
        .operation(Interest::READABLE, move |source| {
            read_once(stream, source, buf)
        })
}

pub(super) fn read_vectored<S: Stream>(
    stream: &S,
    bufs: &mut [IoSliceMut<'_>],
) -> impl Future<Output = io::Result<usize>> {
    stream
        .registered()
        .operation(Interest::READABLE, move |source| {
            read_vectored_once(stream, source, bufs)
        })
}

pub(super) fn write<S: Stream>(stream: &S, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
    stream
        .registered()
        .operation(Interest::WRITABLE, move |source| {
            write_once(stream, source, buf)
        })
}

pub(super) fn write_vectored<S: Stream>(
    stream: &S,
    bufs: &[IoSlice<'_>],
) -> impl Future<Output = io::Result<usize>> {
    stream
        .registered()
        .operation(Interest::WRITABLE, move |source| {
            write_vectored_once(stream, source, bufs)
        })
}

pub(super) async fn read_exact<S: Stream>(stream: &S, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        match read(stream, buf).await? {
            0 => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the stream ended before the buffer was full",
                ));
            }
            moved => buf = &mut buf[moved..],
        }
    }
    Ok(())
}

pub(super) async fn read_to_end<S: Stream>(stream: &S, buf: &mut Vec<u8>) -> io::Result<usize> {
    let already = buf.len();
    let mut filling = Filling {
        filled: already,
        buf,
    };
    loop {
        match read(stream, filling.room()).await? {
            0 => return Ok(filling.filled - already),
            moved => filling.filled += moved,
        }
    }
}

/// A vector that is longer than what it holds while it is being read into, and no longer than that when this is dropped.
///
/// The room is cleared once for each time that the vector grows, not for each read.
struct Filling<'a> {
    buf: &'a mut Vec<u8>,
    filled: usize,
}

impl Filling<'_> {
    const LEAST_ROOM: usize = 32;
    const LEAST_GROWTH: usize = 4096;

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
    // Guarded by tests/net.rs::read_to_end_keeps_what_it_has_when_it_is_cancelled
    fn drop(&mut self) {
        self.buf.truncate(self.filled);
    }
}

pub(super) async fn write_all<S: Stream>(stream: &S, mut buf: &[u8]) -> io::Result<()> {
    while !buf.is_empty() {
        match write(stream, buf).await? {
            0 => return Err(wrote_nothing()),
            moved => buf = &buf[moved..],
        }
    }
    Ok(())
}

pub(super) async fn write_all_vectored<S: Stream>(
    stream: &S,
    mut bufs: &mut [IoSlice<'_>],
) -> io::Result<()> {
    IoSlice::advance_slices(&mut bufs, 0);
    while !bufs.is_empty() {
        match write_vectored(stream, bufs).await? {
            0 => return Err(wrote_nothing()),
            moved => IoSlice::advance_slices(&mut bufs, moved),
        }
    }
    Ok(())
}

fn wrote_nothing() -> io::Error {
    io::Error::new(
        io::ErrorKind::WriteZero,
        "the stream took none of the bytes",
    )
}
