//! This process's ends of a child's three pipes.
//!
//! A pipe has two open descriptions, one for each end, so non-blocking mode on this end does not reach the child.

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

/// The common traits of all three pipes.
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

/// Writes to the standard input of a child. Closing or dropping it ends that input.
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

    /// Writes as many bytes as the pipe takes, at least one (unless `bytes` is empty). Returns their number.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: while the future waits, no byte has been written.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` if the child has closed its input, or has ended, or this end is closed.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe()?
            .async_io(Interest::WRITABLE, |mut pipe| pipe.write(bytes))
            .await
    }

    /// Writes all bytes.
    ///
    /// # Cancellation
    ///
    /// **The count of the written bytes is lost.**
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). Some bytes may have been written.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write(bytes).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// [`write`](Self::write) for adapters. A new waker replaces the last one.
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
            /// Reads the available bytes, at most as many as fit. Zero means that all writing ends are closed, those of
            /// the child and of its own children.
            ///
            /// # Cancellation
            ///
            /// Nothing is lost: while the future waits, no byte has been read.
            ///
            /// # Errors
            ///
            /// The system's error; or no byte is there yet, and no loop is running on this thread.
            pub async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
                self.0
                    .async_io(Interest::READABLE, |mut pipe| pipe.read(bytes))
                    .await
            }

            /// Reads to the end, and appends all bytes. Returns their number. There is no limit.
            ///
            /// # Cancellation
            ///
            /// Nothing is lost: the bytes are in `bytes`.
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

            /// [`read`](Self::read) for adapters. A new waker replaces the last one.
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
