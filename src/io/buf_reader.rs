//! Reading with a buffer: lines, separators, exact counts.

use std::io::{self, BufRead as _, IoSlice};

use super::{Read, ReadError, Write};

/// How long a line may be, unless [`BufReader::with_limit`] says otherwise: 64 KiB, as in asyncio.
pub const DEFAULT_LIMIT: usize = 64 * 1024;

/// What a buffer begins with.
const FIRST_ROOM: usize = 8 * 1024;

/// A reader with a buffer, asyncio's `StreamReader`: it gives lines, messages up to a separator, and exact counts.
///
/// The *limit* says how many bytes a line or message may have, not counting its separator. A peer that sends more gets an
/// error, and not your memory: except in [`read_exact`](Self::read_exact) and [`read_to_end`](Self::read_to_end), where
/// you have asked for it, the buffer holds at most twice the limit. It begins with 8 KiB at the first read.
///
/// # Cancellation
///
/// Bytes leave the buffer only when a method has all that it wants. So **every method may be dropped while it waits,
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
    /// Zeroed once, and then as the reads have left it. What has been read and not taken is `room[start..end]`.
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

    /// How many bytes a line or message may have, not counting its separator.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What has been read and not taken.
    pub fn buffer(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    /// Takes the first `count` bytes out of the buffer. For use with [`fill_buf`](BufReader::fill_buf).
    ///
    /// # Panics
    ///
    /// If the buffer does not hold so many.
    pub fn consume(&mut self, count: usize) {
        self.take(count);
    }

    /// The reader inside.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader inside. What you read from it directly, the buffer will not see.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader inside, and what has been read from it and not taken.
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

    /// Makes room for at least one byte in a buffer of at most `most`, which is more than it holds.
    ///
    /// What is moved to the front is the beginning of a message, and it is moved once: nothing is taken before the
    /// message is complete.
    fn make_room(&mut self, most: usize) {
        debug_assert!(self.buffer().len() < most);
        if self.start > 0 {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == 0 && self.room.len() > most {
            self.room = Vec::new();
        }
        // Not for the sake of a few bytes: the next read is to bring a good piece.
        if self.end >= self.room.len() / 2 {
            let larger = (2 * self.room.len()).max(FIRST_ROOM).min(most);
            self.room.resize(larger.max(self.room.len()), 0);
        }
    }

    /// How large the buffer may become for the sake of a message that ends with `separator` bytes.
    fn most(&self, separator: usize) -> usize {
        self.limit
            .saturating_mul(2)
            .max(self.limit.saturating_add(separator))
    }
}

impl<R: Read> BufReader<R> {
    /// What is in the buffer; if that is nothing, what one read brings; and if that is nothing, the stream has ended.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// The stream's.
    pub async fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.fill(self.most(1)).await?;
        }
        Ok(self.buffer())
    }

    /// Reads once more, behind what is in the buffer, and says how many bytes came. Zero: the stream has ended.
    ///
    /// With [`buffer`](BufReader::buffer) and [`consume`](BufReader::consume) it is the way to parse a protocol in place (HTTP,
    /// RESP, anything with a codec): look at the buffer; if the message is not whole, read more; if it is, use it, and
    /// consume it. However many messages one read has brought, nothing is copied, and nothing is read between them.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`LimitOverrun`](ReadError::LimitOverrun), if the buffer holds twice the limit and nothing was consumed; all bytes are
    /// still in it. And what the stream says.
    ///
    /// ```
    /// use roundelay::io::{BufReader, ReadError};
    ///
    /// /// A message is a byte that says how long it is, and so many bytes.
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

    /// Reads up to the end of the line, appends it to `line` with its `\n`, and says how many bytes that were. Zero: the
    /// stream has ended. A last line need not end with `\n`. asyncio's `readline`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`](ReadError::LineTooLong), which drops of the line what asyncio would; [`NotUtf8`](ReadError::NotUtf8);
    /// and what the stream says. `line` is then as before.
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

    /// Reads up to the separator, and gives all of it with the separator at its end. asyncio's `readuntil`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](ReadError::Incomplete) with what there was, if the stream ends before; with nothing, if it has ended
    /// already. [`LimitOverrun`](ReadError::LimitOverrun) if there is no separator within the limit: then all is still in
    /// the buffer. And what the stream says.
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
    /// The bytes are collected in the buffer first, so that nothing is lost when you stop waiting; for much data and
    /// little memory use the [`read`](Read::read) of [`Read`].
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](ReadError::Incomplete) with what there was, if the stream ends before, and what the stream says.
    /// `buf` is then as before.
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

    /// Reads until the stream ends, appends all of it, and says how many bytes that were. The limit does not apply.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: what has been read is in `buf`.
    ///
    /// # Errors
    ///
    /// The stream's. What has been read is in `buf`.
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let before = buf.len();
        while !self.fill_buf().await?.is_empty() {
            buf.extend_from_slice(self.buffer());
            self.start = self.end;
        }
        Ok(buf.len() - before)
    }

    /// One read into a buffer that may grow up to `most`. Zero: the stream has ended.
    async fn fill(&mut self, most: usize) -> io::Result<usize> {
        self.make_room(most);
        let count = self.inner.read(&mut self.room[self.end..]).await?;
        self.end += count;
        Ok(count)
    }

    /// The length of the first message in the buffer with its separator; None if the stream ends before.
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

    /// As `find`, for lines: a last line need not have an end, and one that is too long is dropped.
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

/// From the buffer if it holds something, past it if that would only cost a copy.
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

/// Past the buffer, which is for reading only.
impl<S: Write> Write for BufReader<S> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner.write(buf).await
    }

    async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write_vectored(bufs).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.inner.close().await
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.inner.write_all(buf).await
    }
}

/// Where `needle` begins first. The standard library's own search for one byte, which is `memchr`, does the work.
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
