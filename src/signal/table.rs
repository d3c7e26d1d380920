//! The listeners of each signal, and the return of the default after the last listener.
//!
//! `signal-hook` installs a handler at the first registration for a signal, and never removes it:
//! after the last registration is removed, the signal has no effect. So the first registered action
//! of each signal has the signal's earlier effect, on the condition that no task listens. The table
//! counts the listeners, and changes the condition with the count.
//!
//! ```text
//!   listeners   0 -> 1: condition = false, then the listener's own actions
//!               1 -> 0: condition = true, if the signal was not ignored before
//! ```
//!
//! Guarded by tests/system/signal.rs::once_nobody_listens_a_signal_ends_the_process_again.

use std::collections::btree_map::{self as map, BTreeMap};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::SigId;
use signal_hook::{flag, low_level};

use super::Kind;
use crate::trying::while_trying;

static TABLE: Mutex<BTreeMap<Kind, Entry>> = Mutex::new(BTreeMap::new());

/// A signal with a listener, now or earlier.
struct Entry {
    listeners: usize,
    /// The handler has the system's default effect.
    is_default: Arc<AtomicBool>,
    /// The signal was ignored before the first listener (`nohup`, `SIGPIPE`). The signal is ignored again after the
    /// last listener.
    was_ignored: bool,
}

fn lock() -> MutexGuard<'static, BTreeMap<Kind, Entry>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    fn new(kind: Kind) -> io::Result<Self> {
        let is_default = Arc::new(AtomicBool::new(false));
        let was_ignored = is_ignored(kind);
        if !was_ignored {
            flag::register_conditional_default(kind.as_raw(), Arc::clone(&is_default))?;
        }
        Ok(Self {
            listeners: 0,
            is_default,
            was_ignored,
        })
    }

    fn one_more(&mut self) {
        self.listeners += 1;
        // ORDERING: only the handler reads it, at any instruction. All other accesses are under the lock of the table.
        self.is_default.store(false, SeqCst);
    }

    fn one_less(&mut self) {
        self.listeners -= 1;
        let is_default = self.listeners == 0 && !self.was_ignored;
        // ORDERING: as in `one_more`.
        self.is_default.store(is_default, SeqCst);
    }
}

/// One listener's interest in one kind.
pub(super) struct Watch {
    kind: Kind,
    /// Set by the handler.
    has_come: Arc<AtomicBool>,
    actions: Vec<SigId>,
}

impl Watch {
    /// Catches the signal from now on: the handler sets the flag and sends a byte to `pipe`.
    pub(super) fn begin(kind: Kind, pipe: &UnixStream) -> io::Result<Self> {
        let told = |error| while_trying(format_args!("listening to {kind}"), error);
        if !kind.is_catchable() {
            let never = io::Error::new(
                io::ErrorKind::InvalidInput,
                "no program can catch this signal and go on safely",
            );
            return Err(told(never));
        }
        let pipe = pipe.try_clone().map_err(told)?;
        let mut table = lock();
        let entry = match table.entry(kind) {
            map::Entry::Occupied(known) => known.into_mut(),
            map::Entry::Vacant(new) => new.insert(Entry::new(kind).map_err(told)?),
        };
        entry.one_more();
        drop(table);
        // If one of these calls fails, dropping the watch removes the earlier registrations.
        let mut watch = Self {
            kind,
            has_come: Arc::default(),
            actions: Vec::with_capacity(2),
        };
        // The order matters: actions run in it, and the flag must be set before the byte is sent.
        let flagged = flag::register(kind.as_raw(), Arc::clone(&watch.has_come));
        watch.actions.push(flagged.map_err(told)?);
        let piped = low_level::pipe::register(kind.as_raw(), pipe);
        watch.actions.push(piped.map_err(told)?);
        Ok(watch)
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the signal has come since the last call.
    pub(super) fn take(&self) -> bool {
        // ORDERING: partner of the handler's store, which comes before its byte: a thread that has read the byte sees
        // the flag.
        self.has_come.swap(false, SeqCst)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(entry) = lock().get_mut(&self.kind) {
            entry.one_less();
        }
        for action in self.actions.drain(..) {
            low_level::unregister(action);
        }
    }
}

/// Whether the process ignores the signal at this moment. Called before the first handler is installed.
#[cfg(target_os = "linux")]
fn is_ignored(kind: Kind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Without /proc, only the signal that Rust's standard library ignores is known.
    ignored.map_or(kind == Kind::PIPE, |mask| {
        mask >> (kind.as_raw() - 1) & 1 == 1
    })
}

/// Only the signal's handler says so, and no safe call reads it. Known is the signal that Rust's standard library
/// ignores.
#[cfg(not(target_os = "linux"))]
fn is_ignored(kind: Kind) -> bool {
    kind == Kind::PIPE
}
