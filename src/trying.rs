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
            source: Some(error),
        },
    )
}

/// An error that this crate finds itself. `why` are the parts of its text.
// With the type that a small program contains anyway, and without `format!`: together that saves 2 KB.
#[cold]
#[inline(never)]
pub(crate) fn refused(kind: io::ErrorKind, why: &[&str]) -> io::Error {
    let mut what = String::new();
    for part in why {
        what.push_str(part);
    }
    io::Error::new(kind, Trying { what, source: None })
}

#[derive(Debug)]
struct Trying {
    what: String,
    source: Option<io::Error>,
}

impl fmt::Display for Trying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for Trying {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref()?)
    }
}
