//! The traits of streams.

use std::io::{self, IoSlice};
use std::mem;

/// A stream of bytes to be read.
///
/// Implemented by the stream sockets, their halves, references to sockets, and `&[u8]`.
///
/// Implementors promise that dropping the future of `read` before it is ready loses nothing: until then it has read
/// nothing. All promises of this module about cancellation depend on this promise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `roundelay::io::Read`",
    note = "the sockets of `roundelay::net` are, and so are references to them, their halves, `BufReader` and `&[u8]`; for a reader \
            of another crate implement the trait, whose one method is `async fn read`"
)]
pub trait Read {
    /// Reads the bytes that are there, at most as many as fit, and waits if there are none. Zero means that the stream
    /// has ended, or that `buf` is empty.
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
}

/// A stream to which bytes can be written.
///
/// Implemented by the stream sockets, their halves, references to sockets, and `Vec<u8>`.
///
/// Implementors promise that dropping the future of `write` before it is ready loses nothing: until then it has written
/// nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `roundelay::io::Write`",
    note = "the sockets of `roundelay::net` are, and so are references to them, their halves, `BufWriter` and `Vec<u8>`; for a writer \
            of another crate implement the trait, whose methods are `async fn write` and `async fn close`"
)]
pub trait Write {
    /// Writes at least one byte, unless `buf` is empty, and returns how many it has written.
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>>;

    /// Writes from several buffers, in their order. By default it writes from the first buffer that is not empty.
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        async move {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            self.write(first.map_or(&[], |buf| buf)).await
        }
    }

    /// Passes the held bytes on. A socket holds none back.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        async { Ok(()) }
    }

    /// Flushes, and ends the stream for the reader.
    fn close(&mut self) -> impl Future<Output = io::Result<()>>;

    /// Writes all of `buf`.
    ///
    /// # Cancellation
    ///
    /// Some bytes may have been written, and their count is lost, unless the type promises more.
    ///
    /// # Errors
    ///
    /// `WriteZero` if no more bytes are taken; otherwise those of [`write`](Write::write). Part may have been written.
    fn write_all(&mut self, mut buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        async move {
            while !buf.is_empty() {
                match self.write(buf).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    written => buf = &buf[written..],
                }
            }
            Ok(())
        }
    }
}

impl<R: Read + ?Sized> Read for &mut R {
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        (**self).read(buf)
    }
}

impl<W: Write + ?Sized> Write for &mut W {
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        (**self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        (**self).write_vectored(bufs)
    }

    fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        (**self).flush()
    }

    fn close(&mut self) -> impl Future<Output = io::Result<()>> {
        (**self).close()
    }

    fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        (**self).write_all(buf)
    }
}

/// Reads from the front and shortens the slice.
impl Read for &[u8] {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(self.len());
        let (front, rest) = mem::take(self).split_at(count);
        buf[..count].copy_from_slice(front);
        *self = rest;
        Ok(count)
    }
}

/// Appends.
impl Write for Vec<u8> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(buf);
        Ok(buf.len())
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}
