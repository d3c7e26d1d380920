//! Reading with a buffer: lines, separators, exact counts.

use std::io::{self, BufRead as _, IoSlice};

use super::{Read, ReadError, Write};

/// The limit of a line, unless [`BufReader::with_limit`] sets another: 64 KiB, as in asyncio.
pub const DEFAULT_LIMIT: usize = 64 * 1024;

/// The first size of a buffer.
const FIRST_ROOM: usize = 8 * 1024;

/// A reader with a buffer, asyncio's `StreamReader`: it gives lines, messages up to a separator, and exact counts.
///
/// The *limit* is the number of bytes that a line or message may have, without its separator. If a peer sends more, the
/// read fails: the buffer holds at most twice the limit, except in [`read_exact`](Self::read_exact) and
/// [`read_to_end`](Self::read_to_end). It begins with 8 KiB at the first read.
///
/// # Cancellation
///
/// Bytes leave the buffer only when a method has all that it needs. So **every method may be dropped while it waits,
/// and loses nothing**: in a [`select!`](crate::select) or under a time-out, call it again.
///
/// ```
/// use roundelay::io::BufReader;
///
/// roundelay::run(async {
///     let mut reader = BufReader::new(&b"GET / HTTP/1.1\r\n\r\nbody"[..]);
///     assert_eq!(reader.read_until(b"\r\n\r\n").await?, b"GET / HTTP/1.1\r\n\r\n");
///     let mut body = [0; 4];
///     reader.read_exact(&mut body).await?;
///     assert_eq!(&body, b"body");
///     Ok::<(), roundelay::io::ReadError>(())
/// })
/// .unwrap();
/// ```
#[derive(Debug)]
pub struct BufReader<R> {
    inner: R,
    /// Zeroed once, when allocated. The bytes that were read and not taken are `room[start..end]`.
    room: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
}

impl<R> BufReader<R> {
    /// A buffer with a limit of 64 KiB.
    pub fn new(inner: R) -> BufReader<R> {
        BufReader::with_limit(DEFAULT_LIMIT, inner)
    }

    /// A buffer with another limit.
    pub fn with_limit(limit: usize, inner: R) -> BufReader<R> {
        BufReader {
            inner,
            room: Vec::new(),
            start: 0,
            end: 0,
            limit,
        }
    }

    /// How many bytes a line or message may have, without its separator.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes that were read and not taken.
    pub fn buffer(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    /// Takes the first `count` bytes out of the buffer. For use with [`fill_buf`](BufReader::fill_buf).
    ///
    /// # Panics
    ///
    /// If the buffer holds fewer bytes.
    pub fn consume(&mut self, count: usize) {
        self.take(count);
    }

    /// The reader inside.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader inside. Bytes that are read from it directly do not reach the buffer.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader inside, and the bytes that were read and not taken.
    pub fn into_parts(mut self) -> (R, Vec<u8>) {
        self.room.truncate(self.end);
        self.room.drain(..self.start);
        (self.inner, self.room)
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let taken = self.start..self.start + count;
        assert!(
            taken.end <= self.end,
            "took {count} bytes out of a buffer that holds {}",
            self.end - self.start
        );
        self.start = taken.end;
        &self.room[taken]
    }

    fn take_all(&mut self) -> Vec<u8> {
        self.take(self.end - self.start).to_vec()
    }

    /// Makes room for at least one byte in a buffer of at most `most` bytes, which is more than it holds.
    ///
    /// The beginning of a message is moved to the front, and each message once: no byte is taken before the message is
    /// complete.
    fn make_room(&mut self, most: usize) {
        debug_assert!(self.buffer().len() < most);
        if self.start > 0 {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == 0 && self.room.len() > most {
            self.room = Vec::new();
        }
        // Not for a few bytes: the next read should bring a large piece.
        if self.end >= self.room.len() / 2 {
            let larger = (2 * self.room.len()).max(FIRST_ROOM).min(most);
            self.room.resize(larger.max(self.room.len()), 0);
        }
    }

    /// How large the buffer may become for a message that ends with `separator` bytes.
    fn most(&self, separator: usize) -> usize {
        self.limit
            .saturating_mul(2)
            .max(self.limit.saturating_add(separator))
    }
}

impl<R: Read> BufReader<R> {
    /// The bytes in the buffer. If it is empty, reads once; if it is still empty, the stream has ended.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub async fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.fill(self.most(1)).await?;
        }
        Ok(self.buffer())
    }

