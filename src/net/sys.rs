//! The parts of the sockets that differ between Unix and Windows.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// The two methods by which a user makes a system call of their own, on every socket type. `$lent` is what the user's `$f` gets,
/// and `$call` gives it.
macro_rules! try_io_methods {
    ($lent:ty, |$socket:ident, $f:ident| $call:expr) => {
        /// Makes a system call of your own on the socket if the direction may be ready. Otherwise returns `WouldBlock`.
        ///
        /// `f` must make one non-blocking call in that direction, and return its `WouldBlock`.
        ///
        /// # Errors
        ///
        /// `WouldBlock`, or the error of `f`.
        pub fn try_io<T>(
            &self,
            interest: crate::reactor::Interest,
            $f: impl FnOnce($lent) -> std::io::Result<T>,
        ) -> std::io::Result<T> {
            self.io.try_io(interest, |$socket| $call)
        }

        /// As [`try_io`](Self::try_io); but waits, and calls `f` again, as long as `f` returns `WouldBlock`.
        ///
        /// # Cancellation
        ///
        /// Nothing is lost: while the future waits, `f` has moved no data.
        ///
        /// # Errors
        ///
        /// The error of `f`.
        pub async fn async_io<T>(
            &self,
            interest: crate::reactor::Interest,
            mut $f: impl FnMut($lent) -> std::io::Result<T>,
        ) -> std::io::Result<T> {
            self.io.async_io(interest, |$socket| $call).await
        }
    };
}
pub(crate) use try_io_methods;
