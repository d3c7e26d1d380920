//! How many bytes, descriptors and threads the process has.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes given out. Relaxed: it is a sum, and orders nothing else.
static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: passes each call on to the system's allocator unchanged. The sum allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller promises what the call needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller promises what the call needs.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size as isize - layout.size() as isize, Relaxed);
        // SAFETY: the caller promises what the call needs.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Vitals {
    /// The bytes that the allocator has given out.
    pub(crate) live: usize,
    /// The bytes that the system holds in memory for the process.
    pub(crate) resident: usize,
    /// `None` if no descriptor was left to count them with.
    pub(crate) descriptors: Option<usize>,
    pub(crate) threads: usize,
}

impl Vitals {
    pub(crate) fn now() -> Self {
        let live = LIVE.load(Relaxed).max(0) as usize;
        Self {
            live,
            resident: line_of_status("VmRSS:") << 10,
            // One of the descriptors reads the folder.
            descriptors: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|list| list.count() - 1),
            threads: line_of_status("Threads:"),
        }
    }
}

impl fmt::Display for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} KiB live, {} KiB resident, ",
            self.live >> 10,
            self.resident >> 10,
        )?;
        match self.descriptors {
            Some(count) => write!(f, "{count} descriptors")?,
            None => f.write_str("all descriptors")?,
        }
        write!(f, ", {} threads", self.threads)
    }
}

/// The file stays open, because there may be no descriptor for it later.
fn line_of_status(name: &str) -> usize {
    static STATUS: OnceLock<File> = OnceLock::new();
    let status = STATUS.get_or_init(|| File::open("/proc/self/status").expect("Linux has it"));
    let mut text = [0; 4096];
    let length = status.read_at(&mut text, 0).expect("it can be read");
    let text = String::from_utf8_lossy(&text[..length]);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("the line has a number")
}

/// Waits for the threads of pools that are gone. They end by themselves, a moment later.
pub(crate) fn settle() {
    let begin = Instant::now();
    while line_of_status("Threads:") > 1 && begin.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(1));
    }
}
