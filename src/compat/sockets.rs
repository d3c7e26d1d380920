//! The common methods of sockets and streams in memory for the foreign traits: futures-io, tokio and hyper ask for the
//! same methods.

/// The methods of a foreign trait for writing. `close` is the trait's name of the last method.
macro_rules! write_to_a_socket {
    ($methods:ty, $close:ident) => {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            <$methods>::poll_write(&self, cx, buf)
        }

        fn poll_write_vectored(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            bufs: &[std::io::IoSlice<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            <$methods>::poll_write_vectored(&self, cx, bufs)
        }

        /// No byte is held back.
        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn $close(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(crate::io::sockets::EndWriting::end_writing(&*self))
        }
    };
}
pub(in crate::compat) use write_to_a_socket;
