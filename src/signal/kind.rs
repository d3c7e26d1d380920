//! The names of signals.

use std::fmt;
use std::io;

use signal_hook::consts;
use signal_hook::low_level::signal_name;

/// A kind of signal: `SIGINT`, `SIGTERM`, ...
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(i32);

impl Kind {
    /// `SIGALRM`: a timer of the system has run out. Ends the process unless it is caught.
    pub const ALARM: Kind = Kind(consts::SIGALRM);
    /// `SIGCHLD`: a child process has stopped or ended. Ignored unless it is caught.
    pub const CHILD: Kind = Kind(consts::SIGCHLD);
    /// `SIGCONT`: the process goes on after it was stopped.
    pub const CONTINUE: Kind = Kind(consts::SIGCONT);
    /// `SIGHUP`: the terminal is gone. A daemon reads its configuration again. Ends the process unless it is caught.
    pub const HANGUP: Kind = Kind(consts::SIGHUP);
    /// `SIGINT`: Ctrl-C. Ends the process unless it is caught.
    pub const INTERRUPT: Kind = Kind(consts::SIGINT);
    /// `SIGPIPE`: a write without a reader. Rust's standard library ignores it.
    pub const PIPE: Kind = Kind(consts::SIGPIPE);
    /// `SIGQUIT`: Ctrl-\. Ends the process with a core dump unless it is caught.
    pub const QUIT: Kind = Kind(consts::SIGQUIT);
    /// `SIGTERM`: asks the process to end. Ends the process unless it is caught.
    pub const TERMINATE: Kind = Kind(consts::SIGTERM);
    /// `SIGTSTP`: Ctrl-Z. Stops the process unless it is caught.
    pub const TERMINAL_STOP: Kind = Kind(consts::SIGTSTP);
    /// `SIGUSR1`: its meaning is up to the program. Ends the process unless it is caught.
    pub const USER_1: Kind = Kind(consts::SIGUSR1);
    /// `SIGUSR2`, as [`USER_1`](Self::USER_1).
    pub const USER_2: Kind = Kind(consts::SIGUSR2);
    /// `SIGWINCH`: the terminal has another size. Ignored unless it is caught.
    pub const WINDOW_CHANGE: Kind = Kind(consts::SIGWINCH);
    /// `SIGKILL`: can be sent, but not caught.
    pub const KILL: Kind = Kind(consts::SIGKILL);

    /// The kind with this number.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if none of the usual signals has the number. Real-time signals are not among them.
    ///
    /// ```
    /// use roundelay::signal::Kind;
    ///
    /// assert_eq!(Kind::from_raw(15).unwrap(), Kind::TERMINATE);
    /// assert_eq!(Kind::TERMINATE.to_string(), "SIGTERM");
    /// assert!(Kind::from_raw(0).is_err());
    /// ```
    pub fn from_raw(number: i32) -> io::Result<Kind> {
        match signal_name(number) {
            Some(_) => Ok(Kind(number)),
            None => {
                let told = format!("{number} is not the number of a known signal");
                Err(io::Error::new(io::ErrorKind::InvalidInput, told))
            }
        }
    }

    /// The number of the signal.
    pub fn as_raw(self) -> i32 {
        self.0
    }

    /// Whether a program may catch the signal.
    pub(super) fn is_catchable(self) -> bool {
        !consts::FORBIDDEN.contains(&self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(signal_name(self.0).unwrap_or("SIG?"))
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
