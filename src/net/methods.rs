//! The methods of streams and of their halves: two macros, for reading and for writing.
//!
//! A macro, because a reader of the documentation looks for methods, and a trait would have to be imported. The work
//! is done in `stream.rs`.

/// The methods of everything that can be read from and that has a `fn stream(&self) -> &impl Stream`.
macro_rules! read_methods {
    () => {
        /// Reads what is there, at most as much as fits. Zero means that the peer has ended its side (or `buf` is
        /// empty).
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while it waits, nothing has been read.
        ///
        /// # Wakes
        ///
        /// While it waits the loop keeps the task's waker, and wakes it with all others that wait to read here;
        /// dropping the future takes it out.
        ///
        /// # Errors
        ///
        /// The error of the system; or the call has to wait, and no loop is running on this thread.
        ///
        /// ```
        /// # roundelay::run(async {
        /// let (near, far) = roundelay::net::UnixStream::pair()?;
        /// far.write_all(b"abc").await?;
        /// let mut buf = [0; 16];
        /// assert_eq!(near.read(&mut buf).await?, 3);
        /// # std::io::Result::Ok(()) }).unwrap();
        /// ```
        pub async fn read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
            crate::net::stream::wait(self.stream(), crate::net::stream::Read(buf)).await
        }

        /// Reads into several buffers at once, one after the other filled.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost, as with [`read`](Self::read).
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read).
        pub async fn read_vectored(
            &self,
            bufs: &mut [std::io::IoSliceMut<'_>],
        ) -> std::io::Result<usize> {
            crate::net::stream::wait(self.stream(), crate::net::stream::ReadVectored(bufs)).await
        }

        /// Reads until the buffer is full.
        ///
        /// # Cancellation
        ///
        /// **The count of what has been read is lost**, and with it the place in the stream: the bytes are in the
        /// buffer, but how many is not known. Where that matters, count yourself around [`read`](Self::read).
        ///
        /// # Errors
        ///
        /// `UnexpectedEof` if the stream ends before; otherwise as [`read`](Self::read).
        ///
        /// ```
        /// # roundelay::run(async {
        /// let (near, far) = roundelay::net::UnixStream::pair()?;
        /// far.write_all(b"abcdef").await?;
        /// let mut header = [0; 4];
        /// near.read_exact(&mut header).await?;
        /// assert_eq!(&header, b"abcd");
        /// # std::io::Result::Ok(()) }).unwrap();
        /// ```
        pub async fn read_exact(&self, buf: &mut [u8]) -> std::io::Result<()> {
            crate::net::stream::read_exact(self.stream(), buf).await
        }

        /// Reads until the peer ends its side, and appends all of it. Returns how many bytes were appended.
        ///
        /// There is no limit: a peer that never stops fills the memory.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: what has been read is in `buf`, which is exactly as long as that. The same holds after an
        /// error.
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read).
        ///
        /// ```
        /// # roundelay::run(async {
        /// let (near, far) = roundelay::net::UnixStream::pair()?;
        /// far.write_all(b"abc").await?;
        /// drop(far);
        /// let mut all = Vec::new();
        /// assert_eq!(near.read_to_end(&mut all).await?, 3);
        /// # std::io::Result::Ok(()) }).unwrap();
        /// ```
        pub async fn read_to_end(&self, buf: &mut Vec<u8>) -> std::io::Result<usize> {
            crate::net::stream::read_to_end(self.stream(), buf).await
        }

        /// Waits until a read can go on. A hint that may be wrong, so follow it with
        /// [`try_read`](Self::try_read).
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// The call has to wait, and no loop is running on this thread.
        ///
        /// ```
        /// # roundelay::run(async {
        /// let (near, far) = roundelay::net::UnixStream::pair()?;
        /// far.write_all(b"abc").await?;
        /// let mut buf = [0; 16];
        /// let count = loop {
        ///     near.readable().await?;
        ///     match near.try_read(&mut buf) {
        ///         Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
        ///         result => break result?,
        ///     }
        /// };
        /// assert_eq!(count, 3);
        /// # std::io::Result::Ok(()) }).unwrap();
        /// ```
        pub async fn readable(&self) -> std::io::Result<()> {
            let registered = crate::net::stream::Stream::registered(self.stream());
            registered
                .readiness(crate::reactor::Interest::READABLE)
                .await
                .map(drop)
        }

        /// Reads what is there without waiting.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if nothing is there; otherwise as [`read`](Self::read).
        pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
            crate::net::stream::try_now(self.stream(), crate::net::stream::Read(buf))
        }

        /// Reads what is there into several buffers, without waiting.
        ///
        /// # Errors
        ///
        /// As [`try_read`](Self::try_read).
        pub fn try_read_vectored(
            &self,
            bufs: &mut [std::io::IoSliceMut<'_>],
        ) -> std::io::Result<usize> {
            crate::net::stream::try_now(self.stream(), crate::net::stream::ReadVectored(bufs))
        }

        /// [`read`](Self::read) as a poll function, for adapters.
        ///
        /// # Wakes
        ///
        /// All `poll_` methods that read here share one place in the line: a new waker replaces the old.
        /// So one task at a time may use them. Tasks that await the other methods have their own places.
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read).
        pub fn poll_read(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &mut [u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            crate::net::stream::poll(self.stream(), cx, crate::net::stream::Read(buf))
        }

        /// [`read_vectored`](Self::read_vectored) as a poll function, for adapters; see
        /// [`poll_read`](Self::poll_read).
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read).
        pub fn poll_read_vectored(
            &self,
            cx: &mut std::task::Context<'_>,
            bufs: &mut [std::io::IoSliceMut<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            crate::net::stream::poll(self.stream(), cx, crate::net::stream::ReadVectored(bufs))
        }

        /// [`readable`](Self::readable) as a poll function, for adapters; see [`poll_read`](Self::poll_read).
        ///
        /// # Errors
        ///
        /// As [`readable`](Self::readable).
        pub fn poll_read_ready(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let registered = crate::net::stream::Stream::registered(self.stream());
            registered
                .poll_readiness(cx, crate::reactor::Interest::READABLE)
                .map_ok(drop)
        }
    };
}
pub(super) use read_methods;

