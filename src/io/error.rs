//! What a buffered read can say beyond what the system says.

use std::error::Error;
use std::fmt;
use std::io;
use std::string::FromUtf8Error;

/// Why a buffered read gave nothing, and where the bytes are that it has met.
///
/// It turns into an [`io::Error`] under `?`: an `Incomplete` into one of the kind `UnexpectedEof`, whatever the peer sent
/// wrong into `InvalidData`.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream ended before the end of what was asked for. The bytes up to there are here, and no longer in the buffer.
    /// asyncio's `IncompleteReadError`.
    Incomplete {
        /// What came.
        partial: Vec<u8>,
        /// How much was asked for, if that was a number.
        expected: Option<usize>,
    },
    /// No separator within the limit, or no room for more. All bytes are still in the buffer. asyncio's `LimitOverrunError`.
    LimitOverrun {
        /// So many bytes at the front of the buffer are certain to lie before the next separator. To get on, take them
        /// with `read_exact`, or drop them with `consume`.
        consumed: usize,
    },
    /// A line is longer than the limit. The whole line has been dropped if its end was in the buffer already, otherwise
    /// all of the buffer has, and what is read next is the rest of the line. The `ValueError` of asyncio's `readline`.
    LineTooLong {
        /// How many bytes were dropped.
        dropped: usize,
    },
    /// A line is not UTF-8. Its bytes are in the error.
    NotUtf8(FromUtf8Error),
    /// What the stream said. The bytes read before are still in the buffer.
    Io(io::Error),
}

impl fmt::Display for ReadError {
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
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReadError::NotUtf8(error) => Some(error),
            ReadError::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Io(error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> io::Error {
        match error {
            ReadError::Io(error) => error,
            ReadError::Incomplete { .. } => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            _ => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}
