//! Why a name has no address.
//!
//! The system's resolver answers with an error number of its own (`EAI_NONAME`, `EAI_AGAIN`, ..), but on Unix the standard
//! library passes on only the number's text. There are few texts, and the C library translates them only if a program asks
//! for it, so this file reads the reason from the text. On Windows there are numbers. An unknown text leaves the reason
//! open.

use std::error::Error;
use std::fmt;
use std::io;

use super::sys;

/// The error of a failed name look-up. It is inside the [`io::Error`] of [`lookup_host`](super::lookup_host), and of `bind`
/// and `connect` with a name; [`LookupError::of`] finds it there.
///
/// The `kind()` of that `io::Error` is `NotFound` if there is no such name.
///
/// ```
/// use roundelay::net::{LookupError, TcpStream};
///
/// roundelay::run(async {
///     match TcpStream::connect("no-such-host.invalid:80").await {
///         Ok(_) => println!("connected"),
///         Err(error) => match LookupError::of(&error) {
///             Some(lookup) if lookup.is_not_found() => println!("there is no {}", lookup.host()),
///             Some(lookup) if lookup.is_temporary() => println!("no name server answers: try again"),
///             Some(lookup) => println!("{lookup}"),
///             None => println!("there is such a host, and it does not answer: {error}"),
///         },
///     }
/// });
/// ```
#[derive(Debug)]
pub struct LookupError {
    host: String,
    port: u16,
    reason: Reason,
    source: io::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    NotFound,
    Temporary,
    Unknown,
}

impl LookupError {
    #[inline]
    pub(super) fn new(host: String, port: u16, source: io::Error) -> Self {
        let reason = match source.raw_os_error() {
            Some(number) => Reason::numbered(number),
            None => Reason::told_by(&source.to_string()),
        };
        Self {
            host,
            port,
            reason,
            source,
        }
    }

    /// The failed look-up inside an error; `None` if the error is another one.
    #[inline]
    pub fn of(error: &io::Error) -> Option<&LookupError> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether the name does not exist, or has no address.
    #[inline]
    pub fn is_not_found(&self) -> bool {
        self.reason == Reason::NotFound
    }

    /// Whether no name server has answered, or a name server could not answer now. A second try may succeed.
    #[inline]
    pub fn is_temporary(&self) -> bool {
        self.reason == Reason::Temporary
    }

    /// The name that was looked up.
    #[inline]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl Reason {
    /// On Unix a number belongs to an error of the system, and not of the resolver.
    #[inline]
    fn numbered(number: i32) -> Self {
        if sys::NO_SUCH_NAME.contains(&number) {
            Self::NotFound
        } else if sys::NO_NAME_SERVER.contains(&number) {
            Self::Temporary
        } else {
            Self::Unknown
        }
    }

    /// The texts of glibc, musl, Bionic, the BSDs and macOS for `EAI_NONAME`, `EAI_NODATA` and `EAI_AGAIN`.
    #[inline]
    fn told_by(text: &str) -> Self {
        const NOT_FOUND: [&str; 4] = [
            "not known",
            "does not resolve",
            "no address associated",
            "no usable address",
        ];
        const TEMPORARY: [&str; 2] = ["temporary failure", "try again"];
        let text = text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if says(&NOT_FOUND) {
            Self::NotFound
        } else if says(&TEMPORARY) {
            Self::Temporary
        } else {
            Self::Unknown
        }
    }
}

impl From<LookupError> for io::Error {
    #[inline]
    fn from(error: LookupError) -> io::Error {
        let kind = match error.reason {
            Reason::NotFound => io::ErrorKind::NotFound,
            Reason::Temporary | Reason::Unknown => error.source.kind(),
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for LookupError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "looking up {}:{}: {}", self.host, self.port, self.source)
    }
}

impl Error for LookupError {
    #[inline]
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_the_usual_resolvers_are_understood() {
        for (text, reason) in [
            ("Name or service not known", Reason::NotFound),
            ("No address associated with hostname", Reason::NotFound),
            ("Name does not resolve", Reason::NotFound),
            ("Name has no usable address", Reason::NotFound),
            (
                "nodename nor servname provided, or not known",
                Reason::NotFound,
            ),
            ("Temporary failure in name resolution", Reason::Temporary),
            ("Try again", Reason::Temporary),
            (
                "Non-recoverable failure in name resolution",
                Reason::Unknown,
            ),
        ] {
            let text = format!("failed to lookup address information: {text}");
            assert_eq!(Reason::told_by(&text), reason, "{text}");
        }
    }

    #[test]
    fn an_error_of_the_system_is_none_of_the_resolver() {
        const EMFILE: i32 = 24;
        let source = io::Error::from_raw_os_error(EMFILE);
        let kind = source.kind();
        let error = io::Error::from(LookupError::new("localhost".to_owned(), 80, source));
        let lookup = LookupError::of(&error).unwrap();
        assert!(!lookup.is_not_found() && !lookup.is_temporary());
        assert_eq!((error.kind(), lookup.host()), (kind, "localhost"));
    }
}