    /// Reads once more, to the end of the buffer, and returns how many bytes came. Zero: the stream has ended.
    ///
    /// With [`buffer`](BufReader::buffer) and [`consume`](BufReader::consume) a protocol can be parsed in place (HTTP,
    /// RESP, any codec): look at the buffer; if the message is not whole, read more; if it is whole, use it,
    /// and consume it. The messages of one read are not copied, and no read is made between them.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`LimitOverrun`](ReadError::LimitOverrun), if the buffer holds twice the limit and nothing was consumed; all bytes are
    /// still in it. And the errors of the stream.
    ///
    /// ```
    /// use roundelay::io::{BufReader, ReadError};
    ///
    /// /// A message is one byte with its length, and then its bytes.
    /// fn parse(bytes: &[u8]) -> Option<&[u8]> {
    ///     let (&length, rest) = bytes.split_first()?;
    ///     rest.get(..usize::from(length))
    /// }
    ///
    /// roundelay::run(async {
    ///     let mut reader = BufReader::new(&b"\x03one\x05three"[..]);
    ///     let mut lengths = Vec::new();
    ///     loop {
    ///         match parse(reader.buffer()).map(<[u8]>::len) {
    ///             Some(length) => {
    ///                 lengths.push(length);
    ///                 reader.consume(1 + length);
    ///             }
    ///             None if reader.fill_more().await? == 0 => break,
    ///             None => {}
    ///         }
    ///     }
    ///     assert_eq!(lengths, [3, 5]);
    ///     Ok::<_, ReadError>(())
    /// })
    /// .unwrap();
    /// ```
    pub async fn fill_more(&mut self) -> Result<usize, ReadError> {
        let most = self.most(1);
        if self.buffer().len() >= most {
            return Err(ReadError::LimitOverrun { consumed: 0 });
        }
        Ok(self.fill(most).await?)
    }

    /// Reads up to the end of the line, appends the line to `line` with its `\n`, and returns the number of its bytes.
    /// Zero: the stream has ended. A last line need not end with `\n`. asyncio's `readline`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`](ReadError::LineTooLong), which drops the same bytes as asyncio; [`NotUtf8`](ReadError::NotUtf8);
    /// and the errors of the stream. `line` is then as before.
    ///
    /// ```
    /// use roundelay::io::BufReader;
    ///
    /// roundelay::run(async {
    ///     let mut reader = BufReader::new(&b"one\ntwo"[..]);
    ///     let mut line = String::new();
    ///     assert_eq!(reader.read_line(&mut line).await?, 4);
    ///     assert_eq!(reader.read_line(&mut line).await?, 3);
    ///     assert_eq!(reader.read_line(&mut line).await?, 0);
    ///     assert_eq!(line, "one\ntwo");
    ///     Ok::<(), roundelay::io::ReadError>(())
    /// })
    /// .unwrap();
    /// ```
    pub async fn read_line(&mut self, line: &mut String) -> Result<usize, ReadError> {
        let length = self.find_line().await?;
        let bytes = self.take(length);
        match std::str::from_utf8(bytes) {
            Ok(text) => line.push_str(text),
            Err(_) => {
                line.push_str(&String::from_utf8(bytes.to_vec()).map_err(ReadError::NotUtf8)?)
            }
        }
        Ok(length)
    }

    /// Reads up to the separator, and gives the bytes with the separator at their end. asyncio's `readuntil`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](ReadError::Incomplete) with the bytes so far, if the stream ends before; with none, if it has
    /// ended already. [`LimitOverrun`](ReadError::LimitOverrun) if there is no separator within the limit: then all
    /// bytes are still in the buffer. And the errors of the stream.
    ///
    /// # Panics
    ///
    /// If the separator is empty.
    ///
    /// ```
    /// use roundelay::io::{BufReader, ReadError};
    ///
    /// roundelay::run(async {
    ///     let mut reader = BufReader::with_limit(4, &b"ab;12345678;"[..]);
    ///     assert_eq!(reader.read_until(b";").await.unwrap(), b"ab;");
    ///     let error = reader.read_until(b";").await.unwrap_err();
    ///     let ReadError::LimitOverrun { consumed } = error else { panic!("{error}") };
    ///     assert!(consumed > 4 && reader.buffer().starts_with(b"12345"));
    /// });
    /// ```
    pub async fn read_until(&mut self, separator: &[u8]) -> Result<&[u8], ReadError> {
        match self.find(separator).await? {
            Some(length) => Ok(self.take(length)),
            None => Err(ReadError::Incomplete {
                partial: self.take_all(),
                expected: None,
            }),
        }
    }

