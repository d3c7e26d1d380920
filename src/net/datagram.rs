//! Datagrams: the methods that UDP and Unix sockets share.

/// The methods of both kinds of datagram socket. A datagram is moved as a whole, so there is no short transfer.
macro_rules! datagram_methods {
    ($address:ty) => {
        /// Sends a datagram to the address that the socket is connected to.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while the future waits, it has sent nothing.
        ///
        /// # Errors
        ///
        /// The error of the system; `NotConnected` or `DestinationAddressRequired` if there is no such address.
        pub async fn send(&self, buf: &[u8]) -> std::io::Result<usize> {
            self.io
                .operation(crate::reactor::Interest::WRITABLE, |socket| {
                    socket.send(buf)
                })
                .await
        }

        /// Sends to the connected address without waiting.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if there is no room now; otherwise as [`send`](Self::send).
        #[inline]
        pub fn try_send(&self, buf: &[u8]) -> std::io::Result<usize> {
            self.io
                .try_io(crate::reactor::Interest::WRITABLE, |socket| {
                    socket.send(buf)
                })
        }

        /// [`send`](Self::send) as a poll function, for adapters.
        ///
        /// # Wakes
        ///
        /// All `poll_` methods of one direction share one place in the line, and a new waker replaces the old.
        ///
        /// # Errors
        ///
        /// As [`send`](Self::send).
        #[inline]
        pub fn poll_send(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            self.io
                .poll_io(cx, crate::reactor::Interest::WRITABLE, |socket| {
                    socket.send(buf)
                })
        }

        /// Receives a datagram. The part that does not fit into `buf` is lost.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while the future waits, it has received nothing.
        ///
        /// # Errors
        ///
        /// The error of the system. An earlier datagram that met a closed port may cause `ConnectionRefused` here.
        pub async fn recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.io
                .operation(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv(buf)
                })
                .await
        }

        /// Receives a datagram that has arrived, without waiting.
        ///
        /// # Errors
        ///
        /// `WouldBlock` if none is there; otherwise as [`recv`](Self::recv).
        #[inline]
        pub fn try_recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.io
                .try_io(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv(buf)
                })
        }

        /// [`recv`](Self::recv) as a poll function, for adapters; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`recv`](Self::recv).
        #[inline]
        pub fn poll_recv(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &mut [u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            self.io
                .poll_io(cx, crate::reactor::Interest::READABLE, |socket| {
                    socket.recv(buf)
                })
        }

        /// Receives a datagram, and returns its sender. The part that does not fit into `buf` is lost.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// As [`recv`](Self::recv).
        pub async fn recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $address)> {
            self.io
                .operation(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv_from(buf)
                })
                .await
        }

        /// Receives a datagram that has arrived, and returns its sender, without waiting.
        ///
        /// # Errors
        ///
        /// As [`try_recv`](Self::try_recv).
        #[inline]
        pub fn try_recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $address)> {
            self.io
                .try_io(crate::reactor::Interest::READABLE, |socket| {
                    socket.recv_from(buf)
                })
        }

        /// [`recv_from`](Self::recv_from) as a poll function, for adapters; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`recv`](Self::recv).
        #[inline]
        pub fn poll_recv_from(
            &self,
            cx: &mut std::task::Context<'_>,
            buf: &mut [u8],
        ) -> std::task::Poll<std::io::Result<(usize, $address)>> {
            self.io
                .poll_io(cx, crate::reactor::Interest::READABLE, |socket| {
                    socket.recv_from(buf)
                })
        }

        /// Waits until a datagram may have arrived. A hint that may be wrong.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// The call has to wait, and no loop is running on this thread.
        pub async fn readable(&self) -> std::io::Result<()> {
            self.io
                .readiness(crate::reactor::Interest::READABLE)
                .await
                .map(drop)
        }

        /// Waits until there may be room for a datagram. A hint that may be wrong.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost.
        ///
        /// # Errors
        ///
        /// The call has to wait, and no loop is running on this thread.
        pub async fn writable(&self) -> std::io::Result<()> {
            self.io
                .readiness(crate::reactor::Interest::WRITABLE)
                .await
                .map(drop)
        }

        /// [`readable`](Self::readable) as a poll function, for adapters; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`readable`](Self::readable).
        #[inline]
        pub fn poll_recv_ready(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            self.io
                .poll_readiness(cx, crate::reactor::Interest::READABLE)
                .map_ok(drop)
        }

        /// [`writable`](Self::writable) as a poll function, for adapters; see [`poll_send`](Self::poll_send).
        ///
        /// # Errors
        ///
        /// As [`writable`](Self::writable).
        #[inline]
        pub fn poll_send_ready(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            self.io
                .poll_readiness(cx, crate::reactor::Interest::WRITABLE)
                .map_ok(drop)
        }

        /// The address of this end.
        ///
        /// # Errors
        ///
        /// The error of the system.
        #[inline]
        pub fn local_addr(&self) -> std::io::Result<$address> {
            self.io.get_ref().local_addr()
        }

        /// The address that the socket is connected to.
        ///
        /// # Errors
        ///
        /// `NotConnected` if there is none.
        #[inline]
        pub fn peer_addr(&self) -> std::io::Result<$address> {
            self.io.get_ref().peer_addr()
        }

        /// Takes the pending error of the socket.
        ///
        /// # Errors
        ///
        /// The system cannot be asked for it.
        #[inline]
        pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
            self.io.get_ref().take_error()
        }
    };
}
pub(super) use datagram_methods;
