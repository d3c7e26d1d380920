//! Why we lose where we lose, as far as it is known. The report prints what stands here for a row that is lost, and only then;
//! for most rows nothing stands here.

use std::fmt;

/// What lost rows have in common, and the reason.
pub struct Why {
    /// What the report calls these rows.
    pub topic: &'static str,
    /// It would explain the difference, but nobody has measured that it does.
    is_likely: bool,
    reason: &'static str,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_likely {
            f.write_str("*Likely, but not measured:* ")?;
        }
        f.write_str(self.reason)
    }
}

/// The code says so, or another figure of the report does.
const fn shown(topic: &'static str, reason: &'static str) -> Option<Why> {
    Some(Why {
        topic,
        is_likely: false,
        reason,
    })
}

const fn likely(topic: &'static str, reason: &'static str) -> Option<Why> {
    Some(Why {
        topic,
        is_likely: true,
        reason,
    })
}

pub fn why(row: &str, metric: &str, rival: &str) -> Option<Why> {
    if rival.starts_with("mio") && row.starts_with("fire_") {
        return shown(
            "Crowds of timers beside a bare loop",
            "The bare loop has a sorted list, one alarm and no tasks, and sleeps as often as ours. Its longest stall is like ours: of some \
             thousand sleeps, one ends a millisecond late. What lies between is a timer's way through the wheel, and its task.",
        );
    }
    if rival.starts_with("mio") {
        return shown(
            "Beside a bare loop",
            "A bare loop on mio has no tasks, and is the limit. Above the kernel an echo takes 190 instructions there, 700 here and 1,090 in \
             tokio (callgrind): a task is woken, stands in line, and is polled. `cargo bench --bench counters -- --floor` counts what each \
             promise of a loop costs at least.",
        );
    }
    of_tasks(row, rival)
        .or_else(|| of_timers(row, metric))
        .or_else(|| of_sockets(row, rival))
}

fn of_tasks(row: &str, rival: &str) -> Option<Why> {
    match row {
        "spawn_64" | "spawn_16k" | "spawn_batch_16k" if rival == "glommio" => shown(
            "Spawning a future that is ready at once",
            "glommio polls a task inside the call that spawns it, and so never queues it. Our task waits for its turn: two polls and a wake.",
        ),
        "spawn_16k" | "spawn_batch_16k" | "spawn_chain_16k" => likely(
            "Spawning a future of 16 KiB",
            "every runtime copies the future into its cell, which takes nearly all of the time.",
        ),
        "foreign_parked" if rival == "futures LocalPool" => shown(
            "A wake from a thread, the loop parked",
            "LocalPool has no sockets to wait for, and sleeps on a futex. A loop with sockets is woken through a descriptor: two system \
             calls a wake, a write and a wait.",
        ),
        "foreign_parked" => shown(
            "A wake from a thread, the loop parked",
            "A wake takes two system calls, a write and a wait, and no runtime with sockets makes fewer. The rest is the waking of a processor.",
        ),
        "offload_turn" => shown(
            "A call on the pool",
            "The loop sleeps meanwhile, and nearly all of the time is the processor's waking up: the row beside it has all on one.",
        ),
        "bytes_task" => shown(
            "Bytes of a parked task",
            "A task has a place in the table, with the room that the table keeps for growing, and a cell with its spawn location.",
        ),
        "loop" => shown(
            "Making a loop",
            "A loop has two descriptors from its beginning: the poller and the inbox's bell. smol shares one poller, with a thread of its \
             own, among all loops of the process, and LocalPool has none.",
        ),
        _ => None,
    }
}