    /// Reads until `buf` is full. The limit does not apply. asyncio's `readexactly`.
    ///
    /// The bytes are collected in the buffer first, so that a dropped call loses nothing; for much data and little
    /// memory use the [`read`](Read::read) of [`Read`].
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](ReadError::Incomplete) with the bytes so far, if the stream ends before, and the errors of the
    /// stream. `buf` is then as before.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ReadError> {
        while self.buffer().len() < buf.len() {
            if self.fill(self.most(1).max(buf.len())).await? == 0 {
                return Err(ReadError::Incomplete {
                    partial: self.take_all(),
                    expected: Some(buf.len()),
                });
            }
        }
        buf.copy_from_slice(self.take(buf.len()));
        Ok(())
    }

    /// Reads until the stream ends, appends all bytes, and returns their number. The limit does not apply.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: the bytes so far are in `buf`.
    ///
    /// # Errors
    ///
    /// Those of the stream. The bytes so far are in `buf`.
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let before = buf.len();
        while !self.fill_buf().await?.is_empty() {
            buf.extend_from_slice(self.buffer());
            self.start = self.end;
        }
        Ok(buf.len() - before)
    }

    /// Reads once, into a buffer that may grow up to `most`. Zero: the stream has ended.
    async fn fill(&mut self, most: usize) -> io::Result<usize> {
        self.make_room(most);
        let count = self.inner.read(&mut self.room[self.end..]).await?;
        self.end += count;
        Ok(count)
    }

    /// The length of the first message in the buffer with its separator; `None` if the stream ends before.
    async fn find(&mut self, separator: &[u8]) -> Result<Option<usize>, ReadError> {
        assert!(!separator.is_empty(), "a separator has at least one byte");
        let mut searched = 0;
        loop {
            let unsearched = &self.buffer()[searched..];
            let found = position(unsearched, separator).map(|at| searched + at);
            // The last bytes may be the beginning of a separator.
            let clear = (self.buffer().len() + 1).saturating_sub(separator.len());
            searched = found.unwrap_or(searched.max(clear));
            if searched > self.limit {
                return Err(ReadError::LimitOverrun { consumed: searched });
            }
            if found.is_some() {
                return Ok(Some(searched + separator.len()));
            }
            if self.fill(self.most(separator.len())).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// As `find`, for lines: a last line need not have an end, and a line that is too long is dropped.
    async fn find_line(&mut self) -> Result<usize, ReadError> {
        let consumed = match self.find(b"\n").await {
            Ok(Some(length)) => return Ok(length),
            Ok(None) => return Ok(self.buffer().len()),
            Err(ReadError::LimitOverrun { consumed }) => consumed,
            Err(error) => return Err(error),
        };
        let ends_here = self.buffer().get(consumed) == Some(&b'\n');
        let dropped = if ends_here {
            consumed + 1
        } else {
            self.buffer().len()
        };
        self.consume(dropped);
        Err(ReadError::LineTooLong { dropped })
    }
}

/// Reads from the buffer if it holds bytes. Else a large read goes to the stream directly, and saves a copy.
impl<R: Read> Read for BufReader<R> {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && buf.len() >= FIRST_ROOM {
            return self.inner.read(buf).await;
        }
        let count = self.fill_buf().await?.len().min(buf.len());
        buf[..count].copy_from_slice(self.take(count));
        Ok(count)
    }
}

/// Writes to the stream directly: the buffer is for reading only.
///
/// The futures are the stream's own. An `async fn` around each would move its arguments once more.
impl<S: Write> Write for BufReader<S> {
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.inner.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        self.inner.write_vectored(bufs)
    }

    fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        self.inner.flush()
    }

    fn close(&mut self) -> impl Future<Output = io::Result<()>> {
        self.inner.close()
    }

    fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.inner.write_all(buf)
    }
}

/// The first place of `needle`. It is found by the standard library's search for one byte, which is `memchr`.
fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (last, front) = needle.split_last()?;
    let mut rest = haystack;
    loop {
        // Reading from a slice cannot fail.
        let skipped = rest.skip_until(*last).ok()?;
        let met = haystack.len() - rest.len();
        if skipped == 0 || haystack[met - 1] != *last {
            return None;
        }
        if haystack[..met - 1].ends_with(front) {
            return Some(met - needle.len());
        }
    }
}
