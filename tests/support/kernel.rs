//! Reads the kernel's own counts, so that a claim about system calls does not rest on our own counts.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};

use roundelay::EventLoop;

/// The eventfd by which other threads interrupt a loop's sleep.
///
/// Each interruption is one `write(2)` of the number 1. The sum is never read back, because the poller is edge-triggered. So
/// the sum *is* the count of system calls, and Linux shows it in `/proc/self/fdinfo`.
pub(crate) struct Bell {
    info: String,
}

impl Bell {
    pub(crate) fn of(event_loop: &EventLoop) -> Self {
        let poller = event_loop.as_fd().as_raw_fd();
        let eventfds: Vec<String> = read(&format!("/proc/self/fdinfo/{poller}"))
            .lines()
            .filter_map(|line| line.strip_prefix("tfd:")?.split_whitespace().next())
            .filter(|fd| {
                let link = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
                link.to_string_lossy().contains("eventfd")
            })
            .map(|fd| format!("/proc/self/fdinfo/{fd}"))
            .collect();
        let [info] = <[String; 1]>::try_from(eventfds).expect("one eventfd in the poller");
        Self { info }
    }

    /// The number of system calls that the wakes from other threads have cost so far.
    pub(crate) fn rings(&self) -> u64 {
        let info = read(&self.info);
        let count = info
            .lines()
            .find_map(|line| line.strip_prefix("eventfd-count:"))
            .expect("an eventfd's count");
        u64::from_str_radix(count.trim(), 16).expect("a hexadecimal number")
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}
