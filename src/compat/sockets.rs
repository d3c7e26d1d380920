//! The common methods of sockets and streams in memory for the foreign traits: futures-io, tokio and hyper ask for the
//! same methods.

use std::io::IoSlice;

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
            let mut room = [0; crate::compat::sockets::FEW];
            match crate::compat::sockets::joined(bufs, &mut room) {
                Some(bytes) => <$methods>::poll_write(&self, cx, bytes),
                None => <$methods>::poll_write_vectored(&self, cx, bufs),
            }
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

/// Up to so many bytes are joined before they are written. It holds the answer of a small request, head and body.
pub(in crate::compat) const FEW: usize = 512;

/// The bytes of several buffers in one, if they are few: a plain write costs less than a vectored one and the copy.
///
/// `None` if they are many. Then the copy would cost more.
pub(in crate::compat) fn joined<'a>(
    bufs: &[IoSlice<'_>],
    room: &'a mut [u8; FEW],
) -> Option<&'a [u8]> {
    let mut length = 0;
    for buf in bufs {
        room.get_mut(length..length + buf.len())?
            .copy_from_slice(buf);
        length += buf.len();
    }
    Some(&room[..length])
}
