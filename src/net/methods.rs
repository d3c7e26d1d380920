//! The methods of streams and of their halves: two macros, for reading and for writing. A trait would have to be imported,
//! and documentation lists it apart. The functions behind the methods are in `stream.rs` and `whole.rs`.
//!
//! The methods that move bytes return the future of those functions. As `async fn` they would put one more state machine around
//! it, which takes 49 of the 680 instructions of an echo.

/// The methods of every type that can be read from and has a `fn stream(&self) -> &impl Stream`.
macro_rules! read_methods {
    () => {
        /// Reads what has arrived, at most `buf.len()` bytes. Zero means that the peer has ended its side (or `buf` is
        /// empty).
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while the future waits, it has read nothing.
        ///
        /// # Wakes
        ///
        /// The loop keeps the task's waker while the future waits. When the socket can be read, the loop wakes all
        /// tasks that wait to read from it. Dropping the future removes the waker.
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
        pub fn read(
            &self,
            buf: &mut [u8],
        ) -> impl std::future::Future<Output = std::io::Result<usize>> {
            crate::net::stream::wait(self.stream(), crate::net::stream::Read(buf))
        }

        /// Reads into several buffers in one call. Each is filled before the next.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost, as with [`read`](Self::read).
        ///
        /// # Errors
        ///
        /// As [`read`](Self::read).
        pub fn read_vectored(
            &self,
            bufs: &mut [std::io::IoSliceMut<'_>],
        ) -> impl std::future::Future<Output = std::io::Result<usize>> {
            crate::net::stream::wait(self.stream(), crate::net::stream::ReadVectored(bufs))
        }

        /// Reads until the buffer is full.
        ///
        /// # Cancellation
        ///
        /// **The count of the bytes that have been read is lost**: they are in the buffer, but how many is not known.
        /// If your program must know, count yourself around [`read`](Self::read).
        ///
        /// # Errors
        ///
        /// `UnexpectedEof` if the stream ends before the buffer is full; otherwise as [`read`](Self::read).
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
        pub fn read_exact(
            &self,
            buf: &mut [u8],
        ) -> impl std::future::Future<Output = std::io::Result<()>> {
            crate::net::whole::wait_for_all(self.stream(), crate::net::stream::Read(buf))
        }

        /// Reads until the peer ends its side, and appends everything to `buf`. Returns how many bytes were appended.
        ///
        /// There is no limit: a peer that never stops fills the memory.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: all that has been read is in `buf`, and `buf` holds nothing else. The same is true after an
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
        pub fn read_to_end(
            &self,
            buf: &mut Vec<u8>,
        ) -> impl std::future::Future<Output = std::io::Result<usize>> {
            crate::net::whole::read_to_end(self.stream(), buf)
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

        /// Reads what has arrived, without waiting.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if nothing has arrived; otherwise as [`read`](Self::read).
        #[inline]
        pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
            crate::net::stream::try_now(self.stream(), crate::net::stream::Read(buf))
        }

        /// Reads what has arrived into several buffers, without waiting.
        ///
        /// # Errors
        ///
        /// As [`try_read`](Self::try_read).
        #[inline]
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
        #[inline]
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
        #[inline]
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
        #[inline]
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

/// The methods of every type that can be written to and has a `fn stream(&self) -> &impl Stream`.
macro_rules! write_methods {
    () => {
        /// Writes as much as the socket takes, at least one byte (unless `buf` is empty). Returns how much that was.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while the future waits, it has written nothing.
        ///
        /// # Wakes
        ///
        /// The loop keeps the task's waker while the future waits. When the socket can be written, the loop wakes all
        /// tasks that wait to write to it. Dropping the future removes the waker.
        ///
        /// # Errors
        ///
        /// The error of the system; or the call has to wait, and no loop is running on this thread.
        pub fn write(
            &self,
            buf: &[u8],
        ) -> impl std::future::Future<Output = std::io::Result<usize>> {
            crate::net::stream::wait(self.stream(), crate::net::stream::Write(buf))
        }

        /// Writes the whole buffer.
        ///
        /// # Cancellation
        ///
        /// **The count of the bytes that have been written is lost.** If your program must know, count yourself around
        /// [`write`](Self::write).
        ///
        /// # Errors
        ///
        /// `WriteZero` if the socket takes nothing; otherwise as [`write`](Self::write). A part may have been written.
        ///
        /// ```
        /// # roundelay::run(async {
        /// let (near, far) = roundelay::net::UnixStream::pair()?;
        /// near.write_all(b"all of it").await?;
        /// let mut buf = [0; 9];
        /// far.read_exact(&mut buf).await?;
        /// # std::io::Result::Ok(()) }).unwrap();
        /// ```
        pub fn write_all(
            &self,
            buf: &[u8],
        ) -> impl std::future::Future<Output = std::io::Result<()>> {
            crate::net::whole::wait_for_all(self.stream(), crate::net::stream::Write(buf))
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
        pub fn write_vectored(
            &self,
            bufs: &[std::io::IoSlice<'_>],
        ) -> impl std::future::Future<Output = std::io::Result<usize>> {
            crate::net::stream::wait(self.stream(), crate::net::stream::WriteVectored(bufs))
        }

        /// Writes all of several buffers. The slices advance meanwhile, and no longer show the original buffers
        /// afterwards.
        ///
        /// # Cancellation
        ///
        /// **The place of the first unwritten byte in `bufs` is lost.**
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
        pub fn write_all_vectored(
            &self,
            bufs: &mut [std::io::IoSlice<'_>],
        ) -> impl std::future::Future<Output = std::io::Result<()>> {
            crate::net::whole::write_all_vectored(self.stream(), bufs)
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
        /// `WouldBlock` if the socket takes nothing now; otherwise as [`write`](Self::write).
        #[inline]
        pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
            crate::net::stream::try_now(self.stream(), crate::net::stream::Write(buf))
        }

        /// Writes from several buffers as much as the socket takes, without waiting.
        ///
        /// # Errors
        ///
        /// As [`try_write`](Self::try_write).
        #[inline]
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
        #[inline]
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
        #[inline]
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
        #[inline]
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
