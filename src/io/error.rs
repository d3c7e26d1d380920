//! The errors of a buffered read, besides the errors of the system.

use std::error::Error;
use std::fmt;
use std::io;
use std::string::FromUtf8Error;

/// Why a buffered read gave nothing, and where the bytes are that it has read.
///
/// `?` turns it into an [`io::Error`]: `Incomplete` gets the kind `UnexpectedEof`, the other errors of the peer get
/// `InvalidData`.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream ended too early. The bytes up to its end are here, and no longer in the buffer. asyncio's
    /// `IncompleteReadError`.
    Incomplete {
        /// The bytes that came.
        partial: Vec<u8>,
        /// How many bytes were asked for, if that was a number.
        expected: Option<usize>,
    },
    /// No separator within the limit, or no room for more. All bytes are still in the buffer. asyncio's `LimitOverrunError`.
    LimitOverrun {
        /// This many bytes at the front of the buffer are before the next separator. To go on, take them with
        /// `read_exact`, or drop them with `consume`.
        consumed: usize,
    },
    /// A line is longer than the limit. If its end was in the buffer already, the line was dropped; otherwise the whole
    /// buffer was dropped, and the next read gives the rest of the line. The `ValueError` of asyncio's `readline`.
    LineTooLong {
        /// How many bytes were dropped.
        dropped: usize,
    },
    /// A line is not UTF-8. Its bytes are in the error.
    NotUtf8(FromUtf8Error),
    /// An error of the stream. The bytes read before are still in the buffer.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Incomplete {
                partial,
                expected: Some(expected),
            } => {
                write!(
                    f,
                    "the stream ended after {} of {expected} bytes",
                    partial.len()
                )
            }
            ReadError::Incomplete {
                partial,
                expected: None,
            } => {
                write!(
                    f,
                    "the stream ended after {} bytes, before the separator",
                    partial.len()
                )
            }
            ReadError::LimitOverrun { consumed } => {
                write!(
                    f,
                    "no separator within the limit: the first {consumed} bytes contain none"
                )
            }
            ReadError::LineTooLong { dropped } => {
                write!(
                    f,
                    "a line is longer than the limit: {dropped} bytes of it were dropped"
                )
            }
            ReadError::NotUtf8(error) => write!(f, "a line is not UTF-8: {error}"),
            ReadError::Io(error) => error.fmt(f),
        }
    }
}

impl Error for ReadError {
    #[inline]
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReadError::NotUtf8(error) => Some(error),
            ReadError::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for ReadError {
    #[inline]
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

impl From<ReadError> for io::Error {
    #[inline]
    fn from(error: ReadError) -> io::Error {
        match error {
            ReadError::Io(error) => error,
            ReadError::Incomplete { .. } => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            _ => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}
