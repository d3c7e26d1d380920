//! Writing with a buffer: many small pieces, few system calls.

use std::io;

use super::{Read, Write};

/// How many bytes a writer holds back, unless [`BufWriter::with_capacity`] sets another number.
const DEFAULT_CAPACITY: usize = 8 * 1024;

/// A writer that collects bytes, and passes them on when it is flushed or full.
///
/// asyncio's `StreamWriter`: [`write_all`](BufWriter::write_all) is `write` and `drain` in one, and
/// [`flush`](BufWriter::flush) waits until all bytes are passed on. Bytes that are not flushed when the writer is
/// dropped **are lost**: a destructor cannot wait.
///
/// # Cancellation
///
/// A piece is taken as a whole or not at all, and is kept until it has been written. So every method may be dropped
/// while it waits; call `flush` again to go on.
///
/// ```
/// use roundelay::io::BufWriter;
///
/// roundelay::run(async {
///     let mut writer = BufWriter::new(Vec::new());
///     writer.write_all(b"one, ").await?;
///     writer.write_all(b"two").await?;
///     assert!(writer.get_ref().is_empty());
///     writer.flush().await?;
///     assert_eq!(writer.get_ref(), b"one, two");
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
#[derive(Debug)]
pub struct BufWriter<W> {
    inner: W,
    held: Vec<u8>,
    /// How many bytes at the front of `held` have been passed on.
    passed: usize,
    capacity: usize,
}

impl<W> BufWriter<W> {
    /// A writer that holds back up to 8 KiB.
    pub fn new(inner: W) -> BufWriter<W> {
        BufWriter::with_capacity(DEFAULT_CAPACITY, inner)
    }

    /// A writer that holds back up to `capacity` bytes, and allocates them at the first write.
    pub fn with_capacity(capacity: usize, inner: W) -> BufWriter<W> {
        BufWriter {
            inner,
            held: Vec::new(),
            passed: 0,
            capacity,
        }
    }

    /// The bytes that were taken and not yet passed on.
    pub fn buffer(&self) -> &[u8] {
        &self.held[self.passed..]
    }

    /// The writer inside.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The writer inside. Bytes that are written to it directly go out before the bytes that are held back.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The writer inside, and the bytes that were not passed on to it.
    pub fn into_parts(mut self) -> (W, Vec<u8>) {
        self.held.drain(..self.passed);
        (self.inner, self.held)
    }
}

impl<W: Write> BufWriter<W> {
    /// Takes all of `buf`. If there is no room, it first waits until the held bytes have been passed on.
    ///
    /// A piece that is larger than the capacity is taken as a whole too; the next call passes it on. For such large
    /// pieces, writing without a buffer saves a copy.
    ///
    /// # Cancellation
    ///
    /// A call that is dropped while it waits has taken nothing of `buf`.
    ///
    /// # Errors
    ///
    /// As [`flush`](BufWriter::flush). Nothing of `buf` has been taken.
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        if self.buffer().len() + buf.len() > self.capacity {
            self.pass_on().await?;
        }
        if self.held.capacity() == 0 {
            self.held.reserve_exact(self.capacity.max(buf.len()));
        }
        self.held.extend_from_slice(buf);
        Ok(())
    }

    /// Waits until all held bytes have been passed on, and the writer inside has flushed.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost and nothing is written twice: the next call goes on from there.
    ///
    /// # Errors
    ///
    /// Those of the writer inside, and `WriteZero` if it takes no more bytes. Bytes that were not passed on stay.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.pass_on().await?;
        self.inner.flush().await
    }

    async fn pass_on(&mut self) -> io::Result<()> {
        while self.passed < self.held.len() {
            match self.inner.write(&self.held[self.passed..]).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => self.passed += written,
            }
        }
        self.passed = 0;
        if self.held.capacity() > self.capacity {
            self.held = Vec::new();
        } else {
            self.held.clear();
        }
        Ok(())
    }
}

impl<W: Write> Write for BufWriter<W> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_all(buf).await?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        BufWriter::flush(self)
    }

    async fn close(&mut self) -> io::Result<()> {
        BufWriter::flush(self).await?;
        self.inner.close().await
    }

    fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        BufWriter::write_all(self, buf)
    }
}

/// Passes the held bytes on before it reads.
///
/// So no server waits for the next request while it holds back the last answer. Put a [`BufReader`](super::BufReader)
/// around it for clients that send many requests before they read an answer: see *Answers that are due* in
/// [`io`](super).
///
/// # Cancellation
///
/// Nothing is lost and nothing is written twice, as with [`flush`](BufWriter::flush).
///
/// # Errors
///
/// As [`flush`](BufWriter::flush), and then nothing has been read; and the errors of the read.
impl<S: Read + Write> Read for BufWriter<S> {
    // Guarded by tests/io/buffered.rs::an_answer_goes_out_before_the_next_request_is_waited_for
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        BufWriter::flush(self).await?;
        self.inner.read(buf).await
    }
}