/// The methods of everything that can be written to and that has a `fn stream(&self) -> &impl Stream`.
macro_rules! write_methods {
    () => {
        /// Writes as much as the socket takes, at least one byte (unless `buf` is empty), and says how much that was.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while it waits, nothing has been written.
        ///
        /// # Wakes
        ///
        /// While it waits the loop keeps the task's waker, and wakes it with all others that wait to write here;
        /// dropping the future takes it out.
        ///
        /// # Errors
        ///
        /// The error of the system; or the call has to wait, and no loop is running on this thread.
        pub async fn write(&self, buf: &[u8]) -> std::io::Result<usize> {
            crate::net::stream::wait(self.stream(), crate::net::stream::Write(buf)).await
        }

        /// Writes all of it.
        ///
        /// # Cancellation
        ///
        /// **The count of what has been written is lost.** Where that matters, count yourself around
        /// [`write`](Self::write).
        ///
        /// # Errors
        ///
        /// `WriteZero` if the socket takes nothing; otherwise as [`write`](Self::write). Part may have been written.
        ///
        /// ```
        /// # roundelay::run(async {
        /// let (near, far) = roundelay::net::UnixStream::pair()?;
        /// near.write_all(b"all of it").await?;
        /// let mut buf = [0; 9];
        /// far.read_exact(&mut buf).await?;
        /// # std::io::Result::Ok(()) }).unwrap();
        /// ```
        pub async fn write_all(&self, buf: &[u8]) -> std::io::Result<()> {
            crate::net::stream::write_all(self.stream(), buf).await
        }

        /// Writes from several buffers at once, in their order, as much as the socket takes.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost, as with [`write`](Self::write).
        ///
        /// # Errors
        ///
        /// As [`write`](Self::write).
        pub async fn write_vectored(
            &self,
            bufs: &[std::io::IoSlice<'_>],
        ) -> std::io::Result<usize> {
            crate::net::stream::wait(self.stream(), crate::net::stream::WriteVectored(bufs)).await
        }

        /// Writes all of several buffers. The slices are advanced on the way, and do not show the original buffers
        /// afterwards.
        ///
        /// # Cancellation
        ///
        /// `bufs` itself is borrowed, but where in it the first unwritten buffer begins **is lost**.
        ///
        /// # Errors
        ///
        /// As [`write_all`](Self::write_all).
        ///
        /// ```
        /// use std::io::IoSlice;
        /// # roundelay::run(async {
        /// let (near, far) = roundelay::net::UnixStream::pair()?;
        /// near.write_all_vectored(&mut [IoSlice::new(b"head "), IoSlice::new(b"body")]).await?;
        /// let mut buf = [0; 9];
        /// far.read_exact(&mut buf).await?;
        /// assert_eq!(&buf, b"head body");
        /// # std::io::Result::Ok(()) }).unwrap();
        /// ```
        pub async fn write_all_vectored(
            &self,
            bufs: &mut [std::io::IoSlice<'_>],
        ) -> std::io::Result<()> {
            crate::net::stream::write_all_vectored(self.stream(), bufs).await
        }

        /// Waits until a write can go on. A hint that may be wrong, so follow it with
        /// [`try_write`](Self::try_write).
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// The call has to wait, and no loop is running on this thread.
        pub async fn writable(&self) -> std::io::Result<()> {
            let registered = crate::net::stream::Stream::registered(self.stream());
            registered
                .readiness(crate::reactor::Interest::WRITABLE)
                .await
                .map(drop)
        }

        /// Writes as much as the socket takes, without waiting.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if it takes nothing now; otherwise as [`write`](Self::write).
        pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
            crate::net::stream::try_now(self.stream(), crate::net::stream::Write(buf))
        }

        /// Writes from several buffers as much as the socket takes, without waiting.
        ///
        /// # Errors
        ///
        /// As [`try_write`](Self::try_write).
        pub fn try_write_vectored(&self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
            crate::net::stream::try_now(self.stream(), crate::net::stream::WriteVectored(bufs))
        }

        /// [`write`](Self::write) as a poll function, for adapters.
        ///
        /// # Wakes
        ///
        /// All `poll_` methods that write here share one place in the line: a new waker replaces the old.
        /// So one task at a time may use them. Tasks that await the other methods have their own places.
        ///
        /// # Errors
        ///
        /// As [`write`](Self::write).
        pub fn poll_write(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            crate::net::stream::poll(self.stream(), cx, crate::net::stream::Write(buf))
        }

        /// [`write_vectored`](Self::write_vectored) as a poll function, for adapters; see
        /// [`poll_write`](Self::poll_write).
        ///
        /// # Errors
        ///
        /// As [`write`](Self::write).
        pub fn poll_write_vectored(
            &self,
            cx: &mut std::task::Context<'_>,
            bufs: &[std::io::IoSlice<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            crate::net::stream::poll(self.stream(), cx, crate::net::stream::WriteVectored(bufs))
        }

        /// [`writable`](Self::writable) as a poll function, for adapters; see [`poll_write`](Self::poll_write).
        ///
        /// # Errors
        ///
        /// As [`writable`](Self::writable).
        pub fn poll_write_ready(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let registered = crate::net::stream::Stream::registered(self.stream());
            registered
                .poll_readiness(cx, crate::reactor::Interest::WRITABLE)
                .map_ok(drop)
        }
    };
}
pub(super) use write_methods;
