//! Does anything pile up, get lost, or stay behind in ten minutes in which most things go wrong?
//!
//! ```text
//! cargo bench --bench soak                   # ten minutes
//! cargo bench --bench soak -- --seconds 60
//! ```
//!
//! One loop serves echoes over TCP, Unix sockets and UDP, beside timers, jobs on the pool (some abandoned, some that panic),
//! posts and spawns from threads, task groups that fail and are cancelled, channels, and tasks that panic. It meets:
//!
//! - clients that are other processes, and are killed in the middle of their requests, sixty connections at a time;
//! - clients that hang up with a reset;
//! - a limit of descriptors so low that `accept` fails whenever the doomed clients come;
//! - one patient client, which must still get an answer to each of its requests.
//!
//! In the end the counts must add up, and the process must have as many descriptors, threads and bytes as before. A line
//! every ten seconds shows the counts. The last line and the exit code are the verdict.
//!
//! *What would prove us wrong:* memory that grows after the first minute, a request without an answer, a descriptor too many.
//! Memory is counted twice: the bytes that the allocator has given out, and the bytes that are resident. The resident bytes may
//! grow by a tenth or by four megabytes, because an allocator does not give everything back.

mod soak {
    pub(crate) mod clients;
    pub(crate) mod load;
    pub(crate) mod vitals;
}

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use roundelay::EventLoop;
use soak::load::Counts;
use soak::vitals::{Vitals, settle};
use soak::{clients, load};

/// How many descriptors the loop may add to those of the process. The doomed clients ask for far more.
const DESCRIPTORS: u64 = 48;
/// The bytes that an allocator does not give back, and that a table keeps until the loop has rested for a while.
const RESIDENT_MARGIN: usize = 4 << 20;
const LIVE_MARGIN: usize = 64 << 10;
/// How far the bytes given out vary under an even load: with the number of connections, and with the posts from threads that
/// wait in the inbox. In ten minutes they were between 242 and 421 KiB, in the last minute as in the first.
const LOAD_MARGIN: usize = 256 << 10;

fn main() -> ExitCode {
    let mut seconds = 600;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            clients::PATIENT => return clients::patient(arguments),
            clients::DOOMED => return clients::doomed(arguments),
            "--seconds" => match arguments.next().map(|number| number.parse()) {
                Some(Ok(number)) => seconds = number,
                _ => return usage(),
            },
            "--bench" => {}
            _ => return usage(),
        }
    }
    // `cargo test --all-targets` starts benches too, without this argument.
    if !env::args().any(|argument| argument == "--bench") {
        println!("soaks only in `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match soak(Duration::from_secs(seconds)) {
        Ok(problems) if problems.is_empty() => {
            println!("soak: everything adds up, and nothing is left");
            ExitCode::SUCCESS
        }
        Ok(problems) => {
            println!("soak: FAILED\n  {}", problems.join("\n  "));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("soak: FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo bench --bench soak [-- --seconds N]");
    ExitCode::FAILURE
}

/// Returns the problems, or an empty list.
fn soak(time: Duration) -> Result<Vec<String>, Box<dyn Error>> {
    load::hush();
    // The first loop and the first job make what a process makes only once.
    roundelay::run(async { roundelay::offload(|| ()).await })?;
    settle();
    let before = Vitals::now();
    let limits = rlimit::Resource::NOFILE.get()?;
    let limit = before.descriptors.expect("one to count with") as u64 + DESCRIPTORS;
    rlimit::Resource::NOFILE.set(limit, limits.1)?;
    println!("soak: {time:?} with {limit} descriptors; at the start {before}");

    let counts = Rc::new(Counts::default());
    let mut event_loop = EventLoop::builder().name("soak").build()?;
    let remote = event_loop.remote();
    let outcome = event_loop.run(load::everything(time, Rc::clone(&counts), remote))?;
    let tasks = event_loop.tasks();
    drop(event_loop);
    settle();
    rlimit::Resource::NOFILE.set(limits.0, limits.1)?;

    let after = Vitals::now();
    println!("soak: {counts}\nsoak: {outcome}\nsoak: at the end {after}");
    let mut problems = counts.problems();
    problems.extend(outcome.problems());
    let mut check = |holds: bool, what: String| {
        if !holds {
            problems.push(what);
        }
    };
    check(tasks.is_empty(), format!("tasks are left: {tasks:?}"));
    check(
        after.descriptors == before.descriptors,
        format!(
            "descriptors: {:?} before and {:?} after",
            before.descriptors, after.descriptors
        ),
    );
    check(
        after.threads == before.threads,
        format!(
            "{} threads before and {} after",
            before.threads, after.threads
        ),
    );
    check(
        after.live <= before.live + LIVE_MARGIN,
        format!("{} bytes before and {} after", before.live, after.live),
    );
    let (warm, last) = (&outcome.warm, &outcome.last);
    let allowed = warm.resident + RESIDENT_MARGIN.max(warm.resident / 10);
    check(
        last.live <= warm.live + LOAD_MARGIN,
        format!(
            "{} bytes live after warming up, and {} at the end, under the same load",
            warm.live, last.live
        ),
    );
    check(
        last.resident <= allowed,
        format!(
            "{} bytes resident after warming up, and {} at the end, under the same load",
            warm.resident, last.resident
        ),
    );
    Ok(problems)
}
