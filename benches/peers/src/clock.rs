//! Time on the processor, and where a process may run.

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

/// The processor time of a whole process: of all its threads, in user and kernel mode.
pub fn cpu_of(process: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: `clock` may be written to.
    match unsafe { libc::clock_getcpuclockid(process as libc::pid_t, &mut clock) } {
        0 => read(clock),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The processor time of this process.
pub fn cpu() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID).expect("the system knows the time of its processes")
}

/// Nanoseconds on the clock that all processes share.
pub fn monotonic() -> u64 {
    let time = read(libc::CLOCK_MONOTONIC).expect("the system has a clock");
    time.as_nanos() as u64
}

fn read(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` may be written to.
    match unsafe { libc::clock_gettime(clock, &mut time) } {
        0 => Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Keeps this thread, and the threads that it starts from now on, on one processor, if there is such a processor.
///
/// Counts the processors of the machine, and not those that this thread may use: a client inherits its server's one
/// processor.
pub fn pin_to(processor: usize) {
    // SAFETY: the call only returns a number.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    if processor as libc::c_long >= count {
        return;
    }
    // SAFETY: the type is a set of bits, and all zeros is a valid value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `processor` is far below the number of bits.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the call gets the size of `set`.
    let code = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
    if code != 0 {
        eprintln!(
            "cannot stay on processor {processor}: {}",
            io::Error::last_os_error()
        );
    }
}

/// Puts this process, and those that it starts, before the other programs of the machine, if the system allows it.
///
/// It is not a real-time process: Linux takes the processor away from such a process for 50 ms of each second. A nice value counts
/// only among the processes of one session, so the process gets a new session with a nice value of its own.
pub fn come_first() {
    // SAFETY: the call takes no arguments.
    unsafe { libc::setsid() };
    // On a system without this file, nice values count among all processes, and the next call is enough.
    let _ = std::fs::write("/proc/self/autogroup", "-20");
    // SAFETY: the call takes numbers only. Zero stands for the thread that calls.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
}

/// Keeps this thread on the client's processor. It runs there only while the client has nothing to do.
pub fn keep_away() {
    thread_local! {
        static IS_AWAY: Cell<bool> = const { Cell::new(false) };
    }
    if IS_AWAY.replace(true) {
        return;
    }
    pin_to(1);
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: `parameters` may be read.
    let code = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) };
    if code != 0 {
        eprintln!("cannot stand back: {}", io::Error::last_os_error());
    }
}

/// How fast this processor is at this moment: nanoseconds for a piece of work like that of all peers. The work is a ring, a
/// table and a few branches, at four and more instructions a cycle.
///
/// A virtual machine shares the units of a processor with another virtual machine. While the other is busy too, work of this
/// kind takes a third longer, and a loop's yields take half as long again, for seconds at a time. Work that waits for memory,
/// or for its own last result, takes hardly longer. So the ratios are wrong as well.
pub fn pace() -> f64 {
    let mut best = f64::MAX;
    let mut ring: VecDeque<usize> = (0..16).collect();
    let mut table = [0_u64; 16];
    for _ in 0..8 {
        let start = Instant::now();
        for _ in 0..10_000 {
            let place = ring.pop_front().expect("sixteen are in it");
            table[place] = table[place].wrapping_mul(3).wrapping_add(1);
            if black_box(table[place]) == 0 {
                ring.clear();
            }
            ring.push_back(black_box(place));
        }
        best = best.min(start.elapsed().as_nanos() as f64);
    }
    black_box(table);
    best
}

/// The memory that this process has in use, in bytes.
pub fn resident() -> usize {
    let fields = std::fs::read_to_string("/proc/self/statm").expect("the system shows memory");
    let pages = fields
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    // SAFETY: the call only returns a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    pages.expect("a number of pages") * page
}
