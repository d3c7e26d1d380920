//! The two halves of a stream, for two owners.
//!
//! Every operation takes `&self`, so borrowed halves only document what a function does: with a [`ReadHalf`] it cannot
//! write. The owned halves share the stream by `Rc`, so that each of two tasks can own one.

use std::error::Error;
use std::fmt;
use std::net::Shutdown;
use std::rc::Rc;

use super::methods::{read_methods, write_methods};
use super::stream::Stream;
use crate::foreign::{self, Level};

/// The reading half of a borrowed [`TcpStream`](super::TcpStream) or [`UnixStream`](super::UnixStream), by its
/// `split`.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(pub(super) &'a S);

/// The writing half of a borrowed [`TcpStream`](super::TcpStream) or [`UnixStream`](super::UnixStream), by its
/// `split`.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(pub(super) &'a S);

/// The reading half of a [`TcpStream`](super::TcpStream) or [`UnixStream`](super::UnixStream), by its `into_split`.
///
/// Dropping it does not close anything while the other half lives.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(Rc<S>);

/// The writing half of a [`TcpStream`](super::TcpStream) or [`UnixStream`](super::UnixStream), by its `into_split`.
///
/// **Dropping it shuts down the writing side**: the peer reads the end of the stream, as if the whole stream were
/// dropped. [`forget`](OwnedWriteHalf::forget) drops the half without that.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Stream> {
    stream: Rc<S>,
    shutdown_on_drop: bool,
}

/// Makes the two owned halves.
pub(super) fn into_halves<S: Stream>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Rc::new(stream);
    (
        OwnedReadHalf(Rc::clone(&stream)),
        OwnedWriteHalf {
            stream,
            shutdown_on_drop: true,
        },
    )
}

impl<S: Stream> ReadHalf<'_, S> {
    fn stream(&self) -> &S {
        self.0
    }

    read_methods!();
}

impl<S> AsRef<S> for ReadHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S: Stream> WriteHalf<'_, S> {
    fn stream(&self) -> &S {
        self.0
    }

    write_methods!();

    /// Ends the writing side: after all that was written the peer reads the end of the stream.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub fn shutdown(&self) -> std::io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

impl<S> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S: Stream> OwnedReadHalf<S> {
    fn stream(&self) -> &S {
        &self.0
    }

    read_methods!();

    /// Joins the two halves. Nothing is shut down.
    ///
    /// # Errors
    ///
    /// The halves come from different streams; the error returns them.
    ///
    /// ```
    /// # roundelay::run(async {
    /// let (near, _far) = roundelay::net::UnixStream::pair()?;
    /// let (read, write) = near.into_split();
    /// let near = read.reunite(write).expect("two halves of one stream");
    /// near.write_all(b"still open").await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn reunite(self, write: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(self, write)
    }
}

impl<S> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

impl<S: Stream> OwnedWriteHalf<S> {
    fn stream(&self) -> &S {
        &self.stream
    }

    write_methods!();

    /// Ends the writing side: after all that was written the peer reads the end of the stream. Dropping does the same.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub fn shutdown(&self) -> std::io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Drops the half without ending the writing side.
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }

    /// Joins the two halves. Nothing is shut down.
    ///
    /// # Errors
    ///
    /// The halves come from different streams; the error returns them.
    pub fn reunite(self, read: OwnedReadHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(read, self)
    }
}

impl<S: Stream> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: Stream> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if !self.shutdown_on_drop {
            return;
        }
        if let Err(error) = self.stream.shutdown(Shutdown::Write) {
            // Mostly the peer has reset the connection, and there is nothing left to end.
            foreign::tell(
                Level::Trace,
                foreign::IO,
                format_args!("cannot shut down the writing side: {error}"),
            );
        }
    }
}

fn reunite<S: Stream>(
    read: OwnedReadHalf<S>,
    mut write: OwnedWriteHalf<S>,
) -> Result<S, ReuniteError<S>> {
    if !Rc::ptr_eq(&read.0, &write.stream) {
        return Err(ReuniteError(read, write));
    }
    write.shutdown_on_drop = false;
    drop(write);
    Ok(Rc::into_inner(read.0).expect("only the two halves share the stream"))
}

/// The error of joining two halves of different streams. It holds the halves.
pub struct ReuniteError<S: Stream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S: Stream> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").finish_non_exhaustive()
    }
}

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite the halves of two different streams")
    }
}

impl<S: Stream> Error for ReuniteError<S> {}
