//! What a thread is doing, as Linux reports it: `/proc/self/task/<tid>/{stat,syscall,wchan}`, see proc(5).
//!
//! `syscall` begins with the number of the system call in which the thread waits, or with the word `running`. If the
//! kernel has no such file, or forbids reading it, `stat` still has the thread's state, and `wchan` the kernel's
//! function.

use std::fs;
use std::path::PathBuf;

/// One thread of this process, by its folder in `/proc`.
pub(super) struct ThreadState {
    /// `None` without a `/proc`.
    folder: Option<PathBuf>,
}

impl ThreadState {
    #[inline]
    pub(super) fn of_this_thread() -> Self {
        // A link to `<process>/task/<thread>`.
        let link = fs::read_link("/proc/thread-self").ok();
        Self {
            folder: link.map(|link| PathBuf::from("/proc").join(link)),
        }
    }

    /// What the thread is doing at this moment, and the most likely cause.
    #[inline]
    pub(super) fn in_words(&self) -> String {
        let Some(folder) = &self.folder else {
            return "what it does cannot be seen: there is no /proc".to_owned();
        };
        let read = |file| fs::read_to_string(folder.join(file)).unwrap_or_default();
        in_words(&read("stat"), &read("syscall"), &read("wchan"))
    }
}

#[inline]
fn in_words(stat: &str, syscall: &str, wchan: &str) -> String {
    // The name of the program stands in parentheses and may contain anything; the state follows.
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    let first = syscall.split_whitespace().next();
    let number = first.and_then(|first| first.parse::<u64>().ok());
    match (number, state) {
        (None, Some('R')) => "it computes".to_owned(),
        (Some(number), _) => in_call(number),
        (_, Some('D')) => "it waits for a disk".to_owned(),
        (_, Some('T' | 't')) => "it is stopped, by a signal or a debugger".to_owned(),
        _ if wchan.is_empty() || wchan == "0" => {
            "it waits, and the system does not say for what".to_owned()
        }
        _ => format!("it waits in the kernel's {wchan}"),
    }
}

/// System calls that block, and the most likely callers.
const CALLS: &[(&str, &[libc::c_long], &str)] = &[
    (
        "clock_nanosleep",
        &[libc::SYS_clock_nanosleep, libc::SYS_nanosleep],
        "std::thread::sleep?",
    ),
    (
        "futex",
        &[libc::SYS_futex],
        "a Mutex, a Condvar, a channel, or the join of a thread?",
    ),
    (
        "recv",
        &[libc::SYS_recvfrom, libc::SYS_recvmsg],
        "a socket that blocks?",
    ),
    (
        "read",
        &[libc::SYS_read, libc::SYS_readv, libc::SYS_pread64],
        "a file, a pipe, a terminal, or a stream that blocks?",
    ),
    (
        "send",
        &[libc::SYS_sendto, libc::SYS_sendmsg],
        "a socket that blocks?",
    ),
    (
        "write",
        &[libc::SYS_write, libc::SYS_writev, libc::SYS_pwrite64],
        "a file, a pipe, a terminal, or a stream that blocks?",
    ),
    (
        "accept",
        &[libc::SYS_accept, libc::SYS_accept4],
        "a listener that blocks?",
    ),
    ("connect", &[libc::SYS_connect], "a socket that blocks?"),
    (
        "poll",
        &[libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_pwait],
        "a look-up of a name, or another event loop?",
    ),
    (
        "wait",
        &[libc::SYS_wait4, libc::SYS_waitid],
        "std::process waits for a child?",
    ),
    (
        "fsync",
        &[libc::SYS_fsync, libc::SYS_fdatasync],
        "a file that is written to the disk?",
    ),
    (
        "flock",
        &[libc::SYS_flock, libc::SYS_fcntl],
        "a file that another process has locked?",
    ),
];

#[inline]
fn in_call(number: u64) -> String {
    for calls in [CALLS, OLD_CALLS] {
        for (name, numbers, guess) in calls {
            for known in *numbers {
                if *known as u64 == number {
                    return format!("it waits in {name}: {guess}");
                }
            }
        }
    }
    format!("it waits in system call {number}")
}

/// Calls that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[(&str, &[libc::c_long], &str)] = &[(
    "poll",
    &[libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_wait],
    "a look-up of a name, or another event loop?",
)];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[(&str, &[libc::c_long], &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(stat: &str, syscall: &str) -> String {
        in_words(stat, syscall, "")
    }

    #[test]
    fn what_the_kernel_says_is_put_in_words() {
        let _watched = crate::watch::watch();
        assert_eq!(words("7 (a b) R 1 1", "running\n"), "it computes");
        assert_eq!(
            words("7 (R) S) S 1 1", ""),
            "it waits, and the system does not say for what"
        );
        let sleeps = format!("{} 0x1 0x0 0x7ff\n", libc::SYS_clock_nanosleep);
        assert_eq!(
            words("7 (a) S 1", &sleeps),
            "it waits in clock_nanosleep: std::thread::sleep?"
        );
        let locks = format!("{} 0x1 0x0 0x7ff\n", libc::SYS_futex);
        assert!(words("7 (a) S 1", &locks).starts_with("it waits in futex: a Mutex"));
        assert_eq!(
            words("7 (a) S 1", "9999 0x1\n"),
            "it waits in system call 9999"
        );
        assert_eq!(
            in_words("7 (a) S 1", "-1 0x1 0x2", "pipe_read"),
            "it waits in the kernel's pipe_read"
        );
        assert_eq!(words("7 (a) D 1", "-1 0x1 0x2"), "it waits for a disk");
    }

    #[test]
    fn a_thread_that_asks_for_itself_computes_or_reads() {
        let _watched = crate::watch::watch();
        let said = ThreadState::of_this_thread().in_words();
        assert!(said == "it computes" || said.contains("read"), "{said}");
    }
}
