//! Errors that say what was tried.

use std::error::Error;
use std::fmt;
use std::io;

/// Adds to an error what was tried. The kind stays the same. The original is the `source` of the error that `get_ref`
/// returns.
pub(crate) fn while_trying(what: impl fmt::Display, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        Trying {
            what: what.to_string(),
            source: error,
        },
    )
}

#[derive(Debug)]
struct Trying {
    what: String,
    source: io::Error,
}

impl fmt::Display for Trying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.source)
    }
}

impl Error for Trying {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
