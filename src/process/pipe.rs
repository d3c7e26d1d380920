//! Our ends of a child's three pipes.
//!
//! A pipe has two open descriptions, one for each end, so non-blocking mode on our end does not reach the child.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{self, Stdio};
use std::task::{Context, Poll};

use rustix::io::ioctl_fionbio;

use crate::io::{Read, Write};
use crate::reactor::{Interest, Registered};

fn non_blocking(pipe: impl Into<OwnedFd>) -> io::Result<Registered<File>> {
    let pipe = pipe.into();
    ioctl_fionbio(&pipe, true)?;
    Ok(Registered::new(File::from(pipe)))
}

/// Another process expects a pipe that blocks.
fn blocking(pipe: Registered<File>) -> io::Result<Stdio> {
    let pipe = pipe.into_inner();
    ioctl_fionbio(&pipe, false)?;
    Ok(pipe.into())
}

/// What all three have.
macro_rules! pipe_traits {
    ($($pipe:ident),*) => {$(
        impl $pipe {
            pub(super) fn new(pipe: process::$pipe) -> io::Result<Self> {
                Ok(Self(non_blocking(OwnedFd::from(pipe))?))
            }

            /// Gives the pipe to another command, as its standard input or output.
            ///
            /// # Errors
            ///
            /// The pipe cannot be put back into blocking mode.
            pub fn into_stdio(self) -> io::Result<Stdio> {
                blocking(self.0)
            }
        }

        impl AsFd for $pipe {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }
    )*};
}

pipe_traits!(ChildStdout, ChildStderr);

/// Writes to the standard input of a child. Dropping it, or closing it, is the end of that input.
#[derive(Debug)]
pub struct ChildStdin {
    /// `None` once it is closed.
    pipe: Option<Registered<File>>,
}

impl ChildStdin {
    pub(super) fn new(pipe: process::ChildStdin) -> io::Result<Self> {
        let pipe = Some(non_blocking(OwnedFd::from(pipe))?);
        Ok(Self { pipe })
    }

    /// Gives the pipe to another command, as its standard output.
    ///
    /// # Errors
    ///
    /// The pipe is closed, or cannot be put back into blocking mode.
    pub fn into_stdio(self) -> io::Result<Stdio> {
        blocking(self.pipe.ok_or_else(closed)?)
    }

    fn pipe(&self) -> io::Result<&Registered<File>> {
        self.pipe.as_ref().ok_or_else(closed)
    }

    /// Writes as much as the pipe takes, at least one byte (unless `bytes` is empty), and says how much that was.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: while it waits, nothing has been written.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if the child has closed its input, or has ended, or this end is closed.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe()?
            .async_io(Interest::WRITABLE, |mut pipe| pipe.write(bytes))
            .await
    }

    /// Writes all of it.
    ///
    /// # Cancellation
    ///
    /// **The count of what has been written is lost.**
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). Part may have been written.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write(bytes).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// [`write`](Self::write) in the shape that adapters need. The last waker replaces the one before.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.pipe()?
            .poll_io(cx, Interest::WRITABLE, |mut pipe| pipe.write(bytes))
    }
}

fn closed() -> io::Error {
    let told = "the pipe to the child's standard input is closed";
    io::Error::new(io::ErrorKind::BrokenPipe, told)
}

impl Write for ChildStdin {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ChildStdin::write(self, bytes).await
    }

    /// Closes the pipe: the child reads the end of its input.
    async fn close(&mut self) -> io::Result<()> {
        self.pipe = None;
        Ok(())
    }
}

macro_rules! output {
    ($($(#[$about:meta])* $pipe:ident;)*) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub struct $pipe(Registered<File>);

        impl $pipe {
            /// Reads what is there, at most as much as fits. Zero means that no process writes any more: neither the child nor
            /// a child of its own.
            ///
            /// # Cancellation
            ///
            /// Nothing is lost: while it waits, nothing has been read.
            ///
            /// # Errors
            ///
            /// What the system says; or it would have to wait, and no loop is running on this thread.
            pub async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
                self.0
                    .async_io(Interest::READABLE, |mut pipe| pipe.read(bytes))
                    .await
            }

            /// Reads to the end, and appends all of it. Says how many bytes that were. There is no limit.
            ///
            /// # Cancellation
            ///
            /// Nothing is lost: what has been read is in `bytes`.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            pub async fn read_to_end(&self, bytes: &mut Vec<u8>) -> io::Result<usize> {
                let before = bytes.len();
                let mut piece = vec![0; 16 * 1024];
                loop {
                    match self.read(&mut piece).await? {
                        0 => return Ok(bytes.len() - before),
                        count => bytes.extend_from_slice(&piece[..count]),
                    }
                }
            }

            /// [`read`](Self::read) in the shape that adapters need. The last waker replaces the one before.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            pub fn poll_read(
                &self,
                cx: &mut Context<'_>,
                bytes: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0
                    .poll_io(cx, Interest::READABLE, |mut pipe| pipe.read(bytes))
            }
        }

        impl Read for $pipe {
            async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
                $pipe::read(self, bytes).await
            }
        }
    )*};
}

output! {
    /// Reads from the standard output of a child.
    ChildStdout;
    /// Reads from the standard error of a child.
    ChildStderr;
}