fn of_timers(row: &str, metric: &str) -> Option<Why> {
    match (row, metric) {
        ("timer_64" | "timer_4096" | "timer_100k" | "timer_1m", _) => shown(
            "Arming and cancelling a timer",
            "Every runtime reads the clock for each timer: 25 ns, and 5 for the arithmetic of the deadline, which together are more than \
             half of our figure. The row with the clock apart shows the rest.",
        ),
        ("timers_bulk", _) => shown(
            "Arming and cancelling many timers",
            "Without any timer the row would still read the clock, and allocate and free the timer's box: 25 ns and 45 ns by themselves, \
             which overlap.",
        ),
        ("guard_ready", _) => shown(
            "A time-out around a ready body",
            "Our time-out counts from before the first poll of its body, so it reads the clock even if the body is ready at once: 20 ns. \
             smol's makes its timer when the body first has to wait, so the time of the first poll does not count.",
        ),
        ("fire_100k", "cpu") => shown(
            "Processor time of timers that fire",
            "Half of it is the kernel's: a bare loop's sleep takes 20 µs of processor time, and a punctual loop sleeps six times in a \
             millisecond. A loop that sleeps once in that time takes less, and fires its timers late.",
        ),
        ("fire_100k" | "fire_1m", _) => shown(
            "Crowds of timers that fire",
            "They fire 2 µs apart, or 1 µs. A runtime that takes as much processor time for each of them never goes to sleep, and so is \
             never woken late. The bare loop, which sleeps as often as ours, has stalls like ours. With a `timer_slack` of zero our loop \
             stays awake too: `cargo bench --bench slack` has the curve between the two.",
        ),
        ("sleep_50us" | "sleep_100us" | "sleep_1ms" | "sleep_10ms", "cpu") => shown(
            "Processor time of sleeps",
            "The bare loop takes nearly as much. A sleep is two system calls, to set an alarm and to wait (strace). monoio makes one, with \
             the time-out of `epoll_wait`, and is a millisecond late: in a loop of nothing else, that takes 1 to 3 µs less. \
             `epoll_pwait2` takes nanoseconds, but saves 1 µs and is 50 µs late, by the slack that Linux gives to a thread's time-outs.",
        ),
        ("sleep_50us" | "sleep_100us" | "sleep_1ms" | "sleep_10ms", _) => shown(
            "Sleeps",
            "All but a few microseconds are the kernel's: the bare loop, which sets an alarm and waits for it, is late by nearly as much.",
        ),
        _ => None,
    }
}

fn of_sockets(row: &str, rival: &str) -> Option<Why> {
    match row {
        "echo_1" | "echo_50" | "echo_1000" | "echo_10k" | "pipelined" | "pipelined_whole"
            if rival == "monoio io_uring" =>
        {
            shown(
                "Echoes beside io_uring",
                "io_uring takes the reads and writes of many connections in one system call. Our loop makes two for each request that is \
                 read and answered by itself.",
            )
        }
        "pipelined" => shown(
            "Pipelined requests that are answered one by one",
            "A read and a write for each request are two system calls, the bare loop's too. With `BufReader` and `BufWriter` sixteen \
             requests share them: see the row with buffers.",
        ),
        "echo_busy" => shown(
            "Echoes beside a busy task",
            "The echoes share their processor with the busy task, which gets more done here: the last line of the row counts the timers \
             that it replaces.",
        ),
        "wait_busy" if rival.starts_with("tokio") => shown(
            "A socket's wait beside a task that yields",
            "The loop looks at its sockets after as many polls as take 25 µs, which are two here. tokio looks each time the task yields, \
             so that a yield takes a system call: see the row of one task that yields.",
        ),
        "wait_posts" | "wait_offload" => likely(
            "A socket's wait beside other threads",
            "a thread that posts a call, or takes a job, holds a lock for a few nanoseconds. If the system takes the processor from the \
             thread just then, the loop waits as long.",
        ),
        "hello" => shown(
            "HTTP by hyper",
            "Nearly all of it is the same here and there: a read and a write for each request, hyper and the allocator. Of the \
             instructions above the kernel 20 in a hundred are ours, and 19 are tokio's (callgrind).",
        ),
        "upload" => shown(
            "hyper takes 1 MiB",
            "hyper's buffer is not initialised. Without `unsafe` code only a copy can fill it, so what comes from the socket is copied \
             once more than in tokio.",
        ),
        "cores" => shown(
            "Two processors beside tokio's multi-thread runtime",
            "The client wants one of the two processors. While it has a loop's processor, the connections of that loop wait, until \
             the kernel's next tick at worst: 4 ms. tokio's other worker takes them over. The bare loops wait as long, and sleep and wake \
             as often, which is most of the rest: 0.2 times for each request, for some 6 µs each time. Connections dealt out in turn, and \
             loops that are bound to their processors, fare no better. One loop takes less than two: see the row of one thread.",
        ),
        _ => None,
    }
}
